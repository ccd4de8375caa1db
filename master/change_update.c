/*
 * Updates and patches: from what is there, and what was sent, to what shall be there.
 */
#include "lib/clock.h"
#include "master/changing.h"
#include "master/decode.h"
#include "master/edit.h"
#include <stdlib.h>
#include <string.h>

#define MODIFIED "the object has been modified; please apply your changes to the latest version and try again"

static void keep(struct arena *a, struct json *to, const struct json *from, const char *name)
{
    const struct json *v = json_get(from, name);
    if (v)
        edit_set(a, to, name, *v);
    else
        edit_remove(to, name);
}

/* What a client may not change by an update stays as it was. */
static void keep_metadata(struct changing *x, struct json *meta, const struct json *old)
{
    static const char *const kept[] = {"uid", "namespace", "creationTimestamp", "deletionTimestamp",
        "deletionGracePeriodSeconds", "generation"};
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        keep(x->arena, meta, old, kept[i]);
}

/* A subresource changes its part only. */
static void keep_parts(struct changing *x, struct json *obj, const struct json *old)
{
    struct arena *a = x->arena;
    switch (x->c->sub) {
    case SUB_STATUS:
        keep(a, obj, old, "spec");
        keep(a, edit_get(obj, "metadata"), json_get(old, "metadata"), "ownerReferences");
        break;
    case SUB_FINALIZE: {
        const struct json *finalizers = json_at(obj, "spec", "finalizers", NULL);
        struct json kept = finalizers ? *finalizers : json_null;
        keep(a, obj, old, "status");
        keep(a, obj, old, "metadata");
        struct json spec = edit_new_object(a, 2);
        if (finalizers)
            edit_set(a, &spec, "finalizers", kept);
        edit_set(a, obj, "spec", spec);
        break;
    }
    default:
        if (x->resource->subs && resource_sub(x->resource, "status"))
            keep(a, obj, old, "status");
        break;
    }
}

static bool spec_differs(const struct json *a, const struct json *b)
{
    const struct json *x = json_get(a, "spec"), *y = json_get(b, "spec");
    if (!x && !y) { /* EndpointSlice: everything but metadata counts */
        return !json_equal(json_get(a, "endpoints"), json_get(b, "endpoints")) ||
               !json_equal(json_get(a, "ports"), json_get(b, "ports"));
    }
    return !x || !y || !json_equal(x, y);
}

/* false: failed already. */
static bool check_identity(struct changing *x, const struct object *old, const struct json *meta)
{
    struct arena *a = x->arena;
    const char *name = json_str(json_get(meta, "name")), *ns = json_str(json_get(meta, "namespace"));
    const char *uid = json_str(json_get(meta, "uid")), *rv = json_str(json_get(meta, "resourceVersion"));
    const struct status *s = NULL;
    char *end = NULL;
    unsigned long long rev = rv ? strtoull(rv, &end, 10) : 0;
    if (!name || !*name)
        s = status_bad_request(
            a, "the name of the object (%s based on URL) was undeterminable: name must be provided", x->name);
    else if (strcmp(name, x->name) != 0)
        s = status_bad_request(
            a, "the name of the object (%s) does not match the name on the URL (%s)", name, x->name);
    else if (x->kind->namespaced && ns && *ns && strcmp(ns, x->c->ns) != 0)
        s = status_bad_request(
            a, "the namespace of the provided object does not match the namespace sent on the request");
    else if (rv && *end)
        s = status_new(a, 500, NULL, "strconv.ParseUint: parsing \"%s\": invalid syntax", rv);
    else if (old && uid && *uid && strcmp(uid, old->uid) != 0 && x->c->verb == CHANGE_UPDATE)
        s = changing_conflict(
            x, arena_printf(a,
                   "StorageError: invalid object, Code: 4, Key: /registry/%s/%s, ResourceVersion: 0, "
                   "AdditionalErrorMsg: Precondition failed: UID in precondition: %s, UID in object meta: %s",
                   x->kind->resource, old->key, uid, old->uid));
    else if (old && rev && rev != old->rev)
        s = changing_conflict(x, MODIFIED);
    if (s)
        changing_fail(x, s);
    return !s;
}

/* An object that waits to be deleted goes when its last finalizer does. */
static bool is_released(struct changing *x, const struct object *old, const struct json *obj)
{
    const struct json *meta = json_get(obj, "metadata"), *list = json_get(meta, "finalizers");
    int64_t grace = 0;
    if (!old->deleting || (list && list->n))
        return false;
    if (x->kind->id == KIND_NAMESPACE) {
        const struct json *inner = json_at(obj, "spec", "finalizers", NULL);
        return !inner || !inner->n;
    }
    json_int(json_get(meta, "deletionGracePeriodSeconds"), &grace);
    return grace == 0;
}

void change_store(struct changing *x, const struct object *old, const struct json *old_tree, struct json *obj)
{
    struct admission *ad = &x->admission;
    const struct strategy *st = x->strategy;
    struct json *meta = edit_get(obj, "metadata");
    const struct json *sent_uid = json_get(meta, "uid"), *sent_deletion = json_get(meta, "deletionTimestamp");
    struct json sent = edit_new_object(x->arena, 2);
    if (sent_uid)
        edit_set(x->arena, &sent, "uid", *sent_uid);
    if (sent_deletion)
        edit_set(x->arena, &sent, "deletionTimestamp", *sent_deletion);
    keep_parts(x, obj, old_tree);
    meta = edit_get(obj, "metadata");
    keep_metadata(x, meta, json_get(old_tree, "metadata"));
    if (st->defaults)
        st->defaults(ad, obj);
    if (st->update)
        st->update(ad, obj, old_tree);
    if (x->kind->generation && x->c->sub == SUB_NONE && spec_differs(obj, old_tree)) {
        int64_t generation = 0;
        json_int(json_get(meta, "generation"), &generation);
        edit_set_int(x->arena, meta, "generation", generation + 1);
    }
    const char *uid = json_str(json_get(&sent, "uid"));
    for (int twice = 0; uid && *uid && strcmp(uid, old->uid) != 0 && twice < 2; twice++)
        invalid_str(&ad->invalid, PATH(PATH(NULL, "metadata"), "uid"), uid, "field is immutable");
    const char *deletion = json_str(json_get(&sent, "deletionTimestamp"));
    bool moved = deletion && !json_equal(json_get(&sent, "deletionTimestamp"),
                                 json_at(old_tree, "metadata", "deletionTimestamp", NULL));
    for (int twice = 0; moved && twice < 2; twice++) /* as often as Kubernetes says it */
        invalid_str(
            &ad->invalid, PATH(PATH(NULL, "metadata"), "deletionTimestamp"), deletion, "field is immutable");
    meta_validate(ad, obj);
    meta_validate_update(ad, obj, old_tree);
    if (st->validate)
        st->validate(ad, obj);
    if (st->validate_update)
        st->validate_update(ad, obj, old_tree);
    if (!changing_valid(x, obj))
        return;
    if (st->reserve)
        st->reserve(ad, obj, old_tree);
    if (!changing_valid(x, obj))
        return;
    edit_set(x->arena, meta, "resourceVersion", *json_at(old_tree, "metadata", "resourceVersion", NULL));
    bool gone = is_released(x, old, obj);
    if (!gone && json_equal(obj, old_tree) && changing_is_durable(x, old)) {
        changing_answer(x, 200, old, false);
        return;
    }
    uint64_t rev = x->c->dry_run ? old->rev : registry_next_revision(ad->cluster->registry);
    enum registry_write what = gone ? REGISTRY_DELETION
                               : st->is_heartbeat && st->is_heartbeat(x->arena, obj, old_tree)
                                   ? REGISTRY_HEARTBEAT
                                   : REGISTRY_OBJECT;
    changing_stage(x, 200, object_new(x->kind, obj, rev), what);
}

/* ---- Patches ---- */

/* What a patch is applied to: the object as this resource shows it. */
static const struct json *shown(struct changing *x, const struct json *tree)
{
    if (x->c->sub == SUB_SCALE)
        return scale_of(x->arena, tree);
    return x->resource->foreign_view ? event_view_from_core(x->arena, tree) : tree;
}

static const struct json *apply_patch(struct changing *x, const struct json *doc)
{
    const struct json *patch = x->c->body;
    if (x->c->verb == CHANGE_PATCH_JSON)
        return patch_json(x, doc, patch);
    if (!patch || patch->type != JSON_OBJECT) {
        changing_fail(x, status_bad_request(x->arena,
                             "error decoding patch: json: cannot unmarshal %s into Go value of type "
                             "map[string]interface {}",
                             json_type_name(patch ? patch : &json_null)));
        return NULL;
    }
    if (x->c->verb == CHANGE_PATCH_MERGE)
        return patch_merge(x->arena, doc, patch);
    const char *error = NULL;
    const char *type = x->c->sub == SUB_SCALE      ? "autoscaling.v1.Scale"
                       : x->resource->foreign_view ? "events.v1.Event"
                                                   : x->kind->type;
    const struct json *out = patch_strategic(x->arena, schema_find(type), doc, patch, &error);
    if (!out)
        changing_fail(x, status_new(x->arena, 500, NULL, "%s", error));
    return out;
}

/* ---- Scale ---- */

static void update_scale(
    struct changing *x, const struct object *old, const struct json *old_tree, const struct json *body)
{
    struct decode d = {.arena = x->arena};
    struct json scale;
    if (!body || !decode_object(&d, schema_find("autoscaling.v1.Scale"), body, &scale)) {
        changing_fail(
            x, status_bad_request(x->arena, "Scale in version \"v1\" cannot be handled as a Scale: %s",
                   d.failure ? d.failure : "the body is empty"));
        return;
    }
    if (!check_identity(x, old, json_get(&scale, "metadata")))
        return;
    int64_t n = 0;
    json_int(json_at(&scale, "spec", "replicas", NULL), &n);
    if (n < 0) {
        invalid_int(&x->admission.invalid, PATH(PATH(NULL, "spec"), "replicas"), n,
            "must be greater than or equal to 0");
        changing_fail(x, invalid_status(&x->admission.invalid, "autoscaling", "Scale", x->name));
        return;
    }
    struct json obj = edit_copy(x->arena, old_tree, 4);
    edit_set_int(x->arena, edit_object(x->arena, &obj, "spec"), "replicas", n);
    struct change *plain = arena_new_obj(x->arena, struct change);
    *plain = *x->c; /* from here on it is a change of the controller itself */
    plain->sub = SUB_NONE;
    x->c = plain;
    change_store(x, old, old_tree, &obj);
}

/* PUT of a kind that is made where it is not there. */
static void update_creates(struct changing *x)
{
    const char *name = json_str(json_at(x->c->body, "metadata", "name", NULL));
    if (name && strcmp(name, x->name) != 0)
        changing_fail(
            x, status_bad_request(x->arena,
                   "the name of the object (%s) does not match the name on the URL (%s)", name, x->name));
    else
        change_run_create(x);
}

void change_run_update(struct changing *x)
{
    struct arena *a = x->arena;
    const struct object *old =
        registry_latest(x->admission.cluster->registry, x->kind->id, x->c->ns, x->name);
    bool patched = x->c->verb != CHANGE_UPDATE;
    if (!old && !patched && x->kind->create_on_update) {
        update_creates(x);
        return;
    }
    if (!old) {
        changing_fail(x, changing_not_found(x));
        return;
    }
    const struct json *old_tree = object_tree(a, old), *body = x->c->body;
    if (patched && !(body = apply_patch(x, shown(x, old_tree))))
        return;
    if (x->c->sub == SUB_SCALE) {
        update_scale(x, old, old_tree, body);
        return;
    }
    if (patched && x->resource->foreign_view)
        body = event_view_to_core(a, body);
    struct json obj;
    if (!changing_decode(x, body, patched, &obj) || !check_identity(x, old, json_get(&obj, "metadata")))
        return;
    change_store(x, old, old_tree, &obj);
}
