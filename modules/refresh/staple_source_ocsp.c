/* OCSP responders as a source of status: each URL by each method. */
#include "staple_source_ocsp.h"

#include <apr_strings.h>
#include <openssl/rand.h>

#include "staple_job.h"
#include "staple_outage.h"

staple_reason_e staple_source_ocsp_fill(staple_exchange_t *exchange,
                                        const staple_cert_t *cert,
                                        const staple_policy_t *policy,
                                        unsigned attempt)
{
    const char *url =
        staple_responder_attempt(&exchange->by_get, cert, policy, attempt);
    staple_reason_e reason;

    exchange->attempt = attempt;
    exchange->timeout = policy->timeout;
    exchange->has_nonce =
        policy->nonce && RAND_bytes(exchange->nonce, STAPLE_NONCE_LEN) == 1;
    reason =
        staple_request_make(exchange->request, &exchange->request_len, cert,
                            exchange->by_sha256,
                            exchange->has_nonce ? exchange->nonce : NULL);
    if (reason == STAPLE_OK && exchange->by_get) {
        return staple_request_get_url(exchange->url, url, exchange->request,
                                      exchange->request_len);
    }
    apr_cpystrn(exchange->url, url, sizeof(exchange->url));
    return reason;
}

static int meet(staple_refresh_t *refresh, apr_uint32_t index)
{
    const staple_entry_t *entry = &refresh->entries[index];
    const char *url;
    unsigned attempt = 0;
    int by_get;

    while ((url = staple_responder_attempt(&by_get, entry->cert, entry->policy,
                                           attempt))
           != NULL) {
        staple_queue_count_in(
            staple_queue_responder(refresh->queue, entry->policy->route, url),
            index);
        attempt = staple_responder_next_url(entry->policy, attempt);
    }
    return attempt > 0;
}

static staple_responder_t *whom(staple_refresh_t *refresh, apr_uint32_t index)
{
    const staple_entry_t *entry = &refresh->entries[index];
    int by_get;
    const char *url = staple_responder_attempt(&by_get, entry->cert,
                                               entry->policy, entry->attempt);

    return url != NULL ? staple_queue_responder(refresh->queue,
                                                entry->policy->route, url)
                       : NULL;
}

/* ---- by which digest the certificate is named ---- */

static int is_by_sha256(const staple_entry_t *entry,
                        const staple_exchange_t *exchange)
{
    if (entry->policy->certid != STAPLE_CERTID_AUTO) {
        return entry->policy->certid == STAPLE_CERTID_SHA256;
    }
    return exchange->responder->by_sha256
           != (entry->rehashed == exchange->attempt + 1);
}

/* Is this attempt to be made again, with the other digest?  A responder that
 * does not know SHA-1, or is told not to, takes the request for wrong, or the
 * certificate for nobody's; but so it does with those that it does not know,
 * so it is asked once with each, whatever the method. */
static int is_to_be_rehashed(staple_entry_t *entry,
                             const staple_exchange_t *exchange,
                             staple_reason_e reason)
{
    unsigned next = staple_responder_next_url(entry->policy, exchange->attempt);

    if (entry->policy->certid != STAPLE_CERTID_AUTO
        || (reason != STAPLE_STATUS_UNAUTHORIZED
            && reason != STAPLE_STATUS_MALFORMED_REQUEST)
        || entry->refused == next) {
        return 0;
    }
    if (entry->rehashed == exchange->attempt + 1) {
        entry->refused = next;
        return 0;
    }
    entry->rehashed = exchange->attempt + 1;
    return 1;
}

static staple_reason_e fill(staple_refresh_t *refresh,
                            staple_exchange_t *exchange)
{
    staple_entry_t *entry = &refresh->entries[exchange->index];
    staple_reason_e reason;

    exchange->by_sha256 = is_by_sha256(entry, exchange);
    reason = staple_source_ocsp_fill(exchange, entry->cert, entry->policy,
                                     exchange->attempt);
    if (reason == STAPLE_OK) {
        entry->asked = exchange->responder->url;
    }
    return reason;
}

static unsigned next(const staple_refresh_t *refresh, apr_uint32_t index,
                     unsigned attempt)
{
    return staple_responder_next_url(refresh->entries[index].policy, attempt);
}

/* After a failure by one method: by the other one, unless that would say the
 * same, or the answer was one, if not the last word. */
static unsigned next_attempt(staple_entry_t *entry,
                             const staple_exchange_t *exchange,
                             staple_reason_e reason)
{
    if (is_to_be_rehashed(entry, exchange, reason)) {
        return exchange->attempt;
    }
    return reason == STAPLE_UNKNOWN || staple_responder_is_out_of_reach(reason)
               ? staple_responder_next_url(entry->policy, exchange->attempt)
               : exchange->attempt + 1;
}

static void take(staple_refresh_t *refresh, const staple_exchange_t *exchange,
                 const staple_answer_t *answer, apr_time_t now)
{
    apr_uint32_t index = exchange->index;
    staple_entry_t *entry = &refresh->entries[index];
    staple_reason_e reason = answer->reason;
    char detail[STAPLE_RECORD_DETAIL];

    apr_cpystrn(detail, answer->detail, sizeof(detail));
    if (reason == STAPLE_OK
        && !staple_chain_state_is_stopped(refresh->states, index)) {
        reason = staple_job_take_response(
            detail, refresh, index, answer,
            exchange->has_nonce ? exchange->nonce : NULL, now);
        if (reason == STAPLE_OK) {
            staple_job_learned(refresh, index, exchange->source, now);
        }
    }
    staple_job_count(refresh, index, reason != STAPLE_OK);
    staple_outage_judge(refresh, exchange, reason, answer, now);
    if (exchange->responder->is_good) {
        exchange->responder->by_sha256 = exchange->by_sha256;
    }
    if (reason != STAPLE_OK) {
        entry->not_known |=
            reason == STAPLE_UNKNOWN || reason == STAPLE_STATUS_UNAUTHORIZED;
        staple_outage_remember(refresh, exchange, answer);
        staple_job_attempt_failed(refresh, index, exchange, reason, detail);
        entry->said_unknown |= reason == STAPLE_UNKNOWN;
        entry->attempt = next_attempt(entry, exchange, reason);
        staple_job_go_on(refresh, index, now);
    }
}

const staple_source_t staple_source_ocsp = {.name = "ocsp",
                                            .transport = STAPLE_TRANSPORT_HTTP,
                                            .meet = meet,
                                            .whom = whom,
                                            .fill = fill,
                                            .take = take,
                                            .next = next};
