/* What follows for certificates from a responder that is down, or back. */
#include "staple_outage.h"

#include "staple_schedule.h"

/* ---- who probes ---- */

static void send_prober(staple_refresh_t *refresh, staple_health_t *health,
                        apr_time_t now)
{
    apr_uint32_t index = staple_health_prober(health, now);

    if (index != STAPLE_NONE) {
        staple_job_schedule(refresh, index, now);
    }
}

void staple_outage_probe(staple_refresh_t *refresh, apr_time_t now)
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

/* When this one is to be probed, if that is before `at`. */
static apr_time_t sooner(apr_time_t at, const staple_health_t *health)
{
    return health->is_down && health->prober != STAPLE_NONE
                   && health->probe_at < at
               ? health->probe_at
               : at;
}

apr_time_t staple_outage_probe_at(const staple_refresh_t *refresh)
{
    const staple_responder_t *r = staple_queue_responders(refresh->queue);
    const staple_origin_t *origin = staple_queue_origins(refresh->queue);
    apr_time_t at = STAPLE_TIMERS_NEVER;

    for (; origin != NULL; origin = origin->next) {
        at = sooner(at, &origin->health);
    }
    for (; r != NULL; r = r->next) {
        at = sooner(at, &r->health);
    }
    return at;
}

/* ---- after an exchange ---- */

/* A responder or origin is back, for all that passed it over. */
static void welcome_back(staple_refresh_t *refresh,
                         const staple_health_t *health, apr_time_t now)
{
    apr_uint32_t i;

    for (i = 0; i < refresh->count + refresh->options.list_count; i++) {
        staple_entry_t *entry = &refresh->entries[i];

        if (entry->skipped == health) {
            entry->skipped = NULL;
            staple_job_schedule(refresh, i, now);
        }
    }
}

static void tell_change(staple_refresh_t *refresh,
                        staple_health_change_e change, const char *url,
                        const staple_exchange_t *exchange,
                        staple_reason_e reason, const char *detail,
                        apr_time_t now)
{
    staple_event_e event = change == STAPLE_HEALTH_WENT_DOWN
                               ? STAPLE_EVENT_RESPONDER_DOWN
                               : STAPLE_EVENT_RESPONDER_UP;
    apr_uint32_t index = refresh->entries[exchange->index].tells_of;

    if (change != STAPLE_HEALTH_SAME) {
        staple_job_tell(refresh, (staple_report_t){.what = STAPLE_REPORT_EVENT,
                                                   .event = event,
                                                   .at = now,
                                                   .index = index,
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

        if (staple_cache_get_record(&record, refresh->cache,
                                    health->suspects[i])
            && record.failures > 0 && !entry->at_work
            && entry->skipped == NULL) {
            entry->skipped = health;
            health->prober = health->suspects[i];
        }
    }
}

static void follow_change(staple_refresh_t *refresh,
                          staple_health_change_e change,
                          staple_health_t *health, apr_time_t now)
{
    if (change == STAPLE_HEALTH_WENT_DOWN) {
        remember_suspects(refresh, health);
    }
    else if (change == STAPLE_HEALTH_CAME_UP) {
        welcome_back(refresh, health, now);
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

        if (entry->insists
            && staple_responder_is_named(entry->cert, entry->policy, r->url)
            && staple_cache_get_record(&record, refresh->cache, i)
            && !staple_record_is_usable(&record, now)) {
            return STAPLE_SCHEDULE_MUST_STAPLE;
        }
    }
    return retry_after;
}

void staple_outage_judge(staple_refresh_t *refresh,
                         const staple_exchange_t *exchange,
                         staple_reason_e reason, const staple_answer_t *answer,
                         apr_time_t now)
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

void staple_outage_remember(staple_refresh_t *refresh,
                            const staple_exchange_t *exchange,
                            const staple_answer_t *answer)
{
    staple_entry_t *entry = &refresh->entries[exchange->index];
    staple_health_t *down = staple_responder_what_is_down(exchange->responder);

    if (answer->retry_after > entry->retry_after) {
        entry->retry_after = answer->retry_after;
    }
    if (down != NULL) {
        entry->skipped = down;
    }
}

/* ---- before one ---- */

void staple_outage_pass_over(staple_refresh_t *refresh, apr_uint32_t index,
                             staple_health_t *down, apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[index];

    if (!entry->sources[entry->source]->is_optional) {
        entry->skipped = down;
        entry->reason = STAPLE_RESPONDER_DOWN;
        staple_job_note(refresh, entry, entry->responder->url);
    }
    entry->attempt = staple_job_next_attempt(refresh, index, entry->attempt);
    staple_job_go_on(refresh, index, now);
}

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
            staple_outage_pass_over(refresh, index, &origin->health, now);
        }
    }
    return is_any;
}

void staple_outage_send_away(staple_refresh_t *refresh, apr_time_t now)
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
