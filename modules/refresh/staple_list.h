/* A CRL that is followed: base and delta, judged for each issuer in turn. */
#ifndef STAPLE_LIST_H
#define STAPLE_LIST_H

#include <apr_tables.h>

#include "crl/staple_crl_verdict.h"
#include "staple_refresh_types.h"

/*
 * The list of one distribution point, for all certificates that name it.  These
 * have the same issuer, unless somebody names another's list: so its bytes are
 * judged for each issuer by itself, and what one has of it no other can take.
 *
 *   list -+- view: of issuer A --- base, delta: as judged for A's certificates
 *         '- view: of issuer B --- ...
 *
 * What is held is replaced by what was judged right, and by nothing else.
 */

/* Those of one issuer. */
typedef struct staple_list_view_t {
    const staple_refresh_cert_t *first; /* of them: who may have signed */
    apr_array_header_t *certs;   /* const staple_crl_cert_t * */
    apr_array_header_t *indexes; /* apr_uint32_t: the same certificates */
    struct {
        apr_pool_t *pool; /* of crl; NULL: nothing is held */
        staple_crl_t *crl;
    } held[STAPLE_PARTS];
    staple_reason_e reason; /* of what was judged last, as its base */
} staple_list_view_t;

typedef struct staple_list_t staple_list_t;

/* Of no certificate yet; `is` must live on.  Memory comes from p, and from
 * pools in it for as long as a list is held. */
staple_list_t *staple_list_make(apr_pool_t *p, const staple_refresh_list_t *is);

/* Certificate `index` may be on it. */
void staple_list_add(staple_list_t *list, apr_uint32_t index,
                     const staple_refresh_cert_t *cert);

/* Its views, staple_list_view_t *, in the order of their first certificates. */
const apr_array_header_t *staple_list_views(const staple_list_t *list);

/*
 * Begins to judge these bytes, which must stay until that has ended, as they
 * were at `at`: now, or when they came.  What was begun before is dropped.
 */
void staple_list_judge(staple_list_t *list, staple_part_e part,
                       const unsigned char *der, apr_size_t der_len,
                       apr_time_t at);

/*
 * Goes on for about `bytes` bytes.  Returns 1 while there is more to do.  Then
 * *reason says what came of it: STAPLE_OK, it is held now for at least one
 * issuer; else why it is not for the one that it came nearest to.
 */
int staple_list_step(staple_reason_e *reason, staple_list_t *list,
                     apr_size_t bytes);

/* The view of this certificate's issuer; NULL: no certificate of it was
 * added. */
const staple_list_view_t *staple_list_view(const staple_list_t *list,
                                           const staple_crl_cert_t *cert);

/*
 * What the list says of a certificate of this view.  STAPLE_NOT_FOUND: nothing
 * was judged yet; else why nothing follows from it.  A delta that does not go
 * with its base, or has run out, is left aside.
 */
staple_reason_e staple_list_verdict(staple_crl_verdict_t *verdict,
                                    const staple_list_t *list,
                                    const staple_list_view_t *view,
                                    const staple_crl_cert_t *cert,
                                    apr_time_t now);

/* Is the base that this view holds one of its distribution point only (RFC 5280
 * 5.2.5), so that others may have other certificates? */
int staple_list_is_partial(const staple_list_view_t *view);

/* The list that is held, of the first view that holds one; NULL: none does. */
const staple_crl_t *staple_list_held(const staple_list_t *list,
                                     staple_part_e part);

/* Until when what is held may be used: the first end of all views; 0: nothing
 * is held that may be used at `now`. */
apr_time_t staple_list_use_until(const staple_list_t *list, staple_part_e part,
                                 apr_time_t now);

#endif
