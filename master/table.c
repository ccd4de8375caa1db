/* meta.k8s.io Table: columns, and a row for each object, with its metadata (or all or nothing of it). */
#include "master/table.h"
#include "master/call.h"
#include <stdio.h>
#include <string.h>

static void write_columns(struct json_out *o, const struct table_kind *t)
{
    json_out_array(o, "columnDefinitions");
    for (size_t i = 0; i < t->n; i++) {
        json_out_object(o, NULL);
        json_out_str(o, "name", t->columns[i].name);
        json_out_str(o, "type", t->columns[i].type);
        json_out_str(o, "format", t->columns[i].format);
        json_out_str(o, "description", t->columns[i].description);
        json_out_int(o, "priority", t->columns[i].priority);
        json_out_end_object(o);
    }
    json_out_end_array(o);
}

/* A Pod that has ended says so: clients may leave it out. */
static void write_conditions(struct json_out *o, const struct object *obj, const struct json *tree)
{
    if (obj->kind->id != KIND_POD)
        return;
    const char *phase = json_str(json_at(tree, "status", "phase", NULL));
    if (!phase || (strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0))
        return;
    json_out_array(o, "conditions");
    json_out_object(o, NULL);
    json_out_str(o, "type", "Completed");
    json_out_str(o, "status", "True");
    json_out_str(o, "reason", phase);
    json_out_str(o, "message", *phase == 'S' ? "The pod has completed successfully." : "The pod failed.");
    json_out_end_object(o);
    json_out_end_array(o);
}

static void write_object(struct call *c, struct json_out *o, const struct object *obj,
    const struct json *tree, const char *include)
{
    if (include && !strcmp(include, "None")) {
        json_out_null(o, "object");
    } else if (include && !strcmp(include, "Object")) {
        size_t len;
        const char *json = call_bytes(c, obj, &len);
        json_out_raw(o, "object", json, len);
    } else {
        json_out_object(o, "object");
        json_out_str(o, "kind", "PartialObjectMetadata");
        json_out_str(o, "apiVersion", arena_printf(c->arena, "meta.k8s.io/%s", c->accept.version));
        json_out_value(o, "metadata", json_get(tree, "metadata"));
        json_out_end_object(o);
    }
}

void table_write(
    struct call *c, struct buf *b, const struct object_list *l, const struct list_meta_out *m, bool columns)
{
    const struct table_kind *t = &table_kinds[c->resource->kind->id];
    const char *include = http_query(c->req, "includeObject");
    struct json_out o = {.buf = b};
    json_out_object(&o, NULL);
    json_out_str(&o, "kind", "Table");
    json_out_str(&o, "apiVersion", arena_printf(c->arena, "meta.k8s.io/%s", c->accept.version));
    list_meta_write(&o, m);
    if (columns)
        write_columns(&o, t);
    else
        json_out_null(&o, "columnDefinitions");
    json_out_array(&o, "rows");
    for (size_t i = 0; i < l->n; i++) {
        auto_arena *a = arena_new();
        const struct json *tree = object_tree(a, l->v[i]);
        json_out_object(&o, NULL);
        json_out_array(&o, "cells");
        t->cells(&o, a, tree);
        json_out_end_array(&o);
        write_conditions(&o, l->v[i], tree);
        write_object(c, &o, l->v[i], tree, include);
        json_out_end_object(&o);
    }
    json_out_end_array(&o);
    json_out_end_object(&o);
}
