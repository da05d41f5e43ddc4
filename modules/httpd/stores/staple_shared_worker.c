/* Threads that call the shared store's provider, which may block. */
#include "staple_shared_worker.h"

#include <apr_strings.h>
#include <stdlib.h>

#include "staple_shared.h"
#include "staple_threads.h"
#include "base/staple_clock.h"
#include "httpd/config/staple_config.h"

#define THREADS 4
#define PUTS_MAX 1000 /* that wait; more are dropped */

/* How often the log is told that puts fail. */
#define TELL apr_time_from_sec(600)

/* How long stopping httpd waits for threads that are at work. */
#define GRACE apr_time_from_msec(300)

typedef struct task_t {
    struct task_t *next;
    const staple_cert_t *cert;
    int is_query;                /* or a put */
    apr_time_t began_at;         /* query */
    apr_interval_time_t timeout; /* query: late after that */
    apr_interval_time_t note_life;
    apr_time_t use_until;        /* put */
    apr_status_t status;
    apr_interval_time_t took;
    int is_asked;
    char words[120];             /* about a failure */
    staple_exchange_t *exchange; /* under lock; NULL: no longer awaited */
    apr_size_t len;
    unsigned char value[]; /* query: of STAPLE_CODEC_MAX bytes */
} task_t;

typedef struct list_t {
    task_t *first, *last;
} list_t;

struct staple_shared_worker_t {
    staple_threads_t threads;
    apr_pool_t *pool; /* the threads' own have the same end without memory */
    const staple_generation_t *generation;
    staple_fetch_t *fetch;
    server_rec *server;
    const char *name; /* OCSPStapleShared */
    staple_shared_t *shared;
    /* for who is in */
    list_t waiting, done;
    unsigned puts_waiting;
    /* the watchdog's thread only */
    task_t *queries[STAPLE_SHARE_QUERIES]; /* under way */
    task_t *taken;                         /* its value is the caller's */
    unsigned failed_puts;
    apr_time_t told_at;
};

static void append(list_t *list, task_t *task)
{
    task->next = NULL;
    if (list->first == NULL) {
        list->first = task;
    }
    else {
        list->last->next = task;
    }
    list->last = task;
}

static task_t *take_first(list_t *list)
{
    task_t *task = list->first;

    if (task != NULL) {
        list->first = task->next;
    }
    return task;
}

/* ---- in the threads ---- */

static void run(staple_shared_worker_t *worker, task_t *task, apr_pool_t *p)
{
    const unsigned char *sha256 = task->cert->sha256;
    apr_time_t began = apr_time_now();

    if (task->is_query) {
        task->status = staple_shared_query(task->value, &task->len,
                                           &task->is_asked, worker->shared,
                                           sha256, task->note_life, p);
    }
    else if (task->len > 0) {
        task->status = staple_shared_put(worker->shared, sha256, task->value,
                                         task->len, task->use_until, p);
    }
    else {
        staple_shared_remove_note(worker->shared, sha256, p);
    }
    task->took = apr_time_now() - began;
    if (task->status != APR_SUCCESS) {
        apr_strerror(task->status, task->words, sizeof(task->words));
    }
    apr_pool_clear(p);
}

static void run_all(void *data)
{
    staple_shared_worker_t *worker = data;
    staple_threads_t *threads = &worker->threads;
    apr_pool_t *p = staple_threads_pool(worker->pool, "ocspstaple_shared");

    staple_threads_enter(threads);
    while (!threads->is_ending) {
        task_t *task = take_first(&worker->waiting);

        if (task == NULL) {
            staple_threads_wait(threads, apr_time_from_sec(60));
            continue;
        }
        worker->puts_waiting -= !task->is_query;
        if (!task->is_query || task->exchange != NULL) {
            staple_threads_leave(threads);
            run(worker, task, p);
            staple_threads_enter(threads);
        }
        append(&worker->done, task);
        if (!threads->is_ending) {
            staple_fetch_wake(worker->fetch);
        }
    }
    staple_threads_leave(threads);
    apr_pool_destroy(p);
}

/* ---- in the watchdog's thread ---- */

static apr_status_t end(void *data)
{
    staple_shared_worker_t *worker = data;

    if (staple_threads_stop(&worker->threads, GRACE)) {
        apr_pool_destroy(worker->pool);
    }
    return APR_SUCCESS;
}

staple_shared_worker_t *
staple_shared_worker_make(apr_pool_t *owner,
                          const staple_generation_t *generation,
                          staple_fetch_t *fetch)
{
    apr_pool_t *p = staple_threads_pool(owner, "ocspstaple_shared");
    staple_shared_worker_t *worker = apr_pcalloc(p, sizeof(*worker));
    int status = 0;
    unsigned i;

    staple_threads_make(&worker->threads, run_all, worker);
    worker->pool = p;
    worker->generation = generation;
    worker->fetch = fetch;
    worker->server = generation->main_server;
    worker->name = staple_config_get(worker->server)->shared;
    worker->shared = generation->shared;
    for (i = 0; i < THREADS && status == 0; i++) {
        status = staple_threads_start(&worker->threads);
    }
    if (i == 1 && status != 0) {
        ap_log_error(APLOG_MARK, APLOG_ERR, status, worker->server,
                     STAPLE_LOGNO(0082)
                     "OCSPStapleShared %s is not used: no thread can be "
                     "started", worker->name);
        apr_pool_destroy(p);
        return NULL;
    }
    apr_pool_cleanup_register(owner, worker, end, apr_pool_cleanup_null);
    return worker;
}

static void hand_over(staple_shared_worker_t *worker, task_t *task)
{
    staple_threads_enter(&worker->threads);
    append(&worker->waiting, task);
    worker->puts_waiting += !task->is_query;
    pthread_cond_broadcast(&worker->threads.changed);
    staple_threads_leave(&worker->threads);
}

static task_t *make_task(const staple_cert_t *cert, apr_size_t room)
{
    task_t *task = malloc(sizeof(*task) + room);

    if (task != NULL) {
        memset(task, 0, sizeof(*task));
        task->cert = cert;
        task->len = room;
    }
    return task;
}

void staple_shared_worker_query(staple_shared_worker_t *worker,
                                staple_exchange_t *exchange, apr_time_t now)
{
    const staple_refresh_cert_t *entry =
        staple_generation_entry(worker->generation, exchange->index);
    task_t *task = make_task(entry->cert, STAPLE_CODEC_MAX);
    int i = 0;

    ap_assert(task != NULL);
    task->is_query = 1;
    task->exchange = exchange;
    task->began_at = now;
    task->timeout = exchange->timeout;
    /* Providers count in whole seconds. */
    task->note_life =
        staple_share_wait_limit(entry->policy) + apr_time_from_sec(1);
    while (worker->queries[i] != NULL) {
        i++;
    }
    worker->queries[i] = task;
    hand_over(worker, task);
}

static void tell_failed_puts(staple_shared_worker_t *worker,
                             apr_status_t status)
{
    apr_time_t now = apr_time_now();

    worker->failed_puts++;
    if (!staple_clock_is_over(worker->told_at, TELL, now)) {
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_WARNING, status, worker->server,
                 STAPLE_LOGNO(0083)
                 "OCSPStapleShared %s: %u response%s could not be stored; "
                 "other machines will ask the CA themselves",
                 worker->name, worker->failed_puts,
                 worker->failed_puts == 1 ? "" : "s");
    worker->failed_puts = 0;
    worker->told_at = now;
}

void staple_shared_worker_put(void *baton, apr_uint32_t index,
                              const unsigned char *value, apr_size_t len,
                              apr_time_t use_until)
{
    staple_shared_worker_t *worker = baton;
    task_t *task = NULL;
    int has_room;

    staple_threads_enter(&worker->threads);
    has_room = worker->puts_waiting < PUTS_MAX;
    staple_threads_leave(&worker->threads);
    if (has_room) {
        task = make_task(
            staple_generation_entry(worker->generation, index)->cert, len);
    }
    if (task == NULL) {
        tell_failed_puts(worker, APR_ENOMEM);
        return;
    }
    if (len > 0) {
        memcpy(task->value, value, len);
    }
    task->use_until = use_until;
    hand_over(worker, task);
}

static task_t *next_done(staple_shared_worker_t *worker)
{
    task_t *task;

    staple_threads_enter(&worker->threads);
    task = take_first(&worker->done);
    staple_threads_leave(&worker->threads);
    return task;
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

/* A query that is late: its exchange, or NULL.  The thread that has the task
 * gives it back some day. */
static staple_exchange_t *take_late(staple_shared_worker_t *worker,
                                    staple_answer_t *answer, apr_time_t now)
{
    staple_exchange_t *exchange;
    int i;

    for (i = 0; i < STAPLE_SHARE_QUERIES; i++) {
        task_t *task = worker->queries[i];

        if (task != NULL
            && staple_clock_is_over(task->began_at, task->timeout, now)) {
            worker->queries[i] = NULL;
            staple_threads_enter(&worker->threads);
            exchange = task->exchange;
            task->exchange = NULL;
            staple_threads_leave(&worker->threads);
            answer->reason = STAPLE_TIMEOUT;
            answer->took = STAPLE_SHARE_TIMEOUT;
            return exchange;
        }
    }
    return NULL;
}

staple_exchange_t *staple_shared_worker_take(staple_shared_worker_t *worker,
                                       staple_answer_t *answer, apr_time_t now)
{
    task_t *task;
    int i;

    memset(answer, 0, sizeof(*answer));
    answer->detail = "";
    free(worker->taken);
    worker->taken = NULL;
    while ((task = next_done(worker)) != NULL && task->exchange == NULL) {
        if (!task->is_query && task->status != APR_SUCCESS) {
            tell_failed_puts(worker, task->status);
        }
        free(task);
    }
    if (task == NULL) {
        return take_late(worker, answer, now);
    }
    for (i = 0; i < STAPLE_SHARE_QUERIES; i++) {
        if (worker->queries[i] == task) {
            worker->queries[i] = NULL;
        }
    }
    worker->taken = task;
    answer->reason = reason_of(task->status);
    answer->detail = task->words;
    answer->der = task->value;
    answer->der_len = task->len;
    answer->took = task->took;
    answer->is_asked = task->is_asked;
    return task->exchange;
}
