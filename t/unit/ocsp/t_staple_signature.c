/* Which algorithms are known, their form, and that signatures are right. */
#include "../make_ocsp.h"
#include "../tap.h"

#include <openssl/objects.h>

#include "ocsp/staple_signature.h"

#define SEQUENCE (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED)
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static apr_pool_t *p;
static make_pki_t *pki;

static staple_der_t slice(make_der_t der)
{
    return (staple_der_t){der.bytes, der.len};
}

static make_der_t text(const char *bytes, apr_size_t len)
{
    return (make_der_t){(unsigned char *)(uintptr_t)bytes, len};
}

static make_der_t join(make_der_t one, make_der_t two)
{
    make_der_t all[] = {one, two, {NULL, 0}};

    return make_join(p, all);
}

static make_der_t oid(const char *dots)
{
    ASN1_OBJECT *object = OBJ_txt2obj(dots, 1);
    unsigned char *out = NULL;
    int len = i2d_ASN1_OBJECT(object, &out);
    make_der_t der = make_longer(p, (make_der_t){out, (apr_size_t)len}, 0);

    OPENSSL_free(out);
    ASN1_OBJECT_free(object);
    return der;
}

/* ---- algorithms ---- */

#define NULL_TYPE "\5\0"

static const struct {
    const char *name, *oid;
    staple_reason_e want;
    const char *parameters; /* in their only form */
    apr_size_t len;
    staple_reason_e digest;
} algorithms[] = {
    {"sha256WithRSAEncryption", "1.2.840.113549.1.1.11", STAPLE_OK, NULL_TYPE,
     2, STAPLE_OK},
    {"sha224WithRSAEncryption", "1.2.840.113549.1.1.14", STAPLE_OK, NULL_TYPE,
     2, STAPLE_OK},
    {"sha1WithRSAEncryption", "1.2.840.113549.1.1.5", STAPLE_OK, NULL_TYPE, 2,
     STAPLE_WEAK_SIGNATURE},
    {"sha1WithRSA, by another identifier", "1.3.14.3.2.29",
     STAPLE_BAD_SIGNATURE, NULL, 0, STAPLE_OK},
    {"md5WithRSAEncryption", "1.2.840.113549.1.1.4", STAPLE_OK, NULL_TYPE, 2,
     STAPLE_WEAK_SIGNATURE},
    {"ecdsa-with-SHA256", "1.2.840.10045.4.3.2", STAPLE_OK, "", 0, STAPLE_OK},
    {"ecdsa-with-SHA1", "1.2.840.10045.4.1", STAPLE_OK, "", 0,
     STAPLE_WEAK_SIGNATURE},
    {"dsa-with-SHA256", "2.16.840.1.101.3.4.3.2", STAPLE_OK, "", 0,
     STAPLE_OK},
    {"Ed25519", "1.3.101.112", STAPLE_OK, "", 0, STAPLE_OK},
    {"Ed448", "1.3.101.113", STAPLE_OK, "", 0, STAPLE_OK},
    {"rsaEncryption, which is a key", "1.2.840.113549.1.1.1",
     STAPLE_BAD_SIGNATURE, NULL, 0, STAPLE_OK},
    {"sha256, which is a digest", "2.16.840.1.101.3.4.2.1",
     STAPLE_BAD_SIGNATURE, NULL, 0, STAPLE_OK},
    {"nothing that anybody knows", "1.2.3.4", STAPLE_BAD_SIGNATURE, NULL, 0,
     STAPLE_OK},
};

/* The algorithm as it would be published. */
static make_der_t published(const staple_signature_t *signature)
{
    unsigned char *out = NULL;
    int len = i2d_X509_ALGOR(signature->algorithm, &out);
    make_der_t der = make_longer(p, (make_der_t){out, (apr_size_t)len}, 0);

    OPENSSL_free(out);
    return der;
}

static int is_same(make_der_t one, make_der_t other)
{
    return one.len == other.len && memcmp(one.bytes, other.bytes, one.len) == 0;
}

static void test_algorithms(void)
{
    static const char *const given[] = {"", NULL_TYPE, "\2\1\1", "\x30\0"};
    static const apr_size_t lengths[] = {0, 2, 3, 2};
    staple_signature_t signature;
    staple_reason_e reason;
    unsigned i, k;

    for (i = 0; i < COUNT(algorithms); i++) {
        make_der_t name = oid(algorithms[i].oid);

        for (k = 0; k < COUNT(given); k++) {
            reason = staple_signature_read(
                &signature,
                slice(make_wrap(p, SEQUENCE,
                                join(name, text(given[k], lengths[k])))),
                slice(text("\0x", 2)));
            is_reason(reason, algorithms[i].want, "%s, parameters %u",
                      algorithms[i].name, k);
            if (reason == STAPLE_OK) {
                ok(is_same(published(&signature),
                           make_wrap(p, SEQUENCE,
                                     join(name,
                                          text(algorithms[i].parameters,
                                               algorithms[i].len)))),
                   "%s, parameters %u: its form", algorithms[i].name, k);
                is_reason(staple_signature_check_digest(&signature, 0),
                          algorithms[i].digest, "%s: the digest",
                          algorithms[i].name);
            }
            staple_signature_free(&signature);
        }
    }
}

static void test_sha1(void)
{
    make_der_t sha1 = make_wrap(p, SEQUENCE, oid("1.2.840.10045.4.1"));
    make_der_t md5 = make_wrap(p, SEQUENCE, oid("1.2.840.113549.1.1.4"));
    staple_signature_t signature;

    staple_signature_read(&signature, slice(sha1), slice(text("\0x", 2)));
    is_reason(staple_signature_check_digest(&signature, 1), STAPLE_OK,
              "SHA-1, where it will do");
    staple_signature_free(&signature);
    staple_signature_read(&signature, slice(md5), slice(text("\0x", 2)));
    is_reason(staple_signature_check_digest(&signature, 1),
              STAPLE_WEAK_SIGNATURE, "MD5 never does");
    staple_signature_free(&signature);
}

/* What RFC 4055 3.1 has for SHA-1 and 20 octets is all default. */
static void test_pss(void)
{
    static const struct {
        const char *name, *parameters;
        apr_size_t len;
        staple_reason_e want;
        staple_reason_e digest;
    } rows[] = {
        {"all default: SHA-1", "\x30\0", 2, STAPLE_OK, STAPLE_WEAK_SIGNATURE},
        {"a salt of 20 octets", "\x30\5\xa2\3\2\1\x14", 7, STAPLE_OK,
         STAPLE_WEAK_SIGNATURE},
        {"none", "", 0, STAPLE_BAD_SIGNATURE, STAPLE_OK},
        {"NULL", NULL_TYPE, 2, STAPLE_BAD_SIGNATURE, STAPLE_OK},
        {"a salt of -1 octets", "\x30\5\xa2\3\2\1\xff", 7,
         STAPLE_BAD_SIGNATURE, STAPLE_OK},
        {"a salt of 32767 octets", "\x30\6\xa2\4\2\2\x7f\xff", 8,
         STAPLE_BAD_SIGNATURE, STAPLE_OK},
        {"another trailer", "\x30\5\xa3\3\2\1\2", 7, STAPLE_BAD_SIGNATURE,
         STAPLE_OK},
        {"a field more", "\x30\2\5\0", 4, STAPLE_BAD_SIGNATURE, STAPLE_OK},
    };
    make_der_t name = oid("1.2.840.113549.1.1.10");
    staple_signature_t signature;
    staple_reason_e reason;
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        reason = staple_signature_read(
            &signature,
            slice(make_wrap(p, SEQUENCE,
                            join(name, text(rows[i].parameters,
                                            rows[i].len)))),
            slice(text("\0x", 2)));
        is_reason(reason, rows[i].want, "RSASSA-PSS: %s", rows[i].name);
        if (reason == STAPLE_OK) {
            ok(is_same(published(&signature),
                       make_wrap(p, SEQUENCE, join(name, text("\x30\0", 2)))),
               "RSASSA-PSS: %s: its form", rows[i].name);
            is_reason(staple_signature_check_digest(&signature, 0),
                      rows[i].digest, "RSASSA-PSS: %s: the digest",
                      rows[i].name);
        }
        staple_signature_free(&signature);
    }
}

/* By whoever has hashed the bytes: of SHA-256. */
static void test_digest(const staple_signature_t *signature, make_der_t bytes,
                        EVP_PKEY *key)
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    EVP_Digest(bytes.bytes, bytes.len, digest, NULL, EVP_sha256(), NULL);
    ok(EVP_MD_is_a(staple_signature_digest(signature), "SHA256"),
       "its digest is SHA-256");
    ok(staple_signature_is_right_for(signature, digest, key),
       "it is right for the digest");
    ok(!staple_signature_is_right_for(signature, digest, pki->issuer.key),
       "but not by a key of another kind");
    digest[31] ^= 1;
    ok(!staple_signature_is_right_for(signature, digest, key),
       "for another digest it is not");
}

/* A kind of key that takes the bytes in one piece. */
static void test_ed25519(void)
{
    make_identity_t ca = make_cert(p, &(make_cert_t){
        .name = "Ed", .key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
        .is_ca = 1});
    make_der_t whole = make_x509_der(p, ca.x509), tbs = make_child(whole, 0);
    const unsigned char no_digest[EVP_MAX_MD_SIZE] = {0};
    staple_signature_t signature;

    is_reason(staple_signature_read(
                  &signature, slice(make_child(whole, 1)),
                  slice(make_contents(make_child(whole, 2)))),
              STAPLE_OK, "Ed25519");
    ok(staple_signature_digest(&signature) == NULL, "it has no digest");
    ok(staple_signature_is_right(&signature, slice(tbs), ca.key),
       "it is right");
    ok(!staple_signature_is_right(&signature, slice(tbs), pki->issuer.key),
       "but not by a key of another kind");
    ok(!staple_signature_is_right_for(&signature, no_digest, ca.key),
       "and not for a digest");
    tbs.bytes[tbs.len - 1] ^= 1;
    ok(!staple_signature_is_right(&signature, slice(tbs), ca.key),
       "of other bytes it is not");
    staple_signature_free(&signature);
}

/* RSASSA-PSS with SHA-256 and 32 octets, as the Baseline Requirements
 * (7.1.3.2.1) have it, octet for octet. */
static void test_pss_form(void)
{
    static const char want[] =
        "\x30\x41\6\x09\x2a\x86\x48\x86\xf7\x0d\1\1\x0a\x30\x34\xa0\x0f\x30"
        "\x0d\6\x09\x60\x86\x48\1\x65\3\4\2\1\5\0\xa1\x1c\x30\x1a\6\x09\x2a"
        "\x86\x48\x86\xf7\x0d\1\1\x08\x30\x0d\6\x09\x60\x86\x48\1\x65\3\4\2"
        "\1\5\0\xa2\3\2\1\x20";
    make_identity_t ca = make_cert(p, &(make_cert_t){
        .name = "PSS", .key = make_rsa_key(p), .pss = 1, .is_ca = 1});
    make_der_t whole = make_x509_der(p, ca.x509);
    make_der_t algorithm = make_child(whole, 1), tbs = make_child(whole, 0);
    staple_signature_t signature;

    is_reason(staple_signature_read(
                  &signature, slice(algorithm),
                  slice(make_contents(make_child(whole, 2)))),
              STAPLE_OK, "RSASSA-PSS as OpenSSL makes it");
    ok(is_same(published(&signature), text(want, sizeof(want) - 1)),
       "its form is that of BR 7.1.3.2.1");
    is_reason(staple_signature_settle(&signature, ca.key), STAPLE_OK,
              "as long as the key");
    ok(staple_signature_is_right(&signature, slice(tbs), ca.key),
       "it is right");
    test_digest(&signature, tbs, ca.key);
    tbs.bytes[tbs.len - 1] ^= 1;
    ok(!staple_signature_is_right(&signature, slice(tbs), ca.key),
       "of other bytes it is not");
    staple_signature_free(&signature);
}

/* ---- values ---- */

static void test_bits(void)
{
    make_der_t algorithm = make_wrap(p, SEQUENCE, oid("1.2.840.10045.4.3.2"));
    staple_signature_t signature;

    is_reason(staple_signature_read(&signature, slice(algorithm),
                                    slice(text("", 0))),
              STAPLE_BAD_SIGNATURE, "no octet at all");
    staple_signature_free(&signature);
    is_reason(staple_signature_read(&signature, slice(algorithm),
                                    slice(text("\0", 1))),
              STAPLE_BAD_SIGNATURE, "no bits");
    staple_signature_free(&signature);
    is_reason(staple_signature_read(&signature, slice(algorithm),
                                    slice(text("\7\x80", 2))),
              STAPLE_BAD_SIGNATURE, "not whole octets");
    staple_signature_free(&signature);
}

static void test_ecdsa(void)
{
    make_der_t tbs = make_wrap(p, SEQUENCE, text("\5\0", 2));
    make_parts_t one = make_signed(p, tbs, pki->issuer.key), other = one;
    staple_signature_t first, second;

    other.signature = make_other_s(p, one.signature);
    staple_signature_read(&first, slice(one.algorithm),
                          slice(make_contents(one.signature)));
    staple_signature_read(&second, slice(other.algorithm),
                          slice(make_contents(other.signature)));
    ok(!staple_der_is_same(first.value, second.value), "two values of s");
    is_reason(staple_signature_settle(&first, pki->issuer.key), STAPLE_OK,
              "settled");
    is_reason(staple_signature_settle(&second, pki->issuer.key), STAPLE_OK,
              "settled, too");
    ok(staple_der_is_same(first.value, second.value), "one value of s");
    ok(staple_signature_is_right(&first, slice(tbs), pki->issuer.key),
       "it is right");
    ok(!staple_signature_is_right(&first, slice(tbs), pki->root.key),
       "but not by another key");
    is_reason(staple_signature_settle(&second, pki->root.key), STAPLE_OK,
              "settled again for another key");
    staple_signature_free(&first);
    staple_signature_free(&second);
}

static void test_odd_pairs(void)
{
    static const struct {
        const char *name, *pair;
        apr_size_t len;
        staple_reason_e want;
    } rows[] = {
        {"s is zero", "\0\x30\6\2\1\1\2\1\0", 9, STAPLE_BAD_SIGNATURE},
        {"s is negative", "\0\x30\6\2\1\1\2\1\xff", 9, STAPLE_BAD_SIGNATURE},
        {"s is one", "\0\x30\6\2\1\1\2\1\1", 9, STAPLE_OK},
        {"an octet behind", "\0\x30\6\2\1\1\2\1\1\0", 10,
         STAPLE_BAD_SIGNATURE},
        {"one number", "\0\x30\3\2\1\1", 6, STAPLE_BAD_SIGNATURE},
    };
    make_der_t algorithm = make_wrap(p, SEQUENCE, oid("1.2.840.10045.4.3.2"));
    EVP_PKEY *rsa = make_rsa_key(p);
    staple_signature_t signature;
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        staple_signature_read(&signature, slice(algorithm),
                              slice(text(rows[i].pair, rows[i].len)));
        is_reason(staple_signature_settle(&signature, pki->issuer.key),
                  rows[i].want, "ECDSA: %s", rows[i].name);
        is_reason(staple_signature_settle(&signature, rsa),
                  STAPLE_BAD_SIGNATURE, "ECDSA: %s, by an RSA key",
                  rows[i].name);
        staple_signature_free(&signature);
    }
}

/* ---- keys ---- */

static void test_keys(void)
{
    static const struct {
        const char *name, *type, *curve;
        size_t bits;
        staple_reason_e want;
    } rows[] = {
        {"RSA, 512 bits", "RSA", NULL, 512, STAPLE_WEAK_KEY},
        {"RSA, 1024 bits", "RSA", NULL, 1024, STAPLE_WEAK_KEY},
        {"RSA, 2048 bits", "RSA", NULL, 2048, STAPLE_OK},
        {"P-192", "EC", "P-192", 0, STAPLE_WEAK_KEY},
        {"P-224", "EC", "P-224", 0, STAPLE_OK},
        {"P-256", "EC", "P-256", 0, STAPLE_OK},
        {"Ed25519", "ED25519", NULL, 0, STAPLE_OK},
        {"Ed448", "ED448", NULL, 0, STAPLE_OK},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        EVP_PKEY *key =
            rows[i].bits > 0
                ? EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type, rows[i].bits)
            : rows[i].curve != NULL
                ? EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type, rows[i].curve)
                : EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type);

        is_reason(staple_signature_check_key(key), rows[i].want, "%s",
                  rows[i].name);
        EVP_PKEY_free(key);
    }
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    test_algorithms();
    test_sha1();
    test_pss();
    test_pss_form();
    test_ed25519();
    test_bits();
    test_ecdsa();
    test_odd_pairs();
    test_keys();
    make_end(p);
    return tap_done();
}
