/* A stapled response -> the status it gives, or what is wrong with it. */
#include "hs_judge.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

static X509 *find_issuer(X509 *leaf, STACK_OF(X509) * certs)
{
    int i;

    for (i = 0; i < sk_X509_num(certs); i++) {
        X509 *x509 = sk_X509_value(certs, i);

        if (X509_check_issued(x509, leaf) == X509_V_OK
            && X509_verify(leaf, X509_get0_pubkey(x509)) == 1) {
            return x509;
        }
    }
    return NULL;
}

static X509_STORE *store_of(STACK_OF(X509) * certs, X509 *one)
{
    X509_STORE *store = X509_STORE_new();
    int i;

    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    for (i = 0; i < sk_X509_num(certs); i++) {
        X509_STORE_add_cert(store, sk_X509_value(certs, i));
    }
    if (one != NULL) {
        X509_STORE_add_cert(store, one);
    }
    return store;
}

/* The issuer among those trusted, or one of the peer's that they vouch for. */
static X509 *trusted_issuer(X509 *leaf, STACK_OF(X509) * peer,
                            STACK_OF(X509) * trusted)
{
    X509 *issuer = find_issuer(leaf, trusted);
    X509_STORE_CTX *ctx;
    X509_STORE *store;

    if (issuer != NULL || (issuer = find_issuer(leaf, peer)) == NULL) {
        return issuer;
    }
    store = store_of(trusted, NULL);
    ctx = X509_STORE_CTX_new();
    X509_STORE_CTX_init(ctx, store, issuer, peer);
    if (X509_verify_cert(ctx) != 1) {
        issuer = NULL;
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return issuer;
}

static const char *judge_times(ASN1_GENERALIZEDTIME *this_update,
                               ASN1_GENERALIZEDTIME *next_update,
                               time_t began_at)
{
    if (X509_cmp_current_time(this_update) > 0) {
        return "invalid:not_yet";
    }
    if (next_update != NULL && X509_cmp_time(next_update, &began_at) < 0) {
        return "invalid:expired";
    }
    return NULL;
}

/* What the response says about `id`: of several answers the worst, and what is
 * wrong with the times of any.  NULL: nothing. */
static const char *find_status(OCSP_BASICRESP *basic, OCSP_CERTID *id,
                               time_t began_at)
{
    ASN1_GENERALIZEDTIME *this_update, *next_update;
    const char *wrong = NULL;
    int worst = -1;
    int i = -1;

    while (wrong == NULL && (i = OCSP_resp_find(basic, id, i)) >= 0) {
        int status = OCSP_single_get0_status(OCSP_resp_get0(basic, i), NULL,
                                             NULL, &this_update, &next_update);

        wrong = judge_times(this_update, next_update, began_at);
        if (worst < 0 || status == V_OCSP_CERTSTATUS_REVOKED) {
            worst = status;
        }
    }
    return wrong != NULL || worst < 0 ? wrong : OCSP_cert_status_str(worst);
}

static const char *verify_basic(OCSP_BASICRESP *basic, SSL *ssl,
                                STACK_OF(X509) * trusted, time_t began_at)
{
    STACK_OF(X509) *peer = SSL_get_peer_cert_chain(ssl);
    STACK_OF(X509) *certs = sk_X509_new_null();
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    const char *why = NULL;
    X509_STORE *store = NULL;
    OCSP_CERTID *id = NULL;
    X509 *issuer = trusted_issuer(leaf, peer, trusted);

    if (issuer == NULL) {
        why = "invalid:no_issuer";
        goto done;
    }
    id = OCSP_cert_to_id(EVP_sha1(), leaf, issuer);
    store = store_of(NULL, issuer);
    sk_X509_push(certs, issuer);
    if ((why = find_status(basic, id, began_at)) == NULL) {
        why = "invalid:other_certificate";
    }
    else if (OCSP_basic_verify(basic, certs, store, 0) != 1) {
        why = "invalid:signature";
    }
done:
    OCSP_CERTID_free(id);
    X509_STORE_free(store);
    sk_X509_free(certs);
    return why;
}

/* The status of a response with one single response for one certificate. */
static const char *read_basic(OCSP_BASICRESP *basic)
{
    OCSP_SINGLERESP *single = OCSP_resp_get0(basic, 0);

    return single == NULL ? "invalid:empty"
                          : OCSP_cert_status_str(OCSP_single_get0_status(
                              single, NULL, NULL, NULL, NULL));
}

const char *hs_judge(SSL *ssl, const unsigned char *der, long len,
                     STACK_OF(X509) * trusted, time_t began_at)
{
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &der, len);
    OCSP_BASICRESP *basic = NULL;
    const char *judgement = "invalid:parse";
    long status;

    if (response == NULL) {
        goto done;
    }
    status = OCSP_response_status(response);
    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        judgement = OCSP_response_status_str(status);
        goto done;
    }
    basic = OCSP_response_get1_basic(response);
    if (basic != NULL) {
        judgement = trusted != NULL
                        ? verify_basic(basic, ssl, trusted, began_at)
                        : read_basic(basic);
    }
done:
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return judgement;
}
