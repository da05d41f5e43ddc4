/* PEM of leaf and issuer -> entry, and the requests made from that. */
#include <openssl/pem.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_pki.h"
#include "base/staple_parse.h"
#include "ocsp/staple_request.h"

/*
 * First byte:
 *   0  the rest is the PEM text of two certificates
 *   1  the rest is a leaf in DER; the issuer is the fixed one
 *   2  so, and the leaf is made to name that issuer
 *   3  so, and the rest is the issuer of the fixed leaf
 */
static apr_pool_t *root;
static make_pki_t *pki;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    root = make_begin();
    pki = fuzz_pki_load(root);
    return 0;
}

static void check_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        FUZZ_CHECK(*text >= ' ' && *text <= '~');
    }
}

/* What is requested of this responder is what was put into the URL. */
static void check_url(const char *url, const unsigned char *der, apr_size_t len)
{
    char buf[STAPLE_REQUEST_URL_SIZE];
    apr_size_t base = strlen(url);
    staple_reason_e reason = staple_request_get_url(buf, url, der, len);

    FUZZ_CHECK(staple_parse_url(url, base) == STAPLE_OK);
    if (reason != STAPLE_OK) {
        FUZZ_CHECK(reason == STAPLE_REQUEST_TOO_LARGE
                   || reason == STAPLE_URL_QUERY);
        return;
    }
    FUZZ_CHECK(strlen(buf) < sizeof(buf));
    FUZZ_CHECK(strncmp(buf, url, base) == 0);
    base += url[base - 1] != '/';
    FUZZ_CHECK(buf[base - 1] == '/' && buf[base] != '/');
    FUZZ_CHECK(strlen(buf + base) <= STAPLE_MAX_GET);
}

static void check_cert(const staple_cert_t *cert)
{
    unsigned char der[STAPLE_MAX_REQUEST];
    apr_size_t len = 0;
    unsigned i;

    FUZZ_CHECK(cert->url_count <= STAPLE_MAX_AIA_URLS);
    check_printable(cert->subject);
    check_printable(cert->serial);
    check_printable(cert->issuer->subject);
    if (staple_request_make(der, &len, cert, 0, NULL) != STAPLE_OK) {
        return;
    }
    FUZZ_CHECK(len > 0 && len <= sizeof(der));
    for (i = 0; i < cert->url_count; i++) {
        check_url(cert->urls[i], der, len);
    }
}

/* From DER, with the fixed issuer or as the issuer of the fixed leaf. */
static staple_reason_e from_der(staple_cert_t **cert, apr_pool_t *p,
                                staple_issuers_t *issuers, unsigned how,
                                const uint8_t *data, size_t size)
{
    const unsigned char *at = data;
    X509 *x509 = d2i_X509(NULL, &at, (long)size);
    staple_reason_e reason = STAPLE_CERT_UNREADABLE;

    ERR_clear_error();
    if (x509 != NULL && how == 2) {
        X509_set_issuer_name(x509, X509_get_subject_name(pki->issuer.x509));
    }
    if (x509 != NULL) {
        reason = staple_cert_from_x509(
            cert, p, issuers, how == 3 ? pki->leaf.x509 : x509,
            how == 3 ? x509 : pki->issuer.x509, (int)(size & 1));
    }
    X509_free(x509);
    return reason;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned how = fuzz_byte(&data, &size) & 3;
    staple_cert_t *cert = NULL;
    staple_issuers_t *issuers;
    staple_reason_e reason;
    apr_pool_t *p;

    apr_pool_create(&p, root);
    issuers = staple_cert_issuers_make(p);
    if (how == 0) {
        reason = staple_cert_make(&cert, p, issuers, (const char *)data, size,
                                  0);
    }
    else {
        reason = from_der(&cert, p, issuers, how, data, size);
    }
    FUZZ_CHECK(ERR_peek_error() == 0);
    FUZZ_CHECK((reason == STAPLE_OK) == (cert != NULL));
    if (cert != NULL) {
        check_cert(cert);
    }
    apr_pool_destroy(p);
    return 0;
}
