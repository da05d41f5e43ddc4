/* Program bench_day: a day of refreshes on a simulated clock, and memory. */
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../unit/make_ocsp.h"
#include "bench_util.h"
#include "refresh/staple_refresh.h"

/*
 * bench_day CERTIFICATES
 *
 * The whole refresher (schedule, verification, cache, events) with a responder
 * that answers at once with responses that live for twelve hours.  The first
 * half day is for getting into the steady state; then comes the day that
 * counts: its requests, its events, by how much the memory has grown, and what
 * one certificate and one handshake's look-up cost among so many.
 */
#define LIFE (12 * MAKE_HOUR)
#define FIRST (13 * MAKE_HOUR)

static struct {
    make_pki_t *pki;
    X509 **leaves;
    staple_refresh_cert_t *certs;
    apr_uint32_t count;
    apr_uint64_t requests, events;
    double seconds; /* of processor time, in the refresher */
} bench;

/* How many look-ups, and how far from one certificate to the next. */
#define LOOK_UPS 1000000
#define STRIDE 40503

static void count_events(void *baton, const staple_report_t *report)
{
    (void)baton;
    bench.events += report->what == STAPLE_REPORT_EVENT;
}

static void make_certs(apr_pool_t *p)
{
    static const char *const urls[] = {"http://responder.example/", NULL};
    static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
    EVP_PKEY *key = make_key(p);
    apr_uint32_t i;

    bench.certs = apr_pcalloc(p, bench.count * sizeof(*bench.certs));
    bench.leaves = apr_pcalloc(p, bench.count * sizeof(*bench.leaves));
    for (i = 0; i < bench.count; i++) {
        char serial[16];
        make_cert_t knobs = {.name = "leaf",
                             .issuer = &bench.pki->issuer,
                             .key = key,
                             .serial = serial,
                             .urls = urls};

        apr_snprintf(serial, sizeof(serial), "%X", 0x10000000 + i);
        bench.leaves[i] = make_cert(p, &knobs).x509;
        bench.certs[i].policy = &policy;
        bench.certs[i].cert = make_staple_cert(
            p, bench.pki->issuers, bench.leaves[i], bench.pki->issuer.x509);
    }
}

static staple_cache_t *make_cache(apr_pool_t *p)
{
    staple_key_t *keys = apr_palloc(p, bench.count * sizeof(*keys));
    apr_size_t size = staple_cache_size(bench.count, STAPLE_USUAL_MAX_SIZE);
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    apr_uint32_t i;

    if (block == MAP_FAILED) {
        bench_die("no %lu bytes of shared memory", (unsigned long)size);
    }
    for (i = 0; i < bench.count; i++) {
        keys[i] = bench.certs[i].cert->key;
    }
    return staple_cache_format(block, size, keys, bench.count,
                               STAPLE_USUAL_MAX_SIZE);
}

/* The responder: a good response of this very second. */
static void answer(staple_refresh_t *refresh, staple_exchange_t *exchange,
                   apr_pool_t *scratch, apr_time_t now)
{
    make_response_t knobs = make_good(bench.pki);
    double began;
    staple_answer_t answer = {.http_status = 200, .detail = "", .took = 1000};
    make_der_t der;

    knobs.singles[0].leaf = bench.leaves[exchange->index];
    knobs.singles[0].this_update = apr_time_sec(now);
    knobs.singles[0].next_update = apr_time_sec(now) + LIFE;
    knobs.produced_at = apr_time_sec(now);
    der = make_response(scratch, &knobs);
    answer.der = der.bytes;
    answer.der_len = der.len;
    bench.requests++;
    began = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
    staple_refresh_done(refresh, exchange, &answer, now);
    bench.seconds += bench_seconds(CLOCK_THREAD_CPUTIME_ID) - began;
    apr_pool_clear(scratch);
}

static staple_exchange_t *next(staple_refresh_t *refresh, apr_time_t now)
{
    double began = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
    staple_exchange_t *exchange = staple_refresh_next(refresh, now);

    bench.seconds += bench_seconds(CLOCK_THREAD_CPUTIME_ID) - began;
    return exchange;
}

static void run_until(staple_refresh_t *refresh, apr_pool_t *scratch,
                      apr_time_t *now, apr_time_t end)
{
    staple_exchange_t *exchange;

    while (*now < end) {
        while ((exchange = next(refresh, *now)) != NULL) {
            answer(refresh, exchange, scratch, *now);
        }
        *now = staple_refresh_due_at(refresh);
    }
    *now = end;
}

/* Bytes that the process has to itself: malloc's, and those of APR's pools,
 * which are mapped.  Shared memory, of which the cache is made, is not. */
static double memory(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    double kib = -1;
    char line[128];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "RssAnon: %lf kB", &kib) == 1) {
            break;
        }
    }
    if (file == NULL || kib < 0) {
        bench_die("/proc/self/status does not tell the memory in use");
    }
    fclose(file);
    return kib * 1024;
}

/* What a handshake does, in nanoseconds: finds its certificate, and copies. */
static double look_up(const staple_cache_t *cache, apr_time_t now)
{
    static unsigned char der[STAPLE_USUAL_MAX_SIZE];
    apr_uint32_t i, at = 0, missing = 0;
    double began = bench_seconds(CLOCK_THREAD_CPUTIME_ID);

    for (i = 0; i < LOOK_UPS; i++) {
        apr_size_t len = sizeof(der);

        at = (at + STRIDE) % bench.count;
        missing += staple_cache_get(der, &len, cache,
                                    &bench.certs[at].cert->key, now)
                   != STAPLE_OK;
    }
    if (missing > 0) {
        bench_die("%u of %d look-ups found nothing", (unsigned)missing,
                  LOOK_UPS);
    }
    return (bench_seconds(CLOCK_THREAD_CPUTIME_ID) - began) * 1e9 / LOOK_UPS;
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 10000;
    apr_time_t began = apr_time_from_sec(MAKE_NOW), now = began;
    apr_pool_t *p = make_begin();
    staple_refresh_options_t options = {
        .concurrency = 64, .seed = 1, .report = count_events};
    staple_refresh_t *refresh;
    staple_cache_t *cache;
    apr_pool_t *scratch;
    double made, before, figure;

    if (count < 1) {
        bench_die("bench_day CERTIFICATES");
    }
    bench.count = (apr_uint32_t)count;
    bench.pki = make_pki(p);
    apr_pool_create(&scratch, p);
    make_certs(p);
    cache = make_cache(p);
    made = memory();
    refresh = staple_refresh_make(p, bench.certs, bench.count, cache, &options,
                                  now);
    run_until(refresh, scratch, &now, began + apr_time_from_sec(FIRST));
    before = memory();
    figure = (before - made) / count;
    bench_row("bytes of memory of the refresher per certificate", &figure, 1);
    bench.requests = bench.events = 0;
    bench.seconds = 0;
    run_until(refresh, scratch, &now,
              began + apr_time_from_sec(FIRST + MAKE_DAY));
    figure = memory() - before;
    bench_row("bytes of memory that the simulated day added", &figure, 1);
    figure = (double)bench.requests / count;
    bench_row("requests per certificate in the simulated day", &figure, 1);
    figure = (double)bench.events;
    bench_row("events in the simulated day", &figure, 1);
    figure = bench.seconds * 1e6 / (double)bench.requests;
    bench_row("microseconds of processor time per refresh", &figure, 1);
    figure = look_up(cache, now);
    bench_row("nanoseconds of a handshake's look-up", &figure, 1);
    make_end(p);
    return 0;
}
