/* A signed response put together from its parts, some as no CA would. */
#ifndef RESP_BASIC_H
#define RESP_BASIC_H

#include "resp_index.h"
#include "resp_script.h"

#include <openssl/ocsp.h>

/* A signature context for signer as rule says; the caller frees it.  NULL
 * where OpenSSL cannot. */
EVP_MD_CTX *resp_basic_sign_context(const identity_t *signer,
                                    const rule_t *rule);

/* The OCSPResponse around basic, which signer has signed, at the end of body,
 * with what rule changes: version, sigparams, certs, extra, vary, signerat. */
void resp_basic_add(tool_buf_t *body, OCSP_BASICRESP *basic,
                    resp_index_t *index, const identity_t *signer,
                    const rule_t *rule);

#endif
