/* Lists by HTTP: what is asked, what is taken, what ends it, what is left. */
#include "../tap.h"
#include "../must.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <arpa/inet.h>
#include <dirent.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/staple_fetch.h"
#include "io/staple_spool.h"

#define BODY 100000 /* bytes of the usual list: more than OCSP may have */

static apr_pool_t *p;
static char dir[] = "/tmp/ocspstaple-list-XXXXXX";
static char body[BODY + 1];

/* ---- a server, which goes a step between two looks of the fetcher ---- */

/* What it answers: a head, a body, and how. */
typedef struct reply_t {
    const char *head;          /* whole lines, without the empty one; NULL:
                                  there is no answer */
    const char *body;          /* NULL: as long as `len`, from the usual one */
    apr_size_t len;            /* of the body */
    apr_size_t until;          /* bytes of the body that are sent; 0: all */
    apr_size_t piece;          /* bytes of the body at once; 0: all */
    apr_interval_time_t pause; /* after each piece */
    int closes;                /* afterwards; otherwise it waits */
    int is_chunked;
} reply_t;

static struct {
    int listener, connection;
    int port;
    unsigned accepted;
    char request[8192];
    apr_size_t request_len;
    const reply_t *reply;
    int is_asked;
    char *out;
    apr_size_t head_len, out_len, sent;
    apr_time_t next_at;
} server;

static void server_listen(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(here);

    server.connection = -1;
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    MUST(server.listener >= 0
         && bind(server.listener, (struct sockaddr *)&here, len) == 0
         && listen(server.listener, 16) == 0
         && getsockname(server.listener, (struct sockaddr *)&here, &len) == 0);
    server.port = ntohs(here.sin_port);
}

static void server_close(void)
{
    if (server.connection >= 0) {
        close(server.connection);
    }
    server.connection = -1;
    server.request_len = 0;
    server.is_asked = 0;
}

/* The bytes that answer a request. */
static void server_make_answer(void)
{
    const reply_t *reply = server.reply;
    const char *from = reply->body != NULL ? reply->body : body;
    const apr_size_t until = reply->until > 0 ? reply->until : reply->len;
    char *at;

    server.sent = server.out_len = 0;
    server.next_at = 0;
    if (reply->head == NULL) {
        return;
    }
    server.out = apr_palloc(p, strlen(reply->head) + until + 100);
    at = server.out + sprintf(server.out, "%s\r\n", reply->head);
    server.head_len = (apr_size_t)(at - server.out);
    if (reply->is_chunked) {
        at += sprintf(at, "%zx\r\n", reply->len);
    }
    memcpy(at, from, until);
    at += until;
    if (reply->is_chunked && until == reply->len) {
        at += sprintf(at, "\r\n0\r\n\r\n");
    }
    server.out_len = (apr_size_t)(at - server.out);
}

/* Is the request whole, with its body?  That of OCSP has zeros. */
static int is_whole(void)
{
    const char *end = strstr(server.request, "\r\n\r\n");
    const char *length = strstr(server.request, "Content-Length: ");
    apr_size_t expected = length != NULL ? strtoul(length + 16, NULL, 10) : 0;

    return end != NULL
           && server.request_len
                  >= (apr_size_t)(end + 4 - server.request) + expected;
}

static void server_read(void)
{
    ssize_t got = recv(server.connection, server.request + server.request_len,
                       sizeof(server.request) - 1 - server.request_len, 0);

    if (got == 0) {
        server_close();
        return;
    }
    if (got > 0) {
        server.request_len += (apr_size_t)got;
        server.request[server.request_len] = '\0';
        if (is_whole()) {
            server.is_asked = 1;
            server_make_answer();
        }
    }
}

static void server_write(void)
{
    const reply_t *reply = server.reply;
    apr_size_t now = server.out_len - server.sent;
    ssize_t count;

    if (apr_time_now() < server.next_at) {
        return;
    }
    if (server.sent < server.head_len) {
        now = server.head_len - server.sent;
    }
    else if (reply->piece > 0 && reply->piece < now) {
        now = reply->piece;
    }
    count =
        send(server.connection, server.out + server.sent, now, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) {
        server_close();
        return;
    }
    server.sent += count > 0 ? (apr_size_t)count : 0;
    server.next_at = apr_time_now() + reply->pause;
}

/* Whatever can be done without waiting. */
static void server_step(void)
{
    const int yes = 1;
    apr_size_t before;

    if (server.connection < 0) {
        server.connection = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK);
        if (server.connection < 0) {
            return;
        }
        setsockopt(server.connection, IPPROTO_TCP, TCP_NODELAY, &yes,
                   sizeof(yes));
        server.accepted++;
    }
    if (!server.is_asked || server.sent == server.out_len) {
        server_read();
    }
    do {
        before = server.sent;
        if (server.is_asked && server.sent < server.out_len) {
            server_write();
        }
    } while (server.sent > before && server.reply->pause == 0);
    if (server.is_asked && server.sent == server.out_len
        && server.reply->closes) {
        server_close();
    }
}

/* ---- exchanges ---- */

typedef struct result_t {
    staple_reason_e reason;
    staple_answer_t answer;
    const char *words;
    const char *request;
    unsigned connections; /* that it needed */
} result_t;

/* With a fetcher of one exchange at a time: all have the same handle. */
static staple_fetch_t *fetch;

static void make_fetch(const char *spool_dir)
{
    const staple_fetch_options_t options = {
        .concurrency = 1, .user_agent = "test", .spool_dir = spool_dir};

    server_close();
    fetch = staple_fetch_make(p, &options);
    MUST(fetch != NULL);
}

static staple_exchange_t list_exchange(void)
{
    staple_exchange_t exchange;

    memset(&exchange, 0, sizeof(exchange));
    exchange.transport = STAPLE_TRANSPORT_LIST;
    exchange.timeout = apr_time_from_sec(60);
    exchange.idle_timeout = apr_time_from_sec(30);
    exchange.max_len = 1000000;
    apr_snprintf(exchange.url, sizeof(exchange.url),
                 "http://127.0.0.1:%d/a.crl", server.port);
    return exchange;
}

/* A step of both, neither of which waits for the other. */
static void step(void)
{
    staple_fetch_run(fetch, apr_time_from_msec(2));
    server_step();
}

static void begin(staple_exchange_t *exchange, const reply_t *reply)
{
    server.reply = reply;
    server.is_asked = 0;
    server.request_len = 0;
    server.request[0] = '\0';
    server.sent = server.out_len = 0;
    staple_fetch_start(fetch, exchange);
}

static result_t end(void)
{
    result_t result;

    while (staple_fetch_take(fetch, &result.answer) == NULL) {
        step();
    }
    result.reason = result.answer.reason;
    result.words = apr_pstrdup(p, result.answer.detail);
    result.request = apr_pstrdup(p, server.request);
    if (result.reason != STAPLE_OK) {
        server_close();
    }
    return result;
}

static result_t ask(staple_exchange_t *exchange, const reply_t *reply)
{
    const unsigned accepted = server.accepted;
    result_t result;

    begin(exchange, reply);
    result = end();
    result.connections = server.accepted - accepted;
    return result;
}

static result_t ask_list(const reply_t *reply)
{
    staple_exchange_t exchange = list_exchange();

    return ask(&exchange, reply);
}

/* How many files there are where lists are received. */
static int files(void)
{
    DIR *list = opendir(dir);
    struct dirent *entry;
    int count = 0;

    MUST(list != NULL);
    while ((entry = readdir(list)) != NULL) {
        count +=
            strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(list);
    return count;
}

static int has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* Is it the usual list?  Drops it. */
static int is_list(result_t *result)
{
    const staple_answer_t *answer = &result->answer;
    int is = result->reason == STAPLE_OK && answer->spool != NULL
             && !answer->is_not_modified && answer->der_len == BODY
             && memcmp(answer->der, body, BODY) == 0;

    staple_spool_drop(result->answer.spool);
    return is;
}

#define LENGTH "Content-Length: 100000\r\n"
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/pkix-crl\r\n"
#define ETAG "\"a-1\""
#define DATE "Thu, 01 Jan 2026 00:00:00 GMT"

static const reply_t usual = {.head = HEAD LENGTH, .len = BODY};

/* ---- what is asked, and what is taken ---- */

static void test_first(void)
{
    const reply_t reply = {
        .head =
            "HTTP/1.1 103 Early Hints\r\nETag: \"of the hints\"\r\n\r\n" HEAD
                LENGTH "ETag:  " ETAG " \r\nlast-modified: " DATE "\r\n"
            "Cache-Control: max-age=3600\r\n",
        .len = BODY};
    result_t result = ask_list(&reply);

    ok(has(result.request, "GET /a.crl HTTP/1.1\r\n"), "first: a GET");
    ok(has(result.request, "Accept: application/pkix-crl"), "first: of a CRL");
    ok(!has(result.request, "Accept-Encoding"), "first: not compressed");
    ok(!has(result.request, "If-"), "first: without conditions");
    is_int(result.answer.http_status, 200, "first: its status");
    is_str(result.answer.validators.etag, ETAG, "first: its ETag");
    is_str(result.answer.validators.last_modified, DATE, "first: its date");
    is_int(result.answer.fresh_for, apr_time_from_sec(3600),
           "first: how long it is fresh");
    is_int(files(), 1, "first: a file where lists are received");
    ok(is_list(&result), "first: its bytes");
    is_int(files(), 0, "first: dropped");
}

static void test_again(void)
{
    const reply_t reply = {.head = "HTTP/1.1 304 Not Modified\r\nETag: " ETAG
                                   "\r\nCache-Control: max-age=60\r\n" LENGTH};
    staple_exchange_t exchange = list_exchange();
    result_t result;

    strcpy(exchange.held.etag, ETAG);
    strcpy(exchange.held.last_modified, DATE);
    result = ask(&exchange, &reply);
    ok(has(result.request, "If-None-Match: " ETAG "\r\n"), "again: its ETag");
    ok(has(result.request, "If-Modified-Since: " DATE "\r\n"),
       "again: its date");
    is_reason(result.reason, STAPLE_OK, "again: 304 is fine");
    ok(result.answer.is_not_modified && result.answer.spool == NULL
           && result.answer.der_len == 0,
       "again: and has no body");
    is_str(result.answer.validators.etag, ETAG, "again: an ETag");
    is_int(result.answer.fresh_for, apr_time_from_sec(60), "again: fresh");

    exchange.held.etag[0] = '\0';
    result = ask(&exchange, &reply);
    ok(!has(result.request, "If-None-Match")
           && has(result.request, "If-Modified-Since: " DATE "\r\n"),
       "again: what is not known is not sent");
    is_reason(result.reason, STAPLE_OK, "again: one condition is enough");
    result = ask(&exchange, &usual);
    ok(is_list(&result), "again: another list");
    result = ask_list(&reply);
    is_reason(result.reason, STAPLE_HTTP_STATUS, "again: 304 without asking");
    is_str(result.words, "HTTP 304", "again: in words");
}

/* Validators that cannot be kept or sent are none. */
static void test_validators(void)
{
    char *longest = apr_pcalloc(p, 128), *longer = apr_pcalloc(p, 129);
    reply_t reply = {.len = BODY};
    result_t result;

    memset(longest, 'e', 127);
    memset(longer, 'e', 128);
    reply.head = apr_pstrcat(p, HEAD LENGTH "ETag: ", longest, "\r\n", NULL);
    result = ask_list(&reply);
    is_str(result.answer.validators.etag, longest, "validators: the longest");
    is_str(result.answer.validators.last_modified, "", "validators: no date");
    ok(is_list(&result), "validators: the list is taken");
    reply.head = apr_pstrcat(p, HEAD LENGTH "ETag: ", longer, "\r\n", NULL);
    result = ask_list(&reply);
    is_str(result.answer.validators.etag, "", "validators: too long");
    ok(is_list(&result), "validators: the list is taken all the same");
    reply.head = HEAD LENGTH "ETag: \"a\x01\"\r\nLast-Modified: \x7f\r\n";
    result = ask_list(&reply);
    is_str(result.answer.validators.etag, "", "validators: not printable");
    is_str(result.answer.validators.last_modified, "",
           "validators: nor is the date");
    ok(is_list(&result), "validators: the list is taken, too");
}

/* However its end is told. */
static void test_forms(void)
{
    static const reply_t replies[] = {
        {.head = HEAD "Transfer-Encoding: chunked\r\n",
         .len = BODY,
         .is_chunked = 1},
        {.head = HEAD "Transfer-Encoding: chunked\r\n",
         .len = BODY,
         .is_chunked = 1,
         .piece = 1000},
        {.head = HEAD, .len = BODY, .closes = 1},
        {.head = "HTTP/1.0 200 OK\r\n", .len = BODY, .closes = 1},
        {.head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" LENGTH,
         .len = BODY},
        {.head = HEAD LENGTH "Content-Encoding: Identity\r\n", .len = BODY},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        result_t result = ask_list(&replies[i]);

        ok(is_list(&result), "form %d: taken", (int)i);
    }
}

/* ---- what is refused ---- */

static void test_refused(void)
{
    static const struct {
        reply_t reply;
        staple_reason_e reason;
        const char *words;
    } rows[] = {
        {{.head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" LENGTH,
          .len = BODY},
         STAPLE_HTTP_TYPE,
         "text/html"},
        {{.head = "HTTP/1.1 200 OK\r\nContent-Type: Text/HTML; charset=x\r\n"
                  "Content-Length: 0\r\n"},
         STAPLE_HTTP_TYPE,
         "text/html"},
        {{.head = HEAD LENGTH "Content-Encoding: gzip\r\n", .len = BODY},
         STAPLE_HTTP_TYPE,
         "Content-Encoding: gzip"},
        {{.head = HEAD "Content-Length: 0\r\n"}, STAPLE_EMPTY, ""},
        {{.head = "HTTP/1.1 404 No\r\n" LENGTH, .len = BODY},
         STAPLE_HTTP_STATUS,
         "HTTP 404"},
        {{.head = "HTTP/1.1 404 No\r\nContent-Length: 99999999\r\n",
          .len = BODY},
         STAPLE_HTTP_STATUS,
         "HTTP 404"},
        {{.head = "HTTP/1.1 206 Part\r\n" LENGTH, .len = BODY},
         STAPLE_HTTP_STATUS,
         "HTTP 206"},
        {{.head = "HTTP/1.1 302 There\r\nLocation: /b.crl\r\n"
                  "Content-Length: 0\r\n"},
         STAPLE_HTTP_STATUS,
         "HTTP 302"},
        {{.head = HEAD LENGTH, .len = BODY, .until = BODY / 2, .closes = 1},
         STAPLE_NETWORK,
         NULL},
        {{.head = HEAD LENGTH, .len = BODY, .until = BODY - 1, .closes = 1},
         STAPLE_NETWORK,
         NULL},
        {{.head = HEAD "Transfer-Encoding: chunked\r\n",
          .len = BODY,
          .until = BODY / 2,
          .is_chunked = 1,
          .closes = 1},
         STAPLE_NETWORK,
         NULL},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        result_t result = ask_list(&rows[i].reply);

        is_reason(result.reason, rows[i].reason, "refused %d", (int)i);
        if (rows[i].words != NULL) {
            is_str(result.words, rows[i].words, "refused %d: words", (int)i);
        }
        ok(result.answer.spool == NULL && result.answer.der_len == 0
               && files() == 0,
           "refused %d: nothing is left", (int)i);
    }
}

/* Ends as soon as it is known: the server never gets to the end. */
static void test_too_large(void)
{
    static const reply_t replies[] = {
        {.head = HEAD LENGTH, .len = BODY, .until = 1},
        {.head = HEAD "Transfer-Encoding: chunked\r\n",
         .len = BODY,
         .until = BODY - 1,
         .is_chunked = 1},
        {.head = HEAD, .len = BODY}};
    staple_exchange_t exchange = list_exchange();
    apr_size_t i;

    exchange.max_len = BODY - 1000;
    for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        result_t result = ask(&exchange, &replies[i]);

        is_reason(result.reason, STAPLE_TOO_LARGE, "too large %d", (int)i);
        is_str(result.words, "a CRL of more than 99000 bytes",
               "too large %d: words", (int)i);
        is_int(files(), 0, "too large %d: nothing is left", (int)i);
    }
    exchange.max_len = BODY;
    for (i = 0; i < 2; i++) {
        reply_t reply = replies[i];
        result_t result;

        reply.until = 0;
        result = ask(&exchange, &reply);
        ok(is_list(&result), "as long as may be %d", (int)i);
    }
}

static void test_later(void)
{
    const reply_t reply = {.head = "HTTP/1.1 503 Later\r\nRetry-After: 120\r\n"
                                   "Content-Length: 0\r\n"};
    result_t result = ask_list(&reply);

    is_reason(result.reason, STAPLE_HTTP_STATUS, "later");
    is_int(result.answer.retry_after, apr_time_from_sec(120),
           "later: when to ask again");
}

/* ---- silence ---- */

static void test_silence(void)
{
    static const reply_t replies[] = {
        {.head = HEAD LENGTH, .len = BODY, .until = BODY / 2},
        {.head = NULL},
        {.head = HEAD LENGTH, .len = BODY, .until = 1}};
    staple_exchange_t exchange = list_exchange();
    apr_size_t i;

    exchange.idle_timeout = apr_time_from_msec(300);
    for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        result_t result;

        /* Once with a new connection, once with one that is there. */
        result = ask(&exchange, &replies[i]);
        is_reason(result.reason, STAPLE_TIMEOUT, "silence %d", (int)i);
        is_str(result.words, "nothing came for 300 milliseconds",
               "silence %d: words", (int)i);
        is_int(files(), 0, "silence %d: nothing is left", (int)i);
        result = ask_list(&usual);
        ok(is_list(&result), "silence %d: and then an answer", (int)i);
        result = ask(&exchange, &replies[i]);
        is_int(result.connections, 0, "silence %d: in an old connection",
               (int)i);
        is_reason(result.reason, STAPLE_TIMEOUT, "silence %d: again", (int)i);
        is_str(result.words, "nothing came for 300 milliseconds",
               "silence %d: words, again", (int)i);
    }
}

/* A byte now and then is no silence, but the whole has its limit, too. */
static void test_trickle(void)
{
    const reply_t reply = {.head = HEAD LENGTH,
                           .len = BODY,
                           .piece = 1,
                           .pause = apr_time_from_msec(50)};
    staple_exchange_t exchange = list_exchange();
    result_t result;

    exchange.idle_timeout = apr_time_from_msec(1500);
    exchange.timeout = apr_time_from_msec(3000);
    result = ask(&exchange, &reply);
    is_reason(result.reason, STAPLE_TIMEOUT, "trickle: ended");
    ok(!has(result.words, "nothing came"), "trickle: by the whole's limit: %s",
       result.words);
    ok(result.answer.took >= apr_time_from_msec(2900),
       "trickle: and no earlier");
    is_int(files(), 0, "trickle: nothing is left");
}

/* Who comes late finds what was sent meanwhile: that is no silence. */
static void test_late(void)
{
    const reply_t reply = {.head = HEAD "Content-Length: 1000\r\n",
                           .len = 1000};
    const apr_time_t until = apr_time_now() + apr_time_from_sec(30);
    staple_exchange_t exchange = list_exchange();
    result_t result;

    exchange.idle_timeout = apr_time_from_msec(1000);
    begin(&exchange, &reply);
    while ((!server.is_asked || server.sent < server.out_len)
           && apr_time_now() < until) {
        step();
    }
    apr_sleep(2 * exchange.idle_timeout);
    result = end();
    is_reason(result.reason, STAPLE_OK, "late: taken");
    is_int(result.answer.der_len, 1000, "late: all of it");
    staple_spool_drop(result.answer.spool);
}

/* ---- one handle for both ---- */

#define OCSP_HEAD                                                              \
    "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n"

static void test_in_turn(void)
{
    const reply_t small = {.head = OCSP_HEAD "Content-Length: 10\r\n",
                           .len = 10,
                           .piece = 5,
                           .pause = apr_time_from_msec(400)};
    const reply_t large = {.head = OCSP_HEAD "Transfer-Encoding: chunked\r\n",
                           .len = 65528,
                           .is_chunked = 1};
    const reply_t page = {.head = HEAD "Content-Length: 10\r\n", .len = 10};
    staple_exchange_t list = list_exchange(), ocsp = list_exchange();
    result_t result = ask(&list, &usual);
    int by_get;

    ok(is_list(&result), "in turn: a list");
    ocsp.transport = STAPLE_TRANSPORT_HTTP;
    ocsp.request_len = 8;
    ocsp.idle_timeout = apr_time_from_msec(100);
    strcpy(list.held.etag, ETAG);
    for (by_get = 0; by_get < 2; by_get++) {
        ocsp.by_get = by_get;
        result = ask(&ocsp, &small);
        is_int(result.connections, 0, "in turn %d: by the same connection",
               by_get);
        is_reason(result.reason, STAPLE_OK, "in turn %d: OCSP", by_get);
        ok(has(result.request, by_get ? "GET " : "POST ")
               && has(result.request, "Accept: application/ocsp-response\r\n")
               && !has(result.request, "If-")
               && has(result.request, "application/ocsp-request") == !by_get,
           "in turn %d: asked as ever", by_get);
        ok(result.answer.spool == NULL && result.answer.der_len == 10
               && memcmp(result.answer.der, body, 10) == 0,
           "in turn %d: in memory", by_get);
        is_int(files(), 0, "in turn %d: not in a file", by_get);
        result = ask(&ocsp, &large);
        is_reason(result.reason, STAPLE_TOO_LARGE, "in turn %d: its limit",
                  by_get);
        result = ask(&ocsp, &page);
        is_reason(result.reason, STAPLE_HTTP_TYPE, "in turn %d: its type",
                  by_get);
        result = ask(&list, &usual);
        ok(has(result.request, "GET ") && has(result.request, "If-None-Match")
               && !has(result.request, "ocsp"),
           "in turn %d: a list is asked for", by_get);
        ok(is_list(&result), "in turn %d: and a list again", by_get);
    }
}

/* ---- between bursts ---- */

static apr_size_t in_use(void)
{
#ifdef __GLIBC__
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

static void test_rest(void)
{
    staple_exchange_t exchange = list_exchange();
    apr_size_t before;
    result_t result;
    int i;

    for (i = 0; i < 20; i++) {
        result = ask_list(&usual);
        MUST(is_list(&result));
    }
    before = in_use();
    is_int(staple_fetch_rest(fetch, apr_time_from_sec(3600)), 0,
           "rest: not yet");
    is_int(staple_fetch_rest(fetch, 0), 1, "rest: now");
    ok(before == 0 || in_use() + 4096 < before, "rest: memory is given back");
    begin(&exchange, &usual);
    step();
    is_int(staple_fetch_rest(fetch, 0), 0, "rest: not while one is under way");
    result = end();
    ok(is_list(&result), "rest: which comes to its end");
    is_int(staple_fetch_rest(fetch, 0), 1, "rest: again");
    is_int(staple_fetch_rest(fetch, apr_time_from_sec(3600)), 1,
           "rest: nothing is left to give back");
}

/* ---- files, and the end ---- */

static void test_no_file(void)
{
    const struct rlimit little = {BODY / 2, RLIM_INFINITY};
    const struct rlimit much = {RLIM_INFINITY, RLIM_INFINITY};
    result_t result;

    MUST(setrlimit(RLIMIT_FSIZE, &little) == 0);
    result = ask_list(&usual);
    MUST(setrlimit(RLIMIT_FSIZE, &much) == 0);
    is_reason(result.reason, STAPLE_FILE_UNWRITABLE, "no file: no room");
    is_str(result.words, strerror(EFBIG), "no file: words of the system");
    is_int(files(), 0, "no file: nothing is left");

    make_fetch(apr_pstrcat(p, dir, "/none", NULL));
    result = ask_list(&usual);
    is_reason(result.reason, STAPLE_FILE_UNWRITABLE, "no file: no directory");
    is_str(result.words, strerror(ENOENT), "no file: words again");

    make_fetch(NULL);
    result = ask_list(&usual);
    is_int(files(), 0, "no directory: none of its files");
    ok(is_list(&result), "no directory: a list all the same");
    make_fetch(dir);
}

/* Nobody listens. */
static void test_no_server(void)
{
    staple_exchange_t exchange = list_exchange();
    result_t result;

    close(server.listener);
    server.listener = -1;
    server_close();
    result = ask(&exchange, &usual);
    is_reason(result.reason, STAPLE_CONNECT, "no server");
    ok(result.answer.spool == NULL, "no server: no spool");
}

/* The fetcher's end, with half a list. */
static void test_ended(void)
{
    const reply_t half = {.head = HEAD LENGTH, .len = BODY, .until = BODY / 2};
    const apr_time_t until = apr_time_now() + apr_time_from_sec(30);
    staple_exchange_t exchange = list_exchange();
    apr_pool_t *keep = p;

    apr_pool_create(&p, keep);
    make_fetch(dir);
    begin(&exchange, &half);
    while (files() == 0 && apr_time_now() < until) {
        step();
    }
    is_int(files(), 1, "ended: half a list");
    apr_pool_destroy(p);
    p = keep;
    is_int(files(), 0, "ended: nothing is left");
    make_fetch(dir);
}

int main(void)
{
    apr_size_t i;

    apr_initialize();
    apr_pool_create(&p, NULL);
    signal(SIGXFSZ, SIG_IGN);
    alarm(300); /* whatever blocks */
    for (i = 0; i < BODY; i++) {
        body[i] = (char)('a' + i * 7 % 26);
    }
    MUST(mkdtemp(dir) != NULL && staple_fetch_global_init());
    server_listen();
    make_fetch(dir);
    test_first();
    test_again();
    test_validators();
    test_forms();
    test_refused();
    test_too_large();
    test_later();
    test_silence();
    test_trickle();
    test_late();
    test_in_turn();
    test_rest();
    test_ended();
    test_no_file();
    test_no_server();
    apr_pool_destroy(p);
    is_int(rmdir(dir), 0, "nothing else was made");
    return tap_done();
}
