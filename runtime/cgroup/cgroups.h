/*
 * The cgroup hierarchies of the host by descriptor: the hot path of create, exec and delete.
 *
 * Why not lib/cgroup.h: it learns the host from mountinfo, which costs more than all that is done here, and
 * it attaches by cgroup.procs. On v1 the first such write makes the kernel wait for an RCU grace period, 6 to
 * 12 ms on an idle machine (cgroup_threadgroup_rwsem). Two ways in take no such lock, and only they are used:
 * a process that is born in its cgroup (CLONE_INTO_CGROUP, cgroup2), and a thread that writes "0" to the
 * `tasks` file of a v1 hierarchy, which moves itself.
 */
#ifndef WHERRY_RUNTIME_CGROUPS_H
#define WHERRY_RUNTIME_CGROUPS_H

#include "lib/err.h"
#include "runtime/cgroup/device_rules.h"
#include "runtime/cgroup/resources.h"
#include <stdbool.h>
#include <sys/types.h>

#define CGROUPS_ROOT "/sys/fs/cgroup"
#define CGROUPS_MAX 24

struct cgroups_hierarchy {
    char name[40]; /* of its folder: "cpu,cpuacct", "memory", "systemd"; "" where it is CGROUPS_ROOT itself */
    bool v2;
    int root; /* O_PATH */
    int dir;  /* O_PATH of the container's cgroup; -1: none there */
};
struct cgroups {
    struct cgroups_hierarchy at[CGROUPS_MAX];
    int n;
    bool pure_v2;
};

/* Finds the hierarchies. */
struct err *cgroups_open(struct cgroups *c) __attribute__((warn_unused_result));
void cgroups_close(struct cgroups *c);
struct cgroups_hierarchy *cgroups_find(struct cgroups *c, const char *controller);
struct cgroups_hierarchy *cgroups_unified(struct cgroups *c); /* NULL on a v1 host */
bool cgroups_is_v2(const void *c, const char *controller);
/* "a/b", "/a/b" -> "/a/b"; ".." and the systemd form are ERR_INVALID. */
struct err *cgroups_path(struct arena *a, const char *text, const char *id, const char **ret)
    __attribute__((warn_unused_result));

/* Makes path in one hierarchy (v2: with its controllers on) or opens it where it is; sets h->dir. */
struct err *cgroups_make(struct cgroups_hierarchy *h, const char *path) __attribute__((warn_unused_result));
/* Sets dir of each hierarchy that has path; NULL: of none. */
void cgroups_lookup(struct cgroups *c, const char *path);
/* What resources_plan() has to know: c with the limits that are in force where its directories are open. */
struct resources_host cgroups_host(struct cgroups *c);
/* text, as cgroup.controllers has it, holds the name. */
bool cgroups_lists(const char *text, const char *name);
/* Out of /proc/PID/cgroup, which is cut up: the path below the root of cgroup2; NULL where there is none. */
const char *cgroups_path_of(char *text);
/* The first number of a file; "max" is -1. */
struct err *cgroups_number(int dir, const char *file, int64_t *ret) __attribute__((warn_unused_result));
/* The limits, into directories that were made. What fails names the file. */
struct err *cgroups_limit(struct cgroups *c, const struct resource_writes *w)
    __attribute__((warn_unused_result));
/* in_force: processes live by the rules that are there. They go over to the new ones without a gap. */
struct err *cgroups_devices(struct cgroups *c, struct arena *a, const struct device_table *t, bool in_force)
    __attribute__((warn_unused_result));
/* The `tasks` files of the v1 hierarchies, open for writing, in the directories that are open, or where they
 * are not in path (may be NULL); and their use by the process that moves. */
struct err *cgroups_tasks(struct cgroups *c, const char *path, int fds[CGROUPS_MAX], int *ret_n)
    __attribute__((warn_unused_result));
struct err *cgroups_enter(const int *fds, int n) __attribute__((warn_unused_result));

/* SIGKILL to all below path, until it is empty. */
struct err *cgroups_kill(struct cgroups *c, const char *path) __attribute__((warn_unused_result));
/* The processes directly or deeper in path, through the hierarchy that is sure to hold them. */
struct err *cgroups_pids(struct cgroups *c, struct arena *a, pid_t **ret, size_t *ret_n)
    __attribute__((warn_unused_result));
/* rmdir in all hierarchies; waits for the kernel to let go of dead processes, at most two seconds. */
struct err *cgroups_remove(struct cgroups *c, const char *path) __attribute__((warn_unused_result));
struct err *cgroups_freeze(struct cgroups *c, bool frozen) __attribute__((warn_unused_result));
bool cgroups_is_frozen(struct cgroups *c);
/* The same of path, without looking at every hierarchy if that can be. */
bool cgroups_is_frozen_at(const char *path);
/* Whether path is there before it was made, and frozen, where hosts have the freezer: who enters would not come
 * back. */
bool cgroups_was_frozen(const char *path);

#endif
