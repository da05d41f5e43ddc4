/* Reads a command's options by its table of them, and prints their help. */
#include "cli_options.h"

#include <stdio.h>
#include <string.h>

#include "base/staple_parse.h"

#define HELP_COLUMN 26

/* ---- help ---- */

static void print_option(const cli_option_t *option)
{
    const char *line = option->help;
    int column = printf("  --%s%s%s", option->name,
                        option->value != NULL ? " " : "",
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
    const cli_option_t *option;

    printf("Usage: ocspstaple %s OPTION...\n%s\n\n", command->name,
           command->about);
    for (option = options; option->name != NULL; option++) {
        print_option(option);
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
                        "%" APR_INT64_T_FMT " to %" APR_INT64_T_FMT,
                        option->name, text, is_number ? "" : " of seconds",
                        option->min, option->max);
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

static int set_value(const cli_command_t *command, const cli_option_t *option,
                     const char *text)
{
    const char **to = option->to;

    switch (option->kind) {
    case CLI_OPTION_FLAG: /* has no value: not called */
        break;
    case CLI_OPTION_TEXT:
        *to = text;
        break;
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

static cli_option_t *find_option(cli_option_t *options, const char *name,
                                 apr_size_t len)
{
    cli_option_t *option;

    for (option = options; option->name != NULL; option++) {
        if (strlen(option->name) == len
            && memcmp(option->name, name, len) == 0) {
            return option;
        }
    }
    return NULL;
}

/* Reads the option at *args and leaves *args at its last argument. */
static int read_option(const cli_command_t *command, cli_option_t *options,
                       const char *const **args)
{
    const char *name = **args + 2;
    apr_size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    cli_option_t *option = find_option(options, name, len);

    if (option == NULL) {
        return cli_complain(command,
                            "there is no option \"--%.*s\"; ocspstaple %s "
                            "--help lists what there is",
                            (int)len, name, command->name);
    }
    if (option->is_given && option->kind != CLI_OPTION_URLS) {
        return cli_complain(command, "--%s is given twice", option->name);
    }
    option->is_given = 1;
    if (option->kind == CLI_OPTION_FLAG) {
        *(int *)option->to = 1;
        return value == NULL ? CLI_GO_ON
                             : cli_complain(command, "--%s takes no value",
                                            option->name);
    }
    if (value == NULL && (*args)[1] != NULL
        && strncmp((*args)[1], "--", 2) != 0) {
        value = *++*args;
    }
    if (value == NULL || *value == '\0') {
        return cli_complain(command, "--%s needs a value: %s", option->name,
                            option->value);
    }
    return set_value(command, option, value);
}

int cli_options_read(const cli_command_t *command, cli_option_t *options,
                     const char *const *args)
{
    int status = CLI_GO_ON;

    for (; *args != NULL && status == CLI_GO_ON; args++) {
        if (strcmp(*args, "--help") == 0) {
            print_help(command, options);
            return 0;
        }
        if (strncmp(*args, "--", 2) != 0) {
            return cli_complain(command, "\"%s\" is not an option", *args);
        }
        status = read_option(command, options, &args);
    }
    return status;
}
