/* The status as a page for people, without scripts and from nowhere else. */
#ifndef STAPLE_STATUS_HTML_H
#define STAPLE_STATUS_HTML_H

#include "staple_status_query.h"

/* Runs in: any child, request. */
void staple_status_html(request_rec *r, const staple_snapshot_t *snapshot,
                        const staple_status_query_t *query);

#endif
