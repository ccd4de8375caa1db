/* The field tables of oci.h. The names on the right are the specification's, letter for letter. */
#include "lib/api/oci.h"
#include <errno.h>
#include <stdlib.h>

#define U32_MAX 0xffffffffLL
#define INT_IN(struct_, member, json_name, min_, max_)                                                       \
    {                                                                                                        \
        json_name, FIELD_INT, offsetof(struct struct_, member), 0, 0, min_, max_                             \
    }
#define STR_MUST(struct_, member, json_name)                                                                 \
    {                                                                                                        \
        json_name, FIELD_STR, offsetof(struct struct_, member), 0, FIELD_REQUIRED, 0, 0                      \
    }

static FIELDS_DEFINE(id_map_fields, oci_id_map, INT_IN(oci_id_map, container_id, "containerID", 0, U32_MAX),
    INT_IN(oci_id_map, host_id, "hostID", 0, U32_MAX), INT_IN(oci_id_map, size, "size", 0, U32_MAX));

/* --- process */
static FIELDS_DEFINE(user_fields, oci_user, INT_IN(oci_user, uid, "uid", 0, U32_MAX - 1),
    INT_IN(oci_user, gid, "gid", 0, U32_MAX - 1), INT_IN(oci_user, umask, "umask", 0, 0777),
    FIELD(oci_user, additional_gids, "additionalGids", FIELD_INTS));
static FIELDS_DEFINE(capabilities_fields, oci_capabilities,
    FIELD(oci_capabilities, bounding, "bounding", FIELD_STRS),
    FIELD(oci_capabilities, effective, "effective", FIELD_STRS),
    FIELD(oci_capabilities, inheritable, "inheritable", FIELD_STRS),
    FIELD(oci_capabilities, permitted, "permitted", FIELD_STRS),
    FIELD(oci_capabilities, ambient, "ambient", FIELD_STRS));
static FIELDS_DEFINE(rlimit_fields, oci_rlimit, STR_MUST(oci_rlimit, type, "type"),
    FIELD(oci_rlimit, hard, "hard", FIELD_JSON), FIELD(oci_rlimit, soft, "soft", FIELD_JSON));
static FIELDS_DEFINE(console_size_fields, oci_console_size,
    INT_IN(oci_console_size, height, "height", 0, 65535), INT_IN(oci_console_size, width, "width", 0, 65535));
static FIELDS_DEFINE(io_priority_fields, oci_io_priority, STR_MUST(oci_io_priority, class, "class"),
    INT_IN(oci_io_priority, priority, "priority", 0, 7));
static FIELDS_DEFINE(scheduler_fields, oci_scheduler, STR_MUST(oci_scheduler, policy, "policy"),
    FIELD(oci_scheduler, flags, "flags", FIELD_STRS), INT_IN(oci_scheduler, nice, "nice", -20, 19),
    INT_IN(oci_scheduler, priority, "priority", 0, 99), FIELD(oci_scheduler, runtime, "runtime", FIELD_INT),
    FIELD(oci_scheduler, deadline, "deadline", FIELD_INT), FIELD(oci_scheduler, period, "period", FIELD_INT));
static FIELDS_DEFINE(cpu_affinity_fields, oci_cpu_affinity,
    FIELD(oci_cpu_affinity, initial, "initial", FIELD_STR),
    FIELD(oci_cpu_affinity, final, "final", FIELD_STR));
FIELDS_DEFINE(oci_process_fields, oci_process, FIELD(oci_process, terminal, "terminal", FIELD_BOOL),
    FIELD_OF(oci_process, console_size, "consoleSize", FIELD_STRUCT, &console_size_fields),
    FIELD_OF(oci_process, user, "user", FIELD_STRUCT, &user_fields),
    FIELD(oci_process, args, "args", FIELD_STRS), FIELD(oci_process, env, "env", FIELD_STRS),
    FIELD(oci_process, cwd, "cwd", FIELD_STR),
    FIELD_OF(oci_process, capabilities, "capabilities", FIELD_STRUCT, &capabilities_fields),
    FIELD_OF(oci_process, rlimits, "rlimits", FIELD_STRUCTS, &rlimit_fields),
    FIELD(oci_process, no_new_privileges, "noNewPrivileges", FIELD_BOOL),
    FIELD(oci_process, apparmor_profile, "apparmorProfile", FIELD_STR),
    FIELD(oci_process, selinux_label, "selinuxLabel", FIELD_STR),
    INT_IN(oci_process, oom_score_adj, "oomScoreAdj", -1000, 1000),
    FIELD_OF(oci_process, io_priority, "ioPriority", FIELD_STRUCT, &io_priority_fields),
    FIELD_OF(oci_process, scheduler, "scheduler", FIELD_STRUCT, &scheduler_fields),
    FIELD_OF(oci_process, exec_cpu_affinity, "execCPUAffinity", FIELD_STRUCT, &cpu_affinity_fields));

/* --- root, mounts, hooks */
static FIELDS_DEFINE(root_fields, oci_root, STR_MUST(oci_root, path, "path"),
    FIELD(oci_root, readonly, "readonly", FIELD_BOOL));
static FIELDS_DEFINE(mount_fields, oci_mount, STR_MUST(oci_mount, destination, "destination"),
    FIELD(oci_mount, type, "type", FIELD_STR), FIELD(oci_mount, source, "source", FIELD_STR),
    FIELD(oci_mount, options, "options", FIELD_STRS),
    FIELD_OF(oci_mount, uid_mappings, "uidMappings", FIELD_STRUCTS, &id_map_fields),
    FIELD_OF(oci_mount, gid_mappings, "gidMappings", FIELD_STRUCTS, &id_map_fields));
static FIELDS_DEFINE(hook_fields, oci_hook, STR_MUST(oci_hook, path, "path"),
    FIELD(oci_hook, args, "args", FIELD_STRS), FIELD(oci_hook, env, "env", FIELD_STRS),
    INT_IN(oci_hook, timeout, "timeout", 1, 86400));
FIELDS_DEFINE(oci_hooks_fields, oci_hooks,
    FIELD_OF(oci_hooks, prestart, "prestart", FIELD_STRUCTS, &hook_fields),
    FIELD_OF(oci_hooks, create_runtime, "createRuntime", FIELD_STRUCTS, &hook_fields),
    FIELD_OF(oci_hooks, create_container, "createContainer", FIELD_STRUCTS, &hook_fields),
    FIELD_OF(oci_hooks, start_container, "startContainer", FIELD_STRUCTS, &hook_fields),
    FIELD_OF(oci_hooks, poststart, "poststart", FIELD_STRUCTS, &hook_fields),
    FIELD_OF(oci_hooks, poststop, "poststop", FIELD_STRUCTS, &hook_fields));

/* --- linux.resources */
static FIELDS_DEFINE(device_rule_fields, oci_device_rule, FIELD(oci_device_rule, allow, "allow", FIELD_BOOL),
    FIELD(oci_device_rule, type, "type", FIELD_STR), INT_IN(oci_device_rule, major, "major", -1, U32_MAX),
    INT_IN(oci_device_rule, minor, "minor", -1, U32_MAX),
    FIELD(oci_device_rule, access, "access", FIELD_STR));
static FIELDS_DEFINE(memory_fields, oci_memory, FIELD(oci_memory, limit, "limit", FIELD_INT),
    FIELD(oci_memory, reservation, "reservation", FIELD_INT), FIELD(oci_memory, swap, "swap", FIELD_INT),
    FIELD(oci_memory, kernel, "kernel", FIELD_INT), FIELD(oci_memory, kernel_tcp, "kernelTCP", FIELD_INT),
    FIELD(oci_memory, swappiness, "swappiness", FIELD_INT),
    FIELD(oci_memory, disable_oom_killer, "disableOOMKiller", FIELD_BOOL),
    FIELD(oci_memory, use_hierarchy, "useHierarchy", FIELD_BOOL),
    FIELD(oci_memory, check_before_update, "checkBeforeUpdate", FIELD_BOOL));
static FIELDS_DEFINE(cpu_fields, oci_cpu, FIELD(oci_cpu, shares, "shares", FIELD_INT),
    FIELD(oci_cpu, quota, "quota", FIELD_INT), FIELD(oci_cpu, period, "period", FIELD_INT),
    FIELD(oci_cpu, burst, "burst", FIELD_INT), FIELD(oci_cpu, realtime_runtime, "realtimeRuntime", FIELD_INT),
    FIELD(oci_cpu, realtime_period, "realtimePeriod", FIELD_INT), FIELD(oci_cpu, cpus, "cpus", FIELD_STR),
    FIELD(oci_cpu, mems, "mems", FIELD_STR), INT_IN(oci_cpu, idle, "idle", 0, 1));
static FIELDS_DEFINE(pids_fields, oci_pids, FIELD(oci_pids, limit, "limit", FIELD_INT));
static FIELDS_DEFINE(weight_device_fields, oci_weight_device,
    INT_IN(oci_weight_device, major, "major", 0, U32_MAX),
    INT_IN(oci_weight_device, minor, "minor", 0, U32_MAX),
    INT_IN(oci_weight_device, weight, "weight", 0, 10000),
    INT_IN(oci_weight_device, leaf_weight, "leafWeight", 0, 10000));
static FIELDS_DEFINE(throttle_fields, oci_throttle_device,
    INT_IN(oci_throttle_device, major, "major", 0, U32_MAX),
    INT_IN(oci_throttle_device, minor, "minor", 0, U32_MAX),
    FIELD(oci_throttle_device, rate, "rate", FIELD_INT));
static FIELDS_DEFINE(block_io_fields, oci_block_io, INT_IN(oci_block_io, weight, "weight", 0, 10000),
    INT_IN(oci_block_io, leaf_weight, "leafWeight", 0, 10000),
    FIELD_OF(oci_block_io, weight_device, "weightDevice", FIELD_STRUCTS, &weight_device_fields),
    FIELD_OF(oci_block_io, throttle_read_bps, "throttleReadBpsDevice", FIELD_STRUCTS, &throttle_fields),
    FIELD_OF(oci_block_io, throttle_write_bps, "throttleWriteBpsDevice", FIELD_STRUCTS, &throttle_fields),
    FIELD_OF(oci_block_io, throttle_read_iops, "throttleReadIOPSDevice", FIELD_STRUCTS, &throttle_fields),
    FIELD_OF(oci_block_io, throttle_write_iops, "throttleWriteIOPSDevice", FIELD_STRUCTS, &throttle_fields));
static FIELDS_DEFINE(hugepage_fields, oci_hugepage_limit, STR_MUST(oci_hugepage_limit, page_size, "pageSize"),
    FIELD(oci_hugepage_limit, limit, "limit", FIELD_INT));
static FIELDS_DEFINE(interface_priority_fields, oci_interface_priority,
    STR_MUST(oci_interface_priority, name, "name"),
    INT_IN(oci_interface_priority, priority, "priority", 0, U32_MAX));
static FIELDS_DEFINE(network_fields, oci_network, INT_IN(oci_network, class_id, "classID", 0, U32_MAX),
    FIELD_OF(oci_network, priorities, "priorities", FIELD_STRUCTS, &interface_priority_fields));
FIELDS_DEFINE(oci_resources_fields, oci_resources,
    FIELD_OF(oci_resources, devices, "devices", FIELD_STRUCTS, &device_rule_fields),
    FIELD_OF(oci_resources, memory, "memory", FIELD_STRUCT, &memory_fields),
    FIELD_OF(oci_resources, cpu, "cpu", FIELD_STRUCT, &cpu_fields),
    FIELD_OF(oci_resources, pids, "pids", FIELD_STRUCT, &pids_fields),
    FIELD_OF(oci_resources, block_io, "blockIO", FIELD_STRUCT, &block_io_fields),
    FIELD_OF(oci_resources, hugepage_limits, "hugepageLimits", FIELD_STRUCTS, &hugepage_fields),
    FIELD_OF(oci_resources, network, "network", FIELD_STRUCT, &network_fields),
    FIELD(oci_resources, unified, "unified", FIELD_STR_MAP), FIELD(oci_resources, rdma, "rdma", FIELD_JSON));

/* --- linux */
static FIELDS_DEFINE(namespace_fields, oci_namespace, STR_MUST(oci_namespace, type, "type"),
    FIELD(oci_namespace, path, "path", FIELD_STR));
static FIELDS_DEFINE(device_fields, oci_device, STR_MUST(oci_device, path, "path"),
    STR_MUST(oci_device, type, "type"), INT_IN(oci_device, major, "major", 0, U32_MAX),
    INT_IN(oci_device, minor, "minor", 0, U32_MAX), INT_IN(oci_device, file_mode, "fileMode", 0, 0177777),
    INT_IN(oci_device, uid, "uid", 0, U32_MAX - 1), INT_IN(oci_device, gid, "gid", 0, U32_MAX - 1));
static FIELDS_DEFINE(time_offset_fields, oci_time_offset, FIELD(oci_time_offset, secs, "secs", FIELD_INT),
    INT_IN(oci_time_offset, nanosecs, "nanosecs", 0, 999999999));
static FIELDS_DEFINE(time_offsets_fields, oci_time_offsets,
    FIELD_OF(oci_time_offsets, monotonic, "monotonic", FIELD_STRUCT, &time_offset_fields),
    FIELD_OF(oci_time_offsets, boottime, "boottime", FIELD_STRUCT, &time_offset_fields));
FIELDS_DEFINE(oci_personality_fields, oci_personality, STR_MUST(oci_personality, domain, "domain"),
    FIELD(oci_personality, flags, "flags", FIELD_STRS));
FIELDS_DEFINE(oci_memory_policy_fields, oci_memory_policy, STR_MUST(oci_memory_policy, mode, "mode"),
    FIELD(oci_memory_policy, nodes, "nodes", FIELD_STR),
    FIELD(oci_memory_policy, flags, "flags", FIELD_STRS));
FIELDS_DEFINE(oci_intel_rdt_fields, oci_intel_rdt, FIELD(oci_intel_rdt, clos_id, "closID", FIELD_STR),
    FIELD(oci_intel_rdt, l3_cache_schema, "l3CacheSchema", FIELD_STR),
    FIELD(oci_intel_rdt, mem_bw_schema, "memBwSchema", FIELD_STR),
    FIELD(oci_intel_rdt, schemata, "schemata", FIELD_STRS),
    FIELD(oci_intel_rdt, enable_monitoring, "enableMonitoring", FIELD_BOOL),
    FIELD(oci_intel_rdt, enable_cmt, "enableCMT", FIELD_BOOL),
    FIELD(oci_intel_rdt, enable_mbm, "enableMBM", FIELD_BOOL));
FIELDS_DEFINE(oci_net_device_fields, oci_net_device, FIELD(oci_net_device, name, "name", FIELD_STR));
FIELDS_DEFINE(oci_linux_fields, oci_linux,
    FIELD_OF(oci_linux, uid_mappings, "uidMappings", FIELD_STRUCTS, &id_map_fields),
    FIELD_OF(oci_linux, gid_mappings, "gidMappings", FIELD_STRUCTS, &id_map_fields),
    FIELD(oci_linux, sysctl, "sysctl", FIELD_STR_MAP),
    FIELD_OF(oci_linux, resources, "resources", FIELD_STRUCT, &oci_resources_fields),
    FIELD(oci_linux, cgroups_path, "cgroupsPath", FIELD_STR),
    FIELD_OF(oci_linux, namespaces, "namespaces", FIELD_STRUCTS, &namespace_fields),
    FIELD_OF(oci_linux, devices, "devices", FIELD_STRUCTS, &device_fields),
    FIELD(oci_linux, seccomp, "seccomp", FIELD_JSON),
    FIELD(oci_linux, rootfs_propagation, "rootfsPropagation", FIELD_STR),
    FIELD(oci_linux, masked_paths, "maskedPaths", FIELD_STRS),
    FIELD(oci_linux, readonly_paths, "readonlyPaths", FIELD_STRS),
    FIELD(oci_linux, mount_label, "mountLabel", FIELD_STR),
    FIELD_OF(oci_linux, personality, "personality", FIELD_STRUCT, &oci_personality_fields),
    FIELD_OF(oci_linux, time_offsets, "timeOffsets", FIELD_STRUCT, &time_offsets_fields),
    FIELD_OF(oci_linux, memory_policy, "memoryPolicy", FIELD_STRUCT, &oci_memory_policy_fields),
    FIELD_OF(oci_linux, intel_rdt, "intelRdt", FIELD_STRUCT, &oci_intel_rdt_fields),
    FIELD(oci_linux, net_devices, "netDevices", FIELD_JSON));

FIELDS_DEFINE(oci_config_fields, oci_config, STR_MUST(oci_config, oci_version, "ociVersion"),
    FIELD_OF(oci_config, process, "process", FIELD_STRUCT, &oci_process_fields),
    FIELD_OF(oci_config, root, "root", FIELD_STRUCT, &root_fields),
    FIELD(oci_config, hostname, "hostname", FIELD_STR),
    FIELD(oci_config, domainname, "domainname", FIELD_STR),
    FIELD_OF(oci_config, mounts, "mounts", FIELD_STRUCTS, &mount_fields),
    FIELD_OF(oci_config, hooks, "hooks", FIELD_STRUCT, &oci_hooks_fields),
    FIELD(oci_config, annotations, "annotations", FIELD_STR_MAP),
    FIELD_OF(oci_config, linux_, "linux", FIELD_STRUCT, &oci_linux_fields));

/* --- linux.seccomp */
static FIELDS_DEFINE(seccomp_arg_fields, oci_seccomp_arg, INT_IN(oci_seccomp_arg, index, "index", 0, 5),
    FIELD(oci_seccomp_arg, value, "value", FIELD_JSON),
    FIELD(oci_seccomp_arg, value_two, "valueTwo", FIELD_JSON), STR_MUST(oci_seccomp_arg, op, "op"));
static FIELDS_DEFINE(seccomp_rule_fields, oci_seccomp_rule,
    FIELD(oci_seccomp_rule, names, "names", FIELD_STRS), STR_MUST(oci_seccomp_rule, action, "action"),
    INT_IN(oci_seccomp_rule, errno_ret, "errnoRet", 0, 65535),
    FIELD_OF(oci_seccomp_rule, args, "args", FIELD_STRUCTS, &seccomp_arg_fields));
FIELDS_DEFINE(oci_seccomp_fields, oci_seccomp, STR_MUST(oci_seccomp, default_action, "defaultAction"),
    INT_IN(oci_seccomp, default_errno_ret, "defaultErrnoRet", 0, 65535),
    FIELD(oci_seccomp, architectures, "architectures", FIELD_STRS),
    FIELD(oci_seccomp, flags, "flags", FIELD_STRS),
    FIELD(oci_seccomp, listener_path, "listenerPath", FIELD_STR),
    FIELD(oci_seccomp, listener_metadata, "listenerMetadata", FIELD_STR),
    FIELD_OF(oci_seccomp, syscalls, "syscalls", FIELD_STRUCTS, &seccomp_rule_fields));

/* --- state */
FIELDS_DEFINE(oci_state_fields, oci_state, FIELD(oci_state, oci_version, "ociVersion", FIELD_STR),
    FIELD(oci_state, id, "id", FIELD_STR), FIELD(oci_state, pid, "pid", FIELD_INT),
    FIELD(oci_state, status, "status", FIELD_STR), FIELD(oci_state, bundle, "bundle", FIELD_STR),
    FIELD(oci_state, rootfs, "rootfs", FIELD_STR), FIELD(oci_state, created, "created", FIELD_STR),
    FIELD(oci_state, annotations, "annotations", FIELD_STR_MAP), FIELD(oci_state, owner, "owner", FIELD_STR));

bool oci_u64(const struct json *j, uint64_t *ret)
{
    if (!j || j->type != JSON_NUMBER || j->text[0] == '-')
        return false;
    char *end;
    errno = 0;
    unsigned long long v = strtoull(j->text, &end, 10);
    if (errno || *end != '\0')
        return false;
    *ret = v;
    return true;
}
