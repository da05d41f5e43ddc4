/* One moment of everything that is shown: totals, servers, certificates. */
#include "staple_snapshot.h"

#include <apr_hash.h>
#include <stdlib.h>

#include "base/staple_version.h"

#define BEST_SCORE 50
#define MAX_LISTS 64 /* CRLs that have figures */

int staple_snapshot_cert(staple_snapshot_cert_t *cert,
                         const staple_snapshot_t *snapshot, apr_uint32_t index)
{
    const staple_record_t *record = &cert->base.record;
    apr_interval_time_t life;

    if (index >= snapshot->count
        || !staple_generation_cert(&cert->base, snapshot->generation, index,
                             snapshot->now)) {
        return 0;
    }
    cert->entry = (int)index < snapshot->generation->certs->nelts
                      ? staple_generation_entry(snapshot->generation, index)
                      : NULL;
    cert->index = index;
    cert->now = snapshot->now;
    cert->tally =
        staple_scoreboard_tally(snapshot->generation->scoreboard, index);
    cert->conditions = staple_state_conditions(
        (staple_state_e)record->state, cert->base.is_stale,
        cert->base.policy->exclude | cert->base.early,
        cert->base.is_must_staple_unserved);
    cert->problems =
        staple_problem_of(cert->base.cert, record, cert->base.is_stale,
                          cert->base.is_must_staple_unserved, cert->base.early);
    life = record->held.use_until - record->held.this_update;
    cert->life = record->der_len == 0 || record->held.use_until <= snapshot->now
                         || life <= 0
                     ? 0
                     : (int)((record->held.use_until - snapshot->now) * 100.0
                             / life);
    cert->life = cert->life > 100 ? 100 : cert->life;
    return 1;
}

const char *staple_snapshot_responder(const staple_snapshot_cert_t *cert,
                                      unsigned number)
{
    const staple_policy_t *policy = cert->base.policy;
    unsigned attempt = 0;
    int by_get;

    if (policy->no_network
        || cert->base.record.state == STAPLE_STATE_DISABLED) {
        return NULL;
    }
    while (number-- > 0) {
        attempt = staple_responder_next_url(policy, attempt);
    }
    return staple_responder_attempt(&by_get, cert->base.cert, policy, attempt);
}

static const char *list_url(const staple_refresh_list_t *list)
{
    return list->urls != NULL ? list->urls[0] : list->file;
}

const char *staple_snapshot_crl(const staple_snapshot_cert_t *cert,
                                unsigned number)
{
    apr_uint32_t count;
    const staple_refresh_list_t *lists =
        staple_generation_lists(&count, staple_generation_get());

    return cert->entry != NULL && number < cert->entry->list_count
                   && cert->entry->lists[number] < count
               ? list_url(&lists[cert->entry->lists[number]])
               : NULL;
}

const staple_verdict_t *
staple_snapshot_revoked(const staple_snapshot_cert_t *cert)
{
    const staple_verdict_t *verdict =
        staple_record_verdict(&cert->base.record);

    return verdict->status == STAPLE_CERT_REVOKED ? verdict : NULL;
}

staple_reason_e staple_snapshot_why_not(const staple_snapshot_cert_t *cert)
{
    const staple_record_t *record = &cert->base.record;

    return (staple_reason_e)(record->reason != STAPLE_OK
                                 ? record->reason
                                 : record->state_reason);
}

int staple_snapshot_list(staple_snapshot_list_t *list,
                         const staple_snapshot_t *snapshot, apr_uint32_t index)
{
    const staple_generation_t *generation = snapshot->generation;
    const staple_refresh_list_t *lists;
    apr_uint32_t count;

    if (generation->cache == NULL || generation->list_board == NULL) {
        return 0;
    }
    lists = staple_generation_lists(&count, generation);
    if (index >= count) {
        return 0;
    }
    list->url = list_url(&lists[index]);
    return staple_list_board_get(&list->row, generation->list_board, index);
}

/* ---- counting ---- */

static void count_source(staple_snapshot_t *snapshot,
                         const staple_record_t *record)
{
    const char *source = staple_record_source(record);

    if (source == NULL) {
        snapshot->by_nothing++;
    }
    else if (strcmp(source, "crl") == 0) {
        snapshot->by_crl++;
    }
    else {
        snapshot->by_ocsp++;
    }
}

static void count_cert(staple_snapshot_t *snapshot,
                       const staple_snapshot_cert_t *cert)
{
    const staple_record_t *record = &cert->base.record;
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
    count_source(snapshot, record);
    snapshot->issuers += cert->base.is_issuer != 0;
    snapshot->stale += cert->base.is_stale != 0;
    snapshot->served += cert->tally.served;
    snapshot->unserved += cert->tally.unserved;
    snapshot->chained += cert->tally.chained;
    snapshot->staple_bytes += record->der_len;
    if (record->der_len > 0
        && (snapshot->first_end == 0
            || record->held.use_until < snapshot->first_end)) {
        snapshot->first_end = record->held.use_until;
    }
    if (cert->base.score < snapshot->score) {
        snapshot->score = cert->base.score;
    }
    if (!cert->base.is_issuer
        && (snapshot->first_not_after == 0
            || cert->base.cert->not_after < snapshot->first_not_after)) {
        snapshot->first_not_after = cert->base.cert->not_after;
    }
}

/* ---- problems ---- */

static void add_troubled(staple_snapshot_troubled_t *troubled,
                         const staple_snapshot_cert_t *cert)
{
    if (troubled->count < STAPLE_SNAPSHOT_NAMES) {
        troubled->names[troubled->count] =
            cert->base.is_issuer || cert->base.servers->nelts == 0
                ? cert->base.cert->subject
                : staple_generation_server(&cert->base, 0);
    }
    troubled->count++;
}

static void count_problems(staple_snapshot_health_t *health,
                           const staple_snapshot_cert_t *cert,
                           unsigned problems)
{
    unsigned i;

    for (i = 0; i < STAPLE_PROBLEM_COUNT; i++) {
        if (problems & (1U << i)) {
            add_troubled(&health->problems[i], cert);
        }
    }
    if (problems & (1U << STAPLE_PROBLEM_NOT_STAPLED)) {
        add_troubled(
            &health->not_stapled[staple_snapshot_why_not(cert)
                                 % STAPLE_REASON_COUNT],
            cert);
    }
}

/* The responders that are not healthy: URL, as far as the board has it, -> how
 * many wait for it. */
static apr_hash_t *find_unhealthy(apr_pool_t *p, staple_snapshot_t *snapshot)
{
    const staple_scoreboard_t *board = &snapshot->board;
    apr_hash_t *unhealthy = apr_hash_make(p);
    apr_uint32_t i;

    for (i = 0;
         i < board->responder_count && i < STAPLE_SCOREBOARD_RESPONDERS; i++) {
        if (!board->responders[i].is_healthy) {
            apr_hash_set(unhealthy, board->responders[i].url,
                         APR_HASH_KEY_STRING, &snapshot->waiting[i]);
        }
    }
    return unhealthy;
}

static void count_waiting_for(apr_hash_t *unhealthy, const char *url)
{
    apr_size_t len = strlen(url);
    apr_uint32_t *waiting = apr_hash_get(
        unhealthy, url,
        (apr_ssize_t)(len < STAPLE_SCOREBOARD_URL ? len
                                                  : STAPLE_SCOREBOARD_URL - 1));

    if (waiting != NULL) {
        ++*waiting;
    }
}

/* For whom it waits. */
static void count_waiting(apr_hash_t *unhealthy,
                          const staple_snapshot_cert_t *cert)
{
    const char *url;
    unsigned i;

    if (cert->base.record.failures == 0 || apr_hash_count(unhealthy) == 0) {
        return;
    }
    for (i = 0; (url = staple_snapshot_responder(cert, i)) != NULL; i++) {
        count_waiting_for(unhealthy, url);
    }
    for (i = 0; (url = staple_snapshot_crl(cert, i)) != NULL; i++) {
        count_waiting_for(unhealthy, url);
    }
}

/* What concerns all of it, and then how bad all is. */
static void judge(staple_snapshot_health_t *health,
                  const staple_snapshot_t *snapshot, int unhealthy)
{
    unsigned bits = 0, i;

    if (snapshot->states[STAPLE_STATE_DISABLED] == snapshot->count) {
        health->problems[STAPLE_PROBLEM_NOTHING].count = 1;
    }
    else if (!snapshot->is_running) {
        health->problems[snapshot->board.pid != 0 ? STAPLE_PROBLEM_REFRESHER
                                                  : STAPLE_PROBLEM_STARTING]
            .count = 1;
    }
    health->problems[STAPLE_PROBLEM_RESPONDER].count = (apr_uint32_t)unhealthy;
    for (i = 0; i < STAPLE_PROBLEM_COUNT; i++) {
        bits |= (health->problems[i].count > 0 ? 1U : 0U) << i;
    }
    health->grade = staple_problem_worst(bits);
}

/* Without what OCSPStapleLogExclude of its server excludes. */
static unsigned significant_problems(const staple_snapshot_cert_t *cert)
{
    return staple_problem_of(cert->base.cert, &cert->base.record,
                             cert->base.is_stale,
                             cert->base.is_must_staple_unserved,
                             cert->base.policy->exclude | cert->base.early);
}

/* ---- servers ---- */

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
    staple_state_e state = (staple_state_e)cert->base.record.state;
    int i;

    if (cert->base.is_issuer) {
        return;
    }
    for (i = 0; i < cert->base.servers->nelts; i++) {
        staple_snapshot_server_t *server = find_server(
            by_name, staple_generation_server(&cert->base, i));

        server->certificates++;
        if (cert->base.score < server->score) {
            server->score = cert->base.score;
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

/* Looks at each certificate once. */
static void count_all(staple_snapshot_t *snapshot, apr_hash_t *by_name,
                      apr_hash_t *unhealthy)
{
    staple_snapshot_cert_t cert;
    apr_uint32_t i;

    for (i = 0; i < snapshot->count; i++) {
        if (staple_snapshot_cert(&cert, snapshot, i)) {
            count_cert(snapshot, &cert);
            count_problems(&snapshot->health, &cert, cert.problems);
            count_problems(&snapshot->significant_health, &cert,
                           significant_problems(&cert));
            count_waiting(unhealthy, &cert);
            count_servers(by_name, &cert);
        }
    }
}

const staple_snapshot_t *staple_snapshot_take(apr_pool_t *p)
{
    staple_snapshot_t *snapshot = apr_pcalloc(p, sizeof(*snapshot));
    apr_hash_t *by_name = apr_hash_make(p);
    apr_hash_t *unhealthy;

    snapshot->generation = staple_generation_get();
    snapshot->now = apr_time_now();
    snapshot->score = BEST_SCORE;
    if (snapshot->generation->cache != NULL) {
        snapshot->count = staple_generation_count(snapshot->generation);
        staple_scoreboard_get(&snapshot->board,
                              snapshot->generation->scoreboard);
        snapshot->is_running = is_running(&snapshot->board, snapshot->now);
    }
    unhealthy = find_unhealthy(p, snapshot);
    count_all(snapshot, by_name, unhealthy);
    judge(&snapshot->health, snapshot, (int)apr_hash_count(unhealthy));
    judge(&snapshot->significant_health, snapshot,
          (int)apr_hash_count(unhealthy));
    snapshot->servers = list_servers(p, by_name);
    return snapshot;
}

/* ---- the totals as named figures ---- */

#define GAUGE "gauge"
#define COUNTER "counter"

/* One that has no label; NULL: it has no title. */
static void add_one(apr_array_header_t *list, const char *metric,
                    const char *type, const char *title, double value,
                    const char *help)
{
    *(staple_figure_t *)apr_array_push(list) = (staple_figure_t){
        .metric = metric, .type = type, .help = help, .title = title,
        .value = value};
}

/* One of those of a metric, told apart by a label. */
static void add(apr_array_header_t *list, const char *metric, const char *type,
                const char *label, const char *value_of_label,
                const char *title, double value, const char *help)
{
    staple_figure_t *figure;

    add_one(list, metric, type, title, value, help);
    figure = &APR_ARRAY_IDX(list, list->nelts - 1, staple_figure_t);
    figure->label = label;
    figure->value_of_label = value_of_label;
}

static void add_sources(apr_array_header_t *list,
                        const staple_snapshot_t *snapshot)
{
    const struct {
        const char *name;
        apr_uint32_t count;
    } sources[] = {{"ocsp", snapshot->by_ocsp},
                   {"crl", snapshot->by_crl},
                   {"none", snapshot->by_nothing}};
    int i;

    for (i = 0; i < 3; i++) {
        add(list, "certificate_sources", GAUGE, "source", sources[i].name, NULL,
            sources[i].count, "Certificates by what their status rests on.");
    }
}

static void add_certificates(apr_array_header_t *list,
                             const staple_snapshot_t *snapshot)
{
    int i;

    for (i = 0; i < STAPLE_STATE_COUNT; i++) {
        const char *name = staple_state_name((staple_state_e)i);

        add(list, "certificates", GAUGE, "state", name, name,
            snapshot->states[i], "Certificates in each state.");
    }
    for (i = 0; i < STAPLE_CONDITION_COUNT; i++) {
        add(list, "significant", GAUGE, "condition",
            staple_condition_name((staple_condition_e)i), NULL,
            snapshot->conditions[i],
            "Certificates with a condition that OCSPStapleLogExclude does not "
            "exclude.");
    }
    for (i = STAPLE_OK + 1; i < STAPLE_REASON_COUNT; i++) {
        add(list, "failing", GAUGE, "reason",
            staple_reason_name((staple_reason_e)i), NULL, snapshot->errors[i],
            "Certificates whose last refresh failed, by reason.");
    }
    add_one(list, "stale", GAUGE, "stale", snapshot->stale,
            "Certificates whose OCSP response has run out, or, where there is "
            "none, their CRL.");
    add_sources(list, snapshot);
}

static void add_health(apr_array_header_t *list,
                       const staple_snapshot_t *snapshot)
{
    int i;

    add_one(list, "health", GAUGE, NULL, snapshot->health.grade,
            "0: ok, 1: warning, 2: critical.");
    for (i = 0; i < STAPLE_PROBLEM_COUNT; i++) {
        add(list, "problems", GAUGE, "problem",
            staple_problem_name((staple_problem_e)i), NULL,
            snapshot->health.problems[i].count,
            "Certificates, or responders, with each problem.");
    }
    add_one(list, "certificate_first_not_after_timestamp_seconds", GAUGE, NULL,
            (double)apr_time_sec(snapshot->first_not_after),
            "When the first of the servers' certificates expires, 0 without "
            "any.");
}

static void add_servers(apr_array_header_t *list,
                        const staple_snapshot_t *snapshot)
{
    static const staple_state_e faults[] = {
        STAPLE_STATE_GOOD, STAPLE_STATE_REVOKED, STAPLE_STATE_ISSUER_REVOKED};
    unsigned counts[STAPLE_STATE_COUNT] = {0};
    int i;

    for (i = 0; i < snapshot->servers->nelts; i++) {
        counts[APR_ARRAY_IDX(snapshot->servers, i, staple_snapshot_server_t)
                   .fault]++;
    }
    for (i = 0; i < 3; i++) {
        add(list, "servers", GAUGE, "fault",
            faults[i] == STAPLE_STATE_GOOD ? "none"
                                           : staple_state_name(faults[i]),
            NULL, counts[faults[i]],
            "Server names by the fault of their certificates.");
    }
    add_one(list, "lowest_score", GAUGE, "lowest score", snapshot->score / 10.0,
            "The lowest security score of all certificates, 0 to 5.");
}

static void add_refresher(apr_array_header_t *list,
                          const staple_snapshot_t *snapshot)
{
    const staple_scoreboard_t *board = &snapshot->board;

    add_one(list, "refresher_running", GAUGE, "refresher running",
            snapshot->is_running, "Whether the refresher is at work.");
    add_one(list, "requests_in_flight", GAUGE, "requests in flight",
            board->in_flight, "HTTP requests that wait for their answer.");
    add_one(list, "last_round_timestamp_seconds", GAUGE, NULL,
            (double)apr_time_sec(board->last_round_at),
            "When the refresher last looked for certificates that are due.");
    add_one(list, "next_due_timestamp_seconds", GAUGE, NULL,
            (double)apr_time_sec(board->next_due_at),
            "When the next certificate is due.");
    add_one(list, "first_end_timestamp_seconds", GAUGE, NULL,
            (double)apr_time_sec(snapshot->first_end),
            "When the first of all OCSP responses held runs out, 0 without "
            "any.");
    add_one(list, "requests_total", COUNTER, "requests",
            (double)board->requests, "HTTP requests to responders.");
    add_one(list, "request_failures_total", COUNTER, "failures",
            (double)board->failures,
            "HTTP requests that brought no usable response.");
    add_one(list, "received_bytes_total", COUNTER, "bytes received",
            (double)board->bytes, "OCSP responses received.");
}

/* URLs that were cut to the same text: the first one counts. */
static int is_repeated(const staple_scoreboard_t *board, apr_uint32_t index)
{
    apr_uint32_t i = 0;

    while (strcmp(board->responders[i].url, board->responders[index].url)
           != 0) {
        i++;
    }
    return i < index;
}

/* At most STAPLE_SCOREBOARD_RESPONDERS of each. */
static void add_responders(apr_array_header_t *list,
                           const staple_scoreboard_t *board)
{
    static const struct {
        const char *metric, *type, *help;
    } kinds[] = {
        {"responder_healthy", GAUGE,
         "Whether a responder answers; 0 while it is left alone between "
         "probes, and while none of its answers was of use."},
        {"responder_requests_total", COUNTER, "HTTP requests to a responder."},
        {"responder_failures_total", COUNTER,
         "Failures that tell of the responder's health."},
        {"responder_latency_seconds", GAUGE, "How long its last answer took."}};
    apr_uint32_t i;
    int k;

    for (k = 0; k < 4; k++) {
        for (i = 0; i < board->responder_count
                    && i < STAPLE_SCOREBOARD_RESPONDERS; i++) {
            const staple_scoreboard_responder_t *it = &board->responders[i];
            const double values[] = {it->is_healthy != 0, (double)it->requests,
                                     (double)it->failures,
                                     (double)it->latency / APR_USEC_PER_SEC};

            if (!is_repeated(board, i)) {
                add(list, kinds[k].metric, kinds[k].type, "responder", it->url,
                    NULL, values[k], kinds[k].help);
            }
        }
    }
}

static int is_among(const apr_array_header_t *lists, const char *url)
{
    int i;

    for (i = 0; i < lists->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(lists, i, staple_snapshot_list_t).url, url)
            == 0) {
            return 1;
        }
    }
    return 0;
}

/* The first CRLs, MAX_LISTS at most, of which no two are at one URL. */
static const apr_array_header_t *lists_of(apr_pool_t *p,
                                          const staple_snapshot_t *snapshot)
{
    apr_array_header_t *lists =
        apr_array_make(p, 4, sizeof(staple_snapshot_list_t));
    staple_snapshot_list_t one;
    apr_uint32_t i;

    for (i = 0; lists->nelts < MAX_LISTS
                && staple_snapshot_list(&one, snapshot, i); i++) {
        if (!is_among(lists, one.url)) {
            *(staple_snapshot_list_t *)apr_array_push(lists) = one;
        }
    }
    return lists;
}

static double seconds(apr_time_t at)
{
    return (double)apr_time_sec(at);
}

static void add_lists(apr_array_header_t *list, apr_pool_t *p,
                      const staple_snapshot_t *snapshot)
{
    static const struct {
        const char *metric, *type, *help;
    } kinds[] = {
        {"crl_wanted", GAUGE, "Whether a status rests on a CRL at present."},
        {"crl_bytes", GAUGE, "Size of the CRL held, without its delta."},
        {"crl_entries", GAUGE, "Revoked certificates in it."},
        {"crl_next_update_timestamp_seconds", GAUGE,
         "Its nextUpdate, 0 without one."},
        {"crl_end_timestamp_seconds", GAUGE,
         "When it must no longer be used, 0 where none may be used."},
        {"crl_fetched_timestamp_seconds", GAUGE, "When it came."},
        {"crl_requests_total", COUNTER,
         "HTTP requests for a CRL and its delta."},
        {"crl_failures_total", COUNTER,
         "Of these, those that brought nothing of use."},
        {"crl_not_modified_total", COUNTER, "Of these, HTTP 304."}};
    const apr_array_header_t *lists = lists_of(p, snapshot);
    int i, k;

    for (k = 0; k < 9; k++) {
        for (i = 0; i < lists->nelts; i++) {
            const staple_snapshot_list_t *it =
                &APR_ARRAY_IDX(lists, i, staple_snapshot_list_t);
            const staple_list_half_t *base = &it->row.base;
            const double values[] = {it->row.is_wanted != 0,
                                     (double)base->bytes,
                                     (double)base->entries,
                                     seconds(base->next_update),
                                     seconds(base->use_until),
                                     seconds(base->fetched_at),
                                     (double)it->row.requests,
                                     (double)it->row.failed,
                                     (double)it->row.not_modified};

            add(list, kinds[k].metric, kinds[k].type, "url", it->url, NULL,
                values[k], kinds[k].help);
        }
    }
}

const apr_array_header_t *staple_snapshot_figures(apr_pool_t *p,
                                            const staple_snapshot_t *snapshot)
{
    apr_array_header_t *list = apr_array_make(
        p, 32 + STAPLE_STATE_COUNT + STAPLE_REASON_COUNT,
        sizeof(staple_figure_t));
    const char *handshakes = "Handshakes that asked for a staple, by whether "
                             "they got one.";

    add(list, "build_info", GAUGE, "version", STAPLE_VERSION, NULL, 1,
        "The module's version.");
    add_health(list, snapshot);
    add_certificates(list, snapshot);
    add_servers(list, snapshot);
    add_refresher(list, snapshot);
    add(list, "handshakes_total", COUNTER, "staple", "sent", "stapled",
        (double)snapshot->served, handshakes);
    add(list, "handshakes_total", COUNTER, "staple", "none", "not stapled",
        (double)snapshot->unserved, handshakes);
    add_one(list, "chained_handshakes_total", COUNTER, "stapled with issuers",
            (double)snapshot->chained,
            "Handshakes that carried responses of issuers, too.");
    add_one(list, "held_bytes", GAUGE, "bytes held",
            (double)snapshot->staple_bytes, "Size of all OCSP responses held.");
    add_responders(list, &snapshot->board);
    add_lists(list, p, snapshot);
    return list;
}
