/* ssl_ocsp_get_resp hook: look up, copy, call back; no decision, no I/O. */
#ifndef STAPLE_SERVE_H
#define STAPLE_SERVE_H

#include <http_ssl.h>

#include "../core/staple_cache.h"

/* The cache that handshakes look into; NULL: none.  Runs in: parent, before
 * the children are forked. */
void staple_serve_from(const staple_cache_t *cache);

/*
 * Answers for every certificate that was registered on a server with
 * OCSPStaple On, also when nothing can be stapled (the callback gets NULL, 0);
 * DECLINED for all others.  Calls back exactly once before it answers OK.
 * Takes no lock, makes no system call, allocates nothing, parses nothing.
 * Runs in: any child, handshake.
 */
int staple_serve_response(server_rec *s, conn_rec *c, const char *id,
                          apr_size_t id_len, ap_ssl_ocsp_copy_resp *copy,
                          void *userdata);

#endif
