/* Test Anything Protocol for the unit tests: a line per check, plan at end. */
#ifndef TAP_H
#define TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

/* Prints the line of one check; returns whether it passed. */
__attribute__((format(printf, 4, 0))) static inline int
tap_line(int passed, const char *file, int line, const char *name, va_list ap)
{
    tap_count++;
    printf("%sok %d - ", passed ? "" : "not ", tap_count);
    vprintf(name, ap);
    putchar('\n');
    if (!passed) {
        tap_failed++;
        printf("#   failed at %s:%d\n", file, line);
    }
    return passed;
}

__attribute__((format(printf, 4, 5))) static inline int
tap_ok(int passed, const char *file, int line, const char *name, ...)
{
    va_list ap;

    va_start(ap, name);
    tap_line(passed, file, line, name, ap);
    va_end(ap);
    return passed;
}

__attribute__((format(printf, 5, 6))) static inline int
tap_is_int(int64_t got, int64_t want, const char *file, int line,
           const char *name, ...)
{
    va_list ap;

    va_start(ap, name);
    tap_line(got == want, file, line, name, ap);
    va_end(ap);
    if (got != want) {
        printf("#   got %" PRId64 ", want %" PRId64 "\n", got, want);
    }
    return got == want;
}

__attribute__((format(printf, 5, 6))) static inline int
tap_is_str(const char *got, const char *want, const char *file, int line,
           const char *name, ...)
{
    const char *text = got != NULL ? got : "(null)";
    int same = strcmp(text, want) == 0;
    va_list ap;

    va_start(ap, name);
    tap_line(same, file, line, name, ap);
    va_end(ap);
    if (!same) {
        printf("#   got '%s', want '%s'\n", text, want);
    }
    return same;
}

/* Each check takes a printf format and its arguments as its name. */
#define ok(condition, ...)                                                     \
    tap_ok((condition) ? 1 : 0, __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, want, ...)                                                 \
    tap_is_int((int64_t)(got), (int64_t)(want), __FILE__, __LINE__,            \
               __VA_ARGS__)
#define is_str(got, want, ...)                                                 \
    tap_is_str(got, want, __FILE__, __LINE__, __VA_ARGS__)
/* Two staple_reason_e, compared and shown by name. */
#define is_reason(got, want, ...)                                              \
    tap_is_str(staple_reason_name(got), staple_reason_name(want), __FILE__,    \
               __LINE__, __VA_ARGS__)

/* Prints the plan; the program's exit status. */
static inline int tap_done(void)
{
    printf("1..%d\n", tap_count);
    if (tap_failed != 0) {
        printf("# %d of %d failed\n", tap_failed, tap_count);
    }
    return tap_failed != 0;
}

/* Instead of any check: nothing can be tested here; the exit status. */
__attribute__((format(printf, 1, 2))) static inline int
tap_skip_all(const char *why, ...)
{
    va_list ap;

    printf("1..0 # SKIP ");
    va_start(ap, why);
    vprintf(why, ap);
    va_end(ap);
    putchar('\n');
    return 0;
}

#endif
