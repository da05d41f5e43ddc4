/* The command status: gets a server's status, prints a table, judges it. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/staple_types.h"
#include "base/staple_version.h"
#include "cli_files.h"
#include "cli_options.h"
#include "cli_status.h"

#define MAX_DOCUMENT (64 * 1024 * 1024) /* 10,000 certificates have 10 MB */
#define TIMEOUT 20                      /* seconds for all of it */
#define MAX_AGE apr_time_from_sec(300)

/* A document that grows, to a limit. */
typedef struct document_t {
    char *bytes;
    size_t len, room;
} document_t;

static size_t take(char *bytes, size_t size, size_t count, void *baton)
{
    document_t *document = baton;
    size_t len = size * count;
    char *larger;

    if (len > MAX_DOCUMENT - document->len) {
        return 0;
    }
    if (document->len + len > document->room) {
        document->room = 2 * (document->len + len);
        larger = realloc(document->bytes, document->room);
        if (larger == NULL) {
            return 0;
        }
        document->bytes = larger;
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
    unsigned char *bytes;

    if (is_url(source)) {
        return get_url(got, source);
    }
    if (cli_files_read(&bytes, &got->len, command, p, source, MAX_DOCUMENT)
        != CLI_GO_ON) {
        return "the file cannot be read";
    }
    got->bytes = malloc(got->len + 1);
    if (got->bytes == NULL) {
        return "no memory";
    }
    memcpy(got->bytes, bytes, got->len);
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
               cli_status_text(p, json_object_get(entry, "state")),
               json_is_true(json_object_get(entry, "stale")) ? "stale" : "-",
               cli_status_text(p, json_object_get(entry, "next_refresh")),
               json_number_value(json_object_get(entry, "score")),
               cli_status_text(p, json_object_get(entry, "subject")),
               json_is_string(error) ? ": " : "",
               json_is_string(error) ? cli_status_text(p, error) : "");
    }
}

static int report(apr_pool_t *p, const document_t *got, int is_quiet,
                  apr_interval_time_t max_age)
{
    static const char *const words[] = {"OK", "WARNING", "CRITICAL",
                                        "UNKNOWN"};
    json_t *document;
    cli_status_verdict_t verdict = cli_status_judge(
        &document, p, got->bytes != NULL ? got->bytes : "", got->len, max_age,
        apr_time_now());

    printf("OCSP %s: %s\n", words[verdict.exit], verdict.why);
    if (!is_quiet && verdict.exit != CLI_STATUS_UNKNOWN) {
        print_table(p, document);
    }
    json_decref(document);
    return verdict.exit;
}

int cli_watch_run(const cli_command_t *command, apr_pool_t *p,
                  const char *const *args)
{
    const char *source = NULL;
    apr_interval_time_t max_age = MAX_AGE;
    int is_quiet = 0;
    document_t got = {NULL, 0, 0};
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
    status = cli_options_read(command, options, args);
    if (status != CLI_GO_ON) {
        return status == 0 ? 0 : CLI_STATUS_UNKNOWN;
    }
    if (source == NULL) {
        cli_complain(command, "which status? give a URL or a file");
        return CLI_STATUS_UNKNOWN;
    }
    why = get_source(&got, command, p, source);
    if (why != NULL) {
        printf("OCSP UNKNOWN: %s\n", why);
        status = CLI_STATUS_UNKNOWN;
    }
    else {
        status = report(p, &got, is_quiet, max_age);
    }
    free(got.bytes);
    return status;
}
