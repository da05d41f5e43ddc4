/* What is wrong, in sentences: those of the page, of JSON and of the tool. */
#ifndef STAPLE_HEALTH_H
#define STAPLE_HEALTH_H

#include "staple_snapshot.h"

/* What one problem comes to, and what to do. */
typedef struct staple_health_line_t {
    staple_problem_e problem;
    apr_uint32_t count; /* of certificates, or of responders */
    const char *text;   /* neither escaped nor with a full stop */
} staple_health_line_t;

/* A line for each problem, from p, the worst first; `health` is one of the
 * snapshot's two. */
const apr_array_header_t *
staple_health_lines(apr_pool_t *p, const staple_snapshot_t *snapshot,
                    const staple_snapshot_health_t *health);

/* The first of these lines or, without any, how many certificates are good. */
const char *staple_health_summary(apr_pool_t *p,
                                  const staple_snapshot_t *snapshot,
                                  const apr_array_header_t *lines);

#endif
