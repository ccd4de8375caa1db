/* The Node object and its Lease, see node_agent.h. */
#include "kubelet/node_agent.h"
#include "kubelet/egress.h"
#include "kubelet/events.h"
#include "kubelet/node_facts.h"
#include "kubelet/pods.h"
#include "lib/api/kube.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>

enum {
    NODE_LEASE_MS = 10000,
    NODE_STATUS_MS = 300000,
    NODE_PRESSURE_MS = 10000,
    NODE_RETRY_MS = 500,
    NODE_TEXT = 1 << 20
};

struct node_agent {
    struct kubelet *kubelet;
    struct node_facts facts;
    bool started, registered, registering, lease_made, ready_said;
    struct arena *arena; /* of the node as the master has it */
    struct node *node;
    char *pod_cidr;
    struct kube_watch *watch;
    struct timer *lease_timer, *status_timer, *register_timer, *pressure_timer;
    struct http_call *lease_call, *status_call, *register_call;
    struct node_pressure pressure;
    int64_t changed_ns[NODE_CONDITIONS];
    bool missed; /* a renewal did not come through */
};

/* --- facts */

const char *node_agent_pod_cidr(const struct kubelet *k)
{
    if (k->o.pod_cidr && *k->o.pod_cidr)
        return k->o.pod_cidr;
    return k->node->pod_cidr;
}

const struct node *node_agent_node(const struct kubelet *k)
{
    return k->node->node;
}

int64_t node_agent_milli_cpu(const struct kubelet *k)
{
    return k->node->facts.cpus * 1000;
}

int64_t node_agent_memory(const struct kubelet *k)
{
    return k->node->facts.memory;
}

int64_t node_agent_storage(const struct kubelet *k)
{
    return k->node->facts.storage;
}

int64_t node_agent_max_pods(const struct kubelet *k)
{
    (void)k;
    return NODE_MAX_PODS;
}

/* --- status */

static void status_sent(void *arg, const struct err *error, unsigned status, const struct json *body)
{
    struct node_agent *n = arg;
    (void)status, (void)body;
    n->status_call = NULL;
    if (error) {
        log_warn("", "node status: %s", err_message(error));
        timer_start(n->status_timer, NODE_LEASE_MS);
        return;
    }
    if (!n->ready_said)
        events_node(n->kubelet, EVENT_NORMAL, "NodeReady", "Node %s status is now: NodeReady",
            n->kubelet->o.node_name);
    n->ready_said = true;
    timer_start(n->status_timer, NODE_STATUS_MS);
}

static void send_status(void *arg)
{
    struct node_agent *n = arg;
    struct kubelet *k = n->kubelet;
    auto_buf b = BUF_INIT(NODE_TEXT);
    auto_free char *path = mem_printf("/api/v1/nodes/%s/status", k->o.node_name);
    if (n->status_call || !n->registered)
        return;
    buf_adds(&b, "{\"status\":");
    node_facts_write_status(k, &n->facts, &n->pressure, n->changed_ns, &b);
    buf_addc(&b, '}');
    n->status_call = kube_request(
        k->kube, "PATCH", path, "application/merge-patch+json", buf_str(&b), b.len, status_sent, n);
}

static void check_pressure(void *arg)
{
    struct node_agent *n = arg;
    struct node_pressure p = node_facts_pressure(n->kubelet);
    const bool was[] = {n->pressure.memory, n->pressure.disk, n->pressure.pids};
    const bool is[] = {p.memory, p.disk, p.pids};
    bool changed = false;
    for (size_t i = 0; i < ARRAY_SIZE(is); i++)
        if (was[i] != is[i]) {
            n->changed_ns[i] = clock_now_ns();
            changed = true;
        }
    n->pressure = p;
    if (changed)
        send_status(n);
}

/* --- the Lease */

static void renew_lease(void *arg);

static void lease_sent(void *arg, const struct err *error, unsigned status, const struct json *body)
{
    struct node_agent *n = arg;
    (void)status, (void)body;
    n->lease_call = NULL;
    check_pressure(n);
    if (!error) {
        n->lease_made = true;
        if (n->missed) /* the master may have taken us for lost: say how we are */
            send_status(n);
        n->missed = false;
    } else if (err_kind(error) == ERR_NOT_FOUND && n->lease_made) {
        n->lease_made = false;
        timer_start(n->lease_timer, 0);
        return;
    } else if (err_kind(error) == ERR_EXISTS && !n->lease_made) {
        n->lease_made = true;
        timer_start(n->lease_timer, 0);
        return;
    } else {
        log_warn("", "lease: %s", err_message(error));
        n->missed = true;
        timer_start(n->lease_timer, NODE_RETRY_MS * 4);
        return;
    }
    timer_start(n->lease_timer, NODE_LEASE_MS);
}

static void renew_lease(void *arg)
{
    struct node_agent *n = arg;
    struct kubelet *k = n->kubelet;
    char now[CLOCK_TEXT];
    auto_buf b = BUF_INIT(4096);
    clock_rfc3339_micro(clock_now_ns(), now);
    if (n->lease_call)
        return;
    if (n->lease_made) {
        auto_free char *path = mem_printf(
            "/apis/coordination.k8s.io/v1/namespaces/" NODE_LEASE_NAMESPACE "/leases/%s", k->o.node_name);
        buf_addf(&b, "{\"spec\":{\"holderIdentity\":\"%s\",\"renewTime\":\"%s\"}}", k->o.node_name, now);
        n->lease_call = kube_request(
            k->kube, "PATCH", path, "application/merge-patch+json", buf_str(&b), b.len, lease_sent, n);
        return;
    }
    struct object_meta meta = {.name = k->o.node_name, .namespace_ = NODE_LEASE_NAMESPACE};
    struct owner_reference owner = {.api_version = "v1", .kind = "Node", .name = k->o.node_name};
    if (n->node && n->node->metadata->uid) {
        owner.uid = n->node->metadata->uid;
        meta.owner_references.v = &owner;
        meta.owner_references.n = 1;
    }
    struct lease_spec spec = {.holder_identity = k->o.node_name,
        .renew_time = now,
        .lease_duration_seconds = {true, NODE_LEASE_SECONDS}};
    struct lease lease = {
        .api_version = "coordination.k8s.io/v1", .kind = "Lease", .metadata = &meta, .spec = &spec};
    struct json_out o = {.buf = &b};
    fields_encode(&lease_fields, &lease, &o, NULL);
    n->lease_call = kube_request(k->kube, "POST",
        "/apis/coordination.k8s.io/v1/namespaces/" NODE_LEASE_NAMESPACE "/leases", NULL, buf_str(&b), b.len,
        lease_sent, n);
}

/* --- registration */

static void register_done(void *arg, const struct err *error, unsigned status, const struct json *body)
{
    struct node_agent *n = arg;
    (void)status, (void)body;
    n->register_call = NULL;
    if (error && err_kind(error) != ERR_EXISTS) {
        log_warn("", "registering the node: %s", err_message(error));
        timer_start(n->register_timer, NODE_RETRY_MS);
        return;
    }
    if (!n->registered)
        log_info("", "node %s is registered", n->kubelet->o.node_name);
    n->registered = true;
    send_status(n);
    if (!timer_is_armed(n->lease_timer))
        renew_lease(n);
}

static void register_node(void *arg)
{
    struct node_agent *n = arg;
    struct kubelet *k = n->kubelet;
    if (n->register_call)
        return;
    auto_buf b = BUF_INIT(NODE_TEXT);
    node_facts_write_node(k, &n->facts, &n->pressure, n->changed_ns, &b);
    n->register_call =
        kube_request(k->kube, "POST", "/api/v1/nodes", NULL, buf_str(&b), b.len, register_done, n);
}

/* --- our Node, as the master has it */

static void on_changed(void *arg, const struct json *object)
{
    struct node_agent *n = arg;
    struct arena *a = arena_new();
    struct node *node = arena_new_obj(a, struct node);
    struct err *e = fields_decode(&node_fields, a, json_copy(a, object), node);
    if (e || !node->metadata) {
        log_err(LOG_WARN, "", err_wrap(e, "our Node"));
        arena_free(a);
        return;
    }
    arena_free(n->arena);
    n->arena = a;
    n->node = node;
    const char *ready = node->status ? node_condition(node->status, "Ready") : NULL;
    if (ready && strcmp(ready, "Unknown") == 0) /* the master took us for lost */
        send_status(n);
    const char *cidr = node->spec ? node->spec->pod_cidr : NULL;
    if (!cidr || (n->pod_cidr && strcmp(n->pod_cidr, cidr) == 0))
        return;
    free(n->pod_cidr);
    n->pod_cidr = mem_strdup(cidr);
    log_info("", "addresses of Pods: %s", cidr);
    log_err(LOG_WARN, "", egress_set(cidr, n->kubelet->o.cluster_cidr));
    for (struct worker *w = pods_first(n->kubelet); w; w = w->next) {
        w->sandbox_retry_at = 0; /* those that waited for it */
        worker_kick(w);
    }
}

static void on_deleted(void *arg, const struct json *object)
{
    struct node_agent *n = arg;
    (void)object;
    n->registered = n->lease_made = false;
    register_node(n);
}

struct node_agent *node_agent_new(struct kubelet *k)
{
    struct node_agent *n = mem_new(struct node_agent);
    int64_t now = clock_now_ns();
    n->kubelet = k;
    node_facts_read(k, &n->facts);
    n->pressure = node_facts_pressure(k);
    for (size_t i = 0; i < NODE_CONDITIONS; i++)
        n->changed_ns[i] = now;
    return n;
}

void node_agent_start(struct kubelet *k)
{
    static const struct kube_watch_events ev = {.changed = on_changed, .deleted = on_deleted};
    struct node_agent *n = k->node;
    if (node_agent_pod_cidr(k))
        log_err(LOG_WARN, "", egress_set(node_agent_pod_cidr(k), k->o.cluster_cidr));
    if (!k->kube)
        return;
    auto_free char *path = mem_printf("/api/v1/nodes?fieldSelector=metadata.name%%3D%s", k->o.node_name);
    n->lease_timer = timer_new(k->loop, renew_lease, n);
    n->status_timer = timer_new(k->loop, send_status, n);
    n->register_timer = timer_new(k->loop, register_node, n);
    register_node(n);
    n->watch = kube_watch(k->kube, path, &ev, n);
}

void node_agent_free(struct node_agent *n)
{
    if (!n)
        return;
    kube_watch_free(n->watch);
    http_call_cancel(n->lease_call);
    http_call_cancel(n->status_call);
    http_call_cancel(n->register_call);
    timer_free(n->lease_timer);
    timer_free(n->status_timer);
    timer_free(n->register_timer);
    arena_free(n->arena);
    node_facts_done(&n->facts);
    free(n->pod_cidr);
    free(n);
}
