/* A certificate's fields without its public key, which costs the most. */
#include "staple_bare.h"

#include <openssl/asn1t.h>

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
