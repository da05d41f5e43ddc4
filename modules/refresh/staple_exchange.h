/* One exchange: what to send where, and what came back. */
#ifndef STAPLE_EXCHANGE_H
#define STAPLE_EXCHANGE_H

#include "ocsp/staple_request.h"
#include "staple_responder.h"

/* By which an exchange is made. */
typedef enum {
    STAPLE_TRANSPORT_HTTP,
    STAPLE_TRANSPORT_LIST,  /* by HTTP, too: a CRL, into a file */
    STAPLE_TRANSPORT_SHARED /* a query to the shared store: no request */
} staple_transport_e;

struct staple_source_t;
struct staple_spool_t;

/* One exchange that the caller shall make.  Valid until it is given back by
 * staple_refresh_done(). */
typedef struct staple_exchange_t {
    apr_uint32_t index; /* of the certificate */
    const struct staple_source_t *source;
    unsigned attempt; /* number within the job and source, from 0 */
    staple_transport_e transport;
    int by_get;
    int has_nonce;
    apr_interval_time_t timeout; /* for all of it */
    /* of a list */
    apr_interval_time_t idle_timeout; /* for connecting, and between two reads
                                         of data */
    apr_size_t max_len;               /* of the list, in bytes */
    staple_validators_t held;         /* asked for only where it is another */
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
    staple_reason_e reason; /* STAPLE_OK: der is the body, or the shared
                               store's value, of length 0 for none */
    const unsigned char *der;
    apr_size_t der_len;
    int http_status;                 /* 0: none */
    apr_interval_time_t fresh_for;   /* Cache-Control, Expires; 0: unknown */
    apr_interval_time_t retry_after; /* 0: unknown */
    apr_interval_time_t took;
    const char *detail; /* words about a failure; never NULL */
    int is_asked;       /* the shared store's: another machine is asking */
    /* of a list */
    struct staple_spool_t *spool; /* where der lies, mapped; the receiver's, who
                                     gives it back.  NULL: nothing came */
    int is_not_modified;          /* HTTP 304: STAPLE_OK, without a body */
    staple_validators_t validators;
} staple_answer_t;

#endif
