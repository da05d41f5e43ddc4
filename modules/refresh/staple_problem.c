/* What is wrong with a certificate, or with all of it, and how bad; pure. */
#include "staple_problem.h"

#include "staple_state.h"

static const struct {
    const char *name;
    staple_grade_e grade;
} problems[] = {
#define STAPLE_PROBLEM_ROW(constant, name, grade) [constant] = {name, grade},
    STAPLE_PROBLEMS(STAPLE_PROBLEM_ROW)
#undef STAPLE_PROBLEM_ROW
};

const char *staple_problem_name(staple_problem_e problem)
{
    return (unsigned)problem < STAPLE_PROBLEM_COUNT ? problems[problem].name
                                                    : "not_a_problem";
}

staple_grade_e staple_problem_grade(staple_problem_e problem)
{
    return (unsigned)problem < STAPLE_PROBLEM_COUNT ? problems[problem].grade
                                                    : STAPLE_GRADE_OK;
}

const char *staple_grade_name(staple_grade_e grade)
{
    static const char *const names[] = {[STAPLE_GRADE_OK] = "ok",
                                        [STAPLE_GRADE_WARNING] = "warning",
                                        [STAPLE_GRADE_CRITICAL] = "critical"};

    return names[grade % 3];
}

staple_grade_e staple_problem_worst(unsigned bits)
{
    unsigned i;

    for (i = 0; i < STAPLE_PROBLEM_COUNT; i++) {
        if (bits & (1U << i)) {
            return problems[i].grade; /* they stand the worst first */
        }
    }
    return STAPLE_GRADE_OK;
}

int staple_problem_is_mistake(staple_reason_e reason)
{
    return reason == STAPLE_CERT_NO_ISSUER
           || reason == STAPLE_CERT_WRONG_ISSUER
           || reason == STAPLE_CERT_UNREADABLE || reason == STAPLE_NO_MEMORY;
}

/* Cannot be stapled, though that is meant. */
static int is_not_stapled(const staple_cert_t *cert,
                          const staple_record_t *record)
{
    return record->state == STAPLE_STATE_DISABLED
           && (record->reason != STAPLE_OK /* its file is refused */
               || (cert->url_count > 0
                   && staple_problem_is_mistake(
                       (staple_reason_e)record->state_reason)));
}

/* The event ending-soon was told of what is held. */
static int is_ending(const staple_record_t *record, int is_stale)
{
    return record->state == STAPLE_STATE_GOOD && !is_stale
           && (record->notified & STAPLE_NOTIFIED_QUARTER) != 0;
}

unsigned staple_problem_of(const staple_cert_t *cert,
                           const staple_record_t *record, int is_stale,
                           int must_staple_unserved, unsigned exclude)
{
    static const staple_problem_e of_conditions[STAPLE_CONDITION_COUNT] = {
        [STAPLE_CONDITION_REVOKED] = STAPLE_PROBLEM_REVOKED,
        [STAPLE_CONDITION_ISSUER_REVOKED] = STAPLE_PROBLEM_ISSUER_REVOKED,
        [STAPLE_CONDITION_UNKNOWN] = STAPLE_PROBLEM_UNKNOWN,
        [STAPLE_CONDITION_UNAVAILABLE] = STAPLE_PROBLEM_UNAVAILABLE,
        [STAPLE_CONDITION_STALE] = STAPLE_PROBLEM_STALE,
        [STAPLE_CONDITION_MUST_STAPLE] = STAPLE_PROBLEM_MUST_STAPLE};
    unsigned conditions =
        staple_state_conditions((staple_state_e)record->state, is_stale,
                                exclude, must_staple_unserved);
    unsigned bits = 0, i;

    for (i = 0; i < STAPLE_CONDITION_COUNT; i++) {
        if (conditions & (1U << i)) {
            bits |= 1U << of_conditions[i];
        }
    }
    if (bits & (1U << STAPLE_PROBLEM_STALE)) { /* which says more */
        bits &= ~(1U << STAPLE_PROBLEM_UNAVAILABLE);
    }
    if (is_ending(record, is_stale)
        && staple_event_is_significant(STAPLE_EVENT_ENDING_SOON, exclude, 0)) {
        bits |= 1U << STAPLE_PROBLEM_ENDING;
    }
    if (is_not_stapled(cert, record)
        && (exclude & STAPLE_EXCLUDE_UNAVAILABLE) == 0) {
        bits |= 1U << STAPLE_PROBLEM_NOT_STAPLED;
    }
    return bits;
}
