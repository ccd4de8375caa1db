/*
 * Stopping one container: preStop, then its stop signal, then SIGKILL when the grace is over (two seconds
 * after the signal at the least, when preStop took all of it). Asked again with less grace, it hurries.
 */
#include "kubelet/events.h"
#include "kubelet/hooks.h"
#include "kubelet/images.h"
#include "kubelet/probes.h"
#include "kubelet/sandbox.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/loop.h"
#include <string.h>

enum { STOP_LEAST_MS = 2000, STOP_KILL_AGAIN_MS = 10000 };

static void killed(void *arg, const struct err *error, const struct json *results, int *fds, size_t n)
{
    struct worker *w = arg;
    (void)results, (void)fds, (void)n;
    if (error && err_kind(error) != ERR_NOT_FOUND && err_kind(error) != ERR_UNAVAILABLE)
        log_warn(w->keys, "kill: %s", err_message(error));
}

static void send_signal(struct instance *i, const char *signal, bool all)
{
    struct shim_client *shim = sandbox_shim(i->worker);
    if (shim)
        shim_kill(shim, i->cid, signal, all, killed, i->worker);
}

static const char *stop_signal(const struct instance *i)
{
    const char *s = i->spec->lifecycle ? i->spec->lifecycle->stop_signal : NULL;
    if (!s || !*s)
        s = i->stop_signal;
    if (!s || !*s)
        return "TERM";
    return strncmp(s, "SIG", 3) == 0 ? s + 3 : s;
}

static void on_timer(void *arg)
{
    struct instance *i = arg;
    if (i->state != INSTANCE_STOPPING)
        return;
    hook_cancel(i->hook);
    i->hook = NULL;
    send_signal(i, "KILL", true);
    timer_start(i->stop_timer, STOP_KILL_AGAIN_MS);
}

static void term(struct instance *i)
{
    int64_t now = clock_mono_ms();
    i->termed = true;
    if (i->stop_at <= now) {
        on_timer(i);
        return;
    }
    send_signal(i, stop_signal(i), false);
    timer_start(i->stop_timer, (uint64_t)(i->stop_at - now));
}

static void pre_stopped(void *arg, const char *message)
{
    struct instance *i = arg;
    i->hook = NULL;
    if (i->state != INSTANCE_STOPPING)
        return;
    if (message) {
        log_warn(i->worker->keys, "container=%s preStop: %s", i->name, message);
        events_instance(i, EVENT_WARNING, "FailedPreStopHook", "PreStopHook failed");
    }
    if (i->stop_at < clock_mono_ms() + STOP_LEAST_MS && !i->hurry)
        i->stop_at = clock_mono_ms() + STOP_LEAST_MS;
    term(i);
}

/* Already stopping: only a nearer end changes something. */
static void hurry(struct instance *i, int64_t at, int64_t grace_ms)
{
    int64_t now = clock_mono_ms();
    if (at >= i->stop_at)
        return;
    i->stop_at = at;
    i->hurry = true;
    if (i->termed || grace_ms <= 0)
        timer_start(i->stop_timer, at > now ? (uint64_t)(at - now) : 0);
}

void stop_instance(struct instance *i, int64_t grace_ms, const char *message)
{
    const struct lifecycle *l = i->spec->lifecycle;
    int64_t at = clock_mono_ms() + grace_ms;
    if (i->state == INSTANCE_STOPPING) {
        hurry(i, at, grace_ms);
        return;
    }
    if (i->state != INSTANCE_RUNNING && i->state != INSTANCE_HOOK)
        return;
    bool ran = i->state == INSTANCE_RUNNING;
    hook_cancel(i->hook);
    i->hook = NULL;
    probes_end(i);
    i->state = INSTANCE_STOPPING;
    i->stop_at = at;
    i->termed = i->hurry = false;
    if (!i->stop_timer)
        i->stop_timer = timer_new(i->worker->kubelet->loop, on_timer, i);
    if (message)
        events_instance(i, EVENT_NORMAL, "Killing", "%s", message);
    else
        events_instance(i, EVENT_NORMAL, "Killing", "Stopping container %s", i->name);
    if (ran && l && l->pre_stop && grace_ms > 0)
        i->hook = hook_run(i, l->pre_stop, (uint64_t)grace_ms, pre_stopped, i);
    else
        term(i);
}
