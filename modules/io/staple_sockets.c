/* Waits for what libcurl's transfers wait for, and lets these go on. */
#include "staple_sockets.h"

#include <apr_poll.h>
#include <apr_portable.h>

#include "staple_steady.h"

#define NEVER APR_INT64_MAX

/* A socket of libcurl's; kept and used again for another one. */
typedef struct watched_t {
    struct watched_t *next_free;
    apr_socket_t *socket;
    apr_pollfd_t poll; /* as it is in the set */
} watched_t;

struct staple_sockets_t {
    apr_pool_t *pool;
    CURLM *multi;
    apr_pollset_t *set;
    watched_t *free;
    apr_time_t due; /* when libcurl wants to be called; by our clock */
};

/* ---- what libcurl calls ---- */

static watched_t *take_watched(staple_sockets_t *sockets)
{
    watched_t *watched = sockets->free;

    if (watched != NULL) {
        sockets->free = watched->next_free;
        return watched;
    }
    return apr_pcalloc(sockets->pool, sizeof(*watched));
}

static void unwatch(staple_sockets_t *sockets, watched_t *watched)
{
    apr_pollset_remove(sockets->set, &watched->poll);
    watched->next_free = sockets->free;
    sockets->free = watched;
}

static apr_int16_t events_of(int what)
{
    return (apr_int16_t)((what != CURL_POLL_OUT ? APR_POLLIN : 0)
                         | (what != CURL_POLL_IN ? APR_POLLOUT : 0));
}

/* A socket that cannot be watched is as one that nothing comes of: its transfer
 * has a timeout.  (An error would be the end of all transfers.) */
static int watch(CURL *easy, curl_socket_t descriptor, int what, void *baton,
                 void *of_socket)
{
    staple_sockets_t *sockets = baton;
    watched_t *watched = of_socket;

    (void)easy;
    if (watched != NULL) {
        unwatch(sockets, watched);
        curl_multi_assign(sockets->multi, descriptor, NULL);
    }
    if (what == CURL_POLL_REMOVE || what == CURL_POLL_NONE) {
        return 0;
    }
    watched = take_watched(sockets);
    if (apr_os_sock_put(&watched->socket, &descriptor, sockets->pool)
        == APR_SUCCESS) {
        watched->poll = (apr_pollfd_t){.desc_type = APR_POLL_SOCKET,
                                       .reqevents = events_of(what),
                                       .desc.s = watched->socket};
        apr_pollset_add(sockets->set, &watched->poll);
    }
    curl_multi_assign(sockets->multi, descriptor, watched);
    return 0;
}

static int set_due(CURLM *multi, long after, void *baton)
{
    staple_sockets_t *sockets = baton;

    (void)multi;
    sockets->due =
        after < 0 ? NEVER : staple_steady_now() + apr_time_from_msec(after);
    return 0;
}

/* ---- making ---- */

staple_sockets_t *staple_sockets_make(apr_pool_t *p, unsigned count)
{
    staple_sockets_t *sockets = apr_pcalloc(p, sizeof(*sockets));

    sockets->pool = p;
    sockets->due = NEVER;
    /* Each may have a connection and a look-up. */
    return apr_pollset_create(&sockets->set, 2 * count, p,
                              APR_POLLSET_WAKEABLE)
                   == APR_SUCCESS
               ? sockets
               : NULL;
}

void staple_sockets_serve(staple_sockets_t *sockets, CURLM *multi)
{
    sockets->multi = multi;
    sockets->due = NEVER;
    if (multi == NULL) {
        return;
    }
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, sockets);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_due);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, sockets);
}

/* ---- running ---- */

static void act(staple_sockets_t *sockets, curl_socket_t descriptor, int mask)
{
    int running;

    curl_multi_socket_action(sockets->multi, descriptor, mask, &running);
}

static void act_ready(staple_sockets_t *sockets, const apr_pollfd_t *ready)
{
    apr_os_sock_t descriptor;
    int mask = 0;

    if (apr_os_sock_get(&descriptor, ready->desc.s) != APR_SUCCESS) {
        return;
    }
    if (ready->rtnevents & APR_POLLIN) {
        mask |= CURL_CSELECT_IN;
    }
    if (ready->rtnevents & APR_POLLOUT) {
        mask |= CURL_CSELECT_OUT;
    }
    if (ready->rtnevents & ~(APR_POLLIN | APR_POLLOUT)) {
        mask |= CURL_CSELECT_ERR;
    }
    act(sockets, descriptor, mask);
}

/* Does what is due; how long to wait then, at most. */
static apr_interval_time_t be_on_time(staple_sockets_t *sockets,
                                      apr_interval_time_t timeout)
{
    apr_time_t now = staple_steady_now();

    if (now < sockets->due) {
        /* The kernel waits for whole milliseconds, and APR rounds down: the
         * rest would be spent with asking again and again. */
        apr_interval_time_t left =
            (sockets->due - now + 999) / 1000 * 1000;

        return left < timeout ? left : timeout;
    }
    sockets->due = NEVER;
    act(sockets, CURL_SOCKET_TIMEOUT, 0);
    return 0; /* something may have ended */
}

void staple_sockets_run(staple_sockets_t *sockets, apr_interval_time_t timeout)
{
    const apr_pollfd_t *ready = NULL;
    apr_int32_t count = 0, i;

    apr_pollset_poll(sockets->set, be_on_time(sockets, timeout), &count,
                     &ready);
    for (i = 0; i < count; i++) {
        act_ready(sockets, &ready[i]);
    }
}

void staple_sockets_wake(staple_sockets_t *sockets)
{
    apr_pollset_wakeup(sockets->set);
}
