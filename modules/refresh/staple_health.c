/* Does it answer?  Failures in a row -> down, probed, back; pure. */
#include "staple_health.h"

#include <string.h>

#include "staple_schedule.h"

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
    unsigned wanted = health->named_by > 0
                              && health->named_by < STAPLE_HEALTH_SUSPECTS
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
