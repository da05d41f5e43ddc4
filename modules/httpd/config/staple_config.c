/* Directives: table, defaults, bounds, merge, cross-checks, policies, dump. */
#include "staple_config.h"

#include <ap_provider.h>
#include <apr_strings.h>
#include <http_core.h>

#include "base/staple_openssl.h"
#include "base/staple_parse.h"
#include "io/staple_sink.h"
#include "staple_route.h"

#define UNSET (-1)

typedef enum { ONOFF, NUMBER, SIZE, DURATION, WORD, TENTHS } kind_e;

/* One directive that sets one number. */
typedef struct row_t {
    const char *name;
    staple_setting_e setting;
    kind_e kind;
    apr_int64_t min, max;     /* NUMBER; SIZE in bytes; DURATION in seconds */
    apr_int64_t initial;      /* the same, ONOFF, WORD */
    const char *const *words; /* WORD: its values from 0; NUMBER, DURATION: what
                                 is less than a value may be, the same */
    int server_only;
} row_t;

static const char *const action_words[] = {"failover", "override", NULL};
static const char *const method_words[] = {"post-get", "get-post", "post",
                                           "get", NULL};
static const char *const certid_words[] = {"sha1", "sha256", "auto", NULL};
static const char *const retry_words[] = {"auto", NULL};
static const char *const tries_words[] = {"none", NULL};
static const char *const wait_words[] = {
    [STAPLE_WAIT_NONE] = "none", [STAPLE_WAIT_MUST_STAPLE] = "must-staple",
    NULL};
static const char *const crl_words[] = {"off", "fallback", "always", NULL};

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
    X(CERTID, "OCSPStapleCertID", WORD, 0, 0, STAPLE_CERTID_AUTO,              \
      certid_words, 0, "by which digest requests name certificates")           \
    X(CLOCK_SKEW, "OCSPStapleClockSkew", DURATION, 0, 3600, 300, NULL, 0,      \
      "tolerance for the times of a response")                                 \
    X(MAX_AGE, "OCSPStapleMaxAge", DURATION, 60, 31536000, 604800, NULL, 0,    \
      "how long a response without nextUpdate may be used")                    \
    X(ISSUER_CHECK, "OCSPStapleIssuerCheck", ONOFF, 0, 1, 1, NULL, 0,          \
      "follow the status of the issuers, too")                                 \
    X(CHAIN, "OCSPStapleChain", ONOFF, 0, 1, 0, NULL, 0,                       \
      "staple the issuers' responses, too, in TLS 1.3")                        \
    X(CRL, "OCSPStapleCRL", WORD, 0, 0, STAPLE_CRL_FALLBACK, crl_words, 0,     \
      "when CRLs are followed: off, fallback: where OCSP has nothing to say, " \
      "always: beside it")                                                     \
    X(REVOKED_SCORE, "OCSPStapleRevokedScore", TENTHS, 0, 50, 0, NULL, 0,      \
      "the score of a revoked certificate, 0.0 to 5.0")                        \
    X(CONCURRENCY, "OCSPStapleConcurrency", NUMBER, 1, 1000, 64, NULL, 1,      \
      "OCSP exchanges in flight at most")                                      \
    X(MAX_SIZE, "OCSPStapleMaxSize", NUMBER, STAPLE_LEAST_MAX_SIZE,            \
      STAPLE_MAX_RESPONSE, STAPLE_USUAL_MAX_SIZE, NULL, 1,                     \
      "bytes of the longest response that is stapled")                         \
    X(CRL_MAX_SIZE, "OCSPStapleCRLMaxSize", SIZE, 65536, 1073741824, 33554432, \
      NULL, 1, "bytes of the longest CRL that is taken")                       \
    X(START_WAIT, "OCSPStapleStartWait", DURATION, 1, 600,                     \
      STAPLE_WAIT_MUST_STAPLE, wait_words, 1,                                  \
      "how long the first connections wait for staples that were never "       \
      "fetched")

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

static int count_words(const row_t *row)
{
    int count = 0;

    while (row->words != NULL && row->words[count] != NULL) {
        count++;
    }
    return count;
}

static apr_int64_t default_of(const row_t *row)
{
    return row->kind == DURATION && row->initial >= count_words(row)
               ? apr_time_from_sec(row->initial)
               : row->initial;
}

apr_int64_t staple_config_value(const server_rec *s, staple_setting_e setting)
{
    apr_int64_t value = staple_config_get(s)->values[setting];
    const row_t *row = &rows[setting];

    if (value != UNSET) {
        return value;
    }
    return default_of(row);
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

/* What OCSPStapleLogExclude makes not significant: STAPLE_EXCLUDE_... bits. */
static unsigned exclude_of(const staple_config_t *config)
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

/* In place: a virtual host does not share its own with others. */
void *staple_config_merge(apr_pool_t *p, void *base, void *add)
{
    const staple_config_t *outer = base;
    staple_config_t *config = add;
    const staple_config_t own = *config, *inner = &own;
    int i;

    (void)p;
    *config = *outer;
    for (i = 0; i < STAPLE_SET_COUNT; i++) {
        if (inner->values[i] != UNSET) {
            config->values[i] = inner->values[i];
        }
    }
    for (i = 0; i < STAPLE_LIST_COUNT; i++) {
        if (inner->lists[i] != NULL) {
            config->lists[i] = inner->lists[i];
        }
    }
    if (inner->lists[STAPLE_LIST_PROXY_CA_FILE] != NULL) {
        config->proxy_ca = inner->proxy_ca;
    }
    if (inner->lists[STAPLE_LIST_PROXY_CREDENTIALS] != NULL) {
        config->proxy_credentials = inner->proxy_credentials;
    }
    config->exclude = inner->exclude < 0 ? (int)exclude_of(outer)
                                         : inner->exclude;
    config->exclude_more = inner->exclude_more;
    config->exclude_less = inner->exclude_less;
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
    case SIZE:
        return apr_psprintf(p, "%" APR_INT64_T_FMT " to %" APR_INT64_T_FMT
                               " bytes, as a whole number, or as one with the "
                               "unit K, M or G",
                            row->min, row->max);
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

/* Reads a size: whole bytes, or a whole number with a unit of 1024 bytes, its
 * square or its cube.  Returns 1, or 0 where the row does not allow it. */
static int read_size(apr_int64_t *value, const row_t *row, const char *text)
{
    static const char units[] = "KMG";
    char digits[24];
    apr_size_t len = strlen(text);
    const char *unit = len > 0 ? strchr(units, text[len - 1]) : NULL;
    apr_int64_t scale = 1;
    apr_int64_t number;

    if (unit != NULL) {
        scale = (apr_int64_t)1 << (10 * (unit - units + 1));
        len--;
    }
    if (len >= sizeof(digits)) {
        return 0;
    }
    apr_cpystrn(digits, text, len + 1);
    if (!staple_parse_number(&number, digits, 0, row->max / scale)
        || number * scale < row->min) {
        return 0;
    }
    *value = number * scale;
    return 1;
}

/* Reads one value; returns 1, or 0 where the row does not allow it. */
static int read_value(apr_int64_t *value, const row_t *row, const char *text)
{
    int word = find_word(row->words, text);

    if (word >= 0) {
        *value = word;
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
    case SIZE:
        return read_size(value, row, text);
    case TENTHS:
        return staple_parse_tenths(value, text, row->min, row->max);
    case DURATION:
        break;
    }
    return staple_parse_duration(value, text, row->min, row->max);
}

/* What is wrong with an argument, and what is allowed. */
static const char *not_allowed(const cmd_parms *cmd, const char *text,
                               const char *why)
{
    return apr_psprintf(cmd->pool, "%s: \"%s\" is not allowed: %s",
                        cmd->cmd->name, text, why);
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
        return not_allowed(cmd, text,
                           apr_pstrcat(cmd->pool, "give ",
                                       allowed(cmd->pool, row), NULL));
    }
    return NULL;
}

static int is_none(const char *text)
{
    return ap_cstr_casecmp(text, "none") == 0;
}

/* Adds one argument to a list; "none" must stand alone and empties it. */
static const char *add_to(staple_list_e which, cmd_parms *cmd, const char *text)
{
    apr_array_header_t **list = &staple_config_get(cmd->server)->lists[which];

    if (*list != NULL && ((*list)->nelts == 0 || is_none(text))) {
        return apr_psprintf(cmd->pool, "%s: \"none\" stands alone",
                            cmd->cmd->name);
    }
    if (*list == NULL) {
        *list = apr_array_make(cmd->pool, 4, sizeof(const char *));
    }
    if (!is_none(text)) {
        *(const char **)apr_array_push(*list) = text;
    }
    return NULL;
}

/* Adds a URL to the list of that number. */
static const char *add_url(cmd_parms *cmd, void *dummy, const char *text)
{
    staple_reason_e reason =
        is_none(text) ? STAPLE_OK : staple_parse_url(text, strlen(text));

    (void)dummy;
    if (reason != STAPLE_OK) {
        return not_allowed(cmd, text,
                           apr_pstrcat(cmd->pool,
                                       staple_reason_sentence(reason),
                                       "; give http:// or https:// URLs, or "
                                       "none", NULL));
    }
    return add_to((staple_list_e)(apr_uintptr_t)cmd->info, cmd, text);
}

/* Adds a path to the list of that number. */
static const char *add_file(cmd_parms *cmd, void *dummy, const char *text)
{
    const char *path =
        is_none(text) ? text : ap_server_root_relative(cmd->pool, text);

    (void)dummy;
    if (path == NULL) {
        return apr_psprintf(cmd->pool, "%s: \"%s\" is not a path of a file",
                            cmd->cmd->name, text);
    }
    return add_to((staple_list_e)(apr_uintptr_t)cmd->info, cmd, path);
}

/* ---- the way to responders ---- */

/* Makes this the only word of a list, or "none" none at all. */
static void set_only(staple_list_e which, cmd_parms *cmd, const char *text)
{
    apr_array_header_t *list = apr_array_make(cmd->pool, 1, sizeof(char *));

    if (!is_none(text)) {
        *(const char **)apr_array_push(list) = text;
    }
    staple_config_get(cmd->server)->lists[which] = list;
}

static const char *set_proxy(cmd_parms *cmd, void *dummy, const char *text)
{
    const char *error = is_none(text) ? NULL : staple_route_check_proxy(text);

    (void)dummy;
    if (error != NULL) {
        return not_allowed(cmd, text, error);
    }
    set_only(STAPLE_LIST_PROXY, cmd, text);
    return NULL;
}

static const char *add_direct(cmd_parms *cmd, void *dummy, const char *text)
{
    const char *error = is_none(text) ? NULL : staple_route_check_direct(text);

    (void)dummy;
    return error != NULL ? not_allowed(cmd, text, error)
                         : add_to(STAPLE_LIST_NO_PROXY, cmd, text);
}

/* A file of the proxy's, which is read now: as who starts httpd. */
typedef const char *read_fn(const char **text, apr_pool_t *p, const char *path);

static const char *set_proxy_file(cmd_parms *cmd, staple_list_e which,
                                  const char **content, const char *text,
                                  read_fn *read_it, const char *wanted)
{
    const char *path = text, *error = NULL;

    *content = NULL;
    if (!is_none(text)) {
        path = ap_server_root_relative(cmd->pool, text);
        error = path != NULL ? read_it(content, cmd->pool, path)
                             : "it is no path";
    }
    if (error != NULL) {
        return apr_psprintf(cmd->pool, "%s: \"%s\" is not used: %s; %s",
                            cmd->cmd->name, text, error, wanted);
    }
    set_only(which, cmd, path);
    return NULL;
}

static const char *set_proxy_ca_file(cmd_parms *cmd, void *dummy,
                                     const char *text)
{
    (void)dummy;
    return set_proxy_file(cmd, STAPLE_LIST_PROXY_CA_FILE,
                          &staple_config_get(cmd->server)->proxy_ca, text,
                          staple_route_read_ca,
                          "give a file of certificates in PEM, or none");
}

static const char *set_proxy_credentials(cmd_parms *cmd, void *dummy,
                                         const char *text)
{
    (void)dummy;
    return set_proxy_file(cmd, STAPLE_LIST_PROXY_CREDENTIALS,
                          &staple_config_get(cmd->server)->proxy_credentials,
                          text, staple_route_read_credentials,
                          "give a file with one line, user:password, that its "
                          "owner alone may read, or none");
}

/* A directive of the main server alone. */
typedef struct setter_t {
    const char *(*set)(staple_config_t *config, cmd_parms *cmd,
                       const char *text);
} setter_t;

static const char *set_main(cmd_parms *cmd, void *dummy, const char *text)
{
    const setter_t *setter = cmd->info;
    const char *error = ap_check_cmd_context(cmd, NOT_IN_VIRTUALHOST);

    (void)dummy;
    return error != NULL
               ? error
               : setter->set(staple_config_get(cmd->server), cmd, text);
}

/* A file, or "|program": what httpd's own logs take. */
static const char *set_event_log(staple_config_t *config, cmd_parms *cmd,
                                 const char *text)
{
    const char *path =
        text[0] == '|' ? text : ap_server_root_relative(cmd->pool, text);
    const char *error;

    config->event_log = NULL;
    if (is_none(text)) {
        return NULL;
    }
    if (path == NULL || path[0] == '\0' || strcmp(path, "|") == 0) {
        return not_allowed(cmd, text,
                           "give a file, or \"|program arguments\"");
    }
    error = path[0] != '|' ? staple_sink_check(cmd->pool, path) : NULL;
    if (error != NULL) {
        return apr_psprintf(cmd->pool,
                            "%s: %s cannot be opened for appending (%s): give "
                            "another file, or \"|program arguments\"",
                            cmd->cmd->name, path, error);
    }
    config->event_log = path;
    return NULL;
}

static const char *set_event_command(staple_config_t *config, cmd_parms *cmd,
                                     const char *args)
{
    apr_array_header_t *words = apr_array_make(cmd->pool, 4, sizeof(char *));
    const char *program;
    apr_finfo_t info;

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
    config->event_command = (const char *const *)(void *)words->elts;
    return NULL;
}

static const char *set_store(staple_config_t *config, cmd_parms *cmd,
                             const char *text)
{
    char *path = ap_server_root_relative(cmd->pool, text);
    apr_size_t len;

    if (is_none(text)) {
        config->store = "";
        return NULL;
    }
    if (path == NULL || path[0] == '\0') {
        return not_allowed(cmd, text, "give a directory, or none");
    }
    /* With a slash behind it, a link would be followed. */
    for (len = strlen(path); len > 1 && path[len - 1] == '/';) {
        path[--len] = '\0';
    }
    config->store = path;
    return NULL;
}

static const char *set_shared(staple_config_t *config, cmd_parms *cmd,
                              const char *text)
{
    const char *error, *args = ap_strchr_c(text, ':');
    const char *name = args == NULL
                           ? text
                           : apr_pstrmemdup(cmd->pool, text,
                                            (apr_size_t)(args - text));

    config->shared = NULL;
    if (is_none(text)) {
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
        return not_allowed(cmd, text, error);
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
        return not_allowed(cmd, text,
                           "give any of revoked, issuer-revoked, stale, "
                           "unavailable, or none, or all; either all words "
                           "with + or - before them, or none of them");
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
    AP_INIT_ITERATE("OCSPStapleResponder", add_url,
                    (void *)(apr_uintptr_t)STAPLE_LIST_RESPONDER, RSRC_CONF,
                    "URLs of responders to ask, in order, or none: make no "
                    "requests"),
    AP_INIT_ITERATE("OCSPStapleResponseFile", add_file,
                    (void *)(apr_uintptr_t)STAPLE_LIST_RESPONSE_FILE,
                    RSRC_CONF,
                    "files with OCSP responses that were fetched otherwise"),
    AP_INIT_ITERATE("OCSPStapleChainFile", add_file,
                    (void *)(apr_uintptr_t)STAPLE_LIST_CHAIN_FILE,
                    RSRC_CONF,
                    "files with the certificates of the issuers' issuers"),
    AP_INIT_ITERATE("OCSPStapleCRLURL", add_url,
                    (void *)(apr_uintptr_t)STAPLE_LIST_CRL_URL, RSRC_CONF,
                    "URLs of CRLs, instead of those that certificates name"),
    AP_INIT_ITERATE("OCSPStapleCRLFile", add_file,
                    (void *)(apr_uintptr_t)STAPLE_LIST_CRL_FILE,
                    RSRC_CONF, "files with CRLs that were fetched otherwise"),
    AP_INIT_ITERATE("OCSPStapleLogExclude", add_exclusion, NULL, RSRC_CONF,
                    "what is not significant: revoked, issuer-revoked, stale, "
                    "unavailable, none, all; + and - change what is inherited"),
    AP_INIT_TAKE1("OCSPStapleEventLog", set_main, &(setter_t){set_event_log},
                  RSRC_CONF,
                  "file or \"|program\" for one JSON object per event"),
    AP_INIT_RAW_ARGS("OCSPStapleEventCommand", set_main,
                     &(setter_t){set_event_command}, RSRC_CONF,
                     "program to run for each significant event"),
    AP_INIT_TAKE1("OCSPStapleStore", set_main, &(setter_t){set_store},
                  RSRC_CONF, "directory where staples survive httpd, or none"),
    AP_INIT_TAKE1("OCSPStapleProxy", set_proxy, NULL, RSRC_CONF,
                  "http or https URL of a proxy for the exchanges, or none"),
    AP_INIT_TAKE1("OCSPStapleProxyCAFile", set_proxy_ca_file, NULL, RSRC_CONF,
                  "file of the CAs that an https proxy's certificate may be "
                  "from, or none: those that the system trusts"),
    AP_INIT_TAKE1("OCSPStapleProxyCredentials", set_proxy_credentials, NULL,
                  RSRC_CONF,
                  "file with user:password for the proxy, or none"),
    AP_INIT_ITERATE("OCSPStapleNoProxy", add_direct, NULL, RSRC_CONF,
                    "hosts, domains and networks that are asked without the "
                    "proxy, or none"),
    AP_INIT_TAKE1("OCSPStapleShared", set_main, &(setter_t){set_shared},
                  RSRC_CONF,
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

/* These bits as OCSPStapleLogExclude would be written. */
static const char *exclude_text(apr_pool_t *p, unsigned exclude)
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

/* A value of a setting as one would write it. */
static const char *value_text(apr_pool_t *p, staple_setting_e setting,
                              apr_int64_t value)
{
    const row_t *row = &rows[setting];

    if (value < count_words(row)) {
        return row->words[value];
    }
    switch (row->kind) {
    case ONOFF:
        return value ? "On" : "Off";
    case WORD: /* is one of its words */
    case NUMBER:
    case SIZE:
        return apr_psprintf(p, "%" APR_INT64_T_FMT, value);
    case TENTHS:
        return apr_psprintf(p, "%.1f", (double)value / 10);
    case DURATION:
        break;
    }
    return apr_psprintf(p, "%" APR_INT64_T_FMT, apr_time_sec(value));
}

/* ---- each server's complete policy ---- */

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
    X(CERTID, certid)                                                          \
    X(CLOCK_SKEW, clock_skew)                                                  \
    X(MAX_AGE, max_age)                                                        \
    X(ISSUER_CHECK, issuer_check)                                              \
    X(CHAIN, chain)                                                            \
    X(CRL, crl)                                                                \
    X(REVOKED_SCORE, revoked_score)

#define NO_MEMBER                                                              \
    case STAPLE_SET_CONCURRENCY:                                               \
    case STAPLE_SET_MAX_SIZE:                                                  \
    case STAPLE_SET_CRL_MAX_SIZE:                                              \
    case STAPLE_SET_START_WAIT:                                                \
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

/* The lists: whose directive, and what stands for none in the dump. */
static const struct {
    const char *name, *none;
} lists[STAPLE_LIST_COUNT] = {
    [STAPLE_LIST_RESPONDER] = {"OCSPStapleResponder", "(no list)"},
    [STAPLE_LIST_RESPONSE_FILE] = {"OCSPStapleResponseFile", "none"},
    [STAPLE_LIST_CHAIN_FILE] = {"OCSPStapleChainFile", "none"},
    [STAPLE_LIST_CRL_URL] = {"OCSPStapleCRLURL", "none"},
    [STAPLE_LIST_CRL_FILE] = {"OCSPStapleCRLFile", "none"},
    [STAPLE_LIST_PROXY] = {"OCSPStapleProxy", "none"},
    [STAPLE_LIST_PROXY_CA_FILE] = {"OCSPStapleProxyCAFile", "none"},
    [STAPLE_LIST_PROXY_CREDENTIALS] = {"OCSPStapleProxyCredentials", "none"},
    [STAPLE_LIST_NO_PROXY] = {"OCSPStapleNoProxy", "none"},
};

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
    policy->no_network = config->lists[STAPLE_LIST_RESPONDER] != NULL
                         && config->lists[STAPLE_LIST_RESPONDER]->nelts == 0;
    policy->exclude = exclude_of(config);
    for (i = 0; i < STAPLE_LIST_COUNT; i++) {
        policy->lists[i] = list_of(p, config->lists[i]);
    }
    policy->route = staple_route_find(policy, config->proxy_ca,
                                      config->proxy_credentials, p);
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

const char *staple_config_differences(apr_pool_t *p, const staple_policy_t *a,
                                      const staple_policy_t *b)
{
    const char *names = NULL;
    int i;

    if (a == b) {
        return NULL;
    }
    for (i = 0; i < STAPLE_SET_COUNT; i++) {
        if (i != STAPLE_SET_ENABLED && i != STAPLE_SET_ISSUER_CHECK
            && i != STAPLE_SET_CHAIN
            && get_member(a, (staple_setting_e)i)
                   != get_member(b, (staple_setting_e)i)) {
            names = add_name(p, names, rows[i].name);
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

/* ---- cross-checks of directives ---- */

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
    return memcmp(config->lists, outer->lists, sizeof(config->lists)) != 0
           || memcmp(&config->values[STAPLE_SET_ENABLED + 1],
                     &outer->values[STAPLE_SET_ENABLED + 1],
                     sizeof(config->values) - sizeof(config->values[0]))
                  != 0
           || exclude_of(config) != exclude_of(outer);
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
    if (config->lists[STAPLE_LIST_PROXY] == NULL
        && (policy->proxy_ca_file != NULL || policy->proxy_credentials != NULL
            || policy->no_proxy != NULL)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0152)
                     "server %s: OCSPStapleProxyCAFile, "
                     "OCSPStapleProxyCredentials and OCSPStapleNoProxy have no "
                     "effect without OCSPStapleProxy",
                     staple_config_place(ptemp, s));
    }
    if (policy->retry_interval > policy->interval) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0005)
                     "server %s: OCSPStapleRetryInterval is longer than "
                     "OCSPStapleInterval: failed requests are repeated later "
                     "than good ones",
                     staple_config_place(ptemp, s));
    }
    if (policy->chain && !policy->issuer_check) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0177)
                     "server %s: OCSPStapleChain needs OCSPStapleIssuerCheck "
                     "On, which fetches the responses of issuers: those that "
                     "no other server follows are not stapled",
                     staple_config_place(ptemp, s));
    }
    return 1;
}

/* Says once where the handshakes of a server cannot carry what it wants. */
static void check_chain(server_rec *main_server, apr_pool_t *ptemp)
{
    server_rec *s;

    if (staple_openssl_has_chain()) {
        return;
    }
    for (s = main_server; s != NULL; s = s->next) {
        if (staple_config_enabled(s) && staple_config_get(s)->policy->chain) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                         STAPLE_LOGNO(0176)
                         "server %s: OCSPStapleChain needs OpenSSL 3.6 or "
                         "newer, but this module was built with %s and runs "
                         "with %s: the server's own certificate is stapled, "
                         "as without it",
                         staple_config_place(ptemp, s), OPENSSL_VERSION_TEXT,
                         OpenSSL_version(OPENSSL_VERSION));
            return;
        }
    }
}

/* Gives the server its policy: the one before it, where that is the same, as it
 * is for most of ten thousand virtual hosts.  Returns it. */
static const staple_policy_t *set_policy(server_rec *s,
                                         const staple_policy_t *before,
                                         apr_pool_t *pconf, apr_pool_t *ptemp)
{
    staple_config_t *config = staple_config_get(s);
    staple_policy_t own, *policy;

    fill_policy(&own, s, ptemp);
    if (before != NULL && is_same(before, &own)) {
        config->policy = before;
        return before;
    }
    policy = apr_palloc(pconf, sizeof(*policy));
    fill_policy(policy, s, pconf);
    config->policy = policy;
    return policy;
}

int staple_config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *main_server)
{
    const staple_policy_t *policy = NULL;
    server_rec *s;
    int ok = 1;

    (void)plog;
    staple_route_begin(pconf);
    for (s = main_server; s != NULL; s = s->next) {
        policy = set_policy(s, policy, pconf, ptemp);
    }
    for (s = main_server; s != NULL; s = s->next) {
        ok &= check_server(s,
                           s == main_server ? NULL
                                            : staple_config_get(main_server),
                           ptemp);
    }
    check_chain(main_server, ptemp);
    if (staple_config_any_enabled(main_server)) {
        ok &= check_modules(main_server);
    }
    return ok ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

/* ---- the dump of all settings ---- */

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
    const struct {
        const char *name, *value;
    } texts[] = {{"OCSPStapleEventLog", config->event_log},
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
    return rows[setting].server_only
               ? staple_config_value(s, setting)
               : get_member(staple_config_get(s)->policy, setting);
}

void staple_config_dump(apr_file_t *out, const server_rec *s, int is_main,
                        apr_pool_t *p)
{
    const staple_policy_t *policy = staple_config_get(s)->policy;
    int i;

    apr_file_printf(out, "%s %s\n", is_main ? "main server" : "virtual host",
                    staple_config_place(p, s));
    for (i = 0; i < STAPLE_SET_COUNT; i++) {
        staple_setting_e setting = (staple_setting_e)i;

        if (is_main || (!rows[i].server_only
                        && in_force(s, setting) != default_of(&rows[i]))) {
            apr_file_printf(out, "  %s %s\n", rows[i].name,
                            value_text(p, setting, in_force(s, setting)));
        }
    }
    for (i = 0; i < STAPLE_LIST_COUNT; i++) {
        int is_none = i == STAPLE_LIST_RESPONDER && policy->no_network;

        if (is_main || is_none || policy->lists[i] != NULL) {
            dump_list(out, lists[i].name, policy->lists[i],
                      is_none ? "none" : lists[i].none);
        }
    }
    if (is_main || policy->exclude != STAPLE_EXCLUDE_ALL) {
        apr_file_printf(out, "  OCSPStapleLogExclude %s\n",
                        exclude_text(p, policy->exclude));
    }
    if (is_main) {
        dump_main(out, s);
    }
}
