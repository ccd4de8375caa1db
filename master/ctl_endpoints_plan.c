#include "master/ctl_endpoints_plan.h"

#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>

enum { PORTS_MAX = 128 };

static const struct json *str(struct arena *a, const char *s)
{
    return json_new_str(a, s);
}

/* --- which port of a Pod a Service's port means */

struct port {
    const char *name, *protocol, *app_protocol;
    int64_t number;
};
/* Pods with the same ports. */
struct group {
    struct port ports[PORTS_MAX];
    size_t n_ports, n_pods;
    struct pod **pods;
};

static int64_t named_port(const struct pod_spec *spec, const char *name, const char *protocol)
{
    for (size_t i = 0; i < spec->containers.n; i++)
        for (size_t j = 0; j < spec->containers.v[i].ports.n; j++) {
            const struct container_port *p = &spec->containers.v[i].ports.v[j];
            bool same_protocol = strcmp(p->protocol ? p->protocol : "TCP", protocol) == 0;
            if (p->name && strcmp(p->name, name) == 0 && same_protocol)
                return opt_int_or(p->container_port, 0);
        }
    return 0;
}

/* 0: the Pod has no such port. */
static int64_t target_of(const struct json *service_port, const struct pod *pod, const char *protocol)
{
    const struct json *target = json_get(service_port, "targetPort");
    int64_t number = 0;
    if (target && target->type == JSON_STRING && *target->text)
        return named_port(pod->spec, target->text, protocol);
    if (!json_int(target, &number) || number == 0)
        json_int(json_get(service_port, "port"), &number);
    return number;
}

static void resolve(const struct json *service, const struct pod *pod, struct group *g)
{
    json_each_item (p, json_at(service, "spec", "ports", NULL)) {
        const char *protocol = json_str(json_get(p, "protocol")), *name = json_str(json_get(p, "name"));
        protocol = protocol ? protocol : "TCP";
        int64_t number = target_of(p, pod, protocol);
        if (number && g->n_ports < PORTS_MAX)
            g->ports[g->n_ports++] =
                (struct port){name ? name : "", protocol, json_str(json_get(p, "appProtocol")), number};
    }
}

static bool same_ports(const struct group *a, const struct group *b)
{
    if (a->n_ports != b->n_ports)
        return false;
    for (size_t i = 0; i < a->n_ports; i++)
        if (a->ports[i].number != b->ports[i].number || strcmp(a->ports[i].name, b->ports[i].name) != 0 ||
            strcmp(a->ports[i].protocol, b->ports[i].protocol) != 0)
            return false;
    return true;
}

static size_t make_groups(
    struct arena *a, const struct json *service, struct pod *const *pods, size_t n, struct group **ret)
{
    struct group **groups = arena_array(a, n + 1, sizeof(*groups));
    size_t used = 0;
    const struct json *ports = json_at(service, "spec", "ports", NULL);
    for (size_t i = 0; i < n; i++) {
        struct group *g = arena_new_obj(a, struct group);
        resolve(service, pods[i], g);
        if (g->n_ports == 0 && ports && ports->n)
            continue;
        size_t at = 0;
        while (at < used && !same_ports(groups[at], g))
            at++;
        if (at == used) {
            g->pods = arena_array(a, n, sizeof(*g->pods));
            groups[used++] = g;
        }
        groups[at]->pods[groups[at]->n_pods++] = pods[i];
    }
    *ret = arena_array(a, used, sizeof(**ret));
    for (size_t i = 0; i < used; i++)
        (*ret)[i] = *groups[i];
    return used;
}

/* --- the objects */

static const struct json *ports_json(struct arena *a, const struct group *g, bool slice)
{
    const struct json *list = &json_empty_array;
    for (size_t i = 0; i < g->n_ports; i++) {
        const struct port *p = &g->ports[i];
        const struct json *o = NULL;
        if (slice || *p->name)
            o = json_with(a, o, "name", str(a, p->name));
        o = json_with(a, o, "port", json_new_int(a, p->number));
        o = json_with(a, o, "protocol", str(a, p->protocol));
        if (p->app_protocol)
            o = json_with(a, o, "appProtocol", str(a, p->app_protocol));
        list = json_append(a, list, o);
    }
    return list;
}

static const struct json *target_ref(struct arena *a, const struct pod *pod)
{
    const struct json *o = json_with(a, NULL, "kind", str(a, "Pod"));
    o = json_with(a, o, "namespace", str(a, pod->metadata->namespace_));
    o = json_with(a, o, "name", str(a, pod->metadata->name));
    return json_with(a, o, "uid", str(a, pod->metadata->uid));
}

/* A Pod has a name of its own in DNS where its subdomain is the Service. */
static const char *dns_hostname(const struct json *service, const struct pod *pod)
{
    const char *name = json_str(json_at(service, "metadata", "name", NULL));
    bool ours = pod->spec->subdomain && name && strcmp(pod->spec->subdomain, name) == 0;
    return ours ? pod->spec->hostname : NULL;
}

static bool publishes_not_ready(const struct json *service)
{
    return json_bool(json_at(service, "spec", "publishNotReadyAddresses", NULL), false);
}

static const struct json *address_json(struct arena *a, const struct json *service, const struct pod *pod)
{
    const char *hostname = dns_hostname(service, pod);
    const struct json *o = json_with(a, NULL, "ip", str(a, pod->status->pod_ip));
    if (hostname)
        o = json_with(a, o, "hostname", str(a, hostname));
    if (pod->spec->node_name)
        o = json_with(a, o, "nodeName", str(a, pod->spec->node_name));
    return json_with(a, o, "targetRef", target_ref(a, pod));
}

static const struct json *subset_json(struct arena *a, const struct json *service, const struct group *g)
{
    const struct json *ready = &json_empty_array, *waiting = &json_empty_array, *o = NULL;
    for (size_t i = 0; i < g->n_pods; i++) {
        if (g->pods[i]->metadata->deletion_timestamp && !publishes_not_ready(service))
            continue;
        const struct json *address = address_json(a, service, g->pods[i]);
        if (publishes_not_ready(service) || pod_is_ready(g->pods[i]))
            ready = json_append(a, ready, address);
        else
            waiting = json_append(a, waiting, address);
    }
    if (ready->n)
        o = json_with(a, o, "addresses", ready);
    if (waiting->n)
        o = json_with(a, o, "notReadyAddresses", waiting);
    return o && g->n_ports ? json_with(a, o, "ports", ports_json(a, g, false)) : o;
}

static const struct json *endpoint_json(struct arena *a, const struct json *service, const struct pod *pod)
{
    bool terminating = pod->metadata->deletion_timestamp != NULL, serving = pod_is_ready(pod);
    bool ready = publishes_not_ready(service) || (serving && !terminating);
    const char *hostname = dns_hostname(service, pod);
    const struct json *conditions = json_with(a, NULL, "ready", json_new_bool(a, ready));
    conditions = json_with(a, conditions, "serving", json_new_bool(a, serving));
    conditions = json_with(a, conditions, "terminating", json_new_bool(a, terminating));
    const struct json *o =
        json_with(a, NULL, "addresses", json_append(a, &json_empty_array, str(a, pod->status->pod_ip)));
    o = json_with(a, o, "conditions", conditions);
    if (hostname)
        o = json_with(a, o, "hostname", str(a, hostname));
    if (pod->spec->node_name)
        o = json_with(a, o, "nodeName", str(a, pod->spec->node_name));
    return json_with(a, o, "targetRef", target_ref(a, pod));
}

/* metadata of what belongs to the Service, with the Service's labels and our own. */
static const struct json *metadata(
    struct arena *a, const struct json *service, const char *name, const char *manager)
{
    const struct json *labels = json_at(service, "metadata", "labels", NULL);
    bool headless = json_str(json_at(service, "spec", "clusterIP", NULL)) &&
                    strcmp(json_str(json_at(service, "spec", "clusterIP", NULL)), "None") == 0;
    if (headless)
        labels = json_with(a, labels, "service.kubernetes.io/headless", str(a, ""));
    if (manager) {
        labels = json_with(a, labels, ENDPOINTS_MANAGER_LABEL, str(a, manager));
        labels = json_with(a, labels, ENDPOINTS_SERVICE_LABEL, json_at(service, "metadata", "name", NULL));
    }
    const struct json *meta = json_with(a, NULL, "name", str(a, name));
    meta = json_with(a, meta, "namespace", json_at(service, "metadata", "namespace", NULL));
    return labels ? json_with(a, meta, "labels", labels) : meta;
}

static const struct json *owners(struct arena *a, const struct json *service)
{
    const struct json *o = json_with(a, NULL, "apiVersion", str(a, "v1"));
    o = json_with(a, o, "kind", str(a, "Service"));
    o = json_with(a, o, "name", json_at(service, "metadata", "name", NULL));
    o = json_with(a, o, "uid", json_at(service, "metadata", "uid", NULL));
    o = json_with(a, o, "controller", json_new_bool(a, true));
    o = json_with(a, o, "blockOwnerDeletion", json_new_bool(a, true));
    return json_append(a, &json_empty_array, o);
}

static const struct json *slice_json(struct arena *a, const struct json *service, size_t number,
    const char *manager, const struct json *endpoints, const struct json *ports)
{
    const char *name =
        arena_printf(a, "%s-%zu", json_str(json_at(service, "metadata", "name", NULL)), number);
    const struct json *meta =
        json_with(a, metadata(a, service, name, manager), "ownerReferences", owners(a, service));
    const struct json *o = json_with(a, NULL, "apiVersion", str(a, "discovery.k8s.io/v1"));
    o = json_with(a, o, "kind", str(a, "EndpointSlice"));
    o = json_with(a, o, "metadata", meta);
    o = json_with(a, o, "addressType", str(a, "IPv4"));
    o = json_with(a, o, "endpoints", endpoints);
    return json_with(a, o, "ports", ports);
}

static void add_slice(struct arena *a, struct endpoints_plan *plan, const struct json *slice)
{
    const struct json **grown = arena_array(a, plan->n_slices + 1, sizeof(*grown));
    if (plan->n_slices)
        memcpy(grown, plan->slices, plan->n_slices * sizeof(*grown));
    grown[plan->n_slices++] = slice;
    plan->slices = grown;
}

static void group_slices(
    struct arena *a, const struct json *service, const struct group *g, struct endpoints_plan *plan)
{
    const struct json *ports = ports_json(a, g, true), *endpoints = &json_empty_array;
    for (size_t i = 0; i < g->n_pods; i++) {
        endpoints = json_append(a, endpoints, endpoint_json(a, service, g->pods[i]));
        if (endpoints->n == ENDPOINTS_PER_SLICE || i + 1 == g->n_pods) {
            add_slice(a, plan, slice_json(a, service, plan->n_slices, ENDPOINTS_MANAGER, endpoints, ports));
            endpoints = &json_empty_array;
        }
    }
}

void endpoints_plan(struct arena *a, const struct json *service, struct pod *const *pods, size_t n,
    struct endpoints_plan *ret)
{
    struct group *groups;
    size_t n_groups = make_groups(a, service, pods, n, &groups);
    const struct json *subsets = &json_empty_array;
    const char *name = json_str(json_at(service, "metadata", "name", NULL));
    *ret = (struct endpoints_plan){0};
    for (size_t i = 0; i < n_groups; i++) {
        const struct json *subset = subset_json(a, service, &groups[i]);
        if (subset)
            subsets = json_append(a, subsets, subset);
        group_slices(a, service, &groups[i], ret);
    }
    const struct json *o = json_with(a, NULL, "apiVersion", str(a, "v1"));
    o = json_with(a, o, "kind", str(a, "Endpoints"));
    o = json_with(a, o, "metadata", metadata(a, service, name, NULL));
    ret->endpoints = subsets->n ? json_with(a, o, "subsets", subsets) : o;
}

static const struct json *mirrored(struct arena *a, const struct json *address, bool ready)
{
    const struct json *o =
        json_with(a, NULL, "addresses", json_append(a, &json_empty_array, json_get(address, "ip")));
    o = json_with(a, o, "conditions", json_with(a, NULL, "ready", json_new_bool(a, ready)));
    static const char *const copied[] = {"hostname", "nodeName", "targetRef"};
    for (size_t i = 0; i < ARRAY_SIZE(copied); i++)
        if (json_get(address, copied[i]))
            o = json_with(a, o, copied[i], json_get(address, copied[i]));
    return o;
}

void endpoints_mirror(
    struct arena *a, const struct json *service, const struct json *endpoints, struct endpoints_plan *ret)
{
    *ret = (struct endpoints_plan){0};
    json_each_item (subset, json_get(endpoints, "subsets")) {
        const struct json *list = &json_empty_array, *ports = &json_empty_array;
        json_each_item (address, json_get(subset, "addresses"))
            list = json_append(a, list, mirrored(a, address, true));
        json_each_item (address, json_get(subset, "notReadyAddresses"))
            list = json_append(a, list, mirrored(a, address, false));
        json_each_item (p, json_get(subset, "ports"))
            ports = json_append(a, ports, json_get(p, "name") ? p : json_with(a, p, "name", str(a, "")));
        if (list->n)
            add_slice(a, ret, slice_json(a, service, ret->n_slices, ENDPOINTS_MIRROR, list, ports));
    }
}
