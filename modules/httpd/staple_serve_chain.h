/* What goes with a server's staple in TLS 1.3: those of its issuers. */
#ifndef STAPLE_SERVE_CHAIN_H
#define STAPLE_SERVE_CHAIN_H

#include <openssl/ssl.h>

#include "staple_serve.h"

/*
 * A response for each certificate of a handshake (RFC 8446, 4.4.2.1).  mod_ssl
 * hands over that of the server's certificate alone, and whatever was set
 * before it does is lost; so on the SSL_CTX of a server with OCSPStapleChain On
 * a callback of ours stands before mod_ssl's, and adds to what that has set.
 * An OpenSSL that has no such thing is built without all of this.
 */
#if STAPLE_OPENSSL_CHAIN

/*
 * mod_ssl's optional hook init_server, when it has set its own callback.  That
 * of a server without OCSPStapleChain, or without staples, stays as it is.
 * What it makes lives in p, as long as the SSL_CTX.  Runs in: parent, while
 * configuring.
 *
 * What it sets there takes no lock, makes no system call, and verifies nothing.
 * It looks up each issuer's response in the cache, as it is now, and has
 * OpenSSL make of it the object that the connection will own: it has no
 * reference count, and a copy of one that is at hand takes twice as long.
 */
int staple_serve_chain_init_server(server_rec *s, apr_pool_t *p, int is_proxy,
                                   SSL_CTX *ssl_ctx);

#endif
#endif
