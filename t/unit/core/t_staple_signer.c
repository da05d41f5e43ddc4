/* Certificates that came before are taken over, and nothing else by them. */
#include "../make_ocsp.h"
#include "../tap.h"

#include <pthread.h>
#include <stdlib.h>

#include "staple_response.h"

static apr_pool_t *p;
static make_pki_t *pki;

/* Parses it; the first of its certificates, and keeps them if asked. */
static X509 *first_cert(staple_reason_e *reason, staple_signers_t *signers,
                        make_der_t der, int is_kept)
{
    staple_response_t response;
    X509 *cert = NULL;

    ERR_set_mark();
    *reason = staple_response_parse(&response, signers, der.bytes, der.len);
    if (*reason == STAPLE_OK) {
        cert = sk_X509_value(OCSP_resp_get0_certs(response.basic), 0);
        if (is_kept) {
            staple_response_keep(&response, signers, der.bytes, der.len);
        }
    }
    staple_response_free(&response);
    ERR_pop_to_mark();
    return cert;
}

static void test_taken_over(void)
{
    staple_signers_t *signers = staple_response_signers_make(p);
    make_response_t knobs = make_good(pki);
    make_der_t usual = make_response(p, &knobs);
    make_der_t later, other, by_issuer, two;
    staple_reason_e reason;
    X509 *kept;

    knobs.produced_at += MAKE_HOUR;
    later = make_response(p, &knobs);
    knobs.embed[0] = pki->stranger.x509;
    other = make_response(p, &knobs);
    knobs.embed[0] = pki->delegate.x509;
    knobs.embed[1] = pki->plain.x509;
    two = make_response(p, &knobs);
    knobs.embed[0] = knobs.embed[1] = NULL;
    knobs.signer = pki->issuer;
    by_issuer = make_response(p, &knobs);

    kept = first_cert(&reason, signers, usual, 1);
    ok(kept != NULL, "a delegate's certificate is kept");
    ok(first_cert(&reason, signers, later, 0) == kept,
       "a later response of the delegate takes it over");
    is_reason(reason, STAPLE_OK, "which is right");
    ok(first_cert(&reason, signers, other, 0) != kept,
       "another delegate's does not");
    ok(first_cert(&reason, signers, two, 0) != kept,
       "nor does one with two certificates");
    ok(first_cert(&reason, signers, later, 1) == kept,
       "neither took the place of what was kept");

    kept = first_cert(&reason, signers, two, 1);
    ok(first_cert(&reason, signers, two, 0) == kept, "two are kept as well");
    first_cert(&reason, signers, by_issuer, 1);
    is_reason(reason, STAPLE_OK, "a response without certificates");
    ok(first_cert(&reason, signers, by_issuer, 0) == NULL,
       "nothing is put into it");
}

/* Whatever becomes of a byte before the certificates: the same verdict, with
 * and without what was kept. */
static void test_same_verdict(void)
{
    staple_signers_t *warm = staple_response_signers_make(p);
    staple_signers_t *cold = staple_response_signers_make(p);
    make_response_t knobs = make_good(pki);
    make_der_t der = make_response(p, &knobs);
    staple_reason_e with, without;
    unsigned differ = 0, taken = 0;
    apr_size_t i;
    int bit;

    first_cert(&with, warm, der, 1);
    for (i = 0; i < der.len; i++) {
        for (bit = 0; bit < 8; bit++) {
            der.bytes[i] ^= (unsigned char)(1 << bit);
            first_cert(&with, warm, der, 0);
            first_cert(&without, cold, der, 0);
            differ += with != without;
            taken += with == STAPLE_OK;
            der.bytes[i] ^= (unsigned char)(1 << bit);
        }
    }
    is_int(differ, 0, "every bit: the same verdict on the encoding");
    ok(taken > 0 && taken < 8 * der.len, "of which there are both");
    for (i = 0; i < der.len; i++) {
        const make_der_t cut = {der.bytes, i};

        first_cert(&with, warm, cut, 0);
        first_cert(&without, cold, cut, 0);
        differ += with != without || with == STAPLE_OK;
    }
    is_int(differ, 0, "every length: refused in the same way");
}

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
        first_cert(&reason, own->signers, own->der, 1);
        own->failures += reason != STAPLE_OK;
    }
    return NULL;
}

static void test_threads(void)
{
    staple_signers_t *signers = staple_response_signers_make(p);
    make_response_t knobs = make_good(pki);
    make_der_t usual = make_response(p, &knobs);
    pthread_t threads[4];
    work_t works[4];
    unsigned failures = 0;
    int i;

    knobs.embed[1] = pki->plain.x509;
    for (i = 0; i < 4; i++) {
        works[i] = (work_t){
            signers, i < 2 ? usual : make_response(p, &knobs), 0};
        if (pthread_create(&threads[i], NULL, work, &works[i]) != 0) {
            abort();
        }
    }
    for (i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        failures += works[i].failures;
    }
    is_int(failures, 0, "four threads, each with its own response");
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    test_taken_over();
    test_same_verdict();
    test_threads();
    make_end(p);
    return tap_done();
}
