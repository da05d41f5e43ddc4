/* ssl_ocsp_get_resp hook: look up, copy, call back; no decision, no I/O. */
#include "staple_serve.h"

#include "staple_config.h"
#include "staple_view.h"

/* Nearly every response fits; the few larger ones get a larger stack frame. */
#define USUAL_RESPONSE 6144

/* What a handshake asks for, and the certificate's index. */
typedef struct ask_t {
    const staple_cache_t *cache;
    staple_key_t key;
    apr_uint32_t index; /* STAPLE_CACHE_NONE: it is not ours */
    ap_ssl_ocsp_copy_resp *copy;
    void *userdata;
} ask_t;

/* Looks up with `room` bytes on the stack and hands the staple on.  Has called
 * back, unless it returns STAPLE_TOO_LARGE, because the room is too small, or
 * the certificate is not ours. */
static inline __attribute__((always_inline)) staple_reason_e
serve(ask_t *ask, unsigned char *der, apr_size_t room)
{
    apr_size_t len = room;
    staple_reason_e reason =
        staple_cache_look_up(der, &len, &ask->index, ask->cache, &ask->key,
                             apr_time_now());

    if (reason == STAPLE_OK) {
        ask->copy(der, len, ask->userdata);
    }
    else if (reason != STAPLE_TOO_LARGE && ask->index != STAPLE_CACHE_NONE) {
        ask->copy(NULL, 0, ask->userdata);
    }
    return reason;
}

static __attribute__((noinline)) staple_reason_e serve_large(ask_t *ask)
{
    unsigned char der[STAPLE_MAX_RESPONSE];

    return serve(ask, der, sizeof(der));
}

static __attribute__((noinline)) staple_reason_e serve_usual(ask_t *ask)
{
    unsigned char der[USUAL_RESPONSE];

    return serve(ask, der, sizeof(der));
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
    ask_t ask = {.copy = copy, .userdata = userdata};
    staple_reason_e reason;

    if (view == NULL || id_len != STAPLE_KEY_LEN || !staple_config_enabled(s)) {
        return DECLINED;
    }
    ask.cache = view->cache;
    memcpy(&ask.key, id, sizeof(ask.key));
    reason = serve_usual(&ask);
    if (reason == STAPLE_TOO_LARGE) {
        reason = serve_large(&ask);
    }
    if (ask.index == STAPLE_CACHE_NONE) {
        return DECLINED;
    }
    staple_board_count(view->board, ask.index, reason == STAPLE_OK);
    note(c, ask.index, reason == STAPLE_OK);
    return OK;
}
