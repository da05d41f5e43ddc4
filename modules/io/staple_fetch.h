/* Hundreds of HTTP exchanges at once (libcurl multi), each with its limits. */
#ifndef STAPLE_FETCH_H
#define STAPLE_FETCH_H

#include <apr_pools.h>

#include "refresh/staple_refresh.h"

/*
 * Makes the exchanges that the refresher hands out.  Every exchange has a
 * limit of time (all of it: resolving, connecting, sending, receiving) and of
 * size (STAPLE_MAX_RESPONSE, refused while it arrives).  Redirects are not
 * followed, only http and https are spoken, no credentials are sent but those
 * of the exchange's route to its proxy, and the environment's proxies are not
 * used.  Connections are reused.
 *
 * A list (STAPLE_TRANSPORT_LIST) is received into a file, has limits of its own
 * for its size and for silence, and may be asked for only where it is another
 * than the one held; see staple_refresh_types.h.
 *
 * A name is looked up in a thread of libcurl's, which lasts for as long as the
 * resolver takes, also when its exchange has ended.  There is one at most
 * for each exchange, and STAPLE_FETCH_LEFT more for exchanges that ended
 * without; beyond these an exchange lasts until its name is there.
 *
 * One thread of one process at a time, except staple_fetch_wake().
 */
typedef struct staple_fetch_t staple_fetch_t;

#define STAPLE_FETCH_LEFT 448

typedef struct staple_fetch_options_t {
    unsigned concurrency; /* exchanges at once, at least 1 */
    const char *user_agent;
    /* where lists are received (staple_spool_open()); lives on; NULL: where
     * temporary files are */
    const char *spool_dir;
} staple_fetch_options_t;

/* Prepares libcurl: once per process, before any thread.  Returns 1, or 0. */
int staple_fetch_global_init(void);

/* Can this libcurl speak TLS with a proxy? */
int staple_fetch_can_https_proxy(void);

/* A fetcher in pool p, NULL without memory.  Destroying p ends what is in
 * flight without waiting for it. */
staple_fetch_t *staple_fetch_make(apr_pool_t *p,
                                  const staple_fetch_options_t *options);

/* Begins an exchange; its answer comes through staple_fetch_take(), also where
 * it could not even begin.  At most `concurrency` at a time. */
void staple_fetch_start(staple_fetch_t *fetch, staple_exchange_t *exchange);

/* Lets exchanges proceed; returns when one has ended, when
 * staple_fetch_wake() is called, or after `timeout`. */
void staple_fetch_run(staple_fetch_t *fetch, apr_interval_time_t timeout);

/* The next exchange that has ended and its answer, or NULL.  What *answer
 * points to lives until the next call, but answer->spool with a list's bytes is
 * the caller's to drop (staple_spool_drop()). */
staple_exchange_t *staple_fetch_take(staple_fetch_t *fetch,
                                     staple_answer_t *answer);

/* Gives back the memory and the connections that exchanges needed where none is
 * under way, no name is looked up and no exchange was begun for `idle_for`.
 * What the last answer points to is gone.  Returns 1: there is nothing (more)
 * to give back, or 0: not yet.  To be called again and again. */
int staple_fetch_rest(staple_fetch_t *fetch, apr_interval_time_t idle_for);

/* Makes staple_fetch_run() return soon.  Any thread. */
void staple_fetch_wake(staple_fetch_t *fetch);

#endif
