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

/* A quarter of the life left of what is held; without limit where nothing
 * is. */
static apr_interval_time_t quarter(apr_time_t use_until, apr_time_t now)
{
    return use_until > now
               ? most((use_until - now) / 4, STAPLE_SCHEDULE_RETRY_LEAST)
               : APR_INT64_MAX;
}

static apr_interval_time_t automatic_retry(unsigned failures,
                                           apr_time_t use_until,
                                           apr_uint32_t jitter, apr_time_t now)
{
    apr_interval_time_t wait = staple_schedule_back_off(
        STAPLE_SCHEDULE_RETRY_FIRST,
        use_until > now ? STAPLE_SCHEDULE_RETRY_LAST
                        : STAPLE_SCHEDULE_RETRY_NONE,
        failures - 1);

    return least(wait + share(wait, jitter), quarter(use_until, now));
}

apr_time_t staple_schedule_after_failure(const staple_policy_t *policy,
                                         unsigned failures,
                                         apr_time_t use_until,
                                         apr_interval_time_t retry_after,
                                         apr_uint32_t jitter, apr_time_t now)
{
    apr_interval_time_t wait = policy->retry_interval;

    if (policy->max_tries != 0 && failures >= policy->max_tries) {
        return now + policy->interval - share(policy->interval, jitter);
    }
    wait = wait == 0 ? automatic_retry(failures, use_until, jitter, now)
                     : wait + share(wait, jitter);
    retry_after = least(least(retry_after, STAPLE_SCHEDULE_RETRY_AFTER),
                        least(policy->interval, quarter(use_until, now)));
    return now + most(wait, retry_after);
}

apr_time_t staple_schedule_hasten(apr_time_t at, int insists,
                                  apr_time_t use_until, int is_new,
                                  apr_time_t now)
{
    if (insists) {
        at = least(at, most(use_until, now) + STAPLE_SCHEDULE_MUST_STAPLE);
    }
    return is_new ? least(at, now + STAPLE_SCHEDULE_NEW) : at;
}

apr_time_t staple_schedule_after_start(apr_time_t next_at, unsigned failures,
                                       apr_time_t attempted_at, apr_time_t now)
{
    apr_time_t at = failures > 0
                        ? most(now, attempted_at + STAPLE_SCHEDULE_START)
                        : now;

    return least(next_at, at);
}
