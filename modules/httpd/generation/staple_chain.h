/* The issuers above a certificate, from mod_ssl's configuration and files. */
#ifndef STAPLE_CHAIN_H
#define STAPLE_CHAIN_H

#include <apr_hash.h>
#include <openssl/ssl.h>

#include "ocsp/staple_cert.h"
#include "httpd/config/staple_config.h"

/* All functions here run in: parent, while configuring. */

/* Where issuers of one server's current certificate are looked for. */
typedef struct staple_chain_t {
    STACK_OF(X509) *sent;    /* what the server sends with it; not owned */
    X509_STORE *trusted;     /* mod_ssl's CA certificates; not owned */
    apr_array_header_t *own; /* X509 * of OCSPStapleChainFile */
    apr_hash_t *pairs;       /* who issued whom, of this configuration */
} staple_chain_t;

/* Looks where issuers of the current certificate of `ssl_ctx` may be.  Files
 * are read once per configuration, into pconf; one that cannot be read gets
 * one warning.  The chain itself is in p. */
void staple_chain_open(staple_chain_t *chain, const server_rec *s,
                       apr_pool_t *pconf, apr_pool_t *p, SSL_CTX *ssl_ctx);

/* The certificate that issued `x509`, by its signature, which is verified once
 * in a configuration for each two certificates; not owned by the caller.  NULL:
 * it is nowhere, or x509 is self-signed. */
X509 *staple_chain_issuer(const staple_chain_t *chain, X509 *x509);

#endif
