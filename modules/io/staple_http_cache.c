/* How long an HTTP answer is fresh, read from its header lines. */
#include "staple_http_cache.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_VALUE 256 /* characters of a header's value that are looked at */
#define MAX_FRESH (366 * 86400LL)

void staple_http_cache_clear(staple_http_cache_t *cache)
{
    cache->max_age = cache->age = cache->expires = cache->date = -1;
    cache->no_cache = 0;
}

/* Seconds at the start of text; -1 where there are none. */
static apr_int64_t seconds(const char *text)
{
    char *end;
    long long value = strtoll(text, &end, 10);

    return end == text || value < 0 ? -1 : value;
}

/* Does `text` begin with this word, whatever the case? */
static int begins(const char *text, const char *word)
{
    return strncasecmp(text, word, strlen(word)) == 0;
}

static void take_cache_control(staple_http_cache_t *cache, const char *value)
{
    while (*value != '\0') {
        value += strspn(value, " \t,");
        if (begins(value, "max-age=")) {
            value += strlen("max-age=");
            cache->max_age = seconds(*value == '"' ? value + 1 : value);
        }
        else if (begins(value, "no-cache") || begins(value, "no-store")) {
            cache->no_cache = 1;
        }
        value += strcspn(value, ",");
    }
}

void staple_http_cache_header(staple_http_cache_t *cache, const char *line,
                              apr_size_t len)
{
    const char *colon = memchr(line, ':', len);
    char value[MAX_VALUE];
    apr_size_t name_len, value_len;

    if (len >= 5 && begins(line, "HTTP/")) {
        staple_http_cache_clear(cache); /* after a 1xx comes the real one */
        return;
    }
    if (colon == NULL) {
        return;
    }
    name_len = (apr_size_t)(colon - line);
    value_len = len - name_len - 1;
    if (value_len >= sizeof(value)) {
        value_len = sizeof(value) - 1;
    }
    memcpy(value, colon + 1, value_len);
    value[value_len] = '\0';
    if (name_len == 13 && begins(line, "Cache-Control")) {
        take_cache_control(cache, value);
    }
    else if (name_len == 3 && begins(line, "Age")) {
        cache->age = seconds(value);
    }
    else if (name_len == 7 && begins(line, "Expires")) {
        cache->expires = curl_getdate(value, NULL);
    }
    else if (name_len == 4 && begins(line, "Date")) {
        cache->date = curl_getdate(value, NULL);
    }
}

apr_interval_time_t
staple_http_cache_fresh_for(const staple_http_cache_t *cache)
{
    const apr_int64_t age = cache->age > 0 ? cache->age : 0;
    apr_int64_t fresh = cache->max_age;

    if (fresh < 0 && cache->expires > 0 && cache->date > 0) {
        fresh = cache->expires - cache->date;
    }
    /* Compared, then subtracted: both come from outside. */
    if (cache->no_cache || fresh <= age) {
        return 0;
    }
    fresh -= age;
    return apr_time_from_sec(fresh < MAX_FRESH ? fresh : MAX_FRESH);
}
