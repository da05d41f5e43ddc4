/* What the responder knows of the certificates: index.tsv, PEM and keys. */
#include "resp_index.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUCKETS 65536

void resp_index_open(resp_index_t *index, const char *dir)
{
    memset(index, 0, sizeof(*index));
    index->dir = dir;
    index->path = tool_path(dir, "index", ".tsv");
    index->buckets = BUCKETS;
    index->bucket = tool_alloc(BUCKETS * sizeof(entry_t *));
}

/* ---- serial numbers ---- */

static entry_t **bucket_of(const resp_index_t *index, const char *serial)
{
    unsigned long hash = 2166136261u;   /* FNV-1a */

    for (const char *c = serial; *c != '\0'; c++) {
        hash = ((hash ^ (unsigned char)*c) * 16777619u) & 0xffffffffu;
    }
    return &index->bucket[hash % index->buckets];
}

static entry_t *look_up(const resp_index_t *index, const char *serial)
{
    entry_t *entry = *bucket_of(index, serial);

    while (entry != NULL && strcmp(entry->serial, serial) != 0) {
        entry = entry->next;
    }
    return entry;
}

/* Adds a certificate, or changes what is known of its number. */
static entry_t *put(resp_index_t *index, const char *serial,
                    const char *name, const char *issuer)
{
    entry_t *entry = look_up(index, serial);

    if (entry == NULL) {
        entry_t **bucket = bucket_of(index, serial);

        entry = tool_alloc(sizeof(*entry));
        entry->serial = tool_strdup(serial);
        entry->next = *bucket;
        *bucket = entry;
    }
    free(entry->name);
    free(entry->issuer);
    entry->name = tool_strdup(name);
    entry->issuer = tool_strdup(issuer);
    return entry;
}

static void put_lines(resp_index_t *index, char *text)
{
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *serial = strchr(line, '\t');
        char *issuer = serial != NULL ? strchr(serial + 1, '\t') : NULL;

        if (issuer != NULL) {
            *serial++ = '\0';
            *issuer++ = '\0';
            put(index, serial, line, issuer);
        }
    }
}

/* Reads what has been appended since, whole lines only; all of it when it is
 * another file. */
static void update(resp_index_t *index)
{
    struct stat now;
    tool_buf_t text = {0};
    char *last = NULL;

    if (stat(index->path, &now) != 0) {
        return;
    }
    if (now.st_ino != index->inode) {
        index->inode = now.st_ino;
        index->read = 0;
    }
    if (now.st_size <= index->read || !tool_read_file(&text, index->path)) {
        return;
    }
    if (text.len > (size_t)index->read) {
        last = strrchr(text.data + index->read, '\n');
    }
    if (last != NULL) {
        off_t end = last + 1 - text.data;

        *last = '\0';
        resp_index_forget(index);
        put_lines(index, text.data + index->read);
        index->read = end;
    }
    tool_buf_free(&text);
}

entry_t *resp_index_find(resp_index_t *index, const char *serial)
{
    entry_t *entry = look_up(index, serial);

    if (entry == NULL || strcmp(entry->name, "-") == 0) {
        update(index);
        entry = look_up(index, serial);
    }
    return entry != NULL ? entry : put(index, serial, "-", "ca");
}

/* ---- certificates and keys ---- */

static identity_t *read_identity(const resp_index_t *index, const char *base)
{
    char *cert_path = tool_path(index->dir, base, ".pem");
    char *key_path = tool_path(index->dir, base, ".key");
    BIO *cert = BIO_new_file(cert_path, "r");
    BIO *key = BIO_new_file(key_path, "r");
    identity_t *identity = tool_alloc(sizeof(*identity));

    if (cert != NULL && key != NULL) {
        identity->cert = PEM_read_bio_X509(cert, NULL, NULL, NULL);
        identity->key = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
    }
    BIO_free(cert);
    BIO_free(key);
    free(cert_path);
    free(key_path);
    if (identity->cert == NULL || identity->key == NULL) {
        X509_free(identity->cert);
        EVP_PKEY_free(identity->key);
        free(identity);
        ERR_clear_error();
        return NULL;
    }
    identity->base = tool_strdup(base);
    return identity;
}

const identity_t *resp_index_identity(resp_index_t *index, const char *base)
{
    identity_t *identity = index->identities;

    while (identity != NULL && strcmp(identity->base, base) != 0) {
        identity = identity->next;
    }
    if (identity == NULL) {
        identity = read_identity(index, base);
        if (identity != NULL) {
            identity->next = index->identities;
            index->identities = identity;
        }
    }
    return identity;
}

static cert_t *read_cert(const resp_index_t *index, const char *base)
{
    char *path = tool_path(index->dir, base, ".pem");
    BIO *bio = BIO_new_file(path, "r");
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    cert_t *cert = NULL;
    long len;

    if (bio != NULL && PEM_read_bio(bio, &name, &header, &der, &len)) {
        cert = tool_alloc(sizeof(*cert));
        cert->base = tool_strdup(base);
        tool_buf_add(&cert->der, der, (size_t)len);
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(bio);
    free(path);
    ERR_clear_error();
    return cert;
}

const tool_buf_t *resp_index_cert(resp_index_t *index, const char *base)
{
    cert_t *cert = index->certs;

    while (cert != NULL && strcmp(cert->base, base) != 0) {
        cert = cert->next;
    }
    if (cert == NULL) {
        cert = read_cert(index, base);
        if (cert != NULL) {
            cert->next = index->certs;
            index->certs = cert;
        }
    }
    return cert != NULL ? &cert->der : NULL;
}

void resp_index_forget(resp_index_t *index)
{
    while (index->identities != NULL) {
        identity_t *identity = index->identities;

        index->identities = identity->next;
        X509_free(identity->cert);
        EVP_PKEY_free(identity->key);
        free(identity->base);
        free(identity);
    }
    while (index->certs != NULL) {
        cert_t *cert = index->certs;

        index->certs = cert->next;
        tool_buf_free(&cert->der);
        free(cert->base);
        free(cert);
    }
}
