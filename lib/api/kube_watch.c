/*
 * Reflectors. LIST in pages -> WATCH from the list's revision -> events, bookmarks -> the server ends the
 * watch -> WATCH from the last revision; when that is too old (410), or was never known, LIST again. Failures
 * are retried for ever, with a growing pause.
 *
 *   state     | meaning
 *   LISTING   | a page of the list was asked for
 *   WATCHING  | the stream is open, or about to be
 *   PAUSED    | the timer will go on with a LIST or a WATCH
 */
#include "lib/api/kube.h"
#include "lib/api/kube_internal.h"
#include "lib/http_client_internal.h"
#include "lib/loop.h"
#include "lib/tls.h"
#include <stdlib.h>
#include <string.h>

enum {
    PAGE = 500,
    LIST_MS = 60000,
    LIST_MAX = 256 << 20,
    EVENT_MAX = 8 << 20, /* one line of the stream */
    WATCH_SECONDS = 300, /* the server ends it after so long, and up to as long again */
    STALL_MS = 15 * 60 * 1000,
    PAUSE_FIRST_MS = 100,
    PAUSE_MAX_MS = 5000,
};

struct kube_watch {
    struct kube *kube;
    struct kube_watch_events ev;
    void *arg;
    char *path;      /* of the list */
    char *revision;  /* NULL: a list is needed */
    char *more;      /* continue token of the next page */
    struct buf line; /* of the stream, not ended yet */
    struct http_call *call;
    struct timer *timer;
    uint64_t pause_ms;
    bool expired; /* the stream said 410: list again */
    bool heard;   /* something came since the last pause */
    bool freed;   /* by a callback, while we are in one */
    unsigned busy;
};

static void go_on(void *arg);

/* --- being freed from one's own callbacks --- */

static void release(struct kube_watch *w)
{
    if (w->busy || !w->freed)
        return;
    http_call_cancel(w->call);
    timer_free(w->timer);
    buf_done(&w->line);
    free(w->path);
    free(w->revision);
    free(w->more);
    free(w);
}

void kube_watch_free(struct kube_watch *w)
{
    if (!w)
        return;
    w->freed = true;
    release(w);
}

/* --- pauses --- */

static void pause_then_go_on(struct kube_watch *w, const struct err *e)
{
    if (e && w->ev.failed)
        w->ev.failed(w->arg, e);
    w->pause_ms = w->heard || !w->pause_ms ? PAUSE_FIRST_MS : w->pause_ms * 2;
    if (w->pause_ms > PAUSE_MAX_MS)
        w->pause_ms = PAUSE_MAX_MS;
    w->heard = false;
    unsigned char dice;
    tls_random(&dice, 1);
    timer_start(w->timer, w->pause_ms / 2 + w->pause_ms * dice / 512);
}

static void set_revision(struct kube_watch *w, const char *revision)
{
    free(w->revision);
    w->revision = mem_strdup(revision);
}

static const char *revision_of(const struct json *object)
{
    return json_str(json_at(object, "metadata", "resourceVersion", NULL));
}

/* --- LIST --- */

/* Items of a list carry neither kind nor apiVersion: what the list says of itself, without "List". */
static const struct json *complete(struct arena *a, const struct json *list, const struct json *item)
{
    const char *kind = json_str(json_get(list, "kind"));
    size_t n = kind ? strlen(kind) : 0;
    if (n <= 4 || json_get(item, "kind"))
        return item;
    const struct json *full = json_with(a, NULL, "apiVersion", json_get(list, "apiVersion"));
    full = json_with(a, full, "kind", json_new_str(a, arena_strndup(a, kind, n - 4)));
    json_each_member (m, item)
        full = json_with(a, full, m->name, &m->value);
    return full;
}

static void take_page(struct kube_watch *w, struct arena *a, const struct json *list)
{
    const char *more = json_str(json_at(list, "metadata", "continue", NULL));
    w->heard = true;
    if (!w->more && w->ev.relisted)
        w->ev.relisted(w->arg);
    json_each_item (it, json_get(list, "items")) {
        if (w->freed)
            return;
        w->ev.changed(w->arg, complete(a, list, it));
    }
    if (w->freed)
        return;
    free(w->more);
    w->more = more && *more ? mem_strdup(more) : NULL;
    if (!w->more) {
        set_revision(w, revision_of(list));
        w->expired = false;
        if (w->ev.synced)
            w->ev.synced(w->arg);
    }
    if (!w->freed)
        go_on(w);
}

static void on_page(void *arg, const struct http_client_result *res)
{
    struct kube_watch *w = arg;
    auto_arena *a = arena_new();
    const struct json *list = res->error ? NULL : kube_parse(a, res);
    auto_err *failure = NULL;
    w->call = NULL;
    w->busy++;
    if (!res->error && res->status != 200)
        failure = kube_status_err(res->status, list);
    else if (!res->error && !revision_of(list))
        failure = err_new(ERR_INVALID, "%s: the answer is no list", w->path);
    if (res->error || failure) {
        free(take_ptr(w->more)); /* a page that cannot be had: from the beginning */
        pause_then_go_on(w, res->error ? res->error : failure);
    } else {
        take_page(w, a, list);
    }
    w->busy--;
    release(w);
}

/* Percent-encodes what a continue token may hold. */
static char *escape(const char *text)
{
    auto_buf b = BUF_INIT(64 * 1024);
    for (const char *p = text; *p; p++)
        if (strchr("+/=&%# ", *p))
            buf_addf(&b, "%%%02X", (unsigned char)*p);
        else
            buf_addc(&b, *p);
    return mem_strdup(buf_str(&b));
}

static void list(struct kube_watch *w)
{
    auto_free char *more = w->more ? escape(w->more) : NULL;
    auto_free char *url = mem_printf("%s%s%climit=%d%s%s", kube_server(w->kube), w->path,
        strchr(w->path, '?') ? '&' : '?', PAGE, more ? "&continue=" : "", more ? more : "");
    const char *headers[] = {"Accept: application/json", NULL};
    w->call = http_client_start(kube_http(w->kube),
        &(struct http_client_request){
            .method = "GET", .url = url, .headers = headers, .timeout_ms = LIST_MS, .max_body = LIST_MAX},
        NULL, on_page, w);
}

/* --- WATCH --- */

static void take_event(struct kube_watch *w, const char *text, size_t len)
{
    auto_arena *a = arena_new();
    struct json_limits limits = {.bytes = EVENT_MAX, .depth = 128, .nodes = 5000000};
    const struct json *event;
    struct err *e = json_parse(a, text, len, &limits, &event);
    if (e) {
        if (w->ev.failed)
            w->ev.failed(w->arg, e);
        err_free(e);
        w->expired = true; /* what it was nobody knows: list again */
        return;
    }
    const char *type = json_str(json_get(event, "type"));
    const struct json *object = json_get(event, "object");
    if (!type || !object)
        return;
    if (strcmp(type, "ERROR") == 0) {
        w->expired = true;
        return;
    }
    if (revision_of(object))
        set_revision(w, revision_of(object));
    if (strcmp(type, "DELETED") == 0)
        w->ev.deleted(w->arg, object);
    else if (strcmp(type, "BOOKMARK") != 0)
        w->ev.changed(w->arg, object);
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct kube_watch *w = arg;
    w->busy++;
    w->heard = true;
    while (len && !w->freed && !w->expired) {
        const char *newline = memchr(data, '\n', len);
        size_t n = newline ? (size_t)(newline - data) : len;
        buf_add(&w->line, data, n);
        data += n + (newline ? 1 : 0);
        len -= n + (newline ? 1 : 0);
        if (w->line.over)
            w->expired = true;
        else if (newline && w->line.len)
            take_event(w, w->line.data, w->line.len);
        if (newline)
            buf_clear(&w->line);
    }
    if (w->expired && !w->freed && w->call) { /* what is left of this stream is of no use */
        http_call_cancel(take_ptr(w->call));
        pause_then_go_on(w, NULL);
    }
    w->busy--;
    release(w);
}

static void on_end(void *arg, const struct http_client_result *res)
{
    struct kube_watch *w = arg;
    auto_err *failure = NULL;
    w->call = NULL;
    w->busy++;
    if (!res->error && res->status != 200) {
        auto_arena *a = arena_new();
        failure = kube_status_err(res->status, kube_parse(a, res));
        w->expired = true; /* 410, or whatever it does not like: from a list on */
    }
    if (res->error || failure || !w->heard)
        pause_then_go_on(w, res->error ? res->error : failure);
    else
        go_on(w);
    w->busy--;
    release(w);
}

static void watch(struct kube_watch *w)
{
    unsigned char dice;
    tls_random(&dice, 1);
    auto_free char *url =
        mem_printf("%s%s%cwatch=true&allowWatchBookmarks=true&resourceVersion=%s&timeoutSeconds=%d",
            kube_server(w->kube), w->path, strchr(w->path, '?') ? '&' : '?', w->revision,
            WATCH_SECONDS + WATCH_SECONDS * dice / 256);
    const char *headers[] = {"Accept: application/json", NULL};
    buf_clear(&w->line);
    w->heard = false;
    w->call = http_client_start(kube_http(w->kube),
        &(struct http_client_request){.method = "GET", .url = url, .headers = headers, .stall_ms = STALL_MS},
        on_data, on_end, w);
}

/* --- what comes next --- */

static void go_on(void *arg)
{
    struct kube_watch *w = arg;
    if (w->revision && !w->expired && !w->more)
        watch(w);
    else
        list(w);
}

struct kube_watch *kube_watch(struct kube *k, const char *path, const struct kube_watch_events *ev, void *arg)
{
    struct kube_watch *w = mem_new(struct kube_watch);
    *w = (struct kube_watch){
        .kube = k, .ev = *ev, .arg = arg, .path = mem_strdup(path), .line = BUF_INIT(EVENT_MAX)};
    w->timer = timer_new(http_client_loop(kube_http(k)), go_on, w);
    list(w);
    return w;
}
