/* What a refresher is given, hands out, takes back, and tells. */
#ifndef STAPLE_REFRESH_TYPES_H
#define STAPLE_REFRESH_TYPES_H

#include "cache/staple_list_board.h"
#include "cache/staple_record.h"
#include "crl/staple_crl_cert.h"
#include "ocsp/staple_request.h"
#include "staple_responder.h"
#include "staple_state.h"

typedef struct staple_refresh_t staple_refresh_t;

/* One certificate to keep fresh. */
typedef struct staple_refresh_cert_t {
    const staple_cert_t *cert;
    const staple_policy_t *policy;
    apr_uint32_t above; /* index of its issuer's certificate + 1; 0: none */
    int is_issuer;      /* followed for the sake of those below only */

    /* as CRLs see it; NULL: none is followed */
    const staple_crl_cert_t *crl;
    const apr_uint32_t *lists; /* that may have it: numbers of
                                  staple_refresh_options_t's */
    unsigned list_count;
    X509 *const *signers; /* of these: its issuer, and behind it those of the
                             issuer's other keys */
    unsigned signer_count;
} staple_refresh_cert_t;

/* One CRL to follow, for all certificates that name it. */
typedef struct staple_refresh_list_t {
    const char *const *urls; /* where it is, alternatives, NULL at the end;
                                NULL: it comes from `file` */
    const char *file;        /* of OCSPStapleCRLFile, or NULL */
    const char *const *delta_urls; /* where its deltas are, as its certificates
                                      say; NULL: as the list says */
    const char *scope_url; /* configured, so that it counts as a name of its
                              certificates' distribution point; or NULL */
    const staple_policy_t *policy; /* of the first server that needs it */
} staple_refresh_list_t;

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

/* What is fetched of a list. */
typedef enum {
    STAPLE_PART_BASE,
    STAPLE_PART_DELTA,
    STAPLE_PARTS
} staple_part_e;

/* A list as it came: from its URL, from the store, or from a file. */
typedef struct staple_stored_list_t {
    staple_part_e part;
    const unsigned char *der; /* stays until it was judged */
    apr_size_t der_len;
    apr_time_t came_at; /* when it was fetched; of a file: now */
    const char *url;    /* of the store: where it was fetched, and by what that
                           server knows it; or NULL */
    staple_validators_t validators;
} staple_stored_list_t;

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
    int by_sha256; /* the request names the certificate so, not by SHA-1 */
    int has_nonce;
    apr_interval_time_t timeout; /* for all of it */
    /* of a list */
    apr_interval_time_t idle_timeout; /* for connecting, and between two reads
                                         of data */
    apr_size_t max_len;               /* of the list, in bytes */
    staple_validators_t held;         /* asked for only where it is another */
    staple_responder_t *responder;
    const staple_route_t *route; /* by which; NULL: directly */
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

typedef enum {
    STAPLE_REPORT_ATTEMPT_FAILED, /* one attempt; the job may go on */
    STAPLE_REPORT_CUT_SHORT,      /* one attempt, because others wait: it is
                                     made again, no failure */
    STAPLE_REPORT_JOB_FAILED,     /* all attempts */
    STAPLE_REPORT_REFRESHED,      /* a verified response is in the cache */
    STAPLE_REPORT_SHARED_REFUSED, /* the shared store had something else */
    STAPLE_REPORT_LIST_FAILED,    /* all attempts for a CRL or its delta */
    STAPLE_REPORT_LIST_REFRESHED, /* it is there, or as it was */
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
    const staple_list_row_t *list; /* STAPLE_REPORT_LIST_... */
    int was_first;                 /* of a certificate, since the start */
    int gave_up; /* STAPLE_REPORT_JOB_FAILED: was the last of max_tries */
    staple_event_e event;     /* STAPLE_REPORT_EVENT */
    staple_state_e before;    /* the certificate's state before it */
    apr_time_t at;            /* when */
    apr_interval_time_t took; /* STAPLE_REPORT_CUT_SHORT */
} staple_report_t;

typedef void staple_refresh_report_fn(void *baton,
                                      const staple_report_t *report);

/* Puts a value (staple_source_shared.h) for certificate `index` into the shared
 * store, where it is of use until `use_until`.  Valid during the call only.
 * NULL: takes back the note that this machine is asking. */
typedef void staple_refresh_share_fn(void *baton, apr_uint32_t index,
                                     const unsigned char *value, apr_size_t len,
                                     apr_time_t use_until);

typedef struct staple_refresh_options_t {
    unsigned concurrency; /* exchanges in flight at most */
    apr_uint32_t seed;    /* of the jitter */
    staple_refresh_report_fn *report;
    void *baton;
    /* the ways to learn a status, in the order in which they are asked, NULL
     * at the end (staple_source.h); NULL: those that there are */
    const struct staple_source_t *const *sources;
    const staple_refresh_list_t *lists; /* CRLs; must live on */
    apr_uint32_t list_count;
    apr_size_t list_max_len; /* of one of them, in bytes */
    const char *shared; /* the shared store's name for people; NULL: none */
    staple_refresh_share_fn *share;
    void *share_baton;
} staple_refresh_options_t;

#endif
