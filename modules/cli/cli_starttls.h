/* STARTTLS: what is said in the clear until a server is ready for TLS. */
#ifndef CLI_STARTTLS_H
#define CLI_STARTTLS_H

#include <apr_pools.h>
#include <apr_time.h>

/* A protocol is its place in this list, which ends in NULL. */
extern const char *const cli_starttls_names[];

/* The port that it has where none is given. */
const char *cli_starttls_port(int protocol);

/*
 * Talks on a connected, non-blocking socket until the server is ready for TLS;
 * `host` is whom a client would name (XMPP).  NULL, or why not, printable,
 * from p.  The server has until `until` (cli_wait.h) and 64 KiB.
 */
const char *cli_starttls(apr_pool_t *p, int fd, int protocol, const char *host,
                         apr_time_t until);

#endif
