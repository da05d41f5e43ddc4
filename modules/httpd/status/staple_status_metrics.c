/* The status as metrics in the text format of Prometheus. */
#include "staple_status_metrics.h"

#include <http_protocol.h>


static void put_head(request_rec *r, const char *metric, const char *type,
                     const char *help)
{
    ap_rprintf(r, "# HELP ocspstaple_%s %s\n# TYPE ocspstaple_%s %s\n", metric,
               help, metric, type);
}

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

static void put_figures(request_rec *r, const apr_array_header_t *figures)
{
    const char *last = "";
    int i;

    for (i = 0; i < figures->nelts; i++) {
        const staple_figure_t *figure = &APR_ARRAY_IDX(figures, i,
                                                       staple_figure_t);

        if (strcmp(last, figure->metric) != 0) {
            put_head(r, figure->metric, figure->type, figure->help);
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

/* ---- responders: at most STAPLE_SCOREBOARD_RESPONDERS ---- */

static double healthy(const staple_scoreboard_responder_t *responder)
{
    return responder->is_healthy != 0;
}

static double requests(const staple_scoreboard_responder_t *responder)
{
    return (double)responder->requests;
}

static double failures(const staple_scoreboard_responder_t *responder)
{
    return (double)responder->failures;
}

static double latency(const staple_scoreboard_responder_t *responder)
{
    return (double)responder->latency / APR_USEC_PER_SEC;
}

static const struct {
    const char *metric, *type, *help;
    double (*value)(const staple_scoreboard_responder_t *responder);
} columns[] = {
    {"responder_healthy", "gauge",
     "Whether a responder answers; 0 while it is left alone between probes, "
     "and while none of its answers was of use.",
     healthy},
    {"responder_requests_total", "counter", "HTTP requests to a responder.",
     requests},
    {"responder_failures_total", "counter",
     "Failures that tell of the responder's health.", failures},
    {"responder_latency_seconds", "gauge", "How long its last answer took.",
     latency},
};

/* URLs that were cut to the same text: the first one counts. */
static int is_repeated(const staple_scoreboard_t *board, apr_uint32_t index)
{
    apr_uint32_t i;

    for (i = 0; i < index; i++) {
        if (strcmp(board->responders[i].url, board->responders[index].url)
            == 0) {
            return 1;
        }
    }
    return 0;
}

static void put_responders(request_rec *r, const staple_scoreboard_t *board)
{
    apr_uint32_t i;
    unsigned k;

    for (k = 0; k < sizeof(columns) / sizeof(columns[0]); k++) {
        if (board->responder_count > 0) {
            put_head(r, columns[k].metric, columns[k].type, columns[k].help);
        }
        for (i = 0;
             i < board->responder_count && i < STAPLE_SCOREBOARD_RESPONDERS;
             i++) {
            if (!is_repeated(board, i)) {
                ap_rprintf(r, "ocspstaple_%s{responder=\"", columns[k].metric);
                put_label(r, board->responders[i].url);
                ap_rprintf(r, "\"} %.15g\n",
                           columns[k].value(&board->responders[i]));
            }
        }
    }
}

void staple_status_metrics(request_rec *r, const staple_snapshot_t *snapshot)
{
    ap_set_content_type(r, "text/plain; version=0.0.4; charset=utf-8");
    put_figures(r, staple_snapshot_figures(r->pool, snapshot));
    put_responders(r, &snapshot->board);
}
