/* Program testpki: makes a test CA, and certificates by the thousand. */
#include "pki_cert.h"
#include "pki_dir.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY ((time_t)86400)
#define MAX_ITEMS 256

static void usage(void)
{
    fputs("testpki ca DIR [--key ec|rsa]\n"
          "testpki cert DIR NAME [--url URL]... [--md DIGEST] [--key-id BASE]\n"
          "    [--key ec[:CURVE]|rsa[:BITS]|ed25519|explicit]\n"
          "    [--ca-issuers URL]... [--crl \"URL ...\"]... [--must-staple]\n"
          "    [--self-signed]\n"
          "    [--subject CN|RFC4514] [--san NAME]... [--days N]\n"
          "    [--not-before EPOCH] [--not-after EPOCH] [--issuer BASE]\n"
          "    [--serial [-]HEX] [--ca] [--delegate] [--count N]\n"
          "    [--same-key]\n",
          stderr);
    exit(2);
}

/* ---- testpki ca ---- */

typedef enum { AUTHORITY, DELEGATE, SERVER } role_e;

static const struct {
    const char *name;
    const char *subject;
    const char *issuer;    /* an earlier row, or NULL: signed by itself */
    role_e role;
    int until_days;
} authorities[] = {
    {"root", "CN=Test Root,O=Test", NULL, AUTHORITY, 3650},
    {"ca", "CN=Test CA,O=Test", "root", AUTHORITY, 3650},
    {"ocsp", "CN=Test OCSP,O=Test", "ca", DELEGATE, 3650},
    {"expired-ocsp", "CN=Test expired OCSP,O=Test", "ca", DELEGATE, -1},
    {"noeku", "CN=Test no OCSP,O=Test", "ca", SERVER, 3650},
    {"other-root", "CN=Other Root,O=Other", NULL, AUTHORITY, 3650},
    {"other-ca", "CN=Other CA,O=Other", "other-root", AUTHORITY, 3650},
    {"other-ocsp", "CN=Other OCSP,O=Other", "other-ca", DELEGATE, 3650},
    {"twin-ca", "CN=Test CA,O=Test", "other-root", AUTHORITY, 3650},
};

static void make_authority(tool_buf_t *index, const char *dir,
                           const char *kind, size_t row)
{
    const char *name = authorities[row].name;
    const char *issuer_name = authorities[row].issuer;
    time_t now = time(NULL);
    pki_spec_t spec = {.subject = authorities[row].subject,
                       .not_before = now - 365 * DAY,
                       .not_after = now + authorities[row].until_days * DAY,
                       .is_ca = authorities[row].role == AUTHORITY,
                       .is_delegate = authorities[row].role == DELEGATE};
    pki_issuer_t issuer = {0};
    EVP_PKEY *key = pki_cert_key(kind);
    tool_buf_t pem = {0};
    X509 *cert;

    if (issuer_name != NULL) {
        pki_dir_load(&issuer, dir, issuer_name);
    }
    cert = pki_cert_make(&spec, key, issuer.cert, issuer.key);
    pki_cert_pem(&pem, cert);
    pki_dir_write(dir, name, ".pem", &pem);
    pem.len = 0;
    pki_key_pem(&pem, key);
    pki_dir_write(dir, name, ".key", &pem);
    pki_index_line(index, name, cert, issuer_name ? issuer_name : name);
    tool_buf_free(&pem);
    X509_free(cert);
    EVP_PKEY_free(key);
    pki_issuer_free(&issuer);
}

static int run_ca(const char *dir, const char *kind)
{
    tool_buf_t index = {0};
    char *path = tool_path(dir, "index", ".tsv");

    mkdir(dir, 0755);
    for (size_t i = 0; i < sizeof(authorities) / sizeof(authorities[0]);
         i++) {
        make_authority(&index, dir, kind, i);
    }
    unlink(path);
    pki_dir_index(dir, &index);
    free(path);
    tool_buf_free(&index);
    return 0;
}

/* ---- testpki cert ---- */

typedef struct {
    pki_spec_t spec;
    const char *dir;
    const char *name;
    const char *kind;
    const char *issuer;    /* NULL: signed by itself */
    const char *key_id;    /* whose key identifier is claimed, or NULL */
    const char *sans[MAX_ITEMS];
    const char *urls[MAX_ITEMS];
    const char *issuer_urls[MAX_ITEMS];
    const char *lists[MAX_ITEMS];
    long count;            /* 0: one, without a number in its name */
    int same_key;
} job_t;

/* What stays the same from one certificate of a job to the next. */
typedef struct {
    pki_issuer_t issuer;
    pki_issuer_t claimed;  /* see job_t.key_id */
    EVP_PKEY *key;
    tool_buf_t key_pem;
    tool_buf_t index;
} bench_t;

static void new_key(bench_t *bench, const job_t *job)
{
    EVP_PKEY_free(bench->key);
    bench->key = pki_cert_key(job->kind);
    bench->key_pem.len = 0;
    pki_key_pem(&bench->key_pem, bench->key);
}

static void make_cert(bench_t *bench, const job_t *job, const char *name)
{
    pki_spec_t spec = job->spec;
    tool_buf_t pem = {0};
    X509 *cert;
    size_t line = bench->index.len;

    spec.key_id = bench->claimed.cert;
    if (spec.subject == NULL) {
        spec.subject = name;
    }
    if (spec.sans.count == 0 && !spec.is_ca && !spec.is_delegate) {
        spec.sans = (pki_list_t){&name, 1};
    }
    if (bench->key == NULL || !job->same_key) {
        new_key(bench, job);
    }
    cert = pki_cert_make(&spec, bench->key, bench->issuer.cert,
                         bench->issuer.key);
    pki_dir_write(job->dir, name, ".key", &bench->key_pem);
    pki_cert_pem(&pem, cert);
    pki_dir_write(job->dir, name, ".leaf.pem", &pem);
    tool_buf_add(&pem, bench->issuer.chain.data, bench->issuer.chain.len);
    pki_dir_write(job->dir, name, ".pem", &pem);
    pki_index_line(&bench->index, name, cert,
                   job->issuer != NULL ? job->issuer : name);
    /* Name and serial; the issuer is in the index only. */
    printf("%.*s\n",
           (int)(strrchr(bench->index.data + line, '\t') - bench->index.data
                 - (long)line),
           bench->index.data + line);
    X509_free(cert);
    tool_buf_free(&pem);
}

static int run_cert(const job_t *job)
{
    bench_t bench = {0};

    if (job->issuer != NULL) {
        pki_dir_load(&bench.issuer, job->dir, job->issuer);
    }
    if (job->key_id != NULL) {
        pki_dir_load(&bench.claimed, job->dir, job->key_id);
    }
    if (job->count == 0) {
        make_cert(&bench, job, job->name);
    }
    for (long i = 1; i <= job->count; i++) {
        tool_buf_t name = {0};

        tool_buf_addf(&name, "%s-%05ld", job->name, i);
        make_cert(&bench, job, name.data);
        tool_buf_free(&name);
    }
    pki_dir_index(job->dir, &bench.index);
    pki_issuer_free(&bench.issuer);
    pki_issuer_free(&bench.claimed);
    EVP_PKEY_free(bench.key);
    tool_buf_free(&bench.key_pem);
    tool_buf_free(&bench.index);
    return 0;
}

/* ---- command line ---- */

typedef enum {
    OPT_KEY = 1, OPT_URL, OPT_CA_ISSUERS, OPT_MUST_STAPLE, OPT_SELF_SIGNED,
    OPT_SUBJECT, OPT_SAN, OPT_DAYS, OPT_NOT_BEFORE, OPT_NOT_AFTER,
    OPT_ISSUER, OPT_SERIAL, OPT_CA, OPT_DELEGATE, OPT_COUNT, OPT_SAME_KEY,
    OPT_MD, OPT_KEY_ID, OPT_CRL
} option_e;

static const struct option options[] = {
    {"key", required_argument, NULL, OPT_KEY},
    {"url", required_argument, NULL, OPT_URL},
    {"ca-issuers", required_argument, NULL, OPT_CA_ISSUERS},
    {"must-staple", no_argument, NULL, OPT_MUST_STAPLE},
    {"self-signed", no_argument, NULL, OPT_SELF_SIGNED},
    {"subject", required_argument, NULL, OPT_SUBJECT},
    {"san", required_argument, NULL, OPT_SAN},
    {"days", required_argument, NULL, OPT_DAYS},
    {"not-before", required_argument, NULL, OPT_NOT_BEFORE},
    {"not-after", required_argument, NULL, OPT_NOT_AFTER},
    {"issuer", required_argument, NULL, OPT_ISSUER},
    {"serial", required_argument, NULL, OPT_SERIAL},
    {"ca", no_argument, NULL, OPT_CA},
    {"delegate", no_argument, NULL, OPT_DELEGATE},
    {"count", required_argument, NULL, OPT_COUNT},
    {"same-key", no_argument, NULL, OPT_SAME_KEY},
    {"md", required_argument, NULL, OPT_MD},
    {"key-id", required_argument, NULL, OPT_KEY_ID},
    {"crl", required_argument, NULL, OPT_CRL},
    {NULL, 0, NULL, 0}};

static void push(const char **items, pki_list_t *list, const char *item)
{
    if (list->count == MAX_ITEMS) {
        tool_die("too many: %s", item);
    }
    items[list->count++] = item;
    list->item = items;
}

static long number(const char *text)
{
    long value;

    if (!tool_number(&value, text)) {
        tool_die("not a number: %s", text);
    }
    return value;
}

/* "explicit": the certificate's key is that of pki_explicit_set, its key file
 * has another one. */
static void set_kind(job_t *job, const char *kind)
{
    job->spec.explicit_key = strcmp(kind, "explicit") == 0;
    job->kind = job->spec.explicit_key ? "ec" : kind;
}

static void set_option(job_t *job, option_e option, const char *value)
{
    pki_spec_t *spec = &job->spec;

    switch (option) {
    case OPT_KEY: set_kind(job, value); break;
    case OPT_URL: push(job->urls, &spec->urls, value); break;
    case OPT_CA_ISSUERS:
        push(job->issuer_urls, &spec->issuer_urls, value);
        break;
    case OPT_MUST_STAPLE: spec->must_staple = 1; break;
    case OPT_SELF_SIGNED: job->issuer = NULL; break;
    case OPT_SUBJECT: spec->subject = value; break;
    case OPT_SAN: push(job->sans, &spec->sans, value); break;
    case OPT_DAYS:
        spec->not_after = time(NULL) + number(value) * DAY;
        break;
    case OPT_NOT_BEFORE: spec->not_before = number(value); break;
    case OPT_NOT_AFTER: spec->not_after = number(value); break;
    case OPT_ISSUER: job->issuer = value; break;
    case OPT_SERIAL: spec->serial = value; break;
    case OPT_CA: spec->is_ca = 1; break;
    case OPT_DELEGATE: spec->is_delegate = 1; break;
    case OPT_COUNT: job->count = number(value); break;
    case OPT_SAME_KEY: job->same_key = 1; break;
    case OPT_MD: spec->md = value; break;
    case OPT_KEY_ID: job->key_id = value; break;
    case OPT_CRL: push(job->lists, &spec->lists, value); break;
    default: usage();
    }
}

int main(int argc, char **argv)
{
    job_t job = {.kind = "ec", .issuer = "ca"};
    int option;

    job.spec.not_after = time(NULL) + 90 * DAY;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        set_option(&job, (option_e)option, optarg);
    }
    argc -= optind;
    argv += optind;
    if (argc == 2 && strcmp(argv[0], "ca") == 0) {
        return run_ca(argv[1], job.kind);
    }
    if (argc != 3 || strcmp(argv[0], "cert") != 0
        || strchr(argv[2], '/') != NULL) {
        usage();
    }
    job.dir = argv[1];
    job.name = argv[2];
    if (job.spec.not_before == 0) {
        time_t now = time(NULL);
        time_t last = job.spec.not_after;

        job.spec.not_before = (last < now ? last : now) - DAY;
    }
    return run_cert(&job);
}
