/*
 * Cascading deletion by ownerReferences. An object whose owners are all gone is deleted; one that has lost
 * some of them loses those references. An owner that is deleted in the foreground waits (finalizer
 * foregroundDeletion) until the dependents that block it are gone; one deleted with orphaning (finalizer
 * orphan) waits until its dependents have let go of it. Owners of kinds that are not served here are taken to
 * exist.
 */
#include "master/ctl.h"
#include "master/ctl_queue.h"

#include "lib/mem.h"
#include "master/change.h"
#include "master/status.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct garbage {
    struct cluster *cluster;
    struct ctl_queue *queue; /* its keys' namespace is "KIND/NAMESPACE" */
    struct registry_watch *watches[KIND_N];
};

/* --- keys */

static char *scope_of(const struct object *o)
{
    return mem_printf("%d/%s", (int)o->kind->id, o->ns);
}

static void attend_later(struct garbage *g, const struct object *o)
{
    auto_free char *scope = scope_of(o);
    ctl_queue_add(g->queue, scope, o->name);
}

static struct ctl_key *hold(struct garbage *g, const struct object *o)
{
    auto_free char *scope = scope_of(o);
    return ctl_queue_hold(g->queue, scope, o->name);
}

static void on_written(void *arg, const struct change_result *res)
{
    ctl_queue_release(arg, res->failure != NULL && res->failure->code != 404);
}

/* --- owners and dependents */

enum presence { OWNER_ABSENT, OWNER_PRESENT, OWNER_UNKNOWN };

static enum presence owner_presence(
    struct garbage *g, const struct object *o, const struct object_owner *owner)
{
    for (int k = 0; k < KIND_N; k++) {
        if (strcmp(kinds[k].name, owner->kind) != 0 || strcmp(kinds[k].api_version, owner->api_version) != 0)
            continue;
        const struct object *there =
            registry_get(g->cluster->registry, k, kinds[k].namespaced ? o->ns : "", owner->name);
        return there && strcmp(there->uid, owner->uid) == 0 ? OWNER_PRESENT : OWNER_ABSENT;
    }
    return OWNER_UNKNOWN;
}

static const struct object_owner *reference_to(const struct object *o, const char *uid)
{
    for (size_t i = 0; i < o->n_owners; i++)
        if (strcmp(o->owners[i].uid, uid) == 0)
            return &o->owners[i];
    return NULL;
}

struct dependents {
    const char *uid;
    const struct object **v;
    size_t n, room;
};

static bool collect(void *arg, const struct object *o)
{
    struct dependents *d = arg;
    if (!reference_to(o, d->uid))
        return true;
    if (d->n == d->room) {
        d->room = d->room ? d->room * 2 : 32;
        d->v = mem_realloc(d->v, d->room, sizeof(struct object *));
    }
    d->v[d->n++] = object_ref(o);
    return true;
}

/* Every object that names uid among its owners; dependents_done(). A cluster-scoped object never depends on a
 * namespaced one. */
static struct dependents find_dependents(struct garbage *g, const struct object *owner)
{
    struct dependents d = {.uid = owner->uid};
    for (int k = 0; k < KIND_N; k++)
        if (kinds[k].namespaced || !*owner->ns)
            registry_each(
                g->cluster->registry, k, kinds[k].namespaced && *owner->ns ? owner->ns : NULL, collect, &d);
    return d;
}

static void dependents_done(struct dependents *d)
{
    for (size_t i = 0; i < d->n; i++)
        object_unref(d->v[i]);
    free(d->v);
}

/* --- what is done */

static void write_tree(struct garbage *g, const struct object *o, const struct json *tree)
{
    change_update(g->cluster, o->kind->id, SUB_NONE, tree, on_written, hold(g, o));
}

static void drop_references(
    struct garbage *g, const struct object *o, bool (*drop)(void *arg, const char *uid), void *arg)
{
    auto_arena *a = arena_new();
    const struct json *tree = object_tree(a, o), *list = &json_empty_array;
    json_each_item (ref, json_at(tree, "metadata", "ownerReferences", NULL)) {
        const char *uid = json_str(json_get(ref, "uid"));
        if (!uid || !drop(arg, uid))
            list = json_append(a, list, ref);
    }
    write_tree(g, o, json_with_at(a, tree, list->n ? list : NULL, "metadata", "ownerReferences", NULL));
}

static void drop_finalizer(struct garbage *g, const struct object *o, const char *finalizer)
{
    auto_arena *a = arena_new();
    const struct json *tree = object_tree(a, o), *list = &json_empty_array;
    json_each_item (f, json_at(tree, "metadata", "finalizers", NULL))
        if (!json_str(f) || strcmp(json_str(f), finalizer) != 0)
            list = json_append(a, list, f);
    write_tree(g, o, json_with_at(a, tree, list->n ? list : NULL, "metadata", "finalizers", NULL));
}

static void delete_object(struct garbage *g, const struct object *o)
{
    change_delete(g->cluster, o->kind->id, o->ns, o->name, o->uid, -1, on_written, hold(g, o));
}

static bool is_uid(void *arg, const char *uid)
{
    return strcmp(arg, uid) == 0;
}

/* The owner waits until nobody names it any more. */
static void orphan_dependents(struct garbage *g, const struct object *owner)
{
    struct dependents d = find_dependents(g, owner);
    for (size_t i = 0; i < d.n; i++)
        drop_references(g, d.v[i], is_uid, (void *)owner->uid);
    if (d.n == 0)
        drop_finalizer(g, owner, "orphan");
    dependents_done(&d);
}

/* The owner waits until no dependent that blocks it is left. */
static void delete_dependents(struct garbage *g, const struct object *owner)
{
    struct dependents d = find_dependents(g, owner);
    size_t blocking = 0;
    for (size_t i = 0; i < d.n; i++) {
        blocking += reference_to(d.v[i], owner->uid)->block_deletion;
        if (!d.v[i]->deleting)
            delete_object(g, d.v[i]);
    }
    if (blocking == 0)
        drop_finalizer(g, owner, "foregroundDeletion");
    dependents_done(&d);
}

struct absent {
    struct garbage *g;
    const struct object *o;
};

static bool is_absent(void *arg, const char *uid)
{
    struct absent *x = arg;
    const struct object_owner *owner = reference_to(x->o, uid);
    return owner && owner_presence(x->g, x->o, owner) == OWNER_ABSENT;
}

static void check_owners(struct garbage *g, const struct object *o)
{
    size_t absent = 0;
    for (size_t i = 0; i < o->n_owners; i++)
        absent += owner_presence(g, o, &o->owners[i]) == OWNER_ABSENT;
    if (absent == 0 || o->deleting)
        return;
    if (absent == o->n_owners)
        delete_object(g, o);
    else
        drop_references(g, o, is_absent, &(struct absent){g, o});
}

static bool has_finalizer(const struct object *o, const char *name)
{
    for (size_t i = 0; i < o->n_finalizers; i++)
        if (strcmp(o->finalizers[i], name) == 0)
            return true;
    return false;
}

static void attend(void *arg, const char *scope, const char *name)
{
    struct garbage *g = arg;
    int kind = atoi(scope);
    const char *ns = strchr(scope, '/') + 1;
    const struct object *o = registry_get(g->cluster->registry, (enum kind_id)kind, ns, name);
    if (!o)
        return;
    object_ref(o);
    if (o->deleting && has_finalizer(o, "orphan"))
        orphan_dependents(g, o);
    else if (o->deleting && has_finalizer(o, "foregroundDeletion"))
        delete_dependents(g, o);
    else
        check_owners(g, o);
    object_unref(o);
}

/* --- whom a change concerns */

/* The owners of something that is gone: one of them may have waited for that. */
static void wake_owners(struct garbage *g, const struct object *o)
{
    for (size_t i = 0; i < o->n_owners; i++)
        for (int k = 0; k < KIND_N; k++)
            if (strcmp(kinds[k].name, o->owners[i].kind) == 0) {
                const struct object *owner = registry_get(g->cluster->registry, (enum kind_id)k,
                    kinds[k].namespaced ? o->ns : "", o->owners[i].name);
                if (owner && owner->deleting)
                    attend_later(g, owner);
            }
}

static void on_change(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    (void)rev;
    struct garbage *g = arg;
    if (before && before->n_owners && (!now || now->n_owners < before->n_owners))
        wake_owners(g, before);
    if (now) {
        bool waits = now->deleting && now->n_finalizers;
        if (waits || (now->n_owners && (!before || before->n_owners != now->n_owners)))
            attend_later(g, now);
        return;
    }
    struct dependents d = find_dependents(g, before);
    for (size_t i = 0; i < d.n; i++)
        attend_later(g, d.v[i]);
    dependents_done(&d);
}

static bool first(void *arg, const struct object *o)
{
    if (o->n_owners || (o->deleting && o->n_finalizers))
        attend_later(arg, o);
    return true;
}

struct garbage *garbage_start(struct cluster *c)
{
    struct garbage *g = mem_new(struct garbage);
    g->cluster = c;
    g->queue = ctl_queue_new(c->loop, attend, g);
    for (int k = 0; k < KIND_N; k++) {
        g->watches[k] = registry_watch(c->registry, (enum kind_id)k, on_change, g);
        registry_each(c->registry, (enum kind_id)k, NULL, first, g);
    }
    return g;
}

void garbage_stop(struct garbage *g)
{
    if (!g)
        return;
    for (int k = 0; k < KIND_N; k++)
        registry_unwatch(g->watches[k]);
    ctl_queue_free(g->queue);
    free(g);
}
