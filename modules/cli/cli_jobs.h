/* Jobs of certificates, as the module's refresher does them, all at once. */
#ifndef CLI_JOBS_H
#define CLI_JOBS_H

#include <apr_tables.h>

#include "refresh/staple_refresh.h"
#include "cli_certs.h"
#include "cli_options.h"
#include "cli_verdict.h"

/* How to ask. */
typedef struct cli_asking_t {
    staple_policy_t policy;
    apr_int64_t max_size; /* of a response that is stapled */
    int crl;              /* its CRL, although it names a responder */
    int no_crl;           /* no CRL where it names no responder */
    cli_urls_t crl_urls;  /* these, not those that it names */
    apr_int64_t crl_max_size;
    apr_interval_time_t patience; /* for all of it; 0: as long as it takes */
} cli_asking_t;

#define CLI_ASKING_DEFAULT                                                     \
    {                                                                          \
        .policy = STAPLE_POLICY_DEFAULT, .max_size = STAPLE_USUAL_MAX_SIZE,    \
        .crl_max_size = 33554432                                               \
    }

/* One attempt: what was asked, what came, what it is worth. */
typedef struct cli_attempt_t {
    const char *url; /* whole, also of a GET */
    int by_get;
    int is_made; /* 0: it could not be; there is no answer */
    apr_size_t request_len;
    staple_answer_t answer; /* without its pointers */
    staple_reason_e reason;
    const char *status; /* what it says, where reason is STAPLE_OK */
    const char *detail; /* words about a failure, or "" */
    const staple_exchange_t *exchange; /* while it is made; or NULL */
} cli_attempt_t;

typedef struct cli_jobs_t cli_jobs_t;

/* The job of one certificate. */
typedef struct cli_job_t {
    cli_jobs_t *jobs;
    apr_uint32_t index;
    const staple_cert_t *cert;
    void *baton;                  /* the caller's */
    apr_array_header_t *attempts; /* cli_attempt_t *, in their order */
    int has_ended;
    staple_reason_e reason; /* of its end */
    staple_record_t record; /* at its end */
} cli_job_t;

/* Who is told as it happens; each may be NULL. */
typedef struct cli_jobs_hooks_t {
    void (*asks)(void *baton, const cli_job_t *job,
                 const cli_attempt_t *attempt);
    void (*answered)(void *baton, const cli_job_t *job,
                     const cli_attempt_t *attempt);
    void (*ended)(void *baton, cli_job_t *job);
    void *baton;
} cli_jobs_hooks_t;

/* None yet; `how` lives on. */
cli_jobs_t *cli_jobs_make(apr_pool_t *p, const cli_asking_t *how);

/*
 * One more, to be asked about by its responders or, where it has none or `how`
 * wants that, by its CRLs; `found` is of the same certificate, and lives on.
 * NULL: nothing can be asked, as *reason says.  The job of a certificate that
 * is there already is that one.
 */
cli_job_t *cli_jobs_add(staple_reason_e *reason, cli_jobs_t *jobs,
                        const staple_cert_t *cert, const cli_found_t *found);

unsigned cli_jobs_count(const cli_jobs_t *jobs);

/* Sees all of them through, up to `concurrency` exchanges at once, or what can
 * be before its patience ends.  NULL, or what is wrong. */
const char *cli_jobs_run(cli_jobs_t *jobs, unsigned concurrency,
                         const cli_jobs_hooks_t *hooks);

/* What the job's end says, in the words of verify. */
void cli_jobs_fill_verdict(cli_verdict_t *verdict, const cli_job_t *job);

/* The response that an ended job holds, also one that says revoked and has run
 * out; 0: it holds none.  *der is from p. */
int cli_jobs_response(const unsigned char **der, apr_size_t *len,
                      const cli_job_t *job, apr_pool_t *p);

/* Another response to the certificate of an ended job, that is there already.
 * STAPLE_OK: it is as new as what the job holds, or newer, and held from now
 * on. */
staple_reason_e cli_jobs_offer(cli_job_t *job, const unsigned char *der,
                               apr_size_t len);

#endif
