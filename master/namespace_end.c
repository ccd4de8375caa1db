/* Called whenever something is gone (system.c), until the namespace is. */
#include "master/namespace_end.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>

/* So many deletions at a time; each that is done brings the caller back. */
#define WINDOW 256

struct tally {
    const char *name;
    size_t n;
};
struct tallies {
    struct arena *arena;
    size_t n, cap;
    struct tally *v;
};

struct emptying {
    struct cluster *cluster;
    change_done_fn *done;
    void *arg;
    size_t left, submitted;
    const char *resource; /* of what is looked at: "endpointslices.discovery.k8s.io" */
    struct tallies resources, finalizers;
};

static void count(struct tallies *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->v[i].name, name)) {
            t->v[i].n++;
            return;
        }
    if (t->n == t->cap) {
        struct tally *more = arena_array(t->arena, t->cap * 2 + 8, sizeof(*more));
        if (t->n)
            memcpy(more, t->v, t->n * sizeof(*more));
        t->v = more;
        t->cap = t->cap * 2 + 8;
    }
    t->v[t->n++] = (struct tally){arena_strdup(t->arena, name), 1};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tally *)a)->name, ((const struct tally *)b)->name);
}

static const char *listed(struct tallies *t, const char *before, const char *between)
{
    auto_buf b = BUF_INIT(65536);
    if (t->n)
        qsort(t->v, t->n, sizeof(*t->v), by_name);
    for (size_t i = 0; i < t->n; i++)
        buf_addf(&b, "%s%s %s %zu resource instances", i ? ", " : before, t->v[i].name, between, t->v[i].n);
    return arena_strdup(t->arena, buf_str(&b));
}

static bool delete_one(void *arg, const struct object *o)
{
    struct emptying *e = arg;
    const struct object *latest = registry_latest(e->cluster->registry, o->kind->id, o->ns, o->name);
    e->left++;
    if (latest && !latest->deleting) {
        if (e->submitted++ < WINDOW)
            change_delete(e->cluster, o->kind->id, o->ns, o->name, o->uid, -1, e->done, e->arg);
        return true;
    }
    count(&e->resources, e->resource);
    for (size_t i = 0; i < o->n_finalizers; i++)
        count(&e->finalizers, o->finalizers[i]);
    return true;
}

static const struct json *find_condition(const struct json *list, const char *type)
{
    json_each_item (c, list) {
        const char *its = json_str(json_get(c, "type"));
        if (its && !strcmp(its, type))
            return c;
    }
    return NULL;
}

struct condition {
    const char *type;
    bool is_true;
    const char *reason, *message;
};

static const struct json *condition(
    struct arena *a, const struct json *old, const struct condition *c, const char *now)
{
    const char *status = c->is_true ? "True" : "False", *was = json_str(json_get(old, "status"));
    const struct json *since = json_get(old, "lastTransitionTime"), *out = &json_empty_object;
    out = json_with(a, out, "type", json_new_str(a, c->type));
    out = json_with(a, out, "status", json_new_str(a, status));
    out = json_with(
        a, out, "lastTransitionTime", was && since && !strcmp(was, status) ? since : json_new_str(a, now));
    out = json_with(a, out, "reason", json_new_str(a, c->reason));
    return json_with(a, out, "message", json_new_str(a, c->message));
}

/* Says what it waits for. The same again is no write (change.c). */
static void say_what_is_left(struct emptying *e, struct arena *a, const struct object *ns)
{
    const char *finalizers =
        listed(&e->finalizers, "Some content in the namespace has finalizers remaining: ", "in");
    const struct condition all[] = {
        {"NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered",
            "All resources successfully discovered"},
        {"NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions",
            "All legacy kube types successfully parsed"},
        {"NamespaceDeletionContentFailure", false, "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization"},
        {"NamespaceContentRemaining", true, "SomeResourcesRemain",
            listed(&e->resources, "Some resources are remaining: ", "has")},
        {"NamespaceFinalizersRemaining", e->finalizers.n > 0,
            e->finalizers.n ? "SomeFinalizersRemain" : "ContentHasNoFinalizers",
            e->finalizers.n ? finalizers : "All content-preserving finalizers finished"},
    };
    char now[CLOCK_TEXT];
    clock_rfc3339(clock_now_ns(), now);
    const struct json *tree = object_tree(a, ns), *old = json_at(tree, "status", "conditions", NULL);
    const struct json *list = &json_empty_array;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        list = json_append(a, list, condition(a, find_condition(old, all[i].type), &all[i], now));
    tree = json_with_at(a, tree, list, "status", "conditions", NULL);
    change_update(e->cluster, KIND_NAMESPACE, SUB_STATUS, tree, e->done, e->arg);
}

static void let_go(struct emptying *e, struct arena *a, const struct object *ns)
{
    const struct json *tree = object_tree(a, ns), *finalizers = json_at(tree, "spec", "finalizers", NULL);
    if (!finalizers || !finalizers->n)
        return;
    tree = json_with_at(a, tree, &json_empty_array, "spec", "finalizers", NULL);
    change_update(e->cluster, KIND_NAMESPACE, SUB_FINALIZE, tree, e->done, e->arg);
}

void namespace_end(struct cluster *c, const struct object *ns, change_done_fn *done, void *arg)
{
    auto_arena *a = arena_new();
    struct emptying e = {
        .cluster = c, .done = done, .arg = arg, .resources = {.arena = a}, .finalizers = {.arena = a}};
    for (size_t k = 0; k < KIND_N; k++) {
        if (!kinds[k].namespaced)
            continue;
        e.resource = arena_printf(a, "%s.%s", kinds[k].resource, resource_of((enum kind_id)k)->group);
        registry_each(c->registry, (enum kind_id)k, ns->name, delete_one, &e);
    }
    if (!e.left)
        let_go(&e, a, ns);
    else if (!e.submitted)
        say_what_is_left(&e, a, ns);
}
