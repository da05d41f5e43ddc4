/* Puts a response into a store, where the next start of httpd finds it. */
#ifndef CLI_STORE_H
#define CLI_STORE_H

#include "refresh/staple_refresh.h"
#include "cli.h"

/*
 * Writes what `refresh` holds of its only certificate, which *record is of, to
 * the directory of OCSPStapleStore: in its owner's name, also for root, whole
 * or not at all, and nowhere else.  What is there already stays where it is
 * newer.  CLI_GO_ON, or after a complaint the exit status.
 */
int cli_store_put(const cli_command_t *command, apr_pool_t *p,
                  const char *path, staple_refresh_t *refresh,
                  const staple_cert_t *cert, const staple_record_t *record,
                  const unsigned char *der, apr_size_t len);

#endif
