/* OCSP requests and the responses that the script asks for. */
#ifndef RESP_OCSP_H
#define RESP_OCSP_H

#include "resp_index.h"
#include "resp_script.h"

#include <openssl/ocsp.h>
#include <time.h>

/* One OCSP request, or what could not be read as one. */
typedef struct {
    OCSP_REQUEST *ocsp;      /* NULL: not a request */
    entry_t *entry;          /* of its first certificate; NULL: none */
    char *nonce;             /* hex, or NULL */
    char hash[16];           /* algorithm of the first CertID, or "-" */
    int der_len;
} query_t;

/* Reads DER that must be a request and nothing else; 0 when it is not. */
int resp_query_read(query_t *query, resp_index_t *index, const void *der,
                    size_t len);
void resp_query_free(query_t *query);

/* The body that rule asks for, at the end of body.  An OCSP error where no
 * response can be made (no request, no signer). */
void resp_ocsp_build(tool_buf_t *body, resp_index_t *index,
                     const query_t *query, const rule_t *rule,
                     unsigned long generation, time_t now);

#endif
