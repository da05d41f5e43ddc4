/* CRLs made on the spot by OpenSSL, and taken apart to be made wrong. */
#ifndef MAKE_CRL_H
#define MAKE_CRL_H

#include "make_ocsp.h"
#include "crl/staple_crl_verdict.h"

/* As in make_ocsp.h: what fails ends the program, memory belongs to the pool,
 * and the present is MAKE_NOW. */

/* One entry; an empty serial ends a list of them. */
typedef struct make_entry_t {
    const char *serial;     /* hexadecimal */
    apr_int64_t revoked_at; /* seconds; MAKE_NOW - a day */
    const char *reason;     /* decimal; NULL: none */
    const char *extension;  /* its OID; NULL: none */
    int critical;
    const void *data;       /* the extension's value; NULL: 05 00 */
    apr_size_t data_len;
} make_entry_t;

#define MAKE_ENTRIES 8

/* The knobs of one list; zero gives the usual. */
typedef struct make_crl_t {
    make_identity_t signer;
    X509 *named;              /* whose name it has; NULL: the signer's */
    int is_v1;                /* and so without extensions */
    apr_int64_t this_update;  /* seconds; MAKE_NOW - an hour */
    apr_int64_t next_update;  /* seconds; a week later; -1: none */
    const char *number;       /* hexadecimal; NULL: 10; "": none */
    const char *base;         /* of a delta; NULL: it is none */
    const char *conf;         /* more extensions, as [ext] of openssl.cnf */
    const char *extension;    /* one more: its OID */
    int critical;
    make_entry_t entries[MAKE_ENTRIES];
    const EVP_MD *digest;     /* NULL: SHA-256, or what the key wants */
    int pss;                  /* RSASSA-PSS; for RSA keys */
    const EVP_MD *mask;       /* its mask's digest; NULL: the same */
} make_crl_t;

make_der_t make_crl(apr_pool_t *p, const make_crl_t *knobs);

/* Elements of a list that has them all, in their order: the whole of each. */
enum {
    MAKE_CRL_VERSION,
    MAKE_CRL_ALGORITHM,
    MAKE_CRL_ISSUER,
    MAKE_CRL_THIS_UPDATE,
    MAKE_CRL_NEXT_UPDATE,
    MAKE_CRL_ENTRIES,
    MAKE_CRL_EXTENSIONS,
    MAKE_CRL_PARTS
};

/* tbsCertList's elements; one of no length is left out by make_crl_join(). */
void make_crl_split(make_der_t parts[MAKE_CRL_PARTS], apr_pool_t *p,
                    make_der_t list);

/* The list of these, signed anew with ECDSA and SHA-256. */
make_der_t make_crl_join(apr_pool_t *p,
                         const make_der_t parts[MAKE_CRL_PARTS],
                         const make_identity_t *signer);

/* Bytes that the caller gives as hexadecimal; spaces are left out. */
make_der_t make_hex(apr_pool_t *p, const char *hex);

/* A certificate with extensions as [ext] of openssl.cnf has them, beside those
 * of the knobs. */
make_identity_t make_crl_cert(apr_pool_t *p, const make_cert_t *knobs,
                              const char *conf);

/* As CRLs see it; it must be accepted. */
const staple_crl_cert_t *make_staple_crl_cert(apr_pool_t *p, X509 *x509,
                                              X509 *issuer);

/* Reads a list and checks it; *crl is set where it could be read, else NULL. */
staple_reason_e make_checked_by(staple_crl_t **crl, apr_pool_t *p,
                                make_der_t list,
                                const staple_crl_whose_t *whose,
                                const staple_crl_mark_t *held);

/* The same for these certificates (NULL ends them), of one issuer. */
staple_reason_e make_checked(staple_crl_t **crl, apr_pool_t *p, make_der_t list,
                             const staple_crl_cert_t *const *certs);

#endif
