/* One line of the script -> rule. */
#include "resp_rule.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    content_e content;
    via_e via;
    long status;
} actions[] = {
    {"good", CONTENT_GOOD, VIA_PLAIN, 0},
    {"revoked", CONTENT_REVOKED, VIA_PLAIN, 0},
    {"unknown", CONTENT_UNKNOWN, VIA_PLAIN, 0},
    {"malformed", CONTENT_ERROR, VIA_PLAIN, 1},
    {"internal", CONTENT_ERROR, VIA_PLAIN, 2},
    {"trylater", CONTENT_ERROR, VIA_PLAIN, 3},
    {"sigrequired", CONTENT_ERROR, VIA_PLAIN, 5},
    {"unauthorized", CONTENT_ERROR, VIA_PLAIN, 6},
    {"status", CONTENT_ERROR, VIA_PLAIN, -1},   /* status=N */
    {"refuse", CONTENT_NONE, VIA_REFUSE, 0},
    {"silent", CONTENT_NONE, VIA_SILENT, 0},
    {"reset", CONTENT_NONE, VIA_RESET, 0},
    {"close", CONTENT_NONE, VIA_CLOSE, 0},
    {"hang", CONTENT_NONE, VIA_HANG, 0},
    {"hang-connect", CONTENT_NONE, VIA_HANG_CONNECT, 0},
    {"hang-after-headers", CONTENT_GOOD, VIA_HANG_AFTER_HEADERS, 0},
    {"hang-half-body", CONTENT_GOOD, VIA_HANG_HALF_BODY, 0},
    {"trickle", CONTENT_GOOD, VIA_TRICKLE, 0},
    {"huge", CONTENT_NONE, VIA_HUGE, 0},
    {"short", CONTENT_GOOD, VIA_SHORT, 0},
    {"long", CONTENT_GOOD, VIA_LONG, 0},
    {"endless-chunks", CONTENT_NONE, VIA_ENDLESS_CHUNKS, 0},
    {"http09", CONTENT_GOOD, VIA_HTTP09, 0},
    {"informational", CONTENT_NONE, VIA_INFORMATIONAL, 0},
    {"http", CONTENT_NONE, VIA_HTTP, -1},       /* http=CODE */
    {"html", CONTENT_NONE, VIA_HTML, 0},
    {"empty", CONTENT_NONE, VIA_EMPTY, 0},
    {"junk", CONTENT_NONE, VIA_JUNK, 0},
    {"gzip", CONTENT_GOOD, VIA_GZIP, 0},
    {"wrong-type", CONTENT_GOOD, VIA_WRONG_TYPE, 0},
    {"big-headers", CONTENT_GOOD, VIA_BIG_HEADERS, 0},
};

#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

/* ---- keys ---- */

typedef enum { TEXT, NUMBER, MOMENT, FLAG, CHOICE, HEADER, LABEL } kind_e;

static const struct {
    const char *name;
    kind_e kind;
    size_t at;             /* of the member */
    const char *values;    /* CHOICE: the words; HEADER: its name */
} keys[] = {
    {"method", TEXT, offsetof(rule_t, method), NULL},
    {"hash", TEXT, offsetof(rule_t, hash), NULL},
    {"path", TEXT, offsetof(rule_t, path), NULL},
    {"count", NUMBER, offsetof(rule_t, count), NULL},
    {"after", NUMBER, offsetof(rule_t, after), NULL},
    {"this", MOMENT, offsetof(rule_t, this_update), NULL},
    {"next", MOMENT, offsetof(rule_t, next_update), NULL},
    {"produced", MOMENT, offsetof(rule_t, produced), NULL},
    {"time", MOMENT, offsetof(rule_t, time), NULL},
    {"reason", TEXT, offsetof(rule_t, reason), NULL},
    {"signer", TEXT, offsetof(rule_t, signer), NULL},
    {"md", TEXT, offsetof(rule_t, md), NULL},
    {"certidhash", TEXT, offsetof(rule_t, certid_hash), NULL},
    {"certs", TEXT, offsetof(rule_t, certs), NULL},
    {"extra", TEXT, offsetof(rule_t, extra), NULL},
    {"vary", FLAG, offsetof(rule_t, vary), NULL},
    {"signerat", CHOICE, offsetof(rule_t, signer_last), "first last"},
    {"padding", CHOICE, offsetof(rule_t, pss), "pkcs1 pss"},
    {"version", NUMBER, offsetof(rule_t, version), NULL},
    {"sigparams", NUMBER, offsetof(rule_t, sig_params), NULL},
    {"two", TEXT, offsetof(rule_t, two), NULL},
    {"nonce", CHOICE, offsetof(rule_t, nonce), "echo other none"},
    {"responderid", CHOICE, offsetof(rule_t, responder_key), "name key"},
    {"serial", CHOICE, offsetof(rule_t, serial_other), "same other"},
    {"issuerhash", CHOICE, offsetof(rule_t, issuer_other), "same other"},
    {"critical", CHOICE, offsetof(rule_t, critical), "no single response"},
    {"flip", CHOICE, offsetof(rule_t, flip), "no signature tbs"},
    {"fixed", FLAG, offsetof(rule_t, fixed), NULL},
    {"pad", NUMBER, offsetof(rule_t, pad), NULL},
    {"trailing", NUMBER, offsetof(rule_t, trailing), NULL},
    {"delay", NUMBER, offsetof(rule_t, delay), NULL},
    {"ms", NUMBER, offsetof(rule_t, ms), NULL},
    {"bytes", NUMBER, offsetof(rule_t, bytes), NULL},
    {"keepalive", FLAG, offsetof(rule_t, keepalive), NULL},
    {"chunked", FLAG, offsetof(rule_t, chunked), NULL},
    {"http10", FLAG, offsetof(rule_t, http10), NULL},
    {"cl", FLAG, offsetof(rule_t, cl), NULL},
    {"part", CHOICE, offsetof(rule_t, part_body), "all body"},
    {"type", TEXT, offsetof(rule_t, type), NULL},
    {"as", TEXT, offsetof(rule_t, as), NULL},
    {"header", HEADER, 0, NULL},
    {"location", HEADER, 0, "Location"},
    {"retry-after", HEADER, 0, "Retry-After"},
    {"id", LABEL, 0, NULL},
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

static int parse_moment(moment_t *moment, const char *text)
{
    if (strcmp(text, "none") == 0) {
        moment->kind = TIME_NONE;
        return 1;
    }
    moment->kind = *text == '@' ? TIME_ABSOLUTE : TIME_RELATIVE;
    return tool_number(&moment->seconds, *text == '@' ? text + 1 : text);
}

static int parse_choice(int *choice, const char *words, const char *text)
{
    size_t len = strlen(text);
    int found = 0;

    for (; *words != '\0'; found++) {
        size_t word = strcspn(words, " ");

        if (word == len && strncmp(words, text, len) == 0) {
            *choice = found;
            return 1;
        }
        words += word + (words[word] == ' ');
    }
    return 0;
}

static int parse_header(tool_buf_t *headers, const char *name, char *text)
{
    char *colon = strchr(text, ':');

    if (name == NULL) {
        if (colon == NULL) {
            return 0;
        }
        *colon = '\0';
        name = text;
        text = colon + 1;
        text += strspn(text, " ");
    }
    tool_buf_addf(headers, "%s: %s\r\n", name, text);
    return 1;
}

/* The member of rule that keys[key] is about. */
static void *member(rule_t *rule, size_t key)
{
    return (char *)rule + keys[key].at;
}

static int parse_value(rule_t *rule, size_t key, char *text)
{
    switch (keys[key].kind) {
    case TEXT:
        free(*(char **)member(rule, key));
        *(char **)member(rule, key) = tool_strdup(text);
        return 1;
    case NUMBER: return tool_number(member(rule, key), text);
    case MOMENT: return parse_moment(member(rule, key), text);
    case FLAG: return parse_choice(member(rule, key), "0 1", text);
    case CHOICE:
        return parse_choice(member(rule, key), keys[key].values, text);
    case HEADER: return parse_header(&rule->headers, keys[key].values, text);
    case LABEL: return 1;
    }
    return 0;
}

/* Decodes %XX in place. */
static void unescape(char *text)
{
    char *to = text;
    unsigned int byte;

    for (; *text != '\0'; text++) {
        if (*text == '%' && isxdigit((unsigned char)text[1])
            && isxdigit((unsigned char)text[2])
            && sscanf(text + 1, "%2x", &byte) == 1) {
            *to++ = (char)byte;
            text += 2;
        }
        else {
            *to++ = *text;
        }
    }
    *to = '\0';
}

static int parse_key(rule_t *rule, char *word)
{
    static char one[] = "1";
    char *text = strchr(word, '=');

    if (text != NULL) {
        *text++ = '\0';
        unescape(text);
    }
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(word, keys[i].name) == 0) {
            if (text == NULL && keys[i].kind == FLAG) {
                text = one;
            }
            return text != NULL && parse_value(rule, i, text);
        }
    }
    return 0;
}

/* ---- the whole ---- */

/* The row of actions for a word of len characters, or ACTIONS. */
static size_t find_action(const char *word, size_t len)
{
    size_t i = 0;

    while (i < ACTIONS
           && (strlen(actions[i].name) != len
               || strncmp(word, actions[i].name, len) != 0)) {
        i++;
    }
    return i;
}

static int parse_action(rule_t *rule, const char *word)
{
    size_t len = strcspn(word, "=");
    size_t i = find_action(word, len);

    if (i == ACTIONS || (actions[i].status == -1) != (word[len] == '=')) {
        return 0;
    }
    rule->action = tool_strdup(word);
    rule->content = actions[i].content;
    rule->via = actions[i].via;
    rule->status = actions[i].status;
    return word[len] == '\0' || tool_number(&rule->status, word + len + 1);
}

/* as=ACTION: what a fault carries instead of good; known digests. */
static int check(rule_t *rule)
{
    if (rule->as != NULL) {
        size_t i = find_action(rule->as, strlen(rule->as));

        if (i == ACTIONS || actions[i].content == CONTENT_NONE
            || actions[i].via != VIA_PLAIN || actions[i].status < 0) {
            return 0;
        }
        rule->content = actions[i].content;
        rule->status = actions[i].status;
    }
    return (rule->md == NULL || EVP_get_digestbyname(rule->md) != NULL)
           && (rule->certid_hash == NULL
               || strcmp(rule->certid_hash, "unknown") == 0
               || EVP_get_digestbyname(rule->certid_hash) != NULL);
}

rule_t *resp_rule_parse(tool_buf_t *wrong, const char *line)
{
    rule_t *rule = tool_alloc(sizeof(*rule));
    char *copy = tool_strdup(line);
    char *save = NULL;
    char *word = strtok_r(copy, " \t", &save);
    int ok;

    rule->line = tool_strdup(line);
    rule->count = rule->after = rule->delay = rule->ms = rule->bytes = -1;
    rule->keepalive = -1;
    rule->version = rule->sig_params = -1;
    rule->cl = 1;
    ok = word != NULL;
    if (ok) {
        rule->selector = tool_strdup(word);
        word = strtok_r(NULL, " \t", &save);
        ok = word != NULL && parse_action(rule, word);
    }
    while (ok && (word = strtok_r(NULL, " \t", &save)) != NULL) {
        ok = parse_key(rule, word);
    }
    if (!ok || !check(rule)) {
        tool_buf_addf(wrong, "wrong at \"%s\" in: %s",
                      word != NULL ? word : "end", line);
        resp_rule_free(rule);
        rule = NULL;
    }
    free(copy);
    return rule;
}

void resp_rule_free(rule_t *rule)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (keys[i].kind == TEXT) {
            free(*(char **)member(rule, i));
        }
    }
    free(rule->line);
    free(rule->selector);
    free(rule->action);
    tool_buf_free(&rule->headers);
    free(rule);
}
