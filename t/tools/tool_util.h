/* Shared by the test tools: fatal errors, growing buffers, whole files. */
#ifndef TOOL_UTIL_H
#define TOOL_UTIL_H

#include <stddef.h>

#define TOOL_FORMAT(text, first)                                               \
    __attribute__((format(printf, text, first)))

/* Ends the program with a message, the errno text if errno is set and
 * OpenSSL's errors. */
#define TOOL_MUST(condition)                                                   \
    do {                                                                       \
        if (!(condition)) {                                                    \
            tool_die("%s:%d: %s", __FILE__, __LINE__, #condition);             \
        }                                                                      \
    } while (0)

_Noreturn void tool_die(const char *format, ...) TOOL_FORMAT(1, 2);

/* Bytes that grow.  All zero is an empty one.  The data, once there is any,
 * are followed by a NUL that len does not count. */
typedef struct {
    char *data;
    size_t len;
    size_t room;
} tool_buf_t;

void tool_buf_reserve(tool_buf_t *buf, size_t more);
void tool_buf_add(tool_buf_t *buf, const void *data, size_t len);
void tool_buf_text(tool_buf_t *buf, const char *text);
void tool_buf_fill(tool_buf_t *buf, int byte, size_t len);
void tool_buf_addf(tool_buf_t *buf, const char *format, ...) TOOL_FORMAT(2, 3);

/* Removes len bytes at the front. */
void tool_buf_shift(tool_buf_t *buf, size_t len);
void tool_buf_free(tool_buf_t *buf);

/* DIR/NAMEsuffix; the caller frees it. */
char *tool_path(const char *dir, const char *name, const char *suffix);

/* The whole file at the end of buf; 0 when it cannot be read. */
int tool_read_file(tool_buf_t *buf, const char *path);

/* Writes under another name and renames, so that no reader sees a half. */
void tool_replace_file(const char *path, const char *data, size_t len);

void *tool_alloc(size_t len);
char *tool_strdup(const char *text);

/* A whole decimal number with an optional sign; 0 when it is not one. */
int tool_number(long *value, const char *text);

#endif
