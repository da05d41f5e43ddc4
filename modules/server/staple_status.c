/* The status handler and mod_status's section: what is asked for, as what. */
#include "staple_status.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_status.h>

#include "staple_figures.h"
#include "staple_status_html.h"
#include "staple_status_json.h"
#include "staple_status_metrics.h"

#define HANDLER "ocspstaple-status"

/* What ?format= may be. */
static const struct {
    const char *name;
    void (*show)(request_rec *r, const staple_snapshot_t *snapshot);
} formats[] = {
    {"json", staple_status_json},
    {"prometheus", staple_status_metrics},
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
    return refuse(r, "format is none of: html, json, prometheus");
}

int staple_status_handle(request_rec *r)
{
    staple_status_query_t query;
    const char *wrong;

    if (r->handler == NULL || strcmp(r->handler, HANDLER) != 0) {
        return DECLINED;
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

    if (staple_view_get() == NULL) {
        return DECLINED;
    }
    figures = staple_figures_of(r->pool, staple_snapshot_take(r->pool));
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
