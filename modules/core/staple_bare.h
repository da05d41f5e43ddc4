/* A certificate's fields without its public key, which costs the most. */
#ifndef STAPLE_BARE_H
#define STAPLE_BARE_H

#include <apr.h>

#include "staple_openssl.h"

/*
 * What OpenSSL's X509 has (RFC 5280 4.1), but the public key stays undecoded:
 * OpenSSL 3.0 takes five times as long for it as for all else, and of ten
 * thousand certificates that httpd starts with nobody here uses any.
 */
typedef struct staple_bare_t {
    ASN1_INTEGER *version;
    ASN1_INTEGER *serial;
    ASN1_TYPE *algorithm;
    X509_NAME *issuer;
    X509_VAL *validity;
    X509_NAME *subject;
    ASN1_TYPE *key;
    ASN1_BIT_STRING *issuer_id;
    ASN1_BIT_STRING *subject_id;
    STACK_OF(X509_EXTENSION) * extensions; /* NULL: none */
} staple_bare_t;

/* All of `der`; NULL where it is no certificate.  For staple_bare_free().  Adds
 * to OpenSSL's error queue. */
staple_bare_t *staple_bare_parse(const unsigned char *der, apr_size_t der_len);

void staple_bare_free(staple_bare_t *bare);

#endif
