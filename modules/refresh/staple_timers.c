/* Who is due first: a binary heap of numbers by instant. */
#include "staple_timers.h"

#define OUT 0xffffffffU

struct staple_timers_t {
    apr_uint32_t used;
    apr_uint32_t *heap;  /* numbers; children of i are 2i + 1 and 2i + 2 */
    apr_uint32_t *place; /* of a number in the heap, or OUT */
    apr_time_t *at;      /* of a number */
};

staple_timers_t *staple_timers_make(apr_pool_t *p, apr_uint32_t count)
{
    staple_timers_t *due = apr_pcalloc(p, sizeof(*due));
    apr_uint32_t i;

    due->heap = apr_palloc(p, (count + 1) * sizeof(due->heap[0]));
    due->place = apr_palloc(p, (count + 1) * sizeof(due->place[0]));
    due->at = apr_palloc(p, (count + 1) * sizeof(due->at[0]));
    for (i = 0; i < count; i++) {
        due->place[i] = OUT;
    }
    return due;
}

static int is_before(const staple_timers_t *due, apr_uint32_t a, apr_uint32_t b)
{
    return due->at[due->heap[a]] < due->at[due->heap[b]];
}

static void swap(staple_timers_t *due, apr_uint32_t a, apr_uint32_t b)
{
    apr_uint32_t number = due->heap[a];

    due->heap[a] = due->heap[b];
    due->heap[b] = number;
    due->place[due->heap[a]] = a;
    due->place[due->heap[b]] = b;
}

static void sift(staple_timers_t *due, apr_uint32_t i)
{
    while (i > 0 && is_before(due, i, (i - 1) / 2)) {
        swap(due, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
    for (;;) {
        apr_uint32_t first = i;
        apr_uint32_t child = 2 * i + 1;

        if (child < due->used && is_before(due, child, first)) {
            first = child;
        }
        if (child + 1 < due->used && is_before(due, child + 1, first)) {
            first = child + 1;
        }
        if (first == i) {
            return;
        }
        swap(due, i, first);
        i = first;
    }
}

void staple_timers_set(staple_timers_t *due, apr_uint32_t number, apr_time_t at)
{
    due->at[number] = at;
    if (due->place[number] == OUT) {
        due->heap[due->used] = number;
        due->place[number] = due->used++;
    }
    sift(due, due->place[number]);
}

void staple_timers_remove(staple_timers_t *due, apr_uint32_t number)
{
    apr_uint32_t i = due->place[number];

    if (i == OUT) {
        return;
    }
    due->used--;
    if (i != due->used) {
        swap(due, i, due->used);
        due->place[number] = OUT;
        sift(due, i);
    }
    due->place[number] = OUT;
}

apr_uint32_t staple_timers_first(const staple_timers_t *due, apr_time_t *at)
{
    if (due->used == 0) {
        *at = STAPLE_TIMERS_NEVER;
        return STAPLE_NONE;
    }
    *at = due->at[due->heap[0]];
    return due->heap[0];
}

apr_time_t staple_timers_at(const staple_timers_t *due, apr_uint32_t number)
{
    return due->place[number] != OUT ? due->at[number] : STAPLE_TIMERS_NEVER;
}

void staple_timers_shift(staple_timers_t *due, apr_interval_time_t by)
{
    apr_uint32_t i;

    for (i = 0; i < due->used; i++) {
        due->at[due->heap[i]] += by;
    }
}
