/* Files of the store, values of the shared store -> records, responses. */
#include <openssl/sha.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_pki.h"
#include "refresh/staple_known.h"
#include "refresh/staple_source_shared.h"
#include "refresh/staple_state.h"

/*
 * First byte: bit 0, the rest is made whole: magic, certificate, length and
 * digest are put right, which lets changes get past them; bit 1, the same for
 * the file of responders.
 */
static apr_pool_t *p;
static make_pki_t *pki;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    p = make_begin();
    pki = fuzz_pki_load(p);
    return 0;
}

static void make_whole(unsigned char *value, size_t size)
{
    size_t der_len = size - STAPLE_CODEC_HEAD - STAPLE_CODEC_TAIL;
    unsigned char *length = value + STAPLE_CODEC_HEAD - 4;

    memcpy(value, "OCSPSTP1", 8);
    memcpy(value + 8, pki->cert->sha256, 32);
    length[0] = (unsigned char)(der_len >> 24);
    length[1] = (unsigned char)(der_len >> 16);
    length[2] = (unsigned char)(der_len >> 8);
    length[3] = (unsigned char)der_len;
    SHA256(value, size - STAPLE_CODEC_TAIL,
           value + size - STAPLE_CODEC_TAIL);
}

/* What was read is what would be written. */
static void check_record(const staple_record_t *record,
                         const unsigned char *value, size_t size,
                         const unsigned char *der, apr_size_t der_len)
{
    static unsigned char again[STAPLE_CODEC_MAX];

    FUZZ_CHECK(staple_codec_encode(again, pki->cert->sha256, record, der,
                                    der_len)
               == size);
    FUZZ_CHECK(memcmp(again, value, 8 + 32 + 4 * 8 + 8) == 0);
    FUZZ_CHECK(staple_reason_name((staple_reason_e)record->reason) != NULL);
    FUZZ_CHECK(staple_state_name((staple_state_e)record->state) != NULL);
}

static void try_stored(const unsigned char *value, size_t size)
{
    staple_policy_t policy = STAPLE_POLICY_DEFAULT;
    staple_record_t record, before;
    const unsigned char *der = NULL;
    staple_verdict_t verdict;
    apr_size_t der_len = 0;

    memset(&record, 0x5a, sizeof(record));
    before = record;
    if (staple_codec_decode(&record, &der, &der_len, value, size,
                             pki->cert->sha256)
        != STAPLE_OK) {
        FUZZ_CHECK(der == NULL && der_len == 0);
        FUZZ_CHECK(memcmp(&record, &before, sizeof(record)) == 0);
        return;
    }
    FUZZ_CHECK(der >= value && der + der_len <= value + size);
    check_record(&record, value, size, der, der_len);
    fuzz_pki_judge(&verdict, pki->cert, NULL, der, der_len, NULL, &policy,
                   apr_time_from_sec(MAKE_NOW));
}

static void try_shared(const unsigned char *value, size_t size)
{
    staple_policy_t policy = STAPLE_POLICY_DEFAULT;
    apr_time_t now = apr_time_from_sec(MAKE_NOW);
    staple_record_t held = {0}, taken = {0};
    const unsigned char *der = NULL;
    apr_time_t fetched_at = 0;
    apr_size_t der_len = 0;

    if (staple_share_decode(&der, &der_len, &fetched_at, value, size,
                            pki->cert->sha256)
        != STAPLE_OK) {
        return;
    }
    FUZZ_CHECK(der >= value && der + der_len <= value + size);
    taken.der_len = (apr_uint32_t)der_len;
    taken.held.this_update = now - apr_time_from_sec(3600);
    taken.held.use_until = now + apr_time_from_sec(3600);
    /* Nobody can have fetched it before it was made, or later than now. */
    FUZZ_CHECK(!staple_share_will_do(&policy, &held, &taken, fetched_at, now)
               || (fetched_at >= taken.held.this_update - policy.clock_skew
                   && fetched_at <= now + policy.clock_skew));
    /* Whatever it claims, not when three quarters of its life are over. */
    FUZZ_CHECK(!staple_share_will_do(&policy, &held, &taken, fetched_at,
                                     now + apr_time_from_sec(3000)));
}

static void make_known_whole(unsigned char *value, size_t size)
{
    size_t rows = (size - STAPLE_KNOWN_HEAD - STAPLE_KNOWN_TAIL)
                  / STAPLE_KNOWN_ROW;

    memcpy(value, "OCSPRSP1", 8);
    value[8] = value[9] = 0;
    value[10] = (unsigned char)(rows >> 8);
    value[11] = (unsigned char)rows;
    SHA256(value, size - STAPLE_KNOWN_TAIL, value + size - STAPLE_KNOWN_TAIL);
}

/* What was read is what would be written, but for unknown flags. */
static void try_known(const unsigned char *value, size_t size)
{
    static unsigned char again[STAPLE_KNOWN_BYTES];
    static staple_known_row_t rows[STAPLE_KNOWN_MAX], others[STAPLE_KNOWN_MAX];
    apr_time_t now = apr_time_from_sec(MAKE_NOW);
    apr_uint32_t count = 12345, i;

    if (staple_known_decode(rows, &count, value, size) != STAPLE_OK) {
        FUZZ_CHECK(count == 12345);
        FUZZ_CHECK(staple_known_merge(others, 0, value, size, now) == 0);
        return;
    }
    FUZZ_CHECK(count <= STAPLE_KNOWN_MAX);
    FUZZ_CHECK(staple_known_encode(again, rows, count) == size);
    for (i = 0; i < count; i++) {
        staple_health_t health;

        FUZZ_CHECK(memcmp(again + STAPLE_KNOWN_HEAD + i * STAPLE_KNOWN_ROW,
                          value + STAPLE_KNOWN_HEAD + i * STAPLE_KNOWN_ROW,
                          STAPLE_KNOWN_ROW - 4)
                   == 0);
        FUZZ_CHECK(rows[i].flags <= STAPLE_KNOWN_FLAGS);
        staple_health_begin(&health);
        staple_health_was_down(&health, rows[i].probes, rows[i].probe_at, now);
        staple_health_failed(&health, 0, 1, now);
        FUZZ_CHECK(health.probe_at <= now + apr_time_from_sec(3600));
    }
    FUZZ_CHECK(staple_known_merge(others, 0, value, size, now) <= count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned how = fuzz_byte(&data, &size);
    unsigned char *value = fuzz_copy(data, size);

    if ((how & 1) && size >= STAPLE_CODEC_HEAD + STAPLE_CODEC_TAIL) {
        make_whole(value, size);
    }
    if ((how & 2) && size >= STAPLE_KNOWN_HEAD + STAPLE_KNOWN_TAIL) {
        make_known_whole(value, size);
    }
    try_known(value, size);
    try_stored(value, size);
    try_shared(value, size);
    free(value);
    return 0;
}
