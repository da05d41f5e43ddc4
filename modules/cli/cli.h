/* What the commands of ocspstaple share: exit statuses, complaints, files. */
#ifndef CLI_H
#define CLI_H

#include <apr_pools.h>

/* Exit statuses of verify and fetch. */
#define CLI_EXIT_GOOD     0
#define CLI_EXIT_REJECTED 1
#define CLI_EXIT_USAGE    2 /* also files that cannot be read or written */
#define CLI_EXIT_REVOKED  10
#define CLI_EXIT_UNKNOWN  11

/* No exit status: the command goes on. */
#define CLI_GO_ON (-1)

/* One command of the program. */
typedef struct cli_command_t {
    const char *name;
    const char *summary; /* one line */
    const char *about;   /* some lines, for its --help */
    /* Does it; the arguments are those after its name.  The exit status. */
    int (*run)(const struct cli_command_t *command, apr_pool_t *p,
               const char *const *args);
} cli_command_t;

/* Says on standard error what is wrong; `command` is NULL before there is one.
 * Returns CLI_EXIT_USAGE. */
int cli_complain(const cli_command_t *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints the version, and of which libraries. */
void cli_print_version(void);

/* What a file is called in messages: "-" is standard input. */
const char *cli_file_name(const char *path);

/*
 * Reads a file, a pipe or whatever `path` is, "-" being standard input, which
 * can be read once; to its end or to `limit` bytes, and *len is limit + 1 where
 * there are more.  NULL and *bytes, from p, or what is wrong, from p.
 */
const char *cli_load_file(unsigned char **bytes, apr_size_t *len, apr_pool_t *p,
                          const char *path, apr_size_t limit);

/* The same; CLI_GO_ON, or after a complaint the exit status. */
int cli_read_file(unsigned char **bytes, apr_size_t *len,
                  const cli_command_t *command, apr_pool_t *p,
                  const char *path, apr_size_t limit);

int cli_verify_run(const cli_command_t *command, apr_pool_t *p,
                   const char *const *args);
int cli_fetch_run(const cli_command_t *command, apr_pool_t *p,
                  const char *const *args);
int cli_refresh_run(const cli_command_t *command, apr_pool_t *p,
                    const char *const *args);
int cli_check_run(const cli_command_t *command, apr_pool_t *p,
                  const char *const *args);
int cli_status_run(const cli_command_t *command, apr_pool_t *p,
                   const char *const *args);

#endif
