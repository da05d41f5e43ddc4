/* Windows and health of a responder, and the order of attempts. */
#include "../tap.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <string.h>

#include "refresh/staple_responder.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOW         apr_time_from_sec(1700000000)

static apr_pool_t *p;

static apr_time_t at(apr_int64_t seconds)
{
    return NOW + apr_time_from_sec(seconds);
}

/* A responder with an origin of its own. */
static staple_responder_t *make(void)
{
    return staple_responder_make(
        p, "http://ocsp.example/",
        staple_responder_make_origin(p, "http://ocsp.example", NULL));
}

static staple_responder_t *make_other(staple_responder_t *r, const char *url)
{
    return staple_responder_make(p, url, r->origin);
}

/* One exchange from start to end. */
static staple_responder_change_t exchange(staple_responder_t *r,
                                          apr_uint32_t index,
                                          staple_reason_e reason,
                                          apr_time_t now)
{
    staple_responder_started(r);
    return staple_responder_ended(
        r, index, reason, reason == STAPLE_HTTP_STATUS ? 503 : 0, 1000, now);
}

static int may_ask(staple_responder_t *r, apr_time_t now)
{
    staple_health_t *down;

    return staple_origin_has_room(r->origin)
           && staple_responder_may_ask(&down, r, now);
}

/* ---- manners ---- */

static void test_window(void)
{
    staple_responder_t *r = make();
    staple_origin_t *origin = r->origin;
    unsigned i;

    is_int(origin->health.in_flight, 0, "new: nothing in flight");
    for (i = 0; i < STAPLE_RESPONDER_WINDOW_FIRST; i++) {
        ok(may_ask(r, NOW), "new: exchange %u may start", i + 1);
        staple_responder_started(r);
    }
    ok(!may_ask(r, NOW), "new: no more than %u at once", i);
    ok(!may_ask(make_other(r, "http://ocsp.example/b"), NOW),
       "new: nor by another URL of the same origin");
    staple_responder_ended(r, 0, STAPLE_OK, 200, 1000, NOW);
    is_int(origin->window, STAPLE_RESPONDER_WINDOW_FIRST + 1,
           "an answer: the window grows by one");
    ok(may_ask(r, NOW), "an answer: another may start");
    staple_responder_ended(r, 1, STAPLE_TIMEOUT, 0, 2000, NOW);
    is_int(origin->window, (STAPLE_RESPONDER_WINDOW_FIRST + 1) / 2,
           "a failure: the window halves");
    is_int(r->requests, STAPLE_RESPONDER_WINDOW_FIRST, "requests counted");
    is_int(r->failures, 1, "failures counted");
    is_reason(r->last_error, STAPLE_TIMEOUT, "last error kept");
    is_int(r->latency, 1000, "latency kept, of the last answer");
}

static void test_window_limits(void)
{
    staple_responder_t *r = make();
    staple_origin_t *origin = r->origin;
    unsigned i;

    for (i = 0; i < 1000; i++) {
        exchange(r, i, STAPLE_OK, NOW);
    }
    is_int(origin->window, STAPLE_RESPONDER_WINDOW_LAST,
           "1000 answers: the largest window");
    exchange(r, 7, STAPLE_TIMEOUT, NOW);
    ok(origin->window > STAPLE_RESPONDER_WINDOW_FIRST, "a failure: halved");
    for (i = 0; i < STAPLE_RESPONDER_WINDOW_FIRST; i++) {
        staple_responder_started(r);
    }
    ok(!may_ask(r, NOW), "but unproven: as few as at first");
    for (i = 0; i < 100; i++) {
        exchange(r, 7, STAPLE_TIMEOUT, NOW);
    }
    is_int(origin->window, 1, "100 failures of one certificate: one at a time");
}

static void test_proof(void)
{
    staple_responder_t *r = make();
    staple_origin_t *origin = r->origin;

    ok(!origin->is_proven, "new: not proven");
    exchange(r, 1, STAPLE_OK, NOW);
    ok(origin->is_proven, "an answer proves");
    exchange(r, 1, STAPLE_HTTP_STATUS, NOW);
    ok(!origin->is_proven, "a failure takes that away");
    exchange(r, 1, STAPLE_STATUS_UNAUTHORIZED, NOW);
    ok(origin->is_proven, "what says something of one certificate does not");
    exchange(r, 1, STAPLE_TIMEOUT, NOW);
    ok(!origin->is_proven, "silence does");
    origin->is_own = 1;
    exchange(r, 1, STAPLE_TIMEOUT, NOW);
    ok(origin->is_proven, "the shared store needs no proof");
}

static void test_leash(void)
{
    staple_responder_t *r = make();
    staple_origin_t *origin = r->origin;
    apr_interval_time_t first = STAPLE_RESPONDER_LEASH;

    is_int(origin->leash, first, "new: the first leash");
    exchange(r, 1, STAPLE_OK, NOW);
    staple_responder_started(r);
    staple_responder_was_cut(r, first);
    is_int(origin->leash, 2 * first, "cut short: twice as long the next time");
    ok(!origin->is_proven, "cut short: no longer proven");
    is_int(r->health.failures + r->failures, 0, "cut short: not a failure");
    is_int(origin->health.in_flight + r->health.in_flight, 0,
           "cut short: the exchange has ended");
    staple_responder_started(r);
    staple_responder_was_cut(r, first);
    is_int(origin->leash, 2 * first, "cut short beside it: not twice again");
    staple_responder_started(r);
    staple_responder_ended(r, 1, STAPLE_OK, 200, 4 * first, NOW);
    is_int(origin->leash, 16 * first, "a slow answer: four times what it took");
    exchange(r, 1, STAPLE_OK, NOW);
    is_int(origin->leash, first, "a quick one: the first leash");
}

/* ---- whose fault ---- */

static const struct {
    staple_reason_e reason;
    int http_status;
    int is_origins; /* 1; 0: the URL's; -1: neither's */
} trouble_rows[] = {
    {STAPLE_RESOLVE, 0, 1},
    {STAPLE_CONNECT, 0, 1},
    {STAPLE_TLS, 0, 1},
    {STAPLE_TIMEOUT, 0, 1},
    {STAPLE_NETWORK, 0, 1},
    {STAPLE_TIMEOUT, 200, 0}, /* it has begun to answer */
    {STAPLE_NETWORK, 200, 0},
    {STAPLE_HTTP_TYPE, 200, 0}, /* a captive portal */
    {STAPLE_EMPTY, 200, 0},
    {STAPLE_TOO_LARGE, 200, 0},
    {STAPLE_HTTP_STATUS, 500, 0},
    {STAPLE_HTTP_STATUS, 502, 0},
    {STAPLE_HTTP_STATUS, 503, 0},
    {STAPLE_HTTP_STATUS, 599, 0},
    {STAPLE_HTTP_STATUS, 429, 0}, /* RFC 6585 4 */
    {STAPLE_STATUS_INTERNAL_ERROR, 200, 0},
    {STAPLE_STATUS_TRY_LATER, 200, 0},
    {STAPLE_OK, 200, -1},
    {STAPLE_UNKNOWN, 200, -1},
    {STAPLE_OLDER, 200, -1},
    {STAPLE_HTTP_STATUS, 400, -1},
    {STAPLE_HTTP_STATUS, 404, -1},
    {STAPLE_HTTP_STATUS, 405, -1}, /* POST only */
    {STAPLE_HTTP_STATUS, 301, -1},
    {STAPLE_STATUS_MALFORMED_REQUEST, 200, -1},
    {STAPLE_STATUS_UNAUTHORIZED, 200, -1}, /* RFC 5019 2.2.3 */
    {STAPLE_STATUS_SIG_REQUIRED, 200, -1},
    {STAPLE_MALFORMED, 200, -1},
    {STAPLE_NO_MATCH, 200, -1},
    {STAPLE_EXPIRED, 200, -1},
    {STAPLE_BAD_SIGNATURE, 200, -1},
};

static void test_trouble(void)
{
    unsigned i, k;

    for (i = 0; i < COUNT(trouble_rows); i++) {
        const char *name = staple_reason_name(trouble_rows[i].reason);
        staple_responder_t *r = make();

        for (k = 0; k < 10; k++) {
            staple_responder_started(r);
            staple_responder_ended(r, k, trouble_rows[i].reason,
                                   trouble_rows[i].http_status, 1000, NOW);
        }
        is_int(r->origin->health.is_down, trouble_rows[i].is_origins == 1,
               "%s (HTTP %d) for ten certificates: origin down?", name,
               trouble_rows[i].http_status);
        is_int(r->health.is_down, trouble_rows[i].is_origins == 0,
               "%s (HTTP %d) for ten certificates: URL down?", name,
               trouble_rows[i].http_status);
    }
}

static void test_no_memory(void)
{
    staple_responder_t *r = make();
    staple_health_t *health = &r->origin->health;
    unsigned i;

    for (i = 0; i < 9; i++) {
        exchange(r, i, STAPLE_NO_MEMORY, NOW);
    }
    is_int(health->is_down, 0, "no memory here: not down for that");
    is_int(r->failures, 0, "no memory here: not its failure");
    is_int(health->in_flight, 0, "no memory here: the exchanges have ended");
    is_int(r->origin->window, STAPLE_RESPONDER_WINDOW_FIRST,
           "no memory here: the window is as it was");
    for (i = 0; i < 3; i++) {
        exchange(r, i, STAPLE_TIMEOUT, NOW);
    }
    is_int(exchange(r, 1, STAPLE_NO_MEMORY, at(60)).origin, STAPLE_HEALTH_SAME,
           "no memory for a probe: no news of it");
    is_int(health->is_down, 1, "no memory for a probe: down as before");
    is_int(health->probe_at, at(60) + STAPLE_HEALTH_PROBE_FIRST,
           "no memory for a probe: the next one is not at once");
}

/* Two URLs of one server. */
static void test_shared_origin(void)
{
    staple_responder_t *a = make();
    staple_responder_t *b = make_other(a, "http://ocsp.example/b");
    staple_responder_t *c = make_other(a, "http://ocsp.example/c");
    staple_responder_change_t change;
    staple_health_t *down;

    exchange(a, 1, STAPLE_CONNECT, NOW);
    exchange(b, 2, STAPLE_CONNECT, NOW);
    change = exchange(a, 3, STAPLE_CONNECT, NOW);
    is_int(change.origin, STAPLE_HEALTH_WENT_DOWN,
           "three fail at two URLs: the origin is down");
    is_int(change.url, STAPLE_HEALTH_SAME, "which is told of it alone");
    ok(!staple_responder_may_ask(&down, c, NOW)
           && down == &a->origin->health,
       "a third URL is not asked, and for that reason");
    ok(may_ask(c, at(5)), "but to probe, by whatever URL");
    change = exchange(c, 4, STAPLE_HTTP_STATUS, at(5));
    is_int(change.origin, STAPLE_HEALTH_CAME_UP,
           "an answer of whatever kind: it is back");
    is_int(c->health.failures, 1, "though that URL failed");
    ok(may_ask(a, at(5)) && may_ask(b, at(5)), "for all of them");
}

/* One URL hangs, at a server where others answer. */
static void test_one_bad_url(void)
{
    staple_responder_t *good = make();
    staple_responder_t *bad = make_other(good, "http://ocsp.example/bad");
    staple_responder_change_t change;
    unsigned i;

    exchange(good, 1, STAPLE_OK, NOW);
    exchange(bad, 2, STAPLE_TIMEOUT, NOW);
    exchange(bad, 3, STAPLE_TIMEOUT, NOW);
    change = exchange(bad, 4, STAPLE_TIMEOUT, NOW);
    is_int(change.url, STAPLE_HEALTH_WENT_DOWN, "it goes down itself");
    is_int(change.origin, STAPLE_HEALTH_SAME, "and nobody else with it");
    ok(!may_ask(bad, NOW) && may_ask(good, NOW), "the others are asked");
    for (i = 0; i < 10; i++) {
        exchange(bad, 10 + i, STAPLE_TIMEOUT, at(1000 * (i + 1)));
    }
    ok(!good->origin->health.is_down,
       "its probes fail, which says nothing new of the others");
    exchange(good, 1, STAPLE_TIMEOUT, at(20000));
    exchange(good, 2, STAPLE_TIMEOUT, at(20000));
    change = exchange(good, 3, STAPLE_TIMEOUT, at(20000));
    is_int(change.origin, STAPLE_HEALTH_WENT_DOWN,
           "they fail, too: now it is the origin");
}

/* It was found down while a URL that answers was not asked. */
static void test_innocent(void)
{
    staple_responder_t *good = make();
    staple_responder_t *bad = make_other(good, "http://ocsp.example/bad");
    staple_responder_t *worse = make_other(good, "http://ocsp.example/worse");
    staple_health_t *down;

    exchange(good, 1, STAPLE_OK, NOW);
    exchange(bad, 2, STAPLE_TIMEOUT, NOW);
    exchange(worse, 3, STAPLE_TIMEOUT, NOW);
    exchange(bad, 4, STAPLE_TIMEOUT, NOW);
    is_int(good->origin->health.is_down, 1, "two URLs fail: the origin's");
    ok(!may_ask(bad, at(1)), "who failed waits for the probe");
    ok(may_ask(good, at(1)), "who answered the last time does not");
    staple_responder_started(bad);
    ok(!staple_responder_may_ask(&down, good, at(1)),
       "unless somebody asks already");
    staple_responder_ended(bad, 2, STAPLE_TIMEOUT, 0, 1000, at(1));
    is_int(exchange(good, 1, STAPLE_TIMEOUT, at(1)).origin, STAPLE_HEALTH_SAME,
           "it fails as well");
    ok(!may_ask(good, at(2)), "then it waits, too");
}

static void test_ids(void)
{
    staple_origin_t *origin = staple_responder_make_origin(p, "http://a", NULL);
    staple_responder_t *r = staple_responder_make(p, "http://a", origin);
    staple_responder_t *same = staple_responder_make(p, "http://a", origin);
    staple_responder_t *other = staple_responder_make(p, "http://b", origin);

    ok(memcmp(&r->id, &same->id, sizeof(r->id)) == 0, "ids: of one URL");
    ok(memcmp(&r->id, &other->id, sizeof(r->id)) != 0, "ids: of two");
    ok(memcmp(&r->id, &origin->id, sizeof(r->id)) != 0,
       "ids: an origin is no URL, whatever its text");
}

/* ---- attempts ---- */

static const char *const own_urls[] = {"http://a", "http://b"};
static const char *const listed_urls[] = {"http://x", "http://y", NULL};

static const struct {
    const char *name;
    unsigned own;
    int listed;
    staple_action_e action;
    staple_method_e method;
    const char *want; /* letter of the URL, p or g, in order */
} attempt_rows[] = {
    {"one URL", 1, 0, STAPLE_ACTION_FAILOVER, STAPLE_METHOD_POST_GET,
     "ap ag"},
    {"one URL, GET first", 1, 0, STAPLE_ACTION_FAILOVER,
     STAPLE_METHOD_GET_POST, "ag ap"},
    {"one URL, POST only", 1, 0, STAPLE_ACTION_FAILOVER, STAPLE_METHOD_POST,
     "ap"},
    {"one URL, GET only", 1, 0, STAPLE_ACTION_FAILOVER, STAPLE_METHOD_GET,
     "ag"},
    {"two URLs", 2, 0, STAPLE_ACTION_FAILOVER, STAPLE_METHOD_POST_GET,
     "ap ag bp bg"},
    {"failover", 2, 1, STAPLE_ACTION_FAILOVER, STAPLE_METHOD_POST_GET,
     "ap ag bp bg xp xg yp yg"},
    {"failover, GET first", 2, 1, STAPLE_ACTION_FAILOVER,
     STAPLE_METHOD_GET_POST, "ag ap bg bp xg xp yg yp"},
    {"failover, POST only", 2, 1, STAPLE_ACTION_FAILOVER, STAPLE_METHOD_POST,
     "ap bp xp yp"},
    {"failover, GET only", 2, 1, STAPLE_ACTION_FAILOVER, STAPLE_METHOD_GET,
     "ag bg xg yg"},
    {"failover, no URLs of its own", 0, 1, STAPLE_ACTION_FAILOVER,
     STAPLE_METHOD_POST, "xp yp"},
    {"override", 2, 1, STAPLE_ACTION_OVERRIDE, STAPLE_METHOD_POST_GET,
     "xp xg yp yg"},
    {"override, GET first", 2, 1, STAPLE_ACTION_OVERRIDE,
     STAPLE_METHOD_GET_POST, "xg xp yg yp"},
    {"override, POST only", 2, 1, STAPLE_ACTION_OVERRIDE, STAPLE_METHOD_POST,
     "xp yp"},
    {"override, GET only", 2, 1, STAPLE_ACTION_OVERRIDE, STAPLE_METHOD_GET,
     "xg yg"},
    {"override, no list", 2, 0, STAPLE_ACTION_OVERRIDE, STAPLE_METHOD_POST,
     ""},
    {"nobody at all", 0, 0, STAPLE_ACTION_FAILOVER, STAPLE_METHOD_POST_GET,
     ""},
};

static void test_attempts(void)
{
    unsigned i, k;

    for (i = 0; i < COUNT(attempt_rows); i++) {
        staple_policy_t policy = STAPLE_POLICY_DEFAULT;
        staple_cert_t cert = {.urls = own_urls};
        const char *order = "", *url;
        int by_get = -1;

        cert.url_count = (unsigned short)attempt_rows[i].own;
        policy.urls = attempt_rows[i].listed ? listed_urls : NULL;
        policy.action = attempt_rows[i].action;
        policy.method = attempt_rows[i].method;
        for (k = 0; (url = staple_responder_attempt(&by_get, &cert, &policy,
                                                     k))
                    != NULL;
             k++) {
            order = apr_psprintf(p, "%s%s%c%c", order, k > 0 ? " " : "",
                                 url[7], by_get ? 'g' : 'p');
        }
        is_str(order, attempt_rows[i].want, "attempts: %s",
               attempt_rows[i].name);
        is_int(staple_responder_attempts(&cert, &policy), k,
               "attempts: %s: number", attempt_rows[i].name);
        ok(staple_responder_attempt(&by_get, &cert, &policy, 0xffffffffU)
               == NULL,
           "attempts: %s: none far beyond", attempt_rows[i].name);
        policy.no_network = 1;
        is_int(staple_responder_attempts(&cert, &policy), 0,
               "attempts: %s: none without network", attempt_rows[i].name);
        ok(staple_responder_attempt(&by_get, &cert, &policy, 0) == NULL,
           "attempts: %s: nor a first", attempt_rows[i].name);
    }
}

static void test_next_url(void)
{
    static const struct {
        staple_method_e method;
        unsigned attempt, want;
    } rows[] = {
        {STAPLE_METHOD_POST_GET, 0, 2}, {STAPLE_METHOD_POST_GET, 1, 2},
        {STAPLE_METHOD_POST_GET, 2, 4}, {STAPLE_METHOD_GET_POST, 3, 4},
        {STAPLE_METHOD_POST, 0, 1},     {STAPLE_METHOD_GET, 1, 2},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        staple_policy_t policy = STAPLE_POLICY_DEFAULT;

        policy.method = rows[i].method;
        is_int(staple_responder_next_url(&policy, rows[i].attempt),
               rows[i].want, "the URL after that of attempt %u, method %d",
               rows[i].attempt, (int)rows[i].method);
    }
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&p, NULL);
    test_window();
    test_window_limits();
    test_proof();
    test_leash();
    test_trouble();
    test_no_memory();
    test_shared_origin();
    test_one_bad_url();
    test_innocent();
    test_ids();
    test_attempts();
    test_next_url();
    apr_pool_destroy(p);
    apr_terminate();
    return tap_done();
}
