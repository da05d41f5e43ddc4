/* A list (CRL) by HTTP: how it is asked for, and how it gets into a file. */
#ifndef STAPLE_FETCH_LIST_H
#define STAPLE_FETCH_LIST_H

#include <curl/curl.h>

#include "refresh/staple_refresh_types.h"

/*
 * What one exchange of staple_fetch knows when it is for a list.  libcurl calls
 * back with it, so it stays where it is until the handle has another exchange.
 * All zero: nothing has begun.
 */
typedef struct staple_fetch_list_t {
    CURL *easy;
    const char *dir; /* of the spool; NULL: it has no name */
    apr_interval_time_t idle_timeout;
    apr_size_t max_len;           /* of the body, in bytes */
    int is_conditional;           /* 304 may come */
    struct curl_slist *headers;   /* of the request */
    struct staple_spool_t *spool; /* the body; NULL: none came yet */
    apr_size_t len;               /* of it */
    const unsigned char *der;     /* where it is mapped; NULL: it is not */
    staple_reason_e refused;      /* why no more is taken; STAPLE_OK: it is */
    apr_status_t why;             /* of STAPLE_FILE_UNWRITABLE */
    curl_off_t received;          /* bytes, when it was looked at last */
    apr_time_t heard_at;          /* there were more of them; steady clock */
    int is_silent;                /* it was ended for that */
} staple_fetch_list_t;

/* Drops whatever is held.  Not while libcurl has the handle. */
void staple_fetch_list_clear(staple_fetch_list_t *list);

/*
 * Sets all that a list needs and an OCSP exchange does not, or has otherwise:
 * method and headers of the request, function for the body, limit of length.
 * Its URL and times are the caller's to set.  `list` is clear; `dir` must live
 * on.  CURLE_OK, or CURLE_OUT_OF_MEMORY.
 */
CURLcode staple_fetch_list_begin(staple_fetch_list_t *list, CURL *easy,
                                 const staple_exchange_t *exchange,
                                 const char *dir);

/* Has nothing come for as long as its limit of silence?  Then it is to be
 * ended.  To be asked again and again; libcurl's own limit of speed knows whole
 * seconds, and no rate below a byte in each. */
int staple_fetch_list_is_silent(staple_fetch_list_t *list);

/* May the exchange end with this HTTP status? */
int staple_fetch_list_is_expected(const staple_fetch_list_t *list,
                                  long http_status);

/*
 * Judges an answer with an expected HTTP status, or none, whose exchange ended
 * with `code`.  `words` has libcurl's, if any, and gets better ones where there
 * are.  STAPLE_OK where `code` says a failure that is not the list's own.
 */
staple_reason_e staple_fetch_list_judge(staple_fetch_list_t *list,
                                        CURLcode code, long http_status,
                                        char *words, apr_size_t words_size);

/* Fills in what answers have of a list, for one that was judged STAPLE_OK; its
 * spool becomes the receiver's. */
void staple_fetch_list_answer(staple_answer_t *answer,
                              staple_fetch_list_t *list);

#endif
