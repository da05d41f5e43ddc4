/* Shared by the test tools: fatal errors, growing buffers, whole files. */
#include "tool_util.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void tool_die(const char *format, ...)
{
    int error = errno;
    va_list ap;

    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    if (error != 0) {
        fprintf(stderr, " (%s)", strerror(error));
    }
    fputc('\n', stderr);
    ERR_print_errors_fp(stderr);
    exit(2);
}

void *tool_alloc(size_t len)
{
    void *data = calloc(1, len);

    TOOL_MUST(data != NULL);
    return data;
}

char *tool_strdup(const char *text)
{
    size_t len = strlen(text) + 1;

    return memcpy(tool_alloc(len), text, len);
}

int tool_number(long *value, const char *text)
{
    char *end;

    errno = 0;
    *value = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

void tool_buf_reserve(tool_buf_t *buf, size_t more)
{
    size_t need = buf->len + more + 1;

    if (need > buf->room) {
        buf->room = need > 2 * buf->room ? need : 2 * buf->room;
        buf->data = realloc(buf->data, buf->room);
        TOOL_MUST(buf->data != NULL);
    }
}

void tool_buf_add(tool_buf_t *buf, const void *data, size_t len)
{
    tool_buf_reserve(buf, len);
    if (len > 0) {
        memcpy(buf->data + buf->len, data, len);
    }
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void tool_buf_text(tool_buf_t *buf, const char *text)
{
    tool_buf_add(buf, text, strlen(text));
}

void tool_buf_fill(tool_buf_t *buf, int byte, size_t len)
{
    tool_buf_reserve(buf, len);
    memset(buf->data + buf->len, byte, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void tool_buf_addf(tool_buf_t *buf, const char *format, ...)
{
    va_list ap;
    int len;

    va_start(ap, format);
    len = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    TOOL_MUST(len >= 0);
    tool_buf_reserve(buf, (size_t)len);
    va_start(ap, format);
    vsnprintf(buf->data + buf->len, (size_t)len + 1, format, ap);
    va_end(ap);
    buf->len += (size_t)len;
}

void tool_buf_shift(tool_buf_t *buf, size_t len)
{
    if (len >= buf->len) {
        buf->len = 0;
    }
    else {
        memmove(buf->data, buf->data + len, buf->len - len);
        buf->len -= len;
    }
    if (buf->data != NULL) {
        buf->data[buf->len] = '\0';
    }
}

void tool_buf_free(tool_buf_t *buf)
{
    free(buf->data);
    memset(buf, 0, sizeof(*buf));
}

char *tool_path(const char *dir, const char *name, const char *suffix)
{
    tool_buf_t buf = {0};

    tool_buf_addf(&buf, "%s/%s%s", dir, name, suffix);
    return buf.data;
}

int tool_read_file(tool_buf_t *buf, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len;

    if (fd < 0) {
        return 0;
    }
    do {
        tool_buf_reserve(buf, 65536);
        len = read(fd, buf->data + buf->len, 65536);
        if (len > 0) {
            buf->len += (size_t)len;
        }
    } while (len > 0);
    buf->data[buf->len] = '\0';
    close(fd);
    return len == 0;
}

void tool_replace_file(const char *path, const char *data, size_t len)
{
    tool_buf_t other = {0};
    int fd;

    tool_buf_addf(&other, "%s.new", path);
    fd = open(other.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, data, len) != (ssize_t)len || close(fd) != 0
        || rename(other.data, path) != 0) {
        tool_die("cannot write %s", path);
    }
    tool_buf_free(&other);
}
