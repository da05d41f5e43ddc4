/* The walk over a CRL: entries, signers, algorithms, slices. */
#include "../tap.h"

#include "../make_crl.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOW apr_time_from_sec(MAKE_NOW)

static apr_pool_t *p;
static make_pki_t *pki;
static const staple_crl_cert_t *leaf, *sibling; /* 1001 and 1002 */
static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;

/* ---- checking ---- */

/* Reads and checks a list for both certificates. */
static staple_reason_e check_for(staple_crl_t **crl, make_der_t list,
                                 X509 *const *issuers, unsigned issuer_count)
{
    const staple_crl_cert_t *certs[] = {leaf, sibling};
    const staple_crl_whose_t whose = {issuers, issuer_count, certs, 2};

    return make_checked_by(crl, p, list, &whose, NULL);
}

static staple_reason_e check(staple_crl_t **crl, make_der_t list)
{
    return check_for(crl, list, &pki->issuer.x509, 1);
}

/* Knobs of a list that is right in every way, and has the leaf. */
static make_crl_t good(void)
{
    make_crl_t knobs = {
        .signer = pki->issuer,
        .conf = "authorityKeyIdentifier=keyid,issuer",
        .entries = {{.serial = "1001", .reason = "1"}, {.serial = "77"}}};

    return knobs;
}

/* What a list says of a certificate: its reason; -1 with none, -2: not on it,
 * -3: not asked about. */
static int row_of(const staple_crl_t *crl, const staple_crl_cert_t *cert)
{
    const staple_crl_row_t *row = staple_crl_check_row(crl, cert->serial);

    return row == NULL ? -3 : row->is_listed ? row->reason : -2;
}

/* ---- entries ---- */

#define DATE "170d3233313131333030303030305a"

/* The contents of one entry of serial 1001, after one that is right. */
static const struct {
    const char *what, *hex;
    staple_reason_e reason;
    int row; /* as row_of() */
} entry_rows[] = {
    {"no extensions", "02021001" DATE, STAPLE_OK, -1},
    {"a date as GeneralizedTime before 2050",
     "02021001 180f32303233313131333030303030305a", STAPLE_OK, -1},
    {"a serial with an octet too many", "0203001001" DATE,
     STAPLE_CRL_MALFORMED, 0},
    {"an empty serial", "0200" DATE, STAPLE_CRL_MALFORMED, 0},
    {"a serial that is none", "04021001" DATE, STAPLE_CRL_MALFORMED, 0},
    {"no serial", DATE, STAPLE_CRL_MALFORMED, 0},
    {"no date", "02021001", STAPLE_CRL_MALFORMED, 0},
    {"a date that is none", "02021001 0500", STAPLE_CRL_MALFORMED, 0},
    {"a date on day 0", "02021001 170d3233313130303030303030305a",
     STAPLE_CRL_MALFORMED, 0},
    {"a reason (5.3.1)", "02021001" DATE "300c300a0603551d1504030a0104",
     STAPLE_OK, 4},
    {"a hold", "02021001" DATE "300c300a0603551d1504030a0106", STAPLE_OK, 6},
    {"a reason that RFC 5280 does not know",
     "02021001" DATE "300c300a0603551d1504030a010b", STAPLE_OK, 11},
    {"a critical reason",
     "02021001" DATE "300f300d0603551d150101ff04030a0101", STAPLE_OK, 1},
    {"a reason below zero", "02021001" DATE "300c300a0603551d1504030a01ff",
     STAPLE_CRL_MALFORMED, 0},
    {"a reason of two octets",
     "02021001" DATE "300d300b0603551d1504040a020101", STAPLE_CRL_MALFORMED,
     0},
    {"a reason that is an INTEGER",
     "02021001" DATE "300c300a0603551d150403020101", STAPLE_CRL_MALFORMED, 0},
    {"two reasons",
     "02021001" DATE
     "3018300a0603551d1504030a0101300a0603551d1504030a0101",
     STAPLE_CRL_MALFORMED, 0},
    {"removeFromCRL in a whole list (5.3.1: deltas only)",
     "02021001" DATE "300c300a0603551d1504030a0108", STAPLE_CRL_MALFORMED, 0},
    {"since when the key is known (5.3.2)",
     "02021001" DATE
     "301930170603551d180410180e32303233313131333030303030305a",
     STAPLE_CRL_MALFORMED, 0},
    {"the same, well-formed",
     "02021001" DATE
     "301a30180603551d180411180f32303233313131333030303030305a",
     STAPLE_OK, -1},
    {"certificateIssuer (5.3.3)",
     "02021001" DATE "300e300c0603551d1d0101ff04023000",
     STAPLE_CRL_INDIRECT, 0},
    {"the same, not critical", "02021001" DATE "300b30090603551d1d04023000",
     STAPLE_CRL_INDIRECT, 0},
    {"an unknown extension", "02021001" DATE "300b300906032a030404020500",
     STAPLE_OK, -1},
    {"the same, critical (5.3)",
     "02021001" DATE "300e300c06032a03040101ff04020500", STAPLE_CRL_CRITICAL,
     0},
    {"extensions of none (4.1: 1..MAX)", "02021001" DATE "3000",
     STAPLE_CRL_MALFORMED, 0},
    {"extensions of another type", "02021001" DATE "310b300906032a030404020500",
     STAPLE_CRL_MALFORMED, 0},
    {"something behind the extensions",
     "02021001" DATE "300b300906032a030404020500 0500", STAPLE_CRL_MALFORMED,
     0},
    {"an extension that is none", "02021001" DATE "30020500",
     STAPLE_CRL_MALFORMED, 0},
};

/* The list whose entries are one of serial 5, this one, and one of serial 6. */
static make_der_t list_with(const make_der_t *usual, make_der_t contents)
{
    const unsigned char sequence = V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED;
    make_der_t parts[MAKE_CRL_PARTS];
    make_der_t entries[4] = {{NULL, 0}};

    memcpy(parts, usual, sizeof(parts));
    entries[0] = make_wrap(p, sequence, make_hex(p, "020105" DATE));
    entries[1] = make_wrap(p, sequence, contents);
    entries[2] = make_wrap(p, sequence, make_hex(p, "020106" DATE));
    parts[MAKE_CRL_ENTRIES]
        = make_wrap(p, sequence, make_join(p, entries));
    return make_crl_join(p, parts, &pki->issuer);
}

static void check_entries(void)
{
    make_der_t usual[MAKE_CRL_PARTS], large;
    make_crl_t knobs = good();
    staple_crl_t *crl;
    unsigned i;

    make_crl_split(usual, p, make_crl(p, &knobs));
    for (i = 0; i < COUNT(entry_rows); i++) {
        is_reason(check(&crl, list_with(usual, make_hex(p, entry_rows[i].hex))),
                  entry_rows[i].reason, "entry: %s", entry_rows[i].what);
        if (entry_rows[i].reason == STAPLE_OK) {
            is_int(row_of(crl, leaf), entry_rows[i].row, "entry: %s: its row",
                   entry_rows[i].what);
            is_int(crl->entry_count, 3, "entry: %s: counted",
                   entry_rows[i].what);
        }
        else {
            ok(crl == NULL || crl->signer == NULL, "entry: %s: not checked",
               entry_rows[i].what);
        }
    }
    large = make_wrap(p, V_ASN1_INTEGER,
                      make_longer(p, make_hex(p, "01"), 16000));
    large = make_join(p, (make_der_t[]){large, make_hex(p, DATE), {NULL, 0}});
    is_reason(check(&crl, list_with(usual, large)), STAPLE_OK,
              "entry: a serial of 16 001 octets");
    large = make_wrap(p, V_ASN1_INTEGER,
                      make_longer(p, make_hex(p, "01"), 17000));
    large = make_join(p, (make_der_t[]){large, make_hex(p, DATE), {NULL, 0}});
    is_reason(check(&crl, list_with(usual, large)), STAPLE_CRL_MALFORMED,
              "entry: larger than an entry may be");
}

/* Version 1 is as version 2 without any extension. */
static void check_version_1(void)
{
    make_crl_t knobs = {.signer = pki->issuer, .is_v1 = 1,
                        .entries = {{.serial = "1001"}}};
    staple_crl_t *crl;

    is_reason(check(&crl, make_crl(p, &knobs)), STAPLE_OK,
              "version 1, as openssl ca makes it by default");
    is_int(row_of(crl, leaf), -1, "version 1: revoked");
    knobs.entries[0].reason = "1";
    is_reason(check(&crl, make_crl(p, &knobs)), STAPLE_CRL_MALFORMED,
              "version 1 with extensions of an entry");
}

/* A serial that is there twice. */
static void check_twice(void)
{
    static const struct {
        const char *base, *first, *second;
        int row;
    } rows[] = {
        {NULL, "6", "1", 6},
        {"10", "8", "1", 1},
        {"10", "1", "8", 1},
        {"10", "8", "8", 8},
    };
    make_crl_t knobs = good();
    staple_crl_t *crl;
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        knobs.base = rows[i].base;
        knobs.number = "11";
        knobs.entries[0].reason = rows[i].first;
        knobs.entries[1] = knobs.entries[0];
        knobs.entries[1].reason = rows[i].second;
        is_reason(check(&crl, make_crl(p, &knobs)), STAPLE_OK,
                  "twice: %s, %s", rows[i].first, rows[i].second);
        is_int(row_of(crl, leaf), rows[i].row, "twice: %s, %s: its row",
               rows[i].first, rows[i].second);
    }
}

/* ---- the signer ---- */

static void check_signers(void)
{
    const make_cert_t usual = {.name = "Issuer", .issuer = &pki->root,
                               .key = pki->issuer.key};
    make_cert_t later = usual;
    make_identity_t may, may_not, ended, other_key, stranger;
    make_crl_t knobs = good();
    make_der_t list = make_crl(p, &knobs);
    X509 *issuers[2];
    staple_crl_t *crl;

    may = make_crl_cert(p, &usual, "keyUsage=cRLSign");
    may_not = make_crl_cert(p, &usual, "keyUsage=keyCertSign");
    later.not_after = MAKE_NOW - 1;
    ended = make_cert(p, &later);
    later.not_after = 0;
    later.key = NULL;
    other_key = make_crl_cert(p, &later, "keyUsage=cRLSign");
    later.name = "Somebody";
    stranger = make_cert(p, &later);
    issuers[0] = may.x509;
    is_reason(check_for(&crl, list, issuers, 1), STAPLE_OK,
              "signer: with cRLSign (4.2.1.3)");
    issuers[0] = may_not.x509;
    is_reason(check_for(&crl, list, issuers, 1),
              STAPLE_CRL_NO_SIGN, "signer: without");
    issuers[0] = ended.x509;
    is_reason(check_for(&crl, list, issuers, 1),
              STAPLE_CRL_SIGNER_EXPIRED, "signer: not valid any more");
    issuers[0] = stranger.x509;
    is_reason(check_for(&crl, list, issuers, 1),
              STAPLE_CRL_WRONG_ISSUER, "signer: of another name");
    issuers[0] = other_key.x509;
    is_reason(check_for(&crl, list, issuers, 1),
              STAPLE_CRL_BAD_SIGNATURE, "signer: of another key");
    issuers[1] = pki->issuer.x509;
    is_reason(check_for(&crl, list, issuers, 2), STAPLE_OK,
              "signer: the issuer's other key (6.3.3 (f))");
    ok(crl->signer == issuers[1] && crl->cert_issuer == issuers[0],
       "signer: it is that one, for the issuer's certificates");
    issuers[1] = may_not.x509;
    is_reason(check_for(&crl, list, issuers, 2),
              STAPLE_CRL_NO_SIGN, "signer: the other key, which may not");
    is_reason(check_for(&crl, list, issuers, 0),
              STAPLE_CRL_NO_SIGN, "signer: nobody");
}

/* Another key of the same CA: told by signatures. */
static void check_rollover(void)
{
    make_cert_t knobs = {.name = "Issuer", .issuer = &pki->root};
    make_identity_t sister = make_cert(p, &knobs), self, below, forged;

    knobs.issuer = NULL;
    self = make_cert(p, &knobs);
    knobs.issuer = &pki->issuer;
    below = make_cert(p, &knobs);
    knobs.issuer = &pki->other;
    knobs.issuer_name = pki->root.x509;
    forged = make_cert(p, &knobs);
    ok(staple_crl_check_is_rollover(sister.x509, pki->issuer.x509,
                                    pki->root.x509),
       "rollover: signed by the issuer's issuer");
    ok(!staple_crl_check_is_rollover(sister.x509, pki->issuer.x509,
                                     pki->other.x509),
       "rollover: somebody else is said to be that");
    ok(!staple_crl_check_is_rollover(sister.x509, pki->issuer.x509, NULL),
       "rollover: nobody is said to be that");
    ok(staple_crl_check_is_rollover(below.x509, pki->issuer.x509, NULL),
       "rollover: signed with the issuer's own key");
    ok(!staple_crl_check_is_rollover(self.x509, pki->issuer.x509,
                                     pki->root.x509),
       "rollover: signed by itself");
    ok(!staple_crl_check_is_rollover(forged.x509, pki->issuer.x509,
                                     pki->root.x509),
       "rollover: signed by somebody else in the root's name");
    ok(!staple_crl_check_is_rollover(pki->other.x509, pki->issuer.x509,
                                     pki->root.x509),
       "rollover: of another name");
    is_int(ERR_peek_error(), 0, "OpenSSL's error queue is as it was");
}

/* ---- algorithms ---- */

static staple_reason_e check_by(const make_identity_t *signer,
                                const make_crl_t *knobs)
{
    staple_crl_t *crl;

    return check_for(&crl, make_crl(p, knobs), &signer->x509, 1);
}

static void check_algorithms(void)
{
    EVP_PKEY *rsa = make_rsa_key(p);
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    make_identity_t by_rsa = make_cert(
        p, &(make_cert_t){.name = "RSA", .key = rsa, .is_ca = 1});
    make_identity_t by_ed = make_cert(
        p, &(make_cert_t){.name = "Ed", .key = ed, .issuer = &pki->root});
    const struct {
        const char *what;
        const make_identity_t *signer;
        const EVP_MD *digest;
        int pss;
        const EVP_MD *mask;
        staple_reason_e reason;
    } rows[] = {
        {"ECDSA, SHA-224", &pki->issuer, EVP_sha224(), 0, NULL, STAPLE_OK},
        {"ECDSA, SHA-384", &pki->issuer, EVP_sha384(), 0, NULL, STAPLE_OK},
        {"ECDSA, SHA-512", &pki->issuer, EVP_sha512(), 0, NULL, STAPLE_OK},
        {"ECDSA, SHA-1", &pki->issuer, EVP_sha1(), 0, NULL,
         STAPLE_CRL_WEAK_SIGNATURE},
        {"RSA, SHA-256", &by_rsa, EVP_sha256(), 0, NULL, STAPLE_OK},
        {"RSA, SHA-512", &by_rsa, EVP_sha512(), 0, NULL, STAPLE_OK},
        {"RSA, SHA-1", &by_rsa, EVP_sha1(), 0, NULL,
         STAPLE_CRL_WEAK_SIGNATURE},
        {"RSA, MD5", &by_rsa, EVP_md5(), 0, NULL, STAPLE_CRL_WEAK_SIGNATURE},
        {"PSS, SHA-256", &by_rsa, EVP_sha256(), 1, NULL, STAPLE_OK},
        {"PSS, SHA-384", &by_rsa, EVP_sha384(), 1, NULL, STAPLE_OK},
        {"PSS, SHA-256, the mask by SHA-512", &by_rsa, EVP_sha256(), 1,
         EVP_sha512(), STAPLE_OK},
        {"PSS, SHA-1", &by_rsa, EVP_sha1(), 1, NULL,
         STAPLE_CRL_WEAK_SIGNATURE},
        {"Ed25519", &by_ed, NULL, 0, NULL, STAPLE_OK},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        make_crl_t knobs = {.signer = *rows[i].signer,
                            .digest = rows[i].digest, .pss = rows[i].pss,
                            .mask = rows[i].mask,
                            .entries = {{.serial = "1001"}}};

        is_reason(check_by(rows[i].signer, &knobs), rows[i].reason,
                  "signed by %s", rows[i].what);
    }
    is_int(ERR_peek_error(), 0, "OpenSSL's error queue is as it was");
    EVP_PKEY_free(ed);
}

/* ---- slices, and a second opinion ---- */

/* However it is sliced, it says the same. */
static void check_slices(void)
{
    static const apr_size_t sizes[] = {1, 2, 7, 64, 1000, 1 << 20};
    const staple_crl_cert_t *certs[] = {leaf, sibling};
    const staple_crl_whose_t whose = {&pki->issuer.x509, 1, certs, 2};
    make_crl_t knobs = good();
    make_der_t list = make_crl(p, &knobs);
    unsigned i, steps;

    for (i = 0; i < COUNT(sizes); i++) {
        staple_crl_check_t *going = NULL;
        staple_reason_e reason;
        staple_crl_t *crl = NULL;

        staple_crl_read(&crl, p, list.bytes, list.len);
        staple_crl_check_begin(&going, p, crl, &whose, NULL, &policy, NOW);
        for (steps = 1; staple_crl_check_step(&reason, going, sizes[i]);
             steps++) {
            if (crl->rows != NULL || crl->signer != NULL) {
                ok(0, "it says something before it is over");
            }
        }
        is_reason(reason, STAPLE_OK, "in slices of %lu",
                  (unsigned long)sizes[i]);
        is_int(row_of(crl, leaf), 1, "in slices of %lu: on it",
               (unsigned long)sizes[i]);
        is_int(steps,
               (crl->tbs.len + sizes[i] - 1) / sizes[i],
               "in slices of %lu: so many", (unsigned long)sizes[i]);
    }
}

/* Entries with serials of all lengths: what OpenSSL finds, no more and no
 * less. */
#define DRAWN 400

static const staple_crl_cert_t *draw(ASN1_INTEGER **serial, unsigned i)
{
    staple_crl_cert_t *cert = NULL;
    unsigned char octets[20];
    unsigned k, len = 1 + i % 20;
    BIGNUM *number;

    for (k = 0; k < len; k++) {
        octets[k] = (unsigned char)((i * 2654435761U + k * 40503U) >> 13);
    }
    number = BN_bin2bn(octets, (int)len, NULL);
    BN_set_negative(number, i % 3 == 0);
    *serial = BN_to_ASN1_INTEGER(number, NULL);
    BN_free(number);
    staple_crl_cert_make(&cert, p, *serial, NULL, pki->issuer.x509);
    return cert;
}

static X509_CRL *make_drawn(ASN1_INTEGER **serials)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)MAKE_NOW - 60);
    unsigned i;

    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(pki->issuer.x509));
    X509_CRL_set1_lastUpdate(crl, at);
    for (i = 0; i < DRAWN; i += 2) {
        X509_REVOKED *entry = X509_REVOKED_new();

        X509_REVOKED_set_serialNumber(entry, serials[i]);
        X509_REVOKED_set_revocationDate(entry, at);
        X509_CRL_add0_revoked(crl, entry);
    }
    X509_CRL_sign(crl, pki->issuer.key, EVP_sha256());
    ASN1_TIME_free(at);
    return crl;
}

static void check_opinion(void)
{
    const staple_crl_cert_t *certs[DRAWN + 1] = {NULL};
    ASN1_INTEGER *serials[DRAWN];
    staple_crl_t *crl = NULL;
    unsigned char *der = NULL;
    unsigned i, differ = 0, listed = 0;
    X509_CRL *theirs;
    make_der_t list;

    for (i = 0; i < DRAWN; i++) {
        certs[i] = draw(&serials[i], i);
    }
    theirs = make_drawn(serials);
    list.len = (apr_size_t)i2d_X509_CRL(theirs, &der);
    list.bytes = der;
    is_int(X509_CRL_verify(theirs, pki->issuer.key), 1,
           "OpenSSL: the signature is right");
    is_reason(make_checked(&crl, p, list, certs), STAPLE_OK,
              "%u certificates, half of them on it", DRAWN);
    for (i = 0; i < DRAWN; i++) {
        X509_REVOKED *entry;
        int is = staple_crl_check_row(crl, certs[i]->serial)->is_listed;

        differ
            += is
               != (X509_CRL_get0_by_serial(theirs, &entry, serials[i]) == 1);
        listed += is != 0;
        ASN1_INTEGER_free(serials[i]);
    }
    is_int(differ, 0, "OpenSSL finds the same (%u)", listed);
    certs[1] = certs[0];
    certs[2] = NULL;
    is_reason(make_checked(&crl, p, list, certs), STAPLE_OK, "one twice");
    is_int(crl->row_count, 1, "one twice: it has one row");
    OPENSSL_free(der);
    X509_CRL_free(theirs);
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    leaf = make_staple_crl_cert(p, pki->leaf.x509, pki->issuer.x509);
    sibling = make_staple_crl_cert(p, pki->sibling.x509, pki->issuer.x509);
    check_entries();
    check_version_1();
    check_twice();
    check_signers();
    check_rollover();
    check_algorithms();
    check_slices();
    check_opinion();
    make_end(p);
    return tap_done();
}
