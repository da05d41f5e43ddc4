/* When to ask next: a row for each sentence of the header. */
#include "../tap.h"

#include "refresh/staple_schedule.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define NOW       ((apr_int64_t)1700000000)
#define HOUR      ((apr_int64_t)3600)
#define DAY       ((apr_int64_t)86400)
#define NO_JITTER 0U
#define JITTER    1023U /* the most there is */
#define SECONDS(instant)                                                       \
    ((double)((instant) - apr_time_from_sec(NOW)) / APR_USEC_PER_SEC)

static const staple_policy_t default_policy = STAPLE_POLICY_DEFAULT;

static apr_time_t at(apr_int64_t seconds)
{
    return apr_time_from_sec(NOW + seconds);
}

/* ---- after a success ---- */

static const struct {
    const char *name;
    apr_int64_t interval;  /* 0: the default, a day */
    apr_int64_t use_until; /* seconds from now */
    apr_int64_t fresh_for;
    apr_uint32_t jitter;
    double least, most; /* seconds from now */
} success_rows[] = {
    {"half of the life left", 0, 10 * HOUR, 0, NO_JITTER, 5 * HOUR, 5 * HOUR},
    {"half of it, a jitter of nearly 10 % earlier", 0, 10 * HOUR, 0, JITTER,
     4.5 * HOUR, 4.5 * HOUR + 20},
    {"never later than the interval", 0, 7 * DAY, 0, NO_JITTER, DAY, DAY},
    {"the interval, with jitter", 0, 7 * DAY, 0, JITTER, 0.9 * DAY,
     0.9 * DAY + 100},
    {"a shorter interval", HOUR, 7 * DAY, 0, NO_JITTER, HOUR, HOUR},
    {"just where both meet", 0, 2 * DAY, 0, NO_JITTER, DAY, DAY},
    {"never sooner than the floor", 0, 8, 0, NO_JITTER, 5, 5},
    {"the floor with jitter", 0, 10, 0, JITTER, 5, 5},
    {"an interval of a second: the floor", 1, 7 * DAY, 0, NO_JITTER, 5, 5},
    {"the life is over: the floor", 0, 0, 0, NO_JITTER, 5, 5},
    {"it is long over (the clock is wrong)", 0, -999 * DAY, 0, JITTER, 5, 5},
    {"it was over before 1970", 0, -NOW - DAY, 0, NO_JITTER, 5, 5},
    {"HTTP: nothing newer before the half", 0, 10 * HOUR, 5 * HOUR, JITTER,
     5 * HOUR, 5 * HOUR},
    {"HTTP takes back a part of the jitter", 0, 10 * HOUR, 17500, JITTER,
     17500, 17500},
    {"HTTP takes back nothing that is earlier", 0, 10 * HOUR, HOUR, JITTER,
     4.5 * HOUR, 4.5 * HOUR + 20},
    {"HTTP cannot put it off past the half", 0, 10 * HOUR, 9 * HOUR, JITTER,
     5 * HOUR, 5 * HOUR},
    {"HTTP cannot put it off past the interval", HOUR, 7 * DAY, 7 * DAY,
     JITTER, HOUR, HOUR},
    {"HTTP says something negative", 0, 10 * HOUR, -HOUR, NO_JITTER,
     5 * HOUR, 5 * HOUR},
    {"until the year 9999", 0, 253402300799 - NOW, 0, NO_JITTER, DAY, DAY},
    {"until the year 9999, interval of a year", 365 * DAY,
     253402300799 - NOW, 0, JITTER, 0.9 * 365 * DAY, 0.9 * 365 * DAY + 40000},
};

static void test_success(void)
{
    unsigned i;

    for (i = 0; i < COUNT(success_rows); i++) {
        staple_policy_t policy = default_policy;
        double got;

        if (success_rows[i].interval != 0) {
            policy.interval = apr_time_from_sec(success_rows[i].interval);
        }
        got = SECONDS(staple_schedule_after_success(
            &policy, at(success_rows[i].use_until),
            apr_time_from_sec(success_rows[i].fresh_for),
            success_rows[i].jitter, at(0)));
        ok(got >= success_rows[i].least && got <= success_rows[i].most,
           "success: %s (%.3f s)", success_rows[i].name, got);
    }
}

/* ---- after failures ---- */

static const struct {
    const char *name;
    apr_int64_t retry_interval; /* 0: automatic */
    unsigned failures;
    apr_int64_t use_until; /* seconds from now; 0: nothing is held */
    apr_int64_t retry_after;
    double want; /* seconds from now, without jitter */
} failure_rows[] = {
    /* nothing held: 5 s, doubling to ten minutes */
    {"nothing held, 1st", 0, 1, 0, 0, 5},
    {"nothing held, 2nd", 0, 2, 0, 0, 10},
    {"nothing held, 3rd", 0, 3, 0, 0, 20},
    {"nothing held, 7th", 0, 7, 0, 0, 320},
    {"nothing held, 8th", 0, 8, 0, 0, 600},
    {"nothing held, 9th", 0, 9, 0, 0, 600},
    {"nothing held, 26th (HAProxy's overflow)", 0, 26, 0, 0, 600},
    {"nothing held, 64th", 0, 64, 0, 0, 600},
    {"nothing held, 99th", 0, 99, 0, 0, 600},
    {"what is held is over", 0, 9, -HOUR, 0, 600},
    /* something held: to an hour */
    {"a week left, 1st", 0, 1, 7 * DAY, 0, 5},
    {"a week left, 10th", 0, 10, 7 * DAY, 0, 2560},
    {"a week left, 11th", 0, 11, 7 * DAY, 0, HOUR},
    {"a week left, 99th", 0, 99, 7 * DAY, 0, HOUR},
    /* never more than a quarter of the life left */
    {"100 s left, 3rd", 0, 3, 100, 0, 20},
    {"100 s left, 4th", 0, 4, 100, 0, 25},
    {"100 s left, 20th", 0, 20, 100, 0, 25},
    {"an hour left, 20th", 0, 20, HOUR, 0, 900},
    {"four hours left, 20th", 0, 20, 4 * HOUR, 0, HOUR},
    {"20 s left, 1st: the first interval is the quarter", 0, 1, 20, 0, 5},
    {"10 s left, 1st: the quarter is less", 0, 1, 10, 0, 2.5},
    {"10 s left, 20th", 0, 20, 10, 0, 2.5},
    {"a second left: not below a second", 0, 1, 1, 0, 1},
    /* an interval that the administrator gave */
    {"given, 1st", 60, 1, 0, 0, 60},
    {"given, 99th", 60, 99, 0, 0, 60},
    {"given, little life left", 60, 1, 10, 0, 60},
    {"given, a second", 1, 1, 0, 0, 1},
    /* the tries are used up */
    {"99 of 100 tries", 0, 99, 7 * DAY, 0, HOUR},
    {"100 of 100 tries", 0, 100, 7 * DAY, 0, DAY},
    {"101 of 100 tries", 0, 101, 7 * DAY, 0, DAY},
    {"100 of 100 tries, given", 60, 100, 0, 0, DAY},
    {"the most failures that can be counted", 0, 0xffffffffU, 0, 0, DAY},
    {"100 of 100 tries, little life left", 0, 100, HOUR, 0, DAY},
    /* Retry-After */
    {"Retry-After is longer", 0, 1, 0, 120, 120},
    {"Retry-After is shorter", 0, 5, 0, 10, 80},
    {"Retry-After of an hour", 0, 1, 0, HOUR, HOUR},
    {"Retry-After of a year", 0, 1, 0, 365 * DAY, HOUR},
    {"Retry-After longer than the one given", 60, 1, 0, 120, 120},
    {"Retry-After is negative", 0, 1, 0, -HOUR, 5},
    {"Retry-After when the tries are used up", 0, 100, 0, HOUR, DAY},
    {"Retry-After, an hour left: a quarter of it", 0, 1, HOUR, HOUR, 900},
    {"Retry-After, 10 s left: a quarter of it", 0, 1, 10, HOUR, 2.5},
    {"Retry-After, an hour left, given", 60, 1, HOUR, HOUR, 900},
    {"Retry-After, 10 s left, given: the one given", 60, 1, 10, HOUR, 60},
    {"Retry-After, what is held is over", 0, 1, -HOUR, HOUR, HOUR},
};

static void test_failure(void)
{
    unsigned i;

    for (i = 0; i < COUNT(failure_rows); i++) {
        staple_policy_t policy = default_policy;
        apr_int64_t until = failure_rows[i].use_until;
        double got;

        policy.max_tries = 100;
        policy.retry_interval
            = apr_time_from_sec(failure_rows[i].retry_interval);
        got = SECONDS(staple_schedule_after_failure(
            &policy, failure_rows[i].failures, until != 0 ? at(until) : 0,
            apr_time_from_sec(failure_rows[i].retry_after), NO_JITTER,
            at(0)));
        ok(got == failure_rows[i].want, "failure: %s: %.3f s, want %.3f s",
           failure_rows[i].name, got, failure_rows[i].want);
    }
}

static void test_failure_limits(void)
{
    staple_policy_t policy = default_policy;

    policy.interval = apr_time_from_sec(60);
    is_int(staple_schedule_after_failure(&policy, 1, 0,
                                         apr_time_from_sec(HOUR), NO_JITTER,
                                         at(0)),
           at(60), "failure: Retry-After is honoured up to the interval");
    policy.max_tries = 1;
    is_int(staple_schedule_after_failure(&policy, 1, 0, 0, NO_JITTER, at(0)),
           at(60), "failure: one try: the interval");
    policy = default_policy;
    is_int(policy.max_tries, 0, "failure: the default has no limit of tries");
    is_int(staple_schedule_after_failure(&policy, 0xffffffffU, 0, 0, NO_JITTER,
                                         at(0)),
           at(600), "failure: no limit of tries: ten minutes, for ever");
    is_int(staple_schedule_after_failure(&policy, 0xffffffffU, at(7 * DAY), 0,
                                         NO_JITTER, at(0)),
           at(HOUR), "failure: no limit of tries, a week left: an hour");
    is_int(staple_schedule_after_failure(&policy, 20, at(100), 0, JITTER,
                                         at(0)),
           at(25), "failure: not even jitter leads past the quarter");
}

/* ---- in haste ---- */

static const struct {
    const char *name;
    apr_int64_t at;        /* as the policy would have it, seconds from now */
    int insists;
    apr_int64_t use_until; /* seconds from now; 0: nothing is held */
    int is_new;
    apr_int64_t want;
} haste_rows[] = {
    {"neither", DAY, 0, 0, 0, DAY},
    {"must-staple, nothing held: five minutes", DAY, 1, 0, 0, 300},
    {"must-staple, nothing held: sooner stays so", 20, 1, 0, 0, 20},
    {"must-staple, what is held is over", DAY, 1, -HOUR, 0, 300},
    {"must-staple, an hour left: not past its end and five minutes", DAY, 1,
     HOUR, 0, HOUR + 300},
    {"must-staple, a week left: as the policy has it", DAY, 1, 7 * DAY, 0, DAY},
    {"new and not known: a minute", DAY, 0, 0, 1, 60},
    {"new and not known: sooner stays so", 20, 0, 0, 1, 20},
    {"new and not known, something is held", DAY, 0, 7 * DAY, 1, 60},
    {"both", DAY, 1, 0, 1, 60},
};

static void test_haste(void)
{
    unsigned i;

    for (i = 0; i < COUNT(haste_rows); i++) {
        apr_int64_t until = haste_rows[i].use_until;

        is_int(staple_schedule_hasten(at(haste_rows[i].at),
                                      haste_rows[i].insists,
                                      until != 0 ? at(until) : 0,
                                      haste_rows[i].is_new, at(0)),
               at(haste_rows[i].want), "haste: %s", haste_rows[i].name);
    }
}

/* ---- after a start, without a staple ---- */

static const struct {
    const char *name;
    apr_int64_t next_at, attempted_at; /* seconds from now */
    unsigned failures;
    apr_int64_t want;
} start_rows[] = {
    {"gave up an hour ago: at once", DAY, -HOUR, 10, 0},
    {"failed a minute ago: at once", DAY, -60, 10, 0},
    {"failed 20 s ago: when the minute is over", DAY, -20, 10, 40},
    {"failed just now", DAY, 0, 1, 60},
    {"failed just now, to be asked sooner anyway", 5, 0, 1, 5},
    {"overdue", -HOUR, -20, 1, -HOUR},
    {"failed never, asked just now: at once", DAY, 0, 0, 0},
};

static void test_start(void)
{
    unsigned i;

    for (i = 0; i < COUNT(start_rows); i++) {
        is_int(staple_schedule_after_start(at(start_rows[i].next_at),
                                           start_rows[i].failures,
                                           at(start_rows[i].attempted_at),
                                           at(0)),
               at(start_rows[i].want), "start: %s", start_rows[i].name);
    }
}

/* ---- jitter ---- */

/* A jitter of any size keeps within its tenth, and spreads. */
static void test_jitter(void)
{
    const apr_interval_time_t tenth = apr_time_from_sec(360);
    staple_policy_t policy = default_policy;
    apr_uint32_t jitter = 1;
    unsigned wrong = 0, halves[3] = {0, 0, 0};
    unsigned i;

    policy.interval = apr_time_from_sec(HOUR);
    policy.retry_interval = apr_time_from_sec(HOUR);
    policy.max_tries = 10;
    for (i = 0; i < 20000; i++) {
        apr_interval_time_t early, late, last;

        jitter = jitter * 1664525U + 1013904223U;
        early = at(HOUR)
                - staple_schedule_after_success(&policy, at(7 * DAY), 0,
                                                jitter >> 16, at(0));
        late = staple_schedule_after_failure(&policy, 1, 0, 0, jitter >> 16,
                                             at(0))
               - at(HOUR);
        last = at(HOUR)
               - staple_schedule_after_failure(&policy, 10, 0, 0,
                                               jitter >> 16, at(0));
        wrong += early < 0 || early > tenth || late < 0 || late > tenth
                 || last < 0 || last > tenth;
        halves[0] += early > tenth / 2;
        halves[1] += late > tenth / 2;
        halves[2] += last > tenth / 2;
    }
    is_int(wrong, 0, "jitter: within a tenth, on the right side");
    for (i = 0; i < 3; i++) {
        ok(halves[i] > 9000 && halves[i] < 11000,
           "jitter: spread evenly, kind %u (%u of 20000 in the far half)", i,
           halves[i]);
    }
}

/* The extremes of the numbers that can come from a random source. */
static void test_jitter_extremes(void)
{
    static const apr_uint32_t jitters[] = {0, 1, 1023, 1024, 0x7fffffff,
                                           0x80000000, 0xffffffff};
    unsigned i;

    for (i = 0; i < COUNT(jitters); i++) {
        double early = SECONDS(staple_schedule_after_success(
            &default_policy, at(7 * DAY), 0, jitters[i], at(0)));
        double late = SECONDS(staple_schedule_after_failure(
            &default_policy, 1, 0, 0, jitters[i], at(0)));

        ok(early >= 0.9 * DAY && early <= DAY, "jitter %u: success at %.1f s",
           jitters[i], early);
        ok(late >= 5 && late <= 5.5, "jitter %u: failure at %.3f s",
           jitters[i], late);
    }
}

/* Whatever comes in, the answer lies ahead, and not beyond the interval. */
static void test_always_ahead(void)
{
    static const apr_int64_t clocks[] = {0, NOW, 4102444800, 253402300799};
    static const apr_int64_t untils[] = {0, 1, NOW, NOW + 1, NOW + HOUR,
                                         253402300799};
    unsigned wrong = 0, c, u, f;

    for (c = 0; c < COUNT(clocks); c++) {
        for (u = 0; u < COUNT(untils); u++) {
            apr_time_t now = apr_time_from_sec(clocks[c]);
            apr_time_t until = apr_time_from_sec(untils[u]);
            apr_time_t next = staple_schedule_after_success(
                &default_policy, until, 0, JITTER, now);

            wrong += next <= now || next > now + default_policy.interval;
            for (f = 1; f < 40; f++) {
                next = staple_schedule_after_failure(&default_policy, f,
                                                     until, 0, JITTER, now);
                wrong += next <= now || next > now + default_policy.interval;
            }
        }
    }
    is_int(wrong, 0, "always later than now, never beyond the interval");
}

/* ---- the back-off loop ---- */

static void test_back_off(void)
{
    static const struct {
        apr_interval_time_t first, last;
        unsigned times;
        apr_interval_time_t want;
    } rows[] = {
        {5, 1000, 0, 5},
        {5, 1000, 1, 10},
        {5, 1000, 7, 640},
        {5, 1000, 8, 1000},
        {5, 1000, 9, 1000},
        {5, 1000, 31, 1000},
        {5, 1000, 32, 1000},
        {5, 1000, 63, 1000},
        {5, 1000, 64, 1000},
        {5, 1000, 0xffffffffU, 1000},
        {5, 40, 3, 40},
        {5, 5, 10, 5},
        {5, 3, 0, 3},
        {1, (apr_interval_time_t)1 << 61, 61, (apr_interval_time_t)1 << 61},
        {1, (apr_interval_time_t)1 << 61, 99, (apr_interval_time_t)1 << 61},
        {5, APR_INT64_MAX, 99, APR_INT64_MAX},
        {3, APR_INT64_MAX, 0xffffffffU, APR_INT64_MAX},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        is_int(staple_schedule_back_off(rows[i].first, rows[i].last,
                                        rows[i].times),
               rows[i].want, "%d doubled %u times, at most %" PRId64,
               (int)rows[i].first, rows[i].times, (int64_t)rows[i].last);
    }
}

int main(void)
{
    test_success();
    test_failure();
    test_failure_limits();
    test_haste();
    test_start();
    test_jitter();
    test_jitter_extremes();
    test_always_ahead();
    test_back_off();
    return tap_done();
}
