/* What checked CRLs say of a certificate: base, delta, scope and time. */
#include "staple_crl_verdict.h"

#include <string.h>

/* ---- scope ---- */

/* Is a name of the list's distribution point one of the certificate's (RFC 5280
 * 6.3.3 (b)(2)(i))? */
static int is_own_point(const staple_crl_cert_t *cert, const char *scope_url,
                        const staple_crl_t *base)
{
    unsigned i;

    if (scope_url != NULL && staple_crl_cert_has_url(base->names, scope_url)) {
        return 1;
    }
    for (i = 0; i < cert->points.count; i++) {
        if (staple_crl_cert_share_name(base->names,
                                       cert->points.points[i].names)) {
            return 1;
        }
    }
    return 0;
}

/* RFC 5280 6.3.3 (b)(2)(ii) to (iv). */
static int is_own_kind(const staple_crl_cert_t *cert, const staple_crl_t *base)
{
    switch (base->kind) {
    case STAPLE_CRL_USER_CERTS:
        return !cert->is_ca;
    case STAPLE_CRL_CA_CERTS:
        return cert->is_ca;
    case STAPLE_CRL_ATTRIBUTE_CERTS:
        return 0;
    case STAPLE_CRL_ALL_CERTS:
        break;
    }
    return 1;
}

/* A list without a name of its own has all that its issuer issued. */
staple_reason_e staple_crl_check_scope(const staple_crl_cert_t *cert,
                                       const char *scope_url,
                                       const staple_crl_t *base)
{
    if (base->has_relative_name) {
        return STAPLE_CRL_RELATIVE_NAME;
    }
    if (base->names.len > 0 && !is_own_point(cert, scope_url, base)) {
        return STAPLE_CRL_WRONG_POINT;
    }
    return is_own_kind(cert, base) ? STAPLE_OK : STAPLE_CRL_WRONG_SCOPE;
}

/* Was it checked, and for this certificate's issuer? */
static staple_reason_e check_checked(const staple_crl_cert_t *cert,
                                     const staple_crl_t *crl)
{
    if (crl->signer == NULL) {
        return STAPLE_CRL_BAD_SIGNATURE;
    }
    return crl->cert_issuer == cert->issuer
                   || X509_cmp(crl->cert_issuer, cert->issuer) == 0
               ? STAPLE_OK
               : STAPLE_CRL_WRONG_ISSUER;
}

/* ---- delta ---- */

/* RFC 5280 5.2.4 and 6.3.3 (c), (h): the same issuer and key, the same scope,
 * the same authorityKeyIdentifier; and nothing is missing between the two. */
static int goes_with(const staple_crl_t *delta, const staple_crl_t *base)
{
    return delta->is_delta && delta->mark.number.is_there
           && base->mark.number.is_there
           && EVP_PKEY_eq(X509_get0_pubkey(delta->signer),
                          X509_get0_pubkey(base->signer))
                  == 1
           && staple_der_is_same(delta->point, base->point)
           && staple_der_is_same(delta->key_id, base->key_id)
           && staple_crl_number_cmp(&delta->base_number, &base->mark.number)
                  <= 0;
}

static int is_newer(const staple_crl_t *delta, const staple_crl_t *base)
{
    return staple_crl_number_cmp(&delta->mark.number, &base->mark.number) > 0;
}

/* ---- the verdict ---- */

static void take_row(staple_crl_verdict_t *verdict, const staple_crl_row_t *row)
{
    if (row->is_listed && row->reason != CRL_REASON_REMOVE_FROM_CRL) {
        verdict->status = STAPLE_CERT_REVOKED;
        verdict->revocation_reason = row->reason;
        verdict->revoked_at = row->revoked_at;
    }
}

/* Takes the times of one more list to the verdict. */
static staple_reason_e take_times(staple_crl_verdict_t *verdict,
                                  const staple_crl_t *crl,
                                  const staple_policy_t *policy, apr_time_t now)
{
    apr_time_t use_until;
    staple_reason_e reason = staple_crl_times(&use_until, crl, policy, now);

    if (reason != STAPLE_OK) {
        return reason;
    }
    if (verdict->use_until == 0 || use_until < verdict->use_until) {
        verdict->use_until = use_until;
    }
    if (crl->next_update != 0
        && (verdict->next_update == 0
            || crl->next_update < verdict->next_update)) {
        verdict->next_update = crl->next_update;
    }
    verdict->this_update = crl->mark.this_update;
    verdict->number = crl->mark.number;
    verdict->entry_count += crl->entry_count;
    return STAPLE_OK;
}

/* The delta, if it has something to add: what it says outweighs the base, also
 * that a hold is over (6.3.3 (i) to (k)). */
static staple_reason_e use_delta(staple_crl_verdict_t *verdict,
                                 const staple_crl_row_t **row,
                                 const staple_crl_cert_t *cert,
                                 const staple_crl_t *base,
                                 const staple_crl_t *delta,
                                 const staple_policy_t *policy, apr_time_t now)
{
    staple_reason_e reason = check_checked(cert, delta);
    const staple_crl_row_t *newer;

    if (reason != STAPLE_OK) {
        return reason;
    }
    if (!goes_with(delta, base)) {
        return STAPLE_CRL_DELTA_BASE;
    }
    if (!is_newer(delta, base)) {
        return STAPLE_OK;
    }
    newer = staple_crl_check_row(delta, cert->serial);
    if (newer == NULL) {
        return STAPLE_NOT_FOUND;
    }
    *row = newer->is_listed ? newer : *row;
    verdict->is_delta_used = 1;
    return take_times(verdict, delta, policy, now);
}

staple_reason_e
staple_crl_verdict(staple_crl_verdict_t *verdict, const staple_crl_cert_t *cert,
                   const char *scope_url, const staple_crl_t *base,
                   const staple_crl_t *delta, const staple_policy_t *policy,
                   apr_time_t now)
{
    staple_crl_verdict_t judged = {.status = STAPLE_CERT_GOOD,
                                   .revocation_reason = -1,
                                   .kind = base->kind};
    const staple_crl_row_t *row;
    staple_reason_e reason = check_checked(cert, base);

    if (reason == STAPLE_OK && base->is_delta) {
        reason = STAPLE_CRL_IS_DELTA;
    }
    if (reason != STAPLE_OK
        || (reason = staple_crl_cert_check(cert, scope_url)) != STAPLE_OK
        || (reason = staple_crl_check_scope(cert, scope_url, base)) != STAPLE_OK
        || (reason = take_times(&judged, base, policy, now)) != STAPLE_OK) {
        return reason;
    }
    row = staple_crl_check_row(base, cert->serial);
    if (row == NULL) {
        return STAPLE_NOT_FOUND; /* nobody looked for it */
    }
    if (delta != NULL) {
        reason = use_delta(&judged, &row, cert, base, delta, policy, now);
    }
    if (reason == STAPLE_OK) {
        take_row(&judged, row);
        *verdict = judged;
    }
    return reason;
}

void staple_crl_verdict_join(staple_crl_verdict_t *verdict,
                             staple_reason_e *reason,
                             const staple_crl_verdict_t *more,
                             staple_reason_e more_reason)
{
    if (more_reason != STAPLE_OK) {
        return;
    }
    if (*reason != STAPLE_OK || more->status > verdict->status
        || (more->status == verdict->status
            && more->use_until > verdict->use_until)) {
        *verdict = *more;
    }
    *reason = STAPLE_OK;
}
