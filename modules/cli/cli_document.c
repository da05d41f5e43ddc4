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

/* Is it an object that says how all is? */
static int is_health(const json_t *health)
{
    return cli_document_exit(json_object_get(health, "state"))
               != CLI_PLUGIN_UNKNOWN
           && json_is_string(json_object_get(health, "summary"))
           && json_is_array(json_object_get(health, "problems"));
}

/* The first member that is not there, or is of another type; NULL: none. */
static const char *what_is_missing(const json_t *document)
{
    const json_t *list = json_object_get(document, "certificates");
    const json_t *entry;
    size_t i;

    if (json_integer_value(json_object_get(document, "version")) != 1) {
        return "version 1";
    }
    if (!json_is_array(list)) {
        return "certificates";
    }
    json_array_foreach(list, i, entry)
    {
        if (!json_is_string(json_object_get(entry, "state"))) {
            return "certificates[].state";
        }
    }
    if (!is_health(json_object_get(document, "health"))) {
        return "health";
    }
    return is_health(json_object_get(document, "significant_health"))
               ? NULL
               : "significant_health";
}

int cli_document_exit(const json_t *state)
{
    static const struct {
        const char *state;
        int exit;
    } rows[] = {{"ok", CLI_PLUGIN_OK},
                {"warning", CLI_PLUGIN_WARNING},
                {"critical", CLI_PLUGIN_CRITICAL}};
    int i;

    for (i = 0; i < 3; i++) {
        if (json_is_string(state)
            && strcmp(json_string_value(state), rows[i].state) == 0) {
            return rows[i].exit;
        }
    }
    return CLI_PLUGIN_UNKNOWN;
}

/* The module has judged: what it says of all. */
static cli_opinion_t judge_document(apr_pool_t *p, const json_t *health)
{
    const char *summary =
        cli_document_text(p, json_object_get(health, "summary"));
    size_t count = json_array_size(json_object_get(health, "problems"));

    if (count > 1) {
        summary = apr_psprintf(p, "%s; and %" APR_SIZE_T_FMT " more problem%s",
                               summary, count - 1, count == 2 ? "" : "s");
    }
    return say(cli_document_exit(json_object_get(health, "state")), summary);
}

cli_opinion_t cli_document_judge(json_t **document, apr_pool_t *p,
                                 const char *bytes, apr_size_t len,
                                 const char *health,
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
    return judge_document(p, json_object_get(*document, health));
}
