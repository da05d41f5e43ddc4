/* Rule and request -> the bytes of an answer and how they are sent. */
#include "resp_answer.h"

#include "resp_gzip.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define OCSP_TYPE "application/ocsp-response"
#define BLOCK 65536

static const char html_page[]
    = "<!DOCTYPE html>\n<html><head><title>Page</title></head>"
      "<body><p>This is no OCSP response.</p></body></html>\n";

/* ---- the body ---- */

static long or_else(long value, long otherwise)
{
    return value >= 0 ? value : otherwise;
}

/* Bytes that look like nothing, the same at each run. */
static void add_junk(tool_buf_t *body, long len)
{
    unsigned long state = 12345;

    for (long i = 0; i < len; i++) {
        char c;

        state = (state * 1103515245u + 12345u) & 0x7fffffffu;
        c = (char)(state >> 16);
        tool_buf_add(body, &c, 1);
    }
}

/* The type of the body, and the body itself when it is not OCSP. */
static const char *make_body(tool_buf_t *body, const rule_t *rule,
                             const tool_buf_t *ocsp)
{
    const char *type = OCSP_TYPE;

    switch (rule->via) {
    case VIA_HTTP:
    case VIA_HTML:
        if (rule->status != 204 && rule->status != 304) {
            tool_buf_text(body, html_page);
        }
        type = "text/html";
        break;
    case VIA_JUNK: add_junk(body, or_else(rule->bytes, 1000)); break;
    case VIA_GZIP: resp_gzip(body, ocsp->data, ocsp->len); break;
    case VIA_WRONG_TYPE:
        type = "text/plain";
        tool_buf_add(body, ocsp->data, ocsp->len);
        break;
    case VIA_HUGE:
    case VIA_ENDLESS_CHUNKS:
    case VIA_INFORMATIONAL:
    case VIA_EMPTY: break;
    case VIA_PLAIN: case VIA_REFUSE: case VIA_SILENT: case VIA_RESET:
    case VIA_CLOSE: case VIA_HANG: case VIA_HANG_CONNECT:
    case VIA_HANG_AFTER_HEADERS:
    case VIA_HANG_HALF_BODY: case VIA_TRICKLE: case VIA_SHORT:
    case VIA_LONG: case VIA_HTTP09: case VIA_BIG_HEADERS:
        tool_buf_add(body, ocsp->data, ocsp->len);
        break;
    }
    return rule->type != NULL ? rule->type : type;
}

/* ---- the head ---- */

static const char *phrase(long code)
{
    static const struct {
        long code;
        const char *text;
    } phrases[] = {{200, "OK"},
                   {301, "Moved Permanently"},
                   {302, "Found"},
                   {304, "Not Modified"},
                   {400, "Bad Request"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {429, "Too Many Requests"},
                   {500, "Internal Server Error"},
                   {502, "Bad Gateway"},
                   {503, "Service Unavailable"}};

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].code == code) {
            return phrases[i].text;
        }
    }
    return "Status";
}

/* Whether the rule has a header of its own with this name. */
static int has_header(const rule_t *rule, const char *name)
{
    const char *line = rule->headers.len > 0 ? rule->headers.data : "";
    size_t len = strlen(name);

    while (*line != '\0') {
        const char *end = strchr(line, '\n');

        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            return 1;
        }
        line = end != NULL ? end + 1 : line + strlen(line);
    }
    return 0;
}

static void add_header(tool_buf_t *out, const rule_t *rule, const char *name,
                       const char *value)
{
    if (!has_header(rule, name)) {
        tool_buf_addf(out, "%s: %s\r\n", name, value);
    }
}

static void add_date(tool_buf_t *out, const rule_t *rule, time_t now)
{
    char text[64];
    struct tm tm;

    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT",
             gmtime_r(&now, &tm));
    add_header(out, rule, "Date", text);
}

static void add_big_headers(tool_buf_t *out, long bytes)
{
    for (int i = 0; bytes > 0; i++, bytes -= 1000) {
        tool_buf_addf(out, "X-Pad-%06d: ", i);
        tool_buf_fill(out, 'x', 984);
        tool_buf_text(out, "\r\n");
    }
}

/* Whether nothing but the end of the connection ends the body. */
static int ends_by_close(const rule_t *rule)
{
    return !rule->cl && !rule->chunked && rule->via != VIA_ENDLESS_CHUNKS;
}

static int is_kept_alive(const rule_t *rule, const http_request_t *request)
{
    if (ends_by_close(rule) || rule->via == VIA_SHORT) {
        return 0;
    }
    if (rule->keepalive >= 0) {
        return rule->keepalive;
    }
    return request->keep_alive && !rule->http10;
}

/* length: what Content-Length says. */
static void add_head(tool_buf_t *out, const rule_t *rule,
                     const http_request_t *request, const char *type,
                     long length, time_t now)
{
    long code = rule->via == VIA_HTTP ? rule->status : 200;
    int old = rule->http10 || strcmp(request->version, "HTTP/1.0") == 0;
    char number[32];

    tool_buf_addf(out, "HTTP/1.%d %ld %s\r\n", old ? 0 : 1, code,
                  phrase(code));
    add_date(out, rule, now);
    if (strcmp(type, "none") != 0) {
        add_header(out, rule, "Content-Type", type);
    }
    if (rule->chunked || rule->via == VIA_ENDLESS_CHUNKS) {
        add_header(out, rule, "Transfer-Encoding", "chunked");
    }
    else if (rule->cl) {
        snprintf(number, sizeof(number), "%ld", length);
        add_header(out, rule, "Content-Length", number);
    }
    if (rule->via == VIA_GZIP) {
        add_header(out, rule, "Content-Encoding", "gzip");
    }
    if (!is_kept_alive(rule, request)) {
        add_header(out, rule, "Connection", "close");
    }
    else if (old) {
        add_header(out, rule, "Connection", "keep-alive");
    }
    if (rule->via == VIA_BIG_HEADERS) {
        add_big_headers(out, or_else(rule->bytes, 1 << 20));
    }
    if (rule->headers.len > 0) {
        tool_buf_add(out, rule->headers.data, rule->headers.len);
    }
    tool_buf_text(out, "\r\n");
}

/* ---- head and body ---- */

static void add_chunks(tool_buf_t *out, const tool_buf_t *body)
{
    size_t at = 0;

    while (at < body->len) {
        size_t len = body->len - at > 500 ? 500 : body->len - at;

        tool_buf_addf(out, "%zx\r\n", len);
        tool_buf_add(out, body->data + at, len);
        tool_buf_text(out, "\r\n");
        at += len;
    }
    tool_buf_text(out, "0\r\n\r\n");
}

static long announced(const rule_t *rule, const tool_buf_t *body)
{
    long len = (long)body->len;

    if (rule->via == VIA_SHORT) {
        return len + or_else(rule->bytes, 100);
    }
    if (rule->via == VIA_HUGE) {
        return or_else(rule->bytes, 256L << 20);
    }
    return len;
}

/* How much of the answer is sent, how fast, and what then. */
static void set_course(answer_t *answer, const rule_t *rule, size_t head,
                       size_t body)
{
    switch (rule->via) {
    case VIA_RESET:
    case VIA_REFUSE: answer->then = THEN_RESET; break;
    case VIA_CLOSE: answer->then = THEN_CLOSE; break;
    case VIA_HANG:
    case VIA_SILENT:
    case VIA_HANG_CONNECT: answer->then = THEN_HANG; break;
    case VIA_HANG_AFTER_HEADERS:
        answer->out.len = head;
        answer->then = THEN_HANG;
        break;
    case VIA_HANG_HALF_BODY:
        answer->out.len = head + body / 2;
        answer->then = THEN_HANG;
        break;
    case VIA_TRICKLE:
        answer->at_once = rule->part_body ? head : 0;
        answer->piece = (size_t)or_else(rule->bytes, 1);
        answer->step_ms = or_else(rule->ms, 1000);
        break;
    case VIA_HUGE:
        answer->more = MORE_FILL;
        answer->left = or_else(rule->bytes, 256L << 20);
        answer->step_ms = or_else(rule->ms, 0);
        break;
    case VIA_ENDLESS_CHUNKS:
        answer->more = MORE_CHUNKS;
        answer->step_ms = or_else(rule->ms, 0);
        break;
    case VIA_INFORMATIONAL:
        answer->more = MORE_INFORMATION;
        answer->step_ms = or_else(rule->ms, 10);
        break;
    case VIA_PLAIN: case VIA_SHORT: case VIA_LONG: case VIA_HTTP09:
    case VIA_HTTP: case VIA_HTML: case VIA_EMPTY: case VIA_JUNK:
    case VIA_GZIP: case VIA_WRONG_TYPE: case VIA_BIG_HEADERS: break;
    }
}

/* Whether a rule answers with nothing at all, not even a head. */
static int is_silent(const rule_t *rule)
{
    return rule->via == VIA_RESET || rule->via == VIA_REFUSE
           || rule->via == VIA_SILENT || rule->via == VIA_CLOSE
           || rule->via == VIA_HANG
           || rule->via == VIA_HANG_CONNECT
           || rule->via == VIA_INFORMATIONAL;
}

void resp_answer_make(answer_t *answer, const rule_t *rule,
                      const http_request_t *request, const tool_buf_t *ocsp,
                      time_t now)
{
    tool_buf_t body = {0};
    const char *type = make_body(&body, rule, ocsp);
    size_t head;

    memset(answer, 0, sizeof(*answer));
    answer->then = is_kept_alive(rule, request) ? THEN_NEXT : THEN_CLOSE;
    if (rule->via == VIA_HTTP09) {
        answer->then = THEN_CLOSE;
    }
    else if (!is_silent(rule)) {
        add_head(&answer->out, rule, request, type, announced(rule, &body),
                 now);
    }
    head = answer->out.len;
    if (is_silent(rule) || strcmp(request->method, "HEAD") == 0) {
        body.len = 0;
    }
    else if (rule->chunked) {
        add_chunks(&answer->out, &body);
    }
    else {
        tool_buf_add(&answer->out, body.data, body.len);
    }
    if (rule->via == VIA_LONG) {
        tool_buf_fill(&answer->out, 'x',
                      (size_t)or_else(rule->bytes, 100));
    }
    set_course(answer, rule, head, answer->out.len - head);
    tool_buf_free(&body);
}

/* ---- bytes without end ---- */

int resp_answer_more(answer_t *answer)
{
    long len;

    switch (answer->more) {
    case MORE_NONE: return 0;
    case MORE_FILL:
        len = answer->left < BLOCK ? answer->left : BLOCK;
        answer->left -= len;
        tool_buf_fill(&answer->out, 0, (size_t)len);
        return len > 0;
    case MORE_CHUNKS:
        tool_buf_addf(&answer->out, "%x\r\n", 1000);
        tool_buf_fill(&answer->out, 'x', 1000);
        tool_buf_text(&answer->out, "\r\n");
        return 1;
    case MORE_INFORMATION:
        tool_buf_text(&answer->out,
                      "HTTP/1.1 100 Continue\r\n\r\n"
                      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
        return 1;
    }
    return 0;
}

void resp_answer_free(answer_t *answer)
{
    tool_buf_free(&answer->out);
    memset(answer, 0, sizeof(*answer));
}
