/* OCSPStapleShared: a store that many machines share, by an httpd provider. */
#ifndef STAPLE_SHARED_H
#define STAPLE_SHARED_H

#include "refresh/staple_source_shared.h"
#include "httpd/generation/staple_generation.h"

/*
 * What is in the store, under SHA-256 of the certificate's DER:
 *
 *   sha256        a value (staple_source_shared.h), until the end of its use
 *   sha256, 'n'   a note that some httpd is asking: its mark, for seconds; the
 *                 mark is random, and the same until that httpd is stopped
 *
 * Providers put a prefix of their own before the keys: "ocspstaple".
 */
#define STAPLE_SHARED_MARK 16 /* bytes */

typedef struct staple_shared_t staple_shared_t;

/* Makes its mutex known to the directive Mutex.  Runs in: parent,
 * pre_config. */
apr_status_t staple_shared_register(apr_pool_t *pconf);

/* Makes the store ready for the children, if there is one: generation->shared.
 * Returns 1, or 0 after an error line.  Runs in: parent, post_config. */
int staple_shared_open(staple_generation_t *generation, apr_pool_t *pconf);

/* Runs in: each child, child_init. */
void staple_shared_child_init(const staple_generation_t *generation,
                              apr_pool_t *pchild);

/*
 * The following wait for as long as the provider does, perhaps for ever, with
 * no lock held but the provider's own: for threads that no other one waits for.
 * What failed is not tried again for some seconds.  `p` is for the call alone.
 */

/*
 * Reads the value into buf, which has *len bytes, and sets *len, to 0 where
 * there is none.  *is_asked: another machine left a note; where there is none,
 * it leaves ours for `note_life`.  APR_ENOSPC: the value is larger.
 */
apr_status_t staple_shared_query(unsigned char *buf, apr_size_t *len,
                                 int *is_asked, staple_shared_t *shared,
                                 const unsigned char *sha256,
                                 apr_interval_time_t note_life, apr_pool_t *p);

/* Puts a value there. */
apr_status_t staple_shared_put(staple_shared_t *shared,
                               const unsigned char *sha256,
                               unsigned char *value, apr_size_t len,
                               apr_time_t use_until, apr_pool_t *p);

/* Takes our note away.  It would end by itself: a failure does no harm. */
void staple_shared_remove_note(staple_shared_t *shared,
                               const unsigned char *sha256, apr_pool_t *p);

#endif
