/* Whatever is changed that no signature covers: the same bytes are published,
 * or none. */
#include "../make_ocsp.h"
#include "../tap.h"

#include <openssl/objects.h>
#include <stdlib.h>

#include "ocsp/staple_verify.h"

#define SEQUENCE (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED)
#define EXPLICIT(n) (V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED | (n))
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
static apr_pool_t *p;
static make_pki_t *pki;

/* One kind of response, and what is published of it. */
typedef struct kind_t {
    const char *name;
    const staple_cert_t *cert;
    make_der_t der;
    make_parts_t parts;
    staple_canonical_t published;
} kind_t;

/* ---- comparing ---- */

static staple_reason_e publish(staple_canonical_t *canonical,
                               const kind_t *kind, make_der_t der)
{
    staple_verdict_t verdict;

    return staple_verify(&verdict, canonical, kind->cert, der.bytes, der.len,
                         NULL, &policy, apr_time_from_sec(MAKE_NOW));
}

static int is_same(const staple_canonical_t *one, const staple_canonical_t *two)
{
    return one->der_len == two->der_len
           && memcmp(one->der, two->der, one->der_len) == 0;
}

/* 1: the same bytes are published; 0: none; -1: others. */
static int try_it(const kind_t *kind, make_der_t der)
{
    staple_canonical_t canonical;
    staple_reason_e reason = publish(&canonical, kind, der);
    int result = reason != STAPLE_OK                     ? 0
                 : is_same(&canonical, &kind->published) ? 1
                                                         : -1;

    staple_verify_free(&canonical);
    return result;
}

/* All of this kind, changed so. */
static void check(const kind_t *kind, const char *what, make_der_t der,
                  int is_taken)
{
    is_int(try_it(kind, der), is_taken, "%s: %s: %s", kind->name, what,
           is_taken ? "the same bytes" : "nothing");
}

static make_der_t text(const char *bytes, apr_size_t len)
{
    return (make_der_t){(unsigned char *)(uintptr_t)bytes, len};
}

static make_der_t join(make_der_t one, make_der_t two, make_der_t three)
{
    make_der_t all[] = {one, two, three, {NULL, 0}};

    return make_join(p, all);
}

static make_der_t cert_of(X509 *x509)
{
    return make_x509_der(p, x509);
}

/* ---- every bit ---- */

/* Each octet but those of tbsResponseData, with three masks. */
static void test_octets(const kind_t *kind)
{
    static const unsigned char masks[] = {0x01, 0x80, 0xff};
    make_der_t der = make_longer(p, kind->der, 0);
    apr_size_t begin = (apr_size_t)(kind->parts.tbs.bytes - kind->der.bytes);
    apr_size_t end = begin + kind->parts.tbs.len;
    unsigned counts[3] = {0, 0, 0};
    apr_size_t i;
    unsigned k;

    for (i = 0; i < der.len; i++) {
        if (i == begin) {
            i = end;
        }
        for (k = 0; i < der.len && k < COUNT(masks); k++) {
            der.bytes[i] ^= masks[k];
            counts[try_it(kind, der) + 1]++;
            der.bytes[i] ^= masks[k];
        }
    }
    is_int(counts[0], 0,
           "%s: each octet outside tbsResponseData changed: never other bytes "
           "(%u the same, %u none)",
           kind->name, counts[2], counts[1]);
    for (i = 1, k = 0; i < der.len; i++) {
        k += try_it(kind, (make_der_t){der.bytes, i}) != 0;
    }
    is_int(k, 0, "%s: cut short anywhere: nothing", kind->name);
}

/* ---- certificates ---- */

static void test_certs(const kind_t *kind)
{
    make_parts_t parts = kind->parts;
    make_der_t own = parts.certs, none = {own.bytes, 0};
    make_der_t others = join(cert_of(pki->root.x509),
                             cert_of(pki->issuer.x509),
                             cert_of(pki->stranger.x509));
    make_der_t many = none;
    int i;

    for (i = 0; i < 14; i++) {
        many = join(many, others, none);
    }
    parts.certs = join(own, others, none);
    check(kind, "three certificates behind", make_put_together(p, &parts), 1);
    parts.certs = join(others, own, none);
    check(kind, "three certificates before", make_put_together(p, &parts), 1);
    parts.certs = join(many, own, none);
    check(kind, "42 certificates before", make_put_together(p, &parts), 1);
    parts.certs = join(own, many, none);
    check(kind, "42 certificates behind", make_put_together(p, &parts), 1);
    parts.certs = join(own, own, own);
    check(kind, "its own three times", make_put_together(p, &parts), 1);
    parts.certs = join(text("\x30\0", 2), own, text("\x30\3\2\1\1", 5));
    check(kind, "what is no certificate", make_put_together(p, &parts), 1);
    parts.certs = join(text("\4\0", 2), own, none);
    check(kind, "what is no SEQUENCE", make_put_together(p, &parts),
          own.len == 0); /* nobody looks at it */
    parts.certs = none;
    check(kind, "no certificate", make_put_together(p, &parts), own.len == 0);
}

/* A certificate's parts outside of what its issuer signed. */
static void test_cert_outside(const kind_t *kind)
{
    make_parts_t parts = kind->parts;
    make_der_t own = parts.certs, none = {own.bytes, 0};
    make_der_t tbs, algorithm, bits;

    if (own.len == 0) {
        return;
    }
    tbs = make_child(own, 0);
    algorithm = make_child(own, 1);
    bits = make_child(own, 2);
    parts.certs = make_wrap(p, SEQUENCE, join(tbs, algorithm, bits));
    check(kind, "the certificate put together again",
          make_put_together(p, &parts), 1);
    parts.certs = make_wrap(
        p, SEQUENCE,
        join(tbs,
             make_wrap(p, SEQUENCE,
                       join(make_child(algorithm, 0), text("\2\1\1", 3),
                            none)),
             bits));
    check(kind, "the certificate's algorithm with other parameters",
          make_put_together(p, &parts), 0);
    parts.certs = make_wrap(p, SEQUENCE,
                            join(join(tbs, algorithm, bits), text("\5\0", 2),
                                 none));
    check(kind, "a field more in the certificate",
          make_put_together(p, &parts), 0);
}

/* ---- algorithm and signature ---- */

static void test_parameters(const kind_t *kind)
{
    const make_der_t rows[] = {
        text("\5\0", 2), text("\2\1\1", 3), text("\x30\0", 2),
        text("\4\1x", 3), text("\6\1\x2a", 3),
    };
    make_parts_t parts = kind->parts;
    make_der_t oid = make_child(parts.algorithm, 0), none = {oid.bytes, 0};
    unsigned i, taken = 0;

    for (i = 0; i < COUNT(rows); i++) {
        parts.algorithm = make_wrap(p, SEQUENCE, join(oid, rows[i], none));
        if (try_it(kind, make_put_together(p, &parts)) < 0) {
            ok(0, "%s: parameters %u: other bytes", kind->name, i);
        }
        taken += try_it(kind, make_put_together(p, &parts)) == 1;
    }
    parts.algorithm = make_wrap(p, SEQUENCE, oid);
    if (try_it(kind, make_put_together(p, &parts)) < 0) {
        ok(0, "%s: no parameters: other bytes", kind->name);
    }
    taken += try_it(kind, make_put_together(p, &parts)) == 1;
    ok(1, "%s: of 6 other parameters %u give the same bytes, the others none",
       kind->name, taken);
    parts.algorithm = make_wrap(p, SEQUENCE,
                                join(oid, text("\5\0", 2), text("\5\0", 2)));
    check(kind, "a field more in the algorithm",
          make_put_together(p, &parts), 0);
}

static void test_bits(const kind_t *kind)
{
    make_parts_t parts = kind->parts;
    make_der_t bits = make_contents(parts.signature), none = {bits.bytes, 0};
    make_der_t value = {bits.bytes + 1, bits.len - 1};

    parts.signature = make_wrap(p, V_ASN1_BIT_STRING,
                                join(text("\1", 1), value, none));
    check(kind, "a bit of the signature unused",
          make_put_together(p, &parts), 0);
    parts.signature = make_wrap(p, V_ASN1_BIT_STRING,
                                join(bits, text("\0", 1), none));
    check(kind, "an octet behind the signature",
          make_put_together(p, &parts), 0);
    parts.signature = make_wrap(p, V_ASN1_BIT_STRING,
                                join(text("\0\0", 2), value, none));
    check(kind, "an octet before the signature",
          make_put_together(p, &parts), 0);
    parts.signature = make_wrap(p, V_ASN1_BIT_STRING, text("", 1));
    check(kind, "no signature", make_put_together(p, &parts), 0);
    parts.signature = make_wrap(p, V_ASN1_BIT_STRING, none);
    check(kind, "no octet in the BIT STRING", make_put_together(p, &parts), 0);
}

/* Of ECDSA each signature has two values, which anybody can compute. */
static void test_ecdsa(const kind_t *kind)
{
    make_parts_t parts = kind->parts;
    make_der_t own = parts.certs;

    parts.signature = make_other_s(p, parts.signature);
    check(kind, "the other s of the response's signature",
          make_put_together(p, &parts), 1);
    if (own.len > 0) {
        parts.certs = make_wrap(
            p, SEQUENCE,
            join(make_child(own, 0), make_child(own, 1),
                 make_other_s(p, make_child(own, 2))));
        check(kind, "the other s of both signatures",
              make_put_together(p, &parts), 1);
        parts.signature = kind->parts.signature;
        check(kind, "the other s of the certificate's signature",
              make_put_together(p, &parts), 1);
    }
}

/* RSASSA-PSS-params of SHA-256 as others may write them (RFC 4055 3.1). */
static void test_pss(const kind_t *kind)
{
    static const char oid[] = "\6\x09\x2a\x86\x48\x86\xf7\x0d\1\1\x0a";
    static const char sha256[] = "\6\x09\x60\x86\x48\1\x65\3\4\2\1";
    static const char mgf1[] = "\6\x09\x2a\x86\x48\x86\xf7\x0d\1\1\x08";
    make_parts_t parts = kind->parts;
    make_der_t none = {parts.tbs.bytes, 0}, null = text("\5\0", 2);
    unsigned i;

    for (i = 0; i < 16; i++) {
        make_der_t hash = make_wrap(
            p, SEQUENCE, join(text(sha256, 11), i & 1 ? null : none, none));
        make_der_t inner = make_wrap(
            p, SEQUENCE, join(text(sha256, 11), i & 2 ? null : none, none));
        make_der_t mask = make_wrap(p, SEQUENCE,
                                    join(text(mgf1, 11), inner, none));
        make_der_t salt = make_wrap(p, EXPLICIT(2), text("\2\1\x20", 3));
        make_der_t trailer = make_wrap(p, EXPLICIT(3), text("\2\1\1", 3));
        make_der_t fields = join(make_wrap(p, EXPLICIT(0), hash),
                                 make_wrap(p, EXPLICIT(1), mask), salt);

        fields = join(fields, i & 4 ? trailer : none, none);
        parts.algorithm = make_wrap(
            p, SEQUENCE,
            join(text(oid, 11), make_wrap(p, SEQUENCE, fields), none));
        check(kind, "parameters of the same meaning",
              make_put_together(p, &parts), 1);
    }
}

/* Lengths that are not the shortest, and indefinite ones. */
static void test_ber(const kind_t *kind)
{
    make_der_t contents = make_contents(kind->der), none = {contents.bytes, 0};
    unsigned char head[] = {SEQUENCE, 0x83, 0, 0, 0};

    head[3] = (unsigned char)(contents.len >> 8);
    head[4] = (unsigned char)contents.len;
    check(kind, "a length of an octet more",
          join((make_der_t){head, 5}, contents, none), 0);
    check(kind, "an indefinite length",
          join(text("\x30\x80", 2), contents, text("\0\0", 2)), 0);
    check(kind, "an octet behind all", make_longer(p, kind->der, 1), 0);
}

/* ---- kinds of responses ---- */

static void test_kind(kind_t *kind)
{
    make_der_t published;
    staple_reason_e reason;

    kind->parts = make_take_apart(kind->der);
    reason = publish(&kind->published, kind, kind->der);
    is_reason(reason, STAPLE_OK, "%s: is taken", kind->name);
    if (reason != STAPLE_OK) {
        return;
    }
    published = (make_der_t){kind->published.der, kind->published.der_len};
    check(kind, "what was published", published, 1);
    check(kind, "put together again", make_put_together(p, &kind->parts), 1);
    test_octets(kind);
    test_certs(kind);
    test_cert_outside(kind);
    test_parameters(kind);
    test_bits(kind);
    test_ber(kind);
}

static make_identity_t delegate(const make_identity_t *issuer, EVP_PKEY *key)
{
    return make_cert(p, &(make_cert_t){.name = "Delegate", .issuer = issuer,
                                       .usage = "OCSPSigning", .key = key});
}

/* Responses about a leaf of an issuer with an RSA key. */
static void test_rsa(void)
{
    make_identity_t issuer = make_cert(p, &(make_cert_t){
        .name = "RSA", .is_ca = 1, .key = make_rsa_key(p)});
    make_identity_t leaf = make_cert(p, &(make_cert_t){
        .name = "leaf", .issuer = &issuer});
    const staple_cert_t *cert = make_staple_cert(
        p, staple_cert_issuers_make(p), leaf.x509, issuer.x509);
    make_identity_t by_rsa = delegate(&issuer, make_rsa_key(p));
    make_response_t knobs = make_good(pki);
    kind_t by_issuer = {.name = "RSA, by the issuer", .cert = cert};
    kind_t usual = {.name = "RSA, by a delegate", .cert = cert};
    kind_t pss = {.name = "RSASSA-PSS, by a delegate", .cert = cert};

    knobs.singles[0].leaf = leaf.x509;
    knobs.singles[0].issuer = issuer.x509;
    knobs.signer = issuer;
    knobs.embed[0] = NULL;
    by_issuer.der = make_response(p, &knobs);
    knobs.signer = by_rsa;
    knobs.embed[0] = by_rsa.x509;
    usual.der = make_response(p, &knobs);
    knobs.pss = 1;
    pss.der = make_response(p, &knobs);
    test_kind(&by_issuer);
    test_kind(&usual);
    test_kind(&pss);
    test_pss(&pss);
    staple_verify_free(&by_issuer.published);
    staple_verify_free(&usual.published);
    staple_verify_free(&pss.published);
}

static void test_others(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    make_identity_t by_edwards = delegate(&pki->issuer, key);
    make_response_t knobs = make_good(pki);
    kind_t usual = {.name = "ECDSA, by a delegate", .cert = pki->cert};
    kind_t by_key = {.name = "ECDSA, a delegate by its key",
                     .cert = pki->cert};
    kind_t by_issuer = {.name = "ECDSA, by the issuer", .cert = pki->cert};
    kind_t edwards = {.name = "Ed25519, by a delegate", .cert = pki->cert};

    usual.der = make_response(p, &knobs);
    knobs.by_key = 1;
    by_key.der = make_response(p, &knobs);
    knobs.signer = pki->issuer;
    knobs.embed[0] = NULL;
    by_issuer.der = make_response(p, &knobs);
    knobs.signer = by_edwards;
    knobs.embed[0] = by_edwards.x509;
    edwards.der = make_response(p, &knobs);
    test_kind(&usual);
    test_ecdsa(&usual);
    test_kind(&by_key);
    test_ecdsa(&by_key);
    test_kind(&by_issuer);
    test_ecdsa(&by_issuer);
    test_kind(&edwards);
    staple_verify_free(&usual.published);
    staple_verify_free(&by_key.published);
    staple_verify_free(&by_issuer.published);
    staple_verify_free(&edwards.published);
    EVP_PKEY_free(key);
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    test_others();
    test_rsa();
    make_end(p);
    return tap_done();
}
