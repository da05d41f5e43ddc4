/* OCSPStapleShared: a store that many machines share, by an httpd provider. */
#include "staple_shared.h"

#include <http_core.h>
#include <openssl/rand.h>
#include <util_mutex.h>

#include "httpd/config/staple_config.h"

#define STORE_NAME "ocspstaple" /* providers allow 14 characters */
#define MUTEX_NAME "ocspstaple-shared" /* for the directive Mutex */
#define MARK_NAME "mod_ocspstaple mark" /* of what is retained */
#define ID_MAX 33

/* memcached takes more seconds than these of 30 days for a date. */
#define LIFE_LAST apr_time_from_sec(30 * 86400 - 60)

/* Set in the parent, read-only afterwards. */
static struct {
    const char *name; /* NULL: there is none */
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex; /* NULL: the provider needs none */
    const unsigned char *mark;
    server_rec *server;
} store;

int staple_shared_reset(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    memset(&store, 0, sizeof(store));
    return ap_mutex_register(pconf, MUTEX_NAME, NULL, APR_LOCK_DEFAULT, 0)
                   == APR_SUCCESS
               ? OK
               : HTTP_INTERNAL_SERVER_ERROR;
}

const char *staple_shared_name(void)
{
    return store.name;
}

const unsigned char *staple_shared_mark(void)
{
    return store.mark;
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
int staple_shared_open(apr_pool_t *pconf, server_rec *s)
{
    static const struct ap_socache_hints hints = {
        .avg_id_len = 32, .avg_obj_size = 2048,
        .expiry_interval = apr_time_from_sec(60)};
    const staple_config_t *config = staple_config_get(s);
    apr_status_t status = APR_SUCCESS;

    store.name = config->shared;
    if (store.name == NULL) {
        return 1;
    }
    store.provider = config->shared_provider;
    store.instance = config->shared_instance;
    store.server = s;
    store.mark = make_mark();
    if (store.provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) {
        status = ap_global_mutex_create(&store.mutex, NULL, MUTEX_NAME, NULL, s,
                                        pconf, 0);
    }
    if (status == APR_SUCCESS) {
        status = store.provider->init(store.instance, STORE_NAME, &hints, s,
                                      pconf);
    }
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                     STAPLE_LOGNO(0080)
                     "OCSPStapleShared %s: the store cannot be opened; the "
                     "provider says why in the line before",
                     store.name);
        return 0;
    }
    return 1;
}

void staple_shared_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_status_t status;

    if (store.mutex == NULL) {
        return;
    }
    status = apr_global_mutex_child_init(
        &store.mutex, apr_global_mutex_lockfile(store.mutex), pchild);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, status, s,
                     STAPLE_LOGNO(0081)
                     "OCSPStapleShared %s: no lock in this process",
                     store.name);
    }
}

static unsigned make_id(unsigned char id[ID_MAX],
                        const unsigned char sha256[32], int is_note)
{
    memcpy(id, sha256, 32);
    id[32] = 'n';
    return is_note ? ID_MAX : ID_MAX - 1;
}

static apr_status_t lock(void)
{
    return store.mutex != NULL ? apr_global_mutex_lock(store.mutex)
                               : APR_SUCCESS;
}

static void unlock(void)
{
    if (store.mutex != NULL) {
        apr_global_mutex_unlock(store.mutex);
    }
}

apr_status_t staple_shared_get(unsigned char *buf, unsigned *len,
                               const unsigned char sha256[32], int is_note,
                               apr_pool_t *p)
{
    unsigned char id[ID_MAX];
    unsigned id_len = make_id(id, sha256, is_note);
    apr_status_t status = lock();

    if (status != APR_SUCCESS) {
        return status;
    }
    status = store.provider->retrieve(store.instance, store.server, id, id_len,
                                      buf, len, p);
    unlock();
    if (status == APR_EGENERAL && store.mutex != NULL) {
        return APR_NOTFOUND; /* so mod_socache_dbm with Berkeley DB */
    }
    /* Some say it so, some so. */
    return status == APR_ENOMEM ? APR_ENOSPC : status;
}

apr_status_t staple_shared_put(const unsigned char sha256[32], int is_note,
                               unsigned char *data, unsigned len,
                               apr_time_t expires, apr_pool_t *p)
{
    unsigned char id[ID_MAX];
    unsigned id_len = make_id(id, sha256, is_note);
    apr_time_t last = apr_time_now() + LIFE_LAST;
    apr_status_t status = lock();

    if (status != APR_SUCCESS) {
        return status;
    }
    status = store.provider->store(store.instance, store.server, id, id_len,
                                   expires < last ? expires : last, data, len,
                                   p);
    unlock();
    return status;
}

apr_status_t staple_shared_remove_note(const unsigned char sha256[32],
                                       apr_pool_t *p)
{
    unsigned char id[ID_MAX];
    unsigned id_len = make_id(id, sha256, 1);
    apr_status_t status = lock();

    if (status == APR_SUCCESS) {
        status = store.provider->remove(store.instance, store.server, id,
                                        id_len, p);
        unlock();
    }
    return status;
}
