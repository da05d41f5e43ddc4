/* Events as JSON objects: one per line in the event log. */
#ifndef STAPLE_EVENTLOG_H
#define STAPLE_EVENTLOG_H

#include "httpd/generation/staple_generation.h"

/* OCSPStapleEventLog; NULL: there is none, and nothing is done. */
typedef struct staple_eventlog_t staple_eventlog_t;

/* An event (STAPLE_REPORT_EVENT) with all that people and programs want to know
 * of it. */
typedef struct staple_eventlog_entry_t {
    const staple_report_t *report;
    int is_significant;
    const staple_generation_cert_t *cert; /* NULL: an event of a responder */
    /* why issuer-revoked, or NULL */
    const staple_generation_cert_t *revoked_issuer;
} staple_eventlog_entry_t;

/* Where what the event tells of the certificate is from, as
 * staple_record_source(): of `issuer-revoked` that of the issuer. */
static inline const char *
staple_eventlog_source(const staple_eventlog_entry_t *entry)
{
    const staple_generation_cert_t *cert =
        entry->revoked_issuer != NULL ? entry->revoked_issuer : entry->cert;

    return cert != NULL ? staple_record_source(&cert->record) : NULL;
}

/* open_logs hook: opens OCSPStapleEventLog as httpd opens its own logs, again
 * at each restart, and never waits for a reader.  Runs in: parent. */
int staple_eventlog_open(apr_pool_t *pconf, apr_pool_t *plog,
                         apr_pool_t *ptemp, server_rec *s);

/* The entry as one line with its newline, of STAPLE_SINK_LINE bytes at most, in
 * pool p; NULL without memory.  A list of servers that makes it too long is
 * cut, and says so. */
const char *staple_eventlog_line(apr_pool_t *p,
                                 const staple_eventlog_entry_t *entry);

/* Appends one line, whole or not at all, if there is an event log.  A fifo or
 * a program that is not read takes it later, or loses it, which the error log
 * is told.  Never waits.  Runs in: the refreshing child, watchdog thread. */
void staple_eventlog_append(staple_eventlog_t *log, const char *line);

/* Writes what waited for a reader.  Never waits.  Same thread. */
void staple_eventlog_step(staple_eventlog_t *log);

/* This process refreshes no longer: what still waits is lost, which the error
 * log is told.  The first call counts.  Same thread, or when that is gone. */
void staple_eventlog_end(staple_eventlog_t *log);

#endif
