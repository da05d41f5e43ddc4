/* CRLs made on the spot by OpenSSL, and taken apart to be made wrong. */
#include "make_crl.h"

#include <apr_strings.h>
#include <openssl/conf.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"

make_der_t make_hex(apr_pool_t *p, const char *hex)
{
    make_der_t bytes = {apr_pcalloc(p, strlen(hex) / 2 + 1), 0};
    unsigned value;

    for (; *hex != '\0'; hex++) {
        if (*hex != ' ') {
            MUST(sscanf(hex++, "%2x", &value) == 1);
            bytes.bytes[bytes.len++] = (unsigned char)value;
        }
    }
    return bytes;
}

static ASN1_INTEGER *make_integer(const char *hex)
{
    BIGNUM *number = NULL;
    ASN1_INTEGER *integer;

    MUST(BN_hex2bn(&number, hex));
    integer = BN_to_ASN1_INTEGER(number, NULL);
    MUST(integer != NULL);
    BN_free(number);
    return integer;
}

static X509_EXTENSION *make_extension(const char *oid, int critical,
                                      const void *data, apr_size_t len)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension;

    MUST(object != NULL && value != NULL);
    MUST(ASN1_OCTET_STRING_set(value, data != NULL ? data : "\x05",
                               data != NULL ? (int)len : 2));
    extension = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
    MUST(extension != NULL);
    ASN1_OBJECT_free(object);
    ASN1_OCTET_STRING_free(value);
    return extension;
}

/* "[ext]" and what follows, as openssl.cnf has it. */
static CONF *read_conf(const char *text)
{
    CONF *conf = NCONF_new(NULL);
    BIO *bio = BIO_new(BIO_s_mem());
    long line = 0;

    MUST(conf != NULL && bio != NULL);
    MUST(BIO_printf(bio, "[ext]\n%s\n", text) > 0
         && NCONF_load_bio(conf, bio, &line));
    BIO_free(bio);
    return conf;
}

/* ---- lists ---- */

static void add_entry(X509_CRL *crl, const make_entry_t *knobs)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *serial = make_integer(knobs->serial);
    ASN1_TIME *at = ASN1_TIME_set(
        NULL, (time_t)(knobs->revoked_at != 0 ? knobs->revoked_at
                                              : MAKE_NOW - MAKE_DAY));
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();

    MUST(entry != NULL && at != NULL && reason != NULL);
    MUST(X509_REVOKED_set_serialNumber(entry, serial)
         && X509_REVOKED_set_revocationDate(entry, at));
    if (knobs->reason != NULL) {
        MUST(ASN1_ENUMERATED_set(reason, atol(knobs->reason))
             && X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0));
    }
    if (knobs->extension != NULL) {
        X509_EXTENSION *extension
            = make_extension(knobs->extension, knobs->critical, knobs->data,
                             knobs->data_len);

        MUST(X509_REVOKED_add_ext(entry, extension, -1));
        X509_EXTENSION_free(extension);
    }
    MUST(X509_CRL_add0_revoked(crl, entry));
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(at);
    ASN1_ENUMERATED_free(reason);
}

static void add_number(X509_CRL *crl, int nid, int critical, const char *hex)
{
    ASN1_INTEGER *number = make_integer(hex);

    MUST(X509_CRL_add1_ext_i2d(crl, nid, number, critical, 0));
    ASN1_INTEGER_free(number);
}

static void add_extensions(X509_CRL *crl, const make_crl_t *knobs)
{
    const char *number = knobs->number != NULL ? knobs->number : "10";

    if (*number != '\0') {
        add_number(crl, NID_crl_number, 0, number);
    }
    if (knobs->base != NULL) {
        add_number(crl, NID_delta_crl, 1, knobs->base);
    }
    if (knobs->conf != NULL) {
        CONF *conf = read_conf(knobs->conf);
        X509V3_CTX ctx;

        X509V3_set_ctx(&ctx, knobs->signer.x509, NULL, NULL, crl, 0);
        X509V3_set_nconf(&ctx, conf);
        MUST(X509V3_EXT_CRL_add_nconf(conf, &ctx, "ext", crl));
        NCONF_free(conf);
    }
    if (knobs->extension != NULL) {
        X509_EXTENSION *extension
            = make_extension(knobs->extension, knobs->critical, NULL, 0);

        MUST(X509_CRL_add_ext(crl, extension, -1));
        X509_EXTENSION_free(extension);
    }
}

static void set_times(X509_CRL *crl, const make_crl_t *knobs)
{
    apr_int64_t this_at = knobs->this_update != 0 ? knobs->this_update
                                                  : MAKE_NOW - MAKE_HOUR;
    apr_int64_t next_at = knobs->next_update != 0 ? knobs->next_update
                                                  : this_at + 7 * MAKE_DAY;
    ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)this_at);

    MUST(at != NULL && X509_CRL_set1_lastUpdate(crl, at));
    if (knobs->next_update >= 0) {
        MUST(ASN1_TIME_set(at, (time_t)next_at)
             && X509_CRL_set1_nextUpdate(crl, at));
    }
    ASN1_TIME_free(at);
}

static void sign(X509_CRL *crl, const make_crl_t *knobs)
{
    const EVP_MD *digest
        = knobs->digest != NULL ? knobs->digest : EVP_sha256();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx = NULL;

    if (EVP_PKEY_is_a(knobs->signer.key, "ED25519")) {
        digest = NULL;
    }
    MUST(ctx != NULL
         && EVP_DigestSignInit(ctx, &key_ctx, digest, NULL,
                               knobs->signer.key));
    if (knobs->pss) {
        MUST(EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) > 0);
    }
    if (knobs->mask != NULL) {
        MUST(EVP_PKEY_CTX_set_rsa_mgf1_md(key_ctx, knobs->mask) > 0);
    }
    MUST(X509_CRL_sign_ctx(crl, ctx) > 0);
    EVP_MD_CTX_free(ctx);
}

make_der_t make_crl(apr_pool_t *p, const make_crl_t *knobs)
{
    X509 *named = knobs->named != NULL ? knobs->named : knobs->signer.x509;
    X509_CRL *crl = X509_CRL_new();
    unsigned char *out = NULL;
    make_der_t der;
    unsigned i;
    int len;

    MUST(crl != NULL);
    if (!knobs->is_v1) {
        MUST(X509_CRL_set_version(crl, X509_CRL_VERSION_2));
        add_extensions(crl, knobs);
    }
    MUST(X509_CRL_set_issuer_name(crl, X509_get_subject_name(named)));
    set_times(crl, knobs);
    for (i = 0; i < MAKE_ENTRIES && knobs->entries[i].serial != NULL; i++) {
        add_entry(crl, &knobs->entries[i]);
    }
    sign(crl, knobs);
    len = i2d_X509_CRL(crl, &out);
    MUST(len > 0);
    der.len = (apr_size_t)len;
    der.bytes = apr_pmemdup(p, out, der.len);
    OPENSSL_free(out);
    X509_CRL_free(crl);
    return der;
}

/* ---- apart and together ---- */

/* The contents of the first element there, and all of it. */
static make_der_t first(make_der_t *whole, make_der_t from)
{
    const unsigned char *at = from.bytes;
    make_der_t contents;
    int tag, class;
    long len;

    MUST((ASN1_get_object(&at, &len, &tag, &class, (long)from.len) & 0x80)
         == 0);
    contents.bytes = (unsigned char *)(uintptr_t)at;
    contents.len = (apr_size_t)len;
    whole->bytes = from.bytes;
    whole->len = (apr_size_t)(at - from.bytes) + contents.len;
    return contents;
}

void make_crl_split(make_der_t parts[MAKE_CRL_PARTS], apr_pool_t *p,
                    make_der_t list)
{
    make_der_t whole;
    make_der_t in = first(&whole, first(&whole, list));
    unsigned i;

    for (i = 0; i < MAKE_CRL_PARTS; i++) {
        first(&whole, in);
        parts[i].bytes = apr_pmemdup(p, whole.bytes, whole.len);
        parts[i].len = whole.len;
        in.bytes += whole.len;
        in.len -= whole.len;
    }
    MUST(in.len == 0);
}

make_der_t make_crl_join(apr_pool_t *p,
                         const make_der_t parts[MAKE_CRL_PARTS],
                         const make_identity_t *signer)
{
    const unsigned char sequence = V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED;
    make_der_t tbs[MAKE_CRL_PARTS + 1] = {{NULL, 0}};
    make_der_t list[4] = {{NULL, 0}};
    unsigned char signature[256];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = sizeof(signature) - 1;
    unsigned i, count = 0;

    for (i = 0; i < MAKE_CRL_PARTS; i++) {
        if (parts[i].len > 0) {
            tbs[count++] = parts[i];
        }
    }
    list[0] = make_wrap(p, sequence, make_join(p, tbs));
    list[1] = make_hex(p, "300a 06082a8648ce3d040302");
    signature[0] = 0;
    MUST(ctx != NULL
         && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, signer->key)
         && EVP_DigestSign(ctx, signature + 1, &len, list[0].bytes,
                           list[0].len));
    EVP_MD_CTX_free(ctx);
    list[2] = make_wrap(p, V_ASN1_BIT_STRING,
                        (make_der_t){signature, len + 1});
    return make_wrap(p, sequence, make_join(p, list));
}

/* ---- certificates ---- */

make_identity_t make_crl_cert(apr_pool_t *p, const make_cert_t *knobs,
                              const char *conf)
{
    make_identity_t made = make_cert(p, knobs);
    CONF *read = read_conf(conf);
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, knobs->issuer != NULL ? knobs->issuer->x509
                                               : made.x509,
                   made.x509, NULL, NULL, 0);
    X509V3_set_nconf(&ctx, read);
    MUST(X509V3_EXT_add_nconf(read, &ctx, "ext", made.x509));
    NCONF_free(read);
    MUST(X509_sign(made.x509,
                   knobs->issuer != NULL ? knobs->issuer->key : made.key,
                   EVP_sha256())
         > 0);
    return made;
}

const staple_crl_cert_t *make_staple_crl_cert(apr_pool_t *p, X509 *x509,
                                              X509 *issuer)
{
    staple_crl_cert_t *cert = NULL;

    MUST(staple_crl_cert_make(&cert, p, X509_get0_serialNumber(x509),
                              X509_get0_extensions(x509), issuer)
         == STAPLE_OK);
    return cert;
}

staple_reason_e make_checked_by(staple_crl_t **crl, apr_pool_t *p,
                                make_der_t list,
                                const staple_crl_whose_t *whose,
                                const staple_crl_mark_t *held)
{
    const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
    staple_reason_e reason;

    *crl = NULL;
    reason = staple_crl_read(crl, p, list.bytes, list.len);
    return reason == STAPLE_OK
               ? staple_crl_check(p, *crl, whose, held, &policy,
                                  apr_time_from_sec(MAKE_NOW))
               : reason;
}

staple_reason_e make_checked(staple_crl_t **crl, apr_pool_t *p, make_der_t list,
                             const staple_crl_cert_t *const *certs)
{
    staple_crl_whose_t whose = {.issuers = &certs[0]->issuer,
                                .issuer_count = 1, .certs = certs};

    while (certs[whose.cert_count] != NULL) {
        whose.cert_count++;
    }
    return make_checked_by(crl, p, list, &whose, NULL);
}
