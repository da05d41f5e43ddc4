/* CRLs in a directory: kept, read again, set aside, and swept. */
#include "../tap.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/staple_list_store.h"
#include "io/staple_store.h"

#define NOW apr_time_from_sec(1700000000)

static apr_pool_t *p;
static const char *dir;
static const char *const urls[] = {"http://a/1.crl", "http://b/1.crl", NULL};
static const staple_refresh_list_t list = {.urls = urls};
static char name[STAPLE_LIST_STORE_NAME];

static const char *path(const char *ending)
{
    return apr_pstrcat(p, dir, "/", name, ending, NULL);
}

static int is_there(const char *ending)
{
    return access(path(ending), F_OK) == 0;
}

static void write_file(const char *file, const char *text)
{
    FILE *out = fopen(file, "w");

    fputs(text, out);
    fclose(out);
}

static apr_status_t keep(const char *text)
{
    const staple_stored_list_t came = {
        .came_at = NOW,
        .url = urls[1],
        .validators = {.etag = "\"x\\y\"", .last_modified = "yesterday"}};
    staple_spool_t *spool;
    apr_status_t status = staple_spool_open(&spool, dir);

    if (status == APR_SUCCESS) {
        staple_spool_put(spool, text, strlen(text));
        status = staple_list_store_keep(spool, &came, dir, name);
        staple_spool_drop(spool);
    }
    return status;
}

/* What is there, or "". */
static const char *read_it(staple_stored_list_t *came, apr_size_t max)
{
    static char url[STAPLE_MAX_URL + 1];
    staple_spool_t *spool;
    const char *text;

    memset(came, 0, sizeof(*came));
    if (staple_list_store_read(&spool, came, url, dir, name, max)
        != APR_SUCCESS) {
        return "";
    }
    text = apr_pstrmemdup(p, (const char *)came->der, came->der_len);
    staple_spool_drop(spool);
    return text;
}

static void test_names(void)
{
    static const char *const others[] = {"http://a/1.crlhttp://b/1.crl", NULL};
    const staple_refresh_list_t other = {.urls = others};
    char second[STAPLE_LIST_STORE_NAME];

    staple_list_store_name(name, &list, STAPLE_PART_BASE);
    is_int(strlen(name), 64 + strlen(".crl"), "a digest and an ending");
    staple_list_store_name(second, &list, STAPLE_PART_DELTA);
    is_str(second + 64, ".delta.crl", "a delta has another ending");
    ok(strncmp(name, second, 64) == 0, "and the same digest");
    staple_list_store_name(second, &other, STAPLE_PART_BASE);
    ok(strcmp(name, second) != 0, "other URLs, another name");
}

static void test_kept(void)
{
    staple_stored_list_t came;

    is_str(read_it(&came, 100), "", "nothing is there");
    is_int(keep("first"), APR_SUCCESS, "a list is kept");
    is_str(read_it(&came, 100), "first", "and read again");
    is_str(came.url, urls[1], "with where it came from");
    is_str(came.validators.etag, "\"x\\y\"", "its ETag");
    is_str(came.validators.last_modified, "yesterday", "its Last-Modified");
    is_int(came.came_at, NOW, "and when that was");
    is_int(keep("second"), APR_SUCCESS, "another one");
    is_str(read_it(&came, 100), "second", "takes its place");
    is_str(read_it(&came, 3), "", "what is too long is not read");
}

static void test_damaged(void)
{
    staple_stored_list_t came;

    write_file(path(".json"), "{\"at\": \"soon\", \"url\": 7");
    is_str(read_it(&came, 100), "second", "damaged facts cost no list");
    is_str(came.validators.etag, "", "they are not known then");
    is_int(came.came_at, 0, "nor is when it came");
    unlink(path(".json"));
    is_str(read_it(&came, 100), "second", "nor do missing ones");
    is_int(staple_list_store_set_aside(dir, name), APR_SUCCESS, "set aside");
    ok(!is_there("") && is_there(".bad"), "it has another name");
    is_str(read_it(&came, 100), "", "and is not read again");
    is_int(staple_list_store_set_aside(dir, name), ENOENT,
           "there is nothing to set aside");
    if (symlink("/etc/passwd", path("")) == 0) {
        is_str(read_it(&came, 1000000), "", "a link is not followed");
        unlink(path(""));
    }
}

static int knows(void *baton, const char *asked)
{
    return baton != NULL && strcmp(asked, name) == 0;
}

static void test_sweep(void)
{
    const char *mine = apr_pstrcat(p, dir, "/mine.crl", NULL);
    apr_time_t later = apr_time_now() + STAPLE_STORE_KEEP
                       + apr_time_from_sec(60);

    write_file(mine, "");
    keep("third");
    is_int(staple_list_store_sweep(dir, knows, &later, later), 0,
           "what is configured stays");
    ok(is_there("") && is_there(".json"), "all of it");
    is_int(staple_list_store_sweep(dir, knows, NULL, apr_time_now()), 0,
           "what is not stays for a month");
    is_int(staple_list_store_sweep(dir, knows, NULL, later), 3,
           "then it goes, with what was set aside");
    ok(!is_there("") && !is_there(".json") && !is_there(".bad"), "all of it");
    ok(access(mine, F_OK) == 0, "what is named otherwise is not touched");
    unlink(mine);
    is_int(staple_list_store_sweep("/nonexistent", knows, NULL, later), 0,
           "no directory, nothing to sweep");
}

int main(void)
{
    char template[] = "/tmp/t_staple_list_store-XXXXXX";

    apr_initialize();
    apr_pool_create(&p, NULL);
    dir = mkdtemp(template);
    test_names();
    test_kept();
    test_damaged();
    test_sweep();
    ok(rmdir(dir) == 0, "nothing else is left in the directory");
    apr_pool_destroy(p);
    apr_terminate();
    return tap_done();
}
