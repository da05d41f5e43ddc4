/* PEM of leaf and issuer -> key, CertID, responder URLs, names, notAfter. */
#ifndef STAPLE_CERT_H
#define STAPLE_CERT_H

#include <apr_hash.h>
#include <apr_pools.h>

#include "base/staple_openssl.h"
#include "staple_signer.h"
#include "base/staple_types.h"

/* An issuer certificate, one object however many certificates it issued. */
typedef struct staple_issuer_t {
    X509 *x509;          /* owned by the pool of the table; NULL where only
                            the name is known */
    const char *subject; /* RFC 2253, printable ASCII only */
    unsigned char sha256[32];
    staple_signers_t *signers; /* of responses about what it issued */
} staple_issuer_t;

/* The issuers seen so far: SHA-256 of the DER -> staple_issuer_t.  To parse
 * the same PEM text for each of ten thousand leaves takes longer than all
 * else, so that is done once. */
typedef struct staple_issuers_t {
    apr_pool_t *pool;
    apr_hash_t *by_digest;
    apr_hash_t *by_text; /* PEM -> the same */
} staple_issuers_t;

/*
 * What is kept of one certificate.  Small on purpose: ten thousand of them
 * live in every process.  Set while configuring, read-only afterwards.
 */
typedef struct staple_cert_t {
    staple_key_t key;
    unsigned char sha256[32]; /* of the DER */
    const staple_issuer_t *issuer;
    const unsigned char *certid; /* OCSP CertID with SHA-1, DER */
    unsigned short certid_len;
    unsigned short url_count;         /* at most STAPLE_MAX_AIA_URLS */
    unsigned short refused_url_count; /* AIA URLs that were not taken */
    unsigned short must_staple;       /* RFC 7633 status_request */
    const char *const *urls;          /* OCSP URLs in the order of the AIA */
    const char *subject;              /* RFC 2253, printable ASCII only */
    const char *serial;               /* hexadecimal, '-' before negative */
    const char *key_type;             /* "RSA", "ECDSA", "Ed25519" ... */
    apr_time_t not_before, not_after;
} staple_cert_t;

/* How long a certificate is new: its responder may not know it for the first
 * 15 minutes (CA/Browser Forum, Baseline Requirements 4.9.9), and some need
 * longer. */
#define STAPLE_CERT_NEW apr_time_from_sec(3600)

/* Is it new at `now`?  One of the far future (of a clock that is wrong) is
 * not. */
static inline int staple_cert_is_new(const staple_cert_t *cert, apr_time_t now)
{
    return now < cert->not_before + STAPLE_CERT_NEW
           && now > cert->not_before - STAPLE_CERT_NEW;
}

/* An empty table of issuers in pool p; destroying p frees the issuers. */
staple_issuers_t *staple_cert_issuers_make(apr_pool_t *p);

/*
 * Reads the first two certificates of `pem`: the leaf and its issuer.  On
 * STAPLE_OK *cert is allocated from p; p must not outlive the pool of
 * `issuers`.  Refuses what cannot be read, a self-signed certificate, an
 * issuer that is not the leaf's (by name: CertIDs built from a wrong one
 * would be answered about another certificate), and a leaf without a
 * responder URL that staple_parse_url() accepts unless `url_needed` is 0.
 * The issuer's signature is not verified: that would take longer than all else,
 * ten thousand times at a start, and an issuer that is the wrong one does harm
 * to this certificate alone.  Where another virtual host names another issuer,
 * staple_cert_is_signed() tells which is right.
 * For the parent while configuring, and for tools; reads no clock.
 */
staple_reason_e staple_cert_make(staple_cert_t **cert, apr_pool_t *p,
                                 staple_issuers_t *issuers, const char *pem,
                                 apr_size_t pem_len, int url_needed);

/* The issuer in the table that staple_cert_make() would take for the leaf of
 * `pem`; NULL: there is none. */
const staple_issuer_t *staple_cert_issuer(staple_issuers_t *issuers,
                                          const char *pem, apr_size_t pem_len);

/* Has `issuer` signed the first certificate of `pem`? */
int staple_cert_is_signed(const char *pem, apr_size_t pem_len,
                          const staple_issuer_t *issuer);

/* Has `issuer` issued `x509`: by names, by key ids where they have them, and by
 * signature?  Not where they are the same. */
int staple_cert_has_issued(X509 *issuer, X509 *x509);

/* The same as staple_cert_make() from certificates that were parsed already,
 * and the issuer's signature is verified; the table takes its own reference to
 * the issuer. */
staple_reason_e staple_cert_from_x509(staple_cert_t **cert, apr_pool_t *p,
                                      staple_issuers_t *issuers, X509 *leaf,
                                      X509 *issuer, int url_needed);

/*
 * What a certificate says of itself that is never refreshed, for the status
 * page.  It has no CertID, and its issuer is a name without certificate.
 */
staple_reason_e staple_cert_describe(staple_cert_t **cert, apr_pool_t *p,
                                     X509 *x509);

/* The certificate's key: SHA-1 of its DER.  Returns 1, or 0 without memory. */
int staple_cert_key(staple_key_t *key, X509 *x509);

/* Does it have the TLS feature status_request (RFC 7633)?  Its clients then
 * refuse handshakes without a staple. */
int staple_cert_must_staple(X509 *x509);

/* A name on one line, RFC 2253, everything but printable ASCII escaped. */
const char *staple_cert_name(apr_pool_t *p, const X509_NAME *name);

/* Seconds of an ASN1_TIME as apr_time_t.  Returns 0 where it cannot be read.
 * Dates outside what apr_time_t can hold are clamped. */
int staple_cert_time(apr_time_t *at, const ASN1_TIME *time);

#endif
