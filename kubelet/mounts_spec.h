/*
 * The mounts of a container: the kernel's file systems, the Pod's files in /etc, its volumes with subPath,
 * the termination log. subPaths are resolved here, inside their volume by openat2(2), and handed on as
 * descriptors.
 */
#ifndef WHERRY_KUBELET_MOUNTS_SPEC_H
#define WHERRY_KUBELET_MOUNTS_SPEC_H

#include "kubelet/worker.h"
#include "lib/api/oci.h"

struct mounts_spec_in {
    struct instance *instance;
    const struct str_map *vars; /* for subPathExpr */
    bool privileged;
    struct arena *arena;
    int *fds; /* room for CONTAINER_SPEC_FDS */
    size_t *n_fds;
};
struct mounts_spec_out {
    struct oci_mount *v;
    size_t n;
    const char *rootfs_propagation;
};
struct err *mounts_spec_build(const struct mounts_spec_in *in, struct mounts_spec_out *out, bool *ret_create)
    __attribute__((warn_unused_result));

#endif
