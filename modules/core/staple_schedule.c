/* Validity, failures, policy, jitter and now -> when to ask next. */
#include "staple_schedule.h"

static apr_interval_time_t least(apr_interval_time_t a, apr_interval_time_t b)
{
    return a < b ? a : b;
}

static apr_interval_time_t most(apr_interval_time_t a, apr_interval_time_t b)
{
    return a > b ? a : b;
}

/* 0 .. 10 % of an interval. */
static apr_interval_time_t share(apr_interval_time_t interval,
                                 apr_uint32_t jitter)
{
    return interval / 10 * (apr_interval_time_t)(jitter % 1024) / 1024;
}

apr_interval_time_t staple_schedule_back_off(apr_interval_time_t first,
                                             apr_interval_time_t last,
                                             unsigned times)
{
    apr_interval_time_t interval = first;

    while (times > 0 && interval < last) {
        interval = interval > last / 2 ? last : interval * 2;
        times--;
    }
    return least(interval, last);
}

apr_time_t staple_schedule_after_success(const staple_policy_t *policy,
                                         apr_time_t use_until,
                                         apr_interval_time_t fresh_for,
                                         apr_uint32_t jitter, apr_time_t now)
{
    apr_interval_time_t latest, wait;

    latest = least(policy->interval, most(use_until - now, 0) / 2);
    wait = latest - share(latest, jitter);
    wait = most(wait, least(fresh_for, latest));
    return now + most(wait, STAPLE_SCHEDULE_FLOOR);
}

static apr_interval_time_t automatic_retry(unsigned failures,
                                           apr_time_t use_until, apr_time_t now)
{
    apr_interval_time_t last = STAPLE_SCHEDULE_RETRY_NONE;

    if (use_until > now) {
        last = least(STAPLE_SCHEDULE_RETRY_LAST,
                     most((use_until - now) / 4, STAPLE_SCHEDULE_RETRY_FIRST));
    }
    return staple_schedule_back_off(STAPLE_SCHEDULE_RETRY_FIRST, last,
                                    failures - 1);
}

apr_time_t staple_schedule_after_failure(const staple_policy_t *policy,
                                         unsigned failures,
                                         apr_time_t use_until,
                                         apr_interval_time_t retry_after,
                                         apr_uint32_t jitter, apr_time_t now)
{
    apr_interval_time_t wait;

    if (failures >= policy->max_tries) {
        return now + policy->interval - share(policy->interval, jitter);
    }
    wait = policy->retry_interval;
    if (wait == 0) {
        wait = automatic_retry(failures, use_until, now);
    }
    wait += share(wait, jitter);
    retry_after = least(retry_after, STAPLE_SCHEDULE_RETRY_AFTER);
    return now + most(wait, least(retry_after, policy->interval));
}
