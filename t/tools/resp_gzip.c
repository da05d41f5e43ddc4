/* The gzip format without compression (RFC 1952, stored blocks). */
#include "resp_gzip.h"

static unsigned long crc32_of(const char *data, size_t len)
{
    unsigned long crc = 0xffffffffu;

    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned char)data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return crc ^ 0xffffffffu;
}

static void add_little_endian(tool_buf_t *out, unsigned long value, int bytes)
{
    for (; bytes > 0; bytes--, value >>= 8) {
        char byte = (char)(value & 0xff);

        tool_buf_add(out, &byte, 1);
    }
}

void resp_gzip(tool_buf_t *out, const char *data, size_t len)
{
    static const char head[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff";
    size_t at = 0;

    tool_buf_add(out, head, sizeof(head) - 1);
    do {
        size_t part = len - at > 0xffff ? 0xffff : len - at;

        add_little_endian(out, at + part == len, 1);   /* last, stored */
        add_little_endian(out, part, 2);
        add_little_endian(out, ~part & 0xffff, 2);
        tool_buf_add(out, data + at, part);
        at += part;
    } while (at < len);
    add_little_endian(out, crc32_of(data, len), 4);
    add_little_endian(out, len, 4);
}
