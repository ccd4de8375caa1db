/*
 * The container's file system tree, made by init in its own mount namespace, by descriptor: every path of
 * config.json that lies inside the rootfs is resolved once, with openat2(RESOLVE_IN_ROOT | NO_MAGICLINKS),
 * and what is then mounted is mounted on that descriptor. Nothing inside the rootfs is ever named by a path
 * of ours again, so a link that is swapped in meanwhile moves nothing.
 */
#ifndef WHERRY_RUNTIME_ROOTFS_H
#define WHERRY_RUNTIME_ROOTFS_H

#include "runtime/tree/mounts.h"

/* A detached copy of the tree at path (recursive: with all mounts below): open_tree(2). */
struct err *rootfs_tree(const char *path, bool recursive, int *ret_fd) __attribute__((warn_unused_result));
/* Opens the sources of bind mounts before our mount namespace is copied: all of them for a container with a
 * user namespace (while we still may), else those that name another process's descriptor (/proc/PID/fd/N, a
 * caller's way to hand over what it has resolved itself), whose mount is in our namespace and not in the
 * copy, and those whose ids are mapped, which is the host's right. userns: what the container joins, -1. */
struct err *rootfs_open_sources(struct mount_list *l, bool all, int userns)
    __attribute__((warn_unused_result));

/* The namespace's mounts stop telling the host's of theirs (propagation: of the rootfs, 0: rslave). */
struct err *rootfs_detach_propagation(uint64_t propagation) __attribute__((warn_unused_result));
/* Attaches the tree where pivot_root can find it: at its own path, where hooks look for what has been mounted
 * in it, and mounts for sources that earlier mounts made. Where that is out of reach (a user namespace whose
 * root may not go there), or NULL: on "/", which needs no path at all. */
struct err *rootfs_attach(int tree, const char *path) __attribute__((warn_unused_result));
/* One of mounts[]; host and cgroup: the hierarchies and the container's place in them, for a mount of type
 * cgroup. */
struct cgroups;
struct err *rootfs_mount(int root, struct mount_plan *m, struct cgroups *host, const char *cgroup)
    __attribute__((warn_unused_result));
struct err *rootfs_mask(int root, const struct str_list *paths) __attribute__((warn_unused_result));
struct err *rootfs_readonly_paths(int root, const struct str_list *paths) __attribute__((warn_unused_result));
struct err *rootfs_readonly(int root) __attribute__((warn_unused_result));
/* fd, a file or folder anywhere, on top of what `path` is in the rootfs (made if absent). */
struct err *rootfs_move(int root, int tree, const char *path, bool is_dir)
    __attribute__((warn_unused_result));
/* "/" becomes the tree, and the old one is gone. no_pivot: by chroot. shared: mounts of
 * this namespace may propagate to the host's. */
struct err *rootfs_pivot(int root, bool no_pivot, bool shared) __attribute__((warn_unused_result));

/* mount_setattr(2) and friends: glibc's headers lack what we use. */
struct err *rootfs_setattr(int fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive)
    __attribute__((warn_unused_result));

#endif
