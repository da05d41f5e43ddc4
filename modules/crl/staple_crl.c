/* A CRL over its bytes as they are: what it says of itself, and which is newer.
 */
#include "staple_crl.h"

#include <apr_strings.h>
#include <openssl/pem.h>
#include <string.h>

#include "staple_crl_cert.h"

/* Extensions of a list, the last octets of 2.5.29.x (RFC 5280 5.2). */
#define ID_CE_CRL_NUMBER 20
#define ID_CE_DELTA_INDICATOR 27
#define ID_CE_ISSUING_POINT 28
#define ID_CE_KEY_ID 35
#define ID_CE_FRESHEST 46

#define MAX_SIGNATURE 65536 /* octets; those of SLH-DSA have 49856 */

/* ---- which is newer ---- */

int staple_crl_number_cmp(const staple_crl_number_t *one,
                          const staple_crl_number_t *other)
{
    return memcmp(one->octets, other->octets, sizeof(one->octets));
}

int staple_crl_mark_cmp(const staple_crl_mark_t *one,
                        const staple_crl_mark_t *other)
{
    int is = one->number.is_there && other->number.is_there
                 ? staple_crl_number_cmp(&one->number, &other->number)
                 : 0;

    return is != 0 ? is
                   : (one->this_update > other->this_update)
                         - (one->this_update < other->this_update);
}

const char *staple_crl_number_text(char text[STAPLE_CRL_NUMBER_SIZE],
                                   const staple_crl_number_t *number)
{
    static const char digit[] = "0123456789ABCDEF";
    char *to = text;
    apr_size_t i = 0;

    if (number->is_there) {
        while (i + 1 < STAPLE_CRL_NUMBER_LEN && number->octets[i] == 0) {
            i++;
        }
        for (; i < STAPLE_CRL_NUMBER_LEN; i++) {
            *to++ = digit[number->octets[i] >> 4];
            *to++ = digit[number->octets[i] & 15];
        }
    }
    *to = '\0';
    return text;
}

/* ---- times ---- */

staple_reason_e staple_crl_times(apr_time_t *use_until, const staple_crl_t *crl,
                                 const staple_policy_t *policy, apr_time_t now)
{
    apr_time_t end = crl->next_update;

    if (end == 0) {
        end = crl->mark.this_update + policy->max_age;
    }
    if (crl->mark.this_update > now + policy->clock_skew) {
        return STAPLE_CRL_NOT_YET_VALID;
    }
    if (end + policy->clock_skew < now) {
        return STAPLE_CRL_EXPIRED;
    }
    if (crl->signer != NULL && now >= crl->signer_ends_at) {
        return STAPLE_CRL_SIGNER_EXPIRED;
    }
    *use_until = crl->signer != NULL && crl->signer_ends_at < end
                     ? crl->signer_ends_at
                     : end;
    return STAPLE_OK;
}

/* ---- reading: numbers ---- */

/* An extension whose value is one INTEGER, 0 or more (RFC 5280 5.2.3). */
static int take_number(staple_crl_number_t *number, staple_der_t value)
{
    staple_der_t octets;
    apr_size_t len;

    if (number->is_there
        || !staple_der_take(&octets, NULL, &value, STAPLE_DER_INTEGER)
        || value.len > 0 || !staple_der_is_integer(octets)
        || *octets.at >= 0x80) {
        return 0;
    }
    if (*octets.at == 0) {
        octets.at++;
        octets.len--;
    }
    len = octets.len;
    if (len > STAPLE_CRL_NUMBER_LEN) {
        return 0;
    }
    if (len > 0) {
        memcpy(number->octets + STAPLE_CRL_NUMBER_LEN - len, octets.at, len);
    }
    number->is_there = 1;
    return 1;
}

/* ---- what comes from the pool ---- */

static int is_small(staple_der_t bytes)
{
    return bytes.len <= STAPLE_CRL_MAX_PART;
}

/* Copies bytes that are there once at most and are no more than a part. */
static int copy_part(staple_der_t *to, apr_pool_t *p, staple_der_t from)
{
    apr_size_t len = from.len;

    if (to->at != NULL || len == 0 || !is_small(from)) {
        return 0;
    }
    to->at = apr_pmemdup(p, from.at, len);
    to->len = len;
    return 1;
}

/* Is what OpenSSL made of it, encoded again by `i2d`, what it was made of?  So
 * nothing that its decoders pass over stays unseen. */
static int encodes_back(const void *value, const ASN1_ITEM *item,
                        staple_der_t from)
{
    unsigned char *out = NULL;
    int len = ASN1_item_i2d(value, &out, item);
    int is_equal = len >= 0 && (apr_size_t)len == from.len
                   && memcmp(out, from.at, (apr_size_t)len) == 0;

    OPENSSL_free(out);
    return is_equal;
}

/* OpenSSL's decoder, for small parts; NULL: not in DER. */
static void *decode(const ASN1_ITEM *item, staple_der_t from)
{
    const unsigned char *at = from.at;
    ASN1_VALUE *value = NULL;

    if (is_small(from)) {
        value = ASN1_item_d2i(NULL, &at, (long)from.len, item);
    }
    if (value != NULL && !encodes_back(value, item, from)) {
        ASN1_item_free(value, item);
        value = NULL;
    }
    return value;
}

static apr_status_t free_name(void *name)
{
    X509_NAME_free(name);
    return APR_SUCCESS;
}

/* ---- extensions ---- */

/* IssuingDistributionPoint (RFC 5280 5.2.5). */
static staple_reason_e judge_point(staple_crl_t *crl,
                                   const ISSUING_DIST_POINT *point)
{
    static const staple_crl_kind_e kinds[] = {
        STAPLE_CRL_ALL_CERTS, STAPLE_CRL_USER_CERTS, STAPLE_CRL_CA_CERTS,
        STAPLE_CRL_ATTRIBUTE_CERTS};
    /* A DEFAULT FALSE is 0 or less in OpenSSL. */
    int user = point->onlyuser > 0, ca = point->onlyCA > 0;
    int attribute = point->onlyattr > 0;

    if (point->indirectCRL > 0) {
        return STAPLE_CRL_INDIRECT;
    }
    if (point->onlysomereasons != NULL) {
        return STAPLE_CRL_SOME_REASONS;
    }
    if (user + ca + attribute > 1
        || (user + ca + attribute == 0 && point->distpoint == NULL)) {
        return STAPLE_CRL_MALFORMED;
    }
    crl->kind = kinds[user + 2 * ca + 3 * attribute];
    if (point->distpoint != NULL && point->distpoint->type == 0
        && !staple_crl_cert_names(&crl->names, crl->pool,
                                  point->distpoint->name.fullname)) {
        return STAPLE_CRL_MALFORMED;
    }
    crl->has_relative_name =
        point->distpoint != NULL && point->distpoint->type != 0;
    return STAPLE_OK;
}

static staple_reason_e take_point(staple_crl_t *crl, staple_der_t value)
{
    ISSUING_DIST_POINT *point;
    staple_reason_e reason;

    if (!copy_part(&crl->point, crl->pool, value)) {
        return STAPLE_CRL_MALFORMED;
    }
    point = decode(ASN1_ITEM_rptr(ISSUING_DIST_POINT), value);
    if (point == NULL) {
        return STAPLE_CRL_MALFORMED;
    }
    reason = judge_point(crl, point);
    ISSUING_DIST_POINT_free(point);
    return reason;
}

static int take_key_id(staple_crl_t *crl, staple_der_t value)
{
    AUTHORITY_KEYID *key_id = decode(ASN1_ITEM_rptr(AUTHORITY_KEYID), value);
    int is_taken = key_id != NULL && copy_part(&crl->key_id, crl->pool, value);

    AUTHORITY_KEYID_free(key_id);
    return is_taken;
}

/* One extension.  Of those that are not known a critical one refuses the list
 * (RFC 5280 5.2), and another says nothing. */
static staple_reason_e
take_extension(staple_crl_t *crl, const staple_crl_der_extension_t *extension)
{
    int is_taken = 1;

    switch (staple_crl_der_id_ce(extension->oid)) {
    case ID_CE_CRL_NUMBER:
        is_taken = take_number(&crl->mark.number, extension->value);
        break;
    case ID_CE_DELTA_INDICATOR:
        is_taken = take_number(&crl->base_number, extension->value);
        crl->is_delta = 1;
        break;
    case ID_CE_ISSUING_POINT:
        return take_point(crl, extension->value);
    case ID_CE_KEY_ID:
        is_taken = take_key_id(crl, extension->value);
        break;
    case ID_CE_FRESHEST:
        is_taken = copy_part(&crl->freshest, crl->pool, extension->value);
        break;
    default:
        return extension->is_critical ? STAPLE_CRL_CRITICAL : STAPLE_OK;
    }
    return is_taken ? STAPLE_OK : STAPLE_CRL_MALFORMED;
}

/* crlExtensions, what is left of tbsCertList.  That they are well-formed comes
 * first: what cannot be read cannot be said to be unknown. */
static staple_reason_e take_extensions(staple_crl_t *crl, staple_der_t in)
{
    staple_reason_e first = STAPLE_OK;
    staple_crl_der_extension_t extension;
    staple_der_t explicit, list;

    if (in.len == 0) {
        return STAPLE_OK;
    }
    if (!crl->is_v2
        || !staple_der_take(&explicit, NULL, &in, STAPLE_DER_EXPLICIT_0)
        || in.len > 0
        || !staple_der_take(&list, NULL, &explicit, STAPLE_DER_SEQUENCE)
        || explicit.len > 0 || list.len == 0) {
        return STAPLE_CRL_MALFORMED;
    }
    while (list.len > 0) {
        staple_reason_e reason = STAPLE_CRL_MALFORMED;

        if (staple_crl_der_extension(&list, &extension)) {
            reason = take_extension(crl, &extension);
        }
        if (reason == STAPLE_CRL_MALFORMED) {
            return reason;
        }
        first = first == STAPLE_OK ? reason : first;
    }
    return first;
}

/* ---- the fields before them ---- */

/* version: 2, or left out, which is 1 (RFC 5280 5.1.2.1). */
static int take_version(staple_crl_t *crl, staple_der_t *in)
{
    staple_der_t version;

    if (!staple_der_is_next(in, STAPLE_DER_INTEGER)) {
        return 1;
    }
    crl->is_v2 = 1;
    return staple_der_take(&version, NULL, in, STAPLE_DER_INTEGER)
           && version.len == 1 && *version.at == 1;
}

/* The two algorithms must be the same (RFC 5280 5.1.1.2). */
static int take_algorithm(const staple_crl_t *crl, staple_der_t *in)
{
    staple_der_t inner, ignored;
    X509_ALGOR *algorithm;
    int is_one;

    if (!staple_der_take(&ignored, &inner, in, STAPLE_DER_SEQUENCE)
        || !staple_der_is_same(inner, crl->algorithm)) {
        return 0;
    }
    algorithm = decode(ASN1_ITEM_rptr(X509_ALGOR), inner);
    is_one = algorithm != NULL;
    X509_ALGOR_free(algorithm);
    return is_one;
}

static int take_issuer(staple_crl_t *crl, staple_der_t *in)
{
    staple_der_t whole, ignored;
    X509_NAME *name;

    if (!staple_der_take(&ignored, &whole, in, STAPLE_DER_SEQUENCE)) {
        return 0;
    }
    name = decode(ASN1_ITEM_rptr(X509_NAME), whole);
    if (name == NULL) {
        return 0;
    }
    apr_pool_cleanup_register(crl->pool, name, free_name,
                              apr_pool_cleanup_null);
    crl->issuer = name;
    return 1;
}

static int take_time(apr_time_t *at, staple_der_t *in)
{
    staple_der_t contents;
    unsigned char tag;

    return staple_der_next(&tag, &contents, in)
           && staple_crl_der_time(at, tag, contents);
}

static int has_time(staple_der_t in)
{
    return staple_der_is_next(&in, STAPLE_DER_UTC_TIME)
           || staple_der_is_next(&in, STAPLE_DER_GENERALIZED_TIME);
}

/* A nextUpdate of 1970 must not pass for none. */
static int are_times_right(const staple_crl_t *crl, int has_next)
{
    return !has_next
           || (crl->next_update != 0
               && crl->next_update >= crl->mark.this_update);
}

static staple_reason_e read_tbs(staple_crl_t *crl, staple_der_t in)
{
    staple_reason_e reason;
    int has_next;

    if (!take_version(crl, &in) || !take_algorithm(crl, &in)
        || !take_issuer(crl, &in) || !take_time(&crl->mark.this_update, &in)) {
        return STAPLE_CRL_MALFORMED;
    }
    has_next = has_time(in);
    if (has_next && !take_time(&crl->next_update, &in)) {
        return STAPLE_CRL_MALFORMED;
    }
    crl->entries = (staple_der_t){in.at, 0};
    if (staple_der_is_next(&in, STAPLE_DER_SEQUENCE)
        && !staple_der_take(&crl->entries, NULL, &in, STAPLE_DER_SEQUENCE)) {
        return STAPLE_CRL_MALFORMED;
    }
    reason = take_extensions(crl, in);
    if (reason == STAPLE_OK && !are_times_right(crl, has_next)) {
        reason = STAPLE_CRL_BAD_TIMES;
    }
    return reason;
}

/* signatureValue: whole octets. */
static int take_signature(staple_crl_t *crl, staple_der_t *in)
{
    return staple_der_take_last(&crl->signature, NULL, in,
                                STAPLE_DER_BIT_STRING)
           && crl->signature.len >= 2 && *crl->signature.at == 0
           && crl->signature.len <= MAX_SIGNATURE;
}

staple_reason_e staple_crl_read(staple_crl_t **crl, apr_pool_t *p,
                                const unsigned char *der, apr_size_t der_len)
{
    staple_der_t in = {der, der_len}, list, tbs, ignored;
    staple_crl_t *read = apr_pcalloc(p, sizeof(*read));
    unsigned long before = ERR_peek_error();
    staple_reason_e reason = STAPLE_CRL_MALFORMED;

    STAPLE_OPENSSL_ENTER();
    read->pool = p;
    read->bytes = der_len;
    if (staple_der_take_last(&list, NULL, &in, STAPLE_DER_SEQUENCE)
        && staple_der_take(&tbs, &read->tbs, &list, STAPLE_DER_SEQUENCE)
        && staple_der_take(&ignored, &read->algorithm, &list,
                           STAPLE_DER_SEQUENCE)
        && take_signature(read, &list)) {
        reason = read_tbs(read, tbs);
    }
    if (reason == STAPLE_OK) {
        *crl = read;
    }
    else if (staple_openssl_no_memory(before)) {
        reason = STAPLE_NO_MEMORY;
    }
    STAPLE_OPENSSL_LEAVE();
    return reason;
}

unsigned char *staple_crl_from_pem(apr_size_t *len, const unsigned char *bytes,
                                   apr_size_t bytes_len)
{
    static const char begin[] = "-----BEGIN ";
    unsigned char *der = NULL;
    BIO *bio = NULL;
    long der_len = 0;

    STAPLE_OPENSSL_ENTER();
    if (bytes_len > sizeof(begin) && bytes_len <= APR_INT32_MAX
        && memcmp(bytes, begin, sizeof(begin) - 1) == 0) {
        bio = BIO_new_mem_buf(bytes, (int)bytes_len);
    }
    if (bio != NULL
        && PEM_bytes_read_bio(&der, &der_len, NULL, PEM_STRING_X509_CRL, bio,
                              NULL, NULL)) {
        *len = (apr_size_t)der_len;
    }
    BIO_free(bio);
    STAPLE_OPENSSL_LEAVE();
    return der;
}
