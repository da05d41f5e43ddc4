/* The refresher's state on the board; what the next one takes over from it. */
#ifndef STAPLE_SHOW_H
#define STAPLE_SHOW_H

#include "staple_board.h"
#include "staple_refresh.h"

/* Puts what the refresher says of itself and of its responders on *board:
 * those that are down come first, should there be more than it has room for. */
void staple_show_put(staple_board_t *board, const staple_refresh_t *refresh);

/* Before the first exchange of a new refresher: what the one before it, in
 * another child or generation, found down still is. */
void staple_show_take_over(staple_refresh_t *refresh,
                           const staple_board_block_t *block, apr_time_t now);

#endif
