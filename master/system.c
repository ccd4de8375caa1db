/*
 * One reconciler: whatever changes, the whole of it runs again soon, over what is in memory (namespaces,
 * services and nodes are few), and submits what is missing. A submit that is still under way makes the same
 * one again fail with AlreadyExists or Conflict, which does no harm.
 */
#include "master/system.h"
#include "lib/api/paths.h"
#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "master/alloc.h"
#include "master/change.h"
#include "master/namespace_end.h"
#include "master/system_plan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_SECONDS 3600
#define RETRY_MS 2000

struct system {
    struct cluster *cluster;
    struct deferred *again;
    struct timer *events, *retry;
    struct registry_watch *watches[KIND_N];
    struct cidr_pool pods;
    bool binding_cidr; /* one Node at a time gets its range: two never get the same */
};

/* ---- Writes ---- */

/* Failures (a full disk) are tried again after a while; that it is there already is success. */
static void written(void *arg, const struct change_result *r)
{
    struct system *s = arg;
    if (r->failure && r->failure->code >= 500 && !timer_is_armed(s->retry))
        timer_start(s->retry, RETRY_MS);
}

static void create(struct system *s, enum kind_id kind, const char *ns, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void create(struct system *s, enum kind_id kind, const char *ns, const char *fmt, ...)
{
    auto_arena *a = arena_new();
    char text[8192];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    const struct json *body;
    auto_err *e = json_parse(a, text, strlen(text), NULL, &body);
    if (e)
        abort(); /* a text of ours */
    change_create(s->cluster, kind, ns, body, written, s);
}

static bool is_there(struct system *s, enum kind_id kind, const char *ns, const char *name)
{
    return registry_latest(s->cluster->registry, kind, ns, name) != NULL;
}

/* ---- What is always there ---- */

static void ensure_namespaces(struct system *s)
{
    static const char *const names[] = {"default", "kube-system", "kube-public", "kube-node-lease"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (!is_there(s, KIND_NAMESPACE, "", names[i]))
            create(s, KIND_NAMESPACE, "", "{\"metadata\":{\"name\":\"%s\"}}", names[i]);
}

/* Pods reach the API by this Service; its endpoints are ours to write, since no Pod stands behind it. */
static void ensure_kubernetes(struct system *s)
{
    const struct cluster *c = s->cluster;
    static const char labels[] = "\"component\":\"apiserver\",\"provider\":\"kubernetes\"";
    if (!is_there(s, KIND_SERVICE, "default", "kubernetes"))
        create(s, KIND_SERVICE, "default",
            "{\"metadata\":{\"name\":\"kubernetes\",\"labels\":{%s}},\"spec\":{\"clusterIP\":\"%s\","
            "\"ports\":[{"
            "\"name\":\"https\",\"port\":443,\"protocol\":\"TCP\",\"targetPort\":%u}]}}",
            labels, alloc_kubernetes_ip(c->alloc), c->port);
    if (!is_there(s, KIND_ENDPOINTS, "default", "kubernetes"))
        create(s, KIND_ENDPOINTS, "default",
            "{\"metadata\":{\"name\":\"kubernetes\",\"labels\":{\"endpointslice.kubernetes.io/skip-mirror\":"
            "\"true\"}},\"subsets\":[{\"addresses\":[{\"ip\":\"%s\"}],\"ports\":[{\"name\":\"https\","
            "\"port\":%u,"
            "\"protocol\":\"TCP\"}]}]}",
            c->advertise, c->port);
    if (!is_there(s, KIND_ENDPOINT_SLICE, "default", "kubernetes"))
        create(s, KIND_ENDPOINT_SLICE, "default",
            "{\"metadata\":{\"name\":\"kubernetes\",\"labels\":{\"kubernetes.io/"
            "service-name\":\"kubernetes\"}},"
            "\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":[\"%s\"],\"conditions\":{\"ready\":true}}"
            "],"
            "\"ports\":[{\"name\":\"https\",\"port\":%u,\"protocol\":\"TCP\"}]}",
            c->advertise, c->port);
}

/* Answered by wherry-proxy on every node: it has no selector and no endpoints. */
static void ensure_dns(struct system *s)
{
    if (is_there(s, KIND_SERVICE, "kube-system", "kube-dns"))
        return;
    create(s, KIND_SERVICE, "kube-system",
        "{\"metadata\":{\"name\":\"kube-dns\",\"labels\":{\"k8s-app\":\"kube-dns\"}},\"spec\":{\"clusterIP\":"
        "\"%s\",\"ports\":[{\"name\":\"dns\",\"port\":53,\"protocol\":\"UDP\"},{\"name\":\"dns-tcp\","
        "\"port\":"
        "53,\"protocol\":\"TCP\"}]}}",
        alloc_dns_ip(s->cluster->alloc));
}

/* The master may have moved: default/kubernetes leads to where it is now. */
static void correct_address(struct system *s)
{
    struct cluster *c = s->cluster;
    const struct object *slice = registry_get(c->registry, KIND_ENDPOINT_SLICE, "default", "kubernetes");
    const struct object *eps = registry_get(c->registry, KIND_ENDPOINTS, "default", "kubernetes");
    char ip[64], port[64], patch[512];
    snprintf(ip, sizeof(ip), "\"%s\"", c->advertise);
    snprintf(port, sizeof(port), "\"port\":%u,", c->port);
    if (slice && (!strstr(slice->json, ip) || !strstr(slice->json, port))) {
        snprintf(patch, sizeof(patch),
            "{\"endpoints\":[{\"addresses\":[%s],\"conditions\":{\"ready\":true}}],\"ports\":[{\"name\":"
            "\"https\",\"port\":%u,\"protocol\":\"TCP\"}]}",
            ip, c->port);
        change_patch(c, KIND_ENDPOINT_SLICE, SUB_NONE, "default", "kubernetes", patch, written, s);
    }
    if (eps && (!strstr(eps->json, ip) || !strstr(eps->json, port))) {
        snprintf(patch, sizeof(patch),
            "{\"subsets\":[{\"addresses\":[{\"ip\":%s}],\"ports\":[{\"name\":\"https\",\"port\":%u,"
            "\"protocol\":\"TCP\"}]}]}",
            ip, c->port);
        change_patch(c, KIND_ENDPOINTS, SUB_NONE, "default", "kubernetes", patch, written, s);
    }
}

/* ---- Namespaces ---- */

static void create_root_ca(struct system *s, const char *ns)
{
    auto_arena *a = arena_new();
    static const char description[] =
        "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints "
        "such "
        "as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across "
        "distributions of Kubernetes clusters.";
    const struct json *o =
        json_with_at(a, NULL, json_new_str(a, "kube-root-ca.crt"), "metadata", "name", NULL);
    o = json_with_at(
        a, o, json_new_str(a, description), "metadata", "annotations", "kubernetes.io/description", NULL);
    o = json_with_at(a, o, json_new_str(a, s->cluster->ca_pem), "data", "ca.crt", NULL);
    change_create(s->cluster, KIND_CONFIG_MAP, ns, o, written, s);
}

static bool furnish(void *arg, const struct object *ns)
{
    struct system *s = arg;
    if (ns->deleting) {
        namespace_end(s->cluster, ns, written, s);
        return true;
    }
    if (!is_there(s, KIND_SERVICE_ACCOUNT, ns->name, "default"))
        create(s, KIND_SERVICE_ACCOUNT, ns->name, "{\"metadata\":{\"name\":\"default\"}}");
    if (!is_there(s, KIND_CONFIG_MAP, ns->name, "kube-root-ca.crt"))
        create_root_ca(s, ns->name);
    return true;
}

/* ---- Nodes ---- */

static bool note_cidr(void *arg, const struct object *node)
{
    struct system *s = arg;
    auto_arena *a = arena_new();
    const char *cidr = json_str(json_at(object_tree(a, node), "spec", "podCIDR", NULL));
    if (cidr)
        cidr_pool_take(&s->pods, cidr);
    return true;
}

static void cidr_written(void *arg, const struct change_result *r)
{
    struct system *s = arg;
    s->binding_cidr = false;
    written(arg, r);
    deferred_call(s->again);
}

static bool give_cidr(void *arg, const struct object *node)
{
    struct system *s = arg;
    auto_arena *a = arena_new();
    char cidr[32], patch[128];
    if (json_str(json_at(object_tree(a, node), "spec", "podCIDR", NULL)) || !cidr_pool_choose(&s->pods, cidr))
        return true;
    snprintf(patch, sizeof(patch), "{\"spec\":{\"podCIDR\":\"%s\",\"podCIDRs\":[\"%s\"]}}", cidr, cidr);
    s->binding_cidr = true;
    change_patch(s->cluster, KIND_NODE, SUB_NONE, "", node->name, patch, cidr_written, s);
    return false;
}

static void give_cidrs(struct system *s)
{
    if (s->binding_cidr)
        return;
    cidr_pool_clear(&s->pods);
    registry_each(s->cluster->registry, KIND_NODE, NULL, note_cidr, s);
    registry_each(s->cluster->registry, KIND_NODE, NULL, give_cidr, s);
}

/* ---- Events ---- */

struct expiring {
    struct system *s;
    int64_t now, next; /* seconds */
};

static bool expire_one(void *arg, const struct object *ev)
{
    struct expiring *x = arg;
    int64_t end = ev->created + EVENT_SECONDS;
    if (end <= x->now)
        change_delete(x->s->cluster, KIND_EVENT, ev->ns, ev->name, ev->uid, -1, NULL, NULL);
    else if (!x->next || end < x->next)
        x->next = end;
    return true;
}

static void expire_events(void *arg)
{
    struct system *s = arg;
    struct expiring x = {s, clock_now_ns() / 1000000000, 0};
    registry_each(s->cluster->registry, KIND_EVENT, NULL, expire_one, &x);
    if (x.next) /* a little later than needed: one sweep for many */
        timer_start(s->events, (uint64_t)(x.next - x.now + 60) * 1000);
}

static void on_event(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    struct system *s = arg;
    (void)before;
    (void)rev;
    if (now && !timer_is_armed(s->events))
        timer_start(s->events, (uint64_t)(EVENT_SECONDS + 60) * 1000);
    if (!now)
        deferred_call(s->again); /* a namespace may have been waiting for it */
}

/* ---- All of it ---- */

static void reconcile(void *arg)
{
    struct system *s = arg;
    ensure_namespaces(s);
    ensure_kubernetes(s);
    ensure_dns(s);
    registry_each(s->cluster->registry, KIND_NAMESPACE, NULL, furnish, s);
    give_cidrs(s);
}

/* What can make reconcile() find something to do: a namespace or node in any way, other things by going. */
static void on_change(void *arg, const struct object *before, const struct object *now, uint64_t rev)
{
    struct system *s = arg;
    (void)rev;
    const struct object *o = now ? now : before;
    bool watched = o->kind->id == KIND_NAMESPACE || (o->kind->id == KIND_NODE && !(before && now));
    if (watched || !now)
        deferred_call(s->again);
}

struct err *system_start(struct cluster *c, struct system **ret)
{
    struct system *s = mem_new(struct system);
    struct err *e = cidr_pool_init(&s->pods, c->cluster_cidr);
    if (e) {
        free(s);
        return e;
    }
    s->cluster = c;
    s->again = deferred_new(c->loop, reconcile, s);
    s->events = timer_new(c->loop, expire_events, s);
    s->retry = timer_new(c->loop, reconcile, s);
    for (size_t k = 0; k < KIND_N; k++)
        s->watches[k] =
            registry_watch(c->registry, (enum kind_id)k, k == KIND_EVENT ? on_event : on_change, s);
    correct_address(s);
    deferred_call(s->again);
    expire_events(s);
    *ret = s;
    return NULL;
}

void system_stop(struct system *s)
{
    if (!s)
        return;
    for (size_t k = 0; k < KIND_N; k++)
        registry_unwatch(s->watches[k]);
    deferred_free(s->again);
    timer_free(s->events);
    timer_free(s->retry);
    cidr_pool_done(&s->pods);
    free(s);
}
