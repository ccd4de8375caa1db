/*
 * Deletion: at once, or when the last finalizer is removed, or (Pods) when the kubelet has stopped it; and
 * eviction, which is a deletion asked for by another name.
 */
#include "lib/clock.h"
#include "master/changing.h"
#include "master/decode.h"
#include "master/edit.h"
#include <string.h>

struct options {
    int64_t grace; /* -1: not given */
    const char *policy;
    const char *uid, *rv;
};

static bool read_options(struct changing *x, const struct json *body, struct options *o)
{
    *o = (struct options){.grace = -1};
    if (!body || body->type == JSON_NULL)
        return true;
    struct decode d = {.arena = x->arena};
    struct json tree;
    if (!decode_object(&d, schema_find("meta.v1.DeleteOptions"), body, &tree)) {
        changing_fail(
            x, status_bad_request(x->arena,
                   "DeleteOptions in version \"v1\" cannot be handled as a DeleteOptions: %s", d.failure));
        return false;
    }
    json_int(json_get(&tree, "gracePeriodSeconds"), &o->grace);
    o->policy = json_str(json_get(&tree, "propagationPolicy"));
    o->uid = json_str(json_at(&tree, "preconditions", "uid", NULL));
    o->rv = json_str(json_at(&tree, "preconditions", "resourceVersion", NULL));
    const struct json *orphan = json_get(&tree, "orphanDependents");
    static const char *const policies[] = {"Background", "Foreground", "Orphan", NULL};
    struct invalid *v = &x->admission.invalid;
    if (o->policy)
        invalid_choice(v, PATH(NULL, "propagationPolicy"), json_get(&tree, "propagationPolicy"), policies);
    if (o->policy && orphan)
        invalid_str(v, PATH(NULL, "propagationPolicy"), o->policy,
            "orphanDependents and deletionPropagation cannot be both set");
    if (v->n) {
        changing_fail(x, invalid_status(v, "meta.k8s.io", "DeleteOptions", ""));
        return false;
    }
    if (!o->policy && orphan)
        o->policy = json_bool(orphan, false) ? "Orphan" : "Background";
    return true;
}

static bool check_preconditions(struct changing *x, const struct object *old, const struct options *o)
{
    const char *why = NULL, *rv = arena_printf(x->arena, "%llu", (unsigned long long)old->rev);
    if (o->uid && strcmp(o->uid, old->uid) != 0)
        why = arena_printf(x->arena, "Precondition failed: UID in precondition: %s, UID in object meta: %s",
            o->uid, old->uid);
    else if (o->rv && strcmp(o->rv, rv) != 0)
        why = arena_printf(x->arena,
            "Precondition failed: ResourceVersion in precondition: %s, ResourceVersion in object meta: %s",
            o->rv, rv);
    if (why)
        changing_fail(x, changing_conflict(x, why));
    return !why;
}

/* How long a Pod gets: what was asked for, or its own time; nothing where no kubelet will stop it. */
static int64_t pod_grace(const struct json *pod, int64_t asked)
{
    int64_t grace = 30;
    const char *node = json_str(json_at(pod, "spec", "nodeName", NULL));
    const char *phase = json_str(json_at(pod, "status", "phase", NULL));
    json_int(json_at(pod, "spec", "terminationGracePeriodSeconds", NULL), &grace);
    if (asked >= 0)
        grace = asked;
    if (!node || !*node || (phase && (!strcmp(phase, "Failed") || !strcmp(phase, "Succeeded"))))
        return 0;
    return grace < 0 ? 1 : grace;
}

static void set_finalizer(struct changing *x, struct json *meta, const char *name, bool wanted)
{
    struct json *list = edit_get(meta, "finalizers");
    for (size_t i = list ? list->n : 0; i-- > 0;)
        if (!strcmp(list->items[i].text, name)) {
            if (wanted)
                return;
            edit_remove_item(list, i);
        }
    if (!wanted) {
        if (list && !list->n)
            edit_remove(meta, "finalizers");
        return;
    }
    if (!list) {
        edit_set(x->arena, meta, "finalizers", edit_new_array(x->arena, 2));
        list = edit_get(meta, "finalizers");
    }
    edit_append(x->arena, list, edit_new_str(x->arena, name));
}

static bool has_finalizers(const struct changing *x, const struct json *obj)
{
    const struct json *meta = json_at(obj, "metadata", "finalizers", NULL);
    const struct json *inner = json_at(obj, "spec", "finalizers", NULL);
    return (meta && meta->n) || (x->kind->id == KIND_NAMESPACE && inner && inner->n);
}

static void mark(struct changing *x, struct json *obj, int64_t grace)
{
    struct json *meta = edit_get(obj, "metadata");
    char when[CLOCK_TEXT];
    clock_rfc3339(clock_now_ns() + grace * 1000000000, when);
    edit_set_str(x->arena, meta, "deletionTimestamp", when);
    if (x->kind->id != KIND_NAMESPACE)
        edit_set_int(x->arena, meta, "deletionGracePeriodSeconds", grace);
    int64_t generation;
    if (json_int(edit_get(meta, "generation"), &generation))
        edit_set_int(x->arena, meta, "generation", generation + 1);
    if (x->kind->id == KIND_NAMESPACE)
        edit_set_str(x->arena, edit_object(x->arena, obj, "status"), "phase", "Terminating");
}

static void delete_object(struct changing *x, const struct object *old, const struct options *o)
{
    struct arena *a = x->arena;
    struct registry *r = x->admission.cluster->registry;
    uint64_t rev = x->c->dry_run ? old->rev : registry_next_revision(r);
    struct json obj = edit_copy(a, object_tree(a, old), 4);
    struct json *meta = edit_get(&obj, "metadata");
    if (o->policy) {
        set_finalizer(x, meta, "orphan", !strcmp(o->policy, "Orphan"));
        set_finalizer(x, meta, "foregroundDeletion", !strcmp(o->policy, "Foreground"));
    }
    int64_t grace = x->kind->graceful ? pod_grace(&obj, o->grace) : 0, left = 0;
    bool waits = grace > 0 || has_finalizers(x, &obj);
    if (!waits) {
        if (x->kind->graceful)
            mark(x, &obj, 0); /* what watchers see last says when it went */
        changing_stage(x, 200, object_new(x->kind, &obj, rev), REGISTRY_DELETION);
        return;
    }
    if (old->deleting) { /* a second deletion can only shorten the wait */
        json_int(edit_get(meta, "deletionGracePeriodSeconds"), &left);
        if (grace >= left && json_equal(&obj, object_tree(a, old)) && changing_is_durable(x, old)) {
            changing_answer(x, 200, old, false);
            return;
        }
        if (grace > left)
            grace = left;
        if (grace < left)
            mark(x, &obj, grace);
    } else {
        mark(x, &obj, grace);
    }
    changing_stage(x, 200, object_new(x->kind, &obj, rev), REGISTRY_OBJECT);
}

void change_run_delete(struct changing *x)
{
    struct options o;
    if (!read_options(x, x->c->body, &o))
        return;
    const struct object *old =
        registry_latest(x->admission.cluster->registry, x->kind->id, x->c->ns, x->name);
    static const char *const lasting[] = {"default", "kube-system", "kube-public"};
    if (!old) {
        changing_fail(x, changing_not_found(x));
        return;
    }
    if (x->kind->id == KIND_NAMESPACE)
        for (size_t i = 0; i < ARRAY_SIZE(lasting); i++)
            if (!strcmp(x->name, lasting[i])) {
                changing_fail(x, status_forbidden(x->arena, "", "namespaces", x->name,
                                     "this namespace may not be deleted"));
                return;
            }
    if (check_preconditions(x, old, &o))
        delete_object(x, old, &o);
}

void change_run_eviction(struct changing *x)
{
    const struct object *old =
        registry_latest(x->admission.cluster->registry, x->kind->id, x->c->ns, x->name);
    const char *name = json_str(json_at(x->c->body, "metadata", "name", NULL));
    struct options o;
    if (!old)
        changing_fail(x, changing_not_found(x));
    else if (name && *name && strcmp(name, x->name) != 0)
        changing_fail(x, status_bad_request(x->arena, "name in URL does not match name in Eviction object"));
    else if (read_options(x, json_get(x->c->body, "deleteOptions"), &o) && check_preconditions(x, old, &o))
        delete_object(x, old, &o);
}
