/* A certificate as CRLs see it: points and names that are taken, and not. */
#include "../tap.h"

#include <apr_strings.h>

#include "../make_crl.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static apr_pool_t *p;
static make_pki_t *pki;

static const staple_crl_cert_t *make(const char *conf)
{
    make_identity_t made = make_crl_cert(
        p, &(make_cert_t){.name = "x", .issuer = &pki->issuer}, conf);

    return make_staple_crl_cert(p, made.x509, pki->issuer.x509);
}

/* All URLs: "a b | c" are two of one point, and one of another. */
static const char *urls(const staple_crl_points_t *points)
{
    const char *text = "";
    unsigned i, k;

    for (i = 0; i < points->count; i++) {
        text = apr_pstrcat(p, text, i > 0 ? " |" : "", NULL);
        for (k = 0; k < points->points[i].url_count; k++) {
            text = apr_pstrcat(p, text, *text != '\0' ? " " : "",
                               points->points[i].urls[k], NULL);
        }
    }
    return text;
}

/* RFC 5280 4.2.1.13. */
static const struct {
    const char *what, *conf, *urls;
    unsigned refused_count;
    staple_reason_e refused, why;
} point_rows[] = {
    {"no extension", "keyUsage=digitalSignature", "", 0, STAPLE_OK,
     STAPLE_CRL_NO_URL},
    {"one point", "crlDistributionPoints=URI:http://a.example/1.crl",
     "http://a.example/1.crl", 0, STAPLE_OK, STAPLE_OK},
    {"critical", "crlDistributionPoints=critical,URI:http://a.example/1",
     "http://a.example/1", 0, STAPLE_OK, STAPLE_OK},
    {"https", "crlDistributionPoints=URI:https://a.example/1.crl",
     "https://a.example/1.crl", 0, STAPLE_OK, STAPLE_OK},
    {"several names of one point are alternatives",
     "crlDistributionPoints=d\n[d]\n"
     "fullname=URI:ldap:///CN=x?certificateRevocationList,"
     "URI:http://a/1,URI:http://b/1",
     "http://a/1 http://b/1", 0, STAPLE_OK, STAPLE_OK},
    {"one that is there twice",
     "crlDistributionPoints=d\n[d]\n"
     "fullname=URI:http://a/1,URI:http://a/1",
     "http://a/1", 0, STAPLE_OK, STAPLE_OK},
    {"several points",
     "crlDistributionPoints=URI:http://a/1,URI:http://b/2",
     "http://a/1 | http://b/2", 0, STAPLE_OK, STAPLE_OK},
    {"ldap alone",
     "crlDistributionPoints=URI:ldap://a/cn=x?certificateRevocationList",
     "", 0, STAPLE_OK, STAPLE_CRL_NO_URL},
    {"a directory name alone",
     "crlDistributionPoints=d\n[d]\nfullname=dirName:n\n[n]\nCN=x", "", 0,
     STAPLE_OK, STAPLE_CRL_NO_URL},
    {"a URL with a password",
     "crlDistributionPoints=URI:http://u:p@a/1,URI:http://b/2",
     " | http://b/2", 1, STAPLE_OK, STAPLE_OK},
    {"reasons", "crlDistributionPoints=d\n[d]\nfullname=URI:http://a/1\n"
                "reasons=keyCompromise", "", 1,
     STAPLE_CRL_SOME_REASONS, STAPLE_CRL_SOME_REASONS},
    {"reasons, and a point without",
     "crlDistributionPoints=d,e\n[d]\nfullname=URI:http://a/1\n"
     "reasons=keyCompromise\n[e]\nfullname=URI:http://b/2",
     "http://b/2", 1, STAPLE_CRL_SOME_REASONS, STAPLE_OK},
    {"cRLIssuer", "crlDistributionPoints=d\n[d]\nfullname=URI:http://a/1\n"
                  "CRLissuer=dirName:n\n[n]\nCN=x", "", 1,
     STAPLE_CRL_ISSUER, STAPLE_CRL_ISSUER},
    {"cRLIssuer without a name",
     "crlDistributionPoints=d\n[d]\nCRLissuer=dirName:n\n[n]\nCN=x", "",
     1, STAPLE_CRL_ISSUER, STAPLE_CRL_ISSUER},
    {"nameRelativeToCRLIssuer",
     "crlDistributionPoints=d\n[d]\nrelativename=n\n[n]\nCN=x", "", 1,
     STAPLE_CRL_RELATIVE_NAME, STAPLE_CRL_RELATIVE_NAME},
    {"reasons alone (MUST NOT)",
     "2.5.29.31=DER:30:06:30:04:81:02:06:40", "", 1,
     STAPLE_CRL_POINTS_UNREADABLE, STAPLE_CRL_POINTS_UNREADABLE},
    {"no point (SIZE 1..MAX)", "2.5.29.31=DER:30:00", "", 1,
     STAPLE_CRL_POINTS_UNREADABLE, STAPLE_CRL_POINTS_UNREADABLE},
    {"nothing", "2.5.29.31=DER:05:00", "", 1,
     STAPLE_CRL_POINTS_UNREADABLE, STAPLE_CRL_POINTS_UNREADABLE},
    {"something behind",
     "2.5.29.31=DER:30:0e:30:0c:a0:0a:a0:08:86:06:68:74:74:70:3a:2f:00",
     "", 1, STAPLE_CRL_POINTS_UNREADABLE, STAPLE_CRL_POINTS_UNREADABLE},
    {"a point of nothing", "2.5.29.31=DER:30:02:30:00", "", 1,
     STAPLE_CRL_POINTS_UNREADABLE, STAPLE_CRL_POINTS_UNREADABLE},
    {"twice (4.2: one at most)",
     "crlDistributionPoints=URI:http://a/1\n"
     "2.5.29.31=DER:30:12:30:10:a0:0e:a0:0c:86:0a:68:74:74:70:3a:2f:2f:61:"
     "2f:31",
     "", 1, STAPLE_CRL_POINTS_UNREADABLE, STAPLE_CRL_POINTS_UNREADABLE},
};

static void check_points(void)
{
    unsigned i;

    for (i = 0; i < COUNT(point_rows); i++) {
        const staple_crl_cert_t *cert = make(point_rows[i].conf);
        const char *what = point_rows[i].what;

        is_str(urls(&cert->points), point_rows[i].urls, "%s: URLs", what);
        is_int(cert->points.refused_count, point_rows[i].refused_count,
               "%s: refused", what);
        is_reason(cert->points.refused, point_rows[i].refused,
                  "%s: why the first", what);
        is_reason(staple_crl_cert_why(&cert->points), point_rows[i].why,
                  "%s: why not", what);
        is_int(cert->freshest.count, 0, "%s: no deltas", what);
    }
}

/* Eight points, and eight URLs of each. */
static void check_limits(void)
{
    const char *conf = "crlDistributionPoints=";
    const char *names = "fullname=";
    const staple_crl_cert_t *cert;
    char *longest = apr_palloc(p, STAPLE_MAX_URL + 2);
    unsigned i;

    for (i = 1; i <= 9; i++) {
        conf = apr_psprintf(p, "%s%sURI:http://a/%u", conf, i > 1 ? "," : "",
                            i);
        names = apr_psprintf(p, "%s%sURI:http://a/%u", names,
                             i > 1 ? "," : "", i);
    }
    cert = make(conf);
    is_int(cert->points.count, 8, "eight points of nine");
    is_int(cert->points.refused_count, 1, "the ninth is counted");
    cert = make(apr_pstrcat(p, "crlDistributionPoints=d\n[d]\n", names, NULL));
    is_int(cert->points.url_count, 8, "eight URLs of nine");
    is_int(cert->points.refused_count, 1, "the ninth is counted");
    memset(longest, 'x', STAPLE_MAX_URL + 1);
    memcpy(longest, "http://a/", 9);
    longest[STAPLE_MAX_URL + 1] = '\0';
    cert = make(apr_pstrcat(p, "crlDistributionPoints=URI:", longest, NULL));
    is_int(cert->points.url_count, 0, "a URL of 2049 characters");
    longest[STAPLE_MAX_URL] = '\0';
    cert = make(apr_pstrcat(p, "crlDistributionPoints=URI:", longest, NULL));
    is_int(cert->points.url_count, 1, "and of 2048");
}

/* What else a list has to know of the certificate. */
static void check_rest(void)
{
    const staple_crl_cert_t *cert
        = make("freshestCRL=URI:http://a/delta.crl\n"
               "crlDistributionPoints=URI:http://a/base.crl");
    staple_crl_cert_t *none = NULL;
    make_identity_t odd = make_crl_cert(
        p, &(make_cert_t){.name = "x", .issuer = &pki->issuer,
                          .serial = "-80"},
        "basicConstraints=DER:30:03:04:01:00");
    make_identity_t high = make_cert(
        p, &(make_cert_t){.name = "x", .issuer = &pki->issuer,
                          .serial = "F0"});

    is_str(urls(&cert->freshest), "http://a/delta.crl",
           "freshestCRL: where deltas are (4.2.1.15)");
    is_str(urls(&cert->points), "http://a/base.crl", "and the base");
    ok(!cert->is_ca, "no basicConstraints: no CA");
    ok(!make("basicConstraints=CA:FALSE")->is_ca, "cA is false: no CA");
    ok(make("basicConstraints=CA:TRUE")->is_ca, "cA is true: a CA");
    is_reason(staple_crl_cert_make(&none, p,
                                   X509_get0_serialNumber(odd.x509),
                                   X509_get0_extensions(odd.x509),
                                   pki->issuer.x509),
              STAPLE_CERT_UNREADABLE, "basicConstraints that cannot be read");
    is_reason(staple_crl_cert_make(&none, p,
                                   X509_get0_serialNumber(odd.x509), NULL,
                                   pki->issuer.x509),
              STAPLE_OK, "no extensions at all");
    ok(none->serial.len == 1 && *none->serial.at == 0x80,
       "a negative serial number, as it is in DER");
    cert = make_staple_crl_cert(p, high.x509, pki->issuer.x509);
    ok(cert->serial.len == 2 && cert->serial.at[0] == 0
           && cert->serial.at[1] == 0xf0,
       "a serial number with its high bit set, as it is in DER");
    is_int(ERR_peek_error(), 0, "OpenSSL's error queue is as it was");
}

/* Whether a list of the issuer can settle it at all. */
static void check_can(void)
{
    static const struct {
        const char *conf;
        staple_reason_e alone, with_url;
    } rows[] = {
        {"keyUsage=digitalSignature", STAPLE_OK, STAPLE_OK},
        {"crlDistributionPoints=URI:ldap://a/b", STAPLE_OK, STAPLE_OK},
        {"crlDistributionPoints=d\n[d]\nrelativename=n\n[n]\nCN=x",
         STAPLE_CRL_RELATIVE_NAME, STAPLE_OK},
        {"crlDistributionPoints=d\n[d]\nfullname=URI:http://a/1\n"
         "CRLissuer=dirName:n\n[n]\nCN=x", STAPLE_CRL_ISSUER,
         STAPLE_CRL_ISSUER},
        {"crlDistributionPoints=d\n[d]\nfullname=URI:http://a/1\n"
         "reasons=keyCompromise", STAPLE_CRL_SOME_REASONS,
         STAPLE_CRL_SOME_REASONS},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        const staple_crl_cert_t *cert = make(rows[i].conf);

        is_reason(staple_crl_cert_check(cert, NULL), rows[i].alone,
                  "settled by its issuer's list? %u", i);
        is_reason(staple_crl_cert_check(cert, "http://z/"), rows[i].with_url,
                  "settled by its issuer's list, with a URL? %u", i);
    }
}

/* RFC 5280 7.4: URIs. */
static void check_names(void)
{
    static const struct {
        const char *one, *other;
        int is_same;
    } rows[] = {
        {"http://a/b", "http://a/b", 1},   {"http://a/b", "http://a/B", 0},
        {"http://a/b", "HTTP://A/b", 1},   {"http://a/b", "http://a/bc", 0},
        {"http://a/b", "http://b/b", 0},   {"http://[a/b", "http://{a/b", 0},
        {"http://a@b/", "http://a`b/", 0}, {"http://a", "http://A", 1},
        {"http://a/b/C", "http://a/b/c", 0},
    };
    const staple_crl_cert_t *some = make(
        "crlDistributionPoints=d\n[d]\n"
        "fullname=URI:ldap://x/,dirName:n,URI:http://a/1\n[n]\nCN=x");
    const staple_crl_cert_t *by_dir = make(
        "crlDistributionPoints=d\n[d]\nfullname=dirName:n\n[n]\nCN=x");
    const staple_crl_cert_t *by_other = make(
        "crlDistributionPoints=d\n[d]\nfullname=dirName:n\n[n]\nCN=y");
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        const staple_crl_cert_t *cert = make(apr_pstrcat(
            p, "crlDistributionPoints=URI:", rows[i].one, NULL));

        is_int(staple_crl_cert_has_url(cert->points.points[0].names,
                                       rows[i].other),
               rows[i].is_same, "%s, %s", rows[i].one, rows[i].other);
    }
    ok(staple_crl_cert_share_name(some->points.points[0].names,
                                  by_dir->points.points[0].names),
       "a directory name in common");
    ok(!staple_crl_cert_share_name(some->points.points[0].names,
                                   by_other->points.points[0].names),
       "no name in common");
}

int main(void)
{
    p = make_begin();
    pki = make_pki(p);
    check_points();
    check_limits();
    check_rest();
    check_can();
    check_names();
    make_end(p);
    return tap_done();
}
