/* How long an HTTP answer is fresh, read from its header lines. */
#ifndef STAPLE_HTTP_CACHE_H
#define STAPLE_HTTP_CACHE_H

#include <apr.h>
#include <apr_time.h>

/* What the header lines of one answer said; times in seconds, -1 = nothing. */
typedef struct staple_http_cache_t {
    apr_int64_t max_age;
    apr_int64_t age;
    apr_int64_t expires; /* epoch */
    apr_int64_t date;    /* epoch */
    int no_cache;
} staple_http_cache_t;

void staple_http_cache_clear(staple_http_cache_t *cache);

/* Takes one header line of `len` characters, line end included or not. */
void staple_http_cache_header(staple_http_cache_t *cache, const char *line,
                              apr_size_t len);

/* How long nothing newer is to be expected (RFC 9111 4.2, RFC 5019 6.1):
 * max-age, else Expires less Date; less Age.  0 where nothing is known. */
apr_interval_time_t
staple_http_cache_fresh_for(const staple_http_cache_t *cache);

#endif
