/* ConfigMaps and Secrets by watches of one object each, see objects.h. */
#include "kubelet/objects.h"
#include "kubelet/pods.h"
#include "lib/api/kube.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>

struct object {
    struct object *next;
    struct objects *objects;
    bool secret, loaded, seen;
    char *ns, *name;
    unsigned users;
    struct kube_watch *watch;
    struct arena *arena;
    const struct json *json; /* NULL: absent */
};
struct object_use {
    struct object_use *next;
    struct object *object;
    bool wanted;
};
struct objects {
    struct kubelet *kubelet;
    struct object *first;
};

struct objects *objects_new(struct kubelet *k)
{
    struct objects *o = mem_new(struct objects);
    o->kubelet = k;
    return o;
}

static void object_free(struct object *x)
{
    kube_watch_free(x->watch);
    arena_free(x->arena);
    free(x->ns);
    free(x->name);
    free(x);
}

void objects_free(struct objects *o)
{
    if (!o)
        return;
    while (o->first) {
        struct object *x = o->first;
        o->first = x->next;
        object_free(x);
    }
    free(o);
}

static void object_changed(struct object *x)
{
    struct worker *w, *next;
    for (w = pods_first(x->objects->kubelet); w; w = next) {
        next = w->next;
        for (struct object_use *u = w->uses; u; u = u->next)
            if (u->object == x) {
                worker_objects_changed(w);
                break;
            }
    }
}

static void on_relisted(void *arg)
{
    ((struct object *)arg)->seen = false;
}

static void on_changed(void *arg, const struct json *j)
{
    struct object *x = arg;
    x->seen = true;
    const char *old = json_str(json_at(x->json, "metadata", "resourceVersion", NULL));
    const char *new = json_str(json_at(j, "metadata", "resourceVersion", NULL));
    if (old && new &&strcmp(old, new) == 0)
        return;
    struct arena *a = arena_new();
    x->json = json_copy(a, j);
    arena_free(x->arena);
    x->arena = a;
    if (x->loaded)
        object_changed(x);
}

static void object_drop(struct object *x)
{
    arena_free(x->arena);
    x->arena = NULL;
    x->json = NULL;
}

static void on_deleted(void *arg, const struct json *j)
{
    struct object *x = arg;
    (void)j;
    object_drop(x);
    object_changed(x);
}

static void on_synced(void *arg)
{
    struct object *x = arg;
    bool was = x->loaded, had = x->json != NULL;
    if (!x->seen)
        object_drop(x);
    x->loaded = true;
    if (!was || had != (x->json != NULL))
        object_changed(x);
}

static const struct kube_watch_events object_events = {
    .relisted = on_relisted, .changed = on_changed, .deleted = on_deleted, .synced = on_synced};

static struct object *object_get(struct objects *o, bool secret, const char *ns, const char *name)
{
    struct object *x = o->first;
    while (x && !(x->secret == secret && strcmp(x->ns, ns) == 0 && strcmp(x->name, name) == 0))
        x = x->next;
    return x;
}

static struct object *object_new(struct objects *o, bool secret, const char *ns, const char *name)
{
    struct object *x = mem_new(struct object);
    *x = (struct object){.next = o->first, .objects = o, .secret = secret};
    x->ns = mem_strdup(ns);
    x->name = mem_strdup(name);
    o->first = x;
    if (!o->kubelet->kube) {
        x->loaded = true;
        return x;
    }
    auto_free char *path = mem_printf("/api/v1/namespaces/%s/%s?fieldSelector=metadata.name%%3D%s", ns,
        secret ? "secrets" : "configmaps", name);
    x->watch = kube_watch(o->kubelet->kube, path, &object_events, x);
    return x;
}

static void want(struct objects *o, struct worker *w, bool secret, const char *name)
{
    if (!name || !*name)
        return;
    for (struct object_use *u = w->uses; u; u = u->next)
        if (u->object->secret == secret && strcmp(u->object->name, name) == 0) {
            u->wanted = true;
            return;
        }
    struct object *x = object_get(o, secret, w->ns, name);
    if (!x)
        x = object_new(o, secret, w->ns, name);
    struct object_use *u = mem_new(struct object_use);
    *u = (struct object_use){.next = w->uses, .object = x, .wanted = true};
    x->users++;
    w->uses = u;
}

/* Lets go of the uses that are not wanted any more, and of objects that nobody uses. */
static void sweep(struct objects *o, struct worker *w)
{
    for (struct object_use **p = &w->uses; *p;) {
        struct object_use *u = *p;
        if (u->wanted) {
            p = &u->next;
            continue;
        }
        *p = u->next;
        if (--u->object->users == 0) {
            struct object **q = &o->first;
            while (*q != u->object)
                q = &(*q)->next;
            *q = u->object->next;
            object_free(u->object);
        }
        free(u);
    }
}

static void want_container(struct objects *o, struct worker *w, const struct container *c)
{
    for (size_t i = 0; i < c->env_from.n; i++) {
        const struct env_from_source *s = &c->env_from.v[i];
        want(o, w, false, s->config_map_ref ? s->config_map_ref->name : NULL);
        want(o, w, true, s->secret_ref ? s->secret_ref->name : NULL);
    }
    for (size_t i = 0; i < c->env.n; i++) {
        const struct env_var_source *s = c->env.v[i].value_from;
        want(o, w, false, s && s->config_map_key_ref ? s->config_map_key_ref->name : NULL);
        want(o, w, true, s && s->secret_key_ref ? s->secret_key_ref->name : NULL);
    }
}

static void want_volume(struct objects *o, struct worker *w, const struct volume *v)
{
    want(o, w, false, v->config_map ? v->config_map->name : NULL);
    want(o, w, true, v->secret ? v->secret->secret_name : NULL);
    for (size_t i = 0; v->projected && i < v->projected->sources.n; i++) {
        const struct volume_projection *p = &v->projected->sources.v[i];
        want(o, w, false, p->config_map ? p->config_map->name : NULL);
        want(o, w, true, p->secret ? p->secret->name : NULL);
    }
}

void objects_use(struct objects *o, struct worker *w)
{
    const struct pod_spec *s = w->desired->pod->spec;
    for (struct object_use *u = w->uses; u; u = u->next)
        u->wanted = false;
    for (size_t i = 0; i < s->init_containers.n; i++)
        want_container(o, w, &s->init_containers.v[i]);
    for (size_t i = 0; i < s->containers.n; i++)
        want_container(o, w, &s->containers.v[i]);
    for (size_t i = 0; i < s->ephemeral_containers.n; i++)
        want_container(o, w, &s->ephemeral_containers.v[i]);
    for (size_t i = 0; i < s->volumes.n; i++)
        want_volume(o, w, &s->volumes.v[i]);
    for (size_t i = 0; i < s->image_pull_secrets.n; i++)
        want(o, w, true, s->image_pull_secrets.v[i].name);
    sweep(o, w);
}

void objects_unuse(struct objects *o, struct worker *w)
{
    for (struct object_use *u = w->uses; u; u = u->next)
        u->wanted = false;
    sweep(o, w);
}

bool objects_ready(const struct worker *w)
{
    for (const struct object_use *u = w->uses; u; u = u->next)
        if (!u->object->loaded)
            return false;
    return true;
}

const struct json *objects_get(const struct objects *o, bool secret, const char *ns, const char *name)
{
    const struct object *x = object_get((struct objects *)o, secret, ns, name);
    return x ? x->json : NULL;
}
