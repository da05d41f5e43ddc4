/* Issuers, moments and restarts: which events are told, and in which order. */
#include "../tap.h"

#include <stdlib.h>

#include "refresh/staple_chain_state.h"

#define CERTS 4 /* 0 and 1 below 2, which is below 3 */
#define HOUR 3600

static apr_pool_t *p;

typedef struct world_t {
    staple_cache_t *cache;
    staple_writer_t *writer;
    staple_chain_state_t *states;
    char said[400]; /* "event number,", and "stop number," */
} world_t;

static apr_time_t at(apr_int64_t seconds)
{
    return apr_time_from_sec(1700000000 + seconds);
}

static void say(world_t *world, const char *what, apr_uint32_t index)
{
    size_t len = strlen(world->said);

    snprintf(world->said + len, sizeof(world->said) - len, "%s%s %u",
             len > 0 ? "," : "", what, index);
}

static staple_record_t record_of(const world_t *world, apr_uint32_t index)
{
    staple_record_t record;

    staple_cache_get_record(&record, world->cache, index);
    return record;
}

static void tell(void *baton, staple_report_t event)
{
    say(baton, staple_event_name(event.event), event.index);
}

static void stop(void *baton, apr_uint32_t index, int is_stopped,
                 apr_time_t now)
{
    (void)now;
    say(baton, is_stopped ? "stop" : "go-on", index);
}

/* A follower as after a start, with the records that are there. */
static void begin(world_t *world, int may_ask, apr_time_t now)
{
    const staple_chain_state_hooks_t hooks = {world, tell, stop};
    static const apr_uint32_t above[CERTS] = {2, 2, 3, STAPLE_NONE};
    apr_uint32_t i;

    world->states =
        staple_chain_state_make(p, CERTS, world->cache, world->writer, &hooks);
    for (i = 0; i < CERTS; i++) {
        staple_chain_state_set(world->states, i, above[i], may_ask);
    }
    for (i = 0; i < CERTS; i++) {
        staple_chain_state_begin(world->states, i, now);
    }
    staple_chain_state_settle(world->states, now);
}

static world_t make(void)
{
    apr_size_t size = staple_cache_size(CERTS, STAPLE_LEAST_MAX_SIZE);
    staple_key_t keys[CERTS];
    world_t world;
    unsigned i;

    memset(keys, 0, sizeof(keys));
    for (i = 0; i < CERTS; i++) {
        keys[i].bytes[0] = (unsigned char)i;
    }
    memset(&world, 0, sizeof(world));
    world.cache = staple_cache_format(apr_pcalloc(p, size), size, keys, CERTS,
                                      STAPLE_LEAST_MAX_SIZE);
    world.writer = staple_writer_make(p, world.cache);
    return world;
}

/* A job of certificate `index` ends with a response that lives for so many
 * seconds; 0: with none. */
static void job(world_t *world, apr_uint32_t index, staple_status_e status,
                apr_int64_t life, apr_time_t now)
{
    staple_record_t record = record_of(world, index);

    record.attempted_at = now;
    if (life > 0) {
        record.der_len = 100;
        record.held.status = status;
        record.succeeded_at = now;
        record.held.use_until = now + apr_time_from_sec(life);
        record.failures = 0;
        record.said_unknown = 0;
        record.reason = STAPLE_OK;
    }
    else {
        record.failures++;
        record.said_unknown = status == STAPLE_CERT_UNKNOWN;
        record.reason = STAPLE_TIMEOUT;
    }
    staple_chain_state_job_ended(world->states, index, &record, life > 0, now);
    staple_writer_put_record(world->writer, index, &record);
    staple_chain_state_spread(world->states, index, &record, now);
}

static void says(world_t *world, const char *want, const char *why)
{
    is_str(world->said, want, "%s", why);
    world->said[0] = '\0';
}

static staple_state_e state(const world_t *world, apr_uint32_t index)
{
    return (staple_state_e)record_of(world, index).state;
}

/* Lets each moment up to `until` come when it is due. */
static void run(world_t *world, apr_time_t until)
{
    apr_time_t now;

    while ((now = staple_chain_state_next_at(world->states)) <= until) {
        staple_chain_state_time(world->states, now);
    }
    staple_chain_state_time(world->states, until);
}

/* ---- one certificate ---- */

static void test_changes(void)
{
    static const struct {
        staple_status_e status;
        apr_int64_t life;
        const char *want, *why;
    } rows[] = {
        {STAPLE_CERT_GOOD, 900, "", "the first good one is no event"},
        {STAPLE_CERT_GOOD, 900, "", "nor is another"},
        {STAPLE_CERT_REVOKED, 900, "revoked 0", "revoked"},
        {STAPLE_CERT_REVOKED, 900, "", "still revoked"},
        {STAPLE_CERT_GOOD, 900, "good 0", "good again"},
        {STAPLE_CERT_GOOD, 0, "refresh-failing 0", "the first that failed"},
        {STAPLE_CERT_GOOD, 0, "", "the second in a row"},
        {STAPLE_CERT_GOOD, 900, "refresh-recovered 0", "a new response"},
        {STAPLE_CERT_UNKNOWN, 0, "refresh-failing 0,unknown 0", "unknown"},
        {STAPLE_CERT_UNKNOWN, 0, "", "still unknown"},
        {STAPLE_CERT_REVOKED, 900, "refresh-recovered 0,revoked 0",
         "from unknown to revoked"},
    };
    world_t world = make();
    unsigned i;

    begin(&world, 1, at(0));
    says(&world, "", "a start");
    is_int(state(&world, 0), STAPLE_STATE_PENDING, "begins as pending");
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        job(&world, 0, rows[i].status, rows[i].life, at(i + 1));
        says(&world, rows[i].want, rows[i].why);
    }
    is_int(record_of(&world, 0).state_since, at(i), "since the last change");
    is_int(record_of(&world, 0).state_reason, STAPLE_OK, "with its reason");
}

static void test_failure_first(void)
{
    world_t world = make();

    begin(&world, 1, at(0));
    job(&world, 0, STAPLE_CERT_GOOD, 0, at(1));
    says(&world, "refresh-failing 0,unavailable 0", "none is held");
    is_int(record_of(&world, 0).state_reason, STAPLE_TIMEOUT,
           "with its reason");
    job(&world, 0, STAPLE_CERT_GOOD, 900, at(2));
    says(&world, "refresh-recovered 0,good 0",
         "after unavailable the first good one is an event");
}

/* ---- moments ---- */

static void test_moments(void)
{
    static const struct {
        apr_int64_t life, until;
        const char *want, *why;
    } rows[] = {
        {8 * HOUR, 6 * HOUR - 1, "", "8 h: more than a quarter left"},
        {8 * HOUR, 6 * HOUR, "ending-soon 0", "8 h: a quarter left"},
        {8 * HOUR, 7 * HOUR - 1, "ending-soon 0", "8 h: more than an hour"},
        {8 * HOUR, 7 * HOUR, "ending-soon 0,ending-soon 0", "8 h: an hour"},
        {8 * HOUR, 8 * HOUR - 1, "ending-soon 0,ending-soon 0",
         "8 h: a second"},
        {8 * HOUR, 8 * HOUR, "ending-soon 0,ending-soon 0,stale 0",
         "8 h: over"},
        {8 * HOUR, 80 * HOUR, "ending-soon 0,ending-soon 0,stale 0",
         "8 h: long over"},
        {4 * HOUR, 5 * HOUR, "ending-soon 0,stale 0",
         "4 h: the hour is the quarter"},
        {HOUR, 2 * HOUR, "ending-soon 0,stale 0", "1 h: the hour is the start"},
        {8, 6, "ending-soon 0", "8 s: a quarter left"},
        {8, 9, "ending-soon 0,stale 0", "8 s: over"},
    };
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_t world = make();

        begin(&world, 1, at(0));
        job(&world, 0, STAPLE_CERT_GOOD, rows[i].life, at(0));
        run(&world, at(rows[i].until));
        says(&world, rows[i].want, rows[i].why);
    }
}

static void test_moments_and_jobs(void)
{
    world_t world = make();

    begin(&world, 1, at(0));
    is_int(staple_chain_state_next_at(world.states), APR_INT64_MAX,
           "nothing is held: nothing will come");
    job(&world, 0, STAPLE_CERT_GOOD, 8 * HOUR, at(0));
    is_int(staple_chain_state_next_at(world.states), at(6 * HOUR),
           "the quarter");
    run(&world, at(6 * HOUR));
    job(&world, 0, STAPLE_CERT_GOOD, 8 * HOUR, at(6 * HOUR));
    says(&world, "ending-soon 0", "a new one after the quarter");
    run(&world, at(12 * HOUR));
    says(&world, "ending-soon 0", "has a quarter of its own");
    job(&world, 0, STAPLE_CERT_GOOD, 0, at(13 * HOUR - 1));
    says(&world, "refresh-failing 0", "a failure");
    run(&world, at(15 * HOUR));
    says(&world, "ending-soon 0,stale 0,unavailable 0",
         "runs out: stale comes before unavailable");
    job(&world, 0, STAPLE_CERT_GOOD, 0, at(16 * HOUR));
    says(&world, "", "and neither again");
    is_int(staple_chain_state_next_at(world.states), APR_INT64_MAX,
           "nothing more will come");
    job(&world, 0, STAPLE_CERT_GOOD, 8 * HOUR, at(17 * HOUR));
    says(&world, "refresh-recovered 0,good 0", "until there is a new one");
}

/* A machine that slept does not tell of an end that is over. */
static void test_slept(void)
{
    world_t world = make();

    begin(&world, 1, at(0));
    job(&world, 0, STAPLE_CERT_GOOD, 8 * HOUR, at(0));
    staple_chain_state_time(world.states, at(100 * HOUR));
    says(&world, "stale 0", "slept through the end");
    is_int(state(&world, 0), STAPLE_STATE_PENDING,
           "what has run out is not good, and nothing has failed");
    is_int(record_of(&world, 0).state_since, at(100 * HOUR),
           "since it noticed");
    job(&world, 0, STAPLE_CERT_GOOD, 8 * HOUR, at(100 * HOUR + 1));
    says(&world, "good 0", "good after stale is told");
    staple_chain_state_time(world.states, at(200 * HOUR));
    job(&world, 0, STAPLE_CERT_GOOD, 0, at(200 * HOUR + 1));
    says(&world, "stale 0,refresh-failing 0,unavailable 0",
         "slept through the end, and then nobody answers");
}

/* Nobody can be asked: responses come as files. */
static void test_file_only(void)
{
    world_t world = make();

    begin(&world, 0, at(0));
    job(&world, 0, STAPLE_CERT_GOOD, 8 * HOUR, at(1));
    says(&world, "", "a file: the first good one is no event");
    is_int(state(&world, 0), STAPLE_STATE_GOOD, "a file: good");
    job(&world, 0, STAPLE_CERT_REVOKED, 8 * HOUR, at(2));
    job(&world, 0, STAPLE_CERT_GOOD, 8 * HOUR, at(3));
    says(&world, "revoked 0,good 0", "a file: what comes later is");
    run(&world, at(9 * HOUR));
    says(&world, "ending-soon 0,ending-soon 0,stale 0,unavailable 0",
         "a file that has run out: none can be had");
    is_int(state(&world, 0), STAPLE_STATE_UNAVAILABLE, "a file: unavailable");
    job(&world, 0, STAPLE_CERT_GOOD, 8 * HOUR, at(10 * HOUR));
    says(&world, "good 0", "a file: until there is another");
}

/* A certificate may be unknown as long as it is new. */
static void test_new(void)
{
    world_t world = make();

    begin(&world, 1, at(0));
    staple_chain_state_set_new(world.states, 0, at(HOUR));
    job(&world, 0, STAPLE_CERT_UNKNOWN, 0, at(1));
    says(&world, "refresh-failing 0,unknown 0", "new: unknown");
    is_int(staple_chain_state_next_at(world.states), at(HOUR),
           "new: no longer in an hour");
    job(&world, 0, STAPLE_CERT_UNKNOWN, 0, at(100));
    run(&world, at(HOUR - 1));
    says(&world, "", "new: still unknown");
    begin(&world, 1, at(HOUR - 1));
    staple_chain_state_set_new(world.states, 0, at(HOUR));
    staple_chain_state_begin(world.states, 0, at(HOUR - 1));
    run(&world, at(HOUR));
    says(&world, "unknown 0", "no longer new, and unknown: told once more");
    run(&world, at(100 * HOUR));
    job(&world, 0, STAPLE_CERT_UNKNOWN, 0, at(101 * HOUR));
    says(&world, "", "and no more");
    begin(&world, 1, at(102 * HOUR));
    staple_chain_state_set_new(world.states, 0, at(HOUR));
    staple_chain_state_begin(world.states, 0, at(102 * HOUR));
    run(&world, at(102 * HOUR));
    says(&world, "", "nor after a restart");

    world = make();
    begin(&world, 1, at(0));
    staple_chain_state_set_new(world.states, 0, at(HOUR));
    job(&world, 0, STAPLE_CERT_UNKNOWN, 0, at(1));
    job(&world, 0, STAPLE_CERT_GOOD, 80 * HOUR, at(600));
    says(&world, "refresh-failing 0,unknown 0,refresh-recovered 0,good 0",
         "new: known after ten minutes");
    run(&world, at(2 * HOUR));
    says(&world, "", "then there is nothing to tell at the end of the hour");
    job(&world, 0, STAPLE_CERT_UNKNOWN, 0, at(2 * HOUR));
    says(&world, "refresh-failing 0,unknown 0", "unknown later on");
    run(&world, at(4 * HOUR));
    says(&world, "", "is told once");

    world = make();
    begin(&world, 1, at(0));
    staple_chain_state_set_new(world.states, 0, at(HOUR));
    job(&world, 0, STAPLE_CERT_GOOD, HOUR, at(0));
    job(&world, 0, STAPLE_CERT_UNKNOWN, 0, at(1));
    world.said[0] = '\0';
    run(&world, at(2 * HOUR));
    says(&world, "ending-soon 0,unknown 0,stale 0",
         "new, and unknown while a good one is held: both are told");
}

/* ---- issuers ---- */

/* One runs out after the other. */
static void all_good(world_t *world, apr_time_t now)
{
    apr_uint32_t i;

    for (i = 0; i < CERTS; i++) {
        job(world, i, STAPLE_CERT_GOOD, 100 * HOUR + i, now);
    }
    world->said[0] = '\0';
}

static void test_issuers(void)
{
    world_t world = make();

    begin(&world, 1, at(0));
    all_good(&world, at(0));
    job(&world, 2, STAPLE_CERT_REVOKED, 100 * HOUR, at(1));
    says(&world, "revoked 2,issuer-revoked 0,stop 0,issuer-revoked 1,stop 1",
         "an issuer is revoked: all below it stop");
    ok(staple_chain_state_is_stopped(world.states, 0)
           && staple_chain_state_is_stopped(world.states, 1)
           && !staple_chain_state_is_stopped(world.states, 2)
           && !staple_chain_state_is_stopped(world.states, 3),
       "and no other");
    job(&world, 3, STAPLE_CERT_REVOKED, 100 * HOUR, at(2));
    says(&world, "revoked 3,issuer-revoked 2,stop 2",
         "the one above as well: those below know already");
    job(&world, 3, STAPLE_CERT_GOOD, 100 * HOUR, at(3));
    says(&world, "good 3,revoked 2,go-on 2",
         "good again: what is itself revoked still is");
    is_int(state(&world, 0), STAPLE_STATE_ISSUER_REVOKED, "with those below");
    job(&world, 2, STAPLE_CERT_GOOD, 100 * HOUR, at(4));
    says(&world, "good 2,good 0,go-on 0,good 1,go-on 1",
         "a hold is removed: all go on");
    job(&world, 3, STAPLE_CERT_REVOKED, 100 * HOUR, at(5));
    says(&world,
         "revoked 3,issuer-revoked 0,stop 0,issuer-revoked 1,stop 1,"
         "issuer-revoked 2,stop 2",
         "two levels above");
    job(&world, 0, STAPLE_CERT_REVOKED, 100 * HOUR, at(6));
    says(&world, "", "an answer that was under way changes nothing");
    job(&world, 3, STAPLE_CERT_REVOKED, 0, at(7));
    says(&world, "refresh-failing 3", "nor does a failure above");
    job(&world, 3, STAPLE_CERT_GOOD, 100 * HOUR, at(8));
    says(&world,
         "refresh-recovered 3,good 3,revoked 0,go-on 0,good 1,go-on 1,"
         "good 2,go-on 2",
         "but shows when it ends");
}

static void test_issuer_runs_out(void)
{
    world_t world = make();

    begin(&world, 1, at(0));
    all_good(&world, at(0));
    job(&world, 2, STAPLE_CERT_REVOKED, HOUR, at(1));
    world.said[0] = '\0';
    run(&world, at(2 * HOUR));
    says(&world, "ending-soon 2,stale 2",
         "revocation does not run out with its response");
    is_int(state(&world, 2), STAPLE_STATE_REVOKED, "it is still revoked");
    is_int(state(&world, 0), STAPLE_STATE_ISSUER_REVOKED, "as are those below");
    run(&world, at(101 * HOUR));
    ok(strstr(world.said, "stale 0") != NULL
           && strstr(world.said, "good 0") == NULL,
       "their staples run out");
}

/* Two issuers that certified each other: neither stands above itself. */
static void test_crossed(void)
{
    world_t world = make();
    const staple_chain_state_hooks_t hooks = {&world, tell, stop};
    apr_uint32_t i;

    world.states =
        staple_chain_state_make(p, CERTS, world.cache, world.writer, &hooks);
    staple_chain_state_set(world.states, 0, 2, 1);
    staple_chain_state_set(world.states, 1, STAPLE_NONE, 1);
    staple_chain_state_set(world.states, 2, 3, 1);
    staple_chain_state_set(world.states, 3, 2, 1);
    for (i = 0; i < CERTS; i++) {
        staple_chain_state_begin(world.states, i, at(0));
    }
    staple_chain_state_settle(world.states, at(0));
    all_good(&world, at(0));
    job(&world, 2, STAPLE_CERT_REVOKED, HOUR, at(1));
    says(&world, "revoked 2,issuer-revoked 0,stop 0,issuer-revoked 3,stop 3",
         "certified by each other: one is revoked");
    job(&world, 2, STAPLE_CERT_GOOD, HOUR, at(2));
    says(&world, "good 2,good 0,go-on 0,good 3,go-on 3", "and good again");
}

/* ---- restarts ---- */

static void test_restart(void)
{
    world_t world = make();

    begin(&world, 1, at(0));
    all_good(&world, at(0));
    job(&world, 0, STAPLE_CERT_GOOD, 0, at(76 * HOUR));
    run(&world, at(76 * HOUR));
    job(&world, 2, STAPLE_CERT_REVOKED, 8 * HOUR, at(77 * HOUR));
    world.said[0] = '\0';
    begin(&world, 1, at(78 * HOUR));
    says(&world, "", "a restart tells nothing again");
    ok(staple_chain_state_is_stopped(world.states, 0)
           && staple_chain_state_is_stopped(world.states, 1),
       "those below a revoked issuer stay stopped");
    run(&world, at(78 * HOUR));
    job(&world, 2, STAPLE_CERT_REVOKED, 8 * HOUR, at(78 * HOUR));
    says(&world, "", "nor does what follows");
    job(&world, 2, STAPLE_CERT_GOOD, 80 * HOUR, at(79 * HOUR));
    says(&world, "good 2,good 0,go-on 0,good 1,go-on 1", "until it changes");
    job(&world, 0, STAPLE_CERT_GOOD, 0, at(80 * HOUR));
    says(&world, "", "it failed before the restart: still fails");
    run(&world, at(99 * HOUR + 10));
    world.said[0] = '\0';
    begin(&world, 1, at(99 * HOUR + 11));
    run(&world, at(99 * HOUR + 12));
    says(&world, "", "an hour left, told before the restart");
    begin(&world, 1, at(200 * HOUR));
    staple_chain_state_time(world.states, at(200 * HOUR));
    says(&world, "stale 0,unavailable 0,stale 1,stale 3,stale 2",
         "it ran out while httpd was down");
    begin(&world, 1, at(201 * HOUR));
    run(&world, at(201 * HOUR));
    says(&world, "", "which is told once");
}

/* The issuer was revoked, or replaced, while nobody followed it. */
static void test_restart_elsewhere(void)
{
    world_t world = make();
    staple_record_t record;

    begin(&world, 1, at(0));
    all_good(&world, at(0));
    record = record_of(&world, 3);
    record.held.status = STAPLE_CERT_REVOKED;
    staple_writer_put_record(world.writer, 3, &record);
    begin(&world, 1, at(1));
    says(&world,
         "issuer-revoked 0,stop 0,issuer-revoked 1,stop 1,"
         "issuer-revoked 2,stop 2",
         "another machine's word about an issuer holds from the start");
    memset(&record, 0, sizeof(record));
    staple_writer_put_record(world.writer, 3, &record);
    begin(&world, 1, at(2));
    says(&world, "good 0,go-on 0,good 1,go-on 1,good 2,go-on 2",
         "another issuer: all go on");
}

static void test_nobody_to_ask(void)
{
    world_t world = make();

    begin(&world, 0, at(0));
    is_int(state(&world, 0), STAPLE_STATE_DISABLED, "no source to ask");
    begin(&world, 1, at(1));
    is_int(state(&world, 0), STAPLE_STATE_PENDING, "now there is one");
    begin(&world, 0, at(2));
    is_int(state(&world, 0), STAPLE_STATE_DISABLED, "and no longer");
    is_int(record_of(&world, 0).state_since, at(2), "since then");
    says(&world, "", "of which nothing is an event");
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS
        || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_changes();
    test_failure_first();
    test_moments();
    test_moments_and_jobs();
    test_slept();
    test_file_only();
    test_new();
    test_issuers();
    test_issuer_runs_out();
    test_crossed();
    test_restart();
    test_restart_elsewhere();
    test_nobody_to_ask();
    apr_terminate();
    return tap_done();
}
