/* One certificate's job: from attempt to attempt, to its end. */
#ifndef STAPLE_JOB_H
#define STAPLE_JOB_H

#include "cache/staple_writer.h"
#include "staple_chain_state.h"
#include "staple_source.h"
#include "staple_timers.h"

/* Is it asked about at once (staple_ask.h)? */
typedef enum {
    STAPLE_WISH_NONE,
    STAPLE_WISH_WAITS, /* its job has not begun */
    STAPLE_WISH_ASKS   /* it has: of its sources those that can be new */
} staple_wish_e;

/* What the refresher knows of one certificate beyond its record; or of a CRL,
 * which has jobs, too (staple_source_crl.h). */
typedef struct staple_entry_t {
    const staple_cert_t *cert; /* NULL: a CRL */
    const staple_policy_t *policy;
    apr_uint32_t attempts_hash;    /* staple_responder_hash() */
    const char *asked;             /* the responder asked last, or NULL */
    staple_responder_t *responder; /* whom it waits for */
    staple_health_t *skipped;      /* of what was down at its turn; no responder
                                      had a response so far */
    const staple_source_t *const *sources; /* of its jobs, NULL at the end */
    unsigned source;               /* that the job at work asks, by number */
    unsigned attempt;              /* of the job, at this source */
    unsigned rehashed;             /* the attempt that is to be made again with
                                      the other digest, + 1 */
    unsigned refused;              /* the first attempt after the URL that took
                                      neither digest */
    unsigned cut;                  /* the first attempt that was cut short and
                                      is to be made again, + 1 */
    staple_reason_e reason;        /* why the job's last attempt failed */
    int may_ask;                   /* a source can be asked about it: it has
                                      jobs */
    apr_uint32_t tells_of;         /* the certificate that reports name */
    int insists;                   /* its clients do, on a staple */
    int at_work;                   /* waiting for a responder, or asking */
    int said_unknown;              /* a verified response did, this job */
    int not_known;                 /* an answer said so, this job */
    int seen;                      /* a response came since the start */
    staple_wish_e wish;
    unsigned wish_tries;           /* jobs that were begun by it */
    apr_time_t waits_since;        /* for another machine's; 0: it does not */
    apr_interval_time_t retry_after; /* the longest asked for, this job */
    char *detail; /* of the last failure, this job; NULL: there was none yet */
} staple_entry_t;

typedef struct staple_follow_t staple_follow_t;

struct staple_refresh_t {
    apr_pool_t *pool;
    const staple_refresh_cert_t *certs;
    staple_entry_t *entries; /* of certificates, and behind them of CRLs */
    apr_uint32_t count;      /* of certificates */
    const staple_source_t *const *sources; /* NULL at the end */
    staple_timers_t *due; /* who is neither waiting nor in flight */
    staple_cache_t *cache;
    staple_writer_t *writer;
    staple_chain_state_t *states;
    staple_queue_t *queue;      /* who waits for which responder */
    staple_responder_t *shared; /* of staple_source_shared, or NULL */
    unsigned char *value;       /* room for one value of it */
    staple_follow_t *follows;   /* of staple_source_crl: one for each CRL */
    apr_pool_t *exchanges;   /* that were needed since the last rest, by
                                themselves; NULL: none */
    unsigned exchange_count;
    staple_exchange_t *free; /* of these */
    unsigned in_flight;
    apr_uint32_t random;
    apr_time_t last_now;
    staple_refresh_options_t options;
};

/* All of these are steps of the refresher: same thread, same `now`. */

/* Tells the caller of the refresher. */
void staple_job_tell(staple_refresh_t *refresh, staple_report_t report);

/* Makes certificate `index` due at `at`, if it may be asked about and no job
 * of it is at work. */
void staple_job_schedule(staple_refresh_t *refresh, apr_uint32_t index,
                         apr_time_t at);

/* When a certificate's first job of this refresher is due, going by what its
 * record says of earlier ones. */
apr_time_t staple_job_first_at(const staple_entry_t *entry,
                               const staple_record_t *record, apr_time_t now);

/* The certificate is due: its job begins. */
void staple_job_start(staple_refresh_t *refresh, apr_uint32_t index,
                      apr_time_t now);

/* Puts the job's next attempt (entry->source, entry->attempt) into the queue of
 * its responder, or ends the job: all attempts of all sources failed. */
void staple_job_go_on(staple_refresh_t *refresh, apr_uint32_t index,
                      apr_time_t now);

/* The first attempt of the job's present source that asks another responder
 * than `attempt` does. */
unsigned staple_job_next_attempt(const staple_refresh_t *refresh,
                                 apr_uint32_t index, unsigned attempt);

/* Notes words about a failure for the job's end.  Any length. */
void staple_job_note(staple_refresh_t *refresh, staple_entry_t *entry,
                     const char *detail);

/* Notes and tells why an attempt failed. */
void staple_job_attempt_failed(staple_refresh_t *refresh, apr_uint32_t index,
                               const staple_exchange_t *exchange,
                               staple_reason_e reason, const char *detail);

/* Nothing is asked about it now: an issuer above it is revoked. */
int staple_job_is_stopped(const staple_refresh_t *refresh, apr_uint32_t index);

/* A number for jitter. */
apr_uint32_t staple_job_draw(staple_refresh_t *refresh);

/* When to ask again after a response that is to be used until `use_until`. */
apr_time_t staple_job_next_at(staple_refresh_t *refresh, apr_uint32_t index,
                              apr_time_t use_until,
                              apr_interval_time_t fresh_for, apr_time_t now);

/* A response of this source was published: what others make of it. */
void staple_job_learned(staple_refresh_t *refresh, apr_uint32_t index,
                        const staple_source_t *source, apr_time_t now);

/* The job ends with a new response, of which *record says all. */
void staple_job_succeeded(staple_refresh_t *refresh, apr_uint32_t index,
                          staple_record_t *record, apr_time_t now);

/*
 * staple_adopt() for the present record of certificate `index`, which comes out
 * in *record.  On STAPLE_OK that is the caller's to complete and to publish;
 * what became known otherwise is published, told, and has its consequences.
 */
staple_reason_e staple_job_adopt(staple_refresh_t *refresh,
                                 staple_record_t *record, apr_uint32_t index,
                                 const unsigned char *der, apr_size_t der_len,
                                 const unsigned char *nonce, apr_time_t now);

/* Uses a response if it is to be used (staple_adopt.h); the job ends then.
 * Where its length is why it is not, `detail`, of STAPLE_RECORD_DETAIL bytes,
 * gets the numbers. */
staple_reason_e staple_job_take_response(char *detail,
                                         staple_refresh_t *refresh,
                                         apr_uint32_t index,
                                         const staple_answer_t *answer,
                                         const unsigned char *nonce,
                                         apr_time_t now);

/* Counts an exchange in the certificate's record. */
void staple_job_count(staple_refresh_t *refresh, apr_uint32_t index,
                      int has_failed);

#endif
