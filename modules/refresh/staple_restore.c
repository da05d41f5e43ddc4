/* What was stored of a certificate -> the cache, where it still holds. */
#include "staple_restore.h"

#include "staple_responder.h"
#include "staple_schedule.h"
#include "staple_state.h"
#include "cache/staple_codec.h"

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

int staple_restore_is_honest(staple_reason_e reason)
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

staple_reason_e staple_restore(staple_writer_t *writer, apr_uint32_t index,
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
    if (reason != STAPLE_OK && !staple_restore_is_honest(reason)) {
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
