/* The certificates that mod_ssl serves: registered while configuring. */
#include "staple_register.h"

#include <ap_mpm.h>
#include <http_core.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <openssl/pem.h>

#include "base/staple_pool.h"
#include "httpd/config/staple_config.h"
#include "refresh/staple_problem.h"
#include "staple_register_crl.h"

#define MAX_DEPTH 10 /* certificates in a chain that are looked at */

/* A certificate of this life at most may come without OCSP and CRL (CA/Browser
 * Forum, Baseline Requirements 1.6.1, Short-lived Subscriber Certificate). */
#define SHORT_LIFE apr_time_from_sec(7 * 86400)

/* A certificate that was met, on whatever server. */
typedef struct seen_t {
    staple_key_t key;
    int index; /* in registry.certs, or -1: its status is not followed */
    int disabled; /* in registry.disabled, or -1 */
    staple_reason_e reason; /* why not; OK: it was met as an issuer only */
    const staple_cert_t *cert; /* as one that there is no responder for; NULL:
                                  it is another reason, or there is one */
    apr_array_header_t *declined; /* server_rec *: where mod_ssl offered it in
                                     vain; NULL: nowhere */
    staple_crl_cert_t *crl; /* NULL: not looked at, or it cannot be read */
    int is_told;   /* why it is not followed as an issuer */
    int is_by_chain; /* mod_ssl had no issuer for it, on any server so far */
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
    apr_pool_t *work;          /* of what is needed until the end; or NULL */
    apr_hash_t *by_key;        /* key -> seen_t, of every certificate met */
    apr_array_header_t *disabled; /* staple_disabled_t */
    int is_test; /* by httpd -t: this is the only time */
} registry;

static apr_status_t end_work(void *data)
{
    (void)data;
    if (registry.work != NULL) {
        apr_pool_destroy(registry.work);
    }
    registry.work = NULL;
    return APR_SUCCESS;
}

static void begin_work(apr_pool_t *pconf)
{
    registry.work = staple_pool_apart(pconf, "ocspstaple_register");
    apr_pool_cleanup_register(pconf, NULL, end_work, apr_pool_cleanup_null);
}

void staple_register_begin(apr_pool_t *pconf)
{
    registry.pool = pconf;
    begin_work(pconf);
    registry.issuers = staple_cert_issuers_make(pconf);
    registry.certs =
        apr_array_make(registry.work, 16, sizeof(staple_refresh_cert_t));
    registry.servers = apr_array_make(pconf, 16, sizeof(apr_array_header_t *));
    registry.by_key = apr_hash_make(registry.work);
    registry.disabled = apr_array_make(pconf, 4, sizeof(staple_disabled_t));
    registry.is_test = 0;
    staple_chain_begin(pconf);
    staple_register_crl_begin(pconf);
}

void staple_register_test(void)
{
    registry.is_test = 1;
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
 * of the first time: once is enough to read certificates and to complain.  And
 * a module that offers one after the end is too late. */
static int is_registering(void)
{
    return registry.work != NULL
           && (registry.is_test
               || ap_state_query(AP_SQ_MAIN_STATE)
                      != AP_SQ_MS_CREATE_PRE_CONFIG);
}

static void tell_why_not(server_rec *s, staple_reason_e reason,
                         const char *subject)
{
    int level = staple_problem_is_mistake(reason) ? APLOG_WARNING : APLOG_INFO;

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
    seen_t *seen = apr_pcalloc(registry.work, sizeof(*seen));

    memcpy(&seen->key, key, STAPLE_KEY_LEN);
    seen->index = seen->disabled = -1;
    apr_hash_set(registry.by_key, &seen->key, STAPLE_KEY_LEN, seen);
    return seen;
}

/* May server s make a certificate of one that others refused, by its settings
 * or by the issuer that it names? */
static int may_help(const server_rec *s, const seen_t *seen, const char *pem)
{
    return seen->reason == STAPLE_CERT_WRONG_ISSUER
           || (seen->cert != NULL
               && (staple_generation_may_staple(seen->cert,
                                                staple_config_get(s)->policy)
                   || staple_cert_issuer(registry.issuers, pem, strlen(pem))
                          != seen->cert->issuer));
}

/* A certificate of several servers: mod_ssl goes through the main server and
 * then through the virtual hosts from the last to the first, so the one that
 * is primed last stands first in the configuration, and its policy wins; not
 * one that leaves no responder to ask. */
static void prefer_policy(const seen_t *seen, const staple_policy_t *policy)
{
    staple_refresh_cert_t *entry = entry_at(seen->index);

    if (staple_generation_may_staple(entry->cert, policy)) {
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

/* The same of a certificate at hand; NULL without memory. */
static seen_t *meet(X509 *x509)
{
    staple_key_t key;
    seen_t *seen;

    if (!staple_cert_key(&key, x509)) {
        return NULL;
    }
    seen = find(&key);
    return seen != NULL ? seen : remember(&key);
}

/* What CRLs have to know of it, or NULL. */
static const staple_crl_cert_t *crl_of(seen_t *seen, X509 *x509)
{
    if (seen->crl == NULL) {
        seen->crl = staple_register_crl_describe(x509);
    }
    return seen->crl;
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
    staple_reason_e reason = staple_cert_make(
        &cert, registry.pool, registry.issuers, pem, strlen(pem), 0);

    seen->cert = NULL;
    if (reason != STAPLE_OK) {
        return reason;
    }
    if (memcmp(&cert->key, &seen->key, sizeof(cert->key)) != 0) {
        return STAPLE_CERT_UNREADABLE;
    }
    if (!staple_generation_may_staple(cert, policy)) {
        seen->cert = cert;
        return policy->no_network ? STAPLE_CERT_NO_SOURCE : STAPLE_CERT_NO_URL;
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

/* It is not taken for this server, and that was told. */
static int decline(seen_t *seen, server_rec *s)
{
    if (seen->declined == NULL) {
        seen->declined =
            apr_array_make(registry.pool, 1, sizeof(server_rec *));
    }
    *(server_rec **)apr_array_push(seen->declined) = s;
    return DECLINED;
}

int staple_register_certificate(server_rec *s, apr_pool_t *p, const char *id,
                             apr_size_t id_len, const char *pem)
{
    const staple_config_t *config = staple_config_get(s);
    seen_t *seen;

    if (!staple_config_enabled(s) || id_len != STAPLE_KEY_LEN
        || !is_registering()) {
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
        && !may_help(s, seen, pem)) {
        return decline(seen, s);
    }
    seen = seen != NULL ? seen : remember(id);
    seen->reason = register_certificate(config->policy, seen, pem);
    if (seen->reason != STAPLE_OK) {
        tell_why_not(s, seen->reason, subject_of(p, pem));
        return decline(seen, s);
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
                 "append it to the SSLCertificateFile, or name a file that has "
                 "it with OCSPStapleChainFile",
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
static int follow_issuer(server_rec *s, apr_pool_t *p, seen_t *seen,
                         X509 *issuer, X509 *above, int url_needed)
{
    const staple_policy_t *policy = staple_config_get(s)->policy;
    staple_reason_e reason;
    staple_cert_t *cert;

    if (seen->index >= 0) {
        staple_refresh_cert_t *entry = entry_at(seen->index);

        entry->policy = entry->is_issuer ? policy : entry->policy;
        return seen->index;
    }
    if (above == NULL) {
        if (!seen->is_told) {
            seen->is_told = 1;
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
                                   issuer, above, url_needed);
    if (reason == STAPLE_OK) {
        add_certificate(seen, cert, policy)->is_issuer = 1;
        return seen->index;
    }
    if (!seen->is_told) {
        seen->is_told = 1;
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

/* The entry of a server's issuer or, where it names no responder and these
 * settings leave no CRL of it, -1. */
static int find_or_follow(server_rec *s, apr_pool_t *p, X509 *issuer,
                          X509 *above)
{
    seen_t *seen = meet(issuer);
    int by_crl = seen != NULL
                 && staple_register_crl_why(staple_config_get(s)->policy,
                                            crl_of(seen, issuer))
                        == STAPLE_OK;

    return by_crl || (seen != NULL && has_ocsp_url(issuer))
               ? follow_issuer(s, p, seen, issuer, above, !by_crl)
               : -1;
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

/* ---- the issuers above a certificate ---- */

/* Who may have signed CRLs for certificate `index`, as far as s knows. */
static void look_for_signers(const server_rec *s, int index,
                             const staple_chain_t *chain)
{
    const staple_policy_t *policy = staple_config_get(s)->policy;

    if (policy->crl != STAPLE_CRL_OFF) {
        staple_register_crl_look_for_signers(entry_at(index)->cert->issuer,
                                             chain, policy);
    }
}

/* Registers what is above certificate `index`, up to the root, which
 * nobody can revoke. */
static void follow_issuers(server_rec *s, apr_pool_t *p, int index,
                           const staple_chain_t *chain)
{
    X509 *issuer = entry_at(index)->cert->issuer->x509;
    int depth;

    for (depth = 0; issuer != NULL && depth < MAX_DEPTH; depth++) {
        X509 *above = staple_chain_issuer(chain, issuer);
        int issuer_index = X509_self_signed(issuer, 0) != 1
                               ? find_or_follow(s, p, issuer, above)
                               : -1;

        if (issuer_index >= 0 && issuer_index != index) {
            entry_at(index)->above
                = (apr_uint32_t)issuer_index + 1;
            add_server(issuer_index, s);
            index = issuer_index;
            look_for_signers(s, index, chain);
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

/* ---- certificates that CRLs alone tell of ---- */

static void tell_followed(const server_rec *s, const seen_t *seen)
{
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, s,
                 STAPLE_LOGNO(0146)
                 "server %s, certificate \"%s\": followed by its CRL, and not "
                 "stapled: %s",
                 s->server_hostname, seen->cert->subject,
                 staple_reason_sentence(seen->reason));
}

/* Beside OST0010: there is no CRL, either, or none that can be followed. */
static void tell_neither(const server_rec *s, const seen_t *seen)
{
    int level = seen->reason == STAPLE_CRL_POINTS_UNREADABLE ? APLOG_WARNING
                                                             : APLOG_INFO;

    ap_log_error(APLOG_MARK, level, 0, s,
                 STAPLE_LOGNO(0147)
                 "server %s, certificate \"%s\": not followed by a CRL, "
                 "either: %s",
                 s->server_hostname, seen->cert->subject,
                 staple_reason_sentence(seen->reason));
}

/* A certificate that was shown as disabled on behalf of other servers is not
 * any more. */
static void enable(seen_t *seen)
{
    if (seen->disabled >= 0) {
        staple_disabled_t *gone = &APR_ARRAY_IDX(
            registry.disabled, seen->disabled, staple_disabled_t);

        apr_array_cat(servers_of(seen->index), gone->servers);
        gone->cert = NULL;
        seen->disabled = -1;
    }
}

/* Server s has a certificate for which there is no responder: where the
 * settings of any of its servers leave a CRL, that is followed.  Of several
 * settings those of the first in the configuration hold, which comes last. */
static void follow_by_crl(server_rec *s, seen_t *seen, X509 *x509)
{
    const staple_policy_t *policy = staple_config_get(s)->policy;
    int may_follow = staple_register_crl_why(policy, crl_of(seen, x509))
                     == STAPLE_OK;

    if (seen->index < 0 && seen->cert != NULL && may_follow) {
        add_certificate(seen, seen->cert, policy);
        enable(seen);
        tell_followed(s, seen);
    }
    if (seen->index >= 0) {
        staple_refresh_cert_t *entry = entry_at(seen->index);

        entry->policy = may_follow ? policy : entry->policy;
        entry->is_issuer = 0;
        add_server(seen->index, s);
    }
}

/* Is it in the hands of the refresher, with a way to a response? */
static int is_stapled(const seen_t *seen)
{
    return seen->index >= 0
           && staple_generation_may_staple(entry_at(seen->index)->cert,
                                           entry_at(seen->index)->policy);
}

/* Why there is neither OCSP nor CRL for it, as far as more can be told than
 * that it names no responder. */
static staple_reason_e why_neither(const staple_policy_t *policy,
                                   const seen_t *seen)
{
    const staple_cert_t *cert = seen->cert;

    if (cert == NULL || seen->crl == NULL) {
        return seen->reason;
    }
    if (staple_register_crl_is_named(seen->crl)) {
        return seen->reason == STAPLE_CERT_NO_URL
                       && policy->crl != STAPLE_CRL_OFF
                   ? staple_register_crl_why(policy, seen->crl)
                   : seen->reason;
    }
    return cert->url_count + cert->refused_url_count == 0
                   && cert->not_after - cert->not_before <= SHORT_LIFE
               ? STAPLE_CERT_SHORT_LIVED
               : seen->reason;
}

staple_fate_e staple_register_fate(staple_reason_e *reason,
                                   const staple_key_t *key)
{
    const seen_t *seen = find(key);

    *reason = seen != NULL ? seen->reason : STAPLE_CERT_UNREADABLE;
    if (seen == NULL || seen->index < 0) {
        return STAPLE_FATE_NOTHING;
    }
    return is_stapled(seen) ? STAPLE_FATE_STAPLED : STAPLE_FATE_FOLLOWED;
}

/* ---- certificates whose issuer mod_ssl does not know ---- */

/* Is the server among these?  NULL: there are none. */
static int has_server(const apr_array_header_t *servers, const server_rec *s)
{
    int i;

    for (i = servers != NULL ? servers->nelts - 1 : -1; i >= 0; i--) {
        if (APR_ARRAY_IDX(servers, i, server_rec *) == s) {
            return 1;
        }
    }
    return 0;
}

/* The certificate becomes an entry, or what is known of one that has no
 * responder, if its issuer is in a file of OCSPStapleChainFile or wherever else
 * issuers' issuers are looked for. */
static void register_by_chain(server_rec *s, apr_pool_t *p, SSL_CTX *ssl_ctx,
                              seen_t *seen, X509 *x509)
{
    const staple_policy_t *policy = staple_config_get(s)->policy;
    staple_chain_t chain;
    staple_cert_t *cert;
    X509 *issuer;

    staple_chain_open(&chain, s, p, ssl_ctx);
    issuer = staple_chain_issuer(&chain, x509);
    if (issuer == NULL
        || staple_cert_from_x509(&cert, registry.pool, registry.issuers, x509,
                                 issuer, 0)
               != STAPLE_OK) {
        return;
    }
    if (!staple_generation_may_staple(cert, policy)) {
        seen->cert = cert;
        seen->reason = policy->no_network ? STAPLE_CERT_NO_SOURCE
                                          : STAPLE_CERT_NO_URL;
        tell_why_not(s, seen->reason, cert->subject);
        return;
    }
    add_certificate(seen, cert, policy);
    seen->is_by_chain = seen->is_signed = 1;
    enable(seen);
    warn_of_refused_urls(s, seen);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, s,
                 STAPLE_LOGNO(0153)
                 "server %s, certificate \"%s\": mod_ssl does not know its "
                 "issuer \"%s\", which was found elsewhere: it is stapled all "
                 "the same",
                 s->server_hostname, cert->subject, cert->issuer->subject);
}

/* mod_ssl offered no certificate of server s that it knows no issuer of.  Is
 * this one to be stapled there without its help? */
static int take_unoffered(server_rec *s, apr_pool_t *p, SSL_CTX *ssl_ctx,
                          seen_t *seen, X509 *x509)
{
    if (seen->index < 0 && seen->cert == NULL
        && (seen->reason == STAPLE_OK || seen->reason == STAPLE_CERT_NO_ISSUER)
        && X509_self_signed(x509, 0) != 1) {
        register_by_chain(s, p, ssl_ctx, seen, x509);
    }
    if (!is_stapled(seen) || has_server(servers_of(seen->index), s)
        || has_server(seen->declined, s)) {
        return 0;
    }
    if (seen->is_by_chain) {
        prefer_policy(seen, staple_config_get(s)->policy);
    }
    entry_at(seen->index)->is_issuer = 0;
    add_server(seen->index, s);
    return 1;
}

/* ---- all certificates of a server ---- */

/* One that is neither stapled nor followed. */
static void check_disabled(server_rec *s, apr_pool_t *p, seen_t *seen,
                           X509 *x509)
{
    staple_reason_e reason = why_neither(staple_config_get(s)->policy, seen);

    if (seen->reason == STAPLE_OK) {
        tell_issuer_missing(s, p, seen, x509);
    }
    else if (reason != seen->reason) {
        seen->reason = reason;
        tell_neither(s, seen);
    }
    add_disabled(s, seen, x509);
    check_unserved(s, p, x509,
                   seen->reason == STAPLE_CERT_NO_ISSUER
                       ? "its issuer is missing"
                       : "it cannot be stapled");
}

/* One certificate of a server, all of which were primed.  Returns 1 where
 * mod_ssl did not, and it is stapled all the same. */
static int check_wanted(server_rec *s, apr_pool_t *p, SSL_CTX *ssl_ctx,
                        X509 *x509)
{
    const staple_policy_t *policy = staple_config_get(s)->policy;
    seen_t *seen = x509 != NULL ? meet(x509) : NULL;
    staple_chain_t chain;
    int is_unoffered;

    if (seen == NULL) {
        return 0;
    }
    crl_of(seen, x509);
    is_unoffered = take_unoffered(s, p, ssl_ctx, seen, x509);
    if (!is_stapled(seen)) {
        follow_by_crl(s, seen, x509);
    }
    if (seen->index < 0) {
        check_disabled(s, p, seen, x509);
        return 0;
    }
    if (!is_stapled(seen)) {
        check_unserved(s, p, x509, "it cannot be stapled");
    }
    if (policy->issuer_check || policy->crl != STAPLE_CRL_OFF) {
        staple_chain_open(&chain, s, p, ssl_ctx);
        look_for_signers(s, seen->index, &chain);
    }
    if (policy->issuer_check) {
        follow_issuers(s, p, seen->index, &chain);
    }
    return is_unoffered;
}

/* Nobody may be asked, and no file is named.  Of a server with
 * certificates: of one without it means nothing but what its virtual hosts
 * inherit. */
static void check_sources_named(server_rec *s, apr_pool_t *p)
{
    const staple_policy_t *policy = staple_config_get(s)->policy;

    if (policy->no_network && policy->files == NULL
        && (policy->crl == STAPLE_CRL_OFF || policy->crl_files == NULL)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     STAPLE_LOGNO(0004)
                     "server %s: OCSPStapleResponder none and no "
                     "OCSPStapleResponseFile: there is nothing to staple",
                     staple_config_place(p, s));
    }
}

/* A server, of which all certificates are looked at. */
typedef struct visitor_t {
    server_rec *s;
    apr_pool_t *p;
    int unoffered; /* certificates that mod_ssl offered to nobody */
} visitor_t;

static void check_one(void *baton, SSL_CTX *ssl_ctx, X509 *x509)
{
    visitor_t *visitor = baton;

    if (staple_config_enabled(visitor->s)) {
        visitor->unoffered += check_wanted(visitor->s, visitor->p, ssl_ctx,
                                           x509);
    }
    else {
        check_unserved(visitor->s, visitor->p, x509,
                       "OCSPStaple is not On here");
    }
}

static void begin_server(server_rec *s, apr_pool_t *p)
{
    if (staple_config_enabled(s)) {
        check_sources_named(s, p);
        staple_register_crl_server(staple_config_get(s)->policy);
    }
}

int staple_register_check_server(server_rec *s, apr_pool_t *p, int is_proxy,
                              SSL_CTX *ssl_ctx)
{
    visitor_t visitor = {s, p, 0};

    if (is_proxy || !is_registering()) {
        return 0;
    }
    begin_server(s, p);
    STAPLE_OPENSSL_ENTER();
    staple_chain_visit(ssl_ctx, check_one, &visitor);
    STAPLE_OPENSSL_LEAVE();
    return visitor.unoffered;
}

void staple_register_test_server(server_rec *s, apr_pool_t *p,
                                 const apr_array_header_t *ssl_ctxs)
{
    visitor_t visitor = {s, p, 0};
    int i;

    begin_server(s, p);
    STAPLE_OPENSSL_ENTER();
    for (i = 0; i < ssl_ctxs->nelts; i++) {
        SSL_CTX *ssl_ctx = APR_ARRAY_IDX(ssl_ctxs, i, SSL_CTX *);

        check_one(&visitor, ssl_ctx, SSL_CTX_get0_certificate(ssl_ctx));
    }
    STAPLE_OPENSSL_LEAVE();
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

/* Those that are disabled in the end. */
static const apr_array_header_t *disabled_in_order(void)
{
    apr_array_header_t *disabled = apr_array_make(
        registry.pool, registry.disabled->nelts, sizeof(staple_disabled_t));
    int i;

    for (i = 0; i < registry.disabled->nelts; i++) {
        const staple_disabled_t *entry =
            &APR_ARRAY_IDX(registry.disabled, i, staple_disabled_t);

        if (entry->cert != NULL) {
            order_servers(entry->servers);
            *(staple_disabled_t *)apr_array_push(disabled) = *entry;
        }
    }
    return disabled;
}

/* All policies are final: each certificate gets its lists. */
static void follow_crls(void)
{
    int i;

    for (i = 0; i < registry.certs->nelts; i++) {
        staple_register_crl_follow(entry_at(i),
                                   find(&entry_at(i)->cert->key)->crl);
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
    follow_crls();
    staple_system_ca_end();
    generation->certs = apr_array_copy(registry.pool, registry.certs);
    generation->servers = registry.servers;
    generation->disabled = disabled_in_order();
    generation->lists = staple_register_crl_lists();
}

void staple_register_end(void)
{
    end_work(NULL);
}
