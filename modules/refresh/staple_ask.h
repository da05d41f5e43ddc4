/* Certificates asked about at once: an administrator wants to know. */
#ifndef STAPLE_ASK_H
#define STAPLE_ASK_H

#include "staple_job.h"

/*
 * Whoever wants to know now has a reason that the schedule does not see: a
 * revocation, a hold that was lifted, a certificate authority that is back.  So
 * the job begins at once, wherever it stood, and it asks responders: not the
 * shared store, which has what was known before, and also those that are
 * thought down, as the probe of them that is due now.  All else is as for any
 * job: its place in the queue, the health of who answers or does not, when the
 * next one is due.
 *
 * All of these are steps of the refresher: same thread, same `now`.
 */

/* Certificate `index` is asked about, and the CRLs that its status rests on: a
 * list that was asked for this way in the last STAPLE_ASK_INTERVAL is left as
 * it is.  Returns 0 where it has no responder and no CRL to ask.  A job that is
 * at work began before this was wanted: another one follows it. */
int staple_ask_add(staple_refresh_t *refresh, apr_uint32_t index,
                   apr_time_t now);

/* Begins what can begin.  Returns how many jobs are not over yet; 0: whatever
 * was added is known, as far as it is to be known. */
apr_uint32_t staple_ask_step(staple_refresh_t *refresh, apr_time_t now);

/* The request for them is over. */
void staple_ask_drop(staple_refresh_t *refresh);

/* No certificate is asked about more often by request. */
#define STAPLE_ASK_INTERVAL apr_time_from_sec(60)

#endif
