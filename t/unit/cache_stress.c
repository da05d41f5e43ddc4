/* A writer and readers of one cache, for processes and for threads; and whether
 * a cache is sound. */
#include "cache_stress.h"

#include <string.h>

#include "cache/staple_cache_int.h"

/* xorshift64 (Marsaglia 2003) */
static apr_uint64_t next(apr_uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static apr_uint64_t seeded(apr_uint64_t number)
{
    return (number + 1) * 0x9e3779b97f4a7c15ULL | 1;
}

staple_key_t stress_key(unsigned index)
{
    staple_key_t key;

    memset(&key, 0, sizeof(key));
    key.bytes[0] = (unsigned char)(index * 5);
    key.bytes[19] = (unsigned char)index;
    return key;
}

apr_size_t stress_block_size(void)
{
    return staple_cache_size(STRESS_COUNT, STAPLE_MAX_RESPONSE);
}

void stress_begin(stress_t *shared, void *block)
{
    staple_key_t keys[STRESS_COUNT];
    unsigned i;

    memset(shared, 0, sizeof(*shared));
    for (i = 0; i < STRESS_COUNT; i++) {
        keys[i] = stress_key(i);
    }
    shared->cache = staple_cache_format(block, stress_block_size(), keys,
                                        STRESS_COUNT, STAPLE_MAX_RESPONSE);
}

/* Mostly some KiB, now and then the largest that there is. */
apr_size_t stress_fill(unsigned char *der, apr_uint64_t number)
{
    apr_uint64_t state = seeded(number);
    apr_uint64_t dice = next(&state);
    apr_size_t len = dice % 16 == 0   ? STAPLE_MAX_RESPONSE - dice / 16 % 9
                     : dice % 16 == 1 ? 8 + dice / 16 % 200
                                      : 300 + dice / 16 % 4000;
    apr_size_t i;

    memcpy(der, &number, 8);
    for (i = 8; i + 8 <= len; i += 8) {
        apr_uint64_t word = next(&state);

        memcpy(der + i, &word, 8);
    }
    for (; i < len; i++) {
        der[i] = (unsigned char)next(&state);
    }
    return len;
}

static staple_record_t make_record(apr_uint64_t number)
{
    staple_record_t record;

    memset(&record, 0, sizeof(record));
    record.next_at = (apr_time_t)number;
    record.attempted_at = (apr_time_t)number * 3;
    record.held.use_until = -(apr_time_t)number;
    record.failures = (apr_uint32_t)number;
    record.der_len = ~(apr_uint32_t)number;
    memset(record.detail, 'a' + (int)(number % 26), sizeof(record.detail));
    return record;
}

void stress_write(stress_t *shared, staple_writer_t *writer,
                  unsigned char *der)
{
    apr_uint64_t number
        = __atomic_add_fetch(&shared->number, 1, __ATOMIC_RELAXED);
    apr_uint32_t index = (apr_uint32_t)(number * 7 / 3 % STRESS_COUNT);
    apr_size_t len = stress_fill(der, number);
    staple_record_t record = make_record(number);

    staple_writer_put(writer, index, der, len, (apr_time_t)number);
    staple_writer_put_record(writer, index, &record);
}

/* Is the staple whole, and not older than the last one? */
static int is_right_staple(stress_reader_t *reader, unsigned index,
                           apr_size_t len, apr_time_t use_until)
{
    unsigned char want[STAPLE_MAX_RESPONSE];
    apr_uint64_t number;

    memcpy(&number, reader->buf, 8);
    if (len < 8 || number < reader->staple[index]
        || use_until != (apr_time_t)number
        || stress_fill(want, number) != len
        || memcmp(want, reader->buf, len) != 0) {
        return 0;
    }
    reader->staple[index] = number;
    return 1;
}

static int is_right_record(stress_reader_t *reader, unsigned index)
{
    staple_record_t record, want;
    apr_uint64_t number;

    staple_cache_get_record(&record, reader->shared->cache, index);
    number = (apr_uint64_t)record.next_at;
    want = make_record(number);
    if (number == 0) {
        memset(&want, 0, sizeof(want));
    }
    if (number < reader->record[index]
        || memcmp(&record, &want, sizeof(want)) != 0) {
        return 0;
    }
    reader->record[index] = number;
    return 1;
}

void stress_read(stress_reader_t *reader)
{
    stress_t *shared = reader->shared;
    unsigned faults = 0, finds = 0;
    unsigned i;

    for (i = 0; i < STRESS_COUNT; i++) {
        staple_key_t key = stress_key(i), whose;
        apr_size_t len = sizeof(reader->buf);
        apr_time_t use_until = 0;
        staple_reason_e reason = staple_cache_read_slot(
            reader->buf, &len, &use_until, &whose, shared->cache,
            staple_cache_find_slot(shared->cache, &key));

        if (reason == STAPLE_OK) {
            finds++;
            faults += !is_right_staple(reader, i, len, use_until)
                      || memcmp(&whose, &key, sizeof(key)) != 0;
        }
        else {
            /* Nothing yet is right; nothing any more is not. */
            faults += reason != STAPLE_NOT_FOUND || reader->staple[i] != 0;
        }
        faults += !is_right_record(reader, i);
    }
    __atomic_add_fetch(&shared->looks[reader->who], 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&shared->finds[reader->who], finds, __ATOMIC_RELAXED);
    __atomic_add_fetch(&shared->faults[reader->who], faults,
                       __ATOMIC_RELAXED);
}

/* ---- is it sound? ---- */

/* Does any published extent overlap the one of slots[i]? */
static int overlaps(const staple_cache_t *cache,
                    const staple_cache_slot_t *slots, apr_uint64_t i)
{
    apr_size_t from = STAPLE_CACHE_WHERE_UNIT(slots[i].where);
    apr_size_t to =
        from + staple_cache_units(STAPLE_CACHE_WHERE_LEN(slots[i].where));
    apr_uint64_t k;

    for (k = 0; k <= cache->slot_mask; k++) {
        if (k != i && STAPLE_CACHE_WHERE_LEN(slots[k].where) > 0
            && STAPLE_CACHE_WHERE_UNIT(slots[k].where) < to
            && STAPLE_CACHE_WHERE_UNIT(slots[k].where)
                       + staple_cache_units(
                           STAPLE_CACHE_WHERE_LEN(slots[k].where))
                   > from) {
            return 1;
        }
    }
    return 0;
}

int cache_check(const char **why, const staple_cache_t *cache)
{
    const staple_cache_slot_t *slots = staple_cache_slots(cache);
    apr_uint64_t i;

    for (i = 0; i <= cache->slot_mask; i++) {
        if (slots[i].index_plus_1 > cache->count) {
            *why = "a slot has an index beyond the last certificate";
            return 0;
        }
        if (STAPLE_CACHE_WHERE_LEN(slots[i].where) == 0) {
            continue;
        }
        if (slots[i].index_plus_1 == 0) {
            *why = "an empty slot has a staple";
            return 0;
        }
        if (!staple_cache_is_inside(cache, slots[i].where)) {
            *why = "a staple lies outside the arena";
            return 0;
        }
        if (memcmp(staple_cache_extent(cache,
                                       STAPLE_CACHE_WHERE_UNIT(slots[i].where))
                       ->key,
                   staple_cache_key(cache, slots[i].index_plus_1 - 1),
                   STAPLE_KEY_LEN)
            != 0) {
            *why = "a staple is another certificate's";
            return 0;
        }
        if (overlaps(cache, slots, i)) {
            *why = "two staples overlap";
            return 0;
        }
    }
    *why = "";
    return 1;
}
