/* Each server's complete policy: cross-checks of directives, and their dump. */
#include "staple_policy.h"

#include <apr_strings.h>
#include <http_core.h>

#include "staple_config.h"

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

/* X(setting, member): a policy's plain values that are one number each.  The
 * settings of the main server alone are in no policy: -Wswitch-enum sees to it
 * that each is in one list or in the other. */
#define MEMBERS(X)                                                             \
    X(ENABLED, enabled)                                                        \
    X(INTERVAL, interval)                                                      \
    X(TIMEOUT, timeout)                                                        \
    X(RETRY_INTERVAL, retry_interval)                                          \
    X(MAX_TRIES, max_tries)                                                    \
    X(ACTION, action)                                                          \
    X(METHOD, method)                                                          \
    X(NONCE, nonce)                                                            \
    X(CLOCK_SKEW, clock_skew)                                                  \
    X(MAX_AGE, max_age)                                                        \
    X(ISSUER_CHECK, issuer_check)                                              \
    X(REVOKED_SCORE, revoked_score)

#define NO_MEMBER                                                              \
    case STAPLE_SET_CONCURRENCY:                                               \
    case STAPLE_SET_MAX_SIZE:                                                  \
    case STAPLE_SET_COUNT

static void set_member(staple_policy_t *policy, staple_setting_e setting,
                       apr_int64_t value)
{
    switch (setting) {
#define SET(setting, member)                                                   \
    case STAPLE_SET_##setting:                                                 \
        policy->member = (__typeof__(policy->member))value;                    \
        break;
        MEMBERS(SET)
#undef SET
    NO_MEMBER:
        break;
    }
}

static apr_int64_t get_member(const staple_policy_t *policy,
                              staple_setting_e setting)
{
    switch (setting) {
#define GET(setting, member)                                                   \
    case STAPLE_SET_##setting:                                                 \
        return (apr_int64_t)policy->member;
        MEMBERS(GET)
#undef GET
    NO_MEMBER:
        break;
    }
    return 0;
}

/* The lists: whose directive, where it is in a server's configuration, and what
 * stands for none in the dump. */
static const struct {
    const char *name;
    apr_size_t at;
    const char *none;
} lists[STAPLE_LIST_COUNT] = {
    [STAPLE_LIST_RESPONDER] = {"OCSPStapleResponder",
                               APR_OFFSETOF(staple_config_t, responders),
                               "(no list)"},
    [STAPLE_LIST_RESPONSE_FILE] = {"OCSPStapleResponseFile",
                                   APR_OFFSETOF(staple_config_t,
                                                response_files),
                                   "none"},
    [STAPLE_LIST_CHAIN_FILE] = {"OCSPStapleChainFile",
                                APR_OFFSETOF(staple_config_t, chain_files),
                                "none"},
};

/* A server's list number i, as its configuration has it. */
static const apr_array_header_t *words_of(const staple_config_t *config, int i)
{
    return *(apr_array_header_t *const *)(const void *)((const char *)config
                                                        + lists[i].at);
}

/* All of it anew, also what lies between the members. */
static void fill_policy(staple_policy_t *policy, const server_rec *s,
                        apr_pool_t *p)
{
    const staple_config_t *config = staple_config_get(s);
    int i;

    memset(policy, 0, sizeof(*policy));
    for (i = 0; i < STAPLE_SET_COUNT; i++) {
        set_member(policy, (staple_setting_e)i,
                   staple_config_value(s, (staple_setting_e)i));
    }
    policy->no_network = config->responders != NULL
                         && config->responders->nelts == 0;
    policy->exclude = staple_config_exclude(config);
    for (i = 0; i < STAPLE_LIST_COUNT; i++) {
        policy->lists[i] = list_of(p, words_of(config, i));
    }
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

/* Are they the same, whatever a policy is made of? */
static int is_same(const staple_policy_t *a, const staple_policy_t *b)
{
    int i;

    for (i = 0; i < STAPLE_LIST_COUNT; i++) {
        if (!same_list(a->lists[i], b->lists[i])) {
            return 0;
        }
    }
    return memcmp(a, b, APR_OFFSETOF(staple_policy_t, lists)) == 0;
}

static const char *add_name(apr_pool_t *p, const char *names, const char *name)
{
    return names != NULL ? apr_pstrcat(p, names, ", ", name, NULL) : name;
}

const char *staple_policy_differences(apr_pool_t *p, const staple_policy_t *a,
                                      const staple_policy_t *b)
{
    const char *names = NULL;
    int i;

    if (a == b) {
        return NULL;
    }
    for (i = 0; i < STAPLE_SET_COUNT; i++) {
        if (i != STAPLE_SET_ENABLED && i != STAPLE_SET_ISSUER_CHECK
            && get_member(a, (staple_setting_e)i)
                   != get_member(b, (staple_setting_e)i)) {
            names = add_name(p, names,
                             staple_config_name((staple_setting_e)i));
        }
    }
    for (i = 0; i < STAPLE_LIST_COUNT; i++) {
        if (i != STAPLE_LIST_CHAIN_FILE
            && (!same_list(a->lists[i], b->lists[i])
                || (i == STAPLE_LIST_RESPONDER
                    && a->no_network != b->no_network))) {
            names = add_name(p, names, lists[i].name);
        }
    }
    return a->exclude != b->exclude
               ? add_name(p, names, "OCSPStapleLogExclude")
               : names;
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

/* Is anything but OCSPStaple itself set here and not outside? */
static int sets_policy(const staple_config_t *config,
                       const staple_config_t *outer)
{
    int i;

    for (i = 0; i < STAPLE_LIST_COUNT; i++) {
        if (words_of(config, i) != words_of(outer, i)) {
            return 1;
        }
    }
    return memcmp(&config->values[STAPLE_SET_ENABLED + 1],
                  &outer->values[STAPLE_SET_ENABLED + 1],
                  sizeof(config->values) - sizeof(config->values[0]))
               != 0
           || staple_config_exclude(config) != staple_config_exclude(outer);
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
                         staple_config_place(ptemp, s));
        }
        return 1;
    }
    if (policy->action == STAPLE_ACTION_OVERRIDE && policy->urls == NULL
        && !policy->no_network) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s,
                     STAPLE_LOGNO(0003)
                     "server %s: OCSPStapleResponderAction override needs a "
                     "list: add OCSPStapleResponder with one or more URLs",
                     staple_config_place(ptemp, s));
        return 0;
    }
    if (policy->retry_interval > policy->interval) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0005)
                     "server %s: OCSPStapleRetryInterval is longer than "
                     "OCSPStapleInterval: failed requests are repeated later "
                     "than good ones",
                     staple_config_place(ptemp, s));
    }
    return 1;
}

/* Gives the server its policy: the one before it, where that is the same, as it
 * is for most of ten thousand virtual hosts.  Returns it. */
static const staple_policy_t *set_policy(server_rec *s,
                                         const staple_policy_t *before,
                                         apr_pool_t *pconf, apr_pool_t *ptemp)
{
    staple_config_t *config = staple_config_get(s);
    staple_policy_t *policy = apr_palloc(ptemp, sizeof(*policy));

    fill_policy(policy, s, ptemp);
    if (before != NULL && is_same(before, policy)) {
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
                 {"OCSPStapleShared", config->shared},
                 {"OCSPStapleStore", staple_config_store(s)}};
    unsigned i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        apr_file_printf(out, "  %s %s\n", texts[i].name,
                        texts[i].value != NULL ? texts[i].value : "none");
    }
    dump_list(out, "OCSPStapleEventCommand", config->event_command,
              "(no command)");
}

/* A setting as it is in force: in the server's policy, or in the main server's
 * configuration. */
static apr_int64_t in_force(const server_rec *s, staple_setting_e setting)
{
    return staple_config_is_server_only(setting)
               ? staple_config_value(s, setting)
               : get_member(staple_config_get(s)->policy, setting);
}

static void dump_server(apr_pool_t *p, apr_file_t *out, const server_rec *s,
                        int is_main)
{
    const staple_policy_t *policy = staple_config_get(s)->policy;
    int i;

    apr_file_printf(out, "%s %s\n", is_main ? "main server" : "virtual host",
                    staple_config_place(p, s));
    for (i = 0; i < STAPLE_SET_COUNT; i++) {
        staple_setting_e setting = (staple_setting_e)i;

        if (is_main || !staple_config_is_server_only(setting)) {
            apr_file_printf(out, "  %s %s\n", staple_config_name(setting),
                            staple_config_text(p, setting,
                                               in_force(s, setting)));
        }
    }
    for (i = 0; i < STAPLE_LIST_COUNT; i++) {
        dump_list(out, lists[i].name, policy->lists[i],
                  i == STAPLE_LIST_RESPONDER && policy->no_network
                      ? "none"
                      : lists[i].none);
    }
    apr_file_printf(out, "  OCSPStapleLogExclude %s\n",
                    staple_config_exclude_text(p, policy->exclude));
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
