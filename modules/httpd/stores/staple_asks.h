/* Requests to ask now: from the store's desk to the refresher, and back. */
#ifndef STAPLE_ASKS_H
#define STAPLE_ASKS_H

#include "httpd/generation/staple_generation.h"

/*
 *   desk (io/staple_desk.h)  -->  thread  -->  refresher (refresh/staple_ask.h)
 *                            <--          <--
 *
 * A thread looks at the desk twice a second, so that a disk that hangs holds
 * up nothing else; the refresher's own thread finds the certificates, asks, and
 * makes the answer when all of it is known.  One request at a time.  What is
 * not answered when this process ends stays on the desk for the next refresher.
 *
 * An answer has for each certificate that was found an object in
 * "certificates": certificate, serial, sha256, server, is_issuer; asked, or
 * asked_ago (seconds) where that was less than a minute ago, or why_not; before
 * and state, this_update, use_until, error and error_detail of the last job.
 * "not_found" lists what no certificate has.
 *
 * Runs in: the refreshing child, watchdog thread.
 */
typedef struct staple_asks_t staple_asks_t;

/* NULL: there is no store, or no thread.  It has memory of its own. */
staple_asks_t *staple_asks_start(const staple_generation_t *generation,
                                 staple_refresh_t *refresh, apr_pool_t *like);

/* Takes what was asked, sees to it, and answers.  `asks` may be NULL. */
void staple_asks_step(staple_asks_t *asks, apr_time_t now);

/* It is to end, and the desk to be free for another process; waits for it
 * where the child ends. */
void staple_asks_stop(staple_asks_t *asks, int is_exit);

#endif
