/* OCSPStapleStartWait: the first connections of a generation wait for staples.
 */
#include "staple_start_wait.h"

#include <http_log.h>
#include <mpm_common.h>
#include <scoreboard.h>
#include <signal.h>

#include "httpd/config/staple_config.h"
#include "httpd/generation/staple_generation.h"
#include "io/staple_steady.h"

/* Between two looks. */
#define PAUSE apr_time_from_msec(20)

/* What must-staple means: who waits for a page waits no longer. */
#define MUST_STAPLE_WAIT apr_time_from_sec(5)

/* The certificates that are waited for: those from `next` on that count. */
typedef struct wait_t {
    const staple_generation_t *generation;
    int is_for_all; /* else for those that clients would refuse */
    int was_over;   /* for those that the last generation had */
    apr_uint32_t next;
} wait_t;

/* Has the last generation waited for it? */
static int was_waited_for(const wait_t *wait, const staple_record_t *record)
{
    return wait->was_over && record->state_since != 0
           && record->state_since < wait->generation->started_at;
}

/* Has it no staple, and was no responder asked for one yet? */
static int is_waited_for(const wait_t *wait, apr_uint32_t index)
{
    const staple_refresh_cert_t *entry =
        staple_generation_entry(wait->generation, index);
    staple_record_t record;

    if (entry->is_issuer || !(wait->is_for_all || entry->cert->must_staple)
        || !staple_generation_may_staple(entry->cert, entry->policy)
        || !staple_cache_get_record(&record, wait->generation->cache, index)) {
        return 0;
    }
    return !staple_record_is_usable(&record, apr_time_now())
           && record.attempted_at == 0 && record.reason == STAPLE_OK
           && record.state != STAPLE_STATE_ISSUER_REVOKED
           && !was_waited_for(wait, &record);
}

/* Is there one still?  Each that is not is never looked at again. */
static int is_any_left(wait_t *wait)
{
    while (wait->next < (apr_uint32_t)wait->generation->certs->nelts
           && !is_waited_for(wait, wait->next)) {
        wait->next++;
    }
    return wait->next < (apr_uint32_t)wait->generation->certs->nelts;
}

static unsigned count_left(const wait_t *wait)
{
    unsigned count = 0;
    apr_uint32_t i;

    for (i = wait->next; i < (apr_uint32_t)wait->generation->certs->nelts;
         i++) {
        count += is_waited_for(wait, i) != 0;
    }
    return count;
}

/* Does httpd want this child to end?  The MPMs with threads block signals while
 * a child begins, and would look at them after this. */
static int is_to_end(int generation)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, AP_SIG_GRACEFUL,
                                  AP_SIG_GRACEFUL_STOP};
    sigset_t pending;
    unsigned i;

    if (ap_get_scoreboard_global()->running_generation != generation
        || sigpending(&pending) != 0) {
        return 1;
    }
    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (sigismember(&pending, signals[i]) == 1) {
            return 1;
        }
    }
    return 0;
}

static void tell(const wait_t *wait, server_rec *s, apr_interval_time_t took)
{
    if (staple_scoreboard_claim_wait(wait->generation->scoreboard)) {
        unsigned count = count_left(wait);

        ap_log_error(APLOG_MARK, count > 0 ? APLOG_WARNING : APLOG_INFO, 0, s,
                     STAPLE_LOGNO(0170)
                     "OCSPStapleStartWait: connections were held back for "
                     "%d.%d s; certificates still without a staple: %u%s",
                     (int)apr_time_sec(took),
                     (int)apr_time_msec(took) / 100, count,
                     count > 0 ? ", as no responder has answered" : "");
    }
}

/* Waits for at most `limit` since the first child began. */
static void wait_for(wait_t *wait, server_rec *s, apr_interval_time_t limit)
{
    int generation = ap_get_scoreboard_global()->running_generation;
    apr_time_t since =
        staple_scoreboard_wait(wait->generation->scoreboard,
                               staple_steady_now());
    apr_interval_time_t took;
    int is_left;

    do {
        apr_sleep(PAUSE);
        took = staple_steady_now() - since;
        is_left = is_any_left(wait);
        if (is_left && is_to_end(generation)) {
            return;
        }
    } while (is_left && took < limit);
    tell(wait, s, took);
}

void staple_start_wait_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_int64_t value = staple_config_value(s, STAPLE_SET_START_WAIT);
    wait_t wait = {.generation = staple_generation_get(),
                   .is_for_all = value > STAPLE_WAIT_MUST_STAPLE};

    (void)pchild;
    if (value == STAPLE_WAIT_NONE || wait.generation->cache == NULL
        || staple_scoreboard_is_wait_over(wait.generation->scoreboard)) {
        return;
    }
    wait.was_over =
        staple_scoreboard_was_wait_over(wait.generation->scoreboard);
    if (is_any_left(&wait)) {
        wait_for(&wait, s, wait.is_for_all ? value : MUST_STAPLE_WAIT);
    }
    else {
        staple_scoreboard_claim_wait(wait.generation->scoreboard);
    }
}
