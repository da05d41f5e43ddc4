/* The refresher in trouble: tries, back-off, dead responders, clock steps. */
#include "../sim.h"
#include "../tap.h"

static const char *const one[] = {"http://a1/", NULL};
static const char *const live[] = {"http://live/", NULL};
static const char *const dead[] = {"http://dead/", NULL};
static const char *const both[] = {"http://dead/", "http://live/", NULL};

/* ---- tries ---- */

static void test_max_tries(void)
{
    sim_t *sim = sim_make(1, one);
    sim_place_t *place = sim_place(sim, "http://a1", SIM_HTTP_404);
    unsigned i;

    sim->policy.max_tries = 3;
    sim->policy.retry_interval = SEC(2);
    sim->policy.method = STAPLE_METHOD_POST;
    sim->policy.interval = HOUR;
    sim_run(sim, MINUTE);
    is_int(sim->jobs_failed, 3, "MaxTries 3, RetryInterval 2: three jobs");
    for (i = 1; i < 3; i++) {
        ok(sim_gap(sim, i) >= SEC(2) && sim_gap(sim, i) <= SEC(2) + SEC(2) / 5,
           "job %u: 2 s after the one before, and 10 %% at most", i + 1);
    }
    sim_run(sim, HOUR * 9 / 10 - MINUTE);
    is_int(sim->jobs_failed, 3, "then none until the interval");
    sim_run(sim, HOUR / 10 + SEC(10));
    is_int(sim->jobs_failed, 4, "then one at the interval");
    place->does = SIM_GOOD;
    sim_run(sim, HOUR);
    ok(sim_is_stapled(sim, 0), "until one succeeds");
    place->does = SIM_HTTP_404;
    sim_run(sim, 4 * HOUR);
    ok(sim->jobs_failed >= 7, "then there are three tries again");
}

static const struct {
    const char *name;
    apr_interval_time_t held_for; /* 0: nothing is held */
    unsigned failures;
    apr_interval_time_t least, most;
} auto_rows[] = {
    {"auto: 5 s after the first", 0, 1, SEC(5), SEC(6)},
    {"auto: doubled after the second", 0, 2, SEC(10), SEC(11)},
    {"auto: doubled again", 0, 3, SEC(20), SEC(22)},
    {"auto: ten minutes at most while nothing is held", 0, 9, SEC(600),
     SEC(660)},
    {"auto: an hour at most while something is", 20 * DAY, 12, HOUR,
     HOUR + HOUR / 10},
};

static void test_auto(void)
{
    unsigned i;

    for (i = 0; i < COUNT(auto_rows); i++) {
        sim_t *sim = sim_make(1, one);
        sim_place_t *place = sim_place(sim, "http://a1", SIM_HTTP_404);
        unsigned first = 0;

        sim->policy.max_tries = 10000;
        sim->policy.method = STAPLE_METHOD_POST;
        if (auto_rows[i].held_for > 0) {
            place->does = SIM_GOOD;
            place->life = auto_rows[i].held_for;
            sim_run(sim, SEC(1));
            place->does = SIM_HTTP_404;
            first = 1;
        }
        sim_run(sim, 3 * DAY);
        ok(sim_gap(sim, first + auto_rows[i].failures) >= auto_rows[i].least
               && sim_gap(sim, first + auto_rows[i].failures)
                      <= auto_rows[i].most + SEC(1),
           "%s", auto_rows[i].name);
    }
}

/* The nearer the end of what is held, the more often. */
static void test_near_end(void)
{
    sim_t *sim = sim_make(1, one);
    sim_place_t *place = sim_place(sim, "http://a1", SIM_GOOD);
    unsigned before;

    place->life = 4 * HOUR;
    sim->policy.max_tries = 10000;
    sim_run(sim, SEC(1));
    place->does = SIM_HTTP_404;
    sim_run(sim, 4 * HOUR - 10 * MINUTE);
    before = sim->jobs_failed;
    sim_run(sim, 9 * MINUTE);
    ok(sim->jobs_failed - before >= 5,
       "auto: shorter when what is held is about to end (%u in 9 minutes)",
       sim->jobs_failed - before);
    ok(sim_is_stapled(sim, 0), "still held");
}

static void test_retry_after(void)
{
    static const struct {
        apr_interval_time_t asked, least, most;
    } rows[] = {
        {SEC(120), SEC(120), SEC(121)},
        {SEC(1), SEC(5), SEC(6)},
        {SEC(999999), HOUR, HOUR + SEC(1)},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        sim_t *sim = sim_make(1, one);
        sim_place_t *place = sim_place(sim, "http://a1", SIM_HTTP_503);

        place->retry_after = rows[i].asked;
        sim->policy.method = STAPLE_METHOD_POST;
        sim_run(sim, 2 * HOUR);
        ok(sim_gap(sim, 1) >= rows[i].least
               && sim_gap(sim, 1) <= rows[i].most + apr_time_from_msec(200),
           "Retry-After %d: honoured within bounds",
           (int)apr_time_sec(rows[i].asked));
    }
}

static void test_retry_after_of_many(void)
{
    sim_t *sim = sim_make(50, one);
    sim_place_t *place = sim_place(sim, "http://a1", SIM_HTTP_503);
    unsigned asked;

    place->retry_after = SEC(600);
    sim_run(sim, SEC(20));
    asked = place->asked;
    sim_run(sim, SEC(570));
    is_int(place->asked, asked,
           "Retry-After 600 of many: nobody asks, nobody probes before");
    place->does = SIM_GOOD;
    sim_run(sim, SEC(120));
    is_int(sim_stapled(sim), 50, "Retry-After 600 of many: then all");
}

/* ---- what is held ---- */

static void test_kept(void)
{
    static const sim_does_e does[] = {
        SIM_REFUSED, SIM_HANGS, SIM_HTTP_404, SIM_HTTP_503, SIM_WRONG_TYPE,
        SIM_EMPTY, SIM_JUNK, SIM_TRY_LATER, SIM_BAD_SIGNATURE, SIM_EXPIRED,
        SIM_UNKNOWN, SIM_OLD, SIM_OTHER_SIGNER, SIM_UNAUTHORIZED};
    sim_t *sim = sim_make(1, one);
    sim_place_t *place = sim_place(sim, "http://a1", SIM_GOOD);
    unsigned i, unstapled = 0;

    sim->policy.interval = MINUTE;
    sim->policy.retry_interval = SEC(20);
    sim->policy.max_tries = 10000;
    place->life = DAY;
    sim_run(sim, SEC(1));
    sim_run(sim, 3 * HOUR); /* so that old ones are older than that */
    for (i = 0; i < 2 * COUNT(does); i++) {
        place->does = does[i % COUNT(does)];
        sim_run(sim, MINUTE);
        unstapled += !sim_is_stapled(sim, 0);
    }
    ok(sim->jobs_failed >= 2 * COUNT(does),
       "%u failed jobs of %u kinds", sim->jobs_failed, (unsigned)COUNT(does));
    is_int(unstapled, 0, "the good response is kept through all of them");
    place->does = SIM_REFUSED;
    sim_run(sim, DAY - HOUR);
    ok(sim_is_stapled(sim, 0), "until its nextUpdate");
    sim_run(sim, HOUR);
    ok(!sim_is_stapled(sim, 0), "and no longer");
}

/* ---- dead responders ---- */

static void test_dead_and_live(void)
{
    sim_t *sim = sim_make(1000, dead);
    sim_place_t *place = sim_place(sim, "http://dead", SIM_HANGS);
    apr_uint32_t i;
    unsigned asked;

    sim_place(sim, "http://live", SIM_GOOD);
    for (i = 0; i < 1000; i += 2) {
        sim_set(sim, i, live, NULL);
    }
    sim_run(sim, SEC(2));
    is_int(sim_stapled(sim), 500,
           "500 on a dead responder: the 500 on a live one in 2 s");
    ok(sim->most_in_flight <= 64, "never more in flight than allowed (%u)",
       sim->most_in_flight);
    sim_run(sim, 28 * SEC(1));
    is_int(sim->went_down, 1, "the dead one is found out once");
    is_int(place->most_in_flight, STAPLE_RESPONDER_WINDOW_FIRST,
           "no more than its first window waited for its time-out");
    sim_run(sim, 10 * MINUTE);
    asked = place->asked;
    ok(asked <= 13, "probed by one, with back-off: %u requests in 10 minutes",
       asked);
    place->does = SIM_GOOD;
    sim_run(sim, 6 * MINUTE);
    is_int(sim_stapled(sim), 1000, "it returns for all");
    is_int(sim->came_up, 1, "that is told once");
    ok(place->asked - asked <= 500 + 4, "each was asked about once (%u)",
       place->asked - asked);
}

/* Everybody's tries are used up long before it returns. */
static void test_returns_after_tries(void)
{
    sim_t *sim = sim_make(200, dead);
    sim_place_t *place = sim_place(sim, "http://dead", SIM_HANGS);

    sim->policy.max_tries = 1;
    sim_run(sim, HOUR);
    ok(place->asked <= 30, "tries used up: %u requests in an hour",
       place->asked);
    place->does = SIM_GOOD;
    sim_run(sim, 6 * MINUTE);
    is_int(sim_stapled(sim), 200, "tries used up: a probe finds it back");
}

static void test_health_is_kept(void)
{
    sim_t *sim = sim_make(300, dead);
    sim_place_t *place = sim_place(sim, "http://dead", SIM_HANGS);
    sim_place_t *other = sim_place(sim, "http://live", SIM_GOOD);
    unsigned asked;
    apr_uint32_t i;

    sim->policy.max_tries = 1; /* it is long until each one's next turn */
    for (i = 0; i < 100; i++) {
        sim_set(sim, i, both, NULL);
    }
    sim_run(sim, MINUTE);
    is_int(sim->went_down, 1, "restart: one was found down before");
    is_int(sim_stapled(sim), 100, "restart: a third had another one");
    asked = place->asked;
    place->most_in_flight = 0;
    sim_take_over(sim);
    sim_run(sim, 10 * MINUTE);
    is_int(sim->went_down, 1, "restart: which is not told again");
    ok(place->asked > asked && place->most_in_flight == 1,
       "restart: it is probed by one at a time (%u in 10 minutes)",
       place->asked - asked);
    ok(other->asked <= 100, "restart: who has a response asks nobody (%u)",
       other->asked);
    sim_take_over(sim);
    place->does = SIM_GOOD;
    sim_run(sim, 6 * MINUTE);
    is_int(sim->came_up, 1, "restart: its return is told");
    is_int(sim_stapled(sim), 300, "restart: it returns for all");
    sim_take_over(sim);
    sim_run(sim, 6 * MINUTE);
    is_int(sim->came_up, 1, "restart: once");
}

/* Who has another responder does not hurry back to the first one. */
static void test_other_answers(void)
{
    sim_t *sim = sim_make(100, both);
    sim_place_t *place = sim_place(sim, "http://dead", SIM_HANGS);
    sim_place_t *other = sim_place(sim, "http://live", SIM_GOOD);

    other->life = 20 * DAY;
    sim_run(sim, MINUTE);
    is_int(sim_stapled(sim), 100, "the second URL answers for all");
    place->does = SIM_GOOD;
    sim_run(sim, 12 * HOUR);
    ok(place->asked <= 16 && other->asked <= 100,
       "nobody is asked again before it is due (%u, %u)", place->asked,
       other->asked);
}

static void test_one_bad_certificate(void)
{
    sim_t *sim = sim_make(10, live);
    sim_place_t *place = sim_place(sim, "http://live", SIM_GOOD);

    sim_place(sim, "http://dead", SIM_HTTP_404);
    sim_set(sim, 3, dead, NULL);
    sim_run(sim, HOUR);
    is_int(sim->went_down, 0, "one certificate's trouble is nobody else's");
    is_int(sim_stapled(sim), 9, "the others are stapled");
    is_int(place->asked, 9, "and asked about once");
}

static void test_many_responders(void)
{
    static const char *const urls[10][2] = {
        {"http://r0/", NULL}, {"http://r1/", NULL}, {"http://r2/", NULL},
        {"http://r3/", NULL}, {"http://r4/", NULL}, {"http://r5/", NULL},
        {"http://r6/", NULL}, {"http://r7/", NULL}, {"http://r8/", NULL},
        {"http://r9/", NULL}};
    sim_t *sim = sim_make(1000, live);
    apr_uint32_t i;
    unsigned most = 0;

    for (i = 0; i < 10; i++) {
        sim_place(sim, urls[i][0], SIM_GOOD);
    }
    for (i = 0; i < 1000; i++) {
        sim_set(sim, i, urls[i % 10], NULL);
    }
    sim->concurrency = 20;
    sim_run(sim, SEC(10));
    is_int(sim->most_in_flight, 20, "Concurrency 20: is used, and kept");
    is_int(sim_stapled(sim), 1000, "Concurrency 20: all are stapled");
    sim = sim_make(1000, live);
    sim_place(sim, "http://live", SIM_GOOD)->latency = SEC(2);
    sim->concurrency = 1000;
    sim_run(sim, HOUR);
    most = sim->places[0].most_in_flight;
    is_int(most, STAPLE_RESPONDER_WINDOW_LAST,
           "Concurrency 1000: at one responder no more than is polite");
}

/* ---- clocks ---- */

static const struct {
    const char *name;
    apr_interval_time_t step;
} clock_rows[] = {
    {"an hour forward", HOUR},
    {"an hour back", -HOUR},
    {"a day back", -DAY},
    {"a second back", -SEC(1)},
};

static void test_clock(void)
{
    unsigned i, asked;
    apr_uint32_t k, silent;

    for (i = 0; i < COUNT(clock_rows); i++) {
        const char *name = clock_rows[i].name;
        sim_t *sim = sim_make(100, live);
        sim_place_t *place = sim_place(sim, "http://live", SIM_GOOD);

        /* Responses that are right before and after the step. */
        place->life = 10 * DAY;
        sim->policy.interval = 2 * HOUR;
        sim->policy.clock_skew = HOUR;
        sim_run(sim, 10 * HOUR);
        sim->skew += clock_rows[i].step;
        asked = sim->asked_count;
        sim_run(sim, MINUTE);
        ok(sim->asked_count - asked <= 100, "%s: no storm (%u)", name,
           sim->asked_count - asked);
        ok(sim->most_in_flight <= 64, "%s: no more at once than allowed", name);
        is_int(sim_stapled(sim), 100, "%s: all stay stapled", name);
        sim_run(sim, 2 * HOUR);
        for (k = 0, silent = 0; k < 100; k++) {
            silent += sim_count(sim, k, asked) == 0;
        }
        is_int(silent, 0, "%s: no stop: each is asked within the interval",
               name);
    }
}

/* Ours is wrong by an hour for two hours, then right again. */
static void test_clock_there_and_back(void)
{
    static const apr_interval_time_t steps[] = {HOUR, -HOUR};
    unsigned i, asked, failed;

    for (i = 0; i < COUNT(steps); i++) {
        sim_t *sim = sim_make(100, live);
        sim_place_t *place = sim_place(sim, "http://live", SIM_GOOD);

        place->life = 12 * HOUR;
        sim->policy.interval = HOUR;
        sim_run(sim, 10 * HOUR);
        sim->skew = steps[i];
        asked = sim->asked_count;
        sim_run(sim, 2 * HOUR);
        ok(sim->asked_count - asked <= 100 * 50,
           "wrong by an hour (%u): no storm (%u)", i, sim->asked_count - asked);
        is_int(sim_stapled(sim), 100, "wrong by an hour (%u): stapled", i);
        sim->skew = 0;
        sim_run(sim, 2 * HOUR);
        failed = sim->jobs_failed;
        asked = sim->asked_count;
        sim_run(sim, 2 * HOUR);
        is_int(sim->jobs_failed, failed, "right again (%u): nothing fails", i);
        ok(sim->asked_count - asked >= 100 && sim->asked_count - asked <= 300,
           "right again (%u): asked as before (%u)", i,
           sim->asked_count - asked);
    }
}

int main(void)
{
    sim_begin();
    test_max_tries();
    test_auto();
    test_near_end();
    test_retry_after();
    test_retry_after_of_many();
    test_kept();
    test_dead_and_live();
    test_returns_after_tries();
    test_health_is_kept();
    test_other_answers();
    test_one_bad_certificate();
    test_many_responders();
    test_clock();
    test_clock_there_and_back();
    sim_end();
    return tap_done();
}
