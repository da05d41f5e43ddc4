/* The leader: of all children one refreshes, by a lock. */
#ifndef STAPLE_LEADER_H
#define STAPLE_LEADER_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_proc_mutex.h>

/*
 * A lock that the kernel frees with a process that is killed, so that another
 * one goes on.  Not the one that mod_watchdog has for singletons: a child that
 * gets that waits for ten seconds before it does anything, and where no child
 * lives longer, there would never be a refresher.
 */
typedef struct staple_leader_t staple_leader_t;

/*
 * Makes a lock in `pconf` that the kernel frees with a process that is killed:
 * one by fcntl(), which needs a file.  That is in DefaultRuntimeDir, where
 * httpd has its own, or where that cannot be written in /tmp or /dev/shm, and
 * is gone from the directory before this returns.  The status of the first
 * attempt, where none of them takes a file.  Runs in: parent, post_config.
 */
apr_status_t staple_leader_make_lock(apr_proc_mutex_t **lock,
                                     apr_pool_t *pconf);

/* Made in `pconf`.  Runs in: parent, post_config. */
apr_status_t staple_leader_make(staple_leader_t **leader, apr_pool_t *pconf);

/* Is this process the leader?  Takes the lock where it is free, and never
 * waits: a process that takes over from another one is the leader half a second
 * later.  Runs in: each child, watchdog thread. */
int staple_leader_has(staple_leader_t *leader);

/* Gives the lock back, if this process has it, for good: before the process
 * ends, which may take as long as its last client likes.  Not while
 * staple_leader_has() runs. */
void staple_leader_leave(staple_leader_t *leader);

#endif
