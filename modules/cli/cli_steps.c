/* The attempts of a fetch, as they are shown and written as JSON. */
#include "cli_steps.h"

#include "cli_verdict.h"

static const char *method(const cli_step_t *step)
{
    return step->by_get ? "GET" : "POST";
}

void cli_steps_print_request(FILE *out, const cli_step_t *step, int number)
{
    fprintf(out, "%d. %s %s\n", number, method(step), step->url);
    if (step->is_made) {
        fprintf(out, "   request:  %" APR_SIZE_T_FMT " bytes\n",
                step->request_len);
    }
}

/* "HTTP 200, 1506 bytes, 12 ms", and what it says of caching and waiting. */
static void print_http(FILE *out, const staple_answer_t *answer)
{
    fputs("   answer:   ", out);
    if (answer->http_status != 0) {
        fprintf(out, "HTTP %d, %" APR_SIZE_T_FMT " bytes", answer->http_status,
                answer->der_len);
    }
    else {
        fputs("none", out);
    }
    fprintf(out, ", %" APR_TIME_T_FMT " ms", apr_time_as_msec(answer->took));
    if (answer->fresh_for > 0) {
        fprintf(out, ", fresh for %" APR_TIME_T_FMT " s",
                apr_time_sec(answer->fresh_for));
    }
    if (answer->retry_after > 0) {
        fprintf(out, ", asks to wait for %" APR_TIME_T_FMT " s",
                apr_time_sec(answer->retry_after));
    }
    fputc('\n', out);
}

void cli_steps_print_answer(FILE *out, const cli_step_t *step)
{
    const char *detail = step->detail;

    if (step->is_made) {
        print_http(out, &step->answer);
    }
    if (step->reason == STAPLE_OK) {
        fprintf(out, "   verdict:  %s\n", step->status);
        return;
    }
    if (step->reason == STAPLE_UNKNOWN) {
        fputs("   verdict:  unknown\n", out);
        return;
    }
    fprintf(out, "   verdict:  %s: %s: %s%s%s%s\n",
            step->is_made ? "rejected" : "not made",
            staple_reason_name(step->reason),
            staple_reason_sentence(step->reason), *detail != '\0' ? " (" : "",
            detail, *detail != '\0' ? ")" : "");
}

static json_t *step_json(const cli_step_t *step)
{
    const staple_answer_t *answer = &step->answer;
    json_t *object = json_object();

    json_object_set_new(object, "method", json_string(method(step)));
    json_object_set_new(object, "url", json_string(step->url));
    json_object_set_new(object, "http_status",
                        answer->http_status != 0
                            ? json_integer(answer->http_status)
                            : json_null());
    json_object_set_new(object, "bytes",
                        json_integer((json_int_t)answer->der_len));
    json_object_set_new(object, "took_ms",
                        json_integer(apr_time_as_msec(answer->took)));
    cli_verdict_put_reason(object, step->reason);
    json_object_set_new(object, "detail",
                        *step->detail != '\0' ? json_string(step->detail)
                                              : json_null());
    return object;
}

json_t *cli_steps_json(const apr_array_header_t *steps)
{
    json_t *array = json_array();
    int i;

    for (i = 0; i < steps->nelts; i++) {
        json_array_append_new(
            array, step_json(&APR_ARRAY_IDX(steps, i, cli_step_t)));
    }
    return array;
}
