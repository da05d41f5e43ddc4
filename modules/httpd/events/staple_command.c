/* OCSPStapleEventCommand: one program run per significant event. */
#include "staple_command.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/staple_clock.h"

#define TIME_LIMIT apr_time_from_sec(10)
#define LAST_WAIT  apr_time_from_sec(1) /* for what runs when this ends */
#define POLL_INTERVAL apr_time_from_msec(10)
#define QUEUE_MAX  1000 /* events that wait; more are dropped, with a word */
#define KILLED_MAX 8    /* programs that do not end though they were killed */

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
    int has_ended;
    /* the one that runs */
    pid_t pid; /* and, until it leaves that, its process group; 0: none */
    apr_time_t began_at;
    /* those that were killed and have not ended yet: one that hangs in the
     * kernel takes its time, and is not waited for */
    pid_t killed[KILLED_MAX]; /* 0: free */
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

static void set(const char ***at, apr_pool_t *p, const char *name,
                const char *value)
{
    *(*at)++ = apr_pstrcat(p, "OCSP_STAPLE_", name, "=", value, NULL);
}

/* The event's main fields, for programs that do not read JSON. */
static const char *const *environment(apr_pool_t *p,
                                      const staple_eventlog_entry_t *entry)
{
    const staple_report_t *report = entry->report;
    const staple_generation_cert_t *cert = entry->cert;
    const char *source = staple_eventlog_source(entry);
    const char **env = apr_pcalloc(p, 12 * sizeof(*env));
    const char **at = env;

    *at++ = "PATH=/usr/local/bin:/usr/bin:/bin";
    set(&at, p, "EVENT", staple_event_name(report->event));
    set(&at, p, "REASON", staple_reason_name(report->reason));
    set(&at, p, "RESPONDER", report->url != NULL ? report->url : "");
    if (cert != NULL) {
        set(&at, p, "STATE",
            staple_state_name((staple_state_e)cert->record.state));
        set(&at, p, "PREVIOUS_STATE", staple_state_name(report->before));
        set(&at, p, "SOURCE", source != NULL ? source : "");
        set(&at, p, "SUBJECT", cert->cert->subject);
        set(&at, p, "SERIAL", cert->cert->serial);
        set(&at, p, "SERVER",
            cert->servers->nelts > 0 ? staple_generation_server(cert, 0) : "");
    }
    return env;
}

void staple_command_queue(staple_command_t *command,
                          const staple_eventlog_entry_t *entry,
                          const char *line)
{
    apr_pool_t *pool;
    pending_t *pending;

    if (command->words == NULL || command->has_ended) {
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

/* What httpd changed for itself, or was started with, and what must not go on
 * into the program: signals that are blocked or ignored, descriptors. */
static int set_up(posix_spawnattr_t *attributes,
                  posix_spawn_file_actions_t *files, int input)
{
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    return posix_spawnattr_setsigmask(attributes, &none) == 0
           && posix_spawnattr_setsigdefault(attributes, &all) == 0
           && posix_spawnattr_setpgroup(attributes, 0) == 0
           && posix_spawnattr_setflags(attributes,
                                       POSIX_SPAWN_SETSIGMASK
                                           | POSIX_SPAWN_SETSIGDEF
                                           | POSIX_SPAWN_SETPGROUP)
                  == 0
           && posix_spawn_file_actions_adddup2(files, input, 0) == 0
           /* What it says goes to the error log, as CGI programs' words do. */
           && posix_spawn_file_actions_adddup2(files, 2, 1) == 0
#if defined(HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP)
           && posix_spawn_file_actions_addclosefrom_np(files, 3) == 0
#endif
        ;
}

/* Starts the program with `input` as its standard input.  Other threads of this
 * process go on meanwhile, so nothing of httpd's may run between fork and exec:
 * posix_spawn(), not apr_proc_create(). */
static int spawn(pid_t *pid, const staple_command_t *command,
                 const pending_t *pending, int input)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int error = ENOMEM;

    if (posix_spawnattr_init(&attributes) != 0) {
        return error;
    }
    if (posix_spawn_file_actions_init(&files) == 0) {
        if (set_up(&attributes, &files, input)) {
            error = posix_spawn(pid, command->words[0], &files, &attributes,
                                (char *const *)(apr_uintptr_t)command->words,
                                (char *const *)(apr_uintptr_t)pending->env);
        }
        posix_spawn_file_actions_destroy(&files);
    }
    posix_spawnattr_destroy(&attributes);
    return error;
}

/* A pipe with the line in it, which an empty pipe has room for: no wait
 * for a program that does not read.  Returns its reading end, or -1. */
static int pipe_with(const char *line)
{
    ssize_t len = (ssize_t)strlen(line);
    int ends[2];
    int is_in;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    is_in = fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0
            && write(ends[1], line, (size_t)len) == len;
    close(ends[1]);
    if (!is_in) {
        close(ends[0]);
        return -1;
    }
    return ends[0];
}

/* Starts the first that waits. */
static void start(staple_command_t *command, apr_time_t now)
{
    pending_t *pending = command->first;
    int input = pipe_with(pending->line);
    int error = input < 0 ? errno : spawn(&command->pid, command, pending,
                                          input);

    if (input >= 0) {
        close(input);
    }
    command->first = pending->next;
    command->waiting--;
    apr_pool_destroy(pending->pool);
    if (error != 0) {
        command->pid = 0;
        complain(command, error, "cannot be started, error", error);
        return;
    }
    command->began_at = now;
}

/* The time of the one that runs is over: ends it, wherever it went, and its
 * process group.  Nothing, while too many did not end by that. */
static void end_by_force(staple_command_t *command)
{
    int i = 0;

    while (i < KILLED_MAX && command->killed[i] != 0) {
        i++;
    }
    if (i == KILLED_MAX) {
        return;
    }
    kill(-command->pid, SIGKILL);
    kill(command->pid, SIGKILL);
    command->killed[i] = command->pid;
    command->pid = 0;
    complain(command, 0, "killed: it ran longer than its limit, in seconds",
             (int)apr_time_sec(TIME_LIMIT));
}

/* Looks after those that were killed. */
static void reap_killed(staple_command_t *command)
{
    int i;

    for (i = 0; i < KILLED_MAX; i++) {
        if (command->killed[i] != 0
            && waitpid(command->killed[i], NULL, WNOHANG) != 0) {
            command->killed[i] = 0;
        }
    }
}

/* Looks after the one that runs. */
static void look_after(staple_command_t *command, apr_time_t now)
{
    int status = 0;
    pid_t pid = waitpid(command->pid, &status, WNOHANG);

    if (pid == 0) {
        if (staple_clock_is_over(command->began_at, TIME_LIMIT, now)) {
            end_by_force(command);
        }
        return;
    }
    command->pid = 0;
    if (pid < 0) {
        return; /* it was reaped elsewhere */
    }
    if (WIFSIGNALED(status)) {
        complain(command, 0, "ended by signal", WTERMSIG(status));
    }
    else if (WEXITSTATUS(status) != 0) {
        complain(command, 0, "ended with exit status", WEXITSTATUS(status));
    }
}

int staple_command_step(staple_command_t *command, apr_time_t now)
{
    if (command->dropped > 0) {
        complain(command, 0, "too many events are waiting; events dropped:",
                 (int)command->dropped);
        command->dropped = 0;
    }
    reap_killed(command);
    if (command->pid != 0) {
        look_after(command, now);
    }
    if (command->pid == 0 && command->first != NULL) {
        start(command, now);
    }
    return command->pid != 0;
}

void staple_command_end(staple_command_t *command)
{
    apr_time_t began = apr_time_now();
    apr_time_t now = began;
    const pending_t *pending;

    if (command->has_ended) {
        return;
    }
    command->has_ended = 1;
    while (!staple_clock_is_over(began, LAST_WAIT, now)
           && staple_command_step(command, now)) {
        apr_sleep(POLL_INTERVAL);
        now = apr_time_now();
    }
    for (pending = command->first; pending != NULL; pending = pending->next) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, command->server,
                     STAPLE_LOGNO(0064)
                     "OCSPStapleEventCommand %s: not run, as httpd ends or "
                     "restarts, for: %.*s",
                     command->words[0], (int)strlen(pending->line) - 1,
                     pending->line);
    }
}
