/* Every allocation of OpenSSL fails once: what is refused with memory is never
 * taken without, and what it costs is said to be memory. */
#include "../make_crl.h"
#include "../tap.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "ocsp/staple_request.h"
#include "ocsp/staple_verify.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define MOST 100000 /* allocations of one call */

static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
static apr_pool_t *p;
static make_pki_t *pki;

/* ---- OpenSSL's memory ---- */

static unsigned left;   /* allocations until one fails; 0: none does */
static int is_for_good; /* and all that come after it */
static int has_failed;

static int is_to_fail(void)
{
    if (left == 0) {
        return is_for_good && has_failed;
    }
    has_failed = --left == 0;
    return has_failed;
}

static void *take(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_to_fail() ? NULL : malloc(size);
}

static void *change(void *old, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_to_fail() ? NULL : realloc(old, size);
}

static void give_back(void *old, const char *file, int line)
{
    (void)file;
    (void)line;
    free(old);
}

static void fail_at(unsigned number, int for_good)
{
    left = number;
    is_for_good = for_good;
    has_failed = 0;
}

/* Whether one has failed since fail_at(); none does any more. */
static int end_of_failing(void)
{
    int failed = has_failed;

    fail_at(0, 0);
    return failed;
}

/* ---- what is called ---- */

/* One call with memory or without; what it made is gone when it returns. */
typedef staple_reason_e call_t(const make_der_t *der);

static staple_status_e wanted; /* status of the next response */
static unsigned wrong_statuses;

static staple_reason_e verify(const make_der_t *der)
{
    staple_canonical_t canonical;
    staple_verdict_t verdict;
    staple_reason_e reason =
        staple_verify(&verdict, &canonical, pki->cert, der->bytes, der->len,
                      NULL, &policy, apr_time_from_sec(MAKE_NOW));

    wrong_statuses += reason == STAPLE_OK && verdict.status != wanted;
    staple_verify_free(&canonical);
    return reason;
}

static staple_reason_e make_request(const make_der_t *der)
{
    unsigned char request[STAPLE_MAX_REQUEST];
    apr_size_t len;

    (void)der;
    return staple_request_make(request, &len, pki->cert, 0, NULL);
}

static staple_reason_e take_certificate(const make_der_t *der)
{
    apr_pool_t *scratch;
    staple_reason_e reason;
    staple_cert_t *cert;

    (void)der;
    apr_pool_create(&scratch, p);
    reason = staple_cert_from_x509(&cert, scratch, pki->issuers,
                                   pki->leaf.x509, pki->issuer.x509, 0);
    apr_pool_destroy(scratch);
    return reason;
}

/* A certificate by a base, and by a delta where there is one. */
static const make_der_t *delta_der; /* NULL: none */
static const make_identity_t *crl_leaf;

static staple_reason_e check_crl(staple_crl_t **crl, apr_pool_t *scratch,
                                 const staple_crl_cert_t *cert,
                                 const make_der_t *der)
{
    const staple_crl_whose_t whose = {&pki->issuer.x509, 1, &cert, 1};

    return make_checked_by(crl, scratch, *der, &whose, NULL);
}

static staple_reason_e judge_crl(const make_der_t *der)
{
    staple_crl_t *base = NULL, *delta = NULL;
    staple_crl_cert_t *cert = NULL;
    staple_crl_verdict_t verdict;
    staple_reason_e reason;
    apr_pool_t *scratch;

    apr_pool_create(&scratch, p);
    reason = staple_crl_cert_make(&cert, scratch,
                                  X509_get0_serialNumber(crl_leaf->x509),
                                  X509_get0_extensions(crl_leaf->x509),
                                  pki->issuer.x509);
    if (reason == STAPLE_OK) {
        reason = check_crl(&base, scratch, cert, der);
    }
    if (reason == STAPLE_OK && delta_der != NULL) {
        reason = check_crl(&delta, scratch, cert, delta_der);
    }
    if (reason == STAPLE_OK) {
        reason = staple_crl_verdict(&verdict, cert, NULL, base, delta, &policy,
                                    apr_time_from_sec(MAKE_NOW));
    }
    wrong_statuses += reason == STAPLE_OK && verdict.status != wanted;
    apr_pool_destroy(scratch);
    return reason;
}

typedef struct tally_t {
    unsigned calls, no_memory, others, wrong, left_errors;
} tally_t;

static void count(tally_t *tally, staple_reason_e got, staple_reason_e want)
{
    tally->calls++;
    tally->no_memory += got == STAPLE_NO_MEMORY;
    tally->others += got != STAPLE_NO_MEMORY && got != want;
    tally->wrong += got == STAPLE_OK && want != STAPLE_OK;
    tally->left_errors += ERR_peek_error() != 0;
    ERR_clear_error();
}

static void fail_each(const char *name, call_t *call, const make_der_t *der,
                      staple_reason_e want, int for_good)
{
    tally_t tally = {0, 0, 0, 0, 0};
    unsigned number = 1;
    staple_reason_e got;

    do {
        fail_at(number, for_good);
        got = call(der);
        if (!end_of_failing()) {
            break;
        }
        count(&tally, got, want);
    } while (++number < MOST);
    is_reason(got, want, "%s: with memory", name);
    ok(tally.calls > 0 && tally.no_memory > 0,
       "%s: of %u allocations one fails%s: %u times no memory", name,
       tally.calls, for_good ? ", and all after it" : "", tally.no_memory);
    /* OpenSSL forgets why it could not decode a key. */
    ok(tally.others <= tally.calls / 2,
       "%s: mostly no other reason than that (%u)", name, tally.others);
    is_int(tally.wrong, 0, "%s: never taken wrongly", name);
    is_int(tally.left_errors, 0, "%s: no errors are left behind", name);
}

/* ---- tests ---- */

static void test_responses(void)
{
    make_response_t good = make_good(pki), two = good, stranger = good,
                    plain = good, leaf = good, critical = good, old = good;
    const struct {
        const char *name;
        const make_response_t *response;
        staple_reason_e want;
    } rows[] = {
        {"good", &good, STAPLE_OK},
        {"good and revoked", &two, STAPLE_OK},
        {"of another CA's delegate", &stranger, STAPLE_SIGNER_NOT_AUTHORISED},
        {"of no delegate", &plain, STAPLE_SIGNER_NOT_AUTHORISED},
        {"of the leaf itself", &leaf, STAPLE_SIGNER_NOT_AUTHORISED},
        {"critical extension", &critical, STAPLE_CRITICAL_EXTENSION},
        {"old", &old, STAPLE_EXPIRED},
    };
    unsigned i;

    two.count = 2;
    two.singles[1] = two.singles[0];
    two.singles[1].status = V_OCSP_CERTSTATUS_REVOKED;
    two.singles[1].revoked_at = MAKE_NOW - MAKE_DAY;
    stranger.signer = pki->stranger;
    stranger.embed[0] = pki->stranger.x509;
    plain.signer = pki->plain;
    plain.embed[0] = pki->plain.x509;
    leaf.signer = pki->leaf;
    leaf.embed[0] = pki->leaf.x509;
    critical.singles[0].extension = "1.2.3.4";
    critical.singles[0].critical = 1;
    old.singles[0].this_update = MAKE_NOW - 3 * MAKE_DAY;
    old.singles[0].next_update = MAKE_NOW - MAKE_DAY;
    for (i = 0; i < COUNT(rows); i++) {
        make_der_t der = make_response(p, rows[i].response);

        wanted = rows[i].response == &two ? STAPLE_CERT_REVOKED
                                          : STAPLE_CERT_GOOD;
        fail_each(rows[i].name, verify, &der, rows[i].want, 0);
        fail_each(rows[i].name, verify, &der, rows[i].want, 1);
    }
    is_int(wrong_statuses, 0, "what is taken is taken for what it is");
}

static void test_crls(void)
{
    make_identity_t leaf = make_crl_cert(
        p, &(make_cert_t){.name = "x", .issuer = &pki->issuer},
        "crlDistributionPoints=URI:http://a/1\nbasicConstraints=CA:FALSE");
    make_crl_t usual = {.signer = pki->issuer,
                        .conf = "authorityKeyIdentifier=keyid,issuer\n"
                                "issuingDistributionPoint=critical,@i\n[i]\n"
                                "fullname=URI:http://a/1\nonlyuser=TRUE",
                        .entries = {{.serial = "1001"}}};
    make_crl_t other = usual, delta = usual, forged = usual;
    make_der_t der, newer;

    crl_leaf = &leaf;
    wanted = STAPLE_CERT_REVOKED;
    der = make_crl(p, &usual);
    fail_each("a CRL, revoked", judge_crl, &der, STAPLE_OK, 0);
    fail_each("a CRL, revoked", judge_crl, &der, STAPLE_OK, 1);
    other.conf = "issuingDistributionPoint=critical,@i\n[i]\nonlyCA=TRUE";
    der = make_crl(p, &other);
    fail_each("a CRL of CAs", judge_crl, &der, STAPLE_CRL_WRONG_SCOPE, 0);
    forged.signer = pki->other;
    forged.named = pki->issuer.x509;
    der = make_crl(p, &forged);
    fail_each("a forged CRL", judge_crl, &der, STAPLE_CRL_BAD_SIGNATURE, 0);
    usual.entries[0].serial = "77";
    delta.number = "11";
    delta.base = "10";
    der = make_crl(p, &usual);
    newer = make_crl(p, &delta);
    delta_der = &newer;
    fail_each("a CRL and its delta", judge_crl, &der, STAPLE_OK, 0);
    fail_each("a CRL and its delta", judge_crl, &der, STAPLE_OK, 1);
    is_int(wrong_statuses, 0, "what is taken is taken for what it is");
}

static void test_others(void)
{
    fail_each("a request", make_request, NULL, STAPLE_OK, 0);
    fail_each("a request", make_request, NULL, STAPLE_OK, 1);
    fail_each("a certificate", take_certificate, NULL, STAPLE_OK, 0);
    fail_each("a certificate", take_certificate, NULL, STAPLE_OK, 1);
}

int main(void)
{
    if (!CRYPTO_set_mem_functions(take, change, give_back)) {
        return tap_skip_all("OpenSSL's memory is its own");
    }
    p = make_begin();
    pki = make_pki(p);
    test_responses();
    test_crls();
    test_others();
    make_end(p);
    return tap_done();
}
