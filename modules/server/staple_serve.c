/* ssl_ocsp_get_resp hook: look up, copy, call back; no decision, no I/O. */
#include "staple_serve.h"

#include "staple_config.h"

/* Nearly every response fits; the few larger ones get a larger stack frame. */
#define USUAL_RESPONSE 6144

static const staple_cache_t *serve_from; /* set before fork, read-only */

void staple_serve_from(const staple_cache_t *cache)
{
    serve_from = cache;
}

/* Looks up with `room` bytes on the stack and hands the staple on.  Returns 0
 * where the room is too small, and has not called back then. */
static inline __attribute__((always_inline)) int
serve(const staple_key_t *key, unsigned char *der, apr_size_t room,
      ap_ssl_ocsp_copy_resp *copy, void *userdata)
{
    apr_size_t len = room;
    staple_reason_e reason = staple_cache_get(der, &len, serve_from, key,
                                              apr_time_now());

    if (reason == STAPLE_TOO_LARGE) {
        return 0;
    }
    if (reason == STAPLE_OK) {
        copy(der, len, userdata);
    }
    else {
        copy(NULL, 0, userdata);
    }
    return 1;
}

static __attribute__((noinline)) void
serve_large(const staple_key_t *key, ap_ssl_ocsp_copy_resp *copy,
            void *userdata)
{
    unsigned char der[STAPLE_MAX_RESPONSE];

    if (!serve(key, der, sizeof(der), copy, userdata)) {
        copy(NULL, 0, userdata);
    }
}

static __attribute__((noinline)) int
serve_usual(const staple_key_t *key, ap_ssl_ocsp_copy_resp *copy,
            void *userdata)
{
    unsigned char der[USUAL_RESPONSE];

    return serve(key, der, sizeof(der), copy, userdata);
}

int staple_serve_response(server_rec *s, conn_rec *c, const char *id,
                          apr_size_t id_len, ap_ssl_ocsp_copy_resp *copy,
                          void *userdata)
{
    staple_key_t key;

    (void)c;
    if (serve_from == NULL || id_len != STAPLE_KEY_LEN
        || !staple_config_enabled(s)) {
        return DECLINED;
    }
    memcpy(&key, id, sizeof(key));
    if (staple_cache_find(serve_from, &key) == STAPLE_CACHE_NONE) {
        return DECLINED;
    }
    if (!serve_usual(&key, copy, userdata)) {
        serve_large(&key, copy, userdata);
    }
    return OK;
}
