/* Threads that must end in time: started, woken, waited for, then given up. */
#include "staple_threads.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

void staple_threads_make(staple_threads_t *threads, void (*run)(void *data),
                         void *data)
{
    pthread_condattr_t attributes;

    *threads = (staple_threads_t){.lock = PTHREAD_MUTEX_INITIALIZER,
                                  .run = run, .data = data};
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&threads->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void *run(void *data)
{
    staple_threads_t *threads = data;

    threads->run(threads->data);
    OPENSSL_thread_stop(); /* not by this thread and by exit() */
    staple_threads_done(threads);
    return NULL;
}

int staple_threads_start(staple_threads_t *threads)
{
    sigset_t all, before;
    pthread_t thread;
    int failure;

    if (!staple_threads_begin(threads)) {
        return ECANCELED;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failure = pthread_create(&thread, NULL, run, threads);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure) {
        staple_threads_done(threads);
        return failure;
    }
    return pthread_detach(thread);
}

int staple_threads_begin(staple_threads_t *threads)
{
    int may;

    pthread_mutex_lock(&threads->lock);
    may = !threads->is_ending;
    threads->running += (unsigned)may;
    pthread_mutex_unlock(&threads->lock);
    return may;
}

void staple_threads_done(staple_threads_t *threads)
{
    pthread_mutex_lock(&threads->lock);
    threads->running--;
    pthread_cond_broadcast(&threads->changed);
    pthread_mutex_unlock(&threads->lock);
}

void staple_threads_enter(staple_threads_t *threads)
{
    pthread_mutex_lock(&threads->lock);
    while (threads->is_given_up) {
        pthread_mutex_unlock(&threads->lock);
        pause(); /* the process is about to end */
        pthread_mutex_lock(&threads->lock);
    }
}

void staple_threads_leave(staple_threads_t *threads)
{
    pthread_mutex_unlock(&threads->lock);
}

/* The end of that time, by the clock of the condition. */
static struct timespec end_of(apr_interval_time_t time)
{
    struct timespec end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    time += end.tv_nsec / 1000;
    end.tv_sec += apr_time_sec(time);
    end.tv_nsec = (long)apr_time_usec(time) * 1000;
    return end;
}

void staple_threads_wait(staple_threads_t *threads, apr_interval_time_t timeout)
{
    struct timespec end = end_of(timeout);

    pthread_cond_timedwait(&threads->changed, &threads->lock, &end);
}

void staple_threads_join(staple_threads_t *threads)
{
    pthread_mutex_lock(&threads->lock);
    while (threads->running > 0) {
        pthread_cond_wait(&threads->changed, &threads->lock);
    }
    pthread_mutex_unlock(&threads->lock);
}

int staple_threads_stop(staple_threads_t *threads, apr_interval_time_t limit)
{
    struct timespec end = end_of(limit);
    int have_ended;

    pthread_mutex_lock(&threads->lock);
    __atomic_store_n(&threads->is_ending, 1, __ATOMIC_RELAXED);
    pthread_cond_broadcast(&threads->changed);
    while (threads->running > 0 && limit > 0
           && pthread_cond_timedwait(&threads->changed, &threads->lock, &end)
                  == 0) {
    }
    have_ended = threads->running == 0;
    threads->is_given_up |= limit > 0 && !have_ended;
    pthread_mutex_unlock(&threads->lock);
    return have_ended;
}
