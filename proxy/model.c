/* See model.h. */
#include "proxy/model.h"
#include "lib/mem.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct slice {
    char *key;
    struct arena *arena;
    struct endpoint_slice slice;
    struct model_service *of;
    bool seen;
};

struct model {
    const struct model_events *ev;
    void *arg;
    struct map *services, *slices, *nodes; /* by key; nodes by name */
    struct map *by_ip;                     /* cluster IP -> service */
    struct map *namespaces;                /* name -> number of Services, as a pointer */
};

struct model *model_new(const struct model_events *ev, void *arg)
{
    struct model *m = mem_new(struct model);
    *m = (struct model){ev, arg, map_new(), map_new(), map_new(), map_new(), map_new()};
    return m;
}

static void free_service(struct model_service *s)
{
    arena_free(s->arena);
    plan_done(&s->plan);
    free(s->slices);
    free(s->key);
    free(s);
}

static void free_slice(struct slice *s)
{
    arena_free(s->arena);
    free(s->key);
    free(s);
}

void model_free(struct model *m)
{
    if (!m)
        return;
    void *v;
    for (size_t at = 0; map_next(m->services, &at, NULL, NULL, &v);)
        free_service(v);
    for (size_t at = 0; map_next(m->slices, &at, NULL, NULL, &v);)
        free_slice(v);
    for (size_t at = 0; map_next(m->nodes, &at, NULL, NULL, &v);) {
        arena_free(((struct model_node *)v)->arena);
        free(v);
    }
    map_free(m->services);
    map_free(m->slices);
    map_free(m->nodes);
    map_free(m->by_ip);
    map_free(m->namespaces);
    free(m);
}

/* --- services --- */

static struct model_service *service_at(struct model *m, const char *ns, const char *name)
{
    auto_free char *key = mem_printf("%s/%s", ns, name);
    struct model_service *s = map_gets(m->services, key);
    if (s)
        return s;
    s = mem_new(struct model_service);
    s->key = take_ptr(key);
    s->name = strchr(s->key, '/') + 1;
    map_puts(m->services, s->key, s);
    return s;
}

static uint32_t cluster_ip(const struct service *s)
{
    struct in_addr ip;
    const char *text = s && s->spec ? s->spec->cluster_ip : NULL;
    return text && inet_pton(AF_INET, text, &ip) == 1 ? ip.s_addr : 0;
}

static void count_namespace(struct model *m, const struct model_service *s, intptr_t by)
{
    size_t len = (size_t)(s->name - 1 - s->key);
    intptr_t n = (intptr_t)map_get(m->namespaces, s->key, len) + by;
    if (n > 0)
        map_put(m->namespaces, s->key, len, (void *)n);
    else
        map_remove(m->namespaces, s->key, len);
}

static void index_service(struct model *m, struct model_service *s, bool in)
{
    uint32_t ip = cluster_ip(s->service);
    if (!s->service)
        return;
    count_namespace(m, s, in ? 1 : -1);
    if (ip && in)
        map_put(m->by_ip, &ip, sizeof(ip), s);
    else if (ip && map_get(m->by_ip, &ip, sizeof(ip)) == s)
        map_remove(m->by_ip, &ip, sizeof(ip));
}

static void replace_service(
    struct model *m, struct model_service *s, struct arena *a, struct service *service)
{
    index_service(m, s, false);
    arena_free(s->arena);
    s->arena = a;
    s->service = service;
    index_service(m, s, true);
    m->ev->service(m->arg, s);
}

void model_service_drop_if_empty(struct model *m, struct model_service *s)
{
    if (s->service || s->n_slices || s->plan.n)
        return;
    map_removes(m->services, s->key);
    free_service(s);
}

/* --- slices --- */

static void unlink_slice(struct slice *s)
{
    struct model_service *of = s->of;
    for (size_t i = 0; of && i < of->n_slices; i++)
        if (of->slices[i] == &s->slice)
            of->slices[i--] = of->slices[--of->n_slices];
    s->of = NULL;
}

static void link_slice(struct slice *s, struct model_service *of)
{
    of->slices = mem_realloc(of->slices, of->n_slices + 1, sizeof(*of->slices));
    of->slices[of->n_slices++] = &s->slice;
    s->of = of;
}

/* The service of the slice (or of what it was before) is told once its links are right again. */
static void relink_slice(struct model *m, struct slice *s, struct model_service *of)
{
    struct model_service *was = s->of;
    unlink_slice(s);
    if (of)
        link_slice(s, of);
    if (was && was != of)
        m->ev->service(m->arg, was);
    if (of)
        m->ev->service(m->arg, of);
}

static void remove_slice(struct model *m, struct slice *s)
{
    map_removes(m->slices, s->key);
    relink_slice(m, s, NULL);
    free_slice(s);
}

/* --- objects --- */

static struct err *names_of(const struct object_meta *meta, const char **ret_ns, const char **ret_name)
{
    if (!meta || !meta->name)
        return err_new(ERR_INVALID, "metadata.name: missing");
    *ret_name = meta->name;
    *ret_ns = meta->namespace_ ? meta->namespace_ : "";
    return NULL;
}

static struct err *set_service(struct model *m, struct arena **a, const struct json *object)
{
    struct service *service = arena_new_obj(*a, struct service);
    const char *ns = NULL, *name = NULL;
    TRY(fields_decode(&service_fields, *a, object, service));
    TRY(names_of(service->metadata, &ns, &name));
    struct model_service *s = service_at(m, ns, name);
    s->seen = true;
    replace_service(m, s, take_ptr(*a), service);
    return NULL;
}

static struct err *set_slice(struct model *m, struct arena **a, const struct json *object)
{
    struct endpoint_slice slice;
    const char *ns = NULL, *name = NULL;
    TRY(fields_decode(&endpoint_slice_fields, *a, object, &slice));
    TRY(names_of(slice.metadata, &ns, &name));
    const char *of = meta_label(slice.metadata, SERVICE_NAME_LABEL);
    auto_free char *key = mem_printf("%s/%s", ns, name);
    struct slice *s = map_gets(m->slices, key);
    if (!s) {
        s = mem_new(struct slice);
        s->key = take_ptr(key);
        map_puts(m->slices, s->key, s);
    }
    arena_free(s->arena);
    s->arena = take_ptr(*a);
    s->slice = slice;
    s->seen = true;
    relink_slice(m, s, of && *of ? service_at(m, ns, of) : NULL);
    return NULL;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* Nodes change every few seconds (status); only what matters here is told. */
static struct err *set_node(struct model *m, struct arena **a, const struct json *object)
{
    struct node node;
    const char *ns = NULL, *name = NULL;
    TRY(fields_decode(&node_fields, *a, object, &node));
    TRY(names_of(node.metadata, &ns, &name));
    struct model_node n = {.name = name, .seen = true};
    n.pod_cidr = node.spec ? node.spec->pod_cidr : NULL;
    n.internal_ip = node.status ? node_address(node.status, "InternalIP") : NULL;
    struct model_node *was = map_gets(m->nodes, name);
    if (was && same(was->pod_cidr, n.pod_cidr) && same(was->internal_ip, n.internal_ip)) {
        was->seen = true;
        return NULL;
    }
    if (!was)
        map_puts(m->nodes, name, was = mem_new(struct model_node));
    arena_free(was->arena);
    n.arena = take_ptr(*a);
    *was = n;
    m->ev->nodes(m->arg);
    return NULL;
}

struct err *model_set(struct model *m, enum model_kind kind, const struct json *object)
{
    auto_arena *a = arena_new();
    /* The object ends with the callback: what is kept of it is decoded from a copy. */
    object = json_copy(a, object);
    struct err *e = kind == MODEL_SERVICES ? set_service(m, &a, object)
                    : kind == MODEL_SLICES ? set_slice(m, &a, object)
                                           : set_node(m, &a, object);
    if (!e)
        return NULL;
    const char *ns = json_str(json_at(object, "metadata", "namespace", NULL));
    const char *name = json_str(json_at(object, "metadata", "name", NULL));
    return err_wrap(e, "%s/%s", ns ? ns : "", name ? name : "?");
}

static void remove_node(struct model *m, struct model_node *n)
{
    map_removes(m->nodes, n->name);
    arena_free(n->arena);
    free(n);
    m->ev->nodes(m->arg);
}

void model_delete(struct model *m, enum model_kind kind, const struct json *object)
{
    const char *ns = json_str(json_at(object, "metadata", "namespace", NULL));
    const char *name = json_str(json_at(object, "metadata", "name", NULL));
    if (!name)
        return;
    auto_free char *key = mem_printf("%s/%s", ns ? ns : "", name);
    if (kind == MODEL_SERVICES) {
        struct model_service *s = map_gets(m->services, key);
        if (s)
            replace_service(m, s, NULL, NULL);
    } else if (kind == MODEL_SLICES) {
        struct slice *s = map_gets(m->slices, key);
        if (s)
            remove_slice(m, s);
    } else {
        struct model_node *n = map_gets(m->nodes, name);
        if (n)
            remove_node(m, n);
    }
}

/* --- lists --- */

void model_relist(struct model *m, enum model_kind kind)
{
    void *v;
    for (size_t at = 0; kind == MODEL_SERVICES && map_next(m->services, &at, NULL, NULL, &v);)
        ((struct model_service *)v)->seen = false;
    for (size_t at = 0; kind == MODEL_SLICES && map_next(m->slices, &at, NULL, NULL, &v);)
        ((struct slice *)v)->seen = false;
    for (size_t at = 0; kind == MODEL_NODES && map_next(m->nodes, &at, NULL, NULL, &v);)
        ((struct model_node *)v)->seen = false;
}

void model_synced(struct model *m, enum model_kind kind)
{
    void *v;
    for (size_t at = 0; kind == MODEL_SERVICES && map_next(m->services, &at, NULL, NULL, &v);) {
        struct model_service *s = v;
        if (!s->seen && s->service)
            replace_service(m, s, NULL, NULL);
    }
    for (size_t at = 0; kind == MODEL_SLICES && map_next(m->slices, &at, NULL, NULL, &v);)
        if (!((struct slice *)v)->seen)
            remove_slice(m, v);
    for (size_t at = 0; kind == MODEL_NODES && map_next(m->nodes, &at, NULL, NULL, &v);)
        if (!((struct model_node *)v)->seen)
            remove_node(m, v);
}

/* --- questions --- */

struct model_service *model_service(const struct model *m, const char *ns, const char *name)
{
    auto_free char *key = mem_printf("%s/%s", ns, name);
    return map_gets(m->services, key);
}

struct model_service *model_service_by_ip(const struct model *m, uint32_t ip)
{
    return map_get(m->by_ip, &ip, sizeof(ip));
}

bool model_has_namespace(const struct model *m, const char *ns)
{
    return map_gets(m->namespaces, ns) != NULL;
}

bool model_next_service(const struct model *m, size_t *at, struct model_service **ret)
{
    void *v;
    if (!map_next(m->services, at, NULL, NULL, &v))
        return false;
    *ret = v;
    return true;
}

bool model_next_node(const struct model *m, size_t *at, struct model_node **ret)
{
    void *v;
    if (!map_next(m->nodes, at, NULL, NULL, &v))
        return false;
    *ret = v;
    return true;
}
