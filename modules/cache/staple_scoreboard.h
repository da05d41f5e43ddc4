/* What the refresher shows of itself, and who was served: shared memory. */
#ifndef STAPLE_SCOREBOARD_H
#define STAPLE_SCOREBOARD_H

#include "base/staple_types.h"

#define STAPLE_SCOREBOARD_RESPONDERS 64 /* shown at most */
#define STAPLE_SCOREBOARD_URL 256       /* bytes of a URL, NUL included */

/* How a responder is doing. */
typedef enum {
    STAPLE_SCOREBOARD_PENDING, /* nothing came of any request yet */
    STAPLE_SCOREBOARD_ANSWERS, /* its last answer was of use */
    STAPLE_SCOREBOARD_FAILING, /* it was not, or there was none */
    STAPLE_SCOREBOARD_DOWN     /* it, or its server: probes alone are sent */
} staple_scoreboard_health_e;

/* One responder, as all certificates that name it see it. */
typedef struct staple_scoreboard_responder_t {
    char url[STAPLE_SCOREBOARD_URL]; /* cut where it is longer, as the next */
    char proxy[STAPLE_SCOREBOARD_URL]; /* the way there; "": directly */
    apr_uint64_t requests;
    apr_uint64_t failures;
    apr_interval_time_t latency; /* of the last answer */
    apr_time_t probe_at;         /* when it is asked next, if it is down */
    apr_time_t failing_since;    /* the first of its requests in a row that
                                    brought nothing of use; 0: the last one
                                    did, or there was none */
    apr_uint32_t health;         /* staple_scoreboard_health_e */
    apr_uint32_t is_healthy; /* not down, and not one that only ever failed */
    apr_uint32_t last_error; /* staple_reason_e; STAPLE_OK: none yet */
    apr_uint32_t reserved;
} staple_scoreboard_responder_t;

/* Plain data, published whole.  All zero: no refresher ran yet. */
typedef struct staple_scoreboard_t {
    apr_int64_t pid;
    apr_time_t started_at;
    apr_time_t last_round_at; /* last look at who is due */
    apr_time_t next_due_at;
    apr_uint64_t requests; /* HTTP exchanges of this generation */
    apr_uint64_t failures; /* of those, without a usable response */
    apr_uint64_t bytes;    /* of answers */
    apr_uint32_t in_flight;
    apr_uint32_t responder_count; /* of those below */
    staple_scoreboard_responder_t responders[STAPLE_SCOREBOARD_RESPONDERS];
} staple_scoreboard_t;

/* How often a certificate's handshakes asked for a staple. */
typedef struct staple_tally_t {
    apr_uint64_t served;
    apr_uint64_t unserved;
    apr_uint64_t chained; /* of those served: with issuers' responses */
} staple_tally_t;

/* The part of shared memory for one board and `count` tallies. */
typedef struct staple_scoreboard_block_t staple_scoreboard_block_t;

apr_size_t staple_scoreboard_size(apr_uint32_t count);

/* Makes it in `block`, zeroed bytes of that size, 8-byte aligned. */
staple_scoreboard_block_t *staple_scoreboard_format(void *block,
                                                    apr_uint32_t count);

/* Publishes the board.  One writer at a time: the refresher. */
void staple_scoreboard_put(staple_scoreboard_block_t *block,
                           const staple_scoreboard_t *board);

/* Copies the board.  Any process, any time, without a lock. */
void staple_scoreboard_get(staple_scoreboard_t *board,
                           const staple_scoreboard_block_t *block);

/* How often a board was published: what does not change stands still. */
apr_uint64_t staple_scoreboard_beat(const staple_scoreboard_block_t *block);

/*
 * The refresher stands still at this beat.  Returns 1 in one process only: that
 * one has to say so.  A process that died before it did leaves nothing behind
 * that would silence the others at another beat.
 */
int staple_scoreboard_claim_still(staple_scoreboard_block_t *block,
                                  apr_uint64_t beat);

/* The refresher goes on.  Returns 1 where it was claimed that it stands still,
 * so that this has to be taken back. */
int staple_scoreboard_end_still(staple_scoreboard_block_t *block);

/* Takes the responders over from the board of an earlier generation, if it is
 * of this version, and what it says of the refresher and of waiting. */
void staple_scoreboard_adopt(staple_scoreboard_block_t *block,
                             const staple_scoreboard_block_t *older);

/* ---- OCSPStapleStartWait ---- */

/* Returns since when the processes of this generation wait, on a monotonic
 * clock: since `now`, where none did before.  Any process. */
apr_time_t staple_scoreboard_wait(staple_scoreboard_block_t *block,
                                  apr_time_t now);

/* Had the generation before this one waited to the end, or for nothing?  0 also
 * where there was none. */
int staple_scoreboard_was_wait_over(const staple_scoreboard_block_t *block);

/* Has this generation waited to the end, or for nothing?  Children that come
 * later need not look again. */
int staple_scoreboard_is_wait_over(const staple_scoreboard_block_t *block);

/* It has.  Returns 1 in one process only: that one says how the wait ended. */
int staple_scoreboard_claim_wait(staple_scoreboard_block_t *block);

/* Counts one handshake of certificate `index`.  Any process, handshake: one
 * addition in shared memory. */
void staple_scoreboard_count(staple_scoreboard_block_t *block,
                             apr_uint32_t index, int is_served);

/* Counts that it carried responses of issuers, too.  The same. */
void staple_scoreboard_count_chain(staple_scoreboard_block_t *block,
                                   apr_uint32_t index);

/* The tally of certificate `index`; zeros for a bad index. */
staple_tally_t staple_scoreboard_tally(const staple_scoreboard_block_t *block,
                                       apr_uint32_t index);

/* ---- does the refresher stand still?  How the other children find out ---- */

/* It shows itself twice a second; a refresher that has not for so long is
 * stopped, or hangs. */
#define STAPLE_SCOREBOARD_STILL apr_time_from_sec(30)

/* What one child has seen so far.  All zero: nothing. */
typedef struct staple_scoreboard_watch_t {
    apr_uint64_t beat; /* staple_scoreboard_beat(), as seen last */
    apr_time_t looked_at;
    apr_interval_time_t still_for;
} staple_scoreboard_watch_t;

/*
 * One look, of some ten a second.  `now` is of a monotonic clock.
 * Returns for how long the beat has not changed before the eyes of this child:
 * where its own looks are far apart, because the machine is busy or slept or
 * all of httpd was stopped, that is no time in which it looked.
 */
apr_interval_time_t staple_scoreboard_watch(staple_scoreboard_watch_t *lookout,
                                            apr_uint64_t beat, apr_time_t now);

#endif
