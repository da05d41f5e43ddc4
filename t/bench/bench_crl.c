/* Program bench_crl: what a long CRL costs, beside its digest and OpenSSL. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit/make_ocsp.h"
#include "bench_util.h"
#include "crl/staple_crl_verdict.h"

/*
 * bench_crl ENTRIES CERTIFICATES ROUNDS
 *
 * A list of so many entries with serials of 16 octets (every tenth has a
 * reason), signed with ECDSA P-256, in a file that is mapped.  Half of the
 * certificates are on it.  In turn, in processor time: SHA-256 over the list
 * and the signature alone; from its bytes to the verdicts of all certificates;
 * the same by OpenSSL's own functions.  Then the memory that each adds.
 */
#define MAX_ROUNDS 101
#define SERIAL_LEN 16
#define LONGEST_SIGNATURE 72 /* of P-256 */
#define STEP ((apr_size_t)1 << 20)

typedef struct list_t {
    apr_size_t entries;
    unsigned char *der; /* mapped */
    apr_size_t len;
    staple_der_t tbs, signature;
} list_t;

typedef struct certs_t {
    const staple_crl_cert_t **certs;
    ASN1_INTEGER **serials;
    apr_size_t count;
} certs_t;

static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
static const apr_time_t now = apr_time_from_sec(MAKE_NOW);

/* ---- the list ---- */

/* Bytes that go to the file and, where one is given, to a digest. */
typedef struct sink_t {
    FILE *file; /* NULL: they are only counted */
    EVP_MD_CTX *digest;
    apr_size_t len;
} sink_t;

static void put(sink_t *sink, const void *bytes, apr_size_t len)
{
    sink->len += len;
    if (sink->file != NULL && fwrite(bytes, 1, len, sink->file) != len) {
        bench_die("the file cannot be written");
    }
    if (sink->digest != NULL
        && !EVP_DigestSignUpdate(sink->digest, bytes, len)) {
        bench_die("no digest");
    }
}

static void put_head(sink_t *sink, unsigned char tag, apr_size_t len)
{
    unsigned char head[6] = {tag, (unsigned char)len};
    unsigned octets = len < 0x80      ? 0
                      : len < 0x100   ? 1
                      : len < 0x10000 ? 2
                      : len < 0x1000000 ? 3
                                        : 4;
    unsigned i;

    if (octets > 0) {
        head[1] = (unsigned char)(0x80 | octets);
        for (i = 0; i < octets; i++) {
            head[2 + i] = (unsigned char)(len >> 8 * (octets - 1 - i));
        }
    }
    put(sink, head, 2 + octets);
}

/* The serial of entry or certificate number i: as if drawn, never negative. */
static void make_serial(unsigned char serial[SERIAL_LEN], apr_size_t i)
{
    uint64_t x = (uint64_t)i * 2 + 1;
    unsigned k;

    for (k = 0; k < SERIAL_LEN; k++) {
        x ^= x >> 29;
        x *= UINT64_C(0xbf58476d1ce4e5b9);
        x ^= x >> 32;
        serial[k] = (unsigned char)(x >> 24);
    }
    serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40);
}

static void put_entry(sink_t *sink, apr_size_t i)
{
    static const unsigned char date[] = "\x17\x0d" "231101120000Z";
    static const unsigned char reason[]
        = "\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x01";
    unsigned char serial[SERIAL_LEN];
    int has_reason = i % 10 == 0;

    make_serial(serial, i);
    put_head(sink, V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED,
             2 + SERIAL_LEN + sizeof(date) - 1
                 + (has_reason ? sizeof(reason) - 1 : 0));
    put_head(sink, V_ASN1_INTEGER, SERIAL_LEN);
    put(sink, serial, SERIAL_LEN);
    put(sink, date, sizeof(date) - 1);
    if (has_reason) {
        put(sink, reason, sizeof(reason) - 1);
    }
}

/* TBSCertList without its own head. */
static void put_tbs(sink_t *sink, const make_identity_t *signer,
                    apr_size_t entries, apr_size_t entries_len)
{
    static const unsigned char version[] = "\x02\x01\x01";
    static const unsigned char algorithm[]
        = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
    static const unsigned char times[]
        = "\x17\x0d" "231114120000Z\x17\x0d" "231121120000Z";
    static const unsigned char extensions[]
        = "\xa0\x0f\x30\x0d\x30\x0b\x06\x03\x55\x1d\x14\x04\x04\x02\x02\x10"
          "\x01";
    unsigned char *name = NULL;
    int name_len = i2d_X509_NAME(X509_get_subject_name(signer->x509), &name);
    apr_size_t i;

    put(sink, version, sizeof(version) - 1);
    put(sink, algorithm, sizeof(algorithm) - 1);
    put(sink, name, (apr_size_t)name_len);
    put(sink, times, sizeof(times) - 1);
    put_head(sink, V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED, entries_len);
    for (i = 0; i < entries; i++) {
        put_entry(sink, i);
    }
    put(sink, extensions, sizeof(extensions) - 1);
    OPENSSL_free(name);
}

static apr_size_t count_entries(apr_size_t entries)
{
    sink_t sink = {NULL, NULL, 0};
    apr_size_t i;

    for (i = 0; i < entries; i++) {
        put_entry(&sink, i);
    }
    return sink.len;
}

/* Writes tbsCertList and signs it; the rest goes to the end of the file, and
 * the outermost head is put in front with it, as its length is known by then.
 */
static void write_list(FILE *file, const make_identity_t *signer,
                       apr_size_t entries)
{
    static const unsigned char algorithm[]
        = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
    apr_size_t entries_len = count_entries(entries);
    sink_t length = {NULL, NULL, 0}, inner = {NULL, NULL, 0};
    sink_t out = {file, NULL, 0};
    unsigned char signature[128];
    size_t signature_len;

    put_tbs(&inner, signer, entries, entries_len);
    put_head(&length, V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED, inner.len);
    length.len += inner.len + sizeof(algorithm) - 1;
    /* ECDSA draws: sign until the signature has the length that is written in
     * front of the list, three octets and the longest one. */
    do {
        rewind(file);
        out.len = 0;
        put_head(&out, V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED,
                 length.len + 3 + LONGEST_SIGNATURE);
        out.digest = EVP_MD_CTX_new();
        if (!EVP_DigestSignInit(out.digest, NULL, EVP_sha256(), NULL,
                                signer->key)) {
            bench_die("no digest");
        }
        put_head(&out, V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED, inner.len);
        put_tbs(&out, signer, entries, entries_len);
        signature_len = sizeof(signature);
        if (!EVP_DigestSignFinal(out.digest, signature, &signature_len)) {
            bench_die("no signature");
        }
        EVP_MD_CTX_free(out.digest);
        out.digest = NULL;
    } while (signature_len != LONGEST_SIGNATURE);
    put(&out, algorithm, sizeof(algorithm) - 1);
    put_head(&out, V_ASN1_BIT_STRING, 1 + signature_len);
    put(&out, "", 1);
    put(&out, signature, signature_len);
}

static list_t make_list(apr_pool_t *p, const make_identity_t *signer,
                        apr_size_t entries)
{
    list_t list = {.entries = entries};
    FILE *file = tmpfile();
    staple_crl_t *crl = NULL;

    if (file == NULL) {
        bench_die("no temporary file");
    }
    write_list(file, signer, entries);
    if (fflush(file) != 0) {
        bench_die("the file cannot be written");
    }
    list.len = (apr_size_t)ftell(file);
    list.der = mmap(NULL, list.len, PROT_READ, MAP_SHARED, fileno(file), 0);
    fclose(file);
    if (list.der == MAP_FAILED
        || staple_crl_read(&crl, p, list.der, list.len) != STAPLE_OK) {
        bench_die("the list is no CRL");
    }
    list.tbs = crl->tbs;
    list.signature = (staple_der_t){crl->signature.at + 1,
                                    crl->signature.len - 1};
    return list;
}

/* ---- certificates ---- */

static certs_t make_certs(apr_pool_t *p, const make_pki_t *pki,
                          apr_size_t count, apr_size_t entries)
{
    certs_t made = {apr_pcalloc(p, count * sizeof(*made.certs)),
                    apr_pcalloc(p, count * sizeof(*made.serials)), count};
    apr_size_t i;

    for (i = 0; i < count; i++) {
        unsigned char serial[SERIAL_LEN];
        staple_crl_cert_t *cert = NULL;
        BIGNUM *number;

        make_serial(serial, i % 2 == 0 ? i * (entries / count) : entries + i);
        number = BN_bin2bn(serial, SERIAL_LEN, NULL);
        made.serials[i] = BN_to_ASN1_INTEGER(number, NULL);
        BN_free(number);
        if (staple_crl_cert_make(&cert, p, made.serials[i], NULL,
                                 pki->issuer.x509)
            != STAPLE_OK) {
            bench_die("no certificate");
        }
        made.certs[i] = cert;
    }
    return made;
}

/* ---- what is measured ---- */

/* Anonymous memory of this process in KiB: not the mapped file's pages. */
static double anonymous_memory(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    double kib = 0;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "RssAnon:", 8) == 0) {
            kib = atof(line + 8);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib;
}

static double time_alone(const list_t *list, const make_identity_t *signer)
{
    double began = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (!EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, signer->key)
        || EVP_DigestVerify(ctx, list->signature.at,
                            list->signature.len, list->tbs.at,
                            list->tbs.len)
               != 1) {
        bench_die("the signature is wrong");
    }
    EVP_MD_CTX_free(ctx);
    return (bench_seconds(CLOCK_THREAD_CPUTIME_ID) - began) * 1e3;
}

/* Ours, from the bytes on; *most is the most memory seen on the way. */
static double time_ours(double *most, apr_pool_t *parent, const list_t *list,
                        const certs_t *certs, const make_pki_t *pki)
{
    X509 *issuer = pki->issuer.x509;
    const staple_crl_whose_t whose = {&issuer, 1, certs->certs, certs->count};
    staple_crl_check_t *check = NULL;
    staple_crl_verdict_t verdict;
    staple_crl_t *crl = NULL;
    staple_reason_e reason;
    double began, took, memory;
    apr_size_t i, revoked = 0;
    apr_pool_t *p;

    began = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
    apr_pool_create(&p, parent);
    if (staple_crl_read(&crl, p, list->der, list->len) != STAPLE_OK
        || staple_crl_check_begin(&check, p, crl, &whose, NULL, &policy, now)
               != STAPLE_OK) {
        bench_die("the list is refused");
    }
    while (staple_crl_check_step(&reason, check, STEP)) {
        if (most != NULL) {
            memory = anonymous_memory();
            *most = memory > *most ? memory : *most;
        }
    }
    for (i = 0; i < certs->count && reason == STAPLE_OK; i++) {
        reason = staple_crl_verdict(&verdict, certs->certs[i], NULL, crl, NULL,
                                    &policy, now);
        revoked += verdict.status == STAPLE_CERT_REVOKED;
    }
    took = bench_seconds(CLOCK_THREAD_CPUTIME_ID) - began;
    if (reason != STAPLE_OK || revoked != (certs->count + 1) / 2
        || crl->entry_count != list->entries) {
        bench_die("%s, %lu revoked of %lu entries", staple_reason_name(reason),
                  (unsigned long)revoked, (unsigned long)crl->entry_count);
    }
    apr_pool_destroy(p);
    return took * 1e3;
}

/* OpenSSL's own functions; what freeing takes is not counted. */
static double time_openssl(double *most, const list_t *list,
                           const certs_t *certs, const make_pki_t *pki)
{
    const unsigned char *at = list->der;
    X509_REVOKED *entry;
    double began, took;
    apr_size_t i, revoked = 0;
    X509_CRL *crl;

    began = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
    crl = d2i_X509_CRL(NULL, &at, (long)list->len);
    if (crl == NULL || X509_CRL_verify(crl, pki->issuer.key) != 1) {
        bench_die("OpenSSL refuses the list");
    }
    for (i = 0; i < certs->count; i++) {
        revoked += X509_CRL_get0_by_serial(crl, &entry, certs->serials[i]) == 1;
    }
    took = bench_seconds(CLOCK_THREAD_CPUTIME_ID) - began;
    if (revoked != (certs->count + 1) / 2) {
        bench_die("OpenSSL finds %lu", (unsigned long)revoked);
    }
    *most = anonymous_memory();
    X509_CRL_free(crl);
    return took * 1e3;
}

static void measure(apr_pool_t *p, const make_pki_t *pki, const list_t *list,
                    const certs_t *certs, int rounds)
{
    static double alone[MAX_ROUNDS], ours[MAX_ROUNDS], openssl[MAX_ROUNDS];
    static double to_alone[MAX_ROUNDS], to_openssl[MAX_ROUNDS];
    double megabytes = (double)list->len / 1e6;
    double before, most, memory, its = 0;
    int i;

    time_alone(list, &pki->issuer); /* everything is in memory now */
    before = most = anonymous_memory();
    time_ours(&most, p, list, certs, pki);
    most -= before;
    for (i = 0; i < rounds; i++) {
        alone[i] = time_alone(list, &pki->issuer);
        ours[i] = time_ours(NULL, p, list, certs, pki);
        before = anonymous_memory();
        openssl[i] = time_openssl(&memory, list, certs, pki);
        its = i == 0 ? memory - before : its; /* later some of it is there */
        to_alone[i] = ours[i] / alone[i];
        to_openssl[i] = ours[i] / openssl[i];
    }
    bench_row("megabytes of the list", &megabytes, 1);
    bench_row("milliseconds of its SHA-256 and signature", alone, rounds);
    bench_row("milliseconds of the list and all verdicts", ours, rounds);
    bench_row("milliseconds of the same by OpenSSL's functions", openssl,
              rounds);
    bench_row("a long CRL against its SHA-256 and signature", to_alone, rounds);
    bench_row("a long CRL against OpenSSL's functions", to_openssl, rounds);
    bench_row("KiB of memory that a long CRL adds", &most, 1);
    bench_row("KiB of memory that it adds with OpenSSL's functions", &its, 1);
}

int main(int argc, char **argv)
{
    long entries = argc > 1 ? atol(argv[1]) : 1000000;
    long count = argc > 2 ? atol(argv[2]) : 1000;
    int rounds = argc > 3 ? atoi(argv[3]) : 5;
    apr_pool_t *p;
    make_pki_t *pki;
    certs_t certs;
    list_t list;

    if (count < 1 || entries < count || rounds < 1 || rounds > MAX_ROUNDS) {
        bench_die("bench_crl ENTRIES CERTIFICATES ROUNDS");
    }
    p = make_begin();
    pki = make_pki(p);
    list = make_list(p, &pki->issuer, (apr_size_t)entries);
    certs = make_certs(p, pki, (apr_size_t)count, (apr_size_t)entries);
    measure(p, pki, &list, &certs, rounds);
    make_end(p);
    return 0;
}
