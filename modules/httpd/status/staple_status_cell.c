/* The status page's columns of a certificate: title, rank and cell of each. */
#include "staple_status_cell.h"

#include <apr_escape.h>
#include <http_protocol.h>

#include "base/staple_text.h"

#define SHOWN_SERVERS 4 /* of a certificate in the table; JSON has them all */
#define LIFE_LOW 25     /* percent of a staple's life that is little */

void staple_status_cell_text(request_rec *r, const char *text)
{
    ap_rputs(ap_escape_html(r->pool, text), r);
}

void staple_status_cell_state(request_rec *r, staple_state_e state)
{
    const char *name = staple_state_name(state);

    ap_rprintf(r, "<b class=\"state %s\">%s</b>", name, name);
}

void staple_status_cell_time(request_rec *r, apr_time_t at, apr_time_t now)
{
    char instant[STAPLE_TEXT_SIZE], span[STAPLE_TEXT_SIZE];

    if (at == 0) {
        ap_rputs("never", r);
        return;
    }
    staple_text_time(instant, at);
    staple_text_span(span, at > now ? at - now : now - at);
    ap_rprintf(r, "<time datetime=\"%s\" title=\"%s\">%s%s%s</time>", instant,
               instant, at > now ? "in " : "", span, at > now ? "" : " ago");
}

void staple_status_cell_score(request_rec *r, unsigned score)
{
    ap_rprintf(r, "<span class=\"%s\">%u.%u</span>",
               score < 50 ? "low" : "full", score / 10, score % 10);
}

/* ---- certificate ---- */

/* One line of what unfolds: a name and a text, which is escaped. */
static void put_detail(request_rec *r, const char *name, const char *text)
{
    ap_rprintf(r, "<dt>%s</dt><dd>", name);
    staple_status_cell_text(r, text);
    ap_rputs("</dd>", r);
}

static void put_servers(request_rec *r, const staple_generation_cert_t *cert)
{
    int i;

    ap_rputs("<span class=\"sub\">", r);
    for (i = 0; i < cert->servers->nelts && i < SHOWN_SERVERS; i++) {
        ap_rputs(i > 0 ? ", " : "", r);
        staple_status_cell_text(r, staple_generation_server(cert, i));
    }
    if (i < cert->servers->nelts) {
        ap_rprintf(r, " and %d more", cert->servers->nelts - i);
    }
    ap_rputs("</span>", r);
}

static void put_certificate(request_rec *r, const staple_snapshot_cert_t *cert,
                            apr_time_t now)
{
    const staple_cert_t *it = cert->view.cert;
    char instant[STAPLE_TEXT_SIZE];
    const char *url;
    unsigned i;

    (void)now;
    ap_rputs("<span class=\"name\">", r);
    staple_status_cell_text(r, it->subject);
    ap_rputs("</span>", r);
    if (cert->view.is_issuer) {
        ap_rputs(" <b class=\"mark\">issuer</b>", r);
    }
    if (it->must_staple) {
        ap_rputs(" <b class=\"mark\">must-staple</b>", r);
    }
    put_servers(r, &cert->view);
    ap_rputs("<details><summary>details</summary><dl>", r);
    put_detail(r, "serial", it->serial);
    put_detail(r, "issuer", it->issuer->subject);
    put_detail(r, "SHA-256",
               apr_pescape_hex(r->pool, it->sha256, sizeof(it->sha256), 0));
    put_detail(r, "SHA-1",
               apr_pescape_hex(r->pool, it->key.bytes, sizeof(it->key.bytes),
                               0));
    put_detail(r, "expires", staple_text_time(instant, it->not_after));
    if (cert->view.record.state_reason != STAPLE_OK) {
        put_detail(r, "state because",
                   staple_reason_sentence(
                       (staple_reason_e)cert->view.record.state_reason));
    }
    for (i = 0; (url = staple_snapshot_responder(cert, i)) != NULL; i++) {
        put_detail(r, "responder", url);
    }
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
    int rank = ranks[cert->view.record.state % STAPLE_STATE_COUNT];

    if (cert->view.is_stale && rank > 4) {
        rank = 4;
    }
    return rank - (cert->conditions != 0 ? 10 : 0);
}

static void put_state(request_rec *r, const staple_snapshot_cert_t *cert,
                      apr_time_t now)
{
    const char *reason = staple_snapshot_revocation(cert);
    char text[STAPLE_CONDITIONS_SIZE];

    staple_status_cell_state(r, (staple_state_e)cert->view.record.state);
    if (cert->view.is_stale) {
        ap_rputs(" <b class=\"state stale\">stale</b>", r);
    }
    if (cert->conditions != 0) {
        ap_rprintf(r, "<span class=\"sub alarm\">significant: %s</span>",
                   staple_state_conditions_text(text, cert->conditions));
    }
    if (reason != NULL) {
        ap_rputs("<span class=\"sub\">revoked ", r);
        staple_status_cell_time(r, cert->view.record.revoked_at, now);
        ap_rprintf(r, ": %s</span>", reason);
    }
    if (cert->view.record.state == STAPLE_STATE_DISABLED
        && cert->view.record.state_reason != STAPLE_OK) {
        ap_rprintf(r, "<span class=\"sub\">%s</span>",
                   staple_reason_sentence(
                       (staple_reason_e)cert->view.record.state_reason));
    }
    if (cert->view.record.state_since != 0) {
        ap_rputs("<span class=\"sub\">since ", r);
        staple_status_cell_time(r, cert->view.record.state_since, now);
        ap_rputs("</span>", r);
    }
}

/* ---- staple ---- */

static apr_int64_t rank_staple(const staple_snapshot_cert_t *cert)
{
    return cert->view.record.der_len > 0 ? cert->view.record.use_until : 0;
}

static void put_staple(request_rec *r, const staple_snapshot_cert_t *cert,
                       apr_time_t now)
{
    const staple_record_t *record = &cert->view.record;

    if (record->der_len == 0) {
        ap_rputs("<span class=\"none\">none held</span>", r);
        return;
    }
    ap_rprintf(r,
               "<meter min=\"0\" max=\"100\" low=\"%d\" high=\"%d\" "
               "optimum=\"100\" value=\"%d\" aria-label=\"life left\">%d "
               "%%</meter>",
               LIFE_LOW, LIFE_LOW, cert->life, cert->life);
    ap_rputs(cert->view.is_stale ? "<span class=\"sub\">ran out "
                                 : "<span class=\"sub\">ends ",
             r);
    staple_status_cell_time(r, record->use_until, now);
    ap_rprintf(r, "</span><span class=\"sub\">%u bytes</span>",
               record->der_len);
}

/* ---- refresh ---- */

static apr_int64_t rank_next(const staple_snapshot_cert_t *cert)
{
    return cert->view.record.next_at;
}

static void put_next(request_rec *r, const staple_snapshot_cert_t *cert,
                     apr_time_t now)
{
    const staple_record_t *record = &cert->view.record;

    if (record->state == STAPLE_STATE_ISSUER_REVOKED) {
        ap_rputs("stopped: the issuer is revoked", r);
    }
    else if (record->state == STAPLE_STATE_DISABLED) {
        ap_rputs("nobody is asked", r);
    }
    else if (record->next_at <= now) {
        ap_rputs("now", r);
    }
    else {
        staple_status_cell_time(r, record->next_at, now);
    }
    ap_rputs("<span class=\"sub\">last good ", r);
    staple_status_cell_time(r, record->succeeded_at, now);
    ap_rputs("</span>", r);
}

static apr_int64_t rank_error(const staple_snapshot_cert_t *cert)
{
    return cert->view.record.reason == STAPLE_OK
               ? 1
               : -(apr_int64_t)cert->view.record.failures;
}

static void put_error(request_rec *r, const staple_snapshot_cert_t *cert,
                      apr_time_t now)
{
    const staple_record_t *record = &cert->view.record;

    if (record->reason == STAPLE_OK) {
        ap_rputs("<span class=\"none\">none</span>", r);
        return;
    }
    staple_status_cell_text(
        r, staple_reason_sentence((staple_reason_e)record->reason));
    if (record->detail[0] != '\0') {
        ap_rputs("<span class=\"sub\">", r);
        staple_status_cell_text(r, record->detail);
        ap_rputs("</span>", r);
    }
    if (record->failures == 0) {
        return; /* no responder was asked: a response file was refused */
    }
    ap_rprintf(r, "<span class=\"sub\">%u failed in a row, last ",
               record->failures);
    staple_status_cell_time(r, record->attempted_at, now);
    ap_rputs("</span>", r);
}

/* ---- figures ---- */

static apr_int64_t rank_handshakes(const staple_snapshot_cert_t *cert)
{
    return -(apr_int64_t)cert->tally.unserved;
}

static void put_handshakes(request_rec *r, const staple_snapshot_cert_t *cert,
                           apr_time_t now)
{
    (void)now;
    ap_rprintf(r,
               "%" APR_UINT64_T_FMT " stapled<span class=\"sub\">%"
               APR_UINT64_T_FMT " not</span>",
               cert->tally.served, cert->tally.unserved);
}

static apr_int64_t rank_score(const staple_snapshot_cert_t *cert)
{
    return cert->view.score;
}

static void put_score(request_rec *r, const staple_snapshot_cert_t *cert,
                      apr_time_t now)
{
    (void)now;
    staple_status_cell_score(r, cert->view.score);
}

const staple_status_column_t staple_status_columns[STAPLE_STATUS_COLUMNS] = {
    {"subject", "Certificate", NULL, put_certificate},
    {"state", "State", rank_state, put_state},
    {"staple", "Staple", rank_staple, put_staple},
    {"next", "Next refresh", rank_next, put_next},
    {"error", "Last error", rank_error, put_error},
    {"handshakes", "Handshakes", rank_handshakes, put_handshakes},
    {"score", "Score", rank_score, put_score},
};
