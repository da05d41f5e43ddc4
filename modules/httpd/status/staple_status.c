/* The status handler, the forms for programs, and mod_status's section. */
#include "staple_status.h"

#include <apr_escape.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <ap_expr.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <jansson.h>
#include <mod_status.h>
#include <stdlib.h>

#include "base/staple_text.h"
#include "base/staple_version.h"
#include "ocsp/staple_verify.h"
#include "staple_health.h"
#include "staple_status_html.h"

#define HANDLER "ocspstaple-status"
#define MAX_DEPTH 16 /* of sections in a .htaccess that are looked at */

/* ---- metrics in the text format of Prometheus ---- */

/* A label's value: three characters are escaped, and what is not printable
 * ASCII is left out. */
static void put_label(request_rec *r, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"') {
            ap_rputc('\\', r);
        }
        if (*text >= ' ' && *text <= '~') {
            ap_rputc(*text, r);
        }
    }
}

static void put_metrics(request_rec *r, const staple_snapshot_t *snapshot)
{
    const apr_array_header_t *figures =
        staple_snapshot_figures(r->pool, snapshot);
    const char *last = "";
    int i;

    ap_set_content_type(r, "text/plain; version=0.0.4; charset=utf-8");
    for (i = 0; i < figures->nelts; i++) {
        const staple_figure_t *figure = &APR_ARRAY_IDX(figures, i,
                                                       staple_figure_t);

        if (strcmp(last, figure->metric) != 0) {
            ap_rprintf(r, "# HELP ocspstaple_%s %s\n# TYPE ocspstaple_%s %s\n",
                       figure->metric, figure->help, figure->metric,
                       figure->type);
        }
        last = figure->metric;
        ap_rprintf(r, "ocspstaple_%s", figure->metric);
        if (figure->label != NULL) {
            ap_rprintf(r, "{%s=\"", figure->label);
            put_label(r, figure->value_of_label);
            ap_rputs("\"}", r);
        }
        ap_rprintf(r, " %.15g\n", figure->value);
    }
}

/* ---- JSON: docs/monitoring.md says what each member means ---- */

/* Of the format: raised when a member changes its meaning or goes. */
#define JSON_VERSION 1

static json_t *text(const char *value)
{
    json_t *string = value != NULL && value[0] != '\0' ? json_string(value)
                                                       : json_null();

    return string != NULL ? string : json_string("?"); /* no UTF-8 */
}

static json_t *instant(apr_time_t at)
{
    char buf[STAPLE_TEXT_SIZE];

    return at > 0 ? json_string(staple_text_time(buf, at)) : json_null();
}

/* A reason's name, or null for none. */
static json_t *reason_name(unsigned reason)
{
    return reason != STAPLE_OK
               ? json_string(staple_reason_name((staple_reason_e)reason))
               : json_null();
}

static json_t *number(apr_uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *score(unsigned tenths)
{
    return json_real(tenths / 10.0);
}

static json_t *names(const staple_generation_cert_t *cert)
{
    json_t *list = json_array();
    int i;

    for (i = 0; i < cert->servers->nelts; i++) {
        json_array_append_new(list, text(staple_generation_server(cert, i)));
    }
    return list;
}

static json_t *refresher(const staple_snapshot_t *snapshot)
{
    const staple_scoreboard_t *board = &snapshot->board;

    return json_pack(
        "{s:o, s:b, s:o, s:o, s:o}",
        "pid", board->pid != 0 ? json_integer(board->pid) : json_null(),
        "running", snapshot->is_running,
        "last_round", instant(board->last_round_at),
        "next_due", instant(board->next_due_at),
        "in_flight", number(board->in_flight));
}

static json_t *totals(const staple_snapshot_t *snapshot)
{
    const staple_scoreboard_t *board = &snapshot->board;
    json_t *object = json_object();
    int i;

    for (i = 0; i < STAPLE_STATE_COUNT; i++) {
        json_object_set_new(object, staple_state_name((staple_state_e)i),
                            number(snapshot->states[i]));
    }
    json_object_set_new(object, "requests", number(board->requests));
    json_object_set_new(object, "failures", number(board->failures));
    json_object_set_new(object, "bytes", number(board->bytes));
    json_object_set_new(object, "certificates", number(snapshot->count));
    json_object_set_new(object, "stale", number(snapshot->stale));
    json_object_set_new(object, "significant", number(snapshot->significant));
    json_object_set_new(object, "served", number(snapshot->served));
    json_object_set_new(object, "unserved", number(snapshot->unserved));
    json_object_set_new(object, "chained", number(snapshot->chained));
    return object;
}

static json_t *health_line(const staple_health_line_t *line)
{
    return json_pack(
        "{s:s, s:s, s:o, s:o}",
        "problem", staple_problem_name(line->problem),
        "state", staple_grade_name(staple_problem_grade(line->problem)),
        "count", number(line->count),
        "text", text(line->text));
}

static json_t *health(apr_pool_t *p, const staple_snapshot_t *snapshot,
                      const staple_snapshot_health_t *of)
{
    const apr_array_header_t *lines = staple_health_lines(p, snapshot, of);
    json_t *list = json_array();
    int i;

    for (i = 0; i < lines->nelts; i++) {
        json_array_append_new(
            list, health_line(&APR_ARRAY_IDX(lines, i, staple_health_line_t)));
    }
    return json_pack(
        "{s:s, s:o, s:o}",
        "state", staple_grade_name(of->grade),
        "summary", text(staple_health_summary(p, snapshot, lines)),
        "problems", list);
}

/* By staple_scoreboard_health_e. */
static const char *const healths[] = {"pending", "answers", "failing", "down"};

static json_t *responder(const staple_scoreboard_responder_t *row,
                         apr_uint32_t waiting)
{
    return json_pack(
        "{s:o, s:o, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
        "url", text(row->url),
        "proxy", row->proxy[0] != '\0' ? text(row->proxy) : json_null(),
        "healthy", (int)row->is_healthy,
        "state", healths[row->health & 3],
        "failures", number(row->failures),
        "last_error", reason_name(row->last_error),
        "latency_ms", row->latency > 0 ? json_real((double)row->latency / 1000)
                                       : json_null(),
        "requests", number(row->requests),
        "failing_since", instant(row->failing_since),
        "waiting", number(waiting));
}

static json_t *server(const staple_snapshot_server_t *row)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o}",
        "name", text(row->name),
        "score", score(row->score),
        "fault", row->fault != STAPLE_STATE_GOOD
                     ? text(staple_state_name(row->fault)) : json_null(),
        "certificates", number(row->certificates));
}

static json_t *responders(const staple_snapshot_cert_t *cert)
{
    json_t *list = json_array();
    const char *url;
    unsigned i;

    for (i = 0; (url = staple_snapshot_responder(cert, i)) != NULL; i++) {
        json_array_append_new(list, text(url));
    }
    return list;
}

static json_t *staple(const staple_record_t *record)
{
    if (record->der_len == 0) {
        return json_null();
    }
    return json_pack(
        "{s:o, s:s, s:o, s:o, s:o, s:o}",
        "bytes", number(record->der_len),
        "signed_by", record->held.by_delegate ? "delegate" : "issuer",
        "produced_at", instant(record->held.produced_at),
        "this_update", instant(record->held.this_update),
        "next_update", instant(record->held.next_update),
        "use_until", instant(record->held.use_until));
}

/* Of a verdict that says revoked, or NULL. */
static json_t *revocation_time(const staple_verdict_t *revoked)
{
    return instant(revoked != NULL ? revoked->revoked_at : 0);
}

static json_t *revocation_reason(const staple_verdict_t *revoked)
{
    return text(revoked != NULL
                    ? staple_verify_crl_reason(revoked->revocation_reason)
                    : NULL);
}

/* What CRLs say of a certificate. */
static json_t *crl(const staple_verdict_t *verdict)
{
    int is_revoked = verdict->status == STAPLE_CERT_REVOKED;
    const staple_verdict_t *revoked = is_revoked ? verdict : NULL;

    if (verdict->this_update == 0) {
        return json_null();
    }
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o}",
        "status", is_revoked ? "revoked" : "good",
        "revocation_time", revocation_time(revoked),
        "revocation_reason", revocation_reason(revoked),
        "this_update", instant(verdict->this_update),
        "next_update", instant(verdict->next_update),
        "use_until", instant(verdict->use_until));
}

/* A CRL as it is held, or its delta. */
static json_t *half(const char *url, const staple_list_half_t *it)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "url", text(url),
        "bytes", number(it->bytes),
        "entries", number(it->entries),
        "number", text(it->number),
        "this_update", instant(it->this_update),
        "next_update", instant(it->next_update),
        "use_until", instant(it->use_until),
        "fetched_at", instant(it->fetched_at));
}

static json_t *list(const staple_snapshot_list_t *it)
{
    const staple_list_row_t *row = &it->row;
    const staple_list_half_t *delta = &row->delta;
    json_t *object = half(it->url, &row->base);

    json_object_update_new(
        object,
        json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                  "certificates", number(row->certificates),
                  "wanted", (int)row->is_wanted,
                  "next_refresh", instant(row->next_at),
                  "requests", number(row->requests),
                  "failed", number(row->failed),
                  "not_modified", number(row->not_modified),
                  "failures", number(row->failures),
                  "last_error", reason_name(row->reason),
                  "delta", delta->url[0] != '\0' || delta->bytes > 0
                               ? half(delta->url, delta) : json_null()));
    return object;
}

static json_t *conditions(unsigned bits)
{
    json_t *list = json_array();
    unsigned i;

    for (i = 0; i < STAPLE_CONDITION_COUNT; i++) {
        if (bits & (1U << i)) {
            json_array_append_new(
                list, text(staple_condition_name((staple_condition_e)i)));
        }
    }
    return list;
}

static json_t *problems(unsigned bits)
{
    json_t *list = json_array();
    unsigned i;

    for (i = 0; i < STAPLE_PROBLEM_COUNT; i++) {
        if (bits & (1U << i)) {
            json_array_append_new(
                list, text(staple_problem_name((staple_problem_e)i)));
        }
    }
    return list;
}

/* The issuer because of which a certificate's state is issuer-revoked. */
static json_t *revoked_issuer(const staple_snapshot_cert_t *cert)
{
    staple_generation_cert_t issuer;
    const staple_verdict_t *revoked;

    if (cert->base.record.state != STAPLE_STATE_ISSUER_REVOKED
        || !staple_generation_revoked_issuer(&issuer, staple_generation_get(),
                                             cert->index, cert->now)) {
        return json_null();
    }
    revoked = staple_record_verdict(&issuer.record);
    return json_pack("{s:o, s:o, s:o, s:o}",
                     "subject", text(issuer.cert->subject),
                     "serial", text(issuer.cert->serial),
                     "revocation_time", revocation_time(revoked),
                     "revocation_reason", revocation_reason(revoked));
}

static json_t *certificate(apr_pool_t *p, const staple_snapshot_cert_t *cert)
{
    const staple_record_t *record = &cert->base.record;
    const staple_verdict_t *revoked = staple_snapshot_revoked(cert);
    const staple_cert_t *it = cert->base.cert;

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:b,"
        " s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o,"
        " s:o, s:o, s:s, s:o, s:o, s:o, s:o}",
        "subject", text(it->subject),
        "serial", text(it->serial),
        "sha256", text(apr_pescape_hex(p, it->sha256, sizeof(it->sha256), 0)),
        "sha1", text(apr_pescape_hex(p, it->key.bytes, STAPLE_KEY_LEN, 0)),
        "issuer", text(it->issuer->subject),
        "servers", names(&cert->base),
        "must_staple", it->must_staple,
        "is_issuer", cert->base.is_issuer,
        "state", text(staple_state_name((staple_state_e)record->state)),
        "state_since", instant(record->state_since),
        "state_reason", reason_name(record->state_reason),
        "revocation_time", revocation_time(revoked),
        "revocation_reason", revocation_reason(revoked),
        "stale", cert->base.is_stale,
        "score", score(cert->base.score),
        "responders", responders(cert),
        "staple", staple(record),
        "next_refresh", instant(record->next_at),
        "last_attempt", instant(record->attempted_at),
        "last_success", instant(record->succeeded_at),
        "failures", number(record->failures),
        "error", reason_name(record->reason),
        "error_detail", text(record->reason != STAPLE_OK ? record->detail
                                                         : NULL),
        "served", number(cert->tally.served),
        "unserved", number(cert->tally.unserved),
        "chained", number(cert->tally.chained),
        "significant", cert->conditions != 0,
        "conditions", conditions(cert->conditions),
        "source", text(staple_record_source(record)),
        "crl", crl(&record->crl),
        "health", staple_grade_name(staple_problem_worst(cert->problems)),
        "problems", problems(cert->problems),
        "not_after", instant(it->not_after),
        "key_type", text(it->key_type),
        "revoked_issuer", revoked_issuer(cert));
}

/* The document, of which one piece at a time is in memory. */

static void put(request_rec *r, const char *before, json_t *value)
{
    char *dump = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII
                                       | JSON_ENCODE_ANY
                                       | JSON_REAL_PRECISION(6));

    ap_rputs(before, r);
    ap_rputs(dump != NULL ? dump : "null", r);
    free(dump);
    json_decref(value);
}

static void put_responders(request_rec *r, const staple_snapshot_t *snapshot)
{
    const staple_scoreboard_t *board = &snapshot->board;
    apr_uint32_t i;

    ap_rputs(",\n\"responders\":[", r);
    for (i = 0; i < board->responder_count && i < STAPLE_SCOREBOARD_RESPONDERS;
         i++) {
        put(r, i > 0 ? ",\n" : "\n",
            responder(&board->responders[i], snapshot->waiting[i]));
    }
    ap_rputs("]", r);
}

static void put_crls(request_rec *r, const staple_snapshot_t *snapshot)
{
    staple_snapshot_list_t it;
    apr_uint32_t i;

    ap_rputs(",\n\"crls\":[", r);
    for (i = 0; staple_snapshot_list(&it, snapshot, i); i++) {
        put(r, i > 0 ? ",\n" : "\n", list(&it));
    }
    ap_rputs("]", r);
}

static void put_servers(request_rec *r, const apr_array_header_t *servers)
{
    int i;

    ap_rputs(",\n\"servers\":[", r);
    for (i = 0; i < servers->nelts; i++) {
        put(r, i > 0 ? ",\n" : "\n",
            server(&APR_ARRAY_IDX(servers, i, staple_snapshot_server_t)));
    }
    ap_rputs("]", r);
}

static void put_certificates(request_rec *r, const staple_snapshot_t *snapshot)
{
    staple_snapshot_cert_t cert;
    apr_pool_t *scratch;
    apr_uint32_t i;

    apr_pool_create(&scratch, r->pool);
    ap_rputs(",\n\"certificates\":[", r);
    for (i = 0; i < snapshot->count && !r->connection->aborted; i++) {
        if (staple_snapshot_cert(&cert, snapshot, i)) {
            put(r, i > 0 ? ",\n" : "\n", certificate(scratch, &cert));
            apr_pool_clear(scratch);
        }
    }
    ap_rputs("]", r);
    apr_pool_destroy(scratch);
}

static void put_json(request_rec *r, const staple_snapshot_t *snapshot)
{
    ap_set_content_type(r, "application/json");
    put(r, "{\"version\":", json_integer(JSON_VERSION));
    put(r, ",\"generated_at\":", instant(snapshot->now));
    put(r, ",\n\"refresher\":", refresher(snapshot));
    put(r, ",\n\"health\":", health(r->pool, snapshot, &snapshot->health));
    put(r, ",\n\"significant_health\":",
        health(r->pool, snapshot, &snapshot->significant_health));
    put(r, ",\n\"totals\":", totals(snapshot));
    put_responders(r, snapshot);
    put_crls(r, snapshot);
    put_servers(r, snapshot->servers);
    put_certificates(r, snapshot);
    put(r, ",\n\"software\":", text("mod_ocspstaple/" STAPLE_VERSION));
    ap_rputs("}\n", r);
}

/* ---- the handler ---- */

/* What ?format= may be. */
static const struct {
    const char *name;
    void (*show)(request_rec *r, const staple_snapshot_t *snapshot);
} formats[] = {
    {"json", put_json},
    {"prometheus", put_metrics},
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

/* Says what is wrong with the request, as plain text. */
static int refuse(request_rec *r, const char *sentence)
{
    r->status = HTTP_BAD_REQUEST;
    ap_set_content_type(r, "text/plain; charset=us-ascii");
    ap_rprintf(r, "%s\n", sentence);
    return OK;
}

static int show(request_rec *r, const staple_status_query_t *query)
{
    unsigned i;

    if (query->format == NULL || strcmp(query->format, "html") == 0) {
        staple_status_html(r, staple_snapshot_take(r->pool), query);
        return OK;
    }
    for (i = 0; i < FORMATS; i++) {
        if (strcmp(query->format, formats[i].name) == 0) {
            formats[i].show(r, staple_snapshot_take(r->pool));
            return OK;
        }
    }
    return refuse(r, "format must be one of: html, json, prometheus");
}

/* ---- who opened the page ---- */

/* What SetHandler said, as the core keeps it: each directive has its own. */
static const void *said(const core_dir_config *core)
{
    return core->expr_handler != NULL ? (const void *)core->expr_handler
                                      : (const void *)core->handler;
}

static int says(const ap_conf_vector_t *config, const void *what, int depth);

static int one_says(const apr_array_header_t *sections, const void *what,
                    int depth)
{
    int i;

    for (i = 0; sections != NULL && i < sections->nelts; i++) {
        if (says(APR_ARRAY_IDX(sections, i, const ap_conf_vector_t *), what,
                 depth)) {
            return 1;
        }
    }
    return 0;
}

/* Does this come from here, or from a <Files> or <If> in it? */
static int says(const ap_conf_vector_t *config, const void *what, int depth)
{
    /* The function, not the macro of that name, which drops `const`. */
    const core_dir_config *core =
        config != NULL ? (ap_get_core_module_config)(config) : NULL;

    return depth > MAX_DEPTH
           || (core != NULL
               && (core->handler == what || core->expr_handler == what
                   || one_says(core->sec_file, what, depth + 1)
                   || one_says(core->sec_if, what, depth + 1)));
}

/* SetHandler in httpd's own configuration is the administrator's; whatever else
 * leads here may be a tenant's: .htaccess, where that may say SetHandler, and
 * AddHandler or RewriteRule, which do not say where they stand. */
static int is_opened_by_admin(request_rec *r)
{
    const core_dir_config *core =
        ap_get_core_module_config(r->per_dir_config);
    const struct htaccess_result *file;
    const char *name = core->handler, *error = NULL;

    if (core->expr_handler != NULL) {
        name = ap_expr_str_exec(r, core->expr_handler, &error);
    }
    if (error != NULL || name == NULL || ap_cstr_casecmp(name, HANDLER) != 0) {
        return 0;
    }
    for (file = r->htaccess; file != NULL; file = file->next) {
        if (says(file->htaccess, said(core), 0)) {
            return 0;
        }
    }
    return 1;
}

int staple_status_handle(request_rec *r)
{
    staple_status_query_t query;
    const char *wrong;

    if (r->handler == NULL || strcmp(r->handler, HANDLER) != 0) {
        return DECLINED;
    }
    if (!is_opened_by_admin(r)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      STAPLE_LOGNO(0133)
                      "ocspstaple-status is not shown: only SetHandler in "
                      "httpd's own configuration opens it, not .htaccess, "
                      "AddHandler or RewriteRule");
        return HTTP_FORBIDDEN;
    }
    if (r->method_number != M_GET) { /* HEAD is a GET to httpd */
        ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1);
        return HTTP_METHOD_NOT_ALLOWED;
    }
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    apr_table_setn(r->headers_out, "Referrer-Policy", "no-referrer");
    wrong = staple_status_query(&query, r->pool, r->args);
    return wrong != NULL ? refuse(r, wrong) : show(r, &query);
}

/* ---- mod_status ---- */

/* "issuer-revoked" -> "IssuerRevoked". */
static void put_key(request_rec *r, const char *title)
{
    int is_first = 1;

    for (; *title != '\0'; title++) {
        if (*title == '-' || *title == ' ') {
            is_first = 1;
        }
        else {
            ap_rputc(is_first ? apr_toupper(*title) : *title, r);
            is_first = 0;
        }
    }
}

int staple_status_section(request_rec *r, int flags)
{
    int is_short = flags & AP_STATUS_SHORT;
    const apr_array_header_t *figures;
    int i;

    if (staple_generation_get()->cache == NULL) {
        return DECLINED;
    }
    figures = staple_snapshot_figures(r->pool, staple_snapshot_take(r->pool));
    if (!is_short) {
        ap_rputs("<hr />\n<h2>OCSP stapling</h2>\n<dl>\n", r);
    }
    for (i = 0; i < figures->nelts; i++) {
        const staple_figure_t *figure = &APR_ARRAY_IDX(figures, i,
                                                       staple_figure_t);

        if (figure->title == NULL) {
            continue;
        }
        if (is_short) {
            ap_rputs("OCSPStapling", r);
            put_key(r, figure->title);
            ap_rprintf(r, ": %.15g\n", figure->value);
        }
        else {
            ap_rprintf(r, "<dt>%s: %.15g</dt>\n", figure->title,
                       figure->value);
        }
    }
    if (!is_short) {
        ap_rputs("</dl>\n", r);
    }
    return OK;
}
