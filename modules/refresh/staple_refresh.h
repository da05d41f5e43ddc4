/* Who is due, what to ask, what an answer changes; hands out exchanges. */
#ifndef STAPLE_REFRESH_H
#define STAPLE_REFRESH_H

#include "cache/staple_cache.h"
#include "cache/staple_scoreboard.h"
#include "staple_known.h"
#include "staple_refresh_types.h"

/*
 * The refresher without network, clock and log.  The caller asks it for
 * exchanges to make, makes them however it likes, and tells it the answers:
 *
 *   due certificates -> job -> sources, their attempts in order -> exchange
 *        ^                                                             |
 *        |        cache <- verified response <------- answer <---------+
 *        +-------- next_at <- schedule <--- end of the job
 *
 * One thread of one process at a time; all times are the caller's `now`.
 */

/* The keys of certificates, in their order; from p. */
staple_key_t *staple_refresh_keys(apr_pool_t *p,
                                  const staple_refresh_cert_t *certs,
                                  apr_uint32_t count);

/* A cache for these certificates in the memory of this process alone, which
 * lives as long as p.  Most of it is never touched.  NULL: no memory. */
staple_cache_t *staple_refresh_own_cache(apr_pool_t *p,
                                         const staple_refresh_cert_t *certs,
                                         apr_uint32_t count,
                                         apr_size_t max_len);

/*
 * A refresher of these certificates; certificate i is index i of the cache.
 * What the cache's records say of earlier work holds: who has a usable staple
 * or failed lately is due when its record says so, all others at once.
 * Arrays, certificates and policies must outlive p.
 */
staple_refresh_t *staple_refresh_make(apr_pool_t *p,
                                      const staple_refresh_cert_t *certs,
                                      apr_uint32_t count, staple_cache_t *cache,
                                      const staple_refresh_options_t *options,
                                      apr_time_t now);

/* The next exchange to start at `now`, or NULL: none is due, or enough is in
 * flight.  Call it until it returns NULL. */
staple_exchange_t *staple_refresh_next(staple_refresh_t *refresh,
                                       apr_time_t now);

/* Takes an exchange back with its answer. */
void staple_refresh_done(staple_refresh_t *refresh, staple_exchange_t *exchange,
                         const staple_answer_t *answer, apr_time_t now);

/* Takes a response that came another way.  It is verified and, where it is
 * newer than the one held, used.  STAPLE_OLDER: it is not. */
staple_reason_e staple_refresh_offer(staple_refresh_t *refresh,
                                     apr_uint32_t index,
                                     const unsigned char *der,
                                     apr_size_t der_len, apr_time_t now);

/*
 * What should have come another way did not, or was refused.  Where no
 * responder is asked about the certificate and nothing that may be used is
 * held, this is why nothing is stapled: its record says so, with `detail`.
 * Returns 1 then.
 */
int staple_refresh_refused(staple_refresh_t *refresh, apr_uint32_t index,
                           staple_reason_e reason, const char *detail,
                           apr_time_t now);

/* ---- CRLs: list number `list` of the options ---- */

/* It may be asked for from now on: whatever was stored of it was offered. */
void staple_refresh_start_list(staple_refresh_t *refresh, apr_uint32_t list,
                               apr_time_t now);

/*
 * Judges a list that came, about `bytes` bytes of it: a long one takes long,
 * and other work goes on between.  Returns 1 while there is more to do; then
 * *reason says what came of it: on STAPLE_OK it is held.  One that came as an
 * answer is judged before staple_refresh_done(), whose answer stays as it is
 * (what was not judged by then is judged there in one go), and one that came
 * another way before staple_refresh_offer_list().  One list at a time.
 */
int staple_refresh_judge(staple_reason_e *reason, staple_refresh_t *refresh,
                         apr_uint32_t list, const staple_stored_list_t *came,
                         apr_size_t bytes, apr_time_t now);

/* A list that came another way was judged: what follows for its certificates.
 * One that has run out since it came tells which are revoked, and no more. */
void staple_refresh_offer_list(staple_refresh_t *refresh, apr_uint32_t list,
                               const staple_stored_list_t *came,
                               apr_time_t now);

/* What should have come another way is not there, or was refused. */
void staple_refresh_refuse_list(staple_refresh_t *refresh, apr_uint32_t list,
                                staple_reason_e reason, const char *detail,
                                apr_time_t now);

/* Is this exchange for a list?  Then for which, and for what of it. */
int staple_refresh_is_list(apr_uint32_t *list, staple_part_e *part,
                           const staple_refresh_t *refresh,
                           const staple_exchange_t *exchange);

/* What is known of it, for its row of the board (staple_list_board.h). */
void staple_refresh_show_list(staple_list_row_t *row,
                              const staple_refresh_t *refresh,
                              apr_uint32_t list);

/* When staple_refresh_next() may have something to hand out or to tell if no
 * exchange ends before. */
apr_time_t staple_refresh_due_at(const staple_refresh_t *refresh);

/* Gives back the memory of exchanges where none is handed out. */
void staple_refresh_rest(staple_refresh_t *refresh);

/* Exchanges handed out and not yet taken back. */
unsigned staple_refresh_in_flight(const staple_refresh_t *refresh);

/* Puts what the refresher says of itself and of its responders on *board:
 * those that are down come first, should there be more than it has room for. */
void staple_refresh_show(staple_scoreboard_t *board,
                         const staple_refresh_t *refresh);

/* Keeps what the refresher knows of its responders for the next one. */
void staple_refresh_keep(staple_known_t *known, const staple_refresh_t *refresh,
                         apr_time_t now);

/* Before the first exchange of a new refresher: what was known is still so,
 * and is not told again.  What is down is asked when its probe is due, by a
 * certificate that failed since; what answered is proven. */
void staple_refresh_take_over(staple_refresh_t *refresh,
                              const staple_known_t *known, apr_time_t now);

#endif
