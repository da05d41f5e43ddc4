/* A certificate of mod_ssl's: ours, and made known to providers behind us. */
#include "staple_prime.h"

#include <apr_tables.h>

#include "httpd/generation/staple_register.h"
#include "staple_serve.h"

typedef ap_LINK_ssl_ocsp_prime_hook_t provider_t;

/* The number of the first provider behind us. */
static int first_behind(const apr_array_header_t *providers)
{
    int i;

    for (i = 0; i < providers->nelts; i++) {
        if (APR_ARRAY_IDX(providers, i, provider_t).pFunc == staple_prime) {
            return i + 1;
        }
    }
    return providers->nelts;
}

static void pass_on(server_rec *s, apr_pool_t *p, const char *id,
                    apr_size_t id_len, const char *pem)
{
    const apr_array_header_t *providers = ap_hook_get_ssl_ocsp_prime_hook();
    int i, answer = DECLINED;

    for (i = first_behind(providers);
         answer == DECLINED && i < providers->nelts; i++) {
        const provider_t *provider = &APR_ARRAY_IDX(providers, i, provider_t);

        answer = provider->pFunc(s, p, id, id_len, pem);
        if (answer != OK && answer != DECLINED) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                         STAPLE_LOGNO(0151)
                         "server %s: %s failed (%d) when it was told of a "
                         "certificate that mod_ocspstaple staples: what it "
                         "does for that one beside stapling may be missing",
                         s->server_hostname, provider->szName, answer);
        }
    }
}

int staple_prime(server_rec *s, apr_pool_t *p, const char *id,
                 apr_size_t id_len, const char *pem)
{
    int answer = staple_register_certificate(s, p, id, id_len, pem);

    if (answer == OK) {
        pass_on(s, p, id, id_len, pem);
    }
    return answer;
}

int staple_prime_server(server_rec *s, apr_pool_t *p, int is_proxy,
                        SSL_CTX *ssl_ctx)
{
    int (*status_cb)(SSL *, void *) = NULL;

    if (staple_register_check_server(s, p, is_proxy, ssl_ctx) > 0
        && SSL_CTX_get_tlsext_status_cb(ssl_ctx, &status_cb)
        && status_cb == NULL) {
        SSL_CTX_set_tlsext_status_cb(ssl_ctx, staple_serve_status);
        SSL_CTX_set_tlsext_status_arg(ssl_ctx, s);
    }
    return OK;
}
