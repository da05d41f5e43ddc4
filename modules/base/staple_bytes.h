/* Numbers as big-endian bytes, for what is stored or shared. */
#ifndef STAPLE_BYTES_H
#define STAPLE_BYTES_H

#include <apr.h>

/* Writes the lowest `bytes` bytes (1 .. 8) of a number; returns where the next
 * one goes. */
static inline unsigned char *staple_bytes_put(unsigned char *at,
                                              apr_uint64_t value, int bytes)
{
    int i;

    for (i = bytes - 1; i >= 0; i--) {
        at[i] = (unsigned char)value;
        value >>= 8;
    }
    return at + bytes;
}

/* Reads a number of `bytes` bytes (1 .. 8), and moves *at behind it. */
static inline apr_uint64_t staple_bytes_get(const unsigned char **at, int bytes)
{
    apr_uint64_t value = 0;

    for (; bytes > 0; bytes--) {
        value = value << 8 | *(*at)++;
    }
    return value;
}

/* FNV-1a, 32 bits (draft-eastlake-fnv), of these bytes after those that made
 * `hash`: a number that may be stored, and protects nothing. */
#define STAPLE_BYTES_HASH 2166136261U /* of none */

static inline apr_uint32_t staple_bytes_hash(apr_uint32_t hash,
                                             const void *bytes, apr_size_t len)
{
    const unsigned char *at = bytes, *end = at + len;

    while (at < end) {
        hash = (hash ^ *at++) * 16777619U;
    }
    return hash;
}

#endif
