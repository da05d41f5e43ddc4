/* What CRLs hold in DER: extensions and times, read strictly. */
#ifndef STAPLE_CRL_DER_H
#define STAPLE_CRL_DER_H

#include <apr_time.h>

#include "ocsp/staple_der.h"

/* One Extension of RFC 5280 4.1. */
typedef struct staple_crl_der_extension_t {
    staple_der_t oid;   /* contents */
    staple_der_t value; /* what the OCTET STRING holds */
    int is_critical;
} staple_crl_der_extension_t;

/* Takes one off a list of them; 0 where there is none, or none in DER, which
 * leaves out a default: `critical` is TRUE where it is there at all. */
int staple_crl_der_extension(staple_der_t *in,
                             staple_crl_der_extension_t *extension);

/* The last octet of an OID of id-ce (2.5.29.x); -1: it is none. */
int staple_crl_der_id_ce(staple_der_t oid);

/* Reads the UTCTime or GeneralizedTime whose tag and contents these are, in
 * the forms of RFC 5280 4.1.2.5: in UTC, with seconds, without fractions.
 * Returns 1 and sets *at, or 0. */
int staple_crl_der_time(apr_time_t *at, unsigned char tag,
                        staple_der_t contents);

#endif
