/* Staples and records in a caller's flat block: format, attach, look up. */
#include "staple_cache_int.h"

/* ---- layout ---- */

static apr_uint64_t slots_for(apr_uint32_t count)
{
    apr_uint64_t slots = 2;

    while (slots < 2 * (apr_uint64_t)count) {
        slots *= 2;
    }
    return slots;
}

/* Units of the arena; why so many, is in the header. */
static apr_uint64_t units_for(apr_uint32_t count, apr_size_t max_len)
{
    return (2 * (apr_uint64_t)count + 1) * staple_cache_units(max_len);
}

/* Sets every number of the header; returns the whole size, 0 = too large. */
static apr_size_t lay_out(staple_cache_t *header, apr_uint32_t count,
                          apr_size_t max_len)
{
    apr_uint64_t slots = slots_for(count);

    if (count >= STAPLE_NONE / 4 || max_len == 0
        || max_len > STAPLE_MAX_RESPONSE
        || units_for(count, max_len) >= 1U << STAPLE_CACHE_UNIT_BITS) {
        return 0;
    }
    header->magic = STAPLE_CACHE_MAGIC;
    header->record_size = sizeof(staple_record_t);
    header->count = count;
    header->slot_mask = slots - 1;
    header->max_len = max_len;
    header->units = units_for(count, max_len);
    header->records_at =
        sizeof(staple_cache_t) + slots * sizeof(staple_cache_slot_t);
    header->arena_at = header->records_at + count * sizeof(staple_cache_pair_t);
    header->arena_at = (header->arena_at + STAPLE_CACHE_UNIT - 1)
                       / STAPLE_CACHE_UNIT * STAPLE_CACHE_UNIT;
    header->size = header->arena_at + header->units * STAPLE_CACHE_UNIT;
    return header->size;
}

apr_size_t staple_cache_size(apr_uint32_t count, apr_size_t max_len)
{
    staple_cache_t header;

    return lay_out(&header, count, max_len);
}

/* Without a call: a handshake's look-up is mostly this and the copy. */
static inline int is_same(const staple_key_t *a, const staple_key_t *b)
{
    apr_uint64_t x[2], y[2];
    apr_uint32_t u, v;

    memcpy(x, a->bytes, 16);
    memcpy(y, b->bytes, 16);
    memcpy(&u, a->bytes + 16, 4);
    memcpy(&v, b->bytes + 16, 4);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (u ^ v)) == 0;
}

/* Four bytes of it, number i. */
static apr_uint32_t word_of(const staple_key_t *key, unsigned i)
{
    apr_uint32_t word;

    memcpy(&word, key->bytes + i * sizeof(word), sizeof(word));
    return word;
}

/* Keys are digests already: any four bytes of them are a good hash, and four
 * others tell nearly all of them apart. */
#define HASH_OF(key) word_of(key, 0)
#define TAG_OF(key) word_of(key, 1)

/* The first slot from slot i on that may be the key's, or the empty one where
 * it would go. */
static inline staple_cache_slot_t *
find_tag(const staple_cache_t *cache, const staple_key_t *key, apr_uint64_t i)
{
    staple_cache_slot_t *slots = staple_cache_slots(cache);
    apr_uint32_t tag = TAG_OF(key);

    for (i &= cache->slot_mask;
         slots[i].index_plus_1 != 0 && slots[i].tag != tag;
         i = (i + 1) & cache->slot_mask) {
    }
    return &slots[i];
}

staple_cache_slot_t *staple_cache_find_slot(const staple_cache_t *cache,
                                            const staple_key_t *key)
{
    staple_cache_slot_t *slots = staple_cache_slots(cache);
    staple_cache_slot_t *slot = find_tag(cache, key, HASH_OF(key));

    while (slot->index_plus_1 != 0
           && !is_same(staple_cache_key(cache, slot->index_plus_1 - 1), key)) {
        slot = find_tag(cache, key, (apr_uint64_t)(slot - slots) + 1);
    }
    return slot;
}

staple_cache_t *staple_cache_format(void *block, apr_size_t size,
                                    const staple_key_t *keys,
                                    apr_uint32_t count, apr_size_t max_len)
{
    staple_cache_t *cache = block;
    apr_size_t needed = staple_cache_size(count, max_len);
    apr_uint32_t i;

    if (needed == 0 || size < needed) {
        return NULL;
    }
    lay_out(cache, count, max_len);
    for (i = 0; i < count; i++) {
        staple_cache_slot_t *slot = staple_cache_find_slot(cache, &keys[i]);

        *staple_cache_key(cache, i) = keys[i];
        if (slot->index_plus_1 == 0) {
            slot->tag = TAG_OF(&keys[i]);
            slot->index_plus_1 = i + 1;
        }
    }
    return cache;
}

staple_cache_t *staple_cache_attach(void *block, apr_size_t size)
{
    staple_cache_t *cache = block;
    staple_cache_t expected = {0};

    if (size < sizeof(*cache) || cache->magic != STAPLE_CACHE_MAGIC
        || cache->record_size != sizeof(staple_record_t) || cache->size > size
        || lay_out(&expected, cache->count, cache->max_len) != cache->size
        || memcmp(&expected, cache, sizeof(expected)) != 0) {
        return NULL;
    }
    return cache;
}

apr_size_t staple_cache_max_len(const staple_cache_t *cache)
{
    return (apr_size_t)cache->max_len;
}

apr_uint32_t staple_cache_find(const staple_cache_t *cache,
                               const staple_key_t *key)
{
    return staple_cache_find_slot(cache, key)->index_plus_1 - 1;
}

/* ---- readers ---- */

staple_reason_e staple_cache_look_up(unsigned char *buf, apr_size_t *len,
                                     apr_uint32_t *index,
                                     const staple_cache_t *cache,
                                     const staple_key_t *key, apr_time_t now)
{
    const staple_cache_slot_t *slot = find_tag(cache, key, HASH_OF(key));
    const apr_size_t room = *len;
    apr_time_t use_until = 0;
    staple_reason_e reason;
    staple_key_t whose;

    reason = staple_cache_read_slot(buf, len, &use_until, &whose, cache, slot);
    if (reason != STAPLE_OK || !is_same(&whose, key)) {
        /* Nothing to see whose it is by, or another's with the same tag. */
        slot = staple_cache_find_slot(cache, key);
        *len = room;
        reason =
            staple_cache_read_slot(buf, len, &use_until, &whose, cache, slot);
        if (reason == STAPLE_OK && !is_same(&whose, key)) {
            reason = STAPLE_NOT_FOUND;
        }
    }
    *index = slot->index_plus_1 - 1;
    return reason == STAPLE_OK && now >= use_until ? STAPLE_EXPIRED : reason;
}

staple_reason_e staple_cache_get(unsigned char *buf, apr_size_t *len,
                                 const staple_cache_t *cache,
                                 const staple_key_t *key, apr_time_t now)
{
    apr_uint32_t index;

    return staple_cache_look_up(buf, len, &index, cache, key, now);
}

int staple_cache_get_record(staple_record_t *record,
                            const staple_cache_t *cache, apr_uint32_t index)
{
    const staple_cache_pair_t *pair;

    if (index >= cache->count) {
        return 0;
    }
    pair = staple_cache_pair(cache, index);
    staple_cache_copy_half(record, &pair->sequence, pair->records,
                           sizeof(*record));
    return 1;
}

int staple_cache_stamp(staple_stamp_t *stamp, const staple_cache_t *cache,
                       const staple_key_t *key)
{
    const staple_cache_slot_t *slot = staple_cache_find_slot(cache, key);

    if (slot->index_plus_1 == 0) {
        return 0;
    }
    stamp->record = __atomic_load_n(
        &staple_cache_pair(cache, slot->index_plus_1 - 1)->sequence,
        __ATOMIC_ACQUIRE);
    stamp->staple = __atomic_load_n(&slot->where, __ATOMIC_ACQUIRE);
    return 1;
}

int staple_cache_snapshot(staple_stamp_t *stamp, staple_record_t *record,
                          unsigned char *buf, apr_size_t *len,
                          const staple_cache_t *cache, const staple_key_t *key)
{
    const staple_cache_slot_t *slot = staple_cache_find_slot(cache, key);
    apr_time_t use_until = 0;
    staple_reason_e reason;
    staple_stamp_t after;
    staple_key_t whose;

    if (!staple_cache_stamp(stamp, cache, key)) {
        return 0;
    }
    staple_cache_get_record(record, cache, slot->index_plus_1 - 1);
    reason = staple_cache_read_slot(buf, len, &use_until, &whose, cache, slot);
    if (reason == STAPLE_NOT_FOUND) {
        *len = 0;
    }
    staple_cache_stamp(&after, cache, key);
    return reason != STAPLE_TOO_LARGE
           && memcmp(stamp, &after, sizeof(after)) == 0
           && record->der_len == *len && record->held.use_until == use_until;
}
