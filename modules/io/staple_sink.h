/* Lines for a file, a fifo or a program, without waiting for their reader. */
#ifndef STAPLE_SINK_H
#define STAPLE_SINK_H

#include <apr_errno.h>
#include <apr_pools.h>

/* What a pipe takes at once or not at all (PIPE_BUF of Linux): the length of a
 * line, newline included, at most. */
#define STAPLE_SINK_LINE 4096

/* Bytes of lines that wait for a reader, at most. */
#define STAPLE_SINK_ROOM 262144

/* Opened before the fork, then one thread of one process at a time. */
typedef struct staple_sink_t staple_sink_t;

/* What became of a line. */
typedef enum {
    STAPLE_SINK_WRITTEN,
    STAPLE_SINK_WAITS, /* for a reader, until staple_sink_step() finds one */
    STAPLE_SINK_LOST
} staple_sink_e;

/* Could `path` be opened?  Neither makes nor opens anything, so a reader of a
 * fifo does not see a writer come and go.  Returns NULL, or what is wrong, in
 * pool p. */
const char *staple_sink_check(apr_pool_t *p, const char *path);

/*
 * Opens `path` for appending, as `*sink`, until p goes; makes a file where
 * there is none.  Never waits: a fifo without a reader is opened all the
 * same, which takes the right to read it.
 */
apr_status_t staple_sink_open(staple_sink_t **sink, const char *path,
                              apr_pool_t *p);

/* The writing end of a pipe, which stays the caller's and no longer blocks. */
staple_sink_t *staple_sink_pipe(int fd, apr_pool_t *p);

/*
 * Appends one line of at most STAPLE_SINK_LINE bytes, whole or not at all.
 * *why: the reason for not having written it: EPIPE, there is no reader;
 * EAGAIN, it has stopped; both may pass.  What comes then waits, in its
 * order, as long as there is room.  Other reasons lose the line.
 */
staple_sink_e staple_sink_put(apr_status_t *why, staple_sink_t *sink,
                              const char *line);

/* Writes what waits, as far as it is read.  APR_SUCCESS: nothing waits, and a
 * line would be written at once; otherwise why not, as above. */
apr_status_t staple_sink_step(staple_sink_t *sink);

/* Lines that wait. */
unsigned staple_sink_waiting(const staple_sink_t *sink);

#endif
