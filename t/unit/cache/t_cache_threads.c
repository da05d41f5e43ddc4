/* One writer and several readers of a cache as threads, for TSan's eyes. */
#include "../cache_stress.h"
#include "../tap.h"

#include <apr_general.h>
#include <pthread.h>
#include <stdlib.h>

#define TURNS 12
#define WRITES 500 /* a turn */

static void *read_until_stopped(void *data)
{
    stress_reader_t *reader = data;

    while (!__atomic_load_n(&reader->shared->stop, __ATOMIC_RELAXED)) {
        stress_read(reader);
    }
    return NULL;
}

/* Writes, and lets another writer take over now and then. */
static void *write_all(void *data)
{
    static unsigned char der[STAPLE_MAX_RESPONSE];
    stress_t *shared = data;
    unsigned turn, i;

    for (turn = 0; turn < TURNS; turn++) {
        apr_pool_t *p = NULL;
        staple_writer_t *writer;

        apr_pool_create(&p, NULL);
        writer = staple_writer_make(p, shared->cache);
        for (i = 0; i < WRITES; i++) {
            stress_write(shared, writer, der);
        }
        apr_pool_destroy(p);
    }
    return NULL;
}

static void report(const stress_t *shared)
{
    const char *why = "";
    unsigned i;

    for (i = 0; i < STRESS_READERS; i++) {
        ok(shared->looks[i] > 0 && shared->finds[i] > 0,
           "reader %u: %" PRIu64 " looks, %" PRIu64 " staples found", i,
           (uint64_t)shared->looks[i], (uint64_t)shared->finds[i]);
        is_int(shared->faults[i], 0,
               "reader %u: each whole, none older than the one before", i);
    }
    is_int(cache_check(&why, shared->cache), 1, "sound at the end");
}

int main(void)
{
    stress_reader_t *readers = calloc(STRESS_READERS, sizeof(*readers));
    void *block = calloc(1, stress_block_size());
    pthread_t reading[STRESS_READERS], writing;
    stress_t shared;
    unsigned i;

    apr_initialize();
    stress_begin(&shared, block);
    for (i = 0; i < STRESS_READERS; i++) {
        readers[i].shared = &shared;
        readers[i].who = i;
        pthread_create(&reading[i], NULL, read_until_stopped, &readers[i]);
    }
    pthread_create(&writing, NULL, write_all, &shared);
    pthread_join(writing, NULL);
    /* Each sees the end of it at least once. */
    for (i = 0; i < STRESS_READERS; i++) {
        apr_uint64_t looks = __atomic_load_n(&shared.looks[i],
                                             __ATOMIC_RELAXED);

        while (__atomic_load_n(&shared.looks[i], __ATOMIC_RELAXED)
               < looks + 2) {
        }
    }
    __atomic_store_n(&shared.stop, 1, __ATOMIC_RELAXED);
    for (i = 0; i < STRESS_READERS; i++) {
        pthread_join(reading[i], NULL);
    }
    report(&shared);
    free(readers);
    free(block);
    apr_terminate();
    return tap_done();
}
