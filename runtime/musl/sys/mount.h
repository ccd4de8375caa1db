/* The calls of the mount API, which glibc has here and musl has not. */
#ifndef WHERRY_RUNTIME_MUSL_SYS_MOUNT_H
#define WHERRY_RUNTIME_MUSL_SYS_MOUNT_H

#include_next <sys/mount.h>

#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int open_tree(int dirfd, const char *path, unsigned flags)
{
    return (int)syscall(SYS_open_tree, dirfd, path, flags);
}

static inline int move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags)
{
    return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}

static inline int fsopen(const char *type, unsigned flags)
{
    return (int)syscall(SYS_fsopen, type, flags);
}

static inline int fspick(int dirfd, const char *path, unsigned flags)
{
    return (int)syscall(SYS_fspick, dirfd, path, flags);
}

static inline int fsconfig(int fs, unsigned cmd, const char *key, const void *value, int aux)
{
    return (int)syscall(SYS_fsconfig, fs, cmd, key, value, aux);
}

static inline int fsmount(int fs, unsigned flags, unsigned attributes)
{
    return (int)syscall(SYS_fsmount, fs, flags, attributes);
}

static inline int mount_setattr(
    int dirfd, const char *path, unsigned flags, struct mount_attr *a, size_t size)
{
    return (int)syscall(SYS_mount_setattr, dirfd, path, flags, a, size);
}

#endif
