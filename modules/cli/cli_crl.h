/* The command verify for CRLs: judges a certificate by lists in files. */
#ifndef CLI_CRL_H
#define CLI_CRL_H

#include "crl/staple_crl_check.h"
#include "cli_certs.h"
#include "cli_options.h"

/* What the options say. */
typedef struct cli_crl_wish_t {
    cli_certs_t certs;
    cli_urls_t files; /* the base, and behind it its delta, if there is one */
    const char *scope_url; /* NULL: what the certificate says */
    apr_time_t at;
    int json;
    staple_policy_t policy;
} cli_crl_wish_t;

/* The certificates that may have signed, the issuer's first; of its file those
 * of its other keys that signatures in the same file vouch for.  Returns how
 * many. */
unsigned cli_crl_signers(X509 *signers[STAPLE_CRL_MAX_SIGNERS],
                         const cli_found_t *found);

/* Judges, prints the verdict, and returns the exit status. */
int cli_crl_run(const cli_command_t *command, apr_pool_t *p,
                const cli_crl_wish_t *wish);

#endif
