/* DER <-> OCSP response: what is signed is parsed, all else is left alone. */
#ifndef STAPLE_RESPONSE_H
#define STAPLE_RESPONSE_H

#include "staple_der.h"
#include "base/staple_openssl.h"
#include "staple_signature.h"
#include "base/staple_types.h"

/*
 * A basic response (RFC 6960 4.2.1) and where its parts are in the bytes that
 * it was parsed from, which must stay where they are.
 */
typedef struct staple_response_t {
    OCSP_BASICRESP *basic;  /* tbsResponseData decoded, no certificates; NULL:
                               nothing is held */
    staple_der_t tbs;       /* tbsResponseData, a whole element */
    staple_der_t algorithm; /* of the signature, a whole element */
    staple_der_t signature; /* contents of the BIT STRING */
    staple_der_t certs;     /* contents of the SEQUENCE OF; empty: none */
} staple_response_t;

/*
 * Takes all of `der` apart: a successful, basic response of version 1 and of at
 * most STAPLE_MAX_RESPONSE bytes, in DER, whose tbsResponseData OpenSSL encodes
 * back to the very bytes received, as those are what its clients verify.  No
 * certificate is decoded.  Ask for staple_response_free() in either case.  Adds
 * to OpenSSL's error queue.
 */
staple_reason_e staple_response_parse(staple_response_t *response,
                                      const unsigned char *der,
                                      apr_size_t der_len);

/*
 * Puts a response together: tbsResponseData as received, and around it what
 * is made here: `signature`, in its form with the signer's key, and the
 * certificate `cert`, a whole element, or none where it is empty.  Returns 1
 * and *der, for OPENSSL_free(), with *der_len bytes; 0 without memory.
 */
int staple_response_compose(unsigned char **der, apr_size_t *der_len,
                            const staple_response_t *response,
                            const staple_signature_t *signature,
                            staple_der_t cert);

void staple_response_free(staple_response_t *response);

#endif
