/* What every fuzz target has: its entry, and a check that ends the program. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* libFuzzer's two entries, which standalone.c calls too. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input. */
#define FUZZ_CHECK(condition)                                                  \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__,         \
                    #condition);                                               \
            abort();                                                           \
        }                                                                      \
    } while (0)

/* Takes one byte off the input; 0 when there is none. */
static inline unsigned fuzz_byte(const uint8_t **data, size_t *size)
{
    if (*size == 0) {
        return 0;
    }
    (*size)--;
    return *(*data)++;
}

/* A copy that ends where its memory does, for the sanitizer's eyes. */
static inline unsigned char *fuzz_copy(const uint8_t *data, size_t size)
{
    unsigned char *copy = calloc(1, size > 0 ? size : 1);
    size_t i;

    FUZZ_CHECK(copy != NULL);
    for (i = 0; i < size; i++) {
        copy[i] = data[i];
    }
    return copy;
}

#endif
