/* The command verify: judges an OCSP response, or CRLs, in files. */
#include "cli_certs.h"
#include "cli_crl.h"
#include "cli_options.h"
#include "cli_verdict.h"
#include "ocsp/staple_armour.h"

/* The year 9999 ends here, and with it what can be written as a time. */
#define LAST_SECOND APR_INT64_C(253402300799)

/* What the options say. */
typedef struct wish_t {
    cli_certs_t certs;
    const char *response;
    cli_urls_t crls;
    const char *scope_url;
    apr_int64_t at; /* seconds; -1: now */
    int json;
    staple_policy_t policy;
} wish_t;

static int read_options(wish_t *wish, const cli_command_t *command,
                        apr_pool_t *p, const char *const *args)
{
    cli_option_t options[] = {
        CLI_OPTION_CHAIN(&wish->certs.chain),
        CLI_OPTION_CERT(&wish->certs.cert),
        CLI_OPTION_ISSUER(&wish->certs.issuer),
        {.name = "response", .value = "FILE.der", .kind = CLI_OPTION_TEXT,
         .help = "the OCSP response, as DER", .to = &wish->response},
        {.name = "crl", .value = "FILE", .kind = CLI_OPTION_TEXTS,
         .help = "instead of --response: the issuer's CRL, as DER or PEM;\n"
                 "given once more: a delta CRL on top of it",
         .to = &wish->crls, .max = 2},
        {.name = "scope-url", .value = "URL", .kind = CLI_OPTION_URL,
         .help = "where the CRL is from, if the certificate does not say",
         .to = &wish->scope_url},
        {.name = "at", .value = "EPOCH", .kind = CLI_OPTION_NUMBER,
         .help = "judge as if it were then, in seconds since 1970\n"
                 "(default: now)",
         .to = &wish->at, .min = 1, .max = LAST_SECOND},
        CLI_OPTION_SKEW(&wish->policy.clock_skew),
        CLI_OPTION_MAX_AGE(&wish->policy.max_age),
        {.name = "json", .kind = CLI_OPTION_FLAG,
         .help = "print one JSON object instead of the line",
         .to = &wish->json},
        {.name = NULL}};
    int status = cli_options_read(command, p, options, args);

    if (status != CLI_GO_ON) {
        return status;
    }
    if (wish->response == NULL && wish->crls.count == 0) {
        return cli_complain(command, "--response is missing, or --crl");
    }
    if (wish->response != NULL && wish->crls.count > 0) {
        return cli_complain(command, "--response or --crl: give one of them");
    }
    if (wish->scope_url != NULL && wish->crls.count == 0) {
        return cli_complain(command, "--scope-url goes with --crl");
    }
    return CLI_GO_ON;
}

static int run_crl(const cli_command_t *command, apr_pool_t *p,
                   const wish_t *wish)
{
    cli_crl_wish_t crl = {
        .certs = wish->certs, .files = wish->crls,
        .scope_url = wish->scope_url, .json = wish->json,
        .at = wish->at >= 0 ? apr_time_from_sec(wish->at) : apr_time_now(),
        .policy = wish->policy};

    return cli_crl_run(command, p, &crl);
}

int cli_verify_run(const cli_command_t *command, apr_pool_t *p,
                   const char *const *args)
{
    wish_t wish = {.at = -1, .policy = STAPLE_POLICY_DEFAULT};
    cli_verdict_t verdict = {.cert = NULL};
    staple_cert_t *cert = NULL;
    unsigned char *der = NULL;
    apr_size_t len = 0;
    int status = read_options(&wish, command, p, args);

    if (status == CLI_GO_ON && wish.crls.count > 0) {
        return run_crl(command, p, &wish);
    }
    if (status == CLI_GO_ON) {
        status = cli_certs_read(&cert, &verdict.reason, command, p,
                                &wish.certs, 0);
    }
    if (status == CLI_GO_ON) {
        status = cli_read_file(&der, &len, command, p, wish.response,
                               STAPLE_ARMOUR_MAX);
    }
    if (status != CLI_GO_ON) {
        return status;
    }
    len = staple_armour_remove(der, len);
    verdict.cert = cert;
    verdict.at = wish.at >= 0 ? apr_time_from_sec(wish.at) : apr_time_now();
    if (verdict.reason == STAPLE_OK) {
        verdict.reason = staple_verify(&verdict.said, NULL, cert, der, len,
                                       NULL, &wish.policy, verdict.at);
    }
    if (wish.json) {
        cli_verdict_put_json(stdout, cli_verdict_json(p, &verdict));
    }
    else {
        cli_verdict_print(stdout, p, &verdict);
    }
    return cli_verdict_exit(&verdict);
}
