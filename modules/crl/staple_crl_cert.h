/* A certificate as CRLs see it: serial number, kind, distribution points. */
#ifndef STAPLE_CRL_CERT_H
#define STAPLE_CRL_CERT_H

#include <apr_pools.h>

#include "base/staple_openssl.h"
#include "base/staple_types.h"
#include "staple_crl_der.h"

#define STAPLE_CRL_MAX_POINTS 8                 /* taken from one certificate */
#define STAPLE_CRL_MAX_URLS STAPLE_MAX_AIA_URLS /* of one of them */

/* The largest extension, name or algorithm that is looked at, in bytes. */
#define STAPLE_CRL_MAX_PART 16384

/* One DistributionPoint (RFC 5280 4.2.1.13).  Its names are alternatives: of
 * them the list comes, by whichever way. */
typedef struct staple_crl_point_t {
    unsigned url_count;      /* may be 0: nothing but ldap */
    const char *const *urls; /* http and https, in the certificate's order */
    staple_der_t names;      /* all of them, GeneralName after GeneralName */
} staple_crl_point_t;

/* Those that can be followed. */
typedef struct staple_crl_points_t {
    unsigned count;
    unsigned url_count;      /* of all of them */
    unsigned refused_count;  /* points and URLs that were not taken */
    staple_reason_e refused; /* why the first point was not; STAPLE_OK: none
                                was refused */
    const staple_crl_point_t *points;
} staple_crl_points_t;

/* Made while configuring, read-only afterwards. */
typedef struct staple_crl_cert_t {
    staple_der_t serial;          /* the contents of its INTEGER in DER */
    X509 *issuer;                 /* the caller's, who keeps it */
    int is_ca;                    /* basicConstraints with cA */
    staple_crl_points_t points;   /* of complete lists */
    staple_crl_points_t freshest; /* of deltas (4.2.1.15) */
} staple_crl_cert_t;

/*
 * What CRLs have to know of the certificate with this serial number and these
 * extensions (NULL: none), which `issuer` issued; *cert is allocated from p.
 * Distribution points that cannot be followed do not fail it, they are counted
 * and the first reason is kept.  STAPLE_CERT_UNREADABLE: whether it is a CA
 * cannot be read.  For the parent while configuring, and for tools.
 */
staple_reason_e
staple_crl_cert_make(staple_crl_cert_t **cert, apr_pool_t *p,
                     const ASN1_INTEGER *serial,
                     const STACK_OF(X509_EXTENSION) * extensions, X509 *issuer);

/*
 * Reads a CRLDistributionPoints or FreshestCRL (RFC 5280 4.2.1.13, 4.2.1.15 and
 * 5.2.6) from its DER; strings come from p.  What is refused:
 *   reasons      covers some reasons only: STAPLE_CRL_SOME_REASONS
 *   cRLIssuer    the list is another issuer's: STAPLE_CRL_ISSUER
 *   nameRelativeToCRLIssuer: STAPLE_CRL_RELATIVE_NAME
 * The first STAPLE_CRL_MAX_POINTS of the others are taken, and of each the
 * first STAPLE_CRL_MAX_URLS that staple_parse_url() accepts.
 */
void staple_crl_cert_points(staple_crl_points_t *points, apr_pool_t *p,
                            const unsigned char *der, apr_size_t der_len);

/* Why nothing can be fetched from them; STAPLE_OK: something can. */
staple_reason_e staple_crl_cert_why(const staple_crl_points_t *points);

/*
 * Can a list of the certificate's issuer settle its status at all?  Else why
 * not: none of its distribution points is one that can be followed.  With a
 * URL of the list, `scope_url` (NULL: none is configured), it does not matter
 * that a point has no name that can be told by itself.
 */
staple_reason_e staple_crl_cert_check(const staple_crl_cert_t *cert,
                                      const char *scope_url);

/* The names as they are compared: DER, one after the other, from p.  Returns 1,
 * or 0 without memory. */
int staple_crl_cert_names(staple_der_t *names, apr_pool_t *p,
                          const GENERAL_NAMES *from);

/* Have two of those lists a name in common?  URIs are compared as RFC 5280 7.4
 * says: scheme and host without regard to case. */
int staple_crl_cert_share_name(staple_der_t some, staple_der_t others);

/* Is this URL one of the names? */
int staple_crl_cert_has_url(staple_der_t names, const char *url);

#endif
