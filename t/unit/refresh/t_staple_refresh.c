/* The whole refresher through simulated days: due, asked, answered, again. */
#include "../sim.h"
#include "../tap.h"

static const char *const one[] = {"http://a1/", NULL};
static const char *const two[] = {"http://a1/", "http://a2/", NULL};
static const char *const list[] = {"http://l1/", "http://l2/", NULL};

/* ---- when ---- */

static const struct {
    const char *name;
    apr_interval_time_t interval, life, fresh_for, least, most;
} due_rows[] = {
    {"interval 60, nextUpdate in an hour: within 60 s", MINUTE, HOUR, 0,
     SEC(54), MINUTE},
    {"interval a day, nextUpdate in 4 minutes: before half of it", DAY,
     4 * MINUTE, 0, SEC(107), SEC(120)},
    {"responses that live 5 minutes: before half of it", DAY, 5 * MINUTE, 0,
     SEC(134), SEC(150)},
    {"responses that live a year: at the interval", DAY, 365 * DAY, 0,
     DAY * 9 / 10, DAY},
    {"responses that live 2 seconds: not below the floor", DAY, SEC(2), 0,
     SEC(5), SEC(6)},
    {"fresh for ever: not later than half of the life", DAY, HOUR, 900 * DAY,
     30 * MINUTE - SEC(1), 30 * MINUTE},
    {"fresh for ever: not later than the interval", HOUR, 30 * DAY, 900 * DAY,
     HOUR, HOUR},
    {"fresh for 58 s: later than jitter would have it", MINUTE, HOUR, SEC(58),
     SEC(58), MINUTE},
    {"fresh for a second: makes nothing earlier", MINUTE, HOUR, SEC(1), SEC(54),
     MINUTE},
};

static void test_due(void)
{
    unsigned i, k;

    for (i = 0; i < COUNT(due_rows); i++) {
        sim_t *sim = sim_make(1, one);
        sim_place_t *place = sim_place(sim, "http://a1", SIM_GOOD);
        unsigned wrong = 0;

        place->life = due_rows[i].life;
        place->fresh_for = due_rows[i].fresh_for;
        sim->policy.interval = due_rows[i].interval;
        sim_run(sim, 10 * due_rows[i].most);
        for (k = 1; k < sim->asked_count; k++) {
            apr_interval_time_t gap =
                sim_gap(sim, k) - apr_time_from_msec(50);

            if (gap < due_rows[i].least
                || gap > due_rows[i].most + apr_time_from_msec(200)) {
                wrong++;
                printf("# %u: %.3f s\n", k, (double)gap / 1e6);
            }
        }
        ok(sim->asked_count >= 9, "%s: again and again (%u times)",
           due_rows[i].name, sim->asked_count);
        is_int(wrong, 0, "%s", due_rows[i].name);
    }
}

/* A responder whose answer never changes, to the end of that answer's life. */
static void test_repeating(void)
{
    sim_t *sim = sim_make(1, one);
    sim_place_t *place = sim_place(sim, "http://a1", SIM_FIXED);
    unsigned i, sooner = 0;

    place->fixed = sim_response(sim, MINUTE, DAY);
    sim_run(sim, DAY - SEC(10));
    for (i = 1; i < sim->asked_count; i++) {
        sooner += sim_gap(sim, i) < SEC(5);
    }
    is_int(sooner, 0, "the same old response: never asked within 5 s");
    ok(sim->asked_count < 20, "the same old response: %u requests in a day",
       sim->asked_count);
    ok(sim_is_stapled(sim, 0), "the same old response: stapled to its end");
}

static void test_week(void)
{
    sim_t *sim = sim_make(50, one);
    sim_place_t *place = sim_place(sim, "http://a1", SIM_GOOD);
    unsigned hour, unstapled = 0, second, k;
    unsigned per_second = 0, most_per_second = 0;

    place->life = 8 * HOUR;
    sim_run(sim, SEC(2));
    is_int(sim_stapled(sim), 50, "a week: all are stapled after 2 s");
    for (hour = 0; hour < 7 * 24; hour++) {
        sim_run(sim, HOUR);
        unstapled += sim->count - sim_stapled(sim);
    }
    is_int(unstapled, 0, "a week: always stapled");
    ok(sim->asked_count >= 50 * 42 && sim->asked_count <= 50 * 47,
       "a week of responses for 8 hours: %u requests of 50 certificates",
       sim->asked_count);
    for (k = sim->asked_count - 50; k < sim->asked_count; k++) {
        second = (unsigned)(sim->asked[k].at - sim->asked[k - 1].at)
                 < APR_USEC_PER_SEC;
        per_second = second ? per_second + 1 : 0;
        most_per_second =
            per_second > most_per_second ? per_second : most_per_second;
    }
    ok(most_per_second < 10, "a week: jitter has spread them (%u at once)",
       most_per_second);
    is_int(sim->attempts_failed, 0, "a week: nothing failed");
}

static void test_restart(void)
{
    sim_t *sim = sim_make(20, one);

    sim_place(sim, "http://a1", SIM_GOOD);
    sim_run(sim, MINUTE);
    is_int(sim->asked_count, 20, "restart: each was asked once");
    sim_start(sim);
    sim_run(sim, MINUTE);
    is_int(sim->asked_count, 20, "restart: nobody is asked again for it");
    is_int(sim_stapled(sim), 20, "restart: all are stapled");
}

/* ---- whom, and how ---- */

static const struct {
    staple_action_e action;
    staple_method_e method;
    const char *words;
} order_rows[] = {
    {STAPLE_ACTION_FAILOVER, STAPLE_METHOD_POST_GET,
     "P a1,G a1,P a2,G a2,P l1,G l1,P l2,G l2"},
    {STAPLE_ACTION_FAILOVER, STAPLE_METHOD_GET_POST,
     "G a1,P a1,G a2,P a2,G l1,P l1,G l2,P l2"},
    {STAPLE_ACTION_FAILOVER, STAPLE_METHOD_POST, "P a1,P a2,P l1,P l2"},
    {STAPLE_ACTION_FAILOVER, STAPLE_METHOD_GET, "G a1,G a2,G l1,G l2"},
    {STAPLE_ACTION_OVERRIDE, STAPLE_METHOD_POST_GET, "P l1,G l1,P l2,G l2"},
    {STAPLE_ACTION_OVERRIDE, STAPLE_METHOD_GET_POST, "G l1,P l1,G l2,P l2"},
    {STAPLE_ACTION_OVERRIDE, STAPLE_METHOD_POST, "P l1,P l2"},
    {STAPLE_ACTION_OVERRIDE, STAPLE_METHOD_GET, "G l1,G l2"},
};

/* Two of the certificate and two of the list, none of which is any good. */
static sim_t *make_four(staple_action_e action, staple_method_e method,
                        sim_does_e does)
{
    sim_t *sim = sim_make(1, two);

    sim->policy.urls = list;
    sim->policy.action = action;
    sim->policy.method = method;
    sim_place(sim, "http://a1", does);
    sim_place(sim, "http://a2", does);
    sim_place(sim, "http://l1", does);
    sim_place(sim, "http://l2", does);
    return sim;
}

static void test_orders(void)
{
    unsigned i, k;

    for (i = 0; i < COUNT(order_rows); i++) {
        sim_t *sim = make_four(order_rows[i].action, order_rows[i].method,
                               SIM_HTTP_404);
        unsigned attempts;

        sim_run(sim, SEC(4));
        is_str(sim_words(sim, 0), order_rows[i].words, "order %u: all fail",
               i);
        is_int(sim->jobs_failed, 1, "order %u: one failed job", i);
        attempts = sim->asked_count;
        for (k = 0; k < 4; k++) {
            const char *words;

            sim = make_four(order_rows[i].action, order_rows[i].method,
                            SIM_HTTP_404);
            sim->places[k].does = SIM_GOOD;
            sim_run(sim, SEC(4));
            words = sim_words(sim, 0);
            ok(strncmp(words, order_rows[i].words, strlen(words)) == 0
                   && (sim->jobs_failed == 1 || sim->asked_count <= attempts),
               "order %u: the first that answers ends it: %s", i, words);
            is_int(sim_is_stapled(sim, 0),
                   strstr(order_rows[i].words, sim->places[k].url + 7) != NULL,
                   "order %u, %s answers: stapled by it, or it is not asked",
                   i, sim->places[k].url);
        }
    }
}

static const struct {
    sim_does_e does;
    staple_reason_e reason;
    const char *words; /* what is asked until a2 answers */
} failure_rows[] = {
    {SIM_REFUSED, STAPLE_CONNECT, "P a1,P a2"},
    {SIM_NO_NAME, STAPLE_RESOLVE, "P a1,P a2"},
    {SIM_HANGS, STAPLE_TIMEOUT, "P a1,P a2"},
    {SIM_HTTP_404, STAPLE_HTTP_STATUS, "P a1,G a1,P a2"},
    {SIM_HTTP_503, STAPLE_HTTP_STATUS, "P a1,G a1,P a2"},
    {SIM_WRONG_TYPE, STAPLE_HTTP_TYPE, "P a1,G a1,P a2"},
    {SIM_EMPTY, STAPLE_EMPTY, "P a1,G a1,P a2"},
    {SIM_JUNK, STAPLE_MALFORMED, "P a1,G a1,P a2"},
    {SIM_TRY_LATER, STAPLE_STATUS_TRY_LATER, "P a1,G a1,P a2"},
    {SIM_UNAUTHORIZED, STAPLE_STATUS_UNAUTHORIZED, "P a1,P a1,G a1,P a2"},
    {SIM_BAD_SIGNATURE, STAPLE_BAD_SIGNATURE, "P a1,G a1,P a2"},
    {SIM_OTHER_SIGNER, STAPLE_SIGNER_NOT_AUTHORISED, "P a1,G a1,P a2"},
    {SIM_EXPIRED, STAPLE_EXPIRED, "P a1,G a1,P a2"},
    {SIM_UNKNOWN, STAPLE_UNKNOWN, "P a1,P a2"},
};

static void test_failures(void)
{
    unsigned i;

    for (i = 0; i < COUNT(failure_rows); i++) {
        const char *name = staple_reason_name(failure_rows[i].reason);
        sim_t *sim = sim_make(1, two);

        sim_place(sim, "http://a1", failure_rows[i].does);
        sim_place(sim, "http://a2", SIM_GOOD);
        sim_run(sim, MINUTE);
        is_str(sim_words(sim, 0), failure_rows[i].words,
               "%s: goes on to the next attempt", name);
        is_reason(sim->reasons[0], failure_rows[i].reason,
                  "%s: told with its reason", name);
        ok(sim_is_stapled(sim, 0), "%s: then stapled", name);
    }
}

static void test_answers(void)
{
    sim_t *sim = sim_make(1, two);
    staple_record_t record;

    sim_place(sim, "http://a1", SIM_REVOKED);
    sim_place(sim, "http://a2", SIM_GOOD);
    sim_run(sim, SEC(4));
    is_str(sim_words(sim, 0), "P a1", "revoked: ends the job");
    record = sim_record(sim, 0);
    is_int(record.held.status, STAPLE_CERT_REVOKED, "revoked: is the status");
    ok(sim_is_stapled(sim, 0), "revoked: is stapled");

    sim = sim_make(1, two);
    sim_place(sim, "http://a1", SIM_UNKNOWN);
    sim_place(sim, "http://a2", SIM_HTTP_503);
    sim_run(sim, SEC(4));
    record = sim_record(sim, 0);
    is_str(sim_words(sim, 0), "P a1,P a2,G a2", "unknown: others are asked");
    is_int(record.reason, STAPLE_UNKNOWN, "unknown: nobody knows better");
    ok(record.said_unknown && !sim_is_stapled(sim, 0),
       "unknown: is the status and not stapled");
}

static void test_older(void)
{
    sim_t *sim = sim_make(1, one);
    sim_place_t *place = sim_place(sim, "http://a1", SIM_GOOD);
    staple_record_t held, after;
    make_der_t der;

    sim_run(sim, SEC(4));
    held = sim_record(sim, 0);
    place->does = SIM_OLD;
    sim_run(sim, 2 * HOUR);
    after = sim_record(sim, 0);
    ok(sim->asked_count > 1, "older: was offered");
    is_int(after.held.this_update, held.held.this_update,
           "older: replaces nothing");
    is_reason((staple_reason_e)after.reason, STAPLE_OLDER, "older: the reason");
    der = sim_response(sim, 9 * HOUR, DAY);
    is_reason(staple_refresh_offer(sim->refresh, 0, der.bytes, der.len,
                                   sim->now),
              STAPLE_OLDER, "older: not by another way either");
    der = sim_response(sim, 0, DAY);
    is_reason(staple_refresh_offer(sim->refresh, 0, der.bytes, der.len,
                                   sim->now),
              STAPLE_OK, "newer: by another way");
    ok(sim_record(sim, 0).held.this_update > held.held.this_update,
       "newer: is held");
}

static void test_nobody(void)
{
    sim_t *sim = sim_make(1, two);
    make_der_t der;

    sim->policy.no_network = 1;
    sim_run(sim, 3 * DAY);
    is_int(sim->asked_count, 0, "none: nobody is ever asked");
    der = sim_response(sim, HOUR, DAY);
    is_reason(staple_refresh_offer(sim->refresh, 0, der.bytes, der.len,
                                   sim->now),
              STAPLE_OK, "none: a response comes another way");
    sim_run(sim, HOUR);
    ok(sim_is_stapled(sim, 0), "none: it is stapled");
    is_int(sim->asked_count, 0, "none: still nobody is asked");
}

/* It ended a second ago, which our clock may be wrong about: not to be stapled,
 * but what is held is revoked. */
static void test_revoked_and_ended(void)
{
    sim_t *sim = sim_make(1, two);
    make_der_t der;

    sim->policy.no_network = 1;
    sim_run(sim, SEC(1));
    der = sim_response(sim, HOUR, DAY);
    staple_refresh_offer(sim->refresh, 0, der.bytes, der.len, sim->now);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "revoked: good first");
    der = sim_say(sim, V_OCSP_CERTSTATUS_REVOKED, MINUTE, MINUTE, -SEC(1));
    is_reason(staple_refresh_offer(sim->refresh, 0, der.bytes, der.len,
                                   sim->now),
              STAPLE_EXPIRED, "revoked: and ended");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_REVOKED,
           "revoked: the state says so at once");
    is_int(sim_is_stapled(sim, 0), 0, "revoked: nothing is stapled");
    sim_run(sim, HOUR);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_REVOKED, "revoked: for good");
    is_int(sim->events[STAPLE_EVENT_REVOKED], 1, "revoked: it is told once");
}

/* Why there is no response where it does not come from a responder. */
static void test_refused(void)
{
    sim_t *sim = sim_make(1, one);
    staple_record_t record;
    make_der_t der;

    sim_place(sim, "http://a1", SIM_REFUSED);
    sim_run(sim, SEC(1));
    is_int(staple_refresh_refused(sim->refresh, 0, STAPLE_MALFORMED, "file a",
                                  sim->now),
           0, "refused: where somebody is asked, it does not matter");

    sim = sim_make(1, two);
    sim->policy.no_network = 1;
    sim_run(sim, SEC(1));
    is_int(staple_refresh_refused(sim->refresh, 0, STAPLE_MALFORMED, "file a",
                                  sim->now),
           1, "refused: where nobody is, it does");
    staple_refresh_refused(sim->refresh, 0, STAPLE_NO_MATCH, "file b",
                           sim->now);
    record = sim_record(sim, 0);
    is_int(record.state, STAPLE_STATE_DISABLED, "refused: its state");
    is_reason((staple_reason_e)record.state_reason, STAPLE_MALFORMED,
              "refused: why; another certificate's says less");
    is_reason((staple_reason_e)record.reason, STAPLE_MALFORMED,
              "refused: as the last error, too");
    is_str(record.detail, "file a", "refused: what");
    is_int(record.failures, 0, "refused: no job has failed");
    staple_refresh_refused(sim->refresh, 0, STAPLE_EXPIRED, "file a",
                           sim->now);
    is_reason((staple_reason_e)sim_record(sim, 0).state_reason, STAPLE_EXPIRED,
              "refused: the last one counts");

    der = sim_response(sim, HOUR, DAY);
    staple_refresh_offer(sim->refresh, 0, der.bytes, der.len, sim->now);
    record = sim_record(sim, 0);
    is_int(record.state, STAPLE_STATE_GOOD, "taken: its state");
    is_reason((staple_reason_e)record.reason, STAPLE_OK, "taken: no error");
    is_reason((staple_reason_e)record.state_reason, STAPLE_OK,
              "taken: nothing to explain");
    is_int(staple_refresh_refused(sim->refresh, 0, STAPLE_MALFORMED, "file a",
                                  sim->now),
           0, "held: what comes then and is bad does not matter");
    sim_run(sim, 2 * DAY);
    is_int(staple_refresh_refused(sim->refresh, 0, STAPLE_MALFORMED, "file a",
                                  sim->now),
           1, "run out: it does");
}

int main(void)
{
    sim_begin();
    test_due();
    test_repeating();
    test_week();
    test_restart();
    test_orders();
    test_failures();
    test_answers();
    test_older();
    test_nobody();
    test_revoked_and_ended();
    test_refused();
    sim_end();
    return tap_done();
}
