/* Shared value types: key, status, policy and the limits of what is taken in.
 */
#ifndef STAPLE_TYPES_H
#define STAPLE_TYPES_H

#include <apr.h>
#include <apr_time.h>
#include <stddef.h>

#include "staple_reason.h"

/* Limits of material from outside, in bytes. */

/* An OCSP response, DER: 64 KiB less what TLS 1.3 needs around it.  The
 * extensions of a Certificate entry are at most 65535 bytes, four of which go
 * to the head of status_request and four to that of the response (RFC 8446
 * 4.4.2); OpenSSL fails the handshake where there are more. */
#define STAPLE_MAX_RESPONSE 65527

/* A staple, DER, unless OCSPStapleMaxSize says otherwise: OpenSSL's clients end
 * a handshake of TLS 1.2 whose CertificateStatus message has more than 16384
 * bytes, four of which go to its type and the response's length (RFC 6066
 * 8). */
#define STAPLE_USUAL_MAX_SIZE 16380
#define STAPLE_LEAST_MAX_SIZE 4096 /* what may be said at least */

#define STAPLE_MAX_REQUEST 512    /* an OCSP request, DER, nonce included */
#define STAPLE_MAX_URL 2048       /* one responder URL */
#define STAPLE_MAX_AIA_URLS 8     /* OCSP URLs taken from one certificate */
#define STAPLE_MAX_GET 255        /* RFC 5019 5: encoded request in a GET */
#define STAPLE_NONCE_LEN 32       /* RFC 9654 2.1 */
#define STAPLE_MAX_CREDENTIALS 512 /* user and password for a proxy */

/* No index: of no certificate. */
#define STAPLE_NONE 0xffffffffU

/* SHA-1 of the certificate's DER: the id by which mod_ssl asks. */
#define STAPLE_KEY_LEN 20
typedef struct staple_key_t {
    unsigned char bytes[STAPLE_KEY_LEN];
} staple_key_t;

/* CertStatus of RFC 6960 4.2.1, ordered so that the worst is the largest. */
typedef enum {
    STAPLE_CERT_GOOD = 0,
    STAPLE_CERT_UNKNOWN = 1,
    STAPLE_CERT_REVOKED = 2
} staple_status_e;

/* In which order POST and GET are tried at one URL. */
typedef enum {
    STAPLE_METHOD_POST_GET,
    STAPLE_METHOD_GET_POST,
    STAPLE_METHOD_POST,
    STAPLE_METHOD_GET
} staple_method_e;

/* By which digest a request names the certificate (OCSPStapleCertID). */
typedef enum {
    STAPLE_CERTID_SHA1,
    STAPLE_CERTID_SHA256,
    STAPLE_CERTID_AUTO /* by SHA-1; by the other one where that is refused */
} staple_certid_e;

/* Which responder URLs are tried. */
typedef enum {
    STAPLE_ACTION_FAILOVER, /* the certificate's, then the configured list */
    STAPLE_ACTION_OVERRIDE  /* the configured list only */
} staple_action_e;

/* When CRLs are followed (OCSPStapleCRL). */
typedef enum {
    STAPLE_CRL_OFF,
    STAPLE_CRL_FALLBACK, /* where OCSP has nothing to say */
    STAPLE_CRL_ALWAYS    /* beside it: the worse counts */
} staple_crl_use_e;

/* The exclusion flags: what is not significant (OCSPStapleLogExclude). */
#define STAPLE_EXCLUDE_REVOKED 1U
#define STAPLE_EXCLUDE_ISSUER_REVOKED 2U
#define STAPLE_EXCLUDE_STALE 4U
#define STAPLE_EXCLUDE_UNAVAILABLE 8U
#define STAPLE_EXCLUDE_ALL 15U
/* Not one of the directive's: a new certificate may be unknown for a while. */
#define STAPLE_EXCLUDE_UNKNOWN 16U

/* The lists of a policy. */
typedef enum {
    STAPLE_LIST_RESPONDER,
    STAPLE_LIST_RESPONSE_FILE,
    STAPLE_LIST_CHAIN_FILE,
    STAPLE_LIST_CRL_URL,
    STAPLE_LIST_CRL_FILE,
    STAPLE_LIST_PROXY,
    STAPLE_LIST_PROXY_CA_FILE,
    STAPLE_LIST_PROXY_CREDENTIALS,
    STAPLE_LIST_NO_PROXY,
    STAPLE_LIST_COUNT
} staple_list_e;

/* How exchanges leave this machine, where that is not directly.  Two that are
 * the same are one object. */
typedef struct staple_route_t {
    const char *id;    /* another one's differs; no secret */
    const char *proxy; /* its http or https URL */
    const char *ca;    /* PEM: whose certificates an https proxy may have; NULL:
                          of those that the system trusts */
    const char *user, *password; /* for the proxy; NULL: none */
    const char *no_proxy; /* hosts and networks that are asked without it,
                             commas between them; may be "" */
} staple_route_t;

/*
 * What the administrator said about one certificate's refresh.  Made while
 * configuring, read-only afterwards.  Two of them are compared without anybody
 * knowing the members: plain values, byte by byte, up to the lists, and then
 * these; so nothing may stand behind the lists.
 */
typedef struct staple_policy_t {
    int enabled;
    int issuer_check;                   /* follow the issuers, too */
    int chain;                          /* and staple their responses */
    apr_interval_time_t interval;       /* longest time between requests */
    apr_interval_time_t timeout;        /* of one attempt */
    apr_interval_time_t retry_interval; /* after a failed job; 0 = auto */
    apr_interval_time_t clock_skew;     /* tolerance of times */
    apr_interval_time_t max_age;        /* of a response without nextUpdate */
    unsigned max_tries; /* failed jobs at retry_interval; 0: for ever */
    staple_method_e method;
    staple_action_e action;
    staple_crl_use_e crl;
    staple_certid_e certid;
    int nonce;              /* send one */
    int no_network;         /* never ask anybody */
    unsigned exclude;       /* STAPLE_EXCLUDE_... */
    unsigned revoked_score; /* of a revoked certificate, in tenths */
    const staple_route_t *route; /* to responders; NULL: directly */
    /* NULL-terminated lists, or NULL */
    union {
        struct {
            const char *const *urls;  /* the configured responders */
            const char *const *files; /* with responses fetched otherwise */
            const char *const *chain_files; /* with issuers' certificates */
            const char *const *crl_urls;  /* instead of the certificates' own */
            const char *const *crl_files; /* with CRLs fetched otherwise */
            /* what `route` is made of: URL, file, file, hosts and networks */
            const char *const *proxy, *const *proxy_ca_file;
            const char *const *proxy_credentials, *const *no_proxy;
        };
        const char *const *lists[STAPLE_LIST_COUNT];
    };
} staple_policy_t;

_Static_assert(sizeof(staple_policy_t)
                   == offsetof(staple_policy_t, lists)
                          + STAPLE_LIST_COUNT * sizeof(const char *const *),
               "the lists come last, and each has a name");

/* The values that hold where the administrator said nothing. */
#define STAPLE_POLICY_DEFAULT                                                  \
    {                                                                          \
        .interval = apr_time_from_sec(86400),                                  \
        .timeout = apr_time_from_sec(10), .retry_interval = 0,                 \
        .clock_skew = apr_time_from_sec(300),                                  \
        .max_age = apr_time_from_sec(604800), .max_tries = 0,                  \
        .exclude = STAPLE_EXCLUDE_ALL, .method = STAPLE_METHOD_POST_GET,       \
        .action = STAPLE_ACTION_FAILOVER, .crl = STAPLE_CRL_FALLBACK,          \
        .certid = STAPLE_CERTID_AUTO                                           \
    }

/* By what a server knows the list that is held (RFC 9110 8.8): as they were
 * received; empty: not known, also where one is longer. */
typedef struct staple_validators_t {
    char etag[128];
    char last_modified[64];
} staple_validators_t;

/* What a verified response says.  Times are instants; 0 = not there. */
typedef struct staple_verdict_t {
    staple_status_e status; /* the worst that it says of the certificate */
    int revocation_reason;  /* CRLReason, or -1 */
    apr_uint32_t by_delegate; /* who signed is not the issuer itself */
    apr_uint32_t reserved;
    apr_time_t revoked_at;
    apr_time_t produced_at;
    apr_time_t this_update;
    apr_time_t next_update; /* 0: the responder always has newer ones */
    apr_time_t use_until;   /* not to be used from here on: the earliest of
                               nextUpdate (or thisUpdate + max_age) and the
                               signer's notAfter */
} staple_verdict_t;

#endif
