/* One CRL: what is read of it, what is refused, and which is newer. */
#include "../tap.h"

#include <apr_strings.h>

#include "../make_crl.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOW apr_time_from_sec(MAKE_NOW)

static apr_pool_t *p;
static make_pki_t *pki;
static const staple_crl_cert_t *leaf, *sibling; /* 1001 and 1002 */

/* ---- checking ---- */

/* Reads and checks a list for both certificates. */
static staple_reason_e check(staple_crl_t **crl, make_der_t list)
{
    const staple_crl_cert_t *certs[] = {leaf, sibling};
    const staple_crl_whose_t whose = {&pki->issuer.x509, 1, certs, 2};

    return make_checked_by(crl, p, list, &whose, NULL);
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

/* ---- what is read ---- */

static void check_good(void)
{
    make_crl_t knobs = good();
    make_der_t list = make_crl(p, &knobs);
    char text[STAPLE_CRL_NUMBER_SIZE];
    staple_crl_t *crl;

    is_reason(check(&crl, list), STAPLE_OK, "a list that is right");
    is_int(crl->mark.this_update, NOW - apr_time_from_sec(MAKE_HOUR),
           "thisUpdate");
    is_int(crl->next_update,
           NOW + apr_time_from_sec(7 * MAKE_DAY - MAKE_HOUR), "nextUpdate");
    is_str(staple_crl_number_text(text, &crl->mark.number), "10", "number");
    is_int(crl->entry_count, 2, "entries");
    is_int(crl->bytes, list.len, "bytes");
    is_int(crl->row_count, 2, "a row for each certificate");
    is_int(row_of(crl, leaf), 1, "what it says of a certificate on it");
    is_int(row_of(crl, sibling), -2, "what it says of another");
    is_int(row_of(crl, make_staple_crl_cert(p, pki->plain.x509,
                                            pki->issuer.x509)),
           -3, "nothing of one that nobody asked about");
    is_int(staple_crl_check_row(crl, leaf->serial)->revoked_at,
           NOW - apr_time_from_sec(MAKE_DAY), "when it was revoked");
    ok(crl->signer == pki->issuer.x509
           && crl->cert_issuer == pki->issuer.x509,
       "who signed it");
    ok(crl->key_id.len > 0, "authorityKeyIdentifier");
    ok(!crl->is_delta && crl->is_v2, "a whole list, version 2");
    is_int(ERR_peek_error(), 0, "OpenSSL's error queue is as it was");
}

/* RFC 5280 5.2.6. */
static void check_freshest(void)
{
    make_crl_t knobs = good();
    staple_crl_points_t points;
    staple_crl_t *crl;

    knobs.conf = "freshestCRL=URI:http://a/delta.crl";
    is_reason(check(&crl, make_crl(p, &knobs)), STAPLE_OK,
              "a list that says where its delta is");
    staple_crl_cert_points(&points, p, crl->freshest.at,
                           crl->freshest.len);
    is_int(points.url_count, 1, "its delta: one URL");
    is_str(points.points[0].urls[0], "http://a/delta.crl", "its delta");
}

static void check_numbers(void)
{
    static const struct {
        const char *hex, *text;
    } rows[] = {
        {"0", "00"}, {"7f", "7F"}, {"80", "80"}, {"0100", "0100"},
        {"123", "0123"}, {"", ""},
        {"ffffffffffffffffffffffffffffffffffffffff",
         "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"},
    };
    char text[STAPLE_CRL_NUMBER_SIZE];
    make_crl_t knobs = good();
    staple_crl_t *crl;
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        knobs.number = rows[i].hex;
        is_reason(check(&crl, make_crl(p, &knobs)), STAPLE_OK,
                  "number \"%s\" (5.2.3)", rows[i].hex);
        is_str(staple_crl_number_text(text, &crl->mark.number), rows[i].text,
               "number \"%s\": as text", rows[i].hex);
    }
    knobs.number = "010000000000000000000000000000000000000000";
    is_reason(check(&crl, make_crl(p, &knobs)), STAPLE_CRL_MALFORMED,
              "a number of 21 octets (5.2.3)");
    knobs.number = "-1";
    is_reason(check(&crl, make_crl(p, &knobs)), STAPLE_CRL_MALFORMED,
              "a number below zero (5.2.3)");
}

/* ---- what is refused: one part at a time ---- */

/* The part of a good list is replaced, and the list signed anew. */
static const struct {
    const char *what;
    int part;
    const char *hex; /* "": left out */
    staple_reason_e reason;
} parts_rows[] = {
    /* 5.1.2.1 */
    {"version 2", MAKE_CRL_VERSION, "020101", STAPLE_OK},
    {"no version, and extensions", MAKE_CRL_VERSION, "",
     STAPLE_CRL_MALFORMED},
    {"version 1 written out", MAKE_CRL_VERSION, "020100",
     STAPLE_CRL_MALFORMED},
    {"version 3", MAKE_CRL_VERSION, "020102", STAPLE_CRL_MALFORMED},
    {"version 2 in two octets", MAKE_CRL_VERSION, "02020001",
     STAPLE_CRL_MALFORMED},
    {"version of nothing", MAKE_CRL_VERSION, "0200", STAPLE_CRL_MALFORMED},
    /* 5.1.1.2 */
    {"another algorithm inside", MAKE_CRL_ALGORITHM,
     "300a06082a8648ce3d040303", STAPLE_CRL_MALFORMED},
    {"the same with parameters inside", MAKE_CRL_ALGORITHM,
     "300c06082a8648ce3d0403020500", STAPLE_CRL_MALFORMED},
    {"no algorithm inside", MAKE_CRL_ALGORITHM, "", STAPLE_CRL_MALFORMED},
    /* 5.1.2.3 */
    {"an empty issuer", MAKE_CRL_ISSUER, "3000", STAPLE_CRL_WRONG_ISSUER},
    {"an issuer of another type", MAKE_CRL_ISSUER, "3100",
     STAPLE_CRL_MALFORMED},
    {"an issuer of nonsense", MAKE_CRL_ISSUER, "30020500",
     STAPLE_CRL_MALFORMED},
    {"no issuer", MAKE_CRL_ISSUER, "", STAPLE_CRL_MALFORMED},
    /* 5.1.2.4 */
    {"thisUpdate as GeneralizedTime", MAKE_CRL_THIS_UPDATE,
     "180f 32303233313131343231313332305a", STAPLE_OK},
    {"thisUpdate without seconds", MAKE_CRL_THIS_UPDATE,
     "170b 323331313134323131335a", STAPLE_CRL_MALFORMED},
    {"one time alone, which is thisUpdate", MAKE_CRL_THIS_UPDATE, "",
     STAPLE_CRL_NOT_YET_VALID},
    {"thisUpdate of another type", MAKE_CRL_THIS_UPDATE, "0500",
     STAPLE_CRL_MALFORMED},
    /* 5.1.2.5 */
    {"no nextUpdate", MAKE_CRL_NEXT_UPDATE, "", STAPLE_OK},
    {"nextUpdate that is no time", MAKE_CRL_NEXT_UPDATE,
     "170d 32333133333132323133323030 5a", STAPLE_CRL_MALFORMED},
    {"nextUpdate in 1970", MAKE_CRL_NEXT_UPDATE,
     "170d 3730303130313030303030305a", STAPLE_CRL_BAD_TIMES},
    {"nextUpdate of another type", MAKE_CRL_NEXT_UPDATE, "0500",
     STAPLE_CRL_MALFORMED},
    /* 5.1.2.6 */
    {"no entries", MAKE_CRL_ENTRIES, "", STAPLE_OK},
    {"entries of none", MAKE_CRL_ENTRIES, "3000", STAPLE_OK},
    {"entries of another type", MAKE_CRL_ENTRIES, "3100",
     STAPLE_CRL_MALFORMED},
    {"an entry", MAKE_CRL_ENTRIES,
     "3014 3012 020101 170d3233313131333030303030305a 3000 3000"
     " 3000", STAPLE_CRL_MALFORMED},
    /* 5.1.2.7 */
    {"no extensions", MAKE_CRL_EXTENSIONS, "", STAPLE_OK},
    {"extensions of none (4.1: 1..MAX)", MAKE_CRL_EXTENSIONS, "a0023000",
     STAPLE_CRL_MALFORMED},
    {"extensions of nothing", MAKE_CRL_EXTENSIONS, "a000",
     STAPLE_CRL_MALFORMED},
    {"with another tag", MAKE_CRL_EXTENSIONS, "a1023000",
     STAPLE_CRL_MALFORMED},
    {"something behind them, inside", MAKE_CRL_EXTENSIONS,
     "a00f 300b 3009 0603551d14 04030201 10 0500", STAPLE_CRL_MALFORMED},
    {"the number alone", MAKE_CRL_EXTENSIONS,
     "a00e 300c 300a 0603551d14 0403020110", STAPLE_OK},
    {"the number twice (4.2)", MAKE_CRL_EXTENSIONS,
     "a01a 3018 300a 0603551d14 0403020110 300a 0603551d14 0403020110",
     STAPLE_CRL_MALFORMED},
    {"a number with an octet too many", MAKE_CRL_EXTENSIONS,
     "a00f 300d 300b 0603551d14 040402020010", STAPLE_CRL_MALFORMED},
    {"a number with something behind", MAKE_CRL_EXTENSIONS,
     "a010 300e 300c 0603551d14 0405 020110 0500", STAPLE_CRL_MALFORMED},
    {"a number that is none", MAKE_CRL_EXTENSIONS,
     "a00d 300b 3009 0603551d14 04020500", STAPLE_CRL_MALFORMED},
    {"an unknown extension", MAKE_CRL_EXTENSIONS,
     "a00d 300b 3009 06032a0304 04020500", STAPLE_OK},
    {"the same, critical (5.2)", MAKE_CRL_EXTENSIONS,
     "a010 300e 300c 06032a0304 0101ff 04020500", STAPLE_CRL_CRITICAL},
    {"the same, and then one that is malformed", MAKE_CRL_EXTENSIONS,
     "a01b 3019 300c 06032a0304 0101ff 04020500 3009 0603551d14 04020500",
     STAPLE_CRL_MALFORMED},
    {"a key id that is none", MAKE_CRL_EXTENSIONS,
     "a00d 300b 3009 0603551d23 04020500", STAPLE_CRL_MALFORMED},
    {"a key id, critical", MAKE_CRL_EXTENSIONS,
     "a013 3011 300f 0603551d23 0101ff 0405 3003 8001aa", STAPLE_OK},
    {"the issuer's other names (5.2.2)", MAKE_CRL_EXTENSIONS,
     "a00d 300b 3009 0603551d12 04023000", STAPLE_OK},
    {"the same, critical", MAKE_CRL_EXTENSIONS,
     "a010 300e 300c 0603551d12 0101ff 04023000", STAPLE_CRL_CRITICAL},
    /* 5.2.5: issuingDistributionPoint */
    {"a point of nothing (MUST NOT)", MAKE_CRL_EXTENSIONS,
     "a00d 300b 3009 0603551d1c 04023000", STAPLE_CRL_MALFORMED},
    {"for user certificates", MAKE_CRL_EXTENSIONS,
     "a010 300e 300c 0603551d1c 0405 3003 8101ff", STAPLE_OK},
    {"for user and CA certificates", MAKE_CRL_EXTENSIONS,
     "a013 3011 300f 0603551d1c 0408 3006 8101ff 8201ff",
     STAPLE_CRL_MALFORMED},
    {"for users, the default written out", MAKE_CRL_EXTENSIONS,
     "a013 3011 300f 0603551d1c 0408 3006 8101ff 820100",
     STAPLE_CRL_MALFORMED},
    {"some reasons only", MAKE_CRL_EXTENSIONS,
     "a011 300f 300d 0603551d1c 0406 3004 83020640",
     STAPLE_CRL_SOME_REASONS},
    {"indirect", MAKE_CRL_EXTENSIONS,
     "a010 300e 300c 0603551d1c 0405 3003 8401ff", STAPLE_CRL_INDIRECT},
    {"a point that is none", MAKE_CRL_EXTENSIONS,
     "a00d 300b 3009 0603551d1c 04020500", STAPLE_CRL_MALFORMED},
    {"a point with something behind", MAKE_CRL_EXTENSIONS,
     "a012 3010 300e 0603551d1c 0407 3003 8101ff 0500",
     STAPLE_CRL_MALFORMED},
    /* 5.2.6 */
    {"freshestCRL", MAKE_CRL_EXTENSIONS,
     "a00d 300b 3009 0603551d2e 04023000", STAPLE_OK},
    {"freshestCRL twice", MAKE_CRL_EXTENSIONS,
     "a018 3016 3009 0603551d2e 04023000 3009 0603551d2e 04023000",
     STAPLE_CRL_MALFORMED},
};

static void check_parts(void)
{
    make_der_t parts[MAKE_CRL_PARTS], usual[MAKE_CRL_PARTS];
    make_crl_t knobs = good();
    make_der_t list = make_crl(p, &knobs);
    staple_crl_t *crl;
    unsigned i;

    make_crl_split(usual, p, list);
    is_reason(check(&crl, make_crl_join(p, usual, &pki->issuer)), STAPLE_OK,
              "apart, and together again");
    for (i = 0; i < COUNT(parts_rows); i++) {
        memcpy(parts, usual, sizeof(parts));
        parts[parts_rows[i].part] = make_hex(p, parts_rows[i].hex);
        is_reason(check(&crl, make_crl_join(p, parts, &pki->issuer)),
                  parts_rows[i].reason, "%s", parts_rows[i].what);
    }
}

/* ---- the whole ---- */

static void check_outside(void)
{
    make_crl_t knobs = good();
    make_der_t list = make_crl(p, &knobs), other = list;
    staple_crl_t *crl;

    is_reason(check(&crl, (make_der_t){list.bytes, 0}), STAPLE_CRL_MALFORMED,
              "nothing");
    is_reason(check(&crl, make_longer(p, list, 1)), STAPLE_CRL_MALFORMED,
              "a byte behind it");
    is_reason(check(&crl, make_wrap(p, 0x30, list)), STAPLE_CRL_MALFORMED,
              "a list in a list");
    other.len = 40;
    is_reason(check(&crl, other), STAPLE_CRL_MALFORMED, "its beginning");
    is_reason(check(&crl, make_hex(p, "3c68746d6c3e")), STAPLE_CRL_MALFORMED,
              "HTML");
    is_reason(check(&crl, make_hex(p, "308030800000")), STAPLE_CRL_MALFORMED,
              "BER");
}

/* ---- time and order ---- */

static void check_times(void)
{
    static const struct {
        apr_int64_t this_update, next_update; /* seconds from now; -1: none */
        staple_reason_e reason;
        const char *what;
    } rows[] = {
        {-1, 100, STAPLE_OK, "of now"},
        {0, 0, STAPLE_OK, "for this very second"},
        {299, 1000, STAPLE_OK, "ahead of the clock, within the skew"},
        {301, 1000, STAPLE_CRL_NOT_YET_VALID, "ahead of the clock"},
        {-1000, -299, STAPLE_OK, "out of date, within the skew"},
        {-1000, -301, STAPLE_CRL_EXPIRED, "out of date"},
        {-1000, -1001, STAPLE_CRL_BAD_TIMES, "ends before it begins"},
        {-6 * 86400, 1, STAPLE_OK, "old, but not out of date (5.1.2.5)"},
        {-400 * 86400, 86400, STAPLE_OK, "of a root, a year old"},
    };
    make_crl_t knobs = good();
    staple_crl_t *crl;
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        knobs.this_update = MAKE_NOW + rows[i].this_update;
        knobs.next_update = MAKE_NOW + rows[i].next_update;
        is_reason(check(&crl, make_crl(p, &knobs)), rows[i].reason, "times: %s",
                  rows[i].what);
    }
    knobs.next_update = -1;
    knobs.this_update = MAKE_NOW - 7 * MAKE_DAY;
    is_reason(check(&crl, make_crl(p, &knobs)), STAPLE_OK,
              "times: no nextUpdate, a week old: max_age");
    knobs.this_update = MAKE_NOW - 7 * MAKE_DAY - 301;
    is_reason(check(&crl, make_crl(p, &knobs)), STAPLE_CRL_EXPIRED,
              "times: no nextUpdate, older");
}

static void check_order(void)
{
    static const struct {
        const char *held, *number;
        int later; /* seconds by which the list is younger */
        int order;
    } rows[] = {
        {"10", "11", 1, 1},    {"10", "10", 1, 1},   {"10", "10", 0, 0},
        {"10", "10", -1, -1},  {"10", "0F", 1, -1},  {"10", "11", -1, 1},
        {"ff", "0100", 0, 1},  {"0100", "ff", 0, -1}, {"", "10", 1, 1},
        {"", "10", -1, -1},    {"10", "", 1, 1},     {"10", "", -1, -1},
        {"", "", 1, 1},        {"", "", 0, 0},       {"", "", -1, -1},
    };
    make_crl_t knobs = good();
    const staple_crl_whose_t whose = {&pki->issuer.x509, 1, NULL, 0};
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        staple_crl_t *held, *crl;
        int order;

        knobs.number = rows[i].held;
        knobs.this_update = MAKE_NOW - 100;
        check(&held, make_crl(p, &knobs));
        knobs.number = rows[i].number;
        knobs.this_update += rows[i].later;
        is_reason(make_checked_by(&crl, p, make_crl(p, &knobs), &whose,
                                  &held->mark),
                  rows[i].order < 0 ? STAPLE_CRL_OLDER : STAPLE_OK,
                  "number %s after %s, %d s later", rows[i].number,
                  rows[i].held, rows[i].later);
        order = staple_crl_mark_cmp(&crl->mark, &held->mark);
        is_int((order > 0) - (order < 0), rows[i].order, "the order of these");
    }
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    leaf = make_staple_crl_cert(p, pki->leaf.x509, pki->issuer.x509);
    sibling = make_staple_crl_cert(p, pki->sibling.x509, pki->issuer.x509);
    check_good();
    check_freshest();
    check_numbers();
    check_parts();
    check_outside();
    check_times();
    check_order();
    make_end(p);
    return tap_done();
}
