/* The directory of test certificates: PEM files, keys and index.tsv. */
#ifndef PKI_DIR_H
#define PKI_DIR_H

#include "tool_util.h"

#include <openssl/x509.h>

/* A certificate of the directory that can sign others. */
typedef struct {
    X509 *cert;
    EVP_PKEY *key;
    tool_buf_t chain;   /* PEM of it and those above it, without a root */
} pki_issuer_t;

void pki_dir_load(pki_issuer_t *issuer, const char *dir, const char *base);
void pki_issuer_free(pki_issuer_t *issuer);

/* A key as PEM text at the end of pem. */
void pki_key_pem(tool_buf_t *pem, EVP_PKEY *key);
void pki_cert_pem(tool_buf_t *pem, X509 *cert);

void pki_dir_write(const char *dir, const char *name, const char *suffix,
                   const tool_buf_t *content);

/* One line of index.tsv: name, serial, base name of the issuer. */
void pki_index_line(tool_buf_t *lines, const char *name, const X509 *cert,
                    const char *issuer);

/* Appends whole lines with one write, while no other process does. */
void pki_dir_index(const char *dir, const tool_buf_t *lines);

#endif
