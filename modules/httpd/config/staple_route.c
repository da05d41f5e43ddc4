/* Proxies: values and files of their directives, and the routes they make. */
#include "staple_route.h"

#include <apr_file_io.h>
#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <arpa/inet.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/staple_bytes.h"
#include "base/staple_openssl.h"
#include "base/staple_parse.h"
#include "io/staple_fetch.h"

#define MAX_CA_FILE 4194304 /* bytes: all that a system trusts is a tenth */

/* ---- values ---- */

const char *staple_route_check_proxy(const char *text)
{
    if (staple_parse_url(text, strlen(text)) != STAPLE_OK) {
        return "give an http:// or https:// URL of host and port without user "
               "and password, or none";
    }
    return strncasecmp(text, "https:", 6) != 0
                   || staple_fetch_can_https_proxy()
               ? NULL
               : "this libcurl speaks no TLS with proxies; give an http:// URL";
}

static int is_address(int family, const char *text)
{
    unsigned char address[16];

    return inet_pton(family, text, address) == 1;
}

/* A network of IPv4: of others libcurl 7.88 knows nothing, and of 0 bits not
 * what it means. */
static int is_network(const char *text)
{
    const char *slash = strchr(text, '/');
    char address[INET_ADDRSTRLEN];
    apr_int64_t bits;

    if (slash == NULL || (apr_size_t)(slash - text) >= sizeof(address)
        || !staple_parse_number(&bits, slash + 1, 1, 32)) {
        return 0;
    }
    apr_cpystrn(address, text, (apr_size_t)(slash - text) + 1);
    return is_address(AF_INET, address);
}

/* Letters, digits and hyphens between dots; one may stand before all. */
static int is_name(const char *text)
{
    const char *at = text + (text[0] == '.');
    int in_label = 0;

    for (; *at != '\0'; at++) {
        if (*at == '.' ? !in_label
                       : !apr_isalnum(*at) && *at != '-' && *at != '_') {
            return 0;
        }
        in_label = *at != '.';
    }
    return in_label;
}

const char *staple_route_check_direct(const char *text)
{
    return is_address(AF_INET, text) || is_address(AF_INET6, text)
                   || is_network(text) || is_name(text)
               ? NULL
               : "give names of hosts or domains, IP addresses, or IPv4 "
                 "networks as 10.0.0.0/8, or none";
}

/* ---- files ---- */

static const char *words_of(apr_pool_t *p, apr_status_t status)
{
    char words[120];

    return apr_pstrcat(p, "it cannot be read (",
                       apr_strerror(status, words, sizeof(words)), ")", NULL);
}

/* All of a file of at most `max` bytes, where nobody but its owner may touch it
 * if it is secret. */
static const char *read_open_file(const char **text, apr_pool_t *p,
                                  apr_file_t *file, apr_size_t max,
                                  int is_secret)
{
    static const apr_fileperms_t others = APR_FPROT_GREAD | APR_FPROT_GWRITE
                                          | APR_FPROT_WREAD | APR_FPROT_WWRITE;
    apr_finfo_t info;
    apr_status_t status = apr_file_info_get(
        &info, APR_FINFO_TYPE | APR_FINFO_SIZE | APR_FINFO_PROT, file);
    apr_size_t len = 0;
    char *bytes;

    if (status != APR_SUCCESS) {
        return words_of(p, status);
    }
    if (info.filetype != APR_REG) {
        return "it is not a regular file";
    }
    if (is_secret && (info.protection & others) != 0) {
        return "group or others may read or write it: chmod 600";
    }
    if (info.size > (apr_off_t)max) {
        return apr_psprintf(p, "it has more than %" APR_SIZE_T_FMT " bytes",
                            max);
    }
    bytes = apr_pcalloc(p, (apr_size_t)info.size + 1);
    status = apr_file_read_full(file, bytes, (apr_size_t)info.size, &len);
    *text = bytes;
    return status == APR_SUCCESS || APR_STATUS_IS_EOF(status)
               ? NULL
               : words_of(p, status);
}

static const char *read_file(const char **text, apr_pool_t *p,
                             const char *path, apr_size_t max, int is_secret)
{
    apr_file_t *file;
    apr_status_t status = apr_file_open(
        &file, path, APR_FOPEN_READ | APR_FOPEN_NONBLOCK, APR_FPROT_OS_DEFAULT,
        p);
    const char *error;

    if (status != APR_SUCCESS) {
        return words_of(p, status);
    }
    error = read_open_file(text, p, file, max, is_secret);
    apr_file_close(file);
    return error;
}

const char *staple_route_read_ca(const char **pem, apr_pool_t *p,
                                 const char *path)
{
    const char *error = read_file(pem, p, path, MAX_CA_FILE, 0);
    X509 *x509 = NULL;
    BIO *bio;

    if (error != NULL) {
        return error;
    }
    STAPLE_OPENSSL_ENTER();
    bio = BIO_new_mem_buf(*pem, -1);
    if (bio != NULL) {
        x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    }
    BIO_free(bio);
    X509_free(x509);
    STAPLE_OPENSSL_LEAVE();
    return x509 != NULL ? NULL : "it has no certificate in PEM";
}

/* One line of printable characters, spaces among them, with a user in it. */
static int are_credentials(const char *line)
{
    const char *at;

    for (at = line; *at != '\0'; at++) {
        if (apr_iscntrl(*at)) {
            return 0;
        }
    }
    return strchr(line, ':') != NULL && line[0] != ':';
}

const char *staple_route_read_credentials(const char **credentials,
                                          apr_pool_t *p, const char *path)
{
    const char *error =
        read_file(credentials, p, path, STAPLE_MAX_CREDENTIALS, 1);

    if (error != NULL) {
        return error;
    }
    *credentials = apr_pstrndup(p, *credentials, strcspn(*credentials, "\r\n"));
    return are_credentials(*credentials)
               ? NULL
               : "its first line is not user:password";
}

/* ---- routes ---- */

static struct {
    apr_pool_t *pool;
    apr_hash_t *by_id; /* staple_route_t */
} routes;

void staple_route_begin(apr_pool_t *pconf)
{
    routes.pool = pconf;
    routes.by_id = apr_hash_make(pconf);
}

/* The words of a list, commas between them; "" for none. */
static const char *join(apr_pool_t *p, const char *const *list)
{
    const char *text = "";

    for (; list != NULL && *list != NULL; list++) {
        text = apr_pstrcat(p, text, text[0] != '\0' ? "," : "", *list, NULL);
    }
    return text;
}

static const char *first_of(const char *const *list)
{
    return list != NULL ? list[0] : "";
}

/* All that makes a route; of the credentials their file. */
static const char *id_of(apr_pool_t *p, const staple_policy_t *policy,
                         const char *ca)
{
    apr_uint32_t hash = STAPLE_BYTES_HASH;

    if (ca != NULL) {
        hash = staple_bytes_hash(hash, ca, strlen(ca));
    }
    return apr_psprintf(p, "%s\n%s\n%s\n%s\n%x", policy->proxy[0],
                        join(p, policy->no_proxy),
                        first_of(policy->proxy_credentials),
                        first_of(policy->proxy_ca_file), hash);
}

static void set_credentials(staple_route_t *route, const char *credentials)
{
    const char *colon = strchr(credentials, ':');

    route->user = apr_pstrmemdup(routes.pool, credentials,
                                 (apr_size_t)(colon - credentials));
    route->password = apr_pstrdup(routes.pool, colon + 1);
}

const staple_route_t *staple_route_find(const staple_policy_t *policy,
                                        const char *ca, const char *credentials,
                                        apr_pool_t *ptemp)
{
    staple_route_t *route;
    const char *id;

    if (policy->proxy == NULL) {
        return NULL;
    }
    id = id_of(ptemp, policy, ca);
    route = apr_hash_get(routes.by_id, id, APR_HASH_KEY_STRING);
    if (route == NULL) {
        route = apr_pcalloc(routes.pool, sizeof(*route));
        route->id = apr_pstrdup(routes.pool, id);
        route->proxy = apr_pstrdup(routes.pool, policy->proxy[0]);
        route->no_proxy = join(routes.pool, policy->no_proxy);
        route->ca = ca;
        if (credentials != NULL) {
            set_credentials(route, credentials);
        }
        apr_hash_set(routes.by_id, route->id, APR_HASH_KEY_STRING, route);
    }
    return route;
}
