/* The status as a page for people, without scripts and from nowhere else. */
#include "staple_status_html.h"

#include <apr_base64.h>
#include <apr_strings.h>
#include <apr_escape.h>
#include <http_protocol.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/staple_parse.h"
#include "base/staple_text.h"
#include "base/staple_version.h"
#include "ocsp/staple_verify.h"
#include "staple_health.h"
#include "staple_status_style.h"

#define SHOWN_HOSTS 100 /* virtual hosts; JSON has them all */
#define SHOWN_LISTS 100 /* CRLs; JSON has them all */
#define SHOWN_SERVERS 4 /* of a certificate in the table; JSON has them all */
#define LIFE_LOW 25     /* percent of a staple's life that is little */
#define PAGE 200        /* certificates on one page */
#define MAX_ARGS 1024   /* characters of a query */
#define MAX_PAGE 1000000
#define LEAST_REFRESH 10 /* seconds between two loads of the page by itself */
#define MOST_REFRESH 3600
#define USUAL_REFRESH 30

/* Of the table of certificates. */
enum { SUBJECT, STATE, STAPLE, NEXT, ERROR, HANDSHAKES, SCORE, COLUMNS };

#define SUB(text) "<span class=\"sub\">" text "</span>"
#define NONE "<span class=\"none\">none</span>"

/* Text from anywhere, escaped for HTML. */
static const char *escaped(request_rec *r, const char *text)
{
    return ap_escape_html(r->pool, text);
}

/* A state as a word on its colour. */
static const char *state_mark(request_rec *r, staple_state_e state)
{
    const char *name = staple_state_name(state);

    return apr_psprintf(r->pool, "<b class=\"state %s\">%s</b>", name, name);
}

/* An instant: "in 3 d 4 h" or "59 s ago"; "never" for 0. */
static const char *when(request_rec *r, apr_time_t at, apr_time_t now)
{
    char instant[STAPLE_TEXT_SIZE], span[STAPLE_TEXT_SIZE];

    if (at == 0) {
        return "never";
    }
    staple_text_time(instant, at);
    staple_text_span(span, at > now ? at - now : now - at);
    return apr_psprintf(r->pool,
                        "<time datetime=\"%s\" title=\"%s\">%s%s%s</time>",
                        instant, instant, at > now ? "in " : "", span,
                        at > now ? "" : " ago");
}

/* What is due: an instant to come. */
static const char *due(request_rec *r, apr_time_t at, apr_time_t now)
{
    return at <= now ? "now" : when(r, at, now);
}

/* A score in tenths. */
static const char *tenths(request_rec *r, unsigned score)
{
    return apr_psprintf(r->pool, "<span class=\"%s\">%u.%u</span>",
                        score < 50 ? "low" : "full", score / 10, score % 10);
}

/* Of a reason as records have it. */
static const char *sentence(unsigned reason)
{
    return staple_reason_sentence((staple_reason_e)reason);
}

/* ---- certificate ---- */

/* One line of what unfolds: a name and a text, which is escaped. */
static void put_detail(request_rec *r, const char *name, const char *text)
{
    ap_rprintf(r, "<dt>%s</dt><dd>%s</dd>", name, escaped(r, text));
}

/* A server's name, and a link to the rows of its certificates. */
static const char *server_link(request_rec *r, const char *name)
{
    return apr_psprintf(r->pool, "<a href=\"?find=%s#certificates\">%s</a>",
                        escaped(r, ap_escape_urlencoded(r->pool, name)),
                        escaped(r, name));
}

static void put_server_names(request_rec *r,
                             const staple_generation_cert_t *cert)
{
    int i;

    ap_rputs("<span class=\"sub\">", r);
    for (i = 0; i < cert->servers->nelts && i < SHOWN_SERVERS; i++) {
        ap_rprintf(r, "%s%s", i > 0 ? ", " : "",
                   server_link(r, staple_generation_server(cert, i)));
    }
    if (i < cert->servers->nelts) {
        ap_rprintf(r, " and %d more", cert->servers->nelts - i);
    }
    ap_rputs("</span>", r);
}

/* Where its status is from, and what CRLs say. */
static void put_source(request_rec *r, const staple_record_t *record)
{
    const staple_verdict_t *crl = &record->crl;
    const char *source = staple_record_source(record);
    char from[STAPLE_TEXT_SIZE], until[STAPLE_TEXT_SIZE];

    if (source != NULL) {
        put_detail(r, "status from",
                   strcmp(source, "crl") == 0 ? "CRL" : "OCSP");
    }
    if (record->der_len > 0) {
        put_detail(r, "response signed by",
                   record->held.by_delegate ? "a delegate of the issuer"
                                            : "the issuer");
    }
    if (crl->this_update != 0) {
        put_detail(r, "CRL says",
                   apr_psprintf(r->pool, "%s, since %s%s%s",
                                crl->status == STAPLE_CERT_REVOKED ? "revoked"
                                                                   : "good",
                                staple_text_time(from, crl->this_update),
                                crl->use_until != 0 ? ", until " : "",
                                crl->use_until != 0
                                    ? staple_text_time(until, crl->use_until)
                                    : ""));
    }
}

static void put_certificate(request_rec *r, const staple_snapshot_cert_t *cert)
{
    const staple_cert_t *it = cert->base.cert;
    int has_key_type = it->key_type[0] != '\0';
    char instant[STAPLE_TEXT_SIZE];
    const char *url;
    unsigned i;

    ap_rprintf(r, "<span class=\"name\">%s</span>%s%s%s%s%s",
               escaped(r, it->subject),
               has_key_type ? " <b class=\"mark\">" : "",
               has_key_type ? escaped(r, it->key_type) : "",
               has_key_type ? "</b>" : "",
               cert->base.is_issuer ? " <b class=\"mark\">issuer</b>" : "",
               it->must_staple ? " <b class=\"mark\">must-staple</b>" : "");
    put_server_names(r, &cert->base);
    ap_rprintf(r, SUB("certificate %s %s"),
               it->not_after > cert->now ? "expires" : "expired",
               when(r, it->not_after, cert->now));
    ap_rputs("<details><summary>details</summary><dl>", r);
    put_detail(r, "serial", it->serial);
    put_detail(r, "issuer", it->issuer->subject);
    put_detail(r, "SHA-256",
               apr_pescape_hex(r->pool, it->sha256, sizeof(it->sha256), 0));
    put_detail(r, "SHA-1",
               apr_pescape_hex(r->pool, it->key.bytes, sizeof(it->key.bytes),
                               0));
    put_detail(r, "expires", staple_text_time(instant, it->not_after));
    if (cert->base.record.state_reason != STAPLE_OK) {
        put_detail(r, "reason of the state",
                   sentence(cert->base.record.state_reason));
    }
    for (i = 0; (url = staple_snapshot_responder(cert, i)) != NULL; i++) {
        put_detail(r, "responder", url);
    }
    for (i = 0; (url = staple_snapshot_crl(cert, i)) != NULL; i++) {
        put_detail(r, "CRL", url);
    }
    put_source(r, &cert->base.record);
    ap_rputs("</dl></details>", r);
}

/* ---- state ---- */

static apr_int64_t rank_state(const staple_snapshot_cert_t *cert)
{
    static const int ranks[] = {
        [STAPLE_STATE_REVOKED] = 0,     [STAPLE_STATE_ISSUER_REVOKED] = 1,
        [STAPLE_STATE_UNKNOWN] = 2,     [STAPLE_STATE_UNAVAILABLE] = 3,
        [STAPLE_STATE_PENDING] = 5,     [STAPLE_STATE_GOOD] = 6,
        [STAPLE_STATE_DISABLED] = 7,
    };
    int rank = ranks[cert->base.record.state % STAPLE_STATE_COUNT];

    if (cert->base.is_stale && rank > 4) {
        rank = 4;
    }
    return rank - 10 * (apr_int64_t)staple_problem_worst(cert->problems);
}

/* Which issuer is revoked, when and why. */
static void put_revoked_issuer(request_rec *r,
                               const staple_snapshot_cert_t *cert)
{
    staple_generation_cert_t issuer;
    const staple_verdict_t *revoked;

    if (staple_generation_revoked_issuer(&issuer, staple_generation_get(),
                                         cert->index, cert->now)) {
        revoked = staple_record_verdict(&issuer.record);
        ap_rprintf(r, SUB("issuer %s revoked %s: %s"),
                   escaped(r, issuer.cert->subject),
                   when(r, revoked->revoked_at, cert->now),
                   staple_verify_crl_reason(revoked->revocation_reason));
    }
}

static void put_state(request_rec *r, const staple_snapshot_cert_t *cert)
{
    const staple_record_t *record = &cert->base.record;
    const staple_verdict_t *revoked = staple_snapshot_revoked(cert);
    char text[STAPLE_CONDITIONS_SIZE];

    ap_rprintf(r, "%s%s", state_mark(r, (staple_state_e)record->state),
               cert->base.is_stale ? " <b class=\"state stale\">stale</b>"
                                   : "");
    if (cert->conditions != 0) {
        ap_rprintf(r, "<span class=\"sub alarm\">significant: %s</span>",
                   staple_state_conditions_text(text, cert->conditions));
    }
    if (revoked != NULL) {
        ap_rprintf(r, SUB("revoked %s: %s"),
                   when(r, revoked->revoked_at, cert->now),
                   staple_verify_crl_reason(revoked->revocation_reason));
    }
    if (record->state == STAPLE_STATE_ISSUER_REVOKED) {
        put_revoked_issuer(r, cert);
    }
    if (record->state == STAPLE_STATE_DISABLED
        && record->state_reason != STAPLE_OK) {
        ap_rprintf(r, SUB("%s"), sentence(record->state_reason));
    }
    if (record->state_since != 0) {
        ap_rprintf(r, SUB("since %s"), when(r, record->state_since, cert->now));
    }
}

/* ---- staple ---- */

static void put_staple(request_rec *r, const staple_snapshot_cert_t *cert)
{
    const staple_record_t *record = &cert->base.record;

    if (record->der_len == 0 && record->crl.use_until != 0) {
        ap_rprintf(r, "CRL" SUB("%s %s"),
                   cert->base.is_stale ? "ran out" : "ends",
                   when(r, record->crl.use_until, cert->now));
        return;
    }
    if (record->der_len == 0) {
        ap_rputs("<span class=\"none\">none held</span>", r);
        return;
    }
    if (record->state != STAPLE_STATE_REVOKED
        && record->state != STAPLE_STATE_ISSUER_REVOKED) {
        ap_rprintf(r,
                   "<meter min=\"0\" max=\"100\" low=\"%d\" high=\"%d\" "
                   "optimum=\"100\" value=\"%d\" aria-label=\"life left\">"
                   "%d %%</meter>",
                   LIFE_LOW, LIFE_LOW, cert->life, cert->life);
    }
    ap_rprintf(r, SUB("%s %s") SUB("%u bytes"),
               cert->base.is_stale ? "ran out" : "ends",
               when(r, record->held.use_until, cert->now), record->der_len);
}

/* ---- refresh ---- */

static void put_next(request_rec *r, const staple_snapshot_cert_t *cert)
{
    const staple_record_t *record = &cert->base.record;
    const char *next = record->state == STAPLE_STATE_ISSUER_REVOKED
                           ? "stopped: the issuer is revoked"
                       : record->state == STAPLE_STATE_DISABLED
                               || (record->next_at == 0
                                   && record->attempted_at != 0)
                           ? "no requests are made"
                           : due(r, record->next_at, cert->now);

    ap_rprintf(r, "%s" SUB("last good %s"), next,
               when(r, record->succeeded_at, cert->now));
}

static void put_error(request_rec *r, const staple_snapshot_cert_t *cert)
{
    const staple_record_t *record = &cert->base.record;

    if (record->reason == STAPLE_OK) {
        ap_rputs(NONE, r);
        return;
    }
    ap_rputs(escaped(r, sentence(record->reason)), r);
    if (record->detail[0] != '\0') {
        ap_rprintf(r, SUB("%s"), escaped(r, record->detail));
    }
    if (record->failures > 0) { /* else a response file was refused */
        ap_rprintf(r, SUB("%u failed in a row, last %s"), record->failures,
                   when(r, record->attempted_at, cert->now));
    }
}

/* ---- figures ---- */

static void put_handshakes(request_rec *r, const staple_snapshot_cert_t *cert)
{
    ap_rprintf(r,
               "%" APR_UINT64_T_FMT " stapled" SUB("%" APR_UINT64_T_FMT " not"),
               cert->tally.served, cert->tally.unserved);
    if (cert->tally.chained > 0) {
        ap_rprintf(r, SUB("%" APR_UINT64_T_FMT " with issuers' responses"),
                   cert->tally.chained);
    }
}

static void put_score(request_rec *r, const staple_snapshot_cert_t *cert)
{
    ap_rputs(tenths(r, cert->base.score), r);
}

/* Where a certificate stands by a column: what needs a look first has a small
 * rank. */
static apr_int64_t rank(const staple_snapshot_cert_t *cert, unsigned column)
{
    const staple_record_t *record = &cert->base.record;

    switch (column) {
    case STATE:
        return rank_state(cert);
    case STAPLE:
        return staple_record_ending(record)->use_until;
    case NEXT:
        return record->next_at;
    case ERROR:
        return record->reason == STAPLE_OK ? 1 : -(apr_int64_t)record->failures;
    case HANDSHAKES:
        return -(apr_int64_t)cert->tally.unserved;
    case SCORE:
        return cert->base.score;
    default:
        return 0; /* all alike: by subject */
    }
}

/* The columns of a certificate. */
static const struct {
    const char *name;  /* in ?sort= */
    const char *title; /* HTML */
    /* Prints what is in its cell. */
    void (*put)(request_rec *r, const staple_snapshot_cert_t *cert);
} columns[] = {
    [SUBJECT] = {"subject", "Certificate", put_certificate},
    [STATE] = {"state", "State", put_state},
    [STAPLE] = {"staple", "Staple", put_staple},
    [NEXT] = {"next", "Next refresh", put_next},
    [ERROR] = {"error", "Last error", put_error},
    [HANDSHAKES] = {"handshakes", "Handshakes", put_handshakes},
    [SCORE] = {"score", "Score", put_score},
};

/* ---- what the page is asked for ---- */

static const char *set_sort(staple_status_query_t *query, const char *value)
{
    unsigned i;

    for (i = 0; i < COLUMNS; i++) {
        if (strcmp(columns[i].name, value) == 0) {
            query->sort = i;
            return NULL;
        }
    }
    return "sort must be one of: subject, state, staple, next, error, "
           "handshakes, score";
}

static const char *set_order(staple_status_query_t *query, const char *value)
{
    query->is_reversed = strcmp(value, "desc") == 0;
    return query->is_reversed || strcmp(value, "asc") == 0
               ? NULL
               : "order must be one of: asc, desc";
}

static const char *set_page(staple_status_query_t *query, const char *value)
{
    apr_int64_t page;

    if (!staple_parse_number(&page, value, 1, MAX_PAGE)) {
        return "page must be a whole number from 1 to 1000000";
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
    return "state must be one of: pending, good, revoked, unknown, "
           "issuer-revoked, unavailable, disabled";
}

static const char *set_problem(staple_status_query_t *query, const char *value)
{
    int i;

    for (i = 0; i < STAPLE_PROBLEM_COUNT; i++) {
        if (strcmp(staple_problem_name((staple_problem_e)i), value) == 0) {
            query->problem = (staple_problem_e)i;
            return NULL;
        }
    }
    return "problem must be one of: revoked, issuer-revoked, must-staple, "
           "unknown, unavailable, stale, ending, not-stapled";
}

static const char *set_refresh(staple_status_query_t *query, const char *value)
{
    apr_int64_t seconds;

    if (!staple_parse_number(&seconds, value, LEAST_REFRESH, MOST_REFRESH)) {
        return "refresh must be a whole number of seconds from 10 to 3600";
    }
    query->refresh = (unsigned)seconds;
    return NULL;
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
    {"problem", set_problem}, {"refresh", set_refresh},
};

#define ARGUMENTS (sizeof(arguments) / sizeof(arguments[0]))

/* One "name=value"; what has no value is not given, and names that are not
 * ours are ignored. */
static const char *read_argument(staple_status_query_t *query, char *text)
{
    char *value = strchr(text, '=');
    unsigned i;

    if (value == NULL || value[1] == '\0') {
        return NULL;
    }
    *value++ = '\0';
    if (ap_unescape_urlencoded(value) != OK) {
        return "the query is not properly escaped";
    }
    for (i = 0; i < ARGUMENTS; i++) {
        if (strcmp(arguments[i].name, text) == 0) {
            return arguments[i].set(query, value);
        }
    }
    return NULL;
}

/* What is shown where nothing is asked for. */
static const staple_status_query_t no_query = {
    .sort = STATE, /* the worst first */
    .page = 1,
    .state = STAPLE_STATE_COUNT,
    .problem = STAPLE_PROBLEM_COUNT,
    .find = ""};

const char *staple_status_query(staple_status_query_t *query, apr_pool_t *p,
                                const char *args)
{
    const char *wrong = NULL;
    char *rest, *text;

    *query = no_query;
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

/* The query as a link would give it, with `page`, escaped for HTML. */
static const char *link_to(apr_pool_t *p, const staple_status_query_t *query)
{
    const char *link = apr_psprintf(
        p, "?sort=%s&order=%s%s%s%s%s%s%s", columns[query->sort].name,
        query->is_reversed ? "desc" : "asc",
        query->state != STAPLE_STATE_COUNT ? "&state=" : "",
        query->state != STAPLE_STATE_COUNT ? staple_state_name(query->state)
                                           : "",
        query->problem != STAPLE_PROBLEM_COUNT ? "&problem=" : "",
        query->problem != STAPLE_PROBLEM_COUNT
            ? staple_problem_name(query->problem) : "",
        query->find[0] != '\0' ? "&find=" : "",
        query->find[0] != '\0' ? ap_escape_urlencoded(p, query->find) : "");

    if (query->page > 1) {
        link = apr_psprintf(p, "%s&page=%u", link, query->page);
    }
    if (query->refresh > 0) {
        link = apr_psprintf(p, "%s&refresh=%u", link, query->refresh);
    }
    return ap_escape_html(p, link);
}

/* ---- which certificates that are ---- */

typedef struct picked_t {
    apr_int64_t rank;
    const char *subject;
    apr_uint32_t index;
} picked_t;

static int is_asked_for(const staple_status_query_t *query,
                        const staple_snapshot_cert_t *cert)
{
    int found;
    int i;

    if ((query->state != STAPLE_STATE_COUNT
         && (staple_state_e)cert->base.record.state != query->state)
        || (query->problem != STAPLE_PROBLEM_COUNT
            && (cert->problems >> query->problem & 1) == 0)) {
        return 0;
    }
    found = query->find[0] == '\0'
            || ap_strcasestr(cert->base.cert->subject, query->find) != NULL
            || ap_strcasestr(cert->base.cert->serial, query->find) != NULL;
    for (i = 0; i < cert->base.servers->nelts && !found; i++) {
        found = ap_strcasestr(staple_generation_server(&cert->base, i),
                              query->find)
                != NULL;
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

/* All certificates that it asks for, *count of them, in order; where that
 * is reversed, the last comes first. */
static const picked_t *pick(apr_uint32_t *count, apr_pool_t *p,
                            const staple_status_query_t *query,
                            const staple_snapshot_t *snapshot)
{
    picked_t *picked = apr_palloc(p, (snapshot->count + 1) * sizeof(*picked));
    staple_snapshot_cert_t cert;
    apr_uint32_t i;

    *count = 0;
    for (i = 0; i < snapshot->count; i++) {
        if (staple_snapshot_cert(&cert, snapshot, i)
            && is_asked_for(query, &cert)) {
            picked[(*count)++] = (picked_t){
                rank(&cert, query->sort), cert.base.cert->subject, i};
        }
    }
    qsort(picked, *count, sizeof(*picked), compare);
    return picked;
}

/* ---- the page ---- */

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

/* A line of the banner, and where its rows are: "?problem=revoked", or NULL. */
static void put_line(request_rec *r, staple_grade_e grade, const char *link,
                     const char *text)
{
    static const char *const classes[] = {[STAPLE_GRADE_OK] = "ok",
                                          [STAPLE_GRADE_WARNING] = "warn",
                                          [STAPLE_GRADE_CRITICAL] = "alarm"};

    ap_rprintf(r, "<li class=\"verdict %s\">", classes[grade]);
    if (link != NULL) {
        ap_rprintf(r, "<a href=\"%s\">%s</a></li>\n", link, escaped(r, text));
    }
    else {
        ap_rprintf(r, "%s</li>\n", escaped(r, text));
    }
}

static const char *link_of(request_rec *r, const staple_status_query_t *query,
                           staple_problem_e problem)
{
    staple_status_query_t other = no_query;

    switch ((int)problem) {
    case STAPLE_PROBLEM_RESPONDER:
        return "#responders";
    case STAPLE_PROBLEM_REFRESHER:
    case STAPLE_PROBLEM_STARTING:
        return "#refresher";
    case STAPLE_PROBLEM_NOTHING:
        return NULL;
    }
    other.refresh = query->refresh;
    other.problem = problem;
    return apr_pstrcat(r->pool, link_to(r->pool, &other), "#certificates",
                       NULL);
}

/* What is wrong and what to do, the worst first. */
static void put_banner(request_rec *r, const staple_snapshot_t *snapshot,
                       const staple_status_query_t *query)
{
    const apr_array_header_t *lines =
        staple_health_lines(r->pool, snapshot, &snapshot->health);
    int i;

    ap_rputs("<ul class=\"verdicts\" aria-label=\"What is wrong\">\n", r);
    if (lines->nelts == 0) {
        put_line(r, STAPLE_GRADE_OK, NULL,
                 staple_health_summary(r->pool, snapshot, lines));
    }
    for (i = 0; i < lines->nelts; i++) {
        const staple_health_line_t *line =
            &APR_ARRAY_IDX(lines, i, staple_health_line_t);

        put_line(r, staple_problem_grade(line->problem),
                 link_of(r, query, line->problem), line->text);
    }
    ap_rputs("</ul>\n", r);
}

static void put_refresher(request_rec *r, const staple_snapshot_t *snapshot)
{
    const staple_scoreboard_t *board = &snapshot->board;

    if (board->pid == 0) {
        return;
    }
    ap_rprintf(r,
               "<p class=\"line\" id=\"refresher\">Refresher: process "
               "%" APR_INT64_T_FMT ", last round %s, next due %s, %u in "
               "flight; %" APR_UINT64_T_FMT
               " requests, %" APR_UINT64_T_FMT " failed, %" APR_UINT64_T_FMT
               " bytes received.</p>\n",
               board->pid, when(r, board->last_round_at, snapshot->now),
               due(r, board->next_due_at, snapshot->now), board->in_flight,
               board->requests, board->failures, board->bytes);
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
        other.problem = STAPLE_PROBLEM_COUNT;
        other.page = 1;
        ap_rprintf(r,
                   "<li%s><a href=\"%s\"%s><strong>%u</strong>%s</a></li>\n",
                   count == 0 ? " class=\"zero\"" : "",
                   link_to(r->pool, &other),
                   query->state == other.state
                           && query->problem == other.problem
                       ? " aria-current=\"true\""
                       : "",
                   count, is_all ? "all" : state_mark(r, other.state));
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
               "<input type=\"hidden\" name=\"sort\" value=\"%s\">%s"
               "<button>Find</button></form>\n",
               ap_escape_html(r->pool, query->find), columns[query->sort].name,
               query->refresh > 0
                   ? apr_psprintf(r->pool,
                                  "<input type=\"hidden\" name=\"refresh\" "
                                  "value=\"%u\">",
                                  query->refresh)
                   : "");
}

static void put_column_heads(request_rec *r, const staple_status_query_t *query)
{
    staple_status_query_t other = *query;
    unsigned i;

    other.page = 1;
    ap_rputs(HEADS, r);
    for (i = 0; i < COLUMNS; i++) {
        int is_sorted = query->sort == i;

        other.sort = i;
        other.is_reversed = is_sorted && !query->is_reversed;
        ap_rprintf(r, HEAD "%s><a href=\"%s\">%s</a>%s</th>",
                   !is_sorted            ? ""
                   : query->is_reversed ? " aria-sort=\"descending\""
                                        : " aria-sort=\"ascending\"",
                   link_to(r->pool, &other),
                   columns[i].title,
                   !is_sorted            ? ""
                   : query->is_reversed ? " &#9660;"
                                        : " &#9650;");
    }
    ap_rputs(HEADS_END, r);
}

static void put_row(request_rec *r, const staple_snapshot_cert_t *cert)
{
    unsigned i;

    ap_rputs(ROW, r);
    for (i = 0; i < COLUMNS; i++) {
        if (i > 0) {
            ap_rprintf(r, CELL("%s"), columns[i].title);
        }
        columns[i].put(r, cert);
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
                   link_to(r->pool, &other));
    }
    if (last < count) {
        other.page = query->page + 1;
        ap_rprintf(r, "<a rel=\"next\" href=\"%s\">next page</a>",
                   link_to(r->pool, &other));
    }
    ap_rputs("</nav>\n", r);
}

static void put_certificates(request_rec *r, const staple_snapshot_t *snapshot,
                             const staple_status_query_t *query)
{
    apr_uint32_t first = (query->page - 1) * PAGE;
    apr_uint32_t last = first + PAGE, count, i;
    const picked_t *picked = pick(&count, r->pool, query, snapshot);
    staple_status_query_t other = *query;
    staple_snapshot_cert_t cert;

    ap_rputs("<h2 id=\"certificates\">Certificates</h2>\n", r);
    put_form(r, query);
    if (query->problem != STAPLE_PROBLEM_COUNT) {
        other.problem = STAPLE_PROBLEM_COUNT;
        other.page = 1;
        ap_rprintf(r,
                   "<p class=\"line\">Those with the problem "
                   "<b class=\"mark\">%s</b>; <a href=\"%s\">show "
                   "all</a></p>\n",
                   staple_problem_name(query->problem),
                   link_to(r->pool, &other));
    }
    last = last < count ? last : count;
    if (first >= count) {
        ap_rputs("<p class=\"line\">No certificate matches.</p>\n", r);
        return;
    }
    ap_rputs("<table class=\"sorts\"" TABLE_ROLE, r);
    put_column_heads(r, query);
    for (i = first; i < last; i++) {
        apr_uint32_t at = query->is_reversed ? count - 1 - i : i;

        if (staple_snapshot_cert(&cert, snapshot, picked[at].index)) {
            put_row(r, &cert);
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
    for (i = 0; i < servers->nelts && i < SHOWN_HOSTS; i++) {
        const staple_snapshot_server_t *server = &APR_ARRAY_IDX(
            servers, i, staple_snapshot_server_t);

        ap_rprintf(r,
                   ROW "<span class=\"name\">%s</span></th>" CELL("Fault")
                   "%s" CELL_END CELL("Score") "%s" CELL_END
                   CELL("Certificates") "%u" CELL_END "</tr>\n",
                   server_link(r, server->name),
                   server->fault != STAPLE_STATE_GOOD
                       ? state_mark(r, server->fault)
                       : NONE,
                   tenths(r, server->score), server->certificates);
    }
    ap_rputs("</tbody></table>\n", r);
    if (i < servers->nelts) {
        ap_rprintf(r, "<p class=\"line\">%d more are not shown here; those "
                      "with a fault come first.</p>\n", servers->nelts - i);
    }
}

/* By staple_scoreboard_health_e: the class of the style sheet, and the word.
 * One that fails has answered before; not so the last one. */
static const char *const health_words[][2] = {
    [STAPLE_SCOREBOARD_PENDING] = {"pending", "no answer yet"},
    [STAPLE_SCOREBOARD_ANSWERS] = {"good", "healthy"},
    [STAPLE_SCOREBOARD_FAILING] = {"stale", "failing"},
    [STAPLE_SCOREBOARD_DOWN] = {"down", "down"},
};
static const char *const useless_words[] = {"down", "no answer of use"};

/* How it is asked, where that is not directly. */
static const char *way_of(request_rec *r,
                          const staple_scoreboard_responder_t *responder)
{
    return responder->proxy[0] != '\0'
               ? apr_pstrcat(r->pool, "<span class=\"sub\">through ",
                             escaped(r, responder->proxy), "</span>", NULL)
               : "";
}

static void put_responder(request_rec *r,
                          const staple_scoreboard_responder_t *responder,
                          apr_uint32_t waiting, apr_time_t now)
{
    const char *const *words =
        responder->health == STAPLE_SCOREBOARD_FAILING && !responder->is_healthy
            ? useless_words
            : health_words[responder->health & 3];

    ap_rprintf(r,
               ROW "<span class=\"name\">%s</span>%s</th>" CELL("Health")
               "<b class=\"state %s\">%s</b>%s%s" CELL_END CELL("Last answer")
               "%s" CELL_END CELL("Requests") "%" APR_UINT64_T_FMT
               SUB("%" APR_UINT64_T_FMT " failed") CELL_END CELL("Last error")
               "%s" CELL_END "</tr>\n",
               escaped(r, responder->url), way_of(r, responder), words[0],
               words[1],
               responder->failing_since != 0
                   ? apr_psprintf(r->pool, SUB("since %s"),
                                  when(r, responder->failing_since, now))
                   : "",
               waiting > 0 ? apr_psprintf(r->pool, SUB("%u waiting"), waiting)
                           : "",
               responder->latency > 0
                   ? apr_psprintf(r->pool, "%.0f ms",
                                  (double)responder->latency / 1000)
                   : NONE,
               responder->requests, responder->failures,
               responder->last_error != STAPLE_OK
                   ? escaped(r, sentence(responder->last_error))
                   : NONE);
}

static void put_responders(request_rec *r, const staple_snapshot_t *snapshot)
{
    const staple_scoreboard_t *board = &snapshot->board;
    static const char *const titles[] = {"URL", "Health", "Last answer",
                                         "Requests", "Last error"};
    apr_uint32_t i;

    ap_rputs("<h2 id=\"responders\">Responders</h2>\n", r);
    if (board->responder_count == 0) {
        ap_rputs("<p class=\"line\">No responder has been asked yet.</p>\n", r);
        return;
    }
    put_heads(r, titles, 5);
    for (i = 0; i < board->responder_count && i < STAPLE_SCOREBOARD_RESPONDERS;
         i++) {
        put_responder(r, &board->responders[i], snapshot->waiting[i],
                      snapshot->now);
    }
    ap_rputs("</tbody></table>\n", r);
}

/* ---- CRLs ---- */

/* Bytes and entries, where there are any: of a list or of its delta. */
static const char *size_of(request_rec *r, const staple_list_half_t *half)
{
    return half->bytes == 0
               ? NONE
               : apr_psprintf(r->pool,
                              "%" APR_UINT64_T_FMT " bytes, %" APR_UINT64_T_FMT
                              " entries",
                              half->bytes, half->entries);
}

static void put_held(request_rec *r, const staple_list_row_t *row,
                     apr_time_t now)
{
    ap_rputs(size_of(r, &row->base), r);
    if (row->base.bytes > 0) {
        ap_rprintf(r, SUB("number %s, came %s"),
                   row->base.number[0] != '\0' ? escaped(r, row->base.number)
                                               : NONE,
                   when(r, row->base.fetched_at, now));
    }
    if (row->delta.bytes > 0) {
        ap_rprintf(r, SUB("delta: %s"), size_of(r, &row->delta));
    }
}

static void put_list(request_rec *r, const staple_snapshot_list_t *list,
                     apr_time_t now)
{
    const staple_list_row_t *row = &list->row;

    ap_rprintf(r,
               ROW "<span class=\"name\">%s</span></th>" CELL("Certificates")
               "%u%s" CELL_END CELL("Held"),
               escaped(r, list->url), row->certificates,
               row->is_wanted ? "" : SUB("not needed now"));
    put_held(r, row, now);
    ap_rprintf(r,
               CELL_END CELL("Ends") "%s" CELL_END CELL("Requests")
               "%" APR_UINT64_T_FMT SUB("%" APR_UINT64_T_FMT " failed, %"
               APR_UINT64_T_FMT " not modified"),
               row->base.use_until != 0 ? when(r, row->base.use_until, now)
               : row->base.bytes != 0   ? "ran out"
                                        : NONE,
               row->requests, row->failed, row->not_modified);
    if (row->next_at != 0) {
        ap_rprintf(r, SUB("next %s"), due(r, row->next_at, now));
    }
    ap_rprintf(r, CELL_END CELL("Last error") "%s",
               row->reason != STAPLE_OK ? escaped(r, sentence(row->reason))
                                        : NONE);
    if (row->failures > 0) {
        ap_rprintf(r, SUB("%u failed in a row"), row->failures);
    }
    ap_rputs(CELL_END "</tr>\n", r);
}

static void put_lists(request_rec *r, const staple_snapshot_t *snapshot)
{
    static const char *const titles[] = {"CRL", "Certificates", "Held", "Ends",
                                         "Requests", "Last error"};
    staple_snapshot_list_t list;
    apr_uint32_t i;

    if (!staple_snapshot_list(&list, snapshot, 0)) {
        return;
    }
    ap_rputs("<h2>CRLs</h2>\n", r);
    put_heads(r, titles, 6);
    for (i = 0; i < SHOWN_LISTS && staple_snapshot_list(&list, snapshot, i);
         i++) {
        put_list(r, &list, snapshot->now);
    }
    ap_rputs("</tbody></table>\n", r);
    if (staple_snapshot_list(&list, snapshot, i)) {
        ap_rputs("<p class=\"line\">JSON has the others.</p>\n", r);
    }
}

/* Which machine this is, of when, and whether the page loads itself again. */
static void put_where(request_rec *r, const staple_snapshot_t *snapshot,
                      const staple_status_query_t *query, const char *host)
{
    staple_status_query_t other = *query;
    char now[STAPLE_TEXT_SIZE];

    other.refresh = query->refresh > 0 ? 0 : USUAL_REFRESH;
    ap_rprintf(r, "<p class=\"line\"><b class=\"name\">%s</b>, %s; ",
               escaped(r, host), staple_text_time(now, snapshot->now));
    if (query->refresh > 0) {
        ap_rprintf(r, "loads again every %u s, <a href=\"%s\">stop</a></p>\n",
                   query->refresh, link_to(r->pool, &other));
    }
    else {
        ap_rprintf(r, "<a href=\"%s\">load again every %u s</a></p>\n",
                   link_to(r->pool, &other), other.refresh);
    }
}

static void put_top(request_rec *r, const staple_snapshot_t *snapshot,
                    const staple_status_query_t *query)
{
    char host[APRMAXHOSTLEN + 1] = "";

    if (apr_gethostname(host, sizeof(host), r->pool) != APR_SUCCESS) {
        apr_cpystrn(host, r->server->server_hostname, sizeof(host));
    }
    ap_rputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
             "<meta name=\"viewport\" content=\"width=device-width,"
             "initial-scale=1\"><meta name=\"robots\" content=\"noindex\">", r);
    if (query->refresh > 0) {
        ap_rprintf(r, "<meta http-equiv=\"refresh\" content=\"%u\">",
                   query->refresh);
    }
    /* The browser's tab says it, too. */
    ap_rprintf(r, "<title>%s%sOCSP stapling, %s</title><style>",
               snapshot->health.grade != STAPLE_GRADE_OK
                   ? staple_grade_name(snapshot->health.grade) : "",
               snapshot->health.grade != STAPLE_GRADE_OK ? ": " : "",
               escaped(r, host));
    ap_rputs(staple_status_style, r);
    ap_rputs("</style></head>\n<body><a class=\"skip\" href=\"#certificates\">"
             "to the certificates</a><header><h1>OCSP stapling</h1>\n", r);
    put_where(r, snapshot, query, host);
    put_banner(r, snapshot, query);
    put_refresher(r, snapshot);
    ap_rputs("</header>", r);
}

void staple_status_html(request_rec *r, const staple_snapshot_t *snapshot,
                        const staple_status_query_t *query)
{
    /* What many certificates wait for comes before them. */
    int is_first =
        snapshot->health.problems[STAPLE_PROBLEM_RESPONDER].count > 0;

    ap_set_content_type(r, "text/html; charset=utf-8");
    set_policy(r);
    put_top(r, snapshot, query);
    ap_rputs("<main>\n", r);
    put_tiles(r, snapshot, query);
    if (is_first) {
        put_responders(r, snapshot);
    }
    put_certificates(r, snapshot, query);
    put_servers(r, snapshot->servers);
    if (!is_first) {
        put_responders(r, snapshot);
    }
    put_lists(r, snapshot);
    ap_rprintf(r,
               "</main><footer>Also as <a href=\"?format=json\">JSON</a> and "
               "<a href=\"?format=prometheus\">metrics</a>. "
               "mod_ocspstaple %s</footer></body></html>\n",
               STAPLE_VERSION);
}
