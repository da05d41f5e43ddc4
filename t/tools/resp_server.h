/* The listening sockets, the log, and what all connections share. */
#ifndef RESP_SERVER_H
#define RESP_SERVER_H

#include "resp_index.h"
#include "resp_loop.h"
#include "resp_script.h"

#include <sys/socket.h>

#define SERVER_MAX_LISTEN 64

struct conn_t;
struct server_t;

typedef struct {
    source_t source;            /* fd -1: not listening */
    struct server_t *server;
    struct sockaddr_storage address;
    socklen_t address_len;
    int holder;                 /* bound to the port, never listens */
    int is_lo;                  /* bound to the interface lo */
    int is_silent;              /* listens, and nobody takes what comes */
    int filler[2];              /* fill the queue of a silent one */
} listener_t;

typedef struct server_t {
    loop_t loop;
    script_t script;
    resp_index_t index;
    int log;
    listener_t listener[SERVER_MAX_LISTEN];
    int listeners;
    source_t watch;             /* inotify of the script's directory */
    struct conn_t *conns;       /* those that are open */
    struct conn_t *dead;        /* closed, to be freed after this turn */
    unsigned long connections;  /* accepted so far */
    long open;                  /* requests that wait for their answer */
} server_t;

/* What one line of the log tells. */
typedef struct {
    unsigned long connection;
    unsigned long requests;     /* on this connection, this one included */
    const char *method;
    const char *path;
    const char *serial;
    const char *name;
    const char *action;
    const char *nonce;
    const char *host;
    const char *hash;
    const char *headers;
} log_line_t;

/* "ADDRESS:PORT" or "[ADDRESS]:PORT"; port 0 takes a free one.  "lo:PORT" is
 * all of 127.0.0.0/8, and reached from this machine alone. */
void resp_server_listen(server_t *server, const char *where);

/* The port of a listener. */
int resp_server_port(const listener_t *listener);

/* Looks whether the script is another one, and whether to listen. */
void resp_server_update(server_t *server);

/* Reads the script and begins to listen.  From now on resp_server_update is
 * called when something happens in the script's directory. */
void resp_server_start(server_t *server);

void resp_server_log(const server_t *server, const log_line_t *line);

#endif
