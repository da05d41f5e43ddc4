/* Bytes from a client -> HTTP request, and the OCSP request in it. */
#ifndef RESP_HTTP_H
#define RESP_HTTP_H

#include "tool_util.h"

typedef struct {
    char *head;            /* the lines, cut up; the members point into it */
    const char *method;
    const char *target;    /* as it came */
    const char *version;
    const char *host;      /* "-" without */
    char *headers;         /* "Name: value\n" for all fields */
    int keep_alive;        /* what version and Connection say */
    size_t content_length;
    const char *body;      /* in the caller's bytes */
    size_t total;          /* bytes that the whole request takes */
} http_request_t;

typedef enum {
    HTTP_MORE,             /* not all of it is here */
    HTTP_CONTINUE,         /* all but the body, and the client waits */
    HTTP_WHOLE,
    HTTP_WRONG             /* not HTTP, or too large */
} http_state_e;

/* Reads the request at the front of data; after HTTP_WHOLE the caller frees
 * it. */
http_state_e resp_http_read(http_request_t *request, const char *data,
                            size_t len);
void resp_http_free(http_request_t *request);

/* The body of a POST, or what a GET has in its path: the DER at the end of
 * der. */
void resp_http_der(tool_buf_t *der, const http_request_t *request);

/* Text for one column of the log: no tab, no line end, nothing but ASCII. */
void resp_http_escape(tool_buf_t *column, const char *text);

#endif
