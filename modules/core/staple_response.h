/* DER -> OCSP response; certificates that came before are not parsed again. */
#ifndef STAPLE_RESPONSE_H
#define STAPLE_RESPONSE_H

#include <apr_pools.h>

#include "staple_openssl.h"
#include "staple_types.h"

/* One response, parsed.  Both NULL: nothing is held. */
typedef struct staple_response_t {
    OCSP_RESPONSE *outer;
    OCSP_BASICRESP *basic;
} staple_response_t;

/*
 * The certificates that came with the last verified response of an issuer.
 * Nearly every response of a CA brings the same one, of its delegate, and
 * OpenSSL 3.0 takes as long to decode a public key as to verify a signature.
 * May be used by any number of threads at once.
 */
typedef struct staple_signers_t staple_signers_t;

/* None so far.  Destroying p frees what was kept. */
staple_signers_t *staple_response_signers_make(apr_pool_t *p);

/*
 * Parses all of `der` (RFC 6960 4.2.1): a successful, basic response of at most
 * STAPLE_MAX_RESPONSE bytes that encodes back to the very bytes received.  Ask
 * for staple_response_free() in either case.  Adds to OpenSSL's error queue.
 */
staple_reason_e staple_response_parse(staple_response_t *response,
                                      staple_signers_t *signers,
                                      const unsigned char *der,
                                      apr_size_t der_len);

/* Keeps the certificates of a response that was parsed from `der` and verified,
 * for those to come.  Does nothing without memory. */
void staple_response_keep(const staple_response_t *response,
                          staple_signers_t *signers, const unsigned char *der,
                          apr_size_t der_len);

void staple_response_free(staple_response_t *response);

#endif
