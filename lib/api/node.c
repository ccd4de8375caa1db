/* Field tables of Node and Lease, leaves first. */
#include "lib/api/node.h"
#include <string.h>

#define STR(s, m, n) FIELD(s, m, n, FIELD_STR)
#define INT(s, m, n) FIELD(s, m, n, FIELD_INT)
#define OBJ(s, m, n, t) FIELD_OF(s, m, n, FIELD_STRUCT, &t##_fields)
#define LIST(s, m, n, t) FIELD_OF(s, m, n, FIELD_STRUCTS, &t##_fields)

FIELDS_DEFINE(taint_fields, taint, STR(taint, key, "key"), STR(taint, value, "value"),
    STR(taint, effect, "effect"), STR(taint, time_added, "timeAdded"));
FIELDS_DEFINE(node_spec_fields, node_spec, STR(node_spec, pod_cidr, "podCIDR"),
    FIELD(node_spec, pod_cidrs, "podCIDRs", FIELD_STRS), STR(node_spec, provider_id, "providerID"),
    FIELD(node_spec, unschedulable, "unschedulable", FIELD_BOOL), LIST(node_spec, taints, "taints", taint));
FIELDS_DEFINE(node_condition_fields, node_condition, STR(node_condition, type, "type"),
    STR(node_condition, status, "status"), STR(node_condition, last_heartbeat_time, "lastHeartbeatTime"),
    STR(node_condition, last_transition_time, "lastTransitionTime"), STR(node_condition, reason, "reason"),
    STR(node_condition, message, "message"));
static FIELDS_DEFINE(node_address_fields, node_address, STR(node_address, type, "type"),
    STR(node_address, address, "address"));
FIELDS_DEFINE(node_system_info_fields, node_system_info, STR(node_system_info, machine_id, "machineID"),
    STR(node_system_info, system_uuid, "systemUUID"), STR(node_system_info, boot_id, "bootID"),
    STR(node_system_info, kernel_version, "kernelVersion"), STR(node_system_info, os_image, "osImage"),
    STR(node_system_info, container_runtime_version, "containerRuntimeVersion"),
    STR(node_system_info, kubelet_version, "kubeletVersion"),
    STR(node_system_info, kube_proxy_version, "kubeProxyVersion"),
    STR(node_system_info, operating_system, "operatingSystem"),
    STR(node_system_info, architecture, "architecture"));
/* The API spells this one with a capital. */
static FIELDS_DEFINE(daemon_endpoint_fields, daemon_endpoint, INT(daemon_endpoint, port, "Port"));
static FIELDS_DEFINE(node_daemon_endpoints_fields, node_daemon_endpoints,
    OBJ(node_daemon_endpoints, kubelet_endpoint, "kubeletEndpoint", daemon_endpoint));
static FIELDS_DEFINE(container_image_fields, container_image,
    FIELD(container_image, names, "names", FIELD_STRS), INT(container_image, size_bytes, "sizeBytes"));
FIELDS_DEFINE(node_status_fields, node_status, FIELD(node_status, capacity, "capacity", FIELD_STR_MAP),
    FIELD(node_status, allocatable, "allocatable", FIELD_STR_MAP),
    LIST(node_status, conditions, "conditions", node_condition),
    LIST(node_status, addresses, "addresses", node_address),
    OBJ(node_status, daemon_endpoints, "daemonEndpoints", node_daemon_endpoints),
    OBJ(node_status, node_info, "nodeInfo", node_system_info),
    LIST(node_status, images, "images", container_image));
FIELDS_DEFINE(node_fields, node, STR(node, api_version, "apiVersion"), STR(node, kind, "kind"),
    OBJ(node, metadata, "metadata", object_meta), OBJ(node, spec, "spec", node_spec),
    OBJ(node, status, "status", node_status));

static FIELDS_DEFINE(lease_spec_fields, lease_spec, STR(lease_spec, holder_identity, "holderIdentity"),
    INT(lease_spec, lease_duration_seconds, "leaseDurationSeconds"),
    STR(lease_spec, acquire_time, "acquireTime"), STR(lease_spec, renew_time, "renewTime"),
    INT(lease_spec, lease_transitions, "leaseTransitions"));
FIELDS_DEFINE(lease_fields, lease, STR(lease, api_version, "apiVersion"), STR(lease, kind, "kind"),
    OBJ(lease, metadata, "metadata", object_meta), OBJ(lease, spec, "spec", lease_spec));

const char *node_condition(const struct node_status *s, const char *type)
{
    for (size_t i = 0; s && i < s->conditions.n; i++)
        if (s->conditions.v[i].type && strcmp(s->conditions.v[i].type, type) == 0)
            return s->conditions.v[i].status;
    return NULL;
}

const char *node_address(const struct node_status *s, const char *type)
{
    for (size_t i = 0; s && i < s->addresses.n; i++)
        if (s->addresses.v[i].type && strcmp(s->addresses.v[i].type, type) == 0)
            return s->addresses.v[i].address;
    return NULL;
}
