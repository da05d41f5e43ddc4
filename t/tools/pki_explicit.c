/* A public key whose parameters are spelt out, and which is slow to decode. */
#include "pki_explicit.h"

#include "tool_der.h"

#include <openssl/bn.h>
#include <openssl/objects.h>

/* The prime of the field, FACTOR * 2^POWER + 1: of the 661 bits that OpenSSL
 * takes at most, and with so many factors of two in p - 1, over which the
 * algorithm of Tonelli and Shanks walks one by one. */
#define FACTOR 1049041
#define POWER 640
#define FIELD_BYTES 83

static void add_prime(tool_buf_t *out)
{
    BIGNUM *p = BN_new();
    unsigned char bytes[FIELD_BYTES];

    TOOL_MUST(p != NULL && BN_set_word(p, FACTOR));
    TOOL_MUST(BN_lshift(p, p, POWER) && BN_add_word(p, 1));
    TOOL_MUST(BN_bn2binpad(p, bytes, FIELD_BYTES) == FIELD_BYTES);
    tool_der_add(out, V_ASN1_INTEGER, bytes, FIELD_BYTES);
    BN_free(p);
}

/* x = 0, of which y has to be found: y^2 = b. */
static void fill_point(unsigned char point[FIELD_BYTES + 1])
{
    memset(point, 0, FIELD_BYTES + 1);
    point[0] = 2;
}

static void add_object(tool_buf_t *out, int nid)
{
    const ASN1_OBJECT *object = OBJ_nid2obj(nid);

    tool_der_add(out, V_ASN1_OBJECT, OBJ_get0_data(object),
                 OBJ_length(object));
}

/* ECParameters.  b is the square of 3, which is no square itself: the square
 * root of such a one takes longest. */
static void add_parameters(tool_buf_t *out)
{
    static const unsigned char one = 1, nine = 9;
    unsigned char point[FIELD_BYTES + 1];
    tool_buf_t part = {0}, all = {0};

    tool_der_add(&all, V_ASN1_INTEGER, &one, 1);
    add_object(&part, NID_X9_62_prime_field);
    add_prime(&part);
    tool_der_wrap(&all, TOOL_DER_SEQUENCE, &part);
    tool_der_add(&part, V_ASN1_OCTET_STRING, &one, 1);
    tool_der_add(&part, V_ASN1_OCTET_STRING, &nine, 1);
    tool_der_wrap(&all, TOOL_DER_SEQUENCE, &part);
    fill_point(point);
    tool_der_add(&all, V_ASN1_OCTET_STRING, point, sizeof(point));
    tool_der_add(&all, V_ASN1_INTEGER, "\x7f\xff\xff", 3);    /* order */
    tool_der_wrap(out, TOOL_DER_SEQUENCE, &all);
    tool_buf_free(&part);
    tool_buf_free(&all);
}

void pki_explicit_set(X509 *cert)
{
    ASN1_STRING *parameters = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
    unsigned char *point = OPENSSL_malloc(FIELD_BYTES + 1);
    tool_buf_t der = {0};

    add_parameters(&der);
    TOOL_MUST(parameters != NULL && point != NULL);
    TOOL_MUST(ASN1_STRING_set(parameters, der.data, (int)der.len));
    fill_point(point);
    TOOL_MUST(X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(cert),
                                     OBJ_nid2obj(NID_X9_62_id_ecPublicKey),
                                     V_ASN1_SEQUENCE, parameters, point,
                                     FIELD_BYTES + 1));
    tool_buf_free(&der);
}
