/* What everybody may look at: certificates, their servers, cache and board. */
#include "staple_view.h"

#define BEST_SCORE 50

static const staple_view_t *the_view; /* set before fork, read-only */

const staple_view_t *staple_view_get(void)
{
    return the_view;
}

void staple_view_set(const staple_view_t *view)
{
    the_view = view;
}

int staple_view_cert(staple_view_cert_t *cert, const staple_view_t *view,
                     apr_uint32_t index, apr_time_t now)
{
    const staple_refresh_cert_t *entry;
    const staple_record_t *record = &cert->record;

    if (!staple_cache_get_record(&cert->record, view->cache, index)) {
        return 0;
    }
    entry = &APR_ARRAY_IDX(view->certs, (int)index, staple_refresh_cert_t);
    cert->cert = entry->cert;
    cert->policy = entry->policy;
    cert->is_issuer = entry->is_issuer;
    cert->servers = APR_ARRAY_IDX(view->servers, (int)index,
                                  apr_array_header_t *);
    cert->is_stale = record->der_len > 0 && record->use_until <= now;
    cert->is_must_staple_unserved = entry->cert->must_staple
                                    && !entry->is_issuer
                                    && record->use_until <= now
                                    && (record->attempted_at != 0
                                        || record->state
                                               == STAPLE_STATE_DISABLED);
    cert->score = record->state == STAPLE_STATE_REVOKED
                          || record->state == STAPLE_STATE_ISSUER_REVOKED
                      ? entry->policy->revoked_score
                      : BEST_SCORE;
    return 1;
}

const char *staple_view_server_name(const server_rec *s)
{
    return s->server_hostname != NULL ? s->server_hostname : "-";
}
