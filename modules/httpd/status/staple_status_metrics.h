/* The status as metrics in the text format of Prometheus. */
#ifndef STAPLE_STATUS_METRICS_H
#define STAPLE_STATUS_METRICS_H

#include "staple_snapshot.h"

/* Runs in: any child, request. */
void staple_status_metrics(request_rec *r, const staple_snapshot_t *snapshot);

#endif
