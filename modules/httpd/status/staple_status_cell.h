/* The status page's columns of a certificate: title, rank and cell of each. */
#ifndef STAPLE_STATUS_CELL_H
#define STAPLE_STATUS_CELL_H

#include "staple_snapshot.h"

/* One column. */
typedef struct staple_status_column_t {
    const char *name;  /* in ?sort= */
    const char *title; /* HTML */
    /* Where a certificate stands: what needs a look first has a small rank.
     * NULL: by subject. */
    apr_int64_t (*rank)(const staple_snapshot_cert_t *cert);
    /* Prints what is in its cell. */
    void (*put)(request_rec *r, const staple_snapshot_cert_t *cert,
                apr_time_t now);
} staple_status_column_t;

#define STAPLE_STATUS_COLUMNS 7
extern const staple_status_column_t
    staple_status_columns[STAPLE_STATUS_COLUMNS];

/* Text from anywhere, escaped for HTML. */
void staple_status_cell_text(request_rec *r, const char *text);

/* A state as a word on its colour. */
void staple_status_cell_state(request_rec *r, staple_state_e state);

/* An instant: "in 3 d 4 h" or "59 s ago"; "never" for 0. */
void staple_status_cell_time(request_rec *r, apr_time_t at, apr_time_t now);

/* A score in tenths. */
void staple_status_cell_score(request_rec *r, unsigned score);

#endif
