/* A certificate's fields without its public key, which costs the most. */
#ifndef STAPLE_BARE_H
#define STAPLE_BARE_H

#include "staple_der.h"
#include "base/staple_openssl.h"
#include "base/staple_types.h"

/*
 * What OpenSSL's X509 has (RFC 5280 4.1), but the public key stays undecoded:
 * OpenSSL 3.0 takes five times as long for it as for all else, and of ten
 * thousand certificates that httpd starts with nobody here uses any.
 */
typedef struct staple_bare_t {
    ASN1_INTEGER *version;
    ASN1_INTEGER *serial;
    ASN1_TYPE *algorithm;
    X509_NAME *issuer;
    X509_VAL *validity;
    X509_NAME *subject;
    ASN1_TYPE *key;
    ASN1_BIT_STRING *issuer_id;
    ASN1_BIT_STRING *subject_id;
    STACK_OF(X509_EXTENSION) * extensions; /* NULL: none */
} staple_bare_t;

/* All of `der`; NULL where it is no certificate.  For staple_bare_free().  Adds
 * to OpenSSL's error queue. */
staple_bare_t *staple_bare_parse(const unsigned char *der, apr_size_t der_len);

void staple_bare_free(staple_bare_t *bare);

/*
 * Where things are in a certificate that nothing was decoded of: whole
 * elements, but for `signature` and `key_bits`, which are the contents of BIT
 * STRINGs.
 */
typedef struct staple_bare_places_t {
    staple_der_t tbs;
    staple_der_t tbs_algorithm; /* of the signature, as the issuer signed it */
    staple_der_t subject;
    staple_der_t key_algorithm; /* with the next: SubjectPublicKeyInfo */
    staple_der_t key_bits;
    staple_der_t algorithm; /* of the signature, not signed */
    staple_der_t signature;
} staple_bare_places_t;

/* Finds them in `certificate`, a whole element, at the cost of its length.
 * Returns 1; 0 where it is not DER, or no certificate (RFC 5280 4.1). */
int staple_bare_find(staple_bare_places_t *places, staple_der_t certificate);

/*
 * May OpenSSL be given this public key to decode?  Decoding comes before any
 * signature can be verified, and there are keys that cost a thousand times
 * what the usual ones do.  Taken are RSA keys of at most 8192 bits, keys on
 * named curves, and of others those without parameters and of at most 4 KiB
 * (EdDSA, ML-DSA).  Costs nothing itself.  STAPLE_OK or STAPLE_WEAK_KEY.
 */
staple_reason_e staple_bare_check_key(const staple_bare_places_t *places);

#endif
