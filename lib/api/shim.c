/* Field tables of the shim's wire and files: see shim.h. */
#include "lib/api/shim.h"

FIELDS_DEFINE(shim_sandbox_fields, shim_sandbox, FIELD(shim_sandbox, uid, "uid", FIELD_STR),
    FIELD(shim_sandbox, name, "name", FIELD_STR), FIELD(shim_sandbox, ns, "namespace", FIELD_STR),
    FIELD(shim_sandbox, hostname, "hostname", FIELD_STR), FIELD(shim_sandbox, cgroup, "cgroup", FIELD_STR),
    FIELD(shim_sandbox, host_network, "hostNetwork", FIELD_BOOL),
    FIELD(shim_sandbox, host_ipc, "hostIPC", FIELD_BOOL),
    FIELD(shim_sandbox, share_pid, "shareProcessNamespace", FIELD_BOOL),
    FIELD(shim_sandbox, sysctls, "sysctls", FIELD_STR_MAP),
    {"shmBytes", FIELD_INT, offsetof(struct shim_sandbox, shm_bytes), .min = 0, .max = INT64_MAX});

FIELDS_DEFINE(shim_mount_fields, shim_mount,
    {"type", FIELD_STR, offsetof(struct shim_mount, type), .flags = FIELD_REQUIRED},
    FIELD(shim_mount, target, "target", FIELD_STR), FIELD(shim_mount, lower, "lower", FIELD_STRS),
    FIELD(shim_mount, upper, "upper", FIELD_STR), FIELD(shim_mount, work, "work", FIELD_STR),
    FIELD(shim_mount, options, "options", FIELD_STR));

FIELDS_DEFINE(shim_start_fields, shim_start,
    {"id", FIELD_STR, offsetof(struct shim_start, id), .flags = FIELD_REQUIRED},
    FIELD(shim_start, name, "name", FIELD_STR), FIELD(shim_start, attempt, "attempt", FIELD_INT),
    {"bundle", FIELD_STR, offsetof(struct shim_start, bundle), .flags = FIELD_REQUIRED},
    FIELD_OF(shim_start, rootfs, "rootfs", FIELD_STRUCT, &shim_mount_fields),
    FIELD(shim_start, log, "log", FIELD_STR), FIELD(shim_start, terminal, "terminal", FIELD_BOOL),
    FIELD(shim_start, stdin_open, "stdin", FIELD_BOOL),
    FIELD(shim_start, stdin_once, "stdinOnce", FIELD_BOOL));

FIELDS_DEFINE(shim_container_fields, shim_container,
    {"id", FIELD_STR, offsetof(struct shim_container, id), .flags = FIELD_REQUIRED},
    FIELD(shim_container, name, "name", FIELD_STR), FIELD(shim_container, status, "status", FIELD_STR),
    FIELD(shim_container, attempt, "attempt", FIELD_INT), FIELD(shim_container, pid, "pid", FIELD_INT),
    FIELD(shim_container, exit_code, "exitCode", FIELD_INT),
    FIELD(shim_container, signal, "signal", FIELD_INT),
    FIELD(shim_container, log_dropped, "logDropped", FIELD_INT),
    FIELD(shim_container, oom_killed, "oomKilled", FIELD_BOOL),
    FIELD(shim_container, started_at, "startedAt", FIELD_STR),
    FIELD(shim_container, finished_at, "finishedAt", FIELD_STR));

FIELDS_DEFINE(shim_state_fields, shim_state, FIELD(shim_state, pid, "pid", FIELD_INT),
    FIELD(shim_state, start_time, "startTime", FIELD_INT),
    FIELD(shim_state, pause_pid, "pausePid", FIELD_INT),
    FIELD_OF(shim_state, containers, "containers", FIELD_STRUCTS, &shim_container_fields));
