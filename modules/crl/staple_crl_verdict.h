/* What checked CRLs say of a certificate: base, delta, scope and time. */
#ifndef STAPLE_CRL_VERDICT_H
#define STAPLE_CRL_VERDICT_H

#include "staple_crl_cert.h"
#include "staple_crl_check.h"

/* What a list says of one certificate.  Times are instants; 0 = not there. */
typedef struct staple_crl_verdict_t {
    staple_status_e status; /* STAPLE_CERT_GOOD or STAPLE_CERT_REVOKED */
    int revocation_reason;  /* CRLReason, or -1 */
    apr_time_t revoked_at;
    apr_time_t this_update;     /* of the newest list that was used */
    apr_time_t next_update;     /* the earlier one of the lists used */
    apr_time_t use_until;       /* not to be used from here on */
    staple_crl_number_t number; /* of the newest list that was used */
    staple_crl_kind_e kind;     /* what the list is about */
    apr_size_t entry_count;     /* of the lists used */
    int is_delta_used;          /* it was there, and newer than the base */
} staple_crl_verdict_t;

/* Why the certificate is not in the scope of the list (RFC 5280 6.3.3 (b)(2));
 * STAPLE_OK: it is.  `scope_url`: as below. */
staple_reason_e staple_crl_check_scope(const staple_crl_cert_t *cert,
                                       const char *scope_url,
                                       const staple_crl_t *base);

/*
 * Judges one certificate by lists that staple_crl_check found right for its
 * issuer (RFC 5280 6.3.3): `base`, and on top of it `delta` unless that is
 * NULL.  `scope_url` is where the list is configured to come from, which counts
 * as a name of the certificate's distribution point; NULL: nothing is
 * configured.  On STAPLE_OK *verdict is set: revoked, also for certificateHold,
 * or good, because it is not on lists whose scope it is in, or is not any more
 * (removeFromCRL).  A delta that is not newer than the base has nothing to add
 * and is passed over; one that does not go with the base fails the verdict with
 * STAPLE_CRL_DELTA_BASE, as one that has run out does.  Without it the base
 * alone may do: that is for the caller to ask.
 */
staple_reason_e
staple_crl_verdict(staple_crl_verdict_t *verdict, const staple_crl_cert_t *cert,
                   const char *scope_url, const staple_crl_t *base,
                   const staple_crl_t *delta, const staple_policy_t *policy,
                   apr_time_t now);

/*
 * Takes the verdict of one more distribution point of a certificate to that of
 * those before.  *reason begins as anything but STAPLE_OK.  A list covers all
 * reasons here, so that one is enough (RFC 5280 6.3.3, the reasons mask), and
 * what another adds is a revocation: the worst counts, and of equals the one
 * that may be used longer.
 */
void staple_crl_verdict_join(staple_crl_verdict_t *verdict,
                             staple_reason_e *reason,
                             const staple_crl_verdict_t *more,
                             staple_reason_e more_reason);

#endif
