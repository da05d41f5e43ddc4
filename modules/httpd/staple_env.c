/* OCSP_STAPLE_... variables of a request, for logs and expressions. */
#include "staple_env.h"

#include <apr_strings.h>
#include <http_ssl.h>

#include "httpd/config/staple_config.h"
#include "staple_serve.h"
#include "httpd/generation/staple_generation.h"

/* The worse of two certificates comes first: revoked, stale, without staple. */
static int badness(const staple_generation_cert_t *cert)
{
    return (cert->record.state == STAPLE_STATE_REVOKED
            || cert->record.state == STAPLE_STATE_ISSUER_REVOKED)
               * 4
           + cert->is_stale * 2 + (cert->record.state != STAPLE_STATE_GOOD);
}

/* The server's worst certificate.  Returns 0 where it has none of ours. */
static int worst_of(staple_generation_cert_t *worst,
                    const staple_generation_t *generation, server_rec *s,
                    apr_time_t now)
{
    const apr_array_header_t *indexes =
        apr_hash_get(generation->by_server, &s, sizeof(s));
    staple_generation_cert_t cert;
    int found = 0;
    int i;

    for (i = 0; indexes != NULL && i < indexes->nelts; i++) {
        if (staple_generation_cert(&cert, generation,
                             APR_ARRAY_IDX(indexes, i, apr_uint32_t), now)
            && (!found || badness(&cert) > badness(worst))) {
            *worst = cert;
            found = 1;
        }
    }
    return found;
}

int staple_env_set(request_rec *r)
{
    const staple_generation_t *generation = staple_generation_get();
    char text[STAPLE_CONDITIONS_SIZE];
    staple_generation_cert_t cert;
    apr_uint32_t index;
    int is_sent = 0;
    int found;

    if (generation->cache == NULL || r->main != NULL
        || !staple_config_enabled(r->server)
        || !ap_ssl_conn_is_ssl(r->connection)) {
        return DECLINED;
    }
    if (staple_serve_seen(r->connection, &index, &is_sent)) {
        found =
            staple_generation_cert(&cert, generation, index, r->request_time);
    }
    else {
        found = worst_of(&cert, generation, r->server, r->request_time);
    }
    if (!found) {
        return DECLINED;
    }
    apr_table_setn(r->subprocess_env, "OCSP_STAPLE_STATUS",
                   staple_state_name((staple_state_e)cert.record.state));
    apr_table_setn(r->subprocess_env, "OCSP_STAPLE_SENT",
                   is_sent ? "yes" : "no");
    apr_table_set(r->subprocess_env, "OCSP_STAPLE_SIGNIFICANT",
                  staple_state_conditions_text(
                      text, staple_state_conditions(
                                (staple_state_e)cert.record.state,
                                cert.is_stale,
                                staple_config_get(r->server)->policy->exclude
                                    | cert.early,
                                cert.is_must_staple_unserved)));
    return DECLINED;
}
