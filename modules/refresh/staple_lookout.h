/* Does the refresher stand still?  How the other children find out; pure. */
#ifndef STAPLE_LOOKOUT_H
#define STAPLE_LOOKOUT_H

#include "base/staple_types.h"

/* It shows itself twice a second; a refresher that has not for so long is
 * stopped, or hangs. */
#define STAPLE_LOOKOUT_STILL apr_time_from_sec(30)

/* What one child has seen so far.  All zero: nothing. */
typedef struct staple_lookout_t {
    apr_uint64_t beat; /* staple_scoreboard_beat(), as seen last */
    apr_time_t looked_at;
    apr_interval_time_t still_for;
} staple_lookout_t;

/*
 * One look, of some ten a second.  `now` is of a monotonic clock.
 * Returns for how long the beat has not changed before the eyes of this child:
 * where its own looks are far apart, because the machine is busy or slept or
 * all of httpd was stopped, that is no time in which it looked.
 */
apr_interval_time_t staple_lookout_look(staple_lookout_t *lookout,
                                        apr_uint64_t beat, apr_time_t now);

#endif
