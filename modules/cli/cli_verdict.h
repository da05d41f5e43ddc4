/* The result of verify and fetch: its line, its JSON, its exit status. */
#ifndef CLI_VERDICT_H
#define CLI_VERDICT_H

#include <jansson.h>
#include <stdio.h>

#include "ocsp/staple_verify.h"

typedef struct cli_verdict_t {
    const staple_cert_t *cert; /* NULL: refused, as `reason` says */
    staple_reason_e reason;    /* STAPLE_OK: `said` is set */
    staple_verdict_t said;     /* by the response */
    apr_time_t at;             /* when this was judged */
} cli_verdict_t;

/* An instant in UTC, to the second (RFC 3339), from p. */
const char *cli_verdict_time(apr_pool_t *p, apr_time_t at);

/* good, revoked (reason, time), unknown or rejected: NAME: sentence; from p. */
const char *cli_verdict_text(apr_pool_t *p, const cli_verdict_t *verdict);

/* Prints it, on a line. */
void cli_verdict_print(FILE *out, apr_pool_t *p, const cli_verdict_t *verdict);

/* A new JSON object, or NULL without memory.  Its members are always the same:
 * null is what is not known. */
json_t *cli_verdict_json(apr_pool_t *p, const cli_verdict_t *verdict);

/* A new JSON string of an instant; null for 0. */
json_t *cli_verdict_json_time(apr_pool_t *p, apr_time_t at);

/* Puts the members "reason" and "sentence"; null for STAPLE_OK. */
void cli_verdict_put_reason(json_t *object, staple_reason_e reason);

/* Prints a JSON value on one line and gives it back. */
void cli_verdict_put_json(FILE *out, json_t *json);

int cli_verdict_exit(const cli_verdict_t *verdict);

/* The worse of two exit statuses: wrong usage, revoked, nothing that verifies,
 * unknown, good. */
int cli_verdict_worse(int a, int b);

#endif
