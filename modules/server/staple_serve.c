/* ssl_ocsp_get_resp hook: look up, copy, call back; no decision, no I/O. */
#include "staple_serve.h"

#include "staple_config.h"
#include "staple_view.h"

/* Nearly every response fits; the few larger ones get a larger stack frame. */
#define USUAL_RESPONSE 6144

/* Looks up with `room` bytes on the stack and hands the staple on.  Returns
 * STAPLE_TOO_LARGE where the room is too small, and has not called back. */
static inline __attribute__((always_inline)) staple_reason_e
serve(const staple_cache_t *cache, const staple_key_t *key, unsigned char *der,
      apr_size_t room, ap_ssl_ocsp_copy_resp *copy, void *userdata)
{
    apr_size_t len = room;
    staple_reason_e reason = staple_cache_get(der, &len, cache, key,
                                              apr_time_now());

    if (reason == STAPLE_OK) {
        copy(der, len, userdata);
    }
    else if (reason != STAPLE_TOO_LARGE) {
        copy(NULL, 0, userdata);
    }
    return reason;
}

static __attribute__((noinline)) staple_reason_e
serve_large(const staple_cache_t *cache, const staple_key_t *key,
            ap_ssl_ocsp_copy_resp *copy, void *userdata)
{
    unsigned char der[STAPLE_MAX_RESPONSE];

    return serve(cache, key, der, sizeof(der), copy, userdata);
}

static __attribute__((noinline)) staple_reason_e
serve_usual(const staple_cache_t *cache, const staple_key_t *key,
            ap_ssl_ocsp_copy_resp *copy, void *userdata)
{
    unsigned char der[USUAL_RESPONSE];

    return serve(cache, key, der, sizeof(der), copy, userdata);
}

/* What the requests of this connection will want to know, without allocation:
 * a number in the connection's pointer for this module. */
static void note(conn_rec *c, apr_uint32_t index, int is_sent)
{
    apr_uintptr_t number = ((apr_uintptr_t)index + 1) * 2 + (is_sent != 0);

    ap_set_module_config(c->conn_config, &ocspstaple_module, (void *)number);
}

int staple_serve_seen(conn_rec *c, apr_uint32_t *index, int *is_sent)
{
    conn_rec *master = c->master != NULL ? c->master : c;
    apr_uintptr_t number = (apr_uintptr_t)ap_get_module_config(
        master->conn_config, &ocspstaple_module);

    if (number == 0) {
        return 0;
    }
    *index = (apr_uint32_t)(number / 2 - 1);
    *is_sent = (int)(number % 2);
    return 1;
}

int staple_serve_response(server_rec *s, conn_rec *c, const char *id,
                          apr_size_t id_len, ap_ssl_ocsp_copy_resp *copy,
                          void *userdata)
{
    const staple_view_t *view = staple_view_get();
    staple_reason_e reason;
    apr_uint32_t index;
    staple_key_t key;

    if (view == NULL || id_len != STAPLE_KEY_LEN || !staple_config_enabled(s)) {
        return DECLINED;
    }
    memcpy(&key, id, sizeof(key));
    index = staple_cache_find(view->cache, &key);
    if (index == STAPLE_CACHE_NONE) {
        return DECLINED;
    }
    reason = serve_usual(view->cache, &key, copy, userdata);
    if (reason == STAPLE_TOO_LARGE) {
        reason = serve_large(view->cache, &key, copy, userdata);
    }
    staple_board_count(view->board, index, reason == STAPLE_OK);
    note(c, index, reason == STAPLE_OK);
    return OK;
}
