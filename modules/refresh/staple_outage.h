/* What follows for certificates from a responder that is down, or back. */
#ifndef STAPLE_OUTAGE_H
#define STAPLE_OUTAGE_H

#include "staple_job.h"

/* All of these are steps of the refresher: same thread, same `now`. */

/*
 * After an exchange: the health of the responder and its origin, by `reason`,
 * which is that of the exchange or of what was made of the answer, and what
 * follows from it.  Who is found down is told; who is back is asked at once for
 * all that passed it over.
 */
void staple_outage_judge(staple_refresh_t *refresh,
                         const staple_exchange_t *exchange,
                         staple_reason_e reason, const staple_answer_t *answer,
                         apr_time_t now);

/* After that, where the attempt failed: the job waits for as long as the
 * responder asks for, and is remembered for the return of what is down. */
void staple_outage_remember(staple_refresh_t *refresh,
                            const staple_exchange_t *exchange,
                            const staple_answer_t *answer);

/* What is down is not asked: the job of certificate `index` goes on without,
 * and is remembered for its return. */
void staple_outage_pass_over(staple_refresh_t *refresh, apr_uint32_t index,
                             staple_health_t *down, apr_time_t now);

/* No certificate waits for an origin that is down, but for the one that may ask
 * it.  One that is sent away may wait for the next that is down: until none
 * does. */
void staple_outage_send_away(staple_refresh_t *refresh, apr_time_t now);

/* A certificate that passed over a responder or origin that is down probes it
 * when that is due: its own next job may be far off. */
void staple_outage_probe(staple_refresh_t *refresh, apr_time_t now);

/* When a probe is due next; STAPLE_TIMERS_NEVER: none is. */
apr_time_t staple_outage_probe_at(const staple_refresh_t *refresh);

#endif
