/* A generation: certificates, their servers, shared memory, stores and logs. */
#include "staple_generation.h"

#include <apr_strings.h>
#include <unistd.h>

#include "refresh/staple_responder.h"

#define BEST_SCORE 50

static staple_generation_t *the_generation; /* set before fork */

staple_generation_t *staple_generation_get(void)
{
    return the_generation;
}

void staple_generation_begin(apr_pool_t *pconf)
{
    the_generation = apr_pcalloc(pconf, sizeof(*the_generation));
}

int staple_generation_may_staple(const staple_cert_t *cert,
                                 const staple_policy_t *policy)
{
    return policy->files != NULL
           || staple_responder_attempts(cert, policy) > 0;
}

/* Several servers may have one name, at different ports. */
static apr_array_header_t *names_of(apr_pool_t *p, apr_hash_t *seen,
                                    const apr_array_header_t *servers)
{
    apr_array_header_t *names = apr_array_make(p, servers->nelts,
                                               sizeof(const char *));
    int i;

    apr_hash_clear(seen);
    for (i = 0; i < servers->nelts; i++) {
        const server_rec *s = APR_ARRAY_IDX(servers, i, server_rec *);
        const char *name = s->server_hostname != NULL ? s->server_hostname
                                                      : "-";

        if (apr_hash_get(seen, name, APR_HASH_KEY_STRING) == NULL) {
            apr_hash_set(seen, name, APR_HASH_KEY_STRING, name);
            *(const char **)apr_array_push(names) = name;
        }
    }
    return names;
}

/* Certificate `index` belongs to these servers. */
static void add_to_servers(apr_hash_t *by_server,
                           const apr_array_header_t *servers,
                           apr_uint32_t index)
{
    apr_pool_t *p = apr_hash_pool_get(by_server);
    apr_array_header_t *indexes;
    int i;

    for (i = 0; i < servers->nelts; i++) {
        server_rec **s = &APR_ARRAY_IDX(servers, i, server_rec *);

        indexes = apr_hash_get(by_server, s, sizeof(*s));
        if (indexes == NULL) {
            indexes = apr_array_make(p, 2, sizeof(apr_uint32_t));
            apr_hash_set(by_server, s, sizeof(*s), indexes);
        }
        *(apr_uint32_t *)apr_array_push(indexes) = index;
    }
}

void staple_generation_name_servers(staple_generation_t *generation,
                                    apr_pool_t *pconf, apr_pool_t *ptemp)
{
    apr_array_header_t *names =
        apr_array_make(pconf, (int)staple_generation_count(generation) + 1,
                       sizeof(apr_array_header_t *));
    apr_hash_t *seen = apr_hash_make(ptemp);
    int i;

    generation->by_server = apr_hash_make(pconf);
    for (i = 0; i < generation->servers->nelts; i++) {
        const apr_array_header_t *servers =
            APR_ARRAY_IDX(generation->servers, i, apr_array_header_t *);

        *(apr_array_header_t **)apr_array_push(names) =
            names_of(pconf, seen, servers);
        if (!staple_generation_entry(generation, (apr_uint32_t)i)->is_issuer) {
            add_to_servers(generation->by_server, servers, (apr_uint32_t)i);
        }
    }
    for (i = 0; i < generation->disabled->nelts; i++) {
        *(apr_array_header_t **)apr_array_push(names) = names_of(
            pconf, seen,
            APR_ARRAY_IDX(generation->disabled, i, staple_disabled_t).servers);
    }
    generation->names = names;
}

apr_uint32_t staple_generation_count(const staple_generation_t *generation)
{
    return (apr_uint32_t)(generation->certs->nelts
                          + generation->disabled->nelts);
}

static void take_entry(staple_generation_cert_t *cert,
                       const staple_refresh_cert_t *entry, apr_time_t now)
{
    staple_record_t *record = &cert->record;

    cert->cert = entry->cert;
    cert->policy = entry->policy;
    cert->is_issuer = entry->is_issuer;
    cert->has_crls = entry->list_count > 0;
    cert->early = staple_refresh_is_early(entry, now) ? STAPLE_EXCLUDE_UNKNOWN
                                                      : 0;
    if (record->state == STAPLE_STATE_GOOD
        && !staple_record_is_current(record, now)) {
        record->state = record->failures > 0 ? STAPLE_STATE_UNAVAILABLE
                                             : STAPLE_STATE_PENDING;
    }
}

/* Its state follows from the configuration, and is as old. */
static void take_disabled(staple_generation_cert_t *cert,
                          const staple_generation_t *generation,
                          const staple_disabled_t *entry)
{
    *cert = (staple_generation_cert_t){
        .cert = entry->cert,
        .policy = entry->policy,
        .record = {.state = STAPLE_STATE_DISABLED,
                   .state_since = generation->started_at,
                   .state_reason = (apr_uint16_t)entry->reason}};
}

int staple_generation_cert(staple_generation_cert_t *cert,
                           const staple_generation_t *generation,
                           apr_uint32_t index, apr_time_t now)
{
    const staple_record_t *record = &cert->record;
    int i = (int)index;

    if (staple_cache_get_record(&cert->record, generation->cache, index)) {
        take_entry(cert, staple_generation_entry(generation, index), now);
    }
    else if (index < staple_generation_count(generation)) {
        take_disabled(cert, generation,
                      &APR_ARRAY_IDX(generation->disabled,
                                     i - generation->certs->nelts,
                                     staple_disabled_t));
    }
    else {
        return 0;
    }
    cert->servers = APR_ARRAY_IDX(generation->names, i, apr_array_header_t *);
    cert->is_stale = staple_record_is_stale(record, now);
    cert->is_must_staple_unserved = cert->cert->must_staple && !cert->is_issuer
                                    && !staple_record_is_usable(record, now)
                                    && (record->attempted_at != 0
                                        || record->state
                                               == STAPLE_STATE_DISABLED);
    cert->score = record->state == STAPLE_STATE_REVOKED
                          || record->state == STAPLE_STATE_ISSUER_REVOKED
                      ? cert->policy->revoked_score
                      : BEST_SCORE;
    return 1;
}

int staple_generation_revoked_issuer(staple_generation_cert_t *issuer,
                                     const staple_generation_t *generation,
                                     apr_uint32_t index, apr_time_t now)
{
    apr_uint32_t count = (apr_uint32_t)generation->certs->nelts;
    apr_uint32_t depth;

    for (depth = 0; depth < count && index < count; depth++) {
        apr_uint32_t above = staple_generation_entry(generation, index)->above;

        if (above == 0
            || !staple_generation_cert(issuer, generation, above - 1, now)) {
            return 0;
        }
        if (staple_record_is_revoked(&issuer->record)) {
            return 1;
        }
        index = above - 1;
    }
    return 0;
}

int staple_generation_is_by_crl(const staple_generation_cert_t *cert)
{
    return cert->has_crls && cert->record.der_len == 0
           && !staple_generation_may_staple(cert->cert, cert->policy);
}

const char *staple_generation_server(const staple_generation_cert_t *cert,
                                     int i)
{
    return APR_ARRAY_IDX(cert->servers, i, const char *);
}

/* ---- locks ---- */

/* A lock by a file of this directory; NULL: where APR makes its own, /tmp. */
static apr_status_t make_lock_in(apr_proc_mutex_t **lock, const char *directory,
                                 apr_pool_t *pconf)
{
    const char *path =
        directory != NULL
            ? apr_psprintf(pconf, "%s/ocspstaple.%" APR_PID_T_FMT, directory,
                           getpid())
            : NULL;

    return apr_proc_mutex_create(lock, path, APR_LOCK_FCNTL, pconf);
}

apr_status_t staple_generation_make_lock(apr_proc_mutex_t **lock,
                                         apr_pool_t *pconf)
{
    const char *const directories[] = {ap_runtime_dir_relative(pconf, "."),
                                       NULL, "/dev/shm"};
    apr_status_t first = APR_SUCCESS, status = APR_SUCCESS;
    unsigned i;

    for (i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        status = make_lock_in(lock, directories[i], pconf);
        if (status == APR_SUCCESS) {
            return APR_SUCCESS;
        }
        first = i == 0 ? status : first;
    }
    return first;
}
