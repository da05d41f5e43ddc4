/* Directives: table, defaults, bounds, merge. */
#ifndef STAPLE_CONFIG_H
#define STAPLE_CONFIG_H

#include <ap_socache.h>
#include <apr_tables.h>

#include "base/staple_types.h"
#include "staple_log.h"

/* Settings that are one number; each is one row of the table in the .c file. */
typedef enum {
    STAPLE_SET_ENABLED,
    STAPLE_SET_INTERVAL,
    STAPLE_SET_TIMEOUT,
    STAPLE_SET_RETRY_INTERVAL,
    STAPLE_SET_MAX_TRIES,
    STAPLE_SET_ACTION,
    STAPLE_SET_METHOD,
    STAPLE_SET_NONCE,
    STAPLE_SET_CLOCK_SKEW,
    STAPLE_SET_MAX_AGE,
    STAPLE_SET_ISSUER_CHECK,
    STAPLE_SET_REVOKED_SCORE, /* in tenths */
    STAPLE_SET_CONCURRENCY,
    STAPLE_SET_MAX_SIZE, /* of a staple, in bytes */
    STAPLE_SET_COUNT
} staple_setting_e;

/* What one server (or virtual host) says. */
typedef struct staple_config_t {
    apr_int64_t values[STAPLE_SET_COUNT]; /* -1: unset; durations: APR's unit */
    apr_array_header_t *responders;       /* NULL: unset; empty: none */
    apr_array_header_t *response_files;   /* NULL: unset; empty: none */
    apr_array_header_t *chain_files;      /* NULL: unset; empty: none */
    int exclude;                          /* STAPLE_EXCLUDE_..., -1: unset */
    unsigned exclude_more, exclude_less;  /* + and - on what is inherited */
    /* of the main server only */
    const char *proxy;                    /* NULL: unset; "": none */
    const char *event_log;                /* file or "|program"; NULL: none */
    const char *const *event_command;     /* program, arguments, NULL */
    const char *store;                    /* NULL: unset; "": none */
    const char *shared; /* OCSPStapleShared as it was given; NULL: none */
    const ap_socache_provider_t *shared_provider;
    ap_socache_instance_t *shared_instance;
    const staple_policy_t *policy;        /* by staple_policy_check() */
} staple_config_t;

extern const command_rec staple_config_commands[];

/* Two hooks of the module record. */
void *staple_config_create(apr_pool_t *p, server_rec *s);
void *staple_config_merge(apr_pool_t *p, void *base, void *add);

/* The server's configuration; never NULL.  Read-only once it was checked. */
staple_config_t *staple_config_get(const server_rec *s);

/* A setting of this server, its default where nobody set it. */
apr_int64_t staple_config_value(const server_rec *s, staple_setting_e setting);

/* Does this server want staples? */
int staple_config_enabled(const server_rec *s);

/* Does any? */
int staple_config_any_enabled(server_rec *main_server);

/* The directory of OCSPStapleStore, or NULL for none. */
const char *staple_config_store(const server_rec *main_server);

/* The directive of a setting, whether it is for the main server alone, and a
 * value of it as one would write it. */
const char *staple_config_name(staple_setting_e setting);
int staple_config_is_server_only(staple_setting_e setting);
const char *staple_config_text(apr_pool_t *p, staple_setting_e setting,
                               apr_int64_t value);

/* A server's name and where the configuration begins it: "a.example
 * (httpd.conf:12)". */
const char *staple_config_place(apr_pool_t *p, const server_rec *s);

/* What OCSPStapleLogExclude makes not significant: STAPLE_EXCLUDE_... bits. */
unsigned staple_config_exclude(const staple_config_t *config);

/* These bits as OCSPStapleLogExclude would be written. */
const char *staple_config_exclude_text(apr_pool_t *p, unsigned exclude);

#endif
