/* CRLs as a source of status: one job for each list, one verdict for all. */
#ifndef STAPLE_SOURCE_CRL_H
#define STAPLE_SOURCE_CRL_H

#include "staple_job.h"
#include "staple_list.h"

/*
 * A list has a job of its own, as a certificate has: it is number `count` of
 * the refresher plus its own, waits in the same queue, and its URLs are healthy
 * or down as responders are.  What it says is said of all certificates at once
 * that want it: those without OCSP, those whose responders have given no valid
 * answer for an OCSPStapleInterval, and with OCSPStapleCRL always all.
 *
 *   job: base, where it is due, each URL until one will do
 *        delta, the same
 */

/* Is this the number of a list?  Else of a certificate. */
static inline int staple_source_crl_is_list(const staple_refresh_t *refresh,
                                            apr_uint32_t number)
{
    return number >= refresh->count;
}

/* The clock was set back, by -`by`: what was due then is due now. */
void staple_source_crl_shift(staple_refresh_t *refresh, apr_interval_time_t by);

/* Does the status of certificate `index` rest on this list of its own at `now`,
 * and can that be asked for? */
int staple_source_crl_is_wanted_by(const staple_refresh_t *refresh,
                                   apr_uint32_t index, apr_uint32_t list,
                                   apr_time_t now);

/* The list and its delta are due at its next job; 0: that was so less than
 * `interval` ago. */
int staple_source_crl_hasten(staple_refresh_t *refresh, apr_uint32_t list,
                             apr_interval_time_t interval, apr_time_t now);

/* Was whatever is stored of list number `number` offered?  Of a certificate
 * there is no such thing. */
int staple_source_crl_may_begin(const staple_refresh_t *refresh,
                                apr_uint32_t number);

/* What staple_refresh.h promises of lists: steps of the refresher. */
int staple_source_crl_judge(staple_reason_e *reason, staple_refresh_t *refresh,
                            apr_uint32_t list,
                            const staple_stored_list_t *stored,
                            apr_size_t bytes, apr_time_t now);
void staple_source_crl_take_stored(staple_refresh_t *refresh, apr_uint32_t list,
                                   const staple_stored_list_t *stored,
                                   apr_time_t now);
void staple_source_crl_refused(staple_refresh_t *refresh, apr_uint32_t list,
                               staple_reason_e reason, const char *detail,
                               apr_time_t now);
void staple_source_crl_start(staple_refresh_t *refresh, apr_uint32_t list,
                             apr_time_t now);
void staple_source_crl_show(staple_list_row_t *row,
                            const staple_refresh_t *refresh, apr_uint32_t list);
int staple_source_crl_part(staple_part_e *part, const staple_refresh_t *refresh,
                           const staple_exchange_t *exchange);

#endif
