/* Header lines -> how long an answer is fresh. */
#include "../tap.h"

#include "io/staple_http_cache.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define DATE "Date: Tue, 14 Nov 2023 22:13:20 GMT"
#define HOUR_LATER "Expires: Tue, 14 Nov 2023 23:13:20 GMT"

static const struct {
    const char *name;
    const char *lines[5];
    apr_int64_t seconds;
} rows[] = {
    {"nothing", {"Server: x"}, 0},
    {"max-age (RFC 9111 5.2.2.1)", {"Cache-Control: max-age=60"}, 60},
    {"max-age among others, in any case",
     {"cache-control:public, MAX-AGE=60 ,must-revalidate"}, 60},
    {"max-age in quotes", {"Cache-Control: max-age=\"60\""}, 60},
    {"s-maxage is not ours", {"Cache-Control: s-maxage=60"}, 0},
    {"max-age that is no number", {"Cache-Control: max-age=x"}, 0},
    {"max-age below zero", {"Cache-Control: max-age=-60"}, 0},
    {"max-age beyond 64 bits: a year at most",
     {"Cache-Control: max-age=99999999999999999999"}, 366 * 86400},
    {"no-cache", {"Cache-Control: max-age=60, no-cache"}, 0},
    {"no-store", {"Cache-Control: no-store", "Cache-Control: max-age=9"}, 0},
    {"less Age (RFC 9111 4.2.3)", {"Cache-Control: max-age=60", "Age: 20"}, 40},
    {"Age is all of it", {"Cache-Control: max-age=60", "Age: 60"}, 0},
    {"Age without max-age", {"Age: 60"}, 0},
    {"Expires less Date (RFC 9111 4.2.1)", {DATE, HOUR_LATER}, 3600},
    {"less Age, too", {DATE, HOUR_LATER, "Age: 600"}, 3000},
    {"max-age before Expires",
     {DATE, HOUR_LATER, "Cache-Control: max-age=60"}, 60},
    {"Expires alone", {HOUR_LATER}, 0},
    {"Expires: 0", {DATE, "Expires: 0"}, 0},
    {"Expires before Date, and an Age beyond 64 bits: no overflow",
     {"Date: Thu, 31 Dec 2099 23:59:59 GMT",
      "Expires: Thu, 01 Jan 1970 00:00:01 GMT",
      "Age: 99999999999999999999"}, 0},
    {"an Age beyond 64 bits", {"Age: 99999999999999999999"}, 0},
    {"what a 1xx said does not count",
     {"HTTP/1.1 103 Early Hints", "Cache-Control: max-age=60",
      "HTTP/1.1 200 OK"}, 0},
    {"a colon first", {": max-age=60"}, 0},
};

int main(void)
{
    staple_http_cache_t cache;
    unsigned i, k;

    for (i = 0; i < COUNT(rows); i++) {
        staple_http_cache_clear(&cache);
        for (k = 0; k < COUNT(rows[i].lines) && rows[i].lines[k]; k++) {
            staple_http_cache_header(&cache, rows[i].lines[k],
                                     strlen(rows[i].lines[k]));
        }
        is_int(staple_http_cache_fresh_for(&cache),
               apr_time_from_sec(rows[i].seconds), "%s", rows[i].name);
    }
    return tap_done();
}
