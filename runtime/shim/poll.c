/* The event loop: see poll.h. */
#include "runtime/shim/poll.h"
#include "lib/clock.h"
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <unistd.h>

struct err *poll_init(struct poll *p)
{
    *p = (struct poll){.epfd = epoll_create1(EPOLL_CLOEXEC)};
    return p->epfd < 0 ? err_sys(errno, "epoll_create1") : NULL;
}

void poll_done(struct poll *p)
{
    if (p->epfd >= 0)
        close(p->epfd);
    p->epfd = -1;
}

struct err *poll_add(struct poll *p, struct poll_source *s, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = s};
    if (epoll_ctl(p->epfd, EPOLL_CTL_ADD, s->fd, &ev) < 0)
        return errno == EPERM ? err_new(ERR_INVALID, "not a pipe, socket or terminal")
                              : err_sys(errno, "epoll_ctl");
    s->added = true;
    return NULL;
}

void poll_want(struct poll *p, struct poll_source *s, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = s};
    if (s->added)
        epoll_ctl(p->epfd, EPOLL_CTL_MOD, s->fd, &ev);
}

void poll_pause(struct poll *p, struct poll_source *s)
{
    if (s->added)
        epoll_ctl(p->epfd, EPOLL_CTL_DEL, s->fd, NULL);
    for (int i = p->at; i < p->n; i++)
        if (p->batch[i].data.ptr == s)
            p->batch[i].data.ptr = NULL;
    s->added = false;
}

void poll_close(struct poll *p, struct poll_source *s)
{
    poll_pause(p, s);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void poll_arm(struct poll *p, struct poll_timer *t, int64_t ms)
{
    poll_disarm(p, t);
    t->at_ms = clock_mono_ms() + ms;
    t->armed = true;
    struct poll_timer **at = &p->timers;
    while (*at && (*at)->at_ms <= t->at_ms)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
}

void poll_disarm(struct poll *p, struct poll_timer *t)
{
    if (!t->armed)
        return;
    struct poll_timer **at = &p->timers;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    t->armed = false;
}

static int wait_ms(const struct poll *p)
{
    if (!p->timers)
        return -1;
    int64_t ms = p->timers->at_ms - clock_mono_ms();
    return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

static void fire_due(struct poll *p)
{
    int64_t now = p->timers ? clock_mono_ms() : 0;
    while (p->timers && p->timers->at_ms <= now) {
        struct poll_timer *t = p->timers;
        poll_disarm(p, t);
        t->fire(t);
    }
}

struct err *poll_turn(struct poll *p)
{
    int n = epoll_wait(p->epfd, p->batch, POLL_BATCH, wait_ms(p));
    if (n < 0 && errno != EINTR)
        return err_sys(errno, "epoll_wait");
    p->n = n < 0 ? 0 : n;
    for (p->at = 0; p->at < p->n;) {
        struct epoll_event ev = p->batch[p->at++];
        struct poll_source *s = ev.data.ptr;
        if (s)
            s->ready(s, ev.events);
    }
    p->n = p->at = 0;
    fire_due(p);
    return NULL;
}
