/*
 * The registry: per kind a sorted array of entries, a history for watches, and the watchers; for all kinds
 * two batches of writes.
 *
 * Group commit: writes gather in one batch while the batch before is in flight. A batch is committed by
 * libuv's worker thread, because an fsync takes from a tenth of a millisecond to tens of them, and neither
 * reads nor watches should wait for it. The thread owns nothing of ours but the batch's list of (key, bytes),
 * which nobody changes, and the store's connection, which nobody else uses meanwhile; all else, reference
 * counts included, belongs to the loop. This is the only second thread of the program.
 *
 * An entry shows readers its durable state only. Writers build upon the staged one, so that a
 * compare-and-swap between two writes of one batch works. If a commit fails, its writes and all that were
 * built on top of them fail, and the revisions are used again: nobody has seen them.
 */
#include "master/registry.h"
#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "master/store.h"
#include <stdlib.h>
#include <string.h>

/* The history of a kind: what a watch may still ask for. HISTORY_MIN changes are kept at least; beyond that
 * until they are old, many, or big; huge ones count for themselves. */
#define HISTORY_MIN 100
#define HISTORY_MAX 4096
#define HISTORY_BYTES ((size_t)4 << 20)
#define HISTORY_BYTES_HUGE ((size_t)16 << 20)
#define HISTORY_MS 120000

struct entry {
    const struct object *live;   /* durable; NULL: none */
    const struct object *staged; /* the newest, where `pending`; NULL: a deletion */
    unsigned pending;            /* writes of it that are not durable yet */
    char *key;
};

struct past {
    struct registry_event event;
    int64_t at;
};

struct shelf { /* one kind */
    struct entry **entries;
    size_t n, cap;
    size_t n_live;
    struct past *past; /* a ring: HISTORY_MAX slots, allocated when first used */
    size_t past_first, past_n, past_cap, past_bytes;
    uint64_t floor; /* changes up to this revision are no longer in the history */
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
    bool gone;
    void (*done)(void *arg, const struct err *e);
    void *arg;
};
struct batch {
    struct write *writes;
    size_t n, cap;
};

struct registry {
    uv_loop_t *loop;
    struct store *store;
    struct shelf shelves[KIND_N];
    uint64_t durable, next;
    struct batch gathering, flying;
    struct store_write *on_disk; /* the flying batch, for the worker */
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

/* The first entry whose key is not below. */
static size_t lower_bound(const struct shelf *s, const char *key)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (strcmp(s->entries[mid]->key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct entry *find(const struct registry *r, enum kind_id kind, const char *ns, const char *name)
{
    char buf[640];
    const char *key = key_of(buf, sizeof(buf), ns, name, kinds[kind].namespaced);
    if (!key)
        return NULL;
    const struct shelf *s = &r->shelves[kind];
    size_t i = lower_bound(s, key);
    return i < s->n && !strcmp(s->entries[i]->key, key) ? s->entries[i] : NULL;
}

static struct entry *find_or_add(struct shelf *s, const char *key)
{
    size_t i = lower_bound(s, key);
    if (i < s->n && !strcmp(s->entries[i]->key, key))
        return s->entries[i];
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->entries = mem_realloc(s->entries, s->cap, sizeof(struct entry *));
    }
    memmove(s->entries + i + 1, s->entries + i, (s->n - i) * sizeof(struct entry *));
    s->n++;
    struct entry *e = s->entries[i] = mem_new(struct entry);
    e->key = mem_strdup(key);
    return e;
}

static void drop_if_empty(struct shelf *s, struct entry *e)
{
    if (e->live || e->pending)
        return;
    size_t i = lower_bound(s, e->key);
    memmove(s->entries + i, s->entries + i + 1, (s->n - i - 1) * sizeof(struct entry *));
    s->n--;
    free(e->key);
    free(e);
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

void registry_range(
    const struct registry *r, enum kind_id kind, const char *ns, size_t *ret_begin, size_t *ret_end)
{
    const struct shelf *s = &r->shelves[kind];
    *ret_begin = 0;
    *ret_end = s->n;
    if (!ns || !kinds[kind].namespaced)
        return;
    char key[320];
    size_t n = strnlen(ns, 300);
    memcpy(key, ns, n);
    memcpy(key + n, "/", 2);
    *ret_begin = lower_bound(s, key);
    memcpy(key + n, "0", 2); /* '0' follows '/' */
    *ret_end = lower_bound(s, key);
}

size_t registry_after(const struct registry *r, enum kind_id kind, const char *key)
{
    const struct shelf *s = &r->shelves[kind];
    size_t i = lower_bound(s, key);
    return i < s->n && !strcmp(s->entries[i]->key, key) ? i + 1 : i;
}

const struct object *registry_at(const struct registry *r, enum kind_id kind, size_t i)
{
    return i < r->shelves[kind].n ? r->shelves[kind].entries[i]->live : NULL;
}

void registry_each(const struct registry *r, enum kind_id kind, const char *ns,
    bool (*fn)(void *arg, const struct object *o), void *arg)
{
    size_t i, end;
    for (registry_range(r, kind, ns, &i, &end); i < end; i++) {
        const struct object *o = registry_at(r, kind, i);
        if (o && !fn(arg, o))
            return;
    }
}

size_t registry_count(const struct registry *r, enum kind_id kind)
{
    return r->shelves[kind].n_live;
}

/* ---- History ---- */

static struct past *past_at(const struct shelf *s, size_t i)
{
    return &s->past[(s->past_first + i) % s->past_cap];
}

static void event_release(struct registry_event *ev)
{
    object_unref(ev->before);
    object_unref(ev->now);
    object_unref(ev->last);
}

static void forget_oldest(struct shelf *s)
{
    struct past *p = past_at(s, 0);
    s->floor = p->event.rev;
    s->past_bytes -= p->event.last->len;
    event_release(&p->event);
    s->past_first = (s->past_first + 1) % s->past_cap;
    s->past_n--;
}

static void grow_past(struct shelf *s)
{
    size_t cap = s->past_cap ? s->past_cap * 2 : 64;
    struct past *more = mem_array(cap, sizeof(*more));
    for (size_t i = 0; i < s->past_n; i++)
        more[i] = *past_at(s, i);
    free(s->past);
    s->past = more;
    s->past_cap = cap;
    s->past_first = 0;
}

static bool is_too_long(const struct shelf *s, int64_t now)
{
    if (s->past_n <= HISTORY_MIN)
        return s->past_n && s->past_bytes > HISTORY_BYTES_HUGE;
    return s->past_n >= HISTORY_MAX || s->past_bytes > HISTORY_BYTES || now - past_at(s, 0)->at > HISTORY_MS;
}

/* Takes the event's references. */
static void remember(struct shelf *s, const struct registry_event *ev)
{
    int64_t now = clock_mono_ms();
    while (is_too_long(s, now))
        forget_oldest(s);
    if (s->past_n == s->past_cap)
        grow_past(s);
    s->past_n++;
    *past_at(s, s->past_n - 1) = (struct past){*ev, now};
    s->past_bytes += ev->last->len;
}

bool registry_history(const struct registry *r, enum kind_id kind, uint64_t rev,
    void (*fn)(void *arg, const struct registry_event *ev), void *arg)
{
    const struct shelf *s = &r->shelves[kind];
    if (rev < s->floor)
        return false;
    for (size_t i = 0; i < s->past_n; i++)
        if (past_at(s, i)->event.rev > rev)
            fn(arg, &past_at(s, i)->event);
    return true;
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

void registry_stage(struct registry *r, const struct object *o, bool gone,
    void (*done)(void *arg, const struct err *e), void *arg)
{
    struct batch *b = &r->gathering;
    struct entry *e = find_or_add(&r->shelves[o->kind->id], o->key);
    if (b->n == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 16;
        b->writes = mem_realloc(b->writes, b->cap, sizeof(*b->writes));
    }
    b->writes[b->n++] = (struct write){e, o, gone, done, arg};
    e->pending++;
    e->staged = gone ? NULL : o;
    r->next = o->rev;
    if (!r->busy)
        deferred_call(r->kick);
}

static void commit_in_worker(uv_work_t *work)
{
    struct registry *r = work->data;
    r->commit_error = store_commit(r->store, r->on_disk, r->flying.n);
}

static void committed(uv_work_t *work, int status);

static void start_commit(void *arg)
{
    struct registry *r = arg;
    if (r->busy || !r->gathering.n)
        return;
    struct batch spare = r->flying;
    r->flying = r->gathering;
    r->gathering = (struct batch){.writes = spare.writes, .cap = spare.cap};
    r->on_disk = mem_array(r->flying.n, sizeof(*r->on_disk));
    for (size_t i = 0; i < r->flying.n; i++) {
        const struct write *w = &r->flying.writes[i];
        r->on_disk[i] = (struct store_write){w->object->kind->resource, w->object->key, w->object->rev,
            w->gone, w->object->json, w->object->len};
    }
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
        const struct object *now = w->gone ? NULL : w->object;
        events[i] = (struct registry_event){
            w->object->rev, object_ref(w->entry->live), object_ref(now), object_ref(w->object)};
        s->n_live += (now != NULL);
        s->n_live -= (w->entry->live != NULL);
        object_unref(w->entry->live);
        w->entry->live = object_ref(now);
        r->durable = w->object->rev;
        struct registry_event kept = {
            events[i].rev, object_ref(events[i].before), object_ref(now), object_ref(w->object)};
        remember(s, &kept);
    }
    return events;
}

static void settle(struct registry *r, struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct entry *e = b->writes[i].entry;
        e->pending--;
        if (!e->pending)
            drop_if_empty(&r->shelves[b->writes[i].object->kind->id], e);
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

static void committed(uv_work_t *work, int status)
{
    (void)status;
    struct registry *r = work->data;
    struct batch b = r->flying;
    struct err *error = take_ptr(r->commit_error);
    r->flying = (struct batch){0};
    free(take_ptr(r->on_disk));
    r->busy = false;
    if (!error) {
        start_commit(r); /* the next one flies while this one is told */
        succeed(r, &b);
        return;
    }
    struct batch after = r->gathering;
    r->gathering = (struct batch){0};
    r->next = r->durable;
    settle(r, &b);
    settle(r, &after);
    finish(&b, error);
    finish(&after, error);
    err_free(error);
}

/* ---- Life ---- */

static struct err *load_one(void *arg, const char *kind, uint64_t rev, const char *json, size_t len)
{
    struct registry *r = arg;
    for (size_t k = 0; k < KIND_N; k++)
        if (!strcmp(kinds[k].resource, kind)) {
            struct object *o;
            TRY_WRAP(object_load(&kinds[k], rev, json, len, &o), "stored %s of revision %llu", kind,
                (unsigned long long)rev);
            struct entry *e = find_or_add(&r->shelves[k], o->key);
            object_unref(e->live);
            e->live = o;
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
    r->durable = r->next = store_revision(r->store);
    for (size_t k = 0; k < KIND_N; k++)
        r->shelves[k].floor = r->durable;
    r->kick = deferred_new(loop, start_commit, r);
    *ret = r;
    return NULL;
}

static void free_shelf(struct shelf *s)
{
    while (s->past_n)
        forget_oldest(s);
    free(s->past);
    for (size_t i = 0; i < s->n; i++) {
        object_unref(s->entries[i]->live);
        free(s->entries[i]->key);
        free(s->entries[i]);
    }
    free(s->entries);
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    start_commit(r);
    while (r->busy) /* ends: each turn waits for one commit, and nobody stages any more */
        uv_run(r->loop, UV_RUN_ONCE);
    for (size_t k = 0; k < KIND_N; k++) {
        for (struct registry_watch *w = r->shelves[k].watches; w; w = w->next)
            w->removed = true;
    }
    sweep_watches(r);
    for (size_t k = 0; k < KIND_N; k++)
        free_shelf(&r->shelves[k]);
    if (r->kick)
        deferred_free(r->kick);
    free(r->gathering.writes);
    free(r->flying.writes);
    store_close(r->store);
    free(r);
}
