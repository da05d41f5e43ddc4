/* A clock that nobody sets, and waiting for sockets until an instant of it. */
#include "cli_wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

apr_time_t cli_wait_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return apr_time_from_sec(t.tv_sec) + t.tv_nsec / 1000;
}

int cli_wait_left_ms(apr_time_t until)
{
    apr_time_t left = until - cli_wait_now();

    if (left <= 0) {
        return 0;
    }
    left = left / 1000 + 1;
    return left > INT_MAX ? INT_MAX : (int)left;
}

int cli_wait_for(int fd, short events, apr_time_t until)
{
    struct pollfd one = {.fd = fd, .events = events};
    int left, count;

    do {
        left = cli_wait_left_ms(until);
        count = left > 0 ? poll(&one, 1, left) : 0;
    } while (count < 0 && errno == EINTR);
    return count != 0;
}
