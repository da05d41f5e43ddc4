/* The files with certificates that mod_ssl's directives name, at httpd -t. */
#ifndef STAPLE_SSL_FILES_H
#define STAPLE_SSL_FILES_H

#include <httpd.h>
#include <apr_hash.h>
#include <apr_tables.h>
#include <openssl/ssl.h>

/*
 * At httpd -t mod_ssl reads no certificate, and its directives are its own.
 * So its directives are looked for in httpd's own tree of the configuration, in
 * which Include, IfModule, Define and macros are resolved.  Runs in: parent,
 * `httpd -t`.
 */

/* What they say for one server. */
typedef struct staple_ssl_files_t {
    int is_on;                 /* SSLEngine */
    apr_array_header_t *certs; /* const char *: of SSLCertificateFile */
    const char *chain;         /* of SSLCertificateChainFile, or NULL */
    const char *ca_file;       /* of SSLCACertificateFile, or NULL */
    const char *ca_path;
} staple_ssl_files_t;

/* Finds where each virtual host begins in the tree. */
apr_hash_t *staple_ssl_files_sections(apr_pool_t *p);

/* Those of server s; `outer` is the main server's, NULL for itself. */
void staple_ssl_files_of(staple_ssl_files_t *files, server_rec *s,
                         const staple_ssl_files_t *outer,
                         apr_hash_t *sections, apr_pool_t *p);

/* One that has the certificate of file `i`, and what is sent with it, as
 * mod_ssl would make it, but no key; the caller frees it.  NULL: the file
 * cannot be read, as *why says. */
SSL_CTX *staple_ssl_files_open(const char **why,
                               const staple_ssl_files_t *files, int i);

#endif
