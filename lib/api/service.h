/* Services and where they lead: core/v1 Service and Endpoints, discovery.k8s.io/v1 EndpointSlice. */
#ifndef WHERRY_API_SERVICE_H
#define WHERRY_API_SERVICE_H

#include "lib/api/event.h"
#include "lib/api/meta.h"

struct service_port {
    const char *name, *protocol, *app_protocol;
    struct opt_int port, node_port;
    const char *target_port; /* a number or a name */
};
struct service_client_ip {
    struct opt_int timeout_seconds;
};
struct service_affinity_config {
    struct service_client_ip *client_ip;
};
struct service_spec {
    const char *type; /* ClusterIP, NodePort, LoadBalancer, ExternalName */
    const char *cluster_ip;
    struct str_list cluster_ips;
    FIELD_LIST(struct service_port) ports;
    struct str_map selector;
    const char *session_affinity;
    struct service_affinity_config *session_affinity_config;
    const char *external_name, *external_traffic_policy, *internal_traffic_policy, *ip_family_policy,
        *traffic_distribution;
    struct str_list ip_families, external_ips;
    struct opt_bool publish_not_ready_addresses, allocate_load_balancer_node_ports;
    struct opt_int health_check_node_port;
};
struct service {
    const char *api_version, *kind;
    struct object_meta *metadata;
    struct service_spec *spec;
};
extern const struct fields service_fields, service_spec_fields;

struct endpoint_conditions {
    struct opt_bool ready, serving, terminating;
};
struct endpoint {
    struct str_list addresses;
    struct endpoint_conditions *conditions;
    const char *hostname, *node_name, *zone;
    struct object_reference *target_ref;
};
struct endpoint_port {
    const char *name, *protocol, *app_protocol;
    struct opt_int port;
};
struct endpoint_slice {
    const char *api_version, *kind;
    struct object_meta *metadata;
    const char *address_type; /* IPv4, IPv6, FQDN */
    FIELD_LIST(struct endpoint) endpoints;
    FIELD_LIST(struct endpoint_port) ports;
};
extern const struct fields endpoint_slice_fields;
#define SERVICE_NAME_LABEL "kubernetes.io/service-name" /* of a slice: whose it is */

struct endpoints_address {
    const char *ip, *hostname, *node_name;
    struct object_reference *target_ref;
};
struct endpoints_subset {
    FIELD_LIST(struct endpoints_address) addresses, not_ready;
    FIELD_LIST(struct endpoint_port) ports;
};
struct endpoints {
    const char *api_version, *kind;
    struct object_meta *metadata;
    FIELD_LIST(struct endpoints_subset) subsets;
};
extern const struct fields endpoints_fields;

#endif
