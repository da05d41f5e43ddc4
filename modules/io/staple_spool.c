/* A file that grows while a list is received, is mapped, and kept or dropped.
 */
#include "staple_spool.h"

#include <apr_file_io.h>
#include <apr_pools.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "staple_files.h"

#define PATTERN STAPLE_SPOOL_PREFIX "XXXXXX" STAPLE_SPOOL_SUFFIX

#define COPY_BUFFER 65536

struct staple_spool_t {
    int file;
    char *name;           /* to be removed; NULL: has none, or keeps it */
    unsigned char *bytes; /* where it is mapped; NULL: it is not, or empty */
    apr_size_t len;       /* of these */
    int source;           /* what is copied into it; -1: nothing is */
    apr_size_t room;      /* for how much of that */
};

static staple_spool_t *make(int file)
{
    staple_spool_t *spool = calloc(1, sizeof(*spool));

    if (spool != NULL) {
        spool->file = file;
        spool->source = -1;
    }
    return spool;
}

void staple_spool_drop(staple_spool_t *spool)
{
    if (spool == NULL) {
        return;
    }
    if (spool->bytes != NULL) {
        munmap(spool->bytes, spool->len);
    }
    if (spool->name != NULL) {
        unlink(spool->name);
    }
    if (spool->file >= 0) {
        close(spool->file);
    }
    if (spool->source >= 0) {
        close(spool->source);
    }
    free(spool->name);
    free(spool);
}

/* ---- filling one ---- */

static apr_status_t open_in(staple_spool_t *spool, const char *dir)
{
    const apr_size_t size = strlen(dir) + sizeof("/" PATTERN);
    char *name = malloc(size);

    if (name == NULL) {
        return ENOMEM;
    }
    snprintf(name, size, "%s/" PATTERN, dir);
    spool->file = mkostemps(name, (int)strlen(STAPLE_SPOOL_SUFFIX), O_CLOEXEC);
    if (spool->file < 0) {
        const int why = errno;

        free(name);
        return why;
    }
    spool->name = name;
    return APR_SUCCESS;
}

static apr_status_t open_nameless(staple_spool_t *spool)
{
    const char *dir;
    apr_pool_t *pool;
    apr_status_t status = apr_pool_create(&pool, NULL);

    if (status != APR_SUCCESS) {
        return status;
    }
    status = apr_temp_dir_get(&dir, pool);
    if (status == APR_SUCCESS) {
        status = open_in(spool, dir);
    }
    apr_pool_destroy(pool);
    if (status == APR_SUCCESS) {
        status = unlink(spool->name) == 0 ? APR_SUCCESS : errno;
        free(spool->name);
        spool->name = NULL;
    }
    return status;
}

apr_status_t staple_spool_open(staple_spool_t **spool, const char *dir)
{
    staple_spool_t *made = make(-1);
    apr_status_t status;

    *spool = NULL;
    if (made == NULL) {
        return ENOMEM;
    }
    status = dir != NULL ? open_in(made, dir) : open_nameless(made);
    if (status != APR_SUCCESS) {
        staple_spool_drop(made);
        return status;
    }
    *spool = made;
    return APR_SUCCESS;
}

apr_status_t staple_spool_put(staple_spool_t *spool, const void *data,
                              apr_size_t len)
{
    return staple_files_put(spool->file, data, len);
}

/* ---- reading one ---- */

/* A regular file of at most `max` bytes, or -1 and errno. */
static int open_regular(const char *path, apr_size_t max, int flags)
{
    int file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);
    struct stat info;
    int why = 0;

    if (file < 0) {
        return -1;
    }
    if (fstat(file, &info) != 0) {
        why = errno;
    }
    else if (!S_ISREG(info.st_mode)) {
        why = EINVAL;
    }
    else if ((uintmax_t)info.st_size > max) {
        why = EFBIG;
    }
    if (why != 0) {
        close(file);
        errno = why;
        return -1;
    }
    return file;
}

apr_status_t staple_spool_read(staple_spool_t **spool, const char *path,
                               apr_size_t max)
{
    int file = open_regular(path, max, O_NOFOLLOW);

    *spool = NULL;
    if (file < 0) {
        return errno;
    }
    *spool = make(file);
    if (*spool == NULL) {
        close(file);
        return ENOMEM;
    }
    return APR_SUCCESS;
}

apr_status_t staple_spool_begin_copy(staple_spool_t **spool, const char *path,
                                     apr_size_t max)
{
    int source = open_regular(path, max, 0);
    apr_status_t status;

    *spool = NULL;
    if (source < 0) {
        return errno;
    }
    status = staple_spool_open(spool, NULL);
    if (status != APR_SUCCESS) {
        close(source);
        return status;
    }
    (*spool)->source = source;
    (*spool)->room = max;
    return APR_SUCCESS;
}

/* Copies one buffer full; *is_all: that was the end of it. */
static apr_status_t copy_some(int *is_all, staple_spool_t *spool,
                              unsigned char *buf)
{
    apr_size_t len;
    apr_status_t status =
        staple_files_get(buf, &len, spool->source, COPY_BUFFER);

    if (status != APR_SUCCESS) {
        return status;
    }
    if (len > spool->room) {
        return EFBIG;
    }
    spool->room -= len;
    *is_all = len < COPY_BUFFER;
    return staple_spool_put(spool, buf, len);
}

apr_status_t staple_spool_copy(staple_spool_t *spool, apr_size_t bytes)
{
    unsigned char *buf = malloc(COPY_BUFFER);
    apr_status_t status = buf != NULL ? APR_SUCCESS : ENOMEM;
    apr_size_t done = 0;
    int is_all = 0;

    while (status == APR_SUCCESS && !is_all && done < bytes) {
        status = copy_some(&is_all, spool, buf);
        done += COPY_BUFFER;
    }
    free(buf);
    return status == APR_SUCCESS && !is_all ? EAGAIN : status;
}

/* Maps a file that is not empty. */
static apr_status_t map_bytes(staple_spool_t *spool)
{
    struct stat info;
    void *bytes;

    if (fstat(spool->file, &info) != 0) {
        return errno;
    }
    if ((uintmax_t)info.st_size > SIZE_MAX) {
        return ENOMEM;
    }
    if (info.st_size == 0) {
        return APR_SUCCESS;
    }
    bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE,
                 spool->file, 0);
    if (bytes == MAP_FAILED) {
        return errno;
    }
    spool->bytes = bytes;
    spool->len = (apr_size_t)info.st_size;
    /* Advice: where it is not taken, all is well. */
    posix_madvise(bytes, spool->len, POSIX_MADV_SEQUENTIAL);
    return APR_SUCCESS;
}

apr_status_t staple_spool_map(const unsigned char **der, apr_size_t *len,
                              staple_spool_t *spool)
{
    static const unsigned char nothing[1];
    apr_status_t status = APR_SUCCESS;

    if (spool->bytes == NULL) {
        status = map_bytes(spool);
    }
    *der = spool->bytes != NULL ? spool->bytes : nothing;
    *len = spool->len;
    return status;
}

/* ---- keeping one ---- */

apr_status_t staple_spool_keep(staple_spool_t *spool, const char *path)
{
    if (spool->name == NULL) {
        return EINVAL;
    }
    if (fsync(spool->file) != 0 || rename(spool->name, path) != 0) {
        return errno;
    }
    free(spool->name);
    spool->name = NULL;
    return APR_SUCCESS;
}

static int is_spool(const char *name)
{
    const apr_size_t prefix = strlen(STAPLE_SPOOL_PREFIX);
    const apr_size_t len = strlen(PATTERN);
    const apr_size_t suffix = strlen(STAPLE_SPOOL_SUFFIX);

    return strlen(name) == len
           && strncmp(name, STAPLE_SPOOL_PREFIX, prefix) == 0
           && strcmp(name + len - suffix, STAPLE_SPOOL_SUFFIX) == 0;
}

int staple_spool_sweep(const char *dir)
{
    DIR *list = opendir(dir);
    struct dirent *entry;
    int count = 0;

    if (list == NULL) {
        return 0;
    }
    while ((entry = readdir(list)) != NULL) {
        if (is_spool(entry->d_name)) {
            count += unlinkat(dirfd(list), entry->d_name, 0) == 0;
        }
    }
    closedir(list);
    return count;
}
