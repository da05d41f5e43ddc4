/* Files read within bounds, written whole, and read again when they change. */
#ifndef STAPLE_FILES_H
#define STAPLE_FILES_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <sys/stat.h>

#include "refresh/staple_refresh_types.h"

/* ---- one file; of any thread ---- */

/*
 * Reads what an open file holds from here on, to its end or to `room` bytes,
 * into `buf`; *len is room + 1 where there are more.  Waits as the file does;
 * a signal does not end it.  APR_SUCCESS, or errno.
 */
apr_status_t staple_files_read(unsigned char *buf, apr_size_t *len, int file,
                               apr_size_t room);

/* Reads until `room` bytes are there or the file ends; otherwise the same. */
apr_status_t staple_files_get(unsigned char *buf, apr_size_t *len, int file,
                              apr_size_t room);

/* Writes all of `bytes` where an open file stands; a signal does not end it.
 * APR_SUCCESS, or errno, and then some of them may be there. */
apr_status_t staple_files_put(int file, const void *bytes, apr_size_t len);

/*
 * Replaces the file `name` in an open directory (AT_FDCWD: paths are those of
 * the process).  Readers find it as it was or whole: a new file `beside` it,
 * which must not be there, is written, synced and renamed.  It has the mode
 * `mode`, or, where `old` is given, its mode and owner.  APR_SUCCESS, or errno,
 * and then nothing has changed.
 */
apr_status_t staple_files_write(int directory, const char *name,
                                const char *beside, mode_t mode,
                                const struct stat *old,
                                const unsigned char *bytes, apr_size_t len);

/* ---- response files that are watched ---- */

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

/* Watches the files that certificates' policies name, by their indexes. */
void staple_files_add_all(staple_files_t *files,
                          const staple_refresh_cert_t *certs,
                          apr_uint32_t count);

/* Begins a look at all files. */
void staple_files_rewind(staple_files_t *files);

/*
 * The next file of this look that changed since it was read last, or that
 * became readable or unreadable; NULL at the end.  Its response is in `der`, of
 * STAPLE_ARMOUR_MAX bytes, and *len; *status says why there is none.  A
 * file that is too large gives STAPLE_ARMOUR_MAX + 1 for *len.
 */
const staple_file_t *staple_files_next(staple_files_t *files,
                                       unsigned char *der, apr_size_t *len,
                                       apr_status_t *status);

#endif
