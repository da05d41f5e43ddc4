/* One moment of everything that is shown: totals, servers, certificates. */
#include "staple_snapshot.h"

#include <apr_hash.h>
#include <stdlib.h>

#include "ocsp/staple_verify.h"

#define BEST_SCORE 50

int staple_snapshot_cert(staple_snapshot_cert_t *cert,
                         const staple_snapshot_t *snapshot, apr_uint32_t index)
{
    const staple_record_t *record = &cert->view.record;
    apr_interval_time_t life;

    if (index >= snapshot->count
        || !staple_generation_cert(&cert->view, snapshot->view, index,
                             snapshot->now)) {
        return 0;
    }
    cert->tally = staple_scoreboard_tally(snapshot->view->board, index);
    cert->conditions = staple_state_conditions(
        (staple_state_e)record->state, cert->view.is_stale,
        cert->view.policy->exclude | cert->view.early,
        cert->view.is_must_staple_unserved);
    life = record->use_until - record->this_update;
    cert->life = record->der_len == 0 || record->use_until <= snapshot->now
                         || life <= 0
                     ? 0
                     : (int)((record->use_until - snapshot->now) * 100.0
                             / life);
    cert->life = cert->life > 100 ? 100 : cert->life;
    return 1;
}

const char *staple_snapshot_responder(const staple_snapshot_cert_t *cert,
                                      unsigned number)
{
    const staple_policy_t *policy = cert->view.policy;
    unsigned attempt = 0;
    int by_get;

    if (policy->no_network
        || cert->view.record.state == STAPLE_STATE_DISABLED) {
        return NULL;
    }
    while (number-- > 0) {
        attempt = staple_responder_next_url(policy, attempt);
    }
    return staple_responder_attempt(&by_get, cert->view.cert, policy, attempt);
}

const char *staple_snapshot_revocation(const staple_snapshot_cert_t *cert)
{
    const staple_record_t *record = &cert->view.record;

    return staple_record_says_revoked(record)
               ? staple_verify_crl_reason(record->revocation_reason)
               : NULL;
}

/* ---- counting ---- */

static void count_cert(staple_snapshot_t *snapshot,
                       const staple_snapshot_cert_t *cert)
{
    const staple_record_t *record = &cert->view.record;
    int i;

    if (record->state < STAPLE_STATE_COUNT) {
        snapshot->states[record->state]++;
    }
    if (record->reason < STAPLE_REASON_COUNT) {
        snapshot->errors[record->reason]++;
    }
    for (i = 0; i < STAPLE_CONDITION_COUNT; i++) {
        snapshot->conditions[i] += cert->conditions >> i & 1;
    }
    snapshot->significant += cert->conditions != 0;
    snapshot->issuers += cert->view.is_issuer != 0;
    snapshot->stale += cert->view.is_stale != 0;
    snapshot->refused += record->state == STAPLE_STATE_DISABLED
                         && record->reason != STAPLE_OK;
    snapshot->served += cert->tally.served;
    snapshot->unserved += cert->tally.unserved;
    snapshot->staple_bytes += record->der_len;
    if (record->der_len > 0
        && (snapshot->first_end == 0
            || record->use_until < snapshot->first_end)) {
        snapshot->first_end = record->use_until;
    }
    if (cert->view.score < snapshot->score) {
        snapshot->score = cert->view.score;
    }
}

static staple_snapshot_server_t *find_server(apr_hash_t *by_name,
                                             const char *name)
{
    staple_snapshot_server_t *server = apr_hash_get(by_name, name,
                                                    APR_HASH_KEY_STRING);

    if (server == NULL) {
        server = apr_pcalloc(apr_hash_pool_get(by_name), sizeof(*server));
        server->name = name;
        server->score = BEST_SCORE;
        server->fault = STAPLE_STATE_GOOD;
        apr_hash_set(by_name, name, APR_HASH_KEY_STRING, server);
    }
    return server;
}

/* What a certificate means to its servers.  An issuer's own state shows in
 * those below it. */
static void count_servers(apr_hash_t *by_name,
                          const staple_snapshot_cert_t *cert)
{
    staple_state_e state = (staple_state_e)cert->view.record.state;
    int i;

    if (cert->view.is_issuer) {
        return;
    }
    for (i = 0; i < cert->view.servers->nelts; i++) {
        staple_snapshot_server_t *server = find_server(
            by_name, staple_generation_server(&cert->view, i));

        server->certificates++;
        if (cert->view.score < server->score) {
            server->score = cert->view.score;
        }
        if (state == STAPLE_STATE_REVOKED
            || (state == STAPLE_STATE_ISSUER_REVOKED
                && server->fault == STAPLE_STATE_GOOD)) {
            server->fault = state;
        }
    }
}

static int compare_servers(const void *a, const void *b)
{
    const staple_snapshot_server_t *one = a;
    const staple_snapshot_server_t *other = b;
    int has_fault = one->fault != STAPLE_STATE_GOOD;

    if (has_fault != (other->fault != STAPLE_STATE_GOOD)) {
        return has_fault ? -1 : 1;
    }
    return strcmp(one->name, other->name);
}

static const apr_array_header_t *list_servers(apr_pool_t *p,
                                              apr_hash_t *by_name)
{
    apr_array_header_t *servers = apr_array_make(
        p, (int)apr_hash_count(by_name) + 1, sizeof(staple_snapshot_server_t));
    apr_hash_index_t *i;

    for (i = apr_hash_first(p, by_name); i != NULL; i = apr_hash_next(i)) {
        *(staple_snapshot_server_t *)apr_array_push(servers)
            = *(staple_snapshot_server_t *)apr_hash_this_val(i);
    }
    qsort(servers->elts, (size_t)servers->nelts,
          sizeof(staple_snapshot_server_t), compare_servers);
    return servers;
}

/* Did the refresher show itself lately?  A look of the future is none: the
 * clock was set back, and the refresher would have noticed. */
static int is_running(const staple_scoreboard_t *board, apr_time_t now)
{
    return board->pid != 0
           && now < board->last_round_at + STAPLE_SNAPSHOT_SILENT
           && board->last_round_at < now + STAPLE_SNAPSHOT_SILENT;
}

const staple_snapshot_t *staple_snapshot_take(apr_pool_t *p)
{
    staple_snapshot_t *snapshot = apr_pcalloc(p, sizeof(*snapshot));
    apr_hash_t *by_name = apr_hash_make(p);
    staple_snapshot_cert_t cert;
    apr_uint32_t i;

    snapshot->view = staple_generation_get();
    snapshot->now = apr_time_now();
    snapshot->score = BEST_SCORE;
    if (snapshot->view != NULL) {
        snapshot->count = staple_generation_count(snapshot->view);
        staple_scoreboard_get(&snapshot->board, snapshot->view->board);
        snapshot->is_running = is_running(&snapshot->board, snapshot->now);
        for (i = 0; i < snapshot->count; i++) {
            if (staple_snapshot_cert(&cert, snapshot, i)) {
                count_cert(snapshot, &cert);
                count_servers(by_name, &cert);
            }
        }
    }
    snapshot->servers = list_servers(p, by_name);
    return snapshot;
}
