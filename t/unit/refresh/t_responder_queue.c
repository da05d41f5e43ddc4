/* Who waits for which origin, in order; who gets the next place; a leash. */
#include "../tap.h"

#include <apr_general.h>
#include <apr_strings.h>

#include "refresh/staple_responder.h"

#define NOW     apr_time_from_sec(1700000000)
#define SECOND  apr_time_from_sec(1)
#define TIMEOUT apr_time_from_sec(10)
#define LEASH   STAPLE_RESPONDER_LEASH

static apr_pool_t *p;

static void test_responders(void)
{
    staple_queue_t *queue = staple_queue_make(p, 4, 64);
    static const staple_route_t route = {.id = "http://proxy/"};
    static const staple_route_t same = {.id = "http://proxy/"};
    char copy[] = "http://a/";
    staple_responder_t *a, *b, *c;

    ok(staple_queue_responders(queue) == NULL, "new: no responder");
    ok(staple_queue_origins(queue) == NULL, "new: no origin");
    a = staple_queue_responder(queue, NULL, "http://a/");
    b = staple_queue_responder(queue, NULL, "http://b/");
    ok(a != b, "two URLs are two responders");
    ok(a->origin != b->origin, "at two origins");
    ok(staple_queue_responder(queue, NULL, copy) == a,
       "one URL is one responder, whoever names it");
    c = staple_queue_responder(queue, NULL, "HTTP://A:80/ocsp");
    ok(c != a && c->origin == a->origin,
       "two URLs with the same scheme, host and port have one origin");
    ok(staple_queue_responder(queue, &route, "http://a/") != a
           && staple_queue_responder(queue, &route, "http://a/")->origin
                  != a->origin,
       "through a proxy it is another one, of another origin");
    ok(staple_queue_responder(queue, &same, "http://a/")
           == staple_queue_responder(queue, &route, "http://a/"),
       "by the same way it is the same");
    ok(staple_queue_find(queue, &a->id) == a
           && staple_queue_find_origin(queue, &a->origin->id) == a->origin,
       "and each has an id of its own");
    ok(staple_queue_responder(queue, NULL, "https://a/")->origin != a->origin,
       "another scheme: another origin");
    is_str(a->origin->name, "http://a", "an origin's name");
    ok(staple_queue_find(queue, &b->id) == b, "found by its id");
    ok(staple_queue_find_origin(queue, &b->origin->id) == b->origin,
       "an origin, too");
    ok(staple_queue_find(queue, &b->origin->id) == NULL, "not by another");
}

static void test_counting(void)
{
    staple_queue_t *queue = staple_queue_make(p, 4, 64);
    staple_responder_t *a = staple_queue_responder(queue, NULL, "http://a/1");
    staple_responder_t *b = staple_queue_responder(queue, NULL, "http://a/2");

    staple_queue_count_in(a, 0);
    staple_queue_count_in(b, 0);
    staple_queue_count_in(a, 0);
    staple_queue_count_in(b, 1);
    is_int(a->health.named_by, 1, "one certificate names the first URL");
    is_int(b->health.named_by, 2, "two the second");
    is_int(a->origin->health.named_by, 2, "two the origin");
}

static void test_order(void)
{
    staple_queue_t *queue = staple_queue_make(p, 100, 64);
    staple_origin_t *a =
        staple_queue_responder(queue, NULL, "http://a/")->origin;
    staple_origin_t *b =
        staple_queue_responder(queue, NULL, "http://b/")->origin;
    unsigned round, i, wrong = 0;

    is_int(staple_queue_pop(queue, a), STAPLE_NONE, "none waits");
    for (round = 0; round < 3; round++) {
        for (i = 0; i < 100; i++) {
            staple_queue_push(queue, i % 3 == 0 ? a : b, i, i);
        }
        is_int(staple_queue_waiting(queue), 100, "round %u: all wait", round);
        for (i = 0; i < 100; i++) {
            if (i % 3 != 0) {
                wrong += staple_queue_pop(queue, b) != i;
            }
        }
        is_int(staple_queue_waiting(queue), 34, "round %u: those of a", round);
        for (i = 0; i < 100; i += 3) {
            wrong += staple_queue_pop(queue, a) != i;
        }
        is_int(wrong, 0, "round %u: the longest waiting comes first", round);
        is_int(staple_queue_pop(queue, a), STAPLE_NONE,
               "round %u: then none", round);
        is_int(staple_queue_waiting(queue), 0, "round %u: none", round);
    }
}

/* ---- places ---- */

/* The name of the origin that gets the next place, or "nobody".  It takes it,
 * into *place. */
static const char *next(staple_queue_t *queue, staple_place_t *place)
{
    int is_crowded;
    staple_origin_t *origin = staple_queue_next(&is_crowded, queue);

    if (origin == NULL) {
        return "nobody";
    }
    staple_queue_pop(queue, origin);
    staple_queue_enter(place, queue, origin, TIMEOUT, is_crowded, NOW);
    origin->health.in_flight++;
    return origin->name;
}

/* `count` origins h0, h1 ..., each with so many that wait for it. */
static staple_origin_t **wait_for_each(staple_queue_t *queue, unsigned count,
                                       unsigned each, apr_interval_time_t leash)
{
    staple_origin_t **origins = apr_pcalloc(p, count * sizeof(*origins));
    unsigned i, k;

    for (i = 0; i < count; i++) {
        origins[i] =
            staple_queue_responder(queue, NULL,
                                   apr_psprintf(p, "http://h%u/", i))
                ->origin;
        origins[i]->leash = leash;
        for (k = 0; k < each; k++) {
            staple_queue_push(queue, origins[i], i * each + k, 7919 * i);
        }
    }
    return origins;
}

/* The exchange ended after `took`. */
static void end(staple_queue_t *queue, staple_origin_t *origin,
                const staple_place_t *place, int is_proven,
                apr_interval_time_t took)
{
    int was_proven = origin->is_proven;

    origin->health.in_flight--;
    origin->is_proven = is_proven;
    staple_queue_leave(queue, origin, place, was_proven, NOW + took);
}

static void test_half(void)
{
    staple_queue_t *queue = staple_queue_make(p, 100, 8);
    staple_origin_t **h = wait_for_each(queue, 10, 4, LEASH);
    staple_place_t places[10];
    unsigned count = 0, proven = 0, i;

    h[9]->is_proven = 1;
    h[9]->window = 100;
    for (i = 0; i < 10; i++) {
        const char *name = next(queue, &places[i]);

        count += strcmp(name, "nobody") != 0;
        proven += strcmp(name, "http://h9") == 0;
    }
    is_int(count, 8, "all places are used");
    is_int(proven, 4, "the half of them by the one that is proven");
    for (i = 0; i < 9; i++) {
        ok(h[i]->health.in_flight <= 1, "of the others each has one at most");
    }

    queue = staple_queue_make(p, 100, 8);
    h = wait_for_each(queue, 1, 10, LEASH);
    h[0]->is_proven = 1;
    h[0]->window = 100;
    for (i = 0; i < 10; i++) {
        next(queue, &places[i]);
    }
    is_int(h[0]->health.in_flight, 8, "who is proven may use all of them");

    queue = staple_queue_make(p, 100, 1);
    h = wait_for_each(queue, 2, 1, LEASH);
    ok(strcmp(next(queue, &places[0]), "nobody") != 0,
       "the half of one place is one");
    is_str(next(queue, &places[1]), "nobody", "and no more");
}

static void test_fairness(void)
{
    staple_queue_t *queue = staple_queue_make(p, 100, 2);
    staple_origin_t **h = wait_for_each(queue, 3, 5, TIMEOUT);
    unsigned counts[3] = {0, 0, 0}, i, k;
    staple_place_t place;

    /* h0 takes 4 s each time, the others one. */
    for (i = 0; i < 9; i++) {
        const char *name = next(queue, &place);

        for (k = 0; k < 3; k++) {
            if (strcmp(name, h[k]->name) == 0) {
                counts[k]++;
                end(queue, h[k], &place, 0, k == 0 ? 4 * SECOND : SECOND);
            }
        }
    }
    is_int(counts[0], 1, "who takes four times as long has a quarter");
    is_int(counts[1], 4, "of what others have");
    is_int(counts[2], 4, "each");
}

static void test_newcomer(void)
{
    staple_queue_t *queue = staple_queue_make(p, 100, 2);
    staple_origin_t **h = wait_for_each(queue, 2, 40, TIMEOUT);
    staple_origin_t *late =
        staple_queue_responder(queue, NULL, "http://late/")->origin;
    staple_place_t place;
    unsigned i, turns = 0;

    for (i = 0; i < 20; i++) {
        unsigned k = strcmp(next(queue, &place), h[1]->name) == 0;

        end(queue, h[k], &place, 0, SECOND);
    }
    for (i = 0; i < 5; i++) {
        staple_queue_push(queue, late, 90 + i, 0);
    }
    for (i = 0; i < 9; i++) {
        const char *name = next(queue, &place);

        if (i < 2 && strcmp(name, late->name) == 0) {
            turns++;
        }
        end(queue,
            strcmp(name, late->name) == 0   ? late
            : strcmp(name, h[1]->name) == 0 ? h[1]
                                            : h[0],
            &place, 0, SECOND);
    }
    ok(turns >= 1, "who comes later has its turn soon");
    ok(late->waiting >= 1 && h[0]->waiting < 30 && h[1]->waiting < 30,
       "but does not make up for the time before (%u, %u, %u wait)",
       late->waiting, h[0]->waiting, h[1]->waiting);
}

/* ---- the leash ---- */

static void test_leash(void)
{
    staple_queue_t *queue = staple_queue_make(p, 100, 8);
    staple_origin_t **h = wait_for_each(queue, 4, 2, LEASH);
    staple_place_t place;
    unsigned i, leashed = 0;

    for (i = 0; i < 4; i++) {
        next(queue, &place);
        leashed += (unsigned)place.is_leashed;
    }
    is_int(leashed, 0, "each has a place: all have all the time");
    is_int(place.granted, TIMEOUT, "which is that of the policy");

    queue = staple_queue_make(p, 100, 8);
    h = wait_for_each(queue, 5, 1, LEASH);
    next(queue, &place);
    ok(place.is_leashed, "five origins, four places: the first has a leash");
    is_int(place.granted, LEASH, "which is this long");
    for (i = 0; i < 3; i++) {
        next(queue, &place);
    }
    ok(place.is_leashed, "as has the last");
    is_str(next(queue, &place), "nobody", "then there is no place");
    for (i = 0; i < 5; i++) {
        if (h[i]->waiting == 0) {
            end(queue, h[i], &place, 0, SECOND);
            break;
        }
    }
    next(queue, &place);
    ok(!place.is_leashed, "who comes last has all the time");
}

static void test_proven_leash(void)
{
    staple_queue_t *queue = staple_queue_make(p, 100, 2);
    staple_origin_t **h = wait_for_each(queue, 3, 1, LEASH);
    staple_place_t place;
    unsigned i;

    for (i = 0; i < 3; i++) {
        h[i]->is_proven = 1;
        h[i]->leash = 2 * SECOND;
    }
    next(queue, &place);
    ok(place.is_leashed && place.granted == 2 * SECOND,
       "proven, and others without a place: its own leash");
    h[0]->is_own = h[1]->is_own = h[2]->is_own = 1;
    staple_queue_push(queue, h[0], 50, 0);
    next(queue, &place);
    ok(!place.is_leashed, "the shared store: none");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&p, NULL);
    test_responders();
    test_counting();
    test_order();
    test_half();
    test_fairness();
    test_newcomer();
    test_leash();
    test_proven_leash();
    apr_pool_destroy(p);
    apr_terminate();
    return tap_done();
}
