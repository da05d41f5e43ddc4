/* The only place that asks which OpenSSL this is, and small helpers on it. */
#ifndef STAPLE_OPENSSL_H
#define STAPLE_OPENSSL_H

#include <openssl/opensslv.h>
#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "OpenSSL 3.0 or newer is needed"
#endif

#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* mod_ssl uses the same threads' error queues: whatever is called between
 * these two leaves the queue as it was found. */
#define STAPLE_OPENSSL_ENTER() ERR_set_mark()
#define STAPLE_OPENSSL_LEAVE() ERR_pop_to_mark()

/* Can a handshake of TLS 1.3 carry a staple for each certificate, as far as the
 * OpenSSL goes that this is built with? */
#define STAPLE_OPENSSL_CHAIN_VERSION 0x30600000L
#define STAPLE_OPENSSL_CHAIN                                                   \
    (OPENSSL_VERSION_NUMBER >= STAPLE_OPENSSL_CHAIN_VERSION)

/* And that this runs with? */
static inline int staple_openssl_has_chain(void)
{
    return STAPLE_OPENSSL_CHAIN
           && OpenSSL_version_num() >= STAPLE_OPENSSL_CHAIN_VERSION;
}

/* Between the two, after something failed: was it for want of memory?  The
 * first error tells, if `before`, what ERR_peek_error() said at the beginning,
 * was none. */
static inline int staple_openssl_no_memory(unsigned long before)
{
    return before == 0
           && ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
}

#endif
