/* See ruleset.h. Plugins run side by side: whoever loses a race (kernel's word: generation) reads again. */
#include "cni/ruleset.h"
#include "cni/owner.h"
#include <stdlib.h>
#include <string.h>

enum { TRIES = 64, SETS_MAX = 4 };

static bool is_kind(const struct err *e, enum err_kind kind)
{
    return e && err_kind(e) == kind;
}

static struct err *try_add(
    struct nft *n, const struct ruleset *r, bool create, const struct ruleset_elem *elems, size_t count)
{
    nft_begin(n, r->family, r->table);
    if (create) {
        nft_table_create(n);
        r->create(n, r);
    }
    for (size_t i = 0; i < count; i++)
        nft_elem_add(n, elems[i].set, &elems[i].e);
    return nft_commit(n);
}

struct err *ruleset_add(const struct ruleset *r, const char *owner, struct ruleset_elem *elems, size_t n)
{
    struct nft *nft;
    for (size_t i = 0; i < n; i++)
        elems[i].e.comment = owner;
    TRY(nft_open(&nft));
    bool create = false;
    struct err *e = NULL;
    for (int i = 0; i < TRIES; i++) {
        e = try_add(nft, r, create, elems, n);
        /* The table is not there yet, or another plugin has just made it, or taken its last element away. */
        if (!is_kind(e, create ? ERR_EXISTS : ERR_NOT_FOUND))
            break;
        create = !create;
        if (i + 1 < TRIES) {
            err_free(e);
            e = NULL;
        }
    }
    nft_close(nft);
    return e;
}

struct leaving {
    bool (*gone)(void *arg, const char *owner);
    void *arg;
    const char *set;
    struct ruleset_elem *v;
    size_t n, stay;
};

static void sort_out(void *arg, const struct nft_elem *e)
{
    struct leaving *l = arg;
    if (!e->comment || !l->gone(l->arg, e->comment)) {
        l->stay++;
        return;
    }
    l->v = mem_realloc(l->v, l->n + 1, sizeof(*l->v));
    l->v[l->n].set = l->set;
    l->v[l->n].e = *e;
    l->v[l->n++].e.comment = NULL;
}

/* One attempt; with `strict` only if nothing changed since the sets were read, and then an empty table goes.
 */
static struct err *try_remove(struct nft *n, const struct ruleset *r, struct leaving *l, bool strict)
{
    uint32_t generation;
    TRY(nft_generation(n, &generation));
    l->n = l->stay = 0;
    for (size_t i = 0; r->sets[i]; i++) {
        l->set = r->sets[i];
        TRY(nft_elems_each(n, r->family, r->table, r->sets[i], sort_out, l));
    }
    if (!l->n)
        return NULL;
    nft_begin(n, r->family, r->table);
    if (strict)
        nft_if_generation(n, generation);
    if (strict && !l->stay)
        nft_table_delete(n);
    for (size_t i = 0; i < l->n && !(strict && !l->stay); i++)
        nft_elem_delete(n, l->v[i].set, &l->v[i].e);
    return nft_commit(n);
}

struct err *ruleset_remove(const struct ruleset *r, bool (*gone)(void *arg, const char *owner), void *arg)
{
    struct nft *nft;
    struct leaving l = {.gone = gone, .arg = arg};
    TRY(nft_open(&nft));
    struct err *e = NULL;
    bool table_gone = false;
    for (int i = 0; i < TRIES; i++) {
        err_free(e);
        e = try_remove(nft, r, &l, i < TRIES / 2);
        table_gone = is_kind(e, ERR_NOT_FOUND);
        if (!is_kind(e, ERR_CONFLICT) && !(table_gone && l.n))
            break;
    }
    free(l.v);
    nft_close(nft);
    if (table_gone) {
        err_free(e);
        return NULL;
    }
    return e;
}

static bool is_owner(void *arg, const char *owner)
{
    return !strcmp(arg, owner);
}

struct err *ruleset_remove_owner(const struct ruleset *r, const char *owner)
{
    return ruleset_remove(r, is_owner, (void *)owner);
}

static bool is_invalid(void *arg, const char *owner)
{
    return owner_is_gone(arg, owner);
}

struct err *ruleset_remove_invalid(const struct ruleset *r, const struct plugin_call *c)
{
    return ruleset_remove(r, is_invalid, (void *)c);
}

struct search {
    const char *owner;
    const struct ruleset_elem *elems;
    size_t n;
    const char *set;
    bool *found;
};

static void match(void *arg, const struct nft_elem *e)
{
    struct search *s = arg;
    for (size_t i = 0; i < s->n; i++) {
        const struct nft_elem *w = &s->elems[i].e;
        if (!strcmp(s->elems[i].set, s->set) && w->key_len == e->key_len &&
            !memcmp(w->key, e->key, w->key_len) && w->data_len == e->data_len &&
            !memcmp(w->data, e->data, w->data_len) && e->comment && !strcmp(e->comment, s->owner))
            s->found[i] = true;
    }
}

struct err *ruleset_check(
    const struct ruleset *r, const char *owner, const struct ruleset_elem *elems, size_t n)
{
    struct nft *nft;
    auto_free bool *found = mem_array(n + 1, sizeof(*found));
    struct search s = {owner, elems, n, NULL, found};
    TRY(nft_open(&nft));
    struct err *e = NULL;
    for (size_t i = 0; r->sets[i] && !e; i++) {
        s.set = r->sets[i];
        e = nft_elems_each(nft, r->family, r->table, r->sets[i], match, &s);
    }
    nft_close(nft);
    TRY(e);
    for (size_t i = 0; i < n; i++)
        if (!found[i])
            return err_new(ERR_NOT_FOUND, "nftables table %s: set %s has lost an element of %s", r->table,
                elems[i].set, owner);
    return NULL;
}
