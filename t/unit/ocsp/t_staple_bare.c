/* Where things are in a certificate, and which keys may be decoded. */
#include "../make_hostile.h"
#include "../tap.h"

#include "ocsp/staple_bare.h"

#define SEQUENCE (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED)
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static apr_pool_t *p;
static make_pki_t *pki;

static staple_der_t slice(make_der_t der)
{
    return (staple_der_t){der.bytes, der.len};
}

static int is_at(staple_der_t found, make_der_t want)
{
    return found.at == want.bytes && found.len == want.len;
}

static void test_places(void)
{
    make_der_t whole = make_x509_der(p, pki->delegate.x509);
    make_der_t tbs = make_child(whole, 0), key = make_child(tbs, 6);
    staple_bare_places_t places;
    apr_size_t i;
    unsigned found = 0;

    ok(staple_bare_find(&places, slice(whole)), "a certificate");
    ok(is_at(places.tbs, tbs), "TBSCertificate");
    ok(is_at(places.tbs_algorithm, make_child(tbs, 2)), "signature");
    ok(is_at(places.subject, make_child(tbs, 5)), "subject");
    ok(is_at(places.key_algorithm, make_child(key, 0)), "the key's algorithm");
    ok(is_at(places.key_bits, make_contents(make_child(key, 1))), "the key");
    ok(is_at(places.algorithm, make_child(whole, 1)), "signatureAlgorithm");
    ok(is_at(places.signature, make_contents(make_child(whole, 2))),
       "signatureValue");
    for (i = 0; i < whole.len; i++) {
        found += staple_bare_find(&places, (staple_der_t){whole.bytes, i});
    }
    is_int(found, 0, "none where it is cut short");
    ok(!staple_bare_find(&places, slice(make_longer(p, whole, 1))),
       "none with an octet behind it");
}

/* ---- keys ---- */

static staple_reason_e check_der(make_der_t key)
{
    make_der_t der = make_with_key(p, pki->delegate.x509, key, NULL);
    staple_bare_places_t places;

    if (!staple_bare_find(&places, slice(der))) {
        return STAPLE_MALFORMED;
    }
    return staple_bare_check_key(&places);
}

static staple_reason_e check(EVP_PKEY *key)
{
    unsigned char *out = NULL;
    int len = i2d_PUBKEY(key, &out);
    staple_reason_e reason = STAPLE_NO_MEMORY;

    if (len > 0) {
        reason = check_der((make_der_t){out, (apr_size_t)len});
    }
    OPENSSL_free(out);
    EVP_PKEY_free(key);
    return reason;
}

static EVP_PKEY *ec_key(const char *curve, const char *encoding,
                        const char *form)
{
    EVP_PKEY *key = EVP_EC_gen(curve);

    EVP_PKEY_set_utf8_string_param(key, "encoding", encoding);
    EVP_PKEY_set_utf8_string_param(key, "point-format", form);
    return key;
}

static void test_keys(void)
{
    static const char *const curves[] = {"P-256", "P-384", "P-521", "P-224",
                                         "secp256k1", "brainpoolP512r1",
                                         "sect571r1"};
    static const char *const others[] = {"ML-DSA-44", "ML-DSA-87", "ED448"};
    unsigned i;

    is_reason(check(EVP_RSA_gen(2048)), STAPLE_OK, "RSA, 2048 bits");
    is_reason(check(EVP_RSA_gen(512)), STAPLE_OK,
              "RSA, 512 bits: too weak, but cheap");
    is_reason(check(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")), STAPLE_OK,
              "Ed25519");
    for (i = 0; i < COUNT(curves); i++) {
        is_reason(check(ec_key(curves[i], "named_curve", "uncompressed")),
                  STAPLE_OK, "%s", curves[i]);
        is_reason(check(ec_key(curves[i], "named_curve", "compressed")),
                  STAPLE_OK, "%s, compressed", curves[i]);
        is_reason(check(ec_key(curves[i], "explicit", "uncompressed")),
                  STAPLE_WEAK_KEY, "%s by its parameters", curves[i]);
    }
    is_reason(check_der(make_hostile_key(p)), STAPLE_WEAK_KEY,
              "parameters of nobody's curve");
    for (i = 0; i < COUNT(others); i++) {
        EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, others[i]);

        if (key != NULL) {
            is_reason(check(key), STAPLE_OK, "%s", others[i]);
        }
        ERR_clear_error();
    }
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

static make_der_t rsa(apr_size_t modulus, apr_size_t exponent)
{
    make_der_t zeroes = {NULL, 0};
    make_der_t n = make_longer(p, text("\x7f", 1), modulus - 1);
    make_der_t e = make_longer(p, text("\x7f", 1), exponent - 1);
    make_der_t fields = join(make_wrap(p, V_ASN1_INTEGER, n),
                             make_wrap(p, V_ASN1_INTEGER, e));

    zeroes = join(text("\0", 1), make_wrap(p, SEQUENCE, fields));
    return make_wrap(
        p, SEQUENCE,
        join(text("\x30\x0d\6\x09\x2a\x86\x48\x86\xf7\x0d\1\1\1\5\0", 15),
             make_wrap(p, V_ASN1_BIT_STRING, zeroes)));
}

static void test_sizes(void)
{
    is_reason(check_der(rsa(1025, 33)), STAPLE_OK, "RSA: the largest");
    is_reason(check_der(rsa(1026, 3)), STAPLE_WEAK_KEY,
              "RSA: more than 8192 bits");
    is_reason(check_der(rsa(256, 34)), STAPLE_WEAK_KEY,
              "RSA: a large exponent");
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    test_places();
    test_keys();
    test_sizes();
    make_end(p);
    return tap_done();
}
