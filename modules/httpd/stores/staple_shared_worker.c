/* Threads that run errands to the shared store, so that nobody waits for it. */
#include "staple_shared_worker.h"

#include <apr_signal.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>
#include <stdlib.h>

#include "staple_shared.h"
#include "base/staple_clock.h"
#include "httpd/config/staple_config.h"

#define THREADS 4
#define PUTS_MAX 1000 /* that wait; more are dropped */

/* How often the log is told that puts fail. */
#define TELL apr_time_from_sec(600)

/* How long stopping httpd waits for threads that are at work. */
#define GRACE apr_time_from_msec(300)

typedef struct errand_t {
    struct errand_t *next;
    const staple_cert_t *cert;
    int is_look;                 /* or a put */
    apr_time_t began_at;         /* look */
    apr_interval_time_t timeout; /* look: late after that */
    apr_interval_time_t note_life;
    apr_time_t use_until;        /* put */
    apr_status_t status;
    apr_interval_time_t took;
    int is_asked;
    char words[120];             /* about a failure */
    staple_exchange_t *exchange; /* under lock; NULL: nobody waits for it */
    apr_size_t len;
    unsigned char value[]; /* look: of STAPLE_CODEC_MAX bytes */
} errand_t;

typedef struct list_t {
    errand_t *first, *last;
} list_t;

typedef struct runner_t {
    staple_shared_worker_t *errands;
    apr_pool_t *pool; /* cleared after each errand */
    apr_thread_t *thread;
} runner_t;

struct staple_shared_worker_t {
    staple_shared_worker_options_t options;
    runner_t runners[THREADS];
    server_rec *server;
    const char *name; /* OCSPStapleShared */
    staple_shared_t *shared;
    apr_thread_mutex_t *lock;
    apr_thread_cond_t *changed;
    /* under lock */
    list_t waiting, done;
    unsigned puts_waiting;
    unsigned running;
    int is_ending;
    /* the watchdog's thread only */
    errand_t *looks[STAPLE_SHARE_LOOKS]; /* under way */
    errand_t *taken;                     /* its value is the caller's */
    unsigned failed_puts;
    apr_time_t told_at;
};

static void append(list_t *list, errand_t *errand)
{
    errand->next = NULL;
    if (list->first == NULL) {
        list->first = errand;
    }
    else {
        list->last->next = errand;
    }
    list->last = errand;
}

static errand_t *take_first(list_t *list)
{
    errand_t *errand = list->first;

    if (errand != NULL) {
        list->first = errand->next;
    }
    return errand;
}

/* ---- in the threads ---- */

static void run(staple_shared_worker_t *errands, errand_t *errand, apr_pool_t *p)
{
    const unsigned char *sha256 = errand->cert->sha256;
    apr_time_t began = apr_time_now();

    if (errand->is_look) {
        errand->status = staple_shared_query(
            errand->value, &errand->len, &errand->is_asked, errands->shared,
            sha256, errand->note_life, p);
    }
    else if (errand->len > 0) {
        errand->status = staple_shared_put(errands->shared, sha256,
                                           errand->value, errand->len,
                                           errand->use_until, p);
    }
    else {
        staple_shared_remove_note(errands->shared, sha256, p);
    }
    errand->took = apr_time_now() - began;
    if (errand->status != APR_SUCCESS) {
        apr_strerror(errand->status, errand->words, sizeof(errand->words));
    }
    apr_pool_clear(p);
}

static void *APR_THREAD_FUNC run_all(apr_thread_t *thread, void *data)
{
    runner_t *runner = data;
    staple_shared_worker_t *errands = runner->errands;

    (void)thread;
    apr_setup_signal_thread();
    apr_thread_mutex_lock(errands->lock);
    while (!errands->is_ending) {
        errand_t *errand = take_first(&errands->waiting);

        if (errand == NULL) {
            apr_thread_cond_wait(errands->changed, errands->lock);
            continue;
        }
        errands->puts_waiting -= !errand->is_look;
        if (!errand->is_look || errand->exchange != NULL) {
            apr_thread_mutex_unlock(errands->lock);
            run(errands, errand, runner->pool);
            apr_thread_mutex_lock(errands->lock);
        }
        append(&errands->done, errand);
        if (!errands->is_ending) {
            errands->options.wake(errands->options.baton);
        }
    }
    errands->running--;
    apr_thread_cond_broadcast(errands->changed);
    apr_thread_mutex_unlock(errands->lock);
    return NULL;
}

/* ---- in the watchdog's thread ---- */

/* A thread with a pool of its own, allocator and all. */
static apr_status_t start_runner(staple_shared_worker_t *errands, runner_t *runner,
                                 apr_pool_t *p)
{
    apr_allocator_t *allocator;
    apr_status_t status = apr_allocator_create(&allocator);

    if (status != APR_SUCCESS) {
        return status;
    }
    apr_allocator_max_free_set(allocator, 1048576);
    runner->errands = errands;
    status = apr_pool_create_ex(&runner->pool, p, NULL, allocator);
    if (status != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return status;
    }
    apr_allocator_owner_set(allocator, runner->pool);
    apr_pool_tag(runner->pool, "ocspstaple_errand");
    errands->running++;
    status = apr_thread_create(&runner->thread, NULL, run_all, runner, p);
    if (status != APR_SUCCESS) {
        errands->running--;
        runner->thread = NULL;
    }
    return status;
}

staple_shared_worker_t *staple_shared_worker_make(apr_pool_t *p,
                                      const staple_shared_worker_options_t *options)
{
    staple_shared_worker_t *errands = apr_pcalloc(p, sizeof(*errands));
    apr_status_t status = APR_SUCCESS;
    int i;

    errands->options = *options;
    errands->server = options->view->main_server;
    errands->name = staple_config_get(errands->server)->shared;
    errands->shared = options->view->shared;
    if (apr_thread_mutex_create(&errands->lock, APR_THREAD_MUTEX_DEFAULT, p)
            != APR_SUCCESS
        || apr_thread_cond_create(&errands->changed, p) != APR_SUCCESS) {
        return NULL;
    }
    apr_thread_mutex_lock(errands->lock);
    for (i = 0; i < THREADS && status == APR_SUCCESS; i++) {
        status = start_runner(errands, &errands->runners[i], p);
    }
    i = (int)errands->running;
    apr_thread_mutex_unlock(errands->lock);
    if (i == 0) {
        ap_log_error(APLOG_MARK, APLOG_ERR, status, errands->server,
                     STAPLE_LOGNO(0082)
                     "OCSPStapleShared %s is not used: no thread can be "
                     "started", errands->name);
        return NULL;
    }
    return errands;
}

static void hand_over(staple_shared_worker_t *errands, errand_t *errand)
{
    apr_thread_mutex_lock(errands->lock);
    append(&errands->waiting, errand);
    errands->puts_waiting += !errand->is_look;
    apr_thread_cond_signal(errands->changed);
    apr_thread_mutex_unlock(errands->lock);
}

static errand_t *make_errand(const staple_cert_t *cert, apr_size_t room)
{
    errand_t *errand = malloc(sizeof(*errand) + room);

    if (errand != NULL) {
        memset(errand, 0, sizeof(*errand));
        errand->cert = cert;
        errand->len = room;
    }
    return errand;
}

void staple_shared_worker_look(staple_shared_worker_t *errands, staple_exchange_t *exchange,
                         const staple_refresh_cert_t *who, apr_time_t now)
{
    errand_t *errand = make_errand(who->cert, STAPLE_CODEC_MAX);
    int i = 0;

    ap_assert(errand != NULL);
    errand->is_look = 1;
    errand->exchange = exchange;
    errand->began_at = now;
    errand->timeout = exchange->timeout;
    /* Providers count in whole seconds. */
    errand->note_life =
        staple_share_wait_limit(who->policy) + apr_time_from_sec(1);
    while (errands->looks[i] != NULL) {
        i++;
    }
    errands->looks[i] = errand;
    hand_over(errands, errand);
}

static void tell_failed_puts(staple_shared_worker_t *errands, apr_status_t status)
{
    apr_time_t now = apr_time_now();

    errands->failed_puts++;
    if (!staple_clock_is_over(errands->told_at, TELL, now)) {
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_WARNING, status, errands->server,
                 STAPLE_LOGNO(0083)
                 "OCSPStapleShared %s: %u response%s could not be put there; "
                 "machines that would find them ask the CA for themselves",
                 errands->name, errands->failed_puts,
                 errands->failed_puts == 1 ? "" : "s");
    errands->failed_puts = 0;
    errands->told_at = now;
}

void staple_shared_worker_put(staple_shared_worker_t *errands, const staple_cert_t *cert,
                        const unsigned char *value, apr_size_t len,
                        apr_time_t use_until)
{
    errand_t *errand = NULL;
    int has_room;

    apr_thread_mutex_lock(errands->lock);
    has_room = errands->puts_waiting < PUTS_MAX;
    apr_thread_mutex_unlock(errands->lock);
    if (has_room) {
        errand = make_errand(cert, len);
    }
    if (errand == NULL) {
        tell_failed_puts(errands, APR_ENOMEM);
        return;
    }
    if (len > 0) {
        memcpy(errand->value, value, len);
    }
    errand->use_until = use_until;
    hand_over(errands, errand);
}

static errand_t *next_done(staple_shared_worker_t *errands)
{
    errand_t *errand;

    apr_thread_mutex_lock(errands->lock);
    errand = take_first(&errands->done);
    apr_thread_mutex_unlock(errands->lock);
    return errand;
}

static staple_reason_e reason_of(apr_status_t status)
{
    if (status == APR_SUCCESS) {
        return STAPLE_OK;
    }
    if (status == APR_ENOSPC) {
        return STAPLE_DAMAGED; /* larger than any value */
    }
    if (APR_STATUS_IS_TIMEUP(status)) {
        return STAPLE_TIMEOUT;
    }
    return APR_STATUS_IS_ECONNREFUSED(status) ? STAPLE_CONNECT
                                              : STAPLE_NETWORK;
}

/* A look that is late: its exchange, or NULL.  The thread that has the errand
 * gives it back some day. */
static staple_exchange_t *take_late(staple_shared_worker_t *errands,
                                    staple_answer_t *answer, apr_time_t now)
{
    staple_exchange_t *exchange;
    int i;

    for (i = 0; i < STAPLE_SHARE_LOOKS; i++) {
        errand_t *errand = errands->looks[i];

        if (errand != NULL
            && staple_clock_is_over(errand->began_at, errand->timeout, now)) {
            errands->looks[i] = NULL;
            apr_thread_mutex_lock(errands->lock);
            exchange = errand->exchange;
            errand->exchange = NULL;
            apr_thread_mutex_unlock(errands->lock);
            answer->reason = STAPLE_TIMEOUT;
            answer->took = STAPLE_SHARE_TIMEOUT;
            return exchange;
        }
    }
    return NULL;
}

staple_exchange_t *staple_shared_worker_take(staple_shared_worker_t *errands,
                                       staple_answer_t *answer, apr_time_t now)
{
    errand_t *errand;
    int i;

    memset(answer, 0, sizeof(*answer));
    answer->detail = "";
    free(errands->taken);
    errands->taken = NULL;
    while ((errand = next_done(errands)) != NULL && errand->exchange == NULL) {
        if (!errand->is_look && errand->status != APR_SUCCESS) {
            tell_failed_puts(errands, errand->status);
        }
        free(errand);
    }
    if (errand == NULL) {
        return take_late(errands, answer, now);
    }
    for (i = 0; i < STAPLE_SHARE_LOOKS; i++) {
        if (errands->looks[i] == errand) {
            errands->looks[i] = NULL;
        }
    }
    errands->taken = errand;
    answer->reason = reason_of(errand->status);
    answer->detail = errand->words;
    answer->der = errand->value;
    answer->der_len = errand->len;
    answer->took = errand->took;
    answer->is_asked = errand->is_asked;
    return errand->exchange;
}

void staple_shared_worker_end(staple_shared_worker_t *errands)
{
    apr_time_t began = apr_time_now(), now = began;
    apr_status_t status;
    unsigned running;
    int i;

    apr_thread_mutex_lock(errands->lock);
    errands->is_ending = 1;
    apr_thread_cond_broadcast(errands->changed);
    while (errands->running > 0 && !staple_clock_is_over(began, GRACE, now)) {
        apr_thread_cond_timedwait(errands->changed, errands->lock,
                                  GRACE - (now - began));
        now = apr_time_now();
    }
    running = errands->running;
    apr_thread_mutex_unlock(errands->lock);
    for (i = 0; i < THREADS && running == 0; i++) {
        if (errands->runners[i].thread != NULL) {
            apr_thread_join(&status, errands->runners[i].thread);
        }
    }
}
