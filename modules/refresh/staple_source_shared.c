/* The shared store as a source of status: its values, and which will do. */
#include "staple_source_shared.h"

#include "staple_job.h"
#include "staple_outage.h"

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
    apr_interval_time_t life = taken->held.use_until - taken->held.this_update;

    if (fetched_at < taken->held.this_update - policy->clock_skew
        || fetched_at > now + policy->clock_skew
        || now >= taken->held.use_until - life / 4) {
        return 0;
    }
    if (staple_record_order(held, taken) <= 0
        && fetched_at <= held->succeeded_at) {
        return 0;
    }
    if (fetched_at > now) {
        fetched_at = now;
    }
    return now < staple_schedule_after_success(policy, taken->held.use_until, 0,
                                               EARLIEST, fetched_at);
}

apr_interval_time_t staple_share_wait_limit(const staple_policy_t *policy)
{
    return policy->timeout < STAPLE_SHARE_WAIT_LAST ? policy->timeout
                                                    : STAPLE_SHARE_WAIT_LAST;
}

/* ---- as a source ---- */

static void begin(staple_refresh_t *refresh, apr_pool_t *p)
{
    if (refresh->options.shared != NULL) {
        refresh->shared = staple_queue_own(
            refresh->queue, refresh->options.shared, STAPLE_SHARE_QUERIES);
        refresh->value = apr_palloc(p, STAPLE_CODEC_MAX);
    }
}

/* With nonces a response is wanted that was made for this very request. */
static int is_used(const staple_refresh_t *refresh, apr_uint32_t index)
{
    return refresh->shared != NULL && !refresh->entries[index].policy->nonce;
}

static staple_responder_t *whom(staple_refresh_t *refresh, apr_uint32_t index)
{
    return is_used(refresh, index) && refresh->entries[index].attempt == 0
               ? refresh->shared
               : NULL;
}

static staple_reason_e fill(staple_refresh_t *refresh,
                            staple_exchange_t *exchange)
{
    (void)refresh;
    exchange->timeout = STAPLE_SHARE_TIMEOUT;
    return STAPLE_OK;
}

static void refuse(staple_refresh_t *refresh, apr_uint32_t index,
                   staple_reason_e reason)
{
    staple_job_tell(refresh,
                    (staple_report_t){.what = STAPLE_REPORT_SHARED_REFUSED,
                                      .index = index,
                                      .reason = reason,
                                      .url = refresh->shared->url});
}

/* The machine that put these there did nothing wrong. */
static int is_honest(staple_reason_e reason)
{
    return reason == STAPLE_OLDER || reason == STAPLE_ENDS_SOON;
}

/* Uses a value of the store if it is to be used.  Returns 1 where the job has
 * ended with it. */
static int use(staple_refresh_t *refresh, apr_uint32_t index,
               const staple_answer_t *answer, apr_time_t now)
{
    const staple_entry_t *entry = &refresh->entries[index];
    staple_record_t held, record;
    const unsigned char *der;
    apr_size_t der_len;
    apr_time_t fetched_at;
    staple_stamp_t before, after;
    staple_reason_e reason;
    int will_do;

    reason = staple_share_decode(&der, &der_len, &fetched_at, answer->der,
                                 answer->der_len, entry->cert->sha256);
    staple_cache_get_record(&held, refresh->cache, index);
    staple_cache_stamp(&before, refresh->cache, &entry->cert->key);
    if (reason == STAPLE_OK) {
        reason =
            staple_job_adopt(refresh, &record, index, der, der_len, NULL, now);
    }
    if (reason != STAPLE_OK) {
        if (!is_honest(reason)) {
            refuse(refresh, index, reason);
        }
        return 0;
    }
    will_do =
        staple_share_will_do(entry->policy, &held, &record, fetched_at, now);
    staple_cache_stamp(&after, refresh->cache, &entry->cert->key);
    /* The record goes with the staple: both are published, or neither. */
    if (will_do || before.staple != after.staple) {
        if (will_do) {
            record.next_at = staple_job_next_at(refresh, index,
                                                record.held.use_until, 0, now);
        }
        staple_job_succeeded(refresh, index, &record, now);
    }
    return will_do;
}

/* Another machine is asking: its response is waited for.  A note that is left
 * over, or forged, holds back for so long and no longer. */
static int wait_for_other(staple_refresh_t *refresh, apr_uint32_t index,
                          apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[index];
    apr_interval_time_t wait = STAPLE_SHARE_WAIT;

    if (entry->waits_since == 0 || entry->waits_since > now) {
        entry->waits_since = now;
    }
    if (now - entry->waits_since >= staple_share_wait_limit(entry->policy)) {
        return 0;
    }
    wait += wait / 4 * (apr_interval_time_t)(staple_job_draw(refresh) % 1024)
            / 1024;
    staple_job_schedule(refresh, index, now + wait);
    return 1;
}

/* The job ends with a response that will do, or waits for another machine's, or
 * goes on to the responders. */
static void take(staple_refresh_t *refresh, const staple_exchange_t *exchange,
                 const staple_answer_t *answer, apr_time_t now)
{
    apr_uint32_t index = exchange->index;

    staple_outage_judge(refresh, exchange, answer->reason, answer, now);
    refresh->entries[index].attempt++;
    if (!staple_chain_state_is_stopped(refresh->states, index)) {
        if (answer->reason == STAPLE_DAMAGED) {
            refuse(refresh, index, answer->reason);
        }
        if (answer->reason == STAPLE_OK && answer->der_len > 0
            && use(refresh, index, answer, now)) {
            return;
        }
        if (answer->is_asked && wait_for_other(refresh, index, now)) {
            return;
        }
    }
    staple_job_go_on(refresh, index, now);
}

static int is_up(const staple_refresh_t *refresh)
{
    return refresh->shared != NULL
           && staple_responder_what_is_down(refresh->shared) == NULL;
}

/* Shares what came from elsewhere as it was published, and not as it was
 * received: no signature covers all of that. */
static void learned(staple_refresh_t *refresh, apr_uint32_t index,
                    apr_time_t now)
{
    const staple_cert_t *cert = refresh->entries[index].cert;
    unsigned char *der = refresh->value + STAPLE_CODEC_HEAD;
    apr_size_t len = STAPLE_MAX_RESPONSE;
    staple_record_t record;

    if (!is_up(refresh)) {
        return;
    }
    staple_cache_get_record(&record, refresh->cache, index);
    if (staple_cache_get(der, &len, refresh->cache, &cert->key, now)
        != STAPLE_OK) {
        return;
    }
    len = staple_share_encode(refresh->value, cert->sha256, der, len, now);
    refresh->options.share(refresh->options.share_baton, index, refresh->value,
                           len, record.held.use_until);
}

/* Other machines need not wait for this one. */
static void gave_up(staple_refresh_t *refresh, apr_uint32_t index)
{
    if (is_up(refresh) && is_used(refresh, index)) {
        refresh->options.share(refresh->options.share_baton, index, NULL, 0, 0);
    }
}

const staple_source_t staple_source_shared = {.name = "shared",
                                              .transport =
                                                  STAPLE_TRANSPORT_SHARED,
                                              .begin = begin,
                                              .whom = whom,
                                              .fill = fill,
                                              .take = take,
                                              .is_optional = 1,
                                              .learned = learned,
                                              .gave_up = gave_up};
