/* Entries in order: an array of chunks, each a sorted array. */
#include "master/registry_index.h"
#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>

#define CHUNK 128

struct chunk {
    size_t n;
    struct entry *v[CHUNK];
};

/* The first of c whose key is not below. */
static size_t lower_bound(const struct chunk *c, const char *key)
{
    size_t lo = 0, hi = c->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (strcmp(c->v[mid]->key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The last chunk that does not begin beyond the key: where it is, or belongs. */
static size_t chunk_of(const struct registry_index *x, const char *key)
{
    size_t lo = 0, hi = x->n;
    while (hi - lo > 1) {
        size_t mid = (lo + hi) / 2;
        if (strcmp(x->chunks[mid]->v[0]->key, key) <= 0)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

struct index_place index_seek(const struct registry_index *x, const char *key)
{
    size_t i = chunk_of(x, key);
    return (struct index_place){i, i < x->n ? lower_bound(x->chunks[i], key) : 0};
}

struct entry *index_next(const struct registry_index *x, struct index_place *p)
{
    if (p->chunk < x->n && p->at == x->chunks[p->chunk]->n)
        *p = (struct index_place){p->chunk + 1, 0};
    return p->chunk < x->n ? x->chunks[p->chunk]->v[p->at++] : NULL;
}

struct entry *index_find(const struct registry_index *x, const char *key)
{
    struct index_place p = index_seek(x, key);
    const struct chunk *c = p.chunk < x->n ? x->chunks[p.chunk] : NULL;
    return c && p.at < c->n && !strcmp(c->v[p.at]->key, key) ? c->v[p.at] : NULL;
}

static struct chunk *add_chunk(struct registry_index *x, size_t at)
{
    if (x->n == x->cap) {
        x->cap = x->cap ? x->cap * 2 : 8;
        x->chunks = mem_realloc(x->chunks, x->cap, sizeof(*x->chunks));
    }
    memmove(x->chunks + at + 1, x->chunks + at, (x->n - at) * sizeof(*x->chunks));
    x->n++;
    return x->chunks[at] = mem_new(struct chunk);
}

/* Makes room at p. What comes in the order of keys leaves full chunks behind it. */
static struct index_place split(struct registry_index *x, struct index_place p)
{
    struct chunk *left = x->chunks[p.chunk], *right = add_chunk(x, p.chunk + 1);
    size_t keep = p.at == CHUNK ? CHUNK : CHUNK / 2;
    right->n = left->n - keep;
    memcpy(right->v, left->v + keep, right->n * sizeof(*right->v));
    left->n = keep;
    return p.at < keep || (p.at == keep && keep < CHUNK) ? p : (struct index_place){p.chunk + 1, p.at - keep};
}

struct entry *index_add(struct registry_index *x, const char *key)
{
    struct entry *e = index_find(x, key);
    if (e)
        return e;
    if (!x->n)
        add_chunk(x, 0);
    struct index_place p = index_seek(x, key);
    if (x->chunks[p.chunk]->n == CHUNK)
        p = split(x, p);
    struct chunk *c = x->chunks[p.chunk];
    memmove(c->v + p.at + 1, c->v + p.at, (c->n - p.at) * sizeof(*c->v));
    c->n++;
    c->v[p.at] = e = mem_new(struct entry);
    e->key = mem_strdup(key);
    return e;
}

static void free_entry(struct entry *e)
{
    object_unref(e->live);
    free(e->key);
    free(e);
}

void index_remove(struct registry_index *x, struct entry *e)
{
    struct index_place p = index_seek(x, e->key);
    struct chunk *c = x->chunks[p.chunk];
    c->n--;
    memmove(c->v + p.at, c->v + p.at + 1, (c->n - p.at) * sizeof(*c->v));
    free_entry(e);
    if (c->n)
        return;
    free(c);
    x->n--;
    memmove(x->chunks + p.chunk, x->chunks + p.chunk + 1, (x->n - p.chunk) * sizeof(*x->chunks));
}

void index_done(struct registry_index *x)
{
    for (size_t i = 0; i < x->n; i++) {
        for (size_t k = 0; k < x->chunks[i]->n; k++)
            free_entry(x->chunks[i]->v[k]);
        free(x->chunks[i]);
    }
    free(x->chunks);
}
