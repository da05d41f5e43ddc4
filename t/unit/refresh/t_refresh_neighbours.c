/* Many dead responders beside living ones: who waits, and for how long. */
#include "../sim.h"
#include "../tap.h"

#include <apr_strings.h>

#define DEAD 1000
#define LIVE 20

static const char *const live[] = {"http://live/", NULL};

/* The URLs of certificate `index` alone. */
static const char *const *urls_of(sim_t *sim, const char *first,
                                  const char *second)
{
    const char **urls = apr_pcalloc(sim->p, 3 * sizeof(*urls));

    urls[0] = first;
    urls[1] = second;
    return urls;
}

/* How a thousand responders may be dead. */
static const struct {
    const char *name;
    const char *before, *after; /* its number in the URL */
    sim_does_e does;
    apr_interval_time_t within; /* all healthy ones are to be stapled */
} ways[] = {
    {"one silent host and port", "http://dead/", "/", SIM_HANGS, SEC(3)},
    {"one that refuses", "http://dead/", "/", SIM_REFUSED, SEC(3)},
    {"hosts that refuse", "http://dead", "/", SIM_REFUSED, SEC(3)},
    {"names that do not resolve", "http://dead", "/", SIM_NO_NAME, SEC(3)},
    {"hosts that say 503", "http://dead", "/", SIM_HTTP_503, SEC(3)},
    {"hosts that are silent", "http://dead", "/", SIM_HANGS, SEC(30)},
};

/* A thousand certificates with dead responders, and some with a healthy one:
 * the first, or the last of the configuration, or anywhere. */
static sim_t *make_dead(const char *before, const char *after, sim_does_e does,
                        unsigned live_at)
{
    sim_t *sim = sim_make(DEAD + LIVE, live);
    unsigned dead = 0, i;

    sim_place(sim, "http://live/", SIM_GOOD);
    for (i = 0; i < DEAD + LIVE; i++) {
        const char *one;

        if (i >= live_at && i < live_at + LIVE) {
            continue;
        }
        one = apr_psprintf(sim->p, "%s%u%s", before, dead++, after);
        sim_place(sim, one, does);
        sim_set(sim, i, urls_of(sim, one, NULL), NULL);
    }
    return sim;
}

static apr_interval_time_t until_stapled(sim_t *sim, apr_interval_time_t most)
{
    apr_time_t began = sim->now;

    while (sim_stapled(sim) < LIVE && sim->now < began + most) {
        sim_run(sim, apr_time_from_msec(100));
    }
    return sim->now - began;
}

static void test_start(void)
{
    static const unsigned places[] = {0, DEAD / 2, DEAD};
    unsigned i, k;

    for (i = 0; i < COUNT(ways); i++) {
        for (k = 0; k < COUNT(places); k++) {
            sim_t *sim = make_dead(ways[i].before, ways[i].after,
                                   ways[i].does, places[k]);
            apr_interval_time_t took = until_stapled(sim, 60 * SEC(10));

            ok(took <= ways[i].within,
               "%s: %d healthy ones from number %u are stapled after %.1f s",
               ways[i].name, LIVE, places[k], (double)took / 1e6);
            ok(sim->most_in_flight <= 64, "%s: 64 places and no more",
               ways[i].name);
        }
    }
}

/* What was proven before a restart is so after it. */
static void test_proven(void)
{
    sim_t *sim = make_dead("http://dead", "/", SIM_HANGS, DEAD);
    apr_interval_time_t took;
    apr_uint32_t i;

    sim->policy.interval = MINUTE;
    until_stapled(sim, MINUTE);
    is_int(sim_stapled(sim), LIVE, "proven: before a restart");
    /* Others with the same responder. */
    for (i = DEAD - LIVE; i < DEAD; i++) {
        sim_set(sim, i, live, NULL);
    }
    sim_take_over(sim);
    sim_run(sim, SEC(1));
    took = sim_stapled(sim);
    is_int(took, 2 * LIVE, "proven: after it all in the first second");
    ok(sim->cut_short > 0, "proven: while the dead are in their first round");
}

/* It takes a while until all are found out; then little is asked. */
static void test_found_out(void)
{
    sim_t *sim = make_dead("http://dead", "/", SIM_HANGS, DEAD);
    unsigned asked;

    sim->policy.interval = 7 * DAY;
    sim_run(sim, HOUR);
    is_int(sim->went_down, DEAD, "silent hosts: each is found down");
    ok(sim->jobs_failed >= DEAD, "silent hosts: each job has failed");
    ok(sim->most_in_flight <= 64, "silent hosts: 64 places");
    asked = sim->asked_count;
    sim_run(sim, HOUR);
    ok(sim->asked_count - asked <= DEAD * 13,
       "silent hosts: then they are probed (%u in an hour)",
       sim->asked_count - asked);
}

/* While all places of the unproven are taken by what hangs, another responder
 * is met. */
static void test_newcomer(void)
{
    sim_t *sim = make_dead("http://dead", "/", SIM_HANGS, DEAD);
    sim_place_t *place = &sim->places[0];
    apr_interval_time_t took;

    place->does = SIM_HANGS;
    sim_run(sim, 5 * MINUTE);
    sim_take_over(sim);
    sim_run(sim, SEC(30));
    place->does = SIM_GOOD;
    took = until_stapled(sim, HOUR);
    ok(took <= 6 * MINUTE, "it comes to life among dead ones: after %.0f s",
       (double)took / 1e6);
}

/* A second URL does not wait for the first one's end. */
static void test_failover(void)
{
    sim_t *sim = sim_make(DEAD, live);
    apr_interval_time_t took;
    unsigned i;

    sim_place(sim, "http://live/", SIM_GOOD);
    for (i = 0; i < DEAD; i++) {
        const char *one = apr_psprintf(sim->p, "http://dead%u/", i);

        sim_place(sim, one, SIM_HANGS);
        sim_set(sim, i, urls_of(sim, one, "http://live/"), NULL);
    }
    while (sim_stapled(sim) < DEAD && sim->now < apr_time_from_sec(MAKE_NOW)
                                                     + HOUR) {
        sim_run(sim, SEC(1));
    }
    took = sim->now - apr_time_from_sec(MAKE_NOW);
    ok(took <= SEC(40), "all first URLs silent: all by the second in %.0f s",
       (double)took / 1e6);
    is_int(sim->jobs_failed, 0, "and nothing has failed");
}

/* Slow responders that answer well, as many as there are. */
static void test_slow(void)
{
    sim_t *sim = make_dead("http://slow", "/", SIM_GOOD, DEAD);
    apr_interval_time_t took;
    unsigned i;

    for (i = 1; i < sim->place_count; i++) {
        sim->places[i].latency = SEC(4);
    }
    took = 0;
    for (i = DEAD; i < DEAD + LIVE; i++) {
        while (!sim_is_stapled(sim, i) && took < HOUR) {
            sim_run(sim, apr_time_from_msec(100));
            took += apr_time_from_msec(100);
        }
    }
    ok(took <= SEC(30), "1000 that take 4 s each: the others after %.1f s",
       (double)took / 1e6);
    sim_run(sim, 10 * MINUTE);
    is_int(sim_stapled(sim), DEAD + LIVE, "and in the end all of them");
    is_int(sim->jobs_failed, 0, "none of which has failed");
}

/* Those that were quick, and then are silent all at once. */
static void test_gone_silent(void)
{
    sim_t *sim = make_dead("http://dead", "/", SIM_GOOD, DEAD);
    apr_interval_time_t took = 0;
    apr_time_t began;
    unsigned i;

    for (i = 0; i < sim->place_count; i++) {
        sim->places[i].life = HOUR;
    }
    sim_run(sim, 20 * MINUTE);
    is_int(sim_stapled(sim), DEAD + LIVE, "silent later: all were proven");
    for (i = 1; i < sim->place_count; i++) {
        sim->places[i].does = SIM_HANGS;
    }
    began = sim->now;
    sim_run(sim, 12 * HOUR);
    is_int(sim_stapled(sim), LIVE, "silent later: they have lost theirs");
    for (i = 0; i < sim->asked_count; i++) {
        if (sim->asked[i].at >= began && sim->asked[i].index >= DEAD) {
            took++;
        }
    }
    ok(took >= 20 * LIVE, "silent later: the others are asked for as before");
}

/* Two URLs at one server, of which one hangs. */
static void test_one_bad_url(void)
{
    static const char *const good[] = {"http://ca/good", NULL};
    static const char *const bad[] = {"http://ca/bad", NULL};
    sim_t *sim = sim_make(200, good);
    sim_place_t *place = sim_place(sim, "http://ca/bad", SIM_HANGS);
    unsigned i, unstapled = 0;

    sim_place(sim, "http://ca/good", SIM_GOOD);
    for (i = 100; i < 200; i++) {
        sim_set(sim, i, bad, NULL);
    }
    sim_run(sim, MINUTE);
    is_int(sim_stapled(sim), 100, "one URL hangs: the other one's are stapled");
    ok(sim->went_down == 1 && strcmp(sim->down, bad[0]) == 0,
       "one URL hangs: it alone is down (%s)", sim->down);
    for (i = 0; i < 48; i++) {
        sim_run(sim, HOUR);
        unstapled += 100 - sim_stapled(sim);
    }
    is_int(unstapled, 0, "one URL hangs: the others stay stapled for days");
    place->does = SIM_GOOD;
    sim_run(sim, 6 * MINUTE);
    is_int(sim_stapled(sim), 200, "one URL hangs: until it does not");
}

/* Each responder's row on the board, after so many requests. */
static const struct {
    const char *name, *url;
    sim_does_e does[2]; /* in this minute, and in the next ones */
    staple_scoreboard_health_e health;
    int is_healthy;
} shown_rows[] = {
    {"answers", "http://r0/", {SIM_GOOD, SIM_GOOD},
     STAPLE_SCOREBOARD_ANSWERS, 1},
    {"answered, and says 404", "http://r1/", {SIM_GOOD, SIM_HTTP_404},
     STAPLE_SCOREBOARD_FAILING, 1},
    {"says 404 to everybody", "http://r2/", {SIM_HTTP_404, SIM_HTTP_404},
     STAPLE_SCOREBOARD_FAILING, 0},
    {"is silent", "http://r3/", {SIM_HANGS, SIM_HANGS},
     STAPLE_SCOREBOARD_DOWN, 0},
    {"says 503", "http://r4/", {SIM_HTTP_503, SIM_HTTP_503},
     STAPLE_SCOREBOARD_DOWN, 0},
    {"does not know anybody", "http://r5/", {SIM_UNKNOWN, SIM_UNKNOWN},
     STAPLE_SCOREBOARD_ANSWERS, 1},
};

static void test_shown(void)
{
    sim_t *sim = sim_make(4 * COUNT(shown_rows), live);
    staple_scoreboard_t board;
    unsigned i, k, round;

    sim->policy.interval = MINUTE;
    for (i = 0; i < COUNT(shown_rows); i++) {
        sim_place(sim, shown_rows[i].url, shown_rows[i].does[0]);
        for (k = 0; k < 4; k++) {
            sim_set(sim, 4 * i + k, urls_of(sim, shown_rows[i].url, NULL),
                    NULL);
        }
    }
    for (round = 0; round < 2; round++) {
        sim_run(sim, 3 * MINUTE);
        for (i = 0; i < COUNT(shown_rows); i++) {
            sim->places[i].does = shown_rows[i].does[1];
        }
    }
    memset(&board, 0, sizeof(board));
    staple_refresh_show(&board, sim->refresh);
    is_int(board.responder_count, COUNT(shown_rows), "shown: each");
    for (i = 0; i < COUNT(shown_rows); i++) {
        for (k = 0; strcmp(board.responders[k].url, shown_rows[i].url) != 0;
             k++) {
        }
        is_int(board.responders[k].health, shown_rows[i].health,
               "shown: one that %s", shown_rows[i].name);
        is_int(board.responders[k].is_healthy, shown_rows[i].is_healthy,
               "shown: one that %s: healthy?", shown_rows[i].name);
        is_int(board.responders[k].failing_since != 0,
               shown_rows[i].health == STAPLE_SCOREBOARD_DOWN
                   || shown_rows[i].health == STAPLE_SCOREBOARD_FAILING,
               "shown: one that %s: since when not?", shown_rows[i].name);
    }
    ok(board.responders[0].health == STAPLE_SCOREBOARD_DOWN,
       "shown: down first");
}

int main(void)
{
    sim_begin();
    test_start();
    test_proven();
    test_found_out();
    test_newcomer();
    test_failover();
    test_slow();
    test_gone_silent();
    test_one_bad_url();
    test_shown();
    sim_end();
    return tap_done();
}
