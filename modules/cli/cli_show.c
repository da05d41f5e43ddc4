/* The findings of check: as lines with performance data, and as JSON. */
#include "cli_show.h"

#include <apr_strings.h>
#include <stdlib.h>

#include "base/staple_text.h"
#include "cli_plugin.h"

static const cli_finding_t *get(const apr_array_header_t *findings, int i)
{
    return &APR_ARRAY_IDX(findings, i, cli_finding_t);
}

/* The first of the worst, and how many are not well. */
static const cli_finding_t *find_worst(int *count,
                                       const apr_array_header_t *findings)
{
    const cli_finding_t *worst = get(findings, 0);
    int i;

    *count = 0;
    for (i = 0; i < findings->nelts; i++) {
        const cli_finding_t *finding = get(findings, i);

        *count += finding->exit != CLI_PLUGIN_OK;
        if (cli_plugin_worse(worst->exit, finding->exit) != worst->exit) {
            worst = finding;
        }
    }
    return worst;
}

/* How long the staple will still do. */
static apr_interval_time_t left_of(const cli_finding_t *finding)
{
    return finding->verdict.said.use_until - finding->verdict.at;
}

/* Has the staple an end that counts: does it say good? */
static int has_left(const cli_finding_t *finding)
{
    return cli_finding_is_verified(finding)
           && finding->verdict.said.status == STAPLE_CERT_GOOD;
}

/* ---- performance data: 'label'=value[unit];warn;critical;minimum ---- */

/* "left", or, among several, "'a.example:443 left'". */
static void print_label(FILE *out, const cli_finding_t *finding,
                        const char *name, int is_alone)
{
    if (is_alone) {
        fprintf(out, " %s=", name);
    }
    else {
        fprintf(out, " '%s %s'=", finding->label, name);
    }
}

static void print_data(FILE *out, const cli_finding_t *finding, int is_alone)
{
    const staple_cert_t *cert = finding->verdict.cert;
    apr_interval_time_t left;

    if (has_left(finding)) {
        left = left_of(finding);
        print_label(out, finding, "left", is_alone);
        fprintf(out,
                "%" APR_TIME_T_FMT "s;%" APR_TIME_T_FMT ":;%" APR_TIME_T_FMT
                ":;0",
                apr_time_sec(left > 0 ? left : 0),
                apr_time_sec(finding->limits.warn),
                apr_time_sec(finding->limits.critical));
    }
    if (cert != NULL) {
        left = cert->not_after - finding->verdict.at;
        print_label(out, finding, "certificate_left", is_alone);
        fprintf(out, "%" APR_TIME_T_FMT "s;;;0",
                apr_time_sec(left > 0 ? left : 0));
    }
}

static int has_data(const apr_array_header_t *findings)
{
    int i;

    for (i = 0; i < findings->nelts; i++) {
        if (get(findings, i)->verdict.cert != NULL) {
            return 1;
        }
    }
    return 0;
}

/* ---- lines ---- */

static void print_cert(FILE *out, apr_pool_t *p, const cli_finding_t *finding)
{
    const staple_cert_t *cert = finding->verdict.cert;

    if (cert == NULL) {
        return;
    }
    fprintf(out, "certificate: %s, serial %s, valid until %s%s\n",
            cli_plugin_text(p, cert->subject), cert->serial,
            cli_verdict_time(p, cert->not_after),
            cert->must_staple ? ", must staple" : "");
    fprintf(out, "issuer:      %s\n",
            cli_plugin_text(p, cert->issuer->subject));
}

static void print_updates(FILE *out, apr_pool_t *p,
                          const staple_verdict_t *said)
{
    fprintf(out, "this update: %s\n", cli_verdict_time(p, said->this_update));
    fprintf(out, "next update: %s\n",
            said->next_update != 0 ? cli_verdict_time(p, said->next_update)
                                   : "not given");
}

static void print_staple(FILE *out, apr_pool_t *p, const cli_finding_t *finding)
{
    const staple_verdict_t *said = &finding->verdict.said;
    char span[STAPLE_TEXT_SIZE];

    if (!cli_finding_is_verified(finding)) {
        return;
    }
    fputs("staple:      ", out);
    cli_verdict_print(out, p, &finding->verdict);
    fprintf(out, "produced:    %s\n", cli_verdict_time(p, said->produced_at));
    print_updates(out, p, said);
    if (left_of(finding) <= 0) {
        fprintf(out, "ran out:     %s\n", cli_verdict_time(p, said->use_until));
    }
    else {
        fprintf(out, "ends:        %s, in %s\n",
                cli_verdict_time(p, said->use_until),
                staple_text_span(span, left_of(finding)));
    }
    if (finding->signer != NULL) {
        fprintf(out, "signed by:   %s%s\n",
                finding->is_delegate ? "the issuer's delegate "
                                     : "the issuer itself",
                finding->is_delegate ? cli_plugin_text(p, finding->signer)
                                     : "");
    }
}

static void print_crl(FILE *out, apr_pool_t *p, const cli_finding_t *finding)
{
    const staple_verdict_t *said = &finding->crl.said;

    if (finding->crl_url == NULL) {
        return;
    }
    fprintf(out, "CRL:         %s\n", finding->crl_url);
    fprintf(out, "it says:     %s\n", cli_verdict_text(p, &finding->crl));
    if (finding->crl.reason == STAPLE_OK) {
        print_updates(out, p, said);
    }
}

static void print_details(FILE *out, apr_pool_t *p,
                          const cli_finding_t *finding)
{
    if (finding->peer.address != NULL) {
        fprintf(out, "connection:  %s%s%s\n", finding->peer.address,
                finding->peer.protocol != NULL ? ", " : "",
                finding->peer.protocol != NULL ? finding->peer.protocol : "");
    }
    print_cert(out, p, finding);
    print_staple(out, p, finding);
    print_crl(out, p, finding);
}

int cli_show_lines(FILE *out, apr_pool_t *p, const apr_array_header_t *findings,
                   int is_quiet)
{
    int is_alone = findings->nelts == 1;
    int count, i;
    const cli_finding_t *worst = find_worst(&count, findings);

    fprintf(out, "OCSP %s: ", cli_plugin_word(worst->exit));
    if (!is_alone && count > 0) {
        fprintf(out, "%d of %d: ", count, findings->nelts);
    }
    if (!is_alone && count == 0) {
        fprintf(out, "all %d", findings->nelts);
    }
    else {
        fprintf(out, "%s: %s", worst->label, worst->why);
    }
    fputs(has_data(findings) ? " |" : "", out);
    for (i = 0; i < findings->nelts; i++) {
        print_data(out, get(findings, i), is_alone);
    }
    fputc('\n', out);
    for (i = 0; i < findings->nelts && !is_alone && !is_quiet; i++) {
        const cli_finding_t *finding = get(findings, i);

        fprintf(out, "%s: %s: %s\n", cli_plugin_word(finding->exit),
                finding->label, finding->why);
    }
    if (is_alone && !is_quiet) {
        print_details(out, p, worst);
    }
    return worst->exit;
}

/* ---- JSON ---- */

static void put(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key,
                        text != NULL ? json_string(text) : json_null());
}

/* What was judged as verify does, or that there was nothing to judge. */
static json_t *verdict_json(apr_pool_t *p, const cli_finding_t *finding)
{
    cli_verdict_t none = finding->verdict;
    json_t *object;

    if (finding->is_judged) {
        return cli_verdict_json(p, &finding->verdict);
    }
    none.reason = STAPLE_NOT_FOUND;
    object = cli_verdict_json(p, &none);
    put(object, "status", finding->peer.protocol != NULL ? "none" : NULL);
    put(object, "reason", NULL);
    put(object, "sentence", NULL);
    return object;
}

/* What its CRL says, or null. */
static json_t *crl_json(apr_pool_t *p, const cli_finding_t *finding)
{
    static const char *const members[] = {
        "status", "reason", "sentence", "this_update", "next_update",
        "use_until", "revoked_at", "revocation_reason"};
    json_t *object, *all;
    unsigned i;

    if (finding->crl_url == NULL) {
        return json_null();
    }
    object = json_object();
    all = cli_verdict_json(p, &finding->crl);
    put(object, "url", finding->crl_url);
    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        json_object_set(object, members[i], json_object_get(all, members[i]));
    }
    json_decref(all);
    return object;
}

static json_t *finding_json(apr_pool_t *p, const cli_finding_t *finding)
{
    json_t *object = json_object();
    json_t *verdict = verdict_json(p, finding);

    put(object, "host", finding->target->host);
    json_object_set_new(object, "port",
                        json_integer(atoi(finding->target->port)));
    put(object, "address", finding->peer.address);
    put(object, "protocol", finding->peer.protocol);
    put(object, "result", cli_plugin_word(finding->exit));
    json_object_set_new(object, "exit", json_integer(finding->exit));
    put(object, "why", finding->why);
    json_object_set_new(object, "trusted",
                        finding->peer.protocol != NULL
                            ? json_boolean(finding->peer.refused == NULL)
                            : json_null());
    put(object, "refused", finding->peer.refused);
    json_object_update(object, verdict);
    json_decref(verdict);
    json_object_set_new(object, "left_seconds",
                        has_left(finding)
                            ? json_integer(apr_time_sec(left_of(finding)))
                            : json_null());
    put(object, "signed_by",
        finding->signer == NULL ? NULL
        : finding->is_delegate  ? "delegate"
                                : "issuer");
    put(object, "signer", finding->signer);
    json_object_set_new(object, "crl", crl_json(p, finding));
    return object;
}

int cli_show_json(FILE *out, apr_pool_t *p, const apr_array_header_t *findings)
{
    json_t *object = json_object();
    json_t *hosts = json_array();
    int count, i;
    int worst = find_worst(&count, findings)->exit;

    for (i = 0; i < findings->nelts; i++) {
        json_array_append_new(hosts, finding_json(p, get(findings, i)));
    }
    put(object, "result", cli_plugin_word(worst));
    json_object_set_new(object, "exit", json_integer(worst));
    json_object_set_new(object, "hosts", hosts);
    cli_verdict_put_json(out, object);
    return worst;
}
