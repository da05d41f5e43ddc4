/* The system's CA certificates, by name: where issuers are found at last. */
#ifndef STAPLE_SYSTEM_CA_H
#define STAPLE_SYSTEM_CA_H

#include <apr_tables.h>

#include "base/staple_openssl.h"

/* Both run in: parent, while configuring.  What is found is not trusted for
 * being there. */

/* Begins with nothing read. */
void staple_system_ca_begin(apr_pool_t *pconf);

/*
 * Those of OpenSSL's default directory and file (or of SSL_CERT_DIR and
 * SSL_CERT_FILE) whose subject is this name, X509 *, which live as long as the
 * configuration; empty: there is none.  The directory is asked by the name's
 * hash.  The file is read when it is needed at first, and of its certificates
 * those that have the name in them are decoded: a CA's subject is encoded as
 * in the certificates that it issues (RFC 5280 4.1.2.6).
 */
const apr_array_header_t *staple_system_ca_of(const X509_NAME *subject);

/* Forgets what was read and not found.  What was found lives on. */
void staple_system_ca_end(void);

#endif
