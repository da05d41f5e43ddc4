/* A response is taken apart where its parts are, and put together again. */
#include "../make_ocsp.h"
#include "../tap.h"

#include "ocsp/staple_response.h"

#define SEQUENCE (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED)
#define EXPLICIT(n) (V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED | (n))
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static apr_pool_t *p;
static make_pki_t *pki;

static int is_at(staple_der_t found, make_der_t want)
{
    return found.at == want.bytes && found.len == want.len;
}

static staple_reason_e parse(make_der_t der)
{
    staple_response_t response;
    staple_reason_e reason;

    ERR_set_mark();
    reason = staple_response_parse(&response, der.bytes, der.len);
    ok((response.basic != NULL) || reason != STAPLE_OK,
       "what is taken is decoded");
    staple_response_free(&response);
    ERR_pop_to_mark();
    return reason;
}

static void test_parts(void)
{
    make_response_t knobs = make_good(pki);
    make_der_t der = make_response(p, &knobs), again;
    make_parts_t parts = make_take_apart(der);
    staple_response_t response;
    staple_signature_t signature;
    unsigned char *bytes;
    apr_size_t len;

    is_reason(staple_response_parse(&response, der.bytes, der.len), STAPLE_OK,
              "the usual response");
    ok(is_at(response.tbs, parts.tbs), "tbsResponseData");
    ok(is_at(response.algorithm, parts.algorithm), "signatureAlgorithm");
    ok(is_at(response.signature, make_contents(parts.signature)),
       "signature");
    ok(is_at(response.certs, parts.certs), "certs");
    is_int(OCSP_resp_count(response.basic), 1, "responses");
    ok(OCSP_resp_get0_certs(response.basic) == NULL,
       "no certificate is decoded");

    is_reason(staple_signature_read(&signature, response.algorithm,
                                    response.signature),
              STAPLE_OK, "its signature");
    ok(staple_response_compose(&bytes, &len, &response, &signature,
                               response.certs),
       "put together again");
    ok(len == der.len && memcmp(bytes, der.bytes, len) == 0,
       "it is what it was");
    OPENSSL_free(bytes);
    ok(staple_response_compose(&bytes, &len, &response, &signature,
                               (staple_der_t){NULL, 0}),
       "without certificates");
    parts.certs.len = 0;
    again = make_put_together(p, &parts);
    ok(len == again.len && memcmp(bytes, again.bytes, len) == 0,
       "it lacks just them");
    OPENSSL_free(bytes);
    staple_signature_free(&signature);
    staple_response_free(&response);
}

static make_der_t text(const char *bytes, apr_size_t len)
{
    return (make_der_t){(unsigned char *)(uintptr_t)bytes, len};
}

/* tbsResponseData that begins with a version (RFC 6960 4.2.1: DEFAULT v1). */
static void test_versions(void)
{
    static const struct {
        const char *name, *version;
        apr_size_t len;
        staple_reason_e want;
    } rows[] = {
        {"1, by default", "", 0, STAPLE_OK},
        {"1, said", "\xa0\3\2\1\0", 5, STAPLE_OK},
        {"2", "\xa0\3\2\1\1", 5, STAPLE_RESPONSE_VERSION},
        {"3", "\xa0\3\2\1\2", 5, STAPLE_RESPONSE_VERSION},
        {"0", "\xa0\3\2\1\xff", 5, STAPLE_RESPONSE_VERSION},
        {"a long one", "\xa0\4\2\2\1\0", 6, STAPLE_RESPONSE_VERSION},
        {"1 in two octets", "\xa0\4\2\2\0\0", 6, STAPLE_RESPONSE_VERSION},
        {"none", "\xa0\0", 2, STAPLE_RESPONSE_VERSION},
        {"text", "\xa0\3\4\1\0", 5, STAPLE_RESPONSE_VERSION},
    };
    make_response_t knobs = make_good(pki);
    make_parts_t parts = make_take_apart(make_response(p, &knobs));
    make_der_t fields = make_contents(parts.tbs);
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        make_der_t all[] = {text(rows[i].version, rows[i].len), fields,
                            {NULL, 0}};

        parts.tbs = make_wrap(p, SEQUENCE, make_join(p, all));
        is_reason(parse(make_put_together(p, &parts)), rows[i].want,
                  "version %s", rows[i].name);
    }
}

/* Where something is missing, or too much. */
static void test_nesting(void)
{
    make_response_t knobs = make_good(pki);
    make_der_t der = make_response(p, &knobs);
    make_parts_t good = make_take_apart(der), parts = good;
    make_der_t null = text("\5\0", 2), none = {der.bytes, 0};
    make_der_t all[] = {good.certs, null, {NULL, 0}};

    is_reason(parse(make_put_together(p, &good)), STAPLE_OK, "as it was");
    parts.tbs = none;
    is_reason(parse(make_put_together(p, &parts)), STAPLE_MALFORMED,
              "no tbsResponseData");
    parts = good;
    parts.algorithm = none;
    is_reason(parse(make_put_together(p, &parts)), STAPLE_MALFORMED,
              "no signatureAlgorithm");
    parts = good;
    parts.signature = none;
    is_reason(parse(make_put_together(p, &parts)), STAPLE_MALFORMED,
              "no signature");
    parts.signature = null;
    is_reason(parse(make_put_together(p, &parts)), STAPLE_MALFORMED,
              "a signature that is no BIT STRING");
    parts = good;
    parts.tbs = make_wrap(p, SEQUENCE, none);
    is_reason(parse(make_put_together(p, &parts)), STAPLE_MALFORMED,
              "an empty tbsResponseData");
    parts = good;
    parts.certs = make_join(p, all);
    is_reason(parse(make_put_together(p, &parts)), STAPLE_OK,
              "what stands among the certificates is not looked at");
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    test_parts();
    test_versions();
    test_nesting();
    make_end(p);
    return tap_done();
}
