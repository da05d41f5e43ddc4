/* The attempts of fetch: as lines, and as JSON. */
#ifndef CLI_ATTEMPTS_H
#define CLI_ATTEMPTS_H

#include <jansson.h>

#include "cli_jobs.h"

/* What is asked; `number` counts from 1. */
void cli_attempts_print_request(const cli_attempt_t *attempt, int number);

/* What came, and what it is worth. */
void cli_attempts_print_answer(const cli_attempt_t *attempt);

/* A new JSON array of an array of cli_attempt_t *. */
json_t *cli_attempts_json(const apr_array_header_t *attempts);

#endif
