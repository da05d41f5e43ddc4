/* The exchange of each attempt: URL, method, request, nonce, time. */
#include "../make_ocsp.h"
#include "../tap.h"

#include <apr_strings.h>

#include "refresh/staple_source_ocsp.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static apr_pool_t *p;
static make_pki_t *pki;

/* The nonce that a request carries: its length, -1 without one. */
static int nonce_of(const unsigned char **nonce, const staple_exchange_t *e)
{
    const unsigned char *at = e->request;
    OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &at, (long)e->request_len);
    int index =
        OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);
    ASN1_OCTET_STRING *value;
    int len = -1;

    if (index >= 0) {
        value = X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(request, index));
        /* an OCTET STRING in the OCTET STRING (RFC 9654 2.1) */
        if (ASN1_STRING_get0_data(value)[0] == 4) {
            len = ASN1_STRING_get0_data(value)[1];
            *nonce = apr_pmemdup(p, ASN1_STRING_get0_data(value) + 2,
                                 (apr_size_t)len);
        }
    }
    OCSP_REQUEST_free(request);
    return len;
}

static const struct {
    const char *url;
    int by_get;
    const char *begins; /* of the whole URL; the request follows by GET */
} url_rows[] = {
    {"http://a.example", 1, "http://a.example/"},
    {"http://a.example/", 1, "http://a.example/"},
    {"http://a.example/ocsp", 1, "http://a.example/ocsp/"},
    {"http://a.example/ocsp/", 1, "http://a.example/ocsp/"},
    {"https://a.example:8443/x/", 1, "https://a.example:8443/x/"},
    {"http://a.example", 0, "http://a.example"},
    {"http://a.example/ocsp", 0, "http://a.example/ocsp"},
    {"http://a.example/?x=1", 0, "http://a.example/?x=1"},
};

static void test_urls(void)
{
    staple_exchange_t *e = apr_pcalloc(p, sizeof(*e));
    unsigned i;

    for (i = 0; i < COUNT(url_rows); i++) {
        const char *urls[] = {url_rows[i].url, NULL};
        staple_policy_t policy = STAPLE_POLICY_DEFAULT;
        apr_size_t len = strlen(url_rows[i].begins);

        policy.urls = urls;
        policy.action = STAPLE_ACTION_OVERRIDE;
        policy.method =
            url_rows[i].by_get ? STAPLE_METHOD_GET : STAPLE_METHOD_POST;
        is_reason(staple_source_ocsp_fill(e, pki->cert, &policy, 0), STAPLE_OK,
                  "%s: can be asked", url_rows[i].url);
        is_int(e->by_get, url_rows[i].by_get, "%s: method", url_rows[i].url);
        ok(strncmp(e->url, url_rows[i].begins, len) == 0
               && (url_rows[i].by_get
                       ? e->url[len] != '/' && e->url[len] != '\0'
                       : e->url[len] == '\0'),
           "%s: %.60s", url_rows[i].url, e->url);
        is_int(e->timeout, policy.timeout, "%s: time", url_rows[i].url);
    }
}

static void test_query_by_get(void)
{
    static const char *const urls[] = {"http://a.example/?x=1", NULL};
    staple_exchange_t *e = apr_pcalloc(p, sizeof(*e));
    staple_policy_t policy = STAPLE_POLICY_DEFAULT;

    policy.urls = urls;
    policy.action = STAPLE_ACTION_OVERRIDE;
    is_reason(staple_source_ocsp_fill(e, pki->cert, &policy, 0), STAPLE_OK,
              "a URL with a query: by POST");
    is_reason(staple_source_ocsp_fill(e, pki->cert, &policy, 1),
              STAPLE_URL_QUERY, "a URL with a query: not by GET");
}

static void test_nonce(void)
{
    staple_exchange_t *e = apr_pcalloc(p, sizeof(*e));
    staple_policy_t policy = STAPLE_POLICY_DEFAULT;
    const unsigned char *first = NULL, *second = NULL;

    is_reason(staple_source_ocsp_fill(e, pki->cert, &policy, 0), STAPLE_OK,
              "Nonce Off");
    is_int(e->has_nonce, 0, "Nonce Off: has none");
    is_int(nonce_of(&first, e), -1, "Nonce Off: sends none");
    policy.nonce = 1;
    is_reason(staple_source_ocsp_fill(e, pki->cert, &policy, 0), STAPLE_OK,
              "Nonce On");
    is_int(nonce_of(&first, e), 32, "Nonce On: 32 bytes (RFC 9654)");
    ok(memcmp(first, e->nonce, 32) == 0, "Nonce On: the one remembered");
    is_reason(staple_source_ocsp_fill(e, pki->cert, &policy, 0), STAPLE_OK,
              "Nonce On: again");
    is_int(nonce_of(&second, e), 32, "Nonce On: again 32 bytes");
    ok(memcmp(first, second, 32) != 0, "Nonce On: another one each time");
    is_reason(staple_source_ocsp_fill(e, pki->cert, &policy, 1), STAPLE_OK,
              "Nonce On: fits into a GET");
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    test_urls();
    test_query_by_get();
    test_nonce();
    make_end(p);
    return tap_done();
}
