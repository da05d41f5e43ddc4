/* One signature over bytes: its only form, whether it is strong and right. */
#ifndef STAPLE_SIGNATURE_H
#define STAPLE_SIGNATURE_H

#include "staple_der.h"
#include "base/staple_openssl.h"
#include "base/staple_types.h"

/*
 * An AlgorithmIdentifier and the value of a signature.  Of all that can stand
 * there for the same signature by the same key, one form is made, so that
 * nothing that the signature does not cover is left in it:
 *
 *   parameters   those that the identifier prescribes: NULL for RSA's PKCS #1
 *                (RFC 4055 5); none for ECDSA, DSA, EdDSA and ML-DSA (RFC 5758
 *                3.1 and 3.2, RFC 8410 3, RFC 9881 2); of RSASSA-PSS the
 *                parsed values, encoded anew (RFC 4055 3.1)
 *   identifier   of several for one digest and kind of key the usual one only
 *   value        whole octets; ECDSA: the smaller one of s and n - s, which
 *                are both right (SEC 1 4.1.4); RSA: as long as the modulus
 *
 * EdDSA (RFC 8032 5.1.7) and ML-DSA leave no choice.
 */
typedef struct staple_signature_t {
    X509_ALGOR *algorithm;
    int digest;           /* NID; NID_undef: the kind of key settles it */
    int key_type;         /* NID of the kind of key */
    int mask_digest;      /* RSASSA-PSS: NID of that of its mask */
    int salt;             /* and the octets of its salt */
    staple_der_t read;    /* the value as it was read */
    staple_der_t value;   /* and in its form with a key: that, or `made` */
    unsigned char *made;
} staple_signature_t;

/* The least strength, in OpenSSL's security bits, of digest and key: RSA with
 * 2048 bits and SHA-224 have as many. */
#define STAPLE_SIGNATURE_BITS 112

/*
 * Reads `algorithm`, a whole element, and `bits`, the contents of a BIT STRING,
 * which must stay where they are.  Ask for staple_signature_free() in either
 * case.  STAPLE_BAD_SIGNATURE where OpenSSL does not know the algorithm, or it
 * has no form as above; STAPLE_MALFORMED; STAPLE_NO_MEMORY.  This and the
 * others may add to OpenSSL's error queue.
 */
staple_reason_e staple_signature_read(staple_signature_t *signature,
                                      staple_der_t algorithm,
                                      staple_der_t bits);

/* Gives the value the form that it has with this key: STAPLE_BAD_SIGNATURE
 * where it has none and so cannot be right. */
staple_reason_e staple_signature_settle(staple_signature_t *signature,
                                        const EVP_PKEY *key);

/* Is the digest strong enough?  STAPLE_WEAK_SIGNATURE where not; SHA-1 is, if
 * `sha1_will_do`. */
staple_reason_e staple_signature_check_digest(
    const staple_signature_t *signature, int sha1_will_do);

/* Is this key strong enough to sign?  STAPLE_WEAK_KEY where not. */
staple_reason_e staple_signature_check_key(const EVP_PKEY *key);

/* Is it the signature by `key` of these bytes, wherever they lie and however
 * many they are? */
int staple_signature_is_right(const staple_signature_t *signature,
                              staple_der_t bytes, EVP_PKEY *key);

/* The digest by which bytes are signed; NULL: the kind of key takes them in one
 * piece, or OpenSSL does not know the digest. */
const EVP_MD *staple_signature_digest(const staple_signature_t *signature);

/* The same for whoever has hashed the bytes: is it the signature by `key` of
 * those with this digest, of staple_signature_digest()? */
int staple_signature_is_right_for(const staple_signature_t *signature,
                                  const unsigned char *digest, EVP_PKEY *key);

void staple_signature_free(staple_signature_t *signature);

#endif
