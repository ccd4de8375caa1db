/* Child processes for programs without an event loop, and what became of a child in words. */
#include "lib/spawn.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/spawn_child.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int *fd)
{
    close(*fd);
    *fd = -1;
}

/* Until the exit or until `until`; reads meanwhile. True: it has exited. */
static bool wait_until(struct spawn_child *c, struct spawn_result *r, int64_t until)
{
    for (;;) {
        int64_t left = until - clock_mono_ms();
        if (left <= 0)
            return spawn_child_reap(c, &r->status);
        struct pollfd p[] = {{c->pidfd, POLLIN, 0}, {c->out, POLLIN, 0}, {c->err, POLLIN, 0}};
        if (poll(p, 3, left < INT_MAX ? (int)left : INT_MAX) < 0)
            continue; /* EINTR */
        if (p[1].revents && !spawn_child_read(c->out, &r->out))
            end(&c->out);
        if (p[2].revents && !spawn_child_read(c->err, &r->err))
            end(&c->err);
        if (p[0].revents && spawn_child_reap(c, &r->status))
            return true;
    }
}

struct err *spawn_run(const struct spawn_opts *o, struct spawn_result *ret)
{
    struct spawn_child c;
    struct spawn_result r = {.out = BUF_INIT(o->out_max), .err = BUF_INIT(o->err_max)};
    int64_t now = clock_mono_ms();
    TRY(spawn_child_start(o, &c));
    if (!wait_until(&c, &r, now + (int64_t)o->deadline_ms)) {
        r.timed_out = true;
        spawn_child_kill(&c);
        if (!wait_until(&c, &r, clock_mono_ms() + SPAWN_KILL_MS)) {
            spawn_child_done(&c);
            spawn_result_done(&r);
            return err_new(ERR_TIMEOUT, "%s: does not die of SIGKILL", o->argv[0]);
        }
    }
    spawn_child_drain(&c, &r);
    spawn_child_done(&c);
    *ret = r;
    return NULL;
}

void spawn_result_done(struct spawn_result *r)
{
    buf_done(&r->out);
    buf_done(&r->err);
}

/* The last line that says something. */
static char *last_line(const struct buf *b)
{
    const char *text = buf_str(b);
    size_t end = b->len;
    while (end && strchr(" \t\r\n", text[end - 1]))
        end--;
    size_t start = end;
    while (start && text[start - 1] != '\n')
        start--;
    return mem_strndup(text + start, end - start < 1000 ? end - start : 1000);
}

struct err *spawn_result_err(const struct spawn_result *r, const char *what)
{
    if (!r->timed_out && WIFEXITED(r->status) && !WEXITSTATUS(r->status))
        return NULL;
    auto_free char *line = last_line(&r->err);
    const char *colon = *line ? ": " : "";
    if (r->timed_out)
        return err_new(ERR_TIMEOUT, "%s: killed at its deadline%s%s", what, colon, line);
    if (WIFSIGNALED(r->status))
        return err_new(ERR_SYSTEM, "%s: killed by SIG%s%s%s", what,
            sigabbrev_np(WTERMSIG(r->status)) ? sigabbrev_np(WTERMSIG(r->status)) : "?", colon, line);
    return err_new(ERR_SYSTEM, "%s: exit status %d%s%s", what, WEXITSTATUS(r->status), colon, line);
}
