/* Responders and their origins, who waits for which, and who is next. */
#include "staple_queue.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include "base/staple_parse.h"

struct staple_queue_t {
    apr_pool_t *pool;
    apr_hash_t *by_url;
    apr_hash_t *by_name;
    apr_hash_t *by_id;        /* responders */
    apr_hash_t *origin_by_id; /* origins */
    staple_responder_t *responders;
    staple_origin_t *origins;
    apr_uint32_t waiting;
    apr_uint32_t *next_waiting; /* by certificate */
    unsigned places;
    unsigned taken;
    unsigned taken_unproven;
    apr_interval_time_t had[2]; /* by who got a place last, unproven and proven:
                                   where newcomers begin */
};

staple_queue_t *staple_queue_make(apr_pool_t *p, apr_uint32_t count,
                                  unsigned places)
{
    staple_queue_t *queue = apr_pcalloc(p, sizeof(*queue));

    queue->pool = p;
    queue->by_url = apr_hash_make(p);
    queue->by_name = apr_hash_make(p);
    queue->by_id = apr_hash_make(p);
    queue->origin_by_id = apr_hash_make(p);
    queue->places = places;
    queue->next_waiting =
        apr_pcalloc(p, (count + 1) * sizeof(queue->next_waiting[0]));
    return queue;
}

/* ---- who there is ---- */

static staple_origin_t *add_origin(staple_queue_t *queue, const char *name)
{
    staple_origin_t *origin = staple_responder_make_origin(queue->pool, name);

    origin->next = queue->origins;
    queue->origins = origin;
    apr_hash_set(queue->origin_by_id, &origin->id, sizeof(origin->id), origin);
    return origin;
}

static staple_responder_t *add_responder(staple_queue_t *queue,
                                         const char *url,
                                         staple_origin_t *origin)
{
    staple_responder_t *r = staple_responder_make(queue->pool, url, origin);

    r->next = queue->responders;
    queue->responders = r;
    apr_hash_set(queue->by_id, &r->id, sizeof(r->id), r);
    return r;
}

static staple_origin_t *origin_of(staple_queue_t *queue, const char *url)
{
    char name[STAPLE_MAX_URL + 1];
    staple_origin_t *origin;

    staple_parse_origin(name, sizeof(name), url);
    origin = apr_hash_get(queue->by_name, name, APR_HASH_KEY_STRING);
    if (origin == NULL) {
        origin = add_origin(queue, apr_pstrdup(queue->pool, name));
        apr_hash_set(queue->by_name, origin->name, APR_HASH_KEY_STRING, origin);
    }
    return origin;
}

staple_responder_t *staple_queue_responder(staple_queue_t *queue,
                                           const char *url)
{
    staple_responder_t *r =
        apr_hash_get(queue->by_url, url, APR_HASH_KEY_STRING);

    if (r == NULL) {
        r = add_responder(queue, url, origin_of(queue, url));
        apr_hash_set(queue->by_url, r->url, APR_HASH_KEY_STRING, r);
    }
    return r;
}

staple_responder_t *staple_queue_own(staple_queue_t *queue, const char *name,
                                     unsigned window_last)
{
    staple_origin_t *origin = add_origin(queue, name);

    origin->is_own = origin->is_proven = 1;
    origin->window_last = window_last;
    return add_responder(queue, name, origin);
}

void staple_queue_count_in(staple_responder_t *r, apr_uint32_t index)
{
    if (r->counted != index + 1) {
        r->counted = index + 1;
        r->health.named_by++;
    }
    if (r->origin->counted != index + 1) {
        r->origin->counted = index + 1;
        r->origin->health.named_by++;
    }
}

staple_responder_t *staple_queue_responders(const staple_queue_t *queue)
{
    return queue->responders;
}

staple_origin_t *staple_queue_origins(const staple_queue_t *queue)
{
    return queue->origins;
}

staple_responder_t *staple_queue_find(const staple_queue_t *queue,
                                      const staple_responder_id_t *id)
{
    return apr_hash_get(queue->by_id, id, sizeof(*id));
}

staple_origin_t *staple_queue_find_origin(const staple_queue_t *queue,
                                          const staple_responder_id_t *id)
{
    return apr_hash_get(queue->origin_by_id, id, sizeof(*id));
}

/* ---- who waits ---- */

void staple_queue_push(staple_queue_t *queue, staple_origin_t *origin,
                       apr_uint32_t index, apr_uint32_t jitter)
{
    apr_interval_time_t first = queue->had[origin->is_proven] + jitter % 1024;

    /* An origin saves up no time while no certificate waits for it. */
    if (origin->waiting == 0 && origin->health.in_flight == 0
        && origin->had < first) {
        origin->had = first;
    }
    queue->next_waiting[index] = STAPLE_QUEUE_NOBODY;
    if (origin->first_waiting == STAPLE_QUEUE_NOBODY) {
        origin->first_waiting = index;
    }
    else {
        queue->next_waiting[origin->last_waiting] = index;
    }
    origin->last_waiting = index;
    origin->waiting++;
    queue->waiting++;
}

apr_uint32_t staple_queue_pop(staple_queue_t *queue, staple_origin_t *origin)
{
    apr_uint32_t index = origin->first_waiting;

    if (index != STAPLE_QUEUE_NOBODY) {
        origin->first_waiting = queue->next_waiting[index];
        origin->waiting--;
        queue->waiting--;
    }
    return index;
}

apr_uint32_t staple_queue_waiting(const staple_queue_t *queue)
{
    return queue->waiting;
}

/* ---- places ---- */

/* Those of one kind that wait and have room: the one that has had the least,
 * and how many have no place at all. */
typedef struct choice_t {
    staple_origin_t *origin;
    unsigned placeless;
} choice_t;

static void look_at(choice_t *choice, staple_origin_t *origin)
{
    choice->placeless += origin->health.in_flight == 0;
    if (choice->origin == NULL || origin->had < choice->origin->had) {
        choice->origin = origin;
    }
}

/* Will another origin be without a place when this one got one of `free`? */
static int is_crowded_after(const choice_t *choice, unsigned free)
{
    unsigned others =
        choice->placeless - (choice->origin->health.in_flight == 0);

    return others > free - 1;
}

staple_origin_t *staple_queue_next(int *is_crowded, const staple_queue_t *queue)
{
    choice_t choices[2] = {{NULL, 0}, {NULL, 0}}; /* unproven, proven */
    unsigned free = queue->places - queue->taken;
    unsigned half = (queue->places + 1) / 2;
    unsigned free_half = half > queue->taken_unproven
                             ? half - queue->taken_unproven
                             : 0;
    choice_t *choice = &choices[0];
    staple_origin_t *origin;

    if (queue->waiting == 0 || free == 0) {
        return NULL;
    }
    for (origin = queue->origins; origin != NULL; origin = origin->next) {
        if (origin->waiting > 0 && staple_origin_has_room(origin)) {
            look_at(&choices[origin->is_proven], origin);
        }
    }
    free_half = free_half < free ? free_half : free;
    if (choice->origin == NULL || free_half == 0) {
        choice = &choices[1];
        free_half = free;
    }
    if (choice->origin == NULL) {
        return NULL;
    }
    *is_crowded = is_crowded_after(choice, free_half);
    return choice->origin;
}

void staple_queue_enter(staple_place_t *place, staple_queue_t *queue,
                        staple_origin_t *origin, apr_interval_time_t timeout,
                        int is_crowded, apr_time_t now)
{
    place->is_unproven = !origin->is_proven;
    place->since = now;
    place->is_leashed =
        is_crowded && !origin->is_own && origin->leash < timeout;
    place->granted = place->is_leashed ? origin->leash : timeout;
    place->charged = origin->is_proven ? origin->took : place->granted;
    if (queue->had[origin->is_proven] < origin->had) {
        queue->had[origin->is_proven] = origin->had;
    }
    origin->had += place->charged;
    queue->taken++;
    queue->taken_unproven += (unsigned)place->is_unproven;
}

void staple_queue_leave(staple_queue_t *queue, staple_origin_t *origin,
                        const staple_place_t *place, int was_proven,
                        apr_time_t now)
{
    apr_interval_time_t took = now - place->since;

    /* The clock may have been set meanwhile. */
    took = took < 0 || took > 2 * place->granted ? place->granted : took;
    queue->taken--;
    queue->taken_unproven -= (unsigned)place->is_unproven;
    if (origin->is_proven != was_proven) {
        /* Among others now, whose times are not to be compared with these. */
        origin->had = queue->had[origin->is_proven] + took;
    }
    else if (origin->is_proven != place->is_unproven) {
        origin->had += took - place->charged;
    }
}
