/* Lifecycle hooks, see hooks.h. */
#include "kubelet/hooks.h"
#include "kubelet/exec.h"
#include "kubelet/reach.h"
#include "lib/loop.h"
#include <stdlib.h>

struct hook {
    struct exec *exec;
    struct reach *reach;
    struct timer *timer;
    bool unknown;
    hook_done_fn *done;
    void *arg;
};

static void hook_free(struct hook *h)
{
    exec_cancel(h->exec);
    reach_cancel(h->reach);
    timer_free(h->timer);
    free(h);
}

void hook_cancel(struct hook *h)
{
    if (h)
        hook_free(h);
}

static void hook_end(struct hook *h, const char *message)
{
    hook_done_fn *done = h->done;
    void *arg = h->arg;
    auto_free char *text = mem_strdup(message);
    hook_free(h);
    done(arg, text);
}

static void slept(void *arg)
{
    struct hook *h = arg;
    hook_end(h, h->unknown ? "a hook of this type is not supported" : NULL);
}

static void reached(void *arg, enum reach_result result, const char *message)
{
    struct hook *h = arg;
    h->reach = NULL;
    hook_end(h, result == REACH_OK ? NULL : message);
}

static void exec_done(void *arg, const struct err *error, int exit_code, const char *output)
{
    struct hook *h = arg;
    h->exec = NULL;
    auto_free char *m = error       ? mem_strdup(err_message(error))
                        : exit_code ? mem_printf("exited with %d: %.200s", exit_code, output)
                                    : NULL;
    hook_end(h, m);
}

struct hook *hook_run(struct instance *i, const struct lifecycle_handler *handler, uint64_t deadline_ms,
    hook_done_fn *done, void *arg)
{
    struct hook *h = mem_new(struct hook);
    *h = (struct hook){.done = done, .arg = arg};
    if (handler->exec) {
        h->exec = exec_start(i, &handler->exec->command, deadline_ms, exec_done, h);
    } else if (handler->http_get) {
        h->reach = reach_http(i, handler->http_get, false, deadline_ms, reached, h);
    } else {
        uint64_t ms = handler->sleep ? (uint64_t)opt_int_or(handler->sleep->seconds, 0) * 1000 : 0;
        h->unknown = !handler->sleep;
        h->timer = timer_new(i->worker->kubelet->loop, slept, h);
        timer_start(h->timer, ms < deadline_ms ? ms : deadline_ms);
    }
    return h;
}
