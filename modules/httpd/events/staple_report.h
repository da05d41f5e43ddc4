/* What the refresher reports -> error log, event log, event command. */
#ifndef STAPLE_REPORT_H
#define STAPLE_REPORT_H

#include "httpd/generation/staple_generation.h"

/* Runs in: one child, watchdog thread. */
typedef struct staple_reporter_t staple_reporter_t;

staple_reporter_t *staple_report_make(apr_pool_t *p,
                                      const staple_generation_t *generation,
                                      apr_time_t now);

/* A staple_refresh_report_fn; the baton is the reporter. */
void staple_report_take(void *baton, const staple_report_t *report);

/* A response file was read: `reason` says what became of it, `status` why it
 * could not be read. */
void staple_report_file(const staple_reporter_t *reporter, const char *path,
                        staple_reason_e reason, apr_status_t status);

/* No responder is asked about certificate `index`, and no file had a response
 * for it, as its record says: a warning, if clients insist on a staple and
 * there still is none at `now`. */
void staple_report_unserved(const staple_reporter_t *reporter,
                            apr_uint32_t index, apr_time_t now);

/* Nothing is in flight: the first time, one line sums up the start. */
void staple_report_idle(staple_reporter_t *reporter, apr_time_t now);

/* Lets the event log and the event command go on.  Never waits. */
void staple_report_step(staple_reporter_t *reporter, apr_time_t now);

/* This process is to end: lets the event command finish, for a second.  Also
 * done before the pool goes. */
void staple_report_end(staple_reporter_t *reporter);

#endif
