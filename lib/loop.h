/*
 * Small additions to libuv, which the daemons use directly: handles whose memory needs no thought. A
 * handle's free function may be called at any moment, also from its own callback.
 */
#ifndef WHERRY_LOOP_H
#define WHERRY_LOOP_H

#include <stdint.h>
#include <uv.h>

typedef void loop_fn(void *arg);

/* One-shot timer that can be armed again and again; timer_start() on an armed one moves it. */
struct timer;
struct timer *timer_new(uv_loop_t *loop, loop_fn *fn, void *arg);
void timer_start(struct timer *t, uint64_t ms);
void timer_stop(struct timer *t);
int timer_is_armed(const struct timer *t);
void timer_free(struct timer *t);

/* Watches a descriptor (level-triggered; events is UV_READABLE | UV_WRITABLE). Does not own fd. */
struct watch;
typedef void watch_fn(void *arg, int events);
struct watch *watch_new(uv_loop_t *loop, int fd, watch_fn *fn, void *arg);
void watch_set(struct watch *w, int events); /* 0 pauses */
void watch_free(struct watch *w);            /* the caller may close fd right after */

/* Calls fn once, soon, from the loop; several loop_defer() calls before it runs make one call. For
 * coalescing: "something changed, reconcile". */
struct deferred;
struct deferred *deferred_new(uv_loop_t *loop, loop_fn *fn, void *arg);
void deferred_call(struct deferred *d);
void deferred_free(struct deferred *d);

/* Calls fn on SIGTERM or SIGINT; SIGPIPE is ignored from here on. */
void loop_on_stop(uv_loop_t *loop, loop_fn *fn, void *arg);

#endif
