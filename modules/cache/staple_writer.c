/* The one writer of a cache: publishes staples and records. */
#include "staple_writer.h"

#include "staple_cache_int.h"

struct staple_writer_t {
    apr_pool_t *pool;
    staple_cache_t *cache;
    staple_cache_slot_t **slots; /* by index; NULL for a repeated key */
    apr_uint64_t *taken;         /* one bit per unit; those above were never */
    apr_size_t taken_words;      /* of that: as many as were needed so far */
    apr_size_t first_free;       /* no free unit lies below this word */
    apr_size_t used_units;
};

static int is_taken(const staple_writer_t *writer, apr_size_t unit)
{
    return (int)(writer->taken[unit / 64] >> (unit % 64) & 1);
}

/* Nearly all of a large arena stays untouched, and so do its bits. */
static void grow(staple_writer_t *writer, apr_size_t words)
{
    apr_uint64_t *taken;

    if (words <= writer->taken_words) {
        return;
    }
    if (words < 2 * writer->taken_words) {
        words = 2 * writer->taken_words;
    }
    taken = apr_pcalloc(writer->pool, words * sizeof(*taken));
    if (writer->taken_words > 0) {
        memcpy(taken, writer->taken, writer->taken_words * sizeof(*taken));
    }
    writer->taken = taken;
    writer->taken_words = words;
}

static void mark(staple_writer_t *writer, apr_size_t unit, apr_size_t count,
                 int taken)
{
    apr_size_t end = unit + count;

    if (taken) {
        grow(writer, (end + 63) / 64);
        writer->used_units += count;
    }
    else {
        writer->used_units -= count;
        if (unit / 64 < writer->first_free) {
            writer->first_free = unit / 64;
        }
    }
    for (; unit < end; unit++) {
        apr_uint64_t bit = (apr_uint64_t)1 << (unit % 64);

        if (taken) {
            writer->taken[unit / 64] |= bit;
        }
        else {
            writer->taken[unit / 64] &= ~bit;
        }
    }
}

/* The lowest run of `count` free units: low ones first, so that memory that
 * was never needed is never touched.  STAPLE_NONE: there is none. */
static apr_size_t find_free(staple_writer_t *writer, apr_size_t count)
{
    apr_size_t known = writer->taken_words * 64;
    apr_size_t unit, run = 0;

    while (writer->first_free < writer->taken_words
           && writer->taken[writer->first_free] == ~(apr_uint64_t)0) {
        writer->first_free++;
    }
    for (unit = writer->first_free * 64; unit < known; unit++) {
        if (unit % 64 == 0 && writer->taken[unit / 64] == ~(apr_uint64_t)0) {
            run = 0;
            unit += 63;
            continue;
        }
        run = is_taken(writer, unit) ? 0 : run + 1;
        if (run == count) {
            unit++;
            break;
        }
    }
    /* Where the known ones came to their end, all others are free. */
    return unit - run + count <= writer->cache->units ? unit - run
                                                      : STAPLE_NONE;
}

staple_writer_t *staple_writer_make(apr_pool_t *p, staple_cache_t *cache)
{
    staple_writer_t *writer = apr_pcalloc(p, sizeof(*writer));
    staple_cache_slot_t *slots = staple_cache_slots(cache);
    apr_uint64_t i;

    writer->pool = p;
    writer->cache = cache;
    writer->slots =
        apr_pcalloc(p, (cache->count + 1) * sizeof(staple_cache_slot_t *));
    for (i = 0; i <= cache->slot_mask; i++) {
        if (slots[i].index_plus_1 == 0) {
            continue;
        }
        writer->slots[slots[i].index_plus_1 - 1] = &slots[i];
        if (staple_cache_is_inside(cache, slots[i].where)) {
            mark(writer, STAPLE_CACHE_WHERE_UNIT(slots[i].where),
                 staple_cache_units(STAPLE_CACHE_WHERE_LEN(slots[i].where)), 1);
        }
    }
    return writer;
}

/* Publishes what stands at `unit`, of no length: nothing; what was there before
 * is free from then on. */
static void lead_to(staple_writer_t *writer, apr_uint32_t index,
                    apr_size_t unit, apr_size_t der_len)
{
    staple_cache_slot_t *slot = writer->slots[index];
    apr_uint64_t old = slot->where;
    apr_uint64_t where = (STAPLE_CACHE_WHERE_GENERATION(old) + 1)
                             << (STAPLE_CACHE_LEN_BITS + STAPLE_CACHE_UNIT_BITS)
                         | (apr_uint64_t)unit << STAPLE_CACHE_LEN_BITS
                         | der_len;

    __atomic_store_n(&slot->where, where, __ATOMIC_RELEASE);
    if (staple_cache_is_inside(writer->cache, old)) {
        mark(writer, STAPLE_CACHE_WHERE_UNIT(old),
             staple_cache_units(STAPLE_CACHE_WHERE_LEN(old)), 0);
    }
}

staple_reason_e staple_writer_put(staple_writer_t *writer, apr_uint32_t index,
                                  const unsigned char *der, apr_size_t der_len,
                                  apr_time_t use_until)
{
    staple_cache_t *cache = writer->cache;
    apr_size_t unit;
    staple_cache_extent_t *extent;

    if (index >= cache->count || writer->slots[index] == NULL) {
        return STAPLE_NOT_FOUND;
    }
    if (der_len == 0 || der_len > cache->max_len) {
        return der_len == 0 ? STAPLE_EMPTY : STAPLE_STAPLE_TOO_LARGE;
    }
    unit = find_free(writer, staple_cache_units(der_len));
    if (unit == STAPLE_NONE) {
        return STAPLE_NO_MEMORY; /* the slots were overwritten */
    }
    extent = staple_cache_extent(cache, unit);
    /* A reader that sees a word written below also sees that the slot which
     * led here before leads elsewhere now. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    staple_cache_store((apr_uint64_t *)&extent->use_until,
                       (apr_uint64_t)use_until);
    staple_cache_copy_in(extent->key, staple_cache_key(cache, index),
                         STAPLE_KEY_LEN);
    staple_cache_copy_in(extent->der, der, der_len);
    mark(writer, unit, staple_cache_units(der_len), 1);
    lead_to(writer, index, unit, der_len);
    return STAPLE_OK;
}

void staple_writer_take_away(staple_writer_t *writer, apr_uint32_t index)
{
    if (index < writer->cache->count && writer->slots[index] != NULL
        && STAPLE_CACHE_WHERE_LEN(writer->slots[index]->where) > 0) {
        lead_to(writer, index, 0, 0);
    }
}

void staple_writer_put_record(staple_writer_t *writer, apr_uint32_t index,
                              const staple_record_t *record)
{
    staple_cache_pair_t *pair;

    if (index >= writer->cache->count) {
        return;
    }
    pair = staple_cache_pair(writer->cache, index);
    staple_cache_publish(&pair->sequence, pair->records, record,
                         sizeof(*record));
}

/* As if it had never been asked about, which is done at once then; but that it
 * is revoked is not forgotten. */
static void begin_anew(staple_record_t *record)
{
    staple_record_t anew = {.requests = record->requests,
                            .failed = record->failed};

    if (staple_record_says_revoked(record)) {
        anew.held = record->held;
        anew.held.use_until = anew.held.next_update = 0;
    }
    if (record->crl.status == STAPLE_CERT_REVOKED) {
        anew.crl = record->crl;
        anew.crl.use_until = anew.crl.next_update = 0;
    }
    *record = anew;
}

apr_uint32_t staple_writer_adopt(staple_writer_t *writer,
                                 const staple_cache_t *older)
{
    apr_size_t room = staple_cache_max_len(older);
    unsigned char *der = apr_palloc(writer->pool, room);
    apr_uint32_t index, old_index, too_long = 0;
    staple_record_t record;

    for (index = 0; index < writer->cache->count; index++) {
        const staple_key_t *key = staple_cache_key(writer->cache, index);
        apr_size_t len = room;
        apr_time_t use_until;
        staple_key_t whose;

        if (writer->slots[index] == NULL) {
            continue;
        }
        old_index = staple_cache_find(older, key);
        if (!staple_cache_get_record(&record, older, old_index)) {
            continue;
        }
        if (staple_cache_read_slot(der, &len, &use_until, &whose, older,
                                   staple_cache_find_slot(older, key))
                == STAPLE_OK
            && staple_writer_put(writer, index, der, len, use_until)
                   == STAPLE_STAPLE_TOO_LARGE) {
            begin_anew(&record);
            too_long++;
        }
        staple_writer_put_record(writer, index, &record);
    }
    return too_long;
}

apr_size_t staple_writer_max_len(const staple_writer_t *writer)
{
    return staple_cache_max_len(writer->cache);
}

apr_size_t staple_writer_used(const staple_writer_t *writer)
{
    return writer->used_units * STAPLE_CACHE_UNIT;
}
