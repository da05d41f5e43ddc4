/* What is known of each CRL, for whoever shows it: shared memory. */
#ifndef STAPLE_LIST_BOARD_H
#define STAPLE_LIST_BOARD_H

#include "base/staple_types.h"

#define STAPLE_LIST_NUMBER 41 /* characters of a CRL number, NUL included */
#define STAPLE_LIST_URL 256   /* of a URL, cut where it is longer */

/* A list as it is held, or its delta.  Times are instants; 0 = not there. */
typedef struct staple_list_half_t {
    apr_uint64_t bytes; /* 0: none is held */
    apr_uint64_t entries;
    apr_time_t this_update;
    apr_time_t next_update;
    apr_time_t use_until;  /* 0: it must not be used any more */
    apr_time_t fetched_at; /* when it came */
    char number[STAPLE_LIST_NUMBER];
    char url[STAPLE_LIST_URL]; /* where it is asked for, or its file */
    char unused[7];
} staple_list_half_t;

/* Plain data of fixed size, published whole.  All zero: nothing happened. */
typedef struct staple_list_row_t {
    staple_list_half_t base;
    staple_list_half_t delta;
    apr_time_t next_at; /* when it is asked for next; 0: it is not */
    apr_uint64_t requests;
    apr_uint64_t failed;       /* of those, without a usable list */
    apr_uint64_t not_modified; /* of those, HTTP 304 */
    apr_uint32_t failures;     /* of the base, in a row */
    apr_uint32_t reason;       /* staple_reason_e of the last failure;
                                  STAPLE_OK: the last request was fine */
    apr_uint32_t certificates; /* that name it */
    apr_uint32_t is_wanted;    /* something rests on it at present */
} staple_list_row_t;

/* The part of shared memory for `count` rows. */
typedef struct staple_list_board_t staple_list_board_t;

apr_size_t staple_list_board_size(apr_uint32_t count);

/* Makes it in `block`, zeroed bytes of that size, 8-byte aligned. */
staple_list_board_t *staple_list_board_format(void *block, apr_uint32_t count);

/* How many rows it has. */
apr_uint32_t staple_list_board_count(const staple_list_board_t *board);

/* Publishes row number `i`, if it differs from what is there.  One writer at a
 * time: the refresher. */
void staple_list_board_put(staple_list_board_t *board, apr_uint32_t i,
                           const staple_list_row_t *row);

/* Copies row number `i`.  Returns 1; 0: there is none.  Any process, any time,
 * without a lock. */
int staple_list_board_get(staple_list_row_t *row,
                          const staple_list_board_t *board, apr_uint32_t i);

#endif
