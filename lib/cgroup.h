/*
 * The cgroup tree by descriptor, on v1, hybrid and v2 hosts: what the runtime's hot path and the kubelet
 * share. A cgroup is named by one path below every hierarchy ("/wherry/kubepods/burstable/podUID/CID"). On v1
 * it stands in every mounted controller hierarchy (and name=systemd); in hybrid mode also in cgroup2.
 */
#ifndef WHERRY_CGROUP_H
#define WHERRY_CGROUP_H

#include "lib/err.h"
#include "lib/fields.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum cgroup_mode { CGROUP_V1, CGROUP_HYBRID, CGROUP_V2 };

/* Where the hierarchies are, read once from /proc/self/mountinfo and /proc/self/cgroup. */
struct cgroup_host;
struct err *cgroup_host_new(struct cgroup_host **ret) __attribute__((warn_unused_result));
void cgroup_host_free(struct cgroup_host *h);
enum cgroup_mode cgroup_host_mode(const struct cgroup_host *h);
bool cgroup_host_has(const struct cgroup_host *h, const char *controller); /* "memory", "pids", "cpu", ... */

/* Creates path in every hierarchy (v2: enables the controllers in subtree_control on the way down; a
 * controller that cannot be enabled is left out). Existing is success. */
struct err *cgroup_create(const struct cgroup_host *h, const char *path) __attribute__((warn_unused_result));
/* Moves pid (0: the caller) into path in every hierarchy where it is not yet. A process without further
 * threads that moves itself (0), made in the cgroup2 by CLONE_INTO_CGROUP, takes 0.3 ms; any other way takes
 * 6 to 20 ms (see cgroup_tree.c). */
struct err *cgroup_attach(const struct cgroup_host *h, const char *path, pid_t pid)
    __attribute__((warn_unused_result));
/* rmdir of path and everything below it, deepest first; EBUSY is retried for up to timeout_ms (event-driven
 * where the kernel offers cgroup.events). Absent is success. Kills nothing. */
struct err *cgroup_remove(const struct cgroup_host *h, const char *path, unsigned timeout_ms)
    __attribute__((warn_unused_result));
/* SIGKILL to everything below path: cgroup.kill, or v1 by freezing, signalling each, thawing. Waits until
 * empty. */
struct err *cgroup_kill(const struct cgroup_host *h, const char *path, unsigned timeout_ms)
    __attribute__((warn_unused_result));
struct err *cgroup_freeze(const struct cgroup_host *h, const char *path, bool frozen)
    __attribute__((warn_unused_result));
/* Every process below path, into *ret (the caller frees), *ret_n. */
struct err *cgroup_pids(const struct cgroup_host *h, const char *path, pid_t **ret, size_t *ret_n)
    __attribute__((warn_unused_result));

/* One file of one controller: cgroup_write(h, "memory", path, "memory.max", "1048576"). NOT_FOUND where host
 * or cgroup lack it. Controller "cgroup2" is the cgroup2 tree itself (cgroup.events and the like), also in
 * hybrid mode. What is read comes without its last line end; the caller frees it. */
struct err *cgroup_write(const struct cgroup_host *h, const char *controller, const char *path,
    const char *file, const char *text) __attribute__((warn_unused_result));
struct err *cgroup_read(const struct cgroup_host *h, const char *controller, const char *path,
    const char *file, char **ret) __attribute__((warn_unused_result));
/* An O_PATH descriptor of path in the controller's hierarchy (v2: the unified one, for CLONE_INTO_CGROUP). */
struct err *cgroup_open(const struct cgroup_host *h, const char *controller, const char *path, int *ret_fd)
    __attribute__((warn_unused_result));

struct cgroup_usage {
    uint64_t cpu_ns, memory_bytes, memory_working_set, memory_rss, pids, oom_kills;
};
struct err *cgroup_usage(const struct cgroup_host *h, const char *path, struct cgroup_usage *ret)
    __attribute__((warn_unused_result));

/* cpu.shares as cpu.weight: the least, the default and the largest of one are those of the other, as runc and
 * crun have it since 2025 (a line between the ends made the default 1024 a weight of 39, of 100). 0 is 0. */
int64_t cgroup_weight(int64_t shares);

#endif
