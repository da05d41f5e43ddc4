/* What the responder knows of the certificates: index.tsv, PEM and keys. */
#ifndef RESP_INDEX_H
#define RESP_INDEX_H

#include "tool_util.h"

#include <openssl/x509.h>
#include <sys/types.h>

typedef struct entry_t {
    struct entry_t *next;       /* in its bucket */
    char *serial;               /* hex, upper case */
    char *name;                 /* "-": not in the index */
    char *issuer;               /* base name; "ca" if not in the index */
    tool_buf_t fixed;           /* a response to be given again */
    const char *fixed_rule;     /* line of the rule it was made for */
    unsigned long fixed_at;     /* generation of the script */
} entry_t;

/* A certificate with its key. */
typedef struct identity_t {
    struct identity_t *next;
    char *base;
    X509 *cert;
    EVP_PKEY *key;
} identity_t;

/* A certificate as it is. */
typedef struct cert_t {
    struct cert_t *next;
    char *base;
    tool_buf_t der;
} cert_t;

typedef struct {
    const char *dir;
    char *path;                 /* of index.tsv */
    off_t read;                 /* so much of it is in the table */
    ino_t inode;
    entry_t **bucket;
    size_t buckets, entries;
    identity_t *identities;
    cert_t *certs;
} resp_index_t;

void resp_index_open(resp_index_t *index, const char *dir);

/* The entry for a serial number; a new nameless one if nobody knows it. */
entry_t *resp_index_find(resp_index_t *index, const char *serial);

/* BASE.pem with BASE.key, kept until resp_index_forget; NULL when they cannot
 * be read. */
const identity_t *resp_index_identity(resp_index_t *index, const char *base);

/* The certificate of BASE.pem in DER, kept as long; NULL when it cannot be
 * read.  It is not decoded, which may take long. */
const tool_buf_t *resp_index_cert(resp_index_t *index, const char *base);

/* Files may have changed: read the identities again when needed. */
void resp_index_forget(resp_index_t *index);

#endif
