/* The state of a certificate, and which events are significant; pure. */
#ifndef STAPLE_STATE_H
#define STAPLE_STATE_H

#include "base/staple_types.h"

/* X(constant, name, the event that a change to it is, the condition that it is;
 * ..._COUNT: none): each certificate is in exactly one of these. */
#define STAPLE_STATES(X)                                                       \
    X(STAPLE_STATE_PENDING, "pending", /* none held, nothing failed */         \
      STAPLE_EVENT_COUNT, STAPLE_CONDITION_COUNT)                              \
    X(STAPLE_STATE_GOOD, "good", STAPLE_EVENT_GOOD, STAPLE_CONDITION_COUNT)    \
    X(STAPLE_STATE_REVOKED, "revoked", STAPLE_EVENT_REVOKED,                   \
      STAPLE_CONDITION_REVOKED)                                                \
    X(STAPLE_STATE_UNKNOWN, "unknown", STAPLE_EVENT_UNKNOWN,                   \
      STAPLE_CONDITION_UNKNOWN)                                                \
    X(STAPLE_STATE_ISSUER_REVOKED, "issuer-revoked",                           \
      STAPLE_EVENT_ISSUER_REVOKED, STAPLE_CONDITION_ISSUER_REVOKED)            \
    X(STAPLE_STATE_UNAVAILABLE, "unavailable", /* none held, nor to be had */  \
      STAPLE_EVENT_UNAVAILABLE, STAPLE_CONDITION_UNAVAILABLE)                  \
    X(STAPLE_STATE_DISABLED, "disabled", /* no source to ask */                \
      STAPLE_EVENT_COUNT, STAPLE_CONDITION_COUNT)

typedef enum {
#define STAPLE_STATE_ENUM(constant, name, event, condition) constant,
    STAPLE_STATES(STAPLE_STATE_ENUM)
#undef STAPLE_STATE_ENUM
    STAPLE_STATE_COUNT
} staple_state_e;

/* Everything that the state depends on. */
typedef struct staple_facts_t {
    int is_issuer_revoked; /* any certificate above it is */
    int may_ask;           /* a source can be asked about it */
    int has_failed;        /* the last job gave no usable response */
    int said_unknown;      /* the last verified answer was `unknown` */
    int holds;             /* a response is held ... */
    int is_current;        /* ... that may be used at this moment ... */
    int says_revoked;      /* the last one that counted did, held or not */
} staple_facts_t;

/*
 * The state that follows from the facts.  From top to bottom, the first that
 * holds: an issuer is revoked; the last response that counted says revoked
 * (revocation does not run out with it, nor need it be held); the last verified
 * answer was unknown; a current good response is held; the last job failed;
 * nothing failed, so that one is to be had (none was asked for yet, or the one
 * held has run out); and where there is no responder to ask: the one held has
 * run out; none is held.
 */
staple_state_e staple_state_of(const staple_facts_t *facts);

/* The state's name, for people and programs.  Never NULL. */
const char *staple_state_name(staple_state_e state);

/* X(constant, name, by whom it is excluded; 0: it never is significant) */
#define STAPLE_EVENTS(X)                                                       \
    X(STAPLE_EVENT_GOOD, "good", 0)                                            \
    X(STAPLE_EVENT_REVOKED, "revoked", STAPLE_EXCLUDE_REVOKED)                 \
    X(STAPLE_EVENT_UNKNOWN, "unknown", STAPLE_EXCLUDE_UNKNOWN)                 \
    X(STAPLE_EVENT_ISSUER_REVOKED, "issuer-revoked",                           \
      STAPLE_EXCLUDE_ISSUER_REVOKED)                                           \
    X(STAPLE_EVENT_UNAVAILABLE, "unavailable", STAPLE_EXCLUDE_UNAVAILABLE)     \
    X(STAPLE_EVENT_STALE, "stale", STAPLE_EXCLUDE_STALE)                       \
    X(STAPLE_EVENT_ENDING_SOON, "ending-soon", STAPLE_EXCLUDE_STALE)           \
    X(STAPLE_EVENT_REFRESH_FAILING, "refresh-failing", 0)                      \
    X(STAPLE_EVENT_REFRESH_RECOVERED, "refresh-recovered", 0)                  \
    X(STAPLE_EVENT_RESPONDER_DOWN, "responder-down", 0)                        \
    X(STAPLE_EVENT_RESPONDER_UP, "responder-up", 0)

typedef enum {
#define STAPLE_EVENT_ENUM(constant, name, excluded_by) constant,
    STAPLE_EVENTS(STAPLE_EVENT_ENUM)
#undef STAPLE_EVENT_ENUM
    STAPLE_EVENT_COUNT
} staple_event_e;

/* The event's name.  Never NULL. */
const char *staple_event_name(staple_event_e event);

/* The event that a change to `state` is; STAPLE_EVENT_COUNT: none. */
staple_event_e staple_event_of(staple_state_e state);

/*
 * Is an event significant?  `exclude` holds STAPLE_EXCLUDE_... bits, each of
 * which takes its events out; STAPLE_EXCLUDE_UNKNOWN is the caller's word that
 * the certificate is new.  What leaves a certificate with the TLS feature
 * status_request (RFC 7633) without a staple always is: clients refuse it.
 */
int staple_event_is_significant(staple_event_e event, unsigned exclude,
                                int must_staple_unserved);

/* X(constant, name): what can be significant about a certificate right now. */
#define STAPLE_CONDITIONS(X)                                                   \
    X(STAPLE_CONDITION_REVOKED, "revoked")                                     \
    X(STAPLE_CONDITION_ISSUER_REVOKED, "issuer-revoked")                       \
    X(STAPLE_CONDITION_UNKNOWN, "unknown")                                     \
    X(STAPLE_CONDITION_UNAVAILABLE, "unavailable")                             \
    X(STAPLE_CONDITION_STALE, "stale")                                         \
    X(STAPLE_CONDITION_MUST_STAPLE,                                            \
      "must-staple") /* clients refuse it: there is nothing to staple */

typedef enum {
#define STAPLE_CONDITION_ENUM(constant, name) constant,
    STAPLE_CONDITIONS(STAPLE_CONDITION_ENUM)
#undef STAPLE_CONDITION_ENUM
    STAPLE_CONDITION_COUNT
} staple_condition_e;

/* The condition's name.  Never NULL. */
const char *staple_condition_name(staple_condition_e condition);

/* The significant conditions of a certificate: bits 1 << staple_condition_e. */
unsigned staple_state_conditions(staple_state_e state, int is_stale,
                                 unsigned exclude, int must_staple_unserved);

/* These, comma-separated ("revoked,stale"), or "-"; `buf` has
 * STAPLE_CONDITIONS_SIZE bytes.  Returns buf or "-". */
#define STAPLE_CONDITIONS_SIZE 64
const char *staple_state_conditions_text(char *buf, unsigned conditions);

#endif
