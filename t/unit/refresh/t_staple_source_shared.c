/* The refresher and a shared store: look first, take what will do, share. */
#include "../make_ocsp.h"
#include "../tap.h"

#include <stdlib.h>

#include "refresh/staple_refresh.h"
#include "refresh/staple_source_shared.h"

#define CERTS 20

static apr_pool_t *p;
static make_pki_t *pki;
static staple_policy_t policy = STAPLE_POLICY_DEFAULT;

/* A refresher of some certificates, what it told and what it shared. */
typedef struct world_t {
    void *block;
    staple_cache_t *cache;
    staple_refresh_t *refresh;
    staple_cert_t certs[CERTS];
    staple_refresh_cert_t entries[CERTS];
    unsigned told[STAPLE_REPORT_EVENT + 1];
    unsigned events[STAPLE_EVENT_COUNT];
    staple_reason_e refused; /* why, the last */
    unsigned given_up, shared;
    apr_uint32_t shared_index;
    apr_size_t shared_len;
    apr_time_t shared_until;
    unsigned char value[STAPLE_CODEC_MAX];
} world_t;

static apr_time_t at(apr_int64_t seconds)
{
    return apr_time_from_sec(MAKE_NOW + seconds);
}

static void take_report(void *baton, const staple_report_t *report)
{
    world_t *world = baton;

    world->told[report->what]++;
    if (report->what == STAPLE_REPORT_EVENT) {
        world->events[report->event]++;
    }
    if (report->what == STAPLE_REPORT_SHARED_REFUSED) {
        world->refused = report->reason;
    }
}

static void share(void *baton, apr_uint32_t index, const unsigned char *value,
                  apr_size_t len, apr_time_t use_until)
{
    world_t *world = baton;

    if (value == NULL) {
        world->given_up++;
        return;
    }
    world->shared++;
    world->shared_index = index;
    world->shared_len = len;
    world->shared_until = use_until;
    memcpy(world->value, value, len);
}

/* The certificates are one, so that one response is for all of them, under
 * keys of their own. */
static world_t *begin(apr_uint32_t count, apr_uint32_t seed)
{
    world_t *world = calloc(1, sizeof(*world));
    staple_refresh_options_t options = {.concurrency = 64,
                                        .seed = seed,
                                        .report = take_report,
                                        .baton = world,
                                        .shared = "store",
                                        .share = share,
                                        .share_baton = world};
    staple_key_t keys[CERTS];
    apr_size_t size = staple_cache_size(count, STAPLE_USUAL_MAX_SIZE);
    apr_uint32_t i;

    for (i = 0; i < count; i++) {
        world->certs[i] = *pki->cert;
        world->certs[i].key.bytes[0] = (unsigned char)i;
        world->certs[i].sha256[0] = (unsigned char)i;
        world->entries[i].cert = &world->certs[i];
        world->entries[i].policy = &policy;
        keys[i] = world->certs[i].key;
    }
    world->block = calloc(1, size);
    world->cache = staple_cache_format(world->block, size, keys, count,
                                       STAPLE_USUAL_MAX_SIZE);
    world->refresh = staple_refresh_make(p, world->entries, count, world->cache,
                                         &options, at(0));
    return world;
}

static void end(world_t *world)
{
    free(world->block);
    free(world);
}

/* A response with this status, from `age` seconds ago for `life`. */
static make_der_t make_status(int status, apr_int64_t age, apr_int64_t life)
{
    make_response_t response = make_good(pki);

    response.singles[0].status = status;
    response.singles[0].revoked_at = MAKE_NOW - MAKE_DAY;
    response.singles[0].this_update = MAKE_NOW - age;
    response.singles[0].next_update = MAKE_NOW - age + life;
    response.produced_at = MAKE_NOW - age;
    return make_response(p, &response);
}

static make_der_t make_fresh(apr_int64_t age)
{
    return make_status(V_OCSP_CERTSTATUS_GOOD, age, 7 * MAKE_DAY);
}

/* Of an hour ago by thisUpdate, whenever it was produced. */
static make_der_t make_rounded(int status, apr_int64_t produced)
{
    make_response_t response = make_good(pki);

    response.singles[0].status = status;
    response.singles[0].revoked_at = MAKE_NOW - MAKE_DAY;
    response.singles[0].this_update = MAKE_NOW - 3600;
    response.singles[0].next_update = MAKE_NOW + 7 * MAKE_DAY;
    response.produced_at = MAKE_NOW - produced;
    return make_response(p, &response);
}

static void answer(world_t *world, staple_exchange_t *exchange,
                   staple_reason_e reason, make_der_t der, int is_asked,
                   apr_time_t now)
{
    const staple_answer_t result = {.reason = reason,
                                    .der = der.bytes,
                                    .der_len = der.len,
                                    .detail = "",
                                    .http_status = 200,
                                    .is_asked = is_asked};

    staple_refresh_done(world->refresh, exchange, &result, now);
}

static const make_der_t nothing;

/* The store holds `der`, fetched at `fetched_at`, for this certificate. */
static make_der_t make_value(world_t *world, apr_uint32_t index, make_der_t der,
                             apr_time_t fetched_at)
{
    make_der_t value = {apr_palloc(p, STAPLE_CODEC_MAX), 0};

    value.len = staple_share_encode(value.bytes, world->certs[index].sha256,
                                    der.bytes, der.len, fetched_at);
    return value;
}

/* The next exchange is a look, and is answered. */
static void look(world_t *world, make_der_t value, int is_asked, apr_time_t now,
                 const char *name)
{
    staple_exchange_t *exchange = staple_refresh_next(world->refresh, now);

    ok(exchange != NULL && exchange->transport == STAPLE_TRANSPORT_SHARED,
       "%s: a look", name);
    if (exchange != NULL) {
        answer(world, exchange, STAPLE_OK, value, is_asked, now);
    }
}

/* The next exchange is with the responder. */
static staple_exchange_t *ask(world_t *world, apr_time_t now, const char *name)
{
    staple_exchange_t *exchange = staple_refresh_next(world->refresh, now);

    ok(exchange != NULL && exchange->transport != STAPLE_TRANSPORT_SHARED,
       "%s: the responder is asked", name);
    return exchange;
}

static int holds(world_t *world, make_der_t der, apr_time_t now)
{
    unsigned char buf[STAPLE_MAX_RESPONSE];
    apr_size_t len = sizeof(buf);

    return staple_cache_get(buf, &len, world->cache, &world->certs[0].key, now)
               == STAPLE_OK
           && len == der.len && memcmp(buf, der.bytes, len) == 0;
}

static staple_record_t record_of(world_t *world)
{
    staple_record_t record;

    staple_cache_get_record(&record, world->cache, 0);
    return record;
}

/* ---- one certificate ---- */

static void test_empty(void)
{
    make_der_t der = make_fresh(0), got = {NULL, 0};
    world_t *world = begin(1, 1);
    apr_time_t fetched_at = 0;
    const unsigned char *bytes = NULL;

    look(world, nothing, 0, at(0), "empty store");
    answer(world, ask(world, at(0), "empty store"), STAPLE_OK, der, 0, at(1));
    ok(holds(world, der, at(1)), "empty store: the response is held");
    is_int(world->shared, 1, "and shared");
    is_int(world->shared_index, 0, "for its certificate");
    is_reason(staple_share_decode(&bytes, &got.len, &fetched_at, world->value,
                                  world->shared_len, world->certs[0].sha256),
              STAPLE_OK, "as a value that can be read");
    is_int(fetched_at, at(1), "with the time when it was fetched");
    ok(got.len == der.len && memcmp(bytes, der.bytes, got.len) == 0,
       "and the response");
    is_int(world->shared_until, at(7 * MAKE_DAY), "until its end");
    is_int(record_of(world).requests, 1, "a look is no request");
    is_int(world->told[STAPLE_REPORT_SHARED_REFUSED], 0, "nothing refused");
    is_int(world->given_up, 0, "nothing given up");
    ok(staple_refresh_next(world->refresh, at(2)) == NULL, "all is done");
    end(world);
}

static void test_found(void)
{
    make_der_t der = make_fresh(100);
    world_t *world = begin(1, 1);

    look(world, make_value(world, 0, der, at(-90)), 1, at(0), "found");
    ok(holds(world, der, at(0)), "found: it is held");
    ok(staple_refresh_next(world->refresh, at(1)) == NULL,
       "found: nobody is asked, whoever else asks");
    is_int(world->told[STAPLE_REPORT_REFRESHED], 1, "found: told");
    is_int(world->shared, 0, "found: not shared again");
    is_int(record_of(world).requests, 0, "found: no request");
    ok(record_of(world).next_at > at(MAKE_DAY / 2), "found: due in a day");
    is_int(record_of(world).state, STAPLE_STATE_GOOD, "found: good");
    end(world);

    der = make_status(V_OCSP_CERTSTATUS_REVOKED, 100, 7 * MAKE_DAY);
    world = begin(1, 1);
    look(world, make_value(world, 0, der, at(-90)), 0, at(0), "revoked");
    is_int(record_of(world).state, STAPLE_STATE_REVOKED, "revoked: found");
    is_int(world->events[STAPLE_EVENT_REVOKED], 1, "revoked: told");
    end(world);
}

/* Good to have, but the responder has a newer one by now. */
static void test_found_old(void)
{
    make_der_t old = make_fresh(5 * MAKE_DAY), fresh = make_fresh(0);
    world_t *world = begin(1, 1);
    make_der_t value = make_value(world, 0, old, at(-5 * MAKE_DAY));
    staple_exchange_t *exchange;
    apr_time_t now;

    look(world, value, 0, at(0), "old");
    ok(holds(world, old, at(0)), "old: it is held at once");
    while ((exchange = staple_refresh_next(world->refresh, at(0))) != NULL) {
        answer(world, exchange, STAPLE_CONNECT, nothing, 0, at(0));
    }
    is_int(world->told[STAPLE_REPORT_JOB_FAILED], 1,
           "old: the responder is asked, and fails");
    is_int(record_of(world).failures, 1, "old: a failure");
    is_int(world->given_up, 1, "old: nobody need wait for it");
    ok(holds(world, old, at(0)), "old: still held");
    is_int(record_of(world).state, STAPLE_STATE_GOOD, "old: still good");

    now = record_of(world).next_at;
    look(world, value, 0, now, "old again");
    is_int(record_of(world).failures, 1, "old again: no success");
    is_int(world->told[STAPLE_REPORT_REFRESHED], 1, "old again: not told");
    answer(world, ask(world, now, "old again"), STAPLE_OK, fresh, 0, now);
    ok(holds(world, fresh, now), "then a fresh one is held");

    now = record_of(world).next_at;
    look(world, value, 0, now, "older");
    ok(holds(world, fresh, now), "an older one does not replace it");
    is_int(world->told[STAPLE_REPORT_SHARED_REFUSED], 0,
           "none of these is called wrong");
    end(world);
}

/* Staple and record speak of the same response, and it is this one. */
static int is_all(world_t *world, make_der_t der, staple_status_e status,
                  apr_time_t now)
{
    unsigned char buf[STAPLE_MAX_RESPONSE];
    apr_size_t len = sizeof(buf);
    staple_record_t record;
    staple_stamp_t stamp;

    return holds(world, der, now)
           && staple_cache_snapshot(&stamp, &record, buf, &len, world->cache,
                                    &world->certs[0].key)
           && record.der_len == der.len && record.held.status
                  == (staple_status_e)status;
}

/* Certificate authorities round thisUpdate; whoever can write to the store can
 * offer what was said before, and claim that it was got just now. */
static const struct {
    const char *name;
    int held, offered;               /* OpenSSL's status */
    apr_int64_t held_at, offered_at; /* producedAt, seconds ago */
    int wins;
} replays[] = {
    {"good over revoked, produced before", V_OCSP_CERTSTATUS_REVOKED,
     V_OCSP_CERTSTATUS_GOOD, 60, 3600, 0},
    {"good over revoked, produced then", V_OCSP_CERTSTATUS_REVOKED,
     V_OCSP_CERTSTATUS_GOOD, 60, 60, 0},
    {"unknown over good, produced before", V_OCSP_CERTSTATUS_GOOD,
     V_OCSP_CERTSTATUS_UNKNOWN, 60, 3600, 0},
    {"good over good, produced before", V_OCSP_CERTSTATUS_GOOD,
     V_OCSP_CERTSTATUS_GOOD, 60, 3600, 0},
    {"revoked over good, produced then", V_OCSP_CERTSTATUS_GOOD,
     V_OCSP_CERTSTATUS_REVOKED, 60, 60, 1},
    {"good over good, produced later", V_OCSP_CERTSTATUS_GOOD,
     V_OCSP_CERTSTATUS_GOOD, 3600, 60, 1},
};

/* `will_do`: it was got so lately that nobody else need be asked. */
static void test_replay(unsigned i, int will_do)
{
    const char *name = replays[i].name;
    int is_revoked = (replays[i].wins ? replays[i].offered : replays[i].held)
                     == V_OCSP_CERTSTATUS_REVOKED;
    make_der_t first = make_rounded(replays[i].held, replays[i].held_at);
    make_der_t second = make_rounded(replays[i].offered, replays[i].offered_at);
    world_t *world = begin(1, 1);

    policy.interval = apr_time_from_sec(600);
    look(world, nothing, 0, at(0), name);
    answer(world, ask(world, at(0), name), STAPLE_OK, first, 0, at(0));
    look(world, make_value(world, 0, second, at(will_do ? 600 : -3000)), 0,
         at(600), name);
    ok(is_all(world, replays[i].wins ? second : first,
              is_revoked ? STAPLE_CERT_REVOKED : STAPLE_CERT_GOOD, at(600)),
       "replay: %s (%d): staple and record", name, will_do);
    is_int(record_of(world).state,
           is_revoked ? STAPLE_STATE_REVOKED : STAPLE_STATE_GOOD,
           "replay: %s (%d): state", name, will_do);
    is_int(staple_refresh_next(world->refresh, at(600)) == NULL,
           replays[i].wins && will_do,
           "replay: %s (%d): the responder is asked, or not", name, will_do);
    is_int(world->told[STAPLE_REPORT_SHARED_REFUSED], 0,
           "replay: %s (%d): nothing is wrong with it", name, will_do);
    policy.interval = apr_time_from_sec(86400);
    end(world);
}

/* One that lives shorter than what is held is left where it is. */
static void test_ends_soon(void)
{
    make_der_t first = make_fresh(1000);
    make_der_t second = make_status(V_OCSP_CERTSTATUS_GOOD, 10, 12);
    world_t *world = begin(1, 1);

    policy.interval = apr_time_from_sec(600);
    look(world, nothing, 0, at(-600), "ends soon");
    answer(world, ask(world, at(-600), "ends soon"), STAPLE_OK, first, 0,
           at(-600));
    look(world, make_value(world, 0, second, at(0)), 0, at(0), "ends soon");
    ok(is_all(world, first, STAPLE_CERT_GOOD, at(0)),
       "ends soon: the longer one is held");
    is_int(world->told[STAPLE_REPORT_SHARED_REFUSED], 0,
           "ends soon: nothing is wrong with it");
    ask(world, at(0), "ends soon");
    policy.interval = apr_time_from_sec(86400);
    end(world);
}

static void test_replays(void)
{
    unsigned i;

    for (i = 0; i < sizeof(replays) / sizeof(replays[0]); i++) {
        test_replay(i, 1);
        test_replay(i, 0);
    }
}

typedef struct wrong_t {
    const char *name;
    staple_reason_e reason;
    make_der_t value;
} wrong_t;

/* Values that must not be used; returns how many. */
static unsigned make_wrong(wrong_t wrong[8], world_t *world)
{
    static unsigned char try_later[] = {0x30, 3, 0x0a, 1, 3};
    make_response_t forged = make_good(pki);
    unsigned n = 0;

    forged.signer = pki->plain;
    forged.embed[0] = pki->plain.x509;
    wrong[n++] =
        (wrong_t){"junk", STAPLE_DAMAGED, {(unsigned char *)"junk", 4}};
    world->certs[0].sha256[5] ^= 1;
    wrong[n++] = (wrong_t){"a value of another certificate", STAPLE_DAMAGED,
                           make_value(world, 0, make_fresh(10), at(0))};
    world->certs[0].sha256[5] ^= 1;
    wrong[n++] =
        (wrong_t){"forged", STAPLE_SIGNER_NOT_AUTHORISED,
                  make_value(world, 0, make_response(p, &forged), at(0))};
    wrong[n++] = (wrong_t){
        "out of date", STAPLE_EXPIRED,
        make_value(world, 0,
                   make_status(V_OCSP_CERTSTATUS_GOOD, MAKE_DAY, MAKE_HOUR),
                   at(0))};
    wrong[n++] = (wrong_t){
        "unknown", STAPLE_UNKNOWN,
        make_value(world, 0,
                   make_status(V_OCSP_CERTSTATUS_UNKNOWN, 10, MAKE_DAY),
                   at(0))};
    wrong[n++] = (wrong_t){
        "an error status", STAPLE_STATUS_TRY_LATER,
        make_value(world, 0, (make_der_t){try_later, sizeof(try_later)},
                   at(0))};
    return n;
}

static void test_wrong(void)
{
    make_der_t der = make_fresh(0);
    unsigned i, count = 1;

    for (i = 0; i < count; i++) {
        world_t *world = begin(1, 1);
        wrong_t rows[8], *row = &rows[i];

        count = make_wrong(rows, world);
        look(world, row->value, 0, at(0), row->name);
        is_int(world->told[STAPLE_REPORT_SHARED_REFUSED], 1, "%s: refused",
               row->name);
        is_reason(world->refused, row->reason, "%s: why", row->name);
        is_int(record_of(world).der_len, 0, "%s: not held", row->name);
        is_int(record_of(world).failures, 0, "%s: no failure of the job",
               row->name);
        answer(world, ask(world, at(0), row->name), STAPLE_OK, der, 0, at(0));
        is_int(world->shared, 1, "%s: replaced", row->name);
        end(world);
    }
}

static void test_waits(void)
{
    make_der_t der = make_fresh(0);
    world_t *world = begin(1, 1);
    apr_time_t now = at(0), due;
    unsigned looks = 0;

    look(world, nothing, 1, now, "somebody asks");
    ok(staple_refresh_next(world->refresh, now + 900000) == NULL,
       "nobody else does for a second");
    due = staple_refresh_due_at(world->refresh);
    ok(due >= at(1) && due <= at(1) + 250000, "one second, or a bit more");
    look(world, make_value(world, 0, der, at(1)), 1, due, "then");
    ok(holds(world, der, due), "its response is there");
    is_int(record_of(world).requests, 0, "without a request");
    end(world);

    /* A note that does not go away. */
    world = begin(1, 1);
    for (;;) {
        staple_exchange_t *exchange = staple_refresh_next(world->refresh, now);

        if (exchange != NULL
            && exchange->transport != STAPLE_TRANSPORT_SHARED) {
            answer(world, exchange, STAPLE_OK, der, 0, now);
            break;
        }
        looks += exchange != NULL;
        if (exchange != NULL) {
            answer(world, exchange, STAPLE_OK, nothing, 1, now);
        }
        else {
            now = staple_refresh_due_at(world->refresh);
        }
    }
    ok(now >= at(10) && now < at(12), "a note holds back for ten seconds");
    ok(looks >= 8 && looks <= 11, "with a look per second");
    now = record_of(world).next_at;
    look(world, nothing, 1, now, "the next job");
    ok(staple_refresh_next(world->refresh, now) == NULL, "waits anew");
    end(world);
}

static void test_nonce(void)
{
    world_t *world;

    policy.nonce = 1;
    world = begin(1, 1);
    ask(world, at(0), "with nonces");
    policy.nonce = 0;
    end(world);
}

/* ---- several certificates ---- */

static void test_down(void)
{
    make_der_t der = make_fresh(0);
    world_t *world = begin(CERTS, 1);
    staple_exchange_t *looks[CERTS], *exchange;
    unsigned count = 0, i, asked = 0;

    while ((exchange = staple_refresh_next(world->refresh, at(0))) != NULL) {
        looks[count++] = exchange;
    }
    ok(count >= 3 && count <= STAPLE_SHARE_QUERIES, "some looks at once");
    for (i = 0; i < count; i++) {
        answer(world, looks[i], STAPLE_TIMEOUT, nothing, 0, at(1));
    }
    is_int(world->events[STAPLE_EVENT_RESPONDER_DOWN], 1,
           "a store that does not answer is down, which is told once");
    is_int(world->told[STAPLE_REPORT_ATTEMPT_FAILED], 0, "not for each");
    while ((exchange = staple_refresh_next(world->refresh, at(1))) != NULL) {
        ok(exchange->transport != STAPLE_TRANSPORT_SHARED,
           "down: the responder is asked");
        answer(world, exchange, STAPLE_OK, der, 0, at(1));
        asked++;
    }
    is_int(asked, CERTS, "for all of them");
    is_int(world->told[STAPLE_REPORT_REFRESHED], CERTS, "with success");
    is_int(world->told[STAPLE_REPORT_JOB_FAILED], 0, "nothing has failed");
    is_int(world->shared, 0, "and nothing is put into it");

    exchange = staple_refresh_next(world->refresh, at(2 * MAKE_DAY));
    ok(exchange != NULL && exchange->transport == STAPLE_TRANSPORT_SHARED,
       "later one looks again");
    answer(world, exchange, STAPLE_OK, nothing, 0, at(2 * MAKE_DAY));
    is_int(world->events[STAPLE_EVENT_RESPONDER_UP], 1, "it is back");
    end(world);
}

static void test_order(void)
{
    unsigned same = 0, seen[2][CERTS] = {{0}}, k, i;

    for (k = 0; k < 2; k++) {
        world_t *world = begin(CERTS, 77 + k * 1000);

        for (i = 0; i < CERTS; i++) {
            staple_exchange_t *exchange =
                staple_refresh_next(world->refresh, at(0));

            seen[k][i] = exchange->index;
            answer(world, exchange, STAPLE_OK, nothing, 1, at(0));
        }
        end(world);
    }
    for (i = 0; i < CERTS; i++) {
        same += seen[0][i] == seen[1][i];
    }
    ok(same < CERTS / 2, "each machine has an order of its own");
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    test_empty();
    test_found();
    test_found_old();
    test_replays();
    test_ends_soon();
    test_wrong();
    test_waits();
    test_nonce();
    test_down();
    test_order();
    make_end(p);
    return tap_done();
}
