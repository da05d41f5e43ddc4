/* The system's CA certificates: the directory, the file, and what is in
 * neither. */
#include "../tap.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "../make_ocsp.h"
#include "httpd/generation/staple_system_ca.h"

static apr_pool_t *p;
static make_pki_t *pki;

/* A file with these certificates, NULL at the end. */
static const char *write_file(const char *dir, const char *name,
                              X509 *const *certs)
{
    const char *path = apr_pstrcat(p, dir, "/", name, NULL);
    BIO *bio = BIO_new_file(path, "w");

    for (; *certs != NULL; certs++) {
        BIO_printf(bio, "# a comment\n");
        PEM_write_bio_X509(bio, *certs);
    }
    BIO_free(bio);
    return path;
}

static void begin(const char *dir, const char *file)
{
    setenv(X509_get_default_cert_dir_env(), dir, 1);
    setenv(X509_get_default_cert_file_env(), file, 1);
    staple_system_ca_begin(p);
}

static const apr_array_header_t *find(X509 *x509)
{
    return staple_system_ca_of(X509_get_subject_name(x509));
}

static int is_only(const apr_array_header_t *certs, X509 *x509)
{
    return certs->nelts == 1
           && X509_cmp(APR_ARRAY_IDX(certs, 0, X509 *), x509) == 0;
}

static void check_places(const char *dir, const char *file)
{
    X509 *found;

    begin("/nonexistent", "/nonexistent");
    is_int(find(pki->root.x509)->nelts, 0, "no system has none");
    staple_system_ca_end();

    begin("/nonexistent", file);
    ok(is_only(find(pki->root.x509), pki->root.x509), "in the file");
    ok(is_only(find(pki->other.x509), pki->other.x509), "another one");
    is_int(find(pki->leaf.x509)->nelts, 0, "not in the file");
    ok(find(pki->root.x509) == find(pki->root.x509), "looked for once");
    found = APR_ARRAY_IDX(find(pki->root.x509), 0, X509 *);
    staple_system_ca_end();
    is_int(X509_cmp(found, pki->root.x509), 0, "what was found lives on");

    begin(dir, "/nonexistent");
    ok(is_only(find(pki->issuer.x509), pki->issuer.x509), "in the directory");
    is_int(find(pki->root.x509)->nelts, 0, "not in the directory");
    staple_system_ca_end();

    begin(dir, file);
    ok(is_only(find(pki->issuer.x509), pki->issuer.x509), "both: directory");
    ok(is_only(find(pki->root.x509), pki->root.x509), "both: file");
    staple_system_ca_end();
}

/* Two of one name, and damage behind them. */
static void check_same_name(const char *dir)
{
    X509 *twin =
        make_cert(p, &(make_cert_t){.name = "Root", .is_ca = 1}).x509;
    X509 *const both[] = {pki->root.x509, pki->issuer.x509, twin, NULL};
    const char *path = write_file(dir, "both.pem", both);
    BIO *bio = BIO_new_file(path, "a");

    BIO_printf(bio, "-----BEGIN CERTIFICATE-----\nMAA=\n"
                    "-----END CERTIFICATE-----\n");
    BIO_free(bio);
    begin("/nonexistent", path);
    is_int(find(twin)->nelts, 2, "all of one name");
    staple_system_ca_end();
}

int main(void)
{
    char dir[] = "/tmp/t_staple_system_ca.XXXXXX";
    X509 *certs[] = {NULL, NULL, NULL};
    const char *file, *hashed;

    p = make_begin();
    pki = make_pki(p);
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    certs[0] = pki->issuer.x509;
    hashed = apr_psprintf(p, "%08lx.0", X509_NAME_hash_ex(
        X509_get_subject_name(certs[0]), NULL, NULL, NULL));
    hashed = write_file(dir, hashed, certs);
    certs[0] = pki->other.x509;
    certs[1] = pki->root.x509;
    file = write_file(dir, "file.pem", certs);
    check_places(dir, file);
    check_same_name(dir);
    apr_file_remove(hashed, p);
    apr_file_remove(file, p);
    apr_file_remove(apr_pstrcat(p, dir, "/both.pem", NULL), p);
    apr_dir_remove(dir, p);
    make_end(p);
    return tap_done();
}
