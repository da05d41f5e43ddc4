/* Threads that call the shared store's provider, which may block. */
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

typedef struct thread_t {
    staple_shared_worker_t *worker;
    apr_pool_t *pool; /* cleared after each task */
    apr_thread_t *thread;
} thread_t;

struct staple_shared_worker_t {
    const staple_generation_t *generation;
    staple_fetch_t *fetch;
    thread_t threads[THREADS];
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

static void *APR_THREAD_FUNC run_all(apr_thread_t *own, void *data)
{
    thread_t *thread = data;
    staple_shared_worker_t *worker = thread->worker;

    (void)own;
    apr_setup_signal_thread();
    apr_thread_mutex_lock(worker->lock);
    while (!worker->is_ending) {
        task_t *task = take_first(&worker->waiting);

        if (task == NULL) {
            apr_thread_cond_wait(worker->changed, worker->lock);
            continue;
        }
        worker->puts_waiting -= !task->is_query;
        if (!task->is_query || task->exchange != NULL) {
            apr_thread_mutex_unlock(worker->lock);
            run(worker, task, thread->pool);
            apr_thread_mutex_lock(worker->lock);
        }
        append(&worker->done, task);
        if (!worker->is_ending) {
            staple_fetch_wake(worker->fetch);
        }
    }
    worker->running--;
    apr_thread_cond_broadcast(worker->changed);
    apr_thread_mutex_unlock(worker->lock);
    return NULL;
}

/* ---- in the watchdog's thread ---- */

/* A thread with a pool of its own, allocator and all. */
static apr_status_t start_thread(staple_shared_worker_t *worker,
                                 thread_t *thread, apr_pool_t *p)
{
    apr_allocator_t *allocator;
    apr_status_t status = apr_allocator_create(&allocator);

    if (status != APR_SUCCESS) {
        return status;
    }
    apr_allocator_max_free_set(allocator, 1048576);
    thread->worker = worker;
    status = apr_pool_create_ex(&thread->pool, p, NULL, allocator);
    if (status != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return status;
    }
    apr_allocator_owner_set(allocator, thread->pool);
    apr_pool_tag(thread->pool, "ocspstaple_shared");
    worker->running++;
    status = apr_thread_create(&thread->thread, NULL, run_all, thread, p);
    if (status != APR_SUCCESS) {
        worker->running--;
        thread->thread = NULL;
    }
    return status;
}

staple_shared_worker_t *
staple_shared_worker_make(apr_pool_t *p, const staple_generation_t *generation,
                          staple_fetch_t *fetch)
{
    staple_shared_worker_t *worker = apr_pcalloc(p, sizeof(*worker));
    apr_status_t status = APR_SUCCESS;
    int i;

    worker->generation = generation;
    worker->fetch = fetch;
    worker->server = generation->main_server;
    worker->name = staple_config_get(worker->server)->shared;
    worker->shared = generation->shared;
    if (apr_thread_mutex_create(&worker->lock, APR_THREAD_MUTEX_DEFAULT, p)
            != APR_SUCCESS
        || apr_thread_cond_create(&worker->changed, p) != APR_SUCCESS) {
        return NULL;
    }
    apr_thread_mutex_lock(worker->lock);
    for (i = 0; i < THREADS && status == APR_SUCCESS; i++) {
        status = start_thread(worker, &worker->threads[i], p);
    }
    i = (int)worker->running;
    apr_thread_mutex_unlock(worker->lock);
    if (i == 0) {
        ap_log_error(APLOG_MARK, APLOG_ERR, status, worker->server,
                     STAPLE_LOGNO(0082)
                     "OCSPStapleShared %s is not used: no thread can be "
                     "started", worker->name);
        return NULL;
    }
    return worker;
}

static void hand_over(staple_shared_worker_t *worker, task_t *task)
{
    apr_thread_mutex_lock(worker->lock);
    append(&worker->waiting, task);
    worker->puts_waiting += !task->is_query;
    apr_thread_cond_signal(worker->changed);
    apr_thread_mutex_unlock(worker->lock);
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

    apr_thread_mutex_lock(worker->lock);
    has_room = worker->puts_waiting < PUTS_MAX;
    apr_thread_mutex_unlock(worker->lock);
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

    apr_thread_mutex_lock(worker->lock);
    task = take_first(&worker->done);
    apr_thread_mutex_unlock(worker->lock);
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
            apr_thread_mutex_lock(worker->lock);
            exchange = task->exchange;
            task->exchange = NULL;
            apr_thread_mutex_unlock(worker->lock);
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

void staple_shared_worker_end(staple_shared_worker_t *worker)
{
    apr_time_t began = apr_time_now(), now = began;
    apr_status_t status;
    unsigned running;
    int i;

    apr_thread_mutex_lock(worker->lock);
    worker->is_ending = 1;
    apr_thread_cond_broadcast(worker->changed);
    while (worker->running > 0 && !staple_clock_is_over(began, GRACE, now)) {
        apr_thread_cond_timedwait(worker->changed, worker->lock,
                                  GRACE - (now - began));
        now = apr_time_now();
    }
    running = worker->running;
    apr_thread_mutex_unlock(worker->lock);
    for (i = 0; i < THREADS && running == 0; i++) {
        if (worker->threads[i].thread != NULL) {
            apr_thread_join(&status, worker->threads[i].thread);
        }
    }
}
