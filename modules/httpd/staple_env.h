/* OCSP_STAPLE_... variables of a request, for logs and expressions. */
#ifndef STAPLE_ENV_H
#define STAPLE_ENV_H

#include "httpd/config/staple_log.h"

/*
 * post_read_request hook: sets OCSP_STAPLE_STATUS, OCSP_STAPLE_SENT and
 * OCSP_STAPLE_SIGNIFICANT for requests on TLS connections of servers whose
 * certificate this module looks after; nothing for others.  The certificate is
 * the one the handshake asked about, else the server's worst.
 * Runs in: any child, request.
 */
int staple_env_set(request_rec *r);

#endif
