/* The command fetch: makes the exchanges that the module would make. */
#ifndef CLI_FETCH_H
#define CLI_FETCH_H

#include "cli_jobs.h"

/* What its options say. */
typedef struct cli_fetch_wish_t {
    cli_arguments_t chains;
    const char *dir;
    const char *cert, *issuer;
    cli_asking_t how;
    int method, certid;
    staple_route_t route;
    const char *out, *out_dir, *store;
    int force;
    int json;
    int is_quiet;
} cli_fetch_wish_t;

/* Several certificates, or files that are kept fresh: a line for each, and a
 * sum.  The exit status. */
int cli_fetch_all(const cli_command_t *command, apr_pool_t *p,
                  const cli_fetch_wish_t *wish);

#endif
