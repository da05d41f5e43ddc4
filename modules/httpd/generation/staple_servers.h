/* The servers that use a certificate, in the order of the configuration. */
#ifndef STAPLE_SERVERS_H
#define STAPLE_SERVERS_H

#include <apr_tables.h>

#include "httpd/config/staple_log.h"

/* All functions here run in: parent, while configuring.  `servers` holds
 * server_rec *. */

/* mod_ssl came by with server s, which uses the certificate. */
void staple_servers_add(apr_array_header_t *servers, server_rec *s);

/* Once, after the last one was added. */
void staple_servers_order(apr_array_header_t *servers);

#endif
