/* The certificates of a response: which are its signer's; the last one kept. */
#ifndef STAPLE_SIGNER_H
#define STAPLE_SIGNER_H

#include <apr_pools.h>

#include "staple_der.h"
#include "base/staple_openssl.h"
#include "base/staple_types.h"

/* So many certificates of a response are tried, at most: those that bear the
 * name or the key of its signer.  All others are skipped by their length. */
#define STAPLE_SIGNER_MOST 4

/* A delegate's certificate: parsed, and the only bytes that it has here.  Both
 * are owned; NULL: nothing is held. */
typedef struct staple_signer_t {
    X509 *x509;
    unsigned char *der;
    apr_size_t der_len;
    int is_sha1;  /* by that digest it was signed */
    int was_kept; /* a response by it has been verified for this issuer */
} staple_signer_t;

/*
 * The certificate of an issuer's last delegate.  Nearly every response of a CA
 * brings the same one, and OpenSSL 3.0 takes as long to decode a public key as
 * to verify a signature.  So, of a delegate that is kept, neither its key is
 * decoded nor its signature verified again: the bytes are the same to the last,
 * signature included, and its digest, key and times are judged anew for each
 * response.  It changes behind an issuer that is otherwise read-only;
 * one atomic exchange takes it out and puts it back, so that any number of
 * threads may use it at once: a thread that finds it taken does without.
 */
typedef struct staple_signers_t staple_signers_t;

/* None so far.  Destroying p frees what was kept. */
staple_signers_t *staple_signer_none(apr_pool_t *p);

/* Is it this certificate that the responderID of `basic` names (RFC 6960
 * 4.2.1), by its subject or by the SHA-1 of its key? */
int staple_signer_is_named(const OCSP_BASICRESP *basic, X509 *x509);

/*
 * Finds the certificates that the responderID names in `certs`, the contents of
 * a SEQUENCE OF Certificate, in their order; nothing is decoded but names.
 * STAPLE_MALFORMED where it is no such thing; STAPLE_TOO_MANY_SIGNERS where
 * there are more than STAPLE_SIGNER_MOST of them.
 */
staple_reason_e staple_signer_find(staple_der_t found[STAPLE_SIGNER_MOST],
                                   unsigned *count, staple_der_t certs,
                                   const OCSP_BASICRESP *basic);

/*
 * Takes one of these: `issuer` signed it, it is parsed, and of the forms that
 * can be given to it without the issuer's key it has a fixed one.  Nothing of
 * it is decoded before its signature has been verified, and its key is of a
 * kind and size that is worth decoding (staple_der_check_key()).  Of what
 * `signers` keeps the parsed certificate is used, if the bytes are the same.
 *
 * On STAPLE_OK *signer is set, for staple_signer_free().  STAPLE_WEAK_KEY,
 * STAPLE_WEAK_SIGNATURE (SHA-1 is taken if `sha1_will_do`), STAPLE_NO_MEMORY,
 * or STAPLE_SIGNER_NOT_AUTHORISED for everything else.
 */
staple_reason_e staple_signer_take(staple_signer_t *signer,
                                   staple_signers_t *signers,
                                   staple_der_t certificate, X509 *issuer,
                                   int sha1_will_do);

/* Keeps a signer of a response that was verified, for those to come.  Does
 * nothing without memory. */
void staple_signer_keep(staple_signers_t *signers,
                        const staple_signer_t *signer);

void staple_signer_free(staple_signer_t *signer);

#endif
