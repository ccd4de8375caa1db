/*
 * The tables of kind.h. The order of kinds[] is that of enum kind_id; the order of resources[] is what
 * discovery shows.
 */
#include "master/kind.h"
#include "lib/mem.h"
#include <string.h>

#define FIELDS(list) .fields = (list), .n_fields = ARRAY_SIZE(list)

static const struct kind_field namespace_fields[] = {{"status.phase", {"status", "phase"}, ""}};
static const struct kind_field node_fields[] = {{"spec.unschedulable", {"spec", "unschedulable"}, "false"}};
static const struct kind_field pod_fields[] = {
    {"spec.nodeName", {"spec", "nodeName"}, ""},
    {"spec.restartPolicy", {"spec", "restartPolicy"}, ""},
    {"spec.schedulerName", {"spec", "schedulerName"}, ""},
    {"spec.serviceAccountName", {"spec", "serviceAccountName"}, ""},
    {"spec.hostNetwork", {"spec", "hostNetwork"}, "false"},
    {"status.phase", {"status", "phase"}, ""},
    {"status.podIP", {"status", "podIPs", "ip"}, ""},
    {"status.nominatedNodeName", {"status", "nominatedNodeName"}, ""},
};
static const struct kind_field rc_fields[] = {{"status.replicas", {"status", "replicas"}, "0"}};
static const struct kind_field service_fields[] = {
    {"spec.clusterIP", {"spec", "clusterIP"}, ""}, {"spec.type", {"spec", "type"}, ""}};
static const struct kind_field secret_fields[] = {{"type", {"type"}, ""}};
static const struct kind_field event_fields[] = {
    {"involvedObject.kind", {"involvedObject", "kind"}, ""},
    {"involvedObject.namespace", {"involvedObject", "namespace"}, ""},
    {"involvedObject.name", {"involvedObject", "name"}, ""},
    {"involvedObject.uid", {"involvedObject", "uid"}, ""},
    {"involvedObject.apiVersion", {"involvedObject", "apiVersion"}, ""},
    {"involvedObject.resourceVersion", {"involvedObject", "resourceVersion"}, ""},
    {"involvedObject.fieldPath", {"involvedObject", "fieldPath"}, ""},
    {"reason", {"reason"}, ""},
    {"reportingComponent", {"reportingComponent"}, ""},
    {"source", {"source", "component"}, ""},
    {"type", {"type"}, ""},
};

const struct kind kinds[KIND_N] = {
    [KIND_NAMESPACE] = {KIND_NAMESPACE, "Namespace", "v1", "namespaces", "core.v1.Namespace",
        FIELDS(namespace_fields)},
    [KIND_NODE] = {KIND_NODE, "Node", "v1", "nodes", "core.v1.Node", FIELDS(node_fields)},
    [KIND_POD] = {KIND_POD, "Pod", "v1", "pods", "core.v1.Pod", .namespaced = true, .generation = true,
        .graceful = true, FIELDS(pod_fields)},
    [KIND_REPLICATION_CONTROLLER] = {KIND_REPLICATION_CONTROLLER, "ReplicationController", "v1",
        "replicationcontrollers", "core.v1.ReplicationController", .namespaced = true, .generation = true,
        FIELDS(rc_fields)},
    [KIND_SERVICE] = {KIND_SERVICE, "Service", "v1", "services", "core.v1.Service", .namespaced = true,
        FIELDS(service_fields)},
    [KIND_ENDPOINTS] = {KIND_ENDPOINTS, "Endpoints", "v1", "endpoints", "core.v1.Endpoints",
        .namespaced = true, .create_on_update = true},
    [KIND_ENDPOINT_SLICE] = {KIND_ENDPOINT_SLICE, "EndpointSlice", "discovery.k8s.io/v1", "endpointslices",
        "discovery.v1.EndpointSlice", .namespaced = true, .generation = true},
    [KIND_CONFIG_MAP] = {KIND_CONFIG_MAP, "ConfigMap", "v1", "configmaps", "core.v1.ConfigMap",
        .namespaced = true},
    [KIND_SECRET] = {KIND_SECRET, "Secret", "v1", "secrets", "core.v1.Secret", .namespaced = true,
        FIELDS(secret_fields)},
    [KIND_SERVICE_ACCOUNT] = {KIND_SERVICE_ACCOUNT, "ServiceAccount", "v1", "serviceaccounts",
        "core.v1.ServiceAccount", .namespaced = true},
    [KIND_EVENT] = {KIND_EVENT, "Event", "v1", "events", "core.v1.Event", .namespaced = true,
        .create_on_update = true, FIELDS(event_fields)},
    [KIND_LEASE] = {KIND_LEASE, "Lease", "coordination.k8s.io/v1", "leases", "coordination.v1.Lease",
        .namespaced = true, .create_on_update = true},
};

#define GET_PATCH_UPDATE (VERB_GET | VERB_PATCH | VERB_UPDATE)
static const struct subresource namespace_subs[] = {
    {SUB_FINALIZE, "finalize", NULL, NULL, "Namespace", VERB_UPDATE},
    {SUB_STATUS, "status", NULL, NULL, "Namespace", GET_PATCH_UPDATE},
    {0},
};
static const struct subresource node_subs[] = {
    {SUB_STATUS, "status", NULL, NULL, "Node", GET_PATCH_UPDATE},
    {0},
};
static const struct subresource pod_subs[] = {
    {SUB_ATTACH, "attach", NULL, NULL, "PodAttachOptions", VERB_CREATE | VERB_GET},
    {SUB_BINDING, "binding", NULL, NULL, "Binding", VERB_CREATE},
    {SUB_EVICTION, "eviction", "policy", "v1", "Eviction", VERB_CREATE},
    {SUB_EXEC, "exec", NULL, NULL, "PodExecOptions", VERB_CREATE | VERB_GET},
    {SUB_LOG, "log", NULL, NULL, "Pod", VERB_GET},
    {SUB_STATUS, "status", NULL, NULL, "Pod", GET_PATCH_UPDATE},
    {0},
};
static const struct subresource rc_subs[] = {
    {SUB_SCALE, "scale", "autoscaling", "v1", "Scale", GET_PATCH_UPDATE},
    {SUB_STATUS, "status", NULL, NULL, "ReplicationController", GET_PATCH_UPDATE},
    {0},
};
static const struct subresource service_subs[] = {
    {SUB_STATUS, "status", NULL, NULL, "Service", GET_PATCH_UPDATE},
    {0},
};

#define CORE(id) &kinds[id], "", "v1"
const struct resource resources[] = {
    {CORE(KIND_CONFIG_MAP), {"cm"}, NULL, VERBS_ALL, NULL, false},
    {CORE(KIND_ENDPOINTS), {"ep"}, NULL, VERBS_ALL, NULL, false},
    {CORE(KIND_EVENT), {"ev"}, NULL, VERBS_ALL, NULL, false},
    {CORE(KIND_NAMESPACE), {"ns"}, NULL, VERBS_ALL & ~VERB_DELETECOLLECTION, namespace_subs, false},
    {CORE(KIND_NODE), {"no"}, NULL, VERBS_ALL, node_subs, false},
    {CORE(KIND_POD), {"po"}, "all", VERBS_ALL, pod_subs, false},
    {CORE(KIND_REPLICATION_CONTROLLER), {"rc"}, "all", VERBS_ALL, rc_subs, false},
    {CORE(KIND_SECRET), {NULL}, NULL, VERBS_ALL, NULL, false},
    {CORE(KIND_SERVICE_ACCOUNT), {"sa"}, NULL, VERBS_ALL, NULL, false},
    {CORE(KIND_SERVICE), {"svc"}, "all", VERBS_ALL, service_subs, false},
    {&kinds[KIND_EVENT], "events.k8s.io", "v1", {"ev"}, NULL, VERBS_ALL, NULL, true},
    {&kinds[KIND_LEASE], "coordination.k8s.io", "v1", {NULL}, NULL, VERBS_ALL, NULL, false},
    {&kinds[KIND_ENDPOINT_SLICE], "discovery.k8s.io", "v1", {NULL}, NULL, VERBS_ALL, NULL, false},
};
const size_t resources_n = ARRAY_SIZE(resources);

const struct resource *resource_find(const char *group, const char *version, const char *name)
{
    for (size_t i = 0; i < resources_n; i++)
        if (!strcmp(resources[i].kind->resource, name) && !strcmp(resources[i].group, group) &&
            !strcmp(resources[i].version, version))
            return &resources[i];
    return NULL;
}

const struct resource *resource_of(enum kind_id id)
{
    for (size_t i = 0; i < resources_n; i++)
        if (resources[i].kind->id == id)
            return &resources[i];
    return NULL;
}

const struct subresource *resource_sub(const struct resource *r, const char *name)
{
    for (const struct subresource *s = r->subs; s && s->name; s++)
        if (!strcmp(s->name, name))
            return s;
    return NULL;
}

const struct kind *kind_by_name(const char *api_version, const char *name)
{
    for (size_t i = 0; i < KIND_N; i++)
        if (!strcmp(kinds[i].name, name) && !strcmp(kinds[i].api_version, api_version))
            return &kinds[i];
    return NULL;
}
