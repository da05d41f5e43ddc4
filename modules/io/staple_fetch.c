/* Hundreds of HTTP exchanges at once (libcurl multi), each with its limits. */
#include "staple_fetch.h"

#include <apr_strings.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "staple_fetch_list.h"
#include "staple_http_cache.h"
#include "staple_sockets.h"
#include "staple_steady.h"
#include "staple_tls.h"

#define FIRST_BUFFER 2048   /* a response with its delegate's certificate */
#define RECEIVE_BUFFER 2048 /* libcurl's own would be eight times as large */

/* A look-up of a name that was left is ended by its resolver, or after this. */
#define LOOKUP_LAST 300000L /* milliseconds */

/* How often is looked whether nothing comes of a list. */
#define LOOK_INTERVAL apr_time_from_msec(50)

/* What is looked at before libcurl ends it by itself. */
#define MARGIN apr_time_from_msec(20)

/* One exchange under way; kept and used again, with its connection. */
typedef struct transfer_t {
    struct transfer_t *next_free;
    CURL *easy;
    staple_exchange_t *exchange;
    const staple_route_t *route; /* that `easy` is set for */
    int has_begun;
    int is_looking_up; /* its name, or the proxy's */
    int is_under_way;
    int is_left;             /* its exchange has ended: below */
    int is_late;             /* its name takes too long, and it could not be */
    apr_time_t began_at;     /* by our clock */
    apr_time_t lookup_until; /* its name is to be there then; by our clock */
    unsigned char *body;     /* of an OCSP exchange, while it is needed */
    apr_size_t len, room;
    int is_too_large;
    int is_out_of_memory;             /* for the body */
    int is_chain_refused;             /* the responder's, of TLS */
    staple_fetch_list_t list;         /* where the exchange is for one */
    staple_http_cache_t cache;
    CURLcode code;                    /* where it was ended by us */
    char words[CURL_ERROR_SIZE + 64]; /* about what went wrong */
} transfer_t;

struct staple_fetch_t {
    apr_pool_t *pool;
    CURLM *multi;
    staple_sockets_t *sockets; /* its own */
    transfer_t **transfers; /* that were needed so far */
    transfer_t *free;
    transfer_t *ended; /* by us, not by libcurl; linked by next_free */
    transfer_t *taken;     /* its answer is in the caller's hands */
    unsigned count;
    unsigned count_last;  /* how many there may be */
    apr_time_t worked_at; /* by our clock */
    apr_time_t looked_at; /* for silence; by our clock */
    unsigned left;      /* transfers that wait for nothing but their name */
    unsigned left_last; /* how many there may be */
    unsigned under_way; /* begun and not taken yet */
    struct curl_slist *post_headers;
    struct curl_slist *get_headers;
    staple_fetch_options_t options;
};

int staple_fetch_global_init(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

int staple_fetch_can_https_proxy(void)
{
    return (curl_version_info(CURLVERSION_NOW)->features
            & CURL_VERSION_HTTPS_PROXY)
           != 0;
}

/* ---- what libcurl calls ---- */

static int has_room(transfer_t *transfer, apr_size_t more)
{
    apr_size_t room = transfer->room > 0 ? transfer->room : FIRST_BUFFER;
    unsigned char *body;

    while (room < transfer->len + more) {
        room *= 2;
    }
    if (room == transfer->room) {
        return 1;
    }
    body = realloc(transfer->body, room);
    if (body == NULL) {
        return 0;
    }
    transfer->body = body;
    transfer->room = room;
    return 1;
}

/* Takes a piece of the body; anything but its size ends the transfer. */
static size_t take_body(char *data, size_t size, size_t count, void *baton)
{
    transfer_t *transfer = baton;
    apr_size_t more = size * count;

    if (more > STAPLE_MAX_RESPONSE - transfer->len) {
        transfer->is_too_large = 1;
        return 0;
    }
    if (!has_room(transfer, more)) {
        transfer->is_out_of_memory = 1;
        return 0;
    }
    memcpy(transfer->body + transfer->len, data, more);
    transfer->len += more;
    return more;
}

static size_t take_header(char *data, size_t size, size_t count, void *baton)
{
    transfer_t *transfer = baton;

    staple_http_cache_header(&transfer->cache, data, size * count);
    return size * count;
}

/* What libcurl's times say of a look-up differs from version to version; these
 * two are called before one and after it. */
static int before_lookup(void *resolver, void *reserved, void *baton)
{
    transfer_t *transfer = baton;

    (void)resolver;
    (void)reserved;
    transfer->is_looking_up = 1;
    return 0;
}

static int before_connect(void *baton, curl_socket_t descriptor,
                          curlsocktype purpose)
{
    transfer_t *transfer = baton;

    (void)descriptor;
    (void)purpose;
    transfer->is_looking_up = 0;
    return CURL_SOCKOPT_OK;
}

/* The connection is there: for a transfer whose exchange has ended (see below)
 * that is the end. */
static int before_request(void *baton, char *primary_ip, char *local_ip,
                          int primary_port, int local_port)
{
    const transfer_t *transfer = baton;

    (void)primary_ip;
    (void)local_ip;
    (void)primary_port;
    (void)local_port;
    return transfer->is_left ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* ---- making ---- */

static CURLcode set_credentials(CURL *easy, const staple_route_t *route)
{
    char both[3 * STAPLE_MAX_CREDENTIALS + 2]; /* escaped, ":", NUL */
    char *user = NULL, *password = NULL;
    CURLcode code = CURLE_OUT_OF_MEMORY;

    if (route->user == NULL) {
        return curl_easy_setopt(easy, CURLOPT_PROXYUSERPWD, NULL);
    }
    /* This option wants them as they would be in a URL. */
    user = curl_easy_escape(easy, route->user, 0);
    password = curl_easy_escape(easy, route->password, 0);
    if (user != NULL && password != NULL) {
        apr_snprintf(both, sizeof(both), "%s:%s", user, password);
        code = curl_easy_setopt(easy, CURLOPT_PROXYUSERPWD, both);
    }
    curl_free(password);
    curl_free(user);
    return code;
}

/* Whom an https proxy's certificate may be from: `pem`, which must live on, and
 * nobody else; NULL: whom the system trusts. */
static CURLcode set_proxy_ca(CURL *easy, const char *pem)
{
    const struct curl_blob blob = {.data = (void *)(uintptr_t)pem,
                                   .len = pem != NULL ? strlen(pem) : 0,
                                   .flags = CURL_BLOB_NOCOPY};
    CURLcode code = curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO_BLOB,
                                     pem != NULL ? &blob : NULL);

    return code == CURLE_OK && pem != NULL
               ? curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL)
               : code;
}

/* Without a proxy, the environment's is not to be used, either. */
static int set_route(CURL *easy, const staple_route_t *route)
{
    static const staple_route_t none = {.proxy = "", .no_proxy = ""};
    const staple_route_t *by = route != NULL ? route : &none;

    return curl_easy_setopt(easy, CURLOPT_PROXY, by->proxy) == CURLE_OK
           && curl_easy_setopt(easy, CURLOPT_NOPROXY, by->no_proxy) == CURLE_OK
           && set_credentials(easy, by) == CURLE_OK
           && set_proxy_ca(easy, by->ca) == CURLE_OK;
}

/* What libcurl needs memory to keep, and would do in its own way without. */
static int set_texts(CURL *easy, const staple_fetch_options_t *options,
                     const staple_route_t *route)
{
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https")
                   == CURLE_OK
           && curl_easy_setopt(easy, CURLOPT_USERAGENT, options->user_agent)
                  == CURLE_OK
           && set_route(easy, route);
}

/* libcurl 7.88 uses a connection with an https proxy again for a handle that
 * trusts other CAs, where the URL is http: it looks at those of responders. */
static void keep_apart(CURL *easy, const staple_route_t *route)
{
    if (route != NULL && strncasecmp(route->proxy, "https:", 6) == 0) {
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    }
}

/* What holds for every exchange of this handle, which are all by one route. */
static CURL *make_easy(const staple_fetch_t *fetch, transfer_t *transfer)
{
    CURL *easy = curl_easy_init();

    transfer->route = transfer->exchange->route;
    if (easy == NULL || !set_texts(easy, &fetch->options, transfer->route)) {
        curl_easy_cleanup(easy);
        return NULL;
    }
    keep_apart(easy, transfer->route);
    /* Giving up on a host name must not wait for the resolver's thread. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->words);
    if (staple_tls_can_limit()) {
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, staple_tls_limit);
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA,
                         &transfer->is_chain_refused);
    }
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, before_lookup);
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, transfer);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, before_connect);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    return easy;
}

static void drop_body(transfer_t *transfer)
{
    free(transfer->body);
    transfer->body = NULL;
    transfer->len = transfer->room = 0;
}

/* Gives back what a transfer needed for its work. */
static void strip(const staple_fetch_t *fetch, transfer_t *transfer)
{
    if (transfer->easy != NULL) {
        curl_multi_remove_handle(fetch->multi, transfer->easy);
        curl_easy_cleanup(transfer->easy);
        transfer->easy = NULL;
    }
    drop_body(transfer);
    staple_fetch_list_clear(&transfer->list);
}

/* All that libcurl has, and with it the connections, which it keeps for as long
 * as it can.  It makes nothing new at this point: that would lie behind what is
 * free, and malloc() would keep that. */
static void give_back(staple_fetch_t *fetch)
{
    unsigned i;

    for (i = 0; i < fetch->count; i++) {
        strip(fetch, fetch->transfers[i]);
    }
    curl_multi_cleanup(fetch->multi);
    fetch->multi = NULL;
    staple_sockets_serve(fetch->sockets, NULL);
}

static apr_status_t fetch_cleanup(void *data)
{
    staple_fetch_t *fetch = data;

    give_back(fetch);
    curl_slist_free_all(fetch->post_headers);
    curl_slist_free_all(fetch->get_headers);
    return APR_SUCCESS;
}

/* Connections are kept as long as there are exchanges to use them; names are
 * looked up at once, all of them. */
static CURLM *make_multi(const staple_fetch_t *fetch)
{
    CURLM *multi = curl_multi_init();

    if (multi == NULL) {
        return NULL;
    }
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                      (long)fetch->options.concurrency);
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                      (long)STAPLE_RESPONDER_WINDOW_LAST);
#if LIBCURL_VERSION_NUM >= 0x081400
    /* It has a pool of threads since 8.20, of 20, which 20 silent name servers
     * would keep from all others; two for each name. */
    curl_multi_setopt(multi, CURLMOPT_RESOLVE_THREADS_MAX,
                      2 * (long)fetch->count_last);
    curl_multi_setopt(multi, CURLMOPT_QUICK_EXIT, 1L);
#endif
    return multi;
}

static int add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer != NULL) {
        *list = longer;
    }
    return longer != NULL;
}

staple_fetch_t *staple_fetch_make(apr_pool_t *p,
                                  const staple_fetch_options_t *options)
{
    staple_fetch_t *fetch = apr_pcalloc(p, sizeof(*fetch));

    fetch->pool = p;
    fetch->options = *options;
    fetch->left_last = 7 * options->concurrency < STAPLE_FETCH_LEFT
                           ? 7 * options->concurrency
                           : STAPLE_FETCH_LEFT;
    fetch->count_last = options->concurrency + fetch->left_last;
    fetch->sockets = staple_sockets_make(p, fetch->count_last);
    if (fetch->sockets == NULL
        || !add_header(&fetch->get_headers, "Accept: application/ocsp-response")
        || !add_header(&fetch->post_headers,
                       "Accept: application/ocsp-response")
        || !add_header(&fetch->post_headers,
                       "Content-Type: application/ocsp-request")
        || !add_header(&fetch->post_headers, "Expect:")) {
        curl_slist_free_all(fetch->get_headers);
        curl_slist_free_all(fetch->post_headers);
        return NULL;
    }
    fetch->transfers =
        apr_palloc(p, (fetch->count_last + 1) * sizeof(fetch->transfers[0]));
    apr_pool_cleanup_register(p, fetch, fetch_cleanup, apr_pool_cleanup_null);
    return fetch;
}

/* ---- an exchange ---- */

/* One that is free; there is one for each exchange, and for those that may be
 * left. */
static transfer_t *take_transfer(staple_fetch_t *fetch)
{
    transfer_t *transfer = fetch->free;

    if (transfer != NULL) {
        fetch->free = transfer->next_free;
    }
    else {
        transfer = apr_pcalloc(fetch->pool, sizeof(*transfer));
        fetch->transfers[fetch->count++] = transfer;
    }
    return transfer;
}

static void give_transfer(staple_fetch_t *fetch, transfer_t *transfer)
{
    drop_body(transfer);
    transfer->next_free = fetch->free;
    fetch->free = transfer;
}

static void put_ended(staple_fetch_t *fetch, transfer_t *transfer,
                      CURLcode code)
{
    transfer->code = code;
    transfer->next_free = fetch->ended;
    fetch->ended = transfer;
}

static int is_list(const staple_exchange_t *exchange)
{
    return exchange->transport == STAPLE_TRANSPORT_LIST;
}

/* How long it may take until there is a connection. */
static apr_interval_time_t connect_timeout(const staple_exchange_t *exchange)
{
    return is_list(exchange) && exchange->idle_timeout < exchange->timeout
               ? exchange->idle_timeout
               : exchange->timeout;
}

static void set_timeouts(const transfer_t *transfer, long connecting,
                         long whole)
{
    curl_easy_setopt(transfer->easy, CURLOPT_CONNECTTIMEOUT_MS, connecting);
    curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, whole);
}

/* What an OCSP exchange needs, and one for a list has otherwise. */
static void set_ocsp(const staple_fetch_t *fetch, transfer_t *transfer)
{
    const staple_exchange_t *exchange = transfer->exchange;
    CURL *easy = transfer->easy;

    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                     (curl_off_t)STAPLE_MAX_RESPONSE);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    if (exchange->by_get) {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->get_headers);
    }
    else {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->request);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE,
                         (long)exchange->request_len);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->post_headers);
    }
}

/* Is there a multi handle?  From the first exchange until the next rest. */
static int has_multi(staple_fetch_t *fetch)
{
    if (fetch->multi == NULL) {
        fetch->multi = make_multi(fetch);
        staple_sockets_serve(fetch->sockets, fetch->multi);
    }
    return fetch->multi != NULL;
}

static CURLcode begin(staple_fetch_t *fetch, transfer_t *transfer)
{
    const staple_exchange_t *exchange = transfer->exchange;
    CURL *easy = transfer->easy;

    if (!has_multi(fetch)) {
        return CURLE_OUT_OF_MEMORY;
    }
    if (easy != NULL && transfer->route != exchange->route) {
        curl_easy_cleanup(easy);
        easy = NULL;
    }
    if (easy == NULL) {
        easy = transfer->easy = make_easy(fetch, transfer);
    }
    if (easy == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }
    if (curl_easy_setopt(easy, CURLOPT_URL, exchange->url) != CURLE_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    set_timeouts(transfer, (long)apr_time_as_msec(connect_timeout(exchange)),
                 (long)apr_time_as_msec(exchange->timeout));
    if (!is_list(exchange)) {
        set_ocsp(fetch, transfer);
    }
    else if (staple_fetch_list_begin(&transfer->list, easy, exchange,
                                     fetch->options.spool_dir)
             != CURLE_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    return curl_multi_add_handle(fetch->multi, easy) == CURLM_OK
               ? CURLE_OK
               : CURLE_FAILED_INIT;
}

/* Nothing has come of the exchange yet. */
static void clear(transfer_t *transfer, staple_exchange_t *exchange)
{
    transfer->exchange = exchange;
    transfer->has_begun = transfer->is_under_way = transfer->is_late = 0;
    transfer->is_looking_up = 0;
    transfer->len = 0;
    transfer->is_too_large = 0;
    transfer->is_out_of_memory = 0;
    transfer->is_chain_refused = 0;
    transfer->words[0] = '\0';
    staple_http_cache_clear(&transfer->cache);
    staple_fetch_list_clear(&transfer->list);
}

void staple_fetch_start(staple_fetch_t *fetch, staple_exchange_t *exchange)
{
    transfer_t *transfer = take_transfer(fetch);
    CURLcode code;

    clear(transfer, exchange);
    fetch->worked_at = transfer->began_at = staple_steady_now();
    transfer->lookup_until =
        transfer->began_at + connect_timeout(exchange) - MARGIN;
    code = begin(fetch, transfer);
    fetch->under_way++;
    if (code == CURLE_OK) {
        transfer->has_begun = transfer->is_under_way = 1;
    }
    else {
        put_ended(fetch, transfer, code);
    }
}

/* ---- names whose look-up hangs ---- */

/* Ends an exchange as this transfer, in libcurl's words. */
static void end_late(staple_fetch_t *fetch, transfer_t *transfer,
                     staple_exchange_t *exchange)
{
    clear(transfer, exchange);
    apr_snprintf(transfer->words, sizeof(transfer->words),
                 "Resolving timed out after %d milliseconds",
                 (int)apr_time_as_msec(connect_timeout(exchange)));
    put_ended(fetch, transfer, CURLE_OPERATION_TIMEDOUT);
}

/*
 * A name's time is over.  libcurl would give the exchange up and leave behind
 * the thread that looks the name up, for as long as the resolver likes, and
 * the number of these would be unknown.  So the exchange ends as another
 * transfer, and this one stays until its name is there, and no longer.
 */
static void leave(staple_fetch_t *fetch, transfer_t *transfer)
{
    transfer_t *other = take_transfer(fetch);

    end_late(fetch, other, transfer->exchange);
    transfer->is_under_way = 0;
    transfer->is_left = 1;
    fetch->left++;
    set_timeouts(transfer, LOOKUP_LAST, LOOKUP_LAST);
}

/* Nothing is to become of a transfer that was left. */
static void drop(staple_fetch_t *fetch, transfer_t *transfer)
{
    curl_multi_remove_handle(fetch->multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    transfer->easy = NULL;
    transfer->is_left = 0;
    fetch->left--;
    give_transfer(fetch, transfer);
}

/* The name of an exchange takes too long.  Where too many were left already it
 * goes on, and keeps its place, until its name is there. */
static void be_late(staple_fetch_t *fetch, transfer_t *transfer)
{
    if (fetch->left < fetch->left_last) {
        leave(fetch, transfer);
    }
    else if (!transfer->is_late) {
        transfer->is_late = 1;
        set_timeouts(transfer, LOOKUP_LAST, LOOKUP_LAST);
    }
}

/* The name of an exchange is there, in time or too late. */
static void be_found(staple_fetch_t *fetch, transfer_t *transfer)
{
    transfer->lookup_until = APR_INT64_MAX;
    if (transfer->is_late) {
        curl_multi_remove_handle(fetch->multi, transfer->easy);
        end_late(fetch, transfer, transfer->exchange);
    }
}

static void watch_names(staple_fetch_t *fetch)
{
    apr_time_t now = staple_steady_now();
    unsigned i;

    for (i = 0; i < fetch->count; i++) {
        transfer_t *transfer = fetch->transfers[i];

        if (transfer->is_left && !transfer->is_looking_up) {
            drop(fetch, transfer);
        }
        else if (transfer->is_under_way && now >= transfer->lookup_until) {
            if (transfer->is_looking_up) {
                be_late(fetch, transfer);
            }
            else {
                be_found(fetch, transfer);
            }
        }
    }
}

/* Ends the exchanges of lists of which nothing comes any more. */
static void watch_lists(staple_fetch_t *fetch)
{
    apr_time_t now = staple_steady_now();
    unsigned i;

    if (now - fetch->looked_at < LOOK_INTERVAL) {
        return;
    }
    fetch->looked_at = now;
    for (i = 0; i < fetch->count; i++) {
        transfer_t *transfer = fetch->transfers[i];

        if (transfer->is_under_way && is_list(transfer->exchange)
            && staple_fetch_list_is_silent(&transfer->list)) {
            curl_multi_remove_handle(fetch->multi, transfer->easy);
            transfer->is_under_way = 0;
            put_ended(fetch, transfer, CURLE_OPERATION_TIMEDOUT);
        }
    }
}

void staple_fetch_run(staple_fetch_t *fetch, apr_interval_time_t timeout)
{
    if (fetch->ended != NULL) {
        return;
    }
    staple_sockets_run(fetch->sockets, timeout);
    watch_names(fetch);
    watch_lists(fetch);
}

static staple_reason_e reason_of(CURLcode code)
{
    /* Not -Wswitch-enum's business: libcurl adds codes as it likes. */
    switch ((int)code) {
    case CURLE_OK:
        return STAPLE_OK;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return STAPLE_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return STAPLE_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return STAPLE_TIMEOUT;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9: the URL has been checked */
        return STAPLE_HTTP_TYPE;
    case CURLE_URL_MALFORMAT:
        return STAPLE_URL_HOST;
    case CURLE_OUT_OF_MEMORY:
        return STAPLE_NO_MEMORY;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return STAPLE_TLS;
    default:
        return STAPLE_NETWORK;
    }
}

/* The type without its parameters, as RFC 6960 A.2 wants it. */
static int is_ocsp_response(const char *type)
{
    static const char wanted[] = "application/ocsp-response";
    const apr_size_t len = sizeof(wanted) - 1;

    return type != NULL && strncasecmp(type, wanted, len) == 0
           && (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

static staple_reason_e judge_status(transfer_t *transfer, CURLcode code,
                                    long http_status)
{
    const int is_expected =
        is_list(transfer->exchange)
            ? staple_fetch_list_is_expected(&transfer->list, http_status)
            : http_status == 200;

    if (http_status != 0 && !is_expected
        && (code == CURLE_OK || code == CURLE_WRITE_ERROR
            || code == CURLE_FILESIZE_EXCEEDED)) {
        apr_snprintf(transfer->words, sizeof(transfer->words), "HTTP %ld",
                     http_status);
        return STAPLE_HTTP_STATUS;
    }
    return STAPLE_OK;
}

/* Did all of it arrive? */
static staple_reason_e judge_transfer(transfer_t *transfer, CURLcode code)
{
    if (transfer->is_too_large || code == CURLE_FILESIZE_EXCEEDED) {
        apr_snprintf(transfer->words, sizeof(transfer->words),
                     "an OCSP response of more than %d bytes",
                     STAPLE_MAX_RESPONSE);
        return STAPLE_TOO_LARGE;
    }
    if (transfer->is_chain_refused) {
        apr_cpystrn(transfer->words,
                    "its certificates are too many, or have keys that are not "
                    "accepted",
                    sizeof(transfer->words));
        return STAPLE_TLS;
    }
    if (transfer->is_out_of_memory) {
        code = CURLE_OUT_OF_MEMORY;
        transfer->words[0] = '\0';
    }
    if (code != CURLE_OK && transfer->words[0] == '\0') {
        apr_cpystrn(transfer->words, curl_easy_strerror(code),
                    sizeof(transfer->words));
    }
    return reason_of(code);
}

/* Is what arrived an OCSP response? */
static staple_reason_e judge_response(transfer_t *transfer)
{
    const char *type = NULL;

    curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
    if (!is_ocsp_response(type)) {
        apr_snprintf(transfer->words, sizeof(transfer->words), "%.120s",
                     type != NULL ? type : "no Content-Type");
        return STAPLE_HTTP_TYPE;
    }
    return transfer->len > 0 ? STAPLE_OK : STAPLE_EMPTY;
}

/* Judges the HTTP side of an answer; words say what is not obvious. */
static staple_reason_e judge(transfer_t *transfer, CURLcode code,
                             long http_status)
{
    const int of_list = is_list(transfer->exchange);
    staple_reason_e reason = judge_status(transfer, code, http_status);

    if (reason == STAPLE_OK && of_list) {
        reason =
            staple_fetch_list_judge(&transfer->list, code, http_status,
                                    transfer->words, sizeof(transfer->words));
    }
    if (reason == STAPLE_OK) {
        reason = judge_transfer(transfer, code);
    }
    if (reason == STAPLE_OK && !of_list) {
        reason = judge_response(transfer);
    }
    return reason;
}

/* Words from outside end up in logs and pages: printable ASCII only. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

static void fill_answer(staple_answer_t *answer, transfer_t *transfer,
                        CURLcode code)
{
    curl_off_t took = 0, retry_after = 0;
    long http_status = 0;

    if (transfer->has_begun) {
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &http_status);
        curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &took);
        curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after);
    }
    if (transfer->list.is_silent) { /* libcurl counts until it heard it last */
        took = staple_steady_now() - transfer->began_at;
    }
    memset(answer, 0, sizeof(*answer));
    answer->reason = judge(transfer, code, http_status);
    make_printable(transfer->words);
    answer->detail = transfer->words;
    if (!is_list(transfer->exchange)) {
        answer->der = transfer->body;
        answer->der_len = transfer->len;
    }
    else {
        if (answer->reason == STAPLE_OK) {
            staple_fetch_list_answer(answer, &transfer->list);
        }
        staple_fetch_list_clear(&transfer->list);
    }
    answer->http_status = (int)http_status;
    answer->took = took;
    answer->fresh_for = staple_http_cache_fresh_for(&transfer->cache);
    answer->retry_after = retry_after > 0 && retry_after < 1000000
                              ? apr_time_from_sec(retry_after)
                              : 0;
}

/* The transfer that ended next, out of libcurl's hands, or NULL. */
static transfer_t *next_ended(staple_fetch_t *fetch, CURLcode *code)
{
    transfer_t *transfer = fetch->ended;
    CURLMsg *message;
    int left;

    if (transfer != NULL) {
        fetch->ended = transfer->next_free;
        *code = transfer->code;
        return transfer;
    }
    while ((message = curl_multi_info_read(fetch->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            char *private = NULL;

            *code = message->data.result;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
            transfer = (transfer_t *)(void *)private;
            if (!transfer->is_left) {
                curl_multi_remove_handle(fetch->multi, transfer->easy);
                transfer->is_under_way = 0;
                return transfer;
            }
            drop(fetch, transfer);
        }
    }
    return NULL;
}

staple_exchange_t *staple_fetch_take(staple_fetch_t *fetch,
                                     staple_answer_t *answer)
{
    transfer_t *transfer;
    CURLcode code;

    if (fetch->taken != NULL) {
        give_transfer(fetch, fetch->taken);
        fetch->taken = NULL;
    }
    transfer = next_ended(fetch, &code);
    if (transfer == NULL) {
        return NULL;
    }
    fetch->under_way--;
    fetch->taken = transfer;
    fill_answer(answer, transfer, code);
    return transfer->exchange;
}

int staple_fetch_rest(staple_fetch_t *fetch, apr_interval_time_t idle_for)
{
    int is_idle = fetch->under_way == 0 && fetch->left == 0;

    if (is_idle && fetch->multi != NULL
        && staple_steady_now() - fetch->worked_at >= idle_for) {
        give_back(fetch);
    }
    return is_idle && fetch->multi == NULL;
}

void staple_fetch_wake(staple_fetch_t *fetch)
{
    staple_sockets_wake(fetch->sockets);
}
