/* Files with OCSP responses, read again when they change. */
#ifndef STAPLE_FILES_H
#define STAPLE_FILES_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "base/staple_types.h"

/* One thread of one process at a time. */
typedef struct staple_files_t staple_files_t;

/* A file and the certificates it may be for. */
typedef struct staple_file_t {
    const char *path;
    apr_array_header_t *indexes; /* apr_uint32_t */
    /* as it was when it was read last */
    apr_time_t modified_at;
    apr_int64_t size; /* -1: not there, or not readable */
    apr_uint64_t inode;
    apr_status_t status;
} staple_file_t;

staple_files_t *staple_files_make(apr_pool_t *p);

/* Watches `path` for certificate `index` too.  `path` must live on. */
void staple_files_add(staple_files_t *files, const char *path,
                      apr_uint32_t index);

/* Begins a look at all files. */
void staple_files_rewind(staple_files_t *files);

/*
 * The next file of this look that changed since it was read last, or that
 * became readable or unreadable; NULL at the end.  Its bytes are in `der`, of
 * STAPLE_MAX_RESPONSE bytes, and *len; *status says why there are none.  A
 * file that is too large gives STAPLE_MAX_RESPONSE + 1 for *len.
 */
const staple_file_t *staple_files_next(staple_files_t *files,
                                       unsigned char *der, apr_size_t *len,
                                       apr_status_t *status);

#endif
