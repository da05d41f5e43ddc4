/* A TLS connection as clients make it: what the server shows of itself. */
#include "cli_connect.h"

#include <apr_strings.h>
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "ocsp/staple_cert.h"
#include "cli_starttls.h"
#include "cli_wait.h"

/* Bytes of certificates that a server may send: forty usual ones, or four
 * with keys and signatures of the largest kinds. */
#define MAX_CHAIN 65536

/* ---- context ---- */

static apr_status_t free_context(void *ctx)
{
    SSL_CTX_free(ctx);
    return APR_SUCCESS;
}

SSL_CTX *cli_connect_context(apr_pool_t *p, STACK_OF(X509) *trusted)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int i;

    if (ctx == NULL) {
        return NULL;
    }
    apr_pool_cleanup_register(p, ctx, free_context, apr_pool_cleanup_null);
    SSL_CTX_set_max_cert_list(ctx, MAX_CHAIN);
    if (trusted == NULL) {
        SSL_CTX_set_default_verify_paths(ctx);
        return ctx;
    }
    /* Whoever is named is trusted, also one below a root. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx),
                                X509_V_FLAG_PARTIAL_CHAIN);
    for (i = 0; i < sk_X509_num(trusted); i++) {
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx),
                                sk_X509_value(trusted, i)) != 1) {
            return NULL;
        }
    }
    return ctx;
}

/* ---- TCP ---- */

static const char *why_unconnected(apr_pool_t *p, CURL *curl, CURLcode result)
{
    long error = 0;

    switch ((int)result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return "the name does not resolve";
    case CURLE_OPERATION_TIMEDOUT:
        return "no connection in time";
    case CURLE_COULDNT_CONNECT:
        curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
        if (error != 0) {
            return apr_psprintf(p, "no connection: %s", strerror((int)error));
        }
        break;
    }
    return apr_psprintf(p, "no connection: %s", curl_easy_strerror(result));
}

/* A handle with a connected socket, or NULL and why not.  libcurl knows how to
 * resolve names within a time, and which of several addresses to try when. */
static CURL *connect_to(const char **why, apr_pool_t *p, const cli_target_t *at,
                        apr_time_t until)
{
    CURL *curl = curl_easy_init();
    CURLcode result;

    if (curl == NULL) {
        *why = "no memory for libcurl";
        return NULL;
    }
    curl_easy_setopt(curl, CURLOPT_URL,
                     apr_pstrcat(p, "http://", at->text, "/", NULL));
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)cli_wait_left_ms(until));
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
#endif
    result = curl_easy_perform(curl);
    if (result != CURLE_OK) {
        *why = why_unconnected(p, curl, result);
        curl_easy_cleanup(curl);
        return NULL;
    }
    return curl;
}

static const char *address_of(apr_pool_t *p, CURL *curl)
{
    char *address = NULL;
    long port = 0;

    curl_easy_getinfo(curl, CURLINFO_PRIMARY_IP, &address);
    curl_easy_getinfo(curl, CURLINFO_PRIMARY_PORT, &port);
    if (address == NULL) {
        return NULL;
    }
    return strchr(address, ':') != NULL
               ? apr_psprintf(p, "[%s]:%ld", address, port)
               : apr_psprintf(p, "%s:%ld", address, port);
}

/* ---- TLS ---- */

/* Whom the certificate has to be for, and whom the server is asked for. */
static int set_names(SSL *ssl, const cli_target_t *target,
                     const char *servername)
{
    const char *name = servername != NULL ? servername : target->host;

    if (servername == NULL && target->is_address) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    }
    /* SSL_set_tlsext_host_name() casts const away. */
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
                    TLSEXT_NAMETYPE_host_name, (char *)(apr_uintptr_t)name)
               == 1
           && SSL_set1_host(ssl, name) == 1;
}

static SSL *make_ssl(int fd, const cli_target_t *target, int version,
                     const cli_connect_options_t *options)
{
    SSL *ssl = SSL_new(options->ctx);

    if (ssl == NULL
        || SSL_set_min_proto_version(ssl,
                                     version != 0 ? version : TLS1_2_VERSION)
               != 1
        || SSL_set_max_proto_version(ssl, version) != 1
        || SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp) != 1
        || SSL_set_fd(ssl, fd) != 1
        || !set_names(ssl, target, options->servername)) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_connect_state(ssl);
    return ssl;
}

/* Why it came to nothing, from OpenSSL's queue or `error`, an errno. */
static const char *why_no_handshake(apr_pool_t *p, int ssl_error, int error)
{
    unsigned long code = ERR_peek_error();
    const char *words = ERR_reason_error_string(code);

    if (ERR_GET_LIB(code) == ERR_LIB_SSL
        && ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER) {
        return "no TLS: the server answers in the clear (is it the right "
               "port, or is --starttls needed?)";
    }
    if (words != NULL) {
        return apr_psprintf(p, "no TLS: %s", words);
    }
    return apr_psprintf(p, "no TLS: %s",
                        ssl_error == SSL_ERROR_SYSCALL && error != 0
                            ? strerror(error)
                            : "the server hangs up");
}

static const char *shake_hands(apr_pool_t *p, SSL *ssl, apr_time_t until)
{
    short events = 0;
    int result, error;

    for (;;) {
        ERR_clear_error();
        errno = 0;
        result = SSL_do_handshake(ssl);
        error = errno;
        if (result == 1) {
            return NULL;
        }
        result = SSL_get_error(ssl, result);
        if (result != SSL_ERROR_WANT_READ && result != SSL_ERROR_WANT_WRITE) {
            return why_no_handshake(p, result, error);
        }
        events = result == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        if (!cli_wait_for(SSL_get_fd(ssl), events, until)) {
            return "no TLS: the server does not answer in time";
        }
    }
}

/* ---- what it showed ---- */

static apr_status_t free_x509(void *x509)
{
    X509_free(x509);
    return APR_SUCCESS;
}

/* A reference that goes with the pool. */
static X509 *keep(apr_pool_t *p, X509 *x509)
{
    if (x509 != NULL) {
        X509_up_ref(x509);
        apr_pool_cleanup_register(p, x509, free_x509, apr_pool_cleanup_null);
    }
    return x509;
}

static X509 *issuer_among(STACK_OF(X509) *certs, X509 *leaf)
{
    int i;

    for (i = 0; i < sk_X509_num(certs); i++) {
        if (staple_cert_has_issued(sk_X509_value(certs, i), leaf)) {
            return sk_X509_value(certs, i);
        }
    }
    return NULL;
}

/* From the path that clients find, else from what the server sends. */
static X509 *find_issuer(SSL *ssl, X509 *leaf)
{
    X509 *issuer = issuer_among(SSL_get0_verified_chain(ssl), leaf);

    return issuer != NULL ? issuer
                          : issuer_among(SSL_get_peer_cert_chain(ssl), leaf);
}

/* Why clients do not take the certificate, and what that may be for. */
static const char *why_refused(apr_pool_t *p, long verified)
{
    const char *words = X509_verify_cert_error_string(verified);

    switch (verified) {
    case X509_V_OK:
        return NULL;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return apr_psprintf(p, "%s (a CA of one's own needs --ca)", words);
    }
    return words;
}

static void look(cli_peer_t *peer, apr_pool_t *p, SSL *ssl,
                 const cli_connect_options_t *options)
{
    const unsigned char *der = NULL;
    long len = SSL_get_tlsext_status_ocsp_resp(ssl, &der);

    peer->protocol = SSL_get_version(ssl);
    peer->leaf = keep(p, SSL_get0_peer_certificate(ssl));
    peer->refused = why_refused(p, SSL_get_verify_result(ssl));
    if (peer->leaf != NULL) {
        peer->issuer = keep(p, options->issuers != NULL
                                   ? issuer_among(options->issuers, peer->leaf)
                                   : find_issuer(ssl, peer->leaf));
    }
    if (der != NULL && len > 0) {
        peer->staple = apr_pmemdup(p, der, (apr_size_t)len);
        peer->staple_len = (apr_size_t)len;
    }
}

static const char *speak_tls(cli_peer_t *peer, apr_pool_t *p, int fd,
                             const cli_target_t *target, int version,
                             const cli_connect_options_t *options,
                             apr_time_t until)
{
    SSL *ssl = make_ssl(fd, target, version, options);
    const char *why = "no memory for TLS, or the server's name is none";

    if (ssl != NULL) {
        why = shake_hands(p, ssl, until);
    }
    if (ssl != NULL && why == NULL) {
        look(peer, p, ssl, options);
        SSL_shutdown(ssl);
    }
    ERR_clear_error();
    SSL_free(ssl);
    return why;
}

const char *cli_connect(cli_peer_t *peer, apr_pool_t *p,
                        const cli_target_t *target, int version,
                        const cli_connect_options_t *options)
{
    apr_time_t until = cli_wait_now() + options->timeout;
    const char *why = NULL;
    curl_socket_t fd = CURL_SOCKET_BAD;
    CURL *curl;

    memset(peer, 0, sizeof(*peer));
    curl =
        connect_to(&why, p, options->at != NULL ? options->at : target, until);
    if (curl == NULL) {
        return why;
    }
    peer->address = address_of(p, curl);
    curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD) {
        why = "libcurl has no socket";
    }
    else if (options->starttls >= 0) {
        why = cli_starttls(p, fd, options->starttls,
                           options->servername != NULL ? options->servername
                                                       : target->host,
                           until);
    }
    if (why == NULL) {
        why = speak_tls(peer, p, fd, target, version, options, until);
    }
    curl_easy_cleanup(curl); /* closes the socket */
    return why;
}
