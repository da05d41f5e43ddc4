/* One connection of a client: request in, answer out, as the script says. */
#ifndef RESP_CONN_H
#define RESP_CONN_H

#include "resp_server.h"

/* Takes over an accepted socket. */
void resp_conn_open(server_t *server, int fd);

/* Closes the connections on which no request waits for its answer. */
void resp_conn_close_idle(server_t *server);

/* Frees what has been closed; after each turn of the loop. */
void resp_conn_free_dead(server_t *server);

#endif
