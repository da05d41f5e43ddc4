/* Program bench_verify: what verifying a response costs beside its signatures.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../unit/make_ocsp.h"
#include "bench_util.h"
#include "ocsp/staple_verify.h"

/*
 * bench_verify TIMES ROUNDS
 *
 * The usual response, signed by a delegate (ECDSA P-256): how long its two
 * signatures take (the response's and the delegate's certificate's), and how
 * long staple_verify() takes, in turn.  Microseconds of processor time.
 */
#define MAX_ROUNDS 101

static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;

static double time_signatures(const make_pki_t *pki, make_der_t der, int times)
{
    const unsigned char *at = der.bytes;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)der.len);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    STACK_OF(X509) *certs = sk_X509_new_null();
    double began;
    int i;

    sk_X509_push(certs, pki->issuer.x509);
    began = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
    for (i = 0; i < times; i++) {
        if (OCSP_basic_verify(basic, certs, NULL, OCSP_NOVERIFY) != 1
            || X509_verify(pki->delegate.x509, pki->issuer.key) != 1) {
            bench_die("a signature is wrong");
        }
    }
    began = bench_seconds(CLOCK_THREAD_CPUTIME_ID) - began;
    sk_X509_free(certs);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return began / times * 1e6;
}

static double time_verify(const make_pki_t *pki, make_der_t der, int times)
{
    double began = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
    staple_canonical_t canonical;
    staple_verdict_t verdict;
    int i;

    for (i = 0; i < times; i++) {
        if (staple_verify(&verdict, &canonical, pki->cert, der.bytes, der.len,
                          NULL, &policy, apr_time_from_sec(MAKE_NOW))
            != STAPLE_OK) {
            bench_die("the response is refused");
        }
        staple_verify_free(&canonical);
    }
    return (bench_seconds(CLOCK_THREAD_CPUTIME_ID) - began) / times * 1e6;
}

int main(int argc, char **argv)
{
    static double alone[MAX_ROUNDS], whole[MAX_ROUNDS], ratio[MAX_ROUNDS];
    int times = argc > 1 ? atoi(argv[1]) : 500;
    int rounds = argc > 2 ? atoi(argv[2]) : 11;
    apr_pool_t *p = make_begin();
    make_pki_t *pki = make_pki(p);
    make_response_t knobs = make_good(pki);
    make_der_t der = make_response(p, &knobs);
    int i;

    if (times < 1 || rounds < 1 || rounds > MAX_ROUNDS) {
        bench_die("bench_verify TIMES ROUNDS");
    }
    for (i = 0; i < rounds; i++) {
        alone[i] = time_signatures(pki, der, times);
        whole[i] = time_verify(pki, der, times);
        ratio[i] = whole[i] / alone[i];
    }
    bench_row("microseconds of the signatures of a response", alone, rounds);
    bench_row("microseconds of verifying a response", whole, rounds);
    bench_row("verifying against the signatures alone", ratio, rounds);
    make_end(p);
    return 0;
}
