/* One visit to the shared store: value and note, and a rest after failures. */
#ifndef STAPLE_VISIT_H
#define STAPLE_VISIT_H

#include "staple_shared.h"

/* What visits know of those before them.  Any of the threads that go there;
 * all of these wait for as long as the provider does, with no lock of ours. */
typedef struct staple_visits_t staple_visits_t;

/* NULL: no memory, or no lock.  Runs in: one child, watchdog thread. */
staple_visits_t *staple_visit_make(apr_pool_t *p);

/*
 * Reads the value into buf, which has *len bytes, and sets *len, to 0 where
 * there is none.  *is_asked: there is a note of somebody else; where there is
 * none, it leaves ours for `note_life`.  APR_ENOSPC: the value is larger.
 */
apr_status_t staple_visit_look(unsigned char *buf, apr_size_t *len,
                               int *is_asked, staple_visits_t *visits,
                               const unsigned char *sha256,
                               apr_interval_time_t note_life, apr_pool_t *p);

/* Puts a value there. */
apr_status_t staple_visit_put(staple_visits_t *visits,
                              const unsigned char *sha256,
                              unsigned char *value, apr_size_t len,
                              apr_time_t use_until, apr_pool_t *p);

/* Takes our note away.  It would end by itself: nobody minds a failure. */
void staple_visit_give_up(staple_visits_t *visits, const unsigned char *sha256,
                          apr_pool_t *p);

#endif
