/* What has to be stored, and when; what a new generation takes over. */
#include "../make_ocsp.h"
#include "../tap.h"

#include <stdlib.h>

#include "cache/staple_dirty.h"
#include "cache/staple_writer.h"

#define COUNT 4

static apr_pool_t *p;

typedef struct shared_t {
    staple_key_t keys[COUNT];
    staple_cache_t *cache;
    staple_writer_t *writer;
    staple_dirty_t *ledger;
} shared_t;

static apr_time_t at(apr_int64_t seconds)
{
    return apr_time_from_sec(MAKE_NOW + seconds);
}

static void *zeroed(apr_size_t size)
{
    return apr_pcalloc(p, size);
}

/* Certificates 'first', 'first' + 1, ... */
static shared_t make(unsigned char first)
{
    apr_size_t size = staple_cache_size(COUNT, 4096);
    shared_t shared;
    int i;

    memset(&shared, 0, sizeof(shared));
    for (i = 0; i < COUNT; i++) {
        shared.keys[i].bytes[0] = (unsigned char)(first + i);
    }
    shared.cache = staple_cache_format(zeroed(size), size, shared.keys, COUNT,
                                       4096);
    shared.writer = staple_writer_make(p, shared.cache);
    shared.ledger =
        staple_dirty_format(zeroed(staple_dirty_size(COUNT)), COUNT);
    return shared;
}

static void put_record(shared_t *shared, apr_uint32_t index, unsigned failures)
{
    staple_record_t record;

    staple_cache_get_record(&record, shared->cache, index);
    record.failures = failures;
    staple_writer_put_record(shared->writer, index, &record);
}

static void put_staple(shared_t *shared, apr_uint32_t index)
{
    staple_record_t record = {.der_len = 5, .held.use_until = at(100)};

    staple_writer_put(shared->writer, index, (const unsigned char *)"12345", 5,
                      at(100));
    staple_writer_put_record(shared->writer, index, &record);
}

static staple_dirty_due_e due(shared_t *shared, apr_uint32_t index,
                               apr_time_t now)
{
    staple_stamp_t stamp;

    staple_cache_stamp(&stamp, shared->cache, &shared->keys[index]);
    return staple_dirty_due(shared->ledger, index, &stamp, now);
}

static void note(shared_t *shared, apr_uint32_t index, apr_time_t now)
{
    staple_stamp_t stamp;

    staple_cache_stamp(&stamp, shared->cache, &shared->keys[index]);
    staple_dirty_note(shared->ledger, index, &stamp, now);
}

static void test_due(void)
{
    shared_t shared = make(1);

    is_int(due(&shared, 0, at(0)), STAPLE_DIRTY_STORED,
           "nothing happened: nothing to do");
    put_record(&shared, 0, 1);
    is_int(due(&shared, 0, at(0)), STAPLE_DIRTY_RECORD,
           "the first failure is written at once");
    note(&shared, 0, at(0));
    is_int(due(&shared, 0, at(0)), STAPLE_DIRTY_STORED, "once");
    put_record(&shared, 0, 2);
    is_int(due(&shared, 0, at(59)), STAPLE_DIRTY_TOO_SOON,
           "the next waits for a minute");
    is_int(due(&shared, 0, at(60)), STAPLE_DIRTY_RECORD, "and no longer");
    is_int(due(&shared, 0, at(-3600)), STAPLE_DIRTY_RECORD,
           "nor for a clock that was set back");
    put_staple(&shared, 0);
    is_int(due(&shared, 0, at(1)), STAPLE_DIRTY_STAPLE,
           "a staple does not wait");
    note(&shared, 0, at(1));
    put_staple(&shared, 0);
    is_int(due(&shared, 0, at(1)), STAPLE_DIRTY_STAPLE,
           "nor does another, be it the very same bytes");
    note(&shared, 0, at(1));
    is_int(due(&shared, 1, at(1)), STAPLE_DIRTY_STORED,
           "others are not concerned");
    staple_dirty_bind(shared.ledger, 4711);
    is_int(due(&shared, 0, at(1)), STAPLE_DIRTY_STORED,
           "the directory gets known: nothing to do");
    staple_dirty_bind(shared.ledger, 4711);
    is_int(due(&shared, 0, at(1)), STAPLE_DIRTY_STORED,
           "it is the same as before: nothing to do");
    staple_dirty_bind(shared.ledger, 4712);
    is_int(due(&shared, 0, at(1)), STAPLE_DIRTY_STAPLE,
           "another directory: all has to be written");
}

/* The new generation knows 3, 4, 5, 6; the old one knew 1, 2, 3, 4. */
static void test_adopt(void)
{
    shared_t older = make(1), newer = make(3);

    staple_dirty_bind(older.ledger, 4711);
    put_staple(&older, 2);
    note(&older, 2, at(5));
    put_staple(&older, 3);
    staple_writer_adopt(newer.writer, older.cache);
    staple_dirty_adopt(newer.ledger, newer.cache, older.ledger, older.cache,
                        newer.keys);
    is_int(due(&newer, 0, at(6)), STAPLE_DIRTY_STORED,
           "stored by the old generation, stored for the new one");
    is_int(due(&newer, 1, at(6)), STAPLE_DIRTY_STAPLE,
           "not stored by the old one: to be stored");
    is_int(due(&newer, 2, at(6)), STAPLE_DIRTY_STORED,
           "unknown to the old one: nothing to store");
    put_record(&newer, 0, 1);
    is_int(due(&newer, 0, at(64)), STAPLE_DIRTY_TOO_SOON,
           "the minute began with the old generation");
    staple_dirty_bind(newer.ledger, 4712);
    is_int(due(&newer, 0, at(64)), STAPLE_DIRTY_STAPLE,
           "another directory than the old one had: all has to be written");
}

/* What another version of the module left, or another's memory, is not read. */
static void test_attach(void)
{
    apr_size_t size = staple_dirty_size(COUNT), i;
    unsigned char *block = zeroed(size), *copy = zeroed(size);
    staple_dirty_t *ledger = staple_dirty_format(block, COUNT);
    unsigned taken = 0;

    ok(staple_dirty_attach(block, size) == ledger, "attach: to its block");
    ok(staple_dirty_attach(block, size + 100) == ledger, "attach: to more");
    for (i = 0; i < size; i++) {
        taken += staple_dirty_attach(block, i) != NULL;
    }
    is_int(taken, 0, "attach: never to less");
    for (i = 0; i < 16 * 8; i++) {
        memcpy(copy, block, size);
        copy[i / 8] ^= (unsigned char)(1 << i % 8);
        taken += staple_dirty_attach(copy, size) != NULL;
    }
    is_int(taken, 0, "attach: not with another version or size of a line");
    memset(copy, 0, size);
    ok(staple_dirty_attach(copy, size) == NULL, "attach: not to zeroes");
    memset(copy, 0xff, size);
    ok(staple_dirty_attach(copy, size) == NULL, "attach: not to ones");
}

static void test_news(void)
{
    shared_t older = make(1), newer = make(3);

    ok(!staple_dirty_is_news(older.ledger, 1), "it works: no news");
    ok(staple_dirty_is_news(older.ledger, 0), "it fails: news");
    ok(!staple_dirty_is_news(older.ledger, 0), "once");
    staple_dirty_adopt(newer.ledger, newer.cache, older.ledger, older.cache,
                        newer.keys);
    ok(staple_dirty_is_news(older.ledger, 1), "it works again: news");
    ok(!staple_dirty_is_news(older.ledger, 1), "once");
    ok(staple_dirty_is_news(newer.ledger, 0),
       "the next generation is told again");
    staple_dirty_adopt(newer.ledger, newer.cache, newer.ledger, newer.cache,
                        newer.keys);
    ok(staple_dirty_is_news(newer.ledger, 1),
       "the one in which it works again is told, too");
}

static void test_restored(void)
{
    shared_t shared = make(1);
    apr_uint32_t i;

    for (i = 0; i < COUNT; i++) {
        is_int(staple_dirty_restore_next(shared.ledger), i,
               "one after the other, whoever asks");
    }
    is_int(staple_dirty_restore_next(shared.ledger), COUNT, "no more");
    is_int(staple_dirty_restore_next(shared.ledger), COUNT, "nor later");
    is_int(staple_dirty_restore_until(shared.ledger, at(2)), at(2),
           "until when: what the first says");
    is_int(staple_dirty_restore_until(shared.ledger, at(9)), at(2),
           "holds for all");
    ok(!staple_dirty_is_restored(shared.ledger), "not restored at first");
    staple_dirty_set_restored(shared.ledger);
    ok(staple_dirty_is_restored(shared.ledger), "restored");
}

/* Record and staple belong together, or there is no snapshot. */
static void test_snapshot(void)
{
    shared_t shared = make(1);
    staple_stamp_t stamp, now;
    staple_record_t record;
    unsigned char der[16];
    apr_size_t len = sizeof(der);
    staple_key_t stranger = {{99}};

    ok(staple_cache_snapshot(&stamp, &record, der, &len, shared.cache,
                             &shared.keys[0])
           && len == 0,
       "nothing held: a record without staple");
    put_staple(&shared, 0);
    len = sizeof(der);
    ok(staple_cache_snapshot(&stamp, &record, der, &len, shared.cache,
                             &shared.keys[0])
           && len == 5 && memcmp(der, "12345", 5) == 0
           && record.held.use_until == at(100),
       "both");
    staple_cache_stamp(&now, shared.cache, &shared.keys[0]);
    ok(memcmp(&now, &stamp, sizeof(now)) == 0, "and their stamp");
    staple_writer_put(shared.writer, 0, (const unsigned char *)"123", 3,
                      at(200));
    len = sizeof(der);
    ok(!staple_cache_snapshot(&stamp, &record, der, &len, shared.cache,
                              &shared.keys[0]),
       "a writer that was killed in between leaves no pair");
    ok(!staple_cache_stamp(&stamp, shared.cache, &stranger),
       "no stamp of a certificate that is not there");
    len = sizeof(der);
    ok(!staple_cache_snapshot(&stamp, &record, der, &len, shared.cache,
                              &stranger),
       "nor a snapshot");
    put_staple(&shared, 1);
    len = 4;
    ok(!staple_cache_snapshot(&stamp, &record, der, &len, shared.cache,
                              &shared.keys[1]),
       "nor where the room is too small");
}

int main(void)
{
    p = make_begin();
    test_due();
    test_adopt();
    test_attach();
    test_news();
    test_restored();
    test_snapshot();
    make_end(p);
    return tap_done();
}
