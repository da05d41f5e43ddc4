/* The thread that writes to the store what changed in the cache. */
#include "staple_store_writer.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/staple_clock.h"
#include "base/staple_pool.h"
#include "refresh/staple_schedule.h"
#include "io/staple_list_store.h"
#include "io/staple_store.h"
#include "staple_store_reader.h"
#include "staple_threads.h"

/* How often there is a round: it writes what is due. */
#define PAUSE apr_time_from_sec(1)

/* Records without a new staple that are written per round, at most. */
#define RECORDS 50

/* How long it goes on when it is to end, and how long others wait for that. */
#define LAST_ROUND apr_time_from_msec(800)
#define LAST_WAIT apr_time_from_msec(1200)

/* From one try after an error to the next. */
#define RETRY_FIRST apr_time_from_sec(1)
#define RETRY_LAST apr_time_from_sec(60)

/* What is known of responders is written no more often than this: one that
 * goes up and down must not wear out the disk. */
#define KNOWN_PAUSE apr_time_from_sec(60)

#define SWEEP apr_time_from_sec(86400)

/* A list to be kept. */
typedef struct kept_t {
    struct kept_t *next;
    staple_spool_t *spool;
    staple_stored_list_t came; /* but its bytes */
    char name[STAPLE_LIST_STORE_NAME];
    char url[STAPLE_MAX_URL + 1];
} kept_t;

/* What belongs to others (generation, cache, log) the thread touches between
 * enter and leave only, never in a system call on the store. */
typedef struct staple_store_writer_t {
    staple_threads_t threads; /* one */
    const staple_generation_t *generation;
    kept_t *kept; /* for who is in */
    /* the thread only */
    const char *path;
    apr_uint32_t count;
    unsigned char (*known)[32]; /* SHA-256 of all certificates, in order */
    staple_store_t store;
    apr_uint32_t next; /* where the last round ended */
    unsigned failures; /* in a row */
    apr_time_t failed_at;
    apr_interval_time_t retry_after;
    apr_time_t swept_at;
    apr_uint64_t known_sequence; /* as written last */
    apr_uint64_t known_token; /* of the store that was written to */
    apr_time_t known_at;      /* when it was written */
    /* room, which takes no memory until it is needed: not cleared */
    staple_known_row_t rows[STAPLE_KNOWN_MAX];
    unsigned char bytes[STAPLE_KNOWN_BYTES];
    unsigned char der[STAPLE_MAX_RESPONSE];
    unsigned char stored[STAPLE_CODEC_MAX];
} staple_store_writer_t;

/* ---- trouble ---- */

static void failed(staple_store_writer_t *writer, apr_status_t status,
                   const char *why)
{
    staple_threads_enter(&writer->threads);
    if (staple_dirty_is_news(writer->generation->dirty, 0)) {
        staple_store_reader_complain(writer->generation, status, why);
    }
    staple_threads_leave(&writer->threads);
    writer->failed_at = apr_time_now();
    writer->retry_after = staple_schedule_back_off(RETRY_FIRST, RETRY_LAST,
                                                   writer->failures);
    writer->failures++;
}

static void succeeded(staple_store_writer_t *writer)
{
    staple_threads_enter(&writer->threads);
    if (staple_dirty_is_news(writer->generation->dirty, 1)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0,
                     writer->generation->main_server,
                     STAPLE_LOGNO(0094)
                     "OCSPStapleStore %s: writing works again", writer->path);
    }
    staple_threads_leave(&writer->threads);
    writer->failures = 0;
}

/* ---- one certificate ---- */

/* Copies what is to be written of certificate `index` to writer->stored, and
 * its stamp.  0: nothing is. */
static apr_size_t take(staple_store_writer_t *writer, staple_stamp_t *stamp,
                       apr_uint32_t index, unsigned *records)
{
    const staple_generation_t *generation = writer->generation;
    const staple_cert_t *cert =
        staple_generation_entry(generation, index)->cert;
    apr_size_t len = sizeof(writer->der);
    staple_dirty_due_e due;
    staple_record_t record;

    if (!staple_cache_stamp(stamp, generation->cache, &cert->key)) {
        return 0;
    }
    due = staple_dirty_due(generation->dirty, index, stamp, apr_time_now());
    if (due == STAPLE_DIRTY_STORED
        || (!writer->threads.is_ending
            && (due == STAPLE_DIRTY_TOO_SOON
                || (due == STAPLE_DIRTY_RECORD && *records == 0)))) {
        return 0;
    }
    *records -= due == STAPLE_DIRTY_RECORD && *records > 0;
    if (!staple_cache_snapshot(stamp, &record, writer->der, &len,
                               generation->cache, &cert->key)
        || (len == 0 && record.attempted_at == 0)) {
        return 0;
    }
    return staple_codec_encode(writer->stored, cert->sha256, &record,
                                writer->der, len);
}

/* Writes one certificate, if that is due.  Returns 1 if it wrote it, 0 if not,
 * -1 where that failed. */
static int save(staple_store_writer_t *writer, apr_uint32_t index,
                unsigned *records)
{
    unsigned char sha256[32];
    staple_stamp_t stamp;
    apr_status_t status;
    apr_size_t len;

    staple_threads_enter(&writer->threads);
    len = take(writer, &stamp, index, records);
    memcpy(sha256,
           staple_generation_entry(writer->generation, index)->cert->sha256,
           sizeof(sha256));
    staple_threads_leave(&writer->threads);
    if (len == 0) {
        return 0;
    }
    status = staple_store_write(&writer->store, sha256, writer->stored, len);
    if (status != APR_SUCCESS) {
        failed(writer, status, NULL);
        return -1;
    }
    staple_threads_enter(&writer->threads);
    staple_dirty_note(writer->generation->dirty, index, &stamp, apr_time_now());
    staple_threads_leave(&writer->threads);
    return 1;
}

/* ---- all of them ---- */

/* Writes what is due; for LAST_ROUND at most, if this round is the last one and
 * began at `last_at`. */
static void save_all(staple_store_writer_t *writer, apr_time_t last_at)
{
    unsigned records = RECORDS;
    apr_status_t status;
    apr_uint32_t i;
    int saved = 0, result = 0;

    for (i = 0; i < writer->count && result >= 0; i++) {
        /* In turn, so that a limit never leaves out the same ones. */
        if (writer->next >= writer->count) {
            writer->next = 0;
        }
        result = save(writer, writer->next++, &records);
        saved += result > 0;
        if (last_at != 0
            && staple_clock_is_over(last_at, LAST_ROUND, apr_time_now())) {
            break;
        }
    }
    if (saved == 0) {
        return;
    }
    status = staple_store_sync(&writer->store);
    if (status != APR_SUCCESS) {
        failed(writer, status, NULL);
    }
    else if (result >= 0) {
        succeeded(writer);
    }
}

/* Writes what is known of responders, where that is new and it is time, with
 * what others have written there. */
static void save_known(staple_store_writer_t *writer, int is_last)
{
    apr_time_t now = apr_time_now();
    apr_uint64_t sequence;
    apr_uint32_t count = 0;
    apr_status_t status;
    apr_size_t len;
    const char *why;
    int is_due;

    staple_threads_enter(&writer->threads);
    sequence = staple_known_sequence(writer->generation->known);
    is_due = sequence != 0
             && (sequence != writer->known_sequence
                 || writer->known_token != writer->store.token)
             && (is_last
                 || staple_clock_is_over(writer->known_at, KNOWN_PAUSE, now));
    if (is_due) {
        count = staple_known_get(writer->rows, writer->generation->known);
    }
    staple_threads_leave(&writer->threads);
    if (!is_due) {
        return;
    }
    if (staple_store_read(writer->bytes, &len, &why, &writer->store, NULL)
        == APR_SUCCESS) {
        count =
            staple_known_merge(writer->rows, count, writer->bytes, len, now);
    }
    len = staple_known_encode(writer->bytes, writer->rows, count);
    status = staple_store_write(&writer->store, NULL, writer->bytes, len);
    if (status == APR_SUCCESS) {
        status = staple_store_sync(&writer->store);
    }
    if (status != APR_SUCCESS) {
        failed(writer, status, NULL);
        return;
    }
    writer->known_sequence = sequence;
    writer->known_token = writer->store.token;
    writer->known_at = now;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static int is_list_known(void *baton, const char *name);

static int is_known(void *baton, const unsigned char sha256[32])
{
    const staple_store_writer_t *writer = baton;

    return bsearch(sha256, writer->known, writer->count, 32, compare) != NULL;
}

static void sweep(staple_store_writer_t *writer)
{
    apr_time_t now = apr_time_now();
    int removed;

    if (!staple_clock_is_over(writer->swept_at, SWEEP, now)) {
        return;
    }
    writer->swept_at = now;
    removed = staple_store_sweep(&writer->store, is_known, writer, now)
              + staple_list_store_sweep(writer->path, is_list_known, writer,
                                        now);
    if (removed > 0) {
        staple_threads_enter(&writer->threads);
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, writer->generation->main_server,
                     STAPLE_LOGNO(0095)
                     "OCSPStapleStore %s: %d files that were not used for "
                     "30 days were removed",
                     writer->path, removed);
        staple_threads_leave(&writer->threads);
    }
}

/* ---- lists ---- */

static void drop_kept(kept_t *kept)
{
    staple_spool_drop(kept->spool);
    free(kept);
}

/* Keeps the lists that wait for it; `is_ours`: in a store that may be written
 * to. */
static void keep_lists(staple_store_writer_t *writer, int is_ours)
{
    apr_status_t status = APR_SUCCESS;
    kept_t *kept;

    do {
        staple_threads_enter(&writer->threads);
        kept = writer->kept;
        writer->kept = kept != NULL ? kept->next : NULL;
        staple_threads_leave(&writer->threads);
        if (kept != NULL) {
            if (is_ours && status == APR_SUCCESS) {
                status = staple_list_store_keep(kept->spool, &kept->came,
                                                writer->path, kept->name);
            }
            drop_kept(kept);
        }
    } while (kept != NULL);
    if (status != APR_SUCCESS) {
        failed(writer, status, NULL);
    }
}

void staple_store_writer_keep(const staple_generation_t *generation,
                              staple_spool_t *spool,
                              const staple_stored_list_t *came,
                              const char *name)
{
    staple_store_writer_t *writer =
        __atomic_load_n(&generation->store_writer, __ATOMIC_ACQUIRE);
    kept_t *kept = writer != NULL ? calloc(1, sizeof(*kept)) : NULL;
    kept_t **last;

    if (kept == NULL) {
        staple_spool_drop(spool);
        return;
    }
    kept->spool = spool;
    kept->came = *came;
    kept->came.url = kept->url;
    apr_cpystrn(kept->url, came->url, sizeof(kept->url));
    apr_cpystrn(kept->name, name, sizeof(kept->name));
    staple_threads_enter(&writer->threads);
    for (last = &writer->kept; *last != NULL; last = &(*last)->next) {
    }
    *last = kept;
    pthread_cond_broadcast(&writer->threads.changed);
    staple_threads_leave(&writer->threads);
}

static int is_list_known(void *baton, const char *name)
{
    staple_store_writer_t *writer = baton;
    char known[STAPLE_LIST_STORE_NAME];
    int is_known = 0;
    apr_uint32_t i, count;
    int part;

    staple_threads_enter(&writer->threads);
    staple_generation_lists(&count, writer->generation);
    for (i = 0; i < count && !is_known; i++) {
        const staple_refresh_list_t *list =
            &staple_generation_lists(&count, writer->generation)[i];

        for (part = 0; part < STAPLE_PARTS && list->urls != NULL; part++) {
            staple_list_store_name(known, list, (staple_part_e)part);
            is_known |= strcmp(known, name) == 0;
        }
    }
    staple_threads_leave(&writer->threads);
    return is_known;
}

/* Opens and locks the directory; one that is gone is made again. */
static apr_status_t open_store(staple_store_writer_t *writer, const char **why)
{
    staple_store_t *store = &writer->store;
    apr_status_t status = staple_store_open(store, why, writer->path);

    if (status == ENOENT
        && staple_store_make(why, writer->path, geteuid(), getegid())
               == APR_SUCCESS) {
        status = staple_store_open(store, why, writer->path);
    }
    if (status == APR_SUCCESS) {
        status = staple_store_lock(store);
    }
    if (status == APR_SUCCESS) {
        staple_threads_enter(&writer->threads);
        staple_dirty_bind(writer->generation->dirty, store->token);
        staple_threads_leave(&writer->threads);
    }
    return status;
}

/* One round: writes what is due. */
static void do_round(staple_store_writer_t *writer, int is_last)
{
    apr_time_t now = apr_time_now();
    apr_status_t status;
    const char *why;

    if (!staple_clock_is_over(writer->failed_at, writer->retry_after, now)
        && !is_last) {
        return;
    }
    status = open_store(writer, &why);
    keep_lists(writer, status == APR_SUCCESS);
    if (status == APR_SUCCESS) {
        save_all(writer, is_last ? now : 0);
        save_known(writer, is_last);
        if (!is_last) {
            sweep(writer);
        }
    }
    else if (status != APR_EAGAIN) {
        failed(writer, status, why);
    }
    staple_store_close(&writer->store);
}

static void run(void *data)
{
    staple_store_writer_t *writer = data;
    int is_last = 0;

    while (!is_last) {
        staple_threads_enter(&writer->threads);
        if (!writer->threads.is_ending) {
            staple_threads_wait(&writer->threads, PAUSE);
        }
        is_last = writer->threads.is_ending;
        staple_threads_leave(&writer->threads);
        do_round(writer, is_last);
    }
}

/* ---- life ---- */

static staple_store_writer_t *make(const staple_generation_t *generation,
                                   apr_pool_t *p)
{
    staple_store_writer_t *writer = apr_palloc(p, sizeof(*writer));
    apr_uint32_t i;

    memset(writer, 0, offsetof(staple_store_writer_t, rows));
    staple_threads_make(&writer->threads, run, writer);
    writer->generation = generation;
    writer->count = (apr_uint32_t)generation->certs->nelts;
    writer->store.directory = writer->store.lock = -1;
    writer->path = apr_pstrdup(p, generation->store);
    writer->known = apr_palloc(p, (writer->count + 1) * sizeof(*writer->known));
    for (i = 0; i < writer->count; i++) {
        memcpy(writer->known[i],
               staple_generation_entry(generation, i)->cert->sha256, 32);
    }
    qsort(writer->known, writer->count, 32, compare);
    return writer;
}

void staple_store_writer_start(staple_generation_t *generation,
                               apr_pool_t *like)
{
    staple_store_writer_t *writer;
    int failure;

    if (generation->store == NULL) {
        return;
    }
    writer = make(generation, staple_pool_apart(like, "ocspstaple_store"));
    failure = staple_threads_start(&writer->threads);
    if (failure) {
        ap_log_error(APLOG_MARK, APLOG_ERR, failure, generation->main_server,
                     STAPLE_LOGNO(0093)
                     "OCSPStapleStore %s: nothing is written: the thread "
                     "for it cannot be started",
                     generation->store);
        return;
    }
    __atomic_store_n(&generation->store_writer, writer, __ATOMIC_RELEASE);
}

void staple_store_writer_stop(const staple_generation_t *generation,
                              int is_exit)
{
    staple_store_writer_t *writer =
        __atomic_load_n(&generation->store_writer, __ATOMIC_ACQUIRE);

    if (writer != NULL) {
        staple_threads_stop(&writer->threads, is_exit ? LAST_WAIT : 0);
    }
}
