/* A verified response that is not older than the one held -> the cache. */
#include "staple_adopt.h"

#include <apr_strings.h>

#include "staple_schedule.h"

/* How long it is, and may be. */
static void note_sizes(staple_record_t *record, apr_size_t len, apr_size_t max)
{
    apr_snprintf(record->detail, sizeof(record->detail),
                 "%" APR_SIZE_T_FMT " bytes; OCSPStapleMaxSize is %"
                 APR_SIZE_T_FMT, len, max);
}

/* Does it end before the next job, begun when that is due, could bring another
 * by its first attempt? */
static int ends_soon(apr_time_t use_until, const staple_policy_t *policy,
                     apr_time_t now)
{
    return staple_schedule_after_success(policy, use_until, 0, 0, now)
               + policy->timeout
           >= use_until;
}

/* May `offered` take the place of what is held? */
static staple_reason_e decide(const staple_record_t *held,
                              const staple_record_t *offered,
                              const staple_policy_t *policy, apr_time_t now)
{
    int order = staple_record_order(held, offered);

    if (order < 0) {
        return STAPLE_OLDER;
    }
    if (offered->held.status == STAPLE_CERT_UNKNOWN) {
        return STAPLE_UNKNOWN;
    }
    if (offered->held.use_until <= now) {
        return STAPLE_EXPIRED;
    }
    if ((order > 0 || offered->held.next_update != held->held.next_update)
        && staple_record_is_usable(held, now)
        && offered->held.status == held->held.status
        && offered->held.use_until < held->held.use_until
        && ends_soon(offered->held.use_until, policy, now)) {
        return STAPLE_ENDS_SOON;
    }
    return STAPLE_OK;
}

/* The same in every way: a policy may have given it another end. */
static int is_held(const staple_record_t *held, const staple_record_t *offered)
{
    return staple_record_order(held, offered) == 0
           && offered->held.use_until <= held->held.use_until;
}

/* It is not to be stapled, but says that what is held is revoked: it takes the
 * place of the good one, and where it is too long to be held, nothing does. */
static void take_good_away(staple_record_t *record,
                           const staple_record_t *offered,
                           staple_writer_t *writer, apr_uint32_t index,
                           const unsigned char *der)
{
    *record = *offered;
    if (staple_writer_put(writer, index, der, offered->der_len,
                          offered->held.use_until)
        != STAPLE_OK) {
        record->der_len = 0;
        record->held.use_until = 0;
        staple_writer_take_away(writer, index);
    }
}

/* There is a response again: what CRLs said meanwhile counts no more, unless
 * they are followed always, or one that is newer says revoked. */
static void settle_crl(staple_record_t *record, const staple_policy_t *policy)
{
    static const staple_verdict_t nothing;

    if (policy->crl != STAPLE_CRL_ALWAYS
        && (record->crl.status != STAPLE_CERT_REVOKED
            || record->crl.this_update < record->held.this_update)) {
        record->crl = nothing;
    }
}

/* Publishes a verified response, in the form that it may be published in. */
static staple_reason_e adopt(staple_record_t *record, staple_writer_t *writer,
                             apr_uint32_t index,
                             const staple_verdict_t *verdict,
                             const staple_policy_t *policy,
                             const unsigned char *der, apr_size_t der_len,
                             apr_time_t now)
{
    staple_record_t offered = *record;
    staple_reason_e reason;

    offered.held = *verdict;
    offered.der_len = (apr_uint32_t)der_len;
    reason = decide(record, &offered, policy, now);
    if (reason == STAPLE_OK && !is_held(record, &offered)) {
        reason = staple_writer_put(writer, index, der, der_len,
                                   verdict->use_until);
        if (reason == STAPLE_OK) {
            *record = offered;
        }
    }
    if ((reason == STAPLE_EXPIRED || reason == STAPLE_STAPLE_TOO_LARGE)
        && staple_record_says_revoked(&offered)
        && !staple_record_says_revoked(record)) {
        take_good_away(record, &offered, writer, index, der);
    }
    if (reason == STAPLE_STAPLE_TOO_LARGE) {
        note_sizes(record, der_len, staple_writer_max_len(writer));
    }
    if (reason != STAPLE_OK) {
        return reason;
    }
    settle_crl(record, policy);
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
        reason = adopt(record, writer, index, &verdict, policy, canonical.der,
                       canonical.der_len, now);
    }
    staple_verify_free(&canonical);
    return reason;
}
