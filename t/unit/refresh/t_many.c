/* A hundred thousand certificates: all are asked about, and what that takes. */
#include "../make_ocsp.h"
#include "../tap.h"

#include <stdlib.h>
#include <unistd.h>

#include "refresh/staple_refresh.h"
#include "cache/staple_writer.h"

#define COUNT 100000
#define DER_LEN 2000
#define FOREVER APR_INT64_MAX

static staple_key_t *keys;
static staple_cache_t *cache;

/* Bytes by the sixth (or, resident, the second) number of statm.  Sanitizers
 * have memory of their own: 0. */
static double statm(int is_resident)
{
#if defined(__SANITIZE_ADDRESS__)
    FILE *file = NULL;
#else
    FILE *file = fopen("/proc/self/statm", "r");
#endif
    double resident = 0, data = 0;

    if (file != NULL) {
        if (fscanf(file, "%*s %lf %*s %*s %*s %lf", &resident, &data) != 2) {
            resident = data = 0;
        }
        fclose(file);
    }
    return (is_resident ? resident : data) * (double)sysconf(_SC_PAGESIZE);
}

/* Bytes of private memory, whoever allocates: APR's pools may be mapped. */
static double memory(void)
{
    return statm(0);
}

static void count_failures(void *baton, const staple_report_t *report)
{
    unsigned *failures = baton;

    *failures += report->what == STAPLE_REPORT_JOB_FAILED;
}

/* The leaf's certificate again and again, each under a key of its own. */
static staple_refresh_cert_t *make_certs(apr_pool_t *p, const make_pki_t *pki)
{
    static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
    staple_refresh_cert_t *certs = apr_pcalloc(p, COUNT * sizeof(*certs));
    staple_cert_t *copies = apr_palloc(p, COUNT * sizeof(*copies));
    apr_uint32_t i;

    keys = apr_palloc(p, COUNT * sizeof(*keys));
    for (i = 0; i < COUNT; i++) {
        copies[i] = *pki->cert;
        memcpy(copies[i].key.bytes, &i, sizeof(i));
        keys[i] = copies[i].key;
        certs[i].cert = &copies[i];
        certs[i].policy = &policy;
    }
    return certs;
}

static apr_size_t make_cache(void)
{
    apr_size_t size = staple_cache_size(COUNT, STAPLE_USUAL_MAX_SIZE);
    void *block = calloc(1, size);

    cache = block != NULL ? staple_cache_format(block, size, keys, COUNT,
                                                STAPLE_USUAL_MAX_SIZE)
                          : NULL;
    return size;
}

/* Everybody who is due is asked, and answered with 404.  The number of
 * exchanges. */
static unsigned refuse_all(staple_refresh_t *refresh, apr_time_t now)
{
    const staple_answer_t answer = {.reason = STAPLE_HTTP_STATUS,
                                    .http_status = 404,
                                    .detail = "HTTP 404",
                                    .took = 1000};
    staple_exchange_t *exchange;
    unsigned exchanges = 0;

    while ((exchange = staple_refresh_next(refresh, now)) != NULL) {
        staple_refresh_done(refresh, exchange, &answer, now);
        exchanges++;
    }
    return exchanges;
}

/* How many have failed so often. */
static unsigned count_failed(unsigned failures)
{
    unsigned count = 0;
    apr_uint32_t i;

    for (i = 0; i < COUNT; i++) {
        staple_record_t record;

        staple_cache_get_record(&record, cache, i);
        count += record.failures == failures;
    }
    return count;
}

static void test_refresh(apr_pool_t *p, const staple_refresh_cert_t *certs)
{
    unsigned failures = 0;
    const staple_refresh_options_t options = {.concurrency = 64,
                                              .seed = 1,
                                              .report = count_failures,
                                              .baton = &failures};
    apr_time_t now = apr_time_from_sec(MAKE_NOW);
    double before = memory(), made, after;
    staple_refresh_t *refresh =
        staple_refresh_make(p, certs, COUNT, cache, &options, now);

    is_int(refuse_all(refresh, now), 2 * COUNT,
           "all are asked about, by POST and by GET");
    is_int(count_failed(1), COUNT, "each has failed once");
    made = (memory() - before) / COUNT;
    ok(made < 512, "the refresher takes less than 512 bytes for each");
    printf("#   %.0f bytes\n", made);
    before = memory();
    now += apr_time_from_sec(60);
    is_int(refuse_all(refresh, now), 2 * COUNT, "a minute later, again");
    is_int(count_failed(2), COUNT, "each has failed twice");
    after = memory() - before;
    is_int(failures, 2 * COUNT, "and each was told");
    ok(after < 65536, "that takes nothing more");
    printf("#   %.0f bytes\n", after);
}

static void test_cache(apr_pool_t *p, apr_size_t size)
{
    double private = memory(), resident = statm(1);
    staple_writer_t *writer = staple_writer_make(p, cache);
    static unsigned char der[DER_LEN], got[STAPLE_MAX_RESPONSE];
    unsigned put = 0, found = 0;
    apr_uint32_t i;

    printf("#   %" APR_SIZE_T_FMT " bytes of addresses for each\n",
           size / COUNT);
    for (i = 0; i < COUNT; i++) {
        memcpy(der, &i, sizeof(i));
        put += staple_writer_put(writer, i, der, DER_LEN, FOREVER) == STAPLE_OK;
    }
    is_int(put, COUNT, "there is room for a staple of each");
    resident = (statm(1) - resident) / COUNT;
    ok(resident < DER_LEN + 1024, "it takes its own size and less than 1 KiB");
    private = (memory() - private) / COUNT;
    ok(private < 32, "the writer takes less than 32 bytes for each");
    printf("#   %.0f and %.0f bytes\n", resident, private);
    for (i = 0; i < COUNT; i++) {
        apr_size_t len = sizeof(got);

        found += staple_cache_get(got, &len, cache, &keys[i], 0) == STAPLE_OK
                 && len == DER_LEN && memcmp(got, &i, sizeof(i)) == 0;
    }
    is_int(found, COUNT, "each is found, and its own");
}

int main(void)
{
    apr_pool_t *p = make_begin();
    staple_refresh_cert_t *certs = make_certs(p, make_pki(p));
    apr_size_t size = make_cache();

    if (ok(cache != NULL, "a cache for %d certificates", COUNT)) {
        test_refresh(p, certs);
        test_cache(p, size);
    }
    free(cache);
    make_end(p);
    return tap_done();
}
