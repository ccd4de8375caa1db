/*
 * WATCH: what is there (if asked for), what has happened since, what happens. An event is the object's bytes
 * with a few around them; a selector makes additions and deletions out of changes that cross it.
 *
 * A client that does not take its events is dropped once LAG_MAX bytes wait for it: it will list again.
 */
#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/tls.h"
#include "master/call.h"
#include "master/changing.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAG_MAX ((size_t)16 << 20)
#define BOOKMARK_MS 60000
#define EVENT_MAX ((size_t)8 << 20)

struct watcher {
    struct call *call; /* kept until the stream has closed */
    struct http_stream *stream;
    struct registry_watch *follow;
    struct timer *timer;
    struct selector labels, fields;
    bool bookmarks, ended;
    bool columns_sent; /* of a table: only the first event names them */
    size_t lag_max;    /* bytes that may wait for the client */
    uint64_t told;     /* the last revision the client knows of */
    int64_t deadline;  /* clock_mono_ms() */
};

static void end(struct watcher *w)
{
    if (w->ended)
        return;
    w->ended = true;
    registry_unwatch(w->follow);
    w->follow = NULL;
    timer_stop(w->timer);
    http_stream_end(w->stream);
}

static void closed(void *arg)
{
    struct watcher *w = arg;
    registry_unwatch(w->follow);
    timer_free(w->timer);
    call_free(w->call); /* w is in its arena */
}

static void send_event(struct watcher *w, const char *type, const void *object, size_t len)
{
    if (w->ended)
        return;
    char head[64];
    int n = snprintf(head, sizeof(head), "{\"type\":\"%s\",\"object\":", type);
    http_stream_send(w->stream, head, (size_t)n);
    http_stream_send(w->stream, object, len);
    http_stream_send(w->stream, "}\n", 2);
    if (http_stream_queued(w->stream) > w->lag_max)
        end(w);
}

/* Converted objects are made in an arena of the moment: the call's would grow for hours. */
static void send_object(struct watcher *w, const char *type, const struct object *o)
{
    struct call *c = w->call;
    if (c->accept.as == AS_OBJECT && !c->resource->foreign_view) {
        send_event(w, type, o->json, o->len);
        return;
    }
    struct call moment = *c;
    auto_arena *a = arena_new();
    auto_buf b = BUF_INIT(EVENT_MAX);
    moment.arena = a;
    if (c->accept.as == AS_TABLE) {
        struct list_meta_out meta = {.rev = o->rev};
        table_write(&moment, &b, &(struct object_list){1, &o}, &meta, !w->columns_sent);
        w->columns_sent = true;
    } else if (c->accept.as == AS_PARTIAL || c->accept.as == AS_PARTIAL_LIST) {
        partial_write(&b, o, c->accept.version);
    } else {
        size_t len;
        const char *json = call_bytes(&moment, o, &len);
        buf_add(&b, json, len);
    }
    send_event(w, type, b.data, b.len);
}

/* An object of the kind with nothing in it but the version. */
static void send_bookmark(struct watcher *w, bool initial_end)
{
    auto_arena *a = arena_new();
    const struct json *tree = &json_empty_object;
    if (initial_end)
        tree = json_with_at(
            a, tree, json_new_str(a, "true"), "metadata", "annotations", "k8s.io/initial-events-end", NULL);
    struct object *o = object_new(w->call->resource->kind, tree, w->told);
    send_object(w, "BOOKMARK", o);
    object_unref(o);
}

static bool sees(const struct watcher *w, const struct object *o)
{
    const struct call *c = w->call;
    return o && (!c->ns || !*c->ns || !strcmp(o->ns, c->ns)) && object_selected(o, &w->labels, &w->fields);
}

static void on_event(void *arg, const struct registry_event *ev)
{
    struct watcher *w = arg;
    if (w->ended || ev->rev <= w->told)
        return;
    bool before = sees(w, ev->before), now = sees(w, ev->now);
    w->told = ev->rev;
    if (now)
        send_object(w, before ? "MODIFIED" : "ADDED", ev->now);
    else if (before && !ev->now)
        send_object(w, "DELETED", ev->last);
    else if (before) {
        const struct object *last = object_at(ev->before, ev->rev);
        send_object(w, "DELETED", last);
        object_unref(last);
    }
}

static void send_existing(struct watcher *w)
{
    const struct call *c = w->call;
    const struct registry *r = c->cluster->registry;
    struct registry_walk walk = registry_walk(r, c->resource->kind->id, c->ns && *c->ns ? c->ns : NULL, NULL);
    w->lag_max = SIZE_MAX; /* however much there is, it was asked for */
    for (const struct object *o; !w->ended && (o = registry_next(&walk));)
        if (sees(w, o))
            send_object(w, "ADDED", o);
    w->lag_max = http_stream_queued(w->stream) + LAG_MAX;
}

static void arm(struct watcher *w)
{
    int64_t left = w->deadline - clock_mono_ms();
    if (left < 1)
        left = 1;
    timer_start(w->timer, (uint64_t)(w->bookmarks && left > BOOKMARK_MS ? BOOKMARK_MS : left));
}

static void on_timer(void *arg)
{
    struct watcher *w = arg;
    uint64_t now = registry_revision(w->call->cluster->registry);
    if (clock_mono_ms() >= w->deadline) {
        end(w);
        return;
    }
    if (w->bookmarks && now > w->told) {
        w->told = now;
        send_bookmark(w, false);
    }
    arm(w);
}

static void send_expired(struct watcher *w, uint64_t rev)
{
    auto_arena *a = arena_new();
    auto_buf b = BUF_INIT(4096);
    status_write(
        &b, status_new(a, 410, "Expired", "too old resource version: %llu (%llu)", (unsigned long long)rev,
                (unsigned long long)registry_revision(w->call->cluster->registry)));
    send_event(w, "ERROR", b.data, b.len);
    end(w);
}

struct options {
    uint64_t rev;
    bool has_rev, initial, initial_given, bookmarks;
    int64_t timeout;
};

static bool forbid(struct call *c, size_t n, const struct status_cause *causes)
{
    auto_buf b = BUF_INIT(4096);
    buf_adds(&b, "ListOptions.meta.k8s.io \"\" is invalid: ");
    buf_adds(&b, n > 1 ? "[" : "");
    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "%s%s: %s", i ? ", " : "", causes[i].field, causes[i].message);
    buf_adds(&b, n > 1 ? "]" : "");
    struct status *s = status_new(c->arena, 422, "Invalid", "%s", buf_str(&b));
    s->details = true;
    s->group = "meta.k8s.io";
    s->kind = "ListOptions";
    s->n_causes = n;
    s->causes = causes;
    call_fail(c, s);
    return false;
}

static bool check_match(struct call *c, const struct options *o)
{
    const char *match = http_query(c->req, "resourceVersionMatch");
    struct status_cause causes[2];
    size_t n = 0;
    if (match && !o->initial_given)
        causes[n++] = (struct status_cause){"FieldValueForbidden",
            "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            "resourceVersionMatch"};
    else if (o->initial_given && (!match || strcmp(match, "NotOlderThan") != 0))
        causes[n++] = (struct status_cause){"FieldValueForbidden",
            "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            "resourceVersionMatch"};
    if (match && o->initial_given && strcmp(match, "NotOlderThan") != 0)
        causes[n++] = (struct status_cause){"FieldValueNotSupported",
            arena_printf(c->arena, "Unsupported value: \"%s\": supported values: \"NotOlderThan\"", match),
            "resourceVersionMatch"};
    return !n || forbid(c, n, causes);
}

static bool read_options(struct call *c, struct options *o)
{
    const char *rv = http_query(c->req, "resourceVersion");
    char *rest = NULL;
    *o = (struct options){.bookmarks = call_bool(c, "allowWatchBookmarks"),
        .initial_given = http_query(c->req, "sendInitialEvents") != NULL,
        .initial = call_bool(c, "sendInitialEvents"),
        .timeout = 0};
    if (!call_int(c, "timeoutSeconds", &o->timeout) || !check_match(c, o))
        return false;
    if (rv && *rv && strcmp(rv, "0") != 0) {
        o->has_rev = true;
        o->rev = strtoull(rv, &rest, 10);
        if (*rest) {
            call_fail(c, status_new(c->arena, 500, NULL,
                             "resourceVersion: Invalid value: \"%s\": strconv.ParseUint: parsing \"%s\": "
                             "invalid syntax",
                             rv, rv));
            return false;
        }
    }
    if (o->timeout <= 0) { /* between half an hour and an hour, so that not all come back at once */
        uint16_t r;
        tls_random(&r, sizeof(r));
        o->timeout = 1800 + r % 1800;
    }
    return true;
}

void api_watch(struct call *c)
{
    struct options o;
    struct watcher *w = arena_new_obj(c->arena, struct watcher);
    struct registry *r = c->cluster->registry;
    if (!call_selectors(c, &w->labels, &w->fields) || !read_options(c, &o))
        return;
    if (c->accept.format != ACCEPT_JSON) {
        call_fail(c, status_new(c->arena, 406, "NotAcceptable",
                         "only the following media types are accepted: application/json;stream=watch"));
        return;
    }
    if (c->name) { /* the old way to watch one object */
        struct selector_term *terms = arena_array(c->arena, w->fields.n + 1, sizeof(*terms));
        const char **value = arena_array(c->arena, 1, sizeof(*value));
        *value = c->name;
        if (w->fields.n)
            memcpy(terms, w->fields.terms, w->fields.n * sizeof(*terms));
        terms[w->fields.n] = (struct selector_term){"metadata.name", SELECTOR_IN, {1, value}};
        w->fields = (struct selector){w->fields.n + 1, terms};
    }
    w->call = c;
    w->lag_max = LAG_MAX;
    w->bookmarks = o.bookmarks;
    w->deadline = clock_mono_ms() + o.timeout * 1000;
    w->timer = timer_new(c->cluster->loop, on_timer, w);
    w->stream = http_stream(c->req, 200, "application/json", NULL, closed, w);
    w->follow = registry_follow(r, c->resource->kind->id, on_event, w);
    arm(w);
    bool existing = o.initial_given ? o.initial : !o.has_rev;
    if (existing) {
        send_existing(w);
        w->told = registry_revision(r);
        if (o.bookmarks && (o.initial || (!o.initial_given && http_query(c->req, "resourceVersion"))))
            send_bookmark(w, true);
        return;
    }
    w->told = o.has_rev ? o.rev : registry_revision(r);
    if (!registry_history(r, c->resource->kind->id, w->told, on_event, w))
        send_expired(w, o.rev);
}
