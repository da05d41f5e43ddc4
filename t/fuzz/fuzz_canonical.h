/* Responses that are right, of several kinds, always the same ones. */
#ifndef FUZZ_CANONICAL_H
#define FUZZ_CANONICAL_H

#include "../unit/make_ocsp.h"
#include "ocsp/staple_verify.h"

/* A response and the certificate that it is about. */
typedef struct fuzz_canonical_t {
    staple_cert_t *cert;
    make_der_t der;
    make_parts_t parts; /* of it */
} fuzz_canonical_t;

#define FUZZ_CANONICAL_COUNT 6

/* Response `number` of fuzz_canonical_pem.h; in pool p. */
fuzz_canonical_t fuzz_canonical_load(apr_pool_t *p, unsigned number);

/* Makes new ones and prints them as fuzz_canonical_pem.h. */
void fuzz_canonical_print(apr_pool_t *p);

#endif
