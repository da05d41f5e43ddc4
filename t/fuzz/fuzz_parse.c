/* Text of directives and certificates -> numbers, durations, URLs. */
#include <curl/curl.h>
#include <string.h>

#include "fuzz.h"
#include "base/staple_parse.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

/* libcurl, which gets such a URL as it is, sees no more in it than we do. */
static void check_url(const char *text)
{
    char *scheme = NULL, *host = NULL, *user = NULL;
    CURLU *url = curl_url();

    FUZZ_CHECK(url != NULL);
    if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME)
        == CURLUE_OK) {
        FUZZ_CHECK(curl_url_get(url, CURLUPART_SCHEME, &scheme, 0)
                   == CURLUE_OK);
        FUZZ_CHECK(strcmp(scheme, "http") == 0
                   || strcmp(scheme, "https") == 0);
        FUZZ_CHECK(curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK);
        FUZZ_CHECK(host[0] != '\0');
        FUZZ_CHECK(curl_url_get(url, CURLUPART_USER, &user, 0) != CURLUE_OK);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(url);
}

/* An origin is a URL, too, and its own origin. */
static void check_origin(const char *text)
{
    char origin[STAPLE_MAX_URL + 1], again[STAPLE_MAX_URL + 1];

    staple_parse_origin(origin, sizeof(origin), text);
    FUZZ_CHECK(staple_parse_url(origin, strlen(origin)) == STAPLE_OK);
    FUZZ_CHECK(strlen(origin) <= strlen(text));
    staple_parse_origin(again, sizeof(again), origin);
    FUZZ_CHECK(strcmp(origin, again) == 0);
}

static void try_numbers(const char *text, apr_int64_t min, apr_int64_t max)
{
    apr_interval_time_t duration = -7;
    apr_int64_t number = -7, tenths = -7;

    if (staple_parse_number(&number, text, min, max)) {
        FUZZ_CHECK(number >= min && number <= max);
    }
    else {
        FUZZ_CHECK(number == -7);
    }
    if (staple_parse_tenths(&tenths, text, min, max)) {
        FUZZ_CHECK(tenths >= min && tenths <= max);
    }
    else {
        FUZZ_CHECK(tenths == -7);
    }
    if (staple_parse_duration(&duration, text, min, max)) {
        FUZZ_CHECK(duration >= apr_time_from_sec(min)
                   && duration <= apr_time_from_sec(max));
    }
    else {
        FUZZ_CHECK(duration == -7);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    unsigned char *exact = fuzz_copy(data, size);

    FUZZ_CHECK(text != NULL);
    memcpy(text, exact, size);
    text[size] = '\0';
    try_numbers(text, 0, 10);
    try_numbers(text, 1, 366 * 86400);
    try_numbers(text, 0, APR_INT64_MAX / APR_USEC_PER_SEC);
    if (staple_parse_url((const char *)exact, size) == STAPLE_OK) {
        FUZZ_CHECK(size <= STAPLE_MAX_URL && strlen(text) == size);
        check_url(text);
        check_origin(text);
    }
    free(exact);
    free(text);
    return 0;
}
