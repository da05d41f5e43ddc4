/* OCSPStapleShared: a store that many machines share, by an httpd provider. */
#ifndef STAPLE_SHARED_H
#define STAPLE_SHARED_H

#include "refresh/staple_source_shared.h"
#include "httpd/config/staple_log.h"

/*
 * What is in the store, under SHA-256 of the certificate's DER:
 *
 *   sha256        a value (staple_source_shared.h), until the end of its use
 *   sha256, 'n'   a note that somebody is asking: their mark, for seconds
 *
 * Providers put a prefix of their own before the keys: "ocspstaple".
 */
#define STAPLE_SHARED_MARK 16 /* bytes */

/* The mark of this httpd in its notes: random, the same until it is stopped. */
const unsigned char *staple_shared_mark(void);

/* pre_config hook.  Runs in: parent. */
int staple_shared_reset(apr_pool_t *pconf, apr_pool_t *plog,
                        apr_pool_t *ptemp);

/* What OCSPStapleShared says, or NULL: nothing is shared.  Runs in: any, after
 * staple_shared_open(). */
const char *staple_shared_name(void);

/* Makes the store ready for the children.  Returns 1, or 0 after an error line.
 * Runs in: parent, post_config. */
int staple_shared_open(apr_pool_t *pconf, server_rec *s);

/* Runs in: each child, child_init. */
void staple_shared_child_init(apr_pool_t *pchild, server_rec *s);

/*
 * The following wait for as long as the provider does: perhaps for ever.  For
 * threads that nobody else waits for.  `p` is for the call alone.
 */

/* Copies the value (`is_note`: the note) to buf, which has *len bytes, and sets
 * *len.  APR_NOTFOUND: there is none; APR_ENOSPC: it is larger than that. */
apr_status_t staple_shared_get(unsigned char *buf, unsigned *len,
                               const unsigned char sha256[32], int is_note,
                               apr_pool_t *p);

/* Puts a value (a note) into the store, until `expires`. */
apr_status_t staple_shared_put(const unsigned char sha256[32], int is_note,
                               unsigned char *data, unsigned len,
                               apr_time_t expires, apr_pool_t *p);

/* Takes the note away. */
apr_status_t staple_shared_remove_note(const unsigned char sha256[32],
                                       apr_pool_t *p);

#endif
