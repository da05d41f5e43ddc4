/* What the refresher reports -> lines in the error log. */
#ifndef STAPLE_REPORT_H
#define STAPLE_REPORT_H

#include <apr_tables.h>

#include "../core/staple_refresh.h"
#include "staple_log.h"

/* Runs in: one child, watchdog thread. */
typedef struct staple_reporter_t staple_reporter_t;

staple_reporter_t *staple_report_make(apr_pool_t *p, server_rec *s,
                                      const apr_array_header_t *certs,
                                      apr_time_t now);

/* A staple_refresh_report_fn; the baton is the reporter. */
void staple_report_take(void *baton, const staple_report_t *report);

/* A response file was read: `reason` says what became of it, `status` why it
 * could not be read. */
void staple_report_file(const staple_reporter_t *reporter, const char *path,
                        staple_reason_e reason, apr_status_t status);

/* Nothing is in flight: the first time, one line sums up the start. */
void staple_report_idle(staple_reporter_t *reporter, apr_time_t now);

#endif
