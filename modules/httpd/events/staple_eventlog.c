/* Events as JSON objects: one per line in the event log. */
#include "staple_eventlog.h"

#include <http_core.h>
#include <apr_escape.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/staple_text.h"
#include "ocsp/staple_verify.h"
#include "io/staple_sink.h"
#include "httpd/config/staple_config.h"

struct staple_eventlog_t {
    /* set before fork, read-only */
    const char *name; /* as OCSPStapleEventLog has it */
    server_rec *server;
    /* the refresher's */
    staple_sink_t *sink; /* NULL: it is closed */
    int is_told;         /* that it is not read ... */
    unsigned lost;       /* ... and what that cost so far */
};

/* Says once that lines have to wait. */
static void tell_waiting(staple_eventlog_t *log, apr_status_t why)
{
    if (!log->is_told) {
        log->is_told = 1;
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, log->server,
                     STAPLE_LOGNO(0140)
                     "OCSPStapleEventLog %s: %s: up to %d KiB of events are "
                     "kept until it is read",
                     log->name,
                     why == EPIPE ? "it has no reader"
                                  : "its reader has stopped reading",
                     STAPLE_SINK_ROOM / 1024);
    }
}

static staple_sink_t *open_piped(apr_pool_t *pconf, server_rec *s,
                                 const char *program)
{
    piped_log *log = ap_open_piped_log(pconf, program);
    apr_os_file_t fd;

    if (log == NULL
        || apr_os_file_get(&fd, ap_piped_log_write_fd(log)) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     STAPLE_LOGNO(0060)
                     "OCSPStapleEventLog: cannot start \"%s\"", program);
        return NULL;
    }
    return staple_sink_pipe(fd, pconf);
}

static staple_sink_t *open_file(apr_pool_t *pconf, server_rec *s,
                                const char *path)
{
    staple_sink_t *sink = NULL;
    apr_status_t status = staple_sink_open(&sink, path, pconf);

    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                     STAPLE_LOGNO(0061)
                     "OCSPStapleEventLog: cannot open %s for appending: give a "
                     "file in a directory that is there, or \"|program\"",
                     path);
        return NULL;
    }
    return sink;
}

int staple_eventlog_open(apr_pool_t *pconf, apr_pool_t *plog,
                         apr_pool_t *ptemp, server_rec *s)
{
    const char *target = staple_config_get(s)->event_log;
    staple_eventlog_t *log;
    apr_status_t status;

    (void)plog;
    (void)ptemp;
    if (target == NULL) {
        return OK;
    }
    log = apr_pcalloc(pconf, sizeof(*log));
    log->name = target;
    log->server = s;
    log->sink = target[0] == '|' ? open_piped(pconf, s, target + 1)
                                 : open_file(pconf, s, target);
    if (log->sink == NULL) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    status = staple_sink_step(log->sink);
    if (status != APR_SUCCESS
        && ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        tell_waiting(log, status);
    }
    staple_generation_get()->event_log = log;
    return OK;
}

/* ---- one line ---- */

static void add_time(json_t *object, const char *name, apr_time_t at)
{
    char text[STAPLE_TEXT_SIZE];

    if (at > 0) {
        json_object_set_new(object, name,
                            json_string(staple_text_time(text, at)));
    }
}

static void add_text(json_t *object, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        json_object_set_new(object, name, json_string(text));
    }
}

/* The names of the first `count` servers. */
static json_t *server_names(const staple_generation_cert_t *cert, int count)
{
    json_t *names = json_array();
    int i;

    for (i = 0; i < count; i++) {
        json_array_append_new(names,
                              json_string(staple_generation_server(cert, i)));
    }
    return names;
}

static json_t *identity(apr_pool_t *p, const staple_cert_t *cert)
{
    return json_pack("{s:s, s:s, s:s}", "subject", cert->subject, "serial",
                     cert->serial, "sha256",
                     apr_pescape_hex(p, cert->sha256, sizeof(cert->sha256), 0));
}

static void add_revocation(json_t *object, const staple_record_t *record)
{
    const staple_verdict_t *verdict = staple_record_verdict(record);

    add_time(object, "revocation_time", verdict->revoked_at);
    add_text(object, "revocation_reason",
             staple_verify_crl_reason(verdict->revocation_reason));
}

static void add_cert(json_t *object, apr_pool_t *p,
                     const staple_eventlog_entry_t *entry, int servers)
{
    const staple_generation_cert_t *cert = entry->cert;
    const staple_record_t *record = &cert->record;

    add_text(object, "state",
             staple_state_name((staple_state_e)record->state));
    add_text(object, "previous_state",
             staple_state_name(entry->report->before));
    add_text(object, "source", staple_eventlog_source(entry));
    json_object_set_new(object, "certificate", identity(p, cert->cert));
    add_text(object, "issuer", cert->cert->issuer->subject);
    json_object_set_new(object, "is_issuer", json_boolean(cert->is_issuer));
    json_object_set_new(object, "servers",
                        server_names(cert, servers));
    if (servers < cert->servers->nelts) {
        json_object_set_new(object, "servers_left_out",
                            json_integer(cert->servers->nelts - servers));
    }
    if (record->state == STAPLE_STATE_REVOKED) {
        add_revocation(object, record);
    }
    if (entry->revoked_issuer != NULL) {
        json_object_set_new(object, "revoked_issuer",
                            identity(p, entry->revoked_issuer->cert));
        add_revocation(object, &entry->revoked_issuer->record);
    }
    add_time(object, "staple_ends", record->held.use_until);
    add_time(object, "crl_ends", record->crl.use_until);
}

/* The line with the names of the first `servers` servers. */
static const char *make_line(apr_pool_t *p,
                             const staple_eventlog_entry_t *entry, int servers)
{
    const staple_report_t *report = entry->report;
    json_t *object = json_object();
    const char *line = NULL;
    char *text;

    add_time(object, "time", report->at);
    add_text(object, "event", staple_event_name(report->event));
    json_object_set_new(object, "significant",
                        json_boolean(entry->is_significant));
    if (entry->cert != NULL) {
        add_cert(object, p, entry, servers);
    }
    add_text(object, "responder", report->url);
    if (report->reason != STAPLE_OK) {
        add_text(object, "reason", staple_reason_name(report->reason));
        add_text(object, "detail", report->detail);
    }
    text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text != NULL) {
        line = apr_pstrcat(p, text, "\n", NULL);
    }
    free(text);
    json_decref(object);
    return line;
}

const char *staple_eventlog_line(apr_pool_t *p,
                                 const staple_eventlog_entry_t *entry)
{
    int servers = entry->cert != NULL ? entry->cert->servers->nelts : 0;
    const char *line = make_line(p, entry, servers);

    while (line != NULL && servers > 0
           && strlen(line) > STAPLE_SINK_LINE) {
        servers /= 2;
        line = make_line(p, entry, servers);
    }
    return line;
}

/* ---- writing ---- */

static void tell_lost(staple_eventlog_t *log, const char *line,
                      apr_status_t why)
{
    /* Of those that a reader keeps waiting the first one; later on, how many
     * they were. */
    if (log->is_told && log->lost++ > 0) {
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_ERR, why, log->server,
                 STAPLE_LOGNO(0062)
                 "OCSPStapleEventLog: an event could not be written: %.*s",
                 (int)strlen(line) - 1, line);
}

void staple_eventlog_append(staple_eventlog_t *log, const char *line)
{
    apr_status_t why;

    if (log == NULL || log->sink == NULL) {
        return;
    }
    switch (staple_sink_put(&why, log->sink, line)) {
    case STAPLE_SINK_WRITTEN:
        break;
    case STAPLE_SINK_WAITS:
        tell_waiting(log, why);
        break;
    case STAPLE_SINK_LOST:
        tell_lost(log, line, why);
        break;
    }
}

void staple_eventlog_step(staple_eventlog_t *log)
{
    if (log == NULL || !log->is_told || log->sink == NULL
        || staple_sink_step(log->sink) != APR_SUCCESS) {
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, log->server,
                 STAPLE_LOGNO(0141)
                 "OCSPStapleEventLog %s: it is read, and the waiting events "
                 "have been written; %u events were lost meanwhile",
                 log->name, log->lost);
    log->is_told = 0;
    log->lost = 0;
}

void staple_eventlog_end(staple_eventlog_t *log)
{
    unsigned waiting;

    if (log == NULL || log->sink == NULL) {
        return;
    }
    staple_sink_step(log->sink);
    waiting = staple_sink_waiting(log->sink);
    if (waiting + log->lost > 0) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, log->server,
                     STAPLE_LOGNO(0142)
                     "OCSPStapleEventLog %s: %u events were not written, as it "
                     "was not read before this process ended",
                     log->name, waiting + log->lost);
    }
    log->sink = NULL; /* once, and nothing after it */
}
