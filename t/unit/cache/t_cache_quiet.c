/* What a handshake does makes no system call: looked at by the kernel. */
#include "../tap.h"

#include <apr_general.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/staple_scoreboard.h"
#include "cache/staple_writer.h"

#define CERTS 100
#define LOOKS 100000

static staple_key_t keys[CERTS];
static unsigned char der[STAPLE_MAX_RESPONSE];
static unsigned char buf[STAPLE_MAX_RESPONSE];

/* In a process that the kernel kills at any call but exit and write: find,
 * copy and count, as staple_serve_response() does.  Exit status 0: all were
 * found. */
static void look(const staple_cache_t *cache, staple_scoreboard_block_t *board,
                 int is_noisy)
{
    apr_time_t now = apr_time_now(); /* as a rule no system call, either */
    unsigned i, wrong = 0;

    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
        _exit(77);
    }
    for (i = 0; i < LOOKS; i++) {
        apr_uint32_t index = staple_cache_find(cache, &keys[i % CERTS]);
        apr_size_t len = sizeof(buf);

        wrong += index != i % CERTS
                 || staple_cache_get(buf, &len, cache, &keys[index],
                                     now)
                        != STAPLE_OK;
        staple_scoreboard_count(board, index, 1);
    }
    if (is_noisy) {
        syscall(SYS_getppid);
    }
    syscall(SYS_exit, wrong != 0);
}

static int run(const staple_cache_t *cache, staple_scoreboard_block_t *board,
               int is_noisy)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        look(cache, board, is_noisy);
    }
    waitpid(pid, &status, 0);
    return status;
}

int main(void)
{
    apr_size_t size = staple_cache_size(CERTS, STAPLE_MAX_RESPONSE);
    staple_scoreboard_block_t *board;
    staple_writer_t *writer;
    staple_cache_t *cache;
    apr_pool_t *p;
    unsigned i;
    int status;

    apr_initialize();
    apr_pool_create(&p, NULL);
    for (i = 0; i < CERTS; i++) {
        memset(&keys[i], (int)i + 1, sizeof(keys[i]));
    }
    cache = staple_cache_format(calloc(1, size), size, keys, CERTS,
                                STAPLE_MAX_RESPONSE);
    board = staple_scoreboard_format(calloc(1, staple_scoreboard_size(CERTS)),
                                     CERTS);
    writer = staple_writer_make(p, cache);
    for (i = 0; i < CERTS; i++) {
        staple_writer_put(writer, i, der, 500 + 10 * i,
                          apr_time_now() + apr_time_from_sec(3600));
    }
    status = run(cache, board, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        return tap_skip_all("no seccomp");
    }
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
       "%d look-ups without a system call", LOOKS);
    status = run(cache, board, 1);
    ok(WIFSIGNALED(status), "a system call would have been seen");
    return tap_done();
}
