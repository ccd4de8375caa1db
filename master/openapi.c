/*
 * OpenAPI v3 (one document per group and version, found through an index) and v2 (one for all), written from
 * the schema and from resources[]. kubectl takes from them: which fields there are (explain), how lists are
 * merged (apply), and that the server validates fields and knows dry runs. Nothing is kept but the hashes:
 * clients cache the documents.
 */
#include "lib/tls.h"
#include "master/discovery.h"
#include "master/schema.h"
#include <stdio.h>
#include <string.h>

#define DOCUMENT_MAX ((size_t)4 << 20)
#define TYPES_MAX 512

struct writing {
    struct json_out o;
    struct arena *a;
    bool v2;
    bool reached[TYPES_MAX];
};

/* ---- Names ---- */

/* "core.v1.Pod" -> "io.k8s.api.core.v1.Pod" */
static const char *full_name(struct arena *a, const char *type)
{
    if (!strncmp(type, "meta.", 5))
        return arena_printf(a, "io.k8s.apimachinery.pkg.apis.%s", type);
    return arena_printf(a, "io.k8s.api.%s", type);
}

static const char *reference(struct writing *w, const char *name)
{
    return arena_printf(w->a, w->v2 ? "#/definitions/%s" : "#/components/schemas/%s", name);
}

static const struct {
    const char *name, *type, *format, *description;
} scalars[] = {
    [SCHEMA_STRING] = {NULL, "string", NULL, NULL},
    [SCHEMA_INT32] = {NULL, "integer", "int32", NULL},
    [SCHEMA_INT64] = {NULL, "integer", "int64", NULL},
    [SCHEMA_BOOL] = {NULL, "boolean", NULL, NULL},
    [SCHEMA_DOUBLE] = {NULL, "number", "double", NULL},
    [SCHEMA_BYTES] = {NULL, "string", "byte", NULL},
    [SCHEMA_QUANTITY] = {"io.k8s.apimachinery.pkg.api.resource.Quantity", "string", NULL,
        "An amount: a number with an optional suffix, such as 100m, 1.5 or 64Mi."},
    [SCHEMA_INTSTR] = {"io.k8s.apimachinery.pkg.util.intstr.IntOrString", "string", "int-or-string",
        "A number, or the name of one."},
    [SCHEMA_TIME] = {"io.k8s.apimachinery.pkg.apis.meta.v1.Time", "string", "date-time",
        "A time, to the second (RFC 3339)."},
    [SCHEMA_MICROTIME] = {"io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime", "string", "date-time",
        "A time, to the microsecond (RFC 3339)."},
    [SCHEMA_ANY] = {NULL, "object", NULL, NULL},
    [SCHEMA_STRUCT] = {NULL, NULL, NULL, NULL},
};

/* ---- Schemas ---- */

static void write_base(struct writing *w, const struct schema_field *f)
{
    const char *name = f->sub ? full_name(w->a, f->sub->name) : scalars[f->base].name;
    if (name) {
        json_out_str(&w->o, "$ref", reference(w, name));
        return;
    }
    json_out_str(&w->o, "type", scalars[f->base].type);
    if (scalars[f->base].format)
        json_out_str(&w->o, "format", scalars[f->base].format);
}

static void write_list_kind(struct writing *w, const struct schema_field *f)
{
    struct json_out *o = &w->o;
    if (f->keys) {
        json_out_str(o, "x-kubernetes-list-type", "map");
        json_out_array(o, "x-kubernetes-list-map-keys");
        char *save = NULL, *copy = arena_strdup(w->a, f->keys);
        for (char *k = strtok_r(copy, ",", &save); k; k = strtok_r(NULL, ",", &save))
            json_out_str(o, NULL, k);
        json_out_end_array(o);
    } else if (f->list) {
        json_out_str(o, f->shape == SCHEMA_MAP ? "x-kubernetes-map-type" : "x-kubernetes-list-type", f->list);
    }
    if (f->merge_key)
        json_out_str(o, "x-kubernetes-patch-merge-key", f->merge_key);
    if (f->merge || f->retain)
        json_out_str(o, "x-kubernetes-patch-strategy",
            f->merge && f->retain ? "merge,retainKeys"
            : f->merge            ? "merge"
                                  : "retainKeys");
}

static void write_property(struct writing *w, const struct schema_field *f)
{
    struct json_out *o = &w->o;
    json_out_object(o, f->name);
    if (f->shape == SCHEMA_ONE) {
        write_base(w, f);
    } else {
        json_out_str(o, "type", f->shape == SCHEMA_LIST ? "array" : "object");
        json_out_object(o, f->shape == SCHEMA_LIST ? "items" : "additionalProperties");
        write_base(w, f);
        json_out_end_object(o);
        write_list_kind(w, f);
    }
    json_out_end_object(o);
}

static void write_gvk(struct json_out *o, const char *group, const char *version, const char *kind)
{
    json_out_str(o, "group", group);
    json_out_str(o, "kind", kind);
    json_out_str(o, "version", version);
}

/* The kinds that are sent as this type. */
static void write_kinds(struct writing *w, const struct schema *s)
{
    static const struct {
        const char *type, *group, *kind;
    } others[] = {{"autoscaling.v1.Scale", "autoscaling", "Scale"},
        {"policy.v1.Eviction", "policy", "Eviction"}, {"core.v1.Binding", "", "Binding"},
        {"meta.v1.DeleteOptions", "", "DeleteOptions"}, {"meta.v1.Status", "", "Status"}};
    struct json_out *o = &w->o;
    const char *kind = schema_short(s), *group = NULL;
    for (size_t i = 0; i < resources_n; i++) {
        const struct resource *r = &resources[i];
        const char *type = r->foreign_view ? "events.v1.Event" : r->kind->type;
        size_t n = strlen(type);
        if (!strncmp(s->name, type, n) && (!s->name[n] || !strcmp(s->name + n, "List")))
            group = r->group;
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (!strcmp(s->name, others[i].type))
            group = others[i].group;
    if (!group)
        return;
    json_out_array(o, "x-kubernetes-group-version-kind");
    json_out_object(o, NULL);
    write_gvk(o, group, "v1", kind);
    json_out_end_object(o);
    json_out_end_array(o);
}

static void write_type(struct writing *w, const struct schema *s)
{
    struct json_out *o = &w->o;
    bool some = false;
    json_out_object(o, full_name(w->a, s->name));
    json_out_str(o, "type", "object");
    for (size_t i = 0; i < s->n; i++)
        some = some || s->fields[i].required;
    if (some) {
        json_out_array(o, "required");
        for (size_t i = 0; i < s->n; i++)
            if (s->fields[i].required)
                json_out_str(o, NULL, s->fields[i].name);
        json_out_end_array(o);
    }
    json_out_object(o, "properties");
    for (size_t i = 0; i < s->n; i++)
        write_property(w, &s->fields[i]);
    json_out_end_object(o);
    write_kinds(w, s);
    json_out_end_object(o);
}

static void reach(struct writing *w, const struct schema *all, const struct schema *s)
{
    if (!s || w->reached[s - all])
        return;
    w->reached[s - all] = true;
    for (size_t i = 0; i < s->n; i++)
        reach(w, all, s->fields[i].sub);
}

static void write_types(struct writing *w, const char *group)
{
    size_t n;
    const struct schema *all = schema_all(&n);
    static const char *const common[] = {"meta.v1.Status", "meta.v1.DeleteOptions", "meta.v1.WatchEvent"};
    for (size_t i = 0; i < ARRAY_SIZE(common); i++)
        reach(w, all, schema_find(common[i]));
    for (size_t i = 0; i < resources_n; i++) {
        const struct resource *r = &resources[i];
        if (group && strcmp(r->group, group) != 0)
            continue;
        const char *type = r->foreign_view ? "events.v1.Event" : r->kind->type;
        reach(w, all, schema_find(type));
        reach(w, all, schema_find(arena_printf(w->a, "%sList", type)));
        for (const struct subresource *s = r->subs; s && s->name; s++) {
            if (s->id == SUB_SCALE)
                reach(w, all, schema_find("autoscaling.v1.Scale"));
            else if (s->id == SUB_EVICTION)
                reach(w, all, schema_find("policy.v1.Eviction"));
            else if (s->id == SUB_BINDING)
                reach(w, all, schema_find("core.v1.Binding"));
        }
    }
    for (size_t i = 0; i < n && i < TYPES_MAX; i++)
        if (w->reached[i])
            write_type(w, &all[i]);
    for (size_t i = 0; i < ARRAY_SIZE(scalars); i++) {
        if (!scalars[i].name)
            continue;
        json_out_object(&w->o, scalars[i].name);
        json_out_str(&w->o, "description", scalars[i].description);
        json_out_str(&w->o, "type", scalars[i].type);
        if (scalars[i].format)
            json_out_str(&w->o, "format", scalars[i].format);
        json_out_end_object(&w->o);
    }
}

/* ---- Paths ---- */

static void write_parameter(struct writing *w, const char *name, const char *in, const char *type)
{
    struct json_out *o = &w->o;
    json_out_object(o, NULL);
    json_out_str(o, "name", name);
    json_out_str(o, "in", in);
    if (!strcmp(in, "path"))
        json_out_bool(o, "required", true);
    if (w->v2) {
        json_out_str(o, "type", type);
    } else {
        json_out_object(o, "schema");
        json_out_str(o, "type", type);
        json_out_end_object(o);
    }
    json_out_end_object(o);
}

struct operation {
    const char *method, *action;
    unsigned verb;
    bool item; /* on one object; else on the collection */
    const char *parameters[8];
};
static const struct operation operations[] = {
    {"get", "list", VERB_LIST, false,
        {"labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "watch",
            "timeoutSeconds"}},
    {"post", "post", VERB_CREATE, false, {"dryRun", "fieldManager", "fieldValidation"}},
    {"delete", "deletecollection", VERB_DELETECOLLECTION, false,
        {"labelSelector", "fieldSelector", "dryRun"}},
    {"get", "get", VERB_GET, true, {NULL}},
    {"put", "put", VERB_UPDATE, true, {"dryRun", "fieldManager", "fieldValidation"}},
    {"patch", "patch", VERB_PATCH, true, {"dryRun", "fieldManager", "fieldValidation", "force"}},
    {"delete", "delete", VERB_DELETE, true, {"dryRun", "gracePeriodSeconds", "propagationPolicy"}},
    {"post", "post", VERB_CREATE, true, {"dryRun", "fieldManager", "fieldValidation"}},
};

static void write_response(struct writing *w, const char *type)
{
    struct json_out *o = &w->o;
    json_out_object(o, "responses");
    json_out_object(o, "200");
    json_out_str(o, "description", "OK");
    if (!w->v2) {
        json_out_object(o, "content");
        json_out_object(o, "application/json");
    }
    json_out_object(o, "schema");
    json_out_str(o, "$ref", reference(w, full_name(w->a, type)));
    json_out_end_object(o);
    if (!w->v2) {
        json_out_end_object(o);
        json_out_end_object(o);
    }
    json_out_end_object(o);
    json_out_end_object(o);
}

static void write_operation(struct writing *w, const struct operation *op, const struct resource *r,
    const struct subresource *sub, const char *type)
{
    struct json_out *o = &w->o;
    const char *group = sub && sub->group ? sub->group : r->group;
    json_out_object(o, op->method);
    json_out_str(o, "operationId",
        arena_printf(w->a, "%s%s%s%s%s", op->action, *r->group ? r->group : "core", r->kind->name,
            sub ? "-" : "", sub ? sub->name : ""));
    json_out_array(o, "parameters");
    for (size_t i = 0; i < ARRAY_SIZE(op->parameters) && op->parameters[i]; i++)
        write_parameter(w, op->parameters[i], "query", "string");
    json_out_end_array(o);
    write_response(w, !strcmp(op->action, "list") ? arena_printf(w->a, "%sList", type) : type);
    json_out_str(o, "x-kubernetes-action", op->action);
    json_out_object(o, "x-kubernetes-group-version-kind");
    write_gvk(o, group, "v1", sub ? sub->kind : r->kind->name);
    json_out_end_object(o);
    json_out_end_object(o);
}

static void write_path(struct writing *w, const struct resource *r, const struct subresource *sub, bool item)
{
    struct json_out *o = &w->o;
    unsigned verbs = sub ? sub->verbs : r->verbs;
    const char *type = r->foreign_view ? "events.v1.Event" : r->kind->type;
    if (sub)
        type = sub->id == SUB_SCALE      ? "autoscaling.v1.Scale"
               : sub->id == SUB_EVICTION ? "policy.v1.Eviction"
               : sub->id == SUB_BINDING  ? "core.v1.Binding"
                                         : type;
    json_out_object(
        o, arena_printf(w->a, "%s%s%s/v1%s/%s%s%s%s", *r->group ? "/apis" : "/api", *r->group ? "/" : "",
               r->group, r->kind->namespaced ? "/namespaces/{namespace}" : "", r->kind->resource,
               item ? "/{name}" : "", sub ? "/" : "", sub ? sub->name : ""));
    json_out_array(o, "parameters");
    if (r->kind->namespaced)
        write_parameter(w, "namespace", "path", "string");
    if (item)
        write_parameter(w, "name", "path", "string");
    json_out_end_array(o);
    for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
        const struct operation *op = &operations[i];
        bool create = op->verb == VERB_CREATE;
        if (op->item == item && (verbs & op->verb) && (!create || item == (sub != NULL)))
            write_operation(w, op, r, sub, type);
    }
    json_out_end_object(o);
}

static void write_paths(struct writing *w, const char *group)
{
    json_out_object(&w->o, "paths");
    for (size_t i = 0; i < resources_n; i++) {
        const struct resource *r = &resources[i];
        if (group && strcmp(r->group, group) != 0)
            continue;
        write_path(w, r, NULL, false);
        write_path(w, r, NULL, true);
        for (const struct subresource *s = r->subs; s && s->name; s++)
            write_path(w, r, s, true);
    }
    json_out_end_object(&w->o);
}

/* ---- Documents ---- */

/* group NULL: all of them, as v2. */
static void write_document(struct buf *b, const char *group)
{
    auto_arena *a = arena_new();
    struct writing w = {.o = {.buf = b}, .a = a, .v2 = !group};
    json_out_object(&w.o, NULL);
    json_out_str(&w.o, w.v2 ? "swagger" : "openapi", w.v2 ? "2.0" : "3.0.0");
    json_out_object(&w.o, "info");
    json_out_str(&w.o, "title", "Kubernetes");
    json_out_str(&w.o, "version", "v1.32.0");
    json_out_end_object(&w.o);
    write_paths(&w, group);
    if (w.v2) {
        json_out_object(&w.o, "definitions");
        write_types(&w, NULL);
    } else {
        json_out_object(&w.o, "components");
        json_out_object(&w.o, "schemas");
        write_types(&w, group);
        json_out_end_object(&w.o);
    }
    json_out_end_object(&w.o);
    json_out_end_object(&w.o);
}

/* "api/v1" or "apis/GROUP/v1" -> the group; NULL: none of ours. */
static const char *group_of_path(const char *path)
{
    for (size_t i = 0; i < resources_n; i++) {
        char own[128];
        snprintf(own, sizeof(own), "%s%s%s/v1", *resources[i].group ? "apis" : "api",
            *resources[i].group ? "/" : "", resources[i].group);
        if (!strcmp(path, own))
            return resources[i].group;
    }
    return NULL;
}

/* The hash of a group's document, computed once. */
static const char *hash_of(const char *group)
{
    static char hashes[16][65];
    for (size_t i = 0; i < resources_n && i < ARRAY_SIZE(hashes); i++) {
        if (strcmp(resources[i].group, group) != 0)
            continue;
        if (!*hashes[i]) {
            auto_buf b = BUF_INIT(DOCUMENT_MAX);
            write_document(&b, group);
            sha256_hex(buf_str(&b), b.len, hashes[i]);
        }
        return hashes[i];
    }
    return "";
}

static void respond(struct call *c, const char *type, const struct buf *b)
{
    char hash[65];
    sha256_hex(b->data, b->len, hash);
    const char *etag = arena_printf(c->arena, "\"%s\"", hash), *have = http_header(c->req, "If-None-Match");
    const struct http_header headers[] = {{"ETag", etag}, {"Vary", "Accept"}, {0}};
    if (have && !strcmp(have, etag))
        call_respond(c, 304, NULL, "", 0, headers);
    else
        call_respond(c, 200, type, b->data, b->len, headers);
}

static void write_index(struct call *c, struct buf *b)
{
    struct json_out o = {.buf = b};
    json_out_object(&o, NULL);
    json_out_object(&o, "paths");
    for (size_t i = 0; i < resources_n; i++) {
        const char *g = resources[i].group;
        bool first = true;
        for (size_t k = 0; k < i; k++)
            first = first && strcmp(resources[k].group, g) != 0;
        if (!first)
            continue;
        const char *path = arena_printf(c->arena, "%s%s%s/v1", *g ? "apis" : "api", *g ? "/" : "", g);
        json_out_object(&o, path);
        json_out_str(
            &o, "serverRelativeURL", arena_printf(c->arena, "/openapi/v3/%s?hash=%s", path, hash_of(g)));
        json_out_end_object(&o);
    }
    json_out_end_object(&o);
    json_out_end_object(&o);
}

/* Whether plain JSON is acceptable: the protobuf forms are not written here. */
static bool takes_json(struct call *c)
{
    const char *accept = http_header(c->req, "Accept");
    return !accept || !*accept || strstr(accept, "json") || strstr(accept, "*/*");
}

#define V2_PROTOBUF "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

/* kubectl asks for v2 in this form only, and only when v3 does not have a kind, to find out whether v2 has
 * it. What it needs is a document without it: {swagger: "2.0", info: {title, version}, paths: {}} of
 * openapi.v2.Document. */
static bool answers_v2_protobuf(struct call *c, bool v2)
{
    static const char document[] = "\x0a\x03"
                                   "2.0"
                                   "\x12\x11"
                                   "\x0a\x06"
                                   "Wherry"
                                   "\x12\x07"
                                   "v1.32.0"
                                   "\x42\x00";
    const char *accept = http_header(c->req, "Accept");
    if (!v2 || !accept || !strstr(accept, "proto-openapi.spec.v2"))
        return false;
    call_respond(c, 200, V2_PROTOBUF, document, sizeof(document) - 1, NULL);
    return true;
}

bool openapi_handle(struct call *c, const char *path)
{
    auto_buf b = BUF_INIT(DOCUMENT_MAX);
    bool v2 = !strcmp(path, "/openapi/v2"), index = !strcmp(path, "/openapi/v3");
    const char *group = strncmp(path, "/openapi/v3/", 12) ? NULL : group_of_path(path + 12);
    if (!v2 && !index && !group)
        return false;
    if (answers_v2_protobuf(c, v2))
        return true;
    if (!takes_json(c)) {
        struct status *s = status_new(
            c->arena, 406, "NotAcceptable", "only the following media types are accepted: application/json");
        call_fail(c, s);
        return true;
    }
    if (index)
        write_index(c, &b);
    else
        write_document(&b, group);
    respond(c, index ? "text/plain; charset=utf-8" : "application/json", &b);
    return true;
}
