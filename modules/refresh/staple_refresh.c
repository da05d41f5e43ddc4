/* Who is due, what to ask, what an answer changes; hands out exchanges. */
#include "staple_refresh.h"

#include <apr_strings.h>
#include <stdlib.h>

#include "base/staple_pool.h"
#include "staple_outage.h"
#include "staple_source_crl.h"

/* A clock set back by more than this moves all due times along. */
#define CLOCK_TOLERANCE apr_time_from_sec(2)

/* ---- a cache of one's own ---- */

staple_key_t *staple_refresh_keys(apr_pool_t *p,
                                  const staple_refresh_cert_t *certs,
                                  apr_uint32_t count)
{
    staple_key_t *keys = apr_palloc(p, (count + 1) * sizeof(*keys));
    apr_uint32_t i;

    for (i = 0; i < count; i++) {
        keys[i] = certs[i].cert->key;
    }
    return keys;
}

static apr_status_t free_block(void *block)
{
    free(block);
    return APR_SUCCESS;
}

staple_cache_t *staple_refresh_own_cache(apr_pool_t *p,
                                         const staple_refresh_cert_t *certs,
                                         apr_uint32_t count,
                                         apr_size_t max_len)
{
    apr_size_t size = staple_cache_size(count, max_len);
    void *block = size > 0 ? calloc(1, size) : NULL; /* p would clear it */

    if (block == NULL) {
        return NULL;
    }
    apr_pool_cleanup_register(p, block, free_block, apr_pool_cleanup_null);
    return staple_cache_format(block, size,
                               staple_refresh_keys(p, certs, count), count,
                               max_len);
}

/* ---- the exchanges' memory ---- */

static apr_status_t free_exchanges(void *data)
{
    staple_refresh_t *refresh = data;

    if (refresh->exchanges != NULL) {
        apr_pool_destroy(refresh->exchanges);
    }
    refresh->exchanges = NULL;
    refresh->exchange_count = 0;
    refresh->free = NULL;
    return APR_SUCCESS;
}

static staple_exchange_t *make_exchange(staple_refresh_t *refresh)
{
    if (refresh->exchanges == NULL) {
        refresh->exchanges =
            staple_pool_apart(refresh->pool, "ocspstaple_exchanges");
    }
    refresh->exchange_count++;
    return apr_pcalloc(refresh->exchanges, sizeof(staple_exchange_t));
}

/* Is there one to hand out?  Makes it where none is free. */
static int has_exchange(staple_refresh_t *refresh)
{
    if (refresh->free == NULL
        && refresh->exchange_count < refresh->options.concurrency) {
        refresh->free = make_exchange(refresh);
    }
    return refresh->free != NULL;
}

void staple_refresh_rest(staple_refresh_t *refresh)
{
    if (refresh->in_flight == 0) {
        free_exchanges(refresh);
    }
}

/* ---- handing out exchanges ---- */

/* The exchange for the first certificate in an origin's queue, or NULL where
 * that attempt cannot be made at all, or no longer is to be. */
static staple_exchange_t *hand_out(staple_refresh_t *refresh,
                                   staple_origin_t *origin, int is_crowded,
                                   apr_time_t now)
{
    apr_uint32_t index = staple_queue_pop(refresh->queue, origin);
    staple_entry_t *entry = &refresh->entries[index];
    staple_responder_t *r = entry->responder;
    const staple_source_t *source = entry->sources[entry->source];
    staple_exchange_t *exchange = refresh->free;
    staple_health_t *down;
    staple_reason_e reason;

    if (staple_job_is_stopped(refresh, index)) {
        entry->at_work = 0; /* its issuer was revoked while it waited */
        return NULL;
    }
    if (!staple_responder_may_ask(&down, r, now)) {
        staple_outage_pass_over(refresh, index, down, now);
        return NULL;
    }
    exchange->index = index;
    exchange->responder = r;
    exchange->route = r->origin->route;
    exchange->source = source;
    exchange->transport = source->transport;
    exchange->attempt = entry->attempt;
    reason = source->fill(refresh, exchange);
    if (reason != STAPLE_OK) {
        staple_job_attempt_failed(refresh, index, exchange, reason, "");
        entry->attempt++;
        staple_job_go_on(refresh, index, now);
        return NULL;
    }
    staple_queue_enter(&exchange->place, refresh->queue, origin,
                       exchange->timeout, is_crowded, now);
    exchange->timeout = exchange->place.granted;
    refresh->free = exchange->next_free;
    refresh->in_flight++;
    staple_responder_started(r);
    return exchange;
}

/* The next exchange, with the origin whose turn it is, or NULL. */
static staple_exchange_t *next_in_turn(staple_refresh_t *refresh,
                                       apr_time_t now)
{
    staple_exchange_t *exchange = NULL;
    staple_origin_t *origin;
    int is_crowded;

    while (exchange == NULL && staple_queue_waiting(refresh->queue) > 0) {
        staple_outage_send_away(refresh, now);
        origin = staple_queue_next(&is_crowded, refresh->queue);
        if (origin == NULL) {
            return NULL;
        }
        exchange = hand_out(refresh, origin, is_crowded, now);
    }
    return exchange;
}

/* A clock that was set back would leave all certificates waiting for as long as
 * it was set back by. */
static void follow_clock(staple_refresh_t *refresh, apr_time_t now)
{
    apr_interval_time_t by = now - refresh->last_now;

    if (by < -CLOCK_TOLERANCE) {
        staple_responder_t *r = staple_queue_responders(refresh->queue);
        staple_origin_t *origin = staple_queue_origins(refresh->queue);

        staple_timers_shift(refresh->due, by);
        staple_source_crl_shift(refresh, by);
        for (; r != NULL; r = r->next) {
            r->health.probe_at += by;
        }
        for (; origin != NULL; origin = origin->next) {
            origin->health.probe_at += by;
        }
    }
    refresh->last_now = now;
}

staple_exchange_t *staple_refresh_next(staple_refresh_t *refresh,
                                       apr_time_t now)
{
    apr_uint32_t index;
    apr_time_t at;

    follow_clock(refresh, now);
    staple_chain_state_time(refresh->states, now);
    staple_outage_probe(refresh, now);
    while ((index = staple_timers_first(refresh->due, &at)) != STAPLE_NONE
           && at <= now) {
        staple_job_start(refresh, index, now);
    }
    return staple_queue_waiting(refresh->queue) > 0 && has_exchange(refresh)
               ? next_in_turn(refresh, now)
               : NULL;
}

/* ---- taking answers ---- */

/* Others wait, and this one has had its time: it gets more of it at its next
 * turn, after theirs. */
static void cut_short(staple_refresh_t *refresh,
                      const staple_exchange_t *exchange, apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[exchange->index];
    staple_origin_t *origin = exchange->responder->origin;
    int was_proven = origin->is_proven;

    staple_responder_was_cut(exchange->responder, exchange->place.granted);
    staple_queue_leave(refresh->queue, origin, &exchange->place, was_proven,
                       now);
    staple_job_count(refresh, exchange->index, 0);
    staple_job_tell(refresh,
                    (staple_report_t){.what = STAPLE_REPORT_CUT_SHORT,
                                      .index = entry->tells_of,
                                      .url = exchange->responder->url,
                                      .took = exchange->place.granted});
    if (entry->cut == 0) {
        entry->cut = exchange->attempt + 1;
    }
    entry->attempt =
        staple_job_next_attempt(refresh, exchange->index, exchange->attempt);
    staple_job_go_on(refresh, exchange->index, now);
}

void staple_refresh_done(staple_refresh_t *refresh, staple_exchange_t *exchange,
                         const staple_answer_t *answer, apr_time_t now)
{
    /* What ran out before the answer came did so before what it brings. */
    staple_chain_state_time(refresh->states, now);
    refresh->entries[exchange->index].at_work = 0;
    if (exchange->place.is_leashed && answer->reason == STAPLE_TIMEOUT) {
        cut_short(refresh, exchange, now);
    }
    else {
        exchange->source->take(refresh, exchange, answer, now);
    }
    exchange->next_free = refresh->free;
    refresh->free = exchange;
    refresh->in_flight--;
}

staple_reason_e staple_refresh_offer(staple_refresh_t *refresh,
                                     apr_uint32_t index,
                                     const unsigned char *der,
                                     apr_size_t der_len, apr_time_t now)
{
    const staple_answer_t answer = {
        .der = der, .der_len = der_len, .detail = ""};
    char detail[STAPLE_RECORD_DETAIL];

    return staple_job_take_response(detail, refresh, index, &answer, NULL, now);
}

int staple_refresh_refused(staple_refresh_t *refresh, apr_uint32_t index,
                           staple_reason_e reason, const char *detail,
                           apr_time_t now)
{
    staple_record_t record;

    staple_cache_get_record(&record, refresh->cache, index);
    if (refresh->entries[index].may_ask || record.held.use_until > now) {
        return 0;
    }
    /* One that is for another certificate says less than one that is bad. */
    if (reason != STAPLE_NO_MATCH || record.reason == STAPLE_OK) {
        record.reason = (apr_uint16_t)reason;
        apr_cpystrn(record.detail, detail, sizeof(record.detail));
        if (record.state == STAPLE_STATE_DISABLED) {
            record.state_reason = record.reason;
        }
        staple_writer_put_record(refresh->writer, index, &record);
    }
    return 1;
}

/* ---- making and looking ---- */

/* Several machines that start together begin with different certificates: so
 * each finds the others' responses in the shared store. */
static apr_time_t in_any_order(staple_refresh_t *refresh, apr_time_t at)
{
    return refresh->shared != NULL && at <= refresh->last_now
               ? at - (apr_time_t)(staple_job_draw(refresh) % APR_USEC_PER_SEC)
               : at;
}

static void tell_event(void *baton, staple_report_t event)
{
    staple_refresh_t *refresh = baton;

    event.url = refresh->entries[event.index].asked;
    staple_job_tell(refresh, event);
}

static void stop_requests(void *baton, apr_uint32_t index, int is_stopped,
                          apr_time_t now)
{
    staple_refresh_t *refresh = baton;

    if (is_stopped) {
        staple_timers_remove(refresh->due, index);
    }
    else {
        staple_job_schedule(refresh, index, now);
    }
}

/* Is one of its CRLs asked for?  Files come by themselves. */
static int has_list_to_ask(const staple_refresh_t *refresh,
                           const staple_refresh_cert_t *cert)
{
    unsigned i;

    for (i = 0; i < cert->list_count; i++) {
        if (refresh->options.lists[cert->lists[i]].urls != NULL) {
            return 1;
        }
    }
    return 0;
}

/* Certificate `index` enters: what it is, and who can be asked about it. */
static void enter(staple_refresh_t *refresh, apr_uint32_t index,
                  const staple_refresh_cert_t *cert)
{
    staple_entry_t *entry = &refresh->entries[index];
    const staple_source_t *const *source;

    entry->cert = cert->cert;
    entry->policy = cert->policy;
    entry->sources = refresh->sources;
    entry->tells_of = index;
    entry->attempts_hash = staple_responder_hash(entry->cert, entry->policy);
    entry->insists = staple_refresh_insists(cert);
    for (source = refresh->sources; *source != NULL; source++) {
        if ((*source)->meet != NULL) {
            entry->may_ask |= (*source)->meet(refresh, index);
        }
    }
    staple_chain_state_set(refresh->states, index,
                           cert->above > 0 ? cert->above - 1 : STAPLE_NONE,
                           entry->may_ask || has_list_to_ask(refresh, cert));
    if (!entry->insists) {
        staple_chain_state_set_new(refresh->states, index,
                                   entry->cert->not_before + STAPLE_CERT_NEW);
    }
}

/* CRLs are not followed any more: what they said does not count. */
static void forget_crl(staple_refresh_t *refresh, apr_uint32_t index)
{
    static const staple_verdict_t nothing;
    staple_record_t record;

    if (staple_cache_get_record(&record, refresh->cache, index)
        && record.crl.this_update != 0) {
        record.crl = nothing;
        staple_writer_put_record(refresh->writer, index, &record);
    }
}

/* Takes up where its record says that it was left. */
static void take_up(staple_refresh_t *refresh, apr_uint32_t index,
                    apr_time_t now)
{
    staple_entry_t *entry = &refresh->entries[index];
    staple_record_t record;

    if (refresh->certs[index].list_count == 0) {
        forget_crl(refresh, index);
    }
    staple_chain_state_begin(refresh->states, index, now);
    staple_cache_get_record(&record, refresh->cache, index);
    entry->seen = staple_record_is_usable(&record, now);
    staple_job_schedule(
        refresh, index,
        in_any_order(refresh, staple_job_first_at(entry, &record, now)));
}

staple_refresh_t *staple_refresh_make(apr_pool_t *p,
                                      const staple_refresh_cert_t *certs,
                                      apr_uint32_t count, staple_cache_t *cache,
                                      const staple_refresh_options_t *options,
                                      apr_time_t now)
{
    static const staple_source_t *const usual[] = {
        &staple_source_shared, &staple_source_ocsp, &staple_source_crl, NULL};
    const apr_uint32_t jobs = count + options->list_count;
    staple_refresh_t *refresh = apr_pcalloc(p, sizeof(*refresh));
    const staple_chain_state_hooks_t hooks = {refresh, tell_event,
                                              stop_requests};
    const staple_source_t *const *source;
    apr_uint32_t i;

    refresh->pool = p;
    refresh->certs = certs;
    refresh->count = count;
    refresh->cache = cache;
    refresh->options = *options;
    refresh->sources = options->sources != NULL ? options->sources : usual;
    refresh->random = options->seed | 1;
    refresh->last_now = now;
    refresh->writer = staple_writer_make(p, cache);
    refresh->queue = staple_queue_make(p, jobs, options->concurrency);
    refresh->due = staple_timers_make(p, jobs);
    refresh->entries = apr_pcalloc(p, (jobs + 1) * sizeof(staple_entry_t));
    refresh->states =
        staple_chain_state_make(p, count, cache, refresh->writer, &hooks);
    apr_pool_cleanup_register(p, refresh, free_exchanges,
                              apr_pool_cleanup_null);
    for (source = refresh->sources; *source != NULL; source++) {
        if ((*source)->begin != NULL) {
            (*source)->begin(refresh, p);
        }
    }
    for (i = 0; i < count; i++) {
        enter(refresh, i, &certs[i]);
    }
    for (i = 0; i < count; i++) {
        take_up(refresh, i, now);
    }
    staple_chain_state_settle(refresh->states, now);
    return refresh;
}

static apr_time_t least(apr_time_t a, apr_time_t b)
{
    return a < b ? a : b;
}

apr_time_t staple_refresh_due_at(const staple_refresh_t *refresh)
{
    apr_time_t at;

    staple_timers_first(refresh->due, &at);
    return least(least(at, staple_outage_probe_at(refresh)),
                 staple_chain_state_next_at(refresh->states));
}

unsigned staple_refresh_in_flight(const staple_refresh_t *refresh)
{
    return refresh->in_flight;
}

/* ---- lists ---- */

int staple_refresh_judge(staple_reason_e *reason, staple_refresh_t *refresh,
                         apr_uint32_t list, const staple_stored_list_t *came,
                         apr_size_t bytes, apr_time_t now)
{
    return staple_source_crl_judge(reason, refresh, list, came, bytes, now);
}

void staple_refresh_offer_list(staple_refresh_t *refresh, apr_uint32_t list,
                               const staple_stored_list_t *came, apr_time_t now)
{
    staple_source_crl_take_stored(refresh, list, came, now);
}

void staple_refresh_refuse_list(staple_refresh_t *refresh, apr_uint32_t list,
                                staple_reason_e reason, const char *detail,
                                apr_time_t now)
{
    staple_source_crl_refused(refresh, list, reason, detail, now);
}

void staple_refresh_start_list(staple_refresh_t *refresh, apr_uint32_t list,
                               apr_time_t now)
{
    staple_source_crl_start(refresh, list, now);
}

int staple_refresh_is_list(apr_uint32_t *list, staple_part_e *part,
                           const staple_refresh_t *refresh,
                           const staple_exchange_t *exchange)
{
    *list = exchange->index - refresh->count;
    return staple_source_crl_part(part, refresh, exchange);
}

void staple_refresh_show_list(staple_list_row_t *row,
                              const staple_refresh_t *refresh,
                              apr_uint32_t list)
{
    staple_source_crl_show(row, refresh, list);
}

/* ---- the board ---- */

static staple_scoreboard_health_e health_of(const staple_responder_t *r)
{
    if (r->origin->health.is_down || r->health.is_down) {
        return STAPLE_SCOREBOARD_DOWN;
    }
    if (r->is_good) {
        return STAPLE_SCOREBOARD_ANSWERS;
    }
    return r->failures > 0 ? STAPLE_SCOREBOARD_FAILING
                           : STAPLE_SCOREBOARD_PENDING;
}

static void show_responder(staple_scoreboard_responder_t *shown,
                           const staple_responder_t *r,
                           staple_scoreboard_health_e health)
{
    const staple_health_t *down =
        r->origin->health.is_down ? &r->origin->health : &r->health;

    apr_cpystrn(shown->url, r->url, sizeof(shown->url));
    apr_cpystrn(shown->proxy,
                r->origin->route != NULL ? r->origin->route->proxy : "",
                sizeof(shown->proxy));
    shown->requests = r->requests;
    shown->failures = r->failures;
    shown->latency = r->latency;
    shown->probe_at = down->is_down ? down->probe_at : 0;
    shown->failing_since = r->failing_since;
    shown->health = (apr_uint32_t)health;
    shown->is_healthy = health != STAPLE_SCOREBOARD_DOWN
                        && (health != STAPLE_SCOREBOARD_FAILING || r->was_good);
    shown->last_error = (apr_uint32_t)r->last_error;
}

/* Adds those that are doing so; those that were never asked are left out. */
static void add_responders(staple_scoreboard_t *board,
                           const staple_refresh_t *refresh,
                           staple_scoreboard_health_e health)
{
    const staple_responder_t *r;

    for (r = staple_queue_responders(refresh->queue);
         r != NULL && board->responder_count < STAPLE_SCOREBOARD_RESPONDERS;
         r = r->next) {
        if (health_of(r) == health
            && (health == STAPLE_SCOREBOARD_DOWN || r->requests > 0)) {
            show_responder(&board->responders[board->responder_count++], r,
                           health);
        }
    }
}

void staple_refresh_show(staple_scoreboard_t *board,
                         const staple_refresh_t *refresh)
{
    board->next_due_at = staple_refresh_due_at(refresh);
    board->in_flight = staple_refresh_in_flight(refresh);
    board->responder_count = 0;
    add_responders(board, refresh, STAPLE_SCOREBOARD_DOWN);
    add_responders(board, refresh, STAPLE_SCOREBOARD_FAILING);
    add_responders(board, refresh, STAPLE_SCOREBOARD_ANSWERS);
    add_responders(board, refresh, STAPLE_SCOREBOARD_PENDING);
}

/* ---- for the next refresher ---- */

static void keep(staple_known_t *known, const staple_responder_id_t *id,
                 const staple_health_t *health, unsigned flags, apr_time_t now)
{
    staple_known_row_t row = {.id = *id};

    row.known_at = now - now % apr_time_from_sec(86400);
    row.flags = flags | (health->has_answered ? STAPLE_KNOWN_ANSWERED : 0);
    if (health->is_down) {
        row.flags |= STAPLE_KNOWN_DOWN;
        row.probe_at = health->probe_at;
        row.probes = health->probes;
    }
    if (row.flags != 0) {
        staple_known_add(known, &row);
    }
}

void staple_refresh_keep(staple_known_t *known, const staple_refresh_t *refresh,
                         apr_time_t now)
{
    const staple_origin_t *origin = staple_queue_origins(refresh->queue);
    const staple_responder_t *r = staple_queue_responders(refresh->queue);

    staple_known_begin(known);
    for (; origin != NULL; origin = origin->next) {
        keep(known, &origin->id, &origin->health,
             origin->is_proven ? STAPLE_KNOWN_PROVEN : 0, now);
    }
    for (; r != NULL; r = r->next) {
        if (r->health.is_down || r->was_good) {
            keep(known, &r->id, &r->health,
                 (r->was_good ? STAPLE_KNOWN_PROVEN : 0)
                     | (r->by_sha256 ? STAPLE_KNOWN_SHA256 : 0),
                 now);
        }
    }
    staple_known_end(known);
}

static void recall(staple_health_t *health, const staple_known_row_t *row,
                   apr_time_t now)
{
    health->has_answered |= (row->flags & STAPLE_KNOWN_ANSWERED) != 0;
    if (row->flags & STAPLE_KNOWN_DOWN) {
        staple_health_was_down(health, row->probes, row->probe_at, now);
    }
}

/* A certificate that failed since a responder or origin of its went down asks
 * when that is to be probed, or is back. */
static void find_prober(staple_refresh_t *refresh, apr_uint32_t index)
{
    staple_entry_t *entry = &refresh->entries[index];
    const char *url;
    unsigned attempt = 0;
    int by_get;

    while (entry->skipped == NULL
           && (url = staple_responder_attempt(&by_get, entry->cert,
                                              entry->policy, attempt))
                  != NULL) {
        entry->skipped = staple_responder_what_is_down(
            staple_queue_responder(refresh->queue, entry->policy->route,
                                   url));
        attempt = staple_responder_next_url(entry->policy, attempt);
    }
    if (entry->skipped != NULL) {
        entry->skipped->prober = index;
    }
}

/* Tells origins and URLs what was known of them. */
static void recall_all(staple_refresh_t *refresh, const staple_known_t *known,
                       apr_time_t now)
{
    const staple_known_row_t *row;
    staple_origin_t *origin;
    staple_responder_t *r;
    apr_uint32_t i;

    for (i = 0; (row = staple_known_row(known, i)) != NULL; i++) {
        origin = staple_queue_find_origin(refresh->queue, &row->id);
        if (origin != NULL) {
            recall(&origin->health, row, now);
            origin->is_proven =
                origin->is_own || (row->flags & STAPLE_KNOWN_PROVEN) != 0;
        }
        r = staple_queue_find(refresh->queue, &row->id);
        if (r != NULL) {
            recall(&r->health, row, now);
            r->was_good = (row->flags & STAPLE_KNOWN_PROVEN) != 0;
            r->by_sha256 = (row->flags & STAPLE_KNOWN_SHA256) != 0;
        }
    }
}

void staple_refresh_take_over(staple_refresh_t *refresh,
                              const staple_known_t *known, apr_time_t now)
{
    staple_record_t record;
    apr_uint32_t i;

    recall_all(refresh, known, now);
    for (i = 0; i < refresh->count; i++) {
        staple_cache_get_record(&record, refresh->cache, i);
        if (record.failures > 0) {
            find_prober(refresh, i);
        }
    }
}
