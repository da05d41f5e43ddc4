/* Values of the shared store, and which of them will do. */
#include "../tap.h"

#include <apr_general.h>

#include "refresh/staple_source_shared.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define START 1700000000 /* seconds */

static apr_time_t at(apr_int64_t seconds)
{
    return apr_time_from_sec(START + seconds);
}

/* ---- values ---- */

static unsigned char buf[STAPLE_CODEC_MAX + 1];

static void test_value(void)
{
    unsigned char sha256[32] = {1, 2, 3}, other[32] = {1, 2, 4};
    const unsigned char *der = NULL;
    apr_size_t der_len = 0, len, i;
    apr_time_t fetched_at = 0;
    unsigned accepted = 0;

    len = staple_share_encode(buf, sha256, (const unsigned char *)"response",
                              8, at(77));
    is_reason(staple_share_decode(&der, &der_len, &fetched_at, buf, len,
                                  sha256),
              STAPLE_OK, "a value");
    is_int(der_len, 8, "its response has its length");
    ok(der != NULL && memcmp(der, "response", 8) == 0, "its response");
    is_int(fetched_at, at(77), "when it was fetched");

    fetched_at = 5;
    is_reason(staple_share_decode(&der, &der_len, &fetched_at, buf, len,
                                  other),
              STAPLE_DAMAGED, "a value of another certificate");
    for (i = 0; i < len; i++) {
        buf[i] ^= 1;
        accepted += staple_share_decode(&der, &der_len, &fetched_at, buf, len,
                                        sha256)
                    == STAPLE_OK;
        buf[i] ^= 1;
        accepted += staple_share_decode(&der, &der_len, &fetched_at, buf, i,
                                        sha256)
                    == STAPLE_OK;
    }
    is_int(accepted, 0, "no value with a bit flipped, and no part of one");
    is_reason(staple_share_decode(&der, &der_len, &fetched_at, buf, len + 1,
                                  sha256),
              STAPLE_DAMAGED, "a byte behind it");
    is_reason(staple_share_decode(&der, &der_len, &fetched_at, buf, 0, sha256),
              STAPLE_DAMAGED, "nothing");
    is_int(fetched_at, 5, "none of these says when it was fetched");

    len = staple_share_encode(buf, sha256, NULL, 0, at(77));
    is_reason(staple_share_decode(&der, &der_len, &fetched_at, buf, len,
                                  sha256),
              STAPLE_DAMAGED, "a value without a response");
}

/* ---- will it do? ---- */

/* A response held, its thisUpdate and when it came; a shared one, from 0 to
 * `until`; when somebody fetched it; now.  All in seconds. */
static const struct {
    const char *name;
    int holds;
    apr_int64_t held_this, held_since;
    apr_int64_t until, fetched, now;
    apr_int64_t interval; /* 0: a day */
    int want;
} rows[] = {
    {"nothing held, just fetched", 0, 0, 0, 40000, 0, 0, 0, 1},
    {"until the earliest moment that its fetcher asks again",
     0, 0, 0, 40000, 0, 18001, 0, 1},
    {"then no more", 0, 0, 0, 40000, 0, 18002, 0, 0},
    {"fetched when it was old: half of what was left then",
     0, 0, 0, 40000, 16000, 26801, 0, 1},
    {"and no more", 0, 0, 0, 40000, 16000, 26802, 0, 0},
    {"three quarters of its life are almost over",
     0, 0, 0, 40000, 29990, 29999, 0, 1},
    {"three quarters are over, whoever fetched it just now",
     0, 0, 0, 40000, 30000, 30000, 0, 0},
    {"its end", 0, 0, 0, 40000, 39999, 40000, 0, 0},
    {"long after its end", 0, 0, 0, 40000, 90000, 90000, 0, 0},
    {"fetched in the future, as clocks may have it",
     0, 0, 0, 40000, 1300, 1000, 0, 1},
    {"fetched in a future that no clock may have",
     0, 0, 0, 40000, 1301, 1000, 0, 0},
    {"never fetched", 0, 0, 0, 40000, -START, 10, 0, 0},
    {"a short interval", 0, 0, 0, 40000, 0, 900, 1000, 1},
    {"is its limit, too", 0, 0, 0, 40000, 0, 901, 1000, 0},
    {"a short life: its fetcher's floor", 0, 0, 0, 8, 0, 4, 0, 1},
    {"and no more", 0, 0, 0, 8, 0, 5, 0, 0},
    {"the one held is older", 1, -5, 100, 40000, 50, 101, 0, 1},
    {"the same is held, fetched later", 1, 0, 100, 40000, 50, 101, 0, 0},
    {"the same is held, fetched then", 1, 0, 100, 40000, 100, 101, 0, 0},
    {"the same is held; somebody got it again since",
     1, 0, 100, 40000, 101, 102, 0, 1},
    {"the same, claimed to be fresh for ever",
     1, 0, 100, 40000, 31000, 31000, 0, 0},
};

static void test_will_do(void)
{
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        staple_policy_t policy = STAPLE_POLICY_DEFAULT;
        staple_record_t held = {0}, taken = {0};

        if (rows[i].interval > 0) {
            policy.interval = apr_time_from_sec(rows[i].interval);
        }
        held.der_len = rows[i].holds ? 100 : 0;
        held.held.this_update = rows[i].holds ? at(rows[i].held_this) : 0;
        held.succeeded_at = rows[i].holds ? at(rows[i].held_since) : 0;
        taken.der_len = 100;
        taken.held.this_update = at(0);
        taken.held.use_until = at(rows[i].until);
        is_int(staple_share_will_do(&policy, &held, &taken,
                                    at(rows[i].fetched), at(rows[i].now)),
               rows[i].want, "%s", rows[i].name);
    }
}

static void test_wait_limit(void)
{
    staple_policy_t policy = STAPLE_POLICY_DEFAULT;

    policy.timeout = apr_time_from_sec(3);
    is_int(staple_share_wait_limit(&policy), apr_time_from_sec(3),
           "nobody is waited for longer than an attempt lasts");
    policy.timeout = apr_time_from_sec(300);
    is_int(staple_share_wait_limit(&policy), apr_time_from_sec(10),
           "nor longer than ten seconds");
}

int main(void)
{
    apr_initialize();
    test_value();
    test_will_do();
    test_wait_limit();
    apr_terminate();
    return tap_done();
}
