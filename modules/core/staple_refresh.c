/* Who is due, what to ask, what an answer changes; hands out exchanges. */
#include "staple_refresh.h"

#include <apr_strings.h>
#include <openssl/rand.h>
#include <string.h>

#include "staple_adopt.h"
#include "staple_due.h"
#include "staple_queue.h"
#include "staple_schedule.h"

/* A clock set back by more than this moves all due times along. */
#define CLOCK_TOLERANCE apr_time_from_sec(2)

/* What the refresher knows of one certificate beyond its record. */
typedef struct entry_t {
    const staple_cert_t *cert;
    const staple_policy_t *policy;
    const staple_responder_t *skipped; /* it was down when it was its turn */
    unsigned attempt;                  /* of the job at work */
    staple_reason_e reason;            /* why the job's last attempt failed */
    int may_ask;                       /* there is somebody to ask */
    int at_work;                       /* waiting for a responder, or asking */
    int said_unknown;                  /* a verified response did, this job */
    int seen;                          /* a response came since the start */
    apr_interval_time_t retry_after;   /* the longest asked for, this job */
    char detail[STAPLE_RECORD_DETAIL];
} entry_t;

struct staple_refresh_t {
    apr_pool_t *pool;
    entry_t *entries;
    apr_uint32_t count;
    staple_due_t *due; /* who is neither waiting nor in flight */
    staple_cache_t *cache;
    staple_writer_t *writer;
    staple_queue_t *queue; /* who waits for which responder */
    unsigned skipped;      /* attempts passed over, ever */
    staple_exchange_t *free;
    unsigned in_flight;
    apr_uint32_t random;
    apr_time_t last_now;
    staple_refresh_options_t options;
};

/* xorshift32 (Marsaglia 2003): spreads requests, protects nothing. */
static apr_uint32_t draw(staple_refresh_t *refresh)
{
    refresh->random ^= refresh->random << 13;
    refresh->random ^= refresh->random >> 17;
    refresh->random ^= refresh->random << 5;
    return refresh->random;
}

static void tell(staple_refresh_t *refresh, staple_report_t report)
{
    report.detail = report.detail != NULL ? report.detail : "";
    refresh->options.report(refresh->options.baton, &report);
}

/* ---- the end of a job ---- */

/* Ties next_at to the URLs that it was meant for: whoever configures another
 * responder wants it asked now, not after the old one's back-off. */
static apr_uint32_t whom_to_ask(const entry_t *entry)
{
    apr_uint32_t hash = 2166136261U; /* FNV-1a */
    const char *url;
    int by_get;
    unsigned i;

    for (i = 0; (url = staple_responders_attempt(&by_get, entry->cert,
                                                 entry->policy, i))
                != NULL;
         i++) {
        for (; *url != '\0'; url++) {
            hash = (hash ^ (unsigned char)*url) * 16777619U;
        }
        hash = (hash ^ (unsigned)by_get) * 16777619U;
    }
    return hash;
}

static void end_job(staple_refresh_t *refresh, apr_uint32_t index,
                    staple_record_t *record, apr_time_t now)
{
    record->attempted_at = now;
    record->asked_whom = whom_to_ask(&refresh->entries[index]);
    staple_writer_put_record(refresh->writer, index, record);
    if (!refresh->entries[index].at_work && refresh->entries[index].may_ask) {
        staple_due_set(refresh->due, index, record->next_at);
    }
}

static void job_failed(staple_refresh_t *refresh, apr_uint32_t index,
                       apr_time_t now)
{
    entry_t *entry = &refresh->entries[index];
    staple_record_t record;

    entry->at_work = 0;
    staple_cache_get_record(&record, refresh->cache, index);
    if (entry->said_unknown) {
        record.status = STAPLE_CERT_UNKNOWN;
        entry->reason = STAPLE_UNKNOWN;
    }
    record.failures += record.failures < APR_UINT32_MAX;
    record.reason = (apr_uint16_t)entry->reason;
    apr_cpystrn(record.detail, entry->detail, sizeof(record.detail));
    record.next_at = staple_schedule_after_failure(
        entry->policy, record.failures, record.use_until, entry->retry_after,
        draw(refresh), now);
    end_job(refresh, index, &record, now);
    tell(refresh, (staple_report_t){.what = STAPLE_REPORT_JOB_FAILED,
                                    .index = index,
                                    .reason = entry->reason,
                                    .detail = entry->detail,
                                    .record = &record});
}

/* Puts the job's next attempt into its responder's queue, or ends it. */
static void go_on(staple_refresh_t *refresh, apr_uint32_t index,
                  apr_time_t now)
{
    entry_t *entry = &refresh->entries[index];
    int by_get;
    const char *url = staple_responders_attempt(&by_get, entry->cert,
                                                entry->policy, entry->attempt);

    if (url == NULL) {
        job_failed(refresh, index, now);
        return;
    }
    entry->at_work = 1;
    staple_queue_push(refresh->queue,
                      staple_queue_responder(refresh->queue, url), index);
}

static void start_job(staple_refresh_t *refresh, apr_uint32_t index,
                      apr_time_t now)
{
    entry_t *entry = &refresh->entries[index];

    staple_due_remove(refresh->due, index);
    entry->at_work = 1;
    entry->attempt = 0;
    entry->said_unknown = 0;
    entry->retry_after = 0;
    entry->skipped = NULL;
    entry->detail[0] = '\0';
    go_on(refresh, index, now);
}

/* The responder is down: not even tried, and remembered for its return. */
static void skip(staple_refresh_t *refresh, staple_responder_t *r,
                 apr_uint32_t index, apr_time_t now)
{
    entry_t *entry = &refresh->entries[index];

    refresh->skipped++;
    entry->skipped = r;
    entry->reason = STAPLE_RESPONDER_DOWN;
    apr_cpystrn(entry->detail, r->url, sizeof(entry->detail));
    entry->attempt = staple_responders_next_url(entry->policy, entry->attempt);
    go_on(refresh, index, now);
}

/* The responder is back, for all that passed it over. */
static void welcome_back(staple_refresh_t *refresh,
                         const staple_responder_t *r, apr_time_t now)
{
    apr_uint32_t i;

    for (i = 0; i < refresh->count; i++) {
        entry_t *entry = &refresh->entries[i];

        if (entry->skipped == r) {
            entry->skipped = NULL;
            if (entry->reason == STAPLE_RESPONDER_DOWN && !entry->at_work) {
                staple_due_set(refresh->due, i, now);
            }
        }
    }
}

/* ---- handing out exchanges ---- */

static staple_reason_e fill_exchange(staple_exchange_t *exchange,
                                     const entry_t *entry, const char *url)
{
    staple_reason_e reason;

    exchange->has_nonce = entry->policy->nonce
                          && RAND_bytes(exchange->nonce, STAPLE_NONCE_LEN) == 1;
    exchange->timeout = entry->policy->timeout;
    reason = staple_request_make(exchange->request, &exchange->request_len,
                                 entry->cert,
                                 exchange->has_nonce ? exchange->nonce : NULL);
    if (reason == STAPLE_OK && exchange->by_get) {
        return staple_request_get_url(exchange->url, url, exchange->request,
                                      exchange->request_len);
    }
    apr_cpystrn(exchange->url, url, sizeof(exchange->url));
    return reason;
}

static void attempt_failed(staple_refresh_t *refresh, apr_uint32_t index,
                           const staple_exchange_t *exchange,
                           staple_reason_e reason, const char *detail)
{
    entry_t *entry = &refresh->entries[index];

    entry->reason = reason;
    apr_cpystrn(entry->detail, detail, sizeof(entry->detail));
    tell(refresh, (staple_report_t){.what = STAPLE_REPORT_ATTEMPT_FAILED,
                                    .index = index,
                                    .reason = reason,
                                    .detail = detail,
                                    .url = exchange->responder->url,
                                    .by_get = exchange->by_get});
}

/* The exchange for the first certificate in a responder's queue, or NULL where
 * that attempt cannot be made at all. */
static staple_exchange_t *hand_out(staple_refresh_t *refresh,
                                   staple_responder_t *r, apr_time_t now)
{
    apr_uint32_t index = staple_queue_pop(refresh->queue, r);
    entry_t *entry = &refresh->entries[index];
    staple_exchange_t *exchange = refresh->free;
    staple_reason_e reason;
    const char *url = staple_responders_attempt(
        &exchange->by_get, entry->cert, entry->policy, entry->attempt);

    exchange->index = index;
    exchange->attempt = entry->attempt;
    exchange->responder = r;
    reason = fill_exchange(exchange, entry, url);
    if (reason != STAPLE_OK) {
        attempt_failed(refresh, index, exchange, reason, "");
        entry->attempt++;
        go_on(refresh, index, now);
        return NULL;
    }
    refresh->free = exchange->next_free;
    refresh->in_flight++;
    staple_responder_started(r);
    return exchange;
}

/* The next exchange with one responder, or NULL. */
static staple_exchange_t *next_with(staple_refresh_t *refresh,
                                    staple_responder_t *r, apr_time_t now)
{
    while (r->first_waiting != STAPLE_QUEUE_NOBODY) {
        staple_exchange_t *exchange;

        switch (staple_responder_turn(r, now)) {
        case STAPLE_RESPONDER_WAIT:
            return NULL;
        case STAPLE_RESPONDER_SKIP:
            skip(refresh, r, staple_queue_pop(refresh->queue, r), now);
            break;
        case STAPLE_RESPONDER_ASK:
            exchange = hand_out(refresh, r, now);
            if (exchange != NULL) {
                return exchange;
            }
            break;
        }
    }
    return NULL;
}

/* The next exchange with any responder, each in its turn.  Passing over one
 * that is down may fill the queue of one that was looked at before. */
static staple_exchange_t *next_in_turn(staple_refresh_t *refresh,
                                       apr_time_t now)
{
    unsigned looked = 0;

    while (staple_queue_waiting(refresh->queue) > 0
           && looked < staple_queue_count(refresh->queue)) {
        unsigned skipped = refresh->skipped;
        staple_exchange_t *exchange = next_with(
            refresh, staple_queue_turn(refresh->queue), now);

        if (exchange != NULL) {
            return exchange;
        }
        looked = refresh->skipped == skipped ? looked + 1 : 0;
    }
    return NULL;
}

/* A clock that was set back would leave everybody waiting for the time that
 * it was set back by. */
static void follow_clock(staple_refresh_t *refresh, apr_time_t now)
{
    if (now + CLOCK_TOLERANCE < refresh->last_now) {
        staple_responder_t *r;

        staple_due_shift(refresh->due, now - refresh->last_now);
        for (r = staple_queue_all(refresh->queue); r != NULL; r = r->next) {
            r->probe_at += now - refresh->last_now;
        }
    }
    refresh->last_now = now;
}

staple_exchange_t *staple_refresh_next(staple_refresh_t *refresh,
                                       apr_time_t now)
{
    apr_uint32_t index;
    apr_time_t at;

    follow_clock(refresh, now);
    while ((index = staple_due_first(refresh->due, &at)) != STAPLE_DUE_NOBODY
           && at <= now) {
        start_job(refresh, index, now);
    }
    return refresh->free != NULL ? next_in_turn(refresh, now) : NULL;
}

/* ---- taking answers ---- */

/* Uses a response if it is to be used, and says when to ask again. */
static staple_reason_e take_response(staple_refresh_t *refresh,
                                     apr_uint32_t index,
                                     const staple_answer_t *answer,
                                     const unsigned char *nonce,
                                     apr_time_t now)
{
    entry_t *entry = &refresh->entries[index];
    staple_record_t record;
    staple_reason_e reason;

    staple_cache_get_record(&record, refresh->cache, index);
    reason = staple_adopt(&record, refresh->writer, index, entry->cert,
                          entry->policy, answer->der, answer->der_len, nonce,
                          now);
    if (reason != STAPLE_OK) {
        return reason;
    }
    record.next_at = staple_schedule_after_success(
        entry->policy, record.use_until, answer->fresh_for, draw(refresh), now);
    end_job(refresh, index, &record, now);
    tell(refresh, (staple_report_t){.what = STAPLE_REPORT_REFRESHED,
                                    .index = index,
                                    .was_first = !entry->seen,
                                    .record = &record});
    entry->seen = 1;
    return STAPLE_OK;
}

static void count_exchange(staple_refresh_t *refresh, apr_uint32_t index,
                           int has_failed)
{
    staple_record_t record;

    staple_cache_get_record(&record, refresh->cache, index);
    record.requests++;
    record.failed += (apr_uint32_t)has_failed;
    staple_writer_put_record(refresh->writer, index, &record);
}

/* The responder's health after this exchange, and what follows from it. */
static void judge_responder(staple_refresh_t *refresh,
                            const staple_exchange_t *exchange,
                            staple_reason_e reason,
                            const staple_answer_t *answer, apr_time_t now)
{
    staple_responder_t *r = exchange->responder;
    staple_responder_change_e change = staple_responder_ended(
        r, exchange->index, reason, answer->http_status, answer->took, now);

    if (change == STAPLE_RESPONDER_SAME) {
        return;
    }
    tell(refresh,
         (staple_report_t){.what = change == STAPLE_RESPONDER_WENT_DOWN
                                       ? STAPLE_REPORT_RESPONDER_DOWN
                                       : STAPLE_REPORT_RESPONDER_UP,
                           .index = exchange->index,
                           .reason = reason,
                           .detail = answer->detail,
                           .url = r->url});
    if (change == STAPLE_RESPONDER_CAME_UP) {
        welcome_back(refresh, r, now);
    }
}

void staple_refresh_done(staple_refresh_t *refresh,
                         staple_exchange_t *exchange,
                         const staple_answer_t *answer, apr_time_t now)
{
    apr_uint32_t index = exchange->index;
    entry_t *entry = &refresh->entries[index];
    staple_reason_e reason = answer->reason;

    entry->at_work = 0;
    if (reason == STAPLE_OK) {
        reason = take_response(refresh, index, answer,
                               exchange->has_nonce ? exchange->nonce : NULL,
                               now);
    }
    count_exchange(refresh, index, reason != STAPLE_OK);
    judge_responder(refresh, exchange, reason, answer, now);
    if (reason != STAPLE_OK) {
        if (answer->retry_after > entry->retry_after) {
            entry->retry_after = answer->retry_after;
        }
        attempt_failed(refresh, index, exchange, reason, answer->detail);
        entry->attempt++;
        if (reason == STAPLE_UNKNOWN) {
            /* An answer; but another responder may know better. */
            entry->said_unknown = 1;
            entry->attempt = staple_responders_next_url(entry->policy,
                                                        exchange->attempt);
        }
        go_on(refresh, index, now);
    }
    exchange->next_free = refresh->free;
    refresh->free = exchange;
    refresh->in_flight--;
}

staple_reason_e staple_refresh_offer(staple_refresh_t *refresh,
                                     apr_uint32_t index,
                                     const unsigned char *der,
                                     apr_size_t der_len, apr_time_t now)
{
    const staple_answer_t answer = {
        .der = der, .der_len = der_len, .detail = ""};

    return take_response(refresh, index, &answer, NULL, now);
}

/* ---- making and looking ---- */

/* When a certificate is due, going by what its record says of earlier work. */
static apr_time_t first_due(const entry_t *entry,
                            const staple_record_t *record, apr_time_t now)
{
    if (record->attempted_at == 0 || record->asked_whom != whom_to_ask(entry)
        || (record->failures == 0 && record->use_until <= now)) {
        return now;
    }
    if (record->next_at > now + entry->policy->interval) {
        return now + entry->policy->interval;
    }
    return record->next_at;
}

staple_refresh_t *staple_refresh_make(apr_pool_t *p,
                                      const staple_refresh_cert_t *certs,
                                      apr_uint32_t count,
                                      staple_cache_t *cache,
                                      const staple_refresh_options_t *options,
                                      apr_time_t now)
{
    staple_refresh_t *refresh = apr_pcalloc(p, sizeof(*refresh));
    staple_exchange_t *exchanges;
    staple_record_t record;
    apr_uint32_t i;

    refresh->pool = p;
    refresh->count = count;
    refresh->cache = cache;
    refresh->options = *options;
    refresh->random = options->seed | 1;
    refresh->last_now = now;
    refresh->writer = staple_writer_make(p, cache);
    refresh->queue = staple_queue_make(p, count);
    refresh->due = staple_due_make(p, count);
    refresh->entries = apr_pcalloc(p, (count + 1) * sizeof(entry_t));
    for (i = 0; i < count; i++) {
        entry_t *entry = &refresh->entries[i];

        entry->cert = certs[i].cert;
        entry->policy = certs[i].policy;
        entry->may_ask = staple_responders_attempts(entry->cert, entry->policy)
                         > 0;
        if (staple_cache_get_record(&record, cache, i) && entry->may_ask) {
            entry->seen = record.use_until > now;
            staple_due_set(refresh->due, i, first_due(entry, &record, now));
        }
    }
    exchanges = apr_pcalloc(p, options->concurrency * sizeof(*exchanges));
    for (i = 0; i < options->concurrency; i++) {
        exchanges[i].next_free = refresh->free;
        refresh->free = &exchanges[i];
    }
    return refresh;
}

apr_time_t staple_refresh_due_at(const staple_refresh_t *refresh)
{
    apr_time_t at;

    staple_due_first(refresh->due, &at);
    return at;
}

unsigned staple_refresh_in_flight(const staple_refresh_t *refresh)
{
    return refresh->in_flight;
}

const staple_responder_t *
staple_refresh_responders(const staple_refresh_t *refresh)
{
    return staple_queue_all(refresh->queue);
}
