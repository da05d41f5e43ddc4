/* Judges one OCSP response; reads no clock, writes no log. */
#include "staple_verify.h"

#include <string.h>

#include "staple_response.h"
#include "staple_signer.h"

/*
 * From this instant on the CA/Browser Forum's Baseline Requirements (7.1.3.2.1)
 * forbid SHA-1 signatures on OCSP responses.  Who verifies as of before may
 * take them, as who did so then.
 */
#define SHA1_ENDS_AT apr_time_from_sec(1654041600) /* 2022-06-01 */

/* A response that is being judged, and all that it is judged by. */
typedef struct work_t {
    staple_response_t response;
    staple_signature_t signature; /* the response's */
    staple_verdict_t verdict;
    staple_signer_t delegate;     /* who signed, where not the issuer */
    const staple_cert_t *cert;
    const staple_policy_t *policy;
    apr_time_t now;
} work_t;

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

/* Did OpenSSL's last call fail for want of memory? */
static int is_out_of_memory(void)
{
    return ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE
           || ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
}

/* Our CertID with the digest that the response uses (RFC 6960 4.3: SHA-1 is
 * what clients ask with, other digests may come back). */
static staple_reason_e match_digest(const staple_cert_t *cert,
                                    OCSP_CERTID *theirs,
                                    const ASN1_OBJECT *oid,
                                    const ASN1_INTEGER *serial)
{
    X509 *issuer = cert->issuer->x509;
    const EVP_MD *digest = EVP_get_digestbyobj(oid);
    OCSP_CERTID *ours = NULL;
    int is_same;

    if (digest != NULL) {
        ours = OCSP_cert_id_new(digest, X509_get_subject_name(issuer),
                                X509_get0_pubkey_bitstr(issuer), serial);
    }
    if (ours == NULL) { /* a digest that OpenSSL does not know, or not here */
        return is_out_of_memory() ? STAPLE_NO_MEMORY : STAPLE_NO_MATCH;
    }
    is_same = OCSP_id_cmp(ours, theirs) == 0;
    OCSP_CERTID_free(ours);
    return is_same ? STAPLE_OK : STAPLE_CERT_WRONG_ISSUER;
}

/* Is this SingleResponse about our certificate?  `ours` is its CertID with
 * SHA-1. */
static staple_reason_e match(const staple_cert_t *cert, OCSP_CERTID *ours,
                             const OCSP_SINGLERESP *single)
{
    OCSP_CERTID *theirs =
        (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single);
    ASN1_INTEGER *our_serial = NULL, *their_serial = NULL;
    ASN1_OBJECT *oid = NULL;

    OCSP_id_get0_info(NULL, NULL, NULL, &our_serial, ours);
    OCSP_id_get0_info(NULL, &oid, NULL, &their_serial, theirs);
    if (ASN1_INTEGER_cmp(our_serial, their_serial) != 0) {
        return STAPLE_NO_MATCH;
    }
    if (OBJ_obj2nid(oid) != NID_sha1) {
        return match_digest(cert, theirs, oid, our_serial);
    }
    return OCSP_id_cmp(ours, theirs) == 0 ? STAPLE_OK
                                          : STAPLE_CERT_WRONG_ISSUER;
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

/* Reads all that the response says about exactly our certificate. */
static staple_reason_e read_singles(staple_verdict_t *verdict,
                                    const staple_cert_t *cert,
                                    OCSP_CERTID *ours, OCSP_BASICRESP *basic)
{
    staple_reason_e missing = STAPLE_NO_MATCH;
    staple_reason_e reason;
    int found = 0;
    int i;

    for (i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);

        reason = match(cert, ours, single);
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

/* Finds what the response says about exactly our certificate. */
static staple_reason_e find_status(staple_verdict_t *verdict,
                                   const staple_cert_t *cert,
                                   OCSP_BASICRESP *basic)
{
    const unsigned char *at = cert->certid;
    OCSP_CERTID *ours = d2i_OCSP_CERTID(NULL, &at, cert->certid_len);
    staple_reason_e reason = STAPLE_NO_MEMORY;

    if (ours != NULL) {
        reason = read_singles(verdict, cert, ours, basic);
    }
    OCSP_CERTID_free(ours);
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

/* ---- who signed ---- */

/*
 * May this signer speak for the issuer's certificates?  The store holds the
 * issuer alone with PARTIAL_CHAIN, and flags do not trust others: accepted are
 * the issuer and a delegate with OCSPSigning that the issuer signed.  (With
 * OCSP_TRUSTOTHER and the leaf at hand, a response signed by the leaf itself
 * would pass.)  The store is ours, so no other thread sets its time.
 */
static staple_reason_e check_authority(const work_t *work, X509 *signer,
                                       apr_time_t at)
{
    staple_reason_e reason = STAPLE_NO_MEMORY;
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *certs = sk_X509_new_null();
    X509_VERIFY_PARAM *param;

    if (store == NULL || certs == NULL
        || !X509_STORE_add_cert(store, work->cert->issuer->x509)
        || !sk_X509_push(certs, signer)) {
        goto done;
    }
    param = X509_STORE_get0_param(store);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(param, apr_time_sec(at));
    reason = OCSP_basic_verify(work->response.basic, certs, store, OCSP_NOSIGS)
                     == 1
                 ? STAPLE_OK
                 : STAPLE_SIGNER_NOT_AUTHORISED;
done:
    sk_X509_free(certs);
    X509_STORE_free(store);
    return reason;
}

static int is_valid_at(const X509 *x509, apr_time_t at)
{
    apr_time_t from, until;

    return staple_cert_time(&from, X509_get0_notBefore(x509))
           && staple_cert_time(&until, X509_get0_notAfter(x509))
           && from <= at && at < until;
}

/* What check_authority() found of a delegate that is kept holds still, but for
 * the issuer's time, and where there is more in the response than about our
 * certificate: all of that must be of one issuer. */
static int was_authorised(const work_t *work, apr_time_t at)
{
    return work->delegate.was_kept
           && OCSP_resp_count(work->response.basic) == 1
           && is_valid_at(work->cert->issuer->x509, at);
}

/* A signer must be valid at `now`, give or take the skew at the beginning, and
 * its end ends the use of what it signed.  In *at is when it is verified. */
static staple_reason_e check_validity(apr_time_t *ends_at, apr_time_t *at,
                                      X509 *signer,
                                      const staple_policy_t *policy,
                                      apr_time_t now)
{
    apr_time_t from;

    if (!staple_cert_time(&from, X509_get0_notBefore(signer))
        || !staple_cert_time(ends_at, X509_get0_notAfter(signer))
        || now + policy->clock_skew < from || now >= *ends_at) {
        return STAPLE_SIGNER_EXPIRED;
    }
    *at = from > now ? from : now;
    return STAPLE_OK;
}

/* Is the response signed by this one, who may? */
static staple_reason_e check_signer(work_t *work, X509 *signer)
{
    EVP_PKEY *key = X509_get0_pubkey(signer);
    apr_time_t ends_at = 0, at = 0;
    staple_reason_e reason;

    if (key == NULL) {
        return STAPLE_SIGNER_NOT_AUTHORISED;
    }
    if ((reason = check_validity(&ends_at, &at, signer, work->policy,
                                 work->now))
            != STAPLE_OK
        || (reason = staple_signature_check_key(key)) != STAPLE_OK
        || (reason = staple_signature_settle(&work->signature, key))
               != STAPLE_OK) {
        return reason;
    }
    if (!staple_signature_is_right(&work->signature, work->response.tbs, key)) {
        return STAPLE_BAD_SIGNATURE;
    }
    reason = was_authorised(work, at) ? STAPLE_OK
                                      : check_authority(work, signer, at);
    if (reason == STAPLE_OK && ends_at < work->verdict.use_until) {
        work->verdict.use_until = ends_at;
    }
    return reason;
}

static int may_be_sha1(const work_t *work)
{
    return work->verdict.this_update < SHA1_ENDS_AT
           && work->now < SHA1_ENDS_AT;
}

/* Tries those certificates of the response that the responderID names; the
 * first reason counts. */
static staple_reason_e check_delegates(work_t *work)
{
    const staple_issuer_t *issuer = work->cert->issuer;
    staple_der_t found[STAPLE_SIGNER_MOST];
    staple_reason_e first, reason;
    unsigned count, i;

    first = staple_signer_find(found, &count, work->response.certs,
                               work->response.basic);
    if (first != STAPLE_OK) {
        return first;
    }
    for (i = 0; i < count; i++) {
        reason = staple_signer_take(&work->delegate, issuer->signers, found[i],
                                    issuer->x509, may_be_sha1(work));
        if (reason == STAPLE_OK) {
            reason = check_signer(work, work->delegate.x509);
        }
        work->verdict.by_delegate = reason == STAPLE_OK;
        if (reason == STAPLE_OK || reason == STAPLE_NO_MEMORY) {
            return reason;
        }
        staple_signer_free(&work->delegate);
        first = first == STAPLE_OK ? reason : first;
    }
    return count > 0 ? first : STAPLE_SIGNER_NOT_FOUND;
}

/* Who signed?  The issuer needs no certificate in the response, so it comes
 * first.  A delegate may bear its name: what tells it from a self-signed
 * certificate is its authorityKeyIdentifier (RFC 5280 4.2.1.1). */
static staple_reason_e check_signature(work_t *work)
{
    X509 *issuer = work->cert->issuer->x509;
    staple_reason_e reason, by_issuer = STAPLE_SIGNER_NOT_FOUND;

    reason = staple_signature_read(&work->signature, work->response.algorithm,
                                   work->response.signature);
    if (reason == STAPLE_OK) {
        reason = staple_signature_check_digest(&work->signature,
                                               may_be_sha1(work));
    }
    if (reason != STAPLE_OK) {
        return reason;
    }
    if (staple_signer_is_named(work->response.basic, issuer)) {
        by_issuer = check_signer(work, issuer);
    }
    if (by_issuer == STAPLE_OK || by_issuer == STAPLE_NO_MEMORY) {
        return by_issuer;
    }
    reason = check_delegates(work);
    return reason == STAPLE_OK || reason == STAPLE_NO_MEMORY
                   || by_issuer == STAPLE_SIGNER_NOT_FOUND
               ? reason
               : by_issuer;
}

/* ---- all of it ---- */

/* The rules in their order, cheap before costly. */
static staple_reason_e judge(work_t *work, const unsigned char *nonce)
{
    OCSP_BASICRESP *basic = work->response.basic;
    staple_verdict_t *verdict = &work->verdict;
    staple_reason_e reason;

    verdict->revocation_reason = -1;
    if (!staple_cert_time(&verdict->produced_at,
                          OCSP_resp_get0_produced_at(basic))) {
        return STAPLE_BAD_TIMES;
    }
    if ((reason = check_extensions(basic)) != STAPLE_OK
        || (reason = check_nonce(basic, nonce)) != STAPLE_OK
        || (reason = find_status(verdict, work->cert, basic)) != STAPLE_OK
        || (reason = check_times(verdict, work->policy, work->now))
               != STAPLE_OK) {
        return reason;
    }
    return check_signature(work);
}

static staple_reason_e publish(staple_canonical_t *canonical,
                               const work_t *work)
{
    const staple_der_t cert = {work->delegate.der, work->delegate.der_len};

    return canonical == NULL
                   || staple_response_compose(
                       &canonical->der, &canonical->der_len, &work->response,
                       &work->signature, cert)
               ? STAPLE_OK
               : STAPLE_NO_MEMORY;
}

staple_reason_e staple_verify(staple_verdict_t *verdict,
                              staple_canonical_t *canonical,
                              const staple_cert_t *cert,
                              const unsigned char *der, apr_size_t der_len,
                              const unsigned char *nonce,
                              const staple_policy_t *policy, apr_time_t now)
{
    work_t work = {.cert = cert, .policy = policy, .now = now};
    unsigned long before = ERR_peek_error();
    staple_reason_e reason;

    if (canonical != NULL) {
        *canonical = (staple_canonical_t){NULL, 0};
    }
    STAPLE_OPENSSL_ENTER();
    reason = staple_response_parse(&work.response, der, der_len);
    if (reason == STAPLE_OK) {
        reason = judge(&work, nonce);
    }
    if (reason == STAPLE_OK) {
        reason = publish(canonical, &work);
    }
    if (reason == STAPLE_OK) {
        *verdict = work.verdict;
        if (work.delegate.x509 != NULL) {
            staple_signer_keep(cert->issuer->signers, &work.delegate);
        }
    }
    else if (staple_openssl_no_memory(before)) {
        reason = STAPLE_NO_MEMORY; /* whatever it looked like */
    }
    staple_signer_free(&work.delegate);
    staple_signature_free(&work.signature);
    staple_response_free(&work.response);
    STAPLE_OPENSSL_LEAVE();
    return reason;
}

void staple_verify_free(staple_canonical_t *canonical)
{
    OPENSSL_free(canonical->der);
    *canonical = (staple_canonical_t){NULL, 0};
}
