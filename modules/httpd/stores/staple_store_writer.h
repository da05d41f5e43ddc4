/* The thread that writes to the store what changed in the cache. */
#ifndef STAPLE_STORE_WRITER_H
#define STAPLE_STORE_WRITER_H

#include "httpd/generation/staple_generation.h"
#include "io/staple_spool.h"

/*
 * A thread of its own in the refreshing child, so that neither the refresher
 * nor anybody else ever waits for a disk.  It reads the cache as handshakes
 * do, and learns from staple_dirty what has to be written.
 */

/* Starts it, unless there is no store.  `like` as for staple_pool_apart().
 * Runs in: the refreshing child, watchdog thread. */
void staple_store_writer_start(staple_generation_t *generation,
                               apr_pool_t *like);

/* Lets it write what is left, as far as a second reaches, and end.  At the exit
 * of the child it waits about that long for it, and a thread that hangs in the
 * disk beyond that touches nothing any more.  Runs in: any child, any
 * thread. */
void staple_store_writer_stop(const staple_generation_t *generation,
                              int is_exit);

/*
 * Lets it keep a list that was fetched under this name (staple_list_store.h),
 * with the facts in *came; takes the spool.  Where nothing is written to the
 * store the spool is dropped.  Runs in: the refreshing child, watchdog thread.
 */
void staple_store_writer_keep(const staple_generation_t *generation,
                              staple_spool_t *spool,
                              const staple_stored_list_t *came,
                              const char *name);

#endif
