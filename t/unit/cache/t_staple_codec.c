/* A stored staple: what was written is read, and nothing else. */
#include "../make_ocsp.h"
#include "../tap.h"

#include <openssl/sha.h>

#include "cache/staple_codec.h"

static unsigned char sha256[32];
static unsigned char buf[STAPLE_CODEC_MAX + 1];
static unsigned char der[STAPLE_MAX_RESPONSE];

static staple_record_t sample(void)
{
    staple_record_t record = {.next_at = 0x0102030405060708,
                              .attempted_at = 1700000000123456,
                              .succeeded_at = 1700000000123455,
                              .state_since = 1600000000000000,
                              .failures = 0xfffffffe,
                              .attempts_hash = 0x80000001,
                              .reason = STAPLE_TIMEOUT,
                              .state_reason = STAPLE_EXPIRED,
                              .state = 3,
                              .notified = 9,
                              .said_unknown = 1};

    return record;
}

static int same(const staple_record_t *a, const staple_record_t *b)
{
    return a->next_at == b->next_at && a->attempted_at == b->attempted_at
           && a->succeeded_at == b->succeeded_at
           && a->state_since == b->state_since && a->failures == b->failures
           && a->attempts_hash == b->attempts_hash && a->reason == b->reason
           && a->state_reason == b->state_reason && a->state == b->state
           && a->notified == b->notified && a->said_unknown == b->said_unknown;
}

/* Written with so much DER, then read back. */
static void round_trip(apr_size_t der_len)
{
    staple_record_t written = sample(), read = {.requests = 42};
    const unsigned char *at = NULL;
    apr_size_t len, read_len = 1;

    len = staple_codec_encode(buf, sha256, &written, der, der_len);
    is_int(len, STAPLE_CODEC_HEAD + der_len + STAPLE_CODEC_TAIL,
           "%zu bytes of DER: length", der_len);
    is_reason(staple_codec_decode(&read, &at, &read_len, buf, len, sha256),
              STAPLE_OK, "%zu bytes of DER: read", der_len);
    ok(same(&written, &read), "%zu bytes of DER: the record", der_len);
    ok(read_len == der_len && memcmp(at, der, der_len) == 0,
       "%zu bytes of DER: its bytes", der_len);
    is_int(read.requests, 42, "%zu bytes of DER: no more is set", der_len);
}

static staple_reason_e decode(apr_size_t len)
{
    const unsigned char *at;
    staple_record_t record;
    apr_size_t der_len;

    return staple_codec_decode(&record, &at, &der_len, buf, len, sha256);
}

/* Each bit of each byte, and each length. */
static void test_damage(void)
{
    staple_record_t record = sample();
    apr_size_t len = staple_codec_encode(buf, sha256, &record, der, 1000);
    apr_size_t i, accepted = 0;
    unsigned bit;

    for (i = 0; i < len; i++) {
        for (bit = 1; bit < 256; bit *= 2) {
            buf[i] ^= (unsigned char)bit;
            accepted += decode(len) != STAPLE_DAMAGED;
            buf[i] ^= (unsigned char)bit;
        }
    }
    is_int(accepted, 0, "no bit of %zu bytes can be another", len);
    for (i = 0; i < len; i++) {
        accepted += decode(i) != STAPLE_DAMAGED;
    }
    is_int(accepted, 0, "no byte can be missing at the end");
    buf[len] = 0;
    is_reason(decode(len + 1), STAPLE_DAMAGED, "nor can there be one more");
    is_reason(decode(len), STAPLE_OK, "as it was, it is read");
}

/* Seals the first `len` bytes again: damage that the digest does not find. */
static void seal(apr_size_t len)
{
    SHA256(buf, len - STAPLE_CODEC_TAIL, buf + len - STAPLE_CODEC_TAIL);
}

static void test_forged(void)
{
    staple_record_t record = sample();
    apr_size_t len = staple_codec_encode(buf, sha256, &record, der, 1000);

    buf[STAPLE_CODEC_HEAD - 1]++;
    seal(len);
    is_reason(decode(len), STAPLE_DAMAGED, "a DER longer than the file");
    buf[STAPLE_CODEC_HEAD - 4] = 0xff;
    seal(len);
    is_reason(decode(len), STAPLE_DAMAGED, "a DER longer than any memory");

    staple_codec_encode(buf, sha256, &record, der, 1000);
    buf[8]++;
    seal(len);
    is_reason(decode(len), STAPLE_DAMAGED, "of another certificate");

    staple_codec_encode(buf, sha256, &record, der, 1000);
    buf[7] = '2';
    seal(len);
    is_reason(decode(len), STAPLE_DAMAGED, "of another version");
    is_reason(decode(0), STAPLE_DAMAGED, "an empty file");
}

int main(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(sha256); i++) {
        sha256[i] = (unsigned char)(i * 7);
    }
    for (i = 0; i < sizeof(der); i++) {
        der[i] = (unsigned char)(i * 131 + i / 256);
    }
    round_trip(0);
    round_trip(1);
    round_trip(1000);
    round_trip(STAPLE_MAX_RESPONSE);
    test_damage();
    test_forged();
    return tap_done();
}
