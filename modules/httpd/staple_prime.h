/* A certificate of mod_ssl's: ours, and made known to providers behind us. */
#ifndef STAPLE_PRIME_H
#define STAPLE_PRIME_H

#include <http_ssl.h>
#include <openssl/ssl.h>

#include "httpd/config/staple_log.h"

/*
 * ssl_ocsp_prime_hook: the first provider that answers OK has the certificate,
 * and httpd asks no other.  Where that is us, those behind us hear of it all
 * the same, until one of them takes it, as if we were not there: mod_md renews
 * what is revoked, but of certificates that it was told of.  What they answer
 * changes nothing; each is called once.
 * Runs in: parent, while configuring.
 */
int staple_prime(server_rec *s, apr_pool_t *p, const char *id,
                 apr_size_t id_len, const char *pem);

/*
 * mod_ssl's optional hook init_server: looks at all certificates of a server.
 * Where mod_ssl knows no issuer of one that we staple, and has no other reason
 * to call for staples there, handshakes call us themselves.
 * Runs in: parent, while configuring.
 */
int staple_prime_server(server_rec *s, apr_pool_t *p, int is_proxy,
                        SSL_CTX *ssl_ctx);

#endif
