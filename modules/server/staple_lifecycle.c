/* post_config and child_init: make the shared cache, start the watchdog. */
#include "staple_lifecycle.h"

#include <ap_mpm.h>
#include <http_core.h>
#include <apr_shm.h>

#include "../core/staple_writer.h"
#include "../io/staple_fetch.h"
#include "staple_config.h"
#include "staple_depot.h"
#include "staple_disabled.h"
#include "staple_env.h"
#include "staple_prime.h"
#include "staple_saver.h"
#include "staple_shared.h"
#include "staple_watchdog.h"

/*
 * Each generation has a cache of its own, in anonymous shared memory: children
 * of the last one keep theirs for as long as they live, whatever the new
 * configuration wants.  The parent keeps the newest mapped in a pool that
 * outlives pconf, so that the next generation can copy what it still needs.
 */
#define RETAINED_KEY "mod_ocspstaple"

typedef struct retained_t {
    apr_pool_t *pool; /* of the segment; NULL: none */
    void *block;             /* begins with the board */
    staple_ledger_t *ledger; /* in it, behind the board */
    void *cache;             /* in it, behind the ledger */
    apr_size_t size;         /* of the block, later of the cache */
} retained_t;

static retained_t *get_retained(void)
{
    retained_t *retained = ap_retained_data_get(RETAINED_KEY);

    return retained != NULL
               ? retained
               : ap_retained_data_create(RETAINED_KEY, sizeof(*retained));
}

static apr_status_t make_segment(retained_t *segment, apr_pool_t *parent,
                                 apr_size_t size)
{
    apr_status_t status;
    apr_shm_t *shm;

    status = apr_pool_create(&segment->pool, parent);
    if (status != APR_SUCCESS) {
        return status;
    }
    apr_pool_tag(segment->pool, "ocspstaple_cache");
    status = apr_shm_create(&shm, size, NULL, segment->pool);
    if (status != APR_SUCCESS) {
        apr_pool_destroy(segment->pool);
        segment->pool = NULL;
        return status;
    }
    segment->block = apr_shm_baseaddr_get(shm);
    segment->size = size;
    return APR_SUCCESS;
}

static void forget(retained_t *segment)
{
    if (segment->pool != NULL) {
        apr_pool_destroy(segment->pool);
    }
    memset(segment, 0, sizeof(*segment));
}

/* What the last generation knows of the certificates of this one. */
static void take_over(const staple_view_t *view, const retained_t *last,
                      const staple_key_t *keys, apr_pool_t *ptemp)
{
    staple_cache_t *older = last->pool != NULL
                                ? staple_cache_attach(last->cache, last->size)
                                : NULL;

    if (older != NULL) {
        staple_board_adopt(view->board, last->block);
        staple_writer_adopt(staple_writer_make(ptemp, view->cache), older);
        staple_ledger_adopt(view->ledger, view->cache, last->ledger, older,
                            keys);
    }
}

static apr_size_t rounded(apr_size_t size)
{
    return (size + 127) / 128 * 128;
}

/* Shared memory for the certificates of the view: board, ledger, and a cache
 * with what is known of them.  Returns 0 after an error line. */
static int make_shared(staple_view_t *view, apr_pool_t *ptemp, server_rec *s)
{
    const apr_array_header_t *certs = view->certs;
    apr_uint32_t count = (apr_uint32_t)certs->nelts;
    apr_size_t board_size = rounded(staple_board_size(count));
    apr_size_t ledger_size = rounded(staple_ledger_size(count));
    apr_size_t size = staple_cache_size(count, staple_cache_arena_bytes(count));
    staple_key_t *keys = apr_palloc(ptemp, (count + 1) * sizeof(*keys));
    retained_t *retained = get_retained();
    retained_t fresh = {NULL, NULL, NULL, NULL, 0};
    apr_status_t status;
    apr_uint32_t i;

    status = make_segment(&fresh, s->process->pool,
                          board_size + ledger_size + size);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                     STAPLE_LOGNO(0020)
                     "no shared memory of %" APR_SIZE_T_FMT
                     " bytes for the OCSP responses of %u certificates: raise "
                     "the limit of address space or memory of httpd",
                     board_size + ledger_size + size, count);
        return 0;
    }
    for (i = 0; i < count; i++) {
        keys[i] = APR_ARRAY_IDX(certs, i, staple_refresh_cert_t).cert->key;
    }
    view->board = staple_board_format(fresh.block, count);
    view->ledger = staple_ledger_format((char *)fresh.block + board_size,
                                        count);
    fresh.ledger = view->ledger;
    fresh.cache = (char *)fresh.block + board_size + ledger_size;
    fresh.size = size;
    view->cache = staple_cache_format(fresh.cache, fresh.size, keys, count);
    take_over(view, retained, keys, ptemp);
    forget(retained);
    *retained = fresh;
    return 1;
}

/* Makes everything that the children will share.  Returns 0 after an error
 * line. */
static int begin(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s,
                 const apr_array_header_t *certs,
                 const apr_array_header_t *disabled)
{
    staple_view_t *view = apr_pcalloc(pconf, sizeof(*view));
    apr_status_t status;

    if (!staple_fetch_global_init()) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     STAPLE_LOGNO(0022) "libcurl cannot be initialised");
        return 0;
    }
    view->main_server = s;
    view->certs = certs;
    view->servers = staple_prime_servers();
    view->disabled = disabled;
    staple_view_name_servers(view, pconf, ptemp);
    view->started_at = apr_time_now();
    if (!make_shared(view, ptemp, s)) {
        return 0;
    }
    if (!staple_shared_open(pconf, s)) {
        return 0;
    }
    view->store = staple_depot_make(pconf, s);
    staple_view_set(view);
    staple_env_prepare(pconf);
    status = staple_watchdog_register(pconf, view);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                     STAPLE_LOGNO(0023)
                     "mod_watchdog does not take the refresher");
        return 0;
    }
    return 1;
}

/* After mod_watchdog's, which waits for the refresher. */
static apr_status_t stop_saver(void *data)
{
    (void)data;
    staple_saver_stop();
    return APR_SUCCESS;
}

void staple_lifecycle_child_init(apr_pool_t *pchild, server_rec *s)
{
    const staple_view_t *view = staple_view_get();

    (void)s;
    if (view == NULL) {
        return;
    }
    staple_depot_restore(view, pchild);
    apr_pool_pre_cleanup_register(pchild, NULL, stop_saver);
}

int staple_lifecycle_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                                 apr_pool_t *ptemp, server_rec *s)
{
    const apr_array_header_t *certs = staple_prime_certificates();
    const apr_array_header_t *disabled;

    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    disabled = staple_disabled_list();
    if (certs->nelts + disabled->nelts == 0) {
        forget(get_retained());
        staple_view_set(NULL);
    }
    else if (!begin(pconf, ptemp, s, certs, disabled)) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (certs->nelts == 0 && staple_config_any_enabled(s)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     STAPLE_LOGNO(0021)
                     "OCSPStaple is On, but there is no certificate that "
                     "could be stapled");
    }
    return OK;
}
