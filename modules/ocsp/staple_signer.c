/* The certificates of a response: which are its signer's; the last one kept. */
#include "staple_signer.h"

#include <openssl/sha.h>
#include <string.h>

#include "staple_signature.h"

struct staple_signers_t {
    staple_signer_t *kept; /* NULL: none, or a thread is at it */
};

/* ---- what is kept ---- */

/* The thread that takes it has it alone; others meanwhile do without. */
static staple_signer_t *swap_kept(staple_signers_t *signers,
                                  staple_signer_t *signer)
{
    return __atomic_exchange_n(&signers->kept, signer, __ATOMIC_ACQ_REL);
}

static void free_kept(staple_signer_t *kept)
{
    if (kept != NULL) {
        staple_signer_free(kept);
        OPENSSL_free(kept);
    }
}

static apr_status_t free_signers(void *signers)
{
    free_kept(swap_kept(signers, NULL));
    return APR_SUCCESS;
}

staple_signers_t *staple_signer_none(apr_pool_t *p)
{
    staple_signers_t *signers = apr_pcalloc(p, sizeof(*signers));

    apr_pool_cleanup_register(p, signers, free_signers, apr_pool_cleanup_null);
    return signers;
}

static int is_same(const staple_signer_t *kept, staple_der_t certificate)
{
    return kept->der_len == certificate.len
           && memcmp(kept->der, certificate.at, certificate.len) == 0;
}

/* The parsed certificate of these bytes, a reference of the caller's own; NULL:
 * it is not the one that is kept. */
static X509 *find_kept(staple_signers_t *signers, staple_der_t certificate,
                       int sha1_will_do)
{
    staple_signer_t *kept = swap_kept(signers, NULL);
    X509 *x509 = NULL;

    if (kept != NULL) {
        if (is_same(kept, certificate) && (sha1_will_do || !kept->is_sha1)
            && X509_up_ref(kept->x509)) {
            x509 = kept->x509;
        }
        free_kept(swap_kept(signers, kept));
    }
    return x509;
}

static staple_signer_t *copy(const staple_signer_t *signer)
{
    staple_signer_t *made = OPENSSL_zalloc(sizeof(*made));

    if (made == NULL) {
        return NULL;
    }
    made->der = OPENSSL_memdup(signer->der, signer->der_len);
    made->der_len = signer->der_len;
    made->is_sha1 = signer->is_sha1;
    if (made->der == NULL || !X509_up_ref(signer->x509)) {
        free_kept(made);
        return NULL;
    }
    made->x509 = signer->x509;
    return made;
}

void staple_signer_keep(staple_signers_t *signers,
                        const staple_signer_t *signer)
{
    const staple_der_t certificate = {signer->der, signer->der_len};
    staple_signer_t *kept = swap_kept(signers, NULL);

    if (kept == NULL || !is_same(kept, certificate)) {
        free_kept(kept);
        kept = copy(signer);
    }
    free_kept(swap_kept(signers, kept));
}

void staple_signer_free(staple_signer_t *signer)
{
    X509_free(signer->x509);
    OPENSSL_free(signer->der);
    memset(signer, 0, sizeof(*signer));
}

/* ---- whom the response names ---- */

static int is_hash(const ASN1_OCTET_STRING *hash,
                   const unsigned char sha1[SHA_DIGEST_LENGTH])
{
    return ASN1_STRING_length(hash) == SHA_DIGEST_LENGTH
           && memcmp(ASN1_STRING_get0_data(hash), sha1, SHA_DIGEST_LENGTH)
                  == 0;
}

int staple_signer_is_named(const OCSP_BASICRESP *basic, X509 *x509)
{
    unsigned char sha1[EVP_MAX_MD_SIZE];
    const ASN1_OCTET_STRING *hash = NULL;
    const X509_NAME *name = NULL;

    if (!OCSP_resp_get0_id(basic, &hash, &name)) {
        return 0;
    }
    return name != NULL
               ? X509_NAME_cmp(name, X509_get_subject_name(x509)) == 0
               : X509_pubkey_digest(x509, EVP_sha1(), sha1, NULL)
                     && is_hash(hash, sha1);
}

/* The responder encoded the response, but not the certificate. */
static int has_name(staple_der_t subject, const X509_NAME *name)
{
    const unsigned char *at = subject.at, *der;
    apr_size_t der_len;
    X509_NAME *own;
    int is_same_name;

    if (X509_NAME_get0_der(name, &der, &der_len) && der_len == subject.len
        && memcmp(der, subject.at, der_len) == 0) {
        return 1; /* as nearly always */
    }
    own = d2i_X509_NAME(NULL, &at, (long)subject.len);
    is_same_name = own != NULL && X509_NAME_cmp(own, name) == 0;
    X509_NAME_free(own);
    return is_same_name;
}

static int has_key(staple_der_t bits, const ASN1_OCTET_STRING *hash)
{
    unsigned char sha1[EVP_MAX_MD_SIZE];

    return bits.len > 0
           && EVP_Digest(bits.at + 1, bits.len - 1, sha1, NULL, EVP_sha1(),
                         NULL)
           && is_hash(hash, sha1);
}

staple_reason_e staple_signer_find(staple_der_t found[STAPLE_SIGNER_MOST],
                                   unsigned *count, staple_der_t certs,
                                   const OCSP_BASICRESP *basic)
{
    const ASN1_OCTET_STRING *hash = NULL;
    const X509_NAME *name = NULL;
    staple_der_cert_t places;
    staple_der_t ignored, whole;

    *count = 0;
    if (!OCSP_resp_get0_id(basic, &hash, &name)) {
        return STAPLE_MALFORMED;
    }
    while (certs.len > 0) {
        if (!staple_der_take(&ignored, &whole, &certs, STAPLE_DER_SEQUENCE)) {
            return STAPLE_MALFORMED;
        }
        if (!staple_der_find_cert(&places, whole)
            || !(name != NULL ? has_name(places.subject, name)
                              : has_key(places.key_bits, hash))) {
            continue;
        }
        if (*count == STAPLE_SIGNER_MOST) {
            return STAPLE_TOO_MANY_SIGNERS;
        }
        found[(*count)++] = whole;
    }
    return STAPLE_OK;
}

/* ---- taking one ---- */

/* Puts the certificate together: what is signed, the algorithm that is signed
 * with it, and the signature. */
static int write_der(staple_signer_t *signer,
                     const staple_der_cert_t *places,
                     const staple_signature_t *signature)
{
    apr_size_t size = places->tbs.len + places->tbs_algorithm.len + 1
                      + signature->value.len + STAPLE_DER_HEADS(2);
    unsigned char *bytes = OPENSSL_malloc(size);
    staple_der_out_t out;

    if (bytes == NULL) {
        return 0;
    }
    staple_der_begin(&out, bytes, size);
    staple_der_put(&out, signature->value.at, signature->value.len);
    staple_der_put(&out, "", 1); /* no bits unused */
    staple_der_wrap(&out, size, STAPLE_DER_BIT_STRING);
    staple_der_put(&out, places->tbs_algorithm.at, places->tbs_algorithm.len);
    staple_der_put(&out, places->tbs.at, places->tbs.len);
    staple_der_wrap(&out, size, STAPLE_DER_SEQUENCE);
    signer->der_len = size - out.at;
    signer->der = OPENSSL_memdup(bytes + out.at, signer->der_len);
    OPENSSL_free(bytes);
    return signer->der != NULL;
}

/* Decodes what has been verified. */
static staple_reason_e decode(staple_signer_t *signer)
{
    const unsigned char *at = signer->der;

    signer->x509 = d2i_X509(NULL, &at, (long)signer->der_len);
    return signer->x509 != NULL && at == signer->der + signer->der_len
                   && X509_get0_pubkey(signer->x509) != NULL
               ? STAPLE_OK
               : STAPLE_SIGNER_NOT_AUTHORISED;
}

/* A certificate that is not kept, the costly way. */
static staple_reason_e take_new(staple_signer_t *signer,
                                const staple_der_cert_t *places,
                                const staple_signature_t *signature,
                                EVP_PKEY *issuer_key)
{
    staple_reason_e reason = staple_der_check_key(places);

    if (reason == STAPLE_OK
        && !staple_signature_is_right(signature, places->tbs, issuer_key)) {
        reason = STAPLE_SIGNER_NOT_AUTHORISED;
    }
    return reason == STAPLE_OK ? decode(signer) : reason;
}

/* The one that is kept, and has come in its fixed form: as nearly always. */
static staple_reason_e take_kept(staple_signer_t *signer,
                                 staple_signers_t *signers,
                                 staple_der_t certificate, int sha1_will_do)
{
    signer->x509 = find_kept(signers, certificate, sha1_will_do);
    if (signer->x509 == NULL) {
        return STAPLE_SIGNER_NOT_FOUND;
    }
    signer->was_kept = 1;
    signer->der = OPENSSL_memdup(certificate.at, certificate.len);
    signer->der_len = certificate.len;
    if (signer->der == NULL) {
        staple_signer_free(signer);
        return STAPLE_NO_MEMORY;
    }
    return STAPLE_OK;
}

static staple_reason_e take(staple_signer_t *signer, staple_signers_t *signers,
                            const staple_der_cert_t *places,
                            staple_signature_t *signature, X509 *issuer,
                            int sha1_will_do)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    staple_reason_e reason;

    reason = staple_signature_read(signature, places->tbs_algorithm,
                                   places->signature);
    if (reason != STAPLE_OK || key == NULL
        || staple_signature_settle(signature, key) != STAPLE_OK) {
        return reason == STAPLE_NO_MEMORY ? reason
                                          : STAPLE_SIGNER_NOT_AUTHORISED;
    }
    signer->is_sha1 =
        staple_signature_check_digest(signature, 0) != STAPLE_OK;
    reason = staple_signature_check_digest(signature, sha1_will_do);
    if (reason == STAPLE_OK) {
        reason = staple_signature_check_key(key);
    }
    if (reason != STAPLE_OK) {
        return reason;
    }
    if (!write_der(signer, places, signature)) {
        return STAPLE_NO_MEMORY;
    }
    signer->x509 = find_kept(
        signers, (staple_der_t){signer->der, signer->der_len}, sha1_will_do);
    signer->was_kept = signer->x509 != NULL;
    return signer->was_kept ? STAPLE_OK
                            : take_new(signer, places, signature, key);
}

staple_reason_e staple_signer_take(staple_signer_t *signer,
                                   staple_signers_t *signers,
                                   staple_der_t certificate, X509 *issuer,
                                   int sha1_will_do)
{
    staple_signature_t signature = {.algorithm = NULL};
    staple_der_cert_t places;
    staple_reason_e reason;

    memset(signer, 0, sizeof(*signer));
    reason = take_kept(signer, signers, certificate, sha1_will_do);
    if (reason != STAPLE_SIGNER_NOT_FOUND) {
        return reason;
    }
    if (!staple_der_find_cert(&places, certificate)
        || !staple_der_is_same(places.algorithm, places.tbs_algorithm)) {
        return STAPLE_SIGNER_NOT_AUTHORISED;
    }
    reason = take(signer, signers, &places, &signature, issuer, sha1_will_do);
    if (reason != STAPLE_OK) {
        staple_signer_free(signer);
    }
    staple_signature_free(&signature);
    return reason;
}
