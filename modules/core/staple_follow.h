/* Follows certificates and their issuers: outcomes and time -> events. */
#ifndef STAPLE_FOLLOW_H
#define STAPLE_FOLLOW_H

#include <apr_pools.h>

#include "staple_record.h"
#include "staple_state.h"

/* No certificate above. */
#define STAPLE_FOLLOW_NONE 0xffffffffU

typedef struct staple_follow_t staple_follow_t;

/* One thing that happened to certificate `index`.  `record` is as it is after
 * the event. */
typedef struct staple_follow_event_t {
    staple_event_e event;
    apr_uint32_t index;
    staple_state_e before;
    const staple_record_t *record;
    apr_time_t at;
} staple_follow_event_t;

typedef struct staple_follow_hooks_t {
    void *baton;
    /* Reads and publishes the record of a certificate. */
    void (*get)(void *baton, apr_uint32_t index, staple_record_t *record);
    void (*put)(void *baton, apr_uint32_t index, const staple_record_t *record);
    /* Tells of an event. */
    void (*tell)(void *baton, const staple_follow_event_t *event);
    /* Requests for this certificate stop (an issuer is revoked) or go on. */
    void (*stop)(void *baton, apr_uint32_t index, int is_stopped,
                 apr_time_t now);
} staple_follow_hooks_t;

/* A follower of `count` certificates, none of which has an issuer yet. */
staple_follow_t *staple_follow_make(apr_pool_t *p, apr_uint32_t count,
                                    const staple_follow_hooks_t *hooks);

/* Certificate `index` was issued by certificate `issuer` (or _NONE), and there
 * is somebody (or nobody) to ask about it.  No cycles. */
void staple_follow_set(staple_follow_t *follow, apr_uint32_t index,
                       apr_uint32_t issuer, int may_ask);

/* Certificate `index` is new until then: where it is unknown before, that is
 * told once more when it no longer is new.  Not called: it is not. */
void staple_follow_set_new(staple_follow_t *follow, apr_uint32_t index,
                           apr_time_t until);

/* Takes up where the record says it was left, after staple_follow_set() was
 * called for all.  Tells nothing that was told before. */
void staple_follow_begin(staple_follow_t *follow, apr_uint32_t index,
                         apr_time_t now);

/* A job ended: *record says how, and gets its new state.  `has_new_response`:
 * it brought one, if only the one held once more.  Publishing *record is the
 * caller's. */
void staple_follow_job_ended(staple_follow_t *follow, apr_uint32_t index,
                             staple_record_t *record, int has_new_response,
                             apr_time_t now);

/* Something became known of the certificate before its job has ended: *record
 * says what, and gets its new state.  Publishing *record is the caller's. */
void staple_follow_learned(staple_follow_t *follow, apr_uint32_t index,
                           staple_record_t *record, apr_time_t now);

/* The caller has published the record that one of these gave: what follows for
 * the certificates below. */
void staple_follow_spread(staple_follow_t *follow, apr_uint32_t index,
                          const staple_record_t *record, apr_time_t now);

/* Once after staple_follow_begin() for all: who is below a revoked issuer
 * stops, who no longer is goes on. */
void staple_follow_settle(staple_follow_t *follow, apr_time_t now);

/* Tells of everything whose time has come. */
void staple_follow_time(staple_follow_t *follow, apr_time_t now);

/* When staple_follow_time() will have something to tell. */
apr_time_t staple_follow_next_at(const staple_follow_t *follow);

/* Is a certificate above this one revoked? */
int staple_follow_is_stopped(const staple_follow_t *follow, apr_uint32_t index);

#endif
