/* Program bench_cache: what a look-up costs beside a plain copy, and memory. */
#include <apr_general.h>
#include <apr_strings.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench_util.h"
#include "cache/staple_cache_int.h"
#include "cache/staple_writer.h"

/*
 * bench_cache CERTIFICATES ROUNDS
 *
 * Staples of 2 KiB in shared memory; each round reads all of them in a random
 * order, once by staple_cache_get() and once by memcpy() of the same bytes
 * from the same places in the same order, one after the other, so that both
 * meet the same machine.  Then the same on every core at once while a writer
 * replaces staples; there the threads' own processor time counts, because the
 * writer shares the cores.  A ratio is of one thread and one round.
 */
#define DER_LEN 2048
#define FOREVER APR_INT64_MAX
#define MAX_CORES 64
#define MAX_ROUNDS 101

static struct {
    staple_cache_t *cache;
    staple_writer_t *writer;
    staple_key_t *keys;
    apr_uint32_t count;
    int rounds;
    int writer_stops;
    apr_uint64_t written;
} bench;

typedef struct reader_t {
    pthread_t thread;
    staple_key_t *keys;           /* all, in a random order */
    const unsigned char **places; /* of their staples */
    clockid_t clock;
    double ratios[MAX_ROUNDS], lookups[MAX_ROUNDS];
} reader_t;

/* xorshift64: any spread will do. */
static apr_uint64_t draw(void)
{
    static apr_uint64_t state = 88172645463325252ULL;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void *map(apr_size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (block == MAP_FAILED) {
        bench_die("no %lu bytes of shared memory", (unsigned long)size);
    }
    return block;
}

/* Bytes of `block` that really take up memory. */
static double resident(void *block, apr_size_t size)
{
    apr_size_t page = (apr_size_t)sysconf(_SC_PAGESIZE);
    apr_size_t pages = (size + page - 1) / page;
    unsigned char *is_in = calloc(1, pages);
    double bytes = 0;
    apr_size_t i;

    if (is_in == NULL || mincore(block, size, is_in) != 0) {
        bench_die("mincore does not answer");
    }
    for (i = 0; i < pages; i++) {
        bytes += is_in[i] & 1 ? (double)page : 0;
    }
    free(is_in);
    return bytes;
}

static void make_keys(apr_pool_t *p, apr_uint32_t count)
{
    apr_uint32_t i;
    int k;

    bench.count = count;
    bench.keys = apr_palloc(p, count * sizeof(staple_key_t));
    for (i = 0; i < count; i++) {
        for (k = 0; k < STAPLE_KEY_LEN; k++) {
            bench.keys[i].bytes[k] = (unsigned char)draw();
        }
    }
}

/* A cache with a staple of `der_len` bytes for each key. */
static void fill(apr_pool_t *p, apr_size_t der_len, apr_size_t *size)
{
    unsigned char der[DER_LEN];
    apr_uint32_t i;
    void *block;

    *size = staple_cache_size(bench.count, STAPLE_USUAL_MAX_SIZE);
    block = map(*size);
    bench.cache = staple_cache_format(block, *size, bench.keys, bench.count,
                                      STAPLE_USUAL_MAX_SIZE);
    bench.writer = staple_writer_make(p, bench.cache);
    memset(der, 7, sizeof(der));
    for (i = 0; i < bench.count; i++) {
        staple_record_t record = {.der_len = (apr_uint32_t)der_len};

        memcpy(der, &i, sizeof(i));
        if (staple_writer_put(bench.writer, i, der, der_len, FOREVER)
            != STAPLE_OK) {
            bench_die("the cache is full");
        }
        staple_writer_put_record(bench.writer, i, &record);
    }
}

/* ---- memory ---- */

static void measure_memory(apr_pool_t *p)
{
    apr_size_t size;
    double bytes;

    fill(p, 500, &size);
    bytes = resident(bench.cache, size) / bench.count;
    bench_row("bytes of shared memory per 500-byte staple", &bytes, 1);
    munmap(bench.cache, size);
}

/* ---- look-ups ---- */

/* mod_ssl comes with the key in hand: neither side has to look for the next. */
static void shuffle(apr_pool_t *p, reader_t *reader)
{
    apr_uint32_t i;

    reader->keys =
        apr_pmemdup(p, bench.keys, bench.count * sizeof(*bench.keys));
    reader->places = apr_palloc(p, bench.count * sizeof(void *));
    for (i = bench.count - 1; i > 0; i--) {
        apr_uint32_t k = (apr_uint32_t)(draw() % (i + 1));
        staple_key_t other = reader->keys[k];

        reader->keys[k] = reader->keys[i];
        reader->keys[i] = other;
    }
    for (i = 0; i < bench.count; i++) {
        const staple_cache_slot_t *slot =
            staple_cache_find_slot(bench.cache, &reader->keys[i]);

        reader->places[i] =
            (const unsigned char *)staple_cache_extent(
                bench.cache, STAPLE_CACHE_WHERE_UNIT(slot->where))
                ->der;
    }
}

static double time_lookups(const reader_t *reader)
{
    unsigned char buf[6144];
    apr_size_t len;
    double began = bench_seconds(reader->clock);
    apr_uint32_t i;

    for (i = 0; i < bench.count; i++) {
        len = sizeof(buf);
        if (staple_cache_get(buf, &len, bench.cache, &reader->keys[i], 1)
                != STAPLE_OK
            || len != DER_LEN) {
            bench_die("a staple is not there");
        }
        __asm__ volatile("" : : "r"(buf) : "memory");
    }
    return bench_seconds(reader->clock) - began;
}

static double time_copies(const reader_t *reader)
{
    unsigned char buf[6144];
    double began = bench_seconds(reader->clock);
    apr_uint32_t i;

    for (i = 0; i < bench.count; i++) {
        memcpy(buf, reader->places[i], DER_LEN);
        __asm__ volatile("" : : "r"(buf) : "memory");
    }
    return bench_seconds(reader->clock) - began;
}

static void *run_reader(void *data)
{
    reader_t *reader = data;
    int i;

    for (i = 0; i < bench.rounds; i++) {
        double lookups = time_lookups(reader);
        double copies = time_copies(reader);

        reader->ratios[i] = lookups / copies;
        reader->lookups[i] = lookups / bench.count * 1e9;
    }
    return NULL;
}

/* Replaces staples as a refresher would in a storm of answers. */
static void *run_writer(void *data)
{
    const struct timespec pause = {0, 1000000};
    unsigned char der[DER_LEN] = {0};
    int i;

    (void)data;
    while (!__atomic_load_n(&bench.writer_stops, __ATOMIC_RELAXED)) {
        for (i = 0; i < 20; i++) {
            apr_uint32_t index = (apr_uint32_t)(draw() % bench.count);

            staple_writer_put(bench.writer, index, der, sizeof(der), FOREVER);
            bench.written++;
        }
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void measure_alone(apr_pool_t *p)
{
    reader_t reader = {.clock = CLOCK_MONOTONIC};

    shuffle(p, &reader);
    time_lookups(&reader);
    run_reader(&reader);
    bench_row("look-up against memcpy, one core", reader.ratios, bench.rounds);
    bench_row("nanoseconds of a look-up", reader.lookups, bench.rounds);
}

static void measure_together(apr_pool_t *p)
{
    static reader_t readers[MAX_CORES];
    static double ratios[MAX_CORES * MAX_ROUNDS];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    double began, rate;
    pthread_t writer;
    int i, n = 0;

    cores = cores > MAX_CORES ? MAX_CORES : cores;
    for (i = 0; i < cores; i++) {
        readers[i].clock = CLOCK_THREAD_CPUTIME_ID;
        shuffle(p, &readers[i]);
    }
    began = bench_seconds(CLOCK_MONOTONIC);
    pthread_create(&writer, NULL, run_writer, NULL);
    for (i = 0; i < cores; i++) {
        pthread_create(&readers[i].thread, NULL, run_reader, &readers[i]);
    }
    for (i = 0; i < cores; i++) {
        int k;

        pthread_join(readers[i].thread, NULL);
        for (k = 0; k < bench.rounds; k++) {
            ratios[n++] = readers[i].ratios[k];
        }
    }
    __atomic_store_n(&bench.writer_stops, 1, __ATOMIC_RELAXED);
    pthread_join(writer, NULL);
    rate = (double)bench.written / (bench_seconds(CLOCK_MONOTONIC) - began);
    bench_row("look-up against memcpy, every core and a writer", ratios, n);
    bench_row("staples written meanwhile per second", &rate, 1);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 100000;
    apr_pool_t *p = NULL;
    apr_size_t size;

    bench.rounds = argc > 2 ? atoi(argv[2]) : 21;
    if (count < 1 || bench.rounds < 1 || bench.rounds > MAX_ROUNDS) {
        bench_die("bench_cache CERTIFICATES ROUNDS");
    }
    apr_initialize();
    apr_pool_create(&p, NULL);
    make_keys(p, (apr_uint32_t)count);
    measure_memory(p);
    fill(p, DER_LEN, &size);
    measure_alone(p);
    measure_together(p);
    apr_pool_destroy(p);
    apr_terminate();
    return 0;
}
