/* A whole HTTP answer, to a request for a response or a list, as a socket
 * delivers it -> body or reason. */
#include <apr_general.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "io/staple_fetch.h"
#include "io/staple_spool.h"

#define MAX_LIST 4096 /* bytes: some answers are longer */

/* The answer of the server below, which closes the connection after it. */
static const uint8_t *answer_bytes;
static size_t answer_size;

static unsigned served; /* connections that the server is done with */

static apr_pool_t *root;
static int listener;
static char url[64];

static void serve(int connection)
{
    const uint8_t *at = __atomic_load_n(&answer_bytes, __ATOMIC_ACQUIRE);
    size_t left = answer_size;
    char request[8192];
    ssize_t sent;

    if (recv(connection, request, sizeof(request), 0) > 0) {
        while (left > 0) {
            sent = send(connection, at, left, MSG_NOSIGNAL);
            if (sent <= 0) {
                break;
            }
            at += sent;
            left -= (size_t)sent;
        }
        shutdown(connection, SHUT_WR);
        /* What came late must not turn the end into a reset. */
        while (recv(connection, request, sizeof(request), 0) > 0) {
        }
    }
    close(connection);
}

static void *serve_all(void *data)
{
    (void)data;
    for (;;) {
        int connection = accept(listener, NULL, NULL);

        if (connection >= 0) {
            serve(connection);
            __atomic_add_fetch(&served, 1, __ATOMIC_RELEASE);
        }
    }
    return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(here);
    pthread_t thread;

    (void)argc;
    (void)argv;
    apr_initialize();
    apr_pool_create(&root, NULL);
    FUZZ_CHECK(staple_fetch_global_init());
    listener = socket(AF_INET, SOCK_STREAM, 0);
    FUZZ_CHECK(listener >= 0);
    FUZZ_CHECK(bind(listener, (struct sockaddr *)&here, len) == 0);
    FUZZ_CHECK(listen(listener, 16) == 0);
    FUZZ_CHECK(getsockname(listener, (struct sockaddr *)&here, &len) == 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(here.sin_port));
    FUZZ_CHECK(pthread_create(&thread, NULL, serve_all, NULL) == 0);
    return 0;
}

/* What a list may have beyond a response. */
static void check_list(const staple_exchange_t *exchange,
                       const staple_answer_t *answer)
{
    FUZZ_CHECK(answer->der_len <= MAX_LIST);
    FUZZ_CHECK(strlen(answer->validators.etag)
               < sizeof(answer->validators.etag));
    if (answer->is_not_modified) {
        FUZZ_CHECK(answer->reason == STAPLE_OK);
        FUZZ_CHECK(answer->http_status == 304 && answer->der_len == 0);
        FUZZ_CHECK(exchange->held.etag[0] != '\0');
    }
}

static void check(const staple_exchange_t *exchange,
                  const staple_answer_t *answer)
{
    const char *text;

    FUZZ_CHECK(answer->der_len <= STAPLE_MAX_RESPONSE);
    if (exchange->transport == STAPLE_TRANSPORT_LIST) {
        check_list(exchange, answer);
    }
    else {
        FUZZ_CHECK(answer->spool == NULL && !answer->is_not_modified);
    }
    FUZZ_CHECK(answer->fresh_for >= 0 && answer->retry_after >= 0);
    for (text = answer->detail; *text != '\0'; text++) {
        FUZZ_CHECK(*text >= ' ' && *text <= '~');
    }
    if (answer->reason == STAPLE_OK && !answer->is_not_modified) {
        FUZZ_CHECK(answer->http_status == 200);
        FUZZ_CHECK(answer->der_len > 0);
        /* The body was sent, and as one piece unless in chunks. */
        FUZZ_CHECK(answer->der_len <= answer_size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned before = __atomic_load_n(&served, __ATOMIC_ACQUIRE);
    const staple_fetch_options_t options = {.concurrency = 1,
                                            .user_agent = "fuzz"};
    unsigned kind = fuzz_byte(&data, &size);
    staple_exchange_t exchange;
    staple_exchange_t *ended;
    staple_answer_t answer;
    staple_fetch_t *fetch;
    apr_pool_t *p;

    memset(&exchange, 0, sizeof(exchange));
    exchange.by_get = (kind & 1) != 0;
    if (kind & 2) {
        exchange.transport = STAPLE_TRANSPORT_LIST;
        exchange.by_get = 1;
        exchange.idle_timeout = apr_time_from_sec(5);
        exchange.max_len = MAX_LIST;
        strcpy(exchange.held.etag, kind & 4 ? "\"1\"" : "");
    }
    answer_size = size;
    __atomic_store_n(&answer_bytes, data, __ATOMIC_RELEASE);
    exchange.timeout = apr_time_from_sec(5);
    exchange.request_len = 8;
    strcpy(exchange.url, url);
    apr_pool_create(&p, root);
    fetch = staple_fetch_make(p, &options);
    FUZZ_CHECK(fetch != NULL);
    staple_fetch_start(fetch, &exchange);
    while ((ended = staple_fetch_take(fetch, &answer)) == NULL) {
        staple_fetch_run(fetch, apr_time_from_sec(1));
    }
    FUZZ_CHECK(ended == &exchange);
    check(&exchange, &answer);
    staple_spool_drop(answer.spool);
    apr_pool_destroy(p);
    /* Until then the server reads what is the caller's to free. */
    while (__atomic_load_n(&served, __ATOMIC_ACQUIRE) == before) {
        sched_yield();
    }
    return 0;
}
