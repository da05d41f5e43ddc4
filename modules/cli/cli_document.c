/* The document of the status handler: read, checked, judged. */
#include "cli_document.h"

#include <apr_strings.h>
#include <stdio.h>
#include <string.h>

#include "cli_plugin.h"

const char *cli_document_text(apr_pool_t *p, const json_t *text)
{
    return json_is_string(text) ? cli_plugin_text(p, json_string_value(text))
                                : "-";
}

static cli_opinion_t say(int status, const char *why)
{
    const cli_opinion_t verdict = {status, why};

    return verdict;
}

int cli_document_time(apr_time_t *at, const char *text)
{
    apr_time_exp_t t = {0};
    char end;

    if (text == NULL
        || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%c", &t.tm_year, &t.tm_mon,
                  &t.tm_mday, &t.tm_hour, &t.tm_min, &t.tm_sec, &end)
               != 7
        || end != 'Z' || strlen(text) != 20 || t.tm_year < 1970 || t.tm_mon < 1
        || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > 31) {
        return 0;
    }
    t.tm_year -= 1900;
    t.tm_mon--;
    return apr_time_exp_gmt_get(at, &t) == APR_SUCCESS;
}

/* The first member that is not there, or is of another type; NULL: none. */
static const char *what_is_missing(const json_t *document)
{
    static const char *const lists[] = {"certificates", "responders",
                                        "servers"};
    const json_t *refresher = json_object_get(document, "refresher");
    const json_t *list, *entry;
    size_t i, k;

    if (json_integer_value(json_object_get(document, "version")) != 1) {
        return "version 1";
    }
    if (!json_is_boolean(json_object_get(refresher, "running"))) {
        return "refresher.running";
    }
    for (i = 0; i < 3; i++) {
        list = json_object_get(document, lists[i]);
        if (!json_is_array(list)) {
            return lists[i];
        }
        json_array_foreach(list, k, entry)
        {
            if (i == 0
                && (!json_is_string(json_object_get(entry, "state"))
                    || !json_is_array(json_object_get(entry, "conditions")))) {
                return "certificates[].state and .conditions";
            }
            if (i == 1 && !json_is_boolean(json_object_get(entry, "healthy"))) {
                return "responders[].healthy";
            }
        }
    }
    return NULL;
}

int cli_document_conditions(const json_t *conditions)
{
    static const char *const critical[] = {"revoked", "issuer-revoked",
                                           "must-staple"};
    const json_t *condition;
    size_t i, k;

    json_array_foreach(conditions, i, condition)
    {
        for (k = 0; k < 3; k++) {
            if (json_is_string(condition)
                && strcmp(json_string_value(condition), critical[k]) == 0) {
                return CLI_PLUGIN_CRITICAL;
            }
        }
    }
    return json_array_size(conditions) > 0 ? CLI_PLUGIN_WARNING : CLI_PLUGIN_OK;
}

/* The worst certificate, and how many are troubled. */
static cli_opinion_t judge_certificates(apr_pool_t *p,
                                        const json_t *certificates)
{
    const json_t *entry;
    const json_t *first = NULL;
    int worst = CLI_PLUGIN_OK;
    unsigned troubled = 0;
    size_t i;

    json_array_foreach(certificates, i, entry)
    {
        int status =
            cli_document_conditions(json_object_get(entry, "conditions"));

        troubled += status != CLI_PLUGIN_OK;
        if (status > worst) {
            worst = status;
            first = entry;
        }
    }
    return say(worst,
               first == NULL
                   ? NULL
                   : apr_psprintf(
                       p,
                       "%u of %" APR_SIZE_T_FMT
                       " certificates: %s (serial %s) is %s%s",
                       troubled, json_array_size(certificates),
                       cli_document_text(p, json_object_get(first, "subject")),
                       cli_document_text(p, json_object_get(first, "serial")),
                       cli_document_text(p, json_object_get(first, "state")),
                       worst == CLI_PLUGIN_CRITICAL
                               && json_is_null(json_object_get(first, "staple"))
                           ? ", without staple"
                           : ""));
}

/* How many certificates are in this state? */
static size_t count_state(const json_t *certificates, const char *state)
{
    const json_t *entry;
    size_t count = 0;
    size_t i;

    json_array_foreach(certificates, i, entry)
    {
        count +=
            strcmp(json_string_value(json_object_get(entry, "state")), state)
            == 0;
    }
    return count;
}

/* Of a responder that is not healthy. */
static const char *what_ails(apr_pool_t *p, const json_t *responder)
{
    const char *state = json_string_value(json_object_get(responder, "state"));

    return apr_psprintf(p, "responder %s %s",
                        cli_document_text(p, json_object_get(responder, "url")),
                        state != NULL && strcmp(state, "failing") == 0
                            ? "gave no answer of use"
                            : "is down");
}

static cli_opinion_t judge_document(apr_pool_t *p, const json_t *document)
{
    const json_t *refresher = json_object_get(document, "refresher");
    const json_t *certificates = json_object_get(document, "certificates");
    cli_opinion_t verdict;
    const json_t *entry;
    size_t i;

    verdict = judge_certificates(p, certificates);
    if (verdict.exit == CLI_PLUGIN_CRITICAL) {
        return verdict;
    }
    if (count_state(certificates, "disabled")
        == json_array_size(certificates)) {
        return say(CLI_PLUGIN_WARNING, json_array_size(certificates) == 0
                                           ? "there are no certificates"
                                           : "no certificate can be stapled");
    }
    if (!json_is_true(json_object_get(refresher, "running"))) {
        return json_is_null(json_object_get(refresher, "pid"))
                   ? say(CLI_PLUGIN_WARNING,
                         "the refresher has not started yet")
                   : say(CLI_PLUGIN_CRITICAL,
                         apr_psprintf(
                             p,
                             "the refresher hangs or does not run, its last "
                             "look was at %s: staples will run out",
                             cli_document_text(
                                 p, json_object_get(refresher, "last_round"))));
    }
    if (verdict.exit != CLI_PLUGIN_OK) {
        return verdict;
    }
    json_array_foreach(json_object_get(document, "responders"), i, entry)
    {
        if (json_is_false(json_object_get(entry, "healthy"))) {
            return say(CLI_PLUGIN_WARNING, what_ails(p, entry));
        }
    }
    return say(CLI_PLUGIN_OK,
               apr_psprintf(p,
                            "%" APR_SIZE_T_FMT " of %" APR_SIZE_T_FMT
                            " certificates are good, nothing significant",
                            count_state(certificates, "good"),
                            json_array_size(certificates)));
}

cli_opinion_t cli_document_judge(json_t **document, apr_pool_t *p,
                                 const char *bytes, apr_size_t len,
                                 apr_interval_time_t max_age, apr_time_t now)
{
    json_error_t error;
    const char *missing;
    apr_time_t at;

    *document = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
    if (*document == NULL) {
        return say(CLI_PLUGIN_UNKNOWN,
                   apr_psprintf(p, "not JSON: line %d, column %d", error.line,
                                error.column));
    }
    missing = what_is_missing(*document);
    if (missing != NULL) {
        return say(CLI_PLUGIN_UNKNOWN,
                   apr_psprintf(p,
                                "not a status of mod_ocspstaple: it has no "
                                "%s",
                                missing));
    }
    if (!cli_document_time(&at, json_string_value(json_object_get(
                                    *document, "generated_at")))) {
        return say(CLI_PLUGIN_UNKNOWN, "generated_at is no time");
    }
    if (at > now + max_age || at < now - max_age) {
        return say(
            CLI_PLUGIN_UNKNOWN,
            apr_psprintf(p, "the status is of %s, not of now",
                         cli_document_text(
                             p, json_object_get(*document, "generated_at"))));
    }
    return judge_document(p, *document);
}
