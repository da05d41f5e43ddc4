/* DER -> OCSP request, and which certificate it asks about. */
#include "resp_ocsp.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static char *hex_of_serial(const ASN1_INTEGER *serial)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex;

    TOOL_MUST(number != NULL);
    hex = BN_bn2hex(number);
    TOOL_MUST(hex != NULL);
    BN_free(number);
    return hex;
}

/* The nonce is an OCTET STRING in the extension's own; clients that forgot
 * the inner one are shown as they are. */
static char *hex_of_nonce(OCSP_REQUEST *ocsp)
{
    int at = OCSP_REQUEST_get_ext_by_NID(ocsp, NID_id_pkix_OCSP_Nonce, -1);
    const ASN1_OCTET_STRING *value;
    const unsigned char *data;
    tool_buf_t hex = {0};
    int len;

    if (at < 0) {
        return NULL;
    }
    value = X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(ocsp, at));
    data = ASN1_STRING_get0_data(value);
    len = ASN1_STRING_length(value);
    if (len >= 2 && data[0] == V_ASN1_OCTET_STRING && data[1] == len - 2) {
        data += 2;
        len -= 2;
    }
    tool_buf_text(&hex, "");
    for (int i = 0; i < len; i++) {
        tool_buf_addf(&hex, "%02X", data[i]);
    }
    return hex.data;
}

static void read_first_id(query_t *query, resp_index_t *index)
{
    OCSP_ONEREQ *one = OCSP_request_onereq_get0(query->ocsp, 0);
    ASN1_OBJECT *hash;
    ASN1_INTEGER *serial;
    char *hex;

    if (one == NULL) {
        return;
    }
    OCSP_id_get0_info(NULL, &hash, NULL, &serial,
                      OCSP_onereq_get0_id(one));
    OBJ_obj2txt(query->hash, sizeof(query->hash), hash, 0);
    hex = hex_of_serial(serial);
    query->entry = resp_index_find(index, hex);
    OPENSSL_free(hex);
}

int resp_query_read(query_t *query, resp_index_t *index, const void *der,
                    size_t len)
{
    const unsigned char *end = der;

    memset(query, 0, sizeof(*query));
    strcpy(query->hash, "-");
    query->ocsp = d2i_OCSP_REQUEST(NULL, &end, (long)len);
    if (query->ocsp == NULL || end != (const unsigned char *)der + len) {
        OCSP_REQUEST_free(query->ocsp);
        query->ocsp = NULL;
        ERR_clear_error();
        return 0;
    }
    query->der_len = (int)len;
    query->nonce = hex_of_nonce(query->ocsp);
    read_first_id(query, index);
    return 1;
}

void resp_query_free(query_t *query)
{
    OCSP_REQUEST_free(query->ocsp);
    free(query->nonce);
    memset(query, 0, sizeof(*query));
}
