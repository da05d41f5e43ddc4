/* A verified response that is not older than the one held -> the cache. */
#include "staple_adopt.h"

/* Publishes a verified response, in the form that it may be published in. */
static staple_reason_e adopt(staple_record_t *record, staple_writer_t *writer,
                             apr_uint32_t index,
                             const staple_verdict_t *verdict,
                             const unsigned char *der, apr_size_t der_len,
                             apr_time_t now)
{
    staple_reason_e reason;

    if (verdict->status == STAPLE_CERT_UNKNOWN) {
        return STAPLE_UNKNOWN;
    }
    if (record->der_len > 0 && verdict->this_update < record->this_update) {
        return STAPLE_OLDER;
    }
    reason = staple_writer_put(writer, index, der, der_len, verdict->use_until);
    if (reason != STAPLE_OK) {
        return reason;
    }
    record->status = (apr_int16_t)verdict->status;
    record->revocation_reason = (apr_int16_t)verdict->revocation_reason;
    record->revoked_at = verdict->revoked_at;
    record->produced_at = verdict->produced_at;
    record->this_update = verdict->this_update;
    record->next_update = verdict->next_update;
    record->use_until = verdict->use_until;
    record->der_len = (apr_uint32_t)der_len;
    record->succeeded_at = now;
    record->failures = 0;
    record->said_unknown = 0;
    record->reason = STAPLE_OK;
    record->detail[0] = '\0';
    return STAPLE_OK;
}

staple_reason_e staple_adopt(staple_record_t *record, staple_writer_t *writer,
                             apr_uint32_t index, const staple_cert_t *cert,
                             const staple_policy_t *policy,
                             const unsigned char *der, apr_size_t der_len,
                             const unsigned char *nonce, apr_time_t now)
{
    staple_canonical_t canonical;
    staple_verdict_t verdict;
    staple_reason_e reason;

    reason = staple_verify(&verdict, &canonical, cert, der, der_len, nonce,
                           policy, now);
    if (reason == STAPLE_OK) {
        reason = adopt(record, writer, index, &verdict, canonical.der,
                       canonical.der_len, now);
    }
    staple_verify_free(&canonical);
    return reason;
}
