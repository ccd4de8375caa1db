/* What rootfs.c, rootfs_mount.c, rootfs_proc.c and rootfs_source.c share. */
#ifndef WHERRY_RUNTIME_ROOTFS_INTERNAL_H
#define WHERRY_RUNTIME_ROOTFS_INTERNAL_H

#include "runtime/tree/rootfs.h"

/* A detached copy of the mount at path; flags of open_tree(2). */
struct err *rootfs_tree_of(int dirfd, const char *path, unsigned flags, int *ret_fd)
    __attribute__((warn_unused_result));
/* What a bind mount shows, where nobody opened it before. */
struct err *rootfs_open_source(struct mount_plan *m) __attribute__((warn_unused_result));
/* What is at path: an O_PATH descriptor. nofollow: of a link itself. */
struct err *rootfs_open_target(int root, const char *path, bool nofollow, int *ret_fd)
    __attribute__((warn_unused_result));
/* The same, made where it is absent: a folder or an empty file. */
struct err *rootfs_target(int root, const char *path, bool is_dir, bool nofollow, int *ret_fd)
    __attribute__((warn_unused_result));
/* The folder in which path's last part is, made where it is absent; *ret_name points into path. */
struct err *rootfs_parent(int root, const char *path, int *ret_fd, const char **ret_name)
    __attribute__((warn_unused_result));
/* tree on top of what `to` is. */
struct err *rootfs_put(int tree, int to, bool is_dir) __attribute__((warn_unused_result));
/* As rootfs_target() of a folder, which may neither be a link nor behind one: for procfs and sysfs. */
struct err *rootfs_plain_target(int root, const char *path, int *ret_fd) __attribute__((warn_unused_result));
/* What is mounted at path now is tree. */
struct err *rootfs_is_in_place(int root, const char *path, int tree) __attribute__((warn_unused_result));
/* tree (-1: of another kind than procfs) may be mounted at `to`, which is what destination led to: see
 * rootfs_proc.c. */
struct err *rootfs_check_proc(int root, const char *destination, int tree, int to)
    __attribute__((warn_unused_result));
/* A new file system, not mounted anywhere; MOUNT_ATTR_RDONLY is left to the caller, who may have to fill it.
 */
struct err *rootfs_new_fs(const struct mount_plan *m, int *ret_fd) __attribute__((warn_unused_result));
/* Everything below the folder `from` into the folder `to`, and its owner: rootfs_copyup.c. */
struct err *rootfs_copy_up(int from, int to, bool owner) __attribute__((warn_unused_result));

#endif
