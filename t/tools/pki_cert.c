/* Makes one test certificate of any shape. */
#include "pki_cert.h"

#include "pki_explicit.h"
#include "pki_name.h"
#include "tool_util.h"

#include <openssl/bn.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

EVP_PKEY *pki_cert_key(const char *kind)
{
    EVP_PKEY *key = NULL;

    if (strcmp(kind, "ec") == 0) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    }
    else if (strncmp(kind, "ec:", 3) == 0) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind + 3);
    }
    else if (strcmp(kind, "rsa") == 0) {
        key = EVP_RSA_gen(2048);
    }
    else if (strncmp(kind, "rsa:", 4) == 0) {
        key = EVP_RSA_gen((size_t)atol(kind + 4));
    }
    else {
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    }
    if (key == NULL) {
        tool_die("cannot make a key of kind %s", kind);
    }
    return key;
}

static void set_serial(X509 *cert, const char *hex)
{
    unsigned char random[16];
    BIGNUM *number = NULL;

    if (hex != NULL) {
        if (BN_hex2bn(&number, hex) != (int)strlen(hex)) {
            tool_die("not a hex number: %s", hex);
        }
    }
    else {
        TOOL_MUST(RAND_bytes(random, sizeof(random)) == 1);
        random[0] = (unsigned char)((random[0] & 0x7f) | 0x40);
        number = BN_bin2bn(random, sizeof(random), NULL);
    }
    TOOL_MUST(number != NULL);
    TOOL_MUST(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)));
    BN_free(number);
}

char *pki_cert_serial(const X509 *cert)
{
    BIGNUM *number
        = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *hex;

    TOOL_MUST(number != NULL);
    hex = BN_bn2hex(number);
    TOOL_MUST(hex != NULL);
    BN_free(number);
    return hex;
}

/* ---- extensions ---- */

static void add(X509 *cert, int nid, void *value, int critical)
{
    TOOL_MUST(X509_add1_ext_i2d(cert, nid, value, critical,
                                X509V3_ADD_DEFAULT)
              == 1);
}

static void add_basic_constraints(X509 *cert, int is_ca)
{
    BASIC_CONSTRAINTS *value = BASIC_CONSTRAINTS_new();

    TOOL_MUST(value != NULL);
    value->ca = is_ca ? 0xff : 0;
    add(cert, NID_basic_constraints, value, 1);
    BASIC_CONSTRAINTS_free(value);
}

static void add_key_usage(X509 *cert, int is_ca)
{
    ASN1_BIT_STRING *value = ASN1_BIT_STRING_new();
    int is_rsa = EVP_PKEY_is_a(X509_get0_pubkey(cert), "RSA");

    TOOL_MUST(value != NULL);
    TOOL_MUST(ASN1_BIT_STRING_set_bit(value, 0, 1)); /* digitalSignature */
    if (is_rsa && !is_ca) {
        TOOL_MUST(ASN1_BIT_STRING_set_bit(value, 2, 1)); /* keyEncipherment */
    }
    if (is_ca) {
        TOOL_MUST(ASN1_BIT_STRING_set_bit(value, 5, 1)); /* keyCertSign */
        TOOL_MUST(ASN1_BIT_STRING_set_bit(value, 6, 1)); /* cRLSign */
    }
    add(cert, NID_key_usage, value, 1);
    ASN1_BIT_STRING_free(value);
}

static void add_extended_key_usage(X509 *cert, int nid)
{
    EXTENDED_KEY_USAGE *value = EXTENDED_KEY_USAGE_new();

    TOOL_MUST(value != NULL);
    TOOL_MUST(sk_ASN1_OBJECT_push(value, OBJ_nid2obj(nid)) > 0);
    add(cert, NID_ext_key_usage, value, 0);
    EXTENDED_KEY_USAGE_free(value);
}

static ASN1_OCTET_STRING *key_id(const X509 *cert)
{
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int len;

    TOOL_MUST(id != NULL);
    TOOL_MUST(X509_pubkey_digest(cert, EVP_sha1(), hash, &len) == 1);
    TOOL_MUST(ASN1_OCTET_STRING_set(id, hash, (int)len));
    return id;
}

/* own: whose key identifier cert claims. */
static void add_key_ids(X509 *cert, const X509 *own, const X509 *issuer)
{
    ASN1_OCTET_STRING *subject_id = key_id(own);
    AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();

    TOOL_MUST(authority != NULL);
    authority->keyid = key_id(issuer);
    add(cert, NID_subject_key_identifier, subject_id, 0);
    add(cert, NID_authority_key_identifier, authority, 0);
    AUTHORITY_KEYID_free(authority);
    ASN1_OCTET_STRING_free(subject_id);
}

static void add_access(AUTHORITY_INFO_ACCESS *all, int method,
                       const pki_list_t *urls)
{
    for (int i = 0; i < urls->count; i++) {
        ACCESS_DESCRIPTION *one = ACCESS_DESCRIPTION_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();

        TOOL_MUST(one != NULL && text != NULL);
        TOOL_MUST(ASN1_STRING_set(text, urls->item[i], -1));
        ASN1_OBJECT_free(one->method);
        one->method = OBJ_nid2obj(method);
        GENERAL_NAME_set0_value(one->location, GEN_URI, text);
        TOOL_MUST(sk_ACCESS_DESCRIPTION_push(all, one) > 0);
    }
}

static void add_authority_info(X509 *cert, const pki_spec_t *spec)
{
    AUTHORITY_INFO_ACCESS *all = AUTHORITY_INFO_ACCESS_new();

    TOOL_MUST(all != NULL);
    add_access(all, NID_ad_ca_issuers, &spec->issuer_urls);
    add_access(all, NID_ad_OCSP, &spec->urls);
    if (sk_ACCESS_DESCRIPTION_num(all) > 0) {
        add(cert, NID_info_access, all, 0);
    }
    AUTHORITY_INFO_ACCESS_free(all);
}

/* One distribution point of these URLs, parted by spaces. */
static DIST_POINT *distribution_point(const char *urls)
{
    DIST_POINT *point = DIST_POINT_new();
    DIST_POINT_NAME *name = DIST_POINT_NAME_new();

    TOOL_MUST(point != NULL && name != NULL);
    point->distpoint = name;
    name->type = 0;
    name->name.fullname = GENERAL_NAMES_new();
    while (*urls != '\0') {
        size_t len = strcspn(urls, " ");
        GENERAL_NAME *url = GENERAL_NAME_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();

        TOOL_MUST(url != NULL && text != NULL);
        TOOL_MUST(ASN1_STRING_set(text, urls, (int)len));
        GENERAL_NAME_set0_value(url, GEN_URI, text);
        TOOL_MUST(sk_GENERAL_NAME_push(name->name.fullname, url) > 0);
        urls += len + strspn(urls + len, " ");
    }
    return point;
}

static void add_distribution_points(X509 *cert, const pki_list_t *lists)
{
    CRL_DIST_POINTS *all = CRL_DIST_POINTS_new();

    TOOL_MUST(all != NULL);
    for (int i = 0; i < lists->count; i++) {
        TOOL_MUST(sk_DIST_POINT_push(all, distribution_point(lists->item[i]))
                  > 0);
    }
    if (lists->count > 0) {
        add(cert, NID_crl_distribution_points, all, 0);
    }
    CRL_DIST_POINTS_free(all);
}

static void add_alternative_names(X509 *cert, const pki_list_t *sans)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();

    TOOL_MUST(all != NULL);
    for (int i = 0; i < sans->count; i++) {
        TOOL_MUST(sk_GENERAL_NAME_push(all, pki_name_general(sans->item[i]))
                  > 0);
    }
    if (sans->count > 0) {
        add(cert, NID_subject_alt_name, all, 0);
    }
    GENERAL_NAMES_free(all);
}

static void add_must_staple(X509 *cert)
{
    TLS_FEATURE *value = sk_ASN1_INTEGER_new_null();
    ASN1_INTEGER *status_request = ASN1_INTEGER_new();

    TOOL_MUST(value != NULL && status_request != NULL);
    TOOL_MUST(ASN1_INTEGER_set(status_request, 5));
    TOOL_MUST(sk_ASN1_INTEGER_push(value, status_request) > 0);
    add(cert, NID_tlsfeature, value, 0);
    sk_ASN1_INTEGER_pop_free(value, ASN1_INTEGER_free);
}

static void add_no_check(X509 *cert)
{
    ASN1_NULL *value = ASN1_NULL_new();

    TOOL_MUST(value != NULL);
    add(cert, NID_id_pkix_OCSP_noCheck, value, 0);
    ASN1_NULL_free(value);
}

static void add_extensions(X509 *cert, const pki_spec_t *spec,
                           const X509 *issuer)
{
    add_basic_constraints(cert, spec->is_ca);
    add_key_usage(cert, spec->is_ca);
    if (spec->is_delegate) {
        add_extended_key_usage(cert, NID_OCSP_sign);
        add_no_check(cert);
    }
    else if (!spec->is_ca) {
        add_extended_key_usage(cert, NID_server_auth);
    }
    add_key_ids(cert, spec->key_id != NULL ? spec->key_id : cert, issuer);
    add_authority_info(cert, spec);
    add_distribution_points(cert, &spec->lists);
    add_alternative_names(cert, &spec->sans);
    if (spec->must_staple) {
        add_must_staple(cert);
    }
}

/* ---- the whole ---- */

/* The digest for a signature by key; NULL where the key brings its own. */
static const EVP_MD *digest_for(EVP_PKEY *key, const char *name)
{
    const EVP_MD *md = name != NULL ? EVP_get_digestbyname(name)
                                    : EVP_sha256();

    if (md == NULL) {
        tool_die("no such digest: %s", name);
    }
    return EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "RSA") ? md : NULL;
}

X509 *pki_cert_make(const pki_spec_t *spec, EVP_PKEY *key, X509 *issuer,
                    EVP_PKEY *issuer_key)
{
    X509 *cert = X509_new();
    X509_NAME *name = pki_name_parse(spec->subject);
    EVP_PKEY *signer = issuer != NULL ? issuer_key : key;
    const EVP_MD *md = digest_for(signer, spec->md);

    TOOL_MUST(cert != NULL);
    TOOL_MUST(X509_set_version(cert, X509_VERSION_3));
    set_serial(cert, spec->serial);
    TOOL_MUST(X509_set_subject_name(cert, name));
    TOOL_MUST(X509_set_issuer_name(
        cert, issuer != NULL ? X509_get_subject_name(issuer) : name));
    TOOL_MUST(ASN1_TIME_set(X509_getm_notBefore(cert), spec->not_before));
    TOOL_MUST(ASN1_TIME_set(X509_getm_notAfter(cert), spec->not_after));
    if (spec->explicit_key) {
        pki_explicit_set(cert);
    }
    else {
        TOOL_MUST(X509_set_pubkey(cert, key));
        add_extensions(cert, spec, issuer != NULL ? issuer : cert);
    }
    TOOL_MUST(X509_sign(cert, signer, md) > 0);
    X509_NAME_free(name);
    return cert;
}
