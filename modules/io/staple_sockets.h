/* Waits for what libcurl's transfers wait for, and lets these go on. */
#ifndef STAPLE_SOCKETS_H
#define STAPLE_SOCKETS_H

#include <apr_pools.h>
#include <curl/curl.h>

/*
 * The sockets of a multi handle and its next time, in a set of which the kernel
 * knows what is in it: only those that are ready are looked at, while
 * curl_multi_poll() and curl_multi_perform() look at all, each time.
 *
 * One thread at a time, except staple_sockets_wake().
 */
typedef struct staple_sockets_t staple_sockets_t;

/* In pool p, for `count` transfers.  NULL without memory or descriptors. */
staple_sockets_t *staple_sockets_make(apr_pool_t *p, unsigned count);

/* From now on these are the sockets of `multi`, and of none before, which is to
 * be without transfers, or gone.  curl_multi_perform() must not be called for
 * it.  NULL: of none. */
void staple_sockets_serve(staple_sockets_t *sockets, CURLM *multi);

/* Lets transfers go on that can; waits until one can, until
 * staple_sockets_wake() is called, or for `timeout` at most.  Of a transfer on
 * whose socket nothing happens libcurl's progress function hears nothing. */
void staple_sockets_run(staple_sockets_t *sockets, apr_interval_time_t timeout);

/* Makes staple_sockets_run() return soon.  Any thread. */
void staple_sockets_wake(staple_sockets_t *sockets);

#endif
