/*
 * The scheduler: Pods without a node come in by the registry's watch, bindings go out. It keeps, per node,
 * what its Pods ask for, and counts a Pod from the moment it decides, so that a turn of the loop places many
 * Pods without overfilling a node.
 */
#include "master/ctl.h"
#include "master/ctl_event.h"
#include "master/sched_plan.h"

#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "master/change.h"
#include <search.h>
#include <stdlib.h>
#include <string.h>

#define COMPONENT "default-scheduler"

enum { RETRY_MS = 1000 };

/* A Pod that takes room on a node. */
struct placed {
    char *uid;
    struct sched_pod *needs;
    char *node;
};
/* A Pod that waits for a node. */
struct pending {
    char *ns, *name, *uid, *message; /* why it waits: told once */
    bool binding;
    int64_t not_before; /* monotonic ms: a binding that failed is tried again after a pause */
    struct pending *next;
};

struct scheduler {
    struct cluster *cluster;
    struct sched_node **nodes;
    size_t n_nodes, room;
    void *placed; /* tsearch(3) tree by uid */
    struct pending *pending, **last;
    struct deferred *soon;
    struct timer *later;
    struct registry_watch *node_watch, *pod_watch;
};

/* --- what is known of the nodes */

static struct sched_node *find_node(struct scheduler *s, const char *name)
{
    for (size_t i = 0; i < s->n_nodes; i++)
        if (strcmp(s->nodes[i]->name, name) == 0)
            return s->nodes[i];
    return NULL;
}

static int by_uid(const void *a, const void *b)
{
    return strcmp(((const struct placed *)a)->uid, ((const struct placed *)b)->uid);
}

static struct placed *find_placed(struct scheduler *s, const char *uid)
{
    struct placed probe = {.uid = (char *)uid};
    void *found = tfind(&probe, &s->placed, by_uid);
    return found ? *(struct placed **)found : NULL;
}

static void node_take(struct sched_node *n, struct sched_pod *p)
{
    if (n->n_pods == n->room) {
        n->room = n->room ? n->room * 2 : 16;
        n->pods = mem_realloc(n->pods, n->room, sizeof(*n->pods));
    }
    n->pods[n->n_pods++] = p;
    n->cpu += p->cpu;
    n->memory += p->memory;
}

static void node_release(struct sched_node *n, const struct sched_pod *p)
{
    for (size_t i = 0; i < n->n_pods; i++)
        if (n->pods[i] == p) {
            n->pods[i] = n->pods[--n->n_pods];
            n->cpu -= p->cpu;
            n->memory -= p->memory;
            return;
        }
}

/* A Pod may be known before its node is (at the start, or a node that comes back). */
static void place(struct scheduler *s, struct sched_pod *needs, const char *node)
{
    struct placed *p = mem_new(struct placed);
    *p = (struct placed){mem_strdup(needs->uid), needs, mem_strdup(node)};
    if (!tsearch(p, &s->placed, by_uid))
        abort();
    struct sched_node *n = find_node(s, node);
    if (n)
        node_take(n, needs);
}

static void free_placed(void *placed)
{
    struct placed *p = placed;
    sched_pod_free(p->needs);
    free(p->uid);
    free(p->node);
    free(p);
}

static void unplace(struct scheduler *s, const char *uid)
{
    struct placed *p = find_placed(s, uid);
    if (!p)
        return;
    struct sched_node *n = find_node(s, p->node);
    if (n)
        node_release(n, p->needs);
    tdelete(p, &s->placed, by_uid);
    free_placed(p);
    deferred_call(s->soon); /* room for somebody who waits */
}

static void drop_node(struct scheduler *s, const char *name)
{
    for (size_t i = 0; i < s->n_nodes; i++)
        if (strcmp(s->nodes[i]->name, name) == 0) {
            arena_free(s->nodes[i]->arena);
            free(s->nodes[i]->pods);
            free(s->nodes[i]);
            s->nodes[i] = s->nodes[--s->n_nodes];
            return;
        }
}

/* twalk_r(3) has no way out but its argument. */
struct collect {
    struct sched_node *node;
};
static void collect_pods(const void *at, VISIT which, void *arg)
{
    const struct placed *p = *(struct placed *const *)at;
    struct collect *c = arg;
    if ((which == postorder || which == leaf) && strcmp(p->node, c->node->name) == 0)
        node_take(c->node, p->needs);
}

static void add_node(struct scheduler *s, const struct object *o)
{
    struct sched_node *n = mem_new(struct sched_node);
    n->arena = arena_new();
    n->node = arena_new_obj(n->arena, struct node);
    struct err *e = fields_decode(&node_fields, n->arena, object_tree(n->arena, o), n->node);
    if (e || !n->node->metadata || !n->node->status) { /* not a node to put anything on */
        err_free(e);
        arena_free(n->arena);
        free(n);
        return;
    }
    n->name = n->node->metadata->name;
    if (s->n_nodes == s->room) {
        s->room = s->room ? s->room * 2 : 8;
        s->nodes = mem_realloc(s->nodes, s->room, sizeof(struct sched_node *));
    }
    s->nodes[s->n_nodes++] = n;
    twalk_r(s->placed, collect_pods, &(struct collect){n});
}

static void on_node(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    (void)rev;
    struct scheduler *s = arg;
    if (before)
        drop_node(s, before->name);
    if (now)
        add_node(s, now);
    deferred_call(s->soon);
}

/* --- Pods */

static void free_pending(struct pending *p)
{
    free(p->ns);
    free(p->name);
    free(p->uid);
    free(p->message);
    free(p);
}

static struct pending **find_pending(struct scheduler *s, const char *uid)
{
    for (struct pending **p = &s->pending; *p; p = &(*p)->next)
        if (strcmp((*p)->uid, uid) == 0)
            return p;
    return NULL;
}

static void forget_pending(struct scheduler *s, const char *uid)
{
    struct pending **at = find_pending(s, uid);
    if (!at)
        return;
    struct pending *p = *at;
    *at = p->next;
    if (s->last == &p->next)
        s->last = at;
    free_pending(p);
}

static void remember_pending(struct scheduler *s, const struct object *o)
{
    if (find_pending(s, o->uid))
        return;
    struct pending *p = mem_new(struct pending);
    *p = (struct pending){.ns = mem_strdup(o->ns), .name = mem_strdup(o->name), .uid = mem_strdup(o->uid)};
    *s->last = p;
    s->last = &p->next;
}

static bool is_terminal(const struct object *o)
{
    const char *phase = object_field(o, "status.phase");
    return phase && (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0);
}

/* The Pod, typed; NULL where it cannot be (the API admits no such Pod; a broken one must not stop the
 * others). */
static struct pod *read_pod(struct arena *a, const struct object *o)
{
    struct pod *pod = arena_new_obj(a, struct pod);
    struct err *e = fields_decode(&pod_fields, a, object_tree(a, o), pod);
    bool good = !e && pod->metadata && pod->spec;
    err_free(e);
    return good ? pod : NULL;
}

static void on_pod(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    (void)rev;
    struct scheduler *s = arg;
    const struct object *o = now ? now : before;
    const char *node = now ? object_field(now, "spec.nodeName") : NULL;
    if (!now || is_terminal(now)) {
        forget_pending(s, o->uid);
        unplace(s, o->uid);
    } else if (node && *node) {
        forget_pending(s, o->uid);
        if (find_placed(s, o->uid))
            return;
        auto_arena *a = arena_new();
        struct pod *pod = read_pod(a, now);
        if (pod)
            place(s, sched_pod_new(pod), node);
    } else if (!now->deleting) {
        const char *scheduler = object_field(now, "spec.schedulerName");
        if (scheduler && strcmp(scheduler, COMPONENT) == 0)
            remember_pending(s, now);
        deferred_call(s->soon);
    } else {
        forget_pending(s, o->uid);
    }
}

/* --- deciding */

static void write_condition(struct scheduler *s, const struct object *o, const char *message)
{
    char when[CLOCK_TEXT];
    auto_buf patch = BUF_INIT(32 * 1024);
    struct json_out out = {.buf = &patch};
    clock_rfc3339(clock_now_ns(), when);
    json_out_object(&out, NULL);
    json_out_object(&out, "status");
    json_out_array(&out, "conditions");
    json_out_object(&out, NULL);
    json_out_str(&out, "type", "PodScheduled");
    json_out_str(&out, "status", "False");
    json_out_str(&out, "reason", "Unschedulable");
    json_out_str(&out, "message", message);
    json_out_null(&out, "lastProbeTime");
    json_out_str(&out, "lastTransitionTime", when);
    json_out_end_object(&out);
    json_out_end_array(&out);
    json_out_end_object(&out);
    json_out_end_object(&out);
    change_patch(s->cluster, KIND_POD, SUB_STATUS, o->ns, o->name, buf_str(&patch), NULL, NULL);
}

static void tell_why_not(struct scheduler *s, struct pending *p, const struct object *o, const char *message)
{
    if (p->message && strcmp(p->message, message) == 0)
        return;
    free(p->message);
    p->message = mem_strdup(message);
    write_condition(s, o, message);
    ctl_event(s->cluster, o, COMPONENT, CTL_WARNING, "FailedScheduling", "%s", message);
}

struct binding {
    struct scheduler *scheduler;
    char *uid, *node;
};

static void on_bound(void *arg, const struct change_result *r)
{
    struct binding *b = arg;
    struct scheduler *s = b->scheduler;
    struct pending **p = find_pending(s, b->uid);
    if (p)
        (*p)->binding = false;
    if (r->failure) {
        if (p)
            (*p)->not_before = clock_mono_ms() + RETRY_MS;
        timer_start(s->later, RETRY_MS);
        unplace(s, b->uid);
    } else if (r->object) {
        ctl_event(s->cluster, r->object, COMPONENT, CTL_NORMAL, "Scheduled",
            "Successfully assigned %s/%s to %s", r->object->ns, r->object->name, b->node);
    }
    free(b->uid);
    free(b->node);
    free(b);
}

static void bind_pod(struct scheduler *s, struct pending *p, struct sched_pod *needs, const char *node)
{
    struct binding *b = mem_new(struct binding);
    *b = (struct binding){s, mem_strdup(p->uid), mem_strdup(node)};
    auto_free char *ns = mem_strdup(p->ns), *name = mem_strdup(p->name);
    p->binding = true;
    place(s, needs, node);
    change_bind(s->cluster, ns, name, b->uid, b->node, on_bound, b); /* may drop p */
}

static void schedule_one(struct scheduler *s, struct pending *p)
{
    const struct object *o = registry_get(s->cluster->registry, KIND_POD, p->ns, p->name);
    if (!o || strcmp(o->uid, p->uid) != 0 || p->binding || p->not_before > clock_mono_ms())
        return;
    auto_arena *a = arena_new();
    struct pod *pod = read_pod(a, o);
    if (!pod || (pod->spec->scheduling_gates && pod->spec->scheduling_gates->n))
        return;
    struct sched_pod *needs = sched_pod_new(pod);
    const char *message = NULL;
    const struct sched_node *n = sched_choose(a, s->nodes, s->n_nodes, pod, needs, &message);
    if (n) {
        bind_pod(s, p, needs, n->name);
        return;
    }
    sched_pod_free(needs);
    tell_why_not(s, p, o, message);
}

static void schedule_all(void *arg)
{
    struct scheduler *s = arg;
    struct pending *next;
    for (struct pending *p = s->pending; p; p = next) {
        next = p->next;
        schedule_one(s, p);
    }
}

/* --- starting and stopping */

static bool first_node(void *arg, const struct object *o)
{
    on_node(arg, NULL, o, 0);
    return true;
}

static bool first_pod(void *arg, const struct object *o)
{
    on_pod(arg, NULL, o, 0);
    return true;
}

struct scheduler *sched_start(struct cluster *c)
{
    struct scheduler *s = mem_new(struct scheduler);
    s->cluster = c;
    s->last = &s->pending;
    s->soon = deferred_new(c->loop, schedule_all, s);
    s->later = timer_new(c->loop, schedule_all, s);
    registry_each(c->registry, KIND_NODE, NULL, first_node, s);
    registry_each(c->registry, KIND_POD, NULL, first_pod, s);
    s->node_watch = registry_watch(c->registry, KIND_NODE, on_node, s);
    s->pod_watch = registry_watch(c->registry, KIND_POD, on_pod, s);
    return s;
}

void sched_stop(struct scheduler *s)
{
    if (!s)
        return;
    registry_unwatch(s->node_watch);
    registry_unwatch(s->pod_watch);
    deferred_free(s->soon);
    timer_free(s->later);
    while (s->n_nodes)
        drop_node(s, s->nodes[0]->name);
    while (s->pending)
        forget_pending(s, s->pending->uid);
    tdestroy(s->placed, free_placed);
    free(s->nodes);
    free(s);
}
