/* Files with OCSP responses, read again when they change. */
#include "staple_files.h"

#include <apr_file_io.h>
#include <string.h>

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

void staple_files_rewind(staple_files_t *files)
{
    files->at = 0;
    apr_pool_clear(files->scratch);
}

static apr_status_t read_file(unsigned char *der, apr_size_t *len,
                              const char *path, apr_pool_t *p)
{
    apr_file_t *handle;
    apr_status_t status;
    apr_size_t more = 1;
    char extra;

    *len = 0;
    status = apr_file_open(&handle, path, APR_FOPEN_READ | APR_FOPEN_BINARY,
                           APR_FPROT_OS_DEFAULT, p);
    if (status != APR_SUCCESS) {
        return status;
    }
    status = apr_file_read_full(handle, der, STAPLE_MAX_RESPONSE, len);
    if (status == APR_SUCCESS
        && apr_file_read_full(handle, &extra, 1, &more) == APR_SUCCESS) {
        *len = STAPLE_MAX_RESPONSE + 1;
    }
    apr_file_close(handle);
    return status == APR_EOF ? APR_SUCCESS : status;
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
                *status = read_file(der, len, file->path, files->scratch);
            }
            return file;
        }
    }
    return NULL;
}
