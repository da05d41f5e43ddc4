/* Certificates and OCSP responses made on the spot, every knob at hand. */
#ifndef MAKE_OCSP_H
#define MAKE_OCSP_H

#include "make_der.h"
#include "ocsp/staple_cert.h"

/*
 * Whatever fails in here ends the program: a test cannot go on without its
 * material.  All memory belongs to the pool given.  No clock is read: the
 * present is MAKE_NOW.
 */

/* Tuesday, 14 November 2023 22:13:20 UTC, in seconds. */
#define MAKE_NOW  ((apr_int64_t)1700000000)
#define MAKE_HOUR ((apr_int64_t)3600)
#define MAKE_DAY  ((apr_int64_t)86400)

/* A certificate and its private key. */
typedef struct make_identity_t {
    X509 *x509;
    EVP_PKEY *key;
} make_identity_t;

/* The knobs of one certificate; zero gives the usual. */
typedef struct make_cert_t {
    const char *name;              /* common name */
    const make_identity_t *issuer; /* NULL: it signs itself */
    X509 *issuer_name;             /* names this one's subject instead */
    EVP_PKEY *key;                 /* NULL: a new one on P-256 */
    const char *serial;            /* hexadecimal, '-' allowed; "1001" */
    apr_int64_t not_before;        /* seconds; MAKE_NOW - 10 years */
    apr_int64_t not_after;         /* seconds; MAKE_NOW + 10 years */
    const char *const *urls;       /* OCSP URLs of the AIA, NULL-terminated */
    int is_ca;
    int must_staple;
    const char *usage;             /* extendedKeyUsage, as openssl.cnf has it */
    const EVP_MD *digest;          /* of the signature; NULL: SHA-256 */
    int pss;                       /* it is RSASSA-PSS; for RSA keys */
    int key_ids;                   /* says which key it and its issuer have */
    apr_size_t subject_bytes;      /* of padding in the subject */
    const char *organisation;      /* UTF-8 */
} make_cert_t;

/* A small hierarchy and what this project makes of its leaf. */
typedef struct make_pki_t {
    make_identity_t root;     /* self-signed */
    make_identity_t issuer;   /* an intermediate that root certified */
    make_identity_t leaf;     /* issuer certified it */
    make_identity_t sibling;  /* another leaf of issuer */
    make_identity_t delegate; /* issuer certified it, with OCSPSigning */
    make_identity_t plain;    /* issuer certified it, without */
    make_identity_t other;    /* another intermediate that root certified */
    make_identity_t stranger; /* other certified it, with OCSPSigning */
    staple_issuers_t *issuers;
    staple_cert_t *cert;      /* of leaf */
} make_pki_t;

/* One SingleResponse. */
typedef struct make_single_t {
    X509 *leaf;
    X509 *issuer;
    const EVP_MD *digest;     /* of the CertID; NULL: SHA-1 */
    int flip_name;            /* spoils issuerNameHash */
    int flip_key;             /* spoils issuerKeyHash */
    int status;               /* V_OCSP_CERTSTATUS_... */
    int reason;               /* CRLReason, -1: none */
    apr_int64_t revoked_at;   /* seconds */
    apr_int64_t this_update;  /* seconds */
    apr_int64_t next_update;  /* seconds; 0: none */
    const char *revoked_text; /* the times as they stand, instead */
    const char *this_text;
    const char *next_text;
    const char *extension;    /* its OID */
    int critical;
} make_single_t;

#define MAKE_SINGLES 4
#define MAKE_EMBEDS  4

/* One response. */
typedef struct make_response_t {
    unsigned count;
    make_single_t singles[MAKE_SINGLES];
    make_identity_t signer;
    int by_key;                 /* names the signer by its key's hash */
    X509 *embed[MAKE_EMBEDS];   /* certificates that it carries */
    const EVP_MD *digest;       /* of the signature; NULL: SHA-256 */
    int pss;                    /* RSASSA-PSS; for RSA keys */
    apr_int64_t produced_at;    /* seconds */
    const char *produced_text;
    const unsigned char *nonce; /* NULL: none */
    apr_size_t nonce_len;
    const char *extension;      /* its OID */
    apr_size_t extension_bytes; /* of its value */
    const void *extension_data; /* the value; NULL: zeroes */
    int critical;
    int status;                 /* OCSPResponseStatus */
    const char *type;           /* OID; NULL: id-pkix-ocsp-basic */
    apr_size_t trailing_inner;  /* bytes after the BasicOCSPResponse, */
    apr_size_t trailing_outer;  /* after everything */
} make_response_t;

/* APR and a root pool; make_end() takes both down. */
apr_pool_t *make_begin(void);
void make_end(apr_pool_t *p);

EVP_PKEY *make_key(apr_pool_t *p);
EVP_PKEY *make_rsa_key(apr_pool_t *p);
EVP_PKEY *make_rsa_key_of(apr_pool_t *p, unsigned bits);
EVP_PKEY *make_other_key(apr_pool_t *p, int type); /* EVP_PKEY_... */

make_identity_t make_cert(apr_pool_t *p, const make_cert_t *knobs);

/* The certificates as PEM, in this order; `second` may be NULL. */
const char *make_pem(apr_pool_t *p, X509 *first, X509 *second);

/* The project's view of a certificate; it must be accepted. */
staple_cert_t *make_staple_cert(apr_pool_t *p, staple_issuers_t *issuers,
                                X509 *leaf, X509 *issuer);

make_pki_t *make_pki(apr_pool_t *p);

/* Knobs of a response that is right in every way: good, SHA-1 CertID, from an
 * hour ago for a week, signed by the delegate, which it carries. */
make_response_t make_good(const make_pki_t *pki);

make_der_t make_response(apr_pool_t *p, const make_response_t *knobs);

/* An OCSPResponse that has a status and nothing else (RFC 6960 4.2.1). */
make_der_t make_error(apr_pool_t *p, unsigned char status);

#endif
