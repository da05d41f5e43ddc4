/* What the refresher reports -> lines in the error log. */
#include "staple_report.h"

struct staple_reporter_t {
    server_rec *server;
    const apr_array_header_t *certs;
    apr_time_t started_at;
    unsigned refreshed; /* certificates that got their first response */
    unsigned failed;    /* jobs */
    int has_summed_up;
};

staple_reporter_t *staple_report_make(apr_pool_t *p, server_rec *s,
                                      const apr_array_header_t *certs,
                                      apr_time_t now)
{
    staple_reporter_t *reporter = apr_pcalloc(p, sizeof(*reporter));

    reporter->server = s;
    reporter->certs = certs;
    reporter->started_at = now;
    return reporter;
}

static const staple_cert_t *cert_of(const staple_reporter_t *reporter,
                                    const staple_report_t *report)
{
    return APR_ARRAY_IDX(reporter->certs, report->index, staple_refresh_cert_t)
        .cert;
}

/* " (words)" about a failure, or nothing. */
#define DETAIL(report)                                                         \
    (report)->detail[0] != '\0' ? " (" : "", (report)->detail,                 \
        (report)->detail[0] != '\0' ? ")" : ""

static int seconds_until(apr_time_t at, apr_time_t now)
{
    return at > now ? (int)apr_time_sec(at - now + APR_USEC_PER_SEC / 2) : 0;
}

static void attempt_failed(const staple_reporter_t *reporter,
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

static void job_failed(staple_reporter_t *reporter,
                       const staple_report_t *report)
{
    const staple_cert_t *cert = cert_of(reporter, report);
    const staple_record_t *record = report->record;
    apr_time_t now = record->attempted_at;
    int is_held = record->der_len > 0 && record->use_until > now;

    reporter->failed++;
    /* That a responder is down has its own line; not one per certificate. */
    ap_log_error(APLOG_MARK,
                 report->reason == STAPLE_RESPONDER_DOWN ? APLOG_DEBUG
                                                         : APLOG_WARNING,
                 0, reporter->server,
                 STAPLE_LOGNO(0041)
                 "certificate \"%s\" (serial %s): no fresh OCSP response: "
                 "%s%s%s%s; %s%d s; failed %u times in a row, next try in %d s",
                 cert->subject, cert->serial,
                 staple_reason_sentence(report->reason), DETAIL(report),
                 is_held ? "the one held is served for another "
                         : "none is held, stapled is nothing since ",
                 is_held ? seconds_until(record->use_until, now)
                         : seconds_until(now, record->use_until != 0
                                                  ? record->use_until
                                                  : reporter->started_at),
                 record->failures, seconds_until(record->next_at, now));
}

static void refreshed(staple_reporter_t *reporter,
                      const staple_report_t *report)
{
    const staple_cert_t *cert = cert_of(reporter, report);
    const staple_record_t *record = report->record;

    reporter->refreshed += (unsigned)report->was_first;
    ap_log_error(APLOG_MARK, APLOG_DEBUG, 0, reporter->server,
                 "certificate \"%s\" (serial %s): %s, %u bytes, for another "
                 "%d s, next request in %d s",
                 cert->subject, cert->serial,
                 record->status == STAPLE_CERT_REVOKED ? "revoked" : "good",
                 record->der_len,
                 seconds_until(record->use_until, record->succeeded_at),
                 seconds_until(record->next_at, record->succeeded_at));
}

void staple_report_take(void *baton, const staple_report_t *report)
{
    staple_reporter_t *reporter = baton;

    switch (report->what) {
    case STAPLE_REPORT_ATTEMPT_FAILED:
        attempt_failed(reporter, report);
        break;
    case STAPLE_REPORT_JOB_FAILED:
        job_failed(reporter, report);
        break;
    case STAPLE_REPORT_REFRESHED:
        refreshed(reporter, report);
        break;
    case STAPLE_REPORT_RESPONDER_DOWN:
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, reporter->server,
                     STAPLE_LOGNO(0042)
                     "responder %s is down: it failed for several "
                     "certificates in a row, last: %s%s%s%s; from now on one "
                     "at a time asks it",
                     report->url, staple_reason_sentence(report->reason),
                     DETAIL(report));
        break;
    case STAPLE_REPORT_RESPONDER_UP:
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, reporter->server,
                     STAPLE_LOGNO(0043) "responder %s answers again",
                     report->url);
        break;
    }
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

void staple_report_idle(staple_reporter_t *reporter, apr_time_t now)
{
    if (reporter->has_summed_up) {
        return;
    }
    reporter->has_summed_up = 1;
    if (reporter->refreshed + reporter->failed > 0) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, reporter->server,
                     STAPLE_LOGNO(0044)
                     "%u of %d certificates got a verified OCSP response, %u "
                     "did not, %.1f s after the start",
                     reporter->refreshed, reporter->certs->nelts,
                     reporter->failed,
                     (double)(now - reporter->started_at) / APR_USEC_PER_SEC);
    }
}
