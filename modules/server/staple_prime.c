/* The certificates that mod_ssl serves: registered while configuring. */
#include "staple_prime.h"

#include <ap_mpm.h>
#include <http_core.h>
#include <apr_hash.h>
#include <openssl/pem.h>

#include "staple_config.h"
#include "staple_policy.h"

/* A certificate that was met, on whatever server. */
typedef struct seen_t {
    staple_key_t key;
    int index; /* in registry.certs, or -1: it is not stapled */
    int has_differed; /* its servers do not agree, and that was said */
} seen_t;

static struct {
    apr_pool_t *pool;
    staple_issuers_t *issuers;
    apr_array_header_t *certs; /* staple_refresh_cert_t */
    apr_hash_t *by_key;        /* key -> seen_t, of every certificate met */
} registry;

int staple_prime_reset(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    registry.pool = pconf;
    registry.issuers = staple_cert_issuers_make(pconf);
    registry.certs = apr_array_make(pconf, 16, sizeof(staple_refresh_cert_t));
    registry.by_key = apr_hash_make(pconf);
    return OK;
}

const apr_array_header_t *staple_prime_certificates(void)
{
    return registry.certs;
}

/* httpd reads its configuration twice at start-up; once is enough to tell. */
static int is_rehearsal(void)
{
    return ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG;
}

static void tell_why_not(server_rec *s, staple_reason_e reason,
                         const char *subject)
{
    int level = reason == STAPLE_CERT_NO_URL || reason == STAPLE_CERT_NO_SOURCE
                        || reason == STAPLE_CERT_SELF_SIGNED
                    ? APLOG_INFO
                    : APLOG_WARNING;

    if (!is_rehearsal()) {
        ap_log_error(APLOG_MARK, level, 0, s,
                     STAPLE_LOGNO(0010)
                     "server %s, certificate \"%s\": not stapled: %s",
                     s->server_hostname, subject,
                     staple_reason_sentence(reason));
    }
}

/* The subject of the first certificate of a PEM text, for messages. */
static const char *subject_of(apr_pool_t *p, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    const char *subject = "?";

    if (x509 != NULL) {
        subject = staple_cert_name(p, X509_get_subject_name(x509));
    }
    X509_free(x509);
    BIO_free(bio);
    return subject;
}

static seen_t *find(const void *key)
{
    return apr_hash_get(registry.by_key, key, STAPLE_KEY_LEN);
}

static seen_t *remember(const void *key)
{
    seen_t *seen = apr_pcalloc(registry.pool, sizeof(*seen));

    memcpy(&seen->key, key, STAPLE_KEY_LEN);
    seen->index = -1;
    apr_hash_set(registry.by_key, &seen->key, STAPLE_KEY_LEN, seen);
    return seen;
}

/* Is there any way to a response, apart from the certificate's own URLs? */
static staple_reason_e check_sources(const staple_policy_t *policy,
                                     int *url_needed)
{
    *url_needed = policy->urls == NULL && policy->files == NULL;
    return policy->no_network && policy->files == NULL ? STAPLE_CERT_NO_SOURCE
                                                       : STAPLE_OK;
}

/* A certificate of several servers: mod_ssl goes through the main server and
 * then through the virtual hosts from the last to the first, so the one that
 * is primed last stands first in the configuration, and its policy wins. */
static void prefer_policy(server_rec *s, seen_t *seen,
                          const staple_policy_t *policy)
{
    staple_refresh_cert_t *entry = &APR_ARRAY_IDX(registry.certs, seen->index,
                                                  staple_refresh_cert_t);

    if (!seen->has_differed && !is_rehearsal()
        && !staple_policy_same(entry->policy, policy)) {
        seen->has_differed = 1;
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     STAPLE_LOGNO(0012)
                     "certificate \"%s\" is used by servers with different "
                     "OCSPStaple... settings: those of the first virtual host "
                     "in the configuration hold for it",
                     entry->cert->subject);
    }
    entry->policy = policy;
}

static staple_reason_e register_certificate(const staple_policy_t *policy,
                                            seen_t *seen, const char *pem)
{
    staple_refresh_cert_t *entry;
    staple_cert_t *cert;
    int url_needed;
    staple_reason_e reason = check_sources(policy, &url_needed);

    if (reason == STAPLE_OK) {
        reason = staple_cert_make(&cert, registry.pool, registry.issuers, pem,
                                  strlen(pem), url_needed);
    }
    if (reason != STAPLE_OK) {
        return reason;
    }
    if (memcmp(&cert->key, &seen->key, sizeof(cert->key)) != 0) {
        return STAPLE_CERT_UNREADABLE;
    }
    seen->index = registry.certs->nelts;
    entry = apr_array_push(registry.certs);
    entry->cert = cert;
    entry->policy = policy;
    return STAPLE_OK;
}

static void warn_of_refused_urls(server_rec *s, const seen_t *seen)
{
    const staple_cert_t *cert = APR_ARRAY_IDX(registry.certs, seen->index,
                                              staple_refresh_cert_t)
                                    .cert;

    if (cert->refused_url_count > 0 && !is_rehearsal()) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0013)
                     "certificate \"%s\": %d of its OCSP URLs are not used: "
                     "at most %d are, each http or https, without "
                     "credentials, of at most %d characters",
                     cert->subject, cert->refused_url_count,
                     STAPLE_MAX_AIA_URLS, STAPLE_MAX_URL);
    }
}

int staple_prime_certificate(server_rec *s, apr_pool_t *p, const char *id,
                             apr_size_t id_len, const char *pem)
{
    const staple_config_t *config = staple_config_get(s);
    staple_reason_e reason;
    seen_t *seen;

    if (!staple_config_enabled(s) || id_len != STAPLE_KEY_LEN) {
        return DECLINED;
    }
    seen = find(id);
    if (seen != NULL) {
        if (seen->index >= 0) {
            prefer_policy(s, seen, &config->policy);
        }
        return seen->index >= 0 ? OK : DECLINED;
    }
    seen = remember(id);
    reason = register_certificate(&config->policy, seen, pem);
    if (reason != STAPLE_OK) {
        tell_why_not(s, reason, subject_of(p, pem));
        return DECLINED;
    }
    warn_of_refused_urls(s, seen);
    return OK;
}

/* One certificate of a server that mod_ssl may not have primed. */
static void check_certificate(server_rec *s, apr_pool_t *p, X509 *x509)
{
    staple_key_t key;

    if (!staple_cert_key(&key, x509) || find(&key) != NULL) {
        return;
    }
    remember(&key);
    if (X509_check_issued(x509, x509) == X509_V_OK) {
        tell_why_not(s, STAPLE_CERT_SELF_SIGNED,
                     staple_cert_name(p, X509_get_subject_name(x509)));
        return;
    }
    if (!is_rehearsal()) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0011)
                     "server %s, certificate \"%s\": not stapled: the "
                     "certificate of its issuer \"%s\" is not configured; "
                     "append it to the SSLCertificateFile",
                     s->server_hostname,
                     staple_cert_name(p, X509_get_subject_name(x509)),
                     staple_cert_name(p, X509_get_issuer_name(x509)));
    }
}

int staple_prime_check_server(server_rec *s, apr_pool_t *p, int is_proxy,
                              SSL_CTX *ssl_ctx)
{
    X509 *current;
    long more;

    if (is_proxy || !staple_config_enabled(s)) {
        return OK;
    }
    STAPLE_OPENSSL_ENTER();
    current = SSL_CTX_get0_certificate(ssl_ctx);
    more = SSL_CTX_set_current_cert(ssl_ctx, SSL_CERT_SET_FIRST);
    while (more > 0) {
        check_certificate(s, p, SSL_CTX_get0_certificate(ssl_ctx));
        more = SSL_CTX_set_current_cert(ssl_ctx, SSL_CERT_SET_NEXT);
    }
    if (current != NULL) {
        SSL_CTX_select_current_cert(ssl_ctx, current);
    }
    STAPLE_OPENSSL_LEAVE();
    return OK;
}
