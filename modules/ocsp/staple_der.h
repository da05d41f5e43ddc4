/* Reads DER, also of certificates, strictly and undecoded, and writes it. */
#ifndef STAPLE_DER_H
#define STAPLE_DER_H

#include "base/staple_reason.h"

/* Identifier octets (X.690 8.1.2) of what is read here. */
#define STAPLE_DER_BOOLEAN 0x01
#define STAPLE_DER_INTEGER 0x02
#define STAPLE_DER_BIT_STRING 0x03
#define STAPLE_DER_OCTET_STRING 0x04
#define STAPLE_DER_OID 0x06
#define STAPLE_DER_ENUMERATED 0x0a
#define STAPLE_DER_UTC_TIME 0x17
#define STAPLE_DER_GENERALIZED_TIME 0x18
#define STAPLE_DER_SEQUENCE 0x30
#define STAPLE_DER_EXPLICIT_0 0xa0

/* A run of bytes that the caller keeps. */
typedef struct staple_der_t {
    const unsigned char *at;
    apr_size_t len;
} staple_der_t;

/* Is the next element of this identifier? */
static inline int staple_der_is_next(const staple_der_t *rest,
                                     unsigned char identifier)
{
    return rest->len > 0 && rest->at[0] == identifier;
}

/* The octets of a length in the long form (X.690 8.1.3.5) and the length;
 * 0: it is not DER. */
static inline apr_size_t staple_der_long_len(apr_size_t *len,
                                             const staple_der_t *rest)
{
    apr_size_t octets = rest->at[1] & 0x7fU;
    apr_size_t i;

    if (octets == 0 || octets > 4 || rest->len < 2 + octets
        || rest->at[2] == 0) {
        return 0;
    }
    for (*len = 0, i = 0; i < octets; i++) {
        *len = *len << 8 | rest->at[2 + i];
    }
    return *len < 0x80 ? 0 : octets;
}

/*
 * Takes the next element off *rest: its identifier and contents.  Returns 1; 0,
 * and nothing is changed, where there is none, or not DER (X.690 10.1): its
 * identifier of several octets, its length indefinite, not the shortest form,
 * of more than four octets, or beyond the end of *rest.  The contents are not
 * looked at.
 *
 * Inline, and not by ASN1_get_object(), which takes BER, adds to an error
 * queue, and takes a quarter of a whole walk over a CRL of a million entries.
 */
static inline int staple_der_next(unsigned char *identifier,
                                  staple_der_t *contents, staple_der_t *rest)
{
    const unsigned char *at = rest->at;
    apr_size_t head = 2, len, octets;

    if (rest->len < 2 || (at[0] & 0x1f) == 0x1f) {
        return 0;
    }
    len = at[1];
    if (len >= 0x80) {
        octets = staple_der_long_len(&len, rest);
        if (octets == 0) {
            return 0;
        }
        head += octets;
    }
    if (len > rest->len - head) {
        return 0;
    }
    *identifier = at[0];
    *contents = (staple_der_t){at + head, len};
    rest->at += head + len;
    rest->len -= head + len;
    return 1;
}

/* The same where it must have this identifier; and, where `whole` is not NULL,
 * all of the element. */
static inline int staple_der_take(staple_der_t *contents, staple_der_t *whole,
                                  staple_der_t *rest, unsigned char identifier)
{
    const staple_der_t all = *rest;
    unsigned char is;

    if (!staple_der_is_next(rest, identifier)
        || !staple_der_next(&is, contents, rest)) {
        return 0;
    }
    if (whole != NULL) {
        *whole = (staple_der_t){all.at, all.len - rest->len};
    }
    return 1;
}

/* The same where it must be all that is left. */
int staple_der_take_last(staple_der_t *contents, staple_der_t *whole,
                         staple_der_t *rest, unsigned char identifier);

/* Are these the contents of an INTEGER or ENUMERATED (X.690 8.3.2): not empty,
 * and no octet more than needed? */
static inline int staple_der_is_integer(staple_der_t contents)
{
    const unsigned char *at = contents.at;

    return contents.len == 1
           || (contents.len > 1
               && !((at[0] == 0x00 && at[1] < 0x80)
                    || (at[0] == 0xff && at[1] >= 0x80)));
}

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
