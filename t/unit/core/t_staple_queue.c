/* Who waits for which responder: in order, each responder in its turn. */
#include "../tap.h"

#include <apr_general.h>

#include "staple_queue.h"

static apr_pool_t *p;

static void test_responders(void)
{
    staple_queue_t *queue = staple_queue_make(p, 4);
    char copy[] = "http://a/";
    staple_responder_t *a, *b;

    is_int(staple_queue_count(queue), 0, "new: no responder");
    ok(staple_queue_turn(queue) == NULL, "new: nobody's turn");
    ok(staple_queue_all(queue) == NULL, "new: nobody in the list");
    a = staple_queue_responder(queue, "http://a/");
    b = staple_queue_responder(queue, "http://b/");
    ok(a != b, "two URLs are two responders");
    ok(staple_queue_responder(queue, copy) == a,
       "one URL is one responder, whoever names it");
    is_int(staple_queue_count(queue), 2, "two are known");
    is_int(a->window, STAPLE_RESPONDER_WINDOW_FIRST, "each begins healthy");
    is_int(a->is_down, 0, "and is not down");
}

static void test_order(void)
{
    staple_queue_t *queue = staple_queue_make(p, 100);
    staple_responder_t *a = staple_queue_responder(queue, "http://a/");
    staple_responder_t *b = staple_queue_responder(queue, "http://b/");
    unsigned round, i, wrong = 0;

    is_int(staple_queue_pop(queue, a), STAPLE_QUEUE_NOBODY, "nobody waits");
    for (round = 0; round < 3; round++) {
        for (i = 0; i < 100; i++) {
            staple_queue_push(queue, i % 3 == 0 ? a : b, i);
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
        is_int(staple_queue_pop(queue, a), STAPLE_QUEUE_NOBODY,
               "round %u: then nobody", round);
        is_int(staple_queue_waiting(queue), 0, "round %u: nobody", round);
    }
}

/* Put in again while others wait: behind them. */
static void test_again(void)
{
    staple_queue_t *queue = staple_queue_make(p, 3);
    staple_responder_t *a = staple_queue_responder(queue, "http://a/");

    staple_queue_push(queue, a, 0);
    staple_queue_push(queue, a, 1);
    is_int(staple_queue_pop(queue, a), 0, "the first");
    staple_queue_push(queue, a, 0);
    is_int(staple_queue_pop(queue, a), 1, "the second");
    is_int(staple_queue_pop(queue, a), 0, "the first again");
    is_int(staple_queue_pop(queue, a), STAPLE_QUEUE_NOBODY, "nobody");
}

static void test_turns(void)
{
    static const char *const urls[] = {"http://a/", "http://b/", "http://c/"};
    staple_queue_t *queue = staple_queue_make(p, 3);
    unsigned counts[3] = {0, 0, 0};
    unsigned i, k;

    for (i = 0; i < 3; i++) {
        staple_queue_responder(queue, urls[i]);
    }
    for (i = 0; i < 300; i++) {
        staple_responder_t *r = staple_queue_turn(queue);

        for (k = 0; k < 3; k++) {
            counts[k] += strcmp(r->url, urls[k]) == 0;
        }
    }
    for (k = 0; k < 3; k++) {
        is_int(counts[k], 100, "%s has its turn as often as others", urls[k]);
    }
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&p, NULL);
    test_responders();
    test_order();
    test_again();
    test_turns();
    apr_pool_destroy(p);
    apr_terminate();
    return tap_done();
}
