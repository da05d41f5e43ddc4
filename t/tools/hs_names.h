/* The server names of many handshakes: in turn, or until each got a staple. */
#ifndef HS_NAMES_H
#define HS_NAMES_H

#include <openssl/sha.h>
#include <stddef.h>

typedef struct hs_name_t {
    char *name;
    /* what the last judgement was about, so that equal staples cost nothing */
    unsigned char judged[SHA_DIGEST_LENGTH];
    const char *judgement;
    /* until each got a staple */
    int is_busy, is_done;
    double again_at;   /* not before */
    double stapled_at; /* its first staple; 0: none */
} hs_name_t;

void hs_names_add(const char *name);

/* Adds the lines of a file.  Returns 0 where it cannot be read. */
int hs_names_read(const char *path);

size_t hs_names_count(void);

/* The next name in turn. */
hs_name_t *hs_names_next(void);

/* The next one in turn that got no staple so far, is not being asked for, and
 * may be asked for again; NULL: none right now. */
hs_name_t *hs_names_next_left(double now);

/* A handshake with it ended; whether it had a staple. */
void hs_names_ended(hs_name_t *name, int is_stapled, double now);

/* Writes to a file, a line for each name that got a staple, how many seconds
 * after `since` its first one came.  Returns 0 where it cannot be written. */
int hs_names_write_fill(const char *path, double since);

/* How many got none so far, and how many got one at their first handshake. */
size_t hs_names_left(void);
size_t hs_names_at_first(void);

#endif
