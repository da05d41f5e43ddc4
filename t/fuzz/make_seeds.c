/* Writes the first inputs of every fuzz target below a folder. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "../unit/make_crl.h"
#include "cache/staple_cache_int.h"
#include "fuzz.h"
#include "fuzz_canonical.h"
#include "fuzz_pki.h"
#include "refresh/staple_known.h"
#include "refresh/staple_source_shared.h"
#include "cache/staple_codec.h"
#include "cache/staple_writer.h"

static apr_pool_t *p;
static make_pki_t *pki;
static const char *top;

static make_der_t text(const char *words)
{
    make_der_t bytes = {(unsigned char *)(uintptr_t)words, strlen(words)};

    return bytes;
}

static void make_folder(const char *path)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        perror(path);
        exit(1);
    }
}

/* Writes one input: `head`, then `bytes`. */
static void seed(const char *target, const char *name, const char *head,
                 size_t head_len, make_der_t bytes)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", top, target);
    make_folder(path);
    snprintf(path, sizeof(path), "%s/%s/seed-%s", top, target, name);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(head, 1, head_len, file) != head_len
        || fwrite(bytes.bytes, 1, bytes.len, file) != bytes.len
        || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* ---- responses ---- */

static void seed_response(const char *name, const make_response_t *knobs)
{
    static const char heads[][2] = {{0, 0}, {2 << 5, 1}, {1 << 5, 2}, {3, 0}};
    char numbered[64];
    unsigned i;

    for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        snprintf(numbered, sizeof(numbered), "%s-%u", name, i);
        seed("fuzz_verify", numbered, heads[i], 2, make_response(p, knobs));
    }
}

static void seed_verify(void)
{
    make_response_t good = make_good(pki), knobs = good;
    static const unsigned char nonce[STAPLE_NONCE_LEN] = {1, 2, 3};

    seed_response("good", &good);
    knobs.singles[0].status = V_OCSP_CERTSTATUS_REVOKED;
    knobs.singles[0].reason = 1;
    knobs.singles[0].revoked_at = MAKE_NOW - MAKE_DAY;
    seed_response("revoked", &knobs);
    knobs = good;
    knobs.singles[0].next_update = 0;
    knobs.by_key = 1;
    knobs.nonce = nonce;
    knobs.nonce_len = sizeof(nonce);
    seed_response("nonce", &knobs);
    knobs = good;
    knobs.count = 2;
    knobs.singles[1] = knobs.singles[0];
    knobs.singles[1].leaf = pki->sibling.x509;
    knobs.singles[1].digest = EVP_sha256();
    knobs.singles[1].extension = "1.2.3.4";
    knobs.extension = "1.3.6.1.5.5.7.48.1.9";
    knobs.critical = 1;
    seed_response("two", &knobs);
    knobs = good;
    knobs.signer = pki->leaf;
    knobs.embed[0] = pki->leaf.x509;
    seed_response("leaf-signed", &knobs);
    seed("fuzz_verify", "try-later", "\0\0", 2, make_error(p, 3));
}

/* A field as fuzz_canonical takes it. */
static make_der_t field(make_der_t bytes)
{
    unsigned char len[] = {(unsigned char)(bytes.len >> 8),
                           (unsigned char)bytes.len};
    make_der_t all[] = {{len, 2}, bytes, {NULL, 0}};

    return make_join(p, all);
}

static void seed_canonical(void)
{
    char name[16], head;
    unsigned i;

    for (i = 0; i < FUZZ_CANONICAL_COUNT; i++) {
        fuzz_canonical_t made = fuzz_canonical_load(p, i);
        make_der_t all[] = {field(made.parts.algorithm),
                            field(made.parts.signature),
                            field(made.parts.certs), {NULL, 0}};
        make_der_t before = {made.der.bytes, 0}, behind;

        snprintf(name, sizeof(name), "fields-%u", i);
        head = (char)i;
        seed("fuzz_canonical", name, &head, 1, make_join(p, all));
        before.len = (apr_size_t)(made.parts.tbs.bytes - made.der.bytes);
        behind.bytes = made.parts.tbs.bytes + made.parts.tbs.len;
        behind.len = made.der.len - before.len - made.parts.tbs.len;
        all[0] = field(before);
        all[1] = behind;
        all[2] = (make_der_t){NULL, 0};
        snprintf(name, sizeof(name), "around-%u", i);
        head = (char)(i | 8);
        seed("fuzz_canonical", name, &head, 1, make_join(p, all));
    }
}

/* ---- certificates ---- */

static make_der_t x509_der(X509 *x509)
{
    make_der_t der = {NULL, 0};
    int len = i2d_X509(x509, &der.bytes);

    FUZZ_CHECK(len > 0);
    der.len = (apr_size_t)len;
    return der;
}

static void seed_cert(void)
{
    static const char *const urls[] = {
        "http://a.example/", "https://b.example:8080/ocsp", "ldap://c/",
        "http://[2001:db8::1]/x?y", NULL};
    make_identity_t odd = make_cert(p, &(make_cert_t){
        .name = "odd\n\"\xc3\xa9", .organisation = "\xe2\x82\xac,=+<>",
        .issuer = &pki->issuer, .urls = urls, .must_staple = 1,
        .serial = "-7fffffffffffffffffffffffffffffffffffffff"});

    seed("fuzz_cert", "pem", "\0", 1,
         text(make_pem(p, pki->leaf.x509, pki->issuer.x509)));
    seed("fuzz_cert", "pem-odd", "\0", 1,
         text(make_pem(p, odd.x509, pki->issuer.x509)));
    seed("fuzz_cert", "leaf", "\1", 1, x509_der(pki->leaf.x509));
    seed("fuzz_cert", "odd", "\1", 1, x509_der(odd.x509));
    seed("fuzz_cert", "renamed", "\2", 1, x509_der(odd.x509));
    seed("fuzz_cert", "issuer", "\3", 1, x509_der(pki->issuer.x509));
}

static void seed_request(void)
{
    make_der_t certid = {(unsigned char *)(uintptr_t)pki->cert->certid,
                         pki->cert->certid_len};

    seed("fuzz_request", "usual", "http://ocsp.example", 20, certid);
    seed("fuzz_request", "slash", "http://ocsp.example/a/", 23, certid);
    seed("fuzz_request", "query", "http://ocsp.example/?", 22, certid);
    seed("fuzz_request", "short", "x", 2, text("\xfb\xff\xfe\x3f"));
}

/* ---- CRLs ---- */

/* The contents of an element, without its head of a short length. */
static make_der_t contents(make_der_t element, unsigned levels)
{
    for (; levels > 0; levels--) {
        apr_size_t head = element.bytes[1] < 0x80 ? 2
                          : 2 + (element.bytes[1] & 0x7fU);

        element.bytes += head;
        element.len -= head;
    }
    return element;
}

/* A list as it is, and its parts, each for the way that it is put together. */
static void seed_list(const char *name, const make_crl_t *knobs)
{
    make_der_t parts[MAKE_CRL_PARTS + 1] = {{NULL, 0}};
    make_der_t list = make_crl(p, knobs);
    char numbered[64];

    snprintf(numbered, sizeof(numbered), "%s-list", name);
    seed("fuzz_crl", numbered, "\0\7", 2, list);
    make_crl_split(parts, p, list);
    snprintf(numbered, sizeof(numbered), "%s-tbs", name);
    seed("fuzz_crl", numbered, "\1\7", 2, make_join(p, parts));
    snprintf(numbered, sizeof(numbered), "%s-entries", name);
    seed("fuzz_crl", numbered, knobs->base != NULL ? "\102\1" : "\2\1", 2,
         contents(parts[MAKE_CRL_ENTRIES], 1));
    snprintf(numbered, sizeof(numbered), "%s-extensions", name);
    seed("fuzz_crl", numbered, "\3\77", 2,
         contents(parts[MAKE_CRL_EXTENSIONS], 2));
}

static void seed_crl(void)
{
    make_crl_t knobs = {
        .signer = pki->issuer,
        .conf = "authorityKeyIdentifier=issuer:always\n"
                "issuingDistributionPoint=critical,@i\n[i]\n"
                "fullname=URI:http://crl.example/1,URI:ldap://x/\n"
                "onlyuser=TRUE\n",
        .entries = {{.serial = "1001", .reason = "1"},
                    {.serial = "-77", .reason = "6"},
                    {.serial = "ffffffffffffffffffffffffffffffffffffffff",
                     .extension = "1.2.3.4"}}};

    seed_list("usual", &knobs);
    knobs.conf = NULL;
    knobs.number = "12";
    knobs.base = "10";
    knobs.entries[0].reason = "8";
    seed_list("delta", &knobs);
    seed("fuzz_crl_delta", "hold", "", 0,
         (make_der_t){(unsigned char *)(uintptr_t)
                          "\0\200\20\1\1\200\21\102\2\0\74\0"
                          "\1\200\22\102\2\5\240\0", 20});
    seed("fuzz_crl_delta", "older", "", 0,
         (make_der_t){(unsigned char *)(uintptr_t)
                          "\0\0\20\0\0\0\17\0\3\1\0\0\0\1\20\0"
                          "\1\1\40\100\1\5\41\100", 24});
}

/* ---- stored values ---- */

static void seed_stored(void)
{
    static unsigned char buf[STAPLE_CODEC_MAX];
    make_response_t good = make_good(pki);
    make_der_t der = make_response(p, &good), value = {buf, 0};
    staple_record_t record = {
        .next_at = apr_time_from_sec(MAKE_NOW + 3600),
        .attempted_at = apr_time_from_sec(MAKE_NOW),
        .failures = 3, .reason = 5, .state = 1, .notified = 2};
    const staple_known_row_t rows[2] = {
        {.known_at = apr_time_from_sec(MAKE_NOW - 86400),
         .probe_at = apr_time_from_sec(MAKE_NOW + 60), .probes = 4,
         .flags = STAPLE_KNOWN_DOWN | STAPLE_KNOWN_ANSWERED},
        {.known_at = apr_time_from_sec(MAKE_NOW - 86400),
         .flags = STAPLE_KNOWN_PROVEN | STAPLE_KNOWN_ANSWERED}};

    value.len = staple_codec_encode(buf, pki->cert->sha256, &record, NULL, 0);
    seed("fuzz_stored", "record", "\0", 1, value);
    value.len = staple_codec_encode(buf, pki->cert->sha256, &record,
                                     der.bytes, der.len);
    seed("fuzz_stored", "staple", "\0", 1, value);
    seed("fuzz_stored", "made-whole", "\1", 1, value);
    value.len = staple_share_encode(buf, pki->cert->sha256, der.bytes, der.len,
                                    apr_time_from_sec(MAKE_NOW - 60));
    seed("fuzz_stored", "shared", "\1", 1, value);
    value.len = staple_known_encode(buf, rows, 2);
    seed("fuzz_stored", "known", "\0", 1, value);
    seed("fuzz_stored", "known-made-whole", "\2", 1, value);
}

/* ---- HTTP ---- */

static void seed_http(void)
{
    static const char *const lines[] = {
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=3600, public, "
        "no-transform, must-revalidate\r\nAge: 60\r\n",
        "HTTP/1.0 200 OK\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
        "Expires: Wed, 15 Nov 2023 22:13:20 GMT\r\n",
        "Cache-Control: no-cache\r\ncache-control: max-age=\"99\"\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
        "Expires: Thu, 01 Jan 1970 00:00:01 GMT\r\n"
        "Date: Thu, 31 Dec 2099 23:59:59 GMT\r\n"
        "Age: 9223372036854775807\r\n",
    };
    char name[16];
    unsigned i;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        snprintf(name, sizeof(name), "%u", i);
        seed("fuzz_http", name, "", 0, text(lines[i]));
    }
}

static void seed_fetch(void)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n"
        "Content-Length: 5\r\nCache-Control: max-age=60\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\nContent-Type: application/ocsp-response\r\n"
        "Connection: close\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Type: Application/OCSP-Response; x=y\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10;x\r\n"
        "0123456789abcdef\r\n0\r\nExpires: 0\r\n\r\n",
        "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nAge: 7\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>",
        "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n"
        "Content-Length: 99999999\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b",
        "hello, not HTTP",
        "HTTP/1.1 200 OK\r\nETag: \"2\"\r\nLast-Modified: Mon, 02 Nov 2026 "
        "00:00:00 GMT\r\nExpires: Tue, 03 Nov 2026 00:00:00 GMT\r\n"
        "Content-Length: 5\r\n\r\nhello",
        "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n"
        "Cache-Control: max-age=60\r\n\r\n",
    };
    /* POST, GET, a list, a list that is held already */
    static const char kinds[] = {0, 1, 2, 6};
    char name[16];
    unsigned i, k;

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        for (k = 0; k < sizeof(kinds); k++) {
            snprintf(name, sizeof(name), "%u-%u", i, k);
            seed("fuzz_fetch", name, &kinds[k], 1, text(answers[i]));
        }
    }
}

static void seed_parse(void)
{
    static const char *const words[] = {
        "0", "9223372036854775807", "18446744073709551616", "4.5", "10.0",
        "12h", "366d", "90mi", "30s", "1 s", "-1",
        "http://ocsp.example/", "HTTPS://a.b:8080/c/d?e=f",
        "http://[::1]:80/", "http://user@host/", "http://host:65536/",
        "ftp://host/", "http://a%00b/", "http:///x",
    };
    char name[16];
    unsigned i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        snprintf(name, sizeof(name), "%u", i);
        seed("fuzz_parse", name, "", 0, text(words[i]));
    }
}

/* ---- the cache ---- */

static void seed_cache(void)
{
    staple_key_t keys[4] = {{{0}}, {{1}}, {{0, 1}}, {{1, 1}}};
    make_der_t block = {NULL, staple_cache_size(4, 300)};
    staple_writer_t *writer;
    staple_cache_t *cache;

    seed("fuzz_cache", "puts", "\0", 1,
         text("\3\1\20\1\3\2\40\2\3\3\100\3\4\1\377\4\4\1\377\5\2\1\7\1"));
    seed("fuzz_cache", "restarts", "\0", 1,
         text("\3\1\20\1\2\2\40\2\1\3\100\3\4\1\1\4\1\1\1\5\2\1\7\1"));
    seed("fuzz_cache", "many", "\0", 1,
         text("\3\1\377\1\3\2\377\2\3\3\377\3\3\4\377\4\3\5\377\5\3\1\377\6"
              "\3\2\1\7\3\6\1\1"));
    block.bytes = apr_pcalloc(p, block.len);
    cache = staple_cache_format(block.bytes, block.len, keys, 4, 300);
    seed("fuzz_cache", "block-empty", "\1", 1, block);
    writer = staple_writer_make(p, cache);
    staple_writer_put(writer, 1, keys[0].bytes, 20, 99);
    staple_writer_put(writer, 3, block.bytes, 300, 99);
    seed("fuzz_cache", "block", "\1", 1, block);
}

int main(int argc, char **argv)
{
    p = make_begin();
    if (argc == 2 && strcmp(argv[1], "--pki") == 0) {
        fuzz_pki_print(make_pki(p));
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--canonical") == 0) {
        fuzz_canonical_print(p);
        return 0;
    }
    if (argc != 2) {
        fputs("make_seeds FOLDER     writes the seeds\n"
              "make_seeds --pki      prints a new fuzz_pki_pem.h\n"
              "make_seeds --canonical  prints a new fuzz_canonical_pem.h\n",
              stderr);
        return 2;
    }
    top = argv[1];
    make_folder(top);
    pki = fuzz_pki_load(p);
    seed_verify();
    seed_canonical();
    seed_cert();
    seed_request();
    seed_crl();
    seed_stored();
    seed_http();
    seed_fetch();
    seed_parse();
    seed_cache();
    return 0;
}
