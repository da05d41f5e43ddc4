/* Keys and digests that are too weak, of the response and of its delegate; and
 * signers who are not easily found. */
#include "../make_hostile.h"
#include "../tap.h"

#include "ocsp/staple_verify.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define OLD ((apr_int64_t)1600000000) /* September 2020 */

static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
static apr_pool_t *p;
static make_pki_t *pki;

static staple_reason_e judge_for(const staple_cert_t *cert, make_der_t der,
                                 apr_int64_t now)
{
    staple_verdict_t verdict;

    return staple_verify(&verdict, NULL, cert, der.bytes, der.len, NULL,
                         &policy, apr_time_from_sec(now));
}

static staple_reason_e judge(const make_response_t *response)
{
    return judge_for(pki->cert, make_response(p, response), MAKE_NOW);
}

/* ---- keys ---- */

/* A delegate with this key. */
static make_response_t by_delegate(EVP_PKEY *key)
{
    make_response_t response = make_good(pki);

    response.signer = make_cert(p, &(make_cert_t){
        .name = "Delegate", .issuer = &pki->issuer, .usage = "OCSPSigning",
        .key = key});
    response.embed[0] = response.signer.x509;
    return response;
}

static void test_delegate_keys(void)
{
    static const struct {
        unsigned bits;
        staple_reason_e want;
    } rows[] = {
        {512, STAPLE_WEAK_KEY},
        {1024, STAPLE_WEAK_KEY},
        {2048, STAPLE_OK},
        {3072, STAPLE_OK},
    };
    EVP_PKEY *small = EVP_EC_gen("P-192"), *fair = EVP_EC_gen("P-224");
    make_response_t response;
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        response = by_delegate(make_rsa_key_of(p, rows[i].bits));
        is_reason(judge(&response), rows[i].want,
                  "a delegate's RSA key of %u bits", rows[i].bits);
    }
    response = by_delegate(small);
    is_reason(judge(&response), STAPLE_WEAK_KEY, "a delegate's on P-192");
    response = by_delegate(fair);
    is_reason(judge(&response), STAPLE_OK, "a delegate's on P-224");
    EVP_PKEY_free(small);
    EVP_PKEY_free(fair);
}

/* An issuer whose key is weak is no better at it. */
static void test_issuer_keys(void)
{
    make_identity_t issuer = make_cert(p, &(make_cert_t){
        .name = "Weak", .is_ca = 1, .key = make_rsa_key_of(p, 1024)});
    make_identity_t leaf = make_cert(p, &(make_cert_t){
        .name = "leaf", .issuer = &issuer});
    make_identity_t delegate = make_cert(p, &(make_cert_t){
        .name = "Delegate", .issuer = &issuer, .usage = "OCSPSigning"});
    const staple_cert_t *cert = make_staple_cert(
        p, staple_cert_issuers_make(p), leaf.x509, issuer.x509);
    make_response_t response = make_good(pki);

    response.singles[0].leaf = leaf.x509;
    response.singles[0].issuer = issuer.x509;
    response.signer = issuer;
    response.embed[0] = NULL;
    is_reason(judge_for(cert, make_response(p, &response), MAKE_NOW),
              STAPLE_WEAK_KEY, "an issuer's RSA key of 1024 bits");
    response.signer = delegate;
    response.embed[0] = delegate.x509;
    is_reason(judge_for(cert, make_response(p, &response), MAKE_NOW),
              STAPLE_WEAK_KEY, "a delegate certified by such a key");
}

static void test_explicit_key(void)
{
    make_response_t response = make_good(pki);
    EVP_PKEY *key = EVP_EC_gen("P-256");

    EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit");
    response = by_delegate(key);
    is_reason(judge(&response), STAPLE_WEAK_KEY,
              "a delegate's on a curve by its parameters");
    EVP_PKEY_free(key);
}

/* ---- the digest of a delegate's certificate ---- */

static void test_delegate_digests(void)
{
    const struct {
        const char *name;
        const EVP_MD *digest;
        int pss;
        apr_int64_t now;
        staple_reason_e want;
    } rows[] = {
        {"SHA-256", EVP_sha256(), 0, MAKE_NOW, STAPLE_OK},
        {"SHA-224", EVP_sha224(), 0, MAKE_NOW, STAPLE_OK},
        {"PSS and SHA-256", EVP_sha256(), 1, MAKE_NOW, STAPLE_OK},
        {"SHA-1", EVP_sha1(), 0, MAKE_NOW, STAPLE_WEAK_SIGNATURE},
        {"PSS and SHA-1", EVP_sha1(), 1, MAKE_NOW, STAPLE_WEAK_SIGNATURE},
        {"MD5", EVP_md5(), 0, MAKE_NOW, STAPLE_WEAK_SIGNATURE},
        {"SHA-1, then", EVP_sha1(), 0, OLD, STAPLE_OK},
        {"PSS and SHA-1, then", EVP_sha1(), 1, OLD, STAPLE_OK},
        {"MD5, then", EVP_md5(), 0, OLD, STAPLE_WEAK_SIGNATURE},
    };
    make_identity_t issuer = make_cert(p, &(make_cert_t){
        .name = "RSA", .is_ca = 1, .key = make_rsa_key(p)});
    make_identity_t leaf = make_cert(p, &(make_cert_t){
        .name = "leaf", .issuer = &issuer});
    const staple_cert_t *cert = make_staple_cert(
        p, staple_cert_issuers_make(p), leaf.x509, issuer.x509);
    make_response_t response = make_good(pki);
    unsigned i;

    response.singles[0].leaf = leaf.x509;
    response.singles[0].issuer = issuer.x509;
    for (i = 0; i < COUNT(rows); i++) {
        response.signer = make_cert(p, &(make_cert_t){
            .name = "Delegate", .issuer = &issuer, .usage = "OCSPSigning",
            .digest = rows[i].digest, .pss = rows[i].pss});
        response.embed[0] = response.signer.x509;
        response.produced_at = rows[i].now - 60;
        response.singles[0].this_update = rows[i].now - 60;
        response.singles[0].next_update = rows[i].now + MAKE_DAY;
        is_reason(judge_for(cert, make_response(p, &response), rows[i].now),
                  rows[i].want, "a delegate's certificate signed with %s",
                  rows[i].name);
    }
}

/* ---- digests of a CertID ---- */

/* The digest in the CertID of this response becomes another one. */
static make_der_t with_digest(const char *oid)
{
    make_response_t knobs = make_good(pki);
    make_parts_t parts;
    make_der_t algorithm;

    knobs.signer = pki->issuer;
    knobs.embed[0] = NULL;
    parts = make_take_apart(make_response(p, &knobs));
    /* responses, the first, its CertID, hashAlgorithm, the OID: SHA-1's has
     * five octets */
    algorithm = make_child(make_child(make_child(make_child(
        make_child(parts.tbs, 2), 0), 0), 0), 0);
    memcpy(make_contents(algorithm).bytes, oid, 5);
    parts.signature =
        make_signed(p, parts.tbs, pki->issuer.key).signature;
    return make_put_together(p, &parts);
}

static void test_certid_digests(void)
{
    is_reason(judge_for(pki->cert, with_digest("\x2b\x0e\3\2\x1a"), MAKE_NOW),
              STAPLE_OK, "a CertID with SHA-1");
    is_reason(judge_for(pki->cert, with_digest("\x2a\3\4\5\6"), MAKE_NOW),
              STAPLE_NO_MATCH, "a CertID with a digest that is unknown");
    is_reason(judge_for(pki->cert, with_digest("\x2b\x24\3\2\1"), MAKE_NOW),
              STAPLE_CERT_WRONG_ISSUER, "a CertID that is not RIPEMD-160's");
}

/* ---- a delegate's first day ---- */

static void test_skew(void)
{
    static const struct {
        apr_int64_t begins;
        staple_reason_e want;
    } rows[] = {{0, STAPLE_OK},
                {1, STAPLE_OK},
                {300, STAPLE_OK},
                {301, STAPLE_SIGNER_EXPIRED}};
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        make_response_t response = make_good(pki);

        response.signer = make_cert(p, &(make_cert_t){
            .name = "Delegate", .issuer = &pki->issuer,
            .usage = "OCSPSigning",
            .not_before = MAKE_NOW + rows[i].begins});
        response.embed[0] = response.signer.x509;
        is_reason(judge(&response), rows[i].want,
                  "a delegate that begins in %d s",
                  (int)rows[i].begins);
    }
}

/* ---- several that the response names ---- */

static void test_same_name(void)
{
    make_identity_t issuer = make_cert(p, &(make_cert_t){
        .name = "Issuer", .is_ca = 1, .key_ids = 1});
    make_identity_t leaf = make_cert(p, &(make_cert_t){
        .name = "leaf", .issuer = &issuer});
    make_identity_t twin = make_cert(p, &(make_cert_t){
        .name = "Issuer", .issuer = &issuer, .usage = "OCSPSigning",
        .key_ids = 1});
    const staple_cert_t *cert = make_staple_cert(
        p, staple_cert_issuers_make(p), leaf.x509, issuer.x509);
    make_response_t response = make_good(pki);

    response.singles[0].leaf = leaf.x509;
    response.singles[0].issuer = issuer.x509;
    response.signer = twin;
    response.embed[0] = twin.x509;
    is_reason(judge_for(cert, make_response(p, &response), MAKE_NOW),
              STAPLE_OK, "a delegate under the issuer's name");
    response.embed[0] = issuer.x509;
    response.embed[1] = twin.x509;
    is_reason(judge_for(cert, make_response(p, &response), MAKE_NOW),
              STAPLE_OK, "the same behind the issuer's certificate");
    response.embed[1] = NULL;
    is_reason(judge_for(cert, make_response(p, &response), MAKE_NOW),
              STAPLE_BAD_SIGNATURE, "the same, not sent along");
    response.signer = issuer;
    response.embed[0] = twin.x509;
    is_reason(judge_for(cert, make_response(p, &response), MAKE_NOW),
              STAPLE_OK, "the issuer, and such a delegate is sent along");
}

static void test_same_subject(void)
{
    make_identity_t second = make_cert(p, &(make_cert_t){
        .name = "Delegate", .issuer = &pki->issuer, .usage = "OCSPSigning",
        .serial = "2001"});
    make_identity_t forged = make_cert(p, &(make_cert_t){
        .name = "Delegate", .usage = "OCSPSigning"});
    make_response_t response = make_good(pki);

    response.signer = second;
    response.embed[0] = pki->delegate.x509;
    response.embed[1] = second.x509;
    is_reason(judge(&response), STAPLE_OK,
              "two delegates of one name, the second signed");
    response.embed[0] = second.x509;
    response.embed[1] = pki->delegate.x509;
    is_reason(judge(&response), STAPLE_OK,
              "two delegates of one name, the first signed");
    response.embed[0] = forged.x509;
    response.embed[1] = pki->delegate.x509;
    response.embed[2] = forged.x509;
    response.embed[3] = second.x509;
    is_reason(judge(&response), STAPLE_OK,
              "four certificates of one name, two forged, the last signed");
    response.embed[3] = forged.x509;
    is_reason(judge(&response), STAPLE_SIGNER_NOT_AUTHORISED,
              "four of one name, and none signed");
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    test_delegate_keys();
    test_issuer_keys();
    test_explicit_key();
    test_delegate_digests();
    test_certid_digests();
    test_skew();
    test_same_name();
    test_same_subject();
    make_end(p);
    return tap_done();
}
