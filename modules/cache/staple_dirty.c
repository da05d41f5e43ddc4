/* What of a cache is stored already: a table in shared memory. */
#include "staple_dirty.h"

#include <string.h>

#define MAGIC 0x315247444c505453ULL /* "STPLDGR1" */

typedef struct line_t {
    staple_stamp_t stamp; /* of what was stored last */
    apr_time_t at;        /* when; 0 = never */
} line_t;

/* Does storing work? */
enum { WORKS, FAILED_BEFORE, FAILS };

struct staple_dirty_t {
    apr_uint64_t magic;
    apr_uint64_t line_size; /* another version's differs */
    apr_uint32_t count;
    apr_uint32_t is_restored;
    apr_uint64_t restore_next; /* certificate; those before it are done */
    apr_int64_t restore_until; /* 0 = no child has begun */
    apr_uint64_t token;        /* of the store; 0 = not known yet */
    apr_uint64_t state;        /* WORKS, ... */
    line_t lines[];
};

apr_size_t staple_dirty_size(apr_uint32_t count)
{
    return sizeof(staple_dirty_t) + (apr_size_t)count * sizeof(line_t);
}

staple_dirty_t *staple_dirty_format(void *block, apr_uint32_t count)
{
    staple_dirty_t *dirty = block;

    dirty->magic = MAGIC;
    dirty->line_size = sizeof(line_t);
    dirty->count = count;
    return dirty;
}

const staple_dirty_t *staple_dirty_attach(const void *block, apr_size_t size)
{
    const staple_dirty_t *dirty = block;

    return size >= sizeof(*dirty) && dirty->magic == MAGIC
                   && dirty->line_size == sizeof(line_t)
                   && staple_dirty_size(dirty->count) <= size
               ? dirty
               : NULL;
}

staple_dirty_due_e staple_dirty_due(const staple_dirty_t *dirty,
                                    apr_uint32_t index,
                                    const staple_stamp_t *stamp, apr_time_t now)
{
    const line_t *line = &dirty->lines[index];

    if (line->stamp.staple != stamp->staple) {
        return STAPLE_DIRTY_STAPLE;
    }
    if (line->stamp.record == stamp->record) {
        return STAPLE_DIRTY_STORED;
    }
    /* A clock that was set back does not make anybody wait. */
    return now - line->at < STAPLE_DIRTY_RECORD_PAUSE && now >= line->at
               ? STAPLE_DIRTY_TOO_SOON
               : STAPLE_DIRTY_RECORD;
}

void staple_dirty_note(staple_dirty_t *dirty, apr_uint32_t index,
                       const staple_stamp_t *stamp, apr_time_t now)
{
    dirty->lines[index].stamp = *stamp;
    dirty->lines[index].at = now;
}

void staple_dirty_bind(staple_dirty_t *dirty, apr_uint64_t token)
{
    if (dirty->token != 0 && dirty->token != token) {
        memset(dirty->lines, 0, dirty->count * sizeof(line_t));
    }
    dirty->token = token;
}

int staple_dirty_is_news(staple_dirty_t *dirty, int works)
{
    apr_uint64_t state = works ? WORKS : FAILS;
    int is_news = dirty->state != state;

    dirty->state = state;
    return is_news;
}

void staple_dirty_adopt(staple_dirty_t *dirty, const staple_cache_t *cache,
                        const staple_dirty_t *older,
                        const staple_cache_t *older_cache,
                        const staple_key_t *keys)
{
    staple_stamp_t stamp, older_stamp;
    apr_uint32_t i, k;

    dirty->token = older->token;
    dirty->state = older->state == WORKS ? WORKS : FAILED_BEFORE;
    for (i = 0; i < dirty->count; i++) {
        k = staple_cache_find(older_cache, &keys[i]);
        if (k < older->count
            && staple_cache_stamp(&older_stamp, older_cache, &keys[i])
            && staple_cache_stamp(&stamp, cache, &keys[i])
            && memcmp(&older_stamp, &older->lines[k].stamp, sizeof(stamp))
                   == 0) {
            staple_dirty_note(dirty, i, &stamp, older->lines[k].at);
        }
    }
}

int staple_dirty_is_restored(const staple_dirty_t *dirty)
{
    return __atomic_load_n(&dirty->is_restored, __ATOMIC_ACQUIRE) != 0;
}

void staple_dirty_set_restored(staple_dirty_t *dirty)
{
    __atomic_store_n(&dirty->is_restored, 1, __ATOMIC_RELEASE);
}

apr_uint32_t staple_dirty_restore_next(staple_dirty_t *dirty)
{
    return dirty->restore_next < dirty->count
               ? (apr_uint32_t)dirty->restore_next++
               : dirty->count;
}

apr_time_t staple_dirty_restore_until(staple_dirty_t *dirty, apr_time_t until)
{
    apr_int64_t said = 0;

    return __atomic_compare_exchange_n(&dirty->restore_until, &said, until, 0,
                                       __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
               ? until
               : said;
}
