/* The program ocspstaple: finds the command and runs it. */
#include <apr_general.h>
#include <apr_signal.h>
#include <apr_strings.h>
#include <apr_version.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/staple_openssl.h"
#include "base/staple_version.h"
#include "io/staple_files.h"
#include "cli.h"

static const cli_command_t commands[] = {
    {"verify", "judge an OCSP response or a CRL in a file",
     "Judges an OCSP response as mod_ocspstaple does before it staples one,\n"
     "or a certificate by the CRL of its issuer.\n"
     "Prints good, revoked (reason, time), unknown or rejected: REASON:\n"
     "sentence; exits 0, 10, 11 or 1, and 2 for wrong usage or a file that\n"
     "cannot be read.",
     cli_verify_run},
    {"fetch", "ask the responders of a certificate, step by step",
     "Asks for an OCSP response as mod_ocspstaple would, and shows each step.\n"
     "The last line and the exit status are those of verify: 0 good, 10\n"
     "revoked, 11 unknown, 1 nothing that could be verified, 2 wrong usage or\n"
     "a file that cannot be read or written.",
     cli_fetch_run},
    {"refresh", "have a running httpd ask about certificates now",
     "Has a running httpd with a store ask about certificates at once, and\n"
     "waits until it knows.  Prints the state before and after; exits as\n"
     "fetch does: 0 good, 10 revoked, 11 unknown, 1 nothing that could be\n"
     "verified, 2 wrong usage, no httpd, or no answer in time.",
     cli_refresh_run},
    {"check", "what servers staple, seen from outside",
     "Connects to servers as clients do, and judges the OCSP responses that\n"
     "they staple as mod_ocspstaple does.  Prints a line for each that says\n"
     "what is wrong, and performance data; exits 0 ok, 1 warning, 2\n"
     "critical, 3 cannot tell, as monitoring plugins do.",
     cli_check_run},
    {"status", "a server's status as a table and as a monitoring check",
     "Reads what SetHandler ocspstaple-status shows as JSON, from its URL\n"
     "or a file.  Prints one line that says what is wrong, with\n"
     "performance data, and a table, the worst first; exits 0 ok, 1\n"
     "warning, 2 critical, 3 cannot tell, as monitoring plugins do.",
     cli_status_run},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

int cli_complain(const cli_command_t *command, const char *format, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "ocspstaple%s%s: ", command != NULL ? " " : "",
            command != NULL ? command->name : "");
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    return CLI_EXIT_USAGE;
}

static int is_stdin(const char *path)
{
    return strcmp(path, "-") == 0;
}

const char *cli_file_name(const char *path)
{
    return is_stdin(path) ? "standard input" : path;
}

const char *cli_load_file(unsigned char **bytes, apr_size_t *len, apr_pool_t *p,
                          const char *path, apr_size_t limit)
{
    static int stdin_was_read;
    int file = is_stdin(path) ? STDIN_FILENO
                              : open(path, O_RDONLY | O_CLOEXEC);
    apr_status_t error = file < 0 ? errno : APR_SUCCESS;

    if (is_stdin(path) && stdin_was_read++) {
        return "\"-\" is given twice: standard input can be read once";
    }
    if (file >= 0) {
        *bytes = apr_palloc(p, limit);
        error = staple_files_read(*bytes, len, file, limit);
    }
    if (file >= 0 && !is_stdin(path)) {
        close(file);
    }
    return error == APR_SUCCESS
               ? NULL
               : apr_psprintf(p, "%s cannot be read: %s", cli_file_name(path),
                              strerror(error));
}

int cli_read_file(unsigned char **bytes, apr_size_t *len,
                  const cli_command_t *command, apr_pool_t *p,
                  const char *path, apr_size_t limit)
{
    const char *why = cli_load_file(bytes, len, p, path, limit);

    return why != NULL ? cli_complain(command, "%s", why) : CLI_GO_ON;
}

static void print_help(FILE *out)
{
    unsigned i;

    fputs("Usage: ocspstaple COMMAND OPTION...\n"
          "OCSP responses with the rules of the httpd module mod_ocspstaple.\n"
          "\n",
          out);
    for (i = 0; i < COMMAND_COUNT; i++) {
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("\n"
          "  ocspstaple help COMMAND   the options of a command\n"
          "  ocspstaple --version      the version, and of which libraries\n"
          "\n"
          "A file named \"-\" is standard input; -h is --help, -V --version.\n",
          out);
}

void cli_print_version(void)
{
    printf("ocspstaple %s\n%s\nAPR %s\n", STAPLE_VERSION,
           OpenSSL_version(OPENSSL_VERSION), apr_version_string());
}

static const cli_command_t *find_command(const char *name)
{
    unsigned i;

    for (i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int complain_of(const char *name)
{
    return cli_complain(NULL,
                        "there is no %s \"%s\"; ocspstaple --help lists what "
                        "there is",
                        name[0] == '-' ? "option" : "command", name);
}

/* help COMMAND is COMMAND --help. */
static int help(apr_pool_t *p, const char *name)
{
    static const char *const args[] = {"--help", NULL};
    const cli_command_t *command;

    if (name == NULL) {
        print_help(stdout);
        return 0;
    }
    command = find_command(name);
    return command != NULL ? command->run(command, p, args)
                           : complain_of(name);
}

static int run(apr_pool_t *p, const char *const *args)
{
    const cli_command_t *command;

    if (args[0] == NULL) {
        print_help(stderr);
        return CLI_EXIT_USAGE;
    }
    if (strcmp(args[0], "--help") == 0 || strcmp(args[0], "-h") == 0) {
        return help(p, NULL);
    }
    if (strcmp(args[0], "help") == 0) {
        return help(p, args[1]);
    }
    if (strcmp(args[0], "--version") == 0 || strcmp(args[0], "-V") == 0) {
        cli_print_version();
        return 0;
    }
    command = find_command(args[0]);
    return command != NULL ? command->run(command, p, args + 1)
                           : complain_of(args[0]);
}

/* Has who reads standard output gone, as head does when it has seen enough? */
static int reader_is_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

    return poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

int main(int argc, const char *const *argv)
{
    apr_pool_t *p = NULL;
    int status;

    if (apr_initialize() != APR_SUCCESS
        || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return cli_complain(NULL, "APR does not start");
    }
    /* A reader that goes away is no signal, and nothing to complain of. */
    apr_signal(SIGPIPE, SIG_IGN);
    status = run(p, argc > 0 ? argv + 1 : argv);
    if ((fflush(stdout) != 0 || ferror(stdout)) && !reader_is_gone()) {
        status = cli_complain(NULL, "standard output cannot be written");
    }
    apr_pool_destroy(p);
    apr_terminate();
    return status;
}
