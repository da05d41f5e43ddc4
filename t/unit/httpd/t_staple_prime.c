/* Providers of OCSP responses behind ours: who hears of a certificate. */
#include "../tap.h"

#include <stdlib.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "httpd/generation/staple_register.h"
#include "httpd/staple_prime.h"
#include "httpd/staple_serve.h"

typedef ap_LINK_ssl_ocsp_prime_hook_t provider_t;

/* ---- what httpd and the registration would do ---- */

static apr_array_header_t *providers;
static int our_answer;
static int answers[4];         /* of the others */
static const char *called;     /* "0", then of the others 1 .. 4, in order */
static const char *logged;
static apr_pool_t *p;
module AP_MODULE_DECLARE_DATA ocspstaple_module;

apr_array_header_t *ap_hook_get_ssl_ocsp_prime_hook(void)
{
    return providers;
}

static int call(int number)
{
    called = apr_psprintf(p, "%s%d", called, number);
    return number > 0 ? answers[number - 1] : our_answer;
}

int staple_register_check_server(server_rec *s, apr_pool_t *pool, int is_proxy,
                                 SSL_CTX *ssl_ctx)
{
    (void)pool;
    (void)is_proxy;
    (void)ssl_ctx;
    return s->port; /* so many */
}

int staple_serve_status(SSL *ssl, void *s)
{
    (void)ssl;
    (void)s;
    return SSL_TLSEXT_ERR_NOACK;
}

static int mod_ssl_status(SSL *ssl, void *arg)
{
    (void)ssl;
    (void)arg;
    return SSL_TLSEXT_ERR_NOACK;
}

int staple_register_certificate(server_rec *s, apr_pool_t *pool, const char *id,
                                apr_size_t id_len, const char *pem)
{
    is_str(s->server_hostname, "a.example", "the server goes with it");
    ok(pool == p && strcmp(id, "id") == 0 && id_len == 2
           && strcmp(pem, "pem") == 0,
       "the certificate goes with it");
    return call(0);
}

#define OTHER(number)                                                          \
    static int other_##number(server_rec *s, apr_pool_t *pool, const char *id, \
                              apr_size_t id_len, const char *pem)              \
    {                                                                          \
        ok(strcmp(s->server_hostname, "a.example") == 0 && pool == p           \
               && strcmp(id, "id") == 0 && id_len == 2                         \
               && strcmp(pem, "pem") == 0,                                     \
           "provider %d hears of just this certificate", number);              \
        return call(number);                                                   \
    }
OTHER(1)
OTHER(2)
OTHER(3)
OTHER(4)

void ap_log_error_(const char *file, int line, int module_index, int level,
                   apr_status_t status, const server_rec *s, const char *format,
                   ...)
{
    va_list args;

    (void)file;
    (void)line;
    (void)module_index;
    (void)level;
    (void)status;
    (void)s;
    va_start(args, format);
    logged = apr_pvsprintf(p, format, args);
    va_end(args);
}

static void add(ap_HOOK_ssl_ocsp_prime_hook_t *function, const char *name)
{
    provider_t *provider = apr_array_push(providers);

    memset(provider, 0, sizeof(*provider));
    provider->pFunc = function;
    provider->szName = name;
}

/* ---- the checks ---- */

/* What is called when httpd asks us, with these answers. */
static int prime(int ours, const int *theirs)
{
    server_rec s = {.server_hostname = apr_pstrdup(p, "a.example"),
                    .log = {.level = APLOG_WARNING}};

    our_answer = ours;
    memcpy(answers, theirs, sizeof(answers));
    called = "";
    logged = "";
    return staple_prime(&s, p, "id", 2, "pem");
}

static const struct {
    const char *name;
    int ours, theirs[4];
    const char *called;
    int is_told;
} rows[] = {
    {"not ours: httpd itself goes on to those behind", DECLINED,
     {OK, OK, OK, OK}, "0", 0},
    {"ours: those behind are asked, none of those before", OK,
     {DECLINED, DECLINED, DECLINED, DECLINED}, "0234", 0},
    {"the first one that takes it is the last one that is told", OK,
     {DECLINED, DECLINED, OK, OK}, "023", 0},
    {"one that fails is the last one, too, and there is a line", OK,
     {DECLINED, HTTP_INTERNAL_SERVER_ERROR, OK, OK}, "02", 1},
};

/* Whom handshakes of a server call, of which we took so many certificates. */
static void check_callback(int unoffered, int has_one)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    server_rec s = {.port = (apr_port_t)unoffered};
    int (*now)(SSL *, void *) = NULL;
    void *arg = NULL;

    if (has_one) {
        SSL_CTX_set_tlsext_status_cb(ctx, mod_ssl_status);
    }
    is_int(staple_prime_server(&s, p, 0, ctx), OK, "the next hook is called");
    SSL_CTX_get_tlsext_status_cb(ctx, &now);
    SSL_CTX_get_tlsext_status_arg(ctx, &arg);
    if (has_one) {
        ok(now == mod_ssl_status, "mod_ssl's callback stays");
    }
    else {
        ok(unoffered > 0 ? now == staple_serve_status && arg == &s
                         : now == NULL,
           "%d that mod_ssl does not know: who is called", unoffered);
    }
    SSL_CTX_free(ctx);
}

int main(void)
{
    unsigned i;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&p, NULL);
    providers = apr_array_make(p, 5, sizeof(provider_t));
    add(other_1, "mod_before.c");
    add(staple_prime, "mod_ocspstaple.c");
    add(other_2, "mod_md.c");
    add(other_3, "mod_other.c");
    add(other_4, "mod_last.c");
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(prime(rows[i].ours, rows[i].theirs), rows[i].ours,
               "%s: what we answer does not change", rows[i].name);
        is_str(called, rows[i].called, "%s: who is called", rows[i].name);
        ok((strstr(logged, "mod_md.c failed (500)") != NULL)
               == rows[i].is_told,
           "%s: the log", rows[i].name);
    }
    apr_array_clear(providers);
    add(staple_prime, "mod_ocspstaple.c");
    is_int(prime(OK, rows[1].theirs), OK, "nobody is behind us");
    is_str(called, "0", "so nobody is told");
    check_callback(0, 0);
    check_callback(1, 0);
    check_callback(0, 1);
    check_callback(2, 1);
    return tap_done();
}
