/* The issuers above a certificate, from mod_ssl's configuration and files. */
#include "staple_chain.h"

#include <apr_hash.h>

#include <openssl/pem.h>

#define CACHE_KEY "ocspstaple_chain_files"
#define PAIRS_KEY "ocspstaple_chain_pairs"

static apr_status_t free_x509(void *x509)
{
    X509_free(x509);
    return APR_SUCCESS;
}

/* All certificates of one PEM file, X509 *; empty where it has none. */
static apr_array_header_t *read_file(const server_rec *s, apr_pool_t *pconf,
                                     const char *path)
{
    apr_array_header_t *certs = apr_array_make(pconf, 4, sizeof(X509 *));
    BIO *bio = BIO_new_file(path, "r");
    X509 *x509;

    while (bio != NULL
           && (x509 = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
        *(X509 **)apr_array_push(certs) = x509;
        apr_pool_cleanup_register(pconf, x509, free_x509,
                                  apr_pool_cleanup_null);
    }
    if (certs->nelts == 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0014)
                     "OCSPStapleChainFile %s: %s; it must be a PEM file with "
                     "the certificates of issuers",
                     path,
                     bio == NULL ? "cannot be opened" : "has no certificate");
    }
    BIO_free(bio);
    return certs;
}

/* The certificates of a file, read at the first time it is named. */
static const apr_array_header_t *file_of(const server_rec *s,
                                         apr_pool_t *pconf, const char *path)
{
    apr_hash_t *files = NULL;
    apr_array_header_t *certs;

    apr_pool_userdata_get((void **)(void *)&files, CACHE_KEY, pconf);
    if (files == NULL) {
        files = apr_hash_make(pconf);
        apr_pool_userdata_setn(files, CACHE_KEY, apr_pool_cleanup_null, pconf);
    }
    certs = apr_hash_get(files, path, APR_HASH_KEY_STRING);
    if (certs == NULL) {
        certs = read_file(s, pconf, path);
        apr_hash_set(files, path, APR_HASH_KEY_STRING, certs);
    }
    return certs;
}

/* ---- who issued whom ---- */

/* A pair of certificates, and what became of verifying the signature: ten
 * thousand virtual hosts have the same few. */
typedef struct pair_t {
    staple_key_t keys[2];
    X509 *issuer, *x509;
    int has_issued;
} pair_t;

static apr_status_t free_pair(void *data)
{
    pair_t *pair = data;

    X509_free(pair->issuer);
    X509_free(pair->x509);
    return APR_SUCCESS;
}

static apr_hash_t *pairs_of(apr_pool_t *pconf)
{
    apr_hash_t *pairs = NULL;

    apr_pool_userdata_get((void **)(void *)&pairs, PAIRS_KEY, pconf);
    if (pairs == NULL) {
        pairs = apr_hash_make(pconf);
        apr_pool_userdata_setn(pairs, PAIRS_KEY, apr_pool_cleanup_null, pconf);
    }
    return pairs;
}

static void remember(apr_hash_t *pairs, const staple_key_t keys[2],
                     X509 *issuer, X509 *x509, int has_issued)
{
    apr_pool_t *pool = apr_hash_pool_get(pairs);
    pair_t *pair = apr_pcalloc(pool, sizeof(*pair));

    X509_up_ref(issuer);
    X509_up_ref(x509);
    memcpy(pair->keys, keys, sizeof(pair->keys));
    pair->issuer = issuer;
    pair->x509 = x509;
    pair->has_issued = has_issued;
    apr_pool_cleanup_register(pool, pair, free_pair, apr_pool_cleanup_null);
    apr_hash_set(pairs, pair->keys, sizeof(pair->keys), pair);
}

/* Verifies a signature, once for each two certificates.  The hash is over what
 * OpenSSL has of both anyway, SHA-1; whether they are the same is compared byte
 * by byte. */
static int has_issued(apr_hash_t *pairs, X509 *issuer, X509 *x509)
{
    staple_key_t keys[2];
    const pair_t *pair;
    int result;

    if (X509_check_issued(issuer, x509) != X509_V_OK
        || !staple_cert_key(&keys[0], issuer)
        || !staple_cert_key(&keys[1], x509)) {
        return 0;
    }
    pair = apr_hash_get(pairs, keys, sizeof(keys));
    if (pair != NULL && X509_cmp(pair->issuer, issuer) == 0
        && X509_cmp(pair->x509, x509) == 0) {
        return pair->has_issued;
    }
    result = staple_cert_has_issued(issuer, x509);
    if (pair == NULL) {
        remember(pairs, keys, issuer, x509, result);
    }
    return result;
}

/* ---- the chain ---- */

void staple_chain_open(staple_chain_t *chain, const server_rec *s,
                       apr_pool_t *pconf, apr_pool_t *p, SSL_CTX *ssl_ctx)
{
    const char *const *path = staple_config_get(s)->policy->chain_files;

    chain->pairs = pairs_of(pconf);
    chain->sent = NULL;
    SSL_CTX_get0_chain_certs(ssl_ctx, &chain->sent);
    if (chain->sent == NULL) {
        SSL_CTX_get_extra_chain_certs(ssl_ctx, &chain->sent);
    }
    chain->trusted = SSL_CTX_get_cert_store(ssl_ctx);
    chain->own = apr_array_make(p, 4, sizeof(X509 *));
    for (; path != NULL && *path != NULL; path++) {
        apr_array_cat(chain->own, file_of(s, pconf, *path));
    }
}

static X509 *issuer_in_store(const staple_chain_t *chain, X509 *x509)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(chain->trusted);
    int i;

    for (i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *candidate = X509_OBJECT_get0_X509(
            sk_X509_OBJECT_value(objects, i));

        if (candidate != NULL && has_issued(chain->pairs, candidate, x509)) {
            return candidate;
        }
    }
    return NULL;
}

X509 *staple_chain_issuer(const staple_chain_t *chain, X509 *x509)
{
    int i;

    if (X509_self_signed(x509, 0) == 1) {
        return NULL;
    }
    for (i = 0; i < sk_X509_num(chain->sent); i++) {
        if (has_issued(chain->pairs, sk_X509_value(chain->sent, i), x509)) {
            return sk_X509_value(chain->sent, i);
        }
    }
    for (i = 0; i < chain->own->nelts; i++) {
        if (has_issued(chain->pairs, APR_ARRAY_IDX(chain->own, i, X509 *),
                       x509)) {
            return APR_ARRAY_IDX(chain->own, i, X509 *);
        }
    }
    return chain->trusted != NULL ? issuer_in_store(chain, x509) : NULL;
}
