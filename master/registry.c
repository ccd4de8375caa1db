/*
 * The registry: per kind its entries in order, a history for watches, and the watchers (registry_index.h);
 * for all kinds two batches of writes.
 *
 * Group commit: writes gather in one batch while the batch before is in flight. A batch is committed by
 * libuv's worker thread, because an fsync takes from a tenth of a millisecond to tens of them, and neither
 * reads nor watches should wait for it. The thread owns nothing of ours but the batch's list of (key, bytes),
 * which nobody changes, and the store's connection, which nobody else uses meanwhile; all else, reference
 * counts included, belongs to the loop. This is the only second thread of the program.
 *
 * A heartbeat (registry.h) is numbered, ordered and told like any write, but not written down: a batch of
 * nothing else needs no disk. Only a crash forgets it, and then the reserved revisions are jumped over, so
 * that whoever knows of it is told 409 or 410.
 *
 * An entry shows readers its durable state only. Writers build upon the staged one, so that a
 * compare-and-swap between two writes of one batch works. If a commit fails, its writes and all that were
 * built on top of them fail, and the revisions are used again: nobody has seen them.
 */
#include "master/registry.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "master/registry_index.h"
#include "master/store.h"
#include <stdlib.h>
#include <string.h>

/* Revisions are reserved on disk so many at a time: what is not written down (heartbeats) must not be
 * numbered again after a crash. */
#define REVISIONS 65536

struct shelf { /* one kind */
    struct registry_index index;
    struct registry_history history;
    size_t n_live;
    struct registry_watch *watches;
};

struct registry_watch {
    struct registry *r;
    struct registry_watch *next;
    enum kind_id kind;
    registry_watch_fn *fn;
    void (*follow)(void *arg, const struct registry_event *ev);
    void *arg;
    bool removed;
};

struct write {
    struct entry *entry;
    const struct object *object;
    enum registry_write what;
    uint64_t row;
    void (*done)(void *arg, const struct err *e);
    void *arg;
};
struct batch {
    struct write *writes;
    size_t n, cap;
    size_t n_heartbeats;
};

struct registry {
    uv_loop_t *loop;
    struct store *store;
    struct shelf shelves[KIND_N];
    uint64_t durable, next;
    uint64_t reserved; /* on disk: no revision beyond was ever given away */
    struct batch gathering, flying;
    struct store_write *on_disk; /* the flying batch, for the worker */
    size_t n_on_disk;
    uint64_t reserving; /* what the flying batch makes of `reserved`; 0: nothing */
    struct err *commit_error;
    uv_work_t work;
    struct deferred *kick;
    bool busy;
    unsigned telling; /* depth of notification: watches are only unlinked at 0 */
    bool some_removed;
};

/* ---- Entries ---- */

static const char *key_of(char *buf, size_t size, const char *ns, const char *name, bool namespaced)
{
    size_t n = namespaced ? strlen(ns) : 0, m = strlen(name);
    if (n + m + 2 > size)
        return NULL;
    memcpy(buf, ns, n);
    if (namespaced)
        buf[n++] = '/';
    memcpy(buf + n, name, m + 1);
    return buf;
}

static struct entry *find(const struct registry *r, enum kind_id kind, const char *ns, const char *name)
{
    char buf[640];
    const char *key = key_of(buf, sizeof(buf), ns, name, kinds[kind].namespaced);
    return key ? index_find(&r->shelves[kind].index, key) : NULL;
}

uint64_t registry_revision(const struct registry *r)
{
    return r->durable;
}

const struct object *registry_get(
    const struct registry *r, enum kind_id kind, const char *ns, const char *name)
{
    const struct entry *e = find(r, kind, ns, name);
    return e ? e->live : NULL;
}

const struct object *registry_latest(
    const struct registry *r, enum kind_id kind, const char *ns, const char *name)
{
    const struct entry *e = find(r, kind, ns, name);
    return !e ? NULL : e->pending ? e->staged : e->live;
}

struct registry_walk registry_walk(
    const struct registry *r, enum kind_id kind, const char *ns, const char *after)
{
    const struct registry_index *x = &r->shelves[kind].index;
    struct registry_walk w = {.index = x, .ns = kinds[kind].namespaced ? ns : NULL};
    auto_free char *first = w.ns ? mem_printf("%s/", w.ns) : mem_strdup("");
    const char *from = after && strcmp(after, first) > 0 ? after : first; /* no key itself, if it is first */
    struct index_place p = index_seek(x, from), beyond = p;
    const struct entry *e = index_next(x, &beyond);
    if (e && !strcmp(e->key, from))
        p = beyond;
    w.chunk = p.chunk;
    w.at = p.at;
    return w;
}

const struct object *registry_next(struct registry_walk *w)
{
    struct index_place p = {w->chunk, w->at};
    const struct entry *e;
    do /* what is only staged is passed over */
        e = index_next(w->index, &p);
    while (e && !e->live);
    w->chunk = p.chunk;
    w->at = p.at;
    return e && (!w->ns || !strcmp(e->live->ns, w->ns)) ? e->live : NULL;
}

void registry_each(const struct registry *r, enum kind_id kind, const char *ns,
    bool (*fn)(void *arg, const struct object *o), void *arg)
{
    struct registry_walk w = registry_walk(r, kind, ns, NULL);
    for (const struct object *o; (o = registry_next(&w));)
        if (!fn(arg, o))
            return;
}

size_t registry_count(const struct registry *r, enum kind_id kind)
{
    return r->shelves[kind].n_live;
}

bool registry_history(const struct registry *r, enum kind_id kind, uint64_t rev,
    void (*fn)(void *arg, const struct registry_event *ev), void *arg)
{
    return history_each(&r->shelves[kind].history, rev, fn, arg);
}

/* ---- Watches ---- */

static struct registry_watch *add_watch(struct registry *r, enum kind_id kind, void *arg)
{
    struct registry_watch *w = mem_new(struct registry_watch), **p = &r->shelves[kind].watches;
    *w = (struct registry_watch){.r = r, .kind = kind, .arg = arg};
    while (*p)
        p = &(*p)->next;
    *p = w;
    return w;
}

struct registry_watch *registry_watch(struct registry *r, enum kind_id kind, registry_watch_fn *fn, void *arg)
{
    struct registry_watch *w = add_watch(r, kind, arg);
    w->fn = fn;
    return w;
}

struct registry_watch *registry_follow(
    struct registry *r, enum kind_id kind, void (*fn)(void *arg, const struct registry_event *ev), void *arg)
{
    struct registry_watch *w = add_watch(r, kind, arg);
    w->follow = fn;
    return w;
}

static void sweep_watches(struct registry *r)
{
    for (size_t k = 0; k < KIND_N; k++)
        for (struct registry_watch **p = &r->shelves[k].watches, *w; (w = *p);) {
            if (w->removed) {
                *p = w->next;
                free(w);
            } else {
                p = &w->next;
            }
        }
    r->some_removed = false;
}

void registry_unwatch(struct registry_watch *w)
{
    if (!w)
        return;
    w->removed = true;
    w->r->some_removed = true;
    if (!w->r->telling)
        sweep_watches(w->r);
}

static void tell(struct registry *r, enum kind_id kind, const struct registry_event *ev)
{
    for (struct registry_watch *w = r->shelves[kind].watches; w; w = w->next) {
        if (w->removed)
            continue;
        if (w->fn)
            w->fn(w->arg, ev->before, ev->now, ev->rev);
        else
            w->follow(w->arg, ev);
    }
}

/* ---- Writes ---- */

uint64_t registry_next_revision(const struct registry *r)
{
    return r->next + 1;
}

void registry_stage(struct registry *r, const struct object *o, enum registry_write what,
    void (*done)(void *arg, const struct err *e), void *arg)
{
    struct batch *b = &r->gathering;
    struct entry *e = index_add(&r->shelves[o->kind->id].index, o->key);
    if (b->n == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 16;
        b->writes = mem_realloc(b->writes, b->cap, sizeof(*b->writes));
    }
    if (!e->pending)
        e->staged_row = e->row;
    uint64_t row = e->staged_row ? e->staged_row : o->rev; /* a new one: named by its first revision */
    b->writes[b->n++] = (struct write){e, o, what, row, done, arg};
    b->n_heartbeats += what == REGISTRY_HEARTBEAT;
    e->pending++;
    e->staged = what == REGISTRY_DELETION ? NULL : o;
    e->staged_row = e->staged ? row : 0;
    r->next = o->rev;
    if (!r->busy)
        deferred_call(r->kick);
}

static struct store_write on_disk(const struct object *o, uint64_t row, bool gone)
{
    return (struct store_write){o->kind->resource, o->key, row, o->rev, gone, o->json, o->len};
}

static bool needs_disk(const struct registry *r, const struct batch *b)
{
    return b->n_heartbeats < b->n || r->next > r->reserved;
}

static void commit_in_worker(uv_work_t *work)
{
    struct registry *r = work->data;
    r->commit_error = store_commit(r->store, r->on_disk, r->n_on_disk, r->reserving);
}

static void committed(uv_work_t *work, int status);

/* What has gathered goes to the disk. */
static void start_commit(struct registry *r)
{
    struct batch spare = r->flying;
    r->flying = r->gathering;
    r->gathering = (struct batch){.writes = spare.writes, .cap = spare.cap};
    r->on_disk = mem_array(r->flying.n, sizeof(*r->on_disk));
    r->n_on_disk = 0;
    for (size_t i = 0; i < r->flying.n; i++) {
        const struct write *w = &r->flying.writes[i];
        if (w->what != REGISTRY_HEARTBEAT)
            r->on_disk[r->n_on_disk++] = on_disk(w->object, w->row, w->what == REGISTRY_DELETION);
    }
    r->reserving = r->next > r->reserved ? r->next + REVISIONS : 0;
    r->busy = true;
    r->work.data = r;
    uv_queue_work(r->loop, &r->work, commit_in_worker, committed);
}

/* Makes the batch visible. The events come back for telling. */
static struct registry_event *apply(struct registry *r, struct batch *b)
{
    struct registry_event *events = mem_array(b->n, sizeof(*events));
    for (size_t i = 0; i < b->n; i++) {
        struct write *w = &b->writes[i];
        struct shelf *s = &r->shelves[w->object->kind->id];
        const struct object *now = w->what == REGISTRY_DELETION ? NULL : w->object;
        events[i] = (struct registry_event){
            w->object->rev, object_ref(w->entry->live), object_ref(now), object_ref(w->object)};
        s->n_live += (now != NULL);
        s->n_live -= (w->entry->live != NULL);
        object_unref(w->entry->live);
        w->entry->live = object_ref(now);
        w->entry->row = now ? w->row : 0;
        w->entry->is_ahead = w->what == REGISTRY_HEARTBEAT;
        r->durable = w->object->rev;
        struct registry_event kept = {
            events[i].rev, object_ref(events[i].before), object_ref(now), object_ref(w->object)};
        history_add(&s->history, &kept);
    }
    return events;
}

static void settle(struct registry *r, struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct entry *e = b->writes[i].entry;
        e->pending--;
        if (!e->pending && !e->live)
            index_remove(&r->shelves[b->writes[i].object->kind->id].index, e);
    }
}

static void finish(struct batch *b, const struct err *error)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->writes[i].done)
            b->writes[i].done(b->writes[i].arg, error);
        object_unref(b->writes[i].object);
    }
    free(b->writes);
}

static void succeed(struct registry *r, struct batch *b)
{
    struct registry_event *events = apply(r, b);
    settle(r, b);
    r->telling++;
    for (size_t i = 0; i < b->n; i++)
        tell(r, b->writes[i].object->kind->id, &events[i]);
    if (!--r->telling && r->some_removed)
        sweep_watches(r);
    for (size_t i = 0; i < b->n; i++)
        event_release(&events[i]);
    free(events);
    finish(b, NULL);
}

static void fail(struct registry *r, struct batch *b, const struct err *error)
{
    struct batch after = r->gathering;
    r->gathering = (struct batch){0};
    r->next = r->durable;
    settle(r, b);
    settle(r, &after);
    finish(b, error);
    finish(&after, error);
}

static void committed(uv_work_t *work, int status)
{
    (void)status;
    struct registry *r = work->data;
    struct batch b = r->flying;
    auto_err *error = take_ptr(r->commit_error);
    r->flying = (struct batch){0};
    free(take_ptr(r->on_disk));
    r->busy = false;
    if (error) {
        fail(r, &b, error);
        return;
    }
    if (r->reserving)
        r->reserved = r->reserving;
    if (r->gathering.n && needs_disk(r, &r->gathering))
        start_commit(r); /* the next one flies while this one is told */
    else if (r->gathering.n)
        deferred_call(r->kick);
    succeed(r, &b);
}

static void on_kick(void *arg)
{
    struct registry *r = arg;
    if (r->busy || !r->gathering.n)
        return;
    if (needs_disk(r, &r->gathering)) {
        start_commit(r);
        return;
    }
    struct batch b = r->gathering;
    r->gathering = (struct batch){0};
    succeed(r, &b);
}

/* ---- Life ---- */

static struct err *load_one(
    void *arg, const char *kind, uint64_t row, uint64_t rev, const char *json, size_t len)
{
    struct registry *r = arg;
    for (size_t k = 0; k < KIND_N; k++)
        if (!strcmp(kinds[k].resource, kind)) {
            struct object *o;
            TRY_WRAP(object_load(&kinds[k], rev, json, len, &o), "stored %s of revision %llu", kind,
                (unsigned long long)rev);
            struct entry *e = index_add(&r->shelves[k].index, o->key);
            object_unref(e->live);
            e->live = o;
            e->row = row;
            r->shelves[k].n_live++;
            return NULL;
        }
    return err_new(ERR_UNSUPPORTED, "stored kind \"%s\" is not known to this program", kind);
}

struct err *registry_new(uv_loop_t *loop, const char *store_path, struct registry **ret)
{
    struct registry *r = mem_new(struct registry);
    r->loop = loop;
    struct err *e = store_open(store_path, &r->store);
    if (!e)
        e = store_each(r->store, load_one, r);
    if (e) {
        registry_free(r);
        return e;
    }
    r->durable = r->next = r->reserved = store_revision(r->store);
    for (size_t k = 0; k < KIND_N; k++)
        r->shelves[k].history.floor = r->durable;
    r->kick = deferred_new(loop, on_kick, r);
    *ret = r;
    return NULL;
}

/* In peace nothing is forgotten and no revision jumped over. */
static void write_down(struct registry *r)
{
    size_t n = 0, cap = 0;
    auto_free struct store_write *ahead = NULL;
    for (size_t k = 0; k < KIND_N; k++) {
        struct index_place p = {0};
        for (const struct entry *e; (e = index_next(&r->shelves[k].index, &p));) {
            if (!e->is_ahead)
                continue;
            if (n == cap) {
                cap = cap ? cap * 2 : 16;
                ahead = mem_realloc(ahead, cap, sizeof(*ahead));
            }
            ahead[n++] = on_disk(e->live, e->row, false);
        }
    }
    if (n || r->reserved != r->durable)
        err_free(store_commit(r->store, ahead, n, r->durable)); /* if it fails, it is as after a crash */
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    while (r->busy || r->gathering.n) { /* ends: nobody stages any more */
        on_kick(r);
        if (r->busy)
            uv_run(r->loop, UV_RUN_ONCE);
    }
    if (r->kick) {
        write_down(r);
        deferred_free(r->kick);
    }
    for (size_t k = 0; k < KIND_N; k++) {
        for (struct registry_watch *w = r->shelves[k].watches; w; w = w->next)
            w->removed = true;
    }
    sweep_watches(r);
    for (size_t k = 0; k < KIND_N; k++) {
        history_done(&r->shelves[k].history);
        index_done(&r->shelves[k].index);
    }
    free(r->gathering.writes);
    free(r->flying.writes);
    store_close(r->store);
    free(r);
}
