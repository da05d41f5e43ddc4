/* Follows certificates and their issuers: outcomes and time -> events. */
#include "staple_chain_state.h"

#include "staple_timers.h"

#define MAX_DEPTH 16 /* certificates above one that are looked at */

typedef struct followed_t {
    apr_uint32_t issuer;
    apr_time_t new_until; /* 0: it is not new */
    unsigned char may_ask;
    unsigned char is_revoked; /* itself */
    unsigned char is_stopped; /* one above is revoked */
    unsigned char has_below;  /* it issued others */
} followed_t;

struct staple_chain_state_t {
    followed_t *certs;
    apr_uint32_t count;
    staple_cache_t *cache;
    staple_writer_t *writer;
    staple_timers_t *moments; /* when there is something to tell */
    staple_chain_state_hooks_t hooks;
};

staple_chain_state_t *
staple_chain_state_make(apr_pool_t *p, apr_uint32_t count,
                        staple_cache_t *cache, staple_writer_t *writer,
                        const staple_chain_state_hooks_t *hooks)
{
    staple_chain_state_t *states = apr_pcalloc(p, sizeof(*states));
    apr_uint32_t i;

    states->certs = apr_pcalloc(p, (count + 1) * sizeof(followed_t));
    states->count = count;
    states->cache = cache;
    states->writer = writer;
    states->moments = staple_timers_make(p, count);
    states->hooks = *hooks;
    for (i = 0; i < count; i++) {
        states->certs[i].issuer = STAPLE_NONE;
    }
    return states;
}

void staple_chain_state_set(staple_chain_state_t *states, apr_uint32_t index,
                            apr_uint32_t issuer, int may_ask)
{
    states->certs[index].issuer = issuer;
    states->certs[index].may_ask = may_ask != 0;
    if (issuer != STAPLE_NONE) {
        states->certs[issuer].has_below = 1;
    }
}

void staple_chain_state_set_new(staple_chain_state_t *states,
                                apr_uint32_t index, apr_time_t until)
{
    states->certs[index].new_until = until;
}

int staple_chain_state_is_stopped(const staple_chain_state_t *states,
                                  apr_uint32_t index)
{
    return states->certs[index].is_stopped;
}

static int is_one_above_revoked(const staple_chain_state_t *states,
                                apr_uint32_t index)
{
    apr_uint32_t i = states->certs[index].issuer;
    int depth;

    /* Cross-signed issuers may stand above each other: none above itself. */
    for (depth = 0; i != STAPLE_NONE && i != index && depth < MAX_DEPTH;
         depth++) {
        if (states->certs[i].is_revoked) {
            return 1;
        }
        i = states->certs[i].issuer;
    }
    return 0;
}

static void tell(staple_chain_state_t *states, staple_event_e event,
                 apr_uint32_t index, staple_state_e before,
                 const staple_record_t *record, apr_time_t now)
{
    states->hooks.tell(
        states->hooks.baton,
        (staple_report_t){.what = STAPLE_REPORT_EVENT,
                          .event = event,
                          .index = index,
                          .before = before,
                          .at = now,
                          .reason = (staple_reason_e)record->reason,
                          .detail = record->detail,
                          .record = record});
}

/* ---- moments: a quarter of the life left, an hour left, the end; no longer
 * new ---- */

/* The life of a response begins when it is there: a responder may hand out one
 * that is old already. */
static apr_time_t moment_of(const staple_record_t *record, unsigned told)
{
    apr_time_t until = staple_record_ending(record)->use_until;

    if (told == STAPLE_NOTIFIED_QUARTER) {
        return until - (until - record->succeeded_at) / 4;
    }
    return told == STAPLE_NOTIFIED_HOUR ? until - apr_time_from_sec(3600)
                                        : until;
}

/* Does the hour come after the quarter? */
static int has_hour(const staple_record_t *record)
{
    return moment_of(record, STAPLE_NOTIFIED_HOUR)
           > moment_of(record, STAPLE_NOTIFIED_QUARTER);
}

/* The next thing to tell about what is held, or 0. */
static unsigned next_to_tell(const staple_record_t *record)
{
    if (staple_record_ending(record)->use_until == 0
        || (record->notified & STAPLE_NOTIFIED_STALE)) {
        return 0;
    }
    if ((record->notified & STAPLE_NOTIFIED_QUARTER) == 0) {
        return STAPLE_NOTIFIED_QUARTER;
    }
    return (record->notified & STAPLE_NOTIFIED_HOUR) == 0 && has_hour(record)
               ? STAPLE_NOTIFIED_HOUR
               : STAPLE_NOTIFIED_STALE;
}

/* When to tell that what may be unknown as long as it is new still is. */
static apr_time_t when_new_ends(const followed_t *cert,
                                const staple_record_t *record)
{
    return record->state == STAPLE_STATE_UNKNOWN
                   && record->state_since < cert->new_until
                   && (record->notified & STAPLE_NOTIFIED_UNKNOWN) == 0
               ? cert->new_until
               : STAPLE_TIMERS_NEVER;
}

/* When what makes it good is over, if that is not told of anyway. */
static apr_time_t when_good_ends(const staple_record_t *record)
{
    return record->state == STAPLE_STATE_GOOD
               ? staple_record_verdict(record)->use_until
               : STAPLE_TIMERS_NEVER;
}

static void plan_moment(staple_chain_state_t *states, apr_uint32_t index,
                        const staple_record_t *record)
{
    apr_time_t at = when_new_ends(&states->certs[index], record);
    apr_time_t good_ends = when_good_ends(record);
    unsigned next = next_to_tell(record);

    at = good_ends < at ? good_ends : at;
    if (next != 0 && moment_of(record, next) < at) {
        at = moment_of(record, next);
    }
    if (at == STAPLE_TIMERS_NEVER) {
        staple_timers_remove(states->moments, index);
    }
    else {
        staple_timers_set(states->moments, index, at);
    }
}

/* ---- states ---- */

/* The first good one after a start is what the administrator expects; the first
 * after one that had run out is not. */
static int is_told(staple_state_e after, staple_state_e before, int was_stale)
{
    if (after == STAPLE_STATE_GOOD
        && (before == STAPLE_STATE_PENDING
            || before == STAPLE_STATE_DISABLED)) {
        return was_stale;
    }
    return staple_event_of(after) != STAPLE_EVENT_COUNT;
}

/* `was_stale`: that the response held until now had run out was told. */
static void update_state(staple_chain_state_t *states, apr_uint32_t index,
                         staple_record_t *record, int was_stale, apr_time_t now)
{
    const followed_t *cert = &states->certs[index];
    const staple_facts_t facts = {.is_issuer_revoked = cert->is_stopped,
                                  .may_ask = cert->may_ask,
                                  .has_failed = record->failures > 0,
                                  .said_unknown = record->said_unknown,
                                  .holds = record->der_len > 0
                                           || record->crl.use_until != 0,
                                  .is_current =
                                      staple_record_is_current(record, now),
                                  .says_revoked =
                                      staple_record_is_revoked(record)};
    staple_state_e before = (staple_state_e)record->state;
    staple_state_e after = staple_state_of(&facts);

    if (after == before) {
        return;
    }
    record->state = (unsigned char)after;
    record->state_since = now;
    record->state_reason = record->reason;
    if (is_told(after, before, was_stale)) {
        tell(states, staple_event_of(after), index, before, record, now);
    }
}

void staple_chain_state_begin(staple_chain_state_t *states, apr_uint32_t index,
                              apr_time_t now)
{
    followed_t *cert = &states->certs[index];
    staple_state_e first =
        cert->may_ask ? STAPLE_STATE_PENDING : STAPLE_STATE_DISABLED;
    staple_record_t record;

    staple_cache_get_record(&record, states->cache, index);
    /* Whatever its state: a revoked issuer may itself be below a revoked
     * one. */
    cert->is_revoked = staple_record_is_revoked(&record) != 0;
    cert->is_stopped = record.state == STAPLE_STATE_ISSUER_REVOKED;
    /* The configuration may say now that there is a source to ask, or no
     * longer. */
    if (record.state_since == 0
        || (record.state != first
            && (record.state == STAPLE_STATE_PENDING
                || record.state == STAPLE_STATE_DISABLED))) {
        record.state = (unsigned char)first;
        record.state_since = now;
        staple_writer_put_record(states->writer, index, &record);
    }
    plan_moment(states, index, &record);
}

void staple_chain_state_job_ended(staple_chain_state_t *states,
                                  apr_uint32_t index, staple_record_t *record,
                                  int has_new_response, apr_time_t now)
{
    staple_state_e before = (staple_state_e)record->state;
    int was_failing = record->notified & STAPLE_NOTIFIED_FAILING;
    int was_stale = record->notified & STAPLE_NOTIFIED_STALE;

    if (has_new_response) {
        record->notified = 0;
        if (was_failing) {
            tell(states, STAPLE_EVENT_REFRESH_RECOVERED, index, before, record,
                 now);
        }
    }
    else if (!was_failing) {
        record->notified |= STAPLE_NOTIFIED_FAILING;
        tell(states, STAPLE_EVENT_REFRESH_FAILING, index, before, record, now);
    }
    update_state(states, index, record, was_stale, now);
    plan_moment(states, index, record);
}

void staple_chain_state_learned(staple_chain_state_t *states,
                                apr_uint32_t index, staple_record_t *record,
                                apr_time_t now)
{
    update_state(states, index, record,
                 record->notified & STAPLE_NOTIFIED_STALE, now);
    plan_moment(states, index, record);
}

/* Certificate `index` came under a revoked issuer, or out from under one. */
static void stop_or_go_on(staple_chain_state_t *states, apr_uint32_t index,
                          int is_stopped, apr_time_t now)
{
    staple_record_t record;

    states->certs[index].is_stopped = is_stopped != 0;
    staple_cache_get_record(&record, states->cache, index);
    update_state(states, index, &record,
                 record.notified & STAPLE_NOTIFIED_STALE, now);
    plan_moment(states, index, &record);
    staple_writer_put_record(states->writer, index, &record);
    states->hooks.stop(states->hooks.baton, index, is_stopped, now);
}

void staple_chain_state_settle(staple_chain_state_t *states, apr_time_t now)
{
    apr_uint32_t i;

    for (i = 0; i < states->count; i++) {
        int is_stopped = is_one_above_revoked(states, i);

        if (is_stopped != states->certs[i].is_stopped) {
            stop_or_go_on(states, i, is_stopped, now);
        }
    }
}

void staple_chain_state_spread(staple_chain_state_t *states, apr_uint32_t index,
                               const staple_record_t *record, apr_time_t now)
{
    followed_t *cert = &states->certs[index];
    int is_revoked = staple_record_is_revoked(record);

    if (cert->has_below && is_revoked != cert->is_revoked) {
        cert->is_revoked = is_revoked != 0;
        staple_chain_state_settle(states, now);
    }
}

/* It is no longer new, and unknown: that is another matter now. */
static void new_ended(staple_chain_state_t *states, apr_uint32_t index,
                      staple_record_t *record, apr_time_t now)
{
    record->notified |= STAPLE_NOTIFIED_UNKNOWN;
    tell(states, STAPLE_EVENT_UNKNOWN, index, (staple_state_e)record->state,
         record, now);
}

/* The response held nears or meets its end. */
static void end_nears(staple_chain_state_t *states, apr_uint32_t index,
                      staple_record_t *record, unsigned now_told,
                      apr_time_t now)
{
    if (staple_record_ending(record)->use_until <= now) {
        now_told = STAPLE_NOTIFIED_STALE; /* slept through the others */
    }
    record->notified |= (unsigned char)now_told;
    tell(states,
         now_told == STAPLE_NOTIFIED_STALE ? STAPLE_EVENT_STALE
                                           : STAPLE_EVENT_ENDING_SOON,
         index, (staple_state_e)record->state, record, now);
    update_state(states, index, record, 0, now);
}

/* The moment of one certificate has come. */
static void moment_came(staple_chain_state_t *states, apr_uint32_t index,
                        apr_time_t now)
{
    staple_record_t record;
    unsigned next;

    staple_cache_get_record(&record, states->cache, index);
    next = next_to_tell(&record);
    if (when_new_ends(&states->certs[index], &record) <= now) {
        new_ended(states, index, &record, now);
        staple_writer_put_record(states->writer, index, &record);
    }
    else if (next != 0 && moment_of(&record, next) <= now) {
        end_nears(states, index, &record, next, now);
        staple_writer_put_record(states->writer, index, &record);
    }
    else if (when_good_ends(&record) <= now) {
        update_state(states, index, &record, 0, now);
        staple_writer_put_record(states->writer, index, &record);
    }
    plan_moment(states, index, &record);
}

void staple_chain_state_time(staple_chain_state_t *states, apr_time_t now)
{
    apr_uint32_t index;
    apr_time_t at;

    while ((index = staple_timers_first(states->moments, &at)) != STAPLE_NONE
           && at <= now) {
        moment_came(states, index, now);
    }
}

apr_time_t staple_chain_state_next_at(const staple_chain_state_t *states)
{
    apr_time_t at;

    staple_timers_first(states->moments, &at);
    return at;
}
