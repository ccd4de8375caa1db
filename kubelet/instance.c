/* One container of a Pod: its life between the planner's actions. See worker.h. */
#include "kubelet/container_spec.h"
#include "kubelet/events.h"
#include "kubelet/hooks.h"
#include "kubelet/images.h"
#include "kubelet/probes.h"
#include "kubelet/sandbox.h"
#include "kubelet/termination.h"
#include "kubelet/worker.h"
#include "lib/clock.h"
#include "lib/loop.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct instance *instance_new(struct worker *w, enum instance_kind kind, const struct container *spec)
{
    struct instance *i = mem_new(struct instance);
    *i = (struct instance){.worker = w, .kind = kind, .spec = spec};
    i->name = mem_strdup(spec->name ? spec->name : "");
    return i;
}

void instance_end_done(struct instance_end *e)
{
    free(e->reason);
    free(e->message);
    free(e->cid);
    *e = (struct instance_end){0};
}

void instance_end_set(struct instance_end *e, int exit_code, int signal, const char *reason,
    const char *message, const char *cid, int64_t started_ns, int64_t finished_ns)
{
    struct instance_end made = {.set = true,
        .exit_code = exit_code,
        .signal = signal,
        .started_ns = started_ns,
        .finished_ns = finished_ns};
    made.reason = mem_strdup(reason);
    made.message = mem_strdup(message);
    made.cid = mem_strdup(cid);
    instance_end_done(e);
    *e = made;
}

void instance_free(struct instance *i)
{
    probes_end(i);
    hook_cancel(i->hook);
    images_cancel(i->image_wait);
    images_release(i->image);
    shim_call_drop(i->start_call);
    if (i->fds)
        container_spec_close(i->fds);
    free(i->fds);
    timer_free(i->stop_timer);
    instance_end_done(&i->end);
    instance_end_done(&i->last);
    free(i->user.groups);
    free(i->name);
    free(i->image_asked);
    free(i->image_id);
    free(i->image_name);
    free(i->image_digest);
    free(i->stop_signal);
    free(i->waiting);
    free(i->waiting_message);
    free(i);
}

void instance_wait(struct instance *i, const char *reason, const char *message)
{
    char *r = mem_strdup(reason), *m = mem_strdup(message);
    free(i->waiting);
    free(i->waiting_message);
    i->waiting = r;
    i->waiting_message = m;
}

const char *instance_field_path(const struct instance *i, char *text, size_t n)
{
    static const char *const lists[] = {[INSTANCE_INIT] = "initContainers",
        [INSTANCE_SIDECAR] = "initContainers",
        [INSTANCE_MAIN] = "containers",
        [INSTANCE_EPHEMERAL] = "ephemeralContainers"};
    snprintf(text, n, "spec.%s{%s}", lists[i->kind], i->name);
    return text;
}

static void settle(struct instance *i)
{
    probes_end(i);
    hook_cancel(i->hook);
    i->hook = NULL;
    if (i->stop_timer)
        timer_stop(i->stop_timer);
    i->started = i->ready = i->termed = false;
    i->state = INSTANCE_EXITED;
}

/* When it may start again, after `good_ms` of running. */
static void schedule_restart(struct instance *i, int64_t good_ms)
{
    struct worker *w = i->worker;
    if (w->stopping || !plan_restarts(w->desired->pod->spec, i->spec, i->kind, i->end.exit_code))
        return;
    int64_t delay = backoff_next(&i->crash, &backoff_crash, good_ms);
    i->retry_at = clock_mono_ms() + delay;
    if (!delay)
        return;
    if (!i->waiting) {
        auto_free char *message = mem_printf("back-off %s restarting failed container=%s pod=%s_%s(%s)",
            delay >= 300000   ? "5m0s"
            : delay >= 160000 ? "2m40s"
            : delay >= 80000  ? "1m20s"
            : delay >= 40000  ? "40s"
            : delay >= 20000  ? "20s"
                              : "10s",
            i->name, w->name, w->ns, w->uid);
        instance_wait(i, "CrashLoopBackOff", message);
    }
    events_instance(i, EVENT_WARNING, "BackOff", "Back-off restarting failed container %s in pod %s_%s(%s)",
        i->name, w->name, w->ns, w->uid);
}

void instance_exited(struct instance *i, int exit_code, int signal, bool oom, int64_t finished_ns)
{
    const char *reason = oom ? "OOMKilled" : exit_code == 0 ? "Completed" : "Error";
    auto_free char *message = termination_message(i, exit_code);
    instance_end_set(&i->end, exit_code, signal, reason, message, i->cid, i->started_ns, finished_ns);
    settle(i);
    instance_wait(i, NULL, NULL);
    i->retry_at = 0;
    i->delete_pending = true;
    schedule_restart(i, (finished_ns - i->started_ns) / 1000000);
    worker_kick(i->worker);
}

void instance_start_failed(struct instance *i, const char *message)
{
    instance_end_set(&i->end, 128, 0, "StartError", message, i->cid, 0, clock_now_ns());
    settle(i);
    i->delete_pending = true;
    instance_wait(i, "RunContainerError", message);
    schedule_restart(i, 0);
    worker_kick(i->worker);
}

void instance_lost(struct instance *i)
{
    bool alive = plan_is_live(i->state), fetching = i->state == INSTANCE_FETCHING;
    shim_call_drop(i->start_call);
    i->start_call = NULL;
    if (i->fds)
        container_spec_close(i->fds);
    images_cancel(i->image_wait);
    i->image_wait = NULL;
    if (alive) {
        instance_end_set(&i->end, 137, 0, "Error", NULL, i->cid, i->started_ns, clock_now_ns());
        settle(i);
        i->retry_at = 0;
    } else if (fetching) {
        i->state = INSTANCE_NEW;
    }
    i->delete_pending = false;
    /* Init containers prepare a sandbox: the next one needs them again. */
    if (i->kind == INSTANCE_INIT && i->state == INSTANCE_EXITED)
        i->state = INSTANCE_NEW;
}
