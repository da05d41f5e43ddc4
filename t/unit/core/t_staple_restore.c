/* Stored staples come back as far as they can be believed, and no further. */
#include "../make_ocsp.h"
#include "../tap.h"

#include "staple_restore.h"
#include "staple_state.h"
#include "staple_stored.h"

static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
static apr_pool_t *p;
static make_pki_t *pki;
static unsigned char buf[STAPLE_STORED_MAX];

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
    shared.cache = staple_cache_format(apr_pcalloc(p, size), size,
                                       &pki->cert->key, 1,
                                       STAPLE_USUAL_MAX_SIZE);
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
                              .asked_whom = 77,
                              .state = STAPLE_STATE_GOOD,
                              .told = STAPLE_TOLD_QUARTER};

    return record;
}

static staple_reason_e restore(shared_t *shared, const staple_record_t *record,
                               make_der_t der, apr_time_t now)
{
    apr_size_t len = staple_stored_encode(buf, pki->cert->sha256, record,
                                          der.bytes, der.len);
    staple_reason_e reason = staple_restore(
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
    is_int(shared.record.asked_whom, 77, "good: whom it was asked of");
    is_int(shared.record.state, STAPLE_STATE_GOOD, "good: its state");
    is_int(shared.record.told, STAPLE_TOLD_QUARTER, "good: what was told");
    is_int(shared.record.use_until, at(7 * MAKE_DAY - MAKE_HOUR),
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
    is_int(shared.record.next_at, at(20), "failures: the back-off goes on");
    is_int(shared.record.reason, STAPLE_TIMEOUT, "failures: the reason");
    is_int(shared.record.state, STAPLE_STATE_UNAVAILABLE, "failures: state");
    is_int(shared.record.state_since, at(-MAKE_DAY), "failures: since");

    shared = make_shared();
    is_reason(restore(&shared, &stored, good(), at(0)), STAPLE_OK,
              "failures, while a response is held");
    is_int(shared.record.failures, 3, "held: their number");
    is_int(shared.record.state, STAPLE_STATE_GOOD,
           "held: the state is what the response says");
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
    is_int(shared.record.next_at, stored.next_at, "and when to ask");
    is_int(shared.record.state, STAPLE_STATE_UNAVAILABLE, "its state");

    shared = make_shared();
    stored.state = STAPLE_STATE_REVOKED;
    restore(&shared, &stored, revoked(), at(8 * MAKE_DAY));
    is_int(shared.record.state, STAPLE_STATE_REVOKED,
           "revoked stays revoked when the response has run out");

    shared = make_shared();
    is_reason(restore(&shared, &stored, good(), at(-MAKE_DAY)),
              STAPLE_NOT_YET_VALID, "a clock that is a day late");
    ok(!is_untouched(&shared), "costs no manners");
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
    ok(!staple_restore_is_honest(reason), "%s: the file is put aside", what);
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
    test_times();
    test_states();
    test_outdated();
    test_clock_step();
    test_forged();
    test_each_byte();
    make_end(p);
    return tap_done();
}
