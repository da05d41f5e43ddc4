/* The one writer of a cache: publishes staples and records. */
#ifndef STAPLE_WRITER_H
#define STAPLE_WRITER_H

#include "staple_cache.h"

/* The writer's private view: which units of the arena are free.  Never in
 * shared memory, so a writer that is killed leaves nothing to repair. */
typedef struct staple_writer_t staple_writer_t;

/* The view of a new writer, in pool p, made from what is published.  From
 * here on no other writer may be at work. */
staple_writer_t *staple_writer_make(apr_pool_t *p, staple_cache_t *cache);

/*
 * Publishes a staple for certificate `index` until `use_until`.  Either all of
 * it becomes visible or, with STAPLE_STAPLE_TOO_LARGE (longer than the cache
 * takes), STAPLE_EMPTY or STAPLE_NOT_FOUND (bad index), nothing changes.
 * There is room for every staple that is not too large: staple_cache_size()
 * says why.  STAPLE_NO_MEMORY tells that the block is damaged.
 */
staple_reason_e staple_writer_put(staple_writer_t *writer, apr_uint32_t index,
                                  const unsigned char *der, apr_size_t der_len,
                                  apr_time_t use_until);

/* Nothing is held for certificate `index` any more. */
void staple_writer_take_away(staple_writer_t *writer, apr_uint32_t index);

/* Publishes the record of certificate `index`. */
void staple_writer_put_record(staple_writer_t *writer, apr_uint32_t index,
                              const staple_record_t *record);

/* Copies staples and records of all certificates that both caches know from
 * an older cache, to which its own writer may go on writing.  A staple that is
 * longer than this cache takes is left behind, and its record says that nothing
 * is held and no responder was asked.  Returns how many those were. */
apr_uint32_t staple_writer_adopt(staple_writer_t *writer,
                                 const staple_cache_t *older);

/* Bytes of the longest staple that the cache takes. */
apr_size_t staple_writer_max_len(const staple_writer_t *writer);

/* Bytes of the arena that published staples take up. */
apr_size_t staple_writer_used(const staple_writer_t *writer);

#endif
