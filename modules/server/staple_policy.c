/* Each server's complete policy: cross-checks of directives, and their dump. */
#include "staple_policy.h"

#include <apr_strings.h>
#include <http_core.h>

#include "staple_config.h"
#include "staple_exclude.h"
#include "staple_shared.h"

static const char *const *list_of(apr_pool_t *p,
                                  const apr_array_header_t *strings)
{
    const char **list;

    if (strings == NULL || strings->nelts == 0) {
        return NULL;
    }
    list = apr_pcalloc(p, (apr_size_t)(strings->nelts + 1) * sizeof(*list));
    memcpy(list, strings->elts, (apr_size_t)strings->nelts * sizeof(*list));
    return list;
}

static void fill_policy(staple_policy_t *policy, const server_rec *s,
                        apr_pool_t *p)
{
    const staple_config_t *config = staple_config_get(s);

    memset(policy, 0, sizeof(*policy));
    policy->interval = staple_config_value(s, STAPLE_SET_INTERVAL);
    policy->timeout = staple_config_value(s, STAPLE_SET_TIMEOUT);
    policy->retry_interval = staple_config_value(s, STAPLE_SET_RETRY_INTERVAL);
    policy->max_tries = (unsigned)staple_config_value(s, STAPLE_SET_MAX_TRIES);
    policy->action = (staple_action_e)staple_config_value(s, STAPLE_SET_ACTION);
    policy->method = (staple_method_e)staple_config_value(s, STAPLE_SET_METHOD);
    policy->nonce = (int)staple_config_value(s, STAPLE_SET_NONCE);
    policy->clock_skew = staple_config_value(s, STAPLE_SET_CLOCK_SKEW);
    policy->max_age = staple_config_value(s, STAPLE_SET_MAX_AGE);
    policy->no_network = config->responders != NULL
                         && config->responders->nelts == 0;
    policy->exclude = staple_exclude_of(config);
    policy->revoked_score = (unsigned)staple_config_value(
        s, STAPLE_SET_REVOKED_SCORE);
    policy->urls = list_of(p, config->responders);
    policy->files = list_of(p, config->response_files);
}

static int same_list(const char *const *a, const char *const *b)
{
    while (a != NULL && b != NULL && *a != NULL && *b != NULL) {
        if (strcmp(*a++, *b++) != 0) {
            return 0;
        }
    }
    return (a == NULL || *a == NULL) && (b == NULL || *b == NULL);
}

int staple_policy_same(const staple_policy_t *a,
                              const staple_policy_t *b)
{
    return a->interval == b->interval && a->timeout == b->timeout
           && a->retry_interval == b->retry_interval
           && a->max_tries == b->max_tries && a->action == b->action
           && a->method == b->method && a->nonce == b->nonce
           && a->clock_skew == b->clock_skew && a->max_age == b->max_age
           && a->exclude == b->exclude
           && a->revoked_score == b->revoked_score
           && a->no_network == b->no_network && same_list(a->urls, b->urls)
           && same_list(a->files, b->files);
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

static const char *place_of(const server_rec *s, apr_pool_t *p)
{
    return s->defn_name != NULL
               ? apr_psprintf(p, "%s (%s:%u)", s->server_hostname,
                              s->defn_name, s->defn_line_number)
               : s->server_hostname;
}

/* Is anything but OCSPStaple itself set here and not outside? */
static int sets_policy(const staple_config_t *config,
                       const staple_config_t *outer)
{
    return memcmp(&config->values[STAPLE_SET_ENABLED + 1],
                  &outer->values[STAPLE_SET_ENABLED + 1],
                  sizeof(config->values) - sizeof(config->values[0]))
               != 0
           || config->responders != outer->responders
           || config->chain_files != outer->chain_files
           || staple_exclude_of(config) != staple_exclude_of(outer)
           || config->response_files != outer->response_files;
}

/* Combinations that make no sense.  `outer` is what a virtual host inherits
 * from, NULL for the main server.  Returns 0 for those that must not start. */
static int check_server(server_rec *s, const staple_config_t *outer,
                        apr_pool_t *ptemp)
{
    const staple_config_t *config = staple_config_get(s);
    const staple_policy_t *policy = config->policy;

    if (!staple_config_enabled(s)) {
        /* What the main server says is for its virtual hosts to inherit. */
        if (outer != NULL && sets_policy(config, outer)) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                         STAPLE_LOGNO(0002)
                         "server %s sets OCSPStaple... directives, but its "
                         "OCSPStaple is Off: they have no effect",
                         place_of(s, ptemp));
        }
        return 1;
    }
    if (policy->action == STAPLE_ACTION_OVERRIDE && policy->urls == NULL
        && !policy->no_network) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s,
                     STAPLE_LOGNO(0003)
                     "server %s: OCSPStapleResponderAction override needs a "
                     "list: add OCSPStapleResponder with one or more URLs",
                     place_of(s, ptemp));
        return 0;
    }
    if (policy->no_network && policy->files == NULL) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0004)
                     "server %s: OCSPStapleResponder none and no "
                     "OCSPStapleResponseFile: there is nothing to staple",
                     place_of(s, ptemp));
    }
    if (policy->retry_interval > policy->interval) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0005)
                     "server %s: OCSPStapleRetryInterval is longer than "
                     "OCSPStapleInterval: failed requests are repeated later "
                     "than good ones",
                     place_of(s, ptemp));
    }
    return 1;
}

/* Gives the server its policy: the one before it, where that is the same, as it
 * is for most of ten thousand virtual hosts.  Returns it. */
static const staple_policy_t *set_policy(server_rec *s,
                                         const staple_policy_t *before,
                                         apr_pool_t *pconf, apr_pool_t *ptemp)
{
    staple_config_t *config =
        ap_get_module_config(s->module_config, &ocspstaple_module);
    staple_policy_t *policy = apr_palloc(ptemp, sizeof(*policy));

    fill_policy(policy, s, ptemp);
    if (before != NULL && staple_policy_same(before, policy)) {
        config->policy = before;
        return before;
    }
    policy = apr_palloc(pconf, sizeof(*policy));
    fill_policy(policy, s, pconf);
    config->policy = policy;
    return policy;
}

int staple_policy_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *main_server)
{
    const staple_policy_t *policy = NULL;
    server_rec *s;
    int ok = 1;

    (void)plog;
    for (s = main_server; s != NULL; s = s->next) {
        policy = set_policy(s, policy, pconf, ptemp);
    }
    for (s = main_server; s != NULL; s = s->next) {
        ok &= check_server(s,
                           s == main_server ? NULL
                                            : staple_config_get(main_server),
                           ptemp);
    }
    if (staple_config_any_enabled(main_server)) {
        ok &= check_modules(main_server);
    }
    return ok ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

/* One directive and its words; `without` is what stands for no word. */
static void dump_list(apr_file_t *out, const char *name,
                      const char *const *list, const char *without)
{
    apr_file_printf(out, "  %s", name);
    if (list == NULL || *list == NULL) {
        apr_file_printf(out, " %s", without);
    }
    for (; list != NULL && *list != NULL; list++) {
        apr_file_printf(out, " %s", *list);
    }
    apr_file_printf(out, "\n");
}

/* What there is for the main server alone. */
static void dump_main(apr_file_t *out, const server_rec *s)
{
    const staple_config_t *config = staple_config_get(s);
    const char *proxy = config->proxy != NULL && config->proxy[0] != '\0'
                            ? config->proxy
                            : NULL;
    const struct {
        const char *name, *value;
    } texts[] = {{"OCSPStapleEventLog", config->event_log},
                 {"OCSPStapleProxy", proxy},
                 {"OCSPStapleShared", staple_shared_name()},
                 {"OCSPStapleStore", staple_config_store(s)}};
    unsigned i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        apr_file_printf(out, "  %s %s\n", texts[i].name,
                        texts[i].value != NULL ? texts[i].value : "none");
    }
    dump_list(out, "OCSPStapleEventCommand", config->event_command,
              "(no command)");
}

static void dump_server(apr_pool_t *p, apr_file_t *out, const server_rec *s,
                        int is_main)
{
    const staple_config_t *config = staple_config_get(s);
    int i;

    apr_file_printf(out, "%s %s\n", is_main ? "main server" : "virtual host",
                    place_of(s, p));
    for (i = 0; i < STAPLE_SET_COUNT; i++) {
        staple_setting_e setting = (staple_setting_e)i;

        if (is_main || !staple_config_is_server_only(setting)) {
            apr_file_printf(out, "  %s %s\n", staple_config_name(setting),
                            staple_config_text(p, s, setting));
        }
    }
    dump_list(out, "OCSPStapleResponder", config->policy->urls,
              config->policy->no_network ? "none" : "(no list)");
    dump_list(out, "OCSPStapleResponseFile", config->policy->files, "none");
    dump_list(out, "OCSPStapleChainFile", list_of(p, config->chain_files),
              "none");
    apr_file_printf(out, "  OCSPStapleLogExclude %s\n",
                    staple_exclude_text(p, config->policy->exclude));
    if (is_main) {
        dump_main(out, s);
    }
}

void staple_policy_dump(apr_pool_t *pconf, server_rec *main_server)
{
    apr_file_t *out = NULL;
    server_rec *s;

    if (!ap_exists_config_define("DUMP_OCSPSTAPLE")
        || apr_file_open_stdout(&out, pconf) != APR_SUCCESS) {
        return;
    }
    for (s = main_server; s != NULL; s = s->next) {
        dump_server(pconf, out, s, s == main_server);
    }
}
