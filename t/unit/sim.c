/* A refresher with a fake clock and fake responders: days in milliseconds. */
#include "sim.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "refresh/staple_timers.h"
#include "refresh/staple_adopt.h"
#include "cache/staple_codec.h"

#define SLICE apr_time_from_msec(100) /* mod_watchdog's */

static apr_pool_t *root; /* of the program */
static apr_pool_t *pool; /* of the simulation, in it */
static make_pki_t *pki;

static void take_report(void *baton, const staple_report_t *report)
{
    sim_t *sim = baton;

    switch (report->what) {
    case STAPLE_REPORT_ATTEMPT_FAILED:
        if (sim->attempts_failed < sizeof(sim->reasons) / sizeof(int)) {
            sim->reasons[sim->attempts_failed] = report->reason;
        }
        sim->attempts_failed++;
        break;
    case STAPLE_REPORT_CUT_SHORT:
        sim->cut_short++;
        break;
    case STAPLE_REPORT_JOB_FAILED:
        sim->jobs_failed++;
        sim->gave_up += report->gave_up != 0;
        break;
    case STAPLE_REPORT_REFRESHED:
        sim->refreshed++;
        break;
    case STAPLE_REPORT_EVENT:
        sim->events[report->event]++;
        if (report->event == STAPLE_EVENT_RESPONDER_DOWN) {
            sim->went_down++;
            sim->down = report->url;
        }
        sim->came_up += report->event == STAPLE_EVENT_RESPONDER_UP;
        break;
    case STAPLE_REPORT_LIST_FAILED:
        sim->lists_failed++;
        break;
    case STAPLE_REPORT_LIST_REFRESHED:
        sim->lists_refreshed++;
        break;
    case STAPLE_REPORT_SHARED_REFUSED:
        break;
    }
}

/* ---- making ---- */

void sim_set(sim_t *sim, apr_uint32_t index, const char *const *urls,
             const staple_policy_t *policy)
{
    unsigned short count = 0;

    if (urls != NULL) {
        while (urls[count] != NULL) {
            count++;
        }
        sim->certs[index].urls = urls;
        sim->certs[index].url_count = count;
    }
    if (policy != NULL) {
        sim->entries[index].policy = policy;
    }
}

void sim_begin(void)
{
    root = make_begin();
    pki = make_pki(root);
    apr_pool_create(&pool, root);
}

void sim_end(void)
{
    make_end(root);
}

sim_t *sim_make(apr_uint32_t count, const char *const *urls)
{
    apr_size_t size = staple_cache_size(count, SIM_MAX_LEN);
    staple_key_t *keys;
    apr_uint32_t i;
    sim_t *sim;

    apr_pool_clear(pool);
    keys = apr_pcalloc(pool, count * sizeof(*keys));
    sim = apr_pcalloc(pool, sizeof(*sim));
    sim->p = pool;
    sim->pki = pki;
    sim->count = count;
    sim->concurrency = 64;
    sim->now = apr_time_from_sec(MAKE_NOW);
    sim->policy = (staple_policy_t)STAPLE_POLICY_DEFAULT;
    sim->certs = apr_pcalloc(pool, count * sizeof(*sim->certs));
    sim->entries = apr_pcalloc(pool, count * sizeof(*sim->entries));
    sim->asked = apr_pcalloc(pool, SIM_MAX_ASKED * sizeof(*sim->asked));
    for (i = 0; i < count; i++) {
        /* One certificate under many keys: one response is right for all. */
        sim->certs[i] = *pki->cert;
        memcpy(sim->certs[i].key.bytes, &i, sizeof(i));
        keys[i] = sim->certs[i].key;
        sim->entries[i].cert = &sim->certs[i];
        sim_set(sim, i, urls, &sim->policy);
    }
    sim->known = staple_known_format(apr_pcalloc(pool, staple_known_size()));
    sim->cache = staple_cache_format(apr_pcalloc(pool, size), size, keys,
                                     count, SIM_MAX_LEN);
    return sim;
}

sim_place_t *sim_place(sim_t *sim, const char *url, sim_does_e does)
{
    sim_place_t *place = &sim->places[sim->place_count++];

    place->url = url;
    place->does = does;
    return place;
}

void sim_start(sim_t *sim)
{
    const staple_refresh_options_t options = {.concurrency = sim->concurrency,
                                              .seed = 12345,
                                              .sources = sim->sources,
                                              .lists = sim->lists,
                                              .list_count = sim->list_count,
                                              .list_max_len = SIM_MAX_LIST,
                                              .report = take_report,
                                              .baton = sim};

    apr_uint32_t i;

    sim->in_flight = 0;
    sim->refresh = staple_refresh_make(sim->p, sim->entries, sim->count,
                                       sim->cache, &options,
                                       sim->now + sim->skew);
    for (i = 0; i < sim->list_count && !sim->are_lists_held_back; i++) {
        staple_refresh_start_list(sim->refresh, i, sim->now + sim->skew);
    }
}

void sim_take_over(sim_t *sim)
{
    apr_time_t now = sim->now + sim->skew;

    staple_refresh_keep(sim->known, sim->refresh, now);
    sim_start(sim);
    staple_refresh_take_over(sim->refresh, sim->known, now);
}

/* The bytes of its file, which are taken back into a cache of their own. */
static void store_and_restore(sim_t *sim, staple_writer_t *writer,
                              const staple_cache_t *older, apr_uint32_t index)
{
    static unsigned char der[STAPLE_MAX_RESPONSE], buf[STAPLE_CODEC_MAX];
    const staple_cert_t *cert = &sim->certs[index];
    apr_size_t len = sizeof(der);
    staple_record_t record;
    staple_stamp_t stamp;

    if (!staple_cache_snapshot(&stamp, &record, der, &len, older, &cert->key)) {
        fprintf(stderr, "sim: staple and record do not belong together\n");
        exit(99);
    }
    len = staple_codec_encode(buf, cert->sha256, &record, der, len);
    staple_adopt_stored(writer, index, cert, sim->entries[index].policy, buf,
                        len, sim->now + sim->skew);
}

void sim_restart(sim_t *sim)
{
    apr_size_t size = staple_cache_size(sim->count, SIM_MAX_LEN);
    staple_key_t *keys = apr_pcalloc(sim->p, sim->count * sizeof(*keys));
    const staple_cache_t *older = sim->cache;
    staple_writer_t *writer;
    apr_uint32_t i;

    for (i = 0; i < sim->count; i++) {
        keys[i] = sim->certs[i].key;
    }
    sim->cache = staple_cache_format(apr_pcalloc(sim->p, size), size, keys,
                                     sim->count, SIM_MAX_LEN);
    writer = staple_writer_make(sim->p, sim->cache);
    for (i = 0; i < sim->count; i++) {
        store_and_restore(sim, writer, older, i);
    }
    sim_start(sim);
}

/* ---- responders ---- */

static make_der_t make_for(sim_t *sim, sim_does_e does,
                           apr_interval_time_t life)
{
    make_response_t knobs = make_good(sim->pki);
    make_single_t *single = &knobs.singles[0];
    apr_int64_t now = apr_time_sec(sim->now);

    knobs.produced_at = single->this_update = now;
    single->next_update = now + apr_time_sec(life);
    switch ((int)does) {
    case SIM_REVOKED:
        single->status = V_OCSP_CERTSTATUS_REVOKED;
        single->revoked_at = now - MAKE_DAY;
        single->reason = 1;
        break;
    case SIM_UNKNOWN:
        single->status = V_OCSP_CERTSTATUS_UNKNOWN;
        break;
    case SIM_OLD:
        single->this_update -= 2 * MAKE_HOUR;
        break;
    case SIM_BAD_SIGNATURE:
        /* Without certificates the signature comes last. */
        knobs.signer = sim->pki->issuer;
        knobs.embed[0] = NULL;
        break;
    case SIM_OTHER_SIGNER:
        knobs.signer = sim->pki->stranger;
        knobs.embed[0] = sim->pki->stranger.x509;
        break;
    case SIM_TOO_LATE:
        single->next_update = now - 1;
        single->this_update -= 60;
        break;
    case SIM_TOO_SHORT:
        single->next_update = now + 1;
        break;
    case SIM_EXPIRED:
        single->this_update -= 2 * MAKE_DAY;
        single->next_update = now - MAKE_DAY;
        break;
    case SIM_TRY_LATER:
        return make_error(sim->p, 3);
    case SIM_UNAUTHORIZED:
        return make_error(sim->p, 6);
    default:
        break;
    }
    return make_response(sim->p, &knobs);
}

make_der_t sim_response(sim_t *sim, apr_interval_time_t age,
                        apr_interval_time_t life)
{
    return sim_say(sim, V_OCSP_CERTSTATUS_GOOD, age, age, life);
}

make_der_t sim_say(sim_t *sim, int status, apr_interval_time_t age,
                   apr_interval_time_t produced, apr_interval_time_t life)
{
    make_response_t knobs = make_good(sim->pki);
    apr_int64_t now = apr_time_sec(sim->now);

    knobs.produced_at = now - apr_time_sec(produced);
    knobs.singles[0].status = status;
    knobs.singles[0].revoked_at = now - MAKE_DAY;
    knobs.singles[0].this_update = now - apr_time_sec(age);
    knobs.singles[0].next_update = now + apr_time_sec(life);
    return make_response(sim->p, &knobs);
}

/* What the place says at this second; the signature is made once. */
static make_der_t response_of(sim_t *sim, sim_place_t *place)
{
    apr_int64_t now = apr_time_sec(sim->now);

    if (place->does == SIM_FIXED) {
        return place->fixed;
    }
    if (place->made_at != now || place->made_as != place->does) {
        place->made = make_for(sim, place->does,
                               place->life > 0 ? place->life
                                               : apr_time_from_sec(4 * 3600));
        if (place->does == SIM_BAD_SIGNATURE) {
            place->made.bytes[place->made.len - 1] ^= 1;
        }
        place->made_at = now;
        place->made_as = place->does;
    }
    return place->made;
}

static staple_answer_t answer_of(sim_t *sim, sim_place_t *place,
                                 const staple_exchange_t *exchange)
{
    staple_answer_t answer = {.http_status = 200, .detail = "simulated"};
    make_der_t der;

    answer.took = place->latency > 0 ? place->latency : apr_time_from_msec(50);
    if (answer.took > exchange->timeout) {
        answer.reason = STAPLE_TIMEOUT;
        answer.http_status = 0;
        return answer;
    }
    answer.fresh_for = place->fresh_for;
    answer.retry_after = place->retry_after;
    switch ((int)place->does) {
    case SIM_HANGS:
        answer.reason = STAPLE_TIMEOUT;
        answer.http_status = 0;
        break;
    case SIM_REFUSED:
        answer.reason = STAPLE_CONNECT;
        answer.http_status = 0;
        break;
    case SIM_NO_NAME:
        answer.reason = STAPLE_RESOLVE;
        answer.http_status = 0;
        break;
    case SIM_HTTP_404:
    case SIM_HTTP_503:
        answer.reason = STAPLE_HTTP_STATUS;
        answer.http_status = place->does == SIM_HTTP_404 ? 404 : 503;
        break;
    case SIM_WRONG_TYPE:
        answer.reason = STAPLE_HTTP_TYPE;
        break;
    case SIM_EMPTY:
        answer.reason = STAPLE_EMPTY;
        break;
    case SIM_JUNK:
        answer.der = (const unsigned char *)"this is no DER";
        answer.der_len = 14;
        break;
    default:
        if (exchange->transport == STAPLE_TRANSPORT_LIST) {
            place->list(&answer, exchange);
            break;
        }
        der = response_of(sim, place);
        answer.der = der.bytes;
        answer.der_len = der.len;
    }
    return answer;
}

static sim_place_t *place_of(sim_t *sim, const char *url)
{
    unsigned i;

    for (i = 0; i < sim->place_count; i++) {
        if (strncmp(url, sim->places[i].url, strlen(sim->places[i].url)) == 0) {
            return &sim->places[i];
        }
    }
    fprintf(stderr, "sim: nobody is at %s\n", url);
    exit(99);
}

/* ---- time ---- */

static void begin(sim_t *sim, staple_exchange_t *exchange)
{
    sim_place_t *place = place_of(sim, exchange->url);
    apr_interval_time_t took =
        place->latency > 0 ? place->latency : apr_time_from_msec(50);

    if (place->does == SIM_HANGS) {
        took = exchange->timeout;
    }
    if (took > exchange->timeout) {
        took = exchange->timeout;
    }
    if (place->does == SIM_REFUSED || place->does == SIM_NO_NAME) {
        took = 1000;
    }
    if (sim->asked_count == SIM_MAX_ASKED || sim->in_flight == SIM_FLIGHT) {
        fprintf(stderr, "sim: too many exchanges\n");
        exit(99);
    }
    sim->asked[sim->asked_count++] = (sim_asked_t){
        sim->now, exchange->index, exchange->by_get, place};
    sim->flight[sim->in_flight].exchange = exchange;
    sim->flight[sim->in_flight].place = place;
    sim->flight[sim->in_flight].ends = sim->now + took;
    sim->in_flight++;
    place->asked++;
    place->in_flight++;
    if (place->in_flight > place->most_in_flight) {
        place->most_in_flight = place->in_flight;
    }
    if (sim->in_flight > sim->most_in_flight) {
        sim->most_in_flight = sim->in_flight;
    }
}

/* Hands in what has ended by now. */
static void end_some(sim_t *sim)
{
    unsigned i = 0;

    while (i < sim->in_flight) {
        staple_exchange_t *exchange = sim->flight[i].exchange;
        sim_place_t *place = sim->flight[i].place;
        staple_answer_t answer;

        if (sim->flight[i].ends > sim->now) {
            i++;
            continue;
        }
        sim->flight[i] = sim->flight[--sim->in_flight];
        place->in_flight--;
        answer = answer_of(sim, place, exchange);
        staple_refresh_done(sim->refresh, exchange, &answer,
                            sim->now + sim->skew);
    }
}

/* The next instant at which something can happen. */
static apr_time_t next_instant(const sim_t *sim, apr_time_t end)
{
    apr_time_t at = staple_refresh_due_at(sim->refresh);
    unsigned i;

    at = at != STAPLE_TIMERS_NEVER ? at - sim->skew : end;
    if (at < sim->now + SLICE) {
        at = sim->now + SLICE;
    }
    for (i = 0; i < sim->in_flight; i++) {
        at = sim->flight[i].ends < at ? sim->flight[i].ends : at;
    }
    return at < end ? at : end;
}

void sim_run(sim_t *sim, apr_interval_time_t time)
{
    apr_time_t end = sim->now + time;
    staple_exchange_t *exchange;

    if (sim->refresh == NULL) {
        sim_start(sim);
    }
    while (sim->now < end) {
        while ((exchange = staple_refresh_next(sim->refresh,
                                               sim->now + sim->skew))
               != NULL) {
            begin(sim, exchange);
        }
        staple_refresh_rest(sim->refresh); /* which must never be felt */
        sim->now = next_instant(sim, end);
        end_some(sim);
    }
}

/* ---- looking ---- */

const char *sim_words(sim_t *sim, unsigned from)
{
    const char *words = "";

    for (; from < sim->asked_count; from++) {
        const sim_asked_t *asked = &sim->asked[from];

        words = apr_pstrcat(sim->p, words, words[0] != '\0' ? "," : "",
                            asked->by_get ? "G " : "P ",
                            asked->place->url + strlen("http://"), NULL);
    }
    return words;
}

unsigned sim_count(const sim_t *sim, apr_uint32_t index, unsigned from)
{
    unsigned count = 0;

    for (; from < sim->asked_count; from++) {
        count += sim->asked[from].index == index;
    }
    return count;
}

apr_interval_time_t sim_gap(const sim_t *sim, unsigned n)
{
    return n > 0 && n < sim->asked_count
               ? sim->asked[n].at - sim->asked[n - 1].at
               : -1;
}

int sim_is_stapled(const sim_t *sim, apr_uint32_t index)
{
    unsigned char buf[STAPLE_MAX_RESPONSE];
    apr_size_t len = sizeof(buf);

    return staple_cache_get(buf, &len, sim->cache, &sim->certs[index].key,
                            sim->now + sim->skew)
           == STAPLE_OK;
}

apr_uint32_t sim_stapled(const sim_t *sim)
{
    apr_uint32_t count = 0;
    apr_uint32_t i;

    for (i = 0; i < sim->count; i++) {
        count += sim_is_stapled(sim, i) != 0;
    }
    return count;
}

staple_record_t sim_record(const sim_t *sim, apr_uint32_t index)
{
    staple_record_t record;

    staple_cache_get_record(&record, sim->cache, index);
    return record;
}
