/* Periods by a clock that may be set back. */
#ifndef STAPLE_CLOCK_H
#define STAPLE_CLOCK_H

#include <apr_time.h>

/* Is a period that began at `since` over at `now`?  Also where the clock was
 * set back meanwhile: an instant in the future is not waited for.  `since` 0:
 * it never began, and is over. */
static inline int staple_clock_is_over(apr_time_t since,
                                       apr_interval_time_t period,
                                       apr_time_t now)
{
    return now < since || now - since >= period;
}

#endif
