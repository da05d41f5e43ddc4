/* CRL bytes -> verdict: what is taken OpenSSL reads and verifies, too. */
#include <string.h>

#include "../unit/make_crl.h"
#include "fuzz.h"
#include "fuzz_pki.h"

/*
 * First byte: how the rest becomes a list.
 *   bits 0-1   the list; contents of tbsCertList; entries; extensions: all but
 *              the first are put into a list that is right, and signed
 *   bits 2-3   the issuer that the certificate has: issuer, other, root, none
 *              of whose certificates is asked about
 *   bits 4-5   now
 *   bit 6      the list is a delta
 *   bit 7      signed by another
 * Second byte: the size of the second run's slices.
 */
static apr_pool_t *p;
static make_pki_t *pki;
static const staple_crl_cert_t *certs[3];
static make_der_t usual[2][MAKE_CRL_PARTS]; /* of a list, of a delta */

static const apr_int64_t nows[4] = {
    MAKE_NOW,
    MAKE_NOW - MAKE_DAY,
    MAKE_NOW + 8 * MAKE_DAY,
    MAKE_NOW + 3650 * MAKE_DAY,
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    make_crl_t knobs = {.entries = {{.serial = "1001", .reason = "1"}}};

    (void)argc;
    (void)argv;
    p = make_begin();
    pki = fuzz_pki_load(p);
    certs[0] = make_staple_crl_cert(p, pki->leaf.x509, pki->issuer.x509);
    certs[1] = make_staple_crl_cert(p, pki->leaf.x509, pki->other.x509);
    certs[2] = make_staple_crl_cert(p, pki->issuer.x509, pki->root.x509);
    knobs.signer = pki->issuer;
    make_crl_split(usual[0], p, make_crl(p, &knobs));
    knobs.number = "11";
    knobs.base = "10";
    make_crl_split(usual[1], p, make_crl(p, &knobs));
    return 0;
}

/* ---- the list ---- */

static make_der_t wrapped(apr_pool_t *sub, unsigned char tag, make_der_t der)
{
    return make_wrap(sub, tag, der);
}

/* The list of this input. */
static make_der_t list_of(apr_pool_t *sub, unsigned how, make_der_t input)
{
    const unsigned char sequence = V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED;
    const unsigned char explicit
        = V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED;
    const make_identity_t *signer = how & 0x80 ? &pki->other : &pki->issuer;
    make_der_t parts[MAKE_CRL_PARTS];

    memcpy(parts, usual[how >> 6 & 1], sizeof(parts));
    switch (how & 3) {
    case 0:
        return input;
    case 1:
        memset(parts, 0, sizeof(parts));
        parts[0] = input;
        break;
    case 2:
        parts[MAKE_CRL_ENTRIES] = wrapped(sub, sequence, input);
        break;
    default:
        parts[MAKE_CRL_EXTENSIONS]
            = wrapped(sub, explicit, wrapped(sub, sequence, input));
    }
    return make_crl_join(sub, parts, signer);
}

/* ---- two runs ---- */

static staple_reason_e run(staple_crl_t **crl, apr_pool_t *sub, make_der_t list,
                           const staple_crl_whose_t *whose, apr_size_t slice,
                           apr_time_t now)
{
    const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
    staple_crl_check_t *check = NULL;
    staple_reason_e reason;

    *crl = NULL;
    reason = staple_crl_read(crl, sub, list.bytes, list.len);
    if (reason == STAPLE_OK) {
        reason = staple_crl_check_begin(&check, sub, *crl, whose, NULL, &policy,
                                        now);
    }
    if (reason == STAPLE_OK) {
        while (staple_crl_check_step(&reason, check, slice)) {
            FUZZ_CHECK((*crl)->signer == NULL && (*crl)->rows == NULL);
        }
    }
    FUZZ_CHECK(ERR_peek_error() == 0);
    FUZZ_CHECK((reason == STAPLE_OK)
               == (*crl != NULL && (*crl)->signer != NULL));
    return reason;
}

/* ---- a second opinion ---- */

/* What was taken OpenSSL takes, too, and finds the same in it. */
static void compare(const staple_crl_t *crl, make_der_t list,
                    const staple_crl_cert_t *cert, const ASN1_INTEGER *serial)
{
    const unsigned char *at = list.bytes;
    X509_CRL *theirs = d2i_X509_CRL(NULL, &at, (long)list.len);
    X509_REVOKED *entry = NULL;
    int found;

    FUZZ_CHECK(theirs != NULL && at == list.bytes + list.len);
    FUZZ_CHECK(X509_CRL_verify(theirs, X509_get0_pubkey(crl->signer)) == 1);
    FUZZ_CHECK(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(theirs))
                   == (int)crl->entry_count
               || crl->entry_count == 0);
    found = X509_CRL_get0_by_serial(theirs, &entry, serial);
    FUZZ_CHECK((found != 0)
               == (staple_crl_check_row(crl, cert->serial)->is_listed != 0));
    FUZZ_CHECK(X509_CRL_get_ext_by_critical(theirs, 1, -1) < 0
               || X509_CRL_get_version(theirs) == X509_CRL_VERSION_2);
    ERR_clear_error();
    X509_CRL_free(theirs);
}

static void check_verdict(const staple_crl_t *crl,
                          const staple_crl_cert_t *cert, apr_time_t now)
{
    const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
    const staple_crl_row_t *row = staple_crl_check_row(crl, cert->serial);
    staple_crl_verdict_t verdict;
    staple_reason_e reason = staple_crl_verdict(&verdict, cert, NULL, crl, NULL,
                                                &policy, now);

    FUZZ_CHECK(reason != STAPLE_OK || !crl->is_delta);
    if (reason != STAPLE_OK) {
        return;
    }
    FUZZ_CHECK((verdict.status == STAPLE_CERT_REVOKED) == row->is_listed);
    FUZZ_CHECK(verdict.this_update <= now + policy.clock_skew);
    FUZZ_CHECK(verdict.use_until >= now - policy.clock_skew);
    FUZZ_CHECK(verdict.next_update == 0
               || verdict.use_until <= verdict.next_update);
    FUZZ_CHECK(crl->kind != STAPLE_CRL_ATTRIBUTE_CERTS);
    FUZZ_CHECK(crl->names.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned how = fuzz_byte(&data, &size);
    apr_size_t slice = 1 + (apr_size_t)fuzz_byte(&data, &size);
    apr_time_t now = apr_time_from_sec(nows[how >> 4 & 3]);
    const staple_crl_cert_t *cert = certs[(how >> 2 & 3) % 3];
    const staple_crl_whose_t whose = {&cert->issuer, 1, &cert,
                                      (how >> 2 & 3) != 3};
    staple_crl_t *whole, *sliced;
    staple_reason_e reason;
    make_der_t input = {(unsigned char *)(uintptr_t)data, size}, list;
    unsigned char *exact;
    apr_pool_t *sub;

    apr_pool_create(&sub, p);
    list = list_of(sub, how, input);
    exact = fuzz_copy(list.bytes, list.len);
    list.bytes = exact;
    reason = run(&whole, sub, list, &whose, list.len + 1, now);
    FUZZ_CHECK(run(&sliced, sub, list, &whose, slice, now) == reason);
    if (reason == STAPLE_OK) {
        FUZZ_CHECK(whole->entry_count == sliced->entry_count);
        FUZZ_CHECK((how & 3) == 0 || (how & 0x80) == 0 || cert == certs[1]);
        if (whose.cert_count > 0) {
            compare(whole, list, cert,
                    X509_get0_serialNumber(cert == certs[2]
                                               ? pki->issuer.x509
                                               : pki->leaf.x509));
            check_verdict(whole, cert, now);
        }
    }
    free(exact);
    apr_pool_destroy(sub);
    return 0;
}
