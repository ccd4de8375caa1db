/* The hierarchies of this host: internal to lib/cgroup*.c. */
#ifndef WHERRY_CGROUP_HOST_H
#define WHERRY_CGROUP_HOST_H

#include "lib/cgroup.h"
#include <stddef.h>

enum { CGROUP_HIERARCHIES = 32, CGROUP_DEPTH = 128, CGROUP_FILE_MAX = 1 << 20 };

struct cgroup_hierarchy {
    int fd;            /* its mount point */
    bool unified;      /* cgroup2 */
    char *controllers; /* "cpu,cpuacct", "name=systemd"; of cgroup2: what its root offers, "cpu,memory" */
    char *root;        /* what of the hierarchy is mounted: "/" but in some containers */
};

struct cgroup_host {
    enum cgroup_mode mode;
    size_t n;
    struct cgroup_hierarchy list[CGROUP_HIERARCHIES];
};

/* The hierarchy that has the controller, NULL where none does. "cgroup2": the unified one. */
const struct cgroup_hierarchy *cgroup_find(const struct cgroup_host *h, const char *controller);
bool cgroup_has(const struct cgroup_hierarchy *g, const char *controller);
/* The path below a hierarchy's descriptor ("/a/b" -> "a/b"); ERR_INVALID with "..", "." or nothing in it. */
struct err *cgroup_relative(const char *path, const char **ret) __attribute__((warn_unused_result));

/* The hierarchy that tells best which processes are in path: the unified one where path is there. */
const struct cgroup_hierarchy *cgroup_tracker(const struct cgroup_host *h, const char *relative);
/* Waits until nothing is in relative or below it, or until `until` (of clock_mono_ms()): whether it is so. */
bool cgroup_wait_empty(const struct cgroup_hierarchy *g, const char *relative, int64_t until);
struct err *cgroup_list_pids(const struct cgroup_hierarchy *g, const char *relative, pid_t **ret,
    size_t *ret_n) __attribute__((warn_unused_result));

#endif
