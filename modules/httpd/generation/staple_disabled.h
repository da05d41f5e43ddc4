/* Certificates that cannot be stapled: shown, with the reason, and no more. */
#ifndef STAPLE_DISABLED_H
#define STAPLE_DISABLED_H

#include <apr_tables.h>

#include "ocsp/staple_cert.h"
#include "httpd/config/staple_log.h"

/*
 * They are a list of their own, so that whatever asks, staples, stores or
 * shares has never heard of them, and mod_ssl's own stapling goes on.  Only
 * staple_view knows both lists.
 */
typedef struct staple_disabled_t {
    const staple_cert_t *cert; /* as staple_cert_describe() makes it */
    const staple_policy_t *policy;
    apr_array_header_t *servers; /* server_rec *, in configuration order */
    staple_reason_e reason;
} staple_disabled_t;

/* All functions here run in: parent, while configuring. */

/* Begins with no certificate. */
void staple_disabled_reset(apr_pool_t *pconf);

/* Server s has a certificate, of this key, that cannot be stapled.  Of several
 * reasons the first one counts, of several policies that of the first server
 * in the configuration. */
void staple_disabled_add(server_rec *s, const staple_key_t *key, X509 *x509,
                         staple_reason_e reason);

/* All of them: staple_disabled_t, in pconf.  Once, after the last was added. */
const apr_array_header_t *staple_disabled_list(void);

#endif
