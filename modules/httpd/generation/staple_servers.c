/* The servers that use a certificate, in the order of the configuration. */
#include "staple_servers.h"

void staple_servers_add(apr_array_header_t *servers, server_rec *s)
{
    if (servers->nelts == 0
        || APR_ARRAY_IDX(servers, servers->nelts - 1, server_rec *) != s) {
        *(server_rec **)apr_array_push(servers) = s;
    }
}

/* mod_ssl goes from the last virtual host to the first. */
void staple_servers_order(apr_array_header_t *servers)
{
    int i;

    for (i = 0; i < servers->nelts / 2; i++) {
        server_rec **a = &APR_ARRAY_IDX(servers, i, server_rec *);
        server_rec **b = &APR_ARRAY_IDX(servers, servers->nelts - 1 - i,
                                        server_rec *);
        server_rec *s = *a;

        *a = *b;
        *b = s;
    }
}
