/* The attempts of a fetch, as they are shown and written as JSON. */
#ifndef CLI_STEPS_H
#define CLI_STEPS_H

#include <apr_tables.h>
#include <jansson.h>
#include <stdio.h>

#include "refresh/staple_refresh.h"

/* One attempt: what was asked, what came, what it is worth. */
typedef struct cli_step_t {
    const char *url;       /* whole, also of a GET */
    int by_get;
    int is_made;           /* 0: it could not be; there is no answer */
    apr_size_t request_len;
    staple_answer_t answer; /* without its pointers */
    staple_reason_e reason;
    const char *status;    /* good or revoked, where reason is STAPLE_OK */
    const char *detail;    /* words about a failure, or "" */
} cli_step_t;

/* Prints what is asked; `number` counts from 1. */
void cli_steps_print_request(FILE *out, const cli_step_t *step, int number);

/* Prints what came, and what it is worth. */
void cli_steps_print_answer(FILE *out, const cli_step_t *step);

/* A new JSON array of cli_step_t, or NULL without memory. */
json_t *cli_steps_json(const apr_array_header_t *steps);

#endif
