/* The responders met so far, and which certificates wait for each. */
#include "staple_queue.h"

struct staple_queue_t {
    apr_pool_t *pool;
    apr_hash_t *by_url;
    staple_responder_t *all;
    staple_responder_t *last_turn;
    unsigned count;
    apr_uint32_t waiting;
    apr_uint32_t *next_waiting; /* by certificate */
};

staple_queue_t *staple_queue_make(apr_pool_t *p, apr_uint32_t count)
{
    staple_queue_t *queue = apr_pcalloc(p, sizeof(*queue));

    queue->pool = p;
    queue->by_url = apr_hash_make(p);
    queue->next_waiting =
        apr_pcalloc(p, (count + 1) * sizeof(queue->next_waiting[0]));
    return queue;
}

staple_responder_t *staple_queue_responder(staple_queue_t *queue,
                                           const char *url)
{
    staple_responder_t *r =
        apr_hash_get(queue->by_url, url, APR_HASH_KEY_STRING);

    if (r == NULL) {
        r = staple_responder_make(queue->pool, url);
        r->first_waiting = r->last_waiting = STAPLE_QUEUE_NOBODY;
        apr_hash_set(queue->by_url, r->url, APR_HASH_KEY_STRING, r);
        r->next = queue->all;
        queue->all = r;
        queue->count++;
    }
    return r;
}

staple_responder_t *staple_queue_all(const staple_queue_t *queue)
{
    return queue->all;
}

void staple_queue_push(staple_queue_t *queue, staple_responder_t *r,
                       apr_uint32_t index)
{
    queue->next_waiting[index] = STAPLE_QUEUE_NOBODY;
    if (r->first_waiting == STAPLE_QUEUE_NOBODY) {
        r->first_waiting = index;
    }
    else {
        queue->next_waiting[r->last_waiting] = index;
    }
    r->last_waiting = index;
    queue->waiting++;
}

apr_uint32_t staple_queue_pop(staple_queue_t *queue, staple_responder_t *r)
{
    apr_uint32_t index = r->first_waiting;

    if (index != STAPLE_QUEUE_NOBODY) {
        r->first_waiting = queue->next_waiting[index];
        queue->waiting--;
    }
    return index;
}

apr_uint32_t staple_queue_waiting(const staple_queue_t *queue)
{
    return queue->waiting;
}

staple_responder_t *staple_queue_turn(staple_queue_t *queue)
{
    staple_responder_t *r = queue->last_turn;

    queue->last_turn = r != NULL && r->next != NULL ? r->next : queue->all;
    return queue->last_turn;
}

unsigned staple_queue_count(const staple_queue_t *queue)
{
    return queue->count;
}
