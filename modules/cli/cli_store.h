/* Responses in a store, where the next start of httpd finds them. */
#ifndef CLI_STORE_H
#define CLI_STORE_H

#include "cli_jobs.h"

/* Can the directory be used?  CLI_GO_ON, or after a complaint the exit
 * status. */
int cli_store_check(const cli_command_t *command, const char *path);

/* The response to the certificate that is there, not verified; *der is from p.
 * 0: there is none. */
int cli_store_get(const unsigned char **der, apr_size_t *len, apr_pool_t *p,
                  const char *path, const staple_cert_t *cert);

/*
 * Writes the response that the ended job holds to the directory of
 * OCSPStapleStore: in its owner's name, also for root, whole or not at all, and
 * nowhere else.  What is there already stays where it is newer.  CLI_GO_ON, or
 * after a complaint the exit status.
 */
int cli_store_put(const cli_command_t *command, apr_pool_t *p,
                  const char *path, cli_job_t *job,
                  const unsigned char *der, apr_size_t len);

#endif
