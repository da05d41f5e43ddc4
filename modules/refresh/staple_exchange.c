/* One HTTP exchange: what to send where, and what came back. */
#include "staple_exchange.h"

#include <apr_strings.h>
#include <openssl/rand.h>

staple_exchange_t *staple_exchange_make(apr_pool_t *p, unsigned count)
{
    staple_exchange_t *all = apr_pcalloc(p, count * sizeof(*all));
    unsigned i;

    for (i = 0; i + 1 < count; i++) {
        all[i].next_free = &all[i + 1];
    }
    return all;
}

staple_reason_e staple_exchange_fill(staple_exchange_t *exchange,
                                     const staple_cert_t *cert,
                                     const staple_policy_t *policy,
                                     unsigned attempt)
{
    const char *url =
        staple_responder_attempt(&exchange->by_get, cert, policy, attempt);
    staple_reason_e reason;

    exchange->attempt = attempt;
    exchange->timeout = policy->timeout;
    exchange->has_nonce =
        policy->nonce && RAND_bytes(exchange->nonce, STAPLE_NONCE_LEN) == 1;
    reason =
        staple_request_make(exchange->request, &exchange->request_len, cert,
                            exchange->has_nonce ? exchange->nonce : NULL);
    if (reason == STAPLE_OK && exchange->by_get) {
        return staple_request_get_url(exchange->url, url, exchange->request,
                                      exchange->request_len);
    }
    apr_cpystrn(exchange->url, url, sizeof(exchange->url));
    return reason;
}
