/* Windows and health of a responder, and the order of attempts. */
#include "../tap.h"

#include <apr_general.h>
#include <apr_strings.h>

#include "staple_responders.h"
#include "staple_schedule.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOW         apr_time_from_sec(1700000000)

static apr_pool_t *p;

static apr_time_t at(apr_int64_t seconds)
{
    return NOW + apr_time_from_sec(seconds);
}

static staple_responder_t *make(void)
{
    return staple_responder_make(p, "http://ocsp.example/");
}

/* One exchange from start to end. */
static staple_responder_change_e exchange(staple_responder_t *r,
                                          apr_uint32_t index,
                                          staple_reason_e reason,
                                          apr_time_t now)
{
    staple_responder_started(r);
    return staple_responder_ended(r, index, reason, 0, 1000, now);
}

/* A responder that three certificates found in trouble at NOW. */
static staple_responder_t *make_down(void)
{
    staple_responder_t *r = make();
    apr_uint32_t i;

    for (i = 0; i < STAPLE_RESPONDER_SUSPECTS; i++) {
        exchange(r, i, STAPLE_TIMEOUT, NOW);
    }
    return r;
}

/* What a refresher is told that takes over from another one. */
static void test_was_down(void)
{
    staple_responder_t *r = make();

    staple_responder_was_down(r, 3, at(20), NOW);
    is_int(staple_responder_turn(r, at(19)), STAPLE_RESPONDER_SKIP,
           "was down: nobody asks");
    is_int(staple_responder_turn(r, at(20)), STAPLE_RESPONDER_ASK,
           "was down: until it is to be probed");
    is_int(exchange(r, 0, STAPLE_TIMEOUT, at(20)), STAPLE_RESPONDER_SAME,
           "was down: still is, which is no news");
    ok(r->probe_at > at(20) + 8 * STAPLE_RESPONDER_PROBE_FIRST,
       "was down: its back-off goes on");
    is_int(exchange(r, 0, STAPLE_OK, r->probe_at), STAPLE_RESPONDER_CAME_UP,
           "was down: its return is news");
    staple_responder_was_down(r, 3, at(20) + STAPLE_SCHEDULE_RETRY_AFTER,
                              at(-1000));
    is_int(r->probe_at, at(-1000) + STAPLE_SCHEDULE_RETRY_AFTER,
           "was down: the clock was set back");
}

/* ---- manners ---- */

static void test_window(void)
{
    staple_responder_t *r = make();
    unsigned i;

    is_int(r->in_flight, 0, "new: nothing in flight");
    for (i = 0; i < STAPLE_RESPONDER_WINDOW_FIRST; i++) {
        is_int(staple_responder_turn(r, NOW), STAPLE_RESPONDER_ASK,
               "new: exchange %u may start", i + 1);
        staple_responder_started(r);
    }
    is_int(staple_responder_turn(r, NOW), STAPLE_RESPONDER_WAIT,
           "new: no more than %u at once", i);
    staple_responder_ended(r, 0, STAPLE_OK, 200, 1000, NOW);
    is_int(r->window, STAPLE_RESPONDER_WINDOW_FIRST + 1,
           "an answer: the window grows by one");
    is_int(staple_responder_turn(r, NOW), STAPLE_RESPONDER_ASK,
           "an answer: another may start");
    staple_responder_ended(r, 1, STAPLE_TIMEOUT, 0, 1000, NOW);
    is_int(r->window, (STAPLE_RESPONDER_WINDOW_FIRST + 1) / 2,
           "a failure: the window halves");
    is_int(r->requests, STAPLE_RESPONDER_WINDOW_FIRST, "requests counted");
    is_int(r->failures, 1, "failures counted");
    is_reason(r->last_error, STAPLE_TIMEOUT, "last error kept");
    is_int(r->latency, 1000, "latency kept");
}

static void test_window_limits(void)
{
    staple_responder_t *r = make();
    unsigned i;

    for (i = 0; i < 1000; i++) {
        exchange(r, i, STAPLE_OK, NOW);
    }
    is_int(r->window, STAPLE_RESPONDER_WINDOW_LAST,
           "1000 answers: the largest window");
    for (i = 0; i < 100; i++) {
        exchange(r, 7, STAPLE_TIMEOUT, NOW);
    }
    is_int(r->window, 1, "100 failures of one certificate: one at a time");
    is_int(staple_responder_turn(r, NOW), STAPLE_RESPONDER_ASK,
           "yet one at a time may be asked");
}

/* ---- health ---- */

static void test_going_down(void)
{
    staple_responder_t *r = make();
    unsigned i;

    for (i = 0; i < 50; i++) {
        exchange(r, 7, STAPLE_TIMEOUT, NOW);
    }
    is_int(r->is_down, 0, "one certificate that fails 50 times: not down");
    is_int(exchange(r, 8, STAPLE_CONNECT, NOW), STAPLE_RESPONDER_SAME,
           "a second one: not down");
    is_int(exchange(r, 9, STAPLE_RESOLVE, NOW), STAPLE_RESPONDER_WENT_DOWN,
           "a third one: down");
    is_int(r->is_down, 1, "down");
    is_int(r->probe_at,
           NOW + STAPLE_RESPONDER_PROBE_FIRST, "first probe");

    r = make();
    exchange(r, 1, STAPLE_TIMEOUT, NOW);
    exchange(r, 2, STAPLE_TIMEOUT, NOW);
    exchange(r, 3, STAPLE_OK, NOW);
    exchange(r, 4, STAPLE_TIMEOUT, NOW);
    is_int(exchange(r, 5, STAPLE_TIMEOUT, NOW), STAPLE_RESPONDER_SAME,
           "an answer between: counting begins again");
    is_int(exchange(r, 4, STAPLE_TIMEOUT, NOW), STAPLE_RESPONDER_SAME,
           "one of them again: still two");
    is_int(exchange(r, 6, STAPLE_TIMEOUT, NOW), STAPLE_RESPONDER_WENT_DOWN,
           "a third: down");
}

static void test_no_memory(void)
{
    staple_responder_t *r = make();
    unsigned i;

    for (i = 0; i < 9; i++) {
        exchange(r, i, STAPLE_NO_MEMORY, NOW);
    }
    is_int(r->is_down, 0, "no memory here: not down for that");
    is_int(r->failures, 0, "no memory here: not its failure");
    is_int(r->in_flight, 0, "no memory here: the exchanges have ended");
    is_int(r->window, STAPLE_RESPONDER_WINDOW_FIRST,
           "no memory here: the window is as it was");
    for (i = 0; i < 3; i++) {
        exchange(r, i, STAPLE_TIMEOUT, NOW);
    }
    is_int(exchange(r, 1, STAPLE_NO_MEMORY, at(60)), STAPLE_RESPONDER_SAME,
           "no memory for a probe: no news of it");
    is_int(r->is_down, 1, "no memory for a probe: down as before");
    is_int(r->probe_at, at(60) + STAPLE_RESPONDER_PROBE_FIRST,
           "no memory for a probe: the next one is not at once");
}

static void test_probing(void)
{
    staple_responder_t *r = make_down();
    static const apr_int64_t intervals[] = {5, 10, 20, 40, 80, 160, 300, 300};
    apr_time_t now = NOW;
    unsigned i;

    for (i = 0; i < COUNT(intervals); i++) {
        apr_time_t probe = now + apr_time_from_sec(intervals[i]);

        is_int(staple_responder_turn(r, probe - 1), STAPLE_RESPONDER_SKIP,
               "probe %u: not before %d s", i, (int)intervals[i]);
        is_int(staple_responder_turn(r, probe), STAPLE_RESPONDER_ASK,
               "probe %u: then", i);
        staple_responder_started(r);
        is_int(staple_responder_turn(r, probe + 1), STAPLE_RESPONDER_SKIP,
               "probe %u: one certificate at a time", i);
        now = probe + 1000;
        is_int(staple_responder_ended(r, i % 2, STAPLE_TIMEOUT, 0, 1000,
                                      now),
               STAPLE_RESPONDER_SAME, "probe %u: still down", i);
    }
}

static void test_coming_up(void)
{
    staple_responder_t *r = make_down();

    is_int(exchange(r, 5, STAPLE_TIMEOUT, at(5)), STAPLE_RESPONDER_SAME,
           "a failed probe");
    is_int(exchange(r, 5, STAPLE_OK, at(15)), STAPLE_RESPONDER_CAME_UP,
           "an answer: up");
    is_int(r->is_down, 0, "up");
    is_int(staple_responder_turn(r, at(15)), STAPLE_RESPONDER_ASK,
           "up: asked at once");
    exchange(r, 1, STAPLE_TIMEOUT, at(15));
    is_int(exchange(r, 2, STAPLE_TIMEOUT, at(15)), STAPLE_RESPONDER_SAME,
           "up: suspects were forgotten");
    exchange(r, 3, STAPLE_TIMEOUT, at(15));
    is_int(r->probe_at, at(20), "down again: the first interval again");
}

/* Exchanges that were in flight when it went down end one by one. */
static void test_late_failures(void)
{
    staple_responder_t *r = make();
    unsigned i;

    for (i = 0; i < 4; i++) {
        staple_responder_started(r);
    }
    for (i = 0; i < 3; i++) {
        staple_responder_ended(r, i, STAPLE_TIMEOUT, 0, 1000, NOW);
    }
    is_int(r->is_down, 1, "down with one still in flight");
    is_int(staple_responder_turn(r, at(600)), STAPLE_RESPONDER_SKIP,
           "no probe beside it");
    is_int(staple_responder_ended(r, 3, STAPLE_OK, 200, 1000, at(1)),
           STAPLE_RESPONDER_CAME_UP, "its answer brings the responder up");
    is_int(r->in_flight, 0, "nothing in flight");

    r = make();
    for (i = 0; i < 40; i++) {
        staple_responder_started(r);
    }
    for (i = 0; i < 40; i++) {
        staple_responder_ended(r, i, STAPLE_TIMEOUT, 0, 1000,
                               NOW + (apr_time_t)i * 1000);
    }
    is_int(r->probe_at, NOW + 2000 + STAPLE_RESPONDER_PROBE_FIRST,
           "40 in flight that fail with it are no failed probes");
}

static const struct {
    staple_reason_e reason;
    int http_status;
    int is_trouble;
} trouble_rows[] = {
    {STAPLE_RESOLVE, 0, 1},
    {STAPLE_CONNECT, 0, 1},
    {STAPLE_TLS, 0, 1},
    {STAPLE_TIMEOUT, 0, 1},
    {STAPLE_NETWORK, 0, 1},
    {STAPLE_HTTP_TYPE, 200, 1}, /* a captive portal */
    {STAPLE_EMPTY, 200, 1},
    {STAPLE_TOO_LARGE, 200, 1},
    {STAPLE_HTTP_STATUS, 500, 1},
    {STAPLE_HTTP_STATUS, 502, 1},
    {STAPLE_HTTP_STATUS, 503, 1},
    {STAPLE_HTTP_STATUS, 599, 1},
    {STAPLE_HTTP_STATUS, 429, 1}, /* RFC 6585 4 */
    {STAPLE_STATUS_INTERNAL_ERROR, 200, 1},
    {STAPLE_STATUS_TRY_LATER, 200, 1},
    {STAPLE_OK, 200, 0},
    {STAPLE_UNKNOWN, 200, 0},
    {STAPLE_OLDER, 200, 0},
    {STAPLE_HTTP_STATUS, 400, 0},
    {STAPLE_HTTP_STATUS, 404, 0},
    {STAPLE_HTTP_STATUS, 405, 0}, /* POST only */
    {STAPLE_HTTP_STATUS, 301, 0},
    {STAPLE_STATUS_MALFORMED_REQUEST, 200, 0},
    {STAPLE_STATUS_UNAUTHORIZED, 200, 0}, /* RFC 5019 2.2.3 */
    {STAPLE_STATUS_SIG_REQUIRED, 200, 0},
    {STAPLE_MALFORMED, 200, 0},
    {STAPLE_NO_MATCH, 200, 0},
    {STAPLE_EXPIRED, 200, 0},
    {STAPLE_BAD_SIGNATURE, 200, 0},
};

static void test_trouble(void)
{
    unsigned i, k;

    for (i = 0; i < COUNT(trouble_rows); i++) {
        staple_responder_t *r = make();

        for (k = 0; k < 10; k++) {
            staple_responder_started(r);
            staple_responder_ended(r, k, trouble_rows[i].reason,
                                   trouble_rows[i].http_status, 1000, NOW);
        }
        is_int(r->is_down, trouble_rows[i].is_trouble,
               "%s (HTTP %d) for ten certificates: down?",
               staple_reason_name(trouble_rows[i].reason),
               trouble_rows[i].http_status);
    }
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
        for (k = 0; (url = staple_responders_attempt(&by_get, &cert, &policy,
                                                     k))
                    != NULL;
             k++) {
            order = apr_psprintf(p, "%s%s%c%c", order, k > 0 ? " " : "",
                                 url[7], by_get ? 'g' : 'p');
        }
        is_str(order, attempt_rows[i].want, "attempts: %s",
               attempt_rows[i].name);
        is_int(staple_responders_attempts(&cert, &policy), k,
               "attempts: %s: number", attempt_rows[i].name);
        ok(staple_responders_attempt(&by_get, &cert, &policy, 0xffffffffU)
               == NULL,
           "attempts: %s: none far beyond", attempt_rows[i].name);
        policy.no_network = 1;
        is_int(staple_responders_attempts(&cert, &policy), 0,
               "attempts: %s: none without network", attempt_rows[i].name);
        ok(staple_responders_attempt(&by_get, &cert, &policy, 0) == NULL,
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
        is_int(staple_responders_next_url(&policy, rows[i].attempt),
               rows[i].want, "the URL after that of attempt %u, method %d",
               rows[i].attempt, (int)rows[i].method);
    }
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&p, NULL);
    test_was_down();
    test_window();
    test_window_limits();
    test_going_down();
    test_no_memory();
    test_probing();
    test_coming_up();
    test_late_failures();
    test_trouble();
    test_attempts();
    test_next_url();
    apr_pool_destroy(p);
    apr_terminate();
    return tap_done();
}
