/* mod_watchdog glue: start the refresher, let it run, stop it at once. */
#ifndef STAPLE_WATCHDOG_H
#define STAPLE_WATCHDOG_H

#include "httpd/generation/staple_generation.h"

/*
 * Registers what keeps the certificates of the generation fresh: in each child
 * a thread, one of which refreshes.  The generation must live as long as pconf.
 * Before mod_watchdog's own post_config.  Runs in: parent, post_config.
 */
apr_status_t staple_watchdog_register(apr_pool_t *pconf,
                                      staple_generation_t *generation);

/* Prepares this child: it may be the one whose watchdog refreshes.  After
 * mod_watchdog's own child_init.  Runs in: each child, child_init. */
void staple_watchdog_child_init(apr_pool_t *pchild, server_rec *s);

#endif
