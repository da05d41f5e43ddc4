/* The heap of due times against a naive model. */
#include "../tap.h"

#include <apr_general.h>

#include "refresh/staple_timers.h"

#define NUMBERS 97

static unsigned seed = 1;

static unsigned draw(unsigned below)
{
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % below;
}

/* What the heap should hold: an instant per number, or NEVER for out. */
typedef struct model_t {
    apr_time_t at[NUMBERS];
} model_t;

static apr_time_t earliest(const model_t *model)
{
    apr_time_t first = STAPLE_TIMERS_NEVER;
    unsigned i;

    for (i = 0; i < NUMBERS; i++) {
        first = model->at[i] < first ? model->at[i] : first;
    }
    return first;
}

/* Does the heap's first agree with the model? */
static int agrees(const staple_timers_t *due, const model_t *model)
{
    apr_time_t at = -1;
    apr_uint32_t number = staple_timers_first(due, &at);

    if (at != earliest(model)) {
        return 0;
    }
    return at == STAPLE_TIMERS_NEVER ? number == STAPLE_NONE
                                  : number < NUMBERS
                                        && model->at[number] == at;
}

static void shift(staple_timers_t *due, model_t *model)
{
    apr_interval_time_t by = (apr_interval_time_t)draw(100) - 50;
    unsigned i;

    staple_timers_shift(due, by);
    for (i = 0; i < NUMBERS; i++) {
        model->at[i] += model->at[i] != STAPLE_TIMERS_NEVER ? by : 0;
    }
}

static void step(staple_timers_t *due, model_t *model)
{
    unsigned number = draw(NUMBERS);
    apr_time_t at;

    switch (draw(8)) {
    case 0:
    case 1:
        staple_timers_remove(due, number);
        model->at[number] = STAPLE_TIMERS_NEVER;
        break;
    case 2:
        if (staple_timers_first(due, &at) != STAPLE_NONE) {
            number = staple_timers_first(due, &at);
            staple_timers_remove(due, number);
            model->at[number] = STAPLE_TIMERS_NEVER;
        }
        break;
    case 3:
        shift(due, model);
        break;
    default:
        model->at[number] = (apr_time_t)draw(1000) - 300;
        staple_timers_set(due, number, model->at[number]);
    }
}

static void test_random(apr_pool_t *p)
{
    staple_timers_t *due = staple_timers_make(p, NUMBERS);
    model_t model;
    unsigned i, wrong = 0;

    for (i = 0; i < NUMBERS; i++) {
        model.at[i] = STAPLE_TIMERS_NEVER;
    }
    for (i = 0; i < 200000; i++) {
        step(due, &model);
        wrong += !agrees(due, &model);
    }
    is_int(wrong, 0, "200000 random operations agree with a naive model");
}

static void test_empty(apr_pool_t *p)
{
    staple_timers_t *due = staple_timers_make(p, 0);
    apr_time_t at = 0;

    is_int(staple_timers_first(due, &at), STAPLE_NONE,
           "of none, none is first");
    is_int(at, STAPLE_TIMERS_NEVER, "of none, never");
    due = staple_timers_make(p, 1);
    is_int(staple_timers_first(due, &at), STAPLE_NONE,
           "none was put in");
    staple_timers_remove(due, 0);
    is_int(staple_timers_first(due, &at), STAPLE_NONE,
           "taken out without being in");
    staple_timers_shift(due, 5);
    is_int(staple_timers_first(due, &at), STAPLE_NONE, "shifted: none");
    staple_timers_set(due, 0, APR_INT64_MIN);
    is_int(staple_timers_first(due, &at), 0, "in at the earliest instant");
    is_int(at, APR_INT64_MIN, "which is kept");
    staple_timers_set(due, 0, 42);
    is_int(staple_timers_first(due, &at), 0, "moved");
    is_int(at, 42, "to another");
    staple_timers_remove(due, 0);
    staple_timers_remove(due, 0);
    is_int(staple_timers_first(due, &at), STAPLE_NONE, "out, twice");
}

/* In order of their instants, whatever the order in which they came. */
static void test_sorting(apr_pool_t *p)
{
    static const char *const orders[] = {"rising", "falling", "random",
                                         "all equal"};
    unsigned order, i;

    for (order = 0; order < 4; order++) {
        staple_timers_t *due = staple_timers_make(p, 5000);
        apr_time_t at, last = APR_INT64_MIN;
        unsigned wrong = 0, count = 0;
        apr_uint32_t number;

        for (i = 0; i < 5000; i++) {
            staple_timers_set(due, i,
                           order == 0   ? i
                           : order == 1 ? 5000 - i
                           : order == 2 ? draw(100000)
                                        : 7);
        }
        while ((number = staple_timers_first(due, &at)) != STAPLE_NONE) {
            wrong += at < last;
            last = at;
            count++;
            staple_timers_remove(due, number);
        }
        is_int(wrong, 0, "5000, %s: come out in order", orders[order]);
        is_int(count, 5000, "5000, %s: each once", orders[order]);
    }
}

int main(void)
{
    apr_pool_t *p = NULL;

    apr_initialize();
    apr_pool_create(&p, NULL);
    test_empty(p);
    test_sorting(p);
    test_random(p);
    apr_pool_destroy(p);
    apr_terminate();
    return tap_done();
}
