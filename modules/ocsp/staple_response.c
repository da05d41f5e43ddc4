/* DER <-> OCSP response: what is signed is parsed, all else is left alone. */
#include "staple_response.h"

#include <string.h>

/* id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1 */
static const unsigned char basic_oid[] = {0x06, 0x09, 0x2b, 0x06, 0x01, 0x05,
                                          0x05, 0x07, 0x30, 0x01, 0x01};

/* OCSPResponseStatus successful */
static const unsigned char successful[] = {STAPLE_DER_ENUMERATED, 1, 0};

/* version of ResponseData, where it is there: v1 */
static const unsigned char version_1[] = {STAPLE_DER_EXPLICIT_0, 3,
                                          STAPLE_DER_INTEGER, 1, 0};

/* ---- taking it apart ---- */

static staple_reason_e check_responder_status(staple_der_t status)
{
    if (status.len != 1) {
        return STAPLE_MALFORMED;
    }
    switch (status.at[0]) {
    case OCSP_RESPONSE_STATUS_SUCCESSFUL:
        return STAPLE_OK;
    case OCSP_RESPONSE_STATUS_MALFORMEDREQUEST:
        return STAPLE_STATUS_MALFORMED_REQUEST;
    case OCSP_RESPONSE_STATUS_INTERNALERROR:
        return STAPLE_STATUS_INTERNAL_ERROR;
    case OCSP_RESPONSE_STATUS_TRYLATER:
        return STAPLE_STATUS_TRY_LATER;
    case OCSP_RESPONSE_STATUS_SIGREQUIRED:
        return STAPLE_STATUS_SIG_REQUIRED;
    case OCSP_RESPONSE_STATUS_UNAUTHORIZED:
        return STAPLE_STATUS_UNAUTHORIZED;
    default:
        return STAPLE_STATUS_OTHER;
    }
}

/* OCSPResponse: its status, and the contents of the OCTET STRING that holds
 * the BasicOCSPResponse. */
static staple_reason_e open_outer(staple_der_t *inner, staple_der_t der)
{
    staple_der_t fields, status, bytes, oid, ignored;
    staple_reason_e reason;

    if (!staple_der_take_last(&fields, NULL, &der, STAPLE_DER_SEQUENCE)
        || !staple_der_take(&status, NULL, &fields, STAPLE_DER_ENUMERATED)) {
        return STAPLE_MALFORMED;
    }
    reason = check_responder_status(status);
    if (reason != STAPLE_OK) {
        return reason;
    }
    if (!staple_der_take_last(&bytes, NULL, &fields, STAPLE_DER_EXPLICIT_0)
        || !staple_der_take_last(&fields, NULL, &bytes, STAPLE_DER_SEQUENCE)
        || !staple_der_take(&ignored, &oid, &fields, STAPLE_DER_OID)
        || !staple_der_take_last(inner, NULL, &fields,
                                 STAPLE_DER_OCTET_STRING)) {
        return STAPLE_MALFORMED;
    }
    return staple_der_is_same(oid,
                              (staple_der_t){basic_oid, sizeof(basic_oid)})
               ? STAPLE_OK
               : STAPLE_NOT_BASIC;
}

/* [0] EXPLICIT SEQUENCE OF Certificate OPTIONAL, the last field of all. */
static int open_certs(staple_der_t *certs, staple_der_t rest)
{
    staple_der_t explicit;

    if (rest.len == 0) {
        *certs = rest;
        return 1;
    }
    return staple_der_take_last(&explicit, NULL, &rest, STAPLE_DER_EXPLICIT_0)
           && staple_der_take_last(certs, NULL, &explicit,
                                   STAPLE_DER_SEQUENCE);
}

/* BasicOCSPResponse: where its fields are; in *signed_part those without
 * certificates, the contents of a SEQUENCE. */
static int open_basic(staple_response_t *response, staple_der_t *signed_part,
                      staple_der_t *data, staple_der_t der)
{
    staple_der_t rest, ignored;

    if (!staple_der_take_last(&rest, NULL, &der, STAPLE_DER_SEQUENCE)) {
        return 0;
    }
    signed_part->at = rest.at;
    if (!staple_der_take(data, &response->tbs, &rest, STAPLE_DER_SEQUENCE)
        || !staple_der_take(&ignored, &response->algorithm, &rest,
                            STAPLE_DER_SEQUENCE)
        || !staple_der_take(&response->signature, NULL, &rest,
                            STAPLE_DER_BIT_STRING)) {
        return 0;
    }
    signed_part->len = (apr_size_t)(rest.at - signed_part->at);
    return open_certs(&response->certs, rest);
}

static int is_version_1(staple_der_t data)
{
    staple_der_t ignored, version;

    return !staple_der_is_next(&data, STAPLE_DER_EXPLICIT_0)
           || (staple_der_take(&ignored, &version, &data,
                               STAPLE_DER_EXPLICIT_0)
               && staple_der_is_same(
                   version, (staple_der_t){version_1, sizeof(version_1)}));
}

/* ---- decoding what is signed ---- */

/* A BasicOCSPResponse of these fields. */
static staple_reason_e decode(OCSP_BASICRESP **basic, staple_der_t fields)
{
    apr_size_t size = fields.len + STAPLE_DER_HEADS(1);
    unsigned char *bytes = OPENSSL_malloc(size);
    const unsigned char *at;
    staple_der_out_t out;

    if (bytes == NULL) {
        return STAPLE_NO_MEMORY;
    }
    staple_der_begin(&out, bytes, size);
    staple_der_put(&out, fields.at, fields.len);
    staple_der_wrap(&out, size, STAPLE_DER_SEQUENCE);
    at = bytes + out.at;
    *basic = d2i_OCSP_BASICRESP(NULL, &at, (long)(size - out.at));
    OPENSSL_free(bytes);
    return *basic != NULL ? STAPLE_OK : STAPLE_MALFORMED;
}

/* OpenSSL accepts BER, and its clients verify what it makes of that. */
static int encodes_back(const OCSP_BASICRESP *basic, staple_der_t tbs)
{
    unsigned char *bytes = NULL;
    int len = i2d_OCSP_RESPDATA(OCSP_resp_get0_respdata(basic), &bytes);
    int is_same =
        len > 0
        && staple_der_is_same((staple_der_t){bytes, (apr_size_t)len}, tbs);

    OPENSSL_free(bytes);
    return is_same;
}

staple_reason_e staple_response_parse(staple_response_t *response,
                                      const unsigned char *der,
                                      apr_size_t der_len)
{
    staple_der_t basic, fields = {NULL, 0}, data;
    staple_reason_e reason;

    memset(response, 0, sizeof(*response));
    if (der_len == 0) {
        return STAPLE_EMPTY;
    }
    if (der_len > STAPLE_MAX_RESPONSE) {
        return STAPLE_TOO_LARGE;
    }
    reason = open_outer(&basic, (staple_der_t){der, der_len});
    if (reason != STAPLE_OK) {
        return reason;
    }
    if (!open_basic(response, &fields, &data, basic)) {
        return STAPLE_MALFORMED;
    }
    if (!is_version_1(data)) {
        return STAPLE_RESPONSE_VERSION;
    }
    reason = decode(&response->basic, fields);
    if (reason == STAPLE_OK && !encodes_back(response->basic, response->tbs)) {
        reason = STAPLE_MALFORMED;
    }
    return reason;
}

/* ---- putting it together ---- */

/* The fields of the BasicOCSPResponse, from the last to the first. */
static void put_basic(staple_der_out_t *out, staple_der_t tbs,
                      staple_der_t algorithm, staple_der_t value,
                      staple_der_t cert)
{
    apr_size_t end;

    if (cert.len > 0) {
        staple_der_put(out, cert.at, cert.len);
        staple_der_wrap(out, out->size, STAPLE_DER_SEQUENCE);
        staple_der_wrap(out, out->size, STAPLE_DER_EXPLICIT_0);
    }
    end = out->at;
    staple_der_put(out, value.at, value.len);
    staple_der_put(out, "", 1); /* no bits unused */
    staple_der_wrap(out, end, STAPLE_DER_BIT_STRING);
    staple_der_put(out, algorithm.at, algorithm.len);
    staple_der_put(out, tbs.at, tbs.len);
    staple_der_wrap(out, out->size, STAPLE_DER_SEQUENCE);
}

static void put_outer(staple_der_out_t *out)
{
    staple_der_wrap(out, out->size, STAPLE_DER_OCTET_STRING);
    staple_der_put(out, basic_oid, sizeof(basic_oid));
    staple_der_wrap(out, out->size, STAPLE_DER_SEQUENCE);
    staple_der_wrap(out, out->size, STAPLE_DER_EXPLICIT_0);
    staple_der_put(out, successful, sizeof(successful));
    staple_der_wrap(out, out->size, STAPLE_DER_SEQUENCE);
}

int staple_response_compose(unsigned char **der, apr_size_t *der_len,
                            const staple_response_t *response,
                            const staple_signature_t *signature,
                            staple_der_t cert)
{
    unsigned char *algorithm = NULL, *bytes = NULL;
    int len = i2d_X509_ALGOR(signature->algorithm, &algorithm);
    staple_der_out_t out;
    apr_size_t size;

    *der = NULL;
    if (len > 0) {
        size = response->tbs.len + (apr_size_t)len + 1 + signature->value.len
               + cert.len + sizeof(basic_oid) + sizeof(successful)
               + STAPLE_DER_HEADS(8);
        bytes = OPENSSL_malloc(size);
    }
    if (bytes != NULL) {
        staple_der_begin(&out, bytes, size);
        put_basic(&out, response->tbs,
                  (staple_der_t){algorithm, (apr_size_t)len},
                  signature->value, cert);
        put_outer(&out);
        *der_len = size - out.at;
        *der = OPENSSL_memdup(bytes + out.at, *der_len);
    }
    OPENSSL_free(bytes);
    OPENSSL_free(algorithm);
    return *der != NULL;
}

void staple_response_free(staple_response_t *response)
{
    OCSP_BASICRESP_free(response->basic);
    memset(response, 0, sizeof(*response));
}
