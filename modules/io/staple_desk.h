/* A desk in a store's directory, where a refresher is asked, and answers. */
#ifndef STAPLE_DESK_H
#define STAPLE_DESK_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>
#include <jansson.h>
#include <sys/types.h>

/*
 *   DIR/desks     byte N is locked by the refresher that sits at desk N
 *   DIR/ask.N     what it is asked; and then, in its place, what it answered
 *   DIR/asked     which certificates were asked about by request, and when
 *
 * No port and no signal: the directory's permissions say who may ask.
 * A refresher looks at one name and no other, so it does not matter what else
 * is put there, nor how much.  Each httpd that uses the directory has a desk of
 * its own, as it has staples of its own; which are taken is known by their
 * locks, which the kernel drops with the process.
 *
 * What is asked is text, JSON of two levels:
 *   {"id": "0123456789abcdef", "wanted": ["www.example.org", ...]}
 *   {"id": "0123456789abcdef", "all": true}
 * The answer has the same id, and "certificates" (staple_asks.h).
 *
 * No function here follows a link or waits for a pipe.
 */

#define STAPLE_DESKS 8

/* What is wanted of one request, at most, each of so many bytes. */
#define STAPLE_DESK_MAX_WANTED 1000
#define STAPLE_DESK_MAX_WORD 255
#define STAPLE_DESK_MAX_ASK (300 * 1024)

/* An answer that was not fetched is gone after this. */
#define STAPLE_DESK_KEEP apr_time_from_sec(30)

#define STAPLE_DESK_ID_SIZE 17 /* 16 hexadecimal digits */

/* Opens the directory, for its owner or root; others than its owner may not
 * write to it.  *why is NULL or says in words what is wrong with it. */
apr_status_t staple_desk_directory(int *directory, const char **why,
                                   const char *path);

/* ---- of the refresher ---- */

typedef struct staple_desk_t {
    int directory; /* file descriptors; -1: none */
    int locks;
    unsigned number;
} staple_desk_t;

#define STAPLE_DESK_CLOSED {.directory = -1, .locks = -1}

/* Takes a desk that is free.  APR_EAGAIN: none is. */
apr_status_t staple_desk_open(staple_desk_t *desk, const char **why,
                              const char *path);
void staple_desk_close(staple_desk_t *desk);

/* Was the directory, or the desk in it, removed or replaced? */
int staple_desk_is_lost(const staple_desk_t *desk, const char *path);

/* What a refresher is asked. */
typedef struct staple_ask_request_t {
    char id[STAPLE_DESK_ID_SIZE];
    uid_t uid;           /* who asks: the file's owner */
    int all;             /* about all certificates, or */
    unsigned count;      /* about these: names, serial numbers, digests; */
    const char **wanted; /* printable, without spaces */
} staple_ask_request_t;

/* Reads the text of a request; NULL, or what is wrong with it.  Memory is from
 * p. */
const char *staple_desk_parse(staple_ask_request_t *request, apr_pool_t *p,
                              const char *text, apr_size_t len);

/* Takes what is on the desk.  APR_ENOENT: nothing is, or an answer.  APR_EINVAL
 * and *why: something else, which is gone now. */
apr_status_t staple_desk_take(staple_ask_request_t *request, const char **why,
                              apr_pool_t *p, const staple_desk_t *desk,
                              apr_time_t now);

/* Puts the answer in place of the request, if that is still there. */
apr_status_t staple_desk_answer(const staple_desk_t *desk, const char *id,
                                const char *text, apr_size_t len, apr_pool_t *p,
                                apr_time_t now);

/* ---- when it was asked ---- */

typedef struct staple_desk_row_t {
    unsigned char sha256[32]; /* of the certificate */
    char id[16];              /* of the request, which may be one to several */
    apr_time_t at;
} staple_desk_row_t;

/* Reads the rows that are not older than `keep`; their number. */
unsigned staple_desk_read_rows(staple_desk_row_t **rows, apr_pool_t *p,
                               const staple_desk_t *desk,
                               apr_interval_time_t keep, apr_time_t now);

/* Adds some to those that are not older than `keep`. */
apr_status_t staple_desk_add_rows(const staple_desk_t *desk,
                                  const staple_desk_row_t *rows, unsigned count,
                                  apr_pool_t *p, apr_interval_time_t keep,
                                  apr_time_t now);

/* ---- of who asks ---- */

/* Is a refresher there?  Not for the refresher's own process, whose lock goes
 * when it closes any descriptor of the file. */
int staple_desk_is_taken(int directory, unsigned number);

/* Lays a request on a desk.  APR_EEXIST: another one is there. */
apr_status_t staple_desk_put(int directory, unsigned number, const char *text,
                             apr_size_t len);

/* The answer to request `id`, or NULL: there is none yet.  *is_there: the
 * request or its answer is on the desk. */
json_t *staple_desk_fetch(int *is_there, int directory, unsigned number,
                          const char *id, apr_pool_t *p);

/* Takes away what is on the desk if it is of request `id`. */
void staple_desk_clear(int directory, unsigned number, const char *id,
                       apr_pool_t *p);

#endif
