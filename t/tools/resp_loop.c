/* Waits for sockets and for points in time, and calls who waits for them. */
#include "resp_loop.h"

#include "tool_util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#define BATCH 256

void resp_loop_open(loop_t *loop)
{
    memset(loop, 0, sizeof(*loop));
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    TOOL_MUST(loop->epoll >= 0);
}

long long resp_loop_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* ---- sockets ---- */

void resp_loop_add(loop_t *loop, source_t *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    source->events = events;
    TOOL_MUST(epoll_ctl(loop->epoll, EPOLL_CTL_ADD, source->fd, &event)
              == 0);
}

void resp_loop_change(loop_t *loop, source_t *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    if (source->events != events) {
        source->events = events;
        TOOL_MUST(epoll_ctl(loop->epoll, EPOLL_CTL_MOD, source->fd, &event)
                  == 0);
    }
}

/* ---- alarms: a binary heap ---- */

static void place(loop_t *loop, alarm_t *alarm, size_t at)
{
    loop->heap[at] = alarm;
    alarm->place = at;
}

static void move_up(loop_t *loop, alarm_t *alarm, size_t at)
{
    while (at > 1 && loop->heap[at / 2]->at > alarm->at) {
        place(loop, loop->heap[at / 2], at);
        at /= 2;
    }
    place(loop, alarm, at);
}

static void move_down(loop_t *loop, alarm_t *alarm, size_t at)
{
    for (;;) {
        size_t child = 2 * at;

        if (child < loop->alarms
            && loop->heap[child + 1]->at < loop->heap[child]->at) {
            child++;
        }
        if (child > loop->alarms || loop->heap[child]->at >= alarm->at) {
            break;
        }
        place(loop, loop->heap[child], at);
        at = child;
    }
    place(loop, alarm, at);
}

void resp_loop_set(loop_t *loop, alarm_t *alarm, long ms)
{
    resp_loop_unset(loop, alarm);
    if (loop->alarms + 2 > loop->room) {
        loop->room = 2 * loop->room + 64;
        loop->heap = realloc(loop->heap, loop->room * sizeof(alarm_t *));
        TOOL_MUST(loop->heap != NULL);
    }
    alarm->at = resp_loop_now() + (ms > 0 ? ms : 0);
    move_up(loop, alarm, ++loop->alarms);
}

void resp_loop_unset(loop_t *loop, alarm_t *alarm)
{
    size_t at = alarm->place;
    alarm_t *last;

    if (at == 0) {
        return;
    }
    alarm->place = 0;
    last = loop->heap[loop->alarms--];
    if (last != alarm) {
        if (at > 1 && loop->heap[at / 2]->at > last->at) {
            move_up(loop, last, at);
        }
        else {
            move_down(loop, last, at);
        }
    }
}

/* ---- one turn ---- */

static int time_to_next(const loop_t *loop)
{
    long long ms;

    if (loop->alarms == 0) {
        return -1;
    }
    ms = loop->heap[1]->at - resp_loop_now();
    return ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms;
}

void resp_loop_turn(loop_t *loop)
{
    struct epoll_event events[BATCH];
    int count
        = epoll_wait(loop->epoll, events, BATCH, time_to_next(loop));
    long long now;

    TOOL_MUST(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; i++) {
        source_t *source = events[i].data.ptr;

        source->ready(source, events[i].events);
    }
    now = resp_loop_now();
    while (loop->alarms > 0 && loop->heap[1]->at <= now) {
        alarm_t *alarm = loop->heap[1];

        resp_loop_unset(loop, alarm);
        alarm->ring(alarm);
    }
}
