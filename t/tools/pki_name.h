/* Text -> distinguished name, alternative name. */
#ifndef PKI_NAME_H
#define PKI_NAME_H

#include <openssl/x509v3.h>

/* "CN=a,O=b" (RFC 4514: the last part is the first in the DER; "\" quotes the
 * next character), or a plain common name; empty text is an empty name. */
X509_NAME *pki_name_parse(const char *text);

/* A DNS name, or "IP:", "email:", "URI:", "DNS:" and a value. */
GENERAL_NAME *pki_name_general(const char *text);

#endif
