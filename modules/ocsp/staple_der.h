/* Reads DER, also of certificates, strictly and undecoded, and writes it. */
#ifndef STAPLE_DER_H
#define STAPLE_DER_H

#include "base/staple_reason.h"

/* Identifier octets (X.690 8.1.2) of what is read here. */
#define STAPLE_DER_INTEGER 0x02
#define STAPLE_DER_BIT_STRING 0x03
#define STAPLE_DER_OCTET_STRING 0x04
#define STAPLE_DER_OID 0x06
#define STAPLE_DER_ENUMERATED 0x0a
#define STAPLE_DER_SEQUENCE 0x30
#define STAPLE_DER_EXPLICIT_0 0xa0

/* A run of bytes that the caller keeps. */
typedef struct staple_der_t {
    const unsigned char *at;
    apr_size_t len;
} staple_der_t;

/* Is the next element of this identifier? */
int staple_der_is_next(const staple_der_t *rest, unsigned char identifier);

/*
 * Takes the next element off *rest: its contents, and, where `whole` is not
 * NULL, all of it.  Returns 1; 0, and nothing is changed, where there is none,
 * or it is of another identifier, or not DER: its length indefinite, not the
 * shortest form, or beyond the end of *rest.  Looks at nothing inside of the
 * element.  May add to OpenSSL's error queue.
 */
int staple_der_take(staple_der_t *contents, staple_der_t *whole,
                    staple_der_t *rest, unsigned char identifier);

/* The same where it must be all that is left. */
int staple_der_take_last(staple_der_t *contents, staple_der_t *whole,
                         staple_der_t *rest, unsigned char identifier);

/* Are they the same bytes? */
int staple_der_is_same(staple_der_t one, staple_der_t other);

/*
 * Where things are in a certificate that nothing was decoded of: whole
 * elements, but for `signature` and `key_bits`, which are the contents of BIT
 * STRINGs.
 */
typedef struct staple_der_cert_t {
    staple_der_t tbs;
    staple_der_t tbs_algorithm; /* of the signature, as the issuer signed it */
    staple_der_t subject;
    staple_der_t key_algorithm; /* with the next: SubjectPublicKeyInfo */
    staple_der_t key_bits;
    staple_der_t algorithm; /* of the signature, not signed */
    staple_der_t signature;
} staple_der_cert_t;

/* Finds them in `certificate`, a whole element, at the cost of its length.
 * Returns 1; 0 where it is not DER, or no certificate (RFC 5280 4.1). */
int staple_der_find_cert(staple_der_cert_t *places, staple_der_t certificate);

/*
 * May OpenSSL be given this public key to decode?  Decoding comes before any
 * signature can be verified, and there are keys that cost a thousand times
 * what the usual ones do.  Taken are RSA keys of at most 8192 bits, keys on
 * named curves, and of others those without parameters and of at most 4 KiB
 * (EdDSA, ML-DSA).  Costs nothing itself.  STAPLE_OK or STAPLE_WEAK_KEY.
 */
staple_reason_e staple_der_check_key(const staple_der_cert_t *places);

/*
 * DER that is written from its end to its beginning, so that each length is
 * known when it is written.
 */
typedef struct staple_der_out_t {
    unsigned char *bytes; /* the caller's, of `size` */
    apr_size_t size;
    apr_size_t at; /* what is there begins here */
} staple_der_out_t;

/* Room that the heads of `count` elements take at most. */
#define STAPLE_DER_HEADS(count) ((apr_size_t)(count) * 6)

/* Nothing yet, in a buffer that has room for all that is to come. */
void staple_der_begin(staple_der_out_t *out, unsigned char *bytes,
                      apr_size_t size);

/* Puts bytes in front of what is there. */
void staple_der_put(staple_der_out_t *out, const void *bytes, apr_size_t len);

/* Puts a head in front of what is there, up to `end`, a value that out->at
 * had: its first octets and contents become an element. */
void staple_der_wrap(staple_der_out_t *out, apr_size_t end,
                     unsigned char identifier);

#endif
