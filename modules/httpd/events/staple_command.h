/* OCSPStapleEventCommand: one program run per significant event. */
#ifndef STAPLE_COMMAND_H
#define STAPLE_COMMAND_H

#include "staple_eventlog.h"

/* Runs in: the refreshing child, watchdog thread. */
typedef struct staple_command_t staple_command_t;

/* A runner of `words` (program, arguments, NULL); NULL words: runs nothing. */
staple_command_t *staple_command_make(apr_pool_t *p, server_rec *s,
                                      const char *const *words);

/* Queues the program for an event whose line is `line`. */
void staple_command_queue(staple_command_t *command,
                          const staple_eventlog_entry_t *entry,
                          const char *line);

/* Lets the program that runs go on, reaps it, ends it when its time is over,
 * starts the next one.  Never waits, neither for a program nor for what it left
 * behind.  Returns 1 while one runs. */
int staple_command_step(staple_command_t *command, apr_time_t now);

/* This process is to end: for a second at most what runs may end and what waits
 * may run, and for the rest there is a line in the error log.  A program that
 * runs is left alone. */
void staple_command_end(staple_command_t *command);

#endif
