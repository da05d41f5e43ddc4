/* One moment of everything that is shown: totals, servers, certificates. */
#ifndef STAPLE_SNAPSHOT_H
#define STAPLE_SNAPSHOT_H

#include "refresh/staple_problem.h"
#include "refresh/staple_state.h"
#include "httpd/generation/staple_generation.h"

/* The refresher shows itself twice a second; silent for so long, it is not
 * there. */
#define STAPLE_SNAPSHOT_SILENT apr_time_from_sec(10)

/* All virtual hosts of one name. */
typedef struct staple_snapshot_server_t {
    const char *name;
    unsigned score;       /* the lowest of its certificates', in tenths */
    staple_state_e fault; /* REVOKED or ISSUER_REVOKED; GOOD: none */
    unsigned certificates;
} staple_snapshot_server_t;

#define STAPLE_SNAPSHOT_NAMES 3 /* of certificates that have a problem */

/* Those that have one problem. */
typedef struct staple_snapshot_troubled_t {
    apr_uint32_t count;
    const char *names[STAPLE_SNAPSHOT_NAMES]; /* of the first: a server's, or
                                                 the subject */
} staple_snapshot_troubled_t;

/* What is wrong with all of them together. */
typedef struct staple_snapshot_health_t {
    staple_grade_e grade;
    /* responders are not counted here: each is a row of the board */
    staple_snapshot_troubled_t problems[STAPLE_PROBLEM_COUNT];
    /* of STAPLE_PROBLEM_NOT_STAPLED: by reason */
    staple_snapshot_troubled_t not_stapled[STAPLE_REASON_COUNT];
} staple_snapshot_health_t;

/* Everything but the certificates, which are looked at one by one: there may
 * be ten thousand. */
typedef struct staple_snapshot_t {
    const staple_generation_t *generation;
    apr_time_t now;
    staple_scoreboard_t board;
    int is_running;        /* the refresher showed itself lately */
    apr_uint32_t count;    /* of certificates */
    apr_uint32_t issuers;  /* of these, followed for those below only */
    apr_uint32_t states[STAPLE_STATE_COUNT];
    apr_uint32_t errors[STAPLE_REASON_COUNT]; /* of last jobs */
    apr_uint32_t conditions[STAPLE_CONDITION_COUNT];
    /* by what their status rests on */
    apr_uint32_t by_ocsp, by_crl, by_nothing;
    apr_uint32_t stale;
    apr_uint32_t significant; /* with any significant condition */
    apr_uint64_t served, unserved; /* handshakes */
    apr_uint64_t chained;          /* of those served */
    apr_uint64_t staple_bytes;     /* held */
    apr_time_t first_end;          /* of all staples; 0: there is none */
    apr_time_t first_not_after;    /* of all servers' certificates; 0: none */
    staple_snapshot_health_t health;
    staple_snapshot_health_t significant_health; /* without what
                                                    OCSPStapleLogExclude
                                                    excludes */
    /* of each responder of the board that is not healthy: certificates whose
     * last job failed, and which would ask it */
    apr_uint32_t waiting[STAPLE_SCOREBOARD_RESPONDERS];
    unsigned score;                /* the lowest, in tenths */
    const apr_array_header_t *servers; /* staple_snapshot_server_t, those with
                                          a fault first, then by name */
} staple_snapshot_t;

/* Of now, from p.  Runs in: any child, request. */
const staple_snapshot_t *staple_snapshot_take(apr_pool_t *p);

/* One certificate as it is shown. */
typedef struct staple_snapshot_cert_t {
    staple_generation_cert_t base;
    const staple_refresh_cert_t *entry; /* NULL: it is disabled */
    apr_uint32_t index;
    apr_time_t now; /* of the snapshot */
    staple_tally_t tally;
    unsigned conditions; /* significant: bits 1 << staple_condition_e */
    unsigned problems;   /* bits 1 << staple_problem_e */
    int life;            /* percent of the staple's life that is left */
} staple_snapshot_cert_t;

/* Returns 1, or 0 for a bad index. */
int staple_snapshot_cert(staple_snapshot_cert_t *cert,
                         const staple_snapshot_t *snapshot,
                         apr_uint32_t index);

/* The responder number `number` (0, 1, ...) that would be asked about it, or
 * NULL. */
const char *staple_snapshot_responder(const staple_snapshot_cert_t *cert,
                                      unsigned number);

/* Where CRL number `number` (0, 1, ...) of those that may have it is, or NULL:
 * its first URL, or its file. */
const char *staple_snapshot_crl(const staple_snapshot_cert_t *cert,
                                unsigned number);

/* Why it cannot be stapled, if that is a problem of it. */
staple_reason_e staple_snapshot_why_not(const staple_snapshot_cert_t *cert);

/* What says that it is revoked: a response or a CRL; NULL: nothing does. */
const staple_verdict_t *
staple_snapshot_revoked(const staple_snapshot_cert_t *cert);

/* A CRL as it is shown. */
typedef struct staple_snapshot_list_t {
    const char *url; /* the first one, or its file */
    staple_list_row_t row;
} staple_snapshot_list_t;

/* CRL number `index`.  Returns 1, or 0: there is none. */
int staple_snapshot_list(staple_snapshot_list_t *list,
                         const staple_snapshot_t *snapshot,
                         apr_uint32_t index);

/* One figure of the totals, for metrics and mod_status.  Those of one metric
 * stand together. */
typedef struct staple_figure_t {
    const char *metric; /* without "ocspstaple_" */
    const char *type;   /* "gauge" or "counter" */
    const char *help;
    const char *label;  /* NULL: it has none */
    const char *value_of_label;
    const char *title;  /* in mod_status's page; NULL: not there */
    double value;
} staple_figure_t;

/* All of them, staple_figure_t, from p; those of responders and CRLs come last.
 * Their number does not depend on the number of certificates or servers. */
const apr_array_header_t *staple_snapshot_figures(apr_pool_t *p,
                                            const staple_snapshot_t *snapshot);

#endif
