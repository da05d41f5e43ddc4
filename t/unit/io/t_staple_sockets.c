/* When transfers go on, and for how long nothing but them is waited for. */
#include "../tap.h"

#include <apr_general.h>
#include <apr_network_io.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <stdlib.h>

#include "io/staple_sockets.h"
#include "io/staple_steady.h"

#define LONG apr_time_from_sec(60)

static apr_pool_t *p;

static void must(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "t_staple_sockets: %s\n", what);
        exit(99);
    }
}

static CURLM *make_multi(staple_sockets_t *sockets)
{
    CURLM *multi = curl_multi_init();

    must(multi != NULL, "no multi handle");
    staple_sockets_serve(sockets, multi);
    return multi;
}

/* ---- a responder ---- */

static apr_socket_t *listen_here(apr_port_t *port)
{
    apr_socket_t *listener = NULL;
    apr_sockaddr_t *at = NULL;

    must(apr_sockaddr_info_get(&at, "127.0.0.1", APR_INET, 0, 0, p)
                 == APR_SUCCESS
             && apr_socket_create(&listener, APR_INET, SOCK_STREAM, 0, p)
                    == APR_SUCCESS
             && apr_socket_bind(listener, at) == APR_SUCCESS
             && apr_socket_listen(listener, 5) == APR_SUCCESS
             && apr_socket_addr_get(&at, APR_LOCAL, listener) == APR_SUCCESS,
         "no socket");
    *port = at->port;
    return listener;
}

static void answer(apr_socket_t *connection)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab";
    char request[2000];
    apr_size_t len = sizeof(request);

    must(apr_socket_recv(connection, request, &len) == APR_SUCCESS,
         "no request");
    len = sizeof(text) - 1;
    must(apr_socket_send(connection, text, &len) == APR_SUCCESS, "no answer");
}

/* ---- transfers ---- */

static size_t drop(char *data, size_t size, size_t count, void *baton)
{
    (void)data;
    (void)baton;
    return size * count;
}

static CURL *start(CURLM *multi, apr_port_t port, long timeout_ms)
{
    CURL *easy = curl_easy_init();

    must(easy != NULL, "no easy handle");
    curl_easy_setopt(easy, CURLOPT_URL,
                     apr_psprintf(p, "http://127.0.0.1:%u/", (unsigned)port));
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    must(curl_multi_add_handle(multi, easy) == CURLM_OK, "not added");
    return easy;
}

/* How the next transfer ended, CURL_LAST: none has so far. */
static CURLcode ended(CURLM *multi)
{
    int left;
    CURLMsg *message = curl_multi_info_read(multi, &left);

    return message != NULL ? message->data.result : CURL_LAST;
}

static CURLcode run_to_end(staple_sockets_t *sockets, CURLM *multi)
{
    apr_time_t until = staple_steady_now() + LONG;
    CURLcode code;

    while ((code = ended(multi)) == CURL_LAST && staple_steady_now() < until) {
        staple_sockets_run(sockets, LONG);
    }
    return code;
}

static void stop(CURLM *multi, CURL *easy)
{
    curl_multi_remove_handle(multi, easy);
    curl_easy_cleanup(easy);
}

/* ---- tests ---- */

static void test_idle(void)
{
    staple_sockets_t *sockets = staple_sockets_make(p, 4);
    CURLM *multi = make_multi(sockets);
    apr_time_t began = staple_steady_now();

    staple_sockets_run(sockets, apr_time_from_msec(50));
    ok(staple_steady_now() - began >= apr_time_from_msec(49),
       "without transfers it waits");
    staple_sockets_wake(sockets);
    staple_sockets_wake(sockets);
    began = staple_steady_now();
    staple_sockets_run(sockets, LONG);
    ok(staple_steady_now() - began < LONG, "unless it was woken before");
    began = staple_steady_now();
    staple_sockets_run(sockets, apr_time_from_msec(50));
    ok(staple_steady_now() - began >= apr_time_from_msec(49),
       "which holds once, however often");
    curl_multi_cleanup(multi);
}

static void *APR_THREAD_FUNC wake(apr_thread_t *thread, void *sockets)
{
    (void)thread;
    apr_sleep(apr_time_from_msec(30));
    staple_sockets_wake(sockets);
    return NULL;
}

static void test_woken(void)
{
    staple_sockets_t *sockets = staple_sockets_make(p, 4);
    CURLM *multi = make_multi(sockets);
    apr_time_t began = staple_steady_now();
    apr_thread_t *thread;
    apr_status_t status;

    must(apr_thread_create(&thread, NULL, wake, sockets, p) == APR_SUCCESS,
         "no thread");
    staple_sockets_run(sockets, LONG);
    ok(staple_steady_now() - began < LONG, "another thread wakes it");
    apr_thread_join(&status, thread);
    curl_multi_cleanup(multi);
}

/* Some at once, over connections that are used again, of one multi handle and
 * of the next. */
static void test_transfers(void)
{
    enum { COUNT = 3 };
    staple_sockets_t *sockets = staple_sockets_make(p, COUNT);
    apr_socket_t *listener, *connections[COUNT];
    CURL *easy[COUNT];
    apr_port_t port;
    int generation, i, k;

    listener = listen_here(&port);
    for (generation = 1; generation <= 2; generation++) {
        CURLM *multi = make_multi(sockets);

        for (k = 1; k <= 2; k++) {
            int right = 0;

            for (i = 0; i < COUNT; i++) {
                easy[i] = start(multi, port, 50000);
            }
            staple_sockets_run(sockets, LONG);
            for (i = 0; i < COUNT; i++) {
                if (k == 1) {
                    staple_sockets_run(sockets, apr_time_from_msec(20));
                    must(apr_socket_accept(&connections[i], listener, p)
                             == APR_SUCCESS,
                         "no connection");
                }
                staple_sockets_run(sockets, apr_time_from_msec(20));
                answer(connections[i]);
            }
            for (i = 0; i < COUNT; i++) {
                right += run_to_end(sockets, multi) == CURLE_OK;
            }
            is_int(right, COUNT, "multi handle %d, round %d: all answered",
                   generation, k);
            for (i = 0; i < COUNT; i++) {
                stop(multi, easy[i]);
            }
        }
        curl_multi_cleanup(multi);
        for (i = 0; i < COUNT; i++) {
            apr_socket_close(connections[i]);
        }
    }
    apr_socket_close(listener);
}

/* A transfer to a server that takes connections and never answers. */
typedef struct unanswered_t {
    staple_sockets_t *sockets;
    CURLM *multi;
    apr_port_t port;
    apr_socket_t *listener;
    CURL *easy;
} unanswered_t;

static unanswered_t ask_in_vain(long timeout_ms)
{
    unanswered_t u = {.sockets = staple_sockets_make(p, 4)};

    u.multi = make_multi(u.sockets);
    u.listener = listen_here(&u.port);
    u.easy = start(u.multi, u.port, timeout_ms);
    return u;
}

/* The kernel waits for whole milliseconds: what is less than one is not to be
 * spent with asking it again and again. */
static void test_no_spinning(void)
{
    unanswered_t u = ask_in_vain(100);
    int runs = 0;

    while (ended(u.multi) == CURL_LAST && runs < 10000) {
        staple_sockets_run(u.sockets, LONG);
        runs++;
    }
    ok(runs < 20, "until its time is over it is called %d times", runs);
    stop(u.multi, u.easy);
    apr_socket_close(u.listener);
    curl_multi_cleanup(u.multi);
}

static void test_silence(void)
{
    unanswered_t u = ask_in_vain(200);

    is_int(run_to_end(u.sockets, u.multi), CURLE_OPERATION_TIMEDOUT,
           "its time runs out, though nothing happens on its socket");
    stop(u.multi, u.easy);
    apr_socket_close(u.listener);
    u.easy = start(u.multi, u.port, 50000);
    is_int(run_to_end(u.sockets, u.multi), CURLE_COULDNT_CONNECT,
           "a connection that is refused");
    stop(u.multi, u.easy);
    curl_multi_cleanup(u.multi);
}

int main(void)
{
    must(apr_initialize() == APR_SUCCESS
             && apr_pool_create(&p, NULL) == APR_SUCCESS
             && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK,
         "no APR or libcurl");
    test_idle();
    test_woken();
    test_transfers();
    test_no_spinning();
    test_silence();
    curl_global_cleanup();
    apr_pool_destroy(p);
    apr_terminate();
    return tap_done();
}
