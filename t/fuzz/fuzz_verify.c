/* Response and certificate -> verdict: nothing unverified is ever OK. */
#include <string.h>

#include "fuzz.h"
#include "fuzz_pki.h"

/*
 * First byte: how the rest becomes a response.
 *   bits 0-1   certificate: leaf, sibling, issuer, stranger
 *   bits 2-4   now
 *   bits 5-7   signed again by: nobody, issuer, delegate, leaf, plain,
 *              stranger, other, root
 * Second byte: bit 0 a nonce is wanted, bit 1 no clock skew.
 *
 * Signing again lets changes get past the signature.
 */
static apr_pool_t *p;
static make_pki_t *pki;
static staple_cert_t *certs[4];
static make_der_t usual; /* a response that is right, of certs[0] */
static const unsigned char nonce[STAPLE_NONCE_LEN] = {1, 2, 3};

static const apr_int64_t nows[8] = {
    MAKE_NOW,
    MAKE_NOW - MAKE_DAY,
    MAKE_NOW + 6 * MAKE_DAY,
    MAKE_NOW + 8 * MAKE_DAY,
    0,
    MAKE_NOW + 3650 * MAKE_DAY,
    MAKE_NOW + 3 * 3650 * MAKE_DAY,
    -3650 * MAKE_DAY,
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    make_response_t knobs;
    unsigned i;

    (void)argc;
    (void)argv;
    p = make_begin();
    pki = fuzz_pki_load(p);
    knobs = make_good(pki);
    usual = make_response(p, &knobs);
    certs[0] = pki->cert;
    certs[1] = make_staple_cert(p, pki->issuers, pki->sibling.x509,
                                pki->issuer.x509);
    certs[2] = make_staple_cert(p, pki->issuers, pki->issuer.x509,
                                pki->root.x509);
    certs[3] = make_staple_cert(p, pki->issuers, pki->stranger.x509,
                                pki->other.x509);
    for (i = 0; i < 4; i++) {
        fuzz_pki_hold(certs[i]);
    }
    return 0;
}

/* Puts this one's name and signature to a response, named as it was: by name
 * or by key.  OpenSSL leaves the old key's hash to us. */
static int sign(OCSP_BASICRESP *basic, const make_identity_t *signer)
{
    const ASN1_OCTET_STRING *key_hash = NULL;
    const X509_NAME *name = NULL;
    unsigned long flags = OCSP_NOTIME;

    OCSP_resp_get0_id(basic, &key_hash, &name);
    if (key_hash != NULL) {
        ASN1_OCTET_STRING_free((ASN1_OCTET_STRING *)(uintptr_t)key_hash);
        flags |= OCSP_RESPID_KEY;
    }
    return OCSP_basic_sign(basic, signer->x509, signer->key, EVP_sha256(),
                           NULL, flags);
}

/* The response with this one's signature; NULL: it is no such thing. */
static unsigned char *sign_again(const uint8_t *der, size_t *len,
                                 const make_identity_t *signer)
{
    const unsigned char *at = der;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)*len);
    OCSP_BASICRESP *basic
        = response != NULL ? OCSP_response_get1_basic(response) : NULL;
    OCSP_RESPONSE *made = NULL;
    unsigned char *out = NULL, *copy = NULL;
    int size = -1;

    if (basic != NULL) {
        FUZZ_CHECK(sign(basic, signer));
        made = OCSP_response_create(OCSP_response_status(response), basic);
        size = made != NULL ? i2d_OCSP_RESPONSE(made, &out) : -1;
    }
    if (size > 0) {
        *len = (size_t)size;
        copy = fuzz_copy(out, *len);
    }
    OPENSSL_free(out);
    OCSP_RESPONSE_free(made);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return copy;
}

/* Who may speak of a certificate: its issuer, and its issuer's delegate. */
static int may_sign(unsigned certificate, const make_identity_t *signer)
{
    switch (certificate) {
    case 0:
    case 1:
        return signer == &pki->issuer || signer == &pki->delegate;
    case 2:
        return signer == &pki->root;
    default:
        return signer == &pki->other || signer == &pki->stranger;
    }
}

static void check_verdict(const staple_verdict_t *verdict,
                          const staple_policy_t *policy, apr_time_t now)
{
    FUZZ_CHECK(verdict->status == STAPLE_CERT_GOOD
               || verdict->status == STAPLE_CERT_UNKNOWN
               || verdict->status == STAPLE_CERT_REVOKED);
    FUZZ_CHECK(verdict->this_update <= now + policy->clock_skew);
    FUZZ_CHECK(verdict->use_until > now - policy->clock_skew);
    FUZZ_CHECK(verdict->next_update == 0
               || verdict->use_until <= verdict->next_update);
    FUZZ_CHECK(verdict->next_update == 0
               || verdict->next_update >= verdict->this_update);
    FUZZ_CHECK(staple_verify_crl_reason(verdict->revocation_reason) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const make_identity_t *const signers[8] = {
        NULL,        &pki->issuer,   &pki->delegate, &pki->leaf,
        &pki->plain, &pki->stranger, &pki->other,    &pki->root,
    };
    staple_policy_t policy = STAPLE_POLICY_DEFAULT;
    unsigned how = fuzz_byte(&data, &size);
    unsigned more = fuzz_byte(&data, &size);
    const make_identity_t *signer = signers[how >> 5];
    apr_time_t now = apr_time_from_sec(nows[how >> 2 & 7]);
    staple_verdict_t verdict, cold;
    staple_reason_e reason;
    unsigned char *der;

    policy.clock_skew = more & 2 ? 0 : policy.clock_skew;
    der = signer != NULL ? sign_again(data, &size, signer)
                         : fuzz_copy(data, size);
    if (der == NULL) {
        return 0;
    }
    memset(&verdict, 0xa5, sizeof(verdict));
    reason = fuzz_pki_judge(&verdict, certs[how & 3], &usual, der, size,
                            more & 1 ? nonce : NULL, &policy, now);
    FUZZ_CHECK(fuzz_pki_judge(&cold, certs[how & 3], NULL, der, size,
                              more & 1 ? nonce : NULL, &policy, now)
               == reason);
    FUZZ_CHECK(ERR_peek_error() == 0);
    if (reason == STAPLE_OK) {
        check_verdict(&verdict, &policy, now);
        FUZZ_CHECK(signer == NULL || may_sign(how & 3, signer));
    }
    free(der);
    return 0;
}
