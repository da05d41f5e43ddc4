/* One HTTP exchange: what to send where, and what came back. */
#ifndef STAPLE_EXCHANGE_H
#define STAPLE_EXCHANGE_H

#include "staple_queue.h"
#include "ocsp/staple_request.h"

/* One HTTP exchange that the caller shall make.  Valid until it is given back
 * by staple_refresh_done(). */
typedef struct staple_exchange_t {
    apr_uint32_t index; /* of the certificate */
    unsigned attempt;   /* number within the job, from 0 */
    int is_look;        /* into the shared store: no HTTP, no request */
    int by_get;
    int has_nonce;
    apr_interval_time_t timeout; /* for all of it */
    staple_responder_t *responder;
    staple_place_t place;
    apr_size_t request_len;
    unsigned char request[STAPLE_MAX_REQUEST]; /* the body of a POST */
    unsigned char nonce[STAPLE_NONCE_LEN];
    char url[STAPLE_REQUEST_URL_SIZE]; /* whole URL of a GET or POST */
    struct staple_exchange_t *next_free;
} staple_exchange_t;

/* What came back. */
typedef struct staple_answer_t {
    staple_reason_e reason; /* STAPLE_OK: der is the body, or the value that
                               a look found, of length 0 for none */
    const unsigned char *der;
    apr_size_t der_len;
    int http_status;                 /* 0: none */
    apr_interval_time_t fresh_for;   /* Cache-Control, Expires; 0: unknown */
    apr_interval_time_t retry_after; /* 0: unknown */
    apr_interval_time_t took;
    const char *detail; /* words about a failure; never NULL */
    int is_asked;       /* a look: somebody else is asking right now */
} staple_answer_t;

/* `count` exchanges, linked by next_free. */
staple_exchange_t *staple_exchange_make(apr_pool_t *p, unsigned count);

/*
 * Fills an exchange with the request of attempt number `attempt` for `cert`.
 * Its index and responder are the caller's to set.  Not STAPLE_OK where this
 * attempt cannot be made: the request does not fit into a GET.
 */
staple_reason_e staple_exchange_fill(staple_exchange_t *exchange,
                                     const staple_cert_t *cert,
                                     const staple_policy_t *policy,
                                     unsigned attempt);

#endif
