/* A certificate's fields without its public key, which costs the most. */
#include "staple_bare.h"

#include <openssl/asn1t.h>

/* The largest keys that are decoded, in octets of their BIT STRINGs or
 * INTEGERs. */
#define LARGEST_RSA (8192 / 8)
#define LARGEST_EXPONENT 32 /* FIPS 186-5 5.4: less than 2^256 */
#define LARGEST_POINT 256   /* of 570 bits, twice: 145 */
#define LARGEST_OTHER 4096  /* ML-DSA-87: 2592 */

/* Certificate of RFC 5280 4.1. */
typedef struct whole_t {
    staple_bare_t *bare; /* the TBSCertificate */
    ASN1_TYPE *algorithm;
    ASN1_BIT_STRING *signature;
} whole_t;

ASN1_SEQUENCE(staple_bare_t) = {
    ASN1_EXP_OPT(staple_bare_t, version, ASN1_INTEGER, 0),
    ASN1_SIMPLE(staple_bare_t, serial, ASN1_INTEGER),
    ASN1_SIMPLE(staple_bare_t, algorithm, ASN1_ANY),
    ASN1_SIMPLE(staple_bare_t, issuer, X509_NAME),
    ASN1_SIMPLE(staple_bare_t, validity, X509_VAL),
    ASN1_SIMPLE(staple_bare_t, subject, X509_NAME),
    ASN1_SIMPLE(staple_bare_t, key, ASN1_ANY),
    ASN1_IMP_OPT(staple_bare_t, issuer_id, ASN1_BIT_STRING, 1),
    ASN1_IMP_OPT(staple_bare_t, subject_id, ASN1_BIT_STRING, 2),
    ASN1_EXP_SEQUENCE_OF_OPT(staple_bare_t, extensions, X509_EXTENSION, 3),
} static_ASN1_SEQUENCE_END(staple_bare_t)

ASN1_SEQUENCE(whole_t) = {
    ASN1_SIMPLE(whole_t, bare, staple_bare_t),
    ASN1_SIMPLE(whole_t, algorithm, ASN1_ANY),
    ASN1_SIMPLE(whole_t, signature, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(whole_t)

staple_bare_t *staple_bare_parse(const unsigned char *der, apr_size_t der_len)
{
    const unsigned char *at = der;
    staple_bare_t *bare = NULL;
    whole_t *whole = NULL;

    if (der_len <= APR_INT32_MAX) {
        whole = (whole_t *)ASN1_item_d2i(NULL, &at, (long)der_len,
                                         ASN1_ITEM_rptr(whole_t));
    }
    if (whole != NULL && at == der + der_len) {
        bare = whole->bare;
        whole->bare = NULL;
    }
    ASN1_item_free((ASN1_VALUE *)whole, ASN1_ITEM_rptr(whole_t));
    return bare;
}

void staple_bare_free(staple_bare_t *bare)
{
    ASN1_item_free((ASN1_VALUE *)bare, ASN1_ITEM_rptr(staple_bare_t));
}

/* ---- undecoded ---- */

/* The fields of a TBSCertificate up to its key. */
static int find_tbs(staple_bare_places_t *places, staple_der_t fields)
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

int staple_bare_find(staple_bare_places_t *places, staple_der_t certificate)
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

staple_reason_e staple_bare_check_key(const staple_bare_places_t *places)
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
