/* Reads a command's options by its table of them, and prints their help. */
#include "cli_options.h"

#include <apr_getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/staple_parse.h"

#define HELP_COLUMN 26

/* ---- help ---- */

static void print_option(const cli_option_t *option)
{
    const char *line = option->help;
    int column = printf("  %s%s%s%s", *option->name != '\0' ? "--" : "",
                        option->name,
                        *option->name != '\0' && option->value != NULL ? " "
                                                                       : "",
                        option->value != NULL ? option->value : "");

    while (line != NULL) {
        const char *end = strchr(line, '\n');

        printf("%*s%.*s\n", column < HELP_COLUMN ? HELP_COLUMN - column : 1,
               "", end != NULL ? (int)(end - line) : (int)strlen(line), line);
        column = 0;
        line = end != NULL ? end + 1 : NULL;
    }
}

static void print_help(const cli_command_t *command,
                       const cli_option_t *options)
{
    const cli_option_t *option = options;
    const cli_option_t help = {.name = "help", .kind = CLI_OPTION_FLAG,
                               .help = "print this"};
    int has_arguments = *option->name == '\0';
    int has_times = 0;

    printf("Usage: ocspstaple %s %s%sOPTION...\n%s\n\n", command->name,
           has_arguments ? option->value : "", has_arguments ? " " : "",
           command->about);
    for (; option->name != NULL; option++) {
        print_option(option);
        has_times |= option->kind == CLI_OPTION_DURATION;
    }
    print_option(&help);
    if (has_times) {
        puts("\nSECONDS: a whole number, alone or with a unit: s, mi, h or d.");
    }
}

/* ---- values ---- */

static int complain_of_word(const cli_command_t *command,
                            const cli_option_t *option, const char *text)
{
    char list[128] = "";
    apr_size_t used = 0;
    int i;

    for (i = 0; option->words[i] != NULL && used < sizeof(list); i++) {
        used += (apr_size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
                                     i > 0 ? ", " : "", option->words[i]);
    }
    return cli_complain(command, "--%s: \"%s\" is not one of %s", option->name,
                        text, list);
}

static int set_word(const cli_command_t *command, const cli_option_t *option,
                    const char *text)
{
    int *to = option->to;
    int i;

    for (i = 0; option->words[i] != NULL; i++) {
        if (strcmp(option->words[i], text) == 0) {
            *to = i;
            return CLI_GO_ON;
        }
    }
    return complain_of_word(command, option, text);
}

static int set_number(const cli_command_t *command, const cli_option_t *option,
                      const char *text)
{
    int is_number = option->kind == CLI_OPTION_NUMBER;

    if (is_number
            ? staple_parse_number(option->to, text, option->min, option->max)
            : staple_parse_duration(option->to, text, option->min,
                                    option->max)) {
        return CLI_GO_ON;
    }
    return cli_complain(command,
                        "--%s: \"%s\" is not a whole number%s from "
                        "%" APR_INT64_T_FMT " to %" APR_INT64_T_FMT "%s",
                        option->name, text, is_number ? "" : " of seconds",
                        option->min, option->max,
                        is_number ? "" : " (or with a unit: s, mi, h, d)");
}

static int set_url(const cli_command_t *command, const cli_option_t *option,
                   const char *text)
{
    staple_reason_e reason = staple_parse_url(text, strlen(text));
    const char **one = option->to;
    cli_urls_t *list = option->to;

    if (reason != STAPLE_OK) {
        return cli_complain(command, "--%s: \"%s\" is not allowed: %s",
                            option->name, text, staple_reason_sentence(reason));
    }
    if (option->kind == CLI_OPTION_URL) {
        *one = text;
        return CLI_GO_ON;
    }
    if (list->count == CLI_OPTIONS_MAX_URLS) {
        return cli_complain(command, "--%s is given more than %d times",
                            option->name, CLI_OPTIONS_MAX_URLS);
    }
    list->urls[list->count++] = text;
    return CLI_GO_ON;
}

static int set_text(const cli_command_t *command, const cli_option_t *option,
                    const char *text)
{
    cli_urls_t *list = option->to;

    if (list->count == (unsigned)option->max) {
        return cli_complain(command, "--%s is given more than %u times",
                            option->name, list->count);
    }
    list->urls[list->count++] = text;
    return CLI_GO_ON;
}

/* Adds to what is given as often as one likes, within reason. */
static int add_argument(const cli_command_t *command, cli_arguments_t *to,
                        const char *what, const char *text)
{
    if (to->count == CLI_OPTIONS_MAX_ARGUMENTS) {
        return cli_complain(command, "more than %d are given: %s",
                            CLI_OPTIONS_MAX_ARGUMENTS, what);
    }
    to->list[to->count++] = text;
    return CLI_GO_ON;
}

static int set_value(const cli_command_t *command, const cli_option_t *option,
                     const char *text)
{
    const char **to = option->to;

    switch (option->kind) {
    case CLI_OPTION_FLAG:      /* has no value: not called */
    case CLI_OPTION_ARGUMENTS: /* are no values */
        break;
    case CLI_OPTION_TEXT:
        *to = text;
        break;
    case CLI_OPTION_TEXTS:
        return set_text(command, option, text);
    case CLI_OPTION_LIST:
        return add_argument(command, option->to, option->value, text);
    case CLI_OPTION_NUMBER:
    case CLI_OPTION_DURATION:
        return set_number(command, option, text);
    case CLI_OPTION_WORD:
        return set_word(command, option, text);
    case CLI_OPTION_URL:
    case CLI_OPTION_URLS:
        return set_url(command, option, text);
    }
    return CLI_GO_ON;
}

/* ---- arguments ---- */

/* What apr_getopt_long() calls --help and -h, --version and -V, and the first
 * row of a table; others of it have the numbers behind. */
#define WANTS_HELP 'h'
#define WANTS_VERSION 'V'
#define FIRST 256

/* The table as APR reads it. */
static const apr_getopt_option_t *known_options(apr_pool_t *p,
                                                const cli_option_t *options)
{
    apr_getopt_option_t *known;
    int count = 0;
    int i;

    while (options[count].name != NULL) {
        count++;
    }
    known = apr_pcalloc(p, ((apr_size_t)count + 3) * sizeof(*known));
    for (i = 0; i < count; i++) {
        if (*options[i].name != '\0') {
            known[i].name = options[i].name;
        }
        known[i].optch = FIRST + i;
        known[i].has_arg = options[i].kind != CLI_OPTION_FLAG;
    }
    known[count].name = "help";
    known[count].optch = WANTS_HELP;
    known[count + 1].name = "version";
    known[count + 1].optch = WANTS_VERSION;
    return known;
}

/* Is it an option, or meant as one?  "-" is not. */
static int is_option(const char *argument)
{
    return argument[0] == '-' && argument[1] != '\0';
}

static int complain_of_option(const cli_command_t *command,
                              const char *argument)
{
    return cli_complain(command,
                        "there is no option \"%.*s\"; ocspstaple %s --help "
                        "lists what there is",
                        (int)strcspn(argument, "="), argument, command->name);
}

/* Adds what is no option, where the command takes such. */
static int take_argument(const cli_command_t *command, cli_option_t *options,
                         const char *text)
{
    cli_option_t *row = options;

    while (row->name != NULL && *row->name != '\0') {
        row++;
    }
    if (row->name == NULL) {
        return cli_complain(command, "\"%s\" is not an option", text);
    }
    return add_argument(command, row->to, row->value, text);
}

/* Sets an option; `found` is what APR says of its value. */
static int take_option(const cli_command_t *command, cli_option_t *option,
                       apr_status_t found, const char *value)
{
    if (option->is_given && option->kind != CLI_OPTION_URLS
        && option->kind != CLI_OPTION_TEXTS
        && option->kind != CLI_OPTION_LIST) {
        return cli_complain(command, "--%s is given twice", option->name);
    }
    option->is_given = 1;
    if (option->kind == CLI_OPTION_FLAG) {
        *(int *)option->to = 1;
        return found == APR_SUCCESS
                   ? CLI_GO_ON
                   : cli_complain(command, "--%s takes no value",
                                  option->name);
    }
    if (found != APR_SUCCESS || *value == '\0') {
        return cli_complain(command, "--%s needs a value: %s", option->name,
                            option->value);
    }
    return set_value(command, option, value);
}

/* Reads options up to the first argument that is none, or to the end, and
 * leaves *args there. */
static int read_options(const cli_command_t *command, apr_pool_t *p,
                        cli_option_t *options, const char *const **args)
{
    const apr_getopt_option_t *known = known_options(p, options);
    const char *const *begin = *args;
    apr_getopt_t *reader;
    int status = CLI_GO_ON;
    int count = 0;

    while (begin[count] != NULL) {
        count++;
    }
    /* It skips a program's name, and complains in its own words. */
    apr_getopt_init(&reader, p, count + 1, begin - 1);
    reader->errfn = NULL;
    while (status == CLI_GO_ON) {
        const char *value = NULL;
        int number = 0;
        apr_status_t found =
            apr_getopt_long(reader, known, &number, &value);

        if (found == APR_BADCH && !is_option(begin[reader->ind - 2])) {
            reader->ind--;
            break;
        }
        if (found == APR_EOF) {
            break;
        }
        if (found == APR_BADCH) {
            return complain_of_option(command, begin[reader->ind - 2]);
        }
        if (number == WANTS_HELP) {
            print_help(command, options);
            return 0;
        }
        if (number == WANTS_VERSION) {
            cli_print_version();
            return 0;
        }
        if (value != NULL && value == begin[reader->ind - 2]
            && strncmp(value, "--", 2) == 0) {
            found = APR_BADARG; /* the next option is no value */
        }
        status = take_option(command, &options[number - FIRST], found, value);
    }
    *args = begin + reader->ind - 1;
    return status;
}

int cli_options_read(const cli_command_t *command, apr_pool_t *p,
                     cli_option_t *options, const char *const *args)
{
    int status = CLI_GO_ON;
    int is_over = 0; /* behind "--" there are no options */

    while (status == CLI_GO_ON && *args != NULL) {
        const char *const *begin = args;

        if (is_over || !is_option(*args)) {
            status = take_argument(command, options, *args++);
            continue;
        }
        status = read_options(command, p, options, &args);
        is_over = args > begin && strcmp(args[-1], "--") == 0;
    }
    return status;
}
