/* CertID -> request and GET URL, and back. */
#include <string.h>

#include "fuzz.h"
#include "fuzz_pki.h"
#include "base/staple_parse.h"
#include "ocsp/staple_request.h"

static apr_pool_t *p;
static make_pki_t *pki;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    p = make_begin();
    pki = fuzz_pki_load(p);
    return 0;
}

/* Undoes what staple_request_get_url() did; the length. */
static size_t decode(unsigned char *der, const char *path)
{
    unsigned char base64[STAPLE_MAX_GET + 1];
    int padding = 0, used = 0, len;

    while (*path != '\0') {
        char c = *path++;

        if (c == '%') {
            FUZZ_CHECK(path[0] == '2' || path[0] == '3');
            c = path[0] == '3' ? '=' : path[1] == 'B' ? '+' : '/';
            path += 2;
        }
        padding += c == '=';
        base64[used++] = (unsigned char)c;
    }
    len = EVP_DecodeBlock(der, base64, used);
    FUZZ_CHECK(len >= padding);
    return (size_t)(len - padding);
}

static void try_url(const char *url, const unsigned char *der, size_t len)
{
    unsigned char again[STAPLE_MAX_GET + 3];
    char buf[STAPLE_REQUEST_URL_SIZE];
    size_t base = strlen(url);

    memset(buf, '?', sizeof(buf));
    if (staple_request_get_url(buf, url, der, len) != STAPLE_OK) {
        return;
    }
    FUZZ_CHECK(memchr(buf, '\0', sizeof(buf)) != NULL);
    FUZZ_CHECK(strncmp(buf, url, base) == 0);
    base += base > 0 && url[base - 1] != '/';
    FUZZ_CHECK(base == 0 || (buf[base - 1] == '/' && buf[base] != '/'));
    FUZZ_CHECK(decode(again, buf + base) == len);
    FUZZ_CHECK(memcmp(again, der, len) == 0);
    FUZZ_CHECK(staple_parse_url(url, strlen(url)) != STAPLE_OK
               || staple_parse_url(buf, strlen(buf)) == STAPLE_OK
               || strlen(buf) > STAPLE_MAX_URL);
}

/* Input: a URL, a NUL, the CertID in DER. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    static const unsigned char nonce[STAPLE_NONCE_LEN] = {9};
    unsigned char der[STAPLE_MAX_REQUEST];
    staple_cert_t cert = *pki->cert;
    unsigned char *certid;
    size_t certid_len;
    apr_size_t len = 0;
    char *url;

    if (nul == NULL || size > 0xffff) {
        return 0;
    }
    certid_len = size - (size_t)(nul - data) - 1;
    url = (char *)fuzz_copy(data, size - certid_len);
    certid = fuzz_copy(nul + 1, certid_len);
    cert.certid = certid;
    cert.certid_len = (unsigned short)certid_len;
    try_url(url, certid, certid_len);
    if (staple_request_make(der, &len, &cert, 0, certid_len & 1 ? nonce : NULL)
        == STAPLE_OK) {
        FUZZ_CHECK(len > 0 && len <= sizeof(der));
        try_url(url, der, len);
    }
    FUZZ_CHECK(ERR_peek_error() == 0);
    free(certid);
    free(url);
    return 0;
}
