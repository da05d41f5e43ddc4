/* CRLs between disk and refresher: offered, judged in slices, and kept. */
#include "staple_lists.h"

#include <apr_strings.h>
#include <http_log.h>
#include <sys/stat.h>

#include "base/staple_clock.h"
#include "crl/staple_crl.h"
#include "httpd/config/staple_config.h"
#include "io/staple_list_store.h"
#include "staple_store_writer.h"

/* What is judged in one go, a fraction of a millisecond's work, and how long
 * the thread rests after it: handshakes find a processor, and a long list takes
 * a second more. */
#define SLICE ((apr_size_t)1 << 17)
#define REST apr_time_from_msec(2)

/* How often files are looked at. */
#define FILES_INTERVAL apr_time_from_sec(2)

/* From where the list comes that is being judged. */
typedef enum { FROM_NOWHERE, FROM_STORE, FROM_FILE, FROM_ANSWER } from_e;

/* An exchange whose answer waits to be judged. */
typedef struct waiting_t {
    staple_exchange_t *exchange;
    staple_answer_t answer;
} waiting_t;

/* OCSPStapleCRLFile, as it was when it was read last. */
typedef struct seen_t {
    apr_time_t modified_at;
    apr_int64_t size;
    apr_uint64_t inode;
    int is_missing; /* and that was told */
} seen_t;

struct staple_lists_t {
    staple_generation_t *generation;
    staple_refresh_t *refresh;
    const staple_refresh_list_t *lists;
    apr_uint32_t count;
    apr_size_t max_len;
    apr_uint32_t next_stored; /* list and part to be read from the store */
    seen_t *seen;             /* by list, of those that are files */
    apr_uint32_t next_file;
    apr_time_t files_at;
    waiting_t *waiting; /* a ring */
    unsigned room, first, waiting_count;
    /* being judged */
    apr_time_t sliced_at; /* when it was gone on with last; 0: not yet */
    from_e from;
    apr_uint32_t list;
    staple_stored_list_t came;
    staple_spool_t *spool;
    int is_copying;     /* a file is read; then it is judged */
    unsigned char *der; /* of PEM; NULL: it was DER */
    waiting_t answer;
    char url[STAPLE_MAX_URL + 1]; /* of what was stored */
};

/* ---- what waits, and its end ---- */

static void forget(staple_lists_t *lists)
{
    staple_spool_drop(lists->spool);
    OPENSSL_free(lists->der);
    lists->spool = NULL;
    lists->der = NULL;
    lists->from = FROM_NOWHERE;
    lists->is_copying = 0;
    lists->sliced_at = 0;
}

static apr_status_t lists_cleanup(void *data)
{
    staple_lists_t *lists = data;

    forget(lists);
    for (; lists->waiting_count > 0; lists->waiting_count--) {
        staple_spool_drop(lists->waiting[lists->first].answer.spool);
        lists->first = (lists->first + 1) % lists->room;
    }
    return APR_SUCCESS;
}

staple_lists_t *staple_lists_make(apr_pool_t *p,
                                  staple_generation_t *generation,
                                  staple_refresh_t *refresh,
                                  unsigned concurrency)
{
    staple_lists_t *lists = apr_pcalloc(p, sizeof(*lists));

    lists->generation = generation;
    lists->refresh = refresh;
    lists->lists = staple_generation_lists(&lists->count, generation);
    lists->max_len = (apr_size_t)staple_config_value(generation->main_server,
                                                     STAPLE_SET_CRL_MAX_SIZE);
    lists->seen = apr_pcalloc(p, (lists->count + 1) * sizeof(*lists->seen));
    lists->room = concurrency;
    lists->waiting = apr_pcalloc(p, concurrency * sizeof(*lists->waiting));
    apr_pool_cleanup_register(p, lists, lists_cleanup, apr_pool_cleanup_null);
    return lists;
}

void staple_lists_take(staple_lists_t *lists, staple_exchange_t *exchange,
                       const staple_answer_t *answer)
{
    waiting_t *waiting =
        &lists->waiting[(lists->first + lists->waiting_count) % lists->room];

    waiting->exchange = exchange;
    waiting->answer = *answer;
    waiting->answer.detail = ""; /* there is no failure */
    lists->waiting_count++;
}

/* ---- answers ---- */

static void begin_answer(staple_lists_t *lists, apr_time_t now)
{
    const staple_answer_t *answer;

    lists->answer = lists->waiting[lists->first];
    lists->first = (lists->first + 1) % lists->room;
    lists->waiting_count--;
    answer = &lists->answer.answer;
    lists->from = FROM_ANSWER;
    lists->spool = answer->spool;
    lists->came = (staple_stored_list_t){.der = answer->der,
                                         .der_len = answer->der_len,
                                         .came_at = now,
                                         .url = lists->answer.exchange->url,
                                         .validators = answer->validators};
    staple_refresh_is_list(&lists->list, &lists->came.part, lists->refresh,
                           lists->answer.exchange);
}

static void end_answer(staple_lists_t *lists, staple_reason_e reason,
                       apr_time_t now)
{
    char name[STAPLE_LIST_STORE_NAME];

    if (reason == STAPLE_OK && lists->generation->store != NULL) {
        staple_list_store_name(name, &lists->lists[lists->list],
                               lists->came.part);
        staple_store_writer_keep(lists->generation, lists->spool, &lists->came,
                                 name);
        lists->spool = NULL;
    }
    staple_refresh_done(lists->refresh, lists->answer.exchange,
                        &lists->answer.answer, now);
}

/* ---- the store ---- */

/* Opens the next one that there is, of the list whose turn it is.  Returns 1
 * where there is something to judge. */
static int begin_stored(staple_lists_t *lists, apr_time_t now)
{
    char name[STAPLE_LIST_STORE_NAME];

    while (lists->next_stored < STAPLE_PARTS * lists->count) {
        staple_part_e part =
            (staple_part_e)(lists->next_stored % STAPLE_PARTS);

        lists->list = lists->next_stored / STAPLE_PARTS;
        if (part == STAPLE_PART_BASE && lists->list > 0) {
            staple_refresh_start_list(lists->refresh, lists->list - 1, now);
        }
        lists->next_stored++;
        if (lists->lists[lists->list].urls == NULL
            || lists->generation->store == NULL) {
            continue;
        }
        staple_list_store_name(name, &lists->lists[lists->list], part);
        if (staple_list_store_read(&lists->spool, &lists->came, lists->url,
                                   lists->generation->store, name,
                                   lists->max_len)
            == APR_SUCCESS) {
            lists->came.part = part;
            lists->from = FROM_STORE;
            return 1;
        }
    }
    if (lists->next_stored == STAPLE_PARTS * lists->count
        && lists->count > 0) {
        lists->next_stored++;
        staple_refresh_start_list(lists->refresh, lists->count - 1, now);
    }
    return 0;
}

/* Nothing is wrong with the file: it was right when it was kept. */
static int is_honest(staple_reason_e reason)
{
    return reason == STAPLE_CRL_EXPIRED || reason == STAPLE_CRL_NOT_YET_VALID
           || reason == STAPLE_CRL_SIGNER_EXPIRED || reason == STAPLE_NO_MEMORY
           || reason == STAPLE_NOT_FOUND;
}

static void end_stored(staple_lists_t *lists, staple_reason_e reason,
                       apr_time_t now)
{
    const char *dir = lists->generation->store;
    char name[STAPLE_LIST_STORE_NAME];

    if (reason == STAPLE_OK) {
        staple_refresh_offer_list(lists->refresh, lists->list, &lists->came,
                                  now);
    }
    else if (!is_honest(reason)) {
        staple_list_store_name(name, &lists->lists[lists->list],
                               lists->came.part);
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0,
                     lists->generation->main_server,
                     STAPLE_LOGNO(0148)
                     "OCSPStapleStore %s: the CRL %s (of %s) is not used: %s; "
                     "%s",
                     dir, name, lists->lists[lists->list].urls[0],
                     staple_reason_sentence(reason),
                     staple_list_store_set_aside(dir, name) == APR_SUCCESS
                         ? "set aside as .bad"
                         : "it could not be set aside");
    }
}

/* ---- OCSPStapleCRLFile ---- */

/* Did it change since it was read last?  *status: why it is not there. */
static int has_changed(apr_status_t *status, seen_t *seen, const char *path)
{
    struct stat info;
    seen_t now = {.is_missing = 0};

    *status = stat(path, &info) == 0 ? APR_SUCCESS : errno;
    if (*status != APR_SUCCESS) {
        now.is_missing = 1;
    }
    else {
        now.modified_at = apr_time_from_sec(info.st_mtim.tv_sec)
                          + info.st_mtim.tv_nsec / 1000;
        now.size = info.st_size;
        now.inode = info.st_ino;
    }
    if (now.is_missing == seen->is_missing
        && now.modified_at == seen->modified_at && now.size == seen->size
        && now.inode == seen->inode) {
        return 0;
    }
    *seen = now;
    return 1;
}

static void refuse_file(staple_lists_t *lists, staple_reason_e reason,
                        apr_status_t status, apr_time_t now)
{
    const char *path = lists->lists[lists->list].file;
    char detail[STAPLE_RECORD_DETAIL];

    ap_log_error(APLOG_MARK, APLOG_WARNING, status,
                 lists->generation->main_server,
                 STAPLE_LOGNO(0149)
                 "OCSPStapleCRLFile %s is not used: %s", path,
                 staple_reason_sentence(reason));
    apr_snprintf(detail, sizeof(detail), "OCSPStapleCRLFile %s", path);
    staple_refresh_refuse_list(lists->refresh, lists->list, reason, detail,
                               now);
}

/* A file cannot be read, or is too long. */
static void give_file_up(staple_lists_t *lists, apr_status_t status,
                         apr_time_t now)
{
    refuse_file(lists,
                status == EFBIG ? STAPLE_TOO_LARGE : STAPLE_FILE_UNREADABLE,
                status, now);
    forget(lists);
}

/* Begins to read it where it changed.  Returns 1 where there is something to
 * go on with. */
static int begin_file(staple_lists_t *lists, apr_time_t now)
{
    const char *path = lists->lists[lists->list].file;
    apr_status_t status;

    if (!has_changed(&status, &lists->seen[lists->list], path)) {
        return 0;
    }
    if (status == APR_SUCCESS) {
        status =
            staple_spool_begin_copy(&lists->spool, path, lists->max_len);
    }
    if (status != APR_SUCCESS) {
        give_file_up(lists, status, now);
        return 0;
    }
    lists->from = FROM_FILE;
    lists->is_copying = 1;
    return 1;
}

/* Reads on; when all of it is there, it can be judged, PEM or DER. */
static void copy_file(staple_lists_t *lists, apr_time_t now)
{
    apr_status_t status = staple_spool_copy(lists->spool, SLICE);

    if (status == EAGAIN) {
        return;
    }
    lists->is_copying = 0;
    lists->came = (staple_stored_list_t){.came_at = now};
    if (status == APR_SUCCESS) {
        status = staple_spool_map(&lists->came.der, &lists->came.der_len,
                                  lists->spool);
    }
    if (status != APR_SUCCESS) {
        give_file_up(lists, status, now);
        return;
    }
    lists->der = staple_crl_from_pem(&lists->came.der_len, lists->came.der,
                                     lists->came.der_len);
    if (lists->der != NULL) {
        lists->came.der = lists->der;
    }
}

/* The next file of this look that changed. */
static int begin_next_file(staple_lists_t *lists, apr_time_t now)
{
    if (lists->next_file >= lists->count
        && staple_clock_is_over(lists->files_at, FILES_INTERVAL, now)) {
        lists->files_at = now;
        lists->next_file = 0;
    }
    while (lists->next_file < lists->count) {
        lists->list = lists->next_file++;
        if (lists->lists[lists->list].file != NULL && begin_file(lists, now)) {
            return 1;
        }
    }
    return 0;
}

static void end_file(staple_lists_t *lists, staple_reason_e reason,
                     apr_time_t now)
{
    if (reason == STAPLE_OK) {
        staple_refresh_offer_list(lists->refresh, lists->list, &lists->came,
                                  now);
    }
    else {
        refuse_file(lists, reason, APR_SUCCESS, now);
    }
}

/* ---- all of them ---- */

static int begin_next(staple_lists_t *lists, apr_time_t now)
{
    if (lists->waiting_count > 0) {
        begin_answer(lists, now);
        return 1;
    }
    return begin_stored(lists, now) || begin_next_file(lists, now);
}

static void end(staple_lists_t *lists, staple_reason_e reason, apr_time_t now)
{
    switch (lists->from) {
    case FROM_STORE:
        end_stored(lists, reason, now);
        break;
    case FROM_FILE:
        end_file(lists, reason, now);
        break;
    case FROM_ANSWER:
        end_answer(lists, reason, now);
        break;
    case FROM_NOWHERE:
        break;
    }
    forget(lists);
}

/* One slice.  Returns 1: the list needs more of them. */
static int go_on(staple_lists_t *lists, apr_time_t now)
{
    staple_reason_e reason;

    if (lists->is_copying) {
        copy_file(lists, now);
        return lists->from != FROM_NOWHERE;
    }
    if (staple_refresh_judge(&reason, lists->refresh, lists->list, &lists->came,
                             SLICE, now)) {
        return 1;
    }
    end(lists, reason, now);
    return 0;
}

apr_interval_time_t staple_lists_step(staple_lists_t *lists, apr_time_t now)
{
    if (lists->from == FROM_NOWHERE && !begin_next(lists, now)) {
        return STAPLE_LISTS_IDLE;
    }
    if (staple_clock_is_over(lists->sliced_at, REST, now)) {
        if (!go_on(lists, now)) {
            return 0;
        }
        lists->sliced_at = now;
    }
    return REST;
}

void staple_lists_show(const staple_lists_t *lists)
{
    staple_list_row_t row;
    apr_uint32_t i;

    for (i = 0; i < lists->count; i++) {
        staple_refresh_show_list(&row, lists->refresh, i);
        staple_list_board_put(lists->generation->list_board, i, &row);
    }
}
