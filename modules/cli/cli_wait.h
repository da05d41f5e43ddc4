/* A clock that nobody sets, and waiting for sockets until an instant of it. */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include <apr_time.h>

/* Now, since some instant in the past. */
apr_time_t cli_wait_now(void);

/* Milliseconds until then: 0 where it is past, else 1 at least. */
int cli_wait_left_ms(apr_time_t until);

/* Waits until `events` (POLLIN, POLLOUT) happen to the socket, or an error
 * does.  0: the time is over, and they had not. */
int cli_wait_for(int fd, short events, apr_time_t until);

#endif
