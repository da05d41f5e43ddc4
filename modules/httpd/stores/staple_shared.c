/* OCSPStapleShared: a store that many machines share, by an httpd provider. */
#include "staple_shared.h"

#include <apr_strings.h>
#include <http_core.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <util_mutex.h>

#include "base/staple_clock.h"
#include "base/staple_pool.h"
#include "httpd/config/staple_config.h"
#include "staple_threads.h"

#define STORE_NAME "ocspstaple" /* providers allow 14 characters */
#define MUTEX_NAME "ocspstaple-shared" /* for the directive Mutex */
#define MARK_NAME "mod_ocspstaple mark" /* of what is retained */
#define ID_MAX 33

/* memcached takes more seconds than these of 30 days for a date. */
#define LIFE_LAST apr_time_from_sec(30 * 86400 - 60)

/* What failed is not tried again for so long: providers log each failure, and
 * some say of a server that is down for 5 s that it has nothing.  Longer where
 * the server is there and refuses: it is full, or not to be written to. */
#define REST apr_time_from_sec(5)
#define REST_REFUSED apr_time_from_sec(60)

#define THREADS 4
#define PUTS_MAX 1000 /* that wait; more are dropped */

/* How often the log is told that puts fail. */
#define TELL apr_time_from_sec(600)

/* How long stopping httpd waits for threads that are at work. */
#define GRACE apr_time_from_msec(300)

/* When and why a kind of call failed last. */
typedef struct rest_t {
    apr_time_t since; /* 0: it did not */
    apr_interval_time_t period;
    apr_status_t status;
} rest_t;

/* Set in the parent, read-only afterwards. */
struct staple_shared_t {
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex; /* NULL: the provider needs none */
    const unsigned char *mark;
    server_rec *server;
    const char *name; /* OCSPStapleShared */
};

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
    apr_pool_t *pool; /* this is in it */
    const staple_generation_t *generation;
    staple_fetch_t *fetch;
    const staple_shared_t *shared;
    /* for who is in */
    list_t waiting, done;
    unsigned puts_waiting;
    rest_t get_rest, put_rest;
    /* the watchdog's thread only */
    task_t *queries[STAPLE_SHARE_QUERIES]; /* under way */
    task_t *taken;                         /* its value is the caller's */
    unsigned failed_puts;
    apr_time_t told_at;
};

/* ---- the parent ---- */

apr_status_t staple_shared_register(apr_pool_t *pconf)
{
    return ap_mutex_register(pconf, MUTEX_NAME, NULL, APR_LOCK_DEFAULT, 0);
}

/* Another generation must not wait for what this one has begun. */
static const unsigned char *make_mark(void)
{
    unsigned char *mark = ap_retained_data_get(MARK_NAME);

    if (mark == NULL) {
        mark = ap_retained_data_create(MARK_NAME, STAPLE_SHARED_MARK);
        if (RAND_bytes(mark, STAPLE_SHARED_MARK) != 1) {
            apr_generate_random_bytes(mark, STAPLE_SHARED_MARK);
        }
    }
    return mark;
}

/* The provider's destroy() is not called: what belongs to the configuration is
 * in its pool, and what it would remove beyond that is the store itself, which
 * is there to outlive restarts. */
int staple_shared_open(staple_generation_t *generation, apr_pool_t *pconf)
{
    static const struct ap_socache_hints hints = {
        .avg_id_len = 32, .avg_obj_size = 2048,
        .expiry_interval = apr_time_from_sec(60)};
    server_rec *s = generation->main_server;
    const staple_config_t *config = staple_config_get(s);
    staple_shared_t *shared;
    apr_status_t status = APR_SUCCESS;

    if (config->shared == NULL) {
        return 1;
    }
    shared = apr_pcalloc(pconf, sizeof(*shared));
    shared->provider = config->shared_provider;
    shared->instance = config->shared_instance;
    shared->server = s;
    shared->name = config->shared;
    shared->mark = make_mark();
    if (shared->provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) {
        status = ap_global_mutex_create(&shared->mutex, NULL, MUTEX_NAME, NULL,
                                        s, pconf, 0);
    }
    if (status == APR_SUCCESS) {
        status = shared->provider->init(shared->instance, STORE_NAME, &hints, s,
                                        pconf);
    }
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                     STAPLE_LOGNO(0080)
                     "OCSPStapleShared %s: the store cannot be opened; the "
                     "provider says why in the line before",
                     config->shared);
        return 0;
    }
    generation->shared = shared;
    return 1;
}

void staple_shared_child_init(const staple_generation_t *generation,
                              apr_pool_t *pchild)
{
    staple_shared_t *shared = generation->shared;
    apr_status_t status;

    if (shared == NULL || shared->mutex == NULL) {
        return;
    }
    status = apr_global_mutex_child_init(
        &shared->mutex, apr_global_mutex_lockfile(shared->mutex), pchild);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, status, shared->server,
                     STAPLE_LOGNO(0081) "OCSPStapleShared %s: the lock cannot "
                                        "be used in this process",
                     shared->name);
    }
}

/* ---- the provider's calls ---- */

/* Waits for the lock that the provider needs, if it does. */
static apr_status_t enter(const staple_shared_t *shared)
{
    return shared->mutex != NULL ? apr_global_mutex_lock(shared->mutex)
                                 : APR_SUCCESS;
}

static void leave(const staple_shared_t *shared)
{
    if (shared->mutex != NULL) {
        apr_global_mutex_unlock(shared->mutex);
    }
}

static unsigned make_id(unsigned char id[ID_MAX],
                        const unsigned char sha256[32], int is_note)
{
    memcpy(id, sha256, 32);
    id[32] = 'n';
    return is_note ? ID_MAX : ID_MAX - 1;
}

/* ---- with a rest after failures ---- */

/* May this kind of call be made?  Else *status is that of the last failure. */
static int may_call(staple_shared_worker_t *worker, const rest_t *rest,
                    apr_status_t *status)
{
    int may;

    staple_threads_enter(&worker->threads);
    may = staple_clock_is_over(rest->since, rest->period, apr_time_now());
    *status = rest->status;
    staple_threads_leave(&worker->threads);
    return may;
}

/* Remembers a failure that others would meet, too. */
static apr_status_t remember(staple_shared_worker_t *worker, rest_t *rest,
                             apr_status_t status)
{
    if (status != APR_SUCCESS && status != APR_ENOSPC && status != APR_EINVAL
        && !(rest == &worker->get_rest && APR_STATUS_IS_NOTFOUND(status))) {
        staple_threads_enter(&worker->threads);
        rest->since = apr_time_now();
        rest->period = rest == &worker->put_rest && status == APR_EGENERAL
                           ? REST_REFUSED
                           : REST;
        rest->status = status;
        staple_threads_leave(&worker->threads);
    }
    return status;
}

/* Copies the value (`is_note`: the note) to buf, which has *len bytes, and sets
 * *len.  APR_NOTFOUND: there is none; APR_ENOSPC: it is larger than that. */
static apr_status_t get(staple_shared_worker_t *worker,
                        const unsigned char *sha256, unsigned char *buf,
                        apr_size_t *len, int is_note, apr_pool_t *p)
{
    const staple_shared_t *shared = worker->shared;
    unsigned char id[ID_MAX];
    unsigned id_len = make_id(id, sha256, is_note), room = (unsigned)*len;
    apr_status_t status;

    *len = 0;
    if (!may_call(worker, &worker->get_rest, &status)) {
        return status;
    }
    status = enter(shared);
    if (status == APR_SUCCESS) {
        status = shared->provider->retrieve(shared->instance, shared->server,
                                            id, id_len, buf, &room, p);
        leave(shared);
    }
    if (status == APR_SUCCESS) {
        *len = room;
    }
    else if (status == APR_EGENERAL && shared->mutex != NULL) {
        status = APR_NOTFOUND; /* so mod_socache_dbm with Berkeley DB */
    }
    else if (status == APR_ENOMEM) {
        status = APR_ENOSPC; /* providers do not agree on that */
    }
    return remember(worker, &worker->get_rest, status);
}

/* Puts a value (a note) into the store, until `expires`. */
static apr_status_t put(staple_shared_worker_t *worker,
                        const unsigned char *sha256, unsigned char *data,
                        apr_size_t len, int is_note, apr_time_t expires,
                        apr_pool_t *p)
{
    const staple_shared_t *shared = worker->shared;
    unsigned char id[ID_MAX];
    unsigned id_len = make_id(id, sha256, is_note);
    apr_time_t last = apr_time_now() + LIFE_LAST;
    apr_status_t status;

    if (!may_call(worker, &worker->put_rest, &status)) {
        return status;
    }
    status = enter(shared);
    if (status == APR_SUCCESS) {
        status = shared->provider->store(shared->instance, shared->server, id,
                                         id_len,
                                         expires < last ? expires : last, data,
                                         (unsigned)len, p);
        leave(shared);
    }
    return remember(worker, &worker->put_rest, status);
}

/* Is another machine asking?  If not, this one is. */
static int check_note(staple_shared_worker_t *worker,
                      const unsigned char *sha256,
                      apr_interval_time_t note_life, apr_pool_t *p)
{
    unsigned char note[STAPLE_SHARED_MARK];
    apr_size_t len = sizeof(note);
    apr_status_t status = get(worker, sha256, note, &len, 1, p);

    if (status == APR_SUCCESS && len == sizeof(note)
        && memcmp(note, worker->shared->mark, sizeof(note)) != 0) {
        return 1;
    }
    if (status == APR_SUCCESS || APR_STATUS_IS_NOTFOUND(status)) {
        memcpy(note, worker->shared->mark, sizeof(note));
        put(worker, sha256, note, sizeof(note), 1, apr_time_now() + note_life,
            p);
    }
    return 0;
}

/* The value, and whether another machine left a note. */
static apr_status_t query(staple_shared_worker_t *worker, task_t *task,
                          apr_pool_t *p)
{
    const unsigned char *sha256 = task->cert->sha256;
    apr_status_t status = get(worker, sha256, task->value, &task->len, 0, p);

    if (APR_STATUS_IS_NOTFOUND(status)) {
        status = APR_SUCCESS;
    }
    task->is_asked = (status == APR_SUCCESS || status == APR_ENOSPC)
                     && check_note(worker, sha256, task->note_life, p);
    return status;
}

/* Takes our note away.  It would end by itself: a failure does no harm. */
static void remove_note(staple_shared_worker_t *worker,
                        const unsigned char *sha256, apr_pool_t *p)
{
    const staple_shared_t *shared = worker->shared;
    unsigned char id[ID_MAX];
    unsigned id_len = make_id(id, sha256, 1);
    apr_status_t status;

    if (may_call(worker, &worker->put_rest, &status)
        && enter(shared) == APR_SUCCESS) {
        shared->provider->remove(shared->instance, shared->server, id, id_len,
                                 p);
        leave(shared);
    }
}

/* ---- in the threads ---- */

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

static void run(staple_shared_worker_t *worker, task_t *task, apr_pool_t *p)
{
    const unsigned char *sha256 = task->cert->sha256;
    apr_time_t began = apr_time_now();

    if (task->is_query) {
        task->status = query(worker, task, p);
    }
    else if (task->len > 0) {
        task->status = put(worker, sha256, task->value, task->len, 0,
                           task->use_until, p);
    }
    else {
        remove_note(worker, sha256, p);
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
    apr_pool_t *p = staple_pool_apart(worker->pool, "ocspstaple_shared");

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
    apr_pool_t *p = staple_pool_apart(owner, "ocspstaple_shared");
    staple_shared_worker_t *worker = apr_pcalloc(p, sizeof(*worker));
    int status = 0;
    unsigned i;

    staple_threads_make(&worker->threads, run_all, worker);
    worker->pool = p;
    worker->generation = generation;
    worker->fetch = fetch;
    worker->shared = generation->shared;
    for (i = 0; i < THREADS && status == 0; i++) {
        status = staple_threads_start(&worker->threads);
    }
    if (i == 1 && status != 0) {
        ap_log_error(APLOG_MARK, APLOG_ERR, status, worker->shared->server,
                     STAPLE_LOGNO(0082)
                     "OCSPStapleShared %s is not used: no thread can be "
                     "started", worker->shared->name);
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
    ap_log_error(APLOG_MARK, APLOG_WARNING, status, worker->shared->server,
                 STAPLE_LOGNO(0083)
                 "OCSPStapleShared %s: %u response%s could not be stored; "
                 "other machines will ask the CA themselves",
                 worker->shared->name, worker->failed_puts,
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
