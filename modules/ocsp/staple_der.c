/* Reads DER, also of certificates, strictly and undecoded, and writes it. */
#include "staple_der.h"

#include <string.h>

#include "base/staple_openssl.h"

/* The largest keys that are decoded, in octets of their BIT STRINGs or
 * INTEGERs. */
#define LARGEST_RSA (8192 / 8)
#define LARGEST_EXPONENT 32 /* FIPS 186-5 5.4: less than 2^256 */
#define LARGEST_POINT 256   /* of 570 bits, twice: 145 */
#define LARGEST_OTHER 4096  /* ML-DSA-87: 2592 */

/* ---- elements ---- */

int staple_der_take_last(staple_der_t *contents, staple_der_t *whole,
                         staple_der_t *rest, unsigned char identifier)
{
    staple_der_t after = *rest;

    if (!staple_der_take(contents, whole, &after, identifier)
        || after.len != 0) {
        return 0;
    }
    *rest = after;
    return 1;
}

int staple_der_is_same(staple_der_t one, staple_der_t other)
{
    return one.len == other.len
           && (one.len == 0 || memcmp(one.at, other.at, one.len) == 0);
}

/* ---- certificates ---- */

/* The fields of a TBSCertificate up to its key. */
static int find_tbs(staple_der_cert_t *places, staple_der_t fields)
{
    staple_der_t ignored, key;

    if (staple_der_is_next(&fields, STAPLE_DER_EXPLICIT_0)
        && !staple_der_take(&ignored, NULL, &fields, STAPLE_DER_EXPLICIT_0)) {
        return 0;
    }
    return staple_der_take(&ignored, NULL, &fields, STAPLE_DER_INTEGER)
           && staple_der_take(&ignored, &places->tbs_algorithm, &fields,
                              STAPLE_DER_SEQUENCE)
           && staple_der_take(&ignored, NULL, &fields, STAPLE_DER_SEQUENCE)
           && staple_der_take(&ignored, NULL, &fields, STAPLE_DER_SEQUENCE)
           && staple_der_take(&ignored, &places->subject, &fields,
                              STAPLE_DER_SEQUENCE)
           && staple_der_take(&key, NULL, &fields, STAPLE_DER_SEQUENCE)
           && staple_der_take(&ignored, &places->key_algorithm, &key,
                              STAPLE_DER_SEQUENCE)
           && staple_der_take_last(&places->key_bits, NULL, &key,
                                   STAPLE_DER_BIT_STRING);
}

int staple_der_find_cert(staple_der_cert_t *places, staple_der_t certificate)
{
    staple_der_t whole, tbs, ignored;

    return staple_der_take_last(&whole, NULL, &certificate,
                                STAPLE_DER_SEQUENCE)
           && staple_der_take(&tbs, &places->tbs, &whole, STAPLE_DER_SEQUENCE)
           && staple_der_take(&ignored, &places->algorithm, &whole,
                              STAPLE_DER_SEQUENCE)
           && staple_der_take_last(&places->signature, NULL, &whole,
                                   STAPLE_DER_BIT_STRING)
           && find_tbs(places, tbs);
}

/* RSAPublicKey of RFC 8017 A.1.1. */
static int is_modest_rsa(staple_der_t bits)
{
    staple_der_t rest, fields, modulus, exponent;

    if (bits.len == 0 || bits.at[0] != 0) {
        return 0;
    }
    rest = (staple_der_t){bits.at + 1, bits.len - 1};
    return staple_der_take_last(&fields, NULL, &rest, STAPLE_DER_SEQUENCE)
           && staple_der_take(&modulus, NULL, &fields, STAPLE_DER_INTEGER)
           && staple_der_take_last(&exponent, NULL, &fields,
                                   STAPLE_DER_INTEGER)
           /* an octet before the first bit, where that is set */
           && modulus.len <= LARGEST_RSA + 1
           && exponent.len <= LARGEST_EXPONENT + 1;
}

staple_reason_e staple_der_check_key(const staple_der_cert_t *places)
{
    staple_der_t rest = places->key_algorithm, fields, oid, ignored;
    const unsigned char *at;
    ASN1_OBJECT *kind = NULL;
    int is_modest = 0;

    if (staple_der_take_last(&fields, NULL, &rest, STAPLE_DER_SEQUENCE)
        && staple_der_take(&ignored, &oid, &fields, STAPLE_DER_OID)) {
        at = oid.at;
        kind = d2i_ASN1_OBJECT(NULL, &at, (long)oid.len);
    }
    switch (kind != NULL ? OBJ_obj2nid(kind) : NID_undef) {
    case NID_undef:
        break;
    case NID_rsaEncryption:
    case NID_rsassaPss:
        is_modest = is_modest_rsa(places->key_bits);
        break;
    case NID_X9_62_id_ecPublicKey: /* its only parameter is a curve's name */
        is_modest = staple_der_take_last(&ignored, NULL, &fields,
                                         STAPLE_DER_OID)
                    && places->key_bits.len <= LARGEST_POINT;
        break;
    default:
        is_modest = fields.len == 0 && places->key_bits.len <= LARGEST_OTHER;
        break;
    }
    ASN1_OBJECT_free(kind);
    return is_modest ? STAPLE_OK : STAPLE_WEAK_KEY;
}

/* ---- writing ---- */

void staple_der_begin(staple_der_out_t *out, unsigned char *bytes,
                      apr_size_t size)
{
    out->bytes = bytes;
    out->size = size;
    out->at = size;
}

void staple_der_put(staple_der_out_t *out, const void *bytes, apr_size_t len)
{
    out->at -= len;
    memcpy(out->bytes + out->at, bytes, len);
}

void staple_der_wrap(staple_der_out_t *out, apr_size_t end,
                     unsigned char identifier)
{
    apr_size_t len = end - out->at;
    apr_size_t left = len;
    unsigned octets = 0;

    if (len < 0x80) {
        out->bytes[--out->at] = (unsigned char)len;
    }
    else {
        for (; left > 0; left >>= 8) {
            out->bytes[--out->at] = (unsigned char)left;
            octets++;
        }
        out->bytes[--out->at] = (unsigned char)(0x80 | octets);
    }
    out->bytes[--out->at] = identifier;
}
