/* Events, see events.h. */
#include "kubelet/events.h"
#include "lib/api/event.h"
#include "lib/api/kube.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/loop.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EVENTS_KEPT = 512,
    EVENTS_DELAY_MS = 30,
    EVENTS_TEXT = 1024,
    EVENTS_RETRY_MS = 5000,
    EVENTS_TRIES = 5
};

struct entry {
    struct entry *next;
    char *kind, *ns, *name, *uid, *version, *field, *reason, *message;
    enum event_type type;
    int64_t first, last, count;
    char *event_name;
    bool created, dirty, sending;
    unsigned tries;
};
struct events {
    struct kubelet *kubelet;
    struct entry *first; /* oldest first */
    size_t n;
    struct timer *timer;
    struct entry *sending;
    struct http_call *call;
};

static void entry_free(struct entry *e)
{
    free(e->kind);
    free(e->ns);
    free(e->name);
    free(e->uid);
    free(e->version);
    free(e->field);
    free(e->reason);
    free(e->message);
    free(e->event_name);
    free(e);
}

static void events_send(void *arg);

struct events *events_new(struct kubelet *k)
{
    struct events *v = mem_new(struct events);
    v->kubelet = k;
    v->timer = timer_new(k->loop, events_send, v);
    return v;
}

void events_free(struct events *v)
{
    if (!v)
        return;
    http_call_cancel(v->call);
    while (v->first) {
        struct entry *e = v->first;
        v->first = e->next;
        entry_free(e);
    }
    timer_free(v->timer);
    free(v);
}

/* --- sending */

static void sent(void *arg, const struct err *error, unsigned status, const struct json *body)
{
    struct events *v = arg;
    struct entry *e = v->sending;
    (void)status, (void)body;
    v->call = NULL;
    v->sending = NULL;
    e->sending = false;
    if (!error) {
        e->created = true;
        e->tries = 0;
    } else if (err_kind(error) == ERR_NOT_FOUND && e->created) {
        e->created = false; /* it lived too long ago: a new one */
        e->dirty = true;
    } else if (err_kind(error) == ERR_UNAVAILABLE || err_kind(error) == ERR_TIMEOUT) {
        e->dirty = ++e->tries < EVENTS_TRIES;
        timer_start(v->timer, EVENTS_RETRY_MS);
        return;
    } else {
        log_warn("", "event %s of %s/%s: %s", e->reason, e->ns, e->name, err_message(error));
    }
    events_send(v);
}

static void write_event(const struct kubelet *k, const struct entry *e, struct buf *b)
{
    char first[CLOCK_TEXT], last[CLOCK_TEXT];
    clock_rfc3339(e->first, first);
    clock_rfc3339(e->last, last);
    struct object_meta meta = {.name = e->event_name, .namespace_ = e->ns};
    struct object_reference about = {.kind = e->kind,
        .namespace_ = strcmp(e->kind, "Pod") == 0 ? e->ns : NULL,
        .name = e->name,
        .uid = e->uid,
        .api_version = "v1",
        .resource_version = e->version,
        .field_path = e->field};
    struct event_source source = {.component = "kubelet", .host = k->o.node_name};
    struct event event = {.api_version = "v1",
        .kind = "Event",
        .metadata = &meta,
        .involved_object = &about,
        .type = e->type == EVENT_WARNING ? "Warning" : "Normal",
        .reason = e->reason,
        .message = e->message,
        .first_timestamp = first,
        .last_timestamp = last,
        .count = {true, e->count},
        .source = &source,
        .reporting_component = "kubelet",
        .reporting_instance = k->o.node_name};
    struct json_out o = {.buf = b};
    fields_encode(&event_fields, &event, &o, NULL);
}

static void send_one(struct events *v, struct entry *e)
{
    auto_buf b = BUF_INIT(64 << 10);
    auto_free char *path = mem_printf(
        "/api/v1/namespaces/%s/events%s%s", e->ns, e->created ? "/" : "", e->created ? e->event_name : "");
    const char *method = "POST", *type = NULL;
    if (!e->created) {
        free(e->event_name);
        e->event_name = mem_printf("%.200s.%016llx", e->name, (unsigned long long)e->last);
        write_event(v->kubelet, e, &b);
    } else {
        char last[CLOCK_TEXT];
        clock_rfc3339(e->last, last);
        buf_addf(&b, "{\"count\":%lld,\"lastTimestamp\":\"%s\"}", (long long)e->count, last);
        method = "PATCH";
        type = "application/merge-patch+json";
    }
    e->dirty = false;
    e->sending = true;
    v->sending = e;
    v->call = kube_request(v->kubelet->kube, method, path, type, buf_str(&b), b.len, sent, v);
}

static void events_send(void *arg)
{
    struct events *v = arg;
    if (v->sending)
        return;
    for (struct entry *e = v->first; e; e = e->next)
        if (e->dirty) {
            send_one(v, e);
            return;
        }
}

/* --- noting */

static bool equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static struct entry *find(struct events *v, const char *uid, const char *field, enum event_type type,
    const char *reason, const char *message)
{
    for (struct entry *e = v->first; e; e = e->next)
        if (e->type == type && equal(e->uid, uid) && equal(e->field, field) && equal(e->reason, reason) &&
            equal(e->message, message))
            return e;
    return NULL;
}

static void forget_oldest(struct events *v)
{
    struct entry **p = &v->first;
    while (*p && ((*p)->dirty || (*p)->sending))
        p = &(*p)->next;
    if (!*p && v->n < 4 * EVENTS_KEPT)
        return;
    if (!*p) /* the master has been away for long: the oldest are lost */
        p = v->first && v->first->sending ? &v->first->next : &v->first;
    struct entry *e = *p;
    *p = e->next;
    entry_free(e);
    v->n--;
}

struct about {
    const char *kind, *ns, *name, *uid, *version, *field, *keys;
};

static void note(struct kubelet *k, const struct about *x, enum event_type type, const char *reason,
    const char *fmt, va_list args)
{
    struct events *v = k->events;
    char message[EVENTS_TEXT];
    vsnprintf(message, sizeof(message), fmt, args);
    log_line(type == EVENT_WARNING ? LOG_WARN
             : k->kube             ? LOG_DEBUG
                                   : LOG_INFO,
        x->keys, "%s%s%s: %s", x->field ? x->field : "", x->field ? " " : "", reason, message);
    if (!k->kube)
        return;
    int64_t now = clock_now_ns();
    struct entry *e = find(v, x->uid, x->field, type, reason, message);
    if (!e) {
        if (v->n >= EVENTS_KEPT)
            forget_oldest(v);
        e = mem_new(struct entry);
        *e = (struct entry){.type = type, .first = now};
        e->kind = mem_strdup(x->kind);
        e->ns = mem_strdup(x->ns);
        e->name = mem_strdup(x->name);
        e->uid = mem_strdup(x->uid);
        e->version = mem_strdup(x->version);
        e->field = mem_strdup(x->field);
        e->reason = mem_strdup(reason);
        e->message = mem_strdup(message);
        struct entry **p = &v->first;
        while (*p)
            p = &(*p)->next;
        *p = e;
        v->n++;
    }
    e->last = now;
    e->count++;
    e->dirty = true;
    if (!v->sending && !timer_is_armed(v->timer))
        timer_start(v->timer, EVENTS_DELAY_MS);
}

static void pod_note(struct worker *w, const char *field, enum event_type type, const char *reason,
    const char *fmt, va_list args)
{
    struct about x = {.kind = "Pod",
        .ns = w->ns,
        .name = w->name,
        .uid = w->uid,
        .version = w->desired->pod->metadata->resource_version,
        .field = field,
        .keys = w->keys};
    note(w->kubelet, &x, type, reason, fmt, args);
}

void events_pod(struct worker *w, enum event_type type, const char *reason, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    pod_note(w, NULL, type, reason, fmt, args);
    va_end(args);
}

void events_instance(struct instance *i, enum event_type type, const char *reason, const char *fmt, ...)
{
    va_list args;
    char field[320];
    va_start(args, fmt);
    pod_note(i->worker, instance_field_path(i, field, sizeof(field)), type, reason, fmt, args);
    va_end(args);
}

void events_node(struct kubelet *k, enum event_type type, const char *reason, const char *fmt, ...)
{
    va_list args;
    struct about x = {
        .kind = "Node", .ns = "default", .name = k->o.node_name, .uid = k->o.node_name, .keys = ""};
    va_start(args, fmt);
    note(k, &x, type, reason, fmt, args);
    va_end(args);
}
