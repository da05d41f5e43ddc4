/* What the refresher keeps, for the files that it is made of. */
#ifndef STAPLE_REFRESH_INT_H
#define STAPLE_REFRESH_INT_H

#include "staple_timers.h"
#include "staple_queue.h"
#include "staple_refresh.h"
#include "staple_share.h"
#include "cache/staple_writer.h"

/* What the refresher knows of one certificate beyond its record. */
typedef struct staple_entry_t {
    const staple_cert_t *cert;
    const staple_policy_t *policy;
    apr_uint32_t whom;                 /* staple_responder_hash() */
    const char *asked;                 /* the responder asked last, or NULL */
    staple_responder_t *responder;     /* whom it waits for */
    staple_health_t *skipped; /* of what was down at its turn; no responder
                                 had a response so far */
    unsigned attempt;                  /* of the job at work */
    unsigned cut;                      /* the first attempt that was cut short
                                          and is to be made again, + 1 */
    staple_reason_e reason;            /* why the job's last attempt failed */
    int may_ask;                       /* there is a responder to ask */
    int insists;                       /* its clients do, on a staple */
    int at_work;                       /* waiting for a responder, or asking */
    int said_unknown;                  /* a verified response did, this job */
    int not_known;                     /* an answer said so, this job */
    int seen;                          /* a response came since the start */
    int has_looked;                    /* into the shared store, this job */
    apr_time_t waits_since;            /* for somebody else's; 0: does not */
    apr_interval_time_t retry_after;   /* the longest asked for, this job */
    char detail[STAPLE_RECORD_DETAIL];
} staple_entry_t;

struct staple_refresh_t {
    staple_entry_t *entries;
    apr_uint32_t count;
    staple_timers_t *due; /* who is neither waiting nor in flight */
    staple_cache_t *cache;
    staple_writer_t *writer;
    staple_chain_state_t *follow;
    staple_queue_t *queue; /* who waits for which responder */
    staple_responder_t *shared; /* the shared store, or NULL */
    unsigned char *value;       /* room for one value of it */
    staple_exchange_t *free;
    unsigned in_flight;
    apr_uint32_t random;
    apr_time_t last_now;
    staple_refresh_options_t options;
};

#endif
