/* What is wrong with a certificate, or with all of it, and how bad; pure. */
#ifndef STAPLE_PROBLEM_H
#define STAPLE_PROBLEM_H

#include "cache/staple_record.h"
#include "ocsp/staple_cert.h"

/* How bad it is. */
typedef enum {
    STAPLE_GRADE_OK,
    STAPLE_GRADE_WARNING,
    STAPLE_GRADE_CRITICAL
} staple_grade_e;

/*
 * X(constant, name, grade): each problem that there can be, the worst first, in
 * the order in which they are told: a responder comes before the certificates
 * that wait for it.  The names are printed, and never change their meaning.
 */
#define STAPLE_PROBLEMS(X)                                                     \
    X(STAPLE_PROBLEM_REVOKED, "revoked", STAPLE_GRADE_CRITICAL)                \
    X(STAPLE_PROBLEM_ISSUER_REVOKED, "issuer-revoked", STAPLE_GRADE_CRITICAL)  \
    X(STAPLE_PROBLEM_MUST_STAPLE, "must-staple",                               \
      STAPLE_GRADE_CRITICAL) /* clients refuse it: there is nothing to staple  \
                              */                                               \
    /* of all of it: the refresher hangs, or is gone */                        \
    X(STAPLE_PROBLEM_REFRESHER, "refresher", STAPLE_GRADE_CRITICAL)            \
    X(STAPLE_PROBLEM_STARTING, "starting",                                     \
      STAPLE_GRADE_WARNING) /* no refresher has begun */                       \
    X(STAPLE_PROBLEM_RESPONDER, "responder",                                   \
      STAPLE_GRADE_WARNING) /* down, or none of its answers was of use */      \
    X(STAPLE_PROBLEM_UNKNOWN, "unknown", STAPLE_GRADE_WARNING)                 \
    X(STAPLE_PROBLEM_UNAVAILABLE, "unavailable", STAPLE_GRADE_WARNING)         \
    X(STAPLE_PROBLEM_STALE, "stale",                                           \
      STAPLE_GRADE_WARNING) /* what is held has run out, and no other is to be \
                               had */                                          \
    X(STAPLE_PROBLEM_ENDING, "ending",                                         \
      STAPLE_GRADE_WARNING) /* what is held ends soon */                       \
    X(STAPLE_PROBLEM_NOT_STAPLED, "not-stapled",                               \
      STAPLE_GRADE_WARNING) /* though it names a responder, or a file of       \
                               responses is configured */                      \
    X(STAPLE_PROBLEM_NOTHING, "nothing",                                       \
      STAPLE_GRADE_WARNING) /* no certificate can be stapled */

typedef enum {
#define STAPLE_PROBLEM_ENUM(constant, name, grade) constant,
    STAPLE_PROBLEMS(STAPLE_PROBLEM_ENUM)
#undef STAPLE_PROBLEM_ENUM
    STAPLE_PROBLEM_COUNT
} staple_problem_e;

/* The problem's name.  Never NULL. */
const char *staple_problem_name(staple_problem_e problem);

staple_grade_e staple_problem_grade(staple_problem_e problem);

/* "ok", "warning" or "critical". */
const char *staple_grade_name(staple_grade_e grade);

/* The grade of bits 1 << staple_problem_e: that of the worst. */
staple_grade_e staple_problem_worst(unsigned problems);

/*
 * What is wrong with a certificate: bits.  `exclude` holds STAPLE_EXCLUDE_...
 * bits, which take out what they take out of the significant conditions
 * (staple_state.h): for health, no more than STAPLE_EXCLUDE_UNKNOWN, that it is
 * new.  `is_stale` and `must_staple_unserved` are as of now.
 */
unsigned staple_problem_of(const staple_cert_t *cert,
                           const staple_record_t *record, int is_stale,
                           int must_staple_unserved, unsigned exclude);

/* Is a certificate that is disabled for this reason the administrator's to
 * mend?  Others have no responder, or none is to be asked. */
int staple_problem_is_mistake(staple_reason_e reason);

#endif
