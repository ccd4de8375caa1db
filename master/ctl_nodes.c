/*
 * Node life cycle. A kubelet renews its node's Lease; when that stops for longer than the grace period, the
 * node's conditions become Unknown, it is tainted, its Pods count as not ready, and those that do not
 * tolerate the taint (any longer) are deleted, so that their controllers replace them. Silence is measured by
 * our own clock from the moment a renewal was seen: a node's clock may be wrong, and after a restart of the
 * master every node has the whole period again. One timer, armed for the next moment at which something is
 * due.
 */
#include "master/ctl.h"
#include "master/ctl_event.h"
#include "master/ctl_nodes_plan.h"
#include "master/ctl_queue.h"

#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "master/change.h"
#include "master/status.h"
#include <stdlib.h>
#include <string.h>

#define COMPONENT "node-controller"

enum { NODELESS_MS = 40000 }; /* a Pod may be on a node that is not there for so long */

struct seen {
    char *name, *renewed;
    int64_t at_ms; /* monotonic */
    struct seen *next;
};

struct node_life {
    struct cluster *cluster;
    struct ctl_queue *queue; /* of nodes */
    struct seen *seen;
    struct timer *timer;
    int64_t due_ms; /* monotonic; of the timer */
    struct registry_watch *node_watch, *lease_watch, *pod_watch;
};

static void call_at(struct node_life *n, int64_t ms)
{
    int64_t now = clock_mono_ms(), wait = ms > now ? ms - now : 0;
    if (timer_is_armed(n->timer) && n->due_ms <= ms)
        return;
    n->due_ms = ms;
    timer_start(n->timer, (uint64_t)wait + 1);
}

/* --- renewals */

static struct seen *seen_get(struct node_life *n, const char *name)
{
    for (struct seen *s = n->seen; s; s = s->next)
        if (strcmp(s->name, name) == 0)
            return s;
    struct seen *s = mem_new(struct seen);
    *s = (struct seen){mem_strdup(name), NULL, clock_mono_ms(), n->seen};
    n->seen = s;
    return s;
}

static void seen_forget(struct node_life *n, const char *name)
{
    for (struct seen **at = &n->seen; *at; at = &(*at)->next)
        if (strcmp((*at)->name, name) == 0) {
            struct seen *s = *at;
            *at = s->next;
            free(s->name);
            free(s->renewed);
            free(s);
            return;
        }
}

static void on_lease(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    (void)before;
    (void)rev;
    struct node_life *n = arg;
    if (!now || strcmp(now->ns, NODE_LEASE_NAMESPACE) != 0)
        return;
    auto_arena *a = arena_new();
    const char *renewed = json_str(json_at(object_tree(a, now), "spec", "renewTime", NULL));
    struct seen *s = seen_get(n, now->name);
    if (!renewed || (s->renewed && strcmp(s->renewed, renewed) == 0))
        return;
    bool was_silent = clock_mono_ms() - s->at_ms > n->cluster->node_grace_ms;
    free(s->renewed);
    s->renewed = mem_strdup(renewed);
    s->at_ms = clock_mono_ms();
    if (was_silent)
        ctl_queue_add(n->queue, "", now->name);
}

static void on_node(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    (void)rev;
    struct node_life *n = arg;
    if (!now)
        seen_forget(n, before->name);
    ctl_queue_add(n->queue, "", (now ? now : before)->name);
}

/* --- Pods of a node */

static void on_written(void *arg, const struct change_result *res)
{
    ctl_queue_release(arg, res->failure != NULL && res->failure->code != 404);
}

struct sweep {
    struct node_life *life;
    const char *node;
    bool lost; /* mark its Pods not ready */
    const struct taint *taints;
    size_t n_taints;
    struct arena *a;
    const struct object **evict, **unready;
    size_t n_evict, n_unready, room;
    int64_t next_ns; /* when the next Pod has to leave; 0: none */
};

static bool is_ready(const struct json *tree)
{
    json_each_item (c, json_at(tree, "status", "conditions", NULL)) {
        const char *type = json_str(json_get(c, "type")), *status = json_str(json_get(c, "status"));
        if (type && status && strcmp(type, "Ready") == 0)
            return strcmp(status, "True") == 0;
    }
    return false;
}

static bool sweep_pod(void *arg, const struct object *o)
{
    struct sweep *s = arg;
    const char *node = object_field(o, "spec.nodeName"), *phase = object_field(o, "status.phase");
    bool ended = phase && (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0);
    if (!node || strcmp(node, s->node) != 0 || ended)
        return true;
    const struct json *tree = object_tree(s->a, o);
    if (s->lost && is_ready(tree))
        s->unready[s->n_unready++] = object_ref(o);
    struct pod_spec spec;
    struct err *e = fields_decode(&pod_spec_fields, s->a, json_get(tree, "spec"), &spec);
    int64_t at = e ? NODES_STAY : nodes_evict_at(&spec, s->taints, s->n_taints);
    err_free(e);
    if (o->deleting || at == NODES_STAY)
        return true;
    if (at <= clock_now_ns())
        s->evict[s->n_evict++] = object_ref(o);
    else if (s->next_ns == 0 || at < s->next_ns)
        s->next_ns = at;
    return true;
}

/* Ready becomes False, so that Services lead elsewhere: nobody can tell how the Pod is. */
static void mark_unready(struct node_life *n, struct arena *a, const struct object *pod, const char *now)
{
    const struct json *tree = object_tree(a, pod), *list = &json_empty_array;
    json_each_item (c, json_at(tree, "status", "conditions", NULL)) {
        const char *type = json_str(json_get(c, "type"));
        const struct json *next = c;
        if (type && strcmp(type, "Ready") == 0) {
            next = json_with(a, next, "status", json_new_str(a, "False"));
            next = json_with(a, next, "lastTransitionTime", json_new_str(a, now));
        }
        list = json_append(a, list, next);
    }
    change_update(n->cluster, KIND_POD, SUB_STATUS, json_with_at(a, tree, list, "status", "conditions", NULL),
        NULL, NULL);
    ctl_event(n->cluster, pod, COMPONENT, CTL_WARNING, "NodeNotReady", "Node is not ready");
}

static bool has_to_be_left(const struct node *node)
{
    for (size_t i = 0; node->spec && i < node->spec->taints.n; i++)
        if (node->spec->taints.v[i].effect && strcmp(node->spec->taints.v[i].effect, "NoExecute") == 0)
            return true;
    return false;
}

static void sweep(struct node_life *n, struct arena *a, const struct node *node, bool lost, const char *now)
{
    if (!lost && !has_to_be_left(node))
        return;
    size_t room = registry_count(n->cluster->registry, KIND_POD);
    struct sweep s = {.life = n,
        .node = node->metadata->name,
        .lost = lost,
        .a = a,
        .room = room,
        .evict = arena_array(a, room, sizeof(struct object *)),
        .unready = arena_array(a, room, sizeof(struct object *))};
    if (node->spec) {
        s.taints = node->spec->taints.v;
        s.n_taints = node->spec->taints.n;
    }
    registry_each(n->cluster->registry, KIND_POD, NULL, sweep_pod, &s);
    for (size_t i = 0; i < s.n_unready; i++) {
        mark_unready(n, a, s.unready[i], now);
        object_unref(s.unready[i]);
    }
    for (size_t i = 0; i < s.n_evict; i++) {
        ctl_event(n->cluster, s.evict[i], "taint-eviction-controller", CTL_NORMAL, "TaintManagerEviction",
            "Marking for deletion Pod %s/%s", s.evict[i]->ns, s.evict[i]->name);
        change_delete(n->cluster, KIND_POD, s.evict[i]->ns, s.evict[i]->name, s.evict[i]->uid, -1, on_written,
            ctl_queue_hold(n->queue, "", s.node));
        object_unref(s.evict[i]);
    }
    if (s.next_ns)
        call_at(n, clock_mono_ms() + (s.next_ns - clock_now_ns()) / 1000000);
}

/* Pods on a node that is not there (any longer) will never be confirmed by anybody. */
static bool find_nodeless(void *arg, const struct object *o)
{
    struct sweep *s = arg;
    const char *node = object_field(o, "spec.nodeName");
    if (node && strcmp(node, s->node) == 0)
        s->evict[s->n_evict++] = object_ref(o);
    return true;
}

static void sweep_nodeless(struct node_life *n, const char *name)
{
    struct seen *s = seen_get(n, name); /* since when it is missing */
    if (clock_mono_ms() - s->at_ms < NODELESS_MS) {
        call_at(n, s->at_ms + NODELESS_MS);
        return;
    }
    auto_arena *a = arena_new();
    size_t room = registry_count(n->cluster->registry, KIND_POD);
    struct sweep found = {.node = name, .evict = arena_array(a, room, sizeof(struct object *))};
    registry_each(n->cluster->registry, KIND_POD, NULL, find_nodeless, &found);
    for (size_t i = 0; i < found.n_evict; i++) {
        const struct object *pod = found.evict[i];
        change_delete(n->cluster, KIND_POD, pod->ns, pod->name, pod->uid, 0, on_written,
            ctl_queue_hold(n->queue, "", name));
        object_unref(pod);
    }
    seen_forget(n, name);
}

/* --- one node */

static void write_node(struct node_life *n, const struct object *o, enum sub_id sub, const struct json *tree)
{
    change_update(n->cluster, KIND_NODE, sub, tree, on_written, ctl_queue_hold(n->queue, "", o->name));
}

static void look_at(void *arg, const char *ns, const char *name)
{
    (void)ns;
    struct node_life *n = arg;
    const struct object *o = registry_get(n->cluster->registry, KIND_NODE, "", name);
    if (!o) {
        sweep_nodeless(n, name);
        return;
    }
    auto_arena *a = arena_new();
    char now[CLOCK_TEXT];
    clock_rfc3339(clock_now_ns(), now);
    object_ref(o);
    const struct json *tree = object_tree(a, o);
    int64_t silent_at = seen_get(n, name)->at_ms + n->cluster->node_grace_ms;
    bool lost = clock_mono_ms() > silent_at;
    const struct json *conditions = lost ? nodes_lost_conditions(a, tree, now) : NULL;
    const struct json *taints = conditions ? NULL : nodes_taints(a, tree, now);
    struct node node;
    struct err *e = fields_decode(&node_fields, a, tree, &node);
    if (conditions) {
        ctl_event(n->cluster, o, COMPONENT, CTL_NORMAL, "NodeNotReady", "Node %s status is now: NodeNotReady",
            name);
        write_node(n, o, SUB_STATUS, json_with_at(a, tree, conditions, "status", "conditions", NULL));
    } else if (taints) {
        write_node(n, o, SUB_NONE, json_with_at(a, tree, taints, "spec", "taints", NULL));
    } else if (!e && node.metadata) {
        sweep(n, a, &node, lost, now);
    }
    err_free(e);
    if (!lost)
        call_at(n, silent_at + 1);
    object_unref(o);
}

static bool look_at_each(void *arg, const struct object *o)
{
    struct node_life *n = arg;
    ctl_queue_add(n->queue, "", o->name);
    return true;
}

static bool look_at_missing(void *arg, const struct object *o)
{
    struct node_life *n = arg;
    const char *node = object_field(o, "spec.nodeName");
    if (node && *node && !registry_get(n->cluster->registry, KIND_NODE, "", node))
        ctl_queue_add(n->queue, "", node);
    return true;
}

static void look_at_all(void *arg)
{
    struct node_life *n = arg;
    registry_each(n->cluster->registry, KIND_NODE, NULL, look_at_each, n);
    registry_each(n->cluster->registry, KIND_POD, NULL, look_at_missing, n);
}

/* A Pod that came to a node which has to be left, or is not there. */
static void on_pod(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    (void)rev;
    struct node_life *n = arg;
    const char *was = before ? object_field(before, "spec.nodeName") : NULL,
               *is = now ? object_field(now, "spec.nodeName") : NULL;
    if (is && *is && (!was || strcmp(was, is) != 0))
        ctl_queue_add(n->queue, "", is);
}

struct node_life *node_life_start(struct cluster *c)
{
    struct node_life *n = mem_new(struct node_life);
    n->cluster = c;
    n->queue = ctl_queue_new(c->loop, look_at, n);
    n->timer = timer_new(c->loop, look_at_all, n);
    n->node_watch = registry_watch(c->registry, KIND_NODE, on_node, n);
    n->lease_watch = registry_watch(c->registry, KIND_LEASE, on_lease, n);
    n->pod_watch = registry_watch(c->registry, KIND_POD, on_pod, n);
    look_at_all(n);
    return n;
}

void node_life_stop(struct node_life *n)
{
    if (!n)
        return;
    registry_unwatch(n->node_watch);
    registry_unwatch(n->lease_watch);
    registry_unwatch(n->pod_watch);
    timer_free(n->timer);
    ctl_queue_free(n->queue);
    while (n->seen)
        seen_forget(n, n->seen->name);
    free(n);
}
