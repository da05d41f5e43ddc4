/* Files read within bounds, written whole, and read again when they change. */
#include "staple_files.h"

#include <apr_file_io.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ocsp/staple_armour.h"

/* ---- one file ---- */

apr_status_t staple_files_get(unsigned char *buf, apr_size_t *len, int file,
                              apr_size_t room)
{
    ssize_t count = 1;

    for (*len = 0; *len < room && count != 0;) {
        count = read(file, buf + *len, room - *len);
        if (count < 0 && errno != EINTR) {
            return errno;
        }
        *len += count > 0 ? (apr_size_t)count : 0;
    }
    return APR_SUCCESS;
}

apr_status_t staple_files_read(unsigned char *buf, apr_size_t *len, int file,
                               apr_size_t room)
{
    apr_status_t status = staple_files_get(buf, len, file, room);
    unsigned char extra;
    apr_size_t more = 0;

    if (status == APR_SUCCESS && *len == room) {
        status = staple_files_get(&extra, &more, file, 1);
        *len += more;
    }
    return status;
}

apr_status_t staple_files_put(int file, const void *bytes, apr_size_t len)
{
    const unsigned char *at = bytes;

    while (len > 0) {
        ssize_t count = write(file, at, len);

        if (count < 0 && errno != EINTR) {
            return errno;
        }
        if (count > 0) {
            at += count;
            len -= (apr_size_t)count;
        }
    }
    return APR_SUCCESS;
}

/* Gives a file the mode and the owner of the one that it will replace. */
static apr_status_t take_over(int file, const struct stat *old)
{
    /* Only root may give files away; the others own both anyway. */
    return (geteuid() == 0 && fchown(file, old->st_uid, old->st_gid) != 0)
                   || fchmod(file, old->st_mode & 0777) != 0
               ? errno
               : APR_SUCCESS;
}

apr_status_t staple_files_write(int directory, const char *name,
                                const char *beside, mode_t mode,
                                const struct stat *old,
                                const unsigned char *bytes, apr_size_t len)
{
    apr_status_t status;
    int file = openat(directory, beside,
                      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                      mode);

    if (file < 0) {
        return errno;
    }
    status = staple_files_put(file, bytes, len);
    if (status == APR_SUCCESS && fsync(file) != 0) {
        status = errno;
    }
    if (status == APR_SUCCESS && old != NULL) {
        status = take_over(file, old);
    }
    if (close(file) != 0 && status == APR_SUCCESS) {
        status = errno;
    }
    if (status == APR_SUCCESS
        && renameat(directory, beside, directory, name) != 0) {
        status = errno;
    }
    if (status != APR_SUCCESS) {
        unlinkat(directory, beside, 0);
    }
    return status;
}

/* ---- response files that are watched ---- */

struct staple_files_t {
    apr_pool_t *pool;
    apr_pool_t *scratch;         /* cleared at each look */
    apr_array_header_t *watched; /* staple_file_t */
    int at;
};

staple_files_t *staple_files_make(apr_pool_t *p)
{
    staple_files_t *files = apr_pcalloc(p, sizeof(*files));

    files->pool = p;
    files->watched = apr_array_make(p, 4, sizeof(staple_file_t));
    apr_pool_create(&files->scratch, p);
    return files;
}

static staple_file_t *find(staple_files_t *files, const char *path)
{
    staple_file_t *file;
    int i;

    for (i = 0; i < files->watched->nelts; i++) {
        file = &APR_ARRAY_IDX(files->watched, i, staple_file_t);
        if (strcmp(file->path, path) == 0) {
            return file;
        }
    }
    file = apr_array_push(files->watched);
    memset(file, 0, sizeof(*file));
    file->path = path;
    file->indexes = apr_array_make(files->pool, 2, sizeof(apr_uint32_t));
    return file;
}

void staple_files_add(staple_files_t *files, const char *path,
                      apr_uint32_t index)
{
    *(apr_uint32_t *)apr_array_push(find(files, path)->indexes) = index;
}

void staple_files_add_all(staple_files_t *files,
                          const staple_refresh_cert_t *certs,
                          apr_uint32_t count)
{
    const char *const *path;
    apr_uint32_t i;

    for (i = 0; i < count; i++) {
        path = certs[i].policy->files;
        for (; path != NULL && *path != NULL; path++) {
            staple_files_add(files, *path, i);
        }
    }
}

void staple_files_rewind(staple_files_t *files)
{
    files->at = 0;
    apr_pool_clear(files->scratch);
}

static apr_status_t read_file(unsigned char *der, apr_size_t *len,
                              const char *path)
{
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    apr_status_t status;

    if (file < 0) {
        return errno;
    }
    status = staple_files_read(der, len, file, STAPLE_ARMOUR_MAX);
    close(file);
    if (status == APR_SUCCESS) {
        *len = staple_armour_remove(der, *len);
    }
    return status;
}

/* Is the file another than when it was read last?  Remembers how it is. */
static int has_changed(staple_file_t *file, apr_pool_t *p)
{
    staple_file_t before = *file;
    apr_finfo_t info;

    file->status = apr_stat(
        &info, file->path,
        APR_FINFO_MTIME | APR_FINFO_SIZE | APR_FINFO_INODE | APR_FINFO_TYPE, p);
    if (file->status == APR_SUCCESS && info.filetype != APR_REG) {
        file->status = APR_EINVAL; /* a pipe could block the refresher */
    }
    if (file->status != APR_SUCCESS) {
        file->size = -1;
        return before.size != -1;
    }
    file->modified_at = info.mtime;
    file->size = info.size;
    file->inode = (apr_uint64_t)info.inode;
    return before.modified_at != file->modified_at || before.size != file->size
           || before.inode != file->inode;
}

const staple_file_t *staple_files_next(staple_files_t *files,
                                       unsigned char *der, apr_size_t *len,
                                       apr_status_t *status)
{
    while (files->at < files->watched->nelts) {
        staple_file_t *file =
            &APR_ARRAY_IDX(files->watched, files->at++, staple_file_t);

        if (has_changed(file, files->scratch)) {
            *len = 0;
            *status = file->status;
            if (file->status == APR_SUCCESS) {
                *status = read_file(der, len, file->path);
            }
            return file;
        }
    }
    return NULL;
}
