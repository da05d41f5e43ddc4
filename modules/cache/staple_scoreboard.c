/* What the refresher shows of itself, and who was served: shared memory. */
#include "staple_scoreboard.h"

#include "staple_cache_int.h"

/* For staple_scoreboard_block_t.still_at: said in an earlier generation. */
#define STILL_BEFORE APR_UINT64_MAX

struct staple_scoreboard_block_t {
    apr_uint64_t sequence;
    apr_uint64_t count;
    apr_uint64_t block_size; /* without tallies; another version's differs */
    apr_uint64_t still_at;   /* the sequence number, and 1, at which it was said
                                that the refresher stands still; 0: it is at
                                work */
    apr_time_t waits_since;  /* OCSPStapleStartWait; 0: nobody has waited */
    apr_uint64_t is_over;    /* that has ended, or was not needed */
    apr_uint64_t was_over;   /* that of the generation before */
    staple_scoreboard_t boards[2]; /* the last published one counts */
    staple_tally_t tallies[];
};

_Static_assert(sizeof(staple_scoreboard_t) % 8 == 0, "copied by words");

apr_size_t staple_scoreboard_size(apr_uint32_t count)
{
    return sizeof(staple_scoreboard_block_t) + count * sizeof(staple_tally_t);
}

staple_scoreboard_block_t *staple_scoreboard_format(void *block,
                                                    apr_uint32_t count)
{
    staple_scoreboard_block_t *made = block;

    made->count = count;
    made->block_size = sizeof(*made);
    return made;
}

void staple_scoreboard_put(staple_scoreboard_block_t *block,
                           const staple_scoreboard_t *board)
{
    staple_cache_publish(&block->sequence, block->boards, board,
                         sizeof(*board));
}

void staple_scoreboard_get(staple_scoreboard_t *board,
                           const staple_scoreboard_block_t *block)
{
    staple_cache_copy_half(board, &block->sequence, block->boards,
                           sizeof(*board));
}

apr_uint64_t staple_scoreboard_beat(const staple_scoreboard_block_t *block)
{
    return staple_cache_load(&block->sequence);
}

int staple_scoreboard_claim_still(staple_scoreboard_block_t *block,
                                  apr_uint64_t beat)
{
    apr_uint64_t said = __atomic_load_n(&block->still_at, __ATOMIC_RELAXED);

    return said != beat + 1
           && __atomic_compare_exchange_n(&block->still_at, &said, beat + 1, 0,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

int staple_scoreboard_end_still(staple_scoreboard_block_t *block)
{
    return __atomic_load_n(&block->still_at, __ATOMIC_RELAXED) != 0
           && __atomic_exchange_n(&block->still_at, 0, __ATOMIC_RELAXED) != 0;
}

void staple_scoreboard_adopt(staple_scoreboard_block_t *block,
                             const staple_scoreboard_block_t *older)
{
    staple_scoreboard_t theirs, ours;

    if (older->block_size != sizeof(*older)) {
        return;
    }
    staple_scoreboard_get(&theirs, older);
    memset(&ours, 0, sizeof(ours));
    ours.responder_count = theirs.responder_count;
    memcpy(ours.responders, theirs.responders, sizeof(ours.responders));
    staple_scoreboard_put(block, &ours);
    if (__atomic_load_n(&older->still_at, __ATOMIC_RELAXED) != 0) {
        block->still_at = STILL_BEFORE;
    }
    block->was_over = staple_scoreboard_is_wait_over(older)
                      || __atomic_load_n(&older->waits_since,
                                         __ATOMIC_RELAXED)
                             == 0;
}

apr_time_t staple_scoreboard_wait(staple_scoreboard_block_t *block,
                                  apr_time_t now)
{
    apr_time_t since = 0;

    return __atomic_compare_exchange_n(&block->waits_since, &since, now, 0,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED)
               ? now
               : since;
}

int staple_scoreboard_was_wait_over(const staple_scoreboard_block_t *block)
{
    return block->was_over != 0;
}

int staple_scoreboard_is_wait_over(const staple_scoreboard_block_t *block)
{
    return __atomic_load_n(&block->is_over, __ATOMIC_RELAXED) != 0;
}

int staple_scoreboard_claim_wait(staple_scoreboard_block_t *block)
{
    return __atomic_exchange_n(&block->is_over, 1, __ATOMIC_RELAXED) == 0;
}

void staple_scoreboard_count(staple_scoreboard_block_t *block,
                             apr_uint32_t index, int is_served)
{
    if (index < block->count) {
        __atomic_fetch_add(is_served ? &block->tallies[index].served
                                     : &block->tallies[index].unserved,
                           1, __ATOMIC_RELAXED);
    }
}

void staple_scoreboard_count_chain(staple_scoreboard_block_t *block,
                                   apr_uint32_t index)
{
    if (index < block->count) {
        __atomic_fetch_add(&block->tallies[index].chained, 1,
                           __ATOMIC_RELAXED);
    }
}

staple_tally_t staple_scoreboard_tally(const staple_scoreboard_block_t *block,
                                       apr_uint32_t index)
{
    staple_tally_t tally = {0, 0, 0};

    if (index < block->count) {
        tally.served = staple_cache_load(&block->tallies[index].served);
        tally.unserved = staple_cache_load(&block->tallies[index].unserved);
        tally.chained = staple_cache_load(&block->tallies[index].chained);
    }
    return tally;
}

/* What may lie between two looks, at most. */
#define BLINK apr_time_from_sec(1)

apr_interval_time_t staple_scoreboard_watch(staple_scoreboard_watch_t *lookout,
                                            apr_uint64_t beat, apr_time_t now)
{
    apr_interval_time_t since = now - lookout->looked_at;

    if (lookout->looked_at == 0 || beat != lookout->beat) {
        lookout->still_for = 0;
    }
    else if (since > 0) {
        lookout->still_for += since < BLINK ? since : BLINK;
    }
    lookout->beat = beat;
    lookout->looked_at = now;
    return lookout->still_for;
}
