/* DER made by hand, for what OpenSSL does not make. */
#include "tool_der.h"

void tool_der_add(tool_buf_t *out, int tag, const void *content, size_t len)
{
    char byte = (char)tag;

    tool_buf_add(out, &byte, 1);
    if (len >= 0x80) {
        size_t bytes = len > 0xffff ? 3 : len > 0xff ? 2 : 1;

        TOOL_MUST(len <= 0xffffff);
        tool_buf_fill(out, (int)(0x80 | bytes), 1);
        for (size_t i = bytes; i-- > 1;) {
            tool_buf_fill(out, (int)(len >> (8 * i) & 0xff), 1);
        }
    }
    tool_buf_fill(out, (int)(len & 0xff), 1);
    tool_buf_add(out, content, len);
}

void tool_der_wrap(tool_buf_t *out, int tag, tool_buf_t *part)
{
    tool_der_add(out, tag, part->data, part->len);
    part->len = 0;
}

size_t tool_der_read(const unsigned char **content, size_t *content_len,
                     const unsigned char *der, size_t len)
{
    const unsigned char *at = der;
    long found = 0;
    int tag, class;

    *content = NULL;
    *content_len = 0;
    if (ASN1_get_object(&at, &found, &tag, &class, (long)len) & 0x80) {
        return 0;
    }
    *content = at;
    *content_len = (size_t)found;
    return (size_t)(at - der) + (size_t)found;
}
