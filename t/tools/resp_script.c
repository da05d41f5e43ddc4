/* The script of the responder: which rule holds for which request. */
#include "resp_script.h"

#include "resp_rule.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void resp_script_open(script_t *script, const char *path)
{
    tool_buf_t wrong = {0};

    memset(script, 0, sizeof(*script));
    script->path = path;
    script->otherwise = resp_rule_parse(&wrong, "* good");
}

/* ---- reading ---- */

static int is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size
           && a->st_mtim.tv_sec == b->st_mtim.tv_sec
           && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A line that was in the script before goes on counting. */
static void keep_count(rule_t *rule, rule_t *const *old, size_t old_count)
{
    for (size_t i = 0; i < old_count; i++) {
        if (strcmp(rule->line, old[i]->line) == 0) {
            rule->seen = old[i]->seen;
            return;
        }
    }
}

static void parse(script_t *script, char *text, tool_buf_t *wrong)
{
    rule_t **old = script->rule;
    size_t old_count = script->count;
    char *save = NULL;

    script->rule = NULL;
    script->count = 0;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        rule_t *rule = NULL;

        if (line[strspn(line, " \t")] != '#' && line[0] != '\0') {
            rule = resp_rule_parse(wrong, line);
        }
        if (rule != NULL) {
            keep_count(rule, old, old_count);
            script->rule = realloc(script->rule, (script->count + 1)
                                                     * sizeof(rule_t *));
            TOOL_MUST(script->rule != NULL);
            script->rule[script->count++] = rule;
        }
    }
    for (size_t i = 0; i < old_count; i++) {
        resp_rule_free(old[i]);
    }
    free(old);
}

int resp_script_changed(const script_t *script)
{
    struct stat now;

    return script->path != NULL && stat(script->path, &now) == 0
           && !is_same_file(&now, &script->seen);
}

void resp_script_read(script_t *script)
{
    tool_buf_t text = {0};
    tool_buf_t wrong = {0};

    if (stat(script->path, &script->seen) != 0
        || !tool_read_file(&text, script->path)) {
        tool_die("cannot read %s", script->path);
    }
    script->generation++;
    script->note.len = 0;
    tool_buf_add(&script->note, text.data, strcspn(text.data, "\n"));
    parse(script, text.data, &wrong);
    tool_buf_addf(&script->note, "\t%s\n", wrong.len > 0 ? wrong.data : "ok");
    if (wrong.len > 0) {
        fprintf(stderr, "responder: script: %s\n", wrong.data);
    }
    tool_buf_free(&text);
    tool_buf_free(&wrong);
}

void resp_script_acknowledge(const script_t *script)
{
    tool_buf_t path = {0};

    tool_buf_addf(&path, "%s.seen", script->path);
    tool_replace_file(path.data, script->note.data, script->note.len);
    tool_buf_free(&path);
}

/* ---- matching ---- */

static int is_same_serial(const char *a, const char *b)
{
    if ((*a == '-') != (*b == '-')) {
        return 0;
    }
    a += *a == '-';
    b += *b == '-';
    a += strspn(a, "0");
    b += strspn(b, "0");
    return *a != '\0' && strcasecmp(a, b) == 0;
}

static int is_for(const rule_t *rule, const target_t *target)
{
    if (rule->method != NULL && strcmp(rule->method, target->method) != 0) {
        return 0;
    }
    if (rule->hash != NULL && strcasecmp(rule->hash, target->hash) != 0) {
        return 0;
    }
    if (rule->path != NULL
        && strncmp(rule->path, target->path, strlen(rule->path)) != 0) {
        return 0;
    }
    return strcmp(rule->selector, "*") == 0
           || is_same_serial(rule->selector, target->serial)
           || fnmatch(rule->selector, target->name, 0) == 0;
}

static int is_used_up(const rule_t *rule)
{
    long after = rule->after > 0 ? rule->after : 0;

    return rule->seen < after
           || (rule->count >= 0 && rule->seen >= after + rule->count);
}

rule_t *resp_script_match(script_t *script, const target_t *target)
{
    for (size_t i = script->count; i-- > 0;) {
        rule_t *rule = script->rule[i];

        if (is_for(rule, target)) {
            int used_up = is_used_up(rule);

            rule->seen++;
            if (!used_up) {
                return rule;
            }
        }
    }
    return script->otherwise;
}

rule_t *resp_script_connection(const script_t *script)
{
    for (size_t i = script->count; i-- > 0;) {
        rule_t *rule = script->rule[i];

        if (strcmp(rule->selector, "*") == 0 && rule->method == NULL
            && rule->path == NULL && !is_used_up(rule)) {
            int is_connection = rule->via == VIA_REFUSE
                                || rule->via == VIA_SILENT
                                || rule->via == VIA_HANG_CONNECT;

            return is_connection ? rule : NULL;
        }
    }
    return NULL;
}
