/* Responders and their origins, who waits for which, and who is next. */
#ifndef STAPLE_QUEUE_H
#define STAPLE_QUEUE_H

#include "staple_responder.h"

/* Nobody waits. */
#define STAPLE_QUEUE_NOBODY STAPLE_RESPONDER_NOBODY

/*
 * One first-in-first-out queue per origin; certificates are numbers below the
 * count given to staple_queue_make(), each in at most one queue.
 *
 * There are so many places for exchanges in flight:
 *
 *   +-------------------+-------------------+
 *   | for exchanges with a proven origin    |
 *   +-------------------+                   |
 *   | and with others:  |                   |
 *   | half of them      |                   |
 *   +-------------------+-------------------+
 *
 * so what never answers leaves half of them to those that do.  A free place
 * goes to the origin, of those that wait, that has had the least time of
 * places; newcomers begin with what the one before them had.  Where more
 * origins are without a place than there are places, the next exchange gets a
 * leash (staple_responder.h).  So neither numbers nor slowness nor the order
 * of a configuration can keep a certificate waiting for long.
 */
typedef struct staple_queue_t staple_queue_t;

/* The place of one exchange in flight. */
typedef struct staple_place_t {
    int is_unproven;             /* of the half for these */
    apr_time_t since;
    apr_interval_time_t granted; /* the time it may last */
    apr_interval_time_t charged; /* what it was taken to last */
    int is_leashed;              /* granted was shortened: others wait */
} staple_place_t;

staple_queue_t *staple_queue_make(apr_pool_t *p, apr_uint32_t count,
                                  unsigned places);

/* The responder of this URL, made on first sight with its origin; `url` must
 * live on. */
staple_responder_t *staple_queue_responder(staple_queue_t *queue,
                                           const char *url);

/* The shared store, as a responder.  `name` must live on. */
staple_responder_t *staple_queue_own(staple_queue_t *queue, const char *name,
                                     unsigned window_last);

/* Certificate `index` names this responder: once for each responder, all of one
 * certificate before the next one's. */
void staple_queue_count_in(staple_responder_t *r, apr_uint32_t index);

/* All of them, linked by `next`. */
staple_responder_t *staple_queue_responders(const staple_queue_t *queue);
staple_origin_t *staple_queue_origins(const staple_queue_t *queue);

/* The one with this id, or NULL. */
staple_responder_t *staple_queue_find(const staple_queue_t *queue,
                                      const staple_responder_id_t *id);
staple_origin_t *staple_queue_find_origin(const staple_queue_t *queue,
                                          const staple_responder_id_t *id);

/* A certificate waits for an origin, behind others.  `jitter` (any number)
 * shuffles origins that begin to be waited for together. */
void staple_queue_push(staple_queue_t *queue, staple_origin_t *origin,
                       apr_uint32_t index, apr_uint32_t jitter);

/* The longest waiting, or STAPLE_QUEUE_NOBODY. */
apr_uint32_t staple_queue_pop(staple_queue_t *queue, staple_origin_t *origin);

/* How many wait, for whomever. */
apr_uint32_t staple_queue_waiting(const staple_queue_t *queue);

/* The origin that gets the next place, or NULL: none that waits may have one.
 * *is_crowded: others will be left without. */
staple_origin_t *staple_queue_next(int *is_crowded,
                                   const staple_queue_t *queue);

/* An exchange with it begins, which may last `timeout`, or for as long as the
 * leash where it is crowded. */
void staple_queue_enter(staple_place_t *place, staple_queue_t *queue,
                        staple_origin_t *origin, apr_interval_time_t timeout,
                        int is_crowded, apr_time_t now);

/* It has ended, and the origin was told so.  `was_proven`: before that. */
void staple_queue_leave(staple_queue_t *queue, staple_origin_t *origin,
                        const staple_place_t *place, int was_proven,
                        apr_time_t now);

#endif
