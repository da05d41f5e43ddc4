/* The responders to ask in order, and the health that certificates share. */
#ifndef STAPLE_RESPONDERS_H
#define STAPLE_RESPONDERS_H

#include <apr_hash.h>
#include <apr_pools.h>

#include "staple_cert.h"

/* Nobody is there to probe a responder. */
#define STAPLE_RESPONDER_NOBODY 0xffffffffU

/* Exchanges in flight at one responder: begins small, grows by one with each
 * answer (so doubles per round trip), halves with each failure. */
#define STAPLE_RESPONDER_WINDOW_FIRST 4
#define STAPLE_RESPONDER_WINDOW_LAST 64

/* A responder is down when it failed for this many different certificates in
 * a row; then one certificate at a time probes it, at these intervals. */
#define STAPLE_RESPONDER_SUSPECTS 3
#define STAPLE_RESPONDER_PROBE_FIRST apr_time_from_sec(5)
#define STAPLE_RESPONDER_PROBE_LAST apr_time_from_sec(300)

/* One responder URL, as all certificates that name it see it. */
typedef struct staple_responder_t {
    const char *url;
    /* manners */
    unsigned in_flight;
    unsigned window;
    unsigned window_last; /* what it grows to */
    /* health */
    int is_down;
    unsigned suspect_count;
    apr_uint32_t suspects[STAPLE_RESPONDER_SUSPECTS];
    unsigned probes; /* failed ones since it went down */
    apr_time_t probe_at;
    apr_uint32_t prober; /* passed it over, failed, and asks it next */
    /* figures for people */
    apr_uint64_t requests;
    apr_uint64_t failures;
    staple_reason_e last_error;
    apr_interval_time_t latency; /* of the last answer */
    /* staple_queue's: the certificates that wait for it, and the list of all */
    apr_uint32_t first_waiting, last_waiting;
    struct staple_responder_t *next;
} staple_responder_t;

typedef enum {
    STAPLE_RESPONDER_ASK,  /* now */
    STAPLE_RESPONDER_WAIT, /* until an exchange in flight ends */
    STAPLE_RESPONDER_SKIP  /* it is down: go on to the next URL */
} staple_responder_turn_e;

typedef enum {
    STAPLE_RESPONDER_SAME,
    STAPLE_RESPONDER_WENT_DOWN,
    STAPLE_RESPONDER_CAME_UP
} staple_responder_change_e;

/* A new responder, healthy until proven otherwise.  `url` must live on. */
staple_responder_t *staple_responder_make(apr_pool_t *p, const char *url);

/* May another exchange start at `now`? */
staple_responder_turn_e staple_responder_turn(const staple_responder_t *r,
                                              apr_time_t now);

/* An exchange starts. */
void staple_responder_started(staple_responder_t *r);

/* An exchange for certificate `index` ended after `took`.  `reason` is that of
 * the exchange or of the response's status; `http_status` is 0 where there was
 * none.  Only what tells of the responder rather than of the certificate
 * counts against its health; a lack of memory here counts for nothing. */
staple_responder_change_e
staple_responder_ended(staple_responder_t *r, apr_uint32_t index,
                       staple_reason_e reason, int http_status,
                       apr_interval_time_t took, apr_time_t now);

/* The responder wants to be left alone for `time` from now on, which holds for
 * its probes, too, within the bounds of staple_schedule.h. */
void staple_responder_leave_alone(staple_responder_t *r,
                                  apr_interval_time_t time, apr_time_t now);

/* An earlier refresher found it down, and would probe it at `probe_at`: so it
 * is from now on, within the bounds of staple_schedule.h. */
void staple_responder_was_down(staple_responder_t *r, unsigned probes,
                               apr_time_t probe_at, apr_time_t now);

/* The certificate that shall probe the responder now, which is down: once
 * each time that a probe is due.  STAPLE_RESPONDER_NOBODY: none. */
apr_uint32_t staple_responder_prober(staple_responder_t *r, apr_time_t now);

/* Number of attempts of one job: URLs times methods. */
unsigned staple_responders_attempts(const staple_cert_t *cert,
                                    const staple_policy_t *policy);

/* The URL and method of attempt number `attempt` (0, 1, ...): at failover the
 * certificate's own URLs, then the configured ones; at override these only;
 * at each URL the methods in their order.  NULL: there is no such attempt. */
const char *staple_responders_attempt(int *by_get, const staple_cert_t *cert,
                                      const staple_policy_t *policy,
                                      unsigned attempt);

/* The number of the first attempt at the URL after that of `attempt`. */
unsigned staple_responders_next_url(const staple_policy_t *policy,
                                    unsigned attempt);

/* A number that differs where the attempts of a job differ. */
apr_uint32_t staple_responders_hash(const staple_cert_t *cert,
                                    const staple_policy_t *policy);

#endif
