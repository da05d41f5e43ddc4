/* Reads files of limited size whole, and writes them so. */
#include "cli_files.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_ROOM 16384

/* ---- reading ---- */

/* Fills a buffer that grows, up to limit + 1 bytes.  0, or errno. */
static int read_all(unsigned char **bytes, apr_size_t *len, int file,
                    apr_pool_t *p, apr_size_t limit)
{
    apr_size_t room = 0;
    ssize_t got = 1;

    *bytes = NULL;
    for (*len = 0; got != 0 && *len <= limit;) {
        if (*len == room) {
            apr_size_t more = room == 0 ? FIRST_ROOM : 2 * room;
            unsigned char *larger;

            more = more > limit + 1 ? limit + 1 : more;
            larger = apr_palloc(p, more);
            if (room > 0) {
                memcpy(larger, *bytes, *len);
            }
            *bytes = larger;
            room = more;
        }
        got = read(file, *bytes + *len, room - *len);
        if (got < 0 && errno != EINTR) {
            return errno;
        }
        *len += got > 0 ? (apr_size_t)got : 0;
    }
    return 0;
}

static int is_stdin(const char *path)
{
    return strcmp(path, "-") == 0;
}

const char *cli_files_name(const char *path)
{
    return is_stdin(path) ? "standard input" : path;
}

int cli_files_read(unsigned char **bytes, apr_size_t *len,
                   const cli_command_t *command, apr_pool_t *p,
                   const char *path, apr_size_t limit)
{
    static int stdin_was_read;
    int file = is_stdin(path) ? STDIN_FILENO
                              : open(path, O_RDONLY | O_CLOEXEC);
    int error = file < 0 ? errno : 0;

    if (file == STDIN_FILENO && stdin_was_read++) {
        return cli_complain(command, "\"-\" is given twice: standard input "
                                     "can be read once");
    }
    if (file >= 0) {
        error = read_all(bytes, len, file, p, limit);
    }
    if (file > STDIN_FILENO) {
        close(file);
    }
    if (error != 0) {
        return cli_complain(command, "%s cannot be read: %s",
                            cli_files_name(path), strerror(error));
    }
    return CLI_GO_ON;
}

/* ---- writing ---- */

/* 0, or errno. */
static int write_all(int file, const unsigned char *bytes, apr_size_t len)
{
    apr_size_t done = 0;

    while (done < len) {
        ssize_t put = write(file, bytes + done, len - done);

        if (put < 0 && errno != EINTR) {
            return errno;
        }
        done += put > 0 ? (apr_size_t)put : 0;
    }
    return fsync(file) == 0 ? 0 : errno;
}

/* Writes the new file; `old` is what it will replace, or NULL.  0, or errno. */
static int write_beside(const char *beside, const struct stat *old,
                        const unsigned char *bytes, apr_size_t len)
{
    int file = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int error;

    if (file < 0) {
        return errno;
    }
    error = write_all(file, bytes, len);
    if (error == 0 && old != NULL) {
        /* Only root may give files away; the others own both anyway. */
        if (geteuid() == 0 && fchown(file, old->st_uid, old->st_gid) != 0) {
            error = errno;
        }
        else if (fchmod(file, old->st_mode & 0777) != 0) {
            error = errno;
        }
    }
    if (close(file) != 0 && error == 0) {
        error = errno;
    }
    if (error != 0) {
        unlink(beside);
    }
    return error;
}

int cli_files_write(const cli_command_t *command, apr_pool_t *p,
                    const char *path, const unsigned char *bytes,
                    apr_size_t len)
{
    const char *beside = apr_psprintf(p, "%s.%ld.new", path, (long)getpid());
    struct stat old;
    int is_there = lstat(path, &old) == 0;
    int error;

    if (is_there && !S_ISREG(old.st_mode)) {
        return cli_complain(command,
                            "%s is not written: it is not a regular file",
                            path);
    }
    error = write_beside(beside, is_there ? &old : NULL, bytes, len);
    if (error == 0 && rename(beside, path) != 0) {
        error = errno;
        unlink(beside);
    }
    if (error != 0) {
        return cli_complain(command, "%s cannot be written: %s", path,
                            strerror(error));
    }
    return CLI_GO_ON;
}
