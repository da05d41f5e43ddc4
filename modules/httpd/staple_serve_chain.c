/* What goes with a server's staple in TLS 1.3: those of its issuers. */
#include "staple_serve_chain.h"

#if STAPLE_OPENSSL_CHAIN

#include <apr_strings.h>

#include "httpd/config/staple_config.h"
#include "httpd/generation/staple_chain.h"
#include "ocsp/staple_cert.h"

#define MAX_DEPTH 10 /* issuers that are looked at, as in staple_register */

/* One of a server's certificates, and those that are sent with it. */
typedef struct sent_t {
    const X509 *x509; /* to compare; the SSL_CTX owns it */
    staple_key_t key;
    int count;
    staple_key_t issuers[MAX_DEPTH]; /* in the order in which they are sent */
} sent_t;

/* What our callback gets: one for each SSL_CTX. */
typedef struct context_t {
    int (*mod_ssl)(SSL *ssl, void *arg); /* the callback before ours */
    void *arg;                           /* its own */
    const apr_array_header_t *certs;     /* sent_t */
} context_t;

/* ---- the handshake ---- */

/* Makes it what OpenSSL can send.  Our own bytes: they were verified before
 * they went into the cache. */
static void parse(const unsigned char *der, apr_size_t len, void *response)
{
    if (der != NULL) {
        *(OCSP_RESPONSE **)response = d2i_OCSP_RESPONSE(NULL, &der, (long)len);
    }
}

/* The response of an issuer that may be sent, or NULL.  Not one of an issuer
 * that is revoked. */
static OCSP_RESPONSE *response_of(const staple_generation_t *generation,
                                  const staple_key_t *issuer)
{
    OCSP_RESPONSE *response = NULL;
    staple_record_t record;
    apr_uint32_t index;

    staple_serve_hand_out(&index, generation, issuer, parse, &response);
    if (response != NULL
        && (!staple_cache_get_record(&record, generation->cache, index)
            || staple_record_is_revoked(&record))) {
        OCSP_RESPONSE_free(response);
        response = NULL;
    }
    return response;
}

/* Puts a response where certificate `i` of those that are sent looks for it.
 * Returns 0 without memory. */
static int put(STACK_OF(OCSP_RESPONSE) *responses, int i,
               OCSP_RESPONSE *response)
{
    while (sk_OCSP_RESPONSE_num(responses) < i) {
        if (sk_OCSP_RESPONSE_push(responses, NULL) <= 0) {
            return 0;
        }
    }
    return sk_OCSP_RESPONSE_push(responses, response) > 0;
}

/* The responses of the issuers that may be sent, behind the place of the
 * server's own; NULL: there is none. */
static STACK_OF(OCSP_RESPONSE) *collect(const staple_generation_t *generation,
                                        const sent_t *sent)
{
    STACK_OF(OCSP_RESPONSE) *responses = NULL;
    int i;

    for (i = 0; i < sent->count; i++) {
        OCSP_RESPONSE *response = response_of(generation, &sent->issuers[i]);

        if (response == NULL) {
            continue;
        }
        if (responses == NULL) {
            responses = sk_OCSP_RESPONSE_new_reserve(NULL, sent->count + 1);
        }
        if (responses == NULL || !put(responses, i + 1, response)) {
            OCSP_RESPONSE_free(response);
            break;
        }
    }
    return responses;
}

/* The response that mod_ssl has set, once more; NULL: it did not. */
static OCSP_RESPONSE *own_response(SSL *ssl)
{
    const unsigned char *der = NULL;
    long len = SSL_get_tlsext_status_ocsp_resp(ssl, &der);

    return der != NULL && len > 0 ? d2i_OCSP_RESPONSE(NULL, &der, len) : NULL;
}

/* Adds the issuers' responses to the server's own.  Returns whether there were
 * any; where something fails, that one is sent alone. */
static int add_issuers(SSL *ssl, const staple_generation_t *generation,
                       const sent_t *sent)
{
    STACK_OF(OCSP_RESPONSE) *responses = collect(generation, sent);
    OCSP_RESPONSE *own = responses != NULL ? own_response(ssl) : NULL;

    if (own != NULL) {
        sk_OCSP_RESPONSE_set(responses, 0, own);
        if (SSL_set0_tlsext_status_ocsp_resp_ex(ssl, responses) == 1) {
            return 1;
        }
    }
    sk_OCSP_RESPONSE_pop_free(responses, OCSP_RESPONSE_free);
    return 0;
}

/* The certificate of this handshake, where it is one of the server's; there may
 * be another one, for a challenge. */
static const sent_t *sent_in(const context_t *context, const SSL *ssl)
{
    const X509 *x509 = SSL_get_certificate(ssl);
    int i;

    for (i = 0; i < context->certs->nelts; i++) {
        const sent_t *sent = &APR_ARRAY_IDX(context->certs, i, sent_t);

        if (sent->x509 == x509) {
            return sent;
        }
    }
    return NULL;
}

/* OpenSSL's status callback: has mod_ssl's do its work, and then ours. */
static int set_responses(SSL *ssl, void *arg)
{
    const staple_generation_t *generation = staple_generation_get();
    const context_t *context = arg;
    int result = context->mod_ssl(ssl, context->arg);
    const sent_t *sent;
    apr_uint32_t index;

    if (result != SSL_TLSEXT_ERR_OK || SSL_version(ssl) != TLS1_3_VERSION
        || generation->cache == NULL) {
        return result;
    }
    sent = sent_in(context, ssl);
    if (sent == NULL) {
        return result;
    }
    STAPLE_OPENSSL_ENTER();
    index = staple_cache_find(generation->cache, &sent->key);
    if (index != STAPLE_NONE && add_issuers(ssl, generation, sent)) {
        staple_scoreboard_count_chain(generation->scoreboard, index);
    }
    STAPLE_OPENSSL_LEAVE();
    return result;
}

/* ---- while configuring ---- */

/* Remembers a certificate and what is sent with it, which ends at the root at
 * the latest: nobody can revoke that. */
static void remember(void *certs, SSL_CTX *ssl_ctx, X509 *x509)
{
    STACK_OF(X509) *issuers = staple_chain_sent(ssl_ctx);
    sent_t sent = {.x509 = x509};
    int i;

    if (x509 == NULL || !staple_cert_key(&sent.key, x509)) {
        return;
    }
    for (i = 0; i < sk_X509_num(issuers) && i < MAX_DEPTH; i++) {
        X509 *issuer = sk_X509_value(issuers, i);

        if (X509_self_signed(issuer, 0) == 1
            || !staple_cert_key(&sent.issuers[i], issuer)) {
            break;
        }
        sent.count++;
    }
    if (sent.count > 0) {
        *(sent_t *)apr_array_push(certs) = sent;
    }
}

int staple_serve_chain_init_server(server_rec *s, apr_pool_t *p, int is_proxy,
                                   SSL_CTX *ssl_ctx)
{
    context_t context = {0};
    apr_array_header_t *certs;

    if (is_proxy || !staple_config_enabled(s)
        || !staple_config_value(s, STAPLE_SET_CHAIN)
        || !staple_openssl_has_chain()) {
        return OK;
    }
    STAPLE_OPENSSL_ENTER();
    certs = apr_array_make(p, 2, sizeof(sent_t));
    staple_chain_visit(ssl_ctx, remember, certs);
    SSL_CTX_get_tlsext_status_cb(ssl_ctx, &context.mod_ssl);
    SSL_CTX_get_tlsext_status_arg(ssl_ctx, &context.arg);
    if (context.mod_ssl != NULL && certs->nelts > 0) {
        context.certs = certs;
        SSL_CTX_set_tlsext_status_cb(ssl_ctx, set_responses);
        SSL_CTX_set_tlsext_status_arg(ssl_ctx,
                                      apr_pmemdup(p, &context,
                                                  sizeof(context)));
    }
    STAPLE_OPENSSL_LEAVE();
    return OK;
}

#endif
