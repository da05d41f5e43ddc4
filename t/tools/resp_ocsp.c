/* OCSP requests and the responses that the script asks for. */
#include "resp_ocsp.h"

#include "resp_basic.h"
#include "tool_der.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Below the arc that is set apart for documentation. */
#define OID_PAD "1.3.6.1.4.1.32473.1"
#define OID_CRITICAL "1.3.6.1.4.1.32473.2"
#define OID_DIGEST "1.3.6.1.4.1.32473.3"

/* What a response is made of. */
typedef struct {
    resp_index_t *index;
    const query_t *query;
    const rule_t *rule;
    OCSP_BASICRESP *basic;
    time_t now;
} work_t;

static time_t time_of(const moment_t *moment, time_t now, long otherwise)
{
    switch (moment->kind) {
    case TIME_ABSOLUTE: return moment->seconds;
    case TIME_RELATIVE: return now + moment->seconds;
    case TIME_UNSET:
    case TIME_NONE: break;
    }
    return now + otherwise;
}

static ASN1_GENERALIZEDTIME *generalized(time_t t)
{
    ASN1_GENERALIZEDTIME *value = ASN1_GENERALIZEDTIME_set(NULL, t);

    TOOL_MUST(value != NULL);
    return value;
}

static X509_EXTENSION *extension(const char *oid, int critical, size_t len)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    unsigned char *zeros = tool_alloc(len + 1);
    X509_EXTENSION *ext;

    TOOL_MUST(object != NULL && value != NULL);
    TOOL_MUST(ASN1_OCTET_STRING_set(value, zeros, (int)len));
    ext = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
    TOOL_MUST(ext != NULL);
    free(zeros);
    ASN1_OBJECT_free(object);
    ASN1_OCTET_STRING_free(value);
    return ext;
}

/* ---- CertID ---- */

static void change_byte(ASN1_OCTET_STRING *text)
{
    unsigned char *data = tool_alloc((size_t)ASN1_STRING_length(text) + 1);
    int len = ASN1_STRING_length(text);

    memcpy(data, ASN1_STRING_get0_data(text), (size_t)len);
    data[0] ^= 1;
    TOOL_MUST(ASN1_OCTET_STRING_set(text, data, len));
    free(data);
}

/* The same CertID, hashes and all, but of another algorithm's name. */
static OCSP_CERTID *rename_hash(OCSP_CERTID *asked, const ASN1_OBJECT *name)
{
    ASN1_OCTET_STRING *name_hash, *key_hash;
    ASN1_INTEGER *serial;
    unsigned char *number = NULL;
    tool_buf_t part = {0}, all = {0};
    const unsigned char *at;
    OCSP_CERTID *id;
    int len;

    OCSP_id_get0_info(&name_hash, NULL, &key_hash, &serial, asked);
    tool_der_add(&part, V_ASN1_OBJECT, OBJ_get0_data(name), OBJ_length(name));
    tool_der_add(&part, V_ASN1_NULL, "", 0);
    tool_der_wrap(&all, TOOL_DER_SEQUENCE, &part);
    tool_der_add(&all, V_ASN1_OCTET_STRING, ASN1_STRING_get0_data(name_hash),
                 (size_t)ASN1_STRING_length(name_hash));
    tool_der_add(&all, V_ASN1_OCTET_STRING, ASN1_STRING_get0_data(key_hash),
                 (size_t)ASN1_STRING_length(key_hash));
    len = i2d_ASN1_INTEGER(serial, &number);
    TOOL_MUST(len > 0);
    tool_buf_add(&all, number, (size_t)len);
    OPENSSL_free(number);
    tool_der_wrap(&part, TOOL_DER_SEQUENCE, &all);
    at = (const unsigned char *)part.data;
    id = d2i_OCSP_CERTID(NULL, &at, (long)part.len);
    tool_buf_free(&part);
    tool_buf_free(&all);
    return id;
}

/* The same certificate named with another hash algorithm, or with the name of
 * one that cannot be had. */
static OCSP_CERTID *rehash(const work_t *work, OCSP_CERTID *asked)
{
    const EVP_MD *md = EVP_get_digestbyname(work->rule->certid_hash);
    const identity_t *issuer
        = resp_index_identity(work->index, work->query->entry->issuer);
    ASN1_OBJECT *unknown;
    ASN1_INTEGER *serial;
    OCSP_CERTID *id = NULL;

    if (md == NULL) {
        unknown = OBJ_txt2obj(OID_DIGEST, 1);
        TOOL_MUST(unknown != NULL);
        id = rename_hash(asked, unknown);
        ASN1_OBJECT_free(unknown);
        return id;
    }
    if (issuer == NULL) {
        return OCSP_CERTID_dup(asked);
    }
    OCSP_id_get0_info(NULL, NULL, NULL, &serial, asked);
    id = OCSP_cert_id_new(md, X509_get_subject_name(issuer->cert),
                          X509_get0_pubkey_bitstr(issuer->cert), serial);
    if (id == NULL) {
        ERR_clear_error();
        id = rename_hash(asked, OBJ_nid2obj(EVP_MD_get_type(md)));
    }
    return id;
}

static OCSP_CERTID *answered_id(const work_t *work, OCSP_CERTID *asked)
{
    OCSP_CERTID *id = work->rule->certid_hash != NULL
                          ? rehash(work, asked)
                          : OCSP_CERTID_dup(asked);
    ASN1_OCTET_STRING *name, *key;
    ASN1_INTEGER *serial;

    TOOL_MUST(id != NULL);
    OCSP_id_get0_info(&name, NULL, &key, &serial, id);
    if (work->rule->serial_other) {
        BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);

        TOOL_MUST(number != NULL && BN_add_word(number, 1));
        TOOL_MUST(BN_to_ASN1_INTEGER(number, serial) != NULL);
        BN_free(number);
    }
    if (work->rule->issuer_other) {
        change_byte(name);
        change_byte(key);
    }
    return id;
}

/* ---- SingleResponse ---- */

static int reason_of(const char *text)
{
    static const char *const names[]
        = {"unspecified", "keyCompromise", "cACompromise",
           "affiliationChanged", "superseded", "cessationOfOperation",
           "certificateHold", "-", "removeFromCRL", "privilegeWithdrawn",
           "aACompromise"};
    long number;

    if (text == NULL || strcmp(text, "none") == 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            return (int)i;
        }
    }
    return tool_number(&number, text) ? (int)number : -1;
}

static void add_single(const work_t *work, OCSP_CERTID *asked,
                       content_e content)
{
    const rule_t *rule = work->rule;
    OCSP_CERTID *id = answered_id(work, asked);
    ASN1_TIME *this_update
        = generalized(time_of(&rule->this_update, work->now, -60));
    ASN1_TIME *next_update = NULL;
    ASN1_TIME *revoked = generalized(time_of(&rule->time, work->now, -3600));
    int status = content == CONTENT_GOOD      ? V_OCSP_CERTSTATUS_GOOD
                 : content == CONTENT_REVOKED ? V_OCSP_CERTSTATUS_REVOKED
                                              : V_OCSP_CERTSTATUS_UNKNOWN;
    OCSP_SINGLERESP *single;

    if (rule->next_update.kind != TIME_NONE) {
        next_update
            = generalized(time_of(&rule->next_update, work->now, 86400));
    }
    single = OCSP_basic_add1_status(
        work->basic, id, status, reason_of(rule->reason),
        status == V_OCSP_CERTSTATUS_REVOKED ? revoked : NULL, this_update,
        next_update);
    TOOL_MUST(single != NULL);
    if (rule->critical == CRITICAL_SINGLE) {
        X509_EXTENSION *ext = extension(OID_CRITICAL, 1, 4);

        TOOL_MUST(OCSP_SINGLERESP_add_ext(single, ext, -1));
        X509_EXTENSION_free(ext);
    }
    OCSP_CERTID_free(id);
    ASN1_TIME_free(this_update);
    ASN1_TIME_free(next_update);
    ASN1_TIME_free(revoked);
}

static content_e content_of(const char *word, size_t len)
{
    if (len == 7 && strncmp(word, "revoked", len) == 0) {
        return CONTENT_REVOKED;
    }
    return len == 4 && strncmp(word, "good", len) == 0 ? CONTENT_GOOD
                                                       : CONTENT_UNKNOWN;
}

/* One for each certificate of the request; two=A+B: one each of these. */
static void add_singles(const work_t *work)
{
    for (int i = 0; i < OCSP_request_onereq_count(work->query->ocsp); i++) {
        OCSP_CERTID *asked = OCSP_onereq_get0_id(
            OCSP_request_onereq_get0(work->query->ocsp, i));
        const char *words = work->rule->two;

        if (words == NULL) {
            add_single(work, asked, work->rule->content);
        }
        while (words != NULL && *words != '\0') {
            size_t len = strcspn(words, "+");

            add_single(work, asked, content_of(words, len));
            words += len + (words[len] == '+');
        }
    }
}

/* ---- around them ---- */

static void add_extensions(const work_t *work)
{
    const rule_t *rule = work->rule;
    X509_EXTENSION *ext = NULL;

    if (rule->pad > 0) {
        ext = extension(OID_PAD, 0, (size_t)rule->pad);
        TOOL_MUST(OCSP_BASICRESP_add_ext(work->basic, ext, -1));
        X509_EXTENSION_free(ext);
    }
    if (rule->critical == CRITICAL_RESPONSE) {
        ext = extension(OID_CRITICAL, 1, 4);
        TOOL_MUST(OCSP_BASICRESP_add_ext(work->basic, ext, -1));
        X509_EXTENSION_free(ext);
    }
    if (rule->nonce == NONCE_OTHER) {
        TOOL_MUST(OCSP_basic_add1_nonce(work->basic, NULL, 16));
    }
    else if (rule->nonce == NONCE_ECHO && !rule->fixed) {
        TOOL_MUST(OCSP_copy_nonce(work->basic, work->query->ocsp) > 0);
    }
}

static const identity_t *signer_of(const work_t *work)
{
    const entry_t *entry = work->query->entry;
    const char *base = work->rule->signer;

    if (base == NULL) {
        base = strcmp(entry->issuer, "ca") == 0         ? "ocsp"
               : strcmp(entry->issuer, "other-ca") == 0 ? "other-ocsp"
                                                        : entry->issuer;
    }
    else if (strcmp(base, "leaf") == 0) {
        base = entry->name;
    }
    return resp_index_identity(work->index, base);
}

/* OpenSSL has a reader for producedAt only. */
static void set_produced(const work_t *work, time_t t)
{
    union {
        const ASN1_GENERALIZEDTIME *read;
        ASN1_GENERALIZEDTIME *write;
    } produced = {OCSP_resp_get0_produced_at(work->basic)};

    TOOL_MUST(ASN1_GENERALIZEDTIME_set(produced.write, t) != NULL);
}

/* Changes what is signed, or the signature, after signing. */
static void flip(const work_t *work, time_t produced)
{
    union {
        const ASN1_OCTET_STRING *read;
        ASN1_OCTET_STRING *write;
    } signature = {OCSP_resp_get0_signature(work->basic)};

    if (work->rule->flip == FLIP_TBS) {
        set_produced(work, produced + 1);
    }
    else if (work->rule->flip == FLIP_SIGNATURE) {
        signature.write->data[signature.write->length - 1] ^= 1;
    }
}

/* Signs, by signer; resp_basic_add puts in the certificates. */
static int sign(const work_t *work, const identity_t *signer)
{
    const rule_t *rule = work->rule;
    time_t produced = time_of(&rule->produced, work->now, 0);
    unsigned long flags = OCSP_NOTIME | OCSP_NOCERTS;
    EVP_MD_CTX *context;
    int ok;

    if (signer == NULL) {
        fprintf(stderr, "responder: no signer for: %s\n", rule->line);
        return 0;
    }
    if (rule->responder_key) {
        flags |= OCSP_RESPID_KEY;
    }
    set_produced(work, produced);
    context = resp_basic_sign_context(signer, rule);
    ok = context != NULL
         && OCSP_basic_sign_ctx(work->basic, signer->cert, context, NULL,
                                flags);
    EVP_MD_CTX_free(context);
    if (!ok) {
        fprintf(stderr, "responder: cannot sign for: %s\n", rule->line);
        ERR_print_errors_fp(stderr);
        return 0;
    }
    flip(work, produced);
    return 1;
}

/* ---- the whole ---- */

static void add_error(tool_buf_t *body, long status)
{
    const unsigned char der[] = {0x30, 3, 0x0a, 1, (unsigned char)status};

    tool_buf_add(body, der, sizeof(der));
}

static void add_response(tool_buf_t *body, work_t *work)
{
    const identity_t *signer = signer_of(work);

    work->basic = OCSP_BASICRESP_new();
    TOOL_MUST(work->basic != NULL);
    add_singles(work);
    add_extensions(work);
    if (sign(work, signer)) {
        resp_basic_add(body, work->basic, work->index, signer, work->rule);
    }
    else {
        add_error(body, OCSP_RESPONSE_STATUS_INTERNALERROR);
    }
    OCSP_BASICRESP_free(work->basic);
}

static void add_fixed(tool_buf_t *body, work_t *work,
                      unsigned long generation)
{
    entry_t *entry = work->query->entry;

    if (entry->fixed_rule != work->rule->line
        || entry->fixed_at != generation) {
        entry->fixed.len = 0;
        add_response(&entry->fixed, work);
        entry->fixed_rule = work->rule->line;
        entry->fixed_at = generation;
    }
    tool_buf_add(body, entry->fixed.data, entry->fixed.len);
}

void resp_ocsp_build(tool_buf_t *body, resp_index_t *index,
                     const query_t *query, const rule_t *rule,
                     unsigned long generation, time_t now)
{
    work_t work
        = {.index = index, .query = query, .rule = rule, .now = now};

    if (rule->content == CONTENT_ERROR) {
        add_error(body, rule->status);
    }
    else if (query->entry == NULL) {
        add_error(body, OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
    }
    else if (rule->fixed) {
        add_fixed(body, &work, generation);
    }
    else {
        add_response(body, &work);
    }
    if (rule->trailing > 0) {
        tool_buf_fill(body, 'x', (size_t)rule->trailing);
    }
}
