/* The certificates of a status, the worst first: table, data and JSON. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

#include "cli_document.h"

/* The certificates of a document that was judged. */
typedef struct cli_table_t {
    const json_t *document;
    const json_t **rows; /* the worst first, then the one that ends first */
    size_t count;
} cli_table_t;

/* Sorts them; all is from p, and as long as the document. */
cli_table_t *cli_table_make(apr_pool_t *p, const json_t *document);

/* State, end of what it rests on, OCSP or CRL, next refresh, score, servers,
 * and name. */
void cli_table_print(FILE *out, apr_pool_t *p, const cli_table_t *table);

/* How many are in each state, and how long the first staple to end will still
 * do: performance data as monitoring plug-ins print them, after a '|'. */
void cli_table_print_data(FILE *out, const cli_table_t *table, apr_time_t now);

/* A new JSON object: the verdict, and what the document says of all and, if
 * not `is_quiet`, of each certificate; `table` is NULL where there is none. */
json_t *cli_table_json(const cli_table_t *table, const cli_opinion_t *verdict,
                       int is_quiet);

#endif
