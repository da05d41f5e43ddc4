/* The thread that writes to the store what changed in the cache. */
#include "staple_store_writer.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/staple_clock.h"
#include "refresh/staple_schedule.h"
#include "io/staple_store.h"
#include "staple_store_reader.h"

/* How often there is a round: it writes what is due. */
#define PAUSE 1 /* second */

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

/*
 * Its memory is in no pool: it may hang in the disk when the pools go.
 * What belongs to others (generation, cache, log) it touches between enter()
 * and leave() only, never in a system call on the store.
 */
typedef struct staple_store_writer_t {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* of all waiting, when one of these changes */
    int is_to_end;
    int has_ended;
    int is_abandoned;
    const staple_generation_t *generation;
    /* the thread only */
    char *path;
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
    staple_known_row_t rows[STAPLE_KNOWN_MAX];
    unsigned char bytes[STAPLE_KNOWN_BYTES];
    unsigned char der[STAPLE_MAX_RESPONSE];
    unsigned char stored[STAPLE_CODEC_MAX];
} staple_store_writer_t;

static staple_store_writer_t *get_writer(const staple_generation_t *generation)
{
    return __atomic_load_n(&generation->store_writer, __ATOMIC_ACQUIRE);
}

static void enter(staple_store_writer_t *writer)
{
    pthread_mutex_lock(&writer->lock);
    if (writer->is_abandoned) {
        pthread_mutex_unlock(&writer->lock);
        for (;;) {
            pause(); /* the process is about to end */
        }
    }
}

static void leave(staple_store_writer_t *writer)
{
    pthread_mutex_unlock(&writer->lock);
}

/* ---- trouble ---- */

static void failed(staple_store_writer_t *writer, apr_status_t status,
                   const char *why)
{
    enter(writer);
    if (staple_dirty_is_news(writer->generation->dirty, 0)) {
        staple_store_reader_complain(writer->generation, status, why);
    }
    leave(writer);
    writer->failed_at = apr_time_now();
    writer->retry_after = staple_schedule_back_off(RETRY_FIRST, RETRY_LAST,
                                                   writer->failures);
    writer->failures++;
}

static void succeeded(staple_store_writer_t *writer)
{
    enter(writer);
    if (staple_dirty_is_news(writer->generation->dirty, 1)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0,
                     writer->generation->main_server,
                     STAPLE_LOGNO(0094)
                     "OCSPStapleStore %s: writing works again", writer->path);
    }
    leave(writer);
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
    staple_record_t record;

    if (!staple_cache_stamp(stamp, generation->cache, &cert->key)) {
        return 0;
    }
    switch (staple_dirty_due(generation->dirty, index, stamp, apr_time_now())) {
    case STAPLE_DIRTY_STORED:
        return 0;
    case STAPLE_DIRTY_TOO_SOON:
        if (!writer->is_to_end) {
            return 0;
        }
        break;
    case STAPLE_DIRTY_RECORD:
        if (*records == 0 && !writer->is_to_end) {
            return 0;
        }
        *records -= *records > 0;
        break;
    case STAPLE_DIRTY_STAPLE:
        break;
    }
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

    enter(writer);
    len = take(writer, &stamp, index, records);
    memcpy(sha256,
           staple_generation_entry(writer->generation, index)->cert->sha256,
           sizeof(sha256));
    leave(writer);
    if (len == 0) {
        return 0;
    }
    status = staple_store_write(&writer->store, sha256, writer->stored, len);
    if (status != APR_SUCCESS) {
        failed(writer, status, NULL);
        return -1;
    }
    enter(writer);
    staple_dirty_note(writer->generation->dirty, index, &stamp, apr_time_now());
    leave(writer);
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

/* Is there something new to know of responders, and is it time to write it? */
static int is_known_due(staple_store_writer_t *writer, apr_time_t now,
                        int is_last)
{
    apr_uint64_t sequence = staple_known_sequence(writer->generation->known);
    int is_new = sequence != writer->known_sequence
                 || writer->known_token != writer->store.token;

    return sequence != 0 && is_new
           && (is_last
               || staple_clock_is_over(writer->known_at, KNOWN_PAUSE, now));
}

/* Writes what is known of responders, with what others have written there. */
static void save_known(staple_store_writer_t *writer, int is_last)
{
    apr_time_t now = apr_time_now();
    apr_uint64_t sequence;
    apr_uint32_t count = 0;
    apr_status_t status;
    apr_size_t len;
    const char *why;
    int is_due;

    enter(writer);
    is_due = is_known_due(writer, now, is_last);
    sequence = staple_known_sequence(writer->generation->known);
    if (is_due) {
        count = staple_known_get(writer->rows, writer->generation->known);
    }
    leave(writer);
    if (!is_due) {
        return;
    }
    if (staple_store_read_known(writer->bytes, &len, &why, &writer->store)
        == APR_SUCCESS) {
        count =
            staple_known_merge(writer->rows, count, writer->bytes, len, now);
    }
    len = staple_known_encode(writer->bytes, writer->rows, count);
    status = staple_store_write_known(&writer->store, writer->bytes, len);
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
    removed = staple_store_sweep(&writer->store, is_known, writer, now);
    if (removed > 0) {
        enter(writer);
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, writer->generation->main_server,
                     STAPLE_LOGNO(0095)
                     "OCSPStapleStore %s: %d files that were not used for "
                     "30 days were removed",
                     writer->path, removed);
        leave(writer);
    }
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
        enter(writer);
        staple_dirty_bind(writer->generation->dirty, store->token);
        leave(writer);
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

static void *run(void *data)
{
    staple_store_writer_t *writer = data;
    struct timespec until;
    int is_last = 0;

    while (!is_last) {
        enter(writer);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += PAUSE;
        while (!writer->is_to_end
               && pthread_cond_timedwait(&writer->wake, &writer->lock, &until)
                      == 0) {
        }
        is_last = writer->is_to_end;
        leave(writer);
        do_round(writer, is_last);
    }
    /* What waits for this may go on to exit(), where OpenSSL cleans up: what it
     * has of this thread must be gone by then, and not freed by both. */
    OPENSSL_thread_stop();
    enter(writer);
    writer->has_ended = 1;
    pthread_cond_broadcast(&writer->wake);
    leave(writer);
    return NULL;
}

/* ---- life ---- */

static staple_store_writer_t *make(const staple_generation_t *generation)
{
    staple_store_writer_t *writer = calloc(1, sizeof(*writer));
    pthread_condattr_t attributes;
    apr_uint32_t i;

    if (writer == NULL) {
        return NULL;
    }
    writer->generation = generation;
    writer->count = (apr_uint32_t)generation->certs->nelts;
    writer->store.directory = writer->store.lock = -1;
    writer->path = strdup(generation->store);
    writer->known = malloc((writer->count + 1) * sizeof(*writer->known));
    if (writer->path == NULL || writer->known == NULL) {
        free(writer->path);
        free(writer->known);
        free(writer);
        return NULL;
    }
    for (i = 0; i < writer->count; i++) {
        memcpy(writer->known[i],
               staple_generation_entry(generation, i)->cert->sha256, 32);
    }
    qsort(writer->known, writer->count, 32, compare);
    pthread_mutex_init(&writer->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    return writer;
}

void staple_store_writer_start(staple_generation_t *generation)
{
    staple_store_writer_t *writer =
        generation->store != NULL ? make(generation) : NULL;
    sigset_t all, before;
    pthread_t thread;
    int failure;

    if (generation->store == NULL) {
        return;
    }
    /* Signals are for httpd's own threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failure = writer != NULL ? pthread_create(&thread, NULL, run, writer)
                            : APR_ENOMEM;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure) {
        ap_log_error(APLOG_MARK, APLOG_ERR, failure, generation->main_server,
                     STAPLE_LOGNO(0093)
                     "OCSPStapleStore %s: nothing is written: the thread "
                     "for it cannot be started",
                     generation->store);
        return;
    }
    pthread_detach(thread);
    __atomic_store_n(&generation->store_writer, writer, __ATOMIC_RELEASE);
}

void staple_store_writer_end(const staple_generation_t *generation)
{
    staple_store_writer_t *writer = get_writer(generation);

    if (writer != NULL) {
        pthread_mutex_lock(&writer->lock);
        writer->is_to_end = 1;
        pthread_cond_broadcast(&writer->wake);
        pthread_mutex_unlock(&writer->lock);
    }
}

void staple_store_writer_stop(const staple_generation_t *generation)
{
    staple_store_writer_t *writer = get_writer(generation);
    struct timespec until;

    if (writer == NULL) {
        return;
    }
    staple_store_writer_end(generation);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(LAST_WAIT % APR_USEC_PER_SEC) * 1000;
    until.tv_sec += LAST_WAIT / APR_USEC_PER_SEC + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&writer->lock);
    while (!writer->has_ended
           && pthread_cond_timedwait(&writer->wake, &writer->lock, &until)
                  == 0) {
    }
    writer->is_abandoned = 1;
    pthread_mutex_unlock(&writer->lock);
}
