/* A verified response that is not older than the one held -> the cache. */
#ifndef STAPLE_ADOPT_H
#define STAPLE_ADOPT_H

#include "staple_verify.h"
#include "staple_writer.h"

/*
 * Verifies a response for certificate `index` and, where it says good or
 * revoked and is not older than the one held, publishes it, in its canonical
 * form (staple_verify.h), and notes in *record what it says; the caller
 * completes the record and publishes that.
 * `record` comes in as the certificate's present record.  Whatever is wrong,
 * the response held stays: STAPLE_UNKNOWN for a verified `unknown`,
 * STAPLE_OLDER, STAPLE_CACHE_FULL, or why verification refused it.
 */
staple_reason_e staple_adopt(staple_record_t *record, staple_writer_t *writer,
                             apr_uint32_t index, const staple_cert_t *cert,
                             const staple_policy_t *policy,
                             const unsigned char *der, apr_size_t der_len,
                             const unsigned char *nonce, apr_time_t now);

#endif
