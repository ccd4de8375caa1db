/*
 * See proxy.h. Every change marks what it touches and asks for one reconciliation in this turn of the loop;
 * what fails is tried again after a pause. Nothing is written before the first complete picture, so that a
 * restarted proxy leaves the table as it is until it knows better.
 */
#include "proxy/proxy.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "proxy/dns.h"
#include "proxy/guard.h"
#include "proxy/routes.h"
#include "proxy/rules.h"
#include "proxy/ruleset.h"
#include "proxy/ruleset_rules.h"
#include "proxy/watches.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_FIRST_MS = 200, RETRY_MAX_MS = 10000 };

struct proxy {
    const struct proxy_opts *o;
    struct kube *kube;
    struct model *model;
    struct watches *watches;
    struct rules *rules;
    struct guard *guard;
    struct dns *dns;
    struct deferred *soon;
    struct timer *retry;
    uint64_t pause_ms;
    bool synced, nodes_changed, said_ready;
};

static const char *own_pod_cidr(const struct proxy *p)
{
    struct model_node *n;
    for (size_t at = 0; model_next_node(p->model, &at, &n);)
        if (!strcmp(n->name, p->o->node_name))
            return n->pod_cidr;
    return NULL;
}

static struct err *apply_nodes(struct proxy *p)
{
    size_t far = 0;
    const struct routes_opts o = {p->o->node_name, p->o->node_ip, p->o->service_cidr, p->o->dns_ip};
    if (!p->nodes_changed)
        return NULL;
    rules_node_changed(p->rules, own_pod_cidr(p), p->o->dns_ip);
    TRY(routes_apply(p->model, &o, &far));
    if (far)
        log_warn("", "%zu nodes are on no network of this one: no route to their Pods", far);
    p->nodes_changed = false;
    return NULL;
}

static void reconcile(void *arg)
{
    struct proxy *p = arg;
    struct err *flows = NULL;
    if (!p->synced)
        return;
    struct err *nodes = apply_nodes(p);
    struct err *rules = rules_apply(p->rules, &flows);
    log_err(LOG_WARN, "", err_wrap(flows, "stale flows"));
    if (!nodes && !rules) {
        p->pause_ms = 0;
        if (!p->said_ready)
            log_info("", "Services are served");
        p->said_ready = true;
        return;
    }
    p->pause_ms = p->pause_ms ? p->pause_ms * 2 : RETRY_FIRST_MS;
    if (p->pause_ms > RETRY_MAX_MS)
        p->pause_ms = RETRY_MAX_MS;
    timer_start(p->retry, p->pause_ms);
    log_err(LOG_ERROR, "", nodes);
    log_err(LOG_ERROR, "", rules);
}

static void service_changed(void *arg, struct model_service *s)
{
    struct proxy *p = arg;
    rules_service_changed(p->rules, s);
    deferred_call(p->soon);
}

static void nodes_changed(void *arg)
{
    struct proxy *p = arg;
    p->nodes_changed = true;
    deferred_call(p->soon);
}

static void synced(void *arg)
{
    struct proxy *p = arg;
    p->synced = p->nodes_changed = true;
    deferred_call(p->soon);
}

static void watch_failed(void *arg, const char *what, const struct err *e)
{
    (void)arg;
    log_warn("", "watch %s: %s", what, err_message(e));
}

static struct err *open_name_server(struct proxy *p, uv_loop_t *loop)
{
    auto_arena *a = arena_new();
    struct ruleset_cidr services;
    struct dns_opts o = {.address = p->o->dns_ip,
        .zone = {.model = p->model, .domain = p->o->domain},
        .upstreams = p->o->upstreams};
    TRY(ruleset_cidr_parse(p->o->service_cidr, &services));
    o.zone.service_mask = services.mask;
    o.zone.service_net = services.network;
    if (o.upstreams.n == 0)
        o.upstreams = dns_upstreams(a, p->o->resolv_conf, p->o->dns_ip);
    return dns_new(loop, &o, &p->dns);
}

static void on_table_lost(void *arg)
{
    struct proxy *p = arg;
    rules_lost(p->rules);
    deferred_call(p->soon);
}

static struct err *open_parts(struct proxy *p, uv_loop_t *loop)
{
    static const struct model_events model_events = {service_changed, nodes_changed};
    static const struct watches_events watch_events = {synced, watch_failed};
    const struct rules_opts rules = {p->o->service_cidr, p->o->node_name};
    p->model = model_new(&model_events, p);
    p->soon = deferred_new(loop, reconcile, p);
    p->retry = timer_new(loop, reconcile, p);
    TRY(rules_new(p->model, &rules, &p->rules));
    TRY(guard_new(loop, RULESET_TABLE, on_table_lost, p, &p->guard));
    TRY(open_name_server(p, loop));
    TRY(kube_open(loop, p->o->kubeconfig, &p->kube));
    p->watches = watches_new(p->kube, p->model, &watch_events, p);
    return NULL;
}

struct err *proxy_new(uv_loop_t *loop, const struct proxy_opts *o, struct proxy **ret)
{
    struct proxy *p = mem_new(struct proxy);
    p->o = o;
    struct err *e = open_parts(p, loop);
    if (e) {
        proxy_free(p);
        return e;
    }
    *ret = p;
    return NULL;
}

void proxy_free(struct proxy *p)
{
    if (!p)
        return;
    watches_free(p->watches);
    kube_close(p->kube);
    dns_free(p->dns);
    guard_free(p->guard);
    rules_free(p->rules);
    model_free(p->model);
    deferred_free(p->soon);
    timer_free(p->retry);
    free(p);
}
