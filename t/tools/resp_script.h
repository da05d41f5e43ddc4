/* The script of the responder: which rule holds for which request. */
#ifndef RESP_SCRIPT_H
#define RESP_SCRIPT_H

#include "tool_util.h"

#include <sys/stat.h>

typedef enum {
    CONTENT_NONE,      /* no OCSP in it */
    CONTENT_GOOD,
    CONTENT_REVOKED,
    CONTENT_UNKNOWN,
    CONTENT_ERROR      /* an OCSPResponseStatus, see rule->status */
} content_e;

/* How the answer travels. */
typedef enum {
    VIA_PLAIN,
    VIA_REFUSE,
    VIA_SILENT,
    VIA_RESET,
    VIA_CLOSE,
    VIA_HANG,
    VIA_HANG_CONNECT,
    VIA_HANG_AFTER_HEADERS,
    VIA_HANG_HALF_BODY,
    VIA_TRICKLE,
    VIA_HUGE,
    VIA_SHORT,
    VIA_LONG,
    VIA_ENDLESS_CHUNKS,
    VIA_HTTP09,
    VIA_INFORMATIONAL,
    VIA_HTTP,
    VIA_HTML,
    VIA_EMPTY,
    VIA_JUNK,
    VIA_GZIP,
    VIA_WRONG_TYPE,
    VIA_BIG_HEADERS
} via_e;

/* A time in a response. */
typedef struct {
    enum { TIME_UNSET, TIME_NONE, TIME_RELATIVE, TIME_ABSOLUTE } kind;
    long seconds;
} moment_t;

typedef enum { NONCE_ECHO, NONCE_OTHER, NONCE_NONE } nonce_e;
typedef enum { CRITICAL_NO, CRITICAL_SINGLE, CRITICAL_RESPONSE } critical_e;
typedef enum { FLIP_NO, FLIP_SIGNATURE, FLIP_TBS } flip_e;

typedef struct {
    char *line;             /* its text: a line that stays keeps its count */
    char *selector;
    char *action;
    content_e content;
    via_e via;
    long status;            /* of CONTENT_ERROR or VIA_HTTP */
    long seen;              /* requests that came as far as this rule */

    char *method, *path, *hash;    /* what else must match, or NULL */
    long count, after;      /* holds for requests after+1 .. after+count */

    moment_t this_update, next_update, produced, time;
    char *reason, *signer, *md, *certid_hash, *certs, *two, *extra;
    int responder_key, serial_other, issuer_other, fixed, nonce, critical;
    int flip;
    long pad, trailing;
    int pss, vary, signer_last;
    long version, sig_params;   /* -1 where not given */

    long delay, ms, bytes;  /* -1 where not given */
    int keepalive;          /* -1: what the client asks */
    int chunked, http10, cl, part_body;
    char *type, *as;
    tool_buf_t headers;     /* Name: value CR LF ... */
} rule_t;

typedef struct {
    const char *path;
    struct stat seen;       /* the file at the time of reading */
    unsigned long generation;
    tool_buf_t note;        /* what PATH.seen shall say */
    rule_t **rule;
    size_t count;
    rule_t *otherwise;      /* holds when no rule does: good */
} script_t;

/* What a rule is matched against. */
typedef struct {
    const char *method;
    const char *path;
    const char *serial;     /* hex, or "-" */
    const char *name;       /* of the certificate, or "-" */
    const char *hash;       /* of the CertID, or "-" */
} target_t;

/* path NULL: no script, all is good. */
void resp_script_open(script_t *script, const char *path);

/* Whether the file is another one than the one that was read. */
int resp_script_changed(const script_t *script);
void resp_script_read(script_t *script);

/* Tells in PATH.seen that the script holds now: its first line, a tab, "ok"
 * or what is wrong with it. */
void resp_script_acknowledge(const script_t *script);

/* The last rule that holds for target; counts. */
rule_t *resp_script_match(script_t *script, const target_t *target);

/* The last rule for connections (refuse, silent, hang-connect), when no later
 * rule for all requests hides it; NULL without one.  Does not count. */
rule_t *resp_script_connection(const script_t *script);

#endif
