/* Directives: table, defaults, bounds, merge. */
#include "staple_config.h"

#include <ap_provider.h>
#include <apr_strings.h>
#include <http_core.h>

#include "base/staple_parse.h"
#include "io/staple_sink.h"

#define UNSET (-1)

typedef enum { ONOFF, NUMBER, DURATION, WORD, TENTHS } kind_e;

/* One directive that sets one number. */
typedef struct row_t {
    const char *name;
    staple_setting_e setting;
    kind_e kind;
    apr_int64_t min, max;     /* NUMBER; DURATION in seconds */
    apr_int64_t initial;      /* NUMBER, ONOFF, WORD; DURATION in seconds */
    const char *const *words; /* WORD: its values; NUMBER, DURATION: for 0 */
    int server_only;
} row_t;

static const char *const action_words[] = {"failover", "override", NULL};
static const char *const method_words[] = {"post-get", "get-post", "post",
                                           "get", NULL};
static const char *const retry_words[] = {"auto", NULL};
static const char *const tries_words[] = {"none", NULL};

/* X(setting, directive, kind, min, max, default, words, server only, help), in
 * the order of staple_setting_e. */
#define ROWS(X)                                                                \
    X(ENABLED, "OCSPStaple", ONOFF, 0, 1, 0, NULL, 0,                          \
      "staple OCSP responses to this server's handshakes")                     \
    X(INTERVAL, "OCSPStapleInterval", DURATION, 60, 31536000, 86400, NULL, 0,  \
      "longest time between OCSP requests for a certificate")                  \
    X(TIMEOUT, "OCSPStapleTimeout", DURATION, 1, 300, 10, NULL, 0,             \
      "time for one whole exchange with a responder")                          \
    X(RETRY_INTERVAL, "OCSPStapleRetryInterval", DURATION, 1, 86400, 0,        \
      retry_words, 0, "time to the next job after a failed one")               \
    X(MAX_TRIES, "OCSPStapleMaxTries", NUMBER, 1, 10000, 0, tries_words, 0,    \
      "failed jobs in a row at the retry interval, or none: no limit")         \
    X(ACTION, "OCSPStapleResponderAction", WORD, 0, 0,                         \
      STAPLE_ACTION_FAILOVER, action_words, 0,                                 \
      "failover: the certificate's responders, then the list; override: the "  \
      "list only")                                                             \
    X(METHOD, "OCSPStapleMethod", WORD, 0, 0, STAPLE_METHOD_POST_GET,          \
      method_words, 0, "HTTP methods to try at each responder, in order")      \
    X(NONCE, "OCSPStapleNonce", ONOFF, 0, 1, 0, NULL, 0,                       \
      "send a nonce with each request")                                        \
    X(CLOCK_SKEW, "OCSPStapleClockSkew", DURATION, 0, 3600, 300, NULL, 0,      \
      "tolerance for the times of a response")                                 \
    X(MAX_AGE, "OCSPStapleMaxAge", DURATION, 60, 31536000, 604800, NULL, 0,    \
      "how long a response without nextUpdate may be used")                    \
    X(ISSUER_CHECK, "OCSPStapleIssuerCheck", ONOFF, 0, 1, 1, NULL, 0,          \
      "follow the status of the issuers, too")                                 \
    X(REVOKED_SCORE, "OCSPStapleRevokedScore", TENTHS, 0, 50, 0, NULL, 0,      \
      "the score of a revoked certificate, 0.0 to 5.0")                        \
    X(CONCURRENCY, "OCSPStapleConcurrency", NUMBER, 1, 1000, 64, NULL, 1,      \
      "OCSP exchanges in flight at most")                                      \
    X(MAX_SIZE, "OCSPStapleMaxSize", NUMBER, STAPLE_LEAST_MAX_SIZE,            \
      STAPLE_MAX_RESPONSE, STAPLE_USUAL_MAX_SIZE, NULL, 1,                     \
      "bytes of the longest response that is stapled")

/* The exclusion flags, by name. */
static const struct {
    const char *word;
    unsigned bits;
} exclusions[] = {{"revoked", STAPLE_EXCLUDE_REVOKED},
                  {"issuer-revoked", STAPLE_EXCLUDE_ISSUER_REVOKED},
                  {"stale", STAPLE_EXCLUDE_STALE},
                  {"unavailable", STAPLE_EXCLUDE_UNAVAILABLE},
                  {"all", STAPLE_EXCLUDE_ALL},
                  {"none", 0}};

#define EXCLUSION_COUNT (sizeof(exclusions) / sizeof(exclusions[0]))

static row_t rows[STAPLE_SET_COUNT] = {
#define ROW(setting, name, kind, min, max, initial, words, server_only, help)  \
    [STAPLE_SET_##setting] = {name, STAPLE_SET_##setting, kind, min, max,      \
                              initial, words, server_only},
    ROWS(ROW)
#undef ROW
};

/* ---- values ---- */

staple_config_t *staple_config_get(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &ocspstaple_module);
}

apr_int64_t staple_config_value(const server_rec *s, staple_setting_e setting)
{
    apr_int64_t value = staple_config_get(s)->values[setting];
    const row_t *row = &rows[setting];

    if (value != UNSET) {
        return value;
    }
    return row->kind == DURATION ? apr_time_from_sec(row->initial)
                                 : row->initial;
}

int staple_config_enabled(const server_rec *s)
{
    return staple_config_get(s)->values[STAPLE_SET_ENABLED] == 1;
}

const char *staple_config_store(const server_rec *main_server)
{
    const char *store = staple_config_get(main_server)->store;

    if (store == NULL) {
        return ap_runtime_dir_relative(main_server->process->pconf,
                                       STAPLE_STORE_DIR);
    }
    return store[0] != '\0' ? store : NULL;
}

int staple_config_any_enabled(server_rec *main_server)
{
    server_rec *s;

    for (s = main_server; s != NULL; s = s->next) {
        if (staple_config_enabled(s)) {
            return 1;
        }
    }
    return 0;
}

unsigned staple_config_exclude(const staple_config_t *config)
{
    unsigned base = config->exclude < 0 ? STAPLE_EXCLUDE_ALL
                                        : (unsigned)config->exclude;

    return (base | config->exclude_more) & ~config->exclude_less;
}

void *staple_config_create(apr_pool_t *p, server_rec *s)
{
    staple_config_t *config = apr_pcalloc(p, sizeof(*config));
    int i;

    (void)s;
    for (i = 0; i < STAPLE_SET_COUNT; i++) {
        config->values[i] = UNSET;
    }
    config->exclude = UNSET;
    return config;
}

void *staple_config_merge(apr_pool_t *p, void *base, void *add)
{
    const staple_config_t *outer = base;
    const staple_config_t *inner = add;
    staple_config_t *config = apr_pmemdup(p, inner, sizeof(*inner));
    int i;

    for (i = 0; i < STAPLE_SET_COUNT; i++) {
        if (inner->values[i] == UNSET) {
            config->values[i] = outer->values[i];
        }
    }
    if (inner->responders == NULL) {
        config->responders = outer->responders;
    }
    if (inner->response_files == NULL) {
        config->response_files = outer->response_files;
    }
    if (inner->chain_files == NULL) {
        config->chain_files = outer->chain_files;
    }
    if (inner->exclude < 0) {
        config->exclude = (int)staple_config_exclude(outer);
    }
    config->proxy = outer->proxy;
    config->event_log = outer->event_log;
    config->event_command = outer->event_command;
    config->store = outer->store;
    config->shared = outer->shared;
    config->shared_provider = outer->shared_provider;
    config->shared_instance = outer->shared_instance;
    return config;
}

/* ---- directives ---- */

/* The index of a word in a NULL-terminated list, or -1. */
static int find_word(const char *const *words, const char *text)
{
    int i;

    for (i = 0; words != NULL && words[i] != NULL; i++) {
        if (ap_cstr_casecmp(words[i], text) == 0) {
            return i;
        }
    }
    return -1;
}

static const char *allowed(apr_pool_t *p, const row_t *row)
{
    const char *list = "";
    int i;

    for (i = 0; row->words != NULL && row->words[i] != NULL; i++) {
        list = apr_pstrcat(p, list, i > 0 ? ", " : "", row->words[i], NULL);
    }
    switch (row->kind) {
    case ONOFF:
        return "On or Off";
    case WORD:
        return apr_pstrcat(p, "one of ", list, NULL);
    case NUMBER:
        return apr_psprintf(p, "%s%sa whole number from %" APR_INT64_T_FMT
                               " to %" APR_INT64_T_FMT,
                            list, row->words != NULL ? " or " : "", row->min,
                            row->max);
    case TENTHS:
        return apr_psprintf(p, "a number from %.1f to %.1f with at most one "
                               "decimal",
                            (double)row->min / 10, (double)row->max / 10);
    case DURATION:
        break;
    }
    return apr_psprintf(p, "%s%s%" APR_INT64_T_FMT " to %" APR_INT64_T_FMT
                           " seconds, as whole seconds or as a whole number "
                           "with unit s, mi, h or d",
                        list, row->words != NULL ? " or " : "", row->min,
                        row->max);
}

/* Reads one value; returns 1, or 0 where the row does not allow it. */
static int read_value(apr_int64_t *value, const row_t *row, const char *text)
{
    int word = find_word(row->words, text);

    if (word >= 0) {
        *value = row->kind == WORD ? word : 0;
        return 1;
    }
    switch (row->kind) {
    case ONOFF:
        *value = ap_cstr_casecmp(text, "on") == 0;
        return *value || ap_cstr_casecmp(text, "off") == 0;
    case WORD:
        return 0;
    case NUMBER:
        return staple_parse_number(value, text, row->min, row->max);
    case TENTHS:
        return staple_parse_tenths(value, text, row->min, row->max);
    case DURATION:
        break;
    }
    return staple_parse_duration(value, text, row->min, row->max);
}

static const char *set_value(cmd_parms *cmd, void *dummy, const char *text)
{
    const row_t *row = cmd->info;
    const char *error = row->server_only
                            ? ap_check_cmd_context(cmd, NOT_IN_VIRTUALHOST)
                            : NULL;

    (void)dummy;
    if (error != NULL) {
        return error;
    }
    if (!read_value(&staple_config_get(cmd->server)->values[row->setting], row,
                    text)) {
        return apr_psprintf(cmd->pool, "%s: \"%s\" is not allowed: give %s",
                            row->name, text, allowed(cmd->pool, row));
    }
    return NULL;
}

/* Adds one argument to a list; "none" must stand alone and empties it. */
static const char *add_to(apr_array_header_t **list, cmd_parms *cmd,
                          const char *text)
{
    if (*list != NULL && (*list)->nelts == 0) {
        return apr_psprintf(cmd->pool, "%s: \"none\" stands alone",
                            cmd->cmd->name);
    }
    if (ap_cstr_casecmp(text, "none") == 0) {
        if (*list != NULL) {
            return apr_psprintf(cmd->pool, "%s: \"none\" stands alone",
                                cmd->cmd->name);
        }
        *list = apr_array_make(cmd->pool, 1, sizeof(const char *));
        return NULL;
    }
    if (*list == NULL) {
        *list = apr_array_make(cmd->pool, 4, sizeof(const char *));
    }
    *(const char **)apr_array_push(*list) = text;
    return NULL;
}

static const char *add_responder(cmd_parms *cmd, void *dummy, const char *text)
{
    staple_reason_e reason = STAPLE_OK;

    (void)dummy;
    if (ap_cstr_casecmp(text, "none") != 0) {
        reason = staple_parse_url(text, strlen(text));
    }
    if (reason != STAPLE_OK) {
        return apr_psprintf(cmd->pool,
                            "%s: \"%s\" is not allowed: %s; give http:// or "
                            "https:// URLs, or none",
                            cmd->cmd->name, text,
                            staple_reason_sentence(reason));
    }
    return add_to(&staple_config_get(cmd->server)->responders, cmd, text);
}

/* Adds a path to the list that cmd->info is the offset of. */
static const char *add_file(cmd_parms *cmd, void *dummy, const char *text)
{
    char *field =
        (char *)staple_config_get(cmd->server) + (apr_size_t)cmd->info;
    const char *path = ap_cstr_casecmp(text, "none") == 0
                           ? text
                           : ap_server_root_relative(cmd->pool, text);

    (void)dummy;
    if (path == NULL) {
        return apr_psprintf(cmd->pool, "%s: \"%s\" is not a path of a file",
                            cmd->cmd->name, text);
    }
    return add_to((apr_array_header_t **)(void *)field, cmd, path);
}

/* A file, or "|program": what httpd's own logs take. */
static const char *set_event_log(cmd_parms *cmd, void *dummy, const char *text)
{
    const char *error = ap_check_cmd_context(cmd, NOT_IN_VIRTUALHOST);
    const char *path =
        text[0] == '|' ? text : ap_server_root_relative(cmd->pool, text);

    (void)dummy;
    if (error != NULL || ap_cstr_casecmp(text, "none") == 0) {
        staple_config_get(cmd->server)->event_log = NULL;
        return error;
    }
    if (path == NULL || path[0] == '\0' || strcmp(path, "|") == 0) {
        return apr_psprintf(cmd->pool,
                            "%s: \"%s\" is not allowed: give a file, or "
                            "\"|program arguments\"",
                            cmd->cmd->name, text);
    }
    error = path[0] != '|' ? staple_sink_check(cmd->pool, path) : NULL;
    if (error != NULL) {
        return apr_psprintf(cmd->pool,
                            "%s: %s cannot be opened for appending (%s): give "
                            "another file, or \"|program arguments\"",
                            cmd->cmd->name, path, error);
    }
    staple_config_get(cmd->server)->event_log = path;
    return NULL;
}

static const char *set_event_command(cmd_parms *cmd, void *dummy,
                                     const char *args)
{
    const char *error = ap_check_cmd_context(cmd, NOT_IN_VIRTUALHOST);
    apr_array_header_t *words = apr_array_make(cmd->pool, 4, sizeof(char *));
    const char *program;
    apr_finfo_t info;

    (void)dummy;
    if (error != NULL) {
        return error;
    }
    while (*args != '\0') {
        *(const char **)apr_array_push(words) = ap_getword_conf(cmd->pool,
                                                                &args);
    }
    program = words->nelts > 0 ? APR_ARRAY_IDX(words, 0, const char *) : "";
    program = ap_server_root_relative(cmd->pool, program);
    if (words->nelts == 0 || program == NULL
        || apr_stat(&info, program, APR_FINFO_TYPE | APR_FINFO_PROT, cmd->pool)
               != APR_SUCCESS
        || info.filetype != APR_REG
        || (info.protection
            & (APR_FPROT_UEXECUTE | APR_FPROT_GEXECUTE | APR_FPROT_WEXECUTE))
               == 0) {
        return apr_psprintf(cmd->pool,
                            "%s: \"%s\" is not a program that can be run: give "
                            "its path and its arguments",
                            cmd->cmd->name, program != NULL ? program : "");
    }
    APR_ARRAY_IDX(words, 0, const char *) = program;
    *(const char **)apr_array_push(words) = NULL;
    staple_config_get(cmd->server)->event_command =
        (const char *const *)(void *)words->elts;
    return NULL;
}

static const char *set_store(cmd_parms *cmd, void *dummy, const char *text)
{
    const char *error = ap_check_cmd_context(cmd, NOT_IN_VIRTUALHOST);
    int is_none = ap_cstr_casecmp(text, "none") == 0;
    char *path = is_none ? NULL : ap_server_root_relative(cmd->pool, text);
    apr_size_t len;

    (void)dummy;
    if (error != NULL) {
        return error;
    }
    if (!is_none && (path == NULL || path[0] == '\0')) {
        return apr_psprintf(cmd->pool,
                            "%s: \"%s\" is not allowed: give a directory, or "
                            "none",
                            cmd->cmd->name, text);
    }
    /* With a slash behind it, a link would be followed. */
    for (len = is_none ? 0 : strlen(path); len > 1 && path[len - 1] == '/';) {
        path[--len] = '\0';
    }
    staple_config_get(cmd->server)->store = is_none ? "" : path;
    return NULL;
}

static const char *set_proxy(cmd_parms *cmd, void *dummy, const char *text)
{
    const char *error = ap_check_cmd_context(cmd, NOT_IN_VIRTUALHOST);
    int is_none = ap_cstr_casecmp(text, "none") == 0;

    (void)dummy;
    if (error != NULL) {
        return error;
    }
    if (!is_none
        && (ap_cstr_casecmpn(text, "http://", 7) != 0
            || staple_parse_url(text, strlen(text)) != STAPLE_OK)) {
        return apr_psprintf(cmd->pool,
                            "%s: \"%s\" is not allowed: give an http:// URL of "
                            "host and port without user and password, or none",
                            cmd->cmd->name, text);
    }
    staple_config_get(cmd->server)->proxy = is_none ? "" : text;
    return NULL;
}

static const char *set_shared(cmd_parms *cmd, void *dummy, const char *text)
{
    staple_config_t *config = staple_config_get(cmd->server);
    const char *error = ap_check_cmd_context(cmd, NOT_IN_VIRTUALHOST);
    const char *args = ap_strchr_c(text, ':');
    const char *name = args == NULL
                           ? text
                           : apr_pstrmemdup(cmd->pool, text,
                                            (apr_size_t)(args - text));

    (void)dummy;
    if (error != NULL) {
        return error;
    }
    config->shared = NULL;
    if (ap_cstr_casecmp(text, "none") == 0) {
        return NULL;
    }
    config->shared_provider =
        ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, name,
                           AP_SOCACHE_PROVIDER_VERSION);
    if (config->shared_provider == NULL) {
        return apr_psprintf(cmd->pool,
                            "%s: there is no provider \"%s\": give "
                            "provider:arguments or none, and before it "
                            "\"LoadModule socache_%s_module "
                            "modules/mod_socache_%s.so\"",
                            cmd->cmd->name, name, name, name);
    }
    error = config->shared_provider->create(&config->shared_instance,
                                            args != NULL ? args + 1 : NULL,
                                            cmd->temp_pool, cmd->pool);
    if (error != NULL) {
        return apr_psprintf(cmd->pool, "%s: \"%s\" is not allowed: %s",
                            cmd->cmd->name, text, error);
    }
    config->shared = text;
    return NULL;
}

/* One word: with a sign it changes what is inherited, without it says what is
 * excluded; all words of a server with a sign, or all without. */
static const char *add_exclusion(cmd_parms *cmd, void *dummy, const char *text)
{
    staple_config_t *config = staple_config_get(cmd->server);
    char sign = text[0] == '+' || text[0] == '-' ? text[0] : '\0';
    unsigned i;

    (void)dummy;
    for (i = 0; i < EXCLUSION_COUNT; i++) {
        if (ap_cstr_casecmp(exclusions[i].word, text + (sign != '\0')) == 0) {
            break;
        }
    }
    if (i == EXCLUSION_COUNT || (sign != '\0' && exclusions[i].bits == 0)
        || (sign != '\0'
                ? config->exclude >= 0
                : (config->exclude_more | config->exclude_less) != 0)) {
        return apr_psprintf(cmd->pool,
                            "%s: \"%s\" is not allowed: give any of revoked, "
                            "issuer-revoked, stale, unavailable, or none, or "
                            "all; either all words with + or - before them, "
                            "or none of them",
                            cmd->cmd->name, text);
    }
    if (sign == '+') {
        config->exclude_more |= exclusions[i].bits;
        config->exclude_less &= ~exclusions[i].bits;
    }
    else if (sign == '-') {
        config->exclude_less |= exclusions[i].bits;
        config->exclude_more &= ~exclusions[i].bits;
    }
    else {
        config->exclude = (config->exclude < 0 ? 0 : config->exclude)
                          | (int)exclusions[i].bits;
    }
    return NULL;
}

const command_rec staple_config_commands[] = {
#define COMMAND(setting, name, kind, min, max, initial, words, server_only,    \
                help)                                                          \
    AP_INIT_TAKE1(name, set_value, &rows[STAPLE_SET_##setting], RSRC_CONF,     \
                  help),
    ROWS(COMMAND)
#undef COMMAND
    AP_INIT_ITERATE("OCSPStapleResponder", add_responder, NULL, RSRC_CONF,
                    "URLs of responders to ask, in order, or none: make no "
                    "requests"),
    AP_INIT_ITERATE("OCSPStapleResponseFile", add_file,
                    (void *)APR_OFFSETOF(staple_config_t, response_files),
                    RSRC_CONF,
                    "files with OCSP responses that were fetched otherwise"),
    AP_INIT_ITERATE("OCSPStapleChainFile", add_file,
                    (void *)APR_OFFSETOF(staple_config_t, chain_files),
                    RSRC_CONF,
                    "files with the certificates of the issuers' issuers"),
    AP_INIT_ITERATE("OCSPStapleLogExclude", add_exclusion, NULL, RSRC_CONF,
                    "what is not significant: revoked, issuer-revoked, stale, "
                    "unavailable, none, all; + and - change what is inherited"),
    AP_INIT_TAKE1("OCSPStapleEventLog", set_event_log, NULL, RSRC_CONF,
                  "file or \"|program\" for one JSON object per event"),
    AP_INIT_RAW_ARGS("OCSPStapleEventCommand", set_event_command, NULL,
                     RSRC_CONF, "program to run for each significant event"),
    AP_INIT_TAKE1("OCSPStapleStore", set_store, NULL, RSRC_CONF,
                  "directory where staples survive httpd, or none"),
    AP_INIT_TAKE1("OCSPStapleProxy", set_proxy, NULL, RSRC_CONF,
                  "http URL of a proxy for the exchanges, or none"),
    AP_INIT_TAKE1("OCSPStapleShared", set_shared, NULL, RSRC_CONF,
                  "provider:arguments of a store that many machines share, "
                  "or none"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL}};

/* ---- for people ---- */

const char *staple_config_place(apr_pool_t *p, const server_rec *s)
{
    return s->defn_name != NULL
               ? apr_psprintf(p, "%s (%s:%u)", s->server_hostname,
                              s->defn_name, s->defn_line_number)
               : s->server_hostname;
}

const char *staple_config_exclude_text(apr_pool_t *p, unsigned exclude)
{
    const char *text = "";
    unsigned i;

    for (i = 0; i < EXCLUSION_COUNT; i++) {
        if (exclusions[i].bits == exclude) {
            return exclusions[i].word;
        }
    }
    for (i = 0; i < EXCLUSION_COUNT && exclusions[i].bits < exclude; i++) {
        if (exclusions[i].bits & exclude) {
            text = apr_pstrcat(p, text, text[0] != '\0' ? " " : "",
                               exclusions[i].word, NULL);
        }
    }
    return text;
}

const char *staple_config_name(staple_setting_e setting)
{
    return rows[setting].name;
}

int staple_config_is_server_only(staple_setting_e setting)
{
    return rows[setting].server_only;
}

const char *staple_config_text(apr_pool_t *p, staple_setting_e setting,
                               apr_int64_t value)
{
    const row_t *row = &rows[setting];

    if (value == 0 && row->kind != WORD && row->words != NULL) {
        return row->words[0];
    }
    switch (row->kind) {
    case ONOFF:
        return value ? "On" : "Off";
    case WORD:
        return row->words[value];
    case NUMBER:
        return apr_psprintf(p, "%" APR_INT64_T_FMT, value);
    case TENTHS:
        return apr_psprintf(p, "%.1f", (double)value / 10);
    case DURATION:
        break;
    }
    return apr_psprintf(p, "%" APR_INT64_T_FMT, apr_time_sec(value));
}
