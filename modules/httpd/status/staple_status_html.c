/* The status as a page for people, without scripts and from nowhere else. */
#include "staple_status_html.h"

#include <apr_base64.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <openssl/evp.h>

#include "base/staple_text.h"
#include "base/staple_version.h"
#include "staple_status_style.h"

#define SHOWN_SERVERS 100 /* virtual hosts; JSON has them all */

/* On narrow screens tables are laid out as blocks, by which they would lose
 * their meaning to screen readers: the roles keep it. */
#define TABLE_ROLE " role=\"table\">"
#define HEADS "<thead role=\"rowgroup\"><tr role=\"row\">"
#define HEAD "<th scope=\"col\" role=\"columnheader\""
#define HEADS_END "</tr></thead>\n<tbody role=\"rowgroup\">\n"
#define ROW "<tr role=\"row\"><th scope=\"row\" role=\"rowheader\">"
#define CELL(label) "<td role=\"cell\" data-label=\"" label "\"><div>"
#define CELL_END "</div></td>"

/* Allows this style sheet, a form that asks here, and nothing else. */
static void set_policy(request_rec *r)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char base64[2 * EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_Digest(staple_status_style, strlen(staple_status_style), digest,
                   &len, EVP_sha256(), NULL)
        != 1) {
        len = 0; /* the page then is without style */
    }
    base64[apr_base64_encode_binary(base64, digest, (int)len) - 1] = '\0';
    apr_table_setn(r->headers_out, "Content-Security-Policy",
                   apr_psprintf(r->pool,
                                "default-src 'none'; style-src 'sha256-%s'; "
                                "form-action 'self'; base-uri 'none'; "
                                "frame-ancestors 'none'",
                                base64));
}

/* ---- the top ---- */

static const char *plural(apr_uint32_t count)
{
    return count == 1 ? "" : "s";
}

/* What matters most, in one sentence. */
static void put_verdict(request_rec *r, const staple_snapshot_t *snapshot)
{
    apr_uint32_t troubled = snapshot->count
                            - snapshot->states[STAPLE_STATE_GOOD]
                            - snapshot->states[STAPLE_STATE_DISABLED]
                            + snapshot->refused;

    if (snapshot->count == 0) {
        ap_rputs("<p class=\"verdict warn\">No certificate is looked after."
                 "</p>\n", r);
        return;
    }
    if (snapshot->states[STAPLE_STATE_DISABLED] == snapshot->count) {
        ap_rputs("<p class=\"verdict warn\">No certificate can be stapled."
                 "</p>\n", r);
    }
    else if (!snapshot->is_running) {
        ap_rputs(snapshot->board.pid != 0
                     ? "<p class=\"verdict alarm\">The refresher hangs or "
                       "does not run: staples will run out.</p>\n"
                     : "<p class=\"verdict warn\">The refresher has not "
                       "started yet.</p>\n",
                 r);
    }
    if (snapshot->significant > 0) {
        ap_rprintf(r,
                   "<p class=\"verdict alarm\">%u certificate%s need%s "
                   "attention.</p>\n",
                   snapshot->significant, plural(snapshot->significant),
                   snapshot->significant == 1 ? "s" : "");
        return;
    }
    if (troubled > 0) {
        ap_rprintf(r,
                   "<p class=\"verdict warn\">Nothing significant, but %u "
                   "certificate%s revoked, with a revoked issuer, unknown or "
                   "without response.</p>\n",
                   troubled, troubled == 1 ? " is" : "s are");
    }
    else if (snapshot->is_running
             && snapshot->states[STAPLE_STATE_DISABLED] < snapshot->count) {
        ap_rputs("<p class=\"verdict ok\">All is well.</p>\n", r);
    }
}

static void put_refresher(request_rec *r, const staple_snapshot_t *snapshot)
{
    const staple_scoreboard_t *board = &snapshot->board;

    if (board->pid == 0) {
        return;
    }
    ap_rprintf(r,
               "<p class=\"line\">Refresher: process %" APR_INT64_T_FMT
               ", last look ",
               board->pid);
    staple_status_cell_time(r, board->last_round_at, snapshot->now);
    ap_rputs(", next due ", r);
    if (board->next_due_at <= snapshot->now) {
        ap_rputs("now", r);
    }
    else {
        staple_status_cell_time(r, board->next_due_at, snapshot->now);
    }
    ap_rprintf(r,
               ", %u in flight; %" APR_UINT64_T_FMT " requests, %"
               APR_UINT64_T_FMT " failed, %" APR_UINT64_T_FMT
               " bytes received.</p>\n",
               board->in_flight, board->requests, board->failures,
               board->bytes);
}

static void put_tiles(request_rec *r, const staple_snapshot_t *snapshot,
                      const staple_status_query_t *query)
{
    staple_status_query_t other = *query;
    int i;

    ap_rputs("<ul class=\"tiles\" aria-label=\"Certificates by state\">\n", r);
    for (i = 0; i <= STAPLE_STATE_COUNT; i++) {
        int is_all = i == STAPLE_STATE_COUNT;
        apr_uint32_t count = is_all ? snapshot->count : snapshot->states[i];

        other.state = (staple_state_e)i;
        other.page = 1;
        ap_rprintf(r,
                   "<li%s><a href=\"%s\"%s><strong>%u</strong>",
                   count == 0 ? " class=\"zero\"" : "",
                   staple_status_query_link(r->pool, &other),
                   query->state == other.state ? " aria-current=\"true\"" : "",
                   count);
        if (is_all) {
            ap_rputs("all", r);
        }
        else {
            staple_status_cell_state(r, other.state);
        }
        ap_rputs("</a></li>\n", r);
    }
    ap_rputs("</ul>\n", r);
}

/* ---- certificates ---- */

static void put_form(request_rec *r, const staple_status_query_t *query)
{
    ap_rprintf(r,
               "<form method=\"get\" role=\"search\">"
               "<input type=\"search\" name=\"find\" maxlength=\"200\" "
               "aria-label=\"Part of a subject, serial or server name\" "
               "placeholder=\"subject, serial or server\" value=\"%s\">"
               "<input type=\"hidden\" name=\"sort\" value=\"%s\">"
               "<button>Find</button></form>\n",
               ap_escape_html(r->pool, query->find), query->sort->name);
}

static void put_column_heads(request_rec *r, const staple_status_query_t *query)
{
    staple_status_query_t other = *query;
    unsigned i;

    other.page = 1;
    ap_rputs(HEADS, r);
    for (i = 0; i < STAPLE_STATUS_COLUMNS; i++) {
        int is_sorted = query->sort == &staple_status_columns[i];

        other.sort = &staple_status_columns[i];
        other.is_reversed = is_sorted && !query->is_reversed;
        ap_rprintf(r, HEAD "%s><a href=\"%s\">%s</a>%s</th>",
                   !is_sorted            ? ""
                   : query->is_reversed ? " aria-sort=\"descending\""
                                        : " aria-sort=\"ascending\"",
                   staple_status_query_link(r->pool, &other),
                   staple_status_columns[i].title,
                   !is_sorted            ? ""
                   : query->is_reversed ? " &#9660;"
                                        : " &#9650;");
    }
    ap_rputs(HEADS_END, r);
}

static void put_row(request_rec *r, const staple_snapshot_cert_t *cert,
                    apr_time_t now)
{
    unsigned i;

    ap_rputs(ROW, r);
    for (i = 0; i < STAPLE_STATUS_COLUMNS; i++) {
        const staple_status_column_t *column = &staple_status_columns[i];

        if (i > 0) {
            ap_rprintf(r, CELL("%s"), column->title);
        }
        column->put(r, cert, now);
        ap_rputs(i > 0 ? CELL_END : "</th>", r);
    }
    ap_rputs("</tr>\n", r);
}

static void put_pages(request_rec *r, const staple_status_query_t *query,
                      apr_uint32_t first, apr_uint32_t last,
                      apr_uint32_t count)
{
    staple_status_query_t other = *query;

    ap_rprintf(r, "<nav class=\"pages\" aria-label=\"Pages\"><span>%u to %u "
                  "of %u</span>", first + 1, last, count);
    if (query->page > 1) {
        other.page = query->page - 1;
        ap_rprintf(r, "<a rel=\"prev\" href=\"%s\">previous page</a>",
                   staple_status_query_link(r->pool, &other));
    }
    if (last < count) {
        other.page = query->page + 1;
        ap_rprintf(r, "<a rel=\"next\" href=\"%s\">next page</a>",
                   staple_status_query_link(r->pool, &other));
    }
    ap_rputs("</nav>\n", r);
}

static void put_certificates(request_rec *r, const staple_snapshot_t *snapshot,
                             const staple_status_query_t *query)
{
    const apr_array_header_t *indexes = staple_status_query_pick(
        r->pool, query, snapshot);
    apr_uint32_t count = (apr_uint32_t)indexes->nelts;
    apr_uint32_t first = (query->page - 1) * STAPLE_STATUS_PAGE;
    apr_uint32_t last = first + STAPLE_STATUS_PAGE;
    staple_snapshot_cert_t cert;
    apr_uint32_t i;

    ap_rputs("<h2 id=\"certificates\">Certificates</h2>\n", r);
    put_form(r, query);
    last = last < count ? last : count;
    if (first >= count) {
        ap_rputs("<p class=\"line\">There is none here.</p>\n", r);
        return;
    }
    ap_rputs("<table class=\"sorts\"" TABLE_ROLE, r);
    put_column_heads(r, query);
    for (i = first; i < last; i++) {
        if (staple_snapshot_cert(&cert, snapshot,
                                 APR_ARRAY_IDX(indexes, (int)i,
                                               apr_uint32_t))) {
            put_row(r, &cert, snapshot->now);
        }
    }
    ap_rputs("</tbody></table>\n", r);
    put_pages(r, query, first, last, count);
}

/* ---- virtual hosts and responders ---- */

static void put_heads(request_rec *r, const char *const *titles,
                      unsigned count)
{
    unsigned i;

    ap_rputs("<table" TABLE_ROLE HEADS, r);
    for (i = 0; i < count; i++) {
        ap_rprintf(r, HEAD ">%s</th>", titles[i]);
    }
    ap_rputs(HEADS_END, r);
}

static void put_servers(request_rec *r, const apr_array_header_t *servers)
{
    static const char *const titles[] = {"Name", "Fault", "Score",
                                         "Certificates"};
    int i;

    ap_rputs("<h2>Virtual hosts</h2>\n", r);
    put_heads(r, titles, 4);
    for (i = 0; i < servers->nelts && i < SHOWN_SERVERS; i++) {
        const staple_snapshot_server_t *server = &APR_ARRAY_IDX(
            servers, i, staple_snapshot_server_t);

        ap_rputs(ROW "<span class=\"name\">", r);
        staple_status_cell_text(r, server->name);
        ap_rputs("</span></th>" CELL("Fault"), r);
        if (server->fault != STAPLE_STATE_GOOD) {
            staple_status_cell_state(r, server->fault);
        }
        else {
            ap_rputs("<span class=\"none\">none</span>", r);
        }
        ap_rputs(CELL_END CELL("Score"), r);
        staple_status_cell_score(r, server->score);
        ap_rprintf(r, CELL_END CELL("Certificates") "%u" CELL_END "</tr>\n",
                   server->certificates);
    }
    ap_rputs("</tbody></table>\n", r);
    if (i < servers->nelts) {
        ap_rprintf(r, "<p class=\"line\">%d more are not shown here; those "
                      "with a fault come first.</p>\n", servers->nelts - i);
    }
}

/* By staple_scoreboard_health_e: the class of the style sheet, and the word. */
static const char *const health_words[][2] = {
    [STAPLE_SCOREBOARD_PENDING] = {"pending", "no answer yet"},
    [STAPLE_SCOREBOARD_ANSWERS] = {"good", "healthy"},
    [STAPLE_SCOREBOARD_FAILING] = {"stale", "failing"},
    [STAPLE_SCOREBOARD_DOWN] = {"down", "down"},
};

/* How long its last answer took, if there was any. */
static void put_latency(request_rec *r, apr_interval_time_t latency)
{
    if (latency > 0) {
        ap_rprintf(r, "%.0f ms", (double)latency / 1000);
    }
    else {
        ap_rputs("<span class=\"none\">none</span>", r);
    }
}

static void put_responder(request_rec *r,
                          const staple_scoreboard_responder_t *responder)
{
    ap_rputs(ROW "<span class=\"name\">", r);
    staple_status_cell_text(r, responder->url);
    ap_rprintf(r,
               "</span></th>" CELL("Health")
               "<b class=\"state %s\">%s</b>" CELL_END
               CELL("Last answer"),
               health_words[responder->health & 3][0],
               health_words[responder->health & 3][1]);
    put_latency(r, responder->latency);
    ap_rprintf(r,
               CELL_END CELL("Requests") "%" APR_UINT64_T_FMT
               "<span class=\"sub\">%" APR_UINT64_T_FMT " failed</span>"
               CELL_END CELL("Last error"),
               responder->requests, responder->failures);
    if (responder->last_error != STAPLE_OK) {
        staple_status_cell_text(
            r, staple_reason_sentence((staple_reason_e)responder->last_error));
    }
    else {
        ap_rputs("<span class=\"none\">none</span>", r);
    }
    ap_rputs(CELL_END "</tr>\n", r);
}

static void put_responders(request_rec *r, const staple_scoreboard_t *board)
{
    static const char *const titles[] = {"URL", "Health", "Last answer",
                                         "Requests", "Last error"};
    apr_uint32_t i;

    ap_rputs("<h2>Responders</h2>\n", r);
    if (board->responder_count == 0) {
        ap_rputs("<p class=\"line\">None was asked yet.</p>\n", r);
        return;
    }
    put_heads(r, titles, 5);
    for (i = 0; i < board->responder_count && i < STAPLE_SCOREBOARD_RESPONDERS;
         i++) {
        put_responder(r, &board->responders[i]);
    }
    ap_rputs("</tbody></table>\n", r);
}

void staple_status_html(request_rec *r, const staple_snapshot_t *snapshot,
                        const staple_status_query_t *query)
{
    char now[STAPLE_TEXT_SIZE];

    ap_set_content_type(r, "text/html; charset=utf-8");
    set_policy(r);
    ap_rputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
             "<meta name=\"viewport\" content=\"width=device-width,"
             "initial-scale=1\"><meta name=\"robots\" content=\"noindex\">"
             "<title>OCSP stapling</title><style>", r);
    ap_rputs(staple_status_style, r);
    ap_rputs("</style></head>\n<body><a class=\"skip\" href=\"#certificates\">"
             "to the certificates</a><header><h1>OCSP stapling</h1>\n", r);
    put_verdict(r, snapshot);
    put_refresher(r, snapshot);
    ap_rputs("</header><main>\n", r);
    put_tiles(r, snapshot, query);
    put_certificates(r, snapshot, query);
    put_servers(r, snapshot->servers);
    put_responders(r, &snapshot->board);
    ap_rprintf(r,
               "</main><footer>As of %s. The same for programs: "
               "<a href=\"?format=json\">JSON</a>, "
               "<a href=\"?format=prometheus\">metrics</a>. "
               "mod_ocspstaple %s</footer></body></html>\n",
               staple_text_time(now, snapshot->now), STAPLE_VERSION);
}
