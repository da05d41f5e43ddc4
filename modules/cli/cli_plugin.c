/* What monitoring plug-ins share: exit statuses, and text fit for a line. */
#include "cli_plugin.h"

#include <apr_strings.h>

const char *cli_plugin_word(int status)
{
    static const char *const words[] = {[CLI_PLUGIN_OK] = "OK",
                                        [CLI_PLUGIN_WARNING] = "WARNING",
                                        [CLI_PLUGIN_CRITICAL] = "CRITICAL",
                                        [CLI_PLUGIN_UNKNOWN] = "UNKNOWN"};

    return words[status];
}

int cli_plugin_worse(int a, int b)
{
    static const int rank[] = {[CLI_PLUGIN_OK] = 0,
                               [CLI_PLUGIN_UNKNOWN] = 1,
                               [CLI_PLUGIN_WARNING] = 2,
                               [CLI_PLUGIN_CRITICAL] = 3};

    return rank[a] >= rank[b] ? a : b;
}

char *cli_plugin_text(apr_pool_t *p, const char *text)
{
    char *copy = apr_pstrdup(p, text);
    char *c;

    for (c = copy; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~' || *c == '|') {
            *c = '?';
        }
    }
    return copy;
}
