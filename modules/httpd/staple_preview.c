/* What httpd -t tells before a start: certificates, and files of no use. */
#include "staple_preview.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <unixd.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/staple_text.h"
#include "cache/staple_writer.h"
#include "httpd/config/staple_config.h"
#include "httpd/generation/staple_chain.h"
#include "httpd/generation/staple_register.h"
#include "httpd/generation/staple_ssl_files.h"
#include "io/staple_files.h"
#include "ocsp/staple_armour.h"
#include "refresh/staple_adopt.h"

/* A server and its files. */
typedef struct preview_t {
    server_rec *s;
    staple_ssl_files_t files;
    apr_array_header_t *ssl_ctxs; /* SSL_CTX *, of files that can be read */
    apr_array_header_t *whys;     /* const char *, by file: why it cannot be
                                     read; NULL: it can */
} preview_t;

/* ---- registering, as mod_ssl would have it done ---- */

/* Who issued the certificate as mod_ssl finds it, by name: among what is sent,
 * and among its CA certificates.  The caller frees it; or NULL. */
static X509 *issuer_of(SSL_CTX *ctx, X509 *x509)
{
    STACK_OF(X509) *sent = staple_chain_sent(ctx);
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    X509 *issuer = NULL;
    int i;

    for (i = 0; i < sk_X509_num(sent) && issuer == NULL; i++) {
        if (X509_check_issued(sk_X509_value(sent, i), x509) == X509_V_OK) {
            issuer = sk_X509_value(sent, i);
            X509_up_ref(issuer);
        }
    }
    if (issuer == NULL && store != NULL
        && X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(ctx), NULL, NULL)
        && X509_STORE_CTX_get1_issuer(&issuer, store, x509) <= 0) {
        issuer = NULL;
    }
    X509_STORE_CTX_free(store);
    return issuer;
}

/* Offers the certificate and its issuer, as text. */
static void offer(server_rec *s, apr_pool_t *p, SSL_CTX *ctx)
{
    X509 *x509 = SSL_CTX_get0_certificate(ctx);
    X509 *issuer = issuer_of(ctx, x509);
    BIO *bio = BIO_new(BIO_s_mem());
    staple_key_t key;
    char *text;
    long len;

    if (issuer != NULL && bio != NULL && staple_cert_key(&key, x509)
        && PEM_write_bio_X509(bio, x509) && PEM_write_bio_X509(bio, issuer)) {
        len = BIO_get_mem_data(bio, &text);
        staple_register_certificate(s, p, (const char *)key.bytes,
                                    STAPLE_KEY_LEN,
                                    apr_pstrmemdup(p, text, (apr_size_t)len));
    }
    BIO_free(bio);
    X509_free(issuer);
}

static apr_status_t free_ctx(void *ctx)
{
    SSL_CTX_free(ctx);
    return APR_SUCCESS;
}

/* Reads the certificates of a server, and offers them.  They stay as long as
 * what was registered, as mod_ssl's do. */
static void read_certs(preview_t *preview, apr_pool_t *p)
{
    const char *why;
    int i;

    for (i = 0; preview->files.is_on && i < preview->files.certs->nelts; i++) {
        SSL_CTX *ctx = staple_ssl_files_open(&why, &preview->files, i);

        if (ctx != NULL) {
            apr_pool_cleanup_register(p, ctx, free_ctx, apr_pool_cleanup_null);
            *(SSL_CTX **)apr_array_push(preview->ssl_ctxs) = ctx;
            offer(preview->s, p, ctx);
        }
        *(const char **)apr_array_push(preview->whys) = why;
    }
}

/* All servers, in the order of the configuration. */
static apr_array_header_t *find_all(server_rec *main_server, apr_pool_t *p)
{
    apr_array_header_t *all = apr_array_make(p, 16, sizeof(preview_t));
    apr_hash_t *sections = staple_ssl_files_sections(p);
    staple_ssl_files_t outer;
    server_rec *s;

    staple_ssl_files_of(&outer, main_server, NULL, sections, p);
    for (s = main_server; s != NULL; s = s->next) {
        preview_t *preview = apr_array_push(all);

        preview->s = s;
        preview->ssl_ctxs = apr_array_make(p, 2, sizeof(SSL_CTX *));
        preview->whys = apr_array_make(p, 2, sizeof(const char *));
        staple_ssl_files_of(&preview->files, s,
                            s == main_server ? NULL : &outer, sections, p);
    }
    return all;
}

/* Registers all, in the order of mod_ssl: the main server, and the virtual
 * hosts from the last to the first. */
static void register_all(const apr_array_header_t *all, apr_pool_t *p)
{
    preview_t *previews = (preview_t *)all->elts;
    int i;

    staple_register_test();
    read_certs(&previews[0], p);
    for (i = all->nelts - 1; i > 0; i--) {
        read_certs(&previews[i], p);
    }
    staple_register_test_server(previews[0].s, p, previews[0].ssl_ctxs);
    for (i = all->nelts - 1; i > 0; i--) {
        staple_register_test_server(previews[i].s, p, previews[i].ssl_ctxs);
    }
}

/* ---- files of responses ---- */

/* Tries it as the refresher would use it.  STAPLE_OK: some certificate that
 * the file may be for is stapled by it. */
static staple_reason_e try_file(const staple_generation_t *generation,
                                staple_writer_t *writer,
                                const staple_file_t *file,
                                const unsigned char *der, apr_size_t len)
{
    staple_reason_e result = STAPLE_NO_MATCH;
    apr_time_t now = apr_time_now();
    int i;

    for (i = 0; i < file->indexes->nelts && result == STAPLE_NO_MATCH; i++) {
        apr_uint32_t index = APR_ARRAY_IDX(file->indexes, i, apr_uint32_t);
        const staple_refresh_cert_t *entry =
            staple_generation_entry(generation, index);
        staple_record_t record = {.next_at = 0};

        result = staple_adopt(&record, writer, index, entry->cert,
                              entry->policy, der, len, NULL, now);
    }
    return result;
}

/* May the child processes read what root has read?  Whether they may enter its
 * directories is not looked at. */
static int may_user_read(const char *path)
{
    struct stat info;

    if (geteuid() != 0 || stat(path, &info) != 0) {
        return 1;
    }
    if (info.st_uid == ap_unixd_config.user_id) {
        return (info.st_mode & S_IRUSR) != 0;
    }
    /* User may have other groups beside Group. */
    return (info.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

static void warn_of(const server_rec *s, const staple_file_t *file,
                    staple_reason_e reason, apr_status_t status)
{
    if (status == APR_SUCCESS && !may_user_read(file->path)) {
        status = APR_EACCES;
    }
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, s,
                     STAPLE_LOGNO(0180)
                     "OCSPStapleResponseFile %s will not be used: it must "
                     "be a file that httpd's User may read",
                     file->path);
    }
    else if (reason != STAPLE_OK) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0181)
                     "OCSPStapleResponseFile %s will be refused: %s",
                     file->path, staple_reason_sentence(reason));
    }
}

/* Looks at each file once, for all certificates that it may be for. */
static void check_files(const staple_generation_t *generation,
                        const server_rec *main_server, apr_pool_t *p)
{
    const staple_refresh_cert_t *certs = staple_generation_entry(generation, 0);
    const apr_uint32_t count = (apr_uint32_t)generation->certs->nelts;
    staple_cache_t *cache = staple_refresh_own_cache(
        p, certs, count,
        (apr_size_t)staple_config_value(main_server, STAPLE_SET_MAX_SIZE));
    staple_files_t *files = staple_files_make(p);
    unsigned char *der = apr_palloc(p, STAPLE_ARMOUR_MAX);
    const staple_file_t *file;
    staple_writer_t *writer;
    apr_status_t status;
    apr_size_t len;

    if (cache == NULL) {
        return;
    }
    writer = staple_writer_make(p, cache);
    staple_files_add_all(files, certs, count);
    staple_files_rewind(files);
    while ((file = staple_files_next(files, der, &len, &status)) != NULL) {
        warn_of(main_server, file,
                status == APR_SUCCESS
                    ? try_file(generation, writer, file, der, len)
                    : STAPLE_OK,
                status);
    }
}

/* ---- the dump ---- */

/* Prints what becomes of the certificate on this server. */
static void dump_fate(apr_file_t *out, const preview_t *preview,
                      const staple_cert_t *cert)
{
    staple_fate_e fate = STAPLE_FATE_NOTHING;
    const char *why = "OCSPStaple is Off here";
    staple_reason_e reason;

    if (staple_config_enabled(preview->s)) {
        fate = staple_register_fate(&reason, &cert->key);
        why = staple_reason_sentence(reason);
    }
    if (fate == STAPLE_FATE_STAPLED) {
        apr_file_printf(out, "    stapled%s\n",
                        staple_config_get(preview->s)->policy->no_network
                            ? ", as far as OCSPStapleResponseFile has a "
                              "response for it"
                            : "");
        return;
    }
    apr_file_printf(out, "    %snot stapled: %s%s\n",
                    fate == STAPLE_FATE_FOLLOWED ? "followed by its CRL, " : "",
                    why,
                    cert->must_staple
                        ? "; it is must-staple: clients will refuse it"
                        : "");
}

static void dump_cert(apr_file_t *out, const preview_t *preview, X509 *x509,
                      apr_pool_t *p)
{
    char ends[STAPLE_TEXT_SIZE];
    staple_cert_t *cert;
    int i;

    if (staple_cert_describe(&cert, p, x509) != STAPLE_OK) {
        apr_file_printf(out, "    cannot be read\n");
        return;
    }
    apr_file_printf(out, "    %s, serial %s, %s, ends %s%s\n", cert->subject,
                    cert->serial, cert->key_type,
                    staple_text_time(ends, cert->not_after),
                    cert->must_staple ? ", must-staple" : "");
    apr_file_printf(out, "    responders:");
    for (i = 0; i < cert->url_count; i++) {
        apr_file_printf(out, " %s", cert->urls[i]);
    }
    apr_file_printf(out, "%s\n", i == 0 ? " none" : "");
    dump_fate(out, preview, cert);
}

static void dump_certs(apr_file_t *out, const preview_t *preview,
                       apr_pool_t *p)
{
    const apr_array_header_t *certs = preview->files.certs;
    int ctx = 0;
    int i;

    if (!preview->files.is_on) {
        return;
    }
    if (certs->nelts == 0) {
        apr_file_printf(out, "  certificates: SSLCertificateFile names none; "
                             "those of other modules, as mod_md, are known "
                             "after a start\n");
    }
    for (i = 0; i < certs->nelts; i++) {
        const char *why = APR_ARRAY_IDX(preview->whys, i, const char *);

        apr_file_printf(out, "  certificate %s\n",
                        APR_ARRAY_IDX(certs, i, const char *));
        if (why != NULL) {
            apr_file_printf(out, "    cannot be read: %s\n", why);
            continue;
        }
        dump_cert(out, preview,
                  SSL_CTX_get0_certificate(
                      APR_ARRAY_IDX(preview->ssl_ctxs, ctx++, SSL_CTX *)),
                  p);
    }
}

/* ---- the hook ---- */

/* Does any server name a file with responses? */
static int has_files(const server_rec *s)
{
    while (s != NULL && staple_config_get(s)->policy->files == NULL) {
        s = s->next;
    }
    return s != NULL;
}

void staple_preview_test(apr_pool_t *pconf, server_rec *main_server)
{
    int is_dump = ap_exists_config_define("DUMP_OCSPSTAPLE");
    /* httpd -S and httpd -M come here, too */
    int is_test = ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST;
    int is_wanted = is_test && has_files(main_server);
    staple_generation_t *generation = staple_generation_get();
    apr_array_header_t *all;
    apr_file_t *out = NULL;
    int i;

    if (!is_dump && !is_wanted) {
        return;
    }
    all = find_all(main_server, pconf);
    register_all(all, pconf);
    staple_register_finish(generation, pconf);
    if (is_wanted) {
        check_files(generation, main_server, pconf);
    }
    if (!is_dump || apr_file_open_stdout(&out, pconf) != APR_SUCCESS) {
        return;
    }
    for (i = 0; i < all->nelts; i++) {
        const preview_t *preview = &APR_ARRAY_IDX(all, i, preview_t);

        staple_config_dump(out, preview->s, i == 0, pconf);
        dump_certs(out, preview, pconf);
    }
}
