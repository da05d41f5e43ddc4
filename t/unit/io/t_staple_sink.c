/* Lines for files, fifos and pipes: whole, in order, and nobody waits. */
#include "../tap.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/staple_sink.h"

static apr_pool_t *p;
static char dir[] = "/tmp/ocspstaple-sink-XXXXXX";

static const char *in_dir(const char *name)
{
    return apr_pstrcat(p, dir, "/", name, NULL);
}

/* A line with its number, of `len` bytes. */
static const char *line_of(unsigned number, apr_size_t len)
{
    char *line = apr_palloc(p, len + 1);

    memset(line, '.', len);
    memcpy(line, apr_psprintf(p, "%06u", number), 6);
    line[len - 1] = '\n';
    line[len] = '\0';
    return line;
}

/* Everything that can be read now; its lines must be numbered from *next on,
 * each whole.  Returns how many there were; *next is the one to come. */
static unsigned read_lines(int fd, unsigned *next, apr_size_t len)
{
    static char text[65536];
    static apr_size_t have; /* of a line */
    unsigned lines = 0;
    ssize_t got;

    while ((got = read(fd, text + have, sizeof(text) - have)) > 0) {
        char *at = text;

        have += (apr_size_t)got;
        for (; have >= len; have -= len, at += len) {
            if (memcmp(at, line_of(*next, len), len) != 0) {
                have = 0;
                return 0;
            }
            ++*next;
            lines++;
        }
        memmove(text, at, have);
    }
    return lines;
}

/* Puts lines until one is lost, at most `most`.  Returns how many were not. */
static unsigned fill(staple_sink_t *sink, unsigned first, unsigned most,
                     apr_size_t len)
{
    apr_status_t why;
    unsigned i;

    for (i = 0; i < most; i++) {
        if (staple_sink_put(&why, sink, line_of(first + i, len))
            == STAPLE_SINK_LOST) {
            break;
        }
    }
    return i;
}

static staple_sink_t *open_sink(const char *path)
{
    staple_sink_t *sink = NULL;

    is_int(staple_sink_open(&sink, path, p), APR_SUCCESS, "%s: opened",
           strrchr(path, '/'));
    return sink;
}

static void test_file(void)
{
    const char *path = in_dir("file");
    staple_sink_t *sink = open_sink(path);
    apr_status_t why = EIO;
    unsigned next = 0;
    int fd = open(path, O_RDONLY);

    is_int(staple_sink_put(&why, sink, line_of(0, 100)), STAPLE_SINK_WRITTEN,
           "file: written");
    is_int(why, APR_SUCCESS, "file: no reason");
    sink = open_sink(path);
    staple_sink_put(&why, sink, line_of(1, 100));
    is_int(read_lines(fd, &next, 100), 2, "file: what is there stays");
    is_int(staple_sink_step(sink), APR_SUCCESS, "file: nothing waits");
    close(fd);
}

/* A device is no regular file, and can be full for ever. */
static void test_full(void)
{
    staple_sink_t *sink;
    apr_status_t why = 0;

    if (access("/dev/full", W_OK) != 0) {
        return;
    }
    sink = open_sink("/dev/full");
    is_int(staple_sink_put(&why, sink, line_of(0, 100)), STAPLE_SINK_LOST,
           "full: lost");
    is_int(why, ENOSPC, "full: why");
    is_int(staple_sink_waiting(sink), 0, "full: nothing waits");
}

/* The kernel has room for a little, this process for STAPLE_SINK_ROOM bytes. */
static void test_no_reader(void)
{
    const apr_size_t len = 1000;
    const char *path = in_dir("fifo");
    staple_sink_t *sink;
    apr_status_t why = 0;
    unsigned next = 0;
    unsigned count;
    int fd;

    mkfifo(path, 0600);
    sink = open_sink(path);
    is_int(staple_sink_step(sink), EPIPE, "no reader: nobody is there");
    is_int(staple_sink_put(&why, sink, line_of(0, len)), STAPLE_SINK_WAITS,
           "no reader: a line waits");
    is_int(why, EPIPE, "no reader: why");
    count = 1 + fill(sink, 1, 1000, len);
    is_int(count, STAPLE_SINK_ROOM / len, "no reader: there is room for some");
    is_int(staple_sink_waiting(sink), count, "no reader: they are counted");

    fd = open(path, O_RDONLY | O_NONBLOCK);
    while (staple_sink_waiting(sink) > 0) {
        why = staple_sink_step(sink);
        if (read_lines(fd, &next, len) == 0) {
            break;
        }
    }
    is_int(next, count, "reader: all that waited, in order");
    is_int(why, APR_SUCCESS, "reader: and then nothing is wrong");
    is_int(staple_sink_put(&why, sink, line_of(next, len)), STAPLE_SINK_WRITTEN,
           "reader: the next is written at once");

    close(fd); /* with a line in the pipe */
    is_int(staple_sink_step(sink), EPIPE, "gone: seen");
    count = next + 1 + fill(sink, next + 1, 3, len);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    is_int(staple_sink_step(sink), APR_SUCCESS, "back: seen");
    is_int(staple_sink_waiting(sink), 0, "back: nothing waits");
    read_lines(fd, &next, len);
    is_int(next, count, "back: nothing was lost meanwhile");
    close(fd);
}

/* A reader that reads a little now and then: the waiting lines move in their
 * room, and a line waits as long as one before it does. */
static void test_slow_reader(void)
{
    const apr_size_t len = 3000;
    unsigned put = 0, next = 0, waited = 0;
    staple_sink_t *sink;
    apr_status_t why;
    int ends[2];
    unsigned i;

    if (pipe(ends) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        abort();
    }
    sink = staple_sink_pipe(ends[1], p);
    put = fill(sink, 0, 1000, len);
    ok(put > STAPLE_SINK_ROOM / len, "stopped: pipe and room are filled");
    is_int(staple_sink_step(sink), EAGAIN, "stopped: seen");
    for (i = 0; i < 200; i++) {
        apr_pool_t *keep = p;

        apr_pool_create(&p, keep);
        read_lines(ends[0], &next, len); /* all that the pipe has */
        waited += staple_sink_waiting(sink) > 0;
        while (staple_sink_put(&why, sink, line_of(put, len))
               != STAPLE_SINK_LOST) {
            put++;
        }
        apr_pool_destroy(p);
        p = keep;
    }
    is_int(waited, 200, "slow: some always wait");
    while (staple_sink_waiting(sink) > 0) {
        staple_sink_step(sink);
        if (read_lines(ends[0], &next, len) == 0) {
            break;
        }
    }
    is_int(next, put, "slow: %u lines, in order, each whole", put);
    close(ends[0]);
    is_int(staple_sink_put(&why, sink, line_of(0, len)), STAPLE_SINK_WAITS,
           "a program that ended: a line waits");
    is_int(why, EPIPE, "a program that ended: why");
    close(ends[1]);
}

static const char *make_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    apr_cpystrn(address.sun_path, in_dir("socket"), sizeof(address.sun_path));
    if (fd < 0
        || bind(fd, (struct sockaddr *)(void *)&address, sizeof(address))
               != 0) {
        abort();
    }
    return in_dir("socket");
}

static void test_check(void)
{
    const char *made = in_dir("checked");
    const char *wrong;
    staple_sink_t *sink;

    ok(staple_sink_check(p, made) == NULL, "check: may be made");
    is_int(access(made, F_OK), -1, "check: but is not");
    ok(staple_sink_check(p, in_dir("file")) == NULL, "check: is there");
    ok(staple_sink_check(p, in_dir("fifo")) == NULL, "check: a fifo");
    ok(staple_sink_check(p, "/dev/null") == NULL, "check: a device");
    is_str(staple_sink_check(p, in_dir("none/file")),
           apr_psprintf(p, "directory %s/none: No such file or directory", dir),
           "check: no directory");
    is_str(staple_sink_check(p, in_dir("file/file")),
           apr_psprintf(p, "file %s/file/file: Not a directory", dir),
           "check: no directory, but a file");
    is_str(staple_sink_check(p, dir),
           apr_psprintf(p, "file %s: Is a directory", dir),
           "check: a directory");
    ok(staple_sink_open(&sink, dir, p) == EISDIR, "open: a directory");
    wrong = staple_sink_check(p, make_socket());
    is_str(wrong, apr_psprintf(p, "file %s/socket: a socket", dir),
           "check: a socket");
    ok(staple_sink_open(&sink, in_dir("socket"), p) != APR_SUCCESS,
       "open: a socket");
}

/* As somebody who may do little; root may everything. */
static void test_rights(void)
{
    if (geteuid() == 0 && seteuid(65534) != 0) {
        return;
    }
    is_str(staple_sink_check(p, "/etc/passwd"),
           "file /etc/passwd: Permission denied", "check: may not be written");
    is_str(staple_sink_check(p, "/etc/ocspstaple-events.log"),
           "directory /etc: Permission denied", "check: may not be made");
    if (getuid() == 0 && seteuid(0) != 0) {
        abort();
    }
}

static void sweep(void)
{
    static const char *const names[] = {"file", "fifo", "socket"};
    unsigned i;

    for (i = 0; i < 3; i++) {
        unlink(in_dir(names[i]));
    }
    is_int(rmdir(dir), 0, "nothing else was made");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&p, NULL);
    signal(SIGPIPE, SIG_IGN);
    alarm(60); /* whatever blocks */
    if (mkdtemp(dir) == NULL) {
        abort();
    }
    test_file();
    test_full();
    test_no_reader();
    test_slow_reader();
    test_check();
    test_rights();
    sweep();
    apr_pool_destroy(p);
    return tap_done();
}
