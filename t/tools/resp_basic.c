/* A signed response put together from its parts, some as no CA would. */
#include "resp_basic.h"

#include "tool_der.h"

#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

/* The element that i2d_TYPE makes of object, at the end of out. */
#define ADD(out, TYPE, object)                                                 \
    do {                                                                       \
        unsigned char *der_ = NULL;                                            \
        int len_ = i2d_##TYPE(object, &der_);                                  \
                                                                               \
        TOOL_MUST(len_ > 0);                                                   \
        tool_buf_add(out, der_, (size_t)len_);                                 \
        OPENSSL_free(der_);                                                    \
    } while (0)

/* ---- what is signed, and the signature ---- */

EVP_MD_CTX *resp_basic_sign_context(const identity_t *signer,
                                    const rule_t *rule)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    const EVP_MD *md
        = rule->md != NULL ? EVP_get_digestbyname(rule->md) : EVP_sha256();

    if (!EVP_PKEY_is_a(signer->key, "EC")
        && !EVP_PKEY_is_a(signer->key, "RSA")) {
        md = NULL;    /* the key brings its own */
    }
    TOOL_MUST(context != NULL);
    if (EVP_DigestSignInit(context, &key_context, md, NULL, signer->key) <= 0
        || (rule->pss
            && EVP_PKEY_CTX_set_rsa_padding(key_context,
                                            RSA_PKCS1_PSS_PADDING)
                   <= 0)) {
        EVP_MD_CTX_free(context);
        return NULL;
    }
    return context;
}

/* tbs with another version in front of its fields (RFC 6960, 4.2.1), and what
 * signer says to that. */
static void set_version(tool_buf_t *tbs, tool_buf_t *signature,
                        const identity_t *signer, const rule_t *rule)
{
    EVP_MD_CTX *context = resp_basic_sign_context(signer, rule);
    unsigned char number = (unsigned char)rule->version;
    tool_buf_t version = {0}, fields = {0};
    const unsigned char *content;
    size_t len;

    TOOL_MUST(context != NULL);
    TOOL_MUST(tool_der_read(&content, &len, (unsigned char *)tbs->data,
                            tbs->len)
              > 0);
    tool_der_add(&version, V_ASN1_INTEGER, &number, 1);
    tool_der_wrap(&fields, TOOL_DER_CONTEXT0, &version);
    tool_buf_add(&fields, content, len);
    tbs->len = 0;
    tool_der_wrap(tbs, TOOL_DER_SEQUENCE, &fields);
    len = 0;
    TOOL_MUST(EVP_DigestSign(context, NULL, &len, (unsigned char *)tbs->data,
                             tbs->len)
              > 0);
    signature->len = 0;
    tool_buf_fill(signature, 0, len);
    TOOL_MUST(EVP_DigestSign(context, (unsigned char *)signature->data, &len,
                             (unsigned char *)tbs->data, tbs->len)
              > 0);
    signature->len = len;
    EVP_MD_CTX_free(context);
    tool_buf_free(&version);
    tool_buf_free(&fields);
}

/* No signature covers the algorithm that it names: anything can stand as its
 * parameters. */
static void add_algorithm(tool_buf_t *out, const OCSP_BASICRESP *basic,
                          const rule_t *rule)
{
    const X509_ALGOR *algorithm = OCSP_resp_get0_tbs_sigalg(basic);
    const ASN1_OBJECT *object;
    tool_buf_t fields = {0}, zeros = {0};

    if (rule->sig_params < 0) {
        ADD(out, X509_ALGOR, algorithm);
        return;
    }
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    tool_der_add(&fields, V_ASN1_OBJECT, OBJ_get0_data(object),
                 OBJ_length(object));
    tool_buf_fill(&zeros, 0, (size_t)rule->sig_params);
    if (rule->sig_params > 0) {
        tool_der_wrap(&fields, V_ASN1_OCTET_STRING, &zeros);
    }
    tool_der_wrap(out, TOOL_DER_SEQUENCE, &fields);
    tool_buf_free(&fields);
    tool_buf_free(&zeros);
}

static void add_signature(tool_buf_t *out, const tool_buf_t *signature)
{
    tool_buf_t bits = {0};

    tool_buf_fill(&bits, 0, 1);    /* unused bits */
    tool_buf_add(&bits, signature->data, signature->len);
    tool_der_wrap(out, V_ASN1_BIT_STRING, &bits);
    tool_buf_free(&bits);
}

/* ---- certificates ---- */

/* The one to be added after number others: BASE of extra=BASE, or BASE-00001
 * and so on as testpki numbers them; without, ca and root in turn. */
static const tool_buf_t *extra_cert(resp_index_t *index, const rule_t *rule,
                                    long number)
{
    tool_buf_t base = {0};
    const tool_buf_t *cert;

    if (rule->extra == NULL) {
        return resp_index_cert(index, number % 2 == 0 ? "ca" : "root");
    }
    cert = resp_index_cert(index, rule->extra);
    if (cert == NULL) {
        tool_buf_addf(&base, "%s-%05ld", rule->extra, number + 1);
        cert = resp_index_cert(index, base.data);
        tool_buf_free(&base);
    }
    return cert;
}

/* Changes the serial number within a certificate, whose signature nobody looks
 * at, so that it is another one than any before. */
static void vary(tool_buf_t *cert)
{
    static unsigned long count;
    unsigned char *at = (unsigned char *)cert->data;
    const unsigned char *end = at + cert->len, *in;
    size_t len;

    /* Into Certificate, into TBSCertificate, past its version. */
    TOOL_MUST(tool_der_read(&in, &len, at, (size_t)(end - at)) > 0);
    at += in - at;
    TOOL_MUST(tool_der_read(&in, &len, at, (size_t)(end - at)) > 0);
    at += in - at;
    at += tool_der_read(&in, &len, at, (size_t)(end - at));
    TOOL_MUST(tool_der_read(&in, &len, at, (size_t)(end - at)) > 0);
    at += in - at;
    count++;
    for (size_t i = 1; i < len && i <= sizeof(count); i++) {
        at[len - i] = (unsigned char)(count >> (8 * (i - 1)));
    }
}

static void add_extra(tool_buf_t *out, resp_index_t *index,
                      const rule_t *rule)
{
    long count = 0;

    if (rule->certs != NULL) {
        tool_number(&count, rule->certs);
    }
    for (long i = 0; i < count; i++) {
        const tool_buf_t *cert = extra_cert(index, rule, i);
        tool_buf_t der = {0};

        if (cert == NULL) {
            fprintf(stderr, "responder: no certificate for: %s\n",
                    rule->line);
            return;
        }
        tool_buf_add(&der, cert->data, cert->len);
        if (rule->vary) {
            vary(&der);
        }
        tool_buf_add(out, der.data, der.len);
        tool_buf_free(&der);
    }
}

static void add_certs(tool_buf_t *out, resp_index_t *index,
                      const identity_t *signer, const rule_t *rule)
{
    int is_none = rule->certs != NULL && strcmp(rule->certs, "none") == 0;
    tool_buf_t certs = {0}, sequence = {0};

    if (!is_none && !rule->signer_last) {
        ADD(&certs, X509, signer->cert);
    }
    add_extra(&certs, index, rule);
    if (!is_none && rule->signer_last) {
        ADD(&certs, X509, signer->cert);
    }
    if (certs.len > 0) {
        tool_der_wrap(&sequence, TOOL_DER_SEQUENCE, &certs);
        tool_der_wrap(out, TOOL_DER_CONTEXT0, &sequence);
    }
    tool_buf_free(&certs);
    tool_buf_free(&sequence);
}

/* ---- the whole ---- */

void resp_basic_add(tool_buf_t *body, OCSP_BASICRESP *basic,
                    resp_index_t *index, const identity_t *signer,
                    const rule_t *rule)
{
    const ASN1_OCTET_STRING *bits = OCSP_resp_get0_signature(basic);
    const ASN1_OBJECT *type = OBJ_nid2obj(NID_id_pkix_OCSP_basic);
    tool_buf_t tbs = {0}, signature = {0}, part = {0}, all = {0};

    ADD(&tbs, OCSP_RESPDATA, OCSP_resp_get0_respdata(basic));
    tool_buf_add(&signature, ASN1_STRING_get0_data(bits),
                 (size_t)ASN1_STRING_length(bits));
    if (rule->version >= 0) {
        set_version(&tbs, &signature, signer, rule);
    }
    tool_buf_add(&part, tbs.data, tbs.len);
    add_algorithm(&part, basic, rule);
    add_signature(&part, &signature);
    add_certs(&part, index, signer, rule);
    tool_der_wrap(&all, TOOL_DER_SEQUENCE, &part);   /* BasicOCSPResponse */
    tool_der_add(&part, V_ASN1_OBJECT, OBJ_get0_data(type),
                 OBJ_length(type));
    tool_der_wrap(&part, V_ASN1_OCTET_STRING, &all);
    tool_der_wrap(&all, TOOL_DER_SEQUENCE, &part);   /* ResponseBytes */
    tool_der_add(&part, V_ASN1_ENUMERATED, "", 1);
    tool_der_wrap(&part, TOOL_DER_CONTEXT0, &all);
    tool_der_wrap(body, TOOL_DER_SEQUENCE, &part);
    tool_buf_free(&tbs);
    tool_buf_free(&signature);
    tool_buf_free(&part);
    tool_buf_free(&all);
}
