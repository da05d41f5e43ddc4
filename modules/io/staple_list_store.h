/* CRLs in the store's directory: a file for each, and by what it is known. */
#ifndef STAPLE_LIST_STORE_H
#define STAPLE_LIST_STORE_H

#include "refresh/staple_refresh_types.h"
#include "staple_spool.h"

/*
 *   DIR/
 *     <SHA-256>.crl         the list, DER, as it was fetched
 *     <SHA-256>.delta.crl   its delta
 *     ....json              when and where that was fetched, and the server's
 *                           validators (RFC 9110 8.8)
 *     ....bad               what could not be used and was set aside
 *
 * The digest is of the list's URLs.  Lists are replaced, never changed, and are
 * believed for their signatures alone; what the JSON says decides when the next
 * request is made, and whether it has a condition.  Without pools; of any
 * thread.
 */

#define STAPLE_LIST_STORE_NAME 80 /* bytes of a name, NUL included */

/* Names the file of a list, which has URLs, or of its delta. */
void staple_list_store_name(char name[STAPLE_LIST_STORE_NAME],
                            const staple_refresh_list_t *list,
                            staple_part_e part);

/*
 * Opens and maps a list in directory `dir` that was kept, of at most `max`
 * bytes.  On APR_SUCCESS *came is set, of which `url` is in room for
 * STAPLE_MAX_URL + 1 bytes at `url`, and *spool is the caller's to drop after
 * it was judged.  APR_ENOENT: there is none.
 */
apr_status_t staple_list_store_read(staple_spool_t **spool,
                                    staple_stored_list_t *came, char *url,
                                    const char *dir, const char *name,
                                    apr_size_t max);

/* Keeps a list that was received in that directory, with the facts in *came
 * (not its bytes).  Waits for the disk.  The spool stays the caller's. */
apr_status_t staple_list_store_keep(staple_spool_t *spool,
                                    const staple_stored_list_t *came,
                                    const char *dir, const char *name);

/* Gives it another name, so that it is not read again but can be examined. */
apr_status_t staple_list_store_set_aside(const char *dir, const char *name);

/* Says whether this name is of a list that is configured. */
typedef int staple_list_store_known_fn(void *baton, const char *name);

/* Notes the use of files of known lists, and removes those that were not used
 * for STAPLE_STORE_KEEP, as staple_store_sweep() does; returns how many. */
int staple_list_store_sweep(const char *dir,
                            staple_list_store_known_fn *is_known, void *baton,
                            apr_time_t now);

#endif
