/*
 * ReplicationControllers: a change of one, or of a Pod that is its own or could be, puts its key into the
 * queue; replicate() makes the number right, both ways, and writes the status. A key is held while its writes
 * are under way, so that no Pod is counted missing that is on its way already.
 */
#include "master/ctl.h"
#include "master/ctl_event.h"
#include "master/ctl_queue.h"
#include "master/ctl_replication_plan.h"

#include "lib/api/pod.h"
#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "master/change.h"
#include "master/status.h"
#include <stdlib.h>
#include <string.h>

#define COMPONENT "replication-controller"

struct replication {
    struct cluster *cluster;
    struct ctl_queue *queue;
    struct timer *recheck; /* minReadySeconds of some Pod end */
    struct registry_watch *rc_watch, *pod_watch;
};

/* --- whom a change concerns */

struct orphan {
    struct replication *r;
    const struct object *pod;
};

static struct str_map selector_of(struct arena *a, const struct object *rc)
{
    struct str_map m = {0};
    const struct json *selector = json_at(object_tree(a, rc), "spec", "selector", NULL);
    if (!selector || selector->type != JSON_OBJECT)
        return m;
    m.v = arena_array(a, selector->n, sizeof(*m.v));
    json_each_member (s, selector)
        if (json_str(&s->value))
            m.v[m.n++] = (struct str_pair){s->name, json_str(&s->value)};
    return m;
}

static bool offer_orphan(void *arg, const struct object *rc)
{
    struct orphan *o = arg;
    auto_arena *a = arena_new();
    struct str_map selector = selector_of(a, rc);
    if (replication_selects(&selector, &o->pod->labels))
        ctl_queue_add(o->r->queue, rc->ns, rc->name);
    return true;
}

static void concerns(struct replication *r, const struct object *pod)
{
    const struct object_owner *owner = object_controller(pod);
    if (owner && strcmp(owner->kind, "ReplicationController") == 0)
        ctl_queue_add(r->queue, pod->ns, owner->name);
    else if (!owner && !pod->deleting)
        registry_each(r->cluster->registry, KIND_REPLICATION_CONTROLLER, pod->ns, offer_orphan,
            &(struct orphan){r, pod});
}

static void on_pod(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    (void)rev;
    if (before)
        concerns(arg, before);
    if (now)
        concerns(arg, now);
}

static void on_rc(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    (void)rev;
    struct replication *r = arg;
    (void)before;
    if (now)
        ctl_queue_add(r->queue, now->ns, now->name);
}

/* --- what there is */

struct gather {
    struct arena *a;
    const struct replication_want *want;
    const struct str_map *template_labels;
    struct replication_pod *pods;
    const struct object **objects;
    size_t n, room;
};

static enum replication_phase phase_of(const char *phase)
{
    static const struct {
        const char *name;
        enum replication_phase phase;
    } phases[] = {{"Running", REPLICATION_RUNNING}, {"Succeeded", REPLICATION_ENDED},
        {"Failed", REPLICATION_ENDED}, {"Unknown", REPLICATION_UNKNOWN}};
    for (size_t i = 0; phase && i < ARRAY_SIZE(phases); i++)
        if (strcmp(phases[i].name, phase) == 0)
            return phases[i].phase;
    return REPLICATION_PENDING;
}

static void read_status(struct arena *a, const struct object *o, struct replication_pod *p)
{
    const struct json *tree = object_tree(a, o), *status = json_get(tree, "status");
    json_each_item (c, json_get(status, "conditions")) {
        const char *type = json_str(json_get(c, "type")), *value = json_str(json_get(c, "status"));
        const char *since = json_str(json_get(c, "lastTransitionTime"));
        int64_t ns = 0;
        if (!type || !value || strcmp(type, "Ready") != 0)
            continue;
        p->ready = strcmp(value, "True") == 0;
        if (since && clock_parse(since, &ns))
            p->ready_since_s = ns / 1000000000;
    }
    json_each_item (c, json_get(status, "containerStatuses")) {
        int64_t restarts = 0;
        json_int(json_get(c, "restartCount"), &restarts);
        p->restarts = restarts > p->restarts ? restarts : p->restarts;
    }
    const char *cost = json_str(json_get(
        json_at(tree, "metadata", "annotations", NULL), "controller.kubernetes.io/pod-deletion-cost"));
    p->deletion_cost = cost ? strtoll(cost, NULL, 10) : 0;
}

/* Its own Pods and those that it may adopt: others are not even parsed. */
static bool gather_pod(void *arg, const struct object *o)
{
    struct gather *g = arg;
    const struct object_owner *owner = object_controller(o);
    if (owner ? strcmp(owner->uid, g->want->uid) != 0 : !replication_selects(g->want->selector, &o->labels))
        return true;
    if (g->n == g->room) {
        size_t room = g->room ? g->room * 2 : 64;
        struct replication_pod *pods = arena_array(g->a, room, sizeof(*pods));
        const struct object **objects = arena_array(g->a, room, sizeof(*objects));
        if (g->n) {
            memcpy(pods, g->pods, g->n * sizeof(*pods));
            memcpy(objects, g->objects, g->n * sizeof(*objects));
        }
        g->pods = pods;
        g->objects = objects;
        g->room = room;
    }
    struct replication_pod *p = &g->pods[g->n];
    g->objects[g->n++] = o;
    *p = (struct replication_pod){.name = o->name,
        .controller_uid = owner ? owner->uid : NULL,
        .node = object_field(o, "spec.nodeName"),
        .labels = &o->labels,
        .phase = phase_of(object_field(o, "status.phase")),
        .deleting = o->deleting,
        .created_s = o->created};
    p->fully_labeled = g->template_labels->n == 0 || replication_selects(g->template_labels, &o->labels);
    read_status(g->a, o, p);
    return true;
}

/* --- doing it */

struct write {
    struct replication *r;
    struct ctl_key *key;
    char *ns, *name; /* of the controller */
    enum { MAKE, DELETE, OTHER } what;
};

static void on_written(void *arg, const struct change_result *res)
{
    struct write *w = arg;
    const struct object *rc =
        registry_get(w->r->cluster->registry, KIND_REPLICATION_CONTROLLER, w->ns, w->name);
    if (rc && w->what == MAKE && res->failure)
        ctl_event(w->r->cluster, rc, COMPONENT, CTL_WARNING, "FailedCreate", "Error creating: %s",
            res->failure->message);
    else if (rc && w->what == MAKE && res->object)
        ctl_event(w->r->cluster, rc, COMPONENT, CTL_NORMAL, "SuccessfulCreate", "Created pod: %s",
            res->object->name);
    else if (rc && w->what == DELETE && res->object && !res->failure)
        ctl_event(w->r->cluster, rc, COMPONENT, CTL_NORMAL, "SuccessfulDelete", "Deleted pod: %s",
            res->object->name);
    ctl_queue_release(w->key, res->failure != NULL);
    free(w->ns);
    free(w->name);
    free(w);
}

static struct write *begin(struct replication *r, const struct object *rc, int what)
{
    struct write *w = mem_new(struct write);
    *w = (struct write){
        r, ctl_queue_hold(r->queue, rc->ns, rc->name), mem_strdup(rc->ns), mem_strdup(rc->name), what};
    return w;
}

static const struct json *owner_reference(struct arena *a, const struct object *rc)
{
    const struct json *o = json_with(a, NULL, "apiVersion", json_new_str(a, "v1"));
    o = json_with(a, o, "kind", json_new_str(a, "ReplicationController"));
    o = json_with(a, o, "name", json_new_str(a, rc->name));
    o = json_with(a, o, "uid", json_new_str(a, rc->uid));
    o = json_with(a, o, "controller", json_new_bool(a, true));
    return json_with(a, o, "blockOwnerDeletion", json_new_bool(a, true));
}

/* The Pod of the template, named after the controller and owned by it. */
static const struct json *new_pod(struct arena *a, const struct object *rc, const struct json *template)
{
    static const char *const copied[] = {"labels", "annotations", "finalizers"};
    const struct json *meta =
        json_with(a, NULL, "generateName", json_new_str(a, arena_printf(a, "%s-", rc->name)));
    meta = json_with(a, meta, "namespace", json_new_str(a, rc->ns));
    for (size_t i = 0; i < ARRAY_SIZE(copied); i++)
        if (json_at(template, "metadata", copied[i], NULL))
            meta = json_with(a, meta, copied[i], json_at(template, "metadata", copied[i], NULL));
    meta = json_with(a, meta, "ownerReferences", json_append(a, &json_empty_array, owner_reference(a, rc)));
    const struct json *pod = json_with(a, NULL, "apiVersion", json_new_str(a, "v1"));
    pod = json_with(a, pod, "kind", json_new_str(a, "Pod"));
    pod = json_with(a, pod, "metadata", meta);
    return json_with(a, pod, "spec", json_get(template, "spec"));
}

/* Takes a Pod in (rc) or lets it go: its list of owners with or without this controller. */
static void set_owner(
    struct replication *r, struct arena *a, const struct object *rc, const struct object *pod, bool adopt)
{
    const struct json *owners = &json_empty_array;
    json_each_item (o, json_at(object_tree(a, pod), "metadata", "ownerReferences", NULL))
        if (!json_str(json_get(o, "uid")) || strcmp(json_str(json_get(o, "uid")), rc->uid) != 0)
            owners = json_append(a, owners, o);
    if (adopt)
        owners = json_append(a, owners, owner_reference(a, rc));
    const struct json *patch = json_with_at(a, NULL, owners, "metadata", "ownerReferences", NULL);
    patch = json_with_at(a, patch, json_new_str(a, pod->uid), "metadata", "uid", NULL);
    auto_buf text = BUF_INIT(1 << 20);
    json_write(&text, patch, 0);
    change_patch(
        r->cluster, KIND_POD, SUB_NONE, pod->ns, pod->name, buf_str(&text), on_written, begin(r, rc, OTHER));
}

static bool put_number(struct arena *a, const struct json **status, const char *name, int64_t v)
{
    int64_t old = 0;
    json_int(json_get(*status, name), &old);
    if (old == v && (json_get(*status, name) || strcmp(name, "replicas") != 0))
        return false;
    *status = json_with(a, *status, name, json_new_int(a, v));
    return true;
}

static void write_status(struct replication *r, struct arena *a, const struct object *rc,
    const struct json *tree, const struct replication_plan *plan)
{
    const struct json *status = json_get(tree, "status");
    int64_t generation = 0;
    json_int(json_at(tree, "metadata", "generation", NULL), &generation);
    bool differs = put_number(a, &status, "replicas", plan->replicas);
    differs |= put_number(a, &status, "fullyLabeledReplicas", plan->fully_labeled);
    differs |= put_number(a, &status, "readyReplicas", plan->ready);
    differs |= put_number(a, &status, "availableReplicas", plan->available);
    differs |= put_number(a, &status, "observedGeneration", generation);
    if (!differs)
        return;
    change_update(r->cluster, KIND_REPLICATION_CONTROLLER, SUB_STATUS, json_with(a, tree, "status", status),
        on_written, begin(r, rc, OTHER));
}

static void carry_out(struct replication *r, struct arena *a, const struct object *rc,
    const struct json *tree, const struct gather *g, const struct replication_plan *plan)
{
    const struct json *template = json_at(tree, "spec", "template", NULL);
    write_status(r, a, rc, tree, plan);
    for (size_t i = 0; i < plan->n_adopt; i++)
        set_owner(r, a, rc, g->objects[plan->adopt[i]], true);
    for (size_t i = 0; i < plan->n_release; i++)
        set_owner(r, a, rc, g->objects[plan->release[i]], false);
    for (size_t i = 0; i < plan->n_delete; i++) {
        const struct object *pod = g->objects[plan->delete[i]];
        change_delete(
            r->cluster, KIND_POD, pod->ns, pod->name, pod->uid, -1, on_written, begin(r, rc, DELETE));
    }
    const struct json *pod = plan->create ? new_pod(a, rc, template) : NULL;
    for (size_t i = 0; i < plan->create; i++)
        change_create(r->cluster, KIND_POD, rc->ns, pod, on_written, begin(r, rc, MAKE));
}

static void replicate(void *arg, const char *ns, const char *name)
{
    struct replication *r = arg;
    const struct object *rc = registry_get(r->cluster->registry, KIND_REPLICATION_CONTROLLER, ns, name);
    if (!rc)
        return; /* gone: its Pods are the garbage collector's */
    auto_arena *a = arena_new();
    object_ref(rc); /* a write that is answered at once must not take it from under us */
    const struct json *tree = object_tree(a, rc), *template = json_at(tree, "spec", "template", NULL);
    struct str_map selector = selector_of(a, rc), labels = {0};
    struct replication_want want = {
        .uid = rc->uid, .selector = &selector, .replicas = 1, .deleting = rc->deleting};
    json_int(json_at(tree, "spec", "replicas", NULL), &want.replicas);
    json_int(json_at(tree, "spec", "minReadySeconds", NULL), &want.min_ready_seconds);
    const struct json *template_labels = json_at(template, "metadata", "labels", NULL);
    labels.v = arena_array(a, template_labels ? template_labels->n : 0, sizeof(*labels.v));
    json_each_member (l, template_labels)
        labels.v[labels.n++] = (struct str_pair){l->name, json_str(&l->value)};
    struct gather g = {.a = a, .want = &want, .template_labels = &labels};
    registry_each(r->cluster->registry, KIND_POD, ns, gather_pod, &g);
    for (size_t i = 0; i < g.n; i++)
        object_ref(g.objects[i]);
    struct replication_plan plan;
    replication_decide(a, &want, g.pods, g.n, clock_now_ns() / 1000000000, &plan);
    carry_out(r, a, rc, tree, &g, &plan);
    if (plan.recheck_s)
        timer_start(r->recheck, (uint64_t)plan.recheck_s * 1000);
    for (size_t i = 0; i < g.n; i++)
        object_unref(g.objects[i]);
    object_unref(rc);
}

/* --- starting and stopping */

static bool first_rc(void *arg, const struct object *o)
{
    struct replication *r = arg;
    ctl_queue_add(r->queue, o->ns, o->name);
    return true;
}

static void recheck_all(void *arg)
{
    struct replication *r = arg;
    registry_each(r->cluster->registry, KIND_REPLICATION_CONTROLLER, NULL, first_rc, r);
}

struct replication *replication_start(struct cluster *c)
{
    struct replication *r = mem_new(struct replication);
    r->cluster = c;
    r->queue = ctl_queue_new(c->loop, replicate, r);
    r->recheck = timer_new(c->loop, recheck_all, r);
    r->rc_watch = registry_watch(c->registry, KIND_REPLICATION_CONTROLLER, on_rc, r);
    r->pod_watch = registry_watch(c->registry, KIND_POD, on_pod, r);
    recheck_all(r);
    return r;
}

void replication_stop(struct replication *r)
{
    if (!r)
        return;
    registry_unwatch(r->rc_watch);
    registry_unwatch(r->pod_watch);
    timer_free(r->recheck);
    ctl_queue_free(r->queue);
    free(r);
}
