/* OCSPStapleShared: a store that many machines share, by an httpd provider. */
#ifndef STAPLE_SHARED_H
#define STAPLE_SHARED_H

#include "refresh/staple_source_shared.h"
#include "io/staple_fetch.h"
#include "httpd/generation/staple_generation.h"

/*
 * What is in the store, under SHA-256 of the certificate's DER:
 *
 *   sha256        a value (staple_source_shared.h), until the end of its use
 *   sha256, 'n'   a note that some httpd is asking: its mark, for seconds; the
 *                 mark is random, and the same until that httpd is stopped
 *
 * Providers put a prefix of their own before the keys: "ocspstaple".
 */
#define STAPLE_SHARED_MARK 16 /* bytes */

typedef struct staple_shared_t staple_shared_t;

/* Makes its mutex known to the directive Mutex.  Runs in: parent,
 * pre_config. */
apr_status_t staple_shared_register(apr_pool_t *pconf);

/* Makes the store ready for the children, if there is one: generation->shared.
 * Returns 1, or 0 after an error line.  Runs in: parent, post_config. */
int staple_shared_open(staple_generation_t *generation, apr_pool_t *pconf);

/* Runs in: each child, child_init. */
void staple_shared_child_init(const staple_generation_t *generation,
                              apr_pool_t *pchild);

/* ---- the threads that call the provider, which may block ---- */

/*
 *   watchdog's thread                          a few threads
 *   query, put ----> waiting tasks ----------> the provider's calls,
 *   take <---------- done tasks <------------- which may take for ever
 *
 * A query that is not back in time is answered with STAPLE_TIMEOUT, and what it
 * brings later is dropped.  The lock is held for steps in lists alone.  What
 * failed is not tried again for some seconds.
 *
 * A query reads the value and the note that a machine is asking; where there is
 * no note of another machine, it leaves one.
 */
typedef struct staple_shared_worker_t staple_shared_worker_t;

/*
 * Starts the threads for a generation with a shared store.  What is done wakes
 * `fetch`, by which the watchdog's thread waits.  `owner` is the pool of
 * `fetch`, which thus is there for longer: when it goes the threads end, but
 * for one that hangs in the provider, which keeps the memory of all.  NULL
 * after an error line.  Runs in: one child, watchdog thread, like all that
 * follows.
 */
staple_shared_worker_t *
staple_shared_worker_make(apr_pool_t *owner,
                          const staple_generation_t *generation,
                          staple_fetch_t *fetch);

/* Begins a query about the certificate of the exchange; its answer comes
 * through staple_shared_worker_take(). */
void staple_shared_worker_query(staple_shared_worker_t *worker,
                                staple_exchange_t *exchange, apr_time_t now);

/* A staple_refresh_share_fn, the baton is the worker: puts the value into the
 * store, sooner or later, and says in the log when that does not succeed. */
void staple_shared_worker_put(void *worker, apr_uint32_t index,
                              const unsigned char *value, apr_size_t len,
                              apr_time_t use_until);

/* The next query that is back, or late, and its answer; or NULL.  What *answer
 * points to lives until the next call. */
staple_exchange_t *staple_shared_worker_take(staple_shared_worker_t *worker,
                                       staple_answer_t *answer, apr_time_t now);

#endif
