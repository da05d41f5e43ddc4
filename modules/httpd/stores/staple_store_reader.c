/* OCSPStapleStore: made in the parent, read by the first child. */
#include "staple_store_reader.h"

#include <errno.h>
#include <http_core.h>
#include <unistd.h>
#include <unixd.h>

#include "base/staple_clock.h"
#include "refresh/staple_adopt.h"
#include "io/staple_store.h"
#include "httpd/config/staple_config.h"

/* How often a child that waits tries to take the lock. */
#define POLL_INTERVAL apr_time_from_msec(5)

/* ---- trouble ---- */

static const char *advice(apr_status_t status)
{
    if (status == ENOSPC || status == EDQUOT) {
        return "make room on that file system";
    }
    if (status == EROFS) {
        return "mount that file system writable, or name another directory";
    }
    if (status == ENOENT) {
        return "restart httpd, which makes it, or make it for User";
    }
    if (status == EACCES || status == EPERM) {
        return "give it to User (chown), with mode 700; under SELinux also a "
               "type that httpd may write (httpd_var_lib_t)";
    }
    return "see to it, or name another directory";
}

void staple_store_reader_complain(const staple_generation_t *generation,
                                  apr_status_t status, const char *why)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, status, generation->main_server,
                 STAPLE_LOGNO(0091)
                 "OCSPStapleStore %s cannot be used%s%s: %s; until then "
                 "staples are kept in memory only",
                 generation->store, why != NULL ? ": " : "",
                 why != NULL ? why : "", advice(status));
}

/* ---- the parent ---- */

void staple_store_reader_make(staple_generation_t *generation,
                              apr_pool_t *pconf)
{
    server_rec *s = generation->main_server;
    const char *path = staple_config_store(s);
    int is_root = geteuid() == 0;
    apr_status_t status;
    const char *why;

    if (path == NULL) {
        return;
    }
    status = staple_store_make(
        &why, path, is_root ? ap_unixd_config.user_id : geteuid(),
        is_root ? ap_unixd_config.group_id : getegid());
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, s,
                     STAPLE_LOGNO(0090)
                     "OCSPStapleStore %s is not used%s%s: %s; until the next "
                     "restart staples do not survive httpd",
                     path, why != NULL ? ": " : "", why != NULL ? why : "",
                     advice(status));
        return;
    }
    /* Not in the store, which may be read-only. */
    status = staple_generation_make_lock(&generation->store_lock, pconf);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, s,
                     STAPLE_LOGNO(0134)
                     "OCSPStapleStore %s is not used: no file for a lock can "
                     "be made in %s, /tmp or /dev/shm: name a directory that "
                     "httpd's parent may write with DefaultRuntimeDir; until "
                     "the next restart staples do not survive httpd",
                     path, ap_runtime_dir_relative(pconf, ""));
        return;
    }
    generation->store = path;
}

/* ---- a child ---- */

typedef struct restorer_t {
    const staple_generation_t *generation;
    staple_store_t *store;
    staple_writer_t *writer;
    int restored;
    int outdated;
    int bad;
    unsigned char buf[STAPLE_CODEC_MAX];
} restorer_t;

/* A file that cannot be used: it is moved out of the way, with a word. */
static void set_aside(restorer_t *restorer, const staple_cert_t *cert,
                      const char *why)
{
    apr_status_t status = staple_store_set_aside(restorer->store,
                                                 cert->sha256);

    restorer->bad++;
    if (restorer->bad <= STAPLE_STORE_MAX_BAD) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status,
                     restorer->generation->main_server,
                     STAPLE_LOGNO(0092)
                     "OCSPStapleStore %s: the file of certificate \"%s\" "
                     "(serial %s) is not used: %s; it was %s",
                     restorer->generation->store, cert->subject, cert->serial,
                     why,
                     status == APR_SUCCESS ? "set aside as .bad"
                                           : "left where it is");
    }
}

static void restore_one(restorer_t *restorer, apr_uint32_t index)
{
    const staple_generation_t *generation = restorer->generation;
    const staple_refresh_cert_t *entry =
        staple_generation_entry(generation, index);
    const unsigned char *sha256 = entry->cert->sha256;
    apr_time_t now = apr_time_now();
    staple_reason_e reason;
    staple_stamp_t stamp;
    apr_status_t status;
    const char *why;
    apr_size_t len;

    if (!staple_cache_stamp(&stamp, generation->cache, &entry->cert->key)
        || stamp.staple != 0 || stamp.record != 0) {
        return; /* the last generation's */
    }
    status = staple_store_read(restorer->buf, &len, &why, restorer->store,
                               sha256);
    if (status == ENOENT) {
        return;
    }
    if (status != APR_SUCCESS) {
        char text[120];

        set_aside(restorer, entry->cert,
                  why != NULL ? why
                              : apr_strerror(status, text, sizeof(text)));
        return;
    }
    reason = staple_adopt_stored(restorer->writer, index, entry->cert,
                                 entry->policy, restorer->buf, len, now);
    if (reason != STAPLE_OK && !staple_adopt_is_honest(reason)) {
        set_aside(restorer, entry->cert, staple_reason_sentence(reason));
        return;
    }
    restorer->restored += reason == STAPLE_OK;
    restorer->outdated += reason != STAPLE_OK;
    staple_cache_stamp(&stamp, generation->cache, &entry->cert->key);
    staple_dirty_note(generation->dirty, index, &stamp, now);
}

/* What was known of responders; the last generation knows better. */
static void restore_known(restorer_t *restorer, apr_pool_t *p)
{
    const staple_generation_t *generation = restorer->generation;
    unsigned char *buf = apr_palloc(p, STAPLE_KNOWN_BYTES);
    staple_known_row_t *rows =
        apr_palloc(p, STAPLE_KNOWN_MAX * sizeof(*rows));
    apr_uint32_t count = 0, i;
    apr_status_t status;
    const char *why;
    apr_size_t len;

    if (staple_known_sequence(generation->known) != 0) {
        return;
    }
    status = staple_store_read(buf, &len, &why, restorer->store, NULL);
    if (status == ENOENT) {
        return;
    }
    if (status == APR_SUCCESS
        && staple_known_decode(rows, &count, buf, len) != STAPLE_OK) {
        why = "it is damaged";
    }
    if (status != APR_SUCCESS || why != NULL) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, generation->main_server,
                     STAPLE_LOGNO(0120)
                     "OCSPStapleStore %s: the file \"responders\" is not "
                     "used%s%s; it will be rewritten, and the health of "
                     "responders will be learned again",
                     generation->store, why != NULL ? ": " : "",
                     why != NULL ? why : "");
        return;
    }
    staple_known_begin(generation->known);
    for (i = 0; i < count; i++) {
        staple_known_add(generation->known, &rows[i]);
    }
    staple_known_end(generation->known);
}

/* Says what came of it, in one line, and whether that is all. */
static void sum_up(const restorer_t *restorer, apr_interval_time_t took,
                   int is_all)
{
    if (restorer->restored + restorer->outdated + restorer->bad > 0
        || !is_all) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0,
                     restorer->generation->main_server,
                     STAPLE_LOGNO(0096)
                     "OCSPStapleStore %s: %d staples restored in %d ms; %d "
                     "files out of date, %d not usable%s",
                     restorer->generation->store, restorer->restored,
                     (int)apr_time_as_msec(took), restorer->outdated,
                     restorer->bad,
                     is_all ? ""
                            : "; the refresher restores the others before it "
                              "sends any request");
    }
}

/* One certificate after the other.  Returns whether all are done. */
static int restore_some(const staple_generation_t *generation,
                        staple_store_t *store, apr_pool_t *parent,
                        staple_store_reader_go_on_fn *go_on, void *baton)
{
    apr_time_t began = apr_time_now();
    restorer_t *restorer;
    apr_uint32_t count = (apr_uint32_t)generation->certs->nelts, next = 0;
    apr_pool_t *p;

    if (apr_pool_create(&p, parent) != APR_SUCCESS) {
        return 0;
    }
    restorer = apr_pcalloc(p, sizeof(*restorer));
    restorer->generation = generation;
    restorer->store = store;
    restorer->writer = staple_writer_make(p, generation->cache);
    restore_known(restorer, p);
    while (go_on(baton)
           && (next = staple_dirty_restore_next(generation->dirty)) < count) {
        restore_one(restorer, next);
    }
    sum_up(restorer, apr_time_now() - began, next == count);
    apr_pool_destroy(p);
    return next == count;
}

/* For the holder of the mutex. */
static void restore(const staple_generation_t *generation, apr_pool_t *p,
                    staple_store_reader_go_on_fn *go_on, void *baton)
{
    staple_store_t store = STAPLE_STORE_CLOSED;
    int is_all = 1;
    const char *why;

    if (staple_dirty_is_restored(generation->dirty)) {
        return;
    }
    /* Where it cannot be opened, the writer of the store will complain. */
    if (staple_store_open(&store, &why, generation->store) == APR_SUCCESS) {
        is_all = restore_some(generation, &store, p, go_on, baton);
        staple_dirty_bind(generation->dirty, store.token);
    }
    staple_store_close(&store);
    if (is_all) {
        staple_dirty_set_restored(generation->dirty);
    }
}

/* Whatever the clock does meanwhile. */
static int is_in_time(void *until)
{
    return !staple_clock_is_over(*(apr_time_t *)until
                                     - STAPLE_STORE_READER_PATIENCE,
                                 STAPLE_STORE_READER_PATIENCE, apr_time_now());
}

void staple_store_reader_restore(const staple_generation_t *generation,
                                 apr_pool_t *p)
{
    apr_time_t until;

    if (generation->store == NULL) {
        return;
    }
    until = staple_dirty_restore_until(
        generation->dirty, apr_time_now() + STAPLE_STORE_READER_PATIENCE);
    while (!staple_dirty_is_restored(generation->dirty) && is_in_time(&until)) {
        if (apr_proc_mutex_trylock(generation->store_lock) == APR_SUCCESS) {
            restore(generation, p, is_in_time, &until);
            apr_proc_mutex_unlock(generation->store_lock);
        }
        else {
            apr_sleep(POLL_INTERVAL);
        }
    }
}

int staple_store_reader_finish(const staple_generation_t *generation,
                               apr_pool_t *p,
                               staple_store_reader_go_on_fn *go_on, void *baton)
{
    if (generation->store == NULL
        || staple_dirty_is_restored(generation->dirty)) {
        return 1;
    }
    if (apr_proc_mutex_trylock(generation->store_lock) == APR_SUCCESS) {
        restore(generation, p, go_on, baton);
        apr_proc_mutex_unlock(generation->store_lock);
    }
    return staple_dirty_is_restored(generation->dirty);
}
