/* The status handler, its metrics, and mod_status's section. */
#include "staple_status.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <ap_expr.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_status.h>

#include "staple_status_html.h"
#include "staple_status_json.h"

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

/* ---- the handler ---- */

/* What ?format= may be. */
static const struct {
    const char *name;
    void (*show)(request_rec *r, const staple_snapshot_t *snapshot);
} formats[] = {
    {"json", staple_status_json},
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

static void put_line(request_rec *r, const staple_figure_t *figure)
{
    ap_rputs("OCSPStapling", r);
    put_key(r, figure->title);
    ap_rprintf(r, ": %.15g\n", figure->value);
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
            put_line(r, figure);
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
