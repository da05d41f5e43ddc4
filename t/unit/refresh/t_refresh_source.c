/* A fourth source of status: one file, one row in a table. */
#include "../sim.h"
#include "../tap.h"

#include <apr_strings.h>

#include "refresh/staple_job.h"
#include "refresh/staple_outage.h"

/* ---- the source: a mirror that has the responses as files ---- */

#define MIRROR "http://mirror"

static int meet(staple_refresh_t *refresh, apr_uint32_t index)
{
    staple_queue_count_in(staple_queue_responder(refresh->queue, NULL, MIRROR),
                          index);
    return 1;
}

static staple_responder_t *whom(staple_refresh_t *refresh, apr_uint32_t index)
{
    return refresh->entries[index].attempt == 0
               ? staple_queue_responder(refresh->queue, NULL, MIRROR)
               : NULL;
}

static staple_reason_e fill(staple_refresh_t *refresh,
                            staple_exchange_t *exchange)
{
    const staple_entry_t *entry = &refresh->entries[exchange->index];

    exchange->by_get = 1;
    exchange->timeout = entry->policy->timeout;
    exchange->request_len = 0;
    apr_snprintf(exchange->url, sizeof(exchange->url), MIRROR "/%s",
                 entry->cert->serial);
    return STAPLE_OK;
}

static void take(staple_refresh_t *refresh, const staple_exchange_t *exchange,
                 const staple_answer_t *answer, apr_time_t now)
{
    apr_uint32_t index = exchange->index;
    staple_reason_e reason = answer->reason;
    char detail[STAPLE_RECORD_DETAIL] = "";

    if (reason == STAPLE_OK) {
        reason = staple_job_take_response(detail, refresh, index, answer, NULL,
                                          now);
    }
    staple_outage_judge(refresh, exchange, reason, answer, now);
    if (reason != STAPLE_OK) {
        staple_job_attempt_failed(refresh, index, exchange, reason, detail);
        refresh->entries[index].attempt++;
        staple_job_go_on(refresh, index, now);
    }
}

static const staple_source_t mirror = {.name = "mirror",
                                       .transport = STAPLE_TRANSPORT_HTTP,
                                       .meet = meet,
                                       .whom = whom,
                                       .fill = fill,
                                       .take = take};

static const staple_source_t *const sources[] = {
    &staple_source_shared, &staple_source_ocsp, &mirror, NULL};

/* ---- what it does ---- */

static const char *const one[] = {"http://a1", NULL};

static sim_t *make(apr_uint32_t count, sim_does_e responder, sim_does_e copy)
{
    sim_t *sim = sim_make(count, one);

    sim->sources = sources;
    sim_place(sim, "http://a1", responder);
    sim_place(sim, MIRROR, copy);
    return sim;
}

static void test_order(void)
{
    sim_t *sim = make(1, SIM_GOOD, SIM_GOOD);

    sim_run(sim, SEC(1));
    is_str(sim_words(sim, 0), "P a1",
           "responder well: the mirror is not asked");

    sim = make(1, SIM_BAD_SIGNATURE, SIM_GOOD);
    sim_run(sim, SEC(1));
    is_str(sim_words(sim, 0), "P a1,G a1,G mirror",
           "responder wrong: the mirror is asked after it");
    ok(sim_is_stapled(sim, 0), "responder wrong: stapled all the same");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "and good");
    is_int(sim->jobs_failed, 0, "and no job has failed");
}

static void test_alone(void)
{
    sim_t *sim = make(1, SIM_GOOD, SIM_GOOD);

    sim->policy.no_network = 1;
    sim_run(sim, SEC(1));
    is_str(sim_words(sim, 0), "G mirror", "no responder: the mirror is asked");
    ok(sim_is_stapled(sim, 0), "no responder: stapled");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "no responder: good");
    sim_run(sim, DAY);
    ok(sim->asked_count > 2, "no responder: asked again when that is due");
}

static void test_revoked(void)
{
    sim_t *sim = make(1, SIM_REFUSED, SIM_REVOKED);

    sim_run(sim, SEC(1));
    is_int(sim_record(sim, 0).state, STAPLE_STATE_REVOKED,
           "the mirror says revoked: it is");
    is_int(sim->events[STAPLE_EVENT_REVOKED], 1, "and told");
}

static void test_bad(void)
{
    sim_t *sim = make(1, SIM_REFUSED, SIM_BAD_SIGNATURE);

    sim_run(sim, SEC(1));
    is_int(sim->jobs_failed, 1, "mirror wrong: the job has failed");
    ok(!sim_is_stapled(sim, 0), "mirror wrong: nothing is stapled");
    is_reason((staple_reason_e)sim_record(sim, 0).reason, STAPLE_BAD_SIGNATURE,
              "mirror wrong: why");
}

/* Its health is followed as a responder's is. */
static void test_health(void)
{
    sim_t *sim = make(20, SIM_REFUSED, SIM_REFUSED);
    sim_place_t *copy = &sim->places[1];
    unsigned asked;

    sim_run(sim, SEC(4));
    is_int(sim->went_down, 2, "both dead: both are found down");
    asked = copy->asked;
    sim_run(sim, MINUTE);
    ok(copy->asked > asked && copy->asked < asked + 20,
       "dead mirror: probed by one at a time");
    copy->does = SIM_GOOD;
    sim_run(sim, 6 * MINUTE);
    is_int(sim_stapled(sim), 20, "mirror back: all are stapled soon");
    is_int(sim->came_up, 1, "mirror back: told");
}

/* Others wait for its place, and what it was asked took longer than the leash:
 * it is asked again, with more time. */
static void test_cut(void)
{
    static char urls[20][24];
    sim_t *sim = sim_make(20, one);
    unsigned i;

    sim->sources = sources;
    sim->concurrency = 4;
    for (i = 1; i < 20; i++) {
        const char *const dead[] = {urls[i], NULL};

        apr_snprintf(urls[i], sizeof(urls[i]), "http://dead%u/", i);
        sim_set(sim, i, apr_pmemdup(sim->p, dead, sizeof(dead)), NULL);
        sim_place(sim, urls[i], SIM_HANGS);
    }
    sim_place(sim, "http://a1", SIM_REFUSED);
    sim_place(sim, MIRROR, SIM_GOOD)->latency = SEC(2);
    while (sim->cut_short == 0 || sim_count(sim, 0, 0) < 3) {
        sim_run(sim, SEC(1));
        if (sim_record(sim, 0).failures > 0
            || sim->now > SEC(MAKE_NOW) + HOUR) {
            break;
        }
    }
    ok(sim->cut_short > 0, "crowded: exchanges are cut short");
    is_int(sim_record(sim, 0).failures, 0, "crowded: which fails no job");
    sim_run(sim, 2 * MINUTE);
    ok(sim_is_stapled(sim, 0), "crowded: the mirror is asked again");
}

int main(void)
{
    sim_begin();
    test_cut();
    test_order();
    test_alone();
    test_revoked();
    test_bad();
    test_health();
    sim_end();
    return tap_done();
}
