/* Each server's complete policy: cross-checks of directives, and their dump. */
#ifndef STAPLE_POLICY_H
#define STAPLE_POLICY_H

#include "base/staple_types.h"
#include "staple_log.h"

/* check_config hook: completes every server's policy and says what no single
 * directive can see.  Runs in: parent, also at `httpd -t`. */
int staple_policy_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *main_server);

/* test_config hook: prints the effective settings of every server at
 * `httpd -t -D DUMP_OCSPSTAPLE`.  Runs in: parent, `httpd -t`. */
void staple_policy_dump(apr_pool_t *pconf, server_rec *main_server);

/* The directives in which they want something else for a certificate that they
 * share, "OCSPStapleTimeout, OCSPStapleNonce", or NULL: in none.  Not those of
 * its issuers, which are followed where any of its servers says so. */
const char *staple_policy_differences(apr_pool_t *p, const staple_policy_t *a,
                                      const staple_policy_t *b);

#endif
