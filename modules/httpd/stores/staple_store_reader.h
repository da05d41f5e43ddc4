/* OCSPStapleStore: made in the parent, read by the first child. */
#ifndef STAPLE_STORE_READER_H
#define STAPLE_STORE_READER_H

#include "httpd/generation/staple_generation.h"

/* Makes the directory and hands it to User: generation->store, NULL where there
 * is none to use, after a warning.  Runs in: parent, post_config. */
void staple_store_reader_make(staple_generation_t *generation,
                              apr_pool_t *pconf);

/*
 * Puts what is stored back into the cache, before this child's first
 * handshake: the first child does it, the others wait for it, and none longer
 * than STAPLE_STORE_READER_PATIENCE after the first one began.  As User, not as
 * root: what is in the files comes from outside.  Runs in: each child,
 * child_init.
 */
void staple_store_reader_restore(const staple_generation_t *generation,
                                 apr_pool_t *p);

/* How long the first handshakes of a generation may wait for that. */
#define STAPLE_STORE_READER_PATIENCE apr_time_from_sec(2)

/* Says whether to go on. */
typedef int staple_store_reader_go_on_fn(void *baton);

/*
 * Puts back what is left, for as long as go_on() says so after each
 * certificate.  Returns 1 when all is done; until then no refresher may start:
 * the cache has one writer, and no responder is asked for what is there.  Runs
 * in: watchdog thread, before it starts the refresher.
 */
int staple_store_reader_finish(const staple_generation_t *generation,
                               apr_pool_t *p,
                               staple_store_reader_go_on_fn *go_on,
                               void *baton);

/* Warns that the store does not work, and says what to do. */
void staple_store_reader_complain(const staple_generation_t *generation,
                                  apr_status_t status, const char *why);

#endif
