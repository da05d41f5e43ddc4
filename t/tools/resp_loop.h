/* Waits for sockets and for points in time, and calls who waits for them. */
#ifndef RESP_LOOP_H
#define RESP_LOOP_H

#include <stddef.h>
#include <stdint.h>

/* Something to wait for; first member of what it belongs to. */
typedef struct source_t {
    int fd;
    uint32_t events;            /* EPOLL... that it waits for now */
    void (*ready)(struct source_t *source, uint32_t events);
} source_t;

typedef struct alarm_t {
    long long at;               /* milliseconds, see resp_loop_now */
    size_t place;               /* in the heap, counted from 1; 0: not set */
    void *owner;
    void (*ring)(struct alarm_t *alarm);
} alarm_t;

typedef struct {
    int epoll;
    alarm_t **heap;             /* heap[1] is the next to ring */
    size_t alarms, room;
} loop_t;

void resp_loop_open(loop_t *loop);
long long resp_loop_now(void);

/* Begins to wait, or changes what for.  Closing the fd ends it. */
void resp_loop_add(loop_t *loop, source_t *source, uint32_t events);
void resp_loop_change(loop_t *loop, source_t *source, uint32_t events);

void resp_loop_set(loop_t *loop, alarm_t *alarm, long ms);
void resp_loop_unset(loop_t *loop, alarm_t *alarm);

/* Waits once and calls whoever is due. */
void resp_loop_turn(loop_t *loop);

#endif
