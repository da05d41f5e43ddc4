/* DER by hand: responses taken apart, changed, and put together again. */
#ifndef MAKE_DER_H
#define MAKE_DER_H

#include <apr_pools.h>

#include "base/staple_openssl.h"

/* Whatever fails in here ends the program; all memory belongs to the pool. */

/* The bytes of something encoded. */
typedef struct make_der_t {
    unsigned char *bytes;
    apr_size_t len;
} make_der_t;

/* An element of DER: tag, length, contents; an OBJECT IDENTIFIER. */
make_der_t make_wrap(apr_pool_t *p, unsigned char tag, make_der_t contents);
make_der_t make_oid(apr_pool_t *p, const char *oid);

/* All of them, one after the other; ends at bytes == NULL. */
make_der_t make_join(apr_pool_t *p, const make_der_t *parts);

/* The element of DER that is child `n`, from 0, of this one; bytes == NULL
 * where there is none.  The contents of one.  They lie where it does. */
make_der_t make_child(make_der_t parent, unsigned n);
make_der_t make_contents(make_der_t element);

/* A response taken apart, and put together again. */
typedef struct make_parts_t {
    make_der_t tbs;       /* tbsResponseData */
    make_der_t algorithm; /* of the signature */
    make_der_t signature; /* a BIT STRING */
    make_der_t certs;     /* certificates, one after the other */
} make_parts_t;

make_parts_t make_take_apart(make_der_t response);
make_der_t make_put_together(apr_pool_t *p, const make_parts_t *parts);

/* Any element, signed with a key on P-256, without certificates. */
make_parts_t make_signed(apr_pool_t *p, make_der_t tbs, EVP_PKEY *key);

/* A certificate's DER. */
make_der_t make_x509_der(apr_pool_t *p, X509 *x509);

/* ECDSA's (r, n - s) for (r, s), in a BIT STRING; P-256. */
make_der_t make_other_s(apr_pool_t *p, make_der_t signature);

/* Is it, of the two ECDSA signatures that are right, the one that would be
 * published?  Of other kinds there is but one. */
int make_is_settled(const ASN1_BIT_STRING *signature, const EVP_PKEY *key);

/* Bytes that begin with `len` others, with `extra` zeroes behind them. */
make_der_t make_longer(apr_pool_t *p, make_der_t der, apr_size_t extra);

#endif
