/* What CRLs hold in DER: extensions and times, read strictly. */
#include "staple_crl_der.h"

/* Are these the contents of an OBJECT IDENTIFIER (X.690 8.19.2): arcs in the
 * fewest octets, the last of which has its octets all? */
static int is_oid(staple_der_t contents)
{
    int is_first = 1; /* of an arc's octets */
    apr_size_t i;

    for (i = 0; i < contents.len; i++) {
        if (is_first && contents.at[i] == 0x80) {
            return 0;
        }
        is_first = contents.at[i] < 0x80;
    }
    return contents.len > 0 && is_first;
}

int staple_crl_der_extension(staple_der_t *in,
                             staple_crl_der_extension_t *extension)
{
    staple_der_t all, critical;

    if (!staple_der_take(&all, NULL, in, STAPLE_DER_SEQUENCE)
        || !staple_der_take(&extension->oid, NULL, &all, STAPLE_DER_OID)
        || !is_oid(extension->oid)) {
        return 0;
    }
    extension->is_critical = staple_der_is_next(&all, STAPLE_DER_BOOLEAN);
    if (extension->is_critical
        && (!staple_der_take(&critical, NULL, &all, STAPLE_DER_BOOLEAN)
            || critical.len != 1 || *critical.at != 0xff)) {
        return 0;
    }
    return staple_der_take(&extension->value, NULL, &all,
                           STAPLE_DER_OCTET_STRING)
           && all.len == 0;
}

int staple_crl_der_id_ce(staple_der_t oid)
{
    return oid.len == 3 && oid.at[0] == 0x55 && oid.at[1] == 0x1d ? oid.at[2]
                                                                  : -1;
}

/* ---- times ---- */

/* Two decimal digits; 100 or more: they are none. */
static inline unsigned two_digits(const unsigned char *at)
{
    unsigned tens = at[0] - (unsigned)'0', ones = at[1] - (unsigned)'0';

    return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

/* Days from 1970-01-01 to the first of a month in the Gregorian calendar, which
 * ISO 8601 extends to all years from 0 on. */
static apr_int64_t days_to_month(unsigned year, unsigned month)
{
    static const unsigned short before[] = {0,   31,  59,  90,  120, 151,
                                            181, 212, 243, 273, 304, 334};
    /* Leap days before this year; from March on the year's own as well. */
    apr_int64_t leaps_until = (apr_int64_t)year - (month <= 2);
    apr_int64_t days = 365 * ((apr_int64_t)year - 1970) + before[month - 1];

    leaps_until = leaps_until < 0
                      ? -1
                      : leaps_until / 4 - leaps_until / 100 + leaps_until / 400;
    return days + leaps_until - (1970 / 4 - 1970 / 100 + 1970 / 400);
}

static unsigned month_length(unsigned year, unsigned month)
{
    static const unsigned char length[] = {31, 28, 31, 30, 31, 30,
                                           31, 31, 30, 31, 30, 31};
    int is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return length[month - 1] + (unsigned)(month == 2 && is_leap);
}

/* The year that a text of this tag and length begins with, and where the rest
 * is; above 9999: there is none. */
static unsigned take_year(const unsigned char **text, unsigned char tag,
                          apr_size_t len)
{
    unsigned first, year;

    if (tag == STAPLE_DER_UTC_TIME && len == 13) {
        year = two_digits(*text);
        *text += 2;
        return year > 99 ? 10000 : year + (year < 50 ? 2000 : 1900);
    }
    if (tag == STAPLE_DER_GENERALIZED_TIME && len == 15) {
        first = two_digits(*text);
        year = two_digits(*text + 2);
        *text += 4;
        return year > 99 ? 10000 : first * 100 + year;
    }
    return 10000;
}

int staple_crl_der_time(apr_time_t *at, unsigned char tag,
                        staple_der_t contents)
{
    const unsigned char *text = contents.at;
    unsigned year = take_year(&text, tag, contents.len);
    unsigned month, day, hour, minute, second;

    if (year > 9999) {
        return 0;
    }
    month = two_digits(text);
    day = two_digits(text + 2);
    hour = two_digits(text + 4);
    minute = two_digits(text + 6);
    second = two_digits(text + 8);
    if (month < 1 || month > 12 || day < 1 || day > month_length(year, month)
        || hour > 23 || minute > 59 || second > 59 || text[10] != 'Z') {
        return 0;
    }
    *at = apr_time_from_sec((days_to_month(year, month) + day - 1) * 86400
                            + (apr_int64_t)hour * 3600 + minute * 60 + second);
    return 1;
}
