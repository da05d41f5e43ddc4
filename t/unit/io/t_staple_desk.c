/* A desk: what is a request, what is not, and that the rest harms nothing. */
#include "../must.h"
#include "../tap.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/staple_desk.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define ID "0123456789abcdef"
#define HEAD "{\"id\": \"" ID "\", "
#define ALL HEAD "\"all\": true}"
#define ANSWER HEAD "\"certificates\": []}"

static char dir[] = "/tmp/ocspstaple-unit-XXXXXX";
static apr_pool_t *p;
static staple_desk_t desk = STAPLE_DESK_CLOSED;
static staple_ask_request_t request;
static const char *why;

/* ---- what a request is ---- */

static const struct {
    const char *name;
    const char *text;
    const char *why; /* NULL: it is one */
} rows[] = {
    {"all", ALL, NULL},
    {"a name", HEAD "\"wanted\": [\"www.example.org\"]}", NULL},
    {"members that are not known", HEAD "\"all\": true, \"new\": 1}", NULL},
    {"nothing", "", "no request"},
    {"no JSON", "all", "no request"},
    {"an array", "[1]", "no request"},
    {"cut off", "{\"id\": \"" ID, "no request"},
    {"something behind it", ALL "x", "no request"},
    {"a member twice", HEAD "\"all\": true, \"all\": true}", "no request"},
    {"deeper than two levels", HEAD "\"wanted\": [[\"a\"]]}", "no request"},
    {"no id", "{\"all\": true}", "no id"},
    {"a short id", "{\"id\": \"0123\", \"all\": true}", "no id"},
    {"an id with a path", "{\"id\": \"../../../../etc/x\", \"all\": true}",
     "no id"},
    {"an id that is a number", "{\"id\": 1, \"all\": true}", "no id"},
    {"nothing wanted", HEAD "\"all\": false}", "wants nothing"},
    {"both", HEAD "\"all\": true, \"wanted\": [\"a\"]}", "wants nothing"},
    {"an empty list", HEAD "\"wanted\": []}", "wants nothing"},
    {"no list", HEAD "\"wanted\": \"a\"}", "wants nothing"},
    {"a word that is a number", HEAD "\"wanted\": [1]}", "no name"},
    {"an empty word", HEAD "\"wanted\": [\"\"]}", "no name"},
    {"a space", HEAD "\"wanted\": [\"a b\"]}", "no name"},
    {"a new line", HEAD "\"wanted\": [\"a\\nb\"]}", "no name"},
    {"an escape", HEAD "\"wanted\": [\"a\\u001b[2J\"]}", "no request"},
    {"an escape alone", HEAD "\"wanted\": [\"a\\u001bc\"]}", "no name"},
    {"a NUL", HEAD "\"wanted\": [\"a\\u0000b\"]}", "no request"},
    {"not ASCII", HEAD "\"wanted\": [\"\xc3\xa4\"]}", "no name"},
    {"not UTF-8", HEAD "\"wanted\": [\"\xff\"]}", "no request"},
};

static void test_parse(void)
{
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        why = staple_desk_parse(&request, p, rows[i].text,
                                strlen(rows[i].text));
        ok(rows[i].why == NULL ? why == NULL
                               : why != NULL && strstr(why, rows[i].why),
           "%s: %s", rows[i].name, why != NULL ? why : "a request");
    }
}

/* So many words, each of so many bytes. */
static char *words(unsigned count, unsigned len)
{
    char *text = apr_pcalloc(p, 100 + (apr_size_t)count * (len + 3));
    char *at = text + sprintf(text, HEAD "\"wanted\": [");
    unsigned i;

    for (i = 0; i < count; i++) {
        *at++ = '"';
        memset(at, 'a', len);
        at += len;
        *at++ = '"';
        *at++ = ',';
    }
    strcpy(at - 1, "]}");
    return text;
}

static void test_limits(void)
{
    const char *text = words(STAPLE_DESK_MAX_WANTED, STAPLE_DESK_MAX_WORD);
    char *deep = apr_palloc(p, 200001);

    ok(staple_desk_parse(&request, p, text, strlen(text)) == NULL
           && request.count == STAPLE_DESK_MAX_WANTED,
       "as much as there may be");
    ok(strlen(text) <= STAPLE_DESK_MAX_ASK, "which fits");
    text = words(STAPLE_DESK_MAX_WANTED + 1, 1);
    ok(staple_desk_parse(&request, p, text, strlen(text)) != NULL,
       "one word more");
    text = words(1, STAPLE_DESK_MAX_WORD + 1);
    ok(staple_desk_parse(&request, p, text, strlen(text)) != NULL,
       "one byte more");
    memset(deep, '[', 200000);
    deep[200000] = '\0';
    ok(staple_desk_parse(&request, p, deep, 200000) != NULL,
       "very deep: the parser never sees it");
}

/* ---- files ---- */

static const char *path(const char *name)
{
    return apr_psprintf(p, "%s/%s", dir, name);
}

static void put(const char *name, const char *text, apr_size_t len)
{
    int file = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    MUST(file >= 0 && write(file, text, len) == (ssize_t)len);
    close(file);
}

static int exists(const char *name)
{
    struct stat info;

    return lstat(path(name), &info) == 0;
}

static apr_status_t take(void)
{
    return staple_desk_take(&request, &why, p, &desk, apr_time_now());
}

static void test_exchange(void)
{
    int directory, is_there;
    json_t *answer;

    ok(staple_desk_directory(&directory, &why, dir) == APR_SUCCESS,
       "who asks opens the directory");
    is_int(take(), APR_ENOENT, "nothing was asked");
    is_int(staple_desk_put(directory, 0, ALL, strlen(ALL)), APR_SUCCESS,
           "a request");
    is_int(staple_desk_put(directory, 0, ALL, strlen(ALL)), EEXIST,
           "one at a time");
    answer = staple_desk_fetch(&is_there, directory, 0, ID, p);
    ok(answer == NULL && is_there, "there is no answer yet");
    is_int(take(), APR_SUCCESS, "it is taken");
    ok(request.all && request.uid == geteuid()
           && strcmp(request.id, ID) == 0,
       "with id, and who asks");
    is_int(take(), APR_SUCCESS, "and stays until it is answered");
    is_int(staple_desk_answer(&desk, "fedcba9876543210", ANSWER,
                              strlen(ANSWER), p, apr_time_now()),
           APR_ENOENT, "an answer to another one is not written");
    is_int(staple_desk_answer(&desk, ID, ANSWER, strlen(ANSWER), p,
                              apr_time_now()),
           APR_SUCCESS, "its answer is");
    is_int(take(), APR_ENOENT, "which is no request");
    answer = staple_desk_fetch(&is_there, directory, 0, "fedcba9876543210", p);
    ok(answer == NULL && !is_there, "others have none");
    answer = staple_desk_fetch(&is_there, directory, 0, ID, p);
    ok(json_is_array(json_object_get(answer, "certificates")) && is_there,
       "who asked has it");
    json_decref(answer);
    staple_desk_clear(directory, 0, "fedcba9876543210", p);
    ok(exists("ask.0"), "others do not take it away");
    staple_desk_clear(directory, 0, ID, p);
    ok(!exists("ask.0"), "who asked does");

    put("ask.0", ANSWER, strlen(ANSWER));
    staple_desk_take(&request, &why, p, &desk,
                     apr_time_now() + STAPLE_DESK_KEEP / 2);
    ok(exists("ask.0"), "an answer that nobody fetched stays for a while");
    staple_desk_take(&request, &why, p, &desk,
                     apr_time_now() + 2 * STAPLE_DESK_KEEP);
    ok(!exists("ask.0"), "and then goes");
    close(directory);
}

/* Another process: of this one's own locks nobody is told. */
static void test_desks(void)
{
    int directory, status = -1;
    pid_t child;

    MUST(staple_desk_directory(&directory, &why, dir) == APR_SUCCESS);
    child = fork();
    if (child == 0) {
        staple_desk_t other = STAPLE_DESK_CLOSED;
        int is_taken = staple_desk_is_taken(directory, 0)
                       && !staple_desk_is_taken(directory, 1);
        apr_status_t opened = staple_desk_open(&other, &why, dir);

        _exit(is_taken && opened == APR_SUCCESS && other.number == 1 ? 0 : 1);
    }
    MUST(waitpid(child, &status, 0) == child);
    is_int(status, 0, "another process sees desk 0 taken, and has desk 1");
    close(directory);
}

static void test_hostile(void)
{
    char *huge = apr_pcalloc(p, STAPLE_DESK_MAX_ASK + 1);
    int i;

    memset(huge, ' ', STAPLE_DESK_MAX_ASK + 1);
    memcpy(huge, ALL, strlen(ALL));
    put("other", "mine", 4);
    MUST(symlink("other", path("ask.0")) == 0);
    ok(take() == APR_EINVAL && !exists("ask.0"), "a link: %s", why);
    ok(exists("other"), "what it names stays");
    MUST(symlink("/dev/zero", path("ask.0")) == 0);
    ok(take() == APR_EINVAL && !exists("ask.0"), "a link elsewhere: %s", why);
    MUST(mkfifo(path("ask.0"), 0600) == 0);
    ok(take() == APR_EINVAL && !exists("ask.0"), "a pipe: %s", why);
    MUST(mkdir(path("ask.0"), 0700) == 0);
    ok(take() == APR_EINVAL && !exists("ask.0"), "a directory: %s", why);
    put("ask.0", huge, STAPLE_DESK_MAX_ASK + 1);
    ok(take() == APR_EINVAL && !exists("ask.0"), "too large: %s", why);
    MUST(truncate(path("other"), (off_t)1 << 40) == 0
         && link(path("other"), path("ask.0")) == 0);
    ok(take() == APR_EINVAL && !exists("ask.0"), "a tebibyte: %s", why);
    put("ask.0", "", 0);
    ok(take() == APR_EINVAL && !exists("ask.0"), "empty: %s", why);
    if (geteuid() == 0) {
        put("ask.0", ALL, strlen(ALL));
        MUST(chown(path("ask.0"), 65534, 65534) == 0);
        ok(take() == APR_EINVAL && !exists("ask.0"), "another user's: %s", why);
    }
    for (i = 0; i < 3000; i++) {
        put(apr_psprintf(p, "ask.x%d\x1b", i), "x", 1);
    }
    is_int(take(), APR_ENOENT, "thousands of files that are not looked at");
    put("ask.0", ALL, strlen(ALL));
    is_int(take(), APR_SUCCESS, "a request is found as ever");
    MUST(unlink(path("ask.0")) == 0);
}

/* ---- when it was asked ---- */

static void test_rows(void)
{
    const apr_interval_time_t keep = apr_time_from_sec(60);
    const apr_time_t now = apr_time_now();
    staple_desk_row_t row = {.at = now - keep / 2};
    staple_desk_row_t *read;

    memset(row.sha256, 7, sizeof(row.sha256));
    memcpy(row.id, ID, sizeof(row.id));
    is_int(staple_desk_read_rows(&read, p, &desk, keep, now), 0, "none yet");
    is_int(staple_desk_add_rows(&desk, &row, 1, p, keep, now), APR_SUCCESS,
           "a row");
    row.at = now;
    is_int(staple_desk_add_rows(&desk, &row, 1, p, keep, now), APR_SUCCESS,
           "another one");
    is_int(staple_desk_read_rows(&read, p, &desk, keep, now), 2, "both");
    ok(memcmp(read[0].sha256, row.sha256, 32) == 0
           && memcmp(read[0].id, ID, 16) == 0 && read[0].at == now,
       "as they were written");
    is_int(staple_desk_read_rows(&read, p, &desk, keep, now + keep / 2 + 1), 1,
           "what is older is gone");
    is_int(staple_desk_read_rows(&read, p, &desk, keep, now - 1), 1,
           "what is to come does not count");
    put("asked", "short", 5);
    is_int(staple_desk_read_rows(&read, p, &desk, keep, now), 0,
           "no whole row: none");
    MUST(unlink(path("asked")) == 0 && mkfifo(path("asked"), 0600) == 0);
    is_int(staple_desk_read_rows(&read, p, &desk, keep, now), 0, "a pipe");
    is_int(staple_desk_add_rows(&desk, &row, 1, p, keep, now), APR_SUCCESS,
           "which is replaced");
    is_int(staple_desk_read_rows(&read, p, &desk, keep, now), 1, "by a file");
}

static void test_directory(void)
{
    char *link_to = apr_pstrcat(p, dir, ".link", NULL);
    int directory;

    ok(!staple_desk_is_lost(&desk, dir), "the desk is there");
    MUST(chmod(dir, 0770) == 0);
    ok(staple_desk_directory(&directory, &why, dir) == APR_EACCES,
       "where others may write nobody asks: %s", why);
    MUST(chmod(dir, 0700) == 0 && symlink(dir, link_to) == 0);
    ok(staple_desk_directory(&directory, &why, link_to) != APR_SUCCESS,
       "links are not followed: %s", why);
    unlink(link_to);
    MUST(unlink(path("desks")) == 0);
    ok(staple_desk_is_lost(&desk, dir), "somebody removed it");
    staple_desk_close(&desk);
    MUST(mkfifo(path("desks"), 0600) == 0);
    ok(staple_desk_open(&desk, &why, dir) != APR_SUCCESS,
       "a pipe is no desk: %s", why != NULL ? why : "");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&p, NULL);
    test_parse();
    test_limits();
    MUST(mkdtemp(dir) != NULL);
    is_int(staple_desk_open(&desk, &why, dir), APR_SUCCESS, "a desk");
    is_int(desk.number, 0, "the first");
    test_desks();
    test_exchange();
    test_hostile();
    test_rows();
    test_directory();
    MUST(system(apr_pstrcat(p, "rm -rf ", dir, NULL)) == 0);
    return tap_done();
}
