/* The signature of a CRL: by which digest and kind of key, and is it right? */
#include "staple_crl_signature.h"

#include <openssl/rsa.h>

/* The parameters of RSASSA-PSS (RFC 4055 3.1); absent ones have defaults. */
static int take_pss(staple_crl_scheme_t *scheme, const ASN1_STRING *parameters)
{
    RSA_PSS_PARAMS *pss =
        ASN1_item_unpack(parameters, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
    X509_ALGOR *mask_hash = NULL;
    int is_mgf1 = 1;
    int64_t salt = 20, trailer = 1;

    if (pss == NULL) {
        return 0;
    }
    scheme->digest = pss->hashAlgorithm != NULL
                         ? EVP_get_digestbyobj(pss->hashAlgorithm->algorithm)
                         : EVP_sha1();
    scheme->pss_mask = EVP_sha1();
    if (pss->maskGenAlgorithm != NULL) {
        is_mgf1 = OBJ_obj2nid(pss->maskGenAlgorithm->algorithm) == NID_mgf1;
        mask_hash = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(X509_ALGOR),
                                              pss->maskGenAlgorithm->parameter);
        scheme->pss_mask = mask_hash != NULL
                               ? EVP_get_digestbyobj(mask_hash->algorithm)
                               : NULL;
    }
    is_mgf1 = is_mgf1
              && (pss->saltLength == NULL
                  || ASN1_INTEGER_get_int64(&salt, pss->saltLength))
              && (pss->trailerField == NULL
                  || ASN1_INTEGER_get_int64(&trailer, pss->trailerField));
    scheme->pss_salt = (int)salt;
    X509_ALGOR_free(mask_hash);
    RSA_PSS_PARAMS_free(pss);
    return is_mgf1 && scheme->pss_mask != NULL && salt >= 0 && salt <= 1024
           && trailer == 1;
}

/* Which digest and which kind of key.  0: nothing that is known here. */
static int take_scheme(staple_crl_scheme_t *scheme, const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *object;
    const void *parameters;
    int digest = NID_undef, type;

    X509_ALGOR_get0(&object, &type, &parameters, algorithm);
    if (OBJ_obj2nid(object) == NID_rsassaPss) {
        scheme->key_nid = NID_rsassaPss;
        return type == V_ASN1_SEQUENCE && take_pss(scheme, parameters)
               && scheme->digest != NULL;
    }
    if (!OBJ_find_sigid_algs(OBJ_obj2nid(object), &digest, &scheme->key_nid)) {
        return 0;
    }
    if (digest != NID_undef) {
        scheme->digest = EVP_get_digestbynid(digest);
    }
    return digest == NID_undef || scheme->digest != NULL;
}

/* Half of its length is what it is worth against collisions, in bits. */
static int is_strong(const staple_crl_scheme_t *scheme)
{
    return scheme->digest == NULL
           || EVP_MD_get_size(scheme->digest) * 4 >= STAPLE_CRL_SECURITY_BITS;
}

staple_reason_e staple_crl_signature_scheme(staple_crl_scheme_t *scheme,
                                            const X509_ALGOR *algorithm)
{
    return take_scheme(scheme, algorithm) && is_strong(scheme)
               ? STAPLE_OK
               : STAPLE_CRL_WEAK_SIGNATURE;
}

static int is_kind_of_key(const staple_crl_scheme_t *scheme,
                          const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, OBJ_nid2sn(scheme->key_nid))
           || (scheme->pss_mask != NULL && EVP_PKEY_is_a(key, "RSA"));
}

/* Was this digest signed with this key? */
static int is_digest_right(const staple_crl_scheme_t *scheme, EVP_PKEY *key,
                           staple_der_t signature, const unsigned char *digest)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    int is_right = ctx != NULL && EVP_PKEY_verify_init(ctx) > 0
                   && EVP_PKEY_CTX_set_signature_md(ctx, scheme->digest) > 0;

    if (is_right && scheme->pss_mask != NULL) {
        is_right =
            EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0
            && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, scheme->pss_mask) > 0
            && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, scheme->pss_salt) > 0;
    }
    is_right = is_right
               && EVP_PKEY_verify(ctx, signature.at, signature.len, digest,
                                  (size_t)EVP_MD_get_size(scheme->digest))
                      == 1;
    EVP_PKEY_CTX_free(ctx);
    return is_right;
}

/* The same of the bytes in one piece. */
static int is_message_right(EVP_PKEY *key, staple_der_t signature,
                            staple_der_t message)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int is_right = ctx != NULL
                   && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1
                   && EVP_DigestVerify(ctx, signature.at, signature.len,
                                       message.at, message.len)
                          == 1;

    EVP_MD_CTX_free(ctx);
    return is_right;
}

int staple_crl_signature_is_right(const staple_crl_scheme_t *scheme,
                                  EVP_PKEY *key, staple_der_t signature,
                                  const unsigned char *digest,
                                  staple_der_t message)
{
    if (!is_kind_of_key(scheme, key)) {
        return 0;
    }
    return scheme->digest != NULL
               ? is_digest_right(scheme, key, signature, digest)
               : is_message_right(key, signature, message);
}
