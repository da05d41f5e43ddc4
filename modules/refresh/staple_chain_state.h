/* Follows certificates and their issuers: outcomes and time -> events. */
#ifndef STAPLE_CHAIN_STATE_H
#define STAPLE_CHAIN_STATE_H

#include <apr_pools.h>

#include "cache/staple_writer.h"
#include "staple_refresh_types.h"

typedef struct staple_chain_state_t staple_chain_state_t;

typedef struct staple_chain_state_hooks_t {
    void *baton;
    /* Tells of an event; its record is as it is after it. */
    void (*tell)(void *baton, staple_report_t event);
    /* Requests for this certificate stop (an issuer is revoked) or go on. */
    void (*stop)(void *baton, apr_uint32_t index, int is_stopped,
                 apr_time_t now);
} staple_chain_state_hooks_t;

/* The states of `count` certificates, whose records are in `cache`; none of
 * them has an issuer yet. */
staple_chain_state_t *
staple_chain_state_make(apr_pool_t *p, apr_uint32_t count,
                        staple_cache_t *cache, staple_writer_t *writer,
                        const staple_chain_state_hooks_t *hooks);

/* Certificate `index` was issued by certificate `issuer` (or STAPLE_NONE), and
 * a source can be asked about it, or none can.  No cycles. */
void staple_chain_state_set(staple_chain_state_t *states, apr_uint32_t index,
                            apr_uint32_t issuer, int may_ask);

/* Certificate `index` is new until then: where it is unknown before, that is
 * told once more when it no longer is new.  Not called: it is not. */
void staple_chain_state_set_new(staple_chain_state_t *states,
                                apr_uint32_t index, apr_time_t until);

/* Takes up where the record says it was left, after staple_chain_state_set()
 * was called for all.  Tells nothing that was told before. */
void staple_chain_state_begin(staple_chain_state_t *states, apr_uint32_t index,
                              apr_time_t now);

/* A job ended: *record says how, and gets its new state.  `has_new_response`:
 * it brought one, if only the one held once more.  Publishing *record is the
 * caller's. */
void staple_chain_state_job_ended(staple_chain_state_t *states,
                                  apr_uint32_t index, staple_record_t *record,
                                  int has_new_response, apr_time_t now);

/* Something became known of the certificate before its job has ended: *record
 * says what, and gets its new state.  Publishing *record is the caller's. */
void staple_chain_state_learned(staple_chain_state_t *states,
                                apr_uint32_t index, staple_record_t *record,
                                apr_time_t now);

/* The caller has published the record that one of these gave: what follows for
 * the certificates below. */
void staple_chain_state_spread(staple_chain_state_t *states, apr_uint32_t index,
                               const staple_record_t *record, apr_time_t now);

/* Once after staple_chain_state_begin() for all: who is below a revoked issuer
 * stops, who no longer is goes on. */
void staple_chain_state_settle(staple_chain_state_t *states, apr_time_t now);

/* Tells of everything whose time has come. */
void staple_chain_state_time(staple_chain_state_t *states, apr_time_t now);

/* When staple_chain_state_time() will have something to tell. */
apr_time_t staple_chain_state_next_at(const staple_chain_state_t *states);

/* Is a certificate above this one revoked? */
int staple_chain_state_is_stopped(const staple_chain_state_t *states,
                                  apr_uint32_t index);

#endif
