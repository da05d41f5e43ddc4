/* Threads that call the shared store's provider, which may block. */
#ifndef STAPLE_SHARED_WORKER_H
#define STAPLE_SHARED_WORKER_H

#include "refresh/staple_refresh.h"
#include "httpd/generation/staple_generation.h"

/*
 *   watchdog's thread                          a few threads
 *   query, put ----> waiting tasks ----------> the provider's calls,
 *   take <---------- done tasks <------------- which may take for ever
 *
 * A query that is not back in time is answered with STAPLE_TIMEOUT, and what it
 * brings later is dropped.  The lock is held for steps in lists alone.
 *
 * A query reads the value and the note that a machine is asking; where there is
 * no note of another machine, it leaves one.
 */
typedef struct staple_shared_worker_t staple_shared_worker_t;

typedef struct staple_shared_worker_options_t {
    const staple_generation_t *generation; /* with a shared store */
    /* Makes the watchdog's thread call staple_shared_worker_take() soon.  Any
     * thread; never again after staple_shared_worker_end(). */
    void (*wake)(void *baton);
    void *baton;
} staple_shared_worker_options_t;

/*
 * Starts the threads, in a pool that outlives `pchild`'s cleanups: a thread
 * that hangs in the provider ends with the process.  NULL after an error line.
 * Runs in: one child, watchdog thread, like all that follows but _end.
 */
staple_shared_worker_t *
staple_shared_worker_make(apr_pool_t *p,
                          const staple_shared_worker_options_t *options);

/* Begins a query about certificate `who`; its answer comes through
 * staple_shared_worker_take(). */
void staple_shared_worker_query(staple_shared_worker_t *worker,
                                staple_exchange_t *exchange,
                                const staple_refresh_cert_t *who,
                                apr_time_t now);

/* Puts a value into the store, sooner or later, and says in the log when that
 * does not succeed.  NULL: takes away the note that we are asking. */
void staple_shared_worker_put(staple_shared_worker_t *worker,
                              const staple_cert_t *cert,
                              const unsigned char *value, apr_size_t len,
                              apr_time_t use_until);

/* The next query that is back, or late, and its answer; or NULL.  What *answer
 * points to lives until the next call. */
staple_exchange_t *staple_shared_worker_take(staple_shared_worker_t *worker,
                                       staple_answer_t *answer, apr_time_t now);

/* Ends the threads; does not wait for one that hangs. */
void staple_shared_worker_end(staple_shared_worker_t *worker);

#endif
