/* Pod status, see status.h. */
#include "kubelet/status.h"
#include "kubelet/sandbox.h"
#include "kubelet/volumes.h"
#include "lib/clock.h"
#include <stdlib.h>
#include <string.h>

enum { STATUS_MESSAGES = 12 << 10 };

static bool is(const char *s, const char *what)
{
    return s && strcmp(s, what) == 0;
}

static const char *when(struct arena *a, int64_t ns)
{
    char text[CLOCK_TEXT];
    clock_rfc3339(ns > 0 ? ns : 0, text);
    return arena_strdup(a, text);
}

/* --- containers */

static struct container_state_terminated *terminated(
    struct arena *a, const struct worker *w, const struct instance_end *e)
{
    struct container_state_terminated *t = arena_new_obj(a, struct container_state_terminated);
    size_t share = STATUS_MESSAGES / (w->n_instances ? w->n_instances : 1);
    t->reason = e->reason;
    t->message = e->message;
    if (e->message && strlen(e->message) > share) {
        while (share && ((unsigned char)e->message[share] & 0xc0) == 0x80)
            share--; /* not inside a character */
        t->message = arena_strndup(a, e->message, share);
    }
    t->exit_code = (struct opt_int){true, e->exit_code};
    t->started_at = when(a, e->started_ns);
    t->finished_at = when(a, e->finished_ns);
    if (e->cid)
        t->container_id = arena_printf(a, INSTANCE_CID_PREFIX "%s", e->cid);
    return t;
}

/* Shown as waiting for its restart rather than as ended. */
static bool awaits_restart(const struct instance *i)
{
    const struct worker *w = i->worker;
    return i->state == INSTANCE_EXITED && i->waiting && !w->stopping && !w->leaving && !w->terminal &&
           plan_restarts(w->desired->pod->spec, i->spec, i->kind, i->end.exit_code);
}

const char *status_waiting_reason(const struct instance *i)
{
    bool has_init = i->worker->desired->pod->spec->init_containers.n > 0;
    if (i->waiting)
        return i->waiting;
    return has_init && i->kind != INSTANCE_EPHEMERAL ? "PodInitializing" : "ContainerCreating";
}

static void waiting(struct arena *a, const struct instance *i, struct container_state *state)
{
    state->waiting = arena_new_obj(a, struct container_state_waiting);
    state->waiting->reason = status_waiting_reason(i);
    state->waiting->message = i->waiting_message;
}

static struct container_state *state_of(struct arena *a, const struct instance *i)
{
    struct container_state *s = arena_new_obj(a, struct container_state);
    bool again = (i->state == INSTANCE_FETCHING || i->state == INSTANCE_STARTING) && i->end.set;
    switch (i->state) {
    case INSTANCE_RUNNING:
    case INSTANCE_STOPPING:
        s->running = arena_new_obj(a, struct container_state_running);
        s->running->started_at = when(a, i->started_ns);
        return s;
    case INSTANCE_EXITED:
        if (!awaits_restart(i)) {
            s->terminated = terminated(a, i->worker, &i->end);
            return s;
        }
        break;
    default:
        if (again && i->state == INSTANCE_FETCHING && !i->waiting) { /* about to start again */
            s->terminated = terminated(a, i->worker, &i->end);
            return s;
        }
    }
    waiting(a, i, s);
    return s;
}

static void add_user(struct arena *a, const struct instance *i, struct container_status *c)
{
    if (!i->user.set)
        return;
    c->user = arena_new_obj(a, struct container_user);
    c->user->linux_ = arena_new_obj(a, struct container_user_linux);
    c->user->linux_->uid = (struct opt_int){true, i->user.uid};
    c->user->linux_->gid = (struct opt_int){true, i->user.gid};
    c->user->linux_->supplemental_groups = (struct int_list){i->user.n, i->user.groups};
}

static void add_mounts(struct arena *a, const struct instance *i, struct container_status *c)
{
    const struct container *spec = i->spec;
    c->volume_mounts.v = arena_array(a, spec->volume_mounts.n + 1, sizeof(*c->volume_mounts.v));
    for (size_t n = 0; n < spec->volume_mounts.n; n++) {
        const struct volume_mount *m = &spec->volume_mounts.v[n];
        struct volume_mount_status *s = &c->volume_mounts.v[c->volume_mounts.n++];
        *s = (struct volume_mount_status){.name = m->name, .mount_path = m->mount_path};
        if (opt_bool_or(m->read_only, false)) {
            s->read_only = m->read_only;
            s->recursive_read_only =
                is(m->recursive_read_only, "IfPossible") || is(m->recursive_read_only, "Enabled")
                    ? "Enabled"
                    : "Disabled";
        }
    }
}

static void make_container(struct arena *a, const struct instance *i, struct container_status *c)
{
    bool running = i->state == INSTANCE_RUNNING || i->state == INSTANCE_STOPPING;
    bool done = i->kind == INSTANCE_INIT && i->state == INSTANCE_EXITED && i->end.exit_code == 0;
    *c = (struct container_status){.name = i->name,
        .image = i->image_name ? i->image_name : i->spec->image,
        .image_id = i->image_digest ? i->image_digest : "",
        .restart_count = {true, i->restarts},
        .ready = {true, done || (running && i->ready)}};
    if (i->kind != INSTANCE_EPHEMERAL)
        c->started = (struct opt_bool){true, running && i->started};
    c->state = state_of(a, i);
    c->last_state = arena_new_obj(a, struct container_state);
    const struct instance_end *last = &i->last;
    if (i->end.set && !c->state->terminated)
        last = &i->end; /* the attempt before is the one that has just ended */
    if (last->set)
        c->last_state->terminated = terminated(a, i->worker, last);
    if (!i->attempted)
        return;
    c->container_id = arena_printf(a, INSTANCE_CID_PREFIX "%s", i->cid);
    c->resources = i->spec->resources ? i->spec->resources : arena_new_obj(a, struct resource_requirements);
    if (i->spec->resources)
        c->allocated_resources = i->spec->resources->requests;
    add_user(a, i, c);
    add_mounts(a, i, c);
}

/* --- phase */

struct count {
    size_t init_pending, init_failed, running, waiting, stopped, succeeded, n;
};

static void count_init(const struct instance *i, const struct container_status *c, struct count *n)
{
    const struct container_state_terminated *t = c->state->terminated;
    if (i->kind == INSTANCE_SIDECAR) {
        bool up = c->state->running && i->started;
        n->init_pending += !up && !t;
        return;
    }
    if (t && opt_int_or(t->exit_code, 0) == 0)
        return;
    if (t || (c->last_state->terminated && c->state->waiting))
        n->init_failed++;
    n->init_pending++;
}

static void count_main(const struct container_status *c, struct count *n)
{
    const struct container_state *s = c->state;
    n->n++;
    if (s->running) {
        n->running++;
    } else if (s->terminated || c->last_state->terminated) {
        const struct container_state_terminated *t =
            s->terminated ? s->terminated : c->last_state->terminated;
        n->stopped++;
        n->succeeded += s->terminated && opt_int_or(t->exit_code, 1) == 0;
    } else {
        n->waiting++;
    }
}

static bool any_main_started(const struct worker *w)
{
    for (size_t i = 0; i < w->n_instances; i++)
        if (w->instances[i]->kind == INSTANCE_MAIN &&
            (w->instances[i]->attempted || w->instances[i]->state != INSTANCE_NEW))
            return true;
    return false;
}

/* No container had its turn, and not because an init container failed. */
static bool never_began(const struct worker *w)
{
    for (size_t i = 0; i < w->n_instances; i++) {
        const struct instance *x = w->instances[i];
        if (x->kind == INSTANCE_INIT && x->state == INSTANCE_EXITED && x->end.exit_code != 0)
            return false;
    }
    return !any_main_started(w);
}

static const char *phase_of(const struct worker *w, const struct count *n)
{
    if (w->rejected || w->stop_reason)
        return "Failed";
    bool over = w->ended && n->running == 0 && !w->any_live;
    if (over) {
        if (n->init_failed && n->stopped == 0)
            return "Failed";
        if (n->waiting == n->n && !w->leaving && n->init_pending == 0)
            return "Pending";
        return n->stopped == n->n && n->succeeded == n->n ? "Succeeded" : "Failed";
    }
    if (n->init_pending && n->running == 0 && n->stopped == 0)
        return "Pending";
    if (n->waiting)
        return "Pending";
    return "Running";
}

/* --- conditions */

struct conditions {
    struct arena *arena;
    const struct worker *worker;
    int64_t now;
    struct pod_condition *v;
    size_t n;
};

static const struct pod_condition *condition_before(const struct worker *w, const char *type)
{
    for (size_t i = 0; w->status && i < w->status->conditions.n; i++)
        if (is(w->status->conditions.v[i].type, type))
            return &w->status->conditions.v[i];
    return NULL;
}

static void condition(
    struct conditions *c, const char *type, bool status, const char *reason, const char *message)
{
    const struct pod_condition *before = condition_before(c->worker, type);
    const char *text = status ? "True" : "False";
    bool same = before && is(before->status, text) && before->last_transition_time;
    const struct object_meta *m = c->worker->desired->pod->metadata;
    c->v[c->n++] = (struct pod_condition){.type = type,
        .status = text,
        .reason = reason,
        .message = message,
        .observed_generation = m->generation,
        .last_transition_time =
            same ? arena_strdup(c->arena, before->last_transition_time) : when(c->arena, c->now)};
}

/* "containers with unready status: [a b]" */
static const char *listed(
    struct arena *a, const char *what, const struct worker *w, bool (*in)(const struct instance *))
{
    auto_buf b = BUF_INIT(1 << 16);
    for (size_t i = 0; i < w->n_instances; i++)
        if (in(w->instances[i]))
            buf_addf(&b, "%s%s", b.len ? " " : "", w->instances[i]->name);
    return b.len ? arena_printf(a, "containers with %s status: [%s]", what, buf_str(&b)) : NULL;
}

static bool is_unready(const struct instance *i)
{
    bool running = i->state == INSTANCE_RUNNING || i->state == INSTANCE_STOPPING;
    return (i->kind == INSTANCE_MAIN || i->kind == INSTANCE_SIDECAR) && !(running && i->ready);
}

static bool is_incomplete(const struct instance *i)
{
    if (i->kind == INSTANCE_INIT)
        return !(i->state == INSTANCE_EXITED && i->end.exit_code == 0);
    return i->kind == INSTANCE_SIDECAR && !(i->state == INSTANCE_RUNNING && i->started);
}

static bool gates_open(const struct worker *w)
{
    const struct pod_spec *s = w->desired->pod->spec;
    for (size_t i = 0; i < s->readiness_gates.n; i++)
        if (!is(pod_condition(w->desired->pod->status, s->readiness_gates.v[i].condition_type), "True"))
            return false;
    return true;
}

static void add_foreign(struct conditions *c)
{
    static const char *const ours[] = {
        "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"};
    const struct pod_status *s = c->worker->desired->pod->status;
    for (size_t i = 0; s && i < s->conditions.n; i++) {
        bool own = false;
        for (size_t j = 0; j < ARRAY_SIZE(ours); j++)
            own |= is(s->conditions.v[i].type, ours[j]);
        if (!own)
            c->v[c->n++] = s->conditions.v[i];
    }
}

static void make_conditions(const struct worker *w, struct arena *a, int64_t now, struct pod_status *s)
{
    const struct pod_status *api = w->desired->pod->status;
    struct conditions c = {.arena = a, .worker = w, .now = now};
    c.v = arena_array(a, 8 + (api ? api->conditions.n : 0), sizeof(*c.v));
    bool succeeded = is(s->phase, "Succeeded");
    /* Deleted before its containers had their turn: Failed, but they are what they were, not ready yet. */
    bool failed = is(s->phase, "Failed") && !(w->leaving && never_began(w));
    condition(&c, "PodReadyToStartContainers", w->sandbox == SANDBOX_READY, NULL, NULL);
    const char *incomplete = listed(a, "incomplete", w, is_incomplete);
    if (succeeded)
        condition(&c, "Initialized", true, "PodCompleted", NULL);
    else if (incomplete && !any_main_started(w))
        condition(&c, "Initialized", false, "ContainersNotInitialized", incomplete);
    else
        condition(&c, "Initialized", true, NULL, NULL);
    const char *unready = listed(a, "unready", w, is_unready), *reason = NULL;
    if (succeeded || failed) {
        reason = succeeded ? "PodCompleted" : "PodFailed";
        unready = NULL;
    } else if (unready) {
        reason = "ContainersNotReady";
    }
    bool ready = !reason && gates_open(w);
    condition(&c, "Ready", ready,
        reason  ? reason
        : ready ? NULL
                : "ReadinessGatesNotReady",
        reason  ? unready
        : ready ? NULL
                : "corresponding condition of pod readiness gate does not exist.");
    condition(&c, "ContainersReady", !reason, reason, unready);
    condition(&c, "PodScheduled", true, NULL, NULL);
    add_foreign(&c);
    s->conditions.n = c.n;
    s->conditions.v = c.v;
}

/* --- the whole */

static void make_containers(const struct worker *w, struct arena *a, struct pod_status *s, struct count *n)
{
    struct container_status *v[3];
    size_t at[3] = {0};
    for (int i = 0; i < 3; i++)
        v[i] = arena_array(a, w->n_instances + 1, sizeof(*v[i]));
    for (size_t i = 0; i < w->n_instances; i++) {
        const struct instance *x = w->instances[i];
        int list = x->kind == INSTANCE_MAIN ? 1 : x->kind == INSTANCE_EPHEMERAL ? 2 : 0;
        struct container_status *c = &v[list][at[list]++];
        make_container(a, x, c);
        if (list == 0)
            count_init(x, c, n);
        else if (list == 1)
            count_main(c, n);
    }
    s->init_container_statuses.v = v[0];
    s->init_container_statuses.n = at[0];
    s->container_statuses.v = v[1];
    s->container_statuses.n = at[1];
    s->ephemeral_container_statuses.v = v[2];
    s->ephemeral_container_statuses.n = at[2];
}

static void add_ips(const struct worker *w, struct arena *a, struct pod_status *s)
{
    s->host_ip = w->kubelet->o.node_ip;
    s->host_ips.v = arena_new_obj(a, struct pod_ip);
    s->host_ips.v[0].ip = s->host_ip;
    s->host_ips.n = 1;
    if (!w->pod_ip)
        return;
    s->pod_ip = w->pod_ip;
    s->pod_ips.v = arena_new_obj(a, struct pod_ip);
    s->pod_ips.v[0].ip = w->pod_ip;
    s->pod_ips.n = 1;
}

struct pod_status *status_make(const struct worker *w, struct arena *a, int64_t now_ns)
{
    struct pod_status *s = arena_new_obj(a, struct pod_status);
    struct count n = {0};
    s->observed_generation = w->desired->pod->metadata->generation;
    s->qos_class = pod_qos_name(pod_qos(w->desired->pod->spec));
    s->start_time = when(a, w->start_ns);
    s->reason = w->stop_reason;
    s->message = w->stop_message;
    if (w->rejected) {
        s->phase = "Failed";
        return s;
    }
    make_containers(w, a, s, &n);
    s->phase = phase_of(w, &n);
    make_conditions(w, a, now_ns, s);
    add_ips(w, a, s);
    return s;
}

/* --- back from a status */

static int64_t parse_time(const char *text)
{
    int64_t ns = 0;
    return text && clock_parse(text, &ns) ? ns : 0;
}

static const char *bare_cid(const char *id)
{
    const char *sep = id ? strstr(id, "://") : NULL;
    return sep ? sep + 3 : "";
}

static void restore_end(struct instance_end *e, const struct container_state_terminated *t)
{
    if (t)
        instance_end_set(e, (int)opt_int_or(t->exit_code, 0), (int)opt_int_or(t->signal, 0), t->reason,
            t->message, bare_cid(t->container_id), parse_time(t->started_at), parse_time(t->finished_at));
}

static void restore_user(struct instance *i, const struct container_status *c)
{
    if (!c->user || !c->user->linux_)
        return;
    const struct container_user_linux *u = c->user->linux_;
    size_t n = u->supplemental_groups.n;
    i->user = (struct instance_user){.set = true, .uid = u->uid.v, .gid = u->gid.v, .n = n};
    i->user.groups = mem_array(n + 1, sizeof(int64_t));
    if (n)
        memcpy(i->user.groups, u->supplemental_groups.v, n * sizeof(int64_t));
}

static void restore_container(struct worker *w, const struct container_status *c)
{
    struct instance *i = c->name ? worker_instance(w, c->name) : NULL;
    const char *cid = bare_cid(c->container_id);
    if (!i || !*cid || strlen(cid) >= sizeof(i->cid))
        return;
    memcpy(i->cid, cid, strlen(cid) + 1);
    i->attempted = true;
    i->restarts = opt_int_or(c->restart_count, 0);
    i->image_name = mem_strdup(c->image);
    i->image_asked = mem_strdup(i->spec->image);
    i->image_digest = mem_strdup(c->image_id);
    i->started = opt_bool_or(c->started, false);
    i->ready = opt_bool_or(c->ready, false);
    restore_user(i, c);
    if (c->last_state)
        restore_end(&i->last, c->last_state->terminated);
    if (c->state && c->state->terminated) {
        restore_end(&i->end, c->state->terminated);
        i->state = INSTANCE_EXITED;
    } else if (c->state && c->state->running) {
        i->started_ns = parse_time(c->state->running->started_at);
        i->state = INSTANCE_RUNNING; /* until the shim says otherwise, or there is none */
    } else if (i->last.set) {        /* it waited for a restart: what is "last" there is our end */
        i->end = i->last;
        i->last = (struct instance_end){0};
        i->state = INSTANCE_EXITED;
    }
}

void status_restore(struct worker *w, const struct pod_status *s)
{
    if (s->start_time)
        w->start_ns = parse_time(s->start_time);
    for (size_t i = 0; i < s->init_container_statuses.n; i++)
        restore_container(w, &s->init_container_statuses.v[i]);
    for (size_t i = 0; i < s->container_statuses.n; i++)
        restore_container(w, &s->container_statuses.v[i]);
    for (size_t i = 0; i < s->ephemeral_container_statuses.n; i++)
        restore_container(w, &s->ephemeral_container_statuses.v[i]);
}

void status_restore_api(struct worker *w, const struct pod_status *s)
{
    status_restore(w, s);
    if (is(s->phase, "Succeeded") || is(s->phase, "Failed")) {
        w->terminal = w->keep_status = true;
        w->attempted_before = true;
    }
    for (size_t i = 0; i < w->n_instances; i++) {
        struct instance *x = w->instances[i];
        w->attempted_before |= x->attempted;
        if (!plan_is_live(x->state))
            continue;
        instance_end_set(&x->end, 137, 0, "ContainerStatusUnknown",
            "The container could not be located when the pod was terminated", x->cid, x->started_ns,
            clock_now_ns());
        x->state = INSTANCE_EXITED;
    }
}
