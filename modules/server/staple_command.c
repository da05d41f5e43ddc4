/* OCSPStapleEventCommand: one program run per significant event. */
#include "staple_command.h"

#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <signal.h>

#define TIME_LIMIT apr_time_from_sec(10)
#define QUEUE_MAX  1000 /* events that wait; more are dropped, with a word */

typedef struct pending_t {
    struct pending_t *next;
    apr_pool_t *pool;
    const char *line;
    const char *const *env;
} pending_t;

struct staple_command_t {
    apr_pool_t *pool;
    server_rec *server;
    const char *const *words;
    pending_t *first, *last;
    unsigned waiting;
    unsigned dropped;
    /* the one that runs */
    apr_pool_t *run_pool; /* NULL: none */
    apr_proc_t process;
    apr_time_t ends_at;
};

staple_command_t *staple_command_make(apr_pool_t *p, server_rec *s,
                                      const char *const *words)
{
    staple_command_t *command = apr_pcalloc(p, sizeof(*command));

    command->pool = p;
    command->server = s;
    command->words = words;
    return command;
}

/* The event's main fields, for programs that do not read JSON. */
static const char *const *environment(apr_pool_t *p,
                                      const staple_eventlog_entry_t *entry)
{
    const staple_view_cert_t *cert = entry->cert;
    const server_rec *s = cert != NULL && cert->servers->nelts > 0
                              ? APR_ARRAY_IDX(cert->servers, 0, server_rec *)
                              : NULL;
    const char **env = apr_pcalloc(p, 12 * sizeof(*env));
    int n = 0;

    env[n++] = "PATH=/usr/local/bin:/usr/bin:/bin";
    env[n++] = apr_pstrcat(p, "OCSP_STAPLE_EVENT=",
                           staple_event_name(entry->event), NULL);
    env[n++] = apr_pstrcat(p, "OCSP_STAPLE_REASON=",
                           staple_reason_name(entry->reason), NULL);
    env[n++] = apr_pstrcat(p, "OCSP_STAPLE_RESPONDER=",
                           entry->responder != NULL ? entry->responder : "",
                           NULL);
    if (cert != NULL) {
        env[n++] = apr_pstrcat(
            p, "OCSP_STAPLE_STATE=",
            staple_state_name((staple_state_e)cert->record.state), NULL);
        env[n++] = apr_pstrcat(p, "OCSP_STAPLE_PREVIOUS_STATE=",
                               staple_state_name(entry->before), NULL);
        env[n++] = apr_pstrcat(p, "OCSP_STAPLE_SUBJECT=", cert->cert->subject,
                               NULL);
        env[n++] = apr_pstrcat(p, "OCSP_STAPLE_SERIAL=", cert->cert->serial,
                               NULL);
        env[n++] = apr_pstrcat(p, "OCSP_STAPLE_SERVER=",
                               s != NULL ? s->server_hostname : "", NULL);
    }
    return env;
}

void staple_command_queue(staple_command_t *command,
                          const staple_eventlog_entry_t *entry,
                          const char *line)
{
    apr_pool_t *pool;
    pending_t *pending;

    if (command->words == NULL) {
        return;
    }
    if (command->waiting >= QUEUE_MAX
        || apr_pool_create(&pool, command->pool) != APR_SUCCESS) {
        command->dropped++;
        return;
    }
    pending = apr_pcalloc(pool, sizeof(*pending));
    pending->pool = pool;
    pending->line = apr_pstrdup(pool, line);
    pending->env = environment(pool, entry);
    if (command->first == NULL) {
        command->first = pending;
    }
    else {
        command->last->next = pending;
    }
    command->last = pending;
    command->waiting++;
}

static void complain(const staple_command_t *command, apr_status_t status,
                     const char *what, int number)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, status, command->server,
                 STAPLE_LOGNO(0063) "OCSPStapleEventCommand %s: %s %d",
                 command->words[0], what, number);
}

/* Starts the first that waits.  Its standard input is a pipe, which has room
 * for a line, so that writing does not wait for the program. */
static void start(staple_command_t *command, apr_time_t now)
{
    pending_t *pending = command->first;
    apr_procattr_t *attributes;
    apr_status_t status;

    command->first = pending->next;
    command->waiting--;
    if ((status = apr_procattr_create(&attributes, pending->pool))
            != APR_SUCCESS
        || (status = apr_procattr_io_set(attributes, APR_CHILD_BLOCK,
                                         APR_NO_PIPE, APR_NO_PIPE))
               != APR_SUCCESS
        || (status = apr_procattr_cmdtype_set(attributes, APR_PROGRAM))
               != APR_SUCCESS
        || (status = apr_procattr_error_check_set(attributes, 1))
               != APR_SUCCESS
        || (status = apr_proc_create(&command->process, command->words[0],
                                     command->words, pending->env, attributes,
                                     pending->pool))
               != APR_SUCCESS) {
        complain(command, status, "cannot be started, error", status);
        apr_pool_destroy(pending->pool);
        return;
    }
    apr_file_pipe_timeout_set(command->process.in, 0);
    apr_file_write_full(command->process.in, pending->line,
                        strlen(pending->line), NULL);
    apr_file_close(command->process.in);
    command->run_pool = pending->pool;
    command->ends_at = now + TIME_LIMIT;
}

/* Looks after the one that runs.  Returns 1 while it does. */
static int look_after(staple_command_t *command, apr_time_t now)
{
    apr_exit_why_e why;
    int code;

    if (apr_proc_wait(&command->process, &code, &why, APR_NOWAIT)
        == APR_CHILD_NOTDONE) {
        if (now < command->ends_at && command->ends_at <= now + TIME_LIMIT) {
            return 1;
        }
        complain(command, 0, "killed after seconds",
                 (int)apr_time_sec(TIME_LIMIT));
        apr_proc_kill(&command->process, SIGKILL);
        apr_proc_wait(&command->process, &code, &why, APR_WAIT);
    }
    else if (APR_PROC_CHECK_SIGNALED(why)) {
        complain(command, 0, "ended by signal", code);
    }
    else if (code != 0) {
        complain(command, 0, "ended with exit status", code);
    }
    apr_pool_destroy(command->run_pool);
    command->run_pool = NULL;
    return 0;
}

int staple_command_step(staple_command_t *command, apr_time_t now)
{
    if (command->dropped > 0) {
        complain(command, 0, "too many events wait; dropped",
                 (int)command->dropped);
        command->dropped = 0;
    }
    if (command->run_pool != NULL && look_after(command, now)) {
        return 1;
    }
    if (command->run_pool == NULL && command->first != NULL) {
        start(command, now);
    }
    return command->run_pool != NULL;
}
