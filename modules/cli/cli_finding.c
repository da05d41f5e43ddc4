/* What a server showed of its staple -> how bad that is, in a sentence. */
#include "cli_finding.h"

#include <apr_strings.h>

#include "base/staple_text.h"
#include "crl/staple_crl_cert.h"
#include "cli_plugin.h"

/* Baseline Requirements 1.6.1, since 2026-03-15: of a certificate that lives
 * no longer nobody need say whether it is revoked. */
#define SHORT_LIVED apr_time_from_sec(7 * 86400)

/* A staple should not get older than three quarters of its life: that is when
 * the module warns, too (docs/events.md, ending-soon).  Critical is the last
 * hour, or the last eighth of lives of less than eight hours. */
#define WARN_PART 4
#define CRITICAL_PART 8
#define CRITICAL_MOST apr_time_from_sec(3600)

int cli_finding_is_verified(const cli_finding_t *finding)
{
    return finding->is_judged && finding->verdict.reason == STAPLE_OK;
}

static const char *span(apr_pool_t *p, apr_interval_time_t left)
{
    return staple_text_span(apr_palloc(p, STAPLE_TEXT_SIZE), left);
}

static void say(cli_finding_t *finding, int status, const char *why)
{
    finding->exit = status;
    finding->why = why;
}

/* ---- the certificate ---- */

/* Reads leaf and issuer.  Where that does not do to judge a response, the
 * verdict has the reason, and as much of the leaf as can be shown. */
static void read_cert(cli_finding_t *finding, apr_pool_t *p)
{
    cli_verdict_t *verdict = &finding->verdict;
    staple_cert_t *cert = NULL;
    X509 *leaf = finding->peer.leaf;
    X509 *issuer = finding->peer.issuer;

    verdict->reason = STAPLE_CERT_NO_ISSUER;
    if (X509_NAME_cmp(X509_get_subject_name(leaf), X509_get_issuer_name(leaf))
        == 0) {
        verdict->reason = STAPLE_CERT_SELF_SIGNED;
    }
    else if (issuer != NULL) {
        verdict->reason = staple_cert_from_x509(
            &cert, p, staple_cert_issuers_make(p), leaf, issuer, 0);
    }
    if (cert == NULL) {
        staple_cert_describe(&cert, p, leaf);
    }
    verdict->cert = cert;
}

/* The first URL of a CRL that the certificate names and that can be followed,
 * or NULL. */
static const char *names_crl(apr_pool_t *p, const cli_peer_t *peer)
{
    staple_crl_cert_t *cert = NULL;
    unsigned i;

    if (staple_crl_cert_make(&cert, p, X509_get0_serialNumber(peer->leaf),
                             X509_get0_extensions(peer->leaf), peer->issuer)
        != STAPLE_OK) {
        return NULL;
    }
    for (i = 0; i < cert->points.count; i++) {
        if (cert->points.points[i].url_count > 0) {
            return cli_plugin_text(p, cert->points.points[i].urls[0]);
        }
    }
    return NULL;
}

/* Its life, both ends included (RFC 5280 4.1.2.5); 0: it cannot be read. */
static apr_interval_time_t life_of(X509 *leaf)
{
    apr_time_t begins, ends;

    return staple_cert_time(&begins, X509_get0_notBefore(leaf))
                   && staple_cert_time(&ends, X509_get0_notAfter(leaf))
               ? ends - begins + apr_time_from_sec(1)
               : 0;
}

/* ---- no staple ---- */

static const char *why_no_responder(apr_pool_t *p,
                                    const cli_finding_t *finding)
{
    const staple_cert_t *cert = finding->verdict.cert;
    const char *crl = names_crl(p, &finding->peer);

    return apr_pstrcat(
        p, "no staple: no OCSP responder in the certificate",
        cert != NULL && cert->refused_url_count > 0 ? " that can be asked" : "",
        crl != NULL ? "; its CRL is at " : "", crl != NULL ? crl : "",
        crl != NULL ? ": `ocspstaple fetch --crl` asks it" : "", NULL);
}

const char *cli_finding_crl(const cli_finding_t *finding, apr_pool_t *p)
{
    return finding->peer.leaf != NULL && finding->peer.staple == NULL
                   && finding->verdict.reason == STAPLE_OK
                   && finding->verdict.cert->url_count == 0
               ? names_crl(p, &finding->peer)
               : NULL;
}

static int is_revoked_by_crl(const cli_finding_t *finding)
{
    return finding->crl_url != NULL && finding->crl.reason == STAPLE_OK
           && finding->crl.said.status == STAPLE_CERT_REVOKED;
}

/* What its CRL says of a certificate without staple. */
static void judge_crl(cli_finding_t *finding, apr_pool_t *p)
{
    const cli_verdict_t *crl = &finding->crl;

    if (is_revoked_by_crl(finding)) {
        say(finding, CLI_PLUGIN_CRITICAL,
            apr_psprintf(p,
                         "the certificate is revoked, its CRL says (%s, %s)",
                         staple_verify_crl_reason(crl->said.revocation_reason),
                         cli_verdict_time(p, crl->said.revoked_at)));
    }
    else if (crl->reason == STAPLE_OK) {
        say(finding, CLI_PLUGIN_OK,
            apr_psprintf(p,
                         "good, its CRL says, until %s; no staple: no OCSP "
                         "responder in the certificate",
                         cli_verdict_time(p, crl->said.use_until)));
    }
    else {
        say(finding, CLI_PLUGIN_WARNING,
            apr_psprintf(p,
                         "no staple: no OCSP responder in the certificate, "
                         "and its CRL at %s says nothing: %s: %s",
                         finding->crl_url, staple_reason_name(crl->reason),
                         staple_reason_sentence(crl->reason)));
    }
}

static void judge_none(cli_finding_t *finding, apr_pool_t *p)
{
    const staple_cert_t *cert = finding->verdict.cert;
    X509 *leaf = finding->peer.leaf;
    apr_interval_time_t life = life_of(leaf);

    if (is_revoked_by_crl(finding)) {
        judge_crl(finding, p);
    }
    else if (staple_cert_must_staple(leaf)) {
        say(finding, CLI_PLUGIN_CRITICAL,
            "no staple, but the certificate has must-staple: clients refuse "
            "it");
    }
    else if (finding->verdict.reason == STAPLE_CERT_SELF_SIGNED) {
        say(finding, CLI_PLUGIN_OK,
            "no staple: the certificate is self-signed, so there is none");
    }
    else if (finding->crl_url != NULL) {
        judge_crl(finding, p);
    }
    else if (cert == NULL || cert->url_count == 0) {
        say(finding, CLI_PLUGIN_OK, why_no_responder(p, finding));
    }
    else if (life > 0 && life <= SHORT_LIVED) {
        say(finding, CLI_PLUGIN_OK,
            apr_psprintf(p,
                         "no staple, and none is needed: the certificate "
                         "lives %s only",
                         span(p, life)));
    }
    else {
        say(finding, CLI_PLUGIN_WARNING,
            "no staple: the server sent none, though the certificate names an "
            "OCSP responder");
    }
}

/* ---- a staple ---- */

/* Who signed a response that was verified: of certificates its canonical form
 * has that of the delegate, if it was one. */
static void find_signer(cli_finding_t *finding, apr_pool_t *p,
                        const staple_canonical_t *canonical)
{
    const unsigned char *at = canonical->der;
    OCSP_RESPONSE *outer =
        d2i_OCSP_RESPONSE(NULL, &at, (long)canonical->der_len);
    OCSP_BASICRESP *basic =
        outer != NULL ? OCSP_response_get1_basic(outer) : NULL;
    const STACK_OF(X509) *certs =
        basic != NULL ? OCSP_resp_get0_certs(basic) : NULL;

    if (basic != NULL) {
        finding->is_delegate = sk_X509_num(certs) > 0;
        finding->signer = staple_cert_name(
            p,
            X509_get_subject_name(finding->is_delegate ? sk_X509_value(certs, 0)
                                                       : finding->peer.issuer));
    }
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(outer);
    ERR_clear_error();
}

/* Puts the rules of our own where nothing was said. */
static void set_limits(cli_limits_t *limits, const staple_verdict_t *said)
{
    apr_interval_time_t life = said->use_until - said->this_update;

    if (limits->warn < 0) {
        limits->warn = life / WARN_PART;
        if (limits->warn < limits->critical) {
            limits->warn = limits->critical;
        }
    }
    if (limits->critical < 0) {
        limits->critical = life / CRITICAL_PART;
        if (limits->critical > CRITICAL_MOST) {
            limits->critical = CRITICAL_MOST;
        }
        if (limits->critical > limits->warn) {
            limits->critical = limits->warn;
        }
    }
}

static void judge_good(cli_finding_t *finding, apr_pool_t *p)
{
    const cli_verdict_t *verdict = &finding->verdict;
    apr_interval_time_t left = verdict->said.use_until - verdict->at;

    set_limits(&finding->limits, &verdict->said);
    if (left <= 0) {
        say(finding, CLI_PLUGIN_CRITICAL,
            "the staple has run out: clients refuse it");
    }
    else if (left < finding->limits.critical) {
        say(finding, CLI_PLUGIN_CRITICAL,
            apr_psprintf(p, "good, but the staple ends in %s", span(p, left)));
    }
    else if (left < finding->limits.warn) {
        say(finding, CLI_PLUGIN_WARNING,
            apr_psprintf(p, "good, but the staple ends in %s", span(p, left)));
    }
    else {
        say(finding, CLI_PLUGIN_OK,
            apr_psprintf(p, "good, the staple ends in %s", span(p, left)));
    }
}

static void judge_verified(cli_finding_t *finding, apr_pool_t *p)
{
    const staple_verdict_t *said = &finding->verdict.said;

    switch (said->status) {
    case STAPLE_CERT_GOOD:
        judge_good(finding, p);
        break;
    case STAPLE_CERT_REVOKED:
        say(finding, CLI_PLUGIN_CRITICAL,
            apr_psprintf(p, "the certificate is revoked (%s, %s)",
                         staple_verify_crl_reason(said->revocation_reason),
                         cli_verdict_time(p, said->revoked_at)));
        break;
    case STAPLE_CERT_UNKNOWN:
        say(finding, CLI_PLUGIN_CRITICAL,
            "the staple says that the certificate's status is unknown: "
            "clients refuse it");
        break;
    }
}

static void judge_staple(cli_finding_t *finding, apr_pool_t *p,
                         const staple_policy_t *policy)
{
    cli_verdict_t *verdict = &finding->verdict;
    staple_canonical_t canonical = {NULL, 0};

    finding->is_judged = 1;
    if (verdict->reason == STAPLE_CERT_NO_ISSUER) {
        say(finding, CLI_PLUGIN_UNKNOWN,
            "there is a staple, but not the issuer's certificate to judge it "
            "by: give --issuer");
        return;
    }
    if (verdict->reason == STAPLE_OK) {
        verdict->reason = staple_verify(
            &verdict->said, &canonical, verdict->cert, finding->peer.staple,
            finding->peer.staple_len, NULL, policy, verdict->at);
    }
    if (verdict->reason == STAPLE_OK) {
        find_signer(finding, p, &canonical);
        staple_verify_free(&canonical);
        judge_verified(finding, p);
    }
    else {
        say(finding, CLI_PLUGIN_CRITICAL,
            apr_psprintf(p, "clients refuse the staple: %s: %s",
                         staple_reason_name(verdict->reason),
                         staple_reason_sentence(verdict->reason)));
    }
}

void cli_finding_read(cli_finding_t *finding, apr_pool_t *p, apr_time_t now)
{
    finding->verdict.at = now;
    if (finding->failed == NULL && finding->peer.leaf != NULL) {
        read_cert(finding, p);
    }
}

void cli_finding_judge(cli_finding_t *finding, apr_pool_t *p,
                       const staple_policy_t *policy,
                       const cli_limits_t *limits)
{
    finding->limits = *limits;
    if (finding->failed != NULL) {
        say(finding, CLI_PLUGIN_CRITICAL, finding->failed);
        return;
    }
    if (finding->peer.leaf == NULL) {
        say(finding, CLI_PLUGIN_CRITICAL, "the server has no certificate");
        return;
    }
    if (finding->peer.staple != NULL) {
        judge_staple(finding, p, policy);
    }
    else {
        judge_none(finding, p);
    }
    if (finding->peer.refused != NULL) {
        say(finding, CLI_PLUGIN_CRITICAL,
            apr_psprintf(p,
                         "clients refuse the certificate: %s; otherwise: "
                         "%s",
                         finding->peer.refused, finding->why));
    }
}
