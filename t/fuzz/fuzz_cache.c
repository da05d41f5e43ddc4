/* A cache under any sequence of operations, and on blocks full of garbage. */
#include <string.h>

#include "cache/staple_cache_int.h"
#include "fuzz.h"
#include "../unit/cache_stress.h"
#include "cache/staple_writer.h"

#define COUNT 6
#define MAX_LEN 1000 /* of a staple that is taken */

/* What the cache should hold. */
typedef struct model_t {
    apr_size_t len[COUNT];
    unsigned char fill[COUNT];
    apr_time_t use_until[COUNT];
    apr_uint32_t failures[COUNT];
} model_t;

static apr_pool_t *root;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    apr_initialize();
    apr_pool_create(&root, NULL);
    return 0;
}

/* Keys that collide: all of them hash to one slot or to two. */
static staple_key_t make_key(unsigned index)
{
    staple_key_t key;

    memset(&key, 0, sizeof(key));
    key.bytes[0] = (unsigned char)(index % 2);
    key.bytes[19] = (unsigned char)index;
    return key;
}

static staple_cache_t *make_cache(void **block, apr_size_t *size)
{
    staple_key_t keys[COUNT];
    unsigned i;

    for (i = 0; i < COUNT; i++) {
        keys[i] = make_key(i);
    }
    *size = staple_cache_size(COUNT, MAX_LEN);
    *block = calloc(1, *size);
    FUZZ_CHECK(*block != NULL);
    return staple_cache_format(*block, *size, keys, COUNT, MAX_LEN);
}

static void check_one(const staple_cache_t *cache, const model_t *model,
                      unsigned i)
{
    staple_key_t key = make_key(i);
    unsigned char buf[MAX_LEN];
    apr_size_t len = sizeof(buf);
    staple_record_t record;
    apr_size_t k;

    FUZZ_CHECK(staple_cache_find(cache, &key) == i);
    FUZZ_CHECK(staple_cache_get_record(&record, cache, i));
    FUZZ_CHECK(record.failures == model->failures[i]);
    if (model->len[i] == 0) {
        FUZZ_CHECK(staple_cache_get(buf, &len, cache, &key, 0)
                   == STAPLE_NOT_FOUND);
        return;
    }
    FUZZ_CHECK(staple_cache_get(buf, &len, cache, &key,
                                model->use_until[i] - 1)
               == STAPLE_OK);
    FUZZ_CHECK(len == model->len[i]);
    for (k = 0; k < len; k++) {
        FUZZ_CHECK(buf[k] == model->fill[i]);
    }
    FUZZ_CHECK(staple_cache_get(buf, &len, cache, &key, model->use_until[i])
               == STAPLE_EXPIRED);
    len = model->len[i] - 1;
    FUZZ_CHECK(staple_cache_get(buf, &len, cache, &key, 0)
               == STAPLE_TOO_LARGE);
}

static void check_all(const staple_cache_t *cache,
                      const staple_writer_t *writer, const model_t *model)
{
    apr_size_t used = 0;
    const char *why;
    unsigned i;

    FUZZ_CHECK(cache_check(&why, cache));
    for (i = 0; i < COUNT; i++) {
        check_one(cache, model, i);
        used += model->len[i] > 0 ? staple_cache_units(model->len[i]) : 0;
    }
    FUZZ_CHECK(staple_writer_used(writer) == used * STAPLE_CACHE_UNIT);
}

static void put(staple_writer_t *writer, model_t *model, unsigned i,
                apr_size_t len, unsigned char fill)
{
    unsigned char *der = malloc(len + 1);
    apr_time_t use_until = 1 + (apr_time_t)fill * 1000;
    staple_reason_e reason;

    FUZZ_CHECK(der != NULL);
    memset(der, fill, len);
    reason = staple_writer_put(writer, i, der, len, use_until);
    if (reason == STAPLE_OK) {
        FUZZ_CHECK(i < COUNT && len > 0);
        model->len[i] = len;
        model->fill[i] = fill;
        model->use_until[i] = use_until;
    }
    else {
        FUZZ_CHECK((reason == STAPLE_NOT_FOUND && i >= COUNT)
                   || (reason == STAPLE_EMPTY && len == 0)
                   || (reason == STAPLE_STAPLE_TOO_LARGE && len > MAX_LEN));
    }
    free(der);
}

static void put_record(staple_writer_t *writer, model_t *model, unsigned i,
                       unsigned failures)
{
    staple_record_t record = {.failures = failures};

    staple_writer_put_record(writer, i, &record);
    if (i < COUNT) {
        model->failures[i] = failures;
    }
}

/* Everything goes over to a new cache, as at a graceful restart. */
static staple_cache_t *move(staple_writer_t **writer, apr_pool_t *p,
                            void **block)
{
    apr_size_t size;
    void *older_block = *block;
    staple_cache_t *older = older_block;
    staple_cache_t *cache = make_cache(block, &size);

    FUZZ_CHECK(staple_cache_attach(*block, size) == cache);
    *writer = staple_writer_make(p, cache);
    staple_writer_adopt(*writer, older);
    free(older_block);
    return cache;
}

/* Four bytes each: what, which certificate, length, filling. */
static void try_operations(apr_pool_t *p, const uint8_t *data, size_t size)
{
    model_t model = {{0}, {0}, {0}, {0}};
    apr_size_t block_size;
    void *block;
    staple_cache_t *cache = make_cache(&block, &block_size);
    staple_writer_t *writer = staple_writer_make(p, cache);
    int left = 200;

    for (; size >= 4 && left > 0; data += 4, size -= 4, left--) {
        unsigned which = data[1] % (COUNT + 1);

        switch (data[0] % 8) {
        case 0:
            writer = staple_writer_make(p, cache);
            break;
        case 1:
            cache = move(&writer, p, &block);
            break;
        case 2:
            put_record(writer, &model, which, data[2]);
            break;
        default:
            put(writer, &model, which, data[2] * 4U + data[3] % 4, data[3]);
            break;
        }
        check_all(cache, writer, &model);
    }
    free(block);
}

/* Whatever lies in a block: who attaches to it and finds it sound can read
 * and write it. */
static void try_garbage(apr_pool_t *p, const uint8_t *data, size_t size)
{
    unsigned char *block = fuzz_copy(data, size);
    staple_cache_t *cache = staple_cache_attach(block, size);
    unsigned char buf[STAPLE_MAX_RESPONSE];
    const char *why;

    if (cache != NULL && cache_check(&why, cache)) {
        staple_writer_t *writer = staple_writer_make(p, cache);
        staple_key_t key = make_key(data[size - 1]);
        apr_size_t len = sizeof(buf);
        staple_record_t record;

        staple_cache_get(buf, &len, cache, &key, 0);
        staple_cache_get_record(&record, cache, data[size - 1]);
        staple_writer_put_record(writer, data[size - 1], &record);
        FUZZ_CHECK(staple_writer_put(writer, data[size - 1], buf,
                                     1 + data[size - 1], 1)
                   != STAPLE_NO_MEMORY);
        FUZZ_CHECK(cache_check(&why, cache));
    }
    free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned how = fuzz_byte(&data, &size);
    apr_pool_t *p;

    apr_pool_create(&p, root);
    if (how & 1) {
        try_garbage(p, data, size);
    }
    else {
        try_operations(p, data, size);
    }
    apr_pool_destroy(p);
    return 0;
}
