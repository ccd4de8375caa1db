/* Field tables of core/v1 Pod, leaves first. */
#include "lib/api/pod.h"

#define TABLE(name, ...) FIELDS_DEFINE(name##_fields, name, __VA_ARGS__)
#define STATIC_TABLE(name, ...) static FIELDS_DEFINE(name##_fields, name, __VA_ARGS__)
#define STR(s, m, n) FIELD(s, m, n, FIELD_STR)
#define INT(s, m, n) FIELD(s, m, n, FIELD_INT)
#define BOOL(s, m, n) FIELD(s, m, n, FIELD_BOOL)
#define SCALAR(s, m, n) FIELD(s, m, n, FIELD_SCALAR)
#define STRS(s, m, n) FIELD(s, m, n, FIELD_STRS)
#define INTS(s, m, n) FIELD(s, m, n, FIELD_INTS)
#define MAP(s, m, n) FIELD(s, m, n, FIELD_STR_MAP)
#define JSON(s, m, n) FIELD(s, m, n, FIELD_JSON)
#define OBJ(s, m, n, t) FIELD_OF(s, m, n, FIELD_STRUCT, &t##_fields)
#define LIST(s, m, n, t) FIELD_OF(s, m, n, FIELD_STRUCTS, &t##_fields)
/* An integer of int32 with its range. */
#define RANGE(s, m, n, lo, hi)                                                                               \
    {                                                                                                        \
        n, FIELD_INT, offsetof(struct s, m), 0, 0, lo, hi                                                    \
    }
#define ID(s, m, n) RANGE(s, m, n, 0, 2147483647)

/* --- environment --- */
STATIC_TABLE(object_field_selector, STR(object_field_selector, api_version, "apiVersion"),
    STR(object_field_selector, field_path, "fieldPath"));
STATIC_TABLE(resource_field_selector, STR(resource_field_selector, container_name, "containerName"),
    STR(resource_field_selector, resource, "resource"), SCALAR(resource_field_selector, divisor, "divisor"));
STATIC_TABLE(key_selector, STR(key_selector, name, "name"), STR(key_selector, key, "key"),
    BOOL(key_selector, optional, "optional"));
STATIC_TABLE(env_var_source, OBJ(env_var_source, field_ref, "fieldRef", object_field_selector),
    OBJ(env_var_source, resource_field_ref, "resourceFieldRef", resource_field_selector),
    OBJ(env_var_source, config_map_key_ref, "configMapKeyRef", key_selector),
    OBJ(env_var_source, secret_key_ref, "secretKeyRef", key_selector),
    JSON(env_var_source, file_key_ref, "fileKeyRef"));
TABLE(env_var, STR(env_var, name, "name"), STR(env_var, value, "value"),
    OBJ(env_var, value_from, "valueFrom", env_var_source));
STATIC_TABLE(env_from_ref, STR(env_from_ref, name, "name"), BOOL(env_from_ref, optional, "optional"));
STATIC_TABLE(env_from_source, STR(env_from_source, prefix, "prefix"),
    OBJ(env_from_source, config_map_ref, "configMapRef", env_from_ref),
    OBJ(env_from_source, secret_ref, "secretRef", env_from_ref));

/* --- probes and hooks --- */
STATIC_TABLE(exec_action, STRS(exec_action, command, "command"));
STATIC_TABLE(http_header_pair, STR(http_header_pair, name, "name"), STR(http_header_pair, value, "value"));
STATIC_TABLE(http_get_action, STR(http_get_action, path, "path"), SCALAR(http_get_action, port, "port"),
    STR(http_get_action, host, "host"), STR(http_get_action, scheme, "scheme"),
    LIST(http_get_action, http_headers, "httpHeaders", http_header_pair));
STATIC_TABLE(
    tcp_socket_action, SCALAR(tcp_socket_action, port, "port"), STR(tcp_socket_action, host, "host"));
STATIC_TABLE(grpc_action, INT(grpc_action, port, "port"), STR(grpc_action, service, "service"));
STATIC_TABLE(sleep_action, INT(sleep_action, seconds, "seconds"));
TABLE(probe, OBJ(probe, exec, "exec", exec_action), OBJ(probe, http_get, "httpGet", http_get_action),
    OBJ(probe, tcp_socket, "tcpSocket", tcp_socket_action), OBJ(probe, grpc, "grpc", grpc_action),
    ID(probe, initial_delay_seconds, "initialDelaySeconds"), ID(probe, timeout_seconds, "timeoutSeconds"),
    ID(probe, period_seconds, "periodSeconds"), ID(probe, success_threshold, "successThreshold"),
    ID(probe, failure_threshold, "failureThreshold"),
    INT(probe, termination_grace_period_seconds, "terminationGracePeriodSeconds"));
STATIC_TABLE(lifecycle_handler, OBJ(lifecycle_handler, exec, "exec", exec_action),
    OBJ(lifecycle_handler, http_get, "httpGet", http_get_action),
    OBJ(lifecycle_handler, tcp_socket, "tcpSocket", tcp_socket_action),
    OBJ(lifecycle_handler, sleep, "sleep", sleep_action));
STATIC_TABLE(lifecycle, OBJ(lifecycle, post_start, "postStart", lifecycle_handler),
    OBJ(lifecycle, pre_stop, "preStop", lifecycle_handler), STR(lifecycle, stop_signal, "stopSignal"));

/* --- containers --- */
STATIC_TABLE(container_port, STR(container_port, name, "name"), STR(container_port, protocol, "protocol"),
    STR(container_port, host_ip, "hostIP"), RANGE(container_port, container_port, "containerPort", 1, 65535),
    RANGE(container_port, host_port, "hostPort", 0, 65535));
TABLE(resource_requirements, MAP(resource_requirements, limits, "limits"),
    MAP(resource_requirements, requests, "requests"), JSON(resource_requirements, claims, "claims"));
STATIC_TABLE(volume_mount, STR(volume_mount, name, "name"), STR(volume_mount, mount_path, "mountPath"),
    STR(volume_mount, sub_path, "subPath"), STR(volume_mount, sub_path_expr, "subPathExpr"),
    STR(volume_mount, mount_propagation, "mountPropagation"),
    STR(volume_mount, recursive_read_only, "recursiveReadOnly"), BOOL(volume_mount, read_only, "readOnly"));
STATIC_TABLE(capabilities, STRS(capabilities, add, "add"), STRS(capabilities, drop, "drop"));
STATIC_TABLE(seccomp_profile, STR(seccomp_profile, type, "type"),
    STR(seccomp_profile, localhost_profile, "localhostProfile"));
STATIC_TABLE(app_armor_profile, STR(app_armor_profile, type, "type"),
    STR(app_armor_profile, localhost_profile, "localhostProfile"));
TABLE(security_context, ID(security_context, run_as_user, "runAsUser"),
    ID(security_context, run_as_group, "runAsGroup"), BOOL(security_context, run_as_non_root, "runAsNonRoot"),
    BOOL(security_context, privileged, "privileged"),
    BOOL(security_context, read_only_root_filesystem, "readOnlyRootFilesystem"),
    BOOL(security_context, allow_privilege_escalation, "allowPrivilegeEscalation"),
    STR(security_context, proc_mount, "procMount"),
    OBJ(security_context, capabilities, "capabilities", capabilities),
    OBJ(security_context, seccomp_profile, "seccompProfile", seccomp_profile),
    OBJ(security_context, app_armor_profile, "appArmorProfile", app_armor_profile),
    JSON(security_context, se_linux_options, "seLinuxOptions"));
STATIC_TABLE(restart_rule_exit_codes, STR(restart_rule_exit_codes, operator_, "operator"),
    INTS(restart_rule_exit_codes, values, "values"));
STATIC_TABLE(restart_rule, STR(restart_rule, action, "action"),
    OBJ(restart_rule, exit_codes, "exitCodes", restart_rule_exit_codes));
TABLE(container, STR(container, name, "name"), STR(container, image, "image"),
    STR(container, image_pull_policy, "imagePullPolicy"), STR(container, working_dir, "workingDir"),
    STR(container, restart_policy, "restartPolicy"),
    STR(container, termination_message_path, "terminationMessagePath"),
    STR(container, termination_message_policy, "terminationMessagePolicy"),
    STR(container, target_container_name, "targetContainerName"), STRS(container, command, "command"),
    STRS(container, args, "args"), LIST(container, env, "env", env_var),
    LIST(container, env_from, "envFrom", env_from_source), LIST(container, ports, "ports", container_port),
    LIST(container, volume_mounts, "volumeMounts", volume_mount),
    LIST(container, restart_policy_rules, "restartPolicyRules", restart_rule),
    JSON(container, volume_devices, "volumeDevices"),
    OBJ(container, resources, "resources", resource_requirements),
    OBJ(container, security_context, "securityContext", security_context),
    OBJ(container, liveness_probe, "livenessProbe", probe),
    OBJ(container, readiness_probe, "readinessProbe", probe),
    OBJ(container, startup_probe, "startupProbe", probe), OBJ(container, lifecycle, "lifecycle", lifecycle),
    BOOL(container, stdin_, "stdin"), BOOL(container, stdin_once, "stdinOnce"), BOOL(container, tty, "tty"));

/* --- volumes --- */
TABLE(key_to_path, STR(key_to_path, key, "key"), STR(key_to_path, path, "path"),
    RANGE(key_to_path, mode, "mode", 0, 0777));
STATIC_TABLE(config_map_volume, STR(config_map_volume, name, "name"),
    LIST(config_map_volume, items, "items", key_to_path),
    RANGE(config_map_volume, default_mode, "defaultMode", 0, 0777),
    BOOL(config_map_volume, optional, "optional"));
STATIC_TABLE(secret_volume, STR(secret_volume, secret_name, "secretName"), STR(secret_volume, name, "name"),
    LIST(secret_volume, items, "items", key_to_path),
    RANGE(secret_volume, default_mode, "defaultMode", 0, 0777), BOOL(secret_volume, optional, "optional"));
STATIC_TABLE(downward_api_file, STR(downward_api_file, path, "path"),
    OBJ(downward_api_file, field_ref, "fieldRef", object_field_selector),
    OBJ(downward_api_file, resource_field_ref, "resourceFieldRef", resource_field_selector),
    RANGE(downward_api_file, mode, "mode", 0, 0777));
STATIC_TABLE(downward_api_volume, LIST(downward_api_volume, items, "items", downward_api_file),
    RANGE(downward_api_volume, default_mode, "defaultMode", 0, 0777));
STATIC_TABLE(service_account_token_projection, STR(service_account_token_projection, audience, "audience"),
    STR(service_account_token_projection, path, "path"),
    INT(service_account_token_projection, expiration_seconds, "expirationSeconds"));
STATIC_TABLE(volume_projection, OBJ(volume_projection, config_map, "configMap", config_map_volume),
    OBJ(volume_projection, secret, "secret", secret_volume),
    OBJ(volume_projection, downward_api, "downwardAPI", downward_api_volume),
    OBJ(volume_projection, service_account_token, "serviceAccountToken", service_account_token_projection),
    JSON(volume_projection, cluster_trust_bundle, "clusterTrustBundle"),
    JSON(volume_projection, pod_certificate, "podCertificate"));
STATIC_TABLE(projected_volume, LIST(projected_volume, sources, "sources", volume_projection),
    RANGE(projected_volume, default_mode, "defaultMode", 0, 0777));
STATIC_TABLE(empty_dir_volume, STR(empty_dir_volume, medium, "medium"),
    SCALAR(empty_dir_volume, size_limit, "sizeLimit"));
STATIC_TABLE(host_path_volume, STR(host_path_volume, path, "path"), STR(host_path_volume, type, "type"));
STATIC_TABLE(
    image_volume, STR(image_volume, reference, "reference"), STR(image_volume, pull_policy, "pullPolicy"));
TABLE(volume, STR(volume, name, "name"), OBJ(volume, empty_dir, "emptyDir", empty_dir_volume),
    OBJ(volume, host_path, "hostPath", host_path_volume),
    OBJ(volume, config_map, "configMap", config_map_volume), OBJ(volume, secret, "secret", secret_volume),
    OBJ(volume, downward_api, "downwardAPI", downward_api_volume),
    OBJ(volume, projected, "projected", projected_volume), OBJ(volume, image, "image", image_volume),
    JSON(volume, persistent_volume_claim, "persistentVolumeClaim"), JSON(volume, csi, "csi"),
    JSON(volume, ephemeral, "ephemeral"), JSON(volume, nfs, "nfs"), JSON(volume, iscsi, "iscsi"));

/* --- the Pod's spec --- */
STATIC_TABLE(sysctl, STR(sysctl, name, "name"), STR(sysctl, value, "value"));
STATIC_TABLE(pod_security_context, ID(pod_security_context, run_as_user, "runAsUser"),
    ID(pod_security_context, run_as_group, "runAsGroup"), ID(pod_security_context, fs_group, "fsGroup"),
    BOOL(pod_security_context, run_as_non_root, "runAsNonRoot"),
    INTS(pod_security_context, supplemental_groups, "supplementalGroups"),
    STR(pod_security_context, supplemental_groups_policy, "supplementalGroupsPolicy"),
    STR(pod_security_context, fs_group_change_policy, "fsGroupChangePolicy"),
    LIST(pod_security_context, sysctls, "sysctls", sysctl),
    OBJ(pod_security_context, seccomp_profile, "seccompProfile", seccomp_profile),
    OBJ(pod_security_context, app_armor_profile, "appArmorProfile", app_armor_profile),
    JSON(pod_security_context, se_linux_options, "seLinuxOptions"));
STATIC_TABLE(host_alias, STR(host_alias, ip, "ip"), STRS(host_alias, hostnames, "hostnames"));
STATIC_TABLE(dns_option, STR(dns_option, name, "name"), STR(dns_option, value, "value"));
STATIC_TABLE(pod_dns_config, STRS(pod_dns_config, nameservers, "nameservers"),
    STRS(pod_dns_config, searches, "searches"), LIST(pod_dns_config, options, "options", dns_option));
TABLE(toleration, STR(toleration, key, "key"), STR(toleration, operator_, "operator"),
    STR(toleration, value, "value"), STR(toleration, effect, "effect"),
    INT(toleration, toleration_seconds, "tolerationSeconds"));
STATIC_TABLE(local_reference, STR(local_reference, name, "name"));
STATIC_TABLE(readiness_gate, STR(readiness_gate, condition_type, "conditionType"));
STATIC_TABLE(topology_spread_constraint, INT(topology_spread_constraint, max_skew, "maxSkew"),
    STR(topology_spread_constraint, topology_key, "topologyKey"),
    STR(topology_spread_constraint, when_unsatisfiable, "whenUnsatisfiable"),
    JSON(topology_spread_constraint, label_selector, "labelSelector"));
STATIC_TABLE(node_selector_requirement, STR(node_selector_requirement, key, "key"),
    STR(node_selector_requirement, operator_, "operator"), STRS(node_selector_requirement, values, "values"));
TABLE(node_selector_term,
    LIST(node_selector_term, match_expressions, "matchExpressions", node_selector_requirement),
    LIST(node_selector_term, match_fields, "matchFields", node_selector_requirement));
TABLE(node_selector, LIST(node_selector, node_selector_terms, "nodeSelectorTerms", node_selector_term));
STATIC_TABLE(preferred_scheduling_term, INT(preferred_scheduling_term, weight, "weight"),
    OBJ(preferred_scheduling_term, preference, "preference", node_selector_term));
STATIC_TABLE(node_affinity,
    OBJ(node_affinity, required, "requiredDuringSchedulingIgnoredDuringExecution", node_selector),
    LIST(node_affinity, preferred, "preferredDuringSchedulingIgnoredDuringExecution",
        preferred_scheduling_term));
TABLE(affinity, OBJ(affinity, node_affinity, "nodeAffinity", node_affinity),
    JSON(affinity, pod_affinity, "podAffinity"), JSON(affinity, pod_anti_affinity, "podAntiAffinity"));
STATIC_TABLE(pod_os, STR(pod_os, name, "name"));
TABLE(pod_spec, LIST(pod_spec, init_containers, "initContainers", container),
    LIST(pod_spec, containers, "containers", container),
    LIST(pod_spec, ephemeral_containers, "ephemeralContainers", container),
    LIST(pod_spec, volumes, "volumes", volume), STR(pod_spec, node_name, "nodeName"),
    STR(pod_spec, restart_policy, "restartPolicy"), STR(pod_spec, dns_policy, "dnsPolicy"),
    STR(pod_spec, service_account_name, "serviceAccountName"), STR(pod_spec, hostname, "hostname"),
    STR(pod_spec, hostname_override, "hostnameOverride"), STR(pod_spec, subdomain, "subdomain"),
    STR(pod_spec, scheduler_name, "schedulerName"), STR(pod_spec, priority_class_name, "priorityClassName"),
    STR(pod_spec, runtime_class_name, "runtimeClassName"),
    STR(pod_spec, preemption_policy, "preemptionPolicy"),
    INT(pod_spec, termination_grace_period_seconds, "terminationGracePeriodSeconds"),
    INT(pod_spec, active_deadline_seconds, "activeDeadlineSeconds"), INT(pod_spec, priority, "priority"),
    BOOL(pod_spec, host_network, "hostNetwork"), BOOL(pod_spec, host_pid, "hostPID"),
    BOOL(pod_spec, host_ipc, "hostIPC"), BOOL(pod_spec, host_users, "hostUsers"),
    BOOL(pod_spec, share_process_namespace, "shareProcessNamespace"),
    BOOL(pod_spec, set_hostname_as_fqdn, "setHostnameAsFQDN"),
    BOOL(pod_spec, enable_service_links, "enableServiceLinks"),
    BOOL(pod_spec, automount_service_account_token, "automountServiceAccountToken"),
    MAP(pod_spec, node_selector, "nodeSelector"), MAP(pod_spec, overhead, "overhead"),
    OBJ(pod_spec, security_context, "securityContext", pod_security_context),
    OBJ(pod_spec, resources, "resources", resource_requirements),
    OBJ(pod_spec, dns_config, "dnsConfig", pod_dns_config),
    LIST(pod_spec, host_aliases, "hostAliases", host_alias),
    LIST(pod_spec, tolerations, "tolerations", toleration),
    LIST(pod_spec, image_pull_secrets, "imagePullSecrets", local_reference),
    LIST(pod_spec, readiness_gates, "readinessGates", readiness_gate),
    LIST(pod_spec, topology_spread_constraints, "topologySpreadConstraints", topology_spread_constraint),
    OBJ(pod_spec, affinity, "affinity", affinity), OBJ(pod_spec, os, "os", pod_os),
    JSON(pod_spec, scheduling_gates, "schedulingGates"), JSON(pod_spec, resource_claims, "resourceClaims"));

/* --- the Pod's status --- */
STATIC_TABLE(container_state_waiting, STR(container_state_waiting, reason, "reason"),
    STR(container_state_waiting, message, "message"));
STATIC_TABLE(container_state_running, STR(container_state_running, started_at, "startedAt"));
STATIC_TABLE(container_state_terminated, INT(container_state_terminated, exit_code, "exitCode"),
    INT(container_state_terminated, signal, "signal"), STR(container_state_terminated, reason, "reason"),
    STR(container_state_terminated, message, "message"),
    STR(container_state_terminated, started_at, "startedAt"),
    STR(container_state_terminated, finished_at, "finishedAt"),
    STR(container_state_terminated, container_id, "containerID"));
TABLE(container_state, OBJ(container_state, waiting, "waiting", container_state_waiting),
    OBJ(container_state, running, "running", container_state_running),
    OBJ(container_state, terminated, "terminated", container_state_terminated));
STATIC_TABLE(container_user_linux, INT(container_user_linux, uid, "uid"),
    INT(container_user_linux, gid, "gid"),
    INTS(container_user_linux, supplemental_groups, "supplementalGroups"));
STATIC_TABLE(container_user, OBJ(container_user, linux_, "linux", container_user_linux));
STATIC_TABLE(volume_mount_status, STR(volume_mount_status, name, "name"),
    STR(volume_mount_status, mount_path, "mountPath"), BOOL(volume_mount_status, read_only, "readOnly"),
    STR(volume_mount_status, recursive_read_only, "recursiveReadOnly"));
TABLE(container_status, STR(container_status, name, "name"),
    OBJ(container_status, state, "state", container_state),
    OBJ(container_status, last_state, "lastState", container_state), BOOL(container_status, ready, "ready"),
    INT(container_status, restart_count, "restartCount"), STR(container_status, image, "image"),
    STR(container_status, image_id, "imageID"), STR(container_status, container_id, "containerID"),
    BOOL(container_status, started, "started"),
    MAP(container_status, allocated_resources, "allocatedResources"),
    OBJ(container_status, resources, "resources", resource_requirements),
    LIST(container_status, volume_mounts, "volumeMounts", volume_mount_status),
    OBJ(container_status, user, "user", container_user));
TABLE(pod_condition, STR(pod_condition, type, "type"),
    INT(pod_condition, observed_generation, "observedGeneration"), STR(pod_condition, status, "status"),
    STR(pod_condition, last_probe_time, "lastProbeTime"),
    STR(pod_condition, last_transition_time, "lastTransitionTime"), STR(pod_condition, reason, "reason"),
    STR(pod_condition, message, "message"));
STATIC_TABLE(pod_ip, STR(pod_ip, ip, "ip"));
TABLE(pod_status, INT(pod_status, observed_generation, "observedGeneration"), STR(pod_status, phase, "phase"),
    LIST(pod_status, conditions, "conditions", pod_condition), STR(pod_status, message, "message"),
    STR(pod_status, reason, "reason"), STR(pod_status, nominated_node_name, "nominatedNodeName"),
    STR(pod_status, host_ip, "hostIP"), LIST(pod_status, host_ips, "hostIPs", pod_ip),
    STR(pod_status, pod_ip, "podIP"), LIST(pod_status, pod_ips, "podIPs", pod_ip),
    STR(pod_status, start_time, "startTime"),
    LIST(pod_status, init_container_statuses, "initContainerStatuses", container_status),
    LIST(pod_status, container_statuses, "containerStatuses", container_status),
    STR(pod_status, qos_class, "qosClass"),
    LIST(pod_status, ephemeral_container_statuses, "ephemeralContainerStatuses", container_status));
TABLE(pod, STR(pod, api_version, "apiVersion"), STR(pod, kind, "kind"),
    OBJ(pod, metadata, "metadata", object_meta), OBJ(pod, spec, "spec", pod_spec),
    OBJ(pod, status, "status", pod_status));
