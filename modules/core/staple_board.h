/* What the refresher shows of itself, and who was served: shared memory. */
#ifndef STAPLE_BOARD_H
#define STAPLE_BOARD_H

#include "staple_types.h"

#define STAPLE_BOARD_RESPONDERS 64 /* shown at most */
#define STAPLE_BOARD_URL 256       /* bytes of a URL, NUL included */

/* How a responder is doing. */
typedef enum {
    STAPLE_BOARD_PENDING, /* nothing came of any request yet */
    STAPLE_BOARD_ANSWERS, /* its last answer was of use */
    STAPLE_BOARD_FAILING, /* it was not, or there was none */
    STAPLE_BOARD_DOWN     /* it, or its server: left alone but for probes */
} staple_board_health_e;

/* One responder, as all certificates that name it see it. */
typedef struct staple_board_responder_t {
    char url[STAPLE_BOARD_URL]; /* cut where it is longer */
    apr_uint64_t requests;
    apr_uint64_t failures;
    apr_interval_time_t latency; /* of the last answer */
    apr_time_t probe_at; /* when it is asked next, if it is down */
    apr_uint32_t health; /* staple_board_health_e */
    apr_uint32_t is_healthy; /* not down, and not one that only ever failed */
    apr_uint32_t last_error; /* staple_reason_e; STAPLE_OK: none yet */
    apr_uint32_t reserved;
} staple_board_responder_t;

/* Plain data, published whole.  All zero: no refresher ran yet. */
typedef struct staple_board_t {
    apr_int64_t pid;
    apr_time_t started_at;
    apr_time_t last_round_at; /* last look at who is due */
    apr_time_t next_due_at;
    apr_uint64_t requests; /* HTTP exchanges of this generation */
    apr_uint64_t failures; /* of those, without a usable response */
    apr_uint64_t bytes;    /* of answers */
    apr_uint32_t in_flight;
    apr_uint32_t responder_count; /* of those below */
    staple_board_responder_t responders[STAPLE_BOARD_RESPONDERS];
} staple_board_t;

/* How often a certificate's handshakes asked for a staple. */
typedef struct staple_tally_t {
    apr_uint64_t served;
    apr_uint64_t unserved;
} staple_tally_t;

/* The part of shared memory for one board and `count` tallies. */
typedef struct staple_board_block_t staple_board_block_t;

apr_size_t staple_board_size(apr_uint32_t count);

/* Makes it in `block`, zeroed bytes of that size, 8-byte aligned. */
staple_board_block_t *staple_board_format(void *block, apr_uint32_t count);

/* Publishes the board.  One writer at a time: the refresher. */
void staple_board_put(staple_board_block_t *block, const staple_board_t *board);

/* Copies the board.  Any process, any time, without a lock. */
void staple_board_get(staple_board_t *board, const staple_board_block_t *block);

/* How often a board was published: what does not change stands still. */
apr_uint64_t staple_board_beat(const staple_board_block_t *block);

/*
 * The refresher stands still at this beat.  Returns 1 in one process only: that
 * one has to say so.  A process that died before it did leaves nothing behind
 * that would silence the others at another beat.
 */
int staple_board_claim_still(staple_board_block_t *block, apr_uint64_t beat);

/* The refresher goes on.  Returns 1 where it was claimed that it stands still,
 * so that this has to be taken back. */
int staple_board_end_still(staple_board_block_t *block);

/* Takes the responders over from the board of an earlier generation, if it is
 * of this version, and that its refresher stood still. */
void staple_board_adopt(staple_board_block_t *block,
                        const staple_board_block_t *older);

/* Counts one handshake of certificate `index`.  Any process, handshake: one
 * addition in shared memory. */
void staple_board_count(staple_board_block_t *block, apr_uint32_t index,
                        int is_served);

/* The tally of certificate `index`; zeros for a bad index. */
staple_tally_t staple_board_tally(const staple_board_block_t *block,
                                  apr_uint32_t index);

#endif
