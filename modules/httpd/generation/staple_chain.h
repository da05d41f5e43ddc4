/* Where the issuers of a server's certificates are looked for. */
#ifndef STAPLE_CHAIN_H
#define STAPLE_CHAIN_H

#include <httpd.h>
#include <openssl/ssl.h>

#include "staple_system_ca.h"

/* All functions here run in: parent, while configuring. */

/* The places, in the order in which they are looked into. */
typedef struct staple_chain_t {
    STACK_OF(X509) *sent;    /* what the server sends with its current
                                certificate; not owned */
    apr_array_header_t *own; /* X509 * of OCSPStapleChainFile; NULL: none */
    X509_STORE *trusted;     /* mod_ssl's CA certificates; not owned; or NULL */
    /* the system's come last: staple_system_ca_of() */
} staple_chain_t;

/* One certificate of an SSL_CTX, which is its current one. */
typedef void staple_chain_visit_fn(void *baton, SSL_CTX *ssl_ctx, X509 *x509);

/* Visits each certificate of `ssl_ctx`, of which there is one for each type of
 * key.  The current one is the same afterwards. */
void staple_chain_visit(SSL_CTX *ssl_ctx, staple_chain_visit_fn *visit,
                        void *baton);

/* What is sent with the current certificate of `ssl_ctx`, without that; NULL:
 * nothing is configured.  Not owned by the caller. */
STACK_OF(X509) *staple_chain_sent(SSL_CTX *ssl_ctx);

/* Begins with no file read and no signature verified. */
void staple_chain_begin(apr_pool_t *pconf);

/* Those of the current certificate of `ssl_ctx`.  Files are read once per
 * configuration; one that cannot be read gets one warning. */
void staple_chain_open(staple_chain_t *chain, const server_rec *s,
                       apr_pool_t *p, SSL_CTX *ssl_ctx);

/* Is it the one that is looked for? */
typedef int staple_chain_is_it_fn(void *baton, X509 *x509);

/* The first certificate with this subject that is the one, or NULL; not owned
 * by the caller, and not longer there than the server's configuration. */
X509 *staple_chain_find(const staple_chain_t *chain, const X509_NAME *subject,
                        staple_chain_is_it_fn *is_it, void *baton);

/* The certificate that issued `x509`, by its signature, which is verified once
 * in a configuration for each two certificates; not owned by the caller.  NULL:
 * it is nowhere, or x509 is self-signed. */
X509 *staple_chain_issuer(const staple_chain_t *chain, X509 *x509);

#endif
