/*
 * core/v1 Pod, as the programs that decide something by a Pod read it: kubelet, scheduler, controllers. Names
 * follow the API. What is not here is not obeyed by anybody; the master keeps it nevertheless (it keeps
 * bytes).
 */
#ifndef WHERRY_API_POD_H
#define WHERRY_API_POD_H

#include "lib/api/meta.h"
#include "lib/fields.h"

/* --- environment */
struct object_field_selector {
    const char *api_version, *field_path;
};
struct resource_field_selector {
    const char *container_name, *resource, *divisor;
};
struct key_selector { /* of a ConfigMap or Secret */
    const char *name, *key;
    struct opt_bool optional;
};
struct env_var_source {
    struct object_field_selector *field_ref;
    struct resource_field_selector *resource_field_ref;
    struct key_selector *config_map_key_ref, *secret_key_ref;
    const struct json *file_key_ref;
};
struct env_var {
    const char *name, *value;
    struct env_var_source *value_from;
};
struct env_from_ref {
    const char *name;
    struct opt_bool optional;
};
struct env_from_source {
    const char *prefix;
    struct env_from_ref *config_map_ref, *secret_ref;
};

/* --- probes and hooks */
struct exec_action {
    struct str_list command;
};
struct http_header_pair {
    const char *name, *value;
};
struct http_get_action {
    const char *path, *port, *host, *scheme; /* port: number or name */
    FIELD_LIST(struct http_header_pair) http_headers;
};
struct tcp_socket_action {
    const char *port, *host;
};
struct grpc_action {
    struct opt_int port;
    const char *service;
};
struct sleep_action {
    struct opt_int seconds;
};
struct probe {
    struct exec_action *exec;
    struct http_get_action *http_get;
    struct tcp_socket_action *tcp_socket;
    struct grpc_action *grpc;
    struct opt_int initial_delay_seconds, timeout_seconds, period_seconds, success_threshold,
        failure_threshold, termination_grace_period_seconds;
};
struct lifecycle_handler {
    struct exec_action *exec;
    struct http_get_action *http_get;
    struct tcp_socket_action *tcp_socket;
    struct sleep_action *sleep;
};
struct lifecycle {
    struct lifecycle_handler *post_start, *pre_stop;
    const char *stop_signal;
};

/* --- containers */
struct container_port {
    const char *name, *protocol, *host_ip;
    struct opt_int container_port, host_port;
};
struct resource_requirements {
    struct str_map limits, requests;
    const struct json *claims;
};
struct volume_mount {
    const char *name, *mount_path, *sub_path, *sub_path_expr, *mount_propagation, *recursive_read_only;
    struct opt_bool read_only;
};
struct capabilities {
    struct str_list add, drop;
};
struct seccomp_profile {
    const char *type, *localhost_profile;
};
struct app_armor_profile {
    const char *type, *localhost_profile;
};
struct security_context {
    struct opt_int run_as_user, run_as_group;
    struct opt_bool run_as_non_root, privileged, read_only_root_filesystem, allow_privilege_escalation;
    const char *proc_mount;
    struct capabilities *capabilities;
    struct seccomp_profile *seccomp_profile;
    struct app_armor_profile *app_armor_profile;
    const struct json *se_linux_options;
};
struct restart_rule_exit_codes {
    const char *operator_;
    struct int_list values;
};
struct restart_rule {
    const char *action;
    struct restart_rule_exit_codes *exit_codes;
};
struct container {
    const char *name, *image, *image_pull_policy, *working_dir, *restart_policy, *termination_message_path,
        *termination_message_policy, *target_container_name;
    struct str_list command, args;
    FIELD_LIST(struct env_var) env;
    FIELD_LIST(struct env_from_source) env_from;
    FIELD_LIST(struct container_port) ports;
    FIELD_LIST(struct volume_mount) volume_mounts;
    FIELD_LIST(struct restart_rule) restart_policy_rules;
    const struct json *volume_devices;
    struct resource_requirements *resources;
    struct security_context *security_context;
    struct probe *liveness_probe, *readiness_probe, *startup_probe;
    struct lifecycle *lifecycle;
    struct opt_bool stdin_, stdin_once, tty;
};

/* --- volumes */
struct key_to_path {
    const char *key, *path;
    struct opt_int mode;
};
struct config_map_volume { /* also a projection's */
    const char *name;
    FIELD_LIST(struct key_to_path) items;
    struct opt_int default_mode;
    struct opt_bool optional;
};
struct secret_volume { /* name is secretName in a volume, name in a projection */
    const char *secret_name, *name;
    FIELD_LIST(struct key_to_path) items;
    struct opt_int default_mode;
    struct opt_bool optional;
};
struct downward_api_file {
    const char *path;
    struct object_field_selector *field_ref;
    struct resource_field_selector *resource_field_ref;
    struct opt_int mode;
};
struct downward_api_volume {
    FIELD_LIST(struct downward_api_file) items;
    struct opt_int default_mode;
};
struct service_account_token_projection {
    const char *audience, *path;
    struct opt_int expiration_seconds;
};
struct volume_projection {
    struct config_map_volume *config_map;
    struct secret_volume *secret;
    struct downward_api_volume *downward_api;
    struct service_account_token_projection *service_account_token;
    const struct json *cluster_trust_bundle, *pod_certificate;
};
struct projected_volume {
    FIELD_LIST(struct volume_projection) sources;
    struct opt_int default_mode;
};
struct empty_dir_volume {
    const char *medium, *size_limit;
};
struct host_path_volume {
    const char *path, *type;
};
struct image_volume {
    const char *reference, *pull_policy;
};
struct volume {
    const char *name;
    struct empty_dir_volume *empty_dir;
    struct host_path_volume *host_path;
    struct config_map_volume *config_map;
    struct secret_volume *secret;
    struct downward_api_volume *downward_api;
    struct projected_volume *projected;
    struct image_volume *image;
    const struct json *persistent_volume_claim, *csi, *ephemeral, *nfs, *iscsi;
};

/* --- the Pod's spec */
struct sysctl {
    const char *name, *value;
};
struct pod_security_context {
    struct opt_int run_as_user, run_as_group, fs_group;
    struct opt_bool run_as_non_root;
    struct int_list supplemental_groups;
    const char *supplemental_groups_policy, *fs_group_change_policy;
    FIELD_LIST(struct sysctl) sysctls;
    struct seccomp_profile *seccomp_profile;
    struct app_armor_profile *app_armor_profile;
    const struct json *se_linux_options;
};
struct host_alias {
    const char *ip;
    struct str_list hostnames;
};
struct dns_option {
    const char *name, *value;
};
struct pod_dns_config {
    struct str_list nameservers, searches;
    FIELD_LIST(struct dns_option) options;
};
struct toleration {
    const char *key, *operator_, *value, *effect;
    struct opt_int toleration_seconds;
};
struct local_reference {
    const char *name;
};
struct readiness_gate {
    const char *condition_type;
};
struct topology_spread_constraint {
    struct opt_int max_skew;
    const char *topology_key, *when_unsatisfiable;
    const struct json *label_selector;
};
struct node_selector_requirement {
    const char *key, *operator_;
    struct str_list values;
};
struct node_selector_term {
    FIELD_LIST(struct node_selector_requirement) match_expressions;
    FIELD_LIST(struct node_selector_requirement) match_fields;
};
struct node_selector {
    FIELD_LIST(struct node_selector_term) node_selector_terms;
};
struct preferred_scheduling_term {
    struct opt_int weight;
    struct node_selector_term *preference;
};
struct node_affinity {
    struct node_selector *required;
    FIELD_LIST(struct preferred_scheduling_term) preferred;
};
struct affinity {
    struct node_affinity *node_affinity;
    const struct json *pod_affinity, *pod_anti_affinity;
};
struct pod_os {
    const char *name;
};
struct pod_spec {
    FIELD_LIST(struct container) init_containers;
    FIELD_LIST(struct container) containers;
    FIELD_LIST(struct container) ephemeral_containers;
    FIELD_LIST(struct volume) volumes;
    const char *node_name, *restart_policy, *dns_policy, *service_account_name, *hostname, *hostname_override,
        *subdomain, *scheduler_name, *priority_class_name, *runtime_class_name, *preemption_policy;
    struct opt_int termination_grace_period_seconds, active_deadline_seconds, priority;
    struct opt_bool host_network, host_pid, host_ipc, host_users, share_process_namespace,
        set_hostname_as_fqdn, enable_service_links, automount_service_account_token;
    struct str_map node_selector, overhead;
    struct pod_security_context *security_context;
    struct resource_requirements *resources;
    struct pod_dns_config *dns_config;
    FIELD_LIST(struct host_alias) host_aliases;
    FIELD_LIST(struct toleration) tolerations;
    FIELD_LIST(struct local_reference) image_pull_secrets;
    FIELD_LIST(struct readiness_gate) readiness_gates;
    FIELD_LIST(struct topology_spread_constraint) topology_spread_constraints;
    struct affinity *affinity;
    struct pod_os *os;
    const struct json *scheduling_gates, *resource_claims;
};

/* --- the Pod's status */
struct container_state_waiting {
    const char *reason, *message;
};
struct container_state_running {
    const char *started_at;
};
struct container_state_terminated {
    const char *reason, *message, *started_at, *finished_at, *container_id;
    struct opt_int exit_code, signal;
};
struct container_state {
    struct container_state_waiting *waiting;
    struct container_state_running *running;
    struct container_state_terminated *terminated;
};
struct container_user_linux {
    struct opt_int uid, gid;
    struct int_list supplemental_groups;
};
struct container_user {
    struct container_user_linux *linux_;
};
struct volume_mount_status {
    const char *name, *mount_path, *recursive_read_only;
    struct opt_bool read_only;
};
struct container_status {
    const char *name, *image, *image_id, *container_id;
    struct container_state *state, *last_state;
    struct opt_bool ready, started;
    struct opt_int restart_count;
    struct resource_requirements *resources;
    struct str_map allocated_resources;
    struct container_user *user;
    FIELD_LIST(struct volume_mount_status) volume_mounts;
};
struct pod_condition {
    const char *type, *status, *reason, *message, *last_transition_time, *last_probe_time;
    struct opt_int observed_generation;
};
struct pod_ip {
    const char *ip;
};
struct pod_status {
    const char *phase, *reason, *message, *host_ip, *pod_ip, *start_time, *qos_class, *nominated_node_name;
    struct opt_int observed_generation;
    FIELD_LIST(struct pod_condition) conditions;
    FIELD_LIST(struct pod_ip) host_ips;
    FIELD_LIST(struct pod_ip) pod_ips;
    FIELD_LIST(struct container_status) init_container_statuses;
    FIELD_LIST(struct container_status) container_statuses;
    FIELD_LIST(struct container_status) ephemeral_container_statuses;
};

struct pod {
    const char *api_version, *kind;
    struct object_meta *metadata;
    struct pod_spec *spec;
    struct pod_status *status;
};

extern const struct fields pod_fields, pod_spec_fields, pod_status_fields, pod_condition_fields,
    container_fields, container_status_fields, container_state_fields, probe_fields, volume_fields,
    toleration_fields, node_selector_fields, node_selector_term_fields, affinity_fields,
    resource_requirements_fields, security_context_fields, env_var_fields, key_to_path_fields;

/* --- what several programs ask of a Pod */
enum pod_qos { POD_BEST_EFFORT, POD_BURSTABLE, POD_GUARANTEED };
enum pod_qos pod_qos(const struct pod_spec *s);
const char *pod_qos_name(enum pod_qos q);
/* What the Pod asks for in all: the larger of its running set (with sidecars) and each step of its
 * initialisation, and overhead. cpu in thousandths, everything else in units; 0 where nothing is asked for.
 */
int64_t pod_request(const struct pod_spec *s, const char *resource);
int64_t pod_limit(const struct pod_spec *s, const char *resource); /* 0: at least one container has none */
int64_t container_request(const struct container *c, const char *resource); /* the limit where it is unset */
int64_t container_limit(const struct container *c, const char *resource);
bool container_is_sidecar(const struct container *init_container); /* restartPolicy: Always */
/* The status of the condition ("True"), NULL where there is none. */
const char *pod_condition(const struct pod_status *s, const char *type);
bool pod_is_ready(const struct pod *p);
bool pod_is_terminal(const struct pod *p); /* phase Succeeded or Failed */
bool pod_is_mirror(const struct pod *p);

#define POD_ANNOTATION_MIRROR "kubernetes.io/config.mirror"
#define POD_ANNOTATION_HASH "kubernetes.io/config.hash"
#define POD_ANNOTATION_SOURCE "kubernetes.io/config.source"
#define POD_ANNOTATION_SEEN "kubernetes.io/config.seen"

#endif
