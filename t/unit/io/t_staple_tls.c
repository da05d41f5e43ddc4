/* What the chain of an https responder may cost, and which are refused. */
#include "../make_hostile.h"
#include "../tap.h"

#include <apr_strings.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/staple_fetch.h"
#include "io/staple_tls.h"

static apr_pool_t *p;
static make_pki_t *pki;
static make_identity_t named; /* as the URL: some libcurls look at that first */

static void must(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "t_staple_tls: %s\n", what);
        exit(99);
    }
}

/* ---- a server in a process of its own ---- */

/* What it shows: its own certificate, and another one so many times. */
typedef struct server_t {
    X509 *extra;
    int count;
    int version;
} server_t;

static SSL_CTX *make_ctx(const server_t *server)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int i;

    must(ctx != NULL && SSL_CTX_set_min_proto_version(ctx, server->version)
             && SSL_CTX_set_max_proto_version(ctx, server->version)
             && SSL_CTX_use_certificate(ctx, named.x509) == 1
             && SSL_CTX_use_PrivateKey(ctx, named.key) == 1,
         "no server");
    SSL_CTX_set_security_level(ctx, 0);
    for (i = 0; i < server->count; i++) {
        must(X509_up_ref(server->extra)
                 && SSL_CTX_add_extra_chain_cert(ctx, server->extra),
             "no chain");
    }
    return ctx;
}

static void serve(const server_t *server, int listener)
{
    SSL_CTX *ctx = make_ctx(server);
    char request[4096];

    for (;;) {
        int connection = accept(listener, NULL, NULL);
        SSL *ssl = SSL_new(ctx);

        SSL_set_fd(ssl, connection);
        if (SSL_accept(ssl) == 1) {
            SSL_read(ssl, request, sizeof(request));
        }
        SSL_free(ssl);
        close(connection);
    }
}

static pid_t start(int *port, const server_t *server)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(here);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    pid_t pid;

    must(listener >= 0
             && bind(listener, (struct sockaddr *)&here, len) == 0
             && listen(listener, 16) == 0
             && getsockname(listener, (struct sockaddr *)&here, &len) == 0,
         "no listener");
    *port = ntohs(here.sin_port);
    pid = fork();
    must(pid >= 0, "no process");
    if (pid == 0) {
        serve(server, listener);
        _exit(0);
    }
    close(listener);
    return pid;
}

/* ---- one exchange with it ---- */

typedef struct result_t {
    staple_reason_e reason;
    const char *words;
    double took; /* processor time */
} result_t;

static result_t ask(const server_t *server)
{
    const staple_fetch_options_t options = {1, "test", NULL};
    staple_exchange_t exchange;
    staple_answer_t answer;
    staple_fetch_t *fetch;
    result_t result;
    int port, status;
    pid_t pid = start(&port, server);

    memset(&exchange, 0, sizeof(exchange));
    exchange.timeout = apr_time_from_sec(60);
    exchange.request_len = 8;
    apr_snprintf(exchange.url, sizeof(exchange.url), "https://127.0.0.1:%d/",
                 port);
    result.took = make_cpu_seconds();
    fetch = staple_fetch_make(p, &options);
    must(fetch != NULL, "no fetcher");
    staple_fetch_start(fetch, &exchange);
    while (staple_fetch_take(fetch, &answer) == NULL) {
        staple_fetch_run(fetch, apr_time_from_sec(1));
    }
    result.took = make_cpu_seconds() - result.took;
    result.reason = answer.reason;
    result.words = apr_pstrdup(p, answer.detail);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return result;
}

/* The test CA is in no list, so an ordinary chain fails when it is verified,
 * which is later. */
static int is_verified(const result_t *result)
{
    return strstr(result->words, "unable to get local issuer certificate")
           != NULL;
}

static X509 *hostile_cert(void)
{
    make_der_t der = make_with_key(p, pki->delegate.x509, make_hostile_key(p),
                                   pki->issuer.key);
    const unsigned char *at = der.bytes;
    X509 *x509 = d2i_X509(NULL, &at, (long)der.len);

    must(x509 != NULL, "no hostile certificate");
    return x509;
}

static void test_version(int version, const char *name)
{
    make_identity_t large = make_cert(p, &(make_cert_t){
        .name = "large", .issuer = &pki->issuer, .subject_bytes = 5000});
    X509 *hostile = hostile_cert();
    server_t server = {pki->issuer.x509, 2, version};
    result_t usual = ask(&server), result;

    is_reason(usual.reason, STAPLE_TLS, "%s: a usual chain", name);
    ok(is_verified(&usual), "%s: is looked at and verified: %s", name,
       usual.words);
    server.count = 7;
    result = ask(&server);
    ok(is_verified(&result), "%s: so is one of 8 certificates", name);
    server.count = 8;
    result = ask(&server);
    ok(result.reason == STAPLE_TLS && !is_verified(&result),
       "%s: one of 9 is refused: %s", name, result.words);
    server.extra = large.x509;
    server.count = 4;
    result = ask(&server);
    ok(result.reason == STAPLE_TLS && !is_verified(&result),
       "%s: so is one of 20 KB: %s", name, result.words);

    server.extra = hostile;
    server.count = 1;
    result = ask(&server);
    ok(result.reason == STAPLE_TLS && !is_verified(&result),
       "%s: a key with explicit parameters is refused: %s", name,
       result.words);
    server.count = 20;
    result = ask(&server);
    ok(result.reason == STAPLE_TLS && !is_verified(&result),
       "%s: so are 20 of them", name);
    ok(result.took <= 3 * usual.took + 0.050 * make_slowness(),
       "%s: which cost %.0f ms, and a usual chain %.0f ms", name,
       result.took * 1000, usual.took * 1000);
    X509_free(hostile);
}

int main(void)
{
    p = make_begin();
    must(staple_fetch_global_init(), "no libcurl");
    if (!staple_tls_can_limit()) {
        make_end(p);
        return tap_skip_all("libcurl's TLS is not this OpenSSL");
    }
    pki = make_pki(p);
    named = make_cert(p, &(make_cert_t){
        .name = "127.0.0.1", .issuer = &pki->issuer});
    test_version(TLS1_2_VERSION, "TLS 1.2");
    test_version(TLS1_3_VERSION, "TLS 1.3");
    make_end(p);
    return tap_done();
}
