/* From pre_config to child_init: make the generation and what it shares. */
#ifndef STAPLE_LIFECYCLE_H
#define STAPLE_LIFECYCLE_H

#include "httpd/config/staple_log.h"

/* pre_config hook: a new generation begins.  Runs in: parent. */
int staple_lifecycle_pre_config(apr_pool_t *pconf, apr_pool_t *plog,
                                apr_pool_t *ptemp);

/* post_config hook, after mod_ssl's (all certificates are known then) and
 * before mod_watchdog's.  Runs in: parent. */
int staple_lifecycle_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                                 apr_pool_t *ptemp, server_rec *s);

/* child_init hook, before mod_watchdog's: restores what is stored.  Runs in:
 * each child. */
void staple_lifecycle_child_init(apr_pool_t *pchild, server_rec *s);

#endif
