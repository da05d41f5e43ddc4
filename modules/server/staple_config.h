/* Directives: table, defaults, merge, cross-checks. */
#ifndef STAPLE_CONFIG_H
#define STAPLE_CONFIG_H

#include "../core/staple_types.h"
#include "staple_log.h"

/* What one server (or virtual host) says; unset values are inherited. */
typedef struct staple_config_t {
    int enabled;            /* OCSPStaple; -1 = unset */
    staple_policy_t policy; /* complete once merged */
} staple_config_t;

extern const command_rec staple_config_commands[];

/* The four hooks of the module record. */
void *staple_config_create(apr_pool_t *p, server_rec *s);
void *staple_config_merge(apr_pool_t *p, void *base, void *add);

/* The server's configuration; never NULL. */
const staple_config_t *staple_config_get(const server_rec *s);

/* Does any server want staples?  Runs in: parent, after the configuration was
 * read. */
int staple_config_any_enabled(server_rec *main_server);

/* check_config hook: what no single directive can see.  Runs in: parent, also
 * at `httpd -t`. */
int staple_config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *main_server);

#endif
