/* A staple and its record as bytes, for disk and shared store. */
#include "staple_codec.h"

#include <openssl/sha.h>
#include <string.h>

#include "base/staple_bytes.h"

static const char magic[8] = {'O', 'C', 'S', 'P', 'S', 'T', 'P', '1'};

apr_size_t staple_codec_encode(unsigned char *buf,
                               const unsigned char sha256[32],
                               const staple_record_t *record,
                               const unsigned char *der, apr_size_t der_len)
{
    unsigned char *at = buf;

    memcpy(at, magic, sizeof(magic));
    at += sizeof(magic);
    memcpy(at, sha256, 32);
    at += 32;
    at = staple_bytes_put(at, (apr_uint64_t)record->next_at, 8);
    at = staple_bytes_put(at, (apr_uint64_t)record->attempted_at, 8);
    at = staple_bytes_put(at, (apr_uint64_t)record->succeeded_at, 8);
    at = staple_bytes_put(at, (apr_uint64_t)record->state_since, 8);
    at = staple_bytes_put(at, record->failures, 4);
    at = staple_bytes_put(at, record->attempts_hash, 4);
    at = staple_bytes_put(
        at, staple_reason_code((staple_reason_e)record->reason), 4);
    at = staple_bytes_put(
        at, staple_reason_code((staple_reason_e)record->state_reason), 4);
    at = staple_bytes_put(at, record->state, 1);
    at = staple_bytes_put(at, record->notified, 1);
    at = staple_bytes_put(at, record->said_unknown, 1);
    at = staple_bytes_put(at, 0, 1);
    at = staple_bytes_put(at, der_len, 4);
    if (der_len > 0) {
        memmove(at, der, der_len);
        at += der_len;
    }
    SHA256(buf, (size_t)(at - buf), at);
    return (apr_size_t)(at - buf) + STAPLE_CODEC_TAIL;
}

/* Is this the whole of what was written, for this certificate? */
static int is_whole(const unsigned char *buf, apr_size_t len,
                    const unsigned char sha256[32])
{
    const unsigned char *at = buf + STAPLE_CODEC_HEAD - 4;
    unsigned char digest[32];

    if (len < STAPLE_CODEC_HEAD + STAPLE_CODEC_TAIL || len > STAPLE_CODEC_MAX
        || memcmp(buf, magic, sizeof(magic)) != 0
        || memcmp(buf + sizeof(magic), sha256, 32) != 0) {
        return 0;
    }
    if (staple_bytes_get(&at, 4)
        != len - STAPLE_CODEC_HEAD - STAPLE_CODEC_TAIL) {
        return 0;
    }
    SHA256(buf, len - STAPLE_CODEC_TAIL, digest);
    return memcmp(digest, buf + len - STAPLE_CODEC_TAIL, 32) == 0;
}

static apr_uint16_t get_reason(const unsigned char **at)
{
    return (apr_uint16_t)staple_reason_of_code(
        (apr_uint32_t)staple_bytes_get(at, 4));
}

staple_reason_e staple_codec_decode(staple_record_t *record,
                                    const unsigned char **der,
                                    apr_size_t *der_len,
                                    const unsigned char *buf, apr_size_t len,
                                    const unsigned char sha256[32])
{
    const unsigned char *at = buf + sizeof(magic) + 32;

    if (!is_whole(buf, len, sha256)) {
        return STAPLE_DAMAGED;
    }
    record->next_at = (apr_time_t)staple_bytes_get(&at, 8);
    record->attempted_at = (apr_time_t)staple_bytes_get(&at, 8);
    record->succeeded_at = (apr_time_t)staple_bytes_get(&at, 8);
    record->state_since = (apr_time_t)staple_bytes_get(&at, 8);
    record->failures = (apr_uint32_t)staple_bytes_get(&at, 4);
    record->attempts_hash = (apr_uint32_t)staple_bytes_get(&at, 4);
    record->reason = get_reason(&at);
    record->state_reason = get_reason(&at);
    record->state = (unsigned char)staple_bytes_get(&at, 1);
    record->notified = (unsigned char)staple_bytes_get(&at, 1);
    record->said_unknown = (unsigned char)staple_bytes_get(&at, 1);
    *der = buf + STAPLE_CODEC_HEAD;
    *der_len = len - STAPLE_CODEC_HEAD - STAPLE_CODEC_TAIL;
    return STAPLE_OK;
}
