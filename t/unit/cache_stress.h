/* A writer and readers of one cache, for processes and for threads; and whether
 * a cache is sound. */
#ifndef CACHE_STRESS_H
#define CACHE_STRESS_H

#include "cache/staple_cache.h"
#include "cache/staple_writer.h"

#define STRESS_COUNT  12 /* certificates */
#define STRESS_READERS 3 /* readers at most */

/*
 * What all of them share.  Each staple is made from a number that is never
 * used again, so whoever reads one can tell whether it is whole, and whether
 * it is newer than the one that was read before.
 */
typedef struct stress_t {
    staple_cache_t *cache;
    apr_uint64_t number;              /* of the last staple begun */
    apr_uint64_t stop;                /* for the readers */
    apr_uint64_t looks[STRESS_READERS];
    apr_uint64_t finds[STRESS_READERS];
    apr_uint64_t faults[STRESS_READERS];
} stress_t;

/* What one reader remembers. */
typedef struct stress_reader_t {
    stress_t *shared;
    unsigned who; /* below STRESS_READERS */
    apr_uint64_t staple[STRESS_COUNT];
    apr_uint64_t record[STRESS_COUNT];
    unsigned char buf[STAPLE_MAX_RESPONSE];
} stress_reader_t;

/* The key of certificate `index`. */
staple_key_t stress_key(unsigned index);

/* Bytes of a block that is now and then full. */
apr_size_t stress_block_size(void);

/* Makes the cache in a zeroed block of that size. */
void stress_begin(stress_t *shared, void *block);

/* Writes one staple and one record; `der` has STAPLE_MAX_RESPONSE bytes. */
void stress_write(stress_t *shared, staple_writer_t *writer,
                  unsigned char *der);

/* Looks at all staples and records once, and counts in `shared` what it finds
 * and what should not be. */
void stress_read(stress_reader_t *reader);

/* Fills in the bytes of staple `number`; returns their length. */
apr_size_t stress_fill(unsigned char *der, apr_uint64_t number);

/* Is the block consistent?  Returns 1, or 0 and *why.  Only while no thread
 * writes. */
int cache_check(const char **why, const staple_cache_t *cache);

#endif
