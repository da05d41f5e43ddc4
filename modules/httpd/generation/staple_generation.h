/* A generation: certificates, their servers, shared memory, stores and logs. */
#ifndef STAPLE_GENERATION_H
#define STAPLE_GENERATION_H

#include <apr_hash.h>
#include <apr_proc_mutex.h>
#include <apr_tables.h>

#include "cache/staple_list_board.h"
#include "cache/staple_scoreboard.h"
#include "cache/staple_cache.h"
#include "refresh/staple_known.h"
#include "cache/staple_dirty.h"
#include "refresh/staple_refresh.h"
#include "httpd/config/staple_log.h"

/*
 * A certificate that cannot be stapled: shown, with the reason, and no more.
 * They are a list of their own, so that whatever asks, staples, stores or
 * shares has never heard of them, and mod_ssl's own stapling goes on.  Only
 * staple_generation_cert() knows both lists.
 */
typedef struct staple_disabled_t {
    const staple_cert_t *cert; /* as staple_cert_describe() makes it */
    const staple_policy_t *policy;
    apr_array_header_t *servers; /* server_rec *, in configuration order */
    staple_reason_e reason;
} staple_disabled_t;

/*
 * One start or graceful restart of httpd: all that belongs to one reading of
 * the configuration.  Made in pre_config, filled until post_config is over,
 * inherited by the children; members are read-only from then on, unless they
 * say otherwise.  What has a type of its own belongs to the unit of that name.
 */
typedef struct staple_generation_t {
    server_rec *main_server;
    const apr_array_header_t *certs;   /* staple_refresh_cert_t, by index */
    const apr_array_header_t *servers; /* by index: apr_array_header_t * of
                                          server_rec *, in configuration order;
                                          of an issuer: those below it */
    const apr_array_header_t *disabled; /* staple_disabled_t: those that have
                                           no index in the cache; where they
                                           are shown, they follow the others */
    const apr_array_header_t *names;   /* by index, those of `disabled` last:
                                          apr_array_header_t * of const char *:
                                          the servers' names */
    const apr_array_header_t *lists;   /* staple_refresh_list_t: the CRLs that
                                          are followed */
    apr_hash_t *by_server; /* server_rec * -> apr_array_header_t * of
                              apr_uint32_t: its certificates, without issuers */
    apr_time_t started_at;
    /* in shared memory; NULL: there is no certificate to look at */
    staple_cache_t *cache;
    staple_scoreboard_block_t *scoreboard;
    staple_known_t *known; /* of responders */
    staple_list_board_t *list_board; /* of CRLs */
    staple_dirty_t *dirty;
    const char *store;            /* OCSPStapleStore; NULL: none */
    apr_proc_mutex_t *store_lock; /* of the one that restores */
    struct staple_shared_t *shared;      /* OCSPStapleShared; NULL: none */
    struct staple_eventlog_t *event_log; /* NULL: none */
    struct staple_watchdog_t *watchdog;  /* NULL: there is nothing to do */
    /* of this process, atomic; NULL: none was started */
    struct staple_store_writer_t *store_writer;
} staple_generation_t;

/* This generation; never NULL after pre_config. */
staple_generation_t *staple_generation_get(void);

/* Certificate `index` of those to keep fresh. */
static inline const staple_refresh_cert_t *
staple_generation_entry(const staple_generation_t *generation,
                        apr_uint32_t index)
{
    return &APR_ARRAY_IDX(generation->certs, (int)index, staple_refresh_cert_t);
}

/* The CRLs to follow; what they point to lives as long as the generation. */
static inline const staple_refresh_list_t *
staple_generation_lists(apr_uint32_t *count,
                        const staple_generation_t *generation)
{
    *count = (apr_uint32_t)generation->lists->nelts;
    return (const staple_refresh_list_t *)(const void *)generation->lists->elts;
}

/* Do these settings leave a way to a response for this certificate?  Without
 * one there is nothing to staple, whatever its CRL says. */
int staple_generation_may_staple(const staple_cert_t *cert,
                                 const staple_policy_t *policy);

/* Begins a new one, which has nothing.  Runs in: parent, pre_config. */
void staple_generation_begin(apr_pool_t *pconf);

/* Names the servers of each certificate in generation->names, each name once,
 * in their order, and the certificates of each in generation->by_server.  Runs
 * in: parent, post_config. */
void staple_generation_name_servers(staple_generation_t *generation,
                                    apr_pool_t *pconf, apr_pool_t *ptemp);

/* Number of certificates to show: those kept fresh, then the disabled. */
apr_uint32_t staple_generation_count(const staple_generation_t *generation);

/* The certificate of an index, what is known of it now, and derived facts.
 * The state is never good without a usable response or CRL, also where no
 * refresher is there to notice its end.  Runs in: any process, any time. */
typedef struct staple_generation_cert_t {
    const staple_cert_t *cert;
    const staple_policy_t *policy;
    const apr_array_header_t *servers; /* const char *: names, each once */
    staple_record_t record;
    int is_issuer;
    int has_crls;             /* its status rests on CRLs, too, or may */
    int is_stale;             /* a response or CRL is held, but it has run
                                 out */
    int is_must_staple_unserved;
    unsigned early;           /* STAPLE_EXCLUDE_UNKNOWN: it is new, and may be
                                 unknown; or 0 */
    unsigned score;           /* in tenths: 0 .. 50 */
} staple_generation_cert_t;

/* Returns 1, or 0 for a bad index. */
int staple_generation_cert(staple_generation_cert_t *cert,
                           const staple_generation_t *generation,
                           apr_uint32_t index, apr_time_t now);

/* The nearest certificate above that of this index which is itself revoked.
 * Returns 1, or 0: there is none. */
int staple_generation_revoked_issuer(staple_generation_cert_t *issuer,
                                     const staple_generation_t *generation,
                                     apr_uint32_t index, apr_time_t now);

/* Is its CRL all that there is: is no response held, nor to be had? */
int staple_generation_is_by_crl(const staple_generation_cert_t *cert);

/* The name of server number `i` of a certificate. */
const char *staple_generation_server(const staple_generation_cert_t *cert,
                                     int i);

/*
 * Makes a lock in `pconf` that the kernel frees with a process that is killed:
 * one by fcntl(), which needs a file.  That is in DefaultRuntimeDir, where
 * httpd has its own, or where that cannot be written in /tmp or /dev/shm, and
 * is gone from the directory before this returns.  The status of the first
 * attempt, where none of them takes a file.  Runs in: parent, post_config.
 */
apr_status_t staple_generation_make_lock(apr_proc_mutex_t **lock,
                                         apr_pool_t *pconf);

#endif
