/* A response as a file has it: DER, or that in PEM or base64. */
#include "staple_armour.h"

#include <string.h>

#include "base/staple_openssl.h"

#define DER_BEGINS 0x30    /* SEQUENCE; no text of base64 begins so ... */
#define BASE64_BEGINS 'M'  /* ... but as this, which has its first six bits */

static const unsigned char *find(const unsigned char *bytes, apr_size_t len,
                                 const char *text)
{
    return memmem(bytes, len, text, strlen(text));
}

/* The base64 of a PEM text, or all there is. */
static const unsigned char *find_body(apr_size_t *body_len,
                                      const unsigned char *bytes,
                                      apr_size_t len)
{
    static const char begin[] = "-----BEGIN OCSP RESPONSE-----";
    static const char end[] = "-----END OCSP RESPONSE-----";
    const unsigned char *body = find(bytes, len, begin), *behind;

    if (body == NULL) {
        *body_len = len;
        return bytes;
    }
    body += sizeof(begin) - 1;
    behind = find(body, len - (apr_size_t)(body - bytes), end);
    *body_len = behind != NULL ? (apr_size_t)(behind - body) : 0;
    return body;
}

apr_size_t staple_armour_remove(unsigned char *bytes, apr_size_t len)
{
    apr_size_t body_len = 0, i = 0;
    EVP_ENCODE_CTX *context = NULL;
    unsigned char *der = NULL;
    const unsigned char *body;
    int count = -1, last = 0;

    if (len == 0 || bytes[0] == DER_BEGINS || len > STAPLE_ARMOUR_MAX) {
        return len;
    }
    body = find_body(&body_len, bytes, len);
    while (i < body_len && strchr(" \t\r\n", body[i]) != NULL
           && body[i] != '\0') {
        i++;
    }
    if (i == body_len || body[i] != BASE64_BEGINS) {
        return len;
    }
    STAPLE_OPENSSL_ENTER();
    context = EVP_ENCODE_CTX_new();
    der = OPENSSL_malloc(body_len);
    if (context != NULL && der != NULL) {
        EVP_DecodeInit(context);
        if (EVP_DecodeUpdate(context, der, &count, body, (int)body_len) < 0
            || EVP_DecodeFinal(context, der + count, &last) < 0) {
            count = -1;
        }
    }
    if (count >= 0) {
        len = (apr_size_t)(count + last);
        memcpy(bytes, der, len);
    }
    OPENSSL_free(der);
    EVP_ENCODE_CTX_free(context);
    STAPLE_OPENSSL_LEAVE();
    return len;
}
