/* Which verified responses replace the one held, and what is noted of them. */
#include "../cache_stress.h"
#include "../make_ocsp.h"
#include "../tap.h"

#include <stdlib.h>

#include "refresh/staple_adopt.h"
#include "cache/staple_cache.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define DAY MAKE_DAY

static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
static apr_pool_t *p;
static make_pki_t *pki;

/* One certificate's cache. */
typedef struct held_t {
    void *block;
    staple_cache_t *cache;
    staple_writer_t *writer;
    staple_record_t record;
    unsigned char buf[STAPLE_MAX_RESPONSE];
} held_t;

static void begin(held_t *held, apr_size_t max_len)
{
    apr_size_t size = staple_cache_size(1, max_len);

    memset(held, 0, sizeof(*held));
    held->block = calloc(1, size);
    held->cache =
        staple_cache_format(held->block, size, &pki->cert->key, 1, max_len);
    held->writer = staple_writer_make(p, held->cache);
    held->record.failures = 7;
    held->record.requests = 42;
    held->record.reason = STAPLE_TIMEOUT;
    strcpy(held->record.detail, "as it was");
}

static apr_time_t at(apr_int64_t seconds)
{
    return apr_time_from_sec(MAKE_NOW + seconds);
}

static staple_reason_e adopt(held_t *held, make_der_t der)
{
    return staple_adopt(&held->record, held->writer, 0, pki->cert, &policy,
                        der.bytes, der.len, NULL, at(0));
}

/* A response with this status, thisUpdate so many seconds ago. */
static make_der_t make_status(int status, apr_int64_t age)
{
    make_response_t response = make_good(pki);

    response.singles[0].status = status;
    response.singles[0].revoked_at = MAKE_NOW - MAKE_DAY;
    response.singles[0].reason
        = status == V_OCSP_CERTSTATUS_REVOKED ? 4 : -1;
    response.singles[0].this_update = MAKE_NOW - age;
    response.produced_at = MAKE_NOW - age + 5;
    return make_response(p, &response);
}

static int holds(held_t *held, make_der_t der)
{
    apr_size_t len = sizeof(held->buf);

    return staple_cache_get(held->buf, &len, held->cache, &pki->cert->key,
                            at(0))
               == STAPLE_OK
           && len == der.len && memcmp(held->buf, der.bytes, len) == 0;
}

static int holds_nothing(held_t *held)
{
    apr_size_t len = sizeof(held->buf);

    return staple_cache_get(held->buf, &len, held->cache, &pki->cert->key,
                            at(0))
           == STAPLE_NOT_FOUND;
}

static void test_good(void)
{
    make_der_t der = make_status(V_OCSP_CERTSTATUS_GOOD, 100);
    staple_record_t *record;
    held_t held;

    begin(&held, 8192);
    record = &held.record;
    is_reason(adopt(&held, der), STAPLE_OK, "good");
    ok(holds(&held, der), "good: its bytes are held");
    is_int(record->held.status, STAPLE_CERT_GOOD, "good: status");
    is_int(record->held.revocation_reason, -1, "good: no revocation reason");
    is_int(record->held.revoked_at, 0, "good: not revoked");
    is_int(record->held.this_update, at(-100), "good: thisUpdate");
    is_int(record->held.produced_at, at(-95), "good: producedAt");
    is_int(record->held.next_update, at(7 * MAKE_DAY - MAKE_HOUR),
           "good: nextUpdate");
    is_int(record->held.use_until, record->held.next_update, "good: use_until");
    is_int(record->der_len, der.len, "good: length");
    is_int(record->succeeded_at, at(0), "good: when");
    is_int(record->failures, 0, "good: no failures in a row");
    is_int(record->reason, STAPLE_OK, "good: nothing is wrong");
    is_str(record->detail, "", "good: no words about a failure");
    is_int(record->requests, 42, "good: what is the caller's stays");
    free(held.block);
}

static void test_revoked(void)
{
    make_der_t revoked = make_status(V_OCSP_CERTSTATUS_REVOKED, 100);
    make_der_t good = make_status(V_OCSP_CERTSTATUS_GOOD, 200);
    make_der_t later = make_status(V_OCSP_CERTSTATUS_GOOD, 50);
    held_t held;

    begin(&held, 8192);
    is_reason(adopt(&held, revoked), STAPLE_OK, "revoked");
    ok(holds(&held, revoked), "revoked: its bytes are held");
    is_int(held.record.held.status, STAPLE_CERT_REVOKED, "revoked: status");
    is_int(held.record.held.revocation_reason, 4, "revoked: reason");
    is_int(held.record.held.revoked_at, at(-MAKE_DAY), "revoked: since");
    is_reason(adopt(&held, good), STAPLE_OLDER,
              "an older good one does not take it back");
    ok(holds(&held, revoked), "revoked is still held");
    is_reason(adopt(&held, later), STAPLE_OK,
              "a later good one does (certificateHold)");
    is_int(held.record.held.status, STAPLE_CERT_GOOD, "good again");
    is_int(held.record.held.revocation_reason, -1, "good again: no reason");
    is_int(held.record.held.revoked_at, 0, "good again: no date");
    free(held.block);
}

/* ---- which of two is held ---- */

#define GOOD V_OCSP_CERTSTATUS_GOOD
#define UNKNOWN V_OCSP_CERTSTATUS_UNKNOWN
#define REVOKED V_OCSP_CERTSTATUS_REVOKED

/* A response: its status, and how many seconds ago or from now. */
typedef struct said_t {
    int status;
    apr_int64_t this_ago, produced_ago, ends_in; /* ends_in 0: it has no end */
} said_t;

static make_der_t make_said(const said_t *said)
{
    make_response_t response = make_good(pki);

    response.singles[0].status = said->status;
    response.singles[0].revoked_at = MAKE_NOW - MAKE_DAY;
    response.singles[0].reason = -1;
    response.singles[0].this_update = MAKE_NOW - said->this_ago;
    response.singles[0].next_update =
        said->ends_in != 0 ? MAKE_NOW + said->ends_in : 0;
    response.produced_at = MAKE_NOW - said->produced_ago;
    return make_response(p, &response);
}

/* Of a response held and one that is offered. */
typedef enum {
    FIRST,  /* the one held stays, and is all that is known */
    AGAIN,  /* it stays, and the responder is well */
    SECOND, /* the other one is held */
    SECOND_BUT_NOT_STAPLED
} outcome_e;

static const struct {
    const char *name;
    said_t held, offered;
    staple_reason_e reason;
    outcome_e outcome;
} pairs[] = {
    /* order: thisUpdate, then producedAt, then the worse status */
    {"a later thisUpdate", {GOOD, 100, 90, DAY}, {GOOD, 99, 90, DAY},
     STAPLE_OK, SECOND},
    {"a later thisUpdate, produced before", {GOOD, 100, 50, DAY},
     {GOOD, 99, 60, DAY}, STAPLE_OK, SECOND},
    {"an earlier thisUpdate", {GOOD, 100, 90, DAY}, {GOOD, 101, 90, DAY},
     STAPLE_OLDER, FIRST},
    {"an earlier thisUpdate, produced later", {GOOD, 100, 90, DAY},
     {GOOD, 101, 50, DAY}, STAPLE_OLDER, FIRST},
    {"much earlier", {GOOD, 100, 90, DAY}, {GOOD, 3 * DAY, 3 * DAY, DAY},
     STAPLE_OLDER, FIRST},
    {"the same thisUpdate, produced later", {GOOD, 100, 90, DAY},
     {GOOD, 100, 89, DAY}, STAPLE_OK, SECOND},
    {"the same thisUpdate, produced before", {GOOD, 100, 90, DAY},
     {GOOD, 100, 91, DAY}, STAPLE_OLDER, FIRST},
    {"the same", {GOOD, 100, 90, DAY}, {GOOD, 100, 90, DAY}, STAPLE_OK, AGAIN},
    {"the same, revoked", {REVOKED, 100, 90, DAY}, {REVOKED, 100, 90, DAY},
     STAPLE_OK, AGAIN},
    {"the same times, now revoked", {GOOD, 100, 90, DAY},
     {REVOKED, 100, 90, DAY}, STAPLE_OK, SECOND},
    {"the same times, revoked is held", {REVOKED, 100, 90, DAY},
     {GOOD, 100, 90, DAY}, STAPLE_OLDER, FIRST},
    {"the same thisUpdate, revoked is held, good produced before",
     {REVOKED, 3600, 90, DAY}, {GOOD, 3600, 1800, 7 * DAY}, STAPLE_OLDER,
     FIRST},
    {"the same thisUpdate, revoked is held, good produced later (a hold ends)",
     {REVOKED, 3600, 1800, DAY}, {GOOD, 3600, 90, DAY}, STAPLE_OK, SECOND},
    {"revoked is held and has run out, good is older",
     {REVOKED, 3600, 3600, -10}, {GOOD, 7200, 7200, 7 * DAY}, STAPLE_OLDER,
     FIRST},
    /* unknown */
    {"a later unknown", {GOOD, 100, 90, DAY}, {UNKNOWN, 99, 89, DAY},
     STAPLE_UNKNOWN, FIRST},
    {"an unknown of the same times", {GOOD, 100, 90, DAY},
     {UNKNOWN, 100, 90, DAY}, STAPLE_UNKNOWN, FIRST},
    {"an older unknown", {GOOD, 100, 90, DAY}, {UNKNOWN, 101, 101, DAY},
     STAPLE_OLDER, FIRST},
    {"an unknown produced before", {GOOD, 100, 90, DAY},
     {UNKNOWN, 100, 91, DAY}, STAPLE_OLDER, FIRST},
    {"an unknown of the same times, revoked is held", {REVOKED, 100, 90, DAY},
     {UNKNOWN, 100, 90, DAY}, STAPLE_OLDER, FIRST},
    /* what has ended */
    {"ended within the tolerance", {GOOD, 900, 900, DAY},
     {GOOD, 100, 100, -1}, STAPLE_EXPIRED, FIRST},
    {"ended, what is held has, too", {GOOD, 900, 900, -20},
     {GOOD, 100, 100, -10}, STAPLE_EXPIRED, FIRST},
    {"the same, ended since", {GOOD, 900, 900, -20}, {GOOD, 900, 900, -20},
     STAPLE_EXPIRED, FIRST},
    {"good has ended, revoked is held", {REVOKED, 900, 900, DAY},
     {GOOD, 100, 100, -1}, STAPLE_EXPIRED, FIRST},
    {"revoked has ended, good is held", {GOOD, 900, 900, 7 * DAY},
     {REVOKED, 100, 100, -1}, STAPLE_EXPIRED, SECOND_BUT_NOT_STAPLED},
    {"revoked of the same times has ended", {GOOD, 100, 100, 7 * DAY},
     {REVOKED, 100, 100, -1}, STAPLE_EXPIRED, SECOND_BUT_NOT_STAPLED},
    {"revoked has ended, good is held and newer", {GOOD, 100, 100, 7 * DAY},
     {REVOKED, 900, 900, -1}, STAPLE_OLDER, FIRST},
    {"revoked has ended, revoked is held", {REVOKED, 900, 900, DAY},
     {REVOKED, 100, 100, -1}, STAPLE_EXPIRED, FIRST},
    /* what is about to end: a job at half of its life, and 10 s */
    {"ends in a second, a week is held", {GOOD, 900, 900, 7 * DAY},
     {GOOD, 100, 100, 1}, STAPLE_ENDS_SOON, FIRST},
    {"ends in 20 s, a week is held", {GOOD, 900, 900, 7 * DAY},
     {GOOD, 100, 100, 20}, STAPLE_ENDS_SOON, FIRST},
    {"ends in 22 s, a week is held", {GOOD, 900, 900, 7 * DAY},
     {GOOD, 100, 100, 22}, STAPLE_OK, SECOND},
    {"ends in 5 s, another 10 s are held", {GOOD, 900, 900, 10},
     {GOOD, 100, 100, 5}, STAPLE_ENDS_SOON, FIRST},
    {"ends in 10 s, as what is held", {GOOD, 900, 900, 10},
     {GOOD, 100, 100, 10}, STAPLE_OK, SECOND},
    {"the same times, but ends in a second", {GOOD, 100, 90, 7 * DAY},
     {GOOD, 100, 90, 1}, STAPLE_ENDS_SOON, FIRST},
    {"ends in a second, what is held has run out", {GOOD, 900, 900, -5},
     {GOOD, 100, 100, 1}, STAPLE_OK, SECOND},
    {"revoked ends in a second, revoked is held", {REVOKED, 900, 900, DAY},
     {REVOKED, 100, 100, 1}, STAPLE_ENDS_SOON, FIRST},
    {"revoked ends in a second, good is held", {GOOD, 900, 900, 7 * DAY},
     {REVOKED, 100, 100, 1}, STAPLE_OK, SECOND},
    {"good ends in a second, revoked is held (a hold ends)",
     {REVOKED, 900, 900, 7 * DAY}, {GOOD, 100, 100, 1}, STAPLE_OK, SECOND},
};

/* As the one held has it, at a time when it could be used. */
static void hold(held_t *held, make_der_t der, const said_t *said)
{
    apr_time_t then = at(said->ends_in < 0 ? said->ends_in - 1 : 0);

    is_reason(staple_adopt(&held->record, held->writer, 0, pki->cert, &policy,
                           der.bytes, der.len, NULL, then),
              STAPLE_OK, "one is held");
    held->record.failures = 3;
    held->record.reason = STAPLE_TIMEOUT;
    held->record.said_unknown = 1;
    strcpy(held->record.detail, "as it was");
    held->record.succeeded_at = at(-5000);
}

static void test_pair(unsigned i)
{
    const char *name = pairs[i].name;
    make_der_t first = make_said(&pairs[i].held);
    make_der_t second = make_said(&pairs[i].offered);
    staple_record_t before;
    staple_stamp_t stamps[2];
    held_t held;

    begin(&held, 8192);
    hold(&held, first, &pairs[i].held);
    before = held.record;
    staple_cache_stamp(&stamps[0], held.cache, &pki->cert->key);
    is_reason(adopt(&held, second), pairs[i].reason, "%s", name);
    staple_cache_stamp(&stamps[1], held.cache, &pki->cert->key);
    ok((stamps[0].staple != stamps[1].staple) == (pairs[i].outcome >= SECOND),
       "%s: published, or not", name);
    ok(holds(&held, first)
           == (pairs[i].outcome < SECOND && pairs[i].held.ends_in > 0),
       "%s: the first is stapled, or not", name);
    ok(holds(&held, second)
           == (pairs[i].outcome == SECOND
               || (pairs[i].outcome == AGAIN && first.len == second.len
                   && memcmp(first.bytes, second.bytes, first.len) == 0)),
       "%s: the second is stapled, or not", name);
    switch (pairs[i].outcome) {
    case FIRST:
        ok(memcmp(&before, &held.record, sizeof(before)) == 0,
           "%s: nothing else is known", name);
        break;
    case AGAIN:
    case SECOND:
        ok(held.record.failures == 0 && held.record.reason == STAPLE_OK
               && !held.record.said_unknown
               && held.record.succeeded_at == at(0),
           "%s: the responder is well", name);
        break;
    case SECOND_BUT_NOT_STAPLED:
        ok(held.record.failures == 3 && held.record.succeeded_at == at(-5000)
               && held.record.held.status == STAPLE_CERT_REVOKED,
           "%s: that is known, and nothing came of it", name);
        break;
    }
    is_int(held.record.der_len,
           pairs[i].outcome < SECOND ? first.len : second.len,
           "%s: the record speaks of the one held", name);
    free(held.block);
}

static void test_pairs(void)
{
    unsigned i;

    for (i = 0; i < COUNT(pairs); i++) {
        test_pair(i);
    }
}

/* Nothing is held: what has ended is no staple, what says revoked is known. */
static void test_nothing_held(void)
{
    const said_t good = {GOOD, 900, 900, -1}, revoked = {REVOKED, 900, 900, -1};
    const said_t short_lived = {GOOD, 900, 900, 1};
    make_der_t der = make_said(&good);
    held_t held;

    begin(&held, 8192);
    is_reason(adopt(&held, der), STAPLE_EXPIRED, "nothing held: good, ended");
    ok(holds_nothing(&held), "nothing held: nor is it now");
    is_int(held.record.der_len, 0, "nothing held: nor does the record say so");
    is_reason(adopt(&held, make_said(&revoked)), STAPLE_EXPIRED,
              "nothing held: revoked, ended");
    is_int(held.record.held.status, STAPLE_CERT_REVOKED, "it is known");
    is_reason(adopt(&held, der), STAPLE_OLDER, "and an older good no news");
    free(held.block);
    begin(&held, 8192);
    der = make_said(&short_lived);
    is_reason(adopt(&held, der), STAPLE_OK, "nothing held: a second's life");
    ok(holds(&held, der), "is better than nothing");
    free(held.block);
}

/* The same response without an end of its own, and a policy that gives it a
 * longer one than the policy before. */
static void test_longer(void)
{
    const said_t endless = {GOOD, 2 * DAY, 2 * DAY, 0};
    staple_policy_t other = policy;
    make_der_t der = make_said(&endless);
    held_t held;

    begin(&held, 8192);
    other.max_age = apr_time_from_sec(2 * DAY);
    is_reason(staple_adopt(&held.record, held.writer, 0, pki->cert, &other,
                           der.bytes, der.len, NULL, at(0)),
              STAPLE_EXPIRED, "no end: its policy's, at this moment");
    other.max_age += apr_time_from_sec(100);
    is_reason(staple_adopt(&held.record, held.writer, 0, pki->cert, &other,
                           der.bytes, der.len, NULL, at(0)),
              STAPLE_OK, "no end: held until its policy ends it");
    is_int(held.record.held.use_until, at(100), "in 100 s");
    is_reason(adopt(&held, der), STAPLE_OK, "the same, by another policy");
    is_int(held.record.held.use_until, at(5 * DAY), "is held for longer");
    is_reason(staple_adopt(&held.record, held.writer, 0, pki->cert, &other,
                           der.bytes, der.len, NULL, at(0)),
              STAPLE_OK, "and by the first one again");
    is_int(held.record.held.use_until, at(5 * DAY), "stays as it is");
    free(held.block);
}

/* How long a job takes is what an attempt may take. */
static void test_timeout(void)
{
    const said_t week = {GOOD, 900, 900, 7 * DAY}, minute = {GOOD, 9, 9, 60};
    staple_policy_t slow = policy;
    make_der_t der = make_said(&minute);
    held_t held;

    begin(&held, 8192);
    hold(&held, make_said(&week), &week);
    slow.timeout = apr_time_from_sec(30);
    is_reason(staple_adopt(&held.record, held.writer, 0, pki->cert, &slow,
                           der.bytes, der.len, NULL, at(0)),
              STAPLE_ENDS_SOON, "ends in a minute, asking takes half of it");
    is_reason(adopt(&held, der), STAPLE_OK, "asking takes ten seconds");
    free(held.block);
}

/* Whatever is wrong: cache and record are as they were. */
static void test_refused(void)
{
    make_der_t good = make_status(V_OCSP_CERTSTATUS_GOOD, 100);
    make_response_t wrong = make_good(pki);
    make_der_t ders[4];
    static const staple_reason_e want[]
        = {STAPLE_UNKNOWN, STAPLE_STATUS_TRY_LATER, STAPLE_MALFORMED,
           STAPLE_SIGNER_NOT_AUTHORISED};
    unsigned i, k;

    wrong.signer = pki->plain;
    wrong.embed[0] = pki->plain.x509;
    ders[0] = make_status(V_OCSP_CERTSTATUS_UNKNOWN, 50);
    ders[1] = make_error(p, 3);
    ders[2] = (make_der_t){(unsigned char *)"junk", 4};
    ders[3] = make_response(p, &wrong);
    for (i = 0; i < COUNT(ders); i++) {
        for (k = 0; k < 2; k++) {
            staple_record_t before;
            held_t held;

            begin(&held, 8192);
            if (k == 1) {
                adopt(&held, good);
            }
            before = held.record;
            is_reason(adopt(&held, ders[i]), want[i], "refused %u", i);
            ok(k == 1 ? holds(&held, good) : holds_nothing(&held),
               "refused %u: %s is held", i, k ? "what was" : "nothing");
            ok(memcmp(&before, &held.record, sizeof(before)) == 0,
               "refused %u: the record is as it was", i);
            free(held.block);
        }
    }
}

/* OCSPStapleMaxSize: to the byte, and the words say both numbers. */
static void test_too_large(void)
{
    make_der_t first = make_status(V_OCSP_CERTSTATUS_GOOD, MAKE_DAY);
    make_response_t response = make_good(pki);
    make_der_t second;
    char words[80];
    held_t held;

    response.extension = "1.3.6.1.4.1.55555.1";
    response.extension_bytes = 200;
    second = make_response(p, &response);
    ok(second.len > first.len, "the successor is longer");
    begin(&held, first.len);
    is_reason(adopt(&held, first), STAPLE_OK, "one of the greatest length");
    is_reason(adopt(&held, second), STAPLE_STAPLE_TOO_LARGE,
              "one that is longer");
    snprintf(words, sizeof(words), "%d bytes; OCSPStapleMaxSize is %d",
             (int)second.len, (int)first.len);
    is_str(held.record.detail, words, "too large: the sizes");
    ok(holds(&held, first), "too large: the one held stays");
    is_int(held.record.der_len, first.len,
           "too large: the record still speaks of it");
    free(held.block);
}

/* What cannot be stapled, for its length, still says that it is revoked. */
/* It may not be stapled, having ended within the tolerance of clocks, and it is
 * too long to be held. */
static void test_too_large_and_ended(void)
{
    make_der_t good = make_status(V_OCSP_CERTSTATUS_GOOD, 100);
    make_response_t response = make_good(pki);
    make_der_t revoked;
    held_t held;

    response.singles[0].status = V_OCSP_CERTSTATUS_REVOKED;
    response.singles[0].revoked_at = MAKE_NOW - MAKE_DAY;
    response.singles[0].this_update = MAKE_NOW - 50;
    response.singles[0].next_update = MAKE_NOW - 1;
    response.produced_at = MAKE_NOW - 45;
    response.extension = "1.3.6.1.4.1.55555.1";
    response.extension_bytes = 200;
    revoked = make_response(p, &response);
    begin(&held, good.len);
    adopt(&held, good);
    ok(adopt(&held, revoked) != STAPLE_OK,
       "revoked, too large, ended: refused");
    ok(staple_record_says_revoked(&held.record),
       "revoked, too large, ended: known to be revoked");
    ok(holds_nothing(&held), "revoked, too large, ended: nothing is stapled");
    is_reason(adopt(&held, good), STAPLE_OLDER,
              "revoked, too large, ended: good does not come back");
    free(held.block);
}

static void test_too_large_revoked(void)
{
    make_der_t good = make_status(V_OCSP_CERTSTATUS_GOOD, 100);
    make_der_t newer = make_status(V_OCSP_CERTSTATUS_GOOD, 10);
    make_response_t response = make_good(pki);
    make_der_t revoked;
    const char *why;
    int is_sound;
    unsigned k;

    response.singles[0].status = V_OCSP_CERTSTATUS_REVOKED;
    response.singles[0].revoked_at = MAKE_NOW - MAKE_DAY;
    response.singles[0].reason = 1;
    response.singles[0].this_update = MAKE_NOW - 50;
    response.produced_at = MAKE_NOW - 45;
    response.extension = "1.3.6.1.4.1.55555.1";
    response.extension_bytes = 200;
    revoked = make_response(p, &response);
    for (k = 0; k < 2; k++) { /* nothing held, a good one held */
        held_t held;

        begin(&held, newer.len > good.len ? newer.len : good.len);
        if (k == 1) {
            adopt(&held, good);
        }
        is_reason(adopt(&held, revoked), STAPLE_STAPLE_TOO_LARGE,
                  "revoked, too large");
        ok(holds_nothing(&held), "revoked, too large: nothing is stapled");
        ok(staple_record_says_revoked(&held.record),
           "revoked, too large: known to be revoked");
        is_int(held.record.held.revocation_reason, 1,
               "revoked, too large: why");
        is_int(held.record.der_len, 0, "revoked, too large: none is held");
        is_int(staple_writer_used(held.writer), 0,
               "revoked, too large: no room is taken up");
        is_sound = cache_check(&why, held.cache);
        ok(is_sound, "revoked, too large: the cache is sound %s", why);
        is_reason(adopt(&held, good), STAPLE_OLDER,
                  "revoked, too large: an older good one changes nothing");
        is_reason(adopt(&held, newer), STAPLE_OK,
                  "revoked, too large: a newer good one is taken");
        ok(holds(&held, newer), "and held");
        ok(!staple_record_says_revoked(&held.record), "and says good");
        free(held.block);
    }
}

static void test_nonce(void)
{
    unsigned char asked[STAPLE_NONCE_LEN] = {1};
    unsigned char other[STAPLE_NONCE_LEN] = {2};
    make_response_t response = make_good(pki);
    make_der_t der;
    held_t held;

    response.nonce = other;
    response.nonce_len = sizeof(other);
    der = make_response(p, &response);
    begin(&held, 8192);
    is_reason(staple_adopt(&held.record, held.writer, 0, pki->cert, &policy,
                           der.bytes, der.len, asked, at(0)),
              STAPLE_NONCE, "another nonce than asked");
    ok(holds_nothing(&held), "another nonce: nothing is held");
    is_reason(staple_adopt(&held.record, held.writer, 0, pki->cert, &policy,
                           der.bytes, der.len, other, at(0)),
              STAPLE_OK, "the nonce that was asked");
    held.record.der_len = 0;
    is_reason(staple_adopt(&held.record, held.writer, 1, pki->cert, &policy,
                           der.bytes, der.len, other, at(0)),
              STAPLE_NOT_FOUND, "an index that does not exist");
    free(held.block);
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    test_good();
    test_revoked();
    test_pairs();
    test_nothing_held();
    test_longer();
    test_timeout();
    test_refused();
    test_too_large();
    test_too_large_revoked();
    test_too_large_and_ended();
    test_nonce();
    make_end(p);
    return tap_done();
}
