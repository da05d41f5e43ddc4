/* Who is due first: a binary heap of numbers by instant. */
#ifndef STAPLE_DUE_H
#define STAPLE_DUE_H

#include <apr_pools.h>
#include <apr_time.h>

/* Holds any of the numbers 0 .. count - 1, each at most once.  Each operation
 * costs O(log count). */
typedef struct staple_due_t staple_due_t;

/* An instant that never comes. */
#define STAPLE_DUE_NEVER APR_INT64_MAX

/* The answer of staple_due_first() where nobody is due. */
#define STAPLE_DUE_NOBODY 0xffffffffU

staple_due_t *staple_due_make(apr_pool_t *p, apr_uint32_t count);

/* Puts `number` in at `at`, or moves it there. */
void staple_due_set(staple_due_t *due, apr_uint32_t number, apr_time_t at);

/* Takes `number` out, if it is in. */
void staple_due_remove(staple_due_t *due, apr_uint32_t number);

/* The number that is due first and its instant; STAPLE_DUE_NOBODY and
 * STAPLE_DUE_NEVER where none is in. */
apr_uint32_t staple_due_first(const staple_due_t *due, apr_time_t *at);

/* Moves all instants by `by`: the order stays. */
void staple_due_shift(staple_due_t *due, apr_interval_time_t by);

#endif
