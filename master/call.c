/* Answers of the API, and what its requests have in common. */
#include "master/call.h"
#include "lib/yaml.h"
#include "master/changing.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX ((size_t)512 << 20)
#define WARNINGS_MAX 32

void call_free(struct call *c)
{
    arena_free(c->arena); /* the call lives in it */
}

void call_respond(struct call *c, unsigned code, const char *type, const void *body, size_t len,
    const struct http_header *headers)
{
    http_respond(c->req, code, type, body, len, headers);
    call_free(c);
}

/* JSON out, in the client's format. */
static void respond_format(
    struct call *c, unsigned code, const char *json, size_t len, const struct http_header *headers)
{
    bool pretty = c->accept.pretty || http_query(c->req, "pretty");
    if (c->accept.format == ACCEPT_JSON && !pretty) {
        call_respond(c, code, "application/json", json, len, headers);
        return;
    }
    const struct json *tree;
    auto_buf b = BUF_INIT(BODY_MAX);
    struct json_limits lim = {BODY_MAX, 128, 100000000, false};
    auto_err *e = json_parse(c->arena, json, len, &lim, &tree);
    if (e)
        call_respond(c, 500, "text/plain", err_message(e), strlen(err_message(e)), NULL);
    else if (c->accept.format == ACCEPT_YAML) {
        yaml_write(&b, tree);
        call_respond(c, code, "application/yaml", b.data, b.len, headers);
    } else {
        json_write(&b, tree, 2);
        call_respond(c, code, "application/json", b.data, b.len, headers);
    }
}

static void quote_warning(struct buf *b, const char *text)
{
    buf_adds(b, "299 - \"");
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_addc(b, '\\');
        if ((unsigned char)*p >= ' ')
            buf_addc(b, *p);
    }
    buf_addc(b, '"');
}

static const struct http_header *warning_headers(struct call *c, const struct str_list *warnings)
{
    size_t said = warnings ? warnings->n : 0, extra = c->deprecated != NULL;
    size_t n = extra + (said < WARNINGS_MAX ? said : WARNINGS_MAX);
    if (!n)
        return NULL;
    struct http_header *h = arena_array(c->arena, n + 1, sizeof(*h));
    for (size_t i = 0; i < n; i++) {
        auto_buf b = BUF_INIT(8192);
        quote_warning(&b, i < extra ? c->deprecated : warnings->v[i - extra]);
        h[i] = (struct http_header){"Warning", arena_strdup(c->arena, buf_str(&b))};
    }
    return h;
}

void call_fail(struct call *c, const struct status *s)
{
    auto_buf b = BUF_INIT((size_t)8 << 20);
    status_write(&b, s);
    char seconds[16];
    snprintf(seconds, sizeof(seconds), "%u", s->retry_after);
    const struct http_header retry[] = {{"Retry-After", seconds}, {0}};
    respond_format(c, s->code, buf_str(&b), b.len, s->retry_after ? retry : warning_headers(c, c->warnings));
}

void call_json(struct call *c, unsigned code, const char *json, size_t len, const struct str_list *warnings)
{
    respond_format(c, code, json, len, warning_headers(c, warnings));
}

const char *call_bytes(struct call *c, const struct object *o, size_t *ret_len)
{
    if (!c->resource->foreign_view) {
        *ret_len = o->len;
        return o->json;
    }
    auto_buf b = BUF_INIT(BODY_MAX);
    json_write(&b, event_view_from_core(c->arena, object_tree(c->arena, o)), 0);
    *ret_len = b.len;
    return arena_strndup(c->arena, buf_str(&b), b.len);
}

void call_object(struct call *c, unsigned code, const struct object *o, const struct str_list *warnings)
{
    const struct http_header *headers = warning_headers(c, warnings);
    struct list_meta_out meta = {.rev = o->rev};
    auto_buf b = BUF_INIT(BODY_MAX);
    size_t len;
    switch (c->accept.as) {
    case AS_TABLE:
        table_write(c, &b, &(struct object_list){1, &o}, &meta, true);
        break;
    case AS_PARTIAL:
        partial_write(&b, o, c->accept.version);
        break;
    default: {
        const char *json = call_bytes(c, o, &len);
        respond_format(c, code, json, len, headers);
        return;
    }
    }
    respond_format(c, code, b.data, b.len, headers);
}

void call_result(struct call *c, const struct change_result *r)
{
    c->warnings = r->warnings;
    if (r->failure)
        call_fail(c, r->failure);
    else
        call_object(c, r->code, r->object, r->warnings);
}

bool call_bool(const struct call *c, const char *name)
{
    const char *v = http_query(c->req, name);
    return v && strcmp(v, "0") != 0 && strcmp(v, "false") != 0;
}

bool call_int(struct call *c, const char *name, int64_t *ret)
{
    const char *v = http_query(c->req, name);
    if (!v || !*v)
        return true;
    char *end;
    long long n = strtoll(v, &end, 10);
    if (*end) {
        call_fail(c, status_bad_request(c->arena, "strconv.ParseInt: parsing \"%s\": invalid syntax", v));
        return false;
    }
    *ret = n;
    return true;
}

static bool field_is_known(const struct call *c, const char *name)
{
    const struct kind *k = c->resource->kind;
    if (!strcmp(name, "metadata.name") || (k->namespaced && !strcmp(name, "metadata.namespace")))
        return true;
    for (size_t i = 0; i < k->n_fields; i++)
        if (!strcmp(name, k->fields[i].name))
            return true;
    return false;
}

bool call_selectors(struct call *c, struct selector *ret_labels, struct selector *ret_fields)
{
    auto_err *e = selector_parse_labels(c->arena, http_query(c->req, "labelSelector"), ret_labels);
    if (!e)
        e = selector_parse_fields(c->arena, http_query(c->req, "fieldSelector"), ret_fields);
    if (e) {
        call_fail(c, status_bad_request(c->arena, "%s", err_message(e)));
        return false;
    }
    for (size_t i = 0; i < ret_fields->n; i++) {
        struct selector_term *t = &ret_fields->terms[i];
        if (c->resource->foreign_view && !strncmp(t->key, "regarding.", 10))
            t->key = arena_printf(c->arena, "involvedObject.%s", t->key + 10);
        else if (c->resource->foreign_view && !strcmp(t->key, "reportingController"))
            t->key = "reportingComponent";
        if (!field_is_known(c, t->key)) {
            call_fail(
                c, status_bad_request(c->arena, "field label not supported: %s", ret_fields->terms[i].key));
            return false;
        }
    }
    return true;
}

void object_list_add(struct arena *a, struct object_list *l, const struct object *o)
{
    if (!(l->n & (l->n - 1))) { /* full: there is room for powers of two */
        const struct object **more = arena_array(a, l->n ? l->n * 2 : 1, sizeof(*more));
        if (l->n)
            memcpy(more, l->v, l->n * sizeof(*more));
        l->v = more;
    }
    l->v[l->n++] = o;
}

bool object_selected(const struct object *o, const struct selector *labels, const struct selector *fields)
{
    if (labels->n && !selector_matches(labels, &o->labels))
        return false;
    for (size_t i = 0; i < fields->n; i++) {
        const char *key = fields->terms[i].key;
        const char *value = !strcmp(key, "metadata.name")        ? o->name
                            : !strcmp(key, "metadata.namespace") ? o->ns
                                                                 : object_field(o, key);
        if (!selector_term_matches(&fields->terms[i], value ? value : ""))
            return false;
    }
    return true;
}

bool call_dry_run(struct call *c, const char *options_kind, bool *ret)
{
    const char *v = http_query(c->req, "dryRun");
    *ret = v && !strcmp(v, "All");
    if (!v || !*v || *ret)
        return true;
    struct invalid bad = {.arena = c->arena};
    struct status *s = invalid_status(&bad, "meta.k8s.io", options_kind, "");
    struct status_cause *cause = arena_new_obj(c->arena, struct status_cause);
    cause->reason = "FieldValueNotSupported";
    cause->field = "dryRun";
    cause->message = arena_printf(c->arena, "Unsupported value: [\"%s\"]: supported values: \"All\"", v);
    s->message =
        arena_printf(c->arena, "%s.meta.k8s.io \"\" is invalid: dryRun: %s", options_kind, cause->message);
    s->n_causes = 1;
    s->causes = cause;
    call_fail(c, s);
    return false;
}
