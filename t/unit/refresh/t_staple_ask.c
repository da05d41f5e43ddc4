/* Certificates asked about at once: whatever the schedule, whoever is down. */
#include "refresh/staple_ask.h"

#include "../make_crl.h"
#include "../sim.h"
#include "../tap.h"

static const char *const one[] = {"http://a1/", NULL};
static const char *const two[] = {"http://a1/", "http://a2/", NULL};

/* Sees what was added through; returns how long that took. */
static apr_interval_time_t see_through(sim_t *sim)
{
    apr_time_t from = sim->now;

    while (staple_ask_step(sim->refresh, sim->now) > 0
           && sim->now - from < HOUR) {
        sim_run(sim, SEC(1) / 20);
    }
    return sim->now - from;
}

static int state_of(const sim_t *sim, apr_uint32_t index)
{
    return sim_record(sim, index).state;
}

static void test_at_once(void)
{
    sim_t *sim = sim_make(3, one);
    sim_place_t *place = sim_place(sim, "http://a1", SIM_GOOD);
    apr_time_t next_at;
    unsigned from;

    sim_run(sim, MINUTE);
    is_int(state_of(sim, 1), STAPLE_STATE_GOOD, "good, and due in hours");
    is_int(staple_ask_step(sim->refresh, sim->now), 0, "nothing was added");
    from = sim->asked_count;
    place->does = SIM_REVOKED;
    ok(staple_ask_add(sim->refresh, 1, sim->now), "its responder can be asked");
    ok(see_through(sim) < SEC(1), "it is asked at once");
    is_int(sim->asked_count - from, 1, "one request");
    is_int(sim_count(sim, 1, from), 1, "for this certificate");
    is_int(state_of(sim, 1), STAPLE_STATE_REVOKED, "revoked");
    is_int(state_of(sim, 0), STAPLE_STATE_GOOD, "the others: as they were");

    place->does = SIM_GOOD;
    sim_run(sim, MINUTE);
    staple_ask_add(sim->refresh, 1, sim->now);
    staple_ask_add(sim->refresh, 1, sim->now);
    see_through(sim);
    is_int(state_of(sim, 1), STAPLE_STATE_GOOD, "a hold that was lifted");
    is_int(sim_count(sim, 1, from), 2, "added twice: asked once");
    next_at = sim_record(sim, 1).next_at;
    ok(next_at > sim->now + HOUR, "the next one is due as after any other");
    from = sim->asked_count;
    sim_run(sim, next_at - sim->now - MINUTE);
    is_int(sim_count(sim, 1, from), 0, "and not before");
}

/* A job that was at work began before this was wanted. */
static void test_at_work(void)
{
    sim_t *sim = sim_make(1, one);
    sim_place_t *place = sim_place(sim, "http://a1", SIM_GOOD);

    place->latency = SEC(3);
    sim_run(sim, SEC(1));
    is_int(sim->asked_count, 1, "its first job is at work");
    staple_ask_add(sim->refresh, 0, sim->now);
    ok(see_through(sim) >= SEC(5), "another one follows it");
    is_int(sim->asked_count, 2, "and no third");
}

static void test_back_off(void)
{
    sim_t *sim = sim_make(1, one);
    sim_place_t *place = sim_place(sim, "http://a1", SIM_HTTP_404);
    unsigned before;

    sim_run(sim, 3 * HOUR);
    before = sim_record(sim, 0).failures;
    ok(sim_record(sim, 0).next_at > sim->now + MINUTE, "backed off");
    staple_ask_add(sim->refresh, 0, sim->now);
    see_through(sim);
    is_int(sim_record(sim, 0).failures, before + 1, "one more failure");
    ok(sim_record(sim, 0).next_at > sim->now + MINUTE,
       "after which it is left alone as before");
    place->does = SIM_GOOD;
    staple_ask_add(sim->refresh, 0, sim->now);
    see_through(sim);
    is_int(state_of(sim, 0), STAPLE_STATE_GOOD, "until it answers");
    is_int(sim_record(sim, 0).failures, 0, "then nothing failed");
}

/* Who is thought down is asked: that is why somebody wants to know. */
static void test_down(void)
{
    sim_t *sim = sim_make(40, one);
    sim_place_t *place = sim_place(sim, "http://a1", SIM_REFUSED);
    apr_uint32_t i;
    unsigned from, stapled = 0;

    sim_run(sim, 2 * HOUR);
    ok(sim->went_down > 0 && sim->came_up == 0, "the responder is down");
    while (staple_refresh_in_flight(sim->refresh) > 0) {
        sim_run(sim, SEC(1));
    }
    from = sim->asked_count;
    staple_ask_add(sim->refresh, 7, sim->now);
    see_through(sim);
    is_int(sim_count(sim, 7, from), 1, "it is asked nevertheless");
    is_int(sim->asked_count - from, 1, "once");
    is_int(sim->came_up, 0, "it stays down");

    from = sim->asked_count;
    for (i = 0; i < sim->count; i++) {
        staple_ask_add(sim->refresh, i, sim->now);
    }
    see_through(sim);
    ok(sim->asked_count - from <= 2, "all 40: %u probes", 
       sim->asked_count - from);

    place->does = SIM_GOOD;
    for (i = 0; i < sim->count; i++) {
        staple_ask_add(sim->refresh, i, sim->now);
    }
    ok(see_through(sim) < SEC(5), "it is back");
    for (i = 0; i < sim->count; i++) {
        stapled += (unsigned)sim_is_stapled(sim, i);
    }
    is_int(stapled, sim->count, "what the probe found is known of all");
}

static void test_silent(void)
{
    sim_t *sim = sim_make(40, one);
    sim_place_t *place = sim_place(sim, "http://a1", SIM_HANGS);
    apr_uint32_t i;

    sim_run(sim, HOUR);
    for (i = 0; i < sim->count; i++) {
        staple_ask_add(sim->refresh, i, sim->now);
    }
    ok(see_through(sim) < MINUTE, "a silent one: 40 do not wait 40 times");
    place->does = SIM_GOOD;
    for (i = 0; i < sim->count; i++) {
        staple_ask_add(sim->refresh, i, sim->now);
    }
    see_through(sim);
    is_int(sim_stapled(sim), sim->count, "when it speaks again all are asked");
}

static void test_failover(void)
{
    sim_t *sim = sim_make(3, two);

    sim_place(sim, "http://a1", SIM_REFUSED);
    sim_place(sim, "http://a2", SIM_GOOD);
    sim_run(sim, MINUTE);
    staple_ask_add(sim->refresh, 0, sim->now);
    ok(see_through(sim) < SEC(2), "the first URL is down: the second");
    is_int(state_of(sim, 0), STAPLE_STATE_GOOD, "good");
}

static void test_nobody(void)
{
    static const char *const none[] = {NULL};
    sim_t *sim = sim_make(1, none);

    sim_run(sim, SEC(1));
    ok(!staple_ask_add(sim->refresh, 0, sim->now), "nobody can be asked");
    is_int(staple_ask_step(sim->refresh, sim->now), 0,
           "so nothing is waited for");
}

/* An issuer that is revoked stops those below; a hold of it may be lifted. */
static void test_issuer(void)
{
    sim_t *sim = sim_make(2, one);
    static const char *const other[] = {"http://a2/", NULL};
    sim_place_t *place = sim_place(sim, "http://a2", SIM_REVOKED);

    sim_place(sim, "http://a1", SIM_GOOD);
    sim_set(sim, 1, other, NULL);
    sim->entries[0].above = 2;
    sim->entries[1].is_issuer = 1;
    sim_run(sim, MINUTE);
    is_int(state_of(sim, 0), STAPLE_STATE_ISSUER_REVOKED,
           "its issuer is revoked");
    staple_ask_add(sim->refresh, 0, sim->now);
    is_int(staple_ask_step(sim->refresh, sim->now), 0,
           "it alone is not asked about");
    place->does = SIM_GOOD;
    staple_ask_add(sim->refresh, 0, sim->now);
    staple_ask_add(sim->refresh, 1, sim->now);
    see_through(sim);
    is_int(state_of(sim, 1), STAPLE_STATE_GOOD, "the issuer's hold is lifted");
    is_int(state_of(sim, 0), STAPLE_STATE_GOOD,
           "so the one below is known, too");
}

/* ---- lists ---- */

static struct {
    make_crl_t crl;
    apr_pool_t *p;
    sim_t *sim;
    unsigned asked;
} there;

static void give_list(staple_answer_t *answer,
                      const staple_exchange_t *exchange)
{
    make_crl_t knobs = there.crl;
    make_der_t der;

    (void)exchange;
    knobs.this_update = apr_time_sec(there.sim->now) - 60;
    knobs.next_update = apr_time_sec(there.sim->now) + MAKE_DAY;
    der = make_crl(there.p, &knobs);
    answer->der = der.bytes;
    answer->der_len = der.len;
    there.asked++;
}

static sim_t *make_lists(const char *const *responders)
{
    static const char *const urls[] = {"http://crl/1", NULL};
    static staple_refresh_list_t list;
    static const apr_uint32_t first[] = {0};
    static X509 *signers[1];
    sim_t *sim = sim_make(2, responders);
    apr_uint32_t i;

    memset(&there, 0, sizeof(there));
    there.sim = sim;
    there.p = sim->p;
    there.crl.signer = sim->pki->issuer;
    signers[0] = sim->pki->issuer.x509;
    for (i = 0; i < sim->count; i++) {
        make_identity_t made = make_crl_cert(
            sim->p,
            &(make_cert_t){.name = "x", .issuer = &sim->pki->issuer,
                           .key = sim->pki->leaf.key,
                           .serial = i == 0 ? "01" : "02"},
            "crlDistributionPoints=URI:http://crl/1");

        sim->entries[i].crl =
            make_staple_crl_cert(sim->p, made.x509, sim->pki->issuer.x509);
        sim->entries[i].lists = first;
        sim->entries[i].list_count = 1;
        sim->entries[i].signers = signers;
        sim->entries[i].signer_count = 1;
    }
    list = (staple_refresh_list_t){.urls = urls, .policy = &sim->policy};
    sim->lists = &list;
    sim->list_count = 1;
    sim_place(sim, "http://crl", SIM_GOOD)->list = give_list;
    sim_place(sim, "http://a1", SIM_GOOD);
    return sim;
}

static void test_lists(void)
{
    static const char *const none[] = {NULL};
    sim_t *sim = make_lists(none);

    sim_run(sim, MINUTE);
    is_int(there.asked, 1, "a list for two certificates");
    there.crl.entries[0] = (make_entry_t){.serial = "02", .reason = "1"};
    ok(staple_ask_add(sim->refresh, 1, sim->now), "a list can be asked for");
    ok(see_through(sim) < SEC(1), "that is done at once");
    is_int(there.asked, 2, "it is fetched again");
    is_int(state_of(sim, 1), STAPLE_STATE_REVOKED, "and says revoked");
    is_int(state_of(sim, 0), STAPLE_STATE_GOOD, "of this one alone");
    ok(staple_ask_add(sim->refresh, 0, sim->now), "its neighbour right after");
    see_through(sim);
    is_int(there.asked, 2, "has the list that is there");
    sim_run(sim, STAPLE_ASK_INTERVAL);
    staple_ask_add(sim->refresh, 0, sim->now);
    see_through(sim);
    is_int(there.asked, 3, "a minute later it is fetched again");

    sim = make_lists(one);
    sim_run(sim, MINUTE);
    staple_ask_add(sim->refresh, 0, sim->now);
    see_through(sim);
    is_int(there.asked, 0, "where OCSP answers no list is asked for");
    is_int(sim_count(sim, 0, 2), 1, "but the responder is");
}

int main(void)
{
    sim_begin();
    test_at_once();
    test_at_work();
    test_back_off();
    test_down();
    test_silent();
    test_failover();
    test_nobody();
    test_issuer();
    test_lists();
    sim_end();
    return tap_done();
}
