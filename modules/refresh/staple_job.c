/* One certificate's job: from attempt to attempt, to its end. */
#include "staple_job.h"

#include <apr_strings.h>

#include "staple_adopt.h"
#include "staple_schedule.h"

/* The jitter that makes a retry as late as it may be. */
#define LATEST 1023U

/* xorshift32 (Marsaglia 2003): spreads requests, protects nothing. */
apr_uint32_t staple_job_draw(staple_refresh_t *refresh)
{
    refresh->random ^= refresh->random << 13;
    refresh->random ^= refresh->random >> 17;
    refresh->random ^= refresh->random << 5;
    return refresh->random;
}

void staple_job_tell(staple_refresh_t *refresh, staple_report_t report)
{
    report.detail = report.detail != NULL ? report.detail : "";
    refresh->options.report(refresh->options.baton, &report);
}

int staple_job_is_stopped(const staple_refresh_t *refresh, apr_uint32_t index)
{
    return index < refresh->count
           && staple_chain_state_is_stopped(refresh->states, index);
}

void staple_job_schedule(staple_refresh_t *refresh, apr_uint32_t index,
                         apr_time_t at)
{
    const staple_entry_t *entry = &refresh->entries[index];

    if (entry->may_ask && !entry->at_work
        && !staple_job_is_stopped(refresh, index)) {
        staple_timers_set(refresh->due, index, at);
    }
}

/* The latest that the policy now in force allows after failed jobs: another one
 * may have put the next off for a day.  What Retry-After put off stays so. */
static apr_time_t latest_retry(const staple_entry_t *entry,
                               const staple_record_t *record, apr_time_t now)
{
    apr_time_t use_until = record->der_len > 0 ? record->held.use_until : 0;
    apr_time_t last = record->attempted_at < now ? record->attempted_at : now;
    apr_time_t at = record->next_at;

    if (at > last + STAPLE_SCHEDULE_RETRY_AFTER) {
        apr_time_t latest = staple_schedule_after_failure(
            entry->policy, record->failures, use_until, 0, LATEST, last);

        at = at < latest ? at : latest;
    }
    return staple_schedule_hasten(at, entry->insists, use_until, 0, now);
}

apr_time_t staple_job_first_at(const staple_entry_t *entry,
                               const staple_record_t *record, apr_time_t now)
{
    if (record->attempted_at == 0
        || record->attempts_hash != entry->attempts_hash
        || (record->failures == 0 && !staple_record_is_usable(record, now))) {
        return now;
    }
    if (record->failures > 0) {
        return latest_retry(entry, record, now);
    }
    return record->next_at < now + entry->policy->interval
               ? record->next_at
               : now + entry->policy->interval;
}

static void end_job(staple_refresh_t *refresh, apr_uint32_t index,
                    staple_record_t *record, int has_new_response,
                    apr_time_t now)
{
    record->attempted_at = now;
    record->attempts_hash = refresh->entries[index].attempts_hash;
    refresh->entries[index].waits_since = 0;
    staple_chain_state_job_ended(refresh->states, index, record,
                                 has_new_response, now);
    staple_writer_put_record(refresh->writer, index, record);
    staple_job_schedule(refresh, index, record->next_at);
    staple_chain_state_spread(refresh->states, index, record, now);
}

/* When to ask again after this failure; *is_hastened: not when the policy would
 * have it. */
static apr_time_t after_failure(int *is_hastened, staple_refresh_t *refresh,
                                apr_uint32_t index,
                                const staple_record_t *record, apr_time_t now)
{
    const staple_entry_t *entry = &refresh->entries[index];
    apr_time_t use_until = record->der_len > 0 ? record->held.use_until : 0;
    apr_time_t at = staple_schedule_after_failure(
        entry->policy, record->failures, use_until, entry->retry_after,
        staple_job_draw(refresh), now);
    apr_time_t sooner = staple_schedule_hasten(
        at, entry->insists, use_until,
        entry->not_known && staple_cert_is_new(entry->cert, now), now);

    *is_hastened = sooner < at;
    return sooner;
}

static void job_failed(staple_refresh_t *refresh, apr_uint32_t index,
                       apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[index];
    const staple_source_t *const *source;
    staple_record_t record;
    int is_hastened;

    staple_cache_get_record(&record, refresh->cache, index);
    if (entry->said_unknown) {
        record.said_unknown = 1;
        entry->reason = STAPLE_UNKNOWN;
    }
    record.failures += record.failures < APR_UINT32_MAX;
    record.reason = (apr_uint16_t)entry->reason;
    apr_cpystrn(record.detail, entry->detail != NULL ? entry->detail : "",
                sizeof(record.detail));
    record.next_at = after_failure(&is_hastened, refresh, index, &record, now);
    if (entry->skipped != NULL) {
        entry->skipped->prober = index;
    }
    end_job(refresh, index, &record, 0, now);
    for (source = refresh->sources; *source != NULL; source++) {
        if ((*source)->gave_up != NULL) {
            (*source)->gave_up(refresh, index);
        }
    }
    staple_job_tell(
        refresh,
        (staple_report_t){.what = STAPLE_REPORT_JOB_FAILED,
                          .index = index,
                          .reason = entry->reason,
                          .detail = entry->detail,
                          .record = &record,
                          .gave_up = record.failures == entry->policy->max_tries
                                     && !is_hastened});
}

static void no_attempt_left(staple_refresh_t *refresh, apr_uint32_t index,
                            apr_time_t now)
{
    const staple_source_t *source = refresh->entries[index].sources[0];

    if (source->ended != NULL) {
        source->ended(refresh, index, now);
    }
    else {
        job_failed(refresh, index, now);
    }
}

unsigned staple_job_next_attempt(const staple_refresh_t *refresh,
                                 apr_uint32_t index, unsigned attempt)
{
    const staple_entry_t *entry = &refresh->entries[index];
    const staple_source_t *source = entry->sources[entry->source];

    return source->next != NULL ? source->next(refresh, index, attempt)
                                : attempt + 1;
}

/* Whom the job's present attempt asks.  What is optional knows nothing that is
 * new, so a job that was wished for does without. */
static staple_responder_t *whom(staple_refresh_t *refresh, apr_uint32_t index)
{
    const staple_entry_t *entry = &refresh->entries[index];
    const staple_source_t *source = entry->sources[entry->source];

    return source->is_optional && entry->wish == STAPLE_WISH_ASKS
               ? NULL
               : source->whom(refresh, index);
}

/* Whom the job asks next, or NULL: all attempts of all sources were made.  What
 * was cut short of a source's attempts comes after its others, and again. */
static staple_responder_t *next_responder(staple_refresh_t *refresh,
                                          apr_uint32_t index)
{
    staple_entry_t *entry = &refresh->entries[index];
    staple_responder_t *r = NULL;

    while (entry->sources[entry->source] != NULL
           && (r = whom(refresh, index)) == NULL) {
        entry->source += entry->cut == 0;
        entry->attempt = entry->cut > 0 ? entry->cut - 1 : 0;
        entry->cut = 0;
    }
    return r;
}

void staple_job_go_on(staple_refresh_t *refresh, apr_uint32_t index,
                      apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[index];

    entry->at_work = 0;
    if (staple_job_is_stopped(refresh, index)) {
        return;
    }
    entry->responder = next_responder(refresh, index);
    if (entry->responder == NULL) {
        no_attempt_left(refresh, index, now);
        return;
    }
    entry->at_work = 1;
    staple_timers_remove(refresh->due, index);
    staple_queue_push(refresh->queue, entry->responder->origin, index,
                      staple_job_draw(refresh));
}

void staple_job_start(staple_refresh_t *refresh, apr_uint32_t index,
                      apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[index];

    staple_timers_remove(refresh->due, index);
    entry->source = 0;
    entry->attempt = 0;
    entry->rehashed = entry->refused = 0;
    entry->cut = 0;
    entry->said_unknown = 0;
    entry->not_known = 0;
    entry->retry_after = 0;
    entry->skipped = NULL;
    if (entry->detail != NULL) {
        entry->detail[0] = '\0';
    }
    if (entry->sources[0]->start != NULL) {
        entry->sources[0]->start(refresh, index, now);
    }
    staple_job_go_on(refresh, index, now);
}

/* Room for it is made with the first: most certificates never need it. */
void staple_job_note(staple_refresh_t *refresh, staple_entry_t *entry,
                     const char *detail)
{
    if (entry->detail == NULL) {
        entry->detail = apr_palloc(refresh->pool, STAPLE_RECORD_DETAIL);
    }
    apr_cpystrn(entry->detail, detail, STAPLE_RECORD_DETAIL);
}

void staple_job_attempt_failed(staple_refresh_t *refresh, apr_uint32_t index,
                               const staple_exchange_t *exchange,
                               staple_reason_e reason, const char *detail)
{
    staple_entry_t *entry = &refresh->entries[index];

    entry->reason = reason;
    staple_job_note(refresh, entry, detail);
    staple_job_tell(refresh,
                    (staple_report_t){.what = STAPLE_REPORT_ATTEMPT_FAILED,
                                      .index = entry->tells_of,
                                      .reason = reason,
                                      .detail = detail,
                                      .url = exchange->responder->url,
                                      .by_get = exchange->by_get});
}

apr_time_t staple_job_next_at(staple_refresh_t *refresh, apr_uint32_t index,
                              apr_time_t use_until,
                              apr_interval_time_t fresh_for, apr_time_t now)
{
    return staple_schedule_after_success(refresh->entries[index].policy,
                                         use_until, fresh_for,
                                         staple_job_draw(refresh), now);
}

void staple_job_learned(staple_refresh_t *refresh, apr_uint32_t index,
                        const staple_source_t *source, apr_time_t now)
{
    const staple_source_t *const *other;

    for (other = refresh->sources; *other != NULL; other++) {
        if (*other != source && (*other)->learned != NULL) {
            (*other)->learned(refresh, index, now);
        }
    }
}

void staple_job_succeeded(staple_refresh_t *refresh, apr_uint32_t index,
                          staple_record_t *record, apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[index];

    entry->skipped = NULL;
    end_job(refresh, index, record, 1, now);
    staple_job_tell(refresh, (staple_report_t){.what = STAPLE_REPORT_REFRESHED,
                                               .index = index,
                                               .was_first = !entry->seen,
                                               .record = record});
    entry->seen = 1;
}

staple_reason_e staple_job_adopt(staple_refresh_t *refresh,
                                 staple_record_t *record, apr_uint32_t index,
                                 const unsigned char *der, apr_size_t der_len,
                                 const unsigned char *nonce, apr_time_t now)
{
    const staple_entry_t *entry = &refresh->entries[index];
    staple_reason_e reason;
    int was_revoked;

    staple_cache_get_record(record, refresh->cache, index);
    was_revoked = staple_record_says_revoked(record);
    reason = staple_adopt(record, refresh->writer, index, entry->cert,
                          entry->policy, der, der_len, nonce, now);
    if (reason != STAPLE_OK && !was_revoked
        && staple_record_says_revoked(record)) {
        staple_chain_state_learned(refresh->states, index, record, now);
        staple_writer_put_record(refresh->writer, index, record);
        staple_chain_state_spread(refresh->states, index, record, now);
    }
    return reason;
}

/* Uses a response if it is to be used, and says when to ask again. */
staple_reason_e
staple_job_take_response(char *detail, staple_refresh_t *refresh,
                         apr_uint32_t index, const staple_answer_t *answer,
                         const unsigned char *nonce, apr_time_t now)
{
    staple_record_t record;
    staple_reason_e reason;

    reason = staple_job_adopt(refresh, &record, index, answer->der,
                              answer->der_len, nonce, now);
    if (reason == STAPLE_STAPLE_TOO_LARGE) {
        apr_cpystrn(detail, record.detail, STAPLE_RECORD_DETAIL);
    }
    if (reason != STAPLE_OK) {
        return reason;
    }
    record.next_at = staple_job_next_at(refresh, index, record.held.use_until,
                                        answer->fresh_for, now);
    staple_job_succeeded(refresh, index, &record, now);
    return STAPLE_OK;
}

void staple_job_count(staple_refresh_t *refresh, apr_uint32_t index,
                      int has_failed)
{
    staple_record_t record;

    if (staple_cache_get_record(&record, refresh->cache, index)) {
        record.requests++;
        record.failed += (apr_uint32_t)has_failed;
        staple_writer_put_record(refresh->writer, index, &record);
    }
}
