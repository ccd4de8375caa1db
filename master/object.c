/*
 * Objects in memory: one block each, that holds the header, what it points to, and the bytes.
 */
#include "master/object.h"
#include "lib/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT_MAX ((size_t)4 << 20)

/* Packs into one block. With base NULL it only counts. */
struct packer {
    char *base;
    size_t used;
};

static void *pack(struct packer *p, size_t n, size_t align)
{
    p->used = (p->used + align - 1) & ~(align - 1);
    void *at = p->base ? p->base + p->used : NULL;
    p->used += n;
    return at;
}

static const char *pack_str(struct packer *p, const char *s, size_t n)
{
    char *at = pack(p, n + 1, 1);
    if (at) {
        memcpy(at, s, n);
        at[n] = 0;
    }
    return at;
}

static const char *pack_json(struct packer *p, const struct json *j)
{
    const char *s = json_str(j);
    return s ? pack_str(p, s, j->n) : "";
}

static void pack_labels(struct packer *p, struct object *o, const struct json *labels)
{
    size_t n = labels && labels->type == JSON_OBJECT ? labels->n : 0, i = 0;
    struct str_pair *v = pack(p, n * sizeof(*v), sizeof(void *));
    json_each_member (m, labels) {
        struct str_pair pair = {pack_str(p, m->name, strlen(m->name)), pack_json(p, &m->value)};
        if (v)
            v[i++] = pair;
    }
    if (p->base)
        o->labels = (struct str_map){n, v};
}

static void pack_owners(struct packer *p, struct object *o, const struct json *owners)
{
    size_t n = owners && owners->type == JSON_ARRAY ? owners->n : 0, i = 0;
    struct object_owner *v = pack(p, n * sizeof(*v), sizeof(void *));
    json_each_item (ref, owners) {
        struct object_owner owner = {
            .api_version = pack_json(p, json_get(ref, "apiVersion")),
            .kind = pack_json(p, json_get(ref, "kind")),
            .name = pack_json(p, json_get(ref, "name")),
            .uid = pack_json(p, json_get(ref, "uid")),
            .controller = json_bool(json_get(ref, "controller"), false),
            .block_deletion = json_bool(json_get(ref, "blockOwnerDeletion"), false),
        };
        if (v)
            v[i++] = owner;
    }
    if (p->base) {
        o->n_owners = n;
        o->owners = v;
    }
}

static void pack_finalizers(struct packer *p, struct object *o, const struct json *list)
{
    size_t n = list && list->type == JSON_ARRAY ? list->n : 0, i = 0;
    const char **v = pack(p, n * sizeof(*v), sizeof(void *));
    json_each_item (it, list) {
        const char *text = pack_json(p, it);
        if (v)
            v[i++] = text;
    }
    if (p->base) {
        o->n_finalizers = n;
        o->finalizers = v;
    }
}

static const char *pack_field(struct packer *p, const struct kind_field *f, const struct json *tree)
{
    const struct json *j = tree;
    for (size_t i = 0; i < ARRAY_SIZE(f->path) && f->path[i]; i++) {
        if (j && j->type == JSON_ARRAY)
            j = j->n ? &j->items[0] : NULL;
        j = json_get(j, f->path[i]);
    }
    if (j && (j->type == JSON_STRING || j->type == JSON_NUMBER))
        return pack_str(p, j->text, j->n);
    if (j && j->type == JSON_BOOL)
        return j->boolean ? "true" : "false";
    return f->otherwise;
}

static void pack_object(
    struct packer *p, const struct kind *kind, const struct json *tree, const char *json, size_t len)
{
    const struct json *meta = json_get(tree, "metadata");
    struct object *o = pack(p, sizeof(*o), sizeof(void *)), unused;
    if (!o)
        o = &unused;
    const char *ns = json_str(json_get(meta, "namespace")), *name = json_str(json_get(meta, "name"));
    ns = kind->namespaced && ns ? ns : "";
    name = name ? name : "";
    pack_labels(p, o, json_get(meta, "labels"));
    pack_owners(p, o, json_get(meta, "ownerReferences"));
    pack_finalizers(p, o, json_get(meta, "finalizers"));
    const char **fields = pack(p, kind->n_fields * sizeof(*fields), sizeof(void *));
    for (size_t i = 0; i < kind->n_fields; i++) {
        const char *text = pack_field(p, &kind->fields[i], tree);
        if (fields)
            fields[i] = text;
    }
    char *key = pack(p, strlen(ns) + strlen(name) + 2, 1);
    const char *packed_ns = pack_str(p, ns, strlen(ns)), *uid = pack_json(p, json_get(meta, "uid"));
    const char *bytes = pack_str(p, json, len);
    if (!p->base)
        return;
    char *end = stpcpy(key, ns);
    if (kind->namespaced)
        *end++ = '/';
    memcpy(end, name, strlen(name) + 1);
    int64_t created = 0;
    const char *when = json_str(json_get(meta, "creationTimestamp"));
    if (when && clock_parse(when, &created))
        created /= 1000000000;
    o->refs = 1;
    o->kind = kind;
    o->ns = packed_ns;
    o->key = key;
    o->name = end;
    o->uid = uid;
    o->fields = fields;
    o->created = created;
    o->deleting = json_str(json_get(meta, "deletionTimestamp")) != NULL;
    o->len = len;
    o->json = bytes;
}

static struct object *build(
    const struct kind *kind, const struct json *tree, uint64_t rev, const char *json, size_t len)
{
    struct packer p = {0};
    pack_object(&p, kind, tree, json, len);
    p = (struct packer){.base = mem_zalloc(p.used)};
    pack_object(&p, kind, tree, json, len);
    struct object *o = (struct object *)(void *)p.base;
    o->rev = rev;
    return o;
}

struct object *object_new(const struct kind *kind, const struct json *tree, uint64_t rev)
{
    char revision[24];
    auto_buf b = BUF_INIT(OBJECT_MAX);
    struct json_out out = {.buf = &b};
    json_out_object(&out, NULL);
    json_out_str(&out, "kind", kind->name);
    json_out_str(&out, "apiVersion", kind->api_version);
    json_out_object(&out, "metadata");
    json_each_member (m, json_get(tree, "metadata")) {
        if (strcmp(m->name, "resourceVersion") != 0)
            json_out_value(&out, m->name, &m->value);
    }
    snprintf(revision, sizeof(revision), "%llu", (unsigned long long)rev);
    if (rev)
        json_out_str(&out, "resourceVersion", revision);
    json_out_end_object(&out);
    json_each_member (m, tree) {
        if (strcmp(m->name, "kind") != 0 && strcmp(m->name, "apiVersion") != 0 &&
            strcmp(m->name, "metadata") != 0)
            json_out_value(&out, m->name, &m->value);
    }
    json_out_end_object(&out);
    return build(kind, tree, rev, buf_str(&b), b.len);
}

struct object *object_at(const struct object *o, uint64_t rev)
{
    auto_arena *a = arena_new();
    return object_new(o->kind, object_tree(a, o), rev);
}

struct err *object_load(
    const struct kind *kind, uint64_t rev, const char *json, size_t len, struct object **ret)
{
    auto_arena *a = arena_new();
    const struct json *tree;
    TRY(json_parse(a, json, len, NULL, &tree));
    *ret = build(kind, tree, rev, json, len);
    return NULL;
}

const struct object *object_ref(const struct object *o)
{
    if (o)
        ((struct object *)o)->refs++;
    return o;
}

void object_unref(const struct object *o)
{
    struct object *mine = (struct object *)o;
    if (mine && !--mine->refs)
        free(mine);
}

const struct json *object_tree(struct arena *a, const struct object *o)
{
    const struct json *tree = NULL;
    auto_err *e = json_parse(a, o->json, o->len, NULL, &tree);
    if (e)
        abort(); /* we wrote it */
    return tree;
}

const struct object_owner *object_controller(const struct object *o)
{
    for (size_t i = 0; i < o->n_owners; i++)
        if (o->owners[i].controller)
            return &o->owners[i];
    return NULL;
}

const char *object_field(const struct object *o, const char *name)
{
    for (size_t i = 0; i < o->kind->n_fields; i++)
        if (!strcmp(o->kind->fields[i].name, name))
            return o->fields[i];
    return NULL;
}
