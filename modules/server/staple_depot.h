/* OCSPStapleStore: made in the parent, read by the first child. */
#ifndef STAPLE_DEPOT_H
#define STAPLE_DEPOT_H

#include "staple_view.h"

/* Makes the directory and hands it to User.  Returns its path, or NULL where
 * there is none to use, after a warning.  Runs in: parent, post_config. */
const char *staple_depot_make(apr_pool_t *pconf, server_rec *s);

/*
 * Puts what is stored back into the cache, before this child's first
 * handshake: the first child does it, the others wait for it, `wait` at most.
 * As User, not as root: what is in the files comes from outside.  Returns 1
 * when all is done; until then no refresher may start, as the cache has one
 * writer.  Runs in: each child, child_init; watchdog thread, before it starts
 * the refresher.
 */
int staple_depot_restore(const staple_view_t *view, apr_pool_t *p,
                         apr_interval_time_t wait);

/* How long a child waits for the one that restores. */
#define STAPLE_DEPOT_WAIT apr_time_from_sec(30)

/* Warns that the store does not work, and says what to do. */
void staple_depot_complain(const staple_view_t *view, apr_status_t status,
                           const char *why);

#endif
