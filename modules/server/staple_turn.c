/* Whose turn it is: of all children one refreshes, by a lock. */
#include "staple_turn.h"

#include <apr_proc_mutex.h>
#include <apr_time.h>

/* How long a child that takes over waits: httpd may be about to end, and this
 * child not know that yet. */
#define SETTLE apr_time_from_msec(500)

struct staple_turn_t {
    /* set before fork, read-only */
    apr_proc_mutex_t *lock;
    /* each process's own, watchdog thread */
    int has_waited; /* for another process */
    int is_held;
    int is_left;
    apr_time_t settled_at; /* when it counts */
};

apr_status_t staple_turn_make(staple_turn_t **turn, apr_pool_t *pconf)
{
    apr_status_t status;

    *turn = apr_pcalloc(pconf, sizeof(**turn));
    status = apr_proc_mutex_create(&(*turn)->lock, NULL, APR_LOCK_FCNTL,
                                   pconf);
    /* That needs a file; without one APR's choice must do. */
    return status == APR_SUCCESS
               ? status
               : apr_proc_mutex_create(&(*turn)->lock, NULL, APR_LOCK_DEFAULT,
                                       pconf);
}

int staple_turn_has(staple_turn_t *turn)
{
    apr_time_t now = apr_time_now();

    if (!turn->is_held) {
        if (turn->is_left
            || apr_proc_mutex_trylock(turn->lock) != APR_SUCCESS) {
            turn->has_waited = 1;
            return 0;
        }
        turn->is_held = 1;
        turn->settled_at = turn->has_waited ? now + SETTLE : now;
    }
    return now >= turn->settled_at || now + SETTLE < turn->settled_at;
}

void staple_turn_leave(staple_turn_t *turn)
{
    turn->is_left = 1;
    if (turn->is_held) {
        turn->is_held = 0;
        apr_proc_mutex_unlock(turn->lock);
    }
}
