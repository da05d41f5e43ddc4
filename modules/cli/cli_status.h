/* The document of the status handler: read, checked, judged. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include <apr_pools.h>
#include <apr_time.h>
#include <jansson.h>

/* Exit statuses of status: those of monitoring plugins. */
#define CLI_STATUS_OK       0
#define CLI_STATUS_WARNING  1
#define CLI_STATUS_CRITICAL 2
#define CLI_STATUS_UNKNOWN  3

/* What is wrong, or one line of what is not. */
typedef struct cli_status_verdict_t {
    int exit;
    const char *why; /* one sentence, printable */
} cli_status_verdict_t;

/* OK, WARNING, CRITICAL or UNKNOWN. */
const char *cli_status_word(int status);

/* Text from the document, from p, with everything but printable ASCII as '?',
 * and '|', too, which begins performance data; "-" for what is no text. */
const char *cli_status_text(apr_pool_t *p, const json_t *text);

/* An instant as the module writes it (RFC 3339, UTC); `text` may be NULL.  0
 * for others. */
int cli_status_time(apr_time_t *at, const char *text);

/* How bad a certificate's "conditions" are: CLI_STATUS_... */
int cli_status_conditions(const json_t *conditions);

/*
 * Judges a document of `len` bytes at `now`; *document is what it says, the
 * caller's, or NULL where it cannot be told.  Critical: no refresher, or a
 * certificate is significantly revoked, or has a revoked issuer, or is
 * must-staple and has no staple.  Warning: anything else that is significant,
 * a responder that is down, or no refresher yet.
 */
cli_status_verdict_t cli_status_judge(json_t **document, apr_pool_t *p,
                                      const char *bytes, apr_size_t len,
                                      apr_interval_time_t max_age,
                                      apr_time_t now);

#endif
