/* The responders met so far, and which certificates wait for each. */
#ifndef STAPLE_QUEUE_H
#define STAPLE_QUEUE_H

#include "staple_responders.h"

/* Nobody waits. */
#define STAPLE_QUEUE_NOBODY 0xffffffffU

/* One first-in-first-out queue per responder; certificates are numbers below
 * the count given to staple_queue_make(), each in at most one queue. */
typedef struct staple_queue_t staple_queue_t;

staple_queue_t *staple_queue_make(apr_pool_t *p, apr_uint32_t count);

/* The responder of this URL, made on first sight; `url` must live on. */
staple_responder_t *staple_queue_responder(staple_queue_t *queue,
                                           const char *url);

/* All of them, linked by `next`. */
staple_responder_t *staple_queue_all(const staple_queue_t *queue);

void staple_queue_push(staple_queue_t *queue, staple_responder_t *r,
                       apr_uint32_t index);

/* The longest waiting, or STAPLE_QUEUE_NOBODY. */
apr_uint32_t staple_queue_pop(staple_queue_t *queue, staple_responder_t *r);

/* How many wait, for whomever. */
apr_uint32_t staple_queue_waiting(const staple_queue_t *queue);

/* The responder after the one of the last call, around and around, so that a
 * fast one with a long queue does not starve the others; NULL: there is none.
 */
staple_responder_t *staple_queue_turn(staple_queue_t *queue);

/* How many responders there are. */
unsigned staple_queue_count(const staple_queue_t *queue);

#endif
