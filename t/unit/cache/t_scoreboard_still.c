/* A refresher that stands still is seen after its time; a clock, a busy machine
 * or a sleep is no reason to see one. */
#include "../tap.h"

#include <stdlib.h>

#include "cache/staple_scoreboard.h"
#include "cache/staple_scoreboard.h"

#define SEC apr_time_from_sec(1)
#define TICK (SEC / 10)

/* Looks `count` times, `apart`, at the same beat.  Returns the last result. */
static apr_interval_time_t look(staple_scoreboard_watch_t *watch,
                                apr_uint64_t beat,
                                apr_time_t *now, unsigned count,
                                apr_interval_time_t apart)
{
    apr_interval_time_t still_for = -1;

    while (count-- > 0) {
        *now += apart;
        still_for = staple_scoreboard_watch(watch, beat, *now);
    }
    return still_for;
}

static void test_still(void)
{
    staple_scoreboard_watch_t lookout = {0, 0, 0};
    apr_time_t now = 5 * SEC;

    is_int(look(&lookout, 0, &now, 1, TICK), 0, "the first look sees nothing");
    is_int(look(&lookout, 0, &now, 300, TICK), STAPLE_SCOREBOARD_STILL,
           "300 looks in 30 s: it stands still");
    is_int(look(&lookout, 1, &now, 1, TICK), 0, "it goes on");
    is_int(look(&lookout, 1, &now, 5, TICK), 5 * TICK, "and is watched anew");
    is_int(look(&lookout, 0, &now, 1, TICK), 0,
           "a beat that is less is another one, too");
}

static void test_own_time(void)
{
    staple_scoreboard_watch_t lookout = {0, 0, 0};
    apr_time_t now = 5 * SEC;

    look(&lookout, 7, &now, 1, TICK);
    is_int(look(&lookout, 7, &now, 1, 3600 * SEC), SEC,
           "stopped for an hour: it has not looked meanwhile");
    is_int(look(&lookout, 7, &now, 1, 0), SEC, "no time has passed");
    is_int(look(&lookout, 7, &now, 1, -5 * SEC), SEC, "nor less than none");
    ok(look(&lookout, 7, &now, 28, 5 * SEC) < STAPLE_SCOREBOARD_STILL,
       "a busy machine: 29 looks in 140 s do not do");
    is_int(look(&lookout, 7, &now, 1, 5 * SEC), STAPLE_SCOREBOARD_STILL,
           "30 do");
}

/* Of all processes one says it, and one takes it back. */
static void test_claim(void)
{
    staple_scoreboard_block_t *older =
        staple_scoreboard_format(calloc(1, staple_scoreboard_size(1)), 1);
    staple_scoreboard_block_t *block =
        staple_scoreboard_format(calloc(1, staple_scoreboard_size(1)), 1);
    staple_scoreboard_t board;

    memset(&board, 0, sizeof(board));
    is_int((int64_t)staple_scoreboard_beat(older), 0, "no beat yet");
    is_int(staple_scoreboard_end_still(older), 0, "nothing to take back");
    is_int(staple_scoreboard_claim_still(older, 0), 1, "the first one says it");
    is_int(staple_scoreboard_claim_still(older, 0), 0, "and none after it");
    is_int(staple_scoreboard_end_still(older), 1, "it is taken back");
    is_int(staple_scoreboard_end_still(older), 0, "once");

    staple_scoreboard_put(older, &board);
    is_int((int64_t)staple_scoreboard_beat(older), 1, "a beat");
    is_int(staple_scoreboard_claim_still(older, 1), 1, "again: the first one");
    staple_scoreboard_put(older, &board);
    is_int(staple_scoreboard_claim_still(older, 2), 1,
           "whoever should have taken it back died: no silence for ever");
    staple_scoreboard_adopt(block, older);
    is_int(staple_scoreboard_end_still(block), 1,
           "the next generation takes it back");
    staple_scoreboard_adopt(block, older);
    is_int(staple_scoreboard_claim_still(block,
                                         staple_scoreboard_beat(block)), 1,
           "or says it of its own");
    free(older);
    free(block);
}

int main(void)
{
    test_still();
    test_own_time();
    test_claim();
    return tap_done();
}
