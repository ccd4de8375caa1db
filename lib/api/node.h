/* core/v1 Node and coordination/v1 Lease, as kubelet, scheduler and node controller read and write them. */
#ifndef WHERRY_API_NODE_H
#define WHERRY_API_NODE_H

#include "lib/api/meta.h"
#include "lib/fields.h"

struct taint {
    const char *key, *value, *effect, *time_added;
};
struct node_spec {
    const char *pod_cidr, *provider_id;
    struct str_list pod_cidrs;
    struct opt_bool unschedulable;
    FIELD_LIST(struct taint) taints;
};
struct node_condition {
    const char *type, *status, *reason, *message, *last_heartbeat_time, *last_transition_time;
};
struct node_address {
    const char *type, *address;
};
struct node_system_info {
    const char *machine_id, *system_uuid, *boot_id, *kernel_version, *os_image, *container_runtime_version,
        *kubelet_version, *kube_proxy_version, *operating_system, *architecture;
};
struct daemon_endpoint {
    struct opt_int port;
};
struct node_daemon_endpoints {
    struct daemon_endpoint *kubelet_endpoint;
};
struct container_image {
    struct str_list names;
    struct opt_int size_bytes;
};
struct node_status {
    struct str_map capacity, allocatable;
    FIELD_LIST(struct node_condition) conditions;
    FIELD_LIST(struct node_address) addresses;
    FIELD_LIST(struct container_image) images;
    struct node_daemon_endpoints *daemon_endpoints;
    struct node_system_info *node_info;
};
struct node {
    const char *api_version, *kind;
    struct object_meta *metadata;
    struct node_spec *spec;
    struct node_status *status;
};
extern const struct fields node_system_info_fields, node_fields, node_spec_fields, node_status_fields,
    node_condition_fields, taint_fields;

const char *node_condition(const struct node_status *s, const char *type); /* its status, NULL absent */
const char *node_address(const struct node_status *s, const char *type);   /* "InternalIP" */

struct lease_spec {
    const char *holder_identity, *acquire_time, *renew_time;
    struct opt_int lease_duration_seconds, lease_transitions;
};
struct lease {
    const char *api_version, *kind;
    struct object_meta *metadata;
    struct lease_spec *spec;
};
extern const struct fields lease_fields;

#define NODE_LEASE_NAMESPACE "kube-node-lease"
#define NODE_LEASE_SECONDS 40

#endif
