/* OCSPStapleShared: a store that many machines share, by an httpd provider. */
#include "staple_shared.h"

#include <apr_thread_mutex.h>
#include <http_core.h>
#include <openssl/rand.h>
#include <util_mutex.h>

#include "base/staple_clock.h"
#include "httpd/config/staple_config.h"

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

/* When and why a kind of call failed last. */
typedef struct rest_t {
    apr_time_t since; /* 0: it did not */
    apr_interval_time_t period;
    apr_status_t status;
} rest_t;

struct staple_shared_t {
    /* set in the parent, read-only afterwards */
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex; /* NULL: the provider needs none */
    const unsigned char *mark;
    server_rec *server;
    /* each process's own */
    apr_thread_mutex_t *lock;
    rest_t get_rest, put_rest; /* under lock */
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
    apr_status_t status;

    if (config->shared == NULL) {
        return 1;
    }
    shared = apr_pcalloc(pconf, sizeof(*shared));
    shared->provider = config->shared_provider;
    shared->instance = config->shared_instance;
    shared->server = s;
    shared->mark = make_mark();
    status = apr_thread_mutex_create(&shared->lock, APR_THREAD_MUTEX_DEFAULT,
                                     pconf);
    if (status == APR_SUCCESS
        && (shared->provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE)) {
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
                     staple_config_get(shared->server)->shared);
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
static int may_call(staple_shared_t *shared, const rest_t *rest,
                    apr_status_t *status)
{
    int may;

    apr_thread_mutex_lock(shared->lock);
    may = staple_clock_is_over(rest->since, rest->period, apr_time_now());
    *status = rest->status;
    apr_thread_mutex_unlock(shared->lock);
    return may;
}

/* Remembers a failure that others would meet, too. */
static apr_status_t remember(staple_shared_t *shared, rest_t *rest,
                             apr_status_t status)
{
    if (status != APR_SUCCESS && status != APR_ENOSPC && status != APR_EINVAL
        && !(rest == &shared->get_rest && APR_STATUS_IS_NOTFOUND(status))) {
        apr_thread_mutex_lock(shared->lock);
        rest->since = apr_time_now();
        rest->period = rest == &shared->put_rest && status == APR_EGENERAL
                           ? REST_REFUSED
                           : REST;
        rest->status = status;
        apr_thread_mutex_unlock(shared->lock);
    }
    return status;
}

/* Copies the value (`is_note`: the note) to buf, which has *len bytes, and sets
 * *len.  APR_NOTFOUND: there is none; APR_ENOSPC: it is larger than that. */
static apr_status_t get(staple_shared_t *shared, const unsigned char *sha256,
                        unsigned char *buf, apr_size_t *len, int is_note,
                        apr_pool_t *p)
{
    unsigned char id[ID_MAX];
    unsigned id_len = make_id(id, sha256, is_note), room = (unsigned)*len;
    apr_status_t status;

    *len = 0;
    if (!may_call(shared, &shared->get_rest, &status)) {
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
    return remember(shared, &shared->get_rest, status);
}

/* Puts a value (a note) into the store, until `expires`. */
static apr_status_t put(staple_shared_t *shared, const unsigned char *sha256,
                        unsigned char *data, apr_size_t len, int is_note,
                        apr_time_t expires, apr_pool_t *p)
{
    unsigned char id[ID_MAX];
    unsigned id_len = make_id(id, sha256, is_note);
    apr_time_t last = apr_time_now() + LIFE_LAST;
    apr_status_t status;

    if (!may_call(shared, &shared->put_rest, &status)) {
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
    return remember(shared, &shared->put_rest, status);
}

/* Is another machine asking?  If not, this one is. */
static int check_note(staple_shared_t *shared, const unsigned char *sha256,
                        apr_interval_time_t note_life, apr_pool_t *p)
{
    unsigned char note[STAPLE_SHARED_MARK];
    apr_size_t len = sizeof(note);
    apr_status_t status = get(shared, sha256, note, &len, 1, p);

    if (status == APR_SUCCESS && len == sizeof(note)
        && memcmp(note, shared->mark, sizeof(note)) != 0) {
        return 1;
    }
    if (status == APR_SUCCESS || APR_STATUS_IS_NOTFOUND(status)) {
        memcpy(note, shared->mark, sizeof(note));
        put(shared, sha256, note, sizeof(note), 1,
            apr_time_now() + note_life, p);
    }
    return 0;
}

apr_status_t staple_shared_query(unsigned char *buf, apr_size_t *len,
                                 int *is_asked, staple_shared_t *shared,
                                 const unsigned char *sha256,
                                 apr_interval_time_t note_life, apr_pool_t *p)
{
    apr_status_t status = get(shared, sha256, buf, len, 0, p);

    if (APR_STATUS_IS_NOTFOUND(status)) {
        status = APR_SUCCESS;
    }
    *is_asked = (status == APR_SUCCESS || status == APR_ENOSPC)
                && check_note(shared, sha256, note_life, p);
    return status;
}

apr_status_t staple_shared_put(staple_shared_t *shared,
                               const unsigned char *sha256,
                               unsigned char *value, apr_size_t len,
                               apr_time_t use_until, apr_pool_t *p)
{
    return put(shared, sha256, value, len, 0, use_until, p);
}

void staple_shared_remove_note(staple_shared_t *shared,
                               const unsigned char *sha256, apr_pool_t *p)
{
    unsigned char id[ID_MAX];
    unsigned id_len = make_id(id, sha256, 1);
    apr_status_t status;

    if (may_call(shared, &shared->put_rest, &status)
        && enter(shared) == APR_SUCCESS) {
        shared->provider->remove(shared->instance, shared->server, id, id_len,
                                 p);
        leave(shared);
    }
}
