/* A public key whose parameters are spelt out, and which is slow to decode. */
#ifndef PKI_EXPLICIT_H
#define PKI_EXPLICIT_H

#include <openssl/x509.h>

/* Gives cert, which is not signed yet, an EC key with explicit parameters
 * (RFC 3279, section 2.3.5) and compressed points.  Its field is made so that
 * a square root takes as long as one can: OpenSSL needs 0.1 s or more to decode
 * it.  Nobody has the private key. */
void pki_explicit_set(X509 *cert);

#endif
