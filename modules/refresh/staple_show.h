/* The refresher on the board, and what the next one takes over from it. */
#ifndef STAPLE_SHOW_H
#define STAPLE_SHOW_H

#include "cache/staple_scoreboard.h"
#include "staple_known.h"
#include "staple_refresh.h"

/* Puts what the refresher says of itself and of its responders on *board:
 * those that are down come first, should there be more than it has room for. */
void staple_show_put(staple_scoreboard_t *board, const staple_refresh_t *refresh);

/* Keeps what the refresher knows of its responders for the next one. */
void staple_show_keep(staple_known_t *known, const staple_refresh_t *refresh,
                      apr_time_t now);

/* Before the first exchange of a new refresher: what was known is still so,
 * and is not told again.  What is down is asked when its probe is due, by a
 * certificate that failed since; what answered is proven. */
void staple_show_take_over(staple_refresh_t *refresh,
                           const staple_known_t *known, apr_time_t now);

#endif
