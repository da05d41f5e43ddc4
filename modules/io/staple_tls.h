/* Chains of https responders: looked at before OpenSSL decodes them. */
#ifndef STAPLE_TLS_H
#define STAPLE_TLS_H

#include <curl/curl.h>

/*
 * A client decodes every certificate of a chain before it verifies any, and
 * there are keys that cost a thousand times what the usual ones do.  So a
 * chain must be of at most 16 KiB and of at most 8 certificates, with keys that
 * may be decoded (staple_der_check_key()); otherwise the handshake fails.
 */

/* Can they be looked at?  Only where libcurl's TLS is the OpenSSL that this is
 * linked with.  After curl_global_init(). */
int staple_tls_can_limit(void);

/* For CURLOPT_SSL_CTX_FUNCTION, where staple_tls_can_limit().  What goes with
 * it, CURLOPT_SSL_CTX_DATA, is an int that becomes 1 when a chain was refused;
 * it must live as long as the connections that this handle makes. */
CURLcode staple_tls_limit(CURL *easy, void *ssl_ctx, void *is_refused);

#endif
