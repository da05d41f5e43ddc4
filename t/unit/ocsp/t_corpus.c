/* Responses and junk that other projects test with, as far as it is there. */
#include "../tap.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <stdlib.h>

#include "ocsp/staple_verify.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static apr_pool_t *p;
static const char *corpus;

/* ---- what is expected ---- */

/* Our reasons for each fault that cases.tsv names. */
static const struct {
    const char *fault;
    staple_reason_e reasons[7]; /* ends at STAPLE_OK */
} faults[] = {
    {"responder_not_authorised", {STAPLE_SIGNER_NOT_AUTHORISED}},
    {"responder_missing", {STAPLE_SIGNER_NOT_FOUND}},
    {"wrong_responder_id", {STAPLE_SIGNER_NOT_FOUND}},
    {"responder_expired", {STAPLE_SIGNER_EXPIRED}},
    {"bad_signature", {STAPLE_BAD_SIGNATURE}},
    {"wrong_issuer", {STAPLE_CERT_WRONG_ISSUER}},
    {"no_matching_response", {STAPLE_NO_MATCH}},
    {"not_yet_valid", {STAPLE_NOT_YET_VALID}},
    {"expired", {STAPLE_EXPIRED}},
    {"malformed",
     {STAPLE_MALFORMED, STAPLE_NOT_BASIC, STAPLE_STATUS_OTHER}},
    {"error_status",
     {STAPLE_STATUS_MALFORMED_REQUEST, STAPLE_STATUS_INTERNAL_ERROR,
      STAPLE_STATUS_TRY_LATER, STAPLE_STATUS_SIG_REQUIRED,
      STAPLE_STATUS_UNAUTHORIZED}},
};

/* Cases with a second fault that is found before the one that they are for,
 * and how long a max_age lets that one be seen. */
static const struct {
    const char *name;
    staple_reason_e reason;
    unsigned max_age_days; /* 0: it does not hang on max_age */
    const char *why;
} seconds[] = {
    {"openssl/WKDOSC_D1", STAPLE_SIGNER_NOT_FOUND, 0,
     "the signer is named by its key, and no certificate has that key"},
    {"openssl/WKDOSC_D2", STAPLE_SIGNER_NOT_FOUND, 0,
     "the signer is named by its key, and no certificate has that key"},
    {"aws-lc/expired_signer", STAPLE_EXPIRED, 365,
     "no nextUpdate, and five months old"},
    {"s2n-tls/wrong_signer_ecdsa_leaf", STAPLE_NO_MATCH, 0,
     "the response is about another certificate, too"},
    {"c2pa-rs/good_wrong_cert", STAPLE_CERT_SELF_SIGNED, 0,
     "the certificate is a root: nobody answers for it"},
    {"openssl/WKDOSC_D3", STAPLE_SIGNER_NOT_AUTHORISED, 0,
     "the issuer did not sign the certificate with the wrong key"},
};

/* Cases with SHA-1 signatures that are verified after they were forbidden (BR
 * 7.1.3.2.1): refused for that, and what they are for is seen as of before. */
#define BEFORE_2022_06 apr_time_from_sec(1640995200) /* 2022-01-01 */

static const char *const sha1_cases[] = {
    "aws-lc/good", "aws-lc/revoked", "aws-lc/wrong_signer",
    "s2n-tls/wrong_signer",
};

/* Where sources differ: what we do, and why. */
static const struct {
    const char *name;
    staple_reason_e reason;
    staple_status_e status;
    const char *why;
} policies[] = {
    {"openssl/UNTRUSTED_ISSUER_HINT_ND1", STAPLE_OK, STAPLE_CERT_GOOD,
     "the issuer comes from the server's own chain and is the anchor"},
    {"boringssl/good_response_invalid_serial", STAPLE_CERT_UNREADABLE,
     STAPLE_CERT_GOOD, "OpenSSL cannot load the leaf, nor could mod_ssl"},
    {"boringssl/has_critical_ct_extension", STAPLE_OK, STAPLE_CERT_GOOD,
     "SCTs are the client's business (RFC 6962 3.3)"},
    {"boringssl/has_critical_response_extension", STAPLE_CRITICAL_EXTENSION,
     STAPLE_CERT_GOOD, "critical and not understood (RFC 6960 4.4)"},
    {"boringssl/has_critical_single_extension", STAPLE_CRITICAL_EXTENSION,
     STAPLE_CERT_GOOD, "critical and not understood (RFC 6960 4.4)"},
    {"boringssl/multiple_response", STAPLE_OK, STAPLE_CERT_UNKNOWN,
     "good and unknown: the worst counts"},
    {"boringssl/multiple_response_good_revoked", STAPLE_OK,
     STAPLE_CERT_REVOKED, "good and revoked: the worst counts"},
    {"boringssl/ocsp_sign_indirect", STAPLE_SIGNER_NOT_AUTHORISED,
     STAPLE_CERT_GOOD,
     "an issuer without basicConstraints may not certify a delegate"},
    {"boringssl/old_response", STAPLE_EXPIRED, STAPLE_CERT_GOOD,
     "no nextUpdate and older than max_age"},
    {"boringssl/produced_early_response", STAPLE_OK, STAPLE_CERT_GOOD,
     "producedAt need not lie in the leaf's validity (RFC 6960 4.2.2.1)"},
    {"boringssl/produced_late_response", STAPLE_NOT_YET_VALID,
     STAPLE_CERT_GOOD, "producedAt lies ten months ahead of the clock"},
    {"aws-lc/window_before_this", STAPLE_NOT_YET_VALID, STAPLE_CERT_GOOD,
     "a second before thisUpdate, no skew allowed"},
    {"aws-lc/window_after_this", STAPLE_OK, STAPLE_CERT_GOOD,
     "a second after thisUpdate"},
    {"aws-lc/window_before_next", STAPLE_WEAK_SIGNATURE, STAPLE_CERT_GOOD,
     "a second before nextUpdate, but SHA-1, and of 2031"},
    {"aws-lc/window_after_next", STAPLE_EXPIRED, STAPLE_CERT_GOOD,
     "a second after nextUpdate, no skew allowed"},
};

/* ---- reading ---- */

/* The whole file with a NUL behind it, or NULL. */
static char *slurp(apr_pool_t *pool, apr_size_t *len, const char *path)
{
    apr_file_t *file = NULL;
    apr_finfo_t info;
    char *data;

    if (apr_file_open(&file, path, APR_READ | APR_BINARY, 0, pool)
            != APR_SUCCESS
        || apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        return NULL;
    }
    *len = (apr_size_t)info.size;
    data = apr_pcalloc(pool, *len + 1);
    if (*len > 0
        && apr_file_read_full(file, data, *len, NULL) != APR_SUCCESS) {
        data = NULL;
    }
    apr_file_close(file);
    return data;
}

typedef struct case_t {
    char *name, *class, *expected;
    apr_time_t now;
    staple_policy_t policy;
    staple_cert_t *cert; /* NULL: was refused */
} case_t;

static staple_reason_e read_cert(staple_cert_t **cert, const char *name)
{
    apr_size_t len;
    const char *leaf = slurp(
        p, &len, apr_pstrcat(p, corpus, "/", name, "/leaf.pem", NULL));
    const char *issuer = slurp(
        p, &len, apr_pstrcat(p, corpus, "/", name, "/issuer.pem", NULL));
    const char *pem;

    *cert = NULL;
    if (leaf == NULL || issuer == NULL) {
        return STAPLE_NOT_FOUND;
    }
    pem = apr_pstrcat(p, leaf, "\n", issuer, NULL);
    return staple_cert_make(cert, p, staple_cert_issuers_make(p), pem,
                            strlen(pem), 0);
}

/* Splits a line of cases.tsv; 0 where it is none. */
static int read_line(case_t *row, char *line)
{
    const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
    char *fields[4];
    char *last = NULL;
    unsigned i;

    for (i = 0; i < 4; i++) {
        fields[i] = apr_strtok(i == 0 ? line : NULL, "\t\r", &last);
        if (fields[i] == NULL) {
            return 0;
        }
    }
    row->name = fields[0];
    row->class = fields[1];
    row->expected = fields[2];
    row->now = apr_time_from_sec(apr_atoi64(fields[3]));
    row->policy = policy;
    if (strstr(row->name, "/window_") != NULL) {
        row->policy.clock_skew = 0;
    }
    return strcmp(row->name, "case") != 0;
}

/* ---- the cases ---- */

/* What we say of the case, from its certificates to its response. */
static staple_reason_e judge(staple_status_e *status, case_t *row)
{
    staple_reason_e reason = read_cert(&row->cert, row->name);
    staple_verdict_t verdict;
    apr_size_t len = 0;
    const char *der = slurp(p, &len, apr_pstrcat(p, corpus, "/", row->name,
                                                 "/response.der", NULL));

    if (reason != STAPLE_OK) {
        return reason;
    }
    if (der == NULL) {
        return STAPLE_NOT_FOUND;
    }
    reason = staple_verify(&verdict, NULL, row->cert,
                           (const unsigned char *)der, len, NULL,
                           &row->policy, row->now);
    if (reason == STAPLE_OK) {
        *status = verdict.status;
    }
    return reason;
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

static void check_reject(case_t *row, staple_reason_e reason)
{
    staple_status_e status;
    unsigned i;

    for (i = 0; i < COUNT(seconds); i++) {
        if (strcmp(seconds[i].name, row->name) != 0) {
            continue;
        }
        is_reason(reason, seconds[i].reason, "%s: %s", row->name,
                  seconds[i].why);
        if (seconds[i].max_age_days == 0) {
            return;
        }
        row->policy.max_age
            = apr_time_from_sec(86400 * (apr_int64_t)seconds[i].max_age_days);
        reason = judge(&status, row);
    }
    ok(is_reason_for(row->expected, reason), "%s: %s, we say %s", row->name,
       row->expected, staple_reason_name(reason));
}

static staple_status_e status_named(const char *name)
{
    return strcmp(name, "revoked") == 0   ? STAPLE_CERT_REVOKED
           : strcmp(name, "unknown") == 0 ? STAPLE_CERT_UNKNOWN
                                          : STAPLE_CERT_GOOD;
}

static void check_policy(const case_t *row, staple_reason_e reason,
                         staple_status_e status)
{
    unsigned i;

    for (i = 0; i < COUNT(policies); i++) {
        if (strcmp(policies[i].name, row->name) == 0) {
            is_reason(reason, policies[i].reason, "%s: %s", row->name,
                      policies[i].why);
            is_int(status, policies[i].status, "%s: status", row->name);
            return;
        }
    }
    ok(0, "%s: a policy case without a row here", row->name);
}

/* A case with SHA-1: refused now, and judged as of before it was forbidden. */
static staple_reason_e judge_before(staple_status_e *status, case_t *row,
                                    staple_reason_e reason)
{
    unsigned i;

    for (i = 0; i < COUNT(sha1_cases); i++) {
        if (strcmp(sha1_cases[i], row->name) == 0) {
            is_reason(reason, STAPLE_WEAK_SIGNATURE, "%s: SHA-1 after May 2022",
                      row->name);
            row->now = BEFORE_2022_06;
            return judge(status, row);
        }
    }
    return reason;
}

static void check_case(case_t *row)
{
    staple_status_e status = STAPLE_CERT_GOOD;
    staple_reason_e reason = judge(&status, row);

    reason = judge_before(&status, row, reason);
    if (strcmp(row->class, "reject") == 0) {
        check_reject(row, reason);
    }
    else if (strcmp(row->class, "policy") == 0) {
        check_policy(row, reason, status);
    }
    else {
        is_reason(reason, STAPLE_OK, "%s: %s", row->name, row->expected);
        is_int(status, status_named(row->expected), "%s: status", row->name);
    }
}

/* All cases; returns how many. */
static unsigned check_cases(case_t *rows, unsigned most)
{
    apr_size_t len;
    char *text = slurp(p, &len,
                       apr_pstrcat(p, corpus, "/cases.tsv", NULL));
    char *line, *last = NULL;
    unsigned count = 0;

    for (line = text != NULL ? apr_strtok(text, "\n", &last) : NULL;
         line != NULL && count < most; line = apr_strtok(NULL, "\n", &last)) {
        if (read_line(&rows[count], line)) {
            check_case(&rows[count]);
            count++;
        }
    }
    return count;
}

/* ---- junk ---- */

/* Not one of them is taken for any of these certificates. */
static void check_junk(const char *name, const case_t *rows, unsigned count)
{
    apr_pool_t *sub = NULL;
    staple_verdict_t verdict;
    unsigned i, tried = 0, taken = 0;
    apr_size_t len = 0;
    unsigned char *exact;
    const char *data;

    apr_pool_create(&sub, p);
    data = slurp(sub, &len,
                 apr_pstrcat(sub, corpus, "/_malformed/", name, NULL));
    /* Of its exact size, so that a sanitizer sees any look beyond it. */
    exact = malloc(len);
    if (len > 0) {
        memcpy(exact, data, len);
    }
    for (i = 0; i < count; i += 9) {
        if (rows[i].cert != NULL) {
            tried++;
            taken += staple_verify(&verdict, NULL, rows[i].cert, exact, len,
                                   NULL, &rows[i].policy, rows[i].now)
                     == STAPLE_OK;
        }
    }
    ok(data != NULL && tried > 0 && taken == 0,
       "junk: %s, for %u certificates", name, tried);
    free(exact);
    apr_pool_destroy(sub);
}

static void check_all_junk(const case_t *rows, unsigned count)
{
    apr_dir_t *dir = NULL;
    apr_finfo_t info;
    unsigned files = 0;

    if (apr_dir_open(&dir, apr_pstrcat(p, corpus, "/_malformed", NULL), p)
        == APR_SUCCESS) {
        while (apr_dir_read(&info, APR_FINFO_NAME, dir) == APR_SUCCESS) {
            if (info.name[0] != '.') {
                check_junk(info.name, rows, count);
                files++;
            }
        }
        apr_dir_close(dir);
    }
    ok(files > 0, "%u files of junk", files);
}

/* Where the corpus is, or NULL. */
static const char *find_corpus(void)
{
    const char *srcdir = getenv("srcdir");
    const char *places[2];
    apr_finfo_t info;
    unsigned i;

    places[0] = getenv("OCSP_CORPUS");
    places[1] = apr_pstrcat(p, srcdir != NULL ? srcdir : ".",
                            "/../shared/ocsp-corpus", NULL);
    for (i = 0; i < COUNT(places); i++) {
        if (places[i] != NULL
            && apr_stat(&info,
                        apr_pstrcat(p, places[i], "/cases.tsv", NULL),
                        APR_FINFO_TYPE, p)
                   == APR_SUCCESS) {
            return places[i];
        }
    }
    return NULL;
}

int main(void)
{
    const unsigned most = 2000;
    case_t *rows;
    unsigned count;

    apr_initialize();
    apr_pool_create(&p, NULL);
    corpus = find_corpus();
    if (corpus == NULL) {
        return tap_skip_all("no corpus (OCSP_CORPUS names its directory)");
    }
    rows = apr_pcalloc(p, most * sizeof(*rows));
    count = check_cases(rows, most);
    ok(count > 0, "%u cases", count);
    check_all_junk(rows, count);
    apr_pool_destroy(p);
    apr_terminate();
    return tap_done();
}
