/* CRLs of the certificates that are registered: which ones, and whose. */
#include "staple_register_crl.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_main.h>

#include "crl/staple_crl_check.h"

/* Who may sign the lists of one issuer. */
typedef struct signers_t {
    X509 *x509[STAPLE_CRL_MAX_SIGNERS]; /* the issuer first */
    unsigned count;
    const staple_policy_t *policy; /* of the server that was looked at last */
} signers_t;

static struct {
    apr_pool_t *pool;
    apr_array_header_t *lists; /* staple_refresh_list_t */
    apr_hash_t *numbers; /* what makes a list -> apr_uint32_t, its number */
    apr_hash_t *signers; /* staple_issuer_t * -> signers_t */
    apr_hash_t *ranks;   /* staple_policy_t * -> unsigned: the higher, the
                            sooner it stands in the configuration */
    unsigned rank;       /* of the last server */
} crls;

void staple_register_crl_begin(apr_pool_t *pconf)
{
    crls.pool = pconf;
    crls.lists = apr_array_make(pconf, 4, sizeof(staple_refresh_list_t));
    crls.numbers = apr_hash_make(pconf);
    crls.signers = apr_hash_make(pconf);
    crls.ranks = apr_hash_make(pconf);
    crls.rank = 0;
}

/* ---- can a CRL be followed? ---- */

staple_crl_cert_t *staple_register_crl_describe(X509 *x509)
{
    staple_crl_cert_t *crl;

    return staple_crl_cert_make(&crl, crls.pool, X509_get0_serialNumber(x509),
                                X509_get0_extensions(x509), NULL)
                   == STAPLE_OK
               ? crl
               : NULL;
}

/* The same of what the network has. */
static staple_reason_e why_not_fetched(const staple_policy_t *policy,
                                       const staple_crl_cert_t *crl)
{
    if (policy->no_network) {
        return STAPLE_CERT_NO_SOURCE;
    }
    return policy->crl_urls != NULL
               ? staple_crl_cert_check(crl, policy->crl_urls[0])
               : staple_crl_cert_why(&crl->points);
}

staple_reason_e staple_register_crl_why(const staple_policy_t *policy,
                                        const staple_crl_cert_t *crl)
{
    if (policy->crl == STAPLE_CRL_OFF) {
        return STAPLE_CERT_NO_SOURCE;
    }
    if (crl == NULL) {
        return STAPLE_CERT_UNREADABLE;
    }
    return policy->crl_files != NULL
                   && staple_crl_cert_check(crl, NULL) == STAPLE_OK
               ? STAPLE_OK
               : why_not_fetched(policy, crl);
}

/* ---- who may have signed ---- */

static apr_status_t free_x509(void *x509)
{
    X509_free(x509);
    return APR_SUCCESS;
}

static signers_t *signers_of(const staple_issuer_t *issuer)
{
    signers_t *signers = apr_hash_get(crls.signers, &issuer, sizeof(issuer));

    if (signers == NULL) {
        const staple_issuer_t **key =
            apr_pmemdup(crls.pool, &issuer, sizeof(issuer));

        signers = apr_pcalloc(crls.pool, sizeof(*signers));
        signers->x509[signers->count++] = issuer->x509;
        apr_hash_set(crls.signers, key, sizeof(*key), signers);
    }
    return signers;
}

/* What is_signer() has to know. */
typedef struct search_t {
    signers_t *signers;
    X509 *above; /* the issuer's issuer, or NULL */
} search_t;

/* Takes each that may sign, and ends the search where there is no more room. */
static int is_last_signer(void *baton, X509 *x509)
{
    const search_t *search = baton;
    signers_t *signers = search->signers;
    unsigned i;

    for (i = 0; i < signers->count; i++) {
        if (X509_cmp(signers->x509[i], x509) == 0) {
            return 0;
        }
    }
    if (signers->count < STAPLE_CRL_MAX_SIGNERS
        && staple_crl_check_is_rollover(x509, signers->x509[0], search->above)
        && X509_up_ref(x509)) {
        signers->x509[signers->count++] = x509;
        apr_pool_cleanup_register(crls.pool, x509, free_x509,
                                  apr_pool_cleanup_null);
    }
    return signers->count == STAPLE_CRL_MAX_SIGNERS;
}

void staple_register_crl_look_for_signers(const staple_issuer_t *issuer,
                                          const staple_chain_t *chain,
                                          const staple_policy_t *policy)
{
    signers_t *signers = signers_of(issuer);

    if (signers->policy != policy) {
        search_t search = {signers, staple_chain_issuer(chain, issuer->x509)};

        signers->policy = policy;
        staple_chain_find(chain, X509_get_subject_name(issuer->x509),
                          is_last_signer, &search);
    }
}

/* ---- lists ---- */

void staple_register_crl_server(const staple_policy_t *policy)
{
    unsigned *rank = apr_hash_get(crls.ranks, &policy, sizeof(policy));

    if (rank == NULL) {
        struct {
            const staple_policy_t *policy;
            unsigned rank;
        } *row = apr_palloc(crls.pool, sizeof(*row));

        row->policy = policy;
        rank = &row->rank;
        apr_hash_set(crls.ranks, &row->policy, sizeof(row->policy), rank);
    }
    *rank = ++crls.rank;
}

static unsigned rank_of(const staple_policy_t *policy)
{
    const unsigned *rank = apr_hash_get(crls.ranks, &policy, sizeof(policy));

    return rank != NULL ? *rank : 0;
}

/* The lists of one certificate, as they are found. */
typedef struct found_t {
    const staple_cert_t *cert;
    const staple_policy_t *policy;
    const signers_t *signers;
    apr_array_header_t *numbers; /* apr_uint32_t */
} found_t;

static void tell_new(const found_t *found, const staple_refresh_list_t *list)
{
    ap_log_error(APLOG_MARK, APLOG_DEBUG, 0, ap_server_conf,
                 "CRL %s%s is followed, for certificate \"%s\" at first; "
                 "%u certificates may have signed it; deltas: %s",
                 list->file != NULL ? list->file : list->urls[0],
                 list->file == NULL && list->urls[1] != NULL ? ", ..." : "",
                 found->cert->subject, found->signers->count,
                 list->delta_urls != NULL ? list->delta_urls[0] : "none");
}

/* One more: the list that has this key, which is made by a copy of `made` if it
 * is new. */
static void add_list(found_t *found, const char *key,
                     const staple_refresh_list_t *made)
{
    apr_uint32_t *number = apr_hash_get(crls.numbers, key, APR_HASH_KEY_STRING);
    staple_refresh_list_t *list;

    if (number == NULL) {
        number = apr_palloc(crls.pool, sizeof(*number));
        *number = (apr_uint32_t)crls.lists->nelts;
        list = apr_array_push(crls.lists);
        *list = *made;
        list->policy = found->policy;
        apr_hash_set(crls.numbers, key, APR_HASH_KEY_STRING, number);
        tell_new(found, list);
    }
    list = &APR_ARRAY_IDX(crls.lists, *number, staple_refresh_list_t);
    if (rank_of(found->policy) > rank_of(list->policy)) {
        list->policy = found->policy;
    }
    if (list->delta_urls == NULL) {
        list->delta_urls = made->delta_urls;
    }
    *(apr_uint32_t *)apr_array_push(found->numbers) = *number;
}

/* What no URL and no path has in it, so that no two keys are the same. */
#define KEY_END "\n"

/* These URLs, NULL at the end, alternatives for one list. */
static const char *const *urls_of(const staple_crl_point_t *point)
{
    const char **urls =
        apr_pcalloc(crls.pool, (point->url_count + 1) * sizeof(*urls));

    memcpy(urls, point->urls, point->url_count * sizeof(*urls));
    return urls;
}

/* Where the deltas of a certificate's only list are: its first point that can
 * be asked, or NULL. */
static const char *const *delta_urls_of(const staple_crl_cert_t *crl)
{
    const staple_crl_points_t *freshest = &crl->freshest;
    unsigned i;

    if (crl->points.count + crl->points.refused_count != 1) {
        return NULL;
    }
    for (i = 0; i < freshest->count; i++) {
        if (freshest->points[i].url_count > 0) {
            return urls_of(&freshest->points[i]);
        }
    }
    return NULL;
}

/* The lists that the certificate names. */
static void add_points(found_t *found, const staple_crl_cert_t *crl)
{
    unsigned i, k;

    for (i = 0; i < crl->points.count; i++) {
        const staple_crl_point_t *point = &crl->points.points[i];
        const char *key = "names" KEY_END;
        staple_refresh_list_t list = {.urls = urls_of(point),
                                      .delta_urls = delta_urls_of(crl)};

        for (k = 0; k < point->url_count; k++) {
            key = apr_pstrcat(crls.pool, key, point->urls[k], KEY_END, NULL);
        }
        if (point->url_count > 0) {
            add_list(found, key, &list);
        }
    }
}

/* The configured lists. */
static void add_urls(found_t *found, const staple_crl_cert_t *crl)
{
    const char *const *url = found->policy->crl_urls;

    for (; *url != NULL; url++) {
        const char *const urls[] = {*url, NULL};
        staple_refresh_list_t list = {
            .urls = apr_pmemdup(crls.pool, urls, sizeof(urls)),
            .scope_url = *url};

        if (staple_crl_cert_check(crl, *url) == STAPLE_OK) {
            add_list(found, apr_pstrcat(crls.pool, "url" KEY_END, *url, NULL),
                     &list);
        }
    }
}

static void add_files(found_t *found, const staple_crl_cert_t *crl)
{
    const char *const *file = found->policy->crl_files;

    for (; file != NULL && *file != NULL; file++) {
        staple_refresh_list_t list = {.file = *file};

        if (staple_crl_cert_check(crl, NULL) == STAPLE_OK) {
            add_list(found, apr_pstrcat(crls.pool, "file" KEY_END, *file, NULL),
                     &list);
        }
    }
}

void staple_register_crl_follow(staple_refresh_cert_t *entry,
                                staple_crl_cert_t *crl)
{
    found_t found = {entry->cert, entry->policy, NULL, NULL};

    if (staple_register_crl_why(entry->policy, crl) != STAPLE_OK) {
        return;
    }
    found.signers = signers_of(entry->cert->issuer);
    found.numbers = apr_array_make(crls.pool, 1, sizeof(apr_uint32_t));
    if (!entry->policy->no_network && entry->policy->crl_urls != NULL) {
        add_urls(&found, crl);
    }
    else if (!entry->policy->no_network) {
        add_points(&found, crl);
    }
    add_files(&found, crl);
    crl->issuer = entry->cert->issuer->x509;
    entry->crl = crl;
    entry->lists = (const apr_uint32_t *)(const void *)found.numbers->elts;
    entry->list_count = (unsigned)found.numbers->nelts;
    entry->signers = found.signers->x509;
    entry->signer_count = found.signers->count;
}

const apr_array_header_t *staple_register_crl_lists(void)
{
    return crls.lists;
}
