/* Module same_staple: staples one file's bytes, and does nothing else.  What is
 * left is what a staple costs mod_ssl and OpenSSL. */
#include <httpd.h>

#include <apr_file_io.h>
#include <http_config.h>
#include <http_ssl.h>

static unsigned char der[16384];
static apr_size_t len;

static const char *set_file(cmd_parms *cmd, void *dir, const char *path)
{
    apr_file_t *file;

    (void)dir;
    if (apr_file_open(&file, path, APR_FOPEN_READ, 0, cmd->temp_pool)
            != APR_SUCCESS
        || apr_file_read_full(file, der, sizeof(der), &len) != APR_EOF) {
        return "SameStaple: not a file of less than 16384 bytes";
    }
    return NULL;
}

static int prime(server_rec *s, apr_pool_t *p, const char *id,
                 apr_size_t id_len, const char *pem)
{
    (void)s;
    (void)p;
    (void)id;
    (void)id_len;
    (void)pem;
    return OK;
}

static int respond(server_rec *s, conn_rec *c, const char *id,
                   apr_size_t id_len, ap_ssl_ocsp_copy_resp *copy, void *baton)
{
    (void)s;
    (void)c;
    (void)id;
    (void)id_len;
    copy(der, len, baton);
    return OK;
}

static const command_rec commands[] = {
    AP_INIT_TAKE1("SameStaple", set_file, NULL, RSRC_CONF, "a file of DER"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL}};

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_ssl_ocsp_prime_hook(prime, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_ssl_ocsp_get_resp_hook(respond, NULL, NULL, APR_HOOK_FIRST);
}

AP_DECLARE_MODULE(same_staple) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL,
                                  NULL, commands, register_hooks};
