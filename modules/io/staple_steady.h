/* A clock that nobody sets. */
#ifndef STAPLE_STEADY_H
#define STAPLE_STEADY_H

#include <apr_time.h>
#include <time.h>

/* By a monotonic clock, which all processes share: no date. */
static inline apr_time_t staple_steady_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return apr_time_from_sec(now.tv_sec) + now.tv_nsec / 1000;
}

#endif
