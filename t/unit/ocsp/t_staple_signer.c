/* Which certificates of a response are tried; the one that is kept. */
#include "../make_hostile.h"
#include "../tap.h"

#include <pthread.h>
#include <stdlib.h>

#include "ocsp/staple_response.h"
#include "ocsp/staple_signer.h"

static apr_pool_t *p;
static make_pki_t *pki;

static staple_der_t slice(make_der_t der)
{
    return (staple_der_t){der.bytes, der.len};
}

/* ---- the one that is kept ---- */

/* Takes this certificate; the parsed one, and keeps it if asked. */
static X509 *take(staple_reason_e *reason, staple_signers_t *signers,
                  make_der_t der, int is_kept)
{
    staple_signer_t signer;
    X509 *x509;

    ERR_set_mark();
    *reason = staple_signer_take(&signer, signers, slice(der),
                                 pki->issuer.x509, 0);
    x509 = signer.x509;
    if (*reason == STAPLE_OK && is_kept) {
        staple_signer_keep(signers, &signer);
    }
    staple_signer_free(&signer);
    ERR_pop_to_mark();
    return x509;
}

static void test_kept(void)
{
    staple_signers_t *signers = staple_signer_none(p);
    make_der_t usual = make_x509_der(p, pki->delegate.x509);
    make_der_t other = make_x509_der(p, pki->plain.x509);
    make_der_t fields[4] = {{NULL, 0}}, same;
    staple_reason_e reason;
    X509 *kept;

    fields[0] = make_child(usual, 0);
    fields[1] = make_child(usual, 1);
    fields[2] = make_other_s(p, make_child(usual, 2));
    same = make_wrap(p, V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED,
                     make_join(p, fields));
    kept = take(&reason, signers, usual, 1);
    is_reason(reason, STAPLE_OK, "a delegate's certificate");
    ok(take(&reason, signers, usual, 0) == kept,
       "is not parsed again when it comes again");
    ok(take(&reason, signers, same, 0) == kept,
       "nor with the other value of its signature");
    ok(take(&reason, signers, other, 0) != kept, "another one is");
    is_reason(reason, STAPLE_OK, "and is right");
    ok(take(&reason, signers, usual, 1) == kept,
       "it did not take the place of what was kept");
    kept = take(&reason, signers, other, 1);
    ok(kept != NULL && take(&reason, signers, other, 0) == kept,
       "unless it is kept itself");
}

/* What was kept when SHA-1 would do is none of those for whom it will not. */
static void test_kept_sha1(void)
{
    staple_signers_t *signers = staple_signer_none(p);
    make_identity_t delegate = make_cert(p, &(make_cert_t){
        .name = "delegate", .issuer = &pki->issuer, .usage = "OCSPSigning",
        .digest = EVP_sha1()});
    make_der_t der = make_x509_der(p, delegate.x509);
    staple_signer_t signer;
    staple_reason_e reason;

    is_reason(staple_signer_take(&signer, signers, slice(der),
                                 pki->issuer.x509, 1),
              STAPLE_OK, "signed by SHA-1, where that will do");
    staple_signer_keep(signers, &signer);
    staple_signer_free(&signer);
    is_reason(staple_signer_take(&signer, signers, slice(der),
                                 pki->issuer.x509, 1),
              STAPLE_OK, "once more");
    is_int(signer.was_kept, 1, "from what was kept");
    staple_signer_free(&signer);
    ok(take(&reason, signers, der, 0) == NULL, "not where it will not");
    is_reason(reason, STAPLE_WEAK_SIGNATURE, "for its signature");
}

/* Any bit of a certificate changed: with and without what was kept the same. */
static void test_same_verdict(void)
{
    staple_signers_t *warm = staple_signer_none(p);
    staple_signers_t *cold = staple_signer_none(p);
    make_der_t der = make_x509_der(p, pki->delegate.x509);
    staple_reason_e with, without;
    unsigned differ = 0, taken = 0;
    apr_size_t i;

    take(&with, warm, der, 1);
    for (i = 0; i < der.len; i++) {
        der.bytes[i] ^= (unsigned char)(1 << i % 8);
        take(&with, warm, der, 0);
        take(&without, cold, der, 0);
        differ += with != without;
        taken += with == STAPLE_OK;
        der.bytes[i] ^= (unsigned char)(1 << i % 8);
    }
    is_int(differ, 0, "a bit changed in any octet: the same, kept or not");
    is_int(taken, 0, "and refused");
}

static void test_refused(void)
{
    make_der_t key = make_hostile_key(p);
    const struct {
        const char *name;
        make_der_t der;
        staple_reason_e want;
    } rows[] = {
        {"another CA's", make_x509_der(p, pki->stranger.x509),
         STAPLE_SIGNER_NOT_AUTHORISED},
        {"the issuer's own", make_x509_der(p, pki->issuer.x509),
         STAPLE_SIGNER_NOT_AUTHORISED},
        {"a key that costs much", make_with_key(p, pki->delegate.x509, key,
                                                NULL), STAPLE_WEAK_KEY},
        {"a key that costs much, signed",
         make_with_key(p, pki->delegate.x509, key, pki->issuer.key),
         STAPLE_WEAK_KEY},
        {"an octet more",
         make_longer(p, make_x509_der(p, pki->delegate.x509), 1),
         STAPLE_SIGNER_NOT_AUTHORISED},
    };
    staple_reason_e reason;
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ok(take(&reason, staple_signer_none(p), rows[i].der, 0) == NULL,
           "%s: not taken", rows[i].name);
        is_reason(reason, rows[i].want, "%s: why", rows[i].name);
    }
}

/* ---- whom the response names ---- */

static void test_found(void)
{
    make_der_t delegate = make_x509_der(p, pki->delegate.x509);
    make_der_t plain = make_x509_der(p, pki->plain.x509);
    make_der_t certs[] = {plain, delegate, plain, delegate, {NULL, 0}};
    make_der_t many[] = {delegate, delegate, delegate, delegate, delegate,
                         {NULL, 0}};
    make_der_t all = make_join(p, certs);
    staple_der_t found[STAPLE_SIGNER_MOST];
    unsigned count;
    int by_key;

    for (by_key = 0; by_key < 2; by_key++) {
        make_response_t knobs = make_good(pki);
        staple_response_t response;
        make_der_t der;

        knobs.by_key = by_key;
        der = make_response(p, &knobs);
        is_reason(staple_response_parse(&response, der.bytes, der.len),
                  STAPLE_OK, "named by %s", by_key ? "key" : "name");
        ok(staple_signer_is_named(response.basic, pki->delegate.x509),
           "it is the delegate");
        ok(!staple_signer_is_named(response.basic, pki->issuer.x509),
           "and not the issuer");
        is_reason(staple_signer_find(found, &count, slice(all),
                                     response.basic),
                  STAPLE_OK, "four certificates");
        ok(count == 2 && found[0].at == all.bytes + plain.len
               && found[0].len == delegate.len
               && found[1].len == delegate.len,
           "two of them are meant, in their order");
        is_reason(staple_signer_find(found, &count, slice(make_join(p, many)),
                                     response.basic),
                  STAPLE_TOO_MANY_SIGNERS, "five are too many");
        is_reason(staple_signer_find(found, &count,
                                     (staple_der_t){all.bytes, all.len - 1},
                                     response.basic),
                  STAPLE_MALFORMED, "the last is cut short");
        is_reason(staple_signer_find(found, &count,
                                     (staple_der_t){all.bytes, 0},
                                     response.basic),
                  STAPLE_OK, "no certificate");
        is_int(count, 0, "none is meant");
        staple_response_free(&response);
    }
}

/* ---- threads ---- */

typedef struct work_t {
    staple_signers_t *signers;
    make_der_t der;
    unsigned failures;
} work_t;

static void *work(void *data)
{
    work_t *own = data;
    staple_reason_e reason;
    int i;

    for (i = 0; i < 200; i++) {
        take(&reason, own->signers, own->der, 1);
        own->failures += reason != STAPLE_OK;
    }
    return NULL;
}

static void test_threads(void)
{
    staple_signers_t *signers = staple_signer_none(p);
    make_der_t usual = make_x509_der(p, pki->delegate.x509);
    make_der_t other = make_x509_der(p, pki->plain.x509);
    pthread_t threads[4];
    work_t works[4];
    unsigned failures = 0;
    int i;

    for (i = 0; i < 4; i++) {
        works[i] = (work_t){signers, i < 2 ? usual : other, 0};
        if (pthread_create(&threads[i], NULL, work, &works[i]) != 0) {
            abort();
        }
    }
    for (i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        failures += works[i].failures;
    }
    is_int(failures, 0, "four threads, each with its own certificate");
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    test_kept();
    test_kept_sha1();
    test_same_verdict();
    test_refused();
    test_found();
    test_threads();
    make_end(p);
    return tap_done();
}
