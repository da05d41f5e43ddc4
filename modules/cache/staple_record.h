/* What the refresher remembers of one certificate, as others may read it. */
#ifndef STAPLE_RECORD_H
#define STAPLE_RECORD_H

#include "base/staple_types.h"

#define STAPLE_RECORD_DETAIL 104 /* bytes, NUL included */

/* What was said already about the response held. */
#define STAPLE_NOTIFIED_QUARTER 1U  /* a quarter of its life is left */
#define STAPLE_NOTIFIED_HOUR 2U     /* an hour is left */
#define STAPLE_NOTIFIED_STALE 4U    /* it has run out */
#define STAPLE_NOTIFIED_FAILING 8U  /* the last job failed */
#define STAPLE_NOTIFIED_UNKNOWN 16U /* it is unknown, and no longer new */

/*
 * Plain data of fixed size: it lies in shared memory and is copied whole.
 * All zero is a certificate that was never asked about.  Times are instants,
 * 0 = never.
 */
typedef struct staple_record_t {
    apr_time_t next_at;         /* when the next job is due */
    apr_time_t attempted_at;    /* end of the last job */
    apr_time_t succeeded_at;    /* end of the last job that gave a response */
    apr_time_t state_since;     /* of the last change of state */
    apr_uint32_t failures;      /* failed jobs in a row */
    apr_uint32_t requests;      /* HTTP exchanges so far */
    apr_uint32_t failed;        /* of those, without a usable response */
    apr_uint32_t der_len;       /* of the response held, 0 = none */
    staple_verdict_t held;      /* what it says, or what one said that cannot
                                   be held: that it is revoked */
    staple_verdict_t crl;       /* what CRLs say; all zero: nothing.  That it is
                                   revoked outlives them: use_until is over, or
                                   0 */
    apr_uint16_t reason;        /* staple_reason_e of the last job */
    apr_uint16_t state_reason;  /* staple_reason_e at the last change */
    unsigned char state;        /* staple_state_e */
    unsigned char notified;     /* STAPLE_NOTIFIED_... of what is held */
    unsigned char said_unknown; /* a verified answer since the one held did */
    unsigned char reserved;
    apr_uint32_t attempts_hash; /* of the attempts that next_at is meant for:
                                   a responder that is configured anew is asked
                                   now, not after the old one's back-off */
    char detail[STAPLE_RECORD_DETAIL]; /* of the last failure, printable */
} staple_record_t;

/* Is a response held that may be stapled at `now`? */
static inline int staple_record_is_usable(const staple_record_t *record,
                                          apr_time_t now)
{
    return record->der_len > 0 && record->held.use_until > now;
}

/* Was the last response that counted one that says revoked?  It may have ended
 * since, or not be held at all, because it is too long to be stapled. */
static inline int staple_record_says_revoked(const staple_record_t *record)
{
    return record->held.status == STAPLE_CERT_REVOKED;
}

/* Does anything that counts say that it is revoked, a response or a CRL? */
static inline int staple_record_is_revoked(const staple_record_t *record)
{
    return staple_record_says_revoked(record)
           || record->crl.status == STAPLE_CERT_REVOKED;
}

/* Is there anything, a response or a CRL, that says at `now` what the status
 * is? */
static inline int staple_record_is_current(const staple_record_t *record,
                                           apr_time_t now)
{
    return staple_record_is_usable(record, now) || record->crl.use_until > now;
}

/* What the status rests on: what says the worse, and of equals what may be used
 * longer; `held`, or `crl`. */
static inline const staple_verdict_t *
staple_record_verdict(const staple_record_t *record)
{
    if (record->crl.status != record->held.status) {
        return record->crl.status > record->held.status ? &record->crl
                                                        : &record->held;
    }
    return record->crl.use_until > record->held.use_until ? &record->crl
                                                          : &record->held;
}

/* The name of where that is from, "ocsp" or "crl", also when it has run out;
 * NULL: nothing was said yet.  That it is unknown a responder says. */
static inline const char *staple_record_source(const staple_record_t *record)
{
    const staple_verdict_t *verdict = staple_record_verdict(record);

    if (record->said_unknown && verdict->status != STAPLE_CERT_REVOKED) {
        return "ocsp";
    }
    if (verdict->this_update == 0) {
        return NULL;
    }
    return verdict == &record->crl ? "crl" : "ocsp";
}

/* What comes to an end: the response held, or where there is none, what CRLs
 * say. */
static inline const staple_verdict_t *
staple_record_ending(const staple_record_t *record)
{
    return record->der_len > 0 ? &record->held : &record->crl;
}

/* What that is has run out. */
static inline int staple_record_is_stale(const staple_record_t *record,
                                         apr_time_t now)
{
    apr_time_t until = staple_record_ending(record)->use_until;

    return until != 0 && until <= now;
}

/*
 * Is the response of `other` newer (1) than that of `record`, the same (0), or
 * older (-1)?  By thisUpdate; certificate authorities round it, so then by
 * producedAt; and then the worse status counts as newer: what says revoked is
 * never lost to what may be older.  Where `record` has none, `other` is newer.
 */
static inline int staple_record_order(const staple_record_t *record,
                                      const staple_record_t *other)
{
    if (record->der_len == 0 && !staple_record_says_revoked(record)) {
        return 1;
    }
    if (other->held.this_update != record->held.this_update) {
        return other->held.this_update > record->held.this_update ? 1 : -1;
    }
    if (other->held.produced_at != record->held.produced_at) {
        return other->held.produced_at > record->held.produced_at ? 1 : -1;
    }
    return (other->held.status > record->held.status)
           - (other->held.status < record->held.status);
}

#endif
