/* Reads a command's options by its table of them, and prints their help. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/staple_types.h"
#include "cli.h"

/* How often an option with a list of URLs may be given. */
#define CLI_OPTIONS_MAX_URLS 16

/* How many arguments that are no options a command takes, and how often an
 * option of the kind CLI_OPTION_LIST may be given. */
#define CLI_OPTIONS_MAX_ARGUMENTS 1000

typedef enum {
    CLI_OPTION_FLAG,     /* no value; int: 1 */
    CLI_OPTION_TEXT,     /* const char *: anything but nothing */
    CLI_OPTION_TEXTS,    /* cli_urls_t: the same, up to `max` times */
    CLI_OPTION_LIST,     /* cli_arguments_t: the same, up to 1000 times */
    CLI_OPTION_NUMBER,   /* apr_int64_t: from min to max */
    CLI_OPTION_DURATION, /* apr_interval_time_t: from min to max seconds */
    CLI_OPTION_WORD,     /* int: the word's place in `words` */
    CLI_OPTION_URL,      /* const char * */
    CLI_OPTION_URLS,     /* cli_urls_t: may be given several times */
    CLI_OPTION_ARGUMENTS /* cli_arguments_t: what is no option; name is "" */
} cli_option_kind_e;

/* A list of URLs, or of other texts, that ends in NULL. */
typedef struct cli_urls_t {
    unsigned count;
    const char *urls[CLI_OPTIONS_MAX_URLS + 1];
} cli_urls_t;

/* What is given beside options, or as values of one, in its order. */
typedef struct cli_arguments_t {
    unsigned count;
    const char *list[CLI_OPTIONS_MAX_ARGUMENTS];
} cli_arguments_t;

/* One option; a table of them ends in a NULL name. */
typedef struct cli_option_t {
    const char *name;  /* without "--" */
    const char *value; /* what its value is called in the help, or NULL */
    const char *help;  /* a sentence; its lines are indented */
    cli_option_kind_e kind;
    void *to;          /* what it sets; keeps its value if not given */
    apr_int64_t min, max;
    const char *const *words; /* NULL-terminated */
    int is_given;
} cli_option_t;

/* The rows of options that several commands have. */
#define CLI_OPTION_CHAIN(target)                                               \
    {                                                                          \
        .name = "chain", .value = "FULLCHAIN.pem", .kind = CLI_OPTION_TEXT,    \
        .to = (target),                                                        \
        .help = "the certificate and then its issuer's, as PEM"                \
    }
#define CLI_OPTION_CERT(target)                                                \
    {                                                                          \
        .name = "cert", .value = "LEAF.pem", .kind = CLI_OPTION_TEXT,          \
        .to = (target), .help = "instead of --chain: the certificate ..."      \
    }
#define CLI_OPTION_ISSUER(target)                                              \
    {                                                                          \
        .name = "issuer", .value = "ISSUER.pem", .kind = CLI_OPTION_TEXT,      \
        .to = (target), .help = "... and its issuer's"                         \
    }
#define CLI_OPTION_SKEW(target)                                                \
    {                                                                          \
        .name = "skew", .value = "SECONDS", .kind = CLI_OPTION_DURATION,       \
        .to = (target), .min = 0, .max = 3600,                                 \
        .help = "tolerance for the response's times (default: 300)"            \
    }
#define CLI_OPTION_MAX_AGE(target)                                             \
    {                                                                          \
        .name = "max-age", .value = "SECONDS", .kind = CLI_OPTION_DURATION,    \
        .to = (target), .min = 60, .max = 31536000,                            \
        .help = "how long a response without nextUpdate may be used\n"         \
                "(default: 604800, a week)"                                    \
    }

/*
 * Reads all arguments, "--name value" or "--name=value" and, where the table
 * has a row for them, others; `args` begins behind the command's name.
 * CLI_GO_ON, or the exit status: after --help, -h, --version or -V, or after a
 * complaint about an option that is unknown, given twice, without its value or
 * with a wrong one.
 */
int cli_options_read(const cli_command_t *command, apr_pool_t *p,
                     cli_option_t *options, const char *const *args);

#endif
