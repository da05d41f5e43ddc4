/* Certificates that cannot be stapled: shown, with the reason, and no more. */
#include "staple_disabled.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include "httpd/config/staple_config.h"
#include "staple_servers.h"

static struct {
    apr_pool_t *pool;
    apr_array_header_t *list; /* staple_disabled_t */
    apr_hash_t *by_key;       /* key -> int *, the place in the list */
} registry;

void staple_disabled_reset(apr_pool_t *pconf)
{
    registry.pool = pconf;
    registry.list = apr_array_make(pconf, 4, sizeof(staple_disabled_t));
    registry.by_key = apr_hash_make(pconf);
}

/* NULL where OpenSSL cannot tell what it is. */
static staple_disabled_t *make(X509 *x509, staple_reason_e reason)
{
    int place = registry.list->nelts;
    staple_disabled_t *entry;
    staple_cert_t *cert;

    if (staple_cert_describe(&cert, registry.pool, x509) != STAPLE_OK) {
        return NULL;
    }
    entry = apr_array_push(registry.list);
    entry->cert = cert;
    entry->reason = reason;
    entry->servers = apr_array_make(registry.pool, 1, sizeof(server_rec *));
    apr_hash_set(registry.by_key, &cert->key, sizeof(cert->key),
                 apr_pmemdup(registry.pool, &place, sizeof(place)));
    return entry;
}

void staple_disabled_add(server_rec *s, const staple_key_t *key, X509 *x509,
                         staple_reason_e reason)
{
    const int *place = apr_hash_get(registry.by_key, key, sizeof(*key));
    staple_disabled_t *entry =
        place != NULL
            ? &APR_ARRAY_IDX(registry.list, *place, staple_disabled_t)
            : make(x509, reason);

    if (entry != NULL) {
        entry->policy = staple_config_get(s)->policy;
        staple_servers_add(entry->servers, s);
    }
}

const apr_array_header_t *staple_disabled_list(void)
{
    int i;

    for (i = 0; i < registry.list->nelts; i++) {
        staple_servers_order(
            APR_ARRAY_IDX(registry.list, i, staple_disabled_t).servers);
    }
    return registry.list;
}
