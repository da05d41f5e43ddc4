/* Bytes from a client -> HTTP request, and the OCSP request in it. */
#include "resp_http.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_HEAD 65536u
#define MAX_BODY (1u << 20)

/* ---- the head ---- */

static int read_request_line(http_request_t *request, char *line)
{
    char *target = strchr(line, ' ');
    char *version = target != NULL ? strchr(target + 1, ' ') : NULL;

    if (version == NULL || strncmp(version + 1, "HTTP/1.", 7) != 0) {
        return 0;
    }
    *target++ = '\0';
    *version++ = '\0';
    request->method = line;
    request->target = target;
    request->version = version;
    request->keep_alive = strcmp(version, "HTTP/1.0") != 0;
    return 1;
}

static void read_field(http_request_t *request, const char *name,
                       const char *value, int *expects)
{
    if (strcasecmp(name, "Host") == 0) {
        request->host = value;
    }
    else if (strcasecmp(name, "Content-Length") == 0) {
        request->content_length = strtoul(value, NULL, 10);
    }
    else if (strcasecmp(name, "Connection") == 0) {
        if (strcasestr(value, "close") != NULL) {
            request->keep_alive = 0;
        }
        else if (strcasestr(value, "keep-alive") != NULL) {
            request->keep_alive = 1;
        }
    }
    else if (strcasecmp(name, "Expect") == 0) {
        *expects = strcasestr(value, "100-continue") != NULL;
    }
}

static int read_head(http_request_t *request, int *expects)
{
    tool_buf_t headers = {0};
    char *save = NULL;
    char *line = strtok_r(request->head, "\r\n", &save);

    request->host = "-";
    tool_buf_text(&headers, "");
    if (line == NULL || !read_request_line(request, line)) {
        tool_buf_free(&headers);
        return 0;
    }
    while ((line = strtok_r(NULL, "\r\n", &save)) != NULL) {
        char *value = strchr(line, ':');

        tool_buf_addf(&headers, "%s\n", line);
        if (value != NULL) {
            *value++ = '\0';
            value += strspn(value, " \t");
            read_field(request, line, value, expects);
        }
    }
    request->headers = headers.data;
    return 1;
}

http_state_e resp_http_read(http_request_t *request, const char *data,
                            size_t len)
{
    const char *end = len > 0 ? memmem(data, len, "\r\n\r\n", 4) : NULL;
    http_state_e state = HTTP_WHOLE;
    int expects = 0;
    size_t head;

    memset(request, 0, sizeof(*request));
    if (end == NULL) {
        return len > MAX_HEAD ? HTTP_WRONG : HTTP_MORE;
    }
    head = (size_t)(end - data) + 4;
    request->head = tool_alloc(head + 1);
    memcpy(request->head, data, head);
    if (!read_head(request, &expects)
        || request->content_length > MAX_BODY) {
        state = HTTP_WRONG;
    }
    else if (len - head < request->content_length) {
        state = expects && len == head ? HTTP_CONTINUE : HTTP_MORE;
    }
    request->body = data + head;
    request->total = head + request->content_length;
    if (state != HTTP_WHOLE) {
        resp_http_free(request);
    }
    return state;
}

void resp_http_free(http_request_t *request)
{
    free(request->head);
    free(request->headers);
    memset(request, 0, sizeof(*request));
}

/* ---- the OCSP request ---- */

/* Decodes %XX, and then base64; 0 bytes when it is not that. */
static void decode(tool_buf_t *der, const char *text)
{
    tool_buf_t plain = {0};
    unsigned int byte;
    int len;

    for (; *text != '\0'; text++) {
        char c = *text;

        if (c == '%' && isxdigit((unsigned char)text[1])
            && sscanf(text + 1, "%2x", &byte) == 1) {
            c = (char)byte;
            text += 2;
        }
        tool_buf_add(&plain, &c, 1);
    }
    if (plain.len > 0 && plain.len % 4 == 0) {
        tool_buf_reserve(der, plain.len);
        len = EVP_DecodeBlock((unsigned char *)der->data,
                              (const unsigned char *)plain.data,
                              (int)plain.len);
        len -= plain.data[plain.len - 1] == '=';
        len -= plain.data[plain.len - 2] == '=';
        der->len = len > 0 ? (size_t)len : 0;
    }
    tool_buf_free(&plain);
}

/* Base64 has slashes too, so each one may be the end of the responder's own
 * path; DER of a request begins with 0x30, which is 'M'. */
static void decode_path(tool_buf_t *der, const char *target)
{
    for (const char *c = strchr(target, '/'); c != NULL;
         c = strchr(c + 1, '/')) {
        if (c[1] == 'M') {
            der->len = 0;
            decode(der, c + 1);
            if (der->len > 2 && der->data[0] == 0x30) {
                return;
            }
        }
    }
    der->len = 0;
}

void resp_http_der(tool_buf_t *der, const http_request_t *request)
{
    if (strcmp(request->method, "GET") == 0) {
        decode_path(der, request->target);
    }
    else {
        tool_buf_add(der, request->body, request->content_length);
    }
}

void resp_http_escape(tool_buf_t *column, const char *text)
{
    size_t len = strlen(text);

    tool_buf_reserve(column, 4 * len);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '\n') {
            tool_buf_add(column, "\\n", 2);
        }
        else if (c < 0x20 || c >= 0x7f || c == '\\') {
            tool_buf_addf(column, "\\x%02x", c);
        }
        else {
            tool_buf_add(column, &text[i], 1);
        }
    }
}
