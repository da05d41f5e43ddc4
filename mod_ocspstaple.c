/* Module record and hook wiring; nothing else. */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_ssl.h>
#include <mod_status.h>

#include "httpd/config/staple_config.h"
#include "httpd/events/staple_eventlog.h"
#include "httpd/staple_lifecycle.h"
#include "httpd/staple_preview.h"
#include "httpd/staple_prime.h"
#include "httpd/staple_serve.h"
#include "httpd/staple_serve_chain.h"
#include "httpd/staple_start_wait.h"
#include "httpd/status/staple_status.h"
#include "httpd/staple_watchdog.h"

/* mod_ssl_openssl.h is not installed everywhere; an optional hook needs no
 * more than the type of its function. */
typedef int ssl_HOOK_init_server_t(server_rec *s, apr_pool_t *p, int is_proxy,
                                   SSL_CTX *ctx);

static void register_hooks(apr_pool_t *p)
{
    static const char *const after_ssl[] = {"mod_ssl.c", "mod_md.c", NULL};
    static const char *const watchdog[] = {"mod_watchdog.c", NULL};
    static const char *const before_setenvif[] = {"mod_setenvif.c", NULL};

    (void)p;
    ap_hook_pre_config(staple_lifecycle_pre_config, NULL, NULL,
                       APR_HOOK_MIDDLE);
    ap_hook_check_config(staple_config_check, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(staple_preview_test, NULL, NULL, APR_HOOK_MIDDLE);
    /* Before mod_md's: OCSPStaple On is the more particular wish. */
    ap_hook_ssl_ocsp_prime_hook(staple_prime, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_ssl_ocsp_get_resp_hook(staple_serve_response, NULL, NULL,
                                   APR_HOOK_FIRST);
    APR_OPTIONAL_HOOK(ssl, init_server, staple_prime_server, NULL, NULL,
                      APR_HOOK_MIDDLE);
#if STAPLE_OPENSSL_CHAIN
    APR_OPTIONAL_HOOK(ssl, init_server, staple_serve_chain_init_server, NULL,
                      NULL, APR_HOOK_LAST);
#endif
    /* mod_ssl's post_config primes the certificates; mod_watchdog's, at
     * APR_HOOK_LAST, starts what was registered before. */
    ap_hook_post_config(staple_lifecycle_post_config, after_ssl,
                        watchdog, APR_HOOK_LAST);
    ap_hook_open_logs(staple_eventlog_open, NULL, NULL, APR_HOOK_MIDDLE);
    /* SetEnvIf may look at the variables. */
    ap_hook_post_read_request(staple_serve_variables, NULL, before_setenvif,
                              APR_HOOK_MIDDLE);
    ap_hook_handler(staple_status_handle, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ap, status_hook, staple_status_section, NULL, NULL,
                      APR_HOOK_MIDDLE);
    ap_hook_child_init(staple_serve_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(staple_lifecycle_child_init, NULL, watchdog,
                       APR_HOOK_FIRST);
    ap_hook_child_init(staple_watchdog_child_init, watchdog, NULL,
                       APR_HOOK_LAST);
    ap_hook_child_init(staple_start_wait_child_init, NULL, NULL,
                       APR_HOOK_REALLY_LAST);
}

module AP_MODULE_DECLARE_DATA ocspstaple_module = {
    STANDARD20_MODULE_STUFF,
    NULL,                   /* create per-directory configuration */
    NULL,                   /* merge it */
    staple_config_create,   /* create per-server configuration */
    staple_config_merge,    /* merge it */
    staple_config_commands, /* directives */
    register_hooks,
    0};
