/* The responders to ask in order, and the health that certificates share. */
#include "staple_responders.h"

#include <string.h>

#include "staple_schedule.h"

staple_responder_t *staple_responder_make(apr_pool_t *p, const char *url)
{
    staple_responder_t *r = apr_pcalloc(p, sizeof(*r));

    r->url = url;
    r->prober = STAPLE_RESPONDER_NOBODY;
    r->window = STAPLE_RESPONDER_WINDOW_FIRST;
    r->window_last = STAPLE_RESPONDER_WINDOW_LAST;
    return r;
}

staple_responder_turn_e staple_responder_turn(const staple_responder_t *r,
                                              apr_time_t now)
{
    if (r->is_down) {
        return r->in_flight == 0 && now >= r->probe_at ? STAPLE_RESPONDER_ASK
                                                       : STAPLE_RESPONDER_SKIP;
    }
    return r->in_flight < r->window ? STAPLE_RESPONDER_ASK
                                    : STAPLE_RESPONDER_WAIT;
}

void staple_responder_started(staple_responder_t *r)
{
    r->in_flight++;
    r->requests++;
}

/* Does this tell of the responder (it would fail for others, too) rather than
 * of one certificate or one response? */
static int is_trouble(staple_reason_e reason, int http_status)
{
    if (reason == STAPLE_HTTP_STATUS) {
        return http_status >= 500 || http_status == 429;
    }
    return reason == STAPLE_RESOLVE || reason == STAPLE_CONNECT
           || reason == STAPLE_TLS || reason == STAPLE_TIMEOUT
           || reason == STAPLE_NETWORK || reason == STAPLE_EMPTY
           || reason == STAPLE_TOO_LARGE || reason == STAPLE_HTTP_TYPE
           || reason == STAPLE_STATUS_INTERNAL_ERROR
           || reason == STAPLE_STATUS_TRY_LATER;
}

static staple_responder_change_e came_well(staple_responder_t *r)
{
    int was_down = r->is_down;

    r->is_down = 0;
    r->suspect_count = 0;
    r->probes = 0;
    if (r->window < r->window_last) {
        r->window++;
    }
    return was_down ? STAPLE_RESPONDER_CAME_UP : STAPLE_RESPONDER_SAME;
}

/* Remembers for whom it failed.  One certificate that fails again and again
 * says nothing about the others. */
static void suspect(staple_responder_t *r, apr_uint32_t index)
{
    unsigned i;

    for (i = 0; i < r->suspect_count; i++) {
        if (r->suspects[i] == index) {
            return;
        }
    }
    if (r->suspect_count < STAPLE_RESPONDER_SUSPECTS) {
        r->suspects[r->suspect_count++] = index;
    }
}

static void put_off_probe(staple_responder_t *r, apr_time_t now)
{
    r->probe_at =
        now
        + staple_schedule_back_off(STAPLE_RESPONDER_PROBE_FIRST,
                                   STAPLE_RESPONDER_PROBE_LAST, r->probes);
}

staple_responder_change_e
staple_responder_ended(staple_responder_t *r, apr_uint32_t index,
                       staple_reason_e reason, int http_status,
                       apr_interval_time_t took, apr_time_t now)
{
    r->in_flight--;
    if (reason == STAPLE_NO_MEMORY) { /* here, which says nothing of it */
        if (r->is_down) {
            put_off_probe(r, now);
        }
        return STAPLE_RESPONDER_SAME;
    }
    r->latency = took;
    if (reason != STAPLE_OK) {
        r->failures++;
        r->last_error = reason;
    }
    if (!is_trouble(reason, http_status)) {
        return came_well(r);
    }
    r->window = r->window > 1 ? r->window / 2 : 1;
    suspect(r, index);
    if (r->is_down && now < r->probe_at) {
        return STAPLE_RESPONDER_SAME; /* it was in flight when others failed */
    }
    if (r->is_down) {
        r->probes++;
    }
    else if (r->suspect_count < STAPLE_RESPONDER_SUSPECTS) {
        return STAPLE_RESPONDER_SAME;
    }
    put_off_probe(r, now);
    if (r->is_down) {
        return STAPLE_RESPONDER_SAME;
    }
    r->is_down = 1;
    return STAPLE_RESPONDER_WENT_DOWN;
}

void staple_responder_leave_alone(staple_responder_t *r,
                                  apr_interval_time_t time, apr_time_t now)
{
    if (time > STAPLE_SCHEDULE_RETRY_AFTER) {
        time = STAPLE_SCHEDULE_RETRY_AFTER;
    }
    if (r->is_down && r->probe_at < now + time) {
        r->probe_at = now + time;
    }
}

void staple_responder_was_down(staple_responder_t *r, unsigned probes,
                               apr_time_t probe_at, apr_time_t now)
{
    r->is_down = 1;
    r->probes = probes;
    /* The clock may have been set back since. */
    r->probe_at = probe_at < now + STAPLE_SCHEDULE_RETRY_AFTER
                      ? probe_at
                      : now + STAPLE_SCHEDULE_RETRY_AFTER;
}

apr_uint32_t staple_responder_prober(staple_responder_t *r, apr_time_t now)
{
    apr_uint32_t index = STAPLE_RESPONDER_NOBODY;

    if (r->is_down && r->in_flight == 0 && now >= r->probe_at) {
        index = r->prober;
        r->prober = STAPLE_RESPONDER_NOBODY;
    }
    return index;
}

static unsigned methods_of(const staple_policy_t *policy)
{
    return policy->method == STAPLE_METHOD_POST
                   || policy->method == STAPLE_METHOD_GET
               ? 1
               : 2;
}

static unsigned own_urls(const staple_cert_t *cert,
                         const staple_policy_t *policy)
{
    return policy->action == STAPLE_ACTION_OVERRIDE ? 0 : cert->url_count;
}

static unsigned listed_urls(const staple_policy_t *policy)
{
    unsigned count = 0;

    while (policy->urls != NULL && policy->urls[count] != NULL) {
        count++;
    }
    return count;
}

unsigned staple_responders_attempts(const staple_cert_t *cert,
                                    const staple_policy_t *policy)
{
    if (policy->no_network) {
        return 0;
    }
    return (own_urls(cert, policy) + listed_urls(policy)) * methods_of(policy);
}

const char *staple_responders_attempt(int *by_get, const staple_cert_t *cert,
                                      const staple_policy_t *policy,
                                      unsigned attempt)
{
    unsigned methods = methods_of(policy);
    unsigned url = attempt / methods;
    unsigned own = own_urls(cert, policy);
    int get_first = policy->method == STAPLE_METHOD_GET_POST
                    || policy->method == STAPLE_METHOD_GET;

    if (attempt >= staple_responders_attempts(cert, policy)) {
        return NULL;
    }
    *by_get = (attempt % methods == 0) == get_first;
    return url < own ? cert->urls[url] : policy->urls[url - own];
}

unsigned staple_responders_next_url(const staple_policy_t *policy,
                                    unsigned attempt)
{
    unsigned methods = methods_of(policy);

    return (attempt / methods + 1) * methods;
}

apr_uint32_t staple_responders_hash(const staple_cert_t *cert,
                                    const staple_policy_t *policy)
{
    apr_uint32_t hash = 2166136261U; /* FNV-1a */
    const char *url;
    int by_get;
    unsigned i;

    for (i = 0;
         (url = staple_responders_attempt(&by_get, cert, policy, i)) != NULL;
         i++) {
        for (; *url != '\0'; url++) {
            hash = (hash ^ (unsigned char)*url) * 16777619U;
        }
        hash = (hash ^ (unsigned)by_get) * 16777619U;
    }
    return hash;
}
