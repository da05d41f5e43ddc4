/* What is known of each CRL in shared memory: rows published whole. */
#include "../tap.h"

#include <apr_general.h>
#include <apr_pools.h>
#include <pthread.h>
#include <string.h>

#include "cache/staple_list_board.h"

#define ROWS 3
#define ROUNDS 20000

static staple_list_board_t *board;

/* A row whose members all say `n`. */
static staple_list_row_t make(apr_uint64_t n)
{
    staple_list_row_t row;

    memset(&row, 0, sizeof(row));
    row.base.bytes = row.base.entries = row.requests = n;
    row.delta.use_until = row.next_at = (apr_time_t)n;
    return row;
}

static int is_whole(const staple_list_row_t *row)
{
    staple_list_row_t same = make(row->base.bytes);

    return memcmp(row, &same, sizeof(same)) == 0;
}

static void *write_rows(void *data)
{
    apr_uint64_t n;

    (void)data;
    for (n = 1; n <= ROUNDS; n++) {
        staple_list_row_t row = make(n);

        staple_list_board_put(board, (apr_uint32_t)(n % ROWS), &row);
    }
    return NULL;
}

static void test_threads(void)
{
    pthread_t writer;
    staple_list_row_t row;
    unsigned torn = 0, i;

    pthread_create(&writer, NULL, write_rows, NULL);
    for (i = 0; i < ROUNDS; i++) {
        staple_list_board_get(&row, board, i % ROWS);
        torn += !is_whole(&row);
    }
    pthread_join(writer, NULL);
    is_int(torn, 0, "a reader never sees half of a row");
    staple_list_board_get(&row, board, ROUNDS % ROWS);
    is_int(row.base.bytes, ROUNDS, "the last row counts");
}

int main(void)
{
    apr_pool_t *p;
    staple_list_row_t row;

    apr_initialize();
    apr_pool_create(&p, NULL);
    board = staple_list_board_format(
        apr_pcalloc(p, staple_list_board_size(ROWS)), ROWS);
    is_int(staple_list_board_count(board), ROWS, "it has its rows");
    is_int(staple_list_board_count(NULL), 0, "none has none");
    ok(staple_list_board_get(&row, board, 0), "a row that nobody wrote");
    is_int(row.base.bytes, 0, "says nothing");
    ok(!staple_list_board_get(&row, board, ROWS), "there is no other");
    ok(!staple_list_board_get(&row, NULL, 0), "nor any where there is none");
    row = make(7);
    staple_list_board_put(board, 1, &row);
    staple_list_board_put(board, ROWS, &row);
    staple_list_board_get(&row, board, 1);
    is_int(row.requests, 7, "what is put there is read there");
    staple_list_board_get(&row, board, 2);
    is_int(row.requests, 0, "and nowhere else");
    test_threads();
    apr_pool_destroy(p);
    apr_terminate();
    return tap_done();
}
