/* The command fetch for several certificates: a line for each, and a sum. */
#include <apr_file_info.h>
#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_attempts.h"
#include "cli_fetch.h"
#include "cli_out.h"
#include "cli_store.h"

/* Exchanges at once, as OCSPStapleConcurrency has it. */
#define CONCURRENCY 64

/* One file with a chain. */
typedef struct item_t {
    const char *file;
    int by_dir;          /* it was found in --dir: what it lacks is no error */
    const char *skipped; /* why it is not asked about; or NULL */
    cli_found_t found;
    staple_cert_t *cert;
    const char *out; /* its file of --out-dir, or NULL */
    const unsigned char *there; /* what that holds and is verified, or NULL */
    apr_size_t there_len;
    staple_verdict_t said; /* by that */
    cli_job_t *job;        /* NULL: nothing is asked */
    struct item_t *same;   /* the next one with the same job */
    cli_verdict_t verdict;
    int is_fresh; /* so it was not asked about */
    int is_written;
    int status;
} item_t;

typedef struct all_t {
    const cli_command_t *command;
    apr_pool_t *pool;
    const cli_fetch_wish_t *wish;
    apr_array_header_t *items; /* item_t * */
    staple_issuers_t *issuers;
    cli_jobs_t *jobs;
    unsigned ended; /* of the jobs */
    int is_counting; /* on a terminal */
} all_t;

static item_t *item_of(const all_t *all, int i)
{
    return APR_ARRAY_IDX(all->items, i, item_t *);
}

/* ---- what is shown as it happens ---- */

static void show_count(const all_t *all)
{
    if (all->is_counting) {
        fprintf(stderr, "\r%u of %u", all->ended, cli_jobs_count(all->jobs));
        fflush(stderr);
    }
}

static void hide_count(const all_t *all)
{
    if (all->is_counting) {
        fputs("\r\033[K", stderr);
    }
}

/* A file's name on one line: others may have chosen it. */
static const char *shown(apr_pool_t *p, const char *file)
{
    char *text = apr_pstrdup(p, file);
    char *at;

    for (at = text; *at != '\0'; at++) {
        if (apr_iscntrl(*at)) {
            *at = '?';
        }
    }
    return text;
}

/* Why it is skipped, without the name that the sentence may begin with. */
static const char *why_skipped(const item_t *item)
{
    apr_size_t len = strlen(item->file);

    return strncmp(item->skipped, item->file, len) == 0
                   && item->skipped[len] == ' '
               ? item->skipped + len + 1
               : item->skipped;
}

/* Why nothing came: whom was asked last, and its words. */
static const char *whose_failure(const all_t *all, const item_t *item)
{
    const cli_attempt_t *last;

    if (item->job == NULL || item->job->attempts->nelts == 0) {
        return "";
    }
    last = APR_ARRAY_IDX(item->job->attempts, item->job->attempts->nelts - 1,
                         cli_attempt_t *);
    return apr_psprintf(all->pool, " (%s%s%s)", last->url,
                        *last->detail != '\0' ? ": " : "", last->detail);
}

static const char *what_was_done(const item_t *item)
{
    if (item->is_fresh) {
        return ", fresh: not asked";
    }
    if (item->out == NULL || item->job == NULL
        || item->job->record.der_len == 0) {
        return "";
    }
    return item->is_written ? ", written" : ", unchanged";
}

static void show(const all_t *all, const item_t *item)
{
    const cli_verdict_t *verdict = &item->verdict;
    apr_pool_t *p = all->pool;

    if (all->wish->json || all->wish->is_quiet) {
        return;
    }
    hide_count(all);
    if (item->skipped != NULL) {
        printf("%s: skipped: %s\n", shown(p, item->file), why_skipped(item));
        fflush(stdout);
        return;
    }
    printf("%s: %s", shown(p, item->file), cli_verdict_text(p, verdict));
    if (verdict->reason != STAPLE_OK) {
        fputs(whose_failure(all, item), stdout);
    }
    else if (verdict->said.status == STAPLE_CERT_GOOD) {
        printf(", until %s", cli_verdict_time(p, verdict->said.use_until));
    }
    if (item->status != CLI_EXIT_USAGE && verdict->reason == STAPLE_OK) {
        fputs(what_was_done(item), stdout);
    }
    if (item->there != NULL && item->job != NULL
        && item->job->reason != STAPLE_OK) {
        printf("; what is there ends at %s",
               cli_verdict_time(p, item->said.use_until));
    }
    putchar('\n');
    fflush(stdout);
}

/* ---- which files ---- */

static item_t *add_item(all_t *all, const char *file, int by_dir)
{
    item_t *item = apr_pcalloc(all->pool, sizeof(*item));

    item->file = file;
    item->by_dir = by_dir;
    *(item_t **)apr_array_push(all->items) = item;
    return item;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(item_t *const *)a)->file, (*(item_t *const *)b)->file);
}

/* The files *.pem of --dir, as a shell finds and sorts them. */
static int add_directory(all_t *all, const char *path)
{
    int first = all->items->nelts;
    apr_dir_t *directory;
    apr_finfo_t info;
    apr_status_t status = apr_dir_open(&directory, path, all->pool);
    char why[120];

    if (status != APR_SUCCESS) {
        return cli_complain(all->command, "--dir: %s cannot be read: %s", path,
                            apr_strerror(status, why, sizeof(why)));
    }
    while ((status = apr_dir_read(&info, APR_FINFO_NAME, directory))
               == APR_SUCCESS
           || status == APR_INCOMPLETE) {
        apr_size_t len = strlen(info.name);

        if (info.name[0] != '.' && len > 4
            && strcmp(info.name + len - 4, ".pem") == 0) {
            add_item(all, apr_pstrcat(all->pool, path, "/", info.name, NULL),
                     1);
        }
    }
    apr_dir_close(directory);
    qsort((item_t **)all->items->elts + first,
          (size_t)(all->items->nelts - first), sizeof(item_t *), by_name);
    return CLI_GO_ON;
}

static int add_files(all_t *all)
{
    const cli_fetch_wish_t *wish = all->wish;
    unsigned i;

    for (i = 0; i < wish->chains.count; i++) {
        add_item(all, wish->chains.list[i], 0);
    }
    if (wish->cert != NULL || wish->issuer != NULL) {
        if (wish->chains.count > 0 || wish->cert == NULL
            || wish->issuer == NULL) {
            return cli_complain(all->command,
                                "give --chain or --dir, or one certificate by "
                                "--cert and --issuer");
        }
        add_item(all, wish->cert, 0);
    }
    return wish->dir != NULL ? add_directory(all, wish->dir) : CLI_GO_ON;
}

/* Each file of --out-dir is one chain's. */
static int name_outs(all_t *all)
{
    apr_hash_t *taken = apr_hash_make(all->pool);
    const item_t *other;
    int i;

    for (i = 0; i < all->items->nelts; i++) {
        item_t *item = item_of(all, i);

        if (strcmp(item->file, "-") == 0) {
            return cli_complain(all->command, "--out-dir: standard input has "
                                              "no name: give a file");
        }
        item->out = cli_out_path(all->pool, all->wish->out_dir, item->file);
        other = apr_hash_get(taken, item->out, APR_HASH_KEY_STRING);
        if (other != NULL) {
            return cli_complain(all->command,
                                "--out-dir: %s would be the file of %s and of "
                                "%s: give one of them by a link of another "
                                "name",
                                item->out, other->file, item->file);
        }
        apr_hash_set(taken, item->out, APR_HASH_KEY_STRING, item);
    }
    return CLI_GO_ON;
}

static int find_files(all_t *all)
{
    const char *out_dir = all->wish->out_dir;
    apr_finfo_t info;
    int status = add_files(all);

    if (status != CLI_GO_ON || out_dir == NULL) {
        return status;
    }
    if (apr_stat(&info, out_dir, APR_FINFO_TYPE, all->pool) != APR_SUCCESS
        || info.filetype != APR_DIR) {
        return cli_complain(all->command, "--out-dir: %s is not a directory",
                            out_dir);
    }
    return name_outs(all);
}

/* ---- what is there already ---- */

/* A response that is verified: how old it is is another question. */
static int is_verified(staple_verdict_t *said, const all_t *all,
                       const item_t *item, const unsigned char *der,
                       apr_size_t len, apr_time_t now)
{
    return staple_verify(said, NULL, item->cert, der, len, NULL,
                         &all->wish->how.policy, now)
               == STAPLE_OK
           && said->status != STAPLE_CERT_UNKNOWN;
}

/* Is more than half of its life left? */
static int is_young(const staple_verdict_t *said, apr_time_t now)
{
    return now < said->this_update
                     + (said->use_until - said->this_update) / 2;
}

static int is_young_in_store(const all_t *all, const item_t *item,
                             apr_time_t now)
{
    const unsigned char *der;
    staple_verdict_t said;
    apr_size_t len;

    return cli_store_get(&der, &len, all->pool, all->wish->store, item->cert)
           && is_verified(&said, all, item, der, len, now)
           && is_young(&said, now);
}

/* Looks at the file of --out-dir.  1: there is nothing to ask. */
static int look_at_out(const all_t *all, item_t *item, apr_time_t now)
{
    if (item->out == NULL
        || !cli_out_read(&item->there, &item->there_len, all->pool, item->out)
        || !is_verified(&item->said, all, item, item->there, item->there_len,
                        now)) {
        item->there = NULL;
        return 0;
    }
    return !all->wish->force && is_young(&item->said, now)
           && (all->wish->store == NULL || is_young_in_store(all, item, now));
}

/* ---- what is asked ---- */

/* A pipe in a directory would be waited for. */
static const char *load(const all_t *all, item_t *item)
{
    int is_pair = item->file == all->wish->cert;
    const cli_certs_t certs = {.chain = is_pair ? NULL : item->file,
                               .cert = is_pair ? item->file : NULL,
                               .issuer = is_pair ? all->wish->issuer : NULL};
    apr_finfo_t info;

    if (item->by_dir
        && (apr_stat(&info, item->file, APR_FINFO_TYPE, all->pool)
                != APR_SUCCESS
            || info.filetype != APR_REG)) {
        return "it is not a regular file";
    }
    return cli_certs_load(&item->found, all->pool, &certs);
}

/* Nothing can be asked about what is in the file. */
static void refuse(all_t *all, item_t *item, staple_reason_e reason)
{
    if (item->by_dir) {
        item->skipped = staple_reason_sentence(reason);
    }
    else {
        item->verdict.reason = reason;
        item->status = CLI_EXIT_REJECTED;
    }
    show(all, item);
}

static void prepare(all_t *all, item_t *item, apr_time_t now)
{
    staple_reason_e reason;

    item->skipped = load(all, item);
    if (item->skipped != NULL) {
        item->status = item->by_dir ? CLI_EXIT_GOOD : CLI_EXIT_USAGE;
        show(all, item);
        return;
    }
    item->verdict.at = now;
    reason = staple_cert_from_x509(&item->cert, all->pool, all->issuers,
                                   item->found.leaf, item->found.issuer, 0);
    item->verdict.cert = item->cert;
    if (reason == STAPLE_OK && look_at_out(all, item, now)) {
        item->is_fresh = 1;
        item->verdict.said = item->said;
        item->status = cli_verdict_exit(&item->verdict);
        show(all, item);
        return;
    }
    if (reason == STAPLE_OK) {
        item->job = cli_jobs_add(&reason, all->jobs, item->cert, &item->found);
    }
    if (reason != STAPLE_OK) {
        refuse(all, item, reason);
        return;
    }
    item->same = item->job->baton;
    item->job->baton = item;
}

/* ---- what came of it ---- */

/* What is there already may be newer, wherever it is. */
static void offer_there(cli_job_t *job)
{
    const item_t *item = job->baton;

    for (; item != NULL; item = item->same) {
        if (item->there != NULL) {
            cli_jobs_offer(job, item->there, item->there_len);
        }
    }
}

static void write_out(const all_t *all, item_t *item, const unsigned char *der,
                      apr_size_t len)
{
    if (item->out == NULL
        || (item->there != NULL && len == item->there_len
            && memcmp(der, item->there, len) == 0)) {
        return;
    }
    item->is_written =
        cli_out_write(all->command, all->pool, item->out, der, len)
        == CLI_GO_ON;
    if (!item->is_written) {
        item->status = CLI_EXIT_USAGE;
    }
}

static void end_item(const all_t *all, item_t *item)
{
    const unsigned char *der;
    apr_size_t len;

    cli_jobs_fill_verdict(&item->verdict, item->job);
    if (item->verdict.reason != STAPLE_OK && item->there != NULL
        && item->said.status == STAPLE_CERT_REVOKED) {
        item->verdict.reason = STAPLE_OK; /* until a response says no */
        item->verdict.said = item->said;
    }
    item->status = cli_verdict_exit(&item->verdict);
    if (cli_jobs_response(&der, &len, item->job, all->pool)) {
        write_out(all, item, der, len);
        if (all->wish->store != NULL && item->same == NULL
            && cli_store_put(all->command, all->pool, all->wish->store,
                             item->job, der, len)
                   != CLI_GO_ON) {
            item->status = CLI_EXIT_USAGE;
        }
    }
    show(all, item);
}

static void end_job(void *baton, cli_job_t *job)
{
    all_t *all = baton;
    item_t *item;

    all->ended++;
    hide_count(all);
    offer_there(job);
    for (item = job->baton; item != NULL; item = item->same) {
        end_item(all, item);
    }
    show_count(all);
}

/* ---- the sum ---- */

static unsigned count_status(const all_t *all, int status)
{
    unsigned count = 0;
    int i;

    for (i = 0; i < all->items->nelts; i++) {
        const item_t *item = item_of(all, i);

        count += item->skipped == NULL
                 && cli_verdict_exit(&item->verdict) == status;
    }
    return count;
}

static void print_sum(const all_t *all)
{
    static const struct {
        int status;
        const char *name;
    } parts[] = {{CLI_EXIT_GOOD, "good"},
                 {CLI_EXIT_REVOKED, "revoked"},
                 {CLI_EXIT_UNKNOWN, "unknown"},
                 {CLI_EXIT_REJECTED, "rejected"}};
    const char *before = ":";
    unsigned skipped = 0, fresh = 0, i;

    for (i = 0; i < (unsigned)all->items->nelts; i++) {
        skipped += item_of(all, (int)i)->skipped != NULL;
        fresh += item_of(all, (int)i)->is_fresh != 0;
    }
    printf("%u certificates", (unsigned)all->items->nelts - skipped);
    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        unsigned count = count_status(all, parts[i].status);

        if (count > 0) {
            printf("%s %u %s", before, count, parts[i].name);
            before = ",";
        }
    }
    if (fresh > 0) {
        printf("; %u fresh: not asked", fresh);
    }
    if (skipped > 0) {
        printf("; %u files skipped", skipped);
    }
    putchar('\n');
}

static json_t *item_json(const all_t *all, const item_t *item)
{
    json_t *object = cli_verdict_json(all->pool, &item->verdict);
    const cli_job_t *job = item->job;
    apr_time_t next_at = job != NULL ? job->record.next_at : 0;

    json_object_set_new(object, "file", json_string(item->file));
    json_object_set_new(object, "asked", json_boolean(job != NULL));
    json_object_set_new(object, "written",
                        item->is_written ? json_string(item->out)
                                         : json_null());
    json_object_set_new(object, "attempts",
                        job != NULL ? cli_attempts_json(job->attempts)
                                    : json_array());
    json_object_set_new(object, "next_refresh",
                        cli_verdict_json_time(all->pool, next_at));
    return object;
}

static void print_json(const all_t *all, int status)
{
    json_t *object = json_object();
    json_t *certificates = json_array();
    json_t *skipped = json_array();
    int i;

    for (i = 0; i < all->items->nelts; i++) {
        const item_t *item = item_of(all, i);

        if (item->skipped == NULL) {
            json_array_append_new(certificates, item_json(all, item));
        }
        else {
            json_array_append_new(skipped,
                                  json_pack("{s:s, s:s}", "file", item->file,
                                            "why", item->skipped));
        }
    }
    json_object_set_new(object, "exit", json_integer(status));
    json_object_set_new(object, "certificates", certificates);
    json_object_set_new(object, "skipped", skipped);
    cli_verdict_put_json(stdout, object);
}

/* Prints what there is to say at the end, and returns the worst status. */
static int sum_up(const all_t *all)
{
    int status = CLI_EXIT_GOOD;
    int has_any = 0;
    int i;

    for (i = 0; i < all->items->nelts; i++) {
        const item_t *item = item_of(all, i);

        status = cli_verdict_worse(status, item->status);
        has_any |= item->skipped == NULL || !item->by_dir;
        if (item->skipped != NULL && item->status == CLI_EXIT_USAGE) {
            cli_complain(all->command, "%s", item->skipped);
        }
    }
    if (!has_any) {
        status = cli_complain(all->command,
                              "--dir: %s holds no chain: a file *.pem with a "
                              "certificate and then its issuer's",
                              all->wish->dir);
    }
    if (all->wish->json) {
        print_json(all, status);
    }
    else {
        print_sum(all);
    }
    return status;
}

int cli_fetch_all(const cli_command_t *command, apr_pool_t *p,
                  const cli_fetch_wish_t *wish)
{
    all_t all = {.command = command, .pool = p, .wish = wish,
                 .is_counting = !wish->is_quiet && isatty(STDERR_FILENO)};
    const cli_jobs_hooks_t hooks = {.ended = end_job, .baton = &all};
    apr_time_t now = apr_time_now();
    const char *why;
    int status, i;

    all.items = apr_array_make(p, 16, sizeof(item_t *));
    all.issuers = staple_cert_issuers_make(p);
    all.jobs = cli_jobs_make(p, &wish->how);
    status = find_files(&all);
    if (status != CLI_GO_ON) {
        return status;
    }
    for (i = 0; i < all.items->nelts; i++) {
        prepare(&all, item_of(&all, i), now);
    }
    show_count(&all);
    why = cli_jobs_run(all.jobs, CONCURRENCY, &hooks);
    hide_count(&all);
    return why != NULL ? cli_complain(command, "%s", why) : sum_up(&all);
}
