/* What is known of responders: published whole, taken over; its bytes. */
#include "../tap.h"

#include <openssl/sha.h>
#include <stdlib.h>

#include "refresh/staple_known.h"

#define NOW apr_time_from_sec(1700000000)
#define DAY apr_time_from_sec(86400)

static staple_known_row_t rows[STAPLE_KNOWN_MAX];
static unsigned char bytes[STAPLE_KNOWN_BYTES + 1];

static staple_known_t *make(void)
{
    return staple_known_format(calloc(1, staple_known_size()));
}

/* A row that differs with its number. */
static staple_known_row_t row_of(unsigned number)
{
    staple_known_row_t row = {.known_at = NOW - NOW % DAY,
                              .probe_at = NOW + number,
                              .probes = number,
                              .flags = number % 8};

    memset(&row.id, 0, sizeof(row.id));
    memcpy(row.id.bytes, &number, sizeof(number));
    return row;
}

/* Puts rows number `from` .. `from` + count - 1. */
static void put(staple_known_t *known, unsigned from, unsigned count)
{
    unsigned i;

    staple_known_begin(known);
    for (i = 0; i < count; i++) {
        staple_known_row_t row = row_of(from + i);

        staple_known_add(known, &row);
    }
    staple_known_end(known);
}

/* Are these rows number `from` .. ? */
static int are(const staple_known_row_t *got, unsigned from, unsigned count)
{
    unsigned i, wrong = 0;

    for (i = 0; i < count; i++) {
        staple_known_row_t row = row_of(from + i);

        wrong += memcmp(&got[i], &row, sizeof(row)) != 0;
    }
    return wrong == 0;
}

/* ---- in shared memory ---- */

static void test_put(void)
{
    staple_known_t *known = make();
    staple_known_row_t row = row_of(5);
    apr_uint64_t sequence;

    is_int(staple_known_sequence(known), 0, "new: nothing was published");
    is_int(staple_known_get(rows, known), 0, "new: nothing is known");
    ok(staple_known_row(known, 0) == NULL, "new: no row");
    put(known, 1, 10);
    sequence = staple_known_sequence(known);
    ok(sequence != 0, "published");
    is_int(staple_known_get(rows, known), 10, "all of them");
    ok(are(rows, 1, 10), "as they were put");
    ok(memcmp(staple_known_row(known, 4), &row, sizeof(row)) == 0,
       "one by one, too");
    ok(staple_known_row(known, 10) == NULL, "and no more");
    put(known, 1, 10);
    ok(staple_known_sequence(known) == sequence, "the same again: nothing new");
    put(known, 1, 9);
    ok(staple_known_sequence(known) != sequence, "one less: something new");
    is_int(staple_known_get(rows, known), 9, "which is what there is");
    put(known, 2, 9);
    ok(staple_known_get(rows, known) == 9 && are(rows, 2, 9), "others");
    staple_known_begin(known);
    staple_known_add(known, &row);
    ok(staple_known_get(rows, known) == 9 && are(rows, 2, 9),
       "a writer that died half-way has changed nothing");
    put(known, 0, STAPLE_KNOWN_MAX + 10);
    is_int(staple_known_get(rows, known), STAPLE_KNOWN_MAX,
           "no more than there is room for");
    free(known);
}

static void test_adopt(void)
{
    staple_known_t *older = make(), *known = make();
    apr_uint64_t other_version[8] = {sizeof(staple_known_row_t) + 8, 1, 1, 1};

    put(older, 7, 20);
    staple_known_adopt(known, older);
    ok(staple_known_get(rows, known) == 20 && are(rows, 7, 20), "adopted");
    staple_known_adopt(known, (staple_known_t *)(void *)other_version);
    is_int(staple_known_get(rows, known), 20, "not adopted: another version's");
    free(older);
    free(known);
}

/* ---- in the store ---- */

static apr_size_t encode(unsigned from, unsigned count)
{
    static staple_known_row_t some[STAPLE_KNOWN_MAX];
    unsigned i;

    for (i = 0; i < count; i++) {
        some[i] = row_of(from + i);
    }
    return staple_known_encode(bytes, some, count);
}

static void test_bytes(void)
{
    static const unsigned counts[] = {0, 1, 2, 100, STAPLE_KNOWN_MAX};
    apr_uint32_t count;
    apr_size_t len;
    unsigned i;

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        len = encode(3, counts[i]);
        count = 77;
        ok(len <= STAPLE_KNOWN_BYTES, "%u rows fit", counts[i]);
        is_reason(staple_known_decode(rows, &count, bytes, len), STAPLE_OK,
                  "%u rows are read", counts[i]);
        ok(count == counts[i] && are(rows, 3, count), "%u rows: the same",
           counts[i]);
    }
}

static void seal(apr_size_t len)
{
    SHA256(bytes, len - STAPLE_KNOWN_TAIL, bytes + len - STAPLE_KNOWN_TAIL);
}

static void test_damage(void)
{
    apr_size_t len = encode(3, 20), i;
    apr_uint32_t count = 0;
    unsigned taken = 0;

    for (i = 0; i < len; i++) {
        bytes[i] ^= 1;
        taken += staple_known_decode(rows, &count, bytes, len) == STAPLE_OK;
        bytes[i] ^= 1;
    }
    is_int(taken, 0, "any bit that is changed is damage");
    for (i = 0; i < len; i++) {
        taken += staple_known_decode(rows, &count, bytes, i) == STAPLE_OK;
    }
    is_int(taken, 0, "as is any length that is too short");
    is_reason(staple_known_decode(rows, &count, bytes, len + 1), STAPLE_DAMAGED,
              "or too long");
    bytes[8] = 0xff; /* claims more rows than there are */
    seal(len);
    is_reason(staple_known_decode(rows, &count, bytes, len), STAPLE_DAMAGED,
              "or a count that is not that of the rows");
    is_int(count, 0, "nothing was set by any of these");
    encode(3, 20);
    memset(bytes + STAPLE_KNOWN_HEAD + 16, 0xff, 24);
    seal(len);
    is_reason(staple_known_decode(rows, &count, bytes, len), STAPLE_OK,
              "whatever numbers");
    is_int(rows[0].flags, STAPLE_KNOWN_FLAGS, "unknown flags are dropped");
}

static void test_merge(void)
{
    apr_size_t len = encode(50, 100);
    apr_uint32_t count, i;

    for (i = 0; i < 80; i++) {
        rows[i] = row_of(i);
        rows[i].probes = 1000;
    }
    count = staple_known_merge(rows, 80, bytes, len, NOW);
    is_int(count, 150, "ours, and those of others");
    ok(rows[79].probes == 1000, "ours are as we know them");
    ok(are(rows + 80, 80, 70), "others as they were");
    is_int(staple_known_merge(rows, 80, bytes, len,
                              NOW + STAPLE_KNOWN_KEEP + DAY),
           80, "not after a month");
    is_int(staple_known_merge(rows, 80, bytes, len, NOW - 2 * DAY), 80,
           "nor from the future");
    for (i = 0; i < STAPLE_KNOWN_MAX; i++) {
        rows[i] = row_of(1000 + i);
    }
    is_int(staple_known_merge(rows, STAPLE_KNOWN_MAX - 5, bytes, len, NOW),
           STAPLE_KNOWN_MAX, "no more than there is room for");
    bytes[20] ^= 1;
    is_int(staple_known_merge(rows, 80, bytes, len, NOW), 80,
           "none of what is damaged");
}

int main(void)
{
    test_put();
    test_adopt();
    test_bytes();
    test_damage();
    test_merge();
    return tap_done();
}
