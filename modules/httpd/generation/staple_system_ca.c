/* The system's CA certificates, by name: where issuers are found at last. */
#include "staple_system_ca.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/staple_pool.h"

/* A certificate of the file, not decoded. */
typedef struct der_t {
    const unsigned char *at;
    apr_size_t len;
} der_t;

static struct {
    apr_pool_t *pool;    /* of what was found */
    apr_pool_t *reading; /* of all the rest */
    apr_hash_t *by_name; /* DER of a subject -> array of X509 * */
    X509_STORE *store;   /* asks the directory; NULL: not opened so far */
    apr_array_header_t *file; /* der_t; NULL: not read so far */
} system_ca;

void staple_system_ca_begin(apr_pool_t *pconf)
{
    memset(&system_ca, 0, sizeof(system_ca));
    system_ca.pool = pconf;
    system_ca.reading = staple_pool_apart(pconf, "ocspstaple_system_ca");
    system_ca.by_name = apr_hash_make(system_ca.reading);
}

void staple_system_ca_end(void)
{
    apr_pool_destroy(system_ca.reading);
    memset(&system_ca, 0, sizeof(system_ca));
}

static apr_status_t free_x509(void *x509)
{
    X509_free(x509);
    return APR_SUCCESS;
}

/* Takes over the caller's reference. */
static void keep(apr_array_header_t *certs, X509 *x509)
{
    *(X509 **)apr_array_push(certs) = x509;
    apr_pool_cleanup_register(system_ca.pool, x509, free_x509,
                              apr_pool_cleanup_null);
}

/* ---- the directory ---- */

static apr_status_t free_store(void *store)
{
    X509_STORE_free(store);
    return APR_SUCCESS;
}

static X509_STORE *open_directory(void)
{
    X509_STORE *store = X509_STORE_new();
    X509_LOOKUP *lookup =
        store != NULL ? X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir())
                      : NULL;

    if (store != NULL) {
        apr_pool_cleanup_register(system_ca.reading, store, free_store,
                                  apr_pool_cleanup_null);
    }
    return lookup != NULL
                   && X509_LOOKUP_add_dir(lookup, NULL, X509_FILETYPE_DEFAULT)
               ? store
               : NULL;
}

static void look_into_directory(apr_array_header_t *certs,
                                const X509_NAME *subject)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    STACK_OF(X509) *found = NULL;
    X509 *x509;

    if (system_ca.store == NULL) {
        system_ca.store = open_directory();
    }
    if (context != NULL && system_ca.store != NULL
        && X509_STORE_CTX_init(context, system_ca.store, NULL, NULL)) {
        found = X509_STORE_CTX_get1_certs(context, subject);
    }
    while ((x509 = sk_X509_shift(found)) != NULL) {
        keep(certs, x509);
    }
    sk_X509_free(found);
    X509_STORE_CTX_free(context);
}

/* ---- the file ---- */

static apr_array_header_t *read_file(void)
{
    apr_array_header_t *all =
        apr_array_make(system_ca.reading, 256, sizeof(der_t));
    const char *path = getenv(X509_get_default_cert_file_env());
    BIO *bio = BIO_new_file(path != NULL ? path
                                         : X509_get_default_cert_file(),
                            "r");
    unsigned char *der;
    long len;

    while (bio != NULL
           && PEM_bytes_read_bio(&der, &len, NULL, PEM_STRING_X509, bio, NULL,
                                 NULL)) {
        *(der_t *)apr_array_push(all) = (der_t){
            apr_pmemdup(system_ca.reading, der, (apr_size_t)len),
            (apr_size_t)len};
        OPENSSL_free(der);
    }
    BIO_free(bio);
    return all;
}

static void look_into_file(apr_array_header_t *certs, const X509_NAME *subject,
                           der_t name)
{
    int i;

    if (system_ca.file == NULL) {
        system_ca.file = read_file();
    }
    for (i = 0; i < system_ca.file->nelts; i++) {
        const der_t *der = &APR_ARRAY_IDX(system_ca.file, i, der_t);
        const unsigned char *at = der->at;
        X509 *x509 = memmem(at, der->len, name.at, name.len) != NULL
                         ? d2i_X509(NULL, &at, (long)der->len)
                         : NULL;

        if (x509 != NULL
            && X509_NAME_cmp(X509_get_subject_name(x509), subject) == 0) {
            keep(certs, x509);
        }
        else {
            X509_free(x509);
        }
    }
}

const apr_array_header_t *staple_system_ca_of(const X509_NAME *subject)
{
    apr_array_header_t *certs;
    der_t name;

    if (!X509_NAME_get0_der(subject, &name.at, &name.len)) {
        return apr_array_make(system_ca.reading, 1, sizeof(X509 *));
    }
    certs = apr_hash_get(system_ca.by_name, name.at, (apr_ssize_t)name.len);
    if (certs == NULL) {
        certs = apr_array_make(system_ca.reading, 2, sizeof(X509 *));
        look_into_directory(certs, subject);
        if (certs->nelts == 0) {
            look_into_file(certs, subject, name);
        }
        apr_hash_set(system_ca.by_name,
                     apr_pmemdup(system_ca.reading, name.at, name.len),
                     (apr_ssize_t)name.len, certs);
    }
    return certs;
}
