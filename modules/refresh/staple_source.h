/* A way to learn a certificate's status: one row of a table. */
#ifndef STAPLE_SOURCE_H
#define STAPLE_SOURCE_H

#include "staple_refresh_types.h"

/*
 * A job asks the sources in the order of the table (staple_refresh_options_t),
 * each with its attempts 0, 1, ...; it ends with the first answer that will do.
 * A source says what to ask for and whom, judges the answer, and says what
 * follows from it for the job and for its responder's health; when the job is
 * due, who waits for which place and what is down is the refresher's business,
 * and the same for all.  All functions are steps of the refresher: same thread,
 * same `now`.
 *
 * Response files are no source in this sense: they are not asked, they come
 * (staple_refresh_offer()).
 */
typedef struct staple_source_t {
    const char *name;
    staple_transport_e transport;

    /* Once per refresher, before all else.  NULL: there is nothing to do. */
    void (*begin)(staple_refresh_t *refresh, apr_pool_t *p);

    /* Once per certificate.  Returns whether it can be asked about this one, so
     * that the certificate has jobs.  NULL: not by itself. */
    int (*meet)(staple_refresh_t *refresh, apr_uint32_t index);

    /* Whom the job's present attempt (entry->attempt) asks, or NULL: all its
     * attempts were made. */
    staple_responder_t *(*whom)(staple_refresh_t *refresh, apr_uint32_t index);

    /* Fills the exchange of this attempt; certificate, responder and attempt
     * are set.  Not STAPLE_OK: it cannot be made, and the next one follows. */
    staple_reason_e (*fill)(staple_refresh_t *refresh,
                            staple_exchange_t *exchange);

    /* Takes the answer: the job ends, waits or goes on. */
    void (*take)(staple_refresh_t *refresh, const staple_exchange_t *exchange,
                 const staple_answer_t *answer, apr_time_t now);

    /* The first attempt after this one that asks another responder.  NULL: the
     * one that follows. */
    unsigned (*next)(const staple_refresh_t *refresh, apr_uint32_t index,
                     unsigned attempt);

    /* A job does without: that its responder is down is no reason to fail. */
    int is_optional;

    /* Another source had a response, which is published; the job has failed.
     * NULL: that is nothing to it. */
    void (*learned)(staple_refresh_t *refresh, apr_uint32_t index,
                    apr_time_t now);
    void (*gave_up)(staple_refresh_t *refresh, apr_uint32_t index);
} staple_source_t;

/* The shared store, which is asked first, and OCSP responders. */
extern const staple_source_t staple_source_shared;
extern const staple_source_t staple_source_ocsp;

#endif
