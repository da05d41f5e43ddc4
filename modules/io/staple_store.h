/* Files of a directory, one per certificate: read, replace, sweep. */
#ifndef STAPLE_STORE_H
#define STAPLE_STORE_H

#include <apr_errno.h>
#include <sys/types.h>

#include "refresh/staple_known.h"
#include "cache/staple_codec.h"

/*
 *   DIR/                    0700, User's
 *     <SHA-256>             a certificate's staple and record (staple_codec.h)
 *     <SHA-256>.bad         what could not be used and was set aside
 *     responders            what is known of responders (staple_known.h)
 *     new                   a file that is being written
 *     lock                  locked by the process that writes; has the token
 *
 * No function here follows a link, waits for a pipe, or needs a pool: one
 * object is for one thread, and lives where the caller likes.
 */
typedef struct staple_store_t {
    int directory; /* file descriptors; -1: none */
    int lock;
    apr_uint64_t token; /* 0: not known */
} staple_store_t;

#define STAPLE_STORE_CLOSED {.directory = -1, .lock = -1}

/* Files that were set aside, at most; further ones are removed. */
#define STAPLE_STORE_MAX_BAD 16

/* A file that was not used for so long is removed.  Use is noted once a day at
 * least, so none goes sooner than 30 days after it was used. */
#define STAPLE_STORE_KEEP apr_time_from_sec(31 * 86400)

/*
 * Makes the directory for `user`, and those above it, or takes over an empty
 * one; for the parent, which may be root and must not be led astray by what
 * User does: it hands over nothing that it did not make or that has content.
 */
apr_status_t staple_store_make(const char **why, const char *path, uid_t user,
                               gid_t group);

/* Opens the directory, which must belong to this process's user and be writable
 * by no other, and sets the token if there is one.  *why is NULL or says in
 * words what is wrong with it. */
apr_status_t staple_store_open(staple_store_t *store, const char **why,
                               const char *path);

/* Also for one that was never open; drops the lock. */
void staple_store_close(staple_store_t *store);

/*
 * Takes the right to write.  Never waits: APR_EAGAIN when another process has
 * it.  The kernel drops it with the process, however that ends.  Processes are
 * told apart, threads are not.  Sets the token: a number that was drawn when
 * the lock was first taken in this directory, so that one that was removed and
 * made again can be told from what it was.
 */
apr_status_t staple_store_lock(staple_store_t *store);

/*
 * Reads a certificate's file into buf, of STAPLE_CODEC_MAX bytes, or, where
 * sha256 is NULL, that of responders, of STAPLE_KNOWN_BYTES.  APR_ENOENT: there
 * is none.  APR_EINVAL and *why: not a file that could be ours.
 */
apr_status_t staple_store_read(unsigned char *buf, apr_size_t *len,
                               const char **why, const staple_store_t *store,
                               const unsigned char *sha256);

/* Replaces such a file, all or nothing.  For the holder of the lock.  It
 * outlasts a loss of power after staple_store_sync(). */
apr_status_t staple_store_write(const staple_store_t *store,
                                const unsigned char *sha256,
                                const unsigned char *buf, apr_size_t len);
apr_status_t staple_store_sync(const staple_store_t *store);

/* Gives a certificate's file another name, so that it is not read again but
 * can be examined. */
apr_status_t staple_store_set_aside(const staple_store_t *store,
                                    const unsigned char sha256[32]);

/* Says whether a certificate is configured. */
typedef int staple_store_known_fn(void *baton, const unsigned char sha256[32]);

/* Notes the use of files of known certificates, and removes those that were
 * not used for STAPLE_STORE_KEEP; returns how many it removed.  Nothing that is
 * not named as above is touched. */
int staple_store_sweep(const staple_store_t *store,
                       staple_store_known_fn *is_known, void *baton,
                       apr_time_t now);

#endif
