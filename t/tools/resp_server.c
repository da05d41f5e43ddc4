/* The listening sockets, the log, and what all connections share. */
#include "resp_server.h"

#include "resp_conn.h"
#include "resp_http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/time.h>
#include <unistd.h>

#define BACKLOG 4096
#define FILLERS (sizeof(((listener_t *)0)->filler) / sizeof(int))

/* ---- listening ---- */

static int bound_socket(const listener_t *listener)
{
    int family = listener->address.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    TOOL_MUST(fd >= 0);
    TOOL_MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on))
              == 0);
    if (listener->is_lo
        && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) != 0) {
        tool_die("cannot bind to the interface lo");
    }
    if (family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    TOOL_MUST(bind(fd, (const struct sockaddr *)&listener->address,
                   listener->address_len)
              == 0);
    return fd;
}

static void accept_all(source_t *source, uint32_t events)
{
    listener_t *listener = (listener_t *)source;
    int fd = 0;

    (void)events;
    resp_server_update(listener->server);
    while (fd >= 0 && source->fd >= 0) {
        fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            resp_conn_open(listener->server, fd);
        }
    }
}

static void end(listener_t *listener)
{
    if (listener->source.fd >= 0) {
        close(listener->source.fd);
        listener->source.fd = -1;
    }
    for (size_t i = 0; listener->is_silent && i < FILLERS; i++) {
        close(listener->filler[i]);
    }
    listener->is_silent = 0;
}

static void begin(server_t *server, listener_t *listener)
{
    if (listener->is_silent) {
        end(listener);
    }
    if (listener->source.fd < 0) {
        listener->source.fd = bound_socket(listener);
        listener->source.ready = accept_all;
        TOOL_MUST(listen(listener->source.fd, BACKLOG) == 0);
        resp_loop_add(&server->loop, &listener->source, EPOLLIN);
    }
}

/* Listens with a queue that is full, so that the kernel drops whatever else
 * wants to connect, as a packet filter does: each host of it is silent. */
static void begin_silence(listener_t *listener)
{
    if (listener->is_silent) {
        return;
    }
    end(listener);
    listener->source.fd = bound_socket(listener);
    listener->is_silent = 1;
    TOOL_MUST(listen(listener->source.fd, 0) == 0);
    for (size_t i = 0; i < FILLERS; i++) {
        int kind = SOCK_STREAM | SOCK_CLOEXEC | (i > 0 ? SOCK_NONBLOCK : 0);
        int fd = socket(listener->address.ss_family, kind, 0);

        TOOL_MUST(fd >= 0);
        listener->filler[i] = fd;
        TOOL_MUST(connect(fd, (const struct sockaddr *)&listener->address,
                          listener->address_len)
                      == 0
                  || errno == EINPROGRESS);
    }
}

void resp_server_listen(server_t *server, const char *where)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char *host = tool_strdup(where);
    char *port = strrchr(host, ':');
    char any[] = "0.0.0.0";
    char *name = host;
    listener_t *listener = &server->listener[server->listeners++];

    TOOL_MUST(server->listeners <= SERVER_MAX_LISTEN);
    if (port == NULL) {
        tool_die("no port: %s", where);
    }
    *port++ = '\0';
    if (*name == '[') {
        name++;
        name[strcspn(name, "]")] = '\0';
    }
    if (strcmp(name, "lo") == 0) {
        listener->is_lo = 1;
        name = any;
    }
    if (getaddrinfo(name, port, &hints, &found) != 0) {
        tool_die("no address: %s", where);
    }
    memcpy(&listener->address, found->ai_addr, found->ai_addrlen);
    listener->address_len = found->ai_addrlen;
    freeaddrinfo(found);
    free(host);
    /* While nobody listens, the port must not become another program's. */
    listener->holder = bound_socket(listener);
    TOOL_MUST(getsockname(listener->holder,
                          (struct sockaddr *)&listener->address,
                          &listener->address_len)
              == 0);
    listener->server = server;
    listener->source.fd = -1;
}

int resp_server_port(const listener_t *listener)
{
    const void *address = &listener->address;

    if (listener->address.ss_family == AF_INET6) {
        return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    }
    return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

/* ---- the script ---- */

/* Listens, or not, as the rule for connections says; NULL: there is none. */
static void set_listening(server_t *server, const rule_t *rule)
{
    int refuses = rule != NULL && rule->via == VIA_REFUSE;
    int is_silent = rule != NULL && rule->via == VIA_SILENT;

    for (int i = 0; i < server->listeners; i++) {
        listener_t *listener = &server->listener[i];

        if (refuses) {
            end(listener);
        }
        else if (is_silent) {
            begin_silence(listener);
        }
        else {
            begin(server, listener);
        }
    }
    if (refuses || is_silent) {
        resp_conn_close_idle(server);
    }
}

void resp_server_update(server_t *server)
{
    if (resp_script_changed(&server->script)) {
        resp_script_read(&server->script);
        resp_index_forget(&server->index);
        set_listening(server, resp_script_connection(&server->script));
        resp_script_acknowledge(&server->script);
    }
}

static void something_changed(source_t *source, uint32_t events)
{
    server_t *server
        = (server_t *)((char *)source - offsetof(server_t, watch));
    char buffer[65536];

    (void)events;
    while (read(source->fd, buffer, sizeof(buffer)) > 0) {
    }
    resp_server_update(server);
}

static void watch(server_t *server)
{
    const char *path = server->script.path;
    const char *slash = strrchr(path, '/');
    char *dir = slash != NULL ? strndup(path, (size_t)(slash - path) + 1)
                              : tool_strdup(".");

    server->watch.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    server->watch.ready = something_changed;
    TOOL_MUST(inotify_add_watch(server->watch.fd, dir,
                                IN_MOVED_TO | IN_CLOSE_WRITE)
              >= 0);
    resp_loop_add(&server->loop, &server->watch, EPOLLIN);
    free(dir);
}

void resp_server_start(server_t *server)
{
    if (server->script.path != NULL) {
        watch(server);
        resp_server_update(server);
    }
    for (int i = 0; server->script.generation == 0 && i < server->listeners;
         i++) {
        begin(server, &server->listener[i]);
    }
}

/* ---- the log ---- */

void resp_server_log(const server_t *server, const log_line_t *line)
{
    tool_buf_t text = {0};
    struct timeval now;

    if (server->log < 0) {
        return;
    }
    gettimeofday(&now, NULL);
    tool_buf_addf(&text, "%ld.%06ld\t%lu\t%lu\t%ld\t%s\t",
                  (long)now.tv_sec, (long)now.tv_usec, line->connection,
                  line->requests, server->open, line->method);
    resp_http_escape(&text, line->path);
    tool_buf_addf(&text, "\t%s\t%s\t%s\t%s\t", line->serial, line->name,
                  line->action, line->nonce);
    resp_http_escape(&text, line->host);
    tool_buf_addf(&text, "\t%s\t", line->hash);
    resp_http_escape(&text, line->headers);
    tool_buf_text(&text, "\n");
    if (write(server->log, text.data, text.len) != (ssize_t)text.len) {
        tool_die("cannot write the log");
    }
    tool_buf_free(&text);
}
