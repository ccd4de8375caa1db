/*
 * The OCI runtime specification's config.json (1.0 to 1.3, Linux) and state, as structs with field tables:
 * the kubelet fills and encodes them, the runtime decodes them. A whole file:
 *
 *     struct oci_config c = {.oci_version = OCI_VERSION, ...};
 *     fields_encode(&oci_config_fields, &c, &out, NULL);
 *
 * Names are the specification's, in C's spelling. Where the specification has an unsigned 64-bit number that
 * may exceed INT64_MAX (rlimits, seccomp arguments) the field is a JSON number, read with oci_u64(). What a
 * runtime need not look into (a seccomp profile whose filter is cached already) stays a tree, too, and has
 * its own table.
 */
#ifndef WHERRY_API_OCI_H
#define WHERRY_API_OCI_H

#include "lib/fields.h"

#define OCI_VERSION "1.2.0"     /* what we write */
#define OCI_VERSION_MAX "1.3.0" /* what we know; a newer minor is accepted */

struct oci_id_map {
    struct opt_int container_id, host_id, size;
};

/* --- process: also alone, as `exec --process FILE` */

struct oci_user {
    struct opt_int uid, gid, umask;
    struct int_list additional_gids;
};
struct oci_capabilities { /* "CAP_CHOWN", ... */
    struct str_list bounding, effective, inheritable, permitted, ambient;
};
struct oci_rlimit {
    const char *type;               /* "RLIMIT_NOFILE" */
    const struct json *hard, *soft; /* oci_u64(); all ones is "unlimited" */
};
struct oci_console_size {
    struct opt_int height, width;
};
struct oci_io_priority {
    const char *class; /* "IOPRIO_CLASS_BE" */
    struct opt_int priority;
};
struct oci_scheduler {
    const char *policy; /* "SCHED_OTHER" */
    struct str_list flags;
    struct opt_int nice, priority, runtime, deadline, period;
};
struct oci_cpu_affinity {
    const char *initial, *final;
};
struct oci_process {
    struct opt_bool terminal, no_new_privileges;
    struct oci_console_size *console_size;
    struct oci_user *user;
    struct str_list args, env;
    const char *cwd;
    struct oci_capabilities *capabilities;
    FIELD_LIST(struct oci_rlimit) rlimits;
    const char *apparmor_profile, *selinux_label;
    struct opt_int oom_score_adj;
    struct oci_io_priority *io_priority;
    struct oci_scheduler *scheduler;
    struct oci_cpu_affinity *exec_cpu_affinity;
};

/* --- root, mounts, hooks */

struct oci_root {
    const char *path; /* relative: to the bundle */
    struct opt_bool readonly;
};
struct oci_mount {
    const char *destination, *type, *source;
    struct str_list options;
    FIELD_LIST(struct oci_id_map) uid_mappings, gid_mappings;
};
struct oci_hook {
    const char *path;
    struct str_list args, env;
    struct opt_int timeout; /* seconds */
};
struct oci_hook_list {
    size_t n;
    struct oci_hook *v;
};
struct oci_hooks {
    struct oci_hook_list prestart, create_runtime, create_container, start_container, poststart, poststop;
};

/* --- linux */

struct oci_namespace {
    const char *type; /* pid network ipc uts mount user cgroup time */
    const char *path; /* join this one; NULL: a new one */
};
struct oci_device {
    const char *path, *type; /* "c", "b", "u", "p" */
    struct opt_int major, minor, file_mode, uid, gid;
};
struct oci_device_rule {
    struct opt_bool allow;
    const char *type; /* "a", "c", "b" */
    struct opt_int major, minor;
    const char *access; /* of "rwm" */
};
struct oci_memory {
    struct opt_int limit, reservation, swap, kernel, kernel_tcp, swappiness;
    struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};
struct oci_cpu {
    struct opt_int shares, quota, period, burst, realtime_runtime, realtime_period, idle;
    const char *cpus, *mems;
};
struct oci_pids {
    struct opt_int limit;
};
struct oci_weight_device {
    struct opt_int major, minor, weight, leaf_weight;
};
struct oci_throttle_device {
    struct opt_int major, minor, rate;
};
struct oci_throttle_list {
    size_t n;
    struct oci_throttle_device *v;
};
struct oci_block_io {
    struct opt_int weight, leaf_weight;
    FIELD_LIST(struct oci_weight_device) weight_device;
    struct oci_throttle_list throttle_read_bps, throttle_write_bps, throttle_read_iops, throttle_write_iops;
};
struct oci_hugepage_limit {
    const char *page_size; /* "2MB" */
    struct opt_int limit;
};
struct oci_interface_priority {
    const char *name;
    struct opt_int priority;
};
struct oci_network {
    struct opt_int class_id;
    FIELD_LIST(struct oci_interface_priority) priorities;
};
struct oci_resources {
    FIELD_LIST(struct oci_device_rule) devices;
    struct oci_memory *memory;
    struct oci_cpu *cpu;
    struct oci_pids *pids;
    struct oci_block_io *block_io;
    FIELD_LIST(struct oci_hugepage_limit) hugepage_limits;
    struct oci_network *network;
    struct str_map unified; /* v2: file -> text */
    const struct json *rdma;
};

struct oci_time_offset {
    struct opt_int secs, nanosecs;
};
struct oci_time_offsets {
    struct oci_time_offset *monotonic, *boottime;
};
struct oci_personality {
    const char *domain; /* "LINUX", "LINUX32" */
    struct str_list flags;
};
struct oci_memory_policy {
    const char *mode;      /* "MPOL_BIND" */
    const char *nodes;     /* "0-3,7" */
    struct str_list flags; /* "MPOL_F_STATIC_NODES" */
};
struct oci_intel_rdt {
    const char *clos_id, *l3_cache_schema, *mem_bw_schema;
    struct str_list schemata;
    struct opt_bool enable_monitoring, enable_cmt, enable_mbm; /* the last two: before 1.3 */
};
struct oci_net_device { /* a value of linux.netDevices, whose key is the interface's name on the host */
    const char *name;   /* inside; NULL: as on the host */
};
struct oci_linux {
    FIELD_LIST(struct oci_id_map) uid_mappings, gid_mappings;
    struct str_map sysctl; /* "net.ipv4.ip_forward" -> "1" */
    struct oci_resources *resources;
    const char *cgroups_path; /* as lib/cgroup.h names a cgroup */
    FIELD_LIST(struct oci_namespace) namespaces;
    FIELD_LIST(struct oci_device) devices;
    const struct json *seccomp;     /* oci_seccomp_fields */
    const char *rootfs_propagation; /* "private", "rslave", ... */
    struct str_list masked_paths, readonly_paths;
    const char *mount_label;
    struct oci_personality *personality;
    struct oci_time_offsets *time_offsets;
    struct oci_memory_policy *memory_policy;
    struct oci_intel_rdt *intel_rdt;
    const struct json *net_devices; /* object of oci_net_device_fields */
};

struct oci_config {
    const char *oci_version, *hostname, *domainname;
    struct oci_process *process;
    struct oci_root *root;
    FIELD_LIST(struct oci_mount) mounts;
    struct oci_hooks *hooks;
    struct str_map annotations;
    struct oci_linux *linux_;
};

extern const struct fields oci_config_fields, oci_process_fields, oci_resources_fields, oci_linux_fields,
    oci_hooks_fields, oci_personality_fields, oci_memory_policy_fields, oci_intel_rdt_fields,
    oci_net_device_fields;

/* --- linux.seccomp */

struct oci_seccomp_arg {
    struct opt_int index;
    const struct json *value, *value_two; /* oci_u64() */
    const char *op;                       /* "SCMP_CMP_EQ" */
};
struct oci_seccomp_rule {
    struct str_list names;
    const char *action; /* "SCMP_ACT_ALLOW" */
    struct opt_int errno_ret;
    FIELD_LIST(struct oci_seccomp_arg) args;
};
struct oci_seccomp {
    const char *default_action;
    struct opt_int default_errno_ret;
    struct str_list architectures; /* "SCMP_ARCH_X86_64" */
    struct str_list flags;         /* "SECCOMP_FILTER_FLAG_LOG" */
    const char *listener_path, *listener_metadata;
    FIELD_LIST(struct oci_seccomp_rule) syscalls;
};
extern const struct fields oci_seccomp_fields;

/* --- state: what `state` prints and hooks read */

struct oci_state {
    const char *oci_version, *id, *status; /* "creating", "created", "running", "paused", "stopped" */
    struct opt_int pid;                    /* absent once stopped */
    const char *bundle, *rootfs, *created, *owner;
    struct str_map annotations;
};
extern const struct fields oci_state_fields;

/* An unsigned number of up to 64 bits; false where j is none. */
bool oci_u64(const struct json *j, uint64_t *ret);

#endif
