/* Where the issuers of a server's certificates are looked for. */
#include "staple_chain.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_log.h>
#include <openssl/pem.h>

#include "httpd/config/staple_config.h"
#include "ocsp/staple_cert.h"

static struct {
    apr_pool_t *pool;
    apr_hash_t *files; /* of OCSPStapleChainFile: path -> array of X509 * */
    apr_hash_t *pairs; /* keys of two -> pair_t: who issued whom */
} chains;

void staple_chain_begin(apr_pool_t *pconf)
{
    chains.pool = pconf;
    chains.files = apr_hash_make(pconf);
    chains.pairs = apr_hash_make(pconf);
    staple_system_ca_begin(pconf);
}

/* ---- OCSPStapleChainFile ---- */

static apr_status_t free_x509(void *x509)
{
    X509_free(x509);
    return APR_SUCCESS;
}

/* All certificates of one PEM file, X509 *; empty where it has none. */
static apr_array_header_t *read_file(const server_rec *s, const char *path)
{
    apr_array_header_t *certs =
        apr_array_make(chains.pool, 4, sizeof(X509 *));
    BIO *bio = BIO_new_file(path, "r");
    X509 *x509;

    while (bio != NULL
           && (x509 = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
        *(X509 **)apr_array_push(certs) = x509;
        apr_pool_cleanup_register(chains.pool, x509, free_x509,
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
static const apr_array_header_t *file_of(const server_rec *s, const char *path)
{
    apr_array_header_t *certs =
        apr_hash_get(chains.files, path, APR_HASH_KEY_STRING);

    if (certs == NULL) {
        certs = read_file(s, path);
        apr_hash_set(chains.files, path, APR_HASH_KEY_STRING, certs);
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

static void remember_pair(const staple_key_t keys[2], X509 *issuer, X509 *x509,
                          int has_issued)
{
    pair_t *pair = apr_pcalloc(chains.pool, sizeof(*pair));

    X509_up_ref(issuer);
    X509_up_ref(x509);
    memcpy(pair->keys, keys, sizeof(pair->keys));
    pair->issuer = issuer;
    pair->x509 = x509;
    pair->has_issued = has_issued;
    apr_pool_cleanup_register(chains.pool, pair, free_pair,
                              apr_pool_cleanup_null);
    apr_hash_set(chains.pairs, pair->keys, sizeof(pair->keys), pair);
}

/* Verifies a signature, once for each two certificates.  The hash is over what
 * OpenSSL has of both anyway, SHA-1; whether they are the same is compared byte
 * by byte. */
static int has_issued(X509 *issuer, X509 *x509)
{
    staple_key_t keys[2];
    const pair_t *pair;
    int result;

    if (X509_check_issued(issuer, x509) != X509_V_OK
        || !staple_cert_key(&keys[0], issuer)
        || !staple_cert_key(&keys[1], x509)) {
        return 0;
    }
    pair = apr_hash_get(chains.pairs, keys, sizeof(keys));
    if (pair != NULL && X509_cmp(pair->issuer, issuer) == 0
        && X509_cmp(pair->x509, x509) == 0) {
        return pair->has_issued;
    }
    result = staple_cert_has_issued(issuer, x509);
    if (pair == NULL) {
        remember_pair(keys, issuer, x509, result);
    }
    return result;
}

/* ---- the places ---- */

void staple_chain_visit(SSL_CTX *ssl_ctx, staple_chain_visit_fn *visit,
                        void *baton)
{
    X509 *current = SSL_CTX_get0_certificate(ssl_ctx);
    long more = SSL_CTX_set_current_cert(ssl_ctx, SSL_CERT_SET_FIRST);

    while (more > 0) {
        visit(baton, ssl_ctx, SSL_CTX_get0_certificate(ssl_ctx));
        more = SSL_CTX_set_current_cert(ssl_ctx, SSL_CERT_SET_NEXT);
    }
    if (current != NULL) {
        SSL_CTX_select_current_cert(ssl_ctx, current);
    }
}

STACK_OF(X509) *staple_chain_sent(SSL_CTX *ssl_ctx)
{
    STACK_OF(X509) *sent = NULL;

    SSL_CTX_get0_chain_certs(ssl_ctx, &sent);
    if (sent == NULL) {
        SSL_CTX_get_extra_chain_certs(ssl_ctx, &sent);
    }
    return sent;
}

void staple_chain_open(staple_chain_t *chain, const server_rec *s,
                       apr_pool_t *p, SSL_CTX *ssl_ctx)
{
    const char *const *path = staple_config_get(s)->policy->chain_files;

    chain->sent = staple_chain_sent(ssl_ctx);
    chain->trusted = SSL_CTX_get_cert_store(ssl_ctx);
    chain->own = path != NULL ? apr_array_make(p, 4, sizeof(X509 *)) : NULL;
    for (; path != NULL && *path != NULL; path++) {
        apr_array_cat(chain->own, file_of(s, *path));
    }
}

/* What is looked for. */
typedef struct wanted_t {
    const X509_NAME *subject;
    staple_chain_is_it_fn *is_it;
    void *baton;
} wanted_t;

/* x509 may be NULL. */
static int is_wanted(const wanted_t *wanted, X509 *x509)
{
    return x509 != NULL
           && X509_NAME_cmp(X509_get_subject_name(x509), wanted->subject) == 0
           && wanted->is_it(wanted->baton, x509);
}

static X509 *find_sent(STACK_OF(X509) *sent, const wanted_t *wanted)
{
    int i;

    for (i = 0; i < sk_X509_num(sent); i++) {
        if (is_wanted(wanted, sk_X509_value(sent, i))) {
            return sk_X509_value(sent, i);
        }
    }
    return NULL;
}

/* certs may be NULL: none. */
static X509 *find_among(const apr_array_header_t *certs, const wanted_t *wanted)
{
    int i;

    for (i = 0; certs != NULL && i < certs->nelts; i++) {
        if (is_wanted(wanted, APR_ARRAY_IDX(certs, i, X509 *))) {
            return APR_ARRAY_IDX(certs, i, X509 *);
        }
    }
    return NULL;
}

static X509 *find_trusted(X509_STORE *trusted, const wanted_t *wanted)
{
    STACK_OF(X509_OBJECT) *objects =
        trusted != NULL ? X509_STORE_get0_objects(trusted) : NULL;
    int i;

    for (i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *x509 = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

        if (is_wanted(wanted, x509)) {
            return x509;
        }
    }
    return NULL;
}

X509 *staple_chain_find(const staple_chain_t *chain, const X509_NAME *subject,
                        staple_chain_is_it_fn *is_it, void *baton)
{
    const wanted_t wanted = {subject, is_it, baton};
    X509 *found = find_sent(chain->sent, &wanted);

    if (found == NULL) {
        found = find_among(chain->own, &wanted);
    }
    if (found == NULL) {
        found = find_trusted(chain->trusted, &wanted);
    }
    if (found == NULL) {
        found = find_among(staple_system_ca_of(subject), &wanted);
    }
    return found;
}

static int is_issuer(void *x509, X509 *candidate)
{
    return has_issued(candidate, x509);
}

X509 *staple_chain_issuer(const staple_chain_t *chain, X509 *x509)
{
    return X509_self_signed(x509, 0) == 1
               ? NULL
               : staple_chain_find(chain, X509_get_issuer_name(x509), is_issuer,
                                   x509);
}
