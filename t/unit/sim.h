/* A refresher with a fake clock and fake responders: days in milliseconds. */
#ifndef SIM_H
#define SIM_H

#include "make_ocsp.h"
#include "refresh/staple_refresh.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SEC(n) apr_time_from_sec(n)
#define MINUTE SEC(60)
#define HOUR SEC(3600)
#define DAY SEC(86400)

#define SIM_MAX_ASKED 200000 /* exchanges that are noted */
#define SIM_MAX_LEN 4096     /* bytes of a staple */
#define SIM_MAX_LIST 1000000 /* bytes of a CRL */
#define SIM_FLIGHT    1000   /* exchanges in flight at most */
#define SIM_PLACES    1200   /* responders */

/* What a responder does with a request. */
typedef enum {
    SIM_GOOD,
    SIM_REVOKED,
    SIM_UNKNOWN,
    SIM_OLD,           /* good, from two hours before the last good one */
    SIM_FIXED,         /* always that of `fixed` */
    SIM_TOO_LATE,      /* good, and ended a second ago */
    SIM_TOO_SHORT,     /* good for another second */
    SIM_BAD_SIGNATURE,
    SIM_OTHER_SIGNER,
    SIM_EXPIRED,
    SIM_JUNK,
    SIM_TRY_LATER,
    SIM_UNAUTHORIZED,
    SIM_HTTP_404,
    SIM_HTTP_503,
    SIM_WRONG_TYPE,
    SIM_EMPTY,
    SIM_REFUSED,       /* at once */
    SIM_NO_NAME,       /* at once */
    SIM_HANGS,         /* until the time-out */
    SIM_DOES_COUNT
} sim_does_e;

/* A responder, known by the beginning of its URLs. */
typedef struct sim_place_t {
    const char *url;
    sim_does_e does;
    apr_interval_time_t latency;     /* 0: 50 ms */
    apr_interval_time_t life;        /* of its responses; 0: 4 hours */
    apr_interval_time_t retry_after;
    apr_interval_time_t fresh_for;
    make_der_t fixed;
    /* of the last response made */
    apr_int64_t made_at;
    sim_does_e made_as;
    make_der_t made;
    /* of a CRL: sets body, validators or failure; NULL: it has none */
    void (*list)(staple_answer_t *answer, const staple_exchange_t *exchange);
    /* counted */
    unsigned in_flight, most_in_flight, asked;
} sim_place_t;

/* One exchange that was made. */
typedef struct sim_asked_t {
    apr_time_t at; /* true time */
    apr_uint32_t index;
    int by_get;
    const sim_place_t *place;
} sim_asked_t;

typedef struct sim_t {
    apr_pool_t *p;
    staple_known_t *known;
    make_pki_t *pki;
    apr_uint32_t count; /* certificates */
    staple_cert_t *certs;
    staple_refresh_cert_t *entries;
    staple_policy_t policy; /* of all that were not given another */
    unsigned concurrency;
    const struct staple_source_t *const *sources; /* NULL: the usual ones */
    const staple_refresh_list_t *lists; /* asked for from the start on */
    apr_uint32_t list_count;
    int are_lists_held_back; /* until staple_refresh_start_list() */
    sim_place_t places[SIM_PLACES];
    unsigned place_count;
    staple_cache_t *cache;
    staple_refresh_t *refresh;
    apr_time_t now;           /* true time */
    apr_interval_time_t skew; /* our clock is so much ahead of it */
    struct {
        staple_exchange_t *exchange;
        sim_place_t *place;
        apr_time_t ends;
    } flight[SIM_FLIGHT];
    unsigned in_flight, most_in_flight;
    sim_asked_t *asked;
    unsigned asked_count;
    /* told by the refresher */
    unsigned attempts_failed, jobs_failed, refreshed, went_down, came_up;
    unsigned cut_short;
    const char *down; /* what went down last */
    unsigned gave_up;
    unsigned lists_failed, lists_refreshed;
    unsigned events[STAPLE_EVENT_COUNT];
    staple_reason_e reasons[64]; /* of the first failed attempts */
} sim_t;

/* A program of simulations begins, with a CA for all of them, and ends. */
void sim_begin(void);
void sim_end(void);

/* `count` certificates that each name `urls`, NULL-terminated; in place of the
 * simulation made last. */
sim_t *sim_make(apr_uint32_t count, const char *const *urls);

/* Gives certificate `index` URLs and a policy of its own; NULL: as it is. */
void sim_set(sim_t *sim, apr_uint32_t index, const char *const *urls,
             const staple_policy_t *policy);

/* A responder, by the beginning of its URLs. */
sim_place_t *sim_place(sim_t *sim, const char *url, sim_does_e does);

/* A new refresher, as after a graceful restart: with what the cache holds. */
void sim_start(sim_t *sim);

/* The same, with what the one before it knew of responders: another child, or
 * a restart with a store. */
void sim_take_over(sim_t *sim);

/* A new refresher, as after a stop and a start: with what is restored of what
 * the cache held. */
void sim_restart(sim_t *sim);

/* Lets so much time pass; begins where sim_start() was not called yet. */
void sim_run(sim_t *sim, apr_interval_time_t time);

/* The exchanges from number `from` on as words: "P one,G one,P two". */
const char *sim_words(sim_t *sim, unsigned from);

/* How many exchanges certificate `index` made from number `from` on. */
unsigned sim_count(const sim_t *sim, apr_uint32_t index, unsigned from);

/* The time between exchange n and the one before; -1: there are not so many.
 */
apr_interval_time_t sim_gap(const sim_t *sim, unsigned n);

/* Would a handshake of certificate `index` be stapled now? */
int sim_is_stapled(const sim_t *sim, apr_uint32_t index);

/* How many would. */
apr_uint32_t sim_stapled(const sim_t *sim);

staple_record_t sim_record(const sim_t *sim, apr_uint32_t index);

/* A good response from `age` ago that lives for `life` from now. */
make_der_t sim_response(sim_t *sim, apr_interval_time_t age,
                        apr_interval_time_t life);

/* One of OpenSSL's status V_OCSP_CERTSTATUS_..., produced so long ago. */
make_der_t sim_say(sim_t *sim, int status, apr_interval_time_t age,
                   apr_interval_time_t produced, apr_interval_time_t life);

#endif
