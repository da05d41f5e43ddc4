/* What the status page is asked for, and which certificates answer it. */
#ifndef STAPLE_STATUS_QUERY_H
#define STAPLE_STATUS_QUERY_H

#include "staple_status_cell.h"

#define STAPLE_STATUS_PAGE 200 /* certificates on one page */

/* ?format=&sort=&order=&page=&state=&find= */
typedef struct staple_status_query_t {
    const char *format; /* NULL: not given */
    const staple_status_column_t *sort;
    int is_reversed;
    apr_uint32_t page;    /* from 1 */
    staple_state_e state; /* STAPLE_STATE_COUNT: any */
    const char *find;     /* in subject, serial and server names; "": any */
} staple_status_query_t;

/* Reads a request's arguments (NULL: none).  NULL, or a sentence that says
 * what is wrong and what is allowed. */
const char *staple_status_query(staple_status_query_t *query, apr_pool_t *p,
                                const char *args);

/* The query as a link would give it, with `page`, escaped for HTML. */
const char *staple_status_query_link(apr_pool_t *p,
                                     const staple_status_query_t *query);

/* The indexes of all certificates that it asks for, apr_uint32_t, in order. */
const apr_array_header_t *
staple_status_query_pick(apr_pool_t *p, const staple_status_query_t *query,
                         const staple_snapshot_t *snapshot);

#endif
