/* Directives: table, defaults, bounds, merge, cross-checks, policies, dump. */
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
    STAPLE_SET_CERTID,
    STAPLE_SET_CLOCK_SKEW,
    STAPLE_SET_MAX_AGE,
    STAPLE_SET_ISSUER_CHECK,
    STAPLE_SET_CHAIN,
    STAPLE_SET_CRL,
    STAPLE_SET_REVOKED_SCORE, /* in tenths */
    STAPLE_SET_CONCURRENCY,
    STAPLE_SET_MAX_SIZE, /* of a staple, in bytes */
    STAPLE_SET_CRL_MAX_SIZE, /* of a CRL, in bytes */
    STAPLE_SET_START_WAIT,   /* a time, or STAPLE_WAIT_... */
    STAPLE_SET_COUNT
} staple_setting_e;

/* OCSPStapleStartWait where it is no time, which is longer than any of them. */
enum { STAPLE_WAIT_NONE, STAPLE_WAIT_MUST_STAPLE };

/* What one server (or virtual host) says. */
typedef struct staple_config_t {
    apr_int64_t values[STAPLE_SET_COUNT]; /* -1: unset; durations: APR's unit */
    apr_array_header_t *lists[STAPLE_LIST_COUNT]; /* NULL: unset; empty: none */
    int exclude;                          /* STAPLE_EXCLUDE_..., -1: unset */
    unsigned exclude_more, exclude_less;  /* + and - on what is inherited */
    const char *proxy_ca;          /* what is in OCSPStapleProxyCAFile, */
    const char *proxy_credentials; /* and in OCSPStapleProxyCredentials; NULL:
                                      none */
    /* of the main server only */
    const char *event_log;                /* file or "|program"; NULL: none */
    const char *const *event_command;     /* program, arguments, NULL */
    const char *store;                    /* NULL: unset; "": none */
    const char *shared; /* OCSPStapleShared as it was given; NULL: none */
    const ap_socache_provider_t *shared_provider;
    ap_socache_instance_t *shared_instance;
    const staple_policy_t *policy;        /* by staple_config_check() */
} staple_config_t;

extern const command_rec staple_config_commands[];

/* Two hooks of the module record. */
void *staple_config_create(apr_pool_t *p, server_rec *s);
void *staple_config_merge(apr_pool_t *p, void *base, void *add);

/* The server's configuration; never NULL.  Read-only once it was checked. */
staple_config_t *staple_config_get(const server_rec *s);

/* A setting of this server, its default where it is not set. */
apr_int64_t staple_config_value(const server_rec *s, staple_setting_e setting);

/* Does this server want staples? */
int staple_config_enabled(const server_rec *s);

/* Does any? */
int staple_config_any_enabled(server_rec *main_server);

/* The directory of OCSPStapleStore, or NULL for none. */
const char *staple_config_store(const server_rec *main_server);

/* A server's name and where the configuration begins it: "a.example
 * (httpd.conf:12)". */
const char *staple_config_place(apr_pool_t *p, const server_rec *s);

/* check_config hook: completes every server's policy and says what no single
 * directive can see.  Runs in: parent, also at `httpd -t`. */
int staple_config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *main_server);

/* Prints the settings of a server: of the main server all, of a virtual host
 * those that differ from the defaults.  Runs in: parent, `httpd -t`. */
void staple_config_dump(apr_file_t *out, const server_rec *s, int is_main,
                        apr_pool_t *p);

/* The directives in which they want something else for a certificate that they
 * share, "OCSPStapleTimeout, OCSPStapleNonce", or NULL: in none.  Not those of
 * its issuers, which are followed where any of its servers says so, nor what
 * each server's own handshakes carry. */
const char *staple_config_differences(apr_pool_t *p, const staple_policy_t *a,
                                      const staple_policy_t *b);

#endif
