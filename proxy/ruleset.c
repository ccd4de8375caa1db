/* See ruleset.h: reading and writing. The rules are in ruleset_rules.c. */
#include "proxy/ruleset.h"
#include "lib/map.h"
#include "lib/nft.h"
#include "proxy/ruleset_rules.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>

struct ruleset {
    struct nft *nft;
    struct ruleset_cidr cidr;
    char marker[PLAN_CHAIN_MAX]; /* an empty chain whose name says which layout the table has */
    bool present;                /* a table with our layout */
    bool foreign;                /* a table of our name with another one */
    struct map *chains;          /* that are there, by name */
};

/* Raised with every change of the rules. */
enum { LAYOUT = 2 };

struct err *ruleset_open(const char *service_cidr, struct ruleset **ret)
{
    struct ruleset *r = mem_new(struct ruleset);
    r->chains = map_new();
    struct err *e = ruleset_cidr_parse(service_cidr, &r->cidr);
    if (!e)
        e = nft_open(&r->nft);
    if (e) {
        ruleset_close(r);
        return e;
    }
    snprintf(r->marker, sizeof(r->marker), "layout_%d_%08x_%u", LAYOUT, r->cidr.network, r->cidr.prefix);
    *ret = r;
    return NULL;
}

void ruleset_close(struct ruleset *r)
{
    if (!r)
        return;
    nft_close(r->nft);
    map_free(r->chains);
    free(r);
}

/* --- reading --- */

static void note_chain(void *arg, const char *chain)
{
    struct ruleset *r = arg;
    map_puts(r->chains, chain, r);
}

struct reading {
    struct table *t;
    uint8_t set;
};

static void note_elem(void *arg, const struct nft_elem *e)
{
    struct reading *r = arg;
    struct plan_elem p = {.set = r->set};
    struct plan_verdict v;
    size_t key_len = e->key_len * (e->range ? 2 : 1);
    if (key_len > PLAN_KEY_MAX || e->data_len > PLAN_DATA_MAX)
        return;
    memcpy(p.key, e->key, e->key_len);
    if (e->range)
        memcpy(p.key + e->key_len, e->key_end, e->key_len);
    p.key_len = (uint8_t)key_len;
    if (e->chain && plan_chain_parse(e->chain, &v)) {
        memcpy(p.data, &v, sizeof(v));
        p.data_len = sizeof(v);
    } else {
        memcpy(p.data, e->data, e->data_len);
        p.data_len = (uint8_t)e->data_len;
    }
    table_found(r->t, &p);
}

struct err *ruleset_read(struct ruleset *r, struct table *t)
{
    map_free(r->chains);
    r->chains = map_new();
    r->present = r->foreign = false;
    table_lost(t);
    TRY(nft_chains_each(r->nft, NFPROTO_IPV4, RULESET_TABLE, note_chain, r));
    r->present = map_gets(r->chains, r->marker) != NULL;
    r->foreign = !r->present && map_count(r->chains) > 0;
    for (uint8_t set = 0; set < PLAN_SETS && r->present; set++) {
        struct reading x = {t, set};
        TRY(nft_elems_each(r->nft, NFPROTO_IPV4, RULESET_TABLE, ruleset_set_name(set), note_elem, &x));
    }
    return NULL;
}

/* --- writing --- */

static void write_elem(void *arg, bool adding, const struct plan_elem *p)
{
    struct ruleset *r = arg;
    struct nft_elem e = {.range = p->set == PLAN_LOCAL_NETS};
    struct plan_verdict v;
    char chain[PLAN_CHAIN_MAX];
    e.key_len = e.range ? p->key_len / 2 : p->key_len;
    memcpy(e.key, p->key, e.key_len);
    if (e.range)
        memcpy(e.key_end, p->key + e.key_len, e.key_len);
    if (p->set == PLAN_SERVICES || p->set == PLAN_LEARN) {
        memcpy(&v, p->data, sizeof(v));
        plan_chain_name(&v, chain);
        e.chain = chain;
        if (adding && !map_puts(r->chains, chain, r))
            ruleset_rules_pick(r->nft, chain, &v);
    } else {
        memcpy(e.data, p->data, p->data_len);
        e.data_len = p->data_len;
    }
    if (adding)
        nft_elem_add(r->nft, ruleset_set_name(p->set), &e);
    else
        nft_elem_delete(r->nft, ruleset_set_name(p->set), &e);
}

struct err *ruleset_apply(struct ruleset *r, struct table *t)
{
    nft_begin(r->nft, NFPROTO_IPV4, RULESET_TABLE);
    if (r->foreign)
        nft_table_delete(r->nft);
    if (!r->present) {
        nft_table_create(r->nft);
        map_free(r->chains);
        r->chains = map_new();
        ruleset_rules_create(r->nft, &r->cidr, r->marker);
    }
    table_changes(t, write_elem, r);
    TRY(nft_commit(r->nft));
    table_applied(t);
    r->present = true;
    r->foreign = false;
    return NULL;
}

/* --- affinity --- */

enum { PURGE_TRIES = 8 };

struct purge {
    ruleset_alive_fn *alive;
    void *arg;
    size_t n;
    struct nft_elem *v;
};

/* client . address . protocol . port -> endpoint */
static void sort_out(void *arg, const struct nft_elem *e)
{
    struct purge *p = arg;
    if (e->key_len != 16 || e->data_len != 8 || p->alive(p->arg, e->key + 4, e->data))
        return;
    p->v = mem_realloc(p->v, p->n + 1, sizeof(*p->v));
    p->v[p->n] = *e;
    p->v[p->n++].comment = NULL;
}

static struct err *purge_once(struct ruleset *r, struct purge *p)
{
    p->n = 0;
    TRY(nft_elems_each(r->nft, NFPROTO_IPV4, RULESET_TABLE, "affinity", sort_out, p));
    nft_begin(r->nft, NFPROTO_IPV4, RULESET_TABLE);
    for (size_t i = 0; i < p->n; i++)
        nft_elem_delete(r->nft, "affinity", &p->v[i]);
    return nft_commit(r->nft);
}

struct err *ruleset_purge_affinity(struct ruleset *r, ruleset_alive_fn *alive, void *arg)
{
    struct purge p = {.alive = alive, .arg = arg};
    struct err *e = purge_once(r, &p);
    for (int i = 0; i < PURGE_TRIES && e && err_kind(e) == ERR_NOT_FOUND; i++) { /* one timed out meanwhile */
        err_free(e);
        e = purge_once(r, &p);
    }
    free(p.v);
    return err_wrap(e, "client affinity");
}

struct err *ruleset_remove(void)
{
    struct nft *n;
    TRY(nft_open(&n));
    nft_begin(n, NFPROTO_IPV4, RULESET_TABLE);
    nft_table_delete(n);
    struct err *e = nft_commit(n);
    nft_close(n);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        return NULL;
    }
    return e;
}
