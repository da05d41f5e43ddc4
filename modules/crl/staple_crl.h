/* A CRL over its bytes as they are: what it says of itself, and which is newer.
 */
#ifndef STAPLE_CRL_H
#define STAPLE_CRL_H

#include <apr_pools.h>

#include "base/staple_openssl.h"
#include "base/staple_types.h"
#include "staple_crl_der.h"

/*
 * A list is never decoded as a whole.  staple_crl_read() takes apart what
 * surrounds the entries, in no more time for a million of them than for one;
 * staple_crl_check (the unit of that name) goes over them once and verifies the
 * signature; staple_crl_verdict says what follows for a certificate.
 *
 *   CertificateList (RFC 5280 5.1)
 *   +- tbsCertList ------------------------------------ crl->tbs, signed
 *   |    version, signature, issuer, thisUpdate, nextUpdate
 *   |    revokedCertificates -------------------------- crl->entries, one walk
 *   |    crlExtensions -------------------------------- small, read at once
 *   +- signatureAlgorithm
 *   +- signatureValue --------------------------------- crl->signature
 */

#define STAPLE_CRL_NUMBER_LEN 20 /* octets at most, RFC 5280 5.2.3 */

/* A CRL number. */
typedef struct staple_crl_number_t {
    int is_there;
    unsigned char octets[STAPLE_CRL_NUMBER_LEN]; /* the most significant first
                                                  */
} staple_crl_number_t;

/* What tells of two lists from one place which is newer.  To be kept with a
 * list that is held. */
typedef struct staple_crl_mark_t {
    staple_crl_number_t number;
    apr_time_t this_update;
} staple_crl_mark_t;

/* Which certificates it is about (RFC 5280 5.2.5). */
typedef enum {
    STAPLE_CRL_ALL_CERTS,
    STAPLE_CRL_USER_CERTS,
    STAPLE_CRL_CA_CERTS,
    STAPLE_CRL_ATTRIBUTE_CERTS
} staple_crl_kind_e;

/* One certificate of ours, as this list has it. */
typedef struct staple_crl_row_t {
    staple_der_t serial;
    int is_listed;
    int reason; /* CRLReason; -1: none is given */
    apr_time_t revoked_at;
} staple_crl_row_t;

typedef struct staple_crl_t {
    apr_pool_t *pool;

    /* In the bytes that were given: for staple_crl_check alone. */
    staple_der_t tbs;       /* the whole element */
    staple_der_t entries;   /* one after the other; empty: none */
    staple_der_t algorithm; /* the whole element */
    staple_der_t signature; /* the contents of the BIT STRING */

    /* In the pool. */
    const X509_NAME *issuer;
    staple_der_t key_id;   /* authorityKeyIdentifier, DER; empty: none */
    staple_der_t point;    /* issuingDistributionPoint, DER; empty: none */
    staple_der_t names;    /* of that point; empty: it has none */
    staple_der_t freshest; /* where deltas are (5.2.6), DER; empty: none */

    apr_size_t bytes;
    int is_v2;    /* version 1 has no extensions */
    int is_delta; /* deltaCRLIndicator (5.2.4) */
    int has_relative_name;
    staple_crl_kind_e kind;
    staple_crl_mark_t mark;
    staple_crl_number_t base_number; /* of a delta */
    apr_time_t next_update;          /* 0: it has none */

    /* Set by staple_crl_check when the list is found to be right; NULL and 0
     * before. */
    X509 *cert_issuer;         /* for whose certificates it was checked */
    X509 *signer;              /* that one, or another of its name */
    apr_time_t signer_ends_at; /* notAfter */
    apr_size_t entry_count;
    const staple_crl_row_t *rows; /* of the certificates in question, sorted */
    apr_size_t row_count;
} staple_crl_t;

/*
 * Reads what surrounds the entries of the list in these bytes, which must hold
 * it and nothing else.  On STAPLE_OK *crl is allocated from p and points into
 * the bytes; they must stay, and must not change, until staple_crl_check is
 * done with them, and are not needed any more after that.  (A file that
 * somebody may write to meanwhile is no such thing: copy it first.)
 *
 * Refused, beside what is no DER or no CertificateList (STAPLE_CRL_MALFORMED):
 * a critical extension that is not understood (STAPLE_CRL_CRITICAL), an
 * indirect list (STAPLE_CRL_INDIRECT), one for some reasons only
 * (STAPLE_CRL_SOME_REASONS), a nextUpdate before thisUpdate
 * (STAPLE_CRL_BAD_TIMES).  Nothing is verified by this.  Leaves OpenSSL's error
 * queue as it was.
 */
staple_reason_e staple_crl_read(staple_crl_t **crl, apr_pool_t *p,
                                const unsigned char *der, apr_size_t der_len);

/* Lists are DER (RFC 2585 3), but openssl writes PEM: the DER that is in it, to
 * be freed with OPENSSL_free(), and its length; NULL, and *len as it was, where
 * it is none. */
unsigned char *staple_crl_from_pem(apr_size_t *len, const unsigned char *bytes,
                                   apr_size_t bytes_len);

/*
 * Is it of `now` (RFC 5280 5.1.2.4, 5.1.2.5), and its signer's certificate
 * still valid, if it was checked?  *use_until is the earliest of nextUpdate and
 * the signer's notAfter.  RFC 5280 wants a nextUpdate; a list without is taken
 * as an OCSP response without one is: until thisUpdate + max_age.
 */
staple_reason_e staple_crl_times(apr_time_t *use_until, const staple_crl_t *crl,
                                 const staple_policy_t *policy, apr_time_t now);

/* Below, at or above zero, as the first number is below, equal to or above the
 * second.  Both must be there. */
int staple_crl_number_cmp(const staple_crl_number_t *one,
                          const staple_crl_number_t *other);

/* Below, at or above zero, as the first list is older, as old or newer: by
 * their numbers, and where these are equal or missing by thisUpdate. */
int staple_crl_mark_cmp(const staple_crl_mark_t *one,
                        const staple_crl_mark_t *other);

/* The number in upper-case hexadecimal without leading zeros; "" for none. */
#define STAPLE_CRL_NUMBER_SIZE (2 * STAPLE_CRL_NUMBER_LEN + 1)
const char *staple_crl_number_text(char text[STAPLE_CRL_NUMBER_SIZE],
                                   const staple_crl_number_t *number);

#endif
