/* The shared store as a source of status: its values, and which will do. */
#ifndef STAPLE_SOURCE_SHARED_H
#define STAPLE_SOURCE_SHARED_H

#include "cache/staple_codec.h"
#include "staple_schedule.h"

/* Time for one look into the shared store: what a store that is down or slow
 * costs the first certificates that wait for it, once. */
#define STAPLE_SHARE_TIMEOUT apr_time_from_sec(1)

/* Looks at once: each holds a thread for as long as it lasts. */
#define STAPLE_SHARE_QUERIES 8

/* Another machine is asking for this certificate: look again after this, and up
 * to a quarter of it more. */
#define STAPLE_SHARE_WAIT apr_time_from_sec(1)

/* A machine is waited for no longer than this, nor than one attempt takes. */
#define STAPLE_SHARE_WAIT_LAST apr_time_from_sec(10)

/*
 * The value: what staple_codec_encode() writes, of the record nothing but
 * `succeeded_at`, which is when this response was fetched.  `buf` has
 * STAPLE_CODEC_MAX bytes; returns the length.
 */
apr_size_t staple_share_encode(unsigned char *buf,
                               const unsigned char sha256[32],
                               const unsigned char *der, apr_size_t der_len,
                               apr_time_t fetched_at);

/* Reads a value for this certificate.  *der points into buf; neither it nor
 * *fetched_at is verified.  STAPLE_DAMAGED: it is no such value. */
staple_reason_e staple_share_decode(const unsigned char **der,
                                    apr_size_t *der_len, apr_time_t *fetched_at,
                                    const unsigned char *buf, apr_size_t len,
                                    const unsigned char sha256[32]);

/*
 * Will a shared response do in place of one from the responder?  `held` is the
 * certificate's record before it and `taken` after it was verified and taken;
 * `fetched_at` is when a machine got it from the responder.  It will
 *   - until that machine would ask again, by the same schedule as ours;
 *   - where the same response is held already, if it was fetched after ours
 *     was: the responder has nothing newer;
 *   - until three quarters of its life are over, which is signed, whereas
 *     who can write to the store can claim any `fetched_at`; one before
 *     thisUpdate or in the future is not believed.
 */
int staple_share_will_do(const staple_policy_t *policy,
                         const staple_record_t *held,
                         const staple_record_t *taken, apr_time_t fetched_at,
                         apr_time_t now);

/* How long a note that another machine is asking holds back others. */
apr_interval_time_t staple_share_wait_limit(const staple_policy_t *policy);

#endif
