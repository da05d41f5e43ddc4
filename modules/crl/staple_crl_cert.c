/* A certificate as CRLs see it: serial number, kind, distribution points. */
#include "staple_crl_cert.h"

#include <apr_strings.h>
#include <string.h>

#include "base/staple_parse.h"

#define TAG_URI 0x86 /* GeneralName [6] uniformResourceIdentifier */

/* ---- names ---- */

int staple_crl_cert_names(staple_der_t *names, apr_pool_t *p,
                          const GENERAL_NAMES *from)
{
    unsigned char *der = NULL, *copy;
    int len = i2d_GENERAL_NAMES((GENERAL_NAMES *)(uintptr_t)from, &der);
    staple_der_t all;

    if (len <= 0) {
        return 0;
    }
    copy = apr_pmemdup(p, der, (apr_size_t)len);
    OPENSSL_free(der);
    all = (staple_der_t){copy, (apr_size_t)len};
    return staple_der_take(names, NULL, &all, STAPLE_DER_SEQUENCE);
}

static int same_but_case(unsigned char a, unsigned char b)
{
    return a == b
           || ((a | 0x20) == (b | 0x20) && (a | 0x20) >= 'a'
               && (a | 0x20) <= 'z');
}

/* RFC 5280 7.4: scheme and host are compared without regard to case, and the
 * rest octet by octet. */
static int same_uri(staple_der_t one, staple_der_t other)
{
    apr_size_t len = one.len;
    unsigned slashes = 0;
    apr_size_t i;

    if (len != other.len) {
        return 0;
    }
    for (i = 0; i < len && slashes < 3; i++) {
        slashes += one.at[i] == '/';
        if (!same_but_case(one.at[i], other.at[i])) {
            return 0;
        }
    }
    return memcmp(one.at + i, other.at + i, len - i) == 0;
}

static int has_name(staple_der_t names, unsigned char tag, staple_der_t value)
{
    staple_der_t name;
    unsigned char is;

    while (staple_der_next(&is, &name, &names)) {
        if (is == tag
            && (tag == TAG_URI ? same_uri(name, value)
                               : staple_der_is_same(name, value))) {
            return 1;
        }
    }
    return 0;
}

int staple_crl_cert_share_name(staple_der_t some, staple_der_t others)
{
    staple_der_t name;
    unsigned char tag;

    while (staple_der_next(&tag, &name, &some)) {
        if (has_name(others, tag, name)) {
            return 1;
        }
    }
    return 0;
}

int staple_crl_cert_has_url(staple_der_t names, const char *url)
{
    staple_der_t uri = {(const unsigned char *)url, strlen(url)};

    return has_name(names, TAG_URI, uri);
}

/* ---- distribution points ---- */

static void refuse(staple_crl_points_t *points, staple_reason_e reason)
{
    points->refused_count++;
    if (points->refused == STAPLE_OK) {
        points->refused = reason;
    }
}

/* Is the URL among those that were taken from this point already? */
static int is_taken(const char *const *urls, unsigned count, const char *url,
                    apr_size_t len)
{
    unsigned i;

    for (i = 0; i < count; i++) {
        if (strlen(urls[i]) == len && memcmp(urls[i], url, len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The URLs that can be fetched; those with another scheme are no fault. */
static void take_urls(staple_crl_points_t *points, staple_crl_point_t *point,
                      apr_pool_t *p)
{
    const char *urls[STAPLE_CRL_MAX_URLS];
    staple_der_t names = point->names, name;
    unsigned char tag;

    while (staple_der_next(&tag, &name, &names)) {
        const char *url = (const char *)name.at;
        apr_size_t len = name.len;
        staple_reason_e reason;

        if (tag != TAG_URI || is_taken(urls, point->url_count, url, len)) {
            continue;
        }
        reason = staple_parse_url(url, len);
        if (reason == STAPLE_OK && point->url_count < STAPLE_CRL_MAX_URLS) {
            urls[point->url_count++] = apr_pstrmemdup(p, url, len);
        }
        else if (reason != STAPLE_URL_SCHEME) {
            points->refused_count++;
        }
    }
    point->urls = apr_pmemdup(p, urls, point->url_count * sizeof(urls[0]));
}

/* Why this point cannot be followed; STAPLE_OK: it can. */
static staple_reason_e judge_point(const DIST_POINT *from)
{
    if (from->CRLissuer != NULL) {
        return STAPLE_CRL_ISSUER;
    }
    if (from->distpoint == NULL) {
        return STAPLE_CRL_POINTS_UNREADABLE; /* RFC 5280 4.2.1.13: MUST NOT */
    }
    if (from->reasons != NULL) {
        return STAPLE_CRL_SOME_REASONS;
    }
    return from->distpoint->type == 0 ? STAPLE_OK : STAPLE_CRL_RELATIVE_NAME;
}

/* One more point, where there is room. */
static void take_point(staple_crl_points_t *points, staple_crl_point_t *room,
                       apr_pool_t *p, const DIST_POINT *from)
{
    staple_reason_e reason = judge_point(from);
    staple_crl_point_t *point = &room[points->count];

    if (reason != STAPLE_OK) {
        refuse(points, reason);
        return;
    }
    if (points->count == STAPLE_CRL_MAX_POINTS) {
        points->refused_count++;
        return;
    }
    if (!staple_crl_cert_names(&point->names, p,
                               from->distpoint->name.fullname)) {
        refuse(points, STAPLE_CRL_POINTS_UNREADABLE);
        return;
    }
    take_urls(points, point, p);
    points->url_count += point->url_count;
    points->count++;
}

void staple_crl_cert_points(staple_crl_points_t *points, apr_pool_t *p,
                            const unsigned char *der, apr_size_t der_len)
{
    staple_crl_point_t room[STAPLE_CRL_MAX_POINTS];
    const unsigned char *at = der;
    CRL_DIST_POINTS *all = NULL;
    int i;

    STAPLE_OPENSSL_ENTER();
    memset(points, 0, sizeof(*points));
    memset(room, 0, sizeof(room));
    if (der_len <= STAPLE_CRL_MAX_PART) {
        all = d2i_CRL_DIST_POINTS(NULL, &at, (long)der_len);
    }
    if (all == NULL || at != der + der_len || sk_DIST_POINT_num(all) == 0) {
        refuse(points, STAPLE_CRL_POINTS_UNREADABLE);
    }
    else {
        for (i = 0; i < sk_DIST_POINT_num(all); i++) {
            take_point(points, room, p, sk_DIST_POINT_value(all, i));
        }
    }
    points->points = apr_pmemdup(p, room, points->count * sizeof(room[0]));
    CRL_DIST_POINTS_free(all);
    STAPLE_OPENSSL_LEAVE();
}

staple_reason_e staple_crl_cert_why(const staple_crl_points_t *points)
{
    return points->url_count > 0          ? STAPLE_OK
           : points->refused != STAPLE_OK ? points->refused
                                          : STAPLE_CRL_NO_URL;
}

staple_reason_e staple_crl_cert_check(const staple_crl_cert_t *cert,
                                      const char *scope_url)
{
    staple_reason_e refused = cert->points.refused;

    return cert->points.count > 0
                   || (refused == STAPLE_CRL_RELATIVE_NAME && scope_url != NULL)
               ? STAPLE_OK
               : refused;
}

/* ---- the certificate ---- */

/* The points of one extension; none, where there is no such extension. */
static void take_points(staple_crl_points_t *points, apr_pool_t *p,
                        const STACK_OF(X509_EXTENSION) * extensions, int nid)
{
    int at = X509v3_get_ext_by_NID(extensions, nid, -1);
    const ASN1_OCTET_STRING *value;

    if (at < 0) {
        return;
    }
    if (X509v3_get_ext_by_NID(extensions, nid, at) >= 0) {
        refuse(points, STAPLE_CRL_POINTS_UNREADABLE); /* 4.2: one at most */
        return;
    }
    value = X509_EXTENSION_get_data(X509v3_get_ext(extensions, at));
    staple_crl_cert_points(points, p, ASN1_STRING_get0_data(value),
                           (apr_size_t)ASN1_STRING_length(value));
}

/* basicConstraints (RFC 5280 4.2.1.9).  Returns 1 and sets *is_ca, or 0 where
 * it cannot be read. */
static int take_kind(int *is_ca, const STACK_OF(X509_EXTENSION) * extensions)
{
    int critical = -1;
    BASIC_CONSTRAINTS *constraints =
        X509V3_get_d2i(extensions, NID_basic_constraints, &critical, NULL);

    *is_ca = constraints != NULL && constraints->ca != 0;
    BASIC_CONSTRAINTS_free(constraints);
    return constraints != NULL || critical == -1;
}

static int take_serial(staple_der_t *serial, apr_pool_t *p,
                       const ASN1_INTEGER *from)
{
    unsigned char *der = NULL, *copy;
    int len = i2d_ASN1_INTEGER(from, &der);
    staple_der_t all;

    if (len <= 0) {
        return 0;
    }
    copy = apr_pmemdup(p, der, (apr_size_t)len);
    OPENSSL_free(der);
    all = (staple_der_t){copy, (apr_size_t)len};
    return staple_der_take(serial, NULL, &all, STAPLE_DER_INTEGER);
}

staple_reason_e
staple_crl_cert_make(staple_crl_cert_t **cert, apr_pool_t *p,
                     const ASN1_INTEGER *serial,
                     const STACK_OF(X509_EXTENSION) * extensions, X509 *issuer)
{
    staple_crl_cert_t *made = apr_pcalloc(p, sizeof(*made));
    unsigned long before = ERR_peek_error();
    staple_reason_e reason = STAPLE_OK;

    STAPLE_OPENSSL_ENTER();
    made->issuer = issuer;
    if (!take_serial(&made->serial, p, serial)) {
        reason = STAPLE_NO_MEMORY;
    }
    else if (!take_kind(&made->is_ca, extensions)) {
        reason = STAPLE_CERT_UNREADABLE;
    }
    take_points(&made->points, p, extensions, NID_crl_distribution_points);
    take_points(&made->freshest, p, extensions, NID_freshest_crl);
    if (staple_openssl_no_memory(before)) {
        reason = STAPLE_NO_MEMORY; /* whatever it looked like */
    }
    if (reason == STAPLE_OK) {
        *cert = made;
    }
    STAPLE_OPENSSL_LEAVE();
    return reason;
}
