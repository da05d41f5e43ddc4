/* The findings of check: as lines with performance data, and as JSON. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <apr_tables.h>
#include <stdio.h>

#include "cli_finding.h"

/* Print an array of cli_finding_t, at least one; they return the worst exit
 * status.  The lines: one finding is the first line, and what was seen in
 * those below it; of several the first line sums up, and each has a line. */
int cli_show_lines(FILE *out, apr_pool_t *p, const apr_array_header_t *findings,
                   int is_quiet);
int cli_show_json(FILE *out, apr_pool_t *p, const apr_array_header_t *findings);

#endif
