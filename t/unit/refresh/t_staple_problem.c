/* What is wrong with a certificate, as a table, and how bad that is. */
#include "refresh/staple_problem.h"

#include <string.h>

#include "refresh/staple_state.h"

#include "../tap.h"

#define NONE STAPLE_EXCLUDE_ALL

typedef struct row_t {
    const char *what;
    staple_state_e state;
    unsigned notified;
    int is_stale, is_unserved;
    staple_reason_e reason, state_reason;
    unsigned short url_count;
    unsigned exclude;
    const char *problems;
    staple_grade_e grade;
} row_t;

static const row_t rows[] = {
    {"good", STAPLE_STATE_GOOD, 0, 0, 0, STAPLE_OK, STAPLE_OK, 1, 0, "",
     STAPLE_GRADE_OK},
    {"good, the last job failed", STAPLE_STATE_GOOD, STAPLE_NOTIFIED_FAILING, 0,
     0, STAPLE_TIMEOUT, STAPLE_OK, 1, 0, "", STAPLE_GRADE_OK},
    {"good, near its end", STAPLE_STATE_GOOD, STAPLE_NOTIFIED_QUARTER, 0, 0,
     STAPLE_TIMEOUT, STAPLE_OK, 1, 0, "ending", STAPLE_GRADE_WARNING},
    {"near its end, excluded", STAPLE_STATE_GOOD, STAPLE_NOTIFIED_QUARTER, 0,
     0, STAPLE_TIMEOUT, STAPLE_OK, 1, STAPLE_EXCLUDE_STALE, "",
     STAPLE_GRADE_OK},
    {"revoked", STAPLE_STATE_REVOKED, STAPLE_NOTIFIED_QUARTER, 0, 0, STAPLE_OK,
     STAPLE_OK, 1, 0, "revoked", STAPLE_GRADE_CRITICAL},
    {"revoked, excluded", STAPLE_STATE_REVOKED, 0, 0, 0, STAPLE_OK, STAPLE_OK,
     1, NONE, "", STAPLE_GRADE_OK},
    {"issuer revoked", STAPLE_STATE_ISSUER_REVOKED, 0, 0, 0, STAPLE_OK,
     STAPLE_OK, 1, 0, "issuer-revoked", STAPLE_GRADE_CRITICAL},
    {"unknown", STAPLE_STATE_UNKNOWN, 0, 0, 0, STAPLE_UNKNOWN, STAPLE_OK, 1, 0,
     "unknown", STAPLE_GRADE_WARNING},
    {"unknown, whatever the directive says", STAPLE_STATE_UNKNOWN, 0, 0, 0,
     STAPLE_UNKNOWN, STAPLE_OK, 1, NONE, "unknown", STAPLE_GRADE_WARNING},
    {"unknown, and new", STAPLE_STATE_UNKNOWN, 0, 0, 0, STAPLE_UNKNOWN,
     STAPLE_OK, 1, STAPLE_EXCLUDE_UNKNOWN, "", STAPLE_GRADE_OK},
    {"unavailable", STAPLE_STATE_UNAVAILABLE, 0, 0, 0, STAPLE_TIMEOUT,
     STAPLE_TIMEOUT, 1, 0, "unavailable", STAPLE_GRADE_WARNING},
    {"unavailable, clients insist", STAPLE_STATE_UNAVAILABLE, 0, 0, 1,
     STAPLE_TIMEOUT, STAPLE_TIMEOUT, 1, NONE, "must-staple unavailable",
     STAPLE_GRADE_CRITICAL},
    {"it ran out, none to be had", STAPLE_STATE_UNAVAILABLE,
     STAPLE_NOTIFIED_QUARTER, 1, 0, STAPLE_TIMEOUT, STAPLE_TIMEOUT, 1, 0,
     "stale", STAPLE_GRADE_WARNING},
    {"it ran out, that is excluded", STAPLE_STATE_UNAVAILABLE, 0, 1, 0,
     STAPLE_TIMEOUT, STAPLE_TIMEOUT, 1, STAPLE_EXCLUDE_STALE, "unavailable",
     STAPLE_GRADE_WARNING},
    {"it ran out, asking", STAPLE_STATE_PENDING, 0, 1, 0, STAPLE_OK, STAPLE_OK,
     1, 0, "stale", STAPLE_GRADE_WARNING},
    {"pending", STAPLE_STATE_PENDING, 0, 0, 0, STAPLE_OK, STAPLE_OK, 1, 0, "",
     STAPLE_GRADE_OK},
    {"names nobody", STAPLE_STATE_DISABLED, 0, 0, 0, STAPLE_OK,
     STAPLE_CERT_NO_URL, 0, 0, "", STAPLE_GRADE_OK},
    {"nobody is to be asked", STAPLE_STATE_DISABLED, 0, 0, 0, STAPLE_OK,
     STAPLE_CERT_NO_SOURCE, 1, 0, "", STAPLE_GRADE_OK},
    {"issuer missing", STAPLE_STATE_DISABLED, 0, 0, 0, STAPLE_OK,
     STAPLE_CERT_NO_ISSUER, 1, 0, "not-stapled", STAPLE_GRADE_WARNING},
    {"wrong issuer", STAPLE_STATE_DISABLED, 0, 0, 0, STAPLE_OK,
     STAPLE_CERT_WRONG_ISSUER, 1, 0, "not-stapled", STAPLE_GRADE_WARNING},
    {"issuer missing, nobody to ask", STAPLE_STATE_DISABLED, 0, 0, 0,
     STAPLE_OK, STAPLE_CERT_NO_ISSUER, 0, 0, "", STAPLE_GRADE_OK},
    {"issuer missing, clients insist", STAPLE_STATE_DISABLED, 0, 0, 1,
     STAPLE_OK, STAPLE_CERT_NO_ISSUER, 0, NONE, "must-staple",
     STAPLE_GRADE_CRITICAL},
    {"issuer missing, excluded", STAPLE_STATE_DISABLED, 0, 0, 0, STAPLE_OK,
     STAPLE_CERT_NO_ISSUER, 1, STAPLE_EXCLUDE_UNAVAILABLE, "",
     STAPLE_GRADE_OK},
    {"its file is refused", STAPLE_STATE_DISABLED, 0, 0, 0,
     STAPLE_FILE_UNREADABLE, STAPLE_OK, 0, 0, "not-stapled",
     STAPLE_GRADE_WARNING},
};

static const char *text_of(char *buf, unsigned problems)
{
    unsigned i;

    buf[0] = '\0';
    for (i = 0; i < STAPLE_PROBLEM_COUNT; i++) {
        if (problems & (1U << i)) {
            strcat(buf, buf[0] != '\0' ? " " : "");
            strcat(buf, staple_problem_name((staple_problem_e)i));
        }
    }
    return buf;
}

static void test_certificates(void)
{
    char buf[256];
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const row_t *row = &rows[i];
        const staple_cert_t cert = {.url_count = row->url_count};
        const staple_record_t record = {
            .state = (unsigned char)row->state,
            .notified = (unsigned char)row->notified,
            .reason = (apr_uint16_t)row->reason,
            .state_reason = (apr_uint16_t)row->state_reason};
        unsigned problems = staple_problem_of(
            &cert, &record, row->is_stale, row->is_unserved, row->exclude);

        is_str(text_of(buf, problems), row->problems, "%s", row->what);
        is_int(staple_problem_worst(problems), row->grade, "%s: how bad",
               row->what);
    }
}

static void test_grades(void)
{
    unsigned i, wrong = 0;

    for (i = 1; i < STAPLE_PROBLEM_COUNT; i++) {
        wrong += staple_problem_grade((staple_problem_e)i)
                 > staple_problem_grade((staple_problem_e)(i - 1));
    }
    is_int(wrong, 0, "the worst stand first");
    ok(STAPLE_PROBLEM_RESPONDER < STAPLE_PROBLEM_UNAVAILABLE,
       "a responder before what waits for it");
    is_int(staple_problem_worst(0), STAPLE_GRADE_OK, "nothing is wrong");
    is_str(staple_grade_name(STAPLE_GRADE_OK), "ok", "ok");
    is_str(staple_grade_name(STAPLE_GRADE_WARNING), "warning", "warning");
    is_str(staple_grade_name(STAPLE_GRADE_CRITICAL), "critical", "critical");
    is_str(staple_problem_name(STAPLE_PROBLEM_COUNT), "not_a_problem",
           "no problem");
    is_int(staple_problem_grade(STAPLE_PROBLEM_COUNT), STAPLE_GRADE_OK,
           "no problem: ok");
    is_int(staple_problem_is_mistake(STAPLE_CERT_SELF_SIGNED), 0,
           "self-signed: no mistake");
}

int main(void)
{
    test_certificates();
    test_grades();
    return tap_done();
}
