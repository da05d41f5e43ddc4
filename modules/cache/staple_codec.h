/* A staple and its record as bytes, for disk and shared store. */
#ifndef STAPLE_CODEC_H
#define STAPLE_CODEC_H

#include "staple_record.h"

/*
 * Big-endian, no padding:
 *
 *   magic "OCSPSTP1"  8     what this is, and which version of it
 *   sha256           32     of the certificate's DER
 *   times          3 x 8    next_at, attempted_at, succeeded_at (microseconds)
 *   state_since       8
 *   numbers        4 x 4    failures, attempts_hash, and the codes of reason
 *                         and state_reason (staple_reason.h)
 *   state             1
 *   notified          1
 *   said_unknown      1
 *   reserved          1     0
 *   length            4     of the DER, 0 = none
 *   DER
 *   sha256           32     of everything before
 *
 * The digest finds damage; against forgery there is the response's signature,
 * which is verified again when it is read.
 */
#define STAPLE_CODEC_HEAD 96
#define STAPLE_CODEC_TAIL 32
#define STAPLE_CODEC_MAX                                                       \
    (STAPLE_CODEC_HEAD + STAPLE_MAX_RESPONSE + STAPLE_CODEC_TAIL)

/* Writes record and DER (der_len may be 0; it may lie in buf) of the
 * certificate with this SHA-256 to buf, of STAPLE_CODEC_MAX bytes; returns the
 * length. */
apr_size_t staple_codec_encode(unsigned char *buf,
                               const unsigned char sha256[32],
                               const staple_record_t *record,
                               const unsigned char *der, apr_size_t der_len);

/*
 * Reads what staple_codec_encode() wrote for this certificate: of *record only
 * what is stored is set.  *der points into buf; it is not verified.
 * STAPLE_DAMAGED for anything else, and nothing is set then.
 */
staple_reason_e staple_codec_decode(staple_record_t *record,
                                    const unsigned char **der,
                                    apr_size_t *der_len,
                                    const unsigned char *buf, apr_size_t len,
                                    const unsigned char sha256[32]);

#endif
