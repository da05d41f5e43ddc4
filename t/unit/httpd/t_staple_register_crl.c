/* CRLs of certificates: which can be followed, which lists there are, and who
 * may have signed them; without httpd. */
#include "../tap.h"

#include <apr_strings.h>
#include <http_main.h>

#include "../make_crl.h"
#include "httpd/generation/staple_register_crl.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static apr_pool_t *p;
static make_pki_t *pki;

/* ---- what httpd and the chain would do ---- */

server_rec *ap_server_conf;
module ocspstaple_module;

#undef ap_get_server_module_loglevel
int ap_get_server_module_loglevel(const server_rec *s, int index)
{
    (void)s;
    (void)index;
    return APLOG_WARNING;
}

void ap_log_error_(const char *file, int line, int index, int level,
                   apr_status_t status, const server_rec *s, const char *format,
                   ...)
{
    (void)file;
    (void)line;
    (void)index;
    (void)level;
    (void)status;
    (void)s;
    (void)format;
}

/* The chain: what is found by any name, NULL at the end. */
static X509 *candidates[16];
static unsigned searches;

X509 *staple_chain_find(const staple_chain_t *chain, const X509_NAME *subject,
                        staple_chain_is_it_fn *is_it, void *baton)
{
    unsigned i;

    (void)chain;
    (void)subject;
    searches++;
    for (i = 0; candidates[i] != NULL; i++) {
        if (is_it(baton, candidates[i])) {
            return candidates[i];
        }
    }
    return NULL;
}

X509 *staple_chain_issuer(const staple_chain_t *chain, X509 *x509)
{
    (void)chain;
    (void)x509;
    return pki->root.x509;
}

/* ---- certificates ---- */

static const staple_policy_t usual = STAPLE_POLICY_DEFAULT;

static X509 *with_points(const char *conf)
{
    return make_crl_cert(p,
                         &(make_cert_t){.name = "x", .issuer = &pki->issuer},
                         conf)
        .x509;
}

/* An entry with these extensions and settings, as it is followed. */
static staple_refresh_cert_t follow(const char *conf,
                                    const staple_policy_t *policy)
{
    staple_refresh_cert_t entry = {.cert = pki->cert, .policy = policy};

    staple_register_crl_follow(
        &entry, staple_register_crl_describe(with_points(conf)));
    return entry;
}

/* Its lists: "0:http://a/ http://b/ 1:file". */
static const char *lists_of(const staple_refresh_cert_t *entry)
{
    const char *text = "";
    unsigned i, k;

    for (i = 0; i < entry->list_count; i++) {
        const staple_refresh_list_t *list =
            &APR_ARRAY_IDX(staple_register_crl_lists(), entry->lists[i],
                           staple_refresh_list_t);

        text = apr_psprintf(p, "%s%s%u:", text, i > 0 ? " " : "",
                            entry->lists[i]);
        for (k = 0; list->urls != NULL && list->urls[k] != NULL; k++) {
            text = apr_pstrcat(p, text, k > 0 ? " " : "", list->urls[k], NULL);
        }
        text = apr_pstrcat(p, text, list->file, NULL);
    }
    return text;
}

static const staple_refresh_list_t *list_at(int number)
{
    return &APR_ARRAY_IDX(staple_register_crl_lists(), number,
                          staple_refresh_list_t);
}

#define POINT_A "crlDistributionPoints=URI:http://a/\n"
#define POINTS_B                                                               \
    "crlDistributionPoints=b,c\n[b]\nfullname=URI:ldap://b/,URI:http://b/,"    \
    "URI:http://b/2\n[c]\nfullname=URI:http://c/\n"

static const char *const urls[] = {"http://u/", "http://v/", NULL};
static const char *const files[] = {"/f", NULL};

/* ---- tests ---- */

static void check_why(void)
{
    static const struct {
        const char *what, *conf;
        staple_crl_use_e crl;
        int no_network, has_urls, has_files;
        staple_reason_e reason;
    } rows[] = {
        {"a point", POINT_A, STAPLE_CRL_FALLBACK, 0, 0, 0, STAPLE_OK},
        {"off", POINT_A, STAPLE_CRL_OFF, 0, 1, 1, STAPLE_CERT_NO_SOURCE},
        {"always", POINT_A, STAPLE_CRL_ALWAYS, 0, 0, 0, STAPLE_OK},
        {"no network", POINT_A, STAPLE_CRL_FALLBACK, 1, 0, 0,
         STAPLE_CERT_NO_SOURCE},
        {"no network, URLs", POINT_A, STAPLE_CRL_FALLBACK, 1, 1, 0,
         STAPLE_CERT_NO_SOURCE},
        {"no network, files", POINT_A, STAPLE_CRL_FALLBACK, 1, 0, 1, STAPLE_OK},
        {"no point", "", STAPLE_CRL_FALLBACK, 0, 0, 0, STAPLE_CRL_NO_URL},
        {"no point, URLs", "", STAPLE_CRL_FALLBACK, 0, 1, 0, STAPLE_OK},
        {"no point, files", "", STAPLE_CRL_FALLBACK, 0, 0, 1, STAPLE_OK},
        {"ldap", "crlDistributionPoints=URI:ldap://a/", STAPLE_CRL_FALLBACK, 0,
         0, 0, STAPLE_CRL_NO_URL},
        {"some reasons",
         "crlDistributionPoints=d\n[d]\nfullname=URI:http://a/\n"
         "reasons=keyCompromise",
         STAPLE_CRL_FALLBACK, 0, 0, 0, STAPLE_CRL_SOME_REASONS},
        {"some reasons, URLs",
         "crlDistributionPoints=d\n[d]\nfullname=URI:http://a/\n"
         "reasons=keyCompromise",
         STAPLE_CRL_FALLBACK, 0, 1, 1, STAPLE_CRL_SOME_REASONS},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        staple_policy_t policy = usual;

        policy.crl = rows[i].crl;
        policy.no_network = rows[i].no_network;
        policy.crl_urls = rows[i].has_urls ? urls : NULL;
        policy.crl_files = rows[i].has_files ? files : NULL;
        is_int(staple_register_crl_why(
                   &policy,
                   staple_register_crl_describe(with_points(rows[i].conf))),
               rows[i].reason, "why: %s", rows[i].what);
    }
    is_int(staple_register_crl_why(&usual, NULL), STAPLE_CERT_UNREADABLE,
           "why: unreadable");
}

static void check_lists(void)
{
    staple_policy_t other = usual;
    staple_refresh_cert_t entry;

    staple_register_crl_begin(p);
    entry = follow(POINT_A, &usual);
    is_str(lists_of(&entry), "0:http://a/", "lists: of one point");
    ok(entry.crl->issuer == pki->cert->issuer->x509, "lists: the issuer");
    is_int(entry.signer_count, 1, "lists: who was not looked for is alone");
    entry = follow(POINTS_B, &usual);
    is_str(lists_of(&entry), "1:http://b/ http://b/2 2:http://c/",
           "lists: of two points, one of alternatives");
    entry = follow("crlDistributionPoints=URI:http://c/\n"
                   "freshestCRL=URI:http://d/\n",
                   &usual);
    is_str(lists_of(&entry), "2:http://c/", "lists: the same is shared");
    is_str(list_at(2)->delta_urls[0], "http://d/", "lists: where deltas are");
    ok(list_at(0)->delta_urls == NULL, "lists: the list says it");
    other.crl_urls = urls;
    other.crl_files = files;
    entry = follow(POINT_A, &other);
    is_str(lists_of(&entry), "3:http://u/ 4:http://v/ 5:/f",
           "lists: configured ones instead, files beside them");
    is_str(list_at(4)->scope_url, "http://v/", "lists: the name of one");
    ok(list_at(0)->scope_url == NULL && list_at(5)->urls == NULL,
       "lists: others have none");
    other.no_network = 1;
    entry = follow(POINT_A, &other);
    is_str(lists_of(&entry), "5:/f", "lists: files alone");
    other.crl = STAPLE_CRL_OFF;
    entry = follow(POINT_A, &other);
    ok(entry.crl == NULL && entry.list_count == 0, "lists: off, none");
    is_int(staple_register_crl_lists()->nelts, 6, "lists: all of them");
}

/* Servers come from the last of the configuration to the first. */
static void check_policy(void)
{
    staple_policy_t last = usual, first = usual;
    staple_refresh_cert_t entry;

    staple_register_crl_begin(p);
    staple_register_crl_server(&last);
    staple_register_crl_server(&first);
    entry = follow(POINT_A, &last);
    ok(list_at(0)->policy == &last, "policy: of the only one");
    entry = follow(POINT_A, &first);
    ok(list_at(0)->policy == &first, "policy: of the first");
    entry = follow(POINT_A, &last);
    ok(list_at(0)->policy == &first, "policy: it stays");
    staple_register_crl_server(&last);
    entry = follow(POINT_A, &last);
    ok(list_at(0)->policy == &last && entry.list_count == 1,
       "policy: another server of the same settings came before");
}

static X509 *named_issuer(const make_identity_t *by)
{
    return make_cert(p, &(make_cert_t){.name = "Issuer", .issuer = by}).x509;
}

static void check_signers(void)
{
    staple_policy_t other = usual;
    staple_refresh_cert_t entry;
    unsigned i;

    staple_register_crl_begin(p);
    candidates[0] = pki->issuer.x509;
    candidates[1] = named_issuer(&pki->root);
    candidates[2] = named_issuer(&pki->other);
    candidates[3] = candidates[1];
    candidates[4] = named_issuer(&pki->issuer);
    staple_register_crl_look_for_signers(pki->cert->issuer, NULL, &usual);
    staple_register_crl_look_for_signers(pki->cert->issuer, NULL, &usual);
    is_int(searches, 1, "signers: looked for once");
    entry = follow(POINT_A, &usual);
    is_int(entry.signer_count, 3, "signers: those that may, each once");
    ok(entry.signers[0] == pki->cert->issuer->x509
           && entry.signers[1] == candidates[1]
           && entry.signers[2] == candidates[4],
       "signers: the issuer is the first");
    for (i = 5; i < COUNT(candidates) - 1; i++) {
        candidates[i] = named_issuer(&pki->root);
    }
    staple_register_crl_look_for_signers(pki->cert->issuer, NULL, &other);
    is_int(searches, 2, "signers: again with other settings");
    entry = follow(POINT_A, &usual);
    is_int(entry.signer_count, STAPLE_CRL_MAX_SIGNERS,
           "signers: as many as there is room for");
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    staple_register_crl_begin(p);
    check_why();
    check_lists();
    check_policy();
    check_signers();
    make_end(p);
    return tap_done();
}
