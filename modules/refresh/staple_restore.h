/* What was stored of a certificate -> the cache, where it still holds. */
#ifndef STAPLE_RESTORE_H
#define STAPLE_RESTORE_H

#include "staple_adopt.h"

/*
 * Takes the bytes of a file for certificate `index`, which are material from
 * outside.  The response is verified as if it had just come over the network
 * and published; then the record is.  STAPLE_OK: done.  STAPLE_EXPIRED and
 * other reasons of staple_restore_is_honest(): the response cannot be used
 * (any more, or yet), but the record was published.  Everything else: nothing
 * is published.
 *
 * Who has a staple is asked about when that was due; who has none at once, or a
 * minute after a job that failed.  A response that says revoked is held on past
 * its end, but not stapled.  Nothing of the record is taken at its word:
 * instants that lie in the future without reason are pulled back.  Runs before
 * any refresher does.
 */
staple_reason_e staple_restore(staple_writer_t *writer, apr_uint32_t index,
                               const staple_cert_t *cert,
                               const staple_policy_t *policy,
                               const unsigned char *buf, apr_size_t len,
                               apr_time_t now);

/* May a file that was all right when it was written be refused for this? */
int staple_restore_is_honest(staple_reason_e reason);

#endif
