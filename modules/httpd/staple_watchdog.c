/* mod_watchdog glue: start the refresher, let it run, stop it at once. */
#include "staple_watchdog.h"

#include <ap_mpm.h>
#include <apr_strings.h>
#include <unistd.h>
#include <mod_watchdog.h>
#include <scoreboard.h>

#include "base/staple_clock.h"
#include "base/staple_pool.h"
#include "ocsp/staple_armour.h"
#include "cache/staple_scoreboard.h"
#include "refresh/staple_refresh.h"
#include "io/staple_fetch.h"
#include "io/staple_files.h"
#include "io/staple_spool.h"
#include "io/staple_steady.h"
#include "httpd/config/staple_config.h"
#include "httpd/stores/staple_store_reader.h"
#include "httpd/stores/staple_shared.h"
#include "httpd/stores/staple_lists.h"
#include "httpd/stores/staple_asks.h"
#include "httpd/stores/staple_threads.h"
#include "httpd/events/staple_report.h"
#include "httpd/stores/staple_store_writer.h"
#include "base/staple_version.h"

#define WATCHDOG_NAME "ocspstaple"

/* How long one wait for the network may last before it is checked again whether
 * to stop: stopping httpd waits for it. */
#define POLL_INTERVAL apr_time_from_msec(100)

/* How long nothing is asked until what exchanges needed is given back. */
#define REST_AFTER apr_time_from_sec(5)

/* More than 64 KiB, from which on glibc merges what is free, and less than 128,
 * from which on a block lies in no heap; no page of it is ever touched. */
#define MERGING_SIZE (96 * 1024)

/* How long the end of a child waits for the watchdog's thread. */
#define PATIENCE apr_time_from_sec(1)

/* How long a child that takes over waits: httpd may be about to end, and this
 * child not know that yet. */
#define SETTLE apr_time_from_msec(500)

/* How often the status page gets a new picture. */
#define SHOW_INTERVAL apr_time_from_msec(500)

/* How often response files are checked. */
#define FILES_INTERVAL apr_time_from_sec(2)

typedef struct staple_watchdog_t {
    /* set before fork, read-only */
    staple_generation_t *generation;
    int mpm_generation;
    apr_proc_mutex_t *leader_lock; /* who holds it refreshes */
    /* set in child_init, while the watchdog's thread may run already */
    apr_pool_t *pool; /* of the refresher */
    /* the refresher's thread only: the watchdog's, or a burst's, for which that
     * waits */
    staple_refresh_t *refresh;
    int has_failed; /* there is no memory for a refresher */
    staple_fetch_t *fetch;
    staple_shared_worker_t *worker; /* NULL: there is no shared store */
    staple_reporter_t *reporter;
    staple_lists_t *lists; /* CRLs */
    staple_asks_t *asks;   /* what is asked by request; NULL: nothing can be */
    staple_files_t *files; /* OCSPStapleResponseFile */
    unsigned char *file;   /* room for what is in one */
    apr_time_t files_at;   /* when they were looked at last */
    char *unserved; /* by index: a file was refused, no responder is asked */
    staple_scoreboard_t board;  /* as published last */
    apr_time_t shown_at;
    staple_exchange_t *next;   /* to be begun; NULL: none is due */
    apr_interval_time_t pause; /* until CRLs are judged further, or
                                  STAPLE_LISTS_IDLE */
    void *merging;             /* of a burst: a block of its heap, never used */
    staple_scoreboard_watch_t lookout; /* where another child refreshes */
    /* the same thread's, or of who stops it while it is not inside */
    int has_waited; /* for another process */
    int is_leader;
    int has_left;
    apr_time_t leader_since; /* 0: it counts at once */
    /* any thread */
    staple_threads_t inside; /* the watchdog's, while it runs code of ours */
    staple_threads_t burst;  /* at most one, while that waits for it */
} staple_watchdog_t;

/* Is this child to end, or is there a new generation with a refresher of its
 * own?  Then begin nothing and drop what is in flight. */
static int is_stopping(staple_watchdog_t *w)
{
    const global_score *global = ap_get_scoreboard_global();
    int state = AP_MPMQ_RUNNING;

    return __atomic_load_n(&w->inside.is_ending, __ATOMIC_RELAXED)
           || ap_mpm_query(AP_MPMQ_MPM_STATE, &state) != APR_SUCCESS
           || state == AP_MPMQ_STOPPING
           || (global != NULL
               && global->running_generation != w->mpm_generation);
}

static const staple_refresh_cert_t *cert_at(const staple_watchdog_t *w,
                                            apr_uint32_t index)
{
    return staple_generation_entry(w->generation, index);
}

static void watch_files(staple_watchdog_t *w)
{
    w->files = staple_files_make(w->pool);
    w->file = apr_palloc(w->pool, STAPLE_ARMOUR_MAX);
    w->unserved =
        apr_pcalloc(w->pool, (apr_size_t)w->generation->certs->nelts + 1);
    staple_files_add_all(w->files, cert_at(w, 0),
                         (apr_uint32_t)w->generation->certs->nelts);
}

/* A file has nothing for a certificate. */
static void refused(staple_watchdog_t *w, const staple_file_t *file,
                    apr_uint32_t index, staple_reason_e reason)
{
    char detail[STAPLE_RECORD_DETAIL];

    if (cert_at(w, index)->is_issuer) {
        return; /* its status alone is followed */
    }
    apr_snprintf(detail, sizeof(detail), "OCSPStapleResponseFile %s",
                 file->path);
    w->unserved[index] = (char)staple_refresh_refused(
        w->refresh, index, reason, detail, apr_time_now());
}

/* Offers a file's response to the certificates that it may be for; `status`
 * says why there is none. */
static staple_reason_e offer_file(staple_watchdog_t *w,
                                  const staple_file_t *file,
                                  apr_status_t status, const unsigned char *der,
                                  apr_size_t len)
{
    staple_reason_e result = STAPLE_NO_MATCH;
    int i;

    for (i = 0; i < file->indexes->nelts; i++) {
        apr_uint32_t index = APR_ARRAY_IDX(file->indexes, i, apr_uint32_t);
        staple_reason_e reason =
            status == APR_SUCCESS
                ? staple_refresh_offer(w->refresh, index, der, len,
                                       apr_time_now())
                : STAPLE_FILE_UNREADABLE;

        if (reason != STAPLE_OK) {
            refused(w, file, index, reason);
        }
        if (reason == STAPLE_OK || result == STAPLE_NO_MATCH) {
            result = reason;
        }
    }
    return result;
}

/* After all files: another one may have had something. */
static void report_unserved(const staple_watchdog_t *w)
{
    int i;

    for (i = 0; i < w->generation->certs->nelts; i++) {
        if (w->unserved[i]) {
            staple_report_unserved(w->reporter, (apr_uint32_t)i,
                                   apr_time_now());
            w->unserved[i] = 0;
        }
    }
}

static void check_files(staple_watchdog_t *w)
{
    apr_time_t now = apr_time_now();
    const staple_file_t *file;
    staple_reason_e reason;
    apr_status_t status;
    apr_size_t len;

    if (!staple_clock_is_over(w->files_at, FILES_INTERVAL, now)) {
        return;
    }
    w->files_at = now;
    staple_files_rewind(w->files);
    while ((file = staple_files_next(w->files, w->file, &len, &status))
           != NULL) {
        reason = offer_file(w, file, status, w->file, len);
        staple_report_file(w->reporter, file->path, reason, status);
    }
    report_unserved(w);
}

/* Shows the refresher's state to the status page. */
static void show(staple_watchdog_t *w, apr_time_t now)
{
    if (!staple_clock_is_over(w->shown_at, SHOW_INTERVAL, now)) {
        return;
    }
    w->shown_at = now;
    w->board.last_round_at = now;
    staple_refresh_show(&w->board, w->refresh);
    staple_scoreboard_put(w->generation->scoreboard, &w->board);
    staple_refresh_keep(w->generation->known, w->refresh, now);
    staple_lists_show(w->lists);
    if (staple_scoreboard_end_still(w->generation->scoreboard)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, w->generation->main_server,
                     STAPLE_LOGNO(0144)
                     "the refresher is at work again (process %" APR_PID_T_FMT
                     ")", getpid());
    }
}

/* Makes the refresher use the shared store. */
static void share(staple_watchdog_t *w, staple_refresh_options_t *refresh,
                  apr_pool_t *pool)
{
    w->worker = staple_shared_worker_make(pool, w->generation, w->fetch);
    if (w->worker == NULL) {
        return;
    }
    refresh->shared =
        apr_pstrcat(pool, staple_config_get(w->generation->main_server)->shared,
                    " (OCSPStapleShared)", NULL);
    refresh->share = staple_shared_worker_put;
    refresh->share_baton = w->worker;
}

/* Makes the refresher; leaves it NULL where child_init is not over yet. */
static void start(staple_watchdog_t *w)
{
    apr_pool_t *pool = __atomic_load_n(&w->pool, __ATOMIC_ACQUIRE);
    const server_rec *s = w->generation->main_server;
    unsigned concurrency =
        (unsigned)staple_config_value(s, STAPLE_SET_CONCURRENCY);
    const staple_fetch_options_t fetch = {
        .concurrency = concurrency,
        .user_agent = "mod_ocspstaple/" STAPLE_VERSION,
        .spool_dir = w->generation->store};
    apr_time_t now = apr_time_now();
    staple_refresh_options_t refresh = {
        .concurrency = concurrency,
        .seed = (apr_uint32_t)now ^ (apr_uint32_t)getpid(),
        .report = staple_report_take,
        .list_max_len =
            (apr_size_t)staple_config_value(s, STAPLE_SET_CRL_MAX_SIZE)};

    if (pool == NULL || w->has_failed) {
        return;
    }
    w->fetch = staple_fetch_make(pool, &fetch);
    if (w->fetch == NULL) {
        w->has_failed = 1;
        ap_log_error(APLOG_MARK, APLOG_ERR, APR_ENOMEM, s,
                     STAPLE_LOGNO(0030)
                     "the refresher cannot start: no memory for libcurl");
        return;
    }
    if (w->generation->shared != NULL) {
        share(w, &refresh, pool);
    }
    w->board.pid = getpid();
    w->board.started_at = now;
    watch_files(w);
    if (w->generation->store != NULL) {
        staple_spool_sweep(w->generation->store);
    }
    refresh.lists = staple_generation_lists(&refresh.list_count, w->generation);
    w->reporter = staple_report_make(pool, w->generation, now);
    refresh.baton = w->reporter;
    w->refresh =
        staple_refresh_make(pool, staple_generation_entry(w->generation, 0),
                            (apr_uint32_t)w->generation->certs->nelts,
                            w->generation->cache, &refresh, now);
    staple_refresh_take_over(w->refresh, w->generation->known, now);
    w->lists = staple_lists_make(pool, w->generation, w->refresh, concurrency);
    staple_store_writer_start(w->generation, pool);
    w->asks = staple_asks_start(w->generation, w->refresh, pool);
    ap_log_error(APLOG_MARK, APLOG_DEBUG, 0, s,
                 "refresher of %d certificates runs in this process",
                 w->generation->certs->nelts);
}

static void begin(staple_watchdog_t *w, staple_exchange_t *exchange)
{
    if (exchange->transport == STAPLE_TRANSPORT_SHARED) {
        staple_shared_worker_query(w->worker, exchange, apr_time_now());
    }
    else {
        staple_fetch_start(w->fetch, exchange);
    }
}

static void take_queries(staple_watchdog_t *w)
{
    staple_exchange_t *exchange;
    staple_answer_t answer;

    while (w->worker != NULL
           && (exchange = staple_shared_worker_take(w->worker, &answer,
                                              apr_time_now()))
                  != NULL) {
        staple_refresh_done(w->refresh, exchange, &answer, apr_time_now());
    }
}

static void take_answers(staple_watchdog_t *w)
{
    staple_exchange_t *exchange;
    staple_answer_t answer;

    while ((exchange = staple_fetch_take(w->fetch, &answer)) != NULL) {
        w->board.requests++;
        w->board.failures += answer.reason != STAPLE_OK;
        w->board.bytes += answer.der_len;
        if (answer.spool != NULL && answer.reason == STAPLE_OK) {
            staple_lists_take(w->lists, exchange, &answer);
        }
        else {
            staple_spool_drop(answer.spool);
            staple_refresh_done(w->refresh, exchange, &answer, apr_time_now());
        }
    }
}

/* Does what needs no exchange, and finds out what is to be done next. */
static void look_around(staple_watchdog_t *w)
{
    check_files(w);
    w->pause = staple_lists_step(w->lists, apr_time_now());
    show(w, apr_time_now());
    staple_report_step(w->reporter, apr_time_now());
    take_queries(w);
    staple_asks_step(w->asks, apr_time_now());
    w->next = staple_refresh_next(w->refresh, apr_time_now());
}

static int has_work(const staple_watchdog_t *w)
{
    return w->next != NULL || w->pause != STAPLE_LISTS_IDLE
           || staple_refresh_in_flight(w->refresh) > 0;
}

static void begin_due(staple_watchdog_t *w)
{
    while (w->next != NULL) {
        begin(w, w->next);
        w->next = staple_refresh_next(w->refresh, apr_time_now());
    }
}

/* Is all given back that exchanges needed? */
static int is_at_rest(staple_watchdog_t *w)
{
    if (!staple_fetch_rest(w->fetch, REST_AFTER)) {
        return 0;
    }
    staple_refresh_rest(w->refresh);
    return 1;
}

/* Sees what is due through, until there was nothing to ask for a while. */
static void see_through(staple_watchdog_t *w)
{
    do {
        begin_due(w);
        if (!has_work(w)) {
            staple_report_idle(w->reporter, apr_time_now());
            if (is_at_rest(w)) {
                return;
            }
        }
        staple_fetch_run(w->fetch, w->pause == STAPLE_LISTS_IDLE
                                       ? POLL_INTERVAL
                                       : w->pause);
        take_answers(w);
        look_around(w);
    } while (!is_stopping(w));
}

/*
 * What exchanges needed is to go back to the system.  glibc's malloc() keeps
 * some of what a thread frees for that thread, until it ends, here and there in
 * its heap, and all that is free between stays, too: so a burst has a thread of
 * its own.  What is left of it then are small pieces, which are merged when a
 * large block of the same heap is freed.  (malloc_trim() would do all of that,
 * but holds the lock of each heap for milliseconds, and handshakes wait for
 * it.)
 */
static void burst(void *data)
{
    staple_watchdog_t *w = data;

    w->merging = malloc(MERGING_SIZE);
    see_through(w);
}

/* Returns when there is nothing to do, or it is time to stop. */
static void run(staple_watchdog_t *w)
{
    look_around(w);
    if (!has_work(w)) {
        staple_report_idle(w->reporter, apr_time_now());
    }
    else if (staple_threads_start(&w->burst) == 0) {
        staple_threads_join(&w->burst);
        free(w->merging);
        w->merging = NULL;
    }
    else { /* no thread can be had: it works in this one, too */
        see_through(w);
    }
}

static int may_go_on(void *watchdog)
{
    return !is_stopping(watchdog);
}

static void work(staple_watchdog_t *w, apr_pool_t *p)
{
    if (w->refresh == NULL
        && staple_store_reader_finish(w->generation, p, may_go_on, w)) {
        start(w);
    }
    if (w->refresh != NULL) {
        run(w);
        if (is_stopping(w)) {
            staple_report_end(w->reporter);
        }
    }
}

/* Another child refreshes, or should.  Where it stands still, one of those that
 * look says so. */
static void watch_leader(staple_watchdog_t *w, apr_pool_t *p)
{
    apr_uint64_t beat = staple_scoreboard_beat(w->generation->scoreboard);
    apr_interval_time_t still_for =
        staple_scoreboard_watch(&w->lookout, beat, staple_steady_now());
    staple_scoreboard_t *board;

    if (still_for < STAPLE_SCOREBOARD_STILL
        || !staple_scoreboard_claim_still(w->generation->scoreboard, beat)) {
        return;
    }
    board = apr_palloc(p, sizeof(*board));
    staple_scoreboard_get(board, w->generation->scoreboard);
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, w->generation->main_server,
                 STAPLE_LOGNO(0143)
                 "%s has made no progress for %d s: staples will expire; find "
                 "out what blocks it, or kill it, and another process takes "
                 "over",
                 board->pid != 0
                     ? apr_psprintf(p,
                                    "the refresher (process %" APR_INT64_T_FMT
                                    ")",
                                    board->pid)
                     : "the refresher, which did not start,",
                 (int)apr_time_sec(still_for));
}

/*
 * Does this process refresh?  Takes the lock where it is free, and never waits:
 * one that takes over from another does so half a second later.  Not by the
 * lock that mod_watchdog has for singletons: a child that gets that waits for
 * ten seconds before it does anything, and where no child lives longer, there
 * would never be a refresher.
 */
static int is_leader(staple_watchdog_t *w)
{
    apr_time_t now = apr_time_now();

    if (!w->is_leader) {
        if (w->has_left
            || apr_proc_mutex_trylock(w->leader_lock) != APR_SUCCESS) {
            w->has_waited = 1;
            return 0;
        }
        w->is_leader = 1;
        w->leader_since = w->has_waited ? now : 0;
    }
    return staple_clock_is_over(w->leader_since, SETTLE, now);
}

/* Gives the lock back, for good: before the process ends, which may take as
 * long as its last client likes. */
static void stop_leading(staple_watchdog_t *w)
{
    w->has_left = 1;
    if (w->is_leader) {
        w->is_leader = 0;
        apr_proc_mutex_unlock(w->leader_lock);
    }
}

/* One slice of the watchdog. */
static void step(staple_watchdog_t *w, apr_pool_t *p)
{
    if (!is_stopping(w)) {
        if (is_leader(w)) {
            work(w, p);
        }
        else {
            watch_leader(w, p);
        }
    }
    if (is_stopping(w)) {
        stop_leading(w);
        staple_asks_stop(w->asks, 0);
    }
}

/* mod_watchdog never calls back again after anything but APR_SUCCESS.  STOPPING
 * may come from another thread while RUNNING is at work. */
static apr_status_t call_back(int state, void *data, apr_pool_t *p)
{
    staple_watchdog_t *w = data;

    if (state == AP_WATCHDOG_STATE_STOPPING) {
        if (staple_threads_stop(&w->inside, 0)) {
            stop_leading(w);
        }
        staple_store_writer_stop(w->generation, 0);
    }
    else if (staple_threads_begin(&w->inside)) {
        step(w, p);
        staple_threads_done(&w->inside);
    }
    return APR_SUCCESS;
}

apr_status_t staple_watchdog_register(apr_pool_t *pconf,
                                      staple_generation_t *generation)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get_instance;
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *register_callback;
    staple_watchdog_t *w = apr_pcalloc(pconf, sizeof(*w));
    ap_watchdog_t *watchdog;
    apr_status_t status;

    get_instance = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    register_callback = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    if (get_instance == NULL || register_callback == NULL) {
        return APR_ENOTIMPL;
    }
    staple_threads_make(&w->inside, NULL, NULL);
    staple_threads_make(&w->burst, burst, w);
    w->generation = generation;
    ap_mpm_query(AP_MPMQ_GENERATION, &w->mpm_generation);
    status = staple_generation_make_lock(&w->leader_lock, pconf);
    if (status != APR_SUCCESS) { /* no file: APR's choice must do */
        status = apr_proc_mutex_create(&w->leader_lock, NULL, APR_LOCK_DEFAULT,
                                       pconf);
    }
    if (status == APR_SUCCESS) {
        status = get_instance(&watchdog, WATCHDOG_NAME, 0, 0, pconf);
    }
    if (status == APR_SUCCESS) {
        status = register_callback(watchdog, AP_WD_TM_SLICE, w, call_back);
    }
    generation->watchdog = status == APR_SUCCESS ? w : NULL;
    return status;
}

/* The child ends.  mod_watchdog waits for its thread as late as in exit(), when
 * OpenSSL has cleaned up already: it must be out of our code now, and finds
 * nothing to do from here on.  Where it hangs, its memory stays. */
static apr_status_t stop(void *data)
{
    staple_watchdog_t *w = data;

    if (staple_threads_stop(&w->inside, PATIENCE)) {
        staple_asks_stop(w->asks, 1);
        apr_pool_destroy(w->pool);
    }
    return APR_SUCCESS;
}

void staple_watchdog_child_init(apr_pool_t *pchild, server_rec *s)
{
    staple_watchdog_t *w = staple_generation_get()->watchdog;

    (void)s;
    if (w == NULL) {
        return;
    }
    apr_pool_pre_cleanup_register(pchild, w, stop);
    /* Not below pchild: a thread that hangs must not find its memory gone while
     * this child ends. */
    __atomic_store_n(&w->pool,
                     staple_pool_apart(pchild, "ocspstaple_refresher"),
                     __ATOMIC_RELEASE);
}
