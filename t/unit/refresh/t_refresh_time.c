/* The refresher against replays and time: order, ends, tries, starts, haste. */
#include "../sim.h"
#include "../tap.h"

#define GOOD V_OCSP_CERTSTATUS_GOOD
#define UNKNOWN V_OCSP_CERTSTATUS_UNKNOWN
#define REVOKED V_OCSP_CERTSTATUS_REVOKED

static const char *const one[] = {"http://a1/", NULL};

/* One certificate, asked by one exchange a job. */
static sim_t *begin(sim_place_t **place, sim_does_e does)
{
    sim_t *sim = sim_make(1, one);

    sim->policy.method = STAPLE_METHOD_POST;
    *place = sim_place(sim, "http://a1", does);
    return sim;
}

static staple_state_e state(const sim_t *sim)
{
    return (staple_state_e)sim_record(sim, 0).state;
}

static apr_uint64_t stamp_of(const sim_t *sim)
{
    staple_stamp_t stamp;

    staple_cache_stamp(&stamp, sim->cache, &sim->certs[0].key);
    return stamp.staple;
}

/* The longest time between two exchanges from number `from` on. */
static apr_interval_time_t longest_gap(const sim_t *sim, unsigned from)
{
    apr_interval_time_t longest = 0;

    for (; from < sim->asked_count; from++) {
        if (sim_gap(sim, from) > longest) {
            longest = sim_gap(sim, from);
        }
    }
    return longest;
}

/* Runs in steps; for how many of them was the certificate not stapled? */
static unsigned unstapled(sim_t *sim, apr_interval_time_t time,
                          apr_interval_time_t step)
{
    unsigned count = 0;

    for (; time > 0; time -= step) {
        sim_run(sim, step);
        count += !sim_is_stapled(sim, 0);
    }
    return count;
}

/* ---- replays ---- */

static void test_good_replayed(void)
{
    sim_place_t *place;
    sim_t *sim = begin(&place, SIM_FIXED);

    sim->policy.interval = HOUR;
    place->fixed = sim_say(sim, REVOKED, HOUR, MINUTE, 7 * DAY);
    sim_run(sim, MINUTE);
    is_int(state(sim), STAPLE_STATE_REVOKED, "replay: revoked");
    place->fixed = sim_say(sim, GOOD, HOUR + MINUTE, 2 * MINUTE, 30 * DAY);
    sim_run(sim, 2 * HOUR);
    is_int(state(sim), STAPLE_STATE_REVOKED,
           "replay: a good one of the same thisUpdate, produced before");
    is_reason((staple_reason_e)sim_record(sim, 0).reason, STAPLE_OLDER,
              "replay: is older");
    is_int(sim_record(sim, 0).held.status, STAPLE_CERT_REVOKED,
           "replay: revoked is what is stapled");
    is_int(sim->events[STAPLE_EVENT_GOOD], 0, "replay: nobody says good");
    sim_run(sim, 8 * DAY);
    is_int(state(sim), STAPLE_STATE_REVOKED, "replay: revoked has run out");
    ok(!sim_is_stapled(sim, 0), "replay: nor is the good one stapled then");
    sim_restart(sim);
    sim_run(sim, DAY);
    is_int(state(sim), STAPLE_STATE_REVOKED, "replay: after a restart, too");
    ok(!sim_is_stapled(sim, 0), "replay: the good one is older than that");
    place->does = SIM_GOOD;
    sim_run(sim, 2 * HOUR);
    is_int(state(sim), STAPLE_STATE_GOOD, "replay: a hold that ends does end");
}

static void test_unknown_replayed(void)
{
    sim_place_t *place;
    sim_t *sim = begin(&place, SIM_FIXED);

    sim->policy.interval = HOUR;
    place->fixed = sim_say(sim, GOOD, HOUR, HOUR, 7 * DAY);
    sim_run(sim, MINUTE);
    place->fixed = sim_say(sim, UNKNOWN, 2 * HOUR, 2 * HOUR, 7 * DAY);
    sim_run(sim, 3 * HOUR);
    ok(sim->jobs_failed > 0, "an older unknown: is no answer");
    ok(state(sim) == STAPLE_STATE_GOOD && !sim_record(sim, 0).said_unknown,
       "an older unknown: changes nothing");
    is_int(sim->events[STAPLE_EVENT_UNKNOWN], 0, "an older unknown: no event");
    place->fixed = sim_say(sim, UNKNOWN, 0, 0, 7 * DAY);
    sim_run(sim, 3 * HOUR);
    is_int(state(sim), STAPLE_STATE_UNKNOWN, "a newer unknown: does");
    ok(sim_is_stapled(sim, 0), "a newer unknown: what is held is stapled");
}

/* A responder that says the same again and again: it is well as long as that
 * lives, and asked ever less after that. */
static void test_repeated(void)
{
    sim_place_t *place;
    sim_t *sim = begin(&place, SIM_FIXED);
    apr_uint64_t published;
    unsigned asked;

    place->fixed = sim_response(sim, MINUTE, DAY);
    sim_run(sim, SEC(1));
    published = stamp_of(sim);
    is_int(unstapled(sim, DAY - SEC(11), SEC(1)), 0, "the same: stapled");
    ok(sim->asked_count > 8 && sim->refreshed == sim->asked_count,
       "the same: each of %u jobs succeeded", sim->asked_count);
    is_int(sim->jobs_failed, 0, "the same: none failed");
    ok(stamp_of(sim) == published, "the same: published once");
    sim_run(sim, SEC(30));
    ok(!sim_is_stapled(sim, 0), "the same: to its end");
    is_int(state(sim), STAPLE_STATE_UNAVAILABLE, "the same: then it failed");
    is_reason((staple_reason_e)sim_record(sim, 0).reason, STAPLE_EXPIRED,
              "the same: as it is out of date, also within the tolerance");
    asked = sim->asked_count;
    sim_run(sim, 4 * MINUTE);
    ok(sim->asked_count - asked <= 6, "the same: with back-off (%u)",
       sim->asked_count - asked);
}

/* ---- ends ---- */

static void test_short_successor(void)
{
    static const sim_does_e does[] = {SIM_TOO_SHORT, SIM_TOO_LATE};
    static const staple_reason_e reasons[] = {STAPLE_ENDS_SOON, STAPLE_EXPIRED};
    unsigned i;

    for (i = 0; i < COUNT(does); i++) {
        const char *name = staple_reason_name(reasons[i]);
        sim_place_t *place;
        sim_t *sim = begin(&place, SIM_GOOD);

        sim->policy.interval = HOUR;
        place->life = 7 * DAY;
        sim_run(sim, SEC(1));
        place->does = does[i];
        is_int(unstapled(sim, HOUR + 4 * MINUTE, SEC(1)), 0,
               "%s: the good one is stapled on", name);
        is_reason(sim->reasons[0], reasons[i], "%s: its reason", name);
        ok(sim->jobs_failed >= 4 && sim->jobs_failed <= 7,
           "%s: failed attempts, with back-off (%u)", name, sim->jobs_failed);
        is_int(sim->events[STAPLE_EVENT_REFRESH_FAILING], 1, "%s: told", name);
        is_int(state(sim), STAPLE_STATE_GOOD, "%s: still good", name);
        sim_run(sim, 7 * DAY - 2 * HOUR);
        ok(sim_is_stapled(sim, 0), "%s: to its nextUpdate", name);
    }
}

/* Nothing is held, and what comes has ended a second ago. */
static void test_too_late(void)
{
    sim_place_t *place;
    sim_t *sim = begin(&place, SIM_TOO_LATE);

    is_int(unstapled(sim, HOUR, MINUTE), 60, "too late: never stapled");
    ok(sim->asked_count <= 14, "too late: with back-off, %u in an hour",
       sim->asked_count);
    is_int(state(sim), STAPLE_STATE_UNAVAILABLE, "too late: unavailable");
    is_int(sim->refreshed, 0, "too late: never a success");
}

static void test_revoked_too_late(void)
{
    sim_place_t *place;
    sim_t *sim = begin(&place, SIM_GOOD);

    sim->policy.interval = HOUR;
    place->life = 7 * DAY;
    sim_run(sim, SEC(1));
    sim_run(sim, HOUR - 10 * MINUTE);
    place->does = SIM_FIXED;
    place->fixed = sim_say(sim, REVOKED, MINUTE, MINUTE, 7 * MINUTE);
    sim_run(sim, 11 * MINUTE);
    is_int(state(sim), STAPLE_STATE_REVOKED, "revoked, ended: is known");
    ok(!sim_is_stapled(sim, 0), "revoked, ended: the good one is not stapled");
    is_int(sim->events[STAPLE_EVENT_REVOKED], 1, "revoked, ended: told");
    ok(sim_record(sim, 0).failures > 0, "revoked, ended: a failed job");

    /* The same in a file, which ends no job. */
    sim = begin(&place, SIM_GOOD);
    sim->policy.no_network = 1;
    sim_run(sim, SEC(1));
    place->fixed = sim_response(sim, HOUR, 7 * DAY);
    staple_refresh_offer(sim->refresh, 0, place->fixed.bytes, place->fixed.len,
                         sim->now);
    ok(sim_is_stapled(sim, 0), "a file: good");
    place->fixed = sim_say(sim, REVOKED, MINUTE, MINUTE, -SEC(1));
    is_reason(staple_refresh_offer(sim->refresh, 0, place->fixed.bytes,
                                   place->fixed.len, sim->now),
              STAPLE_EXPIRED, "a file: revoked, ended");
    ok(!sim_is_stapled(sim, 0) && state(sim) == STAPLE_STATE_REVOKED,
       "a file: is known");
    is_int(sim->events[STAPLE_EVENT_REVOKED], 1, "a file: told");
}

/* A machine sleeps past the end of what is held. */
static void test_slept(void)
{
    sim_place_t *place;
    sim_t *sim = begin(&place, SIM_GOOD);

    sim_run(sim, MINUTE);
    sim->skew = DAY;
    sim->policy.clock_skew = 2 * DAY; /* of the responder's, which is right */
    place->latency = SEC(8);
    sim_run(sim, SEC(1));
    is_int(state(sim), STAPLE_STATE_PENDING,
           "slept: not good from the first look on");
    is_int(sim->events[STAPLE_EVENT_STALE], 1, "slept: stale");
    place->life = 2 * DAY;
    sim_run(sim, MINUTE);
    is_int(state(sim), STAPLE_STATE_GOOD, "slept: good again");
    is_int(sim->events[STAPLE_EVENT_GOOD], 1, "slept: which is told");
    is_int(sim->events[STAPLE_EVENT_UNAVAILABLE], 0, "slept: nothing failed");
}

/* ---- tries ---- */

static void test_no_limit(void)
{
    sim_place_t *place;
    sim_t *sim = begin(&place, SIM_JUNK);

    sim_run(sim, 7 * DAY);
    ok(longest_gap(sim, 1) <= SEC(661), "none: asked every ten minutes");
    is_int(sim->gave_up, 0, "none: never given up");
    place->does = SIM_GOOD;
    sim_run(sim, 11 * MINUTE);
    ok(sim_is_stapled(sim, 0), "none: stapled 11 minutes after it is back");

    sim = begin(&place, SIM_GOOD);
    place->life = 30 * DAY;
    sim_run(sim, SEC(1));
    place->does = SIM_JUNK;
    sim_run(sim, 20 * DAY);
    ok(longest_gap(sim, 2) <= SEC(3961) && longest_gap(sim, 2) > SEC(3500),
       "none, a month held: every hour");
}

static void test_limit(void)
{
    sim_place_t *place;
    sim_t *sim = begin(&place, SIM_JUNK);

    sim->policy.max_tries = 3;
    sim_run(sim, HOUR);
    is_int(sim->jobs_failed, 3, "MaxTries 3: three jobs");
    is_int(sim->gave_up, 1, "MaxTries 3: the third is told as the last");
    sim_run(sim, 3 * DAY);
    ok(sim->jobs_failed >= 6, "MaxTries 3: then the interval");
    is_int(sim->gave_up, 1, "MaxTries 3: which is not told again");
    place->does = SIM_GOOD;
    sim_run(sim, DAY);
    place->does = SIM_JUNK;
    sim_run(sim, DAY);
    is_int(sim->gave_up, 2, "MaxTries 3: until the next time");

    /* Whoever raises it has it asked. */
    sim = begin(&place, SIM_JUNK);
    sim->policy.max_tries = 3;
    sim_run(sim, HOUR);
    place->does = SIM_GOOD;
    sim_start(sim);
    sim_run(sim, HOUR);
    ok(!sim_is_stapled(sim, 0), "a graceful restart: the day goes on");
    sim->policy.max_tries = 0;
    sim_start(sim);
    sim_run(sim, MINUTE);
    ok(sim_is_stapled(sim, 0), "unless OCSPStapleMaxTries is none now");
}

/* No wait is longer than a quarter of the life left, a second at least. */
static void test_quarter(void)
{
    static const apr_interval_time_t wanted[] = {0, HOUR}; /* Retry-After */
    unsigned i, k;

    for (i = 0; i < COUNT(wanted); i++) {
        sim_place_t *place;
        sim_t *sim = begin(&place, SIM_GOOD);
        apr_time_t end;
        unsigned first, wrong = 0;

        place->life = 4 * HOUR;
        sim_run(sim, SEC(1));
        end = sim_record(sim, 0).held.use_until;
        place->does = SIM_HTTP_404;
        place->retry_after = wanted[i];
        first = sim->asked_count + 1;
        sim_run(sim, 4 * HOUR - SEC(2));
        for (k = first; k < sim->asked_count; k++) {
            apr_interval_time_t left = end - sim->asked[k - 1].at;
            apr_interval_time_t most = left / 4 > SEC(1) ? left / 4 : SEC(1);

            /* 50 ms for the answer, 100 for the next slice */
            wrong += sim_gap(sim, k) > most + apr_time_from_msec(200);
        }
        ok(sim->asked_count > first + 20, "quarter: asked again and again (%u)",
           sim->asked_count - first);
        is_int(wrong, 0, "quarter: never past a quarter of what is left, %s",
               i == 0 ? "by itself" : "whatever Retry-After says");
    }
}

/* ---- starts ---- */

static void test_start(void)
{
    sim_place_t *place;
    sim_t *sim = begin(&place, SIM_JUNK);
    unsigned i;

    sim->policy.max_tries = 3;
    sim_run(sim, 2 * HOUR);
    is_int(sim->jobs_failed, 3, "start: given up");
    place->does = SIM_GOOD;
    sim_restart(sim);
    sim_run(sim, SEC(1));
    ok(sim_is_stapled(sim, 0), "start: asked at once");

    sim = begin(&place, SIM_JUNK);
    sim->policy.retry_interval = HOUR;
    for (i = 0; i < 60; i++) {
        sim_run(sim, SEC(7));
        sim_restart(sim);
    }
    ok(sim->asked_count <= 8, "60 starts in seven minutes: %u requests",
       sim->asked_count);
    sim = begin(&place, SIM_GOOD);
    sim_run(sim, MINUTE);
    sim_restart(sim);
    sim_run(sim, MINUTE);
    is_int(sim->asked_count, 1, "start: who has a staple is not asked about");
    sim->now += DAY; /* httpd was down */
    place->does = SIM_HANGS;
    sim_restart(sim);
    sim_run(sim, SEC(1));
    is_int(state(sim), STAPLE_STATE_PENDING, "start: what ran out is not good");
    is_int(sim->events[STAPLE_EVENT_STALE], 0, "start: and no news");
    sim_run(sim, MINUTE);
    is_int(state(sim), STAPLE_STATE_UNAVAILABLE, "start: then it has failed");
}

/* ---- haste ---- */

static void test_must_staple(void)
{
    sim_place_t *place;
    sim_t *sim = begin(&place, SIM_HTTP_404);

    sim->certs[0].must_staple = 1;
    sim->policy.max_tries = 1;
    place->retry_after = HOUR;
    sim_run(sim, 6 * HOUR);
    ok(longest_gap(sim, 1) <= SEC(301) && sim->asked_count >= 70,
       "must-staple: five minutes at most, tries and Retry-After or not (%u)",
       sim->asked_count);
    is_int(sim->gave_up, 0, "must-staple: never given up");
    sim_start(sim);
    sim_run(sim, SEC(301));
    ok(longest_gap(sim, 1) <= SEC(301), "must-staple: after a restart, too");

    sim = begin(&place, SIM_HTTP_404);
    sim->certs[0].must_staple = 1;
    sim->entries[0].is_issuer = 1;
    sim->policy.max_tries = 1;
    sim_run(sim, 6 * HOUR);
    is_int(sim->asked_count, 1, "must-staple: not of an issuer");

    /* Many of one responder, which is down and asks to be left alone. */
    sim = sim_make(20, one);
    sim->certs[7].must_staple = 1;
    place = sim_place(sim, "http://a1", SIM_HTTP_503);
    place->retry_after = HOUR;
    sim_run(sim, HOUR);
    is_int(sim->went_down, 1, "must-staple among others: it is down");
    ok(longest_gap(sim, 1) <= SEC(331),
       "must-staple among others: it is probed all the same");

    /* Given up while one is held, which then runs out. */
    sim = begin(&place, SIM_GOOD);
    sim->certs[0].must_staple = 1;
    sim->policy.max_tries = 1;
    sim_run(sim, SEC(1));
    place->does = SIM_HTTP_404;
    sim_run(sim, 4 * HOUR);
    is_int(sim->asked_count, 2, "must-staple, held: given up");
    place->does = SIM_GOOD;
    sim_run(sim, 6 * MINUTE);
    ok(sim_is_stapled(sim, 0), "must-staple: asked when it has run out");
}

static void test_new(void)
{
    static const sim_does_e does[] = {SIM_UNKNOWN, SIM_UNAUTHORIZED};
    static const unsigned told[] = {2, 0}; /* early, and when no longer new */
    unsigned i, asked;

    for (i = 0; i < COUNT(does); i++) {
        const char *name = i == 0 ? "unknown" : "unauthorized";
        sim_place_t *place;
        sim_t *sim = begin(&place, does[i]);

        sim->policy.max_tries = 2;
        sim->policy.certid = STAPLE_CERTID_SHA1; /* a job is one request */
        sim->certs[0].not_before = sim->now;
        sim_run(sim, HOUR);
        ok(longest_gap(sim, 1) <= SEC(61) && sim->asked_count >= 60,
           "new, %s: every minute for an hour (%u)", name, sim->asked_count);
        is_int(sim->gave_up, 0, "new, %s: not given up", name);
        asked = sim->asked_count;
        sim_run(sim, HOUR);
        ok(sim->asked_count - asked <= 1, "no longer new, %s: as all others",
           name);
        is_int(sim->events[STAPLE_EVENT_UNKNOWN], told[i],
               "%s: told early, and once more", name);

        sim = begin(&place, does[i]);
        sim->policy.max_tries = 2;
        sim->certs[0].not_before = sim->now - MINUTE;
        sim_run(sim, 15 * MINUTE);
        place->does = SIM_GOOD;
        sim_run(sim, SEC(62));
        is_int(state(sim), STAPLE_STATE_GOOD,
               "new, %s: good a minute after it is known", name);
        sim_run(sim, 2 * HOUR);
        is_int(sim->events[STAPLE_EVENT_UNKNOWN], told[i] / 2,
               "new, %s: then nothing more is told", name);
    }
}

/* Other trouble is other trouble. */
static void test_new_and_failing(void)
{
    sim_place_t *place;
    sim_t *sim = begin(&place, SIM_HTTP_404);

    sim->policy.retry_interval = 20 * MINUTE;
    sim->certs[0].not_before = sim->now;
    sim_run(sim, HOUR);
    is_int(sim->asked_count, 3, "new, and failing otherwise: no haste");
    sim = begin(&place, SIM_UNKNOWN);
    sim->policy.retry_interval = 20 * MINUTE;
    sim->certs[0].not_before = sim->now + DAY;
    sim_run(sim, HOUR);
    is_int(sim->asked_count, 3, "of tomorrow: no haste");
}

/* No wait outlasts a clock that is set back. */
static void test_clock(void)
{
    static const struct {
        const char *name;
        int must_staple, is_new;
        apr_interval_time_t most;
    } rows[] = {
        {"auto", 0, 0, SEC(662)},
        {"must-staple", 1, 0, SEC(302)},
        {"new", 0, 1, SEC(62)},
    };
    unsigned i, asked;

    for (i = 0; i < COUNT(rows); i++) {
        sim_place_t *place;
        sim_t *sim = begin(&place, rows[i].is_new ? SIM_UNKNOWN : SIM_JUNK);

        sim->certs[0].must_staple = rows[i].must_staple != 0;
        if (rows[i].is_new) {
            sim->certs[0].not_before = sim->now;
        }
        sim->policy.clock_skew = HOUR;
        sim_run(sim, rows[i].is_new ? 20 * MINUTE : 5 * HOUR);
        sim_run(sim, SEC(1)); /* it has looked a moment ago */
        sim->skew = rows[i].is_new ? -30 * MINUTE : -DAY;
        asked = sim->asked_count;
        sim_run(sim, 2 * rows[i].most);
        ok(sim->asked_count > asked && longest_gap(sim, asked) <= rows[i].most,
           "clock set back, %s: as if it had not been", rows[i].name);
        sim_start(sim);
        asked = sim->asked_count;
        sim_run(sim, 2 * rows[i].most);
        ok(sim->asked_count > asked && longest_gap(sim, asked) <= rows[i].most,
           "clock set back, %s: after a restart, too", rows[i].name);
    }
}

int main(void)
{
    sim_begin();
    test_good_replayed();
    test_unknown_replayed();
    test_repeated();
    test_short_successor();
    test_too_late();
    test_revoked_too_late();
    test_slept();
    test_no_limit();
    test_limit();
    test_quarter();
    test_start();
    test_must_staple();
    test_new();
    test_new_and_failing();
    test_clock();
    sim_end();
    return tap_done();
}
