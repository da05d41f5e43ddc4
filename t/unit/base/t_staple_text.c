/* Instants and lengths of time as people read them. */
#include "../tap.h"

#include "base/staple_text.h"

#define MINUTE 60
#define HOUR 3600
#define DAY 86400

static void test_span(void)
{
    static const struct {
        apr_int64_t secs;
        const char *want;
    } rows[] = {
        {-1, "0 s"},
        {0, "0 s"},
        {59, "59 s"},
        {MINUTE, "1 min"},
        {MINUTE + 1, "1 min 1 s"},
        {HOUR - 1, "59 min 59 s"},
        {HOUR, "1 h"},
        {HOUR + 59, "1 h"},
        {HOUR + MINUTE, "1 h 1 min"},
        {DAY - 1, "23 h 59 min"},
        {DAY, "1 d"},
        {DAY + HOUR - 1, "1 d"},
        {3 * DAY + 4 * HOUR + 5 * MINUTE, "3 d 4 h"},
        {APR_INT64_MAX / APR_USEC_PER_SEC, "106751991 d 4 h"},
    };
    char buf[STAPLE_TEXT_SIZE];
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_str(staple_text_span(buf, apr_time_from_sec(rows[i].secs)),
               rows[i].want, "%" PRId64 " s", rows[i].secs);
    }
    is_str(staple_text_span(buf, APR_USEC_PER_SEC - 1), "0 s",
           "less than a second");
    is_str(staple_text_span(buf, APR_INT64_MIN), "0 s",
           "as negative as it gets");
}

static void test_time(void)
{
    static const struct {
        apr_int64_t secs;
        const char *want;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59Z"},
        {951782400, "2000-02-29T00:00:00Z"},
        {4102444799, "2099-12-31T23:59:59Z"},
        {253402300799, "9999-12-31T23:59:59Z"}, /* of GeneralizedTime, last */
    };
    char buf[STAPLE_TEXT_SIZE];
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_str(staple_text_time(buf, apr_time_from_sec(rows[i].secs)),
               rows[i].want, "RFC 3339: %s", rows[i].want);
    }
    is_str(staple_text_time(buf, apr_time_from_sec(1) + 999999),
           "1970-01-01T00:00:01Z", "to the second");
}

int main(void)
{
    test_span();
    test_time();
    return tap_done();
}
