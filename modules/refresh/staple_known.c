/* What is known of responders, for the next refresher: memory, and bytes. */
#include "staple_known.h"

#include <openssl/sha.h>
#include <string.h>

#include "base/staple_bytes.h"
#include "cache/staple_cache_int.h"

static const char magic[8] = {'O', 'C', 'S', 'P', 'R', 'S', 'P', '1'};

/* ---- in shared memory ---- */

struct staple_known_t {
    apr_uint64_t row_size; /* another version's differs */
    apr_uint64_t sequence; /* the last published copy counts */
    apr_uint64_t counts[2];
    apr_uint64_t made;    /* the writer's: rows of the next copy so far */
    apr_uint64_t differs; /* do they differ from those that count? */
    staple_known_row_t rows[2][STAPLE_KNOWN_MAX];
};

_Static_assert(sizeof(staple_known_row_t) == 40, "no padding: rows are compared"
                                                 ", and copied by words");

apr_size_t staple_known_size(void)
{
    return sizeof(staple_known_t);
}

staple_known_t *staple_known_format(void *block)
{
    staple_known_t *known = block;

    known->row_size = sizeof(staple_known_row_t);
    return known;
}

void staple_known_begin(staple_known_t *known)
{
    known->made = known->differs = 0;
}

void staple_known_add(staple_known_t *known, const staple_known_row_t *row)
{
    apr_uint64_t i = known->made, last = known->sequence & 1;

    if (i == STAPLE_KNOWN_MAX) {
        return;
    }
    known->differs |= i >= known->counts[last]
                      || memcmp(&known->rows[last][i], row, sizeof(*row)) != 0;
    staple_cache_copy_in((apr_uint64_t *)(void *)&known->rows[!last][i], row,
                         sizeof(*row));
    known->made++;
}

void staple_known_end(staple_known_t *known)
{
    apr_uint64_t sequence = known->sequence + 1;

    if (!known->differs && known->made == known->counts[known->sequence & 1]) {
        return;
    }
    staple_cache_store(&known->counts[sequence & 1], known->made);
    __atomic_store_n(&known->sequence, sequence, __ATOMIC_RELEASE);
}

apr_uint64_t staple_known_sequence(const staple_known_t *known)
{
    return __atomic_load_n(&known->sequence, __ATOMIC_ACQUIRE);
}

apr_uint32_t staple_known_get(staple_known_row_t *rows,
                              const staple_known_t *known)
{
    apr_uint64_t sequence, count = 0;
    int i;

    for (i = 0; i < STAPLE_CACHE_RETRIES; i++) {
        sequence = staple_known_sequence(known);
        count = staple_cache_load(&known->counts[sequence & 1]);
        count = count < STAPLE_KNOWN_MAX ? count : STAPLE_KNOWN_MAX;
        staple_cache_copy_out(
            rows, (const apr_uint64_t *)(const void *)known->rows[sequence & 1],
            count * sizeof(*rows));
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (staple_cache_load(&known->sequence) == sequence) {
            break;
        }
    }
    return (apr_uint32_t)count;
}

const staple_known_row_t *staple_known_row(const staple_known_t *known,
                                           apr_uint32_t i)
{
    apr_uint64_t sequence = known->sequence & 1;

    return i < known->counts[sequence] ? &known->rows[sequence][i] : NULL;
}

void staple_known_adopt(staple_known_t *known, const staple_known_t *older)
{
    const staple_known_row_t *row;
    apr_uint32_t i;

    if (older->row_size != sizeof(*row)) {
        return;
    }
    staple_known_begin(known);
    for (i = 0; (row = staple_known_row(older, i)) != NULL; i++) {
        staple_known_add(known, row);
    }
    staple_known_end(known);
}

/* ---- in the store ---- */

apr_size_t staple_known_encode(unsigned char *buf,
                               const staple_known_row_t *rows,
                               apr_uint32_t count)
{
    unsigned char *at = buf;
    apr_uint32_t i;

    memcpy(at, magic, sizeof(magic));
    at = staple_bytes_put(at + sizeof(magic), count, 4);
    for (i = 0; i < count; i++) {
        memcpy(at, rows[i].id.bytes, sizeof(rows[i].id.bytes));
        at += sizeof(rows[i].id.bytes);
        at = staple_bytes_put(at, (apr_uint64_t)rows[i].known_at, 8);
        at = staple_bytes_put(at, (apr_uint64_t)rows[i].probe_at, 8);
        at = staple_bytes_put(at, rows[i].probes, 4);
        at = staple_bytes_put(at, rows[i].flags, 4);
    }
    SHA256(buf, (size_t)(at - buf), at);
    return (apr_size_t)(at - buf) + STAPLE_KNOWN_TAIL;
}

/* Is this the whole of what was written?  Sets how many rows it has. */
static int is_whole(apr_uint32_t *count, const unsigned char *buf,
                    apr_size_t len)
{
    const unsigned char *at = buf + sizeof(magic);
    unsigned char digest[STAPLE_KNOWN_TAIL];

    if (len < STAPLE_KNOWN_HEAD + STAPLE_KNOWN_TAIL
        || memcmp(buf, magic, sizeof(magic)) != 0) {
        return 0;
    }
    *count = (apr_uint32_t)staple_bytes_get(&at, 4);
    if (*count > STAPLE_KNOWN_MAX
        || len
               != STAPLE_KNOWN_HEAD + *count * STAPLE_KNOWN_ROW
                      + STAPLE_KNOWN_TAIL) {
        return 0;
    }
    SHA256(buf, len - STAPLE_KNOWN_TAIL, digest);
    return memcmp(digest, buf + len - STAPLE_KNOWN_TAIL, sizeof(digest)) == 0;
}

static staple_known_row_t get_row(const unsigned char *buf, apr_uint32_t i)
{
    const unsigned char *at = buf + STAPLE_KNOWN_HEAD + i * STAPLE_KNOWN_ROW;
    staple_known_row_t row;

    memcpy(row.id.bytes, at, sizeof(row.id.bytes));
    at += sizeof(row.id.bytes);
    row.known_at = (apr_time_t)staple_bytes_get(&at, 8);
    row.probe_at = (apr_time_t)staple_bytes_get(&at, 8);
    row.probes = (apr_uint32_t)staple_bytes_get(&at, 4);
    row.flags = (apr_uint32_t)staple_bytes_get(&at, 4) & STAPLE_KNOWN_FLAGS;
    return row;
}

staple_reason_e staple_known_decode(staple_known_row_t *rows,
                                    apr_uint32_t *count,
                                    const unsigned char *buf, apr_size_t len)
{
    apr_uint32_t found, i;

    if (!is_whole(&found, buf, len)) {
        return STAPLE_DAMAGED;
    }
    for (i = 0; i < found; i++) {
        rows[i] = get_row(buf, i);
    }
    *count = found;
    return STAPLE_OK;
}

static int has(const staple_known_row_t *rows, apr_uint32_t count,
               const staple_responder_id_t *id)
{
    apr_uint32_t i;

    for (i = 0; i < count; i++) {
        if (memcmp(&rows[i].id, id, sizeof(*id)) == 0) {
            return 1;
        }
    }
    return 0;
}

apr_uint32_t staple_known_merge(staple_known_row_t *rows, apr_uint32_t count,
                                const unsigned char *older, apr_size_t len,
                                apr_time_t now)
{
    apr_uint32_t found, i, ours = count;

    if (!is_whole(&found, older, len)) {
        return count;
    }
    for (i = 0; i < found && count < STAPLE_KNOWN_MAX; i++) {
        staple_known_row_t row = get_row(older, i);

        if (row.known_at <= now && row.known_at > now - STAPLE_KNOWN_KEEP
            && !has(rows, ours, &row.id)) {
            rows[count++] = row;
        }
    }
    return count;
}
