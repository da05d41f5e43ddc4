/* The refresher on the board, and what the next one takes over from it. */
#include "staple_show.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <string.h>

#include "staple_refresh_int.h"

/* ---- the board ---- */

static staple_scoreboard_health_e health_of(const staple_responder_t *r)
{
    if (r->origin->health.is_down || r->health.is_down) {
        return STAPLE_SCOREBOARD_DOWN;
    }
    if (r->is_good) {
        return STAPLE_SCOREBOARD_ANSWERS;
    }
    return r->failures > 0 ? STAPLE_SCOREBOARD_FAILING : STAPLE_SCOREBOARD_PENDING;
}

static void show_responder(staple_scoreboard_responder_t *shown,
                           const staple_responder_t *r,
                           staple_scoreboard_health_e health)
{
    const staple_health_t *down =
        r->origin->health.is_down ? &r->origin->health : &r->health;

    apr_cpystrn(shown->url, r->url, sizeof(shown->url));
    shown->requests = r->requests;
    shown->failures = r->failures;
    shown->latency = r->latency;
    shown->probe_at = down->is_down ? down->probe_at : 0;
    shown->health = (apr_uint32_t)health;
    shown->is_healthy =
        health != STAPLE_SCOREBOARD_DOWN
        && (health != STAPLE_SCOREBOARD_FAILING || r->was_good);
    shown->last_error = (apr_uint32_t)r->last_error;
}

/* Adds those that are doing so; those that were never asked are left out. */
static void add_responders(staple_scoreboard_t *board,
                           const staple_refresh_t *refresh,
                           staple_scoreboard_health_e health)
{
    const staple_responder_t *r;

    for (r = staple_refresh_responders(refresh);
         r != NULL && board->responder_count < STAPLE_SCOREBOARD_RESPONDERS;
         r = r->next) {
        if (health_of(r) == health
            && (health == STAPLE_SCOREBOARD_DOWN || r->requests > 0)) {
            show_responder(&board->responders[board->responder_count++], r,
                           health);
        }
    }
}

void staple_show_put(staple_scoreboard_t *board, const staple_refresh_t *refresh)
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

void staple_show_keep(staple_known_t *known, const staple_refresh_t *refresh,
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
                 r->was_good ? STAPLE_KNOWN_PROVEN : 0, now);
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
        staple_responder_t *r = staple_queue_responder(refresh->queue, url);

        if (r->origin->health.is_down) {
            entry->skipped = &r->origin->health;
        }
        else if (r->health.is_down) {
            entry->skipped = &r->health;
        }
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
            origin->is_proven = origin->is_own
                                || (row->flags & STAPLE_KNOWN_PROVEN) != 0;
        }
        r = staple_queue_find(refresh->queue, &row->id);
        if (r != NULL) {
            recall(&r->health, row, now);
            r->was_good = (row->flags & STAPLE_KNOWN_PROVEN) != 0;
        }
    }
}

void staple_show_take_over(staple_refresh_t *refresh,
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
