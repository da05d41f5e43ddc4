/* CRLs between disk and refresher: offered, judged in slices, and kept. */
#ifndef STAPLE_LISTS_H
#define STAPLE_LISTS_H

#include "httpd/generation/staple_generation.h"

/*
 * One list at a time is judged, in slices, so that whatever else the
 * refresher's thread does goes on between:
 *
 *   store ------.
 *   files -------+-> judged -> refresher (-> what follows for certificates)
 *   answers ----'        '---> store, by the thread that writes to it
 *
 * Those in the store come first; a list is asked for when its own was offered.
 * Runs in: the refreshing child, watchdog thread.
 */
typedef struct staple_lists_t staple_lists_t;

/* Memory comes from p, and with it whatever is waiting is dropped. */
staple_lists_t *staple_lists_make(apr_pool_t *p,
                                  staple_generation_t *generation,
                                  staple_refresh_t *refresh,
                                  unsigned concurrency);

/* Takes a list's exchange whose answer has a body; it is given back to the
 * refresher when that was judged. */
void staple_lists_take(staple_lists_t *lists, staple_exchange_t *exchange,
                       const staple_answer_t *answer);

#define STAPLE_LISTS_IDLE ((apr_interval_time_t)-1)

/* Does about one slice of work where it is time for one.  Returns how long to
 * wait until the next, or STAPLE_LISTS_IDLE: there is nothing to do. */
apr_interval_time_t staple_lists_step(staple_lists_t *lists, apr_time_t now);

/* Publishes what is known of each list. */
void staple_lists_show(const staple_lists_t *lists);

#endif
