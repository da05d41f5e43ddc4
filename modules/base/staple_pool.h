/* Pools that give what they had back to the system as a whole. */
#ifndef STAPLE_POOL_H
#define STAPLE_POOL_H

#include <apr_pools.h>

/*
 * A pool with an allocator of its own, below no other one: who makes it
 * destroys it, and then its memory goes back to the system; it shares no lock
 * with other threads, and stays for a thread that hangs.  Where there is no
 * memory it does what `like` does: httpd's end the process.
 */
static inline apr_pool_t *staple_pool_apart(apr_pool_t *like, const char *tag)
{
    apr_pool_t *pool;

    apr_pool_create_unmanaged_ex(&pool, apr_pool_abort_get(like), NULL);
    apr_pool_tag(pool, tag);
    return pool;
}

#endif
