/* What no signature covers, changed: the same bytes are published, or none. */
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>

#include "fuzz.h"
#include "fuzz_canonical.h"

/*
 * First byte: bits 0-2 which response; bit 3 how the rest is put around its
 * tbsResponseData:
 *   0  fields of two octets of length and contents each: signatureAlgorithm,
 *      signature, certs; those that are not there stay as they are
 *   1  two octets of length, so much before tbsResponseData; all else behind it
 */
static apr_pool_t *p;
static fuzz_canonical_t responses[FUZZ_CANONICAL_COUNT];
static staple_canonical_t published[FUZZ_CANONICAL_COUNT];

static staple_reason_e publish(staple_canonical_t *canonical, unsigned which,
                               const unsigned char *der, apr_size_t len)
{
    static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
    staple_verdict_t verdict;

    return staple_verify(&verdict, canonical, responses[which].cert, der, len,
                         NULL, &policy, apr_time_from_sec(MAKE_NOW));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    unsigned i;

    (void)argc;
    (void)argv;
    p = make_begin();
    atexit(apr_terminate); /* LeakSanitizer does not look into mapped pools */
    for (i = 0; i < FUZZ_CANONICAL_COUNT; i++) {
        responses[i] = fuzz_canonical_load(p, i);
        FUZZ_CHECK(publish(&published[i], i, responses[i].der.bytes,
                           responses[i].der.len)
                   == STAPLE_OK);
    }
    return 0;
}

/* Takes a field off the input; 0 where there is none. */
static int take(make_der_t *field, const uint8_t **data, size_t *size)
{
    unsigned len;

    if (*size < 2) {
        return 0;
    }
    len = fuzz_byte(data, size) << 8;
    len |= fuzz_byte(data, size);
    len = len < *size ? len : (unsigned)*size;
    field->bytes = (unsigned char *)(uintptr_t)*data;
    field->len = len;
    *data += len;
    *size -= len;
    return 1;
}

static make_der_t put_fields(apr_pool_t *pool, const make_parts_t *parts,
                             const uint8_t *data, size_t size)
{
    make_parts_t changed = *parts;

    if (take(&changed.algorithm, &data, &size)
        && take(&changed.signature, &data, &size)) {
        take(&changed.certs, &data, &size);
    }
    return make_put_together(pool, &changed);
}

static make_der_t put_around(apr_pool_t *pool, const make_parts_t *parts,
                             const uint8_t *data, size_t size)
{
    make_der_t all[4] = {{(unsigned char *)(uintptr_t)data, 0}};

    take(&all[0], &data, &size);
    all[1] = parts->tbs;
    all[2].bytes = (unsigned char *)(uintptr_t)data;
    all[2].len = size;
    return make_join(pool, all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned how = fuzz_byte(&data, &size);
    unsigned which = (how & 7) % FUZZ_CANONICAL_COUNT;
    staple_canonical_t canonical;
    unsigned char *exact;
    apr_pool_t *pool;
    make_der_t der;

    apr_pool_create(&pool, p);
    der = how & 8 ? put_around(pool, &responses[which].parts, data, size)
                  : put_fields(pool, &responses[which].parts, data, size);
    exact = fuzz_copy(der.bytes, der.len);
    if (publish(&canonical, which, exact, der.len) == STAPLE_OK) {
        FUZZ_CHECK(canonical.der_len == published[which].der_len);
        FUZZ_CHECK(memcmp(canonical.der, published[which].der,
                          canonical.der_len)
                   == 0);
    }
    FUZZ_CHECK(ERR_peek_error() == 0);
    staple_verify_free(&canonical);
    free(exact);
    apr_pool_destroy(pool);
    return 0;
}
