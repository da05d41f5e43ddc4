/* OCSP responders as a source of status: each URL by each method. */
#ifndef STAPLE_SOURCE_OCSP_H
#define STAPLE_SOURCE_OCSP_H

#include "staple_refresh_types.h"

/*
 * Fills an exchange with the request of attempt number `attempt` for `cert`.
 * Its index, its responder and by_sha256 are the caller's to set.  Not
 * STAPLE_OK where this attempt cannot be made: the request does not fit into a
 * GET.
 */
staple_reason_e staple_source_ocsp_fill(staple_exchange_t *exchange,
                                        const staple_cert_t *cert,
                                        const staple_policy_t *policy,
                                        unsigned attempt);

#endif
