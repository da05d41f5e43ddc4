/* Extensions and times in DER: what is taken, what is not. */
#include "../tap.h"

#include "../make_crl.h"
#include "crl/staple_crl_der.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static apr_pool_t *p;

static staple_der_t slice(make_der_t bytes)
{
    return (staple_der_t){bytes.bytes, bytes.len};
}

/* ---- extensions ---- */

static void check_extensions(void)
{
    static const struct {
        const char *bytes;
        int is_critical; /* -1: refused */
        int id_ce;
        const char *what;
    } rows[] = {
        {"3009 0603551d14 04020101", 0, 20, "not critical"},
        {"300c 0603551d14 0101ff 04020101", 1, 20, "critical"},
        {"300c 0603551d14 010100 04020101", -1, 0,
         "the default written out (X.690 11.5)"},
        {"300c 0603551d14 010101 04020101", -1, 0,
         "TRUE that is not FF (X.690 11.1)"},
        {"300d 0603551d14 0102ffff 04020101", -1, 0, "a BOOLEAN of two"},
        {"3005 0603551d14", -1, 0, "without a value"},
        {"3009 0603551d14 05020101", -1, 0, "a value of another type"},
        {"300b 0603551d14 04020101 0500", -1, 0, "something behind"},
        {"3006 0600 04020101", -1, 0, "an empty OID"},
        {"3009 0403551d14 04020101", -1, 0, "no OID"},
        {"3009 0603551d94 04020101", -1, 0,
         "an OID that breaks off (X.690 8.19.2: bit 8 of its last octet)"},
        {"300a 0604551dff80 04020101", -1, 0, "the same, in its second octet"},
        {"3007 060180 04020101", -1, 0, "the same, in its only octet"},
        {"300a 0604551d8014 04020101", -1, 0,
         "an arc that begins with 80 (8.19.2: the fewest octets)"},
        {"300a 060480551d14 04020101", -1, 0, "the same, the first arc"},
        {"300a 0604551d8114 04020101", 0, -1, "an arc of two octets"},
        {"300b 0605551d818014 04020101", 0, -1, "80 within an arc"},
        {"300a 0604551d1401 04020101", 0, -1, "an OID that begins the same"},
        {"3009 06032a0314 04020101", 0, -1, "an OID that ends the same"},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        staple_der_t in = slice(make_hex(p, rows[i].bytes));
        staple_crl_der_extension_t extension;
        int taken = staple_crl_der_extension(&in, &extension);

        is_int(taken ? extension.is_critical : -1, rows[i].is_critical,
               "extension: %s", rows[i].what);
        if (taken && rows[i].is_critical >= 0) {
            is_int(staple_crl_der_id_ce(extension.oid), rows[i].id_ce,
                   "extension: %s: its number", rows[i].what);
        }
    }
}

/* ---- times ---- */

static void check_times(void)
{
    static const struct {
        const char *text;
        int tag;
        int is_right;
        apr_int64_t seconds;
    } rows[] = {
        {"231114221320Z", 23, 1, 1700000000},
        {"20231114221320Z", 24, 1, 1700000000},
        {"700101000000Z", 23, 1, 0},
        {"500101000000Z", 23, 1, -631152000}, /* RFC 5280 4.1.2.5.1: 1950 */
        {"491231235959Z", 23, 1, 2524607999}, /* 2049 */
        {"20500101000000Z", 24, 1, 2524608000},
        {"99991231235959Z", 24, 1, 253402300799},
        {"00000101000000Z", 24, 1, -62167219200},
        {"00000301000000Z", 24, 1, -62162035200},
        {"20000229000000Z", 24, 1, 951782400},
        {"19000228235959Z", 24, 1, -2203891201},
        {"19000229000000Z", 24, 0, 0},
        {"230229000000Z", 23, 0, 0},
        {"240229000000Z", 23, 1, 1709164800},
        {"231301000000Z", 23, 0, 0},
        {"230001000000Z", 23, 0, 0},
        {"230100000000Z", 23, 0, 0},
        {"230431000000Z", 23, 0, 0},
        {"230101240000Z", 23, 0, 0},
        {"230101006000Z", 23, 0, 0},
        {"230101000060Z", 23, 0, 0},
        {"2301010000Z", 23, 0, 0},         /* 4.1.2.5: with seconds */
        {"231114221320", 23, 0, 0},        /* in UTC */
        {"231114221320+0000", 23, 0, 0},
        {"231114221320z", 23, 0, 0},
        {"20231114221320.5Z", 24, 0, 0},   /* without fractions */
        {"20231114221320Z", 23, 0, 0},     /* the other's form */
        {"231114221320Z", 24, 0, 0},
        {"23111422132 Z", 23, 0, 0},
        {"2311142213-1Z", 23, 0, 0},
        {"/31114221320Z", 23, 0, 0},
        {":31114221320Z", 23, 0, 0},
        {"2:231114221320Z", 24, 0, 0},
        {"20:31114221320Z", 24, 0, 0},
        {"", 23, 0, 0},
        {"231114221320Z", 4, 0, 0},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        const unsigned char *text = (const unsigned char *)rows[i].text;
        staple_der_t contents = {text, strlen(rows[i].text)};
        apr_time_t at = 1;
        int taken
            = staple_crl_der_time(&at, (unsigned char)rows[i].tag, contents);

        is_int(taken, rows[i].is_right, "time \"%s\", tag %d", rows[i].text,
               rows[i].tag);
        is_int(at, taken ? apr_time_from_sec(rows[i].seconds) : 1,
               "time \"%s\": its value", rows[i].text);
    }
}

/* Every day of some centuries is the day after the one before. */
static void check_days(void)
{
    static const unsigned char length[] = {31, 28, 31, 30, 31, 30,
                                           31, 31, 30, 31, 30, 31};
    apr_time_t before, at = 0;
    unsigned year, month, day, wrong = 0;
    char text[20];

    staple_crl_der_time(&before, 24,
                        slice((make_der_t){(unsigned char *)"15991231120000Z",
                                           15}));
    for (year = 1600; year <= 2500; year++) {
        unsigned leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);

        for (month = 1; month <= 12; month++) {
            unsigned days = length[month - 1] + (month == 2 ? leap : 0);

            for (day = 1; day <= days; day++) {
                snprintf(text, sizeof(text), "%04u%02u%02u120000Z",
                         year % 10000, month % 100, day % 100);
                wrong += !staple_crl_der_time(
                             &at, 24,
                             slice((make_der_t){(unsigned char *)text, 15}))
                         || at != before + apr_time_from_sec(86400);
                before = at;
            }
        }
    }
    is_int(wrong, 0, "each day from 1600 to 2500 follows the one before");
}

int main(void)
{
    p = make_begin();
    check_extensions();
    check_times();
    check_days();
    make_end(p);
    return tap_done();
}
