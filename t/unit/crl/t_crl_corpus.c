/* CRLs that other projects test with, as far as they are there. */
#include "../tap.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "crl/staple_crl_verdict.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static apr_pool_t *p;
static const char *corpus;

/* ---- what is expected ---- */

/* Our reason for each fault that cases.tsv names. */
static const struct {
    const char *fault;
    staple_reason_e reasons[4]; /* ends at STAPLE_OK */
} faults[] = {
    {"malformed", {STAPLE_CRL_MALFORMED}},
    {"critical_extension", {STAPLE_CRL_CRITICAL}},
    {"critical_entry_extension", {STAPLE_CRL_CRITICAL}},
    {"wrong_issuer", {STAPLE_CRL_WRONG_ISSUER}},
    {"no_crl_sign", {STAPLE_CRL_NO_SIGN}},
    {"bad_signature", {STAPLE_CRL_BAD_SIGNATURE}},
    /* one case ends before it begins, too */
    {"expired", {STAPLE_CRL_EXPIRED, STAPLE_CRL_BAD_TIMES}},
    {"not_yet_valid", {STAPLE_CRL_NOT_YET_VALID}},
    {"scope", {STAPLE_CRL_WRONG_SCOPE}},
    {"indirect_crl", {STAPLE_CRL_INDIRECT}},
    {"crl_issuer", {STAPLE_CRL_ISSUER}},
    {"some_reasons_only", {STAPLE_CRL_SOME_REASONS}},
    {"distribution_point",
     {STAPLE_CRL_WRONG_POINT, STAPLE_CRL_POINTS_UNREADABLE,
      STAPLE_CRL_RELATIVE_NAME}},
};

/* Where sources differ, or one takes more or less than RFC 5280 says: what we
 * do, and why. */
static const struct {
    const char *name;
    staple_reason_e reason;
    staple_status_e status;
    const char *why;
} policies[] = {
    /* taken, although RFC 5280 forbids CAs to make them so: what they say is
     * beyond doubt, they are signed, and CAs do make them */
    {"boringssl-pki/good_no_version", STAPLE_OK, STAPLE_CERT_GOOD,
     "version 1 without extensions, as openssl ca makes them by default"},
    {"boringssl-pki/good_no_nextupdate", STAPLE_OK, STAPLE_CERT_GOOD,
     "no nextUpdate: for max_age, as OCSP responses without one"},
    {"boringssl-pki/good_fake_extension_no_nextupdate", STAPLE_OK,
     STAPLE_CERT_GOOD, "the same"},
    {"boringssl-pki/revoked_no_nextupdate", STAPLE_OK, STAPLE_CERT_REVOKED,
     "the same"},
    {"boringssl-pki/invalid_revoked_empty_sequence", STAPLE_OK,
     STAPLE_CERT_GOOD, "an empty list of entries says that there are none"},
    /* the rule of RFC 5280 */
    {"boringssl-pki/bad_thisupdate_too_old", STAPLE_OK, STAPLE_CERT_GOOD,
     "nextUpdate says how long (5.1.2.5), not the age"},
    {"boringssl-pki/invalid_idp_onlycontainsusercerts_v1_leaf", STAPLE_OK,
     STAPLE_CERT_GOOD,
     "a certificate without basicConstraints is no CA (6.3.3 (b)(2)(ii))"},
    /* refused */
    {"boringssl-pki/invalid_idp_empty_sequence", STAPLE_CRL_MALFORMED, 0,
     "a distribution point that says nothing (5.2.5: MUST NOT)"},
    {"boringssl-pki/invalid_idp_onlycontains_user_and_ca_certs",
     STAPLE_CRL_MALFORMED, 0, "it contradicts itself (5.2.5)"},
    {"boringssl-pki/invalid_v1_explicit", STAPLE_CRL_MALFORMED, 0,
     "a version that is there is 2 (5.1.2.1)"},
    {"boringssl-pki/invalid_v3", STAPLE_CRL_MALFORMED, 0, "the same"},
    {"boringssl-pki/invalid_v1_with_extension", STAPLE_CRL_MALFORMED, 0,
     "version 1 has no extensions (5.1.2.1)"},
    {"boringssl-pki/invalid_v1_with_crlentryextension", STAPLE_CRL_MALFORMED,
     0, "the same (5.1.2.6)"},
    {"boringssl-x509/V1CRLWithExtensions", STAPLE_CRL_MALFORMED, 0,
     "the same"},
    {"boringssl-x509/V1CRLWithEntryExtensions", STAPLE_CRL_MALFORMED, 0,
     "the same"},
    {"boringssl-x509/ExplicitDefaultVersionCRL", STAPLE_CRL_MALFORMED, 0,
     "a version that is there is 2 (5.1.2.1)"},
    {"boringssl-x509/V3CRL", STAPLE_CRL_MALFORMED, 0, "the same"},
    {"boringssl-x509/CRLEmptyExtension", STAPLE_CRL_MALFORMED, 0,
     "extensions are one or more (4.1)"},
    {"boringssl-x509/CRLEmptyEntryExtension", STAPLE_CRL_MALFORMED, 0,
     "the same"},
};

/* ---- reading ---- */

/* The whole file with a NUL behind it, or NULL. */
static char *slurp(apr_size_t *len, const char *path)
{
    apr_file_t *file = NULL;
    apr_finfo_t info;
    char *data;

    if (apr_file_open(&file, path, APR_READ | APR_BINARY, 0, p) != APR_SUCCESS
        || apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        return NULL;
    }
    *len = (apr_size_t)info.size;
    data = apr_pcalloc(p, *len + 1);
    if (*len > 0 && apr_file_read_full(file, data, *len, NULL) != APR_SUCCESS) {
        data = NULL;
    }
    apr_file_close(file);
    return data;
}

static char *slurp_of(apr_size_t *len, const char *name, const char *file)
{
    return slurp(len, apr_pstrcat(p, corpus, "/", name, "/", file, NULL));
}

static apr_status_t free_x509(void *x509)
{
    X509_free(x509);
    return APR_SUCCESS;
}

static X509 *read_x509(const char *name, const char *file)
{
    apr_size_t len = 0;
    const char *pem = slurp_of(&len, name, file);
    BIO *bio = pem != NULL ? BIO_new_mem_buf(pem, (int)len) : NULL;
    X509 *x509
        = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    if (x509 != NULL) {
        apr_pool_cleanup_register(p, x509, free_x509, apr_pool_cleanup_null);
    }
    return x509;
}

typedef struct case_t {
    const char *name, *expected, *tags;
    apr_time_t now;
} case_t;

/* Splits a line of cases.tsv, whose fields may be empty. */
static int read_line(case_t *row, char *line)
{
    const char *fields[8];
    unsigned count = 0;
    char *tab;

    while (count < COUNT(fields) && line != NULL) {
        fields[count++] = line;
        tab = strchr(line, '\t');
        if (tab != NULL) {
            *tab++ = '\0';
        }
        line = tab;
    }
    if (count < COUNT(fields) || strcmp(fields[0], "case") == 0) {
        return 0;
    }
    row->name = fields[0];
    row->expected = fields[1];
    row->now = apr_time_from_sec(apr_atoi64(fields[2]));
    row->tags = fields[6];
    return 1;
}

/* ---- the cases ---- */

/* Checks the list of a case for its certificate. */
static staple_reason_e check_list(staple_crl_t *crl,
                                  const staple_crl_cert_t *cert,
                                  const case_t *row)
{
    const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
    X509 *issuers[2] = {cert->issuer, read_x509(row->name, "crl_signer.pem")};
    const staple_crl_whose_t whose = {
        .issuers = issuers, .issuer_count = issuers[1] != NULL ? 2 : 1,
        .certs = &cert, .cert_count = 1};

    return staple_crl_check(p, crl, &whose, NULL, &policy, row->now);
}

/* What we say of the case, from its files to the end. */
static staple_reason_e judge(staple_crl_verdict_t *verdict, const case_t *row)
{
    const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
    X509 *leaf = read_x509(row->name, "leaf.pem");
    X509 *issuer = read_x509(row->name, "issuer.pem");
    apr_size_t len = 0;
    const char *der = slurp_of(&len, row->name, "crl.der");
    staple_crl_cert_t *cert = NULL;
    unsigned char *exact;
    staple_crl_t *crl = NULL;
    staple_reason_e reason;

    if (leaf == NULL || issuer == NULL || der == NULL) {
        return STAPLE_NOT_FOUND;
    }
    reason = staple_crl_cert_make(&cert, p, X509_get0_serialNumber(leaf),
                                  X509_get0_extensions(leaf), issuer);
    if (reason == STAPLE_OK) {
        reason = staple_crl_cert_check(cert, NULL);
    }
    /* Of its exact size, so that a sanitizer sees any look beyond it. */
    exact = malloc(len);
    memcpy(exact, der, len);
    if (reason == STAPLE_OK) {
        reason = staple_crl_read(&crl, p, exact, len);
    }
    if (reason == STAPLE_OK) {
        reason = check_list(crl, cert, row);
    }
    free(exact);
    return reason != STAPLE_OK
               ? reason
               : staple_crl_verdict(verdict, cert, NULL, crl, NULL, &policy,
                                    row->now);
}

static int is_reason_for(const char *fault, staple_reason_e reason)
{
    unsigned i, k;

    for (i = 0; i < COUNT(faults); i++) {
        for (k = 0; strcmp(fault, faults[i].fault) == 0
                    && faults[i].reasons[k] != STAPLE_OK;
             k++) {
            if (faults[i].reasons[k] == reason) {
                return 1;
            }
        }
    }
    return 0;
}

static int is_policy(const case_t *row)
{
    return strstr(row->tags, "lenient") != NULL
           || strstr(row->tags, "strict_") != NULL
           || strstr(row->tags, "policy") != NULL;
}

static void check_policy(const case_t *row, staple_reason_e reason,
                         staple_status_e status)
{
    unsigned i;

    for (i = 0; i < COUNT(policies); i++) {
        if (strcmp(policies[i].name, row->name) == 0) {
            is_reason(reason, policies[i].reason, "%s: %s", row->name,
                      policies[i].why);
            if (reason == STAPLE_OK) {
                is_int(status, policies[i].status, "%s: status", row->name);
            }
            return;
        }
    }
    ok(0, "%s: a case of %s without a row here", row->name, row->tags);
}

static void check_case(const case_t *row)
{
    staple_crl_verdict_t verdict = {.status = STAPLE_CERT_UNKNOWN};
    staple_reason_e reason = judge(&verdict, row);

    if (is_policy(row)) {
        check_policy(row, reason, verdict.status);
    }
    else if (strncmp(row->expected, "reject:", 7) == 0) {
        ok(is_reason_for(row->expected + 7, reason), "%s: %s, we say %s",
           row->name, row->expected, staple_reason_name(reason));
    }
    else {
        is_reason(reason, STAPLE_OK, "%s: %s", row->name, row->expected);
        is_int(verdict.status,
               strcmp(row->expected, "revoked") == 0 ? STAPLE_CERT_REVOKED
                                                     : STAPLE_CERT_GOOD,
               "%s: status", row->name);
    }
}

/* All cases; returns how many. */
static unsigned check_cases(void)
{
    apr_size_t len;
    char *text = slurp(&len, apr_pstrcat(p, corpus, "/cases.tsv", NULL));
    char *line, *last = NULL;
    unsigned count = 0;
    case_t row;

    for (line = text != NULL ? apr_strtok(text, "\r\n", &last) : NULL;
         line != NULL; line = apr_strtok(NULL, "\r\n", &last)) {
        if (read_line(&row, line)) {
            check_case(&row);
            count++;
        }
    }
    return count;
}

/* Where the corpus is, or NULL. */
static const char *find_corpus(void)
{
    const char *srcdir = getenv("srcdir");
    const char *places[2];
    apr_finfo_t info;
    unsigned i;

    places[0] = getenv("CRL_CORPUS");
    places[1] = apr_pstrcat(p, srcdir != NULL ? srcdir : ".",
                            "/../shared/crl-corpus", NULL);
    for (i = 0; i < COUNT(places); i++) {
        if (places[i] != NULL
            && apr_stat(&info, apr_pstrcat(p, places[i], "/cases.tsv", NULL),
                        APR_FINFO_TYPE, p)
                   == APR_SUCCESS) {
            return places[i];
        }
    }
    return NULL;
}

int main(void)
{
    unsigned count;

    apr_initialize();
    apr_pool_create(&p, NULL);
    corpus = find_corpus();
    if (corpus == NULL) {
        return tap_skip_all("no corpus (CRL_CORPUS names its directory)");
    }
    count = check_cases();
    ok(count >= 100, "%u cases", count);
    ok(ERR_peek_error() == 0, "OpenSSL's error queue is as it was");
    apr_pool_destroy(p);
    apr_terminate();
    return tap_done();
}
