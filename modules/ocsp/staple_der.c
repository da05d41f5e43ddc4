/* Reads DER strictly, without decoding it, and puts it together again. */
#include "staple_der.h"

#include <string.h>

#include "base/staple_openssl.h"

int staple_der_is_next(const staple_der_t *rest, unsigned char identifier)
{
    return rest->len > 0 && rest->at[0] == identifier;
}

int staple_der_take(staple_der_t *contents, staple_der_t *whole,
                    staple_der_t *rest, unsigned char identifier)
{
    const unsigned char *at = rest->at;
    int tag, tag_class;
    apr_size_t head;
    long len;

    if (!staple_der_is_next(rest, identifier)
        || rest->len > APR_INT32_MAX
        /* 0x80: an error; 0x01: an indefinite length */
        || (ASN1_get_object(&at, &len, &tag, &tag_class, (long)rest->len)
            & 0x81)) {
        return 0;
    }
    head = (apr_size_t)(at - rest->at);
    if ((apr_size_t)ASN1_object_size(0, (int)len, tag)
        != head + (apr_size_t)len) {
        return 0;
    }
    if (whole != NULL) {
        *whole = (staple_der_t){rest->at, head + (apr_size_t)len};
    }
    *contents = (staple_der_t){at, (apr_size_t)len};
    rest->at = at + len;
    rest->len -= head + (apr_size_t)len;
    return 1;
}

int staple_der_take_last(staple_der_t *contents, staple_der_t *whole,
                         staple_der_t *rest, unsigned char identifier)
{
    staple_der_t after = *rest;

    if (!staple_der_take(contents, whole, &after, identifier)
        || after.len != 0) {
        return 0;
    }
    *rest = after;
    return 1;
}

int staple_der_is_same(staple_der_t one, staple_der_t other)
{
    return one.len == other.len
           && (one.len == 0 || memcmp(one.at, other.at, one.len) == 0);
}

void staple_der_begin(staple_der_out_t *out, unsigned char *bytes,
                      apr_size_t size)
{
    out->bytes = bytes;
    out->size = size;
    out->at = size;
}

void staple_der_put(staple_der_out_t *out, const void *bytes, apr_size_t len)
{
    out->at -= len;
    memcpy(out->bytes + out->at, bytes, len);
}

void staple_der_wrap(staple_der_out_t *out, apr_size_t end,
                     unsigned char identifier)
{
    apr_size_t len = end - out->at;
    apr_size_t left = len;
    unsigned octets = 0;

    if (len < 0x80) {
        out->bytes[--out->at] = (unsigned char)len;
    }
    else {
        for (; left > 0; left >>= 8) {
            out->bytes[--out->at] = (unsigned char)left;
            octets++;
        }
        out->bytes[--out->at] = (unsigned char)(0x80 | octets);
    }
    out->bytes[--out->at] = identifier;
}
