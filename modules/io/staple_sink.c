/* Lines for a file, a fifo or a program, without waiting for their reader. */
#include "staple_sink.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if !defined(O_LARGEFILE)
#define O_LARGEFILE 0
#endif

#define OPEN_FLAGS                                                             \
    (O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC         \
     | O_LARGEFILE)
#define OPEN_MODE (S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH)

struct staple_sink_t {
    /* set before fork, read-only */
    int fd;
    int is_file; /* a regular one, which has no reader to wait for */
    /* what waits: whole lines, but for the first one, of which a terminal may
     * have taken a part */
    char *waiting; /* STAPLE_SINK_ROOM bytes; NULL: nothing waits */
    apr_size_t first, last; /* of the bytes in it */
    unsigned lines;
    apr_status_t trouble; /* the last look's: EPIPE, EAGAIN; 0: none */
};

/* ---- opening ---- */

/* Of what is there, or of the directory where it is to be made. */
static const char *why_not(apr_pool_t *p, const char *what, const char *path)
{
    char text[120];

    return apr_psprintf(p, "%s %s: %s", what, path,
                        apr_strerror(errno, text, sizeof(text)));
}

static const char *check_directory(apr_pool_t *p, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dir = slash == NULL ? "."
                      : slash == path
                          ? "/"
                          : apr_pstrndup(p, path, (apr_size_t)(slash - path));
    struct stat info;

    if (stat(dir, &info) == 0 && !S_ISDIR(info.st_mode)) {
        errno = ENOTDIR;
        return why_not(p, "directory", dir);
    }
    return faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0
               ? NULL
               : why_not(p, "directory", dir);
}

const char *staple_sink_check(apr_pool_t *p, const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0) {
        return errno == ENOENT ? check_directory(p, path)
                               : why_not(p, "file", path);
    }
    if (S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return why_not(p, "file", path);
    }
    if (S_ISSOCK(info.st_mode)) {
        return apr_psprintf(p, "file %s: a socket", path);
    }
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0
               ? NULL
               : why_not(p, "file", path);
}

/* A fifo can be opened for writing as long as it has a reader: this process,
 * for this moment.  Returns the descriptor, or -1 with errno. */
static int open_unread(const char *path)
{
    int reading = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int fd, error;

    if (reading < 0) {
        return -1;
    }
    fd = open(path, OPEN_FLAGS, OPEN_MODE);
    error = errno;
    close(reading);
    errno = error;
    return fd;
}

static staple_sink_t *make(int fd, int is_file, apr_pool_t *p)
{
    staple_sink_t *sink = apr_pcalloc(p, sizeof(*sink));

    sink->fd = fd;
    sink->is_file = is_file;
    return sink;
}

static apr_status_t close_sink(void *data)
{
    staple_sink_t *sink = data;

    close(sink->fd);
    free(sink->waiting);
    return APR_SUCCESS;
}

apr_status_t staple_sink_open(staple_sink_t **sink, const char *path,
                              apr_pool_t *p)
{
    int fd = open(path, OPEN_FLAGS, OPEN_MODE);
    struct stat info;

    if (fd < 0 && errno == ENXIO) {
        fd = open_unread(path);
    }
    if (fd < 0) {
        return errno;
    }
    *sink = make(fd, fstat(fd, &info) == 0 && S_ISREG(info.st_mode), p);
    apr_pool_cleanup_register(p, *sink, close_sink, apr_pool_cleanup_null);
    return APR_SUCCESS;
}

staple_sink_t *staple_sink_pipe(int fd, apr_pool_t *p)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0) {
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    }
    return make(fd, 0, p);
}

/* ---- writing ---- */

/* As write(2), which a signal does not end. */
static ssize_t write_some(int fd, const char *bytes, apr_size_t len)
{
    ssize_t written;

    do {
        written = write(fd, bytes, len);
    } while (written < 0 && errno == EINTR);
    return written;
}

/* May it pass, that is: is there nothing wrong but with the reader? */
static int may_pass(apr_status_t why)
{
    return why == EPIPE || why == EAGAIN;
}

/* The whole line; of a part that a full disk lets in nothing stays.  This is
 * the only one that writes. */
static apr_status_t write_to_file(const staple_sink_t *sink, const char *line,
                                  apr_size_t len)
{
    apr_size_t done = 0;
    apr_status_t why = APR_SUCCESS;
    struct stat info;

    while (done < len && why == APR_SUCCESS) {
        ssize_t written = write_some(sink->fd, line + done, len - done);

        if (written < 0) {
            why = errno;
        }
        else {
            done += (apr_size_t)written;
        }
    }
    if (why != APR_SUCCESS && done > 0 && fstat(sink->fd, &info) == 0
        && ftruncate(sink->fd, info.st_size - (off_t)done) != 0) {
        return why; /* the part stays: there is no more to be done */
    }
    return why;
}

/* Puts a line, or the rest of one, behind what waits.  Returns 0: no room. */
static int keep(staple_sink_t *sink, const char *line, apr_size_t len)
{
    if (sink->waiting == NULL) {
        sink->waiting = malloc(STAPLE_SINK_ROOM);
        sink->first = sink->last = 0;
    }
    if (sink->waiting == NULL
        || len > STAPLE_SINK_ROOM - (sink->last - sink->first)) {
        return 0;
    }
    if (len > STAPLE_SINK_ROOM - sink->last) {
        memmove(sink->waiting, sink->waiting + sink->first,
                sink->last - sink->first);
        sink->last -= sink->first;
        sink->first = 0;
    }
    memcpy(sink->waiting + sink->last, line, len);
    sink->last += len;
    sink->lines++;
    return 1;
}

/* Writes one line, at once or later. */
static staple_sink_e write_or_keep(staple_sink_t *sink, const char *line,
                                   apr_size_t len)
{
    ssize_t written = write_some(sink->fd, line, len);

    sink->trouble = written < 0 ? errno : APR_SUCCESS;
    if (written == (ssize_t)len) {
        return STAPLE_SINK_WRITTEN;
    }
    if (written >= 0) {
        sink->trouble = EAGAIN;
    }
    return may_pass(sink->trouble)
                   && keep(sink, line + (written > 0 ? written : 0),
                           len - (apr_size_t)(written > 0 ? written : 0))
               ? STAPLE_SINK_WAITS
               : STAPLE_SINK_LOST;
}

staple_sink_e staple_sink_put(apr_status_t *why, staple_sink_t *sink,
                              const char *line)
{
    apr_size_t len = strlen(line);
    staple_sink_e result;

    if (sink->is_file) {
        *why = write_to_file(sink, line, len);
        return *why == APR_SUCCESS ? STAPLE_SINK_WRITTEN : STAPLE_SINK_LOST;
    }
    if (sink->lines > 0) {
        staple_sink_step(sink);
    }
    if (sink->lines > 0) {
        result = keep(sink, line, len) ? STAPLE_SINK_WAITS : STAPLE_SINK_LOST;
    }
    else {
        result = write_or_keep(sink, line, len);
    }
    *why = sink->trouble;
    return result;
}

/* ---- what waits ---- */

/* Writes the first line that waits.  Returns 0 where it goes on waiting. */
static int write_first(staple_sink_t *sink)
{
    const char *line = sink->waiting + sink->first;
    const char *end = memchr(line, '\n', sink->last - sink->first);
    apr_size_t len = end != NULL ? (apr_size_t)(end + 1 - line)
                                 : sink->last - sink->first;
    ssize_t written = write_some(sink->fd, line, len);

    if (written < 0) {
        sink->trouble = errno;
        return 0;
    }
    sink->first += (apr_size_t)written;
    if (written < (ssize_t)len) {
        sink->trouble = EAGAIN;
        return 0;
    }
    sink->lines--;
    return 1;
}

/* Would a line be written now? */
static apr_status_t look(const staple_sink_t *sink)
{
    struct pollfd looked_at = {.fd = sink->fd, .events = POLLOUT};

    if (poll(&looked_at, 1, 0) < 0) {
        return EAGAIN;
    }
    if (looked_at.revents & (POLLERR | POLLHUP | POLLNVAL)) {
        return EPIPE;
    }
    return looked_at.revents & POLLOUT ? APR_SUCCESS : EAGAIN;
}

apr_status_t staple_sink_step(staple_sink_t *sink)
{
    if (sink->is_file) {
        return APR_SUCCESS;
    }
    while (sink->lines > 0) {
        if (!write_first(sink)) {
            return sink->trouble;
        }
    }
    free(sink->waiting);
    sink->waiting = NULL;
    sink->trouble = look(sink);
    return sink->trouble;
}

unsigned staple_sink_waiting(const staple_sink_t *sink)
{
    return sink->lines;
}
