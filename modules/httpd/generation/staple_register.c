/* The certificates that mod_ssl serves: registered while configuring. */
#include "staple_register.h"

#include <ap_mpm.h>
#include <http_core.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <openssl/pem.h>

#include "httpd/config/staple_config.h"

#define MAX_DEPTH 10 /* certificates in a chain that are looked at */

/* A certificate that was met, on whatever server. */
typedef struct seen_t {
    staple_key_t key;
    int index; /* in registry.certs, or -1: it is not stapled */
    int disabled; /* in registry.disabled, or -1 */
    staple_reason_e reason; /* why not; OK: it was met as an issuer only */
    int is_signed; /* by the issuer that it has; 0: not verified so far */
    struct seen_t *waits_for; /* its issuer, of which a server that comes later
                                 may know who issued it; or NULL */
} seen_t;

static struct {
    apr_pool_t *pool;
    staple_issuers_t *issuers;
    apr_array_header_t *certs;   /* staple_refresh_cert_t */
    apr_array_header_t *servers; /* of each: array of server_rec *, in
                                    mod_ssl's order */
    apr_hash_t *by_key;        /* key -> seen_t, of every certificate met */
    apr_array_header_t *disabled; /* staple_disabled_t */
    apr_hash_t *files; /* of OCSPStapleChainFile: path -> array of X509 * */
    apr_hash_t *pairs; /* keys of two -> pair_t: who issued whom */
} registry;

void staple_register_begin(apr_pool_t *pconf)
{
    registry.pool = pconf;
    registry.issuers = staple_cert_issuers_make(pconf);
    registry.certs = apr_array_make(pconf, 16, sizeof(staple_refresh_cert_t));
    registry.servers = apr_array_make(pconf, 16, sizeof(apr_array_header_t *));
    registry.by_key = apr_hash_make(pconf);
    registry.files = apr_hash_make(pconf);
    registry.pairs = apr_hash_make(pconf);
    registry.disabled = apr_array_make(pconf, 4, sizeof(staple_disabled_t));
}

static staple_refresh_cert_t *entry_at(int index)
{
    return &APR_ARRAY_IDX(registry.certs, index, staple_refresh_cert_t);
}

static apr_array_header_t *servers_of(int index)
{
    return APR_ARRAY_IDX(registry.servers, index, apr_array_header_t *);
}

/* httpd reads its configuration twice at start-up, and throws away what came
 * of the first time: once is enough to read certificates and to complain. */
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

    ap_log_error(APLOG_MARK, level, 0, s,
                 STAPLE_LOGNO(0010)
                 "server %s, certificate \"%s\": not stapled: %s",
                 s->server_hostname, subject, staple_reason_sentence(reason));
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
    seen->index = seen->disabled = -1;
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

/* May these settings make a certificate of one that others refused? */
static int may_help(const seen_t *seen, const staple_policy_t *policy)
{
    int url_needed;

    return check_sources(policy, &url_needed) == STAPLE_OK
           && (seen->reason == STAPLE_CERT_NO_SOURCE
               || seen->reason == STAPLE_CERT_WRONG_ISSUER
               || (seen->reason == STAPLE_CERT_NO_URL && !url_needed));
}

/* A certificate of several servers: mod_ssl goes through the main server and
 * then through the virtual hosts from the last to the first, so the one that
 * is primed last stands first in the configuration, and its policy wins; not
 * one that leaves no responder to ask. */
static void prefer_policy(const seen_t *seen, const staple_policy_t *policy)
{
    staple_refresh_cert_t *entry = entry_at(seen->index);

    if (policy->files != NULL
        || staple_responder_attempts(entry->cert, policy) > 0) {
        entry->policy = policy;
    }
    entry->is_issuer = 0;
}

static void tell_wrong_issuer(const staple_cert_t *cert,
                              const server_rec *wrong, const server_rec *right,
                              apr_pool_t *p)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, wrong,
                 STAPLE_LOGNO(0132)
                 "certificate \"%s\": the issuer \"%s\" that is configured "
                 "for server %s did not sign it, that for server %s did, and "
                 "is used",
                 cert->subject, cert->issuer->subject,
                 staple_config_place(p, wrong),
                 staple_config_place(p, right));
}

/* Server s has the certificate with an issuer of its own choice: where that is
 * another one than was there before, it counts who signed the certificate, not
 * who came first. */
static void prefer_issuer(server_rec *s, apr_pool_t *p, seen_t *seen,
                          const char *pem)
{
    staple_refresh_cert_t *entry = entry_at(seen->index);
    const server_rec *first = APR_ARRAY_IDX(
        servers_of(seen->index), 0,
        server_rec *);
    const staple_issuer_t *issuer =
        staple_cert_issuer(registry.issuers, pem, strlen(pem));
    staple_cert_t *cert;

    if (issuer == NULL || issuer == entry->cert->issuer) {
        return;
    }
    seen->is_signed = seen->is_signed
                      || staple_cert_is_signed(pem, strlen(pem),
                                               entry->cert->issuer);
    if (seen->is_signed) {
        if (!staple_cert_is_signed(pem, strlen(pem), issuer)) {
            tell_wrong_issuer(entry->cert, s, first, p);
        }
        return;
    }
    if (staple_cert_is_signed(pem, strlen(pem), issuer)
        && staple_cert_make(&cert, registry.pool, registry.issuers, pem,
                            strlen(pem), 0)
               == STAPLE_OK) {
        tell_wrong_issuer(entry->cert, first, s, p);
        entry->cert = cert;
        seen->is_signed = 1;
    }
}

/* ---- the servers of a certificate, in the order of the configuration ---- */

/* mod_ssl registers the certificate for server s. */
static void append_server(apr_array_header_t *servers, server_rec *s)
{
    if (servers->nelts == 0
        || APR_ARRAY_IDX(servers, servers->nelts - 1, server_rec *) != s) {
        *(server_rec **)apr_array_push(servers) = s;
    }
}

/* Once, after the last one was added: mod_ssl goes from the last virtual host
 * to the first. */
static void order_servers(apr_array_header_t *servers)
{
    int i;

    for (i = 0; i < servers->nelts / 2; i++) {
        server_rec **a = &APR_ARRAY_IDX(servers, i, server_rec *);
        server_rec **b = &APR_ARRAY_IDX(servers, servers->nelts - 1 - i,
                                        server_rec *);
        server_rec *s = *a;

        *a = *b;
        *b = s;
    }
}

/* Server s uses certificate `index` (or one below it). */
static void add_server(int index, server_rec *s)
{
    append_server(servers_of(index), s);
}

/* ---- certificates to staple ---- */

static staple_refresh_cert_t *add_certificate(seen_t *seen,
                                              const staple_cert_t *cert,
                                              const staple_policy_t *policy)
{
    staple_refresh_cert_t *entry;

    seen->index = registry.certs->nelts;
    entry = apr_array_push(registry.certs);
    memset(entry, 0, sizeof(*entry));
    entry->cert = cert;
    entry->policy = policy;
    *(apr_array_header_t **)apr_array_push(registry.servers)
        = apr_array_make(registry.pool, 1, sizeof(server_rec *));
    return entry;
}

static staple_reason_e register_certificate(const staple_policy_t *policy,
                                            seen_t *seen, const char *pem)
{
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
    add_certificate(seen, cert, policy);
    return STAPLE_OK;
}

static void warn_of_refused_urls(server_rec *s, const seen_t *seen)
{
    const staple_cert_t *cert = entry_at(seen->index)->cert;

    if (cert->refused_url_count > 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0013)
                     "certificate \"%s\": %d of its OCSP URLs are not used: "
                     "at most %d are, each http or https, without "
                     "credentials, of at most %d characters",
                     cert->subject, cert->refused_url_count,
                     STAPLE_MAX_AIA_URLS, STAPLE_MAX_URL);
    }
}

int staple_register_certificate(server_rec *s, apr_pool_t *p, const char *id,
                             apr_size_t id_len, const char *pem)
{
    const staple_config_t *config = staple_config_get(s);
    seen_t *seen;

    if (!staple_config_enabled(s) || id_len != STAPLE_KEY_LEN
        || is_rehearsal()) {
        return DECLINED;
    }
    seen = find(id);
    if (seen != NULL && seen->index >= 0) {
        prefer_issuer(s, p, seen, pem);
        prefer_policy(seen, config->policy);
        add_server(seen->index, s);
        return OK;
    }
    if (seen != NULL && seen->reason != STAPLE_OK
        && !may_help(seen, config->policy)) {
        return DECLINED;
    }
    seen = seen != NULL ? seen : remember(id);
    seen->reason = register_certificate(config->policy, seen, pem);
    if (seen->reason != STAPLE_OK) {
        tell_why_not(s, seen->reason, subject_of(p, pem));
        return DECLINED;
    }
    warn_of_refused_urls(s, seen);
    add_server(seen->index, s);
    return OK;
}

/* mod_ssl did not prime this certificate: it has no issuer for it. */
static void tell_issuer_missing(server_rec *s, apr_pool_t *p, seen_t *seen,
                                X509 *x509)
{
    if (X509_self_signed(x509, 0) == 1) {
        seen->reason = STAPLE_CERT_SELF_SIGNED;
        tell_why_not(s, seen->reason,
                     staple_cert_name(p, X509_get_subject_name(x509)));
        return;
    }
    seen->reason = STAPLE_CERT_NO_ISSUER;
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                 STAPLE_LOGNO(0011)
                 "server %s, certificate \"%s\": not stapled: the "
                 "certificate of its issuer \"%s\" is not configured; "
                 "append it to the SSLCertificateFile",
                 s->server_hostname,
                 staple_cert_name(p, X509_get_subject_name(x509)),
                 staple_cert_name(p, X509_get_issuer_name(x509)));
}

static void tell_not_followed(server_rec *s, apr_pool_t *p, X509 *issuer,
                              const char *why)
{
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, s,
                 STAPLE_LOGNO(0015)
                 "issuer \"%s\": its own status is not followed: %s",
                 staple_cert_name(p, X509_get_subject_name(issuer)), why);
}

/* The entry that follows the status of an issuer, made by the first server that
 * knows who issued it; -1: none so far.  As with the servers' own certificates,
 * the policy of the first in the configuration, which comes last, wins. */
static int follow_issuer(server_rec *s, apr_pool_t *p, X509 *issuer,
                         X509 *above)
{
    const staple_policy_t *policy = staple_config_get(s)->policy;
    staple_reason_e reason;
    staple_cert_t *cert;
    staple_key_t key;
    seen_t *seen;

    if (!staple_cert_key(&key, issuer)) {
        return -1;
    }
    seen = find(&key);
    if (seen != NULL && seen->index >= 0) {
        staple_refresh_cert_t *entry = entry_at(seen->index);

        entry->policy = entry->is_issuer ? policy : entry->policy;
        return seen->index;
    }
    if (above == NULL) {
        if (seen == NULL) {
            remember(&key);
            tell_not_followed(
                s, p, issuer,
                apr_psprintf(p,
                             "the certificate of its issuer \"%s\" is not "
                             "configured; put it into a file and name that "
                             "with OCSPStapleChainFile",
                             staple_cert_name(p,
                                              X509_get_issuer_name(issuer))));
        }
        return -1;
    }
    reason = staple_cert_from_x509(&cert, registry.pool, registry.issuers,
                                   issuer, above, 1);
    if (reason == STAPLE_OK) {
        seen = seen != NULL ? seen : remember(&key);
        add_certificate(seen, cert, policy)->is_issuer = 1;
        return seen->index;
    }
    if (seen == NULL) {
        remember(&key);
        tell_not_followed(s, p, issuer, staple_reason_sentence(reason));
    }
    return -1;
}

static int has_ocsp_url(X509 *x509)
{
    STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(x509);
    int count = sk_OPENSSL_STRING_num(urls);

    X509_email_free(urls);
    return count > 0;
}

/* Certificate `index` is below this issuer, if that gets to be followed. */
static void wait_for(int index, X509 *issuer)
{
    const staple_refresh_cert_t *entry =
        entry_at(index);
    seen_t *seen = find(&entry->cert->key);
    staple_key_t key;

    if (seen != NULL && entry->above == 0 && staple_cert_key(&key, issuer)) {
        seen->waits_for = find(&key);
    }
}

/* Puts certificates below issuers that were followed later than they came. */
static void end_waits(apr_pool_t *p)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(p, registry.by_key); i != NULL;
         i = apr_hash_next(i)) {
        const seen_t *seen = apr_hash_this_val(i);
        staple_refresh_cert_t *entry =
            seen->index >= 0 ? entry_at(seen->index)
                             : NULL;
        const apr_array_header_t *servers;
        int k;

        if (entry == NULL || entry->above != 0 || seen->waits_for == NULL
            || seen->waits_for->index < 0) {
            continue;
        }
        entry->above = (apr_uint32_t)seen->waits_for->index + 1;
        servers =
            servers_of(seen->index);
        for (k = 0; k < servers->nelts; k++) {
            add_server(seen->waits_for->index,
                       APR_ARRAY_IDX(servers, k, server_rec *));
        }
    }
}

/* ---- the issuers above a certificate, from mod_ssl and files ---- */

static apr_status_t free_x509(void *x509)
{
    X509_free(x509);
    return APR_SUCCESS;
}

/* All certificates of one PEM file, X509 *; empty where it has none. */
static apr_array_header_t *read_file(const server_rec *s, const char *path)
{
    apr_array_header_t *certs =
        apr_array_make(registry.pool, 4, sizeof(X509 *));
    BIO *bio = BIO_new_file(path, "r");
    X509 *x509;

    while (bio != NULL
           && (x509 = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
        *(X509 **)apr_array_push(certs) = x509;
        apr_pool_cleanup_register(registry.pool, x509, free_x509,
                                  apr_pool_cleanup_null);
    }
    if (certs->nelts == 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0014)
                     "OCSPStapleChainFile %s: %s; it must be a PEM file with "
                     "the certificates of issuers",
                     path,
                     bio == NULL ? "cannot be opened" : "has no certificate");
    }
    BIO_free(bio);
    return certs;
}

/* The certificates of a file, read at the first time it is named. */
static const apr_array_header_t *file_of(const server_rec *s, const char *path)
{
    apr_array_header_t *certs =
        apr_hash_get(registry.files, path, APR_HASH_KEY_STRING);

    if (certs == NULL) {
        certs = read_file(s, path);
        apr_hash_set(registry.files, path, APR_HASH_KEY_STRING, certs);
    }
    return certs;
}

/* A pair of certificates, and what became of verifying the signature: ten
 * thousand virtual hosts have the same few. */
typedef struct pair_t {
    staple_key_t keys[2];
    X509 *issuer, *x509;
    int has_issued;
} pair_t;

static apr_status_t free_pair(void *data)
{
    pair_t *pair = data;

    X509_free(pair->issuer);
    X509_free(pair->x509);
    return APR_SUCCESS;
}

static void remember_pair(const staple_key_t keys[2], X509 *issuer, X509 *x509,
                          int has_issued)
{
    pair_t *pair = apr_pcalloc(registry.pool, sizeof(*pair));

    X509_up_ref(issuer);
    X509_up_ref(x509);
    memcpy(pair->keys, keys, sizeof(pair->keys));
    pair->issuer = issuer;
    pair->x509 = x509;
    pair->has_issued = has_issued;
    apr_pool_cleanup_register(registry.pool, pair, free_pair,
                              apr_pool_cleanup_null);
    apr_hash_set(registry.pairs, pair->keys, sizeof(pair->keys), pair);
}

/* Verifies a signature, once for each two certificates.  The hash is over what
 * OpenSSL has of both anyway, SHA-1; whether they are the same is compared byte
 * by byte. */
static int has_issued(X509 *issuer, X509 *x509)
{
    staple_key_t keys[2];
    const pair_t *pair;
    int result;

    if (X509_check_issued(issuer, x509) != X509_V_OK
        || !staple_cert_key(&keys[0], issuer)
        || !staple_cert_key(&keys[1], x509)) {
        return 0;
    }
    pair = apr_hash_get(registry.pairs, keys, sizeof(keys));
    if (pair != NULL && X509_cmp(pair->issuer, issuer) == 0
        && X509_cmp(pair->x509, x509) == 0) {
        return pair->has_issued;
    }
    result = staple_cert_has_issued(issuer, x509);
    if (pair == NULL) {
        remember_pair(keys, issuer, x509, result);
    }
    return result;
}

/* Where issuers of one server's current certificate are looked for. */
typedef struct chain_t {
    STACK_OF(X509) *sent;    /* what the server sends with it; not owned */
    X509_STORE *trusted;     /* mod_ssl's CA certificates; not owned */
    apr_array_header_t *own; /* X509 * of OCSPStapleChainFile */
} chain_t;

/* Looks where issuers of the current certificate of `ssl_ctx` may be.  Files
 * are read once per configuration; one that cannot be read gets one warning. */
static void open_chain(chain_t *chain, const server_rec *s, apr_pool_t *p,
                       SSL_CTX *ssl_ctx)
{
    const char *const *path = staple_config_get(s)->policy->chain_files;

    chain->sent = NULL;
    SSL_CTX_get0_chain_certs(ssl_ctx, &chain->sent);
    if (chain->sent == NULL) {
        SSL_CTX_get_extra_chain_certs(ssl_ctx, &chain->sent);
    }
    chain->trusted = SSL_CTX_get_cert_store(ssl_ctx);
    chain->own = apr_array_make(p, 4, sizeof(X509 *));
    for (; path != NULL && *path != NULL; path++) {
        apr_array_cat(chain->own, file_of(s, *path));
    }
}

static X509 *issuer_in_store(const chain_t *chain, X509 *x509)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(chain->trusted);
    int i;

    for (i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *candidate = X509_OBJECT_get0_X509(
            sk_X509_OBJECT_value(objects, i));

        if (candidate != NULL && has_issued(candidate, x509)) {
            return candidate;
        }
    }
    return NULL;
}

/* The certificate that issued `x509`, by its signature, which is verified once
 * in a configuration for each two certificates; not owned by the caller.  NULL:
 * it is nowhere, or x509 is self-signed. */
static X509 *find_issuer(const chain_t *chain, X509 *x509)
{
    int i;

    if (X509_self_signed(x509, 0) == 1) {
        return NULL;
    }
    for (i = 0; i < sk_X509_num(chain->sent); i++) {
        if (has_issued(sk_X509_value(chain->sent, i), x509)) {
            return sk_X509_value(chain->sent, i);
        }
    }
    for (i = 0; i < chain->own->nelts; i++) {
        if (has_issued(APR_ARRAY_IDX(chain->own, i, X509 *),
                       x509)) {
            return APR_ARRAY_IDX(chain->own, i, X509 *);
        }
    }
    return chain->trusted != NULL ? issuer_in_store(chain, x509) : NULL;
}

/* Registers what is above certificate `index`, up to the root, which
 * cannot be revoked by OCSP. */
static void follow_issuers(server_rec *s, apr_pool_t *p, int index,
                           const chain_t *chain)
{
    X509 *issuer = entry_at(index)->cert->issuer->x509;
    int depth;

    for (depth = 0; issuer != NULL && depth < MAX_DEPTH; depth++) {
        X509 *above = find_issuer(chain, issuer);
        int issuer_index = -1;

        if (X509_self_signed(issuer, 0) != 1
            && has_ocsp_url(issuer)) {
            issuer_index = follow_issuer(s, p, issuer, above);
        }
        if (issuer_index >= 0 && issuer_index != index) {
            entry_at(index)->above
                = (apr_uint32_t)issuer_index + 1;
            add_server(issuer_index, s);
            index = issuer_index;
        }
        else if (issuer_index < 0 && above == NULL) {
            wait_for(index, issuer);
        }
        issuer = above;
    }
}

/* ---- certificates that cannot be stapled ---- */

/* NULL where OpenSSL cannot tell what it is. */
static staple_disabled_t *make_disabled(seen_t *seen, X509 *x509)
{
    staple_disabled_t *entry;
    staple_cert_t *cert;

    if (staple_cert_describe(&cert, registry.pool, x509) != STAPLE_OK) {
        return NULL;
    }
    seen->disabled = registry.disabled->nelts;
    entry = apr_array_push(registry.disabled);
    entry->cert = cert;
    entry->reason = seen->reason;
    entry->servers = apr_array_make(registry.pool, 1, sizeof(server_rec *));
    return entry;
}

/* Server s has a certificate that cannot be stapled.  Of several reasons the
 * first one counts, of several policies that of the first server in the
 * configuration. */
static void add_disabled(server_rec *s, seen_t *seen, X509 *x509)
{
    staple_disabled_t *entry =
        seen->disabled >= 0
            ? &APR_ARRAY_IDX(registry.disabled, seen->disabled,
                             staple_disabled_t)
            : make_disabled(seen, x509);

    if (entry != NULL) {
        entry->policy = staple_config_get(s)->policy;
        append_server(entry->servers, s);
    }
}

/* A certificate that gets no staples from us. */
static void check_unserved(server_rec *s, apr_pool_t *p, X509 *x509,
                           const char *why)
{
    if (x509 != NULL && staple_cert_must_staple(x509)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0016)
                     "server %s, certificate \"%s\" has the TLS feature "
                     "status_request (must-staple): clients will refuse it "
                     "without a staple, but %s",
                     s->server_hostname,
                     staple_cert_name(p, X509_get_subject_name(x509)), why);
    }
}

/* One certificate of a server, all of which were primed. */
static void check_wanted(server_rec *s, apr_pool_t *p, SSL_CTX *ssl_ctx,
                         X509 *x509)
{
    chain_t chain;
    staple_key_t key;
    seen_t *seen;

    if (x509 == NULL || !staple_cert_key(&key, x509)) {
        return;
    }
    seen = find(&key);
    if (seen == NULL) {
        seen = remember(&key);
    }
    if (seen->index < 0) {
        if (seen->reason == STAPLE_OK) {
            tell_issuer_missing(s, p, seen, x509);
        }
        add_disabled(s, seen, x509);
        check_unserved(s, p, x509,
                       seen->reason == STAPLE_CERT_NO_ISSUER
                           ? "its issuer is missing"
                           : "it cannot be stapled");
    }
    else if (staple_config_get(s)->policy->issuer_check) {
        open_chain(&chain, s, p, ssl_ctx);
        follow_issuers(s, p, seen->index, &chain);
    }
}

/* No responder may be asked, and no file is named.  Of a server with
 * certificates: of one without it means nothing but what its virtual hosts
 * inherit. */
static void check_sources_named(server_rec *s, apr_pool_t *p)
{
    const staple_policy_t *policy = staple_config_get(s)->policy;

    if (policy->no_network && policy->files == NULL) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0004)
                     "server %s: OCSPStapleResponder none and no "
                     "OCSPStapleResponseFile: there is nothing to staple",
                     staple_config_place(p, s));
    }
}

int staple_register_check_server(server_rec *s, apr_pool_t *p, int is_proxy,
                              SSL_CTX *ssl_ctx)
{
    int is_wanted = staple_config_enabled(s);
    X509 *current;
    long more;

    if (is_proxy || is_rehearsal()) {
        return OK;
    }
    if (is_wanted) {
        check_sources_named(s, p);
    }
    STAPLE_OPENSSL_ENTER();
    current = SSL_CTX_get0_certificate(ssl_ctx);
    more = SSL_CTX_set_current_cert(ssl_ctx, SSL_CERT_SET_FIRST);
    while (more > 0) {
        if (is_wanted) {
            check_wanted(s, p, ssl_ctx, SSL_CTX_get0_certificate(ssl_ctx));
        }
        else {
            check_unserved(s, p, SSL_CTX_get0_certificate(ssl_ctx),
                           "OCSPStaple is not On here");
        }
        more = SSL_CTX_set_current_cert(ssl_ctx, SSL_CERT_SET_NEXT);
    }
    if (current != NULL) {
        SSL_CTX_select_current_cert(ssl_ctx, current);
    }
    STAPLE_OPENSSL_LEAVE();
    return OK;
}

/* ---- when all servers are known ---- */

/* Says whose settings hold for a certificate that several servers use, and who
 * wants something else, in which directives. */
static void tell_differences(apr_pool_t *p, const staple_refresh_cert_t *entry,
                             const apr_array_header_t *servers)
{
    const char *names, *differ = NULL;
    const server_rec *holds = NULL, *other = NULL;
    int i, more = -1;

    for (i = 0; i < servers->nelts; i++) {
        const server_rec *s = APR_ARRAY_IDX(servers, i, server_rec *);

        names = staple_config_differences(p, entry->policy,
                                          staple_config_get(s)->policy);
        if (names == NULL) {
            holds = holds != NULL ? holds : s;
            continue;
        }
        if (other == NULL) {
            other = s;
            differ = names;
        }
        more++;
    }
    if (other != NULL && holds != NULL) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, holds,
                     STAPLE_LOGNO(0012)
                     "certificate \"%s\": the settings of server %s apply "
                     "to it, not those of server %s%s, which differs in %s",
                     entry->cert->subject, staple_config_place(p, holds),
                     staple_config_place(p, other),
                     more > 0 ? apr_psprintf(p, " (and of %d more)", more) : "",
                     differ);
    }
}

void staple_register_finish(staple_generation_t *generation, apr_pool_t *ptemp)
{
    int i;

    end_waits(ptemp);
    for (i = 0; i < registry.servers->nelts; i++) {
        const staple_refresh_cert_t *entry =
            entry_at(i);
        apr_array_header_t *servers =
            servers_of(i);

        order_servers(servers);
        if (!entry->is_issuer) {
            tell_differences(ptemp, entry, servers);
        }
    }
    for (i = 0; i < registry.disabled->nelts; i++) {
        order_servers(
            APR_ARRAY_IDX(registry.disabled, i, staple_disabled_t).servers);
    }
    generation->certs = registry.certs;
    generation->servers = registry.servers;
    generation->disabled = registry.disabled;
}
