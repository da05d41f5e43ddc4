/* The store's directory and files: what is trusted, what is replaced. */
#include "../tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/staple_store.h"

static char top[] = "/tmp/ocspstaple-unit-XXXXXX";
static char dir[200];
static unsigned char buf[STAPLE_CODEC_MAX];

/* The SHA-256 of certificate number `n`, and its file. */
static const unsigned char *sha(unsigned char n)
{
    static unsigned char sha256[32];

    memset(sha256, n, sizeof(sha256));
    return sha256;
}

static const char *file(unsigned char n, const char *suffix)
{
    static char path[400];
    int at = snprintf(path, sizeof(path), "%s/", dir);
    int i;

    for (i = 0; i < 32; i++) {
        at += snprintf(path + at, sizeof(path) - (size_t)at, "%02x", n);
    }
    snprintf(path + at, sizeof(path) - (size_t)at, "%s", suffix);
    return path;
}

static void put(const char *path, const char *text, mode_t mode)
{
    FILE *out = fopen(path, "w");

    fputs(text, out);
    fclose(out);
    chmod(path, mode);
}

static int exists(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

/* Opens the directory; the test cannot go on without. */
static staple_store_t open_it(void)
{
    staple_store_t store = STAPLE_STORE_CLOSED;
    const char *why;

    if (staple_store_open(&store, &why, dir) != APR_SUCCESS) {
        printf("Bail out! %s: %s\n", dir, why != NULL ? why : "?");
        exit(1);
    }
    return store;
}

static void test_make(void)
{
    const char *why;
    struct stat info;
    char path[300], target[300];

    snprintf(dir, sizeof(dir), "%s/a/b/store", top);
    is_int(staple_store_make(&why, dir, geteuid(), getegid()), APR_SUCCESS,
           "made, with what is above");
    ok(stat(dir, &info) == 0 && (info.st_mode & 07777) == 0700, "mode 0700");
    is_int(staple_store_make(&why, dir, geteuid(), getegid()), APR_SUCCESS,
           "once more");
    snprintf(target, sizeof(target), "%s/target", top);
    snprintf(path, sizeof(path), "%s/link", top);
    mkdir(target, 0700);
    ok(symlink(target, path) == 0, "a link");
    ok(staple_store_make(&why, path, geteuid(), getegid()) != APR_SUCCESS
           && why != NULL,
       "a link is refused");
    chmod(target, 0777);
    ok(staple_store_make(&why, target, geteuid(), getegid()) == APR_EACCES
           && why != NULL,
       "what everybody may write to is refused");
    chmod(target, 0700);
    if (geteuid() == 0) {
        is_int(staple_store_make(&why, target, 65534, 65534), APR_SUCCESS,
               "an empty one of root's is handed over");
        ok(stat(target, &info) == 0 && info.st_uid == 65534, "it is");
        ok(staple_store_make(&why, target, 65533, 65534) == APR_EACCES
               && why != NULL,
           "one of somebody else's is not");
        snprintf(target, sizeof(target), "%s/a", top);
        ok(staple_store_make(&why, target, 65534, 65534) == APR_EACCES
               && stat(target, &info) == 0 && info.st_uid == 0,
           "nor is one with something in it");
    }
    snprintf(path, sizeof(path), "%s/plain", top);
    put(path, "", 0600);
    ok(staple_store_make(&why, path, geteuid(), getegid()) != APR_SUCCESS
           && why != NULL,
       "a plain file is refused");
}

static void test_files(void)
{
    staple_store_t store = open_it();
    char text[] = "0123456789";
    struct stat info;
    const char *why;
    apr_size_t len;

    is_int(staple_store_read(buf, &len, &why, &store, sha(1)), ENOENT,
           "no file yet");
    is_int(staple_store_lock(&store), APR_SUCCESS, "locked");
    is_int(staple_store_write(&store, sha(1), (unsigned char *)text, 10),
           APR_SUCCESS, "written");
    is_int(staple_store_sync(&store), APR_SUCCESS, "synced");
    ok(stat(file(1, ""), &info) == 0 && (info.st_mode & 07777) == 0600,
       "under its name, mode 0600");
    is_int(staple_store_read(buf, &len, &why, &store, sha(1)), APR_SUCCESS,
           "read");
    ok(len == 10 && memcmp(buf, text, 10) == 0, "its bytes");
    is_int(staple_store_write(&store, sha(1), (unsigned char *)"new", 3),
           APR_SUCCESS, "replaced");
    staple_store_read(buf, &len, &why, &store, sha(1));
    ok(len == 3 && memcmp(buf, "new", 3) == 0, "by the new bytes");
    staple_store_close(&store);
    staple_store_close(&store);
    is_int(store.directory, -1, "closed, twice");
}

/* What is known of responders has a file of its own. */
static void test_known(void)
{
    static unsigned char bytes[STAPLE_KNOWN_BYTES], got[STAPLE_KNOWN_BYTES];
    staple_store_t store = open_it();
    char path[300];
    const char *why;
    apr_size_t len;

    snprintf(path, sizeof(path), "%s/responders", dir);
    memset(bytes, 7, sizeof(bytes));
    is_int(staple_store_read(got, &len, &why, &store, NULL), ENOENT,
           "responders: no file yet");
    is_int(staple_store_lock(&store), APR_SUCCESS, "responders: locked");
    is_int(staple_store_write(&store, NULL, bytes, sizeof(bytes)), APR_SUCCESS,
           "responders: written, as large as it gets");
    is_int(staple_store_read(got, &len, &why, &store, NULL), APR_SUCCESS,
           "responders: read");
    ok(len == sizeof(bytes) && memcmp(got, bytes, len) == 0,
       "responders: its bytes");
    put(path, "", 0622);
    is_int(staple_store_read(got, &len, &why, &store, NULL), APR_EINVAL,
           "responders: not what others may write to");
    unlink(path);
    ok(symlink("/etc/passwd", path) == 0, "responders: a link");
    is_int(staple_store_read(got, &len, &why, &store, NULL), APR_EINVAL,
           "responders: is not followed");
    is_int(staple_store_write(&store, NULL, bytes, 10), APR_SUCCESS,
           "responders: but replaced");
    is_int(staple_store_read(got, &len, &why, &store, NULL), APR_SUCCESS,
           "responders: and all is well");
    staple_store_close(&store);
}

/* A writer that was killed leaves "new" behind; it is neither read nor in the
 * way, whatever it has become. */
static void test_new(void)
{
    staple_store_t store = open_it();
    char path[300], victim[300], text[8] = "";
    FILE *in;

    snprintf(path, sizeof(path), "%s/new", dir);
    snprintf(victim, sizeof(victim), "%s/victim", top);
    put(path, "half of it", 0600);
    is_int(staple_store_write(&store, sha(2), (unsigned char *)"x", 1),
           APR_SUCCESS, "written where one was cut off");
    ok(!exists(path), "which is gone");
    put(victim, "mine", 0600);
    ok(symlink(victim, path) == 0, "a link in its place");
    is_int(staple_store_write(&store, sha(2), (unsigned char *)"y", 1),
           APR_SUCCESS, "is replaced");
    in = fopen(victim, "r");
    ok(fgets(text, sizeof(text), in) != NULL && strcmp(text, "mine") == 0,
       "not followed");
    fclose(in);
    staple_store_close(&store);
}

static apr_status_t read_it(const staple_store_t *store, unsigned char n,
                            const char **why)
{
    apr_size_t len;

    return staple_store_read(buf, &len, why, store, sha(n));
}

static void test_refused(void)
{
    staple_store_t store = open_it();
    const char *why;

    ok(symlink("/etc/passwd", file(3, "")) == 0, "a link");
    ok(read_it(&store, 3, &why) == APR_EINVAL && why != NULL, "is not read");
    ok(mkfifo(file(4, ""), 0600) == 0, "a pipe");
    ok(read_it(&store, 4, &why) == APR_EINVAL && why != NULL,
       "is not waited for");
    mkdir(file(5, ""), 0700);
    ok(read_it(&store, 5, &why) == APR_EINVAL && why != NULL,
       "a directory is not read");
    put(file(6, ""), "x", 0666);
    ok(read_it(&store, 6, &why) == APR_EINVAL && why != NULL,
       "nor what everybody may write to");
    put(file(7, ""), "", 0600);
    ok(truncate(file(7, ""), STAPLE_CODEC_MAX + 1) == 0, "a large one");
    ok(read_it(&store, 7, &why) == APR_EINVAL && why != NULL,
       "is not read, either");
    ok(truncate(file(7, ""), STAPLE_CODEC_MAX) == 0
           && read_it(&store, 7, &why) == APR_SUCCESS,
       "the largest is");
    if (geteuid() == 0) {
        put(file(8, ""), "x", 0600);
        ok(chown(file(8, ""), 65534, 65534) == 0
               && read_it(&store, 8, &why) == APR_EINVAL && why != NULL,
           "nor what belongs to somebody else");
    }
    staple_store_close(&store);
}

static void test_aside(void)
{
    staple_store_t store = open_it();
    const char *why;
    unsigned char n;
    int bad = 0;

    is_int(staple_store_set_aside(&store, sha(3)), APR_SUCCESS,
           "a link is set aside");
    ok(exists("/etc/passwd") && exists(file(3, ".bad")), "itself");
    is_int(read_it(&store, 3, &why), ENOENT, "and not read again");
    for (n = 20; n < 60; n++) {
        put(file(n, ""), "x", 0600);
        staple_store_set_aside(&store, sha(n));
        bad += exists(file(n, ".bad"));
        if (exists(file(n, ""))) {
            ok(0, "file %d is where it was", n);
        }
    }
    is_int(bad, STAPLE_STORE_MAX_BAD - 1, "no more than a few are kept");
    staple_store_close(&store);
}

/* The first child in a process of its own. */
static apr_status_t lock_elsewhere(void)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        staple_store_t store = open_it();

        _exit((int)staple_store_lock(&store));
    }
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static void test_lock(void)
{
    staple_store_t store = open_it();
    int ready[2], status;
    char byte;
    pid_t pid;

    is_int(staple_store_lock(&store), APR_SUCCESS, "locked");
    is_int(lock_elsewhere(), APR_EAGAIN, "another process cannot");
    staple_store_close(&store);
    is_int(lock_elsewhere(), APR_SUCCESS, "it can when it is closed");

    ok(pipe(ready) == 0, "a process with the lock");
    pid = fork();
    if (pid == 0) {
        staple_store_t mine = open_it();

        staple_store_lock(&mine);
        if (write(ready[1], "x", 1) == 1) {
            pause();
        }
        _exit(1);
    }
    ok(read(ready[0], &byte, 1) == 1, "has it");
    is_int(lock_elsewhere(), APR_EAGAIN, "nobody else can");
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    is_int(lock_elsewhere(), APR_SUCCESS, "when it is killed, everybody can");
}

static int is_known(void *baton, const unsigned char sha256[32])
{
    return sha256[0] == *(unsigned char *)baton;
}

static void test_sweep(void)
{
    staple_store_t store = open_it();
    apr_time_t now = apr_time_now();
    unsigned char known = 101;
    struct stat info;
    const struct timespec old[2] = {
        {.tv_sec = (time_t)apr_time_sec(now) - 32 * 86400},
        {.tv_sec = (time_t)apr_time_sec(now) - 32 * 86400}};
    const struct timespec young[2] = {
        {.tv_sec = (time_t)apr_time_sec(now) - 30 * 86400},
        {.tv_sec = (time_t)apr_time_sec(now) - 30 * 86400}};
    char foreign[300], capitals[300];

    put(file(100, ""), "unknown, old", 0600);
    utimensat(AT_FDCWD, file(100, ""), old, 0);
    put(file(101, ""), "known, old", 0600);
    utimensat(AT_FDCWD, file(101, ""), old, 0);
    put(file(102, ""), "unknown, 30 days", 0600);
    utimensat(AT_FDCWD, file(102, ""), young, 0);
    put(file(101, ".bad"), "bad, old", 0600);
    utimensat(AT_FDCWD, file(101, ".bad"), old, 0);
    snprintf(foreign, sizeof(foreign), "%s/README", dir);
    put(foreign, "not ours", 0600);
    utimensat(AT_FDCWD, foreign, old, 0);
    snprintf(capitals, sizeof(capitals), "%s/%s%s", dir, "ABCDEFABCDEFABCDEF",
             strrchr(file(103, ""), '/') + 1 + 18);
    put(capitals, "a name in capitals", 0600);
    utimensat(AT_FDCWD, capitals, old, 0);

    is_int(staple_store_sweep(&store, is_known, &known, now), 2,
           "two are removed");
    ok(!exists(file(100, "")), "one that nobody used for 31 days");
    ok(!exists(file(101, ".bad")), "and one that was set aside then");
    ok(exists(file(102, "")), "not one that was used 30 days ago");
    ok(stat(file(101, ""), &info) == 0
           && info.st_mtime >= (time_t)apr_time_sec(now) - 1,
       "not one that is in use, and that is noted");
    ok(exists(foreign), "nor what is not ours");
    ok(exists(capitals), "nor a name in capitals");
    staple_store_close(&store);
}

/* A directory that was removed and made again has another token, even if the
 * file system gives it the same number. */
static void test_token(void)
{
    staple_store_t store = open_it();
    apr_uint64_t token;
    char path[300];

    is_int(staple_store_lock(&store), APR_SUCCESS, "locked");
    token = store.token;
    staple_store_close(&store);
    store = open_it();
    ok(token != 0 && store.token == token, "the token stays");
    is_int(staple_store_lock(&store), APR_SUCCESS, "locked again");
    ok(store.token == token, "and stays");
    staple_store_close(&store);
    snprintf(path, sizeof(path), "%s/lock", dir);
    ok(truncate(path, 3) == 0, "cut off");
    store = open_it();
    is_int(store.token, 0, "there is none");
    is_int(staple_store_lock(&store), APR_SUCCESS, "locked");
    ok(store.token != 0 && store.token != token, "a new one is drawn");
    staple_store_close(&store);
}

static void test_gone(void)
{
    staple_store_t store = open_it();
    const char *why;
    char command[300];

    snprintf(command, sizeof(command), "rm -rf %s", dir);
    ok(system(command) == 0, "the directory is removed");
    is_int(staple_store_write(&store, sha(1), (unsigned char *)"x", 1), ENOENT,
           "writing says so");
    staple_store_close(&store);
    is_int(staple_store_open(&store, &why, dir), ENOENT, "so does opening");
    is_int(store.directory, -1, "which leaves it closed");
}

int main(void)
{
    char command[300];

    if (mkdtemp(top) == NULL) {
        return tap_skip_all("no directory below /tmp: %s", strerror(errno));
    }
    umask(0);
    test_make();
    test_files();
    test_known();
    test_new();
    test_refused();
    test_aside();
    test_lock();
    test_sweep();
    test_token();
    test_gone();
    snprintf(command, sizeof(command), "rm -rf %s", top);
    ok(system(command) == 0, "cleaned up");
    return tap_done();
}
