/*
 * The way of a write: submit, decode, the common steps, and how it ends.
 */
#include "master/change.h"
#include "lib/clock.h"
#include "lib/tls.h"
#include "master/changing.h"
#include "master/decode.h"
#include "master/edit.h"
#include "master/meta.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- How it ends ---- */

static void report(struct changing *x, const struct change_result *r)
{
    if (x->done)
        x->done(x->arg, r);
    arena_free(take_ptr(x->arena));
}

void changing_fail(struct changing *x, const struct status *s)
{
    report(x,
        &(struct change_result){.code = s->code, .failure = s, .warnings = &x->admission.invalid.warnings});
}

void changing_answer(struct changing *x, unsigned code, const struct object *o, bool gone)
{
    report(x, &(struct change_result){
                  .code = code, .object = o, .gone = gone, .warnings = &x->admission.invalid.warnings});
}

/* What waits for a commit. Many may wait at once: the arena is kept only for warnings. */
struct staged {
    struct arena *arena; /* NULL: nothing of it is needed any more */
    const struct object *object;
    unsigned code;
    bool gone;
    struct str_list warnings;
    change_done_fn *done;
    void *arg;
};

static void staged_done(void *arg, const struct err *e)
{
    struct staged *s = arg;
    struct change_result r = {
        .code = s->code, .object = s->object, .gone = s->gone, .warnings = &s->warnings};
    if (e) {
        if (!s->arena)
            s->arena = arena_new();
        r = (struct change_result){.code = 500, .failure = status_internal(s->arena, "%s", err_message(e))};
    }
    if (s->done)
        s->done(s->arg, &r);
    object_unref(s->object);
    arena_free(s->arena);
    free(s);
}

void changing_stage(struct changing *x, unsigned code, struct object *o, enum registry_write what)
{
    bool gone = what == REGISTRY_DELETION;
    if (x->c->dry_run) {
        changing_answer(x, code, o, gone);
        object_unref(o);
        return;
    }
    struct staged *s = mem_new(struct staged);
    struct str_list warnings = x->admission.invalid.warnings;
    *s = (struct staged){NULL, object_ref(o), code, gone, warnings, x->done, x->arg};
    if (warnings.n)
        s->arena = take_ptr(x->arena);
    else
        arena_free(take_ptr(x->arena));
    registry_stage(x->admission.cluster->registry, o, what, staged_done, s);
}

bool changing_is_durable(const struct changing *x, const struct object *o)
{
    return registry_get(x->admission.cluster->registry, o->kind->id, o->ns, o->name) == o;
}

const struct status *changing_not_found(struct changing *x)
{
    return status_not_found(x->arena, x->resource->group, x->kind->resource, x->name);
}

const struct status *changing_conflict(struct changing *x, const char *why)
{
    return status_conflict(x->arena, x->resource->group, x->kind->resource, x->name, why);
}

/* ---- Decoding ---- */

static const char *list_problems(struct arena *a, const struct str_list *l)
{
    auto_buf b = BUF_INIT((size_t)1 << 20);
    for (size_t i = 0; i < l->n; i++)
        buf_addf(&b, "%s%s", i ? ", " : "", l->v[i]);
    return arena_strdup(a, buf_str(&b));
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `X in version "v1" cannot be handled as a X: ...`; of a patch: what came out of it. */
static void fail_decode(struct changing *x, const struct json *body, bool patched, const char *what)
{
    if (!patched) {
        changing_fail(x, status_bad_request(x->arena, "%s in version \"%s\" cannot be handled as a %s: %s",
                             x->kind->name, x->resource->version, x->kind->name, what));
        return;
    }
    auto_buf text = BUF_INIT((size_t)4 << 20);
    json_write(&text, body, 0);
    struct invalid *v = &x->admission.invalid;
    v->n = 0;
    invalid_str(v, PATH(NULL, "patch"), buf_str(&text), what);
    struct status *s = invalid_status(v, "", "", "");
    changing_fail(x, s);
}

/* Problems become warnings or an error, as the client has asked. */
static bool judge_problems(struct changing *x, struct decode *d, const struct json *body, bool patched)
{
    const struct change *c = x->c;
    struct str_list *l = &d->problems;
    if (!l->n || c->strictness == CHANGE_IGNORE)
        return true;
    if (patched)
        qsort(l->v, l->n, sizeof(*l->v), by_text);
    if (c->strictness == CHANGE_STRICT) {
        fail_decode(x, body, patched,
            arena_printf(x->arena, "strict decoding error: %s", list_problems(x->arena, l)));
        return false;
    }
    for (size_t i = 0; i < l->n; i++)
        invalid_warn(&x->admission.invalid, "%s", l->v[i]);
    return true;
}

static bool check_type(struct changing *x, const struct json *body, bool patched)
{
    const char *kind = json_str(json_get(body, "kind")), *version = json_str(json_get(body, "apiVersion"));
    const struct resource *r = x->resource;
    const char *wanted = *r->group ? arena_printf(x->arena, "%s/%s", r->group, r->version) : r->version;
    bool kind_ok = !kind || !*kind || !strcmp(kind, x->kind->name);
    bool version_ok = !version || !*version || !strcmp(version, wanted);
    if (kind_ok && version_ok)
        return true;
    if (patched) {
        fail_decode(x, body, true,
            arena_printf(x->arena, "no kind \"%s\" is registered for version \"%s\" in scheme",
                kind ? kind : x->kind->name, version ? version : wanted));
        return false;
    }
    changing_fail(
        x, status_bad_request(x->arena,
               "%s in version \"%s\" cannot be handled as a %s: the object provided is of kind \"%s\" and "
               "version \"%s\", the request is for kind \"%s\" and version \"%s\"",
               kind ? kind : x->kind->name, version ? version : wanted, x->kind->name,
               kind ? kind : x->kind->name, version ? version : wanted, x->kind->name, wanted));
    return false;
}

bool changing_decode(struct changing *x, const struct json *body, bool patched, struct json *ret)
{
    if (!body || (body->type != JSON_OBJECT && !patched)) {
        changing_fail(x, status_bad_request(x->arena, "the body of the request is not a JSON object"));
        return false;
    }
    if (!check_type(x, body, patched))
        return false;
    bool view = x->resource->foreign_view && !patched;
    struct decode d = {.arena = x->arena};
    const struct schema *s = schema_find(view ? "events.v1.Event" : x->kind->type);
    if (!decode_object(&d, s, body, ret)) {
        fail_decode(x, body, patched, d.failure);
        return false;
    }
    if (!judge_problems(x, &d, body, patched))
        return false;
    if (view) {
        struct decode again = {.arena = x->arena};
        const struct json *core = event_view_to_core(x->arena, ret);
        if (!decode_object(&again, schema_find(x->kind->type), core, ret)) {
            fail_decode(x, body, patched, again.failure);
            return false;
        }
    }
    edit_object(x->arena, ret, "metadata");
    edit_remove(edit_get(ret, "metadata"), "managedFields");
    edit_set_str(x->arena, ret, "kind", x->kind->name);
    edit_set_str(x->arena, ret, "apiVersion", x->kind->api_version);
    return true;
}

bool changing_valid(struct changing *x, const struct json *obj)
{
    const struct json *name = json_at(obj, "metadata", "name", NULL);
    if (x->admission.refusal) {
        changing_fail(x, x->admission.refusal);
        return false;
    }
    if (!x->admission.invalid.n)
        return true;
    changing_fail(x, invalid_status(&x->admission.invalid, x->resource->group, x->kind->name,
                         json_str(name) ? json_str(name) : ""));
    return false;
}

/* ---- Create ---- */

/* The namespace must be there and not be going away. */
static bool check_namespace(struct changing *x, const char *name)
{
    const char *ns = x->c->ns;
    if (!x->kind->namespaced)
        return true;
    const struct object *o = registry_latest(x->admission.cluster->registry, KIND_NAMESPACE, "", ns);
    if (!o) {
        changing_fail(x, status_not_found(x->arena, "", "namespaces", ns));
        return false;
    }
    if (!o->deleting)
        return true;
    struct status *s = status_forbidden(x->arena, x->resource->group, x->kind->resource, name,
        arena_printf(
            x->arena, "unable to create new content in namespace %s because it is being terminated", ns));
    struct status_cause *cause = arena_new_obj(x->arena, struct status_cause);
    *cause = (struct status_cause){"NamespaceTerminating",
        arena_printf(x->arena, "namespace %s is being terminated", ns), "metadata.namespace"};
    s->n_causes = 1;
    s->causes = cause;
    changing_fail(x, s);
    return false;
}

static void new_metadata(struct changing *x, struct json *obj)
{
    struct arena *a = x->arena;
    struct json *meta = edit_get(obj, "metadata");
    char when[CLOCK_TEXT], uid[META_UID_TEXT];
    clock_rfc3339(clock_now_ns(), when);
    meta_new_uid(uid);
    static const char *const not_yours[] = {
        "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion"};
    for (size_t i = 0; i < ARRAY_SIZE(not_yours); i++)
        edit_remove(meta, not_yours[i]);
    if (x->kind->namespaced)
        edit_set_str(a, meta, "namespace", x->c->ns);
    else
        edit_remove(meta, "namespace");
    edit_set_str(a, meta, "uid", uid);
    edit_set_str(a, meta, "creationTimestamp", when);
    if (x->kind->generation)
        edit_set_int(a, meta, "generation", 1);
}

/* metadata.name out of generateName: five characters that make no words; again while it is taken. */
static void generate_name(struct changing *x, struct json *meta)
{
    const char *prefix = json_str(edit_get(meta, "generateName")), *name = json_str(edit_get(meta, "name"));
    if (!prefix || !*prefix || (name && *name))
        return;
    for (int tries = 0; tries < 8; tries++) {
        char suffix[6];
        meta_suffix(suffix);
        const char *made = arena_printf(x->arena, "%.58s%s", prefix, suffix);
        edit_set_str(x->arena, meta, "name", made);
        if (!registry_latest(x->admission.cluster->registry, x->kind->id, x->c->ns, made))
            return;
    }
}

static bool check_create_metadata(struct changing *x, struct json *meta)
{
    const char *ns = json_str(edit_get(meta, "namespace"));
    if (x->kind->namespaced && ns && *ns && strcmp(ns, x->c->ns) != 0) {
        changing_fail(x, status_bad_request(x->arena,
                             "the namespace of the provided object does not match the namespace sent on "
                             "the request"));
        return false;
    }
    const char *rv = json_str(edit_get(meta, "resourceVersion"));
    if (rv && *rv && strcmp(rv, "0") != 0 && !x->c->dry_run) {
        changing_fail(
            x, status_new(x->arena, 500, NULL, "resourceVersion should not be set on objects to be created"));
        return false;
    }
    return true;
}

static void create_object(struct changing *x, struct json *obj)
{
    const struct strategy *st = x->strategy;
    struct admission *ad = &x->admission;
    struct json *meta = edit_get(obj, "metadata");
    const char *name = json_str(edit_get(meta, "name"));
    if (!check_create_metadata(x, meta) || !check_namespace(x, name ? name : ""))
        return;
    new_metadata(x, obj);
    generate_name(x, meta);
    x->name = json_str(edit_get(meta, "name"));
    if (!x->name)
        x->name = "";
    if (st->defaults)
        st->defaults(ad, obj);
    if (st->create && !ad->refusal)
        st->create(ad, obj);
    meta_validate(ad, obj);
    if (st->validate)
        st->validate(ad, obj);
    if (!changing_valid(x, obj))
        return;
    const struct object *there = registry_latest(ad->cluster->registry, x->kind->id, x->c->ns, x->name);
    if (there) {
        struct status *s = status_exists(x->arena, x->resource->group, x->kind->resource, x->name);
        if (there->deleting)
            s->message = arena_printf(x->arena, "object is being deleted: %s", s->message);
        changing_fail(x, s);
        return;
    }
    if (st->reserve)
        st->reserve(ad, obj, NULL);
    if (!changing_valid(x, obj))
        return;
    uint64_t rev = x->c->dry_run ? 0 : registry_next_revision(ad->cluster->registry);
    changing_stage(x, 201, object_new(x->kind, obj, rev), REGISTRY_OBJECT);
}

void change_run_create(struct changing *x)
{
    struct json obj;
    if (changing_decode(x, x->c->body, false, &obj))
        create_object(x, &obj);
}

/* ---- Submit ---- */

void change_submit(struct cluster *c, const struct change *change, change_done_fn *done, void *arg)
{
    struct changing x = {
        .arena = arena_new(),
        .c = change,
        .resource = change->resource,
        .kind = change->resource->kind,
        .strategy = strategies[change->resource->kind->id],
        .name = change->name ? change->name : "",
        .done = done,
        .arg = arg,
    };
    x.admission = (struct admission){.arena = x.arena,
        .cluster = c,
        .kind = x.kind,
        .sub = change->sub,
        .dry_run = change->dry_run,
        .invalid = {.arena = x.arena}};
    if (change->sub == SUB_BINDING)
        change_run_binding(&x);
    else if (change->sub == SUB_EVICTION)
        change_run_eviction(&x);
    else if (change->verb == CHANGE_CREATE)
        change_run_create(&x);
    else if (change->verb == CHANGE_DELETE)
        change_run_delete(&x);
    else
        change_run_update(&x);
}

void change_create(struct cluster *c, enum kind_id kind, const char *ns, const struct json *body,
    change_done_fn *done, void *arg)
{
    struct change change = {.verb = CHANGE_CREATE, .resource = resource_of(kind), .ns = ns, .body = body};
    change_submit(c, &change, done, arg);
}

void change_update(struct cluster *c, enum kind_id kind, enum sub_id sub, const struct json *body,
    change_done_fn *done, void *arg)
{
    const char *ns = json_str(json_at(body, "metadata", "namespace", NULL));
    const char *name = json_str(json_at(body, "metadata", "name", NULL));
    struct change change = {.verb = CHANGE_UPDATE,
        .resource = resource_of(kind),
        .sub = sub,
        .ns = ns ? ns : "",
        .name = name ? name : "",
        .body = body};
    change_submit(c, &change, done, arg);
}

void change_patch(struct cluster *c, enum kind_id kind, enum sub_id sub, const char *ns, const char *name,
    const char *merge_patch, change_done_fn *done, void *arg)
{
    auto_arena *a = arena_new();
    struct change change = {
        .verb = CHANGE_PATCH_MERGE, .resource = resource_of(kind), .sub = sub, .ns = ns, .name = name};
    auto_err *e = json_parse(a, merge_patch, strlen(merge_patch), NULL, &change.body);
    if (e)
        abort(); /* a text of ours */
    change_submit(c, &change, done, arg);
}

void change_delete(struct cluster *c, enum kind_id kind, const char *ns, const char *name, const char *uid,
    int64_t grace, change_done_fn *done, void *arg)
{
    auto_arena *a = arena_new();
    const struct json *options = &json_empty_object;
    if (grace >= 0)
        options = json_with(a, options, "gracePeriodSeconds", json_new_int(a, grace));
    if (uid)
        options = json_with_at(a, options, json_new_str(a, uid), "preconditions", "uid", NULL);
    struct change change = {
        .verb = CHANGE_DELETE, .resource = resource_of(kind), .ns = ns, .name = name, .body = options};
    change_submit(c, &change, done, arg);
}

void change_bind(struct cluster *c, const char *ns, const char *pod, const char *uid, const char *node,
    change_done_fn *done, void *arg)
{
    auto_arena *a = arena_new();
    const struct json *body = json_with_at(a, NULL, json_new_str(a, pod), "metadata", "name", NULL);
    if (uid)
        body = json_with_at(a, body, json_new_str(a, uid), "metadata", "uid", NULL);
    body = json_with_at(a, body, json_new_str(a, "Node"), "target", "kind", NULL);
    body = json_with_at(a, body, json_new_str(a, node), "target", "name", NULL);
    struct change change = {.verb = CHANGE_CREATE,
        .resource = resource_of(KIND_POD),
        .sub = SUB_BINDING,
        .ns = ns,
        .name = pod,
        .body = body};
    change_submit(c, &change, done, arg);
}
