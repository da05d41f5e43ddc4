/* The certificates that mod_ssl serves: registered while configuring. */
#ifndef STAPLE_REGISTER_H
#define STAPLE_REGISTER_H

#include <openssl/ssl.h>

#include "staple_generation.h"

/* All functions here run in: parent, while configuring. */

/* Begins with no certificate. */
void staple_register_begin(apr_pool_t *pconf);

/* By httpd -t, which reads the configuration once: registers nevertheless. */
void staple_register_test(void);

/* For ssl_ocsp_prime_hook: mod_ssl has a certificate and its issuer.  OK: it is
 * ours; or DECLINED. */
int staple_register_certificate(server_rec *s, apr_pool_t *p, const char *id,
                             apr_size_t id_len, const char *pem);

/* For mod_ssl's optional hook init_server, after all certificates of all
 * servers were primed: finds those for which mod_ssl had no issuer, those that
 * want staples but get none (generation->disabled), and the issuers to follow.
 * Returns how many mod_ssl did not offer that are to be stapled nonetheless. */
int staple_register_check_server(server_rec *s, apr_pool_t *p, int is_proxy,
                              SSL_CTX *ssl_ctx);

/* The same at httpd -t, where there are no keys: an SSL_CTX * for each of the
 * server's certificates, which lives as long as the configuration. */
void staple_register_test_server(server_rec *s, apr_pool_t *p,
                                 const apr_array_header_t *ssl_ctxs);

/* What becomes of a certificate. */
typedef enum {
    STAPLE_FATE_NOTHING, /* neither stapled nor followed */
    STAPLE_FATE_FOLLOWED, /* by its CRL */
    STAPLE_FATE_STAPLED
} staple_fate_e;

/* What becomes of the certificate with this key, when all servers were checked;
 * *reason is why it is not stapled. */
staple_fate_e staple_register_fate(staple_reason_e *reason,
                                   const staple_key_t *key);

/* Puts the certificates and their servers into the generation, and says where
 * servers do not agree.  Once, when all of them are known. */
void staple_register_finish(staple_generation_t *generation, apr_pool_t *ptemp);

/* Gives back what registering needed; nothing can be registered, or asked for
 * its fate, before the next staple_register_begin(). */
void staple_register_end(void);

#endif
