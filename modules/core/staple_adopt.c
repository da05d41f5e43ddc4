/* A verified response that is not older than the one held -> the cache. */
#include "staple_adopt.h"

#include <apr_strings.h>

/* How long it is, and may be. */
static void note_sizes(staple_record_t *record, apr_size_t len, apr_size_t max)
{
    apr_snprintf(record->detail, sizeof(record->detail),
                 "%" APR_SIZE_T_FMT " bytes; OCSPStapleMaxSize is %"
                 APR_SIZE_T_FMT, len, max);
}

staple_reason_e staple_adopt(staple_record_t *record, staple_writer_t *writer,
                             apr_uint32_t index, const staple_cert_t *cert,
                             const staple_policy_t *policy,
                             const unsigned char *der, apr_size_t der_len,
                             const unsigned char *nonce, apr_time_t now)
{
    staple_verdict_t verdict;
    staple_reason_e reason;

    reason = staple_verify(&verdict, cert, der, der_len, nonce, policy, now);
    if (reason != STAPLE_OK) {
        return reason;
    }
    if (verdict.status == STAPLE_CERT_UNKNOWN) {
        return STAPLE_UNKNOWN;
    }
    if (record->der_len > 0 && verdict.this_update < record->this_update) {
        return STAPLE_OLDER;
    }
    reason = staple_writer_put(writer, index, der, der_len, verdict.use_until);
    if (reason == STAPLE_STAPLE_TOO_LARGE) {
        note_sizes(record, der_len, staple_writer_max_len(writer));
    }
    if (reason != STAPLE_OK) {
        return reason;
    }
    record->status = (apr_int16_t)verdict.status;
    record->revocation_reason = (apr_int16_t)verdict.revocation_reason;
    record->revoked_at = verdict.revoked_at;
    record->produced_at = verdict.produced_at;
    record->this_update = verdict.this_update;
    record->next_update = verdict.next_update;
    record->use_until = verdict.use_until;
    record->der_len = (apr_uint32_t)der_len;
    record->succeeded_at = now;
    record->failures = 0;
    record->said_unknown = 0;
    record->reason = STAPLE_OK;
    record->detail[0] = '\0';
    return STAPLE_OK;
}
