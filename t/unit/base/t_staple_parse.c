/* Numbers, durations and responder URLs: what is taken, what is not. */
#include "../tap.h"

#include <stdlib.h>

#include "base/staple_parse.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- numbers ---- */

#define REFUSED (-4242) /* no row wants this number */

static const struct {
    const char *text;
    apr_int64_t min, max, want;
} numbers[] = {
    {"0", 0, 10, 0},
    {"10", 0, 10, 10},
    {"007", 0, 10, 7},
    {"11", 0, 10, REFUSED},
    {"0", 1, 10, REFUSED},
    {"1", 1, 10, 1},
    {"", 0, 10, REFUSED},
    {" 1", 0, 10, REFUSED},
    {"1 ", 0, 10, REFUSED},
    {"+1", 0, 10, REFUSED},
    {"-1", -10, 10, REFUSED},
    {"1.0", 0, 10, REFUSED},
    {"1e3", 0, 10000, REFUSED},
    {"0x1", 0, 10, REFUSED},
    {"1\n", 0, 10, REFUSED},
    {"one", 0, 10, REFUSED},
    {"65535", 1, 65535, 65535},
    {"65536", 1, 65535, REFUSED},
    {"4294967296", 0, 10, REFUSED},                    /* 2^32 */
    {"4294967297", 0, 10, REFUSED},                    /* 2^32 + 1 */
    {"18446744073709551616", 0, 10, REFUSED},          /* 2^64 */
    {"18446744073709551617", 0, 10, REFUSED},          /* 2^64 + 1 */
    {"9223372036854775807", 0, APR_INT32_MAX, REFUSED}, /* 2^63 - 1 */
    {"99999999999999999999999999999999999999", 0, APR_INT32_MAX, REFUSED},
    {"100000000000000000", 0, 1000000000000000000, 100000000000000000},
};

static void test_numbers(void)
{
    apr_int64_t value;
    unsigned i;

    for (i = 0; i < COUNT(numbers); i++) {
        int taken;

        value = REFUSED;
        taken = staple_parse_number(&value, numbers[i].text, numbers[i].min,
                                    numbers[i].max);
        is_int(value, numbers[i].want, "number '%s' in %" PRId64 " .. %" PRId64,
               numbers[i].text, (int64_t)numbers[i].min,
               (int64_t)numbers[i].max);
        is_int(taken, numbers[i].want != REFUSED, "number '%s': return value",
               numbers[i].text);
    }
}

/* ---- durations ---- */

#define YEAR ((apr_int64_t)365 * 86400)

static const struct {
    const char *text;
    apr_int64_t min, max, want; /* seconds */
} durations[] = {
    {"0", 0, 10, 0},
    {"10", 0, 10, 10},
    {"10s", 0, 10, 10},
    {"11s", 0, 10, REFUSED},
    {"1mi", 0, 60, 60},
    {"1mi", 0, 59, REFUSED},
    {"2mi", 0, 60, REFUSED},
    {"1h", 0, YEAR, 3600},
    {"1h", 3600, YEAR, 3600},
    {"1h", 3601, YEAR, REFUSED},
    {"59mi", 3600, YEAR, REFUSED},
    {"1d", 0, YEAR, 86400},
    {"365d", 0, YEAR, YEAR},
    {"366d", 0, YEAR, REFUSED},
    {"365d", 0, YEAR - 1, REFUSED},
    {"1m", 0, YEAR, REFUSED}, /* minute or month? */
    {"1ms", 0, YEAR, REFUSED},
    {"1min", 0, YEAR, REFUSED},
    {"1w", 0, YEAR, REFUSED},
    {"1H", 0, YEAR, REFUSED},
    {"1 h", 0, YEAR, REFUSED},
    {"1h ", 0, YEAR, REFUSED},
    {"1h30mi", 0, YEAR, REFUSED},
    {"1.5h", 0, YEAR, REFUSED},
    {"-1h", -YEAR, YEAR, REFUSED},
    {"h", 0, YEAR, REFUSED},
    {"", 0, YEAR, REFUSED},
    {"18446744073709551617", 0, YEAR, REFUSED},
    {"9223372036854775807d", 0, YEAR, REFUSED},
    {"213503982334602d", 0, YEAR, REFUSED}, /* 2^64 seconds and a bit */
    {"307445734561825861mi", 0, YEAR, REFUSED},
};

static void test_durations(void)
{
    const apr_interval_time_t untouched = -1;
    apr_interval_time_t value, want;
    unsigned i;

    for (i = 0; i < COUNT(durations); i++) {
        int taken;

        value = untouched;
        want = durations[i].want == REFUSED
                   ? untouched
                   : apr_time_from_sec(durations[i].want);
        taken = staple_parse_duration(&value, durations[i].text,
                                      durations[i].min, durations[i].max);
        is_int(value, want, "duration '%s' in %" PRId64 " .. %" PRId64 " s",
               durations[i].text, (int64_t)durations[i].min,
               (int64_t)durations[i].max);
        is_int(taken, want != untouched, "duration '%s': return value",
               durations[i].text);
    }
}

/* ---- URLs ---- */

static const struct {
    const char *url;
    staple_reason_e want;
} urls[] = {
    {"http://ocsp.example.com", STAPLE_OK},
    {"http://ocsp.example.com/", STAPLE_OK},
    {"https://ocsp.example.com/a/b?c=d&e", STAPLE_OK},
    {"HTTP://OCSP.EXAMPLE.COM/", STAPLE_OK}, /* RFC 3986 3.1: any case */
    {"http://ocsp", STAPLE_OK},
    {"http://ocsp?query", STAPLE_OK},
    {"http://192.0.2.1/", STAPLE_OK},
    {"http://xn--bcher-kva.example/", STAPLE_OK},
    {"http://a_b.example/", STAPLE_OK},
    {"http://a/~!$&'()*+,;=:@[]%20", STAPLE_OK},
    /* RFC 3986 3.2.2: IPv6 in brackets */
    {"http://[::1]", STAPLE_OK},
    {"http://[::1]/", STAPLE_OK},
    {"http://[2001:db8::1]:8080/x", STAPLE_OK},
    {"http://[::]/", STAPLE_OK},
    {"http://[]/", STAPLE_URL_HOST},
    {"http://[::1/", STAPLE_URL_HOST},
    {"http://::1]/", STAPLE_URL_HOST},
    {"http://[::1]x/", STAPLE_URL_HOST},
    {"http://[::1]8080/", STAPLE_URL_HOST},
    {"http://[[::1]]/", STAPLE_URL_HOST},
    {"http://[::1]:/", STAPLE_URL_HOST},
    {"http://2001:db8::1/", STAPLE_URL_HOST}, /* without brackets */
    {"http://a[b/", STAPLE_URL_HOST},
    {"http://a]b/", STAPLE_URL_HOST},
    /* RFC 3986 3.2.3: ports */
    {"http://a:1/", STAPLE_OK},
    {"http://a:80", STAPLE_OK},
    {"http://a:65535/", STAPLE_OK},
    {"http://a:00080/", STAPLE_OK},
    {"http://a:0/", STAPLE_URL_HOST},
    {"http://a:00000/", STAPLE_URL_HOST},
    {"http://a:65536/", STAPLE_URL_HOST},
    {"http://a:99999/", STAPLE_URL_HOST},
    {"http://a:655360/", STAPLE_URL_HOST},
    {"http://a:4294967376/", STAPLE_URL_HOST}, /* 2^32 + 80 */
    {"http://a:/", STAPLE_URL_HOST},
    {"http://a:8o/", STAPLE_URL_HOST},
    {"http://a:-1/", STAPLE_URL_HOST},
    {"http://a:+80/", STAPLE_URL_HOST},
    {"http://a:80:80/", STAPLE_URL_HOST},
    {"http://:80/", STAPLE_URL_HOST},
    /* hosts */
    {"http://", STAPLE_URL_HOST},
    {"http:///path", STAPLE_URL_HOST},
    {"http://?query", STAPLE_URL_HOST},
    {"http://%6c%6fcalhost/", STAPLE_URL_HOST},
    {"http://a%00.example/", STAPLE_URL_HOST},
    /* credentials: RFC 3986 3.2.1 */
    {"http://user@host/", STAPLE_URL_CREDENTIALS},
    {"http://user:password@host/", STAPLE_URL_CREDENTIALS},
    {"http://@host/", STAPLE_URL_CREDENTIALS},
    {"http://a@b@c/", STAPLE_URL_CREDENTIALS},
    {"http://good.example:80@evil.example/", STAPLE_URL_CREDENTIALS},
    {"http://[::1]@host/", STAPLE_URL_CREDENTIALS},
    {"http://host/@", STAPLE_OK},
    {"http://host?@", STAPLE_OK},
    /* characters */
    {"http://host/\r\nX: y", STAPLE_URL_CHARACTER},
    {"http://host/\t", STAPLE_URL_CHARACTER},
    {"http://host/\x01", STAPLE_URL_CHARACTER},
    {"http://host/\x7f", STAPLE_URL_CHARACTER},
    {"http://host/ a", STAPLE_URL_CHARACTER},
    {" http://host/", STAPLE_URL_CHARACTER},
    {"http://host/ ", STAPLE_URL_CHARACTER},
    {"http://h\xc3\xb6st/", STAPLE_URL_CHARACTER},
    {"http://host/\xff", STAPLE_URL_CHARACTER},
    {"http://host/\"", STAPLE_URL_CHARACTER},
    {"http://host/<>", STAPLE_URL_CHARACTER},
    {"http://host\\@evil/", STAPLE_URL_CHARACTER},
    {"http://host/{a}", STAPLE_URL_CHARACTER}, /* curl's globbing */
    {"http://host/`|^", STAPLE_URL_CHARACTER},
    {"http://host/#fragment", STAPLE_URL_CHARACTER},
    {"http\x1a//host/", STAPLE_URL_CHARACTER}, /* 0x1a | 0x20 is ':' */
    /* schemes */
    {"", STAPLE_URL_SCHEME},
    {"http", STAPLE_URL_SCHEME},
    {"http:/host/", STAPLE_URL_SCHEME},
    {"http:host", STAPLE_URL_SCHEME},
    {"//host/", STAPLE_URL_SCHEME},
    {"/path", STAPLE_URL_SCHEME},
    {"host", STAPLE_URL_SCHEME},
    {"ldap://host/", STAPLE_URL_SCHEME},
    {"ftp://host/", STAPLE_URL_SCHEME},
    {"file:///etc/passwd", STAPLE_URL_SCHEME},
    {"gopher://host/", STAPLE_URL_SCHEME},
    {"httpss://host/", STAPLE_URL_SCHEME},
    {"xhttp://host/", STAPLE_URL_SCHEME},
};

static void test_urls(void)
{
    unsigned i;

    for (i = 0; i < COUNT(urls); i++) {
        /* Of its exact size, so that a sanitizer sees any look beyond it. */
        size_t len = strlen(urls[i].url);
        char *exact = malloc(len + 1);

        memcpy(exact, urls[i].url, len);
        exact[len] = '@';
        is_reason(staple_parse_url(exact, len), urls[i].want, "URL %u: %s", i,
                  urls[i].url);
        free(exact);
    }
    is_reason(staple_parse_url("http://a\0b/", 11), STAPLE_URL_CHARACTER,
              "URL with a NUL inside");
    is_reason(staple_parse_url("http://a/", 8), STAPLE_OK,
              "URL that does not end in NUL");
}

static const struct {
    const char *url, *origin;
} origins[] = {
    {"http://ocsp.example/", "http://ocsp.example"},
    {"http://ocsp.example", "http://ocsp.example"},
    {"http://ocsp.example/a//b?c=http://d/", "http://ocsp.example"},
    {"http://ocsp.example?c", "http://ocsp.example"},
    {"HTTP://OCSP.Example/A", "http://ocsp.example"},
    {"http://ocsp.example:80/", "http://ocsp.example"},
    {"http://ocsp.example:8080/", "http://ocsp.example:8080"},
    {"http://ocsp.example:443/", "http://ocsp.example:443"},
    {"https://ocsp.example:443/", "https://ocsp.example"},
    {"https://ocsp.example:80/", "https://ocsp.example:80"},
    {"http://127.0.0.1:180/", "http://127.0.0.1:180"},
    {"http://[::1]:80/", "http://[::1]"},
    {"http://[2001:DB8::80]/", "http://[2001:db8::80]"},
};

static void test_origins(void)
{
    char buf[STAPLE_MAX_URL + 1];
    unsigned i;

    for (i = 0; i < COUNT(origins); i++) {
        staple_parse_origin(buf, sizeof(buf), origins[i].url);
        is_str(buf, origins[i].origin, "origin of %s", origins[i].url);
    }
    staple_parse_origin(buf, 9, "http://ocsp.example/");
    is_str(buf, "http://o", "an origin that does not fit is cut");
}

static void test_lengths(void)
{
    static const struct {
        size_t len;
        staple_reason_e want;
    } rows[] = {{STAPLE_MAX_URL - 1, STAPLE_OK},
                {STAPLE_MAX_URL, STAPLE_OK},
                {STAPLE_MAX_URL + 1, STAPLE_URL_TOO_LONG},
                {1024 * 1024, STAPLE_URL_TOO_LONG}};
    unsigned i;

    is_int(STAPLE_MAX_URL, 2048, "the limit");
    for (i = 0; i < COUNT(rows); i++) {
        char *url = malloc(rows[i].len);

        memset(url, 'a', rows[i].len);
        memcpy(url, "http://a/", 9);
        is_reason(staple_parse_url(url, rows[i].len), rows[i].want,
                  "URL of %u characters", (unsigned)rows[i].len);
        free(url);
    }
}

/* Every single character at every place of a URL: judged, never a crash. */
static void test_all_characters(void)
{
    static const char url[] = "http://[::1]:80/a?b";
    char copy[sizeof(url)];
    int refused = 0, wrong = 0;
    unsigned i, c;

    for (i = 0; i < sizeof(url) - 1; i++) {
        for (c = 0; c < 256; c++) {
            staple_reason_e reason;

            memcpy(copy, url, sizeof(url));
            copy[i] = (char)c;
            reason = staple_parse_url(copy, sizeof(url) - 1);
            refused += reason != STAPLE_OK;
            wrong += (c <= ' ' || c >= 127) && reason == STAPLE_OK;
        }
    }
    is_int(wrong, 0, "no control character, space or 8-bit character passes");
    ok(refused > 0, "%d of them were refused", refused);
}

int main(void)
{
    test_numbers();
    test_durations();
    test_urls();
    test_origins();
    test_lengths();
    test_all_characters();
    return tap_done();
}
