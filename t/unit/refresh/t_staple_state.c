/* The state as a table: every set of facts. */
#include "refresh/staple_state.h"

#include "../tap.h"

/* Facts in the order in which they decide; '1', '0', or '.' for either. */
typedef struct row_t {
    const char *facts; /* issuer-revoked, holds, says revoked, said unknown,
                          current, failed, may ask */
    staple_state_e after;
    const char *why;
} row_t;

static const row_t rows[] = {
    {"1......", STAPLE_STATE_ISSUER_REVOKED, "an issuer is revoked"},
    {"0.1....", STAPLE_STATE_REVOKED, "revoked, held or not"},
    {"0001...", STAPLE_STATE_UNKNOWN, "unknown, nothing held"},
    {"0101...", STAPLE_STATE_UNKNOWN, "unknown, a good one held"},
    {"01001..", STAPLE_STATE_GOOD, "a current good response is held"},
    {"0000.1.", STAPLE_STATE_UNAVAILABLE, "failed, nothing held"},
    {"010001.", STAPLE_STATE_UNAVAILABLE, "failed, what is held ran out"},
    {"0000.01", STAPLE_STATE_PENDING, "none asked yet"},
    {"0100001", STAPLE_STATE_PENDING, "ran out, nothing failed"},
    {"0000.00", STAPLE_STATE_DISABLED, "no source to ask"},
    {"0100000", STAPLE_STATE_UNAVAILABLE, "ran out, no source to ask"},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))
#define FACTS 7

static int matches(const char *pattern, unsigned facts)
{
    unsigned i;

    for (i = 0; i < FACTS; i++) {
        if (pattern[i] != '.' && (pattern[i] == '1') != ((facts >> i) & 1)) {
            return 0;
        }
    }
    return 1;
}

static staple_facts_t facts_of(unsigned bits)
{
    const staple_facts_t facts = {.is_issuer_revoked = bits & 1,
                                  .holds = bits >> 1 & 1,
                                  .says_revoked = bits >> 2 & 1,
                                  .said_unknown = bits >> 3 & 1,
                                  .is_current = bits >> 4 & 1,
                                  .has_failed = bits >> 5 & 1,
                                  .may_ask = bits >> 6 & 1};

    return facts;
}

/* Each row against all facts that it covers. */
static void test_transitions(void)
{
    unsigned covered[1U << FACTS] = {0};
    unsigned i, bits, wrong, uncovered = 0;

    for (i = 0; i < ROWS; i++) {
        wrong = 0;
        for (bits = 0; bits < 1U << FACTS; bits++) {
            staple_facts_t facts = facts_of(bits);

            if (matches(rows[i].facts, bits)) {
                covered[bits]++;
                wrong += staple_state_of(&facts) != rows[i].after;
            }
        }
        is_int(wrong, 0, "%s: %s", rows[i].why,
               staple_state_name(rows[i].after));
    }
    for (bits = 0; bits < 1U << FACTS; bits++) {
        uncovered += covered[bits] != 1;
    }
    is_int(uncovered, 0, "each set of facts is in exactly one row");
}

static void test_significance(void)
{
    static const struct {
        staple_state_e state;
        unsigned flag;
        const char *text;
    } states[] = {
        {STAPLE_STATE_REVOKED, STAPLE_EXCLUDE_REVOKED, "revoked"},
        {STAPLE_STATE_ISSUER_REVOKED, STAPLE_EXCLUDE_ISSUER_REVOKED,
         "issuer-revoked"},
        {STAPLE_STATE_UNAVAILABLE, STAPLE_EXCLUDE_UNAVAILABLE, "unavailable"},
    };
    char text[STAPLE_CONDITIONS_SIZE];
    unsigned i;

    for (i = 0; i < 3; i++) {
        is_str(staple_state_conditions_text(
                   text, staple_state_conditions(states[i].state, 0,
                                                 STAPLE_EXCLUDE_ALL, 0)),
               "-", "%s: excluded", states[i].text);
        is_str(staple_state_conditions_text(
                   text, staple_state_conditions(
                             states[i].state, 0,
                             STAPLE_EXCLUDE_ALL & ~states[i].flag, 0)),
               states[i].text, "%s: not excluded", states[i].text);
        ok(staple_state_conditions(states[i].state, 0, STAPLE_EXCLUDE_ALL, 1)
               & 1U << STAPLE_CONDITION_MUST_STAPLE,
           "%s: must-staple unserved is significant", states[i].text);
    }
    is_str(staple_state_conditions_text(
               text, staple_state_conditions(STAPLE_STATE_DISABLED, 0,
                                             STAPLE_EXCLUDE_ALL, 1)),
           "must-staple", "must-staple without anybody to ask (RFC 7633)");
    is_str(staple_state_conditions_text(
               text, staple_state_conditions(STAPLE_STATE_UNKNOWN, 1, 0, 1)),
           "unknown,stale,must-staple", "several, in their order");
    is_str(staple_state_conditions_text(
               text, (1U << STAPLE_CONDITION_COUNT) - 1),
           "revoked,issuer-revoked,unknown,unavailable,stale,must-staple",
           "all of them fit");
    is_int(staple_state_conditions(STAPLE_STATE_GOOD, 0, 0, 0), 0,
           "good is no condition");
}

static void test_names(void)
{
    is_str(staple_state_name(STAPLE_STATE_COUNT), "not_a_state", "no state");
    is_str(staple_event_name(STAPLE_EVENT_COUNT), "not_an_event", "no event");
    is_str(staple_condition_name(STAPLE_CONDITION_COUNT), "not_a_condition",
           "no condition");
    ok(!staple_event_is_significant(STAPLE_EVENT_COUNT, 0, 1),
       "no event is not significant");
    ok(!staple_event_is_significant(STAPLE_EVENT_GOOD, 0, 1),
       "good never is significant");
    ok(staple_event_is_significant(STAPLE_EVENT_UNKNOWN, STAPLE_EXCLUDE_ALL, 0),
       "unknown is, whatever is excluded");
    ok(!staple_event_is_significant(STAPLE_EVENT_UNKNOWN,
                                    STAPLE_EXCLUDE_UNKNOWN, 0),
       "unknown is not of a new certificate");
    ok(staple_event_is_significant(STAPLE_EVENT_UNKNOWN,
                                   STAPLE_EXCLUDE_UNKNOWN, 1),
       "unless its clients insist on a staple");
    is_int(staple_state_conditions(STAPLE_STATE_UNKNOWN, 0,
                                   STAPLE_EXCLUDE_UNKNOWN, 0),
           0, "nor is it a condition of a new certificate");
}

int main(void)
{
    test_transitions();
    test_significance();
    test_names();
    return tap_done();
}
