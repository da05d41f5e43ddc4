/* What the status page is asked for, and which certificates answer it. */
#include "staple_status_query.h"

#include <apr_strings.h>
#include <stdlib.h>

#include "base/staple_parse.h"

#define MAX_ARGS 1024 /* characters of a query */
#define MAX_PAGE 1000000
#define DEFAULT_COLUMN 1 /* the state, the worst first */

/* ---- reading ---- */

static const char *set_sort(staple_status_query_t *query, const char *value)
{
    unsigned i;

    for (i = 0; i < STAPLE_STATUS_COLUMNS; i++) {
        if (strcmp(staple_status_columns[i].name, value) == 0) {
            query->sort = &staple_status_columns[i];
            return NULL;
        }
    }
    return "sort is none of: subject, state, staple, next, error, handshakes, "
           "score";
}

static const char *set_order(staple_status_query_t *query, const char *value)
{
    query->is_reversed = strcmp(value, "desc") == 0;
    return query->is_reversed || strcmp(value, "asc") == 0
               ? NULL
               : "order is none of: asc, desc";
}

static const char *set_page(staple_status_query_t *query, const char *value)
{
    apr_int64_t page;

    if (!staple_parse_number(&page, value, 1, MAX_PAGE)) {
        return "page is not a whole number from 1 to 1000000";
    }
    query->page = (apr_uint32_t)page;
    return NULL;
}

static const char *set_state(staple_status_query_t *query, const char *value)
{
    int i;

    for (i = 0; i < STAPLE_STATE_COUNT; i++) {
        if (strcmp(staple_state_name((staple_state_e)i), value) == 0) {
            query->state = (staple_state_e)i;
            return NULL;
        }
    }
    return "state is none of: pending, good, revoked, unknown, "
           "issuer-revoked, unavailable, disabled";
}

static const char *set_format(staple_status_query_t *query, const char *value)
{
    query->format = value;
    return NULL;
}

static const char *set_find(staple_status_query_t *query, const char *value)
{
    query->find = value;
    return NULL;
}

static const struct {
    const char *name;
    const char *(*set)(staple_status_query_t *query, const char *value);
} arguments[] = {
    {"format", set_format}, {"sort", set_sort},   {"order", set_order},
    {"page", set_page},     {"state", set_state}, {"find", set_find},
};

#define ARGUMENTS (sizeof(arguments) / sizeof(arguments[0]))

/* One "name=value"; what has no value is not given, and names that are not
 * ours are somebody else's. */
static const char *read_argument(staple_status_query_t *query, char *text)
{
    char *value = strchr(text, '=');
    unsigned i;

    if (value == NULL || value[1] == '\0') {
        return NULL;
    }
    *value++ = '\0';
    if (ap_unescape_urlencoded(value) != OK) {
        return "the query is not well escaped";
    }
    for (i = 0; i < ARGUMENTS; i++) {
        if (strcmp(arguments[i].name, text) == 0) {
            return arguments[i].set(query, value);
        }
    }
    return NULL;
}

const char *staple_status_query(staple_status_query_t *query, apr_pool_t *p,
                                const char *args)
{
    const char *wrong = NULL;
    char *rest, *text;

    *query = (staple_status_query_t){
        .sort = &staple_status_columns[DEFAULT_COLUMN],
        .page = 1, .state = STAPLE_STATE_COUNT, .find = ""};
    if (args == NULL) {
        return NULL;
    }
    if (strlen(args) > MAX_ARGS) {
        return "the query is longer than 1024 characters";
    }
    for (text = apr_strtok(apr_pstrdup(p, args), "&", &rest);
         text != NULL && wrong == NULL; text = apr_strtok(NULL, "&", &rest)) {
        wrong = read_argument(query, text);
    }
    return wrong;
}

const char *staple_status_query_link(apr_pool_t *p,
                                     const staple_status_query_t *query)
{
    const char *link = apr_psprintf(
        p, "?sort=%s&order=%s%s%s%s%s", query->sort->name,
        query->is_reversed ? "desc" : "asc",
        query->state != STAPLE_STATE_COUNT ? "&state=" : "",
        query->state != STAPLE_STATE_COUNT ? staple_state_name(query->state)
                                           : "",
        query->find[0] != '\0' ? "&find=" : "",
        query->find[0] != '\0' ? ap_escape_urlencoded(p, query->find) : "");

    if (query->page > 1) {
        link = apr_psprintf(p, "%s&page=%u", link, query->page);
    }
    return ap_escape_html(p, link);
}

/* ---- picking ---- */

typedef struct picked_t {
    apr_int64_t rank;
    const char *subject;
    apr_uint32_t index;
} picked_t;

/* Is `part` in `text`, whatever the case of its letters? */
static int has(const char *text, const char *part)
{
    return ap_strcasestr(text, part) != NULL;
}

static int is_asked_for(const staple_status_query_t *query,
                        const staple_snapshot_cert_t *cert)
{
    int found;
    int i;

    if (query->state != STAPLE_STATE_COUNT
        && (staple_state_e)cert->view.record.state != query->state) {
        return 0;
    }
    found = query->find[0] == '\0'
            || has(cert->view.cert->subject, query->find)
            || has(cert->view.cert->serial, query->find);
    for (i = 0; i < cert->view.servers->nelts && !found; i++) {
        found = has(staple_generation_server(&cert->view, i), query->find);
    }
    return found;
}

static int compare(const void *a, const void *b)
{
    const picked_t *one = a;
    const picked_t *other = b;
    int order;

    if (one->rank != other->rank) {
        return one->rank < other->rank ? -1 : 1;
    }
    order = strcmp(one->subject, other->subject);
    return order != 0 ? order : (one->index < other->index ? -1 : 1);
}

const apr_array_header_t *
staple_status_query_pick(apr_pool_t *p, const staple_status_query_t *query,
                         const staple_snapshot_t *snapshot)
{
    picked_t *picked = apr_palloc(p, (snapshot->count + 1) * sizeof(*picked));
    apr_array_header_t *indexes;
    staple_snapshot_cert_t cert;
    apr_uint32_t count = 0;
    apr_uint32_t i;

    for (i = 0; i < snapshot->count; i++) {
        if (staple_snapshot_cert(&cert, snapshot, i)
            && is_asked_for(query, &cert)) {
            picked[count++] = (picked_t){
                query->sort->rank != NULL ? query->sort->rank(&cert) : 0,
                cert.view.cert->subject, i};
        }
    }
    qsort(picked, count, sizeof(*picked), compare);
    indexes = apr_array_make(p, (int)count + 1, sizeof(apr_uint32_t));
    for (i = 0; i < count; i++) {
        *(apr_uint32_t *)apr_array_push(indexes)
            = picked[query->is_reversed ? count - 1 - i : i].index;
    }
    return indexes;
}
