/* Validity, failures, policy, jitter and now -> when to ask next. */
#ifndef STAPLE_SCHEDULE_H
#define STAPLE_SCHEDULE_H

#include "base/staple_types.h"

/* No request for a certificate sooner than this after the last good one,
 * however short its responses live: a responder that repeats an old response
 * would otherwise be asked faster and faster. */
#define STAPLE_SCHEDULE_FLOOR apr_time_from_sec(5)

/* The automatic retry interval: the first, and what doubling stops at. */
#define STAPLE_SCHEDULE_RETRY_FIRST apr_time_from_sec(5)
#define STAPLE_SCHEDULE_RETRY_LAST apr_time_from_sec(3600)
/* It stops earlier where no staple is held that could be served meanwhile, */
#define STAPLE_SCHEDULE_RETRY_NONE apr_time_from_sec(600)
/* and at a quarter of the life left of one that is: not less than this. */
#define STAPLE_SCHEDULE_RETRY_LEAST apr_time_from_sec(1)

/* Retry-After of a responder is honoured up to here, to the interval, and to a
 * quarter of the life left of what is held. */
#define STAPLE_SCHEDULE_RETRY_AFTER apr_time_from_sec(3600)

/* Jobs of a certificate whose clients insist on a staple (RFC 7633) follow each
 * other at this distance at most while there is none. */
#define STAPLE_SCHEDULE_MUST_STAPLE apr_time_from_sec(300)

/* Those of a new certificate that its responder does not know yet. */
#define STAPLE_SCHEDULE_NEW apr_time_from_sec(60)

/* A start asks about whatever has no staple, but not more often than this. */
#define STAPLE_SCHEDULE_START apr_time_from_sec(60)

/*
 * When to ask again after a job that gave a usable response, to be used until
 * `use_until`: when half of the life it has left at `now` is over, never
 * later than policy->interval, up to 10 % earlier by `jitter` (any number,
 * drawn by the caller), never sooner than the floor.  `fresh_for` is the time
 * that HTTP says nothing newer will be there (RFC 5019 6), or 0: it takes back
 * jitter, and nothing more.  Pure; the result is later than now.
 */
apr_time_t staple_schedule_after_success(const staple_policy_t *policy,
                                         apr_time_t use_until,
                                         apr_interval_time_t fresh_for,
                                         apr_uint32_t jitter, apr_time_t now);

/*
 * When to ask again after the `failures`-th failed job in a row (at least 1):
 * at the retry interval, for ever or up to policy->max_tries, then at
 * policy->interval.  Automatic: 5 s, doubling to an hour; to ten minutes while
 * nothing can be served; never past a quarter of the life left of what is held.
 * `use_until` is the end of the staple held, 0 = none.  `retry_after` is what
 * the responder asked for, 0 = nothing.  `jitter` makes a retry up to 10 %
 * later, and the interval up to 10 % shorter.
 */
apr_time_t staple_schedule_after_failure(const staple_policy_t *policy,
                                         unsigned failures,
                                         apr_time_t use_until,
                                         apr_interval_time_t retry_after,
                                         apr_uint32_t jitter, apr_time_t now);

/*
 * `at`, or sooner where the certificate cannot wait, whatever the policy says:
 * `insists`, its clients do on a staple, and the one held ends at `use_until`
 * (0 = none); `is_new`, its responder does not know it yet.
 */
apr_time_t staple_schedule_hasten(apr_time_t at, int insists,
                                  apr_time_t use_until, int is_new,
                                  apr_time_t now);

/*
 * When a job is due whose next one had been due at `next_at`, after a start:
 * nothing usable is held, and the last job ended at `attempted_at`.  At once;
 * but one that failed is not repeated within a minute, if not even `next_at`
 * had been sooner: httpd may be started again and again.
 */
apr_time_t staple_schedule_after_start(apr_time_t next_at, unsigned failures,
                                       apr_time_t attempted_at, apr_time_t now);

/* `first` doubled `times` times, at most `last`: a saturating loop. */
apr_interval_time_t staple_schedule_back_off(apr_interval_time_t first,
                                             apr_interval_time_t last,
                                             unsigned times);

#endif
