/* From pre_config to child_init: make the generation and what it shares. */
#include "staple_lifecycle.h"

#include <ap_mpm.h>
#include <dlfcn.h>
#include <http_core.h>
#include <apr_shm.h>

#include "cache/staple_writer.h"
#include "io/staple_fetch.h"
#include "httpd/config/staple_config.h"
#include "httpd/stores/staple_store_reader.h"
#include "httpd/generation/staple_register.h"
#include "httpd/stores/staple_store_writer.h"
#include "httpd/stores/staple_shared.h"
#include "staple_watchdog.h"

/*
 * Each generation has a cache of its own, in anonymous shared memory: children
 * of the last one keep theirs for as long as they live, whatever the new
 * configuration wants.  The parent keeps the newest mapped in a pool that
 * outlives pconf, so that the next generation can copy what it still needs.
 */
#define RETAINED_KEY "mod_ocspstaple.generation"
#define RETAINED_MAGIC 0x32304e474c505453ULL /* "STPLGN02": of this layout */

typedef struct retained_t {
    /* the same in every version, so that each frees what another one left */
    apr_uint64_t magic;
    apr_pool_t *pool; /* of the segment; NULL: none */
    /* as RETAINED_MAGIC says */
    void *block;            /* begins with the scoreboard */
    staple_known_t *known;  /* in it, behind the scoreboard */
    void *lists;            /* in it, behind that */
    void *dirty;            /* in it, behind that */
    void *cache;            /* in it, behind that */
    apr_size_t dirty_size;  /* in bytes, as the next */
    apr_size_t cache_size;
} retained_t;

static void forget(retained_t *segment)
{
    if (segment->pool != NULL) {
        apr_pool_destroy(segment->pool);
    }
    memset(segment, 0, sizeof(*segment));
    segment->magic = RETAINED_MAGIC;
}

/* What the last generation left; nothing, where that was another version of
 * this module, as after an upgrade: it may have meant something else. */
static retained_t *get_retained(void)
{
    retained_t *retained = ap_retained_data_get(RETAINED_KEY);

    if (retained != NULL && retained->magic == RETAINED_MAGIC) {
        return retained;
    }
    if (retained != NULL && retained->pool != NULL) {
        apr_pool_destroy(retained->pool);
        retained->pool = NULL;
    }
    retained = ap_retained_data_create(RETAINED_KEY, sizeof(*retained));
    retained->magic = RETAINED_MAGIC;
    return retained;
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
    return APR_SUCCESS;
}

/* What the last generation knows of the certificates of this one. */
static void take_over(const staple_generation_t *generation,
                      const retained_t *last, const staple_key_t *keys,
                      apr_pool_t *ptemp)
{
    staple_cache_t *older =
        last->pool != NULL ? staple_cache_attach(last->cache, last->cache_size)
                           : NULL;
    const staple_dirty_t *dirty =
        older != NULL ? staple_dirty_attach(last->dirty, last->dirty_size)
                      : NULL;
    apr_uint32_t too_long;

    if (older == NULL) {
        return;
    }
    staple_scoreboard_adopt(generation->scoreboard, last->block);
    staple_known_adopt(generation->known, last->known);
    too_long = staple_writer_adopt(staple_writer_make(ptemp, generation->cache),
                                   older);
    if (too_long > 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, generation->main_server,
                     STAPLE_LOGNO(0131)
                     "%u staples are longer than OCSPStapleMaxSize allows now "
                     "(%" APR_SIZE_T_FMT " bytes): they are no longer served",
                     too_long, staple_cache_max_len(generation->cache));
    }
    if (dirty != NULL) {
        staple_dirty_adopt(generation->dirty, generation->cache, dirty, older,
                           keys);
    }
}

static apr_size_t rounded(apr_size_t size)
{
    return (size + 127) / 128 * 128;
}

/* The segment: scoreboard, what is known of responders, what is known of CRLs,
 * what is stored (dirty), cache.  Returns 0 after an error line. */
static int lay_out(retained_t *fresh, server_rec *s, apr_uint32_t count,
                   apr_uint32_t list_count, apr_size_t max_len)
{
    apr_size_t lists_size = rounded(staple_list_board_size(list_count));
    apr_size_t board_size = rounded(staple_scoreboard_size(count));
    apr_size_t known_size = rounded(staple_known_size());
    apr_size_t size;
    apr_status_t status;

    fresh->dirty_size = rounded(staple_dirty_size(count));
    fresh->cache_size = staple_cache_size(count, max_len);
    if (fresh->cache_size == 0) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     STAPLE_LOGNO(0130)
                     "%u certificates with OCSPStapleMaxSize %" APR_SIZE_T_FMT
                     " need more than the 32 GiB of addresses that there can "
                     "be: lower OCSPStapleMaxSize",
                     count, max_len);
        return 0;
    }
    size = board_size + known_size + lists_size + fresh->dirty_size
           + fresh->cache_size;
    status = make_segment(fresh, s->process->pool, size);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                     STAPLE_LOGNO(0020)
                     "no shared memory of %" APR_SIZE_T_FMT
                     " bytes of addresses, two staples of up to %"
                     APR_SIZE_T_FMT " bytes (OCSPStapleMaxSize) for each of %u "
                     "certificates: raise the limit of address space or "
                     "memory of httpd, or lower OCSPStapleMaxSize",
                     size, max_len, count);
        return 0;
    }
    fresh->known = (void *)((char *)fresh->block + board_size);
    fresh->lists = (char *)fresh->known + known_size;
    fresh->dirty = (char *)fresh->lists + lists_size;
    fresh->cache = (char *)fresh->dirty + fresh->dirty_size;
    return 1;
}

/* Shared memory for the certificates of the generation, with what the last one
 * knows of them.  Returns 0 after an error line. */
static int make_shared(staple_generation_t *generation, apr_pool_t *ptemp,
                       server_rec *s)
{
    apr_uint32_t count = (apr_uint32_t)generation->certs->nelts;
    apr_size_t max_len =
        (apr_size_t)staple_config_value(s, STAPLE_SET_MAX_SIZE);
    const staple_key_t *keys = staple_refresh_keys(
        ptemp, staple_generation_entry(generation, 0), count);
    retained_t *retained = get_retained();
    retained_t fresh = {.magic = RETAINED_MAGIC};
    apr_uint32_t list_count;

    staple_generation_lists(&list_count, generation);
    if (!lay_out(&fresh, s, count, list_count, max_len)) {
        return 0;
    }
    generation->scoreboard = staple_scoreboard_format(fresh.block, count);
    generation->known = staple_known_format(fresh.known);
    generation->list_board = staple_list_board_format(fresh.lists, list_count);
    generation->dirty = staple_dirty_format(fresh.dirty, count);
    generation->cache = staple_cache_format(fresh.cache, fresh.cache_size, keys,
                                      count, max_len);
    take_over(generation, retained, keys, ptemp);
    forget(retained);
    *retained = fresh;
    return 1;
}

/* glibc loads this library when a thread ends for the first time, and aborts
 * the process where no file can be opened any more.  So that a child without
 * file descriptors can end in order, it is loaded before; other C libraries do
 * not have it, and do not need it. */
static void load_what_ends_threads(void)
{
    dlopen("libgcc_s.so.1", RTLD_LAZY | RTLD_NODELETE);
}

/* Makes everything that the children will share.  Returns 0 after an error
 * line. */
static int begin(staple_generation_t *generation, apr_pool_t *pconf,
                 apr_pool_t *ptemp, server_rec *s)
{
    apr_status_t status;

    if (!staple_fetch_global_init()) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     STAPLE_LOGNO(0022) "libcurl cannot be initialised");
        return 0;
    }
    load_what_ends_threads();
    generation->main_server = s;
    staple_generation_name_servers(generation, pconf, ptemp);
    generation->started_at = apr_time_now();
    if (!make_shared(generation, ptemp, s)
        || !staple_shared_open(generation, pconf)) {
        return 0;
    }
    staple_store_reader_make(generation, pconf);
    status = staple_watchdog_register(pconf, generation);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                     STAPLE_LOGNO(0023)
                     "the refresher cannot be registered with mod_watchdog");
        return 0;
    }
    return 1;
}

int staple_lifecycle_pre_config(apr_pool_t *pconf, apr_pool_t *plog,
                                apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    staple_generation_begin(pconf);
    staple_register_begin(pconf);
    return staple_shared_register(pconf) == APR_SUCCESS
               ? OK
               : HTTP_INTERNAL_SERVER_ERROR;
}

/* After mod_watchdog's, which waits for the refresher. */
static apr_status_t stop_store_writer(void *generation)
{
    staple_store_writer_stop(generation, 1);
    return APR_SUCCESS;
}

void staple_lifecycle_child_init(apr_pool_t *pchild, server_rec *s)
{
    staple_generation_t *generation = staple_generation_get();

    (void)s;
    if (generation->cache == NULL) {
        return;
    }
    staple_shared_child_init(generation, pchild);
    staple_store_reader_restore(generation, pchild);
    apr_pool_pre_cleanup_register(pchild, generation, stop_store_writer);
}

int staple_lifecycle_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                                 apr_pool_t *ptemp, server_rec *s)
{
    staple_generation_t *generation = staple_generation_get();

    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    staple_register_finish(generation, ptemp);
    staple_register_end();
    if (staple_generation_count(generation) == 0) {
        forget(get_retained());
    }
    else if (!begin(generation, pconf, ptemp, s)) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (generation->certs->nelts == 0 && staple_config_any_enabled(s)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     STAPLE_LOGNO(0021)
                     "OCSPStaple is On, but there is no certificate that "
                     "could be stapled");
    }
    return OK;
}
