/*
 * Timers, descriptor watches and deferred calls on libuv. A handle is closed by its free function at once and
 * its memory is released when libuv is done with it, one turn later: so freeing is allowed anywhere.
 */
#include "lib/loop.h"
#include "lib/mem.h"
#include <assert.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

static void release(uv_handle_t *h)
{
    free(h->data);
}

/* --- timers --- */

struct timer {
    uv_timer_t uv;
    loop_fn *fn;
    void *arg;
};

static void timer_fired(uv_timer_t *uv)
{
    struct timer *t = uv->data;
    t->fn(t->arg);
}

struct timer *timer_new(uv_loop_t *loop, loop_fn *fn, void *arg)
{
    struct timer *t = mem_new(struct timer);
    uv_timer_init(loop, &t->uv);
    t->uv.data = t;
    t->fn = fn;
    t->arg = arg;
    return t;
}

void timer_start(struct timer *t, uint64_t ms)
{
    /* The loop's clock stands still while callbacks run (and before the first turn): a timer armed after long
     * work would fire early. */
    uv_update_time(t->uv.loop);
    uv_timer_start(&t->uv, timer_fired, ms, 0);
}

void timer_stop(struct timer *t)
{
    uv_timer_stop(&t->uv);
}

int timer_is_armed(const struct timer *t)
{
    return uv_is_active((const uv_handle_t *)&t->uv);
}

void timer_free(struct timer *t)
{
    if (t)
        uv_close((uv_handle_t *)&t->uv, release);
}

/* --- watches --- */

struct watch {
    union {
        uv_handle_t handle;
        uv_poll_t poll;
        uv_idle_t idle;
    };
    watch_fn *fn;
    void *arg;
    int events;
    bool always; /* a regular file or /dev/null: epoll refuses it, and it is ready at any time */
};

static void watch_arm(struct watch *w);

static void watch_polled(uv_poll_t *uv, int status, int events)
{
    struct watch *w = uv->data;
    if (status < 0) { /* EPOLLERR: libuv has stopped the handle; reading or writing will tell what it is */
        events = w->events;
        watch_arm(w);
    }
    w->fn(w->arg, events);
}

static void watch_idled(uv_idle_t *uv)
{
    struct watch *w = uv->data;
    w->fn(w->arg, w->events & (UV_READABLE | UV_WRITABLE));
}

static void watch_arm(struct watch *w)
{
    if (w->always && (w->events & (UV_READABLE | UV_WRITABLE)))
        uv_idle_start(&w->idle, watch_idled);
    else if (w->always)
        uv_idle_stop(&w->idle);
    else if (w->events)
        uv_poll_start(&w->poll, w->events, watch_polled);
    else
        uv_poll_stop(&w->poll);
}

struct watch *watch_new(uv_loop_t *loop, int fd, watch_fn *fn, void *arg)
{
    struct watch *w = mem_new(struct watch);
    int r = uv_poll_init(loop, &w->poll, fd);
    w->always = r == UV_EPERM;
    assert(r == 0 || w->always); /* else: no descriptor, or watched twice */
    if (w->always)
        uv_idle_init(loop, &w->idle);
    w->handle.data = w;
    w->fn = fn;
    w->arg = arg;
    return w;
}

void watch_set(struct watch *w, int events)
{
    if (events == w->events)
        return;
    w->events = events;
    watch_arm(w);
}

void watch_free(struct watch *w)
{
    if (w)
        uv_close(&w->handle, release);
}

/* --- deferred calls --- */

/* An idle handle and not a timer of 0 ms: one armed from a timer's callback would run in the same turn, and
 * a function that defers itself would never let the loop go on. */
struct deferred {
    uv_idle_t uv;
    loop_fn *fn;
    void *arg;
};

static void deferred_run(uv_idle_t *uv)
{
    struct deferred *d = uv->data;
    uv_idle_stop(uv);
    d->fn(d->arg);
}

struct deferred *deferred_new(uv_loop_t *loop, loop_fn *fn, void *arg)
{
    struct deferred *d = mem_new(struct deferred);
    uv_idle_init(loop, &d->uv);
    d->uv.data = d;
    d->fn = fn;
    d->arg = arg;
    return d;
}

void deferred_call(struct deferred *d)
{
    uv_idle_start(&d->uv, deferred_run);
}

void deferred_free(struct deferred *d)
{
    if (d)
        uv_close((uv_handle_t *)&d->uv, release);
}

/* --- signals --- */

struct stop {
    uv_signal_t uv;
    loop_fn *fn;
    void *arg;
};

static void stop_signalled(uv_signal_t *uv, int signum)
{
    struct stop *s = uv->data;
    (void)signum;
    s->fn(s->arg);
}

static void stop_on(uv_loop_t *loop, int signum, loop_fn *fn, void *arg)
{
    struct stop *s = mem_new(struct stop);
    *s = (struct stop){.fn = fn, .arg = arg};
    uv_signal_init(loop, &s->uv);
    s->uv.data = s;
    uv_signal_start(&s->uv, stop_signalled, signum);
    uv_unref((uv_handle_t *)&s->uv);
}

void loop_on_stop(uv_loop_t *loop, loop_fn *fn, void *arg)
{
    signal(SIGPIPE, SIG_IGN);
    stop_on(loop, SIGTERM, fn, arg);
    stop_on(loop, SIGINT, fn, arg);
}
