/* What is read out of a leaf and its issuer, and which are refused. */
#include "../make_ocsp.h"
#include "../tap.h"

#include <apr_strings.h>
#include <openssl/pem.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Reads leaf and issuer with a table of their own. */
static staple_reason_e read_pem(staple_cert_t **cert, apr_pool_t *p,
                                const char *pem, int url_needed)
{
    *cert = NULL;
    return staple_cert_make(cert, p, staple_cert_issuers_make(p), pem,
                            strlen(pem), url_needed);
}

static staple_reason_e read_pair(staple_cert_t **cert, apr_pool_t *p,
                                 X509 *leaf, X509 *issuer)
{
    return read_pem(cert, p, make_pem(p, leaf, issuer), 1);
}

/* ---- what is read ---- */

static void test_usual(apr_pool_t *p, const make_pki_t *pki)
{
    unsigned char sha1[20], sha256[32];
    staple_cert_t *cert;
    const unsigned char *at;
    OCSP_CERTID *id, *want;

    is_reason(read_pair(&cert, p, pki->leaf.x509, pki->issuer.x509),
              STAPLE_OK, "the usual leaf and issuer");
    is_str(cert->subject, "CN=leaf.example", "subject");
    is_str(cert->serial, "1001", "serial");
    is_int(cert->url_count, 1, "number of URLs");
    is_str(cert->urls[0], "http://ocsp.example/", "URL");
    is_int(cert->refused_url_count, 0, "refused URLs");
    is_int(cert->must_staple, 0, "no must-staple");
    is_str(cert->issuer->subject, "CN=Issuer", "subject of the issuer");
    is_int(cert->not_before,
           apr_time_from_sec(MAKE_NOW - 10 * 365 * MAKE_DAY), "notBefore");
    is_int(cert->not_after,
           apr_time_from_sec(MAKE_NOW + 10 * 365 * MAKE_DAY), "notAfter");
    ok(!staple_cert_is_new(cert, apr_time_from_sec(MAKE_NOW)), "not new");
    ok(staple_cert_is_new(cert, cert->not_before + apr_time_from_sec(3599))
           && !staple_cert_is_new(cert, cert->not_before
                                            + apr_time_from_sec(3600)),
       "new for an hour (Baseline Requirements 4.9.9: 15 minutes)");
    ok(!staple_cert_is_new(cert, cert->not_before - apr_time_from_sec(3600)),
       "not new where the clock is wrong by an hour or more");
    X509_digest(pki->leaf.x509, EVP_sha1(), sha1, NULL);
    X509_digest(pki->leaf.x509, EVP_sha256(), sha256, NULL);
    ok(memcmp(cert->key.bytes, sha1, 20) == 0,
       "the key is the SHA-1 of the DER, as mod_ssl's id");
    ok(memcmp(cert->sha256, sha256, 32) == 0, "SHA-256 of the DER");
    X509_digest(pki->issuer.x509, EVP_sha256(), sha256, NULL);
    ok(memcmp(cert->issuer->sha256, sha256, 32) == 0,
       "SHA-256 of the issuer's DER");
    at = cert->certid;
    id = d2i_OCSP_CERTID(NULL, &at, cert->certid_len);
    want = OCSP_cert_to_id(EVP_sha1(), pki->leaf.x509, pki->issuer.x509);
    ok(id != NULL && at == cert->certid + cert->certid_len
           && OCSP_id_cmp(id, want) == 0,
       "CertID with SHA-1 (RFC 5019 2.1.1)");
    OCSP_CERTID_free(id);
    OCSP_CERTID_free(want);
}

static void test_must_staple(apr_pool_t *p, const make_pki_t *pki)
{
    static const char *const urls[] = {"http://a/", NULL};
    make_identity_t leaf = make_cert(p, &(make_cert_t){
        .name = "must", .issuer = &pki->issuer, .urls = urls,
        .must_staple = 1});
    staple_cert_t *cert;

    is_reason(read_pair(&cert, p, leaf.x509, pki->issuer.x509), STAPLE_OK,
              "a certificate with TLS feature");
    is_int(cert->must_staple, 1, "must-staple (RFC 7633)");
}

static void test_serials(apr_pool_t *p, const make_pki_t *pki)
{
    static const struct {
        const char *name, *serial, *want;
    } rows[] = {
        {"zero", "0", "0"},
        {"one octet", "7F", "7F"},
        {"with leading zero octet", "80", "80"},
        {"20 octets (RFC 5280 4.1.2.2)",
         "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
         "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"},
        {"20 octets, the first bit set",
         "FF00000000000000000000000000000000000001",
         "FF00000000000000000000000000000000000001"},
        {"negative", "-1001", "-1001"},
        {"negative with 20 octets",
         "-7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
         "-7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        make_identity_t leaf = make_cert(p, &(make_cert_t){
            .name = "serial", .issuer = &pki->issuer,
            .serial = rows[i].serial, .key = pki->leaf.key});
        staple_cert_t *cert = make_staple_cert(
            p, pki->issuers, leaf.x509, pki->issuer.x509);
        const unsigned char *at = cert->certid;
        OCSP_CERTID *id = d2i_OCSP_CERTID(NULL, &at, cert->certid_len);
        ASN1_INTEGER *serial = NULL;

        is_str(cert->serial, rows[i].want, "serial: %s", rows[i].name);
        OCSP_id_get0_info(NULL, NULL, NULL, &serial, id);
        ok(ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf.x509)) == 0,
           "serial in the CertID: %s", rows[i].name);
        OCSP_CERTID_free(id);
    }
}

static int is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            return 0;
        }
    }
    return 1;
}

static void test_names(apr_pool_t *p, const make_pki_t *pki)
{
    static const struct {
        const char *name, *organisation;
        apr_size_t padding;
        const char *want; /* NULL: no matter */
    } rows[] = {
        {"plain", NULL, 0, "CN=plain"},
        {"with \"quotes\", comma", NULL, 0,
         "CN=with \\\"quotes\\\"\\, comma"},
        {"line\nbreak", NULL, 0, "CN=line\\0Abreak"},
        {"\x1b[31mred", NULL, 0, "CN=\\1B[31mred"},
        {"b\xc3\xbc" "cher", NULL, 0, NULL},
        {"x", "\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x94\x92", 0, NULL},
        {"20 KiB", NULL, 20 * 1024, NULL},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        make_identity_t leaf = make_cert(p, &(make_cert_t){
            .name = rows[i].name, .issuer = &pki->issuer,
            .key = pki->leaf.key, .organisation = rows[i].organisation,
            .subject_bytes = rows[i].padding});
        staple_cert_t *cert = make_staple_cert(
            p, pki->issuers, leaf.x509, pki->issuer.x509);

        ok(is_printable(cert->subject), "name %u: printable ASCII only", i);
        ok(strlen(cert->subject) < 1024, "name %u: not too long", i);
        if (rows[i].want != NULL) {
            is_str(cert->subject, rows[i].want, "name %u: as text", i);
        }
    }
}

/* ---- URLs of the AIA ---- */

#define LONG_URL(x) x x x x x x x x x x x x x x x x
#define URL_2064                                                               \
    "http://a/" LONG_URL("12345678901234567890123456789012"                    \
                         "12345678901234567890123456789012"                    \
                         "12345678901234567890123456789012"                    \
                         "123456789012345678901234567890123")

static const struct {
    const char *name;
    const char *urls[14];
    unsigned refused;
    const char *want; /* what is taken, each followed by a space */
} aia_rows[] = {
    {"http and https", {"http://a/", "https://a/"}, 0,
     "http://a/ https://a/ "},
    {"eight", {"http://1", "http://2", "http://3", "http://4", "http://5",
               "http://6", "http://7", "http://8"}, 0,
     "http://1 http://2 http://3 http://4 http://5 http://6 http://7 "
     "http://8 "},
    {"more than eight",
     {"http://1", "http://2", "http://3", "http://4", "http://5", "http://6",
      "http://7", "http://8", "http://9", "http://99"}, 2,
     "http://1 http://2 http://3 http://4 http://5 http://6 http://7 "
     "http://8 "},
    {"repeats", {"http://a/", "http://b/", "http://a/", "http://b/"}, 0,
     "http://a/ http://b/ "},
    {"repeats beyond the eighth",
     {"http://1", "http://2", "http://3", "http://4", "http://5", "http://6",
      "http://7", "http://8", "http://1", "http://8"}, 0,
     "http://1 http://2 http://3 http://4 http://5 http://6 http://7 "
     "http://8 "},
    {"refused ones between",
     {"ldap://a/", "http://b/", "http://u:p@c/", "http://d/", "http://e/ "},
     3, "http://b/ http://d/ "},
    {"too long", {URL_2064, "http://b/"}, 1, "http://b/ "},
    {"line break", {"http://a/\r\nHost: b", "http://b/"}, 1, "http://b/ "},
};

static void test_urls(apr_pool_t *p, const make_pki_t *pki)
{
    unsigned i;
    int k;

    for (i = 0; i < COUNT(aia_rows); i++) {
        const char *taken = "";
        staple_cert_t *cert;
        make_identity_t leaf = make_cert(p, &(make_cert_t){
            .name = "aia", .issuer = &pki->issuer, .key = pki->leaf.key,
            .urls = aia_rows[i].urls});

        is_reason(read_pair(&cert, p, leaf.x509, pki->issuer.x509),
                  STAPLE_OK, "AIA: %s", aia_rows[i].name);
        for (k = 0; k < cert->url_count; k++) {
            taken = apr_pstrcat(p, taken, cert->urls[k], " ", NULL);
        }
        is_str(taken, aia_rows[i].want, "AIA: %s: taken", aia_rows[i].name);
        is_int(cert->refused_url_count, aia_rows[i].refused,
               "AIA: %s: refused", aia_rows[i].name);
    }
}

static void test_no_urls(apr_pool_t *p, const make_pki_t *pki)
{
    static const char *const bad[] = {"ldap://a/", "http://u@a/", NULL};
    make_identity_t refused = make_cert(p, &(make_cert_t){
        .name = "bad", .issuer = &pki->issuer, .urls = bad});
    X509 *issuer = pki->issuer.x509;
    staple_cert_t *cert;
    const char *pem;

    is_reason(read_pair(&cert, p, pki->sibling.x509, issuer),
              STAPLE_CERT_NO_URL, "no AIA");
    ok(cert == NULL, "no AIA: *cert untouched");
    is_reason(read_pair(&cert, p, refused.x509, issuer), STAPLE_CERT_NO_URL,
              "only URLs that are refused");
    pem = make_pem(p, pki->sibling.x509, issuer);
    is_reason(read_pem(&cert, p, pem, 0), STAPLE_OK,
              "no AIA, none needed");
    is_int(cert->url_count, 0, "no AIA, none needed: no URL");
    pem = make_pem(p, refused.x509, issuer);
    is_reason(read_pem(&cert, p, pem, 0), STAPLE_OK,
              "only refused URLs, none needed");
    is_int(cert->refused_url_count, 2, "only refused URLs: counted");
}

/* ---- what is refused ---- */

static void test_issuers(apr_pool_t *p, const make_pki_t *pki)
{
    X509 *leaf = pki->leaf.x509;
    X509 *root = pki->root.x509;
    make_identity_t other_key = make_cert(p, &(make_cert_t){
        .name = "Issuer", .issuer = &pki->root, .is_ca = 1});
    make_identity_t own = make_cert(p, &(make_cert_t){.name = "alone"});
    staple_cert_t *cert;

    is_reason(read_pair(&cert, p, leaf, pki->other.x509),
              STAPLE_CERT_WRONG_ISSUER, "another CA's certificate");
    ok(cert == NULL, "another CA's certificate: *cert untouched");
    is_reason(read_pair(&cert, p, leaf, root), STAPLE_CERT_WRONG_ISSUER,
              "the issuer's issuer");
    is_reason(read_pair(&cert, p, leaf, leaf), STAPLE_CERT_WRONG_ISSUER,
              "the leaf twice");
    is_reason(read_pair(&cert, p, pki->issuer.x509, leaf),
              STAPLE_CERT_WRONG_ISSUER, "the wrong way round");
    is_reason(read_pair(&cert, p, leaf, other_key.x509), STAPLE_OK,
              "the right name counts (a renewed issuer)");
    is_reason(read_pair(&cert, p, root, root), STAPLE_CERT_SELF_SIGNED,
              "a root with itself");
    is_reason(read_pair(&cert, p, own.x509, own.x509),
              STAPLE_CERT_SELF_SIGNED, "a self-signed leaf with itself");
    ok(read_pair(&cert, p, own.x509, root) != STAPLE_OK && cert == NULL,
       "a self-signed leaf with a root");
}

static void test_key_type(apr_pool_t *p)
{
    const struct {
        EVP_PKEY *key;
        const char *type;
    } rows[] = {{make_key(p), "ECDSA"},
                {make_rsa_key(p), "RSA"},
                {make_other_key(p, EVP_PKEY_RSA_PSS), "RSA-PSS"},
                {make_other_key(p, EVP_PKEY_ED25519), "Ed25519"},
                {make_other_key(p, EVP_PKEY_ED448), "Ed448"},
                {make_other_key(p, EVP_PKEY_X25519), "X25519"}};
    make_identity_t ca = make_cert(p, &(make_cert_t){.name = "CA", .is_ca = 1});
    staple_cert_t *cert = NULL;
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_identity_t leaf = make_cert(
            p, &(make_cert_t){.name = "leaf", .issuer = &ca,
                              .key = rows[i].key});

        is_reason(staple_cert_describe(&cert, p, leaf.x509), STAPLE_OK,
                  "%s: is read", rows[i].type);
        is_str(cert->key_type, rows[i].type, "%s: is told", rows[i].type);
    }
}

/* Those that nobody is asked about are still known by name. */
static void test_describe(apr_pool_t *p, const make_pki_t *pki)
{
    make_identity_t own = make_cert(p, &(make_cert_t){.name = "alone"});
    X509 *leaf = pki->leaf.x509;
    staple_cert_t *whole, *cert = NULL;

    is_reason(read_pair(&whole, p, leaf, pki->issuer.x509), STAPLE_OK,
              "with its issuer");
    is_reason(staple_cert_describe(&cert, p, leaf), STAPLE_OK, "without");
    ok(memcmp(&cert->key, &whole->key, sizeof(cert->key)) == 0,
       "described: the same key");
    ok(memcmp(cert->sha256, whole->sha256, 32) == 0,
       "described: the same SHA-256");
    is_str(cert->subject, whole->subject, "described: the same subject");
    is_str(cert->serial, whole->serial, "described: the same serial");
    ok(cert->not_after == whole->not_after, "described: the same end");
    is_int(cert->must_staple, whole->must_staple, "described: must-staple");
    is_str(cert->issuer->subject, whole->issuer->subject,
           "described: its issuer's name");
    ok(cert->issuer->x509 == NULL, "described: and no more of that");
    ok(cert->certid == NULL, "described: nothing to ask with");
    is_int(cert->url_count, whole->url_count, "described: whom it names");
    is_str(cert->key_type, "ECDSA", "described: its key's type");
    is_reason(staple_cert_describe(&cert, p, own.x509), STAPLE_OK,
              "a self-signed one");
    is_str(cert->issuer->subject, cert->subject,
           "a self-signed one is its own issuer");
}

static const char *const junk_rows[] = {
    "",
    "\n",
    "junk",
    "-----BEGIN CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
};

static void test_junk(apr_pool_t *p, const make_pki_t *pki)
{
    const char *leaf = make_pem(p, pki->leaf.x509, NULL);
    const char *both = make_pem(p, pki->leaf.x509, pki->issuer.x509);
    size_t length = strlen(both);
    staple_cert_t *cert;
    unsigned i, taken = 0;

    for (i = 0; i < COUNT(junk_rows); i++) {
        is_reason(read_pem(&cert, p, junk_rows[i], 0),
                  STAPLE_CERT_UNREADABLE, "junk %u", i);
        is_reason(read_pem(&cert, p, apr_pstrcat(p, leaf, junk_rows[i], NULL),
                           0),
                  STAPLE_CERT_UNREADABLE, "leaf, then junk %u", i);
    }
    is_reason(read_pem(&cert, p, apr_pstrcat(p, "preamble\n", both, "junk",
                                             NULL), 1),
              STAPLE_OK, "text around two certificates");
    is_reason(read_pem(&cert, p,
                       apr_pstrcat(p, both, make_pem(p, pki->root.x509, NULL),
                                   NULL), 1),
              STAPLE_OK, "a third certificate does not matter");
    for (i = 0; i + 1 < length; i += 7) {
        taken += staple_cert_make(&cert, p, staple_cert_issuers_make(p), both,
                                  i, 0) == STAPLE_OK;
    }
    is_int(taken, 0, "cut short anywhere: refused");
}

/* ---- issuers are shared ---- */

static void test_dedup(apr_pool_t *p, const make_pki_t *pki)
{
    staple_issuers_t *issuers = staple_cert_issuers_make(p);
    staple_cert_t *a, *b, *c;

    a = make_staple_cert(p, issuers, pki->leaf.x509, pki->issuer.x509);
    b = make_staple_cert(p, issuers, pki->sibling.x509, pki->issuer.x509);
    c = make_staple_cert(p, issuers, pki->issuer.x509, pki->root.x509);
    ok(a->issuer == b->issuer, "one object for one issuer");
    ok(a->issuer != c->issuer, "another for another");
    is_int(apr_hash_count(issuers->by_digest), 2, "two in the table");
    is_int(apr_hash_count(issuers->by_text), 2, "each was parsed once");
    ok(memcmp(&a->key, &b->key, sizeof(a->key)) != 0, "keys differ");
}

static void test_queue(apr_pool_t *p, const make_pki_t *pki)
{
    staple_cert_t *cert;
    const char *pem = make_pem(p, pki->leaf.x509, pki->issuer.x509);

    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 42);
    read_pem(&cert, p, "junk", 1);
    read_pem(&cert, p, "-----BEGIN CERTIFICATE-----\nAAAA\n", 1);
    read_pem(&cert, p, pem, 1);
    is_int(ERR_GET_REASON(ERR_get_error()), 42,
           "OpenSSL's error queue: what was there is there");
    is_int(ERR_get_error(), 0, "OpenSSL's error queue: nothing was added");
}

/* ---- dates ---- */

static void test_times(void)
{
    static const struct {
        const char *text;
        int type;
        int readable;
        apr_int64_t seconds;
    } rows[] = {
        {"19700101000000Z", V_ASN1_GENERALIZEDTIME, 1, 0},
        {"19691231235959Z", V_ASN1_GENERALIZEDTIME, 1, -1},
        {"19000101000000Z", V_ASN1_GENERALIZEDTIME, 1, -2208988800},
        {"20231114221320Z", V_ASN1_GENERALIZEDTIME, 1, MAKE_NOW},
        {"231114221320Z", V_ASN1_UTCTIME, 1, MAKE_NOW},
        {"20380119031408Z", V_ASN1_GENERALIZEDTIME, 1, 2147483648},
        {"20240229000000Z", V_ASN1_GENERALIZEDTIME, 1, 1709164800},
        {"99991231235959Z", V_ASN1_GENERALIZEDTIME, 1, 253402300799},
        {"", V_ASN1_GENERALIZEDTIME, 0, 0},
        {"20230229000000Z", V_ASN1_GENERALIZEDTIME, 0, 0},
        {"20231314221320Z", V_ASN1_GENERALIZEDTIME, 0, 0},
        {"2023111422132", V_ASN1_GENERALIZEDTIME, 0, 0},
        {"not a time", V_ASN1_GENERALIZEDTIME, 0, 0},
    };
    apr_time_t at;
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        ASN1_STRING *time = ASN1_STRING_type_new(rows[i].type);

        ASN1_STRING_set(time, rows[i].text, (int)strlen(rows[i].text));
        at = -1;
        is_int(staple_cert_time(&at, time), rows[i].readable,
               "time '%s': readable?", rows[i].text);
        if (rows[i].readable) {
            is_int(at, apr_time_from_sec(rows[i].seconds), "time '%s'",
                   rows[i].text);
        }
        ASN1_STRING_free(time);
    }
    is_int(staple_cert_time(&at, NULL), 0, "no time at all");
}

int main(void)
{
    apr_pool_t *p = make_begin();
    make_pki_t *pki = make_pki(p);

    test_usual(p, pki);
    test_must_staple(p, pki);
    test_serials(p, pki);
    test_names(p, pki);
    test_urls(p, pki);
    test_no_urls(p, pki);
    test_issuers(p, pki);
    test_key_type(p);
    test_describe(p, pki);
    test_junk(p, pki);
    test_dedup(p, pki);
    test_queue(p, pki);
    test_times();
    make_end(p);
    return tap_done();
}
