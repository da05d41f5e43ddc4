/* Judges one OCSP response; reads no clock, writes no log. */
#ifndef STAPLE_VERIFY_H
#define STAPLE_VERIFY_H

#include "staple_cert.h"

/* The bytes that may be published of a verified response: owned, for
 * staple_verify_free(). */
typedef struct staple_canonical_t {
    unsigned char *der; /* NULL: nothing is held */
    apr_size_t der_len;
} staple_canonical_t;

/*
 * Verifies `der` for `cert` at `now` (RFC 6960 3.2 and 4.2.2, RFC 5019 2.2):
 * size, DER, successful, basic, version 1, no unknown critical extension, the
 * nonce (if one is wanted and the response has one), exactly our CertID,
 * signed by the issuer itself or by a delegate that this issuer certified
 * with OCSPSigning, digests and keys strong enough, times right at `now`.  Uses
 * clock_skew and max_age of `policy`.  On STAPLE_OK *verdict is set; good,
 * revoked and unknown are all verdicts, what to do with them is the caller's
 * decision.  `nonce` is NULL or STAPLE_NONCE_LEN bytes.  Leaves OpenSSL's error
 * queue as it was.
 *
 * `canonical` is NULL, or gets the response as it may be published, on
 * STAPLE_OK; nothing is held in it otherwise.  It is tbsResponseData as
 * received, and around it the algorithm and the signature in their only form
 * (staple_signature.h), and the certificate of the delegate, in its only form,
 * where it is not the issuer who signed.  So whatever becomes of the bytes
 * that no signature covers, the same ones are published, or none; the one
 * thing that can be exchanged is a delegate's certificate for another one that
 * the issuer signed for the same delegate and key.
 */
staple_reason_e staple_verify(staple_verdict_t *verdict,
                              staple_canonical_t *canonical,
                              const staple_cert_t *cert,
                              const unsigned char *der, apr_size_t der_len,
                              const unsigned char *nonce,
                              const staple_policy_t *policy, apr_time_t now);

void staple_verify_free(staple_canonical_t *canonical);

/* CRLReason (RFC 5280 5.3.1) in its own spelling; "unspecified" for -1. */
const char *staple_verify_crl_reason(int revocation_reason);

#endif
