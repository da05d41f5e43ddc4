/* Certificate -> OCSP request in DER, and the GET URL for it. */
#include "staple_request.h"

#include <string.h>

/* Adds the nonce as RFC 9654 2.1 wants it: an OCTET STRING in the extension's
 * own OCTET STRING.  OCSP_request_add1_nonce() encodes just so. */
static int add_nonce(OCSP_REQUEST *request, const unsigned char *nonce)
{
    unsigned char copy[STAPLE_NONCE_LEN];

    if (nonce == NULL) {
        return 1;
    }
    memcpy(copy, nonce, sizeof(copy));
    return OCSP_request_add1_nonce(request, copy, sizeof(copy));
}

/* The certificate's CertID with this digest. */
static OCSP_CERTID *make_id(const staple_cert_t *cert, int by_sha256)
{
    const unsigned char *at = cert->certid;
    OCSP_CERTID *by_sha1 = d2i_OCSP_CERTID(NULL, &at, cert->certid_len);
    X509 *issuer;
    ASN1_INTEGER *serial = NULL;
    OCSP_CERTID *id;

    if (by_sha1 == NULL || !by_sha256) {
        return by_sha1;
    }
    issuer = cert->issuer->x509;
    OCSP_id_get0_info(NULL, NULL, NULL, &serial, by_sha1);
    id = OCSP_cert_id_new(EVP_sha256(), X509_get_subject_name(issuer),
                          X509_get0_pubkey_bitstr(issuer), serial);
    OCSP_CERTID_free(by_sha1);
    return id;
}

staple_reason_e staple_request_make(unsigned char *der, apr_size_t *len,
                                    const staple_cert_t *cert, int by_sha256,
                                    const unsigned char *nonce)
{
    staple_reason_e reason = STAPLE_NO_MEMORY;
    OCSP_REQUEST *request = NULL;
    OCSP_CERTID *id = NULL;
    unsigned char *out = der;
    int size;

    STAPLE_OPENSSL_ENTER();
    request = OCSP_REQUEST_new();
    id = make_id(cert, by_sha256);
    if (request == NULL || id == NULL
        || OCSP_request_add0_id(request, id) == NULL) {
        goto done;
    }
    id = NULL; /* the request owns it now */
    if (!add_nonce(request, nonce)) {
        goto done;
    }
    size = i2d_OCSP_REQUEST(request, NULL);
    if (size <= 0 || size > STAPLE_MAX_REQUEST) {
        goto done;
    }
    *len = (apr_size_t)i2d_OCSP_REQUEST(request, &out);
    reason = STAPLE_OK;
done:
    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(request);
    STAPLE_OPENSSL_LEAVE();
    return reason;
}

staple_reason_e staple_request_get_url(char *buf, const char *responder_url,
                                       const unsigned char *der, apr_size_t len)
{
    unsigned char base64[4 * ((STAPLE_MAX_REQUEST + 2) / 3) + 1];
    apr_size_t used = strlen(responder_url);
    apr_size_t limit;
    int i, n;

    if (used > STAPLE_MAX_URL) {
        return STAPLE_URL_TOO_LONG;
    }
    if (strchr(responder_url, '?') != NULL) {
        return STAPLE_URL_QUERY;
    }
    if (len > STAPLE_MAX_REQUEST) {
        return STAPLE_REQUEST_TOO_LARGE;
    }
    memcpy(buf, responder_url, used);
    if (used > 0 && buf[used - 1] != '/') {
        buf[used++] = '/';
    }
    limit = used + STAPLE_MAX_GET;
    n = EVP_EncodeBlock(base64, der, (int)len);
    for (i = 0; i < n; i++) {
        const char *escaped = base64[i] == '+'   ? "%2B"
                              : base64[i] == '/' ? "%2F"
                              : base64[i] == '=' ? "%3D"
                                                 : NULL;
        apr_size_t size = escaped != NULL ? 3 : 1;

        if (used + size > limit) {
            return STAPLE_REQUEST_TOO_LARGE;
        }
        memcpy(buf + used, escaped != NULL ? escaped : (char *)&base64[i],
               size);
        used += size;
    }
    buf[used] = '\0';
    return STAPLE_OK;
}
