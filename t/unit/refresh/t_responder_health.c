/* Failures in a row: down, probed, back; by how many certificates. */
#include "../tap.h"

#include "refresh/staple_responder.h"
#include "refresh/staple_schedule.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOW         apr_time_from_sec(1700000000)

static apr_time_t at(apr_int64_t seconds)
{
    return NOW + apr_time_from_sec(seconds);
}

/* Somebody that many certificates name, and that has answered. */
static staple_health_t make(void)
{
    staple_health_t health;

    staple_health_begin(&health);
    staple_health_came_well(&health);
    return health;
}

static staple_health_change_e fail(staple_health_t *health, apr_uint32_t index,
                                   apr_time_t now)
{
    return staple_health_failed(health, index, 1, now);
}

static staple_health_t make_down(void)
{
    staple_health_t health = make();
    apr_uint32_t i;

    for (i = 0; i < STAPLE_HEALTH_SUSPECTS; i++) {
        fail(&health, i, NOW);
    }
    return health;
}

/* ---- going down ---- */

static void test_going_down(void)
{
    staple_health_t health = make();
    unsigned i;

    for (i = 0; i < 50; i++) {
        fail(&health, 7, NOW);
    }
    is_int(health.is_down, 0, "one certificate that fails 50 times: not down");
    is_int(fail(&health, 8, NOW), STAPLE_HEALTH_SAME, "a second one: not down");
    is_int(fail(&health, 9, NOW), STAPLE_HEALTH_WENT_DOWN, "a third one: down");
    is_int(health.is_down, 1, "down");
    is_int(health.probe_at, NOW + STAPLE_HEALTH_PROBE_FIRST, "first probe");

    health = make();
    fail(&health, 1, NOW);
    fail(&health, 2, NOW);
    staple_health_came_well(&health);
    fail(&health, 4, NOW);
    is_int(fail(&health, 5, NOW), STAPLE_HEALTH_SAME,
           "an answer between: counting begins again");
    is_int(fail(&health, 4, NOW), STAPLE_HEALTH_SAME,
           "one of them again: still two");
    is_int(fail(&health, 6, NOW), STAPLE_HEALTH_WENT_DOWN, "a third: down");
}

/* Certificates that name it, whether it ever answered, those that fail one
 * after the other, and the failure at which it goes down (0: never). */
static const struct {
    const char *name;
    unsigned named_by;
    int has_answered;
    const char *who;
    unsigned down_at;
} count_rows[] = {
    {"one certificate names it", 1, 1, "aaaaa", 3},
    {"two name it, one fails", 2, 1, "aaaaaaaaaa", 0},
    {"two name it, both fail", 2, 1, "aaab", 4},
    {"three name it, two fail", 3, 1, "ababababab", 0},
    {"three name it, all fail", 3, 1, "abc", 3},
    {"many name it, two fail", 1000, 1, "ababababab", 0},
    {"it never answered, one certificate names it", 1, 0, "aaa", 3},
    {"it never answered, many name it, one fails", 1000, 0, "aaa", 3},
    {"it never answered, many name it, two fail", 1000, 0, "aba", 3},
};

static void test_counts(void)
{
    unsigned i, k;

    for (i = 0; i < COUNT(count_rows); i++) {
        staple_health_t health;
        unsigned down_at = 0;

        staple_health_begin(&health);
        health.named_by = count_rows[i].named_by;
        health.has_answered = count_rows[i].has_answered;
        for (k = 0; count_rows[i].who[k] != '\0'; k++) {
            if (fail(&health, (apr_uint32_t)count_rows[i].who[k], NOW)
                == STAPLE_HEALTH_WENT_DOWN) {
                down_at = k + 1;
            }
        }
        is_int(down_at, count_rows[i].down_at, "%s: down after",
               count_rows[i].name);
    }
}

static void test_not_to_blame(void)
{
    staple_health_t health = make();
    unsigned i;

    for (i = 0; i < 10; i++) {
        staple_health_failed(&health, i, 0, NOW);
    }
    is_int(health.is_down, 0, "not to blame: not down");
    is_int(fail(&health, 10, NOW), STAPLE_HEALTH_WENT_DOWN,
           "to blame after all: with what was counted");
}

/* ---- being down ---- */

static void test_probing(void)
{
    static const apr_int64_t intervals[] = {5, 10, 20, 40, 80, 160, 300, 300};
    staple_health_t health = make_down();
    apr_time_t now = NOW;
    unsigned i;

    for (i = 0; i < COUNT(intervals); i++) {
        apr_time_t probe = now + apr_time_from_sec(intervals[i]);

        ok(!staple_health_may_ask(&health, probe - 1),
           "probe %u: not before %d s", i, (int)intervals[i]);
        ok(staple_health_may_ask(&health, probe), "probe %u: then", i);
        health.in_flight++;
        ok(!staple_health_may_ask(&health, probe + 1),
           "probe %u: one certificate at a time", i);
        now = probe + 1000;
        health.in_flight--;
        is_int(fail(&health, i % 2, now), STAPLE_HEALTH_SAME,
               "probe %u: still down", i);
    }
}

static void test_coming_up(void)
{
    staple_health_t health = make_down();

    is_int(fail(&health, 5, at(5)), STAPLE_HEALTH_SAME, "a failed probe");
    is_int(staple_health_came_well(&health), STAPLE_HEALTH_CAME_UP,
           "an answer: up");
    is_int(health.is_down, 0, "up");
    ok(staple_health_may_ask(&health, at(15)), "up: asked at once");
    fail(&health, 1, at(15));
    is_int(fail(&health, 2, at(15)), STAPLE_HEALTH_SAME,
           "up: suspects were forgotten");
    fail(&health, 3, at(15));
    is_int(health.probe_at, at(20), "down again: the first interval again");
}

/* Exchanges that were in flight when it went down end one by one. */
static void test_late_failures(void)
{
    staple_health_t health = make_down();
    unsigned i;

    health.in_flight = 1;
    ok(!staple_health_may_ask(&health, at(600)),
       "no probe beside what is still in flight");
    health.in_flight = 0;
    for (i = 0; i < 40; i++) {
        fail(&health, i, NOW + (apr_time_t)i * 1000);
    }
    is_int(health.probe_at, NOW + STAPLE_HEALTH_PROBE_FIRST,
           "40 in flight that fail with it are no failed probes");
}

static void test_prober(void)
{
    staple_health_t health = make_down();

    is_int(staple_health_prober(&health, at(5)), STAPLE_NONE,
           "prober: nobody passed it over");
    health.prober = 17;
    is_int(staple_health_prober(&health, at(4)), STAPLE_NONE,
           "prober: it is not time");
    is_int(staple_health_prober(&health, at(5)), 17, "prober: then");
    is_int(staple_health_prober(&health, at(5)), STAPLE_NONE,
           "prober: once");
}

static void test_leave_alone(void)
{
    staple_health_t health = make_down();

    staple_health_leave_alone(&health, apr_time_from_sec(60), NOW);
    is_int(health.probe_at, at(60), "Retry-After: no probe before");
    staple_health_leave_alone(&health, apr_time_from_sec(1), NOW);
    is_int(health.probe_at, at(60), "Retry-After: no sooner for a less");
    staple_health_leave_alone(&health, apr_time_from_sec(1000000), NOW);
    is_int(health.probe_at, NOW + STAPLE_SCHEDULE_RETRY_AFTER,
           "Retry-After: within bounds");
}

/* What a refresher is told that takes over from another one. */
static void test_was_down(void)
{
    staple_health_t health = make();

    staple_health_was_down(&health, 3, at(20), NOW);
    ok(!staple_health_may_ask(&health, at(19)), "was down: nobody asks");
    ok(staple_health_may_ask(&health, at(20)),
       "was down: until it is to be probed");
    is_int(fail(&health, 0, at(20)), STAPLE_HEALTH_SAME,
           "was down: still is, which is no news");
    ok(health.probe_at > at(20) + 8 * STAPLE_HEALTH_PROBE_FIRST,
       "was down: its back-off goes on");
    is_int(staple_health_came_well(&health), STAPLE_HEALTH_CAME_UP,
           "was down: its return is news");
    staple_health_was_down(&health, 4000000000U, at(20), NOW);
    fail(&health, 0, at(30));
    is_int(health.probe_at, at(30) + STAPLE_HEALTH_PROBE_LAST,
           "was down: however many probes it claims");
    staple_health_was_down(&health, 3, at(20) + STAPLE_SCHEDULE_RETRY_AFTER,
                           at(-1000));
    is_int(health.probe_at, at(-1000) + STAPLE_SCHEDULE_RETRY_AFTER,
           "was down: the clock was set back");
}

int main(void)
{
    test_going_down();
    test_counts();
    test_not_to_blame();
    test_probing();
    test_coming_up();
    test_late_failures();
    test_prober();
    test_leave_alone();
    test_was_down();
    return tap_done();
}
