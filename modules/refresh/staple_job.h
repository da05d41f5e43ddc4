/* One certificate's job: from attempt to attempt, to its end. */
#ifndef STAPLE_JOB_H
#define STAPLE_JOB_H

#include "staple_refresh_int.h"

/* All of these are steps of the refresher: same thread, same `now`. */

/* Tells the caller of the refresher. */
void staple_job_tell(staple_refresh_t *refresh, staple_report_t report);

/* Makes certificate `index` due at `at`, if it may be asked about and no job
 * of it is at work. */
void staple_job_schedule(staple_refresh_t *refresh, apr_uint32_t index,
                         apr_time_t at);

/* When a certificate's first job of this refresher is due, going by what its
 * record says of earlier ones. */
apr_time_t staple_job_first_at(const staple_entry_t *entry,
                               const staple_record_t *record, apr_time_t now);

/* The certificate is due: its job begins. */
void staple_job_start(staple_refresh_t *refresh, apr_uint32_t index,
                      apr_time_t now);

/* Puts the job's next attempt (entry->attempt) into the queue of its
 * responder, or ends the job: all attempts failed. */
void staple_job_go_on(staple_refresh_t *refresh, apr_uint32_t index,
                      apr_time_t now);

/* Notes and tells why an attempt failed. */
void staple_job_attempt_failed(staple_refresh_t *refresh, apr_uint32_t index,
                               const staple_exchange_t *exchange,
                               staple_reason_e reason, const char *detail);

/* A number for jitter. */
apr_uint32_t staple_job_draw(staple_refresh_t *refresh);

/* When to ask again after a response that is to be used until `use_until`. */
apr_time_t staple_job_next_at(staple_refresh_t *refresh, apr_uint32_t index,
                              apr_time_t use_until,
                              apr_interval_time_t fresh_for, apr_time_t now);

/* The job ends with a new response, of which *record says all. */
void staple_job_succeeded(staple_refresh_t *refresh, apr_uint32_t index,
                          staple_record_t *record, apr_time_t now);

/*
 * staple_adopt() for the present record of certificate `index`, which comes out
 * in *record.  On STAPLE_OK that is the caller's to complete and to publish;
 * what became known otherwise is published, told, and has its consequences.
 */
staple_reason_e staple_job_adopt(staple_refresh_t *refresh,
                                 staple_record_t *record, apr_uint32_t index,
                                 const unsigned char *der, apr_size_t der_len,
                                 const unsigned char *nonce, apr_time_t now);

/* Uses a response if it is to be used (staple_adopt.h); the job ends then.
 * Where its length is why it is not, `detail`, of STAPLE_RECORD_DETAIL bytes,
 * gets the numbers. */
staple_reason_e staple_job_take_response(char *detail,
                                         staple_refresh_t *refresh,
                                         apr_uint32_t index,
                                         const staple_answer_t *answer,
                                         const unsigned char *nonce,
                                         apr_time_t now);

/* Counts an exchange in the certificate's record. */
void staple_job_count(staple_refresh_t *refresh, apr_uint32_t index,
                      int has_failed);

#endif
