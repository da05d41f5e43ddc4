/* The request in DER, and the URL that carries it by GET. */
#include "../make_ocsp.h"
#include "../tap.h"

#include <apr_strings.h>
#include <stdlib.h>

#include "ocsp/staple_request.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- the request ---- */

static OCSP_REQUEST *decode(const unsigned char *der, apr_size_t len)
{
    const unsigned char *at = der;
    OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &at, (long)len);

    ok(request != NULL && at == der + len, "it decodes, wholly");
    return request;
}

static void test_plain(const make_pki_t *pki)
{
    unsigned char der[STAPLE_MAX_REQUEST], again[STAPLE_MAX_REQUEST];
    apr_size_t len = 0, again_len = 0;
    OCSP_CERTID *want;
    OCSP_REQUEST *request;

    is_reason(staple_request_make(der, &len, pki->cert, 0, NULL), STAPLE_OK,
              "a request without nonce");
    request = decode(der, len);
    want = OCSP_cert_to_id(EVP_sha1(), pki->leaf.x509, pki->issuer.x509);
    is_int(OCSP_request_onereq_count(request), 1,
           "one certificate (RFC 5019 2.1.1)");
    ok(OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)),
                   want) == 0,
       "its CertID is with SHA-1 (RFC 5019 2.1.1)");
    is_int(OCSP_REQUEST_get_ext_count(request), 0,
           "no extension (RFC 5019 2.1.1)");
    is_int(OCSP_request_is_signed(request), 0, "not signed (RFC 5019 2.1.2)");
    staple_request_make(again, &again_len, pki->cert, 0, NULL);
    ok(again_len == len && memcmp(again, der, len) == 0,
       "the same bytes each time, so that GETs can be cached");
    OCSP_CERTID_free(want);
    OCSP_REQUEST_free(request);
}

/* RFC 9919 3.1.1: the other digest of the same names and number. */
static void test_sha256(const make_pki_t *pki)
{
    unsigned char nonce[STAPLE_NONCE_LEN] = {0}, der[STAPLE_MAX_REQUEST];
    char url[STAPLE_REQUEST_URL_SIZE];
    OCSP_REQUEST *request;
    apr_size_t len = 0;
    OCSP_CERTID *want =
        OCSP_cert_to_id(EVP_sha256(), pki->leaf.x509, pki->issuer.x509);

    is_reason(staple_request_make(der, &len, pki->cert, 1, NULL), STAPLE_OK,
              "a request by SHA-256");
    request = decode(der, len);
    ok(OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)),
                   want) == 0,
       "its CertID is with SHA-256");
    is_reason(staple_request_get_url(url, "http://a.example/", der, len),
              STAPLE_OK, "it fits into a GET");
    OCSP_REQUEST_free(request);
    is_reason(staple_request_make(der, &len, pki->cert, 1, nonce), STAPLE_OK,
              "and may have a nonce");
    OCSP_CERTID_free(want);
}

static void test_nonce(const make_pki_t *pki)
{
    unsigned char nonce[STAPLE_NONCE_LEN], der[STAPLE_MAX_REQUEST];
    const unsigned char *data;
    ASN1_OCTET_STRING *value;
    OCSP_REQUEST *request;
    apr_size_t len = 0;
    unsigned i;
    int at;

    for (i = 0; i < sizeof(nonce); i++) {
        nonce[i] = (unsigned char)(i == 0 ? 0x80 : i);
    }
    is_reason(staple_request_make(der, &len, pki->cert, 0, nonce), STAPLE_OK,
              "a request with nonce");
    request = decode(der, len);
    at = OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);
    ok(at >= 0 && OCSP_REQUEST_get_ext_count(request) == 1,
       "the nonce is its only extension");
    value = X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(request, at));
    data = ASN1_STRING_get0_data(value);
    ok(ASN1_STRING_length(value) == 2 + STAPLE_NONCE_LEN && data[0] == 4
           && data[1] == STAPLE_NONCE_LEN
           && memcmp(data + 2, nonce, STAPLE_NONCE_LEN) == 0,
       "32 octets in an OCTET STRING of their own (RFC 9654 2.1)");
    OCSP_REQUEST_free(request);
}

static void test_largest(apr_pool_t *p, const make_pki_t *pki)
{
    unsigned char nonce[STAPLE_NONCE_LEN] = {1};
    unsigned char der[STAPLE_MAX_REQUEST];
    apr_size_t len = 0;
    make_identity_t leaf = make_cert(p, &(make_cert_t){
        .name = "large", .issuer = &pki->issuer, .subject_bytes = 20 * 1024,
        .serial = "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"});
    staple_cert_t *cert = make_staple_cert(p, pki->issuers, leaf.x509,
                                           pki->issuer.x509);

    is_reason(staple_request_make(der, &len, cert, 0, nonce), STAPLE_OK,
              "20 octets of serial and a nonce");
    ok(len > 0 && len <= STAPLE_MAX_REQUEST, "%u bytes", (unsigned)len);
}

static void test_bad_certid(const make_pki_t *pki)
{
    unsigned char der[STAPLE_MAX_REQUEST];
    apr_size_t len = 4242;
    staple_cert_t cert = *pki->cert;

    cert.certid_len -= 1;
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 42);
    ok(staple_request_make(der, &len, &cert, 0, NULL) != STAPLE_OK,
       "a CertID that cannot be read");
    is_int(len, 4242, "a CertID that cannot be read: *len untouched");
    is_int(ERR_GET_REASON(ERR_get_error()), 42, "error queue as it was");
    is_int(ERR_get_error(), 0, "error queue: nothing added");
}

/* ---- the URL ---- */

static const struct {
    const char *name, *responder;
    const char *der; /* bytes of the request */
    apr_size_t len;
    const char *want;
} url_rows[] = {
    {"a slash where there is none", "http://a", "abc", 3, "http://a/YWJj"},
    {"no second slash where there is one (Let's Encrypt, May 2017)",
     "http://a/", "abc", 3, "http://a/YWJj"},
    {"a path without slash at its end", "http://a/b/c", "abc", 3,
     "http://a/b/c/YWJj"},
    {"a path with one", "http://a/b/c/", "abc", 3, "http://a/b/c/YWJj"},
    {"a port", "http://a:8080", "abc", 3, "http://a:8080/YWJj"},
    {"IPv6", "http://[::1]:80/", "abc", 3, "http://[::1]:80/YWJj"},
    {"'+' is escaped (RFC 6960 A.1)", "http://a", "\xfb\xef\xbe", 3,
     "http://a/%2B%2B%2B%2B"},
    {"'/' is escaped (RFC 6960 A.1)", "http://a", "\xff\xff\xff", 3,
     "http://a/%2F%2F%2F%2F"},
    {"one '=' is escaped", "http://a", "ab", 2, "http://a/YWI%3D"},
    {"two are", "http://a", "a", 1, "http://a/YQ%3D%3D"},
};

static void test_urls(void)
{
    char buf[STAPLE_REQUEST_URL_SIZE];
    unsigned i;

    for (i = 0; i < COUNT(url_rows); i++) {
        memset(buf, '#', sizeof(buf));
        is_reason(staple_request_get_url(
                      buf, url_rows[i].responder,
                      (const unsigned char *)url_rows[i].der,
                      url_rows[i].len),
                  STAPLE_OK, "GET: %s", url_rows[i].name);
        is_str(buf, url_rows[i].want, "GET: %s: URL", url_rows[i].name);
    }
    is_reason(staple_request_get_url(buf, "http://a/?b=c",
                                     (const unsigned char *)"abc", 3),
              STAPLE_URL_QUERY, "GET: a query cannot be appended to");
    is_reason(staple_request_get_url(buf, "http://a?",
                                     (const unsigned char *)"abc", 3),
              STAPLE_URL_QUERY, "GET: nor an empty one");
}

/* What follows the responder's URL, as people count: after encoding. */
static void test_limit(void)
{
    static const struct {
        const char *name;
        unsigned char byte;
        apr_size_t len;
        staple_reason_e want;
    } rows[] = {
        {"no byte needs escapes: 252 of 255", 0, 189, STAPLE_OK},
        {"252 and 4", 0, 190, STAPLE_REQUEST_TOO_LARGE},
        {"all bytes are escaped: 252 of 255", 0xff, 63, STAPLE_OK},
        {"all bytes are escaped: 264", 0xff, 66, STAPLE_REQUEST_TOO_LARGE},
        {"as large as requests get", 0, STAPLE_MAX_REQUEST,
         STAPLE_REQUEST_TOO_LARGE},
        {"larger than requests get", 0, STAPLE_MAX_REQUEST + 1,
         STAPLE_REQUEST_TOO_LARGE},
        {"as large as requests get, escaped", 0xff, STAPLE_MAX_REQUEST,
         STAPLE_REQUEST_TOO_LARGE},
    };
    unsigned char der[STAPLE_MAX_REQUEST + 1];
    char *buf = malloc(STAPLE_REQUEST_URL_SIZE);
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        memset(der, rows[i].byte, sizeof(der));
        is_reason(staple_request_get_url(buf, "http://a", der, rows[i].len),
                  rows[i].want, "limit of 255 (RFC 5019 5): %s",
                  rows[i].name);
    }
    free(buf);
}

/* The lengths around 255 one by one, with 1 or 2 escapes at the end. */
static void test_each_length(void)
{
    unsigned char der[STAPLE_MAX_REQUEST] = {0};
    char buf[STAPLE_REQUEST_URL_SIZE];
    unsigned wrong = 0;
    apr_size_t len;

    for (len = 1; len <= 400; len++) {
        apr_size_t encoded = (len + 2) / 3 * 4
                             + (len % 3 == 0 ? 0 : 2 * (3 - len % 3));
        staple_reason_e want
            = encoded <= 255 ? STAPLE_OK : STAPLE_REQUEST_TOO_LARGE;

        if (staple_request_get_url(buf, "http://a/", der, len) != want
            || (want == STAPLE_OK && strlen(buf) != 9 + encoded)) {
            wrong++;
        }
    }
    is_int(wrong, 0, "limit of 255: right for each length up to 400");
}

/* A URL of the longest kind, with and without slash, fills the buffer. */
static void test_longest(void)
{
    static const char ends[] = {'/', 'a'};
    unsigned char der[189] = {0};
    char *url = malloc(STAPLE_MAX_URL + 2);
    char *buf = malloc(STAPLE_REQUEST_URL_SIZE);
    unsigned i;

    for (i = 0; i < sizeof(ends); i++) {
        memset(url, 'a', STAPLE_MAX_URL + 1);
        memcpy(url, "http://a/", 9);
        url[STAPLE_MAX_URL - 1] = ends[i];
        url[STAPLE_MAX_URL] = '\0';
        is_reason(staple_request_get_url(buf, url, der, sizeof(der)),
                  STAPLE_OK, "the longest URL, ending in '%c'", ends[i]);
        is_int(strlen(buf), STAPLE_MAX_URL + (ends[i] != '/') + 252,
               "the longest URL, ending in '%c': length", ends[i]);
    }
    url[STAPLE_MAX_URL] = 'a';
    url[STAPLE_MAX_URL + 1] = '\0';
    is_reason(staple_request_get_url(buf, url, der, sizeof(der)),
              STAPLE_URL_TOO_LONG, "a longer one");
    free(buf);
    free(url);
}

/* A usual request comes back whole from its GET URL. */
static void test_round_trip(apr_pool_t *p, const make_pki_t *pki)
{
    unsigned char der[STAPLE_MAX_REQUEST], back[STAPLE_MAX_REQUEST];
    char buf[STAPLE_REQUEST_URL_SIZE], base64[STAPLE_MAX_GET + 1];
    apr_size_t len = 0, used = 0;
    const char *at;
    int padding = 0;

    staple_request_make(der, &len, pki->cert, 0, NULL);
    is_reason(staple_request_get_url(buf, pki->cert->urls[0], der, len),
              STAPLE_OK, "a usual request fits into a GET");
    for (at = buf + strlen(pki->cert->urls[0]); *at != '\0'; at++) {
        char c = *at;

        if (c == '%') {
            c = (char)strtol(apr_pstrmemdup(p, at + 1, 2), NULL, 16);
            at += 2;
        }
        padding += c == '=';
        base64[used++] = c;
    }
    is_int(EVP_DecodeBlock(back, (unsigned char *)base64, (int)used) - padding,
           len, "decoded: its length");
    ok(memcmp(back, der, len) == 0, "decoded: the very bytes");
}

int main(void)
{
    apr_pool_t *p = make_begin();
    make_pki_t *pki = make_pki(p);

    test_plain(pki);
    test_sha256(pki);
    test_nonce(pki);
    test_largest(p, pki);
    test_bad_certid(pki);
    test_urls();
    test_limit();
    test_each_length();
    test_longest();
    test_round_trip(p, pki);
    make_end(p);
    return tap_done();
}
