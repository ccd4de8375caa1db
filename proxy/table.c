/* See table.h. */
#include "proxy/table.h"
#include "lib/map.h"
#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>

struct entry {
    struct plan_elem want, is;
    unsigned wanted; /* by so many owners */
    bool installed, dirty;
};

struct table {
    struct map *entries; /* by set and key */
    size_t n_dirty, room;
    struct entry **dirty;
};

struct table *table_new(void)
{
    struct table *t = mem_new(struct table);
    t->entries = map_new();
    return t;
}

void table_free(struct table *t)
{
    if (!t)
        return;
    void *e;
    for (size_t at = 0; map_next(t->entries, &at, NULL, NULL, &e);)
        free(e);
    map_free(t->entries);
    free(t->dirty);
    free(t);
}

static size_t map_key(const struct plan_elem *e, uint8_t key[1 + PLAN_KEY_MAX])
{
    key[0] = e->set;
    memcpy(key + 1, e->key, e->key_len);
    return 1U + e->key_len;
}

static struct entry *entry_of(struct table *t, const struct plan_elem *e)
{
    uint8_t key[1 + PLAN_KEY_MAX];
    size_t n = map_key(e, key);
    struct entry *x = map_get(t->entries, key, n);
    if (!x) {
        x = mem_new(struct entry);
        map_put(t->entries, key, n, x);
    }
    return x;
}

static void mark(struct table *t, struct entry *x)
{
    if (x->dirty)
        return;
    if (t->n_dirty == t->room) {
        t->room = t->room ? t->room * 2 : 64;
        t->dirty = mem_realloc(t->dirty, t->room, sizeof(*t->dirty));
    }
    x->dirty = true;
    t->dirty[t->n_dirty++] = x;
}

void table_want(struct table *t, const struct plan *before, const struct plan *after)
{
    for (size_t i = 0; after && i < after->n; i++) {
        struct entry *x = entry_of(t, &after->v[i]);
        x->want = after->v[i];
        x->wanted++;
        mark(t, x);
    }
    for (size_t i = 0; before && i < before->n; i++) {
        struct entry *x = entry_of(t, &before->v[i]);
        x->wanted -= x->wanted > 0;
        mark(t, x);
    }
}

void table_found(struct table *t, const struct plan_elem *e)
{
    struct entry *x = entry_of(t, e);
    x->is = *e;
    x->installed = true;
    mark(t, x);
}

void table_lost(struct table *t)
{
    void *v;
    for (size_t at = 0; map_next(t->entries, &at, NULL, NULL, &v);) {
        struct entry *x = v;
        x->installed = false;
        mark(t, x);
    }
}

void table_each_installed(const struct table *t, void (*fn)(void *arg, const struct plan_elem *e), void *arg)
{
    void *v;
    for (size_t at = 0; map_next(t->entries, &at, NULL, NULL, &v);)
        if (((struct entry *)v)->installed)
            fn(arg, &((struct entry *)v)->is);
}

static bool same_data(const struct entry *x)
{
    return x->is.data_len == x->want.data_len && !memcmp(x->is.data, x->want.data, x->is.data_len);
}

size_t table_changes(struct table *t, table_fn *fn, void *arg)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_dirty; i++) {
        struct entry *x = t->dirty[i];
        if (x->installed && (!x->wanted || !same_data(x))) {
            fn(arg, false, &x->is);
            n++;
        }
    }
    for (size_t i = 0; i < t->n_dirty; i++) {
        struct entry *x = t->dirty[i];
        if (x->wanted && (!x->installed || !same_data(x))) {
            fn(arg, true, &x->want);
            n++;
        }
    }
    return n;
}

void table_applied(struct table *t)
{
    for (size_t i = 0; i < t->n_dirty; i++) {
        struct entry *x = t->dirty[i];
        x->dirty = false;
        if (x->wanted) {
            x->installed = true;
            x->is = x->want;
            continue;
        }
        /* One that was only ever found has its key in `is`, one that was only wanted in `want`. */
        uint8_t key[1 + PLAN_KEY_MAX];
        size_t n = map_key(x->want.key_len ? &x->want : &x->is, key);
        map_remove(t->entries, key, n);
        free(x);
    }
    t->n_dirty = 0;
}
