/* CRLs of the certificates that are registered: which ones, and whose. */
#ifndef STAPLE_REGISTER_CRL_H
#define STAPLE_REGISTER_CRL_H

#include "staple_chain.h"
#include "staple_generation.h"

/* All functions here run in: parent, while configuring. */

/* Begins with no list. */
void staple_register_crl_begin(apr_pool_t *pconf);

/* What CRLs have to know of this certificate, whose issuer is filled in by
 * staple_register_crl_follow(); NULL: it cannot be read. */
staple_crl_cert_t *staple_register_crl_describe(X509 *x509);

/* Does the certificate say anything about CRLs? */
static inline int staple_register_crl_is_named(const staple_crl_cert_t *crl)
{
    return crl->points.count + crl->points.refused_count > 0;
}

/* Why these settings leave no CRL that could settle the certificate's status;
 * STAPLE_OK: they leave one.  `crl` may be NULL. */
staple_reason_e staple_register_crl_why(const staple_policy_t *policy,
                                        const staple_crl_cert_t *crl);

/* mod_ssl has come to a server with these settings; it goes from the last to
 * the first of the configuration. */
void staple_register_crl_server(const staple_policy_t *policy);

/* Looks for other certificates of this issuer, with other keys, which may have
 * signed its lists: once for each issuer, and again where a server has other
 * settings than the one before. */
void staple_register_crl_look_for_signers(const staple_issuer_t *issuer,
                                          const staple_chain_t *chain,
                                          const staple_policy_t *policy);

/* Gives the entry its lists and their signers, when all servers are known. */
void staple_register_crl_follow(staple_refresh_cert_t *entry,
                                staple_crl_cert_t *crl);

/* All lists, staple_refresh_list_t. */
const apr_array_header_t *staple_register_crl_lists(void);

#endif
