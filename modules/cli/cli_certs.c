/* Files with certificates -> the certificate in question and its issuer. */
#include "cli_certs.h"

#include <apr_strings.h>
#include <openssl/pem.h>

#define MAX_FILE (1024 * 1024) /* of certificates, in bytes */

/* Exactly --chain, or --cert and --issuer. */
static int check_options(const cli_command_t *command,
                         const cli_certs_t *files)
{
    if (files->chain != NULL && (files->cert != NULL
                                 || files->issuer != NULL)) {
        return cli_complain(command, "--chain stands for --cert and --issuer: "
                                     "give it alone");
    }
    if (files->chain == NULL && files->cert == NULL && files->issuer == NULL) {
        return cli_complain(command, "no certificate: give --chain, or --cert "
                                     "and --issuer");
    }
    if (files->chain == NULL && (files->cert == NULL
                                 || files->issuer == NULL)) {
        return cli_complain(command, "--%s is missing: --cert and --issuer go "
                                     "together",
                            files->cert == NULL ? "cert" : "issuer");
    }
    return CLI_GO_ON;
}

/* Adds all certificates of a PEM text to `stack`.  1, or 0: one of them cannot
 * be read. */
static int read_pem(STACK_OF(X509) *stack, BIO *bio)
{
    X509 *x509;

    ERR_clear_error();
    while ((x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (!sk_X509_push(stack, x509)) {
            X509_free(x509);
            return 0;
        }
    }
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

static apr_status_t free_stack(void *stack)
{
    sk_X509_pop_free(stack, X509_free);
    return APR_SUCCESS;
}

/* The certificates in the text of a file; NULL, or what is wrong. */
static const char *parse(STACK_OF(X509) **stack, apr_pool_t *p,
                         const char *path, const unsigned char *text,
                         apr_size_t len)
{
    BIO *bio = BIO_new_mem_buf(text, (int)len);
    const char *why;
    int is_read;

    *stack = sk_X509_new_null();
    apr_pool_cleanup_register(p, *stack, free_stack, apr_pool_cleanup_null);
    is_read = bio != NULL && *stack != NULL && read_pem(*stack, bio);
    BIO_free(bio);
    if (!is_read) {
        why = ERR_reason_error_string(ERR_peek_error());
        return apr_psprintf(p, "certificate %d in %s cannot be read: %s",
                            sk_X509_num(*stack) + 1, cli_file_name(path),
                            why != NULL ? why : "no memory");
    }
    return sk_X509_num(*stack) > 0
               ? NULL
               : apr_psprintf(p, "%s holds no certificate in PEM",
                              cli_file_name(path));
}

/* All certificates of a file, at least one; NULL, or what is wrong. */
static const char *load_all(STACK_OF(X509) **stack, apr_pool_t *p,
                            const char *path)
{
    apr_pool_t *scratch;
    unsigned char *text = NULL;
    apr_size_t len = 0;
    const char *why;

    apr_pool_create(&scratch, p);
    why = cli_load_file(&text, &len, scratch, path, MAX_FILE);
    if (why == NULL && len > MAX_FILE) {
        why = apr_psprintf(p, "%s is larger than %d bytes", cli_file_name(path),
                           MAX_FILE);
    }
    why = why == NULL ? parse(stack, p, path, text, len)
                      : apr_pstrdup(p, why);
    apr_pool_destroy(scratch);
    return why;
}

int cli_certs_read_all(STACK_OF(X509) **stack, const cli_command_t *command,
                       apr_pool_t *p, const char *path)
{
    const char *why = load_all(stack, p, path);

    return why != NULL ? cli_complain(command, "%s", why) : CLI_GO_ON;
}

/* The issuer of `leaf` among certificates number `from` and after: the one
 * that signed it, else the first. */
static X509 *find_issuer(STACK_OF(X509) *stack, int from, X509 *leaf)
{
    int i;

    for (i = from; i < sk_X509_num(stack); i++) {
        if (staple_cert_has_issued(sk_X509_value(stack, i), leaf)) {
            return sk_X509_value(stack, i);
        }
    }
    return sk_X509_value(stack, from);
}

const char *cli_certs_load(cli_found_t *found, apr_pool_t *p,
                           const cli_certs_t *files)
{
    const char *path = files->chain != NULL ? files->chain : files->cert;
    STACK_OF(X509) *certs = NULL, *issuers = NULL;
    const char *why = load_all(&certs, p, path);

    if (why == NULL && files->issuer != NULL) {
        why = load_all(&issuers, p, files->issuer);
    }
    if (why != NULL) {
        return why;
    }
    found->leaf = sk_X509_value(certs, 0);
    found->others = issuers != NULL ? issuers : certs;
    found->issuer = find_issuer(found->others, issuers != NULL ? 0 : 1,
                                found->leaf);
    if (found->issuer == NULL
        && X509_NAME_cmp(X509_get_subject_name(found->leaf),
                         X509_get_issuer_name(found->leaf)) == 0) {
        found->issuer = found->leaf;
    }
    return found->issuer != NULL
               ? NULL
               : apr_psprintf(p,
                              "%s holds one certificate only: its issuer's "
                              "must follow it, or give --cert and --issuer",
                              cli_file_name(path));
}

int cli_certs_find(cli_found_t *found, const cli_command_t *command,
                   apr_pool_t *p, const cli_certs_t *files)
{
    int status = check_options(command, files);
    const char *why;

    if (status != CLI_GO_ON) {
        return status;
    }
    why = cli_certs_load(found, p, files);
    return why != NULL ? cli_complain(command, "%s", why) : CLI_GO_ON;
}

int cli_certs_read(staple_cert_t **cert, staple_reason_e *reason,
                   const cli_command_t *command, apr_pool_t *p,
                   const cli_certs_t *files, int url_needed)
{
    cli_found_t found;
    int status = cli_certs_find(&found, command, p, files);

    if (status == CLI_GO_ON) {
        *reason = staple_cert_from_x509(cert, p, staple_cert_issuers_make(p),
                                        found.leaf, found.issuer, url_needed);
    }
    return status;
}
