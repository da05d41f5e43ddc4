/* The cache's layout in memory, for its readers and its writer. */
#ifndef STAPLE_CACHE_INT_H
#define STAPLE_CACHE_INT_H

#include <string.h>

#include "staple_cache.h"

#define STAPLE_CACHE_MAGIC 0x3348434c50415453ULL /* "STAPLCH3" */
#define STAPLE_CACHE_UNIT 128U  /* bytes; an extent is whole units */
#define STAPLE_CACHE_RETRIES 64 /* looks at a slot that keeps changing */

/* `where`: 19 bits generation, 28 bits first unit, 17 bits length. */
#define STAPLE_CACHE_LEN_BITS 17
#define STAPLE_CACHE_UNIT_BITS 28
#define STAPLE_CACHE_WHERE_LEN(w)                                              \
    ((apr_size_t)((w) & ((1U << STAPLE_CACHE_LEN_BITS) - 1)))
#define STAPLE_CACHE_WHERE_UNIT(w)                                             \
    ((apr_size_t)((w) >> STAPLE_CACHE_LEN_BITS                                 \
                  & ((1U << STAPLE_CACHE_UNIT_BITS) - 1)))
#define STAPLE_CACHE_WHERE_GENERATION(w)                                       \
    ((w) >> (STAPLE_CACHE_LEN_BITS + STAPLE_CACHE_UNIT_BITS))

struct staple_cache_t {
    apr_uint64_t magic;
    apr_uint32_t
        record_size;    /* of staple_record_t: another version's differs */
    apr_uint32_t count; /* certificates */
    apr_uint64_t slot_mask;
    apr_uint64_t max_len;    /* of a staple, in bytes */
    apr_uint64_t units;      /* of the arena */
    apr_uint64_t records_at; /* offsets from the start of the block */
    apr_uint64_t arena_at;
    apr_uint64_t size; /* of the whole block */
};

/* Small: ten thousand handshakes meet as many slots, in no order, and each miss
 * of the processor's caches costs as much as half of the copy. */
typedef struct staple_cache_slot_t {
    apr_uint32_t tag;          /* bytes of the key; the rest is in the pair */
    apr_uint32_t index_plus_1; /* 0: empty */
    apr_uint64_t where;
} staple_cache_slot_t;

typedef struct staple_cache_pair_t {
    apr_uint64_t sequence;
    staple_record_t records[2];
    staple_key_t key;
    apr_uint32_t reserved;
} staple_cache_pair_t;

/* The key once more: next to the staple it costs a look-up nothing. */
typedef struct staple_cache_extent_t {
    apr_int64_t use_until;
    apr_uint64_t key[3];
    apr_uint64_t der[];
} staple_cache_extent_t;

_Static_assert(sizeof(staple_cache_slot_t) == 16, "four to a cache line");
_Static_assert(sizeof(staple_record_t) % 8 == 0, "copied by words");

/* ---- words that several processes may touch ---- */

static inline apr_uint64_t staple_cache_load(const apr_uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void staple_cache_store(apr_uint64_t *word, apr_uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/*
 * Bytes that a writer may change while a reader copies them.  The reader loads
 * `where` (or `sequence`) again behind an acquire fence and throws away what it
 * copied if that has changed, so a copy need not be of one moment.  memcpy()
 * does it three times as fast as a loop of relaxed loads; ThreadSanitizer,
 * which knows nothing of that second load, gets the loop.
 */
#if defined(__SANITIZE_THREAD__)
#define STAPLE_CACHE_COPY_WORDS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STAPLE_CACHE_COPY_WORDS 1
#endif
#endif

static inline void staple_cache_copy_out(void *to, const apr_uint64_t *from,
                                         apr_size_t len)
{
#ifdef STAPLE_CACHE_COPY_WORDS
    unsigned char *out = to;
    apr_uint64_t word;
    apr_size_t i;

    for (i = 0; i < len; i += 8) {
        word = staple_cache_load(from + i / 8);
        memcpy(out + i, &word, len - i < 8 ? len - i : 8);
    }
#else
    memcpy(to, from, len);
#endif
}

static inline void staple_cache_copy_in(apr_uint64_t *to, const void *from,
                                        apr_size_t len)
{
#ifdef STAPLE_CACHE_COPY_WORDS
    const unsigned char *in = from;
    apr_size_t i;

    for (i = 0; i < len; i += 8) {
        apr_uint64_t word = 0;

        memcpy(&word, in + i, len - i < 8 ? len - i : 8);
        staple_cache_store(to + i / 8, word);
    }
#else
    memcpy(to, from, len);
#endif
}

/* ---- two halves and a sequence number: the half of the last one counts ----
 */

/* Writes the other half, then says that it counts.  One writer at a time. */
static inline void staple_cache_publish(apr_uint64_t *sequence, void *halves,
                                        const void *from, apr_size_t len)
{
    apr_uint64_t next = *sequence + 1;

    __atomic_thread_fence(__ATOMIC_RELEASE);
    staple_cache_copy_in((apr_uint64_t *)halves + (next & 1) * (len / 8), from,
                         len);
    __atomic_store_n(sequence, next, __ATOMIC_RELEASE);
}

/* Copies the half that counts, once more where it was written meanwhile. */
static inline void staple_cache_copy_half(void *to,
                                          const apr_uint64_t *sequence,
                                          const void *halves, apr_size_t len)
{
    apr_uint64_t now;
    int i;

    for (i = 0; i < STAPLE_CACHE_RETRIES; i++) {
        now = __atomic_load_n(sequence, __ATOMIC_ACQUIRE);
        staple_cache_copy_out(
            to, (const apr_uint64_t *)halves + (now & 1) * (len / 8), len);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (staple_cache_load(sequence) == now) {
            break;
        }
    }
}

/* ---- places ---- */

static inline void *staple_cache_at(const staple_cache_t *cache,
                                    apr_uint64_t offset)
{
    return (char *)(uintptr_t)cache + offset;
}

static inline staple_cache_slot_t *
staple_cache_slots(const staple_cache_t *cache)
{
    return staple_cache_at(cache, sizeof(staple_cache_t));
}

static inline staple_cache_pair_t *
staple_cache_pair(const staple_cache_t *cache, apr_uint32_t index)
{
    return (staple_cache_pair_t *)staple_cache_at(cache, cache->records_at)
           + index;
}

static inline staple_key_t *staple_cache_key(const staple_cache_t *cache,
                                             apr_uint32_t index)
{
    return &staple_cache_pair(cache, index)->key;
}

static inline staple_cache_extent_t *
staple_cache_extent(const staple_cache_t *cache, apr_size_t unit)
{
    return staple_cache_at(cache, cache->arena_at + unit * STAPLE_CACHE_UNIT);
}

static inline apr_size_t staple_cache_units(apr_size_t der_len)
{
    return (sizeof(staple_cache_extent_t) + der_len + STAPLE_CACHE_UNIT - 1)
           / STAPLE_CACHE_UNIT;
}

/* Is what `where` says inside the arena? */
static inline int staple_cache_is_inside(const staple_cache_t *cache,
                                         apr_uint64_t where)
{
    apr_size_t len = STAPLE_CACHE_WHERE_LEN(where);

    return len > 0 && len <= cache->max_len
           && STAPLE_CACHE_WHERE_UNIT(where) + staple_cache_units(len)
                  <= cache->units;
}

/* The slot of a key, or the empty one where it would go. */
staple_cache_slot_t *staple_cache_find_slot(const staple_cache_t *cache,
                                            const staple_key_t *key);

/* Copies what a slot leads to, and sets *use_until and *key, whose it is.  Does
 * not judge it.  As a call it would make a look-up five hundredths slower. */
static inline staple_reason_e
staple_cache_read_slot(unsigned char *buf, apr_size_t *len,
                       apr_time_t *use_until, staple_key_t *key,
                       const staple_cache_t *cache,
                       const staple_cache_slot_t *slot)
{
    const apr_size_t room = *len;
    int i;

    for (i = 0; i < STAPLE_CACHE_RETRIES; i++) {
        apr_uint64_t where = __atomic_load_n(&slot->where, __ATOMIC_ACQUIRE);
        const staple_cache_extent_t *extent;

        if (!staple_cache_is_inside(cache, where)) {
            return STAPLE_NOT_FOUND;
        }
        *len = STAPLE_CACHE_WHERE_LEN(where);
        if (*len > room) {
            return STAPLE_TOO_LARGE;
        }
        extent = staple_cache_extent(cache, STAPLE_CACHE_WHERE_UNIT(where));
        *use_until = (apr_time_t)staple_cache_load(
            (const apr_uint64_t *)&extent->use_until);
        staple_cache_copy_out(key, extent->key, sizeof(*key));
        staple_cache_copy_out(buf, extent->der, *len);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (staple_cache_load(&slot->where) == where) {
            return STAPLE_OK;
        }
    }
    return STAPLE_NOT_FOUND;
}

#endif
