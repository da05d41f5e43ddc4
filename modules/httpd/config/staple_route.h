/* Proxies: values and files of their directives, and the routes they make. */
#ifndef STAPLE_ROUTE_H
#define STAPLE_ROUTE_H

#include <apr_pools.h>

#include "base/staple_types.h"

/* All functions here run in: parent, while configuring, also at `httpd -t`. */

/* Is it the URL of a proxy?  What is wrong with it otherwise. */
const char *staple_route_check_proxy(const char *text);

/* May it stand in OCSPStapleNoProxy?  What is wrong with it otherwise. */
const char *staple_route_check_direct(const char *text);

/* Reads a file of PEM certificates, at least one, into *pem.  Returns NULL, or
 * what is wrong with it. */
const char *staple_route_read_ca(const char **pem, apr_pool_t *p,
                                 const char *path);

/* Reads "user:password", the only line of a file that nobody but its owner may
 * read or write, into *credentials.  Returns NULL, or what is wrong with it,
 * which tells nothing of what is in it. */
const char *staple_route_read_credentials(const char **credentials,
                                          apr_pool_t *p, const char *path);

/* Begins with no route, for a new configuration. */
void staple_route_begin(apr_pool_t *pconf);

/* The route that the lists of this policy make, with what is in the files that
 * two of them name (NULL where there is none), or NULL: directly.  The same for
 * the same.  `ca` must live on. */
const staple_route_t *staple_route_find(const staple_policy_t *policy,
                                        const char *ca, const char *credentials,
                                        apr_pool_t *ptemp);

#endif
