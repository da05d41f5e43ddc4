/* Whatever a response of 64 KiB is like: its verdict costs little time. */
#include "../make_hostile.h"
#include "../tap.h"

#include <apr_strings.h>
#include <openssl/objects.h>
#include <stdlib.h>

#include "ocsp/staple_verify.h"

#define SEQUENCE (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED)
#define EXPLICIT(n) (V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED | (n))
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Of processor time, for one input. */
#define BUDGET 0.050

/* What fits beside the rest of a response. */
#define FULL 60000

static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
static apr_pool_t *p;
static make_pki_t *pki;
static make_der_t good;    /* the usual response, by its delegate */
static make_parts_t parts; /* of it */

/* ---- what it costs ---- */

static staple_reason_e judge(const make_der_t *der)
{
    staple_canonical_t canonical;
    staple_verdict_t verdict;
    staple_reason_e reason;

    reason = staple_verify(&verdict, &canonical, pki->cert, der->bytes,
                           der->len, NULL, &policy,
                           apr_time_from_sec(MAKE_NOW));
    staple_verify_free(&canonical);
    return reason;
}

/* Whoever is interrupted is no slower in the end: the best of three. */
static void check(const char *name, make_der_t der, staple_reason_e want)
{
    double best = 1000, took;
    staple_reason_e reason = STAPLE_OK;
    int i;

    for (i = 0; i < 3 && best > BUDGET / 2; i++) {
        took = make_cpu_seconds();
        reason = judge(&der);
        took = make_cpu_seconds() - took;
        best = took < best ? took : best;
    }
    ok(der.len <= STAPLE_MAX_RESPONSE, "%s: %u bytes", name,
       (unsigned)der.len);
    is_reason(reason, want, "%s: the verdict", name);
    ok(best <= BUDGET * make_slowness(), "%s: %.1f ms", name, best * 1000);
}

static make_der_t text(const char *bytes, apr_size_t len)
{
    return (make_der_t){(unsigned char *)(uintptr_t)bytes, len};
}

/* `count` times these bytes. */
static make_der_t repeat(make_der_t one, unsigned count)
{
    make_der_t all = {apr_palloc(p, one.len * count + 1), 0};

    for (; count > 0; count--) {
        memcpy(all.bytes + all.len, one.bytes, one.len);
        all.len += one.len;
    }
    return all;
}

static make_der_t join(make_der_t one, make_der_t two, make_der_t three)
{
    make_der_t all[] = {one, two, three, {NULL, 0}};

    return make_join(p, all);
}

static make_der_t fill(unsigned char byte, apr_size_t len)
{
    make_der_t all = {apr_palloc(p, len), len};

    memset(all.bytes, byte, len);
    return all;
}

static make_der_t number(void)
{
    return make_wrap(p, V_ASN1_INTEGER, fill(0x5a, FULL));
}

/* Elements of one another, as many as there are bytes for. */
static make_der_t nest(unsigned char tag, apr_size_t len)
{
    make_der_t bytes = {apr_palloc(p, len), len};
    apr_size_t i, left;

    for (i = 0; i + 4 <= len; i += 4) {
        left = len - i - 4;
        bytes.bytes[i] = tag;
        bytes.bytes[i + 1] = 0x82;
        bytes.bytes[i + 2] = (unsigned char)(left >> 8);
        bytes.bytes[i + 3] = (unsigned char)left;
    }
    bytes.len = i;
    return bytes;
}

/* ---- certificates ---- */

static make_der_t with_certs(make_der_t certs)
{
    make_parts_t changed = parts;

    changed.certs = certs;
    return make_put_together(p, &changed);
}

static void test_certificates(void)
{
    make_der_t key = make_hostile_key(p), none = {key.bytes, 0};
    make_der_t other = make_with_key(p, pki->plain.x509, key, NULL);
    make_der_t named = make_with_key(p, pki->delegate.x509, key, NULL);
    make_der_t signed_one = make_with_key(p, pki->delegate.x509, key,
                                          pki->issuer.key);
    make_der_t small = make_wrap(p, SEQUENCE, none);
    char name[80];
    unsigned i;
    static const unsigned counts[] = {1, 4, 40, 85};

    for (i = 0; i < COUNT(counts); i++) {
        snprintf(name, sizeof(name),
                 "%u keys with explicit parameters beside the delegate's",
                 counts[i]);
        check(name, with_certs(join(repeat(other, counts[i]), parts.certs,
                                    none)), STAPLE_OK);
    }
    check("3 such keys under the delegate's name, and the delegate",
          with_certs(join(repeat(named, 3), parts.certs, none)), STAPLE_OK);
    check("4 such keys under the delegate's name",
          with_certs(repeat(named, 4)), STAPLE_WEAK_KEY);
    check("5 such keys under the delegate's name",
          with_certs(repeat(named, 5)), STAPLE_TOO_MANY_SIGNERS);
    check("80 such keys under the delegate's name",
          with_certs(repeat(named, 80)), STAPLE_TOO_MANY_SIGNERS);
    check("4 such keys that the issuer signed",
          with_certs(repeat(signed_one, 4)), STAPLE_WEAK_KEY);
    check("20,000 empty certificates",
          with_certs(join(repeat(small, 20000), parts.certs, none)),
          STAPLE_OK);
    check("a certificate that is nested without end",
          with_certs(join(nest(SEQUENCE, FULL), parts.certs, none)),
          STAPLE_OK);
}

/* Keys of RSA under the delegate's name. */
static void test_rsa(void)
{
    static const char rsa[] = "\x30\x0d\6\x09\x2a\x86\x48\x86\xf7\x0d\1\1\1\5";
    make_der_t algorithm = text(rsa, 15), none = {algorithm.bytes, 0};
    make_der_t modulus = make_wrap(p, V_ASN1_INTEGER, fill(0x5b, FULL));
    make_der_t three = make_wrap(p, V_ASN1_INTEGER, text("\3", 1));
    make_der_t half = make_wrap(p, V_ASN1_INTEGER, fill(0x5b, 384));
    const struct {
        const char *name;
        make_der_t n, e;
    } rows[] = {
        {"RSA with 480,000 bits", modulus, three},
        {"RSA with 3072 bits, and as many of the exponent", half, half},
        {"RSA with an exponent of 480,000 bits", three, modulus},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        make_der_t bits = make_wrap(p, SEQUENCE, join(rows[i].n, rows[i].e,
                                                      none));
        make_der_t key = make_wrap(
            p, SEQUENCE,
            join(algorithm,
                 make_wrap(p, V_ASN1_BIT_STRING, join(text("", 1), bits, none)),
                 none));

        check(rows[i].name,
              with_certs(make_with_key(p, pki->delegate.x509, key,
                                       pki->issuer.key)),
              STAPLE_WEAK_KEY);
    }
}

/* ---- what is signed ---- */

/* tbsResponseData with other responses and extensions, and whose signature is
 * this: the delegate's, or one that is wrong. */
static make_der_t with_tbs(make_der_t responder, make_der_t responses,
                           make_der_t extensions, int is_signed)
{
    make_der_t fields[] = {responder, make_child(parts.tbs, 1), responses,
                           extensions, {NULL, 0}};
    make_parts_t changed = parts;

    changed.tbs = make_wrap(p, SEQUENCE, make_join(p, fields));
    if (is_signed) {
        changed.signature = make_signed(p, changed.tbs, pki->delegate.key)
                                .signature;
    }
    return make_put_together(p, &changed);
}

static void check_tbs(const char *name, make_der_t responses,
                      make_der_t extensions, staple_reason_e right,
                      staple_reason_e wrong)
{
    make_der_t responder = make_child(parts.tbs, 0);
    char full[120];

    snprintf(full, sizeof(full), "%s, signed", name);
    check(full, with_tbs(responder, responses, extensions, 1), right);
    snprintf(full, sizeof(full), "%s, signed wrongly", name);
    check(full, with_tbs(responder, responses, extensions, 0), wrong);
}

/* A SingleResponse like the usual one, whose CertID has this digest, or else
 * this serial number. */
static make_der_t single(make_der_t digest, make_der_t serial)
{
    make_der_t usual = make_child(make_child(parts.tbs, 2), 0);
    make_der_t id = make_child(usual, 0);
    make_der_t fields[6] = {{NULL, 0}};
    unsigned i;

    fields[0] = digest.bytes != NULL ? make_wrap(p, SEQUENCE, digest)
                                     : make_child(id, 0);
    fields[1] = make_child(id, 1);
    fields[2] = make_child(id, 2);
    fields[3] = serial.bytes != NULL ? serial : make_child(id, 3);
    fields[0] = make_wrap(p, SEQUENCE, make_join(p, fields));
    for (i = 1; i < 6; i++) {
        fields[i] = make_child(usual, i);
    }
    return make_wrap(p, SEQUENCE, make_join(p, fields));
}

static make_der_t oid_of(int nid)
{
    unsigned char *out = NULL;
    int len = i2d_ASN1_OBJECT(OBJ_nid2obj(nid), &out);
    make_der_t der = {apr_pmemdup(p, out, (apr_size_t)len), (apr_size_t)len};

    OPENSSL_free(out);
    return der;
}

static void test_singles(void)
{
    static const int digests[] = {NID_sha256, NID_sha384, NID_sha512,
                                  NID_sha3_512, NID_sha512_256, NID_md4,
                                  NID_whirlpool, NID_sha3_224};
    make_der_t none = {parts.tbs.bytes, 0}, unset = {NULL, 0}, all = none;
    make_der_t one;
    unsigned i;

    one = single(unset, unset);
    check_tbs("as many SingleResponses as fit",
              make_wrap(p, SEQUENCE,
                        repeat(one, (unsigned)(FULL / one.len))),
              none, STAPLE_OK, STAPLE_BAD_SIGNATURE);
    for (i = 0; i < COUNT(digests); i++) {
        all = join(all, single(oid_of(digests[i]), unset), none);
    }
    all = repeat(all, (unsigned)(FULL / all.len));
    check_tbs("SingleResponses with many digests",
              make_wrap(p, SEQUENCE, join(one, all, none)), none,
              STAPLE_SIGNER_NOT_AUTHORISED, STAPLE_BAD_SIGNATURE);
    one = single(text("\6\4\x2a\x86\x48\1", 6), unset);
    check_tbs("SingleResponses with a digest that is unknown",
              make_wrap(p, SEQUENCE,
                        repeat(one, (unsigned)(FULL / one.len))),
              none, STAPLE_NO_MATCH, STAPLE_NO_MATCH);
    one = single(text("\6\4\x2a\x86\x48\1", 6), text("\2\1\1", 3));
    check_tbs("another's, with a digest that is unknown",
              make_wrap(p, SEQUENCE,
                        repeat(one, (unsigned)(FULL / one.len))),
              none, STAPLE_NO_MATCH, STAPLE_NO_MATCH);
    check_tbs("a serial number of 60 KB",
              make_wrap(p, SEQUENCE, single(unset, number())), none,
              STAPLE_NO_MATCH, STAPLE_NO_MATCH);
    check_tbs("a digest's OID of 60 KB",
              make_wrap(p, SEQUENCE,
                        single(make_wrap(p, V_ASN1_OBJECT, fill(0x5a, FULL)),
                               unset)),
              none, STAPLE_NO_MATCH, STAPLE_NO_MATCH);
    check_tbs("parameters of a digest that are nested without end",
              make_wrap(p, SEQUENCE,
                        single(join(oid_of(NID_sha1), nest(SEQUENCE, FULL),
                                    none), unset)),
              none, STAPLE_OK, STAPLE_BAD_SIGNATURE);
}

static make_der_t extension(make_der_t oid, make_der_t value)
{
    make_der_t none = {value.bytes, 0};

    return make_wrap(p, SEQUENCE,
                     join(make_wrap(p, V_ASN1_OBJECT, oid),
                          make_wrap(p, V_ASN1_OCTET_STRING, value), none));
}

static void test_extensions(void)
{
    make_der_t responses = make_child(parts.tbs, 2);
    make_der_t none = {responses.bytes, 0}, one;
    const struct {
        const char *name;
        make_der_t oid, value;
    } rows[] = {
        {"one of 60 KB", text("\x2a\3", 2), fill(0, FULL)},
        {"an OID of 60 KB", fill(0x5a, FULL), none},
        {"a nonce of 60 KB", text("\x2b\6\1\5\5\7\x30\1\2", 9),
         nest(SEQUENCE, FULL)},
    };
    unsigned i;

    one = extension(text("\x2a\3", 2), none);
    check_tbs("extensions: as many as fit", responses,
              make_wrap(p, EXPLICIT(1),
                        make_wrap(p, SEQUENCE,
                                  repeat(one, (unsigned)(FULL / one.len)))),
              STAPLE_OK, STAPLE_BAD_SIGNATURE);
    for (i = 0; i < COUNT(rows); i++) {
        one = extension(rows[i].oid, rows[i].value);
        check_tbs(rows[i].name, responses,
                  make_wrap(p, EXPLICIT(1), make_wrap(p, SEQUENCE, one)),
                  STAPLE_OK, STAPLE_BAD_SIGNATURE);
    }
}

/* Names of many parts, of the responder and in certificates. */
static void test_names(void)
{
    static const char part[] = "\x31\x0a\x30\x08\6\3\x55\4\3\x0c\1x";
    static const char value[] = "\x30\x08\6\3\x55\4\3\x0c\1x";
    make_der_t none = {parts.tbs.bytes, 0}, name, cert, names[3];
    unsigned i;

    names[0] = make_wrap(p, SEQUENCE, repeat(text(part, 12), FULL / 12));
    names[1] = make_wrap(
        p, SEQUENCE,
        make_wrap(p, 0x31, repeat(text(value, 10), FULL / 10)));
    names[2] = make_wrap(
        p, SEQUENCE,
        make_wrap(p, 0x31,
                  make_wrap(p, SEQUENCE,
                            join(text("\6\3\x55\4\3", 5),
                                 make_wrap(p, V_ASN1_UTF8STRING,
                                           fill(' ', FULL)), none))));
    for (i = 0; i < COUNT(names); i++) {
        name = make_wrap(p, EXPLICIT(1), names[i]);
        check("the responder has a very long name",
              with_tbs(name, make_child(parts.tbs, 2), none, 1),
              STAPLE_SIGNER_NOT_FOUND);
        cert = make_child(make_x509_der(p, pki->delegate.x509), 0);
        {
            make_der_t fields[12] = {{NULL, 0}};
            unsigned k;

            for (k = 0; k < 11; k++) {
                fields[k] = make_child(cert, k);
            }
            fields[5] = names[i];
            cert = make_wrap(p, SEQUENCE, make_join(p, fields));
        }
        check("a certificate has a very long name",
              with_certs(join(make_wrap(p, SEQUENCE,
                                        join(cert, parts.algorithm,
                                             parts.signature)),
                              parts.certs, none)),
              STAPLE_OK);
    }
}

/* ---- around what is signed ---- */

static void check_outside(const char *name, make_der_t algorithm,
                          make_der_t signature, staple_reason_e want)
{
    make_parts_t changed = parts;

    if (algorithm.bytes != NULL) {
        changed.algorithm = algorithm;
    }
    if (signature.bytes != NULL) {
        changed.signature = signature;
    }
    check(name, make_put_together(p, &changed), want);
}

static void test_outside(void)
{
    make_der_t unset = {NULL, 0}, none = {parts.tbs.bytes, 0}, pair, pss;

    pair = make_wrap(p, V_ASN1_INTEGER, fill(0x5a, FULL / 2));
    pair = make_wrap(p, SEQUENCE, join(pair, pair, none));
    check_outside("a signature of two numbers of 30 KB each", unset,
                  make_wrap(p, V_ASN1_BIT_STRING,
                            join(text("", 1), pair, none)),
                  STAPLE_BAD_SIGNATURE);
    check_outside("a signature of 60 KB", unset,
                  make_wrap(p, V_ASN1_BIT_STRING,
                            join(text("", 1), fill(1, FULL), none)),
                  STAPLE_BAD_SIGNATURE);
    check_outside("an algorithm with parameters that are nested without end",
                  make_wrap(p, SEQUENCE,
                            join(make_child(parts.algorithm, 0),
                                 nest(SEQUENCE, FULL), none)),
                  unset, STAPLE_OK);
    check_outside("an algorithm with an OID of 60 KB",
                  make_wrap(p, SEQUENCE,
                            make_wrap(p, V_ASN1_OBJECT, fill(0x5a, FULL))),
                  unset, STAPLE_BAD_SIGNATURE);
    pss = make_wrap(p, EXPLICIT(2), number());
    check_outside("RSASSA-PSS with a salt of 60 KB",
                  make_wrap(p, SEQUENCE,
                            join(oid_of(NID_rsassaPss),
                                 make_wrap(p, SEQUENCE, pss), none)),
                  unset, STAPLE_BAD_SIGNATURE);
}

static void test_junk(void)
{
    static const unsigned char tags[] = {0x30, 0x31, 0xa0, 0x24, 0x23};
    make_der_t none = {parts.tbs.bytes, 0}, endless;
    unsigned i;

    for (i = 0; i < sizeof(tags); i++) {
        check("nested without end", nest(tags[i], FULL), STAPLE_MALFORMED);
        endless = repeat((make_der_t){apr_pmemdup(p, &tags[i], 1), 1}, 1);
        endless = repeat(join(endless, text("\x80", 1), none), FULL / 2);
        check("nested with indefinite lengths", endless, STAPLE_MALFORMED);
        check_tbs("nested in what is signed",
                  make_wrap(p, SEQUENCE, nest(tags[i], FULL)), none,
                  STAPLE_MALFORMED, STAPLE_MALFORMED);
        check_tbs("nested with indefinite lengths in what is signed",
                  make_wrap(p, SEQUENCE, endless), none, STAPLE_MALFORMED,
                  STAPLE_MALFORMED);
    }
}

int main(void)
{
    make_response_t knobs;
    double began;

    p = make_begin();
    pki = make_pki(p);
    knobs = make_good(pki);
    good = make_response(p, &knobs);
    parts = make_take_apart(good);
    /* The test would show nothing where OpenSSL is no longer slow at it. */
    {
        make_der_t key = make_hostile_key(p);
        const unsigned char *at = key.bytes;

        began = make_cpu_seconds();
        EVP_PKEY_free(d2i_PUBKEY(NULL, &at, (long)key.len));
        printf("# one key with explicit parameters: %.0f ms\n",
               (make_cpu_seconds() - began) * 1000);
        ERR_clear_error();
    }
    check("the usual response", good, STAPLE_OK);
    test_certificates();
    test_rsa();
    test_singles();
    test_extensions();
    test_names();
    test_outside();
    test_junk();
    make_end(p);
    return tap_done();
}
