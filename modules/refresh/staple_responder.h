/* Responders and their origins: whom to ask, who waits, who is next. */
#ifndef STAPLE_RESPONDER_H
#define STAPLE_RESPONDER_H

#include <apr_pools.h>

#include "ocsp/staple_cert.h"

/* ---- health: failures in a row -> down, probed, back ---- */

/* Who fails so often in a row, for so many different certificates, is down;
 * then one certificate at a time probes, at these intervals. */
#define STAPLE_HEALTH_SUSPECTS 3
#define STAPLE_HEALTH_PROBE_FIRST apr_time_from_sec(5)
#define STAPLE_HEALTH_PROBE_LAST apr_time_from_sec(300)

/* The health of one URL, or of all URLs of one server. */
typedef struct staple_health_t {
    int is_down;
    int answers;        /* it did so the last time */
    int has_answered;   /* it ever did, as far as is known */
    unsigned in_flight; /* exchanges */
    unsigned named_by;  /* certificates that name it; 0: many */
    unsigned failures;  /* in a row */
    unsigned suspect_count;
    apr_uint32_t suspects[STAPLE_HEALTH_SUSPECTS];
    unsigned probes; /* failed ones since it went down */
    apr_time_t probe_at;
    apr_uint32_t prober; /* passed it over, failed, and asks it next */
} staple_health_t;

typedef enum {
    STAPLE_HEALTH_SAME,
    STAPLE_HEALTH_WENT_DOWN,
    STAPLE_HEALTH_CAME_UP
} staple_health_change_e;

/* Nothing is known: healthy until proven otherwise. */
void staple_health_begin(staple_health_t *health);

/* May it be asked at `now`?  One that is down: as its one probe. */
int staple_health_may_ask(const staple_health_t *health, apr_time_t now);

/* It answered. */
staple_health_change_e staple_health_came_well(staple_health_t *health);

/*
 * It failed for certificate `index`.  It goes down with the third failure in a
 * row, by as many different certificates, or all that name it where these are
 * fewer: one certificate that fails again and again says nothing of the
 * others.  Who has never answered anybody gets three failures, whosever they
 * are.  `may_go_down`: is it to blame at all?
 */
staple_health_change_e staple_health_failed(staple_health_t *health,
                                            apr_uint32_t index, int may_go_down,
                                            apr_time_t now);

/* A probe ended that tells nothing: the next one is not at once. */
void staple_health_put_off(staple_health_t *health, apr_time_t now);

/* It wants to be left alone for `time` from now on, which holds for its
 * probes, within the bounds of staple_schedule.h. */
void staple_health_leave_alone(staple_health_t *health,
                               apr_interval_time_t time, apr_time_t now);

/* An earlier refresher found it down, and would probe it at `probe_at`: so it
 * is from now on, within the bounds of staple_schedule.h. */
void staple_health_was_down(staple_health_t *health, unsigned probes,
                            apr_time_t probe_at, apr_time_t now);

/* The certificate that shall probe now, once each time that a probe is due.
 * STAPLE_NONE: none. */
apr_uint32_t staple_health_prober(staple_health_t *health, apr_time_t now);

/* ---- responders ---- */

/* Exchanges in flight at one origin: begins with as many as it takes to find
 * it down, grows by one with each answer (so doubles per round trip), halves
 * with each failure. */
#define STAPLE_RESPONDER_WINDOW_FIRST STAPLE_HEALTH_SUSPECTS
#define STAPLE_RESPONDER_WINDOW_LAST 64

/* The time that an exchange gets while others have no place: at first, for who
 * has never answered.  It doubles each time that it is not enough. */
#define STAPLE_RESPONDER_LEASH apr_time_from_msec(750)

#define STAPLE_RESPONDER_ID_LEN 16

/* Names an origin or a URL in what outlives the refresher. */
typedef struct staple_responder_id_t {
    unsigned char bytes[STAPLE_RESPONDER_ID_LEN];
} staple_responder_id_t;

/*
 * Scheme, host and port, and the way there: one server, as far as can be told,
 * whatever URLs it is named by; through a proxy it is another one, as what
 * happens there says nothing of the direct way.  What fails before there is an
 * HTTP answer is its fault, and what it can take at once is a matter of it.
 */
typedef struct staple_origin_t {
    const char *name; /* "http://ocsp.example:8080" */
    const staple_route_t *route; /* NULL: directly */
    staple_responder_id_t id;
    int is_own; /* the shared store: no stranger, and no HTTP */
    staple_health_t health;
    /* Its last exchange came well: it may use all places.  Otherwise it
     * shares half of them with its like, and gets a leash. */
    int is_proven;
    unsigned window;
    unsigned window_last; /* what it grows to */
    apr_interval_time_t leash;
    apr_interval_time_t took; /* the last answer */
    unsigned answering;       /* URLs of it that did so the last time */
    const struct staple_responder_t *accused; /* failed since the last answer */
    int has_several_accused;
    /* staple_queue's: the certificates that wait for it, the time of places
     * that it has had, and the list of all */
    apr_uint32_t first_waiting, last_waiting;
    apr_uint32_t waiting;
    apr_interval_time_t had;
    apr_uint32_t counted; /* certificate that was counted last, + 1 */
    struct staple_origin_t *next;
} staple_origin_t;

/* One responder URL, as all certificates that name it see it. */
typedef struct staple_responder_t {
    const char *url;
    staple_responder_id_t id;
    staple_origin_t *origin;
    staple_health_t health;
    int by_sha256; /* it was of use when asked with such a CertID, after it was
                      not with one by SHA-1 */
    /* figures for people */
    int is_good;  /* its last answer was of use */
    int was_good; /* any ever was, as far as is known */
    apr_time_t failing_since; /* the first answer since that was not; 0: none */
    apr_uint64_t requests;
    apr_uint64_t failures;
    staple_reason_e last_error;
    apr_interval_time_t latency; /* of the last answer */
    /* staple_queue's */
    apr_uint32_t counted;
    struct staple_responder_t *next;
} staple_responder_t;

/* A new origin, and a new responder of it, of which nothing is known.  Texts
 * must live on. */
staple_origin_t *staple_responder_make_origin(apr_pool_t *p, const char *name,
                                              const staple_route_t *route);
staple_responder_t *staple_responder_make(apr_pool_t *p, const char *url,
                                          staple_origin_t *origin);

/* Has it room for another exchange?  One that is down: for one. */
int staple_origin_has_room(const staple_origin_t *origin);

/* May this responder be asked at `now`, if its origin has room?  0: *down, it
 * or its origin, is down: go on to the next URL.  A URL that answered the last
 * time is asked although its origin is down, as long as no other exchange
 * asks it: it is not to suffer from its neighbours' failures. */
int staple_responder_may_ask(staple_health_t **down, staple_responder_t *r,
                             apr_time_t now);

/* What is down: its origin's health, or its own; NULL: it is not. */
staple_health_t *staple_responder_what_is_down(staple_responder_t *r);

/* An exchange starts. */
void staple_responder_started(staple_responder_t *r);

/* What an exchange changed, and where. */
typedef struct staple_responder_change_t {
    staple_health_change_e origin, url;
} staple_responder_change_t;

/*
 * An exchange for certificate `index` ended after `took`.  `reason` is that of
 * the exchange or of the response's status; `http_status` is 0 where there was
 * none.  Only what would fail for others, too, counts, and then
 *   - against the origin where no HTTP answer came;
 *   - against the URL where one did, or where this one alone fails while
 *     others of its origin answered the last time;
 * and a lack of memory here against neither.
 */
staple_responder_change_t
staple_responder_ended(staple_responder_t *r, apr_uint32_t index,
                       staple_reason_e reason, int http_status,
                       apr_interval_time_t took, apr_time_t now);

/* An exchange was ended after `granted` because others wait: no failure, and no
 * proof. */
void staple_responder_was_cut(staple_responder_t *r,
                              apr_interval_time_t granted);

/* Would another method at the same URL fail, too? */
int staple_responder_is_out_of_reach(staple_reason_e reason);

/* Number of attempts of one job: URLs times methods. */
unsigned staple_responder_attempts(const staple_cert_t *cert,
                                   const staple_policy_t *policy);

/* The URL and method of attempt number `attempt` (0, 1, ...): at failover the
 * certificate's own URLs, then the configured ones; at override these only;
 * at each URL the methods in their order.  NULL: there is no such attempt. */
const char *staple_responder_attempt(int *by_get, const staple_cert_t *cert,
                                     const staple_policy_t *policy,
                                     unsigned attempt);

/* The number of the first attempt at the URL after that of `attempt`. */
unsigned staple_responder_next_url(const staple_policy_t *policy,
                                   unsigned attempt);

/* Is this URL among those of the attempts? */
int staple_responder_is_named(const staple_cert_t *cert,
                              const staple_policy_t *policy, const char *url);

/* A number that differs where the attempts of a job differ. */
apr_uint32_t staple_responder_hash(const staple_cert_t *cert,
                                   const staple_policy_t *policy);

/* ---- who waits for which, and who is next ---- */

/*
 * One first-in-first-out queue per origin; certificates are numbers below the
 * count given to staple_queue_make(), each in at most one queue.
 *
 * There are so many places for exchanges in flight:
 *
 *   +-------------------+-------------------+
 *   | for exchanges with a proven origin    |
 *   +-------------------+                   |
 *   | and with others:  |                   |
 *   | half of them      |                   |
 *   +-------------------+-------------------+
 *
 * so what never answers leaves half of them to those that do.  A free place
 * goes to the origin, of those that wait, that has had the least time of
 * places; newcomers begin with what the one before them had.  Where more
 * origins are without a place than there are places, the next exchange gets a
 * leash (staple_responder.h).  So neither numbers nor slowness nor the order
 * of a configuration can keep a certificate waiting for long.
 */
typedef struct staple_queue_t staple_queue_t;

/* The place of one exchange in flight. */
typedef struct staple_place_t {
    int is_unproven; /* of the half for these */
    apr_time_t since;
    apr_interval_time_t granted; /* the time it may last */
    apr_interval_time_t charged; /* what it was taken to last */
    int is_leashed;              /* granted was shortened: others wait */
} staple_place_t;

staple_queue_t *staple_queue_make(apr_pool_t *p, apr_uint32_t count,
                                  unsigned places);

/* The responder of this URL by this route, made on first sight with its origin;
 * both must live on. */
staple_responder_t *staple_queue_responder(staple_queue_t *queue,
                                           const staple_route_t *route,
                                           const char *url);

/* The shared store, as a responder.  `name` must live on. */
staple_responder_t *staple_queue_own(staple_queue_t *queue, const char *name,
                                     unsigned window_last);

/* Certificate `index` names this responder: once for each responder, all of one
 * certificate before the next one's. */
void staple_queue_count_in(staple_responder_t *r, apr_uint32_t index);

/* All of them, linked by `next`. */
staple_responder_t *staple_queue_responders(const staple_queue_t *queue);
staple_origin_t *staple_queue_origins(const staple_queue_t *queue);

/* The one with this id, or NULL. */
staple_responder_t *staple_queue_find(const staple_queue_t *queue,
                                      const staple_responder_id_t *id);
staple_origin_t *staple_queue_find_origin(const staple_queue_t *queue,
                                          const staple_responder_id_t *id);

/* A certificate waits for an origin, behind others.  `jitter` (any number)
 * shuffles origins that begin to be waited for together. */
void staple_queue_push(staple_queue_t *queue, staple_origin_t *origin,
                       apr_uint32_t index, apr_uint32_t jitter);

/* The longest waiting, or STAPLE_NONE. */
apr_uint32_t staple_queue_pop(staple_queue_t *queue, staple_origin_t *origin);

/* How many wait, for all origins together. */
apr_uint32_t staple_queue_waiting(const staple_queue_t *queue);

/* The origin that gets the next place, or NULL: none that waits may have one.
 * *is_crowded: others will be left without. */
staple_origin_t *staple_queue_next(int *is_crowded,
                                   const staple_queue_t *queue);

/* An exchange with it begins, which may last `timeout`, or for as long as the
 * leash where it is crowded. */
void staple_queue_enter(staple_place_t *place, staple_queue_t *queue,
                        staple_origin_t *origin, apr_interval_time_t timeout,
                        int is_crowded, apr_time_t now);

/* It has ended, and the origin was told so.  `was_proven`: before that. */
void staple_queue_leave(staple_queue_t *queue, staple_origin_t *origin,
                        const staple_place_t *place, int was_proven,
                        apr_time_t now);

#endif
