/* The command fetch: makes the exchanges that the module would make. */
#include <apr_strings.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/staple_version.h"
#include "io/staple_fetch.h"
#include "io/staple_files.h"
#include "io/staple_spool.h"
#include "refresh/staple_refresh.h"
#include "cli_certs.h"
#include "cli_crl.h"
#include "cli_options.h"
#include "cli_store.h"
#include "cli_verdict.h"

#define LOOK apr_time_from_msec(500)

/* In the order of staple_method_e. */
static const char *const methods[] = {"post-get", "get-post", "post", "get",
                                      NULL};

/* In the order of staple_certid_e. */
static const char *const digests[] = {"sha1", "sha256", "auto", NULL};

/* What the options say. */
typedef struct wish_t {
    cli_certs_t certs;
    cli_urls_t urls;
    int method;
    int certid;
    staple_route_t route;
    const char *out;
    const char *store;
    int json;
    apr_int64_t max_size;
    int crl;
    cli_urls_t crl_urls;
    apr_int64_t crl_max_size;
    staple_policy_t policy;
} wish_t;

/* One attempt: what was asked, what came, what it is worth. */
typedef struct step_t {
    const char *url;       /* whole, also of a GET */
    int by_get;
    int is_made;           /* 0: it could not be; there is no answer */
    apr_size_t request_len;
    staple_answer_t answer; /* without its pointers */
    staple_reason_e reason;
    const char *status;    /* what it says, where reason is STAPLE_OK */
    const char *detail;    /* words about a failure, or "" */
} step_t;

/* One certificate's refresh at work. */
typedef struct job_t {
    apr_pool_t *pool;
    const wish_t *wish;
    apr_array_header_t *steps;  /* step_t */
    int is_asking;              /* the last step waits for its verdict */
    int has_ended;
    staple_reason_e reason;     /* of its end */
    staple_record_t record;     /* at its end */
    staple_cache_t *cache;
    staple_fetch_t *fetch;
    staple_refresh_t *refresh;
    staple_refresh_cert_t *entry;
    staple_refresh_list_t *lists; /* CRLs that are asked for; NULL: none is */
    unsigned list_count;
    unsigned lists_ended;
} job_t;

/* ---- options ---- */

static int check_options(const cli_command_t *command, wish_t *wish)
{
    if (wish->route.proxy != NULL) {
        if (strncasecmp(wish->route.proxy, "https:", 6) == 0
            && !staple_fetch_can_https_proxy()) {
            return cli_complain(command,
                                "--proxy: this libcurl speaks no TLS with "
                                "proxies: give an http:// URL");
        }
        wish->route.id = wish->route.proxy;
        wish->route.no_proxy = "";
        wish->policy.route = &wish->route;
    }
    wish->policy.method = (staple_method_e)wish->method;
    wish->policy.certid = (staple_certid_e)wish->certid;
    if (wish->urls.count > 0) {
        wish->policy.urls = wish->urls.urls;
        wish->policy.action = STAPLE_ACTION_OVERRIDE;
    }
    return CLI_GO_ON;
}

static int read_options(wish_t *wish, const cli_command_t *command,
                        apr_pool_t *p, const char *const *args)
{
    cli_option_t options[] = {
        CLI_OPTION_CHAIN(&wish->certs.chain),
        CLI_OPTION_CERT(&wish->certs.cert),
        CLI_OPTION_ISSUER(&wish->certs.issuer),
        {.name = "url", .value = "URL", .kind = CLI_OPTION_URLS,
         .help = "ask this responder, not the certificate's; may be\n"
                 "given several times",
         .to = &wish->urls},
        {.name = "method", .value = "ORDER", .kind = CLI_OPTION_WORD,
         .help = "of HTTP methods at each responder: post-get,\n"
                 "get-post, post or get (default: post-get)",
         .to = &wish->method, .words = methods},
        {.name = "timeout", .value = "SECONDS", .kind = CLI_OPTION_DURATION,
         .help = "for one whole exchange (default: 10)",
         .to = &wish->policy.timeout, .min = 1, .max = 300},
        {.name = "proxy", .value = "URL", .kind = CLI_OPTION_URL,
         .help = "ask through this http or https proxy (default:\n"
                 "none, whatever the environment says)",
         .to = &wish->route.proxy},
        {.name = "nonce", .kind = CLI_OPTION_FLAG, .help = "send a nonce",
         .to = &wish->policy.nonce},
        {.name = "cert-id", .value = "DIGEST", .kind = CLI_OPTION_WORD,
         .help = "by which requests name it: sha1, sha256, or auto (the\n"
                 "default): sha1, and sha256 where that is refused",
         .to = &wish->certid, .words = digests},
        CLI_OPTION_SKEW(&wish->policy.clock_skew),
        CLI_OPTION_MAX_AGE(&wish->policy.max_age),
        {.name = "max-size", .value = "BYTES", .kind = CLI_OPTION_NUMBER,
         .help = "of a response that is stapled, as OCSPStapleMaxSize\n"
                 "says (default: 16380)",
         .to = &wish->max_size, .min = STAPLE_LEAST_MAX_SIZE,
         .max = STAPLE_MAX_RESPONSE},
        {.name = "crl", .kind = CLI_OPTION_FLAG,
         .help = "fetch its CRL although it names a responder; without\n"
                 "one its CRL is fetched anyway",
         .to = &wish->crl},
        {.name = "crl-url", .value = "URL", .kind = CLI_OPTION_URLS,
         .help = "fetch this CRL, not those that the certificate names;\n"
                 "may be given several times",
         .to = &wish->crl_urls},
        {.name = "crl-max-size", .value = "BYTES", .kind = CLI_OPTION_NUMBER,
         .help = "as OCSPStapleCRLMaxSize says (default: 33554432)",
         .to = &wish->crl_max_size, .min = 65536, .max = 1073741824},
        {.name = "out", .value = "FILE", .kind = CLI_OPTION_TEXT,
         .help = "write the response here, as DER, once it is verified\n"
                 "as good or revoked",
         .to = &wish->out},
        {.name = "store", .value = "DIR", .kind = CLI_OPTION_TEXT,
         .help = "put the response into this OCSPStapleStore, where the\n"
                 "next start of httpd, graceful or not, finds it",
         .to = &wish->store},
        {.name = "json", .kind = CLI_OPTION_FLAG,
         .help = "print one JSON object instead of lines",
         .to = &wish->json},
        {.name = NULL}};
    int status = cli_options_read(command, p, options, args);

    return status == CLI_GO_ON ? check_options(command, wish) : status;
}

/* ---- the attempts, as they are shown and written as JSON ---- */

static const char *method(const step_t *step)
{
    return step->by_get ? "GET" : "POST";
}

/* What is asked; `number` counts from 1. */
static void print_request(const step_t *step, int number)
{
    printf("%d. %s %s\n", number, method(step), step->url);
    if (step->is_made && step->request_len > 0) {
        printf("   request:  %" APR_SIZE_T_FMT " bytes\n",
                step->request_len);
    }
}

/* "HTTP 200, 1506 bytes, 12 ms", and what it says of caching and waiting. */
static void print_http(const staple_answer_t *answer)
{
    fputs("   answer:   ", stdout);
    if (answer->http_status != 0) {
        printf("HTTP %d, %" APR_SIZE_T_FMT " bytes", answer->http_status,
                answer->der_len);
    }
    else {
        fputs("none", stdout);
    }
    printf(", %" APR_TIME_T_FMT " ms", apr_time_as_msec(answer->took));
    if (answer->fresh_for > 0) {
        printf(", fresh for %" APR_TIME_T_FMT " s",
                apr_time_sec(answer->fresh_for));
    }
    if (answer->retry_after > 0) {
        printf(", asks to wait for %" APR_TIME_T_FMT " s",
                apr_time_sec(answer->retry_after));
    }
    putchar('\n');
}

/* What came, and what it is worth. */
static void print_answer(const step_t *step)
{
    const char *detail = step->detail;

    if (step->is_made) {
        print_http(&step->answer);
    }
    if (step->reason == STAPLE_OK) {
        printf("   verdict:  %s\n", step->status);
        return;
    }
    if (step->reason == STAPLE_UNKNOWN) {
        fputs("   verdict:  unknown\n", stdout);
        return;
    }
    printf("   verdict:  %s: %s: %s%s%s%s\n",
            step->is_made ? "rejected" : "not made",
            staple_reason_name(step->reason),
            staple_reason_sentence(step->reason), *detail != '\0' ? " (" : "",
            detail, *detail != '\0' ? ")" : "");
}

static json_t *step_json(const step_t *step)
{
    const staple_answer_t *answer = &step->answer;
    json_t *object = json_object();

    json_object_set_new(object, "method", json_string(method(step)));
    json_object_set_new(object, "url", json_string(step->url));
    json_object_set_new(object, "http_status",
                        answer->http_status != 0
                            ? json_integer(answer->http_status)
                            : json_null());
    json_object_set_new(object, "bytes",
                        json_integer((json_int_t)answer->der_len));
    json_object_set_new(object, "took_ms",
                        json_integer(apr_time_as_msec(answer->took)));
    cli_verdict_put_reason(object, step->reason);
    json_object_set_new(object, "detail",
                        *step->detail != '\0' ? json_string(step->detail)
                                              : json_null());
    return object;
}

static json_t *steps_json(const apr_array_header_t *steps)
{
    json_t *array = json_array();
    int i;

    for (i = 0; i < steps->nelts; i++) {
        json_array_append_new(
            array, step_json(&APR_ARRAY_IDX(steps, i, step_t)));
    }
    return array;
}

/* ---- steps ---- */

static step_t *last_step(const job_t *job)
{
    return &APR_ARRAY_IDX(job->steps, job->steps->nelts - 1, step_t);
}

static step_t *begin_step(job_t *job, const char *url, int by_get)
{
    step_t *step = apr_array_push(job->steps);

    memset(step, 0, sizeof(*step));
    step->url = apr_pstrdup(job->pool, url);
    step->by_get = by_get;
    step->detail = "";
    return step;
}

static void show_request(const job_t *job)
{
    if (!job->wish->json) {
        print_request(last_step(job), job->steps->nelts);
        fflush(stdout); /* the answer may take its time */
    }
}

static void show_answer(const job_t *job)
{
    if (!job->wish->json) {
        print_answer(last_step(job));
    }
}

/* One of the certificate's lists is there, or is not to be had: after the last
 * one its record says what they all say. */
static void end_list(job_t *job)
{
    if (++job->lists_ended == job->list_count) {
        job->has_ended = 1;
        staple_cache_get_record(&job->record, job->cache, 0);
        job->reason = (staple_reason_e)job->record.reason;
    }
}

/* A list was taken: what it is. */
static void show_list(job_t *job, const staple_exchange_t *exchange)
{
    const staple_list_half_t *half;
    staple_list_row_t row;
    staple_part_e part;
    apr_uint32_t list;

    if (!staple_refresh_is_list(&list, &part, job->refresh, exchange)) {
        return;
    }
    staple_refresh_show_list(&row, job->refresh, list);
    half = part == STAPLE_PART_DELTA ? &row.delta : &row.base;
    last_step(job)->status = apr_psprintf(
        job->pool, "%s %s of %" APR_UINT64_T_FMT " entries, until %s",
        part == STAPLE_PART_DELTA ? "delta CRL" : "CRL", half->number,
        half->entries, cli_verdict_time(job->pool, half->use_until));
    show_answer(job);
    job->is_asking = 0;
}

/* What the refresher tells; one for this one certificate. */
static void take_report(void *baton, const staple_report_t *report)
{
    job_t *job = baton;
    step_t *step;

    if (report->what == STAPLE_REPORT_ATTEMPT_FAILED) {
        if (!job->is_asking) { /* an attempt that could not be made */
            begin_step(job, report->url, report->by_get);
            show_request(job);
        }
        step = last_step(job);
        step->reason = report->reason;
        step->detail = apr_pstrdup(job->pool, report->detail);
        show_answer(job);
        job->is_asking = 0;
    }
    else if (report->what == STAPLE_REPORT_REFRESHED) {
        last_step(job)->status =
            staple_record_says_revoked(report->record)
                                     ? "revoked"
                                     : "good";
        show_answer(job);
    }
    if (report->what == STAPLE_REPORT_LIST_REFRESHED
        || report->what == STAPLE_REPORT_LIST_FAILED) {
        end_list(job);
    }
    if (report->what == STAPLE_REPORT_REFRESHED
        || report->what == STAPLE_REPORT_JOB_FAILED) {
        job->has_ended = 1;
        job->reason = report->what == STAPLE_REPORT_REFRESHED ? STAPLE_OK
                                                              : report->reason;
        job->record = *report->record;
    }
}

/* ---- the job ---- */

/* The lists of one distribution point each, or those that options name. */
static void make_lists(job_t *job, const staple_crl_points_t *points)
{
    const cli_urls_t *named = &job->wish->crl_urls;
    apr_uint32_t *numbers;
    unsigned i;

    job->list_count = named->count > 0 ? named->count : points->count;
    job->lists =
        apr_pcalloc(job->pool, job->list_count * sizeof(*job->lists));
    numbers = apr_palloc(job->pool, job->list_count * sizeof(*numbers));
    for (i = 0; i < job->list_count; i++) {
        staple_refresh_list_t *list = &job->lists[i];
        unsigned count = named->count > 0 ? 1 : points->points[i].url_count;
        const char **urls =
            apr_pcalloc(job->pool, (count + 1) * sizeof(*urls));

        memcpy(urls,
               named->count > 0 ? &named->urls[i] : points->points[i].urls,
               count * sizeof(*urls));
        list->urls = urls;
        list->scope_url = named->count > 0 ? urls[0] : NULL;
        list->policy = &job->wish->policy;
        numbers[i] = i;
    }
    job->entry->lists = numbers;
    job->entry->list_count = job->list_count;
}

/* The certificate is asked about by its CRLs.  Not STAPLE_OK: why it cannot
 * be. */
static staple_reason_e ask_lists(job_t *job, const cli_found_t *found)
{
    X509 **signers =
        apr_palloc(job->pool, STAPLE_CRL_MAX_SIGNERS * sizeof(*signers));
    staple_crl_cert_t *crl;
    staple_reason_e reason = staple_crl_cert_make(
        &crl, job->pool, X509_get0_serialNumber(found->leaf),
        X509_get0_extensions(found->leaf), found->issuer);

    if (reason == STAPLE_OK && job->wish->crl_urls.count == 0) {
        reason = staple_crl_cert_why(&crl->points);
    }
    if (reason == STAPLE_OK) {
        job->entry->crl = crl;
        job->entry->signer_count = cli_crl_signers(signers, found);
        job->entry->signers = signers;
        make_lists(job, &crl->points);
    }
    return reason;
}

/* What the module has in shared memory, in memory of this process. */
static int make_cache(job_t *job, const staple_cert_t *cert)
{
    apr_size_t max_len = (apr_size_t)job->wish->max_size;
    apr_size_t size = staple_cache_size(1, max_len);
    void *block = apr_pcalloc(job->pool, size);

    job->cache = staple_cache_format(block, size, &cert->key, 1, max_len);
    return job->cache != NULL;
}

/* Begins the exchange that is next, if one is. */
static void ask(job_t *job)
{
    staple_exchange_t *exchange = staple_refresh_next(job->refresh,
                                                      apr_time_now());
    step_t *step;

    if (exchange == NULL) {
        return;
    }
    step = begin_step(job, exchange->url, exchange->by_get);
    step->is_made = 1;
    step->request_len = exchange->request_len;
    job->is_asking = 1;
    show_request(job);
    staple_fetch_start(job->fetch, exchange);
}

/* Hands one answer to the refresher, which judges it. */
static void take_answer(job_t *job, staple_exchange_t *exchange,
                        const staple_answer_t *answer)
{
    const staple_stored_list_t came = {.der = answer->der,
                                       .der_len = answer->der_len,
                                       .came_at = apr_time_now()};
    staple_stored_list_t list = came;
    apr_uint32_t number;
    staple_reason_e reason;

    last_step(job)->answer = *answer;
    last_step(job)->answer.der = NULL; /* not ours to keep */
    last_step(job)->answer.detail = NULL;
    if (staple_refresh_is_list(&number, &list.part, job->refresh, exchange)
        && answer->reason == STAPLE_OK) {
        while (staple_refresh_judge(&reason, job->refresh, number, &list,
                                    (apr_size_t)-1, list.came_at)) {
        }
        if (reason == STAPLE_OK) {
            show_list(job, exchange);
        }
    }
    staple_refresh_done(job->refresh, exchange, answer, list.came_at);
    staple_spool_drop(answer->spool);
}

static void take_answers(job_t *job)
{
    staple_exchange_t *exchange;
    staple_answer_t answer;

    while ((exchange = staple_fetch_take(job->fetch, &answer)) != NULL) {
        take_answer(job, exchange, &answer);
    }
}

/* Sees the certificate's one job through.  CLI_GO_ON, or an exit status. */
static int run(job_t *job, const cli_command_t *command,
               const staple_cert_t *cert)
{
    const staple_fetch_options_t fetch = {
        .concurrency = 1,
        .user_agent = "mod_ocspstaple/" STAPLE_VERSION};
    apr_time_t now = apr_time_now();
    const staple_refresh_options_t options = {
        .concurrency = 1,
        .seed = (apr_uint32_t)now ^ (apr_uint32_t)getpid(),
        .lists = job->lists,
        .list_count = job->list_count,
        .list_max_len = (apr_size_t)job->wish->crl_max_size,
        .report = take_report,
        .baton = job};
    unsigned i;

    job->entry->cert = cert;
    job->entry->policy = &job->wish->policy;
    if (!make_cache(job, cert) || !staple_fetch_global_init()
        || (job->fetch = staple_fetch_make(job->pool, &fetch)) == NULL) {
        return cli_complain(command, "no memory for libcurl or the response");
    }
    job->refresh = staple_refresh_make(job->pool, job->entry, 1, job->cache,
                                       &options, now);
    for (i = 0; i < job->list_count; i++) {
        staple_refresh_start_list(job->refresh, i, now);
    }
    while (!job->has_ended) {
        ask(job);
        if (staple_refresh_in_flight(job->refresh) > 0) {
            staple_fetch_run(job->fetch, LOOK);
            take_answers(job);
        }
        else if (!job->has_ended) {
            apr_sleep(LOOK); /* the clock was just set back */
        }
    }
    return CLI_GO_ON;
}

/* ---- the result ---- */

/* What the job's end says, in the words of verify. */
static void fill_verdict(cli_verdict_t *verdict, const job_t *job)
{
    const staple_record_t *record = &job->record;

    verdict->at = record->attempted_at;
    verdict->reason = job->reason;
    if (record->der_len > 0) {
        /* Also where it has ended within the tolerance of clocks: such a one
         * is held where it says revoked, and nothing is stapled. */
        verdict->reason = STAPLE_OK;
    }
    else if (staple_record_verdict(record) == &record->crl
             && (staple_record_is_current(record, record->attempted_at)
                 || staple_record_is_revoked(record))) {
        verdict->reason = STAPLE_OK;
        verdict->said = record->crl;
        return;
    }
    else if (job->reason == STAPLE_UNKNOWN) {
        verdict->reason = STAPLE_OK;
        verdict->said.status = STAPLE_CERT_UNKNOWN;
        return;
    }
    verdict->said = record->held;
}

static void print_cert(apr_pool_t *p, const staple_cert_t *cert)
{
    if (cert != NULL) {
        printf("certificate: %s, serial %s, valid until %s%s\n", cert->subject,
               cert->serial, cli_verdict_time(p, cert->not_after),
               cert->must_staple ? ", must staple" : "");
        printf("issuer:      %s\n", cert->issuer->subject);
    }
    if (cert != NULL && cert->refused_url_count > 0) {
        printf("responders:  %d that the certificate names cannot be used\n",
               cert->refused_url_count);
    }
}

static void print_result(const cli_verdict_t *verdict, const job_t *job)
{
    const staple_record_t *record = &job->record;
    apr_pool_t *p = job->pool;

    if (record->der_len > 0) {
        printf("response:    this update %s, next update %s\n",
               cli_verdict_time(p, record->held.this_update),
               record->held.next_update != 0
                   ? cli_verdict_time(p, record->held.next_update)
                   : "not given");
        printf("stapled:     %s %s\n",
               record->held.use_until > record->attempted_at
                   ? "until"
                   : "no, it ran out at",
               cli_verdict_time(p, record->held.use_until));
    }
    if (record->der_len == 0 && record->crl.use_until != 0) {
        printf("CRL:         this update %s, next update %s\n",
               cli_verdict_time(p, record->crl.this_update),
               record->crl.next_update != 0
                   ? cli_verdict_time(p, record->crl.next_update)
                   : "not given");
        fputs("stapled:     nothing, as there is no OCSP response\n", stdout);
    }
    if (job->has_ended) {
        printf("next fetch:  %s, in %" APR_TIME_T_FMT " s\n",
               cli_verdict_time(p, record->next_at),
               apr_time_sec(record->next_at - record->attempted_at));
    }
    cli_verdict_print(stdout, p, verdict);
}

static void print_json(const cli_verdict_t *verdict, const job_t *job)
{
    json_t *object = cli_verdict_json(job->pool, verdict);

    json_object_set_new(object, "attempts", steps_json(job->steps));
    json_object_set_new(object, "next_refresh",
                        cli_verdict_json_time(job->pool, job->record.next_at));
    cli_verdict_put_json(stdout, object);
}

/* Writes a file that readers find either as it was or whole.  Refuses to
 * replace anything but a regular file.  CLI_GO_ON, or an exit status. */
static int write_file(const cli_command_t *command, apr_pool_t *p,
                      const char *path, const unsigned char *bytes,
                      apr_size_t len)
{
    const char *beside = apr_psprintf(p, "%s.%ld.new", path, (long)getpid());
    struct stat old;
    int is_there = lstat(path, &old) == 0;
    apr_status_t error;

    if (is_there && !S_ISREG(old.st_mode)) {
        return cli_complain(command,
                            "%s is not written: it is not a regular file",
                            path);
    }
    error = staple_files_write(AT_FDCWD, path, beside, 0666,
                               is_there ? &old : NULL, bytes, len);
    if (error != APR_SUCCESS) {
        return cli_complain(command, "%s cannot be written: %s", path,
                            strerror(error));
    }
    return CLI_GO_ON;
}

/* Writes the response held to --out and --store.  CLI_GO_ON, or an exit
 * status. */
static int write_out(const cli_command_t *command, const job_t *job,
                     const staple_cert_t *cert)
{
    apr_size_t len = STAPLE_MAX_RESPONSE;
    unsigned char *der = apr_palloc(job->pool, len);
    int status = CLI_GO_ON;

    if ((job->wish->out == NULL && job->wish->store == NULL)
        || job->record.der_len == 0) {
        return CLI_GO_ON;
    }
    /* At the time 0: also one that says revoked and has ended. */
    if (staple_cache_get(der, &len, job->cache, &cert->key, 0) != STAPLE_OK) {
        return cli_complain(command, "%s is not written: no response is held",
                            job->wish->out != NULL ? job->wish->out
                                                   : job->wish->store);
    }
    if (job->wish->out != NULL) {
        status = write_file(command, job->pool, job->wish->out, der, len);
    }
    return status == CLI_GO_ON && job->wish->store != NULL
               ? cli_store_put(command, job->pool, job->wish->store,
                               job->refresh, cert, &job->record, der, len)
               : status;
}

/* The certificate, and its CRLs where they are what is asked.  CLI_GO_ON, or an
 * exit status; *reason says why nothing can be asked. */
static int read_certs(staple_cert_t **cert, staple_reason_e *reason,
                      job_t *job, const cli_command_t *command, wish_t *wish)
{
    cli_found_t found;
    int status = cli_certs_read(cert, reason, command, job->pool,
                                &wish->certs, 0);
    int by_crl = wish->crl || wish->crl_urls.count > 0;

    if (status != CLI_GO_ON || *reason != STAPLE_OK
        || (!by_crl && (wish->urls.count > 0 || (*cert)->url_count > 0))) {
        return status;
    }
    wish->policy.no_network = 1; /* no responder is asked */
    status = cli_certs_find(&found, command, job->pool, &wish->certs);
    if (status == CLI_GO_ON) {
        *reason = ask_lists(job, &found);
        if (*reason == STAPLE_CRL_NO_URL && !by_crl) {
            *reason = STAPLE_CERT_NO_URL;
        }
    }
    return status;
}

int cli_fetch_run(const cli_command_t *command, apr_pool_t *p,
                  const char *const *args)
{
    wish_t wish = {.certid = STAPLE_CERTID_AUTO,
                   .max_size = STAPLE_USUAL_MAX_SIZE,
                   .crl_max_size = 33554432,
                   .policy = STAPLE_POLICY_DEFAULT};
    job_t job = {.pool = p, .wish = &wish};
    cli_verdict_t verdict = {.cert = NULL};
    staple_cert_t *cert = NULL;
    int status = read_options(&wish, command, p, args);

    job.steps = apr_array_make(p, 4, sizeof(step_t));
    job.entry = apr_pcalloc(p, sizeof(*job.entry));
    if (status == CLI_GO_ON) {
        status = read_certs(&cert, &verdict.reason, &job, command, &wish);
    }
    if (status != CLI_GO_ON) {
        return status;
    }
    verdict.cert = cert;
    verdict.at = apr_time_now();
    if (!wish.json) {
        print_cert(p, cert);
    }
    if (verdict.reason == STAPLE_OK) {
        status = run(&job, command, cert);
        if (status != CLI_GO_ON) {
            return status;
        }
        fill_verdict(&verdict, &job);
        status = write_out(command, &job, cert);
    }
    if (wish.json) {
        print_json(&verdict, &job);
    }
    else {
        print_result(&verdict, &job);
    }
    return status != CLI_GO_ON ? status : cli_verdict_exit(&verdict);
}
