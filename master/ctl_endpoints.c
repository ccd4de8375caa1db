/*
 * Endpoints and EndpointSlices follow Services and the Pods they select. A change of a Service, of its
 * Endpoints, or of a Pod that it selects puts the Service into the queue; follow() compares what should be
 * with what is and writes the difference. default/kubernetes is left alone: the master writes its Endpoints
 * itself.
 */
#include "master/ctl.h"
#include "master/ctl_endpoints_plan.h"
#include "master/ctl_queue.h"
#include "master/ctl_replication_plan.h"

#include "lib/mem.h"
#include "master/change.h"
#include "master/status.h"
#include <stdlib.h>
#include <string.h>

struct endpoints {
    struct cluster *cluster;
    struct ctl_queue *queue;
    struct registry_watch *service_watch, *pod_watch, *endpoints_watch, *slice_watch;
};

static bool is_ours(const char *ns, const char *name)
{
    return strcmp(ns, "default") != 0 || strcmp(name, "kubernetes") != 0;
}

static bool read_selector(struct arena *a, const struct json *service, struct str_map *ret)
{
    const struct json *selector = json_at(service, "spec", "selector", NULL);
    *ret = (struct str_map){0};
    ret->v = arena_array(a, selector && selector->type == JSON_OBJECT ? selector->n : 0, sizeof(*ret->v));
    json_each_member (s, selector)
        if (json_str(&s->value))
            ret->v[ret->n++] = (struct str_pair){s->name, json_str(&s->value)};
    return ret->n > 0;
}

/* --- whom a change concerns */

struct pod_change {
    struct endpoints *e;
    const struct object *before, *now;
};

static bool offer(void *arg, const struct object *service)
{
    const struct pod_change *c = arg;
    auto_arena *a = arena_new();
    struct str_map selector;
    if (!read_selector(a, object_tree(a, service), &selector))
        return true;
    if ((c->before && replication_selects(&selector, &c->before->labels)) ||
        (c->now && replication_selects(&selector, &c->now->labels)))
        ctl_queue_add(c->e->queue, service->ns, service->name);
    return true;
}

static void on_pod(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    (void)rev;
    struct endpoints *e = arg;
    struct pod_change c = {e, before, now};
    registry_each(e->cluster->registry, KIND_SERVICE, (now ? now : before)->ns, offer, &c);
}

static void on_service(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    (void)rev;
    struct endpoints *e = arg;
    const struct object *o = now ? now : before;
    ctl_queue_add(e->queue, o->ns, o->name);
}

static void on_slice(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    (void)rev;
    struct endpoints *e = arg;
    const struct object *o = now ? now : before;
    const char *service = str_map_get(&o->labels, ENDPOINTS_SERVICE_LABEL);
    if (service)
        ctl_queue_add(e->queue, o->ns, service);
}

/* --- what is, what should be, and the difference */

static void on_written(void *arg, const struct change_result *res)
{
    ctl_queue_release(arg, res->failure != NULL && res->failure->code != 404);
}

struct selected {
    struct arena *a;
    const struct str_map *selector;
    struct pod **pods;
    size_t n, room;
};

static bool select_pod(void *arg, const struct object *o)
{
    struct selected *s = arg;
    if (!replication_selects(s->selector, &o->labels))
        return true;
    struct pod *pod = arena_new_obj(s->a, struct pod);
    struct err *e = fields_decode(&pod_fields, s->a, object_tree(s->a, o), pod);
    bool usable = !e && pod->metadata && pod->spec && pod->status && pod->status->pod_ip &&
                  *pod->status->pod_ip && !pod_is_terminal(pod);
    err_free(e);
    if (!usable)
        return true;
    if (s->n == s->room) {
        size_t room = s->room ? s->room * 2 : 16;
        struct pod **grown = arena_array(s->a, room, sizeof(struct pod *));
        if (s->n)
            memcpy(grown, s->pods, s->n * sizeof(struct pod *));
        s->pods = grown;
        s->room = room;
    }
    s->pods[s->n++] = pod;
    return true;
}

static bool same_member(const struct json *a, const struct json *b, const char *name)
{
    const struct json *x = json_get(a, name), *y = json_get(b, name);
    return (!x && !y) || (x && y && json_equal(x, y));
}

/* Equal in what we decide; what others wrote besides (annotations) stays. */
static bool is_as_wanted(const struct json *is, const struct json *want)
{
    static const char *const decided[] = {"subsets", "endpoints", "ports", "addressType"};
    for (size_t i = 0; i < ARRAY_SIZE(decided); i++)
        if (!same_member(is, want, decided[i]))
            return false;
    return same_member(json_get(is, "metadata"), json_get(want, "metadata"), "labels");
}

static void bring_to(struct endpoints *e, struct arena *a, const struct object *service, enum kind_id kind,
    const struct json *want)
{
    const char *name = json_str(json_at(want, "metadata", "name", NULL));
    const struct object *is = registry_get(e->cluster->registry, kind, service->ns, name);
    if (!is) {
        change_create(e->cluster, kind, service->ns, want, on_written,
            ctl_queue_hold(e->queue, service->ns, service->name));
        return;
    }
    const struct json *tree = object_tree(a, is), *next = tree;
    if (is_as_wanted(tree, want))
        return;
    json_each_member (m, want)
        if (strcmp(m->name, "metadata") != 0)
            next = json_with(a, next, m->name, &m->value);
    if (!json_get(want, "subsets") && kind == KIND_ENDPOINTS)
        next = json_with(a, next, "subsets", NULL);
    next = json_with_at(a, next, json_at(want, "metadata", "labels", NULL), "metadata", "labels", NULL);
    change_update(
        e->cluster, kind, SUB_NONE, next, on_written, ctl_queue_hold(e->queue, service->ns, service->name));
}

/* Slices of this Service that carry our mark and are not among the wanted ones. */
struct surplus {
    struct endpoints *e;
    struct arena *a;
    const char *service;
    const struct endpoints_plan *plan;
    const char **names, **uids;
    size_t n, room;
};

static bool find_surplus(void *arg, const struct object *o)
{
    struct surplus *s = arg;
    const char *of = str_map_get(&o->labels, ENDPOINTS_SERVICE_LABEL),
               *manager = str_map_get(&o->labels, ENDPOINTS_MANAGER_LABEL);
    bool managed =
        manager && (strcmp(manager, ENDPOINTS_MANAGER) == 0 || strcmp(manager, ENDPOINTS_MIRROR) == 0);
    if (!of || strcmp(of, s->service) != 0 || !managed)
        return true;
    for (size_t i = 0; i < s->plan->n_slices; i++)
        if (strcmp(json_str(json_at(s->plan->slices[i], "metadata", "name", NULL)), o->name) == 0)
            return true;
    if (s->n < s->room) {
        s->names[s->n] = arena_strdup(s->a, o->name);
        s->uids[s->n++] = arena_strdup(s->a, o->uid);
    }
    return true;
}

static void remove_surplus(struct endpoints *e, struct arena *a, const char *ns, const char *service,
    const struct endpoints_plan *plan)
{
    size_t room = registry_count(e->cluster->registry, KIND_ENDPOINT_SLICE);
    struct surplus s = {e, a, service, plan, arena_array(a, room, sizeof(char *)),
        arena_array(a, room, sizeof(char *)), 0, room};
    registry_each(e->cluster->registry, KIND_ENDPOINT_SLICE, ns, find_surplus, &s);
    for (size_t i = 0; i < s.n; i++)
        change_delete(e->cluster, KIND_ENDPOINT_SLICE, ns, s.names[i], s.uids[i], 0, on_written,
            ctl_queue_hold(e->queue, ns, service));
}

static void forget(struct endpoints *e, struct arena *a, const char *ns, const char *name)
{
    const struct endpoints_plan nothing = {0};
    const struct object *left = registry_get(e->cluster->registry, KIND_ENDPOINTS, ns, name);
    remove_surplus(e, a, ns, name, &nothing);
    if (left && !left->deleting)
        change_delete(e->cluster, KIND_ENDPOINTS, ns, name, left->uid, 0, on_written,
            ctl_queue_hold(e->queue, ns, name));
}

static void follow(void *arg, const char *ns, const char *name)
{
    struct endpoints *e = arg;
    auto_arena *a = arena_new();
    const struct object *service = registry_get(e->cluster->registry, KIND_SERVICE, ns, name);
    if (!is_ours(ns, name))
        return;
    if (!service || service->deleting) {
        forget(e, a, ns, name);
        return;
    }
    object_ref(service);
    const struct json *tree = object_tree(a, service);
    const char *type = json_str(json_at(tree, "spec", "type", NULL));
    struct str_map selector;
    struct endpoints_plan plan = {0};
    if (type && strcmp(type, "ExternalName") == 0) {
        forget(e, a, ns, name);
    } else if (read_selector(a, tree, &selector)) {
        struct selected s = {.a = a, .selector = &selector};
        registry_each(e->cluster->registry, KIND_POD, ns, select_pod, &s);
        endpoints_plan(a, tree, s.pods, s.n, &plan);
        bring_to(e, a, service, KIND_ENDPOINTS, plan.endpoints);
    } else {
        const struct object *by_hand = registry_get(e->cluster->registry, KIND_ENDPOINTS, ns, name);
        if (by_hand)
            endpoints_mirror(a, tree, object_tree(a, by_hand), &plan);
    }
    for (size_t i = 0; i < plan.n_slices; i++)
        bring_to(e, a, service, KIND_ENDPOINT_SLICE, plan.slices[i]);
    remove_surplus(e, a, ns, name, &plan);
    object_unref(service);
}

/* --- starting and stopping */

static bool first(void *arg, const struct object *o)
{
    struct endpoints *e = arg;
    ctl_queue_add(e->queue, o->ns, o->name);
    return true;
}

struct endpoints *endpoints_start(struct cluster *c)
{
    struct endpoints *e = mem_new(struct endpoints);
    e->cluster = c;
    e->queue = ctl_queue_new(c->loop, follow, e);
    e->service_watch = registry_watch(c->registry, KIND_SERVICE, on_service, e);
    e->endpoints_watch = registry_watch(c->registry, KIND_ENDPOINTS, on_service, e); /* of the same name */
    e->slice_watch = registry_watch(c->registry, KIND_ENDPOINT_SLICE, on_slice, e);
    e->pod_watch = registry_watch(c->registry, KIND_POD, on_pod, e);
    registry_each(c->registry, KIND_SERVICE, NULL, first, e);
    return e;
}

void endpoints_stop(struct endpoints *e)
{
    if (!e)
        return;
    registry_unwatch(e->service_watch);
    registry_unwatch(e->endpoints_watch);
    registry_unwatch(e->slice_watch);
    registry_unwatch(e->pod_watch);
    ctl_queue_free(e->queue);
    free(e);
}
