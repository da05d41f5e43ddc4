/* The thread that writes to the store what changed in the cache. */
#include "staple_store_writer.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "refresh/staple_schedule.h"
#include "io/staple_store.h"
#include "staple_store_reader.h"

/* How often it looks at what is to be done. */
#define PAUSE 1 /* second */

/* Records without a new staple that are written per look, at most. */
#define RECORDS 50

/* How long it goes on when it is to end, and how long others wait for that. */
#define LAST_LOOK apr_time_from_msec(800)
#define LAST_WAIT apr_time_from_msec(1200)

/* From one try after an error to the next. */
#define RETRY_FIRST apr_time_from_sec(1)
#define RETRY_LAST apr_time_from_sec(60)

/* What is known of responders is written no more often than this: one that
 * goes up and down must not wear out the disk. */
#define KNOWN_PAUSE apr_time_from_sec(60)

#define SWEEP apr_time_from_sec(86400)

/*
 * Its memory is nobody's pool: it may hang in the disk when the pools go.
 * What belongs to others (view, cache, log) it touches between enter() and
 * leave() only, never in a system call on the store.
 */
typedef struct saver_t {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* of everybody, when one of these changes */
    int is_to_end;
    int has_ended;
    int is_abandoned;
    const staple_generation_t *view;
    /* the thread only */
    char *path;
    apr_uint32_t count;
    unsigned char (*known)[32]; /* SHA-256 of all certificates, in order */
    staple_store_t store;
    apr_uint32_t next; /* where the last look ended */
    unsigned failures; /* in a row */
    apr_time_t retry_at;
    apr_time_t sweep_at;
    apr_uint64_t known_turn; /* as written last */
    apr_uint64_t known_token; /* of the store that was written to */
    apr_time_t known_at;      /* when it may be written again */
    staple_known_row_t rows[STAPLE_KNOWN_MAX];
    unsigned char bytes[STAPLE_KNOWN_BYTES];
    unsigned char der[STAPLE_MAX_RESPONSE];
    unsigned char stored[STAPLE_CODEC_MAX];
} saver_t;

/* Of this process; NULL: none was started.  The watchdog's thread sets it, any
 * thread may ask it to end. */
static saver_t *the_saver;

static saver_t *get_saver(void)
{
    return __atomic_load_n(&the_saver, __ATOMIC_ACQUIRE);
}

static void enter(saver_t *saver)
{
    pthread_mutex_lock(&saver->lock);
    if (saver->is_abandoned) {
        pthread_mutex_unlock(&saver->lock);
        for (;;) {
            pause(); /* the process is about to end */
        }
    }
}

static void leave(saver_t *saver)
{
    pthread_mutex_unlock(&saver->lock);
}

/* ---- trouble ---- */

static void failed(saver_t *saver, apr_status_t status, const char *why)
{
    enter(saver);
    if (staple_dirty_is_news(saver->view->ledger, 0)) {
        staple_store_reader_complain(saver->view, status, why);
    }
    leave(saver);
    saver->retry_at = apr_time_now()
                      + staple_schedule_back_off(RETRY_FIRST, RETRY_LAST,
                                                 saver->failures);
    saver->failures++;
}

static void succeeded(saver_t *saver)
{
    enter(saver);
    if (staple_dirty_is_news(saver->view->ledger, 1)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, saver->view->main_server,
                     STAPLE_LOGNO(0094)
                     "OCSPStapleStore %s: writing works again", saver->path);
    }
    leave(saver);
    saver->failures = 0;
}

/* ---- one certificate ---- */

/* Copies what is to be written of certificate `index` to saver->stored, and
 * its stamp.  0: nothing is. */
static apr_size_t take(saver_t *saver, staple_stamp_t *stamp,
                       apr_uint32_t index, unsigned *records)
{
    const staple_generation_t *view = saver->view;
    const staple_cert_t *cert =
        APR_ARRAY_IDX(view->certs, (int)index, staple_refresh_cert_t).cert;
    apr_size_t len = sizeof(saver->der);
    staple_record_t record;

    if (!staple_cache_stamp(stamp, view->cache, &cert->key)) {
        return 0;
    }
    switch (staple_dirty_due(view->ledger, index, stamp, apr_time_now())) {
    case STAPLE_DIRTY_STORED:
        return 0;
    case STAPLE_DIRTY_TOO_SOON:
        if (!saver->is_to_end) {
            return 0;
        }
        break;
    case STAPLE_DIRTY_RECORD:
        if (*records == 0 && !saver->is_to_end) {
            return 0;
        }
        *records -= *records > 0;
        break;
    case STAPLE_DIRTY_STAPLE:
        break;
    }
    if (!staple_cache_snapshot(stamp, &record, saver->der, &len, view->cache,
                               &cert->key)
        || (len == 0 && record.attempted_at == 0)) {
        return 0;
    }
    return staple_codec_encode(saver->stored, cert->sha256, &record,
                                saver->der, len);
}

/* Writes one certificate, if that is due.  Returns 1 if it wrote it, 0 if not,
 * -1 where that failed. */
static int save(saver_t *saver, apr_uint32_t index, unsigned *records)
{
    unsigned char sha256[32];
    staple_stamp_t stamp;
    apr_status_t status;
    apr_size_t len;

    enter(saver);
    len = take(saver, &stamp, index, records);
    memcpy(sha256,
           APR_ARRAY_IDX(saver->view->certs, (int)index, staple_refresh_cert_t)
               .cert->sha256,
           sizeof(sha256));
    leave(saver);
    if (len == 0) {
        return 0;
    }
    status = staple_store_write(&saver->store, sha256, saver->stored, len);
    if (status != APR_SUCCESS) {
        failed(saver, status, NULL);
        return -1;
    }
    enter(saver);
    staple_dirty_note(saver->view->ledger, index, &stamp, apr_time_now());
    leave(saver);
    return 1;
}

/* ---- all of them ---- */

/* Writes what is due, until the deadline if there is one. */
static void save_all(saver_t *saver, apr_time_t deadline)
{
    unsigned records = RECORDS;
    apr_status_t status;
    apr_uint32_t i;
    int saved = 0, result = 0;

    for (i = 0; i < saver->count && result >= 0; i++) {
        /* In turn, so that a limit never leaves out the same ones. */
        if (saver->next >= saver->count) {
            saver->next = 0;
        }
        result = save(saver, saver->next++, &records);
        saved += result > 0;
        if (deadline != 0 && apr_time_now() >= deadline) {
            break;
        }
    }
    if (saved == 0) {
        return;
    }
    status = staple_store_sync(&saver->store);
    if (status != APR_SUCCESS) {
        failed(saver, status, NULL);
    }
    else if (result >= 0) {
        succeeded(saver);
    }
}

/* Is there something new to know of responders, and is it time to write it? */
static int is_known_due(saver_t *saver, apr_time_t now, int is_last)
{
    apr_uint64_t turn = staple_known_turn(saver->view->known);
    int is_new = turn != saver->known_turn
                 || saver->known_token != saver->store.token;

    return turn != 0 && is_new
           && (is_last || now >= saver->known_at
               || saver->known_at > now + KNOWN_PAUSE);
}

/* Writes what is known of responders, with what others have written there. */
static void save_known(saver_t *saver, int is_last)
{
    apr_time_t now = apr_time_now();
    apr_uint64_t turn;
    apr_uint32_t count = 0;
    apr_status_t status;
    apr_size_t len;
    const char *why;
    int is_due;

    enter(saver);
    is_due = is_known_due(saver, now, is_last);
    turn = staple_known_turn(saver->view->known);
    if (is_due) {
        count = staple_known_get(saver->rows, saver->view->known);
    }
    leave(saver);
    if (!is_due) {
        return;
    }
    if (staple_store_read_known(saver->bytes, &len, &why, &saver->store)
        == APR_SUCCESS) {
        count = staple_known_merge(saver->rows, count, saver->bytes, len, now);
    }
    len = staple_known_encode(saver->bytes, saver->rows, count);
    status = staple_store_write_known(&saver->store, saver->bytes, len);
    if (status == APR_SUCCESS) {
        status = staple_store_sync(&saver->store);
    }
    if (status != APR_SUCCESS) {
        failed(saver, status, NULL);
        return;
    }
    saver->known_turn = turn;
    saver->known_token = saver->store.token;
    saver->known_at = now + KNOWN_PAUSE;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static int is_known(void *baton, const unsigned char sha256[32])
{
    const saver_t *saver = baton;

    return bsearch(sha256, saver->known, saver->count, 32, compare) != NULL;
}

static void sweep(saver_t *saver)
{
    apr_time_t now = apr_time_now();
    int removed;

    if (now < saver->sweep_at && saver->sweep_at <= now + SWEEP) {
        return;
    }
    saver->sweep_at = now + SWEEP;
    removed = staple_store_sweep(&saver->store, is_known, saver, now);
    if (removed > 0) {
        enter(saver);
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, saver->view->main_server,
                     STAPLE_LOGNO(0095)
                     "OCSPStapleStore %s: %d files that nobody used for 30 "
                     "days were removed",
                     saver->path, removed);
        leave(saver);
    }
}

/* Opens and locks the directory; one that is gone is made again. */
static apr_status_t open_store(saver_t *saver, const char **why)
{
    staple_store_t *store = &saver->store;
    apr_status_t status = staple_store_open(store, why, saver->path);

    if (status == ENOENT
        && staple_store_make(why, saver->path, geteuid(), getegid())
               == APR_SUCCESS) {
        status = staple_store_open(store, why, saver->path);
    }
    if (status == APR_SUCCESS) {
        status = staple_store_lock(store);
    }
    if (status == APR_SUCCESS) {
        enter(saver);
        staple_dirty_bind(saver->view->ledger, store->token);
        leave(saver);
    }
    return status;
}

/* One look at what is to be done. */
static void look(saver_t *saver, int is_last)
{
    apr_time_t now = apr_time_now();
    apr_status_t status;
    const char *why;

    if (now < saver->retry_at && saver->retry_at <= now + RETRY_LAST
        && !is_last) {
        return;
    }
    status = open_store(saver, &why);
    if (status == APR_SUCCESS) {
        save_all(saver, is_last ? now + LAST_LOOK : 0);
        save_known(saver, is_last);
        if (!is_last) {
            sweep(saver);
        }
    }
    else if (status != APR_EAGAIN) {
        failed(saver, status, why);
    }
    staple_store_close(&saver->store);
}

static void *run(void *data)
{
    saver_t *saver = data;
    struct timespec until;
    int is_last = 0;

    while (!is_last) {
        enter(saver);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += PAUSE;
        while (!saver->is_to_end
               && pthread_cond_timedwait(&saver->wake, &saver->lock, &until)
                      == 0) {
        }
        is_last = saver->is_to_end;
        leave(saver);
        look(saver, is_last);
    }
    /* Whoever waits for this may go on to exit(), where OpenSSL cleans up: what
     * it has of this thread must be gone by then, and not freed by both. */
    OPENSSL_thread_stop();
    enter(saver);
    saver->has_ended = 1;
    pthread_cond_broadcast(&saver->wake);
    leave(saver);
    return NULL;
}

/* ---- life ---- */

static saver_t *make(const staple_generation_t *view)
{
    saver_t *saver = calloc(1, sizeof(*saver));
    pthread_condattr_t attributes;
    apr_uint32_t i;

    if (saver == NULL) {
        return NULL;
    }
    saver->view = view;
    saver->count = (apr_uint32_t)view->certs->nelts;
    saver->store.directory = saver->store.lock = -1;
    saver->path = strdup(view->store);
    saver->known = malloc((saver->count + 1) * sizeof(*saver->known));
    if (saver->path == NULL || saver->known == NULL) {
        free(saver->path);
        free(saver->known);
        free(saver);
        return NULL;
    }
    for (i = 0; i < saver->count; i++) {
        memcpy(saver->known[i],
               APR_ARRAY_IDX(view->certs, (int)i, staple_refresh_cert_t)
                   .cert->sha256,
               32);
    }
    qsort(saver->known, saver->count, 32, compare);
    pthread_mutex_init(&saver->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&saver->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    return saver;
}

void staple_store_writer_start(const staple_generation_t *view)
{
    saver_t *saver = view->store != NULL ? make(view) : NULL;
    sigset_t all, before;
    pthread_t thread;
    int failure;

    if (view->store == NULL) {
        return;
    }
    /* Signals are for httpd's own threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failure = saver != NULL ? pthread_create(&thread, NULL, run, saver)
                            : APR_ENOMEM;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure) {
        ap_log_error(APLOG_MARK, APLOG_ERR, failure, view->main_server,
                     STAPLE_LOGNO(0093)
                     "OCSPStapleStore %s: nothing is written: there is no "
                     "thread for it",
                     view->store);
        return;
    }
    pthread_detach(thread);
    __atomic_store_n(&the_saver, saver, __ATOMIC_RELEASE);
}

void staple_store_writer_end(void)
{
    saver_t *saver = get_saver();

    if (saver != NULL) {
        pthread_mutex_lock(&saver->lock);
        saver->is_to_end = 1;
        pthread_cond_broadcast(&saver->wake);
        pthread_mutex_unlock(&saver->lock);
    }
}

void staple_store_writer_stop(void)
{
    saver_t *saver = get_saver();
    struct timespec until;

    if (saver == NULL) {
        return;
    }
    staple_store_writer_end();
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(LAST_WAIT % APR_USEC_PER_SEC) * 1000;
    until.tv_sec += LAST_WAIT / APR_USEC_PER_SEC + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&saver->lock);
    while (!saver->has_ended
           && pthread_cond_timedwait(&saver->wake, &saver->lock, &until)
                  == 0) {
    }
    saver->is_abandoned = 1;
    pthread_mutex_unlock(&saver->lock);
}
