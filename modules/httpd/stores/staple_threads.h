/* Threads that must end in time: started, woken, waited for, then given up. */
#ifndef STAPLE_THREADS_H
#define STAPLE_THREADS_H

#include <apr_time.h>
#include <pthread.h>

/*
 * They may hang in a disk or in another library when the process is to end.
 * So what belongs to others they touch between enter and leave only, and who
 * was given up never comes in again.  In memory that outlives them.
 */
typedef struct staple_threads_t {
    pthread_mutex_t lock;
    pthread_cond_t changed;  /* of all that wait: who is in may broadcast */
    void (*run)(void *data); /* what each does, until `is_ending` */
    void *data;
    unsigned running; /* for who is in, as the next */
    int is_given_up;
    int is_ending; /* atomic */
} staple_threads_t;

/* None yet. */
void staple_threads_make(staple_threads_t *threads, void (*run)(void *data),
                         void *data);

/* Starts one, without signals, which are for httpd's own threads.  0, or an
 * errno.  Runs in: any child, like all that follows. */
int staple_threads_start(staple_threads_t *threads);

/* A thread that others started is one of them from here on, until
 * staple_threads_done().  Returns 0 where they are to end: it is none then. */
int staple_threads_begin(staple_threads_t *threads);
void staple_threads_done(staple_threads_t *threads);

/* Takes the lock; never returns to a thread that was given up. */
void staple_threads_enter(staple_threads_t *threads);
void staple_threads_leave(staple_threads_t *threads);

/* Who is in waits for a change, for `timeout` at most, or is back sooner for no
 * reason. */
void staple_threads_wait(staple_threads_t *threads,
                         apr_interval_time_t timeout);

/* Waits until each has ended by itself, as long as that may take; what OpenSSL
 * and malloc() keep for them goes with them.  Not for who is one of them. */
void staple_threads_join(staple_threads_t *threads);

/* They are to end.  Waits for `limit` at most, and gives up who runs on; 0:
 * waits for none, and gives up none.  Returns whether all have ended; what
 * OpenSSL has of these is gone, so exit() may clean up. */
int staple_threads_stop(staple_threads_t *threads, apr_interval_time_t limit);

#endif
