/* The fixed certificates and keys of the fuzz targets and their seeds. */
#ifndef FUZZ_PKI_H
#define FUZZ_PKI_H

#include "../unit/make_ocsp.h"
#include "ocsp/staple_verify.h"

/* The hierarchy of make_pki(), always the same one; in pool p. */
make_pki_t *fuzz_pki_load(apr_pool_t *p);

/* Shows the certificate's issuer, which a pool owns, to LeakSanitizer. */
void fuzz_pki_hold(const staple_cert_t *cert);

/* The verdict of who has seen the response `before` and no other, or none at
 * all (NULL).  Keeps nothing. */
staple_reason_e fuzz_pki_judge(staple_verdict_t *verdict,
                               const staple_cert_t *cert,
                               const make_der_t *before,
                               const unsigned char *der, apr_size_t der_len,
                               const unsigned char *nonce,
                               const staple_policy_t *policy, apr_time_t now);

/* The identities of a hierarchy, in the order of fuzz_pki_pem.h. */
#define FUZZ_PKI_COUNT 8
make_identity_t *fuzz_pki_identity(make_pki_t *pki, unsigned number);

/* Prints text as string literals, a line each. */
void fuzz_pki_print_lines(const char *text);

/* Prints a hierarchy as fuzz_pki_pem.h. */
void fuzz_pki_print(make_pki_t *pki);

#endif
