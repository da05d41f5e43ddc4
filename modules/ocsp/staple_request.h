/* Certificate -> OCSP request in DER, and the GET URL for it. */
#ifndef STAPLE_REQUEST_H
#define STAPLE_REQUEST_H

#include "staple_cert.h"

/* Room for any URL that staple_request_get_url() makes, NUL included. */
#define STAPLE_REQUEST_URL_SIZE (STAPLE_MAX_URL + 1 + STAPLE_MAX_GET + 1)

/*
 * Writes the request for one certificate (RFC 6960 4.1.1) to `der`, of
 * STAPLE_MAX_REQUEST bytes, and its length to *len.  The certificate is named
 * by SHA-1, or by SHA-256 where `by_sha256` (RFC 9919).  `nonce` is NULL or
 * STAPLE_NONCE_LEN bytes (RFC 9654).  Pure.
 */
staple_reason_e staple_request_make(unsigned char *der, apr_size_t *len,
                                    const staple_cert_t *cert, int by_sha256,
                                    const unsigned char *nonce);

/*
 * Writes the GET URL of RFC 6960 A.1 for a request: base64, then URL-escaped,
 * after the responder's URL with exactly one slash between (double slashes
 * took responders down in May 2017).  `buf` has STAPLE_REQUEST_URL_SIZE
 * bytes.  STAPLE_REQUEST_TOO_LARGE where RFC 5019 5 wants POST,
 * STAPLE_URL_QUERY for a responder URL that nothing can be appended to.
 */
staple_reason_e staple_request_get_url(char *buf, const char *responder_url,
                                       const unsigned char *der,
                                       apr_size_t len);

#endif
