/* The responders to ask in order, and the health that certificates share. */
#include "staple_responder.h"

#include <apr_strings.h>
#include <openssl/sha.h>
#include <string.h>

/* An origin may have the same text as a URL of it. */
static staple_responder_id_t id_of(apr_pool_t *p, const char *kind,
                                   const char *text)
{
    const char *name = apr_pstrcat(p, kind, text, NULL);
    unsigned char digest[SHA256_DIGEST_LENGTH];
    staple_responder_id_t id;

    SHA256((const unsigned char *)name, strlen(name), digest);
    memcpy(id.bytes, digest, sizeof(id.bytes));
    return id;
}

staple_origin_t *staple_responder_make_origin(apr_pool_t *p, const char *name)
{
    staple_origin_t *origin = apr_pcalloc(p, sizeof(*origin));

    origin->name = name;
    origin->id = id_of(p, "origin ", name);
    staple_health_begin(&origin->health);
    origin->window = STAPLE_RESPONDER_WINDOW_FIRST;
    origin->window_last = STAPLE_RESPONDER_WINDOW_LAST;
    origin->leash = STAPLE_RESPONDER_LEASH;
    origin->first_waiting = origin->last_waiting = STAPLE_RESPONDER_NOBODY;
    return origin;
}

staple_responder_t *staple_responder_make(apr_pool_t *p, const char *url,
                                          staple_origin_t *origin)
{
    staple_responder_t *r = apr_pcalloc(p, sizeof(*r));

    r->url = url;
    r->id = id_of(p, "url ", url);
    r->origin = origin;
    staple_health_begin(&r->health);
    return r;
}

int staple_origin_has_room(const staple_origin_t *origin)
{
    unsigned window = origin->window;

    if (origin->health.is_down) {
        return origin->health.in_flight == 0;
    }
    if (!origin->is_proven && window > STAPLE_RESPONDER_WINDOW_FIRST) {
        window = STAPLE_RESPONDER_WINDOW_FIRST;
    }
    return origin->health.in_flight < window;
}

int staple_responder_may_ask(staple_health_t **down, staple_responder_t *r,
                             apr_time_t now)
{
    staple_origin_t *origin = r->origin;

    *down = origin->health.is_down ? &origin->health : &r->health;
    return staple_health_may_ask(*down, now)
           || (*down == &origin->health && r->health.answers
               && origin->health.in_flight == 0);
}

staple_health_t *staple_responder_what_is_down(staple_responder_t *r)
{
    if (r->origin->health.is_down) {
        return &r->origin->health;
    }
    return r->health.is_down ? &r->health : NULL;
}

void staple_responder_started(staple_responder_t *r)
{
    r->origin->health.in_flight++;
    r->health.in_flight++;
    r->requests++;
}

int staple_responder_is_out_of_reach(staple_reason_e reason)
{
    return reason == STAPLE_RESOLVE || reason == STAPLE_CONNECT
           || reason == STAPLE_TLS || reason == STAPLE_TIMEOUT;
}

typedef enum {
    FAULT_NONE,  /* or of one certificate or response */
    FAULT_URL,   /* it would fail for others, too */
    FAULT_ORIGIN /* as would other URLs */
} fault_e;

static fault_e fault_of(staple_reason_e reason, int http_status)
{
    if (staple_responder_is_out_of_reach(reason) || reason == STAPLE_NETWORK) {
        return http_status == 0 ? FAULT_ORIGIN : FAULT_URL;
    }
    if (reason == STAPLE_HTTP_STATUS) {
        return http_status >= 500 || http_status == 429 ? FAULT_URL
                                                        : FAULT_NONE;
    }
    return reason == STAPLE_EMPTY || reason == STAPLE_TOO_LARGE
                   || reason == STAPLE_HTTP_TYPE
                   || reason == STAPLE_STATUS_INTERNAL_ERROR
                   || reason == STAPLE_STATUS_TRY_LATER
               ? FAULT_URL
               : FAULT_NONE;
}

/* There was an HTTP answer, be it a bad one. */
static staple_health_change_e origin_answered(staple_origin_t *origin,
                                              apr_interval_time_t took)
{
    origin->accused = NULL;
    origin->has_several_accused = 0;
    origin->took = took;
    origin->leash = 4 * took > STAPLE_RESPONDER_LEASH ? 4 * took
                                                      : STAPLE_RESPONDER_LEASH;
    return staple_health_came_well(&origin->health);
}

/* There was none.  Where one URL fails alone, and another one answered the last
 * time, it is to blame itself; that one is down already says nothing new. */
static staple_responder_change_t out_of_reach(staple_responder_t *r,
                                              apr_uint32_t index,
                                              apr_time_t now)
{
    staple_responder_change_t change = {STAPLE_HEALTH_SAME, STAPLE_HEALTH_SAME};
    staple_origin_t *origin = r->origin;
    unsigned others = origin->answering - (r->health.answers != 0);

    if (origin->health.is_down || !r->health.is_down) {
        origin->has_several_accused |=
            origin->accused != NULL && origin->accused != r;
        origin->accused = r;
        change.origin = staple_health_failed(
            &origin->health, index,
            origin->has_several_accused || others == 0, now);
    }
    if (!origin->health.is_down) {
        change.url = staple_health_failed(&r->health, index, 1, now);
    }
    if (change.url == STAPLE_HEALTH_WENT_DOWN) { /* so it was not the origin */
        origin->accused = NULL;
        origin->health.failures = origin->health.suspect_count = 0;
    }
    r->health.answers = 0;
    return change;
}

static staple_responder_change_t judge(staple_responder_t *r,
                                       apr_uint32_t index, fault_e fault,
                                       apr_interval_time_t took, apr_time_t now)
{
    staple_responder_change_t change = {STAPLE_HEALTH_SAME, STAPLE_HEALTH_SAME};

    switch (fault) {
    case FAULT_NONE:
        change.origin = origin_answered(r->origin, took);
        change.url = staple_health_came_well(&r->health);
        break;
    case FAULT_URL:
        change.origin = origin_answered(r->origin, took);
        change.url = staple_health_failed(&r->health, index, 1, now);
        break;
    case FAULT_ORIGIN:
        change = out_of_reach(r, index, now);
        break;
    }
    return change;
}

static void resize_window(staple_origin_t *origin, int came_well)
{
    if (!came_well) {
        origin->window = origin->window > 1 ? origin->window / 2 : 1;
    }
    else if (origin->window < origin->window_last) {
        origin->window++;
    }
}

staple_responder_change_t
staple_responder_ended(staple_responder_t *r, apr_uint32_t index,
                       staple_reason_e reason, int http_status,
                       apr_interval_time_t took, apr_time_t now)
{
    staple_responder_change_t change = {STAPLE_HEALTH_SAME, STAPLE_HEALTH_SAME};
    fault_e fault = fault_of(reason, http_status);
    staple_origin_t *origin = r->origin;
    int did_answer = r->health.answers;

    origin->health.in_flight--;
    r->health.in_flight--;
    if (reason == STAPLE_NO_MEMORY) { /* here, which says nothing of it */
        if (staple_responder_what_is_down(r) != NULL) {
            staple_health_put_off(staple_responder_what_is_down(r), now);
        }
        return change;
    }
    if (fault != FAULT_ORIGIN) {
        r->latency = took;
    }
    r->is_good = reason == STAPLE_OK || reason == STAPLE_OLDER
                 || reason == STAPLE_UNKNOWN;
    r->was_good |= r->is_good;
    if (reason != STAPLE_OK) {
        r->failures++;
        r->last_error = reason;
    }
    change = judge(r, index, fault, took, now);
    origin->answering += (unsigned)r->health.answers - (unsigned)did_answer;
    origin->is_proven = origin->is_own || fault == FAULT_NONE;
    resize_window(origin, fault == FAULT_NONE);
    return change;
}

void staple_responder_was_cut(staple_responder_t *r,
                              apr_interval_time_t granted)
{
    staple_origin_t *origin = r->origin;

    origin->health.in_flight--;
    r->health.in_flight--;
    origin->is_proven = 0;
    if (origin->leash < 2 * granted) {
        origin->leash = 2 * granted;
    }
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

unsigned staple_responder_attempts(const staple_cert_t *cert,
                                    const staple_policy_t *policy)
{
    if (policy->no_network) {
        return 0;
    }
    return (own_urls(cert, policy) + listed_urls(policy)) * methods_of(policy);
}

const char *staple_responder_attempt(int *by_get, const staple_cert_t *cert,
                                      const staple_policy_t *policy,
                                      unsigned attempt)
{
    unsigned methods = methods_of(policy);
    unsigned url = attempt / methods;
    unsigned own = own_urls(cert, policy);
    int get_first = policy->method == STAPLE_METHOD_GET_POST
                    || policy->method == STAPLE_METHOD_GET;

    if (attempt >= staple_responder_attempts(cert, policy)) {
        return NULL;
    }
    *by_get = (attempt % methods == 0) == get_first;
    return url < own ? cert->urls[url] : policy->urls[url - own];
}

unsigned staple_responder_next_url(const staple_policy_t *policy,
                                    unsigned attempt)
{
    unsigned methods = methods_of(policy);

    return (attempt / methods + 1) * methods;
}

apr_uint32_t staple_responder_hash(const staple_cert_t *cert,
                                    const staple_policy_t *policy)
{
    apr_uint32_t hash = 2166136261U; /* FNV-1a */
    const char *url;
    int by_get;
    unsigned i;

    for (i = 0;
         (url = staple_responder_attempt(&by_get, cert, policy, i)) != NULL;
         i++) {
        for (; *url != '\0'; url++) {
            hash = (hash ^ (unsigned char)*url) * 16777619U;
        }
        hash = (hash ^ (unsigned)by_get) * 16777619U;
    }
    return hash;
}
