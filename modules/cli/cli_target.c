/* HOST[:PORT] as the command line has it -> host and port. */
#include "cli_target.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <arpa/inet.h>
#include <string.h>

#include "base/staple_parse.h"

#define MAX_NAME 253 /* RFC 1035 2.3.4, without the root's dot */

/* Splits at the colon in front of the port.  0: there is an odd bracket. */
static int split(const char **host, const char **port, apr_pool_t *p,
                 const char *text)
{
    const char *colon = strchr(text, ':');
    const char *end;

    if (*text == '[') {
        end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
            return 0;
        }
        *host = apr_pstrmemdup(p, text + 1, (apr_size_t)(end - text - 1));
        *port = end[1] == ':' ? end + 2 : NULL;
        return 1;
    }
    if (colon != NULL && strchr(colon + 1, ':') != NULL) {
        *host = apr_pstrdup(p, text); /* an IPv6 address alone */
        *port = NULL;
        return 1;
    }
    *host = colon != NULL ? apr_pstrmemdup(p, text, (apr_size_t)(colon - text))
                          : apr_pstrdup(p, text);
    *port = colon != NULL ? colon + 1 : NULL;
    return 1;
}

static int is_name(const char *host)
{
    apr_size_t len = strlen(host);
    apr_size_t i;

    if (len == 0 || len > MAX_NAME || *host == '-' || *host == '.') {
        return 0;
    }
    for (i = 0; i < len; i++) {
        if (!apr_isascii(host[i])
            || (!apr_isalnum(host[i]) && strchr("-._", host[i]) == NULL)) {
            return 0;
        }
    }
    return 1;
}

/* "a.example." is "a.example": neither clients' server names nor certificates
 * have the dot (RFC 6066 3). */
static const char *without_dot(apr_pool_t *p, const char *host)
{
    apr_size_t len = strlen(host);

    return len > 1 && host[len - 1] == '.' ? apr_pstrmemdup(p, host, len - 1)
                                           : host;
}

const char *cli_target_parse(cli_target_t *target, apr_pool_t *p,
                             const char *text, const char *default_port)
{
    unsigned char address[16];
    const char *host, *port;
    apr_int64_t number;
    int is_v6;

    if (!split(&host, &port, p, text)) {
        return "a bracket is not closed, or is followed by something else";
    }
    if (port == NULL) {
        port = default_port;
    }
    else if (!staple_parse_number(&number, port, 1, 65535)) {
        return "the port is not a number from 1 to 65535";
    }
    is_v6 = inet_pton(AF_INET6, host, address) == 1;
    if (!is_v6 && (*text == '[' || strchr(host, ':') != NULL)) {
        return "that is no IPv6 address";
    }
    target->is_address = is_v6 || inet_pton(AF_INET, host, address) == 1;
    if (!target->is_address && !is_name(host)) {
        return "give a host name in ASCII or an address, and no more than a "
               "port";
    }
    target->host = without_dot(p, host);
    target->port = port;
    target->text =
        apr_psprintf(p, is_v6 ? "[%s]:%s" : "%s:%s", target->host, port);
    return NULL;
}
