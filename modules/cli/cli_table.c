/* The certificates of a status, the worst first: table, data and JSON. */
#include "cli_table.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "cli_plugin.h"

#define MOST_SERVERS 3 /* that are named in one line */

/* In this order they are shown, where health does not say otherwise. */
static const char *const states[] = {"revoked", "issuer-revoked", "unavailable",
                                     "unknown", "pending",        "good",
                                     "disabled"};

#define STATE_COUNT (sizeof(states) / sizeof(states[0]))

/* ---- order ---- */

static int has_state(const json_t *row, const char *state)
{
    return strcmp(json_string_value(json_object_get(row, "state")), state) == 0;
}

static size_t state_of(const json_t *row)
{
    size_t i = 0;

    while (i < STATE_COUNT && !has_state(row, states[i])) {
        i++;
    }
    return i;
}

static int is_stale(const json_t *row)
{
    return json_is_true(json_object_get(row, "stale"));
}

/* When the staple ends; NULL: there is none. */
static const char *staple_end_of(const json_t *row)
{
    return json_string_value(
        json_object_get(json_object_get(row, "staple"), "use_until"));
}

/* When that ends or, without one, what its CRL says; NULL: there is nothing. */
static const char *end_of(const json_t *row)
{
    const char *end = staple_end_of(row);

    return end != NULL
               ? end
               : json_string_value(json_object_get(json_object_get(row, "crl"),
                                                   "use_until"));
}

/* The worse of two is the smaller one. */
static int compare_rank(const json_t *a, const json_t *b)
{
    int health = cli_document_exit(json_object_get(b, "health"))
                 - cli_document_exit(json_object_get(a, "health"));
    size_t mine = state_of(a), other = state_of(b);

    if (health != 0) {
        return health;
    }
    return mine != other ? (mine > other) - (mine < other)
                         : is_stale(b) - is_stale(a);
}

static int compare_text(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

static int compare(const void *one, const void *two)
{
    const json_t *a = *(const json_t *const *)one;
    const json_t *b = *(const json_t *const *)two;
    int order = compare_rank(a, b);

    if (order == 0) { /* as text is as in time: RFC 3339, all in UTC */
        order = compare_text(end_of(a), end_of(b));
    }
    return order != 0
               ? order
               : compare_text(json_string_value(json_object_get(a, "subject")),
                              json_string_value(json_object_get(b, "subject")));
}

cli_table_t *cli_table_make(apr_pool_t *p, const json_t *document)
{
    const json_t *list = json_object_get(document, "certificates");
    cli_table_t *table = apr_pcalloc(p, sizeof(*table));
    size_t i;

    table->document = document;
    table->count = json_array_size(list);
    table->rows = apr_pcalloc(p, (table->count + 1) * sizeof(*table->rows));
    for (i = 0; i < table->count; i++) {
        table->rows[i] = json_array_get(list, i);
    }
    qsort(table->rows, table->count, sizeof(*table->rows), compare);
    return table;
}

/* ---- the table ---- */

/* "a.example,b.example,+7" */
static const char *servers_of(apr_pool_t *p, const json_t *row)
{
    const json_t *list = json_object_get(row, "servers");
    const char *text = "";
    size_t count = json_array_size(list);
    size_t i;

    for (i = 0; i < count && i < MOST_SERVERS; i++) {
        text = apr_pstrcat(p, text, i > 0 ? "," : "",
                           cli_document_text(p, json_array_get(list, i)), NULL);
    }
    if (count > MOST_SERVERS) {
        text =
            apr_psprintf(p, "%s,+%" APR_SIZE_T_FMT, text, count - MOST_SERVERS);
    }
    return count > 0 ? text : "-";
}

static void print_row(FILE *out, apr_pool_t *p, const json_t *row)
{
    const json_t *error = json_object_get(row, "error");
    const char *end = end_of(row);

    fprintf(out, "%-14s %-20s %-4s %-20s %-5.1f %-24s %s%s%s\n",
            cli_document_text(p, json_object_get(row, "state")),
            is_stale(row) ? "ran out"
            : end != NULL ? cli_plugin_text(p, end)
                          : "-",
            cli_document_text(p, json_object_get(row, "source")),
            cli_document_text(p, json_object_get(row, "next_refresh")),
            json_number_value(json_object_get(row, "score")),
            servers_of(p, row),
            cli_document_text(p, json_object_get(row, "subject")),
            json_is_string(error) ? ": " : "",
            json_is_string(error) ? cli_document_text(p, error) : "");
}

void cli_table_print(FILE *out, apr_pool_t *p, const cli_table_t *table)
{
    apr_pool_t *of_row = NULL;
    size_t i;

    fprintf(out, "%-14s %-20s %-4s %-20s %-5s %-24s %s\n", "STATE", "ENDS",
            "BY", "NEXT REFRESH", "SCORE", "SERVERS", "CERTIFICATE");
    if (apr_pool_create(&of_row, p) != APR_SUCCESS) {
        return;
    }
    for (i = 0; i < table->count; i++) {
        print_row(out, of_row, table->rows[i]);
        apr_pool_clear(of_row);
    }
    apr_pool_destroy(of_row);
}

/* ---- performance data ---- */

void cli_table_print_data(FILE *out, const cli_table_t *table, apr_time_t now)
{
    size_t counts[STATE_COUNT + 1] = {0};
    size_t stale = 0, significant = 0, i;
    apr_time_t first = 0, end;

    for (i = 0; i < table->count; i++) {
        const json_t *row = table->rows[i];

        counts[state_of(row)]++;
        stale += (size_t)is_stale(row);
        significant += json_array_size(json_object_get(row, "conditions")) > 0;
        if (cli_document_time(&end, staple_end_of(row))
            && (first == 0 || end < first)) {
            first = end;
        }
    }
    fprintf(out, " certificates=%zu;;;0", table->count);
    for (i = 0; i < STATE_COUNT; i++) {
        fprintf(out, " %s=%zu;;;0", states[i], counts[i]);
    }
    fprintf(out, " stale=%zu;;;0 significant=%zu;;;0", stale, significant);
    if (first != 0) {
        fprintf(out, " left=%" APR_TIME_T_FMT "s;;;0",
                first > now ? apr_time_sec(first - now) : 0);
    }
}

/* ---- JSON ---- */

static void put_copy(json_t *object, const char *key, const json_t *value)
{
    json_object_set_new(object, key,
                        value != NULL ? json_deep_copy(value) : json_null());
}

json_t *cli_table_json(const cli_table_t *table, const cli_opinion_t *verdict,
                       int is_quiet)
{
    static const char *const taken[] = {"generated_at", "refresher", "health",
                                        "significant_health", "totals",
                                        "responders", "crls"};
    json_t *object = json_object();
    json_t *rows = json_array();
    size_t i;

    json_object_set_new(object, "result",
                        json_string(cli_plugin_word(verdict->exit)));
    json_object_set_new(object, "exit", json_integer(verdict->exit));
    json_object_set_new(object, "why", json_string(verdict->why));
    for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        put_copy(
            object, taken[i],
            json_object_get(table != NULL ? table->document : NULL, taken[i]));
    }
    for (i = 0; table != NULL && i < table->count && !is_quiet; i++) {
        json_array_append_new(rows, json_deep_copy(table->rows[i]));
    }
    json_object_set_new(object, "certificates", rows);
    return object;
}
