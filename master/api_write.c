/* POST, PUT, PATCH and DELETE: the request's body and options become a change (change.h). */
#include "lib/yaml.h"
#include "master/call.h"
#include "master/changing.h"
#include "master/edit.h"
#include "master/proto.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct json_limits body_limits = {
    .bytes = 3 << 20, .depth = 64, .nodes = 400000, .duplicates = true};

/* What is compared pairwise further on must not be long: nothing real comes near. */
#define ARRAY_MAX 4096
#define OBJECT_MAX 10000

static bool is_bounded(const struct json *j)
{
    if (j->n > (j->type == JSON_ARRAY ? ARRAY_MAX : j->type == JSON_OBJECT ? OBJECT_MAX : UINT32_MAX))
        return false;
    for (size_t i = 0; i < j->n; i++) {
        if (j->type != JSON_ARRAY && j->type != JSON_OBJECT)
            return true;
        if (!is_bounded(j->type == JSON_ARRAY ? &j->items[i] : &j->members[i].value))
            return false;
    }
    return true;
}

static bool check_bounds(struct call *c, const struct json *body)
{
    if (is_bounded(body))
        return true;
    call_fail(c, status_new(c->arena, 413, "RequestEntityTooLarge",
                     "Request entity too large: a list of more than %d or a map of more than %d entries",
                     ARRAY_MAX, OBJECT_MAX));
    return false;
}

/* Go's words for what its parser found first. */
static const char *json_error(struct call *c, const char *text, size_t len, const struct err *e)
{
    size_t at = 0;
    while (at < len && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r'))
        at++;
    if (at == len || strstr(err_message(e), "premature") || strstr(err_message(e), "end of"))
        return "unexpected end of JSON input";
    if (!strchr("{[\"-0123456789tfn", text[at]))
        return arena_printf(c->arena, "invalid character '%c' looking for beginning of value", text[at]);
    return arena_strdup(c->arena, err_message(e));
}

static bool fail_body(struct call *c, const char *what, bool patch)
{
    const struct resource *r = c->resource;
    const char *kind = c->sub ? c->sub->kind : r->kind->name;
    if (patch)
        call_fail(c, status_bad_request(c->arena, "error decoding patch: %s", what));
    else
        call_fail(c, status_bad_request(c->arena, "%s in version \"%s\" cannot be handled as a %s: %s", kind,
                         r->version, kind, what));
    return false;
}

static bool parse_yaml(struct call *c, const char *text, size_t len, const struct json **ret)
{
    const struct json *docs;
    auto_err *e = yaml_parse(c->arena, text, len, &body_limits, &docs);
    if (e)
        return fail_body(c, err_message(e), false);
    if (!docs->n)
        return fail_body(c, "the body is empty", false);
    *ret = &docs->items[0];
    return check_bounds(c, *ret);
}

static bool parse_json(struct call *c, bool patch, const struct json **ret)
{
    size_t len;
    const char *text = http_body(c->req, &len);
    auto_err *e = json_parse(c->arena, text, len, &body_limits, ret);
    if (!e)
        return check_bounds(c, *ret);
    if (err_kind(e) == ERR_LIMIT) {
        call_fail(c, status_new(c->arena, 413, "RequestEntityTooLarge", "Request entity too large: %s",
                         err_message(e)));
        return false;
    }
    return fail_body(c, json_error(c, text, len, e), patch);
}

/* What this request sends. */
static const char *body_type(const struct call *c)
{
    if (c->verb == VERB_DELETE || c->verb == VERB_DELETECOLLECTION)
        return "meta.v1.DeleteOptions";
    switch (c->sub ? c->sub->id : SUB_NONE) {
    case SUB_SCALE:
        return "autoscaling.v1.Scale";
    case SUB_BINDING:
        return "core.v1.Binding";
    case SUB_EVICTION:
        return "policy.v1.Eviction";
    default:
        return c->resource->foreign_view ? "events.v1.Event" : c->resource->kind->type;
    }
}

static bool parse_proto(struct call *c, const char *body, size_t len, const struct json **ret)
{
    auto_err *e = proto_read(c->arena, schema_find(body_type(c)), body, len, ret);
    return e ? fail_body(c, err_message(e), false) : check_bounds(c, *ret);
}

/* The object of a POST or PUT. */
static bool read_object(struct call *c, const struct json **ret)
{
    size_t len;
    const char *text = http_body(c->req, &len);
    const char *type = accept_media_type(c->arena, http_header(c->req, "Content-Type"));
    if (!*type || !strcmp(type, "application/json"))
        return parse_json(c, false, ret);
    if (!strcmp(type, "application/yaml"))
        return parse_yaml(c, text, len, ret);
    if (!strcmp(type, "application/vnd.kubernetes.protobuf"))
        return parse_proto(c, text, len, ret);
    call_fail(c, status_new(c->arena, 415, "UnsupportedMediaType",
                     "the body of the request was in an unknown format - accepted media types include: "
                     "application/json, application/yaml, application/vnd.kubernetes.protobuf"));
    return false;
}

static bool patch_verb(struct call *c, enum change_verb *ret)
{
    static const struct {
        const char *type;
        enum change_verb verb;
    } types[] = {{"application/json-patch+json", CHANGE_PATCH_JSON},
        {"application/merge-patch+json", CHANGE_PATCH_MERGE},
        {"application/strategic-merge-patch+json", CHANGE_PATCH_STRATEGIC}};
    const char *type = accept_media_type(c->arena, http_header(c->req, "Content-Type"));
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (!strcmp(type, types[i].type)) {
            *ret = types[i].verb;
            return true;
        }
    struct status *s = status_new(c->arena, 415, "UnsupportedMediaType", "415: Unsupported Media Type");
    s->details = true;
    call_fail(c, s);
    return false;
}

static bool fail_manager(struct call *c, const char *options_kind, const struct invalid *v)
{
    call_fail(c, invalid_status(v, "meta.k8s.io", options_kind, ""));
    return false;
}

static bool read_options(struct call *c, const char *options_kind, struct change *ch)
{
    static const char *const modes[] = {"", "Ignore", "Strict", "Warn", NULL};
    const char *mode = http_query(c->req, "fieldValidation"), *manager = http_query(c->req, "fieldManager");
    struct invalid v = {.arena = c->arena};
    if (manager && strlen(manager) > 128)
        invalid_too_long(&v, PATH(NULL, "fieldManager"), 128);
    for (const char *p = manager ? manager : ""; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127) {
            invalid_str(&v, PATH(NULL, "fieldManager"), manager,
                arena_printf(
                    c->arena, "invalid character U+%04X (at position %zu)", *p, (size_t)(p - manager)));
            break;
        }
    struct json value = {.type = JSON_STRING, .text = mode, .n = mode ? (uint32_t)strlen(mode) : 0};
    if (mode)
        invalid_choice(&v, PATH(NULL, "fieldValidation"), &value, modes);
    if (v.n)
        return fail_manager(c, options_kind, &v);
    ch->strictness = !mode || !*mode || !strcmp(mode, "Warn") ? CHANGE_WARN
                     : !strcmp(mode, "Strict")                ? CHANGE_STRICT
                                                              : CHANGE_IGNORE;
    return call_dry_run(c, options_kind, &ch->dry_run);
}

static void written(void *arg, const struct change_result *r)
{
    struct call *c = arg;
    c->warnings = r->warnings;
    if (r->failure) {
        call_fail(c, r->failure);
    } else if (c->sub && c->sub->id == SUB_SCALE) {
        auto_buf b = BUF_INIT(65536);
        json_write(&b, scale_of(c->arena, object_tree(c->arena, r->object)), 0);
        call_json(c, r->code, b.data, b.len, r->warnings);
    } else if (c->sub && (c->sub->id == SUB_BINDING || c->sub->id == SUB_EVICTION)) {
        auto_buf b = BUF_INIT(4096);
        status_write(&b, status_new(c->arena, 201, NULL, "%s", ""));
        call_json(c, 201, b.data, b.len, r->warnings);
    } else {
        call_object(c, r->code, r->object, r->warnings);
    }
}

void api_write(struct call *c)
{
    struct change ch = {.resource = c->resource,
        .sub = c->sub ? c->sub->id : SUB_NONE,
        .ns = c->ns ? c->ns : "",
        .name = c->name};
    const char *options_kind = "UpdateOptions";
    if (c->verb == VERB_CREATE) {
        ch.verb = CHANGE_CREATE;
        options_kind = "CreateOptions";
    } else if (c->verb == VERB_UPDATE) {
        ch.verb = CHANGE_UPDATE;
    } else {
        options_kind = "PatchOptions";
        if (!patch_verb(c, &ch.verb))
            return;
    }
    bool patch = c->verb == VERB_PATCH;
    if (!read_options(c, options_kind, &ch) ||
        !(patch ? parse_json(c, true, &ch.body) : read_object(c, &ch.body)))
        return;
    change_submit(c->cluster, &ch, written, c);
}

/* ---- Deletion ---- */

/* DeleteOptions out of body and query. */
static bool delete_options(struct call *c, const struct json **ret, bool *ret_dry_run)
{
    size_t len;
    const struct json *body = NULL;
    http_body(c->req, &len);
    if (len && !read_object(c, &body))
        return false;
    if (!call_dry_run(c, "DeleteOptions", ret_dry_run))
        return false;
    const char *policy = http_query(c->req, "propagationPolicy");
    const char *orphan = http_query(c->req, "orphanDependents");
    int64_t grace = -1;
    if (!call_int(c, "gracePeriodSeconds", &grace))
        return false;
    const struct json *all = json_get(body, "dryRun");
    if (all && all->type == JSON_ARRAY && all->n && json_str(&all->items[0]) &&
        !strcmp(json_str(&all->items[0]), "All"))
        *ret_dry_run = true;
    if (!body || body->type != JSON_OBJECT)
        body = &json_empty_object;
    if (grace >= 0)
        body = json_with(c->arena, body, "gracePeriodSeconds", json_new_int(c->arena, grace));
    if (policy && *policy)
        body = json_with(c->arena, body, "propagationPolicy", json_new_str(c->arena, policy));
    if (orphan && *orphan)
        body = json_with(
            c->arena, body, "orphanDependents", json_new_bool(c->arena, call_bool(c, "orphanDependents")));
    *ret = body;
    return true;
}

/* Kinds whose deletion is answered with the object, not with a Status. */
static bool returns_object(const struct kind *k)
{
    return k->id == KIND_POD || k->id == KIND_SERVICE || k->id == KIND_SERVICE_ACCOUNT;
}

static void deleted(void *arg, const struct change_result *r)
{
    struct call *c = arg;
    if (r->failure || !r->gone || returns_object(c->resource->kind)) {
        call_result(c, r);
        return;
    }
    auto_buf b = BUF_INIT(4096);
    struct status *s = status_about(
        c->arena, 200, NULL, c->resource->group, c->resource->kind->resource, r->object->name, "%s", "");
    s->uid = arena_strdup(c->arena, r->object->uid);
    status_write(&b, s);
    call_json(c, r->code, b.data, b.len, r->warnings);
}

void api_delete(struct call *c)
{
    struct change ch = {
        .verb = CHANGE_DELETE, .resource = c->resource, .ns = c->ns ? c->ns : "", .name = c->name};
    if (delete_options(c, &ch.body, &ch.dry_run))
        change_submit(c->cluster, &ch, deleted, c);
}

/* So many deletions of one request wait for a commit at a time: others get their turn in between. */
#define COLLECTION_WINDOW 256

struct collection {
    struct call *call;
    struct change change;
    struct object_list list; /* what is to be deleted */
    size_t next, waiting;
    bool submitting;
};

static void collection_done(struct collection *all)
{
    struct call *c = all->call;
    const struct resource *r = c->resource;
    auto_buf b = BUF_INIT((size_t)512 << 20);
    struct json_out o = {.buf = &b};
    json_out_object(&o, NULL);
    json_out_str(&o, "kind", arena_printf(c->arena, "%sList", r->kind->name));
    json_out_str(
        &o, "apiVersion", *r->group ? arena_printf(c->arena, "%s/%s", r->group, r->version) : r->version);
    list_meta_write(&o, &(struct list_meta_out){.rev = registry_revision(c->cluster->registry)});
    json_out_array(&o, "items");
    for (size_t i = 0; i < all->list.n; i++) {
        size_t len;
        const char *json = call_bytes(c, all->list.v[i], &len);
        list_item_write(&o, r, json, len);
    }
    json_out_end_array(&o);
    json_out_end_object(&o);
    for (size_t i = 0; i < all->list.n; i++)
        object_unref(all->list.v[i]);
    call_json(c, 200, b.data, b.len, NULL);
}

static void submit_some(struct collection *all);

static void one_deleted(void *arg, const struct change_result *r)
{
    struct collection *all = arg;
    (void)r; /* gone already, or changed meanwhile: the rest goes on */
    all->waiting--;
    if (!all->submitting)
        submit_some(all);
}

static void submit_some(struct collection *all)
{
    all->submitting = true; /* a change may be done before its submission returns */
    while (all->next < all->list.n && all->waiting < COLLECTION_WINDOW) {
        const struct object *o = all->list.v[all->next++];
        all->change.ns = o->ns;
        all->change.name = o->name;
        all->waiting++;
        change_submit(all->call->cluster, &all->change, one_deleted, all);
    }
    all->submitting = false;
    if (all->next == all->list.n && !all->waiting)
        collection_done(all);
}

void api_delete_collection(struct call *c)
{
    struct selector labels, fields;
    struct collection *all = arena_new_obj(c->arena, struct collection);
    all->call = c;
    all->change = (struct change){.verb = CHANGE_DELETE, .resource = c->resource};
    if (!call_selectors(c, &labels, &fields) || !delete_options(c, &all->change.body, &all->change.dry_run))
        return;
    struct registry *r = c->cluster->registry;
    struct registry_walk walk = registry_walk(r, c->resource->kind->id, c->ns && *c->ns ? c->ns : NULL, NULL);
    for (const struct object *o; (o = registry_next(&walk));)
        if (object_selected(o, &labels, &fields))
            object_list_add(c->arena, &all->list, object_ref(o));
    submit_some(all);
}
