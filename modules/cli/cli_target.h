/* HOST[:PORT] as the command line has it -> host and port. */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include <apr_pools.h>

typedef struct cli_target_t {
    const char *host; /* a name or an address, without brackets */
    const char *port; /* decimal, 1 to 65535 */
    int is_address;
    const char *text; /* "www.example.org:443", "[2001:db8::1]:443" */
} cli_target_t;

/*
 * Reads a name, an IPv4 address or an IPv6 one (in brackets, or alone), each
 * with or without a port.  NULL, or in words what is wrong with `text`; all of
 * *target is from p.
 */
const char *cli_target_parse(cli_target_t *target, apr_pool_t *p,
                             const char *text, const char *default_port);

#endif
