/* Certificates asked about at once: an administrator wants to know. */
#include "staple_ask.h"

#include "staple_source_crl.h"

static void want(staple_entry_t *entry)
{
    if (entry->wish == STAPLE_WISH_NONE) {
        entry->wish = STAPLE_WISH_WAITS;
        entry->wish_tries = 0;
    }
}

int staple_ask_add(staple_refresh_t *refresh, apr_uint32_t index,
                   apr_time_t now)
{
    const staple_refresh_cert_t *cert = &refresh->certs[index];
    staple_entry_t *entry = &refresh->entries[index];
    int is_any = entry->may_ask;
    unsigned i;

    if (entry->may_ask) {
        want(entry);
    }
    for (i = 0; i < cert->list_count; i++) {
        if (staple_source_crl_is_wanted_by(refresh, index, cert->lists[i],
                                           now)) {
            is_any = 1;
            if (staple_source_crl_hasten(refresh, cert->lists[i],
                                         STAPLE_ASK_INTERVAL, now)) {
                want(&refresh->entries[refresh->count + cert->lists[i]]);
            }
        }
    }
    return is_any;
}

/* A responder that is down is probed now, if no probe is on its way. */
static void probe_now(staple_health_t *health, apr_time_t now)
{
    if (health->is_down && health->probe_at > now) {
        health->probe_at = now;
    }
}

/* All that this job may ask, but for the shared store. */
static void probe_all(staple_refresh_t *refresh, apr_uint32_t number,
                      apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[number];
    const staple_entry_t kept = *entry;
    staple_responder_t *r;

    entry->cut = 0;
    for (entry->source = 0; entry->sources[entry->source] != NULL;
         entry->source++) {
        const staple_source_t *source = entry->sources[entry->source];

        if (source->is_optional) {
            continue;
        }
        for (entry->attempt = 0;
             (r = source->whom(refresh, number)) != NULL;
             entry->attempt = staple_job_next_attempt(refresh, number,
                                                      entry->attempt)) {
            probe_now(&r->origin->health, now);
            probe_now(&r->health, now);
        }
    }
    entry->source = kept.source;
    entry->attempt = kept.attempt;
    entry->cut = kept.cut;
}

static void begin(staple_refresh_t *refresh, apr_uint32_t number,
                  apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[number];

    entry->wish = STAPLE_WISH_ASKS;
    entry->wish_tries++;
    entry->reason = STAPLE_OK;
    entry->waits_since = 0;
    probe_all(refresh, number, now);
    staple_job_start(refresh, number, now);
}

/* Its job has ended; where another one probes what it was sent away from, what
 * that finds is its result, too, and where it is back, so is this one's job.
 * What was passed over because of an exchange that began before this was wanted
 * gets another try. */
static int is_over(const staple_refresh_t *refresh, apr_uint32_t number,
                   apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[number];
    const staple_health_t *down = entry->skipped;

    if (entry->at_work || (down != NULL && down->in_flight > 0)
        || staple_timers_at(refresh->due, number) <= now) {
        return 0;
    }
    if (down != NULL && entry->reason == STAPLE_RESPONDER_DOWN
        && entry->wish_tries == 1) {
        entry->wish = STAPLE_WISH_WAITS;
        return 0;
    }
    return 1;
}

/* Returns 1 while it is not known yet.  An issuer that is revoked stops those
 * below it: they wait for what is found out of it, and for nothing else. */
static int step(staple_refresh_t *refresh, apr_uint32_t number, apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[number];

    if (entry->wish == STAPLE_WISH_ASKS && is_over(refresh, number, now)) {
        entry->wish = STAPLE_WISH_NONE;
    }
    if (entry->wish == STAPLE_WISH_WAITS && !entry->at_work
        && !staple_job_is_stopped(refresh, number)
        && staple_source_crl_may_begin(refresh, number)) {
        begin(refresh, number, now);
    }
    return entry->wish == STAPLE_WISH_ASKS
           || (entry->wish == STAPLE_WISH_WAITS
               && (entry->at_work || !staple_job_is_stopped(refresh, number)));
}

apr_uint32_t staple_ask_step(staple_refresh_t *refresh, apr_time_t now)
{
    apr_uint32_t pending = 0;
    apr_uint32_t i;

    for (i = 0; i < refresh->count + refresh->options.list_count; i++) {
        pending += (apr_uint32_t)step(refresh, i, now);
    }
    if (pending == 0) {
        staple_ask_drop(refresh);
    }
    return pending;
}

void staple_ask_drop(staple_refresh_t *refresh)
{
    apr_uint32_t i;

    for (i = 0; i < refresh->count + refresh->options.list_count; i++) {
        refresh->entries[i].wish = STAPLE_WISH_NONE;
    }
}
