/* What of a cache is stored already: a table in shared memory. */
#ifndef STAPLE_DIRTY_H
#define STAPLE_DIRTY_H

#include "staple_cache.h"

/* A record that changed while the staple stayed (a failure, most likely) is
 * stored no sooner than this after the last time: a restart loop must find
 * the manners, a dead responder must not wear out the disk. */
#define STAPLE_DIRTY_RECORD_PAUSE apr_time_from_sec(60)

/*
 * Nobody says that something has to be stored: it has to be as long as the
 * cache's stamp of a certificate differs from the one noted here.  So whoever
 * takes over from a process that was killed misses nothing.  One process
 * writes at a time: the one that holds the store's lock, or the only one.
 */
typedef struct staple_dirty_t staple_dirty_t;

typedef enum {
    STAPLE_DIRTY_STORED,  /* nothing to do */
    STAPLE_DIRTY_STAPLE,  /* another staple is held than was stored */
    STAPLE_DIRTY_RECORD,  /* the record differs, and it is time */
    STAPLE_DIRTY_TOO_SOON /* the record differs, but it can wait */
} staple_dirty_due_e;

apr_size_t staple_dirty_size(apr_uint32_t count);

/* Makes one in `block`, zeroed bytes of that size, 8-byte aligned: nothing is
 * stored yet. */
staple_dirty_t *staple_dirty_format(void *block, apr_uint32_t count);

/* The table in a block that staple_dirty_format() made, perhaps in another
 * version of this module: NULL where it is not ours to read. */
const staple_dirty_t *staple_dirty_attach(const void *block, apr_size_t size);

/* What is to be stored of certificate `index`, whose stamp is this one now. */
staple_dirty_due_e staple_dirty_due(const staple_dirty_t *dirty,
                                    apr_uint32_t index,
                                    const staple_stamp_t *stamp,
                                    apr_time_t now);

/* The state of certificate `index` with this stamp was stored at `now`. */
void staple_dirty_note(staple_dirty_t *dirty, apr_uint32_t index,
                       const staple_stamp_t *stamp, apr_time_t now);

/* The store's token (staple_store.h) is this one.  Where it was another until
 * now, nothing is stored any more. */
void staple_dirty_bind(staple_dirty_t *dirty, apr_uint64_t token);

/* Does storing work?  Returns 1 where that is news: it did not (or did) the
 * last time, or this generation was not told yet that it does not. */
int staple_dirty_is_news(staple_dirty_t *dirty, int works);

/* What was copied from an older cache unchanged is stored if it was, and
 * where it was. */
void staple_dirty_adopt(staple_dirty_t *dirty, const staple_cache_t *cache,
                        const staple_dirty_t *older,
                        const staple_cache_t *older_cache,
                        const staple_key_t *keys);

/* Was everything that was stored put back into the cache?  Any process. */
int staple_dirty_is_restored(const staple_dirty_t *dirty);
void staple_dirty_set_restored(staple_dirty_t *dirty);

/* The certificate that is to be put back next, which counts as done from now
 * on: a child that takes over from one that a file killed goes on behind it.
 * The number of certificates: none is left.  For one process at a time. */
apr_uint32_t staple_dirty_restore_next(staple_dirty_t *dirty);

/* Until when handshakes may wait for that: what the first caller of this
 * generation said, which may be this one.  Any process. */
apr_time_t staple_dirty_restore_until(staple_dirty_t *dirty, apr_time_t until);

#endif
