/* Responders and their origins: whom to ask, who waits, who is next. */
#include "staple_responder.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/staple_bytes.h"
#include "base/staple_parse.h"
#include "staple_schedule.h"

/* ---- health ---- */

void staple_health_begin(staple_health_t *health)
{
    memset(health, 0, sizeof(*health));
    health->prober = STAPLE_NONE;
}

int staple_health_may_ask(const staple_health_t *health, apr_time_t now)
{
    return !health->is_down
           || (health->in_flight == 0 && now >= health->probe_at);
}

staple_health_change_e staple_health_came_well(staple_health_t *health)
{
    int was_down = health->is_down;

    health->is_down = 0;
    health->answers = health->has_answered = 1;
    health->failures = health->suspect_count = health->probes = 0;
    return was_down ? STAPLE_HEALTH_CAME_UP : STAPLE_HEALTH_SAME;
}

/* Remembers for whom it failed. */
static void suspect(staple_health_t *health, apr_uint32_t index)
{
    unsigned i;

    for (i = 0; i < health->suspect_count; i++) {
        if (health->suspects[i] == index) {
            return;
        }
    }
    if (health->suspect_count < STAPLE_HEALTH_SUSPECTS) {
        health->suspects[health->suspect_count++] = index;
    }
}

/* Did it fail for enough of them? */
static int is_enough(const staple_health_t *health)
{
    unsigned wanted =
        health->named_by > 0 && health->named_by < STAPLE_HEALTH_SUSPECTS
            ? health->named_by
            : STAPLE_HEALTH_SUSPECTS;

    return health->failures >= STAPLE_HEALTH_SUSPECTS
           && (health->suspect_count >= wanted || !health->has_answered);
}

void staple_health_put_off(staple_health_t *health, apr_time_t now)
{
    health->probe_at =
        now
        + staple_schedule_back_off(STAPLE_HEALTH_PROBE_FIRST,
                                   STAPLE_HEALTH_PROBE_LAST, health->probes);
}

staple_health_change_e staple_health_failed(staple_health_t *health,
                                            apr_uint32_t index, int may_go_down,
                                            apr_time_t now)
{
    health->answers = 0;
    health->failures += health->failures < STAPLE_HEALTH_SUSPECTS;
    suspect(health, index);
    if (health->is_down) {
        if (now >= health->probe_at) { /* else in flight when others failed */
            health->probes++;
            staple_health_put_off(health, now);
        }
        return STAPLE_HEALTH_SAME;
    }
    if (!may_go_down || !is_enough(health)) {
        return STAPLE_HEALTH_SAME;
    }
    health->is_down = 1;
    staple_health_put_off(health, now);
    return STAPLE_HEALTH_WENT_DOWN;
}

void staple_health_leave_alone(staple_health_t *health,
                               apr_interval_time_t time, apr_time_t now)
{
    if (time > STAPLE_SCHEDULE_RETRY_AFTER) {
        time = STAPLE_SCHEDULE_RETRY_AFTER;
    }
    if (health->is_down && health->probe_at < now + time) {
        health->probe_at = now + time;
    }
}

void staple_health_was_down(staple_health_t *health, unsigned probes,
                            apr_time_t probe_at, apr_time_t now)
{
    health->is_down = 1;
    health->probes = probes;
    /* The clock may have been set back since. */
    health->probe_at = probe_at < now + STAPLE_SCHEDULE_RETRY_AFTER
                           ? probe_at
                           : now + STAPLE_SCHEDULE_RETRY_AFTER;
}

apr_uint32_t staple_health_prober(staple_health_t *health, apr_time_t now)
{
    apr_uint32_t index = STAPLE_NONE;

    if (health->is_down && health->in_flight == 0 && now >= health->probe_at) {
        index = health->prober;
        health->prober = STAPLE_NONE;
    }
    return index;
}

/* ---- responders ---- */

/* What tells them apart: the text, and the way there. */
static const char *key_of(apr_pool_t *p, const char *text,
                          const staple_route_t *route)
{
    return route != NULL ? apr_pstrcat(p, text, "\n", route->id, NULL) : text;
}

/* An origin may have the same text as a URL of it. */
static staple_responder_id_t id_of(apr_pool_t *p, const char *kind,
                                   const char *text,
                                   const staple_route_t *route)
{
    const char *name = apr_pstrcat(p, kind, key_of(p, text, route), NULL);
    unsigned char digest[SHA256_DIGEST_LENGTH];
    staple_responder_id_t id;

    SHA256((const unsigned char *)name, strlen(name), digest);
    memcpy(id.bytes, digest, sizeof(id.bytes));
    return id;
}

staple_origin_t *staple_responder_make_origin(apr_pool_t *p, const char *name,
                                              const staple_route_t *route)
{
    staple_origin_t *origin = apr_pcalloc(p, sizeof(*origin));

    origin->name = name;
    origin->route = route;
    origin->id = id_of(p, "origin ", name, route);
    staple_health_begin(&origin->health);
    origin->window = STAPLE_RESPONDER_WINDOW_FIRST;
    origin->window_last = STAPLE_RESPONDER_WINDOW_LAST;
    origin->leash = STAPLE_RESPONDER_LEASH;
    origin->first_waiting = origin->last_waiting = STAPLE_NONE;
    return origin;
}

staple_responder_t *staple_responder_make(apr_pool_t *p, const char *url,
                                          staple_origin_t *origin)
{
    staple_responder_t *r = apr_pcalloc(p, sizeof(*r));

    r->url = url;
    r->id = id_of(p, "url ", url, origin->route);
    r->origin = origin;
    staple_health_begin(&r->health);
    return r;
}

int staple_origin_has_room(const staple_origin_t *origin)
{
    unsigned window = origin->window;

    if (origin->health.is_down) {
        return origin->health.in_flight == 0;
    }
    if (!origin->is_proven && window > STAPLE_RESPONDER_WINDOW_FIRST) {
        window = STAPLE_RESPONDER_WINDOW_FIRST;
    }
    return origin->health.in_flight < window;
}

int staple_responder_may_ask(staple_health_t **down, staple_responder_t *r,
                             apr_time_t now)
{
    staple_origin_t *origin = r->origin;

    *down = origin->health.is_down ? &origin->health : &r->health;
    return staple_health_may_ask(*down, now)
           || (*down == &origin->health && r->health.answers
               && origin->health.in_flight == 0);
}

staple_health_t *staple_responder_what_is_down(staple_responder_t *r)
{
    if (r->origin->health.is_down) {
        return &r->origin->health;
    }
    return r->health.is_down ? &r->health : NULL;
}

void staple_responder_started(staple_responder_t *r)
{
    r->origin->health.in_flight++;
    r->health.in_flight++;
    r->requests++;
}

int staple_responder_is_out_of_reach(staple_reason_e reason)
{
    return reason == STAPLE_RESOLVE || reason == STAPLE_CONNECT
           || reason == STAPLE_TLS || reason == STAPLE_TIMEOUT;
}

typedef enum {
    FAULT_NONE,  /* or of one certificate or response */
    FAULT_URL,   /* it would fail for others, too */
    FAULT_ORIGIN /* as would other URLs */
} fault_e;

static fault_e fault_of(staple_reason_e reason, int http_status)
{
    if (staple_responder_is_out_of_reach(reason) || reason == STAPLE_NETWORK) {
        return http_status == 0 ? FAULT_ORIGIN : FAULT_URL;
    }
    if (reason == STAPLE_HTTP_STATUS) {
        return http_status >= 500 || http_status == 429 ? FAULT_URL
                                                        : FAULT_NONE;
    }
    return reason == STAPLE_EMPTY || reason == STAPLE_TOO_LARGE
                   || reason == STAPLE_HTTP_TYPE
                   || reason == STAPLE_STATUS_INTERNAL_ERROR
                   || reason == STAPLE_STATUS_TRY_LATER
               ? FAULT_URL
               : FAULT_NONE;
}

/* There was an HTTP answer, be it a bad one. */
static staple_health_change_e origin_answered(staple_origin_t *origin,
                                              apr_interval_time_t took)
{
    origin->accused = NULL;
    origin->has_several_accused = 0;
    origin->took = took;
    origin->leash =
        4 * took > STAPLE_RESPONDER_LEASH ? 4 * took : STAPLE_RESPONDER_LEASH;
    return staple_health_came_well(&origin->health);
}

/* There was none.  Where one URL fails alone, and another one answered the last
 * time, it is to blame itself; that one is down already says nothing new. */
static staple_responder_change_t
out_of_reach(staple_responder_t *r, apr_uint32_t index, apr_time_t now)
{
    staple_responder_change_t change = {STAPLE_HEALTH_SAME, STAPLE_HEALTH_SAME};
    staple_origin_t *origin = r->origin;
    unsigned others = origin->answering - (r->health.answers != 0);

    if (origin->health.is_down || !r->health.is_down) {
        origin->has_several_accused |=
            origin->accused != NULL && origin->accused != r;
        origin->accused = r;
        change.origin = staple_health_failed(
            &origin->health, index, origin->has_several_accused || others == 0,
            now);
    }
    if (!origin->health.is_down) {
        change.url = staple_health_failed(&r->health, index, 1, now);
    }
    if (change.url == STAPLE_HEALTH_WENT_DOWN) { /* so it was not the origin */
        origin->accused = NULL;
        origin->health.failures = origin->health.suspect_count = 0;
    }
    r->health.answers = 0;
    return change;
}

static staple_responder_change_t judge(staple_responder_t *r,
                                       apr_uint32_t index, fault_e fault,
                                       apr_interval_time_t took, apr_time_t now)
{
    staple_responder_change_t change;

    if (fault == FAULT_ORIGIN) {
        return out_of_reach(r, index, now);
    }
    change.origin = origin_answered(r->origin, took);
    change.url = fault == FAULT_NONE
                     ? staple_health_came_well(&r->health)
                     : staple_health_failed(&r->health, index, 1, now);
    return change;
}

static void resize_window(staple_origin_t *origin, int came_well)
{
    if (!came_well) {
        origin->window = origin->window > 1 ? origin->window / 2 : 1;
    }
    else if (origin->window < origin->window_last) {
        origin->window++;
    }
}

staple_responder_change_t
staple_responder_ended(staple_responder_t *r, apr_uint32_t index,
                       staple_reason_e reason, int http_status,
                       apr_interval_time_t took, apr_time_t now)
{
    staple_responder_change_t change = {STAPLE_HEALTH_SAME, STAPLE_HEALTH_SAME};
    fault_e fault = fault_of(reason, http_status);
    staple_origin_t *origin = r->origin;
    int did_answer = r->health.answers;

    origin->health.in_flight--;
    r->health.in_flight--;
    if (reason == STAPLE_NO_MEMORY) { /* here, which says nothing of it */
        if (staple_responder_what_is_down(r) != NULL) {
            staple_health_put_off(staple_responder_what_is_down(r), now);
        }
        return change;
    }
    if (fault != FAULT_ORIGIN) {
        r->latency = took;
    }
    r->is_good = reason == STAPLE_OK || reason == STAPLE_OLDER
                 || reason == STAPLE_UNKNOWN;
    r->was_good |= r->is_good;
    if (r->is_good) {
        r->failing_since = 0;
    }
    else if (r->failing_since == 0) {
        r->failing_since = now;
    }
    if (reason != STAPLE_OK) {
        r->failures++;
        r->last_error = reason;
    }
    change = judge(r, index, fault, took, now);
    origin->answering += (unsigned)r->health.answers - (unsigned)did_answer;
    origin->is_proven = origin->is_own || fault == FAULT_NONE;
    resize_window(origin, fault == FAULT_NONE);
    return change;
}

void staple_responder_was_cut(staple_responder_t *r,
                              apr_interval_time_t granted)
{
    staple_origin_t *origin = r->origin;

    origin->health.in_flight--;
    r->health.in_flight--;
    origin->is_proven = 0;
    if (origin->leash < 2 * granted) {
        origin->leash = 2 * granted;
    }
}

static unsigned methods_of(const staple_policy_t *policy)
{
    return policy->method == STAPLE_METHOD_POST
                   || policy->method == STAPLE_METHOD_GET
               ? 1
               : 2;
}

static unsigned own_urls(const staple_cert_t *cert,
                         const staple_policy_t *policy)
{
    return policy->action == STAPLE_ACTION_OVERRIDE ? 0 : cert->url_count;
}

static unsigned listed_urls(const staple_policy_t *policy)
{
    unsigned count = 0;

    while (policy->urls != NULL && policy->urls[count] != NULL) {
        count++;
    }
    return count;
}

unsigned staple_responder_attempts(const staple_cert_t *cert,
                                   const staple_policy_t *policy)
{
    if (policy->no_network) {
        return 0;
    }
    return (own_urls(cert, policy) + listed_urls(policy)) * methods_of(policy);
}

const char *staple_responder_attempt(int *by_get, const staple_cert_t *cert,
                                     const staple_policy_t *policy,
                                     unsigned attempt)
{
    unsigned methods = methods_of(policy);
    unsigned url = attempt / methods;
    unsigned own = own_urls(cert, policy);
    int get_first = policy->method == STAPLE_METHOD_GET_POST
                    || policy->method == STAPLE_METHOD_GET;

    if (attempt >= staple_responder_attempts(cert, policy)) {
        return NULL;
    }
    *by_get = (attempt % methods == 0) == get_first;
    return url < own ? cert->urls[url] : policy->urls[url - own];
}

unsigned staple_responder_next_url(const staple_policy_t *policy,
                                   unsigned attempt)
{
    unsigned methods = methods_of(policy);

    return (attempt / methods + 1) * methods;
}

int staple_responder_is_named(const staple_cert_t *cert,
                              const staple_policy_t *policy, const char *url)
{
    const char *named;
    unsigned attempt = 0;
    int by_get;

    while ((named = staple_responder_attempt(&by_get, cert, policy, attempt))
           != NULL) {
        if (strcmp(named, url) == 0) {
            return 1;
        }
        attempt = staple_responder_next_url(policy, attempt);
    }
    return 0;
}

apr_uint32_t staple_responder_hash(const staple_cert_t *cert,
                                   const staple_policy_t *policy)
{
    apr_uint32_t hash = STAPLE_BYTES_HASH;
    const char *url;
    int by_get;
    unsigned i;

    if (policy->route != NULL) {
        hash = staple_bytes_hash(hash, policy->route->id,
                                 strlen(policy->route->id));
    }
    for (i = 0;
         (url = staple_responder_attempt(&by_get, cert, policy, i)) != NULL;
         i++) {
        unsigned char method = (unsigned char)by_get;

        hash = staple_bytes_hash(hash, url, strlen(url));
        hash = staple_bytes_hash(hash, &method, 1);
    }
    return hash;
}

/* ---- who waits for which, and who is next ---- */

struct staple_queue_t {
    apr_pool_t *pool;
    apr_hash_t *by_url;       /* by id of the route, hashes by URL ... */
    apr_hash_t *by_name;      /* ... and by the origins' names */
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

static staple_origin_t *add_origin(staple_queue_t *queue, const char *name,
                                   const staple_route_t *route)
{
    staple_origin_t *origin =
        staple_responder_make_origin(queue->pool, name, route);

    origin->next = queue->origins;
    queue->origins = origin;
    apr_hash_set(queue->origin_by_id, &origin->id, sizeof(origin->id), origin);
    return origin;
}

static staple_responder_t *add_responder(staple_queue_t *queue, const char *url,
                                         staple_origin_t *origin)
{
    staple_responder_t *r = staple_responder_make(queue->pool, url, origin);

    r->next = queue->responders;
    queue->responders = r;
    apr_hash_set(queue->by_id, &r->id, sizeof(r->id), r);
    return r;
}

/* By the texts of URLs or origins, those of one route. */
static apr_hash_t *way_of(apr_pool_t *p, apr_hash_t *ways,
                          const staple_route_t *route)
{
    const char *id = route != NULL ? route->id : "";
    apr_hash_t *way = apr_hash_get(ways, id, APR_HASH_KEY_STRING);

    if (way == NULL) {
        way = apr_hash_make(p);
        apr_hash_set(ways, id, APR_HASH_KEY_STRING, way);
    }
    return way;
}

static staple_origin_t *origin_of(staple_queue_t *queue,
                                  const staple_route_t *route, const char *url)
{
    apr_hash_t *by_name = way_of(queue->pool, queue->by_name, route);
    char name[STAPLE_MAX_URL + 1];
    staple_origin_t *origin;

    staple_parse_origin(name, sizeof(name), url);
    origin = apr_hash_get(by_name, name, APR_HASH_KEY_STRING);
    if (origin == NULL) {
        origin = add_origin(queue, apr_pstrdup(queue->pool, name), route);
        apr_hash_set(by_name, origin->name, APR_HASH_KEY_STRING, origin);
    }
    return origin;
}

staple_responder_t *staple_queue_responder(staple_queue_t *queue,
                                           const staple_route_t *route,
                                           const char *url)
{
    apr_hash_t *by_url = way_of(queue->pool, queue->by_url, route);
    staple_responder_t *r = apr_hash_get(by_url, url, APR_HASH_KEY_STRING);

    if (r == NULL) {
        r = add_responder(queue, url, origin_of(queue, route, url));
        apr_hash_set(by_url, r->url, APR_HASH_KEY_STRING, r);
    }
    return r;
}

staple_responder_t *staple_queue_own(staple_queue_t *queue, const char *name,
                                     unsigned window_last)
{
    staple_origin_t *origin = add_origin(queue, name, NULL);

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
    queue->next_waiting[index] = STAPLE_NONE;
    if (origin->first_waiting == STAPLE_NONE) {
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

    if (index != STAPLE_NONE) {
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
    unsigned free_half =
        half > queue->taken_unproven ? half - queue->taken_unproven : 0;
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
