/* The refresher's state on the board; what the next one takes over from it. */
#include "staple_show.h"

#include <apr_strings.h>

/* Adds the responders that are down, or those that are not. */
static void add_responders(staple_board_t *board,
                           const staple_refresh_t *refresh, int is_down)
{
    const staple_responder_t *r;
    staple_board_responder_t *shown;

    for (r = staple_refresh_responders(refresh);
         r != NULL && board->responder_count < STAPLE_BOARD_RESPONDERS;
         r = r->next) {
        if (r->is_down != is_down) {
            continue;
        }
        shown = &board->responders[board->responder_count++];
        apr_cpystrn(shown->url, r->url, sizeof(shown->url));
        shown->requests = r->requests;
        shown->failures = r->failures;
        shown->latency = r->latency;
        shown->probe_at = r->probe_at;
        shown->probes = r->probes;
        shown->is_healthy = !r->is_down;
        shown->last_error = (apr_uint32_t)r->last_error;
    }
}

void staple_show_put(staple_board_t *board, const staple_refresh_t *refresh)
{
    board->next_due_at = staple_refresh_due_at(refresh);
    board->in_flight = staple_refresh_in_flight(refresh);
    board->responder_count = 0;
    add_responders(board, refresh, 1);
    add_responders(board, refresh, 0);
}

void staple_show_take_over(staple_refresh_t *refresh,
                           const staple_board_block_t *block, apr_time_t now)
{
    const staple_board_responder_t *r;
    staple_board_t board;
    apr_uint32_t i;

    staple_board_get(&board, block);
    for (i = 0; i < board.responder_count; i++) {
        r = &board.responders[i];
        if (!r->is_healthy) {
            staple_refresh_was_down(refresh, r->url, r->probes, r->probe_at,
                                    now);
        }
    }
}
