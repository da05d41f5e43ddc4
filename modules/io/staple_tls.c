/* Chains of https responders: looked at before OpenSSL decodes them. */
#include "staple_tls.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <string.h>

#include "ocsp/staple_der.h"

#define LARGEST_CHAIN 16384 /* bytes of a Certificate message */
#define LONGEST_CHAIN 8     /* certificates */

#define HEAD 4 /* type and length of a handshake message (RFC 8446 4) */

/* CompressedCertificate of RFC 8879 4, which older headers do not have. */
#define COMPRESSED_CERTIFICATE 25

int staple_tls_can_limit(void)
{
    static const char name[] = "OpenSSL/";
    const char *theirs = curl_version_info(CURLVERSION_NOW)->ssl_version;
    const char *own = OpenSSL_version(OPENSSL_VERSION_STRING);
    size_t len = strlen(own);

    if (theirs == NULL || strncmp(theirs, name, sizeof(name) - 1) != 0) {
        return 0;
    }
    theirs += sizeof(name) - 1;
    return strncmp(theirs, own, len) == 0
           && (theirs[len] == '\0' || theirs[len] == ' ');
}

/* ---- the message ---- */

/* Takes a vector with a length of `octets` off *rest (RFC 8446 3.4). */
static int take(staple_der_t *vector, staple_der_t *rest, unsigned octets)
{
    apr_size_t len = 0;
    unsigned i;

    if (rest->len < octets) {
        return 0;
    }
    for (i = 0; i < octets; i++) {
        len = len << 8 | rest->at[i];
    }
    if (rest->len - octets < len) {
        return 0;
    }
    *vector = (staple_der_t){rest->at + octets, len};
    rest->at += octets + len;
    rest->len -= octets + len;
    return 1;
}

/* The body of a Certificate message (RFC 5246 7.4.2, RFC 8446 4.4.2): may
 * OpenSSL decode all that is in it? */
static int is_modest(staple_der_t body, int is_tls_1_3)
{
    staple_der_t ignored, list, certificate;
    staple_der_cert_t places;
    unsigned count = 0;

    if ((is_tls_1_3 && !take(&ignored, &body, 1)) || !take(&list, &body, 3)
        || body.len != 0) {
        return 0;
    }
    while (list.len > 0) {
        if (++count > LONGEST_CHAIN || !take(&certificate, &list, 3)
            || (is_tls_1_3 && !take(&ignored, &list, 2))
            || !staple_der_find_cert(&places, certificate)
            || staple_der_check_key(&places) != STAPLE_OK) {
            return 0;
        }
    }
    return 1;
}

/*
 * OpenSSL shows each message when it is there as a whole, and then reads it.
 * There is no way to say no: what is asked later (X509_STORE's callbacks,
 * SSL_CTX_set_cert_verify_callback()) sees decoded certificates.  So
 * the message is spoiled where it lies, in OpenSSL's own buffer, which is
 * writable memory whatever the type here says: of lengths of 0xff octets none
 * fits, and OpenSSL ends the handshake with the alert decode_error.
 */
static void look(int is_sent, int version, int content_type, const void *bytes,
                 size_t len, SSL *ssl, void *is_refused)
{
    unsigned char *message = (unsigned char *)(uintptr_t)bytes;

    (void)version;
    if (is_sent || content_type != SSL3_RT_HANDSHAKE || len < HEAD
        || (message[0] != SSL3_MT_CERTIFICATE
            && message[0] != COMPRESSED_CERTIFICATE)) {
        return;
    }
    if (message[0] == COMPRESSED_CERTIFICATE
        || !is_modest((staple_der_t){message + HEAD, len - HEAD},
                      SSL_version(ssl) >= TLS1_3_VERSION)) {
        memset(message + HEAD, 0xff, len - HEAD);
        *(int *)is_refused = 1;
    }
}

CURLcode staple_tls_limit(CURL *easy, void *ssl_ctx, void *is_refused)
{
    SSL_CTX *ctx = ssl_ctx;

    (void)easy;
    SSL_CTX_set_max_cert_list(ctx, LARGEST_CHAIN);
#ifdef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION
    SSL_CTX_set_options(ctx, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
#endif
    SSL_CTX_set_msg_callback(ctx, look);
    SSL_CTX_set_msg_callback_arg(ctx, is_refused);
    return CURLE_OK;
}
