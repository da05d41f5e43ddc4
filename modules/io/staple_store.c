/* Files of a directory, one per certificate: read, replace, sweep. */
#include "staple_store.h"

#include <apr_escape.h>
#include <apr_time.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "staple_files.h"

#define LOCK_FILE "lock"
#define NEW_FILE "new"
#define KNOWN_FILE "responders"
#define BAD_SUFFIX ".bad"

/* "<64 hexadecimal digits>.bad" */
#define NAME_SIZE (64 + sizeof(BAD_SUFFIX))

/* NULL: the file of responders. */
static void name_of(char *name, const unsigned char *sha256,
                    const char *suffix)
{
    strcpy(name, KNOWN_FILE);
    if (sha256 != NULL) {
        apr_escape_hex(name, sha256, 32, 0, NULL);
        strcpy(name + 64, suffix);
    }
}

static void close_file(int *file)
{
    if (*file >= 0) {
        close(*file);
    }
    *file = -1;
}

/* ---- the directory ---- */

/* What others can change cannot be trusted. */
static apr_status_t check_directory(const char **why, int directory,
                                    uid_t user)
{
    struct stat info;

    *why = NULL;
    if (fstat(directory, &info) != 0) {
        return errno;
    }
    if (info.st_uid != user) {
        *why = "it belongs to another user";
    }
    else if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        *why = "others than its owner may write to it";
    }
    return *why != NULL ? APR_EACCES : APR_SUCCESS;
}

static int open_directory(apr_status_t *status, const char **why,
                          const char *path)
{
    int directory =
        open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    *why = NULL;
    *status = directory >= 0 ? APR_SUCCESS : errno;
    if (*status == ELOOP || *status == ENOTDIR) {
        *why = "it is not a directory (links are not followed)";
    }
    return directory;
}

/* What is in the directory, or NULL. */
static DIR *list_of(int directory)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;

    if (list == NULL) {
        close_file(&copy);
    }
    return list;
}

static int is_empty(int directory)
{
    DIR *list = list_of(directory);
    struct dirent *entry;
    int others = list == NULL;

    while (list != NULL && (entry = readdir(list)) != NULL) {
        others += strcmp(entry->d_name, ".") != 0
                  && strcmp(entry->d_name, "..") != 0;
    }
    if (list != NULL) {
        closedir(list);
    }
    return others == 0;
}

/* The directories above, as far as they are not there. */
static apr_status_t make_above(const char *path)
{
    char above[PATH_MAX];
    char *slash;

    if (strlen(path) >= sizeof(above)) {
        return ENAMETOOLONG;
    }
    strcpy(above, path);
    for (slash = strchr(above + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(above, 0755) != 0 && errno != EEXIST) {
            return errno;
        }
        *slash = '/';
    }
    return APR_SUCCESS;
}

apr_status_t staple_store_make(const char **why, const char *path, uid_t user,
                               gid_t group)
{
    apr_status_t status;
    struct stat info;
    int directory;

    *why = NULL;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        status = errno == ENOENT ? make_above(path) : errno;
        if (status == APR_SUCCESS && mkdir(path, 0700) != 0) {
            status = errno;
        }
        if (status != APR_SUCCESS) {
            return status;
        }
    }
    directory = open_directory(&status, why, path);
    if (directory < 0) {
        return status;
    }
    if (user != geteuid() && fstat(directory, &info) == 0
        && info.st_uid == geteuid() && is_empty(directory)
        && (fchmod(directory, 0700) != 0
            || fchown(directory, user, group) != 0)) {
        status = errno;
    }
    if (status == APR_SUCCESS) {
        status = check_directory(why, directory, user);
    }
    close_file(&directory);
    return status;
}

/* Reads the token; 0: there is none. */
static apr_uint64_t read_token(int directory)
{
    apr_uint64_t token;
    int file = openat(directory, LOCK_FILE,
                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (file < 0 || read(file, &token, sizeof(token)) != sizeof(token)) {
        token = 0;
    }
    close_file(&file);
    return token;
}

apr_status_t staple_store_open(staple_store_t *store, const char **why,
                               const char *path)
{
    apr_status_t status;

    store->lock = -1;
    store->directory = open_directory(&status, why, path);
    if (store->directory < 0) {
        return status;
    }
    status = check_directory(why, store->directory, geteuid());
    if (status != APR_SUCCESS) {
        close_file(&store->directory);
        return status;
    }
    store->token = read_token(store->directory);
    return APR_SUCCESS;
}

void staple_store_close(staple_store_t *store)
{
    close_file(&store->lock);
    close_file(&store->directory);
}

/* Draws a token for the directory; for the holder of the lock. */
static apr_status_t draw_token(staple_store_t *store)
{
    apr_uint64_t token;

    if (RAND_bytes((unsigned char *)&token, sizeof(token)) != 1) {
        return APR_EGENERAL;
    }
    if (pwrite(store->lock, &token, sizeof(token), 0) != sizeof(token)) {
        return errno;
    }
    store->token = token;
    return APR_SUCCESS;
}

/* Closing any descriptor of a file drops this process's lock of it, so the
 * token is read before and through this one. */
apr_status_t staple_store_lock(staple_store_t *store)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    store->lock = openat(store->directory, LOCK_FILE,
                         O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                         0600);
    if (store->lock < 0) {
        return errno;
    }
    if (fcntl(store->lock, F_SETLK, &lock) != 0) {
        return errno == EACCES ? EAGAIN : errno; /* POSIX allows both */
    }
    return pread(store->lock, &store->token, sizeof(store->token), 0)
                   == sizeof(store->token)
               ? APR_SUCCESS
               : draw_token(store);
}

/* ---- files ---- */

apr_status_t staple_store_read(unsigned char *buf, apr_size_t *len,
                               const char **why, const staple_store_t *store,
                               const unsigned char *sha256)
{
    apr_size_t room = sha256 != NULL ? STAPLE_CODEC_MAX : STAPLE_KNOWN_BYTES;
    apr_status_t status = APR_SUCCESS;
    char name[NAME_SIZE];
    struct stat info;
    int file;

    name_of(name, sha256, "");
    *why = NULL;
    file = openat(store->directory, name,
                  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0) {
        *why = errno == ELOOP ? "it is a link" : NULL;
        return errno == ELOOP ? APR_EINVAL : errno;
    }
    if (fstat(file, &info) != 0) {
        status = errno;
    }
    else if (!S_ISREG(info.st_mode)) {
        *why = "it is not a plain file";
    }
    else if (info.st_uid != geteuid() && info.st_uid != 0) {
        *why = "it belongs to another user";
    }
    else if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        *why = "others than its owner may write to it";
    }
    else {
        status = staple_files_read(buf, len, file, room);
        if (status == APR_SUCCESS && *len > room) {
            *why = "it is too large";
        }
    }
    close_file(&file);
    return *why != NULL ? APR_EINVAL : status;
}

apr_status_t staple_store_write(const staple_store_t *store,
                                const unsigned char *sha256,
                                const unsigned char *buf, apr_size_t len)
{
    char name[NAME_SIZE];

    name_of(name, sha256, "");
    /* One that was cut off stays behind until the next is written: only the
     * holder of the lock is here. */
    unlinkat(store->directory, NEW_FILE, 0);
    return staple_files_write(store->directory, name, NEW_FILE, 0600, NULL,
                              buf, len);
}

apr_status_t staple_store_sync(const staple_store_t *store)
{
    /* A file system that cannot do it needs not. */
    return fsync(store->directory) == 0 || errno == EINVAL ? APR_SUCCESS
                                                           : errno;
}

/* ---- the whole directory ---- */

/* The next file that is named for a certificate, *is_bad where it was set
 * aside; NULL at the end of the list, which is closed then. */
static const char *next_name(unsigned char sha256[32], int *is_bad, DIR *list)
{
    struct dirent *entry;

    while (list != NULL && (entry = readdir(list)) != NULL) {
        const char *name = entry->d_name;
        apr_size_t len = strspn(name, "0123456789abcdef");

        /* APR would also take capitals and colons. */
        *is_bad = strcmp(name + len, BAD_SUFFIX) == 0;
        if (len == 64 && (name[len] == '\0' || *is_bad)
            && apr_unescape_hex(sha256, name, 64, 0, NULL) == APR_SUCCESS) {
            return name;
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    return NULL;
}

apr_status_t staple_store_set_aside(const staple_store_t *store,
                                    const unsigned char sha256[32])
{
    DIR *list = list_of(store->directory);
    char name[NAME_SIZE], bad[NAME_SIZE];
    int count = 0, is_bad, failed;
    unsigned char ignored[32];

    name_of(name, sha256, "");
    name_of(bad, sha256, BAD_SUFFIX);
    while (next_name(ignored, &is_bad, list) != NULL) {
        count += is_bad;
    }
    if (count < STAPLE_STORE_MAX_BAD) {
        failed = renameat(store->directory, name, store->directory, bad);
    }
    else {
        failed = unlinkat(store->directory, name, 0);
    }
    return failed ? errno : APR_SUCCESS;
}

int staple_store_sweep(const staple_store_t *store,
                       staple_store_known_fn *is_known, void *baton,
                       apr_time_t now)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW},
                                      {.tv_nsec = UTIME_NOW}};
    DIR *list = list_of(store->directory);
    unsigned char sha256[32];
    int removed = 0, is_bad;
    struct stat info;
    const char *name;

    while ((name = next_name(sha256, &is_bad, list)) != NULL) {
        if (!is_bad && is_known(baton, sha256)) {
            utimensat(store->directory, name, times, AT_SYMLINK_NOFOLLOW);
        }
        else if (fstatat(store->directory, name, &info, AT_SYMLINK_NOFOLLOW)
                     == 0
                 && apr_time_from_sec(info.st_mtime) + STAPLE_STORE_KEEP < now
                 && unlinkat(store->directory, name, 0) == 0) {
            removed++;
        }
    }
    return removed;
}
