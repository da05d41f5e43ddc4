/* Responses that are right, of several kinds, always the same ones. */
#include <openssl/pem.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_canonical.h"
#include "fuzz_canonical_pem.h"
#include "fuzz_pki.h"

fuzz_canonical_t fuzz_canonical_load(apr_pool_t *p, unsigned number)
{
    const char *text = fuzz_canonical_pem[number];
    BIO *bio = BIO_new_mem_buf(text, -1);
    fuzz_canonical_t made;
    unsigned char *data = NULL;
    char *name = NULL, *header = NULL;
    long len = 0;

    FUZZ_CHECK(staple_cert_make(&made.cert, p, staple_cert_issuers_make(p),
                                text, strlen(text), 0)
               == STAPLE_OK);
    fuzz_pki_hold(made.cert);
    do {
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
        FUZZ_CHECK(PEM_read_bio(bio, &name, &header, &data, &len));
    } while (strcmp(name, "OCSP RESPONSE") != 0);
    made.der = make_longer(p, (make_der_t){data, (apr_size_t)len}, 0);
    made.parts = make_take_apart(made.der);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    BIO_free(bio);
    return made;
}

/* ---- making new ones ---- */

static void print(apr_pool_t *p, const make_response_t *knobs)
{
    make_der_t der = make_response(p, knobs);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;

    PEM_write_bio_X509(bio, knobs->singles[0].leaf);
    PEM_write_bio_X509(bio, knobs->singles[0].issuer);
    PEM_write_bio(bio, "OCSP RESPONSE", "", der.bytes, (long)der.len);
    BIO_write(bio, "", 1);
    BIO_get_mem_data(bio, &text);
    fuzz_pki_print_lines(text);
    printf(",");
    BIO_free(bio);
}

void fuzz_canonical_print(apr_pool_t *p)
{
    make_pki_t *pki = make_pki(p);
    EVP_PKEY *edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    make_identity_t rsa = make_cert(p, &(make_cert_t){
        .name = "RSA", .is_ca = 1, .key = make_rsa_key(p)});
    make_identity_t leaf = make_cert(p, &(make_cert_t){
        .name = "leaf", .issuer = &rsa, .key = pki->leaf.key});
    make_identity_t by_edwards = make_cert(p, &(make_cert_t){
        .name = "Edwards", .issuer = &pki->issuer, .usage = "OCSPSigning",
        .key = edwards});
    make_identity_t by_rsa = make_cert(p, &(make_cert_t){
        .name = "Delegate", .issuer = &rsa, .usage = "OCSPSigning",
        .key = make_rsa_key(p)});
    make_response_t knobs = make_good(pki);

    printf("/* Made by t/fuzz/make_seeds --canonical. */\n"
           "static const char *const fuzz_canonical_pem[] = {");
    print(p, &knobs); /* ECDSA, by a delegate */
    knobs.by_key = 1;
    print(p, &knobs); /* who is named by its key */
    knobs.signer = pki->issuer;
    knobs.embed[0] = NULL;
    print(p, &knobs); /* by the issuer */
    knobs.signer = by_edwards;
    knobs.embed[0] = by_edwards.x509;
    print(p, &knobs); /* Ed25519 */
    knobs.by_key = 0;
    knobs.singles[0].leaf = leaf.x509;
    knobs.singles[0].issuer = rsa.x509;
    knobs.signer = by_rsa;
    knobs.embed[0] = by_rsa.x509;
    print(p, &knobs); /* RSA */
    /* Nothing is signed twice by one key: both signatures would be right. */
    knobs.produced_at--;
    knobs.pss = 1;
    print(p, &knobs); /* RSASSA-PSS */
    printf("\n};\n");
    EVP_PKEY_free(edwards);
}
