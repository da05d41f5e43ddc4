/* The result of verify and fetch: its line, its JSON, its exit status. */
#include "cli_verdict.h"

#include <apr_escape.h>
#include <apr_strings.h>

#include "base/staple_text.h"
#include "cli.h"

static const struct {
    const char *name;
    int exit;
} statuses[] = {
    [STAPLE_CERT_GOOD] = {"good", CLI_EXIT_GOOD},
    [STAPLE_CERT_UNKNOWN] = {"unknown", CLI_EXIT_UNKNOWN},
    [STAPLE_CERT_REVOKED] = {"revoked", CLI_EXIT_REVOKED},
};

const char *cli_verdict_time(apr_pool_t *p, apr_time_t at)
{
    char *text = apr_palloc(p, STAPLE_TEXT_SIZE);

    return staple_text_time(text, at);
}

const char *cli_verdict_text(apr_pool_t *p, const cli_verdict_t *verdict)
{
    const staple_verdict_t *said = &verdict->said;

    if (verdict->reason != STAPLE_OK) {
        return apr_psprintf(p, "rejected: %s: %s",
                            staple_reason_name(verdict->reason),
                            staple_reason_sentence(verdict->reason));
    }
    return said->status == STAPLE_CERT_REVOKED
               ? apr_psprintf(p, "revoked (%s, %s)",
                              staple_verify_crl_reason(said->revocation_reason),
                              cli_verdict_time(p, said->revoked_at))
               : statuses[said->status].name;
}

void cli_verdict_print(FILE *out, apr_pool_t *p, const cli_verdict_t *verdict)
{
    fprintf(out, "%s\n", cli_verdict_text(p, verdict));
}

int cli_verdict_exit(const cli_verdict_t *verdict)
{
    return verdict->reason == STAPLE_OK ? statuses[verdict->said.status].exit
                                        : CLI_EXIT_REJECTED;
}

int cli_verdict_worse(int a, int b)
{
    static const int order[] = {CLI_EXIT_USAGE, CLI_EXIT_REVOKED,
                                CLI_EXIT_REJECTED, CLI_EXIT_UNKNOWN,
                                CLI_EXIT_GOOD};
    unsigned i;

    for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (a == order[i] || b == order[i]) {
            return order[i];
        }
    }
    return CLI_EXIT_REJECTED;
}

/* ---- JSON ---- */

json_t *cli_verdict_json_time(apr_pool_t *p, apr_time_t at)
{
    return at != 0 ? json_string(cli_verdict_time(p, at)) : json_null();
}

static void put(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key,
                        text != NULL ? json_string(text) : json_null());
}

static void put_time(json_t *object, const char *key, apr_pool_t *p,
                     apr_time_t at)
{
    json_object_set_new(object, key, cli_verdict_json_time(p, at));
}

static void put_cert(json_t *object, apr_pool_t *p, const staple_cert_t *cert)
{
    int is_known = cert != NULL;

    put(object, "subject", is_known ? cert->subject : NULL);
    put(object, "serial", is_known ? cert->serial : NULL);
    put(object, "sha256",
        is_known ? apr_pescape_hex(p, cert->sha256, sizeof(cert->sha256), 0)
                 : NULL);
    put(object, "issuer", is_known ? cert->issuer->subject : NULL);
    put_time(object, "not_after", p, is_known ? cert->not_after : 0);
    json_object_set_new(object, "must_staple",
                        is_known ? json_boolean(cert->must_staple)
                                 : json_null());
}

void cli_verdict_put_reason(json_t *object, staple_reason_e reason)
{
    int is_wrong = reason != STAPLE_OK;

    put(object, "reason", is_wrong ? staple_reason_name(reason) : NULL);
    put(object, "sentence", is_wrong ? staple_reason_sentence(reason) : NULL);
}

json_t *cli_verdict_json(apr_pool_t *p, const cli_verdict_t *verdict)
{
    static const staple_verdict_t nothing;
    json_t *object = json_object();
    const staple_verdict_t *said = &verdict->said;
    const char *status = "rejected";
    int is_revoked;

    if (verdict->reason == STAPLE_OK) {
        status = statuses[said->status].name;
    }
    else {
        said = &nothing;
    }
    is_revoked = said->status == STAPLE_CERT_REVOKED;
    put(object, "status", status);
    cli_verdict_put_reason(object, verdict->reason);
    put_cert(object, p, verdict->cert);
    put_time(object, "judged_at", p, verdict->at);
    put_time(object, "produced_at", p, said->produced_at);
    put_time(object, "this_update", p, said->this_update);
    put_time(object, "next_update", p, said->next_update);
    put_time(object, "use_until", p, said->use_until);
    put_time(object, "revoked_at", p, is_revoked ? said->revoked_at : 0);
    put(object, "revocation_reason",
        is_revoked ? staple_verify_crl_reason(said->revocation_reason) : NULL);
    return object;
}

void cli_verdict_put_json(FILE *out, json_t *json)
{
    json_dumpf(json, out, JSON_ENSURE_ASCII);
    fputc('\n', out);
    json_decref(json);
}
