/* The signature of a CRL: by which digest and kind of key, and is it right? */
#ifndef STAPLE_CRL_SIGNATURE_H
#define STAPLE_CRL_SIGNATURE_H

#include "base/staple_openssl.h"
#include "base/staple_types.h"
#include "staple_crl_der.h"

/* How strong a digest must be, in OpenSSL's security bits: as RSA with 2048
 * bits and SHA-224 are.  MD5 and SHA-1 are not. */
#define STAPLE_CRL_SECURITY_BITS 112

/* How a signature is to be verified. */
typedef struct staple_crl_scheme_t {
    const EVP_MD *digest;   /* NULL: takes the message in one piece */
    int key_nid;            /* of the kind of key that the algorithm names */
    const EVP_MD *pss_mask; /* of RSASSA-PSS; NULL: another algorithm */
    int pss_salt;           /* octets */
} staple_crl_scheme_t;

/*
 * Reads the algorithm of a list.  STAPLE_CRL_WEAK_SIGNATURE: OpenSSL does not
 * know it, or its digest is not strong enough.  The key is not looked at: it is
 * the one that the certificates themselves hang on, and if that is weak there
 * is all the more reason to hear that they are revoked.
 */
staple_reason_e staple_crl_signature_scheme(staple_crl_scheme_t *scheme,
                                            const X509_ALGOR *algorithm);

/* Was it made with this key?  Of `digest` (of the scheme's digest), or where
 * the scheme has none of `message`.  May add to OpenSSL's error queue. */
int staple_crl_signature_is_right(const staple_crl_scheme_t *scheme,
                                  EVP_PKEY *key, staple_der_t signature,
                                  const unsigned char *digest,
                                  staple_der_t message);

#endif
