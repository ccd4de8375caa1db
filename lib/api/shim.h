/* clang-format off */
/*
 * What kubelet and shim say to each other.
 *
 * The kubelet starts one
 *     wherry-shim --run-dir RUN/pods/UID --runtime PATH --runtime-root RUN/runtime
 * per Pod with spawn_daemon(). The shim reads sandbox.json there (struct shim_sandbox), makes the Pod's namespaces
 * (it lives in them, and in a mount namespace of its own: host mounts appear in it, nothing of it appears in the
 * host's mount table), sets hostname and sysctls, listens on shim.sock and writes to descriptor 3: "\n" when it
 * serves, else the text of an error, and exits 1.
 *
 * What the kubelet uses of it, PID being the shim's:
 *     /proc/PID/ns/{net,ipc,uts}      the Pod's namespaces. A container's config.json may name them by path or leave
 *                                     them out: the runtime is started inside of them.
 *     /proc/PAUSEPID/ns/pid           share_pid: config.json's pid namespace
 *     RUN/pods/UID/shm                source of the containers' /dev/shm (unless host_ipc), in the shim's mount namespace
 *     /proc/PID/root/PATH             how a tmpfs volume made by "mount" is filled and read from outside
 *
 * Wire: lib/unixmsg.h, one JSON object a packet, up to 64 connections of the shim's own uid. A request carries "op" and
 * "seq" (an integer); its answer the same "seq" and either "error":{"kind","message"} (err_kind_name()) or its results.
 * Answers come in any order. A connection that does not read what is sent to it is closed; subscribe again.
 *
 *   op        | arguments (descriptors)                   | results (descriptors)
 *   ----------+-------------------------------------------+-----------------------------------------------------
 *   subscribe |                                           | struct shim_state; from here on events: nothing is missed
 *   state     |                                           | struct shim_state
 *   mount     | mounts: [struct shim_mount]               | in the shim's mount namespace; twice is once
 *   start     | struct shim_start                         | pid, startedAt. A failed start leaves nothing (no delete)
 *   kill      | id, signal ("TERM", "SIGRTMIN+3", "9"),   | all: every process of its cgroup, also after it exited
 *             | all: bool                                 |
 *   delete    | id                                        | kills what lives, unmounts its rootfs, removes bundle, upper,
 *             |                                           | work and runtime state; the log stays. Unknown id: success
 *   exec      | id, exec: a name of the caller's,         | pid (terminal: the pty's master; resizing it is the
 *             | process: OCI process object,              | caller's)
 *             | terminal: bool (else stdin stdout stderr) |
 *   attach    | id, stdin, stdout, stderr: bool (one pipe | at once; the shim closes them when the container has
 *             | or socket each, in this order; a terminal | ended, or when they are 128 KiB behind for 5 s.
 *             | has no stderr)                            | Non-blocking mode is set on them
 *   resize    | id, width, height                         | of the container's terminal
 *   reopen    | id                                        | the log, after the kubelet renamed it
 *   shutdown  |                                           | deletes all containers, removes its files, answers, exits 0
 *             |                                           | (SIGTERM does the same)
 *
 *   event     | fields
 *   ----------+--------------------------------------------------------------------------------------------------
 *   exit      | those of struct shim_container; what it wrote until then is in the log
 *   execExit  | exec, exitCode, signal
 *
 * Ids: containers are CIDs (64 hex digits, as in status.containerStatuses[].containerID behind "wherry://"), a new one
 * for each attempt. Times are RFC 3339 with nanoseconds. exitCode is 128 + signal for a killed process.
 *
 * shim.json (struct shim_state, written at every change) lets a restarted kubelet tell a living shim from a reused pid
 * (pid and startTime) and, when the shim is gone, what had been running. When the shim dies all its mounts vanish with
 * its mount namespace; the kubelet kills the Pod's cgroup, where the containers are.
 */
/* clang-format on */
#ifndef WHERRY_API_SHIM_H
#define WHERRY_API_SHIM_H

#include "lib/fields.h"

/* RUN/pods/UID/sandbox.json */
struct shim_sandbox {
    const char *uid, *name, *ns; /* of the Pod, for messages */
    const char *hostname;        /* absent: the host's */
    const char
        *cgroup; /* the Pod's, as lib/cgroup.h names it: containers are CGROUP/CID, the shim is outside */
    struct opt_bool host_network, host_ipc, share_pid;
    struct str_map sysctls;
    struct opt_int shm_bytes; /* size of /dev/shm, shared by the containers: default 64 MiB */
};
extern const struct fields shim_sandbox_fields;

struct shim_mount {
    const char *type;         /* "tmpfs" or "overlay" */
    const char *target;       /* absolute; made if absent */
    struct str_list lower;    /* overlay: layer folders, topmost first */
    const char *upper, *work; /* overlay: made if absent; neither: read-only */
    const char *options; /* tmpfs: "size=1048576,mode=1777,nr_inodes=,uid=,gid=,noexec,nosuid,nodev,ro" */
};
extern const struct fields shim_mount_fields;

struct shim_start {
    const char *id, *name;     /* CID; the container's name in the Pod */
    struct opt_int attempt;    /* restart count */
    const char *bundle;        /* RUN/pods/UID/containers/CID, with config.json; nowhere else */
    struct shim_mount *rootfs; /* absent: bundle/rootfs is there; target absent: bundle/rootfs */
    const char *log;           /* absolute, its folder exists; "" or absent: none */
    struct opt_bool terminal, stdin_open, stdin_once;
};
extern const struct fields shim_start_fields;

struct shim_container {
    const char *id, *name, *status; /* "starting", "running", "exited", "deleting" */
    struct opt_int attempt, pid, exit_code, signal;
    struct opt_int log_dropped; /* bytes of output that could not be written (a full disk) */
    struct opt_bool oom_killed;
    const char *started_at, *finished_at;
};
struct shim_state {
    struct opt_int pid, start_time; /* of the shim: start_time is field 22 of /proc/PID/stat */
    struct opt_int pause_pid;       /* share_pid: PID 1 of the Pod's PID namespace */
    FIELD_LIST(struct shim_container) containers;
};
extern const struct fields shim_state_fields, shim_container_fields;

#endif
