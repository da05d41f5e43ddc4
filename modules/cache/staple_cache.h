/* Staples and records in a caller's flat block: format, attach, look up. */
#ifndef STAPLE_CACHE_H
#define STAPLE_CACHE_H

#include <apr_pools.h>

#include "staple_record.h"

/*
 * The block, as readers in other processes see it.  Offsets, never pointers,
 * so that it may be mapped anywhere.
 *
 *   +--------+---------------------------+--------------------+------------+
 *   | header | slots                     | records            | arena      |
 *   |        | hash table, power of two, | one per            | extents in |
 *   |        | at most half full         | certificate        | units      |
 *   +--------+---------------------------+--------------------+------------+
 *
 *   slot    { tag, index, where }       16 bytes; the tag is part of the key
 *   record  { sequence, two staple_record_t, key }  the last published counts
 *   extent  { use_until, key, DER ... }    in units of 128 bytes
 *   where   64 bits: generation | first unit | length of the DER; 0 = none
 *
 * Keys and indexes are written once, before any reader exists.  Afterwards
 * exactly one writer at a time changes `where`, `sequence` and what these lead
 * to:
 *
 *   put:  (staple_writer.h) find free units; write the extent there; publish
 *         with one store to `where`; only then are the old units free.
 *   get:  read `where`; copy; read `where` again.  Unchanged: nothing that was
 *         copied had been freed, so it is whole.  Changed: once more.
 *
 * Readers write nothing and take no lock.  A writer that is killed half-way
 * has published nothing: what it began is free space to the next writer,
 * which learns what is free from the slots alone.
 */
typedef struct staple_cache_t staple_cache_t;

/*
 * Bytes of a block for `count` certificates with staples of at most `max_len`
 * bytes, 1 to STAPLE_MAX_RESPONSE; 0 where there is no such block, because it
 * would have more than 32 GiB.
 *
 * The arena has room for 2 n + 1 staples of that length, n being `count`: a new
 * one always finds a free run of units, whatever came and went before, so that
 * no certificate takes another's room.  For at most n staples are published at
 * any time, none longer than C units.  They leave (2n + 1) C - n C = (n + 1) C
 * units free, and cut those into at most n + 1 runs: one of them has C or more.
 *
 * Most of that is never touched (low units are used first), and costs
 * addresses, not memory.
 */
apr_size_t staple_cache_size(apr_uint32_t count, apr_size_t max_len);

/*
 * Makes a cache in `block` of `size` zeroed bytes (8-byte aligned) for these
 * keys; key i gets index i, of equal keys the first.  NULL where the size is
 * too small.  For one process, before any reader exists.
 */
staple_cache_t *staple_cache_format(void *block, apr_size_t size,
                                    const staple_key_t *keys,
                                    apr_uint32_t count, apr_size_t max_len);

/* The cache in a block that staple_cache_format() made, perhaps of another
 * version of this module: NULL where it is not ours to read. */
staple_cache_t *staple_cache_attach(void *block, apr_size_t size);

/* Bytes of the longest staple that it takes. */
apr_size_t staple_cache_max_len(const staple_cache_t *cache);

/* The certificate's index, or STAPLE_NONE.  Any process, any time. */
apr_uint32_t staple_cache_find(const staple_cache_t *cache,
                               const staple_key_t *key);

/*
 * Copies the staple of `key` to buf, which has *len bytes, and sets *len to
 * its length and *index to that of the certificate.  STAPLE_NOT_FOUND: none
 * held, or no such key, which *index == STAPLE_NONE tells;
 * STAPLE_EXPIRED: it must no longer be used at `now`; STAPLE_TOO_LARGE: buf is
 * too small, *len says how much is needed.  Any process, also in the handshake:
 * no lock, no system call, no allocation, writes nothing but these three.
 */
staple_reason_e staple_cache_look_up(unsigned char *buf, apr_size_t *len,
                                     apr_uint32_t *index,
                                     const staple_cache_t *cache,
                                     const staple_key_t *key, apr_time_t now);

/* The same, for callers that do not need the index. */
staple_reason_e staple_cache_get(unsigned char *buf, apr_size_t *len,
                                 const staple_cache_t *cache,
                                 const staple_key_t *key, apr_time_t now);

/* Copies the record of certificate `index`.  Returns 1; 0 for a bad index.
 * Any process, any time. */
int staple_cache_get_record(staple_record_t *record,
                            const staple_cache_t *cache, apr_uint32_t index);

/* What tells one state of a certificate from any other it has in this cache:
 * all zero as long as nothing was published. */
typedef struct staple_stamp_t {
    apr_uint64_t staple;
    apr_uint64_t record;
} staple_stamp_t;

/* The stamp of `key` as it is now.  Returns 1; 0: no such key.  Any process,
 * any time. */
int staple_cache_stamp(staple_stamp_t *stamp, const staple_cache_t *cache,
                       const staple_key_t *key);

/*
 * Copies record and staple of `key`, expired or not, and the stamp that they
 * have; *len comes in as the room in buf and is 0 where no staple is held.
 * Returns 1; 0 where they do not belong together, because they are
 * being published, or their writer was killed between the two; or no such key.
 * Any process, any time.
 */
int staple_cache_snapshot(staple_stamp_t *stamp, staple_record_t *record,
                          unsigned char *buf, apr_size_t *len,
                          const staple_cache_t *cache, const staple_key_t *key);

#endif
