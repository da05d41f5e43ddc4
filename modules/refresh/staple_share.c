/* A response as machines share it: its value, and whether it will do; pure. */
#include "staple_share.h"

/* The jitter that makes others ask as early as they may. */
#define EARLIEST 1023U

apr_size_t staple_share_encode(unsigned char *buf,
                               const unsigned char sha256[32],
                               const unsigned char *der, apr_size_t der_len,
                               apr_time_t fetched_at)
{
    const staple_record_t record = {.succeeded_at = fetched_at};

    return staple_codec_encode(buf, sha256, &record, der, der_len);
}

staple_reason_e staple_share_decode(const unsigned char **der,
                                    apr_size_t *der_len, apr_time_t *fetched_at,
                                    const unsigned char *buf, apr_size_t len,
                                    const unsigned char sha256[32])
{
    staple_record_t record;
    staple_reason_e reason =
        staple_codec_decode(&record, der, der_len, buf, len, sha256);

    if (reason == STAPLE_OK && *der_len == 0) {
        reason = STAPLE_DAMAGED;
    }
    if (reason == STAPLE_OK) {
        *fetched_at = record.succeeded_at;
    }
    return reason;
}

int staple_share_will_do(const staple_policy_t *policy,
                         const staple_record_t *held,
                         const staple_record_t *taken, apr_time_t fetched_at,
                         apr_time_t now)
{
    apr_interval_time_t life = taken->use_until - taken->this_update;

    if (fetched_at < taken->this_update - policy->clock_skew
        || fetched_at > now + policy->clock_skew
        || now >= taken->use_until - life / 4) {
        return 0;
    }
    if (staple_record_order(held, taken) <= 0
        && fetched_at <= held->succeeded_at) {
        return 0;
    }
    if (fetched_at > now) {
        fetched_at = now;
    }
    return now < staple_schedule_after_success(policy, taken->use_until, 0,
                                               EARLIEST, fetched_at);
}

apr_interval_time_t staple_share_wait_limit(const staple_policy_t *policy)
{
    return policy->timeout < STAPLE_SHARE_WAIT_LAST ? policy->timeout
                                                    : STAPLE_SHARE_WAIT_LAST;
}
