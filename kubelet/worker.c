/* One Pod of this node: from events to plan to actions. See worker.h. */
#include "kubelet/worker.h"
#include "kubelet/cgroups.h"
#include "kubelet/container_spec.h"
#include "kubelet/events.h"
#include "kubelet/log_rotate.h"
#include "kubelet/objects.h"
#include "kubelet/pods.h"
#include "kubelet/probes.h"
#include "kubelet/report.h"
#include "kubelet/sandbox.h"
#include "kubelet/services.h"
#include "kubelet/trash.h"
#include "kubelet/volumes.h"
#include "lib/api/image.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/loop.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKER_GRACE_S = 30, WORKER_LEAST_MS = 2000 };

/* --- desired */

void desired_free(struct desired *d)
{
    if (!d)
        return;
    arena_free(d->arena);
    free(d);
}

static struct err *check_desired(const struct pod *p)
{
    if (!p->metadata || !p->metadata->name)
        return err_new(ERR_INVALID, "metadata.name: required");
    if (!p->metadata->namespace_ || !p->metadata->uid)
        return err_new(ERR_INVALID, "metadata.namespace and metadata.uid: required");
    if (!p->spec || p->spec->containers.n == 0)
        return err_new(ERR_INVALID, "spec.containers: required");
    if (strchr(p->metadata->uid, '/') || strchr(p->metadata->name, '/') ||
        strchr(p->metadata->namespace_, '/'))
        return err_new(ERR_INVALID, "metadata: a name or uid with a slash");
    for (size_t i = 0; i < p->spec->containers.n; i++)
        if (!p->spec->containers.v[i].name || strchr(p->spec->containers.v[i].name, '/'))
            return err_new(ERR_INVALID, "spec.containers[%zu].name: required, without a slash", i);
    for (size_t i = 0; i < p->spec->init_containers.n; i++)
        if (!p->spec->init_containers.v[i].name || strchr(p->spec->init_containers.v[i].name, '/'))
            return err_new(ERR_INVALID, "spec.initContainers[%zu].name: required, without a slash", i);
    return NULL;
}

struct desired *desired_new(const struct json *object, struct err **ret_error)
{
    struct desired *d = mem_new(struct desired);
    d->arena = arena_new();
    d->json = json_copy(d->arena, object);
    d->pod = arena_new_obj(d->arena, struct pod);
    *ret_error = fields_decode(&pod_fields, d->arena, d->json, d->pod);
    if (!*ret_error)
        *ret_error = check_desired(d->pod);
    if (!*ret_error)
        return d;
    desired_free(d);
    return NULL;
}

/* --- instances */

struct instance *worker_instance(struct worker *w, const char *name)
{
    for (size_t i = 0; i < w->n_instances; i++)
        if (strcmp(w->instances[i]->name, name) == 0)
            return w->instances[i];
    return NULL;
}

struct instance *worker_instance_by_cid(struct worker *w, const char *cid)
{
    for (size_t i = 0; i < w->n_instances; i++)
        if (strcmp(w->instances[i]->cid, cid) == 0)
            return w->instances[i];
    return NULL;
}

static void sync_one(struct worker *w, enum instance_kind kind, const struct container *spec)
{
    struct instance *i = spec->name ? worker_instance(w, spec->name) : NULL;
    if (i) {
        i->spec = spec;
        probes_respec(i);
        return;
    }
    w->instances = mem_realloc(w->instances, w->n_instances + 1, sizeof(*w->instances));
    w->instances[w->n_instances++] = instance_new(w, kind, spec);
}

/* Containers are what they were when the Pod was made; only ephemeral ones come later, at the end. */
static void sync_instances(struct worker *w)
{
    const struct pod_spec *s = w->desired->pod->spec;
    for (size_t i = 0; i < s->init_containers.n; i++)
        sync_one(w, container_is_sidecar(&s->init_containers.v[i]) ? INSTANCE_SIDECAR : INSTANCE_INIT,
            &s->init_containers.v[i]);
    for (size_t i = 0; i < s->containers.n; i++)
        sync_one(w, INSTANCE_MAIN, &s->containers.v[i]);
    for (size_t i = 0; i < s->ephemeral_containers.n; i++)
        sync_one(w, INSTANCE_EPHEMERAL, &s->ephemeral_containers.v[i]);
}

/* --- life */

void worker_kick(struct worker *w)
{
    w->dirty = true;
    pods_turn(w->kubelet);
}

static void on_timer(void *arg)
{
    worker_kick(arg);
}

static void on_deadline(void *arg)
{
    static const char message[] = "Pod was active on the node longer than the specified deadline";
    struct worker *w = arg;
    if (w->ended || w->stopping)
        return;
    events_pod(w, EVENT_NORMAL, "DeadlineExceeded", "%s", message);
    worker_stop(w, -1, "DeadlineExceeded", message);
}

static void arm_deadline(struct worker *w)
{
    const struct opt_int s = w->desired->pod->spec->active_deadline_seconds;
    if (!s.set || w->terminal || w->rejected)
        return;
    int64_t left = s.v * 1000 - (clock_now_ns() - w->start_ns) / 1000000;
    if (!w->deadline_timer)
        w->deadline_timer = timer_new(w->kubelet->loop, on_deadline, w);
    timer_start(w->deadline_timer, left > 0 ? (uint64_t)left : 0);
}

struct worker *worker_new(struct kubelet *k, enum worker_source source, struct desired *d)
{
    const struct object_meta *m = d->pod->metadata;
    struct worker *w = mem_new(struct worker);
    *w = (struct worker){.kubelet = k, .source = source, .desired = d, .start_ns = clock_now_ns()};
    w->uid = mem_strdup(m->uid);
    w->ns = mem_strdup(m->namespace_);
    w->name = mem_strdup(m->name);
    w->keys = mem_printf("pod=%s/%s", w->ns, w->name);
    w->timer = timer_new(k->loop, on_timer, w);
    sync_instances(w);
    pods_add(k, w);
    objects_use(k->objects, w);
    return w;
}

void worker_begin(struct worker *w)
{
    arm_deadline(w);
    worker_kick(w);
}

void worker_update(struct worker *w, struct desired *d)
{
    struct desired *old = w->desired;
    w->desired = d;
    sync_instances(w);
    objects_use(w->kubelet->objects, w);
    if (w->volumes_ready && !w->ended)
        log_err(LOG_WARN, w->keys, volumes_refresh(w));
    arm_deadline(w);
    /* What was last reported may point to strings of the old one: it is a copy of its own. */
    desired_free(old);
    worker_kick(w);
}

void worker_free(struct worker *w)
{
    report_stop(w);
    sandbox_free(w->box);
    objects_unuse(w->kubelet->objects, w);
    for (size_t i = 0; i < w->n_instances; i++)
        instance_free(w->instances[i]);
    timer_free(w->timer);
    timer_free(w->deadline_timer);
    arena_free(w->status_arena);
    desired_free(w->desired);
    free(w->instances);
    free(w->uid);
    free(w->ns);
    free(w->name);
    free(w->keys);
    free(w->pod_ip);
    free(w->stop_reason);
    free(w->stop_message);
    free(w->status_text);
    free(w->sent_text);
    free(w->mirror_uid);
    free(w);
}

void worker_stop(struct worker *w, int64_t grace_ms, const char *reason, const char *message)
{
    int64_t now = clock_mono_ms();
    if (grace_ms < 0)
        grace_ms = 1000 * opt_int_or(w->desired->pod->spec->termination_grace_period_seconds, WORKER_GRACE_S);
    if (!w->stopping || now + grace_ms < w->stop_since + w->grace_ms) {
        w->stop_since = now;
        w->grace_ms = grace_ms;
    }
    w->stopping = true;
    if (reason && !w->stop_reason) {
        w->stop_reason = mem_strdup(reason);
        w->stop_message = mem_strdup(message);
    }
    worker_kick(w);
}

void worker_leave(struct worker *w, int64_t grace_ms, bool gone)
{
    w->leaving = true;
    w->gone |= gone;
    worker_stop(w, grace_ms, NULL, NULL);
}

void worker_deleted(struct worker *w)
{
    w->finished = true;
    worker_kick(w);
}

/* --- the sandbox */

void worker_sandbox_ready(struct worker *w)
{
    w->sandbox = SANDBOX_READY;
    backoff_reset(&w->sandbox_backoff);
    worker_kick(w);
}

void worker_sandbox_failed(struct worker *w, struct err *e)
{
    events_pod(
        w, EVENT_WARNING, "FailedCreatePodSandBox", "Failed to create pod sandbox: %s", err_message(e));
    err_free(e);
    w->sandbox = SANDBOX_LOST;
    w->sandbox_retry_at = clock_mono_ms() + backoff_next(&w->sandbox_backoff, &backoff_setup, 0);
    worker_kick(w);
}

void worker_sandbox_lost(struct worker *w)
{
    log_warn(w->keys, "the sandbox is gone");
    w->sandbox = SANDBOX_LOST;
    for (size_t i = 0; i < w->n_instances; i++)
        instance_lost(w->instances[i]);
    worker_kick(w);
}

static void unpin(struct worker *w, const char *cid)
{
    if (*cid)
        log_err(LOG_WARN, w->keys, image_unpin(w->kubelet->path.image_root, cid));
}

/* What one attempt leaves on the disk: its termination log; its writable layer, where no shim removed it. */
static void remove_traces(struct instance *i)
{
    if (!i->cid[0])
        return;
    auto_free char *log = container_spec_termination_log(i, i->cid), *layer = mem_printf("%s.root", log);
    unlink(log);
    trash_put(i->worker->kubelet->trash, layer);
}

void worker_sandbox_cleared(struct worker *w)
{
    for (size_t i = 0; i < w->n_instances; i++) {
        struct instance *x = w->instances[i];
        unpin(w, x->cid);
        if (!w->ended)
            remove_traces(x); /* else all of the Pod's folder goes */
        x->delete_pending = false;
    }
    worker_kick(w);
}

void worker_objects_changed(struct worker *w)
{
    w->volumes_retry_at = 0;
    for (size_t i = 0; i < w->n_instances; i++) {
        struct instance *x = w->instances[i];
        if (x->waiting && strcmp(x->waiting, "CreateContainerConfigError") == 0)
            x->retry_at = 0;
    }
    if (w->volumes_ready && !w->ended)
        log_err(LOG_WARN, w->keys, volumes_refresh(w));
    worker_kick(w);
}

/* --- actions */

static void make_volumes(struct worker *w)
{
    struct err *e = volumes_make(w);
    if (!e) {
        w->volumes_ready = true;
        backoff_reset(&w->volumes_backoff);
        worker_kick(w);
        return;
    }
    events_pod(w, EVENT_WARNING, "FailedMount", "%s", err_message(e));
    err_free(e);
    w->volumes_retry_at = clock_mono_ms() + backoff_next(&w->volumes_backoff, &backoff_setup, 0);
    worker_kick(w);
}

static void make_sandbox(struct worker *w)
{
    for (size_t i = 0; i < w->n_instances; i++)
        if (w->instances[i]->attempted) {
            events_pod(
                w, EVENT_NORMAL, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
            break;
        }
    sandbox_make(w);
}

static void stop_one(struct worker *w, struct instance *i)
{
    if (!w->stopping && !w->ended) { /* it runs another image than is asked for */
        auto_free char *message = mem_printf("Container %s definition changed, will be restarted", i->name);
        int64_t grace = opt_int_or(w->desired->pod->spec->termination_grace_period_seconds, WORKER_GRACE_S);
        stop_instance(i, 1000 * grace, message);
        return;
    }
    if (!w->stopping) /* the others have ended: sidecars follow */
        worker_stop(w, -1, NULL, NULL);
    int64_t left = w->stop_since + w->grace_ms - clock_mono_ms();
    if (w->grace_ms > 0 && left < WORKER_LEAST_MS && i->state != INSTANCE_STOPPING)
        left = WORKER_LEAST_MS;
    stop_instance(i, left > 0 ? left : 0, NULL);
}

static void act(struct worker *w, const struct action *a)
{
    switch (a->type) {
    case ACTION_VOLUMES:
        make_volumes(w);
        break;
    case ACTION_SANDBOX_MAKE:
        make_sandbox(w);
        break;
    case ACTION_SANDBOX_CLEAR:
        sandbox_clear(w);
        break;
    case ACTION_START:
        start_instance(w->instances[a->instance]);
        break;
    case ACTION_STOP:
        stop_one(w, w->instances[a->instance]);
        break;
    case ACTION_DONE:
        w->done = true;
        break;
    }
}

/* Nothing runs, the sandbox is gone. */
static void finish(struct worker *w)
{
    struct kubelet *k = w->kubelet;
    if (!w->cleared) {
        w->cleared = true;
        w->volumes_ready = false;
        volumes_clear(w);
    }
    if (!w->leaving || w->finished)
        return;
    if (w->gone || !k->kube || w->source == WORKER_MANIFEST)
        w->finished = true;
    else if (report_is_settled(w) && w->delete_retry_at <= clock_mono_ms())
        report_deleted(w);
}

static void forget(struct instance *i, const char *cid)
{
    struct shim_client *shim = sandbox_shim(i->worker);
    auto_free char *log = container_spec_termination_log(i, cid);
    if (shim)
        shim_delete(shim, cid, NULL, NULL);
    unlink(log);
    unpin(i->worker, cid);
}

/* The record is written: the shim may forget what has ended. */
static void forget_ended(struct worker *w)
{
    for (size_t i = 0; i < w->n_instances; i++) {
        struct instance *x = w->instances[i];
        if (x->spent[0])
            forget(x, x->spent);
        x->spent[0] = '\0';
        if (!x->delete_pending || x->state != INSTANCE_EXITED)
            continue;
        x->delete_pending = false;
        if (!w->ended) /* else all of it goes with the sandbox */
            forget(x, x->cid);
    }
}

static bool is_changed(const struct instance *i)
{
    const char *asked = i->spec->image ? i->spec->image : "";
    return i->image_asked && strcmp(i->image_asked, asked) != 0;
}

static void observe(struct worker *w, struct plan_instance *v)
{
    w->any_live = false;
    for (size_t i = 0; i < w->n_instances; i++) {
        const struct instance *x = w->instances[i];
        v[i] = (struct plan_instance){.kind = x->kind,
            .state = x->state,
            .spec = x->spec,
            .exit_code = x->end.exit_code,
            .started = x->started,
            .changed = is_changed(x),
            .retry_at = x->retry_at};
        /* Another image was asked for while it waited: no reason to wait longer. */
        if (v[i].changed && x->state == INSTANCE_NEW)
            v[i].retry_at = 0;
        w->any_live |= plan_is_live(x->state);
    }
    if (w->any_live)
        log_rotate_wake(w->kubelet->logs);
}

static void plan_and_act(struct worker *w)
{
    struct kubelet *k = w->kubelet;
    auto_free struct plan_instance *v = mem_array(w->n_instances + 1, sizeof(*v));
    observe(w, v);
    struct plan_in in = {.spec = w->desired->pod->spec,
        .stopping = w->stopping || w->rejected || w->terminal,
        .leaving = w->leaving,
        .volumes_ready = w->volumes_ready,
        .inputs_ready = objects_ready(w) && services_ready(k->services),
        .sandbox = w->sandbox,
        .volumes_retry_at = w->volumes_retry_at,
        .sandbox_retry_at = w->sandbox_retry_at,
        .n = w->n_instances,
        .v = v,
        .now = clock_mono_ms()};
    auto_free struct action *room = mem_array(plan_room(&in), sizeof(*room));
    struct plan_out out = {.v = room};
    plan(&in, &out);
    w->ended = out.ended;
    w->done = false;
    for (size_t i = 0; i < out.n; i++)
        act(w, &out.v[i]);
    timer_stop(w->timer);
    if (out.wake_at)
        timer_start(w->timer, out.wake_at > in.now ? (uint64_t)(out.wake_at - in.now) : 0);
    else if (w->delete_retry_at > in.now)
        timer_start(w->timer, (uint64_t)(w->delete_retry_at - in.now));
}

void worker_reconcile(struct worker *w)
{
    w->dirty = false;
    if (w->finished || w->adopting || w->listed)
        return;
    plan_and_act(w);
    if (w->done && !w->leaving)
        w->terminal = true;
    if (!w->keep_status)
        report_status(w);
    forget_ended(w);
    if (w->done)
        finish(w);
}
