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

/* How bad the conditions of one certificate are: CLI_PLUGIN_... */
int cli_document_conditions(const json_t *conditions);

/*
 * Judges a document of `len` bytes at `now`; *document is what it says, the
 * caller's, or NULL where it cannot be told.  Critical: no refresher, or a
 * certificate is significantly revoked, or has a revoked issuer, or is
 * must-staple and has no staple.  Warning: anything else that is significant,
 * a responder that is down, or no refresher yet.
 */
cli_opinion_t cli_document_judge(json_t **document, apr_pool_t *p,
                                 const char *bytes, apr_size_t len,
                                 apr_interval_time_t max_age, apr_time_t now);

#endif
