/* The block of staples as its readers see it: layout, attach, look up. */
#include "../cache_stress.h"
#include "../tap.h"

#include <apr_general.h>
#include <stddef.h>
#include <stdlib.h>

#include "cache/staple_cache_int.h"
#include "cache/staple_writer.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOW         apr_time_from_sec(1700000000)
#define LATER       (NOW + apr_time_from_sec(3600))

static apr_pool_t *p;

/* Keys that differ in their last bytes, or also in the first. */
static staple_key_t make_key(unsigned number, int alike)
{
    staple_key_t key;

    memset(&key, 0, sizeof(key));
    memcpy(key.bytes + 12, &number, sizeof(number));
    if (!alike) {
        number = number * 2654435761U;
        memcpy(key.bytes, &number, sizeof(number));
    }
    return key;
}

static staple_key_t *make_keys(unsigned count, int alike)
{
    staple_key_t *keys = apr_palloc(p, (count + 1) * sizeof(*keys));
    unsigned i;

    for (i = 0; i < count; i++) {
        keys[i] = make_key(i, alike);
    }
    return keys;
}

/* A block of exactly `size` bytes that the caller frees. */
static void *make_block(apr_size_t size)
{
    return calloc(1, size > 0 ? size : 1);
}

static int is_sound(const staple_cache_t *cache)
{
    const char *why = NULL;
    int sound = cache_check(&why, cache);

    if (!sound) {
        printf("# %s\n", why);
    }
    return sound;
}

/* ---- sizes ---- */

static void test_sizes(void)
{
    static const struct {
        const char *name;
        apr_uint32_t count;
        apr_size_t max_len;
        int fits;
    } rows[] = {
        {"nobody", 0, 1, 1},
        {"one, a byte", 1, 1, 1},
        {"one, the usual staple", 1, STAPLE_USUAL_MAX_SIZE, 1},
        {"one, the largest staple", 1, STAPLE_MAX_RESPONSE, 1},
        {"one, a byte more", 1, STAPLE_MAX_RESPONSE + 1, 0},
        {"one, no staple at all", 1, 0, 0},
        {"one, a length that overflows", 1, ~(apr_size_t)0, 0},
        {"ten thousand, the largest", 10000, STAPLE_MAX_RESPONSE, 1},
        /* 129 units of 128 bytes each: 2 n + 1 of those below 32 GiB */
        {"a million, the usual", 1000000, STAPLE_USUAL_MAX_SIZE, 1},
        {"just below 32 GiB", 1040447, STAPLE_USUAL_MAX_SIZE, 1},
        {"just above", 1040448, STAPLE_USUAL_MAX_SIZE, 0},
        {"a million, the largest", 1000000, STAPLE_MAX_RESPONSE, 0},
        {"the most certificates", STAPLE_NONE / 4, 1, 0},
        {"all numbers there are", 0xffffffffU, ~(apr_size_t)0, 0},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        apr_size_t size = staple_cache_size(rows[i].count, rows[i].max_len);

        is_int(size != 0, rows[i].fits, "size: %s", rows[i].name);
        ok(size == 0
               || size >= (2 * (apr_size_t)rows[i].count + 1)
                              * rows[i].max_len,
           "size: %s: two for each, and one more", rows[i].name);
        is_int(size % 8, 0, "size: %s: whole words", rows[i].name);
    }
}

static void test_format(void)
{
    static const apr_uint32_t counts[] = {0, 1, 2, 3, 100};
    unsigned i;

    for (i = 0; i < COUNT(counts); i++) {
        apr_size_t size = staple_cache_size(counts[i], 1000);
        const staple_key_t *keys = make_keys(counts[i], 0);
        void *block = make_block(size);
        staple_cache_t *cache;

        ok(staple_cache_format(block, size - 1, keys, counts[i], 1000) == NULL,
           "%u: a byte too small", counts[i]);
        ok(staple_cache_format(block, 0, keys, counts[i], 1000) == NULL,
           "%u: nothing at all", counts[i]);
        ok(staple_cache_format(block, size, keys, counts[i], 70000) == NULL,
           "%u: for staples that cannot be", counts[i]);
        memset(block, 0, size);
        cache = staple_cache_format(block, size, keys, counts[i], 1000);
        ok(cache != NULL && is_sound(cache), "%u: made", counts[i]);
        is_int(cache->count, counts[i], "%u: the count",
               counts[i]);
        is_int(staple_cache_max_len(cache), 1000, "%u: the longest staple",
               counts[i]);
        ok(staple_cache_attach(block, size) == cache, "%u: attached",
           counts[i]);
        free(block);
    }
}

/* ---- keys ---- */

static void test_find(void)
{
    static const struct {
        const char *name;
        unsigned count;
        int alike;
    } rows[] = {{"one", 1, 0},
                {"ten thousand", 10000, 0},
                {"with the same first bytes", 500, 1}};
    unsigned i, k;

    for (i = 0; i < COUNT(rows); i++) {
        apr_size_t size = staple_cache_size(rows[i].count, 100);
        const staple_key_t *keys = make_keys(rows[i].count, rows[i].alike);
        void *block = make_block(size);
        staple_cache_t *cache
            = staple_cache_format(block, size, keys, rows[i].count, 100);
        unsigned wrong = 0, found = 0;

        for (k = 0; k < rows[i].count; k++) {
            staple_key_t other = make_key(k + 1000000, rows[i].alike);

            wrong += staple_cache_find(cache, &keys[k]) != k;
            found += staple_cache_find(cache, &other) != STAPLE_NONE;
        }
        is_int(wrong, 0, "keys, %s: each has its index", rows[i].name);
        is_int(found, 0, "keys, %s: others have none", rows[i].name);
        free(block);
    }
}

static void test_duplicates(void)
{
    staple_key_t keys[] = {make_key(1, 0), make_key(2, 0), make_key(1, 0),
                           make_key(2, 0), make_key(3, 0)};
    apr_size_t size = staple_cache_size(COUNT(keys), 400);
    void *block = make_block(size);
    staple_cache_t *cache
        = staple_cache_format(block, size, keys, COUNT(keys), 400);
    staple_writer_t *writer = staple_writer_make(p, cache);

    is_int(staple_cache_find(cache, &keys[2]), 0, "of equal keys the first");
    is_int(staple_cache_find(cache, &keys[3]), 1, "of other equal ones, too");
    is_int(staple_cache_find(cache, &keys[4]), 4, "who comes after them");
    is_reason(staple_writer_put(writer, 0, (const unsigned char *)"x", 1,
                                LATER),
              STAPLE_OK, "a staple for the first");
    is_reason(staple_writer_put(writer, 2, (const unsigned char *)"y", 1,
                                LATER),
              STAPLE_NOT_FOUND, "none for its repetition");
    ok(is_sound(cache), "sound");
    free(block);
}

/* ---- attach ---- */

static void test_attach(void)
{
    const unsigned count = 3;
    apr_size_t size = staple_cache_size(count, 400);
    unsigned char *block = make_block(size), *copy = make_block(size);
    const staple_key_t *keys = make_keys(count, 0);
    staple_cache_t *cache = staple_cache_format(block, size, keys, count, 400);
    unsigned taken = 0;
    apr_size_t i;

    for (i = 0; i < size; i += 8) {
        taken += staple_cache_attach(block, i) != NULL;
    }
    is_int(taken, 0, "attach: never to less than the block");
    ok(staple_cache_attach(block, size + 4096) == cache,
       "attach: to more of it");
    for (i = 0; i < sizeof(staple_cache_t) * 8; i++) {
        if (i / 8 == offsetof(staple_cache_t, max_len)) {
            continue; /* not each of these lengths makes another block */
        }
        memcpy(copy, block, size);
        copy[i / 8] ^= (unsigned char)(1 << i % 8);
        taken += staple_cache_attach(copy, size) != NULL;
    }
    is_int(taken, 0, "attach: not with any bit of the header changed");
    memset(copy, 0, size);
    ok(staple_cache_attach(copy, size) == NULL, "attach: not to zeroes");
    memset(copy, 0xff, size);
    ok(staple_cache_attach(copy, size) == NULL, "attach: not to ones");
    free(block);
    free(copy);
}

/* Headers whose numbers would overflow or lead out of the block. */
static void test_attach_lies(void)
{
    static const struct {
        const char *name;
        apr_uint32_t count;
        apr_uint64_t slot_mask, units, size;
    } rows[] = {
        {"too many certificates, no size", 0xffffffffU, 0, 0, 0},
        {"too many certificates", 0xffffffffU, 0, 0, 64},
        {"too large an arena, no size", 1, 1, (apr_uint64_t)1 << 40, 0},
        {"an arena whose bytes overflow", 1, 1, (apr_uint64_t)1 << 57, 128},
        {"an arena whose bytes overflow to little", 1, 1,
         ((apr_uint64_t)1 << 57) + 1, 512},
        {"slots beyond the block", 1, 0xffffffffU, 1, 512},
        {"an odd mask", 1, 2, 1, 512},
    };
    apr_size_t size = staple_cache_size(1, 400);
    staple_cache_t *block = make_block(size);
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        memset(block, 0, size);
        staple_cache_format(block, size, make_keys(1, 0), 1, 400);
        block->count = rows[i].count;
        block->slot_mask = rows[i].slot_mask;
        block->units = rows[i].units;
        block->size = rows[i].size;
        ok(staple_cache_attach(block, size) == NULL, "attach: not to %s",
           rows[i].name);
    }
    free(block);
}

/* ---- staples and records, one process ---- */

static void test_get(void)
{
    unsigned char der[300], buf[300];
    const staple_key_t *keys = make_keys(2, 0);
    apr_size_t size = staple_cache_size(2, 300);
    void *block = make_block(size);
    staple_cache_t *cache = staple_cache_format(block, size, keys, 2, 300);
    staple_writer_t *writer = staple_writer_make(p, cache);
    staple_key_t nobody = make_key(77, 0);
    apr_size_t len = sizeof(buf);

    memset(der, 0xa5, sizeof(der));
    is_reason(staple_cache_get(buf, &len, cache, &keys[0], NOW),
              STAPLE_NOT_FOUND, "get: none held");
    is_reason(staple_cache_get(buf, &len, cache, &nobody, NOW),
              STAPLE_NOT_FOUND, "get: no such key");
    staple_writer_put(writer, 0, der, 300, LATER);
    is_reason(staple_cache_get(buf, &len, cache, &keys[0], NOW), STAPLE_OK,
              "get: held");
    ok(len == 300 && memcmp(buf, der, 300) == 0, "get: the very bytes");
    is_reason(staple_cache_get(buf, &len, cache, &keys[0], LATER - 1),
              STAPLE_OK, "get: the last moment");
    is_reason(staple_cache_get(buf, &len, cache, &keys[0], LATER),
              STAPLE_EXPIRED, "get: from use_until on it is not given");
    len = sizeof(buf);
    is_reason(staple_cache_get(buf, &len, cache, &keys[1], NOW),
              STAPLE_NOT_FOUND, "get: another's");
    len = 299;
    memset(buf, 0, sizeof(buf));
    is_reason(staple_cache_get(buf, &len, cache, &keys[0], NOW),
              STAPLE_TOO_LARGE, "get: a byte too little room");
    is_int(len, 300, "get: says how much is needed");
    is_int(buf[0], 0, "get: and writes nothing");
    len = 0;
    is_reason(staple_cache_get(NULL, &len, cache, &keys[0], NOW),
              STAPLE_TOO_LARGE, "get: no room, to learn the length");
    is_int(len, 300, "get: the length");
    free(block);
}

static void test_records(void)
{
    const staple_key_t *keys = make_keys(2, 0);
    apr_size_t size = staple_cache_size(2, 300);
    void *block = make_block(size);
    staple_cache_t *cache = staple_cache_format(block, size, keys, 2, 300);
    staple_writer_t *writer = staple_writer_make(p, cache);
    staple_record_t record, zero, got;
    unsigned i, wrong = 0;

    memset(&zero, 0, sizeof(zero));
    memset(&record, 0, sizeof(record));
    is_int(staple_cache_get_record(&got, cache, 0), 1, "record: is there");
    ok(memcmp(&got, &zero, sizeof(got)) == 0, "record: all zero at first");
    is_int(staple_cache_get_record(&got, cache, 2), 0, "record: bad index");
    is_int(staple_cache_get_record(&got, cache, STAPLE_NONE), 0,
           "record: the index of nobody");
    for (i = 0; i < 100; i++) {
        record.failures = i;
        memset(record.detail, 'a' + (int)(i % 26), 20);
        staple_writer_put_record(writer, 1, &record);
        staple_cache_get_record(&got, cache, 1);
        wrong += memcmp(&got, &record, sizeof(got)) != 0;
        staple_cache_get_record(&got, cache, 0);
        wrong += memcmp(&got, &zero, sizeof(got)) != 0;
    }
    is_int(wrong, 0, "record: each of 100 is read back, the other stays");
    staple_writer_put_record(writer, 2, &record);
    staple_writer_put_record(writer, STAPLE_NONE, &record);
    ok(is_sound(cache), "record: put at a bad index: nothing happens");
    free(block);
}

/* Slots that lead anywhere: nothing outside the block is read. */
static void test_wild_slots(void)
{
    const unsigned count = 4;
    unsigned char *buf = malloc(STAPLE_MAX_RESPONSE);
    const staple_key_t *keys = make_keys(count, 0);
    apr_size_t size = staple_cache_size(count, 9000);
    void *block = make_block(size);
    staple_cache_t *cache =
        staple_cache_format(block, size, keys, count, 9000);
    apr_uint64_t wild = 88172645463325252ULL;
    unsigned i, refused = 0;

    for (i = 0; i < 20000; i++) {
        staple_cache_slot_t *slot
            = staple_cache_find_slot(cache, &keys[i % count]);
        apr_size_t len = STAPLE_MAX_RESPONSE;

        wild ^= wild << 13;
        wild ^= wild >> 7;
        wild ^= wild << 17;
        slot->where = i % 2 == 0 ? wild : wild & 0x7ffffff;
        refused += staple_cache_get(buf, &len, cache, &keys[i % count], 0)
                   == STAPLE_NOT_FOUND;
    }
    ok(refused > 0, "slots that lead anywhere: %u of 20000 lead nowhere",
       refused);
    free(block);
    free(buf);
}

/* Keys that differ in their last bytes only have the same place and tag. */
static void test_same_tag(void)
{
    unsigned char buf[8], der[1] = {0};
    staple_key_t keys[3] = {{{0}}}, nobody = {{0}};
    apr_size_t size = staple_cache_size(3, 400);
    void *block = make_block(size);
    staple_cache_t *cache;
    staple_writer_t *writer;
    apr_uint32_t index;
    apr_size_t len;
    unsigned i;

    for (i = 0; i < 3; i++) {
        keys[i].bytes[STAPLE_KEY_LEN - 1] = (unsigned char)(i + 1);
    }
    cache = staple_cache_format(block, size, keys, 3, 400);
    writer = staple_writer_make(p, cache);
    for (i = 0; i < 2; i++) {
        der[0] = (unsigned char)i;
        staple_writer_put(writer, i, der, 1, LATER);
    }
    for (i = 0; i < 2; i++) {
        len = sizeof(buf);
        is_reason(staple_cache_look_up(buf, &len, &index, cache, &keys[i], NOW),
                  STAPLE_OK, "key %u of three with the same tag", i);
        ok(index == i && len == 1 && buf[0] == i, "its index, its staple");
    }
    len = sizeof(buf);
    is_reason(staple_cache_look_up(buf, &len, &index, cache, &keys[2], NOW),
              STAPLE_NOT_FOUND, "the third has none");
    is_int(index, 2, "but an index");
    is_reason(staple_cache_look_up(buf, &len, &index, cache, &nobody, NOW),
              STAPLE_NOT_FOUND, "a key that is not there, of the same tag");
    is_int(index, STAPLE_NONE, "has none");
    len = 0;
    is_reason(staple_cache_look_up(buf, &len, &index, cache, &keys[1], NOW),
              STAPLE_TOO_LARGE, "no room for the second's");
    ok(index == 1 && len == 1, "its index, its length");
    ok(is_sound(cache), "sound");
    free(block);
}

static int finds_fault(const staple_cache_t *cache)
{
    const char *why = NULL;

    return !cache_check(&why, cache) && why != NULL && why[0] != '\0';
}

/* What the check is for, it finds. */
static void test_check(void)
{
    const unsigned count = 2;
    unsigned char der[1000] = {0};
    const staple_key_t *keys = make_keys(count, 0);
    apr_size_t size = staple_cache_size(count, 1000);
    void *block = make_block(size);
    staple_cache_t *cache =
        staple_cache_format(block, size, keys, count, 1000);
    staple_writer_t *writer = staple_writer_make(p, cache);
    staple_cache_slot_t *first = staple_cache_find_slot(cache, &keys[0]);
    staple_cache_slot_t *second = staple_cache_find_slot(cache, &keys[1]);
    apr_uint64_t was;

    staple_writer_put(writer, 0, der, sizeof(der), LATER);
    staple_writer_put(writer, 1, der, sizeof(der), LATER);
    ok(is_sound(cache), "check: sound");
    was = second->where;
    second->where = first->where;
    ok(finds_fault(cache), "check: a staple of another certificate");
    second->where = was;
    was = first->where;
    first->where = was + sizeof(der);
    ok(finds_fault(cache), "check: two staples overlap");
    first->where = was;
    was = second->where;
    second->where = was | (apr_uint64_t)1 << 40;
    ok(finds_fault(cache), "check: a staple outside the arena");
    second->where = was;
    second->index_plus_1 = 3;
    ok(finds_fault(cache), "check: an index beyond the last");
    second->index_plus_1 = 0;
    ok(finds_fault(cache), "check: a staple in an empty slot");
    free(block);
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&p, NULL);
    test_sizes();
    test_format();
    test_find();
    test_duplicates();
    test_attach();
    test_attach_lies();
    test_get();
    test_records();
    test_wild_slots();
    test_same_tag();
    test_check();
    apr_pool_destroy(p);
    apr_terminate();
    return tap_done();
}
