/* Who is due, what to ask, what an answer changes; hands out exchanges. */
#include "staple_refresh.h"

#include <apr_strings.h>

#include "staple_job.h"
#include "staple_look.h"

/* A clock set back by more than this moves all due times along. */
#define CLOCK_TOLERANCE apr_time_from_sec(2)

/* The responder, or its origin, is down: not even tried, and remembered for
 * its return. */
static void pass_over(staple_refresh_t *refresh, apr_uint32_t index,
                      staple_health_t *down, apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[index];
    const staple_responder_t *r = entry->responder;

    if (r == refresh->shared) {
        staple_look_skip(refresh, index, now);
        return;
    }
    entry->skipped = down;
    entry->reason = STAPLE_RESPONDER_DOWN;
    apr_cpystrn(entry->detail, r->url, sizeof(entry->detail));
    entry->attempt = staple_responder_next_url(entry->policy, entry->attempt);
    staple_job_go_on(refresh, index, now);
}

static void send_prober(staple_refresh_t *refresh, staple_health_t *health,
                        apr_time_t now)
{
    apr_uint32_t index = staple_health_prober(health, now);

    if (index != STAPLE_HEALTH_NOBODY) {
        staple_job_schedule(refresh, index, now);
    }
}

/* A certificate that passed over a responder or origin that is down probes it
 * when that is due: its own next job may be far off. */
static void send_probers(staple_refresh_t *refresh, apr_time_t now)
{
    staple_responder_t *r = staple_queue_responders(refresh->queue);
    staple_origin_t *origin = staple_queue_origins(refresh->queue);

    for (; origin != NULL; origin = origin->next) {
        send_prober(refresh, &origin->health, now);
    }
    for (; r != NULL; r = r->next) {
        send_prober(refresh, &r->health, now);
    }
}

/* A responder or origin is back, for all that passed it over. */
static void welcome_back(staple_refresh_t *refresh,
                         const staple_health_t *health, apr_time_t now)
{
    apr_uint32_t i;

    for (i = 0; i < refresh->count; i++) {
        staple_entry_t *entry = &refresh->entries[i];

        if (entry->skipped == health) {
            entry->skipped = NULL;
            staple_job_schedule(refresh, i, now);
        }
    }
}

/* ---- handing out exchanges ---- */

/* No certificate waits for an origin that is down, but for the one that may ask
 * it.  Returns 1 where any other did. */
static int send_away(staple_refresh_t *refresh, staple_origin_t *origin,
                     apr_time_t now)
{
    apr_uint32_t waiting = origin->waiting;
    int is_kept = 0, is_any = 0;

    for (; waiting > 0; waiting--) {
        apr_uint32_t index = staple_queue_pop(refresh->queue, origin);
        staple_health_t *down;

        if (!is_kept
            && staple_responder_may_ask(
                &down, refresh->entries[index].responder, now)) {
            is_kept = 1;
            staple_queue_push(refresh->queue, origin, index, 0);
        }
        else {
            is_any = 1;
            pass_over(refresh, index, &origin->health, now);
        }
    }
    return is_any;
}

/* A certificate that is sent away may wait for the next origin that is down:
 * until none does. */
static void leave_who_is_down(staple_refresh_t *refresh, apr_time_t now)
{
    staple_origin_t *origin;
    int is_any;

    do {
        is_any = 0;
        for (origin = staple_queue_origins(refresh->queue); origin != NULL;
             origin = origin->next) {
            if (origin->health.is_down && origin->waiting > 0) {
                is_any |= send_away(refresh, origin, now);
            }
        }
    } while (is_any);
}

/* The exchange for the first certificate in an origin's queue, or NULL where
 * that attempt cannot be made at all, or no longer is to be. */
static staple_exchange_t *hand_out(staple_refresh_t *refresh,
                                   staple_origin_t *origin, int is_crowded,
                                   apr_time_t now)
{
    apr_uint32_t index = staple_queue_pop(refresh->queue, origin);
    staple_entry_t *entry = &refresh->entries[index];
    staple_responder_t *r = entry->responder;
    staple_exchange_t *exchange = refresh->free;
    staple_health_t *down;
    staple_reason_e reason;

    if (staple_chain_state_is_stopped(refresh->follow, index)) {
        entry->at_work = 0; /* its issuer was revoked while it waited */
        return NULL;
    }
    if (!staple_responder_may_ask(&down, r, now)) {
        pass_over(refresh, index, down, now);
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
    staple_queue_enter(&exchange->place, refresh->queue, origin,
                       exchange->timeout, is_crowded, now);
    exchange->timeout = exchange->place.granted;
    entry->asked = exchange->is_look ? entry->asked : r->url;
    refresh->free = exchange->next_free;
    refresh->in_flight++;
    staple_responder_started(r);
    return exchange;
}

/* The next exchange, with the origin whose turn it is, or NULL. */
static staple_exchange_t *next_in_turn(staple_refresh_t *refresh,
                                       apr_time_t now)
{
    staple_exchange_t *exchange = NULL;
    staple_origin_t *origin;
    int is_crowded;

    while (exchange == NULL && staple_queue_waiting(refresh->queue) > 0) {
        leave_who_is_down(refresh, now);
        origin = staple_queue_next(&is_crowded, refresh->queue);
        if (origin == NULL) {
            return NULL;
        }
        exchange = hand_out(refresh, origin, is_crowded, now);
    }
    return exchange;
}

/* A clock that was set back would leave everybody waiting for the time that
 * it was set back by. */
static void follow_clock(staple_refresh_t *refresh, apr_time_t now)
{
    apr_interval_time_t by = now - refresh->last_now;

    if (by < -CLOCK_TOLERANCE) {
        staple_responder_t *r = staple_queue_responders(refresh->queue);
        staple_origin_t *origin = staple_queue_origins(refresh->queue);

        staple_timers_shift(refresh->due, by);
        for (; r != NULL; r = r->next) {
            r->health.probe_at += by;
        }
        for (; origin != NULL; origin = origin->next) {
            origin->health.probe_at += by;
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
    staple_chain_state_time(refresh->follow, now);
    send_probers(refresh, now);
    while ((index = staple_timers_first(refresh->due, &at)) != STAPLE_TIMERS_NOBODY
           && at <= now) {
        staple_job_start(refresh, index, now);
    }
    return refresh->free != NULL ? next_in_turn(refresh, now) : NULL;
}

/* ---- taking answers ---- */

static void tell_change(staple_refresh_t *refresh,
                        staple_health_change_e change, const char *url,
                        const staple_exchange_t *exchange,
                        staple_reason_e reason, const char *detail,
                        apr_time_t now)
{
    staple_event_e event = change == STAPLE_HEALTH_WENT_DOWN
                               ? STAPLE_EVENT_RESPONDER_DOWN
                               : STAPLE_EVENT_RESPONDER_UP;

    if (change != STAPLE_HEALTH_SAME) {
        staple_job_tell(refresh,
                        (staple_report_t){.what = STAPLE_REPORT_EVENT,
                                          .event = event,
                                          .at = now,
                                          .index = exchange->index,
                                          .reason = reason,
                                          .detail = detail,
                                          .url = url});
    }
}

/* The certificates that found out that it is down failed before it was. */
static void remember_suspects(staple_refresh_t *refresh,
                              staple_health_t *health)
{
    staple_record_t record;
    unsigned i;

    for (i = 0; i < health->suspect_count; i++) {
        staple_entry_t *entry = &refresh->entries[health->suspects[i]];

        staple_cache_get_record(&record, refresh->cache, health->suspects[i]);
        if (record.failures > 0 && !entry->at_work && entry->skipped == NULL) {
            entry->skipped = health;
            health->prober = health->suspects[i];
        }
    }
}

static void follow_change(staple_refresh_t *refresh,
                          staple_health_change_e change,
                          staple_health_t *health, apr_time_t now)
{
    switch (change) {
    case STAPLE_HEALTH_SAME:
        break;
    case STAPLE_HEALTH_WENT_DOWN:
        remember_suspects(refresh, health);
        break;
    case STAPLE_HEALTH_CAME_UP:
        welcome_back(refresh, health, now);
        break;
    }
}

/* A server that was out of reach is back: what of its URLs is down may be so
 * for no other reason. */
static void probe_urls(staple_refresh_t *refresh, const staple_origin_t *origin,
                       apr_time_t now)
{
    staple_responder_t *r = staple_queue_responders(refresh->queue);

    for (; r != NULL; r = r->next) {
        if (r->origin == origin && r->health.probe_at > now) {
            r->health.probe_at = now;
        }
    }
}

static int asks(const staple_entry_t *entry, const char *url)
{
    const char *own;
    unsigned attempt = 0;
    int by_get;

    while ((own = staple_responder_attempt(&by_get, entry->cert,
                                            entry->policy, attempt))
           != NULL) {
        if (strcmp(own, url) == 0) {
            return 1;
        }
        attempt = staple_responder_next_url(entry->policy, attempt);
    }
    return 0;
}

/* How long a responder that is down is left alone because it asked for that:
 * not for longer than a certificate that it is asked about can wait. */
static apr_interval_time_t left_alone_for(const staple_refresh_t *refresh,
                                          const staple_responder_t *r,
                                          apr_interval_time_t retry_after,
                                          apr_time_t now)
{
    staple_record_t record;
    apr_uint32_t i;

    if (!r->health.is_down || retry_after <= STAPLE_SCHEDULE_MUST_STAPLE) {
        return retry_after;
    }
    for (i = 0; i < refresh->count; i++) {
        const staple_entry_t *entry = &refresh->entries[i];

        if (entry->insists && asks(entry, r->url)
            && staple_cache_get_record(&record, refresh->cache, i)
            && !staple_record_is_usable(&record, now)) {
            return STAPLE_SCHEDULE_MUST_STAPLE;
        }
    }
    return retry_after;
}

/* The health of the responder and its origin after this exchange, and what
 * follows from it. */
static void judge_responder(staple_refresh_t *refresh,
                            const staple_exchange_t *exchange,
                            staple_reason_e reason,
                            const staple_answer_t *answer, apr_time_t now)
{
    staple_responder_t *r = exchange->responder;
    staple_origin_t *origin = r->origin;
    int was_proven = origin->is_proven;
    staple_responder_change_t change = staple_responder_ended(
        r, exchange->index, reason, answer->http_status, answer->took, now);

    staple_queue_leave(refresh->queue, origin, &exchange->place, was_proven,
                       now);
    staple_health_leave_alone(
        &r->health, left_alone_for(refresh, r, answer->retry_after, now), now);
    tell_change(refresh, change.origin, origin->name, exchange, reason,
                answer->detail, now);
    tell_change(refresh, change.url, r->url, exchange, reason, answer->detail,
                now);
    if (change.origin == STAPLE_HEALTH_CAME_UP) {
        probe_urls(refresh, origin, now);
    }
    follow_change(refresh, change.origin, &origin->health, now);
    follow_change(refresh, change.url, &r->health, now);
}

/* Others wait, and this one has had its time: it gets more of it at its next
 * turn, after theirs. */
static void cut_short(staple_refresh_t *refresh,
                      const staple_exchange_t *exchange, apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[exchange->index];
    staple_origin_t *origin = exchange->responder->origin;
    int was_proven = origin->is_proven;

    staple_responder_was_cut(exchange->responder, exchange->place.granted);
    staple_queue_leave(refresh->queue, origin, &exchange->place, was_proven,
                       now);
    staple_job_count(refresh, exchange->index, 0);
    staple_job_tell(refresh,
                    (staple_report_t){.what = STAPLE_REPORT_CUT_SHORT,
                                      .index = exchange->index,
                                      .url = exchange->responder->url,
                                      .took = exchange->place.granted});
    if (entry->cut == 0) {
        entry->cut = exchange->attempt + 1;
    }
    entry->attempt =
        staple_responder_next_url(entry->policy, exchange->attempt);
    staple_job_go_on(refresh, exchange->index, now);
}

static void take_look(staple_refresh_t *refresh,
                      const staple_exchange_t *exchange,
                      const staple_answer_t *answer, apr_time_t now)
{
    judge_responder(refresh, exchange, answer->reason, answer, now);
    staple_look_take(refresh, exchange->index, answer, now);
}

/* After a failure by one method: by the other one, unless that would say the
 * same, or the answer was one, if not the last word. */
static unsigned next_attempt(const staple_entry_t *entry,
                             const staple_exchange_t *exchange,
                             staple_reason_e reason)
{
    return reason == STAPLE_UNKNOWN || staple_responder_is_out_of_reach(reason)
               ? staple_responder_next_url(entry->policy, exchange->attempt)
               : exchange->attempt + 1;
}

static void take_response(staple_refresh_t *refresh,
                          const staple_exchange_t *exchange,
                          const staple_answer_t *answer, apr_time_t now)
{
    apr_uint32_t index = exchange->index;
    staple_entry_t *entry = &refresh->entries[index];
    staple_reason_e reason = answer->reason;
    char detail[STAPLE_RECORD_DETAIL];
    staple_health_t *down;

    apr_cpystrn(detail, answer->detail, sizeof(detail));
    if (reason == STAPLE_OK
        && !staple_chain_state_is_stopped(refresh->follow, index)) {
        reason = staple_job_take_response(
            detail, refresh, index, answer,
            exchange->has_nonce ? exchange->nonce : NULL, now);
        if (reason == STAPLE_OK) {
            staple_look_share(refresh, index, now);
        }
    }
    staple_job_count(refresh, index, reason != STAPLE_OK);
    judge_responder(refresh, exchange, reason, answer, now);
    down = staple_responder_what_is_down(exchange->responder);
    if (reason != STAPLE_OK) {
        entry->not_known |= reason == STAPLE_UNKNOWN
                            || reason == STAPLE_STATUS_UNAUTHORIZED;
        if (answer->retry_after > entry->retry_after) {
            entry->retry_after = answer->retry_after;
        }
        if (down != NULL) {
            entry->skipped = down;
        }
        staple_job_attempt_failed(refresh, index, exchange, reason, detail);
        entry->said_unknown |= reason == STAPLE_UNKNOWN;
        entry->attempt = next_attempt(entry, exchange, reason);
        staple_job_go_on(refresh, index, now);
    }
}

void staple_refresh_done(staple_refresh_t *refresh, staple_exchange_t *exchange,
                         const staple_answer_t *answer, apr_time_t now)
{
    /* What ran out before the answer came did so before what it brings. */
    staple_chain_state_time(refresh->follow, now);
    refresh->entries[exchange->index].at_work = 0;
    if (exchange->is_look) {
        take_look(refresh, exchange, answer, now);
    }
    else if (exchange->place.is_leashed && answer->reason == STAPLE_TIMEOUT) {
        cut_short(refresh, exchange, now);
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
    char detail[STAPLE_RECORD_DETAIL];

    return staple_job_take_response(detail, refresh, index, &answer, NULL,
                                    now);
}

int staple_refresh_refused(staple_refresh_t *refresh, apr_uint32_t index,
                           staple_reason_e reason, const char *detail,
                           apr_time_t now)
{
    staple_record_t record;

    staple_cache_get_record(&record, refresh->cache, index);
    if (refresh->entries[index].may_ask || record.use_until > now) {
        return 0;
    }
    /* One that is for another certificate says less than one that is bad. */
    if (reason != STAPLE_NO_MATCH || record.reason == STAPLE_OK) {
        record.reason = (apr_uint16_t)reason;
        apr_cpystrn(record.detail, detail, sizeof(record.detail));
        if (record.state == STAPLE_STATE_DISABLED) {
            record.state_reason = record.reason;
        }
        staple_writer_put_record(refresh->writer, index, &record);
    }
    return 1;
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

static void tell_event(void *baton, const staple_chain_state_event_t *event)
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
        staple_timers_remove(refresh->due, index);
    }
    else {
        staple_job_schedule(refresh, index, now);
    }
}

static staple_chain_state_t *make_follow(staple_refresh_t *refresh, apr_pool_t *p)
{
    const staple_chain_state_hooks_t hooks = {refresh, get_record, put_record,
                                         tell_event, stop_requests};

    return staple_chain_state_make(p, refresh->count, &hooks);
}

/* Meets all responders that a certificate names. */
static void meet(staple_refresh_t *refresh, apr_uint32_t index)
{
    const staple_entry_t *entry = &refresh->entries[index];
    const char *url;
    unsigned attempt = 0;
    int by_get;

    while ((url = staple_responder_attempt(&by_get, entry->cert,
                                            entry->policy, attempt))
           != NULL) {
        staple_queue_count_in(staple_queue_responder(refresh->queue, url),
                              index);
        attempt = staple_responder_next_url(entry->policy, attempt);
    }
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
    refresh->queue = staple_queue_make(p, count, options->concurrency);
    if (options->shared != NULL) {
        refresh->shared = staple_queue_own(refresh->queue, options->shared,
                                           STAPLE_SHARE_LOOKS);
        refresh->value = apr_palloc(p, STAPLE_CODEC_MAX);
    }
    refresh->due = staple_timers_make(p, count);
    refresh->entries = apr_pcalloc(p, (count + 1) * sizeof(staple_entry_t));
    refresh->follow = make_follow(refresh, p);
    for (i = 0; i < count; i++) {
        staple_entry_t *entry = &refresh->entries[i];

        entry->cert = certs[i].cert;
        entry->policy = certs[i].policy;
        entry->whom = staple_responder_hash(entry->cert, entry->policy);
        entry->insists = staple_refresh_insists(&certs[i]);
        entry->may_ask =
            staple_responder_attempts(entry->cert, entry->policy) > 0;
        meet(refresh, i);
        staple_chain_state_set(refresh->follow, i,
                          certs[i].above > 0 ? certs[i].above - 1
                                             : STAPLE_CHAIN_STATE_NONE,
                          entry->may_ask);
        if (!entry->insists) {
            staple_chain_state_set_new(refresh->follow, i,
                                  entry->cert->not_before + STAPLE_CERT_NEW);
        }
    }
    for (i = 0; i < count; i++) {
        staple_entry_t *entry = &refresh->entries[i];

        staple_chain_state_begin(refresh->follow, i, now);
        staple_cache_get_record(&record, cache, i);
        entry->seen = staple_record_is_usable(&record, now);
        staple_job_schedule(
            refresh, i, in_any_order(refresh,
                                     staple_job_first_at(entry, &record, now)));
    }
    staple_chain_state_settle(refresh->follow, now);
    refresh->free = staple_exchange_make(p, options->concurrency);
    return refresh;
}

/* When this one is to be probed, if that is before `at`. */
static apr_time_t sooner(apr_time_t at, const staple_health_t *health)
{
    return health->is_down && health->prober != STAPLE_HEALTH_NOBODY
                   && health->probe_at < at
               ? health->probe_at
               : at;
}

apr_time_t staple_refresh_due_at(const staple_refresh_t *refresh)
{
    const staple_responder_t *r = staple_queue_responders(refresh->queue);
    const staple_origin_t *origin = staple_queue_origins(refresh->queue);
    apr_time_t at;

    staple_timers_first(refresh->due, &at);
    for (; origin != NULL; origin = origin->next) {
        at = sooner(at, &origin->health);
    }
    for (; r != NULL; r = r->next) {
        at = sooner(at, &r->health);
    }
    return at < staple_chain_state_next_at(refresh->follow)
               ? at
               : staple_chain_state_next_at(refresh->follow);
}

unsigned staple_refresh_in_flight(const staple_refresh_t *refresh)
{
    return refresh->in_flight;
}

const staple_responder_t *
staple_refresh_responders(const staple_refresh_t *refresh)
{
    return staple_queue_responders(refresh->queue);
}
