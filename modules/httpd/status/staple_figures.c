/* The totals as a list of named figures: metrics, and mod_status's lines. */
#include "staple_figures.h"

#include "base/staple_version.h"

#define GAUGE "gauge"
#define COUNTER "counter"

static void add(apr_array_header_t *list, staple_figure_t figure)
{
    *(staple_figure_t *)apr_array_push(list) = figure;
}

/* One that has no label. */
static void add_one(apr_array_header_t *list, const char *metric,
                    const char *type, const char *title, double value,
                    const char *help)
{
    add(list, (staple_figure_t){.metric = metric, .type = type, .help = help,
                                .title = title, .value = value});
}

static void add_time(apr_array_header_t *list, const char *metric,
                     apr_time_t at, const char *help)
{
    add(list, (staple_figure_t){.metric = metric, .type = GAUGE, .help = help,
                                .value = (double)apr_time_sec(at)});
}

static void add_certificates(apr_array_header_t *list,
                             const staple_snapshot_t *snapshot)
{
    int i;

    for (i = 0; i < STAPLE_STATE_COUNT; i++) {
        const char *name = staple_state_name((staple_state_e)i);

        add(list, (staple_figure_t){.metric = "certificates", .type = GAUGE,
                                    .help = "Certificates in each state.",
                                    .label = "state", .value_of_label = name,
                                    .title = name,
                                    .value = snapshot->states[i]});
    }
    for (i = 0; i < STAPLE_CONDITION_COUNT; i++) {
        add(list, (staple_figure_t){
                      .metric = "significant", .type = GAUGE,
                      .help = "Certificates with a condition that "
                              "OCSPStapleLogExclude does not take out.",
                      .label = "condition",
                      .value_of_label = staple_condition_name(
                          (staple_condition_e)i),
                      .value = snapshot->conditions[i]});
    }
    for (i = STAPLE_OK + 1; i < STAPLE_REASON_COUNT; i++) {
        add(list, (staple_figure_t){
                      .metric = "failing", .type = GAUGE,
                      .help = "Certificates whose last refresh failed, by "
                              "reason.",
                      .label = "reason",
                      .value_of_label = staple_reason_name((staple_reason_e)i),
                      .value = snapshot->errors[i]});
    }
    add_one(list, "stale", GAUGE, "stale", snapshot->stale,
            "Certificates whose OCSP response has run out.");
}

static void add_servers(apr_array_header_t *list,
                        const staple_snapshot_t *snapshot)
{
    static const staple_state_e faults[] = {
        STAPLE_STATE_GOOD, STAPLE_STATE_REVOKED, STAPLE_STATE_ISSUER_REVOKED};
    unsigned counts[STAPLE_STATE_COUNT] = {0};
    int i;

    for (i = 0; i < snapshot->servers->nelts; i++) {
        counts[APR_ARRAY_IDX(snapshot->servers, i, staple_snapshot_server_t)
                   .fault]++;
    }
    for (i = 0; i < 3; i++) {
        add(list, (staple_figure_t){
                      .metric = "servers", .type = GAUGE,
                      .help = "Server names by the fault of their "
                              "certificates.",
                      .label = "fault",
                      .value_of_label = faults[i] == STAPLE_STATE_GOOD
                                            ? "none"
                                            : staple_state_name(faults[i]),
                      .value = counts[faults[i]]});
    }
    add_one(list, "lowest_score", GAUGE, "lowest score", snapshot->score / 10.0,
            "The lowest security score of all certificates, 0 to 5.");
}

static void add_refresher(apr_array_header_t *list,
                          const staple_snapshot_t *snapshot)
{
    const staple_scoreboard_t *board = &snapshot->board;

    add_one(list, "refresher_running", GAUGE, "refresher running",
            snapshot->is_running, "Whether the refresher is at work.");
    add_one(list, "requests_in_flight", GAUGE, "requests in flight",
            board->in_flight, "HTTP requests that wait for their answer.");
    add_time(list, "last_round_timestamp_seconds", board->last_round_at,
             "When the refresher last looked at who is due.");
    add_time(list, "next_due_timestamp_seconds", board->next_due_at,
             "When the next certificate is due.");
    add_time(list, "first_end_timestamp_seconds", snapshot->first_end,
             "When the first of all OCSP responses held runs out, 0 without "
             "any.");
    add_one(list, "requests_total", COUNTER, "requests",
            (double)board->requests, "HTTP requests to responders.");
    add_one(list, "request_failures_total", COUNTER, "failures",
            (double)board->failures,
            "HTTP requests that brought no usable response.");
    add_one(list, "received_bytes_total", COUNTER, "bytes received",
            (double)board->bytes, "OCSP responses received.");
}

const apr_array_header_t *staple_figures_of(apr_pool_t *p,
                                            const staple_snapshot_t *snapshot)
{
    apr_array_header_t *list = apr_array_make(
        p, 32 + STAPLE_STATE_COUNT + STAPLE_REASON_COUNT,
        sizeof(staple_figure_t));
    const char *handshakes = "Handshakes that asked for a staple, by whether "
                             "they got one.";

    add(list, (staple_figure_t){.metric = "build_info", .type = GAUGE,
                                .help = "The module's version.",
                                .label = "version",
                                .value_of_label = STAPLE_VERSION, .value = 1});
    add_certificates(list, snapshot);
    add_servers(list, snapshot);
    add_refresher(list, snapshot);
    add(list, (staple_figure_t){.metric = "handshakes_total", .type = COUNTER,
                                .help = handshakes, .label = "staple",
                                .value_of_label = "sent", .title = "stapled",
                                .value = (double)snapshot->served});
    add(list, (staple_figure_t){.metric = "handshakes_total", .type = COUNTER,
                                .help = handshakes, .label = "staple",
                                .value_of_label = "none",
                                .title = "not stapled",
                                .value = (double)snapshot->unserved});
    add_one(list, "held_bytes", GAUGE, "bytes held",
            (double)snapshot->staple_bytes, "Size of all OCSP responses held.");
    return list;
}
