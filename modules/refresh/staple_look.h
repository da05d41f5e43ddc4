/* A look into the shared store, before anybody is asked: what it changes. */
#ifndef STAPLE_LOOK_H
#define STAPLE_LOOK_H

#include "staple_refresh_int.h"

/* The shared store, which a refresher treats like one more responder: the one
 * that each job asks first. */

/* Is there a store to look into before this certificate's job asks anybody?
 * Not with nonces: they want a response made for this very request. */
int staple_look_comes_first(const staple_refresh_t *refresh,
                            apr_uint32_t index);

/* The store is down: the job goes on without. */
void staple_look_skip(staple_refresh_t *refresh, apr_uint32_t index,
                      apr_time_t now);

/* Takes the answer of a look.  The job ends with a response that will do, or
 * waits for somebody else's, or goes on to the responders. */
void staple_look_take(staple_refresh_t *refresh, apr_uint32_t index,
                      const staple_answer_t *answer, apr_time_t now);

/* Tells the caller to put a response into the store that came for certificate
 * `index` from a responder, as it was published. */
void staple_look_share(staple_refresh_t *refresh, apr_uint32_t index,
                       apr_time_t now);

/* The job of certificate `index` has failed: others need not wait for it. */
void staple_look_give_up(staple_refresh_t *refresh, apr_uint32_t index);

#endif
