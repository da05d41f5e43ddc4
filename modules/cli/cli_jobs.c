/* Jobs of certificates, as the module's refresher does them, all at once. */
#include "cli_jobs.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/staple_version.h"
#include "io/staple_fetch.h"
#include "io/staple_spool.h"
#include "cli_crl.h"
#include "cli_wait.h"

#define LOOK apr_time_from_msec(500)

/* A CRL that is asked for. */
typedef struct list_t {
    cli_job_t *job; /* whose attempts are those of the list: the first's */
    int has_ended;
} list_t;

struct cli_jobs_t {
    apr_pool_t *pool;
    const cli_asking_t *how;
    staple_policy_t by_crl;     /* the policy, but no responder is asked */
    apr_array_header_t *all;    /* cli_job_t * */
    apr_array_header_t *certs;  /* staple_refresh_cert_t; job i has number i */
    apr_array_header_t *lists;  /* staple_refresh_list_t */
    apr_array_header_t *extras; /* list_t; list i has number i */
    cli_jobs_hooks_t hooks;
    staple_cache_t *cache;
    staple_fetch_t *fetch;
    staple_refresh_t *refresh;
    cli_attempt_t *current;    /* whose answer the refresher judges */
    apr_array_header_t *ended; /* cli_job_t *: not told yet */
    int count_ended;
};

static cli_job_t *job_of(const cli_jobs_t *jobs, apr_uint32_t index)
{
    return APR_ARRAY_IDX(jobs->all, (int)index, cli_job_t *);
}

static list_t *extra_of(const cli_jobs_t *jobs, apr_uint32_t list)
{
    return &APR_ARRAY_IDX(jobs->extras, (int)list, list_t);
}

/* ---- who is asked ---- */

cli_jobs_t *cli_jobs_make(apr_pool_t *p, const cli_asking_t *how)
{
    cli_jobs_t *jobs = apr_pcalloc(p, sizeof(*jobs));

    jobs->pool = p;
    jobs->how = how;
    jobs->by_crl = how->policy;
    jobs->by_crl.no_network = 1;
    jobs->all = apr_array_make(p, 4, sizeof(cli_job_t *));
    jobs->certs = apr_array_make(p, 4, sizeof(staple_refresh_cert_t));
    jobs->lists = apr_array_make(p, 4, sizeof(staple_refresh_list_t));
    jobs->extras = apr_array_make(p, 4, sizeof(list_t));
    jobs->ended = apr_array_make(p, 4, sizeof(cli_job_t *));
    return jobs;
}

/* The number of the list with these URLs, of others' or a new one. */
static apr_uint32_t list_number(cli_jobs_t *jobs, cli_job_t *job,
                                const char *const *urls, unsigned count,
                                const char *scope_url)
{
    staple_refresh_list_t *list;
    const char **copy;
    int i;

    for (i = 0; i < jobs->lists->nelts; i++) {
        const char *const *theirs =
            APR_ARRAY_IDX(jobs->lists, i, staple_refresh_list_t).urls;
        unsigned k = 0;

        while (k < count && theirs[k] != NULL
               && strcmp(theirs[k], urls[k]) == 0) {
            k++;
        }
        if (k == count && theirs[k] == NULL) {
            return (apr_uint32_t)i;
        }
    }
    copy = apr_pcalloc(jobs->pool, (count + 1) * sizeof(*copy));
    memcpy(copy, urls, count * sizeof(*copy));
    list = apr_array_push(jobs->lists);
    *list = (staple_refresh_list_t){
        .urls = copy, .scope_url = scope_url != NULL ? copy[0] : NULL,
        .policy = &jobs->by_crl};
    *(list_t *)apr_array_push(jobs->extras) = (list_t){.job = job};
    return (apr_uint32_t)i;
}

/* The lists of one distribution point each, or those that options name. */
static void add_lists(cli_jobs_t *jobs, cli_job_t *job,
                      staple_refresh_cert_t *entry,
                      const staple_crl_points_t *points)
{
    const cli_urls_t *named = &jobs->how->crl_urls;
    unsigned count = named->count > 0 ? named->count : points->count;
    apr_uint32_t *numbers = apr_palloc(jobs->pool, count * sizeof(*numbers));
    unsigned i;

    for (i = 0; i < count; i++) {
        numbers[i] =
            named->count > 0
                ? list_number(jobs, job, &named->urls[i], 1, named->urls[i])
                : list_number(jobs, job, points->points[i].urls,
                              points->points[i].url_count, NULL);
    }
    entry->lists = numbers;
    entry->list_count = count;
}

/* The certificate is asked about by its CRLs.  Not STAPLE_OK: why it cannot
 * be. */
static staple_reason_e ask_lists(cli_jobs_t *jobs, cli_job_t *job,
                                 staple_refresh_cert_t *entry,
                                 const cli_found_t *found)
{
    X509 **signers =
        apr_palloc(jobs->pool, STAPLE_CRL_MAX_SIGNERS * sizeof(*signers));
    staple_crl_cert_t *crl;
    staple_reason_e reason = staple_crl_cert_make(
        &crl, jobs->pool, X509_get0_serialNumber(found->leaf),
        X509_get0_extensions(found->leaf), found->issuer);

    if (reason == STAPLE_OK && jobs->how->crl_urls.count == 0) {
        reason = staple_crl_cert_why(&crl->points);
    }
    if (reason == STAPLE_OK) {
        entry->policy = &jobs->by_crl;
        entry->crl = crl;
        entry->signer_count = cli_crl_signers(signers, found);
        entry->signers = signers;
        add_lists(jobs, job, entry, &crl->points);
    }
    return reason;
}

/* What can be asked about the certificate, into *entry; or why nothing can. */
static staple_reason_e ask_whom(cli_jobs_t *jobs, cli_job_t *job,
                                staple_refresh_cert_t *entry,
                                const cli_found_t *found)
{
    const cli_asking_t *how = jobs->how;
    int by_crl = how->crl || how->crl_urls.count > 0;
    staple_reason_e reason;

    entry->cert = job->cert;
    entry->policy = &how->policy;
    if (!by_crl && (how->policy.urls != NULL || job->cert->url_count > 0)) {
        return STAPLE_OK;
    }
    if (!by_crl && how->no_crl) {
        return STAPLE_CERT_NO_URL;
    }
    reason = ask_lists(jobs, job, entry, found);
    return reason == STAPLE_CRL_NO_URL && !by_crl ? STAPLE_CERT_NO_URL
                                                  : reason;
}

cli_job_t *cli_jobs_add(staple_reason_e *reason, cli_jobs_t *jobs,
                        const staple_cert_t *cert, const cli_found_t *found)
{
    staple_refresh_cert_t entry = {.cert = NULL};
    cli_job_t *job;
    int i;

    *reason = STAPLE_OK;
    for (i = 0; i < jobs->all->nelts; i++) {
        job = job_of(jobs, (apr_uint32_t)i);
        if (memcmp(job->cert->sha256, cert->sha256, sizeof(cert->sha256))
            == 0) {
            return job;
        }
    }
    job = apr_pcalloc(jobs->pool, sizeof(*job));
    job->jobs = jobs;
    job->index = (apr_uint32_t)jobs->all->nelts;
    job->cert = cert;
    job->attempts = apr_array_make(jobs->pool, 4, sizeof(cli_attempt_t *));
    *reason = ask_whom(jobs, job, &entry, found);
    if (*reason != STAPLE_OK) {
        return NULL;
    }
    *(staple_refresh_cert_t *)apr_array_push(jobs->certs) = entry;
    *(cli_job_t **)apr_array_push(jobs->all) = job;
    return job;
}

unsigned cli_jobs_count(const cli_jobs_t *jobs)
{
    return (unsigned)jobs->all->nelts;
}

/* ---- attempts ---- */

static cli_attempt_t *begin_attempt(cli_job_t *job, const char *url, int by_get)
{
    cli_attempt_t *attempt = apr_pcalloc(job->jobs->pool, sizeof(*attempt));

    attempt->url = apr_pstrdup(job->jobs->pool, url);
    attempt->by_get = by_get;
    attempt->detail = "";
    *(cli_attempt_t **)apr_array_push(job->attempts) = attempt;
    return attempt;
}

static void tell_asks(const cli_job_t *job, const cli_attempt_t *attempt)
{
    const cli_jobs_hooks_t *hooks = &job->jobs->hooks;

    if (hooks->asks != NULL) {
        hooks->asks(hooks->baton, job, attempt);
    }
}

static void tell_answer(const cli_job_t *job, const cli_attempt_t *attempt)
{
    const cli_jobs_hooks_t *hooks = &job->jobs->hooks;

    if (hooks->answered != NULL) {
        hooks->answered(hooks->baton, job, attempt);
    }
}

/* The job whose attempt an exchange is: a list's is that of the first that
 * names it. */
static cli_job_t *job_asking(const cli_jobs_t *jobs,
                             const staple_exchange_t *exchange)
{
    apr_uint32_t count = (apr_uint32_t)jobs->all->nelts;

    return exchange->index < count
               ? job_of(jobs, exchange->index)
               : extra_of(jobs, exchange->index - count)->job;
}

static cli_attempt_t *attempt_of(const cli_job_t *job,
                                 const staple_exchange_t *exchange)
{
    int i = job->attempts->nelts;

    while (i-- > 0) {
        cli_attempt_t *attempt =
            APR_ARRAY_IDX(job->attempts, i, cli_attempt_t *);

        if (attempt->exchange == exchange) {
            return attempt;
        }
    }
    abort(); /* each exchange begins as an attempt */
}

/* ---- what the refresher tells ---- */

static void end_job(cli_job_t *job, staple_reason_e reason,
                    const staple_record_t *record)
{
    job->has_ended = 1;
    job->reason = reason;
    job->record = *record;
    job->jobs->count_ended++;
    *(cli_job_t **)apr_array_push(job->jobs->ended) = job;
}

/* Have all lists of this certificate ended?  It has some. */
static int has_its_lists(const cli_jobs_t *jobs, apr_uint32_t index)
{
    const staple_refresh_cert_t *entry =
        &APR_ARRAY_IDX(jobs->certs, (int)index, staple_refresh_cert_t);
    unsigned i;

    for (i = 0; i < entry->list_count; i++) {
        if (!extra_of(jobs, entry->lists[i])->has_ended) {
            return 0;
        }
    }
    return entry->list_count > 0;
}

/* A list is there, or is not to be had: after the last one of a certificate its
 * record says what they all say. */
static void end_list(cli_jobs_t *jobs, const char *url)
{
    staple_record_t record;
    int i;

    for (i = 0; i < jobs->lists->nelts; i++) {
        if (APR_ARRAY_IDX(jobs->lists, i, staple_refresh_list_t).urls[0]
            == url) {
            extra_of(jobs, (apr_uint32_t)i)->has_ended = 1;
        }
    }
    for (i = 0; i < jobs->all->nelts; i++) {
        cli_job_t *job = job_of(jobs, (apr_uint32_t)i);

        if (!job->has_ended && has_its_lists(jobs, job->index)) {
            staple_cache_get_record(&record, jobs->cache, job->index);
            end_job(job, (staple_reason_e)record.reason, &record);
        }
    }
}

static void attempt_failed(cli_job_t *job, const staple_report_t *report)
{
    cli_attempt_t *attempt = job->jobs->current;

    if (attempt == NULL) { /* one that could not be made */
        attempt = begin_attempt(job, report->url, report->by_get);
        tell_asks(job, attempt);
    }
    attempt->reason = report->reason;
    attempt->detail = apr_pstrdup(job->jobs->pool, report->detail);
    tell_answer(job, attempt);
}

static void attempt_succeeded(cli_job_t *job, const staple_report_t *report)
{
    cli_attempt_t *attempt = job->jobs->current;

    if (attempt != NULL) {
        attempt->status =
            staple_record_says_revoked(report->record) ? "revoked" : "good";
        tell_answer(job, attempt);
    }
}

static void take_report(void *baton, const staple_report_t *report)
{
    cli_jobs_t *jobs = baton;
    cli_job_t *job;

    if (report->what == STAPLE_REPORT_LIST_REFRESHED
        || report->what == STAPLE_REPORT_LIST_FAILED) {
        end_list(jobs, report->url);
        return;
    }
    job = job_of(jobs, report->index);
    if (job->has_ended) { /* and is due again while others are at work */
        return;
    }
    if (report->what == STAPLE_REPORT_ATTEMPT_FAILED) {
        attempt_failed(job, report);
    }
    else if (report->what == STAPLE_REPORT_CUT_SHORT && jobs->current != NULL) {
        jobs->current->reason = STAPLE_TIMEOUT;
        jobs->current->detail = "others wait: it is asked again";
    }
    else if (report->what == STAPLE_REPORT_REFRESHED) {
        attempt_succeeded(job, report);
        end_job(job, STAPLE_OK, report->record);
    }
    else if (report->what == STAPLE_REPORT_JOB_FAILED) {
        end_job(job, report->reason, report->record);
    }
}

/* ---- exchanges ---- */

static void ask(cli_jobs_t *jobs)
{
    staple_exchange_t *exchange;

    while ((exchange = staple_refresh_next(jobs->refresh, apr_time_now()))
           != NULL) {
        cli_job_t *job = job_asking(jobs, exchange);
        cli_attempt_t *attempt =
            begin_attempt(job, exchange->url, exchange->by_get);

        attempt->is_made = 1;
        attempt->request_len = exchange->request_len;
        attempt->exchange = exchange;
        tell_asks(job, attempt);
        staple_fetch_start(jobs->fetch, exchange);
    }
}

/* A list was taken: what it is. */
static void show_list(const cli_job_t *job, cli_attempt_t *attempt,
                      apr_uint32_t list, staple_part_e part)
{
    apr_pool_t *p = job->jobs->pool;
    const staple_list_half_t *half;
    staple_list_row_t row;

    staple_refresh_show_list(&row, job->jobs->refresh, list);
    half = part == STAPLE_PART_DELTA ? &row.delta : &row.base;
    attempt->status = apr_psprintf(
        p, "%s %s of %" APR_UINT64_T_FMT " entries, until %s",
        part == STAPLE_PART_DELTA ? "delta CRL" : "CRL", half->number,
        half->entries, cli_verdict_time(p, half->use_until));
    tell_answer(job, attempt);
}

/* Hands one answer to the refresher, which judges it. */
static void take_answer(cli_jobs_t *jobs, staple_exchange_t *exchange,
                        const staple_answer_t *answer)
{
    cli_job_t *job = job_asking(jobs, exchange);
    cli_attempt_t *attempt = attempt_of(job, exchange);
    staple_stored_list_t list = {.der = answer->der,
                                 .der_len = answer->der_len,
                                 .came_at = apr_time_now()};
    apr_uint32_t number;
    staple_reason_e reason;

    attempt->exchange = NULL;
    attempt->answer = *answer;
    attempt->answer.der = NULL; /* not ours to keep */
    attempt->answer.detail = NULL;
    jobs->current = attempt;
    if (staple_refresh_is_list(&number, &list.part, jobs->refresh, exchange)
        && answer->reason == STAPLE_OK) {
        while (staple_refresh_judge(&reason, jobs->refresh, number, &list,
                                    (apr_size_t)-1, list.came_at)) {
        }
        if (reason == STAPLE_OK) {
            show_list(job, attempt, number, list.part);
        }
    }
    staple_refresh_done(jobs->refresh, exchange, answer, list.came_at);
    jobs->current = NULL;
    staple_spool_drop(answer->spool);
}

static void take_answers(cli_jobs_t *jobs)
{
    staple_exchange_t *exchange;
    staple_answer_t answer;

    while ((exchange = staple_fetch_take(jobs->fetch, &answer)) != NULL) {
        take_answer(jobs, exchange, &answer);
    }
}

/* Outside the refresher's calls, so that the hook may call it. */
static void tell_ended(cli_jobs_t *jobs)
{
    int i;

    for (i = 0; i < jobs->ended->nelts; i++) {
        if (jobs->hooks.ended != NULL) {
            jobs->hooks.ended(jobs->hooks.baton,
                              APR_ARRAY_IDX(jobs->ended, i, cli_job_t *));
        }
    }
    jobs->ended->nelts = 0;
}

/* ---- all of them ---- */

static int make_refresh(cli_jobs_t *jobs, unsigned concurrency)
{
    const staple_fetch_options_t fetch = {
        .concurrency = concurrency,
        .user_agent = "mod_ocspstaple/" STAPLE_VERSION};
    apr_time_t now = apr_time_now();
    const staple_refresh_options_t options = {
        .concurrency = concurrency,
        .seed = (apr_uint32_t)now ^ (apr_uint32_t)getpid(),
        .lists = (const staple_refresh_list_t *)jobs->lists->elts,
        .list_count = (apr_uint32_t)jobs->lists->nelts,
        .list_max_len = (apr_size_t)jobs->how->crl_max_size,
        .report = take_report,
        .baton = jobs};
    const staple_refresh_cert_t *certs =
        (const staple_refresh_cert_t *)jobs->certs->elts;
    const apr_uint32_t count = (apr_uint32_t)jobs->certs->nelts;
    int i;

    jobs->cache = staple_refresh_own_cache(jobs->pool, certs, count,
                                           (apr_size_t)jobs->how->max_size);
    if (jobs->cache == NULL || !staple_fetch_global_init()
        || (jobs->fetch = staple_fetch_make(jobs->pool, &fetch)) == NULL) {
        return 0;
    }
    jobs->refresh = staple_refresh_make(jobs->pool, certs, count, jobs->cache,
                                        &options, now);
    for (i = 0; i < jobs->lists->nelts; i++) {
        staple_refresh_start_list(jobs->refresh, (apr_uint32_t)i, now);
    }
    return 1;
}

const char *cli_jobs_run(cli_jobs_t *jobs, unsigned concurrency,
                         const cli_jobs_hooks_t *hooks)
{
    const apr_time_t begun_at = cli_wait_now();

    jobs->hooks = *hooks;
    if (jobs->all->nelts == 0) {
        return NULL;
    }
    if (!make_refresh(jobs, concurrency)) {
        return "no memory for libcurl or the responses";
    }
    while (jobs->count_ended < jobs->all->nelts
           && (jobs->how->patience == 0
               || cli_wait_now() - begun_at < jobs->how->patience)) {
        ask(jobs);
        if (staple_refresh_in_flight(jobs->refresh) > 0) {
            staple_fetch_run(jobs->fetch, LOOK);
            take_answers(jobs);
        }
        else if (jobs->count_ended < jobs->all->nelts) {
            apr_sleep(LOOK); /* the clock was just set back */
        }
        tell_ended(jobs);
    }
    return NULL;
}

/* ---- what came of it ---- */

void cli_jobs_fill_verdict(cli_verdict_t *verdict, const cli_job_t *job)
{
    const staple_record_t *record = &job->record;

    if (!job->has_ended) {
        verdict->reason = STAPLE_TIMEOUT;
        return;
    }
    verdict->at = record->attempted_at;
    verdict->reason = job->reason;
    if (record->der_len > 0
        && (job->reason == STAPLE_OK || staple_record_says_revoked(record))) {
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

int cli_jobs_response(const unsigned char **der, apr_size_t *len,
                      const cli_job_t *job, apr_pool_t *p)
{
    apr_pool_t *scratch;
    unsigned char *bytes;
    int is_held;

    if (!job->has_ended || job->record.der_len == 0) {
        return 0;
    }
    *len = STAPLE_MAX_RESPONSE;
    apr_pool_create(&scratch, p);
    bytes = apr_palloc(scratch, *len);
    /* At the time 0: also one that says revoked and has ended. */
    is_held = staple_cache_get(bytes, len, job->jobs->cache, &job->cert->key, 0)
              == STAPLE_OK;
    if (is_held) {
        *der = apr_pmemdup(p, bytes, *len);
    }
    apr_pool_destroy(scratch);
    return is_held;
}

staple_reason_e cli_jobs_offer(cli_job_t *job, const unsigned char *der,
                               apr_size_t len)
{
    cli_jobs_t *jobs = job->jobs;
    staple_reason_e reason = staple_refresh_offer(
        jobs->refresh, job->index, der, len, apr_time_now());

    if (reason == STAPLE_OK && job->reason == STAPLE_OK) {
        staple_cache_get_record(&job->record, jobs->cache, job->index);
    }
    return reason;
}
