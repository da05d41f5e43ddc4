/* MUST(condition): what a test needs to be made at all, or it ends with 99. */
#ifndef MUST_H
#define MUST_H

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition)) {                                                    \
            must_failed(#condition, __FILE__, __LINE__);                       \
        }                                                                      \
    } while (0)

static inline void must_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    ERR_print_errors_fp(stderr);
    exit(99);
}

#endif
