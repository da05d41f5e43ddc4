/* OCSPStapleStore: made in the parent, read by the first child. */
#include "staple_depot.h"

#include <errno.h>
#include <http_core.h>
#include <unistd.h>
#include <unixd.h>

#include "../core/staple_restore.h"
#include "../io/staple_store.h"
#include "staple_config.h"
#include "staple_turn.h"

/* How often a child that waits looks whether it is its turn. */
#define LOOK apr_time_from_msec(5)

/* Whose turn it is to restore; not in the store, which may be read-only. */
static apr_proc_mutex_t *turn; /* set before fork */

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

void staple_depot_complain(const staple_view_t *view, apr_status_t status,
                           const char *why)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, status, view->main_server,
                 STAPLE_LOGNO(0091)
                 "OCSPStapleStore %s cannot be used%s%s: %s; staples go on "
                 "from memory until that is done",
                 view->store, why != NULL ? ": " : "", why != NULL ? why : "",
                 advice(status));
}

/* ---- the parent ---- */

const char *staple_depot_make(apr_pool_t *pconf, server_rec *s)
{
    const char *path = staple_config_store(s);
    int is_root = geteuid() == 0;
    apr_status_t status;
    const char *why;

    if (path == NULL) {
        return NULL;
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
        return NULL;
    }
    status = staple_turn_make_lock(&turn, pconf);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, s,
                     STAPLE_LOGNO(0134)
                     "OCSPStapleStore %s is not used: no file for a lock can be "
                     "made in %s, /tmp or /dev/shm: name a directory that "
                     "httpd's parent may write with DefaultRuntimeDir; until "
                     "the next restart staples do not survive httpd",
                     path, ap_runtime_dir_relative(pconf, ""));
        return NULL;
    }
    return path;
}

/* ---- a child ---- */

typedef struct restorer_t {
    const staple_view_t *view;
    staple_store_t *store;
    staple_writer_t *writer;
    int restored;
    int outdated;
    int bad;
    unsigned char buf[STAPLE_STORED_MAX];
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
                     restorer->view->main_server,
                     STAPLE_LOGNO(0092)
                     "OCSPStapleStore %s: the file of certificate \"%s\" "
                     "(serial %s) is not used: %s; it was %s",
                     restorer->view->store, cert->subject, cert->serial, why,
                     status == APR_SUCCESS ? "set aside as .bad"
                                           : "left where it is");
    }
}

static void restore_one(restorer_t *restorer, apr_uint32_t index)
{
    const staple_view_t *view = restorer->view;
    const staple_refresh_cert_t *entry =
        &APR_ARRAY_IDX(view->certs, (int)index, staple_refresh_cert_t);
    const unsigned char *sha256 = entry->cert->sha256;
    apr_time_t now = apr_time_now();
    staple_reason_e reason;
    staple_stamp_t stamp;
    apr_status_t status;
    const char *why;
    apr_size_t len;

    if (!staple_cache_stamp(&stamp, view->cache, &entry->cert->key)
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
    reason = staple_restore(restorer->writer, index, entry->cert,
                            entry->policy, restorer->buf, len, now);
    if (reason != STAPLE_OK && !staple_restore_is_honest(reason)) {
        set_aside(restorer, entry->cert, staple_reason_sentence(reason));
        return;
    }
    restorer->restored += reason == STAPLE_OK;
    restorer->outdated += reason != STAPLE_OK;
    staple_cache_stamp(&stamp, view->cache, &entry->cert->key);
    staple_ledger_note(view->ledger, index, &stamp, now);
}

static void restore_all(const staple_view_t *view, staple_store_t *store,
                        apr_pool_t *parent)
{
    apr_time_t began = apr_time_now();
    restorer_t *restorer;
    apr_pool_t *p;
    apr_uint32_t i;

    if (apr_pool_create(&p, parent) != APR_SUCCESS) {
        return;
    }
    restorer = apr_pcalloc(p, sizeof(*restorer));
    restorer->view = view;
    restorer->store = store;
    restorer->writer = staple_writer_make(p, view->cache);
    for (i = 0; i < (apr_uint32_t)view->certs->nelts; i++) {
        restore_one(restorer, i);
    }
    if (restorer->restored + restorer->outdated + restorer->bad > 0) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, view->main_server,
                     STAPLE_LOGNO(0096)
                     "OCSPStapleStore %s: %d staples restored in %d ms; %d "
                     "files out of date, %d not usable",
                     view->store, restorer->restored,
                     (int)apr_time_as_msec(apr_time_now() - began),
                     restorer->outdated, restorer->bad);
    }
    apr_pool_destroy(p);
}

/* Takes the mutex, or waits until whoever has it is done.  Returns 1 for this
 * process's turn. */
static int wait_for_turn(const staple_view_t *view, apr_interval_time_t wait)
{
    while (apr_proc_mutex_trylock(turn) != APR_SUCCESS) {
        if (wait <= 0 || staple_ledger_is_restored(view->ledger)) {
            return 0;
        }
        apr_sleep(LOOK);
        wait -= LOOK;
    }
    return 1;
}

int staple_depot_restore(const staple_view_t *view, apr_pool_t *p,
                         apr_interval_time_t wait)
{
    staple_store_t store = STAPLE_STORE_CLOSED;
    const char *why;

    if (view->store == NULL || staple_ledger_is_restored(view->ledger)) {
        return 1;
    }
    if (!wait_for_turn(view, wait)) {
        return staple_ledger_is_restored(view->ledger);
    }
    if (!staple_ledger_is_restored(view->ledger)
        && staple_store_open(&store, &why, view->store) == APR_SUCCESS) {
        restore_all(view, &store, p);
        staple_ledger_bind(view->ledger, store.token);
    }
    /* Where it cannot be opened, the saver will complain. */
    staple_store_close(&store);
    staple_ledger_set_restored(view->ledger);
    apr_proc_mutex_unlock(turn);
    return 1;
}
