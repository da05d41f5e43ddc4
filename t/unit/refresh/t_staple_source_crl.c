/* CRLs as a source of status: jobs of lists, and what follows for all. */
#include "../make_crl.h"
#include "../sim.h"
#include "../tap.h"

#include <apr_strings.h>

#define LIST "http://crl"
#define DELTA "http://delta"

static const char *const no_ocsp[] = {NULL};
static const char *const ocsp[] = {"http://a1", NULL};
static const char *const urls[] = {LIST "/1", NULL};

/* What the place has now; next_update of 0 seconds: a day later. */
static struct {
    make_crl_t crl;
    make_crl_t delta;
    make_der_t bytes; /* instead; of no length: as above */
    const char *etag;
    int knows_etags;
    unsigned not_modified;
} there;

static sim_t *sim;
static apr_pool_t *p;

static void give_list(staple_answer_t *answer,
                      const staple_exchange_t *exchange)
{
    make_crl_t knobs = strncmp(exchange->url, DELTA, strlen(DELTA)) == 0
                           ? there.delta
                           : there.crl;
    make_der_t der = there.bytes;

    if (there.knows_etags && strcmp(exchange->held.etag, there.etag) == 0) {
        there.not_modified++;
        answer->is_not_modified = 1;
        answer->http_status = 304;
        return;
    }
    if (der.len == 0) {
        if (knobs.next_update == 0) {
            knobs.this_update = apr_time_sec(sim->now) - 60;
            knobs.next_update = apr_time_sec(sim->now) + MAKE_DAY;
        }
        der = make_crl(p, &knobs);
    }
    answer->der = der.bytes;
    answer->der_len = der.len;
    if (there.etag != NULL) {
        apr_cpystrn(answer->validators.etag, there.etag,
                    sizeof(answer->validators.etag));
    }
}

/* Certificates of serials 01, 02, ... that name one list, all of one issuer. */
static void make(apr_uint32_t count, const char *const *responders)
{
    static staple_refresh_list_t list;
    static const apr_uint32_t first[] = {0};
    static X509 *signers[1];
    apr_uint32_t i;

    sim = sim_make(count, responders);
    p = sim->p;
    memset(&there, 0, sizeof(there));
    there.crl.signer = there.delta.signer = sim->pki->issuer;
    there.etag = "\"1\"";
    signers[0] = sim->pki->issuer.x509;
    for (i = 0; i < count; i++) {
        make_identity_t made = make_crl_cert(
            p,
            &(make_cert_t){.name = "x",
                           .issuer = &sim->pki->issuer,
                           .key = sim->pki->leaf.key,
                           .serial = apr_psprintf(p, "%02x", i + 1)},
            "crlDistributionPoints=URI:" LIST "/1");

        sim->entries[i].crl =
            make_staple_crl_cert(p, made.x509, sim->pki->issuer.x509);
        sim->entries[i].lists = first;
        sim->entries[i].list_count = 1;
        sim->entries[i].signers = signers;
        sim->entries[i].signer_count = 1;
    }
    list = (staple_refresh_list_t){.urls = urls, .policy = &sim->policy};
    sim->lists = &list;
    sim->list_count = 1;
    sim_place(sim, LIST, SIM_GOOD)->list = give_list;
    sim_place(sim, "http://a1", SIM_GOOD);
    sim_place(sim, DELTA, SIM_GOOD)->list = give_list;
}

static void put_on(const char *serial, const char *reason)
{
    there.crl.entries[0] = (make_entry_t){.serial = serial, .reason = reason};
    there.etag = "\"2\"";
}

static staple_list_row_t row(void)
{
    staple_list_row_t shown;

    staple_refresh_show_list(&shown, sim->refresh, 0);
    return shown;
}

static unsigned asked(const char *url)
{
    unsigned i, count = 0;

    for (i = 0; i < sim->asked_count; i++) {
        count += strcmp(sim->asked[i].place->url, url) == 0;
    }
    return count;
}

/* ---- certificates without OCSP ---- */

static void test_good(void)
{
    make(50, no_ocsp);
    sim_run(sim, SEC(1));
    is_int(asked(LIST), 1, "50 certificates of one list: one request");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "the first is good");
    is_int(sim_record(sim, 49).state, STAPLE_STATE_GOOD, "the last is good");
    is_int(sim_record(sim, 0).reason, STAPLE_OK, "nothing failed");
    ok(!sim_is_stapled(sim, 0), "there is nothing to staple");
    is_int(row().certificates, 50, "the row counts them");
    is_int(row().requests, 1, "the row counts requests");
    is_str(row().base.number, "10", "the row has the CRL's number");
    is_int(sim->events[STAPLE_EVENT_GOOD], 0, "a first good one is no event");
    is_int(sim->lists_refreshed, 1, "the list is told");

    there.knows_etags = 1;
    sim_run(sim, DAY / 4);
    sim_run(sim, DAY / 4);
    ok(there.not_modified > 0, "asked again before half of its time: 304");
    is_int(row().not_modified, there.not_modified, "which the row counts");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "still good");
    sim_run(sim, DAY);
    is_int(sim->events[STAPLE_EVENT_STALE], 50,
           "304 does not prolong what has run out: stale is told of each");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD,
           "then it is asked for without a condition");
}

static void test_revoked(void)
{
    make(3, no_ocsp);
    sim_run(sim, SEC(1));
    put_on("02", "1");
    sim_run(sim, DAY / 2 + HOUR);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "01 is good");
    is_int(sim_record(sim, 1).state, STAPLE_STATE_REVOKED, "02 is revoked");
    is_int(sim_record(sim, 1).crl.revocation_reason, 1, "with the reason");
    is_int(sim->events[STAPLE_EVENT_REVOKED], 1, "told once");
    sim_place(sim, LIST, SIM_REFUSED);
    sim->places[0].does = SIM_REFUSED;
    sim_run(sim, 3 * DAY);
    is_int(sim_record(sim, 1).state, STAPLE_STATE_REVOKED,
           "revocation does not run out with the list");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_UNAVAILABLE, "good does");

    sim_start(sim);
    sim_run(sim, HOUR);
    is_int(sim_record(sim, 1).state, STAPLE_STATE_REVOKED,
           "nor with the refresher");
}

/* A list that was revoked by a newer one must not come back. */
static void test_replay(void)
{
    make_der_t older;

    make(1, no_ocsp);
    there.crl.number = "10";
    there.crl.this_update = MAKE_NOW - 3600;
    there.crl.next_update = MAKE_NOW + 5 * MAKE_DAY;
    older = make_crl(p, &there.crl);
    sim_run(sim, SEC(1));
    there.crl.number = "11";
    there.crl.this_update = MAKE_NOW;
    put_on("01", NULL);
    sim_run(sim, DAY + HOUR);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_REVOKED, "revoked");
    there.bytes = older;
    sim_run(sim, DAY + HOUR);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_REVOKED,
           "an older list does not undo it");
    is_reason((staple_reason_e)row().reason, STAPLE_CRL_OLDER, "and is told");
    sim_start(sim);
    sim_run(sim, DAY + HOUR);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_REVOKED,
           "nor does it for another refresher, which holds no list");
    there.bytes.len = 0;
    there.crl.number = "12";
    there.crl.next_update = 0;
    there.crl.entries[0].serial = NULL;
    sim_run(sim, 2 * DAY);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "a newer one does");
}

static void test_failures(void)
{
    make(2, no_ocsp);
    sim->places[0].does = SIM_REFUSED;
    sim_run(sim, MINUTE);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_UNAVAILABLE,
           "no list to be had: unavailable");
    ok(sim->lists_failed > 1 && sim->lists_failed < 10,
       "it is tried again, with a back-off");
    is_int(sim_record(sim, 0).failures, sim->lists_failed,
           "each failure counts for the certificate");
    is_int(sim->events[STAPLE_EVENT_REFRESH_FAILING], 2, "told once of each");
    sim->places[0].does = SIM_GOOD;
    sim_run(sim, 12 * MINUTE);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "then it comes");
    is_int(sim->events[STAPLE_EVENT_REFRESH_RECOVERED], 2, "told once");
    is_int(sim->events[STAPLE_EVENT_GOOD], 2, "good again is told");

    make(1, no_ocsp);
    sim_run(sim, SEC(1));
    there.bytes = make_hex(p, "3c68746d6c3e"); /* <html> */
    sim_run(sim, 13 * HOUR);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD,
           "HTML does not cost the list that is held");
    is_reason((staple_reason_e)sim_record(sim, 0).reason,
              STAPLE_CRL_MALFORMED, "it is told why");

    make(1, no_ocsp);
    there.crl.signer = sim->pki->other;
    sim_run(sim, SEC(1));
    is_reason((staple_reason_e)sim_record(sim, 0).reason,
              STAPLE_CRL_WRONG_ISSUER, "a list of another CA says nothing");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_UNAVAILABLE,
           "so nothing is known");
}

/* ---- beside OCSP ---- */

static void test_fallback(void)
{
    unsigned count;

    make(3, ocsp);
    sim_run(sim, DAY);
    is_int(asked(LIST), 0, "fallback: OCSP answers, so no list is fetched");
    sim->places[1].does = SIM_REFUSED;
    sim_run(sim, 20 * HOUR);
    is_int(asked(LIST), 0, "nor as long as it is silent for less than a day");
    sim_run(sim, DAY);
    count = asked(LIST);
    ok(count > 0 && count < 4, "then it is");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD,
           "and the certificate is good by it");
    ok(!sim_is_stapled(sim, 0), "although nothing is stapled");
    ok(staple_record_verdict(&(staple_record_t){.held.use_until = 1,
                                                .crl.use_until = 2})
               ->use_until
           == 2,
       "what rests on the list, rests on the list");
    sim->places[1].does = SIM_GOOD;
    sim_run(sim, HOUR);
    ok(sim_is_stapled(sim, 0), "the responder is back");
    is_int(sim_record(sim, 0).crl.use_until, 0, "the list counts no more");
    sim_run(sim, 2 * DAY);
    is_int(asked(LIST), count, "and is not fetched any more");
}

static void test_always(void)
{
    make(3, ocsp);
    sim->policy.crl = STAPLE_CRL_ALWAYS;
    put_on("02", "6");
    sim_run(sim, SEC(1));
    is_int(asked(LIST), 1, "always: the list is fetched");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "both say good: good");
    is_int(sim_record(sim, 1).state, STAPLE_STATE_REVOKED,
           "the list says revoked (on hold), the responder good: revoked");
    sim_run(sim, 6 * HOUR);
    is_int(sim_record(sim, 1).state, STAPLE_STATE_REVOKED,
           "also after other responses");
    there.crl.entries[0].serial = NULL;
    sim_run(sim, DAY);
    is_int(sim_record(sim, 1).state, STAPLE_STATE_GOOD, "the hold is over");
    sim->places[0].does = SIM_REFUSED;
    sim_run(sim, 3 * DAY);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD,
           "the list is gone, the responder alive: good");
    is_int(sim_record(sim, 0).failures, 0, "and no failure of the certificate");
}

/* ---- issuers ---- */

static void test_issuer(void)
{
    make(2, no_ocsp);
    sim->entries[0].above = 2;
    sim->entries[1].is_issuer = 1;
    put_on("02", "2");
    sim_run(sim, SEC(1));
    is_int(sim_record(sim, 1).state, STAPLE_STATE_REVOKED, "issuer revoked");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_ISSUER_REVOKED,
           "what is below it has a revoked issuer");
    there.crl.entries[0].serial = NULL;
    sim_run(sim, DAY);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "and goes on after it");
}

/* ---- deltas ---- */

static void test_delta(void)
{
    make(1, no_ocsp);
    there.crl.conf = "freshestCRL=URI:" DELTA "/1";
    there.crl.this_update = MAKE_NOW - 60;
    there.crl.next_update = MAKE_NOW + 7 * MAKE_DAY;
    there.delta.base = "10";
    there.delta.number = "11";
    sim_run(sim, SEC(1));
    is_int(asked(DELTA), 1, "the list names its delta: it is fetched, too");
    is_str(row().delta.number, "11", "and shown");
    there.delta.entries[0] = (make_entry_t){.serial = "01", .reason = "6"};
    there.delta.number = "12";
    sim_run(sim, DAY);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_REVOKED,
           "on hold by the delta");
    there.delta.entries[0].reason = "8";
    there.delta.number = "13";
    sim_run(sim, DAY);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD,
           "removeFromCRL: good again");
    ok(asked(DELTA) > 3 && asked(LIST) < 5,
       "the delta is asked for in its own time");
    sim->places[2].does = SIM_REFUSED;
    sim_run(sim, 3 * DAY);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD,
           "without a delta the base alone will do");
    is_int(sim_record(sim, 0).failures, 0, "the certificate has no failure");
    is_reason((staple_reason_e)row().reason, STAPLE_CONNECT,
              "but the row says so");
}

/* The base was issued anew, and its delta already speaks of it. */
static void test_newer_base(void)
{
    make(1, no_ocsp);
    there.crl.conf = "freshestCRL=URI:" DELTA "/1";
    there.crl.this_update = MAKE_NOW - 60;
    there.crl.next_update = MAKE_NOW + 7 * MAKE_DAY;
    there.delta.base = "10";
    there.delta.number = "11";
    sim_run(sim, SEC(1));
    there.crl.number = there.delta.base = "20";
    there.crl.this_update = MAKE_NOW + 60;
    there.crl.entries[0].serial = "01";
    there.delta.number = "21";
    sim_run(sim, DAY);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_REVOKED,
           "a delta of a newer base has that fetched");
    ok(asked(LIST) < 5, "and not again and again");
}

/* ---- health, and time ---- */

static void test_health(void)
{
    static const char *const mirrors[] = {LIST "/1", "http://mirror/1", NULL};
    staple_refresh_list_t list;
    unsigned count;

    make(3, no_ocsp);
    sim->places[0].does = SIM_REFUSED;
    sim_run(sim, 3 * HOUR);
    ok(sim->went_down > 0, "a server of lists that is dead is found down");
    sim->places[0].does = SIM_GOOD;
    sim_run(sim, 6 * MINUTE);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD,
           "it is probed, and back soon");
    is_int(sim->came_up, 1, "which is told");

    make(1, no_ocsp);
    list = sim->lists[0];
    list.urls = mirrors;
    sim->lists = &list;
    sim_place(sim, "http://mirror", SIM_GOOD)->list = give_list;
    sim->places[0].does = SIM_HTTP_404;
    sim_run(sim, SEC(1));
    is_str(sim_words(sim, 0), "G crl,G mirror", "alternatives in their order");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "one is enough");
    is_int(sim->lists_failed, 0, "so nothing failed");

    make(1, no_ocsp);
    sim_run(sim, SEC(1));
    count = asked(LIST);
    sim->skew = -30 * DAY;
    sim_run(sim, DAY);
    ok(asked(LIST) > count, "a clock that was set back does not stop requests");
}

/* Thousands of certificates whose responder fails: each failure is cheap. */
static void test_many(void)
{
    make(4000, ocsp);
    sim->places[1].does = SIM_REFUSED;
    sim_run(sim, 3 * HOUR);
    is_int(asked(LIST), 0, "4000 fail: no list before an interval is over");
    sim_run(sim, 26 * HOUR);
    ok(asked(LIST) > 0 && asked(LIST) < 6, "then one for all");
    is_int(sim_record(sim, 3999).state, STAPLE_STATE_GOOD, "which helps all");
}

/* ---- several points ---- */

/* The certificate names two lists, each of which is about its own point. */
static void test_points(void)
{
    static const char *const other_urls[] = {DELTA "/2", NULL};
    static const apr_uint32_t both[] = {0, 1};
    staple_refresh_list_t lists[2];

    make(1, no_ocsp);
    lists[0] = lists[1] = sim->lists[0];
    lists[1].urls = other_urls;
    sim->lists = lists;
    sim->list_count = 2;
    sim->entries[0].lists = both;
    sim->entries[0].list_count = 2;
    sim->entries[0].crl = make_staple_crl_cert(
        p,
        make_crl_cert(p,
                      &(make_cert_t){.name = "x",
                                     .issuer = &sim->pki->issuer,
                                     .serial = "01"},
                      "crlDistributionPoints=URI:" LIST "/1,URI:" DELTA "/2")
            .x509,
        sim->pki->issuer.x509);
    there.delta.base = NULL; /* a list like the other */
    there.crl.conf = "issuingDistributionPoint=critical,@i\n[i]\n"
                     "fullname=URI:" LIST "/1\n";
    there.delta.conf = "issuingDistributionPoint=critical,@i\n[i]\n"
                       "fullname=URI:" DELTA "/2\n";
    sim->places[2].does = SIM_REFUSED;
    sim_run(sim, SEC(1));
    is_int(sim_record(sim, 0).state, STAPLE_STATE_UNAVAILABLE,
           "two parts, one is missing: not known");
    sim->places[2].does = SIM_GOOD;
    sim_run(sim, 6 * MINUTE);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "both are there: good");
    there.delta.entries[0].serial = "01";
    sim_run(sim, DAY);
    is_int(sim_record(sim, 0).state, STAPLE_STATE_REVOKED,
           "any of them says revoked: revoked");

    make(1, no_ocsp);
    sim->lists = lists;
    sim->list_count = 2;
    sim->entries[0].lists = both;
    sim->entries[0].list_count = 2;
    sim->places[2].does = SIM_REFUSED;
    sim_run(sim, SEC(1));
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD,
           "a list of all certificates is enough, the other may be missing");
    is_int(sim_record(sim, 0).failures, 0, "and is no failure");
}

/* A list of the right CA that is about none of its certificates. */
static void test_scope(void)
{
    make(1, no_ocsp);
    there.crl.number = "10";
    there.crl.next_update = MAKE_NOW + 7 * MAKE_DAY;
    there.crl.conf = "freshestCRL=URI:" DELTA "/1";
    there.delta.base = "10";
    there.delta.number = "11";
    there.delta.entries[0] = (make_entry_t){.serial = "01"};
    sim_run(sim, SEC(1));
    is_int(sim_record(sim, 0).state, STAPLE_STATE_REVOKED, "by the delta");
    there.etag = "\"2\"";
    there.crl.number = "90";
    there.crl.conf = "issuingDistributionPoint=critical,@i\n[i]\n"
                     "onlyCA=true\n";
    sim_run(sim, 6 * DAY);
    is_str(row().base.number, "10", "a list of another kind is not held");
    is_reason((staple_reason_e)row().reason, STAPLE_CRL_WRONG_SCOPE,
              "the row says why");
    ok(row().failed > 1, "which counts as failure, and is tried again");
    there.crl.conf = "issuingDistributionPoint=critical,@i\n[i]\n"
                     "fullname=URI:" LIST "/other\n";
    sim_run(sim, HOUR);
    is_str(row().base.number, "10", "nor one of another point");
    there.crl.conf = "freshestCRL=URI:" DELTA "/1";
    there.crl.number = "12";
    there.crl.next_update = 0;
    sim_run(sim, HOUR);
    is_str(row().base.number, "12", "nor does its number count");

    make(1, no_ocsp);
    there.crl.conf = "freshestCRL=URI:" DELTA "/1";
    there.crl.next_update = MAKE_NOW + 7 * MAKE_DAY;
    there.delta.base = "10";
    there.delta.number = "11";
    sim_run(sim, SEC(1));
    there.etag = "\"2\"";
    there.delta.number = "12";
    there.delta.conf = "issuingDistributionPoint=critical,@i\n[i]\n"
                       "onlyCA=true\n";
    sim_run(sim, DAY);
    is_str(row().delta.number, "11", "the same of a delta");
}

/* Two lists for one certificate, from elsewhere: nothing has failed before
 * both were seen. */
static void test_several(void)
{
    static const apr_uint32_t both[] = {0, 1};
    staple_refresh_list_t lists[2];

    make(1, no_ocsp);
    lists[0] = lists[1] = sim->lists[0];
    sim->lists = lists;
    sim->list_count = 2;
    sim->entries[0].lists = both;
    sim->entries[0].list_count = 2;
    sim->are_lists_held_back = 1;
    sim_start(sim);
    staple_refresh_refuse_list(sim->refresh, 0, STAPLE_CRL_WRONG_ISSUER, "",
                               sim->now);
    is_int(sim->events[STAPLE_EVENT_REFRESH_FAILING], 0,
           "the first of two is refused: no failure yet");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_PENDING, "nor a state");
    staple_refresh_start_list(sim->refresh, 1, sim->now);
    sim_run(sim, SEC(1));
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "the second is good");
    is_int(sim->events[STAPLE_EVENT_REFRESH_FAILING], 0, "nothing was failing");

    sim_start(sim);
    staple_refresh_refuse_list(sim->refresh, 0, STAPLE_CRL_WRONG_ISSUER, "",
                               sim->now);
    staple_refresh_refuse_list(sim->refresh, 1, STAPLE_CRL_MALFORMED, "",
                               sim->now);
    is_int(sim->events[STAPLE_EVENT_REFRESH_FAILING], 1, "both refused: told");
}

/* ---- what was stored ---- */

static staple_reason_e offer(const make_crl_t *knobs, apr_interval_time_t age)
{
    make_der_t der = make_crl(p, knobs);
    const staple_stored_list_t stored = {.part = STAPLE_PART_BASE,
                                         .der = der.bytes,
                                         .der_len = der.len,
                                         .came_at = sim->now - age,
                                         .url = urls[0],
                                         .validators.etag = "\"1\""};
    staple_reason_e reason;
    unsigned steps = 0;

    while (staple_refresh_judge(&reason, sim->refresh, 0, &stored, 64,
                                sim->now)) {
        steps++;
    }
    staple_refresh_offer_list(sim->refresh, 0, &stored, sim->now);
    ok(steps > 0 || reason != STAPLE_OK, "it was judged in several steps");
    return reason;
}

static void test_stored(void)
{
    make_crl_t knobs;

    make(1, no_ocsp);
    sim->are_lists_held_back = 1;
    there.knows_etags = 1;
    sim_start(sim);
    sim_run(sim, SEC(1));
    is_int(asked(LIST), 0, "nothing is asked before what was stored is there");
    knobs = there.crl;
    knobs.this_update = MAKE_NOW - 3600;
    knobs.next_update = MAKE_NOW + MAKE_DAY;
    is_reason(offer(&knobs, HOUR), STAPLE_OK, "stored: right");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "stored: good");
    staple_refresh_start_list(sim->refresh, 0, sim->now);
    sim_run(sim, 6 * HOUR);
    is_int(asked(LIST), 0, "stored: not asked until that is due");
    sim_run(sim, 7 * HOUR);
    is_int(there.not_modified, asked(LIST), "and then conditionally");

    make(1, no_ocsp);
    sim->are_lists_held_back = 1;
    sim_start(sim);
    knobs = there.crl;
    knobs.this_update = MAKE_NOW - 3 * MAKE_DAY;
    knobs.next_update = MAKE_NOW - MAKE_DAY;
    knobs.entries[0].serial = "01";
    is_reason(offer(&knobs, 2 * DAY), STAPLE_OK, "stored, over: was right");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_REVOKED,
           "stored, over: what it says is revoked is");
    is_int(sim_record(sim, 0).crl.use_until, 0, "and it is used no more");
    staple_refresh_start_list(sim->refresh, 0, sim->now);
    sim_run(sim, SEC(1));
    is_int(asked(LIST), 1, "stored, over: asked at once");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_GOOD, "a newer one counts");

    make(1, no_ocsp);
    sim->are_lists_held_back = 1;
    sim_start(sim);
    knobs.entries[0].serial = NULL;
    is_reason(offer(&knobs, 2 * DAY), STAPLE_OK, "stored, over, good");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_PENDING,
           "stored, over: it makes nothing good");

    knobs.signer = sim->pki->other;
    knobs.next_update = MAKE_NOW + MAKE_DAY;
    is_reason(offer(&knobs, 2 * DAY), STAPLE_CRL_WRONG_ISSUER,
              "stored: of another CA");
}

/* Somebody names this list in a certificate of another issuer. */
static void test_stranger(void)
{
    static X509 *signers[1];

    make(3, no_ocsp);
    signers[0] = sim->pki->other.x509;
    sim->entries[0].signers = signers;
    sim->entries[0].crl = make_staple_crl_cert(
        p,
        make_crl_cert(p,
                      &(make_cert_t){.name = "x",
                                     .issuer = &sim->pki->other,
                                     .serial = "01"},
                      "crlDistributionPoints=URI:" LIST "/1")
            .x509,
        sim->pki->other.x509);
    put_on("01", NULL);
    sim_run(sim, SEC(1));
    is_int(asked(LIST), 1, "two issuers, one list: one request");
    is_int(sim_record(sim, 0).state, STAPLE_STATE_UNAVAILABLE,
           "it says nothing of a certificate of another issuer");
    is_reason((staple_reason_e)sim_record(sim, 0).reason,
              STAPLE_CRL_WRONG_ISSUER, "which is told");
    is_int(sim_record(sim, 1).state, STAPLE_STATE_GOOD, "the others are good");
    is_int(sim_record(sim, 1).failures, 0, "and have no failure");
}

int main(void)
{
    sim_begin();
    test_good();
    test_revoked();
    test_replay();
    test_failures();
    test_fallback();
    test_always();
    test_issuer();
    test_delta();
    test_newer_base();
    test_health();
    test_many();
    test_points();
    test_scope();
    test_several();
    test_stored();
    test_stranger();
    sim_end();
    return tap_done();
}
