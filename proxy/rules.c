/* See rules.h. */
#include "proxy/rules.h"
#include "proxy/conntrack.h"
#include "proxy/ruleset.h"
#include "proxy/table.h"
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct rules {
    struct model *model;
    char *node_name;
    struct ruleset *ruleset;
    struct conntrack *conntrack;
    struct table *table;
    struct plan node; /* of this node itself */
    size_t n_changed, changed_room;
    struct model_service **changed;
    size_t n_flows, flows_room;
    struct plan_flow *flows; /* to be forgotten after the next transaction */
    bool read;               /* the table knows what the kernel holds */
    bool first;              /* nothing was applied yet */
    bool purge;              /* a Service with client affinity may have lost an endpoint */
};

struct err *rules_new(struct model *m, const struct rules_opts *o, struct rules **ret)
{
    struct rules *r = mem_new(struct rules);
    r->model = m;
    r->node_name = mem_strdup(o->node_name);
    r->table = table_new();
    r->first = true;
    struct err *e = ruleset_open(o->service_cidr, &r->ruleset);
    if (!e)
        e = conntrack_open(&r->conntrack);
    if (e) {
        rules_free(r);
        return e;
    }
    *ret = r;
    return NULL;
}

void rules_free(struct rules *r)
{
    if (!r)
        return;
    ruleset_close(r->ruleset);
    conntrack_close(r->conntrack);
    table_free(r->table);
    plan_done(&r->node);
    free(r->changed);
    free(r->flows);
    free(r->node_name);
    free(r);
}

void rules_service_changed(struct rules *r, struct model_service *s)
{
    if (s->changed)
        return;
    s->changed = true;
    if (r->n_changed == r->changed_room) {
        r->changed_room = r->changed_room ? r->changed_room * 2 : 64;
        r->changed = mem_realloc(r->changed, r->changed_room, sizeof(struct model_service *));
    }
    r->changed[r->n_changed++] = s;
}

void rules_node_changed(struct rules *r, const char *pod_cidr, const char *dns_ip)
{
    struct plan after;
    plan_node(pod_cidr, dns_ip, &after);
    table_want(r->table, &r->node, &after);
    plan_done(&r->node);
    r->node = after;
}

void rules_lost(struct rules *r)
{
    r->read = false;
}

/* --- applying --- */

static void note_flow(void *arg, const struct plan_flow *f)
{
    struct rules *r = arg;
    if (r->n_flows == r->flows_room) {
        r->flows_room = r->flows_room ? r->flows_room * 2 : 16;
        r->flows = mem_realloc(r->flows, r->flows_room, sizeof(*r->flows));
    }
    r->flows[r->n_flows++] = *f;
}

static void plan_again(struct rules *r, struct model_service *s)
{
    struct plan after;
    plan_service(s->service, s->slices, s->n_slices, r->node_name, &after);
    table_want(r->table, &s->plan, &after);
    if (!r->first)
        plan_stale_flows(&s->plan, &after, note_flow, r);
    r->purge |= plan_has_affinity(&s->plan) || plan_has_affinity(&after);
    plan_done(&s->plan);
    s->plan = after;
    s->changed = false;
    model_service_drop_if_empty(r->model, s);
}

static void collect(void *arg, const struct plan_elem *e)
{
    if (e->set == PLAN_ENDPOINTS && e->key[4] == IPPROTO_UDP)
        plan_add(arg, e);
}

/* What changed while no proxy ran: the kernel's elements against all plans. */
static void first_flows(struct rules *r)
{
    struct plan before = {0}, after = {0};
    struct model_service *s;
    table_each_installed(r->table, collect, &before);
    for (size_t at = 0; model_next_service(r->model, &at, &s);)
        for (size_t i = 0; i < s->plan.n; i++)
            collect(&after, &s->plan.v[i]);
    plan_finish(&before);
    plan_finish(&after);
    plan_stale_flows(&before, &after, note_flow, r);
    plan_done(&before);
    plan_done(&after);
}

static struct err *forget_flows(struct rules *r)
{
    struct err *e = NULL;
    for (size_t i = 0; i < r->n_flows && !e; i++)
        e = conntrack_forget(r->conntrack, &r->flows[i]);
    r->n_flows = 0;
    return e;
}

static bool is_alive(void *arg, const uint8_t way[12], const uint8_t endpoint[8])
{
    const struct rules *r = arg;
    struct model_service *s;
    uint32_t ip;
    uint8_t node_way[12] = {0};
    memcpy(&ip, way, 4);
    memcpy(node_way + 4, way + 4, 8);
    if ((s = model_service_by_ip(r->model, ip)))
        return plan_has_endpoint(&s->plan, way, endpoint);
    for (size_t at = 0; model_next_service(r->model, &at, &s);)
        if (plan_has_endpoint(&s->plan, node_way, endpoint))
            return true;
    return false;
}

struct err *rules_apply(struct rules *r, struct err **flows_error)
{
    *flows_error = NULL;
    for (size_t i = 0; i < r->n_changed; i++)
        plan_again(r, r->changed[i]);
    r->n_changed = 0;
    if (!r->read) {
        TRY(ruleset_read(r->ruleset, r->table));
        r->read = true;
        if (r->first)
            first_flows(r);
        r->first = false;
    }
    struct err *e = ruleset_apply(r->ruleset, r->table);
    if (e) {
        r->read = false;
        return e;
    }
    if (r->purge)
        TRY(ruleset_purge_affinity(r->ruleset, is_alive, r));
    r->purge = false;
    *flows_error = forget_flows(r);
    return NULL;
}
