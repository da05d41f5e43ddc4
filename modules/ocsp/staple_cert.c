/* PEM of leaf and issuer -> key, CertID, responder URLs, names, notAfter. */
#include "staple_cert.h"

#include <apr_strings.h>
#include <openssl/asn1t.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/staple_parse.h"

#define TLS_FEATURE_STATUS_REQUEST 5 /* RFC 7633 4.1, RFC 6066 8 */
#define MAX_NAME 512                 /* characters kept of a name */

/* ---- a certificate without its public key, which costs the most ---- */

/*
 * SubjectPublicKeyInfo of RFC 5280 4.1, and what else OpenSSL's X509 has; but
 * the public key stays undecoded:
 * OpenSSL 3.0 takes five times as long for it as for all else, and of ten
 * thousand certificates that httpd starts with no key is needed here.
 */
typedef struct bare_key_t {
    X509_ALGOR *algorithm;
    ASN1_BIT_STRING *bits;
} bare_key_t;

typedef struct bare_t {
    ASN1_INTEGER *version;
    ASN1_INTEGER *serial;
    ASN1_TYPE *algorithm;
    X509_NAME *issuer;
    X509_VAL *validity;
    X509_NAME *subject;
    bare_key_t *key;
    ASN1_BIT_STRING *issuer_id;
    ASN1_BIT_STRING *subject_id;
    STACK_OF(X509_EXTENSION) * extensions; /* NULL: none */
} bare_t;

/* Certificate of RFC 5280 4.1. */
typedef struct whole_t {
    bare_t *bare; /* the TBSCertificate */
    ASN1_TYPE *algorithm;
    ASN1_BIT_STRING *signature;
} whole_t;

ASN1_SEQUENCE(bare_key_t) = {
    ASN1_SIMPLE(bare_key_t, algorithm, X509_ALGOR),
    ASN1_SIMPLE(bare_key_t, bits, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(bare_key_t)

ASN1_SEQUENCE(bare_t) = {
    ASN1_EXP_OPT(bare_t, version, ASN1_INTEGER, 0),
    ASN1_SIMPLE(bare_t, serial, ASN1_INTEGER),
    ASN1_SIMPLE(bare_t, algorithm, ASN1_ANY),
    ASN1_SIMPLE(bare_t, issuer, X509_NAME),
    ASN1_SIMPLE(bare_t, validity, X509_VAL),
    ASN1_SIMPLE(bare_t, subject, X509_NAME),
    ASN1_SIMPLE(bare_t, key, bare_key_t),
    ASN1_IMP_OPT(bare_t, issuer_id, ASN1_BIT_STRING, 1),
    ASN1_IMP_OPT(bare_t, subject_id, ASN1_BIT_STRING, 2),
    ASN1_EXP_SEQUENCE_OF_OPT(bare_t, extensions, X509_EXTENSION, 3),
} static_ASN1_SEQUENCE_END(bare_t)

ASN1_SEQUENCE(whole_t) = {
    ASN1_SIMPLE(whole_t, bare, bare_t),
    ASN1_SIMPLE(whole_t, algorithm, ASN1_ANY),
    ASN1_SIMPLE(whole_t, signature, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(whole_t)

/* All of `der`; NULL where it is no certificate.  Adds to OpenSSL's error
 * queue. */
static bare_t *parse_bare(const unsigned char *der, apr_size_t der_len)
{
    const unsigned char *at = der;
    bare_t *bare = NULL;
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

static void free_bare(bare_t *bare)
{
    ASN1_item_free((ASN1_VALUE *)bare, ASN1_ITEM_rptr(bare_t));
}

/* ---- what one says ---- */

int staple_cert_key(staple_key_t *key, X509 *x509)
{
    return X509_digest(x509, EVP_sha1(), key->bytes, NULL);
}

const char *staple_cert_name(apr_pool_t *p, const X509_NAME *name)
{
    const char *text = "";
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    long len;

    if (bio != NULL
        && X509_NAME_print_ex(bio, name, 0,
                              XN_FLAG_RFC2253 & ~ASN1_STRFLGS_UTF8_CONVERT)
               >= 0) {
        len = BIO_get_mem_data(bio, &data);
        if (len > MAX_NAME) {
            text =
                apr_pstrcat(p, apr_pstrmemdup(p, data, MAX_NAME), "...", NULL);
        }
        else {
            text = apr_pstrmemdup(p, data, len > 0 ? (apr_size_t)len : 0);
        }
    }
    BIO_free(bio);
    return text;
}

int staple_cert_time(apr_time_t *at, const ASN1_TIME *time)
{
    static const struct tm epoch = {.tm_year = 70, .tm_mday = 1};
    struct tm tm;
    int days, secs;

    /* OpenSSL takes no time for the present one. */
    if (time == NULL || !ASN1_TIME_to_tm(time, &tm)
        || !OPENSSL_gmtime_diff(&days, &secs, &epoch, &tm)) {
        return 0;
    }
    *at = apr_time_from_sec((apr_int64_t)days * 86400 + secs);
    return 1;
}

static apr_status_t free_x509(void *x509)
{
    X509_free(x509);
    return APR_SUCCESS;
}

staple_issuers_t *staple_cert_issuers_make(apr_pool_t *p)
{
    staple_issuers_t *issuers = apr_pcalloc(p, sizeof(*issuers));

    issuers->pool = p;
    issuers->by_digest = apr_hash_make(p);
    issuers->by_text = apr_hash_make(p);
    return issuers;
}

/* The table's object for this certificate, made on first sight. */
static const staple_issuer_t *find_issuer(staple_issuers_t *issuers, X509 *x509)
{
    unsigned char sha256[32];
    staple_issuer_t *issuer;

    if (!X509_digest(x509, EVP_sha256(), sha256, NULL)) {
        return NULL;
    }
    issuer = apr_hash_get(issuers->by_digest, sha256, sizeof(sha256));
    if (issuer != NULL) {
        return issuer;
    }
    if (!X509_up_ref(x509)) {
        return NULL;
    }
    issuer = apr_pcalloc(issuers->pool, sizeof(*issuer));
    issuer->x509 = x509;
    apr_pool_cleanup_register(issuers->pool, x509, free_x509,
                              apr_pool_cleanup_null);
    memcpy(issuer->sha256, sha256, sizeof(sha256));
    issuer->subject =
        staple_cert_name(issuers->pool, X509_get_subject_name(x509));
    issuer->signers = staple_signer_none(issuers->pool);
    apr_hash_set(issuers->by_digest, issuer->sha256, sizeof(issuer->sha256),
                 issuer);
    return issuer;
}

/* One more OCSP URL of the AIA, if it is acceptable and not there yet. */
static void take_url(staple_cert_t *cert, const char **urls, apr_pool_t *p,
                     const ASN1_IA5STRING *uri)
{
    const char *url = (const char *)ASN1_STRING_get0_data(uri);
    apr_size_t len = (apr_size_t)ASN1_STRING_length(uri);
    int i;

    for (i = 0; i < cert->url_count; i++) {
        if (strlen(urls[i]) == len && memcmp(urls[i], url, len) == 0) {
            return;
        }
    }
    if (cert->url_count == STAPLE_MAX_AIA_URLS
        || staple_parse_url(url, len) != STAPLE_OK) {
        cert->refused_url_count++;
        return;
    }
    urls[cert->url_count++] = apr_pstrmemdup(p, url, len);
}

/* Takes the acceptable OCSP URLs in the order of the AIA, without repeats. */
static void take_urls(staple_cert_t *cert, apr_pool_t *p,
                      const bare_t *leaf)
{
    AUTHORITY_INFO_ACCESS *aia =
        X509V3_get_d2i(leaf->extensions, NID_info_access, NULL, NULL);
    const char *urls[STAPLE_MAX_AIA_URLS];
    int i;

    for (i = 0; i < sk_ACCESS_DESCRIPTION_num(aia); i++) {
        const ACCESS_DESCRIPTION *access = sk_ACCESS_DESCRIPTION_value(aia, i);

        if (OBJ_obj2nid(access->method) == NID_ad_OCSP
            && access->location->type == GEN_URI) {
            take_url(cert, urls, p, access->location->d.ia5);
        }
    }
    cert->urls =
        apr_pmemdup(p, urls, (apr_size_t)cert->url_count * sizeof(urls[0]));
    AUTHORITY_INFO_ACCESS_free(aia);
}

static int must_staple(const STACK_OF(X509_EXTENSION) * extensions)
{
    TLS_FEATURE *features =
        X509V3_get_d2i(extensions, NID_tlsfeature, NULL, NULL);
    int found = 0;
    int i;

    for (i = 0; i < sk_ASN1_INTEGER_num(features); i++) {
        if (ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i))
            == TLS_FEATURE_STATUS_REQUEST) {
            found = 1;
        }
    }
    TLS_FEATURE_free(features);
    return found;
}

int staple_cert_must_staple(X509 *x509)
{
    return must_staple(X509_get0_extensions(x509));
}

static int take_certid(staple_cert_t *cert, apr_pool_t *p,
                       const bare_t *leaf)
{
    OCSP_CERTID *id = OCSP_cert_id_new(
        EVP_sha1(), leaf->issuer, X509_get0_pubkey_bitstr(cert->issuer->x509),
        leaf->serial);
    unsigned char *der = NULL;
    int len = id != NULL ? i2d_OCSP_CERTID(id, &der) : -1;

    if (len > 0 && len < 0x10000) {
        cert->certid = apr_pmemdup(p, der, (apr_size_t)len);
        cert->certid_len = (unsigned short)len;
    }
    OPENSSL_free(der);
    OCSP_CERTID_free(id);
    return cert->certid != NULL;
}

/* The serial number in hexadecimal, as every tool prints it. */
static const char *serial_text(apr_pool_t *p, const ASN1_INTEGER *serial)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    const char *text = hex != NULL ? apr_pstrdup(p, hex) : "";

    OPENSSL_free(hex);
    BN_free(number);
    return text;
}

/* What tells the certificates of one server apart. */
static const char *key_type(apr_pool_t *p, const X509_ALGOR *algorithm)
{
    char text[64] = "";

    switch (OBJ_obj2nid(algorithm->algorithm)) {
    case NID_rsaEncryption:
        return "RSA";
    case NID_rsassaPss:
        return "RSA-PSS";
    case NID_X9_62_id_ecPublicKey:
        return "ECDSA";
    case NID_ED25519:
        return "Ed25519";
    case NID_ED448:
        return "Ed448";
    }
    OBJ_obj2txt(text, sizeof(text), algorithm->algorithm, 0);
    return apr_pstrdup(p, text);
}

/* What the certificate says of itself. */
static staple_reason_e identify(staple_cert_t *cert, apr_pool_t *p,
                                const bare_t *leaf,
                                const unsigned char *der, apr_size_t der_len)
{
    if (!EVP_Digest(der, der_len, cert->key.bytes, NULL, EVP_sha1(), NULL)
        || !EVP_Digest(der, der_len, cert->sha256, NULL, EVP_sha256(), NULL)) {
        return STAPLE_NO_MEMORY;
    }
    cert->must_staple = must_staple(leaf->extensions) != 0;
    cert->subject = staple_cert_name(p, leaf->subject);
    cert->serial = serial_text(p, leaf->serial);
    cert->key_type = key_type(p, leaf->key->algorithm);
    return staple_cert_time(&cert->not_before, leaf->validity->notBefore)
                   && staple_cert_time(&cert->not_after,
                                       leaf->validity->notAfter)
               ? STAPLE_OK
               : STAPLE_CERT_UNREADABLE;
}

/* Is it the certificate of these bytes? */
static int is_same(X509 *x509, const unsigned char *der, apr_size_t der_len)
{
    unsigned char *own = NULL;
    int len = i2d_X509(x509, &own);
    int same = len > 0 && (apr_size_t)len == der_len
               && memcmp(own, der, der_len) == 0;

    OPENSSL_free(own);
    return same;
}

static staple_reason_e fill(staple_cert_t *cert, apr_pool_t *p,
                            const unsigned char *der, apr_size_t der_len,
                            int url_needed)
{
    unsigned long before = ERR_peek_error();
    bare_t *leaf = parse_bare(der, der_len);
    X509 *issuer = cert->issuer->x509;
    staple_reason_e reason = STAPLE_OK;

    if (leaf == NULL) {
        return staple_openssl_no_memory(before) ? STAPLE_NO_MEMORY
                                                : STAPLE_CERT_UNREADABLE;
    }
    if (X509_NAME_cmp(leaf->subject, leaf->issuer) == 0
        && is_same(issuer, der, der_len)) {
        reason = STAPLE_CERT_SELF_SIGNED;
    }
    else if (X509_NAME_cmp(leaf->issuer, X509_get_subject_name(issuer)) != 0) {
        reason = STAPLE_CERT_WRONG_ISSUER;
    }
    else {
        take_urls(cert, p, leaf);
    }
    if (reason == STAPLE_OK && cert->url_count == 0 && url_needed) {
        reason = STAPLE_CERT_NO_URL;
    }
    if (reason == STAPLE_OK) {
        reason = take_certid(cert, p, leaf)
                     ? identify(cert, p, leaf, der, der_len)
                     : STAPLE_NO_MEMORY;
    }
    free_bare(leaf);
    return reason;
}

static staple_reason_e from_der(staple_cert_t **cert, apr_pool_t *p,
                                const staple_issuer_t *issuer,
                                const unsigned char *der, apr_size_t der_len,
                                int url_needed)
{
    staple_cert_t *made = apr_pcalloc(p, sizeof(*made));
    staple_reason_e reason;

    made->issuer = issuer;
    reason = fill(made, p, der, der_len, url_needed);
    if (reason == STAPLE_OK) {
        *cert = made;
    }
    return reason;
}

int staple_cert_has_issued(X509 *issuer, X509 *x509)
{
    int has_issued;

    STAPLE_OPENSSL_ENTER();
    has_issued = X509_check_issued(issuer, x509) == X509_V_OK
                 && X509_cmp(issuer, x509) != 0
                 && X509_verify(x509, X509_get0_pubkey(issuer)) == 1;
    STAPLE_OPENSSL_LEAVE();
    return has_issued;
}

staple_reason_e staple_cert_from_x509(staple_cert_t **cert, apr_pool_t *p,
                                      staple_issuers_t *issuers, X509 *leaf,
                                      X509 *issuer, int url_needed)
{
    staple_reason_e reason = STAPLE_NO_MEMORY;
    const staple_issuer_t *known;
    staple_cert_t *made = NULL;
    unsigned char *der = NULL;
    int len;

    STAPLE_OPENSSL_ENTER();
    known = find_issuer(issuers, issuer);
    len = i2d_X509(leaf, &der);
    if (known != NULL && len > 0) {
        reason = from_der(&made, p, known, der, (apr_size_t)len, url_needed);
    }
    if (reason == STAPLE_OK
        && X509_verify(leaf, X509_get0_pubkey(issuer)) != 1) {
        reason = STAPLE_CERT_WRONG_ISSUER;
    }
    if (reason == STAPLE_OK) {
        *cert = made;
    }
    OPENSSL_free(der);
    STAPLE_OPENSSL_LEAVE();
    return reason;
}

staple_reason_e staple_cert_describe(staple_cert_t **cert, apr_pool_t *p,
                                     X509 *x509)
{
    staple_cert_t *made = apr_pcalloc(p, sizeof(*made));
    staple_issuer_t *issuer = apr_pcalloc(p, sizeof(*issuer));
    staple_reason_e reason = STAPLE_CERT_UNREADABLE;
    bare_t *bare = NULL;
    unsigned char *der = NULL;
    int len;

    STAPLE_OPENSSL_ENTER();
    len = i2d_X509(x509, &der);
    if (len > 0) {
        bare = parse_bare(der, (apr_size_t)len);
    }
    if (bare != NULL) {
        take_urls(made, p, bare);
        reason = identify(made, p, bare, der, (apr_size_t)len);
        issuer->subject = staple_cert_name(p, bare->issuer);
        made->issuer = issuer;
    }
    free_bare(bare);
    OPENSSL_free(der);
    STAPLE_OPENSSL_LEAVE();
    if (reason == STAPLE_OK) {
        *cert = made;
    }
    return reason;
}

/* The issuer of a PEM text; NULL: it has none. */
static const staple_issuer_t *read_issuer(staple_issuers_t *issuers,
                                          const char *pem, apr_size_t pem_len)
{
    const staple_issuer_t *issuer =
        apr_hash_get(issuers->by_text, pem, (apr_ssize_t)pem_len);
    X509 *x509;
    BIO *bio;

    if (issuer != NULL) {
        return issuer;
    }
    bio = BIO_new_mem_buf(pem, (int)pem_len);
    x509 = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (x509 != NULL) {
        issuer = find_issuer(issuers, x509);
        X509_free(x509);
    }
    if (issuer != NULL) {
        apr_hash_set(issuers->by_text,
                     apr_pstrmemdup(issuers->pool, pem, pem_len),
                     (apr_ssize_t)pem_len, issuer);
    }
    return issuer;
}

/* That of what comes behind the first certificate. */
static const staple_issuer_t *issuer_of(staple_issuers_t *issuers,
                                        const char *pem, apr_size_t pem_len)
{
    static const char end[] = "-----END CERTIFICATE-----";
    const char *rest = memmem(pem, pem_len, end, sizeof(end) - 1);

    return rest != NULL ? read_issuer(issuers, rest,
                                      pem_len - (apr_size_t)(rest - pem))
                        : NULL;
}

const staple_issuer_t *staple_cert_issuer(staple_issuers_t *issuers,
                                          const char *pem, apr_size_t pem_len)
{
    const staple_issuer_t *issuer;

    STAPLE_OPENSSL_ENTER();
    issuer = pem_len <= APR_INT32_MAX ? issuer_of(issuers, pem, pem_len) : NULL;
    STAPLE_OPENSSL_LEAVE();
    return issuer;
}

int staple_cert_is_signed(const char *pem, apr_size_t pem_len,
                          const staple_issuer_t *issuer)
{
    BIO *bio = NULL;
    X509 *x509 = NULL;
    int is_signed;

    STAPLE_OPENSSL_ENTER();
    if (pem_len <= APR_INT32_MAX) {
        bio = BIO_new_mem_buf(pem, (int)pem_len);
    }
    if (bio != NULL) {
        x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    }
    is_signed = x509 != NULL
                && X509_verify(x509, X509_get0_pubkey(issuer->x509)) == 1;
    X509_free(x509);
    BIO_free(bio);
    STAPLE_OPENSSL_LEAVE();
    return is_signed;
}

staple_reason_e staple_cert_make(staple_cert_t **cert, apr_pool_t *p,
                                 staple_issuers_t *issuers, const char *pem,
                                 apr_size_t pem_len, int url_needed)
{
    staple_reason_e reason = STAPLE_CERT_UNREADABLE;
    const staple_issuer_t *issuer = NULL;
    unsigned char *der = NULL;
    BIO *bio = NULL;
    long len = 0;

    STAPLE_OPENSSL_ENTER();
    if (pem_len <= APR_INT32_MAX) {
        bio = BIO_new_mem_buf(pem, (int)pem_len);
    }
    if (bio != NULL
        && PEM_bytes_read_bio(&der, &len, NULL, PEM_STRING_X509, bio, NULL,
                              NULL)) {
        issuer = issuer_of(issuers, pem, pem_len);
    }
    if (issuer != NULL) {
        reason = from_der(cert, p, issuer, der, (apr_size_t)len, url_needed);
    }
    OPENSSL_free(der);
    BIO_free(bio);
    STAPLE_OPENSSL_LEAVE();
    return reason;
}
