/* Material that costs OpenSSL much to decode, made on the spot. */
#ifndef MAKE_HOSTILE_H
#define MAKE_HOSTILE_H

#include "make_ocsp.h"

/*
 * A SubjectPublicKeyInfo on a curve whose parameters stand in it: its field is
 * the prime 3 * 2^534 + 1, in which OpenSSL takes a tenth of a second and more
 * to find the square root that a compressed point wants.  460 bytes.
 */
make_der_t make_hostile_key(apr_pool_t *p);

/* The certificate with this key (SubjectPublicKeyInfo) instead of its own,
 * signed with the issuer's key, on P-256; NULL: the old signature stays, and is
 * wrong. */
make_der_t make_with_key(apr_pool_t *p, X509 *x509, make_der_t key,
                         EVP_PKEY *issuer_key);

/* Seconds of processor time that this process has taken. */
double make_cpu_seconds(void);

/* How much slower than usual this program is: sanitizers, valgrind. */
double make_slowness(void);

#endif
