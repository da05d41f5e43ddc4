/* The board: published whole, taken over by a new generation; tallies. */
#include "../tap.h"

#include <stdlib.h>

#include "cache/staple_scoreboard.h"

#define COUNT 3

static staple_scoreboard_block_t *make(void)
{
    return staple_scoreboard_format(calloc(1, staple_scoreboard_size(COUNT)),
                                    COUNT);
}

static staple_scoreboard_t filled(void)
{
    staple_scoreboard_t board;

    memset(&board, 0, sizeof(board));
    board.pid = 42;
    board.requests = 7;
    board.responder_count = 1;
    strcpy(board.responders[0].url, "http://ocsp.example/");
    board.responders[0].probe_at = 1234567;
    board.responders[0].health = 3;
    return board;
}

static void test_put(void)
{
    staple_scoreboard_block_t *block = make();
    staple_scoreboard_t board, got;
    int i;

    staple_scoreboard_get(&got, block);
    is_int(got.pid, 0, "none ran yet");
    board = filled();
    for (i = 1; i <= 3; i++) {
        board.requests = (apr_uint64_t)i;
        staple_scoreboard_put(block, &board);
        staple_scoreboard_get(&got, block);
        ok(memcmp(&board, &got, sizeof(got)) == 0, "what was put, time %d", i);
    }
    free(block);
}

static void test_adopt(void)
{
    staple_scoreboard_block_t *older = make();
    staple_scoreboard_block_t *block = make();
    staple_scoreboard_t board = filled();
    staple_scoreboard_t got;
    apr_uint64_t other_version[4] = {0, COUNT, sizeof(board) + 8, 0};

    staple_scoreboard_put(older, &board);
    staple_scoreboard_adopt(block, older);
    staple_scoreboard_get(&got, block);
    is_int(got.responder_count, 1, "adopted: the responders");
    ok(memcmp(got.responders, board.responders, sizeof(got.responders)) == 0,
       "adopted: with their health");
    is_int(got.pid, 0, "not adopted: who ran");
    is_int(got.requests, 0, "not adopted: what it did");
    staple_scoreboard_adopt(
        block, (staple_scoreboard_block_t *)(void *)other_version);
    staple_scoreboard_get(&got, block);
    is_int(got.responder_count, 1, "not adopted: another version's");
    free(older);
    free(block);
}

static void test_tally(void)
{
    staple_scoreboard_block_t *block = make();

    staple_scoreboard_count(block, 2, 1);
    staple_scoreboard_count(block, 2, 1);
    staple_scoreboard_count(block, 2, 0);
    staple_scoreboard_count(block, COUNT, 1);
    is_int(staple_scoreboard_tally(block, 2).served, 2, "served");
    is_int(staple_scoreboard_tally(block, 2).unserved, 1, "not served");
    staple_scoreboard_count_chain(block, 2);
    staple_scoreboard_count_chain(block, COUNT);
    is_int(staple_scoreboard_tally(block, 2).chained, 1, "with issuers");
    is_int(staple_scoreboard_tally(block, 2).served, 2,
           "which is counted by itself");
    is_int(staple_scoreboard_tally(block, 1).served, 0,
           "another certificate's");
    is_int(staple_scoreboard_tally(block, COUNT).served, 0, "a bad index");
    free(block);
}

int main(void)
{
    test_put();
    test_adopt();
    test_tally();
    return tap_done();
}
