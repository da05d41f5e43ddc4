/* A stapled response -> the status it gives, or what is wrong with it. */
#ifndef HS_JUDGE_H
#define HS_JUDGE_H

#include <openssl/ssl.h>
#include <time.h>

/*
 * good, revoked, unknown, or a response status such as tryLater.  With
 * `trusted` (issuers or roots), the response is verified for the peer's
 * certificate of `ssl` at this time; "invalid:REASON" where that fails.
 * `trusted` is NULL: what the response says is repeated.  A static text.
 * Only what had ended when the handshake began, at `began_at`, has expired: no
 * server knows how long it will last.
 */
const char *hs_judge(SSL *ssl, const unsigned char *der, long len,
                     STACK_OF(X509) * trusted, time_t began_at);

#endif
