/* Stored staples come back as far as they can be believed, and no further. */
#include "../make_ocsp.h"
#include "../tap.h"

#include "refresh/staple_adopt.h"
#include "refresh/staple_state.h"
#include "cache/staple_codec.h"

static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
static apr_pool_t *p;
static make_pki_t *pki;
static unsigned char buf[STAPLE_CODEC_MAX];

typedef struct shared_t {
    staple_cache_t *cache;
    staple_writer_t *writer;
    staple_record_t record; /* after the last restore() */
} shared_t;

static apr_time_t at(apr_int64_t seconds)
{
    return apr_time_from_sec(MAKE_NOW + seconds);
}

static shared_t make_shared(void)
{
    apr_size_t size = staple_cache_size(1, STAPLE_USUAL_MAX_SIZE);
    shared_t shared;

    memset(&shared, 0, sizeof(shared));
    shared.cache = staple_cache_format(
        apr_pcalloc(p, size), size, &pki->cert->key, 1, STAPLE_USUAL_MAX_SIZE);
    shared.writer = staple_writer_make(p, shared.cache);
    return shared;
}

/* Asked an hour ago, good, due in a day. */
static staple_record_t usual(void)
{
    staple_record_t record = {.next_at = at(MAKE_DAY - MAKE_HOUR),
                              .attempted_at = at(-MAKE_HOUR),
                              .succeeded_at = at(-MAKE_HOUR),
                              .state_since = at(-MAKE_DAY),
                              .attempts_hash = 77,
                              .state = STAPLE_STATE_GOOD,
                              .notified = STAPLE_NOTIFIED_QUARTER};

    return record;
}

static staple_reason_e restore(shared_t *shared, const staple_record_t *record,
                               make_der_t der, apr_time_t now)
{
    apr_size_t len =
        staple_codec_encode(buf, pki->cert->sha256, record, der.bytes, der.len);
    staple_reason_e reason = staple_adopt_stored(
        shared->writer, 0, pki->cert, &policy, buf, len, now);

    staple_cache_get_record(&shared->record, shared->cache, 0);
    return reason;
}

static int serves(shared_t *shared, make_der_t der, apr_time_t now)
{
    unsigned char held[STAPLE_MAX_RESPONSE];
    apr_size_t len = sizeof(held);

    return staple_cache_get(held, &len, shared->cache, &pki->cert->key, now)
               == STAPLE_OK
           && len == der.len && memcmp(held, der.bytes, len) == 0;
}

static int is_untouched(shared_t *shared)
{
    staple_stamp_t stamp;

    staple_cache_stamp(&stamp, shared->cache, &pki->cert->key);
    return stamp.staple == 0 && stamp.record == 0;
}

static make_der_t good(void)
{
    make_response_t knobs = make_good(pki);

    return make_response(p, &knobs);
}

static make_der_t revoked(void)
{
    make_response_t knobs = make_good(pki);

    knobs.singles[0].status = V_OCSP_CERTSTATUS_REVOKED;
    knobs.singles[0].revoked_at = MAKE_NOW - MAKE_DAY;
    return make_response(p, &knobs);
}

static void test_good(void)
{
    shared_t shared = make_shared();
    staple_record_t stored = usual();
    make_der_t der = good();

    is_reason(restore(&shared, &stored, der, at(0)), STAPLE_OK, "good");
    ok(serves(&shared, der, at(0)), "good: is served");
    is_int(shared.record.next_at, stored.next_at, "good: due when it was");
    is_int(shared.record.attempted_at, stored.attempted_at, "good: asked then");
    is_int(shared.record.succeeded_at, stored.succeeded_at, "good: got then");
    is_int(shared.record.state_since, stored.state_since, "good: since then");
    is_int(shared.record.attempts_hash, 77, "good: whom it was asked of");
    is_int(shared.record.state, STAPLE_STATE_GOOD, "good: its state");
    is_int(shared.record.notified, STAPLE_NOTIFIED_QUARTER,
           "good: what was told");
    is_int(shared.record.held.use_until, at(7 * MAKE_DAY - MAKE_HOUR),
           "good: its end is what the response says");
}

static void test_failures(void)
{
    make_der_t none = {NULL, 0};
    shared_t shared = make_shared();
    staple_record_t stored = usual();

    stored.failures = 3;
    stored.reason = STAPLE_TIMEOUT;
    stored.next_at = at(20);
    stored.state = STAPLE_STATE_UNAVAILABLE;
    is_reason(restore(&shared, &stored, none, at(0)), STAPLE_OK,
              "failures, nothing held");
    is_int(shared.record.failures, 3, "failures: their number");
    is_int(shared.record.next_at, at(0), "failures: asked at once");
    is_int(shared.record.reason, STAPLE_TIMEOUT, "failures: the reason");
    is_int(shared.record.state, STAPLE_STATE_UNAVAILABLE, "failures: state");
    is_int(shared.record.state_since, at(-MAKE_DAY), "failures: since");

    shared = make_shared();
    is_reason(restore(&shared, &stored, good(), at(0)), STAPLE_OK,
              "failures, while a response is held");
    is_int(shared.record.failures, 3, "held: their number");
    is_int(shared.record.next_at, at(20), "held: the back-off goes on");
    is_int(shared.record.state, STAPLE_STATE_GOOD,
           "held: the state is what the response says");
}

/* A start asks about what has no staple, whatever the file says; but httpd may
 * be started again and again. */
static void test_asked_lately(void)
{
    static const struct {
        const char *name;
        apr_int64_t attempted, next; /* seconds from now */
        apr_int64_t want;
    } rows[] = {
        {"an hour ago", -MAKE_HOUR, MAKE_DAY, 0},
        {"a minute ago", -60, MAKE_DAY, 0},
        {"20 s ago", -20, MAKE_DAY, 40},
        {"20 s ago, and soon again", -20, 7, 7},
        {"in the future", MAKE_DAY, 2 * MAKE_DAY, 60},
    };
    make_der_t none = {NULL, 0};
    unsigned i, k;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (k = 0; k < 2; k++) { /* none stored; one that has run out */
            apr_int64_t now = k == 0 ? 0 : 8 * MAKE_DAY;
            shared_t shared = make_shared();
            staple_record_t stored = usual();

            stored.failures = 10;
            stored.attempted_at = at(now + rows[i].attempted);
            stored.next_at = at(now + rows[i].next);
            restore(&shared, &stored, k == 0 ? none : good(), at(now));
            is_int(shared.record.next_at, at(now + rows[i].want),
                   "failed %s (%u)", rows[i].name, k);
        }
    }
}

static void test_times(void)
{
    shared_t shared = make_shared();
    staple_record_t stored = usual();

    stored.next_at = APR_INT64_MAX;
    stored.attempted_at = stored.succeeded_at = stored.state_since =
        at(100 * MAKE_DAY);
    restore(&shared, &stored, good(), at(0));
    is_int(shared.record.next_at, at(MAKE_DAY),
           "due in the far future: within the interval");
    is_int(shared.record.attempted_at, at(0), "asked in the future: now");
    is_int(shared.record.succeeded_at, at(0), "got in the future: now");
    is_int(shared.record.state_since, at(0), "since the future: now");

    shared = make_shared();
    restore(&shared, &stored, good(), at(7 * MAKE_DAY - 3 * MAKE_HOUR));
    is_int(shared.record.next_at, at(7 * MAKE_DAY - 2 * MAKE_HOUR),
           "due in the far future: at half of what is left");

    stored = usual();
    stored.next_at = -5;
    stored.attempted_at = APR_INT64_MIN;
    shared = make_shared();
    restore(&shared, &stored, good(), at(0));
    is_int(shared.record.next_at, 0, "due before all time: now");
    is_int(shared.record.attempted_at, 0, "asked before all time: never");
}

static void test_states(void)
{
    make_der_t none = {NULL, 0}, der = revoked();
    shared_t shared = make_shared();
    staple_record_t stored = usual();

    stored.state = STAPLE_STATE_REVOKED;
    restore(&shared, &stored, good(), at(0));
    is_int(shared.record.state, STAPLE_STATE_GOOD,
           "revoked, it says, and the response says good");
    is_int(shared.record.state_since, at(0), "since now then");

    stored.state = STAPLE_STATE_GOOD;
    shared = make_shared();
    restore(&shared, &stored, der, at(0));
    is_int(shared.record.state, STAPLE_STATE_REVOKED,
           "good, it says, and the response says revoked");
    ok(serves(&shared, der, at(0)), "which is served");

    shared = make_shared();
    restore(&shared, &stored, none, at(0));
    is_int(shared.record.state, STAPLE_STATE_PENDING,
           "good, it says, without a response");

    stored.state = 200;
    stored.reason = stored.state_reason = 9999;
    shared = make_shared();
    restore(&shared, &stored, good(), at(0));
    is_int(shared.record.state, STAPLE_STATE_GOOD, "a state that is none");
    is_int(shared.record.reason, STAPLE_OK, "a reason that is none");
    is_int(shared.record.state_reason, STAPLE_OK, "nor for the state");
}

/* What nobody may staple any more, though it was once right. */
static void test_outdated(void)
{
    shared_t shared = make_shared();
    staple_record_t stored = usual();

    stored.failures = 2;
    stored.next_at = at(8 * MAKE_DAY + 30);
    is_reason(restore(&shared, &stored, good(), at(8 * MAKE_DAY)),
              STAPLE_EXPIRED, "expired");
    is_int(shared.record.der_len, 0, "expired: nothing is held");
    is_int(shared.record.failures, 2, "expired: but the failures are known");
    is_int(shared.record.next_at, at(8 * MAKE_DAY), "and it is asked at once");
    is_int(shared.record.state, STAPLE_STATE_UNAVAILABLE, "its state");
    stored.failures = 0;
    shared = make_shared();
    restore(&shared, &stored, good(), at(8 * MAKE_DAY));
    is_int(shared.record.state, STAPLE_STATE_PENDING,
           "expired, and nothing had failed: it is not good");

    shared = make_shared();
    is_reason(restore(&shared, &stored, good(), at(-MAKE_DAY)),
              STAPLE_NOT_YET_VALID, "a clock that is a day late");
    ok(!is_untouched(&shared), "costs no manners");
}

/* A response that has ended, but not by more than clocks may differ. */
static void test_within_tolerance(void)
{
    apr_time_t now = at(7 * MAKE_DAY - MAKE_HOUR + 60);
    shared_t shared = make_shared();
    staple_record_t stored = usual();
    make_der_t der = good();

    is_reason(restore(&shared, &stored, der, now), STAPLE_EXPIRED,
              "ended a minute ago");
    ok(!serves(&shared, der, now) && shared.record.der_len == 0,
       "ended a minute ago: not held");
    is_int(shared.record.state, STAPLE_STATE_PENDING,
           "ended a minute ago: not good");
    stored.failures = 1;
    shared = make_shared();
    restore(&shared, &stored, der, now);
    is_int(shared.record.state, STAPLE_STATE_UNAVAILABLE,
           "ended a minute ago, and the last job failed");
}

/* Revocation does not run out with its response, nor with a restart. */
static void test_revoked_outdated(void)
{
    static const apr_int64_t after[] = {60, 3 * MAKE_DAY}; /* its end */
    make_response_t knobs = make_good(pki);
    make_der_t older, newer, der = revoked();
    unsigned i;

    knobs.singles[0].this_update -= 10;
    knobs.singles[0].next_update += 9 * MAKE_DAY;
    older = make_response(p, &knobs);
    knobs.singles[0].this_update = MAKE_NOW + 5 * MAKE_DAY;
    knobs.produced_at = knobs.singles[0].this_update;
    newer = make_response(p, &knobs);
    for (i = 0; i < 2; i++) {
        apr_time_t now = at(7 * MAKE_DAY - MAKE_HOUR + after[i]);
        shared_t shared = make_shared();
        staple_record_t stored = usual();

        stored.state = STAPLE_STATE_REVOKED;
        is_reason(restore(&shared, &stored, der, now), STAPLE_EXPIRED,
                  "revoked, ended (%u)", i);
        is_int(shared.record.state, STAPLE_STATE_REVOKED,
               "revoked stays revoked when the response has run out");
        is_int(shared.record.held.status, STAPLE_CERT_REVOKED,
               "the record knows");
        ok(shared.record.next_at <= now, "it is asked at once");
        is_int(shared.record.succeeded_at, stored.succeeded_at, "got then");
        ok(!serves(&shared, der, now), "nobody staples it");
        is_reason(staple_adopt(&shared.record, shared.writer, 0, pki->cert,
                               &policy, older.bytes, older.len, NULL, now),
                  STAPLE_OLDER, "an older one that says good changes nothing");
        is_reason(staple_adopt(&shared.record, shared.writer, 0, pki->cert,
                               &policy, newer.bytes, newer.len, NULL, now),
                  STAPLE_OK, "a newer one does");
    }
}

/* A clock that is wrong by an hour at the start: nobody is asked sooner than
 * was due, and nobody goes without for longer than the clock is wrong. */
static void test_clock_step(void)
{
    make_response_t knobs = make_good(pki);
    shared_t shared = make_shared();
    staple_record_t stored = usual();
    make_der_t der = good(), fresh;

    is_reason(restore(&shared, &stored, der, at(-MAKE_HOUR)), STAPLE_OK,
              "an hour back");
    ok(serves(&shared, der, at(-MAKE_HOUR)), "an hour back: is served");
    is_int(shared.record.next_at, stored.next_at,
           "an hour back: due as it was");
    shared = make_shared();
    is_reason(restore(&shared, &stored, der, at(MAKE_HOUR)), STAPLE_OK,
              "an hour forward");
    ok(serves(&shared, der, at(MAKE_HOUR)), "an hour forward: is served");
    is_int(shared.record.next_at, stored.next_at,
           "an hour forward: due as it was");

    knobs.singles[0].this_update = MAKE_NOW;
    fresh = make_response(p, &knobs);
    shared = make_shared();
    is_reason(restore(&shared, &stored, fresh, at(-MAKE_HOUR)),
              STAPLE_NOT_YET_VALID, "an hour back, a response of this moment");
    is_int(shared.record.next_at, at(-MAKE_HOUR),
           "it cannot be used yet: another is due at once");
    stored.failures = 1;
    stored.next_at = at(30 - MAKE_HOUR);
    shared = make_shared();
    restore(&shared, &stored, fresh, at(-MAKE_HOUR));
    is_int(shared.record.next_at, stored.next_at,
           "unless that failed already: then in its time");
}

/* What nobody ever should have believed. */
static void refused(const char *what, make_response_t *knobs,
                    staple_reason_e reason)
{
    make_der_t der = make_response(p, knobs);
    staple_record_t stored = usual();
    shared_t shared = make_shared();

    is_reason(restore(&shared, &stored, der, at(0)), reason, "%s", what);
    ok(is_untouched(&shared), "%s: nothing is published", what);
    ok(!staple_adopt_is_honest(reason), "%s: the file is put aside", what);
}

static void test_forged(void)
{
    make_response_t knobs = make_good(pki);
    make_der_t junk = {(unsigned char *)"junk", 4};
    staple_record_t stored = usual();
    shared_t shared = make_shared();

    knobs.signer = pki->leaf;
    knobs.embed[0] = pki->leaf.x509;
    refused("signed by the leaf itself", &knobs, STAPLE_SIGNER_NOT_AUTHORISED);
    knobs = make_good(pki);
    knobs.singles[0].leaf = pki->sibling.x509;
    refused("of another certificate", &knobs, STAPLE_NO_MATCH);
    knobs = make_good(pki);
    knobs.singles[0].status = V_OCSP_CERTSTATUS_UNKNOWN;
    refused("unknown, which is never kept", &knobs, STAPLE_UNKNOWN);
    is_reason(restore(&shared, &stored, junk, at(0)), STAPLE_MALFORMED, "junk");
    ok(is_untouched(&shared), "junk: nothing is published");
}

/* Each byte of a file, the digest made right again: whatever comes out is
 * served only if it is the very response. */
static void test_each_byte(void)
{
    make_der_t der = good();
    staple_record_t stored = usual();
    apr_size_t i, served = 0, accepted = 0;

    for (i = 0; i < der.len; i++) {
        shared_t shared = make_shared();

        der.bytes[i] ^= 1;
        accepted += restore(&shared, &stored, der, at(0)) == STAPLE_OK;
        served += serves(&shared, der, at(0));
        der.bytes[i] ^= 1;
    }
    is_int(accepted, 0, "no byte of a response of %zu can be another", der.len);
    is_int(served, 0, "none of those is served");
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    test_good();
    test_failures();
    test_asked_lately();
    test_times();
    test_states();
    test_outdated();
    test_within_tolerance();
    test_revoked_outdated();
    test_clock_step();
    test_forged();
    test_each_byte();
    make_end(p);
    return tap_done();
}
