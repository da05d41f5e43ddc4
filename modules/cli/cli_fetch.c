/* The command fetch: makes the exchanges that the module would make. */
#include "cli_fetch.h"

#include <string.h>

#include "io/staple_fetch.h"
#include "cli_attempts.h"
#include "cli_out.h"
#include "cli_store.h"

/* In the order of staple_method_e. */
static const char *const methods[] = {"post-get", "get-post", "post", "get",
                                      NULL};

/* In the order of staple_certid_e. */
static const char *const digests[] = {"sha1", "sha256", "auto", NULL};

/* ---- options ---- */

/* Is a line for each certificate wanted, and not each step of one? */
static int is_for_all(const cli_fetch_wish_t *wish)
{
    return wish->chains.count > 1 || wish->dir != NULL || wish->out_dir != NULL;
}

static int check_files(const cli_command_t *command,
                       const cli_fetch_wish_t *wish)
{
    if (wish->dir != NULL && (wish->cert != NULL || wish->issuer != NULL)) {
        return cli_complain(command, "--dir stands for --cert and --issuer: "
                                     "give it without");
    }
    if (wish->out != NULL && is_for_all(wish)) {
        return cli_complain(command, "--out is the file of one certificate: "
                                     "give --out-dir alone");
    }
    if (wish->force && wish->out_dir == NULL) {
        return cli_complain(command, "--force goes with --out-dir");
    }
    return CLI_GO_ON;
}

static int check_options(const cli_command_t *command, cli_fetch_wish_t *wish,
                         const cli_urls_t *urls)
{
    staple_policy_t *policy = &wish->how.policy;

    if (wish->route.proxy != NULL) {
        if (strncasecmp(wish->route.proxy, "https:", 6) == 0
            && !staple_fetch_can_https_proxy()) {
            return cli_complain(command,
                                "--proxy: this libcurl speaks no TLS with "
                                "proxies: give an http:// URL");
        }
        wish->route.id = wish->route.proxy;
        wish->route.no_proxy = "";
        policy->route = &wish->route;
    }
    policy->method = (staple_method_e)wish->method;
    policy->certid = (staple_certid_e)wish->certid;
    if (urls->count > 0) {
        policy->urls = urls->urls;
        policy->action = STAPLE_ACTION_OVERRIDE;
    }
    wish->how.no_crl = wish->out_dir != NULL;
    return check_files(command, wish);
}

/* The rows of what it makes. */
#define OUTPUT_OPTIONS(wish)                                                   \
    {.name = "out", .value = "FILE", .kind = CLI_OPTION_TEXT,                  \
     .help = "write the response here, as DER, once it is verified\n"          \
             "as good or revoked",                                             \
     .to = &(wish)->out},                                                      \
    {.name = "out-dir", .value = "DIR", .kind = CLI_OPTION_TEXT,               \
     .help = "keep a file there for each chain, site.pem.ocsp for\n"           \
             "site.pem, as DER; one whose response has more than\n"            \
             "half of its life before it is not asked about",                  \
     .to = &(wish)->out_dir},                                                  \
    {.name = "force", .kind = CLI_OPTION_FLAG,                                 \
     .help = "ask about those, too", .to = &(wish)->force},                    \
    {.name = "store", .value = "DIR", .kind = CLI_OPTION_TEXT,                 \
     .help = "put the response into this OCSPStapleStore, where the\n"         \
             "next start of httpd, graceful or not, finds it",                 \
     .to = &(wish)->store},                                                    \
    {.name = "json", .kind = CLI_OPTION_FLAG,                                  \
     .help = "print one JSON object instead of lines",                         \
     .to = &(wish)->json},                                                     \
    {.name = "quiet", .kind = CLI_OPTION_FLAG,                                 \
     .help = "print the last line only", .to = &(wish)->is_quiet}

static int read_options(cli_fetch_wish_t *wish, cli_urls_t *urls,
                        const cli_command_t *command, apr_pool_t *p,
                        const char *const *args)
{
    cli_option_t options[] = {
        {.name = "chain", .value = "FULLCHAIN.pem", .kind = CLI_OPTION_LIST,
         .help = "the certificate and then its issuer's, as PEM; may be\n"
                 "given several times: all are asked about at once",
         .to = &wish->chains},
        {.name = "dir", .value = "DIR", .kind = CLI_OPTION_TEXT,
         .help = "the same of each file *.pem in this directory; those\n"
                 "that are no such chain are named and skipped",
         .to = &wish->dir},
        CLI_OPTION_CERT(&wish->cert),
        CLI_OPTION_ISSUER(&wish->issuer),
        {.name = "url", .value = "URL", .kind = CLI_OPTION_URLS,
         .help = "ask this responder, not the certificate's; may be\n"
                 "given several times",
         .to = urls},
        {.name = "method", .value = "ORDER", .kind = CLI_OPTION_WORD,
         .help = "of HTTP methods at each responder: post-get,\n"
                 "get-post, post or get (default: post-get)",
         .to = &wish->method, .words = methods},
        {.name = "timeout", .value = "SECONDS", .kind = CLI_OPTION_DURATION,
         .help = "for one whole exchange (default: 10)",
         .to = &wish->how.policy.timeout, .min = 1, .max = 300},
        {.name = "proxy", .value = "URL", .kind = CLI_OPTION_URL,
         .help = "ask through this http or https proxy (default:\n"
                 "none, whatever the environment says)",
         .to = &wish->route.proxy},
        {.name = "nonce", .kind = CLI_OPTION_FLAG, .help = "send a nonce",
         .to = &wish->how.policy.nonce},
        {.name = "cert-id", .value = "DIGEST", .kind = CLI_OPTION_WORD,
         .help = "by which requests name it: sha1, sha256, or auto (the\n"
                 "default): sha1, and sha256 where that is refused",
         .to = &wish->certid, .words = digests},
        CLI_OPTION_SKEW(&wish->how.policy.clock_skew),
        CLI_OPTION_MAX_AGE(&wish->how.policy.max_age),
        {.name = "max-size", .value = "BYTES", .kind = CLI_OPTION_NUMBER,
         .help = "of a response that is stapled, as OCSPStapleMaxSize\n"
                 "says (default: 16380)",
         .to = &wish->how.max_size, .min = STAPLE_LEAST_MAX_SIZE,
         .max = STAPLE_MAX_RESPONSE},
        {.name = "crl", .kind = CLI_OPTION_FLAG,
         .help = "fetch its CRL although it names a responder; without\n"
                 "one its CRL is fetched anyway",
         .to = &wish->how.crl},
        {.name = "crl-url", .value = "URL", .kind = CLI_OPTION_URLS,
         .help = "fetch this CRL, not those that the certificate names;\n"
                 "may be given several times",
         .to = &wish->how.crl_urls},
        {.name = "crl-max-size", .value = "BYTES", .kind = CLI_OPTION_NUMBER,
         .help = "as OCSPStapleCRLMaxSize says (default: 33554432)",
         .to = &wish->how.crl_max_size, .min = 65536, .max = 1073741824},
        OUTPUT_OPTIONS(wish),
        {.name = NULL}};
    int status = cli_options_read(command, p, options, args);

    return status == CLI_GO_ON ? check_options(command, wish, urls) : status;
}

/* ---- the result ---- */

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

/* How long it holds, and when it would be asked about again. */
static void print_times(apr_pool_t *p, const cli_job_t *job)
{
    const staple_record_t *record = &job->record;

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
    printf("next fetch:  %s, in %" APR_TIME_T_FMT " s\n",
           cli_verdict_time(p, record->next_at),
           apr_time_sec(record->next_at - record->attempted_at));
}

/* `job` is NULL where nothing was asked. */
static void print_json(apr_pool_t *p, const cli_verdict_t *verdict,
                       const cli_job_t *job)
{
    json_t *object = cli_verdict_json(p, verdict);

    json_object_set_new(object, "attempts",
                        job != NULL ? cli_attempts_json(job->attempts)
                                    : json_array());
    json_object_set_new(object, "next_refresh",
                        job != NULL
                            ? cli_verdict_json_time(p, job->record.next_at)
                            : json_null());
    cli_verdict_put_json(stdout, object);
}

/* ---- one certificate, step by step ---- */

static int is_shown(const cli_fetch_wish_t *wish)
{
    return !wish->json && !wish->is_quiet;
}

static void show_request(void *baton, const cli_job_t *job,
                         const cli_attempt_t *attempt)
{
    if (is_shown(baton)) {
        cli_attempts_print_request(attempt, job->attempts->nelts);
        fflush(stdout); /* the answer may take its time */
    }
}

static void show_answer(void *baton, const cli_job_t *job,
                        const cli_attempt_t *attempt)
{
    (void)job;
    if (is_shown(baton)) {
        cli_attempts_print_answer(attempt);
    }
}

/* Writes the response held to --out and --store.  CLI_GO_ON, or an exit
 * status. */
static int write_out(const cli_command_t *command, apr_pool_t *p,
                     const cli_fetch_wish_t *wish, cli_job_t *job)
{
    const unsigned char *der;
    apr_size_t len;
    int status = CLI_GO_ON;

    if ((wish->out == NULL && wish->store == NULL)
        || !cli_jobs_response(&der, &len, job, p)) {
        return CLI_GO_ON;
    }
    if (wish->out != NULL) {
        status = cli_out_write(command, p, wish->out, der, len);
    }
    return status == CLI_GO_ON && wish->store != NULL
               ? cli_store_put(command, p, wish->store, job, der, len)
               : status;
}

/* Asks, and fills the verdict.  CLI_GO_ON, or an exit status. */
static int ask(cli_verdict_t *verdict, const cli_command_t *command,
               apr_pool_t *p, cli_fetch_wish_t *wish, cli_jobs_t *jobs,
               cli_job_t *job)
{
    const cli_jobs_hooks_t hooks = {
        .asks = show_request, .answered = show_answer, .baton = wish};
    const char *why = cli_jobs_run(jobs, 1, &hooks);

    if (why != NULL) {
        return cli_complain(command, "%s", why);
    }
    cli_jobs_fill_verdict(verdict, job);
    return write_out(command, p, wish, job);
}

static int run_one(const cli_command_t *command, apr_pool_t *p,
                   cli_fetch_wish_t *wish)
{
    const cli_certs_t certs = {
        .chain = wish->chains.count > 0 ? wish->chains.list[0] : NULL,
        .cert = wish->cert, .issuer = wish->issuer};
    cli_verdict_t verdict = {.at = apr_time_now()};
    staple_cert_t *cert = NULL;
    cli_jobs_t *jobs = cli_jobs_make(p, &wish->how);
    cli_job_t *job = NULL;
    cli_found_t found;
    int status = cli_certs_find(&found, command, p, &certs);
    int asked = CLI_GO_ON;

    if (status != CLI_GO_ON) {
        return status;
    }
    verdict.reason = staple_cert_from_x509(&cert, p,
                                           staple_cert_issuers_make(p),
                                           found.leaf, found.issuer, 0);
    verdict.cert = cert;
    if (verdict.reason == STAPLE_OK) {
        job = cli_jobs_add(&verdict.reason, jobs, cert, &found);
    }
    if (is_shown(wish)) {
        print_cert(p, cert);
    }
    if (job != NULL) {
        asked = ask(&verdict, command, p, wish, jobs, job);
    }
    if (job != NULL && !job->has_ended) {
        return asked;
    }
    if (wish->json) {
        print_json(p, &verdict, job);
        return asked != CLI_GO_ON ? asked : cli_verdict_exit(&verdict);
    }
    if (job != NULL && is_shown(wish)) {
        print_times(p, job);
    }
    cli_verdict_print(stdout, p, &verdict);
    return asked != CLI_GO_ON ? asked : cli_verdict_exit(&verdict);
}

int cli_fetch_run(const cli_command_t *command, apr_pool_t *p,
                  const char *const *args)
{
    cli_fetch_wish_t *wish = apr_pcalloc(p, sizeof(*wish));
    cli_urls_t urls = {.count = 0};
    int status;

    wish->certid = STAPLE_CERTID_AUTO;
    wish->how = (cli_asking_t)CLI_ASKING_DEFAULT;
    status = read_options(wish, &urls, command, p, args);
    if (status == CLI_GO_ON && wish->store != NULL) {
        status = cli_store_check(command, wish->store);
    }
    if (status != CLI_GO_ON) {
        return status;
    }
    return is_for_all(wish) ? cli_fetch_all(command, p, wish)
                            : run_one(command, p, wish);
}
