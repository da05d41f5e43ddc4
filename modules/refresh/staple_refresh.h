/* Who is due, what to ask, what an answer changes; hands out exchanges. */
#ifndef STAPLE_REFRESH_H
#define STAPLE_REFRESH_H

#include "cache/staple_cache.h"
#include "staple_exchange.h"
#include "staple_chain_state.h"

/*
 * The refresher without network, clock and log.  The caller asks it for
 * exchanges to make, makes them however it likes, and tells it the answers:
 *
 *   due certificates -> job -> look, attempts (URL x method) -> exchange
 *        ^                                                            |
 *        |        cache <- verified response <------- answer <--------+
 *        +-------- next_at <- schedule <--- end of the job
 *
 * One thread of one process at a time; all times are the caller's `now`.
 */
typedef struct staple_refresh_t staple_refresh_t;

/* One certificate to keep fresh. */
typedef struct staple_refresh_cert_t {
    const staple_cert_t *cert;
    const staple_policy_t *policy;
    apr_uint32_t above; /* index of its issuer's certificate + 1; 0: none */
    int is_issuer;      /* followed for the sake of those below only */
} staple_refresh_cert_t;

/* Do its clients insist on a staple (RFC 7633)?  An issuer's is not stapled. */
static inline int staple_refresh_insists(const staple_refresh_cert_t *entry)
{
    return entry->cert->must_staple && !entry->is_issuer;
}

/* May it be unknown at `now` without the administrator being told?  It is new,
 * and its clients do not insist on a staple. */
static inline int staple_refresh_is_early(const staple_refresh_cert_t *entry,
                                          apr_time_t now)
{
    return staple_cert_is_new(entry->cert, now)
           && !staple_refresh_insists(entry);
}

typedef enum {
    STAPLE_REPORT_ATTEMPT_FAILED, /* one attempt; the job may go on */
    STAPLE_REPORT_CUT_SHORT,      /* one attempt, because others wait: it is
                                     made again, no failure */
    STAPLE_REPORT_JOB_FAILED,     /* all attempts */
    STAPLE_REPORT_REFRESHED,      /* a verified response is in the cache */
    STAPLE_REPORT_SHARED_REFUSED, /* the shared store had something else */
    STAPLE_REPORT_EVENT           /* of a certificate or a responder */
} staple_report_e;

/* What the refresher tells its caller as it happens.  Pointers are valid
 * during the call only. */
typedef struct staple_report_t {
    staple_report_e what;
    apr_uint32_t index;     /* of the certificate */
    staple_reason_e reason; /* of a failure */
    const char *detail;     /* words about it; never NULL */
    const char *url;        /* of the responder, or NULL */
    int by_get;
    const staple_record_t *record; /* as published; NULL for an attempt */
    int was_first;                 /* of a certificate, since the start */
    int gave_up; /* STAPLE_REPORT_JOB_FAILED: was the last of max_tries */
    staple_event_e event;          /* STAPLE_REPORT_EVENT */
    staple_state_e before;         /* the certificate's state before it */
    apr_time_t at;                 /* when */
    apr_interval_time_t took;      /* STAPLE_REPORT_CUT_SHORT */
} staple_report_t;

typedef void staple_refresh_report_fn(void *baton,
                                      const staple_report_t *report);

/* Puts a value (staple_share.h) for certificate `index` into the shared store,
 * where it is of use until `use_until`.  Valid during the call only.  NULL:
 * takes back the note that this machine is asking. */
typedef void staple_refresh_share_fn(void *baton, apr_uint32_t index,
                                     const unsigned char *value,
                                     apr_size_t len, apr_time_t use_until);

typedef struct staple_refresh_options_t {
    unsigned concurrency; /* exchanges in flight at most */
    apr_uint32_t seed;    /* of the jitter */
    staple_refresh_report_fn *report;
    void *baton;
    const char *shared; /* the shared store's name for people; NULL: none */
    staple_refresh_share_fn *share;
    void *share_baton;
} staple_refresh_options_t;

/*
 * A refresher of these certificates; certificate i is index i of the cache.
 * What the cache's records say of earlier work holds: who has a usable staple
 * or failed lately is due when its record says so, everybody else at once.
 * Arrays, certificates and policies must outlive p.
 */
staple_refresh_t *staple_refresh_make(apr_pool_t *p,
                                      const staple_refresh_cert_t *certs,
                                      apr_uint32_t count, staple_cache_t *cache,
                                      const staple_refresh_options_t *options,
                                      apr_time_t now);

/* The next exchange to start at `now`, or NULL: nobody is due, or enough is in
 * flight.  Call it until it returns NULL. */
staple_exchange_t *staple_refresh_next(staple_refresh_t *refresh,
                                       apr_time_t now);

/* Takes an exchange back with its answer. */
void staple_refresh_done(staple_refresh_t *refresh, staple_exchange_t *exchange,
                         const staple_answer_t *answer, apr_time_t now);

/* Takes a response that came another way.  It is verified and, where it is
 * newer than the one held, used.  STAPLE_OLDER: it is not. */
staple_reason_e staple_refresh_offer(staple_refresh_t *refresh,
                                     apr_uint32_t index,
                                     const unsigned char *der,
                                     apr_size_t der_len, apr_time_t now);

/*
 * What should have come another way did not, or was refused.  Where no
 * responder is asked about the certificate and nothing that may be used is
 * held, this is why nothing is stapled: its record says so, with `detail`.
 * Returns 1 then.
 */
int staple_refresh_refused(staple_refresh_t *refresh, apr_uint32_t index,
                           staple_reason_e reason, const char *detail,
                           apr_time_t now);

/* When staple_refresh_next() may have something to hand out or to tell if no
 * exchange ends before. */
apr_time_t staple_refresh_due_at(const staple_refresh_t *refresh);

/* Exchanges handed out and not yet taken back. */
unsigned staple_refresh_in_flight(const staple_refresh_t *refresh);

/* The responders that certificates name, linked by `next`. */
const staple_responder_t *
staple_refresh_responders(const staple_refresh_t *refresh);

#endif
