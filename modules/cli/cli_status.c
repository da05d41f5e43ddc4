/* The command status: gets a server's status, prints a table, judges it. */
#include <apr_strings.h>
#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/staple_types.h"
#include "base/staple_version.h"
#include "cli_options.h"
#include "cli_plugin.h"

#define MAX_DOCUMENT (64 * 1024 * 1024) /* 10,000 certificates have 10 MB */
#define TIMEOUT 20                      /* seconds for all of it */
#define MAX_AGE apr_time_from_sec(300)

/* What is wrong, or one line of what is not. */
typedef struct opinion_t {
    int exit;
    const char *why; /* one sentence, printable */
} opinion_t;

/* ---- the document: read, checked, judged ---- */

/* Text from the document, fit for a line, from p; "-" for what is no text. */
static const char *printable(apr_pool_t *p, const json_t *text)
{
    return json_is_string(text) ? cli_plugin_text(p, json_string_value(text))
                                : "-";
}

static opinion_t say(int status, const char *why)
{
    const opinion_t verdict = {status, why};

    return verdict;
}

/* An instant as the module writes it (RFC 3339, UTC).  Returns 0 for others. */
static int read_time(apr_time_t *at, const char *text)
{
    apr_time_exp_t t = {0};
    char end;

    if (text == NULL
        || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%c", &t.tm_year, &t.tm_mon,
                  &t.tm_mday, &t.tm_hour, &t.tm_min, &t.tm_sec, &end)
               != 7
        || end != 'Z' || strlen(text) != 20 || t.tm_year < 1970
        || t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > 31) {
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
        json_array_foreach(list, k, entry) {
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

/* How bad the conditions of one certificate are. */
static int judge_conditions(const json_t *conditions)
{
    static const char *const critical[] = {"revoked", "issuer-revoked",
                                           "must-staple"};
    const json_t *condition;
    size_t i, k;

    json_array_foreach(conditions, i, condition) {
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
static opinion_t judge_certificates(apr_pool_t *p,
                                               const json_t *certificates)
{
    const json_t *entry;
    const json_t *first = NULL;
    int worst = CLI_PLUGIN_OK;
    unsigned troubled = 0;
    size_t i;

    json_array_foreach(certificates, i, entry) {
        int status = judge_conditions(json_object_get(entry, "conditions"));

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
                         p, "%u of %" APR_SIZE_T_FMT
                         " certificates: %s (serial %s) is %s%s", troubled,
                         json_array_size(certificates),
                         printable(p, json_object_get(first, "subject")),
                         printable(p, json_object_get(first, "serial")),
                         printable(p, json_object_get(first, "state")),
                         worst == CLI_PLUGIN_CRITICAL
                                 && json_is_null(
                                     json_object_get(first, "staple"))
                             ? ", without staple"
                             : ""));
}

/* How many certificates are in this state? */
static size_t count_state(const json_t *certificates, const char *state)
{
    const json_t *entry;
    size_t count = 0;
    size_t i;

    json_array_foreach(certificates, i, entry) {
        count += strcmp(json_string_value(json_object_get(entry, "state")),
                        state)
                 == 0;
    }
    return count;
}

/* Of a responder that is not healthy. */
static const char *what_ails(apr_pool_t *p, const json_t *responder)
{
    const char *state =
        json_string_value(json_object_get(responder, "state"));

    return apr_psprintf(p, "responder %s %s",
                        printable(p, json_object_get(responder, "url")),
                        state != NULL && strcmp(state, "failing") == 0
                            ? "gave no answer of use"
                            : "is down");
}

static opinion_t judge_document(apr_pool_t *p,
                                           const json_t *document)
{
    const json_t *refresher = json_object_get(document, "refresher");
    const json_t *certificates = json_object_get(document, "certificates");
    opinion_t verdict;
    const json_t *entry;
    size_t i;

    verdict = judge_certificates(p, certificates);
    if (verdict.exit == CLI_PLUGIN_CRITICAL) {
        return verdict;
    }
    if (count_state(certificates, "disabled")
        == json_array_size(certificates)) {
        return say(CLI_PLUGIN_WARNING,
                   json_array_size(certificates) == 0
                       ? "there are no certificates"
                       : "no certificate can be stapled");
    }
    if (!json_is_true(json_object_get(refresher, "running"))) {
        return json_is_null(json_object_get(refresher, "pid"))
                   ? say(CLI_PLUGIN_WARNING,
                         "the refresher has not started yet")
                   : say(CLI_PLUGIN_CRITICAL,
                         apr_psprintf(
                             p, "the refresher hangs or does not run, its last "
                                "look was at %s: staples will run out",
                             printable(p, json_object_get(
                                                    refresher, "last_round"))));
    }
    if (verdict.exit != CLI_PLUGIN_OK) {
        return verdict;
    }
    json_array_foreach(json_object_get(document, "responders"), i, entry) {
        if (json_is_false(json_object_get(entry, "healthy"))) {
            return say(CLI_PLUGIN_WARNING, what_ails(p, entry));
        }
    }
    return say(CLI_PLUGIN_OK,
               apr_psprintf(p, "%" APR_SIZE_T_FMT " of %" APR_SIZE_T_FMT
                            " certificates are good, nothing significant",
                            count_state(certificates, "good"),
                            json_array_size(certificates)));
}

/*
 * Judges a document of `len` bytes at `now`; *document is what it says, the
 * caller's, or NULL where it cannot be told.  Critical: no refresher, or a
 * certificate is significantly revoked, or has a revoked issuer, or is
 * must-staple and has no staple.  Warning: anything else that is significant,
 * a responder that is down, or no refresher yet.
 */
static opinion_t judge(json_t **document, apr_pool_t *p,
                                      const char *bytes, apr_size_t len,
                                      apr_interval_time_t max_age,
                                      apr_time_t now)
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
                   apr_psprintf(p, "not a status of mod_ocspstaple: it has no "
                                "%s", missing));
    }
    if (!read_time(&at, json_string_value(
                            json_object_get(*document, "generated_at")))) {
        return say(CLI_PLUGIN_UNKNOWN, "generated_at is no time");
    }
    if (at > now + max_age || at < now - max_age) {
        return say(CLI_PLUGIN_UNKNOWN,
                   apr_psprintf(p, "the status is of %s, not of now",
                                printable(p, json_object_get(
                                                       *document,
                                                       "generated_at"))));
    }
    return judge_document(p, *document);
}

/* ---- getting it ---- */

/* A document of at most MAX_DOCUMENT bytes. */
typedef struct document_t {
    unsigned char *bytes;
    apr_size_t len;
} document_t;

static size_t take(char *bytes, size_t size, size_t count, void *baton)
{
    document_t *document = baton;
    size_t len = size * count;

    if (len > MAX_DOCUMENT - document->len) {
        return 0;
    }
    memcpy(document->bytes + document->len, bytes, len);
    document->len += len;
    return len;
}

/* Gets a URL.  NULL, or why it could not be had. */
static const char *get_url(document_t *document, const char *url)
{
    CURL *curl = curl_easy_init();
    const char *why = NULL;
    long code = 0;
    CURLcode result;

    if (curl == NULL) {
        return "no memory for libcurl";
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "ocspstaple/" STAPLE_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, document);
    result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_cleanup(curl);
    if (result == CURLE_WRITE_ERROR) {
        why = "the answer is larger than 64 MiB";
    }
    else if (result != CURLE_OK) {
        why = curl_easy_strerror(result);
    }
    else if (code != 200) {
        why = "the HTTP status is not 200";
    }
    return why;
}

static int is_url(const char *source)
{
    return strncmp(source, "http://", 7) == 0
           || strncmp(source, "https://", 8) == 0;
}

/* Gets what `source` names.  NULL, or why it could not be had. */
static const char *get_source(document_t *got, const cli_command_t *command,
                              apr_pool_t *p, const char *source)
{
    if (is_url(source)) {
        got->bytes = apr_palloc(p, MAX_DOCUMENT);
        return get_url(got, source);
    }
    if (cli_read_file(&got->bytes, &got->len, command, p, source, MAX_DOCUMENT)
        != CLI_GO_ON) {
        return "the file cannot be read";
    }
    return got->len > MAX_DOCUMENT ? "the file is larger than 64 MiB" : NULL;
}

static void print_table(apr_pool_t *p, const json_t *document)
{
    const json_t *entry;
    size_t i;

    printf("%-14s %-6s %-21s %-5s %s\n", "STATE", "STALE", "NEXT REFRESH",
           "SCORE", "CERTIFICATE");
    json_array_foreach(json_object_get(document, "certificates"), i, entry) {
        const json_t *error = json_object_get(entry, "error");

        printf("%-14s %-6s %-21s %-5.1f %s%s%s\n",
               printable(p, json_object_get(entry, "state")),
               json_is_true(json_object_get(entry, "stale")) ? "stale" : "-",
               printable(p, json_object_get(entry, "next_refresh")),
               json_number_value(json_object_get(entry, "score")),
               printable(p, json_object_get(entry, "subject")),
               json_is_string(error) ? ": " : "",
               json_is_string(error) ? printable(p, error) : "");
    }
}

static int report(apr_pool_t *p, const document_t *got, int is_quiet,
                  apr_interval_time_t max_age)
{
    json_t *document;
    opinion_t verdict = judge(&document, p, (const char *)got->bytes, got->len,
                              max_age, apr_time_now());

    printf("OCSP %s: %s\n", cli_plugin_word(verdict.exit), verdict.why);
    if (!is_quiet && verdict.exit != CLI_PLUGIN_UNKNOWN) {
        print_table(p, document);
    }
    json_decref(document);
    return verdict.exit;
}

int cli_status_run(const cli_command_t *command, apr_pool_t *p,
                  const char *const *args)
{
    const char *source = NULL;
    apr_interval_time_t max_age = MAX_AGE;
    int is_quiet = 0;
    document_t got = {NULL, 0};
    const char *why;
    int status;
    cli_option_t options[] = {
        {.name = "max-age", .value = "SECONDS", .kind = CLI_OPTION_DURATION,
         .to = &max_age, .min = 1, .max = 31536000,
         .help = "how old the status may be (default: 300)"},
        {.name = "quiet", .kind = CLI_OPTION_FLAG, .to = &is_quiet,
         .help = "only the first line"},
        {.name = NULL}};

    if (args[0] != NULL && strncmp(args[0], "--", 2) != 0) {
        source = *args++;
    }
    status = cli_options_read(command, p, options, args);
    if (status != CLI_GO_ON) {
        return status == 0 ? 0 : CLI_PLUGIN_UNKNOWN;
    }
    if (source == NULL) {
        cli_complain(command, "which status? give a URL or a file");
        return CLI_PLUGIN_UNKNOWN;
    }
    why = get_source(&got, command, p, source);
    if (why != NULL) {
        printf("OCSP UNKNOWN: %s\n", why);
        status = CLI_PLUGIN_UNKNOWN;
    }
    else {
        status = report(p, &got, is_quiet, max_age);
    }
    return status;
}
