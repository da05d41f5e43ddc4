/* CRLs as a source of status: one job for each list, one verdict for all. */
#include "staple_source_crl.h"

#include <apr_strings.h>
#include <string.h>

#include "staple_outage.h"
#include "staple_schedule.h"

/* URLs of deltas that a list may name in the life of a refresher: each has a
 * health that is remembered. */
#define MAX_DELTA_URLS STAPLE_CRL_MAX_URLS

/* The whole list takes longer than a response. */
#define TOTAL_TIMEOUT 10

/* All of a list in one go. */
#define WHOLE ((apr_size_t)-1)

/* Base or delta of a list that is followed. */
typedef struct part_t {
    const char **urls; /* NULL at the end */
    unsigned url_count;
    apr_time_t next_at; /* when it is asked for next */
    apr_time_t came_at; /* what is held; 0: nothing is */
    unsigned failures;  /* jobs in a row */
    const char *from;   /* the URL that knows what is held by: */
    staple_validators_t validators;
} part_t;

struct staple_follow_t {
    staple_list_t *list;
    const staple_refresh_list_t *is;
    part_t parts[STAPLE_PARTS];
    unsigned todo;     /* parts of the job at work: bits 1 << staple_part_e */
    int is_started;    /* what was stored of it was offered */
    int is_scheduled;  /* its job has a time, or is at work */
    apr_time_t wished_at; /* when it was asked for by request; 0: never */
    int did_ask;       /* the job made a request */
    int is_changed;    /* it brought another list */
    staple_reason_e reason; /* of the last failure; OK: there is none */
    /* being judged */
    const unsigned char *judging; /* NULL: nothing is */
    const unsigned char *judged;  /* what was judged last, with this result */
    staple_reason_e judged_as;
    int is_over; /* it had run out, and was judged as of when it came */
    /* figures for people */
    apr_uint64_t requests, failed, not_modified;
};

static apr_uint32_t number_of(const staple_refresh_t *refresh,
                              apr_uint32_t list)
{
    return refresh->count + list;
}

static staple_follow_t *follow_of(const staple_refresh_t *refresh,
                                  apr_uint32_t number)
{
    return &refresh->follows[number - refresh->count];
}

static apr_time_t least(apr_time_t a, apr_time_t b)
{
    return a < b ? a : b;
}

/* ---- who wants it ---- */

/* The responders have given no valid answer for an interval. */
static int is_ocsp_silent(const staple_entry_t *entry,
                          const staple_record_t *record, apr_time_t now)
{
    apr_time_t since = record->succeeded_at != 0 ? record->succeeded_at
                                                 : record->state_since;

    return record->failures > 0 && now - since >= entry->policy->interval;
}

/* Is there no other way to its status? */
static int has_crl_alone(const staple_entry_t *entry)
{
    return !entry->may_ask && entry->policy->files == NULL;
}

/* Does the certificate's status rest on its CRLs, too? */
static int wants(const staple_refresh_t *refresh, apr_uint32_t index,
                 apr_time_t now)
{
    const staple_entry_t *entry = &refresh->entries[index];
    staple_record_t record;

    if (has_crl_alone(entry) || entry->policy->crl == STAPLE_CRL_ALWAYS) {
        return 1;
    }
    staple_cache_get_record(&record, refresh->cache, index);
    return entry->may_ask ? is_ocsp_silent(entry, &record, now)
                          : !staple_record_is_usable(&record, now);
}

static int is_wanted(const staple_refresh_t *refresh,
                     const staple_follow_t *follow, apr_time_t now)
{
    const apr_array_header_t *views = staple_list_views(follow->list);
    int i, k;

    for (i = 0; i < views->nelts; i++) {
        const apr_array_header_t *indexes =
            APR_ARRAY_IDX(views, i, staple_list_view_t *)->indexes;

        for (k = 0; k < indexes->nelts; k++) {
            if (wants(refresh, APR_ARRAY_IDX(indexes, k, apr_uint32_t), now)) {
                return 1;
            }
        }
    }
    return 0;
}

/* ---- when ---- */

/* When the list's next job is due; its delta has a time of its own. */
static apr_time_t due_at(const staple_follow_t *follow)
{
    const part_t *base = &follow->parts[STAPLE_PART_BASE];
    const part_t *delta = &follow->parts[STAPLE_PART_DELTA];

    return base->came_at != 0 && delta->url_count > 0
               ? least(base->next_at, delta->next_at)
               : base->next_at;
}

static void schedule(staple_refresh_t *refresh, apr_uint32_t number,
                     int wanted)
{
    staple_follow_t *follow = follow_of(refresh, number);

    follow->is_scheduled = wanted && follow->is_started
                           && refresh->entries[number].may_ask;
    if (follow->is_scheduled) {
        staple_job_schedule(refresh, number, due_at(follow));
    }
}

/* ---- what it says, for each certificate ---- */

/* All its lists together; one that is about its distribution point only leaves
 * the others needed (RFC 5280 5.2.5). */
static staple_reason_e combine(staple_crl_verdict_t *verdict,
                               const staple_refresh_t *refresh,
                               const staple_refresh_cert_t *cert,
                               apr_time_t now)
{
    staple_reason_e reason = STAPLE_NOT_FOUND, missing = STAPLE_OK;
    int is_whole = 0;
    unsigned i;

    for (i = 0; i < cert->list_count; i++) {
        const staple_follow_t *follow = &refresh->follows[cert->lists[i]];
        const staple_list_view_t *view =
            staple_list_view(follow->list, cert->crl);
        staple_crl_verdict_t more;
        staple_reason_e result = staple_list_verdict(
            &more, follow->list, view, cert->crl, now);

        staple_crl_verdict_join(verdict, &reason, &more, result);
        if (result == STAPLE_OK) {
            is_whole |= !staple_list_is_partial(view);
        }
        else if (missing == STAPLE_OK || missing == STAPLE_NOT_FOUND) {
            missing = result;
        }
    }
    return missing != STAPLE_OK
                   && (reason != STAPLE_OK
                       || (!is_whole && verdict->status == STAPLE_CERT_GOOD))
               ? missing
               : reason;
}

/* Would it take back what a newer list said?  That is a replay. */
static int is_replay(const staple_record_t *record,
                     const staple_crl_verdict_t *verdict)
{
    return record->crl.status == STAPLE_CERT_REVOKED
           && verdict->status != STAPLE_CERT_REVOKED
           && verdict->this_update < record->crl.this_update;
}

static void take_verdict(staple_record_t *record,
                         const staple_crl_verdict_t *verdict, apr_time_t now)
{
    record->crl = (staple_verdict_t){
        .status = verdict->status,
        .revocation_reason = verdict->revocation_reason,
        .revoked_at = verdict->revoked_at,
        .this_update = verdict->this_update,
        .next_update = verdict->next_update,
        .use_until = verdict->use_until > now ? verdict->use_until : 0};
}

/* Was each of its lists judged, or asked for in vain?  Until then it is too
 * early to say that none will do. */
static int is_each_known(const staple_refresh_t *refresh,
                         const staple_refresh_cert_t *cert)
{
    unsigned i;

    for (i = 0; i < cert->list_count; i++) {
        const part_t *base =
            &refresh->follows[cert->lists[i]].parts[STAPLE_PART_BASE];

        if (base->came_at == 0 && base->failures == 0) {
            return 0;
        }
    }
    return 1;
}

/* Do all lists of the certificate fail?  One that does not is enough. */
static int do_all_fail(const staple_refresh_t *refresh,
                       const staple_refresh_cert_t *cert)
{
    unsigned i;

    for (i = 0; i < cert->list_count; i++) {
        const part_t *base =
            &refresh->follows[cert->lists[i]].parts[STAPLE_PART_BASE];

        if (base->came_at != 0 && base->failures == 0) {
            return 0;
        }
    }
    return 1;
}

static apr_time_t next_of_all(const staple_refresh_t *refresh,
                              const staple_refresh_cert_t *cert)
{
    apr_time_t at = 0;
    unsigned i;

    for (i = 0; i < cert->list_count; i++) {
        const staple_follow_t *follow = &refresh->follows[cert->lists[i]];

        if (follow->parts[STAPLE_PART_BASE].url_count > 0
            && (at == 0 || due_at(follow) < at)) {
            at = due_at(follow);
        }
    }
    return at;
}

/* A certificate without OCSP: its lists are its jobs. */
static void note_job(staple_refresh_t *refresh, staple_record_t *record,
                     apr_uint32_t index, staple_reason_e reason, int is_news,
                     apr_time_t now)
{
    const staple_refresh_cert_t *cert = &refresh->certs[index];
    const staple_entry_t *list =
        &refresh->entries[number_of(refresh, cert->lists[0])];
    int has_failed = reason != STAPLE_OK || do_all_fail(refresh, cert);

    if (reason == STAPLE_NOT_FOUND) {
        reason = list->reason; /* no list was there to be judged */
    }
    record->attempted_at = now;
    record->next_at = next_of_all(refresh, cert);
    if (has_failed && !is_each_known(refresh, cert)) {
        return;
    }
    record->reason = STAPLE_OK;
    record->detail[0] = '\0';
    if (has_failed) {
        record->failures += record->failures < APR_UINT32_MAX;
        record->reason =
            (apr_uint16_t)(reason != STAPLE_OK ? reason : list->reason);
        apr_cpystrn(record->detail, list->detail, sizeof(record->detail));
    }
    else {
        is_news |= record->failures > 0;
        record->failures = 0;
        record->succeeded_at = is_news ? now : record->succeeded_at;
    }
    if (has_failed || is_news) {
        staple_chain_state_job_ended(refresh->states, index, record,
                                     !has_failed, now);
    }
}

/* What the lists say of one certificate now.  `is_news`: another list came. */
static void say(staple_refresh_t *refresh, apr_uint32_t index, int is_news,
                apr_time_t as_of, apr_time_t now)
{
    const staple_refresh_cert_t *cert = &refresh->certs[index];
    staple_crl_verdict_t verdict = {.status = STAPLE_CERT_GOOD};
    staple_record_t record;
    staple_reason_e reason;

    if (!wants(refresh, index, now)
        || !staple_cache_get_record(&record, refresh->cache, index)) {
        return;
    }
    reason = combine(&verdict, refresh, cert, as_of);
    if (reason == STAPLE_OK && is_replay(&record, &verdict)) {
        reason = STAPLE_CRL_OLDER;
    }
    if (reason == STAPLE_OK
        && (as_of == now || verdict.status == STAPLE_CERT_REVOKED)) {
        take_verdict(&record, &verdict, now);
    }
    if (!has_crl_alone(&refresh->entries[index]) || as_of != now) {
        staple_chain_state_learned(refresh->states, index, &record, now);
    }
    else {
        note_job(refresh, &record, index, reason, is_news, now);
    }
    staple_writer_put_record(refresh->writer, index, &record);
    staple_chain_state_spread(refresh->states, index, &record, now);
}

/* The same for all certificates of a list, as of an instant: what has run out
 * since tells what is revoked, and no more. */
static void say_all(staple_refresh_t *refresh, const staple_follow_t *follow,
                    int is_news, apr_time_t as_of, apr_time_t now)
{
    const apr_array_header_t *views = staple_list_views(follow->list);
    int i, k;

    for (i = 0; i < views->nelts; i++) {
        const apr_array_header_t *indexes =
            APR_ARRAY_IDX(views, i, staple_list_view_t *)->indexes;

        for (k = 0; k < indexes->nelts; k++) {
            say(refresh, APR_ARRAY_IDX(indexes, k, apr_uint32_t), is_news,
                as_of, now);
        }
    }
}

/* ---- where its deltas are ---- */

/* A URL of a delta, which the list names.  Not any number of them. */
static void add_delta_url(staple_refresh_t *refresh, part_t *delta,
                          const char *url)
{
    unsigned i;

    for (i = 0; i < delta->url_count; i++) {
        if (strcmp(delta->urls[i], url) == 0) {
            return;
        }
    }
    if (delta->url_count < MAX_DELTA_URLS) {
        delta->urls[delta->url_count++] = apr_pstrdup(refresh->pool, url);
        delta->urls[delta->url_count] = NULL;
    }
}

/* The list that came may say where its deltas are (RFC 5280 5.2.6), if its
 * certificates do not. */
static void find_delta_urls(staple_refresh_t *refresh, staple_follow_t *follow)
{
    const staple_crl_t *base =
        staple_list_held(follow->list, STAPLE_PART_BASE);
    part_t *delta = &follow->parts[STAPLE_PART_DELTA];
    staple_crl_points_t points;
    apr_pool_t *scratch;
    unsigned i, k;

    if (follow->is->delta_urls != NULL || base == NULL
        || base->freshest.len == 0
        || apr_pool_create(&scratch, refresh->pool) != APR_SUCCESS) {
        return;
    }
    if (delta->urls == NULL) {
        delta->urls = apr_pcalloc(refresh->pool,
                                  (MAX_DELTA_URLS + 1) * sizeof(char *));
    }
    staple_crl_cert_points(&points, scratch, base->freshest.at,
                           base->freshest.len);
    for (i = 0; i < points.count; i++) {
        for (k = 0; k < points.points[i].url_count; k++) {
            add_delta_url(refresh, delta, points.points[i].urls[k]);
        }
    }
    apr_pool_destroy(scratch);
}

/* ---- judging ---- */

static int step(staple_refresh_t *refresh, staple_follow_t *follow,
                const staple_stored_list_t *stored, apr_size_t bytes,
                apr_time_t now)
{
    if (follow->judging != stored->der) {
        follow->judging = stored->der;
        follow->judged = NULL;
        follow->is_over = 0;
        staple_list_judge(follow->list, stored->part, stored->der,
                          stored->der_len, now);
    }
    if (staple_list_step(&follow->judged_as, follow->list, bytes)) {
        return 1;
    }
    if (follow->judged_as == STAPLE_CRL_EXPIRED && stored->came_at < now
        && !follow->is_over) {
        /* It has run out, but what it says is revoked stays so. */
        follow->is_over = 1;
        staple_list_judge(follow->list, stored->part, stored->der,
                          stored->der_len, stored->came_at);
        return 1;
    }
    follow->judging = NULL;
    follow->judged = stored->der;
    if (follow->judged_as == STAPLE_OK
        && stored->part == STAPLE_PART_BASE) {
        find_delta_urls(refresh, follow);
    }
    return 0;
}

/* The URL as the part has it, or NULL: it is asked there no more. */
static const char *find_url(const part_t *part, const char *url)
{
    unsigned i;

    for (i = 0; url != NULL && i < part->url_count; i++) {
        if (strcmp(part->urls[i], url) == 0) {
            return part->urls[i];
        }
    }
    return NULL;
}

/* A part is held, since `came_at`. */
static void hold(staple_follow_t *follow, staple_part_e number,
                 const char *url,
                 const staple_validators_t *validators, apr_time_t came_at)
{
    part_t *part = &follow->parts[number];

    part->came_at = came_at;
    part->failures = 0;
    part->from = find_url(part, url);
    part->validators = *validators;
}

/* When to ask for it again, `at` being when it was asked for last. */
static void plan(staple_refresh_t *refresh, staple_follow_t *follow,
                 staple_part_e number, apr_interval_time_t fresh_for,
                 apr_time_t at, apr_time_t now)
{
    follow->parts[number].next_at = staple_schedule_after_success(
        follow->is->policy,
        staple_list_use_until(follow->list, number, now), fresh_for,
        staple_job_draw(refresh), at);
}

int staple_source_crl_judge(staple_reason_e *reason, staple_refresh_t *refresh,
                            apr_uint32_t list,
                            const staple_stored_list_t *stored,
                            apr_size_t bytes, apr_time_t now)
{
    staple_follow_t *follow = &refresh->follows[list];

    if (step(refresh, follow, stored, bytes, now)) {
        return 1;
    }
    *reason = follow->judged_as;
    return 0;
}

void staple_source_crl_take_stored(staple_refresh_t *refresh, apr_uint32_t list,
                                   const staple_stored_list_t *stored,
                                   apr_time_t now)
{
    staple_follow_t *follow = &refresh->follows[list];
    apr_time_t came_at = least(stored->came_at, now);

    follow->judged = NULL;
    if (follow->judged_as != STAPLE_OK) {
        return;
    }
    hold(follow, stored->part, stored->url, &stored->validators, came_at);
    if (follow->is_over) {
        follow->parts[stored->part].next_at = now;
    }
    else {
        plan(refresh, follow, stored->part, 0, came_at, now);
        follow->reason = STAPLE_OK;
    }
    say_all(refresh, follow, 1, follow->is_over ? came_at : now, now);
}

void staple_source_crl_refused(staple_refresh_t *refresh, apr_uint32_t list,
                               staple_reason_e reason, const char *detail,
                               apr_time_t now)
{
    staple_follow_t *follow = &refresh->follows[list];
    staple_entry_t *entry = &refresh->entries[number_of(refresh, list)];

    follow->reason = reason;
    follow->parts[STAPLE_PART_BASE].failures++;
    entry->reason = reason;
    staple_job_note(refresh, entry, detail);
    say_all(refresh, follow, 0, now, now);
}

void staple_source_crl_start(staple_refresh_t *refresh, apr_uint32_t list,
                             apr_time_t now)
{
    refresh->follows[list].is_started = 1;
    schedule(refresh, number_of(refresh, list),
             is_wanted(refresh, &refresh->follows[list], now));
}

int staple_source_crl_is_wanted_by(const staple_refresh_t *refresh,
                                   apr_uint32_t index, apr_uint32_t list,
                                   apr_time_t now)
{
    return refresh->entries[number_of(refresh, list)].may_ask
           && wants(refresh, index, now);
}

int staple_source_crl_may_begin(const staple_refresh_t *refresh,
                                apr_uint32_t number)
{
    return !staple_source_crl_is_list(refresh, number)
           || follow_of(refresh, number)->is_started;
}

int staple_source_crl_hasten(staple_refresh_t *refresh, apr_uint32_t list,
                             apr_interval_time_t interval, apr_time_t now)
{
    staple_follow_t *follow = &refresh->follows[list];
    int part;

    if (follow->wished_at != 0 && follow->wished_at <= now
        && now - follow->wished_at < interval) {
        return 0;
    }
    follow->wished_at = now;
    for (part = 0; part < STAPLE_PARTS; part++) {
        follow->parts[part].next_at = least(follow->parts[part].next_at, now);
    }
    return 1;
}

void staple_source_crl_shift(staple_refresh_t *refresh, apr_interval_time_t by)
{
    apr_uint32_t i;
    int part;

    for (i = 0; i < refresh->options.list_count; i++) {
        for (part = 0; part < STAPLE_PARTS; part++) {
            refresh->follows[i].parts[part].next_at += by;
        }
    }
}

/* ---- a list's job, as a source ---- */

/* What has failed is due whenever a job begins: its server may be back. */
static int is_due(const part_t *part, apr_time_t now)
{
    return part->next_at <= now || part->failures > 0;
}

static void start(staple_refresh_t *refresh, apr_uint32_t number,
                  apr_time_t now)
{
    staple_follow_t *follow = follow_of(refresh, number);
    const part_t *base = &follow->parts[STAPLE_PART_BASE];
    const part_t *delta = &follow->parts[STAPLE_PART_DELTA];

    follow->todo = 0;
    follow->did_ask = follow->is_changed = 0;
    if (!is_wanted(refresh, follow, now)) {
        return;
    }
    if (is_due(base, now)) {
        follow->todo |= 1U << STAPLE_PART_BASE;
    }
    if (delta->url_count > 0 && is_due(delta, now)) {
        follow->todo |= 1U << STAPLE_PART_DELTA;
    }
}

/* What attempt number `attempt` asks for, and where; NULL: there is none. */
static const char *attempt_at(staple_part_e *number,
                              const staple_follow_t *follow, unsigned attempt)
{
    unsigned base_count = follow->parts[STAPLE_PART_BASE].url_count;

    *number = attempt < base_count ? STAPLE_PART_BASE : STAPLE_PART_DELTA;
    attempt -= attempt < base_count ? 0 : base_count;
    return attempt < follow->parts[*number].url_count
               ? follow->parts[*number].urls[attempt]
               : NULL;
}

static staple_responder_t *list_whom(staple_refresh_t *refresh,
                                     apr_uint32_t number)
{
    staple_entry_t *entry = &refresh->entries[number];
    const staple_follow_t *follow = follow_of(refresh, number);
    staple_part_e part;
    const char *url;

    while ((url = attempt_at(&part, follow, entry->attempt)) != NULL
           && (follow->todo & 1U << part) == 0) {
        entry->attempt++;
    }
    return url != NULL ? staple_queue_responder(refresh->queue,
                                                entry->policy->route, url)
                       : NULL;
}

static staple_reason_e list_fill(staple_refresh_t *refresh,
                                 staple_exchange_t *exchange)
{
    const staple_follow_t *follow = follow_of(refresh, exchange->index);
    staple_part_e number;
    const char *url = attempt_at(&number, follow, exchange->attempt);
    const part_t *part = &follow->parts[number];

    exchange->by_get = 1;
    exchange->has_nonce = 0;
    exchange->request_len = 0;
    exchange->idle_timeout = follow->is->policy->timeout;
    exchange->timeout = TOTAL_TIMEOUT * exchange->idle_timeout;
    exchange->max_len = refresh->options.list_max_len;
    memset(&exchange->held, 0, sizeof(exchange->held));
    if (part->from == url
        && staple_list_use_until(follow->list, number, refresh->last_now)
               != 0) {
        exchange->held = part->validators;
    }
    apr_cpystrn(exchange->url, url, sizeof(exchange->url));
    return STAPLE_OK;
}

/* Judges what was not judged before staple_refresh_done(). */
static staple_reason_e judge(staple_refresh_t *refresh, staple_follow_t *follow,
                             staple_part_e part, const staple_answer_t *answer,
                             apr_time_t now)
{
    const staple_stored_list_t stored = {.part = part,
                                         .der = answer->der,
                                         .der_len = answer->der_len,
                                         .came_at = now};

    if (follow->judged != answer->der) {
        while (step(refresh, follow, &stored, WHOLE, now)) {
        }
    }
    follow->judged = NULL;
    return follow->judged_as;
}

/* The delta is of a newer base than the one held: that is due, but not once
 * more if it has just come. */
static void follow_delta(staple_follow_t *follow, apr_time_t now)
{
    const staple_crl_t *base =
        staple_list_held(follow->list, STAPLE_PART_BASE);
    const staple_crl_t *delta =
        staple_list_held(follow->list, STAPLE_PART_DELTA);
    part_t *part = &follow->parts[STAPLE_PART_BASE];
    apr_time_t soon = part->came_at + STAPLE_SCHEDULE_START;

    if (base != NULL && delta != NULL && base->mark.number.is_there
        && staple_crl_number_cmp(&delta->base_number, &base->mark.number) > 0) {
        follow->reason = STAPLE_CRL_DELTA_BASE;
        part->next_at = least(part->next_at, soon > now ? soon : now);
    }
}

/* A part is as it was (304), or another one is held: its attempts are over. */
static void part_succeeded(staple_refresh_t *refresh, staple_follow_t *follow,
                           staple_entry_t *entry,
                           const staple_exchange_t *exchange,
                           staple_part_e number, const staple_answer_t *answer,
                           apr_time_t now)
{
    part_t *part = &follow->parts[number];

    if (answer->is_not_modified) {
        follow->not_modified++;
        part->failures = 0;
    }
    else {
        hold(follow, number, exchange->url, &answer->validators, now);
        follow->is_changed = 1;
    }
    plan(refresh, follow, number, answer->fresh_for, now, now);
    follow->todo &= ~(1U << number);
    if (number == STAPLE_PART_BASE) {
        part_t *delta = &follow->parts[STAPLE_PART_DELTA];

        follow->reason = STAPLE_OK;
        entry->attempt = part->url_count;
        if (delta->url_count > 0 && delta->next_at <= now) {
            follow->todo |= 1U << STAPLE_PART_DELTA;
        }
    }
    else {
        follow_delta(follow, now);
    }
}

static void list_take(staple_refresh_t *refresh,
                      const staple_exchange_t *exchange,
                      const staple_answer_t *answer, apr_time_t now)
{
    staple_follow_t *follow = follow_of(refresh, exchange->index);
    staple_entry_t *entry = &refresh->entries[exchange->index];
    staple_reason_e reason = answer->reason;
    staple_part_e number;

    attempt_at(&number, follow, exchange->attempt);
    follow->did_ask = 1;
    follow->requests++;
    if (reason == STAPLE_OK && !answer->is_not_modified) {
        reason = judge(refresh, follow, number, answer, now);
    }
    else if (reason == STAPLE_OK
             && staple_list_use_until(follow->list, number, now) == 0) {
        reason = STAPLE_CRL_EXPIRED; /* it ran out while this was asked */
    }
    staple_outage_judge(refresh, exchange, reason, answer, now);
    if (reason == STAPLE_OK) {
        part_succeeded(refresh, follow, entry, exchange, number, answer, now);
    }
    else {
        follow->failed++;
        staple_outage_remember(refresh, exchange, answer);
        staple_job_attempt_failed(refresh, exchange->index, exchange, reason,
                                  answer->detail);
        entry->attempt++;
    }
    staple_job_go_on(refresh, exchange->index, now);
}

/* All attempts of a part failed. */
static void part_failed(staple_refresh_t *refresh, staple_follow_t *follow,
                        staple_entry_t *entry, staple_part_e number,
                        apr_time_t now)
{
    part_t *part = &follow->parts[number];

    part->failures += part->failures < APR_UINT32_MAX;
    part->next_at = staple_schedule_after_failure(
        follow->is->policy, part->failures,
        staple_list_use_until(follow->list, number, now), entry->retry_after,
        staple_job_draw(refresh), now);
    if (number == STAPLE_PART_BASE || follow->reason == STAPLE_OK) {
        follow->reason = entry->reason;
    }
}

/* No attempt is left: what became of the job is told, for each certificate. */
static void ended(staple_refresh_t *refresh, apr_uint32_t number,
                  apr_time_t now)
{
    staple_follow_t *follow = follow_of(refresh, number);
    staple_entry_t *entry = &refresh->entries[number];
    int has_base_failed = (follow->todo & 1U << STAPLE_PART_BASE) != 0;
    int is_told = follow->did_ask || follow->todo != 0;
    staple_list_row_t row;
    int part;

    if (has_base_failed) { /* its delta alone would say nothing */
        follow->todo = 1U << STAPLE_PART_BASE;
    }
    for (part = 0; part < STAPLE_PARTS; part++) {
        if (follow->todo & 1U << part) {
            part_failed(refresh, follow, entry, (staple_part_e)part, now);
        }
    }
    if (entry->skipped != NULL) {
        entry->skipped->prober = number;
    }
    if (is_told) {
        say_all(refresh, follow, follow->is_changed, now, now);
    }
    schedule(refresh, number, is_wanted(refresh, follow, now));
    if (is_told) {
        staple_source_crl_show(&row, refresh, number - refresh->count);
        staple_job_tell(
            refresh,
            (staple_report_t){.what = follow->todo != 0
                                          ? STAPLE_REPORT_LIST_FAILED
                                          : STAPLE_REPORT_LIST_REFRESHED,
                              .index = entry->tells_of,
                              .reason = entry->reason,
                              .detail = entry->detail,
                              .url = follow->is->urls[0],
                              .at = now,
                              .list = &row});
    }
    follow->todo = 0;
}

static const staple_source_t list_source = {.name = "crl",
                                            .transport = STAPLE_TRANSPORT_LIST,
                                            .start = start,
                                            .whom = list_whom,
                                            .fill = list_fill,
                                            .take = list_take,
                                            .ended = ended};

static const staple_source_t *const list_sources[] = {&list_source, NULL};

/* ---- for certificates, as a source ---- */

static void set_urls(part_t *part, const char *const *urls, apr_pool_t *p)
{
    unsigned count = 0;

    while (urls != NULL && urls[count] != NULL) {
        count++;
    }
    if (count > 0) {
        part->urls = apr_pmemdup(p, urls, (count + 1) * sizeof(*urls));
        part->url_count = count;
    }
}

static void begin(staple_refresh_t *refresh, apr_pool_t *p)
{
    apr_uint32_t i;
    unsigned k;

    refresh->follows = apr_pcalloc(
        p, (refresh->options.list_count + 1) * sizeof(staple_follow_t));
    for (i = 0; i < refresh->options.list_count; i++) {
        const staple_refresh_list_t *is = &refresh->options.lists[i];
        staple_follow_t *follow = &refresh->follows[i];
        staple_entry_t *entry = &refresh->entries[number_of(refresh, i)];

        follow->is = is;
        follow->list = staple_list_make(p, is);
        set_urls(&follow->parts[STAPLE_PART_BASE], is->urls, p);
        set_urls(&follow->parts[STAPLE_PART_DELTA], is->delta_urls, p);
        entry->policy = is->policy;
        entry->sources = list_sources;
        entry->may_ask = is->urls != NULL;
        entry->tells_of = STAPLE_NONE;
        for (k = 0; k < follow->parts[STAPLE_PART_BASE].url_count; k++) {
            staple_queue_count_in(
                staple_queue_responder(refresh->queue, is->policy->route,
                                       is->urls[k]),
                number_of(refresh, i));
        }
    }
}

/* The certificate joins its lists.  It has no jobs by that: they have. */
static int meet(staple_refresh_t *refresh, apr_uint32_t index)
{
    const staple_refresh_cert_t *cert = &refresh->certs[index];
    unsigned i;

    for (i = 0; i < cert->list_count; i++) {
        staple_entry_t *list =
            &refresh->entries[number_of(refresh, cert->lists[i])];

        staple_list_add(refresh->follows[cert->lists[i]].list, index, cert);
        if (list->tells_of == STAPLE_NONE) {
            list->tells_of = index;
        }
    }
    return 0;
}

static staple_responder_t *whom(staple_refresh_t *refresh, apr_uint32_t index)
{
    (void)refresh;
    (void)index;
    return NULL;
}

/* Its responders failed once more: now its lists may be wanted. */
static void gave_up(staple_refresh_t *refresh, apr_uint32_t index)
{
    const staple_refresh_cert_t *cert = &refresh->certs[index];
    unsigned i;

    if (cert->list_count == 0 || !wants(refresh, index, refresh->last_now)) {
        return;
    }
    for (i = 0; i < cert->list_count; i++) {
        if (!refresh->follows[cert->lists[i]].is_scheduled) {
            schedule(refresh, number_of(refresh, cert->lists[i]), 1);
        }
    }
}

const staple_source_t staple_source_crl = {.name = "crl",
                                           .transport = STAPLE_TRANSPORT_LIST,
                                           .begin = begin,
                                           .meet = meet,
                                           .whom = whom,
                                           .gave_up = gave_up};

/* ---- what is shown ---- */

static void show_part(staple_list_half_t *shown, const staple_follow_t *follow,
                      staple_part_e number, apr_time_t now)
{
    const staple_crl_t *crl = staple_list_held(follow->list, number);
    const part_t *part = &follow->parts[number];
    const char *url = part->from != NULL     ? part->from
                      : part->url_count > 0  ? part->urls[0]
                      : number == STAPLE_PART_BASE ? follow->is->file
                                                   : NULL;

    apr_cpystrn(shown->url, url != NULL ? url : "", sizeof(shown->url));
    if (crl != NULL) {
        shown->bytes = crl->bytes;
        shown->entries = crl->entry_count;
        shown->this_update = crl->mark.this_update;
        shown->next_update = crl->next_update;
        shown->fetched_at = part->came_at;
        shown->use_until = staple_list_use_until(follow->list, number, now);
        staple_crl_number_text(shown->number, &crl->mark.number);
    }
}

static apr_uint32_t count_certificates(const staple_follow_t *follow)
{
    const apr_array_header_t *views = staple_list_views(follow->list);
    apr_uint32_t count = 0;
    int i;

    for (i = 0; i < views->nelts; i++) {
        count += (apr_uint32_t)APR_ARRAY_IDX(views, i, staple_list_view_t *)
                     ->indexes->nelts;
    }
    return count;
}

void staple_source_crl_show(staple_list_row_t *row,
                            const staple_refresh_t *refresh, apr_uint32_t list)
{
    const staple_follow_t *follow = &refresh->follows[list];

    memset(row, 0, sizeof(*row));
    show_part(&row->base, follow, STAPLE_PART_BASE, refresh->last_now);
    show_part(&row->delta, follow, STAPLE_PART_DELTA, refresh->last_now);
    row->next_at = follow->is_scheduled ? due_at(follow) : 0;
    row->requests = follow->requests;
    row->failed = follow->failed;
    row->not_modified = follow->not_modified;
    row->failures = follow->parts[STAPLE_PART_BASE].failures;
    row->reason = (apr_uint32_t)follow->reason;
    row->certificates = count_certificates(follow);
    row->is_wanted =
        follow->is_scheduled
        || (follow->is->urls == NULL
            && is_wanted(refresh, follow, refresh->last_now));
}

int staple_source_crl_part(staple_part_e *part, const staple_refresh_t *refresh,
                           const staple_exchange_t *exchange)
{
    return staple_source_crl_is_list(refresh, exchange->index)
           && attempt_at(part, follow_of(refresh, exchange->index),
                         exchange->attempt)
                  != NULL;
}
