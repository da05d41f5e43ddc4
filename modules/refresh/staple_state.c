/* The state of a certificate, and which events are significant; pure. */
#include "staple_state.h"

#include <string.h>

staple_state_e staple_state_of(const staple_facts_t *facts)
{
    if (facts->is_issuer_revoked) {
        return STAPLE_STATE_ISSUER_REVOKED;
    }
    if (facts->says_revoked) {
        return STAPLE_STATE_REVOKED;
    }
    if (facts->said_unknown) {
        return STAPLE_STATE_UNKNOWN;
    }
    if (facts->holds && facts->is_current) {
        return STAPLE_STATE_GOOD;
    }
    if (facts->has_failed) {
        return STAPLE_STATE_UNAVAILABLE;
    }
    if (facts->may_ask) {
        return STAPLE_STATE_PENDING;
    }
    return facts->holds ? STAPLE_STATE_UNAVAILABLE : STAPLE_STATE_DISABLED;
}

static const struct {
    const char *name;
    staple_event_e event;
    staple_condition_e condition;
} states[] = {
#define STAPLE_STATE_ROW(constant, name, event, condition)                     \
    [constant] = {name, event, condition},
    STAPLE_STATES(STAPLE_STATE_ROW)
#undef STAPLE_STATE_ROW
};

const char *staple_state_name(staple_state_e state)
{
    return (unsigned)state < STAPLE_STATE_COUNT ? states[state].name
                                                : "not_a_state";
}

staple_event_e staple_event_of(staple_state_e state)
{
    return (unsigned)state < STAPLE_STATE_COUNT ? states[state].event
                                                : STAPLE_EVENT_COUNT;
}

static const struct {
    const char *name;
    unsigned excluded_by;
} events[] = {
#define STAPLE_EVENT_ROW(constant, name, excluded_by)                          \
    [constant] = {name, excluded_by},
    STAPLE_EVENTS(STAPLE_EVENT_ROW)
#undef STAPLE_EVENT_ROW
};

const char *staple_event_name(staple_event_e event)
{
    return (unsigned)event < STAPLE_EVENT_COUNT ? events[event].name
                                                : "not_an_event";
}

int staple_event_is_significant(staple_event_e event, unsigned exclude,
                                int must_staple_unserved)
{
    return (unsigned)event < STAPLE_EVENT_COUNT
           && events[event].excluded_by != 0
           && ((events[event].excluded_by & exclude) == 0
               || must_staple_unserved);
}

const char *staple_condition_name(staple_condition_e condition)
{
    static const char *const names[] = {
#define STAPLE_CONDITION_NAME(constant, name) [constant] = name,
        STAPLE_CONDITIONS(STAPLE_CONDITION_NAME)
#undef STAPLE_CONDITION_NAME
    };

    return (unsigned)condition < STAPLE_CONDITION_COUNT ? names[condition]
                                                        : "not_a_condition";
}

unsigned staple_state_conditions(staple_state_e state, int is_stale,
                                 unsigned exclude, int must_staple_unserved)
{
    unsigned conditions = 0;

    if ((unsigned)state < STAPLE_STATE_COUNT
        && states[state].condition != STAPLE_CONDITION_COUNT
        && staple_event_is_significant(staple_event_of(state), exclude,
                                       must_staple_unserved)) {
        conditions |= 1U << states[state].condition;
    }
    if (is_stale
        && staple_event_is_significant(STAPLE_EVENT_STALE, exclude,
                                       must_staple_unserved)) {
        conditions |= 1U << STAPLE_CONDITION_STALE;
    }
    if (must_staple_unserved) {
        conditions |= 1U << STAPLE_CONDITION_MUST_STAPLE;
    }
    return conditions;
}

const char *staple_state_conditions_text(char *buf, unsigned conditions)
{
    unsigned i;

    buf[0] = '\0';
    for (i = 0; i < STAPLE_CONDITION_COUNT; i++) {
        if (conditions & (1U << i)) {
            strcat(buf, buf[0] != '\0' ? "," : "");
            strcat(buf, staple_condition_name((staple_condition_e)i));
        }
    }
    return buf[0] != '\0' ? buf : "-";
}
