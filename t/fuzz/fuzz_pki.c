/* The fixed certificates and keys of the fuzz targets and their seeds. */
#include "fuzz_pki.h"

#include <apr_general.h>
#include <openssl/pem.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_pki_pem.h"

make_identity_t *fuzz_pki_identity(make_pki_t *pki, unsigned number)
{
    make_identity_t *const all[FUZZ_PKI_COUNT] = {
        &pki->root,     &pki->issuer, &pki->leaf,  &pki->sibling,
        &pki->delegate, &pki->plain,  &pki->other, &pki->stranger,
    };

    return all[number];
}

static apr_status_t free_identity(void *data)
{
    make_identity_t *identity = data;

    X509_free(identity->x509);
    EVP_PKEY_free(identity->key);
    return APR_SUCCESS;
}

/* What only pools hold is a leak to LeakSanitizer, which looks while they are
 * there, too. */
static X509 *volatile held[16];

void fuzz_pki_hold(const staple_cert_t *cert)
{
    static unsigned count;

    held[count++ % 16] = cert->issuer->x509;
}

make_pki_t *fuzz_pki_load(apr_pool_t *p)
{
    /* Where LeakSanitizer looks: APR's pools may be mapped memory. */
    static make_pki_t fixed;
    make_pki_t *pki = &fixed;
    unsigned i;

    for (i = 0; i < FUZZ_PKI_COUNT; i++) {
        make_identity_t *identity = fuzz_pki_identity(pki, i);
        BIO *bio = BIO_new_mem_buf(fuzz_pki_pem[i], -1);

        identity->x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        identity->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        FUZZ_CHECK(identity->x509 != NULL && identity->key != NULL);
        apr_pool_cleanup_register(p, identity, free_identity,
                                  apr_pool_cleanup_null);
        BIO_free(bio);
    }
    pki->issuers = staple_cert_issuers_make(p);
    pki->cert = make_staple_cert(p, pki->issuers, pki->leaf.x509,
                                 pki->issuer.x509);
    fuzz_pki_hold(pki->cert);
    atexit(apr_terminate);
    return pki;
}

void fuzz_pki_print_lines(const char *text)
{
    while (*text != '\0') {
        int len = (int)strcspn(text, "\n");

        printf("\n    \"%.*s\\n\"", len, text);
        text += len + 1;
    }
}

void fuzz_pki_print(make_pki_t *pki)
{
    unsigned i;

    printf("/* Made by t/fuzz/make_seeds --pki; keys that protect nothing. */\n"
           "static const char *const fuzz_pki_pem[] = {");
    for (i = 0; i < FUZZ_PKI_COUNT; i++) {
        const make_identity_t *identity = fuzz_pki_identity(pki, i);
        BIO *bio = BIO_new(BIO_s_mem());
        char *text;

        PEM_write_bio_X509(bio, identity->x509);
        PEM_write_bio_PrivateKey(bio, identity->key, NULL, NULL, 0, NULL, NULL);
        BIO_write(bio, "", 1);
        BIO_get_mem_data(bio, &text);
        fuzz_pki_print_lines(text);
        printf(",");
        BIO_free(bio);
    }
    printf("\n};\n");
}

/* What may be published is taken again, and nothing is changed in it. */
static void check_published(const staple_canonical_t *canonical,
                            const staple_cert_t *cert,
                            const staple_policy_t *policy, apr_time_t now)
{
    staple_canonical_t again;
    staple_verdict_t verdict;

    FUZZ_CHECK(staple_verify(&verdict, &again, cert, canonical->der,
                             canonical->der_len, NULL, policy, now)
               == STAPLE_OK);
    FUZZ_CHECK(again.der_len == canonical->der_len
               && memcmp(again.der, canonical->der, again.der_len) == 0);
    staple_verify_free(&again);
}

staple_reason_e fuzz_pki_judge(staple_verdict_t *verdict,
                               const staple_cert_t *cert,
                               const make_der_t *before,
                               const unsigned char *der, apr_size_t der_len,
                               const unsigned char *nonce,
                               const staple_policy_t *policy, apr_time_t now)
{
    staple_issuer_t issuer = *cert->issuer;
    staple_cert_t copy = *cert;
    staple_canonical_t canonical;
    staple_reason_e reason;
    apr_pool_t *p;

    apr_pool_create(&p, NULL);
    issuer.signers = staple_signer_none(p);
    copy.issuer = &issuer;
    if (before != NULL) {
        staple_verify(verdict, NULL, &copy, before->bytes, before->len, NULL,
                      policy, apr_time_from_sec(MAKE_NOW));
    }
    reason = staple_verify(verdict, &canonical, &copy, der, der_len, nonce,
                           policy, now);
    if (reason == STAPLE_OK) {
        check_published(&canonical, &copy, policy, now);
    }
    staple_verify_free(&canonical);
    apr_pool_destroy(p);
    return reason;
}
