/* What the refresher remembers of one certificate, as others may read it. */
#ifndef STAPLE_RECORD_H
#define STAPLE_RECORD_H

#include "staple_types.h"

#define STAPLE_RECORD_DETAIL 104 /* bytes, NUL included */

/*
 * Plain data of fixed size: it lies in shared memory and is copied whole.
 * All zero is a certificate that nobody asked about yet.  Times are instants,
 * 0 = never.
 */
typedef struct staple_record_t {
    apr_time_t next_at;       /* when the next job is due */
    apr_time_t attempted_at;  /* end of the last job */
    apr_time_t succeeded_at;  /* end of the last job that gave a response */
    apr_time_t produced_at;   /* of the response held, with the next four */
    apr_time_t this_update;
    apr_time_t next_update;
    apr_time_t use_until;
    apr_time_t revoked_at;
    apr_uint32_t failures;    /* failed jobs in a row */
    apr_uint32_t requests;    /* HTTP exchanges so far */
    apr_uint32_t failed;      /* of those, without a usable response */
    apr_uint32_t der_len;     /* of the response held, 0 = none */
    apr_int16_t status;       /* staple_status_e of the last answer, or -1 */
    apr_int16_t revocation_reason; /* CRLReason or -1 */
    apr_uint16_t reason;      /* staple_reason_e of the last job */
    apr_uint16_t reserved;
    apr_uint32_t asked_whom;  /* a hash of the URLs that next_at is meant for */
    apr_uint32_t reserved_2;
    char detail[STAPLE_RECORD_DETAIL]; /* of the last failure, printable */
} staple_record_t;

#endif
