/* A TLS connection as clients make it: what the server shows of itself. */
#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include <openssl/ssl.h>

#include "cli_target.h"

/* What all connections of a run have in common. */
typedef struct cli_connect_options_t {
    SSL_CTX *ctx;             /* of cli_connect_context() */
    const cli_target_t *at;   /* instead of the host's own address, or NULL */
    const char *servername;   /* instead of the host's name, or NULL */
    STACK_OF(X509) *issuers; /* one of which is the certificate's; or NULL: it
                                 is looked for in what there is */
    int starttls;             /* cli_starttls.h; -1: TLS from the beginning */
    apr_interval_time_t timeout; /* of all that one connection takes */
} cli_connect_options_t;

/* What a server showed.  All of it is the pool's. */
typedef struct cli_peer_t {
    const char *address;  /* and port; NULL: no connection */
    const char *protocol; /* "TLSv1.3"; NULL: no handshake */
    const char *refused;  /* why clients refuse the certificate; or NULL */
    X509 *leaf;
    X509 *issuer; /* whose signature the leaf's is; NULL: not known */
    const unsigned char *staple; /* NULL: none was sent */
    apr_size_t staple_len;
} cli_peer_t;

/* A context that trusts the certificates `trusted` or, if that is NULL, those
 * that the system's clients trust.  NULL without memory. */
SSL_CTX *cli_connect_context(apr_pool_t *p, STACK_OF(X509) *trusted);

/*
 * Connects, talks STARTTLS, and shakes hands with TLS of `version` (an
 * OpenSSL constant; 0: 1.2 or 1.3), asking for a staple.  *peer says what the
 * server showed, as far as it got.  NULL, or why there was no handshake,
 * printable.  Reads the clock for the certificates' validity.
 */
const char *cli_connect(cli_peer_t *peer, apr_pool_t *p,
                        const cli_target_t *target, int version,
                        const cli_connect_options_t *options);

#endif
