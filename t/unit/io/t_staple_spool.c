/* Spools: filled, mapped, kept or dropped; nothing is left behind. */
#include "../tap.h"
#include "../must.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/staple_spool.h"

static apr_pool_t *p;
static char dir[] = "/tmp/ocspstaple-spool-XXXXXX";
static char elsewhere[] = "/tmp/ocspstaple-temp-XXXXXX";

static const char *in_dir(const char *name)
{
    return apr_pstrcat(p, dir, "/", name, NULL);
}

/* How many files there are in a directory; *last is one of them. */
static int count_files(const char **last, const char *path)
{
    DIR *list = opendir(path);
    struct dirent *entry;
    int count = 0;

    MUST(list != NULL);
    while ((entry = readdir(list)) != NULL) {
        if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2) {
            *last = apr_pstrdup(p, entry->d_name);
            count++;
        }
    }
    closedir(list);
    return count;
}

static int files_in(const char *path)
{
    const char *last;

    return count_files(&last, path);
}

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");

    MUST(file != NULL);
    fputs(text, file);
    fclose(file);
}

/* Is this what the spool has? */
static int has(staple_spool_t *spool, const char *text)
{
    const unsigned char *der = NULL;
    apr_size_t len = 1;

    return staple_spool_map(&der, &len, spool) == APR_SUCCESS && der != NULL
           && len == strlen(text) && memcmp(der, text, len) == 0;
}

static staple_spool_t *filled(const char *path, const char *text)
{
    staple_spool_t *spool;

    MUST(staple_spool_open(&spool, path) == APR_SUCCESS);
    MUST(staple_spool_put(spool, text, strlen(text)) == APR_SUCCESS);
    return spool;
}

static void test_dropped(void)
{
    staple_spool_t *spool;
    const char *name = "";
    struct stat info;

    is_int(staple_spool_open(&spool, dir), APR_SUCCESS, "dropped: opened");
    is_int(count_files(&name, dir), 1, "dropped: has a name");
    ok(strncmp(name, STAPLE_SPOOL_PREFIX, 5) == 0
           && strcmp(name + strlen(name) - 4, STAPLE_SPOOL_SUFFIX) == 0,
       "dropped: which tells what it is: %s", name);
    MUST(stat(in_dir(name), &info) == 0);
    is_int(info.st_mode & 0777, 0600, "dropped: others may not read it");
    is_int(staple_spool_put(spool, "ab", 2), APR_SUCCESS, "dropped: put");
    is_int(staple_spool_put(spool, "", 0), APR_SUCCESS, "dropped: nothing put");
    is_int(staple_spool_put(spool, "c", 1), APR_SUCCESS, "dropped: put more");
    ok(has(spool, "abc"), "dropped: mapped");
    ok(has(spool, "abc"), "dropped: and again");
    staple_spool_drop(spool);
    is_int(files_in(dir), 0, "dropped: nothing is left");
    staple_spool_drop(NULL);
}

static void test_nameless(void)
{
    staple_spool_t *spool = filled(NULL, "nameless");

    is_int(files_in(elsewhere), 0, "nameless: no file to be seen");
    ok(has(spool, "nameless"), "nameless: mapped");
    is_int(staple_spool_keep(spool, in_dir("kept")), EINVAL,
           "nameless: cannot be kept");
    ok(has(spool, "nameless"), "nameless: and still is there");
    staple_spool_drop(spool);
    is_int(files_in(dir), 0, "nameless: nothing is left");
}

static void test_empty(void)
{
    staple_spool_t *spool = filled(dir, "");

    ok(has(spool, ""), "empty: no bytes, and no failure");
    is_int(staple_spool_keep(spool, in_dir("empty")), APR_SUCCESS,
           "empty: can be kept");
    staple_spool_drop(spool);
    is_int(staple_spool_read(&spool, in_dir("empty"), 0), APR_SUCCESS,
           "empty: read");
    ok(has(spool, ""), "empty: no bytes again");
    staple_spool_drop(spool);
    unlink(in_dir("empty"));
}

static void test_kept(void)
{
    staple_spool_t *spool = filled(dir, "the list"), *old;

    put_file(in_dir("kept"), "what was there");
    MUST(staple_spool_read(&old, in_dir("kept"), 100) == APR_SUCCESS);
    ok(has(old, "what was there"), "kept: there was one");
    ok(has(spool, "the list"), "kept: mapped before");
    is_int(staple_spool_keep(spool, in_dir("none/kept")), ENOENT,
           "kept: not where there is no directory");
    is_int(staple_spool_keep(spool, in_dir("kept")), APR_SUCCESS, "kept");
    is_int(staple_spool_keep(spool, in_dir("other")), EINVAL, "kept: once");
    ok(has(spool, "the list"), "kept: mapped after");
    ok(has(old, "what was there"), "kept: who had the old one has it");
    staple_spool_drop(spool);
    staple_spool_drop(old);
    is_int(files_in(dir), 1, "kept: and nothing else");
    is_int(staple_spool_read(&spool, in_dir("kept"), 8), APR_SUCCESS,
           "kept: read, as long as may be");
    ok(has(spool, "the list"), "kept: the same bytes");
    is_int(staple_spool_keep(spool, in_dir("other")), EINVAL,
           "kept: what was read is kept already");
    staple_spool_drop(spool);
    is_int(files_in(dir), 1, "kept: reading takes nothing away");
    is_int(staple_spool_read(&spool, in_dir("kept"), 7), EFBIG,
           "kept: one byte too long");
    ok(spool == NULL, "kept: no spool");
    unlink(in_dir("kept"));
}

/* An administrator's file, which changes while it is in use. */
static void test_foreign(void)
{
    const char *path = in_dir("foreign");
    char *text = apr_palloc(p, 200001);
    staple_spool_t *spool;

    memset(text, 'x', 200000);
    text[200000] = '\0';
    put_file(path, text);
    is_int(staple_spool_begin_copy(&spool, path, 199999), EFBIG,
           "foreign: one byte too long");
    ok(spool == NULL, "foreign: no spool");
    is_int(staple_spool_begin_copy(&spool, path, 200000), APR_SUCCESS,
           "foreign: begun");
    is_int(staple_spool_copy(spool, 100000), EAGAIN, "foreign: a part of it");
    MUST(truncate(path, 200001) == 0);
    is_int(staple_spool_copy(spool, 200000), EFBIG,
           "foreign: it has grown by a byte too much");
    staple_spool_drop(spool);
    MUST(truncate(path, 200000) == 0);
    MUST(staple_spool_begin_copy(&spool, path, 200000) == APR_SUCCESS);
    is_int(staple_spool_copy(spool, 300000), APR_SUCCESS, "foreign: all of it");
    MUST(truncate(path, 0) == 0);
    ok(has(spool, text), "foreign: cut off afterwards, does no harm");
    is_int(staple_spool_keep(spool, in_dir("other")), EINVAL,
           "foreign: not kept");
    staple_spool_drop(spool);
    is_int(files_in(dir) + files_in(elsewhere), 1, "foreign: left as it was");
    unlink(path);
}

/* Nothing but a regular file will do, whoever it belongs to. */
static void test_refused_by(apr_status_t (*open_it)(staple_spool_t **,
                                                    const char *, apr_size_t),
                            const char *what)
{
    staple_spool_t *spool;

    is_int(open_it(&spool, in_dir("fifo"), 100), EINVAL, "%s: a fifo", what);
    is_int(open_it(&spool, dir, 100), EINVAL, "%s: a directory", what);
    is_int(open_it(&spool, "/dev/zero", 100), EINVAL, "%s: a device", what);
    is_int(open_it(&spool, in_dir("none"), 100), ENOENT, "%s: none", what);
}

static void test_refused(void)
{
    const char *fifo = in_dir("fifo"), *link = in_dir("link");
    staple_spool_t *spool;

    MUST(mkfifo(fifo, 0600) == 0 && symlink("target", link) == 0);
    put_file(in_dir("target"), "target");
    test_refused_by(staple_spool_read, "our own");
    test_refused_by(staple_spool_begin_copy, "foreign");
    is_int(staple_spool_read(&spool, link, 100), ELOOP,
           "refused: a link where our own file should be");
    is_int(staple_spool_begin_copy(&spool, link, 100), APR_SUCCESS,
           "an administrator may use links");
    MUST(staple_spool_copy(spool, 100) == APR_SUCCESS);
    ok(has(spool, "target"), "and they are followed");
    staple_spool_drop(spool);
    unlink(fifo);
    unlink(link);
    unlink(in_dir("target"));
}

/* A directory that is not there, one that may not be written, a full disk. */
static void test_no_room(void)
{
    const struct rlimit little = {1000, RLIM_INFINITY};
    const struct rlimit much = {RLIM_INFINITY, RLIM_INFINITY};
    char *bytes = apr_pcalloc(p, 2000);
    staple_spool_t *spool;

    is_int(staple_spool_open(&spool, in_dir("none")), ENOENT,
           "no room: no directory");
    ok(spool == NULL, "no room: no spool");
    if (geteuid() != 0 || seteuid(65534) == 0) {
        is_int(staple_spool_open(&spool, "/etc"), EACCES, "no room: no rights");
    }
    MUST(geteuid() == getuid() || seteuid(getuid()) == 0);

    spool = filled(dir, "");
    MUST(setrlimit(RLIMIT_FSIZE, &little) == 0);
    is_int(staple_spool_put(spool, bytes, 999), APR_SUCCESS, "no room: yet");
    is_int(staple_spool_put(spool, bytes, 1000), EFBIG, "no room: any more");
    MUST(setrlimit(RLIMIT_FSIZE, &much) == 0);
    staple_spool_drop(spool);
    is_int(files_in(dir), 0, "no room: nothing is left");
}

static void test_sweep(void)
{
    static const char *const others[] = {".crl-", ".crl-abcdef.tm", ".tmp",
                                         ".crl-abcdefg.tmp", "crl-abcdef.tmp"};
    staple_spool_t *spool = filled(dir, "alive");
    apr_size_t i;

    put_file(in_dir(".crl-abcdef.tmp"), "left");
    MUST(mkdir(in_dir(".crl-folder.tmp"), 0700) == 0);
    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        put_file(in_dir(others[i]), "other");
    }
    is_int(staple_spool_sweep(dir), 2, "sweep: what was left");
    is_int(files_in(dir), 6, "sweep: and nothing else");
    is_int(staple_spool_keep(spool, in_dir("kept")), ENOENT,
           "sweep: also what is in use");
    ok(has(spool, "alive"), "sweep: which still can be read");
    staple_spool_drop(spool);
    is_int(staple_spool_sweep(dir), 0, "sweep: nothing is left");
    is_int(staple_spool_sweep(in_dir("none")), 0, "sweep: no directory");
    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        unlink(in_dir(others[i]));
    }
    rmdir(in_dir(".crl-folder.tmp"));
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&p, NULL);
    alarm(60); /* whatever blocks */
    signal(SIGXFSZ, SIG_IGN);
    MUST(mkdtemp(dir) != NULL && mkdtemp(elsewhere) != NULL);
    setenv("TMPDIR", elsewhere, 1);
    test_dropped();
    test_nameless();
    test_empty();
    test_kept();
    test_foreign();
    test_refused();
    test_no_room();
    test_sweep();
    is_int(rmdir(dir), 0, "nothing else was made");
    is_int(rmdir(elsewhere), 0, "nor elsewhere");
    apr_pool_destroy(p);
    return tap_done();
}
