/* STARTTLS: what is said in the clear until a server is ready for TLS. */
#include "cli_starttls.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "cli_wait.h"

#define MAX_TALK 65536 /* bytes from the server, in all */
#define MAX_SHOWN 100  /* characters of an answer that is shown */
#define MAX_STEPS 3
#define HOST "\001" /* stands for it in what is said */

/* How an answer is known to be complete. */
typedef enum {
    ANSWER_LINE,  /* each line is one */
    ANSWER_CODE,  /* the line with three digits and no '-' (RFC 5321 4.2.1) */
    ANSWER_TAG,   /* the line that begins as `end` does */
    ANSWER_STREAM /* no lines: it has `yes` or `no` somewhere */
} answer_e;

/* One thing to say, and the answer that lets us go on; say == NULL: the server
 * begins. */
typedef struct step_t {
    const char *say;
    answer_e kind;
    const char *end;
    const char *yes; /* it begins so, or, of a stream, has this in it */
    const char *no;
} step_t;

typedef struct protocol_t {
    const char *port;
    step_t steps[MAX_STEPS];
    int count;
} protocol_t;

const char *const cli_starttls_names[] = {"smtp", "lmtp", "imap", "pop3",
                                          "ftp",  "nntp", "xmpp", NULL};

static const protocol_t protocols[] = {
    {"25", /* RFC 3207 */
     {{NULL, ANSWER_CODE, NULL, "220", NULL},
      {"EHLO localhost\r\n", ANSWER_CODE, NULL, "250", NULL},
      {"STARTTLS\r\n", ANSWER_CODE, NULL, "220", NULL}},
     3},
    {"24", /* RFC 2033 */
     {{NULL, ANSWER_CODE, NULL, "220", NULL},
      {"LHLO localhost\r\n", ANSWER_CODE, NULL, "250", NULL},
      {"STARTTLS\r\n", ANSWER_CODE, NULL, "220", NULL}},
     3},
    {"143", /* RFC 9051 6.2.1; PREAUTH leaves no way to TLS */
     {{NULL, ANSWER_TAG, "* ", "* OK", NULL},
      {"a STARTTLS\r\n", ANSWER_TAG, "a ", "a OK", NULL}},
     2},
    {"110", /* RFC 2595 4 */
     {{NULL, ANSWER_LINE, NULL, "+OK", NULL},
      {"STLS\r\n", ANSWER_LINE, NULL, "+OK", NULL}},
     2},
    {"21", /* RFC 4217 4 */
     {{NULL, ANSWER_CODE, NULL, "220", NULL},
      {"AUTH TLS\r\n", ANSWER_CODE, NULL, "234", NULL}},
     2},
    {"119", /* RFC 4642 2.2 */
     {{NULL, ANSWER_CODE, NULL, "20", NULL},
      {"STARTTLS\r\n", ANSWER_CODE, NULL, "382", NULL}},
     2},
    {"5222", /* RFC 6120 5.4 */
     {{"<?xml version='1.0'?><stream:stream to='" HOST "' version='1.0' "
       "xmlns='jabber:client' "
       "xmlns:stream='http://etherx.jabber.org/streams'>",
       ANSWER_STREAM, NULL, "<starttls", "</stream:features>"},
      {"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", ANSWER_STREAM,
       NULL, "<proceed", "<failure"}},
     2},
};

const char *cli_starttls_port(int protocol)
{
    return protocols[protocol].port;
}

/* What the server has said and was not read yet. */
typedef struct talk_t {
    apr_pool_t *pool;
    int fd;
    apr_time_t until;
    apr_size_t begin, end;
    char text[MAX_TALK + 1];
} talk_t;

/* ---- the socket ---- */

/* Waits for more.  NULL, or why there is none. */
static const char *hear(talk_t *talk)
{
    ssize_t got = -1;

    if (talk->end == MAX_TALK) {
        return "the server says too much before STARTTLS";
    }
    while (got < 0) {
        if (!cli_wait_for(talk->fd, POLLIN, talk->until)) {
            return "the server is silent before STARTTLS";
        }
        got = recv(talk->fd, talk->text + talk->end, MAX_TALK - talk->end, 0);
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            return apr_psprintf(talk->pool, "before STARTTLS: %s",
                                strerror(errno));
        }
    }
    if (got == 0) {
        return "the server hangs up before STARTTLS";
    }
    talk->end += (apr_size_t)got;
    talk->text[talk->end] = '\0';
    return NULL;
}

static const char *put(const talk_t *talk, const char *text, apr_size_t len)
{
    ssize_t sent;

    while (len > 0) {
        sent = send(talk->fd, text, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return apr_psprintf(talk->pool, "before STARTTLS: %s",
                                strerror(errno));
        }
        if (sent < 0 && !cli_wait_for(talk->fd, POLLOUT, talk->until)) {
            return "the server does not read before STARTTLS";
        }
        text += sent > 0 ? sent : 0;
        len -= sent > 0 ? (apr_size_t)sent : 0;
    }
    return NULL;
}

static const char *say(const talk_t *talk, const char *text, const char *host)
{
    apr_size_t len = strcspn(text, HOST);
    const char *why = put(talk, text, len);

    if (why == NULL && text[len] != '\0') {
        why = put(talk, host, strlen(host));
    }
    if (why == NULL && text[len] != '\0') {
        why = put(talk, text + len + 1, strlen(text + len + 1));
    }
    return why;
}

/* ---- answers ---- */

/* What the server said, fit to be shown: the line's beginning, printable, and
 * no '|', which begins performance data. */
static const char *refusal(const talk_t *talk, const char *answer)
{
    char *shown = apr_pstrndup(talk->pool, answer, MAX_SHOWN);
    char *c;

    shown[strcspn(shown, "\r\n")] = '\0';
    for (c = shown; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~' || *c == '|' || *c == '"') {
            *c = '?';
        }
    }
    return apr_psprintf(talk->pool, "no STARTTLS: the server says \"%s\"",
                        shown);
}

static int is_end(const char *line, const step_t *step)
{
    switch (step->kind) {
    case ANSWER_CODE:
        return apr_isdigit(line[0]) && apr_isdigit(line[1])
               && apr_isdigit(line[2]) && line[3] != '-';
    case ANSWER_TAG:
        return strncmp(line, step->end, strlen(step->end)) == 0;
    case ANSWER_LINE:
    case ANSWER_STREAM: /* has no lines */
        break;
    }
    return 1;
}

/* Hears lines until one is the answer. */
static const char *hear_line(talk_t *talk, const step_t *step)
{
    const char *why = NULL;

    while (why == NULL) {
        const char *line = talk->text + talk->begin;
        const char *end = memchr(line, '\n', talk->end - talk->begin);

        if (end == NULL) {
            why = hear(talk);
            continue;
        }
        talk->begin += (apr_size_t)(end - line) + 1;
        if (is_end(line, step)) {
            return strncmp(line, step->yes, strlen(step->yes)) == 0
                       ? NULL
                       : refusal(talk, line);
        }
    }
    return why;
}

/* Hears XML until it has one of both, and the tag's end. */
static const char *hear_stream(talk_t *talk, const step_t *step)
{
    const char *why = NULL;

    while (why == NULL) {
        const char *text = talk->text + talk->begin;
        const char *yes = strstr(text, step->yes);

        if (yes != NULL && strchr(yes, '>') != NULL) {
            talk->begin = (apr_size_t)(strchr(yes, '>') + 1 - talk->text);
            return NULL;
        }
        if (strstr(text, step->no) != NULL) {
            return refusal(talk, strstr(text, step->no));
        }
        why = hear(talk);
    }
    return why;
}

const char *cli_starttls(apr_pool_t *p, int fd, int protocol, const char *host,
                         apr_time_t until)
{
    const protocol_t *how = &protocols[protocol];
    apr_pool_t *of_talk = NULL;
    talk_t *talk;
    const char *why = NULL;
    int i;

    if (apr_pool_create(&of_talk, p) != APR_SUCCESS) {
        return "no memory";
    }
    talk = apr_palloc(of_talk, sizeof(*talk));
    talk->pool = p;
    talk->fd = fd;
    talk->until = until;
    talk->begin = talk->end = 0;
    talk->text[0] = '\0';
    for (i = 0; i < how->count && why == NULL; i++) {
        const step_t *step = &how->steps[i];

        if (step->say != NULL) {
            why = say(talk, step->say, host);
        }
        if (why == NULL) {
            why = step->kind == ANSWER_STREAM ? hear_stream(talk, step)
                                              : hear_line(talk, step);
        }
    }
    /* What came in the clear would count as encrypted (CVE-2011-0411). */
    if (why == NULL && talk->begin != talk->end) {
        why = "the server says more than that it is ready for TLS";
    }
    apr_pool_destroy(of_talk);
    return why;
}
