/* Events as JSON objects: one per line in the event log. */
#include "staple_eventlog.h"

#include <apr_strings.h>
#include <jansson.h>
#include <stdlib.h>

#include "../core/staple_text.h"
#include "../core/staple_verify.h"
#include "staple_config.h"

static apr_file_t *event_log; /* set before fork; NULL: none */
static int is_pipe;           /* set before fork */

static apr_file_t *open_piped(apr_pool_t *pconf, server_rec *s,
                              const char *program)
{
    piped_log *log = ap_open_piped_log(pconf, program);

    if (log == NULL) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     STAPLE_LOGNO(0060)
                     "OCSPStapleEventLog: cannot start \"%s\"", program);
        return NULL;
    }
    /* A program that does not read must not stop the refresher. */
    apr_file_pipe_timeout_set(ap_piped_log_write_fd(log), 0);
    return ap_piped_log_write_fd(log);
}

static apr_file_t *open_file(apr_pool_t *pconf, server_rec *s,
                             const char *path)
{
    apr_file_t *file = NULL;
    apr_status_t status = apr_file_open(
        &file, path,
        APR_FOPEN_WRITE | APR_FOPEN_APPEND | APR_FOPEN_CREATE
            | APR_FOPEN_LARGEFILE,
        APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_GREAD | APR_FPROT_WREAD,
        pconf);

    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                     STAPLE_LOGNO(0061)
                     "OCSPStapleEventLog: cannot open %s for appending: give a "
                     "file in a directory that is there, or \"|program\"",
                     path);
        return NULL;
    }
    return file;
}

int staple_eventlog_open(apr_pool_t *pconf, apr_pool_t *plog,
                         apr_pool_t *ptemp, server_rec *s)
{
    const char *target = staple_config_get(s)->event_log;

    (void)plog;
    (void)ptemp;
    event_log = NULL;
    if (target == NULL) {
        return OK;
    }
    is_pipe = target[0] == '|';
    event_log = is_pipe ? open_piped(pconf, s, target + 1)
                        : open_file(pconf, s, target);
    return event_log != NULL ? OK : HTTP_INTERNAL_SERVER_ERROR;
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
static json_t *server_names(const staple_view_cert_t *cert, int count)
{
    json_t *names = json_array();
    int i;

    for (i = 0; i < count; i++) {
        json_array_append_new(names,
                              json_string(staple_view_server(cert, i)));
    }
    return names;
}

static json_t *identity(apr_pool_t *p, const staple_cert_t *cert)
{
    return json_pack("{s:s, s:s, s:s}", "subject", cert->subject, "serial",
                     cert->serial, "sha256",
                     staple_cert_hex(p, cert->sha256, sizeof(cert->sha256)));
}

static void add_revocation(json_t *object, const staple_record_t *record)
{
    add_time(object, "revocation_time", record->revoked_at);
    add_text(object, "revocation_reason",
             staple_verify_crl_reason(record->revocation_reason));
}

static void add_cert(json_t *object, apr_pool_t *p,
                     const staple_eventlog_entry_t *entry, int servers)
{
    const staple_view_cert_t *cert = entry->cert;
    const staple_record_t *record = &cert->record;

    add_text(object, "state",
             staple_state_name((staple_state_e)record->state));
    add_text(object, "previous_state", staple_state_name(entry->before));
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
    add_time(object, "staple_ends", record->use_until);
}

/* The line with the names of the first `servers` servers. */
static const char *make_line(apr_pool_t *p,
                             const staple_eventlog_entry_t *entry, int servers)
{
    json_t *object = json_object();
    const char *line = NULL;
    char *text;

    add_time(object, "time", entry->at);
    add_text(object, "event", staple_event_name(entry->event));
    json_object_set_new(object, "significant",
                        json_boolean(entry->is_significant));
    if (entry->cert != NULL) {
        add_cert(object, p, entry, servers);
    }
    add_text(object, "responder", entry->responder);
    if (entry->reason != STAPLE_OK) {
        add_text(object, "reason", staple_reason_name(entry->reason));
        add_text(object, "detail", entry->detail);
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
           && strlen(line) > STAPLE_EVENTLOG_LINE) {
        servers /= 2;
        line = make_line(p, entry, servers);
    }
    return line;
}

/* Takes back what a full disk let in of a line.  The refresher is the only one
 * that writes. */
static void take_back(apr_size_t written)
{
    apr_finfo_t info;

    if (written > 0 && !is_pipe
        && apr_file_info_get(&info, APR_FINFO_SIZE, event_log)
               == APR_SUCCESS) {
        apr_file_trunc(event_log, info.size - (apr_off_t)written);
    }
}

void staple_eventlog_append(server_rec *s, const char *line)
{
    apr_size_t len = strlen(line);
    apr_size_t written = 0;
    apr_status_t status;

    if (event_log == NULL) {
        return;
    }
    /* One write of an unbuffered, appending file: lines of several processes
     * do not mix. */
    status = apr_file_write_full(event_log, line, len, &written);
    if (status != APR_SUCCESS) {
        take_back(written);
        ap_log_error(APLOG_MARK, APLOG_ERR, status, s,
                     STAPLE_LOGNO(0062)
                     "OCSPStapleEventLog: an event could not be written: %.*s",
                     (int)len - 1, line);
    }
}
