/* Does it answer?  Failures in a row -> down, probed, back; pure. */
#ifndef STAPLE_HEALTH_H
#define STAPLE_HEALTH_H

#include "base/staple_types.h"

/* Who fails so often in a row, for so many different certificates, is down;
 * then one certificate at a time probes, at these intervals. */
#define STAPLE_HEALTH_SUSPECTS 3
#define STAPLE_HEALTH_PROBE_FIRST apr_time_from_sec(5)
#define STAPLE_HEALTH_PROBE_LAST apr_time_from_sec(300)

/* The health of one URL, or of all URLs of one server. */
typedef struct staple_health_t {
    int is_down;
    int answers;        /* it did so the last time */
    int has_answered;   /* it ever did, as far as is known */
    unsigned in_flight; /* exchanges */
    unsigned named_by;  /* certificates that name it; 0: many */
    unsigned failures;  /* in a row */
    unsigned suspect_count;
    apr_uint32_t suspects[STAPLE_HEALTH_SUSPECTS];
    unsigned probes; /* failed ones since it went down */
    apr_time_t probe_at;
    apr_uint32_t prober; /* passed it over, failed, and asks it next */
} staple_health_t;

typedef enum {
    STAPLE_HEALTH_SAME,
    STAPLE_HEALTH_WENT_DOWN,
    STAPLE_HEALTH_CAME_UP
} staple_health_change_e;

/* Nothing is known: healthy until proven otherwise. */
void staple_health_begin(staple_health_t *health);

/* May it be asked at `now`?  One that is down: as its one probe. */
int staple_health_may_ask(const staple_health_t *health, apr_time_t now);

/* It answered. */
staple_health_change_e staple_health_came_well(staple_health_t *health);

/*
 * It failed for certificate `index`.  It goes down with the third failure in a
 * row, by as many different certificates, or all that name it where these are
 * fewer: one certificate that fails again and again says nothing of the
 * others.  Who has never answered anybody gets three failures, whosever they
 * are.  `may_go_down`: is it to blame at all?
 */
staple_health_change_e staple_health_failed(staple_health_t *health,
                                            apr_uint32_t index, int may_go_down,
                                            apr_time_t now);

/* A probe ended that tells nothing: the next one is not at once. */
void staple_health_put_off(staple_health_t *health, apr_time_t now);

/* It wants to be left alone for `time` from now on, which holds for its
 * probes, within the bounds of staple_schedule.h. */
void staple_health_leave_alone(staple_health_t *health,
                               apr_interval_time_t time, apr_time_t now);

/* An earlier refresher found it down, and would probe it at `probe_at`: so it
 * is from now on, within the bounds of staple_schedule.h. */
void staple_health_was_down(staple_health_t *health, unsigned probes,
                            apr_time_t probe_at, apr_time_t now);

/* The certificate that shall probe now, once each time that a probe is due.
 * STAPLE_NONE: none. */
apr_uint32_t staple_health_prober(staple_health_t *health, apr_time_t now);

#endif
