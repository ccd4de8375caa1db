/*
 * What kubelet and shim say to each other.
 *
 * The kubelet starts one `wherry-shim --run-dir RUN/pods/UID --runtime PATH --runtime-root RUN/runtime` per
 * Pod with spawn_daemon(). The shim reads sandbox.json there (struct shim_sandbox), makes the Pod's
 * namespaces (it lives in them, and in a mount namespace of its own whose mounts propagate to nobody, so that
 * nothing of a Pod is ever in the host's mount table), sets hostname and sysctls, listens on shim.sock and
 * writes one byte to descriptor 3 when it serves ("\n"; or the text of an error, and exits 1). The Pod's
 * network namespace is /proc/PID/ns/net.
 *
 * Wire: lib/unixmsg.h, JSON objects, any number of connections. A request carries "op" and "seq"; its answer
 * carries the same "seq" and either "error":{"kind","message"} or its results. Events go to every connection
 * that said
 * {"op":"subscribe"}; its answer is the state, so nothing is missed.
 *
 *   op         | arguments (descriptors)                              | results (descriptors)
 *   subscribe  |                                                      | struct shim_state
 *   state      |                                                      | struct shim_state
 *   mount      | mounts: [struct shim_mount]                          | (in the shim's mount namespace: tmpfs
 * volumes) start      | struct shim_start                                    | pid, startedAt kill       |
 * id, signal ("TERM", "9", ...), all: bool             | delete     | id | (kills what lives; unmounts its
 * rootfs, removes its |                                                      |  folder and runtime state; the
 * log stays) exec       | id, exec: caller's name, process (OCI process object),| pid (terminal: the pty's
 * master) | terminal: bool (else: stdin, stdout, stderr)         | attach     | id, stdin: bool (stdin,
 * stdout, stderr; terminal: stdin, stdout) | resize     | id, width, height | (of the container's terminal)
 *   reopen     | id                                                   | (the log, after the kubelet renamed
 * it) shutdown   |                                                      | (kills all, unmounts all, removes
 * its socket, exits)
 *
 *   event      | fields
 *   exit       | id, exitCode, signal, oomKilled, finishedAt
 *   execExit   | exec, exitCode, signal
 *   oom        | id
 *
 * Ids: containers are CIDs (64 hex digits, as in status.containerStatuses[].containerID behind "wherry://").
 * Times are RFC 3339 with nanoseconds. exitCode is 128 + signal for a killed process.
 *
 * When the shim dies, its containers do too (PR_SET_PDEATHSIG is not inherited through the runtime: the
 * kubelet kills the Pod's cgroup when it finds the shim gone) and all mounts vanish with its mount namespace.
 * shim.json (pid, start time, containers with attempts and exit states) lets a restarted kubelet tell an old
 * from a reused pid.
 */
#ifndef WHERRY_API_SHIM_H
#define WHERRY_API_SHIM_H

#include "lib/fields.h"

/* RUN/pods/UID/sandbox.json */
struct shim_sandbox {
    const char *uid, *name, *ns; /* of the Pod, for process titles and messages */
    const char *hostname;        /* NULL: the host's */
    const char *cgroup; /* the Pod's cgroup, as lib/cgroup.h names it: the shim itself stays outside of it */
    struct opt_bool host_network, host_ipc, share_pid;
    struct str_map sysctls;
    struct opt_int shm_bytes; /* size of /dev/shm, shared by the containers: default 64 MiB */
};
extern const struct fields shim_sandbox_fields;

struct shim_mount {
    const char *type;         /* "tmpfs" or "overlay" */
    const char *target;       /* absolute; made if absent */
    struct str_list lower;    /* overlay: layer folders, topmost first */
    const char *upper, *work; /* overlay: NULL both: read-only */
    const char *options;      /* tmpfs: "size=1048576,mode=1777" */
};
extern const struct fields shim_mount_fields;

struct shim_start {
    const char *id, *name;  /* CID; the container's name in the Pod */
    struct opt_int attempt; /* restart count */
    const char *bundle;     /* RUN/pods/UID/containers/CID: config.json, rootfs/ */
    struct shim_mount *rootfs;
    const char *log; /* absolute; "" or absent: none */
    struct opt_bool terminal, stdin_open, stdin_once;
};
extern const struct fields shim_start_fields;

struct shim_container {
    const char *id, *name, *status; /* "running", "exited" */
    struct opt_int attempt, pid, exit_code, signal;
    struct opt_bool oom_killed;
    const char *started_at, *finished_at;
};
struct shim_state {
    struct opt_int pid;       /* of the shim: /proc/PID/ns/{net,ipc,uts} are the Pod's */
    struct opt_int pause_pid; /* with share_pid: PID 1 of the Pod's PID namespace */
    FIELD_LIST(struct shim_container) containers;
};
extern const struct fields shim_state_fields, shim_container_fields;

#endif
