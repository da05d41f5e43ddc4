/* One walk over a CRL: every entry read, ours found, the signature verified. */
#ifndef STAPLE_CRL_CHECK_H
#define STAPLE_CRL_CHECK_H

#include "staple_crl.h"
#include "staple_crl_cert.h"

/* Certificates of one name that may have signed, at most. */
#define STAPLE_CRL_MAX_SIGNERS 8

/* The largest entry of a list that is looked at, in bytes. */
#define STAPLE_CRL_MAX_ENTRY STAPLE_CRL_MAX_PART

/* A walk that is going on. */
typedef struct staple_crl_check_t staple_crl_check_t;

/*
 * For whose certificates, and against whom: `issuers` has the certificate of
 * the certificates' issuer first.  Behind it may be others of the same name,
 * for a list that was signed with the key before or after (RFC 5280 6.3.3 (f));
 * the caller vouches for them, staple_crl_check_is_rollover() for example.
 */
typedef struct staple_crl_whose_t {
    X509 *const *issuers;
    unsigned issuer_count;
    const staple_crl_cert_t *const *certs; /* all that this issuer issued */
    apr_size_t cert_count;
} staple_crl_whose_t;

/*
 * Begins to check a list that was read, with all that needs no walk, so that a
 * wrong list costs nothing: by this issuer, which may sign lists; of now; not
 * older than `held` (NULL: none is held); a digest that is still trusted.  On
 * STAPLE_OK *check is allocated from p, which must not outlive crl->pool.  The
 * clock is `now` for the whole check.  Uses clock_skew and max_age of `policy`.
 */
staple_reason_e staple_crl_check_begin(staple_crl_check_t **check,
                                       apr_pool_t *p, staple_crl_t *crl,
                                       const staple_crl_whose_t *whose,
                                       const staple_crl_mark_t *held,
                                       const staple_policy_t *policy,
                                       apr_time_t now);

/*
 * Goes on for about `bytes` bytes of the list, at least 1; what takes long may
 * so be done in slices.  Returns 1 while there is more to do; 0 when it is
 * over, and *reason says how.  Only after STAPLE_OK the list has its rows, its
 * signer and its count of entries; else it stays as it was.  An entry that is
 * malformed, has a critical extension that is not understood or names an
 * issuer refuses the whole list (RFC 5280 5.3).  Leaves OpenSSL's error queue
 * as it was.
 *
 * Where the algorithm takes the message in one piece (EdDSA, ML-DSA) the last
 * step hashes all of it.
 */
int staple_crl_check_step(staple_reason_e *reason, staple_crl_check_t *check,
                          apr_size_t bytes);

/* Begins it and goes on to its end. */
staple_reason_e staple_crl_check(apr_pool_t *p, staple_crl_t *crl,
                                 const staple_crl_whose_t *whose,
                                 const staple_crl_mark_t *held,
                                 const staple_policy_t *policy, apr_time_t now);

/* What a list that was checked says of the certificate of this serial number;
 * NULL: it was not asked about this one. */
const staple_crl_row_t *staple_crl_check_row(const staple_crl_t *crl,
                                             staple_der_t serial);

/*
 * May this certificate stand beside the issuer's, because it is that of another
 * key of the same CA?  It has the same name, and was signed with the issuer's
 * key or with that of a certificate `above` that signed the issuer's, too.
 */
int staple_crl_check_is_rollover(X509 *other, X509 *issuer, X509 *above);

#endif
