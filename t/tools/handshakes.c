/* Many TLS handshakes at once: what each got stapled, how long it took. */
#include "hs_judge.h"
#include "hs_names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * One thread, `concurrency` non-blocking connections, each of which begins the
 * next handshake after its last one.  Names are taken in turn.  One line for
 * each handshake, tab-separated:
 *
 *   NAME  ok|failed  MS  STAPLE_BYTES  STATUS  SHA1_OF_STAPLE  [WHY]
 *
 * STATUS: none, good, revoked, unknown, an error status such as tryLater, or
 * with --verify "invalid:REASON".  The last line sums up.
 */
typedef struct conn_t {
    int fd; /* -1: idle */
    SSL *ssl;
    hs_name_t *name;
    double began_at;
    time_t began_on; /* the same, by the calendar */
    double not_before; /* of the next one: after --pause, or a failure */
} conn_t;

static struct {
    struct sockaddr_in server;
    long total, concurrency;
    double timeout, pause, loop; /* seconds; loop < 0: until SIGTERM */
    int tls, status, quiet, require, until_stapled;
    char *sigalgs; /* not const: OpenSSL's macro casts it away */
    const char *ciphers, *verify, *der, *fill;
    SSL_CTX *ctx;
    STACK_OF(X509) * trusted;
    int epoll;
    long begun, ended, ok, stapled;
    double started_at;
    double *took; /* milliseconds, ring of the last TOOK_ROOM */
} run = {.concurrency = 1, .timeout = 10, .status = 1};

#define TOOK_ROOM 1000000

static volatile sig_atomic_t is_stopping;

static void on_signal(int number)
{
    (void)number;
    is_stopping = 1;
}

static void die(const char *what)
{
    fprintf(stderr, "handshakes: %s\n", what);
    exit(2);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- one handshake ---- */

static void save_der(const unsigned char *der, long len)
{
    FILE *file = fopen(run.der, "wb");

    if (file == NULL || fwrite(der, 1, (size_t)len, file) != (size_t)len
        || fclose(file) != 0) {
        die("cannot write the file of --der");
    }
}

/* Judges a staple unless it is the one that this name had last; its digest is
 * left in `digest`. */
static const char *judge(conn_t *conn, unsigned char *digest,
                         const unsigned char *der, long len)
{
    SHA1(der, (size_t)len, digest);
    if (conn->name->judgement == NULL
        || memcmp(digest, conn->name->judged, SHA_DIGEST_LENGTH) != 0) {
        conn->name->judgement = hs_judge(conn->ssl, der, len,
                                         run.trusted, conn->began_on);
        memcpy(conn->name->judged, digest, SHA_DIGEST_LENGTH);
    }
    return conn->name->judgement;
}

static void tell(conn_t *conn, const char *failure)
{
    double ms = (now() - conn->began_at) * 1000;
    unsigned char digest[SHA_DIGEST_LENGTH] = {0};
    const unsigned char *der = NULL;
    const char *judgement = "none";
    long len = -1;
    int is_stapled, i;

    if (failure == NULL) {
        len = SSL_get_tlsext_status_ocsp_resp(conn->ssl, &der);
        run.took[run.ok++ % TOOK_ROOM] = ms;
    }
    is_stapled = der != NULL && len > 0;
    hs_names_ended(conn->name, is_stapled, now());
    if (is_stapled) {
        run.stapled++;
        if (run.der != NULL) {
            save_der(der, len);
        }
    }
    if (run.quiet) {
        return;
    }
    if (is_stapled) {
        judgement = judge(conn, digest, der, len);
    }
    printf("%s\t%s\t%.3f\t%ld\t%s\t", conn->name->name,
           failure == NULL ? "ok" : "failed", ms, len > 0 ? len : 0, judgement);
    for (i = 0; len > 0 && i < SHA_DIGEST_LENGTH; i++) {
        printf("%02x", digest[i]);
    }
    printf("%s%s%s\n", len > 0 ? "" : "-", failure != NULL ? "\t" : "",
           failure != NULL ? failure : "");
}

static void end(conn_t *conn, const char *failure)
{
    struct linger reset = {1, 0};

    run.ended++;
    conn->not_before = now() + (failure == NULL ? run.pause : 0.01);
    tell(conn, failure);
    if (failure == NULL) {
        SSL_shutdown(conn->ssl);
    }
    else {
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    SSL_free(conn->ssl);
    close(conn->fd);
    conn->ssl = NULL;
    conn->fd = -1;
    ERR_clear_error();
}

static void watch(conn_t *conn, unsigned events, int operation)
{
    struct epoll_event event = {.events = events, .data = {.ptr = conn}};

    epoll_ctl(run.epoll, operation, conn->fd, &event);
}

static void go_on(conn_t *conn)
{
    int result, error;
    const char *words;

    errno = 0;
    result = SSL_do_handshake(conn->ssl);
    if (result == 1) {
        end(conn, NULL);
        return;
    }
    switch (SSL_get_error(conn->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        watch(conn, EPOLLIN, EPOLL_CTL_MOD);
        return;
    case SSL_ERROR_WANT_WRITE:
        watch(conn, EPOLLOUT, EPOLL_CTL_MOD);
        return;
    case SSL_ERROR_SYSCALL:
        error = errno;
        end(conn, error != 0 ? strerror(error) : "connection closed");
        return;
    default:
        words = ERR_reason_error_string(ERR_peek_error());
        end(conn, words != NULL ? words : "TLS error");
    }
}

static void begin(conn_t *conn)
{
    conn->name = run.until_stapled ? hs_names_next_left(now())
                                   : hs_names_next();
    if (conn->name == NULL) {
        return;
    }
    run.begun++;
    conn->began_at = now();
    conn->began_on = time(NULL);
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    conn->ssl = SSL_new(run.ctx);
    if (conn->fd < 0 || conn->ssl == NULL) {
        die("no socket or no memory");
    }
    SSL_set_fd(conn->ssl, conn->fd);
    SSL_set_tlsext_host_name(conn->ssl, conn->name->name);
    if (run.status) {
        SSL_set_tlsext_status_type(conn->ssl, TLSEXT_STATUSTYPE_ocsp);
    }
    SSL_set_connect_state(conn->ssl);
    if (connect(conn->fd, (struct sockaddr *)&run.server, sizeof(run.server))
            != 0
        && errno != EINPROGRESS) {
        end(conn, strerror(errno));
        return;
    }
    watch(conn, EPOLLOUT, EPOLL_CTL_ADD);
}

static int is_more(void)
{
    if (run.until_stapled && hs_names_left() == 0) {
        return 0;
    }
    if (run.loop != 0) {
        return !is_stopping
               && (run.loop < 0 || now() - run.started_at < run.loop);
    }
    return !is_stopping && run.begun < run.total;
}

static void run_all(conn_t *conns)
{
    struct epoll_event events[256];
    double looked_at = now();
    long i;
    int count;

    for (;;) {
        for (i = 0; i < run.concurrency; i++) {
            if (conns[i].fd < 0 && conns[i].not_before <= now() && is_more()) {
                begin(&conns[i]);
            }
        }
        if (run.begun == run.ended && !is_more()) {
            return;
        }
        count = epoll_wait(run.epoll, events, 256, 10);
        while (count-- > 0) {
            go_on(events[count].data.ptr);
        }
        if (now() - looked_at < 0.05) {
            continue;
        }
        looked_at = now();
        for (i = 0; i < run.concurrency; i++) {
            if (conns[i].fd >= 0
                && looked_at - conns[i].began_at > run.timeout) {
                end(&conns[i], "timeout");
            }
        }
    }
}

/* ---- the whole ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void sum_up(void)
{
    double seconds = now() - run.started_at;
    size_t count = (size_t)(run.ok < TOOK_ROOM ? run.ok : TOOK_ROOM);
    static const double points[] = {0.5, 0.95, 0.99, 1};
    static const char *const labels[] = {"p50", "p95", "p99", "max"};
    size_t i;

    qsort(run.took, count, sizeof(*run.took), compare);
    printf("# total=%ld ok=%ld failed=%ld stapled=%ld seconds=%.3f "
           "left=%zu at_first=%zu per_second=%.1f",
           run.ended, run.ok, run.ended - run.ok, run.stapled, seconds,
           hs_names_left(), hs_names_at_first(),
           seconds > 0 ? (double)run.ok / seconds : 0);
    for (i = 0; i < 4; i++) {
        size_t at = (size_t)((double)count * points[i]);

        printf(" %s_ms=%.3f", labels[i],
               count > 0 ? run.took[at < count ? at : count - 1] : 0.0);
    }
    printf("\n");
}

static void parse_server(const char *text)
{
    const char *colon = strrchr(text, ':');
    char host[64];

    if (colon == NULL || (size_t)(colon - text) >= sizeof(host)) {
        die("give the server as ADDRESS:PORT");
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    run.server.sin_family = AF_INET;
    run.server.sin_port = htons((unsigned short)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &run.server.sin_addr) != 1) {
        die("the server's address is not an IPv4 address");
    }
}

static void parse_tls(const char *text)
{
    run.tls = strcmp(text, "1.2") == 0   ? TLS1_2_VERSION
              : strcmp(text, "1.3") == 0 ? TLS1_3_VERSION
                                         : 0;
    if (run.tls == 0) {
        die("--tls takes 1.2 or 1.3");
    }
}

static void usage(void)
{
    puts("usage: handshakes [options] ADDRESS:PORT\n"
         "  --name NAME          server name to ask for; may be repeated\n"
         "  --names FILE         names, one a line\n"
         "  --count N            handshakes (default: one for each name)\n"
         "  --concurrency N      connections at once (default 1)\n"
         "  --loop SECONDS       go on for so long; 0: until SIGTERM\n"
         "  --until-stapled      with --loop: ask for a name until it got a "
         "staple\n"
         "  --fill FILE          with --until-stapled: write there after how "
         "many seconds\n"
         "                       each name had its first staple\n"
         "  --pause MS           between two of one connection\n"
         "  --timeout SECONDS    of one handshake (default 10)\n"
         "  --tls 1.2|1.3        this version only\n"
         "  --sigalgs LIST --ciphers LIST   to choose the certificate\n"
         "  --verify FILE        verify staples; FILE: issuers or roots, PEM\n"
         "  --no-status          do not ask for a staple\n"
         "  --require-staple     handshakes without one are failures\n"
         "  --der FILE           write the last staple there\n"
         "  --quiet              the last line only");
    exit(2);
}

static void take_option(int option, char *value)
{
    switch (option) {
    case 0:
        return;
    case 'n':
        hs_names_add(value);
        return;
    case 'N':
        if (!hs_names_read(value)) {
            die("cannot read the file of --names");
        }
        return;
    case 'c':
        run.total = atol(value);
        return;
    case 'C':
        run.concurrency = atol(value);
        return;
    case 'l':
        run.loop = atof(value) > 0 ? atof(value) : -1;
        return;
    case 'p':
        run.pause = atof(value) / 1000;
        return;
    case 't':
        run.timeout = atof(value);
        return;
    case 'T':
        parse_tls(value);
        return;
    case 's':
        run.sigalgs = value;
        return;
    case 'e':
        run.ciphers = value;
        return;
    case 'v':
        run.verify = value;
        return;
    case 'd':
        run.der = value;
        return;
    case 'f':
        run.fill = value;
        return;
    default:
        usage();
    }
}

static void parse_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"name", 1, NULL, 'n'},      {"names", 1, NULL, 'N'},
        {"count", 1, NULL, 'c'},     {"concurrency", 1, NULL, 'C'},
        {"loop", 1, NULL, 'l'},      {"timeout", 1, NULL, 't'},
        {"tls", 1, NULL, 'T'},       {"sigalgs", 1, NULL, 's'},
        {"ciphers", 1, NULL, 'e'},   {"verify", 1, NULL, 'v'},
        {"der", 1, NULL, 'd'},       {"no-status", 0, &run.status, 0},
        {"quiet", 0, &run.quiet, 1}, {"require-staple", 0, &run.require, 1},
        {"pause", 1, NULL, 'p'},     {"help", 0, NULL, 'h'},
        {"fill", 1, NULL, 'f'},
        {"until-stapled", 0, &run.until_stapled, 1},
        {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        take_option(option, optarg);
    }
    if (optind + 1 != argc || hs_names_count() == 0 || run.concurrency < 1) {
        usage();
    }
    parse_server(argv[optind]);
    run.total = run.total > 0 ? run.total : (long)hs_names_count();
}

static void load_trusted(void)
{
    BIO *bio = BIO_new_file(run.verify, "r");
    X509 *x509;

    run.trusted = sk_X509_new_null();
    while (bio != NULL
           && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        sk_X509_push(run.trusted, x509);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (sk_X509_num(run.trusted) == 0) {
        die("the file of --verify has no certificate");
    }
}

/* Whose certificate it is does not matter here, and to find out takes time. */
static int accept_chain(X509_STORE_CTX *store_ctx, void *baton)
{
    (void)store_ctx;
    (void)baton;
    return 1;
}

static void prepare(void)
{
    run.ctx = SSL_CTX_new(TLS_client_method());
    run.took = calloc(TOOK_ROOM, sizeof(*run.took));
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (run.ctx == NULL || run.took == NULL || run.epoll < 0) {
        die("no memory");
    }
    SSL_CTX_set_verify(run.ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_cert_verify_callback(run.ctx, accept_chain, NULL);
    SSL_CTX_set_session_cache_mode(run.ctx, SSL_SESS_CACHE_OFF);
    if (run.tls != 0
        && (!SSL_CTX_set_min_proto_version(run.ctx, run.tls)
            || !SSL_CTX_set_max_proto_version(run.ctx, run.tls))) {
        die("this TLS version is not available");
    }
    if (run.sigalgs != NULL
        && !SSL_CTX_set1_sigalgs_list(run.ctx, run.sigalgs)) {
        die("--sigalgs is not understood");
    }
    if (run.ciphers != NULL && !SSL_CTX_set_cipher_list(run.ctx, run.ciphers)) {
        die("--ciphers is not understood");
    }
    if (run.verify != NULL) {
        load_trusted();
    }
}

int main(int argc, char **argv)
{
    conn_t *conns;
    long i;

    parse_options(argc, argv);
    prepare();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    conns = calloc((size_t)run.concurrency, sizeof(*conns));
    if (conns == NULL) {
        die("no memory");
    }
    for (i = 0; i < run.concurrency; i++) {
        conns[i].fd = -1;
    }
    run.started_at = now();
    run_all(conns);
    if (run.fill != NULL && !hs_names_write_fill(run.fill, run.started_at)) {
        die("the file of --fill cannot be written");
    }
    sum_up();
    return run.ok == run.ended && (!run.require || run.stapled == run.ended)
               ? 0
               : 1;
}
