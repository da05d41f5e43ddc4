/* DER -> OCSP response; certificates that came before are not parsed again. */
#include "staple_response.h"

#include <string.h>

/* The field `certs` of a BasicOCSPResponse (RFC 6960 4.2.1), tag and all.  It
 * is the last field of all, so a response with these certificates ends with
 * these bytes. */
typedef struct tail_t {
    STACK_OF(X509) * certs;
    apr_size_t der_len;
    unsigned char der[];
} tail_t;

struct staple_signers_t {
    tail_t *tail; /* NULL: none, or a thread is at it */
};

/* ---- what is kept ---- */

static void free_tail(tail_t *tail)
{
    if (tail != NULL) {
        sk_X509_pop_free(tail->certs, X509_free);
        OPENSSL_free(tail);
    }
}

/* Whoever takes it has it alone; whoever comes meanwhile does without. */
static tail_t *swap_tail(staple_signers_t *signers, tail_t *tail)
{
    return __atomic_exchange_n(&signers->tail, tail, __ATOMIC_ACQ_REL);
}

static apr_status_t free_signers(void *signers)
{
    free_tail(swap_tail(signers, NULL));
    return APR_SUCCESS;
}

staple_signers_t *staple_response_signers_make(apr_pool_t *p)
{
    staple_signers_t *signers = apr_pcalloc(p, sizeof(*signers));

    apr_pool_cleanup_register(p, signers, free_signers, apr_pool_cleanup_null);
    return signers;
}

/* Bytes of the field `certs`; 0: the response has none. */
static apr_size_t tail_len(const STACK_OF(X509) * certs)
{
    int len = 0;
    int i;

    for (i = 0; i < sk_X509_num(certs); i++) {
        len += i2d_X509(sk_X509_value(certs, i), NULL);
    }
    if (len > 0) {
        len = ASN1_object_size(1, len, V_ASN1_SEQUENCE);
        len = ASN1_object_size(1, len, 0);
    }
    return len > 0 ? (apr_size_t)len : 0;
}

static int is_tail(const tail_t *tail, const unsigned char *der,
                   apr_size_t der_len)
{
    return der_len > tail->der_len
           && memcmp(der + der_len - tail->der_len, tail->der, tail->der_len)
                  == 0;
}

/* That of a response with these certificates; NULL: it has none, or there is
 * no memory. */
static tail_t *make_tail(const STACK_OF(X509) * certs, const unsigned char *der,
                         apr_size_t der_len)
{
    apr_size_t len = tail_len(certs);
    tail_t *tail = NULL;

    if (len > 0 && len < der_len) {
        tail = OPENSSL_malloc(sizeof(*tail) + len);
    }
    if (tail == NULL) {
        return NULL;
    }
    tail->certs = X509_chain_up_ref((STACK_OF(X509) *)(uintptr_t)certs);
    tail->der_len = len;
    memcpy(tail->der, der + der_len - len, len);
    if (tail->certs == NULL) {
        free_tail(tail);
        return NULL;
    }
    return tail;
}

void staple_response_keep(const staple_response_t *response,
                          staple_signers_t *signers, const unsigned char *der,
                          apr_size_t der_len)
{
    tail_t *tail = swap_tail(signers, NULL);

    if (tail == NULL || !is_tail(tail, der, der_len)) {
        free_tail(tail);
        tail = make_tail(OCSP_resp_get0_certs(response->basic), der, der_len);
    }
    free_tail(swap_tail(signers, tail));
}

/* ---- parsing ---- */

static staple_reason_e check_responder_status(const OCSP_RESPONSE *outer)
{
    switch (OCSP_response_status((OCSP_RESPONSE *)(uintptr_t)outer)) {
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

/*
 * The BasicOCSPResponse lies in an OCTET STRING of the outer one.  OpenSSL's
 * unpacking ignores what follows it there, and accepts BER; that the whole
 * encodes back to the very bytes received settles both, and bytes are what a
 * client verifies.
 */
static int encodes_back(OCSP_BASICRESP *basic, const unsigned char *der,
                        apr_size_t der_len)
{
    OCSP_RESPONSE *again =
        OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    unsigned char *out = NULL;
    int len = again != NULL ? i2d_OCSP_RESPONSE(again, &out) : -1;
    int is_same = len >= 0 && (apr_size_t)len == der_len
                  && memcmp(out, der, der_len) == 0;

    OPENSSL_free(out);
    OCSP_RESPONSE_free(again);
    return is_same;
}

/* Where the first field of the BasicOCSPResponse is; NULL: it has not the
 * usual form. */
static const unsigned char *find_fields(const unsigned char *der,
                                        apr_size_t der_len)
{
    static const struct {
        int tag, is_skipped;
    } steps[] = {{V_ASN1_SEQUENCE, 0}, {V_ASN1_ENUMERATED, 1},
                 {0, 0},               {V_ASN1_SEQUENCE, 0},
                 {V_ASN1_OBJECT, 1},   {V_ASN1_OCTET_STRING, 0},
                 {V_ASN1_SEQUENCE, 0}};
    const unsigned char *at = der;
    int tag, tag_class;
    apr_size_t i;
    long len;

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if ((ASN1_get_object(&at, &len, &tag, &tag_class,
                             (long)(der + der_len - at))
             & 0x80)
            || tag != steps[i].tag) {
            return NULL;
        }
        at += steps[i].is_skipped ? len : 0;
    }
    return at;
}

static int add_certs(OCSP_BASICRESP *basic, STACK_OF(X509) * certs)
{
    int i;

    for (i = 0; i < sk_X509_num(certs); i++) {
        if (!OCSP_basic_add1_cert(basic, sk_X509_value(certs, i))) {
            return 0;
        }
    }
    return 1;
}

/* A response that ends with these certificates: everything before them is
 * parsed, and they are put in.  How it is taken apart need not be right:
 * whatever does not encode back to `der` is not taken. */
static OCSP_BASICRESP *parse_before(const tail_t *tail,
                                    const unsigned char *der,
                                    apr_size_t der_len)
{
    const unsigned char *fields = find_fields(der, der_len);
    const unsigned char *end = der + der_len - tail->der_len;
    unsigned char *buf = NULL, *to;
    OCSP_BASICRESP *basic = NULL;
    const unsigned char *from;
    int size = 0;

    if (fields != NULL && fields < end) {
        size = ASN1_object_size(1, (int)(end - fields), V_ASN1_SEQUENCE);
        buf = OPENSSL_malloc((size_t)size);
    }
    if (buf != NULL) {
        to = buf;
        ASN1_put_object(&to, 1, (int)(end - fields), V_ASN1_SEQUENCE,
                        V_ASN1_UNIVERSAL);
        memcpy(to, fields, (size_t)(end - fields));
        from = buf;
        basic = d2i_OCSP_BASICRESP(NULL, &from, size);
    }
    OPENSSL_free(buf);
    if (basic != NULL
        && (!add_certs(basic, tail->certs)
            || !encodes_back(basic, der, der_len))) {
        OCSP_BASICRESP_free(basic);
        basic = NULL;
    }
    return basic;
}

static OCSP_BASICRESP *parse_known(staple_signers_t *signers,
                                   const unsigned char *der, apr_size_t der_len)
{
    tail_t *tail = swap_tail(signers, NULL);
    OCSP_BASICRESP *basic = NULL;

    if (tail != NULL) {
        if (is_tail(tail, der, der_len)) {
            basic = parse_before(tail, der, der_len);
        }
        free_tail(swap_tail(signers, tail));
    }
    return basic;
}

staple_reason_e staple_response_parse(staple_response_t *response,
                                      staple_signers_t *signers,
                                      const unsigned char *der,
                                      apr_size_t der_len)
{
    const unsigned char *at = der;
    staple_reason_e reason;

    response->outer = NULL;
    response->basic = NULL;
    if (der_len == 0) {
        return STAPLE_EMPTY;
    }
    if (der_len > STAPLE_MAX_RESPONSE) {
        return STAPLE_TOO_LARGE;
    }
    response->outer = d2i_OCSP_RESPONSE(NULL, &at, (long)der_len);
    if (response->outer == NULL || at != der + der_len) {
        return STAPLE_MALFORMED;
    }
    reason = check_responder_status(response->outer);
    if (reason != STAPLE_OK) {
        return reason;
    }
    response->basic = parse_known(signers, der, der_len);
    if (response->basic != NULL) {
        return STAPLE_OK;
    }
    response->basic = OCSP_response_get1_basic(response->outer);
    if (response->basic == NULL) {
        return ERR_GET_REASON(ERR_peek_last_error())
                       == OCSP_R_NOT_BASIC_RESPONSE
                   ? STAPLE_NOT_BASIC
                   : STAPLE_MALFORMED;
    }
    return encodes_back(response->basic, der, der_len) ? STAPLE_OK
                                                       : STAPLE_MALFORMED;
}

void staple_response_free(staple_response_t *response)
{
    OCSP_BASICRESP_free(response->basic);
    OCSP_RESPONSE_free(response->outer);
}
