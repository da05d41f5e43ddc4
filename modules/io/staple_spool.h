/* A file that grows while a list is received, is mapped, and kept or dropped.
 */
#ifndef STAPLE_SPOOL_H
#define STAPLE_SPOOL_H

#include <apr_errno.h>

/*
 * A CRL may be a gigabyte long, which is too much for memory, but not for an
 * address space: what is received goes into a file, and is read where it is
 * mapped.  A spool lives on the heap, as it goes from the exchange to whoever
 * judges the list; it is one thread's at a time, and not for children.
 *
 * Every apr_status_t here is APR_SUCCESS, or errno.
 */
typedef struct staple_spool_t staple_spool_t;

/* Between these are six characters of chance; nothing else in a directory may
 * be named so. */
#define STAPLE_SPOOL_PREFIX ".crl-"
#define STAPLE_SPOOL_SUFFIX ".tmp"

/*
 * An empty file to be filled, which only this user may read.  In `dir` it has a
 * name, which drop() takes away, as does staple_spool_sweep() after a process
 * that was killed.  Where `dir` is NULL it has none, in the directory for
 * temporary files (TMPDIR, or what APR finds), and is gone with this process.
 */
apr_status_t staple_spool_open(staple_spool_t **spool, const char *dir);

/*
 * A file of our own that is there already (in the store, where files are
 * replaced and never changed), of at most `max` bytes: it is mapped as it is,
 * and no link is followed to it.  EFBIG: it is longer.  EINVAL: not a regular
 * file; nobody waits for a fifo.
 */
apr_status_t staple_spool_read(staple_spool_t **spool, const char *path,
                               apr_size_t max);

/*
 * Anybody else's file is copied first, as by staple_spool_open() without a
 * directory: who owns it may cut it off at any time, and reading what was
 * mapped would then kill the process.  Begins that; links are followed.
 * Errors as above.
 */
apr_status_t staple_spool_begin_copy(staple_spool_t **spool, const char *path,
                                     apr_size_t max);

/* Copies about `bytes` more.  EAGAIN: that was not all.  EFBIG: it has grown
 * beyond its maximum meanwhile. */
apr_status_t staple_spool_copy(staple_spool_t *spool, apr_size_t bytes);

/* Appends `len` bytes.  Not after staple_spool_map(), nor to what was read.
 * After a failure, ENOSPC or any other, some of them may be there. */
apr_status_t staple_spool_put(staple_spool_t *spool, const void *data,
                              apr_size_t len);

/* All bytes, where they are mapped until the spool is dropped.  *der is never
 * NULL, also where *len is 0.  ENOMEM: no address space. */
apr_status_t staple_spool_map(const unsigned char **der, apr_size_t *len,
                              staple_spool_t *spool);

/*
 * Lets the file outlast its spool as `path`, in the directory it was opened in;
 * what was there is replaced, and readers find the one or the other, whole.
 * Its bytes are on the disk before that, which may take seconds; its name is
 * when the directory was synced, too.  What is mapped stays mapped.  EINVAL: it
 * was opened without a directory, read, or kept already.  After a failure it
 * is as it was.
 */
apr_status_t staple_spool_keep(staple_spool_t *spool, const char *path);

/* Unmaps it, and removes the file unless it was kept.  NULL: nothing. */
void staple_spool_drop(staple_spool_t *spool);

/* Removes what killed processes left in `dir`; returns how many files.  For
 * who alone may write there: the spools of others would lose theirs, too. */
int staple_spool_sweep(const char *dir);

#endif
