/*
 * The shim's event loop: descriptors by epoll, deadlines by its time-out. Nothing runs in between; without a
 * deadline it sleeps for ever. A source or timer is part of its owner's struct (container_of); the loop
 * owns neither memory nor descriptors. Any of them may be removed from within any callback.
 */
#ifndef WHERRY_SHIM_POLL_H
#define WHERRY_SHIM_POLL_H

#include "lib/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct poll_source;
typedef void poll_ready_fn(struct poll_source *s, uint32_t events);
struct poll_source {
    int fd;
    poll_ready_fn *ready;
    bool added;
};

struct poll_timer;
typedef void poll_fire_fn(struct poll_timer *t);
struct poll_timer {
    poll_fire_fn *fire;
    int64_t at_ms;
    bool armed;
    struct poll_timer *next;
};

enum { POLL_BATCH = 32 };
struct poll {
    int epfd;
    struct poll_timer *timers; /* armed, the nearest first */
    struct epoll_event batch[POLL_BATCH];
    int n, at; /* of the batch being delivered */
};

struct err *poll_init(struct poll *p) __attribute__((warn_unused_result));
void poll_done(struct poll *p);
/* Events as of epoll_ctl(2); EPOLLERR and EPOLLHUP come always. A file that cannot be waited for (a regular
 * file, /dev/null) is ERR_INVALID. */
struct err *poll_add(struct poll *p, struct poll_source *s, uint32_t events)
    __attribute__((warn_unused_result));
void poll_want(struct poll *p, struct poll_source *s, uint32_t events); /* changes them */
/* Not waited for at all, not even for EPOLLHUP, until poll_add() again. */
void poll_pause(struct poll *p, struct poll_source *s);
/* Removes and closes; s->fd is -1 then. Fine for a source that was never added, or is closed already. */
void poll_close(struct poll *p, struct poll_source *s);
/* Once, in ms from now; an armed timer is moved. */
void poll_arm(struct poll *p, struct poll_timer *t, int64_t ms);
void poll_disarm(struct poll *p, struct poll_timer *t);
/* Waits, and delivers one batch. */
struct err *poll_turn(struct poll *p) __attribute__((warn_unused_result));

#endif
