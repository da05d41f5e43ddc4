/* One connection of a client: request in, answer out, as the script says. */
#include "resp_conn.h"

#include "resp_answer.h"
#include "resp_http.h"
#include "resp_ocsp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ROUNDS 16      /* sends before the others have their turn */

/* What a connection waits for.
 *
 *   READING --request--> DELAYED --time--> SENDING <--time--> PAUSED
 *      ^                                      |
 *      +---------------- keep-alive ----------+--> HANGING, or closed
 */
typedef enum { READING, DELAYED, SENDING, PAUSED, HANGING } state_e;

typedef struct conn_t {
    source_t source;
    server_t *server;
    struct conn_t *next, *before;
    alarm_t alarm;
    state_e state;
    unsigned long number;
    unsigned long requests;
    int is_logged;          /* at least one line in the log is about it */
    int is_open;            /* a request waits for its answer */
    int is_closed;
    int was_continued;      /* 100 Continue has been sent for this one */
    tool_buf_t in;
    answer_t answer;
    size_t sent;            /* of answer.out */
} conn_t;

/* ---- begin and end ---- */

static void log_connect(conn_t *conn, const char *action)
{
    log_line_t line = {conn->number, 0, "CONNECT", "-", "-", "-", action,
                       "-", "-", "-", ""};

    resp_server_log(conn->server, &line);
    conn->is_logged = 1;
}

static void set_open(conn_t *conn, int is_open)
{
    conn->server->open += is_open - conn->is_open;
    conn->is_open = is_open;
}

static void close_conn(conn_t *conn, int reset)
{
    server_t *server = conn->server;
    struct linger hard = {1, 0};

    if (conn->is_closed) {
        return;
    }
    if (!conn->is_logged) {
        log_connect(conn, "-");
    }
    set_open(conn, 0);
    resp_loop_unset(&server->loop, &conn->alarm);
    if (reset) {
        setsockopt(conn->source.fd, SOL_SOCKET, SO_LINGER, &hard,
                   sizeof(hard));
    }
    close(conn->source.fd);
    conn->is_closed = 1;
    if (conn->before != NULL) {
        conn->before->next = conn->next;
    }
    else {
        server->conns = conn->next;
    }
    if (conn->next != NULL) {
        conn->next->before = conn->before;
    }
    conn->next = server->dead;
    server->dead = conn;
}

void resp_conn_free_dead(server_t *server)
{
    while (server->dead != NULL) {
        conn_t *conn = server->dead;

        server->dead = conn->next;
        tool_buf_free(&conn->in);
        resp_answer_free(&conn->answer);
        free(conn);
    }
}

void resp_conn_close_idle(server_t *server)
{
    conn_t *next;

    for (conn_t *conn = server->conns; conn != NULL; conn = next) {
        next = conn->next;
        if (conn->state == READING && conn->in.len == 0) {
            close_conn(conn, 0);
        }
    }
}

/* ---- sending ---- */

static void set_state(conn_t *conn, state_e state)
{
    uint32_t events = EPOLLRDHUP;

    conn->state = state;
    if (state == READING) {
        events |= EPOLLIN;
    }
    else if (state == SENDING) {
        events |= EPOLLOUT;
    }
    resp_loop_change(&conn->server->loop, &conn->source, events);
}

static void finish(conn_t *conn)
{
    then_e then = conn->answer.then;

    if (then == THEN_HANG) {
        set_state(conn, HANGING);
        return;
    }
    resp_answer_free(&conn->answer);
    conn->sent = 0;
    set_open(conn, 0);
    if (then == THEN_NEXT) {
        conn->was_continued = 0;
        set_state(conn, READING);
    }
    else {
        close_conn(conn, then == THEN_RESET);
    }
}

/* How many bytes may go out in one step. */
static size_t step_of(const conn_t *conn)
{
    const answer_t *answer = &conn->answer;
    size_t len = answer->out.len - conn->sent;

    if (answer->piece == 0) {
        return len;
    }
    if (conn->sent < answer->at_once) {
        len = answer->at_once - conn->sent;
    }
    else if (len > answer->piece) {
        len = answer->piece;
    }
    return len;
}

/* Whether it is time for a pause: after a piece, or a part of what has no
 * end. */
static int is_pause(const conn_t *conn)
{
    const answer_t *answer = &conn->answer;

    if (answer->step_ms <= 0) {
        return 0;
    }
    return conn->sent < answer->out.len ? answer->piece > 0
                                        : answer->more != MORE_NONE;
}

static void send_answer(conn_t *conn)
{
    answer_t *answer = &conn->answer;

    conn->state = SENDING;
    for (int round = 0; round < ROUNDS; round++) {
        ssize_t len;

        if (conn->sent == answer->out.len) {
            answer->out.len = conn->sent = 0;
            if (!resp_answer_more(answer)) {
                finish(conn);
                return;
            }
        }
        len = send(conn->source.fd, answer->out.data + conn->sent,
                   step_of(conn), MSG_NOSIGNAL);
        if (len < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                close_conn(conn, 0);
                return;
            }
            break;
        }
        conn->sent += (size_t)len;
        if (is_pause(conn)) {
            set_state(conn, PAUSED);
            resp_loop_set(&conn->server->loop, &conn->alarm,
                          answer->step_ms);
            return;
        }
    }
    set_state(conn, SENDING);
}

/* ---- requests ---- */

static void log_request(conn_t *conn, const http_request_t *request,
                        const query_t *query, const char *action)
{
    log_line_t line = {.connection = conn->number,
                       .requests = conn->requests,
                       .method = request->method,
                       .path = request->target,
                       .serial = query->entry ? query->entry->serial : "-",
                       .name = query->entry ? query->entry->name : "-",
                       .action = action,
                       .nonce = query->nonce ? query->nonce : "-",
                       .host = request->host,
                       .hash = query->hash,
                       .headers = request->headers};

    resp_server_log(conn->server, &line);
    conn->is_logged = 1;
}

static void answer_request(conn_t *conn, const http_request_t *request)
{
    server_t *server = conn->server;
    tool_buf_t der = {0};
    tool_buf_t body = {0};
    query_t query;
    target_t target = {request->method, request->target, "-", "-", query.hash};
    rule_t *rule;
    time_t now = time(NULL);

    resp_http_der(&der, request);
    resp_query_read(&query, &server->index, der.data, der.len);
    if (query.entry != NULL) {
        target.serial = query.entry->serial;
        target.name = query.entry->name;
    }
    rule = resp_script_match(&server->script, &target);
    conn->requests++;
    set_open(conn, 1);
    log_request(conn, request, &query, rule->action);
    if (rule->content != CONTENT_NONE) {
        resp_ocsp_build(&body, &server->index, &query, rule,
                        server->script.generation, now);
    }
    resp_answer_make(&conn->answer, rule, request, &body, now);
    if (rule->delay > 0) {
        set_state(conn, DELAYED);
        resp_loop_set(&server->loop, &conn->alarm, rule->delay);
    }
    tool_buf_free(&der);
    tool_buf_free(&body);
    resp_query_free(&query);
    if (rule->delay <= 0) {
        send_answer(conn);
    }
}

static void send_now(conn_t *conn, const char *text)
{
    if (send(conn->source.fd, text, strlen(text), MSG_NOSIGNAL) < 0) {
        close_conn(conn, 0);
    }
}

/* Answers requests as long as they are here in full. */
static void work(conn_t *conn)
{
    http_request_t request;

    while (!conn->is_closed && conn->state == READING && conn->in.len > 0) {
        switch (resp_http_read(&request, conn->in.data, conn->in.len)) {
        case HTTP_WHOLE:
            resp_server_update(conn->server);
            answer_request(conn, &request);
            tool_buf_shift(&conn->in, request.total);
            resp_http_free(&request);
            break;
        case HTTP_CONTINUE:
            if (!conn->was_continued) {
                conn->was_continued = 1;
                send_now(conn, "HTTP/1.1 100 Continue\r\n\r\n");
            }
            return;
        case HTTP_WRONG:
            log_connect(conn, "bad-http");
            send_now(conn, "HTTP/1.0 400 Bad Request\r\n\r\n");
            close_conn(conn, 0);
            return;
        case HTTP_MORE: return;
        }
    }
}

/* ---- events ---- */

static void read_in(conn_t *conn)
{
    ssize_t len;

    tool_buf_reserve(&conn->in, 16384);
    len = recv(conn->source.fd, conn->in.data + conn->in.len, 16384, 0);
    if (len > 0) {
        conn->in.len += (size_t)len;
        conn->in.data[conn->in.len] = '\0';
    }
    else if (len == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_conn(conn, 0);
    }
}

static void conn_ready(source_t *source, uint32_t events)
{
    conn_t *conn = (conn_t *)source;

    if (conn->is_closed) {
        return;
    }
    if (events & (EPOLLERR | EPOLLHUP)) {
        close_conn(conn, 0);
        return;
    }
    if (conn->state == READING && (events & EPOLLIN)) {
        read_in(conn);
        work(conn);
    }
    else if (conn->state == SENDING && (events & EPOLLOUT)) {
        send_answer(conn);
        work(conn);
    }
    if (!conn->is_closed && conn->state != READING
        && (events & EPOLLRDHUP)) {
        close_conn(conn, 0);
    }
}

static void conn_rings(alarm_t *alarm)
{
    conn_t *conn = alarm->owner;

    send_answer(conn);
    work(conn);
}

void resp_conn_open(server_t *server, int fd)
{
    conn_t *conn = tool_alloc(sizeof(*conn));
    rule_t *rule = resp_script_connection(&server->script);
    int on = 1;

    conn->server = server;
    conn->source.fd = fd;
    conn->source.ready = conn_ready;
    conn->alarm.owner = conn;
    conn->alarm.ring = conn_rings;
    conn->number = ++server->connections;
    conn->next = server->conns;
    if (conn->next != NULL) {
        conn->next->before = conn;
    }
    server->conns = conn;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (rule != NULL && rule->via == VIA_HANG_CONNECT) {
        rule->seen++;
        conn->state = HANGING;
        resp_loop_add(&server->loop, &conn->source, EPOLLRDHUP);
        log_connect(conn, rule->action);
    }
    else {
        resp_loop_add(&server->loop, &conn->source, EPOLLIN | EPOLLRDHUP);
    }
}
