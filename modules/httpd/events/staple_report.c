/* What the refresher reports -> error log, event log, event command. */
#include "staple_report.h"

#include <apr_strings.h>

#include "base/staple_clock.h"
#include "ocsp/staple_verify.h"
#include "staple_command.h"
#include "httpd/config/staple_config.h"
#include "staple_eventlog.h"

/* How often the log is told of values of the shared store that are refused. */
#define TELL_REFUSED apr_time_from_sec(60)

struct staple_reporter_t {
    apr_pool_t *scratch;  /* cleared after each event */
    server_rec *server;
    const staple_generation_t *generation;
    staple_command_t *command;
    apr_time_t started_at;
    int has_summed_up;
    unsigned refused;           /* values of the shared store, since ... */
    apr_time_t refused_told_at; /* ... the log was told */
};

static apr_status_t end(void *data)
{
    staple_report_end(data);
    return APR_SUCCESS;
}

staple_reporter_t *staple_report_make(apr_pool_t *p,
                                      const staple_generation_t *generation,
                                      apr_time_t now)
{
    staple_reporter_t *reporter = apr_pcalloc(p, sizeof(*reporter));
    staple_scoreboard_t board;

    apr_pool_create(&reporter->scratch, p);
    reporter->server = generation->main_server;
    reporter->generation = generation;
    reporter->started_at = now;
    /* Another child's refresher did, before this one took over. */
    staple_scoreboard_get(&board, generation->scoreboard);
    reporter->has_summed_up = board.pid != 0;
    reporter->command = staple_command_make(
        p, generation->main_server,
        staple_config_get(generation->main_server)->event_command);
    apr_pool_pre_cleanup_register(p, reporter, end);
    return reporter;
}

static const staple_cert_t *cert_of(const staple_reporter_t *reporter,
                                    const staple_report_t *report)
{
    return staple_generation_entry(reporter->generation, report->index)->cert;
}

/* " (words)" about a failure, or nothing. */
#define DETAIL(report)                                                         \
    (report)->detail[0] != '\0' ? " (" : "", (report)->detail,                 \
        (report)->detail[0] != '\0' ? ")" : ""

static int seconds_until(apr_time_t at, apr_time_t now)
{
    return at > now ? (int)apr_time_sec(at - now + APR_USEC_PER_SEC / 2) : 0;
}

static void attempt_failed(staple_reporter_t *reporter,
                           const staple_report_t *report)
{
    const staple_cert_t *cert = cert_of(reporter, report);

    ap_log_error(APLOG_MARK, APLOG_INFO, 0, reporter->server,
                 STAPLE_LOGNO(0040)
                 "certificate \"%s\" (serial %s), %s %s: %s%s%s%s",
                 cert->subject, cert->serial, report->by_get ? "GET" : "POST",
                 report->url, staple_reason_sentence(report->reason),
                 DETAIL(report));
}

/* As often as OCSPStapleMaxTries allows: the administrator should know for how
 * long there is no staple. */
static void gave_up(const staple_reporter_t *reporter,
                    const staple_cert_t *cert, const staple_record_t *record)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, reporter->server,
                 STAPLE_LOGNO(0110)
                 "certificate \"%s\" (serial %s): %u jobs in a row have "
                 "failed, as many as OCSPStapleMaxTries allows: the next "
                 "request is in %d s; for one sooner set OCSPStapleMaxTries "
                 "none, or a larger number, and restart httpd gracefully",
                 cert->subject, cert->serial, record->failures,
                 seconds_until(record->next_at, record->attempted_at));
}

/* Not at INFO: nothing has failed. */
static void cut_short(staple_reporter_t *reporter,
                      const staple_report_t *report)
{
    const staple_cert_t *cert = cert_of(reporter, report);

    ap_log_error(APLOG_MARK, APLOG_DEBUG, 0, reporter->server,
                 "certificate \"%s\" (serial %s), %s: no answer within %d ms, "
                 "while others wait: it gets more time the next time",
                 cert->subject, cert->serial, report->url,
                 (int)apr_time_as_msec(report->took));
}

static void job_failed(staple_reporter_t *reporter,
                       const staple_report_t *report)
{
    const staple_cert_t *cert = cert_of(reporter, report);
    const staple_record_t *record = report->record;
    apr_time_t now = record->attempted_at;
    int is_held = staple_record_is_usable(record, now);

    /* Each; that it began to fail is an event, and a responder that is down
     * has a line of its own. */
    ap_log_error(APLOG_MARK,
                 report->reason == STAPLE_RESPONDER_DOWN ? APLOG_DEBUG
                                                         : APLOG_INFO,
                 0, reporter->server,
                 STAPLE_LOGNO(0041)
                 "certificate \"%s\" (serial %s): no fresh OCSP response: "
                 "%s%s%s%s; %s%d s; failed %u times in a row, next try in %d s",
                 cert->subject, cert->serial,
                 staple_reason_sentence(report->reason), DETAIL(report),
                 is_held ? "the response held is served for another "
                         : "no response is held, and none has been stapled "
                           "for ",
                 is_held ? seconds_until(record->held.use_until, now)
                         : seconds_until(now, record->held.use_until != 0
                                                  ? record->held.use_until
                                                  : reporter->started_at),
                 record->failures, seconds_until(record->next_at, now));
    if (report->gave_up) {
        gave_up(reporter, cert, record);
    }
}

static void refreshed(staple_reporter_t *reporter,
                      const staple_report_t *report)
{
    const staple_cert_t *cert = cert_of(reporter, report);
    const staple_record_t *record = report->record;

    ap_log_error(APLOG_MARK, APLOG_DEBUG, 0, reporter->server,
                 "certificate \"%s\" (serial %s): %s, %u bytes, for another "
                 "%d s, next request in %d s",
                 cert->subject, cert->serial,
                 staple_record_says_revoked(record) ? "revoked" : "good",
                 record->der_len,
                 seconds_until(record->held.use_until, record->succeeded_at),
                 seconds_until(record->next_at, record->succeeded_at));
}

/* All attempts for a CRL failed, or for its delta. */
static void list_failed(staple_reporter_t *reporter,
                        const staple_report_t *report)
{
    const staple_list_row_t *list = report->list;
    int is_held = list->base.use_until > report->at;

    ap_log_error(APLOG_MARK,
                 report->reason == STAPLE_RESPONDER_DOWN ? APLOG_DEBUG
                                                         : APLOG_INFO,
                 0, reporter->server,
                 STAPLE_LOGNO(0150)
                 "CRL %s, of %u certificates: no fresh list%s: %s%s%s%s; %s%d "
                 "s; next try in %d s",
                 report->url, list->certificates,
                 list->failures == 0 ? " of changes (delta)" : "",
                 staple_reason_sentence(report->reason), DETAIL(report),
                 is_held ? "the one held may be used for another "
                         : "none may be used since ",
                 is_held ? seconds_until(list->base.use_until, report->at)
                         : seconds_until(report->at, reporter->started_at),
                 seconds_until(list->next_at, report->at));
}

static void list_refreshed(staple_reporter_t *reporter,
                           const staple_report_t *report)
{
    const staple_list_row_t *list = report->list;

    ap_log_error(APLOG_MARK, APLOG_DEBUG, 0, reporter->server,
                 "CRL %s, of %u certificates: number %s, %" APR_UINT64_T_FMT
                 " bytes, %" APR_UINT64_T_FMT " entries, for another %d s, "
                 "next request in %d s",
                 report->url, list->certificates, list->base.number,
                 list->base.bytes, list->base.entries,
                 seconds_until(list->base.use_until, report->at),
                 seconds_until(list->next_at, report->at));
}

/* Not each: values of others in the store must not fill the log. */
static void shared_refused(staple_reporter_t *reporter,
                           const staple_report_t *report)
{
    const staple_cert_t *cert = cert_of(reporter, report);
    apr_time_t now = apr_time_now();

    reporter->refused++;
    if (!staple_clock_is_over(reporter->refused_told_at, TELL_REFUSED, now)) {
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, reporter->server,
                 STAPLE_LOGNO(0084)
                 "%s: %u value%s not used and will be replaced, the last one "
                 "for certificate \"%s\" (serial %s): %s",
                 report->url, reporter->refused,
                 reporter->refused == 1 ? " is" : "s are", cert->subject,
                 cert->serial, staple_reason_sentence(report->reason));
    reporter->refused = 0;
    reporter->refused_told_at = now;
}

/* ---- events ---- */

/* At which level an event is logged, and its sentence; each has its own tag. */
static const struct {
    int significant_level, level;
    const char *tag, *sentence;
} phrases[] = {
    [STAPLE_EVENT_GOOD] = {APLOG_NOTICE, APLOG_NOTICE, STAPLE_LOGNO(0070),
                           "is good"},
    [STAPLE_EVENT_REVOKED] = {APLOG_ERR, APLOG_INFO, STAPLE_LOGNO(0071),
                              "is revoked: replace it"},
    [STAPLE_EVENT_UNKNOWN] = {APLOG_WARNING, APLOG_INFO, STAPLE_LOGNO(0072),
                              "is unknown to its responder"},
    [STAPLE_EVENT_ISSUER_REVOKED] = {APLOG_ERR, APLOG_INFO, STAPLE_LOGNO(0073),
                                     "has a revoked issuer: replace it"},
    [STAPLE_EVENT_UNAVAILABLE] = {APLOG_WARNING, APLOG_INFO, STAPLE_LOGNO(0074),
                                  "has no valid OCSP response, and none could "
                                  "be fetched"},
    [STAPLE_EVENT_STALE] = {APLOG_WARNING, APLOG_INFO, STAPLE_LOGNO(0075),
                            "is no longer stapled: its OCSP response has run "
                            "out"},
    [STAPLE_EVENT_ENDING_SOON] = {APLOG_WARNING, APLOG_INFO, STAPLE_LOGNO(0076),
                                  "has an OCSP response that ends soon, and no "
                                  "new one"},
    [STAPLE_EVENT_REFRESH_FAILING] = {APLOG_WARNING, APLOG_WARNING,
                                      STAPLE_LOGNO(0077),
                                      "gets no fresh OCSP response; requests "
                                      "go on, and"},
    [STAPLE_EVENT_REFRESH_RECOVERED] = {APLOG_NOTICE, APLOG_NOTICE,
                                        STAPLE_LOGNO(0078),
                                        "gets fresh OCSP responses again"},
    [STAPLE_EVENT_RESPONDER_DOWN] = {APLOG_WARNING, APLOG_WARNING,
                                     STAPLE_LOGNO(0042),
                                     "is down after repeated failures: from "
                                     "now on it gets one request at a time"},
    [STAPLE_EVENT_RESPONDER_UP] = {APLOG_NOTICE, APLOG_NOTICE,
                                   STAPLE_LOGNO(0043), "answers again"},
};

_Static_assert(sizeof(phrases) / sizeof(phrases[0]) == STAPLE_EVENT_COUNT,
               "each event has its sentence");

/* The same of a certificate whose CRL it is about, where they differ. */
static const char *const crl_sentences[STAPLE_EVENT_COUNT] = {
    [STAPLE_EVENT_UNAVAILABLE] = "has no valid CRL, and none could be fetched",
    [STAPLE_EVENT_STALE] = "is without a valid CRL: its CRL has run out",
    [STAPLE_EVENT_ENDING_SOON] = "has a CRL that ends soon, and no new one",
    [STAPLE_EVENT_REFRESH_FAILING] = "gets no fresh CRL;",
    [STAPLE_EVENT_REFRESH_RECOVERED] = "gets fresh CRLs again",
};

/* Is the event about its CRL?  Where no response is held, an end is that of its
 * CRL; the rest is, where there is no OCSP at all. */
static int is_about_crl(const staple_eventlog_entry_t *entry)
{
    staple_event_e event = entry->report->event;

    if (entry->cert == NULL) {
        return 0;
    }
    return event == STAPLE_EVENT_STALE || event == STAPLE_EVENT_ENDING_SOON
               ? entry->cert->record.der_len == 0
               : staple_generation_is_by_crl(entry->cert);
}

static const char *sentence_of(const staple_eventlog_entry_t *entry)
{
    staple_event_e event = entry->report->event;

    return is_about_crl(entry) && crl_sentences[event] != NULL
               ? crl_sentences[event]
               : phrases[event].sentence;
}

static const char *first_server(const staple_generation_cert_t *cert)
{
    return cert->servers->nelts > 0 ? staple_generation_server(cert, 0) : "?";
}

/* Is a CRL that is followed at this URL, or at this server, which the URL then
 * is all of? */
static int has_crl(const staple_generation_t *generation, const char *url)
{
    apr_size_t len = strlen(url);
    apr_uint32_t count, i;
    const staple_refresh_list_t *lists =
        staple_generation_lists(&count, generation);
    unsigned k;

    for (i = 0; i < count; i++) {
        for (k = 0; lists[i].urls != NULL && lists[i].urls[k] != NULL; k++) {
            if (strncmp(lists[i].urls[k], url, len) == 0
                && (lists[i].urls[k][len] == '\0'
                    || lists[i].urls[k][len] == '/')) {
                return 1;
            }
        }
    }
    return 0;
}

/* What the event is about, for the error log. */
static const char *subject_of(apr_pool_t *p,
                              const staple_reporter_t *reporter,
                              const staple_eventlog_entry_t *entry)
{
    const staple_generation_cert_t *cert = entry->cert;

    if (cert == NULL) {
        return apr_pstrcat(p,
                           has_crl(reporter->generation, entry->report->url)
                               ? "server "
                               : "responder ",
                           entry->report->url, NULL);
    }
    return apr_psprintf(p, "%s \"%s\" (serial %s) of %s%s",
                        cert->is_issuer ? "issuer" : "certificate",
                        cert->cert->subject, cert->cert->serial,
                        first_server(cert),
                        cert->servers->nelts > 1 ? " and others" : "");
}

/* What is in use while nothing fresh comes. */
static const char *meanwhile_of(const staple_eventlog_entry_t *entry)
{
    const staple_record_t *record = &entry->cert->record;
    apr_time_t now = entry->report->at;

    if (is_about_crl(entry)) {
        return record->crl.use_until > now
                   ? " the one held is used until it runs out"
                   : " none is held that could be used";
    }
    return record->held.use_until > now
               ? " the response held is served until it expires"
               : " there is no response to staple";
}

/* The reason of a revocation, and that a CRL has it. */
static const char *revocation(apr_pool_t *p, const staple_record_t *record)
{
    const staple_verdict_t *verdict = staple_record_verdict(record);

    return apr_pstrcat(p,
                       staple_verify_crl_reason(verdict->revocation_reason),
                       verdict == &record->crl ? ", by its CRL" : "", NULL);
}

static const char *why_of(apr_pool_t *p, const staple_eventlog_entry_t *entry)
{
    const staple_report_t *report = entry->report;

    if (report->event == STAPLE_EVENT_REVOKED && entry->cert != NULL) {
        return apr_psprintf(p, " (%s)", revocation(p, &entry->cert->record));
    }
    if (entry->revoked_issuer != NULL) {
        return apr_psprintf(p, " (\"%s\": %s)",
                            entry->revoked_issuer->cert->subject,
                            revocation(p, &entry->revoked_issuer->record));
    }
    return report->reason != STAPLE_OK
               ? apr_psprintf(p, " (%s%s%s)",
                              staple_reason_sentence(report->reason),
                              report->detail[0] != '\0' ? ": " : "",
                              report->detail)
               : "";
}

static void log_event(const staple_reporter_t *reporter, apr_pool_t *p,
                      const staple_eventlog_entry_t *entry)
{
    const staple_report_t *report = entry->report;
    int is_failing = report->event == STAPLE_EVENT_REFRESH_FAILING;

    ap_log_error(
        APLOG_MARK,
        entry->is_significant ? phrases[report->event].significant_level
                              : phrases[report->event].level,
        0, reporter->server, "%s%s %s%s%s", phrases[report->event].tag,
        subject_of(p, reporter, entry), sentence_of(entry),
        is_failing && entry->cert != NULL ? meanwhile_of(entry) : "",
        why_of(p, entry));
}

static void event_happened(staple_reporter_t *reporter,
                           const staple_report_t *report)
{
    apr_pool_t *p = reporter->scratch;
    staple_eventlog_entry_t entry = {.report = report};
    staple_generation_cert_t cert, issuer;
    const char *line;

    if (report->record != NULL
        && staple_generation_cert(&cert, reporter->generation, report->index,
                                  report->at)) {
        cert.record = *report->record; /* as it is about to be published */
        entry.cert = &cert;
        if (report->event == STAPLE_EVENT_ISSUER_REVOKED
            && staple_generation_revoked_issuer(&issuer, reporter->generation,
                                                report->index, report->at)) {
            entry.revoked_issuer = &issuer;
        }
        entry.is_significant = staple_event_is_significant(
            report->event, cert.policy->exclude | cert.early,
            cert.cert->must_staple && !cert.is_issuer
                && !staple_record_is_usable(&cert.record, report->at));
    }
    else {
        entry.is_significant = staple_event_is_significant(
            report->event, STAPLE_EXCLUDE_ALL, 0);
    }
    log_event(reporter, p, &entry);
    line = staple_eventlog_line(p, &entry);
    if (line != NULL) {
        staple_eventlog_append(reporter->generation->event_log, line);
        if (entry.is_significant) {
            staple_command_queue(reporter->command, &entry, line);
        }
    }
    apr_pool_clear(p);
}

void staple_report_take(void *baton, const staple_report_t *report)
{
    static void (*const takers[])(staple_reporter_t *reporter,
                                  const staple_report_t *report) = {
        [STAPLE_REPORT_ATTEMPT_FAILED] = attempt_failed,
        [STAPLE_REPORT_CUT_SHORT] = cut_short,
        [STAPLE_REPORT_JOB_FAILED] = job_failed,
        [STAPLE_REPORT_REFRESHED] = refreshed,
        [STAPLE_REPORT_SHARED_REFUSED] = shared_refused,
        [STAPLE_REPORT_LIST_FAILED] = list_failed,
        [STAPLE_REPORT_LIST_REFRESHED] = list_refreshed,
        [STAPLE_REPORT_EVENT] = event_happened};

    takers[report->what](baton, report);
}

void staple_report_file(const staple_reporter_t *reporter, const char *path,
                        staple_reason_e reason, apr_status_t status)
{
    if (reason == STAPLE_OK) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, reporter->server,
                     STAPLE_LOGNO(0045)
                     "OCSPStapleResponseFile %s: its response is used", path);
    }
    else if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, reporter->server,
                     STAPLE_LOGNO(0046)
                     "OCSPStapleResponseFile %s cannot be read: it must be a "
                     "file that httpd's User may read", path);
    }
    else {
        ap_log_error(APLOG_MARK,
                     reason == STAPLE_OLDER ? APLOG_INFO : APLOG_WARNING, 0,
                     reporter->server,
                     STAPLE_LOGNO(0047)
                     "OCSPStapleResponseFile %s is not used: %s", path,
                     staple_reason_sentence(reason));
    }
}

void staple_report_unserved(const staple_reporter_t *reporter,
                            apr_uint32_t index, apr_time_t now)
{
    staple_generation_cert_t cert;

    if (!staple_generation_cert(&cert, reporter->generation, index, now)
        || !cert.is_must_staple_unserved) {
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, reporter->server,
                 STAPLE_LOGNO(0145)
                 "certificate \"%s\" (serial %s) of %s has the TLS feature "
                 "status_request (must-staple): clients will refuse it without "
                 "a staple, but no responder is asked about it, and %s (%s)",
                 cert.cert->subject, cert.cert->serial, first_server(&cert),
                 staple_reason_sentence((staple_reason_e)cert.record.reason),
                 cert.record.detail);
}

void staple_report_idle(staple_reporter_t *reporter, apr_time_t now)
{
    int count = reporter->generation->certs->nelts;
    int good = 0;
    int i;

    if (reporter->has_summed_up || count == 0) {
        return;
    }
    reporter->has_summed_up = 1;
    for (i = 0; i < count; i++) {
        staple_generation_cert_t cert;

        good += staple_generation_cert(&cert, reporter->generation,
                                       (apr_uint32_t)i, now)
                && cert.record.state == STAPLE_STATE_GOOD;
    }
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, reporter->server,
                 STAPLE_LOGNO(0044)
                 "%d of %d certificates are good, %.1f s after the start",
                 good, count,
                 (double)(now - reporter->started_at) / APR_USEC_PER_SEC);
}

void staple_report_step(staple_reporter_t *reporter, apr_time_t now)
{
    staple_eventlog_step(reporter->generation->event_log);
    staple_command_step(reporter->command, now);
}

void staple_report_end(staple_reporter_t *reporter)
{
    staple_command_end(reporter->command);
    staple_eventlog_end(reporter->generation->event_log);
}
