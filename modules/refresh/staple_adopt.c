/* A response, that came or was stored -> verified, and into the cache. */
#include "staple_adopt.h"

#include <apr_strings.h>

#include "cache/staple_codec.h"
#include "staple_responder.h"
#include "staple_schedule.h"
#include "staple_state.h"

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
        apr_snprintf(record->detail, sizeof(record->detail),
                     "%" APR_SIZE_T_FMT " bytes; OCSPStapleMaxSize is %"
                     APR_SIZE_T_FMT, der_len, staple_writer_max_len(writer));
    }
    if (reason != STAPLE_OK) {
        return reason;
    }
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

/* ---- what was stored of a certificate, where it still holds ---- */

static apr_time_t at_most(apr_time_t at, apr_time_t limit)
{
    return at < 0 ? 0 : at < limit ? at : limit;
}

/* When to ask, as it was stored; never later than for a response that had come
 * this moment: the clock may have been set back.  What has no staple is not
 * left alone because something failed before this start. */
static apr_time_t next_at(const staple_record_t *stored,
                          const staple_record_t *record,
                          const staple_policy_t *policy, apr_time_t now)
{
    apr_time_t latest = now + policy->interval;

    if (!staple_record_is_usable(record, now)) {
        latest = staple_schedule_after_start(latest, stored->failures,
                                             record->attempted_at, now);
    }
    else if (stored->failures == 0) {
        latest = staple_schedule_after_success(policy, record->held.use_until,
                                               0, 0, now);
    }
    return at_most(stored->next_at, latest);
}

/* The state that the response held and the stored outcomes make. */
static staple_state_e state_of(const staple_record_t *record,
                               const staple_record_t *stored, int may_ask,
                               apr_time_t now)
{
    const staple_facts_t facts = {
        .is_issuer_revoked = stored->state == STAPLE_STATE_ISSUER_REVOKED,
        .may_ask = may_ask,
        .has_failed = record->failures > 0,
        .said_unknown = record->said_unknown,
        .holds = record->der_len > 0,
        .is_current = staple_record_is_usable(record, now),
        .says_revoked = record->held.status == STAPLE_CERT_REVOKED};

    if (!facts.holds && stored->state == STAPLE_STATE_REVOKED) {
        return STAPLE_STATE_REVOKED; /* that does not run out */
    }
    return staple_state_of(&facts);
}

/* Completes a record, which says what is held, by what was stored. */
static void complete(staple_record_t *record, const staple_record_t *stored,
                     const staple_policy_t *policy, int may_ask, apr_time_t now)
{
    record->attempted_at = at_most(stored->attempted_at, now);
    record->next_at = next_at(stored, record, policy, now);
    record->succeeded_at = at_most(stored->succeeded_at, now);
    record->state_since = at_most(stored->state_since, now);
    record->failures = stored->failures;
    record->attempts_hash = stored->attempts_hash;
    record->said_unknown = stored->said_unknown != 0;
    record->notified = stored->notified;
    record->reason = stored->reason;
    record->state_reason = stored->state_reason;
    record->state = (unsigned char)state_of(record, stored, may_ask, now);
    if (record->state != stored->state) {
        record->state_since = now;
    }
}

int staple_adopt_is_honest(staple_reason_e reason)
{
    return reason == STAPLE_EXPIRED || reason == STAPLE_NOT_YET_VALID
           || reason == STAPLE_SIGNER_EXPIRED
           || reason == STAPLE_STAPLE_TOO_LARGE || reason == STAPLE_NO_MEMORY;
}

/* That a certificate is revoked does not run out with the response: an older
 * one that says good and comes later must still find it.  So one that said so
 * is judged as of when it came, and held, but never stapled. */
static void recall(staple_record_t *record, staple_writer_t *writer,
                   apr_uint32_t index, const staple_cert_t *cert,
                   const staple_policy_t *policy, const unsigned char *der,
                   apr_size_t der_len, apr_time_t then)
{
    staple_verdict_t verdict;

    if (staple_verify(&verdict, NULL, cert, der, der_len, NULL, policy, then)
            == STAPLE_OK
        && verdict.status == STAPLE_CERT_REVOKED) {
        staple_adopt(record, writer, index, cert, policy, der, der_len, NULL,
                     then);
    }
}

staple_reason_e staple_adopt_stored(staple_writer_t *writer, apr_uint32_t index,
                                    const staple_cert_t *cert,
                                    const staple_policy_t *policy,
                                    const unsigned char *buf, apr_size_t len,
                                    apr_time_t now)
{
    staple_record_t record = {0}, stored = {0};
    staple_reason_e reason;
    const unsigned char *der;
    apr_size_t der_len;

    reason =
        staple_codec_decode(&stored, &der, &der_len, buf, len, cert->sha256);
    if (reason == STAPLE_OK && der_len > 0) {
        reason = staple_adopt(&record, writer, index, cert, policy, der,
                              der_len, NULL, now);
    }
    if (reason != STAPLE_OK && !staple_adopt_is_honest(reason)) {
        return reason;
    }
    if ((reason == STAPLE_EXPIRED || reason == STAPLE_SIGNER_EXPIRED)
        && record.der_len == 0
        && (stored.state == STAPLE_STATE_REVOKED
            || stored.state == STAPLE_STATE_ISSUER_REVOKED)) {
        recall(&record, writer, index, cert, policy, der, der_len,
               at_most(stored.succeeded_at, now));
    }
    complete(&record, &stored, policy,
             staple_responder_attempts(cert, policy) > 0, now);
    staple_writer_put_record(writer, index, &record);
    return reason;
}
