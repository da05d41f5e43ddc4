/* What is known of each CRL, for whoever shows it: shared memory. */
#include "staple_list_board.h"

#include <string.h>

#include "staple_cache_int.h"

typedef struct pair_t {
    apr_uint64_t sequence;
    staple_list_row_t rows[2]; /* the last published one counts */
} pair_t;

struct staple_list_board_t {
    apr_uint64_t count;
    pair_t pairs[];
};

_Static_assert(sizeof(staple_list_row_t) % 8 == 0, "copied by words");

apr_size_t staple_list_board_size(apr_uint32_t count)
{
    return sizeof(staple_list_board_t) + count * sizeof(pair_t);
}

staple_list_board_t *staple_list_board_format(void *block, apr_uint32_t count)
{
    staple_list_board_t *board = block;

    board->count = count;
    return board;
}

apr_uint32_t staple_list_board_count(const staple_list_board_t *board)
{
    return board != NULL ? (apr_uint32_t)board->count : 0;
}

int staple_list_board_get(staple_list_row_t *row,
                          const staple_list_board_t *board, apr_uint32_t i)
{
    if (i >= staple_list_board_count(board)) {
        return 0;
    }
    staple_cache_copy_half(row, &board->pairs[i].sequence,
                           board->pairs[i].rows, sizeof(*row));
    return 1;
}

void staple_list_board_put(staple_list_board_t *board, apr_uint32_t i,
                           const staple_list_row_t *row)
{
    staple_list_row_t there;

    if (staple_list_board_get(&there, board, i)
        && memcmp(&there, row, sizeof(there)) != 0) {
        staple_cache_publish(&board->pairs[i].sequence, board->pairs[i].rows,
                             row, sizeof(*row));
    }
}
