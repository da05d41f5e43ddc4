/* What a connection gets: its staple, and variables that tell of it. */
#include "staple_serve.h"

#include <ap_mpm.h>
#include <apr_strings.h>

#include "httpd/config/staple_config.h"

/* Nearly every response fits, and into every thread's stack: ThreadStackSize
 * may be as small as 64 KiB. */
#define USUAL_RESPONSE 6144

/* What a handshake asks for, and the certificate's index. */
typedef struct ask_t {
    const staple_generation_t *generation;
    staple_key_t key;
    apr_uint32_t index; /* STAPLE_NONE: it is not ours */
    ap_ssl_ocsp_copy_resp *copy;
    void *userdata;
} ask_t;

/* ---- room for the large ones ---- */

/*
 * Of this child, made in child_init: as many buffers as there are threads that
 * shake hands, so there is always a free one.  Low ones first: what was never
 * needed is never touched.
 */
static struct {
    unsigned char *bytes; /* NULL: every staple is a usual one */
    apr_size_t room;      /* of each */
    apr_uint64_t *taken;  /* one bit each */
    unsigned words;
} buffers;

void staple_serve_child_init(apr_pool_t *pchild, server_rec *s)
{
    const staple_generation_t *generation = staple_generation_get();
    int threads = 1;

    (void)s;
    if (generation->cache == NULL
        || staple_cache_max_len(generation->cache) <= USUAL_RESPONSE) {
        return;
    }
    if (ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) != APR_SUCCESS
        || threads < 1) {
        threads = 1;
    }
    buffers.words = ((unsigned)threads + 63) / 64;
    buffers.room = staple_cache_max_len(generation->cache);
    buffers.taken = apr_pcalloc(pchild, buffers.words * sizeof(apr_uint64_t));
    if (threads % 64 != 0) { /* the last word has bits of no buffer */
        buffers.taken[threads / 64] = ~(apr_uint64_t)0 << threads % 64;
    }
    buffers.bytes = apr_palloc(pchild, (apr_size_t)threads * buffers.room);
}

/* A free bit of a word, which is taken then, or -1. */
static int take_bit(apr_uint64_t *word)
{
    apr_uint64_t taken = __atomic_load_n(word, __ATOMIC_RELAXED);
    int bit;

    do {
        if (~taken == 0) {
            return -1;
        }
        bit = __builtin_ctzll(~taken);
    } while (!__atomic_compare_exchange_n(word, &taken,
                                          taken | (apr_uint64_t)1 << bit, 0,
                                          __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return bit;
}

/* The number of a buffer that is this thread's now, or -1. */
static int take_buffer(void)
{
    unsigned i;
    int bit;

    for (i = 0; i < buffers.words; i++) {
        bit = take_bit(&buffers.taken[i]);
        if (bit >= 0) {
            return (int)i * 64 + bit;
        }
    }
    return -1;
}

static void give_back(int number)
{
    __atomic_fetch_and(&buffers.taken[number / 64],
                       ~((apr_uint64_t)1 << number % 64), __ATOMIC_RELEASE);
}

/* ---- the handshake ---- */

/* There is no staple.  A certificate that CRLs alone tell of never has one: it
 * is left to mod_ssl. */
static void serve_none(ask_t *ask)
{
    const staple_refresh_cert_t *entry =
        staple_generation_entry(ask->generation, ask->index);

    if (staple_generation_may_staple(entry->cert, entry->policy)) {
        ask->copy(NULL, 0, ask->userdata);
    }
    else {
        ask->index = STAPLE_NONE;
    }
}

/* Looks up with `room` bytes at `der` and hands the staple on.  Has called
 * back, unless it returns STAPLE_TOO_LARGE, because the room is too small, or
 * the certificate is not ours. */
static inline __attribute__((always_inline)) staple_reason_e
serve(ask_t *ask, unsigned char *der, apr_size_t room)
{
    apr_size_t len = room;
    staple_reason_e reason =
        staple_cache_look_up(der, &len, &ask->index, ask->generation->cache,
                             &ask->key, apr_time_now());

    if (reason == STAPLE_OK) {
        ask->copy(der, len, ask->userdata);
    }
    else if (reason != STAPLE_TOO_LARGE && ask->index != STAPLE_NONE) {
        serve_none(ask);
    }
    return reason;
}

/* Outside of the stack, which need not have that much. */
static staple_reason_e serve_large(ask_t *ask)
{
    int number = take_buffer();
    staple_reason_e reason;

    if (number < 0) { /* some thread that httpd does not count */
        ask->copy(NULL, 0, ask->userdata);
        return STAPLE_NO_MEMORY;
    }
    reason = serve(ask, buffers.bytes + (apr_size_t)number * buffers.room,
                   buffers.room);
    give_back(number);
    return reason;
}

static __attribute__((noinline)) staple_reason_e serve_usual(ask_t *ask)
{
    unsigned char der[USUAL_RESPONSE];

    return serve(ask, der, sizeof(der));
}

static staple_reason_e hand_out(ask_t *ask)
{
    staple_reason_e reason = serve_usual(ask);

    return reason == STAPLE_TOO_LARGE ? serve_large(ask) : reason;
}

#if STAPLE_OPENSSL_CHAIN
staple_reason_e staple_serve_hand_out(apr_uint32_t *index,
                                      const staple_generation_t *generation,
                                      const staple_key_t *key,
                                      ap_ssl_ocsp_copy_resp *copy,
                                      void *userdata)
{
    ask_t ask = {.generation = generation,
                 .key = *key,
                 .copy = copy,
                 .userdata = userdata};
    staple_reason_e reason = hand_out(&ask);

    *index = ask.index;
    return reason;
}
#endif

/* What the requests of this connection will want to know, without allocation:
 * a number in the connection's pointer for this module. */
static void note(conn_rec *c, apr_uint32_t index, int is_sent)
{
    apr_uintptr_t number = ((apr_uintptr_t)index + 1) * 2 + (is_sent != 0);

    ap_set_module_config(c->conn_config, &ocspstaple_module, (void *)number);
}

int staple_serve_response(server_rec *s, conn_rec *c, const char *id,
                          apr_size_t id_len, ap_ssl_ocsp_copy_resp *copy,
                          void *userdata)
{
    const staple_generation_t *generation = staple_generation_get();
    ask_t ask = {.copy = copy, .userdata = userdata};
    staple_reason_e reason;

    if (generation->cache == NULL || id_len != STAPLE_KEY_LEN
        || !staple_config_enabled(s)) {
        return DECLINED;
    }
    ask.generation = generation;
    memcpy(&ask.key, id, sizeof(ask.key));
    reason = hand_out(&ask);
    if (ask.index == STAPLE_NONE) {
        return DECLINED;
    }
    staple_scoreboard_count(generation->scoreboard, ask.index,
                            reason == STAPLE_OK);
    note(c, ask.index, reason == STAPLE_OK);
    return OK;
}

/* Hands a staple to OpenSSL, which frees its copy. */
static void give(const unsigned char *der, apr_size_t len, void *ssl)
{
    unsigned char *copy = der != NULL && len > 0 ? OPENSSL_memdup(der, len)
                                                 : NULL;

    if (copy != NULL
        && !SSL_set_tlsext_status_ocsp_resp((SSL *)ssl, copy, (long)len)) {
        OPENSSL_free(copy);
    }
}

int staple_serve_status(SSL *ssl, void *s)
{
    conn_rec *c = SSL_get_app_data(ssl); /* of mod_ssl */
    X509 *x509 = SSL_get_certificate(ssl);
    const unsigned char *given = NULL;
    staple_key_t key;

    if (c == NULL || x509 == NULL
        || !X509_digest(x509, EVP_sha1(), key.bytes, NULL)
        || staple_serve_response(s, c, (const char *)key.bytes, sizeof(key),
                                 give, ssl)
               != OK) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    return SSL_get_tlsext_status_ocsp_resp(ssl, &given) > 0
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_NOACK;
}

/* ---- variables of a request ---- */

/* The certificate for which the handshake of this connection asked, and
 * whether it carried a staple.  Returns 0 where none was asked for: the client
 * does not want one, or resumed a session. */
static int get_note(conn_rec *c, apr_uint32_t *index, int *is_sent)
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

/* The worse of two certificates comes first: revoked, stale, without staple. */
static int badness(const staple_generation_cert_t *cert)
{
    return (cert->record.state == STAPLE_STATE_REVOKED
            || cert->record.state == STAPLE_STATE_ISSUER_REVOKED)
               * 4
           + cert->is_stale * 2 + (cert->record.state != STAPLE_STATE_GOOD);
}

/* The server's worst certificate.  Returns 0 where it has none of ours. */
static int worst_of(staple_generation_cert_t *worst,
                    const staple_generation_t *generation, server_rec *s,
                    apr_time_t now)
{
    const apr_array_header_t *indexes =
        apr_hash_get(generation->by_server, &s, sizeof(s));
    staple_generation_cert_t cert;
    int found = 0;
    int i;

    for (i = 0; indexes != NULL && i < indexes->nelts; i++) {
        if (staple_generation_cert(&cert, generation,
                             APR_ARRAY_IDX(indexes, i, apr_uint32_t), now)
            && (!found || badness(&cert) > badness(worst))) {
            *worst = cert;
            found = 1;
        }
    }
    return found;
}

int staple_serve_variables(request_rec *r)
{
    const staple_generation_t *generation = staple_generation_get();
    char text[STAPLE_CONDITIONS_SIZE];
    staple_generation_cert_t cert;
    const char *source;
    apr_uint32_t index;
    int is_sent = 0;
    int found;

    if (generation->cache == NULL || r->main != NULL
        || !staple_config_enabled(r->server)
        || !ap_ssl_conn_is_ssl(r->connection)) {
        return DECLINED;
    }
    if (get_note(r->connection, &index, &is_sent)) {
        found =
            staple_generation_cert(&cert, generation, index, r->request_time);
    }
    else {
        found = worst_of(&cert, generation, r->server, r->request_time);
    }
    if (!found) {
        return DECLINED;
    }
    source = staple_record_source(&cert.record);
    apr_table_setn(r->subprocess_env, "OCSP_STAPLE_SOURCE",
                   source != NULL ? source : "-");
    apr_table_setn(r->subprocess_env, "OCSP_STAPLE_STATUS",
                   staple_state_name((staple_state_e)cert.record.state));
    apr_table_setn(r->subprocess_env, "OCSP_STAPLE_SENT",
                   is_sent ? "yes" : "no");
    apr_table_set(r->subprocess_env, "OCSP_STAPLE_SIGNIFICANT",
                  staple_state_conditions_text(
                      text, staple_state_conditions(
                                (staple_state_e)cert.record.state,
                                cert.is_stale,
                                staple_config_get(r->server)->policy->exclude
                                    | cert.early,
                                cert.is_must_staple_unserved)));
    return DECLINED;
}
