/* Text of a directive or certificate -> bounded number, duration, URL. */
#include "staple_parse.h"

#include <string.h>

/* Reads digits up to `end`; saturates instead of wrapping. */
static const char *digits(apr_int64_t *value, const char *text)
{
    const char *at = text;

    for (*value = 0; *at >= '0' && *at <= '9'; at++) {
        if (*value <= APR_INT64_MAX / 10 - 1) {
            *value = *value * 10 + (*at - '0');
        }
        else {
            *value = APR_INT64_MAX;
        }
    }
    return at == text ? NULL : at;
}

int staple_parse_number(apr_int64_t *value, const char *text, apr_int64_t min,
                        apr_int64_t max)
{
    apr_int64_t number;
    const char *end = digits(&number, text);

    if (end == NULL || *end != '\0' || number < min || number > max) {
        return 0;
    }
    *value = number;
    return 1;
}

int staple_parse_tenths(apr_int64_t *value, const char *text, apr_int64_t min,
                        apr_int64_t max)
{
    apr_int64_t tenths;
    const char *end = digits(&tenths, text);

    if (end == NULL || tenths > max) {
        return 0;
    }
    tenths *= 10;
    if (end[0] == '.' && end[1] >= '0' && end[1] <= '9') {
        tenths += end[1] - '0';
        end += 2;
    }
    if (*end != '\0' || tenths < min || tenths > max) {
        return 0;
    }
    *value = tenths;
    return 1;
}

int staple_parse_duration(apr_interval_time_t *value, const char *text,
                          apr_int64_t min, apr_int64_t max)
{
    static const struct {
        const char *unit;
        apr_int64_t secs;
    } units[] = {{"", 1}, {"s", 1}, {"mi", 60}, {"h", 3600}, {"d", 86400}};
    apr_int64_t number;
    const char *end = digits(&number, text);
    unsigned i;

    if (end == NULL) {
        return 0;
    }
    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) == 0) {
            if (number > max / units[i].secs || number * units[i].secs < min) {
                return 0;
            }
            *value = apr_time_from_sec(number * units[i].secs);
            return 1;
        }
    }
    return 0;
}

/* Characters of RFC 3986 (unreserved, reserved, '%') but '#': a fragment is
 * never sent. */
static int is_url_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9')
           || (c != '\0' && strchr("-._~:/?[]@!$&'()*+,;=%", c) != NULL);
}

/* Where the host that begins at `at` ends: a name or address, or [IPv6]; NULL
 * where it is none. */
static const char *find_host_end(const char *at, apr_size_t len)
{
    const char *end;
    apr_size_t i;

    if (len > 0 && *at == '[') {
        end = memchr(at, ']', len);
        return end != NULL && end >= at + 3 ? end + 1 : NULL;
    }
    for (i = 0; i < len && at[i] != ':'; i++) {
        if (at[i] == '[' || at[i] == ']' || at[i] == '%') {
            return NULL;
        }
    }
    return i > 0 ? at + i : NULL;
}

/* Nothing, or a colon and a port 1 .. 65535. */
static int is_port(const char *at, const char *end)
{
    unsigned port = 0;
    const char *p;

    if (at == end) {
        return 1;
    }
    if (*at != ':' || end - at < 2 || end - at > 6) {
        return 0;
    }
    for (p = at + 1; p < end; p++) {
        if (*p < '0' || *p > '9') {
            return 0;
        }
        port = port * 10 + (unsigned)(*p - '0');
    }
    return port >= 1 && port <= 65535;
}

/*
 * host or [IPv6], then an optional port.  Not by apr_uri_parse(), which takes
 * credentials, an empty port and a URL without host: each of these checks would
 * still be made, of a copy that ends in NUL, in a pool.
 */
static staple_reason_e check_authority(const char *at, apr_size_t len)
{
    const char *host_end;

    if (memchr(at, '@', len) != NULL) {
        return STAPLE_URL_CREDENTIALS;
    }
    host_end = find_host_end(at, len);
    return host_end != NULL && is_port(host_end, at + len) ? STAPLE_OK
                                                           : STAPLE_URL_HOST;
}

static int has_prefix(const char *text, apr_size_t len, const char *prefix)
{
    apr_size_t i;

    for (i = 0; prefix[i] != '\0'; i++) {
        if (i >= len || (text[i] | 0x20) != (prefix[i] | 0x20)) {
            return 0;
        }
    }
    return 1;
}

staple_reason_e staple_parse_url(const char *url, apr_size_t len)
{
    apr_size_t start, end, i;

    if (len > STAPLE_MAX_URL) {
        return STAPLE_URL_TOO_LONG;
    }
    for (i = 0; i < len; i++) {
        if (!is_url_character(url[i])) {
            return STAPLE_URL_CHARACTER;
        }
    }
    if (has_prefix(url, len, "http://")) {
        start = strlen("http://");
    }
    else if (has_prefix(url, len, "https://")) {
        start = strlen("https://");
    }
    else {
        return STAPLE_URL_SCHEME;
    }
    for (end = start; end < len; end++) {
        if (url[end] == '/' || url[end] == '?') {
            break;
        }
    }
    return check_authority(url + start, end - start);
}

/* Leaves out the port that goes without saying. */
static apr_size_t without_usual_port(const char *url, apr_size_t len)
{
    const char *usual = has_prefix(url, len, "https:") ? ":443" : ":80";
    apr_size_t usual_len = strlen(usual);

    return len > usual_len
                   && memcmp(url + len - usual_len, usual, usual_len) == 0
               ? len - usual_len
               : len;
}

void staple_parse_origin(char *buf, apr_size_t size, const char *url)
{
    const char *slashes = strstr(url, "//");
    apr_size_t len = slashes != NULL ? (apr_size_t)(slashes - url) + 2 : 0;
    apr_size_t i;

    len += strcspn(url + len, "/?");
    len = without_usual_port(url, len);
    for (i = 0; i < len && i + 1 < size; i++) {
        buf[i] = url[i] >= 'A' && url[i] <= 'Z' ? (char)(url[i] | 0x20)
                                                : url[i];
    }
    buf[i] = '\0';
}
