/* The status as JSON: docs/monitoring.md says what each member means. */
#ifndef STAPLE_STATUS_JSON_H
#define STAPLE_STATUS_JSON_H

#include "staple_snapshot.h"

/* Of the format: raised when a member changes its meaning or goes. */
#define STAPLE_STATUS_JSON_VERSION 1

/* Runs in: any child, request. */
void staple_status_json(request_rec *r, const staple_snapshot_t *snapshot);

#endif
