/* Files read and written whole; response files, read when they change. */
#include "../tap.h"

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/staple_files.h"
#include "ocsp/staple_armour.h"

static apr_pool_t *p;
static unsigned char der[STAPLE_ARMOUR_MAX];

/* A file of so many bytes, put in place by renaming it. */
static void put(const char *path, char byte, apr_size_t len)
{
    const char *other = apr_pstrcat(p, path, ".new", NULL);
    FILE *file = fopen(other, "wb");

    while (len-- > 0) {
        putc(byte, file);
    }
    fclose(file);
    rename(other, path);
}

/* One look at all files: how many have changed, and what the last one is. */
static unsigned look(staple_files_t *files, const staple_file_t **last,
                     apr_size_t *len, apr_status_t *status)
{
    const staple_file_t *file;
    unsigned count = 0;

    staple_files_rewind(files);
    while ((file = staple_files_next(files, der, len, status)) != NULL) {
        *last = file;
        count++;
        if (count > 10) {
            break;
        }
    }
    return count;
}

static void test_one(const char *path)
{
    staple_files_t *files = staple_files_make(p);
    const staple_file_t *file = NULL;
    apr_status_t status = APR_SUCCESS;
    apr_size_t len = 0;

    staple_files_add(files, path, 3);
    staple_files_add(files, path, 7);
    unlink(path);
    is_int(look(files, &file, &len, &status), 1, "not there: told once");
    ok(APR_STATUS_IS_ENOENT(status), "not there: why");
    is_int(file->indexes->nelts, 2, "one file for two certificates");
    is_int(look(files, &file, &len, &status), 0, "still not there: silence");
    put(path, 'a', 100);
    is_int(look(files, &file, &len, &status), 1, "there: read");
    is_int(status, APR_SUCCESS, "there: well");
    is_int(len, 100, "there: its length");
    is_int(der[99], 'a', "there: its bytes");
    is_int(look(files, &file, &len, &status), 0, "as before: not read again");
    put(path, 'b', 100);
    is_int(look(files, &file, &len, &status), 1,
           "replaced by one of the same size: read");
    is_int(der[0], 'b', "replaced: its bytes");
    put(path, 'c', 0);
    is_int(look(files, &file, &len, &status), 1, "empty: told");
    is_int(len, 0, "empty: no bytes");
    put(path, 'd', STAPLE_ARMOUR_MAX);
    is_int(look(files, &file, &len, &status), 1, "as large as may be: read");
    is_int(len, STAPLE_ARMOUR_MAX, "as large as may be: all of it");
    put(path, 'd', STAPLE_ARMOUR_MAX + 1);
    is_int(look(files, &file, &len, &status), 1, "too large: told");
    is_int(len, STAPLE_ARMOUR_MAX + 1, "too large: so it says");
    unlink(path);
    is_int(look(files, &file, &len, &status), 1, "gone: told once");
    is_int(look(files, &file, &len, &status), 0, "gone: silence");
    put(path, 'e', 10);
    is_int(look(files, &file, &len, &status), 1, "back: read");
}

/* What is no file does not hold up the refresher. */
static void test_odd(const char *dir)
{
    staple_files_t *files = staple_files_make(p);
    const char *fifo = apr_pstrcat(p, dir, "/fifo", NULL);
    const char *good = apr_pstrcat(p, dir, "/good", NULL);
    const staple_file_t *file = NULL;
    apr_status_t status = APR_SUCCESS;
    apr_size_t len = 0;

    mkfifo(fifo, 0600);
    put(good, 'g', 5);
    staple_files_add(files, fifo, 0);
    staple_files_add(files, dir, 1);
    staple_files_add(files, good, 2);
    is_int(look(files, &file, &len, &status), 3,
           "a pipe and a directory are told, without waiting");
    is_str(file->path, good, "and the file behind them is read");
    is_int(len, 5, "all of it");
    is_int(look(files, &file, &len, &status), 0, "then silence");
    unlink(fifo);
    unlink(good);
}

static int write_it(const char *path, mode_t mode, const struct stat *old,
                    const char *text)
{
    return staple_files_write(AT_FDCWD, path, apr_pstrcat(p, path, ".b", NULL),
                              mode, old, (const unsigned char *)text,
                              strlen(text));
}

/* Files that are written whole, and read up to a limit. */
static void test_whole(const char *dir)
{
    const char *path = apr_pstrcat(p, dir, "/whole", NULL);
    const char *beside = apr_pstrcat(p, path, ".b", NULL);
    apr_size_t len = 0;
    struct stat old;
    int file;

    is_int(write_it(path, 0600, NULL, "12345"), APR_SUCCESS, "written");
    ok(stat(path, &old) == 0 && (old.st_mode & 0777) == 0600, "its mode");
    chmod(path, 0640);
    stat(path, &old);
    is_int(write_it(path, 0600, &old, "123456"), APR_SUCCESS, "replaced");
    ok(stat(path, &old) == 0 && (old.st_mode & 0777) == 0640,
       "with the mode of the old one");
    ok(access(beside, F_OK) != 0, "the new one has taken its name");
    file = open(path, O_RDONLY);
    is_int(staple_files_read(der, &len, file, 6), APR_SUCCESS, "read");
    is_int(len, 6, "all that there is room for");
    lseek(file, 0, SEEK_SET);
    der[5] = 'x';
    is_int(staple_files_read(der, &len, file, 5), APR_SUCCESS, "less room");
    is_int(len, 6, "there is more");
    is_int(der[5], 'x', "which goes nowhere");
    close(file);
    put(beside, 'o', 1);
    is_int(write_it(path, 0600, NULL, ""), EEXIST, "another's is in the way");
    ok(access(beside, F_OK) == 0 && stat(path, &old) == 0 && old.st_size == 6,
       "neither has changed");
    unlink(beside);
    unlink(path);
    is_int(write_it(apr_pstrcat(p, dir, "/none/x", NULL), 0600, NULL, ""),
           ENOENT, "no such directory");
    file = open(dir, O_RDONLY);
    is_int(staple_files_read(der, &len, file, 5), EISDIR, "a directory");
    close(file);
}

int main(void)
{
    char dir[] = "/tmp/t_staple_files-XXXXXX";
    const char *path;

    apr_initialize();
    apr_pool_create(&p, NULL);
    if (mkdtemp(dir) == NULL) {
        return tap_skip_all("no directory can be made in /tmp");
    }
    path = apr_pstrcat(p, dir, "/file", NULL);
    test_one(path);
    test_odd(dir);
    test_whole(dir);
    unlink(path);
    rmdir(dir);
    apr_pool_destroy(p);
    apr_terminate();
    return tap_done();
}
