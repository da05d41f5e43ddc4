/* ssl_ocsp_get_resp hook: look up, copy, call back; no decision, no I/O. */
#ifndef STAPLE_SERVE_H
#define STAPLE_SERVE_H

#include <http_ssl.h>

#include "httpd/config/staple_log.h"

/*
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

/* child_init hook: room for staples that are too large for a thread's stack.
 * Runs in: each child. */
void staple_serve_child_init(apr_pool_t *pchild, server_rec *s);

/* The certificate for which the handshake of this connection asked, and
 * whether it carried a staple.  Returns 0 where none was asked for: the client
 * does not want one, or resumed a session.  Runs in: any child. */
int staple_serve_seen(conn_rec *c, apr_uint32_t *index, int *is_sent);

#endif
