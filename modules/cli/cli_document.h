/* The document of the status handler: read, checked, judged. */
#ifndef CLI_DOCUMENT_H
#define CLI_DOCUMENT_H

#include <apr_pools.h>
#include <apr_time.h>
#include <jansson.h>

/* What is wrong, or one line of what is not. */
typedef struct cli_opinion_t {
    int exit;        /* CLI_PLUGIN_... */
    const char *why; /* one sentence, printable */
} cli_opinion_t;

/* Text from the document, fit for a line, from p; "-" for what is no text. */
const char *cli_document_text(apr_pool_t *p, const json_t *text);

/* An instant as the module writes it (RFC 3339, UTC); `text` may be NULL.
 * Returns 0 for others. */
int cli_document_time(apr_time_t *at, const char *text);

/* CLI_PLUGIN_... of "ok", "warning" or "critical"; CLI_PLUGIN_UNKNOWN of
 * whatever else `state` is, or of NULL. */
int cli_document_exit(const json_t *state);

/*
 * What a document of `len` bytes says of itself at `now`; *document is all of
 * it, the caller's, or NULL where it cannot be told.  The module has judged
 * (docs/monitoring.md): its member `health` counts, which is "health" or, for
 * those who want what OCSPStapleLogExclude leaves, "significant_health".
 */
cli_opinion_t cli_document_judge(json_t **document, apr_pool_t *p,
                                 const char *bytes, apr_size_t len,
                                 const char *health,
                                 apr_interval_time_t max_age, apr_time_t now);

#endif
