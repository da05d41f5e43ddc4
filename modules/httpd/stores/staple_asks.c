/* Requests to ask now: from the store's desk to the refresher, and back. */
#include "staple_asks.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/staple_clock.h"
#include "base/staple_pool.h"
#include "base/staple_text.h"
#include "refresh/staple_ask.h"
#include "io/staple_desk.h"
#include "staple_threads.h"

/* How often the thread looks at the desk. */
#define PAUSE apr_time_from_msec(500)

/* Complaints about what lies there follow each other at this distance. */
#define QUIET apr_time_from_sec(60)

/* How long the end of the child waits. */
#define LAST_WAIT apr_time_from_msec(300)

typedef enum {
    DESK_IS_EMPTY, /* the thread's turn */
    HAS_REQUEST,   /* the refresher's */
    IS_AT_WORK,    /* the refresher's */
    HAS_ANSWER     /* the thread's */
} turn_e;

/* A certificate that was found. */
typedef struct found_t {
    apr_uint32_t index;
    int is_asked;
    apr_interval_time_t ago; /* 0: not in the last minute */
    const char *before;      /* its state */
} found_t;

/* Whose turn it is has what is below for itself. */
struct staple_asks_t {
    staple_threads_t threads; /* one */
    const staple_generation_t *generation;
    staple_refresh_t *refresh;
    apr_pool_t *own; /* it is in this one, for good */
    const char *path;
    turn_e turn; /* for who is in */
    /* by turns */
    apr_pool_t *pool; /* of one request and its answer; NULL: there is none */
    staple_ask_request_t request;
    staple_desk_row_t *known; /* when others were asked about */
    unsigned known_count;
    apr_array_header_t *found; /* found_t */
    apr_hash_t *wanted;        /* lower case -> int: was it found? */
    char *answer;
    staple_desk_row_t *rows; /* what to add to those */
    unsigned row_count;
    /* the thread only */
    staple_desk_t desk;
    apr_time_t complained_at;
};

/* ---- the thread ---- */

static void drop_request(staple_asks_t *asks)
{
    free(asks->answer);
    asks->answer = NULL;
    if (asks->pool != NULL) {
        apr_pool_destroy(asks->pool);
    }
    asks->pool = NULL;
}

/* Says what is wrong, not too often. */
static void complain_of_file(staple_asks_t *asks, const char *why,
                             apr_time_t now)
{
    if (!staple_clock_is_over(asks->complained_at, QUIET, now)) {
        return;
    }
    asks->complained_at = now;
    staple_threads_enter(&asks->threads);
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, asks->generation->main_server,
                 STAPLE_LOGNO(0161)
                 "OCSPStapleStore %s: the request in \"ask.%u\" is not used: "
                 "%s; it was removed",
                 asks->path, asks->desk.number, why);
    staple_threads_leave(&asks->threads);
}

static void complain_of_answer(staple_asks_t *asks, apr_status_t status)
{
    staple_threads_enter(&asks->threads);
    ap_log_error(APLOG_MARK, APLOG_WARNING, status,
                 asks->generation->main_server,
                 STAPLE_LOGNO(0162)
                 "OCSPStapleStore %s: who asked gets no answer: \"ask.%u\" "
                 "cannot be written",
                 asks->path, asks->desk.number);
    staple_threads_leave(&asks->threads);
}

static void take_request(staple_asks_t *asks, apr_time_t now)
{
    apr_status_t status;
    const char *why;

    asks->pool = staple_pool_apart(asks->own, "ocspstaple_ask");
    status = staple_desk_take(&asks->request, &why, asks->pool, &asks->desk,
                              now);
    if (status != APR_SUCCESS) {
        drop_request(asks);
        if (why != NULL) {
            complain_of_file(asks, why, now);
        }
        return;
    }
    asks->known_count =
        staple_desk_read_rows(&asks->known, asks->pool, &asks->desk,
                              STAPLE_ASK_INTERVAL, now);
    staple_threads_enter(&asks->threads);
    asks->turn = HAS_REQUEST;
    staple_threads_leave(&asks->threads);
}

static void give_answer(staple_asks_t *asks, apr_time_t now)
{
    apr_status_t status = APR_SUCCESS;

    if (asks->row_count > 0) {
        status = staple_desk_add_rows(&asks->desk, asks->rows, asks->row_count,
                                      asks->pool, STAPLE_ASK_INTERVAL, now);
    }
    if (asks->answer != NULL && status == APR_SUCCESS) {
        status = staple_desk_answer(&asks->desk, asks->request.id, asks->answer,
                                    strlen(asks->answer), asks->pool, now);
    }
    if (status != APR_SUCCESS && status != APR_ENOENT) {
        complain_of_answer(asks, status);
    }
    drop_request(asks);
    staple_threads_enter(&asks->threads);
    asks->turn = DESK_IS_EMPTY;
    staple_threads_leave(&asks->threads);
}

/* Sits at a desk.  A store that cannot be used is the store writer's to
 * complain of. */
static int is_seated(staple_asks_t *asks)
{
    const char *why;

    if (asks->desk.directory >= 0
        && staple_desk_is_lost(&asks->desk, asks->path)) {
        staple_desk_close(&asks->desk);
    }
    return asks->desk.directory >= 0
           || staple_desk_open(&asks->desk, &why, asks->path) == APR_SUCCESS;
}

static void run(void *data)
{
    staple_asks_t *asks = data;
    int is_last = 0;
    turn_e turn;

    while (!is_last) {
        staple_threads_enter(&asks->threads);
        if (!asks->threads.is_ending) {
            staple_threads_wait(&asks->threads, PAUSE);
        }
        is_last = asks->threads.is_ending;
        turn = asks->turn;
        staple_threads_leave(&asks->threads);
        if (is_last && turn != HAS_ANSWER) {
            break;
        }
        if (turn == DESK_IS_EMPTY && is_seated(asks)) {
            take_request(asks, apr_time_now());
        }
        else if (turn == HAS_ANSWER && is_seated(asks)) {
            give_answer(asks, apr_time_now());
        }
    }
    staple_desk_close(&asks->desk);
}

/* ---- the refresher: which certificates ---- */

static const char *lower(apr_pool_t *p, const char *text)
{
    char *copy = apr_pstrdup(p, text);
    char *at;

    for (at = copy; *at != '\0'; at++) {
        *at = (char)apr_tolower(*at);
    }
    return copy;
}

static void note_wanted(staple_asks_t *asks)
{
    unsigned i;

    asks->wanted = apr_hash_make(asks->pool);
    for (i = 0; i < asks->request.count; i++) {
        apr_hash_set(asks->wanted, lower(asks->pool, asks->request.wanted[i]),
                     APR_HASH_KEY_STRING,
                     apr_pcalloc(asks->pool, sizeof(int)));
    }
}

static int is_word_wanted(staple_asks_t *asks, apr_pool_t *p, const char *word)
{
    int *is_found = apr_hash_get(asks->wanted, lower(p, word),
                                 APR_HASH_KEY_STRING);

    if (is_found != NULL) {
        *is_found = 1;
    }
    return is_found != NULL;
}

static const char *hex(apr_pool_t *p, const unsigned char sha256[32])
{
    char *text = apr_palloc(p, 65);
    int i;

    for (i = 0; i < 32; i++) {
        apr_snprintf(text + 2 * i, 3, "%02x", sha256[i]);
    }
    return text;
}

/* By its digest, its serial number, or the name of a server that has it, or
 * whose chain has it. */
static int is_wanted(staple_asks_t *asks, apr_pool_t *p,
                     const staple_generation_cert_t *cert)
{
    int is_it = asks->request.all;
    int i;

    is_it |= is_word_wanted(asks, p, hex(p, cert->cert->sha256));
    is_it |= is_word_wanted(asks, p, cert->cert->serial);
    for (i = 0; i < cert->servers->nelts; i++) {
        is_it |= is_word_wanted(asks, p, staple_generation_server(cert, i));
    }
    return is_it;
}

/* The certificates that other requests asked about in the last minute: SHA-256
 * -> the last row.  One request may be to several httpds. */
static apr_hash_t *index_rows(const staple_asks_t *asks, apr_time_t now)
{
    apr_hash_t *rows = apr_hash_make(asks->pool);
    unsigned i;

    for (i = 0; i < asks->known_count; i++) {
        const staple_desk_row_t *row = &asks->known[i];
        const staple_desk_row_t *other =
            apr_hash_get(rows, row->sha256, sizeof(row->sha256));

        if (memcmp(row->id, asks->request.id, sizeof(row->id)) != 0
            && staple_clock_is_over(row->at, 0, now)
            && !staple_clock_is_over(row->at, STAPLE_ASK_INTERVAL, now)
            && (other == NULL || other->at < row->at)) {
            apr_hash_set(rows, row->sha256, sizeof(row->sha256), row);
        }
    }
    return rows;
}

static void find(staple_asks_t *asks, apr_time_t now)
{
    apr_uint32_t count = staple_generation_count(asks->generation);
    apr_hash_t *rows = index_rows(asks, now);
    const staple_desk_row_t *row;
    staple_generation_cert_t cert;
    apr_pool_t *scratch;
    apr_uint32_t i;

    apr_pool_create(&scratch, asks->pool);
    asks->found = apr_array_make(asks->pool, 16, sizeof(found_t));
    for (i = 0; i < count; i++) {
        apr_pool_clear(scratch);
        if (staple_generation_cert(&cert, asks->generation, i, now)
            && is_wanted(asks, scratch, &cert)) {
            found_t *found = apr_array_push(asks->found);

            found->index = i;
            found->is_asked = 0;
            row = apr_hash_get(rows, cert.cert->sha256, sizeof(row->sha256));
            found->ago = row != NULL ? now - row->at + 1 : 0;
            found->before =
                staple_state_name((staple_state_e)cert.record.state);
        }
    }
    apr_pool_destroy(scratch);
}

static void log_use(const staple_asks_t *asks, unsigned asked)
{
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, asks->generation->main_server,
                 STAPLE_LOGNO(0160)
                 "OCSPStapleStore %s: the user with number %ld wants to know "
                 "about %s%s: %d certificates, of which %u are asked about now",
                 asks->path, (long)asks->request.uid,
                 asks->request.all ? "all certificates"
                                   : asks->request.wanted[0],
                 asks->request.count > 1 ? " and others" : "",
                 asks->found->nelts, asked);
}

/* Finds what is wanted, and has it asked about. */
static void begin(staple_asks_t *asks, apr_time_t now)
{
    unsigned asked = 0;
    int i;

    note_wanted(asks);
    find(asks, now);
    asks->rows = apr_palloc(asks->pool, ((apr_size_t)asks->found->nelts + 1)
                                            * sizeof(*asks->rows));
    asks->row_count = 0;
    for (i = 0; i < asks->found->nelts; i++) {
        found_t *found = &APR_ARRAY_IDX(asks->found, i, found_t);
        staple_desk_row_t *row = &asks->rows[asks->row_count];

        if (found->ago != 0
            || found->index >= (apr_uint32_t)asks->generation->certs->nelts
            || !staple_ask_add(asks->refresh, found->index, now)) {
            continue;
        }
        found->is_asked = 1;
        asked++;
        memcpy(row->sha256,
               staple_generation_entry(asks->generation, found->index)
                   ->cert->sha256,
               sizeof(row->sha256));
        memcpy(row->id, asks->request.id, sizeof(row->id));
        row->at = now;
        asks->row_count++;
    }
    log_use(asks, asked);
}

/* ---- the refresher: the answer ---- */

static json_t *time_json(apr_time_t at)
{
    char text[STAPLE_TEXT_SIZE];

    return at != 0 ? json_string(staple_text_time(text, at)) : json_null();
}

static json_t *text_json(const char *text)
{
    return text != NULL && *text != '\0' ? json_string(text) : json_null();
}

/* Why no responder was asked about it. */
static const char *why_not(const found_t *found,
                           const staple_generation_cert_t *cert)
{
    if (found->is_asked || found->ago != 0) {
        return NULL;
    }
    return cert->record.state == STAPLE_STATE_DISABLED
               ? staple_reason_sentence(
                     (staple_reason_e)cert->record.state_reason)
               : "there is no responder and no CRL to ask";
}

static json_t *cert_json(const staple_asks_t *asks, const found_t *found,
                         apr_pool_t *p, apr_time_t now)
{
    json_t *object = json_object();
    staple_generation_cert_t cert;
    const staple_record_t *record = &cert.record;
    staple_reason_e reason;

    staple_generation_cert(&cert, asks->generation, found->index, now);
    reason = (staple_reason_e)record->reason;
    json_object_set_new(object, "certificate",
                        text_json(cert.cert->subject));
    json_object_set_new(object, "serial", text_json(cert.cert->serial));
    json_object_set_new(object, "sha256",
                        json_string(hex(p, cert.cert->sha256)));
    json_object_set_new(object, "server",
                        text_json(cert.servers->nelts > 0
                                      ? staple_generation_server(&cert, 0)
                                      : NULL));
    json_object_set_new(object, "is_issuer", json_boolean(cert.is_issuer));
    json_object_set_new(object, "asked", json_boolean(found->is_asked));
    json_object_set_new(object, "asked_ago",
                        found->ago != 0
                            ? json_integer(apr_time_sec(found->ago))
                            : json_null());
    json_object_set_new(object, "why_not", text_json(why_not(found, &cert)));
    json_object_set_new(object, "before", json_string(found->before));
    json_object_set_new(
        object, "state",
        json_string(staple_state_name((staple_state_e)record->state)));
    json_object_set_new(
        object, "this_update",
        time_json(staple_record_verdict(record)->this_update));
    json_object_set_new(object, "use_until",
                        time_json(staple_record_verdict(record)->use_until));
    json_object_set_new(object, "error",
                        reason != STAPLE_OK
                            ? json_string(staple_reason_name(reason))
                            : json_null());
    json_object_set_new(object, "error_detail", text_json(record->detail));
    return object;
}

/* All of it is known.  Without memory who asked gets no answer. */
static void answer(staple_asks_t *asks, apr_time_t now)
{
    json_t *object = json_object();
    json_t *certs = json_array();
    json_t *missing = json_array();
    apr_pool_t *scratch;
    unsigned k;
    int i;

    apr_pool_create(&scratch, asks->pool);
    for (i = 0; i < asks->found->nelts; i++) {
        apr_pool_clear(scratch);
        json_array_append_new(
            certs, cert_json(asks, &APR_ARRAY_IDX(asks->found, i, found_t),
                             scratch, now));
    }
    for (k = 0; k < asks->request.count; k++) {
        int *is_found = apr_hash_get(
            asks->wanted, lower(scratch, asks->request.wanted[k]),
            APR_HASH_KEY_STRING);

        if (!*is_found) {
            json_array_append_new(missing,
                                  json_string(asks->request.wanted[k]));
        }
    }
    apr_pool_destroy(scratch);
    json_object_set_new(object, "id", json_string(asks->request.id));
    json_object_set_new(object, "certificates", certs);
    json_object_set_new(object, "not_found", missing);
    asks->answer = json_dumps(object, JSON_PRESERVE_ORDER);
    json_decref(object);
}

static turn_e turn_of(staple_asks_t *asks)
{
    turn_e turn;

    staple_threads_enter(&asks->threads);
    turn = asks->turn;
    staple_threads_leave(&asks->threads);
    return turn;
}

static void pass_on(staple_asks_t *asks, turn_e turn)
{
    staple_threads_enter(&asks->threads);
    asks->turn = turn;
    pthread_cond_broadcast(&asks->threads.changed);
    staple_threads_leave(&asks->threads);
}

void staple_asks_step(staple_asks_t *asks, apr_time_t now)
{
    turn_e turn = asks != NULL ? turn_of(asks) : DESK_IS_EMPTY;

    if (turn == HAS_REQUEST) {
        begin(asks, now);
        turn = IS_AT_WORK;
        pass_on(asks, turn);
    }
    if (turn == IS_AT_WORK && staple_ask_step(asks->refresh, now) == 0) {
        answer(asks, now);
        pass_on(asks, HAS_ANSWER);
    }
}

/* ---- life ---- */

staple_asks_t *staple_asks_start(const staple_generation_t *generation,
                                 staple_refresh_t *refresh, apr_pool_t *like)
{
    staple_asks_t *asks;
    apr_pool_t *pool;
    int failure;

    if (generation->store == NULL) {
        return NULL;
    }
    pool = staple_pool_apart(like, "ocspstaple_asks");
    asks = apr_pcalloc(pool, sizeof(*asks));
    staple_threads_make(&asks->threads, run, asks);
    asks->own = pool;
    asks->generation = generation;
    asks->refresh = refresh;
    asks->path = apr_pstrdup(pool, generation->store);
    asks->desk = (staple_desk_t)STAPLE_DESK_CLOSED;
    failure = staple_threads_start(&asks->threads);
    if (failure) {
        ap_log_error(APLOG_MARK, APLOG_ERR, failure, generation->main_server,
                     STAPLE_LOGNO(0163)
                     "OCSPStapleStore %s: nobody can ask by ocspstaple "
                     "refresh: the thread for it cannot be started",
                     generation->store);
        apr_pool_destroy(pool);
        return NULL;
    }
    return asks;
}

void staple_asks_stop(staple_asks_t *asks, int is_exit)
{
    if (asks != NULL) {
        staple_threads_stop(&asks->threads, is_exit ? LAST_WAIT : 0);
    }
}
