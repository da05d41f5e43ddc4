/* Who is due first: a binary heap of numbers by instant. */
#ifndef STAPLE_TIMERS_H
#define STAPLE_TIMERS_H

#include <apr_pools.h>
#include <apr_time.h>

#include "base/staple_types.h"

/* Holds any of the numbers 0 .. count - 1, each at most once.  Each operation
 * costs O(log count). */
typedef struct staple_timers_t staple_timers_t;

/* An instant that never comes. */
#define STAPLE_TIMERS_NEVER APR_INT64_MAX

staple_timers_t *staple_timers_make(apr_pool_t *p, apr_uint32_t count);

/* Puts `number` in at `at`, or moves it there. */
void staple_timers_set(staple_timers_t *due, apr_uint32_t number,
                       apr_time_t at);

/* Takes `number` out, if it is in. */
void staple_timers_remove(staple_timers_t *due, apr_uint32_t number);

/* The number that is due first and its instant; STAPLE_NONE and
 * STAPLE_TIMERS_NEVER where none is in. */
apr_uint32_t staple_timers_first(const staple_timers_t *due, apr_time_t *at);

/* When `number` is due; STAPLE_TIMERS_NEVER where it is not in. */
apr_time_t staple_timers_at(const staple_timers_t *due, apr_uint32_t number);

/* Moves all instants by `by`: the order stays. */
void staple_timers_shift(staple_timers_t *due, apr_interval_time_t by);

#endif
