/* DER by hand: responses taken apart, changed, and put together again. */
#include "make_der.h"

#include <apr_strings.h>
#include <openssl/ec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"

/* ---- elements ---- */

make_der_t make_join(apr_pool_t *p, const make_der_t *parts)
{
    make_der_t whole = {NULL, 0};
    unsigned i;

    for (i = 0; parts[i].bytes != NULL; i++) {
        whole.len += parts[i].len;
    }
    whole.bytes = apr_palloc(p, whole.len + 1);
    whole.len = 0;
    for (i = 0; parts[i].bytes != NULL; i++) {
        memcpy(whole.bytes + whole.len, parts[i].bytes, parts[i].len);
        whole.len += parts[i].len;
    }
    return whole;
}

make_der_t make_wrap(apr_pool_t *p, unsigned char tag, make_der_t contents)
{
    unsigned char head[8] = {tag};
    make_der_t parts[] = {{head, 2}, contents, {NULL, 0}};
    apr_size_t octets = 1;
    apr_size_t i;

    if (contents.len < 0x80) {
        head[1] = (unsigned char)contents.len;
        return make_join(p, parts);
    }
    while (contents.len >> (8 * octets) != 0) {
        octets++;
    }
    MUST(octets <= 4);
    head[1] = (unsigned char)(0x80 | octets);
    for (i = 0; i < octets; i++) {
        head[2 + i] = (unsigned char)(contents.len >> 8 * (octets - 1 - i));
    }
    parts[0].len = 2 + octets;
    return make_join(p, parts);
}

make_der_t make_longer(apr_pool_t *p, make_der_t der, apr_size_t extra)
{
    make_der_t longer = {apr_pcalloc(p, der.len + extra + 1), der.len + extra};

    memcpy(longer.bytes, der.bytes, der.len);
    return longer;
}

make_der_t make_contents(make_der_t element)
{
    const unsigned char *at = element.bytes;
    int tag, class;
    long len;

    /* neither an error nor an indefinite length */
    MUST((ASN1_get_object(&at, &len, &tag, &class, (long)element.len) & 0x81)
         == 0);
    return (make_der_t){(unsigned char *)(uintptr_t)at, (apr_size_t)len};
}

make_der_t make_child(make_der_t parent, unsigned n)
{
    make_der_t rest = make_contents(parent);
    make_der_t child = {NULL, 0};
    unsigned i;

    for (i = 0; i <= n; i++) {
        make_der_t contents;

        if (rest.len == 0) {
            return (make_der_t){NULL, 0};
        }
        contents = make_contents(rest);
        child.bytes = rest.bytes;
        child.len = (apr_size_t)(contents.bytes - rest.bytes) + contents.len;
        rest.bytes += child.len;
        rest.len -= child.len;
    }
    return child;
}

make_der_t make_oid(apr_pool_t *p, const char *oid)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    unsigned char *out = NULL;
    int len = i2d_ASN1_OBJECT(object, &out);
    make_der_t der;

    MUST(len > 0);
    der.len = (apr_size_t)len;
    der.bytes = apr_pmemdup(p, out, der.len);
    OPENSSL_free(out);
    ASN1_OBJECT_free(object);
    return der;
}

/* ---- responses and certificates ---- */

make_parts_t make_take_apart(make_der_t response)
{
    make_der_t bytes = make_child(make_child(response, 1), 0);
    make_der_t basic = make_contents(make_child(bytes, 1));
    make_der_t certs = make_child(basic, 3);
    make_parts_t parts = {make_child(basic, 0), make_child(basic, 1),
                          make_child(basic, 2), {basic.bytes, 0}};

    if (certs.bytes != NULL) {
        parts.certs = make_contents(make_contents(certs));
    }
    return parts;
}

make_der_t make_put_together(apr_pool_t *p, const make_parts_t *parts)
{
    const unsigned char sequence = V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED;
    const unsigned char explicit
        = V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED;
    make_der_t fields[] = {parts->tbs, parts->algorithm, parts->signature,
                           {NULL, 0}, {NULL, 0}};
    unsigned char status = 0;
    make_der_t bytes;

    if (parts->certs.len > 0) {
        fields[3] = make_wrap(p, explicit, make_wrap(p, sequence,
                                                     parts->certs));
    }
    bytes = make_wrap(p, sequence, make_join(p, fields));
    fields[0] = make_oid(p, "1.3.6.1.5.5.7.48.1.1");
    fields[1] = make_wrap(p, V_ASN1_OCTET_STRING, bytes);
    fields[2] = (make_der_t){NULL, 0};
    bytes = make_wrap(p, explicit,
                      make_wrap(p, sequence, make_join(p, fields)));
    fields[0] = make_wrap(p, V_ASN1_ENUMERATED, (make_der_t){&status, 1});
    fields[1] = bytes;
    return make_wrap(p, sequence, make_join(p, fields));
}

/* ecdsa-with-SHA256 */
static unsigned char ecdsa_sha256[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                       0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};

make_parts_t make_signed(apr_pool_t *p, make_der_t tbs, EVP_PKEY *key)
{
    make_parts_t parts = {tbs, {ecdsa_sha256, sizeof(ecdsa_sha256)},
                          {NULL, 0}, {ecdsa_sha256, 0}};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char bits[200] = {0};
    size_t len = sizeof(bits) - 1;

    MUST(ctx != NULL
         && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key)
         && EVP_DigestSign(ctx, bits + 1, &len, tbs.bytes, tbs.len));
    EVP_MD_CTX_free(ctx);
    parts.signature = make_wrap(p, V_ASN1_BIT_STRING,
                                (make_der_t){bits, len + 1});
    return parts;
}

make_der_t make_x509_der(apr_pool_t *p, X509 *x509)
{
    unsigned char *out = NULL;
    int len = i2d_X509(x509, &out);
    make_der_t der;

    MUST(len > 0);
    der.len = (apr_size_t)len;
    der.bytes = apr_pmemdup(p, out, der.len);
    OPENSSL_free(out);
    return der;
}

make_der_t make_other_s(apr_pool_t *p, make_der_t signature)
{
    make_der_t bits = make_contents(signature);
    const unsigned char *at = bits.bytes + 1;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)bits.len - 1);
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    unsigned char buf[100] = {0}, *to = buf + 1;
    BIGNUM *r, *s = BN_new();
    int len;

    MUST(pair != NULL && group != NULL && s != NULL);
    r = BN_dup(ECDSA_SIG_get0_r(pair));
    MUST(BN_sub(s, EC_GROUP_get0_order(group), ECDSA_SIG_get0_s(pair)));
    MUST(r != NULL && ECDSA_SIG_set0(pair, r, s));
    len = i2d_ECDSA_SIG(pair, &to);
    MUST(len > 0);
    ECDSA_SIG_free(pair);
    EC_GROUP_free(group);
    return make_wrap(p, V_ASN1_BIT_STRING,
                     (make_der_t){buf, (apr_size_t)len + 1});
}

int make_is_settled(const ASN1_BIT_STRING *signature, const EVP_PKEY *key)
{
    const unsigned char *at = ASN1_STRING_get0_data(signature);
    BIGNUM *order = NULL, *twice;
    ECDSA_SIG *pair;
    int is_low;

    if (!EVP_PKEY_is_a(key, "EC")) {
        return 1;
    }
    pair = d2i_ECDSA_SIG(NULL, &at, ASN1_STRING_length(signature));
    MUST(pair != NULL && EVP_PKEY_get_bn_param(key, "order", &order));
    twice = BN_dup(ECDSA_SIG_get0_s(pair));
    MUST(twice != NULL && BN_lshift1(twice, twice));
    is_low = BN_cmp(twice, order) < 0;
    BN_free(twice);
    BN_free(order);
    ECDSA_SIG_free(pair);
    return is_low;
}
