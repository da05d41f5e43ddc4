/* Judges one OCSP response; reads no clock, writes no log. */
#include "staple_verify.h"

#include <string.h>

#include "staple_response.h"

/*
 * From this instant on the CA/Browser Forum's Baseline Requirements (7.1.3.2.1)
 * forbid SHA-1 signatures on OCSP responses; older responses stay verifiable.
 */
#define SHA1_ENDS_AT apr_time_from_sec(1654041600) /* 2022-06-01 */

const char *staple_verify_crl_reason(int revocation_reason)
{
    return revocation_reason < 0 ? "unspecified"
                                 : OCSP_crl_reason_str(revocation_reason);
}

/* Extensions that may be critical because their meaning is known here or is
 * the client's business: SCTs (RFC 6962 3.3) and the nonce. */
static int is_known_extension(X509_EXTENSION *extension)
{
    int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));

    return nid == NID_id_pkix_OCSP_Nonce || nid == NID_ct_cert_scts;
}

static int is_unknown_and_critical(X509_EXTENSION *extension)
{
    return X509_EXTENSION_get_critical(extension)
           && !is_known_extension(extension);
}

/* RFC 6960 4.4: what is critical and not understood makes it unusable. */
static staple_reason_e check_extensions(OCSP_BASICRESP *basic)
{
    int i, k;

    for (i = 0; i < OCSP_BASICRESP_get_ext_count(basic); i++) {
        if (is_unknown_and_critical(OCSP_BASICRESP_get_ext(basic, i))) {
            return STAPLE_CRITICAL_EXTENSION;
        }
    }
    for (i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);

        for (k = 0; k < OCSP_SINGLERESP_get_ext_count(single); k++) {
            if (is_unknown_and_critical(OCSP_SINGLERESP_get_ext(single, k))) {
                return STAPLE_CRITICAL_EXTENSION;
            }
        }
    }
    return STAPLE_OK;
}

/* A response without nonce is accepted (RFC 9654 2.1: many are produced in
 * advance), one with another nonce than asked is not. */
static staple_reason_e check_nonce(OCSP_BASICRESP *basic,
                                   const unsigned char *nonce)
{
    int at = OCSP_BASICRESP_get_ext_by_NID(basic, NID_id_pkix_OCSP_Nonce, -1);
    ASN1_OCTET_STRING *value;
    const unsigned char *data;

    if (nonce == NULL || at < 0) {
        return STAPLE_OK;
    }
    value = X509_EXTENSION_get_data(OCSP_BASICRESP_get_ext(basic, at));
    data = ASN1_STRING_get0_data(value);
    return ASN1_STRING_length(value) == STAPLE_NONCE_LEN + 2
                   && data[0] == V_ASN1_OCTET_STRING
                   && data[1] == STAPLE_NONCE_LEN
                   && memcmp(data + 2, nonce, STAPLE_NONCE_LEN) == 0
               ? STAPLE_OK
               : STAPLE_NONCE;
}

/* Our CertID with the digest that the response uses (RFC 6960 4.3: SHA-1 is
 * what clients ask with, other digests may come back). */
static OCSP_CERTID *own_certid(const staple_cert_t *cert,
                               const OCSP_CERTID *theirs)
{
    const unsigned char *at = cert->certid;
    OCSP_CERTID *ours = d2i_OCSP_CERTID(NULL, &at, cert->certid_len);
    OCSP_CERTID *with_digest = NULL;
    ASN1_OBJECT *digest_oid = NULL;
    ASN1_INTEGER *serial = NULL;
    X509 *issuer = cert->issuer->x509;
    const EVP_MD *digest;

    OCSP_id_get0_info(NULL, &digest_oid, NULL, NULL,
                      (OCSP_CERTID *)(uintptr_t)theirs);
    digest = EVP_get_digestbyobj(digest_oid);
    if (ours == NULL || digest == NULL || EVP_MD_is_a(digest, "SHA1")) {
        return ours;
    }
    OCSP_id_get0_info(NULL, NULL, NULL, &serial, ours);
    with_digest = OCSP_cert_id_new(digest, X509_get_subject_name(issuer),
                                   X509_get0_pubkey_bitstr(issuer), serial);
    OCSP_CERTID_free(ours);
    return with_digest;
}

/* Is this SingleResponse about our certificate? */
static staple_reason_e match(const staple_cert_t *cert,
                             const OCSP_SINGLERESP *single)
{
    const OCSP_CERTID *theirs = OCSP_SINGLERESP_get0_id(single);
    OCSP_CERTID *ours = own_certid(cert, theirs);
    ASN1_INTEGER *our_serial = NULL, *their_serial = NULL;
    staple_reason_e reason = STAPLE_NO_MATCH;

    if (ours == NULL) {
        return STAPLE_NO_MEMORY;
    }
    if (OCSP_id_cmp(ours, theirs) == 0) {
        reason = STAPLE_OK;
    }
    else {
        OCSP_id_get0_info(NULL, NULL, NULL, &our_serial, ours);
        OCSP_id_get0_info(NULL, NULL, NULL, &their_serial,
                          (OCSP_CERTID *)(uintptr_t)theirs);
        if (ASN1_INTEGER_cmp(our_serial, their_serial) == 0) {
            reason = STAPLE_CERT_WRONG_ISSUER;
        }
    }
    OCSP_CERTID_free(ours);
    return reason;
}

static staple_status_e status_of(int openssl_status)
{
    return openssl_status == V_OCSP_CERTSTATUS_GOOD      ? STAPLE_CERT_GOOD
           : openssl_status == V_OCSP_CERTSTATUS_REVOKED ? STAPLE_CERT_REVOKED
                                                         : STAPLE_CERT_UNKNOWN;
}

/* Reads one matching SingleResponse into the verdict.  Where there are
 * several, the worst status counts, and the narrowest times. */
static staple_reason_e read_single(staple_verdict_t *verdict, int *found,
                                   OCSP_SINGLERESP *single)
{
    ASN1_GENERALIZEDTIME *revoked = NULL, *this_update = NULL, *next = NULL;
    apr_time_t this_at, next_at = 0;
    int reason = -1;
    staple_status_e status = status_of(OCSP_single_get0_status(
        single, &reason, &revoked, &this_update, &next));

    /* A nextUpdate of 1970 must not pass for none. */
    if (!staple_cert_time(&this_at, this_update)
        || (next != NULL
            && (!staple_cert_time(&next_at, next) || next_at == 0))) {
        return STAPLE_BAD_TIMES;
    }
    if (!*found || this_at > verdict->this_update) {
        verdict->this_update = this_at;
    }
    if (!*found
        || (next_at != 0
            && (verdict->next_update == 0 || next_at < verdict->next_update))) {
        verdict->next_update = next_at;
    }
    if (!*found || status > verdict->status) {
        verdict->status = status;
        verdict->revocation_reason = reason;
        if (revoked != NULL
            && !staple_cert_time(&verdict->revoked_at, revoked)) {
            return STAPLE_BAD_TIMES;
        }
    }
    *found = 1;
    return STAPLE_OK;
}

/* Finds what the response says about exactly our certificate. */
static staple_reason_e find_status(staple_verdict_t *verdict,
                                   const staple_cert_t *cert,
                                   OCSP_BASICRESP *basic)
{
    staple_reason_e missing = STAPLE_NO_MATCH;
    staple_reason_e reason;
    int found = 0;
    int i;

    for (i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);

        reason = match(cert, single);
        if (reason == STAPLE_OK) {
            reason = read_single(verdict, &found, single);
            if (reason != STAPLE_OK) {
                return reason;
            }
        }
        else if (reason == STAPLE_CERT_WRONG_ISSUER) {
            missing = reason;
        }
        else if (reason == STAPLE_NO_MEMORY) {
            return reason; /* what cannot be told may say revoked */
        }
    }
    return found ? STAPLE_OK : missing;
}

static staple_reason_e check_digest(OCSP_BASICRESP *basic,
                                    apr_time_t produced_at)
{
    const X509_ALGOR *algorithm = OCSP_resp_get0_tbs_sigalg(basic);
    int digest = NID_undef;

    OBJ_find_sigid_algs(OBJ_obj2nid(algorithm->algorithm), &digest, NULL);
    switch (digest) {
    case NID_md2:
    case NID_md4:
    case NID_md5:
        return STAPLE_WEAK_SIGNATURE;
    case NID_sha1:
        return produced_at < SHA1_ENDS_AT ? STAPLE_OK : STAPLE_WEAK_SIGNATURE;
    default:
        return STAPLE_OK;
    }
}

/* Why OCSP_basic_verify() said no. */
static staple_reason_e why_not_verified(void)
{
    switch (ERR_GET_REASON(ERR_peek_last_error())) {
    case OCSP_R_CERTIFICATE_VERIFY_ERROR:
    case OCSP_R_MISSING_OCSPSIGNING_USAGE:
    case OCSP_R_ROOT_CA_NOT_TRUSTED:
    case OCSP_R_NO_CERTIFICATES_IN_CHAIN:
        return STAPLE_SIGNER_NOT_AUTHORISED;
    default:
        return STAPLE_BAD_SIGNATURE;
    }
}

/*
 * The signature, and whether the signer may sign.  The store holds the issuer
 * alone with PARTIAL_CHAIN, and flags are 0: accepted are the issuer and a
 * delegate with OCSPSigning that the issuer signed.  (With OCSP_TRUSTOTHER
 * and the leaf at hand, a response signed by the leaf itself would pass.)
 * The store is ours, so setting its time races with nobody.
 */
static staple_reason_e check_signature(OCSP_BASICRESP *basic, X509 *issuer,
                                       apr_time_t now)
{
    staple_reason_e reason = STAPLE_NO_MEMORY;
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *certs = sk_X509_new_null();
    X509_VERIFY_PARAM *param;

    if (store == NULL || certs == NULL || !X509_STORE_add_cert(store, issuer)
        || !sk_X509_push(certs, issuer)) {
        goto done;
    }
    param = X509_STORE_get0_param(store);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(param, apr_time_sec(now));
    reason = OCSP_basic_verify(basic, certs, store, 0) == 1
                 ? STAPLE_OK
                 : why_not_verified();
done:
    sk_X509_free(certs);
    X509_STORE_free(store);
    return reason;
}

/* Finds the signer's certificate; a delegate must be valid at `now`, and ends
 * the use of what it signed. */
static staple_reason_e check_signer(apr_time_t *signer_ends_at,
                                    OCSP_BASICRESP *basic, X509 *issuer,
                                    const staple_policy_t *policy,
                                    apr_time_t now)
{
    STACK_OF(X509) *certs = sk_X509_new_null();
    staple_reason_e reason = STAPLE_SIGNER_NOT_FOUND;
    X509 *signer = NULL;
    apr_time_t from;

    if (certs == NULL || !sk_X509_push(certs, issuer)) {
        reason = STAPLE_NO_MEMORY;
    }
    else if (OCSP_resp_get0_signer(basic, &signer, certs) && signer != NULL) {
        reason = STAPLE_OK;
        if (!staple_cert_time(&from, X509_get0_notBefore(signer))
            || !staple_cert_time(signer_ends_at, X509_get0_notAfter(signer))
            || now + policy->clock_skew < from || now >= *signer_ends_at) {
            reason = STAPLE_SIGNER_EXPIRED;
        }
    }
    sk_X509_free(certs);
    return reason;
}

/* RFC 6960 4.2.2.1 and RFC 5019 4: the response is of now. */
static staple_reason_e check_times(staple_verdict_t *verdict,
                                   const staple_policy_t *policy,
                                   apr_time_t now)
{
    apr_time_t ends_at = verdict->next_update;

    if (ends_at == 0) {
        ends_at = verdict->this_update + policy->max_age;
    }
    else if (ends_at < verdict->this_update) {
        return STAPLE_BAD_TIMES;
    }
    if (verdict->this_update > now + policy->clock_skew
        || verdict->produced_at > now + policy->clock_skew) {
        return STAPLE_NOT_YET_VALID;
    }
    if (ends_at + policy->clock_skew < now) {
        return STAPLE_EXPIRED;
    }
    verdict->use_until = ends_at;
    return STAPLE_OK;
}

/* The rules in their order, cheap before costly. */
static staple_reason_e judge(staple_verdict_t *verdict, OCSP_BASICRESP *basic,
                             const staple_cert_t *cert,
                             const unsigned char *nonce,
                             const staple_policy_t *policy, apr_time_t now)
{
    X509 *issuer = cert->issuer->x509;
    apr_time_t signer_ends_at = 0;
    staple_reason_e reason;

    memset(verdict, 0, sizeof(*verdict));
    verdict->revocation_reason = -1;
    if (!staple_cert_time(&verdict->produced_at,
                          OCSP_resp_get0_produced_at(basic))) {
        return STAPLE_BAD_TIMES;
    }
    if ((reason = check_extensions(basic)) != STAPLE_OK
        || (reason = check_nonce(basic, nonce)) != STAPLE_OK
        || (reason = find_status(verdict, cert, basic)) != STAPLE_OK
        || (reason = check_times(verdict, policy, now)) != STAPLE_OK
        || (reason = check_digest(basic, verdict->produced_at)) != STAPLE_OK
        || (reason = check_signer(&signer_ends_at, basic, issuer, policy, now))
               != STAPLE_OK
        || (reason = check_signature(basic, issuer, now)) != STAPLE_OK) {
        return reason;
    }
    if (signer_ends_at < verdict->use_until) {
        verdict->use_until = signer_ends_at;
    }
    return STAPLE_OK;
}

staple_reason_e staple_verify(staple_verdict_t *verdict,
                              const staple_cert_t *cert,
                              const unsigned char *der, apr_size_t der_len,
                              const unsigned char *nonce,
                              const staple_policy_t *policy, apr_time_t now)
{
    staple_signers_t *signers = cert->issuer->signers;
    unsigned long before = ERR_peek_error();
    staple_response_t response;
    staple_verdict_t judged;
    staple_reason_e reason;

    STAPLE_OPENSSL_ENTER();
    reason = staple_response_parse(&response, signers, der, der_len);
    if (reason == STAPLE_OK) {
        reason = judge(&judged, response.basic, cert, nonce, policy, now);
    }
    if (reason == STAPLE_OK) {
        *verdict = judged;
        staple_response_keep(&response, signers, der, der_len);
    }
    else if (staple_openssl_no_memory(before)) {
        reason = STAPLE_NO_MEMORY; /* whatever it looked like */
    }
    staple_response_free(&response);
    STAPLE_OPENSSL_LEAVE();
    return reason;
}
