/* The cache's writer: against a model, killed, replaced, and adopting. */
#include "../cache_stress.h"
#include "../tap.h"

#include <apr_general.h>
#include <apr_hash.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/staple_cache_int.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define HEAD        sizeof(staple_cache_extent_t) /* before a staple's bytes */
#define NOW         apr_time_from_sec(1700000000)
#define LATER       (NOW + apr_time_from_sec(3600))

static apr_pool_t *p;

static apr_uint64_t dice = 88172645463325252ULL;

static unsigned draw(unsigned below)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (unsigned)(dice >> 11) % below;
}

/* A cache of `count` certificates with staples of up to `max_len` bytes; *block
 * is for free(). */
static staple_cache_t *make_cache(void **block, unsigned count,
                                  apr_size_t max_len)
{
    apr_size_t size = staple_cache_size(count, max_len);
    staple_key_t *keys = apr_palloc(p, count * sizeof(*keys));
    unsigned i;

    for (i = 0; i < count; i++) {
        keys[i] = stress_key(i);
    }
    *block = calloc(1, size);
    return staple_cache_format(*block, size, keys, count, max_len);
}

static int is_sound(const staple_cache_t *cache)
{
    const char *why = "";

    return cache_check(&why, cache);
}

/* ---- puts and their limits ---- */

static void test_limits(void)
{
    static unsigned char der[STAPLE_MAX_RESPONSE + 1];
    void *block;
    staple_cache_t *cache = make_cache(&block, 2, STAPLE_MAX_RESPONSE);
    staple_writer_t *writer = staple_writer_make(p, cache);

    is_int(staple_writer_used(writer), 0, "nothing is taken up at first");
    is_reason(staple_writer_put(writer, 0, der, 0, LATER), STAPLE_EMPTY,
              "an empty staple");
    is_reason(staple_writer_put(writer, 0, der, STAPLE_MAX_RESPONSE + 1,
                                LATER),
              STAPLE_STAPLE_TOO_LARGE, "64 KiB and a byte");
    is_reason(staple_writer_put(writer, 2, der, 1, LATER), STAPLE_NOT_FOUND,
              "an index beyond the last");
    is_reason(staple_writer_put(writer, STAPLE_NONE, der, 1, LATER),
              STAPLE_NOT_FOUND, "the index of nobody");
    is_int(staple_writer_used(writer), 0, "none of them took up anything");
    is_reason(staple_writer_put(writer, 0, der, STAPLE_MAX_RESPONSE, LATER),
              STAPLE_OK, "64 KiB");
    is_int(staple_writer_used(writer), 513 * 128, "they take 513 units");
    is_reason(staple_writer_put(writer, 0, der, 1, LATER), STAPLE_OK,
              "one byte instead");
    is_int(staple_writer_used(writer), 128, "it takes one unit");
    is_reason(staple_writer_put(writer, 0, der, 128 - HEAD, LATER),
              STAPLE_OK, "96 bytes");
    is_int(staple_writer_used(writer), 128, "fit into a unit");
    is_reason(staple_writer_put(writer, 0, der, 129 - HEAD, LATER),
              STAPLE_OK, "97 bytes");
    is_int(staple_writer_used(writer), 256, "do not");
    ok(is_sound(cache), "sound");
    free(block);
}

/* What the administrator allows, to the byte; the one held stays. */
static void test_max_len(void)
{
    unsigned char der[STAPLE_LEAST_MAX_SIZE + 1], buf[sizeof(der)];
    staple_key_t key = stress_key(0);
    apr_size_t len = sizeof(buf);
    void *block;
    staple_cache_t *cache = make_cache(&block, 1, STAPLE_LEAST_MAX_SIZE);
    staple_writer_t *writer = staple_writer_make(p, cache);

    is_int(staple_writer_max_len(writer), STAPLE_LEAST_MAX_SIZE, "4096 bytes");
    memset(der, 'a', sizeof(der));
    is_reason(staple_writer_put(writer, 0, der, sizeof(der) - 1, LATER),
              STAPLE_OK, "as long as may be");
    memset(der, 'b', sizeof(der));
    is_reason(staple_writer_put(writer, 0, der, sizeof(der), LATER + 1),
              STAPLE_STAPLE_TOO_LARGE, "a byte longer");
    is_reason(staple_cache_get(buf, &len, cache, &key, LATER - 1), STAPLE_OK,
              "the one held is still there");
    ok(len == sizeof(der) - 1 && buf[0] == 'a' && buf[len - 1] == 'a',
       "and whole");
    is_reason(staple_cache_get(buf, &len, cache, &key, LATER),
              STAPLE_EXPIRED, "and so is its use_until");
    ok(is_sound(cache), "sound");
    free(block);
}

static apr_size_t unit_of(const staple_cache_t *cache, unsigned index)
{
    staple_key_t key = stress_key(index);

    return STAPLE_CACHE_WHERE_UNIT(staple_cache_find_slot(cache, &key)->where);
}

/* Runs of free units that begin or end with a word of the bit map. */
static void test_words(void)
{
    static const unsigned firsts[] = {1, 59, 63, 64, 65, 127, 128, 192};
    static unsigned char der[STAPLE_MAX_RESPONSE];
    unsigned i;

    for (i = 0; i < COUNT(firsts); i++) {
        apr_size_t gap = firsts[i];
        void *block;
        staple_cache_t *cache = make_cache(&block, 3, STAPLE_MAX_RESPONSE);
        staple_writer_t *writer = staple_writer_make(p, cache);

        staple_writer_put(writer, 0, der, gap * 128 - HEAD, LATER);
        staple_writer_put(writer, 1, der, 5 * 128 - HEAD, LATER);
        staple_writer_put(writer, 2, der, 1, LATER);
        staple_writer_put(writer, 1, der, 1, LATER); /* frees the five */
        staple_writer_put(writer, 2, der, 5 * 128 - HEAD + 1, LATER);
        ok(unit_of(cache, 2) != gap, "6 units do not go where 5 are free");
        staple_writer_put(writer, 1, der, 5 * 128 - HEAD, LATER);
        is_int(unit_of(cache, 1), gap, "5 units go behind the first %u",
               firsts[i]);
        ok(is_sound(cache), "sound");
        free(block);
    }
}

/* A free unit before a word that is full, and a run just behind it. */
static void test_behind_full_word(void)
{
    unsigned char der[127 * 128] = {0};
    void *block;
    staple_cache_t *cache = make_cache(&block, 3, sizeof(der));
    staple_writer_t *writer = staple_writer_make(p, cache);

    staple_writer_put(writer, 0, der, 1, LATER);
    staple_writer_put(writer, 1, der, 127 * 128 - HEAD, LATER);
    staple_writer_put(writer, 0, der, 200, LATER); /* 128 and 129 */
    staple_writer_put(writer, 0, der, 200, LATER); /* 130 and 131 */
    is_int(staple_writer_used(writer), 129 * 128, "free: 0, 128, 129");
    staple_writer_put(writer, 2, der, 2 * 128 - HEAD, LATER);
    is_int(unit_of(cache, 2), 128, "two behind a full word are found");
    ok(is_sound(cache), "sound");
    free(block);
}

/* A reader that began with the first and ended with the third would not see
 * the second that was there between if both looked alike. */
static void test_generations(void)
{
    unsigned char der[90] = {0};
    staple_key_t key = stress_key(0);
    void *block;
    staple_cache_t *cache = make_cache(&block, 1, sizeof(der));
    staple_writer_t *writer = staple_writer_make(p, cache);
    staple_cache_slot_t *slot = staple_cache_find_slot(cache, &key);
    apr_uint64_t first, third;
    unsigned i, alike = 0;

    staple_writer_put(writer, 0, der, sizeof(der), LATER);
    first = slot->where;
    staple_writer_put(writer, 0, der, sizeof(der), LATER);
    staple_writer_put(writer, 0, der, sizeof(der), LATER);
    third = slot->where;
    is_int(STAPLE_CACHE_WHERE_UNIT(third), STAPLE_CACHE_WHERE_UNIT(first),
           "the third staple lies where the first did");
    ok(first != third, "and its slot says something else");
    for (i = 0; i < 1000000; i++) {
        first = slot->where;
        staple_writer_put(writer, 0, der, sizeof(der), LATER);
        staple_writer_put(writer, 0, der, sizeof(der), LATER);
        alike += slot->where == first || slot->where == 0;
    }
    is_int(alike, 0, "also when the generations begin again");
    ok(is_sound(cache), "sound");
    free(block);
}

/* ---- there is always room ---- */

#define STATES 200000

/* All that can come about in the smallest arena: each state is reached by puts
 * from the empty one, and in each every put finds room. */
typedef struct walk_t {
    staple_cache_t *cache;
    staple_cache_slot_t *slots[3];
    unsigned count;
    unsigned longest; /* in units */
    unsigned highest; /* unit in use, of all states */
    unsigned refused;
    apr_hash_t *seen;
    apr_uint64_t (*states)[3]; /* `where` of each, without generations */
    unsigned found, looked_at;
} walk_t;

/* The state that the slots show now, if it was not met before. */
static void meet(walk_t *walk)
{
    apr_uint64_t *state = walk->states[walk->found];
    const apr_uint64_t mask = ((apr_uint64_t)1 << (STAPLE_CACHE_LEN_BITS
                                                   + STAPLE_CACHE_UNIT_BITS))
                              - 1;
    unsigned i;

    for (i = 0; i < 3; i++) {
        state[i] = i < walk->count ? walk->slots[i]->where & mask : 0;
    }
    if (walk->found < STATES - 1
        && apr_hash_get(walk->seen, state, sizeof(*walk->states)) == NULL) {
        apr_hash_set(walk->seen, state, sizeof(*walk->states), state);
        walk->found++;
    }
}

static void look_at_state(walk_t *walk, const apr_uint64_t *state,
                          apr_pool_t *scratch)
{
    static unsigned char der[1024];
    unsigned who, units, i;

    for (who = 0; who < walk->count; who++) {
        for (units = 1; units <= walk->longest; units++) {
            for (i = 0; i < walk->count; i++) {
                walk->slots[i]->where = state[i];
            }
            apr_pool_clear(scratch);
            walk->refused +=
                staple_writer_put(staple_writer_make(scratch, walk->cache),
                                  who, der, units * 128 - HEAD, LATER)
                != STAPLE_OK;
            i = (unsigned)STAPLE_CACHE_WHERE_UNIT(walk->slots[who]->where)
                + units - 1;
            walk->highest = i > walk->highest ? i : walk->highest;
            meet(walk);
        }
    }
}

static void test_every_state(unsigned count, unsigned longest)
{
    walk_t walk = {.count = count, .longest = longest};
    apr_pool_t *own, *scratch;
    void *block;
    unsigned i;

    apr_pool_create(&own, p);
    apr_pool_create(&scratch, own);
    walk.cache = make_cache(&block, count, longest * 128 - HEAD);
    walk.seen = apr_hash_make(own);
    walk.states = calloc(STATES, sizeof(*walk.states));
    for (i = 0; i < count; i++) {
        staple_key_t key = stress_key(i);

        walk.slots[i] = staple_cache_find_slot(walk.cache, &key);
    }
    meet(&walk);
    for (i = 0; i < walk.found; i++) {
        look_at_state(&walk, walk.states[i], scratch);
    }
    ok(walk.found > longest && walk.found < STATES - 1,
       "%u of up to %u units: %u states, up to unit %u of %u", count, longest,
       walk.found, walk.highest, (unsigned)walk.cache->units);
    is_int(walk.refused, 0, "in each every put finds room");
    free(walk.states);
    free(block);
    apr_pool_destroy(own);
}

/* Puts that want to leave gaps which are just too small, at random. */
static void test_gaps(void)
{
    static unsigned char der[STAPLE_LEAST_MAX_SIZE];
    unsigned count, i, refused = 0, unsound = 0;

    for (count = 1; count <= 12; count++) {
        void *block;
        staple_cache_t *cache = make_cache(&block, count, sizeof(der));
        staple_writer_t *writer = staple_writer_make(p, cache);

        for (i = 0; i < 20000; i++) {
            static const apr_size_t lens[] = {
                1, 128, sizeof(der) / 2, sizeof(der) - 128, sizeof(der)};
            apr_size_t len = draw(2) ? lens[draw(COUNT(lens))]
                                     : 1 + draw(sizeof(der));

            refused += staple_writer_put(writer, draw(count), der, len, LATER)
                       != STAPLE_OK;
            unsound += i % 100 == 0 && !is_sound(cache);
        }
        free(block);
    }
    is_int(refused, 0, "random puts with gaps: there is always room");
    is_int(unsound, 0, "and it is sound");
}

/* ---- random operations against a model ---- */

#define MODEL_COUNT 20

typedef struct model_t {
    staple_cache_t *cache;
    staple_writer_t *writer;
    apr_uint64_t number[MODEL_COUNT]; /* of the staple held, 0 = none */
    unsigned char der[STAPLE_MAX_RESPONSE];
    unsigned char buf[STAPLE_MAX_RESPONSE];
    char *taken; /* by unit */
} model_t;

/* The lowest run of units that no slot leads to, the slow way. */
static apr_size_t lowest_free(const model_t *model, apr_size_t units)
{
    const staple_cache_t *cache = model->cache;
    apr_size_t run = 0, i;
    apr_uint64_t k;

    memset(model->taken, 0, cache->units);
    for (k = 0; k <= cache->slot_mask; k++) {
        apr_uint64_t where = staple_cache_slots(cache)[k].where;

        if (where != 0) {
            memset(model->taken + STAPLE_CACHE_WHERE_UNIT(where), 1,
                   staple_cache_units(STAPLE_CACHE_WHERE_LEN(where)));
        }
    }
    for (i = 0; i < cache->units && run < units; i++) {
        run = model->taken[i] ? 0 : run + 1;
    }
    return i - run;
}

static int put_one(model_t *model, apr_uint64_t number)
{
    unsigned index = draw(MODEL_COUNT);
    apr_size_t len = stress_fill(model->der, number);
    apr_size_t unit = lowest_free(model, staple_cache_units(len));

    if (staple_writer_put(model->writer, index, model->der, len,
                          NOW + (apr_time_t)number)
        != STAPLE_OK) {
        return 0;
    }
    model->number[index] = number;
    return unit_of(model->cache, index) == unit;
}

static int get_one(model_t *model, unsigned index)
{
    staple_key_t key = stress_key(index);
    apr_size_t len = sizeof(model->buf), want;
    staple_reason_e reason = staple_cache_get(model->buf, &len, model->cache,
                                              &key, NOW);

    if (model->number[index] == 0) {
        return reason == STAPLE_NOT_FOUND;
    }
    want = stress_fill(model->der, model->number[index]);
    return reason == STAPLE_OK && len == want
           && memcmp(model->buf, model->der, len) == 0;
}

static int used_is_right(const model_t *model)
{
    apr_size_t units = 0;
    apr_uint64_t k;

    for (k = 0; k <= model->cache->slot_mask; k++) {
        apr_uint64_t where = staple_cache_slots(model->cache)[k].where;

        units += where != 0
                     ? staple_cache_units(STAPLE_CACHE_WHERE_LEN(where))
                     : 0;
    }
    return units * STAPLE_CACHE_UNIT == staple_writer_used(model->writer);
}

static void test_model(void)
{
    model_t *model = calloc(1, sizeof(*model));
    unsigned wrong[4] = {0, 0, 0, 0};
    apr_pool_t *sub = NULL;
    apr_uint64_t i;
    void *block;

    model->cache = make_cache(&block, MODEL_COUNT, STAPLE_MAX_RESPONSE);
    model->taken = malloc(model->cache->units);
    model->writer = staple_writer_make(p, model->cache);
    for (i = 1; i <= 6000; i++) {
        if (draw(50) == 0) {
            /* Another writer takes over. */
            if (sub != NULL) {
                apr_pool_destroy(sub);
            }
            apr_pool_create(&sub, p);
            model->writer = staple_writer_make(sub, model->cache);
        }
        wrong[0] += !put_one(model, i);
        wrong[1] += !get_one(model, draw(MODEL_COUNT));
        wrong[2] += !is_sound(model->cache);
        wrong[3] += !used_is_right(model);
    }
    is_int(wrong[0], 0, "6000 puts: each where the lowest room is");
    is_int(wrong[1], 0, "6000 gets: what was put last");
    is_int(wrong[2], 0, "6000 checks: sound after each operation");
    is_int(wrong[3], 0, "6000 times the units in use are what slots say");
    for (i = 0; i < MODEL_COUNT; i++) {
        wrong[1] += !get_one(model, (unsigned)i);
    }
    is_int(wrong[1], 0, "at the end all are what was put last");
    free(block);
    free(model->taken);
    free(model);
}

/* ---- processes ---- */

#define ROUNDS 80

/* A reader until it is told to stop.  Never returns. */
static void read_in_child(stress_t *shared, unsigned who)
{
    stress_reader_t *reader = calloc(1, sizeof(*reader));

    alarm(60);
    reader->shared = shared;
    reader->who = who;
    while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
        stress_read(reader);
    }
    _exit(shared->faults[who] != 0);
}

/* A writer until it is killed.  Never returns. */
static void write_in_child(stress_t *shared)
{
    static unsigned char der[STAPLE_MAX_RESPONSE];
    staple_writer_t *writer;

    alarm(60);
    writer = staple_writer_make(p, shared->cache);
    for (;;) {
        stress_write(shared, writer, der);
    }
}

/* Lets a writer work for some staples, then kills it in the middle. */
static int kill_a_writer(stress_t *shared, unsigned staples)
{
    apr_uint64_t until = shared->number + staples;
    pid_t writer = fork();
    int status = 0;

    if (writer == 0) {
        write_in_child(shared);
    }
    while (__atomic_load_n(&shared->number, __ATOMIC_RELAXED) < until) {
        sched_yield();
    }
    kill(writer, SIGKILL);
    waitpid(writer, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void report(const stress_t *shared, const pid_t *readers)
{
    unsigned i;
    int status;

    for (i = 0; i < STRESS_READERS; i++) {
        status = -1;
        waitpid(readers[i], &status, 0);
        is_int(status, 0, "reader %u ended well", i);
        ok(shared->finds[i] > 0, "reader %u: %" PRIu64 " staples found", i,
           (uint64_t)shared->finds[i]);
        is_int(shared->faults[i], 0,
               "reader %u: each whole, none older than the one before, "
               "none gone", i);
    }
}

static void test_processes(void)
{
    apr_size_t size = sizeof(stress_t) + stress_block_size();
    stress_t *shared = mmap(NULL, size, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t readers[STRESS_READERS];
    unsigned i, killed = 0, sound = 0;

    stress_begin(shared, shared + 1);
    fflush(stdout);
    for (i = 0; i < STRESS_READERS; i++) {
        readers[i] = fork();
        if (readers[i] == 0) {
            read_in_child(shared, i);
        }
    }
    for (i = 0; i < ROUNDS; i++) {
        killed += (unsigned)kill_a_writer(shared, 1 + draw(100));
        sound += (unsigned)is_sound(shared->cache);
    }
    __atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
    is_int(killed, ROUNDS, "writers killed at work");
    is_int(sound, ROUNDS, "sound after each of them");
    report(shared, readers);
    ok(shared->number > ROUNDS, "%" PRIu64 " staples were begun",
       (uint64_t)shared->number);
    munmap(shared, size);
}

/* ---- adopting an older cache ---- */

static void test_adopt(void)
{
    unsigned char der[400], buf[400];
    staple_key_t keys[] = {stress_key(7), stress_key(50), stress_key(2),
                           stress_key(2)};
    apr_size_t size = staple_cache_size(COUNT(keys), sizeof(der));
    void *block, *older_block;
    staple_cache_t *older = make_cache(&older_block, 10, 4096);
    staple_writer_t *writer = staple_writer_make(p, older);
    staple_cache_t *cache;
    staple_record_t record;
    apr_size_t len = sizeof(buf);
    unsigned i;

    for (i = 0; i < 10; i++) {
        memset(der, 'a' + (int)i, sizeof(der));
        memset(&record, 0, sizeof(record));
        record.requests = i;
        staple_writer_put(writer, i, der, 300 + i, LATER + i);
        staple_writer_put_record(writer, i, &record);
    }
    block = calloc(1, size);
    cache = staple_cache_format(block, size, keys, COUNT(keys), sizeof(der));
    writer = staple_writer_make(p, cache);
    is_int(staple_writer_adopt(writer, older), 0, "adopt: all that is known");
    is_reason(staple_cache_get(buf, &len, cache, &keys[0], NOW), STAPLE_OK,
              "adopt: a staple at another index");
    ok(len == 307 && buf[0] == 'h' && buf[306] == 'h', "adopt: its bytes");
    is_reason(staple_cache_get(buf, &len, cache, &keys[0], LATER + 7),
              STAPLE_EXPIRED, "adopt: its use_until");
    staple_cache_get_record(&record, cache, 0);
    is_int(record.requests, 7, "adopt: its record");
    is_reason(staple_cache_get(buf, &len, cache, &keys[1], NOW),
              STAPLE_NOT_FOUND, "adopt: one that the older does not know");
    staple_cache_get_record(&record, cache, 1);
    is_int(record.requests, 0, "adopt: nor a record of it");
    len = sizeof(buf);
    is_reason(staple_cache_get(buf, &len, cache, &keys[3], NOW), STAPLE_OK,
              "adopt: a repeated key");
    is_int(len, 302, "adopt: a repeated key: length");
    ok(is_sound(cache), "adopt: sound");
    ok(is_sound(older), "adopt: the older is sound");
    free(block);
    free(older_block);
}

static void test_adopt_nothing(void)
{
    void *block, *older_block;
    staple_cache_t *cache = make_cache(&block, 5, 100);
    staple_cache_t *older = make_cache(&older_block, 5, 100);
    staple_writer_t *writer = staple_writer_make(p, cache);
    staple_record_t record;

    memset(&record, 0, sizeof(record));
    record.requests = 3;
    staple_writer_put_record(staple_writer_make(p, older), 4, &record);
    staple_writer_adopt(writer, older);
    staple_cache_get_record(&record, cache, 4);
    is_int(record.requests, 3, "adopt: a record without a staple");
    is_int(staple_writer_used(writer), 0, "adopt: no staple came");
    free(block);
    free(older_block);
}

/* OCSPStapleMaxSize was lowered: what is too long now is as if it had never
 * been, and asked for at once. */
static void test_adopt_too_long(void)
{
    unsigned char der[500] = {1}, buf[500];
    void *block, *older_block;
    staple_cache_t *cache = make_cache(&block, 3, 499);
    staple_cache_t *older = make_cache(&older_block, 3, 500);
    staple_writer_t *before = staple_writer_make(p, older);
    staple_writer_t *writer = staple_writer_make(p, cache);
    staple_key_t keys[] = {stress_key(0), stress_key(1)};
    staple_record_t record = {.next_at = LATER, .attempted_at = NOW,
                              .state_since = NOW, .state = 1, .requests = 4,
                              .failed = 3};
    unsigned i;

    for (i = 0; i < 2; i++) {
        record.der_len = 500 - i;
        record.held.use_until = LATER;
        staple_writer_put(before, i, der, record.der_len, LATER);
        staple_writer_put_record(before, i, &record);
    }
    is_int(staple_writer_adopt(writer, older), 1, "adopt: one is too long");
    for (i = 0; i < 2; i++) {
        apr_size_t len = sizeof(buf);

        is_reason(staple_cache_get(buf, &len, cache, &keys[i], NOW),
                  i == 0 ? STAPLE_NOT_FOUND : STAPLE_OK, "adopt: staple %u", i);
        staple_cache_get_record(&record, cache, i);
        is_int(record.der_len, i == 0 ? 0 : 499, "adopt: its record says so");
        is_int(record.next_at, i == 0 ? 0 : LATER, "adopt: when to ask");
        is_int(record.state_since, i == 0 ? 0 : NOW, "adopt: its state");
        is_int(record.requests, 4, "adopt: what was counted");
    }
    free(block);
    free(older_block);
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&p, NULL);
    test_limits();
    test_max_len();
    test_words();
    test_behind_full_word();
    test_generations();
    test_every_state(1, 5);
    test_every_state(2, 4);
    test_every_state(3, 3);
    test_gaps();
    test_model();
    test_processes();
    test_adopt();
    test_adopt_nothing();
    test_adopt_too_long();
    apr_pool_destroy(p);
    apr_terminate();
    return tap_done();
}
