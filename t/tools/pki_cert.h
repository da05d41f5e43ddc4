/* Makes one test certificate of any shape. */
#ifndef PKI_CERT_H
#define PKI_CERT_H

#include <openssl/x509.h>
#include <time.h>

typedef struct {
    const char *const *item;
    int count;
} pki_list_t;

/* What a certificate shall look like. */
typedef struct {
    const char *subject;      /* see pki_name_parse */
    pki_list_t sans;          /* DNS names, or TYPE:VALUE */
    pki_list_t urls;          /* OCSP responders */
    pki_list_t issuer_urls;   /* caIssuers entries beside them */
    pki_list_t lists;         /* CRL distribution points, each with URLs that
                                 spaces part */
    const char *serial;       /* hex, may be negative; NULL: random */
    time_t not_before;
    time_t not_after;
    int is_ca;
    int is_delegate;          /* OCSPSigning and nocheck */
    int must_staple;
    const char *md;           /* of the signature; NULL: SHA-256 */
    const X509 *key_id;       /* whose key identifier it claims, or NULL */
    int explicit_key;         /* see pki_explicit_set */
} pki_spec_t;

/* A key of kind "ec", "ec:CURVE", "rsa", "rsa:BITS" or any that OpenSSL makes
 * by its name alone, such as "ed25519". */
EVP_PKEY *pki_cert_key(const char *kind);

/* issuer NULL: signed by itself. */
X509 *pki_cert_make(const pki_spec_t *spec, EVP_PKEY *key, X509 *issuer,
                    EVP_PKEY *issuer_key);

/* The serial number in hex, upper case; the caller frees it with
 * OPENSSL_free. */
char *pki_cert_serial(const X509 *cert);

#endif
