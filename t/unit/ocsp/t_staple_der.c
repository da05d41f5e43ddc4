/* Elements of DER, read and written; places in a certificate, and which keys
 * may be decoded. */
#include "../make_hostile.h"
#include "../tap.h"

#include <stdlib.h>
#include <string.h>

#include "ocsp/staple_der.h"

#define SEQUENCE (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED)
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void test_take(void)
{
    static const struct {
        const char *name, *bytes;
        apr_size_t len;
        int is_taken, is_last;
        apr_size_t contents;
    } rows[] = {
        {"nothing", "", 0, 0, 0, 0},
        {"an identifier alone", "\x30", 1, 0, 0, 0},
        {"empty", "\x30\0", 2, 1, 1, 0},
        {"one octet", "\x30\1x", 3, 1, 1, 1},
        {"something behind it", "\x30\1xy", 4, 1, 0, 1},
        {"another identifier", "\x31\1x", 3, 0, 0, 0},
        {"another class", "\xa0\1x", 3, 0, 0, 0},
        {"primitive", "\x10\1x", 3, 0, 0, 0},
        {"cut short", "\x30\2x", 3, 0, 0, 0},
        {"an indefinite length (X.690 10.1)", "\x30\x80\0\0", 4, 0, 0, 0},
        {"a length of two octets, where one does (10.1)", "\x30\x81\1x", 4, 0,
         0, 0},
        {"a length that begins with zero", "\x30\x82\0\1x", 5, 0, 0, 0},
        {"a length of no octets", "\x30\xff", 2, 0, 0, 0},
        {"a length of 2^31", "\x30\x84\x80\0\0\0", 6, 0, 0, 0},
        {"a length of 2^64 - 1", "\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff",
         10, 0, 0, 0},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        unsigned char *exact = malloc(rows[i].len + 1);
        staple_der_t rest = {exact, rows[i].len}, before = rest;
        staple_der_t contents, whole = {NULL, 0};

        memcpy(exact, rows[i].bytes, rows[i].len);
        is_int(staple_der_take_last(&contents, NULL, &rest, 0x30),
               rows[i].is_last, "%s: all there is", rows[i].name);
        rest = before;
        is_int(staple_der_take(&contents, &whole, &rest, 0x30),
               rows[i].is_taken, "%s: is taken", rows[i].name);
        if (rows[i].is_taken) {
            is_int(contents.len, rows[i].contents, "%s: contents",
                   rows[i].name);
            ok(whole.at == before.at && rest.at == whole.at + whole.len
                   && whole.len + rest.len == before.len,
               "%s: whole and rest", rows[i].name);
        }
        else {
            ok(staple_der_is_same(rest, before), "%s: nothing is changed",
               rows[i].name);
        }
        free(exact);
    }
}

/* Elements of any identifier. */
static void test_next(void)
{
    static const struct {
        const char *name, *bytes;
        apr_size_t len;
        int contents; /* -1: refused */
    } rows[] = {
        {"nothing", "", 0, -1},
        {"an identifier alone", "\x04", 1, -1},
        {"empty", "\5\0", 2, 0},
        {"something behind it", "\4\1xy", 4, 1},
        {"an octet is missing", "\4\2x", 3, -1},
        {"an indefinite length, constructed (X.690 10.1)",
         "\x24\x80\4\1A\0\0", 7, -1},
        {"a length that the short form has (10.1)", "\4\x81\1x", 4, -1},
        {"a length of five octets", "\4\x85\0\0\0\0\1x", 8, -1},
        {"a length of 4 GiB", "\4\x84\xff\xff\xff\xffx", 7, -1},
        {"the length's octets are missing", "\4\x81", 2, -1},
        {"the contents are missing", "\4\x81\x80", 3, -1},
        {"an identifier of several octets", "\x1f\x81\1\0", 4, -1},
        {"the same, constructed", "\xbf\x81\1\0", 4, -1},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        unsigned char *exact = malloc(rows[i].len + 1);
        staple_der_t rest = {exact, rows[i].len}, before = rest, contents;
        unsigned char identifier = 0;
        int is_taken;

        memcpy(exact, rows[i].bytes, rows[i].len);
        is_taken = staple_der_next(&identifier, &contents, &rest);
        is_int(is_taken ? (int)contents.len : -1, rows[i].contents,
               "next: %s", rows[i].name);
        ok(is_taken ? rest.at == contents.at + contents.len
                          && rest.at + rest.len == exact + before.len
                          && identifier == exact[0]
                    : staple_der_is_same(rest, before),
           "next: %s: and where it goes on", rows[i].name);
        free(exact);
    }
}

static void test_integers(void)
{
    static const struct {
        const char *octets;
        apr_size_t len;
        int is_right;
    } rows[] = {
        {"", 0, 0},         {"\0", 1, 1},       {"\x7f", 1, 1},
        {"\x80", 1, 1},     {"\xff", 1, 1},     {"\0\0", 2, 0},
        {"\0\x7f", 2, 0},   {"\0\x80", 2, 1},   {"\xff\x80", 2, 0},
        {"\xff\x7f", 2, 1}, {"\xff\xff", 2, 0}, {"\1\0", 2, 1},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        const unsigned char *octets = (const unsigned char *)rows[i].octets;

        is_int(staple_der_is_integer((staple_der_t){octets, rows[i].len}),
               rows[i].is_right, "INTEGER %u (X.690 8.3.2)", i);
    }
}

/* Contents of each length at which the form of the length changes. */
static void test_wrap(void)
{
    static const apr_size_t lengths[] = {0,     1,     0x7f,  0x80,   0xff,
                                         0x100, 0xffff, 0x10000, 200000};
    unsigned i;

    for (i = 0; i < COUNT(lengths); i++) {
        apr_size_t len = lengths[i], size = len + 3 + STAPLE_DER_HEADS(2);
        unsigned char *bytes = malloc(size), *filling = calloc(1, len + 1);
        staple_der_t rest, contents, inner;
        staple_der_out_t out;

        staple_der_begin(&out, bytes, size);
        staple_der_put(&out, "end", 3);
        size = out.at;
        staple_der_put(&out, filling, len);
        staple_der_wrap(&out, size, STAPLE_DER_OCTET_STRING);
        staple_der_wrap(&out, out.size, STAPLE_DER_SEQUENCE);
        rest = (staple_der_t){bytes + out.at, out.size - out.at};
        ok(staple_der_take_last(&contents, NULL, &rest, STAPLE_DER_SEQUENCE)
               && staple_der_take(&inner, NULL, &contents,
                                  STAPLE_DER_OCTET_STRING)
               && inner.len == len && contents.len == 3
               && memcmp(contents.at, "end", 3) == 0,
           "written and read: %u octets", (unsigned)len);
        free(filling);
        free(bytes);
    }
}

/* ---- certificates ---- */

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
    staple_der_cert_t places;
    apr_size_t i;
    unsigned found = 0;

    ok(staple_der_find_cert(&places, slice(whole)), "a certificate");
    ok(is_at(places.tbs, tbs), "TBSCertificate");
    ok(is_at(places.tbs_algorithm, make_child(tbs, 2)), "signature");
    ok(is_at(places.subject, make_child(tbs, 5)), "subject");
    ok(is_at(places.key_algorithm, make_child(key, 0)), "the key's algorithm");
    ok(is_at(places.key_bits, make_contents(make_child(key, 1))), "the key");
    ok(is_at(places.algorithm, make_child(whole, 1)), "signatureAlgorithm");
    ok(is_at(places.signature, make_contents(make_child(whole, 2))),
       "signatureValue");
    for (i = 0; i < whole.len; i++) {
        found += staple_der_find_cert(&places, (staple_der_t){whole.bytes, i});
    }
    is_int(found, 0, "none where it is cut short");
    ok(!staple_der_find_cert(&places, slice(make_longer(p, whole, 1))),
       "none with an octet behind it");
}

/* ---- keys ---- */

static staple_reason_e check_der(make_der_t key)
{
    make_der_t der = make_with_key(p, pki->delegate.x509, key, NULL);
    staple_der_cert_t places;

    if (!staple_der_find_cert(&places, slice(der))) {
        return STAPLE_MALFORMED;
    }
    return staple_der_check_key(&places);
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
    test_take();
    test_next();
    test_integers();
    test_wrap();
    p = make_begin();
    pki = make_pki(p);
    test_places();
    test_keys();
    test_sizes();
    make_end(p);
    return tap_done();
}
