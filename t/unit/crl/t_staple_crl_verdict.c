/* What CRLs say of a certificate: base, delta, scope and time. */
#include "../tap.h"

#include <apr_strings.h>

#include "../make_crl.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOW apr_time_from_sec(MAKE_NOW)

static apr_pool_t *p;
static make_pki_t *pki;
static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;

/* The certificate of serial 1001 with these extensions. */
static const staple_crl_cert_t *make_leaf(const char *conf)
{
    make_identity_t made = make_crl_cert(
        p, &(make_cert_t){.name = "x", .issuer = &pki->issuer}, conf);

    return make_staple_crl_cert(p, made.x509, pki->issuer.x509);
}

/* A list that was found right for this certificate. */
static staple_crl_t *make_list(const make_crl_t *knobs,
                               const staple_crl_cert_t *cert)
{
    const staple_crl_cert_t *certs[] = {cert, NULL};
    staple_crl_t *crl = NULL;
    staple_reason_e reason
        = make_checked(&crl, p, make_crl(p, knobs), certs);

    if (reason != STAPLE_OK) {
        is_reason(reason, STAPLE_OK, "a list for a test");
    }
    return crl;
}

/* ---- scope: RFC 5280 6.3.3 (b) ---- */

#define POINT(names) "issuingDistributionPoint=critical,@i\n[i]\n" names
#define FULL(url) POINT("fullname=URI:" url "\n")

static const struct {
    const char *what;
    const char *cert; /* its extensions */
    const char *list; /* its extensions; NULL: none */
    const char *url;  /* that is configured */
    staple_reason_e reason;
} scope_rows[] = {
    {"neither names a point", "keyUsage=digitalSignature", NULL, NULL,
     STAPLE_OK},
    {"the list names none", "crlDistributionPoints=URI:http://a/1", NULL, NULL,
     STAPLE_OK},
    {"the same point", "crlDistributionPoints=URI:http://a/1",
     FULL("http://a/1"), NULL, STAPLE_OK},
    {"the same but for the case of the host",
     "crlDistributionPoints=URI:http://a/1", FULL("HTTP://A/1"), NULL,
     STAPLE_OK},
    {"another shard", "crlDistributionPoints=URI:http://a/1",
     FULL("http://a/2"), NULL, STAPLE_CRL_WRONG_POINT},
    {"the second of two points",
     "crlDistributionPoints=URI:http://a/1,URI:http://a/2",
     FULL("http://a/2"), NULL, STAPLE_OK},
    {"one name of several",
     "crlDistributionPoints=URI:http://a/1",
     POINT("fullname=URI:http://z/1,URI:http://a/1\n"), NULL, STAPLE_OK},
    {"by the name that is not fetched",
     "crlDistributionPoints=d\n[d]\nfullname=URI:ldap://x/,URI:http://a/1",
     POINT("fullname=URI:ldap://x/\n"), NULL, STAPLE_OK},
    {"the certificate names none", "keyUsage=digitalSignature",
     FULL("http://a/1"), NULL, STAPLE_CRL_WRONG_POINT},
    {"the certificate names none, the URL is configured",
     "keyUsage=digitalSignature", FULL("http://a/1"), "http://a/1",
     STAPLE_OK},
    {"another URL is configured", "keyUsage=digitalSignature",
     FULL("http://a/1"), "http://a/2", STAPLE_CRL_WRONG_POINT},
    {"a mirror is configured", "crlDistributionPoints=URI:http://a/1",
     FULL("http://a/1"), "http://mirror/1", STAPLE_OK},
    {"the list's name is relative", "crlDistributionPoints=URI:http://a/1",
     POINT("relativename=n\n[n]\nCN=x\n"), NULL, STAPLE_CRL_RELATIVE_NAME},
    {"the certificate's name is relative",
     "crlDistributionPoints=d\n[d]\nrelativename=n\n[n]\nCN=x", NULL, NULL,
     STAPLE_CRL_RELATIVE_NAME},
    {"the same, with a URL",
     "crlDistributionPoints=d\n[d]\nrelativename=n\n[n]\nCN=x", NULL,
     "http://a/1", STAPLE_OK},
    {"the certificate's list is another issuer's",
     "crlDistributionPoints=d\n[d]\nfullname=URI:http://a/1\n"
     "CRLissuer=dirName:n\n[n]\nCN=x", FULL("http://a/1"), NULL,
     STAPLE_CRL_ISSUER},
    {"the certificate's point is for some reasons",
     "crlDistributionPoints=d\n[d]\nfullname=URI:http://a/1\n"
     "reasons=keyCompromise", FULL("http://a/1"), NULL,
     STAPLE_CRL_SOME_REASONS},
    {"the refused point's list, where there is another point",
     "crlDistributionPoints=d,e\n[d]\nfullname=URI:http://a/1\n"
     "reasons=keyCompromise\n[e]\nfullname=URI:http://a/2",
     FULL("http://a/1"), NULL, STAPLE_CRL_WRONG_POINT},
    {"that other point's list",
     "crlDistributionPoints=d,e\n[d]\nfullname=URI:http://a/1\n"
     "reasons=keyCompromise\n[e]\nfullname=URI:http://a/2",
     FULL("http://a/2"), NULL, STAPLE_OK},
    {"the certificate's points cannot be read",
     "2.5.29.31=DER:05:00", NULL, NULL, STAPLE_CRL_POINTS_UNREADABLE},
    {"users, for a user", "basicConstraints=CA:FALSE",
     POINT("onlyuser=TRUE\n"), NULL, STAPLE_OK},
    {"users, without basicConstraints", "keyUsage=digitalSignature",
     POINT("onlyuser=TRUE\n"), NULL, STAPLE_OK},
    {"users, for a CA", "basicConstraints=CA:TRUE", POINT("onlyuser=TRUE\n"),
     NULL, STAPLE_CRL_WRONG_SCOPE},
    {"CAs, for a CA", "basicConstraints=CA:TRUE", POINT("onlyCA=TRUE\n"), NULL,
     STAPLE_OK},
    {"CAs, for a user", "basicConstraints=CA:FALSE", POINT("onlyCA=TRUE\n"),
     NULL, STAPLE_CRL_WRONG_SCOPE},
    {"CAs, without basicConstraints", "keyUsage=digitalSignature",
     POINT("onlyCA=TRUE\n"), NULL, STAPLE_CRL_WRONG_SCOPE},
    {"attribute certificates", "keyUsage=digitalSignature",
     POINT("onlyAA=TRUE\n"), NULL, STAPLE_CRL_WRONG_SCOPE},
    {"the point and the kind",
     "crlDistributionPoints=URI:http://a/1\nbasicConstraints=CA:TRUE",
     POINT("fullname=URI:http://a/1\nonlyuser=TRUE\n"), NULL,
     STAPLE_CRL_WRONG_SCOPE},
};

/* Both, for a certificate that is on the list and for one that is not. */
static void check_scope(void)
{
    unsigned i, is_listed;

    for (i = 0; i < COUNT(scope_rows); i++) {
        const staple_crl_cert_t *cert = make_leaf(scope_rows[i].cert);

        for (is_listed = 0; is_listed < 2; is_listed++) {
            staple_crl_verdict_t verdict = {.status = STAPLE_CERT_UNKNOWN};
            make_crl_t knobs = {
                .signer = pki->issuer, .conf = scope_rows[i].list,
                .entries = {{.serial = is_listed ? "1001" : "77"}}};

            is_reason(staple_crl_verdict(&verdict, cert, scope_rows[i].url,
                                         make_list(&knobs, cert), NULL,
                                         &policy, NOW),
                      scope_rows[i].reason, "scope: %s", scope_rows[i].what);
            is_int(verdict.status,
                   scope_rows[i].reason != STAPLE_OK ? STAPLE_CERT_UNKNOWN
                   : is_listed                       ? STAPLE_CERT_REVOKED
                                                     : STAPLE_CERT_GOOD,
                   "scope: %s: status", scope_rows[i].what);
        }
    }
}

/* ---- what may not count ---- */

static void check_unchecked(void)
{
    const staple_crl_cert_t *cert = make_leaf("keyUsage=digitalSignature");
    const staple_crl_cert_t *other = make_staple_crl_cert(
        p, pki->stranger.x509, pki->other.x509);
    const staple_crl_cert_t *plain = make_staple_crl_cert(
        p, pki->plain.x509, pki->issuer.x509);
    make_crl_t knobs = {.signer = pki->issuer};
    make_der_t der = make_crl(p, &knobs);
    staple_crl_verdict_t verdict;
    staple_crl_t *crl = NULL;

    staple_crl_read(&crl, p, der.bytes, der.len);
    is_reason(staple_crl_verdict(&verdict, cert, NULL, crl, NULL, &policy,
                                 NOW),
              STAPLE_CRL_BAD_SIGNATURE, "a list that was not checked");
    crl = make_list(&knobs, cert);
    is_reason(staple_crl_verdict(&verdict, other, NULL, crl, NULL, &policy,
                                 NOW),
              STAPLE_CRL_WRONG_ISSUER, "a certificate of another issuer");
    is_reason(staple_crl_verdict(&verdict, plain, NULL, crl, NULL, &policy,
                                 NOW),
              STAPLE_NOT_FOUND, "a certificate that nobody asked about");
}

static void check_times(void)
{
    const staple_crl_cert_t *cert = make_leaf("keyUsage=digitalSignature");
    make_crl_t knobs = {.signer = pki->issuer, .entries = {{.serial = "1001"}}};
    staple_crl_t *crl = make_list(&knobs, cert);
    staple_crl_verdict_t verdict;
    make_identity_t short_lived = make_cert(
        p, &(make_cert_t){.name = "Issuer", .issuer = &pki->root,
                          .key = pki->issuer.key,
                          .not_after = MAKE_NOW + MAKE_HOUR});
    staple_crl_cert_t of_short = *cert;

    is_reason(staple_crl_verdict(&verdict, cert, NULL, crl, NULL, &policy,
                                 NOW),
              STAPLE_OK, "times: of now");
    is_int(verdict.revoked_at, NOW - apr_time_from_sec(MAKE_DAY),
           "times: revoked at");
    is_int(verdict.this_update, NOW - apr_time_from_sec(MAKE_HOUR),
           "times: thisUpdate");
    is_int(verdict.next_update, verdict.use_until,
           "times: used until nextUpdate");
    is_reason(staple_crl_verdict(&verdict, cert, NULL, crl, NULL, &policy,
                                 crl->next_update + policy.clock_skew),
              STAPLE_OK, "times: nextUpdate and the skew");
    is_reason(staple_crl_verdict(&verdict, cert, NULL, crl, NULL, &policy,
                                 crl->next_update + policy.clock_skew + 1),
              STAPLE_CRL_EXPIRED, "times: later");
    is_reason(staple_crl_verdict(&verdict, cert, NULL, crl, NULL, &policy,
                                 crl->mark.this_update - policy.clock_skew
                                     - 1),
              STAPLE_CRL_NOT_YET_VALID, "times: the clock was set back");
    of_short.issuer = short_lived.x509;
    crl = make_list(&knobs, &of_short);
    is_reason(staple_crl_verdict(&verdict, &of_short, NULL, crl, NULL, &policy,
                                 NOW),
              STAPLE_OK, "times: the issuer's certificate ends earlier");
    is_int(verdict.use_until, NOW + apr_time_from_sec(MAKE_HOUR),
           "times: used until then");
    is_reason(staple_crl_verdict(&verdict, &of_short, NULL, crl, NULL, &policy,
                                 verdict.use_until),
              STAPLE_CRL_SIGNER_EXPIRED, "times: and no longer");
}

/* ---- deltas: RFC 5280 5.2.4, 6.3.3 (c), (h) to (k) ---- */

static const struct {
    const char *what;
    const char *base_reason;  /* of the certificate; NULL: it is not on it */
    const char *delta_reason; /* "": without a reason */
    int reason;               /* revoked for it; -1: without; -2: good */
} delta_rows[] = {
    {"on neither", NULL, NULL, -2},
    {"on the base", "1", NULL, 1},
    {"on the delta", NULL, "4", 4},
    {"on the delta, without a reason", NULL, "", -1},
    {"on hold, and then for good", "6", "1", 1},
    {"on hold, and then not any more", "6", "8", -2},
    {"not on the base, and removed", NULL, "8", -2},
    {"on hold by the delta", NULL, "6", 6},
};

static void check_deltas(void)
{
    const staple_crl_cert_t *cert = make_leaf("keyUsage=digitalSignature");
    unsigned i;

    for (i = 0; i < COUNT(delta_rows); i++) {
        make_crl_t base = {.signer = pki->issuer, .number = "10"};
        make_crl_t delta = {.signer = pki->issuer, .number = "12",
                            .base = "10", .this_update = MAKE_NOW - 60,
                            .next_update = MAKE_NOW + MAKE_DAY};
        staple_crl_verdict_t verdict = {.status = STAPLE_CERT_UNKNOWN};
        char text[STAPLE_CRL_NUMBER_SIZE];

        base.entries[0] = (make_entry_t){
            .serial = delta_rows[i].base_reason != NULL ? "1001" : "77",
            .reason = delta_rows[i].base_reason};
        delta.entries[0] = (make_entry_t){
            .serial = delta_rows[i].delta_reason != NULL ? "1001" : "78",
            .reason = delta_rows[i].delta_reason};
        if (delta.entries[0].reason != NULL
            && *delta.entries[0].reason == '\0') {
            delta.entries[0].reason = NULL;
        }
        is_reason(staple_crl_verdict(&verdict, cert, NULL,
                                     make_list(&base, cert),
                                     make_list(&delta, cert), &policy, NOW),
                  STAPLE_OK, "delta: %s", delta_rows[i].what);
        is_int(verdict.status,
               delta_rows[i].reason == -2 ? STAPLE_CERT_GOOD
                                          : STAPLE_CERT_REVOKED,
               "delta: %s: status", delta_rows[i].what);
        is_int(verdict.revocation_reason,
               delta_rows[i].reason == -2 ? -1 : delta_rows[i].reason,
               "delta: %s: reason", delta_rows[i].what);
        is_int(verdict.use_until, NOW + apr_time_from_sec(MAKE_DAY),
               "delta: %s: until the earlier end", delta_rows[i].what);
        is_int(verdict.this_update, NOW - apr_time_from_sec(60),
               "delta: %s: thisUpdate of the newer", delta_rows[i].what);
        is_str(staple_crl_number_text(text, &verdict.number), "12",
               "delta: %s: number of the newer", delta_rows[i].what);
        ok(verdict.is_delta_used && verdict.entry_count == 2,
           "delta: %s: it was used", delta_rows[i].what);
    }
}

#define KEY_ID "authorityKeyIdentifier=keyid\n"

static const struct {
    const char *what;
    make_crl_t base, delta; /* their signers are set */
    staple_reason_e reason;
    int is_used;
} fit_rows[] = {
    {"the base number is that of the base (c)", {.number = "10"},
     {.number = "11", .base = "10"}, STAPLE_OK, 1},
    {"the base is newer than the base number", {.number = "15"},
     {.number = "16", .base = "10"}, STAPLE_OK, 1},
    {"the base is older than the base number", {.number = "0F"},
     {.number = "16", .base = "10"}, STAPLE_CRL_DELTA_BASE, 0},
    {"of the same number: the same (5.2.3)", {.number = "16"},
     {.number = "16", .base = "10"}, STAPLE_OK, 0},
    {"older than the base", {.number = "17"},
     {.number = "16", .base = "10"}, STAPLE_OK, 0},
    {"the base has no number", {.number = ""}, {.number = "16", .base = "10"},
     STAPLE_CRL_DELTA_BASE, 0},
    {"the delta has no number", {.number = "10"}, {.number = "", .base = "10"},
     STAPLE_CRL_DELTA_BASE, 0},
    {"it is no delta", {.number = "10"}, {.number = "11"},
     STAPLE_CRL_DELTA_BASE, 0},
    {"the base is a delta", {.number = "10", .base = "01"},
     {.number = "11", .base = "10"}, STAPLE_CRL_IS_DELTA, 0},
    {"of the same point", {.number = "10", .conf = FULL("http://a/1")},
     {.number = "11", .base = "10", .conf = FULL("http://a/1")}, STAPLE_OK,
     1},
    {"of another kind (c)(2)",
     {.number = "10", .conf = POINT("onlyuser=TRUE\n")},
     {.number = "11", .base = "10", .conf = POINT("onlyCA=TRUE\n")},
     STAPLE_CRL_DELTA_BASE, 0},
    {"of a point, and the base of none", {.number = "10"},
     {.number = "11", .base = "10", .conf = FULL("http://a/1")},
     STAPLE_CRL_DELTA_BASE, 0},
    {"of none, and the base of a point",
     {.number = "10", .conf = FULL("http://a/1")},
     {.number = "11", .base = "10"}, STAPLE_CRL_DELTA_BASE, 0},
    {"of the same key id", {.number = "10", .conf = KEY_ID},
     {.number = "11", .base = "10", .conf = KEY_ID}, STAPLE_OK, 1},
    {"with a key id, and the base without (c)(3)", {.number = "10"},
     {.number = "11", .base = "10", .conf = KEY_ID}, STAPLE_CRL_DELTA_BASE,
     0},
    {"out of date", {.number = "10"},
     {.number = "11", .base = "10", .this_update = MAKE_NOW - MAKE_DAY,
      .next_update = MAKE_NOW - 299}, STAPLE_OK, 1},
};

static void check_fit(void)
{
    const staple_crl_cert_t *cert
        = make_leaf("crlDistributionPoints=URI:http://a/1\n"
                    "subjectKeyIdentifier=hash");
    unsigned i;

    for (i = 0; i < COUNT(fit_rows); i++) {
        make_crl_t base = fit_rows[i].base, delta = fit_rows[i].delta;
        staple_crl_verdict_t verdict = {.is_delta_used = -1};

        base.signer = delta.signer = pki->issuer;
        is_reason(staple_crl_verdict(&verdict, cert, NULL,
                                     make_list(&base, cert),
                                     make_list(&delta, cert), &policy, NOW),
                  fit_rows[i].reason, "fit: %s", fit_rows[i].what);
        is_int(verdict.is_delta_used,
               fit_rows[i].reason == STAPLE_OK ? fit_rows[i].is_used : -1,
               "fit: %s: is it used?", fit_rows[i].what);
    }
}

/* A delta that has run out, and one by the issuer's other key (h). */
static void check_misfit(void)
{
    const staple_crl_cert_t *cert = make_leaf("keyUsage=digitalSignature");
    make_crl_t base = {.signer = pki->issuer, .number = "10"};
    make_crl_t delta = {.signer = pki->issuer, .number = "11", .base = "10",
                        .this_update = MAKE_NOW - MAKE_HOUR,
                        .next_update = MAKE_NOW + MAKE_HOUR};
    make_identity_t other_key = make_cert(
        p, &(make_cert_t){.name = "Issuer", .issuer = &pki->root});
    X509 *issuers[] = {pki->issuer.x509, other_key.x509};
    const staple_crl_whose_t whose = {issuers, 2, &cert, 1};
    staple_crl_t *whole = make_list(&base, cert), *newer = NULL;
    staple_crl_verdict_t verdict;
    make_der_t der;

    newer = make_list(&delta, cert);
    is_reason(staple_crl_verdict(&verdict, cert, NULL, whole, newer, &policy,
                                 NOW + apr_time_from_sec(2 * MAKE_HOUR)),
              STAPLE_CRL_EXPIRED, "misfit: the delta has run out");
    is_reason(staple_crl_verdict(&verdict, cert, NULL, whole, NULL, &policy,
                                 NOW + apr_time_from_sec(2 * MAKE_HOUR)),
              STAPLE_OK, "misfit: the base alone has not");
    delta.signer = other_key;
    der = make_crl(p, &delta);
    staple_crl_read(&newer, p, der.bytes, der.len);
    is_reason(staple_crl_check(p, newer, &whose, NULL, &policy, NOW),
              STAPLE_OK, "misfit: a delta by another key of the issuer");
    is_reason(staple_crl_verdict(&verdict, cert, NULL, whole, newer, &policy,
                                 NOW),
              STAPLE_CRL_DELTA_BASE, "misfit: does not go with the base");
    delta.signer = pki->issuer;
    der = make_crl(p, &delta);
    staple_crl_read(&newer, p, der.bytes, der.len);
    is_reason(staple_crl_verdict(&verdict, cert, NULL, whole, newer, &policy,
                                 NOW),
              STAPLE_CRL_BAD_SIGNATURE, "misfit: a delta that nobody checked");
}

/* ---- several points ---- */

static void check_join(void)
{
    static const struct {
        const char *what;
        staple_reason_e first, second;
        staple_status_e first_status, second_status;
        int first_until, second_until;
        staple_reason_e reason;
        staple_status_e status;
        int until;
    } rows[] = {
        {"good and good", STAPLE_OK, STAPLE_OK, STAPLE_CERT_GOOD,
         STAPLE_CERT_GOOD, 1, 2, STAPLE_OK, STAPLE_CERT_GOOD, 2},
        {"good and revoked", STAPLE_OK, STAPLE_OK, STAPLE_CERT_GOOD,
         STAPLE_CERT_REVOKED, 2, 1, STAPLE_OK, STAPLE_CERT_REVOKED, 1},
        {"revoked and good", STAPLE_OK, STAPLE_OK, STAPLE_CERT_REVOKED,
         STAPLE_CERT_GOOD, 1, 2, STAPLE_OK, STAPLE_CERT_REVOKED, 1},
        {"good and nothing", STAPLE_OK, STAPLE_CRL_EXPIRED, STAPLE_CERT_GOOD,
         STAPLE_CERT_REVOKED, 1, 2, STAPLE_OK, STAPLE_CERT_GOOD, 1},
        {"nothing and good", STAPLE_CRL_EXPIRED, STAPLE_OK,
         STAPLE_CERT_REVOKED, STAPLE_CERT_GOOD, 2, 1, STAPLE_OK,
         STAPLE_CERT_GOOD, 1},
        {"nothing and nothing", STAPLE_CRL_EXPIRED, STAPLE_CRL_MALFORMED,
         STAPLE_CERT_GOOD, STAPLE_CERT_GOOD, 0, 0, STAPLE_CRL_EXPIRED,
         STAPLE_CERT_GOOD, 0},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        staple_crl_verdict_t one = {.status = rows[i].first_status,
                                    .use_until = rows[i].first_until};
        staple_crl_verdict_t more = {.status = rows[i].second_status,
                                     .use_until = rows[i].second_until};
        staple_reason_e reason = rows[i].first;

        staple_crl_verdict_join(&one, &reason, &more, rows[i].second);
        is_reason(reason, rows[i].reason, "points: %s", rows[i].what);
        if (reason == STAPLE_OK) {
            is_int(one.status, rows[i].status, "points: %s: status",
                   rows[i].what);
            is_int(one.use_until, rows[i].until, "points: %s: until",
                   rows[i].what);
        }
    }
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    /* Its key id is what authorityKeyIdentifier takes. */
    pki->issuer = make_crl_cert(
        p, &(make_cert_t){.name = "Issuer", .issuer = &pki->root,
                          .key = pki->issuer.key, .is_ca = 1},
        "subjectKeyIdentifier=hash");
    check_scope();
    check_unchecked();
    check_times();
    check_deltas();
    check_fit();
    check_misfit();
    check_join();
    is_int(ERR_peek_error(), 0, "OpenSSL's error queue is as it was");
    make_end(p);
    return tap_done();
}
