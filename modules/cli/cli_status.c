/* The command status: gets a server's status, prints a table, judges it. */
#include <apr_strings.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/staple_types.h"
#include "base/staple_version.h"
#include "cli_options.h"
#include "cli_plugin.h"
#include "cli_table.h"
#include "cli_verdict.h"

#define MAX_DOCUMENT (64 * 1024 * 1024) /* 10,000 certificates have 10 MB */
#define TIMEOUT 20                      /* seconds for all of it */
#define MAX_AGE apr_time_from_sec(300)

/* What the options say. */
typedef struct wish_t {
    cli_arguments_t sources;
    apr_interval_time_t max_age;
    int json, is_quiet, honors_exclude;
} wish_t;

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

/* The URL with format=json in its query, unless it names a format; without a
 * fragment, which servers are not told. */
static const char *with_format(apr_pool_t *p, const char *url)
{
    const char *whole = apr_pstrmemdup(p, url, strcspn(url, "#"));
    const char *query = strchr(whole, '?');

    if (query == NULL) {
        return apr_pstrcat(p, whole, "?format=json", NULL);
    }
    if (strncmp(query + 1, "format=", 7) == 0
        || strstr(query, "&format=") != NULL) {
        return whole;
    }
    return apr_pstrcat(p, whole, query[1] != '\0' ? "&" : "", "format=json",
                       NULL);
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
        return get_url(got, with_format(p, source));
    }
    if (cli_read_file(&got->bytes, &got->len, command, p, source, MAX_DOCUMENT)
        != CLI_GO_ON) {
        return "the file cannot be read";
    }
    return got->len > MAX_DOCUMENT ? "the file is larger than 64 MiB" : NULL;
}

/* ---- what it says ---- */

/* Judges what was got, or says `why` it was not, and prints that. */
static int report(apr_pool_t *p, const document_t *got, const char *why,
                  const wish_t *wish)
{
    apr_time_t now = apr_time_now();
    cli_opinion_t verdict = {CLI_PLUGIN_UNKNOWN, why};
    cli_table_t *table = NULL;
    json_t *document = NULL;

    if (why == NULL) {
        verdict = cli_document_judge(&document, p, (const char *)got->bytes,
                                     got->len,
                                     wish->honors_exclude
                                         ? "significant_health" : "health",
                                     wish->max_age, now);
    }
    if (verdict.exit != CLI_PLUGIN_UNKNOWN) {
        table = cli_table_make(p, document);
    }
    if (wish->json) {
        cli_verdict_put_json(stdout,
                             cli_table_json(table, &verdict, wish->is_quiet));
        json_decref(document);
        return verdict.exit;
    }
    printf("OCSP %s: %s", cli_plugin_word(verdict.exit), verdict.why);
    if (table != NULL) {
        fputs(" |", stdout);
        cli_table_print_data(stdout, table, now);
    }
    putchar('\n');
    if (table != NULL && !wish->is_quiet) {
        cli_table_print(stdout, p, table);
    }
    json_decref(document);
    return verdict.exit;
}

int cli_status_run(const cli_command_t *command, apr_pool_t *p,
                   const char *const *args)
{
    wish_t wish = {.max_age = MAX_AGE};
    document_t got = {NULL, 0};
    cli_option_t options[] = {
        {.name = "", .value = "URL|FILE", .kind = CLI_OPTION_ARGUMENTS,
         .to = &wish.sources,
         .help = "of the status; ?format=json is added to a URL"},
        {.name = "max-age", .value = "SECONDS", .kind = CLI_OPTION_DURATION,
         .to = &wish.max_age, .min = 1, .max = 31536000,
         .help = "how old the status may be (default: 300)"},
        {.name = "honor-exclude", .kind = CLI_OPTION_FLAG,
         .to = &wish.honors_exclude,
         .help = "leave out what OCSPStapleLogExclude excludes"},
        {.name = "json", .kind = CLI_OPTION_FLAG, .to = &wish.json,
         .help = "print one JSON object instead of lines"},
        {.name = "quiet", .kind = CLI_OPTION_FLAG, .to = &wish.is_quiet,
         .help = "only the first line; no certificates in the JSON"},
        {.name = NULL}};
    int status = cli_options_read(command, p, options, args);

    if (status != CLI_GO_ON) {
        return status == 0 ? 0 : CLI_PLUGIN_UNKNOWN;
    }
    if (wish.sources.count != 1) {
        cli_complain(command, wish.sources.count == 0
                                  ? "which status? give a URL or a file"
                                  : "one status at a time: give one URL or "
                                    "one file");
        return CLI_PLUGIN_UNKNOWN;
    }
    return report(p, &got,
                  get_source(&got, command, p, wish.sources.list[0]), &wish);
}
