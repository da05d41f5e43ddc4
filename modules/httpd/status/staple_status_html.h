/* The status as a page for people, without scripts and from nowhere else. */
#ifndef STAPLE_STATUS_HTML_H
#define STAPLE_STATUS_HTML_H

#include "staple_snapshot.h"

/* ?format=&sort=&order=&page=&state=&problem=&find=&refresh= */
typedef struct staple_status_query_t {
    const char *format; /* NULL: not given */
    unsigned sort; /* number of a column */
    int is_reversed;
    apr_uint32_t page;    /* from 1 */
    staple_state_e state; /* STAPLE_STATE_COUNT: any */
    staple_problem_e problem; /* STAPLE_PROBLEM_COUNT: any, or none */
    unsigned refresh;         /* the page loads again, in seconds; 0: never */
    const char *find;     /* in subject, serial and server names; "": any */
} staple_status_query_t;

/* Reads a request's arguments (NULL: none).  NULL, or a sentence that says
 * what is wrong and what is allowed. */
const char *staple_status_query(staple_status_query_t *query, apr_pool_t *p,
                                const char *args);

/* Runs in: any child, request. */
void staple_status_html(request_rec *r, const staple_snapshot_t *snapshot,
                        const staple_status_query_t *query);

#endif
