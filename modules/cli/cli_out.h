/* Files with responses, as servers read them: named, read, and replaced. */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <apr_pools.h>

#include "cli.h"

/* The file of --out-dir for this file with a chain: DIR/site.pem.ocsp for
 * site.pem, as HAProxy looks for it; from p. */
const char *cli_out_path(apr_pool_t *p, const char *dir, const char *chain);

/* The response in a file, not verified; *der is from p.  0: there is none. */
int cli_out_read(const unsigned char **der, apr_size_t *len, apr_pool_t *p,
                 const char *path);

/* Writes a file that readers find either as it was or whole.  Refuses to
 * replace anything but a regular file.  CLI_GO_ON, or after a complaint the
 * exit status. */
int cli_out_write(const cli_command_t *command, apr_pool_t *p,
                  const char *path, const unsigned char *der, apr_size_t len);

#endif
