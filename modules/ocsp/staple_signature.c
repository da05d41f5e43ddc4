/* One signature over bytes: its only form, whether it is strong and right. */
#include "staple_signature.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

/* The longest salt of RSASSA-PSS that is worth a look, in octets. */
#define LONGEST_SALT 1024

/* Octets of the order of a curve's base point: OpenSSL has fields of up to 661
 * bits. */
#define LARGEST_ORDER 96

/* What RFC 4055 3.1 says of parameters that are left out. */
#define DEFAULT_SALT 20
#define DEFAULT_TRAILER 1

static void *unpack(const ASN1_ITEM *item, const ASN1_TYPE *type)
{
    return type != NULL && type->type == V_ASN1_SEQUENCE
               ? ASN1_item_unpack(type->value.sequence, item)
               : NULL;
}

/* ---- RSASSA-PSS ---- */

static int digest_of(const X509_ALGOR *algorithm)
{
    return algorithm != NULL ? OBJ_obj2nid(algorithm->algorithm) : NID_sha1;
}

/* The digest in the mask generation function; NID_undef where it is not the
 * only one that there is, MGF1. */
static int mask_digest_of(const X509_ALGOR *generator)
{
    int digest = NID_undef;
    X509_ALGOR *inner;

    if (generator == NULL) {
        return NID_sha1;
    }
    if (OBJ_obj2nid(generator->algorithm) == NID_mgf1) {
        inner = unpack(ASN1_ITEM_rptr(X509_ALGOR), generator->parameter);
        digest = inner != NULL ? digest_of(inner) : NID_undef;
        X509_ALGOR_free(inner);
    }
    return digest;
}

/* The AlgorithmIdentifier of a digest, with the NULL that RFC 4055 2.1 wants
 * there; NULL for SHA-1, which is left out. */
static int set_digest(X509_ALGOR **algorithm, int digest)
{
    if (digest == NID_sha1) {
        return 1;
    }
    *algorithm = X509_ALGOR_new();
    return *algorithm != NULL
           && X509_ALGOR_set0(*algorithm, OBJ_nid2obj(digest), V_ASN1_NULL,
                              NULL);
}

static int set_packed(X509_ALGOR *algorithm, int nid, void *value,
                      const ASN1_ITEM *item)
{
    ASN1_STRING *packed = ASN1_item_pack(value, item, NULL);

    if (packed == NULL
        || !X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), V_ASN1_SEQUENCE,
                            packed)) {
        ASN1_STRING_free(packed);
        return 0;
    }
    return 1;
}

static int set_mask(X509_ALGOR **generator, int digest)
{
    X509_ALGOR *inner = NULL;
    int is_set;

    if (digest == NID_sha1) {
        return 1;
    }
    *generator = X509_ALGOR_new();
    is_set = *generator != NULL && set_digest(&inner, digest)
             && set_packed(*generator, NID_mgf1, inner,
                           ASN1_ITEM_rptr(X509_ALGOR));
    X509_ALGOR_free(inner);
    return is_set;
}

static int set_salt(ASN1_INTEGER **salt, long octets)
{
    if (octets == DEFAULT_SALT) {
        return 1;
    }
    *salt = ASN1_INTEGER_new();
    return *salt != NULL && ASN1_INTEGER_set(*salt, octets);
}

/* Writes the parameters anew, as DER leaves out what is the default. */
static staple_reason_e make_pss(X509_ALGOR *algorithm, int digest,
                                int mask_digest, long salt)
{
    RSA_PSS_PARAMS *pss = RSA_PSS_PARAMS_new();
    staple_reason_e reason = STAPLE_NO_MEMORY;

    if (pss != NULL && set_digest(&pss->hashAlgorithm, digest)
        && set_mask(&pss->maskGenAlgorithm, mask_digest)
        && set_salt(&pss->saltLength, salt)
        && set_packed(algorithm, NID_rsassaPss, pss,
                      ASN1_ITEM_rptr(RSA_PSS_PARAMS))) {
        reason = STAPLE_OK;
    }
    RSA_PSS_PARAMS_free(pss);
    return reason;
}

static staple_reason_e take_pss(staple_signature_t *signature,
                                const ASN1_TYPE *parameters)
{
    RSA_PSS_PARAMS *pss = unpack(ASN1_ITEM_rptr(RSA_PSS_PARAMS), parameters);
    staple_reason_e reason = STAPLE_BAD_SIGNATURE;
    long salt, trailer;

    if (pss == NULL) {
        return STAPLE_BAD_SIGNATURE;
    }
    signature->key_type = NID_rsassaPss;
    signature->digest = digest_of(pss->hashAlgorithm);
    signature->mask_digest = mask_digest_of(pss->maskGenAlgorithm);
    salt = pss->saltLength != NULL ? ASN1_INTEGER_get(pss->saltLength)
                                   : DEFAULT_SALT;
    trailer = pss->trailerField != NULL ? ASN1_INTEGER_get(pss->trailerField)
                                        : DEFAULT_TRAILER;
    if (signature->digest != NID_undef && signature->mask_digest != NID_undef
        && salt >= 0 && salt <= LONGEST_SALT && trailer == DEFAULT_TRAILER) {
        signature->salt = (int)salt;
        reason = make_pss(signature->algorithm, signature->digest,
                          signature->mask_digest, salt);
    }
    RSA_PSS_PARAMS_free(pss);
    return reason;
}

/* ---- all others ---- */

/* The type of the parameters that go with this kind of key; V_ASN1_OTHER: not
 * known here. */
static int parameter_type(int nid, int key_type)
{
    switch (key_type) {
    case NID_rsaEncryption:
        return V_ASN1_NULL;
    case NID_X9_62_id_ecPublicKey:
    case NID_dsa:
        return V_ASN1_UNDEF;
    default: /* one identifier for both: EdDSA, ML-DSA */
        return key_type == nid ? V_ASN1_UNDEF : V_ASN1_OTHER;
    }
}

static staple_reason_e take_usual(staple_signature_t *signature, int nid)
{
    int digest, key_type, usual = NID_undef, type;

    if (nid == NID_undef || !OBJ_find_sigid_algs(nid, &digest, &key_type)
        || (digest != NID_undef
            && (!OBJ_find_sigid_by_algs(&usual, digest, key_type)
                || usual != nid))) {
        return STAPLE_BAD_SIGNATURE;
    }
    type = parameter_type(nid, key_type);
    if (type == V_ASN1_OTHER) {
        return STAPLE_BAD_SIGNATURE;
    }
    signature->digest = digest;
    signature->key_type = key_type;
    return X509_ALGOR_set0(signature->algorithm, OBJ_nid2obj(nid), type, NULL)
               ? STAPLE_OK
               : STAPLE_NO_MEMORY;
}

staple_reason_e staple_signature_read(staple_signature_t *signature,
                                      staple_der_t algorithm, staple_der_t bits)
{
    const unsigned char *at = algorithm.at;
    staple_reason_e reason;
    X509_ALGOR *read;
    int nid;

    memset(signature, 0, sizeof(*signature));
    read = d2i_X509_ALGOR(NULL, &at, (long)algorithm.len);
    signature->algorithm = X509_ALGOR_new();
    if (signature->algorithm == NULL) {
        reason = STAPLE_NO_MEMORY;
    }
    else if (read == NULL || at != algorithm.at + algorithm.len) {
        reason = STAPLE_MALFORMED;
    }
    else if (bits.len < 2 || bits.at[0] != 0) {
        reason = STAPLE_BAD_SIGNATURE;
    }
    else {
        signature->read = (staple_der_t){bits.at + 1, bits.len - 1};
        signature->value = signature->read;
        nid = OBJ_obj2nid(read->algorithm);
        reason = nid == NID_rsassaPss ? take_pss(signature, read->parameter)
                                      : take_usual(signature, nid);
    }
    X509_ALGOR_free(read);
    return reason;
}

/* ---- the value ---- */

/* The order n of the curve's base point; NULL: the key is on none. */
static BIGNUM *order_of(const EVP_PKEY *key)
{
    /* EVP_PKEY_get_bn_param() fills two KiB on the way. */
    unsigned char octets[LARGEST_ORDER];
    OSSL_PARAM params[2] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_EC_ORDER,
                                                    octets, sizeof(octets)),
                            OSSL_PARAM_construct_end()};
    BIGNUM *n = NULL;

    return EVP_PKEY_get_params(key, params) && OSSL_PARAM_modified(params)
                   && OSSL_PARAM_get_BN(params, &n)
               ? n
               : NULL;
}

/* Replaces s by n - s where that is the smaller one.  Returns 0 for what is no
 * pair of r and s that anybody could have made, or without memory. */
static int lower(ECDSA_SIG *pair, const BIGNUM *n)
{
    const BIGNUM *r = ECDSA_SIG_get0_r(pair), *s = ECDSA_SIG_get0_s(pair);
    BIGNUM *new_r = NULL, *new_s = NULL;

    if (BN_is_negative(s) || BN_is_zero(s) || BN_cmp(s, n) >= 0) {
        return 0;
    }
    new_s = BN_new();
    if (new_s == NULL || !BN_sub(new_s, n, s)) {
        BN_free(new_s);
        return 0;
    }
    if (BN_cmp(new_s, s) >= 0) {
        BN_free(new_s);
        return 1;
    }
    new_r = BN_dup(r);
    if (new_r == NULL || !ECDSA_SIG_set0(pair, new_r, new_s)) {
        BN_free(new_r);
        BN_free(new_s);
        return 0;
    }
    return 1;
}

static staple_reason_e settle_ecdsa(staple_signature_t *signature,
                                    const EVP_PKEY *key)
{
    const unsigned char *at = signature->read.at;
    const unsigned char *end = at + signature->read.len;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)signature->read.len);
    unsigned char *made = NULL;
    BIGNUM *n = order_of(key);
    int len = -1;

    if (pair != NULL && at == end && n != NULL && lower(pair, n)) {
        len = i2d_ECDSA_SIG(pair, &made);
    }
    if (len > 0) {
        OPENSSL_free(signature->made);
        signature->made = made;
        signature->value = (staple_der_t){made, (apr_size_t)len};
    }
    BN_free(n);
    ECDSA_SIG_free(pair);
    return len > 0 ? STAPLE_OK : STAPLE_BAD_SIGNATURE;
}

staple_reason_e staple_signature_settle(staple_signature_t *signature,
                                        const EVP_PKEY *key)
{
    switch (signature->key_type) {
    case NID_X9_62_id_ecPublicKey:
        return settle_ecdsa(signature, key);
    case NID_rsaEncryption:
    case NID_rsassaPss:
        return signature->read.len == (apr_size_t)EVP_PKEY_get_size(key)
                   ? STAPLE_OK
                   : STAPLE_BAD_SIGNATURE;
    default:
        return STAPLE_OK;
    }
}

/* ---- judging ---- */

staple_reason_e staple_signature_check_digest(
    const staple_signature_t *signature, int sha1_will_do)
{
    const EVP_MD *digest = staple_signature_digest(signature);

    if (signature->digest == NID_undef
        || (signature->digest == NID_sha1 && sha1_will_do)) {
        return STAPLE_OK;
    }
    /* Against collisions it is worth half of its length. */
    return digest != NULL
                   && EVP_MD_get_size(digest) * 4 >= STAPLE_SIGNATURE_BITS
               ? STAPLE_OK
               : STAPLE_WEAK_SIGNATURE;
}

staple_reason_e staple_signature_check_key(const EVP_PKEY *key)
{
    return EVP_PKEY_get_security_bits(key) >= STAPLE_SIGNATURE_BITS
               ? STAPLE_OK
               : STAPLE_WEAK_KEY;
}

/* Is it a key of the kind that the algorithm names?  RSASSA-PSS takes keys for
 * all of RSA, too (RFC 4055 1.2). */
static int is_kind(const staple_signature_t *signature, const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, OBJ_nid2sn(signature->key_type))
           || (signature->key_type == NID_rsassaPss
               && EVP_PKEY_is_a(key, "RSA"));
}

static int set_pss_of(EVP_PKEY_CTX *ctx, const staple_signature_t *signature)
{
    const EVP_MD *mask = EVP_get_digestbynid(signature->mask_digest);

    return mask != NULL
           && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0
           && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mask) > 0
           && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, signature->salt) > 0;
}

const EVP_MD *staple_signature_digest(const staple_signature_t *signature)
{
    return signature->digest != NID_undef
               ? EVP_get_digestbynid(signature->digest)
               : NULL;
}

int staple_signature_is_right_for(const staple_signature_t *signature,
                                  const unsigned char *digest, EVP_PKEY *key)
{
    const EVP_MD *md = staple_signature_digest(signature);
    EVP_PKEY_CTX *ctx = NULL;
    int is_right = 0;

    if (md != NULL && is_kind(signature, key)) {
        ctx = EVP_PKEY_CTX_new(key, NULL);
    }
    if (ctx != NULL && EVP_PKEY_verify_init(ctx) > 0
        && EVP_PKEY_CTX_set_signature_md(ctx, md) > 0
        && (signature->key_type != NID_rsassaPss
            || set_pss_of(ctx, signature))) {
        is_right = EVP_PKEY_verify(ctx, signature->value.at,
                                   signature->value.len, digest,
                                   (size_t)EVP_MD_get_size(md))
                   == 1;
    }
    EVP_PKEY_CTX_free(ctx);
    return is_right;
}

/* The same for a kind of key that takes the bytes in one piece. */
static int is_right_whole(const staple_signature_t *signature,
                          staple_der_t bytes, EVP_PKEY *key)
{
    EVP_MD_CTX *ctx = is_kind(signature, key) ? EVP_MD_CTX_new() : NULL;
    int is_right = ctx != NULL
                   && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1
                   && EVP_DigestVerify(ctx, signature->value.at,
                                       signature->value.len, bytes.at,
                                       bytes.len)
                          == 1;

    EVP_MD_CTX_free(ctx);
    return is_right;
}

int staple_signature_is_right(const staple_signature_t *signature,
                              staple_der_t bytes, EVP_PKEY *key)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    const EVP_MD *md = staple_signature_digest(signature);

    if (signature->digest == NID_undef) {
        return is_right_whole(signature, bytes, key);
    }
    return md != NULL && EVP_Digest(bytes.at, bytes.len, digest, NULL, md, NULL)
           && staple_signature_is_right_for(signature, digest, key);
}

void staple_signature_free(staple_signature_t *signature)
{
    X509_ALGOR_free(signature->algorithm);
    OPENSSL_free(signature->made);
    memset(signature, 0, sizeof(*signature));
}
