/* Certificates and OCSP responses made on the spot, every knob at hand. */
#include "make_ocsp.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"

apr_pool_t *make_begin(void)
{
    apr_pool_t *p = NULL;

    MUST(apr_initialize() == APR_SUCCESS);
    MUST(apr_pool_create(&p, NULL) == APR_SUCCESS);
    return p;
}

void make_end(apr_pool_t *p)
{
    apr_pool_destroy(p);
    apr_terminate();
}

/* ---- keys and certificates ---- */

static apr_status_t free_key(void *key)
{
    EVP_PKEY_free(key);
    return APR_SUCCESS;
}

static apr_status_t free_x509(void *x509)
{
    X509_free(x509);
    return APR_SUCCESS;
}

static EVP_PKEY *keep_key(apr_pool_t *p, EVP_PKEY *key)
{
    MUST(key != NULL);
    apr_pool_cleanup_register(p, key, free_key, apr_pool_cleanup_null);
    return key;
}

EVP_PKEY *make_key(apr_pool_t *p)
{
    return keep_key(p, EVP_EC_gen("P-256"));
}

EVP_PKEY *make_rsa_key(apr_pool_t *p)
{
    return make_rsa_key_of(p, 2048);
}

EVP_PKEY *make_rsa_key_of(apr_pool_t *p, unsigned bits)
{
    return keep_key(p, EVP_RSA_gen(bits));
}

EVP_PKEY *make_other_key(apr_pool_t *p, int type)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(type, NULL);
    EVP_PKEY *key = NULL;

    MUST(ctx != NULL && EVP_PKEY_keygen_init(ctx) > 0
         && EVP_PKEY_keygen(ctx, &key) > 0);
    EVP_PKEY_CTX_free(ctx);
    return keep_key(p, key);
}

static void add_extension(X509 *x509, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    MUST(extension != NULL && X509_add_ext(x509, extension, -1));
    X509_EXTENSION_free(extension);
}

static void add_urls(X509 *x509, const char *const *urls)
{
    AUTHORITY_INFO_ACCESS *aia = AUTHORITY_INFO_ACCESS_new();

    for (; *urls != NULL; urls++) {
        ACCESS_DESCRIPTION *access = ACCESS_DESCRIPTION_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();

        MUST(access != NULL && text != NULL
             && ASN1_STRING_set(text, *urls, (int)strlen(*urls)));
        ASN1_OBJECT_free(access->method);
        access->method = OBJ_nid2obj(NID_ad_OCSP);
        GENERAL_NAME_set0_value(access->location, GEN_URI, text);
        MUST(sk_ACCESS_DESCRIPTION_push(aia, access));
    }
    MUST(X509_add1_ext_i2d(x509, NID_info_access, aia, 0, 0));
    AUTHORITY_INFO_ACCESS_free(aia);
}

static void set_subject(X509 *x509, const make_cert_t *knobs)
{
    X509_NAME *name = X509_get_subject_name(x509);
    const char *text = knobs->name != NULL ? knobs->name : "unnamed";
    apr_size_t left = knobs->subject_bytes;
    unsigned char padding[60];

    memset(padding, 'x', sizeof(padding));
    while (left > 0) {
        apr_size_t some = left < sizeof(padding) ? left : sizeof(padding);

        MUST(X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_ASC, padding,
                                        (int)some, -1, 0));
        left -= some;
    }
    if (knobs->organisation != NULL) {
        MUST(X509_NAME_add_entry_by_txt(
            name, "O", MBSTRING_UTF8,
            (const unsigned char *)knobs->organisation, -1, -1, 0));
    }
    MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    (const unsigned char *)text, -1, -1, 0));
}

static void set_time(X509 *x509, int (*set)(X509 *, const ASN1_TIME *),
                     apr_int64_t seconds)
{
    ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)seconds);

    MUST(at != NULL && set(x509, at));
    ASN1_TIME_free(at);
}

static void set_serial(X509 *x509, const char *serial)
{
    BIGNUM *number = NULL;

    MUST(BN_hex2bn(&number, serial != NULL ? serial : "1001"));
    MUST(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL);
    BN_free(number);
}

static ASN1_OCTET_STRING *key_id(const X509 *x509)
{
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    unsigned char sha1[EVP_MAX_MD_SIZE];

    MUST(id != NULL && X509_pubkey_digest(x509, EVP_sha1(), sha1, NULL)
         && ASN1_OCTET_STRING_set(id, sha1, 20));
    return id;
}

static void add_key_ids(X509 *x509, const X509 *issuer)
{
    ASN1_OCTET_STRING *own = key_id(x509);
    AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();

    MUST(authority != NULL);
    authority->keyid = key_id(issuer);
    MUST(X509_add1_ext_i2d(x509, NID_subject_key_identifier, own, 0, 0));
    MUST(X509_add1_ext_i2d(x509, NID_authority_key_identifier, authority, 0,
                           0));
    ASN1_OCTET_STRING_free(own);
    AUTHORITY_KEYID_free(authority);
}

static void add_extensions(X509 *x509, const make_cert_t *knobs)
{
    if (knobs->is_ca) {
        add_extension(x509, NID_basic_constraints, "critical,CA:TRUE");
    }
    if (knobs->usage != NULL) {
        add_extension(x509, NID_ext_key_usage, knobs->usage);
    }
    if (knobs->must_staple) {
        add_extension(x509, NID_tlsfeature, "status_request");
    }
    if (knobs->urls != NULL) {
        add_urls(x509, knobs->urls);
    }
}

static EVP_MD_CTX *make_signing(const EVP_MD *digest, int pss, EVP_PKEY *key)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx = NULL;

    digest = digest != NULL ? digest : EVP_sha256();
    if (EVP_PKEY_get_id(key) == EVP_PKEY_ED25519) {
        digest = NULL;
    }
    MUST(ctx != NULL && EVP_DigestSignInit(ctx, &key_ctx, digest, NULL, key));
    if (pss) {
        MUST(EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) > 0
             && EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx,
                                                 RSA_PSS_SALTLEN_DIGEST)
                    > 0);
    }
    return ctx;
}

static void sign_cert(X509 *x509, const make_cert_t *knobs, EVP_PKEY *key)
{
    const ASN1_BIT_STRING *signature = NULL;

    do {
        EVP_MD_CTX *ctx = make_signing(knobs->digest, knobs->pss, key);

        MUST(X509_sign_ctx(x509, ctx) > 0);
        EVP_MD_CTX_free(ctx);
        X509_get0_signature(&signature, NULL, x509);
    } while (!make_is_settled(signature, key));
}

make_identity_t make_cert(apr_pool_t *p, const make_cert_t *knobs)
{
    const apr_int64_t years = 10 * 365 * MAKE_DAY;
    make_identity_t made = {X509_new(), knobs->key};
    const make_identity_t *issuer
        = knobs->issuer != NULL ? knobs->issuer : &made;
    X509 *named = knobs->issuer_name;

    MUST(made.x509 != NULL);
    apr_pool_cleanup_register(p, made.x509, free_x509, apr_pool_cleanup_null);
    if (made.key == NULL) {
        made.key = make_key(p);
    }
    MUST(X509_set_version(made.x509, X509_VERSION_3));
    set_serial(made.x509, knobs->serial);
    set_subject(made.x509, knobs);
    set_time(made.x509, X509_set1_notBefore,
             knobs->not_before != 0 ? knobs->not_before : MAKE_NOW - years);
    set_time(made.x509, X509_set1_notAfter,
             knobs->not_after != 0 ? knobs->not_after : MAKE_NOW + years);
    named = named != NULL ? named : issuer->x509;
    MUST(X509_set_issuer_name(made.x509, X509_get_subject_name(named)));
    MUST(X509_set_pubkey(made.x509, made.key));
    add_extensions(made.x509, knobs);
    if (knobs->key_ids) {
        add_key_ids(made.x509, issuer->x509);
    }
    sign_cert(made.x509, knobs, issuer->key);
    return made;
}

const char *make_pem(apr_pool_t *p, X509 *first, X509 *second)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *text;
    long len;

    MUST(bio != NULL && PEM_write_bio_X509(bio, first));
    MUST(second == NULL || PEM_write_bio_X509(bio, second));
    len = BIO_get_mem_data(bio, &data);
    text = apr_pstrmemdup(p, data, (apr_size_t)len);
    BIO_free(bio);
    return text;
}

staple_cert_t *make_staple_cert(apr_pool_t *p, staple_issuers_t *issuers,
                                X509 *leaf, X509 *issuer)
{
    const char *pem = make_pem(p, leaf, issuer);
    staple_cert_t *cert = NULL;

    MUST(staple_cert_make(&cert, p, issuers, pem, strlen(pem), 0)
         == STAPLE_OK);
    return cert;
}

make_pki_t *make_pki(apr_pool_t *p)
{
    static const char *const urls[] = {"http://ocsp.example/", NULL};
    make_pki_t *pki = apr_pcalloc(p, sizeof(*pki));

    pki->root = make_cert(p, &(make_cert_t){.name = "Root", .is_ca = 1});
    pki->issuer = make_cert(p, &(make_cert_t){
        .name = "Issuer", .issuer = &pki->root, .serial = "2", .is_ca = 1});
    pki->other = make_cert(p, &(make_cert_t){
        .name = "Other", .issuer = &pki->root, .serial = "3", .is_ca = 1});
    pki->leaf = make_cert(p, &(make_cert_t){
        .name = "leaf.example", .issuer = &pki->issuer, .urls = urls});
    pki->sibling = make_cert(p, &(make_cert_t){
        .name = "sibling.example", .issuer = &pki->issuer, .serial = "1002"});
    pki->delegate = make_cert(p, &(make_cert_t){
        .name = "Delegate", .issuer = &pki->issuer, .serial = "1003",
        .usage = "OCSPSigning"});
    pki->plain = make_cert(p, &(make_cert_t){
        .name = "Plain", .issuer = &pki->issuer, .serial = "1004",
        .usage = "serverAuth"});
    pki->stranger = make_cert(p, &(make_cert_t){
        .name = "Stranger", .issuer = &pki->other, .serial = "1005",
        .usage = "OCSPSigning"});
    pki->issuers = staple_cert_issuers_make(p);
    pki->cert = make_staple_cert(p, pki->issuers, pki->leaf.x509,
                                 pki->issuer.x509);
    return pki;
}

/* ---- responses ---- */

make_der_t make_error(apr_pool_t *p, unsigned char status)
{
    make_der_t value = {apr_pmemdup(p, &status, 1), 1};

    return make_wrap(p, V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED,
                     make_wrap(p, V_ASN1_ENUMERATED, value));
}

static void set_text(const ASN1_GENERALIZEDTIME *at, const char *text)
{
    if (text != NULL) {
        MUST(ASN1_STRING_set((ASN1_STRING *)(uintptr_t)at, text,
                             (int)strlen(text)));
    }
}

static void flip(ASN1_OCTET_STRING *hash, int spoil)
{
    if (spoil) {
        ((unsigned char *)(uintptr_t)ASN1_STRING_get0_data(hash))[0] ^= 1;
    }
}

static X509_EXTENSION *make_extension(const char *oid, int critical,
                                      const void *bytes, apr_size_t len)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension;
    unsigned char *data = calloc(1, len + 1);

    MUST(object != NULL && value != NULL && data != NULL);
    if (bytes != NULL) {
        memcpy(data, bytes, len);
    }
    MUST(ASN1_OCTET_STRING_set(value, data, (int)len));
    extension = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
    MUST(extension != NULL);
    ASN1_OBJECT_free(object);
    ASN1_OCTET_STRING_free(value);
    free(data);
    return extension;
}

static void add_single(OCSP_BASICRESP *basic, const make_single_t *knobs)
{
    const EVP_MD *digest = knobs->digest != NULL ? knobs->digest : EVP_sha1();
    OCSP_CERTID *id = OCSP_cert_to_id(digest, knobs->leaf, knobs->issuer);
    ASN1_TIME *this_at = ASN1_TIME_set(NULL, (time_t)knobs->this_update);
    ASN1_TIME *next_at = ASN1_TIME_set(NULL, (time_t)knobs->next_update);
    ASN1_TIME *gone_at = ASN1_TIME_set(NULL, (time_t)knobs->revoked_at);
    ASN1_GENERALIZEDTIME *this_set = NULL, *next_set = NULL, *gone_set = NULL;
    ASN1_OCTET_STRING *name_hash = NULL, *key_hash = NULL;
    OCSP_SINGLERESP *single;

    MUST(id != NULL && this_at != NULL && next_at != NULL && gone_at != NULL);
    OCSP_id_get0_info(&name_hash, NULL, &key_hash, NULL, id);
    flip(name_hash, knobs->flip_name);
    flip(key_hash, knobs->flip_key);
    single = OCSP_basic_add1_status(
        basic, id, knobs->status, knobs->reason, gone_at, this_at,
        knobs->next_update != 0 || knobs->next_text != NULL ? next_at : NULL);
    MUST(single != NULL);
    OCSP_single_get0_status(single, NULL, &gone_set, &this_set, &next_set);
    set_text(this_set, knobs->this_text);
    set_text(next_set, knobs->next_text);
    set_text(gone_set, knobs->revoked_text);
    if (knobs->extension != NULL) {
        X509_EXTENSION *extension
            = make_extension(knobs->extension, knobs->critical, NULL, 2);

        MUST(OCSP_SINGLERESP_add_ext(single, extension, -1));
        X509_EXTENSION_free(extension);
    }
    ASN1_TIME_free(this_at);
    ASN1_TIME_free(next_at);
    ASN1_TIME_free(gone_at);
    OCSP_CERTID_free(id);
}

/* Frees the hash of the signer's key, which OpenSSL leaves to us when it signs
 * again. */
static void forget_signer(const OCSP_BASICRESP *basic)
{
    const ASN1_OCTET_STRING *hash = NULL;
    const X509_NAME *name = NULL;

    OCSP_resp_get0_id(basic, &hash, &name);
    ASN1_OCTET_STRING_free((ASN1_OCTET_STRING *)(uintptr_t)hash);
}

static void sign(OCSP_BASICRESP *basic, const make_response_t *knobs)
{
    unsigned long flags = OCSP_NOTIME | OCSP_NOCERTS;
    EVP_PKEY *key = knobs->signer.key;
    unsigned i;

    for (i = 0; i < MAKE_EMBEDS && knobs->embed[i] != NULL; i++) {
        MUST(OCSP_basic_add1_cert(basic, knobs->embed[i]));
    }
    flags |= knobs->by_key ? OCSP_RESPID_KEY : 0;
    do {
        EVP_MD_CTX *ctx = make_signing(knobs->digest, knobs->pss, key);

        forget_signer(basic);
        MUST(OCSP_basic_sign_ctx(basic, knobs->signer.x509, ctx, NULL, flags));
        EVP_MD_CTX_free(ctx);
    } while (!make_is_settled(OCSP_resp_get0_signature(basic), key));
}

static make_der_t encode_basic(apr_pool_t *p, const make_response_t *knobs)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    ASN1_GENERALIZEDTIME *produced;
    unsigned char *out = NULL;
    make_der_t der;
    unsigned i;
    int len;

    MUST(basic != NULL);
    for (i = 0; i < knobs->count; i++) {
        add_single(basic, &knobs->singles[i]);
    }
    produced = (ASN1_GENERALIZEDTIME *)(uintptr_t)
        OCSP_resp_get0_produced_at(basic);
    MUST(ASN1_GENERALIZEDTIME_set(produced, (time_t)knobs->produced_at));
    set_text(produced, knobs->produced_text);
    if (knobs->nonce != NULL) {
        unsigned char nonce[256];

        MUST(knobs->nonce_len <= sizeof(nonce));
        memcpy(nonce, knobs->nonce, knobs->nonce_len);
        MUST(OCSP_basic_add1_nonce(basic, nonce, (int)knobs->nonce_len));
    }
    if (knobs->extension != NULL) {
        X509_EXTENSION *extension = make_extension(
            knobs->extension, knobs->critical, knobs->extension_data,
            knobs->extension_bytes);

        MUST(OCSP_BASICRESP_add_ext(basic, extension, -1));
        X509_EXTENSION_free(extension);
    }
    sign(basic, knobs);
    len = i2d_OCSP_BASICRESP(basic, &out);
    MUST(len > 0);
    der.len = (apr_size_t)len;
    der.bytes = apr_pmemdup(p, out, der.len);
    OPENSSL_free(out);
    OCSP_BASICRESP_free(basic);
    return der;
}

/* OCSPResponse ::= SEQUENCE { responseStatus, [0] SEQUENCE { responseType,
 * response OCTET STRING } OPTIONAL } */
make_der_t make_response(apr_pool_t *p, const make_response_t *knobs)
{
    const unsigned char sequence = V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED;
    const char *type
        = knobs->type != NULL ? knobs->type : "1.3.6.1.5.5.7.48.1.1";
    unsigned char status = (unsigned char)knobs->status;
    make_der_t parts[3] = {{NULL, 0}};
    make_der_t bytes;

    parts[1] = make_longer(p, encode_basic(p, knobs), knobs->trailing_inner);
    parts[1] = make_wrap(p, V_ASN1_OCTET_STRING, parts[1]);
    parts[0] = make_oid(p, type);
    bytes = make_wrap(p, sequence, make_join(p, parts));
    parts[1] = make_wrap(
        p, V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED, bytes);
    parts[0] = make_wrap(p, V_ASN1_ENUMERATED, (make_der_t){&status, 1});
    bytes = make_wrap(p, sequence, make_join(p, parts));
    return make_longer(p, bytes, knobs->trailing_outer);
}

make_response_t make_good(const make_pki_t *pki)
{
    make_response_t knobs = {
        .count = 1,
        .signer = pki->delegate,
        .embed = {pki->delegate.x509},
        .produced_at = MAKE_NOW - MAKE_HOUR,
    };

    knobs.singles[0] = (make_single_t){
        .leaf = pki->leaf.x509,
        .issuer = pki->issuer.x509,
        .status = V_OCSP_CERTSTATUS_GOOD,
        .reason = -1,
        .this_update = MAKE_NOW - MAKE_HOUR,
        .next_update = MAKE_NOW - MAKE_HOUR + 7 * MAKE_DAY,
    };
    return knobs;
}
