/* What a connection gets: its staple, and variables that tell of it. */
#ifndef STAPLE_SERVE_H
#define STAPLE_SERVE_H

#include <http_ssl.h>
#include <openssl/ssl.h>

#include "base/staple_openssl.h"
#include "httpd/generation/staple_generation.h"

/*
 * ssl_ocsp_get_resp hook: looks up, copies, calls back; no decision, no I/O.
 * Answers for every certificate that was registered on a server with
 * OCSPStaple On, also when nothing can be stapled (the callback gets NULL, 0);
 * DECLINED for all others.  Calls back exactly once before it answers OK.
 * Takes no lock, makes no system call, allocates nothing, parses nothing;
 * counts the handshake with one addition in shared memory.
 * Runs in: any child, handshake.
 */
int staple_serve_response(server_rec *s, conn_rec *c, const char *id,
                          apr_size_t id_len, ap_ssl_ocsp_copy_resp *copy,
                          void *userdata);

/*
 * OpenSSL's status callback, of servers for which mod_ssl has none; `s` is
 * their server_rec.  What mod_ssl's does with staple_serve_response().
 * Runs in: any child, handshake.
 */
int staple_serve_status(SSL *ssl, void *s);

#if STAPLE_OPENSSL_CHAIN
/*
 * Looks up the staple of `key`, which need not be a server's, and calls back
 * once with it; or with NULL, or not at all, where none can be stapled, as the
 * reason tells.  *index is that of the certificate, or STAPLE_NONE.  Counts
 * nothing; otherwise like the hook above.  Runs in: any child, handshake.
 */
staple_reason_e staple_serve_hand_out(apr_uint32_t *index,
                                      const staple_generation_t *generation,
                                      const staple_key_t *key,
                                      ap_ssl_ocsp_copy_resp *copy,
                                      void *userdata);
#endif

/* child_init hook: room for staples that are too large for a thread's stack.
 * Runs in: each child. */
void staple_serve_child_init(apr_pool_t *pchild, server_rec *s);

/*
 * post_read_request hook: sets OCSP_STAPLE_STATUS, OCSP_STAPLE_SENT and
 * OCSP_STAPLE_SIGNIFICANT for requests on TLS connections of servers whose
 * certificate this module looks after; nothing for others.  The certificate is
 * the one the handshake asked about, else the server's worst.
 * Runs in: any child, request.
 */
int staple_serve_variables(request_rec *r);

#endif
