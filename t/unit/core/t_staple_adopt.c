/* Which verified responses replace the one held, and what is noted of them. */
#include "../make_ocsp.h"
#include "../tap.h"

#include <stdlib.h>

#include "staple_adopt.h"
#include "staple_cache.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

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
    is_int(record->status, STAPLE_CERT_GOOD, "good: status");
    is_int(record->revocation_reason, -1, "good: no revocation reason");
    is_int(record->revoked_at, 0, "good: not revoked");
    is_int(record->this_update, at(-100), "good: thisUpdate");
    is_int(record->produced_at, at(-95), "good: producedAt");
    is_int(record->next_update, at(7 * MAKE_DAY - MAKE_HOUR),
           "good: nextUpdate");
    is_int(record->use_until, record->next_update, "good: use_until");
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
    is_int(held.record.status, STAPLE_CERT_REVOKED, "revoked: status");
    is_int(held.record.revocation_reason, 4, "revoked: reason");
    is_int(held.record.revoked_at, at(-MAKE_DAY), "revoked: since");
    is_reason(adopt(&held, good), STAPLE_OLDER,
              "an older good one does not take it back");
    ok(holds(&held, revoked), "revoked is still held");
    is_reason(adopt(&held, later), STAPLE_OK,
              "a later good one does (certificateHold)");
    is_int(held.record.status, STAPLE_CERT_GOOD, "good again");
    is_int(held.record.revocation_reason, -1, "good again: no reason");
    is_int(held.record.revoked_at, 0, "good again: no date");
    free(held.block);
}

static void test_order(void)
{
    static const struct {
        const char *name;
        apr_int64_t age; /* the one held has 100 */
        staple_reason_e want;
    } rows[] = {
        {"a second newer", 99, STAPLE_OK},
        {"of the same thisUpdate", 100, STAPLE_OK},
        {"a second older", 101, STAPLE_OLDER},
        {"much older", 3 * MAKE_DAY, STAPLE_OLDER},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        make_der_t first = make_status(V_OCSP_CERTSTATUS_GOOD, 100);
        make_der_t second
            = make_status(V_OCSP_CERTSTATUS_GOOD, rows[i].age);
        held_t held;

        begin(&held, 8192);
        adopt(&held, first);
        is_reason(adopt(&held, second), rows[i].want, "one %s",
                  rows[i].name);
        ok(holds(&held, rows[i].want == STAPLE_OK ? second : first),
           "one %s: the newer of them is held", rows[i].name);
        free(held.block);
    }
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
    test_order();
    test_refused();
    test_too_large();
    test_nonce();
    make_end(p);
    return tap_done();
}
