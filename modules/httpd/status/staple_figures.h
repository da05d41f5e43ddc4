/* The totals as a list of named figures: metrics, and mod_status's lines. */
#ifndef STAPLE_FIGURES_H
#define STAPLE_FIGURES_H

#include "staple_snapshot.h"

/* One figure.  Those of one metric stand together. */
typedef struct staple_figure_t {
    const char *metric; /* without "ocspstaple_" */
    const char *type;   /* "gauge" or "counter" */
    const char *help;
    const char *label;  /* NULL: it has none */
    const char *value_of_label;
    const char *title;  /* in mod_status's page; NULL: not there */
    double value;
} staple_figure_t;

/* All of them, staple_figure_t, from p.  Their number does not depend on the
 * number of certificates or servers. */
const apr_array_header_t *staple_figures_of(apr_pool_t *p,
                                            const staple_snapshot_t *snapshot);

#endif
