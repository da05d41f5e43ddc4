/* Reads files of limited size whole, and writes them so. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include "cli.h"

/* What a file is called in a complaint: "-" is standard input. */
const char *cli_files_name(const char *path);

/*
 * Reads a file, a pipe or whatever `path` is, or standard input, which can be
 * read once, to its end or to `limit` bytes and one more, which tells the
 * caller that there are too many.  CLI_GO_ON, or after a complaint the exit
 * status.
 */
int cli_files_read(unsigned char **bytes, apr_size_t *len,
                   const cli_command_t *command, apr_pool_t *p,
                   const char *path, apr_size_t limit);

/*
 * Writes a file that readers find either as it was or whole: into a new one
 * beside it that takes its name (and its mode, if it was there).  Refuses to
 * replace anything but a regular file.  CLI_GO_ON, or after a complaint the
 * exit status.
 */
int cli_files_write(const cli_command_t *command, apr_pool_t *p,
                    const char *path, const unsigned char *bytes,
                    apr_size_t len);

#endif
