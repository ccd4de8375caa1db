/*
 * Child processes in a libuv loop. A child lives in one of three states: running; killed (at its deadline,
 * waiting for its end); abandoned (cancelled, or not dead SPAWN_KILL_MS after SIGKILL: nobody is told any
 * more, it is only reaped).
 */
#include "lib/loop.h"
#include "lib/mem.h"
#include "lib/spawn_child.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct spawn {
    struct spawn_child child;
    struct spawn_result result;
    struct watch *exit, *out, *err;
    struct timer *deadline;
    spawn_done_fn *done;
    void *arg;
    bool abandoned, calling;
};

static void stop_reading(struct spawn *s)
{
    watch_free(take_ptr(s->out));
    watch_free(take_ptr(s->err));
    timer_free(take_ptr(s->deadline));
}

static void spawn_free(struct spawn *s)
{
    stop_reading(s);
    watch_free(s->exit);
    spawn_child_done(&s->child);
    spawn_result_done(&s->result);
    free(s);
}

static void tell(struct spawn *s)
{
    s->calling = true; /* spawn_cancel() from done() is nothing */
    s->done(s->arg, &s->result);
    s->calling = false;
}

static void on_exit_event(void *arg, int events)
{
    struct spawn *s = arg;
    (void)events;
    if (!spawn_child_reap(&s->child, &s->result.status))
        return;
    stop_reading(s);
    if (!s->abandoned) {
        spawn_child_drain(&s->child, &s->result);
        tell(s);
    }
    spawn_free(s);
}

static void read_into(struct watch **w, int *fd, struct buf *b)
{
    if (spawn_child_read(*fd, b))
        return;
    watch_free(take_ptr(*w));
    fd_cleanup(fd);
    *fd = -1;
}

static void on_out(void *arg, int events)
{
    struct spawn *s = arg;
    (void)events;
    read_into(&s->out, &s->child.out, &s->result.out);
}

static void on_err(void *arg, int events)
{
    struct spawn *s = arg;
    (void)events;
    read_into(&s->err, &s->child.err, &s->result.err);
}

static void abandon(struct spawn *s)
{
    s->abandoned = true;
    stop_reading(s);
    fd_cleanup(&s->child.out);
    fd_cleanup(&s->child.err);
    s->child.out = s->child.err = -1;
}

static void on_deadline(void *arg)
{
    struct spawn *s = arg;
    if (!s->result.timed_out) {
        s->result.timed_out = true;
        spawn_child_kill(&s->child);
        timer_start(s->deadline, SPAWN_KILL_MS);
        return;
    }
    s->result.status = SIGKILL; /* as waitpid(2) will tell it, some day */
    abandon(s);
    tell(s);
}

struct err *spawn_start(
    struct uv_loop_s *loop, const struct spawn_opts *o, spawn_done_fn *done, void *arg, struct spawn **ret)
{
    struct spawn_child c;
    TRY(spawn_child_start(o, &c));
    struct spawn *s = mem_new(struct spawn);
    s->child = c;
    s->result = (struct spawn_result){.out = BUF_INIT(o->out_max), .err = BUF_INIT(o->err_max)};
    s->done = done;
    s->arg = arg;
    s->exit = watch_new(loop, c.pidfd, on_exit_event, s);
    watch_set(s->exit, UV_READABLE);
    if (c.out >= 0) {
        s->out = watch_new(loop, c.out, on_out, s);
        watch_set(s->out, UV_READABLE);
    }
    if (c.err >= 0) {
        s->err = watch_new(loop, c.err, on_err, s);
        watch_set(s->err, UV_READABLE);
    }
    s->deadline = timer_new(loop, on_deadline, s);
    timer_start(s->deadline, o->deadline_ms);
    if (ret)
        *ret = s;
    return NULL;
}

void spawn_cancel(struct spawn *s)
{
    if (!s || s->calling || s->abandoned)
        return;
    spawn_child_kill(&s->child);
    abandon(s);
}
