/* The files with certificates that mod_ssl's directives name, at httpd -t. */
#include "staple_ssl_files.h"

#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <util_cfgtree.h>

/* ---- the tree ---- */

static const char *place(apr_pool_t *p, const char *file, int line)
{
    return apr_psprintf(p, "%d:%s", line, file != NULL ? file : "");
}

apr_hash_t *staple_ssl_files_sections(apr_pool_t *p)
{
    apr_hash_t *sections = apr_hash_make(p);
    const ap_directive_t *node = ap_conftree;

    for (; node != NULL; node = node->next) {
        if (ap_cstr_casecmp(node->directive, "<VirtualHost") == 0) {
            apr_hash_set(sections, place(p, node->filename, node->line_num),
                         APR_HASH_KEY_STRING, node->first_child);
        }
    }
    return sections;
}

/* The path that a directive names, or NULL: it is another directive. */
static const char *path_of(const ap_directive_t *node, const char *name,
                           apr_pool_t *p)
{
    const char *args = node->args;

    return ap_cstr_casecmp(node->directive, name) == 0
               ? ap_server_root_relative(p, ap_getword_conf(p, &args))
               : NULL;
}

static void take(const char **to, const char *path)
{
    if (path != NULL) {
        *to = path;
    }
}

/* What one directive says. */
static void read_directive(staple_ssl_files_t *files, int *engine,
                           const ap_directive_t *node, apr_pool_t *p)
{
    const char *args = node->args;
    const char *path = path_of(node, "SSLCertificateFile", p);

    if (path != NULL) {
        *(const char **)apr_array_push(files->certs) = path;
    }
    take(&files->chain, path_of(node, "SSLCertificateChainFile", p));
    take(&files->ca_file, path_of(node, "SSLCACertificateFile", p));
    take(&files->ca_path, path_of(node, "SSLCACertificatePath", p));
    if (ap_cstr_casecmp(node->directive, "SSLEngine") == 0) {
        *engine = ap_cstr_casecmp(ap_getword_conf(p, &args), "off") != 0;
    }
}

void staple_ssl_files_of(staple_ssl_files_t *files, server_rec *s,
                         const staple_ssl_files_t *outer,
                         apr_hash_t *sections, apr_pool_t *p)
{
    const ap_directive_t *node =
        outer == NULL ? ap_conftree
                      : apr_hash_get(sections,
                                     place(p, s->defn_name,
                                           (int)s->defn_line_number),
                                     APR_HASH_KEY_STRING);
    const char *protocol = ap_get_server_protocol(s);
    int engine = -1;
    int i;

    memset(files, 0, sizeof(*files));
    if (outer != NULL) {
        *files = *outer;
    }
    files->certs = apr_array_make(p, 2, sizeof(const char *));
    for (; node != NULL; node = node->next) {
        read_directive(files, &engine, node, p);
    }
    /* The first, second ... replaces that of the main server. */
    for (i = files->certs->nelts; outer != NULL && i < outer->certs->nelts;
         i++) {
        *(const char **)apr_array_push(files->certs) =
            APR_ARRAY_IDX(outer->certs, i, const char *);
    }
    if (engine >= 0) {
        files->is_on = engine;
    }
    else if (protocol != NULL && strcmp(protocol, "https") == 0) {
        files->is_on = 1;
    }
}

/* ---- the certificates ---- */

/* Adds what SSLCertificateChainFile has. */
static void add_chain(SSL_CTX *ctx, const char *path, int skip_first)
{
    BIO *bio = BIO_new_file(path, "r");
    X509 *x509;

    while (bio != NULL
           && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (skip_first || !SSL_CTX_add_extra_chain_cert(ctx, x509)) {
            X509_free(x509);
        }
        skip_first = 0;
    }
    BIO_free(bio);
}

/* Adds the certificate of file `i`, and what is behind it.  NULL, or what is
 * wrong. */
static const char *add_file(SSL_CTX *ctx, const staple_ssl_files_t *files,
                            int i)
{
    const char *path = APR_ARRAY_IDX(files->certs, i, const char *);
    const char *why;

    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, path) == 1) {
        return NULL;
    }
    why = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return why != NULL ? why : "it cannot be read";
}

static void add_others(SSL_CTX *ctx, const staple_ssl_files_t *files)
{
    if (files->chain != NULL) {
        add_chain(ctx, files->chain,
                  strcmp(files->chain,
                         APR_ARRAY_IDX(files->certs, 0, const char *))
                      == 0);
    }
    if (files->ca_file != NULL || files->ca_path != NULL) {
        SSL_CTX_load_verify_locations(ctx, files->ca_file, files->ca_path);
    }
    ERR_clear_error();
}

SSL_CTX *staple_ssl_files_open(const char **why,
                               const staple_ssl_files_t *files, int i)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    *why = ctx != NULL ? add_file(ctx, files, i) : "there is no memory";
    if (*why != NULL) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    add_others(ctx, files);
    return ctx;
}
