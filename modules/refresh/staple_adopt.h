/* A response, that came or was stored -> verified, and into the cache. */
#ifndef STAPLE_ADOPT_H
#define STAPLE_ADOPT_H

#include "ocsp/staple_verify.h"
#include "cache/staple_writer.h"

/*
 * Verifies a response for certificate `index` and, where it says good or
 * revoked and is to take the place of the one held, publishes it, in its
 * canonical form (staple_verify.h), and notes in *record what it says; the
 * caller completes the record and publishes that.
 * `record` comes in as the certificate's present record.  It is to, if it
 *   - is not older (staple_record_order); an older `unknown` is older, too;
 *   - has not ended: within the tolerance of clocks it verifies, but is not
 *     stapled;
 *   - does not cost a staple that lives longer: one of the same status that
 *     ends before the next job, which is due when half of its life is over,
 *     could bring another within one attempt's time.
 * The very response that is held comes to STAPLE_OK without being published
 * again: its responder is well, and *record says so.
 *
 * Whatever is wrong, the response held stays: STAPLE_UNKNOWN for a verified
 * `unknown`, STAPLE_OLDER, STAPLE_EXPIRED, STAPLE_ENDS_SOON,
 * STAPLE_STAPLE_TOO_LARGE (*record then has the sizes in its detail), or why
 * verification refused it; else *record is as it was.  But what is known to be
 * revoked must not be stapled as good.  A newer response that says revoked and
 * has ended within the tolerance of clocks is STAPLE_EXPIRED, and takes the
 * place of the good one, never to be stapled; one that is too large to be held
 * takes the good one away.  In both cases *record says revoked, and is the
 * caller's to publish.
 */
staple_reason_e staple_adopt(staple_record_t *record, staple_writer_t *writer,
                             apr_uint32_t index, const staple_cert_t *cert,
                             const staple_policy_t *policy,
                             const unsigned char *der, apr_size_t der_len,
                             const unsigned char *nonce, apr_time_t now);

/*
 * Takes the bytes of a file for certificate `index`, which are material from
 * outside.  The response is verified as if it had just come over the network
 * and published; then the record is.  STAPLE_OK: done.  STAPLE_EXPIRED and
 * other reasons of staple_adopt_is_honest(): the response cannot be used
 * (any more, or yet), but the record was published.  Everything else: nothing
 * is published.
 *
 * Who has a staple is asked about when that was due; who has none at once, or a
 * minute after a job that failed.  A response that says revoked is held on past
 * its end, but not stapled.  Nothing of the record is taken at its word:
 * instants that lie in the future without reason are pulled back.  Runs before
 * any refresher does.
 */
staple_reason_e staple_adopt_stored(staple_writer_t *writer, apr_uint32_t index,
                                    const staple_cert_t *cert,
                                    const staple_policy_t *policy,
                                    const unsigned char *buf, apr_size_t len,
                                    apr_time_t now);

/* May a file that was all right when it was written be refused for this? */
int staple_adopt_is_honest(staple_reason_e reason);

#endif
