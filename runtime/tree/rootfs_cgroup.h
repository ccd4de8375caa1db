/* A mount of type "cgroup" or "cgroup2": the container's own cgroups and nothing above. */
#ifndef WHERRY_RUNTIME_ROOTFS_CGROUP_H
#define WHERRY_RUNTIME_ROOTFS_CGROUP_H

#include "runtime/cgroup/cgroups.h"
#include "runtime/tree/mounts.h"

struct err *rootfs_cgroup(int root, const struct mount_plan *m, struct cgroups *host, const char *cgroup)
    __attribute__((warn_unused_result));

#endif
