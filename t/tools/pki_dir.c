/* The directory of test certificates: PEM files, keys and index.tsv. */
#include "pki_dir.h"

#include "pki_cert.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_bio(tool_buf_t *pem, BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);

    tool_buf_add(pem, data, (size_t)len);
    BIO_free(bio);
}

void pki_key_pem(tool_buf_t *pem, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    TOOL_MUST(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    add_bio(pem, bio);
}

void pki_cert_pem(tool_buf_t *pem, X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());

    TOOL_MUST(PEM_write_bio_X509(bio, cert));
    add_bio(pem, bio);
}

void pki_dir_load(pki_issuer_t *issuer, const char *dir, const char *base)
{
    char *path = tool_path(dir, base, ".pem");
    char *key_path = tool_path(dir, base, ".key");
    BIO *bio = BIO_new_file(key_path, "r");

    if (bio == NULL || !tool_read_file(&issuer->chain, path)) {
        tool_die("no issuer %s in %s", base, dir);
    }
    issuer->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    bio = BIO_new_mem_buf(issuer->chain.data, (int)issuer->chain.len);
    issuer->cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    TOOL_MUST(issuer->cert != NULL && issuer->key != NULL);
    if (X509_self_signed(issuer->cert, 0) == 1) {
        issuer->chain.len = 0;
    }
    free(path);
    free(key_path);
}

void pki_issuer_free(pki_issuer_t *issuer)
{
    X509_free(issuer->cert);
    EVP_PKEY_free(issuer->key);
    tool_buf_free(&issuer->chain);
}

void pki_dir_write(const char *dir, const char *name, const char *suffix,
                   const tool_buf_t *content)
{
    char *path = tool_path(dir, name, suffix);
    int secret = strcmp(suffix, ".key") == 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                  secret ? 0600 : 0644);

    if (fd < 0
        || write(fd, content->data, content->len) != (ssize_t)content->len
        || close(fd) != 0) {
        tool_die("cannot write %s", path);
    }
    free(path);
}

void pki_index_line(tool_buf_t *lines, const char *name, const X509 *cert,
                    const char *issuer)
{
    char *serial = pki_cert_serial(cert);

    tool_buf_addf(lines, "%s\t%s\t%s\n", name, serial, issuer);
    OPENSSL_free(serial);
}

void pki_dir_index(const char *dir, const tool_buf_t *lines)
{
    char *path = tool_path(dir, "index", ".tsv");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (fd < 0 || flock(fd, LOCK_EX) != 0
        || write(fd, lines->data, lines->len) != (ssize_t)lines->len
        || close(fd) != 0) {
        tool_die("cannot write %s", path);
    }
    free(path);
}
