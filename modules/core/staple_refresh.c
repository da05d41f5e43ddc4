/* Who is due, what to ask, what an answer changes; hands out exchanges. */
#include "staple_refresh.h"

#include <apr_strings.h>
#include <string.h>

#include "staple_job.h"
#include "staple_look.h"

/* A clock set back by more than this moves all due times along. */
#define CLOCK_TOLERANCE apr_time_from_sec(2)

/* The responder is down: not even tried, and remembered for its return. */
static void pass_over(staple_refresh_t *refresh, staple_responder_t *r,
                      apr_uint32_t index, apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[index];

    if (r == refresh->shared) {
        staple_look_skip(refresh, index, now);
        return;
    }
    refresh->skipped++;
    entry->skipped = r;
    entry->reason = STAPLE_RESPONDER_DOWN;
    apr_cpystrn(entry->detail, r->url, sizeof(entry->detail));
    entry->attempt = staple_responders_next_url(entry->policy, entry->attempt);
    staple_job_go_on(refresh, index, now);
}

/* Whoever passed over a responder that is down probes it when that is due: its
 * own next job may be far off. */
static void send_probers(staple_refresh_t *refresh, apr_time_t now)
{
    staple_responder_t *r;
    apr_uint32_t index;

    for (r = staple_queue_all(refresh->queue); r != NULL; r = r->next) {
        index = staple_responder_prober(r, now);
        if (index != STAPLE_RESPONDER_NOBODY) {
            staple_job_schedule(refresh, index, now);
        }
    }
}

/* The responder is back, for all that passed it over. */
static void welcome_back(staple_refresh_t *refresh, const staple_responder_t *r,
                         apr_time_t now)
{
    apr_uint32_t i;

    for (i = 0; i < refresh->count; i++) {
        staple_entry_t *entry = &refresh->entries[i];

        if (entry->skipped == r) {
            entry->skipped = NULL;
            staple_job_schedule(refresh, i, now);
        }
    }
}

/* ---- handing out exchanges ---- */

/* The exchange for the first certificate in a responder's queue, or NULL where
 * that attempt cannot be made at all, or no longer is to be. */
static staple_exchange_t *hand_out(staple_refresh_t *refresh,
                                   staple_responder_t *r, apr_time_t now)
{
    apr_uint32_t index = staple_queue_pop(refresh->queue, r);
    staple_entry_t *entry = &refresh->entries[index];
    staple_exchange_t *exchange = refresh->free;
    staple_reason_e reason;

    if (staple_follow_is_stopped(refresh->follow, index)) {
        entry->at_work = 0; /* its issuer was revoked while it waited */
        return NULL;
    }
    exchange->index = index;
    exchange->responder = r;
    exchange->is_look = r == refresh->shared;
    exchange->timeout = STAPLE_SHARE_TIMEOUT;
    reason = exchange->is_look
                 ? STAPLE_OK
                 : staple_exchange_fill(exchange, entry->cert, entry->policy,
                                        entry->attempt);
    if (reason != STAPLE_OK) {
        staple_job_attempt_failed(refresh, index, exchange, reason, "");
        entry->attempt++;
        staple_job_go_on(refresh, index, now);
        return NULL;
    }
    entry->asked = exchange->is_look ? entry->asked : r->url;
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
            pass_over(refresh, r, staple_queue_pop(refresh->queue, r), now);
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
        staple_exchange_t *exchange =
            next_with(refresh, staple_queue_turn(refresh->queue), now);

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
    staple_follow_time(refresh->follow, now);
    send_probers(refresh, now);
    while ((index = staple_due_first(refresh->due, &at)) != STAPLE_DUE_NOBODY
           && at <= now) {
        staple_job_start(refresh, index, now);
    }
    return refresh->free != NULL ? next_in_turn(refresh, now) : NULL;
}

/* ---- taking answers ---- */

/* The URL as the certificate names it, or NULL: it does not. */
static const char *find_url(const staple_entry_t *entry, const char *url)
{
    const char *own;
    int by_get;
    unsigned i;

    for (i = 0;
         (own = staple_responders_attempt(&by_get, entry->cert, entry->policy,
                                          i))
         != NULL;
         i++) {
        if (strcmp(own, url) == 0) {
            return own;
        }
    }
    return NULL;
}

/* How long a responder that is down is left alone because it asked for that:
 * not for longer than a certificate that it is asked about can wait. */
static apr_interval_time_t left_alone_for(staple_refresh_t *refresh,
                                          const staple_responder_t *r,
                                          apr_interval_time_t retry_after,
                                          apr_time_t now)
{
    staple_record_t record;
    apr_uint32_t i;

    if (!r->is_down || retry_after <= STAPLE_SCHEDULE_MUST_STAPLE) {
        return retry_after;
    }
    for (i = 0; i < refresh->count; i++) {
        const staple_entry_t *entry = &refresh->entries[i];

        if (entry->insists && find_url(entry, r->url) != NULL
            && staple_cache_get_record(&record, refresh->cache, i)
            && !staple_record_is_usable(&record, now)) {
            return STAPLE_SCHEDULE_MUST_STAPLE;
        }
    }
    return retry_after;
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

    staple_responder_leave_alone(
        r, left_alone_for(refresh, r, answer->retry_after, now), now);
    if (change == STAPLE_RESPONDER_SAME) {
        return;
    }
    staple_job_tell(
        refresh, (staple_report_t){.what = STAPLE_REPORT_EVENT,
                                   .event = change == STAPLE_RESPONDER_WENT_DOWN
                                                ? STAPLE_EVENT_RESPONDER_DOWN
                                                : STAPLE_EVENT_RESPONDER_UP,
                                   .at = now,
                                   .index = exchange->index,
                                   .reason = reason,
                                   .detail = answer->detail,
                                   .url = r->url});
    if (change == STAPLE_RESPONDER_CAME_UP) {
        welcome_back(refresh, r, now);
    }
}

static void take_look(staple_refresh_t *refresh,
                      const staple_exchange_t *exchange,
                      const staple_answer_t *answer, apr_time_t now)
{
    judge_responder(refresh, exchange, answer->reason, answer, now);
    staple_look_take(refresh, exchange->index, answer, now);
}

static void take_response(staple_refresh_t *refresh,
                          const staple_exchange_t *exchange,
                          const staple_answer_t *answer, apr_time_t now)
{
    apr_uint32_t index = exchange->index;
    staple_entry_t *entry = &refresh->entries[index];
    staple_reason_e reason = answer->reason;

    if (reason == STAPLE_OK
        && !staple_follow_is_stopped(refresh->follow, index)) {
        reason = staple_job_take_response(
            refresh, index, answer,
            exchange->has_nonce ? exchange->nonce : NULL, now);
        if (reason == STAPLE_OK) {
            staple_look_share(refresh, index, answer, now);
        }
    }
    staple_job_count(refresh, index, reason != STAPLE_OK);
    judge_responder(refresh, exchange, reason, answer, now);
    if (reason != STAPLE_OK) {
        entry->not_known |= reason == STAPLE_UNKNOWN
                            || reason == STAPLE_STATUS_UNAUTHORIZED;
        if (answer->retry_after > entry->retry_after) {
            entry->retry_after = answer->retry_after;
        }
        if (exchange->responder->is_down) {
            entry->skipped = exchange->responder;
        }
        staple_job_attempt_failed(refresh, index, exchange, reason,
                                  answer->detail);
        entry->attempt++;
        if (reason == STAPLE_UNKNOWN) {
            /* An answer; but another responder may know better. */
            entry->said_unknown = 1;
            entry->attempt =
                staple_responders_next_url(entry->policy, exchange->attempt);
        }
        staple_job_go_on(refresh, index, now);
    }
}

void staple_refresh_done(staple_refresh_t *refresh, staple_exchange_t *exchange,
                         const staple_answer_t *answer, apr_time_t now)
{
    /* What ran out before the answer came did so before what it brings. */
    staple_follow_time(refresh->follow, now);
    refresh->entries[exchange->index].at_work = 0;
    if (exchange->is_look) {
        take_look(refresh, exchange, answer, now);
    }
    else {
        take_response(refresh, exchange, answer, now);
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

    return staple_job_take_response(refresh, index, &answer, NULL, now);
}

/* ---- making and looking ---- */

/* Several machines that start together begin with different certificates: so
 * each finds the others' responses in the shared store. */
static apr_time_t in_any_order(staple_refresh_t *refresh, apr_time_t at)
{
    return refresh->shared != NULL && at <= refresh->last_now
               ? at - (apr_time_t)(staple_job_draw(refresh) % APR_USEC_PER_SEC)
               : at;
}

static void get_record(void *baton, apr_uint32_t index, staple_record_t *record)
{
    const staple_refresh_t *refresh = baton;

    staple_cache_get_record(record, refresh->cache, index);
}

static void put_record(void *baton, apr_uint32_t index,
                       const staple_record_t *record)
{
    staple_refresh_t *refresh = baton;

    staple_writer_put_record(refresh->writer, index, record);
}

static void tell_event(void *baton, const staple_follow_event_t *event)
{
    staple_refresh_t *refresh = baton;

    staple_job_tell(
        refresh,
        (staple_report_t){.what = STAPLE_REPORT_EVENT,
                          .event = event->event,
                          .index = event->index,
                          .before = event->before,
                          .at = event->at,
                          .reason = (staple_reason_e)event->record->reason,
                          .detail = event->record->detail,
                          .url = refresh->entries[event->index].asked,
                          .record = event->record});
}

static void stop_requests(void *baton, apr_uint32_t index, int is_stopped,
                          apr_time_t now)
{
    staple_refresh_t *refresh = baton;

    if (is_stopped) {
        staple_due_remove(refresh->due, index);
    }
    else {
        staple_job_schedule(refresh, index, now);
    }
}

static staple_follow_t *make_follow(staple_refresh_t *refresh, apr_pool_t *p)
{
    const staple_follow_hooks_t hooks = {refresh, get_record, put_record,
                                         tell_event, stop_requests};

    return staple_follow_make(p, refresh->count, &hooks);
}

staple_refresh_t *staple_refresh_make(apr_pool_t *p,
                                      const staple_refresh_cert_t *certs,
                                      apr_uint32_t count, staple_cache_t *cache,
                                      const staple_refresh_options_t *options,
                                      apr_time_t now)
{
    staple_refresh_t *refresh = apr_pcalloc(p, sizeof(*refresh));
    staple_record_t record;
    apr_uint32_t i;

    refresh->count = count;
    refresh->cache = cache;
    refresh->options = *options;
    refresh->random = options->seed | 1;
    refresh->last_now = now;
    refresh->writer = staple_writer_make(p, cache);
    refresh->queue = staple_queue_make(p, count);
    if (options->shared != NULL) {
        refresh->shared =
            staple_queue_responder(refresh->queue, options->shared);
        refresh->shared->window_last = STAPLE_SHARE_LOOKS;
        refresh->value = apr_palloc(p, STAPLE_STORED_MAX);
    }
    refresh->due = staple_due_make(p, count);
    refresh->entries = apr_pcalloc(p, (count + 1) * sizeof(staple_entry_t));
    refresh->follow = make_follow(refresh, p);
    for (i = 0; i < count; i++) {
        staple_entry_t *entry = &refresh->entries[i];

        entry->cert = certs[i].cert;
        entry->policy = certs[i].policy;
        entry->whom = staple_responders_hash(entry->cert, entry->policy);
        entry->insists = staple_refresh_insists(&certs[i]);
        entry->may_ask =
            staple_responders_attempts(entry->cert, entry->policy) > 0;
        staple_follow_set(refresh->follow, i,
                          certs[i].above > 0 ? certs[i].above - 1
                                             : STAPLE_FOLLOW_NONE,
                          entry->may_ask);
        if (!entry->insists) {
            staple_follow_set_new(refresh->follow, i,
                                  entry->cert->not_before + STAPLE_CERT_NEW);
        }
    }
    for (i = 0; i < count; i++) {
        staple_entry_t *entry = &refresh->entries[i];

        staple_follow_begin(refresh->follow, i, now);
        staple_cache_get_record(&record, cache, i);
        entry->seen = staple_record_is_usable(&record, now);
        staple_job_schedule(
            refresh, i, in_any_order(refresh,
                                     staple_job_first_at(entry, &record, now)));
    }
    staple_follow_settle(refresh->follow, now);
    refresh->free = staple_exchange_make(p, options->concurrency);
    return refresh;
}

void staple_refresh_was_down(staple_refresh_t *refresh, const char *url,
                             unsigned probes, apr_time_t probe_at,
                             apr_time_t now)
{
    staple_responder_t *r = refresh->shared;
    staple_record_t record;
    const char *own;
    apr_uint32_t i;

    if (r != NULL && strcmp(r->url, url) == 0) {
        staple_responder_was_down(r, probes, probe_at, now);
        return;
    }
    for (i = 0; i < refresh->count; i++) {
        own = find_url(&refresh->entries[i], url);
        if (own == NULL) {
            continue;
        }
        r = staple_queue_responder(refresh->queue, own);
        staple_responder_was_down(r, probes, probe_at, now);
        staple_cache_get_record(&record, refresh->cache, i);
        if (record.failures > 0) {
            refresh->entries[i].skipped = r;
            r->prober = i;
        }
    }
}

apr_time_t staple_refresh_due_at(const staple_refresh_t *refresh)
{
    const staple_responder_t *r;
    apr_time_t at;

    staple_due_first(refresh->due, &at);
    for (r = staple_queue_all(refresh->queue); r != NULL; r = r->next) {
        if (r->is_down && r->prober != STAPLE_RESPONDER_NOBODY
            && r->probe_at < at) {
            at = r->probe_at;
        }
    }
    return at < staple_follow_next_at(refresh->follow)
               ? at
               : staple_follow_next_at(refresh->follow);
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
