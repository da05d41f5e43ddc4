/* The attempts of fetch: as lines, and as JSON. */
#include "cli_attempts.h"

#include "cli_verdict.h"

static const char *method(const cli_attempt_t *attempt)
{
    return attempt->by_get ? "GET" : "POST";
}

/* What is asked; `number` counts from 1. */
void cli_attempts_print_request(const cli_attempt_t *attempt, int number)
{
    printf("%d. %s %s\n", number, method(attempt), attempt->url);
    if (attempt->is_made && attempt->request_len > 0) {
        printf("   request:  %" APR_SIZE_T_FMT " bytes\n",
                attempt->request_len);
    }
}

/* "HTTP 200, 1506 bytes, 12 ms", and what it says of caching and waiting. */
static void print_http(const staple_answer_t *answer)
{
    fputs("   answer:   ", stdout);
    if (answer->http_status != 0) {
        printf("HTTP %d, %" APR_SIZE_T_FMT " bytes", answer->http_status,
                answer->der_len);
    }
    else {
        fputs("none", stdout);
    }
    printf(", %" APR_TIME_T_FMT " ms", apr_time_as_msec(answer->took));
    if (answer->fresh_for > 0) {
        printf(", fresh for %" APR_TIME_T_FMT " s",
                apr_time_sec(answer->fresh_for));
    }
    if (answer->retry_after > 0) {
        printf(", asks to wait for %" APR_TIME_T_FMT " s",
                apr_time_sec(answer->retry_after));
    }
    putchar('\n');
}

/* What came, and what it is worth. */
void cli_attempts_print_answer(const cli_attempt_t *attempt)
{
    const char *detail = attempt->detail;

    if (attempt->is_made) {
        print_http(&attempt->answer);
    }
    if (attempt->reason == STAPLE_OK) {
        printf("   verdict:  %s\n", attempt->status);
        return;
    }
    if (attempt->reason == STAPLE_UNKNOWN) {
        fputs("   verdict:  unknown\n", stdout);
        return;
    }
    printf("   verdict:  %s: %s: %s%s%s%s\n",
           attempt->is_made ? "rejected" : "not made",
           staple_reason_name(attempt->reason),
           staple_reason_sentence(attempt->reason),
           *detail != '\0' ? " (" : "", detail,
           *detail != '\0' ? ")" : "");
}

static json_t *attempt_json(const cli_attempt_t *attempt)
{
    const staple_answer_t *answer = &attempt->answer;
    json_t *object = json_object();

    json_object_set_new(object, "method", json_string(method(attempt)));
    json_object_set_new(object, "url", json_string(attempt->url));
    json_object_set_new(object, "http_status",
                        answer->http_status != 0
                            ? json_integer(answer->http_status)
                            : json_null());
    json_object_set_new(object, "bytes",
                        json_integer((json_int_t)answer->der_len));
    json_object_set_new(object, "took_ms",
                        json_integer(apr_time_as_msec(answer->took)));
    cli_verdict_put_reason(object, attempt->reason);
    json_object_set_new(object, "detail",
                        *attempt->detail != '\0' ? json_string(attempt->detail)
                                              : json_null());
    return object;
}

json_t *cli_attempts_json(const apr_array_header_t *attempts)
{
    json_t *array = json_array();
    int i;

    for (i = 0; i < attempts->nelts; i++) {
        json_array_append_new(array,
                              attempt_json(APR_ARRAY_IDX(attempts, i,
                                                         cli_attempt_t *)));
    }
    return array;
}
