/* A look into the shared store, before anybody is asked: what it changes. */
#include "staple_look.h"

#include "staple_job.h"

int staple_look_comes_first(const staple_refresh_t *refresh, apr_uint32_t index)
{
    return refresh->shared != NULL && !refresh->entries[index].has_looked
           && !refresh->entries[index].policy->nonce;
}

void staple_look_skip(staple_refresh_t *refresh, apr_uint32_t index,
                      apr_time_t now)
{
    refresh->entries[index].has_looked = 1;
    staple_job_go_on(refresh, index, now);
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
        reason = staple_job_adopt(refresh, &record, index, der, der_len, NULL,
                                  now);
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
                                                record.use_until, 0, now);
        }
        staple_job_succeeded(refresh, index, &record, now);
    }
    return will_do;
}

/* Somebody else is asking; whoever waits for that takes no part in it.  A note
 * that is left over, or forged, holds back for so long and no longer. */
static int wait_for_other(staple_refresh_t *refresh, apr_uint32_t index,
                          apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[index];
    apr_interval_time_t wait = STAPLE_SHARE_WAIT;

    if (entry->waits_since == 0 || entry->waits_since > now) {
        entry->waits_since = now;
    }
    if (now - entry->waits_since
        >= staple_share_wait_limit(entry->policy)) {
        return 0;
    }
    wait += wait / 4 * (apr_interval_time_t)(staple_job_draw(refresh) % 1024)
            / 1024;
    staple_job_schedule(refresh, index, now + wait);
    return 1;
}

void staple_look_take(staple_refresh_t *refresh, apr_uint32_t index,
                      const staple_answer_t *answer, apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[index];

    entry->has_looked = 1;
    if (!staple_chain_state_is_stopped(refresh->follow, index)) {
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

void staple_look_share(staple_refresh_t *refresh, apr_uint32_t index,
                       apr_time_t now)
{
    const staple_cert_t *cert = refresh->entries[index].cert;
    unsigned char *der = refresh->value + STAPLE_CODEC_HEAD;
    apr_size_t len = STAPLE_MAX_RESPONSE;
    staple_record_t record;

    if (refresh->shared == NULL
        || staple_responder_what_is_down(refresh->shared) != NULL) {
        return;
    }
    staple_cache_get_record(&record, refresh->cache, index);
    /* What is published, and not what came: no signature covers all of that. */
    if (staple_cache_get(der, &len, refresh->cache, &cert->key, now)
        != STAPLE_OK) {
        return;
    }
    len = staple_share_encode(refresh->value, cert->sha256, der, len, now);
    refresh->options.share(refresh->options.share_baton, index,
                           refresh->value, len, record.use_until);
}

void staple_look_give_up(staple_refresh_t *refresh, apr_uint32_t index)
{
    if (refresh->shared != NULL
        && staple_responder_what_is_down(refresh->shared) == NULL
        && refresh->entries[index].has_looked) {
        refresh->options.share(refresh->options.share_baton, index, NULL, 0, 0);
    }
}
