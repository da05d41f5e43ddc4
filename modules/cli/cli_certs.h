/* Files with certificates -> the certificate in question and its issuer. */
#ifndef CLI_CERTS_H
#define CLI_CERTS_H

#include "ocsp/staple_cert.h"
#include "cli.h"

/* Where the options say that they are: one file, or two. */
typedef struct cli_certs_t {
    const char *chain;
    const char *cert, *issuer;
} cli_certs_t;

/* What the files hold; it goes with the pool. */
typedef struct cli_found_t {
    X509 *leaf, *issuer;
    STACK_OF(X509) *others; /* of the file that the issuer's is in, all */
} cli_found_t;

/* Reads the certificates of files that are named as they should be.  NULL, or
 * what is wrong with them, from p. */
const char *cli_certs_load(cli_found_t *found, apr_pool_t *p,
                           const cli_certs_t *files);

/* Reads the certificates.  CLI_GO_ON, or after a complaint the exit status. */
int cli_certs_find(cli_found_t *found, const cli_command_t *command,
                   apr_pool_t *p, const cli_certs_t *files);

/*
 * Reads them.  CLI_GO_ON: *reason is STAPLE_OK and *cert is set, or *reason
 * says why nothing can be asked about this certificate.  Else, after a
 * complaint, the exit status: wrong options, or a file without certificates.
 */
int cli_certs_read(staple_cert_t **cert, staple_reason_e *reason,
                   const cli_command_t *command, apr_pool_t *p,
                   const cli_certs_t *files, int url_needed);

/* Reads all certificates of a file in PEM, at least one; they go with p.
 * CLI_GO_ON, or after a complaint the exit status. */
int cli_certs_read_all(STACK_OF(X509) **stack, const cli_command_t *command,
                       apr_pool_t *p, const char *path);

#endif
