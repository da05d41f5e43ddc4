/* What is wrong, in sentences: those of the page, of JSON and of the tool. */
#include "staple_health.h"

#include <apr_strings.h>

#include "base/staple_text.h"

#define SHOWN_RESPONDERS 5 /* that have a line; of the others one says how
                              many there are */

/* What is said of certificates with a problem, behind their number: of one, and
 * of several. */
static const struct {
    const char *one, *several;
} sentences[STAPLE_PROBLEM_COUNT] = {
    [STAPLE_PROBLEM_REVOKED] = {"certificate is revoked: replace it",
                                "certificates are revoked: replace them"},
    [STAPLE_PROBLEM_ISSUER_REVOKED] =
        {"certificate has a revoked issuer: get one from another issuer",
         "certificates have a revoked issuer: get others from another issuer"},
    [STAPLE_PROBLEM_MUST_STAPLE] =
        {"must-staple certificate has no staple: clients refuse it",
         "must-staple certificates have no staple: clients refuse them"},
    [STAPLE_PROBLEM_UNKNOWN] =
        {"certificate is unknown to its responder: ask its CA why",
         "certificates are unknown to their responders: ask their CA why"},
    [STAPLE_PROBLEM_UNAVAILABLE] =
        {"certificate has neither an OCSP response nor a CRL: its last error "
         "says why",
         "certificates have neither an OCSP response nor a CRL: their last "
         "errors say why"},
    [STAPLE_PROBLEM_STALE] =
        {"certificate has a response or CRL that ran out, and no other came: "
         "its last error says why",
         "certificates have responses or CRLs that ran out, and no others "
         "came: their last errors say why"},
    [STAPLE_PROBLEM_ENDING] =
        {"certificate has a response or CRL that ends soon, and no other "
         "came: its last error says why",
         "certificates have responses or CRLs that end soon, and no others "
         "came: their last errors say why"},
};

static void add(apr_array_header_t *lines, staple_problem_e problem,
                apr_uint32_t count, const char *text)
{
    *(staple_health_line_t *)apr_array_push(lines) =
        (staple_health_line_t){problem, count, text};
}

/* " (a.example, b.example, c.example and 4 more)" */
static const char *names_of(apr_pool_t *p,
                            const staple_snapshot_troubled_t *troubled)
{
    const char *text = "";
    apr_uint32_t i;

    for (i = 0; i < troubled->count && i < STAPLE_SNAPSHOT_NAMES; i++) {
        text = apr_pstrcat(p, text, i > 0 ? ", " : " (", troubled->names[i],
                           NULL);
    }
    return i < troubled->count
               ? apr_psprintf(p, "%s and %u more)", text, troubled->count - i)
               : apr_pstrcat(p, text, ")", NULL);
}

/* ---- responders ---- */

static const char *how_it_fails(apr_pool_t *p,
                                const staple_scoreboard_responder_t *responder,
                                apr_time_t now)
{
    char span[STAPLE_TEXT_SIZE];
    int is_down = responder->health == STAPLE_SCOREBOARD_DOWN;

    if (responder->failing_since == 0) {
        return is_down ? "is down" : "gave no answer of use";
    }
    return apr_psprintf(p, "has %s for %s",
                        is_down ? "not answered" : "given no answer of use",
                        staple_text_span(span,
                                         now - responder->failing_since));
}

static const char *who_waits(apr_pool_t *p, apr_uint32_t waiting)
{
    return waiting == 0   ? "no certificate waits for it"
           : waiting == 1 ? "1 certificate waits for it"
                          : apr_psprintf(p, "%u certificates wait for it",
                                         waiting);
}

static void add_responders(apr_array_header_t *lines, apr_pool_t *p,
                           const staple_snapshot_t *snapshot)
{
    const staple_scoreboard_t *board = &snapshot->board;
    apr_uint32_t count = 0, i;

    for (i = 0; i < board->responder_count && i < STAPLE_SCOREBOARD_RESPONDERS;
         i++) {
        if (!board->responders[i].is_healthy
            && count++ < SHOWN_RESPONDERS) {
            add(lines, STAPLE_PROBLEM_RESPONDER, 1,
                apr_psprintf(p, "responder %s %s: %s", board->responders[i].url,
                             how_it_fails(p, &board->responders[i],
                                          snapshot->now),
                             who_waits(p, snapshot->waiting[i])));
        }
    }
    if (count > SHOWN_RESPONDERS) {
        add(lines, STAPLE_PROBLEM_RESPONDER, count - SHOWN_RESPONDERS,
            apr_psprintf(p, "so it is with %u more responders",
                         count - SHOWN_RESPONDERS));
    }
}

/* ---- what cannot be stapled, by reason ---- */

static const char *what_to_do(staple_reason_e reason)
{
    return reason == STAPLE_CERT_NO_ISSUER
               ? "issuer missing, append its certificate to the "
                 "SSLCertificateFile"
               : staple_reason_sentence(reason);
}

static void add_not_stapled(apr_array_header_t *lines, apr_pool_t *p,
                            const staple_snapshot_health_t *health)
{
    int i;

    for (i = 0; i < STAPLE_REASON_COUNT; i++) {
        const staple_snapshot_troubled_t *troubled = &health->not_stapled[i];

        if (troubled->count > 0) {
            add(lines, STAPLE_PROBLEM_NOT_STAPLED, troubled->count,
                apr_psprintf(p, "%u certificate%s cannot be stapled: %s%s",
                             troubled->count, troubled->count == 1 ? "" : "s",
                             what_to_do((staple_reason_e)i),
                             names_of(p, troubled)));
        }
    }
}

/* ---- all of it ---- */

/* What concerns the whole; NULL: it is of certificates. */
static const char *of_all(apr_pool_t *p, const staple_snapshot_t *snapshot,
                          staple_problem_e problem)
{
    char span[STAPLE_TEXT_SIZE];

    switch ((int)problem) {
    case STAPLE_PROBLEM_REFRESHER:
        return apr_psprintf(
            p,
            "the refresher hangs or does not run, its last look was %s ago: "
            "staples will run out; restart httpd",
            staple_text_span(span,
                             snapshot->now - snapshot->board.last_round_at));
    case STAPLE_PROBLEM_STARTING:
        return "the refresher has not started yet";
    case STAPLE_PROBLEM_NOTHING:
        return snapshot->count == 0 ? "there is no certificate to staple"
                                    : "no certificate can be stapled";
    }
    return NULL;
}

static void add_problem(apr_array_header_t *lines, apr_pool_t *p,
                        const staple_snapshot_t *snapshot,
                        const staple_snapshot_health_t *health,
                        staple_problem_e problem)
{
    const staple_snapshot_troubled_t *troubled = &health->problems[problem];
    const char *text = of_all(p, snapshot, problem);

    if (text == NULL) {
        text = apr_psprintf(p, "%u %s%s", troubled->count,
                            troubled->count == 1 ? sentences[problem].one
                                                 : sentences[problem].several,
                            names_of(p, troubled));
    }
    add(lines, problem, troubled->count, text);
}

const apr_array_header_t *
staple_health_lines(apr_pool_t *p, const staple_snapshot_t *snapshot,
                    const staple_snapshot_health_t *health)
{
    apr_array_header_t *lines =
        apr_array_make(p, 4, sizeof(staple_health_line_t));
    int i;

    for (i = 0; i < STAPLE_PROBLEM_COUNT; i++) {
        if (health->problems[i].count == 0) {
            continue;
        }
        if (i == STAPLE_PROBLEM_RESPONDER) {
            add_responders(lines, p, snapshot);
        }
        else if (i == STAPLE_PROBLEM_NOT_STAPLED) {
            add_not_stapled(lines, p, health);
        }
        else {
            add_problem(lines, p, snapshot, health, (staple_problem_e)i);
        }
    }
    return lines;
}

const char *staple_health_summary(apr_pool_t *p,
                                  const staple_snapshot_t *snapshot,
                                  const apr_array_header_t *lines)
{
    if (lines->nelts > 0) {
        return APR_ARRAY_IDX(lines, 0, staple_health_line_t).text;
    }
    if (snapshot->states[STAPLE_STATE_PENDING] > 0) {
        return apr_psprintf(p,
                            "%u of %u certificates are good, %u are still "
                            "pending",
                            snapshot->states[STAPLE_STATE_GOOD],
                            snapshot->count,
                            snapshot->states[STAPLE_STATE_PENDING]);
    }
    return apr_psprintf(p, "all is well: %u of %u certificates are good",
                        snapshot->states[STAPLE_STATE_GOOD], snapshot->count);
}
