/* What monitoring plug-ins share: exit statuses, and text fit for a line. */
#ifndef CLI_PLUGIN_H
#define CLI_PLUGIN_H

#include <apr_pools.h>

/* The exit statuses of check and status. */
enum {
    CLI_PLUGIN_OK,
    CLI_PLUGIN_WARNING,
    CLI_PLUGIN_CRITICAL,
    CLI_PLUGIN_UNKNOWN
};

/* OK, WARNING, CRITICAL or UNKNOWN. */
const char *cli_plugin_word(int status);

/* The worse of two exit statuses, as monitoring plug-ins rank them. */
int cli_plugin_worse(int a, int b);

/* A copy from p, fit for a line of output: '?' for everything but printable
 * ASCII, and for '|', which begins performance data. */
char *cli_plugin_text(apr_pool_t *p, const char *text);

#endif
