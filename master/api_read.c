/*
 * GET and LIST: bytes out of memory.
 *
 * A list in pieces goes on where the last piece ended, in what is there by then, and keeps the first piece's
 * resourceVersion: a watch from there tells everything that changed meanwhile.
 */
#include "lib/tls.h"
#include "master/call.h"
#include "master/changing.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX ((size_t)1 << 30)

static void get_scale(struct call *c, const struct object *o)
{
    auto_buf b = BUF_INIT(65536);
    json_write(&b, scale_of(c->arena, object_tree(c->arena, o)), 0);
    call_json(c, 200, b.data, b.len, NULL);
}

void api_get(struct call *c)
{
    const struct resource *r = c->resource;
    const struct object *o = registry_get(c->cluster->registry, r->kind->id, c->ns ? c->ns : "", c->name);
    if (!o)
        call_fail(c, status_not_found(c->arena, r->group, r->kind->resource, c->name));
    else if (c->sub && c->sub->id == SUB_SCALE)
        get_scale(c, o);
    else
        call_object(c, 200, o, NULL);
}

struct page {
    struct selector labels, fields;
    int64_t limit;
    uint64_t rev;
    const char *after; /* the key to go on behind; NULL: from the beginning */
    struct object_list list;
    struct list_meta_out meta;
};

/* {"v":"meta.k8s.io/v1","rv":5,"start":"default/web"}, in base64url. */
static const char *continue_token(struct call *c, uint64_t rev, const char *key)
{
    auto_buf json = BUF_INIT(4096), text = BUF_INIT(8192);
    struct json_out out = {.buf = &json};
    json_out_object(&out, NULL);
    json_out_str(&out, "v", "meta.k8s.io/v1");
    json_out_int(&out, "rv", (int64_t)rev);
    json_out_str(&out, "start", key);
    json_out_end_object(&out);
    base64_encode(json.data, json.len, &text);
    char *out_text = arena_strdup(c->arena, buf_str(&text));
    for (char *p = out_text; *p; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
    out_text[strcspn(out_text, "=")] = 0;
    return out_text;
}

static bool read_token(struct call *c, const char *token, struct page *p)
{
    auto_buf text = BUF_INIT(8192), json = BUF_INIT(8192);
    for (const char *t = token; *t; t++)
        buf_addc(&text, *t == '-' ? '+' : *t == '_' ? '/' : *t);
    while (text.len % 4)
        buf_addc(&text, '=');
    const struct json *tree = NULL;
    auto_err *e = base64_decode(buf_str(&text), &json);
    if (!e)
        e = json_parse(c->arena, buf_str(&json), json.len, NULL, &tree);
    int64_t rev = 0;
    p->after = json_str(json_get(tree, "start"));
    if (e || !p->after || !json_int(json_get(tree, "rv"), &rev) || rev < 0) {
        call_fail(c,
            status_bad_request(c->arena, "continue key is not valid: %s", e ? err_message(e) : "no start"));
        return false;
    }
    p->rev = (uint64_t)rev;
    return true;
}

static bool fail_option(struct call *c, const char *field, const char *reason, const char *text)
{
    struct status *s =
        status_new(c->arena, 422, "Invalid", "ListOptions.meta.k8s.io \"\" is invalid: %s: %s", field, text);
    struct status_cause *cause = arena_new_obj(c->arena, struct status_cause);
    *cause = (struct status_cause){reason, text, field};
    s->details = true;
    s->group = "meta.k8s.io";
    s->kind = "ListOptions";
    s->n_causes = 1;
    s->causes = cause;
    call_fail(c, s);
    return false;
}

/* Whether nothing of the kind has changed since rev: then now is as it was then. */
static void note_event(void *arg, const struct registry_event *ev)
{
    (void)ev;
    *(bool *)arg = true;
}

static bool check_revision(struct call *c, const char *rv, const char *match)
{
    struct registry *r = c->cluster->registry;
    char *end;
    unsigned long long rev = strtoull(rv, &end, 10);
    uint64_t now = registry_revision(r);
    if (*end) {
        call_fail(c, status_new(c->arena, 500, NULL,
                         "resourceVersion: Invalid value: \"%s\": strconv.ParseUint: parsing \"%s\": invalid "
                         "syntax",
                         rv, rv));
        return false;
    }
    if (rev > now) {
        struct status *s = status_new(c->arena, 504, "Timeout",
            "Timeout: Too large resource version: %llu, current: %llu", rev, (unsigned long long)now);
        struct status_cause *cause = arena_new_obj(c->arena, struct status_cause);
        *cause = (struct status_cause){"ResourceVersionTooLarge", "Too large resource version", NULL};
        s->details = true;
        s->n_causes = 1;
        s->causes = cause;
        s->retry_after = 1;
        call_fail(c, s);
        return false;
    }
    bool changed = false;
    if (match && !strcmp(match, "Exact") && rev &&
        (!registry_history(r, c->resource->kind->id, rev, note_event, &changed) || changed)) {
        call_fail(
            c, status_new(c->arena, 410, "Expired", "The provided resource version is too old: %llu", rev));
        return false;
    }
    return true;
}

static bool check_options(struct call *c, struct page *p)
{
    const char *rv = http_query(c->req, "resourceVersion"), *token = http_query(c->req, "continue");
    const char *match = http_query(c->req, "resourceVersionMatch");
    p->limit = 0;
    if (http_query(c->req, "sendInitialEvents"))
        return fail_option(c, "sendInitialEvents", "FieldValueForbidden",
            "Forbidden: sendInitialEvents is forbidden for list");
    if (match && (!rv || !*rv))
        return fail_option(c, "resourceVersionMatch", "FieldValueForbidden",
            "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
    if (match && token && *token)
        return fail_option(c, "resourceVersionMatch", "FieldValueForbidden",
            "Forbidden: resourceVersionMatch is forbidden when continue is provided");
    if (match && strcmp(match, "Exact") != 0 && strcmp(match, "NotOlderThan") != 0)
        return fail_option(c, "resourceVersionMatch", "FieldValueNotSupported",
            arena_printf(c->arena,
                "Unsupported value: \"%s\": supported values: \"Exact\", \"NotOlderThan\", \"\"", match));
    if (match && !strcmp(match, "Exact") && !strcmp(rv, "0"))
        return fail_option(c, "resourceVersionMatch", "FieldValueForbidden",
            "Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    if (!call_int(c, "limit", &p->limit) || !call_selectors(c, &p->labels, &p->fields))
        return false;
    p->rev = registry_revision(c->cluster->registry);
    if (token && *token)
        return read_token(c, token, p);
    return !rv || !*rv || check_revision(c, rv, match);
}

static void collect(struct call *c, struct page *p)
{
    struct registry *r = c->cluster->registry;
    enum kind_id kind = c->resource->kind->id;
    struct registry_walk walk = registry_walk(r, kind, c->ns && *c->ns ? c->ns : NULL, p->after);
    const char *last = NULL;
    const struct object *o;
    while ((p->limit <= 0 || p->list.n < (size_t)p->limit) && (o = registry_next(&walk)))
        if (object_selected(o, &p->labels, &p->fields)) {
            last = o->key;
            object_list_add(c->arena, &p->list, o);
        }
    p->meta.rev = p->rev;
    if (p->limit <= 0 || !last)
        return;
    int64_t left = 0;
    bool filtered = p->labels.n || p->fields.n;
    while (!(filtered && left) && (o = registry_next(&walk)))
        left += object_selected(o, &p->labels, &p->fields);
    if (left)
        p->meta.continue_ = continue_token(c, p->rev, last);
    p->meta.remaining = filtered ? 0 : left;
}

void list_meta_write(struct json_out *o, const struct list_meta_out *m)
{
    char rev[24];
    snprintf(rev, sizeof(rev), "%llu", (unsigned long long)m->rev);
    json_out_object(o, "metadata");
    if (m->rev) /* a dry run has none */
        json_out_str(o, "resourceVersion", rev);
    if (m->continue_)
        json_out_str(o, "continue", m->continue_);
    if (m->remaining)
        json_out_int(o, "remainingItemCount", m->remaining);
    json_out_end_object(o);
}

/* Objects begin with {"kind":"Pod","apiVersion":"v1", which the items of a list leave out. */
void list_item_write(struct json_out *o, const struct resource *r, const char *json, size_t len)
{
    char head[160];
    int n = snprintf(
        head, sizeof(head), "{\"kind\":\"%s\",\"apiVersion\":\"%s\",", r->kind->name, r->kind->api_version);
    if ((size_t)n >= len || strncmp(json, head, (size_t)n) != 0) {
        json_out_raw(o, NULL, json, len);
        return;
    }
    json_out_raw(o, NULL, "{", 1);
    buf_add(o->buf, json + n, len - (size_t)n);
}

static void write_list(struct call *c, struct buf *b, const struct page *p)
{
    const struct resource *r = c->resource;
    struct json_out o = {.buf = b};
    json_out_object(&o, NULL);
    json_out_str(&o, "kind", arena_printf(c->arena, "%sList", r->kind->name));
    json_out_str(
        &o, "apiVersion", *r->group ? arena_printf(c->arena, "%s/%s", r->group, r->version) : r->version);
    list_meta_write(&o, &p->meta);
    json_out_array(&o, "items");
    for (size_t i = 0; i < p->list.n; i++) {
        size_t len;
        const char *json = call_bytes(c, p->list.v[i], &len);
        list_item_write(&o, r, json, len);
    }
    json_out_end_array(&o);
    json_out_end_object(&o);
}

/* What a list can be shown as. */
static bool check_form(struct call *c)
{
    const char *include = http_query(c->req, "includeObject");
    if (c->accept.as == AS_PARTIAL) {
        call_fail(c, status_new(c->arena, 406, "NotAcceptable",
                         "you requested PartialObjectMetadata, but the requested object is a list "
                         "(*core.%sList)",
                         c->resource->kind->name));
        return false;
    }
    if (c->accept.as != AS_TABLE || !include || !*include || !strcmp(include, "None") ||
        !strcmp(include, "Object") || !strcmp(include, "Metadata"))
        return true;
    call_fail(c, status_bad_request(c->arena,
                     "Unable to convert to Table as requested: includeObject: Invalid value: \"%s\": must be "
                     "'Metadata', 'Object', 'None', or empty",
                     include));
    return false;
}

void api_list(struct call *c)
{
    struct page p = {0};
    if (!check_form(c) || !check_options(c, &p))
        return;
    collect(c, &p);
    auto_buf b = BUF_INIT(LIST_MAX);
    if (c->accept.as == AS_TABLE)
        table_write(c, &b, &p.list, &p.meta, true);
    else if (c->accept.as == AS_PARTIAL_LIST)
        partial_list_write(&b, &p.list, &p.meta, c->accept.version);
    else
        write_list(c, &b, &p);
    auto_err *e = buf_check(&b, "the list");
    if (e)
        call_fail(c, status_internal(c->arena, "%s", err_message(e)));
    else
        call_json(c, 200, b.data, b.len, NULL);
}
