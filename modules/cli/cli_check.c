/* The command check: asks servers for their staples, as clients do. */
#include <apr_signal.h>
#include <apr_strings.h>
#include <string.h>
#include <unistd.h>

#include "cli_jobs.h"
#include "cli_plugin.h"
#include "cli_show.h"
#include "cli_starttls.h"

#define TIMEOUT apr_time_from_sec(10)
#define GRACE 5 /* seconds beyond it, for whatever cannot be interrupted */

/* What the options say. */
typedef struct wish_t {
    cli_arguments_t hosts;
    const char *connect;
    const char *ca, *issuer;
    int tls12, tls13;
    int json, is_quiet;
    int no_crl;
    cli_limits_t limits;
    staple_policy_t policy;
    cli_connect_options_t how;
} wish_t;

/* ---- options ---- */

static int check_options(const cli_command_t *command, const wish_t *wish)
{
    if (wish->hosts.count == 0) {
        return cli_complain(command, "which server? give HOST or HOST:PORT");
    }
    if (wish->limits.critical >= 0 && wish->limits.warn >= 0
        && wish->limits.critical > wish->limits.warn) {
        return cli_complain(command, "--critical-left is longer than "
                                     "--warn-left: nothing would be a warning");
    }
    return CLI_GO_ON;
}

static int read_options(wish_t *wish, const cli_command_t *command,
                        apr_pool_t *p, const char *const *args)
{
    cli_option_t options[] = {
        {.name = "", .value = "HOST[:PORT]...", .kind = CLI_OPTION_ARGUMENTS,
         .help = "a name or an address; an IPv6 address with a port in\n"
                 "brackets (default port: 443, or that of --starttls)",
         .to = &wish->hosts},
        {.name = "connect", .value = "ADDR[:PORT]", .kind = CLI_OPTION_TEXT,
         .help = "connect to this address instead of the host's",
         .to = &wish->connect},
        {.name = "servername", .value = "NAME", .kind = CLI_OPTION_TEXT,
         .help = "ask for this server, and expect its certificate\n"
                 "(default: HOST)",
         .to = &wish->how.servername},
        {.name = "starttls", .value = "PROTOCOL", .kind = CLI_OPTION_WORD,
         .help = "begin in the clear: smtp, lmtp, imap, pop3, ftp, nntp\n"
                 "or xmpp",
         .to = &wish->how.starttls, .words = cli_starttls_names},
        {.name = "tls1.2", .kind = CLI_OPTION_FLAG,
         .help = "this version only; both: one look with each\n"
                 "(default: what is negotiated)",
         .to = &wish->tls12},
        {.name = "tls1.3", .kind = CLI_OPTION_FLAG,
         .help = "this version only", .to = &wish->tls13},
        {.name = "ca", .value = "FILE.pem", .kind = CLI_OPTION_TEXT,
         .help = "trust these certificates (default: the system's)",
         .to = &wish->ca},
        {.name = "issuer", .value = "ISSUER.pem", .kind = CLI_OPTION_TEXT,
         .help = "the certificate's issuer (default: looked for in what\n"
                 "the server sends and in what is trusted)",
         .to = &wish->issuer},
        {.name = "no-crl", .kind = CLI_OPTION_FLAG,
         .help = "fetch no CRL; else that of a certificate that names\n"
                 "no responder says whether it is revoked",
         .to = &wish->no_crl},
        {.name = "timeout", .value = "SECONDS", .kind = CLI_OPTION_DURATION,
         .help = "for one look at one host (default: 10)",
         .to = &wish->how.timeout, .min = 1, .max = 300},
        {.name = "warn-left", .value = "SECONDS", .kind = CLI_OPTION_DURATION,
         .help = "warn of a staple that ends within this time\n"
                 "(default: a quarter of its life)",
         .to = &wish->limits.warn, .min = 0, .max = 31536000},
        {.name = "critical-left", .value = "SECONDS",
         .kind = CLI_OPTION_DURATION,
         .help = "this one is critical (default: an hour, or an eighth\n"
                 "of its life where that is less)",
         .to = &wish->limits.critical, .min = 0, .max = 31536000},
        CLI_OPTION_SKEW(&wish->policy.clock_skew),
        CLI_OPTION_MAX_AGE(&wish->policy.max_age),
        {.name = "json", .kind = CLI_OPTION_FLAG,
         .help = "print one JSON object instead of lines", .to = &wish->json},
        {.name = "quiet", .kind = CLI_OPTION_FLAG,
         .help = "only the first line", .to = &wish->is_quiet},
        {.name = NULL}};
    int status = cli_options_read(command, p, options, args);

    return status == CLI_GO_ON ? check_options(command, wish) : status;
}

/* The context with --ca, the file of --issuer; checks --connect. */
static int prepare(wish_t *wish, const cli_command_t *command, apr_pool_t *p)
{
    STACK_OF(X509) *trusted = NULL;
    const char *why = NULL;
    cli_target_t at;
    int status = CLI_GO_ON;

    if (wish->ca != NULL) {
        status = cli_certs_read_all(&trusted, command, p, wish->ca);
    }
    if (status == CLI_GO_ON && wish->issuer != NULL) {
        status = cli_certs_read_all(&wish->how.issuers, command, p,
                                    wish->issuer);
    }
    if (status != CLI_GO_ON) {
        return status;
    }
    wish->how.ctx = cli_connect_context(p, trusted);
    if (wish->how.ctx == NULL) {
        return cli_complain(command, "no memory for TLS");
    }
    if (wish->connect != NULL) {
        why = cli_target_parse(&at, p, wish->connect, "443");
    }
    return why != NULL ? cli_complain(command, "--connect: \"%s\": %s",
                                      wish->connect, why)
                       : CLI_GO_ON;
}

/* ---- looks ---- */

/* What is printed when a look does not end, though its time is over: a server
 * may send what takes OpenSSL long to read. */
static char last_words[512];
static int last_words_to;

static void give_up(int number)
{
    ssize_t ignored = write(last_words_to, last_words, strlen(last_words));

    (void)number;
    (void)ignored;
    _exit(CLI_PLUGIN_CRITICAL);
}

static void set_alarm(const wish_t *wish, const char *label)
{
    /* Half a JSON object is none. */
    last_words_to = wish->json ? STDERR_FILENO : STDOUT_FILENO;
    apr_snprintf(last_words, sizeof(last_words),
                 "OCSP CRITICAL: %s: the check did not end in time\n", label);
    apr_signal(SIGALRM, give_up);
    alarm((unsigned)apr_time_sec(wish->how.timeout) + GRACE);
}

/* Asks the CRL of the certificate that was found, with rules and transport of
 * fetch --crl. */
static void ask_crl(cli_finding_t *finding, apr_pool_t *p, const wish_t *wish)
{
    cli_asking_t *how = apr_palloc(p, sizeof(*how));
    const cli_jobs_hooks_t hooks = {.baton = NULL};
    cli_jobs_t *jobs;
    cli_job_t *job;
    cli_found_t found = {.leaf = finding->peer.leaf,
                         .issuer = finding->peer.issuer,
                         .others = wish->how.issuers};

    *how = (cli_asking_t)CLI_ASKING_DEFAULT;
    how->policy = wish->policy;
    how->policy.timeout = wish->how.timeout;
    how->crl = 1;
    how->patience = wish->how.timeout;
    jobs = cli_jobs_make(p, how);
    finding->crl.cert = finding->verdict.cert;
    finding->crl.at = finding->verdict.at;
    job = cli_jobs_add(&finding->crl.reason, jobs, finding->verdict.cert,
                       &found);
    if (job == NULL) {
        return;
    }
    if (cli_jobs_run(jobs, 1, &hooks) == NULL) {
        cli_jobs_fill_verdict(&finding->crl, job);
    }
    else {
        finding->crl.reason = STAPLE_NO_MEMORY;
    }
}

/* What the CRL says, or said of the same certificate a moment ago. */
static void look_at_crl(cli_finding_t *finding, apr_pool_t *p,
                        const wish_t *wish, const apr_array_header_t *findings)
{
    int i;

    finding->crl_url = wish->no_crl ? NULL : cli_finding_crl(finding, p);
    if (finding->crl_url == NULL) {
        return;
    }
    for (i = 0; i < findings->nelts; i++) {
        const cli_finding_t *other =
            &APR_ARRAY_IDX(findings, i, cli_finding_t);

        if (other != finding && other->crl_url != NULL
            && X509_cmp(other->peer.leaf, finding->peer.leaf) == 0) {
            finding->crl = other->crl;
            return;
        }
    }
    set_alarm(wish, finding->label);
    ask_crl(finding, p, wish);
}

static void look(cli_finding_t *finding, apr_pool_t *p, const wish_t *wish,
                 const apr_array_header_t *findings)
{
    cli_connect_options_t how = wish->how;
    cli_target_t at;

    if (wish->connect != NULL) {
        cli_target_parse(&at, p, wish->connect, finding->target->port);
        how.at = &at;
    }
    set_alarm(wish, finding->label);
    finding->failed =
        cli_connect(&finding->peer, p, finding->target, finding->version, &how);
    cli_finding_read(finding, p, apr_time_now());
    look_at_crl(finding, p, wish, findings);
    cli_finding_judge(finding, p, &wish->policy, &wish->limits);
    alarm(0);
}

/* ---- who is looked at ---- */

/* `word` tells it from another look at the same target; NULL: there is none. */
static void add(apr_array_header_t *findings, apr_pool_t *p,
                const cli_target_t *target, const char *word, int version)
{
    cli_finding_t *finding = apr_array_push(findings);

    memset(finding, 0, sizeof(*finding));
    finding->target = target;
    finding->label = word != NULL
                         ? apr_pstrcat(p, target->text, " ", word, NULL)
                         : target->text;
    finding->version = version;
}

/* Adds a finding still to be made for each host and version. */
static int read_hosts(apr_array_header_t *findings, apr_pool_t *p,
                      const cli_command_t *command, const wish_t *wish)
{
    const char *port =
        wish->how.starttls >= 0 ? cli_starttls_port(wish->how.starttls) : "443";
    int is_both = wish->tls12 && wish->tls13;
    unsigned i;

    for (i = 0; i < wish->hosts.count; i++) {
        cli_target_t *target = apr_pcalloc(p, sizeof(*target));
        const char *why =
            cli_target_parse(target, p, wish->hosts.list[i], port);

        if (why != NULL) {
            return cli_complain(command, "\"%s\": %s", wish->hosts.list[i],
                                why);
        }
        if (wish->tls12) {
            add(findings, p, target, is_both ? "TLSv1.2" : NULL,
                TLS1_2_VERSION);
        }
        if (wish->tls13) {
            add(findings, p, target, is_both ? "TLSv1.3" : NULL,
                TLS1_3_VERSION);
        }
        if (!wish->tls12 && !wish->tls13) {
            add(findings, p, target, NULL, 0);
        }
    }
    return CLI_GO_ON;
}

int cli_check_run(const cli_command_t *command, apr_pool_t *p,
                  const char *const *args)
{
    wish_t wish = {.policy = STAPLE_POLICY_DEFAULT,
                   .limits = {-1, -1},
                   .how = {.starttls = -1, .timeout = TIMEOUT}};
    apr_array_header_t *findings = apr_array_make(p, 4, sizeof(cli_finding_t));
    int status = read_options(&wish, command, p, args);
    int i;

    if (status == CLI_GO_ON) {
        status = prepare(&wish, command, p);
    }
    if (status == CLI_GO_ON) {
        status = read_hosts(findings, p, command, &wish);
    }
    if (status != CLI_GO_ON) {
        return status == 0 ? 0 : CLI_PLUGIN_UNKNOWN;
    }
    for (i = 0; i < findings->nelts; i++) {
        look(&APR_ARRAY_IDX(findings, i, cli_finding_t), p, &wish, findings);
    }
    return wish.json ? cli_show_json(stdout, p, findings)
                     : cli_show_lines(stdout, p, findings, wish.is_quiet);
}
