/* Directives: table, defaults, merge, cross-checks. */
#include "staple_config.h"

#include <apr_strings.h>

const staple_config_t *staple_config_get(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &ocspstaple_module);
}

void *staple_config_create(apr_pool_t *p, server_rec *s)
{
    static const staple_policy_t defaults = STAPLE_POLICY_DEFAULT;
    staple_config_t *config = apr_pcalloc(p, sizeof(*config));

    (void)s;
    config->enabled = -1;
    config->policy = defaults;
    return config;
}

void *staple_config_merge(apr_pool_t *p, void *base, void *add)
{
    const staple_config_t *outer = base;
    const staple_config_t *inner = add;
    staple_config_t *config = apr_pmemdup(p, inner, sizeof(*inner));

    if (inner->enabled < 0) {
        config->enabled = outer->enabled;
    }
    return config;
}

static const char *set_enabled(cmd_parms *cmd, void *dummy, int on)
{
    staple_config_t *config = ap_get_module_config(cmd->server->module_config,
                                                   &ocspstaple_module);

    (void)dummy;
    config->enabled = on;
    return NULL;
}

const command_rec staple_config_commands[] = {
    AP_INIT_FLAG("OCSPStaple", set_enabled, NULL, RSRC_CONF,
                 "On or Off: staple OCSP responses to this server's handshakes"),
    {NULL}};

int staple_config_any_enabled(server_rec *main_server)
{
    server_rec *s;

    for (s = main_server; s != NULL; s = s->next) {
        if (staple_config_get(s)->enabled > 0) {
            return 1;
        }
    }
    return 0;
}

/* The modules without which nothing works, and how to get them. */
static int check_modules(server_rec *main_server)
{
    static const struct {
        const char *file, *line, *why;
    } needed[] = {
        {"mod_ssl.c", "LoadModule ssl_module modules/mod_ssl.so",
         "it does the TLS handshakes that staples are for"},
        {"mod_watchdog.c", "LoadModule watchdog_module modules/mod_watchdog.so",
         "it runs the refresher in the background"},
    };
    int ok = 1;
    unsigned i;

    for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (ap_find_linked_module(needed[i].file) == NULL) {
            ap_log_error(APLOG_MARK, APLOG_EMERG, 0, main_server,
                         STAPLE_LOGNO(0001)
                         "OCSPStaple is On, but %.*s is not loaded (%s): add "
                         "\"%s\" to the configuration, or set OCSPStaple Off",
                         (int)(strlen(needed[i].file) - 2), needed[i].file,
                         needed[i].why, needed[i].line);
            ok = 0;
        }
    }
    return ok;
}

int staple_config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *main_server)
{
    (void)pconf;
    (void)plog;
    (void)ptemp;
    if (!staple_config_any_enabled(main_server)) {
        return OK;
    }
    return check_modules(main_server) ? OK : HTTP_INTERNAL_SERVER_ERROR;
}
