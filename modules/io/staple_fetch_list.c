/* A list (CRL) by HTTP: how it is asked for, and how it gets into a file. */
#include "staple_fetch_list.h"

#include <apr_strings.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "staple_spool.h"
#include "staple_steady.h"

#define RECEIVE_BUFFER 65536 /* fewer calls of the system than by default */

void staple_fetch_list_clear(staple_fetch_list_t *list)
{
    staple_spool_drop(list->spool);
    curl_slist_free_all(list->headers);
    memset(list, 0, sizeof(*list));
}

/* ---- what the answer's head says ---- */

/* A field of it, or NULL; lives until the next call. */
static const char *get_header(CURL *easy, const char *name)
{
    struct curl_header *header;

    return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header)
                   == CURLHE_OK
               ? header->value
               : NULL;
}

/* Nothing was said of codings that are accepted, so there must be none. */
static const char *get_coding(const staple_fetch_list_t *list)
{
    const char *coding = get_header(list->easy, "Content-Encoding");

    return coding != NULL && strcasecmp(coding, "identity") == 0 ? NULL
                                                                 : coding;
}

/* The page of a proxy or portal, or of an error, and nothing else: many servers
 * have never heard of application/pkix-crl. */
static int is_page(const staple_fetch_list_t *list)
{
    static const char page[] = "text/html";
    const char *type = NULL;

    curl_easy_getinfo(list->easy, CURLINFO_CONTENT_TYPE, &type);
    return type != NULL && strncasecmp(type, page, strlen(page)) == 0;
}

static staple_reason_e judge_head(const staple_fetch_list_t *list)
{
    long http_status = 0;

    curl_easy_getinfo(list->easy, CURLINFO_RESPONSE_CODE, &http_status);
    if (http_status != 200) {
        return STAPLE_HTTP_STATUS;
    }
    return is_page(list) || get_coding(list) != NULL ? STAPLE_HTTP_TYPE
                                                     : STAPLE_OK;
}

/* ---- what libcurl calls ---- */

/* The reason for a failure of the spool's. */
static staple_reason_e blame(staple_fetch_list_t *list, apr_status_t why)
{
    list->why = why;
    if (why == APR_SUCCESS) {
        return STAPLE_OK;
    }
    return APR_STATUS_IS_ENOMEM(why) ? STAPLE_NO_MEMORY
                                     : STAPLE_FILE_UNWRITABLE;
}

static staple_reason_e take(staple_fetch_list_t *list, const char *data,
                            apr_size_t len)
{
    staple_reason_e reason = STAPLE_OK;

    if (len > list->max_len - list->len) {
        return STAPLE_TOO_LARGE;
    }
    if (list->spool == NULL) {
        reason = judge_head(list);
        if (reason == STAPLE_OK) {
            reason = blame(list, staple_spool_open(&list->spool, list->dir));
        }
    }
    if (reason == STAPLE_OK) {
        reason = blame(list, staple_spool_put(list->spool, data, len));
        list->len += len;
    }
    return reason;
}

/* Takes a piece of the body; anything but its size ends the transfer. */
static size_t take_body(char *data, size_t size, size_t count, void *baton)
{
    staple_fetch_list_t *list = baton;

    list->refused = take(list, data, size * count);
    return list->refused == STAPLE_OK ? size * count : 0;
}

int staple_fetch_list_is_silent(staple_fetch_list_t *list)
{
    apr_time_t now = staple_steady_now();
    curl_off_t asked_at = 0, body = 0;
    long head = 0;

    curl_easy_getinfo(list->easy, CURLINFO_PRETRANSFER_TIME_T, &asked_at);
    curl_easy_getinfo(list->easy, CURLINFO_SIZE_DOWNLOAD_T, &body);
    curl_easy_getinfo(list->easy, CURLINFO_HEADER_SIZE, &head);
    /* Until it is connected, that has its own limit. */
    if (asked_at == 0 || body + head != list->received) {
        list->received = body + head;
        list->heard_at = now;
    }
    list->is_silent = now - list->heard_at >= list->idle_timeout;
    return list->is_silent;
}

/* ---- asking ---- */

static int add_header(staple_fetch_list_t *list, const char *name,
                      const char *value)
{
    char line[sizeof(staple_validators_t) + 32];
    struct curl_slist *longer;

    apr_snprintf(line, sizeof(line), "%s: %s", name, value);
    longer = curl_slist_append(list->headers, line);
    if (longer != NULL) {
        list->headers = longer;
    }
    return longer != NULL;
}

static int add_validator(staple_fetch_list_t *list, const char *name,
                         const char *value)
{
    if (value[0] == '\0') {
        return 1;
    }
    list->is_conditional = 1;
    return add_header(list, name, value);
}

CURLcode staple_fetch_list_begin(staple_fetch_list_t *list, CURL *easy,
                                 const staple_exchange_t *exchange,
                                 const char *dir)
{
    const staple_validators_t *held = &exchange->held;

    list->easy = easy;
    list->dir = dir;
    list->idle_timeout = exchange->idle_timeout;
    list->heard_at = staple_steady_now();
    list->max_len = exchange->max_len;
    if (!add_header(list, "Accept", "application/pkix-crl, */*")
        || !add_validator(list, "If-None-Match", held->etag)
        || !add_validator(list, "If-Modified-Since", held->last_modified)) {
        return CURLE_OUT_OF_MEMORY;
    }
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list->headers);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                     (curl_off_t)exchange->max_len);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, list);
    return CURLE_OK;
}

/* ---- judging ---- */

int staple_fetch_list_is_expected(const staple_fetch_list_t *list,
                                  long http_status)
{
    return http_status == 200 || (http_status == 304 && list->is_conditional);
}

/* What is the list's own reason for an exchange that ended with `code`? */
static staple_reason_e find_reason(staple_fetch_list_t *list, CURLcode code,
                                   long http_status)
{
    staple_reason_e reason;

    if (list->is_silent) {
        return STAPLE_TIMEOUT;
    }
    if (code == CURLE_FILESIZE_EXCEEDED) {
        return STAPLE_TOO_LARGE;
    }
    if (list->refused != STAPLE_OK || code != CURLE_OK || http_status == 304) {
        return list->refused;
    }
    reason = judge_head(list);
    if (reason == STAPLE_OK && list->len == 0) {
        reason = STAPLE_EMPTY;
    }
    if (reason == STAPLE_OK) {
        reason =
            blame(list, staple_spool_map(&list->der, &list->len, list->spool));
    }
    return reason;
}

/* More about this reason than its sentence and libcurl say. */
static void put_words(char *words, apr_size_t size,
                      const staple_fetch_list_t *list, staple_reason_e reason)
{
    const char *coding = reason == STAPLE_HTTP_TYPE ? get_coding(list) : NULL;

    /* Not -Wswitch-enum's business: most reasons are not a list's. */
    switch ((int)reason) {
    case STAPLE_OK:
        break;
    case STAPLE_TIMEOUT:
        apr_snprintf(words, size,
                     "nothing came for %" APR_INT64_T_FMT " milliseconds",
                     (apr_int64_t)apr_time_as_msec(list->idle_timeout));
        break;
    case STAPLE_TOO_LARGE:
        apr_snprintf(words, size,
                     "a CRL of more than %" APR_SIZE_T_FMT " bytes",
                     list->max_len);
        break;
    case STAPLE_HTTP_TYPE:
        apr_snprintf(words, size, "%s%.80s",
                     coding != NULL ? "Content-Encoding: " : "text/html",
                     coding != NULL ? coding : "");
        break;
    case STAPLE_FILE_UNWRITABLE:
    case STAPLE_NO_MEMORY:
        apr_strerror(list->why, words, size);
        break;
    default:
        words[0] = '\0';
    }
}

staple_reason_e staple_fetch_list_judge(staple_fetch_list_t *list,
                                        CURLcode code, long http_status,
                                        char *words, apr_size_t words_size)
{
    staple_reason_e reason = find_reason(list, code, http_status);

    put_words(words, words_size, list, reason);
    return reason;
}

/* A validator as it is sent back later; empty where it cannot be. */
static void get_validator(char *value, apr_size_t size, CURL *easy,
                          const char *name)
{
    const char *text = get_header(easy, name);
    const char *at;

    value[0] = '\0';
    if (text == NULL || strlen(text) >= size) {
        return;
    }
    for (at = text; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~') {
            return;
        }
    }
    memcpy(value, text, strlen(text) + 1);
}

void staple_fetch_list_answer(staple_answer_t *answer,
                              staple_fetch_list_t *list)
{
    staple_validators_t *validators = &answer->validators;

    get_validator(validators->etag, sizeof(validators->etag), list->easy,
                  "ETag");
    get_validator(validators->last_modified, sizeof(validators->last_modified),
                  list->easy, "Last-Modified");
    answer->der = list->der;
    answer->der_len = list->len;
    answer->spool = list->spool;
    answer->is_not_modified = list->spool == NULL;
    list->spool = NULL;
}
