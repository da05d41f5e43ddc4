/* The command refresh: has a running httpd ask about certificates now. */
#include <apr_strings.h>
#include <apr_time.h>
#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/staple_reason.h"
#include "io/staple_desk.h"
#include "cli_options.h"
#include "cli_plugin.h"
#include "cli_verdict.h"
#include "cli_wait.h"

#define LOOK apr_time_from_msec(100)

/* How long there may be no refresher: httpd is restarting gracefully. */
#define GAP apr_time_from_sec(5)

typedef struct wish_t {
    cli_arguments_t wanted;
    const char *store;
    int all;
    int json;
    apr_interval_time_t timeout;
} wish_t;

/* One desk, as this request sees it. */
typedef struct desk_t {
    int is_asked; /* the request lies there */
    json_t *answer;
} desk_t;

typedef struct work_t {
    apr_pool_t *pool, *scratch;
    const wish_t *wish;
    int directory;
    char id[STAPLE_DESK_ID_SIZE];
    char *text; /* the request */
    desk_t desks[STAPLE_DESKS];
    apr_time_t manned_at; /* a refresher was seen last; by cli_wait_now() */
    int was_manned;
    apr_status_t error; /* of laying it on a desk */
} work_t;

static int read_options(wish_t *wish, const cli_command_t *command,
                        apr_pool_t *p, const char *const *args)
{
    cli_option_t options[] = {
        {.name = "", .value = "NAME|SERIAL|SHA256...",
         .kind = CLI_OPTION_ARGUMENTS, .to = &wish->wanted,
         .help = "certificates: of the server with this name, issuers\n"
                 "in its chain too; with this serial number; with\n"
                 "this digest"},
        {.name = "all", .kind = CLI_OPTION_FLAG, .to = &wish->all,
         .help = "all certificates instead"},
        {.name = "store", .value = "DIR", .kind = CLI_OPTION_TEXT,
         .to = &wish->store,
         .help = "OCSPStapleStore of that httpd"
                 " (default:\n" STAPLE_STORE_DIR ")"},
        {.name = "timeout", .value = "SECONDS", .kind = CLI_OPTION_DURATION,
         .to = &wish->timeout, .min = 1, .max = 3600,
         .help = "how long to wait for the answer (default: 60)"},
        {.name = "json", .kind = CLI_OPTION_FLAG, .to = &wish->json,
         .help = "print one JSON object instead of lines"},
        {.name = NULL}};
    int status = cli_options_read(command, p, options, args);

    if (status != CLI_GO_ON) {
        return status;
    }
    if (wish->all == (wish->wanted.count > 0)) {
        return cli_complain(command,
                            wish->all ? "give --all or certificates, not both"
                                      : "no certificate: give names, serial "
                                        "numbers or digests, or --all");
    }
    if (*wish->store != '/' && strcmp(wish->store, STAPLE_STORE_DIR) == 0) {
        return cli_complain(command, "where is the store?  Give --store, the "
                                     "directory of OCSPStapleStore");
    }
    return CLI_GO_ON;
}

/* ---- the request ---- */

/* Serial numbers are also given as openssl prints them: with colons, in
 * capitals, with zeros in front. */
static const char *normal(apr_pool_t *p, const char *word)
{
    char *text = apr_pstrdup(p, word), *to = text;
    const char *from = word;

    if (strspn(word, "0123456789abcdefABCDEF:") != strlen(word)
        || strlen(word) == 64) {
        return word;
    }
    for (; *from != '\0'; from++) {
        if (*from != ':') {
            *to++ = *from;
        }
    }
    *to = '\0';
    return text;
}

static int make_request(work_t *work, const cli_command_t *command)
{
    json_t *object = json_object();
    json_t *wanted = json_array();
    staple_ask_request_t request;
    unsigned char random[8];
    const char *why;
    unsigned i;

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return cli_complain(command, "there are no random numbers");
    }
    for (i = 0; i < sizeof(random); i++) {
        apr_snprintf(work->id + 2 * i, 3, "%02x", random[i]);
    }
    json_object_set_new(object, "id", json_string(work->id));
    for (i = 0; i < work->wish->wanted.count; i++) {
        json_array_append_new(
            wanted,
            json_string(normal(work->pool, work->wish->wanted.list[i])));
    }
    if (work->wish->all) {
        json_object_set_new(object, "all", json_true());
        json_decref(wanted);
    }
    else {
        json_object_set_new(object, "wanted", wanted);
    }
    work->text = json_dumps(object, JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
    json_decref(object);
    why = work->text == NULL
              ? "no memory"
              : staple_desk_parse(&request, work->pool, work->text,
                                  strlen(work->text));
    return why != NULL ? cli_complain(command, "this cannot be asked: %s", why)
                       : CLI_GO_ON;
}

/* ---- desks ---- */

/* One look at one desk: lays the request there, or fetches its answer.  Where
 * its refresher is gone, another one has another desk, or this one soon. */
static void look(work_t *work, unsigned number, apr_time_t now)
{
    desk_t *desk = &work->desks[number];
    int is_there = 0;

    apr_pool_clear(work->scratch);
    if (desk->answer != NULL) {
        return;
    }
    if (!staple_desk_is_taken(work->directory, number)) {
        if (desk->is_asked) {
            staple_desk_clear(work->directory, number, work->id,
                              work->scratch);
        }
        desk->is_asked = 0;
        return;
    }
    work->manned_at = now;
    work->was_manned = 1;
    desk->answer = staple_desk_fetch(&is_there, work->directory, number,
                                     work->id, work->scratch);
    desk->is_asked = 1; /* or about to be: another request may lie there */
    if (desk->answer != NULL) {
        staple_desk_clear(work->directory, number, work->id, work->scratch);
    }
    else if (!is_there) {
        work->error = staple_desk_put(work->directory, number, work->text,
                                      strlen(work->text));
    }
}

/* Is an answer there, and none missing? */
static int is_done(const work_t *work)
{
    int answers = 0;
    unsigned i;

    for (i = 0; i < STAPLE_DESKS; i++) {
        answers += work->desks[i].answer != NULL;
        if (work->desks[i].is_asked && work->desks[i].answer == NULL) {
            return 0;
        }
    }
    return answers > 0;
}

/* Waits for all answers.  CLI_GO_ON, or an exit status: no refresher is
 * there. */
static int wait_for_answers(work_t *work, const cli_command_t *command)
{
    const wish_t *wish = work->wish;
    apr_time_t begin = cli_wait_now();
    apr_time_t now = begin;
    unsigned i;

    work->manned_at = begin;
    while (now - begin < wish->timeout && !is_done(work)) {
        for (i = 0; i < STAPLE_DESKS; i++) {
            look(work, i, now);
        }
        if (work->error != APR_SUCCESS && work->error != EEXIST) {
            return cli_complain(command, "%s cannot be written to: %s",
                                wish->store, strerror(work->error));
        }
        if (is_done(work)) {
            break;
        }
        if (now - work->manned_at >= GAP) {
            return cli_complain(command,
                                "no httpd with OCSPStapleStore %s is running",
                                wish->store);
        }
        apr_sleep(LOOK);
        now = cli_wait_now();
    }
    if (is_done(work)) {
        return CLI_GO_ON;
    }
    return cli_complain(command,
                        work->was_manned
                            ? "no answer within %d s: httpd goes on asking; "
                              "ocspstaple status shows what it finds"
                            : "no httpd uses this store: none came within "
                              "%d s",
                        (int)apr_time_sec(wish->timeout));
}

static void clear_all(work_t *work)
{
    unsigned i;

    for (i = 0; i < STAPLE_DESKS; i++) {
        if (work->desks[i].is_asked && work->desks[i].answer == NULL) {
            staple_desk_clear(work->directory, i, work->id, work->scratch);
        }
    }
}

/* ---- the result ---- */

static const char *text_of(const work_t *work, const json_t *object,
                           const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? cli_plugin_text(work->pool, text) : NULL;
}

/* What fetch would say of it.  What was not asked about is as it was found. */
static int exit_of(const json_t *cert)
{
    const char *state = json_string_value(json_object_get(cert, "state"));

    state = state != NULL ? state : "";
    if (strcmp(state, "revoked") == 0 || strcmp(state, "issuer-revoked") == 0) {
        return CLI_EXIT_REVOKED;
    }
    if (strcmp(state, "unknown") == 0) {
        return CLI_EXIT_UNKNOWN;
    }
    return strcmp(state, "good") == 0
                   && json_is_null(json_object_get(cert, "error"))
               ? CLI_EXIT_GOOD
               : CLI_EXIT_REJECTED;
}

static void print_cert(const work_t *work, const json_t *cert)
{
    const char *server = text_of(work, cert, "server");
    const char *error = text_of(work, cert, "error");
    const char *detail = text_of(work, cert, "error_detail");
    const char *until = text_of(work, cert, "use_until");
    const char *why = text_of(work, cert, "why_not");
    const json_t *ago = json_object_get(cert, "asked_ago");

    printf("%s (%s, serial %s): ", server != NULL ? server : "-",
           text_of(work, cert, "certificate"), text_of(work, cert, "serial"));
    if (why != NULL) {
        printf("%s: not asked: %s\n", text_of(work, cert, "state"), why);
        return;
    }
    printf("%s -> %s", text_of(work, cert, "before"),
           text_of(work, cert, "state"));
    if (until != NULL && error == NULL) {
        printf(", until %s", until);
    }
    if (error != NULL) {
        printf(", %s%s%s%s", error, detail != NULL ? " (" : "",
               detail != NULL ? detail : "", detail != NULL ? ")" : "");
    }
    if (json_is_integer(ago)) {
        printf("; asked %d s ago, and not again within a minute",
               (int)json_integer_value(ago));
    }
    putchar('\n');
}

/* What no httpd has a certificate for.  Returns how much that is. */
static unsigned print_missing(const work_t *work, const cli_command_t *command,
                              json_t *missing)
{
    unsigned i, k, count = 0;

    for (i = 0; i < work->wish->wanted.count; i++) {
        const char *word = normal(work->pool, work->wish->wanted.list[i]);
        int is_found = 0;
        size_t n;

        for (k = 0; k < STAPLE_DESKS; k++) {
            const json_t *list =
                json_object_get(work->desks[k].answer, "not_found");
            int is_listed = work->desks[k].answer == NULL;

            for (n = 0; n < json_array_size(list); n++) {
                const char *text = json_string_value(json_array_get(list, n));

                is_listed |= text != NULL && strcmp(text, word) == 0;
            }
            is_found |= !is_listed;
        }
        if (!is_found) {
            count++;
            json_array_append_new(missing,
                                  json_string(work->wish->wanted.list[i]));
            cli_complain(command, "no certificate of this httpd has the name, "
                                  "serial number or digest \"%s\"",
                         cli_plugin_text(work->pool,
                                         work->wish->wanted.list[i]));
        }
    }
    return count;
}

static int print_result(const work_t *work, const cli_command_t *command)
{
    json_t *object = json_object();
    json_t *all = json_array();
    json_t *missing = json_array();
    int status = CLI_EXIT_GOOD;
    unsigned i;
    size_t n;

    for (i = 0; i < STAPLE_DESKS; i++) {
        json_t *certs = json_object_get(work->desks[i].answer, "certificates");

        for (n = 0; n < json_array_size(certs); n++) {
            json_t *cert = json_array_get(certs, n);

            status = cli_verdict_worse(status, exit_of(cert));
            json_array_append(all, cert);
            if (!work->wish->json) {
                print_cert(work, cert);
            }
        }
    }
    if (json_array_size(all) == 0 && work->wish->all) {
        status = cli_complain(command, "this httpd has no certificate to ask "
                                       "about");
    }
    if (print_missing(work, command, missing) > 0) {
        status = CLI_EXIT_USAGE;
    }
    json_object_set_new(object, "certificates", all);
    json_object_set_new(object, "not_found", missing);
    if (work->wish->json) {
        json_dumpf(object, stdout, JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    json_decref(object);
    return status;
}

int cli_refresh_run(const cli_command_t *command, apr_pool_t *p,
                    const char *const *args)
{
    wish_t *wish = apr_pcalloc(p, sizeof(*wish));
    work_t work = {.pool = p, .wish = wish};
    apr_status_t error;
    const char *why;
    int status;

    wish->store = STAPLE_STORE_DIR;
    wish->timeout = apr_time_from_sec(60);
    status = read_options(wish, command, p, args);
    if (status == CLI_GO_ON) {
        status = make_request(&work, command);
    }
    if (status != CLI_GO_ON) {
        return status;
    }
    error = staple_desk_directory(&work.directory, &why, wish->store);
    if (error != APR_SUCCESS) {
        return cli_complain(command, "%s: %s", wish->store,
                            why != NULL ? why : strerror(error));
    }
    apr_pool_create(&work.scratch, p);
    status = wait_for_answers(&work, command);
    clear_all(&work);
    close(work.directory);
    return status == CLI_GO_ON ? print_result(&work, command) : status;
}
