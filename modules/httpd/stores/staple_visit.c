/* One visit to the shared store: value and note, and a rest after failures. */
#include "staple_visit.h"

#include <apr_thread_mutex.h>

/* What failed is not tried again for so long: providers log each failure, and
 * some say of a server that is down for 5 s that it has nothing.  Longer where
 * the server is there and refuses: it is full, or not to be written to. */
#define REST apr_time_from_sec(5)
#define REST_REFUSED apr_time_from_sec(60)

/* When and why a kind of call failed last. */
typedef struct rest_t {
    apr_time_t until;
    apr_status_t status;
} rest_t;

struct staple_visits_t {
    apr_thread_mutex_t *lock;
    /* under lock */
    rest_t get_rest, put_rest;
};

staple_visits_t *staple_visit_make(apr_pool_t *p)
{
    staple_visits_t *visits = apr_pcalloc(p, sizeof(*visits));

    return apr_thread_mutex_create(&visits->lock, APR_THREAD_MUTEX_DEFAULT, p)
                   == APR_SUCCESS
               ? visits
               : NULL;
}

/* May this kind of call be made?  Else *status is that of the last failure. */
static int may_call(staple_visits_t *visits, const rest_t *rest,
                    apr_status_t *status)
{
    apr_time_t now = apr_time_now();
    int may;

    apr_thread_mutex_lock(visits->lock);
    may = now >= rest->until || rest->until > now + REST_REFUSED;
    *status = rest->status;
    apr_thread_mutex_unlock(visits->lock);
    return may;
}

/* Remembers a failure that others would meet, too. */
static apr_status_t remember(staple_visits_t *visits, rest_t *rest,
                             apr_status_t status)
{
    if (status != APR_SUCCESS && status != APR_ENOSPC && status != APR_EINVAL
        && !(rest == &visits->get_rest && APR_STATUS_IS_NOTFOUND(status))) {
        apr_thread_mutex_lock(visits->lock);
        rest->until = apr_time_now()
                      + (rest == &visits->put_rest && status == APR_EGENERAL
                             ? REST_REFUSED
                             : REST);
        rest->status = status;
        apr_thread_mutex_unlock(visits->lock);
    }
    return status;
}

static apr_status_t get(staple_visits_t *visits, const unsigned char *sha256,
                        unsigned char *buf, apr_size_t *len, int is_note,
                        apr_pool_t *p)
{
    apr_status_t status;
    unsigned room = (unsigned)*len;

    *len = 0;
    if (!may_call(visits, &visits->get_rest, &status)) {
        return status;
    }
    status = staple_shared_get(buf, &room, sha256, is_note, p);
    if (status == APR_SUCCESS) {
        *len = room;
    }
    return remember(visits, &visits->get_rest, status);
}

static apr_status_t put(staple_visits_t *visits, const unsigned char *sha256,
                        unsigned char *data, apr_size_t len, int is_note,
                        apr_time_t expires, apr_pool_t *p)
{
    apr_status_t status;

    if (!may_call(visits, &visits->put_rest, &status)) {
        return status;
    }
    status =
        staple_shared_put(sha256, is_note, data, (unsigned)len, expires, p);
    return remember(visits, &visits->put_rest, status);
}

/* Is somebody else asking?  If not, we are. */
static int look_at_note(staple_visits_t *visits, const unsigned char *sha256,
                        apr_interval_time_t note_life, apr_pool_t *p)
{
    unsigned char note[STAPLE_SHARED_MARK];
    apr_size_t len = sizeof(note);
    apr_status_t status = get(visits, sha256, note, &len, 1, p);

    if (status == APR_SUCCESS && len == sizeof(note)
        && memcmp(note, staple_shared_mark(), sizeof(note)) != 0) {
        return 1;
    }
    if (status == APR_SUCCESS || APR_STATUS_IS_NOTFOUND(status)) {
        memcpy(note, staple_shared_mark(), sizeof(note));
        put(visits, sha256, note, sizeof(note), 1,
            apr_time_now() + note_life, p);
    }
    return 0;
}

apr_status_t staple_visit_look(unsigned char *buf, apr_size_t *len,
                               int *is_asked, staple_visits_t *visits,
                               const unsigned char *sha256,
                               apr_interval_time_t note_life, apr_pool_t *p)
{
    apr_status_t status = get(visits, sha256, buf, len, 0, p);

    if (APR_STATUS_IS_NOTFOUND(status)) {
        status = APR_SUCCESS;
    }
    *is_asked = (status == APR_SUCCESS || status == APR_ENOSPC)
                && look_at_note(visits, sha256, note_life, p);
    return status;
}

apr_status_t staple_visit_put(staple_visits_t *visits,
                              const unsigned char *sha256,
                              unsigned char *value, apr_size_t len,
                              apr_time_t use_until, apr_pool_t *p)
{
    return put(visits, sha256, value, len, 0, use_until, p);
}

void staple_visit_give_up(staple_visits_t *visits, const unsigned char *sha256,
                          apr_pool_t *p)
{
    apr_status_t status;

    if (may_call(visits, &visits->put_rest, &status)) {
        staple_shared_remove_note(sha256, p);
    }
}
