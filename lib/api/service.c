/* Field tables of service.h. */
#include "lib/api/service.h"

static FIELDS_DEFINE(service_port_fields, service_port, FIELD(service_port, name, "name", FIELD_STR),
    FIELD(service_port, protocol, "protocol", FIELD_STR),
    FIELD(service_port, app_protocol, "appProtocol", FIELD_STR),
    {"port", FIELD_INT, offsetof(struct service_port, port), .min = 1, .max = 65535},
    {"nodePort", FIELD_INT, offsetof(struct service_port, node_port), .max = 65535},
    FIELD(service_port, target_port, "targetPort", FIELD_SCALAR));

static FIELDS_DEFINE(client_ip_fields, service_client_ip,
    {"timeoutSeconds", FIELD_INT, offsetof(struct service_client_ip, timeout_seconds), .min = 1,
        .max = 86400});

static FIELDS_DEFINE(affinity_fields, service_affinity_config,
    FIELD_OF(service_affinity_config, client_ip, "clientIP", FIELD_STRUCT, &client_ip_fields));

FIELDS_DEFINE(service_spec_fields, service_spec, FIELD(service_spec, type, "type", FIELD_STR),
    FIELD(service_spec, cluster_ip, "clusterIP", FIELD_STR),
    FIELD(service_spec, cluster_ips, "clusterIPs", FIELD_STRS),
    FIELD_OF(service_spec, ports, "ports", FIELD_STRUCTS, &service_port_fields),
    FIELD(service_spec, selector, "selector", FIELD_STR_MAP),
    FIELD(service_spec, session_affinity, "sessionAffinity", FIELD_STR),
    FIELD_OF(service_spec, session_affinity_config, "sessionAffinityConfig", FIELD_STRUCT, &affinity_fields),
    FIELD(service_spec, external_name, "externalName", FIELD_STR),
    FIELD(service_spec, external_traffic_policy, "externalTrafficPolicy", FIELD_STR),
    FIELD(service_spec, internal_traffic_policy, "internalTrafficPolicy", FIELD_STR),
    FIELD(service_spec, ip_family_policy, "ipFamilyPolicy", FIELD_STR),
    FIELD(service_spec, traffic_distribution, "trafficDistribution", FIELD_STR),
    FIELD(service_spec, ip_families, "ipFamilies", FIELD_STRS),
    FIELD(service_spec, external_ips, "externalIPs", FIELD_STRS),
    FIELD(service_spec, publish_not_ready_addresses, "publishNotReadyAddresses", FIELD_BOOL),
    FIELD(service_spec, allocate_load_balancer_node_ports, "allocateLoadBalancerNodePorts", FIELD_BOOL),
    {"healthCheckNodePort", FIELD_INT, offsetof(struct service_spec, health_check_node_port), .max = 65535});

FIELDS_DEFINE(service_fields, service, FIELD(service, api_version, "apiVersion", FIELD_STR),
    FIELD(service, kind, "kind", FIELD_STR),
    FIELD_OF(service, metadata, "metadata", FIELD_STRUCT, &object_meta_fields),
    FIELD_OF(service, spec, "spec", FIELD_STRUCT, &service_spec_fields));

static FIELDS_DEFINE(conditions_fields, endpoint_conditions,
    FIELD(endpoint_conditions, ready, "ready", FIELD_BOOL),
    FIELD(endpoint_conditions, serving, "serving", FIELD_BOOL),
    FIELD(endpoint_conditions, terminating, "terminating", FIELD_BOOL));

static FIELDS_DEFINE(endpoint_fields, endpoint, FIELD(endpoint, addresses, "addresses", FIELD_STRS),
    FIELD_OF(endpoint, conditions, "conditions", FIELD_STRUCT, &conditions_fields),
    FIELD(endpoint, hostname, "hostname", FIELD_STR), FIELD(endpoint, node_name, "nodeName", FIELD_STR),
    FIELD(endpoint, zone, "zone", FIELD_STR),
    FIELD_OF(endpoint, target_ref, "targetRef", FIELD_STRUCT, &object_reference_fields));

static FIELDS_DEFINE(endpoint_port_fields, endpoint_port, FIELD(endpoint_port, name, "name", FIELD_STR),
    FIELD(endpoint_port, protocol, "protocol", FIELD_STR),
    FIELD(endpoint_port, app_protocol, "appProtocol", FIELD_STR),
    {"port", FIELD_INT, offsetof(struct endpoint_port, port), .max = 65535});

FIELDS_DEFINE(endpoint_slice_fields, endpoint_slice,
    FIELD(endpoint_slice, api_version, "apiVersion", FIELD_STR),
    FIELD(endpoint_slice, kind, "kind", FIELD_STR),
    FIELD_OF(endpoint_slice, metadata, "metadata", FIELD_STRUCT, &object_meta_fields),
    FIELD(endpoint_slice, address_type, "addressType", FIELD_STR),
    {"endpoints", FIELD_STRUCTS, offsetof(struct endpoint_slice, endpoints), &endpoint_fields,
        FIELD_KEEP_EMPTY},
    {"ports", FIELD_STRUCTS, offsetof(struct endpoint_slice, ports), &endpoint_port_fields,
        FIELD_KEEP_EMPTY});

static FIELDS_DEFINE(address_fields, endpoints_address, FIELD(endpoints_address, ip, "ip", FIELD_STR),
    FIELD(endpoints_address, hostname, "hostname", FIELD_STR),
    FIELD(endpoints_address, node_name, "nodeName", FIELD_STR),
    FIELD_OF(endpoints_address, target_ref, "targetRef", FIELD_STRUCT, &object_reference_fields));

static FIELDS_DEFINE(subset_fields, endpoints_subset,
    FIELD_OF(endpoints_subset, addresses, "addresses", FIELD_STRUCTS, &address_fields),
    FIELD_OF(endpoints_subset, not_ready, "notReadyAddresses", FIELD_STRUCTS, &address_fields),
    FIELD_OF(endpoints_subset, ports, "ports", FIELD_STRUCTS, &endpoint_port_fields));

FIELDS_DEFINE(endpoints_fields, endpoints, FIELD(endpoints, api_version, "apiVersion", FIELD_STR),
    FIELD(endpoints, kind, "kind", FIELD_STR),
    FIELD_OF(endpoints, metadata, "metadata", FIELD_STRUCT, &object_meta_fields),
    FIELD_OF(endpoints, subsets, "subsets", FIELD_STRUCTS, &subset_fields));
