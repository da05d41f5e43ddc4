/* What a record says, where response and CRL have both to say something. */
#include "../tap.h"

#include <string.h>

#include "cache/staple_record.h"

#define REVOKED STAPLE_CERT_REVOKED

/* Ends, in seconds; 0: it has run out.  What has no thisUpdate was not said. */
static const struct {
    const char *what;
    const char *source; /* "none": nothing was said */
    staple_verdict_t held, crl;
    int said_unknown;
} rows[] = {
    {"nothing", "none", {0}, {0}, 0},
    {"a response", "ocsp", {.this_update = 1, .use_until = 9}, {0}, 0},
    {"a CRL", "crl", {0}, {.this_update = 1, .use_until = 9}, 0},
    {"a response that has run out", "ocsp", {.this_update = 1}, {0}, 0},
    {"a CRL that has run out, good", "ocsp",
     {.this_update = 1, .use_until = 9}, {.this_update = 1}, 0},
    {"both good: what lasts longer", "crl",
     {.this_update = 1, .use_until = 8}, {.this_update = 1, .use_until = 9}, 0},
    {"both good: what lasts longer", "ocsp",
     {.this_update = 1, .use_until = 9}, {.this_update = 1, .use_until = 8}, 0},
    {"the CRL says revoked", "crl",
     {.this_update = 1, .use_until = 9},
     {.status = REVOKED, .this_update = 1, .use_until = 8}, 0},
    {"a CRL that has run out said revoked", "crl",
     {.this_update = 1, .use_until = 9},
     {.status = REVOKED, .this_update = 1}, 0},
    {"the response says revoked", "ocsp",
     {.status = REVOKED, .this_update = 1, .use_until = 8},
     {.this_update = 1, .use_until = 9}, 0},
    {"the responder does not know it", "ocsp", {0}, {0}, 1},
    {"the responder does not know it, the CRL says good", "ocsp", {0},
     {.this_update = 1, .use_until = 9}, 1},
    {"the responder does not know it, the CRL says revoked", "crl", {0},
     {.status = REVOKED, .this_update = 1, .use_until = 9}, 1},
};

static void test_source(void)
{
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        staple_record_t record = {.held = rows[i].held,
                                  .crl = rows[i].crl,
                                  .said_unknown = rows[i].said_unknown != 0};

        const char *source = staple_record_source(&record);

        is_str(source != NULL ? source : "none", rows[i].source, "source: %s",
               rows[i].what);
        is_int(staple_record_is_revoked(&record),
               rows[i].held.status == REVOKED || rows[i].crl.status == REVOKED,
               "revoked: %s", rows[i].what);
    }
}

/* A response that is held is what comes to an end, else what CRLs say. */
static void test_end(void)
{
    staple_record_t record = {.held = {.this_update = 1, .use_until = 5},
                              .crl = {.this_update = 1, .use_until = 9}};

    ok(!staple_record_is_stale(&record, 8), "no response is held: the CRL's");
    ok(staple_record_is_stale(&record, 9), "and then that has run out");
    ok(staple_record_is_current(&record, 8), "until then it says something");
    ok(!staple_record_is_current(&record, 9), "then not");
    record.der_len = 1;
    ok(staple_record_is_stale(&record, 8), "one is held: its own");
    ok(!staple_record_is_usable(&record, 8), "so it is not stapled");
    ok(staple_record_is_current(&record, 8), "but the CRL says something");
}

int main(void)
{
    test_source();
    test_end();
    return tap_done();
}
