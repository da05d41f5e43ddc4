/* The leader: of all children one refreshes, by a lock. */
#include "staple_leader.h"

#include <httpd.h>
#include <http_config.h>
#include <apr_strings.h>
#include <apr_time.h>
#include <unistd.h>

#include "base/staple_clock.h"

/* How long a child that takes over waits: httpd may be about to end, and this
 * child not know that yet. */
#define SETTLE apr_time_from_msec(500)

struct staple_leader_t {
    /* set before fork, read-only */
    apr_proc_mutex_t *lock;
    /* each process's own, watchdog thread */
    int has_waited; /* for another process */
    int is_held;
    int is_left;
    apr_time_t held_at; /* 0: it counts at once */
};

/* A lock by a file of this directory; NULL: where APR makes its own, /tmp. */
static apr_status_t make_lock_in(apr_proc_mutex_t **lock, const char *directory,
                                 apr_pool_t *pconf)
{
    const char *path =
        directory != NULL
            ? apr_psprintf(pconf, "%s/ocspstaple.%" APR_PID_T_FMT, directory,
                           getpid())
            : NULL;

    return apr_proc_mutex_create(lock, path, APR_LOCK_FCNTL, pconf);
}

apr_status_t staple_leader_make_lock(apr_proc_mutex_t **lock, apr_pool_t *pconf)
{
    const char *const directories[] = {ap_runtime_dir_relative(pconf, "."),
                                       NULL, "/dev/shm"};
    apr_status_t first = APR_SUCCESS, status = APR_SUCCESS;
    unsigned i;

    for (i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        status = make_lock_in(lock, directories[i], pconf);
        if (status == APR_SUCCESS) {
            return APR_SUCCESS;
        }
        first = i == 0 ? status : first;
    }
    return first;
}

apr_status_t staple_leader_make(staple_leader_t **leader, apr_pool_t *pconf)
{
    apr_status_t status;

    *leader = apr_pcalloc(pconf, sizeof(**leader));
    status = staple_leader_make_lock(&(*leader)->lock, pconf);
    /* That needs a file; without one APR's choice must do. */
    return status == APR_SUCCESS
               ? status
               : apr_proc_mutex_create(&(*leader)->lock, NULL, APR_LOCK_DEFAULT,
                                       pconf);
}

int staple_leader_has(staple_leader_t *leader)
{
    apr_time_t now = apr_time_now();

    if (!leader->is_held) {
        if (leader->is_left
            || apr_proc_mutex_trylock(leader->lock) != APR_SUCCESS) {
            leader->has_waited = 1;
            return 0;
        }
        leader->is_held = 1;
        leader->held_at = leader->has_waited ? now : 0;
    }
    return staple_clock_is_over(leader->held_at, SETTLE, now);
}

void staple_leader_leave(staple_leader_t *leader)
{
    leader->is_left = 1;
    if (leader->is_held) {
        leader->is_held = 0;
        apr_proc_mutex_unlock(leader->lock);
    }
}
