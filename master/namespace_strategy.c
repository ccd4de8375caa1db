/* Namespace. */
#include "master/edit.h"
#include "master/strategy.h"

static void defaults(struct admission *x, struct json *ns)
{
    struct json *meta = edit_get(ns, "metadata");
    const char *name = json_str(edit_get(meta, "name"));
    if (name) /* the label by which selectors name a namespace: always there, always right */
        edit_set_str(x->arena, edit_object(x->arena, meta, "labels"), "kubernetes.io/metadata.name", name);
    edit_default_str(x->arena, edit_object(x->arena, ns, "status"), "phase", "Active");
}

/* The finalizer that holds a deleted namespace until its content is gone (system.c). */
static void create(struct admission *x, struct json *ns)
{
    struct json spec = edit_new_object(x->arena, 2), list = edit_new_array(x->arena, 2);
    edit_append(x->arena, &list, edit_new_str(x->arena, "kubernetes"));
    edit_set(x->arena, &spec, "finalizers", list);
    edit_set(x->arena, ns, "spec", spec);
    struct json status = edit_new_object(x->arena, 3);
    edit_set_str(x->arena, &status, "phase", "Active");
    edit_set(x->arena, ns, "status", status);
}

static void update(struct admission *x, struct json *ns, const struct json *old)
{
    const struct json *finalizers = json_at(old, "spec", "finalizers", NULL);
    if (x->sub != SUB_FINALIZE && finalizers)
        edit_set(x->arena, edit_object(x->arena, ns, "spec"), "finalizers", *finalizers);
}

const struct strategy namespace_strategy = {.defaults = defaults, .create = create, .update = update};
